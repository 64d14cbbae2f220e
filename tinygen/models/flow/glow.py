"""Glow: Kingma and Dhariwal, Glow: Generative Flow with Invertible 1x1 Convolutions, 2018 (sections and tables are that paper's).

**One step of the flow** (figure 2a): `ActNorm`, a linear map of the channels, an affine coupling. The couplings always change the second half of the
channels; between them the linear map, learned, says what the halves are. On pictures of h x w pixels it is one matrix W for all
of them, a 1x1 convolution, and

    log |det| = h w log |det W|.

**By LU** (section 3.2). log |det W| costs C^3 and its gradient an inverse. So W is parametrized by its factors,

    W = P L (U + diag(s)),        log |det W| = sum_c log |s_c|,

P a permutation, L lower triangular with ones on its diagonal, U upper triangular with zeros there. W begins as a random rotation, whose factors
are computed once; P and the signs of s stay as they are, the rest is learned. As |s| = e^a, no step of training makes W singular, though it can come close.

**Squeeze.** A 1x1 convolution of one grey channel has nothing to mix. So 2x2 pixels become four channels, at half the height and width (section 3.6
of RealNVP's paper): no number is lost, log |det| = 0. The paper also declares half of the channels finished at each scale; here all go through to the end.
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
from .realnvp import AffineCoupling, perceptron, zeroed

__all__ = ["Glow", "InvertibleLinear", "Squeeze", "lu"]

Array = Any


class InvertibleLinear(Module):
    """y = W x along the channels, W = P L (U + diag(sign e^a)): x (N, C), or (N, C, H, W), where it is a 1x1 convolution. W begins as a rotation.

    Parameters: lower and upper (C, C), of which only the triangles count, and a (C,). Buffers: P (C, C) and sign (C,).
    """

    def __init__(self, channels: int, *, rng: RNG):
        w = init.orthogonal((channels, channels), rng)
        xp = array_module(w)
        p, lower, upper = (xp.asarray(factor.astype(np.float32)) for factor in lu(to_numpy(w)))
        diagonal = upper.diagonal()
        self.lower, self.upper, self.a = parameter(xp.tril(lower, -1)), parameter(xp.triu(upper, 1)), parameter(np.log(np.abs(diagonal)))
        self.register_buffer("P", p)
        self.register_buffer("sign", np.sign(diagonal))
        self.register_buffer("eye", xp.asarray(np.eye(channels, dtype=np.float32)))

    def factors(self):
        """P, L and U + diag(s), each (C, C)."""
        return self.P, tril(self.lower, k=-1) + self.eye, triu(self.upper, k=1) + self.eye * (self.sign * exp(self.a))

    def forward(self, x):
        p, lower, upper = self.factors()
        places = x.size // max(x.shape[0] * x.shape[1], 1)
        return _mixed(x, matmul(p, matmul(lower, upper))), self.a.sum() * places

    def inverse(self, y):
        """W^-1 = (U + diag(s))^-1 L^-1 P^T: two triangular systems."""
        p, lower, upper = self.factors()
        return _mixed(y, solve_triangular(upper, solve_triangular(lower, p.T), lower=False))


def _mixed(x, w):
    return linear(x, w) if x.ndim == 2 else conv2d(x, w.reshape((*w.shape, 1, 1)))


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P, L and U, each (n, n), with a = P L U: Gaussian elimination, at each column with the row that has the largest entry."""
    n = len(a)
    rows, lower, upper = np.arange(n), np.eye(n), a.astype(np.float64)
    for k in range(n):
        best = k + int(np.abs(upper[k:, k]).argmax())
        if upper[best, k] == 0:
            raise ValueError(f"lu: the matrix is singular: column {k} is a combination of those before it")
        rows[[k, best]], upper[[k, best]], lower[[k, best], :k] = rows[[best, k]], upper[[best, k]], lower[[best, k], :k]
        lower[k + 1 :, k] = upper[k + 1 :, k] / upper[k, k]
        upper[k + 1 :] -= lower[k + 1 :, k, None] * upper[k]
    return np.eye(n)[rows].T, lower, np.triu(upper)


class Squeeze(Module):
    """(N, C, H, W) to (N, 4 C, H / 2, W / 2): each square of four pixels becomes four channels (`pixel_unshuffle`). log |det| = 0."""

    def forward(self, x):
        return pixel_unshuffle(x, downscale_factor=2), 0.0

    def inverse(self, y):
        return pixel_shuffle(y, upscale_factor=2)


class Glow(Flow):
    """`num_steps` steps of the flow on vectors (N, features), or on pictures (N, C, H, W) that many at each of `num_levels` scales, each begun by a squeeze.

    shape : (features,) or (C, H, W), H and W multiples of 2^levels. hidden : units of the networks' two hidden layers; on pictures, channels.
    """

    def __init__(self, shape: Sequence[int], num_steps: int = 8, num_levels: int = 2, hidden: int = 64, *, rng: RNG):
        channels, *space = shape
        if not space and channels < 2:
            raise ValueError(f"Glow: {channels} features cannot be cut in two")
        if space and (num_levels < 1 or len(space) != 2 or any(side % 2**num_levels for side in space)):
            raise ValueError(f"Glow: pictures of {tuple(shape)} cannot be halved {num_levels} times; give (channels, height, width), multiples of {2**num_levels}")
        layers: list[Module] = []
        for _ in range(num_levels if space else 1):
            if space:
                layers.append(Squeeze())
                channels *= 4
            for _ in range(num_steps):
                kept = channels // 2
                sizes = (kept, hidden, 2 * (channels - kept))
                net = convolutions(*sizes, rng=rng) if space else perceptron(kept, (hidden, hidden), sizes[-1], rng=rng)
                layers += [ActNorm(channels, device=rng.device), InvertibleLinear(channels, rng=rng), AffineCoupling(net)]
        super().__init__(layers, shape, (channels, *(side // 2**num_levels for side in space)))


def convolutions(inputs: int, hidden: int, outputs: int, *, rng: RNG) -> Sequential:
    """3x3, 1x1 and 3x3 with relu between, (N, inputs, H, W) to (N, outputs, H, W) (section 5); the last begins as zeros."""
    net = Sequential(Conv2d(inputs, hidden, 3, padding=1, rng=rng), ReLU(), Conv2d(hidden, hidden, 1, rng=rng), ReLU())
    init.kaiming_normal_(net, rng)
    return Sequential(*net, zeroed(Conv2d(hidden, outputs, 3, padding=1, rng=rng)))
