"""Exercise 7. The posterior of a diffusion model: one step back.

The slide: Modèle de diffusion. The paper: Ho, Jain and Abbeel, Denoising Diffusion Probabilistic
Models (DDPM), 2020; its symbols are used here.

**Theory.** A diffusion model adds noise in steps t = 1, ..., T, with small variances beta_t. For
each pixel, with N(mean, variance),

    q(x_t | x_{t-1}) = N(sqrt(alpha_t) x_{t-1}, beta_t)              alpha_t = 1 - beta_t
    q(x_t | x_0)     = N(sqrt(alpha_bar_t) x_0, 1 - alpha_bar_t)     alpha_bar_t: the product of
                                                                     alpha_1, ..., alpha_t

To generate, it goes back, and a network predicts x_0. For a known x_0, one step back is a Gaussian.
By Bayes' rule,

    q(x_{t-1} | x_t, x_0) = q(x_t | x_{t-1}) q(x_{t-1} | x_0) / q(x_t | x_0)

The first factor is q(x_t | x_{t-1}, x_0), but a step forward depends on x_{t-1} alone. As a
function of u = x_{t-1}, and up to constants, the logarithm is

    - (x_t - sqrt(alpha_t) u)^2 / (2 beta_t)
    - (u - sqrt(alpha_bar_{t-1}) x_0)^2 / (2 (1 - alpha_bar_{t-1}))

Compare it with the logarithm of a Gaussian, -(u - mean)^2 / (2 variance):

    the coefficient of -u^2 / 2 is 1 / variance
    the coefficient of u is mean / variance

**Your task.** Compute the variance, and the two coefficients of the mean

    mean = coef_x0 x_0 + coef_xt x_t

A useful identity: alpha_t (1 - alpha_bar_{t-1}) + beta_t = 1 - alpha_bar_t. Simplify until nothing
is divided by 1 - alpha_bar_{t-1}: at t = 1, this is 0.

    python demos/exercises/check.py 7
    python demos/exercises/check.py 7 --hint 1
"""

import numpy as np


def posterior(t, beta, alpha_bar):
    """Return (coef_x0, coef_xt, variance) of q(x_{t-1} | x_t, x_0), three numbers.

    beta and alpha_bar are arrays (T + 1,), so that beta[t] is beta_t. alpha_bar[0] is 1: no noise.
    beta[0] is not used.
    """
    # Your lines here.
