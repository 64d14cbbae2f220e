"""StyleGAN draws faces: a style for each layer, mixed and drawn towards the mean (Karras, Laine and Aila, 2019; Karras et al., 2020).

Question to predict, before you run it: a face is made by a row of layers, from 4 pixels to 32, and each is told by a style what to do. Take the styles of one
face at the first layers and those of another at the others: whose shape of head will it have, whose glasses, whose colours?

    python demos/stylegan.py                             faces drawn by this package: no network, no GPU
    python demos/stylegan.py --adain                     as in 2019: styles act by instance normalization, not on weights; without path penalty
    python demos/stylegan.py --evaluate                     the samples held against real faces, too: a minute more
    python demos/stylegan.py --size 64 --steps 5000      larger faces: half an hour of one core

It draws mixing.png, the paper's table: each row is a face (at its left), each column another (above), whose styles it takes at the sizes that stand beside the
row; truncation.png (styles drawn towards their mean: fewer kinds of face, and better ones), samples.png and curves.png. With --evaluate, a small
classifier of real faces says how often it sees glasses, beards, hats, age and smiles in the samples, and in real faces; and which of them go over to a face with
another one's styles, at which sizes.

Three one-line changes, and what each should show (with `--steps 1500 --evaluate`, where unchanged the Frechet distance is 12.3, with seed 1 10.0, of real
faces 0.13; by default 19.4, and faces still have streaks):

1. `MIXING = 0`: no mixtures while it learns. 17.3; and in the table some mixtures are blotched: no layer had to do with another one's styles.
2. `GAMMA, PATH, EVERY = 1.0, 0.0, 8`, without the path penalty. 14.2; and paths of a step in w deviate from their mean length by 42 %, not by 26.
3. `"strength": 1.0`: the strength of the noise learns as fast as everything else. 26.3.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.losses import minimax_value, non_saturating, path_length, r1
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.stylegan import StyleDiscriminator, StyleGenerator, mix

p = parser(__doc__, steps={"faces": 950}, takes={"faces": "two minutes"}, batch=8)
p.add_argument("--size", type=int, choices=[32, 64], default=32, help="height and width of a picture (default: 32)")
p.add_argument("--adain", action="store_true", help="as in 2019: adaptive instance normalization in place of demodulated weights, and no path penalty")
p.add_argument("--evaluate", action="store_true", help="hold the samples against real faces too: a minute more, also after the fact, with --resume")
args = parse(p)
evaluate = vars(args).pop("evaluate")  # no setting of the training
if args.batch % 4:
    p.error(f"--batch {args.batch}: D compares groups of 4 pictures; give a multiple of 4")
LATENT, RATE = 64, 0.015
PACE = {"mapping": 0.1, "strength": 0.01, "": 1.0}  # G's mapping network learns more slowly than the rest, the strength of its noise more slowly still
CHANNELS = {32: (32, 24, 16, 8), 64: (48, 32, 24, 16, 8)}[args.size]
GAMMA, PATH, EVERY = 1.0, 0.5, 8  # of the penalties R1 and path length, and every how many steps
GAMMA *= (args.size / 32) ** 2  # the same picture on four times the pixels: the square of D's slope is a quarter
MIXING = 0.5  # share of pictures made with two styles
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %% Data: bytes (n, 3, size, size)
print("Drawing faces ...", flush=True)
factors, test_factors = sample_aligned_factors(12_000, seed=1), sample_aligned_factors(4_000, seed=2)
train, test = render(factors, args.size), render(test_factors, args.size)

# %% The two networks
rng = default_rng(args.seed, args.device)
G, D = StyleGenerator(LATENT, CHANNELS, adain=args.adain, rng=rng), StyleDiscriminator(CHANNELS, rng=rng)
parts = {part: [] for part in PACE}
for name, weight in G.named_parameters():
    parts[next(part for part in PACE if part in name)].append(weight)
optimizers_g = {part: optim.Adam(weights, betas=(0, 0.99)) for part, weights in parts.items()}
optimizer_d = optim.Adam(D.parameters(), betas=(0, 0.99))
ema = optim.ExponentialMovingAverage(G, decay=0.98)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
lengths = nn.Module()
lengths.register_buffer("mean", to_device(np.zeros((), np.float32), args.device))  # of paths, running


def styles(n):
    """n pictures' styles, (n, layers, LATENT): of two z, changing from one to the other at any layer, or not at all."""
    w1, w2 = (G.styles(rng.normal((n, LATENT))) for _ in range(2))
    change = rng.integers(1, G.layers, (n, 1)) + G.layers * rng.bernoulli(1 - MIXING, (n, 1))
    return mix(w1, w2, to_device(np.arange(G.layers), args.device) >= change)


# %% Training: a step of each in turn
of_g = {f"optimizer_g_{part}": optimizer for part, optimizer in optimizers_g.items()}
run = Run(args, G=G, D=D, optimizer_d=optimizer_d, **of_g, ema=ema, loader=loader, rng=rng, lengths=lengths)
for step in run.steps():
    rate = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer_d.lr = rate
    x = to_device(next(loader), args.device) / np.float32(127.5) - 1
    fake = G.synthesis(styles(args.batch), G.noise(args.batch, rng))
    verdicts = D(ops.concatenate(x, fake.detach()))
    loss_d = -minimax_value(verdicts[: args.batch], verdicts[args.batch :]).mean()
    penalty = EVERY * GAMMA * r1(D, x).mean() if step % EVERY == 0 else 0  # dear, being a second derivative: seldom, and so much the heavier
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()
    D.requires_grad_(False)  # only G's gradients
    loss_g = non_saturating(D(fake)).mean()
    G.zero_grad()
    loss_g.backward()
    D.requires_grad_(True)
    if step % EVERY == 0 and not args.adain:  # of 2020
        half = args.batch // 2
        noise, y = G.noise(half, rng), rng.normal((half, *fake.shape[1:])) / args.size
        paths = path_length(lambda w: G.synthesis(w, noise), styles(half), y)
        lengths.mean[...] = lengths.mean.data + (0.1 if step else 1) * (paths.data.mean() - lengths.mean.data)
        (EVERY * PATH * ((paths - lengths.mean.data) ** 2).mean()).backward()
    for part, optimizer in optimizers_g.items():
        optimizer.lr = PACE[part] * rate
        optimizer.step()
    ema.update()
    run.log(discriminator=loss_d, generator=loss_g, path=lengths.mean.data + 0)

# %% Samples, by the generator's average. Truncated: w between its mean and its own value
numpy_rng = np.random.default_rng(args.seed)


def of_styles(w):
    """Styles (n, LATENT) or (n, layers, LATENT) to pictures from 0 to 1, with the same noise each time: what differs is in the styles."""
    picture_noise = default_rng(args.seed + 1, args.device)
    with ema.average_parameters(), no_grad():
        x = np.concatenate([G.synthesis(c, G.noise(len(c), picture_noise)).numpy() for c in (w[i : i + 250] for i in range(0, len(w), 250))])
    return np.clip(x / 2 + 0.5, 0, 1)


with ema.average_parameters(), no_grad():
    w = G.styles(to_device(numpy_rng.normal(size=(10_000, LATENT)).astype(np.float32), args.device)).data
mean, w = w.mean(axis=0), w[: len(test) // 2]
fakes = of_styles(w)
plot.save_grid(args.out / "samples.png", fakes[:100], title="Made of random numbers")
plot.save_rows(args.out / "truncation.png", {f"psi = {psi:g}": of_styles(mean + psi * (w[:10] - mean)) for psi in (1, 0.7, 0.5, 0.25, 0, -0.5)})
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), run.history[name]) for name in ("discriminator", "generator")})

# %% How even is w? A step of one length in it should move the picture equally far from everywhere, and whichever way (models/stylegan.py; losses.path_length)
with ema.average_parameters():
    picture_noise = default_rng(args.seed + 2, args.device)
    noise, y = G.noise(200, picture_noise), picture_noise.normal((200, 3, args.size, args.size)) / args.size
    paths = path_length(lambda w: G.synthesis(w, noise), w[:200], y).numpy()
print(f"Paths of a step in w: {paths.mean():.2f} long in the mean, with a deviation of {paths.std() / paths.mean():.0%} of that")

# %% The table of mixtures: each row is a face, each column another, whose styles it takes at some layers
BANDS = {"4 and 8": (0, 3), "16": (3, 5), f"{'32' if args.size == 32 else '32 and 64'}": (5, G.layers)}  # pixels: layers
layer = to_device(np.arange(G.layers), args.device)


def mixed(a, b, band):
    """Pictures of styles a with those of b in a band of layers."""
    low, high = BANDS[band]
    return of_styles(mix(a, b, ((layer >= low) & (layer < high))[None].repeat(len(a), axis=0)))


own = of_styles(w[:14])
table = {"": np.concatenate([np.ones_like(own[:1]), own[:8]])}
for i, band in zip(range(8, 14), (name for name in BANDS for _ in range(2)), strict=True):
    table[f"{band} px from above" + " " * (i % 2)] = np.concatenate([own[i : i + 1], mixed(w[i : i + 1].repeat(8, axis=0), w[:8], band)])
plot.save_rows(args.out / "mixing.png", table)

# %% Judged by a small classifier of the real ones; beside it what real pictures get
def small(pictures):
    """Bytes or 0 to 1 to 32 pixels of 0 to 1."""
    n, by = len(pictures), args.size // 32
    pictures = pictures / np.float32(255) if pictures.dtype == np.uint8 else pictures
    return pictures.reshape(n, 3, 32, by, 32, by).mean(axis=(3, 5))


figures = {"path_deviation": float(paths.std() / paths.mean())}
if evaluate:
    print("Training the evaluator ...", flush=True)
    there = np.stack([has_attribute(factors, a) for a in ATTRIBUTES], axis=1)
    evaluator = train_attribute_classifier(small(train), there, steps=min(1000, args.steps), device=args.device)
    found, table = evaluate_samples(evaluator, small(test), small(fakes), device=args.device)
    figures |= found
    print(table)
    seen, real = (evaluator.predict(small(x), args.device) for x in (fakes, test[::2]))
    print("  share with " + ", ".join(f"{a} {s:.0%} (of real faces {r:.0%})" for a, s, r in zip(ATTRIBUTES, seen.mean(axis=0), real.mean(axis=0), strict=True)))
    figures |= {f"{end}{a}": float(s) for end, x in (("fraction_", seen), ("fraction_real_", real)) for a, s in zip(ATTRIBUTES, x.mean(axis=0), strict=True)}

    # Which layers decide? Of pairs that differ in an attribute, the share of mixtures that have it as the one who lent the styles
    print("Taken over with the styles at")
    for band in BANDS:
        lent, shares = evaluator.predict(small(mixed(w[:500], w[500:1000], band)), args.device), {}
        for k, a in enumerate(ATTRIBUTES):
            differ = seen[:500, k] != seen[500:1000, k]
            if differ.any():
                shares[a] = figures[f"lent_{a}_{band.replace(' ', '_')}"] = float((lent[differ, k] == seen[500:1000, k][differ]).mean())
        print(f"  {band:>9s} pixels: " + ", ".join(f"{a} {share:.0%}" for a, share in shares.items()))

run.write_metrics(picture="mixing.png", **figures)
