"""The command line of the demos: the options that all of them share, and one-line errors.

    parser(doc, ...)  --data --steps --batch --device --seed --out --resume --save-every; --size
                      where the size of a picture can be chosen; --trained where there can be
                      weights of a finished training
    parse(p)          the settings, checked: device, folder and values; in a notebook, which has no
                      command line, parse(p, "--steps 500 --seed 1")
    natural, fraction, positive, ...    types of arguments
    workers           this process, and the others that mpiexec started; see tinygen.data_parallel

**Errors from outside the program** are reported in one line: a folder that cannot be written, a
full disk, a damaged download, a batch larger than the data set. A mistake in the code keeps its
traceback.

Importing this file changes nothing but `sys.path`; of several processes, each begins MPI. `parse`
installs the signal handler that serves until training begins (Run then replaces it) and the
reporting of errors.
"""

from __future__ import annotations

import argparse
import atexit
import io
import math
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

from _signals import stop_signals

if any(find_spec(name) is None for name in ("matplotlib", "PIL", "tqdm")):
    sys.exit("the demos need matplotlib, Pillow and tqdm: python -m pip install -e '.[demos]'")
try:
    import tinygen
except ValueError as error:  # TINYGEN_THREADS is not a number of threads
    sys.exit(f"{Path(sys.argv[0]).name}: {error}")
import _weights

from tinygen import data
from tinygen.data_parallel import Workers
from tinygen.plot.canvas import in_notebook

try:
    workers = Workers()
except (ImportError, RuntimeError) as error:  # mpi4py is missing, or of another MPI library
    sys.exit(f"{Path(sys.argv[0]).name}: {error}")
IN_NOTEBOOK = in_notebook()
FOLDER = "folder:PATH"  # in the list of data sets: any folder of pictures, given as folder:PATH
NO_FOLDER = (
    "a folder of pictures cannot be used here: this demo needs data of which more is known, their "
    "exact distribution or the captions"
)


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Prints the docstring of the demo as it is and wraps the options at 80 columns."""

    def __init__(self, prog: str):
        super().__init__(prog, width=min(80, shutil.get_terminal_size().columns) - 2)


def parser(
    doc: str,
    *,
    steps: dict[str, int],
    takes: dict[str, str],
    batch: int | dict[str, int],
    sizes: dict[str, int] | None = None,
    valid_sizes: range | tuple[int, ...] = range(1, 1025),
    data_parallel: bool = False,
    weights: tuple[str, ...] = (),
) -> argparse.ArgumentParser:
    """Return a parser with the options that mean the same in every demo.

    Parameters
    ----------
    doc : str
        The docstring of the demo, which --help prints.
    steps : dict of int
        The default number of steps for each data set. The first data set is the default one.
    takes : dict of str
        How long these steps take on two CPU cores, for each data set.
    batch : int or dict of int
        The default batch size, for all data sets or for each.
    sizes : dict of int, optional
        The default height and width of a picture, for each data set for which --size chooses it.
    valid_sizes : range or tuple of int
        The sizes that the networks take.
    data_parallel : bool
        Whether several processes can share each batch: the training loop then uses `workers`.
    weights : tuple of str
        The names, in `Run`, of the networks that the pictures need. With --trained they come from a
        file of weights, and nothing is trained.
    """
    # Jupyter gives its kernel the path of the notebook.
    name = Path(os.environ.get("JPY_SESSION_NAME", "notebook") if IN_NOTEBOOK else sys.argv[0]).stem
    default = next(iter(steps))
    if not isinstance(batch, dict):
        batch = dict.fromkeys(steps, batch)
    lengths = {source: f"{n:,} steps, {takes[source]}" for source, n in steps.items()}
    choices = ",".join(steps)
    p = argparse.ArgumentParser(f"{name}.py", description=doc, formatter_class=HelpFormatter)
    p.add_argument(
        "--data",
        type=data_source(steps),
        default=default,
        metavar="{" + choices + "}" if len(choices) < 60 else "NAME",  # the line has 80 columns
        help=f"data set to learn from: {', '.join(steps)} "
        f"(default: {default}, which needs no download)",
    )
    p.add_argument(
        "--steps",
        type=natural,
        help="number of training steps (default, with the time on two CPU cores: "
        f"{_describe_defaults(lengths)})",
    )
    p.add_argument(
        "--batch",
        type=natural,
        help=f"number of examples per step (default: {_describe_defaults(batch)})",
    )
    if sizes:
        where = "" if len(sizes) == len(steps) else f" of --data {' or '.join(sizes)}"
        p.add_argument(
            "--size",
            type=natural,
            metavar="N",
            help=f"height and width of a picture{where} (default: {_describe_defaults(sizes)})",
        )
    p.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="where to compute (default: cpu)",
    )
    p.add_argument(
        "--seed",
        type=seed,
        default=0,
        help="seed of the initial weights, the order of the data and the noise (default: 0)",
    )
    p.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"folder for pictures, metrics.json and the checkpoint (default: out/{name}"
        + (f"; with --trained out/{name}-trained)" if weights else ")"),
    )
    p.add_argument(
        "--resume",
        action="store_true",
        help="continue from the checkpoint in --out; give the same settings as before",
    )
    p.add_argument(
        "--save-every",
        type=seconds,
        default=15,
        metavar="SECONDS",
        help="time between two checkpoints (default: 15 seconds)",
    )
    if weights:
        p.add_argument(
            "--trained",
            action="store_true",
            help="train nothing: draw the pictures with the weights of a finished training, from "
            f"demos/weights/{name}.npz, which decide the settings; --seed is then that of the "
            "pictures alone",
        )
    p.set_defaults(by_data={"steps": steps, "batch": batch}, sizes=(sizes, valid_sizes))
    p.set_defaults(data_parallel=data_parallel, weights=weights, trained=False)
    return p


def _describe_defaults(values: dict) -> str:
    """Return the value that all data sets share, or each value with the data sets it is for."""
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    sources = {value: [s for s in values if values[s] == value] for value in values.values()}
    return "; ".join(f"{value} on {', '.join(names)}" for value, names in sources.items())


def parse(p: argparse.ArgumentParser, options: str = "") -> argparse.Namespace:
    """Return the settings: those of the options, of the command line after them, and the defaults.

    A notebook has no command line for the user. There, options are given here, in the same form:
    ``parse(p, "--data mnist --steps 500")``.
    """
    if not IN_NOTEBOOK:
        _prepare_output()
        # Figures go to files. A program that a notebook starts inherits a setting of the notebook,
        # whose backend may be missing here.
        os.environ["MPLBACKEND"] = "agg"
        stop_signals.install(_stop_before_training)
        sys.excepthook = _report_error
    if workers.rank > 0:
        sys.stdout = open(os.devnull, "w")  # the first process speaks for all
    try:
        # The command line is the same in all processes, and so are errors in it.
        with redirect_stderr(sys.stdout if workers.rank > 0 else sys.stderr):
            args = _parse_arguments(p, shlex.split(options) + ([] if IN_NOTEBOOK else sys.argv[1:]))
    except SystemExit:
        workers.finish()
        raise
    if args.device == "cuda":
        try:
            tinygen.default_rng(0, "cuda")
            workers.use_gpu()
        except (ImportError, RuntimeError) as error:
            p.error(f"--device cuda: {error}")
    _check_folder(p, args.out, args.resume)
    return args


def _parse_arguments(p: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """Return the settings: those given, and the defaults of the data set."""
    args = p.parse_args(arguments)
    name = Path(p.prog).stem
    if args.trained:
        if args.resume:
            p.error("--trained --resume: finished weights leave nothing to resume; choose one")
        args = _parse_with_weights(p, arguments, _weights.FOLDER / f"{name}.npz")
    if args.out is None:
        args.out = Path("out") / (f"{name}-trained" if args.trained else name)
    source = FOLDER if args.data.startswith("folder:") else args.data
    for name, defaults in vars(args).pop("by_data").items():
        if getattr(args, name) is None:
            setattr(args, name, defaults[source])
    sizes, valid_sizes = vars(args).pop("sizes")
    if sizes:
        _check_size(p, args, source, sizes, valid_sizes)
    if not vars(args).pop("data_parallel") and workers.size > 1:
        p.error("this demo trains in one process; demos/ddpm.py can be run by several")
    if args.batch % workers.size:
        p.error(f"--batch {args.batch}: the number of processes, {workers.size}, must divide it")
    return args


def _parse_with_weights(
    p: argparse.ArgumentParser, arguments: list[str], path: Path
) -> argparse.Namespace:
    """Return the settings that the weights were trained with; refuse options that differ."""
    try:
        recipe = _weights.read_weights(path)["settings"]
    except ValueError as error:
        p.error(f"--trained: {error}")
    recipe = {name: value for name, value in recipe.items() if name not in _weights.FREE}
    try:
        if not recipe.keys() <= vars(p.parse_args([])).keys():
            raise SystemExit
        with redirect_stderr(io.StringIO()):
            trained = p.parse_args(_weights.options_of(recipe))
    except SystemExit:
        p.error("--trained: " + _weights.refusal(path, "its settings are not of this demo"))
    # An option that is not given leaves what the namespace already has.
    args = p.parse_args(arguments, argparse.Namespace(**vars(trained)))
    for name in sorted(recipe):
        value = getattr(trained, name)
        if getattr(args, name) != value:
            option = "--" + name.replace("_", "-")
            p.error(
                f"{option} {getattr(args, name)}: the weights of {path} were trained with {option} "
                f"{value}; leave out {option}, or leave out --trained to train"
            )
    args.trained = path
    return args


def _check_size(p: argparse.ArgumentParser, args, source: str, sizes: dict, valid) -> None:
    """Set --size to its default, or refuse it; remove it where the data set decides the size."""
    if source not in sizes:
        if args.size is not None:
            p.error(f"--size {args.size}: is for --data {' or '.join(sizes)}, not for {source}")
        del args.size
        return
    if args.size is None:
        args.size = sizes[source]
    if args.size not in valid:
        p.error(f"--size {args.size}: {_describe_valid(valid, args.size)}")


def _describe_valid(valid: range | tuple[int, ...], size: int) -> str:
    """Tell which sizes work, and which of them are nearest."""
    if isinstance(valid, tuple):
        return f"choose from {', '.join(map(str, valid))}"
    kind = "a size" if valid.step == 1 else f"a multiple of {valid.step}"
    near = sorted(sorted(valid, key=lambda n: abs(n - size))[:2])
    return f"give {kind} from {valid[0]} to {valid[-1]}, such as {near[0]} or {near[1]}"


def _stop_before_training(number, frame) -> None:
    """End the program: there is nothing to save yet."""
    stop_signals.requested = True
    print("\nStopped before training began; nothing is lost.", flush=True)
    raise SystemExit(130)


def _check_folder(p: argparse.ArgumentParser, out: Path, resume: bool) -> None:
    """Refuse an --out that cannot be used before anything is computed for it."""
    try:
        if resume and not (out / "checkpoint.npz").exists():
            p.error(f"--resume: there is no run in {out}; leave out --resume to start one")
        if out.exists() and not out.is_dir():
            p.error(f"--out {out}: it is a file; give the name of a folder")
        out.mkdir(parents=True, exist_ok=True)
        next(out.iterdir(), None)  # may fail where the folder cannot be read
        with tempfile.TemporaryFile(dir=out):  # permissions alone do not tell: a disk can be full
            pass
    except OSError as error:
        p.error(f"--out {out}: cannot make or use this folder ({error.strerror}); choose another")


# %% Output and errors


def _prepare_output() -> None:
    """Print characters that the encoding lacks as escapes; accept that the reader may go."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not None, as where the stream is closed
            stream.reconfigure(errors="backslashreplace")
    atexit.register(_flush_output)


def _flush_output() -> None:
    """Write what is left of the output, or drop it where its reader has gone (`| head -1`)."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_error(kind, error, trace) -> None:
    """Print an error from outside the program in one line, and any other with its traceback."""
    if issubclass(kind, BrokenPipeError):
        return  # the reader of the output has gone
    if not issubclass(kind, (OSError, data.DataError)):
        sys.__excepthook__(kind, error, trace)
        return
    text = str(error)
    if isinstance(error, OSError) and error.strerror:  # leaves out the error's number
        text = error.strerror + (f": {error.filename}" if error.filename else "")
    text = text.replace("Loader: batch_size", "--batch")
    print(f"{Path(sys.argv[0]).name}: {text}", file=sys.stderr)


# %% Types of arguments


def data_source(names: Iterable[str]) -> Callable[[str], str]:
    """Return the type of --data: one of `names`; "folder:PATH" stands for any folder."""
    names = list(names)

    def check(text: str) -> str:
        if text in names and text != FOLDER:
            return text
        problem = f"invalid choice {text!r}"
        if text.startswith("folder:"):
            path = os.path.expanduser(text.removeprefix("folder:"))
            if FOLDER not in names:
                problem = NO_FOLDER
            elif Path(path).is_dir():
                return "folder:" + path
            else:
                problem = f"no folder {path!r}"
        raise argparse.ArgumentTypeError(f"{problem}; choose from {', '.join(names)}")

    return check


def natural(text: str) -> int:
    """Return a count: a whole number of at least 1."""
    n = _convert(int, text)
    if n is None or n < 1:
        raise argparse.ArgumentTypeError(f"give a whole number of at least 1, not {text!r}")
    return n


def fraction(text: str) -> float:
    """Return a number from 0 to 1."""
    x = _convert(float, text)
    if x is None or not 0 <= x <= 1:
        raise argparse.ArgumentTypeError(f"give a number from 0 to 1, not {text!r}")
    return x


def finite(text: str) -> float:
    """Return a finite number."""
    x = _convert(float, text)
    if x is None or not math.isfinite(x):
        raise argparse.ArgumentTypeError(f"give a finite number, not {text!r}")
    return x


def positive(text: str) -> float:
    """Return a finite number above 0: a limit or a weight."""
    x = _convert(float, text)
    if x is None or not 0 < x < math.inf:
        raise argparse.ArgumentTypeError(f"give a number above 0, not {text!r}")
    return x


def seed(text: str) -> int:
    """Return a seed: a whole number of at most 63 bits."""
    n = _convert(int, text)
    if n is None or not 0 <= n < 2**63:
        raise argparse.ArgumentTypeError(f"give a whole number from 0 to 2**63 - 1, not {text!r}")
    return n


def seconds(text: str) -> float:
    """Return a duration in seconds, possibly infinite."""
    s = _convert(float, text)
    if s is None or math.isnan(s) or s < 0:
        raise argparse.ArgumentTypeError(f"give a number of seconds, at least 0, not {text!r}")
    return s


def _convert(kind: type, text: str):
    """Return `text` as a number of this kind, or None where it is none."""
    try:
        return kind(text)
    except ValueError:
        return None
