"""The README is what a newcomer has: its links lead somewhere, its commands and code are those that work."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_every_link_and_picture_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", TEXT) + re.findall(r'src="([^"]+)"', TEXT)
    assert targets
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert not missing


def test_the_first_two_commands_set_themselves_up():
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
    assert len(commands) >= 2
    for command, does in zip(commands[:2], ("demos/vae.py", "pytest")):
        assert command.startswith("python3 -m venv .venv && ") and does in command


def test_every_demo_has_its_row_and_its_picture():
    demos = {p.name for p in (ROOT / "demos").glob("[a-z]*.py")} - {"all.py", "benchmark.py"}
    assert not {d for d in demos if f"(demos/{d})" not in TEXT}, "a demo without its row in the lecture's table"
    assert not {d for d in demos if not (ROOT / "demos" / "pictures" / d.replace(".py", ".png")).exists()}, "a demo without its thumbnail: run demos/all.py"


def test_the_code_runs():
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "12" in result.stdout
