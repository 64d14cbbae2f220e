# %% [markdown]
"""A GAN of two fully connected networks that draws digits.

Lecture: the GAN (Goodfellow et al., Generative Adversarial Nets, 2014).
The paper as printed is in demos/gan_2014.py.

Question to predict before you run it: the generator never sees a digit. It
only gets the gradient through the discriminator: the direction in which its
picture would look more real. The discriminator learns at the same time. Will
the generator draw all ten digits, or only the easiest one? Will it copy
digits of the training set? And do the curves of the two losses tell when the
pictures become good?

    python demos/gan.py                  digits drawn by this package
    python demos/gan.py --data mnist     MNIST
    python demos/gan.py --data folder:PATH --size 32
                                         your own pictures

It draws
    gan.png             the steps of D and of G as schemes, samples, and the
                        training digits nearest to them in pixels
    samples.png         more samples of the generator
    nearest.png         samples above the training digits nearest to them in
                        pixels, and test digits in the same way
    interpolation.png   from one noise vector to another
    curves.png          the losses of both networks

A small classifier of digits, trained here, evaluates the samples
(tinygen/metrics/samples.py): how far their distribution is from that of test
digits, and how many of the ten classes they contain. Beside each figure
stands its floor: the same figure for real digits against other real digits.

Three changes to try:

1. `R1_GAMMA = 0`: no penalty R1.
2. `betas=(0.9, 0.999)`, the usual momentum of Adam.
3. `from tinygen.losses import saturating as non_saturating`, as a line below
   the other imports: the generator's loss of Algorithm 1 as printed.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run

from tinygen import data, default_rng, latent, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.losses import minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples, nearest_neighbours
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot.scheme import Code, Network, Picture, Scheme, Text

p = parser(
    __doc__,
    steps={"digits": 5000, "mnist": 12000, "folder:PATH": 12000},
    takes={"digits": "two minutes", "mnist": "five minutes", "folder:PATH": "six minutes"},
    batch=64,
    sizes={"folder:PATH": 32},
    weights=("G",),
)
args = parse(p)
LATENT_DIM = 64  # dimensions of the noise z
HIDDEN_SIZES = (512, 512)  # units of the hidden layers of both networks
LR = 1e-3  # learning rate of both networks at the first step: Adam's default
R1_GAMMA = 2.0  # weight of the penalty R1
R1_INTERVAL = 4  # steps from one penalty to the next

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

# %%
# Two networks
rng = default_rng(args.seed, args.device)
G = MLPGenerator(LATENT_DIM, HIDDEN_SIZES, shape, nn.SiLU, rng=rng)
# The network D returns the logit l of each picture. The paper's D(x) is a probability, sigmoid(l).
D = MLPDiscriminator(HIDDEN_SIZES, shape, nn.SiLU, rng=rng)
nn.init.kaiming_normal_(G, rng)
nn.init.kaiming_normal_(D, rng)
# G begins with the mean picture, and the weights at the pixels begin small. A pixel that is black
# in all digits never tells D which weight it should have. With a large initial weight there, D asks
# G for a white dot or against it, for no reason.
mean = (train.mean(axis=0) / 127.5 - 1).clip(-0.99, 0.99)  # (C, H, W)
first_of_d, last_of_g = D.layers[1], G.layers[-2]
last_of_g.bias.data = to_device(np.arctanh(mean).reshape(-1).astype(np.float32), args.device)
for layer in (last_of_g, first_of_d):
    layer.weight.data = 0.1 * layer.weight.data
# beta1 = 0: no momentum (change 2 shows the effect of momentum). beta2 = 0.999 is Adam's default.
optimizer_g = optim.Adam(G.parameters(), lr=LR, betas=(0, 0.999))
optimizer_d = optim.Adam(D.parameters(), lr=LR, betas=(0, 0.999))

schedule = optim.LRSchedule([optimizer_g, optimizer_d], optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.normalize)
run = Run(args, G=G, D=D, optimizer_g=optimizer_g, optimizer_d=optimizer_d, loader=loader, rng=rng)

# %%
# Training: Algorithm 1 with k = 1
batches = loader.forever()
for step in run.steps():
    schedule.set(step)

    # A step of D
    x = to_device(next(batches), args.device)  # (N, C, H, W), from -1 to 1
    z = rng.normal((args.batch, LATENT_DIM))
    with no_grad():
        fake = ops.tanh(G(z))  # (N, C, H, W)
    loss_d = -minimax_value(D(x), D(fake)).mean()  # it takes logits
    penalty = 0.0
    if step % R1_INTERVAL == 0:
        # R1 is 1/2 |grad_x l|^2: where the data is, the logit should be flat. It needs a second
        # derivative, which is expensive. So it is computed at every fourth step, with four times
        # the weight (lazy regularization, StyleGAN2).
        penalty = R1_INTERVAL * R1_GAMMA * r1(D, x).mean()
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()

    # A step of G
    z = rng.normal((args.batch, LATENT_DIM))
    loss_g = non_saturating(D(ops.tanh(G(z)))).mean()
    optimizer_g.zero_grad()
    # The gradient passes through D, but only G's parameters are targets. So D's weights receive no
    # gradient, and none is computed for them.
    loss_g.backward(inputs=G.parameters())
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)


# %%
# How good are the samples? A classifier of training digits evaluates them
def generate(z):
    """Map noise z (n, LATENT_DIM) to NumPy pictures (n, C, H, W) from 0 to 1."""
    with no_grad():
        a = G(to_device(z, args.device))  # (n, C, H, W), any real numbers
        # In training a pixel is tanh(a), from -1 to 1. Here it is (1 + tanh(a)) / 2, from 0 to 1,
        # which equals sigmoid(2 a).
        return ops.sigmoid(2 * a).numpy()


num_samples = max(100, len(test) // 2)
z = np.random.default_rng(args.seed + 1).normal(size=(num_samples, LATENT_DIM))
z = z.astype(np.float32)
samples = generate(z)
metrics = {}
if noun == "digit":
    evaluator = run.evaluator(train_digit_classifier, train, labels, steps=500)
    metrics, table = evaluate_samples(evaluator, test, samples, device=args.device)
    print(table)
else:
    print("The evaluator classifies digits only: there is no Frechet distance.")

# %%
# Does it copy? The training digit nearest to a sample and, for comparison, to a test digit
train_images, test_images = data.to_float(train), data.to_float(test[:200])
nearest_to_samples, distances = nearest_neighbours(samples[:200], train_images)
nearest_to_test, test_distances = nearest_neighbours(test_images, train_images)
metrics["nearest_training_digit"] = float(distances.mean())
metrics["nearest_training_digit_floor"] = float(test_distances.mean())
print(
    "Distance to the nearest training {noun}: of samples {nearest_training_digit:.2f}, "
    "of test {noun}s {nearest_training_digit_floor:.2f}".format(noun=noun, **metrics)
)


# %%
# Pictures: both steps of training, samples, and what they may have been copied from
def log_sigmoid(logits):
    """Return the mean of log sigmoid(l), in digits."""
    return f"{-np.logaddexp(0, -logits).mean():.2f}"


ascended, opposed, descended = "log D(x)", "log(1 - D(x'))", "-log D(x')"
if not args.trained:  # otherwise there is no D
    with no_grad():
        logits_real = D(to_device(2 * test_images - 1, args.device)).numpy()
        logits_fake = D(to_device(2 * samples[:200] - 1, args.device)).numpy()
    ascended += f": {log_sigmoid(logits_real)}"
    opposed += f": {log_sigmoid(-logits_fake)}"
    descended += f": {np.logaddexp(0, -logits_fake).mean():.2f}"
columns = min(13, len(test))
# A typical sample: of those shown below, the one of median distance to the training set
typical = np.argsort(distances[:columns])[columns // 2]
noise = Code(z[typical].reshape(8, 8), "z: noise")
fake, real = Picture(samples[typical], "x' = G(z)"), Picture(test_images[0], "x, from the data")
step_of_d = Scheme(
    {
        "z": (0, 0, noise),
        "G": (0, 1, Network("G", 0.4, 1, fixed=True)),
        "x'": (0, 2, fake),
        "x": (1, 2, real),
        "D": (0.5, 3, Network("D", 1, 0.4)),
        "V": (0.5, 4, Text(f"{ascended}\n{opposed}")),
    },
    ["z G x' D V", "x D"],
    loops=["V D"],
    side=84,
    title="k steps of D, which ascends log D(x) + log(1 - D(x'))",
)
step_of_g = Scheme(
    {
        "z": (0, 0, noise),
        "G": (0, 1, Network("G", 0.4, 1)),
        "x'": (0, 2, fake),
        "D": (0, 3, Network("D", 1, 0.4, fixed=True)),
        "V": (0, 4, Text(descended)),
    },
    ["z G x' D V"],
    loops=["V G"],
    side=84,
    title="One step of G, which descends -log D(x')",
    note="Dashed: the gradient, to the network that learns. k = 1 here.\n"
    "Algorithm 1's log(1 - D(x')) is flat where D is sure.",
)
columns = min(9, len(test))
nearer = "samples" if distances.mean() < test_distances.mean() else f"test {noun}s"
copies = [
    ("samples", samples[:columns]),
    (
        f"nearest in training\n(distance {distances.mean():.1f})",
        train[nearest_to_samples[:columns]],
    ),
    (f"test {noun}s", test[:columns]),
    (
        f"nearest in training\n(distance {test_distances.mean():.1f})",
        train[nearest_to_test[:columns]],
    ),
]
plot.save_page(
    args.out / "gan.png",
    [
        step_of_d,
        step_of_g,
        plot.Grid(samples[:26], columns=13, title=f"Samples of G, which has never seen a {noun}"),
        plot.Rows(
            copies, title=f"Copied? {nearer.capitalize()} are even nearer to training {noun}s"
        ),
    ],
)
plot.save_grid(args.out / "samples.png", samples[:100], title="Samples: z from N(0, I)")
columns = min(12, len(test))
plot.save_rows(
    args.out / "nearest.png",
    {
        "samples": samples[:columns],
        "nearest to samples": train[nearest_to_samples[:columns]],
        f"test {noun}s": test[:columns],
        f"nearest to test {noun}s": train[nearest_to_test[:columns]],
    },
    width=1000,
)
paths = latent.slerp(z[:8], z[8:16], 12)  # (8, 12, LATENT_DIM)
plot.save_grid(
    args.out / "interpolation.png",
    generate(paths.reshape(-1, LATENT_DIM)),
    columns=12,
    title="From one noise vector (left) to another (right)",
)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {name: (steps, values) for name, values in run.history.items()},
    ylabel="loss, nats",
    title="Evaluation: these losses do not tell how good the samples are",
)
run.write_metrics(picture="gan.png", **metrics)

# %% [markdown]
# ## What you should see
#
# `python demos/gan.py`, seed 0, 141 seconds of training on half a core: Frechet distance 0.54
# (floor 0.15; 0.54 and 0.44 with the seeds 1 and 2), precision 0.77 (floor 0.91), recall 0.86
# (floor 0.90).
#
# The question. The generator draws all ten digits: the largest class has 13 % of the samples (11 %
# of the real digits). It does not copy: the nearest training digit is at a mean distance of 4.16
# from a sample, and at 3.53 from a test digit. The curves do not tell when the pictures become
# good: after 500 steps both losses hardly change. Some strokes are torn, because nothing tells a
# fully connected network which pixels are neighbours. The convolutions of dcgan.py do.
#
# The start matters. With ordinary initial weights at the pixels (without the lines on `mean`,
# `first_of_d` and `last_of_g`), loose white dots surround the digits: pixels brighter than 0.25
# without a neighbour half as bright. Networks with layers of 256 units drew 1.1 of them per sample
# from 20,000 digits. With the small weights, and from 60,000 digits, they drew 0.25 (seed 3).
#
# The three changes (seed 0):
#
# 1. Without R1: Frechet distance 1.2, with precision and recall as before (0.76, 0.86). Among all
#    pictures of 784 pixels, digits are very rare, and the samples of G hardly overlap with them. So
#    D can separate the two better and better, and without R1 its logit may become
#    arbitrarily steep in between. Its gradient then drives G away from the present samples, but
#    not towards a digit. The loss of D falls from 1.35 to 1.09 nats, and that of G rises.
# 2. With momentum: distance 1.9, precision 0.72, and more broken strokes. Momentum averages old
#    gradients, but D has changed since they were computed. So G moves on where it should turn. Its
#    loss is 2.4 nats in the mean of the first 100 steps (1.0 without), and then takes two thousand
#    steps to settle.
# 3. Algorithm 1 as printed is hardly worse: distance 0.58, precision 0.69, ten classes. Its
#    gradient vanishes only where D is certain that samples are fake, and R1 prevents this. The loss
#    of G stays at log(1 - D(G(z))) = -0.67 nats. So the probability D(G(z)) is near
#    1 - e^-0.67 = 0.49, and the logit that the network returns is near 0.
