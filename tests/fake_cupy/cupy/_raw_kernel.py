"""CuPy's `RawKernel`: CUDA C++ compiled as C++, whose threads run one after the other.

As in CuPy, an array is passed as its address, and a NumPy array of one element by value. A kernel
writes to addresses, so unlike the other kinds of kernels, it is not checked where.

Without a C++ compiler, the NumPy twin takes the place of a kernel of `updates_gpu.py`.
"""

from __future__ import annotations

import ctypes

import numpy as np
from cupy_counts import launch

from ._core import ndarray
from ._cpp import compiled, compiler

MAX_ARGUMENT_BYTES = 4096
MAX_THREADS = 1024  # of a block

_CODE = """
#include "cuda_on_cpu.hpp"
struct Place {{ unsigned x, y, z; }};
static Place threadIdx, blockIdx, blockDim = {{1, 1, 1}}, gridDim = {{1, 1, 1}};

{code}

template <int... K> struct Numbers {{}};
template <int N, int... K> struct Count : Count<N - 1, N - 1, K...> {{}};
template <int... K> struct Count<0, K...> {{ typedef Numbers<K...> Result; }};

template <class... A, int... K>
void run_threads(void (*kernel)(A...), void** arguments, Numbers<K...>) {{
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < blockDim.x; ++threadIdx.x) kernel(*(A*)arguments[K]...);
}}
template <class... A>
int run_kernel(void (*kernel)(A...), void** arguments, int number) {{
  if (number != sizeof...(A)) return 1;
  run_threads(kernel, arguments, typename Count<sizeof...(A)>::Result());
  return 0;
}}
extern "C" int run_raw(void** arguments, int number, unsigned blocks, unsigned threads) {{
  gridDim.x = blocks;
  blockDim.x = threads;
  return run_kernel({name}, arguments, number);
}}
"""


class RawKernel:
    """A kernel that is written out whole."""

    def __init__(self, code: str, name: str, options: tuple = (), backend: str = "nvrtc"):
        self.code, self.name, self.options, self.backend = code, name, tuple(options), backend
        if f" {name}(" not in code or 'extern "C"' not in code:
            raise ValueError(f'the code has no function extern "C" {name}')

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0) -> None:
        """Run the threads of all blocks."""
        (blocks,), (threads,) = grid, block  # of the three axes, only the first is used
        if blocks < 1 or not 1 <= threads <= MAX_THREADS or shared_mem:
            raise ValueError(f"this stand-in cannot launch {grid} blocks of {block} threads")
        values = [_by_value(a) for a in args]
        if sum(value.nbytes for value in values) > MAX_ARGUMENT_BYTES:
            raise RuntimeError("CUDA_ERROR_INVALID_VALUE: the arguments have more than 4096 bytes")
        launch(self.name)
        if compiler() is None:
            self._run_twin(*values)
            return
        library = compiled(_CODE.format(code=self.code, name=self.name))
        addresses = (ctypes.c_void_p * len(values))(*(value.ctypes.data for value in values))
        if library.run_raw(addresses, len(values), int(blocks), int(threads)):
            raise RuntimeError(f"{self.name} has another number of arguments than {len(values)}")

    def _run_twin(self, table: np.ndarray, sums_address: np.ndarray | None = None) -> None:
        """Compute what the kernel would, with the arrays and settings of the table."""
        from tinygen.backend import fused, updates_gpu

        dtype = np.float32 if "typedef float T" in self.code else np.float64
        fields = table.dtype.names
        settings = {n: table[n].item() for n in fields if table.dtype[n] == np.float64}
        parameters = [
            [_memory(int(address), dtype, int(size)) for address in addresses]
            for addresses, size in zip(table["arrays"][0].T, table["sizes"][0])
            if size
        ]
        if sums_address is None:
            for arrays in parameters:
                getattr(fused, self.name)(*arrays, np.empty_like(arrays[0]), **settings)
        else:  # all squares go to the sum of the first thread
            sums = _memory(int(sums_address[0]), np.float64, updates_gpu.NUM_SUMS)
            before = sums[0] if settings["add"] else 0.0
            sums[:] = 0
            sums[0] = before + fused.sum_of_squares(a[0].astype(np.float64) for a in parameters)


def _memory(address: int, dtype: type, size: int) -> np.ndarray:
    """Return the numbers that lie at an address."""
    buffer = (ctypes.c_char * (size * np.dtype(dtype).itemsize)).from_address(address)
    return np.frombuffer(buffer, dtype)


def _by_value(argument) -> np.ndarray:
    """Return what CuPy passes: an address for an array, and the number itself for a scalar."""
    if isinstance(argument, ndarray):
        return np.array([argument.data.ptr], np.uint64)
    if isinstance(argument, np.ndarray):
        if argument.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {argument.shape} as a kernel "
                "parameter. Only numpy.ndarrays of size one can be passed by value."
            )
        return argument
    if not isinstance(argument, (bool, int, float, np.generic)):
        raise TypeError(f"Unsupported type {type(argument)}")
    return np.array([argument])
