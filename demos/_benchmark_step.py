"""Step: what the benchmark times, in any library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One training step: everything between two minibatches.

    `step()` draws the batch and trains on it. A test takes the two apart: it gives the networks of
    two libraries the same weights and the same batch, and compares the losses.

    Attributes
    ----------
    networks : dict of modules
        All networks that the step uses.
    draw : callable
        Returns everything that is random: the batch and the noise.
    train : callable
        From what `draw` returns to the losses: forward pass, loss, backward pass, optimizer.
    """

    networks: dict[str, Any]
    draw: Callable[[], tuple]
    train: Callable[..., tuple]

    def __call__(self) -> tuple:
        """Make one step and return its losses."""
        return self.train(*self.draw())
