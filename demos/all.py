"""Run every demo whole, with its defaults, and refresh the README's pictures.

    python demos/all.py                       all demos, one after the other; about two minutes each on two cores
    python demos/all.py vae gaussian          these
    python demos/all.py --steps 2             what follows is handed to each demo: here, does everything still run?
    python demos/all.py vae --steps 2         both: names come first

A demo's own pictures go to out/NAME. The one that its metrics.json names as its "picture" is also made small and put beside the demos, in
demos/pictures/NAME.png, when the demos ran with their defaults.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

DEMOS = Path(__file__).resolve().parent
NOT_DEMOS = {"all", "benchmark"}  # nor are files whose names begin with an underscore
WIDTH, LARGEST = 600, 100_000  # of a picture for the README: pixels, bytes


def demos() -> list[str]:
    return sorted(p.stem for p in DEMOS.glob("*.py") if p.stem not in NOT_DEMOS and not p.stem.startswith("_"))


def thumbnail(source: Path, target: Path) -> None:
    """A copy at most WIDTH wide, in as many grey levels or colours as fit into LARGEST bytes; moved into place when it is whole."""
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    target.parent.mkdir(exist_ok=True)
    aside = target.with_suffix(".tmp")
    for colours in (256, 128, 64, 32, 16, 8):
        picture.quantize(colours, dither=Image.Dither.NONE).save(aside, format="PNG", optimize=True)
        if aside.stat().st_size < LARGEST:
            break
    aside.replace(target)


def main() -> int:
    given = sys.argv[1:]
    cut = next((i for i, a in enumerate(given) if a.startswith("-")), len(given))  # names first, then what is handed on
    names, rest = given[:cut] or demos(), given[cut:]
    if rest[:1] in (["-h"], ["--help"]):
        print(f"{__doc__}\nThe demos: {', '.join(demos())}")
        return 0
    if unknown := set(names) - set(demos()):
        print(f"all.py: no demo {', '.join(sorted(unknown))}; there are {', '.join(demos())}", file=sys.stderr)
        return 2
    late = [a for before, a in zip(rest, rest[1:], strict=False) if a in demos() and not before.startswith("-")]  # "--steps 2 vae": what precedes has its value
    if late:
        print(f"all.py: names come first: all.py {' '.join([*given[:cut], *late])} {rest[0]} ...", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, lambda number, frame: None)  # Ctrl-C reaches the demo too, which finishes its step and saves: wait for it
    failed = []
    for name in names:
        print(f"\n--- {name}", flush=True)
        begun = time.monotonic()
        code = subprocess.run([sys.executable, str(DEMOS / f"{name}.py"), "--out", f"out/{name}", *rest], check=False).returncode
        print(f"--- {name}: {'done' if code == 0 else f'stopped with exit status {code}'} after {time.monotonic() - begun:.0f} s", flush=True)
        if code == 130:
            return code
        if code:
            failed.append(name)
        elif not rest:
            picture = json.loads(Path(f"out/{name}/metrics.json").read_text())["picture"]
            thumbnail(Path(f"out/{name}/{picture}"), DEMOS / "pictures" / f"{name}.png")
    if failed:
        print(f"\nFailed: {', '.join(failed)}")
    return len(failed) > 0


if __name__ == "__main__":
    sys.exit(main())
