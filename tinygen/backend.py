"""NumPy or CuPy: the array module of an array, devices, random generators, and one thread pool for the CPU.

This is the only file that imports CuPy, and only once a CuPy array or the device "cuda" is asked for.

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
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["Generator", "array_module", "device_of", "matmul", "parallel", "register", "set_threads", "threads", "to_device", "to_numpy"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type

# ---------------------------------------------------------------------------------------------------------------- array modules

_modules: dict[type, Any] = {np.ndarray: np}  # array type -> the module whose functions take it
_IGNORED = (bool, int, float, complex, np.generic, type(None))  # scalars go with any array


def register(array_type: type, module: Any) -> None:
    """Let `array_module` answer `module` for arrays of type `array_type`."""
    _modules[array_type] = module


def _module_of(array: Array) -> Any:
    """The module of one array, or None if it is no array type known."""
    for cls in type(array).__mro__:
        if cls in _modules:
            return _modules[cls]
        if cls.__module__.partition(".")[0] == "cupy":  # told by its name, so that CuPy is imported only by those who use it
            register(cls, _cupy())
            return _modules[cls]
    return None


def array_module(*arrays: Array) -> Any:
    """The module, numpy or cupy, that the arrays belong to; numpy if there are none. Scalars and None go with any array.

    Raises TypeError if the arrays lie on two devices, or if one is of no known array type.
    """
    found = np
    first: Array = None
    for array in arrays:
        if type(array) is np.ndarray:
            module = np
        elif isinstance(array, _IGNORED):
            continue
        else:
            module = _module_of(array)
            if module is None:
                raise TypeError(f"expected NumPy or CuPy arrays, got {_type_name(array)}; make an array of it first, for example with np.asarray")
        if first is None:
            found, first = module, array
        elif type(array) is not type(first) and _family(array) is not _family(first):
            raise TypeError(
                f"arrays on two devices: {_describe(first)} and {_describe(array)}; "
                'move one beside the other with .to(device), for example x.to("cuda") or model.to("cpu")'
            )
    return found


def _family(array: Array) -> type:
    """The registered type an array belongs to: arrays may meet if it is the same."""
    return next(cls for cls in type(array).__mro__ if cls in _modules)


def _type_name(array: Array) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"


def _describe(array: Array) -> str:
    return f"{_type_name(array)} of shape {array.shape} on {device_of(array)!r}"


# ---------------------------------------------------------------------------------------------------------------------- devices


def _cupy() -> Any:
    """CuPy, imported now; an error that says what to install if it cannot be."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            'the device "cuda" needs CuPy, which could not be imported; install it with pip install "cupy-cuda13x[ctk]" '
            '(or cupy-cuda12x, to match the driver), or use the device "cpu"'
        ) from error
    register(cupy.ndarray, cupy)
    return cupy


def _gpu() -> Any:
    """CuPy on a machine with a GPU."""
    cupy = _cupy()
    if not cupy.cuda.is_available():
        raise RuntimeError('the device "cuda" needs an NVIDIA GPU with its driver, and CuPy finds none; check nvidia-smi, or use the device "cpu"')
    return cupy


def _check_device(device: str) -> str:
    if device not in ("cpu", "cuda"):
        raise ValueError(f'unknown device {device!r}; the devices are "cpu" and "cuda"')
    return device


def device_of(array: Array) -> str:
    """The device an array lies on: "cuda" for CuPy arrays, "cpu" for all others."""
    module = _module_of(array)
    return "cuda" if module is not None and module.__name__ == "cupy" else "cpu"


def to_device(array: Array, device: str) -> Array:
    """The array on `device`, "cpu" or "cuda": itself if it is there already, else a copy."""
    if _check_device(device) == "cuda":
        return array if device_of(array) == "cuda" else _gpu().asarray(array)
    return to_numpy(array) if device_of(array) == "cuda" else array


def to_numpy(array: Array) -> np.ndarray:
    """The array as a NumPy array: itself if it is one, a copy if it lies on a GPU."""
    return np.asarray(array) if _module_of(array) in (np, None) else array.get()


# --------------------------------------------------------------------------------------------------------------- random numbers


class Generator:
    """A stream of random numbers on one device. There is no global one: whoever draws is handed a generator.

    Parameters: `seed`, an int of at least 0; `device`, "cpu" or "cuda". The same seed on two devices gives different numbers.
    `state_dict()` is small and stores in an .npz without pickle; a generator that loads it continues with the same numbers.

    On the CPU this is NumPy's PCG64. On a GPU every draw makes a fresh Philox generator whose key is hashed from (seed, draws so far),
    so those two ints are the whole state. CuPy keeps 32 bits of the hash: two draws among 10,000 share a key with odds of one in 86.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = _check_device(device)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed!r}")
        self._seed, self._draws = int(seed), 0  # on a GPU, the state
        self._numpy = np.random.Generator(np.random.PCG64(self._seed)) if device == "cpu" else None
        if device == "cuda":
            _gpu()

    def _source(self) -> Any:
        """The numpy.random.Generator or cupy.random.Generator to draw from, once."""
        if self._numpy is not None:
            return self._numpy
        random = _cupy().random
        key = np.random.SeedSequence([self._seed, self._draws])
        self._draws += 1
        return random.Generator(random.Philox4x3210(key))

    def normal(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers from N(0, 1)."""
        return self._floats("standard_normal", shape, dtype)

    def uniform(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers uniform on [0, 1)."""
        return self._floats("random", shape, dtype)

    def _floats(self, method: str, shape: tuple[int, ...], dtype: Any) -> Array:
        drawn = np.float64 if np.dtype(dtype) == np.float64 else np.float32  # the two types the libraries draw
        return getattr(self._source(), method)(shape, dtype=drawn).astype(dtype, copy=False)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        """int64 numbers uniform on low, low + 1, ..., high - 1."""
        return self._source().integers(low, high, size=shape)

    def permutation(self, n: int) -> Array:
        """The numbers 0 to n - 1 in random order."""
        source = self._source()
        return source.permutation(n) if self._numpy is not None else source.random(n).argsort()  # CuPy's has no permutation

    def bernoulli(self, p: float | Array, shape: tuple[int, ...] | None = None, dtype: Any = np.float32) -> Array:
        """1 with probability p, else 0. p: a number, or an array that broadcasts to `shape` (by default its own)."""
        return (self.uniform(np.shape(p) if shape is None else shape) < p).astype(dtype)

    def state_dict(self) -> dict[str, Any]:
        """{"kind": str, "words": uint64 array}: all that decides the numbers to come."""
        if self._numpy is None:
            return {"kind": "cupy.philox", "words": np.array([self._seed, self._draws], np.uint64)}
        state = self._numpy.bit_generator.state  # its state and increment have 128 bits: two words each, high first
        wide = [state["state"]["state"], state["state"]["inc"]]
        words = [half for number in wide for half in (number >> 64, number & (2**64 - 1))]
        return {"kind": "numpy.pcg64", "words": np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the generator that gave `state` was."""
        own, kind = self.state_dict(), str(state["kind"])
        words = [int(word) for word in np.asarray(state["words"], np.uint64)]
        if kind != own["kind"] or len(words) != len(own["words"]):
            raise ValueError(f"this generator, on {self.device!r}, is {own['kind']}; the state is of {kind}: load it on the device it came from")
        if self._numpy is None:
            self._seed, self._draws = words
            return
        high, low, inc_high, inc_low, has_uint32, uinteger = words
        self._numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }


# --------------------------------------------------------------------------------------------------------------- threads


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


# --------------------------------------------------------------------------------------------------------------- matrix products

_CHUNK = 1 << 23  # multiply-adds worth a chunk: about 0.2 ms


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """np.matmul(a, b, out) for arrays of any module; large products of NumPy arrays are shared among the pool's threads.

    Transposed views are read where they lie. With `out`, the product is written there.
    """
    xp = array_module(a, b)
    if xp is not np or type(a) is not np.ndarray or type(b) is not np.ndarray or a.ndim < 2 or b.ndim < 2:
        return xp.matmul(a, b) if out is None else xp.matmul(a, b, out=out)
    rows, inner, columns = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.ndim == 2 and a.ndim > 2 and out is None and a.flags.c_contiguous:
        # (..., rows, inner) @ (inner, columns) is one product of all the rows
        return matmul(a.reshape(a.size // inner if inner else 0, inner), b).reshape(*a.shape[:-1], columns) if inner else np.matmul(a, b)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    work = rows * inner * columns
    for size in batch:
        work *= size
    chunks = 1 << min(max(work // _CHUNK, 1).bit_length() - 1, 3)  # 1, 2, 4 or 8, even shares for 2 and 4 threads
    if chunks == 1 or inner != b.shape[-2]:
        return np.matmul(a, b, out=out)
    if out is None:
        out = np.empty((*batch, rows, columns), np.result_type(a, b))
    sums = None
    if batch and batch[0] >= chunks:
        a, b = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, (*batch, *b.shape[-2:]))
        parts = [(a[s], b[s], out[s]) for s in _slices(batch[0], chunks)]
    elif rows >= columns and rows >= 8 * chunks:
        parts = [(a[..., s, :], b, out[..., s, :]) for s in _slices(rows, chunks)]
    elif columns >= 8 * chunks:
        parts = [(a, b[..., s], out[..., s]) for s in _slices(columns, chunks)]
    elif inner < 64 * chunks:
        return np.matmul(a, b, out=out)
    else:  # few outputs, each a long sum: share the sum, and add the parts in their order
        sums = np.empty((chunks, *out.shape), out.dtype)
        parts = [(a[..., s], b[..., s, :], sums[i]) for i, s in enumerate(_slices(inner, chunks))]

    def run(i: int) -> None:
        left, right, result = parts[i]
        np.matmul(left, right, out=result)

    parallel(run, chunks)
    if sums is not None:
        np.add.reduce(sums, axis=0, out=out)
    return out


def _slices(size: int, n: int) -> list[slice]:
    """range(size) cut into n slices whose sizes differ by one at most."""
    return [slice(i * size // n, (i + 1) * size // n) for i in range(n)]
