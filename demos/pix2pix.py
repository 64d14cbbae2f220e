"""From a drawing to a face, from a map to a house: pairs of pictures, and the loss that nobody wrote down (Isola, Zhu, Zhou and Efros, 2017).

Question to predict, before you run it: of faces only the edges are given, and nothing in them says what colour hair or wall had. One network learns to come
as near to the right face as it can, in the mean absolute error; another has in addition a discriminator to please. Which of the two comes nearer, in that very
error? Which faces would you rather have? And what does the first one do about a colour that it cannot know?

    python demos/pix2pix.py                              edges of faces, drawn by this package: no network, no GPU
    python demos/pix2pix.py --data folder:PATH           your own pairs, side by side in one picture: the right half is given, the left to be made
                                                         (a map of few colours); PATH/train and PATH/test, or of PATH every tenth for testing

It draws pairs.png (what is given, what L1 alone makes of it, what pix2pix makes, the right answer), again.png (the same drawings again and again: the dropout is the
noise) and curves.png. All pictures are of the test split.

Measured on it: the mean absolute error; what a judge, trained on real pictures, reads in those that were made (of faces glasses, beard, hat, age, smile; of a folder's
photographs what each pixel is, against the map that was given: the paper's FCN score); and the Frechet distance of its features to those of real pictures. Beside
each stands what the right answers get, and what the one picture gets that is nearest to all.

Three one-line changes, and what each should show (with `--steps 1500`, where unchanged the error is 0.057, of L1 alone 0.055, the Frechet distance 4.4, of L1
alone 8.5, of real faces 0.4, and precision 65 %; by default errors 0.061 and 0.059, distances 6.7 and 9.6):

1. `LAMBDA = 0`: the discriminator alone, which sees the pair, has to say that this face is of this drawing. It does: error 0.070, and the
   distance is *less*, 3.4, with more kinds of face (recall 80 %, not 59); but look at the grain (precision 55 %): the distance does not see that.
2. `HALVINGS = 2`: patches of 18 pixels, each judged by itself. 7.3, error 0.056: whole faces are nobody's business, and colours stay near those of L1 alone.
3. `GAMMA, EVERY = 0.003, 8`: a discriminator with hardly a penalty. 4.8, precision 56 %, error 0.064: colours more daring, with grain that its steep slope asks for.
"""

# %% Settings
from pathlib import Path

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, grad, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors
from tinygen.data.segmentation import find_palette, label_pixels
from tinygen.losses import minimax_value, non_saturating, r1
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_attribute_classifier, train_segmentation_evaluator
from tinygen.models.pix2pix import PatchDiscriminator, UNet, mean_error

p = parser(
    __doc__, steps={"faces": 800, "folder:PATH": 3000}, batch=8,
    takes={"faces": "two minutes", "folder:PATH": "within an hour at 64 pixels"},
)  # fmt: skip
p.add_argument("--size", type=int, choices=[32, 64, 128], help="height and width of a picture (default: 32, of a folder's 64)")
p.add_argument("--width", type=natural, help="channels at half the size; each smaller one has twice as many (default: half of --size)")
args = parse(p)
args.size = args.size or (32 if args.data == "faces" else 64)
args.width = args.width or args.size // 2
LAMBDA = 20  # of the error, beside D's verdict; the paper's is 100
RATE, DROPOUT = 2e-3, 0.1
HALVINGS = 3  # from the picture to the map of D's verdicts, each of which is on a patch of 38 pixels
GAMMA, EVERY = 0.1, 8  # of the penalty R1, on the sum of D's verdicts and divided by their number; and every how many steps
GAMMA *= (args.size / 32) ** 2  # the same on four times the pixels: the square of D's slope is a quarter
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %% Pairs: x is given and y to be made, bytes (n, channels, size, size)
if args.data == "faces":
    print("Drawing faces ...", flush=True)
    factors, test_factors = sample_aligned_factors(8_000, seed=1), sample_aligned_factors(2_000, seed=2)
    y, test_y = render(factors, args.size), render(test_factors, args.size)
    x, test_x = data.edges(y), data.edges(test_y)
else:
    path = Path(args.data[7:])
    if (path / "train").is_dir() and (path / "test").is_dir():
        halves, test_halves = (data.paired_folder(path / part, args.size) for part in ("train", "test"))
    else:
        both = data.paired_folder(path, args.size)
        tenth = np.arange(len(both[0])) % 10 == 9
        halves, test_halves = [a[~tenth] for a in both], [a[tenth] for a in both]
    (y, x), (test_y, test_x) = halves, test_halves
    things = find_palette(x[:1000])
    if len(test_x) < 12:
        p.error(f"--data {args.data}: {len(x)} pairs to learn from and {len(test_x)} to be tested on; at least 12 are needed for that")
print(f"{len(x):,} pairs to learn from, {len(test_x):,} to be tested on")

# %% The networks: G plays against D, `alone` has the L1 loss and nothing else
rng = default_rng(args.seed, args.device)
colours = (x.shape[1], y.shape[1])
G, alone = (UNet(*colours, args.size, args.width, DROPOUT, rng=rng) for _ in range(2))
D = PatchDiscriminator(sum(colours), 32, HALVINGS, rng=rng)
optimizer_g, optimizer_d = (optim.Adam(network.parameters(), betas=(0, 0.99)) for network in (G, D))
optimizer_alone = optim.Adam(alone.parameters())
ema = optim.ExponentialMovingAverage(G, decay=0.99)
loader = data.Loader(x, y, batch_size=args.batch, seed=args.seed)
run = Run(
    args, G=G, D=D, alone=alone, optimizer_g=optimizer_g, optimizer_d=optimizer_d, optimizer_alone=optimizer_alone, ema=ema, loader=loader, rng=rng,
)  # fmt: skip


def scaled(images):
    """Bytes to -1 to 1."""
    return to_device(images, args.device) / np.float32(127.5) - 1


# %% Training
weights, patches = [*G.parameters()], (args.size >> HALVINGS) ** 2
for step in run.steps():
    optimizer_g.lr = optimizer_d.lr = optimizer_alone.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    pair = next(loader)
    if args.data != "faces" and step % 2:
        pair = [half[..., ::-1] for half in pair]  # few photographs: mirrored they are more
    a, b = map(scaled, pair)
    fake = G(a)
    loss_d = -minimax_value(D(a, b), D(a, fake.detach())).mean()
    penalty = EVERY * GAMMA * r1(lambda b, a=a: D(a, b), b).mean() / patches if step % EVERY == 0 else 0  # seldom, and so much the heavier
    optimizer_d.zero_grad()
    (loss_d + penalty).backward()
    optimizer_d.step()

    verdict, error = non_saturating(D(a, fake)).mean(), mean_error(b, fake)
    for w, g in zip(weights, grad(verdict + LAMBDA * error, weights), strict=True):
        w.grad = g
    optimizer_g.step()
    ema.update()

    error_alone = mean_error(b, alone(a))
    optimizer_alone.zero_grad()
    error_alone.backward()
    optimizer_alone.step()
    run.log(discriminator=loss_d, generator=verdict, L1=error, L1_alone=error_alone)


# %% What they make of the test split. G keeps its dropout, which is its noise; alone answers without, which is the nearer to the right picture.
def made(network, given):
    """Bytes (n, channels, size, size) to pictures from 0 to 1; G's are by its average."""
    with no_grad(), ema.average_parameters():
        return np.concatenate([network(scaled(part)).numpy() for part in np.array_split(given, -(-len(given) // 250))]) / 2 + 0.5


def small(pictures):
    """Bytes or 0 to 1 to 0 to 1, faces of 64 pixels to the 32 at which their judge looks."""
    by = args.size // 32
    pictures = pictures / np.float32(255) if pictures.dtype == np.uint8 else pictures
    return pictures.reshape(len(pictures), 3, 32, by, 32, by).mean(axis=(3, 5))


def colour(images):
    """Grey or coloured bytes to colour from 0 to 1."""
    return np.repeat(images, 3 // images.shape[1], axis=1) / np.float32(255)


alone.eval()
drawn, truth = {"L1 alone": made(alone, test_x), "pix2pix": made(G, test_x)}, test_y / np.float32(255)
few = slice(0, 12)
plot.save_rows(args.out / "pairs.png", {"given": colour(test_x[few])} | {name: pictures[few] for name, pictures in drawn.items()} | {"right answer": truth[few]})
plot.save_rows(args.out / "again.png", {"given": colour(test_x[few])} | {" " * k: made(G, test_x[few]) for k in range(1, 6)})
plot.save_curves(args.out / "curves.png", {k: (np.arange(args.steps), run.history[k]) for k in ("L1", "L1_alone")}, ylabel="mean absolute error, of -1 to 1")

# %% How near are they to the right answer? Beside them the one picture that is nearest to all: in each pixel the median.
drawn["the median picture"] = np.repeat(np.median(y[:2000], axis=0)[None] / np.float32(255), len(truth), axis=0)
figures = {}
for name, pictures in drawn.items():
    figures[f"l1_{name}"] = float(np.abs(pictures - truth).mean(dtype=np.float64))
    print(f"Mean absolute error, of a number from 0 to 1: {figures[f'l1_{name}']:.4f}  {name}")

# %% What a judge sees in them, trained on real pictures; beside it what it sees in the right answers
print("Training the judge ...", flush=True)
drawn["right answer"] = truth
if args.data == "faces":
    attributes, asked = (np.stack([has_attribute(f, a) for a in ATTRIBUTES], axis=1) for f in (factors, test_factors))
    evaluator = train_attribute_classifier(small(y), attributes, steps=min(1000, args.steps), device=args.device)
    drawn = {name: small(pictures) for name, pictures in drawn.items()}
    right = {name: (evaluator.predict(pictures, args.device) == asked).mean(axis=0) for name, pictures in drawn.items()}
    columns = ATTRIBUTES
else:
    evaluator = train_segmentation_evaluator(y, label_pixels(x, things), steps=min(1500, args.steps), device=args.device)
    asked = label_pixels(test_x, things)
    read = {name: evaluator.predict(pictures, args.device) for name, pictures in drawn.items()}
    there = np.unique(asked)
    right = {name: [(r == asked).mean(), *[(r == k)[asked == k].mean() for k in there]] for name, r in read.items()}
    columns = ["all pixels", *[f"#{bytes(c).hex()}" for c in things[there]]]
print("The judge reads as what was asked for: " + ", ".join(columns))
for name, shares in right.items():
    figures |= {f"evaluator_{column}_{name}": float(share) for column, share in zip(columns, shares, strict=True)}
    print("  " + " ".join(f"{share:6.1%}" for share in shares) + f"  {name}")

# %% How far are they from real pictures, as a whole? One half of the test split's drawings, made, against the real pictures of the other half
even = min(len(truth), 2000 if args.data == "faces" else 500) // 2 * 2  # of a folder's photographs each gives 16 rows of features
for name in ("L1 alone", "pix2pix"):
    found, _ = evaluate_samples(evaluator, drawn["right answer"][:even], drawn[name][1:even:2], device=args.device)
    figures |= {f"{key}_{name}": value for key, value in found.items() if not key.endswith("_floor")} | {k: v for k, v in found.items() if k.endswith("_floor")}
    print("Frechet distance {evaluator_frechet:.3g} (real: {evaluator_frechet_floor:.3g}), precision {evaluator_precision:.1%} ({evaluator_precision_floor:.1%}), recall "
          "{evaluator_recall:.1%} ({evaluator_recall_floor:.1%})".format(**found) + f"  {name}")  # fmt: skip

run.write_metrics(picture="pairs.png", **{key.replace(" ", "_"): value for key, value in figures.items()})
