"""CuPy's user-defined kernels, compiled as C++ and run on the CPU.

`ElementwiseKernel` and `ReductionKernel` take what CuPy's take, refuse what CuPy's refuse, and make
the same code around the body, with a loop in the place of the GPU's threads. `cuda_on_cpu.hpp` has
what CUDA C++ has and C++ lacks. The code is compiled once for each kernel and combination of types;
the shared objects lie in a folder of the system's temporary files, named by what they are made of.

Two mistakes that a GPU may not show are errors here: an index outside a raw array, and an input
that is `raw`, therefore read by all threads, while another thread writes into its memory.

Without a C++ compiler, the NumPy twin of a kernel of tinygen takes its place.
"""

from __future__ import annotations

import math
import re

import cupy_counts
import numpy as np

from ._cpp import compiler, run

BLOCK_SIZE = 512  # threads of a reduction that share their results

# Do the elements run in descending order? A GPU runs them in any order.
reversed_order = False

C_TYPES = {
    "bool": "bool",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}


class Parameter:
    """One declaration: "T x", "raw T x" or "int32 width"."""

    def __init__(self, declaration: str, is_input: bool):
        words = declaration.split()
        if len(words) < 2:
            raise Exception(f"Syntax error: {declaration}")
        *marks, self.type, self.name = words
        for mark in marks:
            if mark != "raw":
                raise Exception(f'Unknown keyword "{mark}"')
        self.is_raw, self.is_input = bool(marks), is_input
        self.dtype = None if len(self.type) == 1 else np.dtype(self.type)
        self.c_type = self.type if self.dtype is None else C_TYPES[self.dtype.name]

    def code_before(self, k: int, is_array: bool) -> str:
        """Return the code that makes the argument of the k-th address."""
        const = "const " if self.is_input else ""
        if not is_array:
            return f"const {self.c_type} {self.name} = *(const {self.c_type}*)data[{k}];"
        if self.is_raw:
            return f"{const}CArray<{self.c_type}> {self.name}(data[{k}], shapes[{k}], sizes[{k}]);"
        return f"{const}{self.c_type}* _raw_{self.name} = ({const}{self.c_type}*)data[{k}];"

    def code_inside(self, is_array: bool, index: str) -> str:
        """Return the code that gives the name to one element."""
        if self.is_raw or not is_array:
            return ""
        const = "const " if self.is_input else ""
        return f"{const}{self.c_type} &{self.name} = _raw_{self.name}[{index}];"


def parse(declarations: str, is_input: bool) -> tuple[Parameter, ...]:
    """Return the parameters of a list of declarations."""
    if not declarations:
        return ()
    return tuple(Parameter(d, is_input) for d in declarations.strip().split(","))


def is_array(value) -> bool:
    """Return whether a value is an array of this stand-in."""
    import cupy

    return isinstance(value, cupy.ndarray)


def check_argument(value) -> None:
    """Refuse what is neither an array nor a scalar: a NumPy array above all."""
    if not is_array(value) and not isinstance(value, (bool, int, float, complex, np.generic)):
        raise TypeError(f"Unsupported type {type(value)}")


def decide_types(inputs, outputs, in_args, out_args) -> dict[str, np.dtype]:
    """Return what the letters stand for, by the arrays of a call."""
    types: dict[str, np.dtype] = {}
    for p, a in [*zip(outputs, out_args), *zip(inputs, in_args)]:
        if not is_array(a):
            if not p.is_input:
                raise TypeError("Output arguments must be cupy.ndarray")
            continue
        expected = types.setdefault(p.type, a.dtype) if p.dtype is None else p.dtype
        if a.dtype != expected:
            raise TypeError(f"Type is mismatched. {p.name} {a.dtype} {expected} {p.type}")
    for p in [*inputs, *outputs]:
        if p.dtype is None:
            types[p.type]  # a KeyError, as CuPy's, where no array tells it
    return types


def scalar(value, p: Parameter, types: dict) -> np.ndarray:
    """Return a number as an array of one element, of the declared type."""
    array = np.empty((), types[p.type] if p.dtype is None else p.dtype)
    array[()] = value
    return array


def typedefs(types: dict[str, np.dtype]) -> str:
    """Return the code that tells the compiler what the letters stand for."""
    names = {letter: C_TYPES[np.dtype(dtype).name] for letter, dtype in sorted(types.items())}
    return "\n".join(f"typedef {name} {letter};" for letter, name in names.items())


def has_float32(types: dict[str, np.dtype]) -> str:
    """Return "true" or "false" for C++: whether the letters stand for float32."""
    return str(np.dtype(np.float32) in types.values()).lower()


def empty_outputs(outputs, shape, types) -> list:
    """Return new arrays for the outputs, filled with NaN so that what is not written shows."""
    import cupy

    arrays = [cupy.empty(shape, types[p.type] if p.dtype is None else p.dtype) for p in outputs]
    for array in arrays:
        array._array.fill(math.nan if array.dtype.kind == "f" else 111)
    return arrays


class Memory:
    """The arguments of a call as the compiled code wants them: NumPy arrays in C order."""

    def __init__(self):
        self.arrays: list[np.ndarray] = []
        self._copies: list[tuple[np.ndarray, np.ndarray]] = []

    def add_input(self, array: np.ndarray) -> None:
        self.arrays.append(np.ascontiguousarray(array).reshape(array.shape))

    def add_output(self, array: np.ndarray) -> None:
        c_order = np.ascontiguousarray(array).reshape(array.shape)
        self.arrays.append(c_order)
        if not np.may_share_memory(c_order, array):
            self._copies.append((array, c_order))

    def write_back(self) -> None:
        for array, c_order in self._copies:
            array[...] = c_order


def check_races(params, args) -> None:
    """Refuse an input that other threads may overwrite before it is read."""
    written = [(p, a) for p, a in zip(params, args) if not p.is_input]
    for p, a in zip(params, args):
        if not (p.is_input and is_array(a)):
            continue
        for q, b in written:
            if (p.is_raw or q.is_raw) and np.may_share_memory(a._array, b._array):
                raise ValueError(f"a race: threads read {p.name} while others write {q.name} to it")


class Kernel:
    """What both kinds of kernels have in common: their parameters, and the checks of arguments."""

    def __init__(self, in_params: str, out_params: str, name: str, preamble: str):
        if not re.fullmatch("[a-zA-Z_][a-zA-Z_0-9]*", name):
            raise ValueError(f'Invalid kernel name: "{name}"')
        self.in_params, self.out_params = parse(in_params, True), parse(out_params, False)
        self.params = self.in_params + self.out_params
        self.nin, self.nout = len(self.in_params), len(self.out_params)
        self.nargs = self.nin + self.nout
        self.name, self.preamble = name, preamble

    def _split(self, args: tuple) -> tuple[list, list]:
        """Return the inputs and outputs among the arguments of a call."""
        if len(args) not in (self.nin, self.nargs):
            raise TypeError(
                f"Wrong number of arguments for {self.name!r}. It must be either {self.nin} or "
                f"{self.nargs} (with outputs), but given {len(args)}."
            )
        for arg in args:
            check_argument(arg)
        return list(args[: self.nin]), list(args[self.nin :])

    def _outputs(self, out_args: list, shape: tuple, types: dict) -> list:
        """Return the given outputs, which must have the shape, or new ones."""
        if not out_args:
            return empty_outputs(self.out_params, shape, types)
        for p, a in zip(self.out_params, out_args):
            if not p.is_raw and a.shape != shape:
                raise ValueError("Out shape is mismatched")
        return out_args

    def _run_twin(self, in_args: list, out_args: list, settings: dict) -> None:
        """Write into the outputs what the NumPy twin of the kernel of this name computes."""
        from tinygen.backend.kernels import KERNELS

        kernel = next(k for k in KERNELS.values() if k.name == self.name)
        args = dict(zip((p.name for p in self.params), in_args + out_args))
        args = [args[p.name] for p in kernel.arguments]
        with np.errstate(all="ignore"):  # a GPU does not warn
            result = kernel.twin(*(a._array if is_array(a) else a for a in args), **settings)
        if not kernel.is_in_place:
            results = result if isinstance(result, tuple) else (result,)
            for array, values in zip(out_args, results):
                array._array[...] = values


# ------------------------------------------------------------------------------------ elementwise

ELEMENTWISE = """
#include "cuda_on_cpu.hpp"
{typedefs}
{preamble}
extern "C" int run(void** data, ptrdiff_t** shapes, ptrdiff_t* sizes,
                   ptrdiff_t _n, ptrdiff_t _descending) {{
  const unsigned _before = flush_to_zero({has_float32});
  const CIndexer _ind{{_n}};
  {before}
  for (ptrdiff_t _step = 0; _step < _n; ++_step) {{
    const ptrdiff_t i = _descending ? _n - 1 - _step : _step;
    {inside}
    {body};
  }}
  flush_as_before(_before);
  bool failed = index_out_of_range;
  index_out_of_range = false;
  return failed;
}}
"""


class ElementwiseKernel(Kernel):
    """CuPy's `ElementwiseKernel`: a body that runs for each element."""

    def __init__(
        self,
        in_params,
        out_params,
        operation,
        name="kernel",
        reduce_dims=True,
        preamble="",
        no_return=False,
        return_tuple=False,
        options=(),
    ):
        super().__init__(in_params, out_params, name, preamble)
        self.operation, self.no_return, self.return_tuple = operation, no_return, return_tuple
        if "i" in [p.name for p in self.params]:
            raise ValueError("Can not use 'i' as a parameter name")

    def __call__(self, *args, size=-1, block_size=128):
        in_args, out_args = self._split(args)
        shape = self._shape(args, size)
        types = decide_types(self.in_params, self.out_params, in_args, out_args)
        if not out_args and size == -1 and any(p.is_raw for p in self.out_params):
            raise ValueError("Output array size is Undecided")
        out_args = self._outputs(out_args, shape, types)
        check_races(self.params, in_args + out_args)
        if math.prod(shape):
            cupy_counts.launch(self.name)
            if compiler() is None:
                self._run_twin(in_args, out_args, {})
            else:
                self._run(in_args + out_args, shape, types)
        if self.no_return:
            return None
        return out_args[0] if self.nout == 1 and not self.return_tuple else tuple(out_args)

    def _shape(self, args: tuple, size: int) -> tuple[int, ...]:
        """Return the shape that the body runs over."""
        looped = [a for p, a in zip(self.params, args) if is_array(a) and not p.is_raw]
        if size == -1 and not looped:
            raise ValueError("Loop size is undecided.")
        if size != -1 and looped:
            raise ValueError("Specified 'size' can be used only if all of the ndarray are 'raw'.")
        return np.broadcast_shapes(*(a.shape for a in looped)) if looped else (size,)

    def source(self, are_arrays: list[bool], types: dict) -> str:
        """Return the C++ code for arguments of these types."""
        both = list(zip(self.params, are_arrays))
        return ELEMENTWISE.format(
            typedefs=typedefs(types),
            has_float32=has_float32(types),
            preamble=self.preamble,
            before="\n  ".join(p.code_before(k, yes) for k, (p, yes) in enumerate(both)),
            inside="\n    ".join(filter(None, (p.code_inside(yes, "i") for p, yes in both))),
            body=self.operation,
        )

    def _run(self, args: list, shape: tuple, types: dict) -> None:
        memory = Memory()
        for p, a in zip(self.params, args):
            if not p.is_input:
                memory.add_output(a._array)
            elif not is_array(a):
                memory.add_input(scalar(a, p, types))
            else:
                memory.add_input(a._array if p.is_raw else np.broadcast_to(a._array, shape))
        source = self.source([is_array(a) for a in args], types)
        run(source, memory.arrays, math.prod(shape), reversed_order)
        memory.write_back()


# -------------------------------------------------------------------------------------- reduction

REDUCTION = """
#include "cuda_on_cpu.hpp"
{typedefs}
typedef int IndexT;
{preamble}
#define REDUCE(a, b) ({reduce})
#define POST_MAP(a) ({post})
typedef {reduce_type} _type_reduce;
alignas(16) static char _memory[{block_size} * sizeof(_type_reduce)];

extern "C" int run(void** data, ptrdiff_t** shapes, ptrdiff_t* sizes,
                   ptrdiff_t _in_size, ptrdiff_t _out_size, ptrdiff_t _threads) {{
  const unsigned _before = flush_to_zero({has_float32});
  const CIndexer _in_ind{{_in_size}}, _out_ind{{_out_size}};
  _type_reduce* _sdata = (_type_reduce*)_memory;
  {before}
  for (ptrdiff_t _i = 0; _i < _out_size; ++_i) {{
    for (ptrdiff_t _thread = 0; _thread < _threads; ++_thread) {{
      _type_reduce _s = _type_reduce({identity});
      IndexT _J = _thread;
      for (ptrdiff_t _j = _i + _thread * _out_size; _j < _in_size;
           _j += _threads * _out_size, _J += _threads) {{
        {inputs}
        _type_reduce _a = static_cast<_type_reduce>({map});
        _s = REDUCE(_s, _a);
      }}
      _sdata[_thread] = _s;
    }}
    for (ptrdiff_t _half = _threads / 2; _half >= 1; _half /= 2)
      for (ptrdiff_t _thread = 0; _thread < _half; ++_thread) {{
        _type_reduce _a = _sdata[_thread], _b = _sdata[_thread + _half];
        _sdata[_thread] = REDUCE(_a, _b);
      }}
    _type_reduce _s = _sdata[0];
    {outputs}
    POST_MAP(_s);
  }}
  flush_as_before(_before);
  return 0;
}}
"""


def axes_of(axis, ndim: int) -> list[int]:
    """Return the axes that a reduction goes along, counted from 0."""
    given = range(ndim) if axis is None else np.atleast_1d(axis).tolist()
    axes = [a + ndim if a < 0 else a for a in given]
    for a in axes:
        if not 0 <= a < ndim:
            raise np.exceptions.AxisError(a, ndim)
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return axes


class ReductionKernel(Kernel):
    """CuPy's `ReductionKernel`: expressions that reduce the elements along some axes."""

    def __init__(
        self,
        in_params,
        out_params,
        map_expr,
        reduce_expr,
        post_map_expr,
        identity,
        name="reduce_kernel",
        reduce_type=None,
        reduce_dims=True,
        preamble="",
        options=(),
    ):
        super().__init__(in_params, out_params, name, preamble)
        self.map_expr, self.reduce_expr, self.post_map_expr = map_expr, reduce_expr, post_map_expr
        self.identity = "" if identity is None else str(identity)
        self.reduce_type = reduce_type or self.out_params[0].c_type

    def __call__(self, *args, out=None, axis=None, keepdims=False):
        in_args, out_args = self._split(args)
        if out is not None:
            if self.nout != 1:
                raise NotImplementedError("")
            if out_args:
                raise ValueError("cannot specify 'out' as both a positional and keyword argument")
            out_args = [out]
        looped = [a for p, a in zip(self.in_params, in_args) if is_array(a) and not p.is_raw]
        if not looped:
            raise ValueError("Loop size is undecided.")
        shape = np.broadcast_shapes(*(a.shape for a in looped))
        types = decide_types(self.in_params, self.out_params, in_args, out_args)
        axes = axes_of(axis, len(shape))
        rest = [k for k in range(len(shape)) if k not in axes]
        if keepdims:
            out_shape = tuple(1 if k in axes else n for k, n in enumerate(shape))
        else:
            out_shape = tuple(shape[k] for k in rest)
        out_args = self._outputs(out_args, out_shape, types)
        if math.prod(out_shape):
            cupy_counts.launch(self.name)
            if compiler() is None:
                self._run_twin(in_args, out_args, {"axis": axis, "keepdims": keepdims})
            else:
                self._run(in_args, out_args, shape, [*axes, *rest], types)
        return out_args[0]  # the first alone, even if there are more

    def source(self, are_arrays: list[bool], types: dict) -> str:
        """Return the C++ code for arguments of these types."""
        both = list(zip(self.params, are_arrays))
        inputs = [p.code_inside(yes, "_j") for p, yes in both if p.is_input]
        outputs = [p.code_inside(yes, "_i") for p, yes in both if not p.is_input]
        return REDUCTION.format(
            typedefs=typedefs(types),
            has_float32=has_float32(types),
            preamble=self.preamble,
            reduce=self.reduce_expr,
            post=self.post_map_expr,
            reduce_type=self.reduce_type,
            block_size=BLOCK_SIZE,
            before="\n  ".join(p.code_before(k, yes) for k, (p, yes) in enumerate(both)),
            identity=self.identity,
            inputs="\n        ".join(filter(None, inputs)),
            map=self.map_expr,
            outputs="\n    ".join(filter(None, outputs)),
        )

    def _run(self, in_args: list, out_args: list, shape: tuple, order: list, types: dict) -> None:
        if not self.identity and not math.prod(shape):
            raise ValueError(
                f"zero-size array to reduction operation {self.name} which has no identity"
            )
        if order != sorted(order) and any(p.is_raw for p in self.in_params):
            raise NotImplementedError("Illegal conditions")
        memory = Memory()
        for p, a in zip(self.in_params, in_args):
            if not is_array(a):
                memory.add_input(scalar(a, p, types))
            elif p.is_raw:
                memory.add_input(a._array)
            else:
                memory.add_input(np.broadcast_to(a._array, shape).transpose(order))
        for a in out_args:
            memory.add_output(a._array)
        out_size = math.prod(out_args[0].shape)
        # As CuPy: a block of threads shares the elements of several outputs if they are few.
        per_output = max(1, math.prod(shape) // out_size)
        outputs_in_block = 1 << (max(1, BLOCK_SIZE // per_output).bit_length() - 1)
        source = self.source([is_array(a) for a in in_args + out_args], types)
        run(source, memory.arrays, math.prod(shape), out_size, BLOCK_SIZE // outputs_in_block)
        memory.write_back()
