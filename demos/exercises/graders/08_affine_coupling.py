"""Grader of exercise 8: the affine coupling layer of a normalizing flow."""

import numpy as np
from grading import call, check_value, compare, unpack

FUNCTIONS = ("forward", "inverse")
IMPORTS = ()
SEE_ALSO = "AffineCoupling in tinygen/models/flow/realnvp.py"
HINTS = (
    "y_1 = x_1 does not depend on x_2, so one block of the Jacobian is 0. And each element of y_2 "
    "contains only one element of x_2, with the factor exp(s_j).",
    "The diagonal has ones and exp(s_1), ..., exp(s_k). The logarithm of their product is a sum, "
    "for each row. For the inverse, recall that x_1 = y_1, so s and t are known.",
    "log |det| is s.sum(axis=1). In the inverse, s, t = net(y_1) and x_2 = (y_2 - t) exp(-s): "
    "first subtract, then divide.",
)


def net(x_1):
    """Return s and t, (N, 2) each."""
    return np.tanh(x_1 @ [[0.5, -1.0], [1.0, 0.3]]), x_1**2


def grade(answer):
    """Yield the name of each part that is right."""
    x = np.array([[0.5, -1.0, 2.0, 0.3], [1.0, 0.2, -0.4, 1.0], [-0.7, 0.1, 0.6, -2.0]])
    x_1, x_2 = np.split(x, 2, axis=1)
    s, t = net(x_1)
    given = {"x": x, "s": s, "t": t}

    def join(a, b):
        return np.concatenate([a, b], axis=1)

    think = "y_1 is x_1, and y_2 is x_2 exp(s) + t."
    result = call("forward", answer.forward, x, net, think=think)
    value, log_det = unpack("forward", result, "y", "log |det dy/dx|")
    y = join(x_1, x_2 * np.exp(s) + t)
    other_s, other_t = net(x_2)
    compare(
        "forward, y",
        value,
        y,
        given=given,
        think=think,
        mistakes=[
            (join(x_1, x_2 * s + t), "exp is missing: the scale is exp(s), which is never 0."),
            (join(x_1, (x_2 + t) * np.exp(s)), "first scale, then shift."),
            (x_2 * np.exp(s) + t, "this is y_2 alone. Put x_1 in front of it."),
            (join(x_2 * np.exp(s) + t, x_1), "the two halves are in the wrong order."),
            (join(x_1 * np.exp(other_s) + other_t, x_2), "the first half is kept, the second one "
                                                         "is changed."),
        ],
    )  # fmt: skip
    yield "forward, y"

    def y_of(x):
        return np.asarray(call("forward", answer.forward, x, net)[0])

    def jacobian(row, h=1e-6):
        steps = h * np.eye(4)
        columns = [y_of(row + d) - y_of(row - d) for d in steps]
        return np.concatenate(columns).T / (2 * h)

    exact = np.array([np.linalg.slogdet(jacobian(row[None]))[1] for row in x])
    compare(
        "forward, log |det dy/dx|",
        log_det,
        exact,
        given=given,
        think="the logarithm of the product of the diagonal, for each row. It was compared with "
        "the determinant of the whole Jacobian of your y, by finite differences.",
        mistakes=[
            (np.exp(s).sum(axis=1), "a sum of exp(s_j). It is the logarithm of their product."),
            (np.exp(s.sum(axis=1)), "this is the determinant. Return its logarithm."),
            (np.exp(s).prod(axis=1), "this is the determinant. Return its logarithm."),
            (s.sum(axis=0), "the wrong axis: this is summed over the examples. Sum each row."),
            (s.sum(), "the sum is over the examples, too. Each row has its own determinant."),
            (s.mean(axis=1), "a mean in place of the sum."),
            (-s.sum(axis=1), "the sign: this is the log-determinant of the inverse."),
            ((s + t).sum(axis=1), "the shift t does not change volumes."),
            (s, "nothing is summed: one number for each row."),
        ],
    )
    yield "forward, log |det dy/dx|, compared with the whole Jacobian"

    check_value(
        "inverse",
        lambda y, s, t: answer.inverse(y, net),
        {"y": y, "s": s, "t": t},
        x,
        think="solve y_2 = x_2 exp(s) + t for x_2. s and t depend on x_1, which is y_1.",
        mistakes=[
            (join(x_1, y[:, 2:] * np.exp(-s) - t), "first subtract t, then divide by exp(s)."),
            (join(x_1, (y[:, 2:] - t) * np.exp(s)), "multiplied by exp(s) in place of exp(-s)."),
            (join(x_1, (y[:, 2:] - t) / s), "divide by exp(s), not by s."),
            (y, "this is y itself."),
            (join(x_1, y[:, 2:] * np.exp(s) + t), "this is `forward` once more."),
            (
                join(x_1, (y[:, 2:] - net(y[:, 2:])[1]) * np.exp(-net(y[:, 2:])[0])),
                "the network is given y_2. s and t were computed from x_1 = y_1.",
            ),
            (x_2, "this is x_2 alone. Put x_1 in front of it."),
        ],
    )
    yield "inverse"
