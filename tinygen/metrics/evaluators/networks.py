"""The four evaluation networks.

All methods take images (n, *image_shape), bytes or floats from 0 to 1, and return NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...autograd.tensor import no_grad
from ...backend import RNG, to_device
from ...data import to_float
from ...models.pix2pix import UNet
from ...nn import Conv2d, Flatten, Linear, Module, ReLU, Sequential
from ...ops import softmax

__all__ = [
    "AttributeClassifier",
    "DigitClassifier",
    "Evaluator",
    "SegmentationEvaluator",
    "StateRegressor",
]

BATCH_SIZE = 500  # images that are evaluated at a time


class Evaluator(Module):
    """What the evaluators share: layers, the last of which is linear. Its input is the features.

    Attributes
    ----------
    image_shape : (channels, height, width) of an image.
    layers : the network.
    """

    image_shape: tuple[int, int, int]
    layers: Sequential

    def forward(self, x):
        """Return the logits (or values) of images x (N, *image_shape), floats from 0 to 1."""
        return self.layers[-1](self._compute_features(x))

    def extract_features(self, images, device: str = "cpu") -> np.ndarray:
        """Return the outputs of the hidden layer, (n, 64), none of them negative.

        Parameters
        ----------
        images : (n, *image_shape), bytes or floats from 0 to 1.
        device : where the evaluator lies.
        """
        return _evaluate_in_batches(self._compute_features, images, device)

    def _compute_features(self, x):
        for layer in self.layers[:-1]:
            x = layer(x)
        return x


class DigitClassifier(Evaluator):
    """Two convolutions with stride 2, then a hidden layer: (N, 1, 28, 28) to (N, 10).

    Parameters
    ----------
    rng : source of the initial weights.
    """

    image_shape = (1, 28, 28)

    def __init__(self, *, rng: RNG):
        self.layers = Sequential(
            Conv2d(1, 16, 4, 2, 1, rng=rng),  # (N, 16, 14, 14)
            ReLU(),
            Conv2d(16, 32, 4, 2, 1, rng=rng),  # (N, 32, 7, 7)
            ReLU(),
            Flatten(),
            Linear(32 * 7 * 7, 64, rng=rng),  # (N, 64), the features
            ReLU(),
            Linear(64, 10, rng=rng),  # (N, 10), the logits
        )

    def predict_proba(self, images, device: str = "cpu") -> np.ndarray:
        """Return the probability of each class for images (n, 1, 28, 28): (n, 10)."""
        return _evaluate_in_batches(lambda x: softmax(self(x), axis=1), images, device)


class _FaceEvaluator(Evaluator):
    """Three convolutions with stride 2, then a hidden layer, for faces of 32 pixels."""

    image_shape = (3, 32, 32)

    def __init__(self, num_outputs: int, *, rng: RNG):
        self.layers = Sequential(
            Conv2d(3, 16, 4, 2, 1, rng=rng),  # (N, 16, 16, 16)
            ReLU(),
            Conv2d(16, 32, 4, 2, 1, rng=rng),  # (N, 32, 8, 8)
            ReLU(),
            Conv2d(32, 64, 4, 2, 1, rng=rng),  # (N, 64, 4, 4)
            ReLU(),
            Flatten(),
            Linear(64 * 4 * 4, 64, rng=rng),  # (N, 64), the features
            ReLU(),
            Linear(64, num_outputs, rng=rng),  # (N, num_outputs)
        )


class AttributeClassifier(_FaceEvaluator):
    """A classifier of faces: (N, 3, 32, 32) to a logit for each attribute, (N, num_attributes).

    Parameters
    ----------
    num_outputs : number of attributes.
    rng : source of the initial weights.
    """

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Return which attributes each image (n, 3, 32, 32) has: bool (n, num_attributes)."""
        return _evaluate_in_batches(lambda x: self(x) > 0, images, device)


class StateRegressor(_FaceEvaluator):
    """A regression on faces: how far the head is turned, not whether it is.

    Its layers see colours from -1 to 1. If all inputs of a unit are positive, as colours from 0 to
    1 are, the sum of its weights alone can make it negative for every image. A ReLU learns nothing
    there.

    Parameters
    ----------
    num_outputs : number of values to predict.
    rng : source of the initial weights.
    """

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Return the values for each image (n, 3, 32, 32): (n, num_outputs)."""
        return _evaluate_in_batches(self, images, device)

    def _compute_features(self, x):
        return super()._compute_features(2 * x - 1)


class SegmentationEvaluator(Evaluator):
    """A U-Net that predicts the class of each pixel of a photograph.

    It evaluates images that were generated from a segmentation (pix2pix.py): are the predicted
    classes those of the segmentation? Isola et al., 2017, section 4.1, call this the FCN score.

    **Shapes** (N, 3, size, size), floats from 0 to 1, to logits (N, num_classes, size, size).

    Parameters
    ----------
    num_classes : number of classes of pixels.
    size : height and width of the images.
    rng : source of the initial weights.
    """

    def __init__(self, num_classes: int, size: int, *, rng: RNG):
        self.image_shape = (3, size, size)
        self.net = UNet(3, num_classes, size, 16, rng=rng)
        self.net.output = self.net.output[0]  # logits have no range: without tanh

    def forward(self, x):
        """Return the logits of images x (N, 3, size, size), floats from 0 to 1."""
        return self.net(2 * x - 1)

    def predict(self, images, device: str = "cpu") -> np.ndarray:
        """Return the most probable class of each pixel: int64 (n, size, size)."""
        return _evaluate_in_batches(self, images, device).argmax(axis=1)

    def extract_features(self, images, device: str = "cpu") -> np.ndarray:
        """Return the channels at each of the 16 positions of the U-Net's lowest level.

        Parameters
        ----------
        images : (n, 3, size, size), bytes or floats from 0 to 1.
        device : where the evaluator lies.

        Returns
        -------
        features : (16 n, channels), the 16 positions of an image one after the other.
        """

        def compute_features(x):
            x = 2 * x - 1
            for down_block in self.net.down_blocks:
                x = down_block(x)  # at last (N, channels, 4, 4)
            return x.transpose(0, 2, 3, 1).reshape((16 * len(x), x.shape[1]))

        return _evaluate_in_batches(compute_features, images, device)


def _evaluate_in_batches(f: Callable, images: np.ndarray, device: str) -> np.ndarray:
    """Return f(images), computed for 500 images at a time and without a graph."""
    images = to_float(images)
    starts = range(0, max(len(images), 1), BATCH_SIZE)  # an empty array is one empty batch
    with no_grad():
        batches = [f(to_device(images[i : i + BATCH_SIZE], device)).numpy() for i in starts]
    return np.concatenate(batches)
