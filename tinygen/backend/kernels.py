"""CUDA kernels: a formula that a GPU computes in one launch, above its NumPy twin.

A **kernel** is a function that thousands of threads of a GPU run at once, each for its own element.
A **launch** is one call of a kernel. CuPy launches a kernel for each operation on arrays, such as
x * y. Python needs a few microseconds for each launch, and each kernel reads and writes whole
arrays. So a formula of five operations is written a second time, in CUDA C++, as one kernel::

    @elementwise("T x, T slope", "T y", "y = x > 0 ? x : slope * x")
    def _leaky(x, slope):
        return np.where(x > 0, x, slope * x)

The function below the decorator is the **twin**. It says what the kernel computes, it runs on NumPy
arrays, and the tests compare the two. The arguments decide what a call of `_leaky` does:

    NumPy arrays                          run the twin
    CuPy arrays of the declared types     launch the kernel, once
    CuPy arrays of other types            run the twin: each of its operations is a launch
    Tensors                               run the twin: each of its operations is recorded

Other types are float16, integers, or float32 next to float64. A derivative rule is given Tensors if
its result is to be differentiated again (create_graph=True), so its twin calls functions of
tinygen.ops. The forward of a primitive is given arrays alone, so its twin may call NumPy's.

How to read a kernel
--------------------
- The first string lists the inputs and the second the outputs, as CUDA types with names. `T` stands
  for float or double, the type of the arrays. Other types are written as NumPy's: `int32 width`.
  The inputs are the parameters of the twin, in its order; each is an array, or a number.
- The body runs once for each element. It sees one number of each array: `x` is x[i], `y` is y[i].
  `i` counts the elements of the broadcast arrays in C order; `_ind.size()` is their number.
- A parameter that is marked `raw` is the whole array: `x[k]` is its element k in C order, and
  `x.size()` their number. It takes no part in the broadcasting.
- If the twin also has the outputs as its last parameters, the kernel writes into these arrays, as
  the twin does, and both return None. Otherwise the outputs are new arrays.
- Constants are written `T(0.5)`. A plain 0.5 is a double, and would make the kernel compute in
  double precision, which is slow on a GPU. `exp`, `log`, `sqrt`, `tanh`, `fmax` take either type.
- fmax(NaN, 0) is 0, but np.maximum(NaN, 0) is NaN. `x < 0 ? T(0) : x` keeps the NaN.
- A thread neither waits for another one nor writes to an element that another one writes. So the
  tests can compile the body as plain C++, and compare it with its twin without a GPU.
- The results differ from the twin's by rounding. In float, the GPU also replaces numbers smaller
  than 1.2e-38 by 0, because CuPy compiles kernels in this mode, for speed.

If the twin is also decorated with `in_pieces` (pieces.py, threads of the CPU), this decorator is
the upper one. For NumPy arrays it checks one type more, which takes 0.1 microseconds. Every kernel
needs an entry in tests/backend/kernel_cases.py: the kind of numbers that it is tested with.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import all_on_gpu, import_cupy

__all__ = ["KERNELS", "Elementwise", "Reduction", "elementwise", "on_gpu", "reduction"]

Array = Any  # np.ndarray or cupy.ndarray

KERNELS: dict[str, Elementwise | Reduction] = {}  # all: {"ops.activation._sigmoid": the kernel}

_FLOATING = (np.dtype(np.float32), np.dtype(np.float64))  # what T can stand for


@dataclass(frozen=True)
class Parameter:
    """An input or output of a kernel: "T x", "raw T x" or "int32 width"."""

    name: str
    type: str  # a letter that stands for float or double, or the name of a dtype
    is_raw: bool

    @property
    def is_generic(self) -> bool:
        return len(self.type) == 1

    @staticmethod
    def parse(declarations: str) -> list[Parameter]:
        """Return the parameters that a list such as "T x, raw T table" declares."""
        words = [declaration.split() for declaration in declarations.split(",")]
        return [Parameter(w[-1], w[-2], "raw" in w[:-2]) for w in words if w]


@dataclass
class _Kernel:
    """What both kinds of kernels have in common: their arguments, and when they can run."""

    twin: Callable[..., Any]
    inputs: str
    outputs: str

    def __post_init__(self):
        self.input_parameters = Parameter.parse(self.inputs)
        self.output_parameters = Parameter.parse(self.outputs)
        parameters = [*self.input_parameters, *self.output_parameters]
        names = [p.name for p in parameters]
        twins = inspect.signature(self.twin).parameters.values()
        positional = [p.name for p in twins if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.is_in_place = positional == names
        if not self.is_in_place and positional != names[: len(self.input_parameters)]:
            raise TypeError(
                f"{self.twin.__name__}: its parameters are {positional}, but the kernel's are "
                f"{names}; they must be the inputs, or the inputs and the outputs"
            )
        self.arguments = parameters[: len(positional)]
        self._accepted: dict[tuple, bool] = {}  # {types of arguments: whether the kernel can run}

    @property
    def name(self) -> str:
        """The name in profiles of the GPU."""
        return f"tinygen_{self.twin.__name__.strip('_')}"

    def accepts(self, *arrays: Array) -> bool:
        """Return whether the kernel can run: the arrays are CuPy's and have the declared dtypes.

        Raises TypeError for arrays on two devices.
        """
        types = tuple([(type(a), getattr(a, "dtype", None)) for a in arrays])
        if types not in self._accepted:
            self._accepted[types] = all_on_gpu(*arrays) and self._has_dtypes(arrays)
        return self._accepted[types]

    def _has_dtypes(self, arrays: tuple[Array, ...]) -> bool:
        generic: dict[str, np.dtype] = {}
        for parameter, array in zip(self.arguments, arrays):
            if not hasattr(array, "shape") or isinstance(array, np.generic):
                continue  # a number, which becomes one of the declared type
            if parameter.is_generic:
                expected = generic.setdefault(parameter.type, array.dtype)
            else:
                expected = np.dtype(parameter.type)
            if array.dtype != expected:
                return False
        return all(dtype in _FLOATING for dtype in generic.values())


@dataclass
class Elementwise(_Kernel):
    """A kernel whose body computes one element of the outputs. See `elementwise`."""

    body: str
    preamble: str
    size: Callable[..., int] | None

    @functools.cached_property
    def compiled(self):
        """CuPy's kernel, which compiles itself for the dtypes that it meets."""
        return import_cupy().ElementwiseKernel(
            self.inputs, self.outputs, self.body, self.name, preamble=self.preamble
        )

    def launch(self, *arrays: Array) -> Any:
        """Launch the kernel. Return its output, or a tuple of them; None if it wrote in place."""
        size = {} if self.size is None else {"size": self.size(*arrays)}
        y = self.compiled(*arrays, **size)
        return None if self.is_in_place else y


@dataclass
class Reduction(_Kernel):
    """A kernel that combines the elements along some axes. See `reduction`."""

    map: str
    reduce: str
    post: str
    identity: str
    accumulator: str | None
    preamble: str

    @functools.cached_property
    def compiled(self):
        """CuPy's kernel, which compiles itself for the dtypes that it meets.

        It has one more input, which does nothing. Without it, CuPy would use CUB, a library of
        reductions, for kernels of one input and one output. For that it replaces their names in
        `map` and `post` as text, even inside other words: an input x turns exp(x) into ein0p(in0).
        """
        return import_cupy().ReductionKernel(
            f"{self.inputs}, int32 without_cub",
            self.outputs,
            self.map,
            self.reduce,
            self.post,
            self.identity,
            self.name,
            reduce_type=self.accumulator,
            preamble=self.preamble,
        )

    def launch(self, *arrays: Array, axis: Any = None, keepdims: bool = False) -> Any:
        """Launch the kernel. Return its output, or a tuple of them; None if it wrote in place."""
        if self.is_in_place or len(self.output_parameters) == 1:
            n = len(self.input_parameters)
            y = self.compiled(*arrays[:n], 0, *arrays[n:], axis=axis, keepdims=keepdims)
            return None if self.is_in_place else y
        # CuPy would return the first output alone, so all of them are allocated here.
        outputs = self._empty_outputs(arrays, axis, keepdims)
        self.compiled(*arrays, 0, *outputs, axis=axis, keepdims=keepdims)
        return outputs

    def _empty_outputs(self, arrays: tuple[Array, ...], axis: Any, keepdims: bool) -> tuple:
        pairs = list(zip(self.arguments, arrays))
        shape = np.broadcast_shapes(*(getattr(a, "shape", ()) for _, a in pairs))
        one_each = np.broadcast_to(np.empty((), np.bool_), shape)
        shape = one_each.any(axis=axis, keepdims=keepdims).shape
        dtypes = {p.type: a.dtype for p, a in pairs if hasattr(a, "dtype")}
        empty = import_cupy().empty
        return tuple(empty(shape, dtypes.get(p.type, p.type)) for p in self.output_parameters)


def elementwise(
    inputs: str,
    outputs: str,
    body: str,
    *,
    preamble: str = "",
    size: Callable[..., int] | None = None,
) -> Callable:
    """Decorate a function of NumPy arrays: on CuPy arrays, one kernel computes each element.

    Parameters
    ----------
    inputs, outputs
        Declarations such as "T x, T beta" and "T y". See the top of this file.
    body
        Statements in CUDA C++ that compute the outputs at `i`.
    preamble
        Functions in CUDA C++ that the body calls, marked __device__.
    size
        A function of the same arguments that returns how many elements the body runs for. It is
        needed where all arrays are `raw`, and not allowed elsewhere.
    """
    return lambda f: _dispatched(Elementwise(f, inputs, outputs, body, preamble, size))


def reduction(
    inputs: str,
    outputs: str,
    *,
    map: str,
    reduce: str,
    post: str,
    identity: str,
    accumulator: str | None = None,
    preamble: str = "",
) -> Callable:
    """Decorate a function f(x, *, axis, keepdims): on CuPy arrays, one kernel reduces the axes.

    Each output is computed by one block, a group of threads. Each thread computes `map` for some
    elements and combines these values with `reduce`. Then the threads of the block combine their
    values, always in the same order. `post` computes the output from the last value. With few
    outputs there are few blocks, and most of the GPU is idle. The sum of squares is::

        @reduction("T x", "T y", map="x * x", reduce="a + b", post="y = a", identity="0")
        def _sum_of_squares(x, *, axis=None, keepdims=False):
            return (x * x).sum(axis=axis, keepdims=keepdims)

    Parameters
    ----------
    inputs, outputs
        Declarations, as for `elementwise`.
    map
        An expression of the inputs, none of which may be `raw`: the value of one element.
    reduce
        An expression of two values, `a` and `b`. It must be associative and commutative.
    post
        An expression of the value `a` of all elements that assigns the outputs, for example
        "y = a"; where there are two, a comma separates them. The number of elements that were
        combined is `_in_ind.size() / _out_ind.size()`.
    identity
        The value of no elements: `reduce` returns the other value unchanged.
    accumulator
        The type of the values. Default: that of the first output. A value of several numbers is a
        struct, defined in the preamble. Its constructor is called with `identity`.
    preamble
        Structs and functions in CUDA C++.
    """
    fields = (map, reduce, post, identity, accumulator, preamble)
    return lambda f: _dispatched(Reduction(f, inputs, outputs, *fields))


def on_gpu(form: Callable[..., Any]) -> Callable:
    """Decorate a function of arrays: on CuPy arrays `form` runs, with the same arguments.

    It is for what needs several kernels: `form` calls them. The function below the decorator says
    what `form` computes, and runs on NumPy arrays and on Tensors.
    """

    def decorate(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(f)
        def run(x, *others, **settings):
            is_numpy = type(x) is np.ndarray
            arrays = (a for a in others if hasattr(a, "dtype"))
            if not is_numpy and all_on_gpu(x, *arrays):
                return form(x, *others, **settings)
            return f(x, *others, **settings)

        return run

    return decorate


def _dispatched(kernel: Elementwise | Reduction) -> Callable[..., Any]:
    """Return a function that runs the twin or launches the kernel; enter the kernel in KERNELS."""
    f = kernel.twin
    # One argument decides where to run. It must be an array: an output, or else the first input.
    which = -1 if kernel.is_in_place and kernel.outputs else 0
    KERNELS[f"{f.__module__.removeprefix('tinygen.')}.{f.__name__}"] = kernel

    @functools.wraps(f)
    def run(*arrays, **settings):
        if type(arrays[which]) is np.ndarray:
            try:
                return f(*arrays, **settings)
            except TypeError:
                all_on_gpu(*arrays)  # if one of the others lies on the GPU, this says so
                raise
        if kernel.accepts(*arrays):
            return kernel.launch(*arrays, **settings)
        return f(*arrays, **settings)

    return run
