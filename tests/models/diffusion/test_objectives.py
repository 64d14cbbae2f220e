"""Targets and predictions, against Gaussians whose best prediction and least loss are known."""

import numpy as np
import pytest

from tests.models.diffusion.cases import BETAS, MEAN, PATHS, STD, gaussian
from tinygen import default_rng, losses, optim, tensor
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.objectives import (
    PARAMETRIZATIONS,
    denoiser,
    target,
    to_prediction,
)
from tinygen.models.diffusion.paths import RECTIFIED_FLOW, VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import times_from_betas


def test_the_best_prediction_for_a_gaussian_and_its_loss():
    """eps_hat = sqrt(1 - a) (x - sqrt(a) m) / (a s^2 + 1 - a), with a for DDPM's alpha_bar."""
    x, losses_by_step = np.linspace(-3, 3, 5)[:, None], []
    for t, a in zip(times_from_betas(BETAS), np.cumprod(1 - BETAS), strict=True):
        u = a * STD**2 + 1 - a
        best = np.sqrt(1 - a) * (x - np.sqrt(a) * MEAN) / u
        np.testing.assert_allclose(gaussian().denoise(x, t).eps, best, atol=1e-11)
        losses_by_step.append(a * STD**2 / u)
    assert abs(np.mean(losses_by_step) - 0.14584) < 5e-6
    rng = np.random.default_rng(0)  # and it is the loss: one draw at each of 400,000 times
    t = times_from_betas(BETAS)[rng.integers(0, 1000, 400_000)]
    x0, eps = MEAN + STD * rng.normal(size=t.shape), rng.normal(size=t.shape)
    x = np.cos(t) * x0 + np.sin(t) * eps
    best = np.sin(t) * (x - np.cos(t) * MEAN) / (np.cos(t) ** 2 * STD**2 + np.sin(t) ** 2)
    error = (eps - best) ** 2
    assert abs(error.mean() - 0.14584) < 4 * error.std() / len(t) ** 0.5 < 0.004


def test_a_network_reaches_the_least_loss():
    rng, times = default_rng(0), times_from_betas(BETAS).astype(np.float32)
    network = MLPDenoiser(1, (32, 32), rng=rng)
    optimizer = optim.Adam(network.parameters(), lr=5e-3)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=600)
    for step in range(600):
        schedule.set(step)
        t, eps = times[rng.integers(0, 1000, (256,))], rng.normal((256, 1))
        x0 = np.float32(0.5) + np.float32(0.4) * rng.normal((256, 1))
        x = VARIANCE_PRESERVING.q_sample(x0, eps, t)
        loss = losses.squared_error(network(x, t), eps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t, eps = np.tile(times, 50), rng.normal((50_000, 1))
    x0 = np.float32(0.5) + np.float32(0.4) * rng.normal((50_000, 1))
    x = VARIANCE_PRESERVING.q_sample(x0, eps, t)
    best = np.sin(t) * (x[:, 0] - np.cos(t) * 0.5) / (np.cos(t) ** 2 * 0.16 + np.sin(t) ** 2)
    excess = ((network(x, t).numpy()[:, 0] - best) ** 2).mean()  # over the least loss, 0.14584
    assert excess < 0.004


@PATHS
@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_every_parametrization_gives_the_same_prediction(parametrization, path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3)), rng.uniform(0.1, 0.9, 4)
    x = path.q_sample(x0, eps, t)
    output = target(parametrization, x0, eps, t, path)
    prediction = to_prediction(output, parametrization, x, t, path)
    np.testing.assert_allclose(prediction.x0, x0, atol=1e-12)
    np.testing.assert_allclose(prediction.eps, eps, atol=1e-12)
    assert prediction.variance_weight is None


@PATHS
def test_the_three_errors_differ_by_a_factor(path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), 0.3
    x, c = path.q_sample(x0, eps, t), path.coefficients(t)
    p = to_prediction(x0 + 0.1 * rng.normal(size=(4, 2)), "x0", x, t, path)
    error_x0 = ((p.x0 - x0) ** 2).sum(axis=1)
    error_eps = ((p.eps - eps) ** 2).sum(axis=1)
    np.testing.assert_allclose(error_eps, error_x0 * (c.alpha / c.sigma) ** 2)
    v, predicted_v = target("v", x0, eps, t, path), target("v", p.x0, p.eps, t, path)
    error_v = ((v - predicted_v) ** 2).sum(axis=1)
    np.testing.assert_allclose(error_v, error_x0 / c.sigma**2)


def test_v_determines_both_ends_and_the_others_do_not():
    x = np.array([[0.3]])
    p = to_prediction(np.array([[2.0]]), "v", x, 0.0)
    assert p.x0 == x and p.eps == 2
    p = to_prediction(np.array([[2.0]]), "v", x, 1.0, RECTIFIED_FLOW)
    assert p.eps == x and p.x0 == x - 2
    for path in (VARIANCE_PRESERVING, RECTIFIED_FLOW):
        for parametrization, t in (("eps", path.end), ("x0", 0.0)):
            with pytest.raises(ValueError, match=f"x is nothing but {parametrization}"):
                to_prediction(x, parametrization, x, t, path)
        assert to_prediction(x, "eps", x, 0.0, path).x0 == x
        assert to_prediction(x, "x0", x, path.end, path).eps == x


@PATHS
def test_on_a_gpu(cupy, path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3)), rng.uniform(0.3, 0.9, 4)
    found = []
    for move in (lambda a: a, cupy.asarray):
        a, e, times = (move(v) for v in (x0, eps, t))
        x, values = path.q_sample(a, e, times), []
        for parametrization in PARAMETRIZATIONS:
            values.append(target(parametrization, a, e, times, path))
            values += to_prediction(e, parametrization, x, times, path)[:2]
        output = np.concatenate([e, x], axis=1)
        values += to_prediction(output, "v", x, times, path, learned_variance=True)
        found.append(values)
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.get(), plain, rtol=1e-12)


@pytest.mark.parametrize("parametrization", PARAMETRIZATIONS)
def test_the_denoiser_of_a_network(cupy, parametrization):
    network, has_graph = MLPDenoiser(2, (8,), out_dim=4, rng=default_rng(0)), []

    def watched(x, times):
        output = network(x, times)
        has_graph.append(output.requires_grad)
        return output

    x = default_rng(1).normal((5, 2))
    denoise = denoiser(watched, parametrization, learned_variance=True)
    p = denoise(x, 0.4)
    for a in p:
        assert isinstance(a, np.ndarray) and a.dtype == np.float32 and a.shape == (5, 2)
    x_again = VARIANCE_PRESERVING.q_sample(p.x0, p.eps, 0.4)
    np.testing.assert_allclose(x_again, x, rtol=1e-5, atol=1e-6)
    assert ((p.variance_weight > 0) & (p.variance_weight < 1)).all()
    q = denoise(tensor(x, requires_grad=True), 0.4)
    assert all(a.requires_grad for a in q) and has_graph == [False, True]
    np.testing.assert_allclose(q.x0.numpy(), p.x0, rtol=1e-6)
    network.to("cuda")
    for plain, on_gpu in zip(p, denoise(cupy.asarray(x), 0.4), strict=True):
        assert isinstance(on_gpu, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.get(), plain, rtol=1e-5, atol=1e-6)


def test_errors():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match="eps, x0, v"):
        target("score", x, x, 0.5)
    with pytest.raises(ValueError, match="eps, x0, v"):
        to_prediction(x, "score", x, 0.5)
    with pytest.raises(ValueError, match="twice the channels"):
        to_prediction(np.zeros((2, 6)), "eps", x, 0.5)
