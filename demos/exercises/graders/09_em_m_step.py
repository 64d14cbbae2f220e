"""Grader of exercise 9: the M step of EM."""

import numpy as np
from grading import AnswerError, call, compare, unpack

FUNCTIONS = ("m_step",)
IMPORTS = ()
SEE_ALSO = "the docstring of tinygen/models/mixture.py; demos/gaussian.py"
HINTS = (
    "Each formula is that of one Gaussian, with r_nk as the weight of example n: a weighted "
    "mean, and a weighted mean of outer products. The sum of the weights of component k is N_k.",
    "w_k = N_k / N. The mean is sum_n r_nk x_n / N_k; as a product of matrices, the sum is "
    "r.T @ x. The covariance is sum_n r_nk c_n c_n^T / N_k, with c_n = x_n - mu_k.",
    "Loop over k: c = x - means[k]; covariances[k] = (r[:, k] * c.T) @ c / N_k[k]. Use the new "
    "means.",
)


def log_densities(x, weights, means, covariances):
    """Return log(w_k N(x_n; mu_k, Sigma_k)), (N, K)."""
    columns = []
    for w, mean, covariance in zip(weights, means, covariances, strict=True):
        c = x - mean
        distance = (c @ np.linalg.inv(covariance) * c).sum(axis=1)
        log_det = np.linalg.slogdet(2 * np.pi * covariance)[1]
        columns.append(np.log(w) - (distance + log_det) / 2)
    return np.stack(columns, axis=1)


def outer_products(x, r, means):
    """Return sum_n r_nk c_nk c_nk^T, (K, D, D)."""
    return np.stack([(r[:, k] * (x - m).T) @ (x - m) for k, m in enumerate(means)])


def grade(answer):
    """Yield the name of each part that is right."""
    x = np.array([[0.0, 1.0], [1.0, 3.0], [4.0, 0.5], [5.0, -1.0], [2.0, 2.0]])
    r = [[0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.3, 0.5, 0.2], [0.0, 0.3, 0.7], [0.5, 0.2, 0.3]]
    r = np.array(r)
    given = {"x": x, "r": r}
    n, k = r.shape
    d = x.shape[1]
    N_k = r.sum(axis=0)
    right = r.T @ x / N_k[:, None]
    S = outer_products(x, r, right)
    by_component = N_k[:, None, None]
    result = call("m_step", answer.m_step, x, r, think="treat one component after the other.")
    names = "weights", "means", "covariances"
    weights, means, covariances = unpack("m_step", result, *names)
    compare(
        "weights",
        weights,
        N_k / n,
        given=given,
        think="how many of the examples belong to component k? The weights sum to 1.",
        mistakes=[
            (N_k, "not divided by N: the weights must sum to 1."),
            (N_k / k, "divided by K. Divide by the number of examples, N."),
            (r.mean(axis=1), "the wrong axis: sum over the examples, axis 0."),
            (r.sum(axis=1), "the wrong axis: sum over the examples, axis 0."),
            (
                N_k[:d] / n,
                f"{d} is the number of columns of x, D. K is that of r, and here it is {k}.",
            ),
            (right, "these are the means. Return weights, means, covariances, in this order."),
            (
                S / by_component,
                "these are the covariances. Return weights, means, covariances, in this order.",
            ),
        ],
    )
    yield "weights"

    compare(
        "means",
        means,
        right,
        given=given,
        think="one Gaussian has the mean sum_n x_n / N. Now example n counts r_nk times.",
        mistakes=[
            (r.T @ x / n, "divided by N. The weights of component k sum to N_k."),
            (r.T @ x, "not divided by N_k."),
            (S / by_component, "these are the covariances. Return the means before them."),
            (np.tile(x.mean(axis=0), (k, 1)), "the r_nk are missing: this is the mean of all x."),
            ((r.T @ x / N_k[:, None]).T, "transposed: the shape should be (K, D)."),
        ],
    )
    yield "means"

    diagonal = np.stack([np.diag(np.diag(s)) for s in S / by_component])
    compare(
        "covariances",
        covariances,
        S / by_component,
        given=given,
        think="one Gaussian has the covariance sum_n c_n c_n^T / N. Here example n counts r_nk "
        "times, and c is the distance to the new mean.",
        mistakes=[
            (S / n, "divided by N. The weights of component k sum to N_k."),
            (S, "not divided by N_k."),
            (
                S / (by_component - 1),
                "divided by N_k - 1. The maximum of Q has N_k.",
            ),
            (
                outer_products(x, r**2, right) / by_component,
                "r_nk twice: it is a factor of c c^T, not of each c.",
            ),
            (
                outer_products(x, r, 0 * right) / by_component,
                "the mean is not subtracted: x x^T in place of c c^T.",
            ),
            (
                outer_products(x, r, np.tile(x.mean(axis=0), (k, 1))) / by_component,
                "centred at the mean of all examples. Each component has its own mean.",
            ),
            (outer_products(x, np.ones_like(r), right) / n, "the r_nk are missing."),
            (diagonal, "the covariances between the coordinates are missing."),
            (
                np.stack([np.diag(s) for s in S / by_component]),
                "these are the variances, the diagonals. Return the whole matrices (K, D, D).",
            ),
        ],
    )
    yield "covariances"

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)) * 0.5 + rng.choice([-1.0, 1.0], size=(60, 1))
    r = rng.dirichlet([1.0, 1.0], size=60)
    likelihoods = []
    for _ in range(10):
        log_joint = log_densities(x, *call("m_step", answer.m_step, x, r))
        log_p = np.logaddexp.reduce(log_joint, axis=1)
        r = np.exp(log_joint - log_p[:, None])
        likelihoods.append(log_p.mean())
    if (np.diff(likelihoods) < -1e-9).any():
        raise AnswerError(f"The likelihood falls in ten steps of EM: {np.round(likelihoods, 4)}\n")
    yield (
        "ten steps of EM never lower the mean log-likelihood: "
        f"{likelihoods[0]:.3f} to {likelihoods[-1]:.3f}"
    )
