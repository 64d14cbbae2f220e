"""A demo in a folder of any name, under any locale, without a home, a screen or open streams."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.demos.processes import DEMOS, run_demo

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

# Settings of this machine that the tests below replace or do without.
CLEAN = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("LC_", "MPL", "PYTHON", "TINYGEN", "XDG_"))
    and name not in ("DISPLAY", "HOME", "LANG", "WAYLAND_DISPLAY")
}
DEMO = "reparametrization"  # it draws four pictures and needs no data
PICTURES = ("descent.png", "estimators.png", "graphs.png", "variance.png")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Copy the project to a folder whose name has spaces and letters outside of ASCII."""
    folder = tmp_path_factory.mktemp("my files") / "génératif 生成"
    for part in ("demos", "tinygen"):
        ignore = shutil.ignore_patterns("__pycache__", "pictures")
        shutil.copytree(DEMOS.parent / part, folder / part, ignore=ignore)
    return folder


def run(checkout, folder, *, redirect="", **env):
    """Run two steps of a demo from another folder; return exit status, output and errors."""
    demo = [sys.executable, str(checkout / "demos" / f"{DEMO}.py"), "--steps", "2"]
    demo += ["--out", "résultats de moi"]
    if redirect:
        demo = ["sh", "-c", f'exec "$@" {redirect}', "sh", *demo]
    home = {"HOME": str(folder)}
    result = subprocess.run(
        demo, cwd=folder, env=CLEAN | home | env, capture_output=True, timeout=120, check=False
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def check_pictures(folder):
    """Assert that the demo came to its end."""
    missing = [
        p for p in (*PICTURES, "metrics.json") if not (folder / "résultats de moi" / p).exists()
    ]
    assert not missing


UTF8 = {"LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize(
    "env",
    [
        # The names of folders cannot be decoded.
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        # The names of folders cannot be printed. Matplotlib does not know the backend, as if a
        # notebook sets its own and starts a demo in another environment.
        UTF8 | {"PYTHONIOENCODING": "ascii", "MPLBACKEND": "backend_inline"},
        # A folder below a file cannot be made. Assertions are off.
        UTF8 | {"HOME": "/dev/null/home", "PYTHONOPTIMIZE": "1"},
        # There is no display. An empty setting is as good as none.
        UTF8 | {"MPLBACKEND": "TkAgg", "TINYGEN_THREADS": ""},
    ],
    ids=["locale", "output", "home", "display"],
)
def test_a_demo_runs_to_its_end(env, checkout, tmp_path):
    code, output, errors = run(checkout, tmp_path, **env)
    assert code == 0 and "Traceback" not in errors, errors
    assert "Written to r" in output and "checkpoint.npz" in output
    check_pictures(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize("redirect", ["<&- >&-", "2>&-"])
def test_a_demo_runs_with_closed_streams(redirect, checkout, tmp_path):
    code, _, errors = run(checkout, tmp_path, redirect=redirect)
    assert code == 0 and "Traceback" not in errors, errors
    check_pictures(tmp_path)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["--steps", "2"]])
def test_a_reader_that_goes_early_is_no_mistake(arguments, unbuffered, tmp_path):
    """As in `demo | head -1`: the output that nobody reads is dropped."""
    command = [sys.executable, str(DEMOS / f"{DEMO}.py"), *arguments, "--out", str(tmp_path)]
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=env) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert not any(word in errors for word in ("Traceback", "Exception", "Broken pipe")), errors


@pytest.mark.parametrize("number", ["0", "two"])
def test_a_wrong_number_of_threads_is_refused_in_one_line(number, checkout, tmp_path):
    code, _, errors = run(checkout, tmp_path, TINYGEN_THREADS=number)
    assert code == 1 and errors.count("\n") == 1, errors
    assert f"{DEMO}.py: TINYGEN_THREADS must be a number of threads" in errors
    assert repr(number) in errors


def test_data_in_a_folder_of_any_name_are_found(tmp_path):
    folder = tmp_path / "données à moi"
    (folder / "mnist").mkdir(parents=True)
    (folder / "mnist" / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + bytes(100))
    env = os.environ | {"TINYGEN_DATA": str(folder), "PYTHONIOENCODING": "ascii"}
    output = run_demo("vae", tmp_path, "--data", "mnist", "--steps", 2, code=1, env=env)
    assert r"donn\xe9es \xe0 moi" in output and "cut short" in output
    assert "Traceback" not in output
