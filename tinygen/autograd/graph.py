"""The recorded graph as data: boxes and arrows, for `plot.Graph` to draw.

The graph is walked from the tensors that have labels, through the parents of each node, as the
backward pass walks it. Where the gradient goes is read from the graph too: starting at the output,
it reaches what lies behind each argument that requires a gradient and has a rule.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from .backward import ancestors
from .tensor import Node, Tensor

__all__ = ["Arrow", "Box", "describe_graph"]


class Box(NamedTuple):
    """A recorded call, a parameter, or a constant."""

    kind: str  # "op", "leaf", "constant", or "sampled": a constant drawn at random
    text: str  # the name of the op, or the label of anything else
    label: str  # of the result of an op, if it has one
    has_gradient: bool  # whether the gradient of the output reaches it
    parameters: str = ""  # the parameters that only this op uses


class Arrow(NamedTuple):
    """From one box to another, by their keys."""

    start: Hashable
    end: Hashable
    kind: str  # "gradient": it flows back here; "value": none does; "sampled": a random draw


def describe_graph(
    tensors: Mapping[str, Tensor], sampled: Mapping[str, Sequence[str]]
) -> tuple[dict[Hashable, Box], list[Arrow]]:
    """Return the boxes, by key, and the arrows of everything recorded on the way to some tensors.

    Parameters
    ----------
    tensors : {label: Tensor}
        The gradient starts at the first.
    sampled : {label: labels}
        For a constant that was drawn at random from other results: the graph does not know it.

    Raises
    ------
    ValueError
        If the first tensor was not recorded.
    """
    edges = {label: t._edge for label, t in tensors.items()}
    output = next(iter(edges.values()), None)
    if output is None:
        raise ValueError(
            "Graph: the first tensor is where the gradient starts; this one was recorded nowhere"
        )
    nodes = ancestors([edge for edge in edges.values() if edge is not None])
    labels = {edge: label for label, edge in edges.items() if edge is not None}
    constants = {id(t._version): label for label, t in tensors.items() if t._edge is None}
    reached = nodes_with_gradient(nodes, output[0])
    inside = parameters_used_once(nodes)
    boxes = {
        node: box_of(node, labels.get((node, 0), ""), node in reached)
        for node in nodes
        if node not in inside
    }
    arrows = []
    for node in nodes:
        for i, edge in enumerate(node.parents):
            if edge is not None and edge[0] not in inside:
                has_gradient = node in reached and i in differentiated(node)
                arrows.append(Arrow(edge[0], node, "gradient" if has_gradient else "value"))
            elif edge is None and (label := constants.get(id(node.argument_versions[i]))):
                is_sampled = label in sampled
                key = label if is_sampled else (label, node)  # a constant has a box at each use
                boxes[key] = Box("sampled" if is_sampled else "constant", label, "", False)
                arrows.append(Arrow(key, node, "value"))
        names = [
            labels.get(edge, "") or node.op.arguments[0 if node.op.is_variadic else i]
            for i, edge in enumerate(node.parents)
            if edge is not None and edge[0] in inside
        ]
        if names:
            boxes[node] = boxes[node]._replace(parameters=", ".join(names))
    for label in boxes.keys() & sampled.keys():
        arrows += [Arrow(edges[source][0], label, "sampled") for source in sampled[label]]
    return boxes, arrows


def box_of(node: Node, label: str, has_gradient: bool) -> Box:
    """Return the box of a recorded call or of a leaf."""
    if node.op is None:
        return Box("leaf", label, label, has_gradient)
    return Box("op", node.op.__name__.strip("_"), label, has_gradient)


def nodes_with_gradient(nodes: list, output: Node) -> set:
    """Return the nodes that the gradient of the output reaches."""
    reached = {output}
    for node in reversed(nodes):  # from the newest: whatever uses a node comes before it
        if node in reached:
            reached |= {node.parents[i][0] for i in differentiated(node)}
    return reached


def parameters_used_once(nodes: list) -> set:
    """Return the leaves that one call uses, once: they are drawn inside its box."""
    users: dict = {}
    for node in nodes:
        for edge in node.parents:
            if edge is not None:
                users.setdefault(edge[0], []).append(node)
    return {node for node in nodes if node.op is None and len(users.get(node, ())) == 1}


def differentiated(node: Node) -> list[int]:
    """Return the places of a call's arguments that have a rule and require a gradient."""
    if node.op is None:
        return []
    places = [i for call in node.plan.calls for i in call.arguments]
    return [i for i in places if node.parents[i] is not None]
