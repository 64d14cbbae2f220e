"""What the benchmark measures of tinygen alone: the cost of one op, and how fast data are drawn."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

import numpy as np

from tinygen import data, tensor


def measure_overhead(repeats: int) -> dict[str, list[float]]:
    """Measure the cost of one op beyond its arithmetic, in units of NumPy's own a * a.

    Chains of 1000 products of one element, forward and backward, alternate with chains of NumPy's
    product. CPU times are compared, so that other processes count less.

    Returns
    -------
    dict of lists
        The ratios of "forward" and of "backward", one for each repeat.
    """
    a = np.ones(1, np.float32)
    t = tensor(a, requires_grad=True)
    clock = time.thread_time
    ratios = {"forward": [], "backward": []}
    for _ in range(repeats):
        start, v = clock(), a
        for _ in range(1000):
            v = v * a
        base, start, y = clock() - start, clock(), t
        for _ in range(1000):
            y = y * t
        forward, start = clock() - start, clock()
        y.backward()
        ratios["forward"].append(forward / base)
        ratios["backward"].append((clock() - start) / base)
    return ratios


# What is drawn by one call, and how many of it.
DRAWINGS = {
    "digits of 28 pixels": (500, lambda n, seed: data.digits(n, seed=seed)),
    "faces of 32 pixels": (100, lambda n, seed: data.faces(n, 32, seed=seed)),
    "faces of 64 pixels": (50, lambda n, seed: data.faces(n, 64, seed=seed)),
}


def measure_drawing(repeats: int) -> dict[str, float]:
    """Return how many pictures of each kind are drawn per second: the fastest of some calls."""
    rates = {}
    for name, (n, draw) in DRAWINGS.items():
        seconds = []
        for seed in range(repeats):
            start = time.perf_counter()
            draw(n, seed)
            seconds.append(time.perf_counter() - start)
        rates[name] = n / min(seconds)
    return rates
