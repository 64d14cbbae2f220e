"""Pictures of bytes as points of R^D: dequantization, logits, bits per dimension.

A density model of pictures needs all three before it can start.

**Uniform dequantization.** A byte is one of 256 numbers. A density on R^D can put a narrow peak on
each, and then its likelihood has no bound. So uniform noise is added to each byte:

    x = (byte + u) / 256,    u ~ U(0, 1).

All x of one picture fill a cell, a cube of volume 256^-D. The probability of the bytes is the
integral of p over this cell (Theis, van den Oord and Bethge, A Note on the Evaluation of Generative
Models, 2016):

    log P(bytes) = log integral of p(x) over the cell
                 = log (256^-D E_u[p(x)])              the integral is volume times mean
                 >= E_u[log p(x)] - D log 256.         Jensen

So the mean log-density with noise, minus D log 256, never exceeds the log-probability of the
bytes.

**Logits.** x is in a cube, but flows map all of R^D. So x is mapped to (Dinh et al., 2016)

    v = a + (1 - 2a) x,    a = 1e-6
    y = logit(v) = log v - log(1 - v).

Densities change by the derivative of this map, with d logit(v) / dv = 1 / (v (1 - v)):

    log p(x) = log p(y) + log |det dy/dx|
    dy_i/dx_i = (1 - 2a) / (v_i (1 - v_i)).

**Units.** Papers report log p(y) in nats (Papamakarios et al., 2017), or bits per dimension of the
bytes. The latter are `bits_per_dimension`:

    -log2 P(bytes) / D <= [D log 256 - log p(x)] / (D log 2) = 8 - log p(x) / (D log 2).

**What black pixels cost.** Four of five pixels of a digit are 0. There x = u / 256, so y is nearly
log u - log 256: a constant minus a number with distribution Exp(1), whose entropy is 1 nat. The
best Gaussian has the same variance, 1, and an entropy of 1/2 log 2 pi e = 1.42 nats. So a model
that does not learn the shape of this distribution loses 0.42 nats for each such pixel, about 270
per picture.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["bits_per_dimension", "to_logits", "to_pixels"]

Array = Any  # np.ndarray or cupy.ndarray
A = 1e-6  # a of the formulas above


def to_logits(images: Array, u: Array) -> Array:
    """Map bytes (N, ...) and noise u ~ U(0, 1) of the same shape to logits y, float32.

    **Numerics** It computes in float64, because in float32 1 - v has few digits near white.

    Raises
    ------
    ValueError
        If `images` are not bytes, or if u has another shape.
    """
    if images.dtype != np.uint8 or u.shape != images.shape:
        raise ValueError(
            "to_logits: takes bytes and noise of the same shape, "
            f"got {images.dtype} {images.shape} and u {u.shape}"
        )
    v = A + (1 - 2 * A) * (images + u.astype(np.float64)) / 256
    return (np.log(v) - np.log1p(-v)).astype(np.float32)


def to_pixels(y: Array) -> Array:
    """Map logits y back to x, from 0 to 1; values beyond the interval are clipped."""
    v = 0.5 + 0.5 * np.tanh(0.5 * y)  # the sigmoid, in a form that does not overflow
    return np.clip((v - A) / (1 - 2 * A), 0, 1)


def bits_per_dimension(log_p: Array, y: Array) -> Array:
    """Convert log p(y) to bits per byte; without a model a byte takes 8.

    **Shapes** log_p (N,) in nats and y (N, ...) to (N,).

    **Numerics** With v = sigmoid(y), -log(v (1 - v)) = |y| + 2 log(1 + e^-|y|), which neither
    overflows nor cancels.
    """
    y = y.reshape(len(y), -1).astype(np.float64)  # (N, D)
    magnitude = np.abs(y)
    log_derivative = math.log(1 - 2 * A) + magnitude + 2 * np.log1p(np.exp(-magnitude))  # (N, D)
    log_p_x = log_p + log_derivative.sum(axis=1)  # (N,)
    return 8 - log_p_x / (y.shape[1] * math.log(2))
