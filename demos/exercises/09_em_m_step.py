"""Exercise 9. The M step of EM, for a mixture of Gaussians.

The slide: Modèle Gaussien ("ou mixture de gaussienne").

**Theory.** A mixture of K Gaussians draws a component k with the probability w_k, then x from
N(mu_k, Sigma_k). The responsibility r_nk = p(k | x_n) says to which degree component k explains
example n; over k, the r_nk of an example sum to 1. The E step computes them from the parameters.
With them held fixed, the M step maximizes over all parameters

    Q = sum over n and k of r_nk [log w_k + log N(x_n; mu_k, Sigma_k)]

In D dimensions,

    log N(x; mu, Sigma) = -D/2 log(2 pi) - 1/2 log |Sigma| - 1/2 (x - mu)^T Sigma^-1 (x - mu)

*The weights.* Only sum_k N_k log w_k depends on them, where N_k = sum_n r_nk is the number of
examples of component k. The w_k sum to 1: use a Lagrange multiplier.

*The means.* Set the gradient in mu_k to 0; Sigma_k drops out.

*The covariances.* For one Gaussian, the maximum of

    -1/2 log |Sigma| - 1/2 trace(Sigma^-1 S)

is at Sigma = S. (In one dimension: differentiate -1/2 log v - s / (2 v) in v.) So find the S_k for
which the part of Q with Sigma_k is N_k times that. Recall that c^T A c = trace(A c c^T).

**Your task.** Compute the new parameters.

    python demos/exercises/check.py 9
    python demos/exercises/check.py 9 --hint 1
"""

import numpy as np


def m_step(x, r):
    """Return weights (K,), means (K, D), covariances (K, D, D), from x (N, D) and r (N, K)."""
    # Your lines here.
