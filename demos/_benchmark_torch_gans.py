"""The steps of the benchmark in PyTorch: adversarial networks, as in _benchmark_tinygen_gans.py."""

from __future__ import annotations

import torch
from _benchmark_step import Step
from _benchmark_torch_networks import (
    DCDiscriminator,
    DCGenerator,
    PatchDiscriminator,
    PixToPixUNet,
    ResidualUNet,
)
from _benchmark_torch_stylegan import StyleDiscriminator, StyleGenerator
from torch.nn.functional import l1_loss, softplus


def place(networks, memory_format):
    """Put the weights of networks into a memory format."""
    for network in networks.values():
        network.to(memory_format=memory_format)
    return networks


def random_pictures(shape, memory_format):
    """Draw numbers from -1 to 1."""
    return (torch.rand(shape) * 2 - 1).contiguous(memory_format=memory_format)


def adam(networks, lr, betas):
    """Build an optimizer of all parameters of these networks."""
    parameters = [p for network in networks for p in network.parameters()]
    return torch.optim.Adam(parameters, lr, betas), parameters


def dcgan(memory_format, batch=64):
    generator, discriminator = DCGenerator(), DCDiscriminator()
    networks = {"generator": generator, "discriminator": discriminator}
    place(networks, memory_format)
    optimizer_g, parameters_g = adam([generator], 2e-4, (0.5, 0.999))
    optimizer_d, _ = adam([discriminator], 2e-4, (0.5, 0.999))
    x = random_pictures((batch, 3, 32, 32), memory_format)

    def draw():
        return x, torch.randn(batch, 100, device=x.device)

    def train(x, z):
        fake = generator(z)
        loss_real = softplus(-discriminator(x)).mean()
        loss_d = loss_real + softplus(discriminator(fake.detach())).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = softplus(-discriminator(fake)).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=parameters_g)
        optimizer_g.step()
        return loss_d, loss_g

    return Step(networks, draw, train)


def squared_gradient_norm(f, x):
    """Return |grad_x f(x)|^2 per example, as a function of the weights of f."""
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return (g * g).flatten(1).sum(1)


def wgan_gp(memory_format, batch=64):
    generator, critic = DCGenerator(), DCDiscriminator(batch_norm=False)
    networks = place({"generator": generator, "critic": critic}, memory_format)
    optimizer, _ = adam([critic], 2e-4, (0.0, 0.9))
    x = random_pictures((batch, 3, 32, 32), memory_format)

    def draw():
        z, t = torch.randn(batch, 100, device=x.device), torch.rand(batch, device=x.device)
        return x, z, t

    def train(x, z, t):
        with torch.no_grad():
            fake = generator(z)
        t = t[:, None, None, None]
        norm = torch.sqrt(squared_gradient_norm(critic, t * x + (1 - t) * fake) + 1e-12)
        loss = critic(fake).mean() - critic(x).mean() + 10 * ((norm - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return (loss,)

    return Step(networks, draw, train)


def pix2pix(memory_format, batch=8):
    generator = PixToPixUNet(1, 3, (32, 64, 128, 256), 0.1)
    discriminator = PatchDiscriminator(4, 32, 64, 128)
    networks = {"generator": generator, "discriminator": discriminator}
    place(networks, memory_format)
    optimizer_g, parameters_g = adam([generator], 2e-3, (0.0, 0.99))
    optimizer_d, _ = adam([discriminator], 2e-3, (0.0, 0.99))
    x = random_pictures((batch, 1, 64, 64), memory_format)
    y = random_pictures((batch, 3, 64, 64), memory_format)

    def draw():
        return x, y

    def train(x, y):
        fake = generator(x)
        loss_real = softplus(-discriminator(x, y)).mean()
        loss_d = loss_real + softplus(discriminator(x, fake.detach())).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        loss_g = softplus(-discriminator(x, fake)).mean() + 100 * l1_loss(fake, y)
        optimizer_g.zero_grad()
        loss_g.backward(inputs=parameters_g)
        optimizer_g.step()
        return loss_d, loss_g

    return Step(networks, draw, train)


class ImagePool:
    """As in cyclegan.py."""

    def __init__(self, shape, size=50):
        self.images, self.num_stored = torch.zeros(size, *shape), 0

    def query(self, new_images):
        n, size = len(new_images), len(self.images)
        if self.num_stored < size:
            first = new_images[: size - self.num_stored]
            self.images[self.num_stored : self.num_stored + len(first)] = first
            self.num_stored += len(first)
            return new_images
        use_old = torch.rand(n, 1, 1, 1, device=self.images.device) < 0.5
        places = torch.randperm(size, device=self.images.device)[:n]
        old_images = self.images[places]
        self.images[places] = torch.where(use_old, new_images, old_images)
        return torch.where(use_old, old_images, new_images)


def cyclegan(memory_format, batch=4):
    G, F, D_X, D_Y = ResidualUNet(), ResidualUNet(), *(PatchDiscriminator(3, 24, 48) for _ in "XY")
    networks = place({"G": G, "F": F, "D_X": D_X, "D_Y": D_Y}, memory_format)
    pool_x, pool_y = ImagePool((3, 32, 32)), ImagePool((3, 32, 32))
    optimizer_g, parameters_g = adam([G, F], 3e-3, (0.0, 0.99))
    optimizer_d, _ = adam([D_X, D_Y], 3e-3, (0.0, 0.99))
    x, y = (random_pictures((batch, 3, 32, 32), memory_format) for _ in range(2))

    def draw():
        return x, y

    def least_squares(output, target):
        return 0.5 * ((output - target) ** 2).mean()

    def discriminator_loss(D, real, fake):
        return least_squares(D(real), 1.0) + least_squares(D(fake), 0.0)

    def train(x, y):
        fake_y, G_y = G(torch.cat([x, y])).split(batch)
        fake_x, F_x = F(torch.cat([y, x])).split(batch)
        cycle_loss = l1_loss(F(fake_y), x) + l1_loss(G(fake_x), y)
        identity_loss = l1_loss(G_y, y) + l1_loss(F_x, x)
        adversarial = least_squares(D_Y(fake_y), 1.0) + least_squares(D_X(fake_x), 1.0)
        loss_g = adversarial + 2 * cycle_loss + identity_loss
        optimizer_g.zero_grad()
        loss_g.backward(inputs=parameters_g)
        optimizer_g.step()
        loss_d_y = discriminator_loss(D_Y, y, pool_y.query(fake_y.detach()))
        loss_d_x = discriminator_loss(D_X, x, pool_x.query(fake_x.detach()))
        loss_d = loss_d_x + loss_d_y
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        return loss_g, loss_d

    return Step(networks, draw, train)


def stylegan2(memory_format, batch=8):
    channels, size = (48, 32, 24, 16, 8), 64
    generator, discriminator = StyleGenerator(64, channels), StyleDiscriminator(channels)
    networks = {"generator": generator, "discriminator": discriminator}
    place(networks, memory_format)
    optimizer_g, parameters_g = adam([generator], 1e-3, (0.0, 0.99))
    optimizer_d, _ = adam([discriminator], 1e-3, (0.0, 0.99))
    x = random_pictures((batch, 3, size, size), memory_format)
    noise_sizes = (4, 8, 8, 16, 16, 32, 32, 64, 64)
    shapes = [(batch, 64), x.shape, *((batch, 1, side, side) for side in noise_sizes)]

    def draw():
        z, y, *noise = (torch.randn(shape, device=x.device) for shape in shapes)
        return x, z, y / size, *noise

    def path_lengths(w, y, noise):
        (g,) = torch.autograd.grad((generator.synthesis(w, noise) * y).sum(), w, create_graph=True)
        return torch.sqrt((g * g).sum(1) + 1e-12)

    def train(x, z, y, *noise):
        fake = generator(z, noise)
        real_logits, fake_logits = discriminator(torch.cat([x, fake.detach()])).split(batch)
        loss_d = softplus(-real_logits).mean() + softplus(fake_logits).mean()
        loss_d = loss_d + 4 * 0.5 * squared_gradient_norm(discriminator, x).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        penalty = ((path_lengths(generator.mapping(z), y, noise) - 1) ** 2).mean()
        loss_g = softplus(-discriminator(fake)).mean() + 0.5 * penalty
        optimizer_g.zero_grad()
        loss_g.backward(inputs=parameters_g)
        optimizer_g.step()
        return loss_d, loss_g

    return Step(networks, draw, train)
