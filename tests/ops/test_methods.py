"""Methods of `Tensor`: those of a NumPy array give its results; moves; PyTorch's names."""

from __future__ import annotations

import inspect
import math
import pydoc

import numpy as np
import pytest

from tinygen import Tensor, grad, losses, no_grad, ops, tensor
from tinygen.ops import pytorch_names


def float32(*shape):
    """Return a float32 leaf with values from 0.5 to 2."""
    values = np.linspace(0.5, 2, int(np.prod(shape)), dtype=np.float32)
    return tensor(values.reshape(shape), requires_grad=True)


DIFFERENTIABLE = {
    "abs": abs,
    "clip": lambda a: a.clip(1, 1.5),
    "clip below": lambda a: a.clip(min=1),
    "copy": lambda a: a.copy(),
    "cumprod": lambda a: a.cumprod(1),
    "cumsum": lambda a: a.cumsum(),
    "diagonal": lambda a: a.diagonal(1),
    "dot": lambda a: a.dot(np.ones(3, np.float32)),
    "flatten": lambda a: a.flatten(),
    "max": lambda a: a.max(axis=0),
    "mean": lambda a: a.mean(axis=(0, 1)),
    "mean of all": lambda a: a.mean(),
    "min": lambda a: a.min(),
    "prod": lambda a: a.prod(0),
    "ravel": lambda a: a.ravel(),
    "repeat": lambda a: a.repeat(2, 1),
    "reshape": lambda a: a.reshape(3, 2),
    "reshape by a tuple": lambda a: a.reshape((3, -1)),
    "reshape to one axis": lambda a: a.reshape(-1),
    "squeeze": lambda a: a[:, None].squeeze(1),
    "std": lambda a: a.std(1),
    "sum": lambda a: a.sum(1, keepdims=True),
    "sum of all": lambda a: a.sum(),
    "swapaxes": lambda a: a.swapaxes(0, 1),
    "T": lambda a: a.T,
    "mT": lambda a: a.mT,
    "trace": lambda a: a.trace(),
    "transpose": lambda a: a.transpose(),
    "transpose by axes": lambda a: a.transpose(1, 0),
    "transpose by a tuple": lambda a: a.transpose((1, 0)),
    "var": lambda a: a.var(axis=1, ddof=1),
}
CONSTANT = {
    "all": lambda a: (a > 1).all(0),
    "any": lambda a: (a > 1).any(),
    "argmax": lambda a: a.argmax(1),
    "argmin": lambda a: a.argmin(),
    "argsort": lambda a: a.argsort(0),
    "round": lambda a: a.round(1),
}
VALUES = {
    "item": lambda a: a[0, 0].item(),
    "itemsize": lambda a: a.itemsize,
    "nbytes": lambda a: a.nbytes,
    "tolist": lambda a: a.tolist(),
    "shape": lambda a: (a.shape, a.ndim, a.size, len(a)),
}


@pytest.mark.parametrize("name", [*DIFFERENTIABLE, *CONSTANT])
def test_methods_are_those_of_a_numpy_array(name):
    f = (DIFFERENTIABLE | CONSTANT)[name]
    x = float32(2, 3)
    y, expected = f(x), f(x.data)
    assert type(y) is Tensor and y.requires_grad == (name in DIFFERENTIABLE)
    assert y.shape == np.shape(expected) and y.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(y.data, expected, rtol=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_values_are_those_of_a_numpy_array(name):
    x = float32(2, 3)
    assert VALUES[name](x) == VALUES[name](x.data)


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "tanh"])
def test_methods_that_are_functions_of_numpy(name):
    x = float32(2, 3)
    np.testing.assert_allclose(getattr(x, name)().data, getattr(np, name)(x.data), rtol=1e-6)


def test_methods_have_the_help_of_their_functions():
    assert Tensor.exp.__doc__ == ops.exp.__doc__ and Tensor.flatten.__doc__ == ops.flatten.__doc__


def test_two_axes_are_not_exchanged_by_transpose():
    """PyTorch's transpose(0, 1) would be NumPy's way to change nothing."""
    x = float32(2, 3)
    for axes in ((0, 1), (-2, -1)):
        with pytest.raises(ValueError, match=r"use T or swapaxes\("):
            x.transpose(*axes)
    with pytest.raises(ValueError, match="must name each of the 3 axes .* use swapaxes"):
        x[None].transpose(1, 2)
    assert x.transpose((0, 1)).shape == (2, 3)


def test_flatten_merges_the_named_axes():
    assert tensor(np.ones((2, 3, 4))).flatten(1).shape == (2, 12)


def test_astype_is_differentiable_between_floats_only():
    x = float32(3)
    y = x.astype(np.float64)
    assert y.dtype == np.float64 and grad((y * 2).sum(), x)[0].dtype == np.float32
    n = x.astype(np.int64)
    assert n.dtype == np.int64 and not n.requires_grad


def test_copies_share_no_memory():
    x = float32(3)
    for a in (x.numpy(), x.copy().data):
        a[:] = 0
    assert type(x.numpy()) is np.ndarray and x.data[0] == 0.5
    assert grad((x.copy() * 2).sum(), x)[0].data.tolist() == [2, 2, 2]


def test_fill_writes_and_counts_as_a_write():
    x = float32(3)
    y = (x * x).sum()
    with no_grad():
        x.fill(7)
    assert x.tolist() == [7, 7, 7]
    with pytest.raises(RuntimeError, match="written in place"):
        grad(y, x)


# ---------------------------------------------------------------------------------------- devices


def test_gradients_cross_devices_in_both_directions(cupy):
    x = tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = x.to("cuda")
    assert y.device == "cuda" and y.requires_grad
    z = (y * y * y).to("cpu")
    assert type(z.data) is np.ndarray and z.data.tolist() == [1, 8]
    (g,) = grad(z.sum(), x, create_graph=True)
    assert type(g.data) is np.ndarray and g.data.tolist() == [3, 12]
    assert grad(g.sum(), x)[0].data.tolist() == [6, 12]
    assert not tensor([1.0]).to("cuda").requires_grad


def test_a_move_to_the_same_device_returns_the_tensor_itself():
    x = float32(3)
    assert x.to(x.device) is x
    with pytest.raises(ValueError, match="unknown device"):
        x.to("tpu")
    with pytest.raises(TypeError, match="astype converts the dtype"):
        x.to(np.float64)


# ---------------------------------------------------------------------------------- PyTorch's names


@pytest.mark.parametrize(
    "name, message",
    [
        ("view", r"PyTorch's view is t.reshape\(shape\) here"),
        ("permute", r"PyTorch's permute is t.transpose\(axes\) here"),
        ("unsqueeze", "PyTorch's unsqueeze is tinygen.ops.expand_dims here"),
        ("cuda", r't.to\("cuda"\)'),
        ("dim", "PyTorch's dim is t.ndim here"),
        ("zero_", r"t\[...\] = 0"),
        ("relu", r"use tinygen.ops.relu\(t, \.\.\.\)"),
        ("sort", r"use tinygen.ops.sort\(t, \.\.\.\)"),
        ("foo", "has no attribute 'foo'$"),
    ],
)
def test_an_unknown_attribute_names_the_one_that_is_here(name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(float32(3), name)


def test_names_that_are_not_there_are_not_listed():
    x = float32(3)
    for names in (dir(x), dir(Tensor)):
        assert {"reshape", "data", "grad", "T"} <= {*names} and not {"view", "relu"} & {*names}
    assert "  view" not in pydoc.render_doc(Tensor, renderer=pydoc.plaintext)
    assert not hasattr(x, "view")


@pytest.mark.parametrize(
    "name, message",
    [
        ("cat", "PyTorch's cat is tinygen.ops.concatenate here"),
        ("clamp", "PyTorch's clamp is tinygen.ops.clip here"),
        ("relu6", r"PyTorch's relu6 is ops.clip\(x, 0, 6\) here"),
        ("mse_loss", "tinygen.losses.squared_error"),
        ("foo", "tinygen.ops has no foo$"),
    ],
)
def test_an_unknown_function_names_the_one_that_is_here(name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(ops, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ops.squeeze(x, dim=0),
        lambda x: ops.expand_dims(x, dim=0),
        lambda x: ops.split(x, 2, dim=1),
        lambda x: ops.repeat(x, 2, dim=1),
        lambda x: ops.sort(x, dim=1),
        lambda x: ops.prod(x, dim=1),
        lambda x: ops.cumprod(x, dim=1),
        lambda x: ops.norm(x, dim=1),
        lambda x: ops.normalize(x, dim=1),
        lambda x: ops.cosine_similarity(x, x, dim=1),
        lambda x: ops.take_along_axis(x, x, dim=1),
        lambda x: ops.diagonal(x, dim1=0),
        lambda x: x.sum(dim=0),
        lambda x: x.squeeze(dim=0),
    ],
)
def test_pytorch_s_name_of_a_parameter_says_ours(call):
    with pytest.raises(TypeError, match="unknown dim.*; PyTorch's dim.* is axis.* here"):
        call(float32(2, 2))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: ops.conv2d(x, weight=x), "conv2d: missing w; PyTorch's weight is w here"),
        (lambda x: ops.relu(input=x), "relu: missing x; PyTorch's input is x here"),
        (lambda x: ops.add(x, other=x), "add: missing b; PyTorch's other is b here"),
        (lambda x: ops.norm(x, p=1), "norm: unknown p; PyTorch's p is ord here"),
        (lambda x: ops.roll(x, shifts=1), "roll: unknown shifts; PyTorch's shifts is shift here"),
        (lambda x: ops.exp(x, out=x), "exp: unknown out; instead of out, assign the result"),
        (lambda x: ops.relu(x, inplace=True), "relu: unknown inplace; instead of inplace, assign"),
        (lambda x: x.sum(0, dtype=np.float64), "sum: unknown dtype; .*, convert with astype"),
        (lambda x: ops.divide(x, x, rounding_mode="floor"), "divide: .*, a // b rounds down"),
        (lambda x: ops.triu(x, diagonal=1), "triu: unknown diagonal; PyTorch's diagonal is k here"),
    ],
)
def test_pytorch_s_name_of_an_array_or_a_setting_says_ours(call, message):
    with pytest.raises(TypeError, match=message):
        call(float32(2, 2))


def test_signatures_are_visible_through_the_explanation():
    assert str(inspect.signature(ops.sort)).startswith("(x: ")
    assert Tensor.squeeze.__name__ == "squeeze"


def test_the_tables_name_what_exists():
    functions = pytorch_names.FUNCTIONS
    assert not set(functions.values()) - set(ops.__all__)
    assert not {text.split("(")[0] for text in pytorch_names.LOSSES.values()} - set(losses.__all__)
    tables = functions, pytorch_names.LOSSES, pytorch_names.EXPRESSIONS
    assert not [name for table in tables for name in table if name in ops.__all__]
    assert not [name for name in pytorch_names.METHODS if hasattr(Tensor, name)]


EXACT = {
    "celu": lambda x: x if x > 0 else 0.5 * math.expm1(x / 0.5),
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hardtanh": lambda x: min(max(x, -1), 1),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "relu6": lambda x: min(max(x, 0), 6),
    "rsqrt": lambda x: x**-0.5,
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanhshrink": lambda x: x - math.tanh(x),
}


@pytest.mark.parametrize("name", EXACT)
def test_the_expressions_of_activations_compute_them(name):
    x = np.linspace(1 if name == "rsqrt" else -7, 7, 9)
    y = eval(pytorch_names.EXPRESSIONS[name], {"ops": ops}, {"x": tensor(x), "alpha": 0.5})
    np.testing.assert_allclose(y.data, [EXACT[name](v) for v in x], rtol=1e-12)
