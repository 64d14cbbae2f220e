"""Divide by a norm: of vectors, of the channels of a pixel, of a matrix.

`elementwise` and `reduction` give the kernel that computes a formula on a GPU (backend/kernels.py).
Read the NumPy formula below them.

In the docstrings g is the cotangent of the output y.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend.kernels import elementwise, reduction
from ..backend.reductions import axis_sum
from .arguments import as_axes, as_flag, as_number, check_arrays, check_floating, check_sums
from .elementwise import abs, sign, sqrt, square
from .linalg import matmul
from .masking import apply_mask
from .powers import power
from .pytorch_names import explain_names
from .reduce import expand, max, mean, min, sum
from .selection import maximum, where
from .shape import astype, broadcast_to, reshape

__all__ = ["cosine_similarity", "norm", "normalize", "pixel_norm", "spectral_norm"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


@explain_names
def norm(
    x: Array,
    ord: float | str | None = None,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
) -> Array:
    """The norm of vectors or of matrices, as np.linalg.norm.

    The vectors lie along `axis`, by default all of x is one. A pair of axes, or a matrix x without
    axis, is a matrix for ord = 1 and -1 (the greatest and the least sum of magnitudes of a column),
    math.inf and -math.inf (of a row). NumPy's other norms of matrices, by singular values, are not
    here.

    **Math** y = (sum_i |x_i|^p)^(1/p). With s = y^p, by the chain rule,

        dy/dx_i = (1/p) s^(1/p - 1) p |x_i|^(p - 1) sign(x_i)       derivatives of s^(1/p) and of s
                = y^(1 - p) |x_i|^(p - 1) sign(x_i)                 s^(1/p - 1) = y^(1 - p)

    For p = 2, dx = g x / y.
    **Saved** x and y.
    **Numerics** Where y = 0, and for p < 2 where x_i = 0, there is no derivative or none of second
    order; all are taken as 0.

    Parameters
    ----------
    ord : number, math.inf, -math.inf, or "fro" for matrices
        The p of the norm. By default it is 2, over all axes. 0 gives the number of elements that
        are not 0, a constant.
    """
    check_floating("norm", x=x)
    check_sums("norm", x=x)
    keepdims = as_flag("norm", "keepdims", keepdims)
    if ord is None or ord == "fro":
        return _norm(x, p=2, axis=axis, keepdims=keepdims)
    is_matrix = x.ndim == 2 if axis is None else np.size(axis) == 2
    if is_matrix:
        return _matrix_norm(x, ord, (0, 1) if axis is None else axis, keepdims)
    return _vector_norm(x, ord, axis, keepdims)


def _vector_norm(x, ord, axis, keepdims):
    """Return the norm of the vectors along the axis, or over all of several axes."""
    ord = as_number(ord)
    if ord == 0:
        return astype(sum(x != 0, axis=axis, keepdims=keepdims), dtype=x.dtype)
    if ord in (math.inf, -math.inf):
        return (max if ord > 0 else min)(abs(x), axis=axis, keepdims=keepdims)
    return _norm(x, p=ord, axis=axis, keepdims=keepdims)


def _matrix_norm(x, ord, axes, keepdims):
    """Return the greatest (ord > 0) or the least sum of a column (1) or of a row (inf)."""
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(
            f"norm: ord={ord!r} of the matrices {axes} of x {x.shape} takes singular values, which "
            "are not here; for vectors name one axis, or give ravel(x)"
        )
    sums = sum(abs(x), axis=axes[0] if ord in (1, -1) else axes[1], keepdims=True)
    return (max if ord > 0 else min)(sums, axis=axes, keepdims=keepdims)


@primitive
def _norm(x, *, p, axis, keepdims):
    """The p-th root of the sum of p-th powers of absolute values."""
    if not isinstance(p, (int, float)):
        raise ValueError(f"norm: ord={p!r}; give a number, math.inf, -math.inf, or None for 2")
    if p == 2:
        return np.sqrt(axis_sum(x * x, as_axes("norm", axis, x.ndim), keepdims))
    return axis_sum(np.abs(x) ** p, as_axes("norm", axis, x.ndim), keepdims) ** (1 / p)


def _norm_rule(g, x, x_shape, y, p, axis):
    ratio = apply_mask(g / power(where(y == 0, 1.0, y), p - 1), y != 0)
    factor = x if p == 2 else sign(x) * power(abs(where(x == 0, 1.0, x)), p - 1)
    return factor * expand(ratio, shape=x_shape, axis=axis)


_norm.vjp(x=_norm_rule)


@explain_names
def normalize(
    x: Array, p: float = 2.0, axis: int | tuple[int, ...] = 1, eps: float = 1e-12
) -> Array:
    """Divide x by its norm along the axis, or by eps if that is greater: PyTorch's function.

    Several axes make one vector, where `norm` takes a pair of them for a matrix.

    **Math** y = x / max(|x|_p, eps).
    """
    check_floating("normalize", x=x)
    check_sums("normalize", x=x)
    return x / maximum(_vector_norm(x, p, axis, True), as_number(eps))


@explain_names
def cosine_similarity(a: Array, b: Array, axis: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors along the axis: PyTorch's function.

    **Math** y = sum(a b) / (max(|a|, eps) max(|b|, eps)).
    **Shapes** a and b broadcast; the axis is left out.
    """
    check_arrays("cosine_similarity", a=a, b=b)
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = (normalize(broadcast_to(v, shape=shape), 2.0, axis, eps) for v in (a, b))
    return sum(a * b, axis=axis)


@primitive
def pixel_norm(x, *, eps=1e-8):
    """Scale the channel vector of each pixel to unit mean square.

    It keeps the magnitudes in a generator from growing from layer to layer.

    **Math** y = x / s with s = sqrt(E x^2 + eps), where E is the mean over the C channels.

        ds = -sum_c g x / s^2                   y = x / s
        dx = g / s + ds x / (C s)               x is used by y and by s; (d/dx) s = x / (C s)
           = (g - x E(g x) / s^2) / s           insert ds

    **Shapes** x (N, C, ...) -> y like x.
    **Saved** x.
    **Source** Karras et al. 2018, Progressive Growing of GANs, section 4.2.
    """
    check_floating("pixel_norm", x=x)
    check_sums("pixel_norm", x=x)
    if x.ndim < 2:
        raise ValueError(f"pixel_norm: x must have axes (N, C, ...), not {x.shape}")
    return x / _rms(x, eps, axis=1, keepdims=True)


def _pixel_norm_rule(g, x, eps):
    s = _rms(x, eps, axis=1, keepdims=True)
    return _pixel_norm_dx(g, x, s, _mean_product(g, x, axis=1, keepdims=True))


@reduction(
    "T x, T eps",
    "T s",
    map="x * x",
    reduce="a + b",
    post="s = sqrt(a / (_in_ind.size() / _out_ind.size()) + eps)",
    identity="0",
)
def _rms(x, eps, *, axis, keepdims=False):
    return sqrt(mean(square(x), axis=axis, keepdims=keepdims) + eps)


@reduction(
    "T g, T x",
    "T m",
    map="g * x",
    reduce="a + b",
    post="m = a / (_in_ind.size() / _out_ind.size())",
    identity="0",
)
def _mean_product(g, x, *, axis, keepdims=False):
    return mean(g * x, axis=axis, keepdims=keepdims)


@elementwise("T g, T x, T s, T m", "T dx", "dx = (g - x * (m / (s * s))) / s")
def _pixel_norm_dx(g, x, s, m):
    return (g - x * (m / (s * s))) / s


pixel_norm.vjp(x=_pixel_norm_rule)


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
