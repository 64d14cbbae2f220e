"""How to write a primitive, and how to know that it is right. Read it from top to bottom.

The example is swish(x) = x sigmoid(beta x), where beta is learned: a function of two arrays.
"""

import numpy as np
import pytest

from tinygen import check_grads, grad, primitive, tensor
from tinygen.ops import sigmoid

# %% 1. Derive the rules on paper. Let s = sigmoid(beta x), so that ds/d(beta x) = s (1 - s).
#
#     y        = x s
#     dy/dx    = s + x s (1 - s) beta        product rule, chain rule
#     dy/dbeta = x s (1 - s) x               chain rule
#
# With g, the cotangent of y:
#
#     cotangent of x      g (s + x s (1 - s) beta)
#     cotangent of beta   g x s (1 - s) x
#
# %% 2. Write the forward in NumPy: it is given plain arrays. On a GPU the same line runs on CuPy.


@primitive
def swish(x, beta):
    """Return x sigmoid(beta x). Saved: x, beta."""
    return x / (1 + np.exp(-beta * x))


# %% 3. Write one rule for each argument. A rule names what it needs, here x and beta, and so these
# are saved.
#
# Rules use operators and functions of tinygen, and nothing else. So the same lines run on arrays in
# a first backward pass and on Tensors in a second. A beta of shape () may be combined with an x of
# any shape: the engine sums the cotangent over the broadcast axes, so the rules need not.


def rule_of_x(g, x, beta):
    s = sigmoid(beta * x)
    return g * (s + beta * x * s * (1 - s))


def rule_of_beta(g, x, beta):
    s = sigmoid(beta * x)
    return g * x * x * s * (1 - s)


swish.vjp(x=rule_of_x, beta=rule_of_beta)


# %% 4. Check the rules against finite differences, in float64, to any order.


def test_swish_is_right_to_third_order():
    rng = np.random.default_rng(0)
    check_grads(swish, rng.normal(size=(3, 4)), np.array(1.5), order=3)


# %% 5. Use the primitive.


def test_swish_learns_its_beta():
    x = np.linspace(-3, 3, 50)
    target = x / (1 + np.exp(-2.0 * x))
    beta = tensor(np.array(0.5), requires_grad=True)
    for _ in range(500):
        error = swish(x, beta) - target
        beta.data -= 2.0 * grad((error * error).mean(), beta)[0].data
    assert abs(beta.item() - 2.0) < 1e-3


# %% 6. See what a mistake looks like. This rule forgets a factor beta; the message names the
# argument and the element.


def test_a_forgotten_factor_is_found():
    @primitive
    def careless(x, beta):
        return x / (1 + np.exp(-beta * x))

    def rule_without_beta(g, x, beta):
        s = sigmoid(beta * x)
        return g * (s + x * s * (1 - s))

    careless.vjp(x=rule_without_beta, beta=rule_of_beta)
    message = r"order 1, x of shape \(3,\).*element \(\d,\): analytic .*numeric"
    with pytest.raises(AssertionError, match=message):
        check_grads(careless, np.array([0.5, -1.0, 2.0]), np.array(1.5))
