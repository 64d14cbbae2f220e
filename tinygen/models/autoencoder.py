"""Autoencoders: plain (Hinton and Salakhutdinov, 2006), linear (Baldi and Hornik, 1989), denoising (Vincent et al., 2008 and 2010), convolutional.

**The idea.** A network must give back its input, x_hat = decode(encode(x)), and in its middle stands a *bottleneck*: z = encode(x) has far fewer
numbers than x. It cannot copy, so it must find what the pictures have in common: z is a compression learned from examples, with no label.

    loss(x) = |x - decode(encode(x))|_1        the lecture's (`losses.absolute_error`)
              |x - decode(encode(x))|^2        where the mean, and not the median, is wanted (`losses.squared_error`)

**No squashing at the end.** A sigmoid looks natural for grey levels from 0 to 1, and with L1 it is a trap: most pixels of a digit are black most of the
time, so black is their median, the best constant answer; a sigmoid saturates on the way there, its slope vanishes, and nothing ever leaves. The decoder
ends in a linear layer instead: pictures are *near* [0, 1], to be clipped when shown.

**What is known exactly**: without nonlinearities this is principal component analysis (`LinearAutoencoder`). A deep one bends that plane.

**What nothing in the loss asks for**: that codes lie anywhere in particular, or that a z between two codes decode to anything. It does not,
often enough: demos/autoencoder_vs_vae.py counts. That is where the VAE begins.

**Denoising.** Encode not x but a spoilt copy c(x), and ask for x: loss(x, decode(encode(c(x)))). For the squared error the best answer is
E[x | c(x)], the mean of what may have been there: the network must know what pictures look like to say so, even with a wide z. With Gaussian noise of
deviation s this mean moves each point uphill in log-density, E[x | y] = y + s^2 grad log p(y) (Tweedie): diffusion models are made of just that.
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

__all__ = ["Autoencoder", "ConvAutoencoder", "LinearAutoencoder", "gaussian_noise", "masking_noise", "salt_and_pepper"]

Shape = tuple[int, int, int]


class Autoencoder(Module):
    """An encoder and a decoder with two hidden layers each.

    Parameters
    ----------
    latent_dim : dimensions of z, which any real numbers may fill.
    hidden : units of the two hidden layers, the wider first; the decoder has them mirrored.
    shape : (channels, height, width) of a picture.
    generator : draws the initial weights; the model lies on its device.
    """

    def __init__(self, latent_dim: int = 2, hidden: tuple[int, int] = (400, 100), shape: Shape = (1, 28, 28), *, rng: RNG):
        pixels, (wide, narrow) = shape[0] * shape[1] * shape[2], hidden
        self.latent_dim = latent_dim
        self.encoder = Sequential(
            Flatten(), Linear(pixels, wide, rng=rng), LeakyReLU(0.1),
            Linear(wide, narrow, rng=rng), LeakyReLU(0.1), Linear(narrow, latent_dim, rng=rng),
        )  # fmt: skip
        self.decoder = Sequential(
            Linear(latent_dim, narrow, rng=rng), LeakyReLU(0.1), Linear(narrow, wide, rng=rng), LeakyReLU(0.1),
            Linear(wide, pixels, rng=rng), Unflatten(1, shape),
        )  # fmt: skip

    def encode(self, x):
        """Pictures x (N, *shape), grey levels from 0 to 1, to codes z (N, latent_dim)."""
        return self.encoder(x)

    def decode(self, z):
        """Codes z (N, latent_dim) to pictures (N, *shape), near 0 to 1: clip them to look."""
        return self.decoder(z)

    def forward(self, x):
        return self.decode(self.encode(x))


class ConvAutoencoder(Autoencoder):
    """The same with convolutions: three that halve the picture, a linear layer to z, and their mirror image, three transposed ones.

    A convolution's weights are shared by all places, so a stroke learned here is known there: with a third of the weights of dense layers (digits; a
    fifth on faces) it gives back sharper pictures.

    Its first weights keep the signal's size from layer to layer (`nn.init.kaiming_normal_`). On faces that, and SiLU in place of a leaky ReLU, leaves half the
    squared error after 1,200 steps.

    Parameters
    ----------
    latent, generator : as in `Autoencoder`.
    channels : of the first convolution's output; doubled at the second and third.
    shape : (channels, height, width), height and width divisible by 4 (28: to 14, 7, and 7 again) or by 8 (32: to 16, 8 and 4).
    """

    def __init__(self, latent_dim: int = 16, channels: int = 16, shape: Shape = (1, 28, 28), *, rng: RNG):
        colours, height, width = shape
        if height % 4 or width % 4:
            raise ValueError(f"ConvAutoencoder: height and width are halved twice or three times; {height}x{width} must be divisible by 4")
        self.latent_dim = latent_dim
        by, c = (1 if height % 8 or width % 8 else 2), channels  # the third convolution's stride; kernel 4 halves, kernel 3 keeps
        small = (4 * c, height // (4 * by), width // (4 * by))
        features = small[0] * small[1] * small[2]
        self.encoder = Sequential(
            Conv2d(colours, c, 4, 2, 1, rng=rng), SiLU(),
            Conv2d(c, 2 * c, 4, 2, 1, rng=rng), SiLU(),
            Conv2d(2 * c, 4 * c, 2 + by, by, 1, rng=rng), SiLU(),
            Flatten(), Linear(features, latent_dim, rng=rng),
        )  # fmt: skip
        self.decoder = Sequential(
            Linear(latent_dim, features, rng=rng), SiLU(), Unflatten(1, small),
            ConvTranspose2d(4 * c, 2 * c, 2 + by, by, 1, rng=rng), SiLU(),
            ConvTranspose2d(2 * c, c, 4, 2, 1, rng=rng), SiLU(),
            ConvTranspose2d(c, colours, 4, 2, 1, rng=rng),
        )  # fmt: skip
        init.kaiming_normal_(self, rng)


class LinearAutoencoder(Autoencoder):
    """x_hat = W2 (W1 x + b1) + b2: no nonlinearity anywhere, and the whole landscape is known (Baldi and Hornik, 1989).

    Let C be the covariance of the data in D dimensions, with eigenvalues l_1 >= ... >= l_D and eigenvectors v_1 ... v_D, and k = `latent_dim`. For the
    mean squared error,

    - the least value is l_(k+1) + ... + l_D, the *discarded* variance, since W2 W1 has rank k and the best such map is the projection
      onto v_1 ... v_k around the mean (Eckart and Young);
    - it is reached exactly when W2 W1 is that projection: the *span* of W2 is the subspace of PCA. Its columns need not be the
      eigenvectors: W2 A with inv(A) W1 gives the same pictures for any invertible A;
    - **there are no other minima**. Every other critical point projects onto other eigenvectors and is a saddle. Gradient descent gets there.
    """

    def __init__(self, latent_dim: int, shape: Shape, *, rng: RNG):
        pixels = shape[0] * shape[1] * shape[2]
        self.latent_dim = latent_dim
        self.encoder = Sequential(Flatten(), Linear(pixels, latent_dim, rng=rng))
        self.decoder = Sequential(Linear(latent_dim, pixels, rng=rng), Unflatten(1, shape))


# What a denoising autoencoder is given to mend: functions of pictures x, drawn afresh for each batch.


def gaussian_noise(x, level: float, rng: RNG):
    """x plus N(0, level^2) in each pixel. Not clipped to [0, 1]: clipping would move the noise's mean."""
    _check("gaussian_noise", x, level, 0, float("inf"), "a standard deviation")
    return x + level * rng.normal(x.shape, x.dtype)


def masking_noise(x, level: float, rng: RNG):
    """x with each pixel (of all channels at once) set to 0 with probability `level`: what is missing must be guessed from the rest."""
    _check("masking_noise", x, level, 0, 1, "the share of pixels that is lost")
    return x * (rng.uniform((len(x), 1, *x.shape[2:]), x.dtype) >= level)


def salt_and_pepper(x, level: float, rng: RNG):
    """x with each pixel (of all channels at once) replaced, with probability `level`, by black or white at even odds."""
    _check("salt_and_pepper", x, level, 0, 1, "the share of pixels that is replaced")
    u = rng.uniform((len(x), 1, *x.shape[2:]), x.dtype)
    white = (u < level / 2).astype(x.dtype)
    return x * (u >= level) + white


def _check(name: str, x, level: float, low: float, high: float, what: str) -> None:
    if x.dtype.kind != "f" or x.ndim < 3:
        raise TypeError(f"{name}: x is {x.dtype} {x.shape}; give floats (N, channels, height, width), for bytes x / 255")
    if not low <= level <= high:
        raise ValueError(f"{name}: level is {what}, at least {low}{f' and at most {high}' if high == 1 else ''}; got {level}")
