"""The steps of the benchmark in tinygen: adversarial networks.

Each function builds networks and returns a `Step`. _benchmark_torch_gans.py has the same in
PyTorch.
"""

from __future__ import annotations

from _benchmark_step import Step

from tinygen import default_rng, losses, no_grad, ops, optim
from tinygen.models.cyclegan import ImagePool, ResidualUNet, run_cycles
from tinygen.models.dcgan import DCDiscriminator, DCGenerator
from tinygen.models.pix2pix import PatchDiscriminator, UNet, mean_absolute_error
from tinygen.models.style_discriminator import StyleDiscriminator
from tinygen.models.stylegan import StyleGenerator


def dcgan(batch: int = 64, device: str = "cpu"):
    """3x32x32, widths 256, 128, 64 and back, batch normalization, batch 64.

    One step of each network, non-saturating loss, Adam.
    """
    rng = default_rng(0, device)
    generator, discriminator = DCGenerator(rng=rng), DCDiscriminator(rng=rng)
    optimizer_g = optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    x = rng.uniform((batch, 3, 32, 32)) * 2 - 1

    def draw():
        return x, rng.normal((batch, 100))

    def train(x, z):
        fake = generator(z)
        loss_d = -losses.minimax_value(discriminator(x), discriminator(fake.detach())).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = losses.non_saturating(discriminator(fake)).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=optimizer_g.parameters)
        optimizer_g.step()
        return loss_d, loss_g

    return Step({"generator": generator, "discriminator": discriminator}, draw, train)


def wgan_gp(batch: int = 64, device: str = "cpu"):
    """The critic's step with gradient penalty, networks of `dcgan`, batch 64, Adam.

    The critic has no batch normalization. The penalty is differentiated twice.
    """
    rng = default_rng(0, device)
    generator, critic = DCGenerator(rng=rng), DCDiscriminator(batch_norm=False, rng=rng)
    optimizer = optim.Adam(critic.parameters(), lr=2e-4, betas=(0.0, 0.9))
    x = rng.uniform((batch, 3, 32, 32)) * 2 - 1

    def draw():
        return x, rng.normal((batch, 100)), rng.uniform((batch,))

    def train(x, z, t):
        with no_grad():
            fake = generator(z)
        penalty = losses.gradient_penalty(critic, x, fake, t).mean()
        loss = critic(fake).mean() - critic(x).mean() + 10 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step({"generator": generator, "critic": critic}, draw, train)


def pix2pix(batch: int = 8, device: str = "cpu"):
    """Edges 1x64x64 to faces 3x64x64: a U-Net of width 32 and a patch discriminator, batch 8.

    One step of each network, non-saturating loss + 100 times the absolute error, Adam.
    """
    rng = default_rng(0, device)
    generator = UNet(1, 3, size=64, width=32, dropout=0.1, rng=rng)
    discriminator = PatchDiscriminator(4, num_downsamplings=3, rng=rng)
    optimizer_g = optim.Adam(generator.parameters(), lr=2e-3, betas=(0.0, 0.99))
    optimizer_d = optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.0, 0.99))
    x, y = (rng.uniform((batch, channels, 64, 64)) * 2 - 1 for channels in (1, 3))

    def draw():
        return x, y

    def train(x, y):
        fake = generator(x)
        real_logits, fake_logits = discriminator(x, y), discriminator(x, fake.detach())
        loss_d = -losses.minimax_value(real_logits, fake_logits).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        adversarial = losses.non_saturating(discriminator(x, fake)).mean()
        loss_g = adversarial + 100 * mean_absolute_error(y, fake)
        optimizer_g.zero_grad()
        loss_g.backward(inputs=optimizer_g.parameters)
        optimizer_g.step()
        return loss_d, loss_g

    return Step({"generator": generator, "discriminator": discriminator}, draw, train)


def cyclegan(batch: int = 4, device: str = "cpu"):
    """3x32x32, two U-Nets of width 16 with a shortcut, two patch discriminators, batch 4.

    Least squares, cycle and identity loss, pools of pictures, Adam.
    """
    rng = default_rng(0, device)
    G, F = (ResidualUNet(rng=rng) for _ in range(2))
    D_X, D_Y = (PatchDiscriminator(3, width=24, rng=rng) for _ in range(2))
    pool_x, pool_y = (ImagePool((3, 32, 32), rng=rng) for _ in range(2))
    parameters_g = [*G.parameters(), *F.parameters()]
    parameters_d = [*D_X.parameters(), *D_Y.parameters()]
    optimizer_g = optim.Adam(parameters_g, lr=3e-3, betas=(0.0, 0.99))
    optimizer_d = optim.Adam(parameters_d, lr=3e-3, betas=(0.0, 0.99))
    x, y = (rng.uniform((batch, 3, 32, 32)) * 2 - 1 for _ in range(2))

    def draw():
        return x, y

    def discriminator_loss(D, real, fake):
        real_loss = losses.least_squares(D(real), target=1.0).mean()
        return real_loss + losses.least_squares(D(fake), target=0.0).mean()

    def train(x, y):
        cycles = run_cycles(G, F, x, y)
        adversarial_g = losses.least_squares(D_Y(cycles.fake_y), target=1.0).mean()
        adversarial_f = losses.least_squares(D_X(cycles.fake_x), target=1.0).mean()
        loss_g = adversarial_g + adversarial_f + 2 * cycles.cycle_loss + cycles.identity_loss
        optimizer_g.zero_grad()
        loss_g.backward(inputs=parameters_g)
        optimizer_g.step()
        loss_d_y = discriminator_loss(D_Y, y, pool_y.query(cycles.fake_y.data))
        loss_d_x = discriminator_loss(D_X, x, pool_x.query(cycles.fake_x.data))
        loss_d = loss_d_x + loss_d_y
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        return loss_g, loss_d

    return Step({"G": G, "F": F, "D_X": D_X, "D_Y": D_Y}, draw, train)


def stylegan2(batch: int = 8, device: str = "cpu"):
    """3x64x64, channels 48, 32, 24, 16 and 8 from 4 pixels on, batch 8, both penalties, Adam.

    One step of each network, non-saturating loss. R1 and path length are differentiated twice. In
    training they are computed at every 8th step; here at every step.
    """
    rng = default_rng(0, device)
    channels, size = (48, 32, 24, 16, 8), 64
    generator = StyleGenerator(64, channels, rng=rng)
    discriminator = StyleDiscriminator(channels, rng=rng)
    optimizer_g = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.99))
    optimizer_d = optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.0, 0.99))
    x = rng.uniform((batch, 3, size, size)) * 2 - 1

    def draw():
        z, y = rng.normal((batch, 64)), rng.normal((batch, 3, size, size)) / size
        return x, z, y, *generator.sample_noise(batch, rng)

    def train(x, z, y, *noise):
        fake = generator(z, noise)
        logits = discriminator(ops.concatenate(x, fake.detach()))
        loss_d = -losses.minimax_value(logits[:batch], logits[batch:]).mean()
        loss_d = loss_d + 4 * losses.r1(discriminator, x).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        lengths = losses.path_length(
            lambda w: generator.synthesis(w, noise), generator.mapping(z), y
        )
        adversarial = losses.non_saturating(discriminator(fake)).mean()
        loss_g = adversarial + 0.5 * ((lengths - 1) ** 2).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=optimizer_g.parameters)
        optimizer_g.step()
        return loss_d, loss_g

    return Step({"generator": generator, "discriminator": discriminator}, draw, train)
