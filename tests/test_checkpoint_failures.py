"""Saving a checkpoint fails, or is killed: the old file stays complete."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoints import list_other_files
from tinygen import atomic_write
from tinygen.checkpoint import load_checkpoint, save_checkpoint

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PROJECT = Path(__file__).parents[1]
FULL_DISK = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def path(tmp_path):
    """Return the path of a checkpoint of step 1."""
    path = tmp_path / "a.npz"
    save_checkpoint(path, step=1, w=np.zeros(1000))
    return path


def check_unharmed(path):
    assert load_checkpoint(path)["step"] == 1 and list_other_files(path) == []


def run_script(code):
    """Run code in another process."""
    imports = """
        import numpy as np
        from tinygen.checkpoint import load_checkpoint, save_checkpoint
    """
    command = [sys.executable, "-c", textwrap.dedent(imports) + textwrap.dedent(code)]
    return subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


class LimitedFile:
    """A file that raises an error once `room` bytes have been written."""

    def __init__(self, file, room, error):
        self.file, self.room, self.error = file, room, error

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise self.error
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 10, 400, 5000, 8600, 9000, 9200])
@pytest.mark.parametrize(
    "error, message",
    [
        (FULL_DISK, "No space left on device.*unharmed.*a.npz"),
        (KeyboardInterrupt(), None),
    ],
)
def test_an_error_after_some_bytes_leaves_the_old_file(path, monkeypatch, room, error, message):
    def limited_open(name, mode):
        file = open(name, mode)
        return LimitedFile(file, room, error) if "x" in mode else file

    monkeypatch.setattr(atomic_write, "open", limited_open, raising=False)
    with pytest.raises(type(error), match=message):
        save_checkpoint(path, step=2, w=np.ones(1150))
    check_unharmed(path)


@pytest.mark.parametrize("call", ["fsync", "replace", "makedirs"])
@pytest.mark.parametrize("error", [FULL_DISK, KeyboardInterrupt()])
def test_an_error_of_a_system_call_leaves_the_old_file(path, monkeypatch, call, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(atomic_write.os, call, fail)
    with pytest.raises(type(error)):
        save_checkpoint(path, step=2)
    monkeypatch.undo()
    check_unharmed(path)


@pytest.mark.skipif(os.name != "posix", reason="limits of a process")
def test_the_systems_own_limit_on_file_sizes_leaves_the_old_file(path):
    result = run_script(f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        save_checkpoint({str(path)!r}, step=2, w=np.ones(10_000))
    """)
    assert result.returncode == 1
    assert "cannot write the checkpoint (File too large)" in result.stderr
    check_unharmed(path)


def test_a_folder_of_the_same_name_raises(tmp_path):
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(OSError, match="it is a folder"):
        save_checkpoint(tmp_path / "a.npz", step=2)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 and fork")
def test_a_killed_process_leaves_a_complete_file(tmp_path):
    """A process that saves all the time is killed after a random time, 40 times.

    After each kill the file is complete, and not older than the last save that was reported done.
    """
    result = run_script(f"""
        import os, random, signal, time
        path, rng = {str(tmp_path / "a.npz")!r}, random.Random(0)
        folder = os.path.dirname(path)
        w = np.arange(200_000, dtype=np.float32)
        save_checkpoint(path, step=0, w=w)
        num_interrupted = 0
        for trial in range(40):
            start = load_checkpoint(path)["step"]
            read_end, write_end = os.pipe()
            if (child := os.fork()) == 0:
                for step in range(start + 1, start + 1000):
                    save_checkpoint(path, step=step, w=w + step)
                    os.write(write_end, b".")
                os._exit(0)
            time.sleep(rng.uniform(0.001, 0.03))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(write_end)
            num_done = len(os.read(read_end, 10_000))
            os.close(read_end)
            leftovers = [name for name in os.listdir(folder) if name.endswith(".tmp")]
            num_interrupted += len(leftovers)
            assert len(leftovers) <= 1, "leftovers of earlier kills are removed"
            saved = load_checkpoint(path)
            done = start + num_done
            assert done <= saved["step"] <= done + 1, (start, num_done, saved["step"])
            assert (saved["w"] == w + saved["step"]).all()
        save_checkpoint(path, step=0, w=w)
        assert os.listdir(folder) == ["a.npz"]
        print(num_interrupted)
    """)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 5, "hardly a kill interrupted a save"


def test_temporary_files_of_runs_that_still_write_are_left_alone(path):
    """So are files with other names."""
    names = [
        f"{path.name}.{'0' * 16}.tmp",
        f"{path.name}.{'1' * 16}.tmp",
        f"{path.name}.backup.tmp",
    ]
    for name in names:
        (path.parent / name).write_bytes(b"")
    with open(path.parent / names[0], "rb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        save_checkpoint(path, step=2)
        expected = [names[2]] if fcntl is None else [names[0], names[2]]
        assert sorted(list_other_files(path)) == sorted(expected)


def test_a_link_is_followed(path, tmp_path):
    link = tmp_path / "link.npz"
    link.symlink_to(path)
    save_checkpoint(link, step=5)
    assert link.is_symlink() and load_checkpoint(path) == {"step": 5}
