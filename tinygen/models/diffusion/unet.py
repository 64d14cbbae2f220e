"""A U-Net that predicts what a noisy image consists of.

After Ho et al., DDPM, 2020; the U-Net itself is by Ronneberger et al., 2015.

**Why a U.** To predict the noise in a pixel, a network needs two things: the neighbouring pixels at
full resolution, and the whole image at low resolution. On the way down, the image is halved and its
channels grow. On the way up, it is doubled. At each size, the output of the way down is
concatenated with the input of the way up. These *skip connections* carry the detail past the
bottleneck.

Time and labels reach each block as one vector (`conditioning.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...backend import RNG
from ...nn import (
    Conv2d,
    GroupNorm,
    GroupNormSiLU,
    Linear,
    Module,
    ModuleList,
    MultiheadAttention,
)
from ...ops import concatenate, interpolate, pixel_shuffle, pixel_unshuffle, split
from .conditioning import ConditionEmbedding, zero_parameters_

__all__ = ["AttentionBlock", "ResidualBlock", "UNet"]

NUM_GROUPS = 8  # of each group normalization
NUM_HEADS = 1  # of the attention, as in DDPM


class ResidualBlock(Module):
    """Two 3x3 convolutions and a shortcut, with the conditioning between them.

        h = conv1(silu(norm1(x)))
        h = silu(norm2(h + shift))                  without film
        h = silu(norm2(h) (1 + scale) + shift)      with film
        y = shortcut(x) + conv2(h)

    A norm and the SiLU after it are one layer, `GroupNormSiLU`. scale and shift are linear
    functions of the conditioning, one number per channel.

    **FiLM** is feature-wise linear modulation: the conditioning gives each channel a scale and a
    shift (Perez et al., 2018; in diffusion models Dhariwal and Nichol, 2021). They are applied
    after norm2. Without FiLM the shift is added before norm2. A group normalization subtracts the
    mean of each group of channels, so it removes what the shifts of a group have in common.

    **Initialization.** conv2 starts at 0, so the block starts as its shortcut. FiLM also starts
    without effect, with scale and shift 0.

    **Shapes** x (N, in_channels, H, W), conditioning (N, conditioning_dim); y (N, out_channels, H,
    W). The shortcut is the identity, or a 1x1 convolution if the channels change.
    """

    def __init__(
        self, in_channels: int, out_channels: int, conditioning_dim: int, film: bool, rng: RNG
    ):
        self.film = film
        self.norm1 = GroupNormSiLU(NUM_GROUPS, in_channels, device=rng.device)
        self.conv1 = Conv2d(in_channels, out_channels, 3, 1, 1, rng=rng)
        num_modulations = 2 * out_channels if film else out_channels  # scales and shifts, or shifts
        self.condition_proj = Linear(conditioning_dim, num_modulations, rng=rng)
        self.norm2 = GroupNormSiLU(NUM_GROUPS, out_channels, device=rng.device)
        self.conv2 = Conv2d(out_channels, out_channels, 3, 1, 1, rng=rng)
        self.shortcut = None
        if in_channels != out_channels:
            self.shortcut = Conv2d(in_channels, out_channels, 1, rng=rng)
        zero_parameters_(self.conv2)
        if film:
            zero_parameters_(self.condition_proj)

    def forward(self, x, conditioning):
        """Return y (N, out_channels, H, W) for x (N, in_channels, H, W) and its conditioning."""
        h = self.conv1(self.norm1(x))  # (N, out_channels, H, W)
        modulation = self.condition_proj(conditioning)  # (N, num_modulations), for all pixels
        if self.film:
            scale, shift = split(modulation, 2, axis=1)  # (N, out_channels) each
            h = self.norm2(h, 1 + scale, shift)
        else:
            h = self.norm2(h + modulation.reshape((len(h), -1, 1, 1)))  # it is the shift alone
        h = self.conv2(h)  # (N, out_channels, H, W)
        return h + (x if self.shortcut is None else self.shortcut(x))


class AttentionBlock(Module):
    """Self-attention between all pixels, after a group normalization; the result is added to x.

    **Shapes** x and y (N, C, H, W).
    """

    def __init__(self, channels: int, rng: RNG):
        self.norm = GroupNorm(NUM_GROUPS, channels, device=rng.device)
        self.attention = MultiheadAttention(channels, NUM_HEADS, batch_first=True, rng=rng)

    def forward(self, x):
        """Return x plus the attention between its pixels, (N, C, H, W)."""
        n, c, h, w = x.shape
        rows = self.norm(x).transpose(0, 2, 3, 1).reshape((n, h * w, c))  # (N, H W, C)
        attended, _ = self.attention(rows, rows, rows, need_weights=False)  # (N, H W, C)
        return x + attended.reshape((n, h, w, c)).transpose(0, 3, 1, 2)  # (N, C, H, W)


class UNet(Module):
    """A noisy image and its time, to a prediction of eps, x_0 or v.

    **Initialization.** The last layer starts at 0, so before training the output is 0 for every x.
    For eps this is its mean. For x_0 and v it is their mean if the data have mean 0.

    **Shapes** x (N, in_channels, H, W) and t (N,) to (N, out_channels, H, W).

    Parameters
    ----------
    in_channels : int
        The channels of an image.
    widths : sequence of int
        The channels at each resolution, multiples of 8. Each resolution is half of the one before;
        the last is the bottom of the U.
    patch_size : int
        The image is cut into squares of this side before all else, and each square becomes one
        pixel with patch_size^2 times the channels. With 2, an image of 28 pixels becomes one of 14,
        and everything takes a quarter of the time.
    attention : bool
        Whether there is attention at the bottom.
    film : bool
        Whether the conditioning scales channels, instead of only shifting them (`ResidualBlock`).
    num_classes : int
        If not 0, labels (N,) are the third argument of the network: 0 to num_classes - 1, or
        `null_label`.
    label_encoder : Module, optional
        Encodes labels as vectors (N, 4 widths[0]), in place of a table of classes. Its null label
        is 0.
    out_channels : int, optional
        By default in_channels. Twice as many for a learned variance.
    rng : RNG
        Draws the initial weights. The network lies on its device.

    Raises
    ------
    ValueError
        If widths are fewer than two, or no multiples of 8.
    """

    def __init__(
        self,
        in_channels: int = 1,
        widths: Sequence[int] = (32, 64, 64),
        *,
        patch_size: int = 1,
        attention: bool = True,
        film: bool = False,
        num_classes: int = 0,
        label_encoder: Module | None = None,
        out_channels: int | None = None,
        rng: RNG,
    ):
        if len(widths) < 2 or any(w % NUM_GROUPS for w in widths):
            raise ValueError(
                f"UNet: widths are two or more multiples of {NUM_GROUPS}, one for each resolution; "
                f"got {tuple(widths)}"
            )
        first, before_last, last = widths[0], widths[-2], widths[-1]
        patch_area = patch_size**2
        out_channels = out_channels or in_channels
        self.patch_size = patch_size
        self.num_downsamplings = len(widths) - 1

        def block(a: int, b: int) -> ResidualBlock:
            return ResidualBlock(a, b, 4 * first, film, rng)

        self.condition_embedding = ConditionEmbedding(first, num_classes, label_encoder, rng)
        self.null_label = self.condition_embedding.null_label
        self.conv_in = Conv2d(in_channels * patch_area, first, 3, 1, 1, rng=rng)
        self.down_blocks = ModuleList(block(a, b) for a, b in pairwise([first, *widths[:-1]]))
        self.downsample = ModuleList(Conv2d(w, w, 3, 2, 1, rng=rng) for w in widths[:-1])
        self.mid_block1 = block(before_last, last)
        self.mid_attention = AttentionBlock(last, rng) if attention else None
        self.mid_block2 = block(last, last)
        self.upsample = ModuleList(Conv2d(b, a, 3, 1, 1, rng=rng) for a, b in pairwise(widths))
        self.up_blocks = ModuleList(block(2 * w, w) for w in widths[:-1])
        self.norm_out = GroupNormSiLU(NUM_GROUPS, first, device=rng.device)
        self.conv_out = Conv2d(first, out_channels * patch_area, 3, 1, 1, rng=rng)
        zero_parameters_(self.conv_out)

    def forward(self, x, t, labels=None):
        """Return the prediction for images x at times t.

        **Shapes** x (N, in_channels, H, W), t (N,) and labels (N,), or whatever `label_encoder`
        takes, to (N, out_channels, H, W). H and W are multiples of patch_size times 2 for each
        downsampling.

        Raises
        ------
        ValueError
            If x or t has another shape, or if labels are missing or not expected.
        """
        multiple = self.patch_size * 2**self.num_downsamplings
        if x.ndim != 4 or x.shape[2] % multiple or x.shape[3] % multiple or t.shape != x.shape[:1]:
            raise ValueError(
                f"UNet: needs x (N, C, H, W), H and W multiples of {multiple}, and times (N,); "
                f"got {x.shape} and {t.shape}"
            )
        conditioning = self.condition_embedding(t, labels)  # (N, 4 widths[0])
        h = pixel_unshuffle(x, downscale_factor=self.patch_size)  # (N, C p^2, H/p, W/p)
        h = self.conv_in(h)  # (N, widths[0], H/p, W/p)
        skips = []
        for block, downsample in zip(self.down_blocks, self.downsample, strict=True):
            h = block(h, conditioning)  # (N, widths[i], H/(p 2^i), W/(p 2^i))
            skips.append(h)
            h = downsample(h)  # half of the height and width
        h = self.mid_block1(h, conditioning)  # (N, widths[-1], ...)
        if self.mid_attention is not None:
            h = self.mid_attention(h)
        h = self.mid_block2(h, conditioning)
        up_path = zip(self.upsample, self.up_blocks, skips, strict=True)
        for upsample, block, skip in reversed(list(up_path)):
            h = upsample(interpolate(h, scale_factor=2))  # (N, widths[i], ...), twice as high
            h = concatenate(h, skip, axis=1)  # (N, 2 widths[i], ...)
            h = block(h, conditioning)  # (N, widths[i], ...)
        h = self.conv_out(self.norm_out(h))  # (N, out_channels p^2, H/p, W/p)
        return pixel_shuffle(h, upscale_factor=self.patch_size)  # (N, out_channels, H, W)
