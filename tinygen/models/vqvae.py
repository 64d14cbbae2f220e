"""VQ-VAE: van den Oord, Vinyals and Kavukcuoglu, Neural Discrete Representation Learning, 2017.

Equation numbers are that paper's.

**The model.** The encoder maps an image to a small grid of vectors z_e(x). Each vector is replaced
by the nearest of K vectors e_1 ... e_K, the *codebook*. The decoder sees only these:

    k(x) = argmin_j |z_e(x) - e_j|,   z_q(x) = e_k(x)                                 (eq. 1 and 2)

So an image becomes a grid of integers. As a VAE, q(z|x) puts all its mass on one code. With a
uniform prior p(z) = 1/K, the KL of each cell of the grid is a constant and drops out:

    KL(q || p) = sum_k q_k log(q_k / p_k) = 1 log(1 / (1/K)) = log K

Nothing makes the codes follow a prior. What to sample from is learned afterwards, by a second
model of the grids of integers.

**The objective has three terms** (eq. 3), each for one part of the model. sg is stop-gradient: its
value is the argument, which counts as a constant.

    -log p(x|z_q)        trains the decoder and, *straight through*, the encoder
    |sg[z_e] - e|^2      trains the codebook
    beta |z_e - sg[e]|^2 trains the encoder; beta = 0.25

1. **Straight through.** argmin has no useful derivative. So the gradient that arrives at z_q is
   handed to z_e unchanged, as if z_q were z_e. The direction is wrong by as much as the two differ,
   and in practice it suffices.
2. **The codebook term** moves each code in use to the mean of the vectors that it represents: this
   is k-means by gradient descent. The codebook receives no other gradient, since straight-through
   sends it none from the decoder.
3. **The commitment term** keeps the encoder close to its codes. Without it z_e could grow without
   end, while the codes follow.

**Dead codes.** A code that is nearest to no vector never receives a gradient. From a random start,
most of the codebook may be like this, and stay so. Here a code that was not chosen in more than
`patience` training steps is moved to a random one of the current vectors z_e
(`VectorQuantizer.restart_dead_codes`). The paper has no such step, later versions have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import RNG
from ..losses import squared_error
from ..nn import Conv2d, ConvTranspose2d, Module, ReLU, Sequential
from ..nn.module import parameter
from ..ops import embedding, moveaxis, sigmoid, stop_gradient, straight_through
from ..ops.arguments import raw

__all__ = ["VQVAE", "Quantized", "VectorQuantizer", "vqvae_loss"]


class Quantized(NamedTuple):
    """The result of quantizing z_e (N, d, h, w)."""

    z_q: Tensor  # (N, d, h, w): the nearest codes; their gradient goes to z_e
    indices: np.ndarray  # (N, h, w): the index of each code
    codebook_loss: Tensor  # (N,): |sg[z_e] - e|^2, summed over the grid
    commitment_loss: Tensor  # (N,): |z_e - sg[e]|^2, the same value with the other gradient


class VectorQuantizer(Module):
    """The codebook: replaces each vector by the nearest code.

    The parameter `weight` (num_codes, code_dim) is initialized from U(-1/K, 1/K), K = num_codes, as
    in the authors' code. The buffer `steps_unused` (num_codes,) counts the steps since each code
    was last chosen; a step is a call in training mode.

    On a GPU, `embedding` waits in each call to check the indices, and the gradient of a large
    codebook is added atomically, in no fixed order.

    Parameters
    ----------
    num_codes : int
        K, the number of codes.
    code_dim : int
        The number of dimensions of a code.
    rng : RNG
        Draws the initial codes. The module lies on its device.
    """

    def __init__(self, num_codes: int, code_dim: int, *, rng: RNG):
        self.num_codes, self.code_dim = num_codes, code_dim
        uniform = 2 * rng.uniform((num_codes, code_dim)) - 1  # from -1 to 1
        self.weight = parameter(uniform / np.float32(num_codes))
        self.register_buffer("steps_unused", np.zeros_like(self.weight.data, shape=(num_codes,)))

    def find_nearest(self, z):
        """Return the index of the nearest code of each vector.

            |z - e|^2 = |z|^2 - 2 z . e + |e|^2

        |z|^2 is the same for all codes, so it is left out.

        **Shapes** z (..., code_dim), an array; indices (...).
        """
        e = self.weight.data
        return ((e * e).sum(axis=1) - 2 * (z @ e.T)).argmin(axis=-1)

    def forward(self, z_e) -> Quantized:
        """Quantize a grid of vectors.

        **Shapes** z_e (N, code_dim, h, w).
        """
        if z_e.ndim != 4 or z_e.shape[1] != self.code_dim:
            raise ValueError(
                f"VectorQuantizer: z_e {z_e.shape} must be (N, {self.code_dim}, h, w): "
                "a grid of vectors as long as the codes"
            )
        z = moveaxis(z_e, 1, -1)  # (N, h, w, code_dim)
        indices = self.find_nearest(raw(z))  # (N, h, w)
        e = embedding(indices, self.weight)  # (N, h, w, code_dim)
        if self.training:
            self._count_unused_steps(indices)
        return Quantized(
            z_q=moveaxis(straight_through(z, e), -1, 1),  # (N, code_dim, h, w)
            indices=indices,
            codebook_loss=squared_error(stop_gradient(z), e),
            commitment_loss=squared_error(z, stop_gradient(e)),
        )

    def restart_dead_codes(self, z_e, patience: int, rng: RNG) -> int:
        """Move each code that was unused for more than `patience` steps to a random vector of z_e.

        It writes into the codebook. So call it between the optimizer's step and the next forward
        pass.

        **Shapes** z_e (N, code_dim, h, w).

        Returns
        -------
        int
            The number of codes that were moved.
        """
        vectors = np.moveaxis(raw(z_e), 1, -1).reshape(-1, self.code_dim)  # (N h w, code_dim)
        is_dead = self.steps_unused.data > patience
        # One draw per code, dead or not, so that the random numbers after it do not depend on how
        # many are dead.
        choices = rng.integers(0, len(vectors), (self.num_codes,))
        self.weight.data = np.where(is_dead[:, None], vectors[choices], self.weight.data)
        steps = np.where(is_dead, 0, self.steps_unused.data)
        self.steps_unused.data = steps.astype(self.steps_unused.dtype)
        return int(is_dead.sum())

    def _count_unused_steps(self, indices) -> None:
        is_used = np.zeros_like(self.steps_unused.data, dtype=bool)
        is_used[indices.reshape(-1)] = True
        steps = np.where(is_used, 0, self.steps_unused.data + 1)
        self.steps_unused[...] = steps.astype(self.steps_unused.dtype)


class VQVAE(Module):
    """A convolutional encoder and decoder with a codebook in between.

    An image (C, H, W) becomes a grid (H/4, W/4) of codes, and then logits of pixels (C, H, W).

    Parameters
    ----------
    num_codes : int
        K, the size of the codebook. A 28 x 28 image becomes 49 codes; at K = 64, that is 294 bits.
    code_dim : int
        The number of dimensions of a code.
    channels : int
        The number of channels of the convolutions.
    shape : tuple (channels, height, width)
        The shape of an image. Height and width are multiples of 4.
    rng : RNG
        Draws the initial weights. The model lies on its device.
    """

    def __init__(
        self,
        num_codes: int = 64,
        code_dim: int = 16,
        channels: int = 32,
        shape: tuple[int, int, int] = (1, 28, 28),
        *,
        rng: RNG,
    ):
        image_channels, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(
                f"VQVAE: images are {height} x {width}; both must be multiples of 4, "
                "since they are halved twice and doubled twice"
            )
        self.encoder = Sequential(
            Conv2d(image_channels, channels, 4, stride=2, padding=1, rng=rng),
            ReLU(),
            Conv2d(channels, channels, 4, stride=2, padding=1, rng=rng),
            ReLU(),
            Conv2d(channels, code_dim, 1, rng=rng),
        )
        self.quantizer = VectorQuantizer(num_codes, code_dim, rng=rng)
        self.decoder = Sequential(
            Conv2d(code_dim, channels, 3, padding=1, rng=rng),
            ReLU(),
            ConvTranspose2d(channels, channels, 4, stride=2, padding=1, rng=rng),
            ReLU(),
            ConvTranspose2d(channels, image_channels, 4, stride=2, padding=1, rng=rng),
        )

    def encode(self, x):
        """Return z_e, before the codebook.

        **Shapes** x (N, C, H, W); z_e (N, code_dim, H/4, W/4).
        """
        return self.encoder(x)

    def decode(self, z_q):
        """Return the logits of the pixels.

        **Shapes** z_q (N, code_dim, H/4, W/4); logits (N, C, H, W).
        """
        return self.decoder(z_q)

    def decode_indices(self, indices):
        """Return the logits of the pixels, for a grid of codes given by their indices.

        This is how a model of the codes generates an image.

        **Shapes** indices (N, H/4, W/4), integers; logits (N, C, H, W).
        """
        e = embedding(indices, self.quantizer.weight)  # (N, H/4, W/4, code_dim)
        return self.decode(moveaxis(e, -1, 1))


def vqvae_loss(model: VQVAE, x, beta: float = 0.25):
    """Return the objective of each image (eq. 3), to be minimized, and its `Quantized`.

        |x - x_hat|^2 + |sg[z_e] - e|^2 + beta |z_e - sg[e]|^2

        x_hat = sigmoid(decode(z_q))    the reconstruction
        z_e   = encode(x)               the encoder's vectors, one per cell of the grid
        e                               the nearest codes, which are the values of z_q
        sg[.]                           stop-gradient: its argument counts as a constant

    The three terms train the decoder and the encoder, the codebook, and the encoder again (the
    module's docstring explains them). Each term is summed over the image or over its grid.

    Parameters
    ----------
    model : VQVAE
    x : array or Tensor (N, C, H, W)
        Images with grey levels from 0 to 1.
    beta : float
        The weight of the commitment term.

    Returns
    -------
    loss : Tensor (N,)
    quantized : Quantized
    """
    quantized = model.quantizer(model.encode(x))
    x_hat = sigmoid(model.decode(quantized.z_q))  # (N, C, H, W)
    error = squared_error(x, x_hat)  # (N,)
    return error + quantized.codebook_loss + beta * quantized.commitment_loss, quantized
