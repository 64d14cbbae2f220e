"""Normalizing flows: a density learned as a change of variables. Dinh, Krueger and Bengio, NICE, 2014; Rezende and Mohamed, 2015.

**The idea.** Let f be an invertible, smooth map of R^D, and let z = f(x) be N(0, I). What x then is distributed as is no choice any more. A small box of
volume dx around x holds the same probability as its image, of volume |det df/dx| dx; probability per volume is therefore

    p(x) = N(f(x); 0, I) |det df/dx|,        log p(x) = -1/2 |f(x)|^2 - D/2 log 2 pi + log |det df/dx|.

So, of all models of this package, here alone nothing is bounded, estimated or played for: the likelihood is computed and its gradient followed. It
cannot be cheated either. To raise the first term f would map everything to 0; but then it contracts, and the second falls. To sample, go backwards:
x = f^-1(z) with z ~ N(0, I).

**The price.** For a map built freely, the determinant of a D x D matrix costs D^3, and no formula gives its inverse. So f is a chain of maps, each simple
enough for both. By the chain rule the Jacobians multiply, so their log-determinants add:

    f = f_L o ... o f_1,        log |det df/dx| = sum_l log |det df_l/dh_l|,        h_1 = x, h_{l+1} = f_l(h_l).

Simple in one of two ways: what follows does not depend on x but for a linear map (`ActNorm`, `Permutation`; `InvertibleLinear` of glow.py), or the Jacobian is
triangular, its determinant the product of its diagonal (`AffineCoupling` of realnvp.py, `Autoregressive` of maf.py).

**No dimension is ever dropped.** z has as many numbers as x: a flow has no bottleneck, and a code of a digit is 784 numbers long.

A *layer* here is a Module whose forward gives (y, log_det), log_det of shape (N,), or a single number where it is the same for every x, and which has an
`inverse`, y to x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...autograd.tensor import Tensor, no_grad
from ...backend import RNG, to_numpy
from ...nn import Module, ModuleList, init
from ...nn.module import parameter
from ...ops import exp

__all__ = ["ActNorm", "Flow", "Permutation"]


class Flow(Module):
    """A chain of layers from data to N(0, I), and back.

    layers : as described at the head of this file. shape : of one x, such as (2,) or (1, 28, 28). latent_shape : of one z, where that is another.
    """

    def __init__(self, layers: Sequence[Module], shape: Sequence[int], latent_shape: Sequence[int] | None = None):
        self.layers, self.shape = ModuleList(layers), tuple(shape)
        self.latent_shape = self.shape if latent_shape is None else tuple(latent_shape)

    def forward(self, x):
        """x (N, *shape) to z of the same size, and log |det dz/dx|: (N,), or a number if all layers have one."""
        self._check("forward", x, self.shape)
        log_det = 0.0
        for layer in self.layers:
            x, more = layer(x)
            log_det = log_det + more
        return x, log_det

    def inverse(self, z):
        """The x with f(x) = z, for z (N, *latent_shape)."""
        self._check("inverse", z, self.latent_shape)
        for layer in reversed([*self.layers]):
            z = layer.inverse(z)
        return z

    def log_prob(self, x):
        """log p(x) for each x (N, *shape), in nats: (N,)."""
        z, log_det = self(x)
        square = (z * z).sum(axis=tuple(range(1, z.ndim)))
        return log_det - 0.5 * (square + math.prod(z.shape[1:]) * math.log(2 * math.pi))

    def sample(self, n: int, rng: RNG):
        """n draws from the model, an array (n, *shape): noise, carried back."""
        with no_grad():
            return _array(self.inverse(rng.normal((n, *self.latent_shape))))

    def initialize(self, x) -> None:
        """Let every ActNorm see what reaches it from the batch x, and set itself so that it gives mean 0 and variance 1. Once, before training."""
        self._check("initialise", x, self.shape)
        with no_grad():
            for layer in self.layers:
                if isinstance(layer, ActNorm):
                    layer.initialize(x)
                x, _ = layer(x)

    def _check(self, name: str, x, shape: tuple[int, ...]) -> None:
        if x.shape[1:] != shape:
            raise ValueError(f"{type(self).__name__}.{name}: got shape {x.shape}; this flow takes (N, {', '.join(map(str, shape))})")


class ActNorm(Module):
    """y = (x - m) e^s with a number of each for every channel: Kingma and Dhariwal, Glow, 2018, section 3.1.

    **Math.** Each of the P places of a channel is multiplied by e^s, so log |det| = P sum_c s_c. Inverse: x = y e^-s + m.

    What batch normalization is for, signals of mean 0 and variance 1 where training begins, is had by `initialize`, from one batch; after that m and s are
    parameters like others. Batch normalization proper would make each example's likelihood depend on its neighbours in the batch.

    Parameters: m (C,) and s (C,), zero until `initialize`. x : (N, C) or (N, C, H, W).
    """

    def __init__(self, channels: int, *, device: str = "cpu"):
        self.m, self.s = (parameter(init.zeros((channels,), device)) for _ in range(2))

    def initialize(self, x) -> None:
        """m and s from the batch x, so that y has mean 0 and variance 1 in every channel."""
        x = _array(x)
        if x.dtype != self.m.dtype:
            raise ValueError(f"ActNorm: x is {x.dtype}, the layer {self.m.dtype}; give x.astype({str(self.m.dtype)!r})")
        axes = (0, *range(2, x.ndim))
        std = x.std(axis=axes)
        if not bool((std > 0).all()):
            k = int((~(std > 0)).argmax())
            raise ValueError(f"ActNorm: channel {k} of x {x.shape} is constant, or not finite, so no factor gives it variance 1; "
                             "initialise with a batch in which all vary")  # fmt: skip
        self.m.data, self.s.data = x.mean(axis=axes), -np.log(std)

    def forward(self, x):
        m, s = (a.reshape((-1, *[1] * (x.ndim - 2))) for a in (self.m, self.s))
        return (x - m) * exp(s), self.s.sum() * math.prod(x.shape[2:])

    def inverse(self, y):
        m, s = (a.reshape((-1, *[1] * (y.ndim - 2))) for a in (self.m, self.s))
        return y * exp(-s) + m


class Permutation(Module):
    """y_i = x_order[i], along the channels: so that another part of x is what the next layer changes. log |det| = 0: no volume changes.

    order : a permutation of 0 ... C - 1; it is part of the state.
    """

    def __init__(self, order: Sequence[int]):
        order = np.array(to_numpy(order) if hasattr(order, "dtype") else order)
        if order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(len(order))):
            raise ValueError(f"Permutation: order must have each of 0 ... C - 1 once, got {order.tolist() if order.size < 20 else order}")
        self.register_buffer("order", order.astype(np.int64))

    def forward(self, x):
        return x[:, self.order.data], 0.0

    def inverse(self, y):
        return y[:, self.order.data.argsort()]


def _array(x):
    return x.data if isinstance(x, Tensor) else x
