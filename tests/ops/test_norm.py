"""Normalizations beyond their gradients: precision, statistics, memory order, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import grad, ops, tensor
from tinygen.ops.arguments import raw
from tinygen.ops.normalization import channel_norm

NUMPY_RNG = np.random.default_rng(0)


def train(x, running_mean=None, running_var=None, weight=None, bias=None, **settings):
    """Apply batch norm in training."""
    return ops.batch_norm(x, running_mean, running_var, weight, bias, True, **settings)


@pytest.mark.parametrize(
    "make",
    [pytest.param(np.array, marks=pytest.mark.cpu_only), tensor],
    ids=["arrays", "tensors"],
)
def test_running_statistics_are_updated_in_place_by_the_unbiased_variance(make):
    x = NUMPY_RNG.normal(2, 3, (5, 4, 2, 3))
    mean, var = make(np.zeros(4)), make(np.ones(4))
    y = train(x, mean, var, momentum=0.3)
    np.testing.assert_allclose(raw(mean), 0.3 * x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(raw(var), 0.7 + 0.3 * x.var(axis=(0, 2, 3), ddof=1))
    np.testing.assert_allclose(y, train(x))
    centred = x - raw(mean).reshape(4, 1, 1)
    expected = centred / np.sqrt(raw(var).reshape(4, 1, 1) + 1e-5)
    np.testing.assert_allclose(raw(ops.batch_norm(x, mean, var)), expected)


def test_running_statistics_of_instances_are_averaged_over_the_batch():
    x = NUMPY_RNG.normal(2, 3, (5, 4, 2, 3))
    mean, var = tensor(np.zeros(4)), tensor(np.ones(4))
    y = ops.instance_norm(x, mean, var, momentum=0.3)
    np.testing.assert_allclose(mean.data, 0.3 * x.mean(axis=(2, 3)).mean(axis=0))
    np.testing.assert_allclose(var.data, 0.7 + 0.3 * x.var(axis=(2, 3), ddof=1).mean(axis=0))
    np.testing.assert_array_equal(y, ops.instance_norm(x))


def test_a_large_mean_costs_no_digits():
    """The variance comes from centred values.

    In float32, with a mean of 1000 standard deviations, its relative error is below 1e-3.
    """
    x = (NUMPY_RNG.normal(size=(64, 4, 8, 8)) + 1000).astype(np.float32)
    _, mean, var = channel_norm(x)
    np.testing.assert_allclose(mean[0], x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var[0], x.var(axis=(0, 2, 3), dtype=np.float64), rtol=1e-3)


def test_statistics_of_a_million_rows_keep_their_digits():
    x = NUMPY_RNG.uniform(0.5, 1.5, (1, 1024, 1024, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    _, mean, var = channel_norm(x)
    np.testing.assert_allclose(mean[0], x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var[0], x.var(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)


def test_the_statistics_are_differentiable():
    x = tensor(NUMPY_RNG.normal(size=(5, 2)), requires_grad=True)
    _, mean, var = channel_norm(x)
    dx = grad(mean.sum(), x, retain_graph=True)[0].numpy()
    np.testing.assert_allclose(dx, np.full((5, 2), 1 / 5))
    dx = grad(var.sum(), x)[0].numpy()
    np.testing.assert_allclose(dx, 2 * (x.numpy() - x.numpy().mean(0)) / 5)


def test_batch_norm_is_invariant_to_shift_and_scale():
    """Shifting x does not change y, and scaling it hardly does.

    So the gradient is orthogonal to 1 and to x.
    """
    x, g = (
        tensor(NUMPY_RNG.normal(size=(6, 3, 4, 4)), requires_grad=True),
        NUMPY_RNG.normal(size=(6, 3, 4, 4)),
    )
    gx = grad(ops.batch_norm(x, None, None, training=True, eps=1e-12), x, g)[0].numpy()
    assert np.abs(gx.sum(axis=(0, 2, 3))).max() < 1e-12
    assert np.abs((gx * x.numpy()).sum(axis=(0, 2, 3))).max() < 1e-9


@pytest.mark.cpu_only
def test_channels_last_memory_stays_channels_last():
    """This holds for every normalization, forward and backward."""
    memory = NUMPY_RNG.normal(size=(4, 6, 6, 8)).astype(np.float32)
    x = tensor(memory, requires_grad=True)
    for f in (
        lambda t: ops.batch_norm(t, None, None, training=True),
        lambda t: ops.group_norm(t, 2),
        ops.instance_norm,
        ops.pixel_norm,
    ):
        nchw = x.transpose(0, 3, 1, 2)
        y = f(nchw)
        (g,) = grad(y, nchw, np.ones_like(y.data))
        for a in (y.data, g.data):
            assert a.transpose(0, 2, 3, 1).flags.c_contiguous


X = np.ones((2, 4, 3, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: train(X[:1, :, :1, :1]), "one value per channel, whose variance is 0"),
        (lambda: train(X[:0]), "no value to average"),
        (lambda: ops.batch_norm(X, None, None), "in evaluation the statistics are running_mean"),
        (lambda: ops.batch_norm(X, np.ones(4), None), "both running_mean and running_var"),
        (lambda: train(X, np.ones(3), np.ones(4)), r"running_mean has shape \(3,\)"),
        (lambda: train(X, weight=np.ones(3)), r"weight has shape \(3,\) but .* has 4 channels"),
        (lambda: train(X, bias=np.ones((4, 1))), r"bias has shape \(4, 1\)"),
        (lambda: ops.group_norm(X, 3), "4 channels do not divide into num_groups=3"),
        (lambda: ops.group_norm(X[:, :, :1, :1], 4), "one value per group"),
        (lambda: ops.instance_norm(X[:, :, :1, :1]), "one value per instance"),
        (
            lambda: ops.layer_norm(X, 5),
            r"x's last axes must have shape \(5,\), not \(3,\)",
        ),
        (
            lambda: ops.layer_norm(X, 3, np.ones(4)),
            r"weight must have shape \(3,\), not \(4,\)",
        ),
        (lambda: ops.layer_norm(X[..., :1], 1), "must hold more"),
        (lambda: ops.pixel_norm(np.ones(3)), r"must have axes \(N, C, ...\)"),
        (
            lambda: ops.spectral_norm(np.ones((4, 3)), np.ones(3), np.ones(4)),
            r"u must be \(4,\) and v \(3,\)",
        ),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: train(X.astype(np.int64)),
            "batch_norm: x is int64; all must share one floating-point dtype: convert with astype",
        ),
        (
            lambda: train(X, weight=np.ones(4, np.float32)),
            "batch_norm: x is float64, weight is float32; .* convert with astype",
        ),
        (
            lambda: ops.group_norm(X, 2, None, np.ones(4, np.float32)),
            "group_norm: x is float64, bias is float32",
        ),
        (
            lambda: ops.layer_norm(X, 3, np.ones(3, np.float32)),
            "layer_norm: x is float64, weight is float32",
        ),
        (
            lambda: ops.linear(X, np.ones((2, 3), np.float32)),
            "linear: x is float64, weight is float32; .* convert with astype",
        ),
        (lambda: ops.linear(np.ones((2, 3), int), np.ones((2, 3), int)), "linear: x is int64"),
    ],
)
def test_dtypes_must_agree_and_be_floating_point(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_images_without_pixels_have_gradients_of_zero():
    x = tensor(np.ones((2, 4, 0, 3)), requires_grad=True)
    w, b = tensor(np.ones(4), requires_grad=True), tensor(np.ones(4), requires_grad=True)
    gx, gw, gb = grad(ops.group_norm(x, 2, w, b).sum(), [x, w, b])
    assert gx.shape == x.shape and gw.data.tolist() == gb.data.tolist() == [0] * 4


def test_gradients_of_weights_over_a_million_rows_keep_their_digits():
    x = NUMPY_RNG.random((1 << 20, 2), dtype=np.float32)
    w, b = (
        tensor(np.ones(2, np.float32), requires_grad=True),
        tensor(np.ones(2, np.float32), requires_grad=True),
    )
    g = NUMPY_RNG.random(x.shape, dtype=np.float32)
    for y in (ops.layer_norm(x, 2, w, b), train(x, weight=w, bias=b)):
        gw, gb = grad(y, [w, b], g)
        np.testing.assert_allclose(gb.data, g.sum(0, dtype=np.float64), rtol=1e-6)
        exact = (g * (y.data - 1)).sum(0, dtype=np.float64)
        assert np.abs(gw.data - exact).max() < 2e-6 * np.abs(g * (y.data - 1)).sum()


def test_spectral_norm_makes_the_largest_singular_value_one():
    w = NUMPY_RNG.normal(size=(5, 4, 3))
    u, s, vt = np.linalg.svd(w.reshape(5, 12))
    normalized = ops.spectral_norm(w, u[:, 0], vt[0]).reshape(5, 12)
    np.testing.assert_allclose(np.linalg.svd(normalized)[1], s / s[0])
