"""How to write an op of one's own, and how to know that it is right. Read from top to bottom.

Say you want  swish(x) = x sigmoid(beta x), with beta learned: a function of two arrays.
"""

import numpy as np
import pytest

from tinygen import check_grads, grad, primitive, tensor
from tinygen.ops import sigmoid

# %% 1. On paper. Let s = sigmoid(beta x), so that s' = s (1 - s). With cotangent g of y = x s:
#
#          cotangent of x      g (s + x s (1 - s) beta)
#          cotangent of beta   g  x s (1 - s) x
#
# %% 2. The forward sees plain arrays: write NumPy. (On a GPU the same line runs on CuPy's arrays.)


@primitive
def swish(x, beta):
    """x sigmoid(beta x). Saved: x, beta."""
    return x / (1 + np.exp(-beta * x))


# %% 3. The rules: one for each argument, which name what they need. Here they need x and beta, so those are kept.
#
# Rules may use operators and any op of tinygen, and nothing else: then the same lines run on arrays in a first backward pass and on Tensors in
# a second. A beta of shape () meets an x of any shape: the engine sums a cotangent over broadcast axes, so the rules need not.


def rule_of_x(g, x, beta):
    s = sigmoid(beta * x)
    return g * (s + beta * x * s * (1 - s))


def rule_of_beta(g, x, beta):
    s = sigmoid(beta * x)
    return g * x * x * s * (1 - s)


swish.vjp(x=rule_of_x, beta=rule_of_beta)


# %% 4. Do not believe it: check it, to second order, in float64.


def test_swish_is_right_to_third_order():
    rng = np.random.default_rng(0)
    check_grads(swish, rng.normal(size=(3, 4)), np.array(1.5), order=3)


# %% 5. Use it.


def test_swish_learns_its_beta():
    x = np.linspace(-3, 3, 50)
    target = x / (1 + np.exp(-2.0 * x))
    beta = tensor(np.array(0.5), requires_grad=True)
    for _ in range(500):
        error = swish(x, beta) - target
        beta.data -= 2.0 * grad((error * error).mean(), beta).data
    assert abs(beta.item() - 2.0) < 1e-3


# %% 6. And see what a mistake looks like: here a forgotten beta. The message names the argument and the element.


def test_a_forgotten_factor_is_found():
    @primitive
    def careless(x, beta):
        return x / (1 + np.exp(-beta * x))

    careless.vjp(x=lambda g, x, beta: g * (sigmoid(beta * x) + x * sigmoid(beta * x) * (1 - sigmoid(beta * x))), beta=rule_of_beta)
    with pytest.raises(AssertionError, match=r"order 1, x of shape \(3,\).*element \(\d,\): analytic .*numeric"):
        check_grads(careless, np.array([0.5, -1.0, 2.0]), np.array(1.5))
