"""Shapes: views, and the copies that a reshape may need."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from ._core import contiguous, ndarray, view_of, wrap
from ._ufuncs import UFUNCS


def _root(array: np.ndarray):
    return array if array.base is None else array.base


def _reshape_method(self, *shape, order="C", copy=None):
    """Return another shape: a view where the strides allow it."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)):
        shape = tuple(shape[0])
    own = self._array
    result = own.reshape(shape, order=order)
    if result.base is _root(own) or result is own:
        view = view_of(self, result)
        return view.copy() if copy else view
    if copy is False:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    launch("cupy_copy")
    return wrap(np.array(result, order="F" if order == "F" else "C"))


def reshape(a, newshape, order="C", *, copy=None):
    """Return another shape."""
    return a.reshape(newshape, order=order, copy=copy)


def ravel(a, order="C"):
    """Return one axis."""
    return a.ravel(order)


def _ravel_method(self, order="C"):
    return contiguous(self.reshape(self.size, order=order if order != "K" else "A"))


def _flatten(self, order="C"):
    result = self.copy().ravel() if order == "C" else self.ravel(order).copy()
    return wrap(result._array)


def _transpose_method(self, *axes):
    if len(axes) == 1 and (axes[0] is None or not isinstance(axes[0], (int, np.integer))):
        axes = axes[0]
    return view_of(self, self._array.transpose(axes or None))


def transpose(a, axes=None):
    """Return the axes in another order: a view."""
    return a.transpose(axes)


def _view_function(name):
    """Make a function that returns a view, as NumPy's does."""
    function = getattr(np, name)

    def of_array(a, *args):
        return view_of(a, function(a._array, *args))

    return of_array


_squeeze, _swap = _view_function("squeeze"), _view_function("swapaxes")
_expand, _move = _view_function("expand_dims"), _view_function("moveaxis")
_flip, _roll_axis = _view_function("flip"), _view_function("rollaxis")
_rot90, _diagonal = _view_function("rot90"), _view_function("diagonal")
_broadcast = _view_function("broadcast_to")


def squeeze(a, axis=None):
    """Remove axes of length 1."""
    return _squeeze(a, axis)


def swapaxes(a, axis1, axis2):
    """Exchange two axes."""
    return _swap(a, axis1, axis2)


def expand_dims(a, axis):
    """Insert axes of length 1."""
    return _expand(a, axis)


def moveaxis(a, source, destination):
    """Move axes."""
    return _move(a, source, destination)


def rollaxis(a, axis, start=0):
    """Move one axis before another."""
    return _roll_axis(a, axis, start)


def flip(a, axis=None):
    """Reverse the elements along axes: a view."""
    return _flip(a, axis)


def fliplr(a):
    """Reverse the columns."""
    return _flip(a, 1)


def flipud(a):
    """Reverse the rows."""
    return _flip(a, 0)


def rot90(a, k=1, axes=(0, 1)):
    """Turn by 90 degrees."""
    return _rot90(a, k, axes)


def diagonal(a, offset=0, axis1=0, axis2=1):
    """Return a diagonal: a view, which can be written."""
    result = _diagonal(a, offset, axis1, axis2)
    result._array.flags.writeable = a._array.flags.writeable
    return result


def broadcast_to(array, shape):
    """Return a view with repeated elements, which CuPy lets one write."""
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if not isinstance(array, ndarray):
        from ._creation import asarray

        array = asarray(array)
    return _broadcast(array, shape)


def broadcast_arrays(*args):
    """Return views of one shape."""
    shape = np.broadcast_shapes(*(a.shape for a in args))
    return [broadcast_to(a, shape) for a in args]


def _at_least(number, a):
    from ._creation import asarray

    a = asarray(a)
    function = (np.atleast_1d, np.atleast_2d, np.atleast_3d)[number - 1]
    return a if a.ndim >= number else view_of(a, function(a._array))


def _at_least_function(number):
    def function(*arys):
        results = [_at_least(number, a) for a in arys]
        return results[0] if len(results) == 1 else results

    return function


atleast_1d, atleast_2d, atleast_3d = map(_at_least_function, (1, 2, 3))


def roll(a, shift, axis=None):
    """Move the elements around: one copy for each part."""
    if isinstance(shift, ndarray):
        raise NotImplementedError("the stand-in's roll takes numbers")
    if axis is None:
        return roll(a.ravel(), shift, 0).reshape(a.shape)
    shifts: dict = {}
    for s, i in np.broadcast(shift, axis):
        shifts[i % a.ndim] = shifts.get(i % a.ndim, 0) + int(s)
    moving = sum(1 for i, s in shifts.items() if a.shape[i] and s % a.shape[i])
    launch("cupy_copy", 2**moving)
    return wrap(np.roll(a._array, shift, axis))


def shape(a):
    """Return the shape."""
    return a.shape if isinstance(a, ndarray) else np.shape(a)


def ndim(a):
    """Return the number of axes."""
    return a.ndim if isinstance(a, ndarray) else np.ndim(a)


def size(a, axis=None):
    """Return the number of elements."""
    if not isinstance(a, ndarray):
        raise TypeError(f"Argument 'a' has incorrect type (got {type(a).__name__})")
    return a.size if axis is None else a.shape[axis]


def _real(self):
    return view_of(self, self._array.real) if self.dtype.kind == "c" else self


def _imag(self):
    if self.dtype.kind == "c":
        return view_of(self, self._array.imag)
    launch("memset")
    return wrap(np.zeros_like(self._array))


def _conjugate(self):
    return UFUNCS["conjugate"](self) if self.dtype.kind == "c" else self


ndarray.reshape, ndarray.ravel, ndarray.flatten = _reshape_method, _ravel_method, _flatten
ndarray.transpose = _transpose_method
ndarray.T = property(lambda self: self if self.ndim < 2 else view_of(self, self._array.T))
ndarray.mT = property(lambda self: self.swapaxes(-1, -2))
ndarray.squeeze, ndarray.swapaxes, ndarray.diagonal = squeeze, swapaxes, diagonal
ndarray.real, ndarray.imag = property(_real), property(_imag)
ndarray.conj = ndarray.conjugate = _conjugate
