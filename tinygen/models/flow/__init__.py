"""Normalizing flows: models whose likelihood is known exactly. base.py first; each paper's layer is a file.

    base.py     the change of variables; Flow, a chain of layers; ActNorm, Permute
    realnvp.py  affine coupling (Dinh, Sohl-Dickstein and Bengio, 2016)
    glow.py     invertible linear maps by LU, and flows of pictures (Kingma and Dhariwal, 2018)
    maf.py      masked autoregressive flow (Papamakarios, Pavlakou and Murray, 2017)
    pixels.py   bytes to logits and back: dither, volumes, bits per dimension
"""

from .base import ActNorm, Flow, Permutation
from .glow import Glow, InvertibleLinear, Squeeze
from .maf import MAF, Autoregressive, MaskedLinear, made
from .pixels import bits_per_dimension, to_logits, to_pixels
from .realnvp import AffineCoupling, RealNVP, checkerboard

__all__ = [
    "MAF",
    "ActNorm",
    "AffineCoupling",
    "Autoregressive",
    "Flow",
    "Glow",
    "InvertibleLinear",
    "MaskedLinear",
    "Permutation",
    "RealNVP",
    "Squeeze",
    "bits_per_dimension",
    "checkerboard",
    "made",
    "to_logits",
    "to_pixels",
]
