"""Grader of exercise 1: the KL divergence of the VAE."""

import numpy as np
from grading import NO_G, check_rule, check_value

from tinygen.losses import kl_to_standard_normal

FUNCTIONS = ("kl", "rule_of_mu", "rule_of_log_var")
IMPORTS = ("tinygen.ops.exp",)
SEE_ALSO = "kl_to_standard_normal in tinygen/losses/divergence.py"
HINTS = (
    "Insert the two moments into E_q[log q] and E_q[log p], term by term. In the first, sigma^2 "
    "cancels. The terms with pi cancel in the difference.",
    "The KL in one dimension is -log sigma - 1/2 + (mu^2 + sigma^2) / 2. Write it with log_var: "
    "sigma^2 = exp(log_var), and log sigma = log_var / 2. At mu = 0 and log_var = 0 it must be 0.",
    "With v = log_var, 2 KL = exp(v) + mu^2 - v - 1 in one dimension. Differentiate this in mu "
    "and in v, divide it by 2, and multiply by g[:, None].",
)


def grade(answer):
    """Yield the name of each part that is right."""
    mu = np.array([[0.5, -1.0, 0.3], [1.5, 0.2, 2.0]])
    log_var = np.array([[1.0, -1.0, 0.5], [-2.0, 0.3, 0.0]])
    values = {"mu": mu, "log_var": log_var}
    variance = np.exp(log_var)
    terms = variance + mu**2 - log_var - 1
    printed = variance + mu**2 - log_var / 2 - 1
    as_deviation = np.exp(2 * log_var) + mu**2 - 2 * log_var - 1
    check_value(
        "kl",
        answer.kl,
        values,
        kl_to_standard_normal(mu, log_var),
        think="2 KL is a sum over the dimensions of four terms, and 0 at mu = 0, log_var = 0.",
        mistakes=[
            (terms.sum(axis=1), "the factor 1/2 is missing."),
            (
                printed.sum(axis=1),
                "this is the formula of the slide. It has log(sigma) where log(sigma^2) belongs, "
                "and no 1/2.",
            ),
            (printed.sum(axis=1) / 2, "log(sigma) where log(sigma^2) belongs, as on the slide."),
            (as_deviation.sum(axis=1) / 2, "exp(log_var) was read as sigma; it is sigma^2."),
            (
                terms.sum(axis=0) / 2,
                "the wrong axis: this is summed over the examples, axis 0. Sum over the "
                "dimensions, axis 1. Each example has its own KL.",
            ),
            (
                terms.mean(axis=1) / 2,
                "a mean over the dimensions in place of the sum. The logarithm of a product of "
                "densities is a sum.",
            ),
            (
                terms.mean(axis=1),
                "a mean over the dimensions, without the factor 1/2. It is 1/2 times the sum.",
            ),
            (terms.sum() / 2, "the sum is over the examples, too. Each example has its own KL."),
            (terms.mean() / 2, "a mean over everything. Each example has its own KL, a sum."),
            (terms / 2, "nothing is summed. The KL of an example is a sum over its dimensions."),
            ((terms + 1).sum(axis=1) / 2, "the -1 is missing: the KL of the prior must be 0."),
        ],
    )
    yield "kl"

    check_rule(
        "rule_of_mu",
        answer.rule_of_mu,
        answer.kl,
        values,
        "mu",
        expected=lambda g: g[:, None] * mu,
        think="only mu^2 / 2 depends on mu.",
        mistakes=[
            (lambda g: mu, NO_G),
            (lambda g: 2 * g[:, None] * mu, "the factor 1/2 in front of mu^2 is missing."),
        ],
    )
    yield "rule_of_mu"

    check_rule(
        "rule_of_log_var",
        answer.rule_of_log_var,
        answer.kl,
        values,
        "log_var",
        expected=lambda g: g[:, None] * (variance - 1) / 2,
        think="with v = log_var, sigma^2 is e^v, and log(sigma^2) is v.",
        mistakes=[
            (lambda g: (variance - 1) / 2, NO_G),
            (lambda g: g[:, None] * (variance - 1), "the factor 1/2 is missing."),
            (lambda g: g[:, None] * variance / 2, "the derivative of -log_var is missing."),
            (
                lambda g: g[:, None] * (1 - 1 / variance) / 2,
                "this is the derivative in sigma^2. The argument is log(sigma^2).",
            ),
            (
                lambda g: g[:, None] * (variance - 1) / np.sqrt(variance),
                "this is the derivative in sigma. The argument is log(sigma^2).",
            ),
        ],
    )
    yield "rule_of_log_var"
