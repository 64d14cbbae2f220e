"""Layers with weights: linear, convolution and its transpose, embedding; and two ways to use the weight of any of them: spectral norm, equalized rates.

Names, argument order, defaults, parameter shapes and initial distributions are PyTorch's. Where initial values are random the layer takes a
`rng`, and lies on its device.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..autograd.tensor import Tensor
from ..backend import RNG
from . import init
from .module import Module, parameter
from .weighted import WeightedLayer, WeightWrapper

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Embedding", "EqualizedLR", "Linear", "SpectralNorm"]

Pair = int | tuple[int, int]


def _default_parameters(shape: tuple[int, ...], outputs: int, bias: bool, rng: RNG, dtype: Any) -> tuple[Tensor, Tensor | None]:
    """PyTorch's default: both weight and bias U(-b, b) with b = 1 / sqrt(fan_in)."""
    weight = parameter(ops.channels_last(init.kaiming_uniform(shape, rng, a=math.sqrt(5), dtype=dtype)))
    bound = 1 / math.sqrt(init.fans(shape)[0])
    return weight, parameter(init.uniform((outputs,), rng, -bound, bound, dtype)) if bias else None


class Linear(WeightedLayer):
    """y = x W^T + b, along the last axis: x (..., in_features) to (..., out_features).

    Parameters: weight (out_features, in_features) and bias (out_features,), both U(-b, b) with b = 1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: RNG, dtype: Any = np.float32):
        _check_sizes("Linear", in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight, self.bias = _default_parameters((out_features, in_features), out_features, bias, rng, dtype)

    def forward_with(self, weight, x):
        return ops.linear(x, weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class _Conv(WeightedLayer):
    space: int  # spatial axes
    transposed = False

    def _build(self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, rng, dtype) -> None:
        name = type(self).__name__
        _check_sizes(name, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: groups={groups} must divide in_channels={in_channels} and out_channels={out_channels}")
        kernel = (kernel_size,) * self.space if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(kernel) != self.space or any(not isinstance(k, int) or k < 1 for k in kernel):
            raise ValueError(f"{name}: kernel_size must be {'a positive int' + ' or a pair of them' * (self.space == 2)}, not {kernel_size!r}")
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        shape = (in_channels, out_channels // groups, *kernel) if self.transposed else (out_channels, in_channels // groups, *kernel)
        self.weight, self.bias = _default_parameters(shape, out_channels, bias, rng, dtype)

    def extra_repr(self) -> str:
        defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
        given = [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k, v) != v] + ["bias=False"] * (self.bias is None)
        return ", ".join([f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}", *given])


class Conv2d(_Conv):
    """2-D convolution (`ops.conv2d`): x (N, in_channels, H, W) to (N, out_channels, Ho, Wo), Ho = (H + 2p - d (k - 1) - 1) // s + 1.

    Parameters: weight (out_channels, in_channels / groups, kh, kw) and bias (out_channels,), both U(-b, b) with b = 1 / sqrt(in_channels / groups
    kh kw). On the CPU the weight lies channels-last in memory, as the convolution reads it.
    """

    space = 2

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0, dilation: Pair = 1, groups: int = 1,
        bias: bool = True, *, rng: RNG, dtype: Any = np.float32,
    ):  # fmt: skip
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, rng, dtype)

    def forward_with(self, weight, x):
        op = ops.conv2d if self.space == 2 else ops.conv1d
        return op(x, weight, self.bias, stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups)


class Conv1d(Conv2d):
    """1-D convolution: x (N, in_channels, L) to (N, out_channels, Lo). As Conv2d, with one spatial axis and settings that are ints."""

    space = 1


class ConvTranspose2d(_Conv):
    """2-D transposed convolution (`ops.conv_transpose2d`): x (N, in_channels, H, W) to (N, out_channels, Ho, Wo),
    Ho = (H - 1) s - 2p + d (k - 1) + output_padding + 1.

    Parameters: weight (in_channels, out_channels / groups, kh, kw) and bias (out_channels,), both U(-b, b) with b = 1 / sqrt(out_channels / groups
    kh kw): PyTorch reads the fan-in off the weight's second axis here too, though at stride 1 it is in_channels / groups kh kw.
    """

    space = 2
    transposed = True
    output_axis = 1

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0, output_padding: Pair = 0, groups: int = 1,
        bias: bool = True, dilation: Pair = 1, *, rng: RNG, dtype: Any = np.float32,
    ):  # fmt: skip
        self.output_padding = output_padding
        self._build(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, rng, dtype)

    @property
    def fan_in(self) -> float:
        """in_channels / groups kh kw / stride^2: each input writes kh kw numbers, and there are stride^2 outputs for one input. It is the mean over outputs,
        away from the borders; where the stride does not divide the kernel, neighbours are sums of unlike many: a chessboard."""
        stride = (self.stride,) * self.space if isinstance(self.stride, int) else self.stride
        return self.weight.shape[0] // self.groups * math.prod(self.kernel_size) / math.prod(stride)

    def forward_with(self, weight, x):
        op = ops.conv_transpose2d if self.space == 2 else ops.conv_transpose1d
        settings = {"stride": self.stride, "padding": self.padding, "output_padding": self.output_padding, "dilation": self.dilation}
        return op(x, weight, self.bias, groups=self.groups, **settings)


class ConvTranspose1d(ConvTranspose2d):
    """1-D transposed convolution: x (N, in_channels, L) to (N, out_channels, Lo). As ConvTranspose2d, with one spatial axis."""

    space = 1


class Embedding(Module):
    """A table of vectors: indices (any shape, integers in [0, num_embeddings)) to (*shape, embedding_dim). Parameter: weight, from N(0, 1)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, *, rng: RNG, dtype: Any = np.float32):
        _check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = parameter(init.normal((num_embeddings, embedding_dim), rng, dtype=dtype))

    def forward(self, indices):
        return ops.embedding(indices, self.weight)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class SpectralNorm(WeightWrapper):
    """A layer whose weight is divided by its largest singular value sigma at every call, so that, as a matrix, it stretches nothing (Miyato
    et al. 2018).

    The matrix W is the weight with the axis of the outputs first and all others flattened. sigma = u^T W v with u and v from power iteration,

        v <- W^T u / |W^T u|,    u <- W v / |W v|,

    one each time the layer is called in training: the weight changes little between steps, so the vectors keep up. They count as constants in the
    gradient (`ops.spectral_norm` says why). In evaluation they stay as they are.

    Parameters: `layer`, any with a weight from this file; `rng`, for the first u. Buffers: u and v.
    """

    weight_is_fixed_because = "which has found its largest singular value already; draw its weights first, then wrap it"

    def __init__(self, layer: WeightedLayer, *, rng: RNG, eps: float = 1e-12):
        init.check_rng(rng)
        super().__init__(layer)
        self.eps = eps
        matrix = self._matrix(layer.weight.data)
        u, v = _unit(rng.normal(matrix.shape[:1], matrix.dtype), eps), None
        for _ in range(15):  # so that the first sigma is right to a few per cent
            u, v = self._iterate(matrix, u)
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def _matrix(self, w):
        w = w.swapaxes(0, 1) if self.layer.output_axis else w
        return w.reshape(w.shape[0], math.prod(w.shape[1:]))

    def _iterate(self, matrix, u):
        v = _unit(matrix.T @ u, self.eps)
        return _unit(matrix @ v, self.eps), v

    def forward(self, x):
        w, u, v = self.layer.weight, self.u.data, self.v.data
        if self.training:
            # new arrays: the graphs of earlier calls (a critic sees real and generated samples before it goes backward) still hold the old ones
            u, v = self._iterate(self._matrix(w.data), u)
            self.u[...], self.v[...] = u, v
        else:
            u, v = u.copy(), v.copy()
        w = ops.swapaxes(w, 0, 1) if self.layer.output_axis else w
        w = ops.spectral_norm(w, u, v)
        return self.layer.forward_with(ops.swapaxes(w, 0, 1) if self.layer.output_axis else w, x)


class EqualizedLR(WeightWrapper):
    """A layer whose weight is drawn from N(0, 1) and multiplied by c = gain / sqrt(fan_in) at every call: equalized learning rate (Karras et al. 2018).

    The weight in use, c w, has He's deviation (gain = sqrt 2, for a relu behind it; 1 where there is none), so that a signal keeps its power. Why then not
    draw it so, once? Adam takes steps of about lr in *every* weight, whatever its gradient's size. With c in the weight itself that is a share lr / c: large
    in a layer of many inputs, small in one of few. With c outside, all weights are about 1 and all steps a share lr of them: **one rate fits all layers**. It
    is larger than one is used to: 0.003 here does in a layer of 1,000 inputs what 0.003 c = 0.00013 does without.

    Parameters: `layer`, any with a weight from this file, which is drawn afresh and its bias set to 0; `rng`, for that.
    """

    weight_is_fixed_because = "whose weight is N(0, 1), and has He's deviation when it is used; leave it as it is"

    def __init__(self, layer: WeightedLayer, gain: float = math.sqrt(2), *, rng: RNG):
        super().__init__(layer)
        self.scale = gain / math.sqrt(layer.fan_in)
        layer.weight.data = init.normal(layer.weight.shape, rng, dtype=layer.weight.dtype)
        if layer.bias is not None:
            layer.bias.data = layer.bias.data * 0

    def scaled_weight(self):
        """The weight in use, c w."""
        return self.layer.weight * self.scale

    def forward(self, x):
        return self.layer.forward_with(self.scaled_weight(), x)

    def extra_repr(self) -> str:
        return f"scale={self.scale:.4g}"


def _unit(v, eps):
    return v / np.maximum(np.sqrt((v * v).sum()), eps)


def _check_sizes(name: str, **sizes: int) -> None:
    for what, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{name}: {what} must be a positive whole number, not {n!r}")
