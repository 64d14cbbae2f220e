"""The three convolutions as one trilinear form, and errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import Draw
from tinygen import check_grads, grad, ops, tensor

from .conv_cases import draw_settings_and_arrays


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_the_three_functions_are_adjoint(data):
    """T(x, w, g) = <conv(x, w), g> = <x, conv_transpose(g, w)> = <w, conv_weight(x, g)>.

    The tolerance is 1e-13 of |conv(x, w)| |g|.
    """
    draw = Draw(data.draw)
    settings, x, w = draw_settings_and_arrays(draw)
    y = ops.conv2d(x, w, **settings)
    g = draw.array(y.shape)
    form = (y * g).sum()
    scale = 1e-13 * (np.linalg.norm(y) * np.linalg.norm(g) + 1e-300)
    dx = ops.conv_transpose2d(g, w, output_size=x.shape[2:], **settings)
    dw = ops.conv2d_weight(x, g, kernel_size=w.shape[2:], **settings)
    assert abs(form - (x * dx).sum()) <= scale
    assert abs(form - (w * dw).sum()) <= scale


def test_the_gradients_of_a_convolution_are_the_other_two_functions():
    """They are equal bit for bit."""
    rng = np.random.default_rng(0)
    x = tensor(rng.normal(size=(2, 3, 5, 5)), requires_grad=True)
    w = tensor(rng.normal(size=(4, 3, 3, 3)), requires_grad=True)
    g = rng.normal(size=(2, 4, 3, 3))
    dx, dw = grad(ops.conv2d(x, w, stride=2, padding=1), (x, w), g)
    expected = ops.conv_transpose2d(g, w.data, stride=2, padding=1, output_size=(5, 5))
    np.testing.assert_array_equal(dx.numpy(), expected)
    expected = ops.conv2d_weight(x.data, g, kernel_size=(3, 3), stride=2, padding=1)
    np.testing.assert_array_equal(dw.numpy(), expected)


def test_a_bias_is_added_to_each_channel():
    x, w, b = np.zeros((1, 2, 4, 4)), np.zeros((3, 2, 3, 3)), np.array([1.0, 2.0, 3.0])
    assert (ops.conv2d(x, w, bias=b) == b[:, None, None]).all()
    assert (ops.conv_transpose2d(x, w.transpose(1, 0, 2, 3), bias=b) == b[:, None, None]).all()


def test_settings_may_be_numpy_integers_and_single_numbers():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 7, 7)), rng.normal(size=(4, 3, 3, 3))
    two, one = np.int64(2), np.int32(1)
    y = ops.conv2d(x, w, stride=two, padding=(one, 1), dilation=one, groups=one)
    np.testing.assert_array_equal(y, ops.conv2d(x, w, stride=2, padding=1))
    np.testing.assert_array_equal(
        ops.conv_transpose2d(y, w, stride=two, padding=1, output_size=7),
        ops.conv_transpose2d(y, w, stride=2, padding=1, output_size=(7, 7)),
    )
    np.testing.assert_array_equal(
        ops.conv2d_weight(x, y, kernel_size=3, stride=2, padding=1),
        ops.conv2d_weight(x, y, kernel_size=(3, 3), stride=2, padding=1),
    )


def test_an_empty_batch_has_gradients():
    x, w = (
        tensor(np.zeros((0, 2, 5, 5)), requires_grad=True),
        tensor(np.ones((3, 2, 3, 3)), requires_grad=True),
    )
    dx, dw = grad(ops.conv2d(x, w).sum(), (x, w))
    assert dx.shape == x.shape and dw.shape == w.shape and not dw.data.any()


X, W = np.ones((2, 3, 5, 5)), np.ones((4, 3, 3, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.conv2d(X[0, 0], W), r"x \(5, 5\) and w \(4, 3, 3, 3\) must be \(N, C, H, W\)"),
        (lambda: ops.conv2d(X, W, stride=2, padding="same"), "stride must be 1 for .same."),
        (
            lambda: ops.conv2d(X, W, padding="full"),
            "padding='full'.*give a number, .same. or .valid.",
        ),
        (
            lambda: ops.conv2d(X, W[:, :1]),
            r"x has 3 channels but w \(4, 1, 3, 3\) takes 1 per group; groups=1",
        ),
        (
            lambda: ops.conv2d(X, W, groups=3),
            r"groups=3 must divide the 9 input and 4 output channels",
        ),
        (lambda: ops.conv2d(X, W, groups=0), "groups=0 must divide"),
        (lambda: ops.conv2d(X, W, np.ones(3)), r"bias has shape \(3,\), the result 4 channels"),
        (
            lambda: ops.conv2d(X, W, stride=0),
            "conv2d: stride=0; give an integer of at least 1, or a pair of them",
        ),
        (lambda: ops.conv2d(X, W, padding=-1), "conv2d: padding=-1; give an integer of at least 0"),
        (
            lambda: ops.conv2d(X, W, dilation=(1, 2, 3)),
            "conv2d: dilation=.1, 2, 3.; give an integer",
        ),
        (
            lambda: ops.conv2d(X, W, dilation=3),
            r"kernel \(3, 3\) with dilation \(3, 3\) does not fit into x \(2, 3, 5, 5\)",
        ),
        (lambda: ops.conv_transpose2d(X, W), r"x has 3 channels but w \(4, 3, 3, 3\) takes 4"),
        (
            lambda: ops.conv_transpose2d(X, W[:3], stride=2, output_padding=2),
            r"output_padding \(2, 2\) must be at least 0 and less than the stride \(2, 2\)",
        ),
        (
            lambda: ops.conv_transpose2d(X, W[:3], stride=2, output_size=(20, 20)),
            r"for output_size=\(20, 20\); without it the size is \(11, 11\)",
        ),
        (lambda: ops.conv_transpose2d(X, W[:3], padding=4), "cuts away all of it"),
        (
            lambda: ops.conv2d_weight(X, np.ones((2, 4, 9, 9)), kernel_size=(3, 3)),
            r"gives \(3, 3\), but y is \(2, 4, 9, 9\)",
        ),
        (lambda: ops.conv1d(X, W), "must be .N, C, L. or .C, L., and a weight with three axes"),
        (lambda: ops.conv1d(X[0], W[0], stride=(1, 2)), "conv1d: stride=.1, 2.; give an integer"),
        (lambda: ops.conv1d(X[0], W[0], padding=-1), "conv1d: padding=-1; give an integer"),
        (
            lambda: ops.conv_transpose2d(X, W[:3], padding="same", output_size=(6, 6)),
            r"output_padding \(1, 1\) must .* without it the size is \(5, 5\)",
        ),
        (
            lambda: ops.conv2d_weight(X[0], np.ones((2, 4, 3, 3)), kernel_size=3),
            "or both without N",
        ),
    ],
)
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "x, w", [(X.astype(np.float32), W), (X.astype(np.uint8), W.astype(np.uint8))]
)
def test_dtypes_must_agree_and_be_floating_point(x, w):
    message = "x is .*, w is .*; all must share one floating-point dtype: convert with astype"
    with pytest.raises(TypeError, match=f"conv2d: {message}"):
        ops.conv2d(x, w)


@pytest.mark.parametrize("kernel", [(2, 2), (2, 1), (1, 2)])
def test_same_padding_of_an_image_as_small_as_the_kernel(kernel):
    """The padding before the image is 0, but there are more windows than one."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 3, *kernel)), rng.standard_normal((4, 3, *kernel))
    check_grads(lambda x, w: ops.conv2d(x, w, padding="same"), x, w)
    y = rng.standard_normal((2, 4, *kernel))
    transposed = ops.conv_transpose2d(y, w, padding="same")
    left = (ops.conv2d(x, w, padding="same") * y).sum()
    np.testing.assert_allclose((x * transposed).sum(), left, rtol=1e-12)
