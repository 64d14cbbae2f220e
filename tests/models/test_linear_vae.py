"""The linear VAE against probabilistic PCA's closed form; and the lecture's lambda."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, no_grad, ops, optim
from tinygen.losses import kl_to_standard_normal, reparametrize, squared_error
from tinygen.models.linear_vae import LinearVAE
from tinygen.models.vae import VAE, squared_error_and_kl

D, LATENT = 6, 2


def made():
    """1000 points with a covariance of eigenvalues near 9, 4, 0.5 ... 0.2 about a mean that is not 0."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(D, D)))[0]
    return rng.normal(size=(1000, D)) * np.sqrt([9, 4, 0.5, 0.4, 0.3, 0.2]) @ axes.T + rng.normal(size=D)


def ppca(x, latent):
    """Tipping and Bishop's maximum: W, m, s^2, and the mean log-likelihood there."""
    m = x.mean(0)
    covariance = (x - m).T @ (x - m) / len(x)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    s2 = values[latent:].mean()
    W = vectors[:, :latent] * np.sqrt(values[:latent] - s2)
    C = W @ W.T + s2 * np.eye(D)
    return W, m, s2, log_density(x, m, C).mean(), values


def log_density(x, m, C):
    d = x - m
    return -0.5 * (np.einsum("ni,ij,nj->n", d, np.linalg.inv(C), d) + np.linalg.slogdet(C)[1] + D * np.log(2 * np.pi))


def at_the_optimum(x, rotation=0.0):
    W, m, s2, *_ = ppca(x, LATENT)
    c, s = np.cos(rotation), np.sin(rotation)
    W = W @ np.array([[c, -s], [s, c]])
    M = W.T @ W + s2 * np.eye(LATENT)
    model = LinearVAE(D, LATENT, rng=default_rng(0), dtype=np.float64)
    model.W.data, model.m.data, model.log_s2.data = W, m, np.array(np.log(s2))
    model.V.data = np.linalg.solve(M, W.T)
    model.log_d.data = -np.log(np.diag(M) / s2)  # the best diagonal: the precision's
    return model


def test_at_the_optimum_the_elbo_is_the_log_likelihood():
    x = made()
    W, m, s2, best, _ = ppca(x, LATENT)
    model = at_the_optimum(x)
    np.testing.assert_allclose(model.elbo(x).numpy(), log_density(x, m, W @ W.T + s2 * np.eye(D)), rtol=0, atol=1e-8)  # at every x, not only in the mean
    model.elbo(x).mean().backward()
    for name, p in model.named_parameters():
        assert np.abs(p.grad.numpy()).max() < 1e-8, name  # and nothing raises it further
    assert abs(model.elbo(x).numpy().mean() - best) < 1e-8


def test_a_rotation_has_the_same_likelihood_and_a_lower_bound():
    x = made()
    _, m, s2, best, _ = ppca(x, LATENT)
    turned = at_the_optimum(x, 0.5)
    C = turned.W.numpy() @ turned.W.numpy().T + s2 * np.eye(D)
    np.testing.assert_allclose(log_density(x, m, C).mean(), best)
    assert turned.elbo(x).numpy().mean() < best - 0.01


def test_the_gap_is_the_divergence_to_the_posterior():
    """Anywhere, not only at the optimum: log p(x) = ELBO + KL(q || p(z|x))."""
    x = made()[:20]
    model = LinearVAE(D, LATENT, rng=default_rng(3), dtype=np.float64)
    model.log_d.data, model.log_s2.data = np.array([-0.4, 0.3]), np.array(0.2)
    W, m, s2 = model.W.numpy(), model.m.numpy(), np.exp(0.2)
    M = W.T @ W + s2 * np.eye(LATENT)
    mean, covariance = (x - m) @ W @ np.linalg.inv(M).T, s2 * np.linalg.inv(M)
    mu, d = model.encode(x)[0].numpy() - mean, np.diag(np.exp(model.log_d.numpy()))
    inverse = np.linalg.inv(covariance)
    logs = np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(d)[1]
    gap = 0.5 * (np.trace(inverse @ d) + np.einsum("ni,ij,nj->n", mu, inverse, mu) - LATENT + logs)
    np.testing.assert_allclose(model.elbo(x).numpy() + gap, log_density(x, m, W @ W.T + s2 * np.eye(D)), rtol=1e-10)


def test_training_from_random_weights_finds_the_principal_axes():
    x = made()
    _, _, s2, best, values = ppca(x, LATENT)
    model = LinearVAE(D, LATENT, rng=default_rng(0), dtype=np.float64)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for step in range(500):
        optimizer.zero_grad()
        (-model.elbo(x).mean()).backward()
        optimizer.lr = 0.05 * optim.cosine_decay(step, steps=500)
        optimizer.step()
    assert best - 1e-3 < model.elbo(x).numpy().mean() < best
    W = model.W.numpy()
    gram = W.T @ W
    assert abs(gram[0, 1]) < 0.02 * gram[0, 0]  # the axes themselves: W's columns are orthogonal
    np.testing.assert_allclose(sorted(np.diag(gram) + s2)[::-1], values[:LATENT], rtol=0.02)


def test_a_dimension_too_many_collapses():
    """Isotropic noise about a line: the second dimension has nothing to say. At the optimum E mu_j^2 + d_j = 1, so dimension j costs -1/2 log d_j =
    1/2 log(l_j / s^2): nothing for an eigenvalue that is noise."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2000, 1)) * 3 * np.eye(D)[0] + rng.normal(size=(2000, D))
    _, _, s2, _, values = ppca(x, LATENT)
    mu, log_var = (a.numpy() for a in at_the_optimum(x).encode(x))
    kl = 0.5 * (np.exp(log_var) + mu**2 - 1 - log_var).mean(0)
    np.testing.assert_allclose(kl, 0.5 * np.log(values[:LATENT] / s2), rtol=1e-9)
    assert kl[0] > 1 and kl[1] < 0.05


def test_the_drawn_bound_agrees_with_the_exact_one():
    """losses.squared_error, kl_to_standard_normal and reparametrize put together as for any VAE, against the closed form: with the half of log_var or without matters."""
    x = made()[:3]
    model = LinearVAE(D, LATENT, rng=default_rng(2), dtype=np.float64)
    model.log_d.data, model.log_s2.data = np.array([-1.0, 0.7]), np.array(-0.3)
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)  # exact for a quadratic
    weights = weights / weights.sum()
    mu, log_var = model.encode(x)
    total = 0
    for i, a in enumerate(nodes):
        for j, b in enumerate(nodes):
            z = reparametrize(mu, log_var, np.broadcast_to(np.array([a, b]), mu.shape))
            total = total + weights[i] * weights[j] * squared_error(x, model.decode(z)).numpy()
    bound = -total / (2 * np.exp(-0.3)) - D / 2 * (np.log(2 * np.pi) - 0.3) - kl_to_standard_normal(mu, log_var).numpy()
    np.testing.assert_allclose(bound, model.elbo(x).numpy(), rtol=1e-10)


def test_gradients():
    x = made()[:3]
    model = LinearVAE(D, LATENT, rng=default_rng(2), dtype=np.float64)
    names = [name for name, _ in model.named_parameters()]

    def bound(*arrays):
        model.__dict__.update(zip(names, arrays, strict=True))
        return model.elbo(x)

    check_grads(bound, *[p.data for p in model.parameters()])


@pytest.mark.parametrize("s", [0.1, 0.5, 2.0])
def test_lambda_is_twice_the_decoders_variance(s):
    """|x - x_hat|^2 + 2 s^2 KL is -2 s^2 (log p(x|z) - KL) + a constant, log p the density of N(x_hat, s^2 I) written out pixel by pixel."""
    model = VAE(latent_dim=2, hidden=5, shape=(1, 3, 3), rng=default_rng(0))
    rng = np.random.default_rng(0)
    x, eps = rng.random((4, 1, 3, 3)).astype(np.float32), rng.normal(size=(4, 2)).astype(np.float32)
    with no_grad():
        mse, kl = squared_error_and_kl(model, x, eps)
        mu, log_var = model.encode(x)
        x_hat = ops.sigmoid(model.decode(mu + ops.exp(log_var / 2) * eps)).numpy()
    log_p = np.log(np.exp(-((x.astype(float) - x_hat) ** 2) / (2 * s**2)) / np.sqrt(2 * np.pi * s**2)).sum((1, 2, 3))
    bound = log_p - kl.numpy()
    constant = 9 / 2 * np.log(2 * np.pi * s**2)
    np.testing.assert_allclose((mse + 2 * s**2 * kl).numpy(), -2 * s**2 * (bound + constant), rtol=1e-5)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="latent_dim=7"):
        LinearVAE(6, 7, rng=default_rng(0))
