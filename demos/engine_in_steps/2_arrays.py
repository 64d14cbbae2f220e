"""Step 2 of 4: arrays and broadcasting.

    python demos/engine_in_steps/2_arrays.py

The values are arrays now, and the output is one number. The cotangent of an array v is still
d output / d v. It has the shape of v, with one derivative for each element.

The derivative of one array with respect to another is a matrix, the Jacobian J, with a row for each
element of the result and a column for each element of the parent. That is large, and it is never
built. Beside each parent stands a function g -> J^T g, a vector-Jacobian product (vjp). Given the
cotangent g of the result, it returns that of the parent.
"""

import itertools

import numpy as np

clock = itertools.count()


class Tensor:
    """An array that remembers how it was computed."""

    def __init__(self, data, parents=()):
        self.data = np.asarray(data, dtype=float)
        self.parents = parents  # pairs (parent, vjp)
        self.time = next(clock)

    def __add__(self, other):
        return Tensor(self.data + other.data, [(self, lambda g: g), (other, lambda g: g)])

    def __mul__(self, other):
        a, b = self.data, other.data
        return Tensor(a * b, [(self, lambda g: g * b), (other, lambda g: g * a)])

    # y_ik = sum_j a_ij b_jk, so a_ij gets sum_k g_ik b_jk, which is g b^T. Likewise b gets a^T g.
    def __matmul__(self, other):
        a, b = self.data, other.data
        return Tensor(a @ b, [(self, lambda g: g @ b.T), (other, lambda g: a.T @ g)])

    def tanh(self):
        y = np.tanh(self.data)
        return Tensor(y, [(self, lambda g: g * (1 - y * y))])

    def sum(self):
        return Tensor(self.data.sum(), [(self, lambda g: g * np.ones_like(self.data))])


def unbroadcast(g, shape):
    """Sum g over the axes along which an array of this shape was repeated.

    In (64, 16) + (16,) the second array is used 64 times, once for each row. So its cotangent is
    the sum of 64 rows.
    """
    # First the axes that broadcasting puts in front, then those of length 1, which it repeats.
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def grad(output, inputs):
    """Return d output / d x for each x of the inputs; the output is one number."""
    cotangents = {output: np.ones_like(output.data)}
    waiting = {output.time: output}
    while waiting:
        node = waiting.pop(max(waiting))
        for parent, vjp in node.parents:
            g = unbroadcast(vjp(cotangents[node]), parent.data.shape)
            cotangents[parent] = cotangents.get(parent, 0.0) + g
            waiting[parent.time] = parent
    return [cotangents.get(x, np.zeros_like(x.data)) for x in inputs]


def train(steps=1000, lr=0.1):
    """Fit one period of a sine with 16 hidden units. Return the mean squared error."""
    rng = np.random.default_rng(0)
    x = np.linspace(-1, 1, 64)[:, None]
    target = np.sin(np.pi * x)
    shapes = (1, 16), (16,), (16, 1), (1,)
    W, b, V, c = parameters = [Tensor(rng.normal(size=shape)) for shape in shapes]
    for _ in range(steps):
        error = (Tensor(x) @ W + b).tanh() @ V + c + Tensor(-target)
        loss = (error * error).sum() * Tensor(1 / len(x))
        for p, g in zip(parameters, grad(loss, parameters)):
            p.data = p.data - lr * g
    return float(loss.data)


if __name__ == "__main__":
    print(f"mean squared error {train():.4f}; the constant 0 has {0.5 * 63 / 64:.4f}")
