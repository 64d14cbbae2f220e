"""The benchmark's steps in tinygen and in JAX do the same work. Skipped without JAX."""

from __future__ import annotations

import _benchmark_tinygen
import numpy as np
import pytest

jax = pytest.importorskip("jax")

import _benchmark_jax  # noqa: E402 - it imports jax


@pytest.mark.parametrize("name", _benchmark_jax.STEPS)
def test_a_step_computes_the_same(name):
    """The losses of three steps on one batch agree: so do losses, gradients and optimizers."""
    step, twin = _benchmark_tinygen.STEPS[name](), _benchmark_jax.STEPS[name]()
    state = step.networks["vae"].state_dict()
    shapes = {key: value.shape for key, value in twin.networks["vae"].items()}
    assert shapes == {key: value.shape for key, value in state.items()}
    twin.networks["vae"] = {key: jax.numpy.asarray(value) for key, value in state.items()}
    batch, twin_batch = step.draw(), twin.draw()
    assert [a.shape for a in batch] == [a.shape for a in twin_batch]
    for _ in range(3):
        (loss,), (twin_loss,) = step.train(*batch), twin.train(*batch)
        np.testing.assert_allclose(loss.numpy(), twin_loss, 1e-4)
