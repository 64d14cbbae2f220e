"""Pictures of bytes as points of R^D, and back: what a density model of pictures needs before it begins.

**Dither.** A byte is one of 256 numbers. A density on R^D can put a spike on each, and its likelihood has no bound. So to each byte uniform noise is added,
x = (byte + u) / 256 with u from U(0, 1): then (Theis, van den Oord and Bethge, A note on the evaluation of generative models, 2016)

    E_u[log p(x)] <= log integral of p over the cell of x + D log 256:        p in the mean says no more than what it gives to the bytes themselves.

**Logits.** x lies in a cube, and flows map all of R^D. y = logit(a + (1 - 2a) x), a = 1e-6, goes where they live (Dinh et al., 2016); densities change by

    log p(x) = log p(y) + log |det dy/dx|,        dy_i/dx_i = (1 - 2a) / (v_i (1 - v_i)),    v = sigmoid(y).

**Units.** Papers give log p(y), in nats (Papamakarios et al., 2017), or bits per dimension of the bytes, 8 - log p(x) / (D log 2): `bits_per_dimension`.

**What black pixels are.** Four in five are 0, where x = u / 256 and y is nearly log u - log 256: a constant less an Exp(1) number, whose entropy is 1 nat. The best
Gaussian has that variance, 1, and so spends 1/2 log 2 pi e = 1.42 nats: 0.42 lost on each such pixel, some 270 a picture, unless forms are learned too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["bits_per_dimension", "to_logits", "to_pixels"]

Array = Any
A = 1e-6


def to_logits(images: Array, u: Array) -> Array:
    """y of bytes (N, ...) and noise u of the same shape from U(0, 1): float32. (Computed in float64: near white, 1 - v has few digits else.)"""
    if images.dtype != np.uint8 or u.shape != images.shape:
        raise ValueError(f"to_logits: takes bytes and noise of the same shape, got {images.dtype} {images.shape} and u {u.shape}")
    v = A + (1 - 2 * A) * (images + u.astype(np.float64)) / 256
    return (np.log(v) - np.log1p(-v)).astype(np.float32)


def to_pixels(y: Array) -> Array:
    """x of y, from 0 to 1; what lies in the outermost millionth is cut off."""
    y = np.maximum(y, -50)  # below is black all the same, and exp might overflow
    return np.clip((1 / (1 + np.exp(-y)) - A) / (1 - 2 * A), 0, 1)


def bits_per_dimension(log_p: Array, y: Array) -> Array:
    """Of each picture, (N,): what its bytes cost, by log p(y) (N,) and y (N, ...). 8 are what they take without a model."""
    y = y.reshape(len(y), -1).astype(np.float64)
    magnitude = np.abs(y)
    stretch = math.log(1 - 2 * A) + magnitude + 2 * np.log1p(np.exp(-magnitude))  # -log v (1 - v)
    return 8 - (log_p + stretch.sum(axis=1)) / (y.shape[1] * math.log(2))
