"""In-place updates of many CuPy arrays in one launch: the optimizers' steps on a GPU.

A model has a hundred parameters, and most of them are small. With a launch for each operation on
each parameter, Adam would take a thousand launches per step. Here one kernel updates all of them,
with a thread for each element of each parameter.

**Blocks.** A launch consists of blocks of 256 threads, numbered from 0. Each parameter gets as many
blocks as it needs. For parameters of 600, 10 and 300 elements, these are 3, 1 and 2 blocks, which
end before the blocks 3, 4 and 6. A block searches these ends for its number. Block 5 finds that it
is the second block of the third parameter. Its thread t updates element 256 + t, if there is one.

**The table.** The kernel has one argument, a struct with the addresses and sizes of all arrays,
with these ends, and with the settings. It is passed by value: CUDA keeps a copy with the launch. So
the table needs no memory of its own on the GPU, and the CPU may drop it at once. The arguments of a
kernel take at most 4,096 bytes, which hold about a hundred parameters; for more of them there are
several launches.

**Freed arrays.** Python may free an array whose address is in the table before the kernel has run,
such as a copy of a gradient. That does no harm. CuPy keeps the memory and gives it to later arrays
of the same stream, the GPU's queue of kernels. The kernels of a stream run one after the other. So
whatever writes to that memory runs after the update.

The formulas are those of `fused.py`, whose functions are the twins of these kernels: tests compare
them. `T` is float or double. In a body, the name of a setting is a T, and with `table.` before it a
double. So `T(1 - table.decay)` is rounded once. In `1 - decay`, the decay is rounded first, and the
difference of it from 1 has a larger relative error.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .arrays import all_on_gpu, import_cupy

__all__ = [
    "UPDATES",
    "can_update",
    "code_of",
    "raw_kernel",
    "sum_of_squares_on_gpu",
    "update_all",
]

Array = Any  # cupy.ndarray
Vectors = tuple[Array, ...]

# ---------------------------------------------------------------------------------- the formulas


class Update(NamedTuple):
    """The update of one element, in CUDA C++.

    In the body, the name of an array is its element i. The element is read before the body, and
    written after it, except that of the second array, such as the gradient. An array `name?setting`
    exists only if the setting is not 0. Without it, the name is a variable that begins as 0 and is
    not written.
    """

    arrays: str
    settings: str
    body: str


_ADD_WEIGHT_DECAY = "const T d = g + weight_decay * p;"

UPDATES = {  # by the name of the twin in fused.py
    "sgd_update": Update("p g", "lr weight_decay", f"{_ADD_WEIGHT_DECAY} p -= lr * d;"),
    "sgd_momentum_update": Update(
        "p g b",
        "lr momentum damping weight_decay nesterov",
        f"""
        {_ADD_WEIGHT_DECAY}
        b = momentum * b + damping * d;
        p -= lr * (nesterov != 0 ? d + momentum * b : b);
        """,
    ),
    "rmsprop_update": Update(
        "p g square_avg momentum_buffer?momentum grad_avg?centered",
        "lr alpha eps weight_decay momentum centered",
        f"""
        {_ADD_WEIGHT_DECAY}
        square_avg = alpha * square_avg + T(1 - table.alpha) * (d * d);
        grad_avg = alpha * grad_avg + T(1 - table.alpha) * d;
        T variance = centered != 0 ? square_avg - grad_avg * grad_avg : square_avg;
        if (variance < 0) variance = 0;
        momentum_buffer = momentum * momentum_buffer + d / (sqrt(variance) + eps);
        p -= lr * momentum_buffer;
        """,
    ),
    "adam_update": Update(
        "p g m_sum v_sum",
        "beta1 beta2 rate shift weight_decay shrinkage",
        f"""
        p *= shrinkage;
        {_ADD_WEIGHT_DECAY}
        m_sum = beta1 * m_sum + d;
        v_sum = beta2 * v_sum + d * d;
        p -= rate * (m_sum / (sqrt(v_sum) + shift));
        """,
    ),
    "moving_average_update": Update(
        "average p", "decay", "average += T(1 - table.decay) * (p - average);"
    ),
    "scale_update": Update("a", "factor", "a *= factor;"),
}

# ---------------------------------------------------------------------------------- the kernels

BLOCK_SIZE = 256  # threads
MAX_TABLE_BYTES = 4000  # the rest of the 4,096 is for a second argument, and for padding
_C_TYPES = {"float32": "float", "float64": "double"}
NUM_SUMS = 1 << 15  # threads that sum squares: enough to keep a large GPU busy

_TABLE = """
typedef {type} T;

struct Table {{
    T* arrays[{num_arrays}][{length}];  // arrays[k][j]: array k of parameter j
    long long sizes[{length}];
    double {settings};
    int ends[{length}];  // parameter j has the blocks from ends[j - 1] to ends[j]
}};
"""

_UPDATE = """
extern "C" __global__ void {name}(const Table table) {{
    const int block = blockIdx.x;
    int j = 0;  // the parameter of this block: the first with block < ends[j]
    for (int high = {length}; j < high;) {{  // binary search
        const int middle = (j + high) / 2;
        if (block < table.ends[middle]) high = middle;
        else j = middle + 1;
    }}
    const int first_block = j == 0 ? 0 : table.ends[j - 1];
    const long long i = (long long)(block - first_block) * blockDim.x + threadIdx.x;
    if (i >= table.sizes[j]) return;
    {loads}
    {body}
    {stores}
}}
"""

# A thread sums every NUM_SUMS-th element of all arrays, in double: no square of a float overflows.
_SUM_OF_SQUARES = """
extern "C" __global__ void sum_of_squares(const Table table, double* sums) {{
    const int thread = blockIdx.x * blockDim.x + threadIdx.x;
    double sum = table.add != 0 ? sums[thread] : 0;
    for (int j = 0; j < {length}; ++j)
        for (long long i = thread; i < table.sizes[j]; i += gridDim.x * blockDim.x) {{
            const double a = table.arrays[0][j][i];
            sum += a * a;
        }}
    sums[thread] = sum;
}}
"""


def can_update(f: Callable[..., None], arrays: Vectors) -> bool:
    """Return whether a kernel can run the update f: arrays of float32 or float64 on a GPU.

    Raises TypeError if the arrays lie on two devices.
    """
    dtypes = {a.dtype.name for a in arrays}
    is_known = len(dtypes) == 1 and dtypes <= _C_TYPES.keys()
    return all_on_gpu(*arrays) and is_known and _name_and_settings(f)[0] in UPDATES


def update_all(f: Callable[..., None], vectors: list[Vectors]) -> None:
    """Run the update f on all tuples of vectors, for which `can_update` is true."""
    name, settings = _name_and_settings(f)
    update = UPDATES[name]
    settings = {field: settings[field] for field in update.settings.split()}
    arrays = [a.partition("?") for a in update.arrays.split()]
    names = tuple(array for array, _, setting in arrays if not setting or settings[setting])
    for dtype, part in _parts(vectors, len(settings)):
        table = _table(part, settings)
        num_blocks = int(table["ends"][0, -1])
        if num_blocks:
            raw_kernel(name, dtype, names)((num_blocks,), (BLOCK_SIZE,), (table,))


def sum_of_squares_on_gpu(vectors: list[Array]) -> float:
    """Return the sum of all squared elements of vectors of float32 or float64; wait for it."""
    sums = import_cupy().empty(NUM_SUMS)
    grid, add = (NUM_SUMS // BLOCK_SIZE,), 0
    for dtype, part in _parts([(vector,) for vector in vectors], 1):
        kernel = raw_kernel("sum_of_squares", dtype, ("a",))
        kernel(grid, (BLOCK_SIZE,), (_table(part, {"add": add}), sums))
        add = 1
    return float(sums.sum())


def _name_and_settings(f: Callable[..., None]) -> tuple[str, dict[str, float]]:
    """Return the name and the settings of an update: a function of fused.py, or its partial."""
    function = getattr(f, "func", f)
    return function.__name__, {**(function.__kwdefaults__ or {}), **getattr(f, "keywords", {})}


def _parts(vectors: list[Vectors], num_settings: int) -> Iterator[tuple[str, list[Vectors]]]:
    """Divide the tuples by dtype, and into parts that fit into a table; yield (dtype, part)."""
    by_dtype = defaultdict(list)
    for arrays in vectors:
        by_dtype[arrays[0].dtype.name].append(arrays)
    for dtype, group in by_dtype.items():
        length = _length(len(group[0]), num_settings)
        for start in range(0, len(group), length):
            yield dtype, group[start : start + length]


def _length(num_arrays: int, num_settings: int) -> int:
    """Return how many parameters a table holds: their addresses, sizes and ends."""
    return (MAX_TABLE_BYTES - 8 * num_settings) // (8 * num_arrays + 8 + 4)


def _table(vectors: list[Vectors], settings: dict[str, float]) -> np.ndarray:
    """Return the struct `Table` as a NumPy array of one element."""
    count, num_arrays = len(vectors), len(vectors[0])
    length = _length(num_arrays, len(settings))
    fields = [
        ("arrays", np.uint64, (num_arrays, length)),
        ("sizes", np.int64, length),
        *((name, np.float64) for name in settings),
        ("ends", np.int32, length),
    ]
    table = np.zeros(1, np.dtype(fields, align=True))
    for name, value in settings.items():
        table[name] = value
    addresses = [[a.data.ptr for a in arrays] for arrays in vectors]
    table["arrays"][0, :, :count] = np.array(addresses, np.uint64).T
    table["sizes"][0, :count] = sizes = [arrays[0].size for arrays in vectors]
    ends = np.cumsum([-(-size // BLOCK_SIZE) for size in sizes])  # rounded up
    table["ends"][0, :count], table["ends"][0, count:] = ends, ends[-1]
    return table


@functools.cache
def raw_kernel(name: str, dtype: str, names: tuple[str, ...]) -> Any:
    """Return CuPy's kernel of `code_of`; it is compiled when it is first called."""
    return import_cupy().RawKernel(code_of(name, dtype, names), name)


def code_of(name: str, dtype: str, names: tuple[str, ...]) -> str:
    """Return the kernel of an update, or "sum_of_squares", for the arrays of these names."""
    update = UPDATES.get(name, Update("a", "add", ""))
    settings = update.settings.split()
    length = _length(len(names), len(settings))
    table = _TABLE.format(
        type=_C_TYPES[dtype], num_arrays=len(names), length=length, settings=", ".join(settings)
    )
    if name not in UPDATES:
        return table + _SUM_OF_SQUARES.format(length=length)
    elements = {array: f"table.arrays[{k}][j][i]" for k, array in enumerate(names)}
    arrays = [a.partition("?")[0] for a in update.arrays.split()]
    loads = [f"T {array} = {elements.get(array, 0)};" for array in arrays]
    loads += [f"const T {setting} = T(table.{setting});" for setting in settings]
    stores = [f"{elements[array]} = {array};" for k, array in enumerate(names) if k != 1]
    return table + _UPDATE.format(
        name=name,
        length=length,
        loads="\n    ".join(loads),
        body=update.body,
        stores="\n    ".join(stores),
    )
