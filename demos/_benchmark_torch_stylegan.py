"""StyleGAN2 of tinygen/models in PyTorch: the same layers under the same names.

So a `state_dict()` of one library can be loaded by the other.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

SQRT2 = math.sqrt(2)


class EqualizedLR(nn.Module):
    """A layer whose weight is multiplied by a constant at every call."""

    def __init__(self, layer, gain):
        super().__init__()
        self.layer = layer
        self.scale = gain / math.sqrt(layer.weight[0].numel())
        nn.init.normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)

    def scaled_weight(self):
        return self.layer.weight * self.scale

    def forward(self, x):
        if isinstance(self.layer, nn.Linear):
            return functional.linear(x, self.scaled_weight(), self.layer.bias)
        padding = self.layer.padding
        return functional.conv2d(x, self.scaled_weight(), self.layer.bias, padding=padding)


def equalized_linear(a, b, gain=SQRT2):
    return EqualizedLR(nn.Linear(a, b), gain)


def equalized_conv(a, b, kernel_size, bias=True, gain=SQRT2):
    return EqualizedLR(nn.Conv2d(a, b, kernel_size, 1, kernel_size // 2, bias=bias), gain)


def affine_layer(a, b):
    """From w to a style, which is near 1 at first."""
    layer = equalized_linear(a, b, gain=1)
    nn.init.ones_(layer.layer.bias)
    return layer


def upsample(x):
    return functional.interpolate(x, scale_factor=2, mode="bilinear")


def modulated_conv(x, weight, style, demodulate=True):
    """As in stylegan.py: one convolution for all pictures, scaled before and after."""
    modulated = x * style[:, :, None, None]
    y = functional.conv2d(modulated, weight, padding=weight.shape[-1] // 2)
    if demodulate:
        variance = (style * style) @ (weight * weight).sum((2, 3)).T
        y = y / torch.sqrt(variance + 1e-8)[:, :, None, None]
    return y


class MappingNetwork(nn.Module):
    """As in stylegan.py."""

    def __init__(self, latent_dim, num_layers):
        super().__init__()
        layers = []
        for _ in range(num_layers):
            layers += [equalized_linear(latent_dim, latent_dim), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(z / torch.sqrt((z * z).mean(1, keepdim=True) + 1e-8))


class StyledConv(nn.Module):
    """As in stylegan.py."""

    def __init__(self, a, b, latent_dim):
        super().__init__()
        self.conv = equalized_conv(a, b, 3, bias=False, gain=1)
        self.affine_scale = affine_layer(latent_dim, a)
        self.noise_strength = nn.Parameter(torch.zeros(1))
        self.bias = nn.Parameter(torch.zeros(b))

    def forward(self, x, w, noise):
        y = modulated_conv(x, self.conv.scaled_weight(), self.affine_scale(w))
        y = y + self.noise_strength * noise + self.bias[:, None, None]
        return functional.leaky_relu(y, 0.2) * SQRT2


class ToRGB(nn.Module):
    """As in stylegan.py."""

    def __init__(self, a, latent_dim, num_sizes):
        super().__init__()
        self.conv = equalized_conv(a, 3, 1, bias=False, gain=num_sizes**-0.5)
        self.affine_scale = affine_layer(latent_dim, a)
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x, w):
        weight, style = self.conv.scaled_weight(), self.affine_scale(w)
        return modulated_conv(x, weight, style, demodulate=False) + self.bias[:, None, None]


class StyleGenerator(nn.Module):
    """As in stylegan.py, with one w for all layers."""

    def __init__(self, latent_dim, channels):
        super().__init__()
        self.mapping = MappingNetwork(latent_dim, 4)
        self.constant = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        conv_channels = [(channels[0], channels[0])]
        for a, b in pairwise(channels):
            conv_channels += [(a, b), (b, b)]
        self.convolutions = nn.ModuleList([StyledConv(a, b, latent_dim) for a, b in conv_channels])
        self.to_rgb = nn.ModuleList([ToRGB(c, latent_dim, len(channels)) for c in channels])

    def forward(self, z, noise):
        return self.synthesis(self.mapping(z), noise)

    def synthesis(self, w, noise):
        h = self.constant.expand(len(w), -1, -1, -1)
        h = self.convolutions[0](h, w, noise[0])
        picture = self.to_rgb[0](h, w)
        for i in range(1, len(self.convolutions), 2):
            h = self.convolutions[i](upsample(h), w, noise[i])
            h = self.convolutions[i + 1](h, w, noise[i + 1])
            picture = upsample(picture) + self.to_rgb[(i + 1) // 2](h, w)
        return picture


def minibatch_std(x, group_size):
    """As in gan.py."""
    n, c, h, w = x.shape
    groups = x.reshape(n // group_size, group_size, c, h, w)
    std = torch.sqrt(groups.var(1, correction=0) + 1e-8).mean((1, 2, 3))
    std = std.repeat_interleave(group_size)[:, None, None, None].expand(n, 1, h, w)
    return torch.cat([x, std], 1)


class StyleDiscriminator(nn.Module):
    """As in style_discriminator.py."""

    def __init__(self, channels):
        super().__init__()
        activation = nn.LeakyReLU(0.2)
        self.from_rgb = nn.Sequential(equalized_conv(3, channels[-1], 1), activation)
        blocks = [*pairwise(channels[::-1])]
        self.first_convs = nn.ModuleList(
            [nn.Sequential(equalized_conv(a, a, 3), activation) for a, _ in blocks]
        )
        self.second_convs = nn.ModuleList(
            [nn.Sequential(equalized_conv(a, b, 3), activation) for a, b in blocks]
        )
        self.shortcuts = nn.ModuleList(
            [equalized_conv(a, b, 1, bias=False, gain=1) for a, b in blocks]
        )
        c = channels[0]
        self.output = nn.Sequential(
            equalized_conv(c + 1, c, 3),
            activation,
            nn.Flatten(),
            equalized_linear(16 * c, c),
            activation,
            equalized_linear(c, 1, gain=1),
        )

    def forward(self, x):
        h = self.from_rgb(x)
        blocks = zip(self.first_convs, self.second_convs, self.shortcuts)
        for first_conv, second_conv, shortcut in blocks:
            residual = second_conv(functional.avg_pool2d(first_conv(h), 2))
            h = (residual + shortcut(functional.avg_pool2d(h, 2))) / SQRT2
        return self.output(minibatch_std(h, 4)).flatten()
