"""The VAE against exact inference: in one latent dimension it is an integral over a grid of z."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, grad, no_grad, ops, optim, tensor
from tinygen.backend import to_device_of
from tinygen.models.mixture import GaussianMixture
from tinygen.models.vae import VAE, elbo, elbo_of_prior

from .vae_helpers import integrate, log_joint, make_small_vae, replace_parameters

IMAGES = np.array([[1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1.0]]).reshape(2, 1, 2, 3)


@pytest.mark.parametrize("image", IMAGES)
def test_log_likelihood_is_the_elbo_plus_the_gap(image):
    """Compute all terms of log p(x) = ELBO + KL(q(z|x) || p(z|x)) by quadrature over z."""
    model = make_small_vae()
    z = np.linspace(-12, 12, 6001)
    log_p_joint = log_joint(model, image, z)
    log_evidence = np.log(integrate(np.exp(log_p_joint), z))
    mu, log_var = (a.numpy()[0, 0] for a in model.encode(image[None]))
    log_q = -((z - mu) ** 2) / (2 * np.exp(log_var)) - (log_var + np.log(2 * np.pi)) / 2
    gap = integrate(np.exp(log_q) * (log_q - log_p_joint + log_evidence), z)

    bound = mean_over_eps(lambda e: elbo(model, np.repeat(image[None], len(e), 0), e)[0].numpy())
    kls = elbo(model, image[None], np.zeros((1, 1)))[1]
    assert gap > 0.01  # or the test would not notice a missing gap
    np.testing.assert_allclose(bound + gap, log_evidence, atol=1e-6)

    log_prior = -(z**2) / 2 - np.log(2 * np.pi) / 2
    kl = integrate(np.exp(log_q) * (log_q - log_prior), z)
    np.testing.assert_allclose(kls.numpy(), kl, atol=1e-6)


def mean_over_eps(f):
    """Return the mean of f(eps) over eps from N(0, 1), by quadrature."""
    eps = np.linspace(-9, 9, 20_001)
    weights = np.exp(-(eps**2) / 2)
    return (f(eps[:, None]) * weights).sum() / weights.sum()


@pytest.mark.parametrize("image", IMAGES)
def test_elbo_of_another_prior_is_below_its_log_likelihood_by_the_gap(image):
    """Compute log p(x) = ELBO + KL(q(z|x) || p(z|x)) by quadrature, where p(z) has two modes."""
    model = make_small_vae()
    mixture = GaussianMixture(np.array([[-2.0], [-1.0], [1.0], [3.0]]), 2, rng=default_rng(0))
    z = np.linspace(-12, 12, 6001)
    log_standard_normal = -(z**2) / 2 - np.log(2 * np.pi) / 2
    log_p_joint = log_joint(model, image, z) - log_standard_normal + mixture.log_prob(z[:, None])
    log_evidence = np.log(integrate(np.exp(log_p_joint), z))
    mu, log_var = (a.numpy()[0, 0] for a in model.encode(image[None]))
    log_q = -((z - mu) ** 2) / (2 * np.exp(log_var)) - (log_var + np.log(2 * np.pi)) / 2
    gap = integrate(np.exp(log_q) * (log_q - log_p_joint + log_evidence), z)

    def bound(eps):
        return elbo_of_prior(model, mixture.log_prob, np.repeat(image[None], len(eps), 0), eps)

    assert gap > 0.01
    np.testing.assert_allclose(mean_over_eps(bound) + gap, log_evidence, atol=1e-6)


def test_elbo_of_the_standard_normal_prior_is_the_elbo():
    model = make_small_vae()

    def difference(eps):
        x = np.repeat(IMAGES[:1], len(eps), 0)
        log_prior = lambda z: -0.5 * (z * z + np.log(2 * np.pi)).sum(axis=1)  # noqa: E731
        return elbo_of_prior(model, log_prior, x, eps) - elbo(model, x, eps)[0].numpy()

    np.testing.assert_allclose(mean_over_eps(difference), 0, atol=1e-6)


def test_the_best_prior_is_the_distribution_of_the_codes():
    """For two images with equal frequency it is the mixture of their two q(z|x)."""
    model = make_small_vae()
    mu, log_var = (a.numpy()[:, 0] for a in model.encode(IMAGES))

    def mean_bound(means, variances):
        def log_prior(z):  # on the device of the model
            m, v = to_device_of(means, z), to_device_of(variances, z)
            log_p = -((z - m) ** 2) / (2 * v) - np.log(2 * np.pi * v) / 2
            return np.log(np.exp(log_p).mean(axis=1))

        bounds = [
            mean_over_eps(
                lambda e: elbo_of_prior(model, log_prior, np.repeat(x[None], len(e), 0), e)
            )
            for x in IMAGES
        ]
        return np.mean(bounds)

    best = mean_bound(mu, np.exp(log_var))
    for shift in (-0.1, 0.1):
        assert mean_bound(mu + np.array([shift, 0]), np.exp(log_var)) < best
        assert mean_bound(mu, np.exp(log_var + np.array([0, shift]))) < best


def test_gradients_of_the_elbo():
    model = make_small_vae(latent_dim=2)
    rng = np.random.default_rng(0)
    x, eps = (rng.random((3, 1, 2, 3)) < 0.5).astype(float), rng.normal(size=(3, 2))

    def bound(*arrays):
        replace_parameters(model, arrays)
        return elbo(model, x, eps)[0]

    check_grads(bound, *[p.data for p in model.parameters()], order=1)


def test_gradients_pass_through_the_sample():
    """Since z moves with mu and sigma, neither layer has only the gradient of the KL."""
    model = make_small_vae()
    x, eps = np.ones((1, 1, 2, 3)), np.array([[0.7]])
    bound, kl = elbo(model, x, eps)
    for layer in (model.to_mu, model.to_log_var):
        of_bound = grad(bound.sum(), layer.weight, retain_graph=True)[0].numpy()
        of_kl = grad(-kl.sum(), layer.weight, retain_graph=True)[0].numpy()
        assert np.abs(of_bound - of_kl).max() > 1e-3


def test_shapes_and_precision():
    model = VAE(rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        *[(400, 784), (400,)],
        *[(20, 400), (20,)],
        *[(20, 400), (20,)],
        *[(400, 20), (400,)],
        *[(784, 400), (784,)],
    ]
    for n in (0, 1, 5):
        x = np.zeros((n, 1, 28, 28), np.float32)
        bound, kl = elbo(model, x, np.zeros((n, 20), np.float32))
        assert bound.shape == kl.shape == (n,) and bound.dtype == np.float32
    bound.mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())
    with no_grad():
        assert model.decode(np.zeros((3, 20), np.float32)).shape == (3, 1, 28, 28)


def test_batches_that_do_not_fit_are_refused():
    model = VAE(latent_dim=4, hidden=8, shape=(1, 4, 4), rng=default_rng(0))
    with pytest.raises(ValueError, match="eps"):
        elbo(model, np.zeros((2, 1, 4, 4), np.float32), np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError, match="images are"):
        elbo(model, np.zeros((2, 1, 5, 5), np.float32), np.zeros((2, 4), np.float32))


def test_hidden_is_a_number_or_a_sequence_that_is_not_empty():
    with pytest.raises(ValueError, match="hidden is empty"):
        VAE(2, [], rng=default_rng(0))
    model = VAE(2, np.int64(3), (1, 2, 2), rng=default_rng(0))
    assert model.to_mu.weight.shape == (2, 3)


def test_it_learns_two_images():
    """Two equally likely images have log p(x) of at most log 1/2, one bit.

    Two distributions q that hardly overlap cost 0.5 nats more (mu = +-1.2, sigma = 0.4).
    """
    rng = default_rng(0)
    model = VAE(latent_dim=1, hidden=32, shape=(1, 4, 4), rng=rng)
    images = np.stack([np.eye(4), 1 - np.eye(4)]).astype(np.float32)[:, None]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(600):
        x = images[rng.integers(0, 2, (64,))]
        loss = -elbo(model, tensor(x), rng.normal((64, 1)))[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        x = np.repeat(images, 2000, 0)
        bound = elbo(model, x, rng.normal((4000, 1)))[0].numpy().mean()
        mu, _ = model.encode(images)
        reconstructions = ops.sigmoid(model.decode(mu)).numpy()
    assert -1.4 < bound < np.log(0.5)  # a model that ignores z reaches -11
    np.testing.assert_allclose(reconstructions, images, atol=0.05)


def test_the_initial_weights_let_the_signal_pass():
    """With PyTorch's default, five layers leave a thousandth of the code's power in the logits."""
    rng = default_rng(0)
    model = VAE(20, [400, 400], rng=rng)
    logits = model.decode(rng.normal((100, 20))).numpy()
    assert 0.5 < (logits**2).mean() < 2
