# %% [markdown]
"""A diffusion model draws digits.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, 2020, with
later improvements.

Question to predict before you run it: one network sees an image with some
noise, and predicts the clean image by least squares. Sampling starts from pure
noise, which contains nothing of an image. What does the network predict there?
How can the samples become sharp, and different from each other? And: the
network may predict the image, the noise or the velocity. Each of them
determines the other two. Does the choice matter?

    python demos/ddpm.py                digits drawn by this package: no
                                        download, no GPU
    python demos/ddpm.py --data mnist   MNIST, more steps
    python demos/ddpm.py --data faces   faces, without labels
    python demos/ddpm.py --data folder:PATH --size 32
                                        your own pictures; sub-folders, if
                                        there are, are the classes
    mpiexec -n 4 python demos/ddpm.py   four processes share each batch: each
                                        takes a quarter of its rows
    python demos/ddpm.py --parametrization eps --schedule linear
                                        as in the paper of 2020
    python demos/ddpm.py --path rectified-flow
                                        flow matching: the straight line from
                                        data to noise

Whose defaults are these? Diffusion is by Sohl-Dickstein et al., 2015. Training
as plain least squares, the U-Net that is given the time, Adam and the average
of the weights are as in Ho et al. Their paper as printed is in
demos/ddpm_2020.py. What differs here by default:

    Ho et al., 2020               here, and whose it is
    predict the noise eps         predict v (--parametrization): Salimans and
                                  Ho, Progressive Distillation, 2022
    weight 1 on the error of eps  weight 1 on that of v, so SNR(t) + 1 on that
                                  of x_0, SNR = (alpha/sigma)^2: the same paper
    t uniform from 1 to 1000      t continuous, one example in each of as many
                                  equal parts as the batch has examples; after
                                  Kingma et al., Variational Diffusion Models,
                                  2021
    linear beta_t                 the cosine schedule for sampling: Nichol and
                                  Dhariwal, Improved DDPM, 2021; training times
                                  around the middle (--schedule logistic):
                                  after Esser et al., Scaling Rectified Flow
                                  Transformers, 2024
    1000 random steps             16 deterministic ones (--sampler dpm_solver):
                                  Lu et al., DPM-Solver++, 2022
    no labels                     labels and guidance (--guidance-scale): Ho
                                  and Salimans, Classifier-Free Diffusion
                                  Guidance, 2022
    time shifts each channel      time and label scale it, too (FiLM): Dhariwal
                                  and Nichol, Diffusion Models Beat GANs, 2021
    attention; single pixels      no attention; squares of 2 x 2 pixels, to
                                  save time. Batch, width and the falling
                                  learning rate were chosen for two minutes

It draws
    ddpm.png         a real image on its way to noise, and parts of the next
                     three
    samples.png      samples, a row for each class
    strip.png        from noise to image: x at several times, and what the
                     network predicts there
    inpainting.png   real images whose lower half is generated, three times
    curves.png       the loss

It measures whether a digit classifier, trained on real digits, recognizes the
requested digit in a sample, and how far samples of a class are from each other
and from the nearest training image. With --score it also measures the
classification accuracy score: the accuracy on real images of a classifier that
was trained on samples alone.

Three changes to try. They only sample again from the trained network:

1. `--resume --guidance-scale 1`: no guidance. Then a scale of 3.
2. `--resume --sampling-steps 1`: the sample is the prediction from pure noise.
3. `--resume --sampler ancestral`: fresh noise in each of the 16 steps.

And some that train again: `--parametrization eps` and `--parametrization x0`;
`--schedule cosine`, which draws the angle t of training times uniformly.
"""

# %%
# Settings
import numpy as np
from _command_line import finite, natural, parse, parser, workers  # first: finds the package
from _pictures import choose_examples, read_folder
from _run import Run

from tinygen import data, default_rng, losses, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.metrics import (
    classification_accuracy_score,
    evaluate_samples,
    nearest_neighbours,
    within_class_distance,
)
from tinygen.metrics.evaluators import train_attribute_classifier, train_digit_classifier
from tinygen.models.diffusion import guidance, objectives, samplers
from tinygen.models.diffusion.paths import RECTIFIED_FLOW, VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import (
    cosine_schedule,
    linear_schedule,
    logistic_schedule,
    stratified_uniform,
)
from tinygen.models.diffusion.unet import UNet

TRAINING_SCHEDULES = {
    "logistic": logistic_schedule,
    "cosine": cosine_schedule,
    "linear": linear_schedule,
}
PATHS = {"variance-preserving": VARIANCE_PRESERVING, "rectified-flow": RECTIFIED_FLOW}
SAMPLERS = ("dpm_solver", "ddim", "heun", "euler", "ancestral")
p = parser(
    __doc__,
    steps={"digits": 2000, "mnist": 30_000, "faces": 6000, "folder:PATH": 6000},
    takes={
        "digits": "two minutes",
        "mnist": "an hour",
        "faces": "ten minutes",
        "folder:PATH": "ten minutes",
    },
    batch=32,
    sizes={"folder:PATH": 32},
    valid_sizes=range(8, 257, 4),  # the network halves it twice
    data_parallel=True,
    weights=("network",),
)
p.add_argument(
    "--parametrization",
    choices=objectives.PARAMETRIZATIONS,
    default="v",
    help="what the network predicts: the noise eps, the image x0 or the velocity v (default: v)",
)
p.add_argument(
    "--path",
    choices=list(PATHS),
    default="variance-preserving",
    help="how image and noise are mixed: DDPM's path, or the straight line of flow matching "
    "(default: variance-preserving)",
)
p.add_argument(
    "--schedule",
    choices=list(TRAINING_SCHEDULES),
    default="logistic",
    help="distribution of the noise levels in training and sampling "
    "(default: logistic, which samples with the cosine schedule)",
)
p.add_argument(
    "--width",
    type=natural,
    default=32,
    help="channels at the full resolution, a multiple of 8; twice as many at half of it "
    "(default: 32)",
)
p.add_argument(
    "--sampler",
    choices=SAMPLERS,
    default="dpm_solver",
    help="method that leads from noise to images (default: dpm_solver)",
)
p.add_argument(
    "--sampling-steps",
    type=natural,
    default=16,
    metavar="N",
    help="number of steps from noise to image (default: 16)",
)
p.add_argument(
    "--guidance-scale",
    type=finite,
    help="strength of the label; 1 is no guidance (default: 1.5, for mnist 1)",
)
p.add_argument(
    "--score",
    type=natural,
    metavar="N",
    help="measure the classification accuracy score with N samples (default: no; for mnist 10,000)",
)
args = parse(p)
# These decide the sampling alone. Removed from args, they may change when a run is resumed.
SAMPLING_OPTIONS = ("sampler", "sampling_steps", "guidance_scale", "score")
sampler, sampling_steps, guidance_scale, num_scored = (
    vars(args).pop(name) for name in SAMPLING_OPTIONS
)
is_mnist = args.data == "mnist"
if num_scored and args.data not in ("digits", "mnist"):
    p.error("--score: its classifier is for digits only")
if guidance_scale is None:
    guidance_scale = 1.0 if is_mnist else 1.5
if num_scored is None and is_mnist and not args.trained:
    num_scored = 10_000
LR = 2e-3  # learning rate at the first step; large, since the run is short and it falls to 0
EMA_DECAY = 0.999  # of the averages of the weights
# Fraction of training examples without a label, for guidance. Ho and Salimans (2022) find 0.1 and
# 0.2 about equally good, and 0.5 worse.
DROPPED = 0.1
GREY = 110  # byte of the pixels that inpainting has to generate
PATH = PATHS[args.path]
TRAINING_SCHEDULE = TRAINING_SCHEDULES[args.schedule]
SAMPLING_SCHEDULE = cosine_schedule if args.schedule == "logistic" else TRAINING_SCHEDULE
# Pure noise contains nothing of an image. There a network that predicts eps does not determine x_0.
FIRST_FRACTION = 0.999 if args.parametrization == "eps" else 1.0
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")  # of faces, for the classifier

# %%
# Data: bytes (n, channels, height, width)
class_names = list("0123456789")
if args.data.startswith("folder:"):
    (train, labels), (test, test_labels), class_names = read_folder(args)
elif args.data == "faces":
    print("Drawing faces ...", flush=True)
    factors, test_factors = sample_aligned_factors(12_000, 1), sample_aligned_factors(2_000, 2)
    train, test, class_names = render(factors, 32), render(test_factors, 32), []
    labels, test_labels = np.zeros(len(train), np.int64), np.zeros(len(test), np.int64)
elif is_mnist:
    (train, labels), (test, test_labels) = data.mnist("train"), data.mnist("test")
else:
    (train, labels), (test, test_labels) = data.digits(20_000, seed=1), data.digits(1_000, seed=2)
if args.trained:  # half as many samples are compared with them: that takes seconds
    test, test_labels = test[:1000], test_labels[:1000]
image_shape, num_classes = train.shape[1:], len(class_names)
are_digits = args.data in ("digits", "mnist")
loader = data.Loader(
    train,
    labels.astype(np.int64),
    batch_size=args.batch,
    seed=args.seed,
    transform=data.normalize,
)

# %%
# The network
# patch_size=2: half of the height and width, so a quarter of the time. attention=False: at the
# bottom of the U there are 7 x 7 or 8 x 8 pixels, which the convolutions span without attention.
# film=True: the time and the label give each channel a scale and a shift (`ResidualBlock`).
rng = default_rng(args.seed, args.device)
network = UNet(
    image_shape[0],
    (args.width, 2 * args.width),
    patch_size=2,
    attention=False,
    film=True,
    num_classes=num_classes,
    rng=rng,
)
# 0.99: Adam's mean of the squared gradients covers about 100 steps. The usual 0.999 covers 1000,
# more than the default run has.
optimizer = optim.Adam(network.parameters(), lr=LR, betas=(0.9, 0.99))
lr_schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
ema = optim.ExponentialMovingAverage(network, EMA_DECAY)


def time_at(schedule, u):
    """Return the time on PATH at the fraction u of a schedule, from data, 0, to noise, 1.

    Schedules give times of the variance-preserving path. The rectified-flow path is visited at the
    same noise-to-signal ratios.

    **Shapes** u a float or (N,); the time likewise.
    """
    t = schedule(u)
    if PATH is VARIANCE_PRESERVING:
        return t
    return PATH.time_at(VARIANCE_PRESERVING.noise_to_signal(t))


# %%
# Training: least squares between the prediction and its target
run = Run(args, network=network, optimizer=optimizer, ema=ema, loader=loader, rng=rng)
batches = loader.forever()
for step in run.steps():
    lr_schedule.set(step)
    # (N, C, H, W), from -1 to 1, and (N,)
    x0, y = (to_device(a, args.device) for a in next(batches))
    # One time per example. Stratified: one u from each of N equal intervals, so that every batch
    # covers all noise levels. The schedule then decides where most of them lie.
    u = stratified_uniform(args.batch, rng)
    t = time_at(TRAINING_SCHEDULE, u)  # (N,)
    eps = rng.normal(x0.shape)
    if num_classes:
        y = guidance.drop_labels(y, network.null_label, DROPPED, rng=rng)
    x0, y, t, eps = workers.shard(x0, y, t, eps)  # this process's rows; all, if it is the only one
    x_t = PATH.q_sample(x0, eps, t)
    output = network(x_t, t, y) if num_classes else network(x_t, t)
    target = objectives.target(args.parametrization, x0, eps, t, PATH)
    # squared_error sums over an image. Dividing by its C H W numbers gives a mean, whose
    # gradient does not grow with the size of the image.
    loss = losses.squared_error(output, target).mean() / x0[0].size
    optimizer.zero_grad()
    loss.backward()
    workers.average_gradients(network.parameters())
    optimizer.step()
    ema.update()
    run.log(loss=loss)

# %%
# Sampling, with the averages of the weights
fractions = np.linspace(FIRST_FRACTION, 0, sampling_steps + 1)[:-1]
TIMES = [*(time_at(SAMPLING_SCHEDULE, float(u)) for u in fractions), 0.0]


def to_bytes(x):
    """Convert images from -1 to 1 to bytes, as a NumPy array."""
    return data.to_bytes(data.denormalize(to_numpy(x)))


def sample(y, sampling_rng, *, history=None, callback=None):
    """Sample an image for each label in y: bytes (n, channels, height, width).

    To the list `history`, (t, x_t, predicted x_0) is appended at each time.
    """
    conditional = network
    if num_classes:
        conditional = guidance.classifier_free_guidance(
            network, to_device(y, args.device), network.null_label, guidance_scale
        )
    denoise = objectives.denoiser(conditional, args.parametrization, PATH)

    def record(x, t):
        prediction = denoise(x, t)
        if history is not None:
            history.append((t, to_bytes(x), to_bytes(prediction.x0)))
        return prediction

    noise = sampling_rng.normal((len(y), *image_shape))
    method = getattr(samplers, sampler)
    with ema.average_parameters():
        x0 = method(record, noise, TIMES, path=PATH, rng=sampling_rng, callback=callback)
    return to_bytes(x0)


print("Sampling ...", flush=True)
sampling_rng = default_rng(args.seed + 1, args.device)
requested = np.arange(num_scored or max(100, len(test) // 2)) % max(num_classes, 1)
samples = np.concatenate([sample(y, sampling_rng) for y in data.split_batches(requested, 250)])
if num_classes:
    by_class = {name: samples[requested == k] for k, name in enumerate(class_names[:10])}
    fewest = min(10, *map(len, by_class.values()))
    rows = [pictures[:fewest] for pictures in by_class.values()]
    if are_digits:
        title = "Samples, a row for each class"
        plot.save_grid(args.out / "samples.png", np.concatenate(rows), title=title)
    else:
        plot.save_rows(args.out / "samples.png", dict(zip(by_class, rows, strict=True)))
else:
    plot.save_grid(args.out / "samples.png", samples[:100], title="Samples")
steps = np.arange(args.steps)
plot.save_curves(args.out / "curves.png", {"loss": (steps, run.history["loss"])})

# %%
# From noise to image: x_t, and the prediction of x_0 at each time
history, two_labels = [], np.array([3, 8]) % max(num_classes, 1)
if not are_digits:
    two_labels = np.arange(2) % max(num_classes, 1)
last = sample(two_labels, sampling_rng, history=history)
moments = np.unique(np.linspace(0, len(history) - 1, 11).astype(int))
names = [class_names[y] for y in two_labels] if num_classes else ["one", "another"]
strips = {}
for k, name in enumerate(names):
    strips[f"{name}: x"] = np.stack([history[i][1][k] for i in moments])
    strips[f"{name}: prediction"] = np.stack([history[i][2][k] for i in moments])
plot.save_rows(args.out / "strip.png", strips, width=1000)

# %%
# Inpainting: the lower half of real images, generated three times
examples = choose_examples(test_labels, 10)  # one digit of each class
real = test[examples]
height = image_shape[1]
mask = np.zeros((1, 1, height, 1), np.float32)
mask[:, :, : height // 2] = 1  # the upper half is known
known = data.normalize(to_device(real, args.device))
keep_known = samplers.inpainting(known, to_device(mask, args.device), path=PATH, rng=sampling_rng)
ten_labels = test_labels[examples]
rows = {"real": real, "given": np.where(mask > 0, real, GREY)}
for title in ("generated", "again", "and again"):
    rows[title] = sample(ten_labels, sampling_rng, callback=keep_known)
plot.save_rows(args.out / "inpainting.png", rows)

# %%
# One page: a digit on its way to noise, and another one on its way back, at the same noise levels;
# part of the samples and of the inpainting
at_time = {}  # x and the prediction; samplers of second order also predict between the times
for t, x, prediction in history:
    at_time.setdefault(t, (x[0], prediction[0]))
shown_steps = np.unique(np.linspace(0, sampling_steps, 7).astype(int))
x0 = test[test_labels == two_labels[0]][:1]
eps = np.random.default_rng(args.seed).normal(size=x0.shape).astype(np.float32)
there, back = [], [(last[0], last[0])]
for step in shown_steps:
    there.append(to_bytes(PATH.q_sample(data.normalize(x0), eps, TIMES[sampling_steps - step]))[0])
    if step > 0:
        back.append(at_time[TIMES[sampling_steps - step]])
both_ways = {"forward \u2192": there, "reverse \u2190": [x for x, _ in back]}
both_ways["prediction"] = [prediction for _, prediction in back]
note = "From pure noise the network predicts a mean of many images."
if num_classes:
    note = f"The label, {names[0]}, is given: "
    note += "from pure noise the network predicts a mean of many such images."
few, columns = samples[:40], 10
if num_classes:
    by_column = [pictures[: min(4, fewest)] for pictures in by_class.values()]
    few, columns = np.concatenate(np.stack(by_column, axis=1)), len(by_column)
plot.save_page(
    args.out / "ddpm.png",
    [
        plot.Rows(
            {label: np.stack(images) for label, images in both_ways.items()},
            heads=[f"step {step}" if step == 0 else str(step) for step in shown_steps],
            title="Image to noise, and noise to a new image",
            note=note,
        ),
        plot.Grid(
            few,
            columns=columns,
            title="Samples" + (": a column for each label" if num_classes else ""),
        ),
        plot.Rows(
            {name: rows[name] for name in ("given", "generated", "again")},
            title="Inpainting: the lower half is generated",
        ),
    ],
)


# %%
# Evaluation, with a small classifier of real images
def train_evaluator():
    """Train a classifier of digits, or of the attributes of drawn faces."""
    if are_digits:
        num_evaluator_steps = min(500, args.steps)
        return run.evaluator(train_digit_classifier, train, labels, steps=num_evaluator_steps)
    attributes = np.stack([has_attribute(factors, a) for a in ATTRIBUTES], axis=1)
    num_evaluator_steps = min(1000, args.steps)
    return run.evaluator(train_attribute_classifier, train, attributes, steps=num_evaluator_steps)


figures = {}
if args.data.startswith("folder:"):
    print("The evaluators classify digits and drawn faces only: there is no Frechet distance.")
else:
    evaluator = train_evaluator()
    half = samples[: len(test) // 2]
    figures, table = evaluate_samples(evaluator, test, half, device=args.device)
    print(table)


def accuracy(images, labels):
    """Return the fraction of images that the evaluator classifies as their label."""
    predicted = evaluator.predict_proba(images, args.device).argmax(axis=1)
    return float((predicted == labels).mean())


if are_digits:
    n = min(2000, len(samples), len(test))
    near = train[:20_000] / 255
    for suffix, images, y in (("", samples, requested), ("_real", test, test_labels)):
        floats = images[:n] / 255
        figures["accuracy" + suffix] = accuracy(images, y)
        figures["within_class_distance" + suffix] = within_class_distance(floats, y[:n])
        nearest = nearest_neighbours(floats, near)[1]
        figures["nearest_distance" + suffix] = float(nearest.mean())
    print(
        "Classified as the requested digit: {accuracy:.1%} (real digits: {accuracy_real:.1%}). "
        "Distance within a class: {within_class_distance:.2f} (real: "
        "{within_class_distance_real:.2f}), to the nearest training digit: {nearest_distance:.2f} "
        "(real: {nearest_distance_real:.2f})".format(**figures)
    )
if num_scored:
    settings = {"device": args.device}
    figures["score"] = classification_accuracy_score(
        samples, requested, test, test_labels, **settings
    )
    figures["score_real"] = classification_accuracy_score(
        train, labels, test, test_labels, **settings
    )
    print(
        f"A classifier trained on {len(samples):,} samples alone has an accuracy of "
        f"{figures['score']:.2%} on real test digits (trained on real ones: "
        f"{figures['score_real']:.2%})"
    )
run.write_metrics(
    picture="ddpm.png",
    sampler=sampler,
    sampling_steps=sampling_steps,
    guidance_scale=guidance_scale,
    **figures,
)

# %% [markdown]
# ## What you should see
#
# The questions. From pure noise the network predicts a blurred mean of all images of the requested
# digit, whatever the noise. But x moves only a little towards it. At the next time x contains a
# trace of one particular digit, so the next prediction is a mean of fewer digits. Small differences
# of the noise grow into different digits. The parametrization matters: see the second table.
#
# `python demos/ddpm.py`, two minutes; 500 samples:
#
#                                                seed 0    seed 1    seed 2    real digits
#     classified as the requested digit          97.6 %    98.4 %    99.2 %    97.4 %
#     distance within a class, relative           0.87      0.87      0.87     1
#       to real digits
#     Frechet distance of the evaluator's         2.1       1.7       2.2      1.0
#       features
#
# After 8,000 steps (433 seconds of one core) these are 99.4 %, 0.89 and 1.8. `--trained` draws with
# the weights of that training.
#
# **The parametrization.** `--parametrization P --schedule S --steps 800 --guidance-scale 2`, seed
# 0:
#
#     predicted   schedule       classified     distance within   Frechet
#                                as requested   a class           distance
#     v           logistic       96.6 %         0.83               3.9
#     x0          logistic       98.0 %         0.77               4.0
#     eps         logistic       54.6 %         1.73              17.7
#     v           linear         91.2 %         0.83               5.3
#     eps         linear         39.6 %         1.29              17.8       as in 2020
#
# With eps and the logistic schedule, the first step spoils the samples: strip.png. Sampling
# starts at FIRST_FRACTION, where alpha is 0.0016. x_0 = (x_t - sigma eps) / alpha makes every error
# of eps 640 times as large there. With FIRST_FRACTION = 0.95 and `--resume`, alpha is 0.078 at the
# start. It helps, but not enough: 58.2 %, 1.19 and 13.1. The linear schedule has alpha = 0.0066 at
# the start. x0 and v need no division by alpha, and come out about equal.
#
# The changes:
#
# 1. Guidance (seed 0):
#
#        scale            classified     distance within   Frechet distance
#                         as requested   a class
#        1 (none)          88.4 %        0.91               1.8
#        1.5 (default)     97.6 %        0.87               2.1
#        2                100.0 %        0.85               4.7
#        3                100.0 %        0.81              12.5
#
#    Without guidance some digits fall apart. Guidance repairs them and costs variety. With a scale
#    of 1.5, as many samples as real digits, or more, are classified as requested. More is too much.
# 2. One step: 100 % are classified as requested, with 0.23 of the distance. It is the blurred mean
#    of the class, which any classifier recognizes. So the accuracy alone proves nothing: the
#    Frechet distance is 7.4.
# 3. Ancestral sampling: 98.6 %, 0.81 and 1.8. With so few steps, the small variance gives too
#    little variety.
#
# `--schedule cosine --steps 800 --guidance-scale 2`, seeds 0, 1 and 2: 92.2, 95.2 and 92.0 %, with
# Frechet distances of 5.9, 4.0 and 6.2. Both runs sample at the same times; only the training times
# differ. The cosine schedule draws t uniformly from 0 to pi/2. The logistic one draws half of all t
# between 0.49 and 0.78 of pi/2, where cosine has 29 %. At these noise levels the prediction
# determines the strokes of a digit. In a run of 800 steps it pays to give them more of the training
# examples.
