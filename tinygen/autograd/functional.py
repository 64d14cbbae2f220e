"""Derivatives along a direction, without building a Jacobian or a Hessian: two backward passes each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .engine import Tensor, _walk, grad, tensor


def jvp(f: Callable, x: Tensor, v) -> tuple[Tensor, Tensor]:
    """f(x) and the directional derivative J v, J = df/dx, for f from a Tensor to a Tensor and v of x's shape (array or Tensor).

    Reverse mode gives h(u) = J^T u, which is linear in u: its own vector-Jacobian product in the direction v is (J^T)^T v = J v.
    """
    x = tensor(x, requires_grad=True)
    y = f(x)
    u = tensor(np.zeros_like(y._data), requires_grad=True)
    h = _walk([y], [u], [x], True, True).get(x._edge)
    jv = None if h is None or h._edge is None else _walk([h], [v], [u], False, False).get(u._edge)
    return y.detach(), Tensor(np.zeros_like(y._data)) if jv is None else jv


def hvp(f: Callable, x: Tensor, v) -> Tensor:
    """The Hessian of the scalar function f at x times v, of x's shape: the gradient of <grad f(x), v>, without building the Hessian."""
    x = tensor(x, requires_grad=True)
    g = grad(f(x), x, create_graph=True)
    hv = None if g._edge is None else _walk([g], [v], [x], False, False).get(x._edge)
    return Tensor(np.zeros_like(x._data)) if hv is None else hv
