"""A generative adversarial network writes digits, by fully connected layers as in the first paper (Goodfellow et al., 2014).

Question to predict, before you run it: the generator is never shown a digit. All it hears is in which direction its picture would look more real to the
discriminator, which learns beside it. Will it write all ten digits, or the easiest? Will it copy training digits? And will the two curves of the losses
tell when the pictures become good?

    python demos/gan.py                  digits drawn by this package: no network, no GPU
    python demos/gan.py --data mnist     the real ones (Frechet distance 1.19, floor 0.24)

It draws samples.png; nearest.png, samples above the training digits nearest to them in pixels, and test digits likewise; walk.png, from one noise to another; and
curves.png. It prints, by a small classifier trained here (tinygen/metrics/samples.py), how far samples are from test digits and how many of the ten there
are; beside each figure its floor, of real digits against other real digits.

Of five seeds each wrote all ten classes, the largest with 12 to 13 % of the samples (11 % of real digits are of one class), at Frechet distances of 0.61 to 1.04.
Strokes have loose white dots: a fully connected network has not been told which pixels are neighbours. `dcgan.py` is told.

Three one-line changes, and what each should show (unchanged: Frechet distance 0.61, its floor 0.19; precision 0.77, recall 0.85; ten classes):

1. `GAMMA, EVERY = 0, 4`, without the penalty R1: Frechet distance 5.7, recall 0.74, nine classes, the largest with 18 %. Digits fill next to nothing of their 784
   dimensions, and there D can be as steep as it likes; G hears where to leave, not where to go. Most samples have a white dot in the upper right corner, which
   no digit has.
2. `betas=(0.9, 0.999)`, Adam's usual momentum: nothing is learned, one pattern of black and white for every noise. G runs on where it should turn, all its tanh
   end at -1 or 1, where they have no slope, and D is sure of everything for ever: its cost is 0, G's is 16 nats.
3. `from tinygen.losses import minimax_value, r1, saturating as non_saturating`, Algorithm 1 as printed: no worse, distance 0.47, ten classes. That its gradient
   vanishes needs a D sure of what is made, and R1 leaves it none: G's cost, log(1 - D), stays at -0.6 nats, so D(G(z)) near 0.45. Seeds differ by as much (above).
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, grad, latent, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.losses import minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples, nearest_neighbours
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.gan import MLPDiscriminator, MLPGenerator

p = parser(__doc__, steps={"digits": 6000, "mnist": 12000}, takes={"digits": "two minutes", "mnist": "five minutes"}, batch=64)
args = parse(p)
LATENT, LR = 64, 1e-3
GAMMA, EVERY = 2.0, 4  # of the penalty R1, and every how many steps

# %% Data: bytes (n, 1, 28, 28)
if args.data == "mnist":
    (train, labels), (test, _) = data.mnist("train"), data.mnist("test")
else:
    print("Making 24,000 digits ...", flush=True)
    (train, labels), (test, _) = data.digits(20_000, seed=1), data.digits(4_000, seed=2)
test = test[:4000]

# %% Two networks. beta1 = 0: a game turns, and where a gradient pointed ten steps ago is no advice.
rng = default_rng(args.seed, args.device)
G = MLPGenerator(LATENT, (256, 256), (1, 28, 28), nn.SiLU, rng=rng)
D = MLPDiscriminator((256, 256), (1, 28, 28), nn.SiLU, rng=rng)
nn.init.kaiming_normal_(G, rng)
nn.init.kaiming_normal_(D, rng)
optimizer_g, optimizer_d = (optim.Adam(model.parameters(), lr=LR, betas=(0, 0.999)) for model in (G, D))
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)


def made(z):
    """Pictures (n, 1, 28, 28) from -1 to 1, of noise (n, LATENT)."""
    return ops.tanh(G(z))


# %% Training: one step of D, one of G
run = Run(args, G=G, D=D, optimizer_g=optimizer_g, optimizer_d=optimizer_d, loader=loader, rng=rng)
for step in run.steps():
    optimizer_g.lr = optimizer_d.lr = LR * optim.cosine_decay(step, steps=args.steps)
    real = to_device(next(loader) / np.float32(127.5) - 1, args.device)
    with no_grad():
        fake = made(rng.normal((args.batch, LATENT)))
    loss_d = -minimax_value(D(real), D(fake)).mean()
    penalty = EVERY * GAMMA * r1(D, real).mean() if step % EVERY == 0 else 0  # dear, being a second derivative: seldom, and so much the heavier
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()
    loss_g = non_saturating(D(made(rng.normal((args.batch, LATENT))))).mean()
    weights = [*G.parameters()]
    for w, g in zip(weights, grad(loss_g, weights), strict=True):
        w.grad = g
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)


# %% How good? Judged by a classifier that reads the training digits
def pictures(z):
    """Pictures from 0 to 1, NumPy, of noise z (n, LATENT)."""
    with no_grad():
        return ops.sigmoid(2 * G(to_device(z, args.device))).numpy()  # (1 + tanh x) / 2


noise = np.random.default_rng(args.seed + 1).normal(size=(len(test) // 2, LATENT)).astype(np.float32)
samples = pictures(noise)
print("Training the judge ...", flush=True)
evaluator = train_digit_classifier(train, labels, device=args.device)
figures, table = evaluate_samples(evaluator, test, samples, device=args.device)
print(table)


# %% Does it copy? The nearest training digit of a sample, and, for comparison, of a test digit
known, held_out = train / np.float32(255), test[:200] / np.float32(255)
(near_samples, far_samples), (near_test, far_test) = nearest_neighbours(samples[:200], known), nearest_neighbours(held_out, known)
figures |= {"nearest_training_digit": float(far_samples.mean()), "nearest_training_digit_floor": float(far_test.mean())}
print("Distance to the nearest training digit: of samples {nearest_training_digit:.2f}, of test digits {nearest_training_digit_floor:.2f}".format(**figures))

# %% Pictures
plot.save_grid(args.out / "samples.png", samples[:100], title="Made of noise from N(0, I)")
rows = {"samples": samples, "nearest to samples": train[near_samples], "test digits": test, "nearest to test digits": train[near_test]}
plot.save_rows(args.out / "nearest.png", {label: images[:12] for label, images in rows.items()})
walks = latent.slerp(noise[:8], noise[8:16], 12).reshape(-1, LATENT)
plot.save_grid(args.out / "walk.png", pictures(walks), columns=12, title="From one noise, at the left, to another")
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()}, ylabel="loss, nats")
run.write_metrics(picture="samples.png", **figures)
