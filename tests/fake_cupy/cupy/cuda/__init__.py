"""One device, "GPU 0", that does everything at once and at the time it is asked."""

from __future__ import annotations

import contextlib
import time

from cupy_counts import wait

from .._core import MemoryPointer  # noqa: F401 (part of the surface)
from .._surface import missing
from . import runtime
from .memory import MemoryPool, PinnedMemoryPool, get_allocator, set_allocator  # noqa: F401


def is_available() -> bool:
    """Say that there is a GPU."""
    return True


class Device:
    """A GPU."""

    def __init__(self, device=None):
        self.id = runtime.getDevice() if device is None else int(device)
        if self.id != 0:
            raise runtime.CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def use(self):
        """Make it the current device."""

    def synchronize(self):
        """Wait for all that was launched."""
        wait("Device.synchronize")

    compute_capability = "90"
    mem_info = property(lambda self: runtime.memGetInfo())
    pci_bus_id = "0000:00:00.0"
    attributes = property(lambda self: {"MultiProcessorCount": 132, "WarpSize": 32})


class Event:
    """A moment in a stream."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._time = None

    done = True
    ptr = 1

    def record(self, stream=None):
        """Note the time."""
        self._time = time.perf_counter()

    def synchronize(self):
        """Wait for that moment."""
        wait("Event.synchronize")


def get_elapsed_time(start_event, end_event) -> float:
    """Return milliseconds between two events."""
    return 1000 * (end_event._time - start_event._time)


class Stream:
    """A queue of launches."""

    null: Stream
    ptd: Stream

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else 2 if ptds else id(self)
        self.null, self.device_id, self.priority = null, 0, priority
        self.done = True

    def __enter__(self):
        _streams.append(self)
        return self

    def __exit__(self, *args):
        _streams.remove(self)

    def use(self):
        """Make it the current stream."""
        _streams[-1] = self
        return self

    def synchronize(self):
        """Wait for all that was launched in it."""
        wait("Stream.synchronize")

    def record(self, event=None):
        """Note the time in an event."""
        event = event or Event()
        event.record()
        return event

    def wait_event(self, event):
        """Let later launches wait for an event; the program itself goes on."""


Stream.null, Stream.ptd = Stream(null=True), Stream(ptds=True)
_streams = [Stream.null]


def get_current_stream(device_id=-1) -> Stream:
    """Return the stream that launches go to."""
    return _streams[-1]


def get_device_id() -> int:
    """Return the number of the current device."""
    return runtime.getDevice()


def get_cublas_handle() -> int:
    """Return cuBLAS's handle."""
    return 1


@contextlib.contextmanager
def using_allocator(allocator=None):
    """Use an allocator within a block."""
    yield


def __getattr__(name):
    return missing("cuda", name)
