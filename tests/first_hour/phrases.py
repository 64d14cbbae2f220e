"""The rows of the phrase book, their arguments, and what it means that two calls are equal."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygen
from tinygen import Tensor
from tinygen.backend import to_numpy

try:
    import torch
except ImportError:  # its column is then skipped
    torch = None
F = torch and torch.nn.functional  # the name that PyTorch's users give it

SAME = "the same call, as it stands in the first column"


class Row(NamedTuple):
    """A call here, and the same in NumPy and in PyTorch: functions of the arguments below."""

    name: str
    tinygen: Callable
    numpy: Callable | str | None = None
    torch: Callable | str | None = None


class Layer(NamedTuple):
    """How a layer is made here and in PyTorch, and the name of the argument to call it with."""

    name: str
    tinygen: Callable
    torch: Callable
    argument: str


class Refusal(NamedTuple):
    """A call that is refused: the error, and words of its message, which say what to do."""

    name: str
    call: Callable
    error: type[Exception]
    words: str


def make_arguments() -> dict[str, np.ndarray]:
    """Return the arguments of the calls. The columns ask for them by the names of parameters."""
    rng = np.random.default_rng(0)
    square = rng.normal(size=(3, 3))
    return {
        "x": rng.normal(size=(3, 4)),
        "y": rng.normal(size=(3, 4)),
        "positive": rng.uniform(0.5, 2, size=(3, 4)),
        "fraction": rng.uniform(-0.9, 0.9, size=(3, 4)),
        "row": rng.normal(size=4),
        "column": rng.normal(size=(3, 1)),
        "scalar": np.array(0.7),
        "cube": rng.normal(size=(2, 3, 4)),
        "cube2": rng.normal(size=(2, 4, 5)),
        "square": square,
        "covariance": square @ square.T + np.eye(3),
        "right": rng.normal(size=(3, 2)),
        "weight": rng.normal(size=(5, 4)),
        "bias": rng.normal(size=5),
        "images": rng.normal(size=(2, 4, 8, 6)),
        "images2": rng.normal(size=(2, 4, 8, 6)),
        "sequences": rng.normal(size=(2, 4, 9)),
        "kernel": rng.normal(size=(6, 4, 3, 3)),
        "kernel1d": rng.normal(size=(6, 4, 3)),
        "channels": rng.uniform(0.5, 2, size=4),
        "channels2": rng.normal(size=4),
        "query": rng.normal(size=(2, 3, 5, 4)),
        "key": rng.normal(size=(2, 3, 6, 4)),
        "value": rng.normal(size=(2, 3, 6, 7)),
        "logits": rng.normal(size=(6, 5)),
        "probabilities": rng.dirichlet(np.ones(5), size=6),
        "binary": rng.integers(0, 2, size=(6, 5)).astype(np.float64),
        "labels": np.array([0, 4, 2, 2, 1, 3]),
        "integers": np.array([[2, -3, 5, 0], [7, 1, -8, 4], [3, 3, 6, -1]]),
        "indices": np.array([2, 0, 2]),
        "places": np.array([[1, 3], [0, 0], [2, 1]]),
        "mask": rng.uniform(size=(3, 4)) < 0.5,
        "mask2": rng.uniform(size=(3, 4)) < 0.5,
    }


# ------------------------------------------------------------------------------------------- calls


def call_with(function: Callable, convert: Callable) -> tuple[list, Any]:
    """Return the converted arguments of a column and its result."""
    arrays = make_arguments()
    arguments = [convert(arrays[name]) for name in inspect.signature(function).parameters]
    return arguments, function(*arguments)


def to_tinygen(array: np.ndarray) -> Tensor:
    """Return a Tensor, which requires a gradient if it can."""
    return tinygen.tensor(array, requires_grad=array.dtype.kind == "f")


def to_torch(array: np.ndarray):
    """Return a tensor of PyTorch, which requires a gradient if it can."""
    return torch.tensor(array, requires_grad=array.dtype.kind == "f")


def check_against_numpy(row: Row) -> None:
    """Compare the results."""
    _, ours = call_with(row.tinygen, to_tinygen)
    _, theirs = call_with(row.tinygen if row.numpy is SAME else row.numpy, lambda array: array)
    assert_equal(ours, theirs)


def check_against_torch(row: Row) -> None:
    """Compare the results, their gradients, and the gradients of the gradients."""
    our_arguments, ours = call_with(row.tinygen, to_tinygen)
    function = row.tinygen if row.torch is SAME else row.torch
    their_arguments, theirs = call_with(function, to_torch)
    assert_equal(ours, theirs)
    ours = two_orders(tinygen.grad, our_arguments, ours, np.asarray)
    theirs = two_orders(torch.autograd.grad, their_arguments, theirs, torch.tensor)
    assert_equal(ours, theirs)


def check_layer(layer: Layer) -> None:
    """Load PyTorch's weights. Compare results, gradients of both orders, and the states after."""
    here, there = layer.tinygen(), layer.torch().double()
    here.load_state_dict(there.state_dict())
    array = make_arguments()[layer.argument]
    x, torch_x = to_tinygen(array), to_torch(array)
    ours, theirs = here(x), there(torch_x)
    assert_equal(ours, theirs)
    ours = two_orders(tinygen.grad, [x, *here.parameters()], ours, np.asarray)
    theirs = two_orders(torch.autograd.grad, [torch_x, *there.parameters()], theirs, torch.tensor)
    assert_equal(ours, theirs)
    state, torch_state = here.state_dict(), there.state_dict()
    assert_equal(sorted(state), sorted(torch_state))
    assert_equal([state[name] for name in torch_state], [*torch_state.values()])


# ----------------------------------------------------------------------------------------- equality


def assert_equal(ours: Any, theirs: Any) -> None:
    """Demand the same structure, shapes, dtypes, and values to 1e-12 of the greatest."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert_equal(one, other)
    elif is_array(ours):
        ours, theirs = as_array(ours), as_array(theirs)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        tolerance = 1e-12 * np.abs(theirs, dtype=float).max(initial=0, where=np.isfinite(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    else:
        assert ours == theirs


def is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def as_array(value: Any) -> np.ndarray:
    """Return the values of a tensor of any library."""
    if isinstance(value, Tensor):
        return value.numpy()
    if torch and isinstance(value, torch.Tensor):
        return value.numpy(force=True)
    return to_numpy(value) if hasattr(value, "get") else np.asarray(value)


# ---------------------------------------------------------------------------------------- gradients


def two_orders(grad: Callable, arguments: list, outputs: Any, convert: Callable) -> list:
    """Return the gradients of the outputs, and the gradients of these gradients."""
    inputs = [a for a in arguments if a.requires_grad]
    first = gradients(grad, inputs, outputs, convert)
    return [first, gradients(grad, inputs, first, convert)]


def gradients(grad: Callable, inputs: list, outputs: Any, convert: Callable) -> list:
    """Return the gradients of a weighted sum of the outputs, 0 where it does not depend on one.

    `grad` is that of either library: both take the same arguments.
    """
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    outputs = [y for y in outputs if getattr(y, "requires_grad", False)]
    rng = np.random.default_rng(1)
    weights = [convert(rng.normal(size=y.shape)) for y in outputs]
    found = [None] * len(inputs)
    if inputs and outputs:
        found = grad(outputs, inputs, weights, create_graph=True, allow_unused=True)
    return [np.zeros(x.shape) if g is None else g for x, g in zip(inputs, found)]
