"""Layers: functions with parameters.

Names, argument order and defaults of the layers are PyTorch's. The files:

    module.py            Module, which finds, saves and loads the parameters: read it first
    containers.py        Sequential and ModuleList
    init.py              initial values of the parameters, and why their scale matters
    linear.py            Linear and Embedding
    conv.py              convolutions and transposed convolutions
    norm.py              batch, layer, group, instance and pixel normalization
    attention.py         multi-head attention
    activation.py        activations, dropout and the identity
    reshape.py           flattening, pooling and up-sampling
    weighted.py          what Linear and the convolutions share
    parametrizations.py  SpectralNorm and EqualizedLR: layers with a function of their weight
    ensemble.py          EnsembleLinear: many small networks at once
    power_iteration.py   the largest singular value, for spectral normalization
    state.py, checks.py  checks of states and of constructors' arguments
"""

from . import init
from .activation import (
    ELU,
    GELU,
    Dropout,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from .attention import MultiHeadAttention
from .containers import ModuleList, Sequential
from .conv import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from .ensemble import EnsembleLinear
from .linear import Embedding, Linear
from .module import Module
from .norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    PixelNorm,
)
from .parametrizations import EqualizedLR, SpectralNorm
from .reshape import AvgPool2d, Flatten, MaxPool2d, Unflatten, Upsample

__all__ = [
    "ELU",
    "GELU",
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
    "Identity",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "MultiHeadAttention",
    "PixelNorm",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "SpectralNorm",
    "Tanh",
    "Unflatten",
    "Upsample",
    "init",
]
