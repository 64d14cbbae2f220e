# %% [markdown]
"""Diffusion on a line, where all densities can be seen.

Data become noise, and noise becomes data again (Song et al., Score-Based
Generative Modeling through Stochastic Differential Equations, 2021, figure 2).

Question to predict before you run it: there are two ways back from noise to
data. One adds fresh noise in each step, so its paths are jagged. The other
follows an ordinary differential equation (ODE), so its paths are smooth. Both
have the same density at each time. Can two smooth paths cross? So where does
the lowest point of the noise end? And which of the two ways loses more if it
takes ten steps instead of a hundred?

    python demos/diffusion_1d.py                         the network predicts
                                                         the velocity
    python demos/diffusion_1d.py --parametrization eps   ... the noise (or x0)
    python demos/diffusion_1d.py --schedule linear       DDPM's schedule
    python demos/diffusion_1d.py --sampling-steps 10     fewer steps

It draws
    evolution.png   from data to noise, exactly; then from noise to data by
                    the network, on the stochastic and on the deterministic
                    way. At both sides blue is the exact density, and orange
                    the estimated one
    predictions.png the best prediction of the data at three times, and the
                    learned one
    curves.png      the loss and the least possible one, which is known
                    here and is not zero

Three changes to try:

1. `--sampling-steps 10`: ten steps back instead of a hundred.
2. With ten steps, the large variance of ancestral sampling: add
   `variance_weight=1.0` to the call that samples the stochastic paths.
3. `exact.sample(300, ...)`: only 300 training points.
"""

# %%
# Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _noise import normal_quantiles
from _run import Run
from figures.diffusion import Evolution

from tinygen import data, default_rng, losses, optim
from tinygen.backend import to_device, to_numpy
from tinygen.models.diffusion import objectives, samplers, schedules
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.likelihood import log_likelihood
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.posterior import posterior
from tinygen.plot import Caption, save_curves, save_page

SCHEDULES = {"cosine": schedules.cosine_schedule, "linear": schedules.linear_schedule}
p = parser(__doc__, steps={"three modes": 2000}, takes={"three modes": "ten seconds"}, batch=256)
p.add_argument(
    "--parametrization",
    choices=objectives.PARAMETRIZATIONS,
    default="v",
    help="what the network predicts: the noise eps, the data x0 or the velocity v (default: v)",
)
p.add_argument(
    "--schedule",
    choices=list(SCHEDULES),
    default="cosine",
    help="distribution of the noise levels (default: cosine)",
)
p.add_argument(
    "--sampling-steps",
    type=natural,
    default=100,
    metavar="N",
    help="number of steps from noise to data (default: 100)",
)
args = parse(p)
LR = 5e-3  # learning rate at the first step
EMA_DECAY = 0.99  # of the averages of the weights
# Sampling begins a little before pure noise. There x contains nothing of the data, so a network
# that predicts the noise does not determine them.
FIRST_FRACTION = 0.998

# %%
# Data: numbers (n, 1) from a mixture of Gaussians, whose density at each time is known
exact = ExactMixture(
    weights=np.array([0.3, 0.3, 0.4]),
    means=np.array([[-1.5], [-0.2], [1.3]]),
    stds=np.array([0.15, 0.3, 0.2]),
)
points = exact.sample(100_000, default_rng(1)).astype(np.float32)
loader = data.Loader(points, batch_size=args.batch, seed=args.seed)

# %%
# The network
rng = default_rng(args.seed, args.device)
network = MLPDenoiser(1, (64, 64, 64), rng=rng)
optimizer = optim.Adam(network.parameters(), lr=LR, betas=(0.9, 0.99))
lr_schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
ema = optim.ExponentialMovingAverage(network, EMA_DECAY)
noise_schedule = SCHEDULES[args.schedule]

# %%
# Training: least squares between the prediction and its target
run = Run(args, network=network, optimizer=optimizer, ema=ema, loader=loader, rng=rng)
batches = loader.forever()
for step in run.steps():
    lr_schedule.set(step)
    x0 = to_device(next(batches), args.device)
    t = noise_schedule(rng.uniform((args.batch,)))
    eps = rng.normal(x0.shape)
    x_t = VARIANCE_PRESERVING.q_sample(x0, eps, t)
    target = objectives.target(args.parametrization, x0, eps, t)
    loss = losses.squared_error(network(x_t, t), target).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update()
    run.log(loss=loss)

# %%
# The least possible loss: that of the best prediction, a mean over 200 times
numpy_rng = np.random.default_rng(2)
least_by_time = []
for t in map(float, noise_schedule((np.arange(200) + 0.5) / 200)):
    x0 = points[numpy_rng.integers(0, len(points), 5000)].astype(np.float64)
    eps = numpy_rng.normal(size=(5000, 1))
    best = exact.denoise(VARIANCE_PRESERVING.q_sample(x0, eps, t), t)
    target = objectives.target(args.parametrization, x0, eps, t)
    best_output = objectives.target(args.parametrization, best.x0, best.eps, t)
    least_by_time.append(((target - best_output) ** 2).mean())
least_loss = float(np.mean(least_by_time))

# %%
# From data to noise: the exact density at 101 times, and the paths of five points
X = np.linspace(-3.2, 3.2, 321)
DX = X[1] - X[0]
times = [float(noise_schedule(u)) for u in np.linspace(0, 1, 101)]
density = np.stack([np.exp(exact.log_density(X[:, None], t)) for t in times], axis=1)  # (321, 101)
forward_paths = [np.array([[-1.5], [-0.2], [0.1], [1.2], [1.5]])]
for s, t in zip(times, times[1:], strict=False):
    # one step forward: x_t = (alpha_t / alpha_s) x_s + sqrt(beta) noise
    x_s = forward_paths[-1]
    beta = posterior(t, s, x_s).beta
    alpha_t, alpha_s = (VARIANCE_PRESERVING.coefficients(time).alpha for time in (t, s))
    forward_paths.append(alpha_t / alpha_s * x_s + beta**0.5 * numpy_rng.normal(size=(5, 1)))
forward_paths = np.stack(forward_paths, axis=2)[:, 0]  # (5, 101)

# %%
# From noise to data by the network, with the averages of its weights
sampling_times = [
    float(noise_schedule(u)) for u in np.linspace(FIRST_FRACTION, 0, args.sampling_steps + 1)
]
denoise = objectives.denoiser(network, args.parametrization)


def sample_paths(sampler, x, **settings):
    """Follow the points x (n, 1) from noise to data.

    Returns their positions (n, 101) at the times of the exact density, from data to noise.
    """
    positions = [to_numpy(x)[:, 0]]

    def record(x, t):
        positions.append(to_numpy(x)[:, 0])
        return x

    with ema.average_parameters():
        sampler(denoise, x, sampling_times, callback=record, **settings)
    positions = np.stack(positions[::-1], axis=1).astype(np.float64)  # (n, steps + 1)
    columns = np.searchsorted(sampling_times[::-1], times).clip(0, args.sampling_steps)
    return positions[:, columns]


def histogram_density(x):
    """Estimate the density of points (n,) at X, in cells three steps of X wide."""
    edges = np.append(X - DX / 2, X[-1] + DX / 2)
    counts = np.histogram(x, bins=edges)[0] / (len(x) * DX)
    return np.convolve(counts, np.ones(3) / 3, mode="same")


def quantile_density(x):
    """Estimate the density at X if equal probabilities lie between neighbours of x (n,).

    Each is spread evenly over its interval.
    """
    x = np.sort(x)
    width = np.maximum(np.diff(x), 2 * DX)
    middle = (x[1:] + x[:-1]) / 2
    cdf = np.clip((X[:, None] + DX / 2 - (middle - width / 2)) / width, 0, 1).mean(axis=1)
    return np.diff(cdf, prepend=cdf[0]) / DX


print("Sampling ...", flush=True)
sampling_rng = default_rng(args.seed + 1, args.device)
noise = sampling_rng.normal((20_000, 1))
stochastic = sample_paths(samplers.ancestral, noise, rng=sampling_rng)
# Smooth paths do not cross, so quantiles of the noise become the same quantiles of the samples.
quantiles = normal_quantiles((np.arange(2001) + 0.5) / 2001).astype(np.float32)[:, None]
deterministic = sample_paths(samplers.heun, to_device(quantiles, args.device))
estimated = {
    "stochastic": np.stack([histogram_density(x) for x in stochastic.T], axis=1),
    "deterministic": np.stack([quantile_density(x) for x in deterministic.T], axis=1),
}

# %%
# Evaluation
# The density of the deterministic way is known exactly: log p(x) by following the ODE to the noise.
on_device = to_device(X[:, None].astype(np.float32), args.device)  # (321, 1)
with ema.average_parameters():
    log_q = log_likelihood(denoise, on_device, 50, start=1e-3, end=sampling_times[0])
log_q = to_numpy(log_q).astype(np.float64)
log_p = exact.log_density(X[:, None])
entropy = float(-(np.exp(log_p) * log_p).sum() * DX)
nll = float(-(np.exp(log_p) * log_q).sum() * DX)


def total_variation(p):
    """The total variation distance from the density of the data: 0 is equal, 1 is disjoint."""
    return float(0.5 * np.abs(p - density[:, 0]).sum() * DX)


distances = {name: total_variation(p[:, 0]) for name, p in estimated.items()}
floor = total_variation(histogram_density(exact.sample(20_000, default_rng(3))[:, 0]))
last_losses = run.history["loss"][-200:]
final_loss = float(np.mean(last_losses))
standard_error = float(np.std(last_losses) / len(last_losses) ** 0.5)
print(
    f"Loss {final_loss:.4f} +- {standard_error:.4f}, the least possible is {least_loss:.4f}. "
    f"Negative log-likelihood {nll:.4f} nats, the entropy of the data is {entropy:.4f}\n"
    f"Total variation distance from the data after {args.sampling_steps} steps: stochastic "
    f"{distances['stochastic']:.3f}, deterministic {distances['deterministic']:.3f} "
    f"(as many points of the data: {floor:.3f})"
)

# %%
# Pictures
exact_ends = (density[:, 0], density[:, -1])
forward = Evolution(
    X,
    density,
    forward_paths,
    exact_ends,
    direction="noise is added  \u2192",
    title="Data become noise: density, and five points",
)
titles = {
    "stochastic": "Back with fresh noise: paths cross",
    "deterministic": "Back without it: smooth paths, the same densities",
}
backward = []
for name, paths in (("stochastic", stochastic), ("deterministic", deterministic)):
    by_end = paths[paths[:, 0].argsort()]
    panel = Evolution(
        X,
        estimated[name],
        by_end[len(paths) // 10 :: len(paths) // 5],  # five points that end in different places
        exact_ends,
        estimated=estimated[name][:, 0],
        direction=f"\u2190  in {args.sampling_steps} steps",
        title=titles[name],
    )
    backward.append(panel)
misplaced = [f"{distances[name]:.0%}" for name in titles]
key = Caption(
    "Blue: the density at each time. The smooth paths never cross.\n"
    f"Wrongly placed samples: {misplaced[0]} with fresh noise, {misplaced[1]} without."
)
save_page(args.out / "evolution.png", [forward, *backward, key])
steps = np.arange(args.steps)
least_curve = np.full(args.steps, least_loss)
curves = {"loss": (steps, run.history["loss"]), "least possible": (steps, least_curve)}
save_curves(args.out / "curves.png", curves)
predictions = {}
for t in (0.3, 0.8, 1.3):
    with ema.average_parameters():
        predictions[f"learned, t = {t}"] = (X, to_numpy(denoise(on_device, t).x0)[:, 0])
    predictions[f"best, t = {t}"] = (X, exact.denoise(X[:, None], t).x0[:, 0])
save_curves(
    args.out / "predictions.png",
    predictions,
    xlabel="x at this time",
    ylabel="prediction of the data",
    smooth=False,
    height=700,
)
run.write_metrics(
    picture="evolution.png",
    loss=final_loss,
    least_loss=least_loss,
    nll=nll,
    entropy=entropy,
    total_variation_floor=floor,
    **{f"total_variation_{name}": distance for name, distance in distances.items()},
)

# %% [markdown]
# ## What you should see
#
# The question. Two solutions of an ODE never cross. So the points keep their order, and the lowest
# point of the noise becomes the lowest of the data. The stochastic paths cross. With ten steps
# both ways lose about the same.
#
# `python demos/diffusion_1d.py`, ten seconds: the total variation distance from the data is 0.039
# on the stochastic way (0.048 and 0.041 with the seeds 1 and 2) and 0.045 on the deterministic one
# (0.071, 0.053). 20,000 points of the data themselves have 0.019. The negative log-likelihood is
# 0.936 nats (0.944, 0.937), and the entropy of the data is 0.928.
#
# The three changes (seed 0):
#
# 1. Ten steps: the distances are 0.129 on the stochastic way and 0.117 on the deterministic one.
#    The modes become too narrow. On the stochastic way some points stay between them.
# 2. The large variance: 0.099 on the stochastic way. The small variance is right for data that are
#    a single point. In steps as long as these more is left undecided, so few steps need a learned
#    variance (tinygen/models/diffusion/posterior.py).
# 3. Few data: the distances are twice as large, 0.089 and 0.095, and the negative log-likelihood is
#    0.960 nats. The density follows the uneven spread of the 300 points, but it has no peak at each
#    of them: the network is too smooth for that.
