"""One pool of threads for all parallel work on the CPU.

**Why a pool of our own.** NumPy's functions use one core. The BLAS library behind `np.matmul` has
threads of its own, which wait in a busy loop. When another process uses a core, that is slow: a
product of 128x784 and 784x400 took 24 ms on two BLAS threads and 1 ms on one. So importing this
module sets BLAS to one thread for the life of the process, and this affects other NumPy code in the
process too. All parallel work goes through `parallel`: it is cut into chunks, NumPy releases
Python's lock inside each, and threads without work sleep.

**The same bits with any number of threads.** How work is cut depends on the shapes of the arrays
alone, and partial sums are added in the order of the chunks.

`set_threads`, or the environment variable TINYGEN_THREADS, sets the number of threads. The default
is one for each core that the process may use.
"""

from __future__ import annotations

import contextvars
import ctypes
import os
import queue
import threading
from collections import Counter
from collections.abc import Callable

import numpy as np

__all__ = ["available_cores", "parallel", "set_threads", "share_cores", "threads"]

# ---------------------------------------------------------------------------------------- settings


def _set_blas_to_one_thread() -> bool:
    """Set NumPy's BLAS to one thread. Return whether that was possible."""
    try:  # NumPy's own wheels contain OpenBLAS, which exports this function
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)
        library.scipy_openblas_set_num_threads64_(1)
        return True
    except (AttributeError, OSError):
        pass
    try:
        from threadpoolctl import threadpool_info, threadpool_limits
    except ImportError:
        return False
    threadpool_limits(1, user_api="blas")  # it holds until it is restored, which is never
    return any(library["user_api"] == "blas" for library in threadpool_info())


def _keep_freed_memory() -> None:
    """Let glibc keep up to 1 GiB of freed memory for the next arrays, where glibc is used.

    By default it returns an array of several megabytes to the system at once. The next array of
    that size then costs a page fault for each 4 KiB: 7 % of a convolutional VAE's training step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    trim_threshold, mmap_threshold = -1, -3
    mallopt(trim_threshold, 1 << 30)
    mallopt(mmap_threshold, 1 << 25)  # the largest value that every version of glibc accepts


def _default_threads() -> int:
    if text := os.environ.get("TINYGEN_THREADS"):
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(
                f"TINYGEN_THREADS must be a number of threads, 1 or more; it is {text!r}. "
                "Correct it, or unset it to use one thread for each core"
            )
        return int(text)
    if not _blas_is_single:
        return 1  # BLAS keeps threads of its own: two pools would compete for the cores
    return len(available_cores())


def available_cores() -> set[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


_keep_freed_memory()
_blas_is_single = _set_blas_to_one_thread()
_num_threads = _default_threads()


def threads() -> int:
    """Return the number of threads that `parallel` uses, the caller's included."""
    return _num_threads


def set_threads(n: int) -> None:
    """Use n threads, the caller's included. Results do not depend on n.

    Raises
    ------
    ValueError
        If n is less than 1.
    """
    global _num_threads
    if n < 1:
        raise ValueError(f"set_threads: the caller's thread is one, so n is 1 or more; got {n}")
    _num_threads = n


def share_cores(processes: list[set[int]]) -> None:
    """Use this process's share of the cores, if TINYGEN_THREADS does not decide.

    Parameters
    ----------
    processes : for each process on this machine, this one included, the cores that it may use.
    """
    if os.environ.get("TINYGEN_THREADS"):
        return
    users = Counter(core for cores in processes for core in cores)
    share = sum(1 / users[core] for core in available_cores())
    set_threads(max(1, min(threads(), int(share + 1e-6))))  # the sum of thirds may round down


# -------------------------------------------------------------------------------------------- pool

_inside = threading.local()  # .job is true in a thread that is running a chunk
_lock = threading.Lock()  # guards _num_workers
_num_workers = 0  # threads started so far, the caller's not counted
_queue: queue.SimpleQueue[tuple[contextvars.Context, _Job]] = queue.SimpleQueue()


class _Job:
    """Chunks 0 to n - 1 of one call of `parallel`; each thread takes the next one.

    The caller waits only for helpers that have begun. On a busy machine a helper may begin late;
    then the others take all chunks, and nobody waits for it.
    """

    def __init__(self, f: Callable[[int], None], n: int) -> None:
        self.f: Callable[[int], None] | None = f
        self.n, self.next = n, 0
        self.lock = threading.Lock()
        self.num_helpers = 0  # working now
        self.error: BaseException | None = None
        self.helpers_done = threading.Event()

    def work(self) -> None:
        """Take chunks until none is left."""
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
        """Work as a helper: an error is handed to the caller, who raises it."""
        with self.lock:
            if self.next >= self.n:
                return
            self.num_helpers += 1
        try:
            self.work()
        except BaseException as error:
            self.error = error
            self.stop()
        with self.lock:
            self.num_helpers -= 1
            if self.num_helpers == 0:
                self.helpers_done.set()

    def stop(self) -> None:
        """Hand out no more chunks."""
        with self.lock:
            self.next = self.n

    def wait(self) -> None:
        """Return when no helper is working."""
        with self.lock:
            if self.num_helpers == 0:
                return
            self.helpers_done.clear()
        self.helpers_done.wait()


def _run_jobs(jobs: queue.SimpleQueue) -> None:
    """Help with one job after the other: what each thread of the pool does."""
    while True:
        context, job = jobs.get()  # asleep until there is work
        context.run(job.help)
        del context, job  # keep no array alive while asleep


def _forget_workers() -> None:
    """Start afresh in a forked child, which has this module's memory but none of its threads."""
    global _num_workers, _queue, _lock, _inside
    _num_workers, _queue = 0, queue.SimpleQueue()
    _lock, _inside = threading.Lock(), threading.local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


def _start_workers(num_workers: int) -> None:
    """Start threads until there are so many."""
    global _num_workers
    with _lock:
        while _num_workers < num_workers:
            name = f"tinygen-{_num_workers + 1}"
            threading.Thread(target=_run_jobs, args=(_queue,), name=name, daemon=True).start()
            _num_workers += 1


def parallel(f: Callable[[int], None], n: int) -> None:
    """Call f(0), ..., f(n - 1), shared among the threads; return when all calls are done.

    The calls must not depend on one another, because they run in any order. If one raises an error,
    it is raised here, and the calls that have not begun are left out. A call of `parallel` from
    inside a chunk runs in that thread. `np.errstate` and other context variables hold in every
    chunk.

    Waking a thread takes some 20 microseconds. For less than 0.1 ms of work, call f in a loop.
    """
    num_helpers = min(_num_threads, n) - 1
    if num_helpers < 1 or getattr(_inside, "job", False):
        for i in range(n):
            f(i)
        return
    if _num_workers < num_helpers:
        _start_workers(num_helpers)
    job = _Job(f, n)
    for _ in range(num_helpers):
        _queue.put((contextvars.copy_context(), job))
    try:
        job.work()
    finally:  # also on Ctrl-C: after this, no helper may write to the caller's arrays
        job.stop()
        job.wait()
        job.f = None  # a helper that wakes late finds no chunk, and keeps no array alive
    if job.error is not None:
        try:
            raise job.error
        finally:
            job.error = None  # else error, traceback, this frame and job would form a cycle
