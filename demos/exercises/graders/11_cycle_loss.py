"""Grader of exercise 11: the cycle consistency loss of a CycleGAN."""

import numpy as np
from grading import call, check_rule, check_value, compare

FUNCTIONS = ("mean_absolute_error", "rule_of_x_hat", "cycle_loss")
IMPORTS = ("tinygen.ops.sign",)
SEE_ALSO = "run_cycles in tinygen/models/cyclegan.py"
HINTS = (
    "The mean over all elements is abs(x_hat - x).mean(). For its rule, write it as a sum over "
    "the elements, divided by their number.",
    "The derivative of |x_hat_i - x_i| in x_hat_i is sign(x_hat_i - x_i). The mean divides by the "
    "number of elements, x_hat.size.",
    "The forward cycle is F(G(x)), which is compared with x. The backward cycle is G(F(y)), which "
    "is compared with y.",
)


def grade(answer):
    """Yield the name of each part that is right."""
    x, x_hat = (
        np.array([[0.5, -1.0, 2.0], [0.0, 0.3, -0.6]]),
        np.array([[1.0, -1.5, 1.0], [2, 0, -0.5]]),
    )
    values = {"x": x, "x_hat": x_hat}
    error = abs(x_hat - x)
    check_value(
        "mean_absolute_error",
        answer.mean_absolute_error,
        values,
        error.mean(),
        think="absolute values first, then the mean.",
        mistakes=[
            (error.sum(), "the sum in place of the mean."),
            ((error**2).mean(), "squares in place of absolute values."),
            ((x_hat - x).mean(), "abs is missing: errors of opposite sign must not cancel."),
            (abs((x_hat - x).mean()), "first abs, then the mean: errors must not cancel."),
            (error.sum(axis=1).mean(), "a sum over each example. Take the mean of everything."),
            (error.mean(axis=1), "the mean is over all elements, the examples included."),
            (error, "the mean is missing."),
        ],
    )
    yield "mean_absolute_error"

    sign, size = np.sign(x_hat - x), x.size
    check_rule(
        "rule_of_x_hat",
        answer.rule_of_x_hat,
        answer.mean_absolute_error,
        values,
        "x_hat",
        expected=lambda g: g * sign / size,
        think="each element of x_hat is in one term of the mean. If it grows by a little, by how "
        "much does the mean change?",
        mistakes=[
            (lambda g: g * sign, "the mean is forgotten: divide by the number of elements."),
            (lambda g: g * sign / len(x), "divided by the number of examples, not of elements."),
            (lambda g: -g * sign / size, "the sign: x_hat is the first term of x_hat - x."),
            (lambda g: sign / size, "g is missing. A rule returns g times the derivative."),
            (lambda g: g * (x_hat - x) / size, "sign is missing: the derivative of |u| is +-1."),
            (lambda g: 2 * g * (x_hat - x) / size, "this is the derivative of the squared error."),
            (lambda g: g * error / size, "abs where sign belongs."),
        ],
    )
    part = "rule_of_x_hat at x_hat = x"
    value = call(part, answer.rule_of_x_hat, 1.0, x, x)
    compare(part, value, np.zeros(x.shape), think="sign(0) is 0. Is something divided by 0?")
    yield "rule_of_x_hat, also at x_hat = x"

    y = np.array([[1.0, 2.0], [-0.5, 0.3], [0.7, -1.0]])
    x = x[:, :2]

    def to_y(x):
        return 2 * x + 1

    def to_x(y):
        return y**2

    def mean(a, b):
        return abs(a - b).mean()

    forward, backward = mean(to_x(to_y(x)), x), mean(to_y(to_x(y)), y)
    check_value(
        "cycle_loss of G(x) = 2 x + 1 and F(y) = y^2",
        lambda x, y: answer.cycle_loss(to_y, to_x, x, y),
        {"x": x, "y": y},
        forward + backward,
        think="x -> G(x) -> F(G(x)) is compared with x. Also y -> F(y) -> G(F(y)) with y.",
        mistakes=[
            (forward, "the backward cycle is missing."),
            (backward, "the forward cycle is missing."),
            (
                mean(to_y(to_x(x)), x) + mean(to_x(to_y(y)), y),
                "the order: F(G(x)) applies G first. G takes pictures of X only.",
            ),
            ((forward + backward) / 2, "the mean of the two cycles in place of their sum."),
            (forward - backward, "the two parts are added."),
            (mean(to_y(x), x) + mean(to_x(y), y), "this compares G(x) with x. Go back by F first."),
            (mean(to_x(x), x) + mean(to_y(y), y), "this is the identity loss, F(x) and G(y)."),
        ],
    )
    yield "cycle_loss of G(x) = 2 x + 1 and F(y) = y^2"

    part = "cycle_loss if F is the inverse of G"
    compare(part, call(part, answer.cycle_loss, to_y, lambda y: (y - 1) / 2, x, y), 0.0)
    yield "cycle_loss if F is the inverse of G: 0. It does not say which invertible map G is!"
