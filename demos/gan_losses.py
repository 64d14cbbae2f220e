# %% [markdown]
"""Six losses and six penalties: every pair of them on one problem.

The games are those of losses/adversarial.py. The penalties bound the gradient
of the discriminator (losses/penalties.py, optim.clip_weights_, spectral norm).

Question to predict before you run it: early in training, a discriminator
recognizes every sample. The generator of Algorithm 1 minimizes log(1 - D), the
usual one -log D. Which of the two losses is steep there, and which is flat?
Now 36 pairs of networks begin with the same weights and see the same batches.
What decides more whether a pair captures all eight modes of the data: the
loss, or what bounds the gradient of the discriminator? Or something that all
36 pairs have in common? In a second experiment the generator G begins far from
the data, and the discriminator has learned alone. Which losses move G?

    python demos/gan_losses.py               six losses, six penalties
    python demos/gan_losses.py --clip 0.01   the limit of the first WGAN
    python demos/gan_losses.py --steps 5000  longer training

It draws three pictures.

- gradients.png: the loss of each generator for one sample of logit l, and its
  slope, the derivative. It is all that reaches the generator through D. The
  engine computes both; no formula is copied.
- table.png: one row for each penalty, one column for each loss. Dots are
  samples; the colour is the output of D (blue real, orange generated, each
  plane from its minimum to its maximum); circles are the modes of the data.
  Below each plane stand the number of captured modes, of eight, and the
  fraction of good samples: those within three sigma of a mode, in a circle.
- far.png: the slopes of three losses, and the second experiment with them.

The data themselves have 8 modes and 99 % good samples. **A uniform circle
through the modes has 8 modes and 38 %.** So "8 of 8" with some 45 % is a
circle that only begins to gather at the modes. metrics.json has all figures.

All 36 pairs share their first weights, noise, data, optimizer and number of
updates. These settings were chosen with one seed, so that the pairs differ:
with the optimizer of change 1, nearly all pairs capture all eight modes. So a
figure says how a pair does under *these* settings, not how good it can be.

Three changes to try. Predict the table for each, then run:

1. `BETAS = (0.0, 0.9)`: Adam without momentum and with a shorter memory.
2. `R1_GAMMA = 1.0`, ten times the weight of R1 and R2. Look at R1 + R2.
3. `PENALTY_WEIGHT = 10.0`, the weight that the paper uses for images. Look at
   the gradient penalty.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser, positive  # first of ours: finds the package
from _ensemble import ensemble_mlp
from _run import Run

from tinygen import default_rng, grad, losses, nn, no_grad, ops, optim, tensor
from tinygen.backend import to_device
from tinygen.data.mixtures import ring
from tinygen.losses.adversarial import GAMES
from tinygen.metrics import count_modes
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import Curves, PlaneRows, grid_points, save_page

p = parser(__doc__, steps={"ring": 1200}, takes={"ring": "about a minute"}, batch=64)
p.add_argument(
    "--clip",
    type=positive,
    default=0.1,
    help="largest absolute value of the clipped weights (default: 0.1)",
)
args = parse(p)
LR = 1e-3  # learning rate of both networks at the first step
BETAS = (0.5, 0.999)  # of Adam
PENALTY_WEIGHT = 0.1  # lambda, of the gradient penalty
R1_GAMMA = 0.1  # weight of R1 and R2
LATENT_DIM = 2
PENALTIES = ("none", "clipped weights", "gradient penalty", "R1", "R1 + R2", "spectral norm")
DATA = ring(modes=8, radius=1.0, sigma=0.05)
NUM_GAMES, NUM_PENALTIES = len(GAMES), len(PENALTIES)

# %%
# The generators' losses against the logit, and their derivatives, by the engine.
# The relativistic loss compares with a real example, which has the logit 0 here.
LABELS = {
    "minimax": "minimax",
    "non-saturating": "non-saturating and relativistic",  # these two coincide
    "Wasserstein": "Wasserstein and hinge",  # and these two
    "least squares": "least squares",
}


def loss_and_derivative(game, logits):
    """Return the generator's loss for samples with these logits (n,), and its derivative."""
    logits = tensor(logits, requires_grad=True)
    loss = GAMES[game].generator_loss(logits.detach() * 0, logits)
    return loss, grad(loss.sum(), logits)[0]


logits = np.linspace(-8, 8, 401)
losses_of_logit, slopes = {}, {}
for name, label in LABELS.items():
    loss, derivative = loss_and_derivative(name, logits)
    losses_of_logit[label], slopes[label] = (logits, loss), (logits, derivative)


# %%
# 36 pairs of networks that begin alike. Each penalty has six discriminators side by side.
def make_networks(count, sizes, seed, spectral_norm=False):
    """Return `count` networks side by side that begin alike, with leaky ReLUs between layers."""
    rngs = [default_rng(seed, args.device) for _ in range(count)]
    return ensemble_mlp(sizes, lambda: nn.LeakyReLU(0.2), rngs=rngs, spectral_norm=spectral_norm)


def make_discriminators(penalty):
    """Return the discriminators of one penalty, one for each game."""
    seed = 2 * args.seed + 1
    return make_networks(NUM_GAMES, (2, 64, 64, 1), seed, spectral_norm=penalty == "spectral norm")


G = make_networks(NUM_PENALTIES * NUM_GAMES, (LATENT_DIM, 64, 64, 2), 2 * args.seed)
D = {penalty: make_discriminators(penalty) for penalty in PENALTIES}
discriminators = nn.ModuleList(D.values())
optimizer_g = optim.Adam(G.parameters(), lr=LR, betas=BETAS)
optimizer_d = optim.Adam(discriminators.parameters(), lr=LR, betas=BETAS)

schedule = optim.LRSchedule([optimizer_d, optimizer_g], optim.cosine_decay, steps=args.steps)
rng = default_rng(args.seed, args.device)
MODES = to_device(DATA.modes.astype(np.float32), args.device)


def sample_data(n, rng):
    """Draw n examples, (n, 2)."""
    modes = MODES[rng.integers(0, len(DATA.modes), (n,))]
    return modes + np.float32(DATA.sigma) * rng.normal((n, 2))


def generate(n):
    """Generate n samples by each generator, (penalties, games, n, 2)."""
    return G(rng.normal((n, LATENT_DIM))).reshape((NUM_PENALTIES, NUM_GAMES, n, 2))


def all_logits(x):
    """Return the logits (games, penalties, n) of x (penalties, games, n, 2)."""
    return ops.stack([d(x[i])[..., 0] for i, d in enumerate(D.values())], axis=1)


def penalty_loss(name, real, fake, t):
    """Return the penalty of the discriminators of one row, summed over the games.

    **Shapes** real and fake (games, n, 2), t (games n,) from U(0, 1).
    """

    def logits(x):
        """Return the logits (games n,), each example by the discriminator of its own game."""
        return D[name](x.reshape((NUM_GAMES, -1, 2))).reshape((-1,))

    real, fake = real.reshape((-1, 2)), fake.reshape((-1, 2))  # (games n, 2)
    if name == "gradient penalty":
        penalty = losses.gradient_penalty(logits, real, fake, t).mean()
        return PENALTY_WEIGHT * NUM_GAMES * penalty
    if name == "R1":
        return R1_GAMMA * NUM_GAMES * losses.r1(logits, real).mean()
    if name == "R1 + R2":
        r1, r2 = losses.r1(logits, real).mean(), losses.r1(logits, fake).mean()
        return R1_GAMMA * NUM_GAMES * (r1 + r2)
    return 0.0


# %%
# Training. The pairs share no weight, so the sum of their losses has the gradient of each.
run = Run(
    args,
    G=G,
    D=discriminators,
    optimizer_g=optimizer_g,
    optimizer_d=optimizer_d,
    rng=rng,
)
for step in run.steps():
    schedule.set(step)
    with no_grad():
        fake = generate(args.batch).data
    real = fake * 0 + sample_data(args.batch, rng)  # the same examples for all pairs
    t = rng.uniform((NUM_GAMES * args.batch,))
    logits = all_logits(ops.concatenate([real, fake], axis=2))  # (games, penalties, 2 n)
    logits_real, logits_fake = logits[..., : args.batch], logits[..., args.batch :]
    loss_d = sum(
        game.discriminator_loss(l_real, l_fake).mean(axis=1).sum()
        for game, l_real, l_fake in zip(GAMES.values(), logits_real, logits_fake, strict=True)
    )
    penalties = sum(penalty_loss(name, real[i], fake[i], t) for i, name in enumerate(PENALTIES))
    optimizer_d.zero_grad()
    (loss_d + penalties).backward()
    optimizer_d.step()
    optim.clip_weights_(D["clipped weights"].parameters(), args.clip)

    with no_grad():
        logits_real = all_logits(real)
    logits_fake = all_logits(generate(args.batch))
    loss_g = sum(
        game.generator_loss(l_real, l_fake).mean(axis=1).sum()
        for game, l_real, l_fake in zip(GAMES.values(), logits_real, logits_fake, strict=True)
    )
    optimizer_g.zero_grad()
    loss_g.backward(inputs=G.parameters())
    optimizer_g.step()
    run.log(discriminators=loss_d, generators=loss_g)

# %%
# The second experiment: G begins far from the data, and D learns alone until it is sure.
# A step of SGD is as large as the gradient, as in Algorithm 1; Adam makes up for small gradients.
START = 2.5  # added to both coordinates of every sample
STEPS_ALONE, STEPS_BOTH = args.steps // 16, args.steps  # of D alone, then of both
FAR_GAMES = {"minimax": 0.0, "non-saturating": 0.0, "Wasserstein": 1.0}  # weights of R1 and R2
FAR_EXTENT = (-1.6, 3.2, -1.6, 3.2)
NUM_FAR = 600  # samples that are drawn


def leaky_relu():
    """Return the layer after each hidden one."""
    return nn.LeakyReLU(0.2)


def generate_far(G, z):
    """Return the samples of z (n, 2), far from the data as long as G is new."""
    return G(z) + START


def train_far_away(name, gamma):
    """Train a pair; return samples before and after, and D's output and G's slope before."""
    rng = default_rng(args.seed, args.device)
    G = MLPGenerator(LATENT_DIM, (64, 64), (2,), leaky_relu, rng=rng)
    D = MLPDiscriminator((64, 64), (2,), leaky_relu, rng=rng)
    optimizer_g = optim.SGD(G.parameters(), lr=0.01)
    optimizer_d = optim.Adam(D.parameters(), lr=2e-3, betas=(0.0, 0.9))
    z = rng.normal((NUM_FAR, LATENT_DIM))
    before = generate_far(G, z).detach()
    for step in range(STEPS_ALONE + STEPS_BOTH):
        if step == STEPS_ALONE:
            derivative = loss_and_derivative(name, D(before).detach())[1].mean()
            field = D(to_device(grid_points(FAR_EXTENT, 100).astype(np.float32), args.device))
        real, fake = sample_data(args.batch, rng), generate_far(G, rng.normal((args.batch, 2)))
        loss_d = GAMES[name].discriminator_loss(D(real), D(fake.detach())).mean()
        if gamma:
            loss_d = loss_d + gamma * (losses.r1(D, real) + losses.r1(D, fake.detach())).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        if step >= STEPS_ALONE:
            loss_g = GAMES[name].generator_loss(D(real), D(fake)).mean()
            optimizer_g.zero_grad()
            loss_g.backward(inputs=G.parameters())
            optimizer_g.step()
    return [x.numpy() for x in (before, generate_far(G, z), field, derivative)]


def distance_to_modes(x):
    """Return the distance of each point (n, 2) from the nearest mode, (n,)."""
    return np.sqrt(((x[:, None] - DATA.modes) ** 2).sum(axis=2)).min(axis=1)


far_pairs = {name: train_far_away(name, gamma) for name, gamma in FAR_GAMES.items()}
far_figures = {}
for name, (before, after, _, derivative) in far_pairs.items():
    begin, end = (float(distance_to_modes(x).mean()) for x in (before, after))
    far_figures[name] = {
        "derivative": float(derivative),
        "distance_before": begin,
        "distance_after": end,
    }
    print(
        f"G begins far away, {name}: slope {derivative:.2g}; "
        f"distance of samples from the modes {begin:.2f}, {end:.2f} at the end"
    )

# %%
# Samples, measures and the table
EXTENT = (-1.5, 1.5, -1.5, 1.5)
NUM_SAMPLES = 2500
evaluation_rng = default_rng(args.seed + 1, args.device)
with no_grad():
    samples = G(evaluation_rng.normal((NUM_SAMPLES, LATENT_DIM))).numpy()
    samples = samples.reshape((NUM_PENALTIES, NUM_GAMES, NUM_SAMPLES, 2))
    D["spectral norm"].eval()
    plane = to_device(grid_points(EXTENT, 60).astype(np.float32), args.device)
    fields = np.stack([d(plane).numpy()[..., 0] for d in D.values()])  # (penalties, games, 3600)


def measure(x):
    """Return the captured modes and the fraction of good samples, for metrics.json and in words."""
    counts = count_modes(x, DATA.modes, DATA.sigma)
    figures = {"modes": counts.num_captured, "good": counts.high_quality}
    return figures, f"{counts.num_captured} of 8, {counts.high_quality:.0%}"


figures, notes = {}, {}
for i, name in enumerate(PENALTIES):
    line = []
    for j, game in enumerate(GAMES):
        figures[f"{name}, {game}"], notes[name, game] = measure(samples[i, j])
        line.append(f"{game} {notes[name, game]}")
    print(f"{name:17s}" + "; ".join(line))

data_points, _ = DATA.sample(NUM_SAMPLES, default_rng(0))
angle = 2 * np.pi * (np.arange(NUM_SAMPLES) + 0.5) / NUM_SAMPLES
circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
figures["the data themselves"], data_note = measure(data_points)
figures["a uniform circle"], circle_note = measure(circle)
print(f"the data themselves: {data_note} good\na uniform circle: {circle_note} good")


# %%
# Pictures
def draw_plane(field, points, labels, extent, **texts):
    """Return a plane: samples over the output of D, from its lowest to its highest values."""
    low, high = np.quantile(field, [0.02, 0.98])
    to_mode = distance_to_modes(grid_points(extent, 300))
    return {
        "field": np.clip((field - low) / max(high - low, 1e-12), 0, 1),
        "colours": ("#f3d9c0", "#ffffff", "#c3d7ee"),
        "points": points,
        "labels": labels,
        "contours": [(to_mode, [3 * DATA.sigma], "-")],
        **texts,
    }


BEFORE, AFTER = 1, 3  # colours of samples: orange, and a dark one
FORMULAS = {"minimax": "log(1 \u2212 D)", "non-saturating": "\u2212log D", "Wasserstein": "\u2212f"}
far_row = {}
for name, (before, after, field, derivative) in far_pairs.items():
    points, labels = np.concatenate([before, after]), np.repeat([BEFORE, AFTER], NUM_FAR)
    moved = np.sqrt(((after - before) ** 2).sum(axis=1)).mean()
    # Words at the samples: on the left of the first ones, and above the ring or below the start
    place = (0.0, 1.75) if moved > 1 else (START - 0.7, START - 0.9)
    texts = [(START - 0.95, START + 0.1, "start"), (*place, f"{STEPS_BOTH:,} steps\nlater")]
    note = f"slope at the start:\n{derivative:.1g}".replace("-", "\u2212")
    penalty = " (steep f penalized)" if FAR_GAMES[name] else ""
    heading = f"{name}\n{FORMULAS[name]}{penalty}"
    far_row[heading] = draw_plane(field, points, labels, FAR_EXTENT, note=note, texts=texts)
save_page(
    args.out / "far.png",
    [
        Curves(
            {FORMULAS[name]: slopes[LABELS[name]] for name in FAR_GAMES},
            title="Where D is sure, minimax has no slope",
            ylabel="slope of the generator's loss",
            xlabel="f, D's output before its sigmoid (left: sure it is generated)",
            smooth=False,
            height=300,
        ),
        PlaneRows(
            {"": far_row},
            FAR_EXTENT,
            title="So G is stuck with minimax; with the others it moves",
            note="Circles: data. Colour: D at the start (blue: real, orange: generated).",
        ),
    ],
)
rows = {
    penalty.replace("none", "no penalty"): {
        game: draw_plane(
            fields[i, j],
            samples[i, j, :600],
            np.full(600, AFTER),
            EXTENT,
            note=notes[penalty, game],
        )
        for j, game in enumerate(GAMES)
    }
    for i, penalty in enumerate(PENALTIES)
}
both = (("loss", losses_of_logit, (-4, 4)), ("slope", slopes, (-2, 1)))
panels = [
    Curves(curves, ylabel=name, xlabel="logit of a sample", smooth=False, ylim=ylim, height=600)
    for name, curves, ylim in both
]
save_page(args.out / "gradients.png", [panels], width=1600)
save_page(args.out / "table.png", [PlaneRows(rows, EXTENT)], width=1400)
run.write_metrics(picture="far.png", pairs=figures, far=far_figures)

# %% [markdown]
# ## What you should see
#
# The question. Where D recognizes a sample (logit l far below 0), log(1 - D) is flat and -log D is
# steep. gradients.png shows both.
#
# `python demos/gan_losses.py`, seed 0, about a minute:
#
# - Without a penalty, minimax, non-saturating, least squares and relativistic loss capture 7 or 8
#   modes. With R1 and with R1 + R2 they do so, too.
# - Hinge and Wasserstein capture 2 without a penalty. The gradient of their generators is as large
#   on the modes as anywhere else. R1 + R2 brings them to 6 and 7.
# - Clipped weights capture at most 4 modes, spectral norm at most 2, whatever the loss.
# - The saturating loss is among the best. Its generator begins amid the data, where no D is sure,
#   and Adam makes up for small gradients.
#
# The second experiment takes both away (far.png). D is sure when G begins to learn, by SGD: minimax
# has a slope of -0.0007 there, and its samples stay where they are, 2.65 from the nearest mode.
# The other two have a slope of -1 and come to 0.27 and 0.39. (A uniform circle through the modes
# has 0.20.) D never becomes unsure of samples that do not move, so waiting does not help.
#
# One seed is an anecdote. Seeds 1 and 2 show which part of this is reproducible:
#
# - Far from the data, minimax is stuck (distance 2.67 and 2.50 at the beginning and at the end),
#   and the others come to 0.25 and 0.26 (non-saturating) and 0.39 (Wasserstein, both seeds).
# - The four losses of the first line capture 7 or 8 modes there, too.
# - Hinge and Wasserstein capture at most 1 without a penalty. With R1 + R2 they capture more, but
#   not always many (5 and 5, 4 and 3).
# - Clipped weights capture at most 4, but for least squares with seed 1 (7). Spectral norm captures
#   at most 5.
# - With the gradient penalty, least squares captures 7 or 8 modes on each of the three seeds, and
#   minimax 0, 2 and 8.
#
# The three changes (seed 0):
#
# 1. BETAS = (0.0, 0.9). Without any penalty *every* loss captures all eight modes (53 to 56 %
#    good), with spectral norm, too (41 to 46 %). What looked like a matter of losses and penalties
#    was a matter of the optimizer.
# 2. R1_GAMMA = 1.0 with R1 + R2. Now every loss captures all eight modes, also hinge and
#    Wasserstein. But with 44 to 46 % good samples they are nearer to the uniform circle: such a
#    flat discriminator cannot follow modes of sigma 0.05.
# 3. PENALTY_WEIGHT = 10.0. With the gradient penalty no loss captures any mode, and at most 2 % of
#    the samples are good. A critic whose gradient has norm 1 may still point in the wrong direction
#    (`losses.gradient_penalty`). The weight has the unit of a distance, and here all distances are
#    at most 2.
