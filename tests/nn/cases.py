"""Every layer with the shape of an input, and its forward pass written independently.

`LAYERS` is what the tests of test_layers.py run over.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tests.nn import naive
from tinygen import default_rng, nn


class SelfAttention(nn.Module):
    """Multi-head attention of x to itself, without the weights."""

    def __init__(self, **settings):
        self.layer = nn.MultiheadAttention(6, 2, batch_first=True, **settings)

    def forward(self, x):
        y, weights = self.layer(x, x, x, need_weights=False)
        assert weights is None
        return y


class Case(NamedTuple):
    """A layer to be tested."""

    build: Callable  # (rng, dtype) -> layer
    shape: tuple[int, ...]  # of x
    forward: Callable  # (x, layer) -> y, in NumPy


def new_rng():
    return default_rng(3)


def build(name, dtype=np.float64):
    """Return the layer, an input x and the case's forward pass.

    Scales and shifts are not ones and zeros, and x has no value near the kink of ReLU.
    """
    case = LAYERS[name]
    layer, rng = case.build(new_rng(), dtype), np.random.default_rng(0)
    for path, p in layer.named_parameters():
        if (p.ndim == 1 and "Norm" in name) or path.endswith("in_proj_bias"):
            p[...] = rng.uniform(0.5, 1.5, p.shape)
    x = rng.normal(size=case.shape)
    x = np.where(np.abs(x) < 0.05, 0.3, x)
    return layer, x.astype(dtype), case.forward


def _pair(setting):
    return setting if isinstance(setting, tuple) else (setting, setting)


def _linear(x, layer):
    return naive.linear(x, layer.weight.data, layer.bias.data)


def _conv2d(x, layer):
    settings = [_pair(s) for s in (layer.stride, layer.padding, layer.dilation)]
    return naive.conv2d(x, layer.weight.data, layer.bias.data, *settings, layer.groups)


def _conv1d(x, layer):
    w, b = layer.weight.data[:, :, None], layer.bias.data
    settings = (1, layer.stride), (0, layer.padding), (1, layer.dilation)
    return naive.conv2d(x[:, :, None], w, b, *settings, layer.groups)[:, :, 0]


def _conv_transpose2d(x, layer):
    names = ("stride", "padding", "output_padding", "dilation")
    settings = [_pair(getattr(layer, name)) for name in names]
    return naive.conv_transpose2d(x, layer.weight.data, layer.bias.data, *settings, layer.groups)


def _conv_transpose1d(x, layer):
    w, b = layer.weight.data[:, :, None], layer.bias.data
    settings = (
        (1, layer.stride),
        (0, layer.padding),
        (0, layer.output_padding),
        (1, layer.dilation),
    )
    return naive.conv_transpose2d(x[:, :, None], w, b, *settings, layer.groups)[:, :, 0]


def _affine(y, layer):
    weight, bias = (naive.per_channel(p.data, y.ndim) for p in (layer.weight, layer.bias))
    return y * weight + bias


def _norm_over(*axes):
    def forward(x, layer):
        y = naive.normalize(x, axes, layer.eps)
        return y if layer.weight is None else _affine(y, layer)

    return forward


def _group_norm(x, layer):
    groups = x.reshape(len(x), layer.num_groups, -1)
    return _affine(naive.normalize(groups, 2, layer.eps).reshape(x.shape), layer)


def _group_norm_silu(x, layer):
    z = _group_norm(x, layer)
    return z / (1 + np.exp(-z))


def _layer_norm(x, layer):
    return naive.normalize(x, (1, 2), layer.eps) * layer.weight.data + layer.bias.data


def _pixel_norm(x, layer):
    return x / np.sqrt((x**2).mean(axis=1, keepdims=True) + layer.eps)


def _attention(x, module):
    return naive.attention(x, x, x, module.layer)[0]


def _spectral_norm(x, wrapper):
    w = wrapper.layer.weight.data
    sigma = wrapper.u.data @ w @ wrapper.v.data
    return naive.linear(x, w / sigma, wrapper.layer.bias.data)


def _equalized_conv(x, wrapper):
    w = wrapper.layer.weight.data * np.sqrt(2 / 18)
    return naive.conv2d(x, w, wrapper.layer.bias.data, (1, 1), (1, 1), (1, 1), 1)


def _ensemble(x, layer):
    parameters = zip(x, layer.weight.data, layer.bias.data, strict=True)
    return np.stack([naive.linear(x_i, w_i, b_i) for x_i, w_i, b_i in parameters])


def _normalized_ensemble(x, layer):
    parts = (x, layer.weight.data, layer.bias.data, layer.u.data, layer.v.data)
    return np.stack(
        [naive.linear(x, w / (u @ w @ v), b) for x, w, b, u, v in zip(*parts, strict=True)]
    )


def _softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


def _shuffle(x, layer):
    """Lay four channels out as 2 x 2 pixels."""
    y = np.zeros((2, 2, 6, 4), x.dtype)
    for row in (0, 1):
        for column in (0, 1):
            y[:, :, row::2, column::2] = x[:, 2 * row + column :: 4]
    return y


def _gelu(x, layer):
    return x * np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x)


def _rows_2_to_3(x, layer):
    """Interpolate linearly from two rows to three."""
    return np.stack([x[:, :, 0], (x[:, :, 0] + x[:, :, 1]) / 2, x[:, :, 1]], axis=2)


def _two_layers(x, layer):
    hidden = np.tanh(x @ layer[0].weight.data.T + layer[0].bias.data)
    return hidden @ layer[2].weight.data.T


# The first word of a name is the layer's.
LAYERS = {
    "Linear": Case(lambda g, t: nn.Linear(3, 5, rng=g, dtype=t), (2, 4, 3), _linear),
    "Conv2d": Case(
        lambda g, t: nn.Conv2d(4, 6, (3, 2), 2, (1, 0), (1, 2), 2, rng=g, dtype=t),
        (2, 4, 5, 6),
        _conv2d,
    ),
    "Conv1d": Case(lambda g, t: nn.Conv1d(2, 3, 3, 2, 1, 2, rng=g, dtype=t), (2, 2, 9), _conv1d),
    "ConvTranspose2d": Case(
        lambda g, t: nn.ConvTranspose2d(4, 6, 3, 2, 1, (1, 0), 2, rng=g, dtype=t),
        (2, 4, 3, 2),
        _conv_transpose2d,
    ),
    "ConvTranspose1d": Case(
        lambda g, t: nn.ConvTranspose1d(2, 3, 4, 2, 1, rng=g, dtype=t),
        (2, 2, 5),
        _conv_transpose1d,
    ),
    "BatchNorm1d": Case(lambda g, t: nn.BatchNorm1d(3, dtype=t), (5, 3), _norm_over(0)),
    "BatchNorm1d of a sequence": Case(
        lambda g, t: nn.BatchNorm1d(3, dtype=t), (3, 3, 4), _norm_over(0, 2)
    ),
    "BatchNorm2d": Case(lambda g, t: nn.BatchNorm2d(3, dtype=t), (2, 3, 3, 2), _norm_over(0, 2, 3)),
    "BatchNorm2d without affine": Case(
        lambda g, t: nn.BatchNorm2d(3, affine=False, dtype=t),
        (2, 3, 3, 2),
        _norm_over(0, 2, 3),
    ),
    "InstanceNorm2d": Case(
        lambda g, t: nn.InstanceNorm2d(3, dtype=t), (2, 3, 3, 2), _norm_over(2, 3)
    ),
    "InstanceNorm2d with affine": Case(
        lambda g, t: nn.InstanceNorm2d(3, affine=True, dtype=t),
        (2, 3, 3, 2),
        _norm_over(2, 3),
    ),
    "InstanceNorm1d": Case(lambda g, t: nn.InstanceNorm1d(3, dtype=t), (2, 3, 4), _norm_over(2)),
    "LayerNorm": Case(lambda g, t: nn.LayerNorm((3, 4), dtype=t), (2, 3, 4), _layer_norm),
    "GroupNorm": Case(lambda g, t: nn.GroupNorm(2, 4, dtype=t), (2, 4, 3), _group_norm),
    "GroupNormSiLU": Case(
        lambda g, t: nn.GroupNormSiLU(2, 4, dtype=t), (2, 4, 3), _group_norm_silu
    ),
    "PixelNorm": Case(lambda g, t: nn.PixelNorm(), (2, 3, 2, 2), _pixel_norm),
    "MultiheadAttention": Case(lambda g, t: SelfAttention(rng=g, dtype=t), (2, 3, 6), _attention),
    "SpectralNorm": Case(
        lambda g, t: nn.SpectralNorm(nn.Linear(3, 5, rng=g, dtype=t), rng=g).eval(),
        (4, 3),
        _spectral_norm,
    ),
    "EqualizedLR": Case(
        lambda g, t: nn.EqualizedLR(nn.Conv2d(2, 4, 3, padding=1, rng=g, dtype=t), rng=g),
        (2, 2, 3, 4),
        _equalized_conv,
    ),
    "EnsembleLinear": Case(
        lambda g, t: nn.EnsembleLinear(3, 5, rngs=[g, g], dtype=t), (2, 4, 3), _ensemble
    ),
    "EnsembleLinear with spectral norm": Case(
        lambda g, t: nn.EnsembleLinear(3, 5, spectral_norm=True, rngs=[g, g], dtype=t).eval(),
        (2, 4, 3),
        _normalized_ensemble,
    ),
    "ReLU": Case(lambda g, t: nn.ReLU(), (2, 3), lambda x, layer: np.where(x > 0, x, 0)),
    "LeakyReLU": Case(
        lambda g, t: nn.LeakyReLU(0.2),
        (2, 3),
        lambda x, layer: np.where(x > 0, x, 0.2 * x),
    ),
    "PReLU": Case(
        lambda g, t: nn.PReLU(3, 0.2, dtype=t), (2, 3), lambda x, layer: np.where(x > 0, x, 0.2 * x)
    ),
    "Softmax": Case(lambda g, t: nn.Softmax(1), (2, 3), lambda x, layer: _softmax(x)),
    "LogSoftmax": Case(lambda g, t: nn.LogSoftmax(1), (2, 3), lambda x, layer: np.log(_softmax(x))),
    "ELU": Case(
        lambda g, t: nn.ELU(0.7),
        (2, 3),
        lambda x, layer: np.where(x > 0, x, 0.7 * (np.exp(x) - 1)),
    ),
    "GELU": Case(lambda g, t: nn.GELU(), (2, 3), _gelu),
    "SiLU": Case(lambda g, t: nn.SiLU(), (2, 3), lambda x, layer: x / (1 + np.exp(-x))),
    "Sigmoid": Case(lambda g, t: nn.Sigmoid(), (2, 3), lambda x, layer: 1 / (1 + np.exp(-x))),
    "Softplus": Case(lambda g, t: nn.Softplus(), (2, 3), lambda x, layer: np.log(1 + np.exp(x))),
    "Tanh": Case(
        lambda g, t: nn.Tanh(),
        (2, 3),
        lambda x, layer: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
    ),
    "Identity": Case(lambda g, t: nn.Identity(), (2, 3), lambda x, layer: x),
    "Flatten": Case(
        lambda g, t: nn.Flatten(), (2, 3, 2, 2), lambda x, layer: x.reshape(len(x), 12)
    ),
    "Unflatten": Case(
        lambda g, t: nn.Unflatten(1, (3, 2)),
        (2, 6),
        lambda x, layer: x.reshape(2, 3, 2),
    ),
    "AvgPool2d": Case(
        lambda g, t: nn.AvgPool2d(2),
        (2, 3, 4, 2),
        lambda x, layer: x.reshape(2, 3, 2, 2, 1, 2).mean((3, 5)),
    ),
    "AvgPool2d with padding": Case(
        lambda g, t: nn.AvgPool2d((1, 2), 1, (0, 1), count_include_pad=False),
        (2, 3, 4, 2),
        lambda x, layer: np.stack([x[..., 0], x.mean(3), x[..., 1]], 3),
    ),
    "AvgPool1d": Case(
        lambda g, t: nn.AvgPool1d(2, ceil_mode=True),
        (2, 3, 3),
        lambda x, layer: np.stack([x[..., :2].mean(2), x[..., 2]], 2),
    ),
    "AdaptiveAvgPool1d": Case(
        lambda g, t: nn.AdaptiveAvgPool1d(2),
        (2, 3, 4),
        lambda x, layer: x.reshape(2, 3, 2, 2).mean(3),
    ),
    "AdaptiveAvgPool2d": Case(
        lambda g, t: nn.AdaptiveAvgPool2d(1),
        (2, 3, 4, 2),
        lambda x, layer: x.mean((2, 3), keepdims=True),
    ),
    "PixelShuffle": Case(lambda g, t: nn.PixelShuffle(2), (2, 8, 3, 2), _shuffle),
    "PixelUnshuffle": Case(
        lambda g, t: nn.PixelUnshuffle(2),
        (2, 2, 4, 2),
        lambda x, layer: (
            x.reshape(2, 2, 2, 2, 1, 2).transpose(0, 1, 3, 5, 2, 4).reshape(2, 8, 2, 1)
        ),
    ),
    "MaxPool2d": Case(
        lambda g, t: nn.MaxPool2d((2, 1), 1),
        (2, 3, 4, 2),
        lambda x, layer: np.maximum(x[:, :, 1:], x[:, :, :-1]),
    ),
    "MaxPool1d": Case(
        lambda g, t: nn.MaxPool1d(2, 1, dilation=2),
        (2, 3, 4),
        lambda x, layer: np.maximum(x[..., :2], x[..., 2:]),
    ),
    "Upsample": Case(
        lambda g, t: nn.Upsample(scale_factor=2),
        (2, 3, 2, 2),
        lambda x, layer: x.repeat(2, 2).repeat(2, 3),
    ),
    "Upsample by lines": Case(
        lambda g, t: nn.Upsample((3, 2), mode="bilinear", align_corners=True),
        (2, 3, 2, 2),
        _rows_2_to_3,
    ),
    "Sequential": Case(
        lambda g, t: nn.Sequential(
            nn.Linear(3, 2, rng=g, dtype=t),
            nn.Tanh(),
            nn.Linear(2, 2, bias=False, rng=g, dtype=t),
        ),
        (4, 3),
        _two_layers,
    ),
}
