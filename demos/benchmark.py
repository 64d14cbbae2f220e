"""How long does one training step take, here and in PyTorch?

    python demos/benchmark.py                              every step, this library alone
    python demos/benchmark.py conv_vae --against torch     the same step in PyTorch, in turn, and the ratio

Question to predict: of a convolutional VAE's step, how much is multiplications, and how much is moving numbers to where they are multiplied?

A step is everything between two minibatches: forward, loss, backward, optimizer. Each library runs in a fresh process of its own; the processes
take turns, a few steps each, so that a change in the machine's speed meets all of them alike. PyTorch runs in both of its memory formats and the
better counts. Compare ratios: times depend on the machine, and on what else it does. And compare like with like: the variable OPENBLAS_CORETYPE, set to Haswell
say, keeps NumPy's products from instructions newer than AVX2, and PyTorch's not.

Peak memory is the rise of the process's largest resident size over its first five steps.
"""

# %% Imports
from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

# %% The steps in tinygen. Each function builds a model and returns a function that makes one step.


def mlp_vae():
    """784-400-20-400-784, batch 128, Bernoulli likelihood + KL, Adam."""
    from tinygen import default_rng, losses, nn, optim, tensor

    rng = default_rng(0)
    encoder = nn.Sequential(nn.Linear(784, 400, rng=rng), nn.ReLU())
    to_mu, to_log_var = nn.Linear(400, 20, rng=rng), nn.Linear(400, 20, rng=rng)
    decoder = nn.Sequential(nn.Linear(20, 400, rng=rng), nn.ReLU(), nn.Linear(400, 784, rng=rng))
    optimizer = optim.Adam([p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()], lr=1e-3)
    x = tensor(rng.uniform((128, 784)))

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
        loss = (losses.bernoulli_nll(decoder(z), x) + losses.kl_to_standard_normal(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def conv_vae():
    """1x28x28, convolutions to 32 and 64 channels (kernel 4, stride 2), latent 32, and back; batch 128, squared error + KL, Adam."""
    from tinygen import default_rng, losses, nn, optim, tensor

    rng = default_rng(0)
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1, rng=rng), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1, rng=rng), nn.ReLU(), nn.Flatten()
    )
    to_mu, to_log_var = nn.Linear(3136, 32, rng=rng), nn.Linear(3136, 32, rng=rng)
    decoder = nn.Sequential(
        nn.Linear(32, 3136, rng=rng), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, rng=rng), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1, rng=rng), nn.Sigmoid(),
    )
    optimizer = optim.Adam([p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()], lr=1e-3)
    x = tensor(rng.uniform((128, 1, 28, 28)))

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
        loss = (losses.squared_error(decoder(z), x) + losses.kl_to_standard_normal(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def dcgan():
    """3x32x32, widths 256, 128, 64 and back, batch normalization, batch 64; one step of each network, non-saturating, Adam."""
    from tinygen import default_rng, grad, losses, optim, tensor
    from tinygen.models.dcgan import DCDiscriminator, DCGenerator

    rng = default_rng(0)
    make, judge = DCGenerator(rng=rng), DCDiscriminator(rng=rng)
    weights = [*make.parameters()]
    of_g, of_d = optim.Adam(weights, lr=2e-4, betas=(0.5, 0.999)), optim.Adam(judge.parameters(), lr=2e-4, betas=(0.5, 0.999))
    x = tensor(rng.uniform((64, 3, 32, 32)) * 2 - 1)

    def step():
        fake = make(rng.normal((64, 100)))
        loss = -losses.minimax_value(judge(x), judge(fake.detach())).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        for w, g in zip(weights, grad(losses.non_saturating(judge(fake)).mean(), weights), strict=True):
            w.grad = g
        of_g.step()

    return step


def ddpm_unet():
    """1x28x28, a U-Net of 32, 64 and 64 channels with attention at 7x7, batch 64; squared error of the noise at a random level, Adam."""
    from tinygen import default_rng, losses, optim
    from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, linear_schedule
    from tinygen.models.diffusion.unet import UNet

    rng = default_rng(0)
    network = UNet(rng=rng)
    optimizer = optim.Adam(network.parameters(), lr=2e-4)
    x = rng.uniform((64, 1, 28, 28)) * 2 - 1

    def step():
        t, eps = linear_schedule(rng.uniform((64,))), rng.normal(x.shape)
        loss = losses.squared_error(network(VARIANCE_PRESERVING.q_sample(x, eps, t), t), eps).mean() / 784
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


STEPS = {"mlp_vae": mlp_vae, "conv_vae": conv_vae, "dcgan": dcgan, "ddpm_unet": ddpm_unet}
TIMED = {"mlp_vae": 60, "conv_vae": 60, "dcgan": 20, "ddpm_unet": 20}  # steps, if --steps does not say: one of the last two costs 6 and 15 of conv_vae's

# %% The same steps in PyTorch, if it is installed.


def torch_dcgan(memory_format):
    import torch
    from torch import nn
    from torch.nn import functional as F

    def up(a, b):
        return nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU()

    def down(a, b):
        return nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2)

    first = nn.ConvTranspose2d(100, 256, 4, 1, 0, bias=False), nn.BatchNorm2d(256), nn.ReLU()
    make = nn.Sequential(*first, *up(256, 128), *up(128, 64), nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())
    judge = nn.Sequential(nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2), *down(64, 128), *down(128, 256), nn.Conv2d(256, 1, 4, 1, 0), nn.Flatten())
    make.to(memory_format=memory_format), judge.to(memory_format=memory_format)
    of_g, of_d = (torch.optim.Adam(m.parameters(), 2e-4, (0.5, 0.999)) for m in (make, judge))
    x = (torch.rand(64, 3, 32, 32) * 2 - 1).to(memory_format=memory_format)

    def step():
        fake = make(torch.randn(64, 100, 1, 1))
        loss = F.softplus(-judge(x)).mean() + F.softplus(judge(fake.detach())).mean()
        of_d.zero_grad()
        loss.backward()
        of_d.step()
        judge.requires_grad_(False)  # no gradients of its weights in the generator's step
        of_g.zero_grad()
        F.softplus(-judge(fake)).mean().backward()
        of_g.step()
        judge.requires_grad_(True)

    return step


def torch_ddpm_unet(memory_format):
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.norm1, self.conv1, self.told = nn.GroupNorm(8, a), nn.Conv2d(a, b, 3, 1, 1), nn.Linear(128, b)
            self.norm2, self.conv2 = nn.GroupNorm(8, b), nn.Conv2d(b, b, 3, 1, 1)
            self.past = nn.Conv2d(a, b, 1) if a != b else nn.Identity()

        def forward(self, x, told):
            h = self.conv1(F.silu(self.norm1(x))) + self.told(told)[:, :, None, None]
            return self.conv2(F.silu(self.norm2(h))) + self.past(x)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.condition = nn.Sequential(nn.Linear(32, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU())
            self.enter, self.down1, self.halve1 = nn.Conv2d(1, 32, 3, 1, 1), Block(32, 32), nn.Conv2d(32, 32, 3, 2, 1)
            self.down2, self.halve2 = Block(32, 64), nn.Conv2d(64, 64, 3, 2, 1)
            self.bottom1, self.norm, self.qkv, self.out, self.bottom2 = Block(64, 64), nn.GroupNorm(8, 64), nn.Linear(64, 192), nn.Linear(64, 64), Block(64, 64)
            self.double2, self.up2 = nn.Conv2d(64, 64, 3, 1, 1), Block(128, 64)
            self.double1, self.up1 = nn.Conv2d(64, 32, 3, 1, 1), Block(64, 32)
            self.last, self.leave = nn.GroupNorm(8, 32), nn.Conv2d(32, 1, 3, 1, 1)

        def forward(self, x, t):
            a = t[:, None] * 1000 * torch.exp(torch.arange(16) * (-9.21 / 16))
            told = self.condition(torch.cat([a.sin(), a.cos()], 1))
            h1 = self.down1(self.enter(x), told)
            h2 = self.down2(self.halve1(h1), told)
            h = self.bottom1(self.halve2(h2), told)
            q, k, v = self.qkv(self.norm(h).flatten(2).transpose(1, 2)).chunk(3, 2)
            looked = self.out(torch.softmax(q @ k.transpose(1, 2) / 8, -1) @ v)
            h = self.bottom2(h + looked.transpose(1, 2).reshape(h.shape), told)
            h = self.up2(torch.cat([self.double2(F.interpolate(h, scale_factor=2)), h2], 1), told)
            h = self.up1(torch.cat([self.double1(F.interpolate(h, scale_factor=2)), h1], 1), told)
            return self.leave(F.silu(self.last(h)))

    network = UNet().to(memory_format=memory_format)
    optimizer = torch.optim.Adam(network.parameters(), 2e-4)
    x = (torch.rand(64, 1, 28, 28) * 2 - 1).to(memory_format=memory_format)

    def step():
        u, eps = torch.rand(64), torch.randn_like(x)
        log_a = -(0.1 * u + 9.95 * u * u)
        alpha, sigma = torch.exp(log_a / 2), torch.sqrt(-torch.expm1(log_a))
        loss = F.mse_loss(network(alpha[:, None, None, None] * x + sigma[:, None, None, None] * eps, torch.atan2(sigma, alpha)), eps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def torch_step(name: str, channels_last: bool):
    """The step `name` in PyTorch, activations and weights in its default format or channels-last."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    if name in ("dcgan", "ddpm_unet"):
        return {"dcgan": torch_dcgan, "ddpm_unet": torch_ddpm_unet}[name](memory_format)
    if name == "mlp_vae":
        encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        to_mu, to_log_var = nn.Linear(400, 20), nn.Linear(400, 20)
        decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
        x = torch.rand(128, 784)
        reconstruction = F.binary_cross_entropy_with_logits
    else:
        encoder = nn.Sequential(nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Flatten())
        to_mu, to_log_var = nn.Linear(3136, 32), nn.Linear(3136, 32)
        decoder = nn.Sequential(
            nn.Linear(32, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1), nn.Sigmoid(),
        )
        x = torch.rand(128, 1, 28, 28).to(memory_format=memory_format)
        encoder.to(memory_format=memory_format), decoder.to(memory_format=memory_format)
        reconstruction = F.mse_loss
    optimizer = torch.optim.Adam([p for m in (encoder, to_mu, to_log_var, decoder) for p in m.parameters()], 1e-3)

    def step():
        h = encoder(x)
        mu, log_var = to_mu(h), to_log_var(h)
        z = mu + torch.randn_like(mu) * (0.5 * log_var).exp()
        kl = 0.5 * (mu * mu + log_var.exp() - log_var - 1).sum() / len(x)
        loss = reconstruction(decoder(z), x, reduction="sum") / len(x) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


# %% A process for each library: it builds the step, reports its memory, then makes steps when it is told to.


def peak_mib() -> float:
    """The largest resident size of this process so far, in MiB (Linux counts it in KiB, macOS in bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def work(library: str, name: str) -> None:
    """The body of a worker process: answers each line `n` on standard input with the milliseconds of n steps."""
    step = STEPS[name]() if library == "tinygen" else torch_step(name, library.endswith("channels_last"))
    before = peak_mib()
    for _ in range(5):
        step()
    print(json.dumps({"memory": peak_mib() - before}), flush=True)
    for line in sys.stdin:
        times = []
        step(), step()  # not timed: the other process has had the caches, and its threads may still be falling asleep
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


class Worker:
    """A library's process, seen from here."""

    def __init__(self, library: str, name: str):
        self.library, self.times = library, []
        command = [sys.executable, __file__, name, "--worker", library]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.memory = self.answer()["memory"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.library} stopped with exit status {self.process.wait()}; its message is above")
        return json.loads(line)

    def run(self, steps: int) -> None:
        print(steps, file=self.process.stdin, flush=True)
        self.times += self.answer()

    def __str__(self) -> str:
        return f"{self.library:22s} {min(self.times):8.2f} {statistics.median(self.times):8.2f} {self.memory:8.1f}"


# %% What one op costs beyond its arithmetic, on arrays of one element: in units of NumPy's own `a * a`.


def overhead(repeats: int) -> dict[str, float]:
    """Chains of 1000 products, forward and backward, and of NumPy's a * a, in turn; CPU times, so that other processes count less."""
    import numpy as np

    from tinygen import tensor

    a = np.ones(1, np.float32)
    t = tensor(a, requires_grad=True)
    clock, ratios = time.thread_time, {"forward": [], "backward": []}
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
    return {name: statistics.median(values) for name, values in ratios.items()}


# %% Take turns and print.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    which = f"which steps: {', '.join(STEPS)}, or op, the cost of one op (default: all; 3 to 45 seconds of one core each, three times that against PyTorch)"
    parser.add_argument("names", nargs="*", metavar="NAME", help=which)
    parser.add_argument("--against", choices=["torch"], help="run the same steps in PyTorch in turn and print the ratio")
    parser.add_argument("--steps", type=int, help="how many steps to time in each process (default: 60, of dcgan and ddpm_unet 20)")
    parser.add_argument("--out", type=pathlib.Path, help="write the figures into this folder too, as benchmark.json")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if unknown := set(args.names) - {*STEPS, "op"}:
        parser.error(f"no step called {', '.join(sorted(unknown))}; there are {', '.join(STEPS)} and op")
    if args.steps is not None and args.steps < 1:
        parser.error(f"--steps {args.steps}: there must be at least one step to time")
    if args.against and importlib.util.find_spec(args.against) is None:
        parser.error("--against torch: PyTorch is not installed here; pip install torch, or leave --against out")
    if args.worker:
        return work(args.worker, args.names[0])
    if args.against and (core := os.environ.get("OPENBLAS_CORETYPE")):
        print(f"OPENBLAS_CORETYPE={core} holds NumPy's products to that processor's instructions, and PyTorch's not: unset it, or hold PyTorch back too "
              "(for Haswell, ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2)")  # fmt: skip
    figures = {}
    names = args.names or [*STEPS, "op"]
    if "op" in names:
        figures["op"] = overhead(args.steps or 60)
        print(f"one op of one element: forward {figures['op']['forward']:.1f} times a * a in NumPy, backward {figures['op']['backward']:.1f} times\n")
        names = [name for name in names if name != "op"]
    if names:
        print(f"{'step':10s} {'library':22s} {'min ms':>8s} {'median':>8s} {'peak MiB':>8s}")
    for name in names:
        libraries = ["tinygen"] + (["torch contiguous"] + ["torch channels_last"] * (name != "mlp_vae") if args.against else [])
        workers = [Worker(library, name) for library in libraries]
        steps = args.steps or TIMED[name]
        for done in range(0, steps, 10):
            for worker in workers:
                worker.run(min(10, steps - done))
        for worker in workers:
            print(f"{name:10s} {worker}")
            worker.process.stdin.close()
            worker.process.wait()
        figures[name] = {w.library: {"min_ms": min(w.times), "median_ms": statistics.median(w.times), "peak_mib": w.memory} for w in workers}
        if args.against:
            best = {k: min(f[k] for lib, f in figures[name].items() if lib != "tinygen") for k in ("min_ms", "median_ms", "peak_mib")}
            ratios = {k: figures[name]["tinygen"][k] / best[k] for k in best if best[k]}
            figures[name]["ratio"] = ratios
            print(f"{name:10s} {'ratio to the better':22s} " + " ".join(f"{ratios.get(k, float('nan')):8.2f}" for k in best))
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "benchmark.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

# %% Try
# - In `conv_vae`, replace kernel 4 by 2 and padding 1 by 0: a quarter of the multiplications. Is it four times faster?
# - Run with TINYGEN_THREADS=1, then 2: the ratio of the two is the share of the step that is cut into chunks.
# - Start a second benchmark beside the first: which library slows by more than its share?
