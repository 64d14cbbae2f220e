"""VAE or IWAE? The importance weighted autoencoder (Burda, Grosse and Salakhutdinov, 2015) at equal steps, and at equal time.

Question to predict, before you run it: IWAE decodes k codes for each picture where a VAE decodes one, to raise a tighter bound of the same
log-likelihood. After as many steps it should be the better model. But its step takes longer: given as much *time*, which one wins?

    python demos/iwae.py                  k = 10, digits drawn by this package
    python demos/iwae.py --data mnist --k 50 --latent-dim 50 --hidden 400 400 --batch 100 --steps 20000 --warmup-fraction 0.5 --vae-updates 3 --num-test 10000
                                          the paper's k and measure, and wider networks: up to two hours in all; see the README's table

Three models are trained side by side: IWAE-k; a VAE with as many steps; and a VAE with `--vae-updates` as many, about what fits into IWAE's time (the time of each
is measured at the end and printed: choose --vae-updates by it). All three are judged by one number, log p(x) of test digits in nats by 5000 samples, which is
comparable, as the bounds they are trained by are not. Differences are taken picture by picture: their standard error is far smaller than that of
the figures themselves. It draws bounds.png, the bound L_k of each model for k = 1 to 5000: at the left the ELBO, at the right nearly log p(x); how far
the line climbs is what the encoder of that model misses of the posterior. And samples.png, a row from each.

Three one-line changes, and what each should show (log p(x) with --steps 1000, where the unchanged script has -95.7 for IWAE-10 and -96.4 for the VAE with
equal steps: 0.7 +- 0.5 nats apart, picture by picture, too little to tell; the VAE with twice the steps has -90.6):

1. In `update`, `loss = -losses.iwae_bound(log_weights(models[i], x, eps)).mean()`, with eps the k draws: all of them go backwards, not one chosen by its
   share. The same gradient in the mean and less noise: -94.7, now 1.8 +- 0.5 before the VAE; by point 3, not much more than chance. With k = 50 a step takes
   twice as long.
2. In that line, `log_weights(...).mean(axis=0)` in place of the bound: the mean of ten ELBOs is an ELBO with less noise. -95.4, as good as
   IWAE: what there is of an advantage may be the smaller noise alone. Its own ELBO is -100.9, where IWAE's was -107.0: IWAE trades the ELBO for the likelihood.
3. `--k 1`: IWAE-1 is a VAE whose KL is estimated by the same draw and not computed. -97.1, the VAE beside it -97.6, and that same VAE was at -96.4 before:
   runs that differ in their noise alone differ by a nat or so, what a difference of models has to exceed. The printed errors are over test digits, for
   these very weights.
"""

# %% Settings
import time

import numpy as np
from _command_line import fraction, natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.models.iwae import estimate_log_likelihood, log_weights, resample
from tinygen.models.vae import VAE, elbo

p = parser(__doc__, steps={"digits": 2000, "mnist": 10_000}, takes={"digits": "a minute", "mnist": "four to six minutes"}, batch=50)
p.add_argument("--k", type=natural, default=10, help="draws for each picture in IWAE's bound (default: 10)")
p.add_argument("--vae-updates", type=natural, default=2, help="steps that the second VAE makes for one of IWAE's (default: 2, about equal time at k = 10)")
p.add_argument("--warmup-fraction", type=fraction, default=0.0, help="first part of the steps, 0 to 1, in which IWAE makes do with k = 1 (default: 0)")
p.add_argument("--latent-dim", type=natural, default=20, help="dimensions of z (default: 20)")
p.add_argument("--hidden", type=natural, nargs="+", default=[200], help="units of the hidden layers (default: 200)")
p.add_argument("--num-test", type=natural, default=50, help="test digits to estimate log p(x) of (default: 50; for figures to compare, all)")
args = parse(p)

# %% Data
if args.data == "mnist":
    (train, _), (test, _) = data.mnist("train"), data.mnist("test")
else:
    (train, _), (test, _) = data.digits(20_000, seed=1), data.digits(1_000, seed=2)
test = test[: args.num_test]

# %% Three models that begin with the same weights, each with its own optimizer and its own order of the data
names = [f"IWAE-{args.k}", "VAE, equal steps", f"VAE, {args.vae_updates} times the steps"]
updates = [1, 1, args.vae_updates]  # a step
rng = default_rng(args.seed, args.device)
models = nn.ModuleList([VAE(args.latent_dim, args.hidden, mean=train.mean(axis=0) / 255, rng=default_rng(args.seed, args.device)) for _ in names])
optimizers = [optim.Adam(model.parameters(), lr=3e-3) for model in models]
loaders = [data.Loader(train, batch_size=args.batch, seed=args.seed) for _ in names]
run = Run(
    args, models=models, rng=rng,
    **{f"optimizer{i}": o for i, o in enumerate(optimizers)}, **{f"loader{i}": each for i, each in enumerate(loaders)},
)  # fmt: skip


def black_and_white(images, rng):
    return rng.bernoulli(to_device(images, args.device) / np.float32(255))


def update(i, step):
    """One step of model i; minus the bound that it raises."""
    x = black_and_white(next(loaders[i]), rng)
    if i == 0 and step >= args.warmup_fraction * args.steps:
        bound, chosen = resample(models[i], x, rng.normal((args.k, len(x), args.latent_dim)), rng=rng)
        loss = -log_weights(models[i], x, chosen).mean()  # not the bound, but its gradient in the mean
    else:
        bound, _ = elbo(models[i], x, rng.normal((len(x), args.latent_dim)))
        loss, bound = -bound.mean(), bound.data
    optimizers[i].zero_grad()
    loss.backward()
    optim.clip_grad_norm_(optimizers[i].parameters, 200)  # usually 50; one odd digit with log sigma^2 = 15 has e^15 in its KL
    optimizers[i].step()
    return -bound.mean()


# %% Training
for step in run.steps():
    logged = {}
    for i, name in enumerate(names):
        optimizers[i].lr = 3e-3 * optim.cosine_decay(step, steps=args.steps)
        for _ in range(updates[i]):
            logged[name] = update(i, step)
    run.log(**logged)

# %% Judging: L_k for growing k on the same binarized test digits, up to 5000, where it stands for log p(x)
evaluation = default_rng(args.seed + 1, args.device)
x = black_and_white(test, evaluation)
ks = [1, 5, 50, 500, 5000]
estimates = [[estimate_log_likelihood(model, x, k, rng=default_rng(args.seed + 2, args.device)) for k in ks] for model in models]
figures, keys = {"test_examples": len(test)}, ["iwae", "vae_equal_steps", "vae_more_steps"]
for i, name in enumerate(names):
    best = estimates[i][-1]
    difference = best.values - estimates[0][-1].values
    error = difference.std(ddof=1) / len(difference) ** 0.5 if len(difference) > 1 else 0.0
    print(f"{name:26s} log p(x) {best.mean:8.2f} +- {best.standard_error:.2f}, less IWAE's {difference.mean():+6.2f} +- {error:.2f}; ELBO {estimates[i][0].mean:8.2f}")
    key = keys[i]
    figures |= {f"{key}_log_likelihood": best.mean, f"{key}_standard_error": best.standard_error, f"{key}_elbo": estimates[i][0].mean,
                f"{key}_less_iwae": float(difference.mean()), f"{key}_less_iwae_standard_error": float(error)}  # fmt: skip

# %% Pictures
plot.save_curves(
    args.out / "bounds.png",
    {name: (np.array(ks), np.array([e.mean for e in estimates[i]])) for i, name in enumerate(names)},
    xlabel="samples k of the bound", ylabel="L_k, nats a digit", smooth=False, log="x",
)  # fmt: skip
z = to_device(np.random.default_rng(args.seed).normal(size=(12, args.latent_dim)).astype(np.float32), args.device)
with no_grad():
    plot.save_rows(args.out / "samples.png", {name: ops.sigmoid(model.decode(z)).numpy() for name, model in zip(names, models, strict=True)})
plot.save_curves(
    args.out / "curves.png",
    {name: (np.arange(args.steps), values) for name, values in run.history.items()},
    ylabel="minus the bound each is trained by, nats",
)  # fmt: skip

# %% How long do their steps take? Measured last, since it changes the models.
for i in range(3):
    start = time.perf_counter()
    for step in np.linspace(0, args.steps, 30, endpoint=False):
        for _ in range(updates[i]):
            float(update(i, step))
    figures[f"{keys[i]}_ms"] = 1e3 * (time.perf_counter() - start) / 30
print("Time of a step: " + ", ".join(f"{name} {figures[k + '_ms']:.1f} ms" for name, k in zip(names, keys, strict=True)))
run.write_metrics(picture="bounds.png", **figures)
