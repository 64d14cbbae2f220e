"""tinygen: deep generative models for vision, from scratch on NumPy and CuPy.

Every gradient is derived in the source and checked to second order. Start reading at
`autograd/tensor.py`; the README gives the order of the other files.
"""

import importlib

from . import losses, nn, ops, optim
from .autograd.functional import grad, hvp, jvp
from .autograd.gradcheck import check_grads
from .autograd.primitive import primitive
from .autograd.tensor import Tensor, detect_nan, no_grad, tensor
from .backend import RNG, default_rng
from .backend.threads import set_threads

__version__ = "0.1.0"
__all__ = [
    "RNG",
    "Tensor",
    "check_grads",
    "checkpoint",
    "data",
    "default_rng",
    "detect_nan",
    "grad",
    "hvp",
    "jvp",
    "latent",
    "losses",
    "metrics",
    "models",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "plot",
    "primitive",
    "set_threads",
    "tensor",
]

_IMPORTED_ON_USE = ("checkpoint", "data", "latent", "metrics", "models", "plot")


def __getattr__(name: str):
    """Import `tinygen.data` and the like when they are first used: `import tinygen` stays quick."""
    if name in _IMPORTED_ON_USE:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
