"""Solution of exercise 7: the posterior of a diffusion model.

Write a = alpha_t, b = beta_t, A = alpha_bar_t and A' = alpha_bar_{t-1}, so A = a A'. Expand both
squares, and collect the powers of u:

    -(x_t - sqrt(a) u)^2 / (2 b)
        = -(a / b) u^2 / 2 + (sqrt(a) x_t / b) u + constant
    -(u - sqrt(A') x_0)^2 / (2 (1 - A'))
        = -(1 / (1 - A')) u^2 / 2 + (sqrt(A') x_0 / (1 - A')) u + constant

**The variance**, from the coefficient of -u^2 / 2:

    1 / variance = a / b + 1 / (1 - A')
                 = (a (1 - A') + b) / (b (1 - A'))   common denominator
                 = (1 - A) / (b (1 - A'))            a - A + b = 1 - A, as b = 1 - a
    variance     = b (1 - A') / (1 - A)

**The mean**, from the coefficient of u:

    mean / variance = sqrt(a) x_t / b + sqrt(A') x_0 / (1 - A')
    mean            = sqrt(a) (1 - A') / (1 - A) x_t + sqrt(A') b / (1 - A) x_0

In the first term b cancels, in the second 1 - A'. These are equations 6 and 7 of the paper. At
t = 1, A' = 1: the variance is 0 and the mean is x_0, which is known, after all.
"""

import numpy as np


def posterior(t, beta, alpha_bar):
    """Return (coef_x0, coef_xt, variance) of q(x_{t-1} | x_t, x_0), three numbers."""
    noise, noise_before = 1 - alpha_bar[t], 1 - alpha_bar[t - 1]
    coef_x0 = np.sqrt(alpha_bar[t - 1]) * beta[t] / noise
    coef_xt = np.sqrt(1 - beta[t]) * noise_before / noise
    return coef_x0, coef_xt, beta[t] * noise_before / noise
