# %% [markdown]
"""Wasserstein GANs on a line, where the distance is known exactly.

Arjovsky, Chintala and Bottou, 2017; Gulrajani et al., 2017; Petzka et al.,
2018.

Question to predict before you run it: the data have two modes, and at first
the samples of the generator lie three units away from them. A perfect
discriminator recognizes every sample. What does its value say about *how far*
the samples are from the data, and what can a generator learn from it? Now
suppose that the slope of a network is held at 1 instead. What does the
difference between its mean output on data and on samples tell?

    python demos/wgan_gp.py                four games, same weights and batches
    python demos/wgan_gp.py --penalty 0.1  another weight of the penalties
    python demos/wgan_gp.py --clip 0.01    the limit of the first paper

The Wasserstein distance W(p, q) is the least mean distance over which the
mass of q must be moved to become p. On a line it is the mean distance between
the two sets of points, both in order (`metrics.wasserstein_1d`). By
Kantorovich and Rubinstein,

    W(p, q) = max of E_p[f] - E_q[f]  over all f of slope at most 1.

So for *any* critic f, this difference divided by the steepest slope of f (its
Lipschitz constant) never exceeds W. The best f has slope exactly 1 wherever
mass must pass.

It draws

- estimates.png: densities (blue data, orange first samples), and over them
  the optimal D and the optimal critic of slope at most 1; W and the
  Jensen-Shannon divergence of samples at different places;
- critics.png: densities and critic of each game, early and at the end. Dashed
  is the optimal critic;
- distances.png: the distance and all estimates in each game.

The games:

- minimax (Algorithm 1 as printed), for contrast. The estimate from the value
  V of D, (V + log 4) / 2, is at most the Jensen-Shannon divergence. That is
  log 2 for all densities that do not overlap, near or far.
- weight clipping (Arjovsky et al.): the slope of the critic is whatever the
  limit allows, so the estimate has no unit. Divided by the slope it has one.
- gradient penalty (Gulrajani et al.): (|f'| - 1)^2 between data and samples.
  The estimate of the optimal penalized critic is
  W + int A^2 / (2 lambda r) dx, which is a bit more than W
  (`losses.gradient_penalty` derives its slope, and explains the next point).
- one-sided penalty (Petzka et al.): only slopes above 1 are penalized. This
  matters on a line: to change its direction, f' must pass through 0, where
  the two-sided penalty is largest. So a critic that slopes in the wrong
  direction stays so. Its estimate is then *negative*, and its generator moves
  away from the data.

Three changes to try. Predict W at the end of each game, then run:

1. `--clip 0.01`, the limit of the first paper.
2. `optim.Adam(..., lr=1e-3)` for the generators instead of SGD.
3. `LR_G = 5e-3`, a third of the learning rate of the generators.
"""

# %%
# Settings
import numpy as np
from _command_line import (  # first of ours: finds the package
    natural,
    parse,
    parser,
    positive,
)
from _exact_1d import (
    density_of_quantiles,
    jensen_shannon,
    optimal_critic,
    optimal_discriminator,
    optimal_penalized_estimate,
)
from _noise import normal_quantiles
from _run import Run
from _two_gaussians import TwoGaussians
from figures.game import Critic

from tinygen import default_rng, grad, losses, nn, no_grad, optim, tensor
from tinygen.backend import to_device
from tinygen.losses.adversarial import GAMES
from tinygen.metrics import wasserstein_1d
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import Curves, save_page
from tinygen.plot.page import Caption

p = parser(
    __doc__,
    steps={"two modes": 400},
    takes={"two modes": "three quarters of a minute"},
    batch=128,
)
p.add_argument(
    "--k",
    type=natural,
    default=5,
    help="steps of the critics for each step of the generators (default: 5)",
)
p.add_argument(
    "--penalty",
    type=positive,
    default=10.0,
    help="lambda, the weight of the gradient penalties (default: 10)",
)
p.add_argument(
    "--clip",
    type=positive,
    default=0.1,
    help="largest absolute value of the clipped weights (default: 0.1)",
)
args = parse(p)
DATA = TwoGaussians(weights=(0.5, 0.5), means=(2.0, 4.0), deviations=(0.25, 0.5))
LR_D = 3e-3  # learning rate of the critics at the first step
LR_G = 1.5e-2  # learning rate of the generators at the first step
FIRST_CRITIC_STEPS = 100  # before the first step of the generators
NUM_SNAPSHOTS = 60  # steps at which the networks are measured

# %%
# Four games: the loss of each. Their names say how the slope of the critic is bounded.
LOSSES = {
    "minimax": "minimax",
    "weight clipping": "Wasserstein",
    "gradient penalty": "Wasserstein",
    "one-sided penalty": "Wasserstein",
}


def make_generator():
    """Return a generator; all of them begin with the same weights."""
    return MLPGenerator(1, (32, 32), (1,), nn.SiLU, rng=default_rng(args.seed, args.device))


def make_critic():
    """Return a critic; all of them begin with the same weights."""
    return MLPDiscriminator((32, 32), (1,), nn.SiLU, rng=default_rng(args.seed + 1, args.device))


generators = nn.ModuleList([make_generator() for _ in LOSSES])
critics = nn.ModuleList([make_critic() for _ in LOSSES])
G, D = dict(zip(LOSSES, generators, strict=True)), dict(zip(LOSSES, critics, strict=True))
optimizer_d = optim.Adam(critics.parameters(), lr=LR_D, betas=(0.0, 0.9))
# A step of SGD is as large as the gradient. A step of Adam is not.
optimizer_g = optim.SGD(generators.parameters(), lr=LR_G, momentum=0.5)

schedule = optim.LRSchedule([optimizer_d, optimizer_g], optim.cosine_decay, steps=args.steps)
rng = default_rng(args.seed, args.device)


def critic_step():
    """Make one step of each critic. They share no weight, so the sum of the losses serves all."""
    real = DATA.sample(args.batch, rng)
    z, t = rng.normal((args.batch, 1)), rng.uniform((args.batch,))
    loss = 0.0
    for name, critic in D.items():
        with no_grad():
            fake = G[name](z)
        loss = loss + GAMES[LOSSES[name]].discriminator_loss(critic(real), critic(fake)).mean()
        if "penalty" in name:
            one_sided = name == "one-sided penalty"
            penalty = losses.gradient_penalty(critic, real, fake, t, one_sided=one_sided)
            loss = loss + args.penalty * penalty.mean()
    optimizer_d.zero_grad()
    loss.backward()
    optimizer_d.step()
    optim.clip_weights_(D["weight clipping"].parameters(), args.clip)
    return loss


def generator_step():
    """Make one step of each generator."""
    real, z = DATA.sample(args.batch, rng), rng.normal((args.batch, 1))
    loss = sum(
        GAMES[LOSSES[name]].generator_loss(critic(real), critic(G[name](z))).mean()
        for name, critic in D.items()
    )
    optimizer_g.zero_grad()
    loss.backward(inputs=generators.parameters())
    optimizer_g.step()


# %%
# What is known exactly. Both distributions are given by 1000 quantiles of equal mass.
LEVELS = (np.arange(1000) + 0.5) / 1000
NOISE = normal_quantiles(LEVELS)
HALF = normal_quantiles(LEVELS[::2] + LEVELS[0])  # 500 quantiles for each of the equal modes
REAL_POINTS = np.concatenate(
    [m + s * HALF for m, s in zip(DATA.means, DATA.deviations, strict=True)]
)
X = np.linspace(-2, 7, 901)
DX = 0.01
P = DATA.density(X)


def as_column(x):
    """Return x (n,) as inputs of a network, (n, 1)."""
    return to_device(x.astype(np.float32)[:, None], args.device)


def lipschitz_constant(critic, low, high):
    """Return the largest |f'| of a critic from `low` to `high`."""
    x = tensor(as_column(np.linspace(low, high, 1000)), requires_grad=True)
    return np.abs(grad(critic(x).sum(), x)[0].numpy()).max()


def measure(name):
    """Measure one game.

    Returns
    -------
    samples : array (1000,)
        G at the quantiles of its noise.
    measures : array (3,)
        The critic's estimate of the distance, its Lipschitz constant, and the mean absolute
        gradient of the generator's loss at its samples.
    """
    critic, game = D[name], GAMES[LOSSES[name]]
    with no_grad():
        samples = G[name](as_column(NOISE)).numpy()[:, 0]
        real, fake = critic(as_column(REAL_POINTS)), critic(as_column(samples))
        value = -float(game.discriminator_loss(real, fake).mean())
    estimate = (value + np.log(4)) / 2 if name == "minimax" else value
    low, high = min(samples.min(), REAL_POINTS.min()), max(samples.max(), REAL_POINTS.max())
    x = tensor(as_column(samples), requires_grad=True)
    gradient = np.abs(grad(game.generator_loss(real, critic(x)).sum(), x)[0].numpy()).mean()
    return samples, np.array([estimate, lipschitz_constant(critic, low, high), gradient])


def measure_all():
    """Measure all games: samples (games, 1000) and measures (games, 3)."""
    samples, measures = zip(*map(measure, LOSSES), strict=True)
    return {"samples": np.stack(samples), "measures": np.stack(measures)}


def outputs_on_grid():
    """Return the output of each critic on X, (games, 901)."""
    with no_grad():
        return np.stack([critic(as_column(X)).numpy() for critic in D.values()])


# %%
# Training. The critics make 100 steps first. The networks are measured at some steps.
snapshot_steps = np.unique(np.round(np.linspace(0, args.steps - 1, NUM_SNAPSHOTS)).astype(int))
early = len(snapshot_steps) // 15  # the index of the early snapshot that is drawn
run = Run(
    args,
    G=generators,
    D=critics,
    optimizer_d=optimizer_d,
    optimizer_g=optimizer_g,
    rng=rng,
)
for step in run.steps():
    schedule.set(step)
    for _ in range(args.k if step else FIRST_CRITIC_STEPS):
        loss_d = critic_step()
    if step in snapshot_steps:
        run.record(**measure_all())
    if step == snapshot_steps[early]:
        run.record(outputs=outputs_on_grid())
    generator_step()
    run.log(critics=loss_d)
run.record(**measure_all(), outputs=outputs_on_grid())

# %%
# The exact distance, and what each critic says of it
steps = np.append(snapshot_steps, args.steps)
all_samples = run.records["samples"].astype(np.float64)  # (snapshots, games, 1000)
all_measures = run.records["measures"]  # (snapshots, games, 3)
curves, figures = {}, {}
for k, name in enumerate(LOSSES):
    samples = all_samples[:, k]
    estimate, lipschitz, gradient = all_measures[:, k].T
    w = np.array([wasserstein_1d(REAL_POINTS, x) for x in samples])

    curves[name] = {"exact distance": (steps, w)}
    if name == "minimax":
        jsd = np.array([jensen_shannon(P, density_of_quantiles(x, X, DX), DX) for x in samples])
        curves[name] |= {"estimate": (steps, estimate), "exact JSD": (steps, jsd)}
    else:
        curves[name]["estimate"] = (steps, estimate)
        curves[name]["estimate / slope"] = (steps, estimate / lipschitz)
    if "penalty" in name:
        optimal = np.array(
            [optimal_penalized_estimate(REAL_POINTS, x, args.penalty) for x in samples]
        )
        curves[name]["optimal critic's estimate"] = (steps, optimal)

    key = name.replace(" ", "_").replace("-", "_")
    figures[f"{key}_wasserstein_first"] = w[0]
    figures[f"{key}_wasserstein_max"] = w.max()
    figures[f"{key}_wasserstein"] = w[-1]
    figures[f"{key}_estimate_first"] = estimate[0]
    figures[f"{key}_lipschitz_first"] = lipschitz[0]
    figures[f"{key}_gradient_early"] = gradient[early]
    figures[f"{key}_gradient"] = gradient[-1]
    if "penalty" in name:
        figures[f"{key}_optimal_first"] = optimal[0]
    print(
        f"{name:18s} W {w[0]:.2f} -> {w[-1]:.2f} (at most {w.max():.2f}); "
        f"first estimate {estimate[0]:.2f}, divided by its slope {estimate[0] / lipschitz[0]:.2f}; "
        f"gradient {gradient[early]:.2g} at step {steps[early]}, {gradient[-1]:.2g} at the end"
    )

# %%
# Pictures
outputs = run.records["outputs"].astype(np.float64)  # (2, games, 901): early and at the end


def draw_critic(name, i):
    """Return a panel of a game's critic, early (i = early) or at the end (i = -1)."""
    k = [*LOSSES].index(name)
    samples, f = all_samples[i, k], outputs[0 if i == early else 1, k]
    q = density_of_quantiles(samples, X, DX)
    if name == "minimax":
        f, optimal = 1 / (1 + np.exp(-f)), optimal_discriminator(P, q)
    else:
        optimal = optimal_critic(REAL_POINTS, samples, X, DX, all_measures[i, k, 1]) + f.mean()
    output = "D(x)" if name == "minimax" else "f(x)"
    return Critic(X, P, q, f, optimal, name=output, title=f"{name}, step {steps[i]}")


def draw_curves(name, keys, num_snapshots, **options):
    """Return a panel with curves of a game, its distance and estimates, at the first snapshots."""
    few = {
        label: (steps[:num_snapshots], curves[name][key][1][:num_snapshots])
        for key, label in keys.items()
        if key in curves[name]
    }
    return Curves(few, smooth=False, **options)


# For the README: the optimal D and the optimal critic for the first samples, and two distances
first_samples = all_samples[0, 0]
q = density_of_quantiles(first_samples, X, DX)
best = [
    Critic(
        X,
        P,
        q,
        optimal_discriminator(P, q),
        name="D(x)",
        title="GAN: the best D is flat where the samples are",
        note='D: probability of "real" (gap: no\ndata or samples). No slope for G.',
    ),
    Critic(
        X,
        P,
        q,
        optimal_critic(REAL_POINTS, first_samples, X, DX, lipschitz=1.0),
        name="f(x)",
        title="WGAN: the best critic f rises to the data",
        note="f: a score, not a probability.\nSlope 1 shows G where to go.",
    ),
]
means = np.linspace(-2, 2, 51)  # the first samples, moved to other places
moved = [first_samples - first_samples.mean() + m for m in means]
wasserstein = np.array([wasserstein_1d(REAL_POINTS, x) for x in moved])
divergence = np.array([jensen_shannon(P, density_of_quantiles(x, X, DX), DX) for x in moved])
distances = Curves(
    {"Wasserstein": (means, wasserstein), "Jensen-Shannon": (means, divergence)},
    title="Only the Wasserstein distance tells how far they are",
    ylabel="distance of the samples from the data",
    xlabel=f"mean of the samples (modes of the data: {DATA.means[0]:g} and {DATA.means[1]:g})",
    note="Jensen-Shannon: log 2 wherever samples and data do not overlap",
    smooth=False,
    direct=True,
    ylim=(0, 5.4),
    height=320,
)
save_page(
    args.out / "estimates.png",
    [
        best,
        Caption("Densities of data (blue) and of the same samples (orange, cut off)."),
        distances,
    ],
)

# All four games
rows = [[draw_critic(name, i) for name in LOSSES] for i in (early, -1)]
save_page(args.out / "critics.png", rows, width=1600)
first, second, third, fourth = (
    Curves(curves[name], title=name, ylabel="", smooth=False) for name in LOSSES
)
save_page(args.out / "distances.png", [[first, second], [third, fourth]], width=1600)
run.write_metrics(
    picture="estimates.png", **{name: float(value) for name, value in figures.items()}
)

# %% [markdown]
# ## What you should see
#
# `python demos/wgan_gp.py`, seed 0 (in brackets: seeds 1 and 2), three quarters of a minute. The
# learning rates, the limit of the weights and the number of steps were chosen with one seed.
#
# - minimax: the generator stays at W 2.85. D's estimate is 0.69 = log 2 all the time: it does not
#   tell how far the samples are. The gradient that reaches the samples falls below 1e-8.
# - gradient penalties: both critics first estimate 3.2; the optimal penalized critic, 3.28. The
#   estimate divided by the steepest slope is 2.7, and it is at most 0.97 W at every step.
# - one-sided penalty: W falls to 0.28 (0.24 and 0.22).
# - two-sided penalty: the generator overshoots the data. The critic should turn round and cannot,
#   and at a third of the snapshots its estimate is negative. W rises to 18 (19 and 15), close to
#   2 lambda = 20. At that distance the penalty no longer keeps the critic in the wrong
#   direction; W falls, and rises again. At the end it is 2.7 (2.2 and 2.8). With seed 1 the critic
#   slopes in the wrong direction from the start, and its first estimate is -2.4.
# - weight clipping: the critic has a slope of 0.37 and brings W to 0.41 (0.72 and 0.70). At the end
#   it is hardly more than a straight line (a parabola), too simple to tell two modes from one.
#
# The three changes (seed 0):
#
# 1. `--clip 0.01`. Three layers of small weights have a slope of 0.00026. The estimate divided by
#    this slope is 2.84, nearly W itself. But the steps of the generator are as large as the
#    gradient that reaches it, so it stays at W 2.85. (The paper used RMSprop, which divides by the
#    size of the gradient.)
# 2. Adam for the generators, 1e-3. Now the minimax generator, too, reaches W 0.28. Its gradient is
#    0.008 at first, as before, but Adam makes the same step of it as of a gradient of 1. Once the
#    densities overlap, D is no longer sure, and the gradient is 0.4 at step 27.
# 3. `LR_G = 5e-3`. The slope of the clipped critic limits the speed: W takes 200 steps to fall
#    below 0.6, instead of 60. The two-sided generator moves away nearly as far as before, to 16.5:
#    the second maximum of the penalized objective does not depend on the learning rate.
