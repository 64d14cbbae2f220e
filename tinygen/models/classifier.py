"""A small classifier of digits, trained always alike: a judge of what generative models draw.

Its architecture, recipe, number of steps and seed are fixed here, and it sees the training split alone, so that two models judged by it are judged by the
same one. **What it can say**: which digit, and how sure it is, the largest of its ten probabilities. **What it cannot**: a classifier divides all of
space among ten classes, nonsense included, so confidence is no proof of a digit; put beside each figure the same figure for real digits, and look at
the pictures.
"""

from __future__ import annotations

import numpy as np

from ..backend import Generator, to_device
from ..data import Loader
from ..engine import no_grad
from ..nn import Conv2d, Flatten, Linear, Module, ReLU, Sequential
from ..ops import log_softmax, one_hot, softmax
from ..optim import Adam, cosine_decay

__all__ = ["Classifier", "train_classifier"]


class Classifier(Module):
    """Two convolutions that halve the picture, one hidden layer: x (N, 1, 28, 28), from 0 to 1, to ten logits (N, 10)."""

    def __init__(self, *, generator: Generator):
        self.layers = Sequential(
            Conv2d(1, 16, 4, 2, 1, generator=generator), ReLU(), Conv2d(16, 32, 4, 2, 1, generator=generator), ReLU(), Flatten(),
            Linear(32 * 7 * 7, 64, generator=generator), ReLU(), Linear(64, 10, generator=generator),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)

    def probabilities(self, images, device: str = "cpu") -> np.ndarray:
        """Images (n, 1, 28, 28), bytes or floats from 0 to 1, to the probability of each class, NumPy (n, 10)."""
        images = _floats(images)
        out = np.empty((len(images), 10), np.float32)
        with no_grad():
            for i in range(0, len(images), 500):
                out[i : i + 500] = softmax(self(to_device(images[i : i + 500], device)), axis=1).numpy()
        return out


def train_classifier(images: np.ndarray, labels: np.ndarray, *, steps: int = 500, device: str = "cpu") -> Classifier:
    """The judge: cross-entropy, Adam, 500 batches of 128, seed 0. About 10 seconds on two cores.

    Parameters
    ----------
    images, labels : the training split, uint8 (n, 1, 28, 28) and integers (n,) from 0 to 9, at least 128 of them.
    steps : fewer only to try out whether a program runs.
    """
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(f"train_classifier: needs images (n, 1, 28, 28) and labels (n,), got {images.shape} and {labels.shape}")
    model = Classifier(generator=Generator(0, device))
    optimizer = Adam(model.parameters(), lr=3e-3)
    loader = Loader(images, labels, batch_size=128, seed=0)
    for step in range(steps):
        x, y = next(loader)
        right = to_device(one_hot(y, 10), device)
        loss = -(log_softmax(model(to_device(_floats(x), device)), axis=1) * right).sum() / len(y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 3e-3 * cosine_decay(step, steps=steps)
        optimizer.step()
    return model


def _floats(images: np.ndarray) -> np.ndarray:
    return images / np.float32(255) if images.dtype == np.uint8 else images.astype(np.float32, copy=False)
