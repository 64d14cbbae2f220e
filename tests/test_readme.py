"""The README, the map of the lecture and the results: links, commands and code work."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "demos" / "RESULTS.md").read_text(encoding="utf-8")
COURSE = (ROOT / "demos" / "COURSE.md").read_text(encoding="utf-8")
PAGES = {"README.md": README, "RESULTS.md": RESULTS, "COURSE.md": COURSE}
NOT_DEMOS = {"all", "benchmark", "explorer", "weights"}
DEMOS = {p.stem for p in (ROOT / "demos").glob("[a-z]*.py")} - NOT_DEMOS


def test_every_link_and_picture_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert targets
    missing = [t for t in targets if "://" not in t and not (ROOT / t).exists()]
    assert not missing


def test_the_first_two_commands_set_themselves_up():
    commands = re.findall(r"```sh\n(.*?)```", README, re.S)
    assert len(commands) >= 2
    for command, does in zip(commands[:2], ("demos/vae.py", "pytest")):
        assert command.startswith("python3 -m venv .venv && ") and does in command


def test_every_demo_has_its_row_and_its_picture():
    without_row = {d for d in DEMOS if f"(demos/{d}.py)" not in README}
    assert not without_row, "a demo without its row in the lecture's table"
    pictures = {p.stem for p in (ROOT / "demos" / "pictures").iterdir()}
    assert not DEMOS - pictures, "a demo without its thumbnail: run demos/all.py"


CODE = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.mark.parametrize(
    "code, printed",
    [
        (CODE[0], r"tensor\(32\."),
        (CODE[1], r"tensor\(12\."),
        (CODE[0] + CODE[2] + CODE[3] + "print(optimizer.lr, step)", r".*\n[0-9.e-]+ 1000$"),
    ],
    ids=["ten lines", "primitive", "schedule and checkpoint"],
)
def test_the_code_runs(code, printed, tmp_path):
    command = [sys.executable, "-W", "error", "-c", code]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env=env
    )
    assert re.match(printed, result.stdout), result.stdout


@pytest.mark.parametrize("page", PAGES)
def test_every_command_names_a_demo_and_its_options(page):
    text = PAGES[page].replace("\\\n", " ")
    commands = re.findall(r"(?<!/)demos/(\w+)\.py((?: +[^`\n;|]+)?)", text)
    assert commands
    shared = (ROOT / "demos" / "_command_line.py").read_text(encoding="utf-8")
    for name, arguments in commands:
        source = (ROOT / "demos" / f"{name}.py").read_text(encoding="utf-8") + shared
        unknown = [o for o in re.findall(r"--[a-z][\w-]*", arguments) if f'"{o}"' not in source]
        assert not unknown, f"{page}: demos/{name}.py has no option {', '.join(unknown)}"


@pytest.mark.parametrize("page", PAGES)
def test_prose_keeps_to_100_columns(page):
    not_prose = ("|", "!", "<img", "python3")  # tables, pictures, the two commands
    lines = [line for line in PAGES[page].splitlines() if not line.startswith(not_prose)]
    too_long = [line for line in lines if len(line) > 100]
    assert not too_long
