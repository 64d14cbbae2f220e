"""Convolution on a GPU against that on the CPU, against loops, and in how many launches."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tinygen import check_grads, ops, tensor
from tinygen.backend import conv_gpu, im2col_gpu
from tinygen.backend.windows import ConvSettings

from .conv_cases import apply_all, cases, draw_arrays, naive_derivatives

on_gpu = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PLAIN = ConvSettings((1, 1), (0, 0), (1, 1), 1)
PADDED = PLAIN._replace(padding=(1, 1))


def make_case(n, c, size, o, kernel, conv_settings, layout="nchw"):
    """Return a case as `conv_cases.cases` draws it."""
    case = {"n": n, "c": c, "size": size, "o": o, "kernel": kernel, "settings": conv_settings}
    return {**case, "layout": layout, "seed": 0}


def results_on_gpu(cupy, case, *arrays):
    """Return the results of the three functions for NumPy arrays, computed from CuPy's."""
    results = apply_all(case, *(None if a is None else cupy.asarray(a) for a in arrays))
    assert all(isinstance(a, cupy.ndarray) and a.flags.c_contiguous for a in results)
    return [a.get() for a in results]


@on_gpu
@given(case=cases())
@pytest.mark.parametrize("max_bytes", [1 << 28, 1 << 10])
@pytest.mark.parametrize("has_bias", [False, True])
def test_it_is_the_convolution_of_the_cpu(cupy, monkeypatch, case, max_bytes, has_bias):
    """Whether the columns are made at once, or for an image or two at a time."""
    monkeypatch.setattr(conv_gpu, "MAX_BYTES", max_bytes)
    arrays = [*draw_arrays(case), None, None]
    if has_bias:
        arrays[3:] = np.arange(float(case["o"])), np.arange(float(case["c"]))
    for a, b in zip(results_on_gpu(cupy, case, *arrays), apply_all(case, *arrays), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2])
def test_it_is_the_definition(cupy, groups, dtype):
    case = make_case(2, 4, (7, 6), 6, (3, 2), ConvSettings((2, 1), (1, 2), (1, 2), groups))
    x, w, y = draw_arrays(case, dtype)
    expected = naive_derivatives(*(a.astype(np.float64) for a in (x, w, y)), *case["settings"])
    for a, b in zip(results_on_gpu(cupy, case, x, w, y), expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=8 * np.finfo(dtype).eps * abs(b).max())


@on_gpu
@given(case=cases())
def test_the_three_functions_are_adjoint(cupy, case):
    """<conv(x, w), y> = <x, conv_transpose(y, w)> = <w, conv_weight(x, y)>."""
    case["n"] += 1
    x, w, y = draw_arrays(case)
    z, _, _ = results_on_gpu(cupy, case, x, w, y)
    y = y + z  # aligned with z, so that the inner product does not cancel
    z, dx, dw = results_on_gpu(cupy, case, x, w, y)
    tolerance = 1e-13 * np.linalg.norm(z) * np.linalg.norm(y) + 1e-300
    assert abs((z * y).sum() - (x * dx).sum()) <= tolerance
    assert abs((z * y).sum() - (w * dw).sum()) <= tolerance


@pytest.mark.parametrize("options", [
    {"stride": 2, "padding": 1},
    {"padding": "same", "dilation": 2},
    {"groups": 2},
    {"stride": (1, 3), "padding": (2, 0), "groups": 2},
])  # fmt: skip
def test_derivatives_of_the_second_order(cupy, options):
    rng = np.random.default_rng(0)
    groups = options.get("groups", 1)
    x, w, bias = (
        cupy.asarray(rng.standard_normal(shape))
        for shape in ((2, 4, 5, 6), (2 * groups, 4 // groups, 3, 2), (2 * groups,))
    )
    check_grads(lambda x, w, bias: ops.conv2d(x, w, bias, **options), x, w, bias, order=2)
    if options.get("padding") == "same":
        return
    y = ops.conv2d(x, w, **options)
    bias = cupy.asarray(rng.standard_normal(4))
    check_grads(lambda y, w, b: ops.conv_transpose2d(y, w, b, **options), y, w, bias, order=2)


def test_each_run_gives_the_same_bits(cupy):
    case = make_case(3, 5, (9, 8), 4, (4, 4), PADDED._replace(stride=(2, 2)))
    arrays = draw_arrays(case, np.float32)
    results = [[a.tobytes() for a in results_on_gpu(cupy, case, *arrays)] for _ in range(2)]
    assert results[0] == results[1]


def test_columns_of_too_many_windows_are_refused(cupy):
    """A thread has a number of 32 bits. The array is a view of one number."""
    x = cupy.broadcast_to(cupy.zeros((1, 1, 1, 1)), (1, 1, 1 << 16, 1 << 15))
    with pytest.raises(ValueError, match="too large for a GPU"):
        im2col_gpu._geometry(x, (1, 1), PLAIN, (1, 1))


# N, C, size, O, kernel, settings; then the launches of conv, of its transpose, and of conv_weight,
# each with a bias, where it has one.
LAUNCHES = {
    "3x3": ((4, 3, (8, 8), 5, (3, 3), PADDED), (3, 2, 3)),
    "4x4, stride 2": ((4, 3, (8, 8), 5, (4, 4), PADDED._replace(stride=(2, 2))), (3, 2, 3)),
    "1x1": ((4, 3, (8, 8), 5, (1, 1), PLAIN), (2, 2, 3)),
    "one window": ((4, 3, (8, 8), 5, (8, 8), PLAIN), (2, 2, 1)),
    "groups": ((4, 6, (8, 8), 4, (3, 3), PADDED._replace(groups=2)), (3, 3, 3)),
    "depthwise": ((4, 6, (8, 8), 6, (3, 3), PADDED._replace(groups=6)), (3, 3, 3)),
    "one image": ((1, 3, (8, 8), 5, (3, 3), PADDED), (3, 2, 2)),
}


@pytest.mark.parametrize("name", LAUNCHES)
def test_launches_are_few(cupy, name):
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    arguments, expected = LAUNCHES[name]
    case = make_case(*arguments)
    x, w, y = (cupy.asarray(a) for a in draw_arrays(case, np.float32))
    o, c = (cupy.zeros(case[name], np.float32) for name in ("o", "c"))
    size, kernel, conv_settings = case["size"], case["kernel"], case["settings"]
    calls = (
        lambda: conv_gpu.conv(x, w, o, conv_settings, y.shape[2:]),
        lambda: conv_gpu.conv_transpose(y, w, c, conv_settings, size),
        lambda: conv_gpu.conv_weight(x, y, kernel, conv_settings),
    )
    for call, number in zip(calls, expected, strict=True):
        with counts.counting() as found:
            call()
        assert found.launches.total() == number, found.table()
        assert found.copies.total() == found.waits.total() == 0


def test_a_training_step_of_a_layer(cupy):
    """Forward, and the gradients by x, w and the bias."""
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    rng = np.random.default_rng(0)
    arrays = (rng.standard_normal(shape) for shape in ((2, 3, 6, 6), (4, 3, 3, 3), (4,)))
    x, w, bias = (tensor(cupy.asarray(a), requires_grad=True) for a in arrays)
    y = ops.conv2d(x, w, bias, padding=1)
    with counts.counting() as found:
        y.backward(cupy.ones(y.shape))
    names = found.launches.by_name()
    assert names["tinygen_im2col"] == names["tinygen_col2im"] == 1, found.table()
    assert found.waits.total() == 0


def test_columns_need_no_more_memory_than_allowed(cupy, monkeypatch):
    """The columns of 40 images at once would have 40 times the bytes of an image's."""
    sizes, empty = [], cupy.empty

    def record(shape, dtype=float, order="C"):
        array = empty(shape, dtype, order)
        sizes.append(array.nbytes)
        return array

    monkeypatch.setattr(cupy, "empty", record)
    monkeypatch.setattr(conv_gpu, "MAX_BYTES", 40_000)
    for groups, stride in itertools.product((1, 2), (1, 3)):
        conv_settings = ConvSettings((stride, stride), (1, 1), (1, 1), groups)
        case = make_case(40, 4, (8, 8), 4, (3, 3), conv_settings)
        arrays = [cupy.asarray(a) for a in draw_arrays(case, np.float32)]
        sizes.clear()
        apply_all(case, *arrays)
        assert 9 * 4 * arrays[2][0, 0].nbytes <= max(sizes) <= 40_000 + arrays[0].nbytes
