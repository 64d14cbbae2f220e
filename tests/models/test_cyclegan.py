"""CycleGAN: the cycle loss and the identity loss, the generator, and the image pool."""

import numpy as np
import pytest

from tinygen import default_rng, grad, no_grad, tensor
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.models.cyclegan import ImagePool, ResidualUNet, run_cycles
from tinygen.models.pix2pix import mean_absolute_error


def example_pictures(seed=0, dtype=np.float32):
    """Draw 4 pictures x and 5 pictures y, (N, 3, 16, 16)."""
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (n, 3, 16, 16)).astype(dtype) for n in (4, 5)]


def transpose_and_permute(x):
    """Transpose the picture, permute its colours and change their sign."""
    return -x[:, [2, 0, 1]].transpose(0, 1, 3, 2)


def undo_transpose_and_permute(y):
    """Invert `transpose_and_permute`."""
    return -y[:, [1, 2, 0]].transpose(0, 1, 3, 2)


INVERTIBLE = {
    "identity": (lambda x: x, lambda y: y),
    "mirror": (lambda x: x[..., ::-1], lambda y: y[..., ::-1]),
    "transpose and permute": (transpose_and_permute, undo_transpose_and_permute),
    "half brightness": (lambda x: x / 2, lambda y: y * 2),
}


# The losses


@pytest.mark.parametrize("name", INVERTIBLE)
def test_cycle_loss_is_exactly_zero_on_an_invertible_pair(name):
    """None of these maps rounds."""
    G, F = INVERTIBLE[name]
    x, y = map(tensor, example_pictures())
    outputs = run_cycles(G, F, x, y)
    assert float(outputs.cycle_loss) == 0
    assert np.array_equal(outputs.reconstructed_x.numpy(), x.numpy())
    assert np.array_equal(outputs.reconstructed_y.numpy(), y.numpy())
    assert np.array_equal(outputs.fake_y.numpy(), G(x).numpy())
    assert np.array_equal(outputs.fake_x.numpy(), F(y).numpy())


def linear_in_colours(matrix):
    """Return the function that multiplies the colours of each pixel by a matrix."""
    return lambda x: (x.transpose(0, 2, 3, 1) @ matrix).transpose(0, 3, 1, 2)


def test_cycle_loss_vanishes_for_the_inverse_matrix_alone():
    rng = np.random.default_rng(1)
    a = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    x, y = map(tensor, example_pictures(dtype=np.float64))
    G = linear_in_colours(a)
    inverse, other = linear_in_colours(np.linalg.inv(a)), linear_in_colours(a.T)
    assert float(run_cycles(G, inverse, x, y).cycle_loss) < 1e-14
    assert float(run_cycles(G, other, x, y).cycle_loss) > 0.1


def test_each_cycle_contributes_a_mean():
    """An F that adds 0.25 gives an error of 0.25 in each cycle, for any number of pictures."""
    x, y = map(tensor, example_pictures(dtype=np.float64))
    outputs = run_cycles(lambda x: x, lambda y: y + 0.25, x, y)
    assert float(outputs.cycle_loss) == pytest.approx(0.5)
    assert float(mean_absolute_error(x, x - 0.125)) == pytest.approx(0.125)


def test_identity_loss_distinguishes_invertible_pairs():
    """It is zero for the identity alone."""
    x, y = map(tensor, example_pictures(dtype=np.float64))
    losses = {
        name: float(run_cycles(G, F, x, y).identity_loss) for name, (G, F) in INVERTIBLE.items()
    }
    assert losses["identity"] == 0
    assert losses["mirror"] > 0.5
    expected = np.abs(y.numpy()).mean() / 2 + np.abs(x.numpy()).mean()
    assert losses["half brightness"] == pytest.approx(expected)


def assert_gradients_equal(a, b):
    """Compare two lists of gradients to the precision of float32."""
    for gradient, expected in zip(a, b, strict=True):
        np.testing.assert_allclose(gradient.numpy(), expected.numpy(), rtol=1e-3, atol=1e-6)


def test_both_generators_learn_from_both_cycles():
    rng = default_rng(0)
    G, F = (ResidualUNet(3, 16, 4, rng=rng) for _ in range(2))
    x, y = example_pictures()
    parameters = [*G.parameters(), *F.parameters()]
    forward = grad(mean_absolute_error(x, F(G(x))), parameters)
    backward = grad(mean_absolute_error(y, G(F(y))), parameters)
    for gradient in (*forward, *backward):
        assert np.abs(gradient.numpy()).max() > 0
    expected = [a + b for a, b in zip(forward, backward, strict=True)]
    assert_gradients_equal(grad(run_cycles(G, F, x, y).cycle_loss, parameters), expected)
    identity_loss = mean_absolute_error(y, G(y)) + mean_absolute_error(x, F(x))
    expected = grad(identity_loss, parameters)
    assert_gradients_equal(grad(run_cycles(G, F, x, y).identity_loss, parameters), expected)


# The generator


def test_the_generator_adds_a_bounded_change():
    """It starts near the identity, and changes a number by 2 at most: from black to white."""
    G = ResidualUNet(3, 16, 4, rng=default_rng(0))
    x, _ = example_pictures()
    y = G(x)
    assert y.shape == x.shape
    assert y.dtype == np.float32
    assert 0.001 < np.abs(y.numpy() - x).mean() < 0.5
    output = G.change.output[0]
    output.weight.data = 1000 * output.weight.data
    assert 1.9 < np.abs(G(x).numpy() - x).max() <= 2.0001
    output.weight.data, output.bias.data = 0 * output.weight.data, 0 * output.bias.data
    assert np.array_equal(G(x).numpy(), x)


def test_cycles_run_on_a_gpu(cupy):
    G = ResidualUNet(3, 16, 4, rng=default_rng(0))
    x, y = example_pictures()
    with no_grad():
        plain = run_cycles(G, G, x, y)
        G.to("cuda")
        on_gpu = run_cycles(G, G, cupy.asarray(x), cupy.asarray(y))
    for a, b in zip(plain, on_gpu, strict=True):
        assert isinstance(b.data, cupy.ndarray)
        np.testing.assert_allclose(b.data.get(), a.numpy(), rtol=1e-4, atol=1e-5)


# The image pool


def numbered_pictures(first, n):
    """Return pictures (n, 1, 2, 2), each filled with its number."""
    numbers = np.arange(first, first + n, dtype=np.float32)
    return numbers[:, None, None, None] * np.ones((1, 2, 2), np.float32)


def numbers_of(pictures):
    """Return the numbers of numbered pictures."""
    return pictures[:, 0, 0, 0].tolist()


def test_a_pool_that_is_not_full_returns_the_new_pictures():
    pool = ImagePool((1, 2, 2), 5, rng=default_rng(0))
    for k in range(1, 4):
        new = numbered_pictures(2 * k, 2)
        assert np.array_equal(pool.query(new), new)
    assert pool.num_stored == 5
    assert sorted(numbers_of(pool.images)) == [2, 3, 4, 5, 6]


def test_a_full_pool_returns_half_older_pictures_and_loses_or_repeats_none():
    pool = ImagePool((1, 2, 2), 8, rng=default_rng(0))
    given, returned = [], []
    for k in range(500):
        new = numbered_pictures(4 * k, 4)
        result = pool.query(new)
        assert result.shape == new.shape
        assert result.dtype == np.float32
        given += numbers_of(new)
        returned += numbers_of(result)
    returned = np.array(returned)[8:]  # from the time when the pool was full
    assert len(set(returned.tolist())) == len(returned)
    assert set(returned.tolist()) | set(numbers_of(pool.images)) == set(given)
    query_index = np.repeat(np.arange(2, 500), 4)
    is_older = returned < 4 * query_index
    assert abs(is_older.mean() - 0.5) < 0.04
    age = query_index - returned // 4
    assert age.max() > 8


def test_a_pool_restored_from_a_checkpoint_continues_with_the_same_bits(tmp_path):
    """The checkpoint is saved once when the pool is half full, and once when it is full."""
    path = tmp_path / "c.npz"
    rng, restored_rng = default_rng(3), default_rng(3)
    pool = ImagePool((1, 2, 2), 6, rng=rng)
    restored = ImagePool((1, 2, 2), 6, rng=restored_rng)
    for num_queries in (1, 5):
        for k in range(num_queries):
            pool.query(numbered_pictures(2 * k, 2))
        save_checkpoint(path, pool=pool, rng=rng)
        load_checkpoint(path, pool=restored, rng=restored_rng)
        for k in range(10, 30):
            new = numbered_pictures(2 * k, 2)
            assert np.array_equal(pool.query(new), restored.query(new))
        assert np.array_equal(pool.images, restored.images)
        assert pool.num_stored == restored.num_stored


def test_the_state_of_a_pool_is_a_copy_and_is_checked():
    rng = default_rng(3)
    pool = ImagePool((1, 2, 2), 6, rng=rng)
    pool.query(numbered_pictures(0, 6))
    state = pool.state_dict()
    pool.query(numbered_pictures(100, 6))
    assert not np.array_equal(state["images"], pool.images)
    with pytest.raises(ValueError, match="not of this ImagePool"):
        ImagePool((1, 2, 2), 5, rng=rng).load_state_dict(state)
    with pytest.raises(ValueError, match="7 of 6 places"):
        pool.load_state_dict(state | {"num_stored": 7})


def test_the_pool_runs_on_a_gpu(cupy):
    rngs = default_rng(0), default_rng(0, "cuda")
    plain, on_gpu = (ImagePool((1, 2, 2), 4, rng=rng) for rng in rngs)
    for k in range(20):
        new = numbered_pictures(3 * k, 3)
        assert np.array_equal(on_gpu.query(cupy.asarray(new)).get(), plain.query(new))


def test_pictures_that_do_not_fit_a_pool_are_rejected():
    pool = ImagePool((1, 2, 2), 4, rng=default_rng(0))
    for new in (numbered_pictures(0, 5), np.zeros((2, 3, 2, 2), np.float32)):
        with pytest.raises(ValueError, match="holds 4 pictures"):
            pool.query(new)
