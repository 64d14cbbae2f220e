"""Cases of the normalizations, where values that share a mean have a variance over 0.1."""

import functools

import numpy as np

from tests.cases import case
from tinygen import ops
from tinygen.ops.normalization import channel_norm


def spread(draw, shape, axes):
    """Draw values whose variance over `axes` is at least 0.1."""
    x = draw.rng.normal(size=shape)
    x -= x.mean(axis=axes, keepdims=True)
    x *= draw.rng.uniform(0.5, 1.5) / (x.std(axis=axes, keepdims=True) + 1e-12)
    return draw.in_random_layout(x + draw.rng.normal())


def naive_norm(x, axes, eps):
    """Subtract the mean over `axes` and divide by the standard deviation."""
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def column(v, x):
    """Reshape (C,) to broadcast against x (N, C, *space)."""
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def draw_affine(draw, c):
    """Draw weight and bias, the weight alone, or neither."""
    return [draw.array((c,), 0.5, 1.5), draw.array((c,))][: draw.integer(0, 2)]


def scale_and_shift(y, x, weight=None, bias=None):
    """Apply the weight and the bias to y, which has the shape of x."""
    y = y if weight is None else y * column(weight, x)
    return y if bias is None else y + column(bias, x)


def draw_batch(draw):
    """Draw (x, channels, axes of the statistics): the variance of each channel is over 0.1."""
    c = draw.integer(1, 3)
    shape = (draw.integer(2, 3), c, *draw.shape(max_dims=2, min_side=1, max_side=3))
    x = spread(draw, shape, None)
    axes = (0, *range(2, x.ndim))
    if x.size // c > 2:
        x = naive_norm(x, axes, 0) * 0.7 + 0.3
    else:  # two values per channel: draw them apart
        is_first = np.arange(x.shape[0]).reshape(-1, *[1] * (x.ndim - 1)) == 0
        x = np.where(is_first, 1.0, -1.0) + 0.3 * x
    return draw.in_random_layout(x), c, axes


@case("batch_norm")
def draw_batch_norm(draw):
    (x, c, axes), eps = draw_batch(draw), draw.choice(1e-5, 1e-2)

    def f(x, *affine):
        return ops.batch_norm(x, None, None, *affine, training=True, eps=eps)

    def naive(x, *affine):
        return scale_and_shift(naive_norm(x, axes, eps), x, *affine)

    return f, [x, *draw_affine(draw, c)], naive


@case("batch_norm")
def draw_batch_norm_and_its_statistics(draw):
    x, c, axes = draw_batch(draw)

    def naive(x, *affine):
        y = scale_and_shift(naive_norm(x, axes, 1e-5), x, *affine)
        return y, x.mean(axis=axes)[None], x.var(axis=axes)[None]

    return channel_norm, [x, *draw_affine(draw, c)], naive


def draw_running(draw, c):
    """Draw running statistics of c channels."""
    return [draw.array((c,)), draw.array((c,), 0.3, 2.0)]


def naive_running(x, mean, var, *affine):
    """Normalize x by given statistics."""
    return scale_and_shift((x - column(mean, x)) / np.sqrt(column(var, x) + 1e-5), x, *affine)


@case("batch_norm")
def draw_batch_norm_in_evaluation(draw):
    c = draw.integer(1, 3)
    x = draw.array((draw.integer(0, 2), c, *draw.shape(max_dims=2, max_side=3)))
    return ops.batch_norm, [x, *draw_running(draw, c), *draw_affine(draw, c)], naive_running


@case("instance_norm")
def draw_instance_norm_in_evaluation(draw):
    c = draw.integer(1, 3)
    x = draw.array((draw.integer(0, 2), c, *draw.shape(max_dims=2, max_side=3)))
    f = functools.partial(ops.instance_norm, use_input_stats=False)
    return f, [x, *draw_running(draw, c), *draw_affine(draw, c)], naive_running


@case("group_norm")
def draw_group_norm(draw):
    groups, per_group = draw.integer(1, 2), draw.integer(1, 2)
    n, space = draw.integer(0, 2), (draw.integer(2, 3), draw.integer(1, 3))
    x = spread(draw, (n, groups, per_group, *space), (2, 3, 4))
    x = draw.in_random_layout(x.reshape(n, groups * per_group, *space))

    def naive(x, *affine):
        y = naive_norm(x.reshape(n, groups, per_group, *space), (2, 3, 4), 1e-5)
        return scale_and_shift(y.reshape(x.shape), x, *affine)

    return (
        lambda x, *affine: ops.group_norm(x, groups, *affine),
        [x, *draw_affine(draw, groups * per_group)],
        naive,
    )


@case("group_norm_silu")
def draw_group_norm_silu(draw):
    groups, per_group = draw.integer(1, 2), draw.integer(1, 2)
    n, c = draw.integer(0, 2), groups * per_group
    space = draw.choice((2, 2), (4, 4))  # the second is large enough for backend/norms.py
    x = spread(draw, (n, groups, per_group, *space), (2, 3, 4))
    x = draw.in_random_layout(x.reshape(n, c, *space))
    modulation = [draw.array((n, c), 0.5, 1.5), draw.array((n, c))][: draw.integer(0, 2)]
    num_modulations = len(modulation)

    def f(x, *rest):
        names = ("scale", "shift")[:num_modulations]
        affine = rest[num_modulations:]
        return ops.group_norm_silu(x, groups, *affine, **dict(zip(names, rest)))

    def naive(x, *rest):
        y = naive_norm(x.reshape(n, groups, per_group, *space), (2, 3, 4), 1e-5)
        y = scale_and_shift(y.reshape(x.shape), x, *rest[num_modulations:])
        for k, v in enumerate(rest[:num_modulations]):
            v = v.reshape(n, c, 1, 1)
            y = y + v if k else y * v
        return y / (1 + np.exp(-y))

    return f, [x, *modulation, *draw_affine(draw, c)], naive


@case("instance_norm")
def draw_instance_norm(draw):
    c = draw.integer(1, 3)
    x = spread(draw, (draw.integer(0, 2), c, draw.integer(2, 3), draw.integer(1, 3)), (2, 3))
    return (
        lambda x, *affine: ops.instance_norm(x, None, None, *affine),
        [x, *draw_affine(draw, c)],
        lambda x, *affine: scale_and_shift(naive_norm(x, (2, 3), 1e-5), x, *affine),
    )


@case("layer_norm")
def draw_layer_norm(draw):
    shape = draw.choice((draw.integer(2, 4),), (draw.integer(1, 3), draw.integer(2, 3)))
    leading = draw.shape(max_dims=2, max_side=3)
    axes = tuple(range(-len(shape), 0))
    x = spread(draw, (*leading, *shape), axes)
    affine = [draw.array(shape, 0.5, 1.5), draw.array(shape)][: draw.integer(0, 2)]

    def naive(x, weight=1.0, bias=0.0):
        return naive_norm(x, axes, 1e-5) * weight + bias

    return (lambda x, *affine: ops.layer_norm(x, shape, *affine)), [x, *affine], naive


@case("pixel_norm")
def draw_pixel_norm(draw):
    shape = draw.integer(0, 2), draw.integer(1, 3), *draw.shape(max_dims=2, max_side=3)
    x = draw.array_away_from([0.0], shape, margin=0.3)
    return (
        ops.pixel_norm,
        [x],
        lambda x: x / np.sqrt((x**2).sum(axis=1, keepdims=True) / x.shape[1] + 1e-8),
    )


@case("spectral_norm")
def draw_spectral_norm(draw):
    o, rest = draw.integer(1, 4), draw.shape(min_dims=1, max_dims=3, min_side=1, max_side=3)
    w = draw.array((o, *rest), 0.5, 1.5)  # all positive, so that u^T W v stays away from 0
    u, v = draw.rng.uniform(0.2, 1, o), draw.rng.uniform(0.2, 1, w.size // o)
    u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
    return (
        lambda w: ops.spectral_norm(w, draw.constant(u), draw.constant(v)),
        [w],
        lambda w: w / (u @ w.reshape(o, -1) @ v),
    )
