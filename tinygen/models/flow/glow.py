"""Glow: Kingma and Dhariwal, Glow: Generative Flow with Invertible 1x1 Convolutions, 2018.

Section, figure and table numbers are those of the paper.

**One step of flow** (figure 2a) consists of three layers: an `ActNorm`, an invertible linear map
of the channels (`InvertibleLinear`), and an affine coupling. Every coupling changes the second
half of the channels. The linear map between two couplings is learned, and it decides what these
halves contain. On pictures of h x w pixels the same matrix W (C, C) is applied at each pixel. That
is a 1x1 convolution. Its Jacobian is block diagonal with h w blocks W, so

    log |det dy/dx| = h w log |det W|.

**The LU parametrization** (section 3.2). Computing log |det W| costs C^3 operations, and its
gradient needs an inverse. So W is parametrized by its factors:

    W = P L (U + diag(s)),

where P is a permutation, L is lower triangular with ones on its diagonal, and U is upper
triangular with zeros on its diagonal. The determinant of a product is the product of the
determinants, and that of a triangular matrix is the product of its diagonal:

    |det P| = 1,    det L = 1,    det (U + diag(s)) = prod_c s_c,
    log |det W| = sum_c log |s_c|.

W starts as a random orthogonal matrix, whose factors are computed once. P and the signs of s stay
fixed; L, U and log |s| are learned. Since |s_c| = e^(log |s_c|) > 0, W cannot become singular in
training, though it can come close.

**Squeeze.** A 1x1 convolution has nothing to mix if there is only one grey channel. So a squeeze
turns each square of 2x2 pixels into four channels, at half the height and width (RealNVP, section
3.6). It only moves numbers, so log |det| = 0.

**Deviation from the paper.** There, half of the channels leave the flow at each scale. Here all
channels pass through all layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...backend import RNG, array_module, to_numpy
from ...nn import Conv2d, Module, ReLU, Sequential, init
from ...nn.module import parameter
from ...ops import (
    conv2d,
    exp,
    linear,
    matmul,
    pixel_shuffle,
    pixel_unshuffle,
    solve_triangular,
    tril,
    triu,
)
from .base import ActNorm, Flow
from .realnvp import AffineCoupling, make_mlp, zero_parameters

__all__ = ["Glow", "InvertibleLinear", "Squeeze", "lu"]

Array = Any  # np.ndarray or cupy.ndarray


class InvertibleLinear(Module):
    """y = W x along the channels, with W = P L (U + diag(sign e^log_s)); a 1x1 convolution.

    W starts as a random orthogonal matrix.

    **Shapes** x and y (N, C) or (N, C, H, W). Parameters: `lower` and `upper` (C, C), of which
    only the triangles are used, and `log_s` (C,). Buffers: `P` and `eye` (C, C), `sign` (C,).
    """

    def __init__(self, channels: int, *, rng: RNG):
        w = init.orthogonal((channels, channels), rng)
        xp = array_module(w)
        p, lower, upper = (xp.asarray(f.astype(np.float32)) for f in lu(to_numpy(w)))
        s = upper.diagonal()
        self.lower = parameter(np.tril(lower, -1))
        self.upper = parameter(np.triu(upper, 1))
        self.log_s = parameter(np.log(np.abs(s)))
        self.register_buffer("P", p)
        self.register_buffer("sign", np.sign(s))
        self.register_buffer("eye", xp.asarray(np.eye(channels, dtype=np.float32)))

    def factors(self):
        """P, L and U + diag(s), each (C, C)."""
        lower = tril(self.lower, k=-1) + self.eye
        upper = triu(self.upper, k=1) + self.eye * (self.sign * exp(self.log_s))
        return self.P, lower, upper

    def forward(self, x):
        """Map x (N, C) or (N, C, H, W) to W x; the log-determinant is one number for all x."""
        p, lower, upper = self.factors()
        w = matmul(p, matmul(lower, upper))  # (C, C)
        num_positions = x.size // max(x.shape[0] * x.shape[1], 1)  # H W, or 1
        return _map_channels(x, w), self.log_s.sum() * num_positions

    def inverse(self, y):
        """Map y back to W^-1 y, with W^-1 = (U + diag(s))^-1 L^-1 P^T: two triangular solves."""
        p, lower, upper = self.factors()
        half_way = solve_triangular(lower, p.T, upper=False)
        w_inverse = solve_triangular(upper, half_way, upper=True)  # (C, C)
        return _map_channels(y, w_inverse)


def _map_channels(x, w):
    """Multiply the channels of x (N, C) or (N, C, H, W) by w (C, C)."""
    if x.ndim == 2:
        return linear(x, w)
    return conv2d(x, w.reshape((*w.shape, 1, 1)))


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factorize a (n, n) = P L U by Gaussian elimination with partial pivoting.

    Column k is eliminated with the row whose entry in this column is the largest.

    Parameters
    ----------
    a : array (n, n)

    Returns
    -------
    p, lower, upper : arrays (n, n)
        A permutation matrix, a lower triangular matrix with ones on its diagonal, and an upper
        triangular matrix, in float64.

    Raises
    ------
    ValueError
        If `a` is singular.
    """
    n = len(a)
    rows = np.arange(n)  # rows[i]: which row of a is now row i
    lower = np.eye(n)
    upper = a.astype(np.float64)
    for k in range(n):
        pivot = k + int(np.abs(upper[k:, k]).argmax())
        if upper[pivot, k] == 0:
            raise ValueError(
                f"lu: the matrix is singular: column {k} is a combination of those before it"
            )
        rows[[k, pivot]] = rows[[pivot, k]]
        upper[[k, pivot]] = upper[[pivot, k]]
        lower[[k, pivot], :k] = lower[[pivot, k], :k]
        lower[k + 1 :, k] = upper[k + 1 :, k] / upper[k, k]
        upper[k + 1 :] -= lower[k + 1 :, k, None] * upper[k]
    return np.eye(n)[rows].T, lower, np.triu(upper)


class Squeeze(Module):
    """(N, C, H, W) to (N, 4 C, H / 2, W / 2): 2x2 pixels become four channels; log |det| = 0."""

    def forward(self, x):
        """Map x (N, C, H, W) to (N, 4 C, H / 2, W / 2)."""
        return pixel_unshuffle(x, downscale_factor=2), 0.0

    def inverse(self, y):
        """Map y (N, 4 C, H / 2, W / 2) to (N, C, H, W)."""
        return pixel_shuffle(y, upscale_factor=2)


class Glow(Flow):
    """Steps of flow on vectors (N, features) or on pictures (N, C, H, W).

    On pictures the same number of steps is done at each of several levels (scales), and each level
    starts with a squeeze.

    Parameters
    ----------
    shape : (features,) or (C, H, W)
        The shape of one x; H and W are multiples of 2^num_levels.
    num_steps : int
        Steps of flow, at each level.
    num_levels : int
        Levels; without effect on vectors.
    hidden : int
        Units of the two hidden layers of each coupling's network; on pictures, channels.
    rng : RNG
        Draws the initial weights. The model is on its device.

    Raises
    ------
    ValueError
        If there is only one feature, or if pictures cannot be halved `num_levels` times.
    """

    def __init__(
        self,
        shape: Sequence[int],
        num_steps: int = 8,
        num_levels: int = 2,
        hidden: int = 64,
        *,
        rng: RNG,
    ):
        _check_shape(shape, num_levels)
        channels, *space = shape
        layers: list[Module] = []
        for _ in range(num_levels if space else 1):
            if space:
                layers.append(Squeeze())
                channels *= 4
            for _ in range(num_steps):
                layers += _step_of_flow(channels, hidden, pictures=bool(space), rng=rng)
        latent_shape = (channels, *(side // 2**num_levels for side in space))
        super().__init__(layers, shape, latent_shape)


def _check_shape(shape: Sequence[int], num_levels: int) -> None:
    """Raise unless Glow can be built for examples of this shape."""
    channels, *space = shape
    if not space and channels < 2:
        raise ValueError(f"Glow: {channels} features cannot be split into two halves")
    indivisible = any(side % 2**num_levels for side in space)
    if space and (num_levels < 1 or len(space) != 2 or indivisible):
        raise ValueError(
            f"Glow: pictures of {tuple(shape)} cannot be halved {num_levels} times; give "
            f"(channels, height, width), multiples of {2**num_levels}"
        )


def _step_of_flow(channels: int, hidden: int, pictures: bool, rng: RNG) -> list[Module]:
    """One step of flow: ActNorm, invertible linear map, affine coupling."""
    half = channels // 2
    outputs = 2 * (channels - half)  # s and t
    if pictures:
        net = make_conv_net(half, hidden, outputs, rng=rng)
    else:
        net = make_mlp(half, (hidden, hidden), outputs, rng=rng)
    return [
        ActNorm(channels, device=rng.device),
        InvertibleLinear(channels, rng=rng),
        AffineCoupling(net),
    ]


def make_conv_net(inputs: int, hidden: int, outputs: int, *, rng: RNG) -> Sequential:
    """Build convolutions of size 3x3, 1x1 and 3x3 with relu between them (section 5).

    The last one is zero, so the coupling starts as the identity.

    **Shapes** (N, inputs, H, W) to (N, outputs, H, W).
    """
    net = Sequential(
        Conv2d(inputs, hidden, 3, padding=1, rng=rng),
        ReLU(),
        Conv2d(hidden, hidden, 1, rng=rng),
        ReLU(),
    )
    init.kaiming_normal_(net, rng)
    return Sequential(*net, zero_parameters(Conv2d(hidden, outputs, 3, padding=1, rng=rng)))
