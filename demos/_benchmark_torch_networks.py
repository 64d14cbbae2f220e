"""Networks of tinygen/models in PyTorch: the same layers under the same names.

So a `state_dict()` of one library can be loaded by the other. The functions are those that users of
PyTorch call. What each network is for stands in tinygen/models.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


class DCGenerator(nn.Module):
    """As in dcgan.py: noise to pictures of 32 pixels."""

    def __init__(self):
        super().__init__()
        layers, channels = [], (100, 256, 128, 64)
        for k, (a, b) in enumerate(pairwise(channels)):
            stride, padding = (2, 1) if k else (1, 0)
            conv = nn.ConvTranspose2d(a, b, 4, stride, padding, bias=False)
            layers += [conv, nn.BatchNorm2d(b), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())

    def forward(self, z):
        return self.layers(z[:, :, None, None])


class DCDiscriminator(nn.Module):
    """As in dcgan.py: pictures of 32 pixels to logits."""

    def __init__(self, batch_norm=True):
        super().__init__()
        layers = [nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
        for a, b in pairwise((64, 128, 256)):
            layers.append(nn.Conv2d(a, b, 4, 2, 1, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(b))
            layers.append(nn.LeakyReLU(0.2))
        self.layers = nn.Sequential(*layers, nn.Conv2d(256, 1, 4, 1, 0))

    def forward(self, x):
        return self.layers(x).flatten()


class PixToPixUNet(nn.Module):
    """As `UNet` in pix2pix.py."""

    def __init__(self, in_channels, out_channels, channels, dropout):
        super().__init__()
        self.down_blocks, self.up_blocks = nn.ModuleList(), nn.ModuleList()
        for a, b in pairwise([in_channels, *channels]):
            self.down_blocks.append(nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)))
        skip_channels = 0
        for a, b in pairwise([*channels[::-1], channels[0]]):
            noise = nn.Identity() if skip_channels else nn.Dropout(dropout)
            conv = nn.ConvTranspose2d(a + skip_channels, b, 4, 2, 1)
            self.up_blocks.append(nn.Sequential(conv, noise, nn.ReLU()))
            skip_channels = b
        conv = nn.Conv2d(channels[0] + in_channels, out_channels, 3, 1, 1)
        self.output = nn.Sequential(conv, nn.Tanh())

    def forward(self, x):
        skips = [x]
        for block in self.down_blocks:
            skips.append(block(skips[-1]))
        h = skips.pop()
        for block in self.up_blocks:
            h = torch.cat([block(h), skips.pop()], 1)
        return self.output(h)


class ResidualUNet(nn.Module):
    """As in cyclegan.py."""

    def __init__(self):
        super().__init__()
        self.change = PixToPixUNet(3, 3, (16, 32, 64), 0.0)

    def forward(self, x):
        return x + 2 * self.change(x)


class PatchDiscriminator(nn.Module):
    """As in pix2pix.py."""

    def __init__(self, *channels):
        super().__init__()
        layers = []
        for a, b in pairwise(channels):
            layers += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 3, 1, 1))

    def forward(self, *pictures):
        return self.layers(torch.cat(pictures, 1) if len(pictures) > 1 else pictures[0])


class ResidualBlock(nn.Module):
    """As in diffusion/unet.py."""

    def __init__(self, a, b):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, a), nn.Conv2d(a, b, 3, 1, 1)
        self.condition_proj = nn.Linear(128, b)
        self.norm2, self.conv2 = nn.GroupNorm(8, b), nn.Conv2d(b, b, 3, 1, 1)
        self.shortcut = nn.Conv2d(a, b, 1) if a != b else nn.Identity()

    def forward(self, x, conditioning):
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.condition_proj(conditioning)[:, :, None, None]
        return self.conv2(functional.silu(self.norm2(h))) + self.shortcut(x)


class AttentionBlock(nn.Module):
    """As in diffusion/unet.py."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.attention = nn.MultiheadAttention(channels, 1, batch_first=True)

    def forward(self, x):
        rows = self.norm(x).flatten(2).transpose(1, 2)  # (N, H W, C)
        attended, _ = self.attention(rows, rows, rows, need_weights=False)
        return x + attended.transpose(1, 2).reshape(x.shape)


class ConditionEmbedding(nn.Module):
    """As in diffusion/conditioning.py."""

    def __init__(self):
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128))
        exponents = torch.arange(16) / 16
        self.register_buffer("frequencies", 1000 * 10_000**-exponents, persistent=False)

    def forward(self, t):
        angles = t[:, None] * self.frequencies
        return functional.silu(self.time_mlp(torch.cat([angles.sin(), angles.cos()], 1)))


class UNet(nn.Module):
    """As in diffusion/unet.py: 32, 64 and 64 channels at 28, 14 and 7 pixels."""

    def __init__(self):
        super().__init__()
        widths = (32, 64, 64)
        self.condition_embedding = ConditionEmbedding()
        self.conv_in = nn.Conv2d(1, 32, 3, 1, 1)
        self.down_blocks = nn.ModuleList([ResidualBlock(32, 32), ResidualBlock(32, 64)])
        self.downsample = nn.ModuleList([nn.Conv2d(w, w, 3, 2, 1) for w in widths[:-1]])
        self.mid_block1 = ResidualBlock(64, 64)
        self.mid_attention = AttentionBlock(64)
        self.mid_block2 = ResidualBlock(64, 64)
        self.upsample = nn.ModuleList([nn.Conv2d(b, a, 3, 1, 1) for a, b in pairwise(widths)])
        self.up_blocks = nn.ModuleList([ResidualBlock(2 * w, w) for w in widths[:-1]])
        self.norm_out, self.conv_out = nn.GroupNorm(8, 32), nn.Conv2d(32, 1, 3, 1, 1)

    def forward(self, x, t):
        conditioning = self.condition_embedding(t)
        h, skips = self.conv_in(x), []
        for block, downsample in zip(self.down_blocks, self.downsample):
            skips.append(block(h, conditioning))
            h = downsample(skips[-1])
        h = self.mid_attention(self.mid_block1(h, conditioning))
        h = self.mid_block2(h, conditioning)
        for k in (1, 0):
            h = self.upsample[k](functional.interpolate(h, scale_factor=2))
            h = self.up_blocks[k](torch.cat([h, skips[k]], 1), conditioning)
        return self.conv_out(functional.silu(self.norm_out(h)))
