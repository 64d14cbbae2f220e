"""Functions of models and metrics, with arguments, for test_device_functions.py."""

from __future__ import annotations

import numpy as np

from tests.device_function_cases import Case, normal
from tinygen import metrics, nn
from tinygen.backend import to_numpy
from tinygen.data import binarize
from tinygen.metrics import evaluators
from tinygen.models import autoencoder, cyclegan, gaussian, iwae, kmeans, mixture, ppca, vae, vqvae
from tinygen.models.diffusion import (
    exact,
    guidance,
    likelihood,
    objectives,
    posterior,
    samplers,
    schedules,
)

X, POINTS = normal(4, 3), normal(30, 3, dtype=np.float64)
IMAGES = np.abs(normal(3, 1, 8, 8)).clip(0, 1)


def _pool(rng, x, with_state=False):
    pool = cyclegan.ImagePool((1, 8, 8), 4, rng=rng)
    outputs = [pool.query(x), pool.query(x[:2] + 1), pool.query(x + 2), pool.query(x + 3)]
    if with_state:
        state = pool.state_dict()
        pool.load_state_dict({**state, "images": to_numpy(state["images"])})
    return *outputs, pool.images


def _mixture(rng, x, covariance_type="full"):
    model = mixture.GaussianMixture(x, 2, covariance_type=covariance_type, rng=rng)
    log_p = model.em_step(x)
    samples = model.sample(6, rng)
    return log_p, model.log_prob(x), model.responsibilities(x), model.weights, *samples


def _gaussian(rng, x):
    model = gaussian.Gaussian.fit(x, noise_variance=0.1)
    few = gaussian.Gaussian.fit(x[:3], noise_variance=0.1)
    return model.covariance, model.sample(4, rng), model.log_prob(x), few.log_prob(x)


def _ppca(rng, x):
    model = ppca.PPCA.fit(x, 1)
    return model.log_prob(x), model.sample(3, rng), *model.posterior(x), model.decode(x[:, :1])


def _vae(rng, x):
    model = vae.VAE(2, 6, (1, 8, 8), mean=x.mean(axis=0), rng=rng)
    eps = rng.normal((3, 3, 2))
    bound, chosen = iwae.resample(model, x, eps, rng=rng)
    estimate = iwae.estimate_log_likelihood(model, to_numpy(x), 4, rng=rng, max_batch=6)
    return bound, chosen, estimate.mean


def _restart(rng, x):
    model = vqvae.VectorQuantizer(5, 2, rng=rng)
    model(x), model(x)
    return model.restart_dead_codes(x, 0, rng), model.weight, model.steps_unused


def _exact(rng, x):
    parts = rng.uniform((2,)) * 0 + 0.5, rng.normal((2, 3)), rng.uniform((2,)) + 0.1
    model = exact.ExactMixture(*parts)
    return model, [model.sample(4, rng), model.log_density(x, 0.3), model.score(x, 0.3)]


def _samplers(rng, x):
    model, results = _exact(rng, x)
    times = [1.5, 0.8, 0.3, 0.0]
    for sampler in (
        samplers.ddim,
        samplers.euler,
        samplers.heun,
        samplers.rk4,
        samplers.dpm_solver,
    ):
        results.append(sampler(model.denoise, x, times))
    results.append(samplers.ancestral(model.denoise, x, times, variance_weight=0.5, rng=rng))
    results.append(samplers.ddim(model.denoise, x, times, eta=0.5, rng=rng))
    results.append(samplers.edm(model.denoise, x, times, gamma=0.3, rng=rng))
    keep = samplers.inpainting(x, (x > 0).astype(x.dtype), rng=rng)
    results.append(samplers.ddim(model.denoise, x, times, callback=keep))
    return tuple(results)


def _likelihoods(rng, x):
    model, _ = _exact(rng, x)
    exact_value = likelihood.log_likelihood(model.denoise, x, 3, start=0.1)
    estimate = likelihood.log_likelihood(model.denoise, x, 3, start=0.1, rng=rng)
    bound = likelihood.variational_bound(model.denoise, x, [1.5, 0.5, 0.1], rng=rng)
    pixels = likelihood.variational_bound(model.denoise, x, [1.5, 0.1], rng=rng, pixels=True)
    prediction = model.denoise(x, 0.8)._replace(variance_weight=0 * x + 0.3)
    learned = posterior.posterior_kl(x, 2 * x, prediction, 0.8, 0.4)
    return exact_value, estimate, bound.total, pixels.total, learned


def _guidance(rng, labels):
    dropped = guidance.drop_labels(labels, 3, 0.5, rng=rng)

    def network(x, t, y):
        return x * t[:, None] + y[:, None]

    network = guidance.classifier_free_guidance(network, labels, 3, 2.0)
    return dropped, objectives.denoiser(network, "v")(rng.normal((4, 2)), 0.5).x0


MODELS = {
    "corruptions": Case(
        lambda rng, x: (
            autoencoder.gaussian_noise(x, 0.1, rng),
            autoencoder.masking_noise(x, 0.5, rng),
            autoencoder.salt_and_pepper_noise(x, 0.5, rng),
        ),
        (IMAGES,),
    ),
    "binarize": Case(lambda rng, x: binarize(x, rng), (IMAGES,)),
    "ImagePool": Case(_pool, (IMAGES,), may_copy=True),
    "ImagePool, restored": Case(lambda rng, x: _pool(rng, x, True), (IMAGES,), may_copy=True),
    "GaussianMixture": Case(_mixture, (POINTS,), True),
    "GaussianMixture, tied": Case(lambda rng, x: _mixture(rng, x, "tied"), (POINTS,), True),
    "GaussianMixture, diagonal": Case(lambda rng, x: _mixture(rng, x, "diagonal"), (POINTS,), True),
    "choose_centres": Case(
        lambda rng, x: tuple(kmeans.choose_centres(x, 3, rng)), (normal(30, 3, dtype=np.float64),)
    ),
    "Gaussian": Case(_gaussian, (normal(30, 5, dtype=np.float64),), True),
    "PPCA": Case(_ppca, (normal(30, 4, dtype=np.float64),)),
    "VAE": Case(_vae, (IMAGES,), True),
    "restart_dead_codes": Case(_restart, (normal(1, 2, 2, 2),)),
    "ExactMixture": Case(lambda rng, x: tuple(_exact(rng, x)[1]), (X,)),
    "samplers": Case(_samplers, (X,)),
    "likelihoods": Case(_likelihoods, (X,)),
    "guidance": Case(_guidance, (np.array([0, 2, 1, 2]),)),
    "stratified_uniform": Case(lambda rng: schedules.stratified_uniform(6, rng)),
    "schedules": Case(
        lambda rng, u: (
            schedules.linear_schedule(u),
            schedules.cosine_schedule(u),
            schedules.logistic_schedule(u),
        ),
        (np.linspace(0.1, 0.9, 5),),
    ),
    "orthogonal": Case(
        lambda rng: (nn.init.orthogonal((3, 5), rng), nn.init.orthogonal((5, 3), rng))
    ),
}

FEATURES = normal(12, 4), normal(10, 4) + 0.1
METRICS = {
    "distances": Case(
        lambda rng, x, y: (metrics.frechet_distance(x, y), metrics.kernel_distance(x, y)), FEATURES
    ),
    "wasserstein_1d": Case(lambda rng, x, y: metrics.wasserstein_1d(x[:, 0], y[:, 0]), FEATURES),
    "precision": Case(
        lambda rng, x, y: (*metrics.precision_recall(x, y), *metrics.density_coverage(x, y)),
        FEATURES,
    ),
    "nearest_neighbours": Case(lambda rng, x, y: metrics.nearest_neighbours(x, y), FEATURES),
    "within_class_distance": Case(
        lambda rng, x, k: metrics.within_class_distance(x, k),
        (FEATURES[0], np.arange(12) % 3),
        True,
    ),
}

CASES = MODELS | METRICS
EVALUATORS = (
    evaluators.train_digit_classifier,
    evaluators.train_attribute_classifier,
    evaluators.train_state_regressor,
    evaluators.train_segmentation_evaluator,
)
