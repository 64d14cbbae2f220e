"""Divide by a norm: of vectors, of the channels of a pixel, of a matrix.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math

from .elementwise import sqrt, square
from .linalg import matmul
from .reduce import mean
from .shape import reshape

__all__ = ["pixel_norm", "spectral_norm"]


def pixel_norm(x, *, eps: float = 1e-8):
    """Scale the channel vector of each pixel to unit mean square.

    It keeps the magnitudes in a generator from growing from layer to layer.

    **Math** y = x / sqrt(mean_c x^2 + eps).
    **Shapes** x (N, C, ...) -> y like x.
    **Source** Karras et al. 2018, Progressive Growing of GANs, section 4.2.
    """
    if x.ndim < 2:
        raise ValueError(f"pixel_norm: x must have axes (N, C, ...), not {x.shape}")
    return x / sqrt(mean(square(x), axis=1, keepdims=True) + eps)


def spectral_norm(w, u, v):
    """Divide w by sigma = u^T W v, its largest singular value for the right u and v.

    **Math** y = w / sigma. At the singular vectors dsigma/dW = u v^T exactly, because a change of
    the unit vectors u and v changes sigma only to second order. So u and v count as constants.
    **Shapes** w (O, ...) is the matrix W (O, K) with all axes but the first flattened; u (O,) and
    v (K,) are unit vectors, found by power iteration.
    **Source** Miyato et al. 2018, Spectral Normalization for GANs.
    """
    o, k = w.shape[0], math.prod(w.shape[1:])
    if u.shape != (o,) or v.shape != (k,):
        raise ValueError(
            f"spectral_norm: w {w.shape} is a matrix ({o}, {k}), so u must be ({o},) and v ({k},), "
            f"not {u.shape} and {v.shape}"
        )
    return w / matmul(u, matmul(reshape(w, shape=(o, k)), v))
