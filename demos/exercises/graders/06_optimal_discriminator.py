"""Grader of exercise 6: the best discriminator, and what the generator then minimizes."""

import numpy as np
from grading import NO_G, check_rule, check_value

FUNCTIONS = ("rule_of_discriminator", "optimal_discriminator", "optimal_value")
IMPORTS = ()
SEE_ALSO = "the docstring of tinygen/losses/adversarial.py; demos/gan_1d.py draws D* in training"
HINTS = (
    "The derivative of log D is 1 / D. The derivative of log(1 - D) needs the chain rule: the "
    "inner derivative is -1.",
    "Set p / D - q / (1 - D) to 0 and multiply by D (1 - D). What is left is linear in D.",
    "D* = p / (p + q), so 1 - D* = q / (p + q). V(D*) is the sum of p log D* + q log(1 - D*) over "
    "the grid, times dx. At p = q it is -log 4.",
)


def integrand(D, p, q):
    """Compute the function of the exercise."""
    return p * np.log(D) + q * np.log(1 - D)


def grade(answer):
    """Yield the name of each part that is right."""
    D, p, q = np.array([0.2, 0.5, 0.9]), np.array([1.0, 0.3, 2.0]), np.array([0.5, 1.2, 2.0])
    check_rule(
        "rule_of_discriminator",
        answer.rule_of_discriminator,
        integrand,
        {"D": D, "p": p, "q": q},
        "D",
        expected=lambda g: g * (p / D - q / (1 - D)),
        think="the derivative of log u is u' / u.",
        mistakes=[
            (lambda g: p / D - q / (1 - D), NO_G),
            (
                lambda g: g * (p / D + q / (1 - D)),
                "the sign of the second term. The inner derivative of log(1 - D) is -1.",
            ),
            (lambda g: g * p / D, "the second term is missing: it depends on D, too."),
            (lambda g: g * (q / D - p / (1 - D)), "p and q are swapped."),
        ],
    )
    yield "rule_of_discriminator"

    check_value(
        "optimal_discriminator",
        answer.optimal_discriminator,
        {"p": p, "q": q},
        p / (p + q),
        think="where there is much data and little that is generated, D* should be near 1.",
        mistakes=[
            (q / (p + q), "p and q are swapped. D is the probability that x is real."),
            (p / q, "this is the ratio D / (1 - D), which can be larger than 1. Solve for D."),
            (np.log(p / q), "this is the logit of D*, log(D* / (1 - D*)). Solve for D."),
            (1 / (p + q), "the numerator p is missing."),
            ((p > q) * 1.0, "this is the class with the larger density. D* is a probability."),
        ],
    )
    yield "optimal_discriminator"

    x = np.linspace(-8, 8, 401)
    dx = x[1] - x[0]
    for distance in (1.0, 0.0):
        p, q = (np.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi) for m in (0, distance))
        m = (p + q) / 2
        twice_jsd = (p * np.log(p / m) + q * np.log(q / m)).sum() * dx
        value = twice_jsd - np.log(4)
        part = f"optimal_value of N(0, 1) and N({distance:g}, 1)"
        check_value(
            part,
            answer.optimal_value,
            {"p": p, "q": q, "dx": dx},
            value,
            think="put D* and 1 - D* into V. What is D* where p = q?",
            mistakes=[
                (value / dx, "dx is missing: an integral is a sum times dx."),
                (-value, "the sign. Both logarithms are negative, and so is V."),
                (twice_jsd, "-log 4 is missing: the means are of log D*, not of log(2 D*)."),
                ((p * np.log(p / (p + q))).sum() * dx, "the second mean, over q, is missing."),
                (value / dx / len(x), "a mean over the grid in place of sum times dx."),
            ],
        )
        yield f"{part}: 2 JSD - log 4 = {value:.4f}"
