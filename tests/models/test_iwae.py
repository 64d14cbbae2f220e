"""IWAE against a VAE whose evidence is known: in one latent dimension it is an integral."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, grad, losses, optim, tensor
from tinygen.models.iwae import estimate_log_likelihood, log_weights, resample
from tinygen.models.vae import VAE, elbo

from .vae_helpers import integrate, log_joint, make_small_vae, replace_parameters


def make_batch(k, n=3):
    """Return n binary images and the noise of k samples for each."""
    rng = np.random.default_rng(0)
    return (rng.random((n, 1, 2, 3)) < 0.5).astype(float), rng.normal(size=(k, n, 1))


def test_one_sample_has_the_elbo_as_its_mean():
    """The KL is estimated in one and exact in the other: the means over eps agree.

    So do the means of the gradients.
    """
    model, (x, _) = make_small_vae(), make_batch(k=1)
    eps = np.linspace(-9, 9, 4001)
    weights = np.exp(-(eps**2) / 2) / np.exp(-(eps**2) / 2).sum()
    repeated_eps = np.broadcast_to(eps[:, None, None], (4001, 3, 1))
    log_w = log_weights(model, x, repeated_eps)  # at k = 1, log w is the bound itself
    estimated = (log_w * weights[:, None]).sum(axis=0)
    bounds, _ = elbo(model, np.repeat(x, 4001, 0), np.tile(eps, 3)[:, None])
    exact = bounds.reshape(3, 4001) @ weights
    np.testing.assert_allclose(estimated.numpy(), exact.numpy(), rtol=1e-9)
    for p in model.parameters():
        of_estimated = grad(estimated.sum(), p, retain_graph=True)[0].numpy()
        of_exact = grad(exact.sum(), p, retain_graph=True)[0].numpy()
        np.testing.assert_allclose(of_estimated, of_exact, atol=1e-9)


def test_gradients_of_the_bound():
    model, (x, eps) = make_small_vae(), make_batch(k=4)

    def bound(*arrays):
        replace_parameters(model, arrays)
        return losses.iwae_bound(log_weights(model, x, eps))

    check_grads(bound, *[p.data for p in model.parameters()], order=1)


NUM_REPEATS = 20_000


@pytest.fixture(scope="module")
def resampled():
    """The same image with the same four samples, resampled 20,000 times."""
    model, (x, eps) = make_small_vae(), make_batch(k=4, n=1)
    eps = 0.05 * eps  # close together, so that no sample has nearly all the weight
    repeated_x, repeated_eps = np.repeat(x, NUM_REPEATS, 0), np.repeat(eps, NUM_REPEATS, 1)
    bound, chosen = resample(model, repeated_x, repeated_eps, rng=default_rng(0))
    log_w = log_weights(model, x, eps).numpy()
    weights = np.exp(log_w - log_w.max())[:, 0]
    weights /= weights.sum()
    return model, x, eps, bound, chosen, weights


def test_resample_returns_the_bound_of_all_samples(resampled):
    model, x, eps, bound, _, _ = resampled
    expected = losses.iwae_bound(log_weights(model, x, eps)).numpy()
    np.testing.assert_allclose(bound, np.repeat(expected, NUM_REPEATS), rtol=1e-12)


def test_each_sample_is_chosen_as_often_as_its_weight_says(resampled):
    _, _, eps, _, chosen, weights = resampled
    counts = (chosen[0] == eps[:, 0].T).sum(axis=0)
    assert counts.sum() == NUM_REPEATS and (weights > 0.01).all()
    standard_errors = (weights * (1 - weights) / NUM_REPEATS) ** 0.5
    assert (np.abs(counts / NUM_REPEATS - weights) < 4 * standard_errors + 1e-12).all()


def test_the_mean_gradient_of_resampled_weights_is_that_of_the_bound(resampled):
    model, x, eps, _, chosen, weights = resampled
    parameters = list(model.parameters())
    exact = grad(losses.iwae_bound(log_weights(model, x, eps)).sum(), parameters)
    repeated_x = np.repeat(x, NUM_REPEATS, 0)
    mean = grad(log_weights(model, repeated_x, chosen).mean(), parameters)
    of_each_sample = [
        grad(log_weights(model, x, eps[i : i + 1]).sum(), parameters) for i in range(4)
    ]
    for p, (g_exact, g_mean) in enumerate(zip(exact, mean, strict=True)):
        variance = sum(
            weight * (gradients[p].numpy() - g_exact.numpy()) ** 2
            for weight, gradients in zip(weights, of_each_sample, strict=True)
        )
        standard_error = np.sqrt(variance / NUM_REPEATS)
        deviation = np.abs(g_mean.numpy() - g_exact.numpy())
        assert (deviation <= 4.5 * standard_error + 1e-9).all()


def test_the_bound_tends_to_the_evidence():
    """Compare 50,000 samples, in batches, with quadrature over the one latent dimension."""
    model, (x, _) = make_small_vae(), make_batch(k=1)
    for layer in (model.to_mu, model.to_log_var):  # q = prior: a loose bound, but even weights
        layer.weight.data, layer.bias.data = 0 * layer.weight.data, 0 * layer.bias.data
    z = np.linspace(-12, 12, 6001)
    truth = [np.log(integrate(np.exp(log_joint(model, image, z)), z)) for image in x]
    bounds = elbo(model, x, np.zeros((3, 1)))[0].numpy()
    assert np.abs(bounds - truth).max() > 0.1  # the ELBO itself would not pass
    for max_batch in (100_000, 20_000, 7000):
        estimate = estimate_log_likelihood(
            model, x, 50_000, rng=default_rng(0), max_batch=max_batch
        )
        np.testing.assert_allclose(estimate.values, truth, atol=0.02)
        np.testing.assert_allclose(estimate.mean, np.mean(truth), atol=0.02)
        standard_error = np.std(estimate.values, ddof=1) / 3**0.5
        np.testing.assert_allclose(estimate.standard_error, standard_error)


def test_the_estimate_of_one_image_has_standard_error_0():
    model, (x, _) = make_small_vae(), make_batch(k=1)
    estimate = estimate_log_likelihood(model, x[:1], 3, rng=default_rng(0))
    assert estimate.values.shape == (1,) and estimate.standard_error == 0


def test_it_learns_two_images():
    """Two equally likely images have log p(x) of at most log 1/2.

    The bound comes closer to it than the ELBO.
    """
    rng = default_rng(0)
    model = VAE(latent_dim=1, hidden=32, shape=(1, 4, 4), rng=rng)
    images = np.stack([np.eye(4), 1 - np.eye(4)]).astype(np.float32)[:, None]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(400):
        x = images[rng.integers(0, 2, (32,))]
        log_w = log_weights(model, x, rng.normal((10, 32, 1)))
        loss = -losses.iwae_bound(log_w).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    log_p = estimate_log_likelihood(model, images, 5000, rng=default_rng(1)).mean
    bound = elbo(model, np.repeat(images, 500, 0), rng.normal((1000, 1)))[0].numpy().mean()
    assert np.log(0.5) - 0.2 < log_p < np.log(0.5) + 0.01 and bound < log_p - 0.05


def test_shapes_and_precision_with_two_hidden_layers():
    model = VAE(latent_dim=2, hidden=[5, 3], shape=(1, 2, 2), rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        *[(5, 4), (5,), (3, 5), (3,)],
        *[(2, 3), (2,)],
        *[(2, 3), (2,)],
        *[(3, 2), (3,), (5, 3), (5,)],
        *[(4, 5), (4,)],
    ]
    x, eps = np.ones((3, 1, 2, 2), np.float32), np.zeros((6, 3, 2), np.float32)
    log_w = log_weights(model, tensor(x), eps)
    assert log_w.shape == (6, 3) and log_w.dtype == np.float32
    losses.iwae_bound(log_w).mean().backward()
    assert all(p.grad.dtype == np.float32 for p in model.parameters())


def test_arguments_that_do_not_fit_are_refused():
    model = VAE(latent_dim=2, hidden=3, shape=(1, 2, 2), rng=default_rng(0))
    x, eps = np.ones((3, 1, 2, 2), np.float32), np.zeros((6, 3, 2), np.float32)
    with pytest.raises(ValueError, match=r"log_weights: eps \(3, 2\)"):
        log_weights(model, x, eps[0])
    with pytest.raises(ValueError, match="k >= 1"):
        resample(model, x, eps[:0], rng=default_rng(0))
    with pytest.raises(ValueError, match="3 images"):
        log_weights(model, x, eps[:, :2])
    with pytest.raises(ValueError, match="estimate_log_likelihood"):
        estimate_log_likelihood(model, x[:0], rng=default_rng(0))
