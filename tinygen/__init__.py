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

# What people who know PyTorch look for here, and what to type instead.
_ELSEWHERE = {
    "as_tensor": "tinygen.tensor(array)",
    "cuda": 'the device "cuda", as in model.to("cuda")',
    "device": 'the name of a device, "cpu" or "cuda"',
    "empty": "tinygen.tensor(np.zeros(shape, np.float32))",
    "enable_grad": "what holds everywhere outside of tinygen.no_grad()",
    "float32": "np.float32",
    "float64": "np.float64",
    "from_numpy": "tinygen.tensor(array), which copies",
    "inference_mode": "tinygen.no_grad()",
    "int64": "np.int64",
    "is_tensor": "isinstance(x, tinygen.Tensor)",
    "linalg": "tinygen.ops: inv, solve, slogdet, cholesky, norm",
    "linspace": "tinygen.tensor(np.linspace(start, stop, num, dtype=np.float32))",
    "load": "tinygen.checkpoint.load_checkpoint(path)",
    "manual_seed": "rng = tinygen.default_rng(seed), which is passed to what draws random numbers",
    "random": "rng = tinygen.default_rng(seed), which is passed to what draws random numbers",
    "save": "tinygen.checkpoint.save_checkpoint(path, model=model)",
    "set_grad_enabled": "tinygen.no_grad(), with which nothing is recorded",
    "set_num_threads": "tinygen.set_threads(n)",
    "utils": "tinygen.data.Loader, for batches",
}


def __getattr__(name: str):
    """Import `tinygen.data` and the like when they are first used: `import tinygen` stays quick.

    A name that is somewhere else raises AttributeError that says where.
    """
    if name in _IMPORTED_ON_USE:
        return importlib.import_module(f"{__name__}.{name}")
    if name in ops.__all__:
        raise AttributeError(f"tinygen.{name}: functions of tensors are in tinygen.ops.{name}")
    hint = f"; here it is {_ELSEWHERE[name]}" if name in _ELSEWHERE else ops.ops_hint(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    """List the public names, those of modules that are not imported yet included."""
    return sorted(__all__)
