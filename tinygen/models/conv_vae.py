"""The VAE of `vae.py` with convolutions: the same weights read every place of the image.

A linear layer from 784 pixels to 400 units has 313,600 weights and does not know which pixels are
neighbours. If the pixels of all images were permuted in one fixed way, it would learn as well. A
convolution reads windows of 4 x 4 pixels, with the same 16 weights at every place. With stride 2,
each layer halves the height and width while the number of channels grows. The decoder reverses this
with transposed convolutions. The objective does not change: `vae.elbo` takes this model too.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Conv2d, ConvTranspose2d, Flatten, Linear, Sequential, SiLU, Unflatten, init
from .vae import VAE, mean_image

__all__ = ["ConvVAE"]


class ConvVAE(VAE):
    """Gaussian encoder and Bernoulli decoder, of two convolutions each.

    With the default channels, the shapes from the image to z and back are

        image (C, H, W), (32, H/2, W/2), (64, H/4, W/4), mu and log_var (latent_dim,)
        z (latent_dim,), (64, H/4, W/4), (32, H/2, W/2), logits (C, H, W)

    `encode` and `decode` are those of `VAE`.

    Parameters
    ----------
    latent_dim : int
        The number of dimensions of z.
    channels : tuple of two int
        The number of channels of the two convolutions, from the image to z.
    shape : tuple (channels, height, width)
        The shape of an image. Height and width are multiples of 4.
    mean, rng
        As in `VAE`.
    """

    def __init__(
        self,
        latent_dim: int = 32,
        channels: tuple[int, int] = (32, 64),
        shape: tuple[int, int, int] = (1, 28, 28),
        *,
        mean=None,
        rng: RNG,
    ):
        image_channels, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(
                f"ConvVAE: images are {height} x {width}; both must be multiples of 4, "
                "since they are halved twice and doubled twice"
            )
        first, second = channels
        inner_shape = (second, height // 4, width // 4)
        num_features = second * (height // 4) * (width // 4)
        self.latent_dim = latent_dim
        self.encoder = Sequential(
            Conv2d(image_channels, first, 4, stride=2, padding=1, rng=rng),
            SiLU(),
            Conv2d(first, second, 4, stride=2, padding=1, rng=rng),
            SiLU(),
            Flatten(),
        )
        self.to_mu = Linear(num_features, latent_dim, rng=rng)
        self.to_log_var = Linear(num_features, latent_dim, rng=rng)
        # With kernel 4 and stride 2, every output pixel is covered by the same number of windows.
        # With kernel 3 some would be covered more often, which shows as a checkerboard.
        self.decoder = Sequential(
            Linear(latent_dim, num_features, rng=rng),
            SiLU(),
            Unflatten(1, inner_shape),
            ConvTranspose2d(second, first, 4, stride=2, padding=1, rng=rng),
            SiLU(),
            ConvTranspose2d(first, image_channels, 4, stride=2, padding=1, rng=rng),
        )
        self.register_buffer("mean", mean_image(mean, shape, rng.device))
        init.kaiming_normal_(self.encoder, rng)
        init.kaiming_normal_(self.decoder, rng)
