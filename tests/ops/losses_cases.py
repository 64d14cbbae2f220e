"""Cases of the losses, each against the density that defines it."""

import numpy as np

from tests.cases import case
from tinygen import losses


def batch_shape(draw):
    """Draw a shape (N, ...); among them are empty batches and (N,) alone."""
    return (draw.integer(0, 3), *draw.shape(0, 3, min_side=1))


def per_example(a):
    """Sum over all axes but the first."""
    return a.reshape(len(a), int(np.prod(a.shape[1:]))).sum(1)


@case("bernoulli_nll")
def draw_bernoulli_nll(draw):
    shape = batch_shape(draw)
    logits, x = draw.array(shape, -4, 4), draw.array(shape, 0, 1)

    def naive(logits, x):
        p = 1 / (1 + np.exp(-logits))
        return -per_example(x * np.log(p) + (1 - x) * np.log(1 - p))

    return losses.bernoulli_nll, [logits, x], naive


@case("cross_entropy")
def draw_cross_entropy(draw):
    """Any target and weight; which labels are ignored and which reduction are tested by hand."""
    shape = draw.choice((), (draw.integer(0, 3),)) + draw.shape(1, 3, min_side=1)
    axis = min(1, len(shape) - 1)
    num_classes, label_smoothing = shape[axis], draw.choice(0.0, 0.3)
    column = (num_classes,) + (1,) * (len(shape) - axis - 1)
    arrays = [draw.array(shape, -4, 4)]
    if draw.choice(True, False):  # probabilities, which are differentiable
        arrays.append(draw.array(shape, 0, 1))
        classes = None
    else:
        label_shape = shape[:axis] + shape[axis + 1 :]
        classes = draw.rng.integers(0, num_classes, label_shape)
    if has_weight := draw.choice(True, False):
        arrays.append(draw.array((num_classes,), 0.5, 2))

    def call(logits, *rest):
        target = rest[0] if classes is None else draw.constant(classes)
        weight = rest[-1] if has_weight else None
        return losses.cross_entropy(
            logits, target, weight, reduction="none", label_smoothing=label_smoothing
        )

    def naive(logits, *rest):
        p = np.exp(logits) / np.exp(logits).sum(axis, keepdims=True)
        t = np.moveaxis(np.eye(num_classes)[classes], -1, axis) if classes is not None else rest[0]
        t = (1 - label_smoothing) * t + label_smoothing / num_classes
        w = rest[-1].reshape(column) if has_weight else 1
        return -(w * t * np.log(p)).sum(axis)

    return call, arrays, naive


@case("squared_error")
def draw_squared_error(draw):
    shape = batch_shape(draw)
    return (
        losses.squared_error,
        [draw.array(shape), draw.array(shape)],
        lambda x, y: per_example((x - y) ** 2),
    )


@case("absolute_error")
def draw_absolute_error(draw):
    shape = batch_shape(draw)
    x = draw.array(shape)
    return (
        losses.absolute_error,
        [x, draw.in_random_layout(x + draw.array_away_from([0], shape))],
        lambda x, y: per_example(np.maximum(x - y, y - x)),
    )


def kl(mu1, log_var1, mu2, log_var2):
    """Integrate E_q[log q - log p] by Gauss-Hermite quadrature.

    This is exact, because the integrand is a quadratic function.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    s1, s2 = np.sqrt(np.exp(log_var1)), np.sqrt(np.exp(log_var2))
    total = 0
    for e, w in zip(nodes, weights / weights.sum()):
        z = mu1 + s1 * e
        total = total + w * (np.log(s2 / s1) - e**2 / 2 + ((z - mu2) / s2) ** 2 / 2)
    return per_example(total)


@case("kl_to_standard_normal")
def draw_kl_to_standard_normal(draw):
    shape = batch_shape(draw)
    return (
        losses.kl_to_standard_normal,
        [draw.array(shape), draw.array(shape, -2, 2)],
        lambda mu, log_var: kl(mu, log_var, 0 * mu, 0 * mu),
    )


@case("kl_between_normals")
def draw_kl_between_normals(draw):
    shape = batch_shape(draw)
    return (
        losses.kl_between_normals,
        [draw.array(shape), draw.array(shape, -1, 1), draw.array(shape), draw.array(shape, -1, 1)],
        kl,
    )


@case("iwae_bound")
def draw_iwae_bound(draw):
    shape = (draw.integer(1, 4), draw.integer(0, 3))

    def naive(log_w):
        return np.log(np.exp(np.asarray(log_w, np.float64)).sum(0) / len(log_w))

    return losses.iwae_bound, [draw.array(shape, -5, 5)], naive


@case("reparametrize")
def draw_reparametrize(draw):
    shape = draw.shape(max_dims=3)
    draws = draw.shape(max_dims=1, min_side=1)
    args = [draw.array(shape), draw.array(shape, -2, 2), draw.array((*draws, *shape), -2, 2)]
    return losses.reparametrize, args, lambda mu, log_var, eps: mu + np.sqrt(np.exp(log_var)) * eps


@case("score_function")
def draw_score_function(draw):
    shape = draw.shape(max_dims=2)
    values = draw.rng.uniform(-2, 2, shape)
    f = draw.constant(values)  # a constant by declaration: no gradient flows to it
    return (
        lambda log_q: losses.score_function(f, log_q),
        [draw.array(shape, -3, 0)],
        lambda log_q: values.astype(log_q.dtype) * log_q,
    )
