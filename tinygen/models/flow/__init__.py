"""Normalizing flows: models whose likelihood is known exactly.

Read base.py first. Each paper has its own file:

    base.py            the change of variables; Flow (a chain of layers), ActNorm, Permutation
    realnvp.py         affine coupling (Dinh, Sohl-Dickstein and Bengio, 2016)
    glow.py            invertible 1x1 convolutions by LU (Kingma and Dhariwal, 2018)
    maf.py             masked autoregressive flow (Papamakarios, Pavlakou and Murray, 2017)
    dequantization.py  bytes to logits and back; bits per dimension
"""

from .base import ActNorm, Flow, Permutation
from .dequantization import bits_per_dimension, to_logits, to_pixels
from .glow import Glow, InvertibleLinear, Squeeze
from .maf import MAF, AffineAutoregressive, MADENetwork, MaskedLinear
from .realnvp import AffineCoupling, RealNVP, checkerboard

__all__ = [
    "MADENetwork",
    "MAF",
    "ActNorm",
    "AffineAutoregressive",
    "AffineCoupling",
    "Flow",
    "Glow",
    "InvertibleLinear",
    "MaskedLinear",
    "Permutation",
    "RealNVP",
    "Squeeze",
    "bits_per_dimension",
    "checkerboard",
    "to_logits",
    "to_pixels",
]
