"""Six games, six ways to keep a discriminator from growing steep: every pair on one problem.

Question to predict, before you run it: early on, a discriminator knows every fake. Algorithm 1's generator descends log(1 - D), the usual one -log D. Which of
the two costs is steep there, and which is flat? And if 36 pairs of networks begin with the same weights and see the same batches: what decides more
whether all eight heaps of the data are found, the game they play for, or what bounds the discriminator's slope? Or something that all 36 have in common?

    python demos/gan_losses.py               six games, six penalties
    python demos/gan_losses.py --clip 0.01   the limit of the first Wasserstein GAN
    python demos/gan_losses.py --steps 5000  as long as it takes

It draws gradients.png: what each game's generator pays for a fake of logit l, and the derivative, which is all that reaches it through D. Both come from the engine, and
are no second copy of the formula. And games.png: a row for each penalty, a column for each game; samples (dots) over what D says (blue real, red
fake, each panel from its least to its greatest); below, how many of the eight heaps are captured, and the share of samples within three sigma of one. The data
themselves have 8 and 99 %; **an even circle through the heaps has 8 and 38 %**, so that "8 of 8" with some 45 % is a circle that begins to gather at the heaps, and
no more. metrics.json has all figures.

All 36 share first weights, noise, data, optimizer and number of updates. These were chosen by looking at one seed, and so that the pairs differ: with the optimizer
of change 1 nearly all find all eight. A figure here says how a pair does under *these* settings, not how good it can be made.

What is seen (seed 0): without a penalty, all eight are captured by minimax and by least squares, none by the non-saturating game, 3 by the relativistic one; R1
brings these two to 6 and 7, R1 + R2 to 7 and 8. Hinge and Wasserstein, whose generators are drawn as strongly where they have arrived as anywhere, capture 2 at
most; clipped weights and spectral norm 3 at most, whatever the game. The saturating game is among the best: its generator begins amid the data, where no D is
sure, and Adam makes up for small gradients. demos/wgan_gp.py shows it fail.

One seed is an anecdote, and seeds 1 to 4 say which part of this was. Without a penalty, the non-saturating and the relativistic game capture 7 or 8 there. With R1 + R2
those two, minimax and least squares have 7 or 8 on every seed; hinge and Wasserstein capture at most 4 without a penalty on any seed, with R1 + R2 mostly 7
or 8, but not always (5 and 3 on the worst). Clipped weights never more than 6, spectral norm 3, but for least squares (1 to 8).

Three one-line changes, and what each should show:

1. `BETAS = (0.0, 0.9)`, Adam without momentum and with a shorter memory: without any penalty *every* game captures all eight (46 to 53 % good), with spectral norm 7
   or 8 (38 to 43 %). What looked like a matter of games and penalties was one of the optimizer.
2. `GAMMA = 1.0`, with R1 + R2: now every game captures all eight, hinge and Wasserstein too, but with 41 to 44 % good they are nearer to the even circle: a
   discriminator that flat cannot follow heaps of sigma 0.05.
3. `LAMBDA = 10.0`, the paper's weight for pictures: with the gradient penalty no game captures any, and at most 2 % are good. A critic held at slope 1, and it may be
   the wrong way up (`losses.gradient_penalty`); a weight has the unit of a distance, and here all distances are at most 2.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser, positive  # first of ours: finds the package
from _run import Run
from figures.losses import save_losses, save_table

from tinygen import default_rng, grad, losses, nn, no_grad, ops, optim, tensor
from tinygen.backend import to_device
from tinygen.data.mixtures import ring
from tinygen.losses.adversarial import GAMES
from tinygen.metrics import count_modes
from tinygen.plot.planes import grid_points

p = parser(__doc__, steps={"ring": 1200}, takes={"ring": "about a minute"}, batch=64)
p.add_argument("--clip", type=positive, default=0.1, help="limit of the clipped weights (default: 0.1)")
args = parse(p)
LR, BETAS = 1e-3, (0.5, 0.999)
LAMBDA, GAMMA = 0.1, 0.1  # weights of the gradient penalty, and of R1 and R2
PENALTIES = ("none", "clipped weights", "gradient penalty", "R1", "R1 + R2", "spectral norm")
DATA = ring(modes=8, radius=1.0, sigma=0.05)

# %% The generator's costs against the logit, and their derivatives, by the engine. The relativistic one compares with a real example, here of logit 0.
logit = tensor(np.linspace(-8, 8, 401), requires_grad=True)
costs = {name: GAMES[name].generator_loss(tensor(np.zeros(401)), logit) for name in GAMES}
slopes = {name: grad(cost.sum(), logit) for name, cost in costs.items()}
titles = {name: "minimax (saturating)" if name == "minimax" else name for name in GAMES}

# %% 36 pairs of networks that begin alike: as many generators in one stack, and for each penalty a stack of six discriminators
PAIRS, COLUMNS, LATENT = len(PENALTIES) * len(GAMES), len(GAMES), 2


def stack(count, sizes, seed, spectral_norm=False):
    """`count` networks side by side that begin alike, with 0.2 l for l < 0 between their layers."""
    rngs, layers = [default_rng(seed, args.device) for _ in range(count)], []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.EnsembleLinear(a, b, spectral_norm=spectral_norm, rngs=rngs), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


G = stack(PAIRS, (LATENT, 64, 64, 2), 2 * args.seed)
D = {name: stack(COLUMNS, (2, 64, 64, 1), 2 * args.seed + 1, name == "spectral norm") for name in PENALTIES}
optimizer_g = optim.Adam(G.parameters(), lr=LR, betas=BETAS)
optimizer_d = optim.Adam([w for d in D.values() for w in d.parameters()], lr=LR, betas=BETAS)
rng = default_rng(args.seed, args.device)
MODES = to_device(DATA.modes.astype(np.float32), args.device)


def draw(n):
    return MODES[rng.integers(0, len(DATA.modes), (n,))] + np.float32(DATA.sigma) * rng.normal((n, 2))


def verdicts(x):
    """Logits (games, penalties, n) of x (penalties, games, n, 2)."""
    return ops.stack([d(x[i])[..., 0] for i, d in enumerate(D.values())], axis=1)


def penalty(name, real, fake, t):
    """Of the slopes of one stack, the mean over each network's examples, summed; real and fake (games, n, 2), t (games n,) from U(0, 1)."""
    flat = lambda x: x.reshape((-1, 2))  # noqa: E731
    each = lambda x: D[name](x.reshape((COLUMNS, -1, 2))).reshape((-1,))  # noqa: E731  every example to its own network
    if name == "gradient penalty":
        return LAMBDA * COLUMNS * losses.gradient_penalty(each, flat(real), flat(fake), t).mean()
    if name in ("R1", "R1 + R2"):
        r1 = losses.r1(each, flat(real)).mean()
        return GAMMA * COLUMNS * (r1 + losses.r1(each, flat(fake)).mean() if name == "R1 + R2" else r1)
    return 0.0


# %% Training. A sum of 36 losses has for each pair its own gradient: they share no weight.
run = Run(args, G=G, D=nn.ModuleList(D.values()), optimizer_g=optimizer_g, optimizer_d=optimizer_d, rng=rng)
save_losses(args.out / "gradients.png", {titles[name]: (logit, costs[name], slopes[name]) for name in GAMES}, xlabel="logit l of a fake; D = sigmoid(l)")
for step in run.steps():
    optimizer_d.lr = optimizer_g.lr = LR * optim.cosine_decay(step, steps=args.steps)
    with no_grad():
        fake = G(rng.normal((args.batch, LATENT))).data.reshape((len(PENALTIES), COLUMNS, args.batch, 2))
    real = fake * 0 + draw(args.batch)  # the same for all
    t = rng.uniform((COLUMNS * args.batch,))
    logits = verdicts(ops.concatenate([real, fake], axis=2))
    loss_d = sum(game.discriminator_loss(each[:, : args.batch], each[:, args.batch :]).mean(axis=1).sum() for game, each in zip(GAMES.values(), logits, strict=True))
    loss = loss_d + sum(penalty(name, real[i], fake[i], t) for i, name in enumerate(PENALTIES))
    optimizer_d.zero_grad()
    loss.backward()
    optimizer_d.step()
    optim.clip_weights_(D["clipped weights"].parameters(), args.clip)

    with no_grad():
        on_real = verdicts(real)
    on_fake = verdicts(G(rng.normal((args.batch, LATENT))).reshape(fake.shape))
    loss_g = sum(game.generator_loss(a, b).mean(axis=1).sum() for game, a, b in zip(GAMES.values(), on_real, on_fake, strict=True))
    for w, g in zip(optimizer_g.parameters, grad(loss_g, optimizer_g.parameters), strict=True):
        w.grad = g
    optimizer_g.step()
    run.log(discriminators=loss_d, generators=loss_g)

# %% Samples, figures and the table
EXTENT = (-1.5, 1.5, -1.5, 1.5)
evaluation = default_rng(args.seed + 1, args.device)
with no_grad():
    samples = G(evaluation.normal((2500, LATENT))).numpy().reshape((len(PENALTIES), COLUMNS, 2500, 2))
    D["spectral norm"].eval()
    at = to_device(grid_points(EXTENT, 60).astype(np.float32), args.device)
    fields = np.stack([d(at).numpy()[..., 0] for d in D.values()])  # (penalties, games, 60 * 60)
rows, figures = {}, {}
for i, name in enumerate(PENALTIES):
    rows[name] = {}
    for j, game in enumerate(GAMES):
        found = count_modes(samples[i, j], DATA.modes, DATA.sigma)
        rows[name][game] = {"field": fields[i, j], "points": samples[i, j], "note": f"{found.num_captured} of 8, {found.high_quality:.0%} good"}
        figures[f"{name}, {game}"] = {"modes": found.num_captured, "good": found.high_quality}
    print(f"{name:17s}" + "; ".join(f"{game} {panel['note'].replace(' good', '')}" for game, panel in rows[name].items()))
save_table(args.out / "games.png", rows, EXTENT)
angle = 2 * np.pi * (np.arange(2500) + 0.5) / 2500
for name, x in (("the data themselves", DATA.sample(2500, np.random.default_rng(0))[0]), ("an even circle", np.stack([np.cos(angle), np.sin(angle)], axis=1))):
    found = count_modes(x, DATA.modes, DATA.sigma)
    print(f"{name}: {found.num_captured} of 8, {found.high_quality:.0%}")
    figures[name] = {"modes": found.num_captured, "good": found.high_quality}
run.write_metrics(picture="games.png", pairs=figures)
