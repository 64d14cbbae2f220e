"""Products along axes, as trees of multiplications.

The derivative of a product in one factor is the product of the others. It is not y / x, which is
0/0 where a factor is 0. Here every product is built of multiplications of two halves, whose rules
hold everywhere, so no function here needs a rule, and every derivative is right at 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .arguments import as_axes, as_flag, normalize_axis
from .joining import concatenate
from .pytorch_names import explain_names
from .reduce import sum
from .shape import astype, moveaxis, ravel, reshape, transpose

__all__ = ["cumprod", "prod"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor


def _promote(x: Array) -> Array:
    """Return x in the dtype of NumPy's products, in which 100 times 100 fits: that of its sums."""
    if x.dtype.kind not in "biu":
        return x
    return astype(x, dtype=np.prod(np.empty(0, x.dtype)).dtype)


@explain_names
def prod(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """The product over the axes; the product of no values is 1.

    **Math** y = the product of the x_i; dx_j = g times the product of the x_i with i not j.
    **Numerics** Halves are multiplied with each other, log2(n) times, until one value is left.
    """
    keepdims = as_flag("prod", "keepdims", keepdims)
    axes = as_axes("prod", axis, x.ndim)
    axes = tuple(range(x.ndim)) if axes is None else axes
    others = tuple(i for i in range(x.ndim) if i not in axes)
    x = _promote(x)
    n, shape = math.prod(x.shape[i] for i in axes), tuple(x.shape[i] for i in others)
    if n == 0:
        return sum(x, axis=axes, keepdims=keepdims) + 1
    y = reshape(transpose(x, axes=(*axes, *others)), shape=(n, *shape))
    while len(y) > 1:
        half = len(y) // 2
        products = y[:half] * y[half : 2 * half]
        y = concatenate(products, y[-1:]) if len(y) % 2 else products
    with_axes = tuple(1 if i in axes else side for i, side in enumerate(x.shape))
    return reshape(y, shape=with_axes if keepdims else shape)


@explain_names
def cumprod(x: Array, axis: int | None = None) -> Array:
    """The cumulative product along the axis; without an axis x is flattened, as by np.cumprod.

    **Math** y_i = the product of the x_j for j <= i.
    **Numerics** After k steps y_i is the product of the last 2^k factors up to x_i. One more step
    multiplies it with that of 2^k places before, so log2(n) steps are enough.
    """
    if axis is None:
        x, axis = ravel(x), 0
    axis = normalize_axis("cumprod", axis, x.ndim)
    y, length = moveaxis(_promote(x), axis, 0), 1
    while length < len(y):
        y = concatenate(y[:length], y[length:] * y[:-length])
        length *= 2
    return moveaxis(y, 0, axis)
