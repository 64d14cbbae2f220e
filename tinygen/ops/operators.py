"""Operators and methods of `Tensor`: notation for the functions of this package, nothing more.

`t + u` calls `ops.add(t, u)`, `t.sum()` calls `ops.sum(t)`, and so on. Comparisons give constants.
`a += b` makes a new tensor and rebinds the name a; only `t[index] = value` writes in place.
"""

from __future__ import annotations

import types

import numpy as np

from ..autograd import functional
from ..autograd.tensor import Tensor, tensor
from ..backend import to_device, to_numpy
from . import elementwise, indexing, linalg, powers, reduce, trigonometry
from . import shape as shapes
from .comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    not_equal,
)

__all__ = ["Operators", "attach_methods"]


class Operators:
    """The operators and methods, which `attach_methods` copies into `Tensor`."""

    backward = functional.backward

    # Arithmetic. The r-forms serve `number + tensor`.

    def __add__(self, other):
        return elementwise.add(self, other)

    def __radd__(self, other):
        return elementwise.add(other, self)

    def __sub__(self, other):
        return elementwise.subtract(self, other)

    def __rsub__(self, other):
        return elementwise.subtract(other, self)

    def __mul__(self, other):
        return elementwise.multiply(self, other)

    def __rmul__(self, other):
        return elementwise.multiply(other, self)

    def __truediv__(self, other):
        return elementwise.divide(self, other)

    def __rtruediv__(self, other):
        return elementwise.divide(other, self)

    def __pow__(self, other):
        return powers.power(self, other)

    def __rpow__(self, other):
        return powers.power(other, self)

    def __matmul__(self, other):
        return linalg.matmul(self, other)

    def __rmatmul__(self, other):
        return linalg.matmul(other, self)

    def __neg__(self):
        return elementwise.negative(self)

    def __pos__(self):
        return self

    def __abs__(self):
        return elementwise.abs(self)

    # Comparisons. `t == None` is False, by identity.

    def __eq__(self, other):
        return NotImplemented if other is None else equal(self, other)

    def __ne__(self, other):
        return NotImplemented if other is None else not_equal(self, other)

    def __lt__(self, other):
        return less(self, other)

    def __le__(self, other):
        return less_equal(self, other)

    def __gt__(self, other):
        return greater(self, other)

    def __ge__(self, other):
        return greater_equal(self, other)

    def __and__(self, other):
        return logical_and(self, other)

    def __or__(self, other):
        return logical_or(self, other)

    def __invert__(self):
        return equal(self, False)

    __hash__ = object.__hash__  # `==` is element-wise, but a tensor is a dictionary key by identity

    # Python's protocols.

    def __getitem__(self, index):
        return indexing.getitem(self, index=index)

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self._data)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __repr__(self):
        text = repr(to_numpy(self._data)).replace("array(", "tensor(", 1).removesuffix(")")
        if self.device != "cpu":
            text += f", device={self.device!r}"
        op = _op_of(self)
        if op is not None:
            text += f", op={op.__name__}"
        elif self.requires_grad:
            text += ", requires_grad=True"
        return text + ")"

    def __format__(self, spec):
        """With a format specification, the number: f"{loss:.3f}" for a tensor of one element."""
        return format(self.item(), spec) if spec else str(self)

    def __deepcopy__(self, memo):
        """A new leaf or constant with a copy of the values.

        Raises TypeError for the result of an operation: it belongs to a graph, and a copy of the
        graph is not supported. Copy its detach() instead.
        """
        op = _op_of(self)
        if op is not None:
            raise TypeError(
                f"deepcopy: this tensor is a result of {op.__name__}; copy its detach(), "
                "or compute it again from copied leaves"
            )
        return tensor(self._data, requires_grad=self.requires_grad)

    def __copy__(self):
        """As __deepcopy__: a Tensor that shared its memory with another would change with it."""
        return self.__deepcopy__({})

    # Methods.

    T = property(lambda self: shapes.transpose(self), doc="All axes reversed.")

    def reshape(self, *shape):
        """The same values in another shape: t.reshape(2, -1) or t.reshape((2, -1))."""
        return shapes.reshape(self, shape=_one_tuple(shape))

    def transpose(self, *axes):
        """The axes in another order: t.transpose(0, 2, 1) or t.transpose((0, 2, 1)).

        Without arguments all axes are reversed.
        """
        return shapes.transpose(self, axes=_one_tuple(axes) or None)

    def squeeze(self, axis=None):
        """As `ops.squeeze`."""
        return shapes.squeeze(self, axis)

    def sum(self, axis=None, keepdims=False):
        """As `ops.sum`."""
        return reduce.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis=None, keepdims=False):
        """As `ops.mean`."""
        return reduce.mean(self, axis=axis, keepdims=keepdims)

    def var(self, axis=None, ddof=0, keepdims=False):
        """As `ops.var`."""
        return reduce.var(self, axis=axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis=None, keepdims=False):
        """As `ops.max`."""
        return reduce.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis=None, keepdims=False):
        """As `ops.min`."""
        return reduce.min(self, axis=axis, keepdims=keepdims)

    def exp(self):
        """As `ops.exp`."""
        return elementwise.exp(self)

    def log(self):
        """As `ops.log`."""
        return elementwise.log(self)

    def sqrt(self):
        """As `ops.sqrt`."""
        return elementwise.sqrt(self)

    def tanh(self):
        """As `ops.tanh`."""
        return trigonometry.tanh(self)

    def clip(self, minimum=None, maximum=None):
        """As `ops.clip`."""
        return elementwise.clip(self, minimum, maximum)

    def astype(self, dtype):
        """In another dtype, always a new array.

        The gradient flows from floating point to floating point; integers are constants.
        """
        return shapes.astype(self, dtype=dtype)

    def numpy(self) -> np.ndarray:
        """A NumPy copy of the values, whatever the device."""
        return np.array(to_numpy(self._data))

    def item(self) -> bool | int | float:
        """The value of a tensor of one element as a Python number."""
        return self._data.item()

    def to(self, device: str) -> Tensor:
        """The values on `device`, "cpu" or "cuda", as a constant.

        On the same device it shares the memory.
        """
        if device == self.device:
            return self.detach()
        return Tensor(to_device(self._data, device))


def _op_of(t: Tensor):
    """Return the primitive whose result t is; None for a leaf or a constant."""
    return t._edge[0].op if t._edge else None


def _one_tuple(arguments: tuple):
    """Return (2, -1) for the call f(2, -1) and for the call f((2, -1))."""
    is_sequence = len(arguments) == 1 and not isinstance(arguments[0], int)
    return arguments[0] if is_sequence else arguments


# Attributes that every class has, such as its docstring; they are not copied.
_OF_EVERY_CLASS = set(vars(type("Empty", (), {}))) | {"__firstlineno__", "__static_attributes__"}


def attach_methods(tensor_class: type, *sources: type) -> None:
    """Copy the operators and methods of classes into a class."""
    for source in sources:
        for name, value in vars(source).items():
            if name not in _OF_EVERY_CLASS:
                if isinstance(value, types.FunctionType):
                    value.__qualname__ = f"{tensor_class.__name__}.{name}"
                setattr(tensor_class, name, value)
