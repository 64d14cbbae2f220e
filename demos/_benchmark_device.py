"""What a worker of the benchmark asks of its device: to finish all work, and how much memory.

A function on a GPU returns when its work is in the GPU's queue. `synchronize` waits until the queue
is empty, so that a time includes the work.

TF32 is a format of NVIDIA's GPUs: matrix products round their float32 factors to 10 bits of the
mantissa instead of 23, and run several times faster. Each library has switches of its own.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path


def resident_peak_mib() -> float:
    """Return the largest resident size of this process so far, in MiB."""
    try:
        # Linux. Its ru_maxrss would also count what the parent process had before it started this.
        text = Path("/proc/self/status").read_text()
        return int(text.split("VmHWM:")[1].split()[0]) / 2**10
    except (OSError, IndexError):
        unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


class Cpu:
    """The processor. Its memory is how far the resident size rises at most from now on."""

    def __init__(self):
        with suppress(AttributeError, OSError, TypeError):  # where the system allows it (Linux)
            ctypes.CDLL(None).malloc_trim(0)  # freed memory goes back to the system
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.before = resident_peak_mib()

    def synchronize(self) -> None:
        """Do nothing: a function on the CPU returns when its work is done."""

    def peak_mib(self) -> float:
        """Return the memory of the steps."""
        return resident_peak_mib() - self.before


class CupyGpu:
    """The GPU of tinygen. Its memory is what CuPy's pool has taken, weights and batch included."""

    def __init__(self, tf32: bool):
        import cupy

        os.environ["CUPY_TF32"] = str(int(tf32))
        self.synchronize = cupy.cuda.Device().synchronize
        self.pool = cupy.get_default_memory_pool()

    def peak_mib(self) -> float:
        """Return the size of the pool. It returns no memory to the GPU, so this is its peak."""
        return self.pool.total_bytes() / 2**20


class TorchGpu:
    """The GPU of PyTorch. Its memory is what PyTorch's pool has taken at most."""

    def __init__(self, tf32: bool):
        import torch

        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        self.synchronize = torch.cuda.synchronize
        self.peak_bytes = torch.cuda.max_memory_reserved

    def peak_mib(self) -> float:
        """Return the largest size of the pool."""
        return self.peak_bytes() / 2**20


def open_device(library: str, device: str, tf32: bool) -> Cpu | CupyGpu | TorchGpu:
    """Return the device of a step that this library has built."""
    if device == "cpu":
        return Cpu()
    return CupyGpu(tf32) if library == "tinygen" else TorchGpu(tf32)
