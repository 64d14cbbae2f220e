"""Small classifiers, trained always alike: judges of what generative models draw.

Architecture, recipe, number of steps and seed are fixed here, and a judge sees the training split alone, so that two models judged by it are judged by
the same one. **What it can say**: which digit, and how sure it is, the largest of its ten probabilities; or which of a face's attributes it sees;
or what each pixel of a photograph belongs to.
**What it cannot**: a classifier divides all of space among its classes, nonsense included, so confidence is no proof of a digit; put beside each
figure the same figure for real pictures, and look at them.

The numbers of its hidden layer, 64 of a judge of digits or faces, are *features*: what of a picture mattered to tell classes apart.
`metrics.evaluate_samples` compares clouds of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..autograd.tensor import no_grad
from ..backend import RNG, default_rng, to_device
from ..data import Loader
from ..losses import bernoulli_nll, squared_error
from ..models.pix2pix import UNet
from ..nn import Conv2d, Flatten, Linear, Module, ReLU, Sequential, init
from ..ops import log_softmax, one_hot, softmax
from ..optim import Adam, cosine_decay

__all__ = [
    "AttributeClassifier", "DigitClassifier", "SegmentationEvaluator", "StateRegressor", "train_attribute_classifier", "train_digit_classifier", "train_segmentation_evaluator", "train_state_regressor",
]  # fmt: skip


class _Judge(Module):
    """Layers of which the last is linear and what it reads are the features. `shape`: of one picture."""

    shape: tuple[int, int, int]

    def forward(self, x):
        return self.layers(x)

    def extract_features(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, *shape), bytes or floats from 0 to 1, to the numbers of the hidden layer, NumPy (n, 64), none below 0."""

        def hidden(x):
            for layer in self.layers[:-1]:
                x = layer(x)
            return x

        return _in_parts(hidden, _floats(images), device)


class DigitClassifier(_Judge):
    """Two convolutions that halve the picture, one hidden layer: x (N, 1, 28, 28), from 0 to 1, to ten logits (N, 10)."""

    shape = (1, 28, 28)

    def __init__(self, *, rng: RNG):
        self.layers = Sequential(
            Conv2d(1, 16, 4, 2, 1, rng=rng), ReLU(), Conv2d(16, 32, 4, 2, 1, rng=rng), ReLU(), Flatten(),
            Linear(32 * 7 * 7, 64, rng=rng), ReLU(), Linear(64, 10, rng=rng),
        )  # fmt: skip

    def predict_proba(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 1, 28, 28), bytes or floats from 0 to 1, to the probability of each class, NumPy (n, 10)."""
        return _in_parts(lambda x: softmax(self(x), axis=1), _floats(images), device)


def train_digit_classifier(images: np.ndarray, labels: np.ndarray, *, steps: int = 500, device: str = "cpu") -> DigitClassifier:
    """The judge: cross-entropy, Adam, 500 batches of 128, seed 0. About 10 seconds of one core.

    Parameters
    ----------
    images, labels : the training split, uint8 (n, 1, 28, 28) and integers (n,) from 0 to 9, at least 128 of them.
    steps : fewer only to try out whether a program runs.
    """
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(f"train_digit_classifier: needs images (n, 1, 28, 28) and labels (n,), got {images.shape} and {labels.shape}")
    model = DigitClassifier(rng=default_rng(0, device))
    loader = Loader(images, labels, batch_size=128, seed=0)

    def loss(step):
        x, y = next(loader)
        right = to_device(one_hot(y, 10), device)
        return -(log_softmax(model(to_device(_floats(x), device)), axis=1) * right).sum() / len(y)

    return _fit(model, loss, steps, lr=3e-3)


class AttributeClassifier(_Judge):
    """Three convolutions that halve the picture, one hidden layer: faces x (N, 3, 32, 32), from 0 to 1, to a logit for each attribute, (N, attributes)."""

    shape = (3, 32, 32)

    def __init__(self, attributes: int, *, rng: RNG):
        self.layers = Sequential(
            Conv2d(3, 16, 4, 2, 1, rng=rng), ReLU(), Conv2d(16, 32, 4, 2, 1, rng=rng), ReLU(),
            Conv2d(32, 64, 4, 2, 1, rng=rng), ReLU(), Flatten(),
            Linear(64 * 4 * 4, 64, rng=rng), ReLU(), Linear(64, attributes, rng=rng),
        )  # fmt: skip

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 3, 32, 32), bytes or floats from 0 to 1, to which attributes each shows: NumPy bool (n, attributes)."""
        return _in_parts(lambda x: self(x) > 0, _floats(images), device)


def train_attribute_classifier(
    images: np.ndarray, attributes: np.ndarray, *, steps: int = 1000, kaiming_init: bool = False, device: str = "cpu"
) -> AttributeClassifier:  # fmt: skip
    """The judge of faces: a coin for each attribute, Adam, 1000 batches of 128, every other one mirrored, seed 0. About 40 seconds of one core.

    On 16,000 upright faces it learns glasses, beard, hat, age and smile well enough to read 98 % or more of each on unseen ones.

    Parameters
    ----------
    images : the training split, uint8 (n, 3, 32, 32), at least 128 of them.
    attributes : (n, a), true or false; each must occur and be missing.
    steps : fewer only to try out whether a program runs.
    rare : attributes that few images have, a red hat, are to be learned too, and in 300 steps: the first weights then keep the signal's size
        (`nn.init.kaiming_normal_`), for with the layers' own small ones the judge says what is most frequent for hundreds of steps.
    """
    if images.ndim != 4 or images.shape[1:] != (3, 32, 32) or attributes.ndim != 2 or len(attributes) != len(images):
        raise ValueError(f"train_attribute_classifier: needs images (n, 3, 32, 32) and attributes (n, a), got {images.shape} and {attributes.shape}")
    if not ((attributes == 0) | (attributes == 1)).all():
        raise ValueError("train_attribute_classifier: attributes are true or false, or 1 and 0; of 1 and -1 make attributes > 0")
    same = (attributes == attributes[:1]).all(axis=0)
    if same.any():
        raise ValueError(f"train_attribute_classifier: attribute {same.argmax()} is the same in all {len(images)} images; it cannot be learned from these")
    rng = default_rng(0, device)
    model = AttributeClassifier(attributes.shape[1], rng=rng)
    if kaiming_init:
        init.kaiming_normal_(model, rng)
    loader = Loader(images, attributes.astype(np.float32), batch_size=128, seed=0)

    def loss(step):
        x, y = next(loader)
        x = x[..., ::-1] if step % 2 else x  # no attribute knows left from right
        return bernoulli_nll(model(to_device(_floats(x), device)), to_device(y, device)).mean()

    return _fit(model, loss, steps, lr=3e-3)


class SegmentationEvaluator(_Judge):
    """A U-Net that reads photographs, (N, 3, size, size) from 0 to 1, as maps: for each pixel a logit of each of `classes` kinds of thing.

    It judges pictures that were made from a map (pix2pix.py): does it read in them what the map says? Isola et al., 2017, call that the FCN score (section 4.1).
    Its features are the channels at each of the 16 places of the smallest level: 16 rows a picture.
    """

    def __init__(self, classes: int, size: int, *, rng: RNG):
        self.shape = (3, size, size)
        self.net = UNet(3, classes, size, 16, rng=rng)
        self.net.output = self.net.output[0]  # logits are no colours: without tanh

    def forward(self, x):
        return self.net(2 * x - 1)

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 3, size, size), bytes or floats from 0 to 1, to the best class of each pixel: NumPy int64 (n, size, size)."""
        return _in_parts(self, _floats(images), device).argmax(axis=1)

    def extract_features(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 3, size, size), bytes or floats from 0 to 1, to the channels at each place of the smallest level, NumPy (16 n, channels)."""

        def smallest(x):
            x = 2 * x - 1
            for down in self.net.down_blocks:
                x = down(x)
            return x.transpose(0, 2, 3, 1).reshape((16 * len(x), x.shape[1]))

        return _in_parts(smallest, _floats(images), device)


def train_segmentation_evaluator(images: np.ndarray, maps: np.ndarray, *, steps: int = 1500, device: str = "cpu") -> SegmentationEvaluator:
    """The judge of photographs with maps: cross-entropy in each pixel, Adam, batches of 16, every other one mirrored, seed 0.

    On 400 facades of 64 pixels 1500 steps take about four minutes of one core.

    Parameters
    ----------
    images, maps : the training split, uint8 (n, 3, size, size) and integers (n, size, size) from 0, each pixel's class.
    steps : fewer only to try out whether a program runs.
    """
    size = images.shape[-1]
    if images.ndim != 4 or images.shape[1:] != (3, size, size) or maps.shape != (len(images), size, size) or maps.dtype.kind not in "iu":
        raise ValueError(f"train_segmentation_evaluator: needs images (n, 3, size, size) and integers (n, size, size), got {images.shape} and {maps.dtype} {maps.shape}")
    if not len(maps) or maps.min() < 0:
        raise ValueError(f"train_segmentation_evaluator: needs maps, of classes from 0 on; got {len(maps)}" + (f", with a class {maps.min()}" if len(maps) else ""))
    classes = int(maps.max()) + 1
    model = SegmentationEvaluator(classes, size, rng=default_rng(0, device))
    loader = Loader(images, maps, batch_size=min(16, len(images)), seed=0)

    def loss(step):
        x, labels = next(loader)
        x, labels = (x[..., ::-1], labels[..., ::-1]) if step % 2 else (x, labels)
        right = to_device(one_hot(labels, classes).transpose(0, 3, 1, 2), device)
        return -(log_softmax(model(to_device(_floats(x), device)), axis=1) * right).sum() / labels.size

    return _fit(model, loss, steps, lr=2e-3)


class StateRegressor(AttributeClassifier):
    """The same layers with numbers for outputs: how far the head is turned, not whether it is."""

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 3, 32, 32), bytes or floats from 0 to 1, to the numbers that each shows: NumPy (n, numbers)."""
        return _in_parts(self, _floats(images), device)


def train_state_regressor(images: np.ndarray, numbers: np.ndarray, *, steps: int = 1200, device: str = "cpu") -> StateRegressor:
    """The reader of faces: squared error, Adam, 1200 batches of 64, seed 0. About 30 seconds of one core. Nothing is mirrored: it knows left from right.

    Parameters
    ----------
    images : the training split, (n, 3, 32, 32), bytes or floats from 0 to 1, at least 64 of them.
    numbers : (n, a), what to read, each from 0 to 1.
    steps : fewer only to try out whether a program runs.
    """
    if images.ndim != 4 or images.shape[1:] != (3, 32, 32) or numbers.ndim != 2 or len(numbers) != len(images):
        raise ValueError(f"train_state_regressor: needs images (n, 3, 32, 32) and numbers (n, a), got {images.shape} and {numbers.shape}")
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"train_state_regressor: numbers are from 0 to 1; these go from {numbers.min():g} to {numbers.max():g}: scale them")
    rng = default_rng(0, device)
    model = StateRegressor(numbers.shape[1], rng=rng)
    init.kaiming_normal_(model, rng)  # with the layers' own small weights it says the mean for hundreds of steps
    loader = Loader(images, numbers.astype(np.float32), batch_size=64, seed=0)

    def loss(step):
        x, y = next(loader)
        return squared_error(model(to_device(_floats(x), device)), to_device(y, device)).mean()

    return _fit(model, loss, steps, lr=3e-3)


def _fit(model: Module, loss: Callable, steps: int, lr: float):
    """The model after so many steps of Adam, at a rate that falls from lr to 0, down `loss(step)`, which draws a batch; ready to judge."""
    optimizer = Adam(model.parameters(), lr=lr)
    for step in range(steps):
        value = loss(step)
        optimizer.zero_grad()
        value.backward()
        optimizer.lr = lr * cosine_decay(step, steps=steps)
        optimizer.step()
    return model.eval()


def _in_parts(f, images: np.ndarray, device: str) -> np.ndarray:
    """f of 500 images at a time, without a graph, as one NumPy array."""
    with no_grad():
        return np.concatenate([f(to_device(images[i : i + 500], device)).numpy() for i in range(0, max(len(images), 1), 500)])


def _floats(images: np.ndarray) -> np.ndarray:
    if images.dtype == np.uint8:
        return images / np.float32(255)
    if images.dtype.kind != "f":
        raise TypeError(f"the judges look at bytes (uint8), or at floats from 0 to 1, not at {images.dtype}")
    return images.astype(np.float32, copy=False)
