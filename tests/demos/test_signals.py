"""Ctrl-C and SIGTERM before training, and the handlers that demos install and put back."""

import signal
import sys

import pytest

from tests.demos.processes import DEMOS, run_python, start

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_the_data_are_generated(signal_number, tmp_path):
    process = start([sys.executable, str(DEMOS / "vae.py"), "--out", str(tmp_path)])
    assert "35,000 digits" in process.stdout.readline()
    process.send_signal(signal_number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped before training began; nothing is lost." in output and not errors


def run_script(out, code):
    """Run code that uses the files of the demos, with a command line of one step."""
    begin = f"""
import signal, sys
sys.path.insert(0, {str(DEMOS)!r})
sys.argv = ["demo.py", "--out", {str(out)!r}]
"""
    return run_python("-c", begin + code)


def test_stopped_before_training_even_if_the_exit_is_lost(tmp_path):
    """A handler raises SystemExit wherever the program is, and C code can clear the error."""
    result = run_script(
        tmp_path,
        """
from _command_line import parse, parser
from _run import Run
args = parse(parser("", steps={"digits": 1}, takes={"digits": ""}, batch=1))
try:
    signal.raise_signal(signal.SIGINT)
except SystemExit:
    pass
Run(args)
""",
    )
    assert result.returncode == 130
    assert "nothing is lost" in result.stdout and not result.stderr


def test_handlers_are_installed_by_parse_and_run_and_put_back(tmp_path):
    """Importing the files of the demos installs none."""
    result = run_script(
        tmp_path,
        """
def handlers():
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

before = handlers()
from _command_line import parse, parser
from _run import Run
assert handlers() == before
args = parse(parser("", steps={"digits": 1}, takes={"digits": ""}, batch=1))
after_parse = handlers()
run = Run(args)
after_run = handlers()
assert not {*before} & {*after_parse, *after_run} and after_parse != after_run
for step in run.steps():
    pass
assert handlers() == after_run
run.write_metrics(picture="")
assert handlers() == before
""",
    )
    assert result.returncode == 0, result.stderr
