"""Element-wise functions: extremes, accuracy, kinks and ties, errors, memory order."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygen import Tensor, grad, ops, tensor

FLOATS = (np.float32, np.float64)


def derivative(f, x, order=1):
    """Return the derivative of that order of an element-wise f at the points x."""
    x = tensor(np.asarray(x, float), requires_grad=True)
    y = f(x)
    for _ in range(order):
        (y,) = grad(y.sum(), x, create_graph=True)
    return y.numpy()


# ------------------------------------------------------------------------------- extremes, accuracy


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_overflow_at_the_extremes(dtype):
    """Warnings are errors here, so this also shows that there are none."""
    x = np.array([-1e4, -100, 0, 100, 1e4], dtype)
    for f, values, derivatives in [
        (ops.sigmoid, [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
        (ops.softplus, [0, 0, math.log(2), 100, 1e4], [0, 0, 0.5, 1, 1]),
        (ops.log_sigmoid, [-1e4, -100, -math.log(2), 0, 0], [1, 1, 0.5, 0, 0]),
        (ops.silu, [0, 0, 0, 100, 1e4], [0, 0, 0.5, 1, 1]),
        (ops.gelu, [0, 0, 0, 100, 1e4], [0, 0, 0.5, 1, 1]),
        (lambda x: ops.gelu(x, approximate="tanh"), [0, 0, 0, 100, 1e4], [0, 0, 0.5, 1, 1]),
        (ops.elu, [-1, -1, 0, 100, 1e4], [0, 0, 1, 1, 1]),
        (ops.tanh, [-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
        (ops.erf, [-1, -1, 0, 1, 1], [0, 0, 2 / math.sqrt(math.pi), 0, 0]),
    ]:
        t = tensor(x, requires_grad=True)
        y = f(t)
        (g,) = grad(y.sum(), t, create_graph=True)
        assert y.dtype == g.dtype == dtype
        np.testing.assert_allclose(y.data, values, rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(g.data, derivatives, rtol=1e-6, atol=1e-30)
        assert np.isfinite(grad(g.sum(), t)[0].data).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_small_values_keep_their_relative_accuracy(dtype):
    x = np.array([-20, -40, -80], dtype)
    exact = np.exp(x.astype(np.float64))
    for y in (ops.sigmoid(x), ops.softplus(x), -ops.log_sigmoid(-x), ops.silu(x) / x):
        np.testing.assert_allclose(y, exact, rtol=20 * np.finfo(dtype).eps + 3e-9)
    np.testing.assert_allclose(ops.expm1(np.array([1e-20], dtype)), [1e-20], rtol=1e-6)
    np.testing.assert_allclose(ops.log1p(np.array([1e-20], dtype)), [1e-20], rtol=1e-6)


@pytest.mark.parametrize("dtype, ulps", [(np.float32, 4), (np.float64, 6)])
def test_erf_is_right_to_a_few_units_of_the_last_digit(dtype, ulps):
    parts = [np.linspace(-8, 8, 40_001), 10.0 ** np.linspace(-30, 1, 1_000), [np.inf, -np.inf]]
    x = np.concatenate(parts).astype(dtype)
    exact, y = np.array([math.erf(v) for v in x]), ops.erf(x)
    assert y.dtype == dtype and (np.abs(y) <= 1).all()
    assert (np.abs(y - exact) <= ulps * np.finfo(dtype).eps * np.abs(exact)).all()
    assert np.isnan(ops.erf(np.array([np.nan], dtype))).all()


@pytest.mark.parametrize(
    "f, exact",
    [
        (ops.expm1, np.exp),
        (ops.elu, np.exp),
        (lambda x: ops.elu(x, alpha=0.5), lambda x: 0.5 * np.exp(x)),
    ],
)
def test_derivatives_keep_their_relative_accuracy_at_large_negative_x(f, exact):
    x = tensor(np.array([-2, -15, -30, -60], np.float32), requires_grad=True)
    expected = exact(x.data.astype(np.float64))
    np.testing.assert_allclose(grad(f(x).sum(), x)[0].data, expected, rtol=1e-5)


def test_erf_and_gelu_are_right_in_half_precision():
    x = np.linspace(-4, 4, 101, dtype=np.float16)
    exact_erf = [math.erf(v) for v in x.astype(float)]
    exact_gelu = [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x.astype(float)]
    for y, expected in [(ops.erf(x), exact_erf), (ops.gelu(x), exact_gelu)]:
        assert y.dtype == np.float16
        np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-7)
    t = tensor(x, requires_grad=True)
    assert np.isfinite(grad(ops.gelu(t).sum(), t)[0].data).all()


def test_softplus_is_linear_beyond_the_threshold_of_pytorch():
    x = np.array([19.0, 21.0])
    bent, linear = ops.softplus(x)
    assert linear == 21 and bent > 19
    np.testing.assert_allclose(bent, np.log1p(np.exp(19.0)), rtol=1e-15)
    assert ops.softplus(x, threshold=30.0)[1] > 21
    assert derivative(ops.softplus, x).tolist() == [1 / (1 + math.exp(-19)), 1]


# ----------------------------------------------------------------------------------- kinks and ties


@pytest.mark.parametrize("root", [ops.sqrt, ops.log])
@pytest.mark.parametrize(
    "f",
    [
        ops.relu,
        lambda x: ops.leaky_relu(x, negative_slope=0.0),
        lambda x: ops.clip(x, 0.0, 5.0),
        lambda x: ops.maximum(x, 0.0),
        lambda x: ops.maximum(0.0, x),
        lambda x: -ops.minimum(-x, 0.0),
        lambda x: ops.where(x > 0, x, x.data * 0),
        lambda x: ops.where(x <= 0, x.data * 0, x),
        lambda x: ops.max(ops.stack(x, x.data * 0), axis=0),
        lambda x: ops.max_pool2d(ops.stack(x, x.data * 0).reshape(1, 1, 2, -1), (2, 1)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_where_the_derivative_is_zero_an_infinite_cotangent_gives_zero(root, f, dtype):
    """The cotangent of 0 is infinite, through sqrt or log; 0 times infinity would be NaN."""
    x = tensor(np.array([-1, 4, -2], dtype), requires_grad=True)
    with np.errstate(divide="ignore"):
        for create_graph in (False, True):
            (g,) = grad(root(f(x)).sum(), x, create_graph=create_graph)
            np.testing.assert_allclose(g.data, [0, 0.25, 0], rtol=1e-3)


@pytest.mark.parametrize(
    "f",
    [
        ops.relu,
        lambda x: ops.leaky_relu(x, negative_slope=0.0),
        lambda x: ops.maximum(x, 0.0),
        lambda x: ops.minimum(x, 9.0),
        lambda x: ops.clip(x, 0.0, 9.0),
        lambda x: ops.max(ops.stack(x, np.zeros(2)), axis=0),
        lambda x: ops.max_pool2d(ops.stack(np.zeros(2), x).reshape(1, 1, 2, -1), (2, 1)),
    ],
)
def test_the_gradient_of_a_nan_is_not_masked(f):
    """The forward gives NaN, so its gradient passes: a 0 would hide where the NaN came from."""
    x = tensor(np.array([np.nan, 3.0]), requires_grad=True)
    y = f(x).reshape(2)
    assert np.isnan(y.data[0]) and y.data[1] == 3
    assert grad(y, x, grad_outputs=np.array([5.0, 7.0]))[0].data.tolist() == [5, 7]


def test_leaky_relu_with_slope_zero_takes_infinite_values():
    x = tensor(np.array([np.inf, -np.inf]), requires_grad=True)
    y = ops.leaky_relu(x, negative_slope=0.0)
    assert y.data.tolist() == [np.inf, 0] and grad(y.sum(), x)[0].data.tolist() == [1, 0]


def test_derivatives_at_kinks_are_those_of_pytorch():
    at = [-1.0, 0.0, 1.0]
    assert derivative(ops.relu, at).tolist() == [0, 0, 1]
    assert derivative(ops.abs, at).tolist() == [-1, 0, 1]
    assert derivative(lambda x: ops.leaky_relu(x, negative_slope=0.2), at).tolist() == [0.2, 0.2, 1]
    assert derivative(lambda x: ops.elu(x, alpha=0.5), [0.0, 1.0]).tolist() == [0.5, 1]
    assert derivative(lambda x: ops.clip(x, -1, 1), [-2, -1, 0, 1, 2]).tolist() == [0, 1, 1, 1, 0]
    assert derivative(lambda x: ops.clip(x, 0), [-1, 0, 9]).tolist() == [0, 1, 1]
    assert derivative(lambda x: ops.maximum(x, 0.0), at).tolist() == [0, 0.5, 1]
    assert derivative(lambda x: ops.minimum(0.0, x), at).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("f", [ops.maximum, ops.minimum])
def test_each_side_of_a_tie_receives_half_the_cotangent(f):
    a, b = (tensor(np.array([1.0, np.inf, -np.inf]), requires_grad=True) for _ in range(2))
    ga, gb = grad(f(a, b), [a, b], grad_outputs=np.ones(3))
    assert ga.data.tolist() == gb.data.tolist() == [0.5, 0.5, 0.5]


# --------------------------------------------------------------------------- errors, dtypes, memory


def test_errors_teach():
    x = np.ones(3)
    for f, message in [
        (lambda: ops.clip(x, 2, 1), "clip: no number is at least 2 and at most 1"),
        (lambda: ops.leaky_relu(x, negative_slope=-1), "leaky_relu: negative_slope=-1"),
        (lambda: ops.elu(x, alpha=-1), "elu: alpha=-1"),
        (lambda: ops.gelu(x, approximate="erf"), "gelu: approximate='erf'"),
    ]:
        with pytest.raises(ValueError, match=message):
            f()


def test_straight_through_refuses_integers():
    x = tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match="straight_through: y is int64.* convert it with astype"):
        ops.straight_through(x, np.array([1, 2]))


def test_integers_keep_their_dtype():
    n = tensor([1, 2, 3])
    assert (n * 2).dtype == np.int64 and (n / 2).dtype == np.float64
    assert ops.sum(n).item() == 6 and (n**2).data.tolist() == [1, 4, 9]


@pytest.mark.parametrize(
    "f",
    [
        ops.sigmoid,
        ops.softplus,
        ops.log_sigmoid,
        ops.relu,
        ops.leaky_relu,
        ops.elu,
        ops.silu,
        ops.gelu,
        ops.tanh,
        ops.erf,
        ops.square,
        lambda x: x**3,
        lambda x: ops.clip(x, -1, 1),
        lambda x: ops.where(x > 0, x, 0.0),
        ops.abs,
        lambda x: ops.maximum(x, 0.0),
        lambda x: ops.softmax(x, axis=1),
    ],
)
@pytest.mark.cpu_only
def test_channels_last_memory_stays_channels_last(f):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2, 2, 4, 4, 3)).astype(np.float32)
    a, g = values.transpose(0, 1, 4, 2, 3)  # (N, C, H, W), channels last in memory
    x = Tensor(a)
    x.requires_grad = True
    y = f(x)
    for result in (y.data, grad(y, x, grad_outputs=g)[0].data):
        assert result.transpose(0, 2, 3, 1).flags.c_contiguous
