"""Random numbers: the methods, their arguments, and that a stream resumes."""

import io

import numpy as np
import pytest

from tests import border
from tinygen import backend


@pytest.fixture(autouse=True)
def no_border():
    """The tests say themselves on which device they draw."""
    with border.opened():
        yield


def draws(rng):
    """Draw once by each method and dtype."""
    return [
        rng.normal((3, 2)),
        rng.uniform((5,), np.float64),
        rng.integers(0, 9, (3,)),
        rng.permutation(6),
        rng.bernoulli(0.4, (2, 4)),
        rng.normal((), np.float16),
        rng.bernoulli(backend.to_device(np.array([0.0, 1.0]), rng.device), dtype=np.uint8),
    ]


def test_shapes_dtypes_and_ranges():
    normal, uniform, integers, permutation, bernoulli, half, certain = draws(backend.default_rng(3))
    assert normal.dtype == np.float32 and normal.shape == (3, 2)
    assert uniform.dtype == np.float64 and ((0 <= uniform) & (uniform < 1)).all()
    assert integers.dtype == np.int64 and sorted(permutation) == list(range(6))
    assert bernoulli.dtype == np.float32 and set(bernoulli.flat) <= {0, 1}
    assert half.dtype == np.float16 and half.shape == ()
    assert certain.tolist() == [0, 1]
    assert abs(backend.default_rng(0).bernoulli(0.3, (100_000,)).mean() - 0.3) < 0.01


@pytest.mark.parametrize(
    "name, here",
    [
        ("standard_normal", r"rng.normal\(shape\)"),
        ("random", r"rng.uniform\(shape\)"),
        ("randint", r"rng.integers\(low, high, shape\)"),
        ("shuffle", r"rng.permutation\(len\(array\)\)"),
        ("gamma", "RNG has no attribute 'gamma'$"),
    ],
)
def test_names_of_numpy_and_pytorch_say_what_they_are_here(name, here):
    with pytest.raises(AttributeError, match=here):
        getattr(backend.default_rng(0), name)


def test_a_stream_resumes_from_a_file():
    rng, other = backend.default_rng(3), backend.default_rng(4)
    for _ in range(3):
        draws(rng)
    rng.integers(0, 9, (1,))
    rng.normal((1,))  # leaves half a word behind, which is state too
    file = io.BytesIO()
    np.savez(file, **rng.state_dict())
    file.seek(0)
    with np.load(file) as state:  # refuses pickles
        other.load_state_dict(state)
    for a, b in zip(draws(rng), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_states_of_older_versions_and_bad_seeds_are_refused():
    rng = backend.default_rng(0)
    for kind, size in (("numpy.pcg64", 6), ("cupy.philox", 2), ("philox", 6)):
        with pytest.raises(ValueError, match=rf"kind '{kind}' and has {size}. If an older version"):
            rng.load_state_dict({"kind": kind, "words": np.zeros(size, np.uint64)})
    for seed in (-1, 1.5, None, True, 2**64):
        with pytest.raises(ValueError, match="seed"):
            backend.default_rng(seed)


@pytest.mark.parametrize("words", [[-1, 2], [np.nan, 2.0], [1.5, 2.0], [2**64, 2]])
def test_words_that_are_no_seed_and_number_of_draws_are_refused(words):
    rng = backend.default_rng(3)
    for state in (words, np.array(words)):
        with pytest.raises(ValueError, match=r"integers from 0 to 2\*\*64 - 1, got"):
            rng.load_state_dict({"kind": "philox", "words": state})
    assert rng.state_dict()["words"].tolist() == [3, 0]
    rng.load_state_dict({"kind": "philox", "words": [2**64 - 1, 7]})  # as JSON stores them
    assert rng.state_dict()["words"].tolist() == [2**64 - 1, 7]


def test_the_seed_and_the_number_of_draws_are_the_state():
    rng = backend.default_rng(2**64 - 1)
    draws(rng)
    state = rng.state_dict()
    assert state["kind"] == "philox" and state["words"].tolist() == [2**64 - 1, 7]
    again = backend.default_rng(0)
    again.load_state_dict({"kind": "philox", "words": np.array([2**64 - 1, 0], np.uint64)})
    for a, b in zip(draws(again), draws(backend.default_rng(2**64 - 1)), strict=True):
        assert a.tobytes() == b.tobytes()


def test_integers_reach_both_ends_of_their_range():
    rng = backend.default_rng(0)
    assert set(rng.integers(-2, 2, 100)) == {-2, -1, 0, 1}
    assert set(rng.integers(2**63 - 2, 2**63, 50)) == {2**63 - 2, 2**63 - 1}
    assert set(rng.integers(-(2**63), 2 - 2**63, 50)) == {-(2**63), 1 - 2**63}
    wide = rng.integers(0, 2**53, 10_000)
    assert 0 <= wide.min() < 2**42 and 2**53 - 2**42 < wide.max() < 2**53


@pytest.mark.parametrize(
    "low, high, message",
    [
        (3, 3, "low must be less than high, got 3 and 3"),
        (4, 3, "low must be less than high"),
        (0, 2**53 + 1, r"high - low can be up to 2\*\*53"),
        (2**63 - 1, 2**63 + 1, "within int64"),
        (-(2**63) - 1, 0, "within int64"),
    ],
)
def test_integers_refuse_other_ranges(low, high, message):
    with pytest.raises(ValueError, match=message):
        backend.default_rng(0).integers(low, high, 3)


def test_a_refused_size_does_not_count_as_a_draw():
    rng = backend.default_rng(0)
    for draw in (rng.normal, rng.uniform, rng.permutation, lambda n: rng.integers(0, 2, n)):
        with pytest.raises(ValueError, match="negative"):
            draw(-1)
    with pytest.raises(TypeError):
        rng.permutation(2.0)
    assert rng.state_dict()["words"].tolist() == [0, 0]


def test_arrays_without_elements_can_be_drawn():
    rng = backend.default_rng(0)
    assert rng.normal((0, 3)).shape == (0, 3) and rng.permutation(0).shape == (0,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform_numbers_of_every_dtype_are_less_than_one(dtype):
    u = backend.default_rng(0).uniform(100_000, dtype)
    assert u.dtype == dtype and 0 <= u.min() < 1e-3 and 0.999 < u.max() < 1


def check_equal(actual, expected):
    """Check what the two devices drew: equal bits, but for the rounding of normal numbers."""
    actual = backend.to_numpy(actual)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    if actual.dtype == np.float16 or (actual.dtype.kind == "f" and actual.min(initial=0) < 0):
        atol = 20 * np.finfo(actual.dtype).eps
        np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)
    else:
        np.testing.assert_array_equal(actual, expected)


def test_every_device_draws_the_same_numbers(cupy):
    rng, on_cpu = backend.default_rng(2**64 - 1, "cuda"), backend.default_rng(2**64 - 1)
    for a, b in zip(draws(rng), draws(on_cpu), strict=True):
        assert type(a) is cupy.ndarray
        check_equal(a, b)
    for dtype in (np.float32, np.float64):
        check_equal(rng.normal((41, 1001), dtype), on_cpu.normal((41, 1001), dtype))
        check_equal(rng.uniform((41, 1001), dtype), on_cpu.uniform((41, 1001), dtype))
    check_equal(rng.integers(-5, 2**50, 50_001), on_cpu.integers(-5, 2**50, 50_001))
    check_equal(rng.permutation(50_001), on_cpu.permutation(50_001))
    p = np.linspace(0, 1, 7)
    check_equal(rng.bernoulli(cupy.asarray(p)), on_cpu.bernoulli(p))
    assert rng.state_dict()["words"].tolist() == on_cpu.state_dict()["words"].tolist()


def test_a_source_moves_between_devices(cupy):
    rng, on_cpu = backend.default_rng(3), backend.default_rng(3)
    first, second = on_cpu.normal(5), on_cpu.uniform(5)
    check_equal(rng.to("cuda").normal(5), first)
    other = backend.default_rng(0)
    other.load_state_dict(rng.state_dict())
    check_equal(other.uniform(5), second)
    check_equal(rng.to("cpu").uniform(5), second)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        rng.to("gpu")


def test_on_a_gpu_a_draw_is_one_launch_and_no_wait(cupy):
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    rng = backend.default_rng(0, "cuda")
    for launches, draw in (
        (1, lambda: rng.normal((64, 784))),
        (1, lambda: rng.uniform((64, 784), np.float64)),
        (1, lambda: rng.integers(0, 10, 64)),
        (2, lambda: rng.bernoulli(0.5, (64, 784))),
        (2, lambda: rng.normal((64, 784), np.float16)),
    ):
        with counts.counting() as found:
            draw()
        assert found.launches.total() == launches, found.table()
        assert found.copies.total() == found.waits.total() == 0


def test_an_unknown_key_of_a_state_is_refused():
    with pytest.raises(ValueError, match="also has 'draws'"):
        backend.default_rng(1).load_state_dict(backend.default_rng(0).state_dict() | {"draws": 3})


def test_a_source_prints_its_state():
    first, second = backend.default_rng(3, "cpu"), backend.default_rng(4, "cpu")
    second.normal(2)
    assert repr(first) == "<RNG on 'cpu', seed=3, after 0 draws>"
    first.load_state_dict(second.state_dict())
    assert repr(first) == "<RNG on 'cpu', seed=4, after 1 draws>"


def test_the_shape_is_one_argument_named_as_in_numpy():
    a, b = (backend.default_rng(0) for _ in range(2))
    np.testing.assert_array_equal(a.normal(size=(2, 3)), b.normal((2, 3)))
    assert a.uniform(4).shape == (4,) and a.bernoulli(0.5, size=4).shape == (4,)
    with pytest.raises(TypeError, match=r"dtype is 3: give the shape as one tuple"):
        a.normal(2, 3)
    with pytest.raises(TypeError, match=r"dtype is 1.0: .* mean \+ std \* rng.normal"):
        a.normal(0.0, 1.0)


def test_a_stream_goes_on_where_it_is_moved(gpu):
    rng, other = backend.default_rng(3), backend.default_rng(3)
    for target in (gpu, "cpu", gpu):
        assert rng.to(target) is rng and rng.device == target
        x = rng.uniform((5,))
        assert backend.device_of(x) == target
        np.testing.assert_array_equal(backend.to_numpy(x), other.uniform((5,)))
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        rng.to("gpu")
    assert rng.device == gpu
