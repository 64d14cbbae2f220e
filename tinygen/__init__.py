"""tinygen: deep generative models for vision from scratch, on NumPy and CuPy. Every gradient is derived here, and checked to second order.

Read in this order: engine.py (automatic differentiation), primitive.py, ops/elementwise.py, gradcheck.py, ops/conv.py, nn/module.py, losses/, models/.
"""

from . import data, losses, nn, ops, optim
from .backend import Generator, set_threads
from .checkpoint import load_checkpoint, save_checkpoint
from .engine import Tensor, detect_nan, grad, hvp, jvp, no_grad, tensor
from .gradcheck import check_grads
from .primitive import primitive

__version__ = "0.1.0"
__all__ = [
    "Generator", "Tensor", "check_grads", "data", "detect_nan", "grad", "hvp", "jvp", "load_checkpoint", "losses", "nn", "no_grad", "ops", "optim",
    "primitive", "save_checkpoint", "set_threads", "tensor",
]
