"""What the engine has recorded, as boxes, arrows and places on a page: what `plot.save_graph` draws.

A graph is walked from the tensors that have names, through each node's parents, as the backward pass walks it. Where the gradient goes is not guessed: from
the output on, it reaches what lies behind an argument that was recorded and has a rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .backward import ancestors
from .tensor import Tensor

__all__ = ["laid_out"]


def laid_out(tensors: Mapping[str, Tensor], drawn: Mapping[str, Sequence[str]]):
    """What is to be drawn, by key (a node, or a constant's label): boxes {key: (kind, text, label, gradient)}, arrows [(from, to, kind)] and places."""
    edges = {label: t._edge for label, t in tensors.items()}
    names = {edge: label for label, edge in edges.items() if edge is not None}
    constants = {id(t._version): label for label, t in tensors.items() if t._edge is None}
    output = next(iter(edges.values()), None)
    if output is None:
        raise ValueError("save_graph: the first tensor of each panel is where the gradient starts; this one was recorded nowhere")
    nodes = ancestors([edge for edge in edges.values() if edge is not None])
    reached = {output[0]}
    for node in reversed(nodes):  # newest first: whoever uses a node comes before it
        if node in reached:
            reached |= {node.parents[i][0] for i in _differentiated(node)}
    users: dict = {}
    for node in nodes:
        for edge in node.parents:
            if edge is not None:
                users.setdefault(edge[0], []).append(node)
    boxes, arrows, tags = {}, [], {}
    for node in nodes:
        label = names.get((node, 0), "")
        if node.op is None and len(users.get(node, ())) == 1:
            tags[node] = label  # a parameter used once hangs under its op
        else:
            boxes[node] = ("leaf" if node.op is None else "op", label if node.op is None else node.op.__name__.strip("_"), label, node in reached)
    for node in nodes:
        for i, edge in enumerate(node.parents):
            if edge is None:
                if node.op and (label := constants.get(id(node.argument_versions[i]))):
                    key = label if label in drawn else (label, node)  # a constant stands beside each of its uses
                    boxes[key] = ("drawn" if label in drawn else "constant", label, "", False)
                    arrows.append((key, node, "value"))
            elif edge[0] not in tags:
                arrows.append((edge[0], node, "gradient" if node in reached and i in _differentiated(node) else "value"))
        hanging = [edge[0] for edge in node.parents if edge is not None and edge[0] in tags]
        if hanging:
            texts = [tags[leaf] or node.op.arguments[[e and e[0] for e in node.parents].index(leaf)] for leaf in hanging]
            boxes[node] = (*boxes[node], ", ".join(texts))
    for label in boxes.keys() & drawn.keys():
        arrows += [(edges[source][0], label, "drawn") for source in drawn[label]]
    return boxes, arrows, _places([*boxes], [(a, b) for a, b, _ in arrows])


def _differentiated(node) -> list[int]:
    """The arguments of a recorded call that have a rule, and something behind them that wants a gradient."""
    targets = [i for call in node.plan.calls for i in call.arguments] if node.op else []
    return [i for i in targets if node.parents[i] is not None]


def _places(keys: list, arrows: list) -> dict:
    """(column, height) of each key: columns by the longest way from a source, sources right before their first use; heights near the neighbours'."""
    before, after = {k: [] for k in keys}, {k: [] for k in keys}
    for a, b in arrows:
        before[b].append(a)
        after[a].append(b)
    column: dict = {}
    for k in sorted(keys, key=lambda k: getattr(k, "time", math.inf)):  # sources first of all, then results in their order
        stack = [k]
        while stack:
            if waiting := [a for a in before[stack[-1]] if a not in column]:
                stack += waiting
            else:
                k = stack.pop()
                column[k] = 1 + max((column[a] for a in before[k]), default=-1)
    sources = [k for k in keys if not before[k] and after[k]]
    first, inner = 0 if sources else min(column.values()), [k for k in keys if k not in sources]
    levels = [[k for k in inner if column[k] == c] for c in range(first, max(column.values()) + 1)]
    y = {k: (len(level) - 1) / 2 - i for level in levels for i, k in enumerate(level)}
    for sweep in range(12):
        for level in levels[:: -1 if sweep % 2 else 1]:
            wish = {k: float(np.mean([y[n] for n in before[k] + after[k] if n in y] or [y[k]])) for k in level}
            level.sort(key=lambda k: (wish[k], y[k]))
            height = -math.inf
            for k in level:
                height = y[k] = max(wish[k], height + 1.15)
            shift = sum(wish[k] - y[k] for k in level) / max(len(level), 1)
            for k in level:
                y[k] += shift
    for k in sources:  # to the left of its first use, or, where something stands there, below it
        user = min(after[k], key=column.get)
        spots = [(column[user] - 1, y[user]), *((column[user], y[user] - 1.1 * i) for i in range(1, len(keys) + 1))]
        column[k], y[k] = next((c, h) for c, h in spots if all(column[n] != c or abs(h - y[n]) > 0.9 for n in y))
    first = min(column.values())
    return {k: (column[k] - first, y[k]) for k in keys}
