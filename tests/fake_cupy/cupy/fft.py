"""Fourier transforms, of which the stand-in has none yet."""

from ._surface import missing


def __getattr__(name):
    return missing("fft", name)
