"""Progressive growing: faces of 4, 8, 16, 32 pixels, by networks that grow (Karras, Aila, Laine and Lehtinen, 2018).

Question to predict, before you run it: what does a face look like in 4x4 pixels, and what can be learned from it? And when a block for the next size is added:
will the same z still give the same person, or does each size begin anew?

    python demos/pggan.py                                faces drawn by this package: no network, no GPU
    python demos/pggan.py --game wgan-gp                 the paper's critic, in place of log-likelihoods and R1
    python demos/pggan.py --evaluate                        the samples held against real faces, too: a minute more
    python demos/pggan.py --size 64 --steps 12000        larger faces: half an hour of one core

It draws growing.png (a column for each z, a row for each size: what the generator made of it when it had learned that size), samples.png and curves.png. With --evaluate, a
small classifier of real faces says how often it sees glasses, beards, hats, age and smiles in the samples, and in real faces, and how far apart the two are.

What differs most from the paper by default: the game, whose penalty R1 is computed at every eighth step alone, where a gradient penalty is needed at each; and
the rate, 0.02 where it has 0.001, for thousands of steps are made here and not hundreds of thousands.

Three one-line changes, and what each should show (with `--steps 2300 --evaluate`, where unchanged the Frechet distance is 16.3, with seed 1 20.1, of real
faces 0.13; by default 23.7, and eyes still come and go):

1. `LENGTHS = [0, 0, 0, args.steps]` with `--steps 1600 --evaluate`, which takes about as long: without growing, all steps with the largest pictures (and growing.png has
   one row). 16.3, no worse: growing pays where the largest pictures cost hundreds of times what the smallest do; here a step costs six times as much.
2. `size, alpha = stage(step, LENGTHS)[0], 1.0`, without fade-in: a new block, which knows nothing, in the place of the old network's end.
   21.5; and from one size to the next many a z becomes somebody else.
3. `betas=(0.9, 0.99)`, Adam's usual momentum: 80, and no faces, but posts and blots from 8 pixels on.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.losses import gradient_penalty, minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.pggan import PGDiscriminator, PGGenerator, faded, stage

p = parser(__doc__, steps={"faces": 1600}, takes={"faces": "two minutes"}, batch=8)
p.add_argument("--size", type=int, choices=[32, 64], default=32, help="height and width of the last pictures (default: 32)")
p.add_argument("--game", choices=["r1", "wgan-gp"], default="r1", help="log-likelihoods with the penalty R1, or the paper's critic (default: r1)")
p.add_argument("--evaluate", action="store_true", help="hold the samples against real faces too: a minute more, also after the fact, with --resume")
args = parse(p)
evaluate = vars(args).pop("evaluate")  # no setting of the training
if args.batch % 4:
    p.error(f"--batch {args.batch}: D compares groups of 4 pictures; give a multiple of 4")
LATENT, RATE = 64, 0.02
GAMMA, EVERY = 0.3, 8  # of the penalty R1, and every how many steps
GAMMA *= (args.size / 32) ** 2  # the same picture on four times the pixels: the square of D's slope is a quarter
LAMBDA, DRIFT = 10, 0.001  # of the paper's
CHANNELS = {32: (32, 32, 16, 12), 64: (48, 48, 32, 16, 8)}[args.size]
SHARES = {32: (0.08, 0.2, 0.3, 0.42), 64: (0.03, 0.12, 0.25, 0.3, 0.3)}[args.size]  # of the steps, at 4, 8, 16 ... pixels
LENGTHS = [round(args.steps * share) for share in SHARES]
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %% Data: bytes (n, 3, size, size)
print("Drawing faces ...", flush=True)
factors, test_factors = sample_aligned_factors(12_000, seed=1), sample_aligned_factors(4_000, seed=2)
train, test = render(factors, args.size), render(test_factors, args.size)


def small(pictures, size):
    """Pictures (n, 3, height, width), bytes or numbers, in size x size: means of squares, from 0 to 1."""
    n, colours, height, _ = pictures.shape
    scale = np.float32(255 if pictures.dtype == np.uint8 else 1)
    return pictures.reshape(n, colours, size, height // size, size, height // size).mean(axis=(3, 5), dtype=np.float32) / scale


# %% The two networks, built for all sizes; what is not in use yet sleeps
rng = default_rng(args.seed, args.device)
G, D = PGGenerator(LATENT, CHANNELS, rng=rng), PGDiscriminator(CHANNELS, rng=rng)
optimizer_g, optimizer_d = (optim.Adam(network.parameters(), betas=(0, 0.99)) for network in (G, D))
ema = optim.ExponentialMovingAverage(G, decay=0.98)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
kept = nn.Module()  # ten pictures, of the same z, at the end of each size
z_kept = default_rng(args.seed + 1).normal((10, LATENT))
kept.register_buffer("pictures", np.zeros((len(LENGTHS), 10, 3, args.size, args.size), np.float32))


def made(z, size=args.size):
    """z (n, LATENT) to pictures from 0 to 1, by the generator's average."""
    with ema.average_parameters(), no_grad():
        x = np.concatenate([G(to_device(c.astype(np.float32), args.device), size).numpy() for c in np.array_split(z, -(-len(z) // 250))])
    return np.clip(x / 2 + 0.5, 0, 1)


# %% Training: one step of each in turn
run = Run(args, G=G, D=D, optimizer_g=optimizer_g, optimizer_d=optimizer_d, ema=ema, loader=loader, rng=rng, kept=kept)
half = args.steps // 2  # until then the rate is constant: later sizes have much to learn
for step in run.steps():
    size, alpha = stage(step, LENGTHS)
    optimizer_g.lr = optimizer_d.lr = RATE * optim.cosine_decay(max(step - half, 0), steps=args.steps - half)
    x = faded(to_device(2 * small(next(loader), size) - 1, args.device), alpha)
    fake = G(rng.normal((args.batch, LATENT)), size, alpha)
    verdicts = D(ops.concatenate(x, fake.detach()), alpha)
    real, false = verdicts[: args.batch], verdicts[args.batch :]
    if args.game == "r1":
        loss_d = -minimax_value(real, false).mean()
        penalty = EVERY * GAMMA * r1(lambda x: D(x, alpha), x).mean() if step % EVERY == 0 else 0  # dear: seldom, and so much the heavier
    else:
        loss_d = (false - real).mean() + DRIFT * (real**2).mean()  # a critic's height means nothing, and should not wander off
        penalty = LAMBDA * gradient_penalty(lambda x: D(x, alpha), x, fake, rng.uniform((args.batch,))).mean()
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()
    D.requires_grad_(False)  # only G's gradients
    verdict = D(fake, alpha)
    loss_g = non_saturating(verdict).mean() if args.game == "r1" else -verdict.mean()
    optimizer_g.zero_grad()
    loss_g.backward()
    optimizer_g.step()
    D.requires_grad_(True)
    ema.update()
    run.log(discriminator=loss_d, generator=loss_g)
    if step + 1 == args.steps or stage(step + 1, LENGTHS)[0] != size:
        kept.pictures.data[G.sizes.index(size)] = made(z_kept, size).repeat(args.size // size, axis=2).repeat(args.size // size, axis=3)

# %% Pictures
numpy_rng = np.random.default_rng(args.seed)
fakes = made(numpy_rng.normal(size=(len(test) // 2, LATENT)))
plot.save_grid(args.out / "samples.png", fakes[:100], title="Made of random numbers")
plot.save_rows(args.out / "growing.png", {f"{s} pixels": pictures for s, pictures in zip(G.sizes, kept.pictures.numpy(), strict=True)})
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})

# %% Judged by a small classifier of the real ones; beside it what real pictures get
figures = {}
if evaluate:
    print("Training the evaluator ...", flush=True)
    there = np.stack([has_attribute(factors, a) for a in ATTRIBUTES], axis=1)
    evaluator = train_attribute_classifier(small(train, 32), there, steps=min(1000, args.steps), device=args.device)
    test, fakes = small(test, 32), small(fakes, 32)
    figures, table = evaluate_samples(evaluator, test, fakes, device=args.device)
    print(table)
    seen, real = evaluator.predict(fakes, args.device).mean(axis=0), evaluator.predict(test[::2], args.device).mean(axis=0)
    print("  share with " + ", ".join(f"{a} {s:.0%} (of real faces {r:.0%})" for a, s, r in zip(ATTRIBUTES, seen, real, strict=True)))
    figures |= {f"{end}{a}": float(s) for end, shares in (("fraction_", seen), ("fraction_real_", real)) for a, s in zip(ATTRIBUTES, shares, strict=True)}

run.write_metrics(picture="growing.png", **figures)
