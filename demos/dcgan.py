# %% [markdown]
"""A deep convolutional GAN draws faces: interpolation and latent arithmetic.

Lecture: the convolutional GAN (Radford, Metz and Chintala, 2015).

Question to predict before you run it: the generator maps 64 random numbers to
a face, and no label says what the numbers mean. Move from one z to
another: will one face fade into the other, jump, or change its features
gradually? Now take the z of three faces with glasses, of three without, and of
three with a hat. What does

    (mean with glasses) - (mean without) + (mean with a hat)

look like? Why three faces, and not one?

    python demos/dcgan.py                  faces drawn by this package
    python demos/dcgan.py --data digits    digits drawn by this package
    python demos/dcgan.py --data mnist     MNIST, with more steps
    python demos/dcgan.py --size 64 --steps 24000
                                           larger and better faces: an hour of
                                           one core
    python demos/dcgan.py --data folder:PATH --size 32
                                           your own pictures

It draws
    samples.png         samples of the generator
    interpolation.png   each row from one z to another (`latent.slerp`)
    dcgan.png           the layers of the generator, samples and
                        interpolations; for faces also the arithmetic: three
                        samples of each concept, the picture of their mean z,
                        and the result
    neighbours.png      for faces: the result in the middle of eight
                        neighbours, whose z has a little noise added
    curves.png          the losses of both networks

A GAN has no encoder, which would give the z of a picture. So samples are drawn,
and a classifier finds those with glasses: their mean z is the concept. It also
counts how often the result of the arithmetic has glasses and a hat: in 300
trials, with 1, 3, 10 and 30 samples per concept. The fraction of all samples
that have both is the baseline.

With the settings of the paper, two minutes of training give only noise. Three
things differ most. beta1 of Adam is 0 (paper: 0.5): momentum would still use
old gradients, from before the other network changed. The penalty R1 keeps the
gradient of the discriminator small on the data. R1 needs logits that depend on
one picture each, so the discriminator has no batch normalization, and its
initial weights are those of He et al. (2015), which need none.

Three changes to try:

1. `betas=(0.9, 0.99)`: beta1 as usual, hence with momentum.
2. `R1_GAMMA = 0.0`: no penalty R1.
3. Without `nn.init.kaiming_normal_(D, rng)`: the small initial weights of the
   paper, without the normalization that compensated for them.
"""

# %%
# Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run

from tinygen import data, default_rng, latent, nn, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.losses import minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_attribute_classifier, train_digit_classifier
from tinygen.models.dcgan import DCDiscriminator, DCGenerator

p = parser(
    __doc__,
    steps={"faces": 1600, "digits": 1600, "mnist": 6000, "folder:PATH": 3000},
    takes={
        "faces": "two minutes",
        "digits": "two minutes",
        "mnist": "ten minutes",
        "folder:PATH": "five minutes",
    },
    batch=32,
    sizes={"faces": 32, "digits": 32, "mnist": 32, "folder:PATH": 32},
    valid_sizes=(32, 64, 128),
    weights=("G",),
)
p.add_argument(
    "--width",
    type=natural,
    help="channels at half the size; each smaller size has twice as many "
    "(default: 40, at 64 pixels and more 28)",
)
args = parse(p)
args.width = args.width or (40 if args.size == 32 else 28)
LATENT_DIM = 64  # dimensions of the noise z
LR = 1e-3  # learning rate of both networks at the first step
R1_GAMMA = 1.0  # weight of the penalty R1 at 32 pixels
R1_INTERVAL = 8  # steps from one penalty to the next
# The same picture on four times the pixels has a quarter of the squared gradient norm.
R1_GAMMA *= (args.size / 32) ** 2
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %%
# Data: bytes (n, channels, size, size); digits of 28 pixels get a black border
border = (args.size - 28) // 2
if args.data == "faces":
    print("Drawing faces ...", flush=True)
    # With --trained, the training faces are not needed: a thousand take less time to draw.
    factors = sample_aligned_factors(1_000 if args.trained else 12_000, seed=1)
    test_factors = sample_aligned_factors(4_000, seed=2)
    train, test = render(factors, args.size), render(test_factors, args.size)
elif args.data.startswith("folder:"):
    (train, _), (test, _), _ = read_folder(args)
else:
    if args.data == "mnist":
        (train, labels), (test, _) = data.mnist("train"), data.mnist("test")
    else:
        (train, labels), (test, _) = data.digits(20_000, seed=1), data.digits(4_000, seed=2)
    train = np.pad(train, ((0, 0), (0, 0), (border, border), (border, border)))

# %%
# Two networks
rng = default_rng(args.seed, args.device)
image_channels = train.shape[1]
G = DCGenerator(LATENT_DIM, image_channels, args.size, args.width, rng=rng)
D = DCDiscriminator(image_channels, args.size, args.width, batch_norm=False, rng=rng)
nn.init.kaiming_normal_(D, rng)
optimizer_g = optim.Adam(G.parameters(), lr=LR, betas=(0, 0.99))
optimizer_d = optim.Adam(D.parameters(), lr=LR, betas=(0, 0.99))

schedule = optim.LRSchedule([optimizer_g, optimizer_d], optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.normalize)
run = Run(args, G=G, D=D, optimizer_g=optimizer_g, optimizer_d=optimizer_d, loader=loader, rng=rng)

# %%
# Training: a step of D, then a step of G with the same fake pictures
batches = loader.forever()
for step in run.steps():
    schedule.set(step)

    # A step of D
    x = to_device(next(batches), args.device)  # (N, C, size, size), from -1 to 1
    fake = G(rng.normal((args.batch, LATENT_DIM)))  # (N, C, size, size)
    loss_d = -minimax_value(D(x), D(fake.detach())).mean()
    penalty = 0.0
    if step % R1_INTERVAL == 0:
        # R1 needs a second derivative, which is expensive. So it is computed at every 8th step,
        # with 8 times the weight (lazy regularization, StyleGAN2).
        penalty = R1_INTERVAL * R1_GAMMA * r1(D, x).mean()
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()

    # A step of G
    loss_g = non_saturating(D(fake)).mean()
    optimizer_g.zero_grad()
    loss_g.backward(inputs=G.parameters())
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)

# %%
# Samples. In evaluation mode each picture depends on its own z alone
G.eval()


def generate(z):
    """Map z (n, LATENT_DIM) to NumPy pictures (n, C, size, size) from 0 to 1."""
    with no_grad():
        batches = data.split_batches(z.astype(np.float32), 250)
        x = np.concatenate([G(to_device(batch, args.device)).numpy() for batch in batches])
    return data.denormalize(x)


numpy_rng = np.random.default_rng(args.seed)
num_samples = max(200, len(test) // 2)
z = numpy_rng.normal(size=(num_samples, LATENT_DIM))
samples = generate(z)
plot.save_grid(args.out / "samples.png", samples[:100], title="Samples: z from N(0, I)")
blocks = [4 << k for k in range(args.size.bit_length() - 2)]  # 4, 8, ..., size
parts = {"z": plot.Code(z[0].reshape(8, 8), "z")}
for block in blocks:
    height = (block / args.size) ** 0.4
    parts[str(block)] = plot.Network(str(block), height, height)
parts["x"] = plot.Picture(samples[0], "G(z)")
scheme = plot.Scheme(
    {key: (0, column, part) for column, (key, part) in enumerate(parts.items())},
    [" ".join(parts)],
    side=72,
    title="G: from z to a picture, doubled layer by layer",
    note="Numbers are sizes in pixels. Below: samples, each of its own z.",
)
panels = [scheme, plot.Grid(samples[:11], columns=11)]
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png", {name: (steps, values) for name, values in run.history.items()}
)


# %%
# How good are the samples? A classifier of 28 or 32 pixels evaluates them
def downsample(pictures):
    """Reduce pictures, bytes or floats from 0 to 1, to the 32 pixels of the classifier."""
    return data.downsample(data.to_float(pictures), 32)


metrics = {}
if args.data == "faces":
    attributes = np.stack([has_attribute(factors, a) for a in ATTRIBUTES], axis=1)
    evaluator = run.evaluator(
        train_attribute_classifier, downsample(train), attributes, steps=min(1000, args.steps)
    )
    test, samples = downsample(test), downsample(samples)
elif args.data in ("digits", "mnist"):
    without_border = train[..., border:-border, border:-border]
    evaluator = run.evaluator(
        train_digit_classifier, without_border, labels, steps=min(500, args.steps)
    )
if args.data.startswith("folder:"):
    print("The evaluators classify digits and drawn faces only: there is no Frechet distance.")
else:
    metrics, table = evaluate_samples(evaluator, test, samples, device=args.device)
    print(table)


# %%
# Interpolation: how evenly does the picture change along 50 steps from one z to another?
def measure_changes(pictures):
    """Return the change from each picture of a path to the next: (n, k, C, ...) to (n, k - 1)."""
    return np.sqrt(((pictures[:, 1:] - pictures[:, :-1]) ** 2).mean(axis=(2, 3, 4)))


paths = latent.slerp(z[:100], z[100:200], 51)  # (100, 51, LATENT_DIM)
pictures = generate(paths.reshape(-1, LATENT_DIM)).reshape(100, 51, *train.shape[1:])
change = measure_changes(pictures)  # (100, 50)
end_to_end = np.sqrt(((pictures[:, -1] - pictures[:, 0]) ** 2).mean(axis=(1, 2, 3)))  # (100,)
largest = change.max(axis=1)
metrics["interpolation_largest_to_mean"] = float((largest / change.mean(axis=1)).mean())
metrics["interpolation_largest_to_ends"] = float((largest / end_to_end).mean())
print(
    "Interpolation in 50 steps: the largest change of the picture is "
    "{interpolation_largest_to_mean:.1f} times the mean change, and "
    "{interpolation_largest_to_ends:.1%} of the difference between the first picture and the last "
    "(a jump: 100 %)".format(**metrics)
)
plot.save_grid(
    args.out / "interpolation.png",
    np.concatenate(pictures[:8, ::5]),
    columns=11,
    title="From one z to another",
)
paths = latent.slerp(z[:100], z[100:200], 12)  # (100, 12, LATENT_DIM)
twelve = generate(paths.reshape(-1, LATENT_DIM)).reshape(100, 12, *train.shape[1:])
most = measure_changes(twelve).min(axis=1).argmax()  # the path without two similar pictures
panels.append(
    plot.Grid(
        twelve[most],
        columns=6,
        gap=0,
        title="From one z to another, in 11 equal steps",
        note="From left to right, and on below. One of 100 paths,\n"
        "chosen so that every step changes something.",
    )
)


# %%
# Arithmetic on means of z: with glasses - without + with a hat
def find_attributes(pictures):
    """Return which pictures have glasses and which have a hat, (n,) each."""
    found = evaluator.predict(pictures, args.device)  # (n, 5)
    return found[:, ATTRIBUTES.index("glasses")], found[:, ATTRIBUTES.index("hat")]


def measure_arithmetic(concepts):
    """Count how often 300 results have glasses and a hat, with n samples per concept."""
    for n in (1, 3, 10, 30):
        means = {
            name: np.stack(
                [numpy_rng.choice(codes, n, replace=False).mean(axis=0) for _ in range(300)]
            )
            for name, codes in concepts.items()
        }
        result = means["glasses"] - means["neither"] + means["hat"]
        glasses, hat = find_attributes(downsample(generate(result)))
        both = float((glasses & hat).mean())
        metrics[f"glasses_{n}"] = float(glasses.mean())
        metrics[f"hat_{n}"], metrics[f"both_{n}"] = float(hat.mean()), both
        print(
            f"  {n:2d} samples per concept: glasses {glasses.mean():.1%}, hat {hat.mean():.1%}, "
            f"both {both:.1%}"
        )


def draw_arithmetic(concepts):
    """Draw neighbours of one result of three samples per concept; return a panel with the sum."""
    three = {name: codes[:3] for name, codes in concepts.items()}
    means = {name: codes.mean(axis=0) for name, codes in three.items()}
    result = means["glasses"] - means["neither"] + means["hat"]
    neighbours = result + numpy_rng.uniform(-0.25, 0.25, size=(9, LATENT_DIM))
    neighbours[4] = result
    plot.save_grid(
        args.out / "neighbours.png",
        generate(neighbours),
        columns=3,
        scale=4,
        title="glasses - neither + hat, and neighbours",
    )
    z = np.stack([means["glasses"], means["neither"], means["hat"], result])
    terms = zip(("", "-", "+", "="), ("glasses", "neither", "a hat", "both"), generate(z)[:, None])
    return plot.Sum(
        [(sign, label, picture) for sign, label, picture in terms],
        means_of=[generate(codes) for codes in three.values()],
        title="Arithmetic with the mean z of three faces",
        note=f"Of 300 such results, {metrics['both_3']:.0%} have glasses and a hat, of any kind",
    )


if args.data == "faces":
    glasses, hat = find_attributes(samples)
    concepts = {
        "glasses": z[glasses & ~hat],
        "neither": z[~glasses & ~hat],
        "hat": z[~glasses & hat],
    }
    metrics["both_of_all_samples"] = float((glasses & hat).mean())
    counts = {name: len(codes) for name, codes in concepts.items()}
    if min(counts.values()) < 30:
        print(f"Arithmetic needs 30 samples of each concept; there are {counts}")
    else:
        print(f"Glasses and hat: {metrics['both_of_all_samples']:.1%} of all samples")
        measure_arithmetic(concepts)
        panels.append(draw_arithmetic(concepts))
plot.save_page(args.out / "dcgan.png", panels)
run.write_metrics(picture="dcgan.png", **metrics)

# %% [markdown]
# ## What you should see
#
# `python demos/dcgan.py`, two minutes, seed 0: Frechet distance 1.3 to real faces (floor 0.15, that
# of real faces to others). 53 % of the real faces are covered, that is, a sample is among their
# neighbours (`metrics.density_coverage`). With 10 samples per concept, 73 % of the results of
# the arithmetic have glasses and a hat. Seeds 1 and 2 have the distances 1.5 and 1.1, and both
# attributes in 79 and 72 %. Processors round differently, and the training of a GAN amplifies this:
# another processor has the effect of another seed.
#
# `python demos/dcgan.py --size 64 --steps 24000`, an hour of one core: distance 0.25 (floor 0.14).
# `python demos/dcgan.py --trained` draws the pictures of this training. The largest change in 50
# steps of an interpolation is 3.0 times the mean change, and 14 % of the difference between the
# ends; after the short training it is 1.7 times the mean, and 5 %.
#
# The question. The faces change gradually, most features one after the other. They are not two
# faces on top of each other. A hat comes or goes within a few steps; in between it can be half
# transparent. The arithmetic gives a face with glasses and a hat, but with three faces per concept
# in 41 % of the results only. A single sample has many properties other than the concept; in a mean
# they average out. So more samples per concept give more successes: 17 % with one, 73 % with 10 and
# 91 % with 30. Of all samples 9 % have both. After an hour the changes from z to z are more abrupt,
# and the arithmetic is less reliable with many samples: 31, 43, 61 and 79 %.
#
# The three changes (seed 0; unchanged: distance 1.3, 53 % covered, both attributes in 73 %):
#
# 1. With momentum both networks run past the point where they should turn. Faces are double
#    exposures on a grey wall: distance 30, with 8 % covered, and both attributes in 57 %.
# 2. Without R1: distance 3.6, with 44 % covered, and both attributes in 86 %. The discriminator
#    becomes as certain as it can, and gives the generator less information.
# 3. With the initial weights of the paper: distance 2.4, with 52 % covered, and both attributes in
#    82 %: worse samples, but the same arithmetic.
