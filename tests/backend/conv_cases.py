"""Convolutions to test: shapes, settings and arrays, and loops that write out the definition."""

import hypothesis.strategies as st
import numpy as np

from tinygen.backend import conv as kernels
from tinygen.backend.windows import ConvSettings, output_size

__all__ = ["LAYOUTS", "apply_all", "cases", "draw_arrays", "naive_derivatives"]

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
LAYOUTS = ("nchw", "nhwc", "strided", "fortran")


@st.composite
def cases(draw):
    """Draw shapes and settings of a convolution.

    In many the stride does not divide the size; some have no window or no image at all.
    """
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return {
        "n": draw(st.integers(0, 5)),
        "c": groups * draw(st.integers(1, 3)),
        "o": groups * draw(st.integers(1, 3)),
        "size": draw(st.tuples(st.integers(1, 10), st.integers(1, 10))),
        "kernel": kernel,
        "settings": ConvSettings(
            stride=draw(pairs),
            padding=draw(st.tuples(st.integers(0, 4), st.integers(0, 4))),
            dilation=draw(pairs),
            groups=groups,
        ),
        "layout": draw(st.sampled_from(LAYOUTS)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "small_chunks": draw(st.booleans()),
    }


def lay_out(a, layout):
    """Return the same numbers in another memory order."""
    if layout == "nhwc":
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "fortran":
        return np.asfortranarray(a)
    if layout == "strided":
        wide = np.zeros((*a.shape[:3], 2 * a.shape[3]), a.dtype)
        wide[..., ::-2] = a
        return wide[..., ::-2]
    return a


def draw_arrays(case, dtype=np.float64):
    """Draw x, w and y for a case."""
    rng = np.random.default_rng(case["seed"])
    shapes = (
        (case["n"], case["c"], *case["size"]),
        (case["o"], case["c"] // case["settings"].groups, *case["kernel"]),
        (case["n"], case["o"], *output_size(case["size"], case["kernel"], *case["settings"][:3])),
    )
    arrays = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return [lay_out(a, case["layout"]) for a in arrays]


def apply_all(case, x, w, y, bias_o=None, bias_c=None):
    """Return the results of the three kernels."""
    return (
        kernels.conv(x, w, bias_o, case["settings"], y.shape[2:]),
        kernels.conv_transpose(y, w, bias_c, case["settings"], case["size"]),
        kernels.conv_weight(x, y, case["kernel"], case["settings"]),
    )


def naive_derivatives(x, w, g, stride, padding, dilation, groups):
    """Return y and the derivatives of sum(y * g) by x and w, with a loop for each index."""
    n, c, height, width = x.shape
    o, per_group, kh, kw = w.shape
    y, dx, dw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    for k in range(o):
        first = k // (o // groups) * per_group
        for a, b in np.ndindex(g.shape[2:]):
            for i, j in np.ndindex(kh, kw):
                p = a * stride[0] + i * dilation[0] - padding[0]
                q = b * stride[1] + j * dilation[1] - padding[1]
                if not (0 <= p < height and 0 <= q < width):
                    continue
                for m in range(per_group):
                    y[:, k, a, b] += w[k, m, i, j] * x[:, first + m, p, q]
                    dx[:, first + m, p, q] += w[k, m, i, j] * g[:, k, a, b]
                    dw[k, m, i, j] += (g[:, k, a, b] * x[:, first + m, p, q]).sum()
    return y, dx, dw
