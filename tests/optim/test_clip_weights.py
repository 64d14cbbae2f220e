"""Clipping of weights, which bounds the critic of the first Wasserstein GAN."""

import numpy as np
import pytest

from tinygen import default_rng, nn, optim


def test_weights_are_clipped_in_place():
    model = nn.Linear(3, 2, rng=default_rng(0))
    before = [p.numpy().copy() for p in model.parameters()]
    optim.clip_weights_(model.parameters(), 0.1)
    for p, old in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p.numpy(), np.clip(old, -0.1, 0.1))
    assert before[0].min() < -0.1 and before[0].max() > 0.1


def test_a_bound_of_0_and_a_bare_tensor_are_refused():
    model = nn.Linear(3, 2, rng=default_rng(0))
    with pytest.raises(ValueError, match="above 0"):
        optim.clip_weights_(model.parameters(), 0)
    with pytest.raises(TypeError, match="as a list"):
        optim.clip_weights_(model.weight, 0.1)
