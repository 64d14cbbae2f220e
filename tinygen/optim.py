"""Optimizers, learning-rate schedules, gradient clipping and the exponential moving average of weights.

    optimizer = Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        optimizer.lr = 1e-3 * warmup_cosine(step, warmup=100, steps=steps)
        optimizer.zero_grad()
        loss(model(batch)).backward()
        optimizer.step()

Names, argument order, defaults and semantics are PyTorch's. All arithmetic is in the parameters' own dtype.

**How a step is made fast.** An update is a dozen element-wise operations on four arrays. One operation at a time over a large array, each would
stream it through main memory; so parameters are cut into blocks of 32,768 elements and a block goes through all operations while it is in cache.
Blocks are shared among the threads of `backend.parallel`; element-wise work has the same bits however it is cut.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backend import array_module, parallel
from .engine import Tensor
from .nn.module import Module, check_state, is_leaf, like

__all__ = [
    "Adam", "AdamW", "ExponentialMovingAverage", "Optimizer", "RMSprop", "SGD", "clip_grad_norm", "constant", "cosine_decay", "linear_decay", "warmup_cosine",
]

Array = Any
BLOCK = 1 << 15  # elements: with p, g and three more arrays 640 kB in float32, which a core's second cache holds
_ALONE = 1 << 16  # below so many elements, waking another thread takes longer than the work


# -------------------------------------------------------------------------------------------------------------- in blocks

_local = threading.local()  # .scratch: one block, of each thread


def _in_blocks(jobs: list[tuple[Callable, tuple[Array, ...]]]) -> None:
    """For each (f, arrays) call f(*blocks, scratch) for all blocks of its arrays, which have one shape. f works element by element and in place; it
    only reads its second array (a gradient).

    Arrays that are not NumPy's are one block, whose operations their library runs in parallel itself.
    """
    chunks = []
    for f, arrays in jobs:
        if all(type(a) is np.ndarray for a in arrays) and (flat := _flat(arrays)):
            chunks += [(f, flat, slice(i, i + BLOCK)) for i in range(0, flat[0].size, BLOCK)]
        else:
            array_module(*arrays)  # raises if they lie on two devices
            f(*arrays, np.empty_like(arrays[0]))

    def run(i: int) -> None:
        f, flat, block = chunks[i]
        parts = [a[block] for a in flat]
        size, dtype = parts[0].size, parts[0].dtype
        scratch = getattr(_local, "scratch", None)
        if scratch is None or scratch.dtype != dtype:
            scratch = _local.scratch = np.empty(BLOCK, dtype)
        f(*parts, scratch[:size])

    if sum(flat[0].size for _, flat, block in chunks if block.start == 0) < _ALONE:
        for i in range(len(chunks)):
            run(i)
    else:
        parallel(run, len(chunks))


def _flat(arrays: tuple[Array, ...]) -> list[Array] | None:
    """The arrays as vectors, in the order in which the first lies in memory: views, but for the second, which may be a copy. None if another would be."""
    first = arrays[0]
    if not first.flags.c_contiguous:
        axes = sorted(range(first.ndim), key=lambda i: -first.strides[i])
        arrays = tuple(a.transpose(axes) for a in arrays)
    if all(a.flags.c_contiguous for k, a in enumerate(arrays) if k != 1):
        return [a.reshape(-1) for a in arrays]
    return None


# -------------------------------------------------------------------------------------------------------------- optimizers


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
                raise ValueError(f"{name}: parameter {i}, of shape {p.shape}, is the result of a computation: optimize the leaf tensors it was computed from")
            if not p.requires_grad:
                raise ValueError(f"{name}: parameter {i}, of shape {p.shape}, requires no gradient, so it would never change; leave it out, or unfreeze it first")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError(f"{name}: a parameter is in the list twice, and would take two steps at once; give each once")
        _check(name, lr=(lr, 0, math.inf))
        self.lr = lr
        self.steps = [0] * len(self.parameters)
        self.state = [tuple(np.zeros_like(p.data) for _ in self.slots) for p in self.parameters]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: `.grad` becomes None."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Update, in place, every parameter that has a gradient; those without one are left alone, their state too."""
        jobs = []
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                self.steps[i] += 1
                p.touch()
                jobs.append((self._update(self.steps[i]), (p.data, p.grad.data, *self.state[i])))
        _in_blocks(jobs)

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
        """Go on where the optimizer that gave `state` was, its lr included. Raises ValueError, having changed nothing, if it was one of another kind or of
        other parameters."""
        name, arrays = type(self).__name__, self._arrays()
        if isinstance(state, Mapping) and state.get("kind", name) != name:
            raise ValueError(f"load_state_dict: the state is of a {state['kind']}, this is a {name}")
        check_state(name, {"kind": name, "lr": self.lr, "steps": np.array(self.steps), **arrays}, state)
        self.lr, self.steps = float(state["lr"]), [int(n) for n in state["steps"]]
        for key, a in arrays.items():
            a[...] = like(state[key], a)


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, as PyTorch has it (Sutskever et al. 2013 scale the velocity by lr, PyTorch does not):

        g <- g + weight_decay p
        b <- momentum b + (1 - dampening) g        (b = g at the first step)
        p <- p - lr b                              with nesterov, p - lr (g + momentum b)
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0, nesterov: bool = False
    ):
        _check("SGD", momentum=(momentum, 0, math.inf), weight_decay=(weight_decay, 0, math.inf))
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
        self, parameters: Iterable[Tensor], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0,
        centered: bool = False,
    ):  # fmt: skip
        _check("RMSprop", alpha=(alpha, 0, 1), eps=(eps, 0, math.inf), weight_decay=(weight_decay, 0, math.inf), momentum=(momentum, 0, math.inf))
        self.slots = ("square", *["momentum"] * bool(momentum), *["mean"] * centered)
        self.alpha, self.eps, self.weight_decay, self.momentum, self.centered = alpha, eps, weight_decay, momentum, centered
        super().__init__(parameters, lr)

    def _update(self, t):
        lr, alpha, eps, decay, momentum, centered = float(self.lr), self.alpha, self.eps, self.weight_decay, self.momentum, self.centered

        def update(p, g, v, *rest):
            *state, scratch = rest
            g = _decayed(g, p, decay, np.empty_like(scratch) if decay else None)
            _average(v, np.multiply(g, g, out=scratch), alpha)
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
        _check(type(self).__name__, beta1=(betas[0], 0, 1), beta2=(betas[1], 0, 1), eps=(eps, 0, math.inf), weight_decay=(weight_decay, 0, math.inf))
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
            np.multiply(g, g, out=scratch)
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
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019): p <- (1 - lr weight_decay) p before the step, and the gradient stays as it is, so that
    weights with large gradients decay no slower than others."""

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


def _check(name: str, **values: tuple[float, float, float]) -> None:
    """Each (value, low, high): low <= value, and value < high unless it may be anything above."""
    for what, (value, low, high) in values.items():
        if not low <= value < high:
            raise ValueError(f"{name}: {what}={value} must be at least {low}" + (f" and less than {high}" if high < math.inf else " and finite"))


# -------------------------------------------------------------------------------------------------------------- schedules


def constant(step: int) -> float:
    """1 at every step: factors are for `optimizer.lr = base * factor`."""
    return 1.0


def linear_decay(step: int, *, steps: int, final: float = 0.0) -> float:
    """From 1 at step 0 in a straight line to `final` at `steps`, and `final` from then on."""
    return 1 - (1 - final) * _share("linear_decay", step, steps)


def cosine_decay(step: int, *, steps: int, final: float = 0.0) -> float:
    """From 1 at step 0 along half a cosine to `final` at `steps`, and `final` from then on (Loshchilov and Hutter 2017, without restarts)."""
    return final + (1 - final) * (1 + math.cos(math.pi * _share("cosine_decay", step, steps))) / 2


def warmup_cosine(step: int, *, warmup: int, steps: int, final: float = 0.0) -> float:
    """(step + 1) / warmup for the first `warmup` steps, so that none is wasted on a factor of 0; then `cosine_decay` from 1 there to `final` at `steps`."""
    if not 0 <= warmup < steps:
        raise ValueError(f"warmup_cosine: warmup={warmup} must be at least 0 and less than steps={steps}")
    return (step + 1) / warmup if step < warmup else cosine_decay(step - warmup, steps=steps - warmup, final=final)


def _share(name: str, step: int, steps: int) -> float:
    if steps < 1 or step < 0:
        raise ValueError(f"{name}: steps={steps} must be at least 1 and step={step} at least 0")
    return min(step / steps, 1.0)


# -------------------------------------------------------------------------------------------------------------- clipping


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients by one factor, in place, so that their joint Euclidean norm is at most `max_norm`; return the norm they had.

    Parameters without a gradient count for nothing. Raises FloatingPointError, with all gradients as they were, if one holds NaN or infinity: scaled
    by such a norm every parameter would become NaN. (PyTorch lets that happen, unless told otherwise.) The norm is needed as a number here, so on
    a GPU this waits for the gradients.
    """
    if isinstance(parameters, Tensor):
        raise TypeError("clip_grad_norm: give the parameters as a list")
    if not max_norm > 0:
        raise ValueError(f"clip_grad_norm: max_norm={max_norm} must be positive")
    parameters = list(parameters)
    grads = [(i, p.grad.data) for i, p in enumerate(parameters) if p.grad is not None]
    total = math.sqrt(sum(_sum_of_squares(g) for _, g in grads))
    if not math.isfinite(total):
        largest = [float(np.abs(g).max()) if g.size else 0.0 for _, g in grads]
        for (i, g), a in zip(grads, largest):
            if not math.isfinite(a):
                raise FloatingPointError(
                    f"clip_grad_norm: the gradient of parameter {i}, of shape {g.shape}, holds NaN or infinity; no gradient was changed. "
                    "Run the step under tinygen.detect_nan() to see where it rose"
                )
        top = max(largest)  # all are finite: only the squares overflowed
        total = top * math.sqrt(sum(_sum_of_squares(g / top) for _, g in grads))
    if total > max_norm:
        factor = max_norm / total
        for i, g in grads:
            np.multiply(g, factor, out=g)
            parameters[i].grad.touch()
    return total


def _sum_of_squares(g: Array) -> float:
    if type(g) is not np.ndarray:
        return float((g * g).sum())
    g = g.ravel(order="K")
    with np.errstate(over="ignore"):
        return sum(float(np.dot(b, b)) for b in (g[i : i + BLOCK] for i in range(0, g.size, BLOCK)))  # short sums, so that float32 suffices


# -------------------------------------------------------------------------------------------------------------- average of weights


class ExponentialMovingAverage:
    """A second set of a module's weights that follows the first: average <- decay average + (1 - decay) weight at each `update()`.

    It begins as a copy. It averages over about 1 / (1 - decay) updates, and samples from it are usually better than from the last weights. Buffers are
    not averaged: the module's own are in use either way.

        ema = ExponentialMovingAverage(generator, decay=0.999)
        ...                         # after each optimizer.step(): ema.update()
        with ema.weights():         # the module computes with the averages here
            samples = generator(z)
    """

    def __init__(self, module: Module, decay: float):
        _check("ExponentialMovingAverage", decay=(decay, 0, 1))
        self.module, self.decay = module, decay
        self._averages = {}
        for name, p in module.named_parameters():
            self._averages[name] = np.empty_like(p.data)  # the layout of the parameter, which copy() would lose
            self._averages[name][...] = p.data
        if not self._averages:
            raise ValueError(f"ExponentialMovingAverage: {type(module).__name__} has no parameters to average")
        self._swapped = False

    def _ready(self, what: str) -> dict[str, Tensor]:
        if self._swapped:
            raise RuntimeError(f"ExponentialMovingAverage.{what}: inside `with weights()` the module holds the averages; do this outside")
        parameters = dict(self.module.named_parameters())
        if parameters.keys() != self._averages.keys():
            raise RuntimeError(f"ExponentialMovingAverage.{what}: the module's parameters have changed since; they were {', '.join(self._averages)}")
        return parameters

    def update(self) -> None:
        """Move the averages towards the weights by a share of 1 - decay."""
        share = 1 - self.decay

        def follow(average, p, scratch):
            np.subtract(p, average, out=scratch)
            np.multiply(scratch, share, out=scratch)
            np.add(average, scratch, out=average)

        _in_blocks([(follow, (self._averages[name], p.data)) for name, p in self._ready("update").items()])

    @contextmanager
    def weights(self) -> Iterator[Module]:
        """Context in which the module has the averages for weights. Its own come back at the end, whatever happens inside."""
        parameters = self._ready("weights")
        self._exchange(parameters)
        try:
            yield self.module
        finally:
            self._exchange(parameters)

    def _exchange(self, parameters: dict[str, Tensor]) -> None:
        for name, p in parameters.items():
            own = p.data
            p.data, self._averages[name] = self._averages[name], own
        self._swapped = not self._swapped

    def state_dict(self) -> dict[str, Array]:
        """Parameter's path -> a copy of its average."""
        self._ready("state_dict")
        return {name: a.copy() for name, a in self._averages.items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Copy the averages of a `state_dict()`. Raises ValueError, having changed nothing, if it was one of another module."""
        self._ready("load_state_dict")
        check_state("ExponentialMovingAverage", self._averages, state)
        for name, a in self._averages.items():
            a[...] = like(state[name], a)
