# %% [markdown]
"""A GAN on a line, where everything can be computed and drawn.

It trains by Algorithm 1 of Goodfellow et al., Generative Adversarial Nets,
2014, as printed: SGD with momentum, k steps of the discriminator D for each
step of the generator G.

Question to predict before you run it: at first all samples of G lie in one
place, and the data have two modes. D only ever says "real" or "fake". How
does G learn that there are two modes? At the end the density q of G is nearly
the density p of the data. What does the best discriminator say then, and what
is left of the gradient of G?

    python demos/gan_1d.py                        the minimax game, k = 5
    python demos/gan_1d.py --k 1                  one step of D for one of G
    python demos/gan_1d.py --game non-saturating  G maximizes log D

Other losses stand side by side in demos/gan_losses.py.

It draws the lecture's picture of the game: game.gif during training, and
game.png at four moments. Each picture shows

- the densities p and q;
- the learned D, and dashed the optimal one for these densities, p / (p + q).
  Grey reaches from 1/2 to max(p, q) / (p + q), the probability to be right at
  x if one chooses the more probable class. Its mean over the mixture
  (p + q) / 2 is 1/2 (1 + TV), written above it. TV is the total variation,
  half the area between the two densities; 1/2 is the accuracy of guessing;
- below, arrows of the optimal transport from q to p. The mean length of all
  such arrows is the Wasserstein distance W, written above them.

value.png shows the value V of the game with the learned D, and its maximum
over all D, 2 JSD(p || q) - log 4 (JSD is the Jensen-Shannon divergence).

q is not a histogram of samples. It follows from G itself: the mass of the
noise between two neighbouring z is spread evenly between their images G(z).

Three changes to try. Predict TV, W and V for each, then run:

1. `momentum=0.9` in both optimizers.
2. `lr=0.01` for D, a tenth of its learning rate.
3. `means=(-3.0, 3.0), deviations=(0.5, 0.5)` in DATA: the modes are twice as
   far apart.
"""

# %%
# Settings
from typing import NamedTuple

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _noise import normal_quantiles
from _run import Run
from _two_gaussians import TwoGaussians
from figures.game import Game

from tinygen import default_rng, nn, no_grad, optim
from tinygen.backend import to_device
from tinygen.losses.adversarial import GAMES
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import save_animation, save_curves, save_page

p = parser(
    __doc__, steps={"two modes": 1500}, takes={"two modes": "about half a minute"}, batch=256
)
p.add_argument(
    "--game",
    choices=["minimax", "non-saturating"],
    default="minimax",
    help="loss of the generator (default: minimax, as in Algorithm 1)",
)
p.add_argument(
    "--k",
    type=natural,
    default=5,
    help="steps of the discriminator for each step of the generator (default: 5)",
)
args = parse(p)
DATA = TwoGaussians(weights=(0.5, 0.5), means=(-1.2, 1.5), deviations=(0.5, 0.7))
NUM_FRAMES = 60  # pictures of the animation before the last one

# %%
# Two networks with two hidden layers each
rng = default_rng(args.seed, args.device)
G = MLPGenerator(1, (32, 32), (1,), nn.Tanh, rng=rng)
D = MLPDiscriminator((32, 32), (1,), nn.Tanh, rng=rng)
optimizer_d = optim.SGD(D.parameters(), lr=0.1, momentum=0.5)
optimizer_g = optim.SGD(G.parameters(), lr=0.05, momentum=0.5)

# %%
# The exact picture of the game: densities on a fine grid
X = np.linspace(-5, 5, 1001)
DX = X[1] - X[0]
CELL_EDGES = np.append(X - DX / 2, X[-1] + DX / 2)  # (1002,): the cells around X
NOISE = normal_quantiles((np.arange(2001) + 0.5) / 2001)  # equal mass between neighbours
P = DATA.density(X)


def evaluate_networks():
    """Return G at the quantiles of its noise, (2001,), and the logits of D on X, (1001,)."""
    with no_grad():
        samples = G(to_device(NOISE[:, None].astype(np.float32), args.device)).reshape((-1,))
        logits = D(to_device(X[:, None].astype(np.float32), args.device))
    return {"samples": samples, "logits": logits}


def density_of_intervals(ends):
    """Return the density on X of equal masses, each spread evenly between neighbours of `ends`.

    Its integral is less than 1 if some of the mass lies outside of X.
    """
    low, high = np.sort(np.stack([ends[:-1], ends[1:]]), axis=0)
    width = np.maximum(high - low, 4 * DX)  # the grid cannot show anything narrower
    middle = (low + high) / 2
    fractions = (CELL_EDGES[:, None] - (middle - width / 2)) / width  # (1002, intervals)
    cumulative = np.clip(fractions, 0, 1).mean(axis=1)  # the mass to the left of each edge
    return np.diff(cumulative) / DX


class Measures(NamedTuple):
    """What is known exactly about the two networks at one moment."""

    q: np.ndarray  # density of the generator on X
    value: float  # V(D, G) with the learned D
    optimal_value: float  # the maximum of V over D: 2 JSD - log 4
    total_variation: float
    wasserstein: float
    transport: np.ndarray  # (arrows, 2): from where to where the mass must move


def measure(samples, logits):
    """Measure the game from the output of `evaluate_networks`."""
    samples, logits = samples.astype(np.float64), logits.astype(np.float64)
    q = np.maximum(density_of_intervals(samples), 1e-12)

    # V = E_p[log D] + E_q[log(1 - D)], from the logits. Outside of X, D is taken as at its ends.
    logits_of_samples = np.interp(samples, X, logits)
    value = -(P * np.logaddexp(0, -logits) * DX).sum() - np.logaddexp(0, logits_of_samples).mean()
    optimal_value = ((P * np.log(P / (P + q)) + q * np.log(q / (P + q))) * DX).sum()
    total_variation = 1 - (np.minimum(P, q) * DX).sum()  # mass outside of X overlaps with nothing

    # On a line the optimal transport keeps the order: quantile to quantile.
    samples = np.sort(samples)
    levels = (np.arange(len(samples)) + 0.5) / len(samples)
    targets = np.interp(levels, (np.cumsum(P) - P / 2) * DX, X)
    wasserstein = np.abs(targets - samples).mean()
    arrows = np.stack([samples, targets], axis=1)[len(samples) // 32 :: len(samples) // 16]
    arrows = arrows.clip(X[0], X[-1])
    return Measures(q, value, optimal_value, total_variation, wasserstein, arrows)


# %%
# Training: Algorithm 1. The networks are recorded at some steps for the animation.
game = GAMES[args.game]
quadratic = np.linspace(0, 1, NUM_FRAMES) ** 2  # more frames at the beginning
frame_steps = np.unique(np.round((args.steps - 1) * quadratic).astype(int))
run = Run(args, G=G, D=D, optimizer_d=optimizer_d, optimizer_g=optimizer_g, rng=rng)
for step in run.steps():
    if step in frame_steps:
        run.record(**evaluate_networks())
    for _ in range(args.k):
        with no_grad():
            fake = G(rng.normal((args.batch, 1)))
        loss_d = game.discriminator_loss(D(DATA.sample(args.batch, rng)), D(fake)).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
    logits_real = D(DATA.sample(args.batch, rng))
    logits_fake = D(G(rng.normal((args.batch, 1))))
    loss_g = game.generator_loss(logits_real, logits_fake).mean()
    optimizer_g.zero_grad()
    loss_g.backward(inputs=G.parameters())
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)
run.record(**evaluate_networks())

# %%
# Measures of each frame
frame_steps = np.append(frame_steps, args.steps)
samples, logits = run.records["samples"], run.records["logits"]
measures = [measure(*networks) for networks in zip(samples, logits, strict=True)]
value = np.array([m.value for m in measures])
optimal_value = np.array([m.optimal_value for m in measures])
first, last = measures[0], measures[-1]
print(
    f"Total variation {first.total_variation:.3f} -> {last.total_variation:.3f}, "
    f"Wasserstein distance {first.wasserstein:.3f} -> {last.wasserstein:.3f}; "
    f"V {last.value:.3f}, its maximum over D {last.optimal_value:.3f}, "
    f"and -log 4 = {-np.log(4):.3f} where p = q"
)

# %%
# Pictures
# A generated density that is much higher than the data's may leave the picture.
top = min(max(m.q.max() for m in measures), 1.6 * P.max())
panels = []
for step, m, logit in zip(frame_steps, measures, logits.astype(np.float64), strict=True):
    panels.append(
        Game(
            X,
            P,
            m.q,
            1 / (1 + np.exp(-logit)),
            m.transport,
            accuracy=(1 + m.total_variation) / 2,  # of the best guess
            distance=m.wasserstein,
            top=top,
            title=f"D tells q from p, and G moves q to fool D: step {step:,}",
        )
    )
save_animation(args.out / "game.gif", [[panel] for panel in panels], seconds=8.0)
chosen = np.round(np.array([0, 0.25, 0.45, 1]) * (len(panels) - 1)).astype(int)
first, second, third, last = (panels[i] for i in chosen)
save_page(args.out / "game.png", [[first, second], [third, last]], width=1600)
curves = {
    "V, with the learned D": (frame_steps, value),
    "2 JSD - log 4, with the optimal D": (frame_steps, optimal_value),
    "-log 4": (frame_steps, np.full(len(frame_steps), -np.log(4))),
}
save_curves(args.out / "value.png", curves, ylabel="value of the game", smooth=False)
losses = {name: (np.arange(args.steps), values) for name, values in run.history.items()}
save_curves(args.out / "curves.png", losses)
run.write_metrics(
    picture="game.gif",
    total_variation=float(measures[-1].total_variation),
    wasserstein=float(measures[-1].wasserstein),
    value=float(measures[-1].value),
    optimal_value=float(measures[-1].optimal_value),
)

# %% [markdown]
# ## What you should see
#
# The question. The output of D does not say where the data are, but its slope does: the gradient
# moves each sample of G towards places where D is larger. D falls off on both sides of each mode of
# the data, so samples on either side of a valley of D move apart, until G covers both modes. Where
# p = q, the optimal D is 1/2 everywhere. It is flat, so the gradient of G is zero.
#
# `python demos/gan_1d.py`, about half a minute on two CPU cores: TV falls from 0.96 to 0.09 (0.06
# and 0.08 with the seeds 1 and 2) and W from 1.23 to 0.07 (0.05 and 0.04). With `--k 1` they fall
# only to 0.49 and 0.24.
#
# The three changes (seed 0):
#
# 1. Momentum 0.9. G overshoots: its samples go as far as x = 15, come back and leave again. At the
#    end TV is 1.00 and W 10. D recognizes every sample: V is -0.01, nearly its maximum of 0, and
#    the gradient of G, -D at each sample, has almost vanished.
# 2. A slow D. It is outdated when G uses it, so G overshoots: its samples crowd at two places,
#    which move to and fro. TV is 0.51. V stays near -log 4 after the first 100 steps. So a value of
#    -log 4 does not show that p = q; it only shows that *this* D cannot tell them apart.
# 3. Modes far apart. G is continuous, so some of the noise must land between the modes. All that G
#    can do is to be steep there: TV 0.29, W 0.15.
