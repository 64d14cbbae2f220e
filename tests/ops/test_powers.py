"""Powers: exact at zero in every derivative, and NaN outside their domain."""

from __future__ import annotations

import math

import numpy as np

from tinygen import check_grads, grad, ops, tensor


def derivative(f, x, order=1):
    """Return the derivative of that order of an element-wise f at the points x."""
    x = tensor(np.asarray(x, float), requires_grad=True)
    y = f(x)
    for _ in range(order):
        (y,) = grad(y.sum(), x, create_graph=True)
    return y.numpy()


def test_integer_powers_are_right_at_zero_in_every_derivative():
    """Derivative k of x^n at 0 is k! if k = n, else 0; there is no NaN from 0 times 1/0."""
    for n in (1, 2, 3, 4):
        for k in range(1, n + 1):
            expected = math.factorial(k) if k == n else 0
            assert derivative(lambda x, n=n: x**n, [0.0, 0.0], k).tolist() == [expected] * 2
    x, n = tensor(np.zeros(3), requires_grad=True), np.array([0.0, 1.0, 2.0])
    assert grad((x**n).sum(), x)[0].data.tolist() == [0, 1, 0]
    assert (x**0).data.tolist() == [1, 1, 1] and grad((x**0).sum(), x)[0].data.tolist() == [0, 0, 0]


def test_the_derivative_in_an_array_exponent_exists_for_positive_bases_alone():
    n = tensor(np.array([2.0, 2.0]), requires_grad=True)
    assert grad((np.array([0.0, 1.0]) ** n).sum(), n)[0].data.tolist() == [0, 0]
    with np.errstate(invalid="ignore"):
        g = grad((np.array([-1.0, -1.0]) ** n).sum(), n)[0].data
        assert np.isnan(g).all(), "the derivative log(-1) does not exist, and 0 would be wrong"
    check_grads(lambda a: a ** np.array([0.0, 1.0, 2.0]), np.array([0.5, -0.7, -0.3]))


def test_powers_agree_with_numpy():
    x = np.linspace(-2, 2, 9)
    for n in (0, 1, 2, 3, 5, 31, 64, 70):
        np.testing.assert_allclose(ops.power(x, n), x**n, rtol=1e-14)
    assert ops.power(x.astype(np.float32), np.float64(3)).dtype == np.float32
    for n in (math.inf, -math.inf, math.nan):
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(ops.power(x + 3, n), (x + 3) ** n)
