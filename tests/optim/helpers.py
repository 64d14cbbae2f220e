"""Parameters and training steps for the tests of the optimizers."""

from tinygen import tensor
from tinygen.autograd.tensor import Tensor


def make_parameters(*arrays):
    return [tensor(array, requires_grad=True) for array in arrays]


def take_steps(optimizer, grads):
    """Take a step for each element of `grads`: a gradient, or None, for each parameter."""
    for row in grads:
        for p, g in zip(optimizer.parameters, row, strict=True):
            p.grad = None if g is None else Tensor(g.astype(p.dtype))
        optimizer.step()
