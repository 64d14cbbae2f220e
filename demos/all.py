"""Draw the pictures of the README again: run every demo.

    python demos/all.py                    all demos, one after the other
    python demos/all.py vae gaussian       these
    python demos/all.py --steps 2          passes options to each demo, and
                                           leaves the pictures of the README
    python demos/all.py vae --steps 2      both: names come first
    python demos/all.py --trained          only those that have weights
    python demos/all.py real               the pictures of real data in
                                           RESULTS.md: five hours of training

Without options, a demo that has weights of a finished training, in
demos/weights, draws with them, in seconds. Most others are trained as by
default, each in about two minutes on two cores; COMMANDS, in this file, names
those that learn for longer. Pictures go to out/NAME-trained and out/NAME. The
one that metrics.json names is copied to demos/pictures.

Each picture of real data has a name, too, such as real/vae_mnist. MNIST is
downloaded. The ORL faces and the CMP facades have to be in the folders
orl-faces and facades-64 of $TINYGEN_DATA.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

DEMOS = Path(__file__).resolve().parent
NOT_DEMOS = {"all", "benchmark", "broken", "explorer", "weights"}  # nor files named _*.py
DATA = os.environ.get("TINYGEN_DATA", ".")
# The pictures that are not of a demo's default training: demo and options.
COMMANDS = {
    "broken": ["broken"],  # it has no --steps
    "ddpm_2020": ["ddpm_2020", "--steps", "4000"],
    "families": ["families", "--steps", "6500"],
    "vae_2013": ["vae_2013", "--latent-dim", "5", "--stepsize", "0.02", "--steps", "30000"],
    "real/conditional_gan_mnist": ["conditional_gan", "--data", "mnist"],
    "real/dcgan_mnist": ["dcgan", "--data", "mnist"],
    "real/ddpm_mnist": ["ddpm", "--data", "mnist", "--width", "48", "--steps", "60000"],
    "real/gaussian_orl": ["gaussian", "--data", f"folder:{DATA}/orl-faces"],
    "real/pix2pix_facades": [
        *["pix2pix", "--data", f"folder:{DATA}/facades-64", "--size", "64", "--steps", "15000"]
    ],
    "real/vae_mnist": ["vae", "--data", "mnist"],
}
REAL = [name for name in COMMANDS if name.startswith("real/")]
OF_README = [name for name in COMMANDS if name not in REAL]
MAX_WIDTH = 800  # pixels of a picture; the README shows it half as wide
MAX_BYTES = {".png": 400_000, ".gif": 1_500_000}  # of a picture


def list_demos(trained: bool = False) -> list[str]:
    """Return the names of all demos, or of those that have weights for --trained."""
    files = (DEMOS / "weights").glob("*.npz") if trained else DEMOS.glob("[a-z]*.py")
    return sorted(path.stem for path in files if path.stem not in NOT_DEMOS)


def copy_picture(source: Path, name: str) -> None:
    """Copy a picture of a demo to demos/pictures/NAME.png (.gif), in place of any earlier one.

    Raises
    ------
    ValueError
        If it is too wide for its letters to be read in the README, or too large a file.
    """
    from PIL import Image

    with Image.open(source) as picture:
        width = picture.width
    size, max_bytes = source.stat().st_size, MAX_BYTES[source.suffix]
    if width > MAX_WIDTH or size > max_bytes:
        raise ValueError(
            f"{source}: {width} pixels wide, {size:,} bytes; a picture of the README has at most "
            f"{MAX_WIDTH} and {max_bytes:,}"
        )
    target = DEMOS / "pictures" / (name + source.suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    shutil.copyfile(source, temporary)
    temporary.replace(target)
    for suffix in {*MAX_BYTES} - {source.suffix}:
        target.with_suffix(suffix).unlink(missing_ok=True)


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the names, which come first, and the options that each demo receives."""
    is_option = [argument.startswith("-") for argument in arguments]
    num_names = is_option.index(True) if True in is_option else len(arguments)
    return arguments[:num_names], arguments[num_names:]


def command(name: str, options: list[str]) -> list[str]:
    """Return the demo that draws a picture, and its options, followed by these."""
    if name in COMMANDS:
        return [*COMMANDS[name], *options]
    is_trained = not options and name in list_demos(trained=True)
    return [name, "--trained"] if is_trained else [name, *options]


def find_error(names: list[str], options: list[str]) -> str | None:
    """Return what is wrong with the command line, if anything."""
    valid = sorted({*list_demos(), *COMMANDS})
    if unknown := sorted(set(names) - set(valid)):
        return f"no demo {', '.join(unknown)}; there are {', '.join(valid)}"
    # A name that follows an option directly may be its value.
    late = [
        argument
        for before, argument in zip(options, options[1:], strict=False)
        if argument in valid and (not before.startswith("-") or before == "--trained")
    ]
    if late:
        return f"names come first: all.py {' '.join([*names, *late])} {options[0]} ..."
    return None


def run(name: str, demo: str, options: list[str]) -> int:
    """Run one demo, and return its exit status."""
    print(f"\n--- {name}", flush=True)
    start = time.monotonic()
    arguments = [sys.executable, str(DEMOS / f"{demo}.py"), *options]
    status = subprocess.run(arguments, check=False).returncode
    result = "done" if status == 0 else f"stopped with exit status {status}"
    print(f"--- {name}: {result} after {time.monotonic() - start:.0f} s", flush=True)
    return status


def run_all(names: list[str], options: list[str]) -> int:
    """Run demos one after the other, and return the exit status of all.py."""
    failed = []
    for name in names:
        demo, *demo_options = command(name, options)
        out = Path("out") / (f"{name}-trained" if "--trained" in demo_options else name)
        status = run(name, demo, demo_options if options else [*demo_options, "--out", str(out)])
        if status == 130:  # stopped by Ctrl-C
            return status
        if status:
            failed.append(name)
        elif not options:
            metrics = json.loads((out / "metrics.json").read_text())
            pictures = metrics.get("pictures", {name: metrics["picture"]})
            try:
                for picture, file in pictures.items():
                    copy_picture(out / file, picture)
            except ValueError as error:
                print(f"all.py: {error}", file=sys.stderr)
                failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    """Read the command line and run the demos."""
    names, options = split_arguments(sys.argv[1:])
    if options[:1] in (["-h"], ["--help"]):
        print(__doc__)
        print(textwrap.fill(f"The demos: {', '.join(list_demos())}", 79))
        print(textwrap.fill(f"The pictures of real data: {', '.join(REAL)}", 79))
        return 0
    names = [part for name in names for part in (REAL if name == "real" else [name])]
    if error := find_error(names, options):
        print(f"all.py: {error}", file=sys.stderr)
        return 2
    # Ctrl-C reaches the demo, too. It finishes its step and saves, so wait for it.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    if not names:
        names = list_demos(trained="--trained" in options)
        names = names if options else sorted({*names, *OF_README})
    return run_all(names, options)


if __name__ == "__main__":
    sys.exit(main())
