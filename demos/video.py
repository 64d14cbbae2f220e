# %% [markdown]
"""Video: clips of people who turn, talk and blink, by diffusion over all frames.

Lecture: generation of videos (tinygen/models/video.py explains the models).

Question to predict before you run it: an autoencoder has to write each clip as
one vector for the whole clip, the *content*, and six numbers for each frame,
the *motion*. Nobody says what belongs where, and there are no labels. Which
part will hold the person, and which the turn of the head? And what does a clip
show that is decoded from the content of one clip and the motion of another?

    python demos/video.py      people drawn by this package: no download, no GPU
    python demos/video.py --data digits
                               digits that move and bounce; the label is given,
                               so a digit can be asked for

1. The frames are described by their principal components; those of digits by
   their pixels.
2. The autoencoder learns content and motion, in 30 % of the steps. Of digits,
   the motion is known: the position of the digit. Its decoder draws one image
   and moves it there.
3. A diffusion model learns the codes of clips: content and the motion of all
   frames are one vector, so all frames are denoised together. Of digits, one
   network denoises the content and one the motion, which are independent.

It draws
    video.gif      generated clips and real ones, moving; one clip's content
                   with the motion of another
    clips.png      the same as contact sheets: a row for each clip
    curves.png     the losses

Then it measures, with a network that was trained on real frames: does a person
(or a digit) stay the same, is it the digit that was asked for, is the motion
like that of real clips, and do the frames follow each other smoothly?

Three changes to try, with people:

1. `MOTION_DIM = 24` instead of 6: room for the person in every frame's code.
2. `CONTENT_DIM = 2` instead of 24: little room for the person.
3. `SAMPLING_STEPS = 1`: the first prediction, from pure noise. With --resume,
   it needs no new training.
"""

# %%
# Settings
from functools import partial

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, nn, no_grad, ops, optim, plot, tensor
from tinygen.backend import to_device, to_numpy
from tinygen.data.clips import LIMIT, NUM_FRAMES, digit_clips, face_clip_factors
from tinygen.data.faces import FACTORS, render
from tinygen.metrics import block_motion, rmse, wasserstein_1d, within_class_distance
from tinygen.metrics.evaluators import train_digit_classifier, train_state_regressor
from tinygen.models.diffusion import objectives, samplers
from tinygen.models.diffusion.conditioning import zero_parameters_
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import cosine_schedule
from tinygen.models.gaussian import principal_components
from tinygen.models.video import (
    ClipAutoencoder,
    MovingObjectAutoencoder,
    centre_of_mass,
    translate,
)

p = parser(
    __doc__,
    steps={"faces": 5000, "digits": 5000},
    takes={"faces": "two minutes", "digits": "two minutes"},
    batch=128,
)
args = parse(p)
are_digits = args.data == "digits"
NUM_CLIPS = 5000  # for training
FRAME_SHAPE = (3, 32, 32)
FRAME_DIM = 128  # principal components of a frame
CONTENT_DIM = 24  # numbers of the content of a clip
MOTION_DIM = 6  # numbers of the motion in a frame
if are_digits:
    FRAME_SHAPE = (1, 32, 32)
    CONTENT_DIM = 32
    MOTION_DIM = 2  # rows down and columns to the right
AUTOENCODER_STEPS = max(1, round(0.3 * args.steps))
AUTOENCODER_BATCH = 24  # clips
NOISE_STD = 0.05  # of the noise on codes, so that codes near each other decode alike
PENALTY = 0.01  # weight of the squared codes; without it they would grow to escape the noise
LR = 2e-3  # learning rate at the first step of each network
EMA_DECAY = 0.99  # of the averages of the denoising network's weights
SAMPLING_STEPS = 32
NUM_EVALUATED = 500  # clips
MOTIONS = ("yaw", "smile", "mouth_open", "blink")


# %%
# Data: clips (n, NUM_FRAMES, *FRAME_SHAPE) of bytes, and the labels of digits
def draw_clips(n, seed):
    """Draw n clips, and return them with their labels; people have none."""
    if are_digits:
        return digit_clips(n, seed)
    factors = face_clip_factors(n, seed)
    return render(factors.reshape(-1), 32).reshape(-1, NUM_FRAMES, *FRAME_SHAPE), None


print("Drawing clips ...", flush=True)
clips, labels = draw_clips(NUM_CLIPS, seed=1)
test_clips, test_labels = draw_clips(NUM_EVALUATED, seed=2)

# %%
# Frames as vectors: their principal components, divided by the square root of the standard
# deviation of each, so that details count more than in pixels (prompt.py does the same).
if not are_digits:
    mean, variances, components = principal_components(
        data.to_float(clips.reshape(-1, *FRAME_SHAPE)[::20]).reshape(-1, np.prod(FRAME_SHAPE)),
        FRAME_DIM,
    )
    scale = variances[:FRAME_DIM] ** 0.25
    scale *= np.sqrt((variances[:FRAME_DIM] / scale**2).mean())


def to_vectors(clips):
    """Convert clips of bytes to vectors of their frames, float32 (n, NUM_FRAMES, FRAME_DIM).

    Frames with digits remain images: (n, NUM_FRAMES, 32, 32).
    """
    if are_digits:
        return data.to_float(clips)[:, :, 0]
    x = data.to_float(clips).reshape(len(clips), NUM_FRAMES, -1)
    return ((x - mean) @ components / scale).astype(np.float32)


def to_clips(vectors):
    """Convert vectors of frames to clips, floats from 0 to 1."""
    x = vectors if are_digits else vectors * scale @ components.T + mean
    return x.clip(0, 1).reshape(-1, NUM_FRAMES, *FRAME_SHAPE)


vectors = np.concatenate([to_vectors(part) for part in data.split_batches(clips, 100)])

# %%
# Two networks: the autoencoder of clips, and the denoising network of their codes
rng = default_rng(args.seed, args.device)
if are_digits:
    autoencoder = MovingObjectAutoencoder(32, CONTENT_DIM, rng=rng)
else:
    autoencoder = ClipAutoencoder(FRAME_DIM, CONTENT_DIM, MOTION_DIM, rng=rng)
CODE_DIM = CONTENT_DIM + NUM_FRAMES * MOTION_DIM


class DigitDenoiser(nn.Module):
    """Predicts v of content and motion by a network each: a digit and its path are independent."""

    def __init__(self, rng):
        hidden = (512, 512, 512)
        self.content_network = MLPDenoiser(
            CONTENT_DIM, hidden, num_frequencies=0, film=True, num_classes=10, rng=rng
        )
        # Paths with sharp bends: Fourier features help (MLPDenoiser says why).
        self.motion_network = MLPDenoiser(
            NUM_FRAMES * MOTION_DIM, (256, 256, 256), num_frequencies=2, film=True, rng=rng
        )
        zero_parameters_(self.content_network.output)
        zero_parameters_(self.motion_network.output)

    def forward(self, x, t, labels):
        """Return the prediction (N, CODE_DIM) for codes x (N, CODE_DIM), times and labels (N,)."""
        content, motion = ops.split(x, [CONTENT_DIM], axis=1)
        v_content = self.content_network(content, t, labels)
        return ops.concatenate(v_content, self.motion_network(motion, t), axis=1)


if are_digits:
    network = DigitDenoiser(rng)
else:
    network = MLPDenoiser(CODE_DIM, (512, 512, 512), num_frequencies=0, film=True, rng=rng)
    zero_parameters_(network.output)  # so the first prediction is 0, the best without training
optimizer_a = optim.Adam(autoencoder.parameters(), lr=LR, betas=(0.9, 0.99))
optimizer_d = optim.Adam(network.parameters(), lr=LR, betas=(0.9, 0.99))
ema = optim.ExponentialMovingAverage(network, EMA_DECAY)
vector_loader = data.Loader(vectors, batch_size=AUTOENCODER_BATCH, seed=args.seed)
code_loader = data.Loader(np.arange(NUM_CLIPS), batch_size=args.batch, seed=args.seed)
run = Run(
    args,
    autoencoder=autoencoder,
    network=network,
    optimizer_a=optimizer_a,
    optimizer_d=optimizer_d,
    ema=ema,
    vector_loader=vector_loader,
    code_loader=code_loader,
    rng=rng,
)
schedule_a = optim.LRSchedule(optimizer_a, optim.cosine_decay, steps=AUTOENCODER_STEPS)
schedule_d = optim.LRSchedule(
    optimizer_d, optim.cosine_decay, steps=max(1, args.steps - AUTOENCODER_STEPS)
)


def encode(vectors):
    """Encode clips as one vector each: content, then the motion of all frames, (n, CODE_DIM)."""
    parts = []
    for part in data.split_batches(vectors, 250):
        with no_grad():
            content, motion = autoencoder.encode(tensor(to_device(part, args.device)))
        motion = motion.numpy().reshape(len(part), -1)
        parts.append(np.concatenate([content.numpy(), motion], axis=1))
    return np.concatenate(parts)


def encode_training_clips():
    """Return the codes of all training clips, and the mean and standard deviation of each number.

    It is called when the autoencoder does not change any more.
    """
    codes = encode(vectors)
    return codes, codes.mean(axis=0), codes.std(axis=0)


def decode(codes):
    """Decode codes (n, CODE_DIM) to clips, floats from 0 to 1."""
    clips = []
    for part in data.split_batches(codes, 250):
        motion = part[:, CONTENT_DIM:].reshape(-1, NUM_FRAMES, MOTION_DIM)
        with no_grad():
            vectors = autoencoder.decode(
                to_device(part[:, :CONTENT_DIM], args.device), to_device(motion, args.device)
            )
        clips.append(to_clips(vectors.numpy()))
    return np.concatenate(clips)


# %%
# Training: first the autoencoder, then the denoising network on its codes
vector_batches, code_batches = vector_loader.forever(), code_loader.forever()
codes = None
for step in run.steps():
    if step < AUTOENCODER_STEPS:
        schedule_a.set(step)
        x = to_device(next(vector_batches), args.device)  # (N, NUM_FRAMES, FRAME_DIM), or images
        content, motion = autoencoder.encode(x)
        x_hat = autoencoder.decode(
            content + NOISE_STD * rng.normal(content.shape),
            motion + NOISE_STD * rng.normal(motion.shape),
        )
        loss_x = losses.squared_error(x_hat, x).mean() / x[0].size
        loss = loss_x + PENALTY * ((content**2).mean() + (motion**2).mean())
        optimizer_a.zero_grad()
        loss.backward()
        optimizer_a.step()
        run.log(autoencoder=loss_x)
        continue
    if codes is None:
        codes, code_mean, code_std = encode_training_clips()
    schedule_d.set(step - AUTOENCODER_STEPS)
    batch = next(code_batches)
    x0 = to_device((codes[batch] - code_mean) / code_std, args.device)  # (N, CODE_DIM)
    t = cosine_schedule(rng.uniform((args.batch,)))  # (N,)
    eps = rng.normal(x0.shape)
    x_t = VARIANCE_PRESERVING.q_sample(x0, eps, t)
    v = VARIANCE_PRESERVING.velocity(x0, eps, t)
    y = to_device(labels[batch], args.device) if are_digits else None  # (N,)
    loss = losses.squared_error(network(x_t, t, y), v).mean() / CODE_DIM
    optimizer_d.zero_grad()
    loss.backward()
    optimizer_d.step()
    ema.update()
    run.log(diffusion=loss)
if codes is None:  # a finished run that is only evaluated again
    codes, code_mean, code_std = encode_training_clips()
curves = {name: (np.arange(len(values)), values) for name, values in run.history.items()}
plot.save_curves(args.out / "curves.png", curves)


# %%
# Sampling, with the averages of the weights
def sample(noise, labels):
    """Sample a clip from each noise (n, CODE_DIM): (n, NUM_FRAMES, *FRAME_SHAPE) from 0 to 1.

    The labels (n,) say which digits; for people they are None.
    """
    fractions = np.linspace(1, 0, SAMPLING_STEPS + 1)[:-1]
    times = [*(cosine_schedule(float(u)) for u in fractions), 0.0]
    y = to_device(labels, args.device) if are_digits else None
    denoise = objectives.denoiser(partial(network, labels=y), "v")
    with ema.average_parameters():
        z = to_numpy(samplers.dpm_solver(denoise, noise, times))
    return decode((z * code_std + code_mean).astype(np.float32))


print("Sampling ...", flush=True)
sampling_rng = default_rng(args.seed + 1, args.device)
requested = np.arange(NUM_EVALUATED) % 10 if are_digits else None
samples = sample(sampling_rng.normal((NUM_EVALUATED, CODE_DIM)), requested)
real = data.to_float(test_clips)

# %%
# Pictures: generated and real clips; the content of one clip (the person, or the digit) with the
# motion of another
content_from, motion_from = [0, 1, 2], [4, 5, 6]
test_codes = encode(to_vectors(test_clips[:8]))
mixed = decode(
    np.concatenate(
        [test_codes[content_from, :CONTENT_DIM], test_codes[motion_from, CONTENT_DIM:]], axis=1
    )
)
noun, num_rows = ("digit", 10) if are_digits else ("person", 6)
plot.save_page(
    args.out / "clips.png",
    [
        plot.Rows(
            [
                (f"asked: {i}" if are_digits else f"person {i + 1}", samples[i])
                for i in range(num_rows)
            ],
            title="Generated clips" + (", and the digit asked for" if are_digits else ""),
        ),
        plot.Rows([(f"clip {i + 1}", real[8 + i]) for i in range(3)], title="Real clips"),
        plot.Rows(
            [(f"{noun} of", real[0]), ("motion of", real[4]), ("both", mixed[0])],
            title=f"{noun.capitalize()} of one clip, motion of another",
        ),
    ],
    width=1000,
)


def draw_page(k):
    """Return the panels that show frame k of generated, real and mixed clips."""
    frame = f"frame {k + 1} of {NUM_FRAMES}"
    if are_digits:
        title = f"Generated, by label ({frame})"
        panels = [
            plot.Rows([("", samples[:5, k])], heads="01234", title=title),
            plot.Rows([("", samples[5:10, k])], heads="56789"),
            plot.Rows([("", real[8:13, k])], title="Real clips"),
        ]
    else:
        panels = [
            plot.Rows([("", samples[:4, k])], title=f"Generated people ({frame})"),
            plot.Rows([("", real[8:12, k])], title="Real clips"),
        ]
    terms = [
        ("", f"{noun} of", real[content_from, k]),
        ("+", "motion of", real[motion_from, k]),
        ("=", "both", mixed[:, k]),
    ]
    title = f"{noun.capitalize()} of one clip, motion of another"
    return [*panels, plot.Sum(terms, scale=4 if are_digits else 5, title=title)]


pages = [draw_page(k) for k in range(NUM_FRAMES)]
plot.save_animation(args.out / "video.gif", pages, seconds=3.7, many_colours=not are_digits)


# %%
# What is measured in all clips
def measure_blocks(clips):
    """Return the RMS change from a frame to the next, and what it is if blocks may move."""
    settings = {"change of frames": {"radius": 0}, "block error": {}}
    errors = {name: block_motion(clips[:100], **s)[1] for name, s in settings.items()}
    return {name: float(np.sqrt(error.mean())) for name, error in errors.items()}


# %%
# What is measured in clips of people (n, NUM_FRAMES, ...), from numbers that an evaluator reads in
# each frame
def change_within(values):
    """Return the variance within clips as a fraction of the variance of all frames."""
    changes = values - values.mean(axis=1, keepdims=True)
    return float((changes**2).mean() / values.var(axis=(0, 1)).mean())


def changes(values):
    """Return the sizes of the changes from each frame to the next, sorted: (m, numbers)."""
    return np.sort(np.abs(np.diff(values, axis=1)).reshape(-1, values.shape[-1]), axis=0)


def motion_distance(values, real_values):
    """Return the Wasserstein-1 distance between the changes, a mean over the numbers.

    Of two sets of the same size it is the mean distance between the sorted values.
    """
    return float(np.abs(changes(values) - changes(real_values)).mean())


def interpolation_error(clips):
    """Return how far frames are from the mean of both neighbours: RMS, as a fraction of range."""
    errors = clips[:, 1:-1] - (clips[:, :-2] + clips[:, 2:]) / 2
    return float(np.sqrt((errors**2).mean()))


def variance_explained(values, expected):
    """Return 1 minus the squared error as a fraction of the variance; 1 is perfect."""
    errors = ((values - expected) ** 2).mean(axis=(0, 1))
    return float(1 - (errors / expected.var(axis=(0, 1))).mean())


def identity_and_state(factors):
    """Return what identifies a person, and the state, scaled to [0, 1]: (n, 5) and (n, 4)."""
    hair = [factors["hair_style"] == style for style in (4, 5)]  # bobbed, long
    background = factors["background"] == 1  # blue
    identity = np.stack([factors["skin"], factors["beard"], *hair, background], axis=-1)
    lows, highs = (np.array([getattr(FACTORS[m], e) for m in MOTIONS]) for e in ("low", "high"))
    states = np.stack([factors[name] for name in MOTIONS], axis=-1)
    return identity.astype(np.float32), ((states - lows) / (highs - lows)).astype(np.float32)


def measure_people(clips):
    """Measure whether people stay who they are, differ, and move as in real clips."""
    (identity, state), (real_identity, real_state) = read_people(clips), real_people
    return {
        "identity change": change_within(identity),
        "spread of people": float(
            identity.std(axis=(0, 1)).mean() / real_identity.std(axis=(0, 1)).mean()
        ),
        "motion distance": motion_distance(state, real_state),
        "interpolation error": interpolation_error(clips),
    }


def read_people(clips):
    """Read identity (n, NUM_FRAMES, 5) and state (n, NUM_FRAMES, 4) in the frames of clips."""
    values = evaluator.predict(clips.reshape(-1, *FRAME_SHAPE), args.device)
    return np.split(values.reshape(len(clips), NUM_FRAMES, -1), [5], axis=2)


# %%
# What is measured in clips of digits
def centre_frames(clips):
    """Move the digits to the middle, by whole pixels: images (n * NUM_FRAMES, 1, 28, 28)."""
    x = clips[:, :, 0]
    x = translate(x, -np.rint(centre_of_mass(x)))
    return x[..., 2:-2, 2:-2].reshape(-1, 1, 28, 28)


def read_digits(clips):
    """Return the digit that the evaluator reads in each frame, (n, NUM_FRAMES)."""
    probabilities = evaluator.predict_proba(centre_frames(clips), args.device)
    return probabilities.argmax(axis=1).reshape(-1, NUM_FRAMES)


def lengths(vectors):
    """Return the lengths of vectors (..., 2) in one row."""
    return np.linalg.norm(vectors, axis=-1).ravel()


def distance_within_digits(clips, labels):
    """Return the mean distance of two clips of the same digit, by their first frames."""
    return within_class_distance(centre_frames(clips[:, :1]), labels)


def measure_digits(clips, labels):
    """Measure whether it is the digit, stays this digit, varies and moves as in real clips."""
    digits = read_digits(clips)
    distance = distance_within_digits(clips, labels)
    positions, real_positions = (centre_of_mass(x[:, :, 0]) for x in (clips, real))
    steps, real_steps = np.diff(positions, axis=1), np.diff(real_positions, axis=1)
    accelerations, real_accelerations = np.diff(steps, axis=1), np.diff(real_steps, axis=1)
    return {
        "right digit": float((digits == labels[:, None]).mean()),
        "clips with one digit": float((digits == digits[:, :1]).all(axis=1).mean()),
        "variety": distance / distance_within_digits(real, test_labels),
        "distance of steps": wasserstein_1d(lengths(steps), lengths(real_steps)),
        "of accelerations": wasserstein_1d(lengths(accelerations), lengths(real_accelerations)),
        "clips that stay inside": float((abs(positions).max(axis=(1, 2)) < LIMIT + 1).mean()),
    }


# %%
# The evaluation. Comparisons: other real clips, which are the best possible; the same, encoded and
# decoded; clips of generated frames in random order, in which nobody stays; and the first generated
# frame repeated: nothing moves.
other_clips, other_labels = draw_clips(NUM_EVALUATED, seed=3)
order = np.random.default_rng(0).permutation(NUM_EVALUATED * NUM_FRAMES)
sources = {
    "real clips": data.to_float(other_clips),
    "reconstructed": decode(encode(to_vectors(other_clips))),
    "generated": samples,
    "shuffled": samples.reshape(-1, *FRAME_SHAPE)[order].reshape(samples.shape),
    "first frame": samples[:, :1].repeat(NUM_FRAMES, axis=1),
}
if are_digits:
    evaluator = run.evaluator(
        train_digit_classifier,
        data.to_bytes(centre_frames(data.to_float(clips[:, ::6]))),  # two frames of each clip
        labels.repeat(2),
        steps=min(500, args.steps),
    )
else:
    num_seen = 1500  # clips from which the evaluator learns
    factors = face_clip_factors(NUM_CLIPS, seed=1)[:num_seen]
    evaluator = run.evaluator(
        train_state_regressor,
        clips[:num_seen].reshape(-1, *FRAME_SHAPE),
        np.concatenate(identity_and_state(factors.reshape(-1)), axis=1),
        steps=min(1200, args.steps),
    )
    real_people = read_people(real)
metrics = {}
for name, source in sources.items():
    is_real = name in ("real clips", "reconstructed")
    measures = (
        measure_digits(source, other_labels if is_real else requested)
        if are_digits
        else measure_people(source)
    )
    metrics[name] = measures | measure_blocks(source)
print(f"{'':24s}" + "".join(f"{name:>15s}" for name in metrics))
for row in metrics["generated"]:
    print(f"{row:24s}" + "".join(f"{values[row]:15.3f}" for values in metrics.values()))

# %%
# The content of one clip, with the motion of another
content, motion = np.split(encode(to_vectors(test_clips)), [CONTENT_DIM], axis=1)
half = NUM_EVALUATED // 2
mixed = decode(np.concatenate([content[:half], motion[half:]], axis=1))
if are_digits:
    digits, real_digits = read_digits(mixed), test_labels[:, None]
    positions, real_positions = centre_of_mass(mixed[:, :, 0]), centre_of_mass(real[:, :, 0])
    mixing = {
        "digit as in the content's clip": float((digits == real_digits[:half]).mean()),
        "digit as in the motion's clip": float((digits == real_digits[half:]).mean()),
        "pixels from the content's positions": rmse(positions, real_positions[:half]),
        "pixels from the motion's positions": rmse(positions, real_positions[half:]),
    }
    print("Content of one clip, motion of another: fraction of frames, and RMS distance")
else:
    (identity, state), (real_identity, real_state) = read_people(mixed), real_people
    mixing = {
        "identity as in the content's clip": variance_explained(identity, real_identity[:half]),
        "identity as in the motion's clip": variance_explained(identity, real_identity[half:]),
        "state as in the content's clip": variance_explained(state, real_state[:half]),
        "state as in the motion's clip": variance_explained(state, real_state[half:]),
    }
    print("Content of one clip, motion of another: fraction of the variance explained (1: all)")
for name, value in mixing.items():
    print(f"  {name:36s} {value:5.2f}")
run.write_metrics(picture="video.gif", measures=metrics, mixing=mixing)

# %% [markdown]
# ## What you should see
#
# `python demos/video.py`, two minutes, seed 0. Each figure is defined above; "shuffled" are the
# generated frames in random order, and "first frame" is the first generated frame, repeated.
#
#                           real  reconstructed  generated  shuffled  first frame
#     identity change      0.003          0.004      0.006     0.919        0.000
#     spread of people      0.99           0.98       0.89      0.89         0.88
#     motion distance      0.004          0.019      0.040     0.119        0.150
#     interpolation error  0.028          0.025      0.023     0.154        0.000
#     change of frames     0.042          0.039      0.034     0.178        0.000
#     block error          0.034          0.031      0.029     0.138        0.000
#
# So people stay who they are: 0.6 % of the variance of what identifies them is within clips. Frames
# follow each other as smoothly as in real clips, or a little more. But the changes of the state are
# further from those of real clips than other real clips are, and people vary less from each other.
# In some clips the hair is half of one style and half of another, with a pale shadow around the
# head. Generated clips with seed 1: 0.007, 0.90, 0.044, 0.024, 0.034 and 0.028; with seed 2: 0.007,
# 0.90, 0.045, 0.023, 0.032 and 0.028.
#
# The last two rows are the RMS change from a frame to the next, and what is left of it if each
# block of 8 pixels may come from up to 3 pixels away. A change that is motion disappears so, and
# things that appear or flicker do not. In generated clips as much is left of a smaller change: 85 %
# (of real clips 82 %). A clip that stands still has no error; so read both rows.
#
# The question. The content holds the person, and the motion the state. Decoded from the content of
# one clip and the motion of another, a clip shows the person of the first (99 % of the variance of
# the identity is explained) and the state of the second (53 %; mouths and lids are few pixels, and
# some of them are blurred). With the seeds 1 and 2: 99 and 56 %, 99 and 60 %.
#
# The three changes (the first two with --steps 1500, seed 0; unchanged, an identity change of 0.013
# and a motion distance of 0.059; 96 % of the identity and 20 % of the state explained):
#
# 1. With 24 numbers for the motion in each frame, 0.041 and 0.043. Some of the person is now in the
#    motion: 71 % of the identity comes from the content's clip. More of the state does from the
#    motion's clip, 45 %.
# 2. With 2 numbers for the content, 0.061 and 0.095. Now the motion holds the person, as far as
#    there is room, and little of the state: it explains 8 % of it.
# 3. One step: 0.026 and 0.131 (5,000 steps of training; 0.006 and 0.040 with 32 of sampling). It is
#    always nearly the same person, who hardly moves: the spread of people is 0.05. An interpolation
#    error of 0.002 is no merit then.
#
# `python demos/video.py --data digits`, two minutes, seed 0:
#
#                             real  reconstructed  generated  shuffled  first frame
#     right digit           94.9 %         94.2 %     95.2 %    10.5 %       95.6 %
#     clips with one digit  92.6 %         92.8 %     92.8 %       0 %        100 %
#     variety                 1.01           0.91       0.88      1.02         0.88
#     distance of steps      0.012          0.013      0.088      5.55        1.445
#     of accelerations       0.014          0.015      0.111     11.78        0.320
#     that stay inside      99.2 %         99.0 %     92.8 %    84.2 %       98.2 %
#     change of frames       0.152          0.134      0.124     0.249        0.000
#     block error            0.047          0.040      0.038     0.171        0.000
#
# The right digit is read in as many generated frames as in real ones, and it stays the same through
# the clip. Digits of one class vary nearly as much as real ones; most of what is missing is lost by
# the autoencoder. The lengths of the steps are 0.09 pixels from those of real clips (their mean is
# 1.4), and motion explains the change of frames as in real clips. But between two bounces the
# velocity is not quite constant. And in 7 % of the clips the digit is at some time more than a
# pixel beyond a wall, where the frame cuts it off.
#
# Generated clips with the seeds 1 and 2: the right digit in 96.5 and 95.0 % of the frames, one
# digit in 93.8 and 92.8 % of the clips, a variety of 0.86 and 0.86, 0.091 and 0.089 from the steps,
# 0.110 and 0.109 from the accelerations; 95.4 and 94.4 % of the clips stay inside.
#
# The digit of one clip with the motion of another: 94 % of the frames show the digit of the first
# (95 and 94 % with the seeds 1 and 2), at the places of the second, 0.09 pixels away.
#
# The third change, with digits: after one step, the right digit is read in 99.9 % of the frames.
# But it is nearly always the same one (variety 0.20), and it stands still (distance of steps 1.38).
