"""Convolution, pooling, padding and resampling of images and sequences."""

import numpy as np

from tests.first_hour.phrases import F, Row
from tinygen import ops

ROWS = [
    Row(
        "conv2d",
        lambda images, kernel: ops.conv2d(images, kernel),
        None,
        lambda images, kernel: F.conv2d(images, kernel),
    ),
    Row(
        "conv2d with stride and padding by name",
        lambda images, kernel: ops.conv2d(images, kernel, stride=2, padding=1),
        None,
        lambda images, kernel: F.conv2d(images, kernel, stride=2, padding=1),
    ),
    Row(
        "conv2d with settings by position",
        lambda images, kernel: ops.conv2d(images, kernel, None, 2, (1, 0), (1, 2)),
        None,
        lambda images, kernel: F.conv2d(images, kernel, None, 2, (1, 0), (1, 2)),
    ),
    Row(
        "conv2d in groups",
        lambda images, kernel: ops.conv2d(images, kernel[:4, :2], groups=2),
        None,
        lambda images, kernel: F.conv2d(images, kernel[:4, :2], groups=2),
    ),
    Row(
        "conv2d that keeps the size",
        lambda images, kernel: ops.conv2d(images, kernel, padding="same"),
        None,
        lambda images, kernel: F.conv2d(images, kernel, padding="same"),
    ),
    Row(
        "conv2d of one image",
        lambda images, kernel: ops.conv2d(images[0], kernel),
        None,
        lambda images, kernel: F.conv2d(images[0], kernel),
    ),
    Row(
        "conv1d",
        lambda sequences, kernel1d: ops.conv1d(sequences, kernel1d, stride=2, padding=1),
        None,
        lambda sequences, kernel1d: F.conv1d(sequences, kernel1d, stride=2, padding=1),
    ),
    Row(
        "conv_transpose2d",
        lambda images, kernel: ops.conv_transpose2d(
            images, ops.swapaxes(kernel, 0, 1), stride=2, padding=1, output_padding=1
        ),
        None,
        lambda images, kernel: F.conv_transpose2d(
            images, kernel.transpose(0, 1), stride=2, padding=1, output_padding=1
        ),
    ),
    Row(
        "conv_transpose1d",
        lambda sequences, kernel1d: ops.conv_transpose1d(
            sequences, ops.swapaxes(kernel1d, 0, 1), stride=2
        ),
        None,
        lambda sequences, kernel1d: F.conv_transpose1d(
            sequences, kernel1d.transpose(0, 1), stride=2
        ),
    ),
    # Pooling
    Row(
        "max_pool2d",
        lambda images: ops.max_pool2d(images, 2),
        None,
        lambda images: F.max_pool2d(images, 2),
    ),
    Row(
        "max_pool2d with stride and padding",
        lambda images: ops.max_pool2d(images, 3, 2, 1),
        None,
        lambda images: F.max_pool2d(images, 3, 2, 1),
    ),
    Row(
        "avg_pool2d",
        lambda images: ops.avg_pool2d(images, 2),
        lambda images: images.reshape(2, 4, 4, 2, 3, 2).mean((3, 5)),
        lambda images: F.avg_pool2d(images, 2),
    ),
    Row(
        "adaptive_avg_pool2d",
        lambda images: ops.adaptive_avg_pool2d(images, 3),
        None,
        lambda images: F.adaptive_avg_pool2d(images, 3),
    ),
    Row(
        "the mean of each channel",
        lambda images: images.mean((2, 3)),
        lambda images: images.mean((2, 3)),
        lambda images: F.adaptive_avg_pool2d(images, 1).flatten(1),
    ),
    Row(
        "max_pool2d with ceil_mode",
        lambda images: ops.max_pool2d(images, 3, 2, ceil_mode=True),
        None,
        lambda images: F.max_pool2d(images, 3, 2, ceil_mode=True),
    ),
    Row(
        "max_pool2d with dilation",
        lambda images: ops.max_pool2d(images, 2, 1, dilation=2),
        None,
        lambda images: F.max_pool2d(images, 2, 1, dilation=2),
    ),
    Row(
        "avg_pool2d without the padding",
        lambda images: ops.avg_pool2d(images, 3, 1, 1, count_include_pad=False),
        None,
        lambda images: F.avg_pool2d(images, 3, 1, 1, count_include_pad=False),
    ),
    Row(
        "max_pool1d",
        lambda sequences: ops.max_pool1d(sequences, 3),
        lambda sequences: sequences.reshape(2, 4, 3, 3).max(-1),
        lambda sequences: F.max_pool1d(sequences, 3),
    ),
    Row(
        "avg_pool1d",
        lambda sequences: ops.avg_pool1d(sequences, 3),
        lambda sequences: sequences.reshape(2, 4, 3, 3).mean(-1),
        lambda sequences: F.avg_pool1d(sequences, 3),
    ),
    Row(
        "adaptive_avg_pool1d",
        lambda sequences: ops.adaptive_avg_pool1d(sequences, 4),
        None,
        lambda sequences: F.adaptive_avg_pool1d(sequences, 4),
    ),
    # Padding: a pair for each axis, as in NumPy
    Row(
        "pad with zeros",
        lambda images: ops.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2))),
        lambda images: np.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2))),
        lambda images: F.pad(images, (2, 2, 1, 1)),
    ),
    Row(
        "pad with a number",
        lambda x: ops.pad(x, ((0, 0), (1, 2)), constant_values=7.0),
        lambda x: np.pad(x, ((0, 0), (1, 2)), constant_values=7.0),
        lambda x: F.pad(x, (1, 2), value=7.0),
    ),
    Row(
        "pad around",
        lambda x: ops.pad(x, 2, mode="wrap"),
        lambda x: np.pad(x, 2, mode="wrap"),
        lambda x: F.pad(x[None], (2, 2, 2, 2), mode="circular")[0],
    ),
    Row(
        "pad by mirroring",
        lambda images: ops.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2)), mode="reflect"),
        lambda images: np.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2)), mode="reflect"),
        lambda images: F.pad(images, (2, 2, 1, 1), mode="reflect"),
    ),
    Row(
        "pad with the edge",
        lambda images: ops.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2)), mode="edge"),
        lambda images: np.pad(images, ((0, 0), (0, 0), (1, 1), (2, 2)), mode="edge"),
        lambda images: F.pad(images, (2, 2, 1, 1), mode="replicate"),
    ),
    # Resampling
    Row(
        "twice the size by nearest neighbours",
        lambda images: ops.interpolate(images, scale_factor=2),
        lambda images: images.repeat(2, 2).repeat(2, 3),
        lambda images: F.interpolate(images, scale_factor=2),
    ),
    Row(
        "a new size",
        lambda images: ops.interpolate(images, (5, 9)),
        None,
        lambda images: F.interpolate(images, (5, 9)),
    ),
    Row(
        "bilinear",
        lambda images: ops.interpolate(images, scale_factor=2, mode="bilinear"),
        None,
        lambda images: F.interpolate(images, scale_factor=2, mode="bilinear"),
    ),
    Row(
        "bilinear with align_corners",
        lambda images: ops.interpolate(images, (5, 9), mode="bilinear", align_corners=True),
        None,
        lambda images: F.interpolate(images, (5, 9), mode="bilinear", align_corners=True),
    ),
    Row(
        "bicubic",
        lambda images: ops.interpolate(images, scale_factor=2, mode="bicubic"),
        None,
        lambda images: F.interpolate(images, scale_factor=2, mode="bicubic"),
    ),
    Row(
        "means over areas",
        lambda images: ops.interpolate(images, (4, 3), mode="area"),
        lambda images: images.reshape(2, 4, 4, 2, 3, 2).mean((3, 5)),
        lambda images: F.interpolate(images, (4, 3), mode="area"),
    ),
    Row(
        "a sequence of another length",
        lambda sequences: ops.interpolate(sequences, 6, mode="linear"),
        None,
        lambda sequences: F.interpolate(sequences, 6, mode="linear"),
    ),
    Row(
        "pixel_shuffle",
        lambda images: ops.pixel_shuffle(images, 2),
        None,
        lambda images: F.pixel_shuffle(images, 2),
    ),
    Row(
        "pixel_unshuffle",
        lambda images: ops.pixel_unshuffle(images, 2),
        None,
        lambda images: F.pixel_unshuffle(images, 2),
    ),
    Row(
        "mirror images",
        lambda images: images[..., ::-1],
        lambda images: np.flip(images, 3),
        lambda images: images.flip(-1),
    ),
]
