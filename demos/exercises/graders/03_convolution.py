"""Grader of exercise 3: the gradient of a convolution with respect to its input."""

import numpy as np
from grading import call, check_rule, check_value, compare

from tinygen import ops

FUNCTIONS = ("conv_dx",)
IMPORTS = ()
SEE_ALSO = "conv2d and conv_transpose2d in tinygen/ops/conv.py"
HINTS = (
    "Which x[i] does output o read, and with which weight? Take stride 1, padding 0 and a kernel "
    "of 3 weights, and write down y[0], y[1] and y[2]. Then collect all terms with x[2].",
    "Go through all pairs (o, t) in two loops. Output o reads x[i] with the weight w[t], where i = "
    "stride * o + t - padding. So x[i] gets back g[o] w[t].",
    "In the inner loop: compute i, and if 0 <= i < size, add g[o] * w[t] to dx[i] with +=. An i "
    "outside of x is padding.",
)
THINK = "which x[i] does y[o] read, and with which weight? Write down y[0] and y[1]."
# Size, number of weights, stride, padding. With stride 2, the last x of 8 is not always read.
CASES = [(6, 3, 1, 0), (6, 3, 1, 1), (8, 3, 2, 0), (8, 3, 2, 1), (9, 4, 3, 2)]


def row(array):
    """Return an array of one axis as a picture of one row, for the functions of tinygen."""
    return array.reshape(1, 1, 1, -1)


def conv(x, w, stride, padding):
    """Compute the convolution of the exercise."""
    return ops.conv2d(row(x), row(w), stride=(1, stride), padding=(0, padding)).reshape(-1)


def conv_dx(g, w, size, stride, padding, index=None, add=True, wrap=False):
    """Compute the gradient, or with another index, with = in place of +=, or with dx[-1]."""
    dx = np.zeros(size)
    index = index or (lambda o, t: stride * o + t - padding)
    for o in range(len(g)):
        for t in range(len(w)):
            i = index(o, t)
            if (-size if wrap else 0) <= i < size:
                dx[i] = g[o] * w[t] + (dx[i] if add else 0)
    return dx


def mistakes(g, w, *case):
    """Return what typical mistakes compute, and what to say."""
    size, stride, padding = case
    read = stride * (len(g) - 1) + len(w) - 2 * padding
    return [
        (
            conv_dx(g, w, read, stride, padding),
            f"the size. The outputs read only {read} elements of x. Those that no output reads "
            f"have the gradient 0, but dx has {size} elements.",
        ),
        (
            np.zeros(0),
            "an empty slice. With padding 0, a[padding:-padding] is a[0:0], and has no element.",
        ),
        (
            conv_dx(g, w[::-1], *case),
            "the kernel is in the opposite order. If you loop over i, the weight is w[t] with "
            "t = i + padding - stride * o. As a convolution of g, this is the reversed kernel.",
        ),
        (
            conv_dx(g, w, *case, add=False),
            "dx[i] = in place of dx[i] +=. Windows overlap, so several outputs read one x[i], and "
            "their parts are added.",
        ),
        (
            conv_dx(g, w, *case, wrap=True),
            "a negative index. In NumPy dx[-1] is the last element, but here it is padding, "
            "which gets nothing.",
        ),
        (
            conv_dx(g, w, *case, index=lambda o, t: o + t - padding),
            "the stride is missing: window o begins at stride * o - padding.",
        ),
        (
            conv_dx(g, w, *case, index=lambda o, t: stride * o + t),
            "the padding is missing: window o begins at stride * o - padding.",
        ),
        (
            conv_dx(g, w, *case, index=lambda o, t: stride * o + t + padding),
            "the sign of the padding: window o begins at stride * o - padding.",
        ),
        (-conv_dx(g, w, *case), "the sign."),
    ]


def grade(answer):
    """Yield the name of each part that is right."""
    rng = np.random.default_rng(0)
    for size, taps, stride, padding in CASES:
        part = f"conv_dx, stride {stride}, padding {padding}"
        x, w = rng.normal(size=size).round(1), rng.normal(size=taps).round(1)
        check_case(part, answer, x, w, (size, stride, padding))
        yield part

    # The adjoint identity holds for every x and z.
    y = conv(x, w, stride, padding)
    z = rng.normal(size=y.shape)
    identity = "x @ conv_dx(z) = conv(x) @ z, so it is the transpose of the convolution"
    value = x @ call(identity, answer.conv_dx, z, w, size, stride, padding)
    compare(identity, value, y @ z)
    yield identity


def check_case(part, answer, x, w, case):
    """Check one stride and padding: on numbers that can be followed, then by check_grads."""
    size, stride, padding = case

    def forward(x, w):
        return conv(x, w, stride, padding)

    def rule(g, w):
        return answer.conv_dx(g, w, *case)

    g = np.random.default_rng(1).normal(size=len(forward(x, w))).round(1)
    exact = ops.conv_transpose2d(
        row(g), row(w), stride=(1, stride), padding=(0, padding), output_size=(1, size)
    )
    check_value(
        part,
        lambda g, w, size: answer.conv_dx(g, w, size, stride, padding),
        {"g": g, "w": w, "size": size},
        exact.reshape(-1),
        think=THINK,
        mistakes=mistakes(g, w, *case),
    )
    values = {"x": x, "w": w}
    check_rule(part, rule, forward, values, "x", expected=lambda g: conv_dx(g, w, *case), order=1)
