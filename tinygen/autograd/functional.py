"""Gradients as functions, and derivatives along a direction. Read this file fourth.

`jvp` and `hvp` take two backward passes each. They build neither a Jacobian nor a Hessian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .backward import backward_pass
from .tensor import Tensor, tensor


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Iterable[Tensor],
    grad_outputs: Any = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    *,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradient of sum_i <outputs_i, grad_outputs_i> with respect to each input.

        (dx,) = grad(y, x)
        dw, db = grad(loss, [w, b])

    Nothing outside the paths from the outputs to `inputs` is computed.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensors
        What is differentiated.
    inputs : Tensor, or sequence or iterator of Tensors
        Leaves or intermediate results; `model.parameters()`, for example.
    grad_outputs : Tensor, array or sequence of them, optional
        The cotangent of each output, of its shape. It can be left out for outputs of one element.
    create_graph : bool
        Record the backward pass, so that the gradients can be differentiated in turn.
    retain_graph : bool, optional
        Keep what the graph saved for another backward pass; by default as create_graph.
    allow_unused : bool
        Return None for an input on which no output depends. The gradient of a penalty on a
        derivative, for example, has no part for the last bias: the derivative does not depend on
        it.

    Returns
    -------
    tuple of Tensors, one for each input, also of a single one, as in PyTorch
        They are writable and share memory with nothing.

    Raises
    ------
    TypeError
        If an output or an input is not a Tensor.
    ValueError
        If no output depends on one of the inputs and `allow_unused` is not set, or a cotangent has
        another shape.
    RuntimeError
        If the graph was freed, or a value that a rule needs was written in place.
    """
    ys, xs = as_list(outputs), as_list(inputs)
    for v in ys + xs:
        if not isinstance(v, Tensor):
            raise TypeError(
                "grad: outputs and inputs are Tensors or sequences of them; "
                f"here is a {type(v).__name__}"
            )
    gs = [None] * len(ys) if grad_outputs is None else as_list(grad_outputs)
    gradients = backward_pass(ys, gs, xs, create_graph, retain_graph)
    for i, x in enumerate(xs):
        if x._edge not in gradients and not allow_unused:
            reason = (
                "if the outputs were computed from a gradient, that grad needs create_graph=True; "
                "allow_unused=True returns None here"
                if x.requires_grad
                else "it does not require a gradient: set requires_grad=True before the forward"
            )
            raise ValueError(
                f"grad: the outputs do not depend on input {i}, of shape {x.shape}; {reason}"
            )
    found = []
    for i, x in enumerate(xs):
        g = gradients.get(x._edge)
        is_repeated = any(x is other for other in xs[:i])
        found.append(g.copy() if is_repeated and g is not None else g)
    return tuple(found)


def backward(
    output: Tensor,
    gradient: Any = None,
    *,
    inputs: Tensor | Iterable[Tensor] | None = None,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> None:
    """Add the gradient with respect to each leaf into that leaf's `.grad`: `Tensor.backward`.

    Parameters
    ----------
    gradient : Tensor or array, optional
        The cotangent of the output, of its shape. It can be left out if that has one element.
    inputs : leaf or iterable of leaves, optional
        Only these receive a gradient, by default all leaves that the output depends on. A GAN's
        generator step is `loss.backward(inputs=generator.parameters())`: the gradients of the
        discriminator's weights are then neither computed nor changed.
    create_graph : bool
        Record the backward pass, so that the gradients can be differentiated in turn.
    retain_graph : bool, optional
        Keep what the graph saved for another backward pass; by default as create_graph.

    Raises
    ------
    ValueError
        If the output depends on no leaf, `gradient` has another shape, or an input is no leaf.
    RuntimeError
        If the graph was freed by an earlier backward pass, or a value that a rule needs was
        written in place since the forward pass.
    """
    if inputs is not None:
        inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        for i, x in enumerate(inputs):
            if not (x.requires_grad and x.is_leaf):
                raise ValueError(
                    f"backward: input {i}, of shape {x.shape}, is not a leaf that requires a "
                    "gradient; for the gradient in a result use tinygen.grad"
                )
    gradients = backward_pass([output], [gradient], inputs, create_graph, retain_graph)
    for (leaf, _), g in gradients.items():
        x = leaf.tensor()
        if x is None:  # the leaf's last name is gone, so nobody can read its gradient
            continue
        if x.grad is None:
            x.grad = g
        else:
            x.grad = (x.grad if create_graph else x.grad.detach()) + g


def as_list(value: Any) -> list:
    """Return a tuple, list or iterator as a list, and any other value as a list of one element."""
    return list(value) if isinstance(value, (tuple, list, Iterator)) else [value]


def jvp(f: Callable, x: Any, v: Any) -> tuple[Tensor, Tensor]:
    """Return f(x) and the directional derivative J v, where J = df/dx.

    **Math**
    One backward pass through f computes h(u) = J^T u for any cotangent u.
    h is linear in u, so its Jacobian dh/du = J^T is the same at every u; u = 0 will do.
    A backward pass through h with the cotangent v computes (dh/du)^T v.
    That is (J^T)^T v = J v.

    Parameters
    ----------
    f : callable
        From a Tensor to a Tensor.
    x, v : Tensor or array
        The point and the direction, of one shape.
    """
    x = tensor(x, requires_grad=True)
    y = f(x)
    u = tensor(np.zeros_like(y._data), requires_grad=True)
    h = backward_pass([y], [u], [x], create_graph=True, retain_graph=True).get(x._edge)
    jv = gradient_or_none(h, u, v)
    return y.detach(), Tensor(np.zeros_like(y._data)) if jv is None else jv


def hvp(f: Callable, x: Any, v: Any) -> Tensor:
    """Return the Hessian of the scalar function f at x times v, without building the Hessian.

    **Math**
    Let g(x) be the gradient of f. The gradient of the scalar <g(x), v> with respect to x is
    (dg/dx)^T v. The Jacobian dg/dx is the Hessian H, which is symmetric, so this is H v.

    Parameters
    ----------
    f : callable
        From a Tensor to a Tensor of one element.
    x, v : Tensor or array
        The point and the direction, of one shape.
    """
    x = tensor(x, requires_grad=True)
    (g,) = grad(f(x), x, create_graph=True)
    hv = gradient_or_none(g, x, v)
    return Tensor(np.zeros_like(x._data)) if hv is None else hv


def gradient_or_none(h: Tensor | None, x: Tensor, v: Any) -> Tensor | None:
    """Return the gradient of <h, v> with respect to x, or None if h does not depend on x."""
    if h is None or not h.requires_grad:
        return None
    return backward_pass([h], [v], [x]).get(x._edge)
