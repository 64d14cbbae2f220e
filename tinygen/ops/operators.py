"""Operators and methods of `Tensor`: notation for the functions of this package, nothing more. Comparisons give constants.

`a += b` makes a new tensor and rebinds the name, as all that is not `t[index] = value` does.
"""

from __future__ import annotations

import types

import numpy as np

from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor, tensor
from ..backend import to_device, to_numpy
from . import elementwise as ew
from . import linalg, reduce, shape

__all__: list[str] = []


def _comparison(name, ufunc):
    """An elementwise comparison: booleans, and no gradient."""

    def forward(a, b):
        return ufunc(a, b)

    forward.__name__, forward.__doc__ = name, f"Elementwise {name}: a constant array of booleans."
    compare = primitive(forward)
    compare.vjp(a=None, b=None)
    return compare


equal, not_equal = _comparison("equal", np.equal), _comparison("not_equal", np.not_equal)
less, less_equal = _comparison("less", np.less), _comparison("less_equal", np.less_equal)
greater, greater_equal = _comparison("greater", np.greater), _comparison("greater_equal", np.greater_equal)
logical_and, logical_or = _comparison("logical_and", np.logical_and), _comparison("logical_or", np.logical_or)


class _Operators:
    """Copied into Tensor below, one by one."""

    def __add__(self, other): return ew.add(self, other)
    def __radd__(self, other): return ew.add(other, self)
    def __sub__(self, other): return ew.subtract(self, other)
    def __rsub__(self, other): return ew.subtract(other, self)
    def __mul__(self, other): return ew.multiply(self, other)
    def __rmul__(self, other): return ew.multiply(other, self)
    def __truediv__(self, other): return ew.divide(self, other)
    def __rtruediv__(self, other): return ew.divide(other, self)
    def __pow__(self, other): return ew.power(self, other)
    def __rpow__(self, other): return ew.power(other, self)
    def __matmul__(self, other): return linalg.matmul(self, other)
    def __rmatmul__(self, other): return linalg.matmul(other, self)
    def __neg__(self): return ew.negative(self)
    def __pos__(self): return self
    def __abs__(self): return ew.abs(self)

    def __eq__(self, other): return NotImplemented if other is None else equal(self, other)  # `t == None` is False, by identity
    def __ne__(self, other): return NotImplemented if other is None else not_equal(self, other)
    def __lt__(self, other): return less(self, other)
    def __le__(self, other): return less_equal(self, other)
    def __gt__(self, other): return greater(self, other)
    def __ge__(self, other): return greater_equal(self, other)
    def __and__(self, other): return logical_and(self, other)
    def __or__(self, other): return logical_or(self, other)
    def __invert__(self): return equal(self, False)
    __hash__ = object.__hash__  # `==` is elementwise, but a tensor is a key by its identity

    def __getitem__(self, index): return shape.getitem(self, index=index)
    def __len__(self): return len(self._data)
    def __iter__(self): return (self[i] for i in range(len(self)))
    def __bool__(self): return bool(self._data)
    def __float__(self): return float(self.item())
    def __int__(self): return int(self.item())

    def __repr__(self):
        lines = repr(to_numpy(self._data)).replace("array(", "tensor(", 1)
        made_by = f", op={self._edge[0].op.__name__}" if self._edge and self._edge[0].op else ", requires_grad=True" if self._edge else ""
        return lines[:-1] + (f", device={self.device!r}" if self.device != "cpu" else "") + made_by + ")"

    def __deepcopy__(self, memo):
        """A new leaf or constant with a copy of the values; a result has a graph, which is not copied: detach() it first."""
        if self._edge and self._edge[0].op:
            raise TypeError(f"deepcopy: this tensor is a result of {self._edge[0].op.__name__}; copy its detach(), or compute it again from copied leaves")
        return tensor(self._data, self.requires_grad)

    def __copy__(self):
        """As __deepcopy__: a Tensor that shared its memory with another would change with it."""
        return self.__deepcopy__({})

    def __format__(self, spec):
        """With a specification the number in it: f"{loss:.3f}" of a tensor of one element."""
        return format(self.item(), spec) if spec else str(self)

    T = property(lambda self: shape.transpose(self), doc="All axes reversed.")

    def reshape(self, *shape_):
        """The same values in another shape: t.reshape(2, -1) or t.reshape((2, -1))."""
        return shape.reshape(self, shape=shape_[0] if len(shape_) == 1 and not isinstance(shape_[0], int) else shape_)

    def transpose(self, *axes):
        """The axes in another order: t.transpose(0, 2, 1), t.transpose((0, 2, 1)); all reversed without arguments."""
        return shape.transpose(self, axes=axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    def squeeze(self, axis=None): return shape.squeeze(self, axis)
    def sum(self, axis=None, keepdims=False): return reduce.sum(self, axis=axis, keepdims=keepdims)
    def mean(self, axis=None, keepdims=False): return reduce.mean(self, axis=axis, keepdims=keepdims)
    def var(self, axis=None, ddof=0, keepdims=False): return reduce.var(self, axis=axis, ddof=ddof, keepdims=keepdims)
    def max(self, axis=None, keepdims=False): return reduce.max(self, axis=axis, keepdims=keepdims)
    def min(self, axis=None, keepdims=False): return reduce.min(self, axis=axis, keepdims=keepdims)
    def exp(self): return ew.exp(self)
    def log(self): return ew.log(self)
    def sqrt(self): return ew.sqrt(self)
    def tanh(self): return ew.tanh(self)
    def clip(self, minimum=None, maximum=None): return ew.clip(self, minimum, maximum)

    def astype(self, dtype):
        """In another dtype, always a new array. From floating point to floating point the gradient flows; to integers it is a constant."""
        return shape.astype(self, dtype=dtype)

    def numpy(self) -> np.ndarray:
        """A NumPy copy of the values, whatever the device."""
        return np.array(to_numpy(self._data))

    def item(self) -> bool | int | float:
        """The value of a tensor of one element as a Python number."""
        return self._data.item()

    def to(self, device: str) -> Tensor:
        """The values on `device`, "cpu" or "cuda", as a constant (on the same device: of the same memory)."""
        return self.detach() if device == self.device else Tensor(to_device(self._data, device))


for _name, _value in vars(_Operators).items():
    if _name not in ("__module__", "__doc__", "__dict__", "__weakref__", "__qualname__", "__firstlineno__", "__static_attributes__"):
        if isinstance(_value, types.FunctionType) and _value.__qualname__.startswith("_Operators."):
            _value.__qualname__ = f"Tensor.{_name}"
        setattr(Tensor, _name, _value)
