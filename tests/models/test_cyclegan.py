"""CycleGAN: the cycle loss is zero exactly where F inverts G, and only the whole loss knows which G; the pool; the translator."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import RNG, default_rng, grad, no_grad, tensor
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.models.cyclegan import ImagePool, Translator, cycles
from tinygen.models.pix2pix import mean_error


def piles(seed=0, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return (rng.uniform(-1, 1, (n, 3, 16, 16)).astype(dtype) for n in (4, 5))


# ---------------------------------------------------------------------------------------------------------------------- the cycle loss

INVERTIBLE = {
    "the identity": (lambda x: x, lambda y: y),
    "mirrored": (lambda x: x[..., ::-1], lambda y: y[..., ::-1]),
    "turned, its colours exchanged and negated": (lambda x: -x[:, [2, 0, 1]].transpose(0, 1, 3, 2), lambda y: -y[:, [1, 2, 0]].transpose(0, 1, 3, 2)),
    "made half as bright": (lambda x: x / 2, lambda y: y * 2),
}


@pytest.mark.parametrize("name", INVERTIBLE)
def test_the_cycle_loss_is_zero_on_an_invertible_pair(name):
    G, F = INVERTIBLE[name]
    x, y = map(tensor, piles())
    way = cycles(G, F, x, y)
    assert float(way.loss) == 0  # exactly: nothing here rounds
    assert np.array_equal(way.again_x.numpy(), x.numpy()) and np.array_equal(way.again_y.numpy(), y.numpy())
    assert np.array_equal(way.fake_y.numpy(), G(x).numpy()) and np.array_equal(way.fake_x.numpy(), F(y).numpy())


def test_an_invertible_network():
    """G mixes colours by a matrix, F by its inverse: zero to rounding; by another matrix, not."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=(3, 3)) + 2 * np.eye(3)

    def mixed(m):
        return lambda x: (x.transpose(0, 2, 3, 1) @ m).transpose(0, 3, 1, 2)

    x, y = piles(dtype=np.float64)
    assert float(cycles(mixed(a), mixed(np.linalg.inv(a)), tensor(x), tensor(y)).loss) < 1e-14
    assert float(cycles(mixed(a), mixed(a.T), tensor(x), tensor(y)).loss) > 0.1


def test_each_cycle_counts_as_a_mean():
    """F gives back 0.25 too much in X, so G receives 0.25 too much in Y: a quarter for either cycle, however many pictures and pixels."""
    x, y = map(tensor, piles(dtype=np.float64))
    assert float(cycles(lambda x: x, lambda y: y + 0.25, x, y).loss) == pytest.approx(0.5)
    assert float(mean_error(x, x - 0.125)) == pytest.approx(0.125)


def test_the_identity_loss_tells_apart_what_the_cycle_loss_does_not():
    """All these pairs are invertible; one alone leaves what is already right as it is."""
    x, y = map(tensor, piles(dtype=np.float64))
    assert float(cycles(*INVERTIBLE["the identity"], x, y).identity) == 0
    assert float(cycles(*INVERTIBLE["mirrored"], x, y).identity) > 0.5
    half = cycles(*INVERTIBLE["made half as bright"], x, y).identity
    assert float(half) == pytest.approx(np.abs(y.numpy()).mean() / 2 + np.abs(x.numpy()).mean())


def test_both_networks_learn_from_both_cycles():
    g = default_rng(0)
    G, F = (Translator(3, 16, 4, rng=g) for _ in range(2))
    x, y = piles()
    weights = [*G.parameters(), *F.parameters()]
    there, back = grad(mean_error(x, F(G(x))), weights), grad(mean_error(y, G(F(y))), weights)
    for both, a, b in zip(grad(cycles(G, F, x, y).loss, weights), there, back, strict=True):
        assert np.abs(a.numpy()).max() > 0 and np.abs(b.numpy()).max() > 0
        np.testing.assert_allclose(both.numpy(), a.numpy() + b.numpy(), rtol=1e-3, atol=1e-6)
    kept = grad(cycles(G, F, x, y).identity, weights), grad(mean_error(y, G(y)) + mean_error(x, F(x)), weights)
    for a, b in zip(*kept, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-6)


# ---------------------------------------------------------------------------------------------------------------------- the translator


def test_shapes_and_what_is_added():
    T = Translator(3, 16, 4, rng=default_rng(0))
    x, _ = piles()
    y = T(x)
    assert y.shape == x.shape and y.dtype == np.float32
    assert 0.001 < np.abs(y.numpy() - x).mean() < 0.5  # near the identity, but not it
    last = T.change.output[0]
    last.weight.data = 1000 * last.weight.data
    assert 1.9 < np.abs(T(x).numpy() - x).max() <= 2.0001  # from black to white, and no further
    last.weight.data, last.bias.data = 0 * last.weight.data, 0 * last.bias.data
    assert np.array_equal(T(x).numpy(), x)


def test_on_other_arrays():
    T = Translator(3, 16, 4, rng=default_rng(0))
    x, y = piles()
    with no_grad():
        plain = cycles(T, T, x, y)
        T.map_arrays_(StrictArray)
        strict = cycles(T, T, StrictArray(x), StrictArray(y))
    for a, b in zip(plain, strict, strict=True):
        assert isinstance(b.data, StrictArray)
        np.testing.assert_allclose(b.data.get(), a.numpy(), rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------------------------------------- the pool


def numbered(first, n):
    """Pictures (n, 1, 2, 2), each full of its number."""
    return np.arange(first, first + n, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2), np.float32)


def test_until_it_is_full_what_comes_is_given_back():
    pool = ImagePool((1, 2, 2), 5, rng=default_rng(0))
    for k in range(1, 4):
        fakes = numbered(2 * k, 2)
        assert np.array_equal(pool.exchange(fakes), fakes)
    assert pool.filled == 5 and sorted(pool.images[:, 0, 0, 0].tolist()) == [2, 3, 4, 5, 6]


def test_then_half_are_older_and_none_is_lost_or_doubled():
    pool = ImagePool((1, 2, 2), 8, rng=default_rng(0))
    came, given = [], []
    for k in range(500):
        fakes = numbered(4 * k, 4)
        back = pool.exchange(fakes)
        assert back.shape == fakes.shape and back.dtype == np.float32
        came += fakes[:, 0, 0, 0].tolist()
        given += back[:, 0, 0, 0].tolist()
    given = np.array(given)
    held = pool.images[:, 0, 0, 0]
    after = given[8:]  # what was given back once the pool was full
    assert len(set(after.tolist())) == len(after)
    assert set(after.tolist()) | set(held.tolist()) == set(came)
    older = after < 4 * np.repeat(np.arange(2, 500), 4)
    assert abs(older.mean() - 0.5) < 0.04
    age = np.repeat(np.arange(2, 500), 4) - after // 4
    assert age.max() > 8  # some have lain long


def test_the_pool_is_part_of_a_checkpoint(tmp_path):
    """Saved in the middle and loaded into a fresh one, it goes on with the same bits."""

    def made():
        rng = default_rng(3)
        return rng, ImagePool((1, 2, 2), 6, rng=rng)

    (g, pool), (other_g, other) = made(), made()
    for stop in (1, 5):  # half full; full
        for k in range(stop):
            pool.exchange(numbered(2 * k, 2))
        save_checkpoint(tmp_path / "c.npz", pool=pool, g=g)
        load_checkpoint(tmp_path / "c.npz", pool=other, g=other_g)
        for k in range(10, 30):
            assert np.array_equal(pool.exchange(numbered(2 * k, 2)), other.exchange(numbered(2 * k, 2)))
        assert np.array_equal(pool.images, other.images) and pool.filled == other.filled
    state = pool.state_dict()
    pool.exchange(numbered(100, 6))
    assert not np.array_equal(state["images"], pool.images)  # a copy
    with pytest.raises(ValueError, match="not of this ImagePool"):
        ImagePool((1, 2, 2), 5, rng=g).load_state_dict(state)
    with pytest.raises(ValueError, match="7 of 6 places"):
        pool.load_state_dict(state | {"filled": 7})


def test_the_pool_on_other_arrays():
    class Strict(RNG):
        def _floats(self, *args):
            return StrictArray(super()._floats(*args))

        def permutation(self, n):
            return StrictArray(super().permutation(n))

    plain, strict = (ImagePool((1, 2, 2), 4, rng=kind(0)) for kind in (RNG, Strict))
    strict.images = StrictArray(strict.images)
    for k in range(20):
        fakes = numbered(3 * k, 3)
        assert np.array_equal(strict.exchange(StrictArray(fakes)).get(), plain.exchange(fakes))


def test_what_does_not_fit_a_pool():
    pool = ImagePool((1, 2, 2), 4, rng=default_rng(0))
    for fakes in (numbered(0, 5), np.zeros((2, 3, 2, 2), np.float32)):
        with pytest.raises(ValueError, match="holds 4 pictures"):
            pool.exchange(fakes)
