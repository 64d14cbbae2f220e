"""Functions of one number, applied element by element, and selection."""

import math

import numpy as np

from tests.first_hour.phrases import SAME, Row, torch
from tinygen import ops

ROWS = [
    Row("exp", lambda x: ops.exp(x), lambda x: np.exp(x), lambda x: torch.exp(x)),
    Row("x.exp()", lambda x: x.exp(), None, SAME),
    Row("exp2", lambda x: ops.exp2(x), lambda x: np.exp2(x), lambda x: torch.exp2(x)),
    Row("expm1", lambda x: ops.expm1(x), lambda x: np.expm1(x), lambda x: torch.expm1(x)),
    Row(
        "log",
        lambda positive: ops.log(positive),
        lambda positive: np.log(positive),
        lambda positive: torch.log(positive),
    ),
    Row("x.log()", lambda positive: positive.log(), None, SAME),
    Row(
        "log1p",
        lambda positive: ops.log1p(positive),
        lambda positive: np.log1p(positive),
        lambda positive: torch.log1p(positive),
    ),
    Row(
        "log2",
        lambda positive: ops.log2(positive),
        lambda positive: np.log2(positive),
        lambda positive: torch.log2(positive),
    ),
    Row(
        "log10",
        lambda positive: ops.log10(positive),
        lambda positive: np.log10(positive),
        lambda positive: torch.log10(positive),
    ),
    Row(
        "sqrt",
        lambda positive: ops.sqrt(positive),
        lambda positive: np.sqrt(positive),
        lambda positive: torch.sqrt(positive),
    ),
    Row("x.sqrt()", lambda positive: positive.sqrt(), None, SAME),
    Row(
        "1 / sqrt",
        lambda positive: 1 / ops.sqrt(positive),
        lambda positive: 1 / np.sqrt(positive),
        lambda positive: torch.rsqrt(positive),
    ),
    Row("square", lambda x: ops.square(x), lambda x: np.square(x), lambda x: torch.square(x)),
    Row(
        "reciprocal",
        lambda positive: ops.reciprocal(positive),
        lambda positive: np.reciprocal(positive),
        lambda positive: torch.reciprocal(positive),
    ),
    Row(
        "power",
        lambda positive, y: ops.power(positive, y),
        lambda positive, y: np.power(positive, y),
        lambda positive, y: torch.pow(positive, y),
    ),
    Row("abs", lambda x: ops.abs(x), lambda x: np.abs(x), lambda x: torch.abs(x)),
    Row("x.abs()", lambda x: x.abs(), None, SAME),
    Row("sign", lambda x: ops.sign(x), lambda x: np.sign(x), lambda x: torch.sign(x)),
    Row("floor", lambda x: ops.floor(x), lambda x: np.floor(x), lambda x: torch.floor(x)),
    Row("ceil", lambda x: ops.ceil(x), lambda x: np.ceil(x), lambda x: torch.ceil(x)),
    Row("round", lambda x: ops.round(x), lambda x: np.round(x), lambda x: torch.round(x)),
    Row(
        "round to two decimals",
        lambda x: x.round(2),
        SAME,
        lambda x: torch.round(x, decimals=2),
    ),
    Row("sin", lambda x: ops.sin(x), lambda x: np.sin(x), lambda x: torch.sin(x)),
    Row("cos", lambda x: ops.cos(x), lambda x: np.cos(x), lambda x: torch.cos(x)),
    Row("tan", lambda x: ops.tan(x), lambda x: np.tan(x), lambda x: torch.tan(x)),
    Row(
        "arcsin",
        lambda fraction: ops.arcsin(fraction),
        lambda fraction: np.arcsin(fraction),
        lambda fraction: torch.asin(fraction),
    ),
    Row(
        "arccos",
        lambda fraction: ops.arccos(fraction),
        lambda fraction: np.arccos(fraction),
        lambda fraction: torch.acos(fraction),
    ),
    Row("arctan", lambda x: ops.arctan(x), lambda x: np.arctan(x), lambda x: torch.atan(x)),
    Row(
        "arctan2",
        lambda x, y: ops.arctan2(y, x),
        lambda x, y: np.arctan2(y, x),
        lambda x, y: torch.atan2(y, x),
    ),
    Row("sinh", lambda x: ops.sinh(x), lambda x: np.sinh(x), lambda x: torch.sinh(x)),
    Row("cosh", lambda x: ops.cosh(x), lambda x: np.cosh(x), lambda x: torch.cosh(x)),
    Row("tanh", lambda x: ops.tanh(x), lambda x: np.tanh(x), lambda x: torch.tanh(x)),
    Row("x.tanh()", lambda x: x.tanh(), None, SAME),
    Row("erf", lambda x: ops.erf(x), lambda x: np.vectorize(math.erf)(x), lambda x: torch.erf(x)),
    # Of two arrays
    Row(
        "maximum",
        lambda x, y: ops.maximum(x, y),
        lambda x, y: np.maximum(x, y),
        lambda x, y: torch.maximum(x, y),
    ),
    Row(
        "minimum",
        lambda x, y: ops.minimum(x, y),
        lambda x, y: np.minimum(x, y),
        lambda x, y: torch.minimum(x, y),
    ),
    Row(
        "maximum with a number",
        lambda x: ops.maximum(x, 0.1),
        lambda x: np.maximum(x, 0.1),
        lambda x: torch.clamp(x, min=0.1),
    ),
    Row("x.clip(low, high)", lambda x: x.clip(-0.5, 0.5), SAME, SAME),
    Row(
        "clip with arrays",
        lambda x, row: ops.clip(x, row - 1, row + 1),
        lambda x, row: np.clip(x, row - 1, row + 1),
        lambda x, row: torch.clamp(x, row - 1, row + 1),
    ),
    Row(
        "clip below",
        lambda x: x.clip(min=0),
        lambda x: np.clip(x, 0, None),
        lambda x: x.clamp(min=0),
    ),
    Row(
        "where",
        lambda mask, x, y: ops.where(mask, x, y),
        lambda mask, x, y: np.where(mask, x, y),
        lambda mask, x, y: torch.where(mask, x, y),
    ),
    Row(
        "where with a number",
        lambda x: ops.where(x > 0, x, 0.0),
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: torch.where(x > 0, x, 0.0),
    ),
    Row(
        "linear interpolation",
        lambda x, y: x + 0.3 * (y - x),
        SAME,
        lambda x, y: torch.lerp(x, y, 0.3),
    ),
]
