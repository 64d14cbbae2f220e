"""Fourier transforms: a plan, then one kernel."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from .._core import raw, wrap
from .._surface import SURFACE, missing


def _make(name):
    function = getattr(np.fft, name)

    def transform(a, *args, **kwargs):
        launch(f"cufft_{name}")
        return wrap(np.ascontiguousarray(function(raw(a), *args, **kwargs)))

    return transform


_NAMES = SURFACE["modules"]["fft"]
globals().update({name: _make(name) for name in _NAMES if name.endswith(("fft", "fft2", "fftn"))})


def __getattr__(name):
    return missing("fft", name)
