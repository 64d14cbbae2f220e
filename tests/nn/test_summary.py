"""What a layer and a model print."""

import numpy as np
import pytest

from tests.nn.blocks import Block
from tinygen import default_rng, nn


@pytest.fixture
def block():
    return Block(default_rng(0))


def test_a_model_prints_its_layers_and_the_shapes_and_numbers_of_their_parameters(block):
    assert repr(block) == (
        "Block(                                             3  scale (3,)\n"
        "  (inner): Sequential(\n"
        "    (0): Linear(3, 3)                             12  weight (3, 3), bias (3,)\n"
        "    (1): Tanh()\n"
        "    (2): BatchNorm1d(3, eps=1e-05, momentum=0.1)   6  weight (3,), bias (3,)\n"
        "  )\n"
        "  (last): Linear(3, 2, bias=False)                 6  weight (2, 3)\n"
        ")\n"
        "27 parameters"
    )


def test_frozen_parameters_are_marked(block):
    block.last.requires_grad_(False)
    lines = repr(block).splitlines()
    assert lines[6].endswith("  6  weight (2, 3) frozen")
    assert lines[-1] == "27 parameters, 6 of them frozen"


def test_shared_parameters_count_once_in_the_sum():
    layer = nn.Linear(30, 40, rng=default_rng(0))
    assert repr(nn.Sequential(layer, layer)) == (
        "Sequential(\n"
        "  (0): Linear(30, 40)  1,240  weight (40, 30), bias (40,)\n"
        "  (1): Linear(30, 40)  1,240  weight (40, 30), bias (40,)\n"
        ")\n"
        "1,240 parameters"
    )


def test_a_wrapper_shows_its_settings_and_its_layer():
    rng = default_rng(0)
    assert repr(nn.EqualizedLR(nn.Linear(2, 1, rng=rng), rng=rng)) == (
        "EqualizedLR(\n"
        "  scale=1\n"
        "  (layer): Linear(2, 1)  3  weight (1, 2), bias (1,)\n"
        ")\n"
        "3 parameters"
    )


@pytest.mark.parametrize(
    "build, text",
    [
        (lambda g: nn.Linear(2, 1, rng=g), "Linear(2, 1)  3 parameters: weight (1, 2), bias (1,)"),
        (
            lambda g: nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, bias=False, rng=g),
            "ConvTranspose2d(2, 4, kernel_size=3, stride=2, padding=1, output_padding=1, "
            "bias=False)  72 parameters: weight (2, 4, 3, 3)",
        ),
        (
            lambda g: nn.Conv2d(2, 1, (1, 3), padding="same", rng=g),
            "Conv2d(2, 1, kernel_size=(1, 3), padding='same')  7 parameters: "
            "weight (1, 2, 1, 3), bias (1,)",
        ),
        (lambda g: nn.PReLU(), "PReLU(1)  1 parameter: weight (1,)"),
        (lambda g: nn.ReLU(), "ReLU()"),
        (lambda g: nn.Dropout(0.3, rng=g), "Dropout(0.3)"),
        (lambda g: nn.Sequential(), "Sequential()"),
        (lambda g: nn.Sequential(nn.ReLU()), "Sequential(\n  (0): ReLU()\n)\n0 parameters"),
        (
            lambda g: nn.BatchNorm2d(3, affine=False, track_running_stats=False),
            "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
        ),
        (
            lambda g: nn.InstanceNorm2d(3, affine=True),
            "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=True)  6 parameters: "
            "weight (3,), bias (3,)",
        ),
        (
            lambda g: nn.LayerNorm((4, 5), bias=False),
            "LayerNorm((4, 5), eps=1e-05, bias=False)  20 parameters: weight (4, 5)",
        ),
    ],
)
def test_a_layer_prints_one_line(build, text):
    assert repr(build(default_rng(0))) == text


def test_no_line_shows_a_private_name():
    class Own(nn.Module):
        def __init__(self, rng):
            self.norm = nn.BatchNorm2d(3)
            self.layers = nn.ModuleDict({"a": nn.Linear(2, 3, rng=rng)})
            self._secret = np.ones(3)

    assert "_" not in repr(Own(default_rng(0))).replace("track_running_stats", "")
