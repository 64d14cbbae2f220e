"""The importance-weighted bound against exact values: a Gaussian whose evidence is known, and a VAE whose evidence is an integral."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, grad, losses, optim, tensor
from tinygen.models.iwae import log_likelihood, log_weights, resample
from tinygen.models.vae import VAE, elbo

from .test_vae import small

LOG_P = -0.5 * np.log(2 * np.pi * 2) - 2**2 / 4  # x = 2 under N(0, 2): -2.2655


def toy(z):
    """x = 2, x|z ~ N(z, 1), q = the prior: log w = log p(x|z)."""
    return -0.5 * np.log(2 * np.pi) - (2 - z) ** 2 / 2


def exact(k):
    """E log 1/k sum w_i, from log s = integral of (e^-t - e^-ts) / t over t > 0: in the mean, (e^-t - phi(t)^k) / t with phi(t) = E e^-tw. t = e^u."""
    z = np.linspace(-12, 12, 4001)
    p = np.exp(-(z**2) / 2)
    u = np.linspace(-40, 80, 3001)
    phi = np.exp(-np.exp(u)[:, None] * np.exp(toy(z))) @ (p / p.sum())
    return (np.exp(-np.exp(u)) - phi**k).sum() * (u[1] - u[0]) - np.log(k)


def test_the_exact_bounds_are_what_is_known():
    np.testing.assert_allclose(exact(1), -0.5 * np.log(2 * np.pi) - 2.5, atol=1e-9)  # E log w = E log p(x|z), for E (2 - z)^2 = 5
    bounds = [exact(k) for k in (1, 2, 5, 50, 500)]
    assert (np.diff([*bounds, LOG_P]) > 0).all()
    np.testing.assert_allclose(bounds, [-3.41894, -2.75790, -2.42216, -2.27827, -2.26676], atol=1e-5)


@pytest.mark.parametrize("k, repeats", [(1, 400_000), (5, 200_000), (50, 20_000)])
def test_the_bound_is_what_its_integral_says(k, repeats):
    bounds = losses.iwae_bound(toy(np.random.default_rng(k).standard_normal((k, repeats))))
    error = bounds.std() / repeats**0.5
    assert error < 0.004 and abs(bounds.mean() - exact(k)) < 4 * error


def test_the_gradient_is_the_normalised_weights():
    log_w = tensor(np.random.default_rng(0).normal(-100, 3, (7, 3)).astype(np.float32), requires_grad=True)
    m = grad(losses.iwae_bound(log_w).sum(), log_w).numpy()
    w = np.exp(log_w.numpy().astype(np.float64) + 100)
    np.testing.assert_allclose(m, w / w.sum(0), rtol=1e-5)
    far = tensor(np.array([[-1e4], [-2e4], [-1e4]], np.float32), requires_grad=True)
    bound = losses.iwae_bound(far)
    np.testing.assert_allclose(bound.numpy(), -1e4 + np.log(2 / 3), rtol=1e-6)
    np.testing.assert_allclose(grad(bound.sum(), far).numpy(), [[0.5], [0], [0.5]])


def test_a_picture_that_no_draw_explains_has_minus_infinity():
    assert losses.iwae_bound(np.full((3, 1), -np.inf)).tolist() == [-np.inf]
    assert losses.iwae_bound(np.zeros((2, 0))).shape == (0,)


def test_the_gradient_holds_no_denormal_number():
    """Times a network's derivatives they would be denormal numbers, and the backward pass many times slower."""
    log_w = tensor(np.linspace(-200, 0, 400, dtype=np.float32)[:, None], requires_grad=True)
    m = grad(losses.iwae_bound(log_w).sum(), log_w).numpy()
    assert ((m == 0) | (m > 1e-21)).all() and 0 < (m == 0).sum() < 400
    np.testing.assert_allclose(m.sum(), 1, rtol=1e-6)


def batch(k, n=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n, 1, 2, 3)) < 0.5).astype(float), rng.normal(size=(k, n, 1))


def test_one_sample_is_the_elbo_in_the_mean():
    """The same draw gives log p(x|z) to both; the KL is exact in one and drawn in the other, so over draws they agree, and so do their gradients."""
    model, (x, _) = small(), batch(1)
    eps = np.linspace(-9, 9, 4001)
    weights = np.exp(-(eps**2) / 2) / np.exp(-(eps**2) / 2).sum()
    every = np.broadcast_to(eps[:, None, None], (4001, 3, 1))
    one = (log_weights(model, x, every) * weights[:, None]).sum(axis=0)  # k = 1: the bound is log w itself
    many = elbo(model, np.repeat(x, 4001, 0), np.tile(eps, 3)[:, None])[0].reshape(3, 4001) @ weights
    np.testing.assert_allclose(one.numpy(), many.numpy(), rtol=1e-9)
    for parameter in model.parameters():
        a, b = grad(one.sum(), parameter, retain_graph=True).numpy(), grad(many.sum(), parameter, retain_graph=True).numpy()
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_gradients():
    model, (x, eps) = small(), batch(4)
    names = [name for name, _ in model.named_parameters()]

    def bound(*arrays):
        for name, a in zip(names, arrays, strict=True):
            *path, last = name.split(".")
            owner = model
            for part in path:
                owner = getattr(owner, part)
            owner.__dict__[last] = a
        return losses.iwae_bound(log_weights(model, x, eps))

    check_grads(bound, *[p.data for p in model.parameters()], order=1)


def test_one_draw_chosen_by_its_share_has_the_same_gradient_in_the_mean():
    """The same picture and the same four draws 20,000 times: each is chosen as often as its share says, and the gradients' mean is the bound's gradient."""
    model, (x, eps), n = small(), batch(4, n=1), 20_000
    eps = 0.05 * eps  # near each other, so that no draw takes all
    bound, chosen = resample(model, np.repeat(x, n, 0), np.repeat(eps, n, 1), rng=default_rng(0))
    log_w = log_weights(model, x, eps)
    np.testing.assert_allclose(bound, np.repeat(losses.iwae_bound(log_w).numpy(), n), rtol=1e-12)
    shares = np.exp(log_w.numpy() - log_w.numpy().max())[:, 0]
    shares /= shares.sum()
    counts = (chosen[0] == eps[:, 0].T).sum(axis=0)
    assert counts.sum() == n and (shares > 0.01).all()
    assert (np.abs(counts / n - shares) < 4 * (shares * (1 - shares) / n) ** 0.5 + 1e-12).all()
    parameters = list(model.parameters())
    exact = grad(losses.iwae_bound(log_w).sum(), parameters)
    mean = grad(log_weights(model, np.repeat(x, n, 0), chosen).mean(), parameters)
    each = [grad(log_weights(model, x, eps[i : i + 1]).sum(), parameters) for i in range(4)]
    for p, (a, b) in enumerate(zip(exact, mean, strict=True)):
        spread = np.sqrt(sum(m * (g[p].numpy() - a.numpy()) ** 2 for m, g in zip(shares, each, strict=True)) / n)
        assert (np.abs(b.numpy() - a.numpy()) <= 4.5 * spread + 1e-9).all()


def test_it_tends_to_the_evidence():
    """log p(x) by quadrature over the one latent dimension, against 5000 samples, in whatever chunks."""
    model, (x, _) = small(), batch(1)
    for head in (model.to_mu, model.to_log_var):  # q = the prior: no bound to be proud of, but its weights' variance is small
        head.weight.data, head.bias.data = 0 * head.weight.data, 0 * head.bias.data
    z = np.linspace(-12, 12, 6001)
    logits = model.decode(z[:, None]).numpy()
    log_prior = -(z**2) / 2 - np.log(2 * np.pi) / 2
    truth = [np.log(np.exp(log_prior - np.logaddexp(0, (1 - 2 * a) * logits).sum((1, 2, 3))).sum() * (z[1] - z[0])) for a in x]
    bounds = elbo(model, x, np.zeros((3, 1)))[0].numpy()
    for rows in (100_000, 20_000, 7000):
        estimate = log_likelihood(model, x, 50_000, rng=default_rng(0), rows=rows)
        np.testing.assert_allclose(estimate.each, truth, atol=0.02)
        assert np.abs(bounds - truth).max() > 0.1  # the ELBO itself would not pass
        np.testing.assert_allclose(estimate.mean, np.mean(truth), atol=0.02)
        np.testing.assert_allclose(estimate.standard_error, np.std(estimate.each, ddof=1) / 3**0.5)
    one = log_likelihood(model, x[:1], 3, rng=default_rng(0))
    assert one.each.shape == (1,) and one.standard_error == 0


def test_it_learns_what_there_is_to_learn():
    """Two equally likely pictures: log p(x) is at most log 1/2. The bound gets nearer to it than the ELBO, which pays for each code's cloud."""
    rng = default_rng(0)
    model = VAE(latent_dim=1, hidden=32, shape=(1, 4, 4), rng=rng)
    pictures = np.stack([np.eye(4), 1 - np.eye(4)]).astype(np.float32)[:, None]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(400):
        x = pictures[rng.integers(0, 2, (32,))]
        loss = -losses.iwae_bound(log_weights(model, x, rng.normal((10, 32, 1)))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    reached = log_likelihood(model, pictures, 5000, rng=default_rng(1)).mean
    bound = elbo(model, np.repeat(pictures, 500, 0), rng.normal((1000, 1)))[0].numpy().mean()
    assert np.log(0.5) - 0.2 < reached < np.log(0.5) + 0.01 and bound < reached - 0.05


def test_shapes_precision_and_errors():
    model = VAE(latent_dim=2, hidden=[5, 3], shape=(1, 2, 2), rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        (5, 4), (5,), (3, 5), (3,), (2, 3), (2,), (2, 3), (2,), (3, 2), (3,), (5, 3), (5,), (4, 5), (4,),
    ]  # fmt: skip
    x, eps = np.ones((3, 1, 2, 2), np.float32), np.zeros((6, 3, 2), np.float32)
    log_w = log_weights(model, tensor(x), eps)
    assert log_w.shape == (6, 3) and log_w.dtype == np.float32
    losses.iwae_bound(log_w).mean().backward()
    assert all(p.grad.dtype == np.float32 for p in model.parameters())
    with pytest.raises(ValueError, match=r"log_weights: eps \(3, 2\)"):
        log_weights(model, x, eps[0])
    with pytest.raises(ValueError, match="k >= 1"):
        resample(model, x, eps[:0], rng=default_rng(0))
    with pytest.raises(ValueError, match="3 pictures"):
        log_weights(model, x, eps[:, :2])
    with pytest.raises(ValueError, match="iwae_bound"):
        losses.iwae_bound(np.zeros(3))
    with pytest.raises(ValueError, match="log_likelihood"):
        log_likelihood(model, x[:0], rng=default_rng(0))
