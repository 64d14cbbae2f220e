"""What PyTorch's names are here, for the errors that meet them.

Each function and each parameter has one name here, NumPy's where NumPy has it. The tables serve
nothing but the texts of errors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from ..autograd.call import PYTORCH_NAMES
from .arguments import check_arrays

__all__ = ["LOSSES", "LOSS_CLASSES", "explain_attributes", "explain_names", "ops_hint"]

# Functions of torch and torch.nn.functional -> what to write after `tinygen.ops.`.
FUNCTIONS = {
    "absolute": "abs",
    "acos": "arccos",
    "amax": "max",
    "amin": "min",
    "asin": "arcsin",
    "atan": "arctan",
    "atan2": "arctan2",
    "bmm": "matmul",
    "cat": "concatenate",
    "chunk": "split",
    "clamp": "clip",
    "concat": "concatenate",
    "div": "divide",
    "eq": "equal",
    "gather": "take_along_axis",
    "ge": "greater_equal",
    "gt": "greater",
    "index_add": "add_at",
    "index_select": "getitem",
    "inverse": "inv",
    "le": "less_equal",
    "logsigmoid": "log_sigmoid",
    "lt": "less",
    "mm": "matmul",
    "movedim": "moveaxis",
    "mul": "multiply",
    "mv": "matmul",
    "ne": "not_equal",
    "neg": "negative",
    "permute": "transpose",
    "pow": "power",
    "remainder": "mod",
    "repeat_interleave": "repeat",
    "sub": "subtract",
    "swapdims": "swapaxes",
    "swish": "silu",
    "true_divide": "divide",
    "unsqueeze": "expand_dims",
    "upsample": "interpolate",
    "upsample_nearest": "interpolate",
    "view": "reshape",
}

# Functions that are an expression of others.
EXPRESSIONS = {
    "adaptive_max_pool1d": "ops.max(x, axis=2, keepdims=True) for one output",
    "adaptive_max_pool2d": "ops.max(x, axis=(2, 3), keepdims=True) for one output",
    "addmm": "c + a @ b",
    "allclose": "np.allclose(a.numpy(), b.numpy())",
    "arange": "tinygen.tensor(np.arange(n))",
    "baddbmm": "c + a @ b",
    "bernoulli": "rng.bernoulli(p), with rng = tinygen.default_rng(seed)",
    "cdist": "ops.norm(a[:, None] - b, axis=-1) of matrices",
    "celu": "alpha * ops.elu(x / alpha)",
    "clamp_max": "ops.minimum(x, max)",
    "clamp_min": "ops.maximum(x, min)",
    "clone": "x.copy()",
    "detach": "x.detach()",
    "diag": "ops.diagonal(x) of a matrix",
    "expand": "ops.broadcast_to(x, shape), in which no side is -1",
    "eye": "tinygen.tensor(np.eye(n, dtype=np.float32))",
    "full": "tinygen.tensor(np.full(shape, value, np.float32))",
    "full_like": "tinygen.tensor(np.full(x.shape, value, x.dtype))",
    "glu": "a * ops.sigmoid(b) with (a, b) = ops.split(x, 2, axis)",
    "hardswish": "x * ops.clip(x + 3, 0, 6) / 6",
    "hardtanh": "ops.clip(x, -1, 1)",
    "hstack": "ops.concatenate([a, b], axis=1), or axis=0 of vectors",
    "index_fill": "ops.where(mask, value, x)",
    "isclose": "np.isclose(a.numpy(), b.numpy())",
    "lerp": "a + weight * (b - a)",
    "logaddexp": "ops.logsumexp(ops.stack([a, b]), axis=0)",
    "masked_fill": "ops.where(mask, value, x)",
    "median": "np.median(x.numpy()), which averages two elements in the middle",
    "mish": "x * ops.tanh(ops.softplus(x))",
    "narrow": "x[start : start + length]",
    "numel": "x.size",
    "ones": "tinygen.tensor(np.ones(shape, np.float32))",
    "ones_like": "tinygen.tensor(np.ones(x.shape, x.dtype))",
    "prelu": "ops.where(x > 0, x, weight * x), for images with weight of shape (C, 1, 1)",
    "rand": "tinygen.default_rng(seed).uniform(shape)",
    "rand_like": "rng.uniform(x.shape, x.dtype), with rng = tinygen.default_rng(seed)",
    "randint": "tinygen.default_rng(seed).integers(low, high, shape)",
    "randn": "tinygen.default_rng(seed).normal(shape)",
    "randn_like": "rng.normal(x.shape, x.dtype), with rng = tinygen.default_rng(seed)",
    "randperm": "tinygen.default_rng(seed).permutation(n)",
    "relu6": "ops.clip(x, 0, 6)",
    "rsqrt": "1 / ops.sqrt(x)",
    "scatter_add": "ops.add_at(x, index, values), whose index is that of x[index]",
    "select": "x[index]",
    "selu": "1.0507009873554805 * ops.elu(x, 1.6732632423543772)",
    "softmin": "ops.softmax(-x, axis)",
    "softsign": "x / (1 + ops.abs(x))",
    "t": "x.T",
    "tanhshrink": "x - ops.tanh(x)",
    "threshold": "ops.where(x > threshold, x, value)",
    "topk": (
        "ops.sort(x, descending=True)[..., :k], with the indices "
        "ops.argsort(x, descending=True)[..., :k]"
    ),
    "unbind": "a tuple of x, which iterates over the first axis",
    "unique": "np.unique(x.numpy())",
    "upsample_bilinear": 'ops.interpolate(x, size, mode="bilinear", align_corners=True)',
    "vector_norm": "ops.norm(x, ord, axis) along one axis, and ops.norm(x.ravel(), ord) of all",
    "vstack": "ops.concatenate([a, b], axis=0), or ops.stack([a, b]) of vectors",
    "zeros": "tinygen.tensor(np.zeros(shape, np.float32))",
    "zeros_like": "tinygen.tensor(np.zeros(x.shape, x.dtype))",
}

# Losses of torch.nn.functional -> what to write after `tinygen.losses.`. Ours are sums over each
# example: for PyTorch's mean over everything, divide their mean by the numbers in an example.
LOSSES = {
    "binary_cross_entropy": (
        "bernoulli_nll(logits, x), from logits, without a sigmoid, and summed over each example"
    ),
    "binary_cross_entropy_with_logits": "bernoulli_nll(logits, x), summed over each example",
    "cross_entropy": "cross_entropy(logits, target)",
    "gaussian_nll_loss": (
        "squared_error(x, mu) / (2 * var), plus ops.log(var) / 2 per number if var is learned"
    ),
    "kl_div": (
        "cross_entropy(logits, target), which exceeds it by the entropy of target, a constant; for "
        "Gaussians kl_between_normals and kl_to_standard_normal"
    ),
    "l1_loss": "absolute_error(x, x_hat), summed over each example",
    "mse_loss": "squared_error(x, x_hat), summed over each example",
    "nll_loss": "cross_entropy(logits, target), from logits, without a log_softmax",
}

# The same as classes of torch.nn.
LOSS_CLASSES = {
    "BCELoss": LOSSES["binary_cross_entropy"],
    "BCEWithLogitsLoss": LOSSES["binary_cross_entropy_with_logits"],
    "CrossEntropyLoss": LOSSES["cross_entropy"],
    "GaussianNLLLoss": LOSSES["gaussian_nll_loss"],
    "KLDivLoss": LOSSES["kl_div"],
    "L1Loss": LOSSES["l1_loss"],
    "MSELoss": LOSSES["mse_loss"],
    "NLLLoss": LOSSES["nll_loss"],
}

# Attributes and methods of torch.Tensor alone -> what to write instead.
METHODS = {
    "add": "t + other",
    "add_": "t += other",
    "bool": "t.astype(bool)",
    "clamp_": "t[...] = t.detach().clip(min, max)",
    "contiguous": "t itself, since a view can be used as it is,",
    "copy_": "t[...] = other",
    "cpu": 't.to("cpu")',
    "cuda": 't.to("cuda")',
    "detach_": "t = t.detach()",
    "dim": "t.ndim",
    "div": "t / other",
    "div_": "t /= other",
    "double": "t.astype(np.float64)",
    "element_size": "t.itemsize",
    "expand": "tinygen.ops.broadcast_to(t, shape)",
    "expand_as": "tinygen.ops.broadcast_to(t, other.shape)",
    "fill_": "t[...] = value, or t.fill(value)",
    "float": "t.astype(np.float32)",
    "grad_fn": "the op that repr(t) shows",
    "half": "t.astype(np.float16)",
    "indices": "argmax, argmin or argsort: max, min and sort return the values alone",
    "int": "t.astype(np.int32)",
    "is_cuda": 't.device == "cuda"',
    "long": "t.astype(np.int64)",
    "matmul": "t @ other, or tinygen.ops.matmul(t, other)",
    "mm": "t @ other, or tinygen.ops.matmul(t, other)",
    "mul": "t * other",
    "mul_": "t *= other",
    "nelement": "t.size",
    "new_zeros": "tinygen.tensor(np.zeros(shape, t.dtype))",
    "nonzero": "np.nonzero(t.numpy())",
    "normal_": "t[...] = rng.normal(t.shape)",
    "permute": "t.transpose(axes)",
    "pow": "t ** exponent",
    "register_hook": "tinygen.grad(y, t)[0], which gives the gradient of any tensor",
    "requires_grad_": "t.requires_grad = flag",
    "reshape_as": "t.reshape(other.shape)",
    "retain_grad": "tinygen.grad(y, t)[0], which takes any tensor",
    "split": "tinygen.ops.split(t, indices), with the indices where parts begin, not their sizes",
    "sub": "t - other",
    "sub_": "t -= other",
    "type": "t.astype(dtype), and t.dtype",
    "uniform_": "t[...] = rng.uniform(t.shape)",
    "values": "the result itself: max, min and sort return no indices",
    "view": "t.reshape(shape)",
    "view_as": "t.reshape(other.shape)",
    "zero_": "t[...] = 0, or t.fill(0)",
}


def ops_hint(name: str) -> str:
    """Return what PyTorch's function of this name is here, to end an error; "" if unknown."""
    if name in FUNCTIONS:
        return f"; PyTorch's {name} is tinygen.ops.{FUNCTIONS[name]} here"
    if name in LOSSES:
        return f"; losses are in tinygen.losses: tinygen.losses.{LOSSES[name]}"
    if name in EXPRESSIONS:
        return f"; PyTorch's {name} is {EXPRESSIONS[name]} here"
    return ""


class Elsewhere:
    """A name that a Tensor does not have: reading it raises AttributeError with what to type.

    One for each name, because a method `__getattr__` would slow down every read of an attribute.
    """

    def __init__(self, name: str, hint: str):
        self.name, self.hint = name, hint

    def __get__(self, instance, owner=None):
        raise AttributeError(f"a Tensor has no attribute {self.name!r}{self.hint}")


def explain_attributes(tensor_class: type, functions: Iterable[str]) -> None:
    """Let a class explain PyTorch's names of methods, and functions that are no methods of it."""
    hints = {name: ops_hint(name) for name in (*FUNCTIONS, *LOSSES, *EXPRESSIONS)}
    hints |= {name: f"; use tinygen.ops.{name}(t, ...)" for name in functions}
    hints |= {name: f"; PyTorch's {name} is {text} here" for name, text in METHODS.items()}
    for name, hint in hints.items():
        if not hasattr(tensor_class, name):
            setattr(tensor_class, name, Elsewhere(name, hint))


def explain_names(function: Callable) -> Callable:
    """Decorate a function of an array: a call with PyTorch's name of a parameter says ours.

    It raises TypeError, as it does for a list or a number where the first array is expected.
    Primitives do so without it.
    """
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(function)
    def call(*args, **named):
        for name in named:
            if name not in parameters and PYTORCH_NAMES.get(name) in parameters:
                raise TypeError(
                    f"{function.__name__}: unknown {name}; PyTorch's {name} is "
                    f"{PYTORCH_NAMES[name]} here"
                )
        if args and not hasattr(args[0], "dtype"):
            check_arrays(function.__name__, **{parameters[0]: args[0]})
        return function(*args, **named)

    return call
