"""Data-parallel training: two processes train as one, and no process waits for one that failed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tinygen
from tests.conftest import FAKE_CUPY
from tests.demos.processes import DEMOS, FEW_DIGITS
from tinygen.checkpoint import load_checkpoint

PROJECT = Path(tinygen.__file__).parents[1]
MPIEXEC = shutil.which(
    "mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
)
# Open MPI's launcher needs these to run as root, and to start more processes than there are cores.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
several = pytest.mark.skipif(
    MPIEXEC is None or find_spec("mpi4py") is None,
    reason="needs mpi4py and mpiexec: python -m pip install -e '.[mpi]'",
)


def start(num_processes, *args, **env) -> subprocess.Popen:
    """Start a Python program in one process, or in several by mpiexec."""
    command = [MPIEXEC, "-n", str(num_processes)] if num_processes > 1 else []
    return subprocess.Popen(
        [*command, sys.executable, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env=os.environ | OPEN_MPI | env,
    )


def wait(process, timeout=200) -> tuple[str, str]:
    """Return the output and the errors of a program; end one that does not end by itself."""
    try:
        return process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.terminate()  # mpiexec ends its processes, too
        process.communicate()
        raise


def run(num_processes, *args, code=0, **env) -> str:
    """Run a Python program to its end, check its exit status, and return what it printed."""
    process = start(num_processes, *args, **env)
    output, errors = wait(process)
    assert process.returncode == code, f"exit status {process.returncode}\n{output}\n{errors}"
    return output + errors


# --------------------------------------------------------------------------- gradients and training

TRAIN = """
import os, sys
import numpy as np
from tinygen import default_rng, losses, nn, optim, tensor
from tinygen.data_parallel import Workers

folder, device = sys.argv[1:]
workers = Workers()
if device == "cuda":  # the stand-in, which has one GPU; here, one in each process
    import cupy
    from cupy_counts import counting
    cupy.cuda.Device.pci_bus_id = str(os.getpid())
    workers.use_gpu()
rng = default_rng(0)
model = nn.Sequential(
    nn.Conv2d(2, 4, 3, padding=1, rng=rng), nn.GroupNorm(2, 4), nn.SiLU(), nn.Flatten(),
    nn.Linear(100, 5, rng=rng), nn.Linear(5, 5, rng=rng), nn.Linear(5, 3, rng=rng),
).to(device)
scale = tensor(np.ones(3), requires_grad=True, device=device)  # float64, while others have float32
unused = tensor(np.ones(7, np.float32), requires_grad=True, device=device)
parameters = [*model.parameters(), unused, scale]
optimizer = optim.Adam(parameters, lr=0.01)
for step in range(3):
    x, y = workers.shard(rng.normal((8, 2, 5, 5)), rng.normal((8, 3)))
    x, y = tensor(x, device=device), tensor(y, device=device)
    loss = losses.squared_error(model(x) * scale, y).mean()
    optimizer.zero_grad()
    loss.backward()
    workers.average_gradients(parameters)
    if step == 0:
        gradients = [p.grad.numpy() for p in parameters if p is not unused]
    assert unused.grad is None and scale.grad.dtype == np.float64
    optimizer.step()
if device == "cuda" and workers.size > 1:
    with counting() as counts:
        workers.average_gradients(model.parameters())  # ten, of one dtype
    assert counts.launches.total() == 3, counts.table()  # concatenate, divide, sum
    assert counts.waits.total() == 0, counts.table()
rank = workers.rank
workers.finish()
assert workers.size == 1
np.savez(f"{folder}/{rank}.npz", *gradients, *(p.numpy() for p in parameters))
"""


def train(folder, num_processes, device) -> list[dict]:
    """Train three steps; return the first gradients and the last parameters of each process."""
    folder.mkdir()
    path = {"PYTHONPATH": FAKE_CUPY} if device == "cuda" else {}
    run(num_processes, "-c", TRAIN, folder, device, **path)
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(num_processes)]


def flatten(arrays) -> np.ndarray:
    return np.concatenate([a.ravel() for a in arrays])


@several
@pytest.mark.parametrize("num_processes, device", [(2, "cpu"), (4, "cpu"), (2, "cuda")])
def test_several_processes_train_as_one_with_the_whole_batch(num_processes, device, tmp_path):
    (alone,) = train(tmp_path / "alone", 1, "cpu")
    first, *others = train(tmp_path / "several", num_processes, device)
    assert len(alone) == len(first) == 23
    assert [v.dtype for v in first.values()] == [v.dtype for v in alone.values()]
    gradients, parameters = slice(0, 11), slice(11, 23)
    for part in (gradients, parameters):
        result, expected = (flatten([*f.values()][part]) for f in (first, alone))
        assert np.linalg.norm(result - expected) / np.linalg.norm(expected) < 1e-6
    for other in others:
        assert all(np.array_equal(first[name], other[name]) for name in first)


@several
def test_each_process_has_a_gpu_of_its_own():
    code = """
import cupy
from tinygen.data_parallel import Workers

class Device:
    def __init__(self, number):
        self.number = number
        self.pci_bus_id = f"0000:{number:02}:00.0"

    def use(self):
        used.append(self.number)

used = []
cupy.cuda.Device, cupy.cuda.runtime.getDeviceCount = Device, lambda: 2
workers = Workers()
workers.use_gpu()
assert used == [workers.rank]
workers.finish()
"""
    run(2, "-c", code, PYTHONPATH=FAKE_CUPY)
    output = run(3, "-c", code, code=1, PYTHONPATH=FAKE_CUPY)
    assert "3 processes, but GPUs for 2 of them" in output


@several
def test_shards_are_the_rows_of_the_batch_in_order():
    code = """
import numpy as np
from tinygen.data_parallel import Workers

workers = Workers()
x, y = workers.shard(np.arange(12).reshape(6, 2), np.arange(6))
assert x.tolist() == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]][workers.rank]
assert y.tolist() == [[0, 1, 2], [3, 4, 5]][workers.rank]
half, count = workers.average([np.float16(workers.rank), np.arange(3) * workers.rank * 2])
assert half == 0.5 and half.dtype == np.float16 and count.tolist() == [0, 1, 2]
assert workers.average([]) == [] and workers.average([None]) == [None]
assert workers.any(workers.rank == 1) and not workers.any(False)
workers.finish()
"""
    run(2, "-c", code)


def test_one_process_does_nothing_and_needs_no_mpi():
    code = """
import sys
sys.modules["mpi4py"] = None  # an import of it fails
import numpy as np
from tinygen import tensor
from tinygen.data_parallel import Workers

workers = Workers()
x, p = np.zeros(5), tensor(np.ones(3), requires_grad=True)
assert (workers.rank, workers.size) == (0, 1)
assert workers.shard(x)[0].base is x or workers.shard(x)[0] is x
(p * p).sum().backward()
grad = p.grad
workers.average_gradients([p])
assert p.grad is grad
assert workers.average([x])[0] is x
assert workers.any(True) and not workers.any(False)
workers.use_gpu()
workers.finish()
"""
    run(1, "-c", code)


# ------------------------------------------------------------------------------------------- errors


@several
def test_arrays_that_differ_between_the_processes_are_refused_in_all_of_them():
    code = """
import numpy as np
from tinygen import tensor
from tinygen.data_parallel import Workers

def error(f, *args):
    try:
        f(*args)
    except ValueError as error:
        return str(error)

workers = Workers()
assert "7 rows cannot be divided among 2 processes" in error(workers.shard, np.zeros(7))
a, b = (tensor(np.ones(3), requires_grad=True) for _ in range(2))
(a if workers.rank else b).sum().backward()  # as many numbers in both processes
text = error(workers.average_gradients, [a, b])
assert "of number 0 they have none, (3,)" in text, text
assert "(2, 3), (3, 2)" in error(workers.average, [np.ones((3, 2) if workers.rank else (2, 3))])
assert "their numbers are 1, 2" in error(workers.average, [np.ones(3)] * (1 + workers.rank))
assert workers.average([np.array(workers.rank)]) == [0]  # they still work together
workers.finish()
"""
    run(2, "-c", code)


@several
def test_other_seeds_in_the_processes_are_refused():
    code = """
from tinygen import default_rng, nn
from tinygen.data_parallel import Workers
workers = Workers()
rng = default_rng(workers.rank)
layer = nn.Linear(3, 3, rng=rng)
layer(rng.normal((2, 3))).sum().backward()
try:
    workers.average_gradients(layer.parameters())
except ValueError as error:
    assert "use the same seed" in str(error)
else:
    raise AssertionError
workers.finish()
"""
    run(2, "-c", code)


@several
@pytest.mark.parametrize(
    "failure",
    ["raise RuntimeError", "sys.exit(3)", "sys.exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"],
)
def test_a_process_that_fails_ends_the_others(failure):
    code = f"""
import os, signal, sys
import numpy as np
from tinygen.data_parallel import Workers

workers = Workers()
for step in range(10):
    if step == 5 and workers.rank == 1:
        {failure}
    workers.average([np.ones(1000)])
print("came to the end")
workers.finish()
"""
    begin = time.monotonic()
    process = start(2, "-c", code)
    output, errors = wait(process, 60)
    assert time.monotonic() - begin < 30
    assert "came to the end" not in output
    assert failure == "sys.exit(0)" or process.returncode != 0  # that is an error in Open MPI only
    assert ("RuntimeError" in errors) == (failure == "raise RuntimeError")


@several
def test_without_nccl_the_error_says_what_to_install():
    code = """
from cupy.cuda import nccl
nccl.available = False
from tinygen.data_parallel import Workers
Workers().use_gpu()
"""
    output = run(2, "-c", code, code=1, PYTHONPATH=FAKE_CUPY)
    assert "pip install nvidia-nccl-cu13" in output


@several
def test_gradients_on_a_gpu_need_use_gpu_first():
    code = """
import cupy
from tinygen.data_parallel import Workers
Workers().average([cupy.ones(3)])
"""
    output = run(2, "-c", code, code=1, PYTHONPATH=FAKE_CUPY)
    assert "call use_gpu() right after Workers()" in output


def test_a_launcher_without_mpi4py_is_an_error_that_says_what_to_install():
    code = (
        "import sys; sys.modules['mpi4py'] = None; import tinygen.data_parallel as d; d.Workers()"
    )
    output = run(1, "-c", code, code=1, PMI_SIZE="2")
    assert "ImportError: several processes" in output and "pip install" in output


@several
def test_the_launcher_of_another_mpi_library_is_an_error():
    """Each process would train by itself, and all would write the same files."""
    output = run(
        1, "-c", "import tinygen.data_parallel as d; d.Workers()", code=1, OMPI_COMM_WORLD_SIZE="2"
    )
    assert "2 processes were started, but mpi4py connects 1" in output


@several
def test_each_process_takes_its_share_of_the_cores():
    code = """
from tinygen.backend.threads import available_cores, threads
from tinygen.data_parallel import Workers
before, workers = threads(), Workers()
assert threads() == max(1, len(available_cores()) // 2) if workers.size == 2 else before, threads()
workers.finish()
assert threads() == before
"""
    run(2, "-c", code, TINYGEN_THREADS="")
    run(2, "-c", code.replace("max(1, len(available_cores()) // 2)", "7"), TINYGEN_THREADS="7")


# ---------------------------------------------------------------------------------------- the demos

SETTINGS = ("--steps", 6, "--batch", 8, "--width", 8, "--sampling-steps", 1)


def start_demo(num_processes, name, out, *args, script=FEW_DIGITS) -> subprocess.Popen:
    program = ("-W", "ignore", "-c", script, DEMOS, DEMOS / f"{name}.py", "--out", out, *args)
    return start(num_processes, *program)


def run_demo(num_processes, out, *args, name="ddpm", code=0) -> str:
    process = start_demo(num_processes, name, out, *args)
    output, errors = wait(process)
    assert process.returncode == code, f"exit status {process.returncode}\n{output}\n{errors}"
    return output + errors


def load_losses(folder) -> np.ndarray:
    """Return the losses of all steps.

    They are compared, and not the parameters: some gradients are 0 but for rounding, since group
    norm follows, and Adam takes steps of full size along them.
    """
    return load_checkpoint(folder / "checkpoint.npz")["history"]["loss"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run of ddpm.py by two processes, and what they printed."""
    pytest.importorskip("matplotlib")
    pytest.importorskip("tqdm")
    out = tmp_path_factory.mktemp("trained")
    return out, run_demo(2, out, *SETTINGS)


@several
def test_ddpm_by_two_processes_is_ddpm_by_one(trained, tmp_path):
    out, printed = trained
    assert printed.count("Written to") == 1 and "samples.png" in printed
    run_demo(1, tmp_path, *SETTINGS)
    np.testing.assert_allclose(load_losses(out), load_losses(tmp_path), rtol=1e-4)


@several
@pytest.mark.parametrize("which", [0, 1])
def test_a_stop_of_one_process_stops_all_and_the_run_resumes(which, trained, tmp_path):
    """With as many processes, to the same bits; with another number, to rounding."""
    slow = """
import os, sys, time
import tinygen.checkpoint, tinygen.optim
save, step = tinygen.checkpoint.save_checkpoint, tinygen.optim.Adam.step
tinygen.checkpoint.save_checkpoint = lambda path, **state: (
    save(path, **state), print("saved by", os.getpid(), file=sys.stderr)
)
tinygen.optim.Adam.step = lambda self: (time.sleep(0.3), step(self))
print(os.getpid(), file=sys.stderr, flush=True)
"""
    process = start_demo(
        2, "ddpm", tmp_path, *SETTINGS, "--save-every", 0, script=slow + FEW_DIGITS
    )
    pids = [int(process.stderr.readline()) for _ in range(2)]
    checkpoint = tmp_path / "checkpoint.npz"
    while not checkpoint.exists() or load_checkpoint(checkpoint)["step"] == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.kill(pids[which], signal.SIGTERM)
    output, errors = wait(process, 60)
    assert process.returncode == 130
    assert "Stopped after step" in output and "mpiexec -n 2" in output, output + errors
    assert load_checkpoint(checkpoint)["step"] < 6
    assert len({line for line in errors.splitlines() if line.startswith("saved by")}) == 1

    another = tmp_path / "by one"
    another.mkdir()
    shutil.copy(checkpoint, another)
    run_demo(2, tmp_path, *SETTINGS, "--resume")
    expected, resumed = (load_checkpoint(f / "checkpoint.npz") for f in (trained[0], tmp_path))
    assert np.array_equal(resumed["history"]["loss"], expected["history"]["loss"])
    for name, parameter in expected["network"].items():
        assert np.array_equal(resumed["network"][name], parameter), name
    run_demo(1, another, *SETTINGS, "--resume")
    np.testing.assert_allclose(load_losses(another), load_losses(tmp_path), rtol=1e-4)


@several
def test_what_cannot_run_in_several_processes_says_so_once_and_writes_nothing(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("tqdm")
    out = tmp_path / "out"
    output = run_demo(2, out, name="vae", code=2)
    assert output.count("vae.py: error: this demo trains in one process; demos/ddpm.py can") == 1
    output = run_demo(2, out, "--batch", 7, code=2)
    assert output.count("--batch 7: the number of processes, 2, must divide it") == 1
    assert run_demo(2, out, "--help").count("usage:") == 1
    assert not out.exists()
