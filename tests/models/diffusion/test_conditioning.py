"""The timestep embedding, and where labels may come from."""

import numpy as np
import pytest

from tinygen import default_rng
from tinygen.models.diffusion.conditioning import ConditionEmbedding, timestep_embedding
from tinygen.nn import Linear


def test_the_embedding_is_the_formula_and_tells_times_apart():
    t = np.linspace(0, 1.57, 1001).astype(np.float32)
    embedding = timestep_embedding(t, 32)
    assert embedding.shape == (1001, 32) and embedding.dtype == np.float32
    assert np.abs(embedding).max() <= 1
    angles = 1000 * 0.001 / 10_000 ** (np.arange(16) / 16)
    found = timestep_embedding(np.float32([0.001]), 32)[0]
    np.testing.assert_allclose(found, [*np.sin(angles), *np.cos(angles)], atol=1e-6)
    squared_distances = ((embedding[:, None] - embedding) ** 2).sum(axis=2)
    assert (squared_distances + 100 * np.eye(1001)).min() > 0.1


def test_labels_come_from_one_source():
    rng = default_rng(0)
    with pytest.raises(ValueError, match="one of the two"):
        ConditionEmbedding(8, 3, Linear(2, 32, rng=rng), rng)
