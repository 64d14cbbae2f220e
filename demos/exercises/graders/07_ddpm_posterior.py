"""Grader of exercise 7: the posterior of a diffusion model."""

import numpy as np
from grading import TOLERANCE, call, compare, unpack

FUNCTIONS = ("posterior",)
IMPORTS = ()
SEE_ALSO = "the docstring of tinygen/models/diffusion/posterior.py, for any two times s < t"
HINTS = (
    "Expand both squares. The coefficient of -u^2 / 2 is a sum of two fractions, and the variance "
    "is its inverse. Use the identity on the common denominator.",
    "1 / variance = alpha_t / beta_t + 1 / (1 - alpha_bar_{t-1}) = (1 - alpha_bar_t) / (beta_t (1 "
    "- alpha_bar_{t-1})). The coefficient of u is sqrt(alpha_t) x_t / beta_t + "
    "sqrt(alpha_bar_{t-1}) x_0 / (1 - alpha_bar_{t-1}).",
    "Multiply the coefficient of u by the variance. In the term with x_t, beta_t cancels; in the "
    "term with x_0, 1 - alpha_bar_{t-1} cancels. The square roots stay.",
)
BAR = "alpha where alpha_bar belongs. alpha_bar_t is the product of all alphas up to t."
NOT_0 = "close, but not exact: alpha_bar_{t-1} was kept away from 1. Simplify, so that nothing is \
divided by 1 - alpha_bar_{t-1}."
THINK = "expand both squares. Which terms have u^2, and which u?"
SHIFTED = "alpha_bar_t where alpha_bar_{t-1} belongs."


def grade(answer):
    """Yield the name of each part that is right."""
    T = 10
    beta = np.append(0.0, np.linspace(0.02, 0.3, T))
    alpha = 1 - beta
    alpha_bar = np.cumprod(alpha)
    for t in (5, 10, 1):
        a, b, A, A_before = alpha[t], beta[t], alpha_bar[t], alpha_bar[t - 1]
        given = {"t": t, "beta_t": b, "alpha_bar_t": A, "alpha_bar_{t-1}": A_before}
        result = call("posterior", answer.posterior, t, beta, alpha_bar, think=THINK)
        coef_x0, coef_xt, variance = unpack("posterior", result, "coef_x0", "coef_xt", "variance")

        # Precisions add. At t = 1 the second one is infinite, and x_0 is known exactly.
        before = 1 - A_before
        weight = 1.0 if t == 1 else (1 / before) / (a / b + 1 / before)
        tolerance = 1e-12 if t == 1 else TOLERANCE  # at t = 1 some of these are 0
        name = f"variance at t = {t}"
        compare(
            name,
            variance,
            weight * before,
            given=given,
            think="1 / variance is the coefficient of -u^2 / 2. Each square has a part of it.",
            tolerance=tolerance,
            mistakes=[
                (weight * before, NOT_0),
                (b, "this is beta_t, the variance of the step forward. x_0 says more."),
                (np.sqrt(weight * before), "this is the standard deviation, its root."),
                (1 / max(weight * before, 1e-9), "this is 1 / variance, the precision."),
                (b * (1 - alpha[t - 1]) / (1 - a), BAR),
                (b * (1 - A) / max(before, 1e-9), "the fraction is upside down."),
                (b / (1 - A), "the factor 1 - alpha_bar_{t-1} is missing."),
                (1 / (1 / b + 1 / max(before, 1e-9)), "alpha_t is missing: u has the factor "
                                                      "sqrt(alpha_t) in the first square."),
            ],
        )  # fmt: skip

        name = f"coef_x0 at t = {t}"
        right_xt = np.sqrt(a) * before / (1 - A)
        right_x0 = np.sqrt(A_before) * weight
        compare(
            name,
            coef_x0,
            right_x0,
            given=given,
            think="mean / variance is the coefficient of u. Multiply by the variance.",
            tolerance=tolerance,
            mistakes=[
                (right_x0, NOT_0),
                (right_xt, "the two coefficients are swapped."),
                (np.sqrt(A) * b / (1 - A), SHIFTED),
                (np.sqrt(alpha[t - 1]) * b / (1 - A), BAR),
                (np.sqrt(alpha[t - 1]) * b / (1 - a), BAR),
                (np.sqrt(a) * b / (1 - A), BAR),
                (A_before * b / (1 - A), "the square root of alpha_bar_{t-1} is missing."),
                (np.sqrt(A_before) * np.sqrt(b) / (1 - A), "sqrt(beta_t) in place of beta_t."),
            ],
        )

        name = f"coef_xt at t = {t}"
        compare(
            name,
            coef_xt,
            right_xt,
            given=given,
            think="mean / variance is the coefficient of u. Multiply by the variance.",
            tolerance=tolerance,
            mistakes=[
                (right_xt, NOT_0),
                (np.sqrt(A) * before / (1 - A), "sqrt(alpha_bar_t) where sqrt(alpha_t) belongs."),
                (np.sqrt(a) * (1 - alpha[t - 1]) / (1 - a), BAR),
                (a * before / (1 - A), "the square root of alpha_t is missing."),
                (np.sqrt(a), SHIFTED),
                (np.sqrt(b) * before / (1 - A), "sqrt(beta_t) where sqrt(alpha_t) belongs."),
            ],
        )
        yield f"the variance and the mean at t = {t}"

        # If x_0 is given, x_t is Gaussian, and one step back must give q(x_{t-1} | x_0).
        name = f"one step back from q(x_{t} | x_0) gives q(x_{t - 1} | x_0)"
        mean, spread = coef_x0 + coef_xt * np.sqrt(A), coef_xt**2 * (1 - A) + variance
        compare(name, [mean, spread], [np.sqrt(A_before), before])
        yield name
