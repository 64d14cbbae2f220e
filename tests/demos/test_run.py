"""Run: what is recorded for pictures is saved and resumed to the bit."""

import signal
import sys
import time
from pathlib import Path

import _command_line
import _run
import numpy as np
import pytest
from _command_line import parse, parser
from _run import Run

import tinygen


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that begins a run of four steps, or resumes it."""

    def start(*options, steps=4, **objects):
        monkeypatch.setattr(sys, "argv", ["demo.py", "--out", str(tmp_path), *options])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # parse replaces it
        return Run(
            parse(parser("", steps={"digits": steps}, takes={"digits": ""}, batch=1)), **objects
        )

    return start


def train(run, rng, stop_after=None):
    """Record a frame at two of four steps, and one array at the last; stop early if asked to."""
    for step in run.steps():
        x = rng.normal((3, 2))
        if step in (0, 2):
            run.record(samples=tinygen.tensor(x), step=step)
        if step == 3:
            run.record(heights=x.astype(np.float64))
        if stop_after == step:
            signal.raise_signal(signal.SIGTERM)
    run.write_metrics(picture="")


def test_records_of_a_resumed_run_are_those_of_an_uninterrupted_one(start):
    whole = start(rng=tinygen.default_rng(0))
    train(whole, whole.objects["rng"])
    for stop_after in (0, 1, 2):
        part = start(rng=tinygen.default_rng(0))
        with pytest.raises(SystemExit):
            train(part, part.objects["rng"], stop_after)
        resumed = start("--resume", rng=tinygen.default_rng(1))
        train(resumed, resumed.objects["rng"])
        assert resumed.records.keys() == whole.records.keys() == {"samples", "step", "heights"}
        for name, frames in whole.records.items():
            assert frames.dtype == resumed.records[name].dtype
            np.testing.assert_array_equal(frames, resumed.records[name])
    assert whole.records["samples"].shape == (2, 3, 2)
    assert whole.records["heights"].shape == (1, 3, 2)
    assert whole.records["step"].tolist() == [0, 2]


def test_a_finished_run_keeps_its_records_and_takes_a_last_frame(start):
    first = start(rng=tinygen.default_rng(0))
    train(first, first.objects["rng"])
    first.record(samples=np.zeros((3, 2), np.float32))
    again = start("--resume", rng=tinygen.default_rng(1))
    train(again, again.objects["rng"])
    again.record(samples=np.zeros((3, 2), np.float32))
    np.testing.assert_array_equal(first.records["samples"], again.records["samples"])
    assert len(again.records["samples"]) == 3


def test_a_record_is_a_copy(start):
    run, x = start(), np.zeros(2)
    for _ in run.steps():
        run.record(x=x)
        x += 1
    assert run.records["x"].tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]


def test_records_before_training_and_of_another_shape_are_refused(start):
    run = start()
    with pytest.raises(RuntimeError, match="call it in the loop"):
        run.record(x=np.zeros(2))
    for _ in run.steps():
        run.record(x=np.zeros(2))
        with pytest.raises(
            ValueError, match=r"x is float64 \(3,\), but its earlier frames are float64 \(2,\)"
        ):
            run.record(x=np.zeros(3))
        with pytest.raises(ValueError, match="x is float32"):
            run.record(x=np.zeros(2, np.float32))


def test_a_notebook_gives_its_options_in_the_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_command_line, "IN_NOTEBOOK", True)
    monkeypatch.setenv("JPY_SESSION_NAME", "demos/gan.ipynb")
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    p = parser("", steps={"digits": 1, "mnist": 2}, takes={"digits": "", "mnist": ""}, batch=8)
    assert parse(p).out == Path("out/gan")
    args = parse(p, "--data mnist --out 'a folder'")
    assert (args.data, args.steps, args.out) == ("mnist", 2, Path("a folder"))


def test_seconds_are_those_of_computed_steps(start, monkeypatch):
    """A GPU whose queue takes 20 ms per step: all steps return at once."""
    queue, num_waits = [], []

    def synchronize(device):
        time.sleep(0.02 * len(queue))
        num_waits.append(len(queue))
        queue.clear()

    monkeypatch.setattr(_run, "synchronize", synchronize)
    run = start(steps=20)
    for step in run.steps():
        queue.append(step)
    assert sum(num_waits) == 20 and len(num_waits) <= 3
    assert 0.4 <= run.seconds < 2


def test_nothing_that_is_logged_is_fetched_in_a_step(start, cupy):
    cupy_counts = pytest.importorskip("cupy_counts")
    run = start("--device", "cuda", steps=30)
    waits_of_steps, steps = 0, run.steps()
    with cupy_counts.counting() as counts:
        for step in steps:
            before = counts.waits.total()
            x = tinygen.tensor([float(step)], device="cuda")
            run.log(loss=(x * x).sum(), constant=1.0)
            waits_of_steps += counts.waits.total() - before
    assert waits_of_steps == 0
    assert counts.waits.total() <= 4, counts.table()  # the clock and the curve, at the end
    assert run.history["loss"].tolist() == [step**2 for step in range(30)]
