"""Cases of convolution, its transpose and its weight gradient, against loops over the outputs."""

import functools

import numpy as np

from tests.cases import case
from tinygen import ops


def naive_conv2d(x, w, bias=None, *, stride, padding, dilation, groups):
    """Convolve by a loop over the outputs."""
    n, c, height, width = x.shape
    o, c_group, kh, kw = w.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    padded = np.zeros((n, c, height + 2 * ph, width + 2 * pw))
    padded[:, :, ph : ph + height, pw : pw + width] = x
    ho = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    wo = (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((n, o, ho, wo))
    for k, a, b in np.ndindex(o, ho, wo):
        first = k // (o // groups) * c_group
        rows = slice(a * sh, a * sh + dh * (kh - 1) + 1, dh)
        columns = slice(b * sw, b * sw + dw * (kw - 1) + 1, dw)
        window = padded[:, first : first + c_group, rows, columns]
        y[:, k, a, b] = (window * w[k]).sum(axis=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def naive_conv_transpose2d(x, w, bias=None, *, stride, padding, output_padding, dilation, groups):
    """Let each element of x add its multiple of the kernel, then remove the padding."""
    n, c, height, width = x.shape
    _, o_group, kh, kw = w.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    ho = (height - 1) * sh + dh * (kh - 1) + 1 + output_padding[0]
    wo = (width - 1) * sw + dw * (kw - 1) + 1 + output_padding[1]
    full = np.zeros((n, o_group * groups, ho, wo))
    for k, a, b, i, j in np.ndindex(c, height, width, kh, kw):
        first = k // (c // groups) * o_group
        target = full[:, first : first + o_group, a * sh + i * dh, b * sw + j * dw]  # a view
        target += x[:, k, a, b, None] * w[k, :, i, j]
    y = full[:, :, ph : ho - ph, pw : wo - pw]
    return y if bias is None else y + bias[:, None, None]


def draw_settings(draw):
    """Draw the settings of a convolution, and its kernel size."""
    settings = {
        "stride": (draw.integer(1, 3), draw.integer(1, 3)),
        "padding": (draw.integer(0, 2), draw.integer(0, 2)),
        "dilation": (draw.integer(1, 2), draw.integer(1, 2)),
        "groups": draw.choice(1, 1, 2, 3),
    }
    return settings, (draw.integer(1, 3), draw.integer(1, 3))


def draw_settings_and_arrays(draw):
    """Draw settings, x and w of a convolution whose kernel fits into the padded x.

    Among them are sizes that the stride does not divide, empty batches and depthwise groups.
    """
    settings, kernel = draw_settings(draw)
    groups = settings["groups"]
    c, o = groups * draw.integer(1, 2), groups * draw.integer(1, 2)
    size = [
        max(1, d * (k - 1) + 1 - 2 * p) + draw.integer(0, 3)
        for k, p, d in zip(kernel, settings["padding"], settings["dilation"])
    ]
    x = draw.array((draw.integer(0, 2), c, *size))
    return settings, x, draw.array((o, c // groups, *kernel))


@case("conv2d")
def draw_conv2d(draw):
    settings, x, w = draw_settings_and_arrays(draw)
    bias = [draw.array((len(w),))] if draw.choice(True, False) else []
    f = functools.partial(ops.conv2d, **settings)
    return f, [x, w, *bias], functools.partial(naive_conv2d, **settings)


@case("conv2d_weight")
def draw_conv2d_weight(draw):
    settings, x, w = draw_settings_and_arrays(draw)
    y = draw.array(naive_conv2d(x, w, **settings).shape)

    def naive(x, y):
        """Return <conv2d(x, e), y> for each weight e that has a single 1."""
        basis = np.eye(w.size).reshape(w.size, *w.shape)
        products = [(naive_conv2d(x, e, **settings) * y).sum() for e in basis]
        return np.array(products).reshape(w.shape)

    f = functools.partial(ops.conv2d_weight, kernel_size=w.shape[2:], **settings)
    return f, [x, y], naive


@case("conv_transpose2d")
def draw_conv_transpose2d(draw):
    settings, kernel = draw_settings(draw)
    settings["output_padding"] = tuple(draw.integer(0, s - 1) for s in settings["stride"])
    stride, padding, dilation = (settings[name] for name in ("stride", "padding", "dilation"))
    groups = settings["groups"]
    c, o = groups * draw.integer(1, 2), groups * draw.integer(1, 2)
    size = [  # so large that the padding does not cut away all of the result
        max(1, -(-(2 * p - d * (k - 1)) // s) + 1) + draw.integer(0, 2)
        for k, p, d, s in zip(kernel, padding, dilation, stride)
    ]
    x = draw.array((draw.integer(0, 2), c, *size))
    w = draw.array((c, o // groups, *kernel))
    bias = [draw.array((o,))] if draw.choice(True, False) else []
    f = functools.partial(ops.conv_transpose2d, **settings)
    return f, [x, w, *bias], functools.partial(naive_conv_transpose2d, **settings)


def with_height(settings):
    """Return the 2-D settings of a 1-D operation: height one."""
    pairs = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}  # along the height
    return {k: (pairs[k], v) if k in pairs else v for k, v in settings.items()}


def draw_1d(draw, op, naive, settings, x, kernel):
    """Draw the case of a 1-D op, whose naive implementation is 2-D."""
    channels = 2 * settings["groups"]
    w, bias = draw.array((channels, 2, kernel)), draw.array((channels,))

    def naive_1d(x, w, bias):
        y = naive(x[:, :, None], w[:, :, None], bias, **with_height(settings))
        return y[:, :, 0]

    return functools.partial(op, **settings), [x, w, bias], naive_1d


@case("conv1d")
def draw_conv1d(draw):
    settings = {
        "stride": draw.integer(1, 3),
        "padding": draw.integer(0, 2),
        "dilation": draw.integer(1, 2),
        "groups": draw.choice(1, 2),
    }
    kernel = draw.integer(1, 3)
    least = max(1, settings["dilation"] * (kernel - 1) + 1 - 2 * settings["padding"])
    x = draw.array((draw.integer(0, 2), 2 * settings["groups"], least + draw.integer(0, 4)))
    return draw_1d(draw, ops.conv1d, naive_conv2d, settings, x, kernel)


@case("conv_transpose1d")
def draw_conv_transpose1d(draw):
    stride = draw.integer(1, 3)
    settings = {
        "stride": stride,
        "padding": draw.integer(0, 1),
        "output_padding": draw.integer(0, stride - 1),
        "dilation": draw.integer(1, 2),
        "groups": draw.choice(1, 2),
    }
    kernel = draw.integer(2, 3)
    x = draw.array((draw.integer(0, 2), 2 * settings["groups"], draw.integer(2, 4)))
    return draw_1d(draw, ops.conv_transpose1d, naive_conv_transpose2d, settings, x, kernel)
