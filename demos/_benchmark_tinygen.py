"""The training steps of the benchmark in tinygen.

Each function builds a model and returns a function that makes one training step.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

import numpy as np

from tinygen import default_rng, losses, nn, optim, tensor
from tinygen.models.dcgan import DCDiscriminator, DCGenerator
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import linear_schedule
from tinygen.models.diffusion.unet import UNet


def mlp_vae():
    """784-400-20-400-784, batch 128, Bernoulli likelihood + KL, Adam."""
    rng = default_rng(0)
    encoder = nn.Sequential(nn.Linear(784, 400, rng=rng), nn.ReLU())
    to_mu, to_log_var = nn.Linear(400, 20, rng=rng), nn.Linear(400, 20, rng=rng)
    decoder = nn.Sequential(nn.Linear(20, 400, rng=rng), nn.ReLU(), nn.Linear(400, 784, rng=rng))
    parameters = [p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()]
    optimizer = optim.Adam(parameters, lr=1e-3)
    x = tensor(rng.uniform((128, 784)))

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
        nll = losses.bernoulli_nll(decoder(z), x)
        loss = (nll + losses.kl_to_standard_normal(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def conv_vae():
    """1x28x28, convolutions to 32 and 64 channels (kernel 4, stride 2), latent 32, and back.

    Batch 128, squared error + KL, Adam.
    """
    rng = default_rng(0)
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Conv2d(32, 64, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Flatten(),
    )
    to_mu, to_log_var = nn.Linear(3136, 32, rng=rng), nn.Linear(3136, 32, rng=rng)
    decoder = nn.Sequential(
        nn.Linear(32, 3136, rng=rng),
        nn.ReLU(),
        nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.ConvTranspose2d(32, 1, 4, 2, 1, rng=rng),
        nn.Sigmoid(),
    )
    parameters = [p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()]
    optimizer = optim.Adam(parameters, lr=1e-3)
    x = tensor(rng.uniform((128, 1, 28, 28)))

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
        error = losses.squared_error(decoder(z), x)
        loss = (error + losses.kl_to_standard_normal(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def dcgan():
    """3x32x32, widths 256, 128, 64 and back, batch normalization, batch 64.

    One step of each network, non-saturating loss, Adam.
    """
    rng = default_rng(0)
    generator, discriminator = DCGenerator(rng=rng), DCDiscriminator(rng=rng)
    optimizer_g = optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    x = tensor(rng.uniform((64, 3, 32, 32)) * 2 - 1)

    def step():
        fake = generator(rng.normal((64, 100)))
        value = losses.minimax_value(discriminator(x), discriminator(fake.detach()))
        loss_d = -value.mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = losses.non_saturating(discriminator(fake)).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=optimizer_g.parameters)
        optimizer_g.step()

    return step


def ddpm_unet():
    """1x28x28, a U-Net of 32, 64 and 64 channels with attention at 7x7, batch 64.

    Squared error of the noise at a random time, Adam.
    """
    rng = default_rng(0)
    network = UNet(rng=rng)
    optimizer = optim.Adam(network.parameters(), lr=2e-4)
    x = rng.uniform((64, 1, 28, 28)) * 2 - 1

    def step():
        t, eps = linear_schedule(rng.uniform((64,))), rng.normal(x.shape)
        prediction = network(VARIANCE_PRESERVING.q_sample(x, eps, t), t)
        loss = losses.squared_error(prediction, eps).mean() / 784
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


STEPS = {"mlp_vae": mlp_vae, "conv_vae": conv_vae, "dcgan": dcgan, "ddpm_unet": ddpm_unet}


def measure_overhead(repeats: int) -> dict[str, list[float]]:
    """Measure the cost of one op beyond its arithmetic, in units of NumPy's own a * a.

    Chains of 1000 products of one element, forward and backward, alternate with chains of NumPy's
    product. CPU times are compared, so that other processes count less.

    Returns
    -------
    dict of lists
        The ratios of "forward" and of "backward", one for each repeat.
    """
    a = np.ones(1, np.float32)
    t = tensor(a, requires_grad=True)
    clock = time.thread_time
    ratios = {"forward": [], "backward": []}
    for _ in range(repeats):
        start, v = clock(), a
        for _ in range(1000):
            v = v * a
        base, start, y = clock() - start, clock(), t
        for _ in range(1000):
            y = y * t
        forward, start = clock() - start, clock()
        y.backward()
        ratios["forward"].append(forward / base)
        ratios["backward"].append((clock() - start) / base)
    return ratios
