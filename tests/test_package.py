"""The names of `import tinygen`: what it lists, and what it answers for a name that it lacks."""

from __future__ import annotations

import numpy as np
import pytest

import tinygen


def test_all_public_names_are_there_and_listed():
    assert dir(tinygen) == sorted(tinygen.__all__)
    for name in tinygen.__all__:
        getattr(tinygen, name)


@pytest.mark.parametrize(
    "name, advice",
    [
        ("zeros", "tinygen.tensor(np.zeros(shape, np.float32))"),
        ("ones", "tinygen.tensor(np.ones(shape, np.float32))"),
        ("full", "tinygen.tensor(np.full(shape, value, np.float32))"),
        ("arange", "tinygen.tensor(np.arange(n))"),
        ("randn", "tinygen.default_rng(seed).normal(shape)"),
        ("rand", "tinygen.default_rng(seed).uniform(shape)"),
        ("linspace", "tinygen.tensor(np.linspace(start, stop, num, dtype=np.float32))"),
        ("float32", "np.float32"),
        ("exp", "tinygen.ops.exp"),
    ],
)
def test_a_name_of_pytorch_says_what_to_type_and_that_runs(name, advice):
    with pytest.raises(AttributeError) as error:
        getattr(tinygen, name)
    assert advice in str(error.value)
    known = {"shape": (2, 3), "value": 1.5, "n": 4, "seed": 0, "start": 0, "stop": 1, "num": 3}
    eval(advice, {"np": np, "tinygen": tinygen, **known})


def test_an_unknown_name_is_refused_as_usual():
    with pytest.raises(AttributeError, match="module 'tinygen' has no attribute 'nonsense'$"):
        _ = tinygen.nonsense


def test_names_of_data_packages_say_what_is_here():
    with pytest.raises(AttributeError, match=r"it is Loader\(images, labels, batch_size=64\)"):
        _ = tinygen.data.DataLoader
    with pytest.raises(AttributeError, match="module 'tinygen.data' has no attribute 'nonsense'$"):
        _ = tinygen.data.nonsense


def test_models_are_imported_when_they_are_used():
    assert {"vae", "gan", "diffusion"} <= {*dir(tinygen.models)}
    assert tinygen.models.vae.VAE.__module__ == "tinygen.models.vae"
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'; it has autoencoder, "):
        _ = tinygen.models.nonsense


def test_names_of_other_libraries_pictures_say_what_is_here():
    with pytest.raises(AttributeError, match=r"it is save_grid\(path, images\)$"):
        _ = tinygen.plot.save_image
    with pytest.raises(AttributeError, match="module 'tinygen.plot' has no attribute 'nonsense'$"):
        _ = tinygen.plot.nonsense
