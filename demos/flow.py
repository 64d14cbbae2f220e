"""A normalizing flow: the plane carried to noise and back, its density known everywhere (Dinh et al., 2016; Kingma and Dhariwal, 2018; Papamakarios et al., 2017).

Question to predict, before you run it: the data are eight heaps on a circle, far apart; the noise is one round heap. The map between them is smooth and
invertible: it can stretch and bend the plane, but neither tear nor fold it. What becomes of the emptiness between the heaps when the plane is
carried to noise? And what will the model say of the density there?

    python demos/flow.py                                 eight heaps: their density is known, so how much is missing can be said
    python demos/flow.py --data swiss_roll --model maf   other data (grid, moons, swiss_roll, checkerboard), another flow (realnvp, glow, maf)
    python demos/flow.py --data mnist --model realnvp    digits as points of R^784; also --data digits, drawn here

In the plane it draws plane.png. Above: data, coloured by heap, as the layers carry them to noise. Below: the exact density and the learned one in the same
colours, samples, and the net of noise that makes them, carried to the data: between any two neighbouring lines of either kind lies a sixteenth of the probability.
Of digits it draws samples.png, and interpolation.png: straight lines between two digits' z. A flow's code loses nothing, so both ends are the digits themselves.
And curves.png. (After a minute and a half --model glow gives MNIST's test digits 140 nats more than realnvp after five, and its samples look the worse.)

What is measured: the mean log-likelihood of unseen points, and how much of what the true density gives them is missing; a sample is *off* the data if the
data's density there is lower than at 99 of 100 real points. (Unchanged: 0.050 nats missing, 2.1 % of the samples off; of the
25 heaps of --data grid 0.207 and 4.9 %.)

Three one-line changes, and what each should show (figures with --steps 600, where the unchanged script misses 0.11 nats, with 2.3 % of its samples off):

1. `loss = (flow(x)[0] ** 2).sum(axis=1).mean() / 2`, the first term alone, without the determinant: the loss falls to 0.00000001, the best ever. The whole
   plane is carried to one point, so noise, carried back, lands far outside: 26 nats are missing, and all samples are off.
2. `return 0 * s` in `soft_clamp` (tinygen/models/flow/realnvp.py), no stretching by the networks: NICE, the flow of 2014. Areas change by one factor
   for all of the plane, so heaps and the emptiness between them are to be made by shearing: 0.29 nats missing, 8.8 % off.
3. `data.ring(8, 2.0, 0.2)`, heaps two thirds as wide: 0.26 nats missing, 10 % off. The emptier the space between, the harder must the same plane be pulled.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, no_grad, optim
from tinygen.backend import to_device, to_numpy
from tinygen.models.flow import (
    MAF,
    Glow,
    RealNVP,
    bits_per_dimension,
    checkerboard,
    to_logits,
    to_pixels,
)
from tinygen.models.gaussian import Gaussian
from tinygen.plot import save_curves, save_grid
from tinygen.plot.planes import grid_points, save_planes

SETS = {
    "ring": data.ring(8, 2.0, 0.3), "grid": data.grid(5, 1.0, 0.2), "moons": data.moons(0.1), "swiss_roll": data.swiss_roll(0.05),
    "checkerboard": data.checkerboard(),
}  # fmt: skip
steps = dict.fromkeys(SETS, 2000) | {"digits": 1500, "mnist": 4000}
takes = dict.fromkeys(SETS, "a minute and a half") | {"digits": "several minutes", "mnist": "5 to 15 minutes, by the model"}
p = parser(__doc__, steps=steps, takes=takes, batch=dict.fromkeys(SETS, 256) | {"digits": 64, "mnist": 64})
p.add_argument("--model", choices=["realnvp", "glow", "maf"], default="glow", help="the flow (default: glow)")
p.add_argument("--layers", type=natural, help="couplings, steps of Glow (of digits, at each of two scales) or autoregressive layers (default: by data and model)")
args = parse(p)
flat = args.data in SETS
LR = 1e-2 if args.data == "ring" else 5e-3 if flat else 3e-3 if args.model == "glow" else 1e-3
EVERY = 500  # steps from one look at unseen digits to the next

# %% Data: points (n, 2) with their true density, or bytes (n, 1, 28, 28), to which fresh dither is added in each batch
if flat:
    source = SETS[args.data]
    train, test = (source.sample(n, np.random.default_rng(seed))[0] for n, seed in ((100_000, 1), (20_000, 2)))
elif args.data == "mnist":
    (train, _), (test, _) = data.mnist("train"), data.mnist("test")
    train, held_out = train[:50_000], train[50_000:]
else:
    print("Making 55,000 digits ...", flush=True)
    train, held_out, test = (data.digits(n, seed=seed)[0] for n, seed in ((50_000, 1), (2_000, 3), (5_000, 2)))

# %% Model
rng = default_rng(args.seed, args.device)
if flat:
    layers = args.layers or {"realnvp": 12, "glow": 12, "maf": 8}[args.model]
    make = {
        "realnvp": lambda: RealNVP(2, layers, (64, 64), rng=rng),
        "glow": lambda: Glow((2,), layers, hidden=64, rng=rng),
        "maf": lambda: MAF(2, layers, (64, 64), rng=rng),
    }
else:
    layers = args.layers or {"realnvp": 6, "glow": 4, "maf": 5}[args.model]
    make = {
        "realnvp": lambda: RealNVP(784, layers, (512,), checkerboard(28, 28), rng=rng),
        "glow": lambda: Glow((1, 28, 28), layers, num_levels=2, hidden=32, rng=rng),
        "maf": lambda: MAF(784, layers, (512,), checkerboard(28, 28), rng=rng),
    }
flow = make[args.model]()


def prepared(rows, rng):
    """Rows of the data as the flow takes them: points as they are, bytes as logits."""
    rows = to_device(rows, args.device)
    return rows if flat else to_logits(rows, rng.uniform(rows.shape)).reshape((len(rows), *flow.shape))


loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
optimizer = optim.Adam(flow.parameters(), lr=LR)
flow.initialize(prepared(train[:1000], default_rng(args.seed + 2, args.device)))
average = optim.ExponentialMovingAverage(flow, decay=0.99 if args.steps < 10_000 else 0.999)
run = Run(args, flow=flow, optimizer=optimizer, average=average, loader=loader, rng=rng)


def log_likelihood(rows, rng):
    """log p of each, (n,), and of digits the bits per byte too."""
    log_p, bits = [], []
    with no_grad():
        for part in np.array_split(rows, -(-len(rows) // 500)):
            x = prepared(part, rng)
            log_p.append(flow.log_prob(x).numpy().astype(np.float64))
            bits.append(log_p[-1] if flat else bits_per_dimension(log_p[-1], to_numpy(x)))
    return np.concatenate(log_p), float(np.concatenate(bits).mean())


# %% Training: the likelihood itself. Of digits now and then that of unseen ones too: where it falls while the other rises, digits are learned by heart
for step in run.steps():
    x = prepared(next(loader), rng)
    loss = -flow.log_prob(x).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = LR * optim.warmup_cosine(step, warmup_steps=args.steps // 50, steps=args.steps)
    optimizer.step()
    average.update()
    run.log(cost=loss)
    if not flat and (step + 1) % EVERY == 0:
        with average.average_parameters():
            run.log(held_out=-log_likelihood(held_out[::10], default_rng(args.seed + 3, args.device))[0].mean())

# %% How good? The mean log-likelihood of test data, in nats. In the plane beside it the entropy's negative, the most that any model can reach; of digits, what
# one Gaussian reaches, and what each byte costs.
evaluation = default_rng(args.seed + 1, args.device)  # its own, so that figures do not depend on how long training was
with average.average_parameters():
    log_p, bits = log_likelihood(test, evaluation)
    figures = {
        "log_likelihood": float(log_p.mean()),
        "log_likelihood_standard_error": float(log_p.std() / len(log_p) ** 0.5),
        "log_likelihood_in_training": float(log_likelihood(train[:5000], evaluation)[0].mean()),
    }
    samples = to_numpy(flow.sample(5000 if flat else 100, evaluation))
if flat:
    true = source.log_prob(test)
    figures["best_possible"] = float(true.mean())
    figures["missing"], figures["missing_standard_error"] = float((true - log_p).mean()), float((true - log_p).std() / len(log_p) ** 0.5)
    figures["off"], figures["off_floor"] = float((source.log_prob(samples) < np.quantile(true, 0.01)).mean()), 0.01
    print("Of the {best_possible:.3f} nats that the true density gives to a test point, {missing:.3f} +- {missing_standard_error:.3f} are missing. "
          "Off the data: {off:.1%} of the samples (of real points, by definition, 1 %)".format(**figures))  # fmt: skip
else:
    dithered = np.concatenate([to_numpy(prepared(part, evaluation)).reshape(len(part), -1) for part in (train, test)]).astype(np.float64)
    figures["gaussian"] = float(Gaussian.fit(dithered[: len(train)]).log_prob(dithered[len(train) :]).mean())
    figures["bits_per_byte"], figures["log_likelihood_held_out"] = bits, float(log_likelihood(held_out, evaluation)[0].mean())
    print("Test log-likelihood {log_likelihood:.1f} +- {log_likelihood_standard_error:.1f} nats a digit, {bits_per_byte:.3f} bits a byte (in training "
          "{log_likelihood_in_training:.1f}); one Gaussian: {gaussian:.1f}".format(**figures))  # fmt: skip

# %% Pictures
if flat:
    EXTENT = (-3.2, 3.2, -3.2, 3.2)
    SIXTEENTHS = np.array([NormalDist().inv_cdf(i / 16) for i in range(1, 16)])
    ALONG = np.linspace(SIXTEENTHS[0], SIXTEENTHS[-1], 601)
    ACROSS = np.stack(np.meshgrid(SIXTEENTHS, ALONG, indexing="ij"), axis=-1)  # (15, 601, 2): lines of constant z_1
    NET = np.concatenate([ACROSS, ACROSS[..., ::-1]]).astype(np.float32)
    points, classes = source.sample(3000, np.random.default_rng(3))
    with average.average_parameters(), no_grad():
        learned = np.exp(flow.log_prob(to_device(grid_points(EXTENT).astype(np.float32), args.device)).numpy())
        net = flow.inverse(to_device(NET.reshape(-1, 2), args.device)).numpy().reshape(NET.shape)
        stages, x = [points], to_device(points, args.device)
        for layer in flow.layers:
            x, _ = layer(x)
            stages.append(x.numpy())
    exact = np.exp(source.log_prob(grid_points(EXTENT)))
    n, top, white_to_blue = len(flow.layers), float(exact.max()), ("#ffffff", "#7fb0e6", "#00246b")
    panels = {"data": stages[0], f"after {n // 3} of {n} layers, halved": stages[n // 3] / 2, f"after {2 * n // 3} layers, halved": stages[2 * n // 3] / 2,
              "all layers: noise": stages[n]}  # fmt: skip
    panels = {title: {"points": x, "labels": classes} for title, x in panels.items()}
    panels["exact density"] = {"field": exact / top, "colours": white_to_blue, "note": f"log-likelihood {figures['best_possible']:.3f}"}
    panels["learned density"] = {"field": np.minimum(learned / top, 1), "colours": white_to_blue, "note": f"log-likelihood {figures['log_likelihood']:.3f}"}
    panels["samples"] = {"points": samples[:3000], "labels": np.zeros(3000, int)}
    panels["the net of noise, carried back"] = {"mesh": net}
    save_planes(args.out / "plane.png", panels, EXTENT, columns=4)
else:
    save_grid(args.out / "samples.png", to_pixels(samples.reshape(-1, 28, 28)), title="Samples")
    ends = prepared(test[:10], evaluation)
    t = np.linspace(0, 1, 12, dtype=np.float32)
    with average.average_parameters(), no_grad():
        z = to_numpy(flow(ends)[0].data)
        walks = [(1 - s) * a + s * b for a, b in zip(z, np.roll(z, -1, axis=0), strict=True) for s in t]
        walked = flow.inverse(to_device(np.stack(walks), args.device)).numpy()
    save_grid(args.out / "interpolation.png", to_pixels(walked.reshape(-1, 28, 28)), columns=12, title="Straight lines between the z of two test digits")

curves = {"-log p": (np.arange(args.steps), run.history["cost"])}
if "held_out" in run.history:
    curves["of unseen digits"] = (np.arange(EVERY - 1, args.steps, EVERY), run.history["held_out"])
save_curves(args.out / "curves.png", curves, ylabel="nats")
run.write_metrics(picture="plane.png" if flat else "samples.png", **figures)
