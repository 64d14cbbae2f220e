"""Deepfakes: the linear case against its closed form, gradients, and swaps of small networks."""

import numpy as np
import pytest

from tinygen import default_rng, losses, no_grad, optim
from tinygen.models.autoencoder import Autoencoder, ConvAutoencoder, LinearAutoencoder
from tinygen.models.deepfake import Deepfake

D, K = 6, 2  # numbers in a picture, numbers in a state

# The linear case. The numbers of the points are those of the docstring of models/deepfake.py.


def subspaces(c, seed=0):
    """Return A_A and A_B (D, K) with orthonormal columns and A_A^T A_B = c I."""
    columns = np.random.default_rng(seed).normal(size=(D, 2 * K))
    a, orthogonal = np.split(np.linalg.qr(columns)[0], 2, axis=1)
    return a, c * a + np.sqrt(1 - c * c) * orthogonal


def symmetric_points(n, std=1.0):
    """Return 2 n points (2 n, n) with mean 0 and covariance std^2 I, exactly."""
    return std * np.sqrt(n) * np.concatenate([np.eye(n), -np.eye(n)])


class LinearDeepfake(Deepfake):
    """A deepfake without standardized codes, as in the derivation."""

    def encode(self, x, person):
        """Encode without standardization."""
        return self.encoder(x)


def linear_deepfake(seed, latent_dim):
    """Build a deepfake of two linear autoencoders in float64."""
    rng = default_rng(seed)
    model = LinearDeepfake(*(LinearAutoencoder(latent_dim, (1, 1, D), rng=rng) for _ in range(2)))
    return model.map_arrays_(lambda a: a.astype(np.float64))


def weight_of(part):
    """Return the weight of an encoder or a decoder."""
    return next(part.parameters())


def start_with_a_mirrored_number(model, a, seed):
    """Set the weights so that the first number of the state is mirrored in a swap.

    The encoder reads this number from A_A - A_B and the others from A_A + A_B, up to a small
    disturbance.
    """
    e = (a[0] + a[1] * np.where(np.arange(K), 1, -1)).T
    e = e + 0.01 * np.random.default_rng(seed).normal(size=(K, D))
    weight_of(model.encoder).data = e
    for person in (0, 1):
        weight_of(model.decoders[person]).data = a[person] @ np.linalg.inv(e @ a[person])


def train_linear(a, std, seed, steps=500, mirrored=False, latent_dim=K):
    """Train on all states of both people, with noise of standard deviation `std`.

    Returns
    -------
    loss : float
        The loss at the end.
    states : array (steps, K)
        All states, for `check_swap`.
    model : LinearDeepfake
        The trained model.
    """
    model = linear_deepfake(seed, latent_dim)
    if mirrored:
        start_with_a_mirrored_number(model, a, seed)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=steps)
    # Combine every state with every noise.
    states = np.repeat(symmetric_points(K), 2 * D, axis=0)
    noise = np.tile(symmetric_points(D, std), (2 * K, 1)).reshape(-1, 1, 1, D)
    x = [(states @ p.T).reshape(-1, 1, 1, D) for p in a]
    for step in range(steps):
        schedule.set(step)
        loss = sum(losses.squared_error(x[p], model(x[p] + noise, p)).mean() for p in (0, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.numpy()), states, model


def swap_matrix(a, model, states):
    """Return M = (E A_B)^-1 E A_A, after a check that a swap of state s is B in state M s."""
    e = weight_of(model.encoder).numpy()
    m = np.linalg.solve(e @ a[1], e @ a[0])
    pictures_of_a, pictures_of_b = states @ a[0].T, states @ m.T @ a[1].T
    with no_grad():
        swapped, expected = (
            model(x.reshape(-1, 1, 1, D), 1).numpy() for x in (pictures_of_a, pictures_of_b)
        )
    np.testing.assert_allclose(swapped, expected, atol=1e-3)
    return m


@pytest.mark.parametrize("c", [0.6, -0.6])
def test_noise_makes_the_linear_swap_exact(c):
    """Points 2 and 4: the loss is the bound, and M = I for c > 0, M = -I for c < 0."""
    for seed in range(2):
        a = subspaces(c, seed)
        loss, states, model = train_linear(a, 1.0, seed)
        np.testing.assert_allclose(loss, 2 * K / (1 + (1 + 0.6) / 2), rtol=1e-6)
        np.testing.assert_allclose(swap_matrix(a, model, states), np.sign(c) * np.eye(K), atol=1e-3)


@pytest.mark.parametrize("noise_over_bound, num_mirrored", [(0.5, 1), (1.5, 0)])
def test_a_mirrored_state_is_a_local_minimum_only_below_the_noise_bound(
    noise_over_bound, num_mirrored
):
    """Point 3: the bound is sigma^2 = (1 - c)(2 + c) / 2c = 0.867 for c = 0.6.

    Below it, M becomes a reflection. The loss of the mirrored direction has 1 - c in the place of
    1 + c.
    """
    c = 0.6
    variance = noise_over_bound * (1 - c) * (2 + c) / (2 * c)
    a = subspaces(c)
    loss, states, model = train_linear(a, variance**0.5, 0, steps=1200, mirrored=True)
    m = swap_matrix(a, model, states)
    signs = (1 - 2 * num_mirrored, 1)
    np.testing.assert_allclose(m, m.T, atol=2e-3)
    np.testing.assert_allclose(np.linalg.eigvalsh(m), signs, atol=2e-3)
    expected = sum(2 * variance / (variance + (1 + sign * c) / 2) for sign in signs)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_without_noise_the_loss_does_not_determine_the_swap():
    """Point 1: every picture is reconstructed exactly, and M is an arbitrary matrix."""
    a, deviations = subspaces(0.6), []
    for seed in range(3):
        loss, states, model = train_linear(a, 0, seed)
        assert loss < 1e-6
        deviations.append(np.abs(swap_matrix(a, model, states) - np.eye(K)).max())
    assert max(deviations) > 0.1, deviations


def test_for_people_with_nothing_in_common_the_swap_is_an_arbitrary_rotation():
    """Point 4: for c = 0, M is any rotation or reflection."""
    a, deviations = subspaces(0), []
    for seed in range(2):
        loss, states, model = train_linear(a, 1.0, seed)
        m = swap_matrix(a, model, states)
        np.testing.assert_allclose(loss, 2 * K / 1.5, rtol=1e-5)
        np.testing.assert_allclose(m @ m.T, np.eye(K), atol=1e-2)
        deviations.append(np.abs(m - np.eye(K)).max())
    assert max(deviations) > 0.5, deviations


def test_with_a_wide_code_the_swap_is_weak():
    """Point 6: with 2 K numbers the swapped state is f(1) c s."""
    a = subspaces(0.6)
    loss, _, model = train_linear(a, 0.5, 0, latent_dim=2 * K)
    e, d = weight_of(model.encoder).numpy(), weight_of(model.decoders[1]).numpy()
    np.testing.assert_allclose(loss, 2 * K * 0.25 / 1.25, rtol=1e-5)
    np.testing.assert_allclose(a[1].T @ d @ e @ a[0], 0.6 / 1.25 * np.eye(K), atol=2e-3)


# Networks


def conv_autoencoders(seed=0):
    """Build two small convolutional autoencoders."""
    rng = default_rng(seed)
    return [ConvAutoencoder(5, 2, (3, 16, 16), rng=rng) for _ in range(2)]


def test_each_decoder_learns_from_its_own_person_and_the_encoder_from_both():
    x = [default_rng(k).uniform((4, 3, 16, 16)) for k in (1, 2)]
    model = Deepfake(*conv_autoencoders())
    encoder_gradients = []
    for person in (0, 1):
        model.zero_grad()
        losses.squared_error(x[person], model(x[person], person)).mean().backward()
        own, other = model.decoders[person], model.decoders[1 - person]
        assert all(p.grad is None for p in other.parameters())
        assert all(np.abs(p.grad.numpy()).max() > 0 for p in own.parameters())
        encoder_gradients.append([p.grad.numpy().copy() for p in model.encoder.parameters()])
    model.zero_grad()
    sum(losses.squared_error(x[p], model(x[p], p)).mean() for p in (0, 1)).backward()
    for p, a, b in zip(model.encoder.parameters(), *encoder_gradients, strict=True):
        assert np.abs(a).max() > 0
        assert np.abs(b).max() > 0
        assert not np.allclose(a, b)
        np.testing.assert_allclose(p.grad.numpy(), a + b, rtol=1e-4, atol=1e-5)


def test_the_second_encoder_is_not_part_of_the_model():
    a, b = conv_autoencoders()
    used = {id(p) for part in (a, b.decoder) for p in part.parameters()}
    assert {id(p) for p in Deepfake(a, b).parameters()} == used


def test_the_first_layers_of_the_decoders_share_weights_but_not_biases():
    """Layer 0 is linear, 3, 5 and 7 are convolutions. A loaded model shares them too."""
    model, loaded = (Deepfake(*conv_autoencoders(seed), num_shared=7) for seed in (0, 1))
    loaded.load_state_dict(model.state_dict())
    for m in (model, loaded):
        for k in (0, 3, 5, 7):
            a, b = (decoder[k] for decoder in m.decoders)
            assert (a.weight is b.weight) == (k < 7)
            assert a.bias is not b.bias
    x = default_rng(1).uniform((40, 3, 16, 16))
    assert np.array_equal(model.swap(x, 0).numpy(), loaded.swap(x, 0).numpy())
    separate, shared = (Deepfake(*conv_autoencoders(), k) for k in (0, 7))
    weights = [separate.decoders[1][k].weight for k in (0, 3, 5)]
    num_numbers = [sum(p.size for p in m.parameters()) for m in (separate, shared)]
    assert num_numbers[0] - num_numbers[1] == sum(w.size for w in weights)


def test_codes_of_each_person_are_standardized():
    """The second person's pictures have more contrast, but their codes have the same scale."""
    a, b = conv_autoencoders()
    model, x = Deepfake(a, b), default_rng(1).uniform((40, 3, 16, 16))
    pictures = (x, 1 + 3 * x)
    for _ in range(100):  # until the running statistics have converged
        codes = [model.encode(pictures[person], person) for person in (0, 1)]
    for code in codes:
        np.testing.assert_allclose(code.numpy().mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(code.numpy().std(axis=0), 1, atol=1e-2)
    model.eval()
    for person in (0, 1):
        code = a.encode(pictures[person]).numpy()
        standardized = (code - code.mean(axis=0)) / code.std(axis=0, ddof=1)
        encoded = model.encode(pictures[person], person).numpy()
        np.testing.assert_allclose(encoded, standardized, atol=2e-2)


def test_reconstruction_and_swap_decode_the_same_code():
    """In evaluation, the swap of a picture does not depend on the other pictures of its batch."""
    autoencoders = conv_autoencoders()
    model, x = Deepfake(*autoencoders), default_rng(1).uniform((40, 3, 16, 16))
    for person in (0, 1):
        model.encode(x, person)
    model.eval()
    for person in (0, 1):
        code = model.encode(x, person)
        own, other = autoencoders[person], autoencoders[1 - person]
        swapped = model.swap(x, person).numpy()
        assert np.array_equal(model(x, person).numpy(), own.decode(code).numpy())
        assert np.array_equal(swapped, other.decode(code).numpy())
        alone = model.swap(x[:1], person).numpy()
        np.testing.assert_allclose(alone, swapped[:1], rtol=1e-3, atol=1e-4)


def test_runs_on_a_gpu(cupy):
    model, gpu_model = Deepfake(*conv_autoencoders()), Deepfake(*conv_autoencoders())
    model.map_arrays_(lambda a: a.astype(np.float64))
    gpu_model.map_arrays_(lambda a: cupy.asarray(a.astype(np.float64)))
    x = default_rng(1).uniform((3, 3, 16, 16), np.float64)
    gpu_x = cupy.asarray(x)
    for person in (0, 1):
        loss = losses.squared_error(x, model(x, person))
        gpu_loss = losses.squared_error(gpu_x, gpu_model(gpu_x, person))
        assert isinstance(gpu_loss.data, cupy.ndarray)
        np.testing.assert_allclose(gpu_loss.numpy(), loss.numpy(), rtol=1e-9)
        loss.mean().backward()
        gpu_loss.mean().backward()
    for p, gpu_p in zip(model.parameters(), gpu_model.parameters(), strict=True):
        np.testing.assert_allclose(gpu_p.grad.numpy(), p.grad.numpy(), rtol=1e-8, atol=1e-9)


def bumps():
    """Return pictures (64, 1, 4, 4) of two people: bumps at the same positions.

    The bump of the first person is narrow and high, that of the second wide and low. The state is
    the position.
    """
    positions = 2 + 11 * np.linspace(0, 1, 64, dtype=np.float32)[:, None]
    pixels = np.arange(16, dtype=np.float32)
    pictures = []
    for height, width in ((1.0, 1.5), (0.7, 2.5)):
        bump = height * np.exp(-(((pixels - positions) / width) ** 2))  # (64, 16)
        pictures.append(bump.reshape(64, 1, 4, 4))
    return pictures


def test_swapped_bumps_keep_their_position():
    """Trained on unpaired pictures, a swap is better than half the error of the mean picture."""
    rng, x = default_rng(0), bumps()
    means = [pictures.mean(axis=0) for pictures in x]
    model = Deepfake(*(Autoencoder(4, (64, 32), (1, 4, 4), rng=rng) for _ in range(2)))
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=400)
    for step in range(400):
        schedule.set(step)
        loss = 0
        for person in (0, 1):
            y = x[person][rng.permutation(64)[:32]] - means[person]
            noisy = y + 0.1 * rng.normal(y.shape)
            loss = loss + losses.squared_error(y, model(noisy, person)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    for person, other in ((0, 1), (1, 0)):
        with no_grad():
            swapped = model.swap(x[person] - means[person], person).numpy() + means[other]
        error = np.sqrt(((swapped - x[other]) ** 2).mean())
        error_of_mean = np.sqrt(((means[other] - x[other]) ** 2).mean())
        assert error < 0.5 * error_of_mean, (person, error / error_of_mean)


def test_autoencoders_with_other_latent_dimensions_are_rejected():
    rng = default_rng(0)
    with pytest.raises(ValueError, match="got 3 and 4"):
        Deepfake(*(Autoencoder(k, (5, 4), (1, 2, 2), rng=rng) for k in (3, 4)))


@pytest.mark.parametrize("person", [-1, 2, "A"])
def test_a_third_person_is_rejected(person):
    rng = default_rng(0)
    model = Deepfake(*(Autoencoder(3, (5, 4), (1, 2, 2), rng=rng) for _ in range(2)))
    with pytest.raises(ValueError, match="two people, 0 and 1"):
        model.encode(np.zeros((3, 1, 2, 2), np.float32), person)
    with pytest.raises(ValueError, match="two people, 0 and 1"):
        model.decode(np.zeros((3, 3), np.float32), person)
