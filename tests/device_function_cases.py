"""Functions that make or draw arrays, with arguments: CASES is what test_device_functions.py runs.

A case is a function of a random source, and its arrays as NumPy's. Both lie on one device when it
is called. It returns arrays, Tensors and numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import tinygen
from tinygen import latent, losses, nn, ops, optim, tensor
from tinygen.autograd.primitive import primitive


class Case(NamedTuple):
    """A function, the arrays it is called with, and whether it may copy from the CPU."""

    function: Callable  # (rng, *arrays) -> a result, or a tuple of them
    arrays: tuple = ()
    may_copy: bool = False
    waits: int | None = None  # for the GPU, where they are counted


_numbers = np.random.default_rng(0)


def normal(*shape: int, dtype=np.float32) -> np.ndarray:
    """Return fixed random numbers."""
    return _numbers.normal(size=shape).astype(dtype)


def gradient(f: Callable) -> Callable:
    """Return the function of (rng, x, ...) that computes the derivative of sum f(x, ...)^2."""

    def compute(rng, x, *arrays):
        x = tensor(x, requires_grad=True)
        y = f(x, *arrays)
        return y, tinygen.grad((y * y).sum(), x)[0]

    return compute


def second_derivative(f: Callable, x, v):
    """Return the derivative of sum v f'(x)^2, which is a second one of f."""
    x = tensor(x, requires_grad=True)
    (g,) = tinygen.grad((f(x) ** 2).sum(), x, create_graph=True)
    return tinygen.grad((g * g * v).sum(), x)


X, ROWS = normal(4, 3), np.array([[2, 0], [2, 2]])

OPS = {
    "getitem": Case(gradient(lambda x, i: x[i]), (X, ROWS), waits=1),
    "getitem by a list": Case(gradient(lambda x: x[[2, 0, 2]]), (X,), may_copy=True),
    "getitem by two arrays": Case(gradient(lambda x, i: x[i, i]), (X, ROWS), waits=1),
    "getitem by a mask": Case(gradient(lambda x, m: x[m]), (X, X[:, 0] > 0), waits=2),
    "getitem of one number": Case(
        gradient(lambda x: x[None, ...]), (np.float32(2.5) * np.ones(()),)
    ),
    "add_at": Case(
        gradient(lambda x, i, v: ops.add_at(x, i, v)), (X, ROWS, normal(2, 2, 3)), waits=1
    ),
    "add_at of a list": Case(gradient(lambda x: ops.add_at(x, 1, [1.0, 2.0, 3.0])), (X,), True),
    "embedding": Case(gradient(lambda w, i: ops.embedding(i, w, 0)), (X, ROWS), waits=1),
    "embedding of a large table": Case(
        gradient(lambda w, i: ops.embedding(i, w)),
        (normal(300, 300), np.arange(800) % 300),
        waits=1,
    ),
    "embedding in half precision": Case(
        gradient(lambda w, i: ops.embedding(i, w)), (X.astype(np.float16), ROWS), waits=1
    ),
    "take_along_axis": Case(
        gradient(lambda x, i: ops.take_along_axis(x, i, 1)),
        (X, np.array([[0], [2], [1], [2]])),
        waits=1,
    ),
    "sort": Case(gradient(lambda x: ops.sort(x, axis=0)), (X,)),
    "diagonal": Case(gradient(lambda x: ops.diagonal(x, offset=-1)), (X,)),
    "repeat": Case(gradient(lambda x: ops.repeat(x, 3, axis=1)), (X,)),
    "repeat by a list": Case(gradient(lambda x: ops.repeat(x, [1, 0, 2, 1], axis=0)), (X,), True),
    "einsum of a diagonal": Case(gradient(lambda x: ops.einsum("ii->i", x)), (normal(3, 3),)),
    "pad": Case(gradient(lambda x: ops.pad(x, 1, constant_values=2.0)), (X,)),
    "pad by reflection": Case(gradient(lambda x: ops.pad(x, 1, "reflect")), (X,)),
    "interpolate": Case(
        gradient(lambda x: ops.interpolate(x, 5, mode="bicubic")), (normal(2, 3, 4, 4),)
    ),
    "interpolate to the nearest": Case(
        gradient(lambda x: ops.interpolate(x, scale_factor=1.7)), (normal(2, 3, 4, 4),)
    ),
    "avg_pool2d at the edge": Case(
        gradient(lambda x: ops.avg_pool2d(x, 2, 2, 1, count_include_pad=False)),
        (normal(2, 3, 5, 5),),
    ),
    "max_pool2d with indices": Case(
        lambda rng, x: ops.max_pool2d(x, 2, return_indices=True), (normal(2, 3, 4, 4),)
    ),
    "max_pool2d in half precision": Case(
        lambda rng, x: second_derivative(lambda x: ops.max_pool2d(x, 3, 2, 1), x, x),
        (normal(2, 3, 6, 6).astype(np.float16),),
    ),
    "conv2d of no images": Case(
        gradient(lambda w, x: ops.conv2d(x, w)),
        (normal(2, 3, 3, 3), np.zeros((0, 3, 5, 5), np.float32)),
    ),
    "cross_entropy of probabilities": Case(
        lambda rng, x, q: second_derivative(lambda q: losses.cross_entropy(x, q), q, q),
        (X, np.full((4, 3), 1 / 3, np.float32)),
    ),
    "solve_triangular with ones": Case(
        gradient(lambda a, b: ops.solve_triangular(a, b, upper=True, unitriangular=True)),
        (normal(3, 3), normal(3, 2)),
        waits=2,
    ),
    "causal attention": Case(
        gradient(lambda q, k: ops.scaled_dot_product_attention(q, k, k, is_causal=True)),
        (normal(2, 3, 4), normal(2, 3, 4)),
    ),
    "slogdet": Case(
        gradient(lambda a: ops.slogdet(a)[1]), (normal(3, 3) + 3 * np.eye(3, dtype="f"),), waits=1
    ),
    "jvp": Case(lambda rng, x: tinygen.jvp(ops.exp, x, x), (X,)),
    "jvp of a constant": Case(
        lambda rng, x: tinygen.jvp(lambda t: t * 0 + ops.sign(t), x, x), (X,)
    ),
    "jvp of another leaf": Case(
        lambda rng, x: tinygen.jvp(lambda t, w=tensor(x, requires_grad=True): w * 2, x, x), (X,)
    ),
    "hvp": Case(lambda rng, x: tinygen.hvp(lambda t: (t * t * t).sum(), x, x), (X,)),
    "hvp of a linear function": Case(lambda rng, x: tinygen.hvp(lambda t: t.sum(), x, x), (X,)),
    "a primitive that returns a number": Case(
        lambda rng, x: _count(tensor(x)), (X,), may_copy=True
    ),
    "erf of integers": Case(lambda rng, x: ops.erf(x), (np.arange(3),)),
    "cross_entropy": Case(
        gradient(lambda x, t: losses.cross_entropy(x, t, reduction="none")),
        (X, np.array([0, 2, 1, -100])),
        waits=1,
    ),
    "cross_entropy of an excluded class": Case(
        gradient(lambda x, t: losses.cross_entropy(x, t, label_smoothing=0.0)),
        (np.array([[0, 1, -np.inf], [1, 0, 2]], np.float32), np.array([1, 2])),
        waits=1,
    ),
    "iwae_bound": Case(gradient(losses.iwae_bound), (X,)),
    "one_hot": Case(lambda rng, i: ops.one_hot(i), (ROWS,), waits=2),
    "sum of many rows": Case(gradient(lambda x: ops.sum(x, axis=0)), (normal(2000, 30),)),
    "logsumexp": Case(gradient(lambda x: ops.logsumexp(x, axis=1)), (normal(20, 30),)),
    "attention": Case(
        gradient(lambda q, k: ops.scaled_dot_product_attention(q, k, k)),
        (normal(2, 3, 4), normal(2, 3, 4)),
    ),
    "large rows": Case(
        gradient(losses.bernoulli_nll), (normal(8, 1 << 15), (normal(8, 1 << 15) > 0).astype("f"))
    ),
}


# In all others of these, nothing waits.
OPS = {name: case if case.waits else case._replace(waits=0) for name, case in OPS.items()}


@primitive
def _count(x):
    return float(x.size)


_count.vjp(x=None)

HALF = {
    f"{name} in half precision": Case(
        lambda rng, x, name=name: getattr(ops, name)(x), (X.astype(np.float16),)
    )
    for name in ("elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh", "erf")
}

CODES = normal(5, 3), normal(5, 3)
LATENT = {
    "lerp": Case(lambda rng, a, b: latent.lerp(a, b, 4), CODES),
    "slerp": Case(lambda rng, a, b: latent.slerp(a, b, 4), CODES),
    "attribute_vector": Case(
        lambda rng, a, m: latent.attribute_vector(a, m), (CODES[0], X[[0, 1, 2, 3, 0], 0] > 0)
    ),
    "traversal": Case(
        lambda rng, a, v: latent.traversal(a[0], v), (CODES[0], np.linspace(-1, 1, 4))
    ),
    "traversal by a list": Case(lambda rng, a: latent.traversal(a[0], [0.0, 1.0]), CODES[:1], True),
    "attribute_vector by a list": Case(
        lambda rng, a: latent.attribute_vector(a, [True, False, True, False, True]), CODES[:1], True
    ),
    "grid": Case(
        lambda rng, a, b, v: latent.grid(a[0], a[1], b[0], v), (*CODES, np.linspace(-1, 1, 4))
    ),
    "grid by a list": Case(
        lambda rng, a, b: latent.grid(a[0], a[1], b[0], [0.0, 1.0]), CODES, True
    ),
}


def _train(optimizer_class, **settings):
    def train(rng, x):
        model = nn.Linear(3, 2, rng=rng)
        average = optim.ExponentialMovingAverage(model, 0.9)
        optimizer = optimizer_class(model.parameters(), **settings)
        for _ in range(2):
            optimizer.zero_grad()
            (model(x) ** 2).sum().backward()
            norm = optim.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            average.update()
        state = optimizer.state_dict(), average.state_dict()
        on_cpu = [
            {k: tinygen.backend.to_numpy(v) if hasattr(v, "dtype") else v for k, v in s.items()}
            for s in state
        ]
        optimizer.load_state_dict(on_cpu[0])
        average.load_state_dict(on_cpu[1])
        arrays = [a for s in state for a in s.values() if getattr(a, "ndim", 0) == 2]
        return norm, *arrays, *model.parameters()

    return train


def _update_half(optimizer_class):
    def update(rng, x):
        p = tensor(x, requires_grad=True)
        optimizer = optimizer_class([p], lr=0.01, weight_decay=0.1)
        p.grad = tensor(x)
        optim.clip_grad_norm_([p], 0.5)
        optimizer.step()
        return p

    return update


OPTIM = {
    "Adam in half precision": Case(_update_half(optim.Adam), (X.astype(np.float16),)),
    "RMSprop in half precision": Case(_update_half(optim.RMSprop), (X.astype(np.float16),)),
    "SGD": Case(_train(optim.SGD, momentum=0.9, weight_decay=0.1), (X,), True),
    "RMSprop": Case(_train(optim.RMSprop, centered=True, weight_decay=0.1), (X,), True),
    "Adam": Case(_train(optim.Adam, weight_decay=0.1), (X,), True),
    "AdamW": Case(_train(optim.AdamW), (X,), True),
}

CASES = OPS | HALF | LATENT | OPTIM
