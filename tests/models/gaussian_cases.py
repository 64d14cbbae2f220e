"""Data and an independent density for the tests of Gaussians, probabilistic PCA and mixtures."""

import numpy as np


def gaussian_points(n, d, seed=0):
    """Draw points (n, d) whose standard deviations fall from 1 to 1/d along d skewed directions."""
    rng = np.random.default_rng(seed)
    scaled = rng.normal(size=(n, d)) / np.arange(1, d + 1)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return scaled @ rotation + rng.normal(size=d)


def dense_log_prob(x, mean, covariance):
    """Compute log N(x; mean, covariance), (n,), from the full covariance matrix (d, d)."""
    c = x - mean
    sign, log_det = np.linalg.slogdet(covariance)
    assert sign == 1
    distance = np.einsum("nd,nd->n", c, np.linalg.solve(covariance, c.T).T)
    return -0.5 * (distance + log_det + len(mean) * np.log(2 * np.pi))
