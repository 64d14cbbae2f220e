"""Wasserstein GANs on a line, where the distance that their critics estimate is known exactly.

Question to predict, before you run it: the data lie in two heaps, and the generator begins three units away from them. A perfect discriminator knows every fake.
What does its verdict say about *how far* the fakes are from the data, and what would a generator learn from it? And if a network's slope is kept at
1 instead, what does the difference of its mean heights on data and fakes tell?

    python demos/wgan_gp.py                  four games from the same first weights, on the same batches
    python demos/wgan_gp.py --penalty 0.1    another weight of the gradient penalty
    python demos/wgan_gp.py --clip 0.01      the clipping that the first paper used

**Wasserstein's distance** W(p, q) is the least mean way on which q's mass is carried onto p; on a line, the mean difference of both in order
(`metrics.wasserstein_1d`). By Kantorovich and Rubinstein it is the most that E_p[f] - E_q[f] can be for any f of slope at most 1: so that difference, for *any* critic f,
divided by its steepest slope, never exceeds W. And the best f has slope exactly 1 wherever mass must pass.

It draws critics.png, a column for each game, above the figures as training goes, below the densities and the critic near the beginning and at the end:

- **minimax** (Algorithm 1 as printed), for contrast: what D's value says, (V + log 4) / 2, is at most the Jensen-Shannon divergence, and that is log 2 for all that
  does not overlap, near or far. Its generator's gradient vanishes with D, "felt" above the densities: it stays where it is.
- **weight clipping** (Arjovsky, Chintala and Bottou, 2017): the critic is as steep as the limit happens to allow, so its estimate has no unit; over its slope it has.
- **gradient penalty** (Gulrajani et al., 2017): (|f'| - 1)^2 between data and fakes. Dotted: what the best of all such critics would say,
  W + int A^2 / (2 lambda r) dx, a bit more than W (`losses.gradient_penalty` derives its slope, and the next).
- **one-sided penalty** (Petzka et al., 2018): only slopes above 1 cost. On a line it makes all the difference: there f' must pass 0 to turn round, the two-sided penalty
  is greatest at 0, and so a critic that is the wrong way up stays so. Its estimate is then *negative*, and its generator flees.

What is seen (seed 0; the rates, the limit and the number of steps were chosen by looking at it):

The minimax generator stays at W 3.07, D says 0.693 = log 2 throughout, and what is felt falls to 1e-9. Both penalised critics say 3.71 at
first, the best one 3.56; over their steepest slope that is 2.96, and at no moment it is more than 0.97 W. One-sided, W falls to 0.24. Two-sided, the generator overshoots
the data, the critic ought to turn round and cannot, and at nearly half of all moments its estimate is negative: W rises to 17.8, near to 2 lambda = 20, where
nothing holds the critic any more, falls, and rises again; at the end it is 4.1. The clipped critic has a slope of 0.31 and brings W to 0.50; in the end
it is hardly more than a parabola, too plain to tell two heaps from one. Seeds 1 to 4 agree: one-sided, W falls to 0.24 to 0.28; two-sided, it rises to 16 to 19;
clipped, it is 0.33 to 0.77 at the end.

Three one-line changes, and what each should show:

1. `--clip 0.01`, the first paper's limit: three layers of small weights have a slope of 0.00025. Over it the estimate is 3.07, W itself; but the generator, whose
   steps are as large as what it feels, stays at W 3.07. (That paper's RMSprop divides by the size of the gradient.)
2. `optim.Adam(..., lr=RATE_G)` for the generators, with RATE_G = 1e-3: now the minimax one, too, comes to W 0.30. It feels 0.004 at first, as before, but Adam makes
   the same step of it as of 1; and once the densities meet, D is no longer sure, and it feels 0.06 at step 27.
3. `RATE_G = 5e-3`, a third: the clipped critic's slope sets the pace, and when the steps are over W is 1.72. The two-sided generator flees as far as before, to 17.4:
   the wrong peak is no matter of speed.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser, positive  # first of ours: finds the package
from _run import Run
from figures.game import FAKE, REAL
from figures.losses import save_critics

from tinygen import default_rng, grad, losses, nn, no_grad, optim, tensor
from tinygen.backend import to_device
from tinygen.losses.adversarial import GAMES
from tinygen.metrics import wasserstein_1d
from tinygen.models.gan import MLPDiscriminator, MLPGenerator

p = parser(__doc__, steps={"two modes": 400}, takes={"two modes": "three quarters of a minute"}, batch=128)
p.add_argument("--k", type=natural, default=5, help="steps of the critics for one of the generators (default: 5)")
p.add_argument("--penalty", type=positive, default=10.0, help="lambda, the weight of the gradient penalties (default: 10)")
p.add_argument("--clip", type=positive, default=0.1, help="limit of the clipped weights (default: 0.1)")
args = parse(p)
MODES = ((0.5, 2.0, 0.25), (0.5, 4.0, 0.5))  # weight, mean and standard deviation of the data's Gaussians
RATE_D, RATE_G, MOMENTS = 3e-3, 1.5e-2, 60

# %% Four games: what is played for, and what keeps the critic from growing steep
GAN = {"minimax": "minimax", "weight clipping": "Wasserstein", "gradient penalty": "Wasserstein", "one-sided penalty": "Wasserstein"}
G = {name: MLPGenerator(1, (32, 32), (1,), nn.SiLU, rng=default_rng(args.seed, args.device)) for name in GAN}
D = {name: MLPDiscriminator((32, 32), (1,), nn.SiLU, rng=default_rng(args.seed + 1, args.device)) for name in GAN}
optimizer_d = optim.Adam([w for d in D.values() for w in d.parameters()], lr=RATE_D, betas=(0.0, 0.9))
optimizer_g = optim.SGD([w for g in G.values() for w in g.parameters()], lr=RATE_G, momentum=0.5)  # whose steps are as large as the gradient: Adam's are not
rng = default_rng(args.seed, args.device)


def draw(n):
    """n numbers from the data's density, (n, 1)."""
    which, eps = rng.uniform((n, 1)) < MODES[0][0], rng.normal((n, 1))
    (_, m1, s1), (_, m2, s2) = MODES
    return which * (m1 + s1 * eps) + ~which * (m2 + s2 * eps)


def critic_step():
    real, z, t = draw(args.batch), rng.normal((args.batch, 1)), rng.uniform((args.batch,))
    loss = 0.0
    for name, d in D.items():
        with no_grad():
            fake = G[name](z)
        loss = loss + GAMES[GAN[name]].discriminator_loss(d(real), d(fake)).mean()
        if "penalty" in name:
            loss = loss + args.penalty * losses.gradient_penalty(d, real, fake, t, one_sided=name == "one-sided penalty").mean()
    optimizer_d.zero_grad()
    loss.backward()
    optimizer_d.step()
    optim.clip_weights_(D["weight clipping"].parameters(), args.clip)
    return loss


def generator_step():
    real, z = draw(args.batch), rng.normal((args.batch, 1))
    loss = sum(GAMES[GAN[name]].generator_loss(d(real), d(G[name](z))).mean() for name, d in D.items())
    for w, g in zip(optimizer_g.parameters, grad(loss, optimizer_g.parameters), strict=True):
        w.grad = g
    optimizer_g.step()


# %% What is known exactly: both distributions by their quantiles, equal masses at as many points
LEVELS = (np.arange(1000) + 0.5) / 1000
NOISE = np.array([NormalDist().inv_cdf(u) for u in LEVELS])
DATA = np.concatenate([m + s * np.array([NormalDist().inv_cdf(u) for u in LEVELS[::2] + LEVELS[0]]) for _, m, s in MODES])  # of equal weights
X = np.linspace(-2, 7, 901)
P = sum(w / (s * np.sqrt(2 * np.pi)) * np.exp(-(((X - m) / s) ** 2) / 2) for w, m, s in MODES)


def column(x):
    return to_device(x.astype(np.float32)[:, None], args.device)


def seen(name):
    """G at the quantiles of its noise; what the critic says of the distance, its steepest slope, and the mean slope that the generator feels."""
    d, game = D[name], GAMES[GAN[name]]
    with no_grad():
        made = G[name](column(NOISE)).numpy()[:, 0]
        real, fake = d(column(DATA)), d(column(made))
        value = -float(game.discriminator_loss(real, fake).mean())
    everywhere = tensor(column(np.linspace(min(made.min(), DATA.min()), max(made.max(), DATA.max()), 1000)), requires_grad=True)
    steepest = np.abs(grad(d(everywhere).sum(), everywhere).numpy()).max()
    fakes = tensor(column(made), requires_grad=True)
    felt = np.abs(grad(game.generator_loss(real, d(fakes)).sum(), fakes).numpy()).mean()
    return made, ((value + np.log(4)) / 2 if GAN[name] == "minimax" else value, steepest, felt)


def heights(name):
    with no_grad():
        return D[name](column(X)).numpy()


# %% Training. The critics begin, with 100 steps; what is seen at some steps is kept, in the checkpoint too.
moments = np.unique(np.round(np.linspace(0, args.steps - 1, MOMENTS)).astype(int))
early = moments[len(moments) // 15]
kept = nn.Module()
kept.register_buffer("made", np.zeros((len(GAN), len(moments), len(NOISE)), np.float32))
kept.register_buffer("said", np.zeros((len(GAN), len(moments), 3)))
kept.register_buffer("heights", np.zeros((len(GAN), len(X)), np.float32))
run = Run(args, G=nn.ModuleList(G.values()), D=nn.ModuleList(D.values()), optimizer_d=optimizer_d, optimizer_g=optimizer_g, rng=rng, kept=kept)
for step in run.steps():
    decay = optim.cosine_decay(step, steps=args.steps)
    optimizer_d.lr, optimizer_g.lr = RATE_D * decay, RATE_G * decay
    for _ in range(args.k if step else 100):
        loss = critic_step()
    for i in np.flatnonzero(moments == step):
        for k, name in enumerate(GAN):
            kept.made.data[k, i], kept.said.data[k, i] = seen(name)
            if step == early:
                kept.heights.data[k] = heights(name)
    generator_step()
    run.log(critics=loss)


# %% The exact figures of each moment
def density(made):
    """Of the generated, on X: each mass spread evenly between two neighbouring quantiles."""
    many = np.interp(np.linspace(0, 1, 50_001), np.linspace(0, 1, len(made)), made)
    return np.histogram(many, len(X), (X[0] - 0.005, X[-1] + 0.005))[0] / len(many) / 0.01


def jensen_shannon(q):
    """JSD of the data and of q on X; what of q is outside overlaps with nothing."""
    a, b = np.maximum(P, 1e-300), np.maximum(q, 1e-300)
    inside = 0.5 * (a * np.log(2 * a / (a + b)) + b * np.log(2 * b / (a + b))).sum() * 0.01
    return inside + 0.5 * np.log(2) * (1 - q.sum() * 0.01)


def best_penalised(made):
    """W + int A^2 / (2 lambda r) dx, E_p[f] - E_q[f] of the best penalised f: A the mass still to pass x, r the density of x = t real + (1 - t) fake, from a
    hundred of each."""
    x = np.linspace(min(made.min(), DATA.min()) - 0.1, max(made.max(), DATA.max()) + 0.1, 2001)
    cell = x[1] - x[0]
    a = (np.searchsorted(np.sort(made), x) - np.searchsorted(np.sort(DATA), x)) / len(DATA)
    low, high = np.sort(np.stack(np.broadcast_arrays(np.sort(made)[5::10, None], np.sort(DATA)[5::10])), axis=0).reshape(2, -1)
    weights = 1 / np.maximum(high - low, cell) / len(low)
    r = np.cumsum(np.histogram(low, x, weights=weights)[0] - np.histogram(high, x, weights=weights)[0])
    a, r = a[:-1][r > 1e-6], r[r > 1e-6]
    return wasserstein_1d(DATA, made) + (a * a / (2 * args.penalty * r)).sum() * cell


def potential(made, f, steepest):
    """The best critic of that steepest slope: it rises where mass must go up and falls where it must go down. Its mean over the window is f's."""
    up = np.searchsorted(np.sort(made), X) - np.searchsorted(np.sort(DATA), X)
    best = steepest * np.cumsum(np.sign(up)) * 0.01
    return best - best.mean() + f.mean()


# %% Pictures
made, said, drawn = kept.made.numpy().astype(np.float64), kept.said.numpy(), kept.heights.numpy()
columns, figures = {}, {}
for k, name in enumerate(GAN):
    last, final = seen(name)
    every, at = [*made[k], last.astype(np.float64)], np.append(moments, args.steps)
    estimate, steepest, felt = np.concatenate([said[k], [final]]).T
    w = np.array([wasserstein_1d(DATA, m) for m in every])
    black, thin = {"color": "#222222", "linewidth": 2.2}, {"color": "#777777", "linewidth": 1.0, "linestyle": ":"}
    curves = {"W, exact": (at, w, black)}
    if GAN[name] == "minimax":
        jsd = np.array([jensen_shannon(density(m)) for m in every])
        curves |= {"JSD, exact": (at, jsd, thin), "what D says of it": (at, estimate, {"color": FAKE})}
    else:
        curves |= {"the critic's estimate": (at, estimate, {"color": FAKE}), "over its steepest slope": (at, estimate / steepest, {"color": REAL})}
    if "penalty" in name:
        curves["the best such critic"] = (at, np.array([best_penalised(m) for m in every]), thin)
    shown = []
    for i, step, f in ((np.flatnonzero(moments == early)[0], early, drawn[k]), (-1, args.steps, heights(name))):
        q, f = density(every[i]), f.astype(np.float64)
        if GAN[name] == "minimax":
            f, best = 1 / (1 + np.exp(-f)), np.where(P + q > 1e-6, P / np.maximum(P + q, 1e-6), np.nan)
        else:
            best = potential(every[i], f, steepest[i])
        note = f"W {w[i]:.2f}, steepest {steepest[i]:.3g}, felt {felt[i]:.2g}"
        shown.append({"title": f"step {step}", "x": X, "p": P, "q": q, "f": f, "optimal": best, "note": note})
    columns[name] = {"curves": curves, "snapshots": shown}
    key, i = name.replace(" ", "_").replace("-", "_"), np.flatnonzero(moments == early)[0]
    figures |= {f"{key}_wasserstein_first": w[0], f"{key}_wasserstein_most": w.max(), f"{key}_wasserstein": w[-1]}
    figures |= {f"{key}_estimate_first": estimate[0], f"{key}_steepest_first": steepest[0], f"{key}_felt_early": felt[i], f"{key}_felt": felt[-1]}
    if "penalty" in name:
        figures[f"{key}_best_first"] = best_penalised(every[0])
    print(f"{name:18s} W {w[0]:.2f} -> {w[-1]:.2f} (at most {w.max():.2f}); the critic says {estimate[0]:.2f} at first, over its steepest slope "
          f"{estimate[0] / steepest[0]:.2f}; felt {felt[i]:.2g} at step {early}, {felt[-1]:.2g} at the end")  # fmt: skip
save_critics(args.out / "critics.png", columns)
run.write_metrics(picture="critics.png", **{name: float(value) for name, value in figures.items()})
