"""Normalizing flows: a density learned as a change of variables.

Dinh, Krueger and Bengio, NICE, 2014; Rezende and Mohamed, Variational Inference with Normalizing
Flows, 2015.

**The change of variables.** Let f be an invertible, smooth map of R^D, and let z = f(x) have the
*base distribution* N(0, I). This determines the distribution of x. A small box of volume dx around
x holds the same probability as its image, whose volume is |det df/dx| dx:

    p(x) dx = p_z(f(x)) |det df/dx| dx                                     equal probability
    p(x)    = N(f(x); 0, I) |det df/dx|                                    divide by dx
    log p(x) = log N(f(x); 0, I) + log |det df/dx|                         take the logarithm
    log p(x) = -1/2 |f(x)|^2 - D/2 log 2 pi + log |det df/dx|              density of N(0, I)

So a flow maximizes the likelihood itself. It needs no bound (VAE), no second network (GAN) and no
chain of noise levels (diffusion). The two terms with f balance each other. To raise the first, f
would map everything to 0; but then f contracts volumes, and the log-determinant falls.

**Sampling.** Draw z ~ N(0, I) and apply the inverse map: x = f^-1(z).

**The price.** The determinant of a general D x D matrix costs D^3 operations, and a general
network has no inverse in closed form. So f is a chain of simple maps that have both. By the chain
rule the Jacobian of the chain is the product of the Jacobians, so their log-determinants add:

    f = f_L o ... o f_1,    h_1 = x,    h_{l+1} = f_l(h_l),
    log |det df/dx| = sum_l log |det df_l/dh_l|.

There are two kinds of simple maps:

- Affine maps, whose determinant is the same for every x and easy to compute: `ActNorm` and
  `Permutation` here, `InvertibleLinear` in glow.py.
- Nonlinear maps with a triangular Jacobian, whose determinant is the product of its diagonal:
  `AffineCoupling` in realnvp.py, `AffineAutoregressive` in maf.py.

**No bottleneck.** z has as many numbers as x. The code of a digit has 784 numbers.

**Layers.** A layer of a flow is a Module whose `forward` maps x to (y, log_det), and which has an
`inverse` that maps y to x. log_det has shape (N,), or is one number if it is the same for all x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...autograd.tensor import no_grad
from ...backend import RNG, to_device, to_numpy
from ...nn import Module, ModuleList, init
from ...nn.module import parameter
from ...ops import exp
from ...ops.arguments import raw
from ...ops.indexing import read_at

__all__ = ["ActNorm", "Flow", "Permutation"]


class Flow(Module):
    """A chain of layers from data to the base distribution N(0, I), and back.

    Parameters
    ----------
    layers : sequence of Module
        Layers as described at the head of this file, from data to noise.
    shape : sequence of int
        The shape of one x, such as (2,) or (1, 28, 28).
    latent_shape : sequence of int, optional
        The shape of one z. By default that of x.
    """

    def __init__(
        self,
        layers: Sequence[Module],
        shape: Sequence[int],
        latent_shape: Sequence[int] | None = None,
    ):
        self.layers = ModuleList(layers)
        self.shape = tuple(shape)
        self.latent_shape = self.shape if latent_shape is None else tuple(latent_shape)

    def forward(self, x):
        """Map x (N, *shape) to z (N, *latent_shape) and log |det dz/dx|.

        The log-determinant has shape (N,), or is one number if every layer's is.
        """
        self._check_shape("forward", x, self.shape)
        log_det = 0.0
        for layer in self.layers:
            x, layer_log_det = layer(x)
            log_det = log_det + layer_log_det
        return x, log_det

    def inverse(self, z):
        """Map z (N, *latent_shape) to the x (N, *shape) with f(x) = z."""
        self._check_shape("inverse", z, self.latent_shape)
        for layer in reversed([*self.layers]):
            z = layer.inverse(z)
        return z

    def log_prob(self, x):
        """Compute log p(x) of each example, in nats: x (N, *shape) to (N,)."""
        z, log_det = self(x)  # (N, *latent_shape), (N,)
        squared_norm = (z * z).sum(axis=tuple(range(1, z.ndim)))  # (N,)
        num_dims = math.prod(z.shape[1:])
        return log_det - 0.5 * (squared_norm + num_dims * math.log(2 * math.pi))

    def sample(self, n: int, rng: RNG):
        """Draw n samples as an array (n, *shape): the inverse map of noise, without a graph."""
        with no_grad():
            return raw(self.inverse(rng.normal((n, *self.latent_shape))))

    def initialize(self, x) -> None:
        """Initialize every ActNorm from the batch x (N, *shape), once, before training.

        Each ActNorm is set so that its output for this batch has mean 0 and variance 1.
        """
        self._check_shape("initialize", x, self.shape)
        with no_grad():
            for layer in self.layers:
                if isinstance(layer, ActNorm):
                    layer.initialize(x)
                x, _ = layer(x)

    def _check_shape(self, name: str, x, shape: tuple[int, ...]) -> None:
        """Raise unless x is a batch of examples of the given shape."""
        if x.shape[1:] != shape:
            raise ValueError(
                f"{type(self).__name__}.{name}: got shape {x.shape}; "
                f"this flow takes (N, {', '.join(map(str, shape))})"
            )


class ActNorm(Module):
    """y = (x - mean) e^log_scale, with one mean and one scale for each channel.

    **Math** Each of the H W positions of a channel is multiplied by the scale of the channel. So
    the Jacobian is diagonal, and

        log |det dy/dx| = H W sum_c log_scale_c,
        x = y e^-log_scale + mean.

    `initialize` sets both from one batch, so that signals have mean 0 and variance 1 when training
    starts. After that they are ordinary parameters. Batch normalization has the same purpose, but
    with it the likelihood of an example would depend on the other examples in its batch.

    **Shapes** x and y (N, C) or (N, C, H, W); mean and log_scale (C,), zero until `initialize`.

    **Source** Kingma and Dhariwal, Glow, 2018, section 3.1.
    """

    def __init__(self, channels: int, *, device: str = "cpu"):
        self.mean = parameter(init.zeros((channels,), device))
        self.log_scale = parameter(init.zeros((channels,), device))

    def initialize(self, x) -> None:
        """Set mean and scale so that y has mean 0 and variance 1 in every channel of the batch x.

        Raises
        ------
        ValueError
            If a channel is constant or not finite, or if x has another dtype than the layer.
        """
        x = raw(x)
        if x.dtype != self.mean.dtype:
            raise ValueError(
                f"ActNorm: x is {x.dtype}, the layer {self.mean.dtype}; "
                f"give x.astype({str(self.mean.dtype)!r})"
            )
        axes = (0, *range(2, x.ndim))  # all but the channels
        std = x.std(axis=axes)
        if not bool((std > 0).all()):
            channel = int((~(std > 0)).argmax())
            raise ValueError(
                f"ActNorm: channel {channel} of x {x.shape} is constant, or not finite, so no "
                "scale gives it variance 1; initialize with a batch in which all channels vary"
            )
        self.mean.data, self.log_scale.data = x.mean(axis=axes), -np.log(std)

    def forward(self, x):
        """Normalize x (N, C) or (N, C, H, W); the log-determinant is one number for all x."""
        mean, log_scale = self._broadcast(x.ndim)
        num_positions = math.prod(x.shape[2:])
        return (x - mean) * exp(log_scale), self.log_scale.sum() * num_positions

    def inverse(self, y):
        """Map y back to x, of the same shape."""
        mean, log_scale = self._broadcast(y.ndim)
        return y * exp(-log_scale) + mean

    def _broadcast(self, ndim: int):
        """Mean and log_scale, (C,) or (C, 1, 1), to broadcast against an x of ndim axes."""
        shape = (-1, *[1] * (ndim - 2))
        return self.mean.reshape(shape), self.log_scale.reshape(shape)


class Permutation(Module):
    """y[:, i] = x[:, order[i]]: a permutation of the channels.

    After it, the next layer changes another part of x. It changes no volume, so log |det| = 0.

    Parameters
    ----------
    order : sequence of int (C,)
        A permutation of 0 ... C - 1. It is part of the state.
    device : str
        Where the layer lies.

    Raises
    ------
    ValueError
        If `order` is not a permutation.
    """

    def __init__(self, order: Sequence[int], *, device: str = "cpu"):
        order = np.array(to_numpy(order) if hasattr(order, "dtype") else order)
        if order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(len(order))):
            given = order.tolist() if order.size < 20 else order
            raise ValueError(f"Permutation: order must have each of 0 ... C - 1 once, got {given}")
        self.register_buffer("order", to_device(order.astype(np.int64), device))

    def forward(self, x):
        """Permute the channels of x (N, C, ...)."""
        return read_at(x, (slice(None), self.order.data)), 0.0

    def inverse(self, y):
        """Undo the permutation of y (N, C, ...)."""
        return read_at(y, (slice(None), self.order.data.argsort()))
