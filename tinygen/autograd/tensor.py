"""Tensors and the graph that they record."""

from __future__ import annotations

import itertools
import threading
import weakref
from contextlib import contextmanager
from operator import attrgetter

import numpy as np
from numpy import ndarray

from ..backend import device_of

clock = itertools.count(1)  # ticks at each node made, so that times are a topological order of every graph, and at each in-place write
last_write = [0]  # the time of the latest write: a node made after it saved nothing that is stale
_write_lock = threading.Lock()


class _Mode(threading.local):  # what each thread has switched on; class attributes are every thread's defaults
    grad = True
    nan = False


mode = _Mode()


@contextmanager
def switched(name, value):
    before = getattr(mode, name)
    setattr(mode, name, value)
    try:
        yield
    finally:
        setattr(mode, name, before)


def no_grad():
    """Context manager or decorator: within it this thread records nothing, results are constants."""
    return switched("grad", False)


def detect_nan():
    """Context manager or decorator: within it the first primitive or rule that makes a NaN out of none raises FloatingPointError, naming it."""
    return switched("nan", True)


class Node:
    """One recorded call: where cotangents arrive and what the rules need. It never holds a Tensor, so there is no reference cycle."""

    __slots__ = ("time", "op", "plan", "parents", "saved", "outputs", "written", "constants")

    def __init__(self, op, plan, parents, saved, outputs, written, constants):
        self.time = next(clock)
        self.op = op  # the Primitive
        self.plan = plan  # which rules will run, and on what (Primitive._plan)
        self.parents = parents  # for each argument an edge (node, output index), or None for a constant
        self.saved = saved  # name -> array, shape or setting that a rule asks for; None once freed
        self.outputs = outputs  # (shape, dtype) of each output
        self.written = written  # for each output the cell with the time of its last in-place write
        self.constants = constants  # for each argument that is a constant Tensor, its cell


class Leaf:
    """The end of a graph: a tensor that asked for gradients. Weakly held, so that a graph does not keep its Tensor."""

    __slots__ = ("time", "tensor", "outputs", "written")
    op, parents = None, ()

    def __init__(self, tensor):
        self.time = next(clock)
        self.tensor = weakref.ref(tensor)
        self.outputs, self.written = [(tensor.shape, tensor.dtype)], [tensor._written]


class Tensor:
    """An array that remembers how it was computed. Make one with `tinygen.tensor`; operators and methods are attached by `ops/operators.py`.

    `data` is the raw array, always an array, zero-dimensional included; `grad` the gradient that `backward` left (a Tensor) or None. In-place
    writes go through `t[index] = value` or `t.data = ...` (`t.data -= step` too): they are marked, so that a backward pass which still needs
    the old values is an error and not a wrong gradient. `t.data[index] = value` goes behind the guard: say `t.touch()` after it. Raw arrays
    beside Tensors are constants that nothing guards. For mathematics there is `tinygen.ops`: NumPy's functions refuse a Tensor.
    """

    __slots__ = ("_data", "_edge", "_written", "grad", "__weakref__")
    __array_ufunc__ = None  # so that `array * tensor` comes to Tensor.__rmul__

    def __init__(self, data, edge=None, written=None):
        self._data = data
        self._edge = edge  # (node, output index), or None for a constant
        self._written = written or [0]  # a cell, [time of the last in-place write], shared by all tensors that view the same memory
        self.grad = None

    shape, dtype, ndim, size = (property(attrgetter(f"_data.{name}")) for name in ("shape", "dtype", "ndim", "size"))
    device = property(lambda self: device_of(self._data))
    version = property(lambda self: self._written[0], doc="Time of the last in-place write, counted over all tensors; 0 if never written.")
    data = property(lambda self: self._data)

    @data.setter
    def data(self, array) -> None:
        if array is not self._data:  # `t.data -= step` has written already; all else is copied, so that two tensors never share memory unawares
            if getattr(array, "shape", None) != self.shape or array.dtype != self.dtype:
                raise ValueError(f"data: give an array of {self.dtype} {self.shape}, not {getattr(array, 'dtype', type(array))} {getattr(array, 'shape', '')}")
            self[...] = array
        self.touch()

    @property
    def requires_grad(self) -> bool:
        return self._edge is not None

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if self._edge is not None and self._edge[0].op is not None:
            raise ValueError(f"requires_grad of a result of {self._edge[0].op.__name__} follows from its arguments; use detach() for a constant")
        if flag and self.dtype.kind != "f":
            raise TypeError(f"a tensor of dtype {self.dtype} has no gradient: only floating point can be differentiated; convert it first")
        if bool(flag) != self.requires_grad:
            self._edge = (Leaf(self), 0) if flag else None

    def touch(self) -> None:
        """Say that `data` was written in place: graphs that saved the old values refuse to go backward."""
        with _write_lock:  # or a slower thread could set the last write back
            self._written[0] = last_write[0] = next(clock)

    def __setitem__(self, index, value) -> None:
        if self._edge is not None and self._edge[0].op is not None:
            raise ValueError(f"cannot write into a result of {self._edge[0].op.__name__}: the graph needs it; build a new tensor with where")
        if isinstance(value, Tensor) and value.requires_grad and mode.grad:
            raise ValueError("an in-place write is not differentiated: write value.detach(), or build a new tensor with where")
        self._data[index] = value._data if isinstance(value, Tensor) else value
        self.touch()

    def detach(self) -> Tensor:
        """The same memory as a constant: no gradient flows through it."""
        return Tensor(self._data, None, self._written)

    def backward(self, grad_output=None, *, inputs=None, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Add d self/d leaf into `.grad` of each leaf in `inputs`, by default of every leaf that self depends on.

        self is a scalar, or `grad_output` of its shape is given. With `inputs=generator.parameters()` the other networks that
        the loss went through receive nothing, and no gradient of their weights is computed.
        """
        from .backward import backward_pass

        if inputs is not None:
            inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
            for i, x in enumerate(inputs):
                if x._edge is None or x._edge[0].op is not None:
                    raise ValueError(f"backward: input {i}, of shape {x.shape}, is no leaf that requires a gradient; for the gradient in a result use tinygen.grad")
        for (node, _), g in backward_pass([self], [grad_output], inputs, create_graph, retain_graph).items():
            if (leaf := node.tensor()) is not None:
                leaf.grad = g if leaf.grad is None else (leaf.grad if create_graph else leaf.grad.detach()) + g

    def __array__(self, *args, **kwargs):
        raise TypeError("a Tensor does not turn into an array silently, its graph would be lost: tensor.numpy() copies it, tinygen.ops computes with it")


def tensor(array, requires_grad: bool = False) -> Tensor:
    """A Tensor with a copy of `array` (NumPy or CuPy array, nested lists, number, Tensor); a leaf of the graph if `requires_grad`."""
    array = array._data if isinstance(array, Tensor) else array
    t = Tensor(np.array(array) if isinstance(array, (ndarray, np.generic)) or not hasattr(array, "__array_function__") else array.copy())
    if t.dtype.kind not in "fiub":
        raise TypeError(f"tensor: cannot hold dtype {t.dtype}; give floating point, integers or booleans")
    t.requires_grad = requires_grad
    return t
