"""Reductions: extremes, precision in any memory order, ties, empty arrays, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygen import grad, ops, tensor
from tinygen.backend.reductions import channel_sum

FLOATS = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", FLOATS)
def test_softmax_log_softmax_and_logsumexp_do_not_overflow(dtype):
    t = tensor(np.array([[1e4, 0, -1e4], [1e4, 1e4, -np.inf]], dtype), requires_grad=True)
    np.testing.assert_allclose(ops.softmax(t).data, [[1, 0, 0], [0.5, 0.5, 0]])
    expected = [[0, -1e4, -2e4], [-math.log(2), -math.log(2), -np.inf]]
    np.testing.assert_allclose(ops.log_softmax(t).data, expected, rtol=1e-6)
    y = ops.logsumexp(t, axis=1)
    np.testing.assert_allclose(y.data, [1e4, 1e4 + math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(grad(y.sum(), t)[0].data, [[1, 0, 0], [0.5, 0.5, 0]], atol=1e-3)


def test_logsumexp_of_minus_infinity_has_gradient_zero():
    t = tensor(np.array([[-np.inf, -np.inf], [-np.inf, 0.0]]), requires_grad=True)
    y = ops.logsumexp(t, axis=1)
    assert y.data.tolist() == [-np.inf, 0] and grad(y.sum(), t)[0].data.tolist() == [[0, 0], [0, 1]]


@pytest.mark.parametrize("f", [ops.max, ops.min])
def test_ties_receive_equal_parts_of_the_cotangent(f):
    x = tensor(np.array([[1.0, 1, 1, 1], [2, 0, 2, 0]]), requires_grad=True)
    assert grad(f(x, axis=1).sum(), x)[0].data[0].tolist() == [0.25] * 4
    assert sorted(grad(f(x, axis=1).sum(), x)[0].data[1].tolist()) == [0, 0, 0.5, 0.5]
    assert grad(f(x), x)[0].data.sum() == 1


# ---------------------------------------------------------------------------------------- precision


def channels_last(rng, n, c, h, w):
    """Draw images (N, C, H, W) that are channels-last in memory."""
    return rng.random((n, h, w, c), dtype=np.float32).transpose(0, 3, 1, 2)


@pytest.mark.cpu_only
def test_a_sum_of_a_million_rows_keeps_seven_digits():
    x = np.random.default_rng(0).random((1 << 20, 8), dtype=np.float32)
    exact = x.sum(axis=0, dtype=np.float64)
    error = np.abs(ops.sum(x, axis=0) / exact - 1).max()
    assert error < 2e-7
    assert np.abs(x.sum(axis=0) / exact - 1).max() > 2e-7, "np.sum would do: remove channel_sum"
    assert np.abs(ops.mean(x, axis=0) / (exact / len(x)) - 1).max() < 2e-7
    assert np.abs(ops.var(x, axis=0) / x.var(axis=0, dtype=np.float64) - 1).max() < 1e-6


WIDE = np.random.default_rng(1).random((1 << 20, 8), dtype=np.float32)


@pytest.mark.parametrize(
    "x",
    [
        WIDE[:, ::2],
        WIDE[::-1],
        WIDE[:, ::-1],
        WIDE[:, 1:4],
        WIDE[::2],
        WIDE.T[::2].T,
        WIDE.reshape(8, 1 << 17, 8),
        np.broadcast_to(WIDE[:, :1], WIDE.shape),
        np.broadcast_to(np.float32(0.1), WIDE.shape),
        np.broadcast_to(WIDE[0], WIDE.shape),
        np.broadcast_to(WIDE[:1000, None], (1000, 1000, 8)),
        np.broadcast_to(WIDE[:, None, :1], (1 << 20, 3, 1))[:, :, 0],
    ],
    ids=lambda x: f"{x.shape}{x.strides}",
)
@pytest.mark.cpu_only
def test_sums_keep_seven_digits_in_any_memory_order(x):
    axes = [None, *range(x.ndim), (0, x.ndim - 1), tuple(range(x.ndim - 1))]
    for axis in axes:
        y, exact = ops.sum(x, axis=axis), x.sum(axis=axis, dtype=np.float64)
        assert np.shape(y) == np.shape(exact) and y.dtype == np.float32
        np.testing.assert_allclose(y, exact, rtol=1e-6, err_msg=f"axis {axis}")
    if x.ndim == 2:
        exact = x.sum(axis=0, dtype=np.float64)
        np.testing.assert_allclose(ops.sum_to(x, shape=x.shape[1:]), exact, rtol=1e-6)
        exact = x.sum(axis=1, keepdims=True, dtype=np.float64)
        np.testing.assert_allclose(ops.sum_to(x, shape=(len(x), 1)), exact, rtol=1e-6)


@pytest.mark.cpu_only
def test_the_gradient_of_a_bias_keeps_seven_digits_under_a_mean_of_a_million_rows():
    x = np.ones((1 << 20, 1), np.float32)
    w = tensor(np.ones((3, 1), np.float32), requires_grad=True)
    b = tensor(np.zeros(3, np.float32), requires_grad=True)
    for y in (ops.linear(x, w, b), x * w.reshape(1, 3) + b):
        np.testing.assert_allclose(grad(y.mean(), b)[0].data, np.full(3, 1 / 3), rtol=1e-6)


@pytest.mark.parametrize(
    "axis", [(0, 2, 3), (2, 3), (0, 3), (1, 3), 0, 1, -1, (1,), (0, 1, 2, 3), ()]
)
@pytest.mark.parametrize(
    "shape", [(70, 8, 9, 7), (3, 33, 40, 40), (1, 4, 128, 64), (40, 1, 30, 30), (40, 24, 1, 30)]
)
def test_sums_of_large_images_are_precise_in_either_layout(shape, axis):
    rng = np.random.default_rng(0)
    whole = channels_last(rng, *shape)
    for x, tolerance in [
        (whole, 1e-6),
        (rng.random(shape, dtype=np.float32), 1e-6),
        (whole[:, ::-1], 1e-5),
        (whole[:, :, ::2], 1e-5),
    ]:
        for keepdims in (True, False):
            y = ops.sum(x, axis=axis, keepdims=keepdims)
            exact = x.sum(axis=axis, keepdims=keepdims, dtype=np.float64)
            assert y.dtype == np.float32 and y.shape == exact.shape
            np.testing.assert_allclose(y, exact, rtol=tolerance)


@pytest.mark.parametrize(
    "shape", [(1, 5000, 3), (4, 1024, 2), (4, 2500, 5), (2, 7, 3), (2, 0, 3), (3, 20_000, 1)]
)
def test_channel_sum_agrees_with_a_sum_in_float64(shape):
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    np.testing.assert_allclose(channel_sum(x), x.sum(axis=1, dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize(
    "f", [ops.sum, ops.mean, ops.var, ops.std, ops.max, ops.min, ops.logsumexp, ops.norm, ops.prod]
)
def test_a_list_of_axes_is_a_tuple(f):
    x = tensor(np.random.default_rng(0).normal(size=(2, 3, 4)), requires_grad=True)
    y, expected = f(x, axis=[0, 2]), f(x, axis=(0, 2))
    assert y.data.tolist() == expected.data.tolist()
    assert grad(y.sum(), x)[0].data.tolist() == grad(expected.sum(), x)[0].data.tolist()
    assert ops.any(x > 0, [0, 2]).shape == ops.all(x > 0, [0, 2]).shape == (3,)


def test_a_large_sum_refuses_a_wrong_axis():
    x = channels_last(np.random.default_rng(0), 40, 24, 10, 10)
    for axis in (4, -5, (0, 4), (0, 0)):
        with pytest.raises(ValueError, match="axis"):
            ops.sum(x, axis=axis)


def test_the_cotangent_of_a_sum_is_a_view():
    g = ops.sum.rules["x"](np.ones(3), (1000, 3), 0)
    assert g.shape == (1000, 3) and g.strides[0] == 0


def test_reductions_of_empty_arrays_give_a_value_or_teach():
    x = tensor(np.zeros((0, 3)), requires_grad=True)
    assert ops.sum(x).item() == 0 and ops.sum(x, axis=0).data.tolist() == [0, 0, 0]
    assert grad(ops.sum(x), x)[0].shape == (0, 3)
    assert ops.max(x, axis=1).shape == (0,) and ops.mean(x, axis=1).shape == (0,)
    for f, message in [
        (ops.mean, "mean: no values to average"),
        (ops.max, "max: no values"),
        (ops.min, "min: no values"),
        (ops.logsumexp, "logsumexp: no values"),
        (ops.var, "var: 0 values"),
    ]:
        with pytest.raises(ValueError, match=message):
            f(x)
    with pytest.raises(ValueError, match="var: 1 values along axis=0 .* too few for ddof=1"):
        ops.var(np.ones((1, 3)), axis=0, ddof=1)


REDUCTIONS = ["all", "any", "argmax", "argmin", "logsumexp", "max", "mean", "min", "prod", "sum"]


@pytest.mark.parametrize("name", [*REDUCTIONS, "norm", "std", "var"])
def test_a_single_number_is_reduced_along_axis_0_as_in_pytorch(name):
    f = getattr(ops, name)
    x = tensor(1.5, requires_grad=True)
    for axis in (0, -1):
        for keepdims in (False, True):
            y = f(x, axis=axis, keepdims=keepdims)
            assert y.shape == () and y.dtype == f(x).dtype and y.item() == f(x).item()
            if y.requires_grad and name != "std":  # its derivative is infinite here
                assert grad(y, x)[0].item() == grad(f(x), x)[0].item()


def test_log_softmax_is_as_precise_as_its_small_values():
    """Logits near 35 round at 2e-6; differences from the maximum, and so the result, do not."""
    rng = np.random.default_rng(0)
    x = (35 + 0.5 * rng.standard_normal((1000, 10))).astype(np.float32)
    exact = ops.log_softmax(x.astype(np.float64))
    np.testing.assert_allclose(ops.log_softmax(x), exact, rtol=0, atol=6e-7)
    assert not ops.log_softmax(x[:, :1]).any()  # a single class has the probability 1


@pytest.mark.parametrize("name", [*REDUCTIONS, "std", "var", "softmax", "log_softmax", "flip"])
def test_an_axis_that_does_not_exist_is_refused_by_the_function(name):
    with pytest.raises(ValueError, match=f"^{name}: axis 2 is out of bounds for ndim=2"):
        getattr(ops, name)(np.ones((2, 3)), axis=2)


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u4", "i8", "?", "f4"])
@pytest.mark.parametrize("shape", [(2,), (1,), (0,), (2, 3)])
def test_products_have_the_dtype_of_numpy_s(dtype, shape):
    """It holds 100 times 100, which is no uint8."""
    x = np.full(shape, 100).astype(dtype)
    for name, axes in (("prod", (None, 0)), ("cumprod", (None, 0)), ("cumsum", (None, 0))):
        for axis in axes:
            y, expected = getattr(ops, name)(x, axis), getattr(np, name)(x, axis)
            assert y.dtype == expected.dtype and (y == expected).all()


WITH_KEEPDIMS = [*REDUCTIONS, "norm", "std", "var"]


@pytest.mark.parametrize(
    "name, flag",
    [(name, "keepdims") for name in WITH_KEEPDIMS]
    + [("cumsum", "reverse"), ("sort", "descending"), ("argsort", "descending")],
)
def test_a_flag_is_true_or_false(name, flag):
    """Anything else stands where NumPy has another setting, such as a dtype or the kind of sort."""
    f, x = getattr(ops, name), np.array([[2.0, 1.0, 3.0]])
    for value in (np.float64, np.dtype("f4"), "stable", None, 1, 0):
        is_dtype = isinstance(value, (type, np.dtype))
        hint = "; astype converts the result" if is_dtype else ""
        with pytest.raises(TypeError, match=f"^{name}: {flag} is .*; give True or False{hint}$"):
            f(x, axis=1, **{flag: value})
    for value in (True, False):
        given, expected = (f(x, axis=1, **{flag: v}) for v in (np.bool_(value), value))
        assert given.shape == expected.shape and (given == expected).all()


IMAGES, QUERY = np.ones((2, 3, 4, 4)), np.ones((2, 3, 4))


@pytest.mark.parametrize(
    "name, arguments, flag",
    [
        ("batch_norm", (IMAGES, None, None), "training"),
        ("instance_norm", (IMAGES,), "use_input_stats"),
        ("dropout", (IMAGES, 0.5), "training"),
        ("avg_pool2d", (IMAGES, 2), "ceil_mode"),
        ("avg_pool1d", (QUERY, 2), "count_include_pad"),
        ("max_pool2d", (IMAGES, 2), "ceil_mode"),
        ("max_pool1d", (QUERY, 2), "return_indices"),
        ("scaled_dot_product_attention", (QUERY, QUERY, QUERY), "is_causal"),
        ("scaled_dot_product_attention", (QUERY, QUERY, QUERY), "enable_gqa"),
        ("cholesky", (np.eye(2),), "upper"),
        ("solve_triangular", (np.eye(2), np.ones(2)), "upper"),
    ],
)
def test_a_flag_of_networks_and_of_matrices_is_true_or_false(name, arguments, flag):
    for value in (1, 0.5, "no"):
        with pytest.raises(TypeError, match=f"^{name}: {flag} is .*; give True or False$"):
            getattr(ops, name)(*arguments, **{flag: value})


def test_an_array_for_an_axis_is_shown_by_its_shape():
    with pytest.raises(TypeError, match=r"^max: axis is an array \(2, 3, 4\); give an integer$"):
        ops.max(QUERY, QUERY)


def test_numpy_s_positions_of_settings_are_refused():
    x = tensor(np.array([[2.0, 1.0, 3.0]]))
    for f in (x.cumsum, x.sum, x.mean, x.prod, x.max, x.any, x.var):
        with pytest.raises(TypeError, match="astype converts the result"):
            f(1, np.float64)
    with pytest.raises(TypeError, match="argsort: descending is 'stable'"):
        x.argsort(1, "stable")
    with pytest.raises(TypeError, match="^var: ddof is None; give a number$"):
        x.var(1, None)


@pytest.mark.parametrize(
    "name",
    [*WITH_KEEPDIMS, "softmax", "log_softmax", "flip", "cumsum", "cumprod", "sort", "argsort"],
)
def test_a_bool_is_no_axis(name):
    for axis in (True, False):
        with pytest.raises(TypeError, match=f"^{name}: axis is {axis}; give an integer"):
            getattr(ops, name)(np.ones((2, 3)), axis=axis)


def test_pytorch_s_unbiased_is_ddof():
    x = tensor(np.ones((2, 3)))
    for f in (x.std, x.var):
        with pytest.raises(TypeError, match="PyTorch's unbiased=True is ddof=1"):
            f(False)


def test_errors_teach():
    x = np.ones(3)
    message = "mean: axis 1 is out of bounds for ndim=1; axes go from -1 to 0"
    with pytest.raises(ValueError, match=message):
        ops.mean(x, axis=1)
    with pytest.raises(ValueError, match="var: axis -2 is out of bounds"):
        ops.var(x, axis=(0, -2))


@pytest.mark.parametrize("p", [None, 1, 1.5, 2, 3, 0.5])
def test_the_gradient_of_a_norm_at_zero_is_zero(p):
    x = tensor(np.zeros(3), requires_grad=True)
    (g,) = grad(ops.norm(x, p), x, create_graph=True)
    assert g.data.tolist() == [0, 0, 0] and grad(g.sum(), x)[0].data.tolist() == [0, 0, 0]
    x = tensor(np.array([3.0, 0.0, 4.0]), requires_grad=True)
    assert np.isfinite(grad(ops.norm(x, p), x)[0].data).all()


@pytest.mark.parametrize("ord", [None, "fro", 1, -1, math.inf, -math.inf])
def test_norms_of_matrices_are_those_of_numpy(ord):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for settings in ({"axis": (1, 2)}, {"axis": (2, 0), "keepdims": True}):
        expected = np.linalg.norm(x, ord, **settings)
        np.testing.assert_allclose(ops.norm(x, ord, **settings), expected)
    np.testing.assert_allclose(ops.norm(x[0], ord), np.linalg.norm(x[0], ord))


@pytest.mark.parametrize("p", [0.5, 1, 2, 2.0, 3, math.inf])
@pytest.mark.parametrize("axis", [1, (1, 2), (0, 1, 2)])
def test_normalize_divides_by_the_norm_of_vectors_along_all_its_axes(p, axis):
    """As torch.nn.functional.normalize; `norm` takes a pair of axes for a matrix."""
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    magnitudes = np.abs(x)
    if p == math.inf:
        norms = magnitudes.max(axis=axis, keepdims=True)
    else:
        norms = (magnitudes**p).sum(axis=axis, keepdims=True) ** (1 / p)
    np.testing.assert_allclose(ops.normalize(x, p, axis), x / norms)


def test_the_norm_of_order_zero_counts():
    x = tensor(np.array([[0.0, 2.0, -1.0], [0.0, 0.0, 0.5]]), requires_grad=True)
    y = ops.norm(x, 0, axis=1)
    assert y.tolist() == [2, 1] and y.dtype == x.dtype and not y.requires_grad


def test_norms_by_singular_values_are_refused():
    x = np.ones((2, 2))
    for f, message in [
        (lambda: ops.norm(x, 2), r"norm: ord=2 of the matrices .* give ravel"),
        (lambda: ops.norm(x, "nuc", (0, 1)), "norm: ord='nuc' of the matrices"),
        (lambda: ops.norm(x, "nuc", 1), "norm: ord='nuc'; give a number"),
    ]:
        with pytest.raises(ValueError, match=message):
            f()


def test_pytorch_s_names_of_settings_say_ours():
    for f in (ops.std, ops.var):
        with pytest.raises(TypeError, match="PyTorch's correction is ddof here"):
            f(np.ones(3), correction=0)


@pytest.mark.parametrize("largest", [0.5, 39.0, 41.0, 1e4])
@pytest.mark.parametrize("shape, axis", [((700, 10), -1), ((64, 4096), 1), ((4096, 64), 0)])
def test_softmax_and_relatives_keep_their_digits_whatever_the_largest_value(shape, axis, largest):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.1, shape).astype(np.float32)
    x[0, 0] = largest
    exact = x.astype(np.float64) - x.max(axis=axis, keepdims=True)
    exact -= np.log(np.exp(exact).sum(axis=axis, keepdims=True))
    np.testing.assert_allclose(ops.softmax(x, axis=axis), np.exp(exact), rtol=3e-6, atol=1e-37)
    np.testing.assert_allclose(ops.log_softmax(x, axis=axis), exact, rtol=1e-6, atol=1e-6)
    lse = (x - exact).mean(axis=axis)  # the same along the axis
    np.testing.assert_allclose(ops.logsumexp(x, axis=axis), lse, rtol=1e-6)
