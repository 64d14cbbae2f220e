"""Step 4 of 4: derivatives of any order.

    python demos/engine_in_steps/4_any_order.py

The rules are now written with primitives. Given arrays, a primitive returns an array. So the
backward pass can run the rules on arrays, as in step 3. With create_graph=True it runs the same
rules on Tensors. Then they are recorded, and the gradient is a Tensor like any other.

The same loop differentiates it once more, because a Tensor of the backward pass, too, is newer than
all Tensors that it was computed from.
"""

import inspect
import itertools

import numpy as np

clock = itertools.count()


def names(function):
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


def raw(value):
    """Return the array of a Tensor, and anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


class Tensor:
    """An array, and the call that computed it, if there was one."""

    __array_ufunc__ = None  # NumPy leaves array * Tensor to Tensor.__rmul__

    def __init__(self, data, op=None, args=None):
        self.data = np.asarray(data, dtype=float)
        self.op, self.args, self.shape = op, args or {}, self.data.shape
        self.time = next(clock)

    __add__ = __radd__ = lambda self, other: add(self, other)
    __mul__ = __rmul__ = lambda self, other: mul(self, other)
    __sub__ = lambda self, other: self + other * -1.0
    __rsub__ = lambda self, other: other + self * -1.0


class Primitive:
    """A function of arrays with rules. Given a Tensor among its arguments, it records the call."""

    def __init__(self, forward, **rules):
        self.forward, self.rules = forward, rules

    def __call__(self, *args):
        y = self.forward(*map(raw, args))
        has_tensor = any(isinstance(a, Tensor) for a in args)
        return Tensor(y, self, dict(zip(names(self.forward), args))) if has_tensor else y


def unbroadcast(x, shape):
    """Sum an array over the axes along which an array of this shape would be repeated."""
    x = x.sum(axis=tuple(range(x.ndim - len(shape))))
    return x.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


add = Primitive(lambda a, b: a + b, a=lambda g: g, b=lambda g: g)
mul = Primitive(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)
tanh = Primitive(lambda x: np.tanh(x), x=lambda g, y: g * (1 - y * y))
repeat = Primitive(lambda x, shape: np.broadcast_to(x, shape), x=lambda g, x: sum_to(g, x.shape))
sum_to = Primitive(unbroadcast, x=lambda g, x: repeat(g, x.shape))


def grad(output, inputs, create_graph=False):
    """Return d output / d x for each x of the inputs: arrays, or Tensors with create_graph."""
    prepare = (lambda value: value) if create_graph else raw
    cotangents = {output: prepare(Tensor(1.0))}
    waiting = {output.time: output}
    while waiting:
        node = waiting.pop(max(waiting))
        # Unlike step 3, this looks the values up now. So do not change x.data between the forward
        # and the backward pass: the gradient would be wrong. The real engine raises an error.
        values = {"y": node, **node.args}
        for name, parent in node.args.items():
            if isinstance(parent, Tensor):
                rule = node.op.rules[name]
                g = rule(cotangents[node], *(prepare(values[n]) for n in names(rule)[1:]))
                g = sum_to(g, parent.shape)
                cotangents[parent] = cotangents.get(parent, 0.0) + g
                waiting[parent.time] = parent
    return [cotangents.get(x, prepare(Tensor(np.zeros(x.shape)))) for x in inputs]


def train(steps=1000, lr=0.05, d=2.0, weight=5.0):
    """Train the critic f of a WGAN-GP on two points, and return its mean derivative between them.

    It maximizes f(d) - f(0) - weight * mean((f'(x) - 1)^2), which has a derivative in it.

    The points are 0 and d. Let s be the mean of f' between them, so f(d) - f(0) = d s. For a given
    s the penalty is least if f' is s everywhere. Then the value is d s - weight (s - 1)^2. Its
    derivative in s, d - 2 weight (s - 1), is 0 at s = 1 + d / (2 weight).
    """
    W, b, V = parameters = [Tensor(p) for p in np.random.default_rng(0).normal(size=(3, 8))]
    x = Tensor(np.linspace(0, d, 32)[:, None])
    for _ in range(steps):
        # The gradient of the sum of f over the points: each element is f' at its own point.
        (derivative,) = grad(sum_to(V * tanh(x * W + b), ()), [x], create_graph=True)
        value = sum_to(V * (tanh(d * W + b) - tanh(b)), ())  # f(d) - f(0)
        loss = sum_to((derivative - 1.0) * (derivative - 1.0), ()) * (weight / 32) - value
        for p, g in zip(parameters, grad(loss, parameters)):
            p.data = p.data - lr * g
    return float(value.data) / d


if __name__ == "__main__":
    print(f"mean derivative {train():.3f}; the best is 1 + d / (2 weight) = {1 + 2 / 10}")
