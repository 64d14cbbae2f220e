"""Grader of exercise 10: adaptive instance normalization."""

import numpy as np
from grading import call, check_rule, check_value, compare

FUNCTIONS = ("adain", "rule_of_scale", "rule_of_shift")
IMPORTS = ("tinygen.ops.sqrt",)
SEE_ALSO = "adaptive_instance_norm in tinygen/models/stylegan.py"
HINTS = (
    "Which axes are the pixels of one channel of one picture? With keepdims=True, mean and "
    "variance broadcast against x.",
    "x_norm = (x - mean) / sqrt(variance + EPS), with mean and variance over the axes (2, 3). The "
    "scale and the shift need two more axes: scale[:, :, None, None].",
    "dy/dscale is x_norm, and dy/dshift is 1. Multiply by g, and sum over the pixels, the axes "
    "(2, 3).",
)
EPS = 0.1


def normalize(x, eps, axis=(2, 3)):
    """Return x with mean 0 and variance 1 over some axes."""
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(x.var(axis=axis, keepdims=True) + eps)


def grade(answer):
    """Yield the name of each part that is right."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 2, 2)).round(1)
    scale, shift = rng.normal(size=(2, 3)).round(1), rng.normal(size=(2, 3)).round(1)
    values = {"x": x, "scale": scale, "shift": shift}
    normal = normalize(x, EPS)
    a, b = scale[:, :, None, None], shift[:, :, None, None]
    deviation = np.sqrt(x.var(axis=(2, 3), keepdims=True) + EPS)
    batch = "axes 0, 2 and 3 are those of batch norm. Here each picture has its own statistics."
    layer = "axes 1, 2 and 3: here each channel has its own mean and variance."
    check_value(
        "adain",
        answer.adain,
        values,
        a * normal + b,
        think="mean and variance over height and width, for each picture and each channel.",
        mistakes=[
            (a * normalize(x, EPS, (0, 2, 3)) + b, batch),
            (a * normalize(x, EPS, (1, 2, 3)) + b, layer),
            (a * normalize(x, EPS, None) + b, "means over everything. Give the axes (2, 3)."),
            (a * normalize(x, EPS, 3) + b, "axis 3 is the width alone. The pixels have two axes."),
            (a * normalize(x, EPS, 2) + b, "axis 2 is the height alone. The pixels have two axes."),
            (a * normalize(x, 0) + b, "EPS is missing."),
            (a * normal / deviation + b, "divided by the variance. Take its square root."),
            (a * x + b, "x is not normalized."),
            (a * x / deviation + b, "the mean is not subtracted."),
            (a * (x - x.mean(axis=(2, 3), keepdims=True)) + b, "x is not divided by its "
                                                               "standard deviation."),
            ((1 + a) * normal + b, "the scale is `scale` itself here, not 1 + scale."),
            (b * normal + a, "scale and shift are swapped."),
        ],
    )  # fmt: skip
    yield "adain"

    not_summed = "nothing is summed: all pixels of a channel share one scale and one shift."
    means = "a mean over the pixels in place of the sum."
    check_rule(
        "rule_of_scale",
        answer.rule_of_scale,
        answer.adain,
        values,
        "scale",
        expected=lambda g: (g * normal).sum(axis=(2, 3)),
        think="the scale of a channel is a factor of x_norm at each of its pixels.",
        mistakes=[
            (lambda g: (g * normal).mean(axis=(2, 3)), means),
            (lambda g: (g * normal).sum(axis=(0, 2, 3)), "the sum is over the pictures, too."),
            (lambda g: g * normal, not_summed),
            (lambda g: (g * x).sum(axis=(2, 3)), "x in place of x_norm."),
            (lambda g: g.sum(axis=(2, 3)), "the factor x_norm is missing."),
            (lambda g: normal.sum(axis=(2, 3)), "g is missing."),
        ],
    )
    yield "rule_of_scale"

    check_rule(
        "rule_of_shift",
        answer.rule_of_shift,
        answer.adain,
        values,
        "shift",
        expected=lambda g: g.sum(axis=(2, 3)),
        think="the shift of a channel is added at each of its pixels.",
        mistakes=[
            (lambda g: g.mean(axis=(2, 3)), means),
            (lambda g: g.sum(axis=(0, 2, 3)), "the sum is over the pictures, too."),
            (lambda g: g, not_summed),
        ],
    )
    yield "rule_of_shift"

    part = "the mean of y over the pixels"
    y = call(part, answer.adain, 2 * x + 1, scale, shift)
    compare(part, y.mean(axis=(2, 3)), shift)
    yield "the mean of each channel of y is its shift, whatever x is"
