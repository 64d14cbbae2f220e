"""The adversarial games and penalties against what is known exactly about them."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import check_grads, default_rng, grad, nn, ops, optim, tensor
from tinygen.losses import (
    gradient_penalty,
    hinge,
    minimax_value,
    non_saturating,
    path_length,
    r1,
    relativistic,
    saturating,
)
from tinygen.losses.adversarial import GAMES
from tinygen.optim import clip_weights_

X = np.linspace(-6, 6, 1201)
DX = X[1] - X[0]


def density(mean, deviation):
    return np.exp(-(((X - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def twice_jsd_less_log_4(p, q):
    return (p * np.log(p / (p + q)) + q * np.log(q / (p + q))).sum() * DX


def test_everything_is_finite_and_exact_far_out():
    for logit in (-1e4, -100.0, 0.0, 100.0, 1e4):
        a = tensor(np.array([logit], np.float32), requires_grad=True)
        b = tensor(np.array([-logit], np.float32), requires_grad=True)
        for game in GAMES.values():
            for cost in game:
                y = cost(a, b).sum()
                assert np.isfinite(float(y)) and all(np.isfinite(g.numpy()).all() for g in grad((y + 0 * (a + b)).sum(), [a, b]))
    assert saturating(np.float32(1e4)) == -1e4 and non_saturating(np.float32(-1e4)) == 1e4 and saturating(np.float32(-1e4)) == 0
    assert minimax_value(np.float32(1e4), np.float32(-1e4)) == 0
    np.testing.assert_allclose(non_saturating(np.float32(30)), np.exp(-30), rtol=1e-6)  # small, and not rounded to 0


def test_the_best_logit_is_the_log_density_ratio_and_the_value_a_jensen_shannon_divergence():
    """A free logit at each x, by Newton's method on the value itself: its second derivative, too, comes from the engine."""
    p, q = density(-1, 0.8), density(1.2, 1.1)
    logit = np.zeros_like(X)
    for _ in range(30):
        t = tensor(logit, requires_grad=True)
        value = (p * minimax_value(t, 0 * X) + q * minimax_value(0 * X, t)).sum() * DX
        slope = grad(value, t, create_graph=True)
        curvature = grad(slope.sum(), t).numpy()
        logit = logit - np.clip(slope.numpy() / curvature, -2, 2)
    near = np.abs(X) < 4  # further out one density is 1e-12 of the other, and rounding is all there is
    np.testing.assert_allclose(logit[near], np.log(p / q)[near], atol=1e-8)
    v = (p * (minimax_value(logit, 0 * X) + np.log(2)) + q * (minimax_value(0 * X, logit) + np.log(2))).sum() * DX
    np.testing.assert_allclose(v, twice_jsd_less_log_4(p, q), atol=1e-10)
    same = (p * 2 * minimax_value(0 * X, 0 * X)).sum() * DX / 2
    np.testing.assert_allclose(same, -np.log(4), atol=1e-5)


def test_a_trained_discriminator_reaches_the_best_one():
    """A network on samples of N(-1, 0.8^2) and N(1.2, 1.1^2), fresh ones at each step: its D is p / (p + q), its value 2 JSD - log 4."""
    rng = default_rng(0)
    layers = [nn.Linear(1, 32, rng=rng), nn.Tanh(), nn.Linear(32, 32, rng=rng), nn.Tanh(), nn.Linear(32, 1, rng=rng)]
    discriminator = nn.Sequential(*layers)
    optimizer = optim.Adam(discriminator.parameters(), lr=1e-2)
    for step in range(600):
        real, fake = -1 + 0.8 * rng.normal((512, 1)), 1.2 + 1.1 * rng.normal((512, 1))
        loss = -minimax_value(discriminator(real), discriminator(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1e-2 * optim.cosine_decay(step, steps=600)
        optimizer.step()
    p, q = density(-1, 0.8), density(1.2, 1.1)
    logit = discriminator(X[:, None].astype(np.float32)).numpy()[:, 0].astype(np.float64)
    mass = (p + q) / 2 * DX
    assert (np.abs(1 / (1 + np.exp(-logit)) - p / (p + q)) * mass).sum() < 0.01  # mean error of D; calling everything 1/2 has 0.36
    value = (p * minimax_value(logit, 0 * X) + q * minimax_value(0 * X, logit)).sum() * DX + 2 * np.log(2)
    best = twice_jsd_less_log_4(p, q)
    assert best - 0.01 < value < best + 1e-6  # no discriminator has more than the best one


def test_the_saturating_gradient_vanishes_where_the_other_does_not():
    logit = tensor(np.array([-10.0, 0.0, 10.0]), requires_grad=True)
    d = 1 / (1 + np.exp(-logit.numpy()))
    np.testing.assert_allclose(grad(saturating(logit).sum(), logit).numpy(), -d, rtol=1e-12)
    np.testing.assert_allclose(grad(non_saturating(logit).sum(), logit).numpy(), -(1 - d), rtol=1e-12)


def test_a_nan_passes_through_the_hinge():
    logit = tensor(np.array([np.nan, 0.5, 1.0, 2.0]), requires_grad=True)
    assert grad(hinge(logit).sum(), logit).numpy().tolist() == [-1, -1, 0, 0]


def test_both_costs_of_each_game():
    """As the papers print them, with D = sigmoid(logit) where there is a D."""
    real, fake = np.random.default_rng(0).normal(size=(2, 50))
    d_real, d_fake = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    expected = {
        "minimax": (-np.log(d_real) - np.log(1 - d_fake), np.log(1 - d_fake)),
        "non-saturating": (-np.log(d_real) - np.log(1 - d_fake), -np.log(d_fake)),
        "least squares": (((real - 1) ** 2 + fake**2) / 2, (fake - 1) ** 2 / 2),
        "hinge": (np.maximum(1 - real, 0) + np.maximum(1 + fake, 0), -fake),
        "Wasserstein": (fake - real, -fake),
        "relativistic": (-np.log(1 / (1 + np.exp(fake - real))), -np.log(1 / (1 + np.exp(real - fake)))),
    }
    assert expected.keys() == GAMES.keys()
    for name, (of_d, of_g) in expected.items():
        np.testing.assert_allclose(GAMES[name].discriminator_loss(real, fake), of_d, rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(GAMES[name].generator_loss(real, fake), of_g, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", [n for n in GAMES if n != "minimax"])
def test_generators_go_up_and_discriminators_apart(name):
    real, fake = tensor(np.zeros(1), requires_grad=True), tensor(np.zeros(1), requires_grad=True)
    game = GAMES[name]
    g_real, g_fake = grad(game.discriminator_loss(real, fake).sum() if name != "least squares" else game.discriminator_loss(real + 0.5, fake + 0.5).sum(), [real, fake])
    assert float(g_real.numpy()[0]) < 0 < float(g_fake.numpy()[0])
    assert float(grad(game.generator_loss(tensor(np.zeros(1)), fake).sum(), fake).numpy()[0]) < 0


# ---------------------------------------------------------------------------------------------------------------------- penalties


def test_wgan_gp_on_two_points():
    """A linear critic between points at distance d: slope 1 + d / (2 lambda), and the value d + d^2 / (4 lambda) where W itself is d."""
    for d, lam in ((0.5, 10.0), (3.0, 10.0), (2.0, 1.0)):
        w = tensor(np.array([[0.3]]), requires_grad=True)
        x, t = np.full((1, 1), d), np.array([0.7])
        for _ in range(200):
            loss = (-(x @ w)).sum() + lam * gradient_penalty(lambda a, w=w: a @ w, x, 0 * x, t).mean()
            w = tensor(w.numpy() - 0.3 / (2 * lam) * grad(loss, w).numpy(), requires_grad=True)
        np.testing.assert_allclose(w.numpy(), 1 + d / (2 * lam), rtol=1e-6)
        np.testing.assert_allclose(-float(loss), d + d**2 / (4 * lam), rtol=1e-6)


def slopes_of_a_free_critic(start, one_sided, d=3.0, lam=10.0):
    """Gradient ascent on a linear critic's slope between points at distance d."""
    w = tensor(np.array([[start]]), requires_grad=True)
    x, t = np.full((1, 1), d), np.array([0.7])
    for _ in range(150):
        loss = -(x @ w).sum() + lam * gradient_penalty(lambda a, w=w: a @ w, x, 0 * x, t, one_sided=one_sided).mean()
        w = tensor(w.numpy() - 0.04 * grad(loss, w).numpy(), requires_grad=True)
    return float(w.numpy()[0, 0])


def test_a_critic_that_leans_the_wrong_way_is_held_there_by_the_two_sided_penalty_alone():
    right, wrong = 1 + 3 / 20, -1 + 3 / 20
    for start in (-0.5, -0.1, 0.5):
        assert slopes_of_a_free_critic(start, one_sided=True) == pytest.approx(right, rel=1e-6)
        assert slopes_of_a_free_critic(start, one_sided=False) == pytest.approx(right if start > 0 else wrong, rel=1e-6)
    assert slopes_of_a_free_critic(-0.1, one_sided=False, lam=1.4) == pytest.approx(1 + 3 / 2.8, rel=1e-6)  # d > 2 lambda: nothing holds it


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_best_penalised_critic_on_a_line(one_sided):
    """A free slope in each cell between two densities: at the one of gradient_penalty's docstring the derivative is 0, the value as said, and none has more."""
    x = (np.arange(60) + 0.5) / 10
    p, q = (f / f.sum() for f in (np.exp(-((x - 4) ** 2)), np.exp(-((x - 2) ** 2) / 0.5)))
    a, lam, dx = (np.cumsum(q) - np.cumsum(p))[:-1], 2.0, 0.1  # at the borders between cells
    r = (0.1 + p + q)[:-1]  # any density of where the slope is measured
    r = r / (r.sum() * dx)

    def value(slope):
        critic = lambda v: v[:, 0] * slope  # noqa: E731
        heights = np.append(0, np.cumsum(slope.numpy() * dx))
        penalty = gradient_penalty(critic, *np.zeros((2, 59, 1)), np.zeros(59), one_sided=one_sided)
        gain = ((slope * a - lam * r * penalty) * dx).sum()
        assert float((slope * a * dx).sum()) == pytest.approx(((p - q) * heights).sum())  # E_p f - E_q f, by parts
        return gain

    best = tensor(1 + a / (2 * lam * r), requires_grad=True)
    greatest = value(best)
    np.testing.assert_allclose(grad(greatest, best).numpy(), 0, atol=1e-12)
    assert float(greatest) == pytest.approx((a + a**2 / (4 * lam * r)).sum() * dx, rel=1e-9)
    rng = np.random.default_rng(0)
    assert all(float(value(tensor(best.numpy() + rng.normal(size=59)))) < float(greatest) for _ in range(20))


def test_the_one_sided_penalty_counts_slopes_above_1_alone():
    slope, x = np.array([0.2, -0.9, 1.5, -3.0]), np.zeros((4, 1))
    critic = lambda v: v[:, 0] * slope  # noqa: E731
    np.testing.assert_allclose(gradient_penalty(critic, x, x, np.zeros(4), one_sided=True).numpy(), [0, 0, 0.25, 4], atol=1e-9)
    np.testing.assert_allclose(gradient_penalty(critic, x, x, np.zeros(4)).numpy(), [0.64, 0.01, 0.25, 4], atol=1e-9)


def test_the_penalty_of_a_flat_critic_has_a_gradient():
    w, x = tensor(np.zeros((3, 1)), requires_grad=True), np.ones((2, 3))
    penalty = gradient_penalty(lambda v: v @ w, x, x, np.zeros(2))
    np.testing.assert_allclose(penalty.numpy(), 1, rtol=1e-5)
    assert (grad(penalty.sum(), w).numpy() == 0).all()


def test_the_penalty_is_in_the_pictures_precision():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 5, 3)).astype(np.float32)
    t = rng.random(5)  # float64, as NumPy draws it
    seen = []
    penalty = gradient_penalty(lambda v: seen.append(v.dtype) or (v * v).sum(axis=1), real, fake, t)
    assert penalty.dtype == np.float32 and seen == [np.float32]


def test_r1_is_half_the_squared_slope():
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(4, 4)), rng.normal(size=(5, 4))
    np.testing.assert_allclose(r1(lambda v: ((v @ a) * v).sum(axis=1), x).numpy(), 0.5 * ((x @ (a + a.T)) ** 2).sum(axis=1))
    patches = rng.normal(size=(3, 1, 6, 6))
    np.testing.assert_allclose(r1(lambda v: 2 * v, patches).numpy(), np.full(3, 0.5 * 4 * 36))


def test_r1_turns_the_circle_into_a_spiral():
    """Dirac-GAN, simultaneous small steps: the plain game keeps its distance from the equilibrium (0, 0), R1 loses it. With gamma = 1/2 it still turns, the fake
    coming to the other side; with gamma = 2, twice the greatest with which it does (|f'(0)| = 1/2), it creeps, as e^-0.134 t."""

    def path(gamma):
        theta, psi, passed = 1.0, 0.0, []
        for _ in range(2000):
            p, t = tensor(np.array(psi), requires_grad=True), tensor(np.array(theta), requires_grad=True)
            cost = -minimax_value(p * 0.0, p * theta) + gamma * r1(lambda v, p=p: v * p, np.zeros(1)).sum()
            step_psi = float(grad(cost, p))
            step_theta = float(grad(saturating(psi * t), t)) if psi else 0.0
            theta, psi = theta - 0.01 * step_theta, psi - 0.01 * step_psi
            passed.append(theta)
        return np.hypot(theta, psi), min(passed)

    (circle, _), (spiral, other_side), (slow, same_side) = (path(gamma) for gamma in (0.0, 0.5, 2.0))
    assert circle > 0.99 and spiral < 0.02 < slow < 0.1 and other_side < -0.05 < 0 < same_side


def test_path_length_of_a_linear_generator():
    """|A^T y|, and that its mean square is the sum of the squared singular values; a w that came from somewhere stays tied to it."""
    rng = np.random.default_rng(0)
    a, w, y = rng.normal(size=(3, 5)), rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    np.testing.assert_allclose(path_length(lambda v: v @ a, w, y).numpy(), np.linalg.norm(y @ a.T, axis=1))
    many = rng.normal(size=(40_000, 5))
    lengths = path_length(lambda v: v @ a, np.zeros((40_000, 3)), many).numpy()
    s = np.linalg.svd(a, compute_uv=False)
    assert (lengths**2).mean() == pytest.approx((s**2).sum(), rel=0.02) and (lengths**2).var() == pytest.approx(2 * (s**4).sum(), rel=0.05)
    matrices = path_length(lambda v: v @ a, rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 5)))
    assert matrices.shape == (4,)
    start = tensor(w, requires_grad=True)
    assert np.abs(grad((path_length(lambda v: v**3, start**2, rng.normal(size=(4, 3)))).sum(), start).numpy()).min() > 0


def test_the_path_length_of_a_flat_generator_has_a_gradient():
    a = tensor(np.zeros((3, 5)), requires_grad=True)
    lengths = path_length(lambda v: v @ a, np.ones((2, 3)), np.ones((2, 5)))
    np.testing.assert_allclose(lengths.numpy(), 1e-6)
    assert (grad(lengths.sum(), a).numpy() == 0).all()


def test_path_length_makes_a_generator_go_equally_far_whichever_way():
    """A linear generator with singular values 3, 1 and 0.2, trained on the penalty alone, a the running mean: in the end all are nearly the same. (And small:
    nothing else holds them up.)"""
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=shape))[0] for shape in ((8, 3), (3, 3)))
    a, mean = tensor((v * [3.0, 1.0, 0.2]) @ u.T, requires_grad=True), 1.0
    for _ in range(400):
        lengths = path_length(lambda w, a=a: w @ a, np.zeros((200, 3)), rng.normal(size=(200, 8)))
        mean += 0.05 * (float(lengths.numpy().mean()) - mean)
        a = tensor(a.numpy() - 0.05 * grad(((lengths - mean) ** 2).mean(), a).numpy(), requires_grad=True)
    s = np.linalg.svd(a.numpy(), compute_uv=False)
    assert s[0] / s[2] < 1.1, s  # from 15


def _critic(weights):
    """A small convolutional critic with given weights."""
    w1, w2, w3 = weights

    def critic(x):
        h = ops.silu(ops.conv2d(x, w1, None, stride=2, padding=1))
        return ops.conv2d(ops.tanh(ops.conv2d(h, w2, None, stride=1, padding=1)), w3, None).reshape((x.shape[0], -1)).sum(axis=1)

    return critic


@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1"])
def test_penalties_through_a_convolutional_critic_to_second_order(penalty):
    rng = np.random.default_rng(1)
    real, fake, t = rng.normal(size=(2, 2, 6, 6)), rng.normal(size=(2, 2, 6, 6)), rng.random(2)
    weights = [rng.normal(size=s) * 0.5 for s in ((3, 2, 4, 4), (3, 3, 3, 3), (1, 3, 3, 3))]

    def f(*weights):
        if penalty == "r1":
            return r1(_critic(weights), real)
        return gradient_penalty(_critic(weights), real, fake, t)

    check_grads(f, *weights, order=2)


def test_clip_weights():
    model = nn.Linear(3, 2, rng=default_rng(0))
    before = [p.numpy().copy() for p in model.parameters()]
    clip_weights_(model.parameters(), 0.1)
    for p, b in zip(model.parameters(), before, strict=True):
        assert np.array_equal(p.numpy(), np.clip(b, -0.1, 0.1))
    assert before[0].min() < -0.1 and before[0].max() > 0.1
    with pytest.raises(ValueError, match="above 0"):
        clip_weights_(model.parameters(), 0)
    with pytest.raises(TypeError, match="as a list"):
        clip_weights_(model.weight, 0.1)


def test_other_arrays_and_errors():
    x = StrictArray(np.ones((2, 3)))
    critic = lambda v: (v * v).sum(axis=1)  # noqa: E731
    assert isinstance(r1(critic, x).data, StrictArray)
    assert isinstance(gradient_penalty(critic, x, 0 * x, StrictArray(np.array([0.5, 0.25]))).data, StrictArray)
    assert isinstance(path_length(lambda v: v * v, x, x).data, StrictArray)
    with pytest.raises(ValueError, match=r"noise y \(2, 2\) and the generator's pictures \(2, 3\)"):
        path_length(lambda v: v * v, np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="as many fakes"):
        minimax_value(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="as many fakes"):
        relativistic(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="one number an example"):
        gradient_penalty(critic, np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1)))
