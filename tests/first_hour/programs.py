"""Short programs, here and in PyTorch: a classifier, a VAE, a GAN, a critic with its penalty.

Each returns its loss, or the weights after some steps. The networks are single layers, so that a
program and its counterpart fit on one screen.
"""

import numpy as np

from tests.first_hour.phrases import F, Row, torch
from tinygen import grad, losses, ops, optim, tensor

NOISE = np.random.default_rng(2).normal(size=(3, 4))


def classifier(x, indices, weight, bias):
    optimizer = optim.Adam([weight, bias], lr=0.1)
    for _ in range(3):
        loss = losses.cross_entropy(ops.linear(x, weight, bias), indices)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), weight.detach(), bias.detach()


def torch_classifier(x, indices, weight, bias):
    optimizer = torch.optim.Adam([weight, bias], lr=0.1)
    for _ in range(3):
        loss = F.cross_entropy(F.linear(x, weight, bias), indices)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), weight.detach(), bias.detach()


def vae(x, right, weight):
    """An encoder of 4 to 2 latent dimensions, and back. The loss is the mean of sums."""
    mu, log_var = x[:, :2] @ weight[:2, :2], x[:, 2:] @ weight[:2, 2:]
    z = losses.reparametrize(mu, log_var, NOISE[:, :2])
    x_hat = z @ right[:2] @ weight[2:4]
    kl = losses.kl_to_standard_normal(mu, log_var)
    return (losses.squared_error(x, x_hat) + kl).mean()


def torch_vae(x, right, weight):
    mu, log_var = x[:, :2] @ weight[:2, :2], x[:, 2:] @ weight[:2, 2:]
    z = mu + (log_var / 2).exp() * torch.tensor(NOISE[:, :2])
    x_hat = z @ right[:2] @ weight[2:4]
    kl = 0.5 * (mu**2 + log_var.exp() - log_var - 1).sum(1)
    return (F.mse_loss(x, x_hat, reduction="none").sum(1) + kl).mean()


def gan(x, weight, row):
    """The logits of the discriminator are x @ row; the generator is z @ weight, z = NOISE."""
    optimizer_d, optimizer_g = optim.SGD([row], lr=0.1), optim.SGD([weight], lr=0.1)
    for _ in range(3):
        samples = NOISE @ weight[:4]
        loss_d = -losses.minimax_value(x @ row, samples @ row).mean()
        optimizer_d.zero_grad()
        loss_d.backward(inputs=[row])
        optimizer_d.step()
        loss_g = losses.non_saturating(NOISE @ weight[:4] @ row).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=[weight])
        optimizer_g.step()
    return row.detach(), weight.detach()


def torch_gan(x, weight, row):
    z, real, fake = torch.tensor(NOISE), torch.ones(3).double(), torch.zeros(3).double()
    bce = F.binary_cross_entropy_with_logits
    optimizer_d, optimizer_g = torch.optim.SGD([row], lr=0.1), torch.optim.SGD([weight], lr=0.1)
    for _ in range(3):
        samples = z @ weight[:4]
        loss_d = bce(x @ row, real) + bce(samples @ row, fake)
        optimizer_d.zero_grad()
        loss_d.backward(inputs=[row])
        optimizer_d.step()
        loss_g = bce(z @ weight[:4] @ row, real)
        optimizer_g.zero_grad()
        loss_g.backward(inputs=[weight])
        optimizer_g.step()
    return row.detach(), weight.detach()


def critic_loss(x, y, weight, bias):
    """A Wasserstein GAN with gradient penalty: real x, generated y, a critic of one layer."""

    def critic(x):
        return ops.tanh(x @ weight.T) @ bias

    t = np.array([0.1, 0.5, 0.8])
    penalty = losses.gradient_penalty(critic, x, y, t)
    return (critic(y) - critic(x) + 10 * penalty).mean()


def critic_loss_by_hand(x, y, weight, bias):
    t = np.array([[0.1], [0.5], [0.8]])
    between = tensor(t * x + (1 - t) * y, requires_grad=True)  # a leaf
    scores = ops.tanh(between @ weight.T) @ bias
    (gradient,) = grad(scores.sum(), between, create_graph=True)
    penalty = (ops.norm(gradient, axis=1) - 1) ** 2
    wasserstein = ops.tanh(x @ weight.T) @ bias - ops.tanh(y @ weight.T) @ bias
    return (10 * penalty - wasserstein).mean()


def torch_critic_loss(x, y, weight, bias):
    t = torch.tensor([[0.1], [0.5], [0.8]], dtype=torch.float64)
    between = (t * x + (1 - t) * y).detach().requires_grad_()
    scores = torch.tanh(between @ weight.T) @ bias
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)
    penalty = (gradient.norm(dim=1) - 1) ** 2
    wasserstein = torch.tanh(x @ weight.T) @ bias - torch.tanh(y @ weight.T) @ bias
    return (10 * penalty - wasserstein).mean()


ROWS = [
    Row("a classifier", classifier, None, torch_classifier),
    Row("the loss of a VAE", vae, None, torch_vae),
    Row("a GAN", gan, None, torch_gan),
    Row("the critic of a Wasserstein GAN", critic_loss, None, torch_critic_loss),
    Row("the same critic, written out", critic_loss_by_hand, None, torch_critic_loss),
]
