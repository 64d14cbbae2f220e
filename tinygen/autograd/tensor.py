"""Tensors and the graph that they record. Read this file first.

**Reverse-mode differentiation in one paragraph.** A program is a composition of *primitives*: exp,
matmul, conv2d and so on. The *cotangent* of a value v is the derivative of the final scalar with
respect to v; it has the shape of v. Let y = f(a, b), and let g be the cotangent of y. By the chain
rule the cotangents of a and b are

    (df/da)^T g    and    (df/db)^T g.

These are *vector-Jacobian products* (VJPs): they are computed without building a Jacobian. Each
primitive therefore has one *rule* per argument, which computes its VJP. Calls are recorded as the
program runs, and the backward pass visits them from the last to the first, adding up the cotangents
that arrive at each value.

**Any order.** The rules are written with primitives too. By default the backward pass runs them on
plain arrays. With `create_graph=True` it runs the *same* rules on Tensors, so they are recorded in
turn and can be differentiated again. Higher derivatives need no further rules.

**The graph.** A recorded call is a `Node`. An *edge* (node, k) stands for its k-th output. A Tensor
holds its array and its edge; a node holds the edges of its arguments, and never a Tensor. So there
are no reference cycles, and memory is freed when the last name of a result goes.

**Stale values.** A rule may need the value that an argument had in the forward pass. If the array
was overwritten since then, the gradient would be wrong, without an error. So every write through a
Tensor stores its time as the *version* of the array; all Tensors that view the same memory share
it. Before the rules of a call run, the backward pass looks at the versions of the arrays that they
need. If one is later than the call, it raises an error.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import ndarray

from ..backend import array_module, device_of, from_dlpack, to_device, type_name
from ..backend.indices import checked_index

# One clock counts recorded calls and in-place writes, so that any two of them can be ordered.
clock = itertools.count(1)
last_write = [0]  # the time of the latest write; a node made after it cannot be stale
_write_lock = threading.Lock()

# ------------------------------------------------------------------------------------------- modes


class _Mode(threading.local):
    """The switches of each thread: record calls (`grad`), detect NaN (`nan`).

    The class attributes are the defaults of every thread.
    """

    grad = True
    nan = False


mode = _Mode()


@contextmanager
def switched(name: str, value: bool) -> Iterator[None]:
    """Set one field of `mode` within a block."""
    before = getattr(mode, name)
    setattr(mode, name, value)
    try:
        yield
    finally:
        setattr(mode, name, before)


def no_grad():
    """Context manager or decorator: inside it, this thread records nothing; results are constants.

    Returns
    -------
    context manager
        It affects this thread alone: other threads go on recording.
    """
    return switched("grad", False)


def detect_nan():
    """Context manager or decorator: inside it, the first NaN raises an error that names its source.

    Returns
    -------
    context manager
        Inside it, a primitive or a rule that makes a NaN out of arguments without any raises
        FloatingPointError.
    """
    return switched("nan", True)


# ------------------------------------------------------------------------------------------- graph


class Node:
    """One recorded call of a primitive, a node of the graph.

    In the backward pass, the cotangents of its outputs arrive at its edges. It holds what its rules
    need to compute the cotangents of its arguments from them.
    """

    __slots__ = (
        "time",  # of the call, by the clock
        "op",  # the Primitive that was called
        "plan",  # the rules that will run, and what they ask for: see primitive.Plan
        "parents",  # the edge (node, k) of each argument, None for a constant
        "saved",  # {name: array, shape or setting} for the rules; None once freed
        "outputs",  # (shape, dtype) of each output
        "versions",  # the version of each output
        "argument_versions",  # the version of each argument, None for a raw array
    )

    def __init__(self, op, plan, parents, saved, outputs, versions, argument_versions):
        self.time = next(clock)
        self.op = op
        self.plan = plan
        self.parents = parents
        self.saved = saved
        self.outputs = outputs
        self.versions = versions
        self.argument_versions = argument_versions


class Leaf:
    """The start of a graph: a Tensor that requires a gradient.

    It holds only a weak reference to its Tensor, so the graph does not keep the Tensor alive.
    """

    __slots__ = ("time", "tensor", "outputs")
    op, parents = None, ()

    def __init__(self, tensor):
        self.time = next(clock)
        self.tensor = weakref.ref(tensor)
        self.outputs = [(tensor.shape, tensor.dtype)]


# ------------------------------------------------------------------------------------------ Tensor


class _TensorType(type):
    """The type of `Tensor`: `dir` and `help` leave out the names of `ops/pytorch_names.py`.

    Reading one of these raises an AttributeError, which says what to type instead.
    """

    def __dir__(cls) -> list[str]:
        return [name for name in super().__dir__() if hasattr(cls, name)]


class Tensor(metaclass=_TensorType):
    """An array that remembers how it was computed. Make one with `tinygen.tensor`.

    Operators are attached in `ops/operators.py`, methods in `ops/methods.py`, and what other
    libraries ask of an array in `ops/protocols.py`. NumPy's functions refuse a Tensor; the
    functions of `tinygen.ops` take it.

    `data` is the array, also when it has no axes.

    Write in place with `t[index] = value`, with `t -= step` within `no_grad()`, or through the
    array, `t.data -= step`. These count as writes, so a backward pass that still needs the old
    values raises an error. A write such as `t.data[index] = value` is not noticed: call `t.touch()`
    after it. Raw arrays that are combined with Tensors are constants, and writes to them are never
    noticed.
    """

    __slots__ = ("_data", "_edge", "_version", "_grad", "__weakref__")

    def __init__(self, data, edge=None, version=None):
        if type(data) is not ndarray:
            check_is_array(data)
        self._data = data
        self._edge = edge  # (node, k), or None for a constant
        self._version = version or [0]  # [time of the last write]: a list, so that it can be shared
        self._grad = None

    shape, dtype, ndim, size = (
        property(attrgetter(f"_data.{name}")) for name in ("shape", "dtype", "ndim", "size")
    )

    @property
    def device(self) -> str:
        """Where the array lies: "cpu" or "cuda"."""
        return device_of(self._data)

    @property
    def version(self) -> int:
        """The time of the last in-place write; 0 if there was none."""
        return self._version[0]

    @property
    def is_leaf(self) -> bool:
        """Whether this is no result of a recorded call: a constant or a parameter."""
        return self._edge is None or self._edge[0].op is None

    @property
    def data(self):
        """The array. Assigning one of the same shape and dtype copies it into place."""
        return self._data

    @data.setter
    def data(self, array) -> None:
        # `t.data -= step` has written already and assigns the same array. Anything else is copied,
        # so that two Tensors never share memory without meaning to.
        if array is not self._data:
            if getattr(array, "shape", None) != self.shape or array.dtype != self.dtype:
                kind, shape = getattr(array, "dtype", type(array)), getattr(array, "shape", "")
                raise ValueError(
                    f"data: give an array of {self.dtype} {self.shape}, not {kind} {shape}"
                )
            self[...] = array
        self.touch()

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` left, or None. One that is assigned has its shape and dtype.

        Raises
        ------
        ValueError
            If what is assigned is neither None nor such a Tensor.
        """
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            is_tensor = isinstance(value, Tensor)
            if not is_tensor or (value.shape, value.dtype) != (self.shape, self.dtype):
                given = f"{value.dtype} {value.shape}" if is_tensor else f"a {type_name(value)}"
                raise ValueError(
                    f"grad: give None or a Tensor of {self.dtype} {self.shape}, not {given}"
                )
        self._grad = value

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this Tensor. It can be set on leaves."""
        return self._edge is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if not self.is_leaf:
            raise ValueError(
                f"requires_grad of a result of {self._edge[0].op.__name__} follows from its "
                "arguments; use detach() for a constant"
            )
        if flag and self.dtype.kind != "f":
            raise TypeError(
                f"a tensor of dtype {self.dtype} has no gradient: only floating point can be "
                "differentiated; convert it first"
            )
        if bool(flag) != self.requires_grad:
            self._edge = (Leaf(self), 0) if flag else None

    def touch(self) -> None:
        """Declare that `data` was written in place, so that graphs which saved it become stale."""
        with _write_lock:  # without it, a slower thread could set the last write back
            self._version[0] = last_write[0] = next(clock)

    def __setitem__(self, index, value) -> None:
        if not self.is_leaf:
            raise ValueError(
                f"cannot write into a result of {self._edge[0].op.__name__}: the graph needs it; "
                "build a new tensor with where"
            )
        if isinstance(value, Tensor) and value.requires_grad and mode.grad:
            raise ValueError(
                "an in-place write is not differentiated: write value.detach(), or build a new "
                "tensor with where"
            )
        entries = index if isinstance(index, tuple) else (index,)
        index = tuple(i._data if isinstance(i, Tensor) else i for i in entries)
        self._data[checked_index(self._data, index)] = (
            value._data if isinstance(value, Tensor) else value
        )
        self.touch()

    def detach(self) -> Tensor:
        """Return a constant that shares the memory: no gradient flows through it."""
        return Tensor(self._data, None, self._version)


def check_is_array(data: Any) -> None:
    """Raise TypeError unless `data` is an array. `tinygen.tensor` takes lists and numbers, too."""
    is_array = hasattr(data, "__array_function__")
    if not is_array or isinstance(data, (np.generic, Tensor)):
        raise TypeError(
            f"Tensor: data is a {type_name(data)}, not an array; make it one with "
            "tinygen.tensor(data)"
        )


def tensor(
    data: Any, dtype: Any = None, *, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Return a Tensor that holds a copy of `data`.

    Parameters
    ----------
    data : NumPy or CuPy array, number, nested lists, Tensor, or an array of another library
        Floating point, integers or booleans. Other libraries hand over their arrays by
        `__dlpack__`, PyTorch for example.
    dtype : dtype, optional
        Of the result. By default an array keeps its own. Numbers and lists of Python become
        float32, int64 or bool, as in PyTorch.
    device : "cpu" or "cuda", optional
        Where the result lies; by default where `data` does.
    requires_grad : bool
        Make it a leaf of the graph, whose gradient can be computed.

    Raises
    ------
    TypeError
        For any other dtype, or if integers should require a gradient.
    """
    data = data._data if isinstance(data, Tensor) else data
    if isinstance(data, (ndarray, np.generic)):
        array_module(data)  # it refuses a masked array
        array = np.array(data)
    elif hasattr(data, "__array_function__"):  # an array of CuPy
        array = data.copy()
    elif hasattr(data, "__dlpack__"):
        array = from_dlpack(data)
    else:
        array = np.array(data)
        if array.dtype == np.float64 and not begins_with_array(data):
            array = array.astype(np.float32)
    if dtype is not None:
        array = array.astype(dtype)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"tensor: cannot hold dtype {array.dtype}; give floating point, integers or booleans"
        )
    t = Tensor(array if device is None else to_device(array, device))
    t.requires_grad = requires_grad
    return t


def begins_with_array(data: Any) -> bool:
    """Return whether the first element of nested lists is an array or scalar of NumPy."""
    while isinstance(data, (list, tuple)) and len(data):
        data = data[0]
    return isinstance(data, (ndarray, np.generic))
