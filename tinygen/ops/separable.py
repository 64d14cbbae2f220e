"""Linear maps of images that treat height and width separately: one matrix for each.

Bilinear and adaptive resizing and blur are such maps; only the matrices differ (resample.py). For
one image and one channel, an (H, W) matrix x,

    y = A x B^T                     A (Ho, H) mixes the rows of x, B (Wo, W) its columns

The differential is dy = A dx B^T. With g the cotangent of y and <U, V> = trace(U^T V),

    <g, A dx B^T> = <A^T g B, dx>   move A and B to the other side

so the cotangent of x is A^T g B: the same function with both matrices transposed.
"""

from __future__ import annotations

import functools

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module
from ..backend.reductions import matmul
from .arguments import raw
from .layout import empty_images

__all__: list[str] = []


@primitive
def separable(x, *, rows, columns):
    """y[n, c] = rows x[n, c] columns^T for each image n and channel c.

    **Math** dx = rows^T g columns.
    **Shapes** x (N, C, H, W), rows (Ho, H), columns (Wo, W) -> (N, C, Ho, Wo).
    """
    (n, c, h, w), (ho, wo) = x.shape, (len(rows), len(columns))
    if not isinstance(x, np.ndarray):
        return matmul(matmul(rows, x), columns.T)
    if not np.isfinite(x).all():
        # 0 times infinity is NaN, and below all channels share one product: so one by one.
        y = empty_images(x, (n, c, ho, wo))
        with np.errstate(invalid="ignore"):
            y[...] = np.matmul(np.matmul(rows, x), columns.T)
        return y
    z = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(n, h, w * c)
    z = _multiply_banded(rows, z, np.empty((n, ho, w * c), x.dtype))
    y = empty_images(x, (n, c, ho, wo))
    out = y.transpose(0, 2, 3, 1).reshape(n * ho, wo, c)  # y as it lies in memory
    _multiply_banded(columns, z.reshape(n * ho, w, c), out)
    return y


separable.vjp(x=lambda g, rows, columns: separable(g, rows=rows.T, columns=columns.T))


def _multiply_banded(matrix, x, out):
    """Write matrix x to `out`, for x (N, n, k) and a matrix whose entries form a narrow band.

    For each 32 rows of the matrix, only the columns with an entry other than 0 are multiplied.
    """
    batch, _, k = x.shape
    for start in range(0, len(matrix), 32):
        stop = min(start + 32, len(matrix))
        used = np.flatnonzero(matrix[start:stop].any(axis=0))
        low, high = (used[0], used[-1] + 1) if used.size else (0, 0)
        band, part, target = matrix[start:stop, low:high], x[:, low:high], out[:, start:stop]
        if k < 8:  # too few columns for a fast product: one matrix for pixels and channels together
            part = part.reshape(batch, (high - low) * k)
            target = target.reshape(batch, (stop - start) * k)
            matmul(part, np.kron(band, np.eye(k, dtype=x.dtype)).T, out=target)
        else:
            matmul(band, part, out=target)
    return out


def resize(x, build, row_arguments: tuple, column_arguments: tuple):
    """Apply build(*row_arguments) along the height and build(*column_arguments) along the width."""
    xp, dtype = array_module(raw(x)), raw(x).dtype
    rows = _matrix(xp, dtype, build, *row_arguments)
    columns = _matrix(xp, dtype, build, *column_arguments)
    return separable(x, rows=rows, columns=columns)


@functools.lru_cache(maxsize=256)
def _matrix(xp, dtype, build, *arguments):
    """Return build(*arguments) as an array of xp, built and moved to the device once."""
    return xp.asarray(build(*arguments).astype(dtype))
