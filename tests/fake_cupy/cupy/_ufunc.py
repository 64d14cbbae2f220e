"""Element-wise functions, with the loops and the promotion of `cupy/_core/_kernel.pyx`."""

from __future__ import annotations

import numpy as np
from cupy_counts import launch

from ._core import ndarray, raw, wrap
from ._surface import check_dtype

PYTHON_SCALARS = {bool: False, int: int, float: float, complex: complex}
COMPARISONS = {
    f"cupy_{name}"
    for name in (
        *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("logical_and", "logical_or"),
    )
}
SCALARS = (bool, int, float, complex, np.generic)


class ufunc:  # noqa: N801 (CuPy's name)
    """One element-wise function: `function` of NumPy, with CuPy's loops.

    Parameters
    ----------
    name : str
        CuPy's name of the kernel.
    loops : list of (input dtypes, output dtypes)
        CuPy takes the first that all inputs can be converted to safely.
    function : callable
        NumPy's function.
    scatter : str, optional
        The operation of `ufunc.at`.
    casting : str
        The conversions of the result that are allowed.
    """

    def __init__(self, name, loops, function, scatter=None, casting="same_kind"):
        self.name = self.__name__ = name
        self._loops, self._function, self._casting = loops, function, casting
        self.nin, self.nout = (len(side) for side in loops[0])
        self.nargs = self.nin + self.nout
        self._scatter = scatter
        self._cache: dict = {}

    def __repr__(self):
        return f"<ufunc '{self.name}'>"

    @property
    def types(self) -> list[str]:
        """The loops as strings, such as "ff->f"."""
        return ["->".join("".join(t.char for t in side) for side in loop) for loop in self._loops]

    def __call__(self, *args, out=None, dtype=None, casting=None, _where=None, **wrong):
        if wrong:
            raise TypeError(f"Wrong arguments {wrong}")
        nin = self.nin
        if not nin <= len(args) <= self.nargs:
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {nin} or "
                f"{self.nargs} (with outputs), but given {len(args)}."
            )
        outs = self._outputs(args[nin:], out)
        args = args[:nin]
        in_types, out_types = self._find_loop(args, dtype)
        with np.errstate(all="ignore"):
            values = [_operand(a, t) for a, t in zip(args, in_types, strict=True)]
        if outs is None and _where is None:
            with np.errstate(all="ignore"):
                results = self._function(*values, order="C")
            results = results if self.nout > 1 else (results,)
            arrays = tuple(
                wrap(r if r.dtype == t else r.astype(t))
                for r, t in zip(results, out_types, strict=True)
            )
        else:
            arrays = self._into(values, outs, out_types, casting, _where)
        if arrays[0]._array.size:
            launch(self.name)
        return arrays[0] if self.nout == 1 else arrays

    def _outputs(self, positional, out):
        if out is None:
            return positional if any(o is not None for o in positional) else None
        if positional:
            raise ValueError("Cannot specify 'out' as both a positional and keyword argument")
        if isinstance(out, tuple):
            if len(out) != self.nout:
                raise ValueError("The 'out' tuple must have exactly one entry per ufunc output")
            return out
        if self.nout != 1:
            raise ValueError("'out' must be a tuple of arrays")
        return (out,)

    def _find_loop(self, args, dtype):
        """Return the dtypes of the first loop that takes the arguments."""
        if dtype is None:
            key = tuple(a._array.dtype if isinstance(a, ndarray) else _scalar_key(a) for a in args)
        else:
            for a in args:
                if not isinstance(a, ndarray):
                    _scalar_key(a)
            key = check_dtype(dtype)
        try:
            loop = self._cache[key]
        except KeyError:
            search = self._loop_of_inputs if dtype is None else self._loop_of_dtype
            loop = self._cache[key] = search(key)
        if loop is None:
            raise TypeError(f"Wrong type ({key}) of arguments for {self.name}")
        return loop

    def _loop_of_dtype(self, dtype):
        return next((loop for loop in self._loops if set(loop[1]) == {dtype}), None)

    def _loop_of_inputs(self, key):
        """Do as `_Ops.guess_routine`: Python scalars are weak, unless of a higher kind."""
        types = [k if isinstance(k, np.dtype) else k[0] for k in key]
        weak = [False if isinstance(k, np.dtype) else k[1] for k in key]
        if self.name in COMPARISONS and all(
            w is int or t.kind in "iu" for t, w in zip(types, weak)
        ):
            weak = [False] * len(key)  # so that uint8 < 300 compares (promote_weak_int)
        arrays = [_kind_score(t.type) for t, w in zip(types, weak, strict=True) if not w]
        scalars = [_kind_score(w) for w in weak if w]
        if not arrays or not scalars or max(arrays) < max(scalars):
            weak = [False] * len(key)
        for loop in self._loops:
            if all(map(_can_use, types, loop[0], weak)):
                return loop
        return None

    def _into(self, values, outs, out_types, casting, where):
        """Compute into given outputs, or only where a mask is true."""
        outs = tuple(outs or ()) + (None,) * (self.nout - len(outs or ()))
        arrays = [v for v in (*values, *(raw(o) for o in outs if o is not None))]
        if where is not None:
            arrays.append(where._array if isinstance(where, ndarray) else np.bool_(where))
        shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
        targets = []
        for o, t in zip(outs, out_types, strict=True):
            if o is None:
                o = wrap(np.empty(shape, t))
            elif o.shape != shape:
                raise ValueError("Out shape is mismatched")
            elif not np.can_cast(t, o.dtype, casting or self._casting):
                raise TypeError(
                    f"Cannot cast output operand from {t!r} to {o.dtype!r} with casting rule "
                    f"{casting or self._casting!r}"
                )
            targets.append(o)
        with np.errstate(all="ignore"):
            results = self._function(*values, order="C")
            results = results if self.nout > 1 else (results,)
            for o, r in zip(targets, results, strict=True):
                mask = True if where is None else arrays[-1]
                np.copyto(o._array, r, casting="unsafe", where=mask)
        return tuple(targets)

    # ------------------------------------------------------------------------------ its methods

    def outer(self, A, B, **kwargs):
        """Apply to all pairs."""
        from cupy import array

        A, B = array(A), array(B)
        A, B = A.reshape(A.shape + (1,) * B.ndim), B.reshape((1,) * A.ndim + B.shape)
        return self(A, B, **kwargs)

    def at(self, a, indices, b=None):
        """Apply in place, once for each index: atomically, in any order."""
        if self._scatter is None:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        a._scatter_op(indices, b, self._scatter)

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        """Reduce: only add and multiply can."""
        if self.name == "cupy_add":
            return array.sum(axis, dtype, out, keepdims)
        if self.name == "cupy_multiply":
            return array.prod(axis, dtype, out, keepdims)
        raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")

    def accumulate(self, array, axis=0, dtype=None, out=None):
        """Accumulate: only add and multiply can."""
        if self.name == "cupy_add":
            return array.cumsum(axis, dtype, out)
        if self.name == "cupy_multiply":
            return array.cumprod(axis, dtype, out)
        raise NotImplementedError(f"`{self.name}.accumulate` is not supported yet")

    def reduceat(self, array, indices, axis=0, dtype=None, out=None):
        """Reduce between indices: only add can."""
        raise NotImplementedError(f"`{self.name}.reduceat` is not supported yet")


def _scalar_key(value):
    """Return (dtype, weak type) of a scalar. Raises TypeError for what is neither array nor scalar.

    See `CScalar` in cupy/_core/_scalar.pyx.
    """
    kind = type(value)
    if kind in PYTHON_SCALARS:
        dtype = np.dtype(kind)
        if kind is int and value >= 2**63:
            dtype = np.dtype(np.uint64)
        return dtype, PYTHON_SCALARS[kind]
    if isinstance(value, np.generic):
        return np.dtype(value.dtype.str), False
    raise TypeError(f"Unsupported type {kind}")


def _kind_score(kind) -> int:
    if issubclass(kind, (np.bool_, bool)):
        return 0
    if issubclass(kind, (np.integer, int)):
        return 1
    return 2


def _can_use(given, wanted, weak) -> bool:
    if np.can_cast(given, wanted):
        return True
    return bool(weak) and np.result_type(weak(0), wanted) == wanted


def _operand(value, dtype):
    """Return an argument as NumPy's function takes it, in the dtype of the loop."""
    if isinstance(value, ndarray):
        value = value._array
        return value if value.dtype == dtype else value.astype(dtype)
    return dtype.type(value)
