"""Automatic differentiation, whole: primitives recorded as they are called, walked backwards, to any order.

Reverse mode in one paragraph. A program is a composition of **primitives** (exp, matmul, conv2d...). Call **cotangent** of a value v the
derivative of the final scalar with respect to v; it has the shape of v. If y = f(a, b), the chain rule turns the cotangent g of y into those
of a and b: (df/da)^T g and (df/db)^T g, *vector-Jacobian products* that never build the Jacobian. So each primitive carries, beside its
forward, one **rule** an argument, and the backward pass visits the recorded nodes from last to first, adding up what arrives. (The recording is in `primitive.py`.)

**Any order.** Rules are written with primitives too. A first-order backward runs them on plain arrays; with `create_graph=True` the *same*
rules run on Tensors, are recorded in turn, and can be differentiated again. Higher derivatives are no further code.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from contextlib import contextmanager
from operator import attrgetter

import numpy as np
from numpy import ndarray

from .backend import array_module, device_of
from .pool import axis_sum

_clock = itertools.count(1)  # ticks at each node made, so that times are a topological order of every graph, and at each in-place write
_last_write = [0]  # the time of the latest write: a node made after it saved nothing that is stale
_write_lock = threading.Lock()


class _Mode(threading.local):  # what each thread has switched on; class attributes are every thread's defaults
    grad = True
    nan = False


_mode = _Mode()


@contextmanager
def _switched(name, value):
    before = getattr(_mode, name)
    setattr(_mode, name, value)
    try:
        yield
    finally:
        setattr(_mode, name, before)


def no_grad():
    """Context manager or decorator: within it this thread records nothing, results are constants."""
    return _switched("grad", False)


def detect_nan():
    """Context manager or decorator: within it the first primitive or rule that makes a NaN out of none raises FloatingPointError, naming it."""
    return _switched("nan", True)


class Node:
    """One recorded call: where cotangents arrive and what the rules need. It never holds a Tensor, so there is no reference cycle."""

    __slots__ = ("time", "op", "plan", "parents", "saved", "outputs", "written", "constants")

    def __init__(self, op, plan, parents, saved, outputs, written, constants):
        self.time = next(_clock)
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
        self.time = next(_clock)
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
            self._written[0] = _last_write[0] = next(_clock)

    def __setitem__(self, index, value) -> None:
        if self._edge is not None and self._edge[0].op is not None:
            raise ValueError(f"cannot write into a result of {self._edge[0].op.__name__}: the graph needs it; build a new tensor with where")
        if isinstance(value, Tensor) and value.requires_grad and _mode.grad:
            raise ValueError("an in-place write is not differentiated: write value.detach(), or build a new tensor with where")
        self._data[index] = value._data if isinstance(value, Tensor) else value
        self.touch()

    def detach(self) -> Tensor:
        """The same memory as a constant: no gradient flows through it."""
        return Tensor(self._data, None, self._written)

    def backward(self, grad_output=None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Add d self/d leaf into `.grad` of every leaf that self depends on. self is a scalar, or `grad_output` of its shape is given."""
        for (node, _), g in _walk([self], [grad_output], None, create_graph, retain_graph).items():
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


def grad(outputs, inputs, grad_outputs=None, create_graph: bool = False, retain_graph: bool | None = None):
    """The gradient of sum_i <outputs_i, grad_outputs_i> in each of `inputs`: leaves or intermediate results.

    Takes a Tensor or a sequence for each; returns a Tensor for a single input, else a tuple. `grad_outputs` may be left out for scalars. With
    `create_graph` the results can be differentiated in turn; `retain_graph` (by default as create_graph) keeps the graph for another backward.
    Nothing outside the paths to `inputs` is computed. Raises ValueError for an input on which no output depends.
    """
    ys, xs = ([v] if isinstance(v, Tensor) or not isinstance(v, (tuple, list)) else list(v) for v in (outputs, inputs))
    for v in ys + xs:
        if not isinstance(v, Tensor):
            raise TypeError(f"grad: outputs and inputs are Tensors or sequences of them; here is a {type(v).__name__}")
    gs = [None] * len(ys) if grad_outputs is None else list(grad_outputs) if isinstance(grad_outputs, (list, tuple)) else [grad_outputs]
    found = _walk(ys, gs, xs, create_graph, retain_graph)
    for i, x in enumerate(xs):
        if x._edge not in found:
            raise ValueError(f"grad: the outputs do not depend on input {i}, of shape {x.shape} (requires_grad={x.requires_grad})")
    return found[xs[0]._edge] if isinstance(inputs, Tensor) else tuple(found[x._edge] for x in xs)


def _walk(outputs, grad_outputs, inputs, create_graph, retain_graph) -> dict:
    """The backward pass: {edge: cotangent Tensor} for the edges of `inputs` that were reached (None: of every leaf). Iterative: depth is no limit.
    Only nodes on a path to a wanted edge are visited. What is returned is writable and shares memory with nothing: a rule may hand one array to two
    arguments, a view, or one that it keeps, so an array goes out as it is only where nobody else holds it; else a copy does.
    """
    retain = create_graph if retain_graph is None else retain_graph
    cotangents = {}  # edge -> the sum of what has arrived there
    owned = set()  # the edges at which that sum is an array of this walk's own
    for y, g in zip(outputs, grad_outputs, strict=True):
        if y._edge is None:
            raise ValueError("backward: the output depends on no tensor that requires a gradient (made under no_grad, or of constants alone?)")
        g = np.ones_like(y._data) if g is None and y.size == 1 else g
        if getattr(g, "shape", None) != y.shape:
            what = "none; reduce it first, y.sum().backward()" if g is None else f"{type(g).__name__} {getattr(g, 'shape', '')}"
            raise ValueError(f"backward: an output of shape {y.shape} needs a grad_output of that shape, and here is {what}")
        g = g if isinstance(g, Tensor) else Tensor(g)
        _arrive(cotangents, owned, y._edge, g if create_graph else g._data)
    order = _ancestors(cotangents)
    wanted = {(node, 0) for node in order if node.op is None} if inputs is None else {x._edge for x in inputs if x._edge is not None}
    ends = {node for node, _ in wanted}
    useful = None  # node -> for each argument whether it lies on a path to a wanted edge, if any does; None: all that have an edge do
    if inputs is not None:
        useful = {node: () for node in ends if node.op is None}
        for node in order:
            needs = [edge is not None and (edge[0] in useful or edge in wanted) for edge in node.parents]
            if True in needs:
                useful[node] = needs
    found, nan = {}, _mode.nan
    with _switched("grad", create_graph), _switched("nan", False):
        while order:
            node = order.pop()
            if node in ends:
                found |= {edge: cotangents[edge] for k in range(len(node.outputs)) if (edge := (node, k)) in wanted and edge in cotangents}
            needs = node.parents if useful is None else useful.get(node)
            if not needs:
                continue
            g = cotangents.pop((node, 0), None) if len(node.outputs) == 1 else _several(node, cotangents)
            if g is None:
                continue
            op, (keep, _, calls), parents, saved = node.op, node.plan, node.parents, node.saved
            if saved is None:
                raise RuntimeError(f"backward: the graph of {op.__name__} was freed by an earlier backward; give that one retain_graph=True")
            if node.time < _last_write[0]:
                _check_stale(node)
            if create_graph:
                saved = saved | {name: _rewrap(node, saved[name], k) for name, k in keep}
            for rule, names, target in calls:
                if type(target) is int:
                    if needs[target]:
                        given = [saved[name] for name in names]
                        r = rule(g, target, *given) if op.variadic else rule(g, *given)
                        if nan:
                            check_nan(f"the rule of {op.__name__} for its argument {target}", (r,), (g, given))
                        fresh = parents[target][0].op is None and getattr(r, "base", r) is None and sys.getrefcount(r) <= _ALONE
                        _arrive(cotangents, owned, parents[target], r, op, fresh)
                elif any(needs[i] for i in target):
                    given = [saved[name] for name in names]
                    rs = rule(g, [bool(needs[i]) for i in target], *given)
                    if nan:
                        check_nan(f"the rule of {op.__name__}", rs, (g, given))
                    for i, r in zip(target, rs):
                        if needs[i]:
                            _arrive(cotangents, owned, parents[i], r, op)
            if not retain:
                node.saved = None
        return {e: g.astype(g.dtype) if create_graph else Tensor(g if e in owned else g.astype(g.dtype)) for e, g in found.items()}


def _ancestors(edges) -> list:
    """All nodes that the edges depend on, oldest first."""
    seen = {node for node, _ in edges}
    stack = [*seen]
    while stack:
        for edge in stack.pop().parents:
            if edge is not None and edge[0] not in seen:
                seen.add(edge[0])
                stack.append(edge[0])
    return sorted(seen, key=attrgetter("time"))


def _references() -> int:
    a = np.empty(0)
    return sys.getrefcount(a)


_ALONE = _references() if hasattr(sys, "getrefcount") else 0  # what the count is for an array that one local name holds and nothing else


def _arrive(cotangents, owned, edge, r, op=None, fresh=False) -> None:
    """Fit r, from a rule of `op`, to shape and dtype of the value at `edge`, and add it to what arrived there before. `fresh`: nobody else holds r."""
    node, k = edge
    shape, dtype = node.outputs[k]
    if type(r) is not ndarray:
        r = as_array(r, like=())
    if r.shape != shape:  # the argument was broadcast: its cotangent is the sum over the axes along which it was repeated
        lead = r.ndim - len(shape)
        if lead < 0 or any(n not in (1, m) for n, m in zip(shape, r.shape[lead:])):
            raise ValueError(f"a rule of {op and op.__name__} returned shape {r.shape} for an argument of shape {shape}")
        axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1))
        r = (r.sum(axes, True) if type(r) is Tensor else axis_sum(r, axes, True)).reshape(shape)
    if r.dtype is not dtype and r.dtype != dtype:
        r = r.astype(dtype)
    before = cotangents.get(edge)
    if before is None:
        cotangents[edge] = r
        if fresh:
            owned.add(edge)
    elif edge in owned:
        before += r
    else:
        total = before + r
        cotangents[edge] = total if type(total) is ndarray else as_array(total, like=())
        if type(r) is not Tensor:
            owned.add(edge)


def _several(node, cotangents) -> tuple | None:
    """The cotangents of a node with several outputs: zeros where nothing arrived; None where nothing arrived at all."""
    gs = [cotangents.pop((node, k), None) for k in range(len(node.outputs))]
    some = next((g for g in gs if g is not None), None)
    like = some._data if isinstance(some, Tensor) else some
    return some if some is None else tuple(np.zeros_like(like, shape=s, dtype=t) if g is None else g for g, (s, t) in zip(gs, node.outputs))


def _rewrap(node, a, k):
    """A saved array as a Tensor of the graph it came from, so that a rule run on it is differentiable in it."""
    if type(k) is tuple:
        return tuple(_rewrap(node, v, j) for v, j in zip(a, k))
    n = len(node.parents)
    edge = node.parents[k] if k < n else (node, k - n) if node.outputs[k - n][1].kind == "f" else None
    return a if edge is None else Tensor(a, edge, edge[0].written[edge[1]])


def as_array(o, like):
    """What a forward or rule returned, as an array: NumPy's reductions and 0-d arithmetic give scalars. `like`: arrays of its device."""
    if o is None or isinstance(o, (tuple, list)):
        raise TypeError(f"a forward or rule returned {type(o).__name__}, not an array; a primitive of several outputs names them: outputs=(...)")
    return o if type(o) is Tensor or (hasattr(o, "__array_function__") and not isinstance(o, np.generic)) else array_module(*like).asarray(o)


def check_nan(name, made, given) -> None:
    def bad(a):
        a = getattr(a, "_data", a)
        return any(map(bad, a)) if type(a) in (tuple, list) else getattr(getattr(a, "dtype", None), "kind", "") == "f" and bool((a != a).any())

    if bad(made) and not bad(given):
        raise FloatingPointError(f"{name}: the first NaN rose here, from arguments without any")


def _check_stale(node) -> None:
    """Raise if anything a rule will read was written in place since the forward."""
    n = len(node.parents)
    for name, places in node.plan.keep:
        for k in places if type(places) is tuple else (places,):
            edge = (node, k - n) if k >= n else node.parents[k]
            cell = (node.constants or {}).get(k, (0,)) if edge is None else edge[0].written[edge[1]]
            if cell[0] > node.time:
                raise RuntimeError(f"backward through {node.op.__name__}: its {name!r} was written in place since the forward; run that again after the write")
