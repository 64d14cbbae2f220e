"""Layers and networks: here, in PyTorch, and the argument that they are called with.

The layer here loads the weights of PyTorch's: `layer.load_state_dict(torch_layer.state_dict())`.
Random initial weights come from `rng`. All compute in float64: a layer is constructed so, while
PyTorch's is converted.
"""

import numpy as np

from tests.first_hour.phrases import Layer, torch
from tinygen import default_rng, nn

rng = default_rng(0)
f64 = {"dtype": np.float64}


def classifier():
    return nn.Sequential(
        nn.Conv2d(4, 6, 3, padding=1, bias=False, rng=rng, **f64),
        nn.BatchNorm2d(6, **f64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 4 * 3, 5, rng=rng, **f64),
    )


def torch_classifier():
    return torch.nn.Sequential(
        torch.nn.Conv2d(4, 6, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(6),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 4 * 3, 5),
    )


def residual_block(nn, **settings):
    """A Module of one's own, written alike in both libraries: `nn` is that of either."""

    class ResidualBlock(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.GroupNorm(2, 4, **settings.get("norm", {}))
            self.conv = nn.Conv2d(4, 4, 3, padding=1, **settings.get("conv", {}))
            self.activation = nn.SiLU()

        def forward(self, x):
            return x + self.conv(self.activation(self.norm(x)))

    return ResidualBlock()


LAYERS = [
    Layer("nn.Linear", lambda: nn.Linear(4, 5, rng=rng, **f64), lambda: torch.nn.Linear(4, 5), "x"),
    Layer(
        "nn.Linear without bias",
        lambda: nn.Linear(4, 5, bias=False, rng=rng, **f64),
        lambda: torch.nn.Linear(4, 5, bias=False),
        "cube",
    ),
    Layer(
        "nn.Conv2d",
        lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1, rng=rng, **f64),
        lambda: torch.nn.Conv2d(4, 6, 3, stride=2, padding=1),
        "images",
    ),
    Layer(
        "nn.ConvTranspose2d",
        lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1, rng=rng, **f64),
        lambda: torch.nn.ConvTranspose2d(4, 3, 4, 2, 1),
        "images",
    ),
    Layer(
        "nn.Conv1d",
        lambda: nn.Conv1d(4, 6, 3, rng=rng, **f64),
        lambda: torch.nn.Conv1d(4, 6, 3),
        "sequences",
    ),
    Layer(
        "nn.BatchNorm2d",
        lambda: nn.BatchNorm2d(4, **f64),
        lambda: torch.nn.BatchNorm2d(4),
        "images",
    ),
    Layer(
        "nn.BatchNorm2d in evaluation",
        lambda: nn.BatchNorm2d(4, **f64).eval(),
        lambda: torch.nn.BatchNorm2d(4).eval(),
        "images",
    ),
    Layer(
        "nn.BatchNorm1d",
        lambda: nn.BatchNorm1d(4, **f64),
        lambda: torch.nn.BatchNorm1d(4),
        "x",
    ),
    Layer("nn.LayerNorm", lambda: nn.LayerNorm(4, **f64), lambda: torch.nn.LayerNorm(4), "cube"),
    Layer(
        "nn.GroupNorm",
        lambda: nn.GroupNorm(2, 4, **f64),
        lambda: torch.nn.GroupNorm(2, 4),
        "images",
    ),
    Layer(
        "nn.InstanceNorm2d",
        lambda: nn.InstanceNorm2d(4),
        lambda: torch.nn.InstanceNorm2d(4),
        "images",
    ),
    Layer(
        "nn.Embedding",
        lambda: nn.Embedding(7, 3, rng=rng, **f64),
        lambda: torch.nn.Embedding(7, 3),
        "places",
    ),
    Layer(
        "nn.Embedding with padding",
        lambda: nn.Embedding(7, 3, 2, rng=rng, **f64),
        lambda: torch.nn.Embedding(7, 3, 2),
        "places",
    ),
    Layer("nn.PReLU", lambda: nn.PReLU(**f64), lambda: torch.nn.PReLU(), "x"),
    Layer("nn.LeakyReLU", lambda: nn.LeakyReLU(0.2), lambda: torch.nn.LeakyReLU(0.2), "x"),
    Layer("nn.Softmax", lambda: nn.Softmax(dim=1), lambda: torch.nn.Softmax(dim=1), "x"),
    Layer(
        "nn.Upsample",
        lambda: nn.Upsample(scale_factor=2),
        lambda: torch.nn.Upsample(scale_factor=2),
        "images",
    ),
    Layer(
        "nn.Dropout in evaluation",
        lambda: nn.Dropout(0.5, rng=rng).eval(),
        lambda: torch.nn.Dropout(0.5).eval(),
        "x",
    ),
    Layer("a classifier in training", classifier, torch_classifier, "images"),
    Layer(
        "a classifier in evaluation",
        lambda: classifier().eval(),
        lambda: torch_classifier().eval(),
        "images",
    ),
    Layer(
        "a Module of one's own",
        lambda: residual_block(nn, norm=f64, conv={"rng": rng, **f64}),
        lambda: residual_block(torch.nn),
        "images",
    ),
]
