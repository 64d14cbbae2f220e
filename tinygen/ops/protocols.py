"""What other libraries ask of an array, and how a Tensor answers.

NumPy's functions are not recorded in the graph. So they refuse a Tensor, and the error names the
function to use. Only the operators work with an array on the left: `array + tensor`.
"""

from __future__ import annotations

import numpy as np

from ..autograd.tensor import Tensor
from .pytorch_names import ops_hint

__all__ = ["Protocols"]

# The operators of Python that NumPy hands over: {its function: the method with exchanged sides}.
REFLECTED_OPERATORS = {
    "add": "__radd__",
    "subtract": "__rsub__",
    "multiply": "__rmul__",
    "divide": "__rtruediv__",
    "divmod": "__rdivmod__",
    "floor_divide": "__rfloordiv__",
    "remainder": "__rmod__",
    "power": "__rpow__",
    "matmul": "__rmatmul__",
    "equal": "__eq__",
    "not_equal": "__ne__",
    "less": "__gt__",
    "less_equal": "__ge__",
    "greater": "__lt__",
    "greater_equal": "__le__",
    "bitwise_and": "__rand__",
    "bitwise_or": "__ror__",
    "bitwise_xor": "__rxor__",
}


def refusal(name: str) -> str:
    """Return what to do instead of calling NumPy's function of this name on a Tensor."""
    from .. import ops  # it imports this file

    name = {"absolute": "abs"}.get(name, name)
    if name in ops.__all__:
        is_joining = name in ("concatenate", "stack")
        advice = f"use tinygen.ops.{name}({'[tensor, ...]' if is_joining else 'tensor'})"
    else:
        hint = ops_hint(name)
        advice = f"tinygen.ops has no {name}; tensor.numpy() gives an array without its graph{hint}"
    return f"np.{name} does not take a Tensor: {advice}"


class Protocols:
    """The methods, which `attach_methods` copies into `Tensor`."""

    def __array__(self, *args, **kwargs):
        """Refuse `np.asarray(tensor)`, and NumPy's functions that begin with it."""
        raise TypeError(
            "a Tensor becomes an array only where that is written, because an array has no graph: "
            "tensor.numpy() copies it, tinygen.ops computes with it, and tinygen.ops.stack joins "
            "several"
        )

    def __reduce_ex__(self, protocol: int):
        """Pickle a constant; refuse a parameter or a result, whose graph cannot be stored."""
        if self.requires_grad:
            raise TypeError(
                "a Tensor that requires a gradient is not pickled, because its graph would be "
                "lost: pickle tensor.detach() or model.state_dict(), or save a file with "
                "tinygen.checkpoint.save_checkpoint(path, model=model)"
            )
        return object.__reduce_ex__(self, protocol)

    def __dlpack__(self, **settings):
        """Hand the memory to another library: `torch.from_dlpack(tensor)` shares it.

        That library's writes are not noticed: call `tensor.touch()` after them.

        Raises
        ------
        BufferError
            If the tensor requires a gradient, which the other library would not record; or if it
            is a reversed view, whose negative strides PyTorch, for example, cannot read.
        """
        if self.requires_grad:
            raise BufferError(
                "a Tensor that requires a gradient is not handed to another library, because its "
                "graph would be lost: use tensor.detach()"
            )
        if min(self._data.strides, default=0) < 0:
            raise BufferError(
                "a Tensor that is a reversed view has negative strides, which PyTorch, for "
                "example, cannot read: use tensor.copy()"
            )
        return self._data.__dlpack__(**settings)

    def __dlpack_device__(self):
        """Return DLPack's numbers of the kind of device and of the device."""
        return self._data.__dlpack_device__()

    def __array_ufunc__(self, ufunc, method, *inputs, **settings):
        """Compute `array + tensor`, which NumPy hands over as `np.add(array, tensor)`.

        Any other element-wise function of NumPy raises TypeError.
        """
        reflected = REFLECTED_OPERATORS.get(ufunc.__name__)
        if reflected and method == "__call__" and not settings and type(inputs[0]) is not Tensor:
            return getattr(self, reflected)(inputs[0])
        if reflected and "out" in settings:  # array -= tensor
            raise TypeError(
                f"np.{ufunc.__name__} does not write a Tensor into an array: give the Tensor's "
                "array, as in p.data -= lr * p.grad.data, or write into a Tensor within "
                "tinygen.no_grad(), as in p -= lr * p.grad"
            )
        raise TypeError(refusal(ufunc.__name__))

    def __array_function__(self, function, types, args, kwargs):
        """Answer `np.shape(tensor)` and the like; refuse NumPy's other functions."""
        if function in (np.shape, np.ndim, np.size) and len(args) == 1 and not kwargs:
            return getattr(self, function.__name__)
        raise TypeError(refusal(function.__name__))
