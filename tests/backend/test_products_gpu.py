"""Matrix products of CuPy arrays: NumPy's values, without copies, in one launch."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen.backend import reductions
from tinygen.backend.products_gpu import batched_matmul

rng = np.random.default_rng(0)


def whole(*shape):
    """Return a function that draws an array in C order."""
    return lambda cupy, dtype: cupy.asarray(rng.standard_normal(shape).astype(dtype))


def view(shape, change):
    """Return a function that draws an array and returns a view of it."""
    return lambda cupy, dtype: change(whole(*shape)(cupy, dtype))


def transposed(*shape):
    """Return a function that draws matrices whose columns lie in memory without gaps."""
    return view((*shape[:-2], shape[-1], shape[-2]), lambda a: a.swapaxes(-1, -2))


ONE = ["cublasGemmEx"], ["cublasGemmStridedBatchedEx"]  # the launches of one product, of a batch
COPIED = [["cupy_copy", *ONE[1]], ["cupy_copy", "cupy_copy", *ONE[1]]]
CASES = {
    "one product": (whole(4, 5), whole(5, 6), ONE[0]),
    "one product, transposed": (transposed(4, 5), transposed(5, 6), ONE[0]),
    "one product, a slice": (view((9, 8), lambda a: a[2:6, 1:6]), whole(5, 6), ONE[0]),
    "a batch of one": (whole(1, 4, 5), whole(5, 6), ONE[0]),
    "batch": (whole(3, 4, 5), whole(3, 5, 6), ONE[1]),
    "two axes of a batch": (whole(2, 3, 4, 5), whole(2, 3, 5, 6), ONE[1]),
    "a transposed": (transposed(3, 4, 5), whole(3, 5, 6), ONE[1]),
    "b transposed": (whole(3, 4, 5), transposed(3, 5, 6), ONE[1]),
    "both transposed": (transposed(3, 4, 5), transposed(3, 5, 6), ONE[1]),
    "weights a": (whole(4, 5), whole(3, 5, 6), ONE[1]),
    "weights a of (1, 4, 5)": (whole(1, 4, 5), whole(2, 3, 5, 6), ONE[1]),
    "weights b transposed": (whole(3, 4, 5), transposed(5, 6), ONE[1]),
    "columns of a slice": (view((3, 4, 9), lambda a: a[..., 2:7]), whole(3, 5, 6), ONE[1]),
    "a slice transposed": (
        view((3, 9, 4), lambda a: a[:, 2:7].swapaxes(1, 2)), whole(3, 5, 6), ONE[1]
    ),
    "every second matrix": (view((6, 4, 5), lambda a: a[::2]), whole(3, 5, 6), ONE[1]),
    "rows": (whole(3, 1, 5), whole(3, 5, 1), ONE[1]),
    "columns": (whole(3, 4, 1), whole(3, 1, 6), ONE[1]),
    "steps": (view((3, 4, 10), lambda a: a[..., ::2]), whole(3, 5, 6), COPIED[0]),
    "rows that are all the same": (
        lambda cupy, dtype: cupy.broadcast_to(whole(3, 1, 5)(cupy, dtype), (3, 4, 5)),
        whole(3, 5, 6), COPIED[0],
    ),
    "columns that are all the same": (
        whole(3, 4, 5),
        lambda cupy, dtype: cupy.broadcast_to(whole(3, 5, 1)(cupy, dtype), (3, 5, 6)),
        COPIED[0],
    ),
    "rows backwards": (view((3, 4, 5), lambda a: a[:, ::-1]), whole(3, 5, 6), COPIED[0]),
    "matrices backwards": (view((3, 4, 5), lambda a: a[::-1]), whole(3, 5, 6), COPIED[0]),
    "heads of attention": (
        view((2, 4, 3, 5), lambda a: a.transpose(0, 2, 1, 3)),
        view((2, 6, 3, 5), lambda a: a.transpose(0, 2, 3, 1)),
        COPIED[1],
    ),
    "broadcast along one of two axes": (whole(1, 3, 4, 5), whole(2, 3, 5, 6), None),
    "no images": (whole(0, 4, 5), whole(5, 6), None),
    "nothing to sum": (whole(3, 4, 0), whole(3, 0, 6), None),
    "no rows": (whole(3, 0, 5), whole(3, 5, 6), None),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("how", ["new", "out", "add"])
@pytest.mark.parametrize("name", CASES)
def test_products_are_numpys(cupy, name, how, dtype):
    draw_a, draw_b, launches = CASES[name]
    a, b = draw_a(cupy, dtype), draw_b(cupy, dtype)
    wide = np.float32 if dtype == np.float16 else dtype  # in which the sums are
    expected = a.get().astype(wide) @ b.get().astype(wide)
    out = None if how == "new" else cupy.full(expected.shape, 1 if how == "add" else np.nan, dtype)
    expected = (expected + (how == "add")).astype(dtype)
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    with counts.counting() as found:
        result = batched_matmul(a, b, out, add=how == "add")
    assert out is None or result is out
    assert result.dtype == dtype and result.flags.c_contiguous
    np.testing.assert_allclose(result.get(), expected, rtol=0, atol=20 * np.finfo(dtype).eps)
    if launches:
        assert sorted(found.launches.by_name().elements()) == sorted(launches)


def test_other_dtypes_and_layouts_are_left_to_cupy(cupy):
    a, b = cupy.asarray(rng.standard_normal((3, 4, 5))), cupy.asarray(np.ones((3, 5, 2)))
    integers = cupy.asarray(np.arange(60).reshape(3, 4, 5))
    np.testing.assert_array_equal(
        batched_matmul(integers, integers.swapaxes(1, 2)).get(),
        integers.get() @ integers.get().swapaxes(1, 2),
    )
    mixed = batched_matmul(a, b.astype(np.float32))
    assert mixed.dtype == np.float64
    np.testing.assert_allclose(mixed.get(), a.get() @ np.ones((3, 5, 2)), atol=1e-14)
    out = cupy.zeros((3, 2, 4)).swapaxes(1, 2)
    for _ in range(2):
        batched_matmul(a, b, out, add=True)
    np.testing.assert_allclose(out.get(), 2 * (a.get() @ np.ones((3, 5, 2))), atol=1e-13)


@pytest.mark.parametrize("shapes", [((3, 4, 5), (3, 4, 6)), ((3, 4, 5), (2, 5, 6))])
def test_shapes_that_do_not_match_are_refused(cupy, shapes):
    with pytest.raises(ValueError):
        batched_matmul(*(cupy.zeros(shape) for shape in shapes))


def test_an_out_of_another_shape_is_refused(cupy):
    with pytest.raises(ValueError, match=r"out \(3, 6, 4\)"):
        batched_matmul(*(cupy.zeros(shape) for shape in ((3, 4, 5), (5, 6), (3, 6, 4))))


@pytest.mark.parametrize("dtype, is_rounded", [(np.float32, True), (np.float64, False)])
def test_tf32_is_taken_where_it_is_asked_for(cupy, monkeypatch, dtype, is_rounded):
    """1 + 2^-12 has more digits than TF32."""
    if not hasattr(cupy, "__file__") or "fake" not in cupy.__file__:
        pytest.skip("CuPy reads the environment only once")
    x = cupy.full((2, 1, 1), 1 + 2**-12, dtype)
    exact = (1 + 2**-12) ** 2
    for value, rounded in (("0", False), ("1", is_rounded)):
        monkeypatch.setenv("CUPY_TF32", value)
        result = batched_matmul(x, x).get()
        assert ((result == 1).all(), (result != 1).all()) == (rounded, not rounded)
        assert rounded or abs(result - exact).max() < 1e-6


def test_rows_of_all_matrices_are_one_product(cupy):
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    a, b = (
        cupy.asarray(rng.standard_normal((2, 3, 4, 5))),
        cupy.asarray(rng.standard_normal((5, 6))),
    )
    with counts.counting() as found:
        result = reductions.matmul(a, b)
    assert list(found.launches.by_name()) == ["cublasGemmEx"]
    np.testing.assert_allclose(result.get(), a.get() @ b.get(), atol=1e-14)


@pytest.mark.parametrize("change, error", [
    ({}, None),
    ({"lda": 2}, "INVALID_VALUE"),
    ({"ldb": 4}, "INVALID_VALUE"),
    ({"ldc": 2}, "INVALID_VALUE"),
    ({"transa": 1, "lda": 4}, "INVALID_VALUE"),
    ({"Btype": 1}, "NOT_SUPPORTED"),
    ({"computeType": 70}, "NOT_SUPPORTED"),
    ({"strideC": 11}, "overlap"),
])  # fmt: skip
def test_the_stand_in_refuses_what_cublas_refuses(cupy, change, error):
    """Matrices (3, 5), (5, 4) and (3, 4), written column by column."""
    from cupy_backends.cuda.libs import cublas

    if not hasattr(cublas, "_matrices"):
        pytest.skip("a test of the stand-in")
    a, b, c = (cupy.ones(shape, np.float32) for shape in ((2, 5, 3), (2, 4, 5), (2, 4, 3)))
    factors = np.array([1, 0], np.float32)
    arguments = {
        **{"handle": 1, "transa": 0, "transb": 0, "m": 3, "n": 4, "k": 5},
        **{"alpha": factors.ctypes.data, "beta": factors[1:].ctypes.data},
        **{"A": a.data.ptr, "Atype": 0, "lda": 3, "strideA": 15},
        **{"B": b.data.ptr, "Btype": 0, "ldb": 5, "strideB": 20},
        **{"C": c.data.ptr, "Ctype": 0, "ldc": 3, "strideC": 12},
        **{"batchCount": 2, "computeType": cublas.CUBLAS_COMPUTE_32F, "algo": -1},
    }
    if error is None:
        cublas.gemmStridedBatchedEx(**arguments)
        assert (c.get() == 5).all()
        return
    with pytest.raises((cublas.CUBLASError, AssertionError), match=error):
        cublas.gemmStridedBatchedEx(**{**arguments, **change})
