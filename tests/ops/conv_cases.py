"""Cases of convolution, its transpose and its weight gradient, against loops over every output and tap."""

import numpy as np

from tests.cases import case
from tinygen import ops


def naive_conv2d(x, w, bias=None, *, stride, padding, dilation, groups):
    n, c, h, wd = x.shape
    o, cg, kh, kw = w.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    padded = np.zeros((n, c, h + 2 * ph, wd + 2 * pw))
    padded[:, :, ph : ph + h, pw : pw + wd] = x
    ho, wo = (h + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (wd + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    y = np.zeros((n, o, ho, wo))
    for channel in range(o):
        first = channel // (o // groups) * cg
        for a in range(ho):
            for b in range(wo):
                window = padded[:, first : first + cg, a * sh : a * sh + dh * (kh - 1) + 1 : dh, b * sw : b * sw + dw * (kw - 1) + 1 : dw]
                y[:, channel, a, b] = (window * w[channel]).sum(axis=(1, 2, 3))
    return y if bias is None else y + bias[:, None, None]


def naive_conv_transpose2d(x, w, bias=None, *, stride, padding, output_padding, dilation, groups):
    n, c, h, wd = x.shape
    _, og, kh, kw = w.shape
    (sh, sw), (ph, pw), (dh, dw) = stride, padding, dilation
    ho, wo = ((s - 1) * st + d * (k - 1) + 1 for s, st, d, k in ((h, sh, dh, kh), (wd, sw, dw, kw)))
    full = np.zeros((n, og * groups, ho + output_padding[0], wo + output_padding[1]))
    for channel in range(c):
        first = channel // (c // groups) * og
        for a in range(h):
            for b in range(wd):
                for i in range(kh):
                    for j in range(kw):
                        full[:, first : first + og, a * sh + i * dh, b * sw + j * dw] += x[:, channel, a, b, None] * w[channel, :, i, j]
    y = full[:, :, ph : full.shape[2] - ph, pw : full.shape[3] - pw]
    return y if bias is None else y + bias[:, None, None]


def draw_settings(d):
    stride, padding, dilation = ((d.integers(1, 3), d.integers(1, 3)), (d.integers(0, 2), d.integers(0, 2)), (d.integers(1, 2), d.integers(1, 2)))
    groups = d.sampled(1, 1, 2, 3)
    kernel = (d.integers(1, 3), d.integers(1, 3))
    return dict(stride=stride, padding=padding, dilation=dilation, groups=groups), kernel


def draw_conv(d):
    """Settings, x and w of a convolution whose kernel fits: sizes that the stride does not divide, empty batches and depthwise groups among them."""
    settings, kernel = draw_settings(d)
    groups = settings["groups"]
    cg, og = d.integers(1, 2), d.integers(1, 2)
    size = [max(1, dil * (k - 1) + 1 - 2 * p) + d.integers(0, 3) for k, p, dil in zip(kernel, settings["padding"], settings["dilation"])]
    x = d.array((d.integers(0, 2), cg * groups, *size))
    return settings, x, d.array((og * groups, cg, *kernel))


@case("conv2d")
def _(d):
    settings, x, w = draw_conv(d)
    bias = [d.array((len(w),))] if d.sampled(True, False) else []
    return lambda *a: ops.conv2d(*a, **settings), [x, w, *bias], lambda *a: naive_conv2d(*a, **settings)


@case("conv2d_weight")
def _(d):
    settings, x, w = draw_conv(d)
    y = naive_conv2d(x, w, **settings)
    g = d.array(y.shape)

    def naive(x, g):
        basis = np.eye(w.size).reshape(w.size, *w.shape)
        return np.array([(naive_conv2d(x, e, **settings) * g).sum() for e in basis]).reshape(w.shape)

    return lambda x, g: ops.conv2d_weight(x, g, kernel=w.shape[2:], **settings), [x, g], naive


@case("conv_transpose2d")
def _(d):
    settings, kernel = draw_settings(d)
    settings["output_padding"] = tuple(d.integers(0, s - 1) for s in settings["stride"])
    groups = settings["groups"]
    cg, og = d.integers(1, 2), d.integers(1, 2)
    extent = [max(1, -(-(1 + 2 * p - dil * (k - 1) - 1) // s) + 1) for k, p, dil, s in zip(kernel, settings["padding"], settings["dilation"], settings["stride"])]
    x = d.array((d.integers(0, 2), cg * groups, *(n + d.integers(0, 2) for n in extent)))
    w = d.array((cg * groups, og, *kernel))
    bias = [d.array((og * groups,))] if d.sampled(True, False) else []
    return lambda *a: ops.conv_transpose2d(*a, **settings), [x, w, *bias], lambda *a: naive_conv_transpose2d(*a, **settings)


def along(settings):
    """2-D settings of a 1-D operation: height one."""
    return {k: v if k == "groups" else ((1 if k in ("stride", "dilation") else 0), v) for k, v in settings.items()}


@case("conv1d")
def _(d):
    settings = dict(stride=d.integers(1, 3), padding=d.integers(0, 2), dilation=d.integers(1, 2), groups=d.sampled(1, 2))
    k = d.integers(1, 3)
    x = d.array((d.integers(0, 2), 2 * settings["groups"], max(1, settings["dilation"] * (k - 1) + 1 - 2 * settings["padding"]) + d.integers(0, 4)))
    w, bias = d.array((2 * settings["groups"], 2, k)), d.array((2 * settings["groups"],))
    return lambda *a: ops.conv1d(*a, **settings), [x, w, bias], lambda x, w, b: naive_conv2d(x[:, :, None], w[:, :, None], b, **along(settings))[:, :, 0]


@case("conv_transpose1d")
def _(d):
    stride = d.integers(1, 3)
    settings = dict(stride=stride, padding=d.integers(0, 1), output_padding=d.integers(0, stride - 1), dilation=d.integers(1, 2), groups=d.sampled(1, 2))
    k = d.integers(2, 3)
    x = d.array((d.integers(0, 2), 2 * settings["groups"], d.integers(2, 4)))
    w, bias = d.array((2 * settings["groups"], 2, k)), d.array((2 * settings["groups"],))

    def naive(x, w, b):
        return naive_conv_transpose2d(x[:, :, None], w[:, :, None], b, **along(settings))[:, :, 0]

    return lambda *a: ops.conv_transpose1d(*a, **settings), [x, w, bias], naive
