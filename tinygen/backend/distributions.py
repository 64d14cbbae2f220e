"""Random bits to random numbers: uniform, normal, integers.

Each function fills a vector with the numbers of one draw. The vector is cut into blocks of 32
bytes, and block b of it is computed from block b of the random bits (philox.py). So a number
depends only on the seed, on the number of the draw, and on its own place in the vector. For
example, y[999] of float32 is the last of the 8 numbers in block 124, because 999 = 8 * 124 + 7. It
needs the random bits of that block, and no other number.

The CPU and every GPU compute the same: uniform numbers and integers to the bit, normal numbers up
to the rounding of log, sin and cos. On the CPU, large vectors are filled in chunks, which the
threads share.

Normal numbers: the method of Box and Muller
--------------------------------------------
How do uniform numbers become normal ones? One alone would need the inverse of the normal
distribution function, which has no formula. NumPy's own method rejects some of its uniform numbers
and draws others, so that a number depends on all before it. For a pair there is a formula.

**The density of a pair.** Let x and y be independent normal numbers. Their joint density is the
product of the two densities:

    p(x, y) = 1/(2 pi) exp(-(x^2 + y^2) / 2)

**Polar coordinates.** It depends only on the distance from the origin. So write x = r cos(a) and
y = r sin(a). A small area is dx dy = r dr da, so the density of the radius and the angle is

    p(r, a) = r exp(-r^2 / 2) * 1/(2 pi)

This is a function of r times a constant. So radius and angle are independent, the angle is uniform
on the circle, and the integral over the angle gives the density of the radius:

    p(r) = r exp(-r^2 / 2)

**The radius.** It is larger than some R with probability

    P(r > R) = integral of p(r) from R to infinity
             = exp(-R^2 / 2)                          the derivative of -exp(-r^2 / 2) is p(r)

and this has an inverse. Take u, uniform between 0 and 1, and solve exp(-r^2 / 2) = u:

    r = sqrt(-2 log u)

Then r > R exactly if u < exp(-R^2 / 2). The probability of that is exp(-R^2 / 2), since u is
uniform. So two uniform numbers, u and the angle, give two independent normal numbers:

    x = sqrt(-2 log u) cos(a),    y = sqrt(-2 log u) sin(a)

**Numerics.** u is (k + 1) / 2^32, where k is an integer of 32 random bits, or of 64 for float64. So
u is never 0, and r is at most sqrt(2 * 32 log 2) = 6.66. A normal number is beyond that with
probability 3e-11. For float64 the limit is 9.42.

Source: Box and Muller, A note on the generation of random normal deviates, 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .kernels import elementwise
from .philox import PHILOX_CUDA, numpy_rng
from .threads import parallel

__all__ = ["fill_integers", "fill_normal", "fill_uniform"]

Array = Any  # np.ndarray or cupy.ndarray

BLOCK = 32  # bytes: the four words of 64 bits that Philox computes at once
CHUNK = 1 << 17  # numbers: a few arrays of this size fit into the caches of a core


def _in_chunks(
    fill: Callable[[np.random.Generator, np.ndarray], None], seed: int, draw: int, y: np.ndarray
) -> None:
    """Call fill(rng, chunk) for each chunk of y, with the rng at the chunk's first block."""

    def run(i: int) -> None:
        start = i * CHUNK
        rng = numpy_rng(seed, draw, start * y.itemsize // BLOCK)
        fill(rng, y[start : start + CHUNK])

    parallel(run, -(-y.size // CHUNK))


def _num_blocks(*arguments: Any) -> int:
    """Return the number of blocks of y, the last argument: each thread of a GPU fills one."""
    y = arguments[-1]
    return -(-y.size * y.itemsize // BLOCK)


# A block of random bits becomes 8 numbers of float32, or 4 of float64.
_FLOATS_CUDA = (
    PHILOX_CUDA
    + """
    const bool is_double = sizeof(T) == 8;
    const int per_block = sizeof(Block) / sizeof(T);

    // The j-th integer of as many bits as T has: of 32, the lower half of each word comes first.
    __device__ uint64 integer(const Block& block, int j) {
        if (is_double) return block.word[j & 3];
        return (block.word[j / 2] >> (j % 2 * 32)) & 0xffffffffull;
    }
    """
)


@elementwise(
    "uint64 seed, uint64 draw",
    "raw T y",
    """
    const Block block = philox(seed, draw, i + 1);
    for (ptrdiff_t n = per_block * i, j = 0; j < per_block && n < y.size(); ++j, ++n) {
        const uint64 k = integer(block, j) >> (is_double ? 11 : 8);
        y[n] = T(k) * (is_double ? T(0x1p-53) : T(0x1p-24));
    }
    """,
    preamble=_FLOATS_CUDA,
    size=_num_blocks,
)
def fill_uniform(seed: int, draw: int, y: Array) -> None:
    """Fill a contiguous vector of floats with numbers from the uniform distribution on [0, 1).

    They are k / 2^24 (float32) or k / 2^53 (float64), where k is an integer of 24 or 53 random
    bits: as many as the significand of a float has, so no rounding can give 1.
    """
    _in_chunks(lambda rng, chunk: rng.random(out=chunk, dtype=chunk.dtype), seed, draw, y)


@elementwise(
    "uint64 seed, uint64 draw",
    "raw T y",
    """
    const Block block = philox(seed, draw, i + 1);
    const T unit = is_double ? T(0x1p-64) : T(0x1p-32);
    for (ptrdiff_t n = per_block * i, j = 0; j < per_block && n < y.size(); j += 2, n += 2) {
        const uint64 k_1 = integer(block, j), k_2 = integer(block, j + 1);
        const T r = sqrt(-2 * log((T(k_1) + 1) * unit));
        const T a = (is_double ? T((long long)k_2) : T((int)k_2)) * (T(6.283185307179586) * unit);
        y[n] = r * cos(a);
        if (n + 1 < y.size()) y[n + 1] = r * sin(a);
    }
    """,
    preamble=_FLOATS_CUDA,
    size=_num_blocks,
)
def fill_normal(seed: int, draw: int, y: Array) -> None:
    """Fill a contiguous vector of floats with numbers from N(0, 1).

    Two random integers, k_1 without and k_2 with a sign, give the numbers 2 i and 2 i + 1 of the
    vector. They have as many bits as a number: N = 2^32 for float32, and 2^64 for float64::

        u = (k_1 + 1) / N                            in (0, 1]
        a = 2 pi k_2 / N                             in [-pi, pi)
        y[2 i]     = sqrt(-2 log u) cos(a)
        y[2 i + 1] = sqrt(-2 log u) sin(a)
    """
    _in_chunks(_box_muller, seed, draw, y)


def _box_muller(rng: np.random.Generator, y: np.ndarray) -> None:
    """Fill y as `fill_normal` says: in place, since temporary arrays cost time."""
    num_pairs = -(-y.size // 2)
    words = rng.bit_generator.random_raw(num_pairs * y.itemsize // 4)  # each has 8 bytes
    k_1, k_2 = words.view(f"u{y.itemsize}")[::2], words.view(f"i{y.itemsize}")[1::2]
    n = 2.0 ** (8 * y.itemsize)
    u = k_1.astype(y.dtype)
    u += 1
    u *= 1 / n
    r = np.log(u, out=u)
    r *= -2
    np.sqrt(r, out=r)
    a = k_2.astype(y.dtype)
    a *= 2 * math.pi / n
    np.multiply(r, np.cos(a), out=y[::2])
    r_sin = np.multiply(r, np.sin(a, out=a), out=r)
    y[1::2] = r_sin[: y.size // 2]  # without the partner of the last of an odd number


@elementwise(
    "uint64 seed, uint64 draw, int64 low, float64 width",
    "raw int64 y",
    """
    const Block block = philox(seed, draw, i + 1);
    for (ptrdiff_t n = 4 * i, j = 0; j < 4 && n < y.size(); ++j, ++n) {
        const double u = double(block.word[j] >> 11) * 0x1p-53;
        y[n] = low + (long long)(u * width);
    }
    """,
    preamble=PHILOX_CUDA,
    size=_num_blocks,
)
def fill_integers(seed: int, draw: int, low: int, width: int, y: Array) -> None:
    """Fill a contiguous int64 vector with low + floor(u * width), with u uniform on [0, 1).

    The width is at most 2^53, the number of values of u. Then u * width never rounds up to the
    width. Each integer belongs to 2^53 / width of the values of u; two integers differ by at most 2
    in this number. So they are almost equally probable if the width is far below 2^53.
    """

    def fill(rng: np.random.Generator, chunk: np.ndarray) -> None:
        u = rng.random(chunk.size)
        np.multiply(u, width, out=chunk, casting="unsafe")  # rounds towards 0
        chunk += low

    _in_chunks(fill, seed, draw, y)
