"""Batch-norm statistics saved raw: a second derivative that is wrong.

Normalization has a derivative rule. With m values x_i, their mean, r = 1 / std and
y_i = (x_i - mean) r, and with the cotangent g of y,

    dx = r (g - mean(g) - y mean(g y))

(tinygen/ops/normalization.py derives it.)
The forward pass has computed r, and it is tempting to save its number for the rule. The first
derivative is then right. But r depends on x. If the rule itself is differentiated, as in a gradient
penalty (WGAN-GP, R1), a saved number is a constant, and the terms with its derivative are missing.

**Why nothing fails.** The first derivative is right, so ordinary training is right, and every check
of first order passes. Even a gradient penalty falls during training as it should, because a wrong
gradient can still point downhill. Of all bugs here this one hides best. What shows it is the second
derivative itself, beside finite differences of the first.

In tinygen a rule may save inputs and outputs alone, and is written in differentiable functions. The
statistics are outputs of the primitive.
"""

import numpy as np
from bugs.comparison import Comparison

from tinygen import Tensor, check_grads, grad, ops, optim, primitive, tensor
from tinygen.plot import Curves

TITLE = "Raw batch statistics"
SYMPTOM = "First derivatives are right, and second ones are wrong."
CHECK = "check_grads(normalize, x) to order 2. Order 1 passes with the bug."
SOURCE = (
    "The class BatchNorm of DeZero (oreilly-japan/deep-learning-from-scratch-3); from the third "
    "derivative on, issue 186256 of pytorch/pytorch, 2026"
)
NUM_STEPS = 150


def mean(x):
    """Return the mean over the batch, (1, C) for x (N, C)."""
    return ops.mean(x, axis=0, keepdims=True)


def right(g, x):
    """Return the cotangent of x, with everything computed from x."""
    centred = x - mean(x)
    rstd = mean(centred**2) ** -0.5
    y = centred * rstd
    return rstd * (g - mean(g) - y * mean(g * y))


def wrong(g, x):
    """Return the cotangent of x, with 1 / std as a saved number."""
    centred = x - mean(x)
    rstd = raw(mean(centred**2) ** -0.5)
    y = centred * rstd
    return rstd * (g - mean(g) - y * mean(g * y))


def raw(x):
    """Return the array of a Tensor, which has no graph."""
    return x.data if isinstance(x, Tensor) else x


def make_normalize(rule):
    """Return the primitive with this rule."""

    @primitive
    def normalize(x):
        centred = x - mean(x)
        return centred * mean(centred**2) ** -0.5

    normalize.vjp(x=rule)
    return normalize


def check(variant) -> None:
    """The second derivative must agree with finite differences of the first."""
    check_grads(make_normalize(variant), np.random.default_rng(0).normal(size=(8, 3)), order=2)


def derivatives(variant, x, direction, cotangent):
    """Return <normalize(x), cotangent>, and its first two derivatives along a direction."""
    x = tensor(x, requires_grad=True)
    output = (make_normalize(variant)(x) * cotangent).sum()
    (gradient,) = grad(output, x, create_graph=True)
    first = (gradient * direction).sum()
    (second,) = grad(first, x)
    return output.item(), first.item(), float((second.data * direction).sum())


def minimize_penalty(variant, seed: int) -> np.ndarray:
    """Minimize the mean squared gradient norm (R1) of a network with this rule; return its values.

    The network is f(x) = tanh(normalize(x W)) v. Only W learns.
    """
    rng = np.random.default_rng(seed)
    x, normalize = rng.normal(size=(64, 2)), make_normalize(variant)
    w, v = tensor(rng.normal(size=(2, 16)), requires_grad=True), rng.normal(size=(16, 1)) / 4
    optimizer, penalties = optim.SGD([w], lr=0.02), []
    for _ in range(NUM_STEPS):
        inputs = tensor(x, requires_grad=True)
        output = ops.tanh(normalize(inputs @ w)) @ v
        (slopes,) = grad(output.sum(), inputs, create_graph=True)
        penalty = (slopes**2).sum(axis=1).mean()
        optimizer.zero_grad()
        penalty.backward(inputs=[w])
        optimizer.step()
        penalties.append(penalty.item())
    return np.array(penalties)


def compare(seed: int) -> Comparison:
    """Compute both derivatives on a line of inputs, and finite differences beside them."""
    rng = np.random.default_rng(seed)
    x, direction, cotangent = rng.normal(size=(3, 8, 3))
    positions, h = np.linspace(-1.5, 1.5, 61), 1e-5

    def on_line(variant, positions):  # (61, 3): the value and two derivatives
        points = [x + t * direction for t in positions]
        return np.array([derivatives(variant, p, direction, cotangent) for p in points])

    values = {name: on_line(v, positions) for name, v in {"right": right, "bug": wrong}.items()}
    numeric = (on_line(right, positions + h) - on_line(right, positions - h)) / (2 * h)
    errors = [abs(v[:, 1:] - numeric[:, :2]).max(axis=0) for v in values.values()]
    first, second = (tuple(map(float, pair)) for pair in zip(*errors, strict=True))
    style = {"ylabel": "second derivative", "xlabel": "position on a line", "smooth": False}
    curves = {name: (positions, v[:, 2]) for name, v in values.items()}
    curves["finite differences"] = (positions, numeric[:, 1])
    measured = {
        "largest error of the first derivative": first,
        "largest error of the second derivative": second,
    }
    penalties = {
        name: (np.arange(NUM_STEPS), minimize_penalty(v, seed))
        for name, v in {"right": right, "bug": wrong}.items()
    }
    last = tuple(float(values[-1]) for _, values in penalties.values())
    measured["gradient penalty after training"] = last
    overview = Curves({name: curves[name] for name in values}, **style, height=190, direct=True)
    panels = [
        Curves(curves, height=340, **style),
        Curves(penalties, ylabel="gradient penalty", smooth=False, height=260),
    ]
    return Comparison(panels, overview, measured)
