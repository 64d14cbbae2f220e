"""Grader of exercise 2: reparametrization."""

import numpy as np
from grading import NO_G, check_rule, check_value

FUNCTIONS = ("sample", "rule_of_mu", "rule_of_log_var")
IMPORTS = ("tinygen.ops.exp",)
SEE_ALSO = "reparametrize in tinygen/losses/reparametrize.py"
HINTS = (
    "Which a and b give a + b eps the mean mu and the variance sigma^2?",
    "z = mu + sigma eps. The argument is log_var = log(sigma^2), so sigma^2 = exp(log_var). What "
    "is sigma?",
    "z = mu + exp(log_var / 2) eps. The derivative in mu is 1. For the one in log_var, use the "
    "chain rule on exp(log_var / 2): the inner derivative is 1/2.",
)


def grade(answer):
    """Yield the name of each part that is right."""
    mu, log_var = np.array([[0.5, -1.0], [2.0, 0.1]]), np.array([[1.0, -1.0], [0.5, -2.0]])
    eps = np.array([[1.0, -0.5], [0.2, 2.0]])
    values = {"mu": mu, "log_var": log_var, "eps": eps}
    sigma = np.exp(log_var / 2)
    check_value(
        "sample",
        answer.sample,
        values,
        mu + sigma * eps,
        think="the mean of z is mu, and its variance is exp(log_var).",
        mistakes=[
            (
                mu + sigma**2 * eps,
                "exp(log_var) was used as the standard deviation. It is the variance sigma^2. This "
                "is a common bug of VAEs.",
            ),
            (mu + log_var * eps, "log_var was used as sigma. It is log(sigma^2)."),
            (
                mu - sigma * eps,
                "the sign of eps. This has the right mean and variance, too, since the noise is "
                "symmetric. But take the positive root for sigma, as everybody does.",
            ),
            (mu + sigma, "eps is missing: this is not random."),
            (mu + eps, "sigma is missing."),
            (mu * sigma * eps, "mu is added, not multiplied."),
        ],
    )
    yield "sample"

    check_rule(
        "rule_of_mu",
        answer.rule_of_mu,
        answer.sample,
        values,
        "mu",
        expected=lambda g: g,
        think="how much does z change if mu grows by 1?",
        mistakes=[
            (lambda g: np.ones_like(g), NO_G),
            (lambda g: g * mu, "mu itself is no factor: the derivative of mu in mu is 1."),
        ],
    )
    yield "rule_of_mu"

    check_rule(
        "rule_of_log_var",
        answer.rule_of_log_var,
        answer.sample,
        values,
        "log_var",
        expected=lambda g: g * eps * sigma / 2,
        think="sigma = e^(v/2) with v = log_var; the chain rule.",
        mistakes=[
            (lambda g: eps * sigma / 2, NO_G),
            (
                lambda g: g * eps * sigma,
                "the factor 1/2 is missing. It is the inner derivative of e^(v/2).",
            ),
            (lambda g: g * eps, "this is the derivative in sigma. The argument is log(sigma^2)."),
            (lambda g: g * sigma / 2, "eps is missing: dz/dsigma is eps."),
            (lambda g: g * eps * sigma**2, "e^v is the variance, and sigma is e^(v/2)."),
        ],
    )
    yield "rule_of_log_var"
