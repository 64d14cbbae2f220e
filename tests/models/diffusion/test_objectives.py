"""What is learned, against Gaussians, where the best answer and its loss are known, and against the bound written out with dense formulas."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import default_rng, grad, losses, optim, tensor
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.objectives import (
    KINDS,
    Prediction,
    denoiser,
    kl_step,
    predict,
    step_back,
    target,
)
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, RECTIFIED_FLOW, levels_of
from tinygen.models.diffusion.unet import Perceptron

PATHS = pytest.mark.parametrize("path", [VARIANCE_PRESERVING, RECTIFIED_FLOW], ids=["circle", "line"])
BETAS = np.linspace(1e-4, 0.02, 1000)


def gaussian(mean=0.5, deviation=0.4, path=VARIANCE_PRESERVING):
    return ExactMixture(np.ones(1), np.full((1, 1), mean), np.array([deviation]), path)


def test_the_best_predictor_of_a_gaussian_and_its_loss():
    """eps^ = sqrt(1 - A) (x - sqrt(A) m) / (A s^2 + 1 - A), and the least loss, a mean over DDPM's thousand levels."""
    m, s, x = 0.5, 0.4, np.linspace(-3, 3, 5)[:, None]
    least = []
    for t, a in zip(levels_of(BETAS), np.cumprod(1 - BETAS), strict=True):
        np.testing.assert_allclose(gaussian().denoise(x, t).eps, np.sqrt(1 - a) * (x - np.sqrt(a) * m) / (a * s**2 + 1 - a), atol=1e-11)
        least.append(a * s**2 / (a * s**2 + 1 - a))
    assert abs(np.mean(least) - 0.14584) < 5e-6
    rng = np.random.default_rng(0)  # and it is the loss: one draw at each of 400,000 levels
    t = levels_of(BETAS)[rng.integers(0, 1000, 400_000)]
    x0, eps = m + s * rng.normal(size=t.shape), rng.normal(size=t.shape)
    x = np.cos(t) * x0 + np.sin(t) * eps
    guess = np.sin(t) * (x - np.cos(t) * m) / (np.cos(t) ** 2 * s**2 + np.sin(t) ** 2)
    error = (eps - guess) ** 2
    assert abs(error.mean() - 0.14584) < 4 * error.std() / len(t) ** 0.5 < 0.004


def test_a_network_reaches_the_least_loss():
    g, levels = default_rng(0), levels_of(BETAS).astype(np.float32)
    network = Perceptron(1, (32, 32), rng=g)
    optimizer = optim.Adam(network.parameters(), lr=5e-3)
    for step in range(600):
        optimizer.lr = 5e-3 * optim.cosine_decay(step, steps=600)
        t, eps = levels[g.integers(0, 1000, (256,))], g.normal((256, 1))
        x0 = np.float32(0.5) + np.float32(0.4) * g.normal((256, 1))
        loss = losses.squared_error(network(VARIANCE_PRESERVING.q_sample(x0, eps, t), t), eps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    t, eps, x0 = np.tile(levels, 50), g.normal((50_000, 1)), np.float32(0.5) + np.float32(0.4) * g.normal((50_000, 1))
    x = VARIANCE_PRESERVING.q_sample(x0, eps, t)
    exact = np.sin(t) * (x[:, 0] - np.cos(t) * 0.5) / (np.cos(t) ** 2 * 0.16 + np.sin(t) ** 2)
    excess = ((network(x, t).numpy()[:, 0] - exact) ** 2).mean()  # over the least loss, 0.14584
    assert excess < 0.004


@PATHS
@pytest.mark.parametrize("kind", KINDS)
def test_every_question_has_the_same_answer(kind, path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3)), rng.uniform(0.1, 0.9, 4)
    x = path.q_sample(x0, eps, t)
    told = predict(target(kind, x0, eps, t, path), kind, x, t, path)
    np.testing.assert_allclose(told.x0, x0, atol=1e-12)
    np.testing.assert_allclose(told.eps, eps, atol=1e-12)
    assert told.share is None


@PATHS
def test_the_three_errors_differ_in_weight_alone(path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), 0.3
    x, m = path.q_sample(x0, eps, t), path.mix(t)
    p = predict(x0 + 0.1 * rng.normal(size=(4, 2)), "data", x, t, path)
    of_x0 = ((p.x0 - x0) ** 2).sum(axis=1)
    np.testing.assert_allclose(((p.eps - eps) ** 2).sum(axis=1), of_x0 * (m.alpha / m.sigma) ** 2)
    v, guess = target("velocity", x0, eps, t, path), target("velocity", p.x0, p.eps, t, path)
    np.testing.assert_allclose(((v - guess) ** 2).sum(axis=1), of_x0 / m.sigma**2)


def test_velocity_at_both_ends_and_the_others_where_they_cannot():
    x = np.array([[0.3]])
    v = predict(np.array([[2.0]]), "velocity", x, 0.0)
    assert v.x0 == x and v.eps == 2
    v = predict(np.array([[2.0]]), "velocity", x, 1.0, RECTIFIED_FLOW)
    assert v.eps == x and v.x0 == x - 2
    for path in (VARIANCE_PRESERVING, RECTIFIED_FLOW):
        for kind, t in (("noise", path.end), ("data", 0.0)):
            with pytest.raises(ValueError, match=f"x is all {kind}"):
                predict(x, kind, x, t, path)
        assert predict(x, "noise", x, 0.0, path).x0 == x and predict(x, "data", x, path.end, path).eps == x


@PATHS
def test_on_a_strict_array_type(path):
    rng = np.random.default_rng(0)
    x0, eps, t = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 3)), rng.uniform(0.3, 0.9, 4)
    found = []
    for move in (lambda a: a, StrictArray):
        a, e, high, low = (move(v) for v in (x0, eps, t, t / 2))
        x = path.q_sample(a, e, high)
        p = Prediction(a + 0.1, e, 0 * a + 0.3)
        found.append([*(target(kind, a, e, high, path) for kind in KINDS), *(v for kind in KINDS for v in predict(e, kind, x, high, path)[:2]),
                      *predict(np.concatenate([e, x], axis=1), "velocity", x, high, path, learned_variance=True), *step_back(high, low, x, path),
                      *(kl_step(a, x, q, up, down, path) for q in (p, p._replace(share=None)) for up, down in ((high, low), (0.7, 0.4)))])  # fmt: skip
    for plain, strict in zip(*found, strict=True):
        assert isinstance(strict, StrictArray)
        np.testing.assert_allclose(strict.get(), plain, rtol=1e-12)


@PATHS
def test_one_step_back_is_bayes_rule(path):
    """The mean and variance of x_s given x_t and x_0, from the joint covariance of (x_s, x_t) given x_0."""
    t, s = 0.7, 0.4
    (a, b, _, _), (a_s, b_s, _, _) = path.mix(t), path.mix(s)
    x = np.zeros((1, 1))
    c = step_back(t, s, x, path)
    up = a / a_s
    covariance = up * b_s**2  # of x_s and x_t = up x_s + noise
    np.testing.assert_allclose(c.of_x, covariance / b**2)
    np.testing.assert_allclose(c.of_x0, a_s - covariance / b**2 * a)
    np.testing.assert_allclose(c.large, b**2 - up**2 * b_s**2)
    np.testing.assert_allclose(c.large * c.ratio, b_s**2 - covariance**2 / b**2)


def test_one_step_back_is_ddpms():
    levels, a = levels_of(BETAS), np.cumprod(1 - BETAS)
    for i in (1, 10, 999):
        c = step_back(float(levels[i]), float(levels[i - 1]), np.zeros((1, 1)))
        np.testing.assert_allclose(c.large, BETAS[i], rtol=1e-9)
        np.testing.assert_allclose(c.large * c.ratio, (1 - a[i - 1]) / (1 - a[i]) * BETAS[i], rtol=1e-9)  # eq. 7
        np.testing.assert_allclose(c.of_x0, np.sqrt(a[i - 1]) * BETAS[i] / (1 - a[i]), rtol=1e-9)
        np.testing.assert_allclose(c.of_x, np.sqrt(1 - BETAS[i]) * (1 - a[i - 1]) / (1 - a[i]), rtol=1e-9)
    narrow = step_back(np.float32([0.5]), np.float32([0.4999]), np.zeros((1, 1), np.float32))
    wide = step_back(float(np.float32(0.5)), float(np.float32(0.4999)), np.zeros((1, 1)))
    np.testing.assert_allclose(narrow.large, wide.large, rtol=2e-3)  # float32 has 1e-7 of 1e-4 left, not of the square


@PATHS
@pytest.mark.parametrize("share", [None, 0.0, 0.3, 1.0])
def test_a_steps_divergence_is_that_of_its_gaussians(path, share):
    rng, t, s = np.random.default_rng(0), 0.7, 0.4
    x0, x, guess = (rng.normal(size=(3, 2)) for _ in range(3))
    c = step_back(t, s, x, path)
    small = float(c.large * c.ratio)
    variance = small if share is None else float(c.large) * float(c.ratio) ** (1 - share)
    difference = c.of_x0 * (x0 - guess)
    dense = 0.5 * ((small + difference**2) / variance - 1 - np.log(small / variance)).sum(axis=1)
    p = Prediction(guess, None, None if share is None else np.full_like(x, share))
    np.testing.assert_allclose(kl_step(x0, x, p, t, s, path), dense, rtol=1e-9)
    each = kl_step(x0, x, p, np.full(3, t), np.full(3, s), path)
    np.testing.assert_allclose(each, dense, rtol=1e-9)


def test_the_learned_variance_is_that_of_the_posterior():
    """One Gaussian: the best variance of a step back is the small one plus of_x0^2 Var(x_0 | x_t). Descending kl_step finds its share."""
    t, s, rng = 1.2, 0.9, np.random.default_rng(0)
    e, n = gaussian(), 20_000
    x0 = 0.5 + 0.4 * rng.normal(size=(n, 1))
    x = VARIANCE_PRESERVING.q_sample(x0, rng.normal(size=(n, 1)), t)
    guess, c = e.denoise(x, t), step_back(t, s, x)
    logit = tensor(np.zeros(()), requires_grad=True)
    for _ in range(300):
        output = np.concatenate([guess.eps, np.zeros_like(x)], axis=1)
        p = predict(tensor(output) + logit * np.array([0.0, 1.0]), "noise", x, t, learned_variance=True)
        slope = grad(kl_step(x0, x, p, t, s).mean(), logit)
        logit = tensor(logit.numpy() - 3 * slope.numpy(), requires_grad=True)
    share = 1 / (1 + np.exp(-logit.numpy()))
    u = np.cos(t) ** 2 * 0.16 + np.sin(t) ** 2
    best = c.large * c.ratio + c.of_x0**2 * 0.16 * np.sin(t) ** 2 / u
    np.testing.assert_allclose(c.large * c.ratio ** (1 - share), best, rtol=0.02)
    assert c.large * c.ratio < best < c.large


@pytest.mark.parametrize("kind", KINDS)
def test_a_networks_denoiser(kind):
    network, graphs = Perceptron(2, (8,), outputs=4, rng=default_rng(0)), []

    def watched(x, levels):
        output = network(x, levels)
        graphs.append(output.requires_grad)
        return output

    x = default_rng(1).normal((5, 2))
    denoise = denoiser(watched, kind, learned_variance=True)
    p = denoise(x, 0.4)
    assert all(isinstance(a, np.ndarray) and a.dtype == np.float32 and a.shape == (5, 2) for a in p)
    np.testing.assert_allclose(VARIANCE_PRESERVING.q_sample(p.x0, p.eps, 0.4), x, rtol=1e-5, atol=1e-6)
    assert ((p.share > 0) & (p.share < 1)).all()
    q = denoise(tensor(x, requires_grad=True), 0.4)
    assert all(a.requires_grad for a in q) and graphs == [False, True]
    np.testing.assert_allclose(q.x0.numpy(), p.x0, rtol=1e-6)
    network.map_arrays_(StrictArray)
    for plain, strict in zip(p, denoise(StrictArray(x), 0.4), strict=True):
        assert isinstance(strict, StrictArray)
        np.testing.assert_allclose(strict.get(), plain, rtol=1e-5, atol=1e-6)


def test_errors():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match="noise, data, velocity"):
        target("score", x, x, 0.5)
    with pytest.raises(ValueError, match="noise, data, velocity"):
        predict(x, "score", x, 0.5)
    with pytest.raises(ValueError, match="twice the channels"):
        predict(np.zeros((2, 6)), "noise", x, 0.5)
