"""The steps of the benchmark in tinygen: autoencoders and diffusion; those of GANs are imported.

Each function builds networks and returns a `Step`. Everything random comes from one `rng`, so the
weights, the batches and the noise lie on its device. _benchmark_torch.py has the same in PyTorch.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

from _benchmark_step import Step
from _benchmark_tinygen_gans import cyclegan, dcgan, pix2pix, stylegan2, wgan_gp

from tinygen import default_rng, losses, nn, optim
from tinygen.models.diffusion.objectives import denoiser
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.samplers import ddim
from tinygen.models.diffusion.schedules import linear_schedule
from tinygen.models.diffusion.unet import UNet


class VAE(nn.Module):
    """A variational autoencoder of these parts."""

    def __init__(self, encoder, features: int, latent_dim: int, decoder, rng):
        self.encoder, self.decoder = encoder, decoder
        self.to_mu = nn.Linear(features, latent_dim, rng=rng)
        self.to_log_var = nn.Linear(features, latent_dim, rng=rng)

    def forward(self, x, eps):
        """Return the reconstruction, mu and log_var."""
        h = self.encoder(x)
        mu, log_var = self.to_mu(h), self.to_log_var(h)
        return self.decoder(losses.reparametrize(mu, log_var, eps)), mu, log_var


def vae_step(vae: VAE, draw, reconstruction_loss) -> Step:
    """Build the step of a VAE: reconstruction loss + KL, Adam."""
    optimizer = optim.Adam(vae.parameters(), lr=1e-3)

    def train(x, eps):
        x_hat, mu, log_var = vae(x, eps)
        kl = losses.kl_to_standard_normal(mu, log_var)
        loss = (reconstruction_loss(x_hat, x) + kl).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step({"vae": vae}, draw, train)


def mlp_vae(batch: int = 128, device: str = "cpu"):
    """784-400-20-400-784, batch 128, Bernoulli likelihood + KL, Adam."""
    rng = default_rng(0, device)
    encoder = nn.Sequential(nn.Linear(784, 400, rng=rng), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(20, 400, rng=rng), nn.ReLU(), nn.Linear(400, 784, rng=rng))
    vae = VAE(encoder, 400, 20, decoder, rng)
    x = rng.uniform((batch, 784))

    def draw():
        return x, rng.normal((batch, 20))

    return vae_step(vae, draw, losses.bernoulli_nll)


def conv_vae(batch: int = 128, width: int = 32, side: int = 28, device: str = "cpu"):
    """1x28x28, convolutions to 32 and 64 channels (kernel 4, stride 2), latent 32, and back.

    Batch 128, squared error + KL, Adam. `--scaling` varies these numbers.
    """
    rng = default_rng(0, device)
    features = 2 * width * (side // 4) ** 2  # the numbers after both convolutions
    encoder = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Conv2d(width, 2 * width, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Flatten(),
    )
    decoder = nn.Sequential(
        nn.Linear(32, features, rng=rng),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, side // 4, side // 4)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1, rng=rng),
        nn.Sigmoid(),
    )
    vae = VAE(encoder, features, 32, decoder, rng)
    x = rng.uniform((batch, 1, side, side))

    def draw():
        return x, rng.normal((batch, 32))

    return vae_step(vae, draw, losses.squared_error)


def ddpm_unet(batch: int = 64, device: str = "cpu"):
    """1x28x28, a U-Net of 32, 64 and 64 channels with attention at 7x7, batch 64.

    Squared error of the noise at a random time, Adam.
    """
    rng = default_rng(0, device)
    network = UNet(rng=rng)
    optimizer = optim.Adam(network.parameters(), lr=2e-4)
    x = rng.uniform((batch, 1, 28, 28)) * 2 - 1

    def draw():
        return x, linear_schedule(rng.uniform((batch,))), rng.normal(x.shape)

    def train(x, t, eps):
        prediction = network(VARIANCE_PRESERVING.q_sample(x, eps, t), t)
        loss = losses.squared_error(prediction, eps).mean() / 784
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step({"network": network}, draw, train)


def sampling(batch: int = 64, device: str = "cpu"):
    """One DDIM step of 64 images with the U-Net of `ddpm_unet`, without gradients."""
    rng = default_rng(0, device)
    network = UNet(rng=rng)
    denoise = denoiser(network, "eps")

    def draw():
        return (rng.normal((batch, 1, 28, 28)),)

    def sample(x):
        return (ddim(denoise, x, (1.0, 0.5)),)

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
