"""Derivatives, and what is not differentiated.

The result of a row is what a user would look at, mostly a gradient. Where the text of a program is
the same in both libraries, the function takes the library.
"""

import numpy as np

import tinygen
from tests.first_hour.phrases import SAME, Row, torch
from tinygen import grad, ops


def gradient_of_an_intermediate_result(grad, x):
    y = x**3
    return grad((y**2).sum(), y)[0] * x


def second_derivative(grad, x):
    (dx,) = grad((x**3).sum(), x, create_graph=True)
    return grad(dx.sum(), x)[0]


def third_derivative(grad, x):
    y = (x**4).sum()
    y = grad(y, x, create_graph=True)[0].sum()
    y = grad(y, x, create_graph=True)[0].sum()
    return grad(y, x)[0]


def gradient_penalty(grad, scores, x):
    """As of a Wasserstein GAN: the squared distance of the gradient norm from 1."""
    (g,) = grad(scores.sum(), x, create_graph=True)
    return (((g**2).sum(1) ** 0.5 - 1) ** 2).mean()


def backward_twice(x):
    """Gradients add up in `.grad`."""
    (x**2).sum().backward()
    (3 * x).sum().backward()
    return x.grad


def backward_of_one_graph(x):
    loss = (x**3).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return x.grad


def backward_after_zeroing(x):
    (x**2).sum().backward()
    x.grad = None
    (3 * x).sum().backward()
    return x.grad


def backward_with_cotangent(x, y):
    (x**2).backward(y.detach())
    return x.grad


def backward_with_inputs(x, y):
    (x * y).sum().backward(inputs=[x])
    return x.grad, y.grad is None


def gradient_descent(library, x):
    """Five steps of gradient descent, written out."""
    for _ in range(5):
        loss = (x**4).sum() + (x**2).sum()
        loss.backward()
        with library.no_grad():
            x -= 0.1 * x.grad
        x.grad = None
    return x.detach()


def without_recording(library, x):
    with library.no_grad():
        y = x * 2
    return y.requires_grad


def evaluate(library, x):
    """no_grad as a decorator."""

    @library.no_grad()
    def double(x):
        return 2 * x

    return double(x)


def freeze(x, y):
    """A leaf that is frozen receives no gradient."""
    y.requires_grad = False
    return x * y


ROWS = [
    Row(
        "grad",
        lambda x: grad((x**2).sum(), x)[0],
        lambda x: 2 * x,
        lambda x: torch.autograd.grad((x**2).sum(), x)[0],
    ),
    Row(
        "grad with respect to two",
        lambda x, y: grad((x * y).sum(), [x, y]),
        lambda x, y: [y, x],
        lambda x, y: torch.autograd.grad((x * y).sum(), [x, y]),
    ),
    Row(
        "grad of a result that is no leaf",
        lambda x: gradient_of_an_intermediate_result(grad, x),
        lambda x: 2 * x**4,
        lambda x: gradient_of_an_intermediate_result(torch.autograd.grad, x),
    ),
    Row(
        "grad with a cotangent",
        lambda x, y: grad(x**2, x, y.detach())[0],
        lambda x, y: 2 * x * y,
        lambda x, y: torch.autograd.grad(x**2, x, y.detach())[0],
    ),
    Row(
        "the second derivative",
        lambda x: second_derivative(grad, x),
        lambda x: 6 * x,
        lambda x: second_derivative(torch.autograd.grad, x),
    ),
    Row(
        "the third derivative",
        lambda x: third_derivative(grad, x),
        lambda x: 24 * x,
        lambda x: third_derivative(torch.autograd.grad, x),
    ),
    Row(
        "a gradient penalty",
        lambda x, weight: gradient_penalty(grad, ops.tanh(x @ weight.T), x),
        None,
        lambda x, weight: gradient_penalty(torch.autograd.grad, torch.tanh(x @ weight.T), x),
    ),
    Row(
        "allow_unused",
        lambda x, y: grad((x**2).sum(), [x, y], allow_unused=True)[1] is None,
        None,
        lambda x, y: torch.autograd.grad((x**2).sum(), [x, y], allow_unused=True)[1] is None,
    ),
    Row("backward adds up", backward_twice, lambda x: 2 * x + 3, SAME),
    Row("backward with retain_graph", backward_of_one_graph, lambda x: 6 * x**2, SAME),
    Row("x.grad = None", backward_after_zeroing, lambda x: 3 + 0 * x, SAME),
    Row("backward with a cotangent", backward_with_cotangent, lambda x, y: 2 * x * y, SAME),
    Row("backward with inputs", backward_with_inputs, lambda x, y: (y, True), SAME),
    Row("no gradient before backward", lambda x: x.grad is None, None, SAME),
    Row(
        "gradient descent by hand",
        lambda x: gradient_descent(tinygen, x),
        None,
        lambda x: gradient_descent(torch, x),
    ),
    Row("detach", lambda x: x * (x**2).detach(), lambda x: x**3, SAME),
    Row("requires_grad of a result", lambda x: (x * 2).requires_grad, None, SAME),
    Row("requires_grad of detach", lambda x: x.detach().requires_grad, None, SAME),
    Row("is_leaf", lambda x: (x.is_leaf, (2 * x).is_leaf, x.detach().is_leaf), None, SAME),
    Row(
        "no_grad",
        lambda x: without_recording(tinygen, x),
        None,
        lambda x: without_recording(torch, x),
    ),
    Row(
        "no_grad as a decorator",
        lambda x: evaluate(tinygen, x),
        lambda x: 2 * x,
        lambda x: evaluate(torch, x),
    ),
    Row("a frozen leaf", freeze, lambda x, y: x * y, SAME),
    Row(
        "stop_gradient",
        lambda x: ops.stop_gradient(x) * x,
        lambda x: x * x,
        lambda x: x.detach() * x,
    ),
    Row(
        "straight-through rounding",
        lambda x: ops.straight_through(x, ops.round(x)),
        lambda x: np.round(x),
        lambda x: x + (torch.round(x) - x).detach(),
    ),
    Row(
        "a product with the Hessian",
        lambda x, y: tinygen.hvp(lambda x: (x**4).sum(), x, y),
        lambda x, y: 12 * x**2 * y,
        lambda x, y: torch.autograd.functional.hvp(lambda x: (x**4).sum(), x, y)[1],
    ),
    Row(
        "a directional derivative",
        lambda x, y: tinygen.jvp(lambda x: x**3, x, y),
        lambda x, y: (x**3, 3 * x**2 * y),
        lambda x, y: torch.autograd.functional.jvp(lambda x: x**3, x, y),
    ),
]
