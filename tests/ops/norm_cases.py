"""Cases of the normalizations. Domain: variance over 0.1, by spreading the values that share a mean."""

import numpy as np

from tests.cases import case
from tinygen import ops


def spread(d, shape, axes):
    """Values whose variance over `axes` is at least 0.1."""
    x = d.rng.normal(size=shape)
    x = (x - x.mean(axis=axes, keepdims=True)) / (x.std(axis=axes, keepdims=True) + 1e-12) * d.rng.uniform(0.5, 1.5)
    return d.values(x + d.rng.normal())


def naive_norm(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def column(v, x):
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def optional_affine(d, c):
    """weight and bias, both, one, or none."""
    return [d.array((c,), 0.5, 1.5), d.array((c,))][: d.integers(0, 2)]


def apply(y, x, weight=None, bias=None):
    y = y if weight is None else y * column(weight, x)
    return y if bias is None else y + column(bias, x)


@case("batch_norm")
def _(d):
    c, eps = d.integers(1, 3), d.sampled(1e-5, 1e-2)
    x = spread(d, (d.integers(2, 3), c, *d.shape(max_dims=2, min_side=1, max_side=3)), None)
    axes = (0, *range(2, x.ndim))
    x = d.values(naive_norm(x, axes, 0) * 0.7 + 0.3 if x.size // c > 2 else np.where(np.arange(x.shape[0]).reshape(-1, *[1] * (x.ndim - 1)) == 0, 1.0, -1.0) + 0.3 * x)

    def naive(x, *affine):
        return apply(naive_norm(x, axes, eps), x, *affine), x.mean(axis=axes), x.var(axis=axes)

    return lambda *a: ops.batch_norm(*a, eps=eps), [x, *optional_affine(d, c)], naive


@case("batch_norm_inference")
def _(d):
    c = d.integers(1, 3)
    x = d.array((d.integers(0, 2), c, *d.shape(max_dims=2, max_side=3)))

    def naive(x, mean, var, *affine):
        return apply((x - column(mean, x)) / np.sqrt(column(var, x) + 1e-5), x, *affine)

    return ops.batch_norm_inference, [x, d.array((c,)), d.array((c,), 0.3, 2.0), *optional_affine(d, c)], naive


@case("group_norm")
def _(d):
    groups, per_group = d.integers(1, 2), d.integers(1, 2)
    n, space = d.integers(0, 2), (d.integers(2, 3), d.integers(1, 3))
    x = spread(d, (n, groups, per_group, *space), (2, 3, 4)).reshape(n, groups * per_group, *space)

    def naive(x, *affine):
        return apply(naive_norm(x.reshape(n, groups, per_group, *space), (2, 3, 4), 1e-5).reshape(x.shape), x, *affine)

    return lambda *a: ops.group_norm(*a, num_groups=groups), [d.values(x), *optional_affine(d, groups * per_group)], naive


@case("instance_norm")
def _(d):
    c = d.integers(1, 3)
    x = spread(d, (d.integers(0, 2), c, d.integers(2, 3), d.integers(1, 3)), (2, 3))
    return ops.instance_norm, [x, *optional_affine(d, c)], lambda x, *affine: apply(naive_norm(x, (2, 3), 1e-5), x, *affine)


@case("layer_norm")
def _(d):
    last = (d.integers(2, 4),) if d.sampled(True, False) else (d.integers(1, 3), d.integers(2, 3))
    lead = d.shape(max_dims=2, max_side=3)
    axes = tuple(range(-len(last), 0))
    x = spread(d, (*lead, *last), axes)
    affine = [d.array(last, 0.5, 1.5), d.array(last)][: d.integers(0, 2)]

    def naive(x, weight=1.0, bias=0.0):
        return naive_norm(x, axes, 1e-5) * weight + bias

    return lambda *a: ops.layer_norm(*a, normalized_shape=last), [x, *affine], naive


@case("pixel_norm")
def _(d):
    x = d.away_from([0.0], (d.integers(0, 2), d.integers(1, 3), *d.shape(max_dims=2, max_side=3)), margin=0.3)
    return ops.pixel_norm, [x], lambda x: x / np.sqrt((x**2).sum(axis=1, keepdims=True) / x.shape[1] + 1e-8)


@case("spectral_norm")
def _(d):
    o, rest = d.integers(1, 4), d.shape(min_dims=1, max_dims=3, min_side=1, max_side=3)
    w = d.array((o, *rest), 0.5, 1.5)  # all positive, so that u^T W v stays away from 0
    u, v = (a / np.linalg.norm(a) for a in (d.rng.uniform(0.2, 1, o), d.rng.uniform(0.2, 1, w.size // o)))
    return lambda w: ops.spectral_norm(w, d.constant(u), d.constant(v)), [w], lambda w: w / (u @ w.reshape(o, -1) @ v)
