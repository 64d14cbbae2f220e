"""The autoencoder of clips: what its two codes can hold, and gradients."""

import numpy as np
import pytest

from tinygen import default_rng, losses, no_grad, optim
from tinygen.models.video import ClipAutoencoder


def make_model():
    return ClipAutoencoder(6, 3, 2, hidden=16, rng=default_rng(0))


def test_shapes_of_codes_and_clips():
    x = default_rng(1).normal((4, 5, 6))
    content, motion = make_model().encode(x)
    assert content.shape == (4, 3) and motion.shape == (4, 5, 2)
    assert make_model()(x).shape == x.shape


def test_content_does_not_depend_on_the_order_of_the_frames_and_motion_follows_it():
    model, x = make_model(), default_rng(1).normal((4, 5, 6))
    order = [3, 1, 0, 4, 2]
    with no_grad():
        content, motion = model.encode(x)
        content_ordered, motion_ordered = model.encode(x[:, order])
    np.testing.assert_allclose(content_ordered.data, content.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(motion_ordered.data, motion.data[:, order], rtol=1e-5, atol=1e-6)


def test_a_frame_depends_on_its_own_motion_alone_and_on_the_content():
    model, rng = make_model(), default_rng(1)
    content, motion = rng.normal((4, 3)), rng.normal((4, 5, 2))
    moved = motion.copy()
    moved[:, 2] += 1
    with no_grad():
        before, after = (model.decode(content, m).data for m in (motion, moved))
        other = model.decode(content + 1, motion).data
    others = [0, 1, 3, 4]
    np.testing.assert_allclose(after[:, others], before[:, others], rtol=1e-5, atol=1e-6)
    assert abs(after[:, 2] - before[:, 2]).min(axis=0).max() > 1e-3
    assert (abs(other - before).max(axis=2) > 1e-3).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_it_separates_what_stays_from_what_changes(seed):
    """Frames are who they show, in three numbers, and where it is, in two: exactly separable."""
    rng = default_rng(seed)

    def draw(n):
        who = np.repeat(rng.normal((n, 1, 3)), 8, axis=1)
        return np.concatenate([who, rng.normal((n, 8, 2))], axis=2)

    model = ClipAutoencoder(5, 3, 2, hidden=64, rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(500):
        x = draw(32)
        loss = losses.squared_error(model(x), x).mean() / x[0].size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    a, b = draw(100), draw(100)
    with no_grad():
        content, motion = model.encode(a)[0], model.encode(b)[1]
        mixed = model.decode(content, motion).data
    expected = np.concatenate([a[:, :, :3], b[:, :, 3:]], axis=2)
    assert ((mixed - expected) ** 2).mean() < 0.3  # 1 is the variance, 2 of the wrong part
