"""CUDA's runtime API, as far as a program asks for it: one H200 that does not exist."""

from __future__ import annotations

from cupy_counts import wait

from .._surface import missing

is_hip = False
memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 1, 2, 3  # noqa: N816
CUDA_R_32F, CUDA_R_64F, CUDA_R_16F, CUDA_C_32F, CUDA_C_64F = 0, 1, 2, 4, 5


class CUDARuntimeError(RuntimeError):
    """An error of CUDA, with its number."""

    def __init__(self, status, message=""):
        super().__init__(message or f"cudaError {status}")
        self.status = status


def getDevice() -> int:  # noqa: N802
    """Return the number of the current device."""
    return 0


def setDevice(device) -> None:  # noqa: N802
    """Make a device current; there is one."""
    if device != 0:
        raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")


def getDeviceCount() -> int:  # noqa: N802
    """Return 1."""
    return 1


def getDeviceProperties(device) -> dict:  # noqa: N802
    """Return the properties of a device that does not exist."""
    return {
        "name": b"stand-in (NumPy)",
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "totalGlobalMem": 2**37,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "clockRate": 1_980_000,
        "memoryClockRate": 3_201_000,
    }


def deviceSynchronize() -> None:  # noqa: N802
    """Wait for the device."""
    wait("deviceSynchronize")


def streamSynchronize(stream) -> None:  # noqa: N802
    """Wait for a stream."""
    wait("streamSynchronize")


def memGetInfo() -> tuple[int, int]:  # noqa: N802
    """Return the free and the total bytes."""
    return 2**37, 2**37


def runtimeGetVersion() -> int:  # noqa: N802
    """Return CUDA 13.0."""
    return 13000


def driverGetVersion() -> int:  # noqa: N802
    """Return CUDA 13.0."""
    return 13000


def __getattr__(name):
    return missing("cuda.runtime", name)
