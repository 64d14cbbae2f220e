"""Random numbers: what is drawn, and that a stream resumes."""

import io
import sys

import numpy as np
import pytest

from tinygen import backend
from tinygen.backend import random as random_module


def draws(rng):
    """Draw once by each method and dtype."""
    return [
        rng.normal((3, 2)),
        rng.uniform((5,), np.float64),
        rng.integers(0, 9, (3,)),
        rng.permutation(6),
        rng.bernoulli(0.4, (2, 4)),
        rng.normal((), np.float16),
        rng.bernoulli(np.array([0.0, 1.0]), dtype=np.uint8),
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


def test_a_state_of_another_kind_and_bad_seeds_are_refused():
    rng = backend.default_rng(0)
    with pytest.raises(ValueError, match=r"numpy\.pcg64; the state is of cupy\.philox"):
        rng.load_state_dict({"kind": "cupy.philox", "words": np.zeros(2, np.uint64)})
    for seed in (-1, 1.5, None, True, 2**64):
        with pytest.raises(ValueError, match="seed"):
            backend.default_rng(seed)


def test_on_a_gpu_the_seed_and_the_number_of_draws_are_the_state(monkeypatch):
    """The design for a GPU, run on NumPy: each draw makes a new generator, keyed by two ints."""
    random = type(sys)("cupy.random")
    random.Generator, random.Philox4x3210 = np.random.Generator, np.random.Philox
    monkeypatch.setattr(random_module, "cupy_with_gpu", lambda: None)
    monkeypatch.setattr(random_module, "import_cupy", lambda: type("cupy", (), {"random": random}))
    rng, other = backend.default_rng(5, "cuda"), backend.default_rng(6, "cuda")
    first = draws(rng)
    assert first[0].tobytes() != rng.normal((3, 2)).tobytes()
    state = rng.state_dict()
    assert state["words"].tolist() == [5, 8]
    other.load_state_dict(state)
    for a, b in zip(draws(rng), draws(other), strict=True):
        assert a.tobytes() == b.tobytes()


def test_an_unknown_key_of_a_state_is_refused():
    with pytest.raises(ValueError, match="also has 'draws'"):
        backend.default_rng(1).load_state_dict(backend.default_rng(0).state_dict() | {"draws": 3})


def test_a_source_prints_its_seed_until_another_state_is_loaded():
    first, second = backend.default_rng(3), backend.default_rng(4)
    assert repr(first) == "RNG(seed=3, device='cpu')"
    first.load_state_dict(second.state_dict())
    assert repr(first) == "RNG(device='cpu')"


def test_the_shape_is_one_argument_named_as_in_numpy():
    a, b = (backend.default_rng(0) for _ in range(2))
    np.testing.assert_array_equal(a.normal(size=(2, 3)), b.normal((2, 3)))
    assert a.uniform(4).shape == (4,) and a.bernoulli(0.5, size=4).shape == (4,)
    with pytest.raises(TypeError, match=r"dtype is 3: give the shape as one tuple"):
        a.normal(2, 3)
    with pytest.raises(TypeError, match=r"dtype is 1.0: .* mean \+ std \* rng.normal"):
        a.normal(0.0, 1.0)
