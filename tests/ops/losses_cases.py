"""Checks of the objectives, each against the density it is made from."""

import numpy as np

from tests.cases import case
from tinygen import losses


def _shape(d):
    """(N, ...), empty batches and bare (N,) included."""
    return (d.integers(0, 3), *d.shape(0, 3, min_side=1))


def _per_example(a):
    return a.reshape(len(a), int(np.prod(a.shape[1:]))).sum(1)


@case("bernoulli_nll")
def _(d):
    shape = _shape(d)
    logits, x = d.array(shape, -4, 4), d.array(shape, 0, 1)

    def naive(logits, x):
        p = 1 / (1 + np.exp(-logits))
        return -_per_example(x * np.log(p) + (1 - x) * np.log(1 - p))

    return losses.bernoulli_nll, [logits, x], naive


@case("squared_error")
def _(d):
    shape = _shape(d)
    return losses.squared_error, [d.array(shape), d.array(shape)], lambda x, y: _per_example((x - y) ** 2)


@case("absolute_error")
def _(d):
    shape = _shape(d)
    x = d.array(shape)
    return losses.absolute_error, [x, d.values(x + d.away_from([0], shape))], lambda x, y: _per_example(np.maximum(x - y, y - x))


def _kl(mu1, log_var1, mu2, log_var2):
    """E_q[log q - log p], the integral by Gauss-Hermite quadrature: exact, since the integrand is a quadratic."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    s1, s2 = np.sqrt(np.exp(log_var1)), np.sqrt(np.exp(log_var2))
    total = 0
    for e, w in zip(nodes, weights / weights.sum()):
        z = mu1 + s1 * e
        total = total + w * (np.log(s2 / s1) - e**2 / 2 + ((z - mu2) / s2) ** 2 / 2)
    return _per_example(total)


@case("kl_to_standard_normal")
def _(d):
    shape = _shape(d)
    return losses.kl_to_standard_normal, [d.array(shape), d.array(shape, -2, 2)], lambda mu, log_var: _kl(mu, log_var, 0 * mu, 0 * mu)


@case("kl_between_normals")
def _(d):
    shape = _shape(d)
    return losses.kl_between_normals, [d.array(shape), d.array(shape, -1, 1), d.array(shape), d.array(shape, -1, 1)], _kl


@case("iwae_bound")
def _(d):
    shape = (d.integers(1, 4), d.integers(0, 3))

    def naive(log_w):
        return np.log(np.exp(np.asarray(log_w, np.float64)).sum(0) / len(log_w))

    return losses.iwae_bound, [d.array(shape, -5, 5)], naive


@case("reparametrize")
def _(d):
    shape = d.shape(max_dims=3)
    draws = d.shape(max_dims=1, min_side=1)
    args = [d.array(shape), d.array(shape, -2, 2), d.array((*draws, *shape), -2, 2)]
    return losses.reparametrize, args, lambda mu, log_var, eps: mu + np.sqrt(np.exp(log_var)) * eps


@case("score_function")
def _(d):
    shape = d.shape(max_dims=2)
    values = d.rng.uniform(-2, 2, shape)
    f = d.constant(values)  # held constant by declaration: no gradient flows to it
    return lambda log_q: losses.score_function(f, log_q), [d.array(shape, -3, 0)], lambda log_q: values.astype(log_q.dtype) * log_q
