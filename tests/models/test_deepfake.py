"""Deepfakes: the linear case against its closed form, whose weights each person's pictures move, and that faces are swapped at all."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import default_rng, losses, no_grad, optim
from tinygen.models.autoencoder import Autoencoder, ConvAutoencoder, LinearAutoencoder
from tinygen.models.deepfake import Deepfake

D, K = 6, 2


def people(c, seed=0):
    """A_A and A_B (D, K) with orthonormal columns each, and A_A^T A_B = c I."""
    a, rest = np.split(np.linalg.qr(np.random.default_rng(seed).normal(size=(D, 2 * K)))[0], 2, axis=1)
    return a, c * a + np.sqrt(1 - c * c) * rest


def signed(n, deviation=1.0):
    """2 n points (2 n, n) whose mean is 0 and whose covariance is deviation^2 I, exactly."""
    return deviation * np.sqrt(n) * np.concatenate([np.eye(n), -np.eye(n)])


class Linear(Deepfake):
    """Without the standardization of codes, as the derivation has it."""

    def encode(self, x, person):
        return self.encoder(x)


def trained(a, sigma, seed, steps=500, mirrored=False, latent_dim=K):
    """A linear deepfake of people `a`, its input spoilt by noise: the loss that it reaches, and M, the state that a swap makes of A's.
    With `latent_dim` other than K, which is how many numbers a state has, the matrix by which A's state becomes a swap's in place of M.

    `mirrored`: begin near the place where the first number of the state is read off A_A - A_B, and so mirrored, and the others off A_A + A_B.
    """
    g = default_rng(seed)
    model = Linear(*(LinearAutoencoder(latent_dim, (1, 1, D), rng=g) for _ in range(2)))
    for w in model.parameters():
        w._data = w.data.astype(np.float64)
    if mirrored:
        e = (a[0] + a[1] * np.where(np.arange(K), 1, -1)).T + 0.01 * np.random.default_rng(seed).normal(size=(K, D))
        [*model.encoder.parameters()][0].data = e
        for p in (0, 1):
            [*model.decoders[p].parameters()][0].data = a[p] @ np.linalg.inv(e @ a[p])
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    s, n = np.repeat(signed(K), 2 * D, axis=0), np.tile(signed(D, sigma), (2 * K, 1))  # every state with every noise
    x = [(s @ p.T).reshape(-1, 1, 1, D) for p in a]
    for step in range(steps):
        loss = sum(losses.squared_error(x[p], model(x[p] + n.reshape(x[p].shape), p)).mean() for p in (0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 0.05 * optim.cosine_decay(step, steps=steps)
        optimizer.step()
    e, d = ([*part.parameters()][0].numpy() for part in (model.encoder, model.decoders[1]))
    if latent_dim != K:
        return float(loss.numpy()), a[1].T @ d @ e @ a[0]
    m = np.linalg.solve(e @ a[1], e @ a[0])
    with no_grad():  # D_B E x_A is what D_B makes of B in the state M s
        np.testing.assert_allclose(*(model(z.reshape(x[0].shape), 1).numpy() for z in (s @ a[0].T, s @ m.T @ a[1].T)), atol=1e-3)
    return float(loss.numpy()), m


@pytest.mark.parametrize("c", [0.6, -0.6])
def test_noise_makes_the_linear_swap_exact_where_people_move_alike(c):
    """The least loss of the docstring's derivation, and there M = I; where the same state moves pixels in the opposite sense, -I."""
    for seed in range(2):
        loss, m = trained(people(c, seed), 1.0, seed)
        np.testing.assert_allclose(loss, 2 * K / (1 + (1 + 0.6) / 2), rtol=1e-6)
        np.testing.assert_allclose(m, np.sign(c) * np.eye(K), atol=1e-3)


def test_little_noise_leaves_a_mirrored_state_mirrored_and_enough_noise_does_not():
    """The bound of the docstring: for c = 0.6, sigma^2 = 0.867. M becomes a reflection, in a direction of its choice, whose cost has 1 - c in place of 1 + c."""
    c = 0.6
    bound = (1 - c) * (2 + c) / (2 * c)
    for share, mirrored in ((0.5, 1), (1.5, 0)):
        noise = share * bound
        loss, m = trained(people(c), noise**0.5, 0, steps=1200, mirrored=True)
        np.testing.assert_allclose(m, m.T, atol=2e-3)
        np.testing.assert_allclose(np.linalg.eigvalsh(m), [1 - 2 * mirrored, 1], atol=2e-3)
        np.testing.assert_allclose(loss, sum(2 * noise / (noise + (1 + sign * c) / 2) for sign in (1 - 2 * mirrored, 1)), rtol=1e-5)


def test_without_noise_nothing_asks_for_the_swap():
    """Everything is given back exactly, and M is anything."""
    found = [trained(people(0.6), 0, seed) for seed in range(3)]
    assert max(loss for loss, _ in found) < 1e-6
    away = [np.abs(m - np.eye(K)).max() for _, m in found]
    assert max(away) > 0.1, away


def test_of_people_with_nothing_in_common_the_swapped_state_is_turned_at_will():
    found = [trained(people(0), 1.0, seed) for seed in range(2)]
    for loss, m in found:
        np.testing.assert_allclose(loss, 2 * K / 1.5, rtol=1e-5)
        np.testing.assert_allclose(m @ m.T, np.eye(K), atol=1e-2)
    assert max(np.abs(m - np.eye(K)).max() for _, m in found) > 0.5


def test_a_wide_code_leaves_the_swap_faint():
    loss, swap = trained(people(0.6), 0.5, 0, latent_dim=2 * K)
    np.testing.assert_allclose(loss, 2 * K * 0.25 / 1.25, rtol=1e-5)
    np.testing.assert_allclose(swap, 0.6 / 1.25 * np.eye(K), atol=2e-3)


def small(seed=0):
    g = default_rng(seed)
    return [ConvAutoencoder(5, 2, (3, 16, 16), rng=g) for _ in range(2)]


def test_each_decoder_learns_from_its_own_person_and_the_encoder_from_both():
    x = [default_rng(k).uniform((4, 3, 16, 16)) for k in (1, 2)]
    model = Deepfake(*small())
    alone = []
    for p in (0, 1):
        model.zero_grad()
        losses.squared_error(x[p], model(x[p], p)).mean().backward()
        assert all(w.grad is None for w in model.decoders[1 - p].parameters())
        assert all(np.abs(w.grad.numpy()).max() > 0 for w in model.decoders[p].parameters())
        alone.append([w.grad.numpy().copy() for w in model.encoder.parameters()])
    model.zero_grad()
    sum(losses.squared_error(x[p], model(x[p], p)).mean() for p in (0, 1)).backward()
    for w, a, b in zip(model.encoder.parameters(), *alone, strict=True):
        assert np.abs(a).max() > 0 and np.abs(b).max() > 0 and not np.allclose(a, b)
        np.testing.assert_allclose(w.grad.numpy(), a + b, rtol=1e-4, atol=1e-5)


def test_it_is_two_autoencoders_with_one_encoder_and_each_persons_codes_alike():
    one, other = small()
    model, x = Deepfake(one, other), default_rng(1).uniform((40, 3, 16, 16))
    used = {id(w) for m in (one, other.decoder) for w in m.parameters()}
    assert {id(w) for w in model.parameters()} == used  # the second encoder is no part of it
    louder = 1 + 3 * x
    for _ in range(100):
        z = [model.encode(x, 0), model.encode(louder, 1)]
    for v in z:
        np.testing.assert_allclose(v.numpy().mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(v.numpy().std(axis=0), 1, atol=1e-2)
    model.eval()
    for p, v in enumerate((x, louder)):
        code = one.encode(v).numpy()
        seen = (code - code.mean(axis=0)) / code.std(axis=0, ddof=1)
        np.testing.assert_allclose(model.encode(v, p).numpy(), seen, atol=2e-2)
        assert np.array_equal(model(v, p).numpy(), (one, other)[p].decode(model.encode(v, p)).numpy())
        assert np.array_equal(model.swap(v, p).numpy(), (other, one)[p].decode(model.encode(v, p)).numpy())
        np.testing.assert_allclose(model.swap(v[:1], p).numpy(), model.swap(v, p).numpy()[:1], rtol=1e-3, atol=1e-4)  # a picture by itself


def test_runs_on_a_strict_array_type():
    here, there = Deepfake(*small()), Deepfake(*small())
    here.map_arrays_(lambda a: a.astype(np.float64))
    there.map_arrays_(lambda a: StrictArray(a.astype(np.float64)))
    x = default_rng(1).uniform((3, 3, 16, 16), np.float64)
    for p in (0, 1):
        plain, strict = losses.squared_error(x, here(x, p)), losses.squared_error(StrictArray(x), there(StrictArray(x), p))
        assert isinstance(strict.data, StrictArray)
        np.testing.assert_allclose(strict.numpy(), plain.numpy(), rtol=1e-9)
        plain.mean().backward()
        strict.mean().backward()
    for v, w in zip(here.parameters(), there.parameters(), strict=True):
        np.testing.assert_allclose(w.grad.numpy(), v.grad.numpy(), rtol=1e-8, atol=1e-9)


def test_two_bumps_of_other_width_and_height_follow_each_other():
    """Person A is a narrow bump, B a broad low one; the state is where it stands. Never seen in pairs, each is drawn where the other was."""
    g, rate = default_rng(0), 5e-3
    at = np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    pixels = np.arange(16, dtype=np.float32)
    x = [h * np.exp(-(((pixels - 2 - 11 * at) / width) ** 2)).reshape(64, 1, 4, 4) for h, width in ((1.0, 1.5), (0.7, 2.5))]
    mean = [v.mean(axis=0) for v in x]
    model = Deepfake(*(Autoencoder(4, (64, 32), (1, 4, 4), rng=g) for _ in range(2)))
    optimizer = optim.Adam(model.parameters(), lr=rate)
    for step in range(400):
        loss = 0
        for p in (0, 1):
            y = x[p][g.permutation(64)[:32]] - mean[p]
            loss = loss + losses.squared_error(y, model(y + 0.1 * g.normal(y.shape), p)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = rate * optim.cosine_decay(step, steps=400)
        optimizer.step()
    model.eval()
    with no_grad():
        for p in (0, 1):
            swapped = model.swap(x[p] - mean[p], p).numpy() + mean[1 - p]
            error, constant = (np.sqrt(((v - x[1 - p]) ** 2).mean()) for v in (swapped, mean[1 - p]))
            assert error < 0.5 * constant, (p, error / constant)


def test_what_does_not_fit_is_refused():
    g = default_rng(0)
    with pytest.raises(ValueError, match="got 3 and 4"):
        Deepfake(*(Autoencoder(k, (5, 4), (1, 2, 2), rng=g) for k in (3, 4)))
    model = Deepfake(*(Autoencoder(3, (5, 4), (1, 2, 2), rng=g) for _ in range(2)))
    for person in (-1, 2, "A"):
        with pytest.raises(ValueError, match="two people, 0 and 1"):
            model.encode(np.zeros((3, 1, 2, 2), np.float32), person)
        with pytest.raises(ValueError, match="two people, 0 and 1"):
            model.decode(np.zeros((3, 3), np.float32), person)
