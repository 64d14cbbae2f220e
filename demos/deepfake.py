"""A deepfake: one encoder, two decoders, and one person in the place of another (the method: models/deepfake.py).

Question to predict, before you run it: an encoder and two decoders learn from pictures of two people, each decoder from its own person alone. They are never
shown both in the same pose: no picture of A belongs to one of B. Then a picture of A goes through the encoder and through *B's* decoder. Who will appear,
A, B or a mixture? And doing what: the same as A, or anything?

    python demos/deepfake.py                        two people drawn by this package: no network, no GPU
    python demos/deepfake.py --size 64
    python demos/deepfake.py --data folder:PATH     two sub-folders of photographs, a person each, all framed alike

**What this may not be used for.** To make real people appear to do or say what they did not: not to deceive, mock, shame, undress or threaten, not for
money or votes, not to pass for someone. In many countries that is a crime, and it harms those shown even where it is not. Use it on drawn people, on
yourself, or on people who have agreed to just this use, and mark whatever it makes as made.

It draws swaps.png (A in ten moments, given back, with B in A's place, and the truth: B drawn in the same moments; then the reverse) and curves.png.

That truth is known because these people are drawn: a person is an *identity* (proportions, skin, hair) and what they wear, and a moment is a *state* (turn
of the head, smile, mouth, lids, gaze, light), seven numbers; heads are upright, as the method turns them first. Two kinds of figures come out, of moments
that were not trained on. The error of a swap over that of the best constant answer, the other's mean picture; beside it, what the other's decoder makes of
the other's own picture. And what a reader sees, a network taught on drawings of A, of B and of people mixed of both: each number of the state to an eighth of
its range (a constant is right in a quarter; gaze where the eyes are open), and who it is.

Unchanged, seed 0: errors of 0.34 and 0.34, of the other's own 0.30 and 0.30. It is always the other person; turn, lids and light are read right in 90 to 100 %,
the smile in 56 %. The corners of a mouth are few pixels, and these networks have not learned them yet, in their own pictures neither.

Three one-line changes, and what each should show (with `--steps 300`, where the unchanged script gives 0.48 and 0.50):

1. After `mean = ...`, `mean = [sum(mean) / 2] * 2`, one mean for both: 0.65 and 0.67, though each is given back as well as before. Now the encoder sees who it is.
2. `[[18, 13]]` in place of `[[24, 8]]`, a light face and a dark one, whose pictures the same state changes alike by 0.4 and not 0.7: 0.79 and 0.87.
3. `NOISE, LAST = 0.0, 1.0`: 0.49 and 0.51, hardly more. But with the people of change 2 (at a noise of 0, in 320 steps): 1.1 to 1.3, worse than a constant.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, nn, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import FACTORS, render, sample_factors
from tinygen.metrics.evaluators import train_state_regressor
from tinygen.models.autoencoder import Autoencoder, gaussian_noise
from tinygen.models.deepfake import Deepfake

p = parser(
    __doc__, steps={"faces": 2000, "folder:PATH": 2000}, takes={"faces": "two minutes", "folder:PATH": "a minute"}, batch=32,
)  # fmt: skip
p.add_argument("--size", type=int, choices=[32, 64], default=32, help="height and width of a picture (default: 32)")
args = parse(p)
LATENT, HIDDEN, RATE = 32, (256, 256), 6e-3
NOISE, LAST = 4.0, 0.02  # on what the encoder sees, whose deviation is 1; and the share of it that is left at the end
NAMES = ("A", "B")
STATE = [name for name, factor in FACTORS.items() if factor.group == "state" and name not in ("tilt", "night")]
drawn = args.data == "faces"

# %% Data: bytes (n, 3, size, size) of each person, for training and for tests


def moments(person, n, seed):
    """Factors of n pictures of one person, or of n people, upright and by day: each number of the state is uniform over its range."""
    numpy_rng, factors = np.random.default_rng(seed), np.resize(person, n)
    for name in STATE:
        factors[name] = numpy_rng.uniform(FACTORS[name].low, FACTORS[name].high, n)
    return factors


def portraits(factors):
    """Their faces, cut out of pictures half as large again, as the method cuts faces out of photographs."""
    rim = args.size // 4
    return render(factors, 6 * rim)[..., rim:-rim, rim:-rim]


if drawn:
    print("Drawing two people ...", flush=True)
    people = sample_factors(25, seed=3)[[24, 8]]
    people["glasses"] = people["tilt"] = people["night"] = 0
    train_states = [moments(people[k], 4000, seed=k + 1) for k in (0, 1)]
    test_states = [moments(people[k], 500, seed=3) for k in (0, 1)]  # the same moments for both
    train, test = ([portraits(factors) for factors in states] for states in (train_states, test_states))
else:
    images, whose = data.folder(args.data.removeprefix("folder:"), args.size)
    if whose.max() != 1:
        p.error(f"--data {args.data}: has {whose.max() + 1} sub-folder(s) with pictures; give two, a person each")
    every = [images[whose == k] for k in (0, 1)]
    if (fewest := min(map(len, every))) < args.batch + 10:
        p.error(f"--data {args.data}: one person has {fewest} pictures; give {args.batch + 10} or more of each, ten of them for tests, or a smaller --batch")
    train, test = ([pictures[part] for pictures in every] for part in (np.s_[:-10], np.s_[-10:]))

# %% What the encoder sees: how a picture differs from the person's mean picture, in units of that person's deviation
mean = [(pictures.mean(axis=0) / 255).astype(np.float32) for pictures in train]
deviation = [np.float32((pictures[:1000] / np.float32(255) - m).std()) for pictures, m in zip(train, mean, strict=True)]


def seen(pictures, person):
    """Bytes (n, 3, size, size) as the networks want them."""
    return to_device((pictures / np.float32(255) - mean[person]) / deviation[person], args.device)


def shown(y, person):
    """And back: pictures from 0 to 1."""
    return (y.numpy() * deviation[person] + mean[person]).clip(0, 1)


# %% The networks
rng = default_rng(args.seed, args.device)
model = Deepfake(*(Autoencoder(LATENT, HIDDEN, train[0].shape[1:], rng=rng) for _ in NAMES), device=args.device)
nn.init.kaiming_normal_(model, rng)
optimizer = optim.Adam(model.parameters(), lr=RATE)
loaders = [data.Loader(pictures, batch_size=args.batch, seed=args.seed + k) for k, pictures in enumerate(train)]
run = Run(args, model=model, optimizer=optimizer, loader_a=loaders[0], loader_b=loaders[1], rng=rng)

# %% Training: each person's pictures through the one encoder, and back through their own decoder. The noise makes it listen to what both have in common.
for step in run.steps():
    left = {}
    for person, name in enumerate(NAMES):
        x = seen(next(loaders[person]), person)
        spoilt = gaussian_noise(x, NOISE * optim.cosine_decay(step, steps=args.steps, final_factor=LAST), rng)
        left[name] = losses.squared_error(x, model(spoilt, person)).mean() / x[0].size  # the share of the variance that is not given back
    optimizer.zero_grad()
    (left["A"] + left["B"]).backward()
    optimizer.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(**left)
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), run.history[name]) for name in NAMES}, ylabel="share of the variance not given back")

# %% The swap, on pictures that were not trained on
model.eval()
with no_grad():
    own = [shown(model(seen(test[k], k), k), k) for k in (0, 1)]
    swap = [shown(model.swap(seen(test[k], k), k), 1 - k) for k in (0, 1)]  # swap[0]: B in A's place
true = [pictures / np.float32(255) for pictures in test]
rows = {}
for k, (name, other) in enumerate([NAMES, NAMES[::-1]]):
    rows |= {name: true[k][:10], f"{name} given back": own[k][:10], f"{other} for {name}": swap[k][:10]}
    rows |= {f"{other} drawn so": true[1 - k][:10]} if drawn else {}
plot.save_rows(args.out / "swaps.png", rows)


def rms(a, b):
    return float(np.sqrt(((a - b) ** 2).mean(dtype=np.float64)))


figures = {f"own_{name}": rms(own[k], true[k]) / rms(mean[k], true[k]) for k, name in enumerate(NAMES)}
if drawn:
    a, b = (seen(pictures, k) for k, pictures in enumerate(test))
    figures["alike"] = float((a * b).sum() / ((a * a).sum() * (b * b).sum()) ** 0.5)
    figures |= {f"{NAMES[1 - k]}_for_{NAMES[k]}": rms(swap[k], true[1 - k]) / rms(mean[1 - k], true[1 - k]) for k in (0, 1)}
    print("Error over a constant's: B for A {B_for_A:.2f} (B itself {own_B:.2f}), A for B {A_for_B:.2f} (A itself {own_A:.2f}). The same state changes both "
          "people's pictures alike by {alike:.2f} (1: the same)".format(**figures))  # fmt: skip
else:
    print("Error of a picture given back, over a constant's: A {own_A:.2f}, B {own_B:.2f}".format(**figures))

# %% What a reader sees in them; pictures of 64 pixels are made small for it
if drawn:
    print("Training the reader ...", flush=True)

    def small(pictures):
        n, by = len(pictures), args.size // 32
        return pictures.reshape(n, 3, 32, by, 32, by).mean(axis=(3, 5), dtype=np.float32) / (255 if pictures.dtype == np.uint8 else 1)

    def numbers(factors, *who):
        """What is to be read, from 0 to 1: the state, whether it is A, whether it is B."""
        state = [(factors[name] - FACTORS[name].low) / (FACTORS[name].high - FACTORS[name].low) for name in STATE]
        return np.stack([*state, *(np.full(len(factors), w) for w in who)], axis=1).astype(np.float32)

    mixed = moments(people, 4000, seed=4)  # who they are: each thing from A or from B
    numpy_rng = np.random.default_rng(4)
    for name, factor in FACTORS.items():
        if factor.group != "state":
            mixed[name] = np.where(numpy_rng.random(len(mixed)) < 0.5, *people[name])
    lessons = np.concatenate([small(portraits(mixed)), small(train[0]), small(train[1])])
    truths = np.concatenate([numbers(mixed, 0, 0), numbers(train_states[0], 1, 0), numbers(train_states[1], 0, 1)])
    regressor = train_state_regressor(lessons, truths, steps=min(1200, args.steps), device=args.device)
    goal, open_eyes = numbers(test_states[0], 0, 0), test_states[0]["blink"] < 0.5
    print(f"{'read right':18s}" + "".join(f"{name:>11s}" for name in (*STATE, "who")))
    for label, pictures, who in (("A drawn", true[0], 0), ("B drawn", true[1], 1), ("B for A", swap[0], 1), ("A for B", swap[1], 0)):
        read = regressor.predict(small(pictures), args.device)
        right = np.abs(read - goal) <= 1 / 8
        shares = {name: float(right[open_eyes if "gaze" in name else ..., k].mean()) for k, name in enumerate(STATE)}
        shares["who"] = float(((read[:, -2:] > 0.5) == (who == np.arange(2))).all(axis=1).mean())
        print(f"{label:18s}" + "".join(f"{share:>11.1%}" for share in shares.values()))
        figures |= {f"{name}_{label.replace(' ', '_')}": share for name, share in shares.items()}

run.write_metrics(picture="swaps.png", **figures)
