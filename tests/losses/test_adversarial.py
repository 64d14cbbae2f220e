"""The GAN losses against what is known exactly about them."""

import numpy as np
import pytest

from tinygen import default_rng, grad, nn, optim, tensor
from tinygen.losses import hinge, minimax_value, non_saturating, relativistic, saturating
from tinygen.losses.adversarial import GAMES

X = np.linspace(-6, 6, 1201)
DX = X[1] - X[0]


def density(mean, std):
    """Return the density of N(mean, std^2) on X."""
    return np.exp(-(((X - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))


def optimal_value(p, q):
    """Return 2 JSD(p || q) - log 4."""
    return (p * np.log(p / (p + q)) + q * np.log(q / (p + q))).sum() * DX


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("logit", [-1e4, -100.0, 0.0, 100.0, 1e4])
@pytest.mark.parametrize("name", GAMES)
def test_losses_and_gradients_are_finite_at_extreme_logits(name, logit):
    real = tensor(np.array([logit], np.float32), requires_grad=True)
    fake = tensor(np.array([-logit], np.float32), requires_grad=True)
    for loss in GAMES[name]:
        y = loss(real, fake).sum()
        assert np.isfinite(float(y))
        gradients = grad((y + 0 * (real + fake)).sum(), [real, fake])  # y may depend on one alone
        assert all(np.isfinite(g.numpy()).all() for g in gradients)


def test_losses_are_exact_at_extreme_logits():
    large = np.float32(1e4)
    assert saturating(large) == -1e4 and saturating(-large) == 0
    assert non_saturating(-large) == 1e4
    assert minimax_value(large, -large) == 0
    # small, and not rounded to 0
    np.testing.assert_allclose(non_saturating(np.float32(30)), np.exp(-30), rtol=1e-6)


def test_the_best_logit_is_the_log_density_ratio_and_its_value_is_2_jsd_minus_log_4():
    """A free logit at each x, by Newton's method; the engine gives the second derivative too."""
    p, q = density(-1, 0.8), density(1.2, 1.1)
    zero = 0 * X
    logits = np.zeros_like(X)
    for _ in range(30):
        t = tensor(logits, requires_grad=True)
        value = (p * minimax_value(t, zero) + q * minimax_value(zero, t)).sum() * DX
        (first,) = grad(value, t, create_graph=True)
        second = grad(first.sum(), t)[0].numpy()
        logits = logits - np.clip(first.numpy() / second, -2, 2)
    is_near = np.abs(X) < 4  # beyond, one density is 1e-12 of the other: only rounding is left
    np.testing.assert_allclose(logits[is_near], np.log(p / q)[is_near], atol=1e-8)
    # minimax_value(l, 0) is log D - log 2
    log_d = minimax_value(logits, zero) + np.log(2)
    log_one_minus_d = minimax_value(zero, logits) + np.log(2)
    value = (p * log_d + q * log_one_minus_d).sum() * DX
    np.testing.assert_allclose(value, optimal_value(p, q), atol=1e-10)


def test_the_value_is_minus_log_4_if_both_densities_are_the_same():
    p = density(-1, 0.8)
    value = (p * 2 * minimax_value(0 * X, 0 * X)).sum() * DX / 2
    np.testing.assert_allclose(value, -np.log(4), atol=1e-5)


def test_a_trained_discriminator_reaches_the_best_one():
    """A network trained on samples of N(-1, 0.8^2) and N(1.2, 1.1^2) has D = p / (p + q)."""
    rng = default_rng(0)
    D = nn.Sequential(
        nn.Linear(1, 32, rng=rng),
        nn.Tanh(),
        nn.Linear(32, 32, rng=rng),
        nn.Tanh(),
        nn.Linear(32, 1, rng=rng),
    )
    optimizer = optim.Adam(D.parameters(), lr=1e-2)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=600)
    for step in range(600):
        schedule.set(step)
        real, fake = -1 + 0.8 * rng.normal((512, 1)), 1.2 + 1.1 * rng.normal((512, 1))
        loss = -minimax_value(D(real), D(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    p, q = density(-1, 0.8), density(1.2, 1.1)
    logits = D(X[:, None].astype(np.float32)).numpy()[:, 0].astype(np.float64)
    error = np.abs(sigmoid(logits) - p / (p + q))
    assert (error * (p + q) / 2 * DX).sum() < 0.01  # D = 1/2 everywhere has a mean error of 0.36
    integrand = p * minimax_value(logits, 0 * X) + q * minimax_value(0 * X, logits)
    value = integrand.sum() * DX + 2 * np.log(2)  # each minimax_value(l, 0) has a -log 2 too many
    best = optimal_value(p, q)
    assert best - 0.01 < value < best + 1e-6  # no discriminator exceeds the best one


def test_the_saturating_gradient_vanishes_where_the_non_saturating_one_does_not():
    logits = tensor(np.array([-10.0, 0.0, 10.0]), requires_grad=True)
    d = sigmoid(logits.numpy())
    saturating_gradient = grad(saturating(logits).sum(), logits)[0].numpy()
    np.testing.assert_allclose(saturating_gradient, -d, rtol=1e-12)
    non_saturating_gradient = grad(non_saturating(logits).sum(), logits)[0].numpy()
    np.testing.assert_allclose(non_saturating_gradient, -(1 - d), rtol=1e-12)


def test_a_nan_passes_through_the_gradient_of_hinge():
    scores = tensor(np.array([np.nan, 0.5, 1.0, 2.0]), requires_grad=True)
    assert grad(hinge(scores).sum(), scores)[0].numpy().tolist() == [-1, -1, 0, 0]


def test_both_losses_of_each_game_are_those_of_the_papers():
    """With D = sigmoid(logit), where the game has a D."""
    real, fake = np.random.default_rng(0).normal(size=(2, 50))
    d_real, d_fake = sigmoid(real), sigmoid(fake)
    minimax_loss = -np.log(d_real) - np.log(1 - d_fake)
    expected = {
        "minimax": (minimax_loss, np.log(1 - d_fake)),
        "non-saturating": (minimax_loss, -np.log(d_fake)),
        "least squares": (((real - 1) ** 2 + fake**2) / 2, (fake - 1) ** 2 / 2),
        "hinge": (np.maximum(1 - real, 0) + np.maximum(1 + fake, 0), -fake),
        "Wasserstein": (fake - real, -fake),
        "relativistic": (-np.log(sigmoid(real - fake)), -np.log(sigmoid(fake - real))),
    }
    assert expected.keys() == GAMES.keys()
    for name, (loss_d, loss_g) in expected.items():
        game = GAMES[name]
        np.testing.assert_allclose(
            game.discriminator_loss(real, fake), loss_d, rtol=1e-9, err_msg=name
        )
        np.testing.assert_allclose(game.generator_loss(real, fake), loss_g, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", [name for name in GAMES if name != "minimax"])
def test_discriminators_raise_real_logits_and_generators_fake_ones(name):
    real, fake = tensor(np.zeros(1), requires_grad=True), tensor(np.zeros(1), requires_grad=True)
    game = GAMES[name]
    middle = 0.5 if name == "least squares" else 0.0  # the value that stands for "undecided"
    loss_d = game.discriminator_loss(real + middle, fake + middle).sum()
    d_real, d_fake = (float(g.numpy()[0]) for g in grad(loss_d, [real, fake]))
    assert d_real < 0 < d_fake
    loss_g = game.generator_loss(tensor(np.zeros(1)), fake).sum()
    assert float(grad(loss_g, fake)[0].numpy()[0]) < 0


@pytest.mark.parametrize("loss", [minimax_value, relativistic])
def test_batches_of_different_sizes_are_refused(loss):
    with pytest.raises(ValueError, match="as many examples as there are real ones"):
        loss(np.zeros(3), np.zeros(2))
