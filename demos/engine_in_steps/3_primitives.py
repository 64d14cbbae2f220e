"""Step 3 of 4: primitives with rules.

    python demos/engine_in_steps/3_primitives.py

A primitive is a function of plain arrays, with one derivative rule for each argument. A rule is a
vjp, as in step 2: it is given g, the cotangent of the result y. Its other parameters name what else
it needs, arguments or y itself, and `saved` holds only that. A new function is a new primitive:
Tensor and `grad` stay as they are.

(No memory is freed by that yet: `parents` keeps the Tensors, and they keep all arrays. The real
engine remembers where the parents are in the graph, without their arrays.)
"""

import inspect
import itertools

import numpy as np

clock = itertools.count()


def names(function):
    """Return the names of a function's parameters."""
    return list(inspect.signature(function).parameters)


class Tensor:
    """An array, and the call that computed it, if there was one."""

    def __init__(self, data, op=None, parents=None, saved=None):
        self.data = np.asarray(data, dtype=float)
        self.op, self.parents, self.saved = op, parents or {}, saved
        self.time = next(clock)

    # The primitives are defined below. A lambda looks them up when it is called.
    __add__ = lambda self, other: add(self, other)
    __mul__ = lambda self, other: mul(self, other)
    __matmul__ = lambda self, other: matmul(self, other)


class Primitive:
    """A function of arrays with rules, {argument: rule}. Given Tensors, it records the call."""

    def __init__(self, forward, **rules):
        self.forward, self.rules = forward, rules

    def __call__(self, *args):
        parents = dict(zip(names(self.forward), args))  # {"a": Tensor, "b": Tensor}
        values = {name: parent.data for name, parent in parents.items()}  # {"a": array, ...}
        y = values["y"] = self.forward(*values.values())
        needed = {name for rule in self.rules.values() for name in names(rule)[1:]}  # without g
        return Tensor(y, self, parents, {name: values[name] for name in needed})


# The parameters of a function and those of its rules have the same names. So it is lambda x:
# np.tanh(x) and not np.tanh, which does not call its parameter x.
add = Primitive(lambda a, b: a + b, a=lambda g: g, b=lambda g: g)
mul = Primitive(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g, a: g * a)
matmul = Primitive(lambda a, b: a @ b, a=lambda g, b: g @ b.T, b=lambda g, a: a.T @ g)
tanh = Primitive(lambda x: np.tanh(x), x=lambda g, y: g * (1 - y * y))
softplus = Primitive(lambda x: np.logaddexp(0, x), x=lambda g, x: g / (1 + np.exp(-x)))
mean = Primitive(lambda x: x.mean(), x=lambda g, x: g * np.ones_like(x) / x.size)


def unbroadcast(g, shape):
    """Sum g over the axes along which an array of this shape was repeated."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def grad(output, inputs):
    """Return d output / d x for each x of the inputs; the output is one number."""
    cotangents = {output: np.ones_like(output.data)}
    waiting = {output.time: output}
    while waiting:
        node = waiting.pop(max(waiting))
        for name, parent in node.parents.items():
            rule = node.op.rules[name]
            g = rule(cotangents[node], *(node.saved[n] for n in names(rule)[1:]))
            g = unbroadcast(g, parent.data.shape)
            cotangents[parent] = cotangents.get(parent, 0.0) + g
            waiting[parent.time] = parent
    return [cotangents.get(x, np.zeros_like(x.data)) for x in inputs]


def train(steps=400, lr=0.5):
    """Teach a network whether a point lies in a circle. Return the fraction of right answers."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(200, 2))
    sign = np.where((x**2).sum(axis=1, keepdims=True) < 0.6, 1.0, -1.0)  # 1 inside, -1 outside
    shapes = (2, 16), (16,), (16, 1), (1,)
    W, b, V, c = parameters = [Tensor(rng.normal(size=shape)) for shape in shapes]
    for _ in range(steps):
        logits = tanh(Tensor(x) @ W + b) @ V + c
        loss = mean(softplus(Tensor(-sign) * logits))  # -log probability of the right answer
        for p, g in zip(parameters, grad(loss, parameters)):
            p.data = p.data - lr * g
    return float((logits.data * sign > 0).mean())


if __name__ == "__main__":
    print(f"{train():.0%} of the points are classified correctly")
