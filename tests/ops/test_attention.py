"""Attention and dropout beyond their gradients: meaning, and errors that teach."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import default_rng, no_grad, ops, tensor


def test_attention_returns_the_value_whose_key_matches():
    k = 50 * np.eye(3)
    y = ops.scaled_dot_product_attention(k[[2, 0]], k, np.arange(6.0).reshape(3, 2))
    np.testing.assert_allclose(y, [[4, 5], [0, 1]])


def test_attention_with_large_scores_does_not_overflow():
    q = np.full((1, 2), 1e4)
    assert np.isfinite(ops.scaled_dot_product_attention(q, q, q)).all()


def test_dropout_keeps_the_mean_and_zeroes_the_given_fraction():
    x = np.ones(200_000, np.float32)
    y = ops.dropout(x, 0.3, rng=default_rng(1))
    fraction = (y == 0).mean()
    assert abs(fraction - 0.3) < 5 * (0.21 / x.size) ** 0.5  # five standard errors
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: ops.scaled_dot_product_attention(
                np.ones((2, 3)), np.ones((2, 4)), np.ones((2, 4))
            ),
            r"q \(2, 3\), k \(2, 4\)",
        ),
        (
            lambda: ops.scaled_dot_product_attention(
                np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 3))
            ),
            "no keys",
        ),
        (
            lambda: ops.scaled_dot_product_attention(*[np.ones((2, 3))] * 3, np.eye(2) > 2),
            "no key at all",
        ),
        (lambda: ops.dropout(np.ones((2, 4)), 1.0, rng=default_rng(0)), r"p must be in \[0, 1\)"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_mask_of_integers_is_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="the mask is int64; .* booleans .* floating point"):
        ops.scaled_dot_product_attention(x, x, x, np.ones((2, 2), int))


def test_a_mask_that_requires_a_gradient_is_refused():
    x, mask = np.ones((2, 3)), tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(ValueError, match="the mask requires a gradient"):
        ops.scaled_dot_product_attention(x, x, x, mask)
    with no_grad():
        ops.scaled_dot_product_attention(x, x, x, mask)
    ops.scaled_dot_product_attention(x, x, x, mask.detach())
