"""Layers: functions with parameters. Read module.py first."""

from . import init
from .attention import MultiHeadAttention
from .layers import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Embedding, Linear, SpectralNorm
from .module import Module, ModuleList, Sequential
from .norm import BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm, PixelNorm
from .plain import ELU, GELU, Dropout, Flatten, Identity, LeakyReLU, ReLU, Sigmoid, SiLU, Softplus, Tanh, Unflatten

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "Dropout", "ELU", "Embedding", "Flatten", "GELU",
    "GroupNorm", "Identity", "InstanceNorm2d", "LayerNorm", "LeakyReLU", "Linear", "Module", "ModuleList", "MultiHeadAttention", "PixelNorm", "ReLU",
    "Sequential", "SiLU", "Sigmoid", "Softplus", "SpectralNorm", "Tanh", "Unflatten", "init",
]
