# %% [markdown]
"""A deepfake: one encoder, two decoders, and the face of another person.

Lecture: deepfake, an application (tinygen/models/deepfake.py explains it).

Question to predict before you run it: an encoder and two decoders learn from
pictures of two people, each decoder from its own person alone. No picture of A
is paired with a picture of B. Then a picture of A goes through the encoder and
through the decoder *of B*. Who will appear, A, B or a mixture? And doing what:
the same as A, or something else?

    python demos/deepfake.py                        two people drawn by this
                                                    package
    python demos/deepfake.py --size 64              larger pictures
    python demos/deepfake.py --data folder:PATH     two sub-folders with
                                                    photographs of one person
                                                    each, all framed alike

**What this may not be used for.** Do not use it to make real people appear to
do or say what they did not: not to deceive, mock, shame, undress or threaten,
not for money or votes, not to pass for someone. In many countries that is a
crime, and it harms the people shown even where it is not. Use it on drawn
people, on yourself, or on people who agreed to exactly this use, and label
everything it generates as generated.

It draws
    deepfake.png  the networks, as they are trained and as they swap; some swaps
    swaps.png     A in ten states, its reconstruction, B in A's place, and the
                  true pictures: B drawn in the same states; then the reverse
    curves.png    the reconstruction errors during training

The true pictures are known because these people are drawn. A person is an
*identity* (proportions, skin, hair) with accessories. A *state* consists of
seven numbers (turn of the head, smile, mouth, lids, gaze, light). Heads are
upright, because the method rotates them first.

It measures, on states that were not used for training,
- the error of a swap, as a fraction of the error of the best constant answer,
  the mean picture of the other person; and the error of the other person's own
  reconstruction next to it;
- what a regression network finds, which was trained on drawings of A, of B and
  of people mixed from both: each number of the state to an eighth of its range
  (a constant is right in a quarter of the cases), and who it is. The gaze
  counts where the eyes are open.

Three changes to try, with --steps 300:

1. After `mean = ...`, add `mean = [sum(mean) / 2] * 2`: one mean picture for
   both people.
2. `PEOPLE = [18, 13]`: a light and a dark face, whose pictures change less
   similarly with the state.
3. `NOISE_STD = 0.0`: no noise.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _pictures import read_two_folders
from _run import Run

from tinygen import data, default_rng, losses, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import FACTORS, render, sample_factors
from tinygen.metrics import rmse
from tinygen.metrics.evaluators import train_state_regressor
from tinygen.models.autoencoder import ConvAutoencoder, gaussian_noise
from tinygen.models.deepfake import Deepfake
from tinygen.plot.scheme import Code, Network, Picture, Scheme

p = parser(
    __doc__,
    steps={"faces": 1000, "folder:PATH": 1000},
    takes={"faces": "two minutes", "folder:PATH": "two minutes"},
    batch=32,
    sizes={"faces": 32, "folder:PATH": 32},
    valid_sizes=(32, 64),
    weights=("model",),
)
args = parse(p)
is_drawn = args.data == "faces"
LATENT_DIM = 32  # dimensions of a code
CHANNELS = 32  # of the first convolution
NUM_SHARED = 7  # first layers of the decoders with common weights: all but the last convolution
LR = 3e-3  # learning rate at the first step
NOISE_STD = 2.0  # of the noise on the encoder's input, whose standard deviation is 1
FINAL_NOISE_FACTOR = 0.02  # fraction of the noise that is left in the second half
BACK_TRANSLATION_START = 0.3  # fraction of the training after which back-translation begins
PEOPLE = [24, 8]  # A and B among 25 people that the package draws
NAMES = ("A", "B")
STATE = [
    name
    for name, factor in FACTORS.items()
    if factor.group == "state" and name not in ("tilt", "night")
]


# %%
# Data: bytes (n, C, size, size) of each person, for training and for tests
def sample_states(person, n, seed):
    """Sample factors of n pictures of one person (or of people), upright and by day.

    Each number of the state is uniform over its range.
    """
    numpy_rng, factors = np.random.default_rng(seed), np.resize(person, n)
    for name in STATE:
        factors[name] = numpy_rng.uniform(FACTORS[name].low, FACTORS[name].high, n)
    return factors


def render_faces(factors):
    """Render pictures that are half as large again and cut the faces out, as from photographs."""
    border = args.size // 4
    return render(factors, 6 * border)[..., border:-border, border:-border]


if is_drawn:
    print("Drawing two people ...", flush=True)
    people = sample_factors(25, seed=3)[PEOPLE]
    people["glasses"] = people["tilt"] = people["night"] = 0
    train_factors = [sample_states(people[k], 8000, seed=k + 1) for k in (0, 1)]
    test_factors = [sample_states(people[k], 500, seed=3) for k in (0, 1)]  # the same states
    train, test = (
        [render_faces(factors) for factors in both] for both in (train_factors, test_factors)
    )
else:
    train, test = read_two_folders(args, "AB")

# %%
# The encoder's input: the difference from the person's mean picture, with standard deviation 1
mean = [(pictures.mean(axis=0) / 255).astype(np.float32) for pictures in train]
std = [
    np.float32((data.to_float(pictures[:1000]) - m).std())
    for pictures, m in zip(train, mean, strict=True)
]


def standardize(pictures, person):
    """Convert bytes (n, C, size, size) of a person to the input of the encoder."""
    return to_device((data.to_float(pictures) - mean[person]) / std[person], args.device)


def to_pictures(y, person):
    """Convert outputs of a person's decoder to NumPy pictures from 0 to 1."""
    return (y.numpy() * std[person] + mean[person]).clip(0, 1)


# %%
# The networks: two autoencoders that share an encoder, and all of the decoder but its last layer
rng = default_rng(args.seed, args.device)
shape = train[0].shape[1:]  # (C, size, size)
autoencoders = [ConvAutoencoder(LATENT_DIM, CHANNELS, shape, rng=rng) for _ in NAMES]
model = Deepfake(*autoencoders, NUM_SHARED)
optimizer = optim.Adam(model.parameters(), lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loaders = [
    data.Loader(pictures, batch_size=args.batch, seed=args.seed + k)
    for k, pictures in enumerate(train)
]
run = Run(args, model=model, optimizer=optimizer, loader_a=loaders[0], loader_b=loaders[1], rng=rng)


# %%
# Training: pictures of each person through the common encoder and their own decoder. The noise
# makes the encoder use what both people have in common (models/deepfake.py).
def fraction_not_reconstructed(x, x_hat):
    """Return the squared error as a fraction of the variance of x, which is 1 per number."""
    return losses.squared_error(x, x_hat).mean() / x[0].size


batches = [loader.forever() for loader in loaders]
for step in run.steps():
    schedule.set(step)
    noise_std = NOISE_STD * optim.cosine_decay(
        step, steps=max(1, args.steps // 2), final_factor=FINAL_NOISE_FACTOR
    )
    unexplained, loss = {}, 0.0
    for person, name in enumerate(NAMES):
        x = standardize(next(batches[person]), person)  # (N, C, size, size)
        x_hat = model(gaussian_noise(x, noise_std, rng), person)  # (N, C, size, size)
        unexplained[name] = fraction_not_reconstructed(x, x_hat)
        loss = loss + unexplained[name]
        if step >= BACK_TRANSLATION_START * args.steps:
            with no_grad():
                swapped = model.swap(x, person).data  # shows the other person
            x_back = model.swap(gaussian_noise(swapped, noise_std, rng), 1 - person)
            loss = loss + fraction_not_reconstructed(x, x_back)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(**unexplained)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {name: (steps, run.history[name]) for name in NAMES},
    ylabel="fraction of the variance not reconstructed",
)

# %%
# The swap, on test pictures; swapped[0] shows B in the place of A
model.eval()
with no_grad():
    inputs = [standardize(test[k], k) for k in (0, 1)]
    reconstructed = [to_pictures(model(inputs[k], k), k) for k in (0, 1)]
    swapped = [to_pictures(model.swap(inputs[k], k), 1 - k) for k in (0, 1)]
true = [data.to_float(pictures) for pictures in test]
rows, columns = {}, min(10, *map(len, test))
for k, (name, other) in enumerate([NAMES, NAMES[::-1]]):
    rows[name] = true[k][:columns]
    rows[f"{name} reconstructed"] = reconstructed[k][:columns]
    rows[f"{other} for {name}"] = swapped[k][:columns]
    if is_drawn:
        rows[f"{other} true"] = true[1 - k][:columns]
plot.save_rows(args.out / "swaps.png", rows, width=1000)

# %%
# Pictures: one encoder and two decoders, as they are trained and as they swap; swaps
swap_shown = min(1, len(true[0]) - 1)  # another test picture, if there is more than one
with no_grad():
    codes = model.encode(inputs[0][: swap_shown + 1], 0).numpy()  # (1 or 2, LATENT_DIM)
training = Scheme(
    {
        "A": (0, 0, Picture(true[0][0], "A")),
        "B": (1, 0, Picture(true[1][0], "B")),
        "encoder": (0.5, 1, Network("encoder", 1, 0.4)),
        "code": (0.5, 2, Code(codes[0].reshape(8, 4), "code")),
        "decoder_A": (0, 3, Network("decoder A", 0.4, 1)),
        "decoder_B": (1, 3, Network("decoder B", 0.4, 1)),
        "A'": (0, 4, Picture(reconstructed[0][0], "A again")),
        "B'": (1, 4, Picture(reconstructed[1][0], "B again")),
    },
    ["A encoder code decoder_A A'", "B encoder", "code decoder_B B'"],
    side=96,
    title="Training: one encoder, and a decoder for each person",
    note="Numbers of the code: red above 0, blue below.",
)
swap = Scheme(
    {
        "A": (0, 0, Picture(true[0][swap_shown], "A")),
        "encoder": (0, 1, Network("encoder", 1, 0.4)),
        "code": (0, 2, Code(codes[swap_shown].reshape(8, 4), "code of A")),
        "decoder": (0, 3, Network("decoder B", 0.4, 1)),
        "B": (0, 4, Picture(swapped[0][swap_shown], "B does what A did")),
    },
    ["A encoder code decoder B"],
    side=96,
    title="The swap: the code of A, and the decoder of B",
)
few = [label for label in ("A", "B for A", "B true") if label in rows]
states = plot.Rows(
    {label: rows[label][swap_shown:7] for label in few},
    title="B in A's place, and the true B in the same states",
)
plot.save_page(args.out / "deepfake.png", [training, swap, states])


# %%
# Errors, as fractions of that of the mean picture
def relative_error(pictures, person):
    """Return the error of pictures of a person, divided by the error of the person's mean picture.

    1 is as bad as always showing the mean picture; 0 is perfect.
    """
    return rmse(pictures, true[person]) / rmse(mean[person], true[person])


metrics = {f"own_{name}": relative_error(reconstructed[k], k) for k, name in enumerate(NAMES)}
if is_drawn:
    a, b = inputs
    metrics["cosine"] = float((a * b).sum() / ((a * a).sum() * (b * b).sum()) ** 0.5)
    metrics["B_for_A"] = relative_error(swapped[0], 1)
    metrics["A_for_B"] = relative_error(swapped[1], 0)
    print(
        "Error as a fraction of that of the mean picture: B for A {B_for_A:.2f} (B itself "
        "{own_B:.2f}), A for B {A_for_B:.2f} (A itself {own_A:.2f})\n"
        "Cosine between the changes of both people's pictures in the same states: {cosine:.2f} "
        "(1: the same changes)".format(**metrics)
    )
else:
    print(
        "Error of a reconstruction as a fraction of that of the mean picture: A {own_A:.2f}, "
        "B {own_B:.2f}".format(**metrics)
    )


# %%
# State and identity in the swaps, found by a regression network that sees 32 pixels
def downsample(pictures):
    """Reduce bytes or floats from 0 to 1 to 32 pixels, floats from 0 to 1."""
    scale = 255 if pictures.dtype == np.uint8 else 1
    return data.downsample(pictures, 32) / scale


def regression_targets(factors, is_a, is_b):
    """Return the state, scaled to [0, 1], whether it is A, and whether it is B: (n, 9)."""
    columns = []
    for name in STATE:
        low, high = FACTORS[name].low, FACTORS[name].high
        columns.append((factors[name] - low) / (high - low))
    columns += [np.full(len(factors), is_a), np.full(len(factors), is_b)]
    return np.stack(columns, axis=1).astype(np.float32)


def sample_mixed_people(n):
    """Sample factors of people each of whose properties is that of A or that of B."""
    mixed, numpy_rng = sample_states(people, n, seed=4), np.random.default_rng(4)
    for name, factor in FACTORS.items():
        if factor.group != "state":
            mixed[name] = np.where(numpy_rng.random(len(mixed)) < 0.5, *people[name])
    return mixed


def train_regressor():
    """Train the network on drawings of mixed people, of A and of B."""
    mixed = sample_mixed_people(len(train[0]))
    pictures = [downsample(x) for x in (render_faces(mixed), *train)]
    targets = [
        regression_targets(mixed, 0, 0),
        regression_targets(train_factors[0], 1, 0),
        regression_targets(train_factors[1], 0, 1),
    ]
    return run.evaluator(
        train_state_regressor,
        np.concatenate(pictures),
        np.concatenate(targets),
        steps=min(3000, 3 * args.steps),
    )


def evaluate_states(regressor):
    """Print and store how often each number of the state, and the person, are right."""
    targets = regression_targets(test_factors[0], 0, 0)
    has_open_eyes = test_factors[0]["blink"] < 0.5
    print(f"{'found right':18s}" + "".join(f"{name:>11s}" for name in (*STATE, "person")))
    for label, pictures, person in (
        ("A true", true[0], 0),
        ("B true", true[1], 1),
        ("B for A", swapped[0], 1),
        ("A for B", swapped[1], 0),
    ):
        predicted = regressor.predict(downsample(pictures), args.device)  # (n, 9)
        is_right = np.abs(predicted - targets) <= 1 / 8
        fractions = {}
        for k, name in enumerate(STATE):
            counted = has_open_eyes if "gaze" in name else slice(None)
            fractions[name] = float(is_right[counted, k].mean())
        is_person = (predicted[:, -2:] > 0.5) == (person == np.arange(2))  # (n, 2)
        fractions["person"] = float(is_person.all(axis=1).mean())
        print(f"{label:18s}" + "".join(f"{x:>11.1%}" for x in fractions.values()))
        for name, fraction in fractions.items():
            metrics[f"{name}_{label.replace(' ', '_')}"] = fraction


if is_drawn:
    evaluate_states(train_regressor())
run.write_metrics(picture="deepfake.png", **metrics)

# %% [markdown]
# ## What you should see
#
# `python demos/deepfake.py`, two minutes, seed 0: the errors of the swaps are 0.32 and 0.32 of that
# of the mean picture (0.30 and 0.30, and 0.38 and 0.37, with the seeds 1 and 2); those of the
# reconstructions are 0.28 and 0.27.
#
# The question. It is always the other person, in the same state as the first. Turn, lids and light
# are right in 99 to 100 % of the swaps, the smile in 91 and 83 %, the gaze to the side in 66 and
# 56 %. The opening of the mouth, 35 and 36 %, and the gaze up and down, 32 and 33 %, are little
# better than a constant: few pixels show them. They need more steps: after --steps 12000, 93 and
# 91 %, and 84 and 87 %. In true pictures, the regression network finds every number of the state
# in 97.7 % or more. (Seeds 1 and 2: smile 95 and 90, 92 and 85 %; gaze to the side 66 and 52, 54
# and 48 %; mouth 47 and 50, 41 and 32 %; gaze up and down 28 and 30, 30 and 34 %.)
#
# The three changes (--steps 300, seed 0; unchanged: 0.47 and 0.47):
#
# 1. With one mean for both people: 0.38 and 0.39 of the error of this mean picture, which is larger
#    than that of each person's own. So this does not compare with the unchanged figures.
# 2. The same state changes the pictures of these two people less similarly: 0.94 and 0.96, nearly
#    as bad as the mean picture, though each person is reconstructed as well as before (0.38 and
#    0.42). Even the turn of the head is right in 36 and 38 % of the swaps only. (The 900 steps of
#    the regression network are too few here for the gaze to the side: 26 and 25 % are right in
#    true pictures.)
# 3. Without noise: 0.57 and 0.56.
