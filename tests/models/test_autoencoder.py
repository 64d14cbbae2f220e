"""Autoencoders: the linear one against principal component analysis, the noises against their definitions."""

import numpy as np
import pytest

from tinygen import default_rng, losses, no_grad, optim, tensor
from tinygen.models.autoencoder import (
    Autoencoder,
    ConvAutoencoder,
    LinearAutoencoder,
    gaussian_noise,
    masking_noise,
    salt_and_pepper,
)

D, K = 6, 2


def linear(seed=0):
    """A linear autoencoder of D numbers with K in the middle, in float64."""
    model = LinearAutoencoder(K, (1, 2, 3), rng=default_rng(seed))
    for p in model.parameters():
        p._data = p.data.astype(np.float64)
    return model


def data():
    """Points (400, 1, 2, 3) with mean far from zero; their mean (D,), and the covariance's eigenvalues, largest first, and eigenvectors."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, D)) * [3, 2, 1, 0.7, 0.5, 0.3] @ np.linalg.qr(rng.normal(size=(D, D)))[0] + rng.normal(size=D)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    return x.reshape(-1, 1, 2, 3), x.mean(0), values[::-1], vectors[:, ::-1]


def train(model, x, target, steps):
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for step in range(steps):
        loss = losses.squared_error(tensor(target), model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 0.1 * optim.cosine_decay(step, steps=steps)
        optimizer.step()
    with no_grad():
        return float(losses.squared_error(target, model(x)).mean().data)


def test_least_error_of_the_linear_autoencoder_is_the_discarded_variance():
    """Put in by hand: PCA, in any basis of its subspace, reaches it; other eigenvectors are saddles above it, and nothing near goes below."""
    x, mean, values, vectors = data()
    rng = np.random.default_rng(1)

    def error(v, mix):
        model = linear()
        w1, b1, w2, b2 = model.parameters()
        w1._data, w2._data = mix @ v.T, v @ np.linalg.inv(mix)
        b1._data, b2._data = -w1.data @ mean, mean
        loss = losses.squared_error(x, model(x)).mean()
        loss.backward()
        return float(loss.data), max(np.abs(p.grad.data).max() for p in model.parameters()), model

    for mix in (np.eye(K), rng.normal(size=(K, K))):
        least, slope, model = error(vectors[:, :K], mix)
        np.testing.assert_allclose(least, values[K:].sum(), rtol=1e-10)
        assert slope < 1e-8
        for p in model.parameters():  # a step in any direction raises it
            kept = p.data.copy()
            p._data = kept + 1e-3 * rng.normal(size=kept.shape)
            with no_grad():
                assert losses.squared_error(x, model(x)).mean().data > least
            p._data = kept
    saddle, slope, _ = error(vectors[:, [0, 2]], np.eye(K))
    np.testing.assert_allclose(saddle, values[[1, 3, 4, 5]].sum(), rtol=1e-10)
    assert slope < 1e-8


def test_training_a_linear_autoencoder_finds_the_pca_subspace():
    """From random weights: the least error to 1e-6 of it, the subspace to an angle of 1e-4."""
    x, mean, values, vectors = data()
    for seed in range(2):
        model = linear(seed)
        least = train(model, x, x, 800)
        assert 0 <= least / values[K:].sum() - 1 < 1e-6
        w2 = [*model.parameters()][2].data
        basis = np.linalg.qr(w2)[0]
        cosines = np.linalg.svd(basis.T @ vectors[:, :K])[1]
        assert np.arccos(np.clip(cosines, -1, 1)).max() < 1e-4
        with no_grad():
            np.testing.assert_allclose(model(mean.reshape(1, 1, 2, 3)).numpy().ravel(), mean, atol=1e-3)


def test_a_linear_denoiser_becomes_the_wiener_filter():
    """Noise of covariance S added to data of covariance C: the best linear answer is C (C + S)^-1, here cut to rank K; its error is known."""
    x, _, _, _ = data()
    noisy = x + 1.5 * np.random.default_rng(2).normal(size=x.shape)
    a, b = (z.reshape(-1, D) - z.reshape(-1, D).mean(0) for z in (noisy, x))
    wiener = np.linalg.lstsq(a, b, rcond=None)[0]
    answer = a @ wiener
    kept = np.linalg.svd(answer, full_matrices=False)[2][:K]  # reduced-rank regression: the leading directions of the answers
    best = ((b - answer @ kept.T @ kept) ** 2).sum(1).mean()
    assert 0 <= train(linear(), noisy, x, 800) / best - 1 < 1e-6
    assert best < 0.8 * ((noisy - x) ** 2).sum((1, 2, 3)).mean()


@pytest.mark.parametrize(("model", "shape"), [
    (lambda g: Autoencoder(3, (20, 10), (1, 8, 12), rng=g), (1, 8, 12)),
    (lambda g: ConvAutoencoder(5, 4, (1, 28, 28), rng=g), (1, 28, 28)),
    (lambda g: ConvAutoencoder(5, 4, (3, 32, 32), rng=g), (3, 32, 32)),
    (lambda g: ConvAutoencoder(5, 4, (3, 16, 40), rng=g), (3, 16, 40)),
    (lambda g: ConvAutoencoder(5, 4, (2, 12, 4), rng=g), (2, 12, 4)),
    (lambda g: LinearAutoencoder(4, (3, 2, 2), rng=g), (3, 2, 2)),
])  # fmt: skip
def test_shapes_precision_and_gradients_everywhere(model, shape):
    model = model(default_rng(0))
    for n in (0, 1, 3):
        x = default_rng(1).uniform((n, *shape))
        z = model.encode(x)
        y = model.decode(z)
        assert z.shape == (n, model.latent_dim) and y.shape == x.shape and y.dtype == np.float32
    losses.absolute_error(x, y).mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())
    with pytest.raises(ValueError):
        model.decode(np.zeros((2, model.latent_dim + 1), np.float32))


def test_it_learns_a_curve_through_the_data():
    """Pictures that one number describes, not linearly: one latent dimension suffices, where one principal component does not."""
    rng = default_rng(0)
    at = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    x = np.exp(-(((np.arange(12, dtype=np.float32) - 1 - 9 * at) / 1.5) ** 2)).reshape(64, 1, 3, 4)  # a bump that moves along
    model = Autoencoder(1, (64, 32), (1, 3, 4), rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    for step in range(400):
        loss = losses.absolute_error(x, model(x)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 5e-3 * optim.cosine_decay(step, steps=400)
        optimizer.step()
    centred = (x - x.mean(0)).reshape(64, 12)
    u, s, v = np.linalg.svd(centred, full_matrices=False)
    pca = np.abs(centred - s[0] * u[:, :1] * v[:1]).mean()
    assert loss.numpy() / 12 < 0.2 * pca


def test_noises_are_what_they_say():
    x = np.full((200, 3, 10, 10), 0.4, np.float32)
    noisy = gaussian_noise(x, 0.3, default_rng(0))
    assert abs((noisy - x).mean()) < 0.005 and abs((noisy - x).std() - 0.3) < 0.005
    masked = masking_noise(x, 0.3, default_rng(0))
    lost = masked[:, 0] == 0
    assert abs(lost.mean() - 0.3) < 0.02 and np.array_equal(masked[~np.repeat(lost[:, None], 3, 1)], x[~np.repeat(lost[:, None], 3, 1)])
    peppered = salt_and_pepper(x, 0.3, default_rng(0))
    black, white = (peppered == 0).all(1), (peppered == 1).all(1)
    assert abs(black.mean() - 0.15) < 0.02 and abs(white.mean() - 0.15) < 0.02
    assert (peppered[:, 0][~black & ~white] == x[0, 0, 0, 0]).all()
    for noise in (gaussian_noise, masking_noise, salt_and_pepper):
        assert noise(x, 0.5, default_rng(0)).dtype == np.float32 and np.array_equal(noise(x, 0, default_rng(0)), x)
        assert not np.array_equal(noise(x, 0.5, default_rng(0)), noise(x, 0.5, default_rng(1)))


@pytest.mark.parametrize(("call", "message"), [
    (lambda: gaussian_noise(np.zeros((1, 1, 2, 2)), -1, default_rng(0)), "gaussian_noise: level is a standard deviation, at least 0; got -1"),
    (lambda: masking_noise(np.zeros((1, 1, 2, 2)), 1.5, default_rng(0)), "masking_noise: level is the share of pixels that is lost, at least 0 and at most 1"),
    (lambda: salt_and_pepper(np.zeros((1, 1, 2, 2)), float("nan"), default_rng(0)), "salt_and_pepper: .* got nan"),
    (lambda: ConvAutoencoder(shape=(1, 30, 28), rng=default_rng(0)), "30x28 must be divisible by 4"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_noise_refuses_bytes_and_flat_pictures():
    for noise in (gaussian_noise, masking_noise, salt_and_pepper):
        for x in (np.full((3, 1, 4, 4), 128, np.uint8), np.zeros((3, 16), np.float32)):
            with pytest.raises(TypeError, match=f"{noise.__name__}: x is .* give floats"):
                noise(x, 0.1, default_rng(0))
