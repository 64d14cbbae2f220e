"""--trained: the weights of finished trainings draw the pictures, and reach their figures."""

import json
import os
import re
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

import _weights
import weights
from _command_line import parse, parser
from _run import Run

from tests.demos.processes import DEMOS, NAMES, run_demo
from tinygen import default_rng, nn, optim
from tinygen.checkpoint import load_checkpoint, save_checkpoint

FILES = sorted((DEMOS / "weights").glob("*.npz"))


# ---------------------------------------------------------------- the files of the repository


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_trained_weights_draw_their_pictures_and_reach_their_figures(path, tmp_path):
    """The seed is one of the five of the spread, so only rounding differs.

    One of five numbers is at most (5 - 1) / sqrt(5) = 1.8 standard deviations from their mean.
    """
    saved = _weights.read_weights(path)
    spread = saved["spread"]
    metrics = weights.draw(path.stem, path.parent, tmp_path, spread["seeds"][0])
    assert (tmp_path / metrics["picture"]).read_bytes()[:4] in (b"\x89PNG", b"GIF8")
    measured = _weights.numbers(metrics)
    assert spread["mean"], "the file says no figure"
    for name, mean in spread["mean"].items():
        allowed = 2 * spread["std"][name] + 1e-3 * abs(mean) + 1e-3
        assert abs(measured[name] - mean) <= allowed, name


def test_the_files_of_weights_are_small():
    sizes = {path.name: path.stat().st_size for path in FILES}
    assert max(sizes.values(), default=0) <= weights.MAX_BYTES, sizes
    assert sum(sizes.values()) <= weights.MAX_TOTAL_BYTES, sizes
    others = {path.name for path in (DEMOS / "weights").glob("*")} - sizes.keys()
    assert not others, "files that are no weights"


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_with_weights_trains_its_evaluator_by_run_evaluator(name):
    """So --trained finds it in the file, and need not train it."""
    source = (DEMOS / f"{name}.py").read_text(encoding="utf-8")
    if "weights=(" in source:
        kinds = "digit_classifier|attribute_classifier|state_regressor|segmentation_evaluator"
        calls = re.findall(rf"train_(?:{kinds})\(", source)
        assert not calls


# ------------------------------------------------------------ a run of two steps, and its file


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a finished run."""
    out = tmp_path_factory.mktemp("run") / "vae"
    run_demo("vae", out, "--steps", 2, "--latent-dim", 3)
    return out


def draw(folder, out, *options, code=0):
    """Run vae.py with the weights of a folder, and few digits."""
    env = os.environ | {"TINYGEN_WEIGHTS": str(folder)}
    return run_demo("vae", out, "--trained", *options, code=code, env=env)


def draw_and_measure(demo, folder, out, seed):
    """Do what weights.draw does, with few digits."""
    draw(folder, out, "--seed", seed)
    return json.loads((out / "metrics.json").read_text())


@pytest.fixture(scope="module")
def folder(finished, tmp_path_factory):
    """Return a folder of weights, with those of the finished run."""
    folder = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_weights, "FOLDER", folder)
        patch.setattr(weights, "NUM_SEEDS", 2)
        patch.setattr(weights, "MAX_BYTES", 5_000_000)
        patch.setattr(weights, "draw", draw_and_measure)
        weights.write(finished)
    return folder


def test_pictures_are_drawn_without_training(finished, folder, tmp_path):
    output = draw(folder, tmp_path)
    assert not (tmp_path / "checkpoint.npz").exists() and "step/s" not in output
    assert "trained in" in output and "--latent-dim 3" in output
    assert "has changed" not in output
    pictures = {path.name for path in finished.glob("*.png")}
    assert pictures == {path.name for path in tmp_path.glob("*.png")}
    metrics, before = (json.loads((f / "metrics.json").read_text()) for f in (tmp_path, finished))
    assert metrics["steps"] == 2 and metrics["latent_dim"] == 3
    assert metrics["trained"]["figures"]["test_elbo"] == before["test_elbo"]
    # float16 changes less than a hundredth of a nat of more than 500.
    assert metrics["test_elbo"] == pytest.approx(before["test_elbo"], rel=1e-4)
    assert weights.mean_difference(tmp_path / "samples.png", finished / "samples.png") < 0.5


def test_the_seed_is_that_of_the_pictures(folder, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        draw(folder, tmp_path / name, "--seed", seed)
    a, b, c = ((tmp_path / name / "samples.png").read_bytes() for name in "abc")
    assert a == b and a != c


def test_a_file_holds_what_the_pictures_need_and_where_it_comes_from(finished, folder):
    saved = _weights.read_weights(folder / "vae.npz")
    checkpoint = load_checkpoint(finished / "checkpoint.npz")
    assert "optimizer" not in saved and "rng" not in saved
    for name, array in checkpoint["model"].items():
        assert saved["model"][name].dtype == np.float16
        np.testing.assert_array_equal(saved["model"][name], array.astype(np.float16))
    assert saved["command"] == (
        "python demos/vae.py --data digits --steps 2 --batch 128 --seed 0 --latent-dim 3"
    )
    assert saved["spread"]["seeds"] == [0, 1] and saved["spread"]["std"]["test_elbo"] > 0
    assert saved["rounding"] is not None
    assert len(saved["history"]["loss"]) == 2


@pytest.mark.parametrize(
    "options, message",
    [
        (["--latent-dim", 5], "--latent-dim 5: the weights of"),
        (["--steps", 4000, "--batch", 64], "were trained with --batch 128; leave out --batch"),
        (["--data", "mnist"], "were trained with --data digits"),
        (["--resume"], "--trained --resume: finished weights leave nothing to resume"),
    ],
)
def test_options_that_the_weights_decide_are_refused(options, message, folder, tmp_path):
    output = draw(folder, tmp_path, *options, code=2)
    assert message in output and "Traceback" not in output
    assert not list(tmp_path.iterdir())


def test_the_same_options_are_accepted(folder, tmp_path):
    draw(folder, tmp_path, "--latent-dim", 3, "--steps", 2, "--data", "digits")


def test_a_demo_without_weights_says_how_to_train(tmp_path):
    output = draw(tmp_path, tmp_path / "out", code=2)
    assert "there are no trained weights in" in output
    assert "train them: python demos/vae.py" in output


def test_the_error_of_a_demo_is_told_to_whoever_writes_weights(tmp_path):
    with pytest.raises(ValueError, match="vae.py --trained fails: vae.py: .* no trained weights"):
        weights.draw("vae", tmp_path, tmp_path / "out", 0)


def test_a_demo_whose_networks_are_others_refuses_the_file(folder, tmp_path):
    """As after a change of the model: found before anything is drawn."""
    saved = load_checkpoint(folder / "vae.npz")
    del saved["model"][next(iter(saved["model"]))]
    save_checkpoint(tmp_path / "vae.npz", **saved)
    output = draw(tmp_path, tmp_path / "out", code=1)
    (line,) = [line for line in output.splitlines() if line.startswith("vae.py:")]
    assert "missing: " in line and line.endswith("Restore the file, or leave out --trained")


def change_array(change):
    """Return a function that changes the first array of the model in a file."""

    def damage(saved):
        name = next(iter(saved["model"]))
        saved["model"][name] = change(saved["model"][name])

    return damage


def with_nan(array):
    array[0] = np.nan
    return array


DAMAGES = {
    "no spread": (lambda saved: saved.pop("spread"), "it holds no spread"),
    "a list of settings": (lambda saved: saved.update(settings=[1]), "its settings is a list"),
    "another demo": (lambda saved: saved.update(demo="gan"), "its weights are of demos/gan.py"),
    "nan": (change_array(with_nan), "weight is not finite"),
    "a figure": (
        lambda saved: saved["figures"].update(test_elbo=np.inf),
        "test_elbo is not finite",
    ),
    "another command": (lambda saved: saved.update(command="rm"), "not that of its settings"),
    "no history": (lambda saved: saved["history"].update(loss=1), "is a int and no array"),
    "float32": (change_array(lambda a: a.astype(np.float32)), "float32, but weights are float16"),
    "a short history": (
        lambda saved: saved["history"].update(loss=saved["history"]["loss"][:1]),
        "but there were 2 steps",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(name, folder, tmp_path):
    damage, message = DAMAGES[name]
    saved = load_checkpoint(folder / "vae.npz")
    damage(saved)
    save_checkpoint(tmp_path / "vae.npz", **saved)
    with pytest.raises(ValueError, match=message) as caught:
        _weights.read_weights(tmp_path / "vae.npz")
    assert "\n" not in str(caught.value) and "Restore the file" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"weights", None], ids=["empty", "text", "truncated"])
def test_a_file_that_is_no_archive_is_refused_in_one_line(content, folder, tmp_path):
    whole = (folder / "vae.npz").read_bytes()
    (tmp_path / "vae.npz").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match="damaged or no checkpoint") as caught:
        _weights.read_weights(tmp_path / "vae.npz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", [{"latent_dim": -1}, {"help": True}, {"ste": 2}])
def test_settings_that_the_demo_does_not_know_are_refused(setting, folder, tmp_path):
    saved = load_checkpoint(folder / "vae.npz")
    saved["settings"] |= setting
    saved["command"] = _weights.command_of("vae", saved["settings"])
    save_checkpoint(tmp_path / "vae.npz", **saved)
    output = draw(tmp_path, tmp_path / "out", code=2)
    assert "its settings are not of this demo" in output and "Traceback" not in output


def test_a_file_cannot_choose_where_to_write(folder, tmp_path):
    saved = load_checkpoint(folder / "vae.npz")
    saved["settings"] |= {"out": str(tmp_path / "elsewhere"), "seed": 7}
    saved["command"] = _weights.command_of("vae", saved["settings"])
    save_checkpoint(tmp_path / "weights" / "vae.npz", **saved)
    draw(tmp_path / "weights", tmp_path / "out")
    assert not (tmp_path / "elsewhere").exists()
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["seed"] == 0


# --------------------------------------------------------------------- writing, and averages


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Return a function that begins a run of three steps of a small network."""
    monkeypatch.setattr(_weights, "FOLDER", tmp_path / "weights")
    script = tmp_path / "demo.py"
    script.write_text("# %% [markdown]\n# %%\n# Settings\nx = 1\n")

    def start(*options, seed=0):
        monkeypatch.setattr(sys, "argv", [str(script), "--out", str(tmp_path / "out"), *options])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # parse replaces it
        p = parser("", steps={"digits": 3}, takes={"digits": ""}, batch=1, weights=("G",))
        rng = default_rng(seed)
        G, D = nn.Linear(2, 1, rng=rng), nn.Linear(1, 1, rng=rng)
        ema = optim.ExponentialMovingAverage(G, 0.5)
        return Run(parse(p, "--device cpu"), G=G, D=D, ema=ema)

    return start


def train(run, **figures):
    """Move the weights of G at each step."""
    G = run.objects["G"]
    for _ in run.steps():
        G.weight.data = G.weight.data + 1
        run.objects["ema"].update()
        run.log(loss=1.5)
    run.write_metrics(picture="", **figures)
    return run


def test_averages_of_parameters_are_what_is_saved(start, tmp_path):
    run = train(start(), distance=0.5)
    G, ema = run.objects["G"], run.objects["ema"]
    with ema.average_parameters():
        average = G.weight.numpy().copy()
    assert not np.array_equal(average, G.weight.numpy())
    content, _ = weights.read_run(tmp_path / "out")
    assert "D" not in content
    save_checkpoint(tmp_path / "weights" / "demo.npz", **content)

    trained = train(start("--trained", seed=1))
    expected = average.astype(np.float16)
    np.testing.assert_array_equal(trained.objects["G"].weight.numpy(), expected)
    with trained.objects["ema"].average_parameters():
        np.testing.assert_array_equal(trained.objects["G"].weight.numpy(), expected)
    assert trained.history["loss"].tolist() == [1.5, 1.5, 1.5]


def change_checkpoint(path, change):
    saved = load_checkpoint(path)
    change(saved)
    save_checkpoint(path, **saved)


def set_weight(value):
    return lambda saved: saved["finished"]["networks"]["G"]["weight"].fill(value)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda saved: saved.update(finished={}), "no finished run"),
        (lambda saved: saved["finished"].update(figures={}), "measured nothing"),
        (lambda saved: saved["settings"].update(data="folder:x"), "which nobody else has"),
        (set_weight(1e5), "has the number 100000, which float16 cannot hold"),
        (set_weight(np.nan), "has the number nan"),
        (set_weight(3e-8), "float16 rounds such small ones"),
    ],
)
def test_a_run_whose_weights_cannot_be_written_is_refused(change, message, start, tmp_path):
    train(start(), distance=0.5)
    change_checkpoint(tmp_path / "out" / "checkpoint.npz", change)
    with pytest.raises(ValueError, match=message):
        weights.write(tmp_path / "out")
    assert not (tmp_path / "weights").exists()


def test_a_finished_run_that_is_evaluated_again_is_of_the_code_that_trained_it(start, tmp_path):
    checkpoint = tmp_path / "out" / "checkpoint.npz"
    train(start(), distance=0.5)
    change_checkpoint(checkpoint, lambda saved: saved["finished"].update(digest="earlier"))
    train(start("--resume"), distance=0.25)
    content, _ = weights.read_run(tmp_path / "out")
    assert content["digest"] == "earlier" and content["figures"] == {"distance": 0.25}

    change_checkpoint(checkpoint, lambda saved: saved.pop("finished"))  # of an earlier version
    train(start("--resume"), distance=0.5)
    assert len(weights.read_run(tmp_path / "out")[0]["digest"]) == 64


def test_an_interrupted_or_missing_run_is_refused(start, tmp_path):
    next(start().steps())
    with pytest.raises(ValueError, match="no finished run"):
        weights.read_run(tmp_path / "out")
    with pytest.raises(ValueError, match="has no checkpoint.npz"):
        weights.read_run(tmp_path / "nothing")


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.npz").write_bytes(bytes(80))
    (tmp_path / "b.npz").write_bytes(bytes(50))
    weights.check_size(tmp_path / "a.npz", tmp_path / "a.npz")
    monkeypatch.setattr(weights, "MAX_TOTAL_BYTES", 100)
    with pytest.raises(ValueError, match="together would have 130 bytes"):
        weights.check_size(tmp_path / "a.npz", tmp_path / "a.npz")
    monkeypatch.setattr(weights, "MAX_BYTES", 70)
    with pytest.raises(ValueError, match="would have 80 bytes"):
        weights.check_size(tmp_path / "a.npz", tmp_path / "a.npz")


def test_numbers_are_rounded_to_float16_and_integers_stay():
    tree = {"a": {"b": np.array([1.0001, 1e-9], np.float32)}, "c": np.arange(2), "d": "text"}
    rounded = weights.to_float16(tree, "tree")
    assert rounded["a"]["b"].tolist() == [1.0, 0.0] and rounded["a"]["b"].dtype == np.float16
    assert rounded["c"].dtype == np.arange(2).dtype and rounded["d"] == "text"


def test_the_digest_is_of_the_code_up_to_the_end_of_the_training():
    source = '# %% [markdown]\n"""Doc."""\n# %%\nLR = 1  # rate\nrun.steps()\n# %%\nprint(2)\n'
    digest = _weights.digest_of("python", source)
    same = source.replace("# rate", "# learning rate").replace("print(2)", "3").replace("Doc", "D")
    assert _weights.digest_of("python", same) == digest
    for other in (
        source.replace("LR = 1", "LR = 2"),
        source.replace("run.steps()", "run.steps(2)"),
    ):
        assert _weights.digest_of("python", other) != digest
    assert _weights.digest_of("python --seed 1", source) != digest


def test_weights_of_an_earlier_demo_are_told(folder, monkeypatch):
    monkeypatch.setattr(_weights, "FOLDER", folder)
    saved = _weights.read_weights(folder / "vae.npz")
    source = (DEMOS / "vae.py").read_text(encoding="utf-8")
    assert "the demo of today" in weights.list_files()
    assert "has changed" not in _weights.describe_training(saved, source)
    assert "has changed" not in _weights.describe_training(saved, None)
    assert "has changed" in _weights.describe_training(saved, source.replace("LR = ", "LR = 2 * "))
    monkeypatch.setattr(_weights, "digest_of", lambda command, source: "")
    assert "an earlier demo" in weights.list_files()
