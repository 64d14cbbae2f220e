"""Run every demo with its defaults, and refresh the pictures of the README.

    python demos/all.py                    all demos, one after the other
    python demos/all.py vae gaussian       these
    python demos/all.py --steps 2          passes options to each demo
    python demos/all.py vae --steps 2      both: names come first
    python demos/all.py --trained          draws those that have weights of a
                                           finished training, in demos/weights

Each demo takes about two minutes on two cores, and seconds with --trained. Its
own pictures go to out/NAME, or out/NAME-trained. When the demos run with their
defaults, the picture that metrics.json names is also copied as a thumbnail to
demos/pictures/NAME.png.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

DEMOS = Path(__file__).resolve().parent
NOT_DEMOS = {"all", "benchmark", "weights"}  # nor are files whose names begin with an underscore
MAX_WIDTH = 600  # of a thumbnail, in pixels
MAX_BYTES = 100_000  # of a thumbnail


def list_demos(trained: bool = False) -> list[str]:
    """Return the names of all demos, or of those that have weights for --trained."""
    files = (DEMOS / "weights").glob("*.npz") if trained else DEMOS.glob("[a-z]*.py")
    return sorted(path.stem for path in files if path.stem not in NOT_DEMOS)


def save_thumbnail(source: Path, target: Path) -> None:
    """Save a copy at most MAX_WIDTH wide, with as many colours as fit into MAX_BYTES.

    It is moved into place when it is complete.
    """
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    if picture.width > MAX_WIDTH:
        height = round(picture.height * MAX_WIDTH / picture.width)
        picture = picture.resize((MAX_WIDTH, height), Image.Resampling.LANCZOS)
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_suffix(".tmp")
    for num_colours in (256, 128, 64, 32, 16, 8):
        quantized = picture.quantize(num_colours, dither=Image.Dither.NONE)
        quantized.save(temporary, format="PNG", optimize=True)
        if temporary.stat().st_size < MAX_BYTES:
            break
    temporary.replace(target)


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names, which come first, and the options that each demo receives."""
    is_option = [argument.startswith("-") for argument in arguments]
    num_names = is_option.index(True) if True in is_option else len(arguments)
    return arguments[:num_names], arguments[num_names:]


def find_error(names: list[str], options: list[str]) -> str | None:
    """Return what is wrong with the command line, if anything."""
    demos = list_demos()
    if unknown := sorted(set(names) - set(demos)):
        return f"no demo {', '.join(unknown)}; there are {', '.join(demos)}"
    # A name that follows an option directly may be its value.
    late = [
        argument
        for before, argument in zip(options, options[1:], strict=False)
        if argument in demos and (not before.startswith("-") or before == "--trained")
    ]
    if late:
        return f"names come first: all.py {' '.join([*names, *late])} {options[0]} ..."
    return None


def run(name: str, options: list[str]) -> int:
    """Run one demo, and return its exit status."""
    print(f"\n--- {name}", flush=True)
    start = time.monotonic()
    command = [sys.executable, str(DEMOS / f"{name}.py"), *options]
    status = subprocess.run(command, check=False).returncode
    result = "done" if status == 0 else f"stopped with exit status {status}"
    print(f"--- {name}: {result} after {time.monotonic() - start:.0f} s", flush=True)
    return status


def run_all(names: list[str], options: list[str]) -> int:
    """Run demos one after the other, and return the exit status of all.py."""
    failed = []
    for name in names:
        status = run(name, options)
        if status == 130:  # stopped by Ctrl-C
            return status
        if status:
            failed.append(name)
        elif not options:
            out = Path("out") / name
            picture = json.loads((out / "metrics.json").read_text())["picture"]
            save_thumbnail(out / picture, DEMOS / "pictures" / f"{name}.png")
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    """Read the command line and run the demos."""
    names, options = split_arguments(sys.argv[1:])
    if options[:1] in (["-h"], ["--help"]):
        print(__doc__)
        print(textwrap.fill(f"The demos: {', '.join(list_demos())}", 79))
        return 0
    if error := find_error(names, options):
        print(f"all.py: {error}", file=sys.stderr)
        return 2
    # Ctrl-C reaches the demo, too. It finishes its step and saves, so wait for it.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    return run_all(names or list_demos(trained="--trained" in options), options)


if __name__ == "__main__":
    sys.exit(main())
