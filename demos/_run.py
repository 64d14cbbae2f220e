"""Run: everything around the training loop of a demo, which itself stands in each script.

It counts the steps, shows progress, keeps the curves, saves, stops at Ctrl-C, resumes, and writes
metrics.json.

**A run that is interrupted is not lost.** A checkpoint is written before the first step, every few
seconds, and at the end. Ctrl-C or SIGTERM lets the current step finish before it saves, because no
uninterrupted run passes through half a step. In a notebook, an interrupt of the kernel does the
same. The checkpoint holds everything that decides the next step: weights, optimizer, the order of
the data and the random number generator. So a resumed run ends with the same bits as an
uninterrupted one.

**--trained** draws the pictures with the weights of a finished run (_weights.py): `Run` loads them
into the networks, and `steps` yields nothing.

**Several processes** (`tinygen.data_parallel`) train as one. The first writes the files and shows
progress; the others end after training. Asked to stop, all stop after the same step.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import _weights
import numpy as np
from _command_line import IN_NOTEBOOK, workers
from _signals import stop_signals
from tqdm import tqdm

import tinygen
from tinygen.atomic_write import replace_file
from tinygen.backend import device_of, synchronize, threads, to_numpy
from tinygen.checkpoint import load_checkpoint, save_checkpoint
from tinygen.nn import Module
from tinygen.optim import ExponentialMovingAverage

# A resumed run may change the first three.
NOT_SETTINGS = ("out", "resume", "save_every", "trained", "weights")


class Run:
    """One training run in the folder `args.out`, started or resumed.

        run = Run(args, model=model, optimizer=optimizer, loader=loader, rng=rng)
        for step in run.steps():
            ...
            run.log(loss=loss)
        run.write_metrics(picture="samples.png", loss=...)

    Parameters
    ----------
    args : argparse.Namespace
        The settings that `parse` returned.
    **objects
        All objects whose state decides the next step; each has state_dict() and load_state_dict().

    Attributes
    ----------
    history : dict of arrays
        The logged values by name: float32, one for each call of `log`.
    records : dict of arrays
        The recorded arrays by name: one frame for each call of `record`, stacked.
    step, seconds : int, float
        The number of finished steps, and the time spent in them.
    """

    def __init__(self, args: argparse.Namespace, **objects):
        if stop_signals.requested:  # the SystemExit of its handler was lost
            raise SystemExit(130)
        self.args, self.objects = args, objects
        self.settings = {k: v for k, v in vars(args).items() if k not in NOT_SETTINGS}
        self._num_processes, self._num_threads = workers.size, threads.threads()
        self.path = args.out / "checkpoint.npz"
        self.step, self.seconds = 0, 0.0
        self.history: dict[str, np.ndarray] = {}
        self._frames: dict[str, list[np.ndarray]] = {}
        self._pending: dict[str, list] = {}  # logged values that are still on the device
        self._started = self._training = self._stop = False
        self._source = None  # that of the demo; of a notebook it is not known
        if args.weights and not IN_NOTEBOOK:
            self._source = Path(sys.argv[0]).read_text(encoding="utf-8")  # as it is now
        self._files_before = _stamps(args.out)
        self._networks: dict[str, Any] = {}  # what a file of weights holds of this run
        self._trained: dict[str, Any] = {}  # the file of weights, with --trained
        self._finished: dict[str, Any] = {}  # what demos/weights.py needs of a finished run
        try:
            if args.trained:
                self._load_trained()
            elif args.resume:
                self._resume()
            elif workers.rank == 0:
                self._keep_unfinished()
        except (OSError, ValueError) as error:
            sys.exit(f"{Path(sys.argv[0]).name}: {error}")
        if not IN_NOTEBOOK:
            stop_signals.install(self._on_signal)

    # -------------------------------------------------------------------------------- training

    def steps(self) -> Iterator[int]:
        """Yield the remaining steps under a progress bar; save every few seconds and at the end.

        On a GPU, a step returns when its work is in the GPU's queue. So the clock is read where the
        program waits for the queue: to show progress, every half second, and to save.
        """
        self._started = True
        if self.args.trained:
            _leave_workers()
            return
        self._training = True
        self.save()
        start = last_save = last_display = time.monotonic()
        total = self.args.steps
        bar_style = {"unit": "step", "dynamic_ncols": True, "mininterval": 0.5}
        bar_style["disable"] = sys.stderr is None or workers.rank > 0  # None where it is closed
        with tqdm(total=total, initial=self.step, **bar_style) as bar, self._handle_signals():
            while self.step < total:
                yield self.step
                now = time.monotonic()
                self.step += 1
                bar.update()
                is_display_due = now - last_display > 0.5
                stop = workers.any(self._stop)
                is_save_due = stop or now - last_save > self.args.save_every
                if not (is_display_due or is_save_due or self.step == total):
                    continue
                synchronize(self.args.device)
                self.seconds += time.monotonic() - start
                if is_display_due:
                    bar.set_postfix(self._recent_means(), refresh=False)
                    last_display = now
                if is_save_due:
                    self.save()
                    last_save = time.monotonic()
                start = time.monotonic()
                if stop and self.step < total:
                    bar.close()
                    _leave_workers()
                    self._exit(
                        f"Stopped after step {self.step} of {total} and saved.",
                        in_notebook="run this cell again",
                    )
        self.save()
        self._networks = self._states()
        _leave_workers()

    @contextmanager
    def _handle_signals(self) -> Iterator[None]:
        """Handle signals while a notebook trains; a script does so from the beginning to the end.

        The kernel of a notebook puts its own handlers back after each cell.
        """
        if IN_NOTEBOOK:
            self._stop = False  # an earlier call may have been stopped
            stop_signals.install(self._on_signal)
        try:
            yield
        finally:
            self._training = False
            if IN_NOTEBOOK:
                stop_signals.restore()

    def log(self, **values) -> None:
        """Add scalars of this step (numbers or tensors) to the curves: means over the processes.

        Values on a GPU are not fetched here, because the program would have to wait for them.
        """
        for name, value in values.items():
            data = value.data if isinstance(value, tinygen.Tensor) else value
            if workers.size > 1:
                (data,) = workers.average([data if hasattr(data, "dtype") else np.float64(data)])
            self._pending.setdefault(name, []).append(data)

    def record(self, **arrays) -> None:
        """Keep arrays (NumPy, CuPy or tensors) for the pictures; the checkpoint saves them too.

        Each call adds a frame to `run.records[name]`, whose first axis counts the frames. Call it
        in the training loop, or after it for a last frame. A call before the loop would add its
        frame again in a resumed run, so it is an error.

            for step in run.steps():
                if step in picture_steps:
                    run.record(samples=G(z), logits=D(grid))

        Raises
        ------
        RuntimeError
            If training has not begun.
        ValueError
            If a frame differs in shape or dtype from the earlier frames of its name.
        """
        if not self._started:
            raise RuntimeError("Run.record: training has not begun; call it in the loop or after")
        for name, array in arrays.items():
            data = array.data if isinstance(array, tinygen.Tensor) else array
            frame = np.array(to_numpy(data))  # a copy: the caller may write into the array
            frames = self._frames.setdefault(name, [])
            if frames and (frame.shape, frame.dtype) != (frames[0].shape, frames[0].dtype):
                raise ValueError(
                    f"Run.record: {name} is {frame.dtype} {frame.shape}, but its earlier frames "
                    f"are {frames[0].dtype} {frames[0].shape}; record it under another name"
                )
            frames.append(frame)

    @property
    def records(self) -> dict[str, np.ndarray]:
        """The recorded arrays by name, (frames, *shape)."""
        return {name: np.stack(frames) for name, frames in self._frames.items()}

    def _recent_means(self) -> dict[str, str]:
        """Return the mean of the last hundred values of each curve, for the progress bar."""
        return {name: f"{v[-100:].mean():.4g}" for name, v in self._fetch().items()}

    def _fetch(self) -> dict[str, np.ndarray]:
        """Move the pending values into the history; refuse a run that diverged."""
        for name, values in self._pending.items():
            if all(device_of(v) == "cuda" for v in values):  # then fetch them all at once
                values = to_numpy(np.stack([v.reshape(()) for v in values]))
            new = np.array([float(v) for v in values], np.float32)
            if not np.isfinite(new).all():
                sys.exit(
                    f"\n{name} became {new[~np.isfinite(new)][0]} near step {self.step}: training "
                    "diverged (a smaller learning rate?). "
                    f"The last good checkpoint stays in {self.path}"
                )
            self.history[name] = np.concatenate([self.history.get(name, new[:0]), new])
        self._pending = {}
        return self.history

    # ----------------------------------------------------------------------------- checkpoints

    def save(self) -> None:
        """Write the checkpoint. A run that diverged ends instead, and keeps its last checkpoint."""
        if workers.rank > 0:
            return
        save_checkpoint(
            self.path,
            settings=self.settings,
            step=self.step,
            seconds=self.seconds,
            history=self._fetch(),
            records=self.records,
            **self.objects,
            finished=self._finished,
        )

    def _resume(self) -> None:
        """Load the checkpoint, if it belongs to this demo with these settings."""
        if not self.path.exists():
            raise ValueError(f"there is no run in {self.args.out}; leave out --resume to start one")
        saved = load_checkpoint(self.path)
        saved.setdefault("finished", {})  # a run of an earlier version has none
        own = {"settings", "step", "seconds", "history", "records", "finished"}
        if set(saved) != {*own, *self.objects}:
            raise ValueError(
                f"{self.path} is not a checkpoint of this demo: it holds {', '.join(saved)}"
            )
        before, now = saved["settings"], self.settings
        different = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if different:
            lines = ""
            for k in different:
                option = "--" + k.replace("_", "-")
                lines += f"\n    {option}: {before.get(k)} in the checkpoint, {now.get(k)} now"
            raise ValueError(
                f"{self.path} was started with other settings:{lines}\n"
                "Resume with those, or start a new run in another --out"
            )
        rest = load_checkpoint(self.path, **self.objects)
        self.step, self.seconds, self.history = rest["step"], rest["seconds"], rest["history"]
        self._frames = {name: list(frames) for name, frames in rest["records"].items()}
        self._finished = saved["finished"]

    def _keep_unfinished(self) -> None:
        """Move the checkpoint of an unfinished run aside, so that a new run does not replace it."""
        if not self.path.exists():
            return
        try:
            saved = load_checkpoint(self.path)
            finished = saved["step"] >= saved["settings"]["steps"]
        except (ValueError, KeyError, TypeError):
            finished = False
        if finished:
            return
        target, number = self.path.with_name("checkpoint-unfinished.npz"), 1
        while target.exists():
            number += 1
            target = self.path.with_name(f"checkpoint-unfinished-{number}.npz")
        os.replace(self.path, target)
        print(
            f"{self.args.out} holds an unfinished run; its checkpoint is now {target}. To continue "
            f"that run, move it back to {self.path}, then give its settings and --resume"
        )

    # --------------------------------------------------------------------------------- weights

    def evaluator(self, train: Callable[..., Module], *examples, steps: int, **options) -> Module:
        """Train the network that measures the samples; with --trained, load it.

            evaluator = run.evaluator(train_digit_classifier, images, labels, steps=500)

        Parameters
        ----------
        train : function
            One of `tinygen.metrics.evaluators`. It is given the other arguments, and the device.
        """
        device = self.args.device
        if not self.args.trained:
            print("Training the evaluator ...", flush=True)
            evaluator = train(*examples, steps=steps, device=device, **options)
            self._networks[_weights.EVALUATOR] = evaluator.state_dict()
            return evaluator
        evaluator = train(*examples, steps=1, device=device, **options)  # builds the network
        self._load_networks({_weights.EVALUATOR: evaluator})
        return evaluator

    def _load_trained(self) -> None:
        """Load the file of weights, instead of a checkpoint."""
        self._trained = saved = _weights.read_weights(self.args.trained)
        self._load_networks({name: self.objects[name] for name in self.args.weights})
        for ema in self._averages().values():
            averages = {name: p.data for name, p in ema.module.named_parameters()}
            ema.load_state_dict({"num_updates": np.array(ema.num_updates), **averages})
        self.step, self.seconds = self.args.steps, saved["seconds"]
        self.history = {name: v.astype(np.float32) for name, v in saved["history"].items()}
        self._frames = {name: list(frames) for name, frames in saved["records"].items()}

    def _load_networks(self, networks: dict[str, Module]) -> None:
        """Load networks from the file of weights, or end the program with an error of one line."""
        path = self.args.trained
        try:
            load_checkpoint(path, **networks)
        except ValueError as error:
            sys.exit(f"{Path(sys.argv[0]).name}: {_weights.refusal(path, str(error))}")

    def _averages(self) -> dict[int, ExponentialMovingAverage]:
        """Return the averages of parameters, by the id of their network."""
        objects = self.objects.values()
        return {id(o.module): o for o in objects if isinstance(o, ExponentialMovingAverage)}

    def _states(self) -> dict[str, dict[str, Any]]:
        """Return the states of the networks that the pictures need, with averaged parameters."""
        states, averages = {}, self._averages()
        for name in self.args.weights:
            ema = averages.get(id(self.objects[name]))
            with ema.average_parameters() if ema else nullcontext():
                states[name] = self.objects[name].state_dict()
        return states

    # ------------------------------------------------------------------------------ the end

    def _on_signal(self, number, frame) -> None:
        """Let the current step finish, then stop; stop at once at a second signal."""
        if self._training and not self._stop:
            self._stop = True
        elif not self.args.trained and (self._stop or self.path.exists()):
            self._exit(
                f"Stopped; the last checkpoint is in {self.path}.",
                in_notebook='run all cells again, with parse(p, "--resume")',
            )
        else:
            stop_signals.restore()
            print("\nStopped")
            raise SystemExit(130)

    def _exit(self, message: str, *, in_notebook: str) -> None:
        """End the program with exit status 130, or the cell of a notebook; say how to continue."""
        stop_signals.restore()
        if IN_NOTEBOOK:
            raise KeyboardInterrupt(f"{message} To go on, {in_notebook}.")
        print(f"\n{message} Go on with:\n\n    {self.command()}\n")
        raise SystemExit(130)

    def command(self) -> str:
        """Return the shell command that resumes this run."""
        given = [a for a in sys.argv if a != "--resume"]
        mpiexec = ["mpiexec", "-n", str(self._num_processes)] if self._num_processes > 1 else []
        return shlex.join([*mpiexec, sys.executable or "python", *given, "--resume"])

    def write_metrics(self, picture: str, **figures) -> None:
        """Write metrics.json, list the new files, and put the signal handlers back.

        Parameters
        ----------
        picture : str
            The file that represents this demo in the README.
        **figures
            What the demo measured; numbers, strings, lists and dicts.
        """
        versions = {
            "tinygen": tinygen.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        metrics = {
            **self.settings,
            "seconds": round(self.seconds, 1),
            "steps_per_second": round(self.step / max(self.seconds, 1e-9), 1),
            "processes": self._num_processes,
            "threads": self._num_threads,  # of each process
            **figures,
            "picture": picture,
            "versions": versions,
        }
        if self.args.trained:
            origin = ("command", "digest", "seconds", "figures", "spread", "versions")
            metrics["trained"] = {key: self._trained[key] for key in origin}
            print(_weights.describe_training(self._trained, self._source))
        elif self.args.weights and not IN_NOTEBOOK:
            self._finish(figures, picture, versions)
        text = json.dumps(metrics, indent=2, allow_nan=False) + "\n"
        replace_file(self.args.out / "metrics.json", lambda file: file.write(text.encode()))
        before = set(self._files_before.values())
        new = sorted(name for name, stamp in _stamps(self.args.out).items() if stamp not in before)
        print(f"Written to {self.args.out}: {', '.join(new)}")
        stop_signals.restore()

    def _finish(self, figures: dict, picture: str, versions: dict) -> None:
        """Add to the checkpoint what demos/weights.py needs."""
        demo = Path(sys.argv[0]).stem
        command = _weights.command_of(demo, self.settings)
        # A finished run that is only evaluated again was trained by earlier code.
        digest = self._finished.get("digest") or _weights.digest_of(command, self._source)
        self._finished = {
            "demo": demo,
            "command": command,
            "digest": digest,
            "networks": self._networks,
            "figures": figures,
            "picture": picture,
            "versions": versions,
        }
        self.save()


def _leave_workers() -> None:
    """End the work in parallel. The first process goes on, and the others exit."""
    workers.finish()
    if workers.rank > 0:
        raise SystemExit(0)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of change of each visible file: a move keeps both, a write does not."""
    if not folder.is_dir():
        return {}
    visible = [f for f in folder.iterdir() if not f.name.startswith(".")]
    return {f.name: (f.stat().st_ino, f.stat().st_mtime_ns) for f in visible}
