"""Latent operations: their geometry, and their use with models."""

import numpy as np
import pytest

from tinygen import default_rng, latent
from tinygen.models.autoencoder import Autoencoder
from tinygen.models.vae import VAE


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---------------------------------------------------------------------------------- interpolation


@pytest.mark.parametrize("interpolate", [latent.lerp, latent.slerp])
@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 8)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_interpolation_goes_from_the_first_code_to_the_second(interpolate, shape, dtype, rng):
    z1, z2 = rng.normal(size=(2, *shape)).astype(dtype)
    z = interpolate(z1, z2, 7)
    assert z.shape == (*shape[:-1], 7, shape[-1]) and z.dtype == dtype
    np.testing.assert_allclose(z[..., 0, :], z1, atol=1e-6)
    np.testing.assert_allclose(z[..., -1, :], z2, atol=1e-6)
    np.testing.assert_allclose(interpolate(z2, z1, 7), z[..., ::-1, :], atol=2e-6)


def test_the_steps_of_lerp_are_equal(rng):
    z1, z2 = rng.normal(size=(2, 4))
    steps = np.diff(latent.lerp(z1, z2, 6), axis=0)
    np.testing.assert_allclose(steps, np.repeat((z2 - z1)[None] / 5, 5, 0))


def test_slerp_turns_at_constant_speed_and_its_length_changes_linearly(rng):
    z1, z2 = rng.normal(size=(2, 50, 9))
    z = latent.slerp(z1, z2, 11)
    length = np.linalg.norm(z, axis=-1)
    np.testing.assert_allclose(length, np.linspace(length[:, 0], length[:, -1], 11, axis=1))
    u = z / length[..., None]
    angles = np.arccos((u[:, 1:] * u[:, :-1]).sum(-1))
    full_angle = np.arccos((u[:, 0] * u[:, -1]).sum(-1))
    np.testing.assert_allclose(angles, np.repeat(full_angle[:, None] / 10, 10, 1), atol=1e-7)


def test_slerp_is_accurate_for_nearly_equal_directions():
    z1 = np.array([1.0, 2, 2])
    expected = np.linspace(1, 2, 5)[:, None] * z1
    np.testing.assert_allclose(latent.slerp(z1, 2 * z1, 5), expected)
    z2 = z1 + np.array([0, 1e-9, -1e-9])
    np.testing.assert_allclose(latent.slerp(z1, z2, 3)[1], (z1 + z2) / 2, rtol=1e-15)


def test_the_middle_of_two_samples_is_short_for_lerp_but_not_for_slerp(rng):
    z1, z2 = rng.normal(size=(2, 200, 100))
    lerp_length, slerp_length = (
        np.linalg.norm(interpolate(z1, z2, 3)[:, 1], axis=-1).mean()
        for interpolate in (latent.lerp, latent.slerp)
    )
    assert abs(lerp_length / np.sqrt(50) - 1) < 0.03
    assert abs(slerp_length / 10 - 1) < 0.03


# ---------------------------------------------------------------------------------- arithmetic


def test_an_attribute_vector_is_found_among_all_other_variation(rng):
    """Codes = person + (attribute) direction + noise: the error is of order 1 / sqrt(n)."""
    direction = rng.normal(size=8)
    has_attribute = rng.random(20_000) < 0.3
    codes = rng.normal(size=(20_000, 8)) + has_attribute[:, None] * direction
    vector = latent.attribute_vector(codes, has_attribute)
    assert np.abs(vector - direction).max() < 5 / np.sqrt(20_000 * 0.3 * 0.7)
    np.testing.assert_allclose(latent.attribute_vector(codes, ~has_attribute), -vector)


def test_an_attribute_vector_contains_what_is_correlated_with_the_attribute(rng):
    has_attribute = rng.random(20_000) < 0.3
    codes, other = rng.normal(size=(20_000, 8)), np.eye(8)[0]
    correlated = codes + np.where(has_attribute, 1, -1)[:, None] * other
    difference = latent.attribute_vector(correlated, has_attribute) - latent.attribute_vector(
        codes, has_attribute
    )
    np.testing.assert_allclose(difference, 2 * other, atol=1e-12)


# ---------------------------------------------------------------------------------- planes


def test_traversal_changes_one_dimension_at_a_time():
    z, values = np.array([5.0, 6, 7], np.float32), [-1, 0, 1, 2]
    codes = latent.traversal(z, values)
    assert codes.shape == (3, 4, 3) and codes.dtype == np.float32
    assert z.tolist() == [5, 6, 7]
    for i in range(3):
        for j, value in enumerate(values):
            expected = [5, 6, 7]
            expected[i] = value
            assert codes[i, j].tolist() == expected


def test_grid_goes_right_and_up():
    origin, right, up = np.array([1.0, 2, 3]), np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
    z = latent.grid(origin, right, up, [-1, 0, 2])
    assert z.shape == (3, 3, 3)
    assert z[0, 0].tolist() == [0, 2, 5]
    assert z[2, 2].tolist() == [3, 2, 2]
    assert z[1, 1].tolist() == [1, 2, 3]


# ---------------------------------------------------------------------------------- models, errors


@pytest.mark.parametrize(
    "model",
    [
        VAE(4, 16, (1, 4, 4), rng=default_rng(0)),
        Autoencoder(4, (16, 8), (1, 4, 4), rng=default_rng(0)),
    ],
)
def test_models_decode_the_results(model, rng):
    x = rng.random((6, 1, 4, 4)).astype(np.float32)
    codes = model.encode(x)
    codes = (codes[0] if isinstance(codes, tuple) else codes).numpy()  # a VAE's code is the mean
    for z in (
        latent.lerp(codes[0], codes[1], 5),
        latent.slerp(codes[0], codes[1], 5),
        codes + latent.attribute_vector(codes, np.arange(6) < 2),
        latent.traversal(codes[0], [-1, 1]).reshape(-1, 4),
        latent.grid(*codes[:3], np.linspace(-1, 1, 3)).reshape(-1, 4),
    ):
        images = model.decode(z)
        assert images.shape == (len(z), 1, 4, 4) and images.dtype == np.float32


CODES = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: latent.lerp(np.zeros(3), np.zeros(4), 5),
            r"lerp: z1 \(3,\) and z2 \(4,\) must be codes",
        ),
        (
            lambda: latent.slerp(np.ones((2, 3)), np.ones(3), 5),
            r"slerp: z1 \(2, 3\) and z2 \(3,\)",
        ),
        (lambda: latent.lerp(np.zeros(3), np.zeros(3), 1), "at least 2 steps"),
        (lambda: latent.slerp(np.zeros(3), np.ones(3), 5), "length 0 has no direction"),
        (lambda: latent.slerp(np.ones(3), -np.ones(3), 5), "opposite directions"),
        (
            lambda: latent.attribute_vector(CODES, np.array([False] * 3)),
            "none of the 3 examples has the attribute",
        ),
        (
            lambda: latent.attribute_vector(CODES, np.array([True] * 3)),
            "every one of the 3 examples has the attribute",
        ),
        (
            lambda: latent.attribute_vector(CODES, np.array([True] * 2)),
            r"one bool per code, \(n,\); got \(3, 2\) and bool \(2,\)",
        ),
        (lambda: latent.attribute_vector(CODES, np.array([0, 1, 1])), "got .* int64"),
        (lambda: latent.traversal(np.zeros((2, 3)), [1, 2]), r"one code \(latent_dim,\)"),
        (
            lambda: latent.grid(np.zeros(2), np.zeros(3), np.zeros(2), [1]),
            r"grid: origin \(2,\), right \(3,\)",
        ),
    ],
)
def test_wrong_arguments_raise(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda z: latent.lerp(z, z, 5),
        lambda z: latent.slerp(z, z, 3),
        lambda z: latent.traversal(z, np.zeros(2)),
        lambda z: latent.grid(z, z, z, np.zeros(2)),
    ],
)
def test_integer_codes_raise(call):
    """They would be truncated."""
    with pytest.raises(TypeError, match="give floats"):
        call(np.array([0, 10]))
