"""Batch, group and instance norm of channels-last images, with SiLU after it or without.

`ops/normalization.py` and `ops/norm_silu.py` derive the formulas, and evaluate them as they stand
for other arrays. Here they are a few passes over the images, in pieces of several images that the
threads share. Between two passes, only small tables (N, C) are computed.

**Rows.** In channels-last memory (N, H, W, C), all pixels of an image have the same factors, one
for each channel. Broadcast from (N, 1, 1, C), they would give NumPy an inner loop of C numbers.
Each inner loop has a fixed starting cost, which is large next to so few numbers. So the factors are
repeated to a row of several pixels (of one, if the number of pixels is a large prime), and the
inner loop is as long as the row. This alone takes group norm of 64x32x28x28 from 1.5 to 1.0 ms.

**Threads** take it to 0.75 ms, and its gradients from 2.7 ms to 2.0 without and 1.15 with threads.
All these times are for arrays that lie in the last cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .pieces import cut
from .reductions import channel_sum
from .threads import parallel

__all__ = ["are_images", "channel_norm", "channel_norm_gradients", "norm_silu_gradients"]

Array = Any  # an array of any library, or a Tensor
Table = np.ndarray  # (N, C): a number for each image and channel

_LEAST_PIXELS = 16  # in smaller images, the sums over pixels are no longer most of the work
_LONGEST_ROW = 2048  # numbers, whose 8 KiB of float32 stay in the first cache
# Numbers in a piece. A norm makes many calls of NumPy, between which threads wait for each other:
# 64x64x14x14 takes 0.60 ms in four pieces and 0.50 in two.
_LEAST_PIECE = 1 << 18


def are_images(*arrays: Array) -> bool:
    """Return whether all are channels-last NumPy images of one shape and dtype, not too small."""
    first = arrays[0]
    return (
        all(type(a) is np.ndarray for a in arrays)
        and first.ndim > 2
        and first.size > 0
        and first.dtype in (np.float32, np.float64)
        and math.prod(first.shape[2:]) >= _LEAST_PIXELS
        and all(a.shape == first.shape and a.dtype == first.dtype for a in arrays)
        and all(np.moveaxis(a, 1, -1).flags.c_contiguous for a in arrays)
    )


class _Images:
    """How to read images (N, C, *space), and which of their values share a mean.

    Statistics, which are means, have the shape (N, groups); without groups (batch norm) it is
    (1, C).
    """

    def __init__(self, shape: tuple[int, ...], groups: int | None):
        self.n, self.channels = shape[:2]
        self.groups = groups
        self.num_pixels = math.prod(shape[2:])
        longest = max(_LONGEST_ROW // self.channels, 1)
        self.row_pixels = max(k for k in range(1, longest + 1) if self.num_pixels % k == 0)
        self.pieces = cut(self.n, math.prod(shape), _LEAST_PIECE)
        self.count = self.num_pixels * (self.n if groups is None else self.channels // groups)

    def rows(self, x: np.ndarray) -> np.ndarray:
        """View images as (N, rows, pixels of a row * C)."""
        return np.moveaxis(x, 1, -1).reshape(self.n, -1, self.row_pixels * self.channels)

    def row(self, table: Table) -> np.ndarray:
        """Repeat a table to one row for each image, to broadcast against `rows`."""
        return np.tile(table, (1, self.row_pixels))[:, None]

    def sum_pixels(self, rows: np.ndarray) -> Table:
        """Sum each channel of each image over the pixels."""
        return channel_sum(rows.reshape(len(rows), self.num_pixels, self.channels))

    def mean(self, sums: Table) -> np.ndarray:
        """Divide the sums of each group by its number of values: statistics."""
        if self.groups is None:
            total = sums.sum(axis=0, keepdims=True, dtype=np.float64).astype(sums.dtype)
        else:
            total = sums.reshape(self.n, self.groups, -1).sum(axis=2)
        return total / self.count

    def table(self, statistics: np.ndarray) -> Table:
        """Repeat statistics to a table."""
        if self.groups is None:
            return np.broadcast_to(statistics, (self.n, self.channels))
        return np.repeat(statistics, self.channels // self.groups, axis=1)

    def factors(self, rstd, weight, bias) -> tuple[Table, Table | None]:
        """Return the tables w r and bias of z = w r (x - mean) + bias."""
        w_r = self.table(rstd)
        w_r = w_r if weight is None else w_r * weight
        return w_r, None if bias is None else np.broadcast_to(bias, w_r.shape)

    def multiply_add(self, rows, factor: Table, summand: Table | None, out: np.ndarray):
        """Compute rows * factor + summand in the memory of `out`."""
        np.multiply(rows, self.row(factor), out=out)
        return out if summand is None else np.add(out, self.row(summand), out=out)

    def each_piece(self, step: Callable[[slice], None]) -> None:
        """Call step(slice of the images) for each piece."""
        parallel(lambda i: step(self.pieces[i]), len(self.pieces))


def channel_norm(x: Array, weight, bias, *, groups: int | None, eps: float, silu: bool = False):
    """Return y, mean and var as `channel_norm` does; with `silu`, as `norm_silu` does.

    c = x - mean goes into the memory of y, which needs it next. As x (w r) + (bias - w r mean), y
    would lose digits where the mean is large.
    """
    images = _Images(x.shape, groups)
    y = np.empty_like(x)
    xs, ys = images.rows(x), images.rows(y)
    sums, squares = np.empty((2, images.n, images.channels), x.dtype)

    def sum_values(piece):
        sums[piece] = images.sum_pixels(xs[piece])

    images.each_piece(sum_values)
    mean = images.mean(sums)
    mean_table = images.table(mean)

    def sum_squares(piece):
        c = np.subtract(xs[piece], images.row(mean_table[piece]), out=ys[piece])
        squares[piece] = images.sum_pixels(c * c)

    images.each_piece(sum_squares)
    var = images.mean(squares)
    w_r, bias_table = images.factors((var + eps) ** -0.5, weight, bias)

    def apply(piece):
        shift = None if bias_table is None else bias_table[piece]
        z = images.multiply_add(ys[piece], w_r[piece], shift, out=ys[piece])
        if silu:
            np.divide(z, 1 + np.exp(-z), out=z)

    with np.errstate(over="ignore"):  # where e^-z is infinite, the quotient is 0, as it should be
        images.each_piece(apply)
    return y, mean, var


def channel_norm_gradients(
    g,
    needs,
    x: Array,
    weight,
    bias,
    mean,
    var,
    groups: int | None,
    eps: float,
    prepare=lambda piece, c: None,
):
    """Return dx, dweight and dbias as the rule of `channel_norm` does, the last two (N, C).

    dx = alpha g + beta c + const, with c = x - mean in the memory of dx. `prepare(piece, c)` is
    called before a piece of g is read. `bias` is not needed here.
    """
    g_y, g_mean, g_var = g
    images = _Images(x.shape, groups)
    dx = np.empty_like(x)
    xs, gs, dxs = images.rows(x), images.rows(g_y), images.rows(dx)
    sum_g, sum_gc = np.empty((2, images.n, images.channels), x.dtype)
    mean_table, rstd = images.table(mean), (var + eps) ** -0.5

    def sum_products(piece):
        c = np.subtract(xs[piece], images.row(mean_table[piece]), out=dxs[piece])
        prepare(piece, c)
        sum_g[piece] = images.sum_pixels(gs[piece])
        sum_gc[piece] = images.sum_pixels(c * gs[piece])

    images.each_piece(sum_products)
    r = images.table(rstd)
    if not needs[0]:
        return None, sum_gc * r, sum_g
    w = 1.0 if weight is None else weight
    mean_h, mean_hc = images.mean(sum_g * w), images.mean(sum_gc * w)  # h = w g
    alpha = r * w
    beta = images.table(2.0 * g_var / images.count - rstd**3 * mean_hc)
    const = images.table(g_mean / images.count - rstd * mean_h)

    def add_products(piece):
        images.multiply_add(dxs[piece], beta[piece], const[piece], out=dxs[piece])
        np.add(dxs[piece], gs[piece] * images.row(alpha[piece]), out=dxs[piece])

    images.each_piece(add_products)
    return dx, sum_gc * r, sum_g


_TINY = 1e-30


def norm_silu_gradients(
    g, needs, x: Array, weight, bias, y, mean, var, groups: int | None, eps: float
):
    """Return dx, dweight and dbias as the rule of `norm_silu` does, the last two (N, C).

    With z the output of the norm, y = z s. So s = y / z needs no exponential, which saves a quarter
    of the time. It is computed as (|y| + tiny / 2) / (|z| + tiny), which is 1 / 2 at z = 0 and has
    no zero below the line.
    """
    g_y, g_mean, g_var = g
    images = _Images(x.shape, groups)
    g_z = np.empty_like(x)
    ys, gs, g_zs = (images.rows(a) for a in (y, g_y, g_z))
    w_r, bias_table = images.factors((var + eps) ** -0.5, weight, bias)

    def apply_silu_rule(piece, c):
        shift = None if bias_table is None else bias_table[piece]
        z = images.multiply_add(c, w_r[piece], shift, out=g_zs[piece])
        denominator = np.add(np.abs(z, out=z), _TINY, out=z)
        s = np.abs(ys[piece])
        np.add(s, _TINY / 2, out=s)
        np.divide(s, denominator, out=s)
        t = np.subtract(1, s, out=z)  # g (s + y (1 - s)), in the memory of z
        np.multiply(t, ys[piece], out=t)
        np.add(t, s, out=t)
        np.multiply(t, gs[piece], out=t)

    g = g_z, g_mean, g_var
    return channel_norm_gradients(
        g, needs, x, weight, bias, mean, var, groups, eps, apply_silu_rule
    )
