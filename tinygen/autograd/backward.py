"""Automatic differentiation, whole: primitives recorded as they are called, walked backwards, to any order.

Reverse mode in one paragraph. A program is a composition of **primitives** (exp, matmul, conv2d...). Call **cotangent** of a value v the
derivative of the final scalar with respect to v; it has the shape of v. If y = f(a, b), the chain rule turns the cotangent g of y into those
of a and b: (df/da)^T g and (df/db)^T g, *vector-Jacobian products* that never build the Jacobian. So each primitive carries, beside its
forward, one **rule** an argument, and the backward pass visits the recorded nodes from last to first, adding up what arrives. (The recording is in `primitive.py`.)

**Any order.** Rules are written with primitives too. A first-order backward runs them on plain arrays; with `create_graph=True` the *same*
rules run on Tensors, are recorded in turn, and can be differentiated again. Higher derivatives are no further code.
"""

from __future__ import annotations

import sys
from operator import attrgetter

import numpy as np
from numpy import ndarray

from ..backend import array_module
from ..backend.reductions import axis_sum
from .tensor import Tensor, last_write, mode, switched


def backward_pass(outputs, grad_outputs, inputs, create_graph, retain_graph) -> dict:
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
    order = ancestors(cotangents)
    wanted = {(node, 0) for node in order if node.op is None} if inputs is None else {x._edge for x in inputs if x._edge is not None}
    ends = {node for node, _ in wanted}
    useful = None  # node -> for each argument whether it lies on a path to a wanted edge, if any does; None: all that have an edge do
    if inputs is not None:
        useful = {node: () for node in ends if node.op is None}
        for node in order:
            needs = [edge is not None and (edge[0] in useful or edge in wanted) for edge in node.parents]
            if True in needs:
                useful[node] = needs
    found, nan = {}, mode.nan
    with switched("grad", create_graph), switched("nan", False):
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
            if node.time < last_write[0]:
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


def ancestors(edges) -> list:
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
