"""Grader of exercise 12: the objective of the VAE."""

import numpy as np
from grading import NO_G, AnswerError, call, check_rule, check_value, compare

from tinygen.losses import bernoulli_nll, kl_to_standard_normal

FUNCTIONS = ("log_likelihood", "rule_of_logits", "elbo")
IMPORTS = ("tinygen.ops.exp", "tinygen.ops.sigmoid", "tinygen.ops.softplus")
SEE_ALSO = "elbo in tinygen/models/vae.py, bernoulli_nll in tinygen/losses/likelihood.py"
HINTS = (
    "Insert log s = l - softplus(l) and log(1 - s) = -softplus(l) into x log s + (1 - x) log(1 - "
    "s). Two terms cancel.",
    "log p(x|z) is the sum over the pixels of x l - softplus(l). Differentiate in l; the "
    "derivative of softplus is sigmoid.",
    "The rule is g[:, None] * (x - sigmoid(logits)). The ELBO is log_likelihood minus the KL, both "
    "summed over axis 1.",
)


def grade(answer):
    """Yield the name of each part that is right."""
    x = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    logits = np.array([[2.0, -1.0, 0.5], [0.3, -2.0, -1.0]])
    values = {"x": x, "logits": logits}
    s = 1 / (1 + np.exp(-logits))
    per_pixel = x * np.log(s) + (1 - x) * np.log(1 - s)
    right = -bernoulli_nll(logits, x)
    check_value(
        "log_likelihood",
        answer.log_likelihood,
        values,
        right,
        think="log p(x|z) is a sum over pixels of logarithms of probabilities: negative.",
        mistakes=[
            (-right, "the sign: this is the loss, -log p(x|z)."),
            (per_pixel.mean(axis=1), "a mean over the pixels. log p of an image is a sum."),
            (per_pixel.mean(), "a mean over everything. Return one number per example, a sum."),
            (per_pixel.sum(), "the sum is over the examples, too."),
            (per_pixel.sum(axis=0), "the wrong axis: sum over the pixels, axis 1."),
            (per_pixel, "nothing is summed: log p of an image is a sum over its pixels."),
            ((x * np.log(s)).sum(axis=1), "the pixels with x = 0 count, too: (1 - x) log(1 - s)."),
            (-((x - s) ** 2).sum(axis=1), "this is a squared error, a Gaussian's likelihood."),
            (
                (x * logits - np.logaddexp(0, s)).sum(axis=1),
                "softplus takes the logit itself, not sigmoid of it.",
            ),
        ],
    )
    far = call("log_likelihood", answer.log_likelihood, np.ones((1, 1)), np.full((1, 1), -1e4))
    compare(
        "log_likelihood at x = 1, logit -10000",
        far,
        [-1e4],
        think="there sigmoid is rounded to 0. x l - softplus(l) needs no logarithm of it.",
    )
    yield "log_likelihood, also at a logit of -10000"

    check_rule(
        "rule_of_logits",
        answer.rule_of_logits,
        answer.log_likelihood,
        values,
        "logits",
        expected=lambda g: g[:, None] * (x - s),
        think="differentiate x l - softplus(l) in l.",
        mistakes=[
            (lambda g: x - s, NO_G),
            (lambda g: g[:, None] * (s - x), "the sign: this is the derivative of the loss."),
            (lambda g: g[:, None] * (x - logits), "sigmoid is missing."),
            (
                lambda g: g[:, None] * (x - s) * s * (1 - s),
                "the factor s (1 - s) is too much: this is the derivative of a squared error. In "
                "log p(x|z) it cancels.",
            ),
            (lambda g: g[:, None] * (x / s - (1 - x) / (1 - s)), "this is the derivative in s."),
            (lambda g: g[:, None] * (x - s) / x.shape[1], "a mean over pixels. It is a sum."),
        ],
    )
    yield "rule_of_logits"

    mu = np.array([[0.5, -1.0, 0.3], [1.5, 0.2, 2.0]])
    log_var = np.array([[1.0, -1.0, 0.5], [-2.0, 0.3, 0.0]])
    kl = kl_to_standard_normal(mu, log_var)
    printed = (np.exp(log_var) + mu**2 - log_var / 2 - 1).sum(axis=1)
    check_value(
        "elbo",
        answer.elbo,
        {**values, "mu": mu, "log_var": log_var},
        right - kl,
        think="log p(x|z) minus the KL. The first is negative for black-and-white pixels, and a KL "
        "is never negative. So the ELBO is negative here.",
        mistakes=[
            (right + kl, "the sign of the KL: it is subtracted. In the loss, -ELBO, it is added."),
            (kl - right, "the sign: this is the loss, -ELBO."),
            (per_pixel.mean(axis=1) - kl, "a mean over the pixels against a sum over dimensions."),
            (right - kl / mu.shape[1], "a mean over the dimensions in the KL. It is a sum."),
            (
                right - 2 * kl / mu.shape[1],
                "a mean over the dimensions in the KL, without the factor 1/2.",
            ),
            (right - 2 * kl, "the factor 1/2 of the KL is missing."),
            (right - printed, "the KL is that of the slide: log(sigma) for log(sigma^2)."),
            ((right - kl).mean(), "the mean over the examples. Return one number per example."),
            (right, "the KL is missing."),
            (right - kl.sum(), "the KL is summed over the examples, too."),
        ],
    )
    yield "elbo"
    yield bound(answer)


def bound(answer):
    """Hold the ELBO against log p(x), for a z of one dimension, by sums over a fine grid."""
    z = np.linspace(-8, 8, 2001)
    dz = z[1] - z[0]
    x = np.array([1.0, 0.0])
    logits = np.stack([1 + 2 * z, 1 - z], axis=1)  # a decoder
    mu, log_var = 0.4, -0.3
    prior = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    q = np.exp(-((z - mu) ** 2) / (2 * np.exp(log_var))) / np.sqrt(2 * np.pi * np.exp(log_var))
    batch = [np.broadcast_to(a, (len(z), np.size(a))) for a in (x, mu, log_var)]
    draws = call("elbo", answer.elbo, batch[0], logits, batch[1], batch[2])
    likelihoods = call("log_likelihood", answer.log_likelihood, batch[0], logits)
    joint = np.exp(likelihoods) * prior
    p_x = joint.sum() * dz
    posterior = joint / p_x
    gap = (q * np.log(q / posterior)).sum() * dz
    value = (q * draws).sum() * dz
    if abs(value + gap - np.log(p_x)) > 1e-6:
        raise AnswerError("elbo: its mean over q, plus the gap, is not log p(x).\n")
    return (
        f"the mean of the ELBO over q, {value:.4f}, and the gap KL(q || p(z|x)), {gap:.4f}, "
        f"sum to log p(x) = {np.log(p_x):.4f}"
    )
