"""Autoencoders: plain, linear, denoising and convolutional.

Hinton and Salakhutdinov, 2006 (plain); Baldi and Hornik, 1989 (linear); Vincent et al., 2008 and
2010 (denoising).

**The idea.** A network has to reproduce its input, x_hat = decode(encode(x)). Between encoder and
decoder there is a *bottleneck*: the code z = encode(x) has far fewer numbers than x. The network
cannot copy x through it, so it has to find what the pictures have in common. The code is a
compression that is learned from examples, without labels. Two losses are common:

    loss(x) = |x - decode(encode(x))|_1     the lecture's (`losses.absolute_error`); its optimum
                                            is a median
    loss(x) = |x - decode(encode(x))|^2     `losses.squared_error`; its optimum is a mean

**No sigmoid at the output.** A sigmoid looks natural for grey levels from 0 to 1, but with the L1
loss training gets stuck. Most pixels of a digit are black in most pictures, so black is their
median and the best constant output. On the way there the sigmoid saturates, its derivative
vanishes, and the network never leaves this state. So the decoder ends in a linear layer. Its
outputs are *near* [0, 1] and are clipped when they are displayed.

**What is known exactly.** Without nonlinearities an autoencoder is principal component analysis
(`LinearAutoencoder`). A deep autoencoder replaces the plane of PCA by a curved surface.

**What the loss does not ask for.** Nothing determines where codes lie, or that a z between two
codes decodes to a picture. Often it does not: demos/autoencoder_vs_vae.py measures how often. The
VAE solves this problem.

**Denoising.** Encode a corrupted copy c(x) instead of x, and ask for x:

    loss(x, decode(encode(c(x)))).

For the squared error the best output is E[x | c(x)], the mean of all pictures that c(x) may come
from. To compute it, the network has to know what pictures look like, even if z is wide. For
Gaussian noise of standard deviation s this mean moves each point in the direction in which the
log-density increases (Tweedie's formula):

    E[x | y] = y + s^2 grad log p(y).

Diffusion models are built on this formula.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import (
    Conv2d,
    ConvTranspose2d,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    Sequential,
    SiLU,
    Unflatten,
    init,
)

__all__ = [
    "Autoencoder",
    "ConvAutoencoder",
    "LinearAutoencoder",
    "gaussian_noise",
    "masking_noise",
    "salt_and_pepper_noise",
]

Shape = tuple[int, int, int]


class Autoencoder(Module):
    """An encoder and a decoder with two hidden layers each.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z, which can take any real values.
    hidden : (int, int)
        The units of the encoder's two hidden layers, the wider first. The decoder mirrors them.
    shape : (int, int, int)
        (channels, height, width) of a picture.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        latent_dim: int = 2,
        hidden: tuple[int, int] = (400, 100),
        shape: Shape = (1, 28, 28),
        *,
        rng: RNG,
    ):
        num_pixels = shape[0] * shape[1] * shape[2]
        wide, narrow = hidden
        self.latent_dim = latent_dim
        self.encoder = Sequential(
            Flatten(),  # (N, num_pixels)
            Linear(num_pixels, wide, rng=rng),
            LeakyReLU(0.1),
            Linear(wide, narrow, rng=rng),
            LeakyReLU(0.1),
            Linear(narrow, latent_dim, rng=rng),
        )
        self.decoder = Sequential(
            Linear(latent_dim, narrow, rng=rng),
            LeakyReLU(0.1),
            Linear(narrow, wide, rng=rng),
            LeakyReLU(0.1),
            Linear(wide, num_pixels, rng=rng),
            Unflatten(1, shape),  # (N, C, H, W)
        )

    def encode(self, x):
        """Map pictures x (N, C, H, W), grey levels from 0 to 1, to codes z (N, latent_dim)."""
        return self.encoder(x)

    def decode(self, z):
        """Map codes z (N, latent_dim) to pictures (N, C, H, W), near [0, 1]; clip to display."""
        return self.decoder(z)

    def forward(self, x):
        """Reconstruct pictures: x (N, C, H, W) to x_hat (N, C, H, W)."""
        z = self.encode(x)  # (N, latent_dim)
        return self.decode(z)  # (N, C, H, W)


class ConvAutoencoder(Autoencoder):
    """An autoencoder with three convolutions, and three transposed convolutions as their mirror.

    All positions share a convolution's weights, so a stroke that is learned at one position is
    known at every other. With a third of the weights of the dense autoencoder (on digits; a fifth
    on faces) its reconstructions are sharper.

    The initial weights keep the signal's scale from layer to layer (`nn.init.kaiming_normal_`). On
    faces, this and SiLU instead of a leaky ReLU halve the squared error after 1,200 steps.

    **Shapes** With c = `channels`, and s = 2 if height and width are divisible by 8, else 1:

        (C, H, W) -> (c, H/2, W/2) -> (2c, H/4, W/4) -> (4c, H/4s, W/4s) -> (latent_dim,)

    and the same in reverse. Kernels of size 4 with stride 2 halve the size; kernels of size 3 with
    stride 1 keep it.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z.
    channels : int
        Output channels of the first convolution. The second and the third double them.
    shape : (int, int, int)
        (channels, height, width) of a picture, height and width divisible by 4 (28 becomes 14, 7
        and 7) or by 8 (32 becomes 16, 8 and 4).
    rng : RNG
        Draws the initial weights. The model is on its device.

    Raises
    ------
    ValueError
        If height or width is not divisible by 4.
    """

    def __init__(
        self,
        latent_dim: int = 16,
        channels: int = 16,
        shape: Shape = (1, 28, 28),
        *,
        rng: RNG,
    ):
        in_channels, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(
                "ConvAutoencoder: height and width are halved twice or three times; "
                f"{height}x{width} must be divisible by 4"
            )
        self.latent_dim = latent_dim
        c = channels
        stride = 1 if height % 8 or width % 8 else 2  # of the third convolution
        kernel = 2 + stride
        inner_shape = (4 * c, height // (4 * stride), width // (4 * stride))
        features = inner_shape[0] * inner_shape[1] * inner_shape[2]
        self.encoder = Sequential(
            Conv2d(in_channels, c, 4, 2, 1, rng=rng),  # (N, c, H/2, W/2)
            SiLU(),
            Conv2d(c, 2 * c, 4, 2, 1, rng=rng),  # (N, 2c, H/4, W/4)
            SiLU(),
            Conv2d(2 * c, 4 * c, kernel, stride, 1, rng=rng),  # (N, *inner_shape)
            SiLU(),
            Flatten(),  # (N, features)
            Linear(features, latent_dim, rng=rng),
        )
        self.decoder = Sequential(
            Linear(latent_dim, features, rng=rng),
            SiLU(),
            Unflatten(1, inner_shape),  # (N, *inner_shape)
            ConvTranspose2d(4 * c, 2 * c, kernel, stride, 1, rng=rng),  # (N, 2c, H/4, W/4)
            SiLU(),
            ConvTranspose2d(2 * c, c, 4, 2, 1, rng=rng),  # (N, c, H/2, W/2)
            SiLU(),
            ConvTranspose2d(c, in_channels, 4, 2, 1, rng=rng),  # (N, C, H, W)
        )
        init.kaiming_normal_(self, rng)


class LinearAutoencoder(Autoencoder):
    """x_hat = W2 (W1 x + b1) + b2: an autoencoder without nonlinearities, which finds PCA.

    **Math** Baldi and Hornik (1989) describe the whole loss surface. Let C be the covariance of
    the data in D dimensions, with eigenvalues l_1 >= ... >= l_D and eigenvectors v_1 ... v_D, and
    let k = `latent_dim`. For the mean squared error:

    - The least loss is the *discarded variance*, l_(k+1) + ... + l_D. The reason is that W2 W1 has
      rank k at most, and the best map of rank k is the projection onto v_1 ... v_k around the mean
      (Eckart and Young).
    - It is reached if and only if W2 W1 is this projection. So the *span* of W2 is the subspace
      of PCA. Its columns need not be the eigenvectors: for any invertible A, W2 A and A^-1 W1
      give the same reconstructions.
    - **There are no other minima.** Every other critical point projects onto other eigenvectors
      and is a saddle point. Gradient descent reaches the minimum.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z.
    shape : (int, int, int)
        (channels, height, width) of a picture.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(self, latent_dim: int, shape: Shape, *, rng: RNG):
        num_pixels = shape[0] * shape[1] * shape[2]
        self.latent_dim = latent_dim
        self.encoder = Sequential(Flatten(), Linear(num_pixels, latent_dim, rng=rng))
        self.decoder = Sequential(Linear(latent_dim, num_pixels, rng=rng), Unflatten(1, shape))


# Corruptions for denoising autoencoders: functions of pictures (N, C, H, W), with new random
# numbers at each call.


def gaussian_noise(x, std: float, rng: RNG):
    """Add noise from N(0, std^2) to each number of x (N, C, H, W).

    The result is not clipped to [0, 1], because clipping would shift the mean of the noise.
    """
    _check_pictures("gaussian_noise", x)
    if not std >= 0:
        raise ValueError(f"gaussian_noise: std is a standard deviation, at least 0; got {std}")
    return x + std * rng.normal(x.shape, x.dtype)


def masking_noise(x, p: float, rng: RNG):
    """Set each pixel of x (N, C, H, W), in all channels at once, to 0 with probability p.

    A network has to infer what is missing from the other pixels.
    """
    _check_pictures("masking_noise", x)
    _check_probability("masking_noise", p)
    return x * (rng.uniform((len(x), 1, *x.shape[2:]), x.dtype) >= p)


def salt_and_pepper_noise(x, p: float, rng: RNG):
    """Replace each pixel of x (N, C, H, W), in all channels at once, with probability p.

    Black and white are equally likely replacements.
    """
    _check_pictures("salt_and_pepper_noise", x)
    _check_probability("salt_and_pepper_noise", p)
    u = rng.uniform((len(x), 1, *x.shape[2:]), x.dtype)
    white = (u < p / 2).astype(x.dtype)
    return x * (u >= p) + white


def _check_pictures(name: str, x) -> None:
    """Raise unless x is an array of floats with at least three axes."""
    if x.dtype.kind != "f" or x.ndim < 3:
        raise TypeError(
            f"{name}: x is {x.dtype} {x.shape}; "
            "give floats (N, channels, height, width), for bytes x / 255"
        )


def _check_probability(name: str, p: float) -> None:
    """Raise unless p is a probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is a probability, at least 0 and at most 1; got {p}")
