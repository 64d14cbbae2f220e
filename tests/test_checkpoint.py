"""Checkpoints: values come back, a resumed run is an uninterrupted one, wrong files raise."""

import numpy as np
import pytest

from tests.checkpoints import Run, list_other_files
from tinygen import checkpoint, default_rng, nn, tensor
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.data import Loader


def are_equal(a, b) -> bool:
    """Compare nested values: types, dtypes, shapes and bits."""
    if isinstance(a, dict):
        same_keys = isinstance(b, dict) and a.keys() == b.keys()
        return same_keys and all(are_equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(are_equal, a, b))
    if isinstance(a, np.ndarray):
        same_kind = isinstance(b, np.ndarray) and (a.dtype, a.shape) == (b.dtype, b.shape)
        return same_kind and a.tobytes() == b.tobytes()
    return type(a) is type(b) and repr(a) == repr(b)


PLAIN_VALUES = {
    "step": 3,
    "name": "α run",
    "none": None,
    "flag": True,
    "huge": 2**100,
    "loss": 0.1 + 0.2,
    "nan": float("nan"),
    "infinite": float("inf"),
    "history": [1.5, [2, "x"], {"deep": np.arange(3)}],
    "empty": {},
    "dots.and/slashes": np.float32([[1, np.nan]]),
    "nested": {
        "a": {"b": np.array(7, np.int64)},
        "a/b": np.array(True),
        "an empty array": np.zeros((0, 3)),
    },
    "transposed": np.arange(6.0).reshape(2, 3).T,
}


# ---------------------------------------------------------------------------------- values


def test_plain_values_come_back(tmp_path):
    path = tmp_path / "new" / "folders" / "a.npz"
    save_checkpoint(path, **PLAIN_VALUES)
    assert are_equal(load_checkpoint(path), PLAIN_VALUES) and list_other_files(path) == []


def test_the_memory_layout_is_not_stored(tmp_path):
    path = tmp_path / "a.npz"
    save_checkpoint(path, **PLAIN_VALUES)
    assert load_checkpoint(path)["transposed"].flags.c_contiguous
    with np.load(path, allow_pickle=False) as entries:
        (entry,) = (name for name in entries.files if name.endswith("/transposed"))
        assert entries[entry].shape == (3, 2)


def test_tuples_numpy_scalars_and_tensors_come_back_as_plain_values(tmp_path):
    path = tmp_path / "a.npz"
    save_checkpoint(
        path, t=(1, 2), s=np.float32(1.5), x=tensor(np.ones(2)), path="a value of this name"
    )
    expected = {"t": [1, 2], "s": 1.5, "x": np.ones(2), "path": "a value of this name"}
    assert are_equal(load_checkpoint(path), expected)


@pytest.mark.parametrize(
    "value, message",
    [
        ({"f": len}, "broken/f is a builtin_function_or_method"),
        ({"a": [np.array([None])]}, "broken/a/0 is an array of dtype object"),
        ({"a": np.array(["text"])}, "array of dtype <U4"),
        ({1: 2}, "key 1; the keys .* strings"),
        (object(), "broken is a object.*state_dict"),
    ],
)
def test_a_value_that_cannot_be_stored_raises_and_the_old_file_stays(tmp_path, value, message):
    path = tmp_path / "a.npz"
    save_checkpoint(path, step=1)
    with pytest.raises(TypeError, match=message):
        save_checkpoint(path, broken=value)
    assert load_checkpoint(path) == {"step": 1} and list_other_files(path) == []


# ---------------------------------------------------------------------------------- resuming


@pytest.mark.parametrize("steps_before", [1, 5])
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(tmp_path, steps_before):
    """Parameters, moments, averages, running statistics, order of the data, noise and losses."""
    run, path = Run(), tmp_path / "last.npz"
    run.train(steps_before)
    save_checkpoint(path, **run.objects, losses=run.losses)
    run.train(6)
    resumed = Run(seed=9)
    resumed.train(2)
    rest = load_checkpoint(path, **resumed.objects)
    assert set(rest) == {"losses"}
    resumed.losses = rest["losses"]
    resumed.train(6)
    assert resumed.losses == run.losses and resumed.bits() == run.bits()


def test_saving_does_not_change_the_run(tmp_path):
    run, run_without_saving = Run(), Run()
    run.train(2)
    save_checkpoint(tmp_path / "a.npz", **run.objects)
    run.train(2)
    run_without_saving.train(4)
    assert run.bits() == run_without_saving.bits()


def test_a_part_of_a_checkpoint_can_be_loaded(tmp_path):
    run, path = Run(), tmp_path / "a.npz"
    run.train(1)
    save_checkpoint(path, **run.objects, step=1)
    model = Run(seed=3).model
    rest = load_checkpoint(path, model=model)
    expected = run.model.state_dict()
    assert all((array == expected[name]).all() for name, array in model.state_dict().items())
    assert set(rest) == {"optimizer", "ema", "noise", "loader", "step"}
    assert rest["optimizer"]["kind"] == "Adam"


def test_device_arrays_are_saved_as_numpy_arrays(cupy, tmp_path, monkeypatch):
    def to_numpy(a):
        return a.get() if isinstance(a, cupy.ndarray) else a

    monkeypatch.setattr(checkpoint, "to_numpy", to_numpy)
    path, layer = tmp_path / "a.npz", nn.Linear(2, 3, rng=default_rng(0))
    state = layer.state_dict()
    save_checkpoint(path, layer=layer.to("cuda"))
    other = nn.Linear(2, 3, rng=default_rng(1)).to("cuda")
    load_checkpoint(path, layer=other)
    assert all((array.get() == state[name]).all() for name, array in other.state_dict().items())


# ---------------------------------------------------------------------------------- wrong files


def check_loading_raises(path, run, message, error=ValueError, **more_objects):
    """Check the error and that all objects are as before; return the message."""
    before = run.bits()
    with pytest.raises(error, match=message) as info:
        load_checkpoint(path, **run.objects, **more_objects)
    assert run.bits() == before
    return str(info.value)


def test_the_checkpoint_of_another_model_raises_and_names_all_differences(tmp_path):
    path, run = tmp_path / "other.npz", Run(width=4)
    run.train(1)
    save_checkpoint(path, **run.objects)
    message = check_loading_raises(path, Run(), "other.npz does not fit; nothing was loaded")
    for part in (
        "model: ",
        "0.weight: expected float32 (6, 1, 3, 3), the state has float32 (4, 1, 3, 3)",
        "optimizer: ",
        "0.v_sum: expected",
        "ema: ",
        "5.weight: expected float32 (2, 54), the state has float32 (2, 36)",
    ):
        assert part in message
    assert "loader: " not in message and "noise: " not in message


@pytest.mark.parametrize(
    "name, value, message",
    [
        (
            "noise",
            {"kind": "numpy.pcg64", "words": np.zeros(6, np.uint64)},
            "noise: .*kind 'numpy.pcg64' and has 6. If an older version of tinygen saved it",
        ),
        ("noise", {"words": np.zeros(2, np.uint64)}, "noise: its state has no 'kind'"),
        ("loader", Loader(np.ones((9, 1)), batch_size=3, seed=0), "loader: .*rows=9"),
        ("optimizer", 3, "optimizer: "),
        ("ema", {}, "ema: .*\n.*missing: 0.weight"),
        ("model", nn.ReLU(), "model: .*\n.*missing: 0.weight"),
    ],
)
def test_one_state_that_does_not_fit_raises(tmp_path, name, value, message):
    path, run = tmp_path / "a.npz", Run()
    run.train(1)
    save_checkpoint(path, **(run.objects | {name: value}))
    other = Run(seed=1)
    other.train(2)
    check_loading_raises(path, other, message)


def test_missing_states_and_objects_that_take_no_state_raise(tmp_path):
    path, run = tmp_path / "a.npz", Run()
    save_checkpoint(path, **run.objects)
    message = "holds model, optimizer, ema, noise, loader, but no critic"
    check_loading_raises(path, run, message, critic=nn.ReLU())
    message = "step is a int and cannot be loaded into; plain values are in the dict"
    check_loading_raises(path, run, message, TypeError, step=3)


def test_ctrl_c_while_loading_restores_all_objects(tmp_path):
    path, run = tmp_path / "a.npz", Run()
    run.train(1)
    save_checkpoint(path, **run.objects, late={})

    class InterruptedOnce:
        was_interrupted = False

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            if not self.was_interrupted:
                self.was_interrupted = True
                raise KeyboardInterrupt

    check_loading_raises(path, Run(seed=2), None, KeyboardInterrupt, late=InterruptedOnce())


def test_a_missing_file_raises(tmp_path):
    message = "there is no such file.*none.npz"
    check_loading_raises(tmp_path / "none.npz", Run(), message, FileNotFoundError)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_is_no_checkpoint_raises(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    message = "a.npz (is damaged or no checkpoint|was not written by save_checkpoint)"
    check_loading_raises(path, Run(), message)


def test_another_npz_raises(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.ones(3))
    check_loading_raises(path, Run(), "was not written by save_checkpoint")


def test_another_version_raises(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    save_checkpoint(path, step=1)
    monkeypatch.undo()
    check_loading_raises(path, Run(), "version 99 .* reads version 1")


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([print], object))
    check_loading_raises(path, Run(), "was not written by")


def test_every_flipped_bit_is_detected_or_harmless(tmp_path):
    """A few bytes of a zip, such as a file's time, have no effect on the values."""
    path = tmp_path / "a.npz"
    value = {"state": {"w": np.arange(20, dtype=np.float32), "b": np.ones(3)}, "step": 12345}
    save_checkpoint(path, **value)
    content, num_harmless = path.read_bytes(), 0
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :])
        try:
            assert are_equal(load_checkpoint(path), value), f"byte {i}"
            num_harmless += 1
        except ValueError as error:
            assert "a.npz" in str(error)
    assert num_harmless < 0.2 * len(content)


def test_every_truncated_file_is_detected(tmp_path):
    path = tmp_path / "a.npz"
    save_checkpoint(path, w=np.arange(20, dtype=np.float32), b=np.ones(3), step=12345)
    content = path.read_bytes()
    for n in range(0, len(content), 7):
        path.write_bytes(content[:n])
        with pytest.raises(ValueError, match="a.npz is damaged or no checkpoint"):
            load_checkpoint(path)
