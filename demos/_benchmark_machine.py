"""What the benchmark runs on: processor, instructions and threads, or the GPU and its libraries.

A ratio compares like with like only if both libraries use the same instructions. Environment
variables hold each of them back in its own way, so each is asked what it uses.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

SIZE = 1024  # of the matrices whose product is timed

# How NumPy, OpenBLAS (by a processor), PyTorch and oneDNN call these instructions.
AVX_512 = ("AVX512", "AVX-512", "X86_V4", "SkylakeX", "Cooperlake", "SapphireRapids")
AVX2 = ("AVX2", "FMA3", "X86_V3", "Haswell", "Zen")

# Run in a new process, since oneDNN prints when it is first used. Its lines go to standard output.
DESCRIBE_TORCH = """
import torch
from _benchmark_machine import gflops
with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
    torch.conv2d(torch.ones(64, 16, 32, 32), torch.ones(16, 16, 3, 3))
print(torch.__version__, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(),
      gflops(torch.matmul, torch.ones), sep="\\n")
"""

# In a new process too: the benchmark's own process then takes no memory of the GPU.
DESCRIBE_CUPY = """
import cupy
from cupy.cuda import runtime
print(runtime.getDeviceProperties(0)["name"].decode(), runtime.driverGetVersion(),
      cupy.__version__, runtime.runtimeGetVersion(), sep="\\n")
"""

DESCRIBE_TORCH_GPU = """
import torch
print(torch.cuda.is_available(), torch.__version__, torch.version.cuda,
      torch.backends.cudnn.version(), sep="\\n")
"""

DESCRIBE_JAX = """
import jax
print(jax.__version__, jax.default_backend(), sep="\\n")
"""


def processor() -> str:
    """Return the name of the processor and the number of cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"Processor: {name}, {cores} cores"


def gflops(matmul, ones) -> float:
    """Measure the speed of a library's product of matrices, in 10^9 operations per second."""
    a, seconds = ones((SIZE, SIZE)), []
    for _ in range(10):
        start = time.perf_counter()
        matmul(a, a)
        seconds.append(time.perf_counter() - start)
    return 2e-9 * SIZE**3 / min(seconds)


def openblas_kernels(numpy) -> str:
    """Return for which processor NumPy's OpenBLAS is set, such as Haswell, which has AVX2."""
    try:  # NumPy's own wheels contain OpenBLAS, which exports this function
        library = ctypes.CDLL(numpy._core._multiarray_umath.__file__)
        core_name = library.scipy_openblas_get_corename64_
    except (AttributeError, OSError):
        return numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    core_name.restype = ctypes.c_char_p
    return f"OpenBLAS for {core_name().decode()}"


def describe_tinygen() -> tuple[str, dict[str, str]]:
    """Return a line with the versions and threads of this package, and whose instructions it uses.

    The second value names the instructions of each part, for `warn_of_mixed`.
    """
    import numpy as np

    import tinygen
    from tinygen.backend import threads

    speed = gflops(tinygen.ops.matmul, lambda shape: np.ones(shape, np.float32))
    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
    functions = (simd.get("found") or simd.get("baseline") or ["unknown"])[-1]
    products = openblas_kernels(np)
    line = (
        f"tinygen {tinygen.__version__}: NumPy {np.__version__}, functions with {functions}, "
        f"products by {products}: {speed:.0f} GFLOPS; {threads.threads()} threads"
    )
    return line, {"NumPy's functions": functions, "NumPy's products": products}


def run_python(program: str) -> list[str]:
    """Return what a program prints in a new process, in lines."""
    command = [sys.executable, "-c", program]
    folder = Path(__file__).parent
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return result.stdout.splitlines()


def describe_torch() -> tuple[str, dict[str, str]]:
    """Return the same as `describe_tinygen`, for PyTorch. MKL, its products, chooses by itself."""
    lines = run_python(DESCRIBE_TORCH)
    isa = [line.split("isa:")[1] for line in lines if line.startswith("onednn") and "isa:" in line]
    version, functions, num_threads, speed = lines[-4:]
    convolutions = isa[0] if isa else "unknown instructions"
    line = (
        f"PyTorch {version}: functions with {functions}, convolutions by oneDNN with "
        f"{convolutions}, products: {float(speed):.0f} GFLOPS; {num_threads} threads"
    )
    return line, {"PyTorch's functions": functions, "PyTorch's convolutions": convolutions}


def warn_of_mixed(instructions: dict[str, str]) -> str | None:
    """Return a warning if some parts use AVX-512 and others AVX2. Unknown ones do not count."""
    wide, narrow = [], []
    for part, text in instructions.items():
        if any(name in text for name in AVX_512):
            wide.append(part)
        elif any(name in text for name in AVX2):
            narrow.append(part)
    if not wide or not narrow:
        return None
    return f"Warning: AVX-512 in {', '.join(wide)}, but AVX2 in {', '.join(narrow)}; see --help"


def driver_version() -> str:
    """Return the version of NVIDIA's driver."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return result.stdout.strip()


def cuda_version(number: str) -> str:
    """Return a version of CUDA as it is written: 13000 is 13.0."""
    return f"{int(number) // 1000}.{int(number) % 1000 // 10}"


def describe_gpu() -> str:
    """Return the name of the GPU, its driver, and the versions of tinygen's libraries."""
    import tinygen

    name, driver_cuda, version, cuda = run_python(DESCRIBE_CUPY)
    return (
        f"GPU: {name}, driver {driver_version()} for CUDA {cuda_version(driver_cuda)}\n"
        f"tinygen {tinygen.__version__}: CuPy {version}, CUDA {cuda_version(cuda)}"
    )


def describe_torch_gpu() -> str | None:
    """Return the versions of PyTorch's libraries, or None if PyTorch cannot use the GPU."""
    is_available, version, cuda, cudnn = run_python(DESCRIBE_TORCH_GPU)
    return f"PyTorch {version}: CUDA {cuda}, cuDNN {cudnn}" if is_available == "True" else None


def describe_jax() -> str:
    """Return the version of JAX."""
    version, backend = run_python(DESCRIBE_JAX)
    return f"JAX {version}: compiled by XLA for the {backend}"
