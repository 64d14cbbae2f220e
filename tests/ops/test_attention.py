"""Attention and dropout beyond their gradients: meaning, and errors that teach."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import default_rng, ops, tensor


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
            r"query \(2, 3\), key \(2, 4\)",
        ),
        (
            lambda: ops.scaled_dot_product_attention(
                np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 3))
            ),
            "no keys",
        ),
        (
            lambda: ops.scaled_dot_product_attention(*[np.ones((2, 3))] * 3, np.eye(2) > 2),
            "no key to attend to",
        ),
        (
            lambda: ops.scaled_dot_product_attention(
                *[np.ones((2, 3))] * 3, np.array([[0, -np.inf], [-np.inf, -np.inf]])
            ),
            "scaled_dot_product_attention: the mask leaves some query no key to attend to",
        ),
        (
            lambda: ops.scaled_dot_product_attention(
                *[np.ones((2, 3))] * 3, np.zeros((2, 2)), is_causal=True
            ),
            "is_causal is a mask of its own",
        ),
        (
            lambda: ops.scaled_dot_product_attention(
                np.ones((3, 2, 4)), *[np.ones((2, 2, 4))] * 2, enable_gqa=True
            ),
            r"heads \(axis -3\) of key and value, here \(2, 2, 4\), divide",
        ),
        (lambda: ops.dropout(np.ones((2, 4)), 1.1, rng=default_rng(0)), r"p must be in \[0, 1\]"),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_mask_of_integers_is_refused():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="attn_mask is int64"):
        ops.scaled_dot_product_attention(x, x, x, np.ones((2, 2), int))


def test_a_list_is_refused_by_name():
    x = np.ones((2, 3))
    with pytest.raises(TypeError, match="scaled_dot_product_attention: attn_mask is a list"):
        ops.scaled_dot_product_attention(x, x, x, [[True, False], [True, True]])


def test_dropout_takes_a_scalar_of_numpy():
    y = ops.dropout(np.ones(4, np.float32), np.float64(0.5), rng=default_rng(0))
    assert y.dtype == np.float32


def test_mixed_dtypes_are_refused():
    x, mask = np.ones((2, 3), np.float32), np.zeros((2, 2))
    with pytest.raises(TypeError, match="query is float32.* attn_mask is float64.* astype"):
        ops.scaled_dot_product_attention(x, x, x, mask)


def test_dropout_in_evaluation_is_the_identity_and_in_training_needs_its_source():
    x = tensor(np.ones(3))
    assert ops.dropout(x, 0.5, False) is x
    assert ops.dropout(x, 1.0, rng=default_rng(0)).tolist() == [0, 0, 0]
    with pytest.raises(TypeError, match=r"rng=tinygen.default_rng\(seed\)"):
        ops.dropout(x)
