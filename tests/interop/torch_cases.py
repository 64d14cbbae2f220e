"""Each layer that PyTorch has, too: how it is made in either library, and the shape of an input."""

import numpy as np

from tinygen import default_rng, nn

RNG = default_rng(0)


def _pair(name, shape, *settings, rng=False, **named):
    """Return functions that make the layer, with the same arguments in the same places."""
    more = {"rng": RNG} if rng else {}
    return (
        lambda: getattr(nn, name)(*settings, **named, **more, dtype=np.float64),
        lambda torch: getattr(torch.nn, name)(*settings, **named, dtype=torch.float64),
        shape,
    )


def _without_parameters(name, shape, *settings, **named):
    return (
        lambda: getattr(nn, name)(*settings, **named),
        lambda torch: getattr(torch.nn, name)(*settings, **named),
        shape,
    )


def _spectral_norm(layer):
    make, make_torch, shape = layer
    return (
        lambda: nn.SpectralNorm(make(), rng=RNG),
        lambda torch: torch.nn.utils.parametrizations.spectral_norm(make_torch(torch)),
        shape,
    )


def _networks():
    def build(nn, **linear):
        return nn.Sequential(
            nn.Linear(3, 4, **linear),
            nn.ModuleDict({"a": nn.Tanh()})["a"],
            nn.Sequential(nn.Linear(4, 2, False, **linear), nn.LeakyReLU(0.2)),
        )

    return (
        lambda: build(nn, rng=RNG, dtype=np.float64),
        lambda torch: build(torch.nn, dtype=torch.float64),
        (5, 3),
    )


def _spectral_norms():
    make, make_torch, shape = _spectral_norm(_pair("Linear", (5, 3), 3, 4, rng=True))
    return (
        lambda: nn.Sequential(nn.Tanh(), make()),
        lambda torch: torch.nn.Sequential(torch.nn.Tanh(), make_torch(torch)),
        shape,
    )


IMAGES, SEQUENCES = (2, 4, 6, 5), (2, 4, 9)

WITH_PARAMETERS = {
    "Linear": _pair("Linear", (2, 5, 3), 3, 4, rng=True),
    "Linear without bias": _pair("Linear", (5, 3), 3, 4, False, rng=True),
    "Conv1d": _pair("Conv1d", SEQUENCES, 4, 6, 3, 2, 1, 2, 2, rng=True),
    "Conv2d": _pair("Conv2d", IMAGES, 4, 6, 3, 2, 1, rng=True),
    "Conv2d with pairs": _pair("Conv2d", IMAGES, 4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, rng=True),
    "ConvTranspose1d": _pair("ConvTranspose1d", SEQUENCES, 4, 6, 3, 2, 1, 1, 2, rng=True),
    "ConvTranspose2d": _pair("ConvTranspose2d", IMAGES, 4, 6, 4, 2, 1, rng=True),
    "ConvTranspose2d with all": _pair(
        "ConvTranspose2d", IMAGES, 4, 6, (3, 2), 3, 1, (1, 2), 2, False, 2, rng=True
    ),
    "BatchNorm1d": _pair("BatchNorm1d", (5, 4), 4),
    "BatchNorm1d of a sequence": _pair("BatchNorm1d", SEQUENCES, 4, 1e-3, 0.3),
    "BatchNorm2d": _pair("BatchNorm2d", IMAGES, 4),
    "BatchNorm2d without affine": _pair("BatchNorm2d", IMAGES, 4, 1e-5, 0.1, False),
    "BatchNorm2d of the batch": _pair("BatchNorm2d", IMAGES, 4, 1e-5, 0.1, True, False),
    "BatchNorm1d with the mean over batches": _pair("BatchNorm1d", (5, 4), 4, 1e-5, None),
    "BatchNorm1d without bias": _pair("BatchNorm1d", (5, 4), 4, bias=False),
    "InstanceNorm1d of one sequence": _pair("InstanceNorm1d", (4, 9), 4),
    "InstanceNorm2d of one image": _pair("InstanceNorm2d", (4, 6, 5), 4, affine=True, bias=False),
    "GroupNorm without bias": _pair("GroupNorm", IMAGES, 2, 4, bias=False),
    "InstanceNorm1d": _pair("InstanceNorm1d", SEQUENCES, 4),
    "InstanceNorm2d": _pair("InstanceNorm2d", IMAGES, 4, 1e-5, 0.1, True),
    "InstanceNorm2d with statistics": _pair("InstanceNorm2d", IMAGES, 4, 1e-5, 0.2, True, True),
    "GroupNorm": _pair("GroupNorm", IMAGES, 2, 4),
    "LayerNorm": _pair("LayerNorm", IMAGES, (6, 5)),
    "LayerNorm of an int": _pair("LayerNorm", IMAGES, 5, 1e-3),
    "LayerNorm without bias": _pair("LayerNorm", IMAGES, 5, 1e-5, True, False),
    "PReLU": _pair("PReLU", IMAGES),
    "PReLU by channel": _pair("PReLU", IMAGES, 4, 0.1),
    "SpectralNorm of Linear": _spectral_norm(_pair("Linear", (5, 3), 3, 4, rng=True)),
    "SpectralNorm of Conv2d": _spectral_norm(_pair("Conv2d", IMAGES, 4, 6, 3, rng=True)),
    "SpectralNorm of ConvTranspose2d": _spectral_norm(
        _pair("ConvTranspose2d", IMAGES, 4, 6, 3, 2, rng=True)
    ),
    "Sequential": _networks(),
    "Sequential with SpectralNorm": _spectral_norms(),
}

WITHOUT_PARAMETERS = {
    "Identity": _without_parameters("Identity", IMAGES),
    "ReLU": _without_parameters("ReLU", IMAGES),
    "LeakyReLU": _without_parameters("LeakyReLU", IMAGES, 0.2),
    "ELU": _without_parameters("ELU", IMAGES, 0.7),
    "GELU": _without_parameters("GELU", IMAGES),
    "GELU by tanh": _without_parameters("GELU", IMAGES, "tanh"),
    "SiLU": _without_parameters("SiLU", IMAGES),
    "Sigmoid": _without_parameters("Sigmoid", IMAGES),
    "Softplus": _without_parameters("Softplus", IMAGES),
    "Softplus with both": _without_parameters("Softplus", IMAGES, 2.0, 0.5),
    "Softmax": _without_parameters("Softmax", IMAGES, 1),
    "Softmax by name": _without_parameters("Softmax", IMAGES, dim=-1),
    "LogSoftmax": _without_parameters("LogSoftmax", IMAGES, dim=1),
    "Tanh": _without_parameters("Tanh", IMAGES),
    "Flatten": _without_parameters("Flatten", IMAGES),
    "Flatten two": _without_parameters("Flatten", IMAGES, 0, 2),
    "Unflatten": _without_parameters("Unflatten", IMAGES, 1, (2, 2)),
    "MaxPool2d": _without_parameters("MaxPool2d", IMAGES, 2),
    "MaxPool2d with padding": _without_parameters("MaxPool2d", IMAGES, (3, 2), 2, (1, 0)),
    "MaxPool2d with dilation": _without_parameters("MaxPool2d", IMAGES, 2, 1, 1, 2, False, True),
    "MaxPool2d of one image": _without_parameters("MaxPool2d", IMAGES[1:], 3, 2, 1),
    "MaxPool1d": _without_parameters("MaxPool1d", SEQUENCES, 3, 2, 1, 2, ceil_mode=True),
    "AvgPool1d": _without_parameters("AvgPool1d", SEQUENCES, 3, 2, 1, True, False),
    "AvgPool2d": _without_parameters("AvgPool2d", IMAGES, 2),
    "AvgPool2d with a rest": _without_parameters("AvgPool2d", IMAGES, 3, 2, 1, True, False),
    "AvgPool2d with a divisor": _without_parameters("AvgPool2d", IMAGES, 3, divisor_override=2),
    "AvgPool2d with padding": _without_parameters("AvgPool2d", IMAGES, 3, 2, 1),
    "AdaptiveAvgPool2d": _without_parameters("AdaptiveAvgPool2d", IMAGES, (3, 2)),
    "AdaptiveAvgPool2d of rows": _without_parameters("AdaptiveAvgPool2d", IMAGES[1:], (None, 2)),
    "AdaptiveAvgPool1d": _without_parameters("AdaptiveAvgPool1d", SEQUENCES, 4),
    "PixelShuffle": _without_parameters("PixelShuffle", IMAGES, 2),
    "PixelUnshuffle": _without_parameters("PixelUnshuffle", (2, 3, 4, 6), 2),
    "Upsample": _without_parameters("Upsample", IMAGES, scale_factor=2),
    "Upsample by lines": _without_parameters("Upsample", IMAGES, (7, 9), None, "bilinear", True),
    "Upsample by cubics": _without_parameters("Upsample", IMAGES, None, (1.5, 2.0), "bicubic"),
    "Upsample of sequences": _without_parameters(
        "Upsample", SEQUENCES, scale_factor=1.5, mode="linear", recompute_scale_factor=True
    ),
}
