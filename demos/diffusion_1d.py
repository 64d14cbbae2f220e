"""Diffusion on a line, where all of it can be seen: a density melts into noise, and is made of noise again (Song et al., 2021, figure 2).

Question to predict, before you run it: there are two ways back. One adds fresh noise at each step, and its paths are jagged; the other is an ordinary
differential equation, and its paths are smooth. At each moment both crowds have the same density. On the smooth way, can two paths cross? So where does the point
end that was the lowest of all in the noise? And if you take ten steps instead of a hundred, which way suffers more?

    python demos/diffusion_1d.py                                    a network that is asked for the velocity
    python demos/diffusion_1d.py --kind noise                       or for the noise, or for the data
    python demos/diffusion_1d.py --spacing linear                   levels as in 2020
    python demos/diffusion_1d.py --sampling-steps 10                fewer steps back

It draws evolution.png: from data to noise, exactly; and what the network makes of noise, on the stochastic way and on the ordinary one. Blue at either side is
the exact density, orange the one that is found. guess.png: the best guess of the data at three levels, and the learned one. curves.png: the loss beside the least
that is possible in the mean, which is known here and is not zero.

Three one-line changes, and what each should show (unchanged: total variation from the data 0.041 on the stochastic way, 0.046 on the ordinary one, where 20,000
points of the data themselves have 0.020; negative log-likelihood 0.936 nats, the data's entropy is 0.928):

1. `np.linspace(LAST, 0, 11)` in `back`, ten steps: 0.154 and 0.146. Both heaps and gaps are blurred.
2. with these ten steps, `rng=source, variance=1.0`: 0.089. The small variance, 0, is right for data that are one point; steps as long as these have more to
   leave open. Few steps need it learned (objectives.py).
3. `exact.sample(300, ...)`, few data: 0.057 and 0.059, 0.945 nats. Not much worse: the network is too smooth to tell 300 points from the curve behind them.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run
from figures.diffusion import save_evolution

from tinygen import data, default_rng, losses, optim
from tinygen.backend import to_device, to_numpy
from tinygen.models.diffusion import objectives, samplers, schedules
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.likelihood import log_likelihood
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING
from tinygen.models.diffusion.unet import MLPDenoiser
from tinygen.plot import save_curves

SPACINGS = {"cosine": schedules.cosine_schedule, "linear": schedules.linear_schedule}
p = parser(__doc__, steps={"three modes": 2000}, takes={"three modes": "half a minute"}, batch=256)
p.add_argument("--kind", choices=objectives.PARAMETRIZATIONS, default="velocity", help="what the network is asked for (default: velocity)")
p.add_argument("--spacing", choices=list(SPACINGS), default="cosine", help="of the levels (default: cosine)")
p.add_argument("--sampling-steps", type=natural, default=100, metavar="N", help="from noise to data (default: 100)")
args = parse(p)
RATE = 5e-3

# %% Data: numbers (n, 1) from a mixture of Gaussians, of which all is known at every level
exact = ExactMixture(weights=np.array([0.3, 0.3, 0.4]), means=np.array([[-1.5], [-0.2], [1.3]]), stds=np.array([0.15, 0.3, 0.2]))
points = exact.sample(100_000, default_rng(1)).astype(np.float32)
loader = data.Loader(points, batch_size=args.batch, seed=args.seed)

# %% The network
rng = default_rng(args.seed, args.device)
network = MLPDenoiser(1, (64, 64, 64), rng=rng)
optimizer = optim.Adam(network.parameters(), betas=(0.9, 0.99))
average = optim.ExponentialMovingAverage(network, 0.99)
level = SPACINGS[args.spacing]

# %% Training
run = Run(args, network=network, optimizer=optimizer, average=average, loader=loader, rng=rng)
for step in run.steps():
    x0 = to_device(next(loader), args.device)
    t, eps = level(rng.uniform((args.batch,))), rng.normal(x0.shape)
    loss = losses.squared_error(network(VARIANCE_PRESERVING.q_sample(x0, eps, t), t), objectives.target(args.kind, x0, eps, t)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    average.update()
    run.log(loss=loss)

# %% The least loss: of the best answer, a mean over 200 levels
numpy_rng = np.random.default_rng(2)
u = (np.arange(200) + 0.5) / 200
least = []
for t in map(float, level(u)):
    x0, eps = points[numpy_rng.integers(0, len(points), 5000)].astype(np.float64), numpy_rng.normal(size=(5000, 1))
    best = exact.denoise(VARIANCE_PRESERVING.q_sample(x0, eps, t), t)
    least.append(((objectives.target(args.kind, x0, eps, t) - objectives.target(args.kind, best.x0, best.eps, t)) ** 2).mean())
least = float(np.mean(least))

# %% From data to noise: the exact density at 101 moments, and the ways of five points that are noised little by little
X = np.linspace(-3.2, 3.2, 321)
DX = X[1] - X[0]
moments = np.linspace(0, 1, 101)
levels = [float(level(u)) for u in moments]
density = np.stack([np.exp(exact.log_density(X[:, None], t)) for t in levels], axis=1)  # (321, 101)
ways = [np.array([[-1.5], [-0.2], [0.1], [1.2], [1.5]])]
for s, t in zip(levels, levels[1:], strict=False):
    up = objectives.posterior(t, s, ways[-1])
    ways.append(VARIANCE_PRESERVING.coefficients(t).alpha / VARIANCE_PRESERVING.coefficients(s).alpha * ways[-1] + up.large**0.5 * numpy_rng.normal(size=(5, 1)))

# %% And back, by the network with its averaged weights: at each level all points are kept
LAST = 0.998  # at 1 there is nothing to be seen of the data, and to know the noise there is to know nothing of them
back = [float(level(u)) for u in np.linspace(LAST, 0, args.sampling_steps + 1)]
denoise = objectives.denoiser(network, args.kind)


def carried(sampler, x, **settings):
    """x (n, 1), carried from noise to data: where its points are at each level, (n, steps + 1), from data to noise."""
    seen = [to_numpy(x)[:, 0]]

    def keep(x, t):
        seen.append(to_numpy(x)[:, 0])
        return x

    with average.average_parameters():
        sampler(denoise, x, back, after=keep, **settings)
    return np.stack(seen[::-1], axis=1).astype(np.float64)


def histogram(x):
    """The density of points (n,) at X, in cells as wide as three of its steps."""
    counts = np.histogram(x, bins=np.append(X - DX / 2, X[-1] + DX / 2))[0] / (len(x) * DX)
    return np.convolve(counts, np.ones(3) / 3, mode="same")


def spread(ends):
    """The density at X of equal masses, each spread evenly between two neighbours of `ends`, in order."""
    width = np.maximum(np.diff(ends), 2 * DX)
    middle = (ends[1:] + ends[:-1]) / 2
    below = np.clip((X[:, None] + DX / 2 - (middle - width / 2)) / width, 0, 1).mean(axis=1)
    return np.diff(below, prepend=below[0]) / DX


def at_moments(table):
    """(n, steps + 1) at the sampler's moments to (n, 101)."""
    places = np.searchsorted(back[::-1], levels).clip(0, len(back) - 1)
    return table[:, places]


print("Sampling ...", flush=True)
source = default_rng(args.seed + 1, args.device)
noise = np.array([NormalDist().inv_cdf(v) for v in (np.arange(2001) + 0.5) / 2001], np.float32)[:, None]  # equal mass between neighbours
jagged = at_moments(carried(samplers.ancestral, source.normal((20_000, 1)), rng=source))
smooth = at_moments(carried(samplers.heun, to_device(noise, args.device)))
found = {"jagged": np.stack([histogram(x) for x in jagged.T], axis=1), "smooth": np.stack([spread(np.sort(x)) for x in smooth.T], axis=1)}

# %% How near? The density of the ordinary way is known exactly: log p(x) by following the ODE to the noise
with average.average_parameters():
    log_q = to_numpy(log_likelihood(denoise, to_device(X[:, None].astype(np.float32), args.device), 50, start=1e-3, end=back[0])).astype(np.float64)
log_p = exact.log_density(X[:, None])
entropy, nll = float(-(np.exp(log_p) * log_p).sum() * DX), float(-(np.exp(log_p) * log_q).sum() * DX)
variation = {name: float(0.5 * np.abs(f[:, 0] - density[:, 0]).sum() * DX) for name, f in found.items()}
floor = float(0.5 * np.abs(histogram(exact.sample(20_000, default_rng(3))[:, 0]) - density[:, 0]).sum() * DX)
last = run.history["loss"][-200:]
kept, error = float(np.mean(last)), float(np.std(last) / len(last) ** 0.5)
print(f"Loss {kept:.4f} +- {error:.4f}, the least possible {least:.4f}. Negative log-likelihood {nll:.4f} nats, the data's entropy {entropy:.4f}\n"
      f"Total variation from the data in {args.sampling_steps} steps: stochastic {variation['jagged']:.3f}, ordinary {variation['smooth']:.3f} "
      f"(as many points of the data: {floor:.3f})")  # fmt: skip

# %% Pictures
sides = {"exact": (density[:, 0], density[:, -1])}
panels = {
    "From data to noise": {"density": density, "paths": np.stack(ways, axis=2)[:, 0], **sides, "estimated": (None, None),
                           "note": "exact; five points, noised little by little"},
    "Back, with fresh noise at each step": {"density": found["jagged"], "paths": jagged[:5], **sides, "estimated": (found["jagged"][:, 0], None),
                                            "note": f"the network, {args.sampling_steps} steps: total variation {variation['jagged']:.3f}"},
    "Back, by the ordinary differential equation": {"density": found["smooth"], "paths": smooth[100::150], **sides, "estimated": (found["smooth"][:, 0], None),
                                                    "note": f"the network, {args.sampling_steps} steps: total variation {variation['smooth']:.3f}"},
}  # fmt: skip
save_evolution(args.out / "evolution.png", X, panels)
save_curves(args.out / "curves.png", {"loss": (np.arange(args.steps), run.history["loss"]), "least possible": (np.arange(args.steps), np.full(args.steps, least))})
few = to_device(X[:, None].astype(np.float32), args.device)
guesses = {}
for t in (0.3, 0.8, 1.3):
    with average.average_parameters():
        guesses[f"learned, level {t}"] = (X, to_numpy(denoise(few, t).x0)[:, 0])
    guesses[f"best, level {t}"] = (X, exact.denoise(X[:, None], t).x0[:, 0])
save_curves(args.out / "guess.png", guesses, xlabel="x at this level", ylabel="guess of the data", smooth=False)
run.write_metrics(picture="evolution.png", loss=kept, least_loss=least, nll=nll, entropy=entropy, total_variation_floor=floor,
                  **{f"total_variation_{name}": v for name, v in variation.items()})  # fmt: skip
