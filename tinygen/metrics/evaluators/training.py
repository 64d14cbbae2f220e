"""The training of the evaluation networks, with recipes that are always the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...autograd.tensor import Tensor
from ...backend import default_rng, to_device
from ...data import Loader, to_float
from ...losses import bernoulli_nll, cross_entropy, squared_error
from ...nn import Module, init
from ...optim import Adam, LRSchedule, cosine_decay
from .networks import (
    AttributeClassifier,
    DigitClassifier,
    SegmentationEvaluator,
    StateRegressor,
)

__all__ = [
    "train_attribute_classifier",
    "train_digit_classifier",
    "train_segmentation_evaluator",
    "train_state_regressor",
]


def train_digit_classifier(
    images: np.ndarray, labels: np.ndarray, *, steps: int = 500, device: str = "cpu"
) -> DigitClassifier:
    """Train a classifier of digits: cross-entropy, Adam, 500 batches of 128, seed 0.

    It takes about 10 seconds on one core.

    Parameters
    ----------
    images : the training split, uint8 (n, 1, 28, 28), n at least 128.
    labels : integers (n,) from 0 to 9.
    steps : number of batches. Use fewer only to try whether a program runs.
    device : where to train.
    """
    are_digits = images.ndim == 4 and images.shape[1:] == (1, 28, 28)
    if not are_digits or labels.shape != images.shape[:1]:
        raise ValueError(
            "train_digit_classifier: needs images (n, 1, 28, 28) and labels (n,), got "
            f"{images.shape} and {labels.shape}"
        )
    model = DigitClassifier(rng=default_rng(0, device))
    batches = Loader(images, labels, batch_size=128, transform=to_float).forever()

    def compute_loss(step):
        x, labels = next(batches)
        logits = model(to_device(x, device))  # (128, 10)
        return cross_entropy(logits, labels)

    return _fit(model, compute_loss, steps, lr=3e-3)


def train_attribute_classifier(
    images: np.ndarray,
    attributes: np.ndarray,
    *,
    steps: int = 1000,
    kaiming_init: bool = False,
    device: str = "cpu",
) -> AttributeClassifier:
    """Train a classifier of faces: a Bernoulli likelihood for each attribute.

    The recipe is Adam, 1000 batches of 128, every other one mirrored, seed 0. It takes about 40
    seconds on one core. Trained on 16,000 upright faces it classifies at least 98 % of unseen ones
    correctly, for each of glasses, beard, hat, age and smile.

    Parameters
    ----------
    images : the training split, uint8 (n, 3, 32, 32), n at least 128.
    attributes : (n, a), true or false. Each must occur, and must be absent somewhere.
    steps : number of batches. Use fewer only to try whether a program runs.
    kaiming_init : begin with weights that keep the size of the signal (`init.kaiming_normal_`).
        Use it for attributes that few images have, such as a red hat, and for few steps, such as
        300. With the layers' default weights, the predictions remain those of the most frequent
        value for hundreds of steps.
    device : where to train.
    """
    _check_faces("train_attribute_classifier", images, "attributes", attributes)
    if not ((attributes == 0) | (attributes == 1)).all():
        raise ValueError(
            "train_attribute_classifier: attributes are true or false, or 1 and 0; of 1 and -1 "
            "make attributes > 0"
        )
    is_constant = (attributes == attributes[:1]).all(axis=0)
    if is_constant.any():
        raise ValueError(
            f"train_attribute_classifier: attribute {is_constant.argmax()} is the same in all "
            f"{len(images)} images; it cannot be learned from these"
        )
    rng = default_rng(0, device)
    model = AttributeClassifier(attributes.shape[1], rng=rng)
    if kaiming_init:
        init.kaiming_normal_(model, rng)
    targets = attributes.astype(np.float32)
    batches = Loader(images, targets, batch_size=128, transform=to_float).forever()

    def compute_loss(step):
        x, y = next(batches)
        x = x[..., ::-1] if step % 2 else x  # the attributes are the same for the mirror image
        logits = model(to_device(x, device))  # (128, a)
        return bernoulli_nll(logits, to_device(y, device)).mean()

    return _fit(model, compute_loss, steps, lr=3e-3)


def train_state_regressor(
    images: np.ndarray, values: np.ndarray, *, steps: int = 1200, device: str = "cpu"
) -> StateRegressor:
    """Train a regression on faces: squared error, Adam, 1200 batches of 64, seed 0.

    It takes about 12 seconds on one core. No image is mirrored, because a value may depend on left
    and right.

    The weights of the last layer begin at 0. The first predictions are wrong by nearly the same
    amount for all images. Weights of N(0, 2 / 64) would pass this error on to the hidden layer, and
    many of its units would become negative for every image. A ReLU has no gradient there, so they
    would remain so, and too few units would be left for values that change few pixels, such as the
    gaze. Now the biases of the last layer learn the mean first.

    Parameters
    ----------
    images : the training split, (n, 3, 32, 32), bytes or floats from 0 to 1, n at least 64.
    values : (n, a), the targets, each from 0 to 1.
    steps : number of batches. Use fewer only to try whether a program runs.
    device : where to train.
    """
    _check_faces("train_state_regressor", images, "values", values)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            "train_state_regressor: values are from 0 to 1; these go from "
            f"{values.min():g} to {values.max():g}: scale them"
        )
    rng = default_rng(0, device)
    model = StateRegressor(values.shape[1], rng=rng)
    # With the layers' default weights, it predicts the mean for hundreds of steps.
    init.kaiming_normal_(model, rng)
    model.layers[-1].weight.fill(0)  # the docstring says why
    targets = values.astype(np.float32)
    batches = Loader(images, targets, batch_size=64, transform=to_float).forever()

    def compute_loss(step):
        x, y = next(batches)
        predictions = model(to_device(x, device))  # (64, a)
        return squared_error(predictions, to_device(y, device)).mean()

    return _fit(model, compute_loss, steps, lr=2e-3)


def train_segmentation_evaluator(
    images: np.ndarray, maps: np.ndarray, *, steps: int = 1500, device: str = "cpu"
) -> SegmentationEvaluator:
    """Train a classifier of pixels: cross-entropy, Adam, batches of 16, seed 0.

    Every other batch is mirrored. On 400 facades of 64 pixels 1500 steps take about four minutes on
    one core.

    Parameters
    ----------
    images : the training split, uint8 (n, 3, size, size).
    maps : the class of each pixel, integers (n, size, size) from 0.
    steps : number of batches. Use fewer only to try whether a program runs.
    device : where to train.
    """
    _check_segmentations(images, maps)
    num_classes = int(maps.max()) + 1
    model = SegmentationEvaluator(num_classes, images.shape[-1], rng=default_rng(0, device))
    batch_size = min(16, len(images))
    batches = Loader(images, maps, batch_size=batch_size, transform=to_float).forever()

    def compute_loss(step):
        x, labels = next(batches)
        if step % 2:
            x, labels = x[..., ::-1], labels[..., ::-1]
        logits = model(to_device(x, device))  # (16, classes, size, size)
        return cross_entropy(logits, labels)

    return _fit(model, compute_loss, steps, lr=2e-3)


def _fit(model: Module, compute_loss: Callable[[int], Tensor], steps: int, lr: float) -> Module:
    """Train a model by Adam, with a learning rate that falls from lr to 0 along a cosine.

    `compute_loss(step)` draws a batch and returns its loss. The model is returned in evaluation.
    """
    optimizer = Adam(model.parameters(), lr=lr)
    schedule = LRSchedule(optimizer, cosine_decay, steps=steps)
    for step in range(steps):
        schedule.set(step)
        loss = compute_loss(step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def _check_faces(name: str, images: np.ndarray, target_name: str, targets: np.ndarray) -> None:
    are_faces = images.ndim == 4 and images.shape[1:] == (3, 32, 32)
    if not are_faces or targets.ndim != 2 or len(targets) != len(images):
        raise ValueError(
            f"{name}: needs images (n, 3, 32, 32) and {target_name} (n, a), got {images.shape} "
            f"and {targets.shape}"
        )


def _check_segmentations(images: np.ndarray, maps: np.ndarray) -> None:
    name = "train_segmentation_evaluator"
    size = images.shape[-1]
    are_images = images.ndim == 4 and images.shape[1:] == (3, size, size)
    are_maps = maps.shape == (len(images), size, size) and maps.dtype.kind in "iu"
    if not are_images or not are_maps:
        raise ValueError(
            f"{name}: needs images (n, 3, size, size) and integers (n, size, size), got "
            f"{images.shape} and {maps.dtype} {maps.shape}"
        )
    if not len(maps):
        raise ValueError(f"{name}: needs maps, of classes from 0 on; got 0")
    if maps.min() < 0:
        raise ValueError(
            f"{name}: needs maps, of classes from 0 on; got {len(maps)}, with a class {maps.min()}"
        )
