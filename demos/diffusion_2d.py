"""Diffusion in the plane: two crescents, a spiral, a chessboard, carried to noise and back (after Sohl-Dickstein et al., 2015, figure 1).

Question to predict, before you run it: the ordinary way back from noise is a flow: points move, none are made or lost, and no two paths cross. A round
cloud is one piece, the two crescents are two. A GAN's generator could not tear the plane either, and left samples between the crescents (gan_2d.py).
Will diffusion?

    python demos/diffusion_2d.py                           two crescents
    python demos/diffusion_2d.py --data swiss_roll         a spiral; checkerboard, ring and grid are the others
    python demos/diffusion_2d.py --path line               flow matching

It draws there_and_back.png: above, data on their way to noise; below, noise on its way to data, each point in the colour of the data near which it
ends; density.png: the exact density beside the one that the network has, exactly, by following the ODE (likelihood.py); samples.png;
there_and_back.gif, the film.

What is measured: a sample is *off* the data if the data's density there is lower than at 99 of 100 real points; and the negative log-likelihood of
unseen points, in nats, beside that of the true density, which no model can beat.

Three one-line changes, and what each should show (unchanged: 98.5 % of the samples inside, 0.312 nats where the true density has 0.285):

1. `(128, 128, 128), octaves=0` with --steps 1500: 94.9 % (with the octaves 96.6 %), and 0.334 nats instead of 0.328. To a network of few
   smooth units two thin crescents are hard to draw.
2. `samplers.ancestral` for `samplers.heun`, with `rng=noise`: 99.4 %, more than of the data. On the stochastic way a point that has left the
   crescents is drawn back.
3. `np.linspace(...)` without `** 2` in LEVELS, all steps of one length, with --data grid: its heaps, narrower than the last steps, come out a third too
   narrow still. More samples are inside than of the data (99.5 %), and they cover less of it (88.8 %, not 95.8): "inside" alone proves nothing.
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run
from figures.diffusion import save_scatter_animation

from tinygen import data, default_rng, losses, optim
from tinygen.backend import to_device, to_numpy
from tinygen.metrics import density_coverage
from tinygen.models.diffusion import objectives, samplers, schedules
from tinygen.models.diffusion.likelihood import log_likelihood
from tinygen.models.diffusion.unet import MLPDenoiser
from tinygen.plot import save_curves
from tinygen.plot.planes import grid_points, save_planes

SETS = {"moons": data.moons(0.05), "swiss_roll": data.swiss_roll(0.05), "checkerboard": data.checkerboard(), "ring": data.ring(8, 1.0, 0.1), "grid": data.grid()}
p = parser(__doc__, steps=dict.fromkeys(SETS, 8000), takes=dict.fromkeys(SETS, "about a minute"), batch=256)
p.add_argument("--path", choices=["circle", "line"], default="circle", help="from data to noise by the arc or by the chord, which is flow matching (default: circle)")
p.add_argument("--sampling-steps", type=natural, default=60, metavar="N", help="from noise to data (default: 60)")
args = parse(p)
PATH = schedules.RECTIFIED_FLOW if args.path == "line" else schedules.VARIANCE_PRESERVING
RATE = 6e-3

# %% Data: points (n, 2), in units of their standard deviation
source = SETS[args.data]
points, labels = source.sample(50_000, np.random.default_rng(1))
middle, unit = points.mean(axis=0), points.std()
loader = data.Loader(((points - middle) / unit).astype(np.float32), batch_size=args.batch, seed=args.seed)

# %% The network
rng = default_rng(args.seed, args.device)
network = MLPDenoiser(2, (128, 128, 128), rng=rng)
optimizer = optim.Adam(network.parameters(), betas=(0.9, 0.99))
average = optim.ExponentialMovingAverage(network, 0.995)

# %% Training: the velocity, at levels of which most lie near the data: what is thin there is settled late
run = Run(args, network=network, optimizer=optimizer, average=average, loader=loader, rng=rng)
for step in run.steps():
    x0 = to_device(next(loader), args.device)
    t = PATH.end / schedules.VARIANCE_PRESERVING.end * schedules.logistic_schedule(schedules.stratified_uniform(args.batch, rng), 0.8, -0.7)
    eps = rng.normal(x0.shape)
    loss = losses.squared_error(network(PATH.q_sample(x0, eps, t), t), objectives.target("velocity", x0, eps, t, PATH)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    average.update()
    run.log(loss=loss)

# %% From noise to data
denoise = objectives.denoiser(network, "velocity", PATH)
LEVELS = [*PATH.end * np.linspace(1, 0, args.sampling_steps + 1) ** 2]  # the last steps are the shortest


def carried(x):
    """x (n, 2) from noise to data by Heun's method: where its points are at each level, (steps + 1, n, 2), in the data's units."""
    seen = [to_numpy(x)]

    def keep(x, t):
        seen.append(to_numpy(x))
        return x

    with average.average_parameters():
        samplers.heun(denoise, x, LEVELS, path=PATH, after=keep)
    return np.stack(seen)


noise = default_rng(args.seed + 1, args.device)
back = carried(noise.normal((10_000, 2)))
made = back[-1] * unit + middle

# %% How good?
others, _ = source.sample(20_000, np.random.default_rng(2))
log_p = source.log_prob(others)
least = np.quantile(log_p, 0.01)
figures = {"inside": float((source.log_prob(made) >= least).mean()), "inside_floor": float((log_p >= least).mean())}
for name, x in (("coverage", made), ("coverage_floor", others[3000:])):
    _, figures[name] = density_coverage(others[:3000], x[:3000])


def log_density(x, steps):
    """The network's log-density at points (n, 2) of the data's units, float64. 25 steps will do for a picture; of the grid's narrow heaps they are
    0.11 nats off the figure of 100, which is that of 800 to 0.001."""
    x = to_device(((x - middle) / unit).astype(np.float32), args.device)
    with average.average_parameters():
        return to_numpy(log_likelihood(denoise, x, steps, path=PATH)).astype(np.float64) - 2 * np.log(unit)


figures |= {"nll": float(-log_density(others[:1000], steps=100).mean()), "nll_true": float(-log_p[:1000].mean())}
print("In the data's support {inside:.2%} of the samples (of the data {inside_floor:.1%}); they cover {coverage:.1%} of the data (other data {coverage_floor:.1%})\n"
      "Negative log-likelihood of unseen points {nll:.3f} nats, by the true density {nll_true:.3f}".format(**figures))  # fmt: skip

# %% Pictures
few, row = 2500, np.linspace(0, args.sampling_steps, 4).astype(int)
reach = 1.12 * np.abs(points - middle).max(axis=0)
EXTENT = (middle[0] - max(reach), middle[0] + max(reach), middle[1] - max(reach), middle[1] + max(reach))
eps = np.random.default_rng(3).normal(size=(few, 2))
there = np.stack([PATH.q_sample((points[:few] - middle) / unit, eps, float(t)) for t in LEVELS[::-1]])
ends = back[-1][:few] * unit + middle
near = labels[((ends[:, None] - points[None, :4000]) ** 2).sum(axis=2).argmin(axis=1)]  # the label of the nearest data: where a point ends
ways = [({"points": there[i] * unit + middle, "labels": labels[:few]}, "data" if i == 0 else "to noise", LEVELS[::-1][i]) for i in row]
ways += [({"points": back[i, :few] * unit + middle, "labels": near}, "noise" if i == 0 else "to data", LEVELS[i]) for i in row]
panels = {f"{name}, level {t:.2f}{' ' * (k // 4)}": panel for k, (panel, name, t) in enumerate(ways)}
save_planes(args.out / "there_and_back.png", panels, EXTENT, columns=4)
field = grid_points(EXTENT, 64)
log_q, log_true = log_density(field, steps=25), source.log_prob(field)
top = np.exp(log_true).max()
colours = {"colours": ("#ffffff", "#7fb0e6", "#123a6b")}
fields = {"true density": log_true, "the network's": log_q}
save_planes(args.out / "density.png", {name: {"field": np.clip(np.exp(v) / top, 0, 1) ** 0.7, **colours} for name, v in fields.items()}, EXTENT)
both = {"data": others[:5000], "samples": made[:5000]}
save_planes(args.out / "samples.png", {name: {"points": x, "labels": np.zeros(len(x), int)} for name, x in both.items()}, EXTENT)
film = [(there[i] * unit + middle, labels[:few], "data to noise") for i in range(0, len(there), 3)]
film += [(back[i, :few] * unit + middle, near, "noise to data") for i in range(0, len(back), 3)]
save_scatter_animation(args.out / "there_and_back.gif", film, EXTENT)
save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})
run.write_metrics(picture="there_and_back.png", **figures)
