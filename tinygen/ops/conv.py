"""Convolution, its transpose, its weight gradient: each is differentiated by the other two.

**Definition.** In one dimension, for one channel, with stride s, padding p and dilation d, the
convolution of x with the kernel w is

    y[o] = sum_t w[t] x[s o + d t - p]                     (x[i] = 0 for i outside the input)

("Convolution" is here, as everywhere in deep learning, what mathematics calls cross-correlation.)

**The gradient in w.** Let L be the loss and g[o] = dL/dy[o] the cotangent of y.

    dL/dw[t] = sum_o g[o] dy[o]/dw[t]                      chain rule
             = sum_o g[o] x[s o + d t - p]                 the factor of w[t] in y[o]
             = conv2d_weight(x, g)[t]                      by definition of conv2d_weight

**The gradient in x.** x[i] occurs in y[o] with the factor w[t] if tap t of window o reads it, which
means s o + d t - p = i.

    dL/dx[i] = sum_o g[o] dy[o]/dx[i]                      chain rule
             = sum g[o] w[t] over all (o, t) with s o + d t - p = i
             = conv_transpose2d(g, w)[i]                   by definition of conv_transpose2d

This is why the gradient of conv2d calls conv_transpose2d: the transposed convolution *is* this sum.
Wherever the convolution reads x[i] with the weight w[t], its transpose adds g[o] w[t] to dx[i].

**All other gradients.** The three functions are the partial derivatives of one number,

    T(x, w, y) = sum_{o,t} y[o] w[t] x[s o + d t - p]

which is linear in x, in w and in y (a trilinear form). Here x is always the convolution's input and
y an array of its output's shape; in the code of conv_transpose2d y is called x, as in PyTorch.

    dT/dy = conv2d(x, w)        dT/dx = conv_transpose2d(y, w)        dT/dw = conv2d_weight(x, y)

Each function takes two of x, w and y. Let g be the cotangent of its result, and let <a, b> be the
sum of the products of the elements of a and b. Then <result, g> is T with g in place of the third.
The gradients are the derivatives of this T by the two arguments of the function:

    function                  <result, g>    gradients
    conv2d(x, w)              T(x, w, g)     dx = conv_transpose2d(g, w)   dw = conv2d_weight(x, g)
    conv_transpose2d(y, w)    T(g, w, y)     dy = conv2d(g, w)             dw = conv2d_weight(g, y)
    conv2d_weight(x, y)       T(x, g, y)     dx = conv_transpose2d(y, g)   dy = conv2d(x, g)

These are six of the rules below; the others are of the bias. They call the same three functions, so
they give derivatives of every order. Several channels only add sums: over the input channels in y,
over the output channels in dx, over the images in dw. T also shows that the functions are adjoint
to each other:

    T(x, w, y) = <conv2d(x, w), y> = <x, conv_transpose2d(y, w)> = <w, conv2d_weight(x, y)>

The bias is an argument of the first two functions, because adding it separately would cost one more
pass over a large array. The arithmetic is in `backend/conv.py`; this file has the meaning, the
rules and the checks.

**Numerics.** On the CPU in float32, square kernels with many channels, such as 3x3 with stride 1
and 4x4 with stride 2, are computed by Winograd's algorithm (`backend/winograd.py`). The error is
then about 1e-6 of the norm of the result, in place of 3e-7. A NaN spreads over all tiles that read
it: 8x8 outputs of a 3x3 kernel, or 10x10 of a transposed 4x4 kernel with stride 2. In float64 the
error is 1e-15, and each output depends on its own window alone.

**Source** Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning,
arXiv:1603.07285.
"""

from __future__ import annotations

import numpy as np

from ..autograd.primitive import primitive
from ..backend import conv as kernels
from ..backend.windows import ConvSettings, Pair, output_size
from .arguments import as_pair, check_dtypes
from .reduce import sum

__all__ = ["conv2d", "conv2d_weight", "conv_transpose2d"]


@primitive
def conv2d(x, w, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    """2-D convolution.

    **Math** y[n, o] = bias[o] + sum_c w[o, c] * x[n, c], where * is the convolution of the module's
    docstring along height and width.
    dx = conv_transpose2d(g, w), of x's size.
    dw = conv2d_weight(x, g).
    dbias = sum of g over n, height and width.
    **Shapes** x (N, C, H, W), w (O, C/groups, kh, kw), bias (O,) or None -> (N, O, Ho, Wo),
    Ho = (H + 2p - d (kh - 1) - 1) // s + 1. One image (C, H, W) gives (O, Ho, Wo).
    The settings are integers or pairs (height, width). `groups` divides the channels of x and of y
    into that many equal groups, and convolves each group separately; groups = C is the depthwise
    convolution.
    A padding of "valid" is 0. With "same", which needs stride 1, y has the size of x: of the
    d (k - 1) zeros that this takes, half come before x. An odd one comes after it.
    **Saved** x for dw, w for dx.
    """
    kernel = _check_arrays("conv2d", x, w, bias, groups)
    settings = _settings("conv2d", kernel, stride, padding, dilation, groups)
    size = _conv_size(x.shape[-2:], kernel, padding, settings)
    if 0 in size:
        raise ValueError(
            f"conv2d: kernel {kernel} with dilation {settings.dilation} does not fit into "
            f"x {x.shape} padded by {settings.padding}; pad more or shrink it"
        )
    return _like(x, kernels.conv(_as_batch(x), w, bias, settings, size))


# The rules of conv2d. g, their first argument, is the cotangent of y.


def _conv2d_dx(g, w, x_shape, stride, padding, dilation, groups):
    """dx[i] = sum g[o] w[t] over s o + d t - p = i, by definition conv_transpose2d(g, w)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv_transpose2d(g, w, output_size=x_shape[-2:], **settings)


def _conv2d_dw(g, x, w_shape, stride, padding, dilation, groups):
    """dw[t] = sum_o g[o] x[s o + d t - p], by definition conv2d_weight(x, g)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv2d_weight(x, g, kernel_size=w_shape[2:], **settings)


def _dbias(g):
    """The bias is added to every pixel of its channel, so its cotangent is the sum over them."""
    return sum(g, axis=(0, 2, 3) if g.ndim == 4 else (1, 2))


conv2d.vjp(x=_conv2d_dx, w=_conv2d_dw, bias=_dbias)


@primitive
def conv_transpose2d(
    x,
    w,
    bias=None,
    *,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
    output_size=None,
):
    """2-D transposed convolution: the adjoint of `conv2d` in its input, a learned up-sampling.

    **Math** y[i] = sum x[o] w[t] over all (o, t) with s o + d t - p = i, plus the bias; that is,
    without the bias, <conv_transpose2d(x, w), z> = <x, conv2d(z, w)> for every z.
    dx = conv2d(g, w).
    dw = conv2d_weight(g, x): g has the place of the convolution's input, x that of its output.
    dbias = sum of g over n, height and width.
    **Shapes** x (N, C, H, W), w (C, O/groups, kh, kw), bias (O,) or None -> (N, O, Ho, Wo),
    Ho = (H - 1) s - 2p + d (kh - 1) + 1 + output_padding. One image (C, H, W) gives (O, Ho, Wo).
    A convolution with stride s maps s input sizes to one output size. So its transpose must know
    which of the s sizes to give: by `output_padding`, from 0 to s - 1, or by `output_size`, which
    is (Ho, Wo). The transpose of a convolution with padding "same" has the size of x.
    **Saved** x for dw, w for dx.
    """
    kernel = _check_arrays("conv_transpose2d", x, w, bias, groups, is_transposed=True)
    settings = _settings("conv_transpose2d", kernel, stride, padding, dilation, groups)
    size = _transposed_size(x.shape[-2:], kernel, padding, settings, output_padding, output_size)
    return _like(x, kernels.conv_transpose(_as_batch(x), w, bias, settings, size))


def _transposed_size(size, kernel, padding, settings, output_padding, output_size):
    """Return (Ho, Wo) of a transposed convolution, from `output_size` if given."""
    name, stride = "conv_transpose2d", settings.stride
    least = tuple(
        (size[a] - 1) * stride[a]
        - 2 * settings.padding[a]
        + settings.dilation[a] * (kernel[a] - 1)
        + 1
        for a in (0, 1)
    )
    if padding == "same":
        least = size
    if output_size is None:
        extra, requested = as_pair(name, "output_padding", output_padding, 0), ""
    else:
        output_size = as_pair(name, "output_size", output_size, 1)
        extra = tuple(n - m for n, m in zip(output_size, least))
        requested = f" (for output_size={output_size}; without it the size is {least})"
    if any(not 0 <= e < s for e, s in zip(extra, stride)):
        raise ValueError(
            f"{name}: output_padding {extra} must be at least 0 and less than the stride {stride}"
            f"{requested}"
        )
    result = (least[0] + extra[0], least[1] + extra[1])
    if min(result) < 1:
        raise ValueError(
            f"{name}: the result would have size {result}: padding {padding} cuts away all of it"
        )
    return result


def _transpose_dx(g, w, stride, padding, dilation, groups):
    """dx[o] = sum_t w[t] g[s o + d t - p], by definition conv2d(g, w)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv2d(g, w, **settings)


def _transpose_dw(g, x, w_shape, stride, padding, dilation, groups):
    """dw[t] = sum_o x[o] g[s o + d t - p], by definition conv2d_weight(g, x)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv2d_weight(g, x, kernel_size=w_shape[2:], **settings)


conv_transpose2d.vjp(x=_transpose_dx, w=_transpose_dw, bias=_dbias)


@primitive(outputs=("w",))
def conv2d_weight(x, y, *, kernel_size, stride=1, padding=0, dilation=1, groups=1):
    """The adjoint of `conv2d` in its weight: for each tap, the correlation of x with y.

    **Math** w[t] = sum_o y[o] x[s o + d t - p]. Equivalently
    <conv2d_weight(x, y), w> = <conv2d(x, w), y> for every w.
    dx = conv_transpose2d(y, g), of x's size.
    dy = conv2d(x, g).
    **Shapes** x (N, C, H, W), y (N, O, Ho, Wo) -> (O, C/groups, kh, kw), kernel_size = (kh, kw).
    Of one image, x and y are (C, H, W) and (O, Ho, Wo).
    **Saved** x for dy, y for dx.
    """
    check_dtypes("conv2d_weight", x=x, y=y)
    kernel = as_pair("conv2d_weight", "kernel_size", kernel_size, 1)
    settings = _settings("conv2d_weight", kernel, stride, padding, dilation, groups)
    is_batch = x.ndim == y.ndim == 4 and len(x) == len(y)
    is_image = x.ndim == y.ndim == 3
    if not (is_batch or is_image) or x.shape[-3] % groups or y.shape[-3] % groups:
        raise ValueError(
            f"conv2d_weight: x {x.shape} and y {y.shape} must be (N, C, H, W) and (N, O, Ho, Wo), "
            f"or both without N, C and O divisible by groups={groups}"
        )
    size = _conv_size(x.shape[-2:], kernel, padding, settings)
    if size != y.shape[-2:]:
        raise ValueError(
            f"conv2d_weight: a convolution of x {x.shape} with a {kernel} kernel gives {size}, "
            f"but y is {y.shape}"
        )
    return kernels.conv_weight(_as_batch(x), _as_batch(y), kernel, settings)


def _weight_dx(g, y, x_shape, stride, padding, dilation, groups):
    """dx[i] = sum y[o] g[t] over s o + d t - p = i, by definition conv_transpose2d(y, g)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv_transpose2d(y, g, output_size=x_shape[-2:], **settings)


def _weight_dy(g, x, stride, padding, dilation, groups):
    """dy[o] = sum_t g[t] x[s o + d t - p], by definition conv2d(x, g)."""
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return conv2d(x, g, **settings)


conv2d_weight.vjp(x=_weight_dx, y=_weight_dy)


def _as_batch(x):
    """Return one image (C, H, W) as a batch (1, C, H, W); a batch itself."""
    return x if x.ndim == 4 else x[None]


def _like(x, y):
    """Return the batch y as one image if x is one."""
    return y if x.ndim == 4 else y[0]


def _conv_size(size: Pair, kernel: Pair, padding, settings: ConvSettings) -> Pair:
    """Return (Ho, Wo) of a convolution of images of this size."""
    if padding == "same":
        return tuple(size)
    return output_size(size, kernel, *settings[:3])


def _settings(function: str, kernel: Pair, stride, padding, dilation, groups) -> ConvSettings:
    """Return the checked settings, the first three as pairs.

    For "same", the padding is what stands before x; the size of the result does the rest.
    """
    stride = as_pair(function, "stride", stride, 1)
    dilation = as_pair(function, "dilation", dilation, 1)
    if not isinstance(padding, str):
        padding = as_pair(function, "padding", padding, 0)
    elif padding == "valid":
        padding = (0, 0)
    elif padding == "same" and stride == (1, 1):
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation))
    else:
        is_same = padding == "same"
        reason = 'stride must be 1 for "same"' if is_same else 'give a number, "same" or "valid"'
        raise ValueError(f"{function}: padding={padding!r}, stride={stride}: {reason}")
    return ConvSettings(stride, padding, dilation, groups)


def _check_arrays(function: str, x, w, bias, groups: int, is_transposed: bool = False) -> Pair:
    """Check that x, w, groups and bias agree, and return the size of the kernel."""
    check_dtypes(function, x=x, w=w, bias=bias)
    if x.ndim not in (3, 4) or w.ndim != 4:
        raise ValueError(
            f"{function}: x {x.shape} and w {w.shape} must be (N, C, H, W) or (C, H, W), and a "
            "weight with four axes, (kh, kw) last"
        )
    is_divisor = isinstance(groups, (int, np.integer)) and groups >= 1
    channels, num_outputs = w.shape[1] * groups, w.shape[0]
    if is_transposed:
        channels, num_outputs = num_outputs, channels
    if not is_divisor or channels % groups or num_outputs % groups:
        raise ValueError(
            f"{function}: groups={groups} must divide the {channels} input and {num_outputs} "
            f"output channels that w {w.shape} implies"
        )
    if x.shape[-3] != channels:
        raise ValueError(
            f"{function}: x has {x.shape[-3]} channels but w {w.shape} takes "
            f"{channels // groups} per group; groups={groups}"
        )
    if bias is not None and bias.shape != (num_outputs,):
        raise ValueError(
            f"{function}: bias has shape {bias.shape}, the result {num_outputs} channels: "
            f"give a bias of shape ({num_outputs},) or None"
        )
    return w.shape[2:]
