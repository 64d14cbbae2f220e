"""The operators of `Tensor`, and what Python asks of a number or a sequence.

They are notation for the functions of this package: `t + u` calls `ops.add(t, u)`. Comparisons give
constants. The methods are in methods.py.

**In-place operators.** `t += u` is `t = t + u`, a new tensor, wherever the graph needs to know of
the sum: when u or t is the result of recorded calls. Otherwise t is a constant, or recording is off
as in the step of an optimizer, and t is written in place. A leaf that requires a gradient is
refused while recording is on, because its value and its gradient would then belong to different
times.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..autograd.tensor import Tensor, mode, tensor
from ..backend import to_numpy
from . import comparison, elementwise, indexing, linalg, powers, rounding

__all__ = ["Operators", "attach_methods"]


def in_place(symbol: str, function: Callable) -> Callable:
    """Make an in-place operator of an operator's function."""

    def operator(self, other):
        has_gradient = self.requires_grad or (isinstance(other, Tensor) and other.requires_grad)
        if mode.grad and has_gradient:
            if self.requires_grad and self.is_leaf:
                raise ValueError(
                    f"x {symbol} v: x is a leaf that requires a gradient, which a write would "
                    f"change under the graph; compute a new tensor, x = x {symbol[:-1]} v, or "
                    "write within tinygen.no_grad(), as an optimizer does"
                )
            return function(self, other)
        y = function(self, other)
        if y.shape != self.shape or not np.can_cast(y.dtype, self.dtype, "same_kind"):
            raise ValueError(
                f"x {symbol} v: the result {y.dtype} {y.shape} does not fit into x {self.dtype} "
                f"{self.shape}; compute a new tensor, x = x {symbol[:-1]} v"
            )
        self[...] = y
        return self

    operator.__doc__ = f"x {symbol} v: see the top of this file."
    return operator


class Operators:
    """The operators, which `attach_methods` copies into `Tensor`."""

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

    def __floordiv__(self, other):
        return rounding.floor_divide(self, other)

    def __rfloordiv__(self, other):
        return rounding.floor_divide(other, self)

    def __mod__(self, other):
        return rounding.mod(self, other)

    def __rmod__(self, other):
        return rounding.mod(other, self)

    def __divmod__(self, other):
        return rounding.floor_divide(self, other), rounding.mod(self, other)

    def __rdivmod__(self, other):
        return rounding.floor_divide(other, self), rounding.mod(other, self)

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
        return NotImplemented if other is None else comparison.equal(self, other)

    def __ne__(self, other):
        return NotImplemented if other is None else comparison.not_equal(self, other)

    def __lt__(self, other):
        return comparison.less(self, other)

    def __le__(self, other):
        return comparison.less_equal(self, other)

    def __gt__(self, other):
        return comparison.greater(self, other)

    def __ge__(self, other):
        return comparison.greater_equal(self, other)

    def __and__(self, other):
        return comparison.bitwise_and(self, other)

    def __rand__(self, other):
        return comparison.bitwise_and(other, self)

    def __or__(self, other):
        return comparison.bitwise_or(self, other)

    def __ror__(self, other):
        return comparison.bitwise_or(other, self)

    def __xor__(self, other):
        return comparison.bitwise_xor(self, other)

    def __rxor__(self, other):
        return comparison.bitwise_xor(other, self)

    def __invert__(self):
        return comparison.invert(self)

    __hash__ = object.__hash__  # `==` is element-wise, but a tensor is a dictionary key by identity

    # In-place operators.

    __iadd__ = in_place("+=", __add__)
    __isub__ = in_place("-=", __sub__)
    __imul__ = in_place("*=", __mul__)
    __itruediv__ = in_place("/=", __truediv__)
    __ifloordiv__ = in_place("//=", __floordiv__)
    __imod__ = in_place("%=", __mod__)
    __ipow__ = in_place("**=", __pow__)
    __imatmul__ = in_place("@=", __matmul__)
    __iand__ = in_place("&=", __and__)
    __ior__ = in_place("|=", __or__)
    __ixor__ = in_place("^=", __xor__)

    # Python's protocols.

    def __getitem__(self, index):
        return indexing.getitem(self, index=index)

    def __len__(self):
        if not self.ndim:
            raise TypeError("len: a tensor without axes has no length; item() gives its number")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __contains__(self, value):
        return bool((self == value).any())

    def __bool__(self):
        if self.size != 1:
            raise ValueError(
                f"bool: a tensor of shape {self.shape} is not one truth value; use .any() or .all()"
            )
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        if self.ndim or self.dtype.kind not in "iu":
            raise TypeError(
                f"index: a tensor of {self.dtype} {self.shape} is no index; give an integer "
                "without axes"
            )
        return self.item()

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


def _op_of(t: Tensor):
    """Return the primitive whose result t is; None for a leaf or a constant."""
    return t._edge[0].op if t._edge else None


# Attributes that every class has, such as its docstring; they are not copied.
_OF_EVERY_CLASS = set(vars(type("Empty", (), {}))) | {"__firstlineno__", "__static_attributes__"}


def attach_methods(tensor_class: type, *sources: type) -> None:
    """Copy the operators and methods of classes into a class."""
    for source in sources:
        for name, value in vars(source).items():
            if name not in _OF_EVERY_CLASS:
                # A function of the package that is a method as it is keeps its name.
                if getattr(value, "__module__", "") == source.__module__ and callable(value):
                    value.__qualname__ = f"{tensor_class.__name__}.{name}"
                setattr(tensor_class, name, value)
