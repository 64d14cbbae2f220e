"""Checks of the adversarial games, each against the probabilities it is made from."""

import numpy as np

from tests.cases import case
from tinygen import losses, ops


def _sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


@case("minimax_value")
def _(d):
    shape = d.shape()
    return losses.minimax_value, [d.array(shape, -4, 4), d.array(shape, -4, 4)], lambda r, f: np.log(_sigmoid(r)) + np.log(1 - _sigmoid(f))


@case("saturating")
def _(d):
    return losses.saturating, [d.array(d.shape(), -4, 4)], lambda f: np.log(1 - _sigmoid(f))


@case("non_saturating")
def _(d):
    return losses.non_saturating, [d.array(d.shape(), -4, 4)], lambda f: -np.log(_sigmoid(f))


@case("least_squares")
def _(d):
    target = d.sampled(0.0, 1.0, -1.0)
    return (lambda logit: losses.least_squares(logit, target=target)), [d.array(d.shape())], lambda logit: (logit * logit - 2 * target * logit + target**2) / 2


@case("hinge")
def _(d):
    return losses.hinge, [d.away_from([1], d.shape())], lambda logit: np.where(logit < 1, 1 - logit, 0)


@case("relativistic")
def _(d):
    shape = d.shape()
    return losses.relativistic, [d.array(shape, -3, 3), d.array(shape, -3, 3)], lambda a, b: -np.log(_sigmoid(a - b))


def _slope(w, x):
    """The gradient of sum_j tanh(x w)_j in x."""
    return (1 - np.tanh(x @ w) ** 2) @ w.T


@case("r1")
def _(d):
    x, w = d.array((2, 3)), d.array((3, 2))
    on_device = d.constant(x)
    return (lambda w: losses.r1(lambda v: ops.tanh(v @ w), on_device)), [w], lambda w: (_slope(w, x) ** 2).sum(1) / 2


@case("gradient_penalty")
def _(d):
    real, fake, t, w = d.array((2, 3)), d.array((2, 3)), d.array((2,), 0, 1), d.array((3, 2), 0.5, 1.5)
    on_device = [d.constant(a) for a in (real, fake, t)]

    def naive(w):
        x = t[:, None] * real + (1 - t[:, None]) * fake
        return (np.sqrt((_slope(w, x) ** 2).sum(1)) - 1) ** 2

    return (lambda w: losses.gradient_penalty(lambda v: ops.tanh(v @ w), *on_device)), [w], naive


@case("path_length")
def _(d):
    w, a, y = d.array((2, 3), 0.5, 1.5), d.array((3, 4), 0.5, 1.5), d.array((2, 4), 0.5, 1.5)
    on_device = d.constant(y)

    def naive(w, a):
        return np.sqrt((((1 - np.tanh(w @ a) ** 2) * y @ a.T) ** 2).sum(1))

    return (lambda w, a: losses.path_length(lambda v: ops.tanh(v @ a), w, on_device)), [w, a], naive
