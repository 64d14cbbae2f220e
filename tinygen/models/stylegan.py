"""StyleGAN: Karras, Laine and Aila, 2019, and StyleGAN2: Karras et al., 2020.

The papers are "A Style-Based Generator Architecture for Generative Adversarial Networks" and
"Analyzing and Improving the Image Quality of StyleGAN".

**The generator.** Other generators feed z into the first layer. This one starts from a learned
constant of 4x4 pixels, the same for every picture, and z controls all layers:

    z -> mapping network f -> w -> a style s_i for each layer i
    constant -> layer 0 (s_0) -> upsample -> layers 1 and 2 (s_1, s_2) -> upsample -> ... -> picture

The style of layer i is an affine function of w: s_i = A_i w + b_i, with learned A_i and b_i.

**Notation.** w is always the latent vector that f computes, and W the weight of a convolution. (The
paper of 2020 writes w for both.)

**How a style acts** (2020, the default; `modulated_conv`). Take one layer and its style s. It has
one number s_c for each input channel c of the layer's convolution. At initialization all s_c are
near 1. Let W[o, c, k] be the weight from input channel c to output channel o at position k of the
kernel.

1. *Modulation* scales each input channel (eq. 1 of 2020):

       W'[o, c, k] = s_c W[o, c, k].

2. *Demodulation* scales each output channel o to unit norm (eqs. 2 and 3):

       W''[o, c, k] = W'[o, c, k] / sigma_o,    sigma_o = sqrt(sum_{c, k} W'[o, c, k]^2).

3. The layer convolves its input with W'', adds noise and a bias, applies a leaky ReLU, and
   multiplies by sqrt(2). A ReLU sets half of the numbers to 0, which halves their mean square (a
   leaky ReLU nearly halves it). The factor sqrt(2) doubles it again.

So a style sets how strongly a layer uses each channel *relative to the other channels*. If all s_c
double, W'' stays the same.

**How a style acts in 2019** (`adain=True`; `adaptive_instance_norm`). A style has two numbers for
each output channel of the convolution, a scale y_s and a shift y_b.

1. The layer convolves its input with W, adds noise and a bias, and applies a leaky ReLU. (The code
   multiplies by sqrt(2) here too, but the next step removes any constant factor.)
2. *Instance normalization* gives each channel of each picture mean 0 and standard deviation 1.
3. The style multiplies each channel by y_s and adds y_b.

**Why 2020 replaced it.** In 2019 each channel is divided by a standard deviation that is *measured
on the picture*. A generator can manipulate this number: a large spike at one position makes the
rest of the channel small. Such spikes appeared in every picture and looked like drops of water. In
2020 each channel is divided by sigma_o, which is *computed from the weights*. sigma_o is the
standard deviation that the output has if the inputs are independent with standard deviation 1. A
spike does not change it.

**Why w and not z.** The distribution of z is fixed, a Gaussian. Suppose that one direction of z
controlled the age, and another one the beard. Then some z would give bearded children. The data
have none, so the discriminator would recognize these pictures. Hence the map from z to pictures
cannot be so simple: it has to be curved. The distribution of w is learned. It can leave out
combinations that the data lack, so each direction of w can be closer to one property of the
pictures.

**Style mixing** (`mix_styles`). Usually all layers get the same w, but each layer may get another
one. The layers at 4 and 8 pixels determine pose and shape, the middle layers the facial features,
the last layers the colours. If training mixes two w, layers learn not to rely on each other.

**Noise.** The position of each hair is random and belongs to no style. So each layer adds a random
number per pixel, times a learned strength.

**Pictures** (2020). Each size adds its picture to the upsampled picture of the size before it (skip
connections). So the network need not grow during training.

**The discriminator.** The paper of 2019 changes only the generator, and takes the discriminator of
progressive growing (pggan.py), as the demo does. That of 2020 is a residual network
(style_discriminator.py).

**Truncation.** Moving w towards its mean, mean + psi (w - mean) with psi < 1, gives less diverse
but better pictures. It is one line of the demo.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ..backend import RNG
from ..nn import EqualizedLR, LeakyReLU, Module, ModuleList, Sequential, init
from ..nn.module import parameter
from ..ops import (
    broadcast_to,
    conv2d,
    instance_norm,
    interpolate,
    leaky_relu,
    matmul,
    pixel_norm,
    sqrt,
    where,
)
from .equalized_lr import SQRT2, equalized_conv, equalized_linear

__all__ = [
    "MappingNetwork",
    "StyleGenerator",
    "StyledConv",
    "ToRGB",
    "adaptive_instance_norm",
    "mix_styles",
    "modulated_conv",
]


def modulated_conv(x, weight, style, demodulate: bool = True):
    """Convolve each picture n with a weight of its own, which depends on its style.

    **Math** Modulation and demodulation give picture n the weight

        W'[n, o, c, k]  = s[n, c] W[o, c, k],
        W''[n, o, c, k] = W'[n, o, c, k] / sigma[n, o],

        sigma[n, o]^2 = sum_{c, k} W'[n, o, c, k]^2 = sum_c s[n, c]^2 sum_k W[o, c, k]^2.

    *Why unit norm.* If the inputs are independent with standard deviation 1, the variance of output
    o is the sum of the squared weights, sigma[n, o]^2. Dividing by sigma makes it 1 for any style.

    *Without a weight for each picture.* A convolution is linear. So multiplying the weight by
    s[n, c] is the same as multiplying the input by it, and dividing the weight by sigma[n, o] is
    the same as dividing the output by it:

        y[n, o] = (sum_c conv(s[n, c] x[n, c], W[o, c])) / sigma[n, o].

    So all pictures share one convolution with W, and sigma^2 is a product of two matrices.

    **Shapes** x (N, C, H, W), weight (O, C, k, k), style (N, C) -> (N, O, H, W).

    **Numerics** sigma = sqrt(sigma^2 + 1e-8).

    **Source** Karras et al., 2020, eqs. 1 to 3.

    Parameters
    ----------
    x, weight, style : array or Tensor
        The pictures, the shared weight W with an odd k, and the styles s.
    demodulate : bool
        Whether to divide by sigma.

    Raises
    ------
    ValueError
        If the shapes do not fit, or k is even.
    """
    if style.shape != x.shape[:2] or weight.shape[-1] % 2 == 0:
        raise ValueError(
            f"modulated_conv: x {x.shape} takes a style {x.shape[:2]} and a weight (O, C, k, k), "
            f"k odd; got {style.shape} and {weight.shape}"
        )
    modulated = x * append_spatial_axes(style)  # (N, C, H, W)
    y = conv2d(modulated, weight, padding=weight.shape[-1] // 2)  # (N, O, H, W)
    if demodulate:
        kernel_norms_squared = (weight * weight).sum(axis=(2, 3))  # (O, C): sum_k W[o, c, k]^2
        variance = matmul(style * style, kernel_norms_squared.T)  # (N, O): sigma^2
        y = y / append_spatial_axes(sqrt(variance + 1e-8))
    return y


def adaptive_instance_norm(x, scale, shift):
    """Give each channel of each picture the mean `shift` and the standard deviation |`scale`|.

    **Math** y[n, c] = scale[n, c] (x[n, c] - mean[n, c]) / std[n, c] + shift[n, c], with mean and
    standard deviation over the pixels.

    **Shapes** x (N, C, H, W), scale (N, C), shift (N, C) -> (N, C, H, W).

    **Source** Huang and Belongie, 2017; Karras, Laine and Aila, 2019, eq. 1.
    """
    return instance_norm(x) * append_spatial_axes(scale) + append_spatial_axes(shift)


class MappingNetwork(Module):
    """The network f: z to w, a sequence of linear layers and leaky ReLUs.

    It is deep and has no normalization, so it has to be trained with a lower learning rate than the
    other layers.
    """

    def __init__(self, latent_dim: int, num_layers: int, *, rng: RNG):
        layers = []
        for _ in range(num_layers):
            layers += [equalized_linear(latent_dim, latent_dim, rng=rng), LeakyReLU(0.2)]
        self.layers = Sequential(*layers)

    def forward(self, z):
        """Map z (N, latent_dim), divided by its root mean square, to w (N, latent_dim)."""
        return self.layers(pixel_norm(z))


class StyledConv(Module):
    """One layer of the generator: a convolution whose effect is set by a style."""

    def __init__(
        self, in_channels: int, out_channels: int, latent_dim: int, adain: bool, *, rng: RNG
    ):
        self.adain = adain
        self.conv = equalized_conv(in_channels, out_channels, 3, bias=False, gain=1, rng=rng)
        scaled_channels = out_channels if adain else in_channels
        self.affine_scale = _affine_layer(latent_dim, scaled_channels, 1, rng)
        self.affine_shift = _affine_layer(latent_dim, out_channels, 0, rng) if adain else None
        self.noise_strength = parameter(init.zeros((1,), rng.device))
        self.bias = parameter(init.zeros((out_channels,), rng.device))

    def forward(self, x, w, noise):
        """Map x (N, in_channels, H, W), w (N, latent_dim) and noise to (N, out_channels, H, W).

        `noise` is (N, 1, H, W), or None for no noise.
        """
        weight = self.conv.scaled_weight()  # (out_channels, in_channels, 3, 3)
        if self.adain:
            y = conv2d(x, weight, padding=1)
        else:
            y = modulated_conv(x, weight, self.affine_scale(w))
        if noise is not None:
            y = y + self.noise_strength.reshape((1, 1, 1, 1)) * noise
        y = y + self.bias.reshape((1, -1, 1, 1))
        y = leaky_relu(y, negative_slope=0.2) * SQRT2  # keeps the mean square (step 3 above)
        if self.adain:
            y = adaptive_instance_norm(y, self.affine_scale(w), self.affine_shift(w))
        return y


class ToRGB(Module):
    """The picture of one size: a 1x1 convolution from features to the channels of a picture.

    Its style modulates, but does not demodulate. With `adain` it has no style, because the features
    already have theirs. The pictures of all sizes are added, so each is divided by the square root
    of their number.
    """

    def __init__(
        self,
        in_channels: int,
        image_channels: int,
        latent_dim: int,
        num_sizes: int,
        adain: bool,
        *,
        rng: RNG,
    ):
        gain = num_sizes**-0.5
        self.conv = equalized_conv(in_channels, image_channels, 1, bias=False, gain=gain, rng=rng)
        self.affine_scale = None if adain else _affine_layer(latent_dim, in_channels, 1, rng)
        self.bias = parameter(init.zeros((image_channels,), rng.device))

    def forward(self, x, w):
        """Map x (N, in_channels, H, W) and w (N, latent_dim) to (N, image_channels, H, W)."""
        weight = self.conv.scaled_weight()  # (image_channels, in_channels, 1, 1)
        if self.affine_scale is None:
            y = conv2d(x, weight)
        else:
            y = modulated_conv(x, weight, self.affine_scale(w), demodulate=False)
        return y + self.bias.reshape((1, -1, 1, 1))


class StyleGenerator(Module):
    """The generator: z to w by `mapping(z)`, and w to pictures by `synthesis(w, noise)`.

    Attribute `num_layers` is the number of layers that take a style: one at 4x4, two at each
    following size.

    Parameters
    ----------
    latent_dim : int
        The dimensions of z and of w.
    channels : sequence of int
        The channels at 4x4, 8x8, 16x16, ..., one number for each size.
    image_channels : int
        The channels of a picture.
    num_mapping_layers : int
        The layers of the mapping network.
    adain : bool
        Whether styles act as in 2019.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: Sequence[int],
        image_channels: int = 3,
        *,
        num_mapping_layers: int = 4,
        adain: bool = False,
        rng: RNG,
    ):
        self.latent_dim, self.num_layers = latent_dim, 2 * len(channels) - 1
        self.mapping = MappingNetwork(latent_dim, num_mapping_layers, rng=rng)
        self.constant = parameter(init.normal((1, channels[0], 4, 4), rng))
        conv_channels = [(channels[0], channels[0])]
        for a, b in pairwise(channels):
            conv_channels += [(a, b), (b, b)]
        self.convolutions = ModuleList(
            [StyledConv(a, b, latent_dim, adain, rng=rng) for a, b in conv_channels]
        )
        self.to_rgb = ModuleList(
            [ToRGB(c, image_channels, latent_dim, len(channels), adain, rng=rng) for c in channels]
        )

    def forward(self, z, noise=None):
        """Map z (N, latent_dim) to pictures (N, image_channels, size, size)."""
        return self.synthesis(self.mapping(z), noise)

    def sample_noise(self, n: int, rng: RNG) -> list:
        """Sample the noise of n pictures: (n, 1, H, W) for each layer."""
        sizes = [4 << (i + 1) // 2 for i in range(self.num_layers)]  # 4, 8, 8, 16, 16, ...
        return [rng.normal((n, 1, size, size)) for size in sizes]

    def synthesis(self, w, noise=None):
        """Map w and noise to pictures (N, image_channels, size, size).

        Parameters
        ----------
        w : array or Tensor
            (N, latent_dim), or (N, num_layers, latent_dim) for another w in each layer.
        noise : list of arrays, optional
            As `sample_noise` returns it. By default no noise is added.

        Raises
        ------
        ValueError
            If w or noise is for another number of layers.
        """
        w, noise = self._expand(w), self._check_noise(noise)
        h = broadcast_to(self.constant, shape=(len(w), *self.constant.shape[1:]))
        h = self.convolutions[0](h, w[:, 0], noise[0])  # (N, channels[0], 4, 4)
        picture = self.to_rgb[0](h, w[:, 0])  # (N, image_channels, 4, 4)
        for i in range(1, self.num_layers, 2):  # layers i and i + 1 have twice the size
            h, picture = upsample(h), upsample(picture)
            h = self.convolutions[i](h, w[:, i], noise[i])  # (N, C, s, s)
            h = self.convolutions[i + 1](h, w[:, i + 1], noise[i + 1])  # (N, C, s, s)
            picture = picture + self.to_rgb[(i + 1) // 2](h, w[:, i + 1])
        return picture

    def _expand(self, w):
        """Return w as (N, num_layers, latent_dim)."""
        if w.ndim == 2:
            n, latent_dim = w.shape
            w = broadcast_to(w.reshape((n, 1, latent_dim)), shape=(n, self.num_layers, latent_dim))
        if w.shape[1] != self.num_layers:
            raise ValueError(
                f"StyleGenerator: w {w.shape} is for {w.shape[1]} layers; "
                f"there are {self.num_layers}"
            )
        return w

    def _check_noise(self, noise) -> list:
        """Return a list with the noise of each layer, or None for each."""
        if noise is None:
            return [None] * self.num_layers
        if len(noise) != self.num_layers:
            raise ValueError(
                f"StyleGenerator: noise for {len(noise)} layers; there are {self.num_layers}; "
                "sample_noise(n, rng) returns it"
            )
        return noise


def mix_styles(w1, w2, crossover):
    """Use w1 in some layers and w2 in the others.

    **Shapes** w1 and w2 (N, latent_dim), crossover (N, num_layers) of booleans
    -> (N, num_layers, latent_dim).

    w2 is used where `crossover` is true. To use it from layer c[n] on, give
    `np.arange(num_layers) >= c[:, None]`. Raises ValueError if the shapes do not fit.
    """
    fits = w1.ndim == 2 and w1.shape == w2.shape and crossover.ndim == 2
    if not fits or len(crossover) != len(w1):
        raise ValueError(
            "mix_styles: needs w1 and w2 (N, latent_dim) and crossover (N, num_layers); "
            f"got {w1.shape}, {w2.shape} and {crossover.shape}"
        )
    shape = (*crossover.shape, w1.shape[1])  # (N, num_layers, latent_dim)
    w1, w2 = (broadcast_to(w.reshape((len(w), 1, w.shape[1])), shape=shape) for w in (w1, w2))
    return where(crossover[:, :, None], w2, w1)


def upsample(x):
    """Double the size by bilinear interpolation: x (N, C, H, W) -> (N, C, 2H, 2W).

    Unlike repeated pixels, the result has no blocks of 2x2 pixels.
    """
    return interpolate(x, scale_factor=2, mode="bilinear")


def append_spatial_axes(a):
    """Reshape a (N, C) to (N, C, 1, 1), so that it broadcasts over pictures (N, C, H, W)."""
    return a.reshape((*a.shape, 1, 1))


def _affine_layer(latent_dim: int, channels: int, initial_value: float, rng: RNG) -> EqualizedLR:
    """Build the affine map from w to one number per channel, at first near `initial_value`."""
    layer = equalized_linear(latent_dim, channels, gain=1, rng=rng)
    layer.layer.bias.data = layer.layer.bias.data + initial_value
    return layer
