"""Cases of padding. The naive implementation reads each element from its place in the array."""

from __future__ import annotations

from tests.cases import case
from tests.ops.shape_cases import build
from tinygen import ops


def source(i, n, mode):
    """Return which of n elements index i of the padded axis reads, or None for the constant."""
    if 0 <= i < n:
        return i
    if mode in ("edge", "replicate"):
        return min(max(i, 0), n - 1)
    if mode in ("wrap", "circular"):
        return i % n
    if mode == "reflect":
        return -i if i < 0 else 2 * (n - 1) - i
    return None


def padding(draw, mode):
    """Draw the case of a padding: one width, a pair (before, after), or a pair for each axis."""
    x = draw.array(draw.shape(1, 4, 0 if mode == "constant" else 1))
    longest = [{"reflect": n - 1, "wrap": n, "circular": n}.get(mode, 3) for n in x.shape]
    width, form = min(longest), draw.choice("number", "pair", "pairs")
    if form == "number":
        pad_width, pairs = width, [(width, width)] * x.ndim
    elif form == "pair":
        pad_width, pairs = (width, 0), [(width, 0)] * x.ndim
    else:
        pad_width = pairs = [(draw.integer(0, m), draw.integer(0, m)) for m in longest]
    value = draw.choice(0.0, -1.5)

    def naive(x):
        def element(index):
            places = zip(index, x.shape, pairs)
            sources = tuple(source(i - before, n, mode) for i, n, (before, _) in places)
            return value if None in sources else x[sources]

        return build([n + b + a for n, (b, a) in zip(x.shape, pairs)], element)

    return lambda x: ops.pad(x, pad_width, mode, constant_values=value), [x], naive


@case("pad")
def draw_pad_with_a_constant(draw):
    return padding(draw, "constant")


@case("pad")
def draw_pad_with_copies(draw):
    return padding(draw, draw.choice("reflect", "edge", "wrap", "replicate", "circular"))
