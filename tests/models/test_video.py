"""Two autoencoders of clips: what their two codes can hold; translation, and its gradients."""

import numpy as np
import pytest

from tinygen import check_grads, data, default_rng, losses, no_grad, optim, tensor
from tinygen.data.clips import bouncing_positions, digit_clips
from tinygen.models.video import (
    ClipAutoencoder,
    MovingObjectAutoencoder,
    centre_of_mass,
    translate,
)


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


def test_whole_shifts_move_pixels_and_lose_what_leaves_the_image():
    x = default_rng(2).normal((3, 5, 6), np.float64)
    y = translate(x, np.array([[1.0, -2.0], [0.0, 0.0], [-9.0, 0.0]]))
    np.testing.assert_array_equal(y[0, 1:, :4], x[0, :4, 2:])
    assert not y[0, 0].any() and not y[0, :, 4:].any()
    np.testing.assert_array_equal(y[1], x[1])
    assert not y[2].any()


def test_translation_is_bilinear_interpolation():
    """The same as data.affine, which reads four pixels by their indices."""
    rng = default_rng(3)
    x, shift = rng.normal((20, 1, 7, 9), np.float64), 3 * rng.normal((20, 2), np.float64)
    expected = data.affine(x, np.broadcast_to(np.eye(2), (20, 2, 2)), shift)
    np.testing.assert_allclose(translate(x[:, 0], shift), expected[:, 0], atol=1e-12)


def test_the_transposed_translation_moves_back():
    rng = default_rng(4)
    x, y = rng.normal((2, 6, 7), np.float64)
    shift = np.array([0.3, -1.6])
    forth = (translate(x, shift) * y).sum()
    back = (translate(y, -shift) * x).sum()
    assert abs(forth - back) < 1e-12


def test_gradients_of_a_translation():
    """Of second order, too; the shifts are not near the kinks at whole numbers."""
    rng = default_rng(5)
    x, shift = rng.normal((2, 1, 4, 5), np.float64), np.array([[0.3, -0.6], [1.4, 0.7]])
    shift = np.broadcast_to(shift[:, None], (2, 3, 2)).copy()  # three places of each image
    check_grads(translate, x, shift)


def test_the_gradient_in_the_shift_is_the_difference_of_neighbours():
    """dy[i]/dd = x[i - k - 1] - x[i - k]; here k = 1."""
    x, g = default_rng(6).normal((2, 8, 1), np.float64)
    d = tensor(np.array([1.3, 0.0]), requires_grad=True)
    (translate(x, d) * g).sum().backward()
    padded = np.concatenate([np.zeros(2), x[:, 0]])  # padded[i + 2] is x[i]
    differences = padded[:8] - padded[1:9]
    assert abs(d.grad[0] - (differences * g[:, 0]).sum()) < 1e-12
    assert d.grad[1] == 0  # at the kink


def test_the_centre_of_mass_moves_with_the_image():
    x = np.zeros((9, 11))
    x[3:6, 4:7] = default_rng(7).uniform((3, 3), np.float64)
    shift = np.array([[0.0, 0.0], [0.25, -1.5], [-2.0, 2.75]])
    centres = centre_of_mass(translate(x, shift))
    np.testing.assert_allclose(centres - centres[0], shift, atol=1e-5)
    np.testing.assert_allclose(centre_of_mass(np.ones((9, 11))), 0, atol=1e-12)
    np.testing.assert_allclose(centre_of_mass(np.zeros((9, 11))), 0, atol=1e-12)


def test_gradients_of_the_centre_of_mass():
    check_grads(centre_of_mass, 1 + default_rng(8).uniform((2, 3, 4), np.float64))


def test_codes_of_moving_objects_are_a_position_then_steps():
    clips, _ = digit_clips(6, seed=1)
    x = data.to_float(clips)[:, :, 0]  # (6, 12, 32, 32)
    model = MovingObjectAutoencoder(32, 5, hidden=16, rng=default_rng(0))
    content, motion = model.encode(x)
    assert content.shape == (6, 5) and motion.shape == (6, 12, 2) and model(x).shape == x.shape
    steps = np.diff(bouncing_positions(6, seed=1), axis=1)
    assert abs(motion[:, 1:] - steps).max() < 0.15  # interpolated at the border
    decoded = model.decode(content, motion).data
    still = model.decode(content, np.zeros((6, 12, 2), np.float32)).data
    expected = translate(still, centre_of_mass(x))
    np.testing.assert_allclose(decoded, expected, atol=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_content_of_one_digit_with_the_motion_of_another(seed):
    """The digit of one clip at the positions of another: the frames are known."""
    clips = data.to_float(digit_clips(400, seed=3)[0])[:, :, 0]
    rng = default_rng(seed)
    model = MovingObjectAutoencoder(32, 16, hidden=64, rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    loader = data.Loader(clips, batch_size=32, seed=seed).forever()
    for _ in range(200):
        x = next(loader)
        loss = losses.squared_error(model(x), x).mean() / x[0].size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    a, b = clips[:50], clips[50:100]
    with no_grad():
        mixed = model.decode(model.encode(a)[0], model.encode(b)[1]).data
    centred = translate(a[:, :1], -centre_of_mass(a[:, :1]))
    expected = translate(centred, centre_of_mass(b))
    error = ((mixed - expected) ** 2).mean()
    assert error < 0.35 * (expected**2).mean()  # what a black clip has
    assert ((mixed - a) ** 2).mean() > 3 * error and ((mixed - b) ** 2).mean() > 2 * error
