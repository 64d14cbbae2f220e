"""Solution of exercise 9: the M step of EM.

**The weights.** Maximize sum_k N_k log w_k - a (sum_k w_k - 1):

    N_k / w_k - a = 0                                derivative in w_k
    w_k = N_k / a                                    solve for w_k
    1 = sum_k w_k = sum_k N_k / a                    the constraint
    a = sum_k N_k = sum_n sum_k r_nk = N             the r_nk of each example sum to 1
    w_k = N_k / N

**The means.** The gradient of -1/2 (x - mu)^T Sigma^-1 (x - mu) in mu is Sigma^-1 (x - mu):

    sum_n r_nk Sigma_k^-1 (x_n - mu_k) = 0           derivative in mu_k
    sum_n r_nk x_n = N_k mu_k                        multiply by Sigma_k, split the sum
    mu_k = 1/N_k sum_n r_nk x_n

**The covariances.** Let c_nk = x_n - mu_k, with the new mean. The part of Q with Sigma_k is

    sum_n r_nk [-1/2 log |Sigma_k| - 1/2 c_nk^T Sigma_k^-1 c_nk]
        = -N_k/2 log |Sigma_k| - 1/2 trace(Sigma_k^-1 sum_n r_nk c_nk c_nk^T)
        = N_k [-1/2 log |Sigma_k| - 1/2 trace(Sigma_k^-1 S_k)],   S_k = 1/N_k sum_n r_nk c_nk c_nk^T

So Sigma_k = S_k. In one dimension, with v = Sigma and s = S:

    d/dv [-1/2 log v - s / (2 v)] = -1 / (2 v) + s / (2 v^2) = (s - v) / (2 v^2)

This is positive up to v = s and negative after it.
"""

import numpy as np


def m_step(x, r):
    """Return weights (K,), means (K, D), covariances (K, D, D), from x (N, D) and r (N, K)."""
    N_k = r.sum(axis=0)
    means = r.T @ x / N_k[:, None]
    centred = x[:, None, :] - means  # (N, K, D)
    covariances = np.einsum("nk,nki,nkj->kij", r, centred, centred) / N_k[:, None, None]
    return N_k / len(x), means, covariances
