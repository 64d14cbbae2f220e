"""The demos as a user meets them: in a process of their own, interrupted at any moment, resumed, misused."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinygen.checkpoint import load_checkpoint

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
DEMOS = Path(__file__).parents[2] / "demos"
NAMES = sorted(p.stem for p in DEMOS.glob("*.py") if p.stem not in ("all", "benchmark") and not p.stem.startswith("_"))

# A demo with a few hundred digits instead of thousands, which take seconds to draw.
FEW = """
import runpy, sys
import tinygen.data
many = tinygen.data.digits
tinygen.data.digits = lambda n, seed: many(min(n, 600), seed)
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def start(name, out, *args, env=None):
    command = [sys.executable, "-W", "ignore", "-c", FEW, str(DEMOS), str(DEMOS / f"{name}.py"), "--out", str(out), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=DEMOS.parent, env=env)


def run(name, out, *args, code=0, env=None):
    process = start(name, out, *args, env=env)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == code, f"exit status {process.returncode}\n{output}\n{errors}"
    return output + errors


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_runs_and_says_what_it_did(name, tmp_path):
    output = run(name, tmp_path, "--steps", 2)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert {"data", "steps", "batch", "seed", "device", "seconds", "versions", "picture"} <= set(metrics) and metrics["steps"] == 2
    assert (tmp_path / metrics["picture"]).read_bytes()[1:4] == b"PNG"
    assert str(tmp_path) in output and "checkpoint.npz" in output
    assert not [p.name for p in tmp_path.iterdir() if "tmp" in p.name]


@pytest.mark.parametrize("name", ["pggan", "stylegan"])
def test_a_finished_run_can_be_evaluated_later(name, tmp_path):
    assert "evaluator" not in run(name, tmp_path, "--steps", 2)
    output = run(name, tmp_path, "--steps", 2, "--resume", "--evaluate")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert "frechet" in output and metrics["evaluator_frechet"] > metrics["evaluator_frechet_floor"] and 0 <= metrics["fraction_hat"] <= 1


def test_a_finished_diffusion_is_drawn_from_again(tmp_path):
    run("ddpm", tmp_path, "--steps", 2, "--sampling-steps", 1)
    before = (tmp_path / "samples.png").read_bytes()
    run("ddpm", tmp_path, "--steps", 2, "--resume", "--sampling-steps", 2, "--sampler", "ancestral", "--guidance-scale", 3)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["sampler"], metrics["sampling_steps"], metrics["guidance_scale"]) == ("ancestral", 2, 3) and (tmp_path / "samples.png").read_bytes() != before


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_asks_a_question_and_proposes_changes(name):
    text = (DEMOS / f"{name}.py").read_text()
    assert "Question to predict" in text[:1000] and "Three one-line changes" in text and text.count("\n# %% ") >= 4
    shown = run(name, "unused", "--help")
    for option in ("--data", "--steps", "--batch", "--device", "--seed", "--out", "--resume"):
        assert option in shown
    assert "default" in shown and "cores" in shown


def arrays(path):
    """All that is in a checkpoint but how long it took."""
    flat = {}

    def walk(name, value):
        if isinstance(value, dict):
            for k, v in value.items():
                walk(f"{name}/{k}", v)
        else:
            flat[name] = value

    walk("", {k: v for k, v in load_checkpoint(path / "checkpoint.npz").items() if k != "seconds"})
    return flat


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]) and np.asarray(a[name]).dtype == np.asarray(b[name]).dtype, name


SETTINGS = ("--steps", 150, "--batch", 64, "--save-every", 0.2, "--latent-dim", 3)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted")
    run("vae", out, *SETTINGS)
    return out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_and_resumed_ends_with_the_same_bits(how, uninterrupted, tmp_path):
    seconds = json.loads((uninterrupted / "metrics.json").read_text())["seconds"]
    moment = random.uniform(0, 0.8 * seconds)
    process = start("vae", tmp_path, *SETTINGS)
    while not (tmp_path / "checkpoint.npz").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(moment)
    process.send_signal(how)
    output, _ = process.communicate(timeout=300)
    step = load_checkpoint(tmp_path / "checkpoint.npz")["step"]
    assert step <= 150
    if how != signal.SIGKILL and step < 150:
        assert process.returncode == 130 and f"Stopped after step {step} of 150" in output and "--resume" in output
    run("vae", tmp_path, *SETTINGS, "--resume")
    assert_same(arrays(tmp_path), arrays(uninterrupted))
    for figure in ("test_elbo", "test_kl"):
        assert json.loads((tmp_path / "metrics.json").read_text())[figure] == json.loads((uninterrupted / "metrics.json").read_text())[figure]
    assert (tmp_path / "samples.png").read_bytes() == (uninterrupted / "samples.png").read_bytes()


def test_resuming_what_does_not_fit_is_refused_and_harms_nothing(uninterrupted, tmp_path):
    before = (uninterrupted / "checkpoint.npz").read_bytes()
    output = run("vae", uninterrupted, *SETTINGS, "--batch", 32, "--seed", 1, "--resume", code=1)
    assert "--batch: 64 in the checkpoint, 32 now" in output and "--seed: 0 in the checkpoint, 1 now" in output and "Traceback" not in output
    assert (uninterrupted / "checkpoint.npz").read_bytes() == before
    output = run("vae", tmp_path, "--resume", code=1)
    assert "there is no such file" in output and "Traceback" not in output
    (tmp_path / "checkpoint.npz").write_bytes(before[: len(before) // 2])
    output = run("vae", tmp_path, *SETTINGS, "--resume", code=1)
    assert "damaged" in output and "Traceback" not in output


def test_beginning_afresh_keeps_an_unfinished_run(tmp_path):
    process = start("vae", tmp_path, "--steps", 100_000)
    while not (tmp_path / "checkpoint.npz").exists():
        time.sleep(0.01)
    process.kill()
    process.communicate()
    unfinished = (tmp_path / "checkpoint.npz").read_bytes()
    said = run("vae", tmp_path, "--steps", 2)
    assert "unfinished" in said and f"move it back to {tmp_path / 'checkpoint.npz'}" in said and "--resume" in said
    assert (tmp_path / "checkpoint-unfinished.npz").read_bytes() == unfinished
    said = run("vae", tmp_path, "--steps", 2)
    assert "an unfinished run" not in said  # a finished one may be replaced
    assert "checkpoint.npz" in said and "metrics.json" in said and "unfinished" not in said.split("Written to")[1]  # what stood there is not its work
    (tmp_path / "checkpoint.npz").write_bytes(b"another")
    assert "checkpoint-unfinished-2.npz" in run("vae", tmp_path, "--steps", 2)
    assert (tmp_path / "checkpoint-unfinished.npz").read_bytes() == unfinished
    assert (tmp_path / "checkpoint-unfinished-2.npz").read_bytes() == b"another"


def test_the_command_that_is_printed_works_as_it_stands(tmp_path):
    """Typed into a shell in the same folder, whatever `python` may be there; here, without any."""
    begun = [sys.executable, str(DEMOS / "vae.py"), "--steps", "100000", "--out", str(tmp_path / "a folder")]
    process = subprocess.Popen(begun, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not (tmp_path / "a folder" / "checkpoint.npz").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    (line,) = [line.strip() for line in output.splitlines() if line.endswith("--resume")]
    process = subprocess.Popen(f"exec {line}", shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env={"PATH": ""})
    process.stderr.read(1)  # the progress bar
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130 and "Stopped after step" in output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_while_the_data_is_made(how, tmp_path):
    process = subprocess.Popen([sys.executable, str(DEMOS / "vae.py"), "--out", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "35,000 digits" in process.stdout.readline()
    process.send_signal(how)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "Stopped before training began; nothing is lost." in output and not errors


def test_stopped_where_the_exit_is_lost(tmp_path):
    """A signal handler raises wherever the program is, and C code that clears errors can lose it."""
    code = f"""
import signal, sys
sys.path.insert(0, {str(DEMOS)!r})
sys.argv = ["vae.py", "--out", {str(tmp_path)!r}]
from _command_line import parse, parser
from _run import Run
args = parse(parser("", steps={{"digits": 1}}, takes={{"digits": ""}}, batch=1))
try:
    signal.raise_signal(signal.SIGINT)
except SystemExit:
    pass
Run(args)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 130 and "nothing is lost" in result.stdout and not result.stderr


def test_handlers_of_signals_are_put_back(tmp_path):
    """Importing the demos' files installs none; parse and Run do, until the metrics are written."""
    code = f"""
import signal, sys
sys.path.insert(0, {str(DEMOS)!r})
sys.argv = ["vae.py", "--out", {str(tmp_path)!r}]
handlers = lambda: [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
before = handlers()
from _command_line import parse, parser
from _run import Run
assert handlers() == before
args = parse(parser("", steps={{"digits": 1}}, takes={{"digits": ""}}, batch=1))
in_parse = handlers()
run = Run(args)
in_run = handlers()
assert not {{*before}} & {{*in_parse, *in_run}} and in_parse != in_run
for step in run.steps():
    pass
assert handlers() == in_run
run.write_metrics(picture="")
assert handlers() == before
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said_in_one_line(tmp_path, monkeypatch):
    """The file opens and the write fails, as on a disk without room."""
    fails = FEW.replace("import tinygen.data\n", "import tinygen.data, tinygen.checkpoint as c\nc._write = lambda *a: open('/dev/full', 'wb', 0).write(b'x')\n")
    monkeypatch.setitem(globals(), "FEW", fails)
    said = run("vae", tmp_path, "--steps", 2, code=1)
    assert "vae.py: save_checkpoint: cannot write the checkpoint (No space left on device)" in said and "Traceback" not in said


def test_damaged_data_is_said_in_one_line(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + bytes(100))
    said = run("vae", tmp_path, "--data", "mnist", "--steps", 2, code=1, env=os.environ | {"TINYGEN_DATA": str(tmp_path)})
    assert "cut short" in said and "Traceback" not in said


def test_a_mistake_in_the_code_keeps_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "FEW", FEW.replace("many(min(n, 600), seed)", "many(min(n, 600), seed)[:1]"))
    assert "Traceback" in run("vae", tmp_path, "--steps", 2, code=1)


@pytest.mark.parametrize("make, message", [
    (lambda p: p.write_text("kept") and p, "it is a file"),
    (lambda p: p.write_text("kept") and p / "sub", "Not a directory"),
    (lambda p: Path("/proc/nowhere"), "cannot make"),
    (lambda p: p.mkdir() or p.chmod(0o500) or p, "may not be written"),
])  # fmt: skip
def test_a_folder_that_cannot_be_used_is_refused_at_once(make, message, tmp_path):
    out = make(tmp_path / "there")
    if message == "may not be written" and os.access(out, os.W_OK):
        pytest.skip("this user may write anywhere")
    output = run("vae", out, code=2)
    assert f"--out {out}: " in output and message in output and "Traceback" not in output and "35,000 digits" not in output


def test_two_dimensions_of_code_are_drawn_as_they_are(tmp_path):
    run("vae", tmp_path, "--steps", 2, "--latent-dim", 2)
    assert {p.name for p in tmp_path.glob("*.png")} == {"reconstructions.png", "samples.png", "curves.png", "latent_map.png", "plane.png"}


@pytest.mark.parametrize("args, message", [
    (("--steps", 0), "at least 1"), (("--steps", "abc"), "a whole number of at least 1"), (("--seed", -1), "--seed: give a whole number from 0"),
    (("--save-every", "nan"), "at least 0, not 'nan'"), (("--save-every", -1), "at least 0"),
    (("--data", "letters"), "digits"), (("--batch", -3), "at least 1"), (("--latent-dim", 1), "at least 2 dimensions"),
])
def test_wrong_arguments_are_named(args, message, tmp_path):
    output = run("vae", tmp_path, *args, code=2)
    assert message in output and "Traceback" not in output


@pytest.mark.parametrize("name, option, value", [("wgan_gp", "--penalty", 0), ("wgan_gp", "--clip", "nan"), ("gan_losses", "--clip", -1)])
def test_limits_and_weights_are_above_0(name, option, value, tmp_path):
    assert f"{option}: give a number above 0, not '{value}'" in run(name, tmp_path, "--steps", 2, option, value, code=2)


def test_a_batch_larger_than_the_data_is_refused_in_one_line(tmp_path):
    output = run("vae", tmp_path, "--batch", 601, code=1)
    assert "vae.py: --batch must be from 1 to the 600 rows there are, got 601" in output and "Traceback" not in output


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="there is CuPy")
def test_a_device_that_is_not_there_is_refused_at_once(tmp_path):
    output = run("vae", tmp_path, "--device", "cuda", code=2)
    assert "--device cuda: " in output and "needs CuPy" in output and "Traceback" not in output and "35,000 digits" not in output


def test_a_word_that_no_caption_had_is_refused_at_once(tmp_path):
    output = run("prompt", tmp_path, "a man in a hat", "a man with a monocle", code=1)
    assert "no caption had the word 'monocle'" in output and "Traceback" not in output and "Drawing" not in output


def test_all_names_the_demos(tmp_path):
    result = subprocess.run([sys.executable, str(DEMOS / "all.py"), "nothing"], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "vae" in result.stderr and "benchmark" not in result.stderr
    result = subprocess.run([sys.executable, str(DEMOS / "all.py"), "--steps", "2", "vae"], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "names come first: all.py vae --steps" in result.stderr


def test_ctrl_c_lets_all_wait_for_the_demo_to_save(tmp_path):
    """A terminal sends it to both: the group."""
    command = [sys.executable, str(DEMOS / "all.py"), "vae", "--steps", "100000", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "checkpoint.npz").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "and saved. Go on with" in output and "Traceback" not in errors


def test_a_benchmark_against_what_is_not_installed_says_so_first(tmp_path):
    code = "import runpy, sys, importlib.util; importlib.util.find_spec = lambda name: None; sys.argv[:] = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", code, str(DEMOS / "benchmark.py"), "--against", "torch"], capture_output=True, text=True, check=False)
    assert result.returncode == 2 and "PyTorch is not installed" in result.stderr and not result.stdout and "Traceback" not in result.stderr
