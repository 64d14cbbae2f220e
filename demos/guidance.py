# %% [markdown]
"""Classifier-free guidance, and how many steps a sampler needs.

Ho and Salimans, Classifier-Free Diffusion Guidance, 2022.

Question to predict before you run it: the network gives two outputs, one for
"an image" and one for "an image of a 4". Their difference points towards "4".
Guidance goes w times as far: w = 0 ignores the label, w = 1 is the conditional
model, w = 8 exaggerates the label. What will be better with w = 8, and what
will be worse? And: all samplers of the ODE solve the same equation for the
same network. Some need 100 steps for an image, others 10. What do the fast
ones use that Euler's method does not?

    python demos/guidance.py                digits drawn by this package: no
                                            download, no GPU
    python demos/guidance.py --data mnist   MNIST; also the quality of each
                                            sampler by its number of steps
    python demos/guidance.py --data folder:PATH --size 32
                                            your own pictures; the sub-folders
                                            are the classes

It draws
    guidance.png     the ten classes in columns, a row for each w; a column has
                     the same noise in all rows. Below, accuracy and variety of
                     the samples against w
    steps.png        one noise through each sampler, with few to many
                     evaluations of the network
    evaluations.png  the distance of ODE samplers from the exact solution, which
                     is taken from 200 evaluations by Heun's method
    curves.png       the loss

Accuracy is the fraction of samples that a digit classifier, trained on real
digits, classifies as the requested digit. Variety is the mean distance of
samples of one class, relative to real digits.

Three changes to try. With `--resume` the trained network is used as it is:

1. In `sampling_times`, `np.linspace(0.999, 0, steps + 1)[:-1] ** 2`: longer
   steps at the noise, shorter ones at the data.
2. `SCALES = (-1.0, ...)`: away from the class, as far as 1 goes towards it.
3. `partial(samplers.ddim, eta=1.0)` in SAMPLERS: fresh noise in each step.
"""

# %%
# Settings
from functools import partial

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import choose_examples, read_folder
from _run import Run

from tinygen import data, default_rng, losses, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.metrics import evaluate_samples, within_class_distance
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.diffusion import guidance, objectives, samplers
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import (
    cosine_schedule,
    karras_schedule,
    logistic_schedule,
    stratified_uniform,
)
from tinygen.models.diffusion.unet import UNet

p = parser(
    __doc__,
    steps={"digits": 800, "mnist": 6000, "folder:PATH": 6000},
    takes={"digits": "two minutes", "mnist": "ten minutes", "folder:PATH": "ten minutes"},
    batch=32,
    sizes={"folder:PATH": 32},
    valid_sizes=range(8, 257, 4),  # the network halves it twice
)
p.add_argument(
    "--compare",
    type=natural,
    metavar="N",
    help="measure the Frechet distance of N samples of each sampler, for each number of "
    "evaluations (default: no; for mnist 1,000)",
)
args = parse(p)
# It decides the evaluation alone. Removed from args, it may change when a run is resumed.
num_compared = vars(args).pop("compare")
if num_compared is None:
    num_compared = 1000 if args.data == "mnist" else 0
# The settings of training are those of ddpm.py, which gives the reasons.
LR = 2e-3  # learning rate at the first step
EMA_DECAY = 0.999  # of the averages of the weights
DROPPED = 0.1  # fraction of training examples without a label
SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)  # w
EVALUATIONS = (4, 8, 16, 32)  # of the network, for one sample
ODE_SAMPLERS = {
    "ddim": samplers.ddim,
    "euler": samplers.euler,
    "heun": samplers.heun,
    "edm": samplers.edm,
    "dpm_solver": samplers.dpm_solver,
}
SAMPLERS = {
    "small": samplers.ancestral,  # ancestral sampling, named after its variance
    "large": partial(samplers.ancestral, variance_weight=1.0),
    **ODE_SAMPLERS,
}
EVALUATIONS_PER_STEP = dict.fromkeys(SAMPLERS, 1) | {"heun": 2, "edm": 2}

# %%
# Data: bytes (n, C, H, W)
class_names, noun, are_digits = list("0123456789"), "digit", True
if args.data == "mnist":
    (train, labels), (test, test_labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, labels), (test, test_labels) = data.digits(20_000, seed=1), data.digits(1_000, seed=2)
else:
    noun, are_digits = "picture", False
    (train, labels), (test, test_labels), class_names = read_folder(args, needs_classes=True)
    if num_compared:
        p.error("--compare: its evaluator classifies digits only")
image_shape, num_classes = train.shape[1:], len(class_names)
if 2 * num_compared > len(test):
    p.error(f"--compare {num_compared}: needs twice as many real images, but there are {len(test)}")
loader = data.Loader(
    train,
    labels.astype(np.int64),
    batch_size=args.batch,
    seed=args.seed,
    transform=data.normalize,
)

# %%
# The network
rng = default_rng(args.seed, args.device)
network = UNet(
    image_shape[0],
    (32, 64),
    patch_size=2,
    attention=False,
    film=True,
    num_classes=num_classes,
    rng=rng,
)
optimizer = optim.Adam(network.parameters(), lr=LR, betas=(0.9, 0.99))
lr_schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
ema = optim.ExponentialMovingAverage(network, EMA_DECAY)

# %%
# Training, as in ddpm.py: the velocity, and one label in ten dropped
run = Run(args, network=network, optimizer=optimizer, ema=ema, loader=loader, rng=rng)
batches = loader.forever()
for step in run.steps():
    lr_schedule.set(step)
    # (N, C, H, W), from -1 to 1, and (N,)
    x0, y = (to_device(a, args.device) for a in next(batches))
    t = logistic_schedule(stratified_uniform(args.batch, rng))  # (N,)
    eps = rng.normal(x0.shape)
    x_t = VARIANCE_PRESERVING.q_sample(x0, eps, t)
    v = VARIANCE_PRESERVING.velocity(x0, eps, t)
    y = guidance.drop_labels(y, network.null_label, DROPPED, rng=rng)
    loss = losses.squared_error(network(x_t, t, y), v).mean() / x0[0].size  # per number
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update()
    run.log(loss=loss)
training_steps = np.arange(args.steps)
plot.save_curves(args.out / "curves.png", {"loss": (training_steps, run.history["loss"])})


# %%
# Sampling with any guidance scale, sampler and number of steps
def sampling_times(steps):
    """Return the times of the cosine schedule, from noise to data."""
    fractions = np.linspace(0.999, 0, steps + 1)[:-1]
    return [*(cosine_schedule(float(u)) for u in fractions), 0.0]


def sample(y, noise, scale=1.0, sampler=samplers.dpm_solver, steps=12):
    """Return images (n, C, H, W) for labels y and noise, from -1 to 1 or a little beyond."""
    times = karras_schedule(steps) if sampler is samplers.edm else sampling_times(steps)
    num_batches = -(-len(y) // 250)
    samples = []
    with ema.average_parameters():
        for i in range(num_batches):
            rows = slice(250 * i, 250 * (i + 1))
            guided_network = guidance.classifier_free_guidance(
                network, to_device(y[rows], args.device), network.null_label, scale
            )
            denoise = objectives.denoiser(guided_network, "v")
            step_rng = default_rng(args.seed + 2, args.device)
            samples.append(to_numpy(sampler(denoise, noise[rows], times, rng=step_rng)))
    return np.concatenate(samples)


def sample_with_evaluations(y, noise, name, num_evaluations):
    """Sample with as many steps as give this number of evaluations of the network."""
    steps = num_evaluations // EVALUATIONS_PER_STEP[name]
    return sample(y, noise, sampler=SAMPLERS[name], steps=steps)


if are_digits:
    print("Training the evaluator ...", flush=True)
    num_evaluator_steps = min(500, args.steps)
    evaluator = train_digit_classifier(train, labels, steps=num_evaluator_steps, device=args.device)
else:
    print("The evaluator classifies digits only: the classes of the samples are not measured.")
sampling_rng = default_rng(args.seed + 1, args.device)
requested, noise = np.arange(100) % min(num_classes, 50), sampling_rng.normal((100, *image_shape))

# %%
# Guidance: accuracy and variety
print("Sampling ...", flush=True)
figures, rows, accuracies, distances = {}, {}, [], []
real, real_labels = test[:1000], test_labels[:1000]
if not are_digits:  # there may be few test pictures of a class
    examples = choose_examples(labels, 1000)
    real, real_labels = train[examples], labels[examples]
real_distance = within_class_distance(real / 255, real_labels)
for w in SCALES:
    images = data.denormalize(sample(requested, noise, w))
    distances.append(within_class_distance(images, requested) / real_distance)
    rows[f"w = {w:g}"] = images[:10]
    figures[f"within_class_distance_w{w:g}"] = distances[-1]
    text = f"  w = {w:3g}: "
    if are_digits:
        predicted = evaluator.predict_proba(images, args.device).argmax(axis=1)
        accuracies.append(float((predicted == requested).mean()))
        figures[f"accuracy_w{w:g}"] = accuracies[-1]
        text += f"{accuracies[-1]:.1%} are classified as the requested digit; "
    print(f"{text}distance within a class: {distances[-1]:.2f} of real {noun}s'")
if not are_digits:
    print(f"The columns are {', '.join(class_names[k] for k in requested[:10])}")
samples_by_scale = plot.Rows(
    rows,
    heads=class_names if are_digits else (),
    title="The same noise, with weak to strong guidance w",
    note="Prediction: w \u00d7 (for the digit above) + (1 \u2212 w) \u00d7 (for any)",
)
curves = {}
if are_digits:
    curves["right digit"] = (np.array(SCALES), np.array(accuracies))
curves["variety"] = (np.array(SCALES), np.array(distances))
by_scale = plot.Curves(
    curves,
    smooth=False,
    direct=True,
    ylim=(0, 1.1),
    ylabel=f"relative to real {noun}s" if not are_digits else "fraction",
    xlabel="guidance scale w",
    title="Accuracy is paid for with variety",
    note=f"Variety: how far {noun}s of one class are apart (real {noun}s: 1)",
    height=320,
)

# %%
# Samplers: from the same noise, the distance from the exact solution
ten, ten_noise = requested[:10], noise[:10]
solution = sample(ten, ten_noise, sampler=samplers.heun, steps=100)
errors, strips = {}, {}
for name in SAMPLERS:
    results = [sample_with_evaluations(ten, ten_noise, name, n) for n in EVALUATIONS]
    strips[name] = np.stack([data.denormalize(x[3 % len(x)]) for x in (*results, solution)])
    if name in ODE_SAMPLERS:  # the others have other results, by their noise
        errors[name] = [float(np.sqrt(((x - solution) ** 2).mean())) for x in results]
        for n, error in zip(EVALUATIONS, errors[name], strict=True):
            figures[f"{name}_{n}"] = error
title = f"After {', '.join(map(str, EVALUATIONS))} evaluations, and exact (right)"
plot.save_rows(args.out / "steps.png", strips, title=title)
NAMES = {"ddim": "DDIM", "euler": "Euler", "heun": "Heun", "dpm_solver": "DPM-Solver"}
plot.save_curves(
    args.out / "evaluations.png",
    # EDM needs more evaluations, and would compress the others.
    {label: (np.array(EVALUATIONS), np.array(errors[name])) for name, label in NAMES.items()},
    smooth=False,
    direct=True,
    log="xy",
    xlabel="evaluations of the network",
    ylabel="distance from the exact sample",
    title="Samplers of the ODE, by evaluations of the network",
)
plot.save_page(args.out / "guidance.png", [samples_by_scale, by_scale])
print(f"Distance from the solution of the ODE after {', '.join(map(str, EVALUATIONS))} evaluations")
for name, values in errors.items():
    print(f"  {name:10s} " + " ".join(f"{e:.4f}" for e in values))

# %%
# Quality of the samples, close to the solution or not: their Frechet distance
if num_compared:
    many, many_noise = (
        np.arange(num_compared) % 10,
        sampling_rng.normal((num_compared, *image_shape)),
    )
    # one half of the real images is compared with the samples, and with the other half
    real = test[: 2 * num_compared]
    print(
        f"Frechet distance of {num_compared:,} samples from real images after as many evaluations"
    )
    for name in SAMPLERS:
        frechet = []
        for n in EVALUATIONS:
            images = data.denormalize(sample_with_evaluations(many, many_noise, name, n))
            measures, _ = evaluate_samples(evaluator, real, images, device=args.device)
            frechet.append(measures["evaluator_frechet"])
            figures[f"frechet_{name}_{n}"] = frechet[-1]
        print(f"  {name:10s} " + " ".join(f"{d:7.3f}" for d in frechet), flush=True)
    figures["frechet_floor"] = measures["evaluator_frechet_floor"]
    print(f"  {'real':10s} {figures['frechet_floor']:7.3f}")
run.write_metrics(picture="guidance.png", **figures)

# %% [markdown]
# ## What you should see
#
# The questions. With a large w the requested digit is recognized more often, and variety falls. So
# "more often recognized" is not "better". The fast samplers of the ODE use how its velocity
# changes: Heun's method evaluates it at both ends of a step, DPM-Solver remembers the last step.
#
# `python demos/guidance.py`, two minutes, seed 0 (with the seeds 1 and 2, 80 and 76 % for w = 1):
#
#     w                                        0      1      2      4      8
#     classified as the requested digit       11 %   69 %   96 %  100 %  100 %    (by chance 10 %)
#     distance within a class, relative       0.95   0.88   0.79   0.72   0.67
#       to real digits
#
# Distance from the solution of the ODE with 32 evaluations, and what part of the distance with 16
# it is, with the seeds 0, 1 and 2:
#
#     Euler         0.021  48 %      0.064  74 %      0.022  50 %
#     DDIM          0.021  47 %      0.067  74 %      0.027  52 %
#     Heun          0.020  41 %      0.022  42 %      0.020  44 %
#     DPM-Solver    0.009  38 %      0.012  19 %      0.010  39 %
#
# Halving short steps halves the error of a first-order method (Euler, DDIM) and quarters that of a
# second-order one. With seed 1 the steps of Euler's method and DDIM are not yet short enough for
# this. DPM-Solver comes near this range. Heun's method does not: it evaluates the network twice per
# step, so it takes half as many steps. With 4 evaluations it is further away than Euler's method,
# 0.27 and 0.18. EDM's own times begin far out in the noise. Two or four such steps are useless (66
# and 1.2); sixteen are enough (0.03 to 0.05).
#
# The three changes (seed 0):
#
# 1. Heun's method gains with 4 evaluations (0.20), 16 (0.033 instead of 0.049) and 32 (0.010
#    instead of 0.020), and loses with 8 (0.11 instead of 0.09). All other samplers with these times
#    lose: with 8 evaluations the distance of DPM-Solver is 0.10 instead of 0.06.
# 2. Not one of 100 samples is classified as requested; by chance ten would be. Some are digits of
#    other classes, the others are none.
# 3. The distance is 0.51 to 0.59 for every number of evaluations. Fresh noise leads to other
#    images, of the same distribution.
