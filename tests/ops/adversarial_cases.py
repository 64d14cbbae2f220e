"""Cases of the adversarial losses, each against the probabilities that define it."""

import numpy as np

from tests.cases import case
from tinygen import losses, ops


def sigmoid(logit):
    """Return the probability that belongs to a logit."""
    return 1 / (1 + np.exp(-logit))


@case("minimax_value")
def draw_minimax_value(draw):
    shape = draw.shape()
    return (
        losses.minimax_value,
        [draw.array(shape, -4, 4), draw.array(shape, -4, 4)],
        lambda r, f: np.log(sigmoid(r)) + np.log(1 - sigmoid(f)),
    )


@case("saturating")
def draw_saturating(draw):
    return losses.saturating, [draw.array(draw.shape(), -4, 4)], lambda f: np.log(1 - sigmoid(f))


@case("non_saturating")
def draw_non_saturating(draw):
    return losses.non_saturating, [draw.array(draw.shape(), -4, 4)], lambda f: -np.log(sigmoid(f))


@case("least_squares")
def draw_least_squares(draw):
    target = draw.choice(0.0, 1.0, -1.0)
    return (
        (lambda logit: losses.least_squares(logit, target=target)),
        [draw.array(draw.shape())],
        lambda logit: (logit * logit - 2 * target * logit + target**2) / 2,
    )


@case("hinge")
def draw_hinge(draw):
    return (
        losses.hinge,
        [draw.array_away_from([1], draw.shape())],
        lambda logit: np.where(logit < 1, 1 - logit, 0),
    )


@case("relativistic")
def draw_relativistic(draw):
    shape = draw.shape()
    return (
        losses.relativistic,
        [draw.array(shape, -3, 3), draw.array(shape, -3, 3)],
        lambda a, b: -np.log(sigmoid(a - b)),
    )


def input_gradient(w, x):
    """Return the gradient of sum_j tanh(x w)_j in x."""
    return (1 - np.tanh(x @ w) ** 2) @ w.T


@case("r1")
def draw_r1(draw):
    x, w = draw.array((2, 3)), draw.array((3, 2))
    on_device = draw.constant(x)
    return (
        (lambda w: losses.r1(lambda v: ops.tanh(v @ w), on_device)),
        [w],
        lambda w: (input_gradient(w, x) ** 2).sum(1) / 2,
    )


@case("gradient_penalty")
def draw_gradient_penalty(draw):
    real, fake, t = draw.array((2, 3)), draw.array((2, 3)), draw.array((2,), 0, 1)
    w = draw.array((3, 2), 0.5, 1.5)
    on_device = [draw.constant(a) for a in (real, fake, t)]

    def naive(w):
        x = t[:, None] * real + (1 - t[:, None]) * fake
        return (np.sqrt((input_gradient(w, x) ** 2).sum(1)) - 1) ** 2

    return (lambda w: losses.gradient_penalty(lambda v: ops.tanh(v @ w), *on_device)), [w], naive


@case("path_length")
def draw_path_length(draw):
    w, a = draw.array((2, 3), 0.5, 1.5), draw.array((3, 4), 0.5, 1.5)
    y = draw.array((2, 4), 0.5, 1.5)
    on_device = draw.constant(y)

    def naive(w, a):
        return np.sqrt((((1 - np.tanh(w @ a) ** 2) * y @ a.T) ** 2).sum(1))

    return (lambda w, a: losses.path_length(lambda v: ops.tanh(v @ a), w, on_device)), [w, a], naive
