"""What all demos have in common: their arguments, and what goes on around a training loop. The loop itself stands in each script.

    parser(doc, ...)   --data --steps --batch --device --seed --out --resume --save-every, the same in every demo
    Run                counts steps, shows progress, keeps the curves, saves, stops at Ctrl-C, resumes; writes metrics.json

**Interrupted is not lost.** A checkpoint is written before the first step, every so many seconds, and at the end. Ctrl-C (or a polite kill) lets the
step under way finish first, since half a step is a state that no uninterrupted run goes through. All that decides the next step is in the checkpoint:
weights, optimizer, the order of the data, the noise generator. So a resumed run ends with the same bits as one left alone.

**What is wrong outside the program** (a folder that cannot be written, a full disk, a damaged download, more examples a step than there are) is said in
one line. A mistake in the code keeps its traceback.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout runs without being installed
NOTEBOOK = "ipykernel" in sys.modules


_told_to_stop = False


def _not_begun(number, frame) -> None:
    global _told_to_stop
    _told_to_stop = True
    print("\nStopped before training began; nothing is lost.", flush=True)
    raise SystemExit(130)


def _on_signals(handler) -> None:
    for s in (signal.SIGINT, signal.SIGTERM):
        signal.signal(s, handler)


if not NOTEBOOK:
    _on_signals(_not_begun)  # from here, before the imports, which take a while; Run puts its own in place

import numpy as np  # noqa: E402

import tinygen  # noqa: E402
from tinygen import data
from tinygen.backend import threads as pool
from tinygen.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402

try:
    from tqdm import tqdm
except ImportError:
    sys.exit("the demos show their progress with tqdm and draw with matplotlib: pip install tqdm matplotlib")


def parser(doc: str, *, steps: dict[str, int], takes: dict[str, str], batch: int) -> argparse.ArgumentParser:
    """The arguments that mean the same in every demo. `steps` and `takes`: for each data set, first the default one, how many steps and how long."""
    name = Path(sys.argv[0]).stem
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = next(iter(steps))
    each = "; ".join(f"{n:,} on {data}: {takes[data]}" for data, n in steps.items())
    p.add_argument("--data", type=one_of(steps), default=default, metavar="{" + ",".join(steps) + "}",
                   help=f"what to learn from (default: {default}, made here, no network needed)")
    p.add_argument("--steps", type=natural, help=f"training steps (default on two CPU cores: {each})")
    p.add_argument("--batch", type=natural, default=batch, help=f"examples a step (default: {batch})")
    p.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default: cpu)")
    p.add_argument("--seed", type=seed, default=0, help="of initial weights, order and noise (default: 0)")
    p.add_argument("--out", type=Path, default=Path("out") / name, metavar="DIR", help=f"folder for pictures, metrics.json and checkpoint (default: out/{name})")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, with the settings it was begun with")
    p.add_argument("--save-every", type=seconds, default=15, metavar="SECONDS", help="between checkpoints (default: 15)")
    p.set_defaults(default_steps=steps)
    return p


def parse(p: argparse.ArgumentParser) -> argparse.Namespace:
    """The settings; in a notebook, whose command line is not ours, the defaults."""
    args = p.parse_args([] if NOTEBOOK else None)
    if not NOTEBOOK:
        sys.excepthook = _one_line
    if args.device == "cuda":
        try:
            tinygen.default_rng(0, "cuda")
        except (ImportError, RuntimeError) as error:
            p.error(f"--device cuda: {error}")
    _check_folder(p, args)
    defaults = vars(args).pop("default_steps")
    args.steps = defaults["folder:PATH" if args.data.startswith("folder:") else args.data] if args.steps is None else args.steps
    return args


_stood: set[tuple[int, int]] = set()  # the files that were in --out before: (inode, time of the last change), which a move keeps


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {f.name: (f.stat().st_ino, f.stat().st_mtime_ns) for f in folder.iterdir() if not f.name.startswith(".")}


def _check_folder(p: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse an --out that cannot be used before anything is computed for it."""
    out = args.out
    try:
        if args.resume and not out.exists():
            return  # Run says that there is no checkpoint; an empty folder would be of no use to it
        if out.exists() and not out.is_dir():
            p.error(f"--out {out}: it is a file; give the name of a folder")
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            p.error(f"--out {out}: this folder may not be written to; choose another")
        _stood.update(_stamps(out).values())
    except OSError as error:
        p.error(f"--out {out}: cannot make or read this folder ({error.strerror}); choose another")


def _one_line(kind, error, trace) -> None:
    """What ends the program: without a traceback where the cause is outside it, that is, the system's errors and what tinygen.data finds wrong."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = Path(last.tb_frame.f_code.co_filename).resolve() if last is not None else Path()
    if not issubclass(kind, OSError) and not (issubclass(kind, ValueError) and where.is_relative_to(Path(data.__file__).resolve().parent)):
        return sys.__excepthook__(kind, error, trace)
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # without its number
        text = error.strerror + (f": {error.filename}" if error.filename else "")
    text = text.replace("Loader: batch_size", "--batch")
    print(f"{Path(sys.argv[0]).name}: {text}", file=sys.stderr)


class Run:
    """One training run in the folder `args.out`, begun or resumed.

    objects : all whose state decides the next step, by name; each has state_dict() and load_state_dict().

        run = Run(args, model=model, optimizer=optimizer, loader=loader, generator=generator)
        for step in run.steps():
            ...
            run.log(loss=loss)
    """

    NOT_SETTINGS = ("out", "resume", "save_every")  # everything else must be the same in a resumed run

    def __init__(self, args: argparse.Namespace, **objects):
        if _told_to_stop:  # the handler's SystemExit was lost, which C code that clears errors can do to it: seen once in some hundred runs
            raise SystemExit(130)
        self.args, self.objects = args, objects
        self.settings = {k: v for k, v in vars(args).items() if k not in self.NOT_SETTINGS}
        self.path = args.out / "checkpoint.npz"
        self.step, self.seconds = 0, 0.0
        self.history: dict[str, np.ndarray] = {}  # name -> one float32 a step
        self._pending: dict[str, list] = {}  # logged and not yet fetched from the device
        self._training = self._stop = False
        try:
            self._resume() if args.resume else self._keep_unfinished()
        except (OSError, ValueError) as error:
            sys.exit(f"{Path(sys.argv[0]).name}: {error}")
        _on_signals(self._interrupted)

    def steps(self) -> Iterator[int]:
        """The steps that are left, with a progress bar; saves as it goes, and at the end."""
        self._training, last_save, last_show = True, time.monotonic(), 0.0
        self.save()
        with tqdm(total=self.args.steps, initial=self.step, unit="step", dynamic_ncols=True, mininterval=0.5) as bar:
            while self.step < self.args.steps:
                begun = time.monotonic()
                yield self.step
                self.step += 1
                now = time.monotonic()
                self.seconds += now - begun
                bar.update()
                if now - last_show > 0.5:
                    bar.set_postfix({k: f"{v[-100:].mean():.4g}" for k, v in self._fetch().items()}, refresh=False)
                    last_show = now
                if self._stop or now - last_save > self.args.save_every:
                    self.save()
                    last_save = time.monotonic()
                if self._stop and self.step < self.args.steps:
                    bar.close()
                    print(f"\nStopped after step {self.step} of {self.args.steps} and saved. Go on with:\n\n    {self.command()}\n")
                    raise SystemExit(130)
        self._training = False
        self.save()

    def log(self, **values) -> None:
        """Note scalars of this step (numbers or tensors) for the curves. Nothing is fetched from a GPU here: that would make it wait."""
        for name, value in values.items():
            self._pending.setdefault(name, []).append(value.data if isinstance(value, tinygen.Tensor) else value)

    def _fetch(self) -> dict[str, np.ndarray]:
        for name, values in self._pending.items():
            new = np.array([float(v) for v in values], np.float32)
            if not np.isfinite(new).all():
                sys.exit(f"\n{name} became {new[~np.isfinite(new)][0]} near step {self.step}: training diverged (a smaller learning rate?). "
                         f"The last good checkpoint stays in {self.path}")
            self.history[name] = np.concatenate([self.history.get(name, new[:0]), new])
        self._pending = {}
        return self.history

    def save(self) -> None:
        history = self._fetch()  # first: it refuses a run that diverged
        save_checkpoint(self.path, settings=self.settings, step=self.step, seconds=self.seconds, history=history, **self.objects)

    def _resume(self) -> None:
        saved = load_checkpoint(self.path)
        if set(saved) != {"settings", "step", "seconds", "history", *self.objects}:
            raise ValueError(f"{self.path} is not a checkpoint of this demo: it holds {', '.join(saved)}")
        theirs = saved["settings"]
        if different := [k for k in {*theirs, *self.settings} if theirs.get(k) != self.settings.get(k)]:
            lines = "".join(f"\n    --{k.replace('_', '-')}: {theirs.get(k)} in the checkpoint, {self.settings.get(k)} now" for k in sorted(different))
            raise ValueError(f"{self.path} was begun with other settings:{lines}\nResume with those, or begin afresh in another --out")
        rest = load_checkpoint(self.path, **self.objects)
        self.step, self.seconds, self.history = rest["step"], rest["seconds"], rest["history"]

    def _keep_unfinished(self) -> None:
        """Beginning afresh where an unfinished run stands: move its checkpoint aside rather than write over it."""
        if not self.path.exists():
            return
        try:
            saved = load_checkpoint(self.path)
            finished = saved["step"] >= saved["settings"]["steps"]
        except (ValueError, KeyError, TypeError):
            finished = False
        if not finished:
            names = ("checkpoint-unfinished.npz", *(f"checkpoint-unfinished-{i}.npz" for i in range(2, 10_000)))
            aside = next(p for p in map(self.path.with_name, names) if not p.exists())
            os.replace(self.path, aside)
            print(f"An unfinished run stood in {self.args.out}; its checkpoint is now {aside}. To go on with that run, move it back to {self.path}, then "
                  "give its settings and --resume")  # fmt: skip

    def _interrupted(self, number, frame) -> None:
        if self._training and not self._stop:
            self._stop = True
            return
        saved = f"; the last checkpoint is in {self.path}. Go on with:\n\n    {self.command()}\n" if self._stop or self.path.exists() else ""
        print(f"\nStopped{saved}")
        raise SystemExit(130)

    def command(self) -> str:
        """What goes on with this run."""
        given = [a for a in sys.argv if a != "--resume"]
        return shlex.join([sys.executable or "python", *given, "--resume"])

    def write_metrics(self, picture: str, **figures) -> None:
        """Write metrics.json and say what there is. `picture`: the file that stands for this demo in the README."""
        versions = {"tinygen": tinygen.__version__, "numpy": np.__version__, "python": platform.python_version(), "machine": platform.machine()}
        speed = {"seconds": round(self.seconds, 1), "steps_per_second": round(self.step / max(self.seconds, 1e-9), 1), "threads": pool.threads()}
        metrics = {**self.settings, **speed, **figures, "picture": picture, "versions": versions}
        path = self.args.out / "metrics.json"
        aside = path.with_name(f".metrics.{os.getpid()}.tmp")
        try:
            aside.write_text(json.dumps(metrics, indent=2, allow_nan=False) + "\n")
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        print(f"Written to {self.args.out}: {', '.join(sorted(name for name, stamp in _stamps(self.args.out).items() if stamp not in _stood))}")


def one_of(names) -> Callable[[str], str]:
    """What --data takes: one of the names; where "folder:PATH" is among them, any folder after "folder:"."""

    def source(text: str) -> str:
        if text in names and text != "folder:PATH" or "folder:PATH" in names and text.startswith("folder:") and Path(text[7:]).is_dir():
            return text
        wrong = f"no folder {text[7:]!r}" if text.startswith("folder:") and "folder:PATH" in names else f"invalid choice {text!r}"
        raise argparse.ArgumentTypeError(f"{wrong}; choose from {', '.join(names)}")

    return source


def natural(text: str) -> int:
    """An argument that counts something."""
    n = _number(int, text)
    if n is None or n < 1:
        raise argparse.ArgumentTypeError(f"give a whole number of at least 1, not {text!r}")
    return n


def share(text: str) -> float:
    """An argument that is a part of a whole."""
    x = _number(float, text)
    if x is None or not 0 <= x <= 1:
        raise argparse.ArgumentTypeError(f"give a number from 0 to 1, not {text!r}")
    return x


def positive(text: str) -> float:
    """An argument that is a limit or a weight, and of no use at 0."""
    x = _number(float, text)
    if x is None or not 0 < x < math.inf:
        raise argparse.ArgumentTypeError(f"give a number above 0, not {text!r}")
    return x


def seed(text: str) -> int:
    n = _number(int, text)
    if n is None or not 0 <= n < 2**63:
        raise argparse.ArgumentTypeError(f"give a whole number from 0 to 2**63 - 1, not {text!r}")
    return n


def seconds(text: str) -> float:
    s = _number(float, text)
    if s is None or math.isnan(s) or s < 0:
        raise argparse.ArgumentTypeError(f"give a number of seconds, at least 0, not {text!r}")
    return s


def _number(kind: type, text: str):
    try:
        return kind(text)
    except ValueError:
        return None
