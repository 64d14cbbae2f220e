"""Latent operations against geometry, and on models that exist."""

import numpy as np
import pytest

from tinygen import default_rng, latent
from tinygen.models.autoencoder import Autoencoder
from tinygen.models.vae import VAE

NUMPY_RNG = np.random.default_rng(0)


@pytest.mark.parametrize("way", [latent.lerp, latent.slerp])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 1 + 7)])
def test_a_walk_begins_and_ends_where_it_should(way, shape):
    for dtype in (np.float32, np.float64):
        z1, z2 = NUMPY_RNG.normal(size=(2, *shape)).astype(dtype)
        z = way(z1, z2, 7)
        assert z.shape == (*shape[:-1], 7, shape[-1]) and z.dtype == dtype
        np.testing.assert_allclose(z[..., 0, :], z1, atol=1e-6)
        np.testing.assert_allclose(z[..., -1, :], z2, atol=1e-6)
        np.testing.assert_allclose(way(z2, z1, 7), z[..., ::-1, :], atol=2e-6)


def test_linear_steps_are_equal():
    z1, z2 = NUMPY_RNG.normal(size=(2, 4))
    np.testing.assert_allclose(np.diff(latent.lerp(z1, z2, 6), axis=0), np.repeat((z2 - z1)[None] / 5, 5, 0))


def test_spherical_turns_evenly_and_its_length_grows_evenly():
    z1, z2 = NUMPY_RNG.normal(size=(2, 50, 9))
    z = latent.slerp(z1, z2, 11)
    length = np.linalg.norm(z, axis=-1)
    np.testing.assert_allclose(length, np.linspace(length[:, 0], length[:, -1], 11, axis=1))
    u = z / length[..., None]
    angles = np.arccos((u[:, 1:] * u[:, :-1]).sum(-1))
    whole = np.arccos((u[:, 0] * u[:, -1]).sum(-1))
    np.testing.assert_allclose(angles, np.repeat(whole[:, None] / 10, 10, 1), atol=1e-7)


def test_spherical_is_exact_where_codes_nearly_agree():
    z1 = np.array([1.0, 2, 2])
    np.testing.assert_allclose(latent.slerp(z1, 2 * z1, 5), np.linspace(1, 2, 5)[:, None] * z1)
    z2 = z1 + np.array([0, 1e-9, -1e-9])
    np.testing.assert_allclose(latent.slerp(z1, z2, 3)[1], (z1 + z2) / 2, rtol=1e-15)


def test_the_middle_of_two_draws_is_short_but_on_the_sphere():
    z1, z2 = NUMPY_RNG.normal(size=(2, 200, 100))
    short, kept = (np.linalg.norm(way(z1, z2, 3)[:, 1], axis=-1).mean() for way in (latent.lerp, latent.slerp))
    assert abs(short / np.sqrt(50) - 1) < 0.03 and abs(kept / 10 - 1) < 0.03


def test_an_attribute_s_vector_is_found_under_everything_else():
    """Codes = person + (attribute) direction + noise: the direction comes out, to 1 / sqrt(n)."""
    direction = NUMPY_RNG.normal(size=8)
    has = NUMPY_RNG.random(20_000) < 0.3
    codes = NUMPY_RNG.normal(size=(20_000, 8)) + has[:, None] * direction
    assert np.abs(latent.attribute_vector(codes, has) - direction).max() < 5 / np.sqrt(20_000 * 0.3 * 0.7)
    np.testing.assert_allclose(latent.attribute_vector(codes, ~has), -latent.attribute_vector(codes, has))
    tied = codes + np.where(has, 1, -1)[:, None] * np.eye(8)[0]  # something else that comes along comes out with it
    np.testing.assert_allclose(latent.attribute_vector(tied, has) - latent.attribute_vector(codes, has), 2 * np.eye(8)[0], atol=1e-12)


def test_traversal_moves_one_dimension_at_a_time():
    z, values = np.array([5.0, 6, 7], np.float32), [-1, 0, 1, 2]
    moved = latent.traversal(z, values)
    assert moved.shape == (3, 4, 3) and moved.dtype == np.float32 and z.tolist() == [5, 6, 7]
    for i in range(3):
        for k, value in enumerate(values):
            expected = [5, 6, 7]
            expected[i] = value
            assert moved[i, k].tolist() == expected


def test_grid_goes_right_and_up():
    z = latent.grid(np.array([1.0, 2, 3]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), [-1, 0, 2])
    assert z.shape == (3, 3, 3)
    assert z[0, 0].tolist() == [0, 2, 5] and z[2, 2].tolist() == [3, 2, 2] and z[1, 1].tolist() == [1, 2, 3]


@pytest.mark.parametrize("model", [VAE(4, 16, (1, 4, 4), rng=default_rng(0)), Autoencoder(4, (16, 8), (1, 4, 4), rng=default_rng(0))])
def test_every_model_that_encodes_and_decodes_takes_part(model):
    x = NUMPY_RNG.random((6, 1, 4, 4)).astype(np.float32)
    codes = model.encode(x)
    codes = (codes[0] if isinstance(codes, tuple) else codes).numpy()  # a VAE's code is the mean
    for z in (latent.lerp(codes[0], codes[1], 5), latent.slerp(codes[0], codes[1], 5), codes + latent.attribute_vector(codes, np.arange(6) < 2),
              latent.traversal(codes[0], [-1, 1]).reshape(-1, 4), latent.grid(codes[0], codes[1], codes[2], np.linspace(-1, 1, 3)).reshape(-1, 4)):  # fmt: skip
        assert model.decode(z).shape == (len(z), 1, 4, 4) and model.decode(z).dtype == np.float32


@pytest.mark.parametrize(("call", "message"), [
    (lambda: latent.lerp(np.zeros(3), np.zeros(4), 5), r"lerp: z1 \(3,\) and z2 \(4,\) must be codes"),
    (lambda: latent.slerp(np.ones((2, 3)), np.ones(3), 5), r"slerp: z1 \(2, 3\) and z2 \(3,\)"),
    (lambda: latent.lerp(np.zeros(3), np.zeros(3), 1), "at least 2 steps"),
    (lambda: latent.slerp(np.zeros(3), np.ones(3), 5), "length 0 has no direction"),
    (lambda: latent.slerp(np.ones(3), -np.ones(3), 5), "opposite directions"),
    (lambda: latent.attribute_vector(np.zeros((3, 2)), np.array([False] * 3)), "none of the 3 examples has it"),
    (lambda: latent.attribute_vector(np.zeros((3, 2)), np.array([True] * 3)), "every one of the 3 examples has it"),
    (lambda: latent.attribute_vector(np.zeros((3, 2)), np.array([True] * 2)), r"one bool a code, \(n,\); got \(3, 2\) and bool \(2,\)"),
    (lambda: latent.attribute_vector(np.zeros((3, 2)), np.array([0, 1, 1])), "got .* int64"),
    (lambda: latent.traversal(np.zeros((2, 3)), [1, 2]), r"one code \(latent_dim,\)"),
    (lambda: latent.grid(np.zeros(2), np.zeros(3), np.zeros(2), [1]), r"grid: origin \(2,\), right \(3,\)"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_codes_of_integers_are_refused_not_truncated():
    z = np.array([0, 10])
    for f in (lambda: latent.lerp(z, z, 5), lambda: latent.slerp(z, z, 3), lambda: latent.traversal(z, np.zeros(2)),
              lambda: latent.grid(z, z, z, np.zeros(2))):  # fmt: skip
        with pytest.raises(TypeError, match="give floats"):
            f()
