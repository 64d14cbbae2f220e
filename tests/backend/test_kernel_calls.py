"""When a function launches its CUDA kernel, and what kernels refuse."""

from __future__ import annotations

import platform

import numpy as np
import pytest

import tinygen
from tinygen.backend.kernels import KERNELS, elementwise, reduction


@pytest.fixture
def scaling(request):
    """A function with a kernel, and a list of the types that its twin was called with."""
    calls = []

    @elementwise("T x, T amount", "T y", "y = amount * x")
    def _scale(x, amount):
        """Multiply."""
        calls.append(type(x).__module__)
        return x * amount

    yield _scale, calls
    del KERNELS[f"{__name__}._scale"]


def test_numpy_arrays_and_tensors_run_the_twin(scaling):
    scale, calls = scaling
    assert scale.__doc__ == "Multiply."
    assert scale(np.ones(2, np.float32), 2.0).tolist() == [2, 2]
    x = tinygen.tensor(np.ones(2, np.float32), requires_grad=True)
    assert scale(x, 2.0).requires_grad
    assert calls == ["numpy", "tinygen.autograd.tensor"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cupy_arrays_launch_the_kernel(cupy, scaling, dtype):
    scale, calls = scaling
    y = scale(cupy.ones((3, 1), dtype), cupy.full((2,), 2, dtype))
    assert (y.shape, y.dtype) == ((3, 2), dtype)
    assert (y.get() == 2).all()
    assert scale(cupy.ones(2, dtype), 2).dtype == dtype
    assert scale(cupy.ones((0, 2), dtype), np.float64(2)).shape == (0, 2)
    assert "cupy" not in calls


def test_dtypes_that_the_kernel_does_not_have_run_the_twin(cupy, scaling):
    scale, calls = scaling
    ones = cupy.ones(2, np.float32)
    assert scale(ones.astype(np.float16), 2).dtype == np.float16
    assert scale(ones.astype(np.int64), 2).dtype == np.int64
    assert scale(ones, ones.astype(np.float64)).dtype == np.float64
    assert calls == ["cupy"] * 3


def test_arrays_on_two_devices_are_refused(cupy, scaling):
    scale, _ = scaling
    on_cpu, on_gpu = np.ones(2), cupy.ones(2)
    with pytest.raises(TypeError, match="arrays on two devices"):
        scale(on_gpu, on_cpu)
    with pytest.raises(TypeError, match="arrays on two devices"):
        scale(on_cpu, on_gpu)


def test_the_parameters_of_the_twin_are_those_of_the_kernel():
    with pytest.raises(TypeError, match="must be the inputs, or the inputs and the outputs"):
        elementwise("T x", "T y", "y = x")(lambda a: a)


def test_a_kernel_can_write_into_an_argument(cupy):
    @elementwise(
        "int64 start, raw T x", "raw T y", "y[i] = x[x.size() - 1 - i] + start", size=len_y
    )
    def _reverse(start, x, y):
        y[...] = x[::-1] + start

    x, y = np.arange(5.0), np.zeros(5)
    assert _reverse(1, x, y) is None
    on_gpu = cupy.zeros(5)
    assert _reverse(1, cupy.asarray(x), on_gpu) is None
    assert y.tolist() == on_gpu.get().tolist() == [5, 4, 3, 2, 1]
    del KERNELS[f"{__name__}._reverse"]


def len_y(start, x, y) -> int:
    """Return how many elements `_reverse` writes."""
    return y.size


def test_a_reduction_has_two_outputs_along_any_axes(cupy):
    @reduction(
        "T x, T weight",
        "T total, T largest",
        map="Pair(x * weight, x)",
        reduce="Pair(a.total + b.total, fmax(a.largest, b.largest))",
        post="total = a.total, largest = a.largest",
        identity="0, -1e30f",
        accumulator="Pair",
        preamble="""
        struct Pair {
            T total, largest;
            __device__ Pair(T total, T largest) : total(total), largest(largest) {}
        };
        """,
    )
    def _pair(x, weight, *, axis=None, keepdims=False):
        return (x * weight).sum(axis=axis, keepdims=keepdims), x.max(axis=axis, keepdims=keepdims)

    x = np.random.default_rng(0).standard_normal((3, 700, 4)).astype(np.float32)
    for settings in ({}, {"axis": 1}, {"axis": (0, -1)}, {"axis": (2, 1), "keepdims": True}):
        actual = _pair(cupy.asarray(x), 0.5, **settings)
        for a, b in zip(actual, _pair(x, 0.5, **settings)):
            assert a.shape == b.shape
            np.testing.assert_allclose(a.get(), b, rtol=1e-5, atol=1e-5)
    del KERNELS[f"{__name__}._pair"]


# ------------------------------------------------------------------------------ what CuPy refuses


@pytest.mark.parametrize(
    ("inputs", "outputs", "arguments", "options", "error"),
    [
        ("T x", "T y", lambda f, d: (d, d, d), {}, (TypeError, "Wrong number of arguments")),
        ("T x", "T y", lambda f, d: (np.ones(3),), {}, (TypeError, "Unsupported type")),
        ("T x, T z", "T y", lambda f, d: (f, d), {}, (TypeError, "Type is mismatched")),
        ("float32 x", "T y", lambda f, d: (d, f), {}, (TypeError, "Type is mismatched")),
        ("T x", "T y", lambda f, d: (1.0,), {}, (ValueError, "Loop size is undecided")),
        ("raw T x", "T y", lambda f, d: (d,), {}, (ValueError, "Loop size is undecided")),
        ("T x", "T y", lambda f, d: (d,), {"size": 3}, (ValueError, "'size' can be used only")),
        ("T x", "T y", lambda f, d: (d, d[:1]), {}, (ValueError, "Out shape is mismatched")),
        ("T x", "raw T y", lambda f, d: (d,), {}, (ValueError, "Undecided")),
        ("T i", "T y", lambda f, d: (d,), {}, (ValueError, "Can not use 'i'")),
    ],
)
def test_elementwise_kernels_refuse(cupy, inputs, outputs, arguments, options, error):
    arrays = arguments(cupy.ones(3, np.float32), cupy.ones(3))
    with pytest.raises(error[0], match=error[1]):
        cupy.ElementwiseKernel(inputs, outputs, ";", "kernel")(*arrays, **options)


def test_kernels_use_indices_of_their_arrays_alone(cupy, compiler):
    outside = cupy.ElementwiseKernel("raw T x", "T y", "y = x[i + 1]", "outside")
    with pytest.raises(IndexError):
        outside(cupy.ones(3), cupy.ones(3))
    race = cupy.ElementwiseKernel("raw T x", "T y", "y = x[0]", "race")
    x = cupy.ones(3)
    with pytest.raises(ValueError, match="a race"):
        race(x, x)


def test_a_constant_in_double_precision_does_not_compile(cupy, compiler):
    kernel = cupy.ElementwiseKernel("T x", "T y", "y = 0.5 * x", "constant")
    kernel(cupy.ones(3))
    with pytest.raises(RuntimeError, match="double"):
        kernel(cupy.ones(3, np.float32))


def test_the_least_floats_become_zero(request, cupy):
    """CuPy compiles with -ftz=true, which concerns float32 alone."""
    if request.config.getoption("--backend") != "cupy":
        request.getfixturevalue("compiler")
        if platform.machine().lower() not in ("x86_64", "amd64"):
            pytest.skip("the stand-in does so on one kind of processor")
    double = cupy.ElementwiseKernel("T x", "T y", "y = 2 * x", "double_it")
    assert double(cupy.asarray([1e-39, 1e-37], np.float32)).tolist() == [0, np.float32(2e-37)]
    assert double(cupy.asarray([1e-39])).tolist() == [2e-39]


def test_a_raw_kernel_gets_addresses_numbers_and_structs(cupy, compiler):
    code = """
    struct Line { double slope, intercept; };
    extern "C" __global__ void line(const Line line, long long n, float* y) {
        const int i = blockIdx.x * blockDim.x + threadIdx.x;
        if (i < n) y[i] = float(line.slope * i + line.intercept);
    }
    """
    line = np.array([(2, 1)], [("slope", np.float64), ("intercept", np.float64)])
    y = cupy.zeros(7, np.float32)
    cupy.RawKernel(code, "line")((2,), (4,), (line, 7, y))
    assert y.get().tolist() == [1, 3, 5, 7, 9, 11, 13]
    with pytest.raises(TypeError, match="numpy.ndarray of shape"):
        cupy.RawKernel(code, "line")((2,), (4,), (line, 7, np.zeros(7)))
