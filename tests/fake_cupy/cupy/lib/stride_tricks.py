"""Views with other strides."""

from __future__ import annotations

import numpy as np

from .._core import view_of


def as_strided(x, shape=None, strides=None):
    """Return a view with the strides given."""
    return view_of(x, np.lib.stride_tricks.as_strided(x._array, shape, strides))


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """Return all windows: a view."""
    if subok:
        raise NotImplementedError("subok=True is not supported")
    if writeable:
        raise NotImplementedError("writeable=True is not supported")
    return view_of(x, np.lib.stride_tricks.sliding_window_view(x._array, window_shape, axis))
