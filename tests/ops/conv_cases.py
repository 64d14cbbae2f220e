"""Cases of convolution, its transpose and its weight gradient, against loops over the outputs."""

import functools

import numpy as np

from tests.cases import case
from tinygen import ops


def paddings(padding, kernel, dilation):
    """Return (before, after) along height and width."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        sums = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return [(total // 2, total - total // 2) for total in sums]
    return [(p, p) for p in padding]


def naive_conv2d(x, w, bias=None, *, stride, padding, dilation, groups):
    """Convolve by a loop over the outputs."""
    n, c, height, width = x.shape
    o, c_group, kh, kw = w.shape
    (sh, sw), (dh, dw) = stride, dilation
    (top, bottom), (left, right) = paddings(padding, (kh, kw), dilation)
    padded = np.zeros((n, c, height + top + bottom, width + left + right))
    padded[:, :, top : top + height, left : left + width] = x
    ho = (height + top + bottom - dh * (kh - 1) - 1) // sh + 1
    wo = (width + left + right - dw * (kw - 1) - 1) // sw + 1
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
    (sh, sw), (dh, dw) = stride, dilation
    (top, bottom), (left, right) = paddings(padding, (kh, kw), dilation)
    ho = (height - 1) * sh + dh * (kh - 1) + 1 + output_padding[0]
    wo = (width - 1) * sw + dw * (kw - 1) + 1 + output_padding[1]
    full = np.zeros((n, o_group * groups, ho, wo))
    for k, a, b, i, j in np.ndindex(c, height, width, kh, kw):
        first = k // (c // groups) * o_group
        target = full[:, first : first + o_group, a * sh + i * dh, b * sw + j * dw]  # a view
        target += x[:, k, a, b, None] * w[k, :, i, j]
    y = full[:, :, top : ho - bottom, left : wo - right]
    return y if bias is None else y + bias[:, None, None]


def draw_settings(draw):
    """Draw the settings of a convolution, and its kernel size."""
    settings = {
        "stride": (draw.integer(1, 3), draw.integer(1, 3)),
        "padding": (draw.integer(0, 2), draw.integer(0, 2)),
        "dilation": (draw.integer(1, 2), draw.integer(1, 2)),
        "groups": draw.choice(1, 1, 2, 3),
    }
    if draw.integer(0, 5) == 0:
        settings |= {"padding": "valid"}
    elif draw.integer(0, 4) == 0:
        settings |= {"padding": "same", "stride": (1, 1)}
    return settings, (draw.integer(1, 3), draw.integer(1, 3))


def draw_settings_and_arrays(draw):
    """Draw settings, x and w of a convolution whose kernel fits into the padded x.

    Among them are sizes that the stride does not divide, empty batches and depthwise groups.
    """
    settings, kernel = draw_settings(draw)
    groups = settings["groups"]
    c, o = groups * draw.integer(1, 2), groups * draw.integer(1, 2)
    pads = paddings(settings["padding"], kernel, settings["dilation"])
    size = [
        max(1, d * (k - 1) + 1 - before - after) + draw.integer(0, 3)
        for k, (before, after), d in zip(kernel, pads, settings["dilation"])
    ]
    x = draw.array((draw.integer(0, 2), c, *size))
    return settings, x, draw.array((o, c // groups, *kernel))


def one_or_all(draw, f, arguments, naive, batched=(0,)):
    """Return the case, sometimes with the first image alone of the arguments `batched`."""
    if not len(arguments[0]) or draw.choice(True, True, False):
        return f, arguments, naive
    images = [a[0] if i in batched else a for i, a in enumerate(arguments)]

    def naive_of_one(*arrays):
        y = naive(*(a[None] if i in batched else a for i, a in enumerate(arrays)))
        return y[0] if batched == (0,) else y

    return f, images, naive_of_one


@case("conv2d")
def draw_conv2d(draw):
    settings, x, w = draw_settings_and_arrays(draw)
    bias = [draw.array((len(w),))] if draw.choice(True, False) else []
    f, naive = (functools.partial(g, **settings) for g in (ops.conv2d, naive_conv2d))
    return one_or_all(draw, f, [x, w, *bias], naive)


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
    return one_or_all(draw, f, [x, y], naive, batched=(0, 1))


@case("conv_transpose2d")
def draw_conv_transpose2d(draw):
    settings, kernel = draw_settings(draw)
    settings["output_padding"] = tuple(draw.integer(0, s - 1) for s in settings["stride"])
    stride, padding, dilation = (settings[name] for name in ("stride", "padding", "dilation"))
    groups = settings["groups"]
    c, o = groups * draw.integer(1, 2), groups * draw.integer(1, 2)
    size = [  # so large that the padding does not cut away all of the result
        max(1, -(-(before + after - d * (k - 1)) // s) + 1) + draw.integer(0, 2)
        for k, (before, after), d, s in zip(
            kernel, paddings(padding, kernel, dilation), dilation, stride
        )
    ]
    x = draw.array((draw.integer(0, 2), c, *size))
    w = draw.array((c, o // groups, *kernel))
    bias = [draw.array((o,))] if draw.choice(True, False) else []
    functions = (ops.conv_transpose2d, naive_conv_transpose2d)
    f, naive = (functools.partial(g, **settings) for g in functions)
    return one_or_all(draw, f, [x, w, *bias], naive)


def with_height(settings):
    """Return the 2-D settings of a 1-D operation: height one."""
    pairs = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1}  # along the height
    is_pair = {k: k in pairs and not isinstance(v, str) for k, v in settings.items()}
    return {k: (pairs[k], v) if is_pair[k] else v for k, v in settings.items()}


def draw_1d(draw, op, naive, settings, x, kernel):
    """Draw the case of a 1-D op, whose naive implementation is 2-D."""
    channels = 2 * settings["groups"]
    w, bias = draw.array((channels, 2, kernel)), draw.array((channels,))

    def naive_1d(x, w, bias):
        y = naive(x[:, :, None], w[:, :, None], bias, **with_height(settings))
        return y[:, :, 0]

    return one_or_all(draw, functools.partial(op, **settings), [x, w, bias], naive_1d)


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
    if settings["stride"] == 1 and draw.choice(True, False):
        settings["padding"] = "same"
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
