"""Where the arithmetic runs: arrays, devices, random numbers and threads.

The kernels, and most other code that exists only for speed, are here:

    arrays.py       NumPy or CuPy: the library of an array, and the devices
    random.py       random numbers from a seed, the same on every device
    distributions.py  uniform and normal numbers of random bits, which are those of philox.py
    kernels.py      CUDA kernels: how they are written, each above its NumPy twin
    indices.py      whether indices into CuPy's arrays are in range
    linear_algebra.py  linear systems and factorizations, which fail alike on both devices
    threads.py      one pool of threads for the CPU
    pieces.py       functions of large arrays, piece by piece, shared among the threads
    activation_kernels.py  the longer CUDA bodies of ops/activation.py
    pooling_gpu.py  sums and maxima over windows of CuPy images
    softmax_gpu.py  the softmax, its logarithm and log-sum-exp of CuPy arrays
    norms.py        batch, group and instance norm: which file computes them, norms_cpu.py or
                    norms_gpu.py
    reductions.py   matrix products and sums, shared among the threads
    windows.py      which positions the windows of a convolution or a pooling read
    conv.py         convolution of raw arrays: what it computes, and which file computes it
    conv_cpu.py     convolution of NumPy arrays by columns, with conv_transpose_cpu.py, im2col.py
                    and products.py
    conv_winograd.py  the same by Winograd's algorithm where that is faster, with winograd.py and
                    winograd_steps.py
    conv_gpu.py     convolution of CuPy arrays, with im2col_gpu.py
    products_gpu.py  matrix products of CuPy arrays
    fused.py        element-wise updates of many arrays, block by block, or with updates_gpu.py
    references.py   who else refers to an array: whether to copy it, and what shares its memory
"""

from .arrays import (
    array_module,
    device_of,
    from_dlpack,
    synchronize,
    to_device,
    to_device_of,
    to_numpy,
    type_name,
    zeros_like,
)
from .random import RNG, default_rng

__all__ = [
    "RNG",
    "array_module",
    "default_rng",
    "device_of",
    "from_dlpack",
    "synchronize",
    "to_device",
    "to_device_of",
    "to_numpy",
    "type_name",
    "zeros_like",
]
