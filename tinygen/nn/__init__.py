"""Layers: functions with parameters.

Names, argument order and defaults of the layers are PyTorch's. The files:

    module.py            Module, which finds, saves and loads the parameters: read it first
    containers.py        Sequential, ModuleList and ModuleDict
    init.py              initial values of the parameters, and why their scale matters
    linear.py            Linear and Embedding
    conv.py              convolutions and transposed convolutions
    norm.py              batch, layer, group, instance and pixel normalization
    attention.py         multi-head attention
    activation.py        activations, dropout and the identity
    pooling.py           means and maxima over windows
    reshape.py           flattening and up-sampling
    weighted.py          what Linear and the convolutions share
    parametrizations.py  SpectralNorm and EqualizedLR: layers with a function of their weight
    ensemble.py          EnsembleLinear: many small networks at once
    power_iteration.py   the largest singular value, for spectral normalization
    state.py, checks.py  checks of states and of constructors' arguments
    summary.py           what print(model) shows
    pytorch_names.py     what to type for names of PyTorch's that are not here
"""

from . import init
from .activation import (
    ELU,
    GELU,
    Dropout,
    Identity,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .attention import MultiheadAttention
from .containers import ModuleDict, ModuleList, Sequential
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .ensemble import EnsembleLinear
from .linear import Embedding, Linear
from .module import Module
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    GroupNormSiLU,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    PixelNorm,
)
from .parametrizations import EqualizedLR, SpectralNorm
from .pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from .pytorch_names import LAYERS, refuse
from .reshape import Flatten, PixelShuffle, PixelUnshuffle, Unflatten, Upsample

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "EnsembleLinear",
    "EqualizedLR",
    "Flatten",
    "GroupNorm",
    "GroupNormSiLU",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiheadAttention",
    "PReLU",
    "PixelNorm",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "Unflatten",
    "Upsample",
    "init",
]


def __getattr__(name: str):
    """Raise an AttributeError, which says what to type for a name of torch.nn."""
    raise AttributeError(refuse("tinygen.nn", name, LAYERS))
