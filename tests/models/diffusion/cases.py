"""Data and helpers that several tests of diffusion share."""

import numpy as np
import pytest

from tests.border import on_device
from tinygen import default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.paths import RECTIFIED_FLOW, VARIANCE_PRESERVING

PATHS = pytest.mark.parametrize(
    "path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["variance-preserving", "rectified-flow"]
)
BETAS = np.linspace(1e-4, 0.02, 1000)  # DDPM's table
MEAN, STD = 0.5, 0.4  # of the Gaussian


def gaussian(path=VARIANCE_PRESERVING, mean=MEAN, std=STD):
    """One Gaussian on the line."""
    return ExactMixture(np.ones(1), np.full((1, 1), mean), np.array([std]), path)


def two_gaussians(path=VARIANCE_PRESERVING, move=lambda a: a):
    """A mixture on the line, whose arrays are converted by `move`."""
    weights, means, stds = np.array([0.3, 0.7]), np.array([[-1.0], [0.8]]), np.array([0.3, 0.5])
    return ExactMixture(move(weights), move(means), move(stds), path)


class ConstantNoise:
    """A source of "random" numbers that are all the same number."""

    def __init__(self, value):
        self.value = value

    def normal(self, shape, dtype):
        return on_device(np.full(shape, self.value, dtype))


def perturb(model, seed=1):
    """Add noise to the parameters that start at 0 or 1, so that all of them take part."""
    rng = default_rng(seed)
    for p in model.parameters():
        if p.ndim == 1 or not p.numpy().any():
            p.data += 0.3 * rng.normal(p.shape)
    return model
