"""Counts of what a program asks of the GPU: kernel launches, copies and waits, and who asked.

    with counting() as counts:
        train_step(batch)
    print(counts.launches.total(), counts.waits.total())
    print(counts.table())

- A **launch** is a kernel, a matrix product of cuBLAS, or a fill of memory. Each costs a few
  microseconds, however little it does.
- A **copy** moves an array between the memories of the CPU and the GPU.
- A **wait** stops the program until the GPU has finished all that was launched.

Every event is counted at the line of tinygen or of a demo that caused it.
"""

from __future__ import annotations

import contextlib
import pathlib
import sys
from collections import Counter

HERE = str(pathlib.Path(__file__).resolve().parent)
PROJECT = pathlib.Path(HERE).parents[1]
SOURCES = tuple(f"{PROJECT / part}/" for part in ("tinygen", "demos"))
THROUGH = str(PROJECT / "tinygen/backend/kernels.py")  # it launches for others

_active: list[Counts] = []  # the counts of the `counting` blocks that are open


class Events(Counter):
    """How often each (name, place) happened, for example ("cupy_add", "tinygen/ops/x.py:12")."""

    def by_name(self) -> Counter:
        """Return the number of events of each name."""
        return self._sums(0)

    def by_place(self) -> Counter:
        """Return the number of events of each line "file:line"."""
        return self._sums(1)

    def _sums(self, part: int) -> Counter:
        sums: Counter = Counter()
        for key, number in self.items():
            sums[key[part]] += number
        return sums


class Counts:
    """The launches, copies and waits of one block."""

    def __init__(self) -> None:
        self.launches, self.copies, self.waits = Events(), Events(), Events()

    def table(self, rows: int = 30) -> str:
        """Return the totals, and the lines with the most events."""
        lines = []
        for kind in ("launches", "copies", "waits"):
            events = getattr(self, kind)
            lines.append(f"{events.total():6d} {kind}")
            for (name, place), number in events.most_common(rows):
                lines.append(f"{number:10d}  {name:28s} {place}")
        return "\n".join(lines)


@contextlib.contextmanager
def counting():
    """Count within a block: gives the `Counts`."""
    counts = Counts()
    _active.append(counts)
    try:
        yield counts
    finally:
        _active.remove(counts)


def launch(name: str, number: int = 1) -> None:
    """Count `number` kernels."""
    if _active:
        _count("launches", name, number)


def copy(name: str) -> None:
    """Count one copy between CPU and GPU: "host to device" or "device to host"."""
    if _active:
        _count("copies", name, 1)


def wait(name: str) -> None:
    """Count one wait for the GPU."""
    if _active:
        _count("waits", name, 1)


def _count(kind: str, name: str, number: int) -> None:
    place = _place()
    for counts in _active:
        getattr(counts, kind)[name, place] += number


def _place() -> str:
    """Return "file:line" of the innermost line of tinygen or a demo, else of the caller."""
    frame, outside = sys._getframe(2), None
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(SOURCES) and file != THROUGH:
            return f"{file[len(str(PROJECT)) + 1 :]}:{frame.f_lineno}"
        if outside is None and not file.startswith(HERE) and "/numpy/" not in file:
            outside = f"{file}:{frame.f_lineno}"
        frame = frame.f_back
    return outside or "?"
