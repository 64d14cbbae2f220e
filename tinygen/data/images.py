"""Ranges and sizes of images: bytes, floats from 0 to 1, floats from -1 to 1.

    to_float      bytes to floats from 0 to 1
    normalize     bytes, or floats from 0 to 1, to floats from -1 to 1: the range of tanh
    denormalize   floats from -1 to 1 back to floats from 0 to 1
    to_bytes      floats from 0 to 1 back to bytes
    binarize      bytes to random black and white
    downsample    fewer pixels, each the mean of a square

Arrays may be on any device. The result is on the same one; only that of `binarize` is on the device
of its source of random numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import RNG, to_device

__all__ = ["binarize", "denormalize", "downsample", "normalize", "to_bytes", "to_float"]

Array = Any  # np.ndarray or cupy.ndarray


def to_float(images: Array) -> Array:
    """Convert bytes to float32 from 0 to 1; floats are taken to be in that range already.

    Parameters
    ----------
    images : array, any shape
        uint8, divided by 255; or floats, converted to float32 only.

    Returns
    -------
    array of float32, same shape

    Raises
    ------
    TypeError
        If the images are neither uint8 nor floats.
    """
    if images.dtype == np.uint8:
        return images / np.float32(255)
    if images.dtype.kind != "f":
        raise TypeError(f"images are bytes (uint8) or floats from 0 to 1, not {images.dtype}")
    return images.astype(np.float32, copy=False)


def normalize(images: Array) -> Array:
    """Convert images to float32 from -1 to 1, the range of a generator that ends in tanh.

    Parameters
    ----------
    images : array, any shape
        uint8 b, which becomes b / 127.5 - 1; or floats x from 0 to 1, which become 2 x - 1.

    Returns
    -------
    array of float32, same shape

    Raises
    ------
    TypeError
        If the images are neither uint8 nor floats.
    """
    if images.dtype == np.uint8:
        return images / np.float32(127.5) - 1
    return 2 * to_float(images) - 1


def denormalize(x: Array) -> Array:
    """Convert floats from -1 to 1 to floats from 0 to 1: x / 2 + 1/2, clipped to that range."""
    return x.clip(-1, 1) / 2 + 0.5


def to_bytes(images: Array) -> Array:
    """Convert floats from 0 to 1 to uint8: 255 x, clipped and rounded to the nearest integer."""
    return (255 * images.clip(0, 1)).round().astype(np.uint8)


def binarize(images: np.ndarray, rng: RNG) -> Array:
    """Draw each pixel black or white: 1 with a probability equal to its grey level.

    A new draw for each batch (dynamic binarization) also keeps a model from memorizing images.

    **Source** Salakhutdinov and Murray, On the quantitative analysis of deep belief networks,
    2008.

    Parameters
    ----------
    images : array, any shape
        uint8, or floats from 0 to 1.
    rng : RNG
        Decides the pixels, and the device of the result.

    Returns
    -------
    array of float32, same shape
        0 and 1, on the device of `rng`.
    """
    return rng.bernoulli(to_float(to_device(images, rng.device)))


def downsample(images: np.ndarray, size: int) -> np.ndarray:
    """Reduce square images to `size` pixels a side, each the mean of a square of pixels.

    The values keep their range: for bytes the result is float32 from 0 to 255.

    Parameters
    ----------
    images : array (n, channels, side, side)
        Any dtype; the side is a multiple of `size`.
    size : int
        The side of the result.

    Returns
    -------
    array (n, channels, size, size) of float32

    Raises
    ------
    ValueError
        If the images are not square, or their side is not a multiple of `size`.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3] or images.shape[2] % size:
        raise ValueError(
            "downsample: needs images (n, channels, side, side) whose side is a multiple of "
            f"{size}; got shape {images.shape}"
        )
    n, channels, side, _ = images.shape
    factor = side // size
    tiles = images.reshape(n, channels, size, factor, size, factor)
    return tiles.mean(axis=(3, 5), dtype=np.float32)
