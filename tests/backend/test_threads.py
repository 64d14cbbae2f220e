"""The thread pool, and the products and sums that are shared among it."""

import os
import subprocess
import sys
import threading
import time

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.strict import StrictArray
from tinygen.backend import reductions
from tinygen.backend import threads as pool


@pytest.fixture(params=[1, 2, 4])
def n_threads(request):
    before = pool.threads()
    pool.set_threads(request.param)
    yield request.param
    pool.set_threads(before)


# ----------------------------------------------------------------------------------------------------------------------- the pool


def test_parallel_runs_every_chunk_once(n_threads):
    for n in (0, 1, 3, 200):
        count = np.zeros(n, int)

        def run(i, count=count):
            count[i] += 1

        pool.parallel(run, n)
        assert (count == 1).all()


def test_parallel_uses_the_threads_asked_for(n_threads):
    names = set()

    def run(i):
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    pool.parallel(run, 12)
    assert len(names) == n_threads


def test_parallel_raises_what_a_chunk_raised_and_goes_on(n_threads):
    def run(i):
        time.sleep(0.001)
        if i == 3:
            raise ZeroDivisionError("chunk 3")

    for _ in range(3):
        with pytest.raises(ZeroDivisionError, match="chunk 3"):
            pool.parallel(run, 8)
    done = []
    pool.parallel(done.append, 8)
    assert sorted(done) == list(range(8))


def test_nested_calls_run_inline(n_threads):
    outer = []

    def run(i):
        me, inner = threading.get_ident(), []
        pool.parallel(lambda j: inner.append(threading.get_ident()), 4)
        assert inner == [me] * 4
        outer.append(i)

    pool.parallel(run, 8)
    assert sorted(outer) == list(range(8))


def test_errstate_holds_in_every_chunk(n_threads):
    zero = np.zeros(1)

    def run(i):
        time.sleep(0.002)
        return np.divide(1.0, zero)

    with np.errstate(divide="ignore"):
        pool.parallel(run, 8)  # a warning would be an error
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        pool.parallel(run, 8)


def test_several_threads_may_call_at_once(n_threads):
    totals = []

    def caller():
        parts = np.zeros(50)

        def run(i):
            parts[i] = i

        for _ in range(20):
            parts[:] = 0
            pool.parallel(run, 50)
        totals.append(parts.sum())

    callers = [threading.Thread(target=caller) for _ in range(4)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert totals == [1225] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_starts_a_pool_of_its_own():
    code = """
import os, warnings
import numpy as np
from tinygen.backend import reductions
from tinygen.backend import threads as pool
pool.set_threads(4)
a, b = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
expected = reductions.matmul(a, b).tobytes()
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of fork with threads: the case tested
pid = os.fork()
if pid == 0:
    os._exit(0 if reductions.matmul(a, b).tobytes() == expected and pool._num_workers else 1)
assert os.waitpid(pid, 0)[1] == 0
assert reductions.matmul(a, b).tobytes() == expected
"""
    root = os.path.dirname(os.path.dirname(pool.__file__))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20, env={**os.environ, "PYTHONPATH": root})


def test_arrays_are_not_kept_alive(n_threads):
    import weakref

    array = np.ones(1000)
    gone = weakref.ref(array)
    pool.parallel(lambda i, array=array: array.sum(), 8)
    del array
    assert gone() is None


def test_thread_count_is_checked(monkeypatch):
    with pytest.raises(ValueError, match="1 or more; got 0"):
        pool.set_threads(0)
    monkeypatch.setenv("TINYGEN_THREADS", "many")
    with pytest.raises(ValueError, match="TINYGEN_THREADS must be a number of threads, 1 or more; it is 'many'"):
        pool._default_threads()
    monkeypatch.setenv("TINYGEN_THREADS", "3")
    assert pool._default_threads() == 3


# ----------------------------------------------------------------------------------------------------------------- matrix products


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(0, 70), inner=st.sampled_from([0, 1, 7, 40, 600]), columns=st.integers(0, 70),
    transposed=st.tuples(st.booleans(), st.booleans()),
    batch=st.sampled_from([((), ()), ((3,), ()), ((), (2,)), ((9,), (9,)), ((2, 1), (3,)), ((1,), (5,)), ((0,), ())]),
    with_out=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
def test_matmul_is_numpys(rows, inner, columns, transposed, batch, with_out, seed):
    rng = np.random.default_rng(seed)

    def make(batch, m, n, swap):
        return rng.standard_normal((*batch, n, m)).swapaxes(-1, -2) if swap else rng.standard_normal((*batch, m, n))

    a, b = make(batch[0], rows, inner, transposed[0]), make(batch[1], inner, columns, transposed[1])
    expected = a @ b
    out = np.empty_like(expected) if with_out else None
    before = reductions._CHUNK
    reductions._CHUNK = 1 << 8  # so that small products are shared
    try:
        got = reductions.matmul(a, b, out)
    finally:
        reductions._CHUNK = before
    assert got.shape == expected.shape and got.dtype == expected.dtype and (out is None or got is out)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12)


def test_matmul_takes_vectors_integers_and_other_modules():
    a, v = np.arange(6).reshape(2, 3), np.arange(3)
    assert (reductions.matmul(a, v) == a @ v).all()
    assert isinstance(reductions.matmul(StrictArray(a), StrictArray(v)), StrictArray)
    with pytest.raises(ValueError, match="mismatch"):
        reductions.matmul(np.ones((400, 300)), np.ones((299, 400)))


@pytest.mark.parametrize("m, k, n", [(128, 784, 400), (784, 128, 400), (1000, 3000, 10), (10, 400_000, 12), (3, 2000, 3000)])
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


# ------------------------------------------------------------------------------------------------------------------------ by rows


@pytest.mark.parametrize("rows, columns", [(3, 5), (1, 1 << 18), (1000, 300), (7, 50_000), (0, 4)])
def test_by_rows_gives_the_bits_of_one_call(rows, columns, n_threads):
    calls = []

    def f(a, b):
        calls.append(len(a))
        return (a * b).sum(axis=1)

    a, b = np.random.default_rng(0).normal(size=(2, rows, columns)).astype(np.float32)
    assert reductions.by_rows(f, a, b).tobytes() == (a * b).sum(axis=1).tobytes()
    assert sum(calls) == rows and (len(calls) > 1) == (rows > 1 and rows * columns >= 2 << 16)


def test_by_rows_leaves_other_modules_whole():
    a = StrictArray(np.ones((1000, 300), np.float32))
    assert type(reductions.by_rows(lambda a: a.sum(axis=1), a)) is StrictArray


def test_by_rows_checks_shapes():
    with pytest.raises(ValueError, match="one shape"):
        reductions.by_rows(lambda a, b: (a * b).sum(axis=1), np.ones((4, 3)), np.ones((5, 3)))
