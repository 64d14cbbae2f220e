"""One thread pool for the CPU, and the work that is shared among it: matrix products, and sums that keep their digits.

**Threads.** NumPy's own functions use one core, and the BLAS library behind `np.matmul` brings threads of its own that wait by
spinning: with one other busy process on the machine, a 128x784x400 product took 24 ms on two BLAS threads and 1 ms on one. So importing
this module sets BLAS to one thread for the life of the process (other NumPy code in the process included), and all parallelism comes
from the pool below: the work is cut into chunks, NumPy releases the interpreter's lock inside each, and threads that wait, sleep.
How a problem is cut depends on its shapes alone and partial sums are added in the chunks' order, so results carry the same bits
with any number of threads. `set_threads`, or the variable TINYGEN_THREADS, chooses how many; the default is one for each core this
process may run on.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import queue
import threading
from collections.abc import Callable

import numpy as np

__all__ = ["parallel", "set_threads", "threads"]


def _one_blas_thread() -> bool:
    """Set NumPy's BLAS to one thread. Returns False if it cannot be told to."""
    try:  # NumPy's own wheels carry OpenBLAS and export this
        ctypes.CDLL(np._core._multiarray_umath.__file__).scipy_openblas_set_num_threads64_(1)
        return True
    except (AttributeError, OSError):
        pass
    try:
        from threadpoolctl import threadpool_info, threadpool_limits
    except ImportError:
        return False
    threadpool_limits(1, user_api="blas")  # stays until the process ends: it is never told to restore
    return any(library["user_api"] == "blas" for library in threadpool_info())


def _default_threads() -> int:
    text = os.environ.get("TINYGEN_THREADS")
    if text is not None:
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"TINYGEN_THREADS must be a number of threads, 1 or more; it is {text!r}")
        return int(text)
    if not _blas_is_single:
        return 1  # BLAS keeps threads of its own here: two pools would fight for the cores
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_freed_memory() -> None:
    """Let glibc keep up to 1 GiB of freed memory for the next array, where it can be told to.

    By default it returns an array of some megabytes to the system at once, and the next one of that size is paid for again with a page fault for
    each 4 KiB: 7 % of a convolutional VAE's step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD
    mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, at the most that every version of glibc takes


_keep_freed_memory()
_blas_is_single = _one_blas_thread()
_threads = _default_threads()
_inside = threading.local()  # .job is true in a thread that is running a chunk
_lock = threading.Lock()  # guards _workers
_workers = 0  # threads started so far, the caller's own not counted
_queue: queue.SimpleQueue[tuple[contextvars.Context, _Job]] = queue.SimpleQueue()


def threads() -> int:
    """The number of threads that `parallel` uses, the caller's included."""
    return _threads


def set_threads(n: int) -> None:
    """Use n threads, the caller's included. Results do not depend on n."""
    global _threads
    if n < 1:
        raise ValueError(f"set_threads: the caller's thread is one, so n is 1 or more; got {n}")
    _threads = n


class _Job:
    """Chunks 0 to n - 1 of one call of `parallel`. Threads take the next chunk until none is left.

    The caller waits only for helpers that have begun, so a helper that the busy machine has not yet woken costs nothing.
    """

    def __init__(self, f: Callable[[int], None], n: int) -> None:
        self.f: Callable[[int], None] | None = f
        self.n, self.next = n, 0
        self.lock = threading.Lock()
        self.helpers = 0  # at work now
        self.error: BaseException | None = None
        self.helpers_gone = threading.Event()

    def work(self) -> None:
        try:
            _inside.job = True
            while True:
                with self.lock:
                    i, self.next = self.next, self.next + 1
                if i >= self.n:
                    return
                self.f(i)
        finally:
            _inside.job = False

    def help(self) -> None:
        """A worker's part."""
        with self.lock:
            if self.next >= self.n:
                return
            self.helpers += 1
        try:
            self.work()
        except BaseException as error:  # handed to the caller, who raises it
            self.error = error
            self.stop()
        with self.lock:
            self.helpers -= 1
            if self.helpers == 0:
                self.helpers_gone.set()

    def stop(self) -> None:
        """Hand out no more chunks."""
        with self.lock:
            self.next = self.n

    def wait(self) -> None:
        """Return when no helper is at work."""
        with self.lock:
            if self.helpers == 0:
                return
            self.helpers_gone.clear()
        self.helpers_gone.wait()


def _worker(jobs: queue.SimpleQueue) -> None:
    while True:
        context, job = jobs.get()  # asleep until there is work
        context.run(job.help)
        del context, job  # keep no array alive while asleep


def _forget_workers() -> None:
    """A forked child has this module's memory but none of its threads: start afresh."""
    global _workers, _queue, _lock, _inside
    _workers, _queue, _lock, _inside = 0, queue.SimpleQueue(), threading.Lock(), threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def parallel(f: Callable[[int], None], n: int) -> None:
    """Call f(0), ..., f(n - 1), shared among the pool's threads and the caller's; return when all are done.

    The calls must not depend on one another: they run in any order. An exception in one is raised here, and chunks not yet begun are
    left out. A call from inside a chunk runs inline. `np.errstate` and other context variables hold in every chunk.
    Waking a thread costs some 20 microseconds: below 0.1 ms of work, call f yourself.
    """
    global _workers
    helpers = min(_threads, n) - 1
    if helpers < 1 or getattr(_inside, "job", False):
        for i in range(n):
            f(i)
        return
    if _workers < helpers:
        with _lock:
            while _workers < helpers:
                threading.Thread(target=_worker, args=(_queue,), name=f"tinygen-{_workers + 1}", daemon=True).start()
                _workers += 1
    job = _Job(f, n)
    for _ in range(helpers):
        _queue.put((contextvars.copy_context(), job))
    try:
        job.work()
    finally:  # also on Ctrl-C: no helper may write to the caller's arrays after this
        job.stop()
        job.wait()
        job.f = None  # a helper that wakes late finds no chunk, and keeps no array alive
    if job.error is not None:
        try:
            raise job.error
        finally:
            job.error = None  # or error, traceback, this frame and job would hold one another
