# %% [markdown]
"""The GAN as its paper prints it: Algorithm 1, on digits.

Goodfellow et al., Generative Adversarial Nets, 2014. The symbols and the
numbers of equations are the paper's. What came after it is in demos/gan.py.

Question to predict before you run it: Algorithm 1 lets D ascend the value V
and G descend it, by gradient steps with momentum. So G minimizes
log(1 - D(G(z))). In section 3 the paper warns that this saturates, and says
to maximize log D(G(z)) instead. Two pairs of networks are trained here from
the same start, one with each loss of G. Which one learns digits? At the end
of a perfect game V is -log 4 (theorem 1). Does either come close?

    python demos/gan_2014.py                  digits drawn by this package
    python demos/gan_2014.py --data mnist     MNIST, more steps
    python demos/gan_2014.py --data folder:PATH --size 32
                                              your own pictures

It draws
    gan_2014.png       samples of both generators (minimax: as printed;
                       non-saturating: section 3), training digits nearest to
                       samples (figure 2 of the paper), and V
    samples.png        more samples, with the loss of section 3; in
                       samples_printed.png with that of Algorithm 1
    interpolation.png  straight lines from one z to another (figure 3)
    curves.png         V(D, G) of both games

A small classifier of digits, trained here, evaluates the samples
(tinygen/metrics/samples.py), as in demos/gan.py.

The paper prints the algorithm, k = 1, the kinds of layers, and that momentum
and dropout were used, but no other number of the training. These are from the
code that its authors published (github.com/goodfeli/adversarial, mnist.yaml):
m = 100 examples, the learning rate 0.1, momentum 0.5, z of 100 normal numbers,
the rates of dropout, and the initial weights. That code trains G with the loss
of section 3. (It also halves V for D, raises the momentum to 0.7, and lets the
learning rate fall.) The layers are a third as wide here, and the run is short.

Three changes to try:

1. `--k 5 --steps 2500`: five steps of D for each step of G.
2. `LR = 0.02`: a smaller step for both networks.
3. `optim.Adam(..., lr=1e-3, betas=(0, 0.999))` for all networks, as in
   demos/gan.py.
"""

# %%
# Settings
import math
from typing import NamedTuple

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run

from tinygen import data, default_rng, latent, nn, no_grad, ops, optim, plot
from tinygen.backend import RNG, to_device
from tinygen.metrics import evaluate_samples, nearest_neighbours
from tinygen.metrics.evaluators import train_digit_classifier

p = parser(
    __doc__,
    steps={"digits": 7000, "mnist": 15_000, "folder:PATH": 7000},
    takes={"digits": "two minutes", "mnist": "four minutes", "folder:PATH": "three minutes"},
    batch=100,
    sizes={"folder:PATH": 32},
)
p.add_argument(
    "--k",
    type=natural,
    default=1,
    help="steps of the discriminator for each step of the generator (default: 1, as in the paper)",
)
args = parse(p)
LATENT_DIM = 100  # of the noise z
HIDDEN = 400  # units of each of G's two hidden layers; 1200 in the authors' code
MAXOUT_UNITS, MAXOUT_PIECES = 80, 5  # of D's two hidden layers; 240 and 5
LR, MOMENTUM = 0.1, 0.5
PRINTED_STEPS = 1000  # of the game as printed, which is decided by then; see the end of the file

# %%
# Data: bytes (n, C, H, W)
noun = "digit"
if args.data == "mnist":
    (train, labels), (test, _) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    print("Drawing 64,000 digits ...", flush=True)
    (train, labels), (test, _) = data.digits(60_000, seed=1), data.digits(4_000, seed=2)
else:
    noun = "picture"
    (train, labels), (test, _), _ = read_folder(args)
test, shape = test[:4000], train.shape[1:]
num_pixels = math.prod(shape)


# %%
# G, with parameters theta_g, and D, with parameters theta_d (section 5)
class Maxout(nn.Module):
    """The maximum of several linear functions, for each unit (Goodfellow et al., 2013)."""

    def __init__(self, in_features, num_units, num_pieces, *, rng):
        self.shape = (num_units, num_pieces)
        self.linear = nn.Linear(in_features, num_units * num_pieces, rng=rng)

    def forward(self, x):
        """Map x (N, in_features) to (N, num_units)."""
        return ops.max(self.linear(x).reshape((len(x), *self.shape)), axis=2)


mean = (train.mean(axis=0) / 255).clip(1e-3, 1 - 1e-3).reshape(-1)  # of each pixel; never 0 or 1


def make_networks(rng):
    """Return G, and D without its last sigmoid: its output is the logit l, (N, 1)."""
    # "The generator nets used a mixture of rectifier linear activations and sigmoid activations"
    G = nn.Sequential(
        nn.Linear(LATENT_DIM, HIDDEN, rng=rng),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN, rng=rng),
        nn.ReLU(),
        nn.Linear(HIDDEN, num_pixels, rng=rng),
        nn.Sigmoid(),
        nn.Unflatten(1, shape),
    )
    # "while the discriminator net used maxout activations. Dropout was applied"
    D = nn.Sequential(
        nn.Flatten(),
        nn.Dropout(0.2, rng=rng),
        Maxout(num_pixels, MAXOUT_UNITS, MAXOUT_PIECES, rng=rng),
        nn.Dropout(0.5, rng=rng),
        Maxout(MAXOUT_UNITS, MAXOUT_UNITS, MAXOUT_PIECES, rng=rng),
        nn.Dropout(0.5, rng=rng),
        nn.Linear(MAXOUT_UNITS, 1, rng=rng),
    )
    # The authors' code: weights uniform from -0.05 to 0.05 in G, from -0.005 to 0.005 in D, biases
    # 0. The last bias of G gives the mean picture: sigmoid(bias) is the mean of each pixel.
    for network, limit in ((G, 0.05), (D, 0.005)):
        for name, parameter in network.named_parameters():
            if name.endswith("weight"):
                parameter.data = nn.init.uniform(parameter.shape, rng, -limit, limit)
            else:
                parameter.data = 0 * parameter.data
    G[-3].bias.data = to_device(np.log(mean / (1 - mean)).astype(np.float32), args.device)
    return G, D


class Game(NamedTuple):
    """Two networks, how each is updated, and the source of z and dropout."""

    G: nn.Module
    D: nn.Module
    optimizer_g: optim.SGD
    optimizer_d: optim.SGD
    rng: RNG


games = {}
for name in ("printed", "section_3"):
    rng = default_rng(args.seed, args.device)  # the same start
    G, D = make_networks(rng)
    # "We used momentum in our experiments." (Algorithm 1)
    optimizers = (optim.SGD(n.parameters(), lr=LR, momentum=MOMENTUM) for n in (G, D))
    games[name] = Game(G, D, *optimizers, rng)
parts = {f"{name}_{k}": v for name, game in games.items() for k, v in game._asdict().items()}
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.to_float)
run = Run(args, loader=loader, **parts)


def log_d(D, x):
    """Return log D(x) = log sigmoid(l) = -softplus(-l), (N,)."""
    return -ops.softplus(-D(x).reshape((len(x),)))


def log_one_minus_d(D, x):
    """Return log(1 - D(x)) = log sigmoid(-l) = -softplus(l), (N,)."""
    return -ops.softplus(D(x).reshape((len(x),)))


# %%
# Algorithm 1
m = args.batch
batches = loader.forever()
for step in run.steps():  # for number of training iterations do
    minibatches = [to_device(next(batches), args.device) for _ in range(args.k)]
    for name, (G, D, optimizer_g, optimizer_d, rng) in games.items():
        if name == "printed" and step >= PRINTED_STEPS:
            continue
        for x in minibatches:  # for k steps do: sample m examples from p_data(x), (m, C, H, W)
            z = rng.normal((m, LATENT_DIM))  # sample m noise samples from the prior p_g(z)
            with no_grad():
                fake = G(z)  # theta_g is constant in this step
            # update D by ascending grad_theta_d 1/m sum [log D(x) + log(1 - D(G(z)))]
            V = (log_d(D, x) + log_one_minus_d(D, fake)).mean()  # eq. 1
            optimizer_d.zero_grad()
            (-V).backward()  # an optimizer descends: the ascent of V is the descent of -V
            optimizer_d.step()
        z = rng.normal((m, LATENT_DIM))  # sample m noise samples, again
        fake = G(z)
        if name == "printed":
            # update G by descending grad_theta_g 1/m sum log(1 - D(G(z)))
            loss_g = log_one_minus_d(D, fake).mean()
        else:
            # section 3: "Rather than training G to minimize log(1 - D(G(z))) we can train G to
            # maximize log D(G(z))."
            loss_g = -log_d(D, fake).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=G.parameters())  # it passes through D; theta_d gets no gradient
        optimizer_g.step()
        run.log(**{f"V_{name}": V})


# %%
# How good are the samples, and does G copy?
def generate(G, z):
    """Map noise z (n, LATENT_DIM) to NumPy pictures (n, C, H, W) from 0 to 1."""
    with no_grad():
        return G(to_device(z.astype(np.float32), args.device)).numpy()


num_samples = max(100, len(test) // 2)
z = np.random.default_rng(args.seed + 1).normal(size=(num_samples, LATENT_DIM))
samples = {name: generate(game.G, z) for name, game in games.items()}
figures = {}
if noun == "digit":
    evaluator = run.evaluator(train_digit_classifier, train, labels, steps=500)
for name, title in (("printed", "Algorithm 1"), ("section_3", "Loss of section 3")):
    V = run.history[f"V_{name}"][-100:].mean()
    figures[f"V_{name}"] = float(V)
    print(f"{title}: V is {V:.4f} in its last 100 steps (-log 4 = -1.3863)")
    if noun == "digit":
        evaluated, table = evaluate_samples(evaluator, test, samples[name], device=args.device)
        figures[name] = evaluated
        print(table)
if noun != "digit":
    print("The evaluator classifies digits only: there is no Frechet distance.")
train_images, test_images = data.to_float(train), data.to_float(test[:200])
nearest, distances = nearest_neighbours(samples["section_3"][:200], train_images)
_, test_distances = nearest_neighbours(test_images, train_images)
figures["nearest_training_digit"] = float(distances.mean())
figures["nearest_training_digit_floor"] = float(test_distances.mean())
print(
    "Distance to the nearest training {noun}: of samples {nearest_training_digit:.2f}, "
    "of test {noun}s {nearest_training_digit_floor:.2f}".format(noun=noun, **figures)
)

# %%
# Pictures
num_printed = len(run.history["V_printed"])
minimax = "minimax: stopped" if num_printed < args.steps else "minimax"
values = {minimax: run.history["V_printed"], "non-saturating": run.history["V_section_3"]}
values["-log 4: G = data"] = np.full(args.steps, -math.log(4))
values = {name: (np.arange(len(V)), V) for name, V in values.items()}
rows = {"samples": samples["section_3"][:7], "nearest": train[nearest[:7]]}
outcome = {name: "D wins, G stops" if figures[f"V_{name}"] > -0.1 else "G learns" for name in games}
printed_title = f"Minimax loss, log(1 - D(G(z))): {outcome['printed']}"
nearest_distance, floor = figures["nearest_training_digit"], figures["nearest_training_digit_floor"]
copies = "No: samples" if nearest_distance > floor else "Samples"
title = f"Non-saturating loss, -log D(G(z)): {outcome['section_3']}"
plot.save_page(
    args.out / "gan_2014.png",
    [
        plot.Grid(samples["printed"][:8], columns=8, title=printed_title),
        plot.Grid(samples["section_3"][:16], columns=8, title=title),
        plot.Rows(
            rows,
            title=f"Copies? {copies}, and the nearest training {noun}s",
            note=f"Mean distance to the nearest one: {nearest_distance:.1f}, of test {noun}s "
            f"{floor:.1f}.",
        ),
        plot.Curves(
            values,
            ylabel="V(D, G), nats",
            title="The value of the game; 0: D is sure of every picture",
            note=f"Minimax: stopped at {num_printed:,} steps." if num_printed < args.steps else "",
            direct=True,
            ylim=(-2, 0.1),
            height=300,
        ),
    ],
)
plot.save_grid(args.out / "samples_printed.png", samples["printed"][:100], title=printed_title)
plot.save_grid(args.out / "samples.png", samples["section_3"][:100], title=title)
lines = latent.lerp(z[:8], z[8:16], 12)  # (8, 12, LATENT_DIM)
plot.save_grid(
    args.out / "interpolation.png",
    generate(games["section_3"].G, lines.reshape(-1, LATENT_DIM)),
    columns=12,
    title="From one z (left) to another (right), on a straight line",
)
plot.save_curves(args.out / "curves.png", values, ylabel="V(D, G), nats")
run.write_metrics(picture="gan_2014.png", **figures)

# %% [markdown]
# ## What you should see
#
# `python demos/gan_2014.py` trains for 117 seconds on half a core. 2,000 samples of the game with
# the loss of section 3:
#
#                                                       seed 0   seed 1   seed 2   real digits
#     Frechet distance of the evaluator's features       4.1      3.8      4.2     0.15 (floor)
#     precision                                          0.69     0.71     0.72    0.91
#     recall                                             0.51     0.67     0.61    0.91
#     largest class                                      18 %     16 %     18 %    11 %
#     V, nats                                           -0.98    -1.01    -1.04   -1.39 (-log 4)
#
# The questions. **As printed, it fails**, with all three seeds: all samples of G are the same
# blurred shape (distance 77, one class), and V is -0.003 nats after 1000 steps. The largest
# possible value is 0: D is sure of every picture. The derivative of log(1 - D(G(z))) in the logit
# is -D(G(z)), which is then nearly 0, so G stops. This is what section 3 warns of. Other step sizes
# and initial weights did not help. Tried with seed 1: learning rates of 0.02 and 0.05 for both
# networks, 0.01 and 0.05 for D alone, and initial weights of D ten times as large. All end with one
# class, after 2,500 or 5,000 steps. With the rate 0.1 the game does not even stay there: after
# 2,400 steps the logits of D overflow. So it ends after PRINTED_STEPS.
#
# With the loss of section 3, the derivative in the logit is -(1 - D(G(z))), which is largest where
# D is sure. V rises in the same way, to -0.2, but G goes on learning, and after 7,000 steps V is -1
# and still falling. -log 4 is not reached. Nine of the ten classes are captured: each has at least
# a quarter as many samples as test digits. The samples are not copies: the nearest training digit
# is at a mean distance of 4.79 from a sample, and at 3.53 from a test digit.
#
# **Compared with demos/gan.py**, which is evaluated in the same way: it trains for 5,000 steps of
# 64 digits, with layers of 512 units. Its samples have a distance of 0.54, a precision of 0.77 and
# a recall of 0.86 (seed 0).
#
# The changes (seed 0):
#
# 1. `--k 5 --steps 2500`: worse. The distance with the loss of section 3 is 32, with four classes;
#    with k = 1 it is 12 after as many steps of G, with eight. A better D is a surer one. In the
#    game as printed, V is -0.0001.
# 2. `LR = 0.02`: the game with the loss of section 3 collapses, too: 98 % of its samples are of one
#    class (distance 85), and V stays at -0.03. The printed game has hardly begun after 1000 steps
#    (V is -1.376): the initial weights of D are so small that it learns nothing at first.
# 3. Adam: distance 1.5 with the loss of section 3, all ten classes, precision 0.75 and recall 0.76.
#    And the printed loss fails no more: after 1000 steps its distance is 10, with nine classes. A
#    gradient that is nearly 0 still has a direction, and Adam divides by its size. So what fails
#    above is the printed loss together with steps in proportion to the gradient, as SGD's are.
#
# **What later work changed.** The loss of section 3 is the usual one today. Adam without momentum
# replaces SGD, and the penalty R1 keeps D from being too sure (Mescheder, Geiger and Nowozin, Which
# Training Methods for GANs do actually Converge?, 2018): demos/gan.py. Convolutions know which
# pixels are neighbours (Radford, Metz and Chintala, Unsupervised Representation Learning with Deep
# Convolutional Generative Adversarial Networks, 2015): demos/dcgan.py. Other losses do not saturate
# (Arjovsky, Chintala and Bottou, Wasserstein GAN, 2017; Mao et al., Least Squares GAN, 2017):
# demos/wgan_gp.py and demos/gan_losses.py. What helps against missing modes is in
# demos/mode_collapse.py. On a line, Algorithm 1 as printed works: demos/gan_1d.py. There the two
# densities overlap from the start.
