"""Every demo: it runs, reports what it did, asks its question, and explains its options."""

import ast
import json
import os
import re

import pytest

from tests.demos.processes import DEMOS, NAMES, run_demo

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
OPTIONS = {"ddpm_2020": ("--timesteps", 5)}  # a thousand evaluations of a network take a minute


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_runs_and_says_what_it_did(name, tmp_path):
    output = run_demo(name, tmp_path, "--steps", 2, *OPTIONS.get(name, ()))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    keys = {"data", "steps", "batch", "seed", "device", "seconds", "versions", "picture"}
    assert keys <= set(metrics) and metrics["steps"] == 2
    assert (tmp_path / metrics["picture"]).read_bytes()[:4] in (b"\x89PNG", b"GIF8")
    assert str(tmp_path) in output and "checkpoint.npz" in output
    assert not [p.name for p in tmp_path.iterdir() if "tmp" in p.name]


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_every_demo_fits_80_columns(name):
    wide_terminal = os.environ | {"COLUMNS": "200"}
    help_text = run_demo(name, "unused", "--help", env=wide_terminal)
    too_long = [line for line in help_text.splitlines() if len(line) > 80]
    assert not too_long
    for option in ("--data", "--steps", "--batch", "--device", "--seed", "--out", "--resume"):
        assert option in help_text
    assert "default" in help_text and "cores" in help_text


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_asks_a_question_and_answers_it_at_the_end_of_the_file(name):
    """So a reader can predict the results before reading them."""
    text = (DEMOS / f"{name}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert "Question to predict" in docstring[:1000]
    assert docstring.index("Question to predict") < docstring.index("Three changes to try")
    *others, last = split_cells(text)
    assert last.startswith("[markdown]\n# ## What you should see\n#\n")
    assert not any("What you should see" in cell for cell in others)
    lines = last.splitlines()[3:]
    assert lines and all(line.startswith("#") for line in lines), "results stand in comments"


def split_cells(text):
    """Return the cells of a notebook: what follows each mark, with the rest of the mark's line."""
    before, *cells = re.split(r"^# %% ?", text, flags=re.MULTILINE)
    assert not before
    return cells


@pytest.mark.parametrize("name", NAMES)
def test_every_demo_is_divided_into_cells(name):
    """One of prose, cells of code that begin with a heading, and one of prose at the end."""
    first, *codes, last = split_cells((DEMOS / f"{name}.py").read_text(encoding="utf-8"))
    assert first.startswith("[markdown]\n") and last.startswith("[markdown]\n")
    assert len(codes) >= 4
    for code in codes:
        assert code.startswith("\n# "), f"a cell without a heading: {code[:60]}"
        ast.parse(code)  # no statement is split


@pytest.mark.parametrize("name", ["pggan", "stylegan"])
def test_a_finished_run_can_be_evaluated_later(name, tmp_path):
    assert "evaluator" not in run_demo(name, tmp_path, "--steps", 2)
    output = run_demo(name, tmp_path, "--steps", 2, "--resume", "--evaluate")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert "frechet" in output
    assert metrics["evaluator_frechet"] > metrics["evaluator_frechet_floor"]
    assert 0 <= metrics["fraction_hat"] <= 1


def test_a_finished_diffusion_model_can_be_sampled_again(tmp_path):
    run_demo("ddpm", tmp_path, "--steps", 2, "--sampling-steps", 1)
    before = (tmp_path / "samples.png").read_bytes()
    sampling = ["--sampling-steps", 2, "--sampler", "ancestral", "--guidance-scale", 3]
    run_demo("ddpm", tmp_path, "--steps", 2, "--resume", *sampling)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["sampler"] == "ancestral"
    assert metrics["sampling_steps"] == 2
    assert metrics["guidance_scale"] == 3
    assert (tmp_path / "samples.png").read_bytes() != before


def test_algorithm_2_samples_again_from_the_same_network(tmp_path):
    settings = ("--steps", 2, "--timesteps", 5)
    run_demo("ddpm_2020", tmp_path, *settings)
    before = (tmp_path / "samples.png").read_bytes()
    run_demo("ddpm_2020", tmp_path, *settings, "--resume", "--clip", "--samples", 110)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["clip"] and metrics["samples"] == 110
    assert (tmp_path / "samples.png").read_bytes() != before


def test_a_latent_space_of_two_dimensions_is_drawn_as_a_plane(tmp_path):
    run_demo("vae", tmp_path, "--steps", 2, "--latent-dim", 2)
    pictures = {p.stem for p in tmp_path.glob("*.png")}
    samples = {"samples", "samples_normal"}
    assert pictures == {*samples, "overview", "reconstructions", "curves", "latent_map", "plane"}
    run_demo("vae_2013", tmp_path / "2013", "--steps", 2, "--latent-dim", 2)
    assert (tmp_path / "2013" / "manifold.png").exists()


def test_clips_of_digits_are_measured_by_their_positions(tmp_path):
    run_demo("video_digits", tmp_path, "--steps", 2)
    measures = json.loads((tmp_path / "metrics.json").read_text())["measures"]
    real, frozen = measures["real clips"], measures["first frame"]
    assert real["distance of steps"] < 0.1 < frozen["distance of steps"]
    assert abs(real["variety"] - 1) < 0.1 and real["clips that stay inside"] > 0.9
    assert frozen["clips with one digit"] == 1 and frozen["block error"] == 0
