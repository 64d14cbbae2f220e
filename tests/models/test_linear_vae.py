"""The linear VAE against the closed form of probabilistic PCA; and the lecture's lambda."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, no_grad, ops, optim
from tinygen.losses import kl_to_standard_normal, reparametrize, squared_error
from tinygen.models.linear_vae import LinearVAE
from tinygen.models.vae import VAE, squared_error_and_kl

from .vae_helpers import replace_parameters

D, LATENT_DIM = 6, 2


def make_data():
    """Return 1000 points with covariance eigenvalues near 9, 4, 0.5 ... 0.2 and a mean not 0."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(D, D)))[0]
    std = np.sqrt([9, 4, 0.5, 0.4, 0.3, 0.2])
    return rng.normal(size=(1000, D)) * std @ axes.T + rng.normal(size=D)


def make_model(seed):
    return LinearVAE(D, LATENT_DIM, rng=default_rng(seed), dtype=np.float64)


def fit_ppca(x):
    """Return Tipping and Bishop's maximum: W, m, s^2, and the eigenvalues of the covariance."""
    m = x.mean(0)
    covariance = (x - m).T @ (x - m) / len(x)
    eigenvalues, eigenvectors = np.linalg.eigh(covariance)
    eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]
    s2 = eigenvalues[LATENT_DIM:].mean()
    W = eigenvectors[:, :LATENT_DIM] * np.sqrt(eigenvalues[:LATENT_DIM] - s2)
    return W, m, s2, eigenvalues


def log_density(x, W, m, s2):
    """Return log p(x) under N(m, W W^T + s^2 I)."""
    covariance = W @ W.T + s2 * np.eye(D)
    d = x - m
    mahalanobis = np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
    log_det = np.linalg.slogdet(covariance)[1]
    return -0.5 * (mahalanobis + log_det + D * np.log(2 * np.pi))


def make_optimal_model(x, angle=0.0):
    """Return the maximum of the likelihood, rotated by an angle, with its best encoder."""
    W, m, s2, _ = fit_ppca(x)
    c, s = np.cos(angle), np.sin(angle)
    W = W @ np.array([[c, -s], [s, c]])
    M = W.T @ W + s2 * np.eye(LATENT_DIM)
    model = make_model(seed=0)
    model.W.data, model.m.data, model.log_s2.data = W, m, np.array(np.log(s2))
    model.V.data = np.linalg.solve(M, W.T)
    model.log_d.data = -np.log(np.diag(M) / s2)  # the best diagonal is that of the precision
    return model


def test_the_elbo_is_the_log_likelihood_at_the_optimum():
    x = make_data()
    W, m, s2, _ = fit_ppca(x)
    model = make_optimal_model(x)
    log_p = log_density(x, W, m, s2)
    bound = model.elbo(x)
    np.testing.assert_allclose(bound.numpy(), log_p, rtol=0, atol=1e-8)  # at each x
    assert abs(bound.numpy().mean() - log_p.mean()) < 1e-8
    bound.mean().backward()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() < 1e-8, name  # it is a stationary point


def test_a_rotation_keeps_the_likelihood_and_lowers_the_elbo():
    x = make_data()
    W, m, s2, _ = fit_ppca(x)
    best = log_density(x, W, m, s2).mean()
    rotated = make_optimal_model(x, angle=0.5)
    np.testing.assert_allclose(log_density(x, rotated.W.numpy(), m, s2).mean(), best)
    assert rotated.elbo(x).numpy().mean() < best - 0.01


def test_the_gap_is_the_kl_to_the_posterior():
    """The identity log p(x) = ELBO + KL(q || p(z|x)) holds everywhere, not only at the optimum."""
    x = make_data()[:20]
    model = make_model(seed=3)
    model.log_d.data, model.log_s2.data = np.array([-0.4, 0.3]), np.array(0.2)
    W, m, s2 = model.W.numpy(), model.m.numpy(), np.exp(0.2)
    M = W.T @ W + s2 * np.eye(LATENT_DIM)
    posterior_mean = (x - m) @ W @ np.linalg.inv(M).T
    posterior_covariance = s2 * np.linalg.inv(M)

    difference = model.encode(x)[0].numpy() - posterior_mean
    d = np.diag(np.exp(model.log_d.numpy()))
    precision = np.linalg.inv(posterior_covariance)
    mahalanobis = np.einsum("ni,ij,nj->n", difference, precision, difference)
    log_dets = np.linalg.slogdet(posterior_covariance)[1] - np.linalg.slogdet(d)[1]
    gap = 0.5 * (np.trace(precision @ d) + mahalanobis - LATENT_DIM + log_dets)
    log_p = log_density(x, W, m, s2)
    np.testing.assert_allclose(model.elbo(x).numpy() + gap, log_p, rtol=1e-10)


def test_training_from_random_weights_finds_the_principal_axes():
    x = make_data()
    W, m, s2, eigenvalues = fit_ppca(x)
    best = log_density(x, W, m, s2).mean()
    model = make_model(seed=0)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=500)
    for step in range(500):
        schedule.set(step)
        optimizer.zero_grad()
        (-model.elbo(x).mean()).backward()
        optimizer.step()
    assert best - 1e-3 < model.elbo(x).numpy().mean() < best
    W = model.W.numpy()
    gram = W.T @ W
    assert abs(gram[0, 1]) < 0.02 * gram[0, 0]  # the axes themselves: W's columns are orthogonal
    found = sorted(np.diag(gram) + s2, reverse=True)
    np.testing.assert_allclose(found, eigenvalues[:LATENT_DIM], rtol=0.02)


def test_a_dimension_too_many_collapses():
    """The data is isotropic noise around a line, so the second dimension of z has no information.

    At the optimum E[mu_j^2] + d_j = 1, so the KL of dimension j is -1/2 log d_j, which is
    1/2 log(l_j / s^2). It is 0 for an eigenvalue l_j that is noise.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 1)) * 3 * np.eye(D)[0] + rng.normal(size=(2000, D))
    _, _, s2, eigenvalues = fit_ppca(x)
    mu, log_var = (a.numpy() for a in make_optimal_model(x).encode(x))
    kl = 0.5 * (np.exp(log_var) + mu**2 - 1 - log_var).mean(0)
    np.testing.assert_allclose(kl, 0.5 * np.log(eigenvalues[:LATENT_DIM] / s2), rtol=1e-9)
    assert kl[0] > 1 and kl[1] < 0.05


def test_the_elbo_from_samples_agrees_with_the_exact_one():
    """The losses, put together as for any VAE, give the closed form.

    They do so only if `reparametrize` and the KL agree about the half of log_var.
    """
    x = make_data()[:3]
    model = make_model(seed=2)
    model.log_d.data, model.log_s2.data = np.array([-1.0, 0.7]), np.array(-0.3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)  # exact for a quadratic
    weights = weights / weights.sum()
    mu, log_var = model.encode(x)
    error = 0
    for i, eps1 in enumerate(nodes):
        for j, eps2 in enumerate(nodes):
            eps = np.broadcast_to(np.array([eps1, eps2]), mu.shape)
            x_hat = model.decode(reparametrize(mu, log_var, eps))
            error = error + weights[i] * weights[j] * squared_error(x, x_hat).numpy()
    log_likelihood = -error / (2 * np.exp(-0.3)) - D / 2 * (np.log(2 * np.pi) - 0.3)
    bound = log_likelihood - kl_to_standard_normal(mu, log_var).numpy()
    np.testing.assert_allclose(bound, model.elbo(x).numpy(), rtol=1e-10)


def test_gradients_of_the_elbo():
    x, model = make_data()[:3], make_model(seed=2)

    def bound(*arrays):
        replace_parameters(model, arrays)
        return model.elbo(x)

    check_grads(bound, *[p.data for p in model.parameters()])


@pytest.mark.parametrize("s", [0.1, 0.5, 2.0])
def test_lambda_is_twice_the_variance_of_the_decoder(s):
    """|x - x_hat|^2 + 2 s^2 KL = -2 s^2 (log p(x|z) - KL) + constant.

    log p(x|z) is the density of N(x_hat, s^2 I), computed pixel by pixel.
    """
    model = VAE(latent_dim=2, hidden=5, shape=(1, 3, 3), rng=default_rng(0))
    rng = np.random.default_rng(0)
    x, eps = rng.random((4, 1, 3, 3)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
    with no_grad():
        error, kl = squared_error_and_kl(model, x, eps)
        mu, log_var = model.encode(x)
        x_hat = ops.sigmoid(model.decode(mu + ops.exp(log_var / 2) * eps)).numpy()
    density = np.exp(-((x.astype(float) - x_hat) ** 2) / (2 * s**2)) / np.sqrt(2 * np.pi * s**2)
    bound = np.log(density).sum((1, 2, 3)) - kl.numpy()
    constant = 9 / 2 * np.log(2 * np.pi * s**2)
    objective = (error + 2 * s**2 * kl).numpy()
    np.testing.assert_allclose(objective, -2 * s**2 * (bound + constant), rtol=1e-5)


def test_more_latent_dimensions_than_features_are_refused():
    with pytest.raises(ValueError, match="latent_dim=7"):
        LinearVAE(6, 7, rng=default_rng(0))
