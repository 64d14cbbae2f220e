"""A demo as a notebook: converted as the README says, run in a kernel, interrupted, continued."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest

from tests.demos.processes import DEMOS
from tinygen.checkpoint import load_checkpoint

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
pytest.importorskip("jupytext")
pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the packages around the kernel


def convert(name, folder, options):
    """Return a demo as a notebook, with these options in its first cell of code."""
    path = folder / f"{name}.ipynb"
    command = [sys.executable, "-m", "jupytext", "--to", "notebook", "--output", path]
    subprocess.run([*command, DEMOS / f"{name}.py"], check=True, capture_output=True)
    notebook = nbformat.read(path, as_version=4)
    settings = next(cell for cell in notebook.cells if "args = parse(p)" in cell.source)
    settings.source = settings.source.replace("parse(p)", f"parse(p, {options!r})")
    return notebook


def run(notebook):
    """Return a client that runs the cells of a notebook in the folder of the demos."""
    return nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": DEMOS}})


def test_a_demo_runs_as_a_notebook(tmp_path):
    out = tmp_path / "a folder"
    notebook = convert("vae", tmp_path, f"--steps 3 --out '{out}'")
    run(notebook).execute()
    first, *_, last = notebook.cells
    assert first.cell_type == last.cell_type == "markdown"
    assert first.source.startswith("A variational autoencoder")
    assert last.source.startswith("## What you should see\n\n")
    images = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(images) == len([*out.glob("*.png")]) == 7
    text = "".join(str(cell.get("outputs")) for cell in notebook.cells)
    assert "3/3" in text and f"Written to {out}" in text


def test_an_interrupted_kernel_saves_the_run_and_the_cell_continues_it(tmp_path):
    steps = 400
    notebook = convert("vae", tmp_path, f"--steps {steps} --save-every 0 --out {tmp_path}")
    (training,) = (i for i, c in enumerate(notebook.cells) if "run.steps()" in c.source)
    client = run(notebook)

    def interrupt():
        while not (tmp_path / "checkpoint.npz").exists():
            time.sleep(0.01)
        while load_checkpoint(tmp_path / "checkpoint.npz")["step"] < 5:
            time.sleep(0.01)
        asyncio.run(client.km.interrupt_kernel())

    thread = threading.Thread(target=interrupt, daemon=True)
    with client.setup_kernel():
        thread.start()
        with pytest.raises(nbclient.exceptions.CellExecutionError, match="Stopped after step"):
            for i, cell in enumerate(notebook.cells[: training + 1]):
                client.execute_cell(cell, i)
        thread.join()
        saved = load_checkpoint(tmp_path / "checkpoint.npz")["step"]
        assert 5 <= saved < steps
        for i, cell in enumerate(notebook.cells[training:], training):
            client.execute_cell(cell, i)
    saved = load_checkpoint(tmp_path / "checkpoint.npz")
    assert saved["step"] == steps and len(saved["history"]["loss"]) == steps
