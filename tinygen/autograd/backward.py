"""The backward pass: from the cotangent of an output to those of its inputs. Read this file third.

`backward_pass` is the whole algorithm. The functions below it are its parts, in the order in which
it calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
from numpy import ndarray

from ..backend import zeros_like
from ..backend.reductions import axis_sum, broadcast_axes
from ..backend.references import is_unshared
from .results import as_array, check_nan
from .tensor import Leaf, Node, Tensor, last_write, mode, switched

Edge = tuple[Node | Leaf, int]  # (node, k): the k-th output of a recorded call


def backward_pass(
    outputs: Sequence[Tensor],
    grad_outputs: Sequence[Any],
    inputs: Sequence[Tensor] | None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> dict[Edge, Tensor]:
    """Return the cotangents of `inputs`, or of all leaves if it is None, as {edge: cotangent}.

    Inputs at which no cotangent arrived are left out. The results are writable and share memory
    with nothing. The pass is a loop and not a recursion, so a graph may have any depth.
    """
    retain_graph = create_graph if retain_graph is None else retain_graph
    cotangents = Cotangents()
    for y, g in zip(outputs, grad_outputs, strict=True):
        start = starting_cotangent(y, g)
        # The caller may hold `start`. This name is one reference more, so that the array counts as
        # shared (`is_unshared`), and a leaf's gradient is a copy of it.
        array = start._data
        cotangents.add(y._edge, start if create_graph else array)
    order = ancestors(cotangents.edges())  # all nodes, from the oldest to the newest
    if inputs is None:
        targets, paths = leaves(order), None  # None: every argument with an edge is on a path
    else:
        targets = {x._edge for x in inputs}
        paths = paths_to(targets, order)
    detect_nan = mode.nan  # off inside of rules: the error names the rule, not its primitives
    with switched("grad", create_graph), switched("nan", False):
        while order:
            node = order.pop()  # the newest node that is left: all its cotangents have arrived
            on_path = node.parents if paths is None else paths.get(node)
            if not on_path:  # a leaf, or a call from which no path leads to a target
                continue
            g = cotangents.take(node, targets)
            if g is None:  # nothing arrived: no output depends on this call
                continue
            run_rules(node, g, on_path, cotangents, create_graph, detect_nan)
            if not retain_graph:
                node.saved = None
        return cotangents.results(targets)


def starting_cotangent(y: Tensor, g: Any) -> Tensor:
    """Return the cotangent of an output: the one given, or 1 for a scalar."""
    if y._edge is None:
        raise ValueError(
            "backward: the output depends on no tensor that requires a gradient "
            "(made under no_grad, of constants alone, or from a gradient that was computed without "
            "create_graph=True?)"
        )
    if g is None and y.size == 1:
        g = np.ones_like(y._data)
    if getattr(g, "shape", None) != y.shape:
        if g is None:
            given = "none; reduce it to one number first, as with y.mean()"
        else:
            given = f"{type(g).__name__} {getattr(g, 'shape', '')}"
        raise ValueError(
            f"backward: an output of shape {y.shape} needs a gradient of that shape to begin with, "
            f"and here is {given}"
        )
    return g if isinstance(g, Tensor) else Tensor(g)


# --------------------------------------------------------------------------------- which way to go


def ancestors(edges: Iterable[Edge | None]) -> list[Node | Leaf]:
    """Return all nodes that the edges depend on, from the oldest to the newest.

    Every call is recorded after its arguments, so the times of the nodes are a topological order.
    """
    found = {edge[0] for edge in edges}
    stack = [*found]
    while stack:
        for edge in stack.pop().parents:
            if edge is not None and edge[0] not in found:
                found.add(edge[0])
                stack.append(edge[0])
    return sorted(found, key=attrgetter("time"))


def leaves(order: Iterable[Node | Leaf]) -> set[Edge]:
    """Return the edges of all leaves among the nodes."""
    return {(node, 0) for node in order if node.op is None}


def paths_to(targets: set[Edge], order: Iterable[Node | Leaf]) -> dict[Node, list[bool]]:
    """Return which arguments lead to a target: {node: a boolean for each of its arguments}.

    Nodes from which no target can be reached are left out, and their rules do not run. So the
    gradient with respect to the input of a network computes no gradient of its weights.
    """
    paths = {}
    for node in order:  # the oldest first: the parents of a node are done
        on_path = [
            edge is not None and (edge in targets or edge[0] in paths) for edge in node.parents
        ]
        if True in on_path:
            paths[node] = on_path
    return paths


# ------------------------------------------------------------------------------ the rules of a call


def run_rules(
    node: Node,
    g: Any,
    on_path: Sequence,
    cotangents: Cotangents,
    create_graph: bool,
    detect_nan: bool,
) -> None:
    """Compute the cotangents of a call's arguments, and add each at its argument's edge.

    g is the cotangent of the call's output, a tuple if it has several. `on_path` has one entry per
    argument, which is true (or an edge) if its cotangent is wanted, and False (or None) if not.
    """
    op, parents = node.op, node.parents
    saved = saved_values(node, create_graph)
    for rule, names, arguments, is_joint in node.plan.calls:
        if detect_nan:
            rule = nan_checked(rule, op, arguments)
        if is_joint:
            needs = [bool(on_path[i]) for i in arguments]
            if True in needs:
                results = [*rule(g, needs, *map(saved.get, names))][::-1]
                for i in arguments:
                    # pop: `add` reuses an array only if nothing else refers to it, no list either.
                    result = results.pop()
                    if on_path[i]:
                        cotangents.add(parents[i], result, op)
        elif on_path[i := arguments[0]]:
            if op.is_variadic:
                result = rule(g, i, *map(saved.get, names))
            else:
                result = rule(g, *map(saved.get, names))
            cotangents.add(parents[i], result, op)


def nan_checked(rule: Callable, op: Any, arguments: tuple[int, ...]) -> Callable:
    """Return the rule, with an error if it makes a NaN of arguments without any."""

    def checked(*values: Any) -> Any:
        result = rule(*values)
        numbers = ", ".join(map(str, arguments))
        check_nan(f"the rule of {op.__name__} for argument {numbers}", result, values)
        return result

    return checked


def saved_values(node: Node, create_graph: bool) -> dict[str, Any]:
    """Return the values that the rules of a call name, as {name: value}.

    If the backward pass itself is recorded (`create_graph`), saved arrays become Tensors of their
    graph again. So what a rule computes from them can be differentiated.
    """
    if node.saved is None:
        raise RuntimeError(
            f"backward: the graph of {node.op.__name__} was freed by an earlier backward; "
            "give that one retain_graph=True"
        )
    if node.time < last_write[0]:
        check_stale(node)
    if not create_graph:
        return node.saved
    tensors = {name: as_tensor(node, node.saved[name], index) for name, index in node.plan.arrays}
    return node.saved | tensors


def check_stale(node: Node) -> None:
    """Raise RuntimeError if an array that a rule will read was written since the forward pass."""
    versions = [*node.argument_versions, *node.versions]
    for name, index in node.plan.arrays:
        for i in index if type(index) is tuple else (index,):
            if versions[i] is not None and versions[i][0] > node.time:
                raise RuntimeError(
                    f"backward through {node.op.__name__}: its {name!r} was written in place "
                    "since the forward; run that again after the write"
                )


def as_tensor(node: Node, array: Any, index: Any) -> Any:
    """Return a saved array as a Tensor of its graph, or unchanged if it was a constant."""
    if type(index) is tuple:
        return tuple(as_tensor(node, a, i) for a, i in zip(array, index))
    k = index - len(node.parents)
    if k < 0:
        edge, version = node.parents[index], node.argument_versions[index]
    else:
        edge, version = (node, k), node.versions[k]
        if node.outputs[k][1].kind != "f":  # an output of integers is a constant
            edge = None
    return array if edge is None else Tensor(array, edge, version)


# --------------------------------------------------------------------------- adding up what arrives


class Cotangents:
    """The sum of the cotangents that have arrived at each edge."""

    def __init__(self):
        self.sums: dict[Edge, Any] = {}
        self.owned: set[Edge] = set()  # edges whose sum no one else holds
        self.zeros: dict[tuple, Any] = {}  # {(shape, dtype): zeros}, see `zeros_like`

    def add(self, edge: Edge, g: Any, op: Any = None) -> None:
        """Add g, which a rule of `op` returned, to the sum at the edge.

        A rule may return one array for two arguments, a view, or an array that it keeps. So a sum
        is updated in place only if nothing else can refer to its array.
        """
        shape, dtype = edge[0].outputs[edge[1]]
        if type(g) is not ndarray or g.shape != shape or g.dtype is not dtype:
            g = fitted(g, shape, dtype, op)
        before = self.sums.get(edge)
        if before is None:
            # Only a leaf's gradient is handed out, so only there does a copy need to be avoided.
            if edge[0].op is None and is_unshared(g):
                self.owned.add(edge)
            self.sums[edge] = g
        elif edge in self.owned and before.size > 1:  # one element is added faster by +
            before += g
        else:
            total = before + g
            self.sums[edge] = total if type(total) is ndarray else as_array(total, like=())
            if type(g) is not Tensor:
                self.owned.add(edge)

    def edges(self) -> Iterable[Edge]:
        """Return the edges at which something has arrived."""
        return self.sums.keys()

    def take(self, node: Node, targets: set[Edge]) -> Any:
        """Return the cotangent of a node's output, and drop it unless it is a target.

        For a call with several outputs, the result is a tuple, with zeros where nothing arrived.
        If nothing arrived at all, it is None.
        """
        if len(node.outputs) == 1:
            edge = (node, 0)
            return self.sums.get(edge) if edge in targets else self.sums.pop(edge, None)
        edges = [(node, k) for k in range(len(node.outputs))]
        found = [self.sums.get(edge) for edge in edges]
        for edge in edges:
            if edge not in targets:
                self.sums.pop(edge, None)
        arrived = [g for g in found if g is not None]
        if not arrived:
            return None
        like = arrived[0]._data if isinstance(arrived[0], Tensor) else arrived[0]
        return tuple(
            self.zeros_like(like, *kind) if g is None else g for g, kind in zip(found, node.outputs)
        )

    def zeros_like(self, like: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """Return zeros on the device of `like`. They are made once: rules only read them."""
        if (shape, dtype) not in self.zeros:
            self.zeros[shape, dtype] = zeros_like(like, shape, dtype)
        return self.zeros[shape, dtype]

    def results(self, targets: set[Edge]) -> dict[Edge, Tensor]:
        """Return the sums at the targets as Tensors; copy arrays that may be in use elsewhere."""
        found = {}
        for edge, g in self.sums.items():
            if edge in targets:
                g = g if edge in self.owned else g.astype(g.dtype)
                found[edge] = g if isinstance(g, Tensor) else Tensor(g)
        return found


def fitted(g: Any, shape: tuple[int, ...], dtype: np.dtype, op: Any) -> Any:
    """Return a cotangent in the shape and dtype of its argument.

    Where the argument was broadcast, each of its elements was used several times, so its cotangent
    is the sum over the axes along which it was repeated.
    """
    if type(g) is not ndarray:
        g = as_array(g, like=())
    if g.shape != shape:
        axes = broadcast_axes(shape, g.shape)
        if axes is None:
            raise ValueError(
                f"a rule of {op.__name__} returned shape {g.shape} for an argument of shape {shape}"
            )
        summed = g.sum(axes, True) if type(g) is Tensor else axis_sum(g, axes, True)
        g = summed.reshape(shape)
    return g if g.dtype == dtype else g.astype(dtype)
