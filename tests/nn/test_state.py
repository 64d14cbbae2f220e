"""state_dict and load_state_dict of a module."""

import re

import numpy as np
import pytest

from tests.nn.blocks import Block
from tinygen import default_rng, nn, tensor


@pytest.fixture
def block():
    return Block(default_rng(0))


def arrays_of(module):
    """Return the module's own arrays by their paths."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.data for name, tensor in tensors}


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert (first[name] == second[name]).all(), name


@pytest.mark.cpu_only
def test_a_state_is_loaded_into_the_arrays_of_the_module(block):
    x = tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    block(x)
    other = Block(default_rng(1))
    before = arrays_of(other)
    other.load_state_dict(block.state_dict())
    after = arrays_of(other)
    assert all(after[name] is before[name] for name in before)
    assert (other.eval()(x).data == block.eval()(x).data).all()


def test_a_state_holds_copies(block):
    state = block.state_dict()
    block.scale.data += 1
    assert state["scale"].tolist() == [1, 1, 1]
    block.load_state_dict(state)
    state["scale"][...] = 7
    assert block.scale.data.tolist() == [1, 1, 1]


def test_loading_keeps_the_memory_layout():
    layer = nn.Conv2d(2, 3, 3, rng=default_rng(0))
    strides = layer.weight.data.strides
    state = layer.state_dict()
    layer.load_state_dict({name: np.asfortranarray(a) for name, a in state.items()})
    assert layer.weight.data.strides == strides
    assert (layer.weight.data == state["weight"]).all()


def test_loading_counts_as_a_write(block):
    y = block(tensor(np.eye(3, dtype=np.float32)))
    block.load_state_dict(block.state_dict())
    with pytest.raises(RuntimeError, match="written in place"):
        y.sum().backward()


@pytest.mark.parametrize(
    "state, message",
    [
        (nn.ReLU(), r"got a ReLU; give its state_dict\(\)"),
        ("a.npz", r"got a str; a file is loaded by tinygen.checkpoint.load_checkpoint\(path"),
        (3, "got a int$"),
    ],
)
def test_what_is_no_dict_says_what_to_give(block, state, message):
    with pytest.raises(TypeError, match=message):
        block.load_state_dict(state)


def test_nan_can_be_loaded(block):
    block.load_state_dict(block.state_dict() | {"scale": np.full(3, np.nan, np.float32)})
    assert np.isnan(block.scale.data).all()


def test_an_error_names_all_differences_and_nothing_is_changed(block):
    before = block.state_dict()
    state = block.state_dict()
    state["inner.0.weight"] += 1
    state |= {
        "last.weight": np.ones((3, 2), np.float32),
        "inner.0.bias": np.ones(3),
        "scale": 3,
        "inner.2.bias": [1.0] * 3,
        "more": np.ones(1),
    }
    del state["inner.2.running_var"]
    with pytest.raises(ValueError) as error:
        block.load_state_dict(state)
    for part in (
        "not of this Block",
        "missing: inner.2.running_var",
        "unexpected: more",
        "last.weight: expected float32 (2, 3), the state has float32 (3, 2)",
        "inner.0.bias: expected float32 (3,), the state has float64 (3,)",
        "scale: expected float32 (3,), the state has 3",
        "inner.2.bias: expected float32 (3,), the state has a list",
    ):
        assert part in str(error.value)
    assert_equal_states(block.state_dict(), before)


def test_a_state_may_contain_tensors(block):
    """Such as a parameter that was taken by its name instead of from a state_dict()."""
    other = Block(default_rng(1))
    tensors = {"inner.2.bias": other.inner[2].bias, "last.weight": other.last.weight}
    block.load_state_dict(other.state_dict() | tensors)
    assert_equal_states(block.state_dict(), other.state_dict())
    assert block.last.weight.data is not other.last.weight.data


def test_an_array_that_cannot_be_converted_raises_and_changes_nothing(block):
    before = block.state_dict()

    class Lookalike:
        shape, dtype = before["last.weight"].shape, np.dtype(np.float32)

        def __array__(self, *args, **kwargs):
            raise TypeError("no array after all")

    state = {name: a + 1 for name, a in before.items()} | {"last.weight": Lookalike()}
    with pytest.raises(TypeError, match="no array after all"):
        block.load_state_dict(state)
    assert_equal_states(block.state_dict(), before)


def test_device_arrays_take_states_of_numpy_and_of_their_own_kind(cupy, block):
    state = block.state_dict()
    block.map_arrays_(lambda a: cupy.asarray(a * 0))
    block.load_state_dict(state)
    assert_equal_states({name: a.get() for name, a in arrays_of(block).items()}, state)
    block.load_state_dict(block.state_dict())


class Foreign:
    """An array of another library, which has names of its own for its dtypes."""

    dtype = "foreign.float32"

    def __init__(self, array, error=None):
        self.array, self.shape, self.error = array, array.shape, error

    def __dlpack__(self, **settings):
        if self.error:
            raise self.error
        return self.array.__dlpack__(**settings)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_arrays_of_other_libraries_are_copied(block):
    other = Block(default_rng(1))
    state = other.state_dict()
    block.load_state_dict({name: Foreign(a) for name, a in state.items()})
    assert_equal_states(block.state_dict(), state)
    assert not any(np.shares_memory(a, state[name]) for name, a in arrays_of(block).items())


def test_an_array_that_another_library_does_not_hand_over_is_named(block):
    before = block.state_dict()
    state = block.state_dict() | {
        "scale": Foreign(np.ones(3, np.float32), BufferError("it requires a gradient")),
        "last.weight": Foreign(np.ones((3, 2), np.float32)),
    }
    with pytest.raises(ValueError) as error:
        block.load_state_dict(state)
    for part in ("Foreign of foreign.float32 .*requires a gradient", r"has float32 \(3, 2\)"):
        assert re.search(part, str(error.value))
    assert_equal_states(block.state_dict(), before)


def test_without_strict_the_shared_names_are_loaded_and_the_others_named(block):
    state = Block(default_rng(1)).state_dict()
    weight = state["last.weight"]
    del state["scale"]
    keys = block.load_state_dict(state | {"more": np.ones(1), 3: 4}, strict=False)
    assert keys.missing_keys == ["scale"] and keys.unexpected_keys == ["more", "3"]
    assert (block.last.weight.data == weight).all() and (block.scale.data == 1).all()
    assert block.load_state_dict(block.state_dict()) == ([], [])


def test_without_strict_a_wrong_shape_is_an_error_all_the_same(block):
    before = block.state_dict()
    state = {"inner.0.bias": before["inner.0.bias"] + 1, "scale": np.ones(4, np.float32)}
    with pytest.raises(ValueError, match=r"scale: expected float32 \(3,\)"):
        block.load_state_dict(state, strict=False)
    assert_equal_states(block.state_dict(), before)


@pytest.mark.parametrize("dtype, fits", [("float16", True), ("float64", False), ("int8", False)])
def test_dtypes_that_convert_without_loss_fit(block, dtype, fits):
    values = np.array([1, -2, 3]).astype(dtype)
    if fits:
        block.load_state_dict({"scale": values}, strict=False)
        assert block.scale.dtype == np.float32 and block.scale.data.tolist() == [1, -2, 3]
    else:
        with pytest.raises(ValueError, match=f"scale: expected float32 .* has {dtype}"):
            block.load_state_dict({"scale": values}, strict=False)
