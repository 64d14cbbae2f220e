"""Optimizers: from a gradient to a step. Names, argument order, defaults and semantics are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..autograd.tensor import Tensor
from ..backend.fused import in_blocks
from ..nn.module import Module, is_leaf
from ..nn.state import check_state_dict, to_device_of

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop"]

Array = Any


class Optimizer:
    """What the optimizers share: a list of parameters, arrays of state beside each, and `lr`, which a schedule sets between steps.

    `slots` names the arrays of state, one of each a parameter, of its shape, dtype and layout, zero at first; `steps` counts the updates of each.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Tensor], lr: float):
        name = type(self).__name__
        if isinstance(parameters, (Tensor, Module)):
            raise TypeError(f"{name}: give the parameters as a list, [tensor] or model.parameters(), not a {type(parameters).__name__}")
        self.parameters = list(parameters)
        if not self.parameters:
            raise ValueError(f"{name}: there is no parameter to optimize; are the layers attributes of the model, and is parameters() called on it?")
        for i, p in enumerate(self.parameters):
            if not isinstance(p, Tensor):
                raise TypeError(f"{name}: parameter {i} is a {type(p).__name__}, not a Tensor; give model.parameters(), not named_parameters()")
            if not is_leaf(p):
                raise ValueError(
                    f"{name}: parameter {i}, of shape {p.shape}, is the result of a computation: optimize the leaf tensors it was "
                    "computed from"
                )
            if not p.requires_grad:
                raise ValueError(
                    f"{name}: parameter {i}, of shape {p.shape}, requires no gradient, so it would never change; leave it out, or "
                    "unfreeze it first"
                )
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError(f"{name}: a parameter is in the list twice, and would take two steps at once; give each once")
        check_range(name, lr=(lr, 0))
        self.lr = self.base_lr = lr  # LRSchedule multiplies base_lr
        self.steps = [0] * len(self.parameters)
        self.state = [tuple(np.zeros_like(p.data) for _ in self.slots) for p in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: `.grad` becomes None."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Update, in place, every parameter that has a gradient; those without one are left alone, their state too.

        Raises ValueError, having changed nothing, if a gradient is not of its parameter's shape.
        """
        for i, p in enumerate(self.parameters):  # all are checked before any is changed
            if p.grad is not None and (p.grad.shape, p.grad.dtype.kind) != (p.shape, "f"):
                raise ValueError(
                    f"{type(self).__name__}.step: the gradient of parameter {i} is {p.grad.dtype} {p.grad.shape}, the parameter {p.dtype} {p.shape}; "
                    "no parameter was changed"
                )
        jobs = []
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.steps[i] += 1
                p.touch()
                jobs.append((self._update(self.steps[i]), (p.data, p.grad.data, *self.state[i])))
        in_blocks(jobs)

    def _update(self, t: int) -> Callable:
        """The t-th update of a parameter: f(p, g, *state, scratch), which changes p and the state in place, element by element, and leaves g."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, Array]:
        return {f"{i}.{slot}": a for i, arrays in enumerate(self.state) for slot, a in zip(self.slots, arrays)}

    def state_dict(self) -> dict[str, Any]:
        """{"kind", "lr", "steps", "0.<slot>", ...}: all that the next steps depend on beside parameters, gradients and the constructor's settings."""
        arrays = {name: a.copy() for name, a in self._arrays().items()}
        return {"kind": type(self).__name__, "lr": self.lr, "steps": np.array(self.steps), **arrays}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the optimizer that gave `state` was, its lr included. Raises ValueError, having changed nothing, if it was one of
        another kind or of other parameters."""
        name, arrays = type(self).__name__, self._arrays()
        if isinstance(state, Mapping) and state.get("kind", name) != name:
            raise ValueError(f"load_state_dict: the state is of a {state['kind']}, this is a {name}")
        check_state_dict(name, {"kind": name, "lr": self.lr, "steps": np.array(self.steps), **arrays}, state)
        self.lr, self.steps = float(state["lr"]), [int(n) for n in state["steps"]]
        for key, a in arrays.items():
            a[...] = to_device_of(state[key], a)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as PyTorch has it (Sutskever et al. 2013 scale the velocity by lr, PyTorch does not):

        g <- g + weight_decay p
        b <- momentum b + (1 - dampening) g        (b = g at the first step)
        p <- p - lr b                              with nesterov, p - lr (g + momentum b)
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False,
    ):  # fmt: skip
        check_range("SGD", momentum=(momentum, 0), weight_decay=(weight_decay, 0))
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("SGD: nesterov looks ahead along the momentum, so it needs momentum > 0 and dampening = 0")
        self.slots = ("momentum",) if momentum else ()
        self.momentum, self.dampening, self.weight_decay, self.nesterov = momentum, dampening, weight_decay, nesterov
        super().__init__(parameters, lr)

    def _update(self, t):
        lr, momentum, decay, nesterov = float(self.lr), self.momentum, self.weight_decay, self.nesterov
        damping = 1 - self.dampening if t > 1 else 1.0

        def plain(p, g, scratch):
            g = _decayed(g, p, decay, scratch)
            np.multiply(g, lr, out=scratch)
            np.subtract(p, scratch, out=p)

        def with_momentum(p, g, b, scratch):
            g = _decayed(g, p, decay, scratch)
            np.multiply(b, momentum, out=b)
            if nesterov:  # p - lr (g + momentum b), where damping is 1
                np.add(b, g, out=b)
                step = np.add(g, b * momentum, out=scratch)
            else:
                np.add(b, g if damping == 1 else np.multiply(g, damping, out=scratch), out=b)
                step = b
            np.multiply(step, lr, out=scratch)
            np.subtract(p, scratch, out=p)

        return with_momentum if momentum else plain


class RMSprop(Optimizer):
    """Gradient over its running root mean square (Hinton 2012), as PyTorch has it:

        g <- g + weight_decay p
        v <- alpha v + (1 - alpha) g^2;   s = sqrt(v) + eps        centered: a <- alpha a + (1 - alpha) g, s = sqrt(v - a^2) + eps
        b <- momentum b + g / s
        p <- p - lr b
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False,
    ):  # fmt: skip
        check_range("RMSprop", alpha=(alpha, 0, 1), eps=(eps, 0), weight_decay=(weight_decay, 0), momentum=(momentum, 0))
        self.slots = ("square", *["momentum"] * bool(momentum), *["mean"] * centered)
        self.alpha, self.eps, self.weight_decay, self.momentum, self.centered = alpha, eps, weight_decay, momentum, centered
        super().__init__(parameters, lr)

    def _update(self, t):
        lr, alpha, eps, decay, momentum, centered = float(self.lr), self.alpha, self.eps, self.weight_decay, self.momentum, self.centered

        def update(p, g, v, *rest):
            *state, scratch = rest
            g = _decayed(g, p, decay, np.empty_like(scratch) if decay else None)
            _average(v, np.square(g, out=scratch), alpha)
            if centered:
                mean = state[-1]
                _average(mean, np.multiply(g, 1, out=scratch), alpha)
                np.multiply(mean, mean, out=scratch)
                np.maximum(np.subtract(v, scratch, out=scratch), 0, out=scratch)  # a variance: below 0 only by rounding
                np.sqrt(scratch, out=scratch)
            else:
                np.sqrt(v, out=scratch)
            np.add(scratch, eps, out=scratch)
            np.divide(g, scratch, out=scratch)
            if momentum:
                b = state[0]
                np.multiply(b, momentum, out=b)
                np.add(b, scratch, out=b)
                np.multiply(b, lr, out=scratch)
            else:
                np.multiply(scratch, lr, out=scratch)
            np.subtract(p, scratch, out=p)

        return update


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015): a weighted mean of past gradients over the root of one of their squares,

        g <- g + weight_decay p
        p <- p - lr m / (sqrt(v) + eps),    m = sum_i beta1^(t-i) g_i / sum_i beta1^(t-i),    v = sum_i beta2^(t-i) g_i^2 / sum_i beta2^(t-i).

    Kept are the sums above the fraction bars, M <- beta1 M + g and V <- beta2 V + g^2; the sums below them, (1 - beta^t) / (1 - beta), are numbers.
    The paper keeps (1 - beta1) M and (1 - beta2) V, averages that start at zero, and corrects that bias by dividing by 1 - beta^t: the same
    numbers in two more operations. eps is added to the corrected root, as in the paper and in PyTorch.
    """

    slots = ("sum", "sum_of_squares")

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
    ):
        check_range(type(self).__name__, beta1=(betas[0], 0, 1), beta2=(betas[1], 0, 1), eps=(eps, 0), weight_decay=(weight_decay, 0))
        self.betas, self.eps, self.weight_decay = tuple(betas), eps, weight_decay
        super().__init__(parameters, lr)

    def _update(self, t):
        beta1, beta2 = self.betas
        weights1, weights2 = ((1 - beta**t) / (1 - beta) for beta in self.betas)
        # m / (sqrt(v) + eps) = (M / weights1) / (sqrt(V / weights2) + eps) = rate M / (sqrt(V) + shift)
        rate, shift = float(self.lr) * math.sqrt(weights2) / weights1, self.eps * math.sqrt(weights2)
        keep, decay = self._decay()

        def update(p, g, total, squares, scratch):
            if keep != 1:
                np.multiply(p, keep, out=p)
            g = _decayed(g, p, decay, np.empty_like(scratch) if decay else None)
            np.multiply(total, beta1, out=total)
            np.add(total, g, out=total)
            np.square(g, out=scratch)
            np.multiply(squares, beta2, out=squares)
            np.add(squares, scratch, out=squares)
            np.sqrt(squares, out=scratch)
            np.add(scratch, shift, out=scratch)
            np.divide(total, scratch, out=scratch)
            np.multiply(scratch, rate, out=scratch)
            np.subtract(p, scratch, out=p)

        return update

    def _decay(self) -> tuple[float, float]:
        """What p is multiplied by, and how much of p is added to g."""
        return 1, self.weight_decay


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): p <- (1 - lr weight_decay) p before the step, and the gradient stays
    as it is, so that weights with large gradients decay no slower than others."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def _decay(self):
        return 1 - float(self.lr) * self.weight_decay, 0.0


def _decayed(g, p, decay, out):
    """g + decay p, written into `out`; g itself without decay."""
    if not decay:
        return g
    np.multiply(p, decay, out=out)
    return np.add(g, out, out=out)


def _average(mean, new, share):
    """mean <- share mean + (1 - share) new, in place; `new` is spent."""
    np.multiply(mean, share, out=mean)
    np.multiply(new, 1 - share, out=new)
    np.add(mean, new, out=mean)


def check_range(name: str, **values: tuple) -> None:
    """Raise ValueError unless low <= value < high, for each (value, low) or (value, low, high)."""
    for what, (value, low, *rest) in values.items():
        high = rest[0] if rest else math.inf
        if not low <= value < high:
            raise ValueError(f"{name}: {what}={value} must be at least {low}" + (f" and less than {high}" if rest else " and finite"))
