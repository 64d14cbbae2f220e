"""A small GAN in the plane, for the bugs of adversarial training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinygen import data, default_rng, nn, no_grad, ops, optim
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import grid_points

__all__ = [
    "BATCH",
    "EXTENT",
    "KEY",
    "Players",
    "distance",
    "draw",
    "make_players",
    "mean_move",
    "sample_ring",
]

BATCH, EXTENT = 128, (-2.4, 2.4, -2.1, 2.1)
GREY = ("#ffffff", "#888888")  # from D(x) = 0, fake, to D(x) = 1, real
KEY = "Blue: data. Orange: samples. Background: D(x), from white (fake) to grey (real)."


class Players(NamedTuple):
    """Two networks, their optimizers, and a source of noise."""

    G: MLPGenerator
    D: MLPDiscriminator
    optimizer_g: optim.Adam
    optimizer_d: optim.Adam
    rng: object


def make_players(seed: int) -> Players:
    """Return two untrained networks of the plane, with Adam without momentum."""
    rng = default_rng(seed)
    G = MLPGenerator(2, (32, 32), (2,), nn.Tanh, rng=rng)
    D = MLPDiscriminator((32, 32), (2,), nn.Tanh, rng=rng)
    optimizer_g = optim.Adam(G.parameters(), lr=2e-3, betas=(0.0, 0.99))
    optimizer_d = optim.Adam(D.parameters(), lr=4e-3, betas=(0.0, 0.99))
    return Players(G, D, optimizer_g, optimizer_d, rng)


def sample_ring(n: int, rng) -> np.ndarray:
    """Draw points (n, 2) from eight Gaussians on a circle."""
    return data.ring(modes=8, radius=1.5, sigma=0.1).sample(n, rng)[0].astype(np.float32)


def distance(candidates: np.ndarray, points: np.ndarray) -> float:
    """Return the mean distance of a point to the nearest candidate."""
    squared = ((points[:, None] - candidates[None]) ** 2).sum(axis=2)
    return float(np.sqrt(squared.min(axis=1)).mean())


def mean_move(before: np.ndarray, after: np.ndarray) -> float:
    """Return the mean distance between the samples of the same noise before and after."""
    return float(np.linalg.norm(after - before, axis=1).mean())


def draw(players: Players, real: np.ndarray, extent=EXTENT) -> tuple[dict, np.ndarray]:
    """Return what a plane contains, and the samples in it, (500, 2).

    The noise of the samples is the same for all networks, so that they can be compared.
    """
    with no_grad():
        samples = players.G(default_rng(0).normal((500, 2))).numpy()
        field = ops.sigmoid(players.D(grid_points(extent, 60).astype(np.float32))).numpy()
    points = np.concatenate([real[:500], samples])
    labels = np.repeat([0, 1], 500)
    return {"field": field, "colours": GREY, "points": points, "labels": labels}, samples
