"""Losses. Those of this package are sums over each example; PyTorch's, means over everything."""

import numpy as np

from tests.first_hour.phrases import F, Row, torch
from tinygen import losses, ops


def normal(mu, log_var):
    return torch.distributions.Normal(mu, (log_var / 2).exp())


def kl_divergence(x, y, x2, y2):
    """Of two normal distributions per example, by PyTorch."""
    return torch.distributions.kl_divergence(normal(x, y), normal(x2, y2)).sum(1)


def huber(error):
    return ops.where(error < 1, error**2 / 2, error - 0.5).mean()


ROWS = [
    Row(
        "mean squared error",
        lambda x, y: losses.squared_error(x, y).mean() / 4,
        lambda x, y: ((x - y) ** 2).mean(),
        lambda x, y: F.mse_loss(x, y),
    ),
    Row(
        "sum of squared errors",
        lambda x, y: losses.squared_error(x, y).sum(),
        lambda x, y: ((x - y) ** 2).sum(),
        lambda x, y: F.mse_loss(x, y, reduction="sum"),
    ),
    Row(
        "squared error of each example",
        lambda images, images2: losses.squared_error(images, images2),
        lambda images, images2: ((images - images2) ** 2).sum((1, 2, 3)),
        lambda images, images2: F.mse_loss(images, images2, reduction="none").sum((1, 2, 3)),
    ),
    Row(
        "mean absolute error",
        lambda x, y: losses.absolute_error(x, y).mean() / 4,
        lambda x, y: np.abs(x - y).mean(),
        lambda x, y: F.l1_loss(x, y),
    ),
    Row(
        "binary cross-entropy from logits",
        lambda logits, binary: losses.bernoulli_nll(logits, binary).sum(),
        None,
        lambda logits, binary: F.binary_cross_entropy_with_logits(logits, binary, reduction="sum"),
    ),
    Row(
        "mean binary cross-entropy",
        lambda logits, binary: losses.bernoulli_nll(logits, binary).mean() / 5,
        None,
        lambda logits, binary: F.binary_cross_entropy_with_logits(logits, binary),
    ),
    Row(
        "cross_entropy",
        lambda logits, labels: losses.cross_entropy(logits, labels),
        lambda logits, labels: (
            np.log(np.exp(logits).sum(1)).mean() - logits[np.arange(6), labels].mean()
        ),
        lambda logits, labels: F.cross_entropy(logits, labels),
    ),
    Row(
        "cross_entropy of each example",
        lambda logits, labels: losses.cross_entropy(logits, labels, reduction="none"),
        None,
        lambda logits, labels: F.cross_entropy(logits, labels, reduction="none"),
    ),
    Row(
        "cross_entropy, summed",
        lambda logits, labels: losses.cross_entropy(logits, labels, reduction="sum"),
        None,
        lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
    ),
    Row(
        "cross_entropy with weights of classes",
        lambda logits, labels, bias: losses.cross_entropy(logits, labels, ops.exp(bias).detach()),
        None,
        lambda logits, labels, bias: F.cross_entropy(logits, labels, bias.exp().detach()),
    ),
    Row(
        "cross_entropy with ignore_index",
        lambda logits, labels: losses.cross_entropy(logits, labels, ignore_index=2),
        None,
        lambda logits, labels: F.cross_entropy(logits, labels, ignore_index=2),
    ),
    Row(
        "cross_entropy with label smoothing",
        lambda logits, labels: losses.cross_entropy(logits, labels, label_smoothing=0.1),
        None,
        lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=0.1),
    ),
    Row(
        "cross_entropy of probabilities",
        lambda logits, probabilities: losses.cross_entropy(logits, probabilities),
        None,
        lambda logits, probabilities: F.cross_entropy(logits, probabilities),
    ),
    Row(
        "cross_entropy of one example",
        lambda logits, labels: losses.cross_entropy(logits[0], labels[0]),
        None,
        lambda logits, labels: F.cross_entropy(logits[0], labels[0]),
    ),
    Row(
        "cross_entropy of pixels",
        lambda images: losses.cross_entropy(images, np.arange(96).reshape(2, 8, 6) % 4),
        None,
        lambda images: F.cross_entropy(images, torch.arange(96).reshape(2, 8, 6) % 4),
    ),
    Row(
        "negative log-likelihood",
        lambda logits, labels: losses.cross_entropy(logits, labels),
        None,
        lambda logits, labels: F.nll_loss(F.log_softmax(logits, 1), labels),
    ),
    Row(
        "KL divergence of classes",
        lambda logits, probabilities: (
            losses.cross_entropy(logits, probabilities)
            + (probabilities * ops.log(probabilities)).sum() / 6
        ),
        None,
        lambda logits, probabilities: F.kl_div(
            F.log_softmax(logits, 1), probabilities, reduction="batchmean"
        ),
    ),
    Row(
        "KL divergence to N(0, I)",
        lambda x, y: losses.kl_to_standard_normal(x, y).sum(),
        lambda x, y: 0.5 * (x**2 + np.exp(y) - y - 1).sum(),
        lambda x, y: kl_divergence(x, y, torch.zeros(3, 4), torch.zeros(3, 4)).sum(),
    ),
    Row(
        "KL divergence of two Gaussians",
        lambda x, y, fraction, positive: losses.kl_between_normals(x, y, fraction, positive),
        None,
        lambda x, y, fraction, positive: kl_divergence(x, y, fraction, positive),
    ),
    Row(
        "Huber loss, written out",
        lambda x, y: huber(ops.abs(x - y)),
        None,
        lambda x, y: F.huber_loss(x, y),
    ),
]
