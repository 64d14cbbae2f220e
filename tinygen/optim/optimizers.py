"""The optimizers: SGD with momentum, RMSprop, Adam and AdamW.

Names, argument order, defaults and semantics are PyTorch's. In the formulas p is a parameter, g its
gradient and t = 1, 2, ... the number of the update. All operations are element-wise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial

import numpy as np

from ..autograd.tensor import Tensor
from ..backend import fused
from .base import Optimizer
from .checks import check_range

__all__ = ["SGD", "Adam", "AdamW", "RMSprop"]


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if `momentum` > 0.

    **Math** with momentum mu and dampening d

        g <- g + weight_decay p
        b <- mu b + (1 - d) g          (b = g at the first update)
        p <- p - lr b                  with nesterov: p <- p - lr (g + mu b)

    Without momentum the step is p <- p - lr g. Here lr multiplies the velocity b, as in PyTorch;
    Sutskever et al. multiply the gradient by lr before it is added to the velocity.

    **Source** Sutskever et al., On the importance of initialization and momentum in deep
    learning, 2013.

    Parameters
    ----------
    parameters : list of leaf tensors, such as `model.parameters()`.
    lr : learning rate.
    momentum : mu, the weight of the old velocity.
    dampening : d; 1 - d is the weight of the gradient.
    weight_decay : factor of the L2 penalty.
    nesterov : look ahead along the momentum: step along g + mu b instead of b.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        check_range("SGD", momentum=(momentum, 0), weight_decay=(weight_decay, 0))
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(
                "SGD: nesterov looks ahead along the momentum, so it needs momentum > 0 and "
                "dampening = 0"
            )
        self.state_names = ("momentum_buffer",) if momentum else ()
        self.momentum, self.dampening = momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        super().__init__(parameters, lr)

    def update(self, t, p, g, state):
        """Compute the formula of the class."""
        lr, mu = float(self.lr), self.momentum
        g = _add_weight_decay(g, p, self.weight_decay)
        if not mu:
            return p - lr * g, {}
        b = mu * state["momentum_buffer"] + self._damping(t) * g
        direction = g + mu * b if self.nesterov else b
        return p - lr * direction, {"momentum_buffer": b}

    def fused_update(self, t):
        """Return a function that makes the update of `update` in place (`backend/fused.py`)."""
        settings = {"lr": float(self.lr), "weight_decay": self.weight_decay}
        if not self.momentum:
            return partial(fused.sgd_update, **settings)
        return partial(
            fused.sgd_momentum_update,
            momentum=self.momentum,
            damping=self._damping(t),
            nesterov=self.nesterov,
            **settings,
        )

    def _damping(self, t: int) -> float:
        """Return the weight of the gradient: 1 at the first update, where b is still zero."""
        return 1 - self.dampening if t > 1 else 1.0


class RMSprop(Optimizer):
    """RMSprop: the gradient divided by its running root mean square.

    **Math** with a = grad_avg, kept only if `centered`, and b = momentum_buffer, kept only with
    momentum mu

        g <- g + weight_decay p
        v <- alpha v + (1 - alpha) g^2          running mean of g^2
        a <- alpha a + (1 - alpha) g            running mean of g
        s = sqrt(v) + eps                       if centered: s = sqrt(v - a^2) + eps
        b <- mu b + g / s                       without momentum: b = g / s
        p <- p - lr b

    v - a^2 estimates the variance of g. Rounding can make it negative; then it is set to 0.

    **Source** Hinton, Neural Networks for Machine Learning, lecture 6, 2012.

    Parameters
    ----------
    parameters : list of leaf tensors, such as `model.parameters()`.
    lr : learning rate.
    alpha : weight of the old running means.
    eps : added to the denominator.
    weight_decay : factor of the L2 penalty.
    momentum : mu, the weight of the old b.
    centered : divide by the standard deviation of g instead of its root mean square.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ):
        check_range(
            "RMSprop",
            alpha=(alpha, 0, 1),
            eps=(eps, 0),
            weight_decay=(weight_decay, 0),
            momentum=(momentum, 0),
        )
        names = ["square_avg"]
        if momentum:
            names.append("momentum_buffer")
        if centered:
            names.append("grad_avg")
        self.state_names = tuple(names)
        self.alpha, self.eps, self.weight_decay = alpha, eps, weight_decay
        self.momentum, self.centered = momentum, centered
        super().__init__(parameters, lr)

    def update(self, t, p, g, state):
        """Compute the formula of the class."""
        lr, alpha = float(self.lr), self.alpha
        new_state = {}
        g = _add_weight_decay(g, p, self.weight_decay)
        v = alpha * state["square_avg"] + (1 - alpha) * np.square(g)
        variance = v
        if self.centered:
            a = alpha * state["grad_avg"] + (1 - alpha) * g
            variance = np.maximum(v - a * a, 0)
            new_state["grad_avg"] = a
        b = g / (np.sqrt(variance) + self.eps)
        if self.momentum:
            b = self.momentum * state["momentum_buffer"] + b
            new_state["momentum_buffer"] = b
        return p - lr * b, {"square_avg": v, **new_state}

    def fused_update(self, t):
        """Return a function that makes the update of `update` in place (`backend/fused.py`)."""
        return partial(
            fused.rmsprop_update,
            lr=float(self.lr),
            alpha=self.alpha,
            eps=self.eps,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            centered=self.centered,
        )


class Adam(Optimizer):
    """Adam: a running mean of gradients, divided by the root of a running mean of their squares.

    **Math** of the paper:

        g <- g + weight_decay p
        m <- beta1 m + (1 - beta1) g                  running mean of g
        v <- beta2 v + (1 - beta2) g^2                running mean of g^2
        m_hat = m / (1 - beta1^t)                     correction of the bias towards the initial 0
        v_hat = v / (1 - beta2^t)
        p <- p - lr m_hat / (sqrt(v_hat) + eps)

    eps is added after the correction, as in the paper and in PyTorch.

    **Math** as computed here, with two operations fewer per element. The state holds the sums
    m_sum = m / (1 - beta1) and v_sum = v / (1 - beta2), without the constant factors:

        m_sum <- beta1 m_sum + g
        v_sum <- beta2 v_sum + g^2

    With w1 = (1 - beta1^t) / (1 - beta1) = 1 + beta1 + ... + beta1^(t-1), and w2 likewise,

        m_hat = m_sum / w1,    v_hat = v_sum / w2.

    So m_hat is the weighted mean of all gradients g_i, with the weights beta1^(t-i). Insert both
    into the step, and multiply numerator and denominator by sqrt(w2):

        m_hat / (sqrt(v_hat) + eps) = (m_sum / w1) / (sqrt(v_sum / w2) + eps)
                                    = (sqrt(w2) / w1) m_sum / (sqrt(v_sum) + eps sqrt(w2)).

    Hence the step is

        rate = lr sqrt(w2) / w1,    shift = eps sqrt(w2)
        p <- p - rate m_sum / (sqrt(v_sum) + shift).

    **Source** Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, Algorithm 1.

    Parameters
    ----------
    parameters : list of leaf tensors, such as `model.parameters()`.
    lr : learning rate. Adam changes each element by about lr at every step.
    betas : beta1 and beta2, the weights of the old means.
    eps : added to the denominator.
    weight_decay : factor of the L2 penalty.
    """

    state_names = ("m_sum", "v_sum")

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"{type(self).__name__}: betas={betas} must be a pair, (beta1, beta2)")
        check_range(
            type(self).__name__,
            beta1=(betas[0], 0, 1),
            beta2=(betas[1], 0, 1),
            eps=(eps, 0),
            weight_decay=(weight_decay, 0),
        )
        self.betas, self.eps, self.weight_decay = tuple(betas), eps, weight_decay
        super().__init__(parameters, lr)

    def update(self, t, p, g, state):
        """Compute the formula of the class."""
        g = _add_weight_decay(g, p, self.weight_decay)
        return self._adam_step(t, p, g, state)

    def fused_update(self, t):
        """Return a function that makes the update of `update` in place (`backend/fused.py`)."""
        return partial(self._fused_adam_step(t), weight_decay=self.weight_decay)

    def _adam_step(self, t, p, g, state):
        beta1, beta2 = self.betas
        rate, shift = self._rate_and_shift(t)
        m_sum = beta1 * state["m_sum"] + g
        v_sum = beta2 * state["v_sum"] + np.square(g)
        p = p - rate * (m_sum / (np.sqrt(v_sum) + shift))
        return p, {"m_sum": m_sum, "v_sum": v_sum}

    def _fused_adam_step(self, t):
        beta1, beta2 = self.betas
        rate, shift = self._rate_and_shift(t)
        return partial(fused.adam_update, beta1=beta1, beta2=beta2, rate=rate, shift=shift)

    def _rate_and_shift(self, t: int) -> tuple[float, float]:
        w1, w2 = ((1 - beta**t) / (1 - beta) for beta in self.betas)
        return float(self.lr) * math.sqrt(w2) / w1, self.eps * math.sqrt(w2)


class AdamW(Adam):
    """Adam with decoupled weight decay.

    **Math**

        p <- (1 - lr weight_decay) p
        p <- Adam's step, without adding weight_decay p to the gradient g

    In Adam, the decay is part of the gradient, so it is divided by sqrt(v_hat), the root of the
    running mean of g^2. Weights with large gradients decay more slowly. Here all weights decay at
    the same rate.

    **Source** Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.

    Parameters
    ----------
    parameters, lr, betas, eps : as for `Adam`.
    weight_decay : each step multiplies p by 1 - lr weight_decay.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def update(self, t, p, g, state):
        """Compute the formula of the class."""
        return self._adam_step(t, self._shrinkage() * p, g, state)

    def fused_update(self, t):
        """Return a function that makes the update of `update` in place (`backend/fused.py`)."""
        return partial(self._fused_adam_step(t), shrinkage=self._shrinkage())

    def _shrinkage(self) -> float:
        return 1 - float(self.lr) * self.weight_decay


def _add_weight_decay(g, p, weight_decay: float):
    """Return g + weight_decay p: the gradient after adding weight_decay / 2 |p|^2 to the loss."""
    return g + weight_decay * p if weight_decay else g
