"""Grader of exercise 4: the gradient of batch normalization."""

import numpy as np
from grading import NO_G, call, check_rule, compare

FUNCTIONS = ("rule_of_x",)
IMPORTS = ("tinygen.ops.sqrt",)
SEE_ALSO = "batch_norm in tinygen/ops/normalization.py"
HINTS = (
    "Write y_n = c_n r with c_n = x_n - m. Three factors depend on x_k: x_n itself if n = k, the m "
    "in c_n, and r. Treat them one after the other, with the other two held constant.",
    "Directly: g_k r. Through m: the sum over n of g_n (-r) / N, which is -r mean(g). Through v: "
    "(sum over n of g_n c_n) times dr/dv times dv/dx_k.",
    "Through v it is -r^3 c_k mean(g c). With y = c r, this is -r y_k mean(g y). So dx = r (g - "
    "mean(g) - y mean(g y)), with means over axis 0.",
)
EPS = 0.1


def batch_norm(x):
    """Compute the function of the exercise."""
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPS)


def grade(answer):
    """Yield the name of each part that is right."""
    x = np.array([[0.5, -1.0], [2.0, 0.0], [-1.0, 1.5], [0.1, 1.0]])
    r = 1 / np.sqrt(x.var(axis=0) + EPS)
    y = batch_norm(x)

    def right(g, r=r, axis=0, n=1):
        # A mean over the batch with n = 1, a sum with n = N.
        along_y = n * (g * y).mean(axis=axis, keepdims=True)
        return r * (g - n * g.mean(axis=axis, keepdims=True) - y * along_y)

    centred = x - x.mean(axis=0)
    std = x.std(axis=0)
    z = centred / std
    check_rule(
        "rule_of_x",
        answer.rule_of_x,
        batch_norm,
        {"x": x},
        "x",
        expected=right,
        think="x_k reaches the outputs directly, through m, and through v. Add the three parts.",
        mistakes=[
            (lambda g: right(np.ones_like(g)), NO_G),
            (lambda g: g * r, "m and v were held constant. They depend on every x_k, too."),
            (lambda g: r * (g - g.mean(axis=0)), "the path through v is missing."),
            (
                lambda g: g - g.mean(axis=0),
                "the path through v is missing, and the factor r.",
            ),
            (lambda g: r * (g - y * (g * y).mean(axis=0)), "the path through m is missing."),
            (lambda g: g - g.mean(axis=0) - y * (g * y).mean(axis=0), "the factor r is missing."),
            (
                lambda g: right(g, n=len(x)),
                "sums in place of means. dm/dx_k and dv/dx_k have the factor 1/N.",
            ),
            (lambda g: right(g, axis=1), "the wrong axis: the batch is axis 0."),
            (
                lambda g: right(g, axis=None),
                "means over everything, as by .mean() without an axis. The batch is axis 0.",
            ),
            (
                lambda g: r * (g - g.mean(axis=0) + y * (g * y).mean(axis=0)),
                "the sign of the path through v. r falls as v grows: dr/dv is negative.",
            ),
            (
                lambda g: r * (g - g.mean(axis=0) - centred * (g * centred).mean(axis=0)),
                "x - m where y = (x - m) r belongs: two factors r are missing.",
            ),
            (lambda g: right(g, 1 / std), "eps is missing in r."),
            (
                lambda g: (g - g.mean(axis=0) - z * (g * z).mean(axis=0)) / std,
                "eps is missing, in r and in y.",
            ),
            (
                lambda g: r * (g - g.mean(axis=0) - 2 * y * (g * y).mean(axis=0)),
                "a factor 2: in dr/dv dv/dx_k, 1/2 and 2 cancel.",
            ),
        ],
    )
    yield "rule_of_x, to second order"

    g = np.random.default_rng(2).normal(size=x.shape)
    part = "the sum of dx over the batch"
    compare(part, call(part, answer.rule_of_x, g, x).sum(axis=0), np.zeros(2))
    yield "the sum of dx over the batch is 0: a shift of x changes nothing"
