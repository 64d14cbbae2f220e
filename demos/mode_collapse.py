"""Mode collapse, and what helps against it: rings and grids of Gaussians (PacGAN's test, Lin et al., 2018), where a lost mode can be counted.

Question to predict, before you run it: the data are eight small heaps on a circle. A GAN learns to make some of them perfectly and others not at all. Its
discriminator sees all eight in every batch: why does that not teach the generator the others? And which helps more: one of the cures that are named
after a paper, or another setting of the optimizer?

    python demos/mode_collapse.py                                        eight heaps on a ring, four of the columns
    python demos/mode_collapse.py --seeds 5 --columns all                all twelve, five networks of each side by side
    python demos/mode_collapse.py --seeds 5 --batch 512 --data grid --columns GAN "all four"     25 heaps; --help names the columns

Every column has the same networks, batch, number of updates, examples and noise, and is another column with one change: in what the discriminator sees, in
the penalty on its slope, in the game, or in the optimizer. Counted are, of 2500 samples, the modes that have at least a quarter of their fair share; the
share of good samples, within 3 sigma of a mode (98.9 % of the data are); and the reverse KL, how unequally the modes are hit.

It draws columns.png, the samples of each column (empty circles are lost modes), and modes.png, the modes captured as training goes: watch the plain
GAN. It does not settle on some modes but goes round: where it has piled up its samples, the discriminator learns to say "fake", and off they go. What it has when
the training ends is chance, and one seed says nothing. Modes captured of 8, of the seeds 0 to 4:

    GAN                   0 0 4 3 5        beta1 = 0               4 1 0 1 0        R1, average           0 8 8 8 2
    packs of 2            7 0 0 2 2        decaying rate           8 8 0 0 8        R1, average, decay    0 0 0 0 8
    minibatch std         1 0 0 0 2        average                 0 0 8 8 5        all four              8 8 8 8 8
    gradient penalty      0 0 0 0 0        R1                      0 5 1 7 3
                                           relativistic, R1, R2    0 7 4 4 4

No single change helps on every seed, and those to the optimizer (a rate that decays, an averaged generator) help more than what the papers on mode collapse propose.
"All four" is R1, relaxed as training goes, with both of those and without momentum; 90 to 96 % of its samples are good, the others lying between
the heaps, for G is continuous. The penalty that holds slopes *at* 1 rules out what this game needs: D must be as steep as 1 / sigma = 100.

Three one-line changes, and what each should show with `--seeds 5 --steps 2000 --columns "all four"` (unchanged: all modes on every seed; 93.3 % good in the mean):

1. `nn.LeakyReLU` in place of `nn.Tanh` in G: between two heaps G must be steep and on them flat. Kinks make a step of two pieces, tanh of one: 90.3 %.
2. `GAMMA = (0.3, 0.3)`: the penalty is never relaxed, and forbids D the edge of a heap. All modes, but blurred: 88.3 %.
3. `"average": {"average": 0.0}`: with the rate decayed to 0 the weights stand still by themselves, and the average adds nothing: 93.1 %.
"""

# %% Settings
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, grad, nn, no_grad, optim
from tinygen.backend import to_device
from tinygen.losses import gradient_penalty, r1
from tinygen.losses.adversarial import GAMES
from tinygen.metrics.modes import count_modes
from tinygen.models.gan import minibatch_std, pack
from tinygen.plot import save_curves
from tinygen.plot.planes import grid_points, save_planes


class Column(NamedTuple):
    """A way to train: the plain GAN's, unless something is said. Each column of the table is another one with one change."""

    beta1: float = 0.9  # Adam's momentum, in both networks
    decay: bool = False  # the learning rate falls to 0 along half a cosine
    average: float = 0.0  # samples are made with a moving average of the generator's weights
    sees: Callable = lambda x: x  # what of a batch (n, 2) the discriminator is shown
    features: int = 2  # in one row of that
    penalty: str = "none"
    game: str = "non-saturating"


GAN = Column()
SINGLE = {
    "beta1 = 0": {"beta1": 0.0},
    "decaying rate": {"decay": True},
    "average": {"average": 0.99},
    "packs of 2": {"sees": lambda x: pack(x, 2), "features": 4},
    "minibatch std": {"sees": lambda x: minibatch_std(x, 8), "features": 3},
    "gradient penalty": {"penalty": "gradient penalty"},
    "R1": {"penalty": "R1"},
    "relativistic, R1, R2": {"penalty": "R1 + R2", "game": "relativistic"},
}
COLUMNS = {"GAN": GAN, **{name: GAN._replace(**change) for name, change in SINGLE.items()}}
COLUMNS["R1, average"] = COLUMNS["R1"]._replace(**SINGLE["average"])
COLUMNS["R1, average, decay"] = COLUMNS["R1, average"]._replace(**SINGLE["decaying rate"])
COLUMNS["all four"] = COLUMNS["R1, average, decay"]._replace(**SINGLE["beta1 = 0"])
FEW = ["GAN", "packs of 2", "decaying rate", "all four"]
PENALTIES = {  # of the discriminator on real and fake examples, t uniform, with the weight gamma
    "none": lambda D, real, fake, t, gamma: 0.0,
    "gradient penalty": lambda D, real, fake, t, gamma: gradient_penalty(D, real, fake, t).mean(),
    "R1": lambda D, real, fake, t, gamma: gamma * r1(D, real).mean(),
    "R1 + R2": lambda D, real, fake, t, gamma: gamma * (r1(D, real) + r1(D, fake)).mean(),
}

p = parser(__doc__, steps={"ring": 2500, "grid": 3000}, takes={"ring": "a minute and a half", "grid": "two minutes"}, batch=256)
p.add_argument("--columns", nargs="+", choices=[*COLUMNS, "all"], default=FEW, metavar="NAME", help=f"which to train: all, or some of {', '.join(map(repr, COLUMNS))}")
p.add_argument("--seeds", type=natural, default=1, help="how many networks each column trains side by side, from --seed on (default: 1)")
args = parse(p)
columns = COLUMNS if "all" in args.columns else {name: COLUMNS[name] for name in args.columns}
RATE, LATENT, SAMPLES = 3e-3, 2, 2500
GAMMA = (0.3, 3e-5)  # the weight of R1 and R2 at the first step and at the last: a heap's edge is as steep as 1 / sigma, and must be allowed in the end

# %% Data
mixture = data.ring() if args.data == "ring" else data.grid()
modes = to_device(mixture.modes.astype(np.float32), args.device)
rngs = [default_rng(args.seed + i, args.device) for i in range(args.seeds)]


def uniform(g, n):
    """z from a square, of variance 1: (n, LATENT)."""
    return np.float32(12**0.5) * (g.uniform((n, LATENT)) - np.float32(0.5))


def noise(n):
    """n for each seed: (seeds, n, LATENT)."""
    return np.stack([uniform(g, n) for g in rngs])


def draw(n):
    """n examples of the data for each seed: (seeds, n, 2)."""
    return np.stack([modes[g.integers(0, len(modes), (n,))] + np.float32(mixture.sigma) * g.normal((n, 2)) for g in rngs])


# %% Networks. Each column begins with the same generator, and sees the same examples and the same noise.
def stack(sizes, activation, gain=1.0):
    """Networks side by side, one for each seed: (seeds, n, sizes[0]) to (seeds, n, sizes[-1]). Weights are `gain` times as large as `Linear` draws them."""
    fresh, layers = [default_rng(args.seed + i, args.device) for i in range(args.seeds)], []
    for a, b in pairwise(sizes):
        layers += [nn.EnsembleLinear(a, b, rngs=fresh), activation()]
        layers[-2].weight.data *= gain
    return nn.Sequential(*layers[:-1])


class Pair:
    """Both networks, optimizers, and the average. D's weights are of He's size, so that from the start it tells places apart; G begins as a small smooth heap."""

    def __init__(self, column):
        self.G = stack((LATENT, 64, 64, 64, 2), nn.Tanh)
        self.D = stack((column.features, 64, 64, 64, 64, 1), lambda: nn.LeakyReLU(0.2), gain=6**0.5)
        self.average = optim.ExponentialMovingAverage(self.G, column.average)
        self.optimizer_g, self.optimizer_d = (optim.Adam(network.parameters(), betas=(column.beta1, 0.99)) for network in (self.G, self.D))


pairs = [Pair(column) for column in columns.values()]
moments = np.unique(np.linspace(0, args.steps, 41).astype(int))[:-1]  # steps at which modes are counted
kept = nn.Module()
kept.register_buffer("counts", np.zeros((len(moments), len(columns), args.seeds), np.float32))
same_noise = np.stack([uniform(default_rng(args.seed + 1000 + i, args.device), SAMPLES) for i in range(args.seeds)])


def samples(pair):
    """2500 of each seed, (seeds, 2500, 2)."""
    with pair.average.average_parameters() as G, no_grad():
        return G(same_noise).numpy().astype(np.float64)


def counted(pair):
    """Modes captured, share of good samples and reverse KL of each seed: (seeds, 3)."""
    return np.array([count_modes(x, mixture.modes, mixture.sigma) for x in samples(pair)])


# %% Training
run = Run(
    args, kept=kept, **{f"generator{i}": g for i, g in enumerate(rngs)},
    **{f"{name}{i}": part for i, pair in enumerate(pairs) for name, part in vars(pair).items()},
)  # fmt: skip
for step in run.steps():
    for i in np.flatnonzero(moments == step):
        kept.counts.data[i] = [counted(pair)[:, 0] for pair in pairs]
    real_d, real_g = (draw(args.batch).reshape((-1, 2)) for _ in range(2))
    z_d, z_g = (noise(args.batch) for _ in range(2))
    t = np.concatenate([g.uniform((args.batch,)) for g in rngs])
    gamma = GAMMA[0] * (GAMMA[1] / GAMMA[0]) ** (step / args.steps)
    for (name, column), pair in zip(columns.items(), pairs, strict=True):
        G, D, optimizer_g, optimizer_d = pair.G, pair.D, pair.optimizer_g, pair.optimizer_d
        game = GAMES[column.game]
        share = optim.cosine_decay(step, steps=args.steps) if column.decay else 1.0
        optimizer_g.lr = optimizer_d.lr = RATE * share

        def judge(x, D=D, column=column):
            """Logits of the examples (seeds n, 2), one seed's after the other's, each by its own network."""
            return D(column.sees(x).reshape((args.seeds, -1, column.features))).reshape((-1,))

        with no_grad():
            fake = G(z_d).reshape((-1, 2))
        loss_d = game.discriminator_loss(judge(real_d), judge(fake)).mean() + PENALTIES[column.penalty](judge, real_d, fake, t, gamma)
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        loss_g = game.generator_loss(judge(real_g), judge(G(z_g).reshape((-1, 2)))).mean()
        weights = [*G.parameters()]
        for w, g in zip(weights, grad(loss_g, weights), strict=True):
            w.grad = g
        optimizer_g.step()
        pair.average.update()
        run.log(**{name: loss_d})

# %% The table
final = np.stack([counted(pair) for pair in pairs])
print(f"\n{'':26s}modes captured of {len(modes)}, share of good samples, reverse KL in nats; a column a seed. All good would be 98.9 %")
for name, rows in zip(columns, final, strict=True):
    print(f"{name:26s}" + "   ".join(f"{int(m):2d} {100 * good:5.1f} % {kl:5.2f}" for m, good, kl in rows))

# %% Pictures
reach = 1.6 if args.data == "ring" else 5.8
extent = (-reach, reach, -reach, reach)
x = grid_points(extent, 400)
nearest = np.sqrt(((x[:, None] - mixture.modes) ** 2).sum(axis=-1)).min(axis=1)


def panel(x, note):
    bad = (((x[:, None] - mixture.modes) ** 2).sum(axis=-1).min(axis=1) > (3 * mixture.sigma) ** 2).astype(int)
    return {"points": x, "labels": bad, "contours": [(nearest, [0.07 * reach], "-")], "note": note}


panels = {"data": panel(mixture.sample(SAMPLES, np.random.default_rng(args.seed))[0], "empty circles are lost modes")}
for (name, rows), pair in zip(zip(columns, final, strict=True), pairs, strict=True):
    panels[name] = panel(samples(pair)[0], f"{int(rows[0, 0])} of {len(modes)} modes, {100 * rows[0, 1]:.0f} % good")
save_planes(args.out / "columns.png", panels, extent, names=("within 3 sigma of a mode", "elsewhere"), columns=3 if len(panels) <= 6 else 5)
counts = np.concatenate([kept.counts.numpy(), final[None, :, :, 0]]).mean(axis=2)
save_curves(args.out / "modes.png", {
    name: (np.append(moments, args.steps), counts[:, i]) for i, name in enumerate(columns)
}, ylabel=f"modes captured, of {len(modes)}", smooth=False)  # fmt: skip
save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})
table = {
    name: {"modes": rows[:, 0].astype(int).tolist(), "good": rows[:, 1].tolist(), "reverse_kl": [kl if np.isfinite(kl) else None for kl in rows[:, 2]]}
    for name, rows in zip(columns, final, strict=True)
}
run.write_metrics(picture="columns.png", table=table)
