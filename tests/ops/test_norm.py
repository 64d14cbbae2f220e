"""Normalizations beyond their gradients: numerics, statistics, and what is refused. Attention and dropout likewise."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import default_rng, grad, no_grad, ops, tensor

NUMPY_RNG = np.random.default_rng(0)


def test_a_large_mean_costs_no_digits():
    """In float32 the variance comes from centred values: a mean of 1000 standard deviations leaves it right to 1e-3."""
    x = (NUMPY_RNG.normal(size=(64, 4, 8, 8)) + 1000).astype(np.float32)
    _, mean, var = ops.batch_norm(x)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var, x.var(axis=(0, 2, 3), dtype=np.float64), rtol=1e-3)


def test_statistics_of_a_million_rows_keep_their_digits():
    x = NUMPY_RNG.uniform(0.5, 1.5, (1, 1024, 1024, 3)).astype(np.float32).transpose(0, 3, 1, 2)
    _, mean, var = ops.batch_norm(x)
    np.testing.assert_allclose(mean, x.mean(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(var, x.var(axis=(0, 2, 3), dtype=np.float64), rtol=1e-6)


def test_the_statistics_are_differentiable_outputs():
    x = tensor(NUMPY_RNG.normal(size=(5, 2)), True)
    _, mean, var = ops.batch_norm(x)
    np.testing.assert_allclose(grad(mean.sum(), x, retain_graph=True).numpy(), np.full((5, 2), 1 / 5))
    np.testing.assert_allclose(grad(var.sum(), x).numpy(), 2 * (x.numpy() - x.numpy().mean(0)) / 5)


def test_batch_norm_does_not_see_shift_and_scale():
    """y does not change when x is shifted, and hardly when it is scaled, so the gradient is orthogonal to 1 and to x."""
    x, g = tensor(NUMPY_RNG.normal(size=(6, 3, 4, 4)), True), NUMPY_RNG.normal(size=(6, 3, 4, 4))
    gx = grad(ops.batch_norm(x, eps=1e-12)[0], x, g).numpy()
    assert np.abs(gx.sum(axis=(0, 2, 3))).max() < 1e-12
    assert np.abs((gx * x.numpy()).sum(axis=(0, 2, 3))).max() < 1e-9


def test_a_layout_is_kept():
    """Channels-last activations stay so through every normalization, forward and backward."""
    memory = NUMPY_RNG.normal(size=(4, 6, 6, 8)).astype(np.float32)
    x = tensor(memory, True)
    for f in (lambda t: ops.batch_norm(t)[0], lambda t: ops.group_norm(t, num_groups=2), ops.instance_norm, ops.pixel_norm):
        nchw = x.transpose(0, 3, 1, 2)
        y = f(nchw)
        g = grad(y, nchw, np.ones_like(y.data))
        for a in (y.data, g.data):
            assert a.transpose(0, 2, 3, 1).flags.c_contiguous


X = np.ones((2, 4, 3, 3))


@pytest.mark.parametrize("call, message", [
    (lambda: ops.batch_norm(X[:1, :, :1, :1]), "one value a channel, whose variance is 0"),
    (lambda: ops.batch_norm(X[:0]), "no value to take a mean of"),
    (lambda: ops.batch_norm(X, np.ones(3)), r"weight has shape \(3,\) but x .* has 4 channels"),
    (lambda: ops.batch_norm(X, None, np.ones((4, 1))), r"bias has shape \(4, 1\)"),
    (lambda: ops.group_norm(X, num_groups=3), "4 channels do not divide into num_groups=3"),
    (lambda: ops.group_norm(X[:, :, :1, :1], num_groups=4), "one value a group"),
    (lambda: ops.instance_norm(X[:, :, :1, :1]), "one value an instance"),
    (lambda: ops.layer_norm(X, normalized_shape=5), r"x's last axes must have shape \(5,\), not \(3,\)"),
    (lambda: ops.layer_norm(X, np.ones(4), normalized_shape=3), r"weight must have shape \(3,\), not \(4,\)"),
    (lambda: ops.layer_norm(X[..., :1], normalized_shape=1), "must hold more"),
    (lambda: ops.pixel_norm(np.ones(3)), r"must have axes \(N, C, ...\)"),
    (lambda: ops.spectral_norm(np.ones((4, 3)), np.ones(3), np.ones(4)), r"u must be \(4,\) and v \(3,\)"),
    (lambda: ops.scaled_dot_product_attention(np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 4))), r"q \(2, 3\), k \(2, 4\)"),
    (lambda: ops.scaled_dot_product_attention(np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 3))), "no keys"),
    (lambda: ops.scaled_dot_product_attention(*[np.ones((2, 3))] * 3, np.eye(2) > 2), "no key at all"),
    (lambda: ops.dropout(X, 1.0, rng=default_rng(0)), r"p must be in \[0, 1\)"),
])  # fmt: skip
def test_what_comes_in_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("call, message", [
    (lambda: ops.batch_norm(X.astype(np.int64)), "batch_norm: x is int64; all must share one floating-point dtype: convert with astype"),
    (lambda: ops.batch_norm(X, np.ones(4, np.float32)), "batch_norm: x is float64, weight float32; .* convert with astype"),
    (lambda: ops.group_norm(X, None, np.ones(4, np.float32), num_groups=2), "group_norm: x is float64, bias float32"),
    (lambda: ops.layer_norm(X, np.ones(3, np.float32), normalized_shape=3), "layer_norm: x is float64, weight float32"),
    (lambda: ops.linear(X, np.ones((2, 3), np.float32)), "linear: x is float64, weight float32; .* convert with astype"),
    (lambda: ops.linear(np.ones((2, 3), int), np.ones((2, 3), int)), "linear: x is int64"),
    (lambda: ops.scaled_dot_product_attention(*[np.ones((2, 3))] * 3, np.ones((2, 2), int)), "the mask is int64; .* booleans .* floating point"),
])  # fmt: skip
def test_dtypes_must_agree_and_be_floating_point(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_mask_that_waits_for_a_gradient_is_refused():
    x, mask = np.ones((2, 3)), tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(ValueError, match="the mask requires a gradient"):
        ops.scaled_dot_product_attention(x, x, x, mask)
    with no_grad():
        ops.scaled_dot_product_attention(x, x, x, mask)
    ops.scaled_dot_product_attention(x, x, x, mask.detach())


def test_pictures_without_a_pixel_have_gradients_of_zero():
    x, w, b = tensor(np.ones((2, 4, 0, 3)), True), tensor(np.ones(4), True), tensor(np.ones(4), True)
    gx, gw, gb = grad(ops.group_norm(x, w, b, num_groups=2).sum(), [x, w, b])
    assert gx.shape == x.shape and gw.data.tolist() == gb.data.tolist() == [0] * 4


def test_gradients_of_weights_over_a_million_rows_keep_their_digits():
    x = NUMPY_RNG.random((1 << 20, 2), dtype=np.float32)
    w, b = tensor(np.ones(2, np.float32), True), tensor(np.ones(2, np.float32), True)
    g = NUMPY_RNG.random(x.shape, dtype=np.float32)
    for y in (ops.layer_norm(x, w, b, normalized_shape=2), ops.batch_norm(x, w, b)[0]):
        gw, gb = grad(y, [w, b], g)
        np.testing.assert_allclose(gb.data, g.sum(0, dtype=np.float64), rtol=1e-6)
        exact = (g * (y.data - 1)).sum(0, dtype=np.float64)
        assert np.abs(gw.data - exact).max() < 2e-6 * np.abs(g * (y.data - 1)).sum()


def test_spectral_norm_makes_the_largest_singular_value_one():
    w = NUMPY_RNG.normal(size=(5, 4, 3))
    u, s, vt = np.linalg.svd(w.reshape(5, 12))
    np.testing.assert_allclose(np.linalg.svd(ops.spectral_norm(w, u[:, 0], vt[0]).reshape(5, 12))[1], s / s[0])


def test_attention_looks_where_the_key_matches():
    k = 50 * np.eye(3)
    np.testing.assert_allclose(ops.scaled_dot_product_attention(k[[2, 0]], k, np.arange(6.0).reshape(3, 2)), [[4, 5], [0, 1]])
    scores = np.full((1, 2), 1e4)  # softmax of huge scores is stable
    assert np.isfinite(ops.scaled_dot_product_attention(scores, scores, scores)).all()


def test_dropout_keeps_the_mean_and_zeroes_the_share():
    x = np.ones(200_000, np.float32)
    y = ops.dropout(x, 0.3, rng=default_rng(1))
    share = (y == 0).mean()
    assert abs(share - 0.3) < 5 * (0.21 / x.size) ** 0.5  # five standard errors
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
