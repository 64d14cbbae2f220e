"""The training steps of the benchmark in PyTorch, in one of its two memory formats.

Each function builds a model and returns a function that makes one training step. The models, the
batches and the optimizers are those of _benchmark_tinygen.py.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def vae_step(encoder, to_mu, to_log_var, decoder, x, reconstruction_loss):
    """Return the training step of a variational autoencoder with these parts."""
    parameters = [p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        kl = 0.5 * (mu * mu + log_var.exp() - log_var - 1).sum() / len(x)
        loss = reconstruction_loss(decoder(z), x, reduction="sum") / len(x) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def mlp_vae(memory_format):
    """784-400-20-400-784; there are no images, so the memory format does not matter."""
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    to_mu, to_log_var = nn.Linear(400, 20), nn.Linear(400, 20)
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    x = torch.rand(128, 784)
    return vae_step(
        encoder, to_mu, to_log_var, decoder, x, functional.binary_cross_entropy_with_logits
    )


def conv_vae(memory_format):
    """1x28x28, convolutions to 32 and 64 channels (kernel 4, stride 2), latent 32, and back."""
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Flatten()
    )
    to_mu, to_log_var = nn.Linear(3136, 32), nn.Linear(3136, 32)
    decoder = nn.Sequential(
        nn.Linear(32, 3136),
        nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1),
        nn.Sigmoid(),
    )
    x = torch.rand(128, 1, 28, 28).to(memory_format=memory_format)
    encoder.to(memory_format=memory_format)
    decoder.to(memory_format=memory_format)
    return vae_step(encoder, to_mu, to_log_var, decoder, x, functional.mse_loss)


def dcgan(memory_format):
    """3x32x32, widths 256, 128, 64 and back, batch normalization; one step of each network."""

    def up(a, b):
        return nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()

    def down(a, b):
        return nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)

    generator = nn.Sequential(
        nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False),
        nn.BatchNorm2d(256),
        nn.ReLU(),
        *up(256, 128),
        *up(128, 64),
        nn.ConvTranspose2d(64, 3, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(3, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        *down(64, 128),
        *down(128, 256),
        nn.Conv2d(256, 1, 4, 1, 0),
        nn.Flatten(),
    )
    generator.to(memory_format=memory_format)
    discriminator.to(memory_format=memory_format)
    optimizer_g = torch.optim.Adam(generator.parameters(), 2e-4, (0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))
    x = (torch.rand(64, 3, 32, 32) * 2 - 1).to(memory_format=memory_format)

    def step():
        fake = generator(torch.randn(64, 100, 1, 1))
        loss_real = functional.softplus(-discriminator(x)).mean()
        loss_fake = functional.softplus(discriminator(fake.detach())).mean()
        loss_d = loss_real + loss_fake
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        discriminator.requires_grad_(False)  # its gradients are not needed in the generator's step
        optimizer_g.zero_grad()
        functional.softplus(-discriminator(fake)).mean().backward()
        optimizer_g.step()
        discriminator.requires_grad_(True)

    return step


class ResBlock(nn.Module):
    """Two convolutions with group normalization, a condition and a shortcut."""

    def __init__(self, a, b):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, a), nn.Conv2d(a, b, 3, 1, 1)
        self.condition = nn.Linear(128, b)
        self.norm2, self.conv2 = nn.GroupNorm(8, b), nn.Conv2d(b, b, 3, 1, 1)
        self.shortcut = nn.Conv2d(a, b, 1) if a != b else nn.Identity()

    def forward(self, x, condition):
        h = self.conv1(functional.silu(self.norm1(x))) + self.condition(condition)[:, :, None, None]
        return self.conv2(functional.silu(self.norm2(h))) + self.shortcut(x)


class Attention(nn.Module):
    """Self-attention with one head over all places of an image."""

    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x):
        h = self.norm(x).flatten(2).transpose(1, 2)  # (N, H W, C)
        q, k, v = self.qkv(h).chunk(3, 2)
        h = self.out(torch.softmax(q @ k.transpose(1, 2) / 8, -1) @ v)
        return x + h.transpose(1, 2).reshape(x.shape)


class UNet(nn.Module):
    """The U-Net of the benchmark: 32, 64 and 64 channels at 28, 14 and 7 pixels."""

    def __init__(self):
        super().__init__()
        self.condition = nn.Sequential(
            nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU()
        )
        self.conv_in = nn.Conv2d(1, 32, 3, 1, 1)
        self.down1, self.downsample1 = ResBlock(32, 32), nn.Conv2d(32, 32, 3, 2, 1)
        self.down2, self.downsample2 = ResBlock(32, 64), nn.Conv2d(64, 64, 3, 2, 1)
        self.mid_block1, self.attention = ResBlock(64, 64), Attention(64)
        self.mid_block2 = ResBlock(64, 64)
        self.upsample2, self.up2 = nn.Conv2d(64, 64, 3, 1, 1), ResBlock(128, 64)
        self.upsample1, self.up1 = nn.Conv2d(64, 32, 3, 1, 1), ResBlock(64, 32)
        self.norm_out, self.conv_out = nn.GroupNorm(8, 32), nn.Conv2d(32, 1, 3, 1, 1)

    def forward(self, x, t):
        frequencies = 1000 * torch.exp(torch.arange(16) * (-9.21 / 16))
        angles = t[:, None] * frequencies
        condition = self.condition(torch.cat([angles.sin(), angles.cos()], 1))
        h1 = self.down1(self.conv_in(x), condition)  # (N, 32, 28, 28)
        h2 = self.down2(self.downsample1(h1), condition)  # (N, 64, 14, 14)
        h = self.mid_block1(self.downsample2(h2), condition)  # (N, 64, 7, 7)
        h = self.mid_block2(self.attention(h), condition)
        h = self.upsample2(functional.interpolate(h, scale_factor=2))
        h = self.up2(torch.cat([h, h2], 1), condition)  # (N, 64, 14, 14)
        h = self.upsample1(functional.interpolate(h, scale_factor=2))
        h = self.up1(torch.cat([h, h1], 1), condition)  # (N, 32, 28, 28)
        return self.conv_out(functional.silu(self.norm_out(h)))


def ddpm_unet(memory_format):
    """Squared error of the noise at a random time, 1x28x28, batch 64."""
    network = UNet().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)
    x = (torch.rand(64, 1, 28, 28) * 2 - 1).to(memory_format=memory_format)

    def step():
        u, eps = torch.rand(64), torch.randn_like(x)
        log_alpha_bar = -(0.1 * u + 9.95 * u * u)
        alpha, sigma = torch.exp(log_alpha_bar / 2), torch.sqrt(-torch.expm1(log_alpha_bar))
        x_t = alpha[:, None, None, None] * x + sigma[:, None, None, None] * eps
        loss = functional.mse_loss(network(x_t, torch.atan2(sigma, alpha)), eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


STEPS = {"mlp_vae": mlp_vae, "conv_vae": conv_vae, "dcgan": dcgan, "ddpm_unet": ddpm_unet}
