"""Convolution of sequences: that of images of height one, whose rules serve here too."""

from __future__ import annotations

from .arguments import as_pair
from .conv import conv2d, conv_transpose2d
from .shape import expand_dims, squeeze

__all__ = ["conv1d", "conv_transpose1d"]


def conv1d(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """1-D convolution: `conv2d` of height one.

    **Shapes** x (N, C, L), w (O, C/groups, k), bias (O,) or None -> (N, O, Lo) with
    Lo = (L + 2p - d (k - 1) - 1) // s + 1. One sequence (C, L) gives (O, Lo). A padding of "valid"
    or "same" is as in `conv2d`.
    """
    settings = _with_height_settings("conv1d", stride=stride, padding=padding, dilation=dilation)
    x, w = _with_height("conv1d", x, w)
    return squeeze(conv2d(x, w, bias, groups=groups, **settings), axis=-2)


def conv_transpose1d(x, w, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """1-D transposed convolution: `conv_transpose2d` of height one.

    **Shapes** x (N, C, L), w (C, O/groups, k), bias (O,) or None -> (N, O, Lo) with
    Lo = (L - 1) s - 2p + d (k - 1) + 1 + output_padding. One sequence (C, L) gives (O, Lo).
    """
    settings = _with_height_settings(
        "conv_transpose1d",
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
    )
    x, w = _with_height("conv_transpose1d", x, w)
    return squeeze(conv_transpose2d(x, w, bias, groups=groups, **settings), axis=-2)


def _with_height(function: str, x, w):
    """Insert a height of one: (..., L) to (..., 1, L)."""
    if x.ndim not in (2, 3) or w.ndim != 3:
        raise ValueError(
            f"{function}: x {x.shape} and w {w.shape} must be (N, C, L) or (C, L), and a weight "
            "with three axes, k last"
        )
    return expand_dims(x, axis=-2), expand_dims(w, axis=-2)


def _with_height_settings(function: str, **settings) -> dict:
    """Return the settings of a convolution of height one: pairs (height, width)."""
    least = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}
    pairs = {}
    for name, value in settings.items():
        is_word = name == "padding" and value in ("same", "valid")
        pairs[name] = value if is_word else as_pair(function, name, value, least[name], 1)
    return pairs
