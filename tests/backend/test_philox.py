"""Random bits: the algorithm as written, NumPy's, and the authors' published values agree."""

import numpy as np
import pytest

from tinygen.backend import threads as pool
from tinygen.backend.distributions import CHUNK, fill_integers, fill_normal, fill_uniform
from tinygen.backend.philox import numpy_rng, philox

LAST = 2**64 - 1


@pytest.mark.parametrize("seed, draw", [(0, 0), (1, 0), (0, 1), (LAST, LAST), (2**63, 12345)])
@pytest.mark.parametrize("block", [0, 1, 2**32 - 3, LAST - 10])
def test_the_twin_computes_the_bits_of_numpy(seed, draw, block):
    counters = np.arange(9, dtype=np.uint64) + np.uint64(block + 1)  # NumPy adds 1 before a block
    blocks = philox(seed, draw, counters)
    key = np.array([seed, draw], np.uint64)
    numpys = np.random.Philox(key=key, counter=block).random_raw(36)
    np.testing.assert_array_equal(blocks.ravel(), numpys)
    np.testing.assert_array_equal(numpy_rng(seed, draw, block).bit_generator.random_raw(36), numpys)


def test_the_published_block_of_zeros():
    """From the file kat_vectors of the authors' library, Random123."""
    published = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox(0, 0, np.zeros(1, np.uint64)).tolist() == [published]


def integers(words, dtype):
    """Return the integers of random bits that numbers of a dtype are computed from."""
    return words.view(f"u{np.dtype(dtype).itemsize}")


@pytest.mark.parametrize("dtype, digits", [(np.float32, 24), (np.float64, 53)])
@pytest.mark.parametrize("n", [1, 7, 8, 1001])
def test_numbers_are_the_documented_functions_of_the_bits(dtype, digits, n):
    words = philox(3, 5, np.arange(1, n + 2, dtype=np.uint64)).ravel()
    k = integers(words, dtype)[: n + n % 2]
    bits = 8 * k.itemsize

    y = np.empty(n, dtype)
    fill_uniform(3, 5, y)
    expected = (k >> k.dtype.type(bits - digits)).astype(np.float64) * 2.0**-digits
    np.testing.assert_array_equal(y, expected[:n])

    fill_normal(3, 5, y)
    k_1, k_2 = k[::2].astype(np.float64), k.view(f"i{k.itemsize}")[1::2].astype(np.float64)
    r, a = np.sqrt(-2 * np.log((k_1 + 1) / 2.0**bits)), 2 * np.pi * k_2 / 2.0**bits
    pairs = np.stack([r * np.cos(a), r * np.sin(a)], axis=1).ravel()[:n]
    np.testing.assert_allclose(y, pairs, rtol=0, atol=20 * np.finfo(dtype).eps)

    z = np.empty(n, np.int64)
    fill_integers(3, 5, -7, 1000, z)
    expected = [-7 + int(float(w >> 11) * 2.0**-53 * 1000) for w in words[:n].tolist()]
    assert z.tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_extreme_bits_give_finite_numbers(dtype, monkeypatch):
    """No integer gives u = 0, and the largest round to u = 1: radius 0."""
    size = np.dtype(dtype).itemsize
    most = np.array([0, 0, 2 ** (8 * size) - 1, 0], f"u{size}").view(np.uint64)

    class Extreme:
        def random_raw(self, n):
            return most[:n]

    monkeypatch.setattr(
        "tinygen.backend.distributions.numpy_rng",
        lambda *args: type("rng", (), {"bit_generator": Extreme()}),
    )
    y = np.empty(4, dtype)
    fill_normal(0, 0, y)
    largest = {4: 6.66, 8: 9.42}[size]
    np.testing.assert_allclose(y, [largest, 0, 0, 0], atol=0.005)


def fill_range(seed, draw, y):
    fill_integers(seed, draw, 0, 1000, y)


@pytest.mark.parametrize(
    "fill, dtype",
    [
        (fill_uniform, np.float32),
        (fill_uniform, np.float64),
        (fill_normal, np.float32),
        (fill_normal, np.float64),
        (fill_range, np.int64),
    ],
)
def test_chunks_and_threads_do_not_change_a_bit(fill, dtype, n_threads, monkeypatch):
    n = 3 * CHUNK + 5
    y = np.empty(n, dtype)
    fill(1, 2, y)
    short = np.empty(CHUNK + 3, dtype)
    fill(1, 2, short)
    assert y[: len(short)].tobytes() == short.tobytes()

    monkeypatch.setattr("tinygen.backend.distributions.CHUNK", 2 * n)
    whole = np.empty(n, dtype)
    fill(1, 2, whole)
    assert y.tobytes() == whole.tobytes()
    assert pool.threads() == n_threads
