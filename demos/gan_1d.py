"""The game of a GAN on a line, where all of it can be seen: Algorithm 1 (Goodfellow et al., 2014) as printed.

Question to predict, before you run it: the generator begins with all its mass in one place, the data lie in two heaps. The discriminator only ever says
"real" or "fake". How does the generator learn that there are two? And at the end, when the data's density p and the generator's q are the same:
what does the best discriminator say, and what is left of the gradient?

    python demos/gan_1d.py                         the minimax game as printed: five steps of D for one of G, SGD with momentum
    python demos/gan_1d.py --k 1                   one step of D for one of G
    python demos/gan_1d.py --game non-saturating   the generator raises log D; games without a D are in demos/gan_losses.py

It draws game.gif, the lecture's picture as training goes, and game.png, four moments of it: p and q; the D that was learned; dashed, the best one for these two,
p / (p + q); in grey, on the right-hand axis, max(p, q) / (p + q), the chance to be right by choosing the denser class at each x. Its mean is 1/2 (1 + TV): TV is
the total variation, half the area between the curves, and 1/2 is guessing. Below, arrows of the optimal transport of q onto p. The mean length of all
such arrows is the Wasserstein distance W. And value.png: the game's value V with the learned D beside its greatest possible value, 2 JSD - log 4.

q is no histogram of samples but follows from G itself: between two neighbouring z it spreads the noise's mass evenly over what lies between G(z) and the next.

Three one-line changes, and what each should show (unchanged, TV falls from 0.96 to 0.08 and W from 1.24 to 0.05; with --k 1 only to 0.58 and 0.36):

1. `momentum=0.9` for both: G overshoots and runs away (TV 1.00, W 55). D then knows every fake, V is -0.07, all but its greatest value, 0, and G's gradient, -D,
   has all but vanished: it never comes back.
2. `lr=0.01` for D, a tenth: G plays against a judge of yesterday and runs from side to side. TV 0.41; V stays near -log 4 all the while. A value of
   -log 4 does not tell that p = q: only that *this* D cannot tell them apart.
3. `MODES = ((0.5, -3.0, 0.5), (0.5, 3.0, 0.5))`, twice as far apart: G is continuous, so some of the noise must land between the heaps, and all that it
   can do is to be steep there. TV 0.20, W 0.15.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run
from figures.game import save_game, save_game_animation

from tinygen import default_rng, grad, nn, no_grad, optim
from tinygen.backend import to_device
from tinygen.losses.adversarial import GAMES
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import save_curves

p = parser(__doc__, steps={"two modes": 1500}, takes={"two modes": "about half a minute"}, batch=256)
p.add_argument("--game", choices=["minimax", "non-saturating"], default="minimax", help="what G descends (default: minimax, as printed)")
p.add_argument("--k", type=natural, default=5, help="steps of the discriminator for one of the generator (default: 5)")
args = parse(p)
MODES = ((0.5, -1.2, 0.5), (0.5, 1.5, 0.7))  # weight, mean and standard deviation of the data's Gaussians
FRAMES = 60

# %% Two networks of two hidden layers
rng = default_rng(args.seed, args.device)
G = MLPGenerator(1, (32, 32), (1,), nn.Tanh, rng=rng)
D = MLPDiscriminator((32, 32), (1,), nn.Tanh, rng=rng)
optimizer_d = optim.SGD(D.parameters(), lr=0.1, momentum=0.5)
optimizer_g = optim.SGD(G.parameters(), lr=0.05, momentum=0.5)


def draw(n):
    """n numbers from the data's density, (n, 1)."""
    which, eps = rng.uniform((n, 1)) < MODES[0][0], rng.normal((n, 1))
    (_, m1, s1), (_, m2, s2) = MODES
    return which * (m1 + s1 * eps) + ~which * (m2 + s2 * eps)


# %% The exact picture of the game: densities on a fine grid
X = np.linspace(-5, 5, 1001)
DX = X[1] - X[0]
EDGES = np.append(X - DX / 2, X[-1] + DX / 2)  # of the cells around X
NOISE = np.array([NormalDist().inv_cdf(u) for u in (np.arange(2001) + 0.5) / 2001])  # quantiles of N(0, 1): equal mass between neighbours
DATA = sum(w / (s * np.sqrt(2 * np.pi)) * np.exp(-(((X - m) / s) ** 2) / 2) for w, m, s in MODES)


def spread(ends):
    """The density on X of equal masses, each spread evenly between two neighbours of `ends`: less than 1 in all where some are outside."""
    low, high = np.sort(np.stack([ends[:-1], ends[1:]]), axis=0)
    width = np.maximum(high - low, 4 * DX)  # the grid shows nothing narrower
    middle = (low + high) / 2
    below = np.clip((EDGES[:, None] - (middle - width / 2)) / width, 0, 1).mean(axis=1)  # share of the mass up to each edge
    return np.diff(below) / DX


def seen():
    """G at the quantiles of its noise, and D's logits on X."""
    with no_grad():
        return (f(to_device(x[:, None].astype(np.float32), args.device)).numpy().reshape(-1) for f, x in ((G, NOISE), (D, X)))


def moment(step, made, logit):
    """Of what was seen, a frame of the picture; and V, the greatest V, TV and W."""
    made, logit = made.astype(np.float64), logit.astype(np.float64)
    q = np.maximum(spread(made), 1e-12)
    value = -(DATA * np.logaddexp(0, -logit) * DX).sum() - np.logaddexp(0, np.interp(made, X, logit)).mean()  # outside X, D is taken as at its ends
    best = ((DATA * np.log(DATA / (DATA + q)) + q * np.log(q / (DATA + q))) * DX).sum()
    variation = 1 - (np.minimum(DATA, q) * DX).sum()  # what is outside overlaps with nothing
    made = np.sort(made)
    goal = np.interp((np.arange(len(made)) + 0.5) / len(made), (np.cumsum(DATA) - DATA / 2) * DX, X)  # on a line transport keeps the order
    arrows = np.stack([made, goal], axis=1)[len(made) // 32 :: len(made) // 16].clip(X[0], X[-1])
    note = f"right with chance {(1 + variation) / 2:.2f};  V = {value:.2f}, at best {best:.2f}"
    frame = {"step": step, "x": X, "p": DATA, "q": q, "d": 1 / (1 + np.exp(-logit)), "arrows": arrows, "note": note}
    return frame, (value, best, variation, np.abs(goal - made).mean())


# %% Training: Algorithm 1. What is seen at some steps is kept, in the checkpoint too.
game = GAMES[args.game]
moments = np.unique(np.round((args.steps - 1) * np.linspace(0, 1, FRAMES) ** 2).astype(int))  # closer together in the beginning
kept = nn.Module()
kept.register_buffer("made", np.zeros((len(moments), len(NOISE)), np.float32))
kept.register_buffer("logits", np.zeros((len(moments), len(X)), np.float32))
run = Run(args, G=G, D=D, optimizer_d=optimizer_d, optimizer_g=optimizer_g, rng=rng, kept=kept)
for step in run.steps():
    for i in np.flatnonzero(moments == step):
        kept.made.data[i], kept.logits.data[i] = seen()
    for _ in range(args.k):
        with no_grad():
            fake = G(rng.normal((args.batch, 1)))
        loss_d = game.discriminator_loss(D(draw(args.batch)), D(fake)).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
    real = D(draw(args.batch))
    loss_g = game.generator_loss(real, D(G(rng.normal((args.batch, 1))))).mean()
    weights = [*G.parameters()]
    for w, g in zip(weights, grad(loss_g, weights), strict=True):
        w.grad = g
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)

# %% Pictures
last = seen()
made, logits = (np.concatenate([a.numpy(), b[None]]) for a, b in zip((kept.made, kept.logits), last, strict=True))
frames, figures = zip(*(moment(step, *both) for step, *both in zip([*moments, args.steps], made, logits, strict=True)), strict=True)
value, best, variation, distance = np.array(figures).T
print(f"Total variation {variation[0]:.3f} -> {variation[-1]:.3f}, Wasserstein distance {distance[0]:.3f} -> {distance[-1]:.3f}; "
      f"V {value[-1]:.3f}, its greatest value {best[-1]:.3f}, and -log 4 = {-np.log(4):.3f} where p = q")  # fmt: skip
chosen = [frames[i] for i in np.unique(np.round(np.array([0, 0.25, 0.45, 1]) * (len(frames) - 1)).astype(int))]
save_game(args.out / "game.png", chosen)
save_game_animation(args.out / "game.gif", frames)
at = np.append(moments, args.steps)
save_curves(args.out / "value.png", {
    "V, with the learned D": (at, value), "2 JSD - log 4, with the best D": (at, best), "-log 4": (at, np.full(len(at), -np.log(4))),
}, ylabel="value of the game", smooth=False)  # fmt: skip
save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})
run.write_metrics(
    picture="game.png", total_variation=float(variation[-1]), wasserstein=float(distance[-1]), value=float(value[-1]), greatest_value=float(best[-1])
)
