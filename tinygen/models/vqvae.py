"""Codes from a finite book: van den Oord, Vinyals and Kavukcuoglu, Neural Discrete Representation Learning (VQ-VAE), 2017.

**The model.** The encoder gives a small grid of vectors z_e(x); each is replaced by the nearest of K vectors e_1 ... e_K, the *codebook*, and the decoder
sees those:

    k(x) = argmin_j |z_e(x) - e_j|,    z_q(x) = e_k(x)                                                 (eq. 1 and 2)

A picture is then a grid of integers. As a VAE: q(z|x) puts all its mass on one code, so with a uniform prior its KL is log K for each cell, a constant,
and drops out of the objective. Nothing pulls codes to a prior: what to sample from is learnt afterwards, a second model over the grids of integers.

**Three terms**, each for one part (eq. 3; sg is stop-gradient: the value, held constant):

    log p(x|z_q)                 trains the decoder, and the encoder *straight through*: argmin has no useful derivative, so the gradient that arrives
                                 at z_q is handed to z_e as it is, as if z_q = z_e. Wrong in direction by what the two differ, and enough in practice;
    |sg[z_e] - e|^2              draws each code in use to the mean of the vectors it stands for (k-means by gradient); the codebook sees nothing else,
                                 for straight-through leaves none of the decoder's gradient to it;
    beta |z_e - sg[e]|^2         keeps the encoder committed to its code: or z_e would grow without end while the codes run after it. beta = 0.25.

**Dead codes.** A code that is nearest to no vector gets no gradient, ever: from a random start most of the book may be so, and stay so. Here a code that
has not been chosen in more than `patience` training calls is put on one of the present vectors z_e, drawn at random, in `VectorQuantizer.revive`. The
paper has no such step; its later versions do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import ops
from ..autograd.tensor import Tensor
from ..backend import RNG, array_module
from ..losses import squared_error
from ..nn import Conv2d, ConvTranspose2d, Module, ReLU, Sequential
from ..nn.module import parameter

__all__ = ["VQVAE", "Quantized", "VectorQuantizer", "vq_loss"]


class Quantized(NamedTuple):
    """What the codebook makes of z_e (N, d, h, w)."""

    z_q: Tensor  # (N, d, h, w): the nearest codes, with the gradient of z_e
    indices: np.ndarray  # (N, h, w) integers: which codes
    codebook: Tensor  # (N,): |sg[z_e] - e|^2, summed over the grid
    commitment: Tensor  # (N,): |z_e - sg[e]|^2, the same number with the other gradient


class VectorQuantizer(Module):
    """The codebook: `codes` vectors of `features` numbers, the parameter `weight` (codes, features), from U(-1/K, 1/K) as in the authors' code.

    A buffer `idle` (codes,) counts the training calls since each code was last chosen.
    """

    def __init__(self, codes: int, features: int, *, rng: RNG):
        self.codes, self.features = codes, features
        self.weight = parameter((2 * rng.uniform((codes, features)) - 1) / np.float32(codes))
        self.register_buffer("idle", np.zeros_like(self.weight.data, shape=(codes,)))

    def nearest(self, z):
        """For vectors z (..., features), raw, the index of the nearest code: |z - e|^2 = |z|^2 - 2 z e + |e|^2, of which |z|^2 decides nothing."""
        e = self.weight.data
        return ((e * e).sum(axis=1) - 2 * (z @ e.T)).argmin(axis=-1)

    def forward(self, z_e) -> Quantized:
        """z_e (N, features, h, w) to its codes."""
        if z_e.ndim != 4 or z_e.shape[1] != self.features:
            raise ValueError(f"VectorQuantizer: z_e {z_e.shape} must be (N, {self.features}, h, w): a grid of vectors as long as the codes")
        z = ops.moveaxis(z_e, 1, -1)  # (N, h, w, features)
        indices = self.nearest(_raw(z))
        e = ops.embedding(indices, self.weight)
        if self.training:
            chosen = array_module(indices).bincount(indices.reshape(-1), minlength=self.codes) > 0
            self.idle[...] = np.where(chosen, 0, self.idle.data + 1).astype(self.idle.dtype)
        z_q = ops.moveaxis(ops.straight_through(z, e), -1, 1)
        return Quantized(z_q, indices, squared_error(ops.stop_gradient(z), e), squared_error(z, ops.stop_gradient(e)))

    def revive(self, z_e, patience: int, rng: RNG) -> int:
        """Put each code that has been idle for more than `patience` training calls on one of the vectors of z_e (N, features, h, w); how many there were.

        Call it between the optimizer's step and the next forward: it writes into the codebook.
        """
        vectors = np.moveaxis(_raw(z_e), 1, -1).reshape(-1, self.features)
        dead = self.idle.data > patience
        draws = rng.integers(0, len(vectors), (self.codes,))  # as many for every number of dead codes: the stream of numbers does not depend on it
        self.weight.data = np.where(dead[:, None], vectors[draws], self.weight.data)
        self.idle.data = np.where(dead, 0, self.idle.data).astype(self.idle.dtype)
        return int(dead.sum())


class VQVAE(Module):
    """Convolutional encoder and decoder about a codebook: (C, H, W) to a grid (H/4, W/4) of one of `codes` codes, and back to the pixels' logits.

    Parameters
    ----------
    codes : K, the size of the codebook. A 28 x 28 picture becomes 49 codes: at K = 64, 294 bits.
    features : numbers a code has.
    channels : of the two convolutions on either side.
    shape : (channels, height, width) of a picture; height and width are multiples of 4.
    """

    def __init__(
        self, codes: int = 64, features: int = 16, channels: int = 32, shape: tuple[int, int, int] = (1, 28, 28), *, rng: RNG
    ):  # fmt: skip
        colours, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(f"VQVAE: pictures are {height} x {width}; both must be multiples of 4, for they are halved twice and doubled twice")
        self.encoder = Sequential(
            Conv2d(colours, channels, 4, 2, 1, rng=rng), ReLU(),
            Conv2d(channels, channels, 4, 2, 1, rng=rng), ReLU(),
            Conv2d(channels, features, 1, rng=rng),
        )  # fmt: skip
        self.quantizer = VectorQuantizer(codes, features, rng=rng)
        self.decoder = Sequential(
            Conv2d(features, channels, 3, 1, 1, rng=rng), ReLU(),
            ConvTranspose2d(channels, channels, 4, 2, 1, rng=rng), ReLU(),
            ConvTranspose2d(channels, colours, 4, 2, 1, rng=rng),
        )  # fmt: skip

    def encode(self, x):
        """x (N, *shape) to z_e (N, features, H/4, W/4), before the codebook."""
        return self.encoder(x)

    def decode(self, z_q):
        """Codes (N, features, H/4, W/4) to logits (N, *shape)."""
        return self.decoder(z_q)

    def decode_indices(self, indices):
        """A grid of integers (N, H/4, W/4) to logits (N, *shape): how a model over the codes draws a picture."""
        return self.decode(ops.moveaxis(ops.embedding(indices, self.quantizer.weight), -1, 1))


def vq_loss(model: VQVAE, x, beta: float = 0.25):
    """The objective for each picture (eq. 3), to be made small, and what the codebook said: (N,) and `Quantized`.

        |x - x_hat|^2 + |sg[z_e] - e|^2 + beta |z_e - sg[e]|^2,    x_hat = sigmoid(decode(z_q)),

    all three summed over the picture, or its grid. x: (N, *shape), grey levels 0 to 1.
    """
    quantized = model.quantizer(model.encode(x))
    error = squared_error(x, ops.sigmoid(model.decode(quantized.z_q)))
    return error + quantized.codebook + beta * quantized.commitment, quantized


def _raw(a):
    return a.data if isinstance(a, Tensor) else a
