"""Your own pictures: every demo that learns from pictures learns from a folder of them."""

import argparse
import json
import os

import numpy as np
import pytest
from _pictures import choose_examples, principal_directions, read_folder

from tests.demos.processes import DEMOS, NAMES, run_demo
from tinygen import data

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")
Image = pytest.importorskip("PIL.Image")

WITH_FOLDERS = [
    name for name in NAMES if "folder:PATH" in (DEMOS / f"{name}.py").read_text(encoding="utf-8")
]
# Kinds and modes of one class's pictures: what a folder on somebody's disk may hold.
KINDS = [
    ("png", "RGB"),
    ("jpg", "RGB"),
    ("gif", "P"),
    ("png", "RGBA"),
    ("jpg", "CMYK"),
    ("bmp", "L"),
]


def write_pictures(path, num_per_class, classes=("chats noirs", "été"), *, grey=False):
    """Write mixed pictures of different sizes into a sub-folder for each class."""
    numpy_rng = np.random.default_rng(0)
    for k, name in enumerate(classes):
        (path / name).mkdir(parents=True, exist_ok=True)
        for i in range(num_per_class):
            suffix, mode = ("png", "L") if grey else KINDS[i % len(KINDS)]
            pixels = numpy_rng.integers(0, 128, (4, 4, 3), np.uint8) + np.uint8(127 * k)
            size = (30 + 5 * i % 40, 50 - 3 * i % 30)
            Image.fromarray(pixels).resize(size).convert(mode).save(path / name / f"{i}.{suffix}")
    return path


def run_folder(name, tmp_path, folder, *args, **options):
    """Run two steps on a folder, and return the metrics and what was printed."""
    out = tmp_path / "out"
    output = run_demo(name, out, "--data", f"folder:{folder}", "--steps", 2, *args, **options)
    return json.loads((out / "metrics.json").read_text()), output


SMALLEST = {"cyclegan": 32, "dcgan": 32, "deepfake": 32, "pggan": 32, "pix2pix": 32, "stylegan": 32}
# What a demo needs in addition to two classes of six pictures of 8 pixels.
NUM_PER_CLASS = {"gaussian": 12}
OPTIONS = {
    "ddpm": ("--sampling-steps", 2),
    "ddpm_2020": ("--timesteps", 2, "--samples", 10),
    "iwae": ("--k", 2),
}


@pytest.mark.parametrize("name", [name for name in WITH_FOLDERS if name != "pix2pix"])
def test_every_demo_of_pictures_learns_from_a_small_folder_of_mixed_ones(name, tmp_path):
    folder = write_pictures(tmp_path / "mes photos", NUM_PER_CLASS.get(name, 6))
    size = SMALLEST.get(name, 8)
    metrics, output = run_folder(name, tmp_path, folder, "--size", size, *OPTIONS.get(name, ()))
    assert metrics["data"] == f"folder:{folder}" and metrics["size"] == size
    assert (tmp_path / "out" / metrics["picture"]).read_bytes()[:4] in (b"\x89PNG", b"GIF8")
    assert "Reading" in output and "in colour, of 2 classes: chats noirs, été" in output


@pytest.mark.parametrize("name", ["vae", "autoencoder_vs_vae", "ddpm", "flow", "stylegan"])
def test_without_sub_folders_there_are_no_classes_and_grey_pictures_stay_grey(name, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 12, classes=["."], grey=True)
    size = SMALLEST.get(name, 8)
    _, output = run_folder(name, tmp_path, folder, "--size", size, *OPTIONS.get(name, ()))
    assert "9 pictures for training, 3 for tests, in grey\n" in output


@pytest.mark.parametrize("model", ["acgan", "infogan", "semi", "bigan"])
def test_every_conditional_gan_learns_from_a_folder(model, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 6)
    metrics, _ = run_folder("conditional_gan", tmp_path, folder, "--size", 8, "--model", model)
    assert metrics["model"] == model


def test_pix2pix_learns_from_a_folder_of_pairs(tmp_path):
    for part, n in (("train", 9), ("test", 12)):
        (tmp_path / part).mkdir()
        for i in range(n):
            pair = Image.new("RGB", (64, 32), ["red", "lime", "blue"][i % 3])
            pair.paste(Image.effect_noise((32, 32), 50), (0, 0))
            pair.save(tmp_path / part / f"{i}.png")
    metrics, output = run_folder("pix2pix", tmp_path, tmp_path, "--size", 32)
    assert metrics["size"] == 32 and "9 training pairs, 12 test pairs" in output


def settings(folder, batch=8, size=8):
    """Return settings as `parse` does."""
    return argparse.Namespace(data=f"folder:{folder}", size=size, batch=batch)


def test_pictures_are_divided_into_training_and_test_pictures(tmp_path, capsys):
    few, many = (
        write_pictures(tmp_path / "few", 6),
        write_pictures(tmp_path / "many", 50, grey=True),
    )
    (train, labels), (test, test_labels), class_names = read_folder(settings(few))
    assert train.shape == (9, 3, 8, 8) and test.shape == (3, 3, 8, 8)
    assert labels.tolist() == [0] * 5 + [1] * 4 and test_labels.tolist() == [0, 1, 1]
    assert class_names == ["chats noirs", "été"]
    everything, _, _ = data.folder(few, 8)
    assert np.array_equal(test, everything[3::4])
    (train, _), (test, _), _ = read_folder(settings(many))
    assert train.shape == (90, 1, 8, 8) and test.shape == (10, 1, 8, 8)
    assert (
        "90 pictures for training, 10 for tests, in grey, of 2 classes" in capsys.readouterr().out
    )


def test_the_folders_train_and_test_are_used_as_such(tmp_path):
    write_pictures(tmp_path / "train", 4)
    write_pictures(tmp_path / "test", 2, grey=True)
    (train, _), (test, test_labels), class_names = read_folder(settings(tmp_path))
    assert train.shape == (8, 3, 8, 8) and test.shape == (4, 3, 8, 8)
    assert test_labels.tolist() == [0, 0, 1, 1] and class_names == ["chats noirs", "été"]
    write_pictures(tmp_path / "test", 2, classes=["b"])
    with pytest.raises(
        data.DataError, match="test has b, chats noirs, été; they have to be the sa"
    ):
        read_folder(settings(tmp_path))


def test_too_few_pictures_and_missing_classes_are_refused(tmp_path):
    write_pictures(tmp_path, 5, classes=["a"])
    with pytest.raises(
        data.DataError, match="4 pictures for training and 1 for tests; at least 6 "
    ):
        read_folder(settings(tmp_path))
    write_pictures(tmp_path, 5, classes=["a/more"])
    assert read_folder(settings(tmp_path))[2] == []  # one sub-folder is no class
    with pytest.raises(data.DataError, match="two sub-folders or more.*found no sub-folder"):
        read_folder(settings(tmp_path), needs_classes=True)
    write_pictures(tmp_path, 2, classes=["b"])
    with pytest.raises(data.DataError, match="found a: 10, b: 2"):
        read_folder(settings(tmp_path), needs_classes=True)


def test_a_batch_larger_than_the_folder_is_reduced_and_other_files_are_named(tmp_path, capsys):
    write_pictures(tmp_path, 6)
    (tmp_path / "notes.txt").write_text("no picture")
    args = settings(tmp_path, batch=128)
    read_folder(args)
    assert args.batch == 9
    args.batch = 12
    read_folder(args, batch_multiple=4)
    output = capsys.readouterr().out
    assert args.batch == 8 and "--batch is 8 instead of 12" in output
    assert "skipped, because they are no images (1)" in output and "notes.txt" in output


def test_examples_show_every_class_first():
    labels = np.array([0, 0, 0, 2, 2, 5])
    assert choose_examples(labels, 5).tolist() == [0, 3, 5, 1, 4]
    assert choose_examples(labels, 10).tolist() == [0, 3, 5, 1, 4, 2]


@pytest.mark.parametrize("n", [5, 200])
def test_principal_directions(n):
    x = np.random.default_rng(0).normal(size=(n, 20)) * np.linspace(1, 3, 20)
    directions = principal_directions(x, 3)
    _, eigenvectors = np.linalg.eigh(np.cov(x.T))
    assert np.allclose(np.abs((directions * eigenvectors[:, :-4:-1]).sum(axis=0)), 1)
    assert principal_directions(x[:3], 5).shape == (20, 2)


@pytest.mark.parametrize(
    "args, message",
    [
        (("dcgan", "--size", 48), "--size 48: choose from 32, 64, 128"),
        (("ddpm", "--size", 30), "--size 30: give a multiple of 4 from 8 to 256, such as 28 or 32"),
    ],
)
def test_sizes_that_the_networks_do_not_take_are_refused_with_those_they_do(
    args, message, tmp_path
):
    name, *options = args
    output = run_demo(name, tmp_path, "--data", f"folder:{tmp_path}", *options, code=2)
    assert message in output


def test_the_size_of_digits_is_not_chosen(tmp_path):
    output = run_demo("vae", tmp_path, "--size", 32, code=2)
    assert "--size 32: is for --data folder:PATH, not for digits" in output


def test_an_empty_folder_is_refused_in_one_line(tmp_path):
    output = run_demo("vae", tmp_path, "--data", f"folder:{tmp_path}", code=1)
    assert f"vae.py: {tmp_path}: no image in it" in output and "Traceback" not in output


@pytest.mark.parametrize("name", ["gan_1d", "prompt"])
def test_other_demos_say_why_they_take_no_folder(name, tmp_path):
    output = run_demo(name, tmp_path, "--data", f"folder:{tmp_path}", code=2)
    assert "a folder of pictures cannot be used here" in output


def test_names_are_printed_where_the_terminal_has_no_such_letters(tmp_path):
    folder = write_pictures(tmp_path / "été", 6)
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    _, output = run_folder("vae", tmp_path, folder, "--size", 8, "--latent-dim", 2, env=env)
    assert r"\xe9t\xe9" in output
