"""Element-wise functions and reductions beside their derivatives: extremes, kinks and ties, declared gradients, accuracy, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygen import Tensor, check_grads, grad, ops, tensor
from tinygen.backend.reductions import channel_sum

FLOATS = (np.float32, np.float64)


def derivative(f, x, order=1):
    """The first or second derivative of an elementwise f at the points x."""
    x = tensor(np.asarray(x, float), requires_grad=True)
    y = f(x)
    for _ in range(order):
        y = grad(y.sum(), x, create_graph=True)
    return y.numpy()


# ---------------------------------------------------------------------------------------------------------------- extremes


@pytest.mark.parametrize("dtype", FLOATS)
def test_no_overflow_at_the_extremes(dtype):
    """Warnings are errors here, so this also shows that there are none."""
    x = np.array([-1e4, -100, 0, 100, 1e4], dtype)
    for f, values, slopes in [
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
        g = grad(y.sum(), t, create_graph=True)
        assert y.dtype == g.dtype == dtype
        np.testing.assert_allclose(y.data, values, rtol=1e-6, atol=1e-30)
        np.testing.assert_allclose(g.data, slopes, rtol=1e-6, atol=1e-30)
        assert np.isfinite(grad(g.sum(), t).data).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_small_values_keep_their_relative_accuracy(dtype):
    x = np.array([-20, -40, -80], dtype)
    exact = np.exp(x.astype(np.float64))
    for y in (ops.sigmoid(x), ops.softplus(x), -ops.log_sigmoid(-x), ops.silu(x) / x):
        np.testing.assert_allclose(y, exact, rtol=20 * np.finfo(dtype).eps + 3e-9)
    np.testing.assert_allclose(ops.expm1(np.array([1e-20], dtype)), [1e-20], rtol=1e-6)
    np.testing.assert_allclose(ops.log1p(np.array([1e-20], dtype)), [1e-20], rtol=1e-6)


@pytest.mark.parametrize("dtype, ulps", [(np.float32, 4), (np.float64, 6)])
def test_erf_to_a_few_units_of_the_last_digit(dtype, ulps):
    x = np.concatenate([np.linspace(-8, 8, 40_001), 10.0 ** np.linspace(-30, 1, 1_000), [np.inf, -np.inf]]).astype(dtype)
    exact, y = np.array([math.erf(v) for v in x]), ops.erf(x)
    assert y.dtype == dtype and (np.abs(y) <= 1).all()
    assert (np.abs(y - exact) <= ulps * np.finfo(dtype).eps * np.abs(exact)).all()
    assert np.isnan(ops.erf(np.array([np.nan], dtype))).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_family_at_the_extremes(dtype):
    t = tensor(np.array([[1e4, 0, -1e4], [1e4, 1e4, -np.inf]], dtype), requires_grad=True)
    np.testing.assert_allclose(ops.softmax(t).data, [[1, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(ops.log_softmax(t).data, [[0, -1e4, -2e4], [-math.log(2), -math.log(2), -np.inf]], rtol=1e-6)
    y = ops.logsumexp(t, axis=1)
    np.testing.assert_allclose(y.data, [1e4, 1e4 + math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(grad(y.sum(), t).data, [[1, 0, 0], [0.5, 0.5, 0]], atol=1e-3)


def test_logsumexp_of_impossible_events():
    t = tensor(np.array([[-np.inf, -np.inf], [-np.inf, 0.0]]), requires_grad=True)
    y = ops.logsumexp(t, axis=1)
    assert y.data.tolist() == [-np.inf, 0] and grad(y.sum(), t).data.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("f, slope", [(ops.expm1, np.exp), (ops.elu, np.exp), (lambda x: ops.elu(x, alpha=0.5), lambda x: 0.5 * np.exp(x))])
def test_slopes_of_flat_tails_keep_their_relative_accuracy(f, slope):
    x = tensor(np.array([-2, -15, -30, -60], np.float32), requires_grad=True)
    np.testing.assert_allclose(grad(f(x).sum(), x).data, slope(x.data.astype(np.float64)), rtol=1e-5)


def test_erf_and_gelu_in_half_precision():
    x = np.linspace(-4, 4, 101, dtype=np.float16)
    exact = np.array([math.erf(v) for v in x.astype(float)])
    half_gelu = x.astype(float) * (1 + np.array([math.erf(v / math.sqrt(2)) for v in x.astype(float)])) / 2
    for y, expected in [(ops.erf(x), exact), (ops.gelu(x), half_gelu)]:
        assert y.dtype == np.float16
        np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-7)
    t = tensor(x, requires_grad=True)
    assert np.isfinite(grad(ops.gelu(t).sum(), t).data).all()


# ---------------------------------------------------------------------------------------------------------------- kinks and ties


@pytest.mark.parametrize("root", [ops.sqrt, ops.log])
@pytest.mark.parametrize("f, slope", [
    (ops.relu, 0), (lambda x: ops.leaky_relu(x, negative_slope=0.0), 0), (lambda x: ops.clip(x, 0.0, 5.0), 0), (lambda x: ops.maximum(x, 0.0), 0),
    (lambda x: ops.maximum(0.0, x), 0), (lambda x: -ops.minimum(-x, 0.0), 0), (lambda x: ops.where(x > 0, x, x.data * 0), 0),
    (lambda x: ops.where(x <= 0, x.data * 0, x), 0), (lambda x: ops.max(ops.stack(x, x.data * 0), axis=0), 0),
    (lambda x: ops.max_pool2d(ops.stack(x, x.data * 0).reshape(1, 1, 2, -1), (2, 1)), 0),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_shut_gate_stops_infinite_cotangents(root, f, slope, dtype):
    x = tensor(np.array([-1, 4, -2], dtype), requires_grad=True)
    with np.errstate(divide="ignore"):
        for create_graph in (False, True):
            g = grad(root(f(x)).sum(), x, create_graph=create_graph)
            np.testing.assert_allclose(g.data, [slope, 0.25, slope], rtol=1e-3)


@pytest.mark.parametrize("f", [
    ops.relu, lambda x: ops.leaky_relu(x, negative_slope=0.0), lambda x: ops.maximum(x, 0.0), lambda x: ops.minimum(x, 9.0), lambda x: ops.clip(x, 0.0, 9.0),
    lambda x: ops.max(ops.stack(x, np.zeros(2)), axis=0), lambda x: ops.max_pool2d(ops.stack(np.zeros(2), x).reshape(1, 1, 2, -1), (2, 1)),
])  # fmt: skip
def test_a_gate_hides_no_nan(f):
    """The forward gives NaN, so the gradient goes to where it came from: a 0 there would look like health."""
    x = tensor(np.array([np.nan, 3.0]), requires_grad=True)
    y = f(x).reshape(2)
    assert np.isnan(y.data[0]) and y.data[1] == 3
    assert grad(y, x, grad_outputs=np.array([5.0, 7.0])).data.tolist() == [5, 7]


def test_leaky_relu_of_infinity_with_slope_zero():
    x = tensor(np.array([np.inf, -np.inf]), requires_grad=True)
    y = ops.leaky_relu(x, negative_slope=0.0)
    assert y.data.tolist() == [np.inf, 0] and grad(y.sum(), x).data.tolist() == [1, 0]



def test_conventions_at_kinks():
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
def test_a_tie_is_split_in_half(f):
    a, b = (tensor(np.array([1.0, np.inf, -np.inf]), requires_grad=True) for _ in range(2))
    ga, gb = grad(f(a, b), [a, b], grad_outputs=np.ones(3))
    assert ga.data.tolist() == gb.data.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("f", [ops.max, ops.min])
def test_ties_of_an_extreme_share_equally(f):
    x = tensor(np.array([[1.0, 1, 1, 1], [2, 0, 2, 0]]), requires_grad=True)
    assert grad(f(x, axis=1).sum(), x).data[0].tolist() == [0.25] * 4
    assert sorted(grad(f(x, axis=1).sum(), x).data[1].tolist()) == [0, 0, 0.5, 0.5]
    assert grad(f(x), x).data.sum() == 1


def test_whole_powers_are_right_at_zero_in_every_derivative():
    """Of x^n at 0, derivative k is k! if k = n, else 0; no NaN from 0 times 1/0."""
    for n in (1, 2, 3, 4):
        for k in range(1, n + 1):
            assert derivative(lambda x, n=n: x**n, [0.0, 0.0], k).tolist() == [math.factorial(k) * (k == n)] * 2
    x, n = tensor(np.zeros(3), requires_grad=True), np.array([0.0, 1.0, 2.0])
    assert grad((x**n).sum(), x).data.tolist() == [0, 1, 0]
    assert (x**0).data.tolist() == [1, 1, 1] and grad((x**0).sum(), x).data.tolist() == [0, 0, 0]


def test_array_powers_at_the_border_of_their_domain():
    n = tensor(np.array([2.0, 2.0]), requires_grad=True)
    assert grad((np.array([0.0, 1.0]) ** n).sum(), n).data.tolist() == [0, 0]
    with np.errstate(invalid="ignore"):
        assert np.isnan(grad((np.array([-1.0, -1.0]) ** n).sum(), n).data).all(), "log(-1) is no number, and 0 would be a lie"
    check_grads(lambda a: a ** np.array([0.0, 1.0, 2.0]), np.array([0.5, -0.7, -0.3]))


def test_powers_agree_with_numpy():
    x = np.linspace(-2, 2, 9)
    for n in (0, 1, 2, 3, 5, 31, 64, 70):
        np.testing.assert_allclose(ops.power(x, n), x**n, rtol=1e-14)
    assert ops.power(x.astype(np.float32), np.float64(3)).dtype == np.float32
    for n in (math.inf, -math.inf, math.nan):
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(ops.power(x + 3, n), (x + 3) ** n)


# ---------------------------------------------------------------------------------------------------------------- declared gradients


def test_stop_gradient_lets_nothing_through():
    x = tensor([2.0, 3.0], requires_grad=True)
    y = ops.stop_gradient(x)
    assert not y.requires_grad and y.data.tolist() == [2, 3]
    assert grad((x * ops.stop_gradient(x)).sum(), x).data.tolist() == [2, 3], "not 2 x"
    assert ops.stop_gradient(x.data) is x.data


def test_straight_through_has_the_values_of_one_and_the_gradient_of_the_other():
    x, codes = tensor([0.4, 1.7], requires_grad=True), tensor([0.0, 2.0], requires_grad=True)
    y = ops.straight_through(x, codes)
    assert y.data.tolist() == [0, 2]
    assert grad((y * y).sum(), x).data.tolist() == [0, 4], "2 y, as if x had been y"
    with pytest.raises(ValueError, match="do not depend"):
        grad(ops.straight_through(x, codes).sum(), codes)
    with pytest.raises(ValueError, match=r"straight_through: x \(2,\) and y \(1,\)"):
        ops.straight_through(x, codes[:1])


def test_reverse_gradient_turns_it_round():
    x = tensor([2.0, 3.0], requires_grad=True)
    y = ops.reverse_gradient(x, scale=0.5)
    assert y.data.tolist() == [2, 3] and grad((y * y).sum(), x).data.tolist() == [-2, -3]
    assert grad(ops.reverse_gradient(x).sum(), x).data.tolist() == [-1, -1]


@pytest.mark.parametrize("f", [ops.stop_gradient, ops.reverse_gradient, lambda x: ops.straight_through(x * 1, x)])
def test_results_that_share_memory_share_the_guard(f):
    x, w = tensor([2.0, 3.0], requires_grad=True), tensor([1.0, 1.0], requires_grad=True)
    y = (f(x) * w).sum()
    x[0] = 7.0
    with pytest.raises(RuntimeError, match="written in place"):
        grad(y, w)


# ---------------------------------------------------------------------------------------------------------------- sums


def channels_last(rng, n, c, h, w):
    return rng.random((n, h, w, c), dtype=np.float32).transpose(0, 3, 1, 2)


def test_a_million_rows_add_up_to_seven_digits():
    x = np.random.default_rng(0).random((1 << 20, 8), dtype=np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    error = np.abs(ops.sum(x, axis=0) / exact - 1).max()
    assert error < 2e-7 < np.abs(x.sum(axis=0) / exact - 1).max(), "np.sum itself would be no better: then channel_sum may go"
    assert np.abs(ops.mean(x, axis=0) / (exact / len(x)) - 1).max() < 2e-7
    assert np.abs(ops.var(x, axis=0) / x.var(axis=0, dtype=np.float64) - 1).max() < 1e-6


WIDE = np.random.default_rng(1).random((1 << 20, 8), dtype=np.float32)


@pytest.mark.parametrize("x", [
    WIDE[:, ::2], WIDE[::-1], WIDE[:, ::-1], WIDE[:, 1:4], WIDE[::2], WIDE.T[::2].T, WIDE.reshape(8, 1 << 17, 8), np.broadcast_to(WIDE[:, :1], WIDE.shape),
    np.broadcast_to(np.float32(0.1), WIDE.shape), np.broadcast_to(WIDE[0], WIDE.shape), np.broadcast_to(WIDE[:1000, None], (1000, 1000, 8)),
    np.broadcast_to(WIDE[:, None, :1], (1 << 20, 3, 1))[:, :, 0],
], ids=lambda x: f"{x.shape}{x.strides}")  # fmt: skip
def test_sums_keep_seven_digits_in_any_memory_order(x):
    axes = [None, *range(x.ndim), (0, x.ndim - 1), tuple(range(x.ndim - 1))]
    for axis in axes:
        y, exact = ops.sum(x, axis=axis), x.sum(axis=axis, dtype=np.float64)
        assert np.shape(y) == np.shape(exact) and y.dtype == np.float32
        np.testing.assert_allclose(y, exact, rtol=1e-6, err_msg=f"axis {axis}")
    if x.ndim == 2:
        np.testing.assert_allclose(ops.sum_to(x, shape=x.shape[1:]), x.sum(axis=0, dtype=np.float64), rtol=1e-6)
        np.testing.assert_allclose(ops.sum_to(x, shape=(len(x), 1)), x.sum(axis=1, keepdims=True, dtype=np.float64), rtol=1e-6)


def test_the_gradient_of_a_bias_under_a_mean_of_a_million_rows():
    x, w, b = np.ones((1 << 20, 1), np.float32), tensor(np.ones((3, 1), np.float32), requires_grad=True), tensor(np.zeros(3, np.float32), requires_grad=True)
    for y in (ops.linear(x, w, b), x * w.reshape(1, 3) + b):
        np.testing.assert_allclose(grad(y.mean(), b).data, np.full(3, 1 / 3), rtol=1e-6)


@pytest.mark.parametrize("axis", [(0, 2, 3), (2, 3), (0, 3), (1, 3), 0, 1, -1, (1,), (0, 1, 2, 3), ()])
@pytest.mark.parametrize("shape", [(70, 8, 9, 7), (3, 33, 40, 40), (1, 4, 128, 64), (40, 1, 30, 30), (40, 24, 1, 30)])
def test_sums_of_large_pictures_in_either_layout(shape, axis):
    rng = np.random.default_rng(0)
    whole = channels_last(rng, *shape)
    for x, tolerance in [(whole, 1e-6), (rng.random(shape, dtype=np.float32), 1e-6), (whole[:, ::-1], 1e-5), (whole[:, :, ::2], 1e-5)]:
        for keepdims in (True, False):
            y, exact = ops.sum(x, axis=axis, keepdims=keepdims), x.sum(axis=axis, keepdims=keepdims, dtype=np.float64)
            assert y.dtype == np.float32 and y.shape == exact.shape
            np.testing.assert_allclose(y, exact, rtol=tolerance)


@pytest.mark.parametrize("shape", [(1, 5000, 3), (4, 1024, 2), (4, 2500, 5), (2, 7, 3), (2, 0, 3), (3, 20_000, 1)])
def test_channel_sum(shape):
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.testing.assert_allclose(channel_sum(x), x.sum(axis=1, dtype=np.float64), rtol=1e-6)


def test_a_large_sum_refuses_a_wrong_axis():
    x = channels_last(np.random.default_rng(0), 40, 24, 10, 10)
    for axis in (4, -5, (0, 4), (0, 0)):
        with pytest.raises(ValueError, match="axis"):
            ops.sum(x, axis=axis)


def test_the_cotangent_of_a_sum_is_no_copy():
    g = ops.sum.rules["x"](np.ones(3), (1000, 3), 0)
    assert g.shape == (1000, 3) and g.strides[0] == 0


def test_empty_reductions():
    x = tensor(np.zeros((0, 3)), requires_grad=True)
    assert ops.sum(x).item() == 0 and ops.sum(x, axis=0).data.tolist() == [0, 0, 0] and grad(ops.sum(x), x).shape == (0, 3)
    assert ops.max(x, axis=1).shape == (0,) and ops.mean(x, axis=1).shape == (0,)
    for f, words in [
        (ops.mean, "mean: no values to average"), (ops.max, "max: no values"), (ops.min, "min: no values"), (ops.logsumexp, "logsumexp: no values"),
        (ops.var, "var: 0 values"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            f(x)
    with pytest.raises(ValueError, match="var: 1 values along axis=0 .* too few for ddof=1"):
        ops.var(np.ones((1, 3)), axis=0, ddof=1)


# ---------------------------------------------------------------------------------------------------------------- errors


def test_bad_settings_say_so():
    x = np.ones(3)
    for f, words in [
        (lambda: ops.clip(x, 2, 1), "clip: no number is at least 2 and at most 1"),
        (lambda: ops.leaky_relu(x, negative_slope=-1), "leaky_relu: negative_slope=-1"),
        (lambda: ops.elu(x, alpha=-1), "elu: alpha=-1"),
        (lambda: ops.gelu(x, approximate="erf"), "gelu: approximate='erf'"),
        (lambda: ops.mean(x, axis=1), r"mean: axis 1 does not exist in an array of shape \(3,\)"),
        (lambda: ops.var(x, axis=(0, -2)), "var: axis -2 does not exist"),
    ]:
        with pytest.raises(ValueError, match=words):
            f()


def test_integers_are_refused_where_the_result_is_none():
    for f, words in [
        (ops.softmax, "softmax: x is int64.* convert x with astype"), (ops.log_softmax, "log_softmax: x is int64"),
        (lambda n: ops.straight_through(tensor([1.0, 2.0], requires_grad=True), n), "straight_through: y is int64.* convert it with astype"),
    ]:  # fmt: skip
        with pytest.raises(TypeError, match=words):
            f(np.array([1, 2]))


def test_integers_are_constants():
    n = tensor([1, 2, 3])
    assert (n * 2).dtype == np.int64 and (n / 2).dtype == np.float64 and ops.sum(n).item() == 6 and (n**2).data.tolist() == [1, 4, 9]


# ---------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("f", [
    ops.sigmoid, ops.softplus, ops.log_sigmoid, ops.relu, ops.leaky_relu, ops.elu, ops.silu, ops.gelu, ops.tanh, ops.erf, ops.square, lambda x: x**3,
    lambda x: ops.clip(x, -1, 1), lambda x: ops.where(x > 0, x, 0.0), ops.abs, lambda x: ops.maximum(x, 0.0), lambda x: ops.softmax(x, axis=1),
])  # fmt: skip
def test_channels_last_stays_channels_last(f):
    a, g = np.random.default_rng(0).standard_normal((2, 2, 4, 4, 3)).astype(np.float32).transpose(0, 1, 4, 2, 3)
    x = Tensor(a)
    x.requires_grad = True
    y = f(x)
    for result in (y.data, grad(y, x, grad_outputs=g).data):
        assert result.transpose(0, 2, 3, 1).flags.c_contiguous
