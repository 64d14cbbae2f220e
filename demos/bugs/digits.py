"""Digits and a small network of them, for the bugs that show in images."""

from __future__ import annotations

from functools import cache

import numpy as np

from tinygen import data, nn, no_grad, ops

__all__ = ["autoencoder", "decode_probabilities", "load_digits", "one_of_each_class"]

NUM_TRAIN, NUM_TEST = 2000, 400
SHAPE = (1, 28, 28)


@cache
def load_digits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 2,000 drawn digits (2000, 1, 28, 28), float32 from 0 to 1, and 400 others to test."""
    images = data.to_float(data.digits(NUM_TRAIN + NUM_TEST, seed=seed)[0])
    return images[:NUM_TRAIN], images[NUM_TRAIN:]


def one_of_each_class(seed: int) -> np.ndarray:
    """Return the first test digit of each class, (10, 1, 28, 28)."""
    labels = data.digits(NUM_TRAIN + NUM_TEST, seed=seed)[1][NUM_TRAIN:]
    return load_digits(seed)[1][[np.flatnonzero(labels == k)[0] for k in range(10)]]


def autoencoder(code_size: int, rng, *, hidden: int = 64, batch_norm: bool = False):
    """Return an autoencoder of digits with a hidden layer on each side; it returns logits."""

    def hidden_layer(inputs: int) -> list[nn.Module]:
        norm = [nn.BatchNorm1d(hidden)] if batch_norm else []
        return [nn.Linear(inputs, hidden, rng=rng), *norm, nn.ReLU()]

    encoder = [nn.Flatten(), *hidden_layer(784), nn.Linear(hidden, code_size, rng=rng)]
    decoder = [*hidden_layer(code_size), nn.Linear(hidden, 784, rng=rng), nn.Unflatten(1, SHAPE)]
    return nn.Sequential(*encoder, *decoder)


def decode_probabilities(network, x) -> np.ndarray:
    """Return the images of the logits that a network has for x, without a graph."""
    with no_grad():
        return ops.sigmoid(network(x)).numpy()
