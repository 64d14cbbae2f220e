"""Checkpoints: what goes in comes out, a resumed run is an uninterrupted one, and no moment, full disk or damaged file loses anything."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import checkpoint, default_rng, nn, ops, optim, tensor
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.data import Loader

ROOT = Path(__file__).parents[1]


class Run:
    """A small training run with one of everything: batch norm, dropout, Adam, average of weights, loader, schedule."""

    def __init__(self, seed=0, width=6):
        self.rng = default_rng(seed)
        g = self.rng
        self.model = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, rng=g), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2, rng=g),
            nn.Linear(9 * width, 2, rng=g)
        )  # fmt: skip
        self.optimizer = optim.Adam(self.model.parameters(), lr=1e-2)
        self.ema = optim.ExponentialMovingAverage(self.model, 0.9)
        rng = np.random.default_rng(0)
        self.loader = Loader(rng.normal(size=(20, 1, 7, 7)).astype(np.float32), batch_size=6, seed=seed)
        self.losses = []

    @property
    def objects(self):
        return {"model": self.model, "optimizer": self.optimizer, "ema": self.ema, "noise": self.rng, "loader": self.loader}

    def train(self, steps):
        for _ in range(steps):
            self.optimizer.lr = 1e-2 * optim.cosine_decay(len(self.losses), steps=20)
            x = next(self.loader) + 0.1 * self.rng.normal((6, 1, 7, 7))
            self.optimizer.zero_grad()
            loss = ops.square(self.model(tensor(x)) - 1.0).mean()
            loss.backward()
            self.optimizer.step()
            self.ema.update()
            self.losses.append(loss.item())

    def bits(self):
        """All that decides what comes next."""
        states = {name: o.state_dict() for name, o in self.objects.items()}
        return {f"{name}/{key}": np.asarray(value).tobytes() for name, state in states.items() for key, value in state.items()}


def same(a, b) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes()
    return type(a) is type(b) and repr(a) == repr(b)


PLAIN = {
    "step": 3, "name": "α run", "none": None, "flag": True, "huge": 2**100, "loss": 0.1 + 0.2, "nan": float("nan"), "infinite": float("inf"),
    "history": [1.5, [2, "x"], {"deep": np.arange(3)}], "empty": {}, "dots.and/slashes": np.float32([[1, np.nan]]),
    "nested": {"a": {"b": np.array(7, np.int64)}, "a/b": np.array(True), "none left": np.zeros((0, 3))},
    "transposed": np.arange(6.0).reshape(2, 3).T,
}  # fmt: skip


def leftovers(path):
    return [name for name in os.listdir(path.parent) if name != path.name]


def test_plain_values_come_back(tmp_path):
    path = tmp_path / "new" / "folders" / "a.npz"
    save_checkpoint(path, **PLAIN)
    assert same(load_checkpoint(path), PLAIN) and leftovers(path) == []
    assert load_checkpoint(path)["transposed"].flags.c_contiguous  # a layout is no part of the values
    with np.load(path, allow_pickle=False) as entries:
        assert any(name.endswith("/transposed") and entries[name].shape == (3, 2) for name in entries.files)


def test_what_is_changed_on_the_way(tmp_path):
    path = tmp_path / "a.npz"
    save_checkpoint(path, t=(1, 2), s=np.float32(1.5), x=tensor(np.ones(2)), path="the name is free")
    assert same(load_checkpoint(path), {"t": [1, 2], "s": 1.5, "x": np.ones(2), "path": "the name is free"})


@pytest.mark.parametrize("value, message", [
    ({"f": len}, "broken/f is a builtin_function_or_method"),
    ({"a": [np.array([None])]}, "broken/a/0 is an array of dtype object"),
    ({"a": np.array(["text"])}, "array of dtype <U4"),
    ({1: 2}, "key 1; the keys .* strings"),
    (object(), "broken is a object.*state_dict"),
])  # fmt: skip
def test_what_cannot_be_stored_is_named_and_the_old_file_stays(tmp_path, value, message):
    path = tmp_path / "a.npz"
    save_checkpoint(path, step=1)
    with pytest.raises(TypeError, match=message):
        save_checkpoint(path, broken=value)
    assert load_checkpoint(path) == {"step": 1} and leftovers(path) == []


@pytest.mark.parametrize("k", [1, 5])
def test_resumed_is_uninterrupted(tmp_path, k):
    """Bit for bit: parameters, moments, averages, running statistics, order of the data, noise, losses."""
    run, path = Run(), tmp_path / "last.npz"
    run.train(k)
    save_checkpoint(path, **run.objects, losses=run.losses)
    run.train(6)
    other = Run(seed=9)
    other.train(2)
    rest = load_checkpoint(path, **other.objects)
    assert set(rest) == {"losses"}
    other.losses = rest["losses"]
    other.train(6)
    assert other.losses == run.losses and other.bits() == run.bits()


def test_saving_changes_nothing(tmp_path):
    a, b = Run(), Run()
    for run in (a, b):
        run.train(2)
        save_checkpoint(tmp_path / "a.npz", **run.objects) if run is a else None
        run.train(2)
    assert a.bits() == b.bits()


def test_part_of_a_checkpoint_can_be_loaded(tmp_path):
    run, path = Run(), tmp_path / "a.npz"
    run.train(1)
    save_checkpoint(path, **run.objects, step=1)
    model = Run(seed=3).model
    rest = load_checkpoint(path, model=model)
    assert all((a == run.model.state_dict()[k]).all() for k, a in model.state_dict().items())
    assert set(rest) == {"optimizer", "ema", "noise", "loader", "step"} and rest["optimizer"]["kind"] == "Adam"


def test_device_arrays_are_saved_as_numpys(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "to_numpy", lambda a: a.get() if isinstance(a, StrictArray) else a)
    path, layer = tmp_path / "a.npz", nn.Linear(2, 3, rng=default_rng(0))
    state = layer.state_dict()
    save_checkpoint(path, layer=layer.map_arrays_(StrictArray))
    other = nn.Linear(2, 3, rng=default_rng(1)).map_arrays_(StrictArray)
    load_checkpoint(path, layer=other)
    assert all((a.get() == state[k]).all() for k, a in other.state_dict().items())


class TestWrongCheckpoints:
    def refused(self, path, run, message, error=ValueError, **more):
        before = run.bits()
        with pytest.raises(error, match=message) as info:
            load_checkpoint(path, **run.objects, **more)
        assert run.bits() == before
        return str(info.value)

    def test_another_models(self, tmp_path):
        """Everything that differs, in whichever object, is named; the objects before it are as they were."""
        path, run = tmp_path / "other.npz", Run(width=4)
        run.train(1)
        save_checkpoint(path, **run.objects)
        message = self.refused(path, Run(), "other.npz does not fit; nothing was loaded")
        for part in (
            "model: ", "0.weight: expected float32 (6, 1, 3, 3), the state has float32 (4, 1, 3, 3)", "optimizer: ", "0.v_sum: expected",
            "ema: ", "5.weight: expected float32 (2, 54), the state has float32 (2, 36)",
        ):  # fmt: skip
            assert part in message
        assert "loader: " not in message and "noise: " not in message

    @pytest.mark.parametrize("name, value, message", [
        ("noise", {"kind": "cupy.philox", "words": np.zeros(2, np.uint64)}, "noise: this random source.* is numpy.pcg64"),
        ("noise", {"words": np.zeros(2, np.uint64)}, "noise: its state has no 'kind'"),
        ("loader", Loader(np.ones((9, 1)), batch_size=3, seed=0), "loader: .*rows=9"),
        ("optimizer", 3, "optimizer: "),
        ("ema", {}, "ema: .*\n.*missing: 0.weight"),
        ("model", nn.ReLU(), "model: .*\n.*missing: 0.weight"),
    ])  # fmt: skip
    def test_one_object_that_does_not_fit(self, tmp_path, name, value, message):
        path, run = tmp_path / "a.npz", Run()
        run.train(1)
        save_checkpoint(path, **(run.objects | {name: value}))
        other = Run(seed=1)
        other.train(2)
        self.refused(path, other, message)

    def test_missing_objects_and_objects_that_take_no_state(self, tmp_path):
        path, run = tmp_path / "a.npz", Run()
        save_checkpoint(path, **run.objects)
        self.refused(path, run, "holds model, optimizer, ema, noise, loader, but no critic", critic=nn.ReLU())
        self.refused(path, run, "step is a int and cannot be loaded into; plain values are in the dict", TypeError, step=3)

    def test_ctrl_c_while_loading_takes_everything_back(self, tmp_path):
        path, run = tmp_path / "a.npz", Run()
        run.train(1)
        save_checkpoint(path, **run.objects, late={})

        class Late:
            def state_dict(self):
                return {}

            def load_state_dict(self, state):
                if not hasattr(self, "interrupted"):
                    self.interrupted = True
                    raise KeyboardInterrupt

        self.refused(path, Run(seed=2), None, KeyboardInterrupt, late=Late())

    def test_no_file(self, tmp_path):
        self.refused(tmp_path / "none.npz", Run(), "there is no such file.*none.npz", FileNotFoundError)

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
    def test_no_checkpoint(self, tmp_path, content):
        path = tmp_path / "a.npz"
        path.write_bytes(content)
        self.refused(path, Run(), "a.npz (is damaged or no checkpoint|was not written by save_checkpoint)")

    def test_an_npz_of_something_else_and_another_version(self, tmp_path, monkeypatch):
        path = tmp_path / "a.npz"
        np.savez(path, x=np.ones(3))
        self.refused(path, Run(), "was not written by save_checkpoint")
        monkeypatch.setattr(checkpoint, "VERSION", 99)
        save_checkpoint(path, step=1)
        monkeypatch.undo()
        self.refused(path, Run(), "version 99 .* reads version 1")

    def test_pickles_are_not_opened(self, tmp_path):
        path = tmp_path / "a.npz"
        np.savez(path, x=np.array([print], object))
        self.refused(path, Run(), "was not written by")

    def test_every_flipped_bit_and_every_truncation_is_noticed(self, tmp_path):
        """Or does not matter: then what comes out is what went in (a few bytes of a zip, like a file's time, mean nothing here)."""
        path = tmp_path / "a.npz"
        value = {"state": {"w": np.arange(20, dtype=np.float32), "b": np.ones(3)}, "step": 12345}
        save_checkpoint(path, **value)
        whole, harmless = path.read_bytes(), 0
        for i in range(len(whole)):
            path.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :])
            try:
                assert same(load_checkpoint(path), value), f"byte {i}"
                harmless += 1
            except ValueError as error:
                assert "a.npz" in str(error)
        assert harmless < 0.2 * len(whole)
        for n in range(0, len(whole), 7):
            path.write_bytes(whole[:n])
            with pytest.raises(ValueError, match="a.npz is damaged or no checkpoint"):
                load_checkpoint(path)


class Full:
    """A file on a disk that is full after `room` bytes."""

    def __init__(self, file, room, error):
        self.file, self.room, self.error = file, room, error

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise self.error
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


class TestFailuresWhileSaving:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "a.npz"
        save_checkpoint(path, step=1, w=np.zeros(1000))
        return path

    def unharmed(self, path):
        return load_checkpoint(path)["step"] == 1 and leftovers(path) == []

    @pytest.mark.parametrize("room", [0, 10, 400, 5000, 8600, 9000, 9200])
    @pytest.mark.parametrize("error, expected", [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device.*unharmed.*a.npz"), (KeyboardInterrupt(), None),
    ])  # fmt: skip
    def test_a_full_disk_or_ctrl_c_after_some_bytes(self, path, monkeypatch, room, error, expected):
        opened = open

        def limited(name, mode):
            return Full(opened(name, mode), room, error) if "x" in mode else opened(name, mode)

        monkeypatch.setattr(checkpoint, "open", limited, raising=False)
        with pytest.raises(type(error), match=expected):
            save_checkpoint(path, step=2, w=np.ones(1150))
        assert self.unharmed(path)

    @pytest.mark.parametrize("call", ["fsync", "replace", "makedirs"])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_system_calls_that_fail(self, path, monkeypatch, call, error):
        def fail(*args, **kwargs):
            raise error

        monkeypatch.setattr(checkpoint.os, call, fail)
        with pytest.raises(type(error)):
            save_checkpoint(path, step=2)
        monkeypatch.undo()
        assert self.unharmed(path)

    @pytest.mark.skipif(os.name != "posix", reason="limits of a process")
    def test_a_real_limit_on_file_size(self, path):
        code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); save_checkpoint(path, step=2, w=np.ones(10_000))"
        ended = script(f"path = {str(path)!r}; {code}")
        assert ended.returncode == 1 and "cannot write the checkpoint (File too large)" in ended.stderr
        assert self.unharmed(path)

    def test_a_folder_in_the_way(self, tmp_path):
        (tmp_path / "a.npz").mkdir()
        with pytest.raises(OSError, match="it is a folder"):
            save_checkpoint(tmp_path / "a.npz", step=2)

    @pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork")
    def test_killed_at_random_moments(self, tmp_path):
        """A process saves without pause and is killed after a random time, 40 times over; after each kill the file is whole and not older
        than the last save that was reported done."""
        ended = script(f"""
            import os, random, signal, time
            path, rng = {str(tmp_path / "a.npz")!r}, random.Random(0)
            w = np.arange(200_000, dtype=np.float32)
            save_checkpoint(path, step=0, w=w)
            partial = 0
            for trial in range(40):
                start = load_checkpoint(path)["step"]
                out, into = os.pipe()
                if (child := os.fork()) == 0:
                    for step in range(start + 1, start + 1000):
                        save_checkpoint(path, step=step, w=w + step)
                        os.write(into, b".")
                    os._exit(0)
                time.sleep(rng.uniform(0.001, 0.03))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(into)
                done = len(os.read(out, 10_000))
                os.close(out)
                left = [name for name in os.listdir(os.path.dirname(path)) if name.endswith(".tmp")]
                partial += len(left)
                assert len(left) <= 1, "leftovers of earlier kills are removed"
                found = load_checkpoint(path)
                assert start + done <= found["step"] <= start + done + 1, (start, done, found["step"])
                assert (found["w"] == w + found["step"]).all()
            save_checkpoint(path, step=0, w=w)
            assert os.listdir(os.path.dirname(path)) == ["a.npz"]
            print("caught in the middle:", partial)
        """)
        assert ended.returncode == 0, ended.stderr
        assert int(ended.stdout.split()[-1]) > 5, "the kills came at no interesting moment"

    def test_leftovers_of_others_stay(self, path):
        """Files of runs that are still writing, and files that only look similar."""
        names = [f"{path.name}.{'0' * 16}.tmp", f"{path.name}.{'1' * 16}.tmp", f"{path.name}.backup.tmp"]
        for name in names:
            (path.parent / name).write_bytes(b"")
        with open(path.parent / names[0], "rb") as busy:
            locked = checkpoint._lock(busy) and checkpoint.fcntl is not None
            save_checkpoint(path, step=2)
            assert sorted(leftovers(path)) == sorted([names[0], names[2]] if locked else [names[2]])

    def test_a_link_is_followed(self, path, tmp_path):
        link = tmp_path / "link.npz"
        link.symlink_to(path)
        save_checkpoint(link, step=5)
        assert link.is_symlink() and load_checkpoint(path) == {"step": 5}


def script(code):
    """Run the code in a process of its own."""
    code = "import numpy as np\nfrom tinygen.checkpoint import load_checkpoint, save_checkpoint\n" + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
