"""Ctrl-C (SIGINT) and a request to end (SIGTERM), handled from parse() to the end of a Run."""

from __future__ import annotations

import signal
from collections.abc import Callable


class StopSignals:
    """The handler of SIGINT and SIGTERM, which can be exchanged and taken away again.

    A demo has two handlers in turn: one before training and one from then on. There is no moment
    between the two at which a signal would meet neither.

    Attributes
    ----------
    requested : bool
        Whether the program was asked to stop before training began. The handler raises SystemExit,
        but C code that clears errors can lose it: that was observed once in some hundred runs.
    """

    def __init__(self):
        self.requested = False
        self._replaced = {}  # signal number -> the handler that was there before ours

    def install(self, handler: Callable) -> None:
        """Handle both signals with `handler`; remember what was there before the first call."""
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, handler)
            self._replaced.setdefault(number, before)

    def restore(self) -> None:
        """Put back the handlers that the first install() replaced."""
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        self._replaced = {}


stop_signals = StopSignals()
