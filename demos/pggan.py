# %% [markdown]
"""Progressive growing: faces of 4, 8, 16 and 32 pixels, by networks that grow.

Lecture: progressive growing of GANs (Karras, Aila, Laine and Lehtinen, 2018).

Question to predict before you run it: what does a face look like in 4x4
pixels, and what can be learned from it? When a block for the next size is
added: does the same z still give the same person, or does each size begin
anew?

    python demos/pggan.py                    faces drawn by this package
    python demos/pggan.py --loss wgan-gp     the loss of the paper
    python demos/pggan.py --evaluate         compare the samples with real
                                             faces too: one minute more
    python demos/pggan.py --size 64 --steps 36000
                                             larger and better faces: an hour of
                                             one core
    python demos/pggan.py --data folder:PATH --size 32
                                             your own pictures

It draws
    growing.png    a column for each z, a row for each size: the picture at
                   the end of the training with this size
    pggan.png      the blocks at each size, with three of these columns and
                   real faces; the fade-in of the last size
    pggan.gif      the blocks, and six of these columns as an animation: at the
                   end of the training with a size, and mixed in between
    samples.png    samples of the generator
    curves.png     the losses of both networks

With --evaluate, a small classifier of real faces finds glasses, beards, hats,
age and smiles in the samples and in real faces, and the distance between the
two distributions is measured.

The three largest differences from the paper: the discriminator has the strided
convolutions of DCGAN. The default loss has the penalty R1 (`losses.r1`), which
is computed at every 8th step only; the gradient penalty of the paper is needed
at each step. And the learning rates are 0.01 and 0.04 (paper: 0.001), because
there are only thousands of steps and not hundreds of thousands.

Three changes to try, with --evaluate:

1. `STAGE_LENGTHS = [0, 0, 0, args.steps]`, with --steps 1800, which takes about
   as long: no growing, all steps with the largest pictures, of 32 pixels.
2. `size, alpha = growth_stage(step, STAGE_LENGTHS)[0], 1.0`: no fade-in.
3. `betas=(0.9, 0.99)` in both optimizers: with the usual momentum.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run

from tinygen import data, default_rng, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.losses import gradient_penalty, minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.pggan import PGDiscriminator, PGGenerator, fade_in, growth_stage

p = parser(
    __doc__,
    steps={"faces": 2400, "folder:PATH": 2400},
    takes={"faces": "two minutes", "folder:PATH": "two minutes"},
    batch=16,
    sizes={"faces": 32, "folder:PATH": 32},
    valid_sizes=(32, 64),
    weights=("G",),
)
p.add_argument(
    "--loss",
    choices=["non-saturating", "wgan-gp"],
    default="non-saturating",
    help="non-saturating with the penalty R1, or the paper's critic with a gradient penalty "
    "(default: non-saturating)",
)
p.add_argument(
    "--evaluate",
    action="store_true",
    help="compare the samples with real faces: one minute more; after training with --resume",
)
args = parse(p)
# Not a setting of the training. With --trained the evaluator comes from the file, too.
evaluate = vars(args).pop("evaluate") or args.trained
if evaluate and args.data != "faces":
    p.error("--evaluate: the evaluator classifies drawn faces only")
if args.batch % 4:
    p.error(f"--batch {args.batch}: D compares groups of 4 pictures; give a multiple of 4")
LATENT_DIM = 64  # dimensions of the noise z
LR_G = 0.01  # learning rate of the generator at the first step
LR_D = 0.04  # that of the discriminator
R1_GAMMA = 1.0  # weight of the penalty R1 at 32 pixels
R1_INTERVAL = 8  # steps from one penalty to the next
# The same picture on four times the pixels has a quarter of the squared gradient norm.
R1_GAMMA *= (args.size / 32) ** 2
GP_LAMBDA = 10  # weight of the gradient penalty (wgan-gp)
DRIFT = 0.001  # weight that keeps the scores of the critic near 0 (wgan-gp)
EMA_DECAY = 0.995  # of the averaged weights of G, which generate the samples
# Channels at 4, 8, 16, ... pixels. Those of D end at half the size.
G_CHANNELS = {32: (128, 96, 48, 16), 64: (128, 96, 48, 24, 8)}[args.size]
D_CHANNELS = {32: (128, 64, 32), 64: (192, 96, 48, 24)}[args.size]
STAGE_FRACTIONS = {32: (0.07, 0.13, 0.2, 0.6), 64: (0.04, 0.08, 0.13, 0.2, 0.55)}[args.size]
STAGE_LENGTHS = [round(args.steps * fraction) for fraction in STAGE_FRACTIONS]  # steps per size
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %%
# Data: bytes (n, C, size, size)
if args.data == "faces":
    print("Drawing faces ...", flush=True)
    # With --trained, the training faces are not needed: a thousand take less time to draw.
    factors = sample_aligned_factors(1_000 if args.trained else 12_000, seed=1)
    test_factors = sample_aligned_factors(4_000, seed=2)
    train, test = render(factors, args.size), render(test_factors, args.size)
else:
    (train, _), (test, _), _ = read_folder(args, batch_multiple=4)
image_channels = train.shape[1]


def downsample(images, size):
    """Reduce bytes (n, C, height, width) to `size` pixels, floats from 0 to 1."""
    return data.downsample(images, size) / np.float32(255)


# %%
# Two networks, built for all sizes; blocks that are not used yet get no gradient
rng = default_rng(args.seed, args.device)
G = PGGenerator(LATENT_DIM, G_CHANNELS, image_channels, rng=rng)
D = PGDiscriminator(D_CHANNELS, image_channels, rng=rng)
# Momentum averages old gradients, but in a game the other player has moved since. So beta1 = 0.
optimizer_g = optim.Adam(G.parameters(), lr=LR_G, betas=(0, 0.99))
optimizer_d = optim.Adam(D.parameters(), lr=LR_D, betas=(0, 0.99))


def lr_factor(step):
    """The learning rates fall in the last stage only: its size has the most to learn."""
    start = sum(STAGE_LENGTHS[:-1])
    return optim.cosine_decay(max(step - start, 0), steps=max(args.steps - start, 1))


schedule = optim.LRSchedule([optimizer_g, optimizer_d], lr_factor)
ema = optim.ExponentialMovingAverage(G, decay=EMA_DECAY)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(
    args,
    G=G,
    D=D,
    optimizer_g=optimizer_g,
    optimizer_d=optimizer_d,
    ema=ema,
    loader=loader,
    rng=rng,
)


def generate(z, size=args.size):
    """Map z (n, LATENT_DIM) to NumPy pictures (n, C, size, size) from 0 to 1, with the EMA of G."""
    batches = data.split_batches(z.astype(np.float32), 250)
    with ema.average_parameters(), no_grad():
        x = np.concatenate([G(to_device(batch, args.device), size).numpy() for batch in batches])
    return data.denormalize(x)


def repeat_pixels(pictures):
    """Enlarge pictures to the largest size by repeating pixels."""
    factor = args.size // pictures.shape[-1]
    return pictures.repeat(factor, axis=2).repeat(factor, axis=3)


def size_at(step):
    """Return the size of the pictures at a step."""
    return growth_stage(step, STAGE_LENGTHS)[0]


# %%
# Training: a step of D, then a step of G with the same fake pictures
z_fixed = default_rng(args.seed + 1).normal((8, LATENT_DIM))  # of growing.png
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    size, alpha = growth_stage(step, STAGE_LENGTHS)

    # A step of D
    x = data.normalize(downsample(next(batches), size))  # (N, C, size, size), from -1 to 1
    x = fade_in(to_device(x, args.device), alpha)
    fake = G(rng.normal((args.batch, LATENT_DIM)), size, alpha)  # (N, C, size, size)
    logits = D(ops.concatenate(x, fake.detach()), alpha)  # (2N,); a critic's scores with wgan-gp
    real_logits, fake_logits = logits[: args.batch], logits[args.batch :]
    penalty = 0.0
    if args.loss == "wgan-gp":
        # The critic's scores are determined up to a constant. The second term keeps them near 0.
        loss_d = (fake_logits - real_logits).mean() + DRIFT * (real_logits**2).mean()
        t = rng.uniform((args.batch,))
        penalties = gradient_penalty(lambda x, alpha=alpha: D(x, alpha), x, fake, t)
        penalty = GP_LAMBDA * penalties.mean()
    else:
        loss_d = -minimax_value(real_logits, fake_logits).mean()
        if step % R1_INTERVAL == 0:
            # R1 needs a second derivative, which is expensive. So it is computed at every 8th step,
            # with 8 times the weight (lazy regularization, StyleGAN2).
            r1_loss = r1(lambda x, alpha=alpha: D(x, alpha), x).mean()
            penalty = R1_INTERVAL * R1_GAMMA * r1_loss
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()

    # A step of G
    fake_logits = D(fake, alpha)
    if args.loss == "wgan-gp":
        loss_g = -fake_logits.mean()
    else:
        loss_g = non_saturating(fake_logits).mean()
    optimizer_g.zero_grad()
    loss_g.backward(inputs=G.parameters())
    optimizer_g.step()
    ema.update()
    run.log(discriminator=loss_d, generator=loss_g)
    if step + 1 == args.steps or size_at(step + 1) != size:
        run.record(pictures=data.to_bytes(repeat_pixels(generate(z_fixed, size))))

# %%
# Pictures
num_samples = max(100, len(test) // 2)
z = np.random.default_rng(args.seed).normal(size=(num_samples, LATENT_DIM))
samples = generate(z)
plot.save_grid(args.out / "samples.png", samples[:100], title="Samples: z from N(0, I)")
trained_sizes = dict.fromkeys(size_at(step) for step in range(args.steps))  # in their order
plot.save_rows(
    args.out / "growing.png",
    {
        f"{size} pixels": pictures
        for size, pictures in zip(trained_sizes, run.records["pictures"], strict=True)
    },
)
# These imports are here, since the weights hold a digest of the top.
from itertools import pairwise  # noqa: E402

from figures.growing import growth_scheme  # noqa: E402

by_size = dict(zip(trained_sizes, run.records["pictures"] / np.float32(255), strict=True))
growth = growth_scheme(
    {size: pictures[2:5] for size, pictures in by_size.items()},
    {size: repeat_pixels(downsample(train[:2], size)) for size in by_size},
)
# Fade-in of a sample and a real face. In training, the new block is untrained at first.
old, new = (
    np.stack([by_size[size][4], repeat_pixels(downsample(train[1:2], size))[0]])
    for size in (list(by_size)[-2:][0], args.size)
)
fading = plot.Sum(
    [
        ("", f"\u03b1 = {name}", (1 - alpha) * old + alpha * new)
        for name, alpha in (("0", 0), ("1/3", 1 / 3), ("2/3", 2 / 3), ("1", 1))
    ],
    title=f"Fade-in of {args.size} pixels: (1 \u2212 \u03b1) old + \u03b1 new",
    note="Above a sample; below a real face, faded in for D too.",
)
plot.save_page(args.out / "pggan.png", [growth, fading])
frames = []
for old_size, new_size in list(pairwise(by_size)) or [(args.size, args.size)]:
    for alpha in np.linspace(0, 1, 6):
        formula = f"(1 \u2212 \u03b1) old + \u03b1 new, \u03b1 = {alpha:.1f}"
        mixtures = plot.Grid(
            (1 - alpha) * by_size[old_size][2:] + alpha * by_size[new_size][2:],
            columns=6,
            gap=0,
            title=f"{old_size} to {new_size} pixels: {formula}",
            note="Six z. G goes on learning, so a face may change.\n"
            "Real faces are faded in, too, before D is given them.",
        )
        frames.append([growth, mixtures])
frames.insert(0, frames[-1])  # where an animation stands still, its first page is seen
plot.save_animation(args.out / "pggan.gif", frames, seconds=10.0, many_colours=True)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png", {name: (steps, values) for name, values in run.history.items()}
)


# %%
# Comparison with real faces, by a small classifier of 32 pixels
def evaluate_faces():
    """Measure the distance to real faces, and how many faces have each attribute."""
    evaluator = run.evaluator(
        train_attribute_classifier,
        downsample(train, 32),
        np.stack([has_attribute(factors, a) for a in ATTRIBUTES], axis=1),
        steps=min(1000, args.steps),
    )
    real, fake = downsample(test, 32), data.downsample(samples, 32)
    metrics, table = evaluate_samples(evaluator, real, fake, device=args.device)
    print(table)
    fractions = evaluator.predict(fake, args.device).mean(axis=0)
    real_fractions = evaluator.predict(real[::2], args.device).mean(axis=0)
    for attribute, fraction, real_fraction in zip(
        ATTRIBUTES, fractions, real_fractions, strict=True
    ):
        metrics[f"fraction_{attribute}"] = float(fraction)
        metrics[f"fraction_real_{attribute}"] = float(real_fraction)
        print(
            f"  {attribute:8s} {fraction:4.0%} of the samples, {real_fraction:4.0%} of real faces"
        )
    return metrics


metrics = evaluate_faces() if evaluate else {}
run.write_metrics(picture="pggan.gif", **metrics)

# %% [markdown]
# ## What you should see
#
# Frechet distance of 2,000 samples to real faces (real faces to others: 0.15), and recall, the
# fraction of real faces that are near samples; times without the evaluation:
#
#     python demos/pggan.py --evaluate                           2.7, 72 %    two minutes
#     python demos/pggan.py --evaluate --seed 1                  3.6, 66 %
#     python demos/pggan.py --evaluate --seed 2                  3.0, 67 %
#     python demos/pggan.py --evaluate --loss wgan-gp            3.9, 59 %    four minutes
#     python demos/pggan.py --evaluate --size 64 --steps 36000   0.54, 88 %   an hour of one core
#
# The last one is what `python demos/pggan.py --trained` draws. Processors round differently, and
# the training of a GAN amplifies this: another processor has the effect of another seed.
#
# The question. 4x4 pixels show hardly more than a darker middle. From 8 pixels on there is a head,
# and in most columns of growing.png its outline and hair stay from one size to the next, with more
# details: sizes do not begin anew. But colours change, and at the last size, whose training is the
# longest, some people get or lose a hat.
#
# The three changes (seed 0; unchanged 2.7, 72 %):
#
# 1. Without growing: 2.9, 72 %, as good as with it, and growing.png has one row. Growing saves time
#    if the largest pictures cost hundreds of times as much as the smallest ones. Here a
#    step with 32 pixels costs only a few times as much as one with 4.
# 2. Without fade-in: 2.9, but only 51 % of the real faces are near a sample. An untrained block
#    takes the place of the old network's output, and from one size to the next many z become
#    somebody else.
# 3. With momentum: 22, 7 %, and no faces, only heads without features and grey shadows.
