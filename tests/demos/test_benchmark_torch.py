"""The benchmark's steps in tinygen and in PyTorch do the same work. Skipped without PyTorch."""

from __future__ import annotations

import _benchmark_tinygen
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import _benchmark_torch  # noqa: E402 - it imports torch

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def randomize(network) -> None:
    """Move the weights of a network of PyTorch: some layers start at 0, and would hide others."""
    rng = np.random.default_rng(0)
    state = network.state_dict()
    for value in state.values():
        if value.dtype == torch.float32:
            value += torch.from_numpy(rng.uniform(-0.02, 0.02, value.shape).astype(np.float32))
    network.load_state_dict(state)


def switch_dropout_off(network) -> None:
    """It is random, and drawn by each library in its own way."""
    for module in network.modules():
        if type(module).__name__ == "Dropout":
            module.eval()


def build_twins(name: str, memory_format):
    """Return a step in both libraries, with the same weights."""
    step, twin = _benchmark_tinygen.STEPS[name](), _benchmark_torch.STEPS[name](memory_format)
    assert list(step.networks) == list(twin.networks)
    for key, network in step.networks.items():
        randomize(twin.networks[key])
        keys = network.load_state_dict(twin.networks[key].state_dict())
        assert keys == ([], []), "the networks have the same parameters, of the same names"
        switch_dropout_off(network)
        switch_dropout_off(twin.networks[key])
    return step, twin


def as_array(output) -> np.ndarray:
    """Return a loss or a picture of either library as an array."""
    return output.detach().numpy() if hasattr(output, "detach") else output


def test_both_have_the_same_steps():
    assert list(_benchmark_tinygen.STEPS) == list(_benchmark_torch.STEPS)


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("name", _benchmark_torch.STEPS)
def test_a_step_computes_the_same(name, memory_format):
    """The losses of two steps on one batch agree: so do losses, gradients and optimizers.

    In later steps rounding grows: Adam moves a weight by the learning rate also where its gradient
    is almost 0, and its sign a matter of rounding.
    """
    torch.manual_seed(0)
    step, twin = build_twins(name, FORMATS[memory_format])
    batch = step.draw()
    twin_batch = twin.draw()
    assert [a.shape for a in batch] == [tuple(a.shape) for a in twin_batch]
    for array, tensor in zip(batch, twin_batch, strict=True):
        assert array.dtype == np.float32 and tensor.dtype == torch.float32
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))  # keeps the memory format
    for _ in range(2):
        outputs, twin_outputs = step.train(*batch), twin.train(*twin_batch)
        for output, twin_output in zip(outputs, twin_outputs, strict=True):
            np.testing.assert_allclose(as_array(output), as_array(twin_output), 1e-3, 1e-4)
