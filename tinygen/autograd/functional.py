"""Derivatives along a direction, without building a Jacobian or a Hessian: two backward passes each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .backward import backward_pass
from .tensor import Tensor, tensor


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
    found = backward_pass(ys, gs, xs, create_graph, retain_graph)
    for i, x in enumerate(xs):
        if x._edge not in found:
            raise ValueError(f"grad: the outputs do not depend on input {i}, of shape {x.shape} (requires_grad={x.requires_grad})")
    return found[xs[0]._edge] if isinstance(inputs, Tensor) else tuple(found[x._edge] for x in xs)


def jvp(f: Callable, x: Tensor, v) -> tuple[Tensor, Tensor]:
    """f(x) and the directional derivative J v, J = df/dx, for f from a Tensor to a Tensor and v of x's shape (array or Tensor).

    Reverse mode gives h(u) = J^T u, which is linear in u: its own vector-Jacobian product in the direction v is (J^T)^T v = J v.
    """
    x = tensor(x, requires_grad=True)
    y = f(x)
    u = tensor(np.zeros_like(y._data), requires_grad=True)
    h = backward_pass([y], [u], [x], True, True).get(x._edge)
    jv = None if h is None or h._edge is None else backward_pass([h], [v], [u], False, False).get(u._edge)
    return y.detach(), Tensor(np.zeros_like(y._data)) if jv is None else jv


def hvp(f: Callable, x: Tensor, v) -> Tensor:
    """The Hessian of the scalar function f at x times v, of x's shape: the gradient of <grad f(x), v>, without building the Hessian."""
    x = tensor(x, requires_grad=True)
    g = grad(f(x), x, create_graph=True)
    hv = None if g._edge is None else backward_pass([g], [v], [x], False, False).get(x._edge)
    return Tensor(np.zeros_like(x._data)) if hv is None else hv
