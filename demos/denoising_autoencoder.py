"""A denoising autoencoder is shown spoilt digits and must draw the clean ones (Vincent et al., 2008 and 2010).

Question to predict, before you run it: a pixel that is lost is lost; no filter brings back a number that is not there. Three kinds of damage await:
Gaussian noise on every pixel, half of all pixels blacked out, half of them replaced by black or white. Which will the network mend best, and which
worst? And where it cannot know, what will it draw: one of the possible digits, or all of them at once?

    python demos/denoising_autoencoder.py                  digits drawn by this package: no network, no GPU
    python demos/denoising_autoencoder.py --data mnist     the real ones
    python demos/denoising_autoencoder.py --level 0.7      more damage

It draws denoised.png (spoilt, restored, clean, for each kind of noise) and curves.png. One network learns all three kinds, a third of the steps each;
nobody tells it which kind it sees.

Three one-line changes, and what each should show:

1. `noise = NOISES["gaussian"]` in the loop: better at that, and helpless before what it never saw, salt and pepper most of all.
2. `loss = losses.absolute_error(x, model(spoilt)).mean()`: the median of what may have been there instead of its mean. Doubtful strokes are not grey now,
   they are there or missing.
3. `spoilt = x`, no noise in training: an ordinary autoencoder. It copies noise as well as it can, and its code is too narrow for most: some is lost by
   accident, as PCA would lose it.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, no_grad, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.autoencoder import (
    Autoencoder,
    gaussian_noise,
    masking_noise,
    salt_and_pepper_noise,
)

p = parser(__doc__, steps={"digits": 3000, "mnist": 6000}, takes={"digits": "about a minute", "mnist": "two minutes"}, batch=128)
p.add_argument("--level", type=float, default=0.5, help="deviation of the Gaussian noise, share of pixels lost or replaced (default: 0.5)")
args = parse(p)
if not 0 <= args.level <= 1:
    p.error(f"--level {args.level}: a share of pixels is from 0 to 1")
NOISES = {"gaussian": gaussian_noise, "masking": masking_noise, "salt and pepper": salt_and_pepper_noise}

# %% Data: bytes (n, 1, 28, 28), and labels, used for nothing but to show one digit of each kind
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
else:
    (train, _), (test, labels) = data.digits(20_000, seed=1), data.digits(2_000, seed=2)

# %% Model: its code is wide. What keeps it from copying is not a bottleneck: copying would not be right.
rng = default_rng(args.seed, args.device)
model = Autoencoder(128, (512, 256), rng=rng)
optimizer = optim.Adam(model.parameters(), lr=2e-3)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader, rng=rng)

# %% Training: spoilt in, clean asked for
for step in run.steps():
    x = to_device(next(loader), args.device) / np.float32(255)
    noise = NOISES[[*NOISES][step % 3]]
    spoilt = noise(x, args.level, rng)
    loss = losses.squared_error(x, model(spoilt)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 2e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(loss=loss)

# %% How good is it? Root mean square error a pixel. Beside it: the spoilt picture left alone, and the best linear filter, fitted for this one kind of
# noise (Wiener): what correlations between pixels can do, without knowing what a digit is.
evaluation = default_rng(args.seed + 1, args.device)  # its own, so that the figures do not depend on what was drawn before


def rms(a, b):
    return float(np.sqrt(((a - b) ** 2).mean(dtype=np.float64)))


def wiener(noise):
    """The linear map of spoilt pixels (and a constant) to clean ones, (785, 784), least squares over training digits."""
    clean = train[:5000] / np.float32(255)
    given = to_numpy(noise(to_device(clean, args.device), args.level, evaluation)).reshape(-1, 784)
    given = np.concatenate([given, np.ones((len(given), 1), np.float32)], axis=1)
    return np.linalg.solve(given.T @ given + 10 * np.eye(785, dtype=np.float32), given.T @ clean.reshape(-1, 784))


truth = test / np.float32(255)
one_each = np.array([np.flatnonzero(labels == k)[0] for k in range(10)])
figures, rows = {"test_examples": len(test)}, {}
for name, noise in NOISES.items():
    spoilt = noise(to_device(truth, args.device), args.level, evaluation)
    with no_grad():
        restored = np.concatenate([model(x).numpy() for x in np.array_split(spoilt, -(-len(test) // 500))]).clip(0, 1)
    spoilt = to_numpy(spoilt)
    linear = np.concatenate([spoilt.reshape(-1, 784), np.ones((len(test), 1), np.float32)], axis=1) @ wiener(noise)
    spoilt = spoilt.clip(0, 1)
    key = name.replace(" ", "_")
    figures |= {f"{key}_left_alone": rms(spoilt, truth), f"{key}_linear": rms(linear.clip(0, 1).reshape(truth.shape), truth), f"{key}_restored": rms(restored, truth)}
    rows |= {f"{name} noise": spoilt[one_each], " " * len(rows) + "restored": restored[one_each]}
    print(f"{name:16s} error a pixel {figures[f'{key}_left_alone']:.3f}, by the best linear filter {figures[f'{key}_linear']:.3f}, by the network "
          f"{figures[f'{key}_restored']:.3f}")  # fmt: skip

# %% Pictures
plot.save_rows(args.out / "denoised.png", rows | {"clean": truth[one_each]})
plot.save_curves(args.out / "curves.png", {"loss": (np.arange(args.steps), run.history["loss"])}, ylabel="squared error a digit")

run.write_metrics(picture="denoised.png", **figures)
