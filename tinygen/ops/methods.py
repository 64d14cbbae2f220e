"""The methods of `Tensor`: those of a NumPy array, as far as they make sense.

Most are functions of this package as they are: a function in the body of a class is a method. What
PyTorch calls otherwise is in pytorch_names.py.
"""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from ..autograd import functional
from ..autograd.primitive import primitive
from ..autograd.tensor import Tensor
from ..backend import to_device, to_numpy
from . import (
    comparison,
    elementwise,
    joining,
    linalg,
    products,
    reduce,
    rounding,
    selection,
    sorting,
)
from . import shape as shapes
from .trigonometry import tanh

__all__ = ["Methods"]


class Methods:
    """The methods, which `attach_methods` copies into `Tensor`."""

    backward = functional.backward

    T = property(lambda self: shapes.transpose(self), doc="All axes reversed.")
    nbytes = property(attrgetter("_data.nbytes"), doc="The size of the array in bytes.")
    itemsize = property(attrgetter("_data.itemsize"), doc="The size of one element in bytes.")

    # Element by element.
    abs = elementwise.abs
    clip = selection.clip
    exp = elementwise.exp
    log = elementwise.log
    round = rounding.round
    sqrt = elementwise.sqrt
    tanh = tanh

    # Along axes.
    all = comparison.all
    any = comparison.any
    argmax = sorting.argmax
    argmin = sorting.argmin
    argsort = sorting.argsort
    cumprod = products.cumprod
    cumsum = reduce.cumsum
    max = reduce.max
    mean = reduce.mean
    min = reduce.min
    prod = products.prod
    std = reduce.std
    sum = reduce.sum
    var = reduce.var

    # Shapes and matrices.
    astype = shapes.astype
    diagonal = linalg.diagonal
    dot = linalg.dot
    flatten = shapes.flatten
    ravel = shapes.ravel
    repeat = joining.repeat
    squeeze = shapes.squeeze
    swapaxes = shapes.swapaxes
    trace = linalg.trace

    def reshape(self, *shape):
        """The same values in another shape: t.reshape(2, -1) or t.reshape((2, -1))."""
        return shapes.reshape(self, shape=_one_tuple(shape))

    def transpose(self, *axes):
        """The axes in another order: t.transpose(0, 2, 1) or t.transpose((0, 2, 1)).

        Without arguments all axes are reversed. As in NumPy, all axes are named: to exchange two,
        as PyTorch's transpose does, use swapaxes. NumPy's transpose(0, 1) of a matrix would change
        nothing, so it raises ValueError.
        """
        if self.ndim == 2 and axes in ((0, 1), (-2, -1)):
            raise ValueError(
                f"transpose{axes} names the axes in their old order; to exchange them, as PyTorch "
                f"does, use T or swapaxes{axes}"
            )
        return shapes.transpose(self, axes=_one_tuple(axes) or None)

    def copy(self):
        """The same values in new memory. The gradient flows through, as by PyTorch's clone."""
        return shapes.astype(self, dtype=self.dtype)

    def fill(self, value) -> None:
        """Set all elements to a value, in place: t[...] = value."""
        self[...] = value

    # What leaves the graph.

    def numpy(self) -> np.ndarray:
        """A NumPy copy of the values, whatever the device."""
        return np.array(to_numpy(self._data))

    def tolist(self):
        """The values as nested lists of Python numbers; without axes, as one number."""
        return to_numpy(self._data).tolist()

    def item(self) -> bool | int | float:
        """The value of a tensor of one element as a Python number."""
        if self.size != 1:
            raise ValueError(
                f"item: a tensor of shape {self.shape} is not one number, as one of size 1 is; "
                "index it, reduce it, or take tolist()"
            )
        return self._data.item()

    def to(self, device: str) -> Tensor:
        """The values on `device`, "cpu" or "cuda": self if they lie there, else a copy.

        The gradient flows back to the device that it came from.
        """
        if not isinstance(device, str):
            raise TypeError(
                f'to: device is {device!r}; give "cpu" or "cuda". astype converts the dtype'
            )
        if device == self.device:
            return self
        return move(self, device=device, source=self.device)

    def __dir__(self) -> list[str]:
        """List the names that are there, without those that `Elsewhere` explains."""
        return dir(type(self))


# NumPy's name, which has a capital: the linter refuses such a name in the body of a class.
Methods.mT = property(
    lambda self: shapes.swapaxes(self, -1, -2), doc="The last two axes exchanged."
)


@primitive
def move(x, *, device, source):
    """The values of x, which lie on the device `source`, on another device.

    **Math** y = x; dx = g, moved back to `source`.
    """
    return to_device(x, device)


move.vjp(x=lambda g, device, source: move(g, device=source, source=device))


def _one_tuple(arguments: tuple):
    """Return (2, -1) for the call f(2, -1) and for the call f((2, -1))."""
    is_sequence = len(arguments) == 1 and not isinstance(arguments[0], (int, np.integer))
    return arguments[0] if is_sequence else arguments
