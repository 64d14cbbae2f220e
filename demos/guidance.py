"""A diffusion model told which digit, and told louder: guidance without a classifier; and how many steps a sampler needs (Ho and Salimans, 2022).

Question to predict, before you run it: the network gives two answers, one for "a picture", one for "a picture of a 4". Their difference points towards
"4". Go w times as far: with w = 0 the label is ignored, with w = 1 it is heeded, with w = 8 it is shouted. What will be better with w = 8, and what
worse? And with one network, hence one ordinary differential equation, some samplers need 100 steps for a picture and others 10: what do the fast ones
know that Euler does not?

    python demos/guidance.py                    digits drawn by this package: no network, no GPU
    python demos/guidance.py --data mnist       real ones; and how good each sampler's pictures are by its number of steps

It draws guidance.png, the ten classes in columns, a row for each w, the noise in a column the same; weights.png, what is read as asked for, and how far
samples of a class lie from each other, against w; steps.png, one noise through each sampler with few to many evaluations of the network; and
evaluations.png: how far each of the samplers of the ODE is from its exact solution, pictures that took 200 evaluations, and curves.png. With --compare, how good
each sampler's pictures are.

w = 0 is read as asked for in 9 % (by chance 10), 1 in 77 %, 2 in 97 %, 4 in 99 %, 8 in 100 %; the distance within a class falls from 0.99 of real digits'
to 0.87, 0.78, 0.71, 0.67. So "better read" is not "better". 32 evaluations instead of 16 leave Euler and DDIM 46 % of their distance from the solution
(0.035 and 0.038), Heun 49 % (0.023), DPM-Solver 26 % (0.011). Short steps made half as long leave Euler and DDIM a half, the others, which know how the
slope changes, a quarter: DPM-Solver is there; Heun, which evaluates twice a step and so takes half as many, is not. With 4 it is further off than Euler,
0.30 and 0.22. EDM's own levels begin far out in the noise; two or four of them are of no use (68 and 1.4), and sixteen are (0.038).

Three one-line changes, and what each should show; with `--resume` what was learned is taken as it is:

1. `np.linspace(0.999, 0, steps + 1)[:-1] ** 2` in `levels`, longer steps first: Heun gains a little with 4 evaluations, 0.29, and with 32, 0.017,
   and loses between. All else that takes these levels loses, DPM-Solver most: with 32 it is 0.025 off, not 0.011.
2. `WEIGHTS = (-1.0, ...)`, away from the class as far as 1 goes towards it: not one of 100 is read as asked for, by chance 10 would be. They are
   digits, of other classes.
3. `partial(samplers.ddim, eta=1.0)`, noise afresh at each step: 0.54 to 0.65 from the solution however many evaluations there are. It ends elsewhere:
   the same distribution, another picture.
"""

# %% Settings
from functools import partial

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.metrics import evaluate_samples, within_class_distance
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.diffusion import guidance, objectives, samplers
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, cosine_schedule, karras_schedule, logistic_schedule, stratified_uniform
from tinygen.models.diffusion.unet import UNet

p = parser(__doc__, steps={"digits": 800, "mnist": 30_000}, takes={"digits": "two minutes", "mnist": "within an hour"}, batch=32)
p.add_argument("--compare", type=natural, metavar="N",
               help="hold N samples of each sampler, for each number of steps, against real pictures (default: not; 1,000 for mnist)")  # fmt: skip
args = parse(p)
compared = vars(args).pop("compare") or (1000 if args.data == "mnist" else 0)  # no setting of the training
RATE, DECAY = 2e-3, 0.99 if args.steps < 2000 else 0.999
WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)
EVALUATIONS = (4, 8, 16, 32)
SAMPLERS = {"small": samplers.ancestral, "large": partial(samplers.ancestral, variance=1.0), "ddim": samplers.ddim, "euler": samplers.euler,
            "heun": samplers.heun, "edm": samplers.edm, "dpm_solver": samplers.dpm_solver}  # the first two are ancestral, by their variance  # fmt: skip
TWICE = ("heun", "edm")  # these evaluate the network twice a step

# %% Data: bytes (n, 1, 28, 28)
both = (data.mnist("train"), data.mnist("test")) if args.data == "mnist" else (data.digits(20_000, seed=1), data.digits(1_000, seed=2))
(train, labels), (test, test_labels) = both
if 2 * compared > len(test):
    p.error(f"--compare {compared}: it takes twice as many real pictures, and there are {len(test)}")
loader = data.Loader(train, labels.astype(np.int64), batch_size=args.batch, seed=args.seed)

# %% Training, as in ddpm.py: the velocity, and one label in ten withheld
rng = default_rng(args.seed, args.device)
network = UNet(1, (32, 64), patch=2, attention=False, film=True, classes=10, rng=rng)
optimizer = optim.Adam(network.parameters(), betas=(0.9, 0.99))
average = optim.ExponentialMovingAverage(network, DECAY)
run = Run(args, network=network, optimizer=optimizer, average=average, loader=loader, rng=rng)
for step in run.steps():
    pixels, y = (to_device(a, args.device) for a in next(loader))
    x0, t = pixels / np.float32(127.5) - 1, logistic_schedule(stratified_uniform(args.batch, rng))
    eps = rng.normal(x0.shape)
    y = guidance.drop_labels(y, network.none, 0.1, rng=rng)
    loss = losses.squared_error(network(VARIANCE_PRESERVING.q_sample(x0, eps, t), t, y), objectives.target("velocity", x0, eps, t)).mean() / 784
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    average.update()
    run.log(loss=loss)

# %% Sampling with any weight, sampler and number of steps
def levels(steps):
    return [*(cosine_schedule(float(u)) for u in np.linspace(0.999, 0, steps + 1)[:-1]), 0.0]


def drawn(y, noise, weight=1.0, sampler=samplers.dpm_solver, steps=12):
    """Pictures (n, 1, 28, 28), from -1 to 1 or a little beyond, for labels y and noise (n, 1, 28, 28)."""
    made, spaced = [], karras_schedule(steps) if sampler is samplers.edm else levels(steps)  # EDM has a spacing of its own
    with average.average_parameters():
        for i in range(0, len(y), 250):
            denoise = objectives.denoiser(guidance.classifier_free_guidance(network, to_device(y[i : i + 250], args.device), network.none, weight), "velocity")
            made.append(to_numpy(sampler(denoise, noise[i : i + 250], spaced, rng=default_rng(args.seed + 2, args.device))))
    return np.concatenate(made)


def visible(x):
    return (np.clip(x, -1, 1) + 1) / 2


print("Training the judge ...", flush=True)
evaluator = train_digit_classifier(train, labels, steps=min(500, args.steps), device=args.device)
source = default_rng(args.seed + 1, args.device)
asked, noise = np.arange(100) % 10, source.normal((100, 1, 28, 28))

# %% Guidance: what is gained, and what is lost
print("Sampling ...", flush=True)
figures, shown, by_weight = {}, {}, {"agreement": [], "spread": []}
real = within_class_distance(test[:1000] / 255, test_labels[:1000])
for w in WEIGHTS:
    x = visible(drawn(asked, noise, w))
    shown[f"w = {w:g}"] = x[:10]
    by_weight["agreement"].append(float((evaluator.predict_proba(x, args.device).argmax(axis=1) == asked).mean()))
    by_weight["spread"].append(within_class_distance(x, asked) / real)
    figures |= {f"{name}_w{w:g}": values[-1] for name, values in by_weight.items()}
    print(f"  w = {w:3g}: read as asked for {by_weight['agreement'][-1]:.1%}, distance within a class {by_weight['spread'][-1]:.2f} of real digits'")
plot.save_rows(args.out / "guidance.png", shown)
plot.save_curves(args.out / "weights.png", {"read as asked for": (np.array(WEIGHTS), np.array(by_weight["agreement"])),
                 "distance within a class, of real digits'": (np.array(WEIGHTS), np.array(by_weight["spread"]))}, smooth=False, ylabel="share", xlabel="w")  # fmt: skip

# %% Samplers: from one noise, how near to the exact solution after so many evaluations of the network?
few = slice(0, 10)
solution = drawn(asked[few], noise[few], sampler=samplers.heun, steps=100)
table, strips = {}, {}
for name, sampler in SAMPLERS.items():
    found = [drawn(asked[few], noise[few], sampler=sampler, steps=n // (1 + (name in TWICE))) for n in EVALUATIONS]
    strips[name] = np.stack([*(visible(x[3]) for x in found), visible(solution[3])])
    if name not in ("small", "large"):  # these end elsewhere
        table[name] = [float(np.sqrt(((x - solution) ** 2).mean())) for x in found]
        figures |= {f"{name}_{n}": e for n, e in zip(EVALUATIONS, table[name], strict=True)}
plot.save_rows(args.out / "steps.png", strips)
plot.save_curves(args.out / "evaluations.png", {name: (np.array(EVALUATIONS), np.array(e)) for name, e in table.items()}, smooth=False, log="xy",
                 xlabel="evaluations of the network", ylabel="root mean square distance from the solution")  # fmt: skip
print("Distance from the ODE's solution after " + ", ".join(map(str, EVALUATIONS)) + " evaluations:")
for name, errors in table.items():
    print(f"  {name:10s} " + " ".join(f"{e:.4f}" for e in errors))

# %% And how good are the pictures, whether near the solution or not? Frechet distances by a judge's features
if compared:
    many, start, halves = np.arange(compared) % 10, source.normal((compared, 1, 28, 28)), test[: 2 * compared]
    print(f"Frechet distance of {compared:,} samples to real pictures after as many evaluations:")
    for name, sampler in SAMPLERS.items():
        distances = []
        for n in EVALUATIONS:
            x = visible(drawn(many, start, sampler=sampler, steps=n // (1 + (name in TWICE))))
            found, _ = evaluate_samples(evaluator, halves, x, device=args.device)
            distances.append(found["evaluator_frechet"])
            figures[f"frechet_{name}_{n}"] = distances[-1]
        print(f"  {name:10s} " + " ".join(f"{d:7.3f}" for d in distances), flush=True)
    figures["frechet_floor"] = found["evaluator_frechet_floor"]
    print(f"  {'real':10s} {figures['frechet_floor']:7.3f}")

plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})
run.write_metrics(picture="guidance.png", **figures)
