"""The thread pool: every chunk once, errors, nesting, forks."""

import os
import pathlib
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

from tinygen.backend import threads as pool


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
# Newer Pythons warn of a fork of a process with threads, which is the case tested here.
warnings.simplefilter("ignore", DeprecationWarning)
pid = os.fork()
if pid == 0:
    os._exit(0 if reductions.matmul(a, b).tobytes() == expected and pool._num_workers else 1)
assert os.waitpid(pid, 0)[1] == 0
assert reductions.matmul(a, b).tobytes() == expected
"""
    root = pathlib.Path(pool.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20, env=environment)


def test_arrays_are_not_kept_alive(n_threads):
    array = np.ones(1000)
    gone = weakref.ref(array)
    pool.parallel(lambda i, array=array: array.sum(), 8)
    del array
    assert gone() is None


def test_processes_share_the_cores(monkeypatch, n_threads):
    monkeypatch.delenv("TINYGEN_THREADS", raising=False)
    monkeypatch.setattr(pool, "available_cores", lambda: {0, 1, 2, 3})
    for processes, share in [
        ([{0, 1, 2, 3}], 4),
        ([{0, 1, 2, 3}] * 2, 2),
        ([{0, 1, 2, 3}] * 3, 1),
        ([{0, 1, 2, 3}] * 9, 1),  # more processes than cores
        ([{0, 1, 2, 3}, {4, 5, 6, 7}], 4),  # the launcher gave each process its own
        ([{0, 1, 2, 3}, {3, 4}], 3),
    ]:
        pool.set_threads(4)
        pool.share_cores(processes)
        assert pool.threads() == share
    monkeypatch.setenv("TINYGEN_THREADS", "3")
    pool.set_threads(3)
    pool.share_cores([{0, 1, 2, 3}] * 2)
    assert pool.threads() == 3


def test_thread_count_is_checked(monkeypatch):
    with pytest.raises(ValueError, match="1 or more; got 0"):
        pool.set_threads(0)
    monkeypatch.setenv("TINYGEN_THREADS", "many")
    with pytest.raises(
        ValueError, match="TINYGEN_THREADS must be a number of threads, 1 or more; it is 'many'"
    ):
        pool._default_threads()
    monkeypatch.setenv("TINYGEN_THREADS", "3")
    assert pool._default_threads() == 3
    monkeypatch.setenv("TINYGEN_THREADS", "")
    with_empty = pool._default_threads()
    monkeypatch.delenv("TINYGEN_THREADS")
    assert pool._default_threads() == with_empty
