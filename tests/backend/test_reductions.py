"""Matrix products and row-wise functions that are shared among the threads."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tinygen.backend import reductions
from tinygen.backend import threads as pool

BATCHES = [
    ((), ()),
    ((3,), ()),
    ((), (2,)),
    ((9,), (9,)),
    ((2, 1), (3,)),
    ((1,), (5,)),
    ((0,), ()),
]


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 70),
    inner=st.sampled_from([0, 1, 7, 40, 600]),
    columns=st.integers(0, 70),
    transposed=st.tuples(st.booleans(), st.booleans()),
    batch=st.sampled_from(BATCHES),
    with_out=st.booleans(),
    seed=st.integers(0, 99),
)
def test_matmul_is_numpys(rows, inner, columns, transposed, batch, with_out, seed):
    rng = np.random.default_rng(seed)

    def draw(batch, m, n, swap):
        if swap:
            return rng.standard_normal((*batch, n, m)).swapaxes(-1, -2)
        return rng.standard_normal((*batch, m, n))

    a, b = draw(batch[0], rows, inner, transposed[0]), draw(batch[1], inner, columns, transposed[1])
    expected = a @ b
    out = np.empty_like(expected) if with_out else None
    before = reductions._LEAST, reductions._CHUNK
    reductions._LEAST = reductions._CHUNK = 1 << 8  # so that small products are shared
    try:
        got = reductions.matmul(a, b, out)
    finally:
        reductions._LEAST, reductions._CHUNK = before
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert out is None or got is out
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_matmul_takes_vectors_integers_and_other_modules(cupy):
    a, v = np.arange(6).reshape(2, 3), np.arange(3)
    assert (reductions.matmul(a, v) == a @ v).all()
    assert isinstance(reductions.matmul(cupy.asarray(a), cupy.asarray(v)), cupy.ndarray)
    with pytest.raises(ValueError, match="mismatch"):
        reductions.matmul(np.ones((400, 300)), np.ones((299, 400)))


@pytest.mark.parametrize(
    "m, k, n",
    [(128, 784, 400), (784, 128, 400), (1000, 3000, 10), (10, 400_000, 12), (3, 2000, 3000)],
)
def test_matmul_bits_do_not_depend_on_threads(m, k, n):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((n, k), np.float32).T
    before, results = pool.threads(), []
    try:
        for threads in (1, 2, 4, 4):
            pool.set_threads(threads)
            results.append(reductions.matmul(a, b).tobytes())
    finally:
        pool.set_threads(before)
    assert len(set(results)) == 1


@pytest.mark.parametrize("length", [1, 10, 128])
@pytest.mark.parametrize("axis, keepdims", [(-1, True), (-1, False), (1, True), (1, False)])
def test_sums_of_short_rows(length, axis, keepdims):
    x = np.random.default_rng(0).uniform(0, 1, (40, 30, 20, length)).astype(np.float32)
    x = x if axis == -1 else np.moveaxis(x, -1, 1)  # channels last
    for view in (x, x[::2], x[:, ::-1]):
        got = reductions.axis_sum(view, axis, keepdims)
        expected = view.sum(axis=axis, keepdims=keepdims, dtype=np.float64)
        assert got.dtype == np.float32 and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_where_exp_needs_no_maximum(cupy):
    x = np.array([-39.0, 39.0], np.float32)
    assert reductions.can_exponentiate(x)
    for value in (40.0, -40.0, np.nan, np.inf, -np.inf):
        assert not reductions.can_exponentiate(np.append(x, np.float32(value)))
    assert not reductions.can_exponentiate(x[:0])
    assert not reductions.can_exponentiate(cupy.asarray(x))
