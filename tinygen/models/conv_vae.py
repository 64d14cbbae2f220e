"""The VAE of `vae.py` with convolutions: neighbouring pixels are read by weights that are the same everywhere.

A linear layer from 784 pixels to 400 units has 313,600 weights and knows no neighbours: shuffle all pictures' pixels in one fixed way, and it learns
as well. A convolution sees windows of 4 x 4 pixels, the same 16 weights at every place. Stride 2 halves height and width at each layer while the
channels grow; the decoder undoes it with the transposed convolution. The objective does not change: `vae.elbo` takes this model as it is.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Conv2d, ConvTranspose2d, Flatten, Linear, Sequential, SiLU, Unflatten
from .vae import VAE

__all__ = ["ConvVAE"]


class ConvVAE(VAE):
    """Gaussian encoder and Bernoulli decoder of two convolutions each.

        picture (C, H, W) -> (32, H/2, W/2) -> (64, H/4, W/4) -> mu, log_var (latent_dim,) -> (64, H/4, W/4) -> (32, H/2, W/2) -> logits (C, H, W)

    Parameters
    ----------
    latent_dim : dimensions of z.
    channels : of the two convolutions, from the picture inwards.
    shape : (channels, height, width) of a picture; height and width are multiples of 4.
    mean, generator : as in `VAE`.
    """

    def __init__(self, latent_dim: int = 32, channels: tuple[int, int] = (32, 64), shape: tuple[int, int, int] = (1, 28, 28), *, mean=None, rng: RNG):
        colours, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(f"ConvVAE: pictures are {height} x {width}; both must be multiples of 4, for they are halved twice and doubled twice")
        few, many = channels
        inner = (many, height // 4, width // 4)
        features = many * (height // 4) * (width // 4)
        self.latent_dim = latent_dim
        self.encoder = Sequential(
            Conv2d(colours, few, 4, 2, 1, rng=rng), SiLU(),
            Conv2d(few, many, 4, 2, 1, rng=rng), SiLU(), Flatten(),
        )  # fmt: skip
        self.to_mu = Linear(features, latent_dim, rng=rng)
        self.to_log_var = Linear(features, latent_dim, rng=rng)
        # kernel 4 at stride 2: each pixel is written by as many windows as every other; kernel 3 would leave a chessboard
        self.decoder = Sequential(
            Linear(latent_dim, features, rng=rng), SiLU(), Unflatten(1, inner),
            ConvTranspose2d(many, few, 4, 2, 1, rng=rng), SiLU(),
            ConvTranspose2d(few, colours, 4, 2, 1, rng=rng),
        )  # fmt: skip
        self._prepare(mean, shape, rng)
