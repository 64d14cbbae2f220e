"""Divide by a norm: of vectors, of the channels of a pixel, of a matrix.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.reductions import axis_sum
from .elementwise import abs, maximum, sqrt, square, where
from .linalg import matmul
from .powers import power
from .reduce import expand, max, mean, min, sum
from .shape import reshape

__all__ = ["cosine_similarity", "norm", "normalize", "pixel_norm", "spectral_norm"]

Array = Any  # an array of any module, or a Tensor


def norm(
    x: Array,
    ord: float | str | None = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Array:
    """The norm of vectors, as np.linalg.norm and as PyTorch's norm.

    With axis=None, x is one vector. A tuple of axes is one vector too, so the default is the
    Frobenius norm of matrices.

    **Math** y = (sum_i |x_i|^p)^(1/p) with p = ord, 2 by default. By the chain rule
    dy/dx_i = (1/p) y^(1 - p) p |x_i|^(p - 1) sign(x_i). For p = 2, dx = g x / y.
    **Numerics** For p = 2 the gradient at x = 0 is taken as 0, as in PyTorch: the other norms are
    composed of powers and may have an infinite one there.

    Parameters
    ----------
    ord : a number above 0, math.inf, -math.inf, 2 by default, or "fro", which is 2
        The matrix norms of NumPy, over singular values, are not here.
    """
    if ord in (None, 2, "fro"):
        return _euclidean_norm(x, axis=axis, keepdims=keepdims)
    if not isinstance(ord, (int, float)) or (ord <= 0 and ord != -math.inf):
        raise ValueError(
            f"norm: ord={ord!r}; give a number above 0, math.inf, -math.inf, or None for 2"
        )
    if ord == math.inf:
        return max(abs(x), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return min(abs(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return sum(abs(x), axis=axis, keepdims=keepdims)
    return power(sum(power(abs(x), ord), axis=axis, keepdims=keepdims), 1 / ord)


@primitive
def _euclidean_norm(x, *, axis, keepdims):
    """The root of the sum of squares."""
    return np.sqrt(axis_sum(x * x, axis, keepdims))


def _euclidean_norm_rule(g, x, x_shape, y, axis):
    ratio = g / where(y == 0, 1.0, y)  # at y = 0, x = 0, and so is dx
    return x * expand(ratio, shape=x_shape, axis=axis)


_euclidean_norm.vjp(x=_euclidean_norm_rule)


def normalize(x: Array, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Array:
    """Divide x by its norm along the axis, or by eps if that is greater: PyTorch's function.

    **Math** y = x / max(|x|_p, eps).
    """
    return x / maximum(norm(x, p, axis, keepdims=True), eps)


def cosine_similarity(a: Array, b: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors along the axis: PyTorch's function.

    **Math** y = sum(a b) / (max(|a|, eps) max(|b|, eps)).
    **Shapes** a and b broadcast; the axis is left out.
    """
    return sum(normalize(a, 2.0, axis, eps) * normalize(b, 2.0, axis, eps), axis=axis)


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
