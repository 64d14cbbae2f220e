"""The steps of the benchmark in PyTorch, in one of its two memory formats.

The networks, the losses, the batches and the optimizers are those of _benchmark_tinygen.py. A step
built under `with torch.device("cuda")` lies on the GPU. Noise is then drawn on the device of the
batch: a default device that stays active would slow down every call of PyTorch.
"""

from __future__ import annotations

import math

import torch
from _benchmark_step import Step
from _benchmark_torch_gans import (
    cyclegan,
    dcgan,
    pix2pix,
    random_pictures,
    stylegan2,
    wgan_gp,
)
from _benchmark_torch_networks import UNet
from torch import nn
from torch.nn import functional


class VAE(nn.Module):
    """A variational autoencoder of these parts."""

    def __init__(self, encoder, features, latent_dim, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.to_mu = nn.Linear(features, latent_dim)
        self.to_log_var = nn.Linear(features, latent_dim)

    def forward(self, x, eps):
        h = self.encoder(x)
        mu, log_var = self.to_mu(h), self.to_log_var(h)
        return self.decoder(mu + eps * (0.5 * log_var).exp()), mu, log_var


def vae_step(vae, draw, reconstruction_loss) -> Step:
    optimizer = torch.optim.Adam(vae.parameters(), 1e-3)

    def train(x, eps):
        x_hat, mu, log_var = vae(x, eps)
        kl = 0.5 * (mu * mu + log_var.exp() - log_var - 1).sum() / len(x)
        loss = reconstruction_loss(x_hat, x, reduction="sum") / len(x) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step({"vae": vae}, draw, train)


def mlp_vae(memory_format, batch=128):
    """There are no images, so the memory format does not matter."""
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    vae = VAE(encoder, 400, 20, decoder)
    x = torch.rand(batch, 784)

    def draw():
        return x, torch.randn(batch, 20, device=x.device)

    return vae_step(vae, draw, functional.binary_cross_entropy_with_logits)


def conv_vae(memory_format, batch=128, width=32, side=28):
    features = 2 * width * (side // 4) ** 2
    encoder = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
    )
    decoder = nn.Sequential(
        nn.Linear(32, features),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, side // 4, side // 4)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Sigmoid(),
    )
    vae = VAE(encoder, features, 32, decoder).to(memory_format=memory_format)
    x = torch.rand(batch, 1, side, side).contiguous(memory_format=memory_format)

    def draw():
        return x, torch.randn(batch, 32, device=x.device)

    return vae_step(vae, draw, functional.mse_loss)


def ddpm_unet(memory_format, batch=64):
    network = UNet().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)
    x = random_pictures((batch, 1, 28, 28), memory_format)

    def draw():
        u = torch.rand(batch, device=x.device)
        log_alpha_bar = -(0.1 * u + 9.95 * u * u)
        t = torch.arccos(torch.exp(log_alpha_bar / 2))
        return x, t, torch.randn_like(x)

    def train(x, t, eps):
        alpha, sigma = torch.cos(t)[:, None, None, None], torch.sin(t)[:, None, None, None]
        loss = functional.mse_loss(network(alpha * x + sigma * eps, t), eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step({"network": network}, draw, train)


def sampling(memory_format, batch=64):
    network = UNet().to(memory_format=memory_format)
    like = random_pictures((batch, 1, 28, 28), memory_format)
    t, s = 1.0, 0.5

    def draw():
        return (torch.randn_like(like),)

    def sample(x):
        with torch.inference_mode():
            eps = network(x, x.new_full((batch,), t))
            x0 = (x - math.sin(t) * eps) / math.cos(t)
            return (math.cos(s) * x0 + math.sin(s) * eps,)

    return Step({"network": network}, draw, sample)


STEPS = {
    "mlp_vae": mlp_vae,
    "conv_vae": conv_vae,
    "dcgan": dcgan,
    "wgan_gp": wgan_gp,
    "pix2pix": pix2pix,
    "cyclegan": cyclegan,
    "stylegan2": stylegan2,
    "ddpm_unet": ddpm_unet,
    "sampling": sampling,
}
