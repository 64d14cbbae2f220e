"""Autoencoders: the linear one is principal component analysis; the noises are as defined."""

import numpy as np
import pytest

from tinygen import default_rng, losses, no_grad, optim, tensor
from tinygen.models.autoencoder import (
    Autoencoder,
    ConvAutoencoder,
    LinearAutoencoder,
    gaussian_noise,
    masking_noise,
    salt_and_pepper_noise,
)

D, K = 6, 2  # numbers in an example, dimensions of the code
NOISES = (gaussian_noise, masking_noise, salt_and_pepper_noise)


def linear_autoencoder(seed=0):
    """Build a linear autoencoder of D numbers with a code of K, in float64."""
    model = LinearAutoencoder(K, (1, 2, 3), rng=default_rng(seed))
    return model.map_arrays_(lambda a: a.astype(np.float64))


def example_data():
    """Draw points (400, 1, 2, 3); return them, their mean, and eigenvalues and eigenvectors.

    The mean is far from zero. The eigenvalues of the covariance are in descending order.
    """
    rng = np.random.default_rng(0)
    scaled = rng.normal(size=(400, D)) * [3, 2, 1, 0.7, 0.5, 0.3]
    x = scaled @ np.linalg.qr(rng.normal(size=(D, D)))[0] + rng.normal(size=D)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    return x.reshape(-1, 1, 2, 3), x.mean(0), values[::-1], vectors[:, ::-1]


def train(model, x, target, steps):
    """Train on the whole data with Adam, and return the last mean squared error."""
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=steps)
    for step in range(steps):
        schedule.set(step)
        loss = losses.squared_error(tensor(target), model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        return float(losses.squared_error(target, model(x)).mean().data)


def project(v, mix, mean):
    """Build a linear autoencoder that projects onto the columns of v (D, K) around the mean."""
    model = linear_autoencoder()
    w1, b1, w2, b2 = model.parameters()
    w1.data, w2.data = mix @ v.T, v @ np.linalg.inv(mix)
    b1.data, b2.data = -w1.data @ mean, mean
    return model


def loss_and_gradient_norm(model, x):
    """Compute the mean squared error and the largest absolute entry of its gradient."""
    loss = losses.squared_error(x, model(x)).mean()
    loss.backward()
    return float(loss.data), max(np.abs(p.grad.data).max() for p in model.parameters())


def test_least_loss_of_the_linear_autoencoder_is_the_discarded_variance():
    """PCA, in any basis of its subspace, is a critical point; small steps raise the loss."""
    x, mean, values, vectors = example_data()
    rng = np.random.default_rng(1)
    for mix in (np.eye(K), rng.normal(size=(K, K))):
        model = project(vectors[:, :K], mix, mean)
        least, gradient_norm = loss_and_gradient_norm(model, x)
        np.testing.assert_allclose(least, values[K:].sum(), rtol=1e-10)
        assert gradient_norm < 1e-8
        for p in model.parameters():
            before = p.data.copy()
            p.data = before + 1e-3 * rng.normal(size=before.shape)
            with no_grad():
                assert losses.squared_error(x, model(x)).mean().data > least
            p.data = before


def test_projection_onto_other_eigenvectors_is_a_saddle_with_a_higher_loss():
    """Its loss is the sum of the other eigenvalues, and its gradient is zero too."""
    x, mean, values, vectors = example_data()
    loss, gradient_norm = loss_and_gradient_norm(project(vectors[:, [0, 2]], np.eye(K), mean), x)
    np.testing.assert_allclose(loss, values[[1, 3, 4, 5]].sum(), rtol=1e-10)
    assert gradient_norm < 1e-8


def test_training_a_linear_autoencoder_finds_the_pca_subspace():
    """From random weights, the least loss to 1e-6 of it and the subspace to an angle of 1e-4."""
    x, mean, values, vectors = example_data()
    for seed in range(2):
        model = linear_autoencoder(seed)
        least = train(model, x, x, 1500)  # after 800 steps, 1 seed of 16 is not there yet
        assert -1e-12 < least / values[K:].sum() - 1 < 1e-6  # it cannot be less, but for rounding
        w2 = [*model.parameters()][2].data
        basis = np.linalg.qr(w2)[0]
        cosines = np.linalg.svd(basis.T @ vectors[:, :K])[1]
        assert np.arccos(np.clip(cosines, -1, 1)).max() < 1e-4
        with no_grad():
            x_hat = model(mean.reshape(1, 1, 2, 3)).numpy().ravel()
        np.testing.assert_allclose(x_hat, mean, atol=1e-3)


def test_linear_denoising_autoencoder_becomes_the_wiener_filter():
    """For data of covariance C and noise of covariance S it is C (C + S)^-1, reduced to rank K."""
    x, _, _, _ = example_data()
    noisy = x + 1.5 * np.random.default_rng(2).normal(size=x.shape)
    a, b = (z.reshape(-1, D) - z.reshape(-1, D).mean(0) for z in (noisy, x))
    filtered = a @ np.linalg.lstsq(a, b, rcond=None)[0]
    # Reduced-rank regression: keep the leading directions of the filter's outputs.
    directions = np.linalg.svd(filtered, full_matrices=False)[2][:K]
    best = ((b - filtered @ directions.T @ directions) ** 2).sum(1).mean()
    assert 0 <= train(linear_autoencoder(), noisy, x, 800) / best - 1 < 1e-6
    assert best < 0.8 * ((noisy - x) ** 2).sum((1, 2, 3)).mean()


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda rng: Autoencoder(3, (20, 10), (1, 8, 12), rng=rng), (1, 8, 12)),
        (lambda rng: ConvAutoencoder(5, 4, (1, 28, 28), rng=rng), (1, 28, 28)),
        (lambda rng: ConvAutoencoder(5, 4, (3, 32, 32), rng=rng), (3, 32, 32)),
        (lambda rng: ConvAutoencoder(5, 4, (3, 16, 40), rng=rng), (3, 16, 40)),
        (lambda rng: ConvAutoencoder(5, 4, (2, 12, 4), rng=rng), (2, 12, 4)),
        (lambda rng: LinearAutoencoder(4, (3, 2, 2), rng=rng), (3, 2, 2)),
    ],
)
def test_shapes_precision_and_gradients(build, shape):
    """Codes (n, latent_dim), pictures like the input, float32, and a gradient everywhere."""
    model = build(default_rng(0))
    for n in (0, 1, 3):
        x = default_rng(1).uniform((n, *shape))
        z = model.encode(x)
        x_hat = model.decode(z)
        assert z.shape == (n, model.latent_dim)
        assert x_hat.shape == x.shape
        assert x_hat.dtype == np.float32
    losses.absolute_error(x, x_hat).mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())
    with pytest.raises(ValueError):
        model.decode(np.zeros((2, model.latent_dim + 1), np.float32))


def test_autoencoder_learns_a_curve_that_pca_cannot():
    """Pictures of a moving bump depend on one number: one latent dimension is enough."""
    rng = default_rng(0)
    t = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    pixels = np.arange(12, dtype=np.float32)
    x = np.exp(-(((pixels - 1 - 9 * t) / 1.5) ** 2)).reshape(64, 1, 3, 4)
    model = Autoencoder(1, (64, 32), (1, 3, 4), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=400)
    for step in range(400):
        schedule.set(step)
        loss = losses.absolute_error(x, model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    centred = (x - x.mean(0)).reshape(64, 12)
    u, s, v = np.linalg.svd(centred, full_matrices=False)
    pca_error = np.abs(centred - s[0] * u[:, :1] * v[:1]).mean()
    assert loss.numpy() / 12 < 0.2 * pca_error


def test_gaussian_noise_has_mean_zero_and_the_given_std():
    """To 0.005."""
    x = np.full((200, 3, 10, 10), 0.4, np.float32)
    noisy = gaussian_noise(x, 0.3, default_rng(0))
    assert abs((noisy - x).mean()) < 0.005
    assert abs((noisy - x).std() - 0.3) < 0.005


def test_masking_noise_sets_a_fraction_of_the_pixels_to_zero():
    """In all channels at once; the other pixels stay as they are."""
    x = np.full((200, 3, 10, 10), 0.4, np.float32)
    masked = masking_noise(x, 0.3, default_rng(0))
    lost = masked[:, 0] == 0
    assert abs(lost.mean() - 0.3) < 0.02
    unchanged = ~np.repeat(lost[:, None], 3, 1)
    assert np.array_equal(masked[unchanged], x[unchanged])


def test_salt_and_pepper_noise_makes_pixels_black_or_white():
    """Equally many of both; the other pixels stay as they are."""
    x = np.full((200, 3, 10, 10), 0.4, np.float32)
    noisy = salt_and_pepper_noise(x, 0.3, default_rng(0))
    black, white = (noisy == 0).all(1), (noisy == 1).all(1)
    assert abs(black.mean() - 0.15) < 0.02
    assert abs(white.mean() - 0.15) < 0.02
    assert (noisy[:, 0][~black & ~white] == x[0, 0, 0, 0]).all()


@pytest.mark.parametrize("noise", NOISES)
def test_noise_keeps_float32_and_is_drawn_from_its_rng(noise):
    """Level 0 changes nothing, and another seed gives other noise."""
    x = np.full((200, 3, 10, 10), 0.4, np.float32)
    assert noise(x, 0.5, default_rng(0)).dtype == np.float32
    assert np.array_equal(noise(x, 0, default_rng(0)), x)
    assert not np.array_equal(noise(x, 0.5, default_rng(0)), noise(x, 0.5, default_rng(1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: gaussian_noise(np.zeros((1, 1, 2, 2)), -1, default_rng(0)),
            "gaussian_noise: std is a standard deviation, at least 0; got -1",
        ),
        (
            lambda: masking_noise(np.zeros((1, 1, 2, 2)), 1.5, default_rng(0)),
            "masking_noise: p is a probability, at least 0 and at most 1; got 1.5",
        ),
        (
            lambda: salt_and_pepper_noise(np.zeros((1, 1, 2, 2)), float("nan"), default_rng(0)),
            "salt_and_pepper_noise: .* got nan",
        ),
        (
            lambda: ConvAutoencoder(shape=(1, 30, 28), rng=default_rng(0)),
            "30x28 must be divisible by 4",
        ),
    ],
)
def test_invalid_settings_raise(call, message):
    """The message says what came and what was expected."""
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("noise", NOISES)
def test_noise_refuses_bytes_and_flat_pictures(noise):
    """Bytes would wrap around, and without channels `all channels at once` has no meaning."""
    for x in (np.full((3, 1, 4, 4), 128, np.uint8), np.zeros((3, 16), np.float32)):
        with pytest.raises(TypeError, match=f"{noise.__name__}: x is .* give floats"):
            noise(x, 0.1, default_rng(0))
