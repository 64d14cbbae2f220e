# %% [markdown]
"""Video: clips of people who turn, talk and blink, by diffusion over all frames.

Lecture: generation of videos (tinygen/models/video.py explains the models).

Question to predict before you run it: an autoencoder has to write each clip as
one vector for the whole clip, the *content*, and six numbers for each frame,
the *motion*. Nobody says what belongs where, and there are no labels. Which
part will hold the person, and which the turn of the head? And what does a clip
show that is decoded from the content of one clip and the motion of another?

    python demos/video.py      people drawn by this package: no download, no GPU

1. The frames are described by their principal components.
2. The autoencoder learns content and motion, in 30 % of the steps.
3. A diffusion model learns the codes of clips: content and the motion of all
   frames are one vector, so all frames are denoised together.

demos/video_digits.py does the same with digits that move.

It draws
    video.gif      generated clips and real ones, moving; one clip's content
                   with the motion of another
    clips.png      contact sheets: a row for each clip, with all its frames
    curves.png     the losses

Then it measures, with a network that was trained on real frames: does a person
stay the same, is the motion like that of real clips, and do the frames follow
each other smoothly?

Three changes to try:

1. `MOTION_DIM = 24` instead of 6: room for the person in every frame's code.
2. `CONTENT_DIM = 2` instead of 24: little room for the person.
3. `SAMPLING_STEPS = 1`: the first prediction, from pure noise. With --resume,
   it needs no new training.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, no_grad, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.data.clips import NUM_FRAMES, face_clip_factors
from tinygen.data.faces import FACTORS, render
from tinygen.metrics import block_motion, wasserstein_1d
from tinygen.metrics.evaluators import train_state_regressor
from tinygen.models.diffusion import objectives, samplers
from tinygen.models.diffusion.conditioning import zero_parameters_
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import cosine_schedule
from tinygen.models.gaussian import principal_components
from tinygen.models.video import ClipAutoencoder

p = parser(
    __doc__,
    steps={"faces": 5000},
    takes={"faces": "two minutes"},
    batch=128,
)
args = parse(p)
NUM_CLIPS = 5000  # for training
FRAME_SHAPE = (3, 32, 32)
FRAME_DIM = 128  # principal components of a frame
CONTENT_DIM = 24  # numbers of the content of a clip
MOTION_DIM = 6  # numbers of the motion in a frame
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
# Data: clips (n, NUM_FRAMES, 3, 32, 32) of bytes
def draw_clips(factors):
    """Draw clips of people whose factors (n, NUM_FRAMES) are given."""
    return render(factors.reshape(-1), 32).reshape(-1, NUM_FRAMES, *FRAME_SHAPE)


print("Drawing clips ...", flush=True)
factors = face_clip_factors(NUM_CLIPS, seed=1)
clips = draw_clips(factors)
test_factors = face_clip_factors(NUM_EVALUATED, seed=2)
test_clips = draw_clips(test_factors)

# %%
# Frames as vectors: their principal components, divided by the square root of the standard
# deviation of each, so that details count more than in pixels (prompt.py does the same).
mean, variances, components = principal_components(
    data.to_float(clips.reshape(-1, *FRAME_SHAPE)[::20]).reshape(-1, np.prod(FRAME_SHAPE)),
    FRAME_DIM,
)
scale = variances[:FRAME_DIM] ** 0.25
scale *= np.sqrt((variances[:FRAME_DIM] / scale**2).mean())  # so that their mean square is 1


def to_vectors(clips):
    """Convert clips of bytes to vectors of their frames, float32 (n, NUM_FRAMES, FRAME_DIM)."""
    x = data.to_float(clips).reshape(len(clips), NUM_FRAMES, -1)
    return ((x - mean) @ components / scale).astype(np.float32)


def to_clips(vectors):
    """Convert vectors of frames to clips, floats from 0 to 1."""
    x = vectors * scale @ components.T + mean
    return x.clip(0, 1).reshape(-1, NUM_FRAMES, *FRAME_SHAPE)


vectors = np.concatenate([to_vectors(part) for part in data.split_batches(clips, 100)])

# %%
# Two networks: the autoencoder of clips, and the denoising network of their codes
rng = default_rng(args.seed, args.device)
autoencoder = ClipAutoencoder(FRAME_DIM, CONTENT_DIM, MOTION_DIM, rng=rng)
CODE_DIM = CONTENT_DIM + NUM_FRAMES * MOTION_DIM
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
            content, motion = autoencoder.encode(to_device(part, args.device))
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
        x = to_device(next(vector_batches), args.device)  # (N, NUM_FRAMES, FRAME_DIM)
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
    loss = losses.squared_error(network(x_t, t), v).mean() / CODE_DIM
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
def sample(noise):
    """Sample a clip from each noise (n, CODE_DIM): (n, NUM_FRAMES, 3, 32, 32) from 0 to 1."""
    fractions = np.linspace(1, 0, SAMPLING_STEPS + 1)[:-1]
    times = [*(cosine_schedule(float(u)) for u in fractions), 0.0]
    denoise = objectives.denoiser(network, "v")
    with ema.average_parameters():
        z = to_numpy(samplers.dpm_solver(denoise, noise, times))
    return decode((z * code_std + code_mean).astype(np.float32))


print("Sampling ...", flush=True)
sampling_rng = default_rng(args.seed + 1, args.device)
samples = sample(sampling_rng.normal((NUM_EVALUATED, CODE_DIM)))
real = data.to_float(test_clips)

# %%
# Pictures: generated and real clips; the person of one clip with the motion of another
# The persons are those of the first two test clips. The motions are the widest of the first 50: the
# sum of the ranges of turn, smile and mouth.
ranges = [np.ptp(test_factors[name][:50], axis=1) for name in ("yaw", "smile", "mouth_open")]
content_from, motion_from = [0, 1], np.argsort(-np.sum(ranges, axis=0))[:2]
test_codes = encode(to_vectors(test_clips[:50]))
mixed = decode(
    np.concatenate(
        [test_codes[content_from, :CONTENT_DIM], test_codes[motion_from, CONTENT_DIM:]], axis=1
    )
)
plot.save_page(
    args.out / "clips.png",
    [
        plot.Rows([(f"person {i + 1}", samples[i]) for i in range(6)], title="Generated clips"),
        plot.Rows([(f"clip {i + 1}", real[8 + i]) for i in range(3)], title="Real clips"),
        plot.Rows(
            [("person of", real[0]), ("motion of", real[motion_from[0]]), ("both", mixed[0])],
            title="Person of one clip, motion of another",
        ),
    ],
    width=1000,
)


def draw_page(k):
    """Return the panels that show frame k of generated, real and mixed clips."""
    title = f"Generated people (frame {k + 1} of {NUM_FRAMES})"
    terms = [
        ("", "person (still)", real[content_from, 0]),
        ("+", "motion of", real[motion_from, k]),
        ("=", "both", mixed[:, k]),
    ]
    return [
        plot.Rows([("", samples[:4, k])], title=title),
        plot.Rows([("", real[8:12, k])], title="Real clips"),
        plot.Sum(
            terms,
            scale=6,
            title="Person of one clip, motion of another",
            note="Motions: of 50 real clips, the two that move most.\n"
            "The head follows; mouth and lids do not always.",
        ),
    ]


pages = [draw_page(k) for k in range(NUM_FRAMES)]
plot.save_animation(args.out / "video.gif", pages, seconds=3.7, many_colours=True)


# %%
# What is measured, in clips (n, NUM_FRAMES, ...) of numbers that an evaluator reads in each frame
def change_within(values):
    """Return the variance within clips as a fraction of the variance of all frames."""
    changes = values - values.mean(axis=1, keepdims=True)
    return float((changes**2).mean() / values.var(axis=(0, 1)).mean())


def motion_distance(values, real_values):
    """Return the Wasserstein distance between the sizes of the changes, a mean over the numbers.

    The changes are those from each frame to the next.
    """
    sizes, real_sizes = (
        np.abs(np.diff(v, axis=1)).reshape(-1, v.shape[-1]).T for v in (values, real_values)
    )
    return float(np.mean([wasserstein_1d(a, b) for a, b in zip(sizes, real_sizes, strict=True)]))


def interpolation_error(clips):
    """Return how far frames are from the mean of both neighbours: RMS, as a fraction of range."""
    errors = clips[:, 1:-1] - (clips[:, :-2] + clips[:, 2:]) / 2
    return float(np.sqrt((errors**2).mean()))


def measure_blocks(clips):
    """Return the RMS change from a frame to the next, and what it is if blocks may move."""
    settings = {"change of frames": {"radius": 0}, "block error": {}}
    errors = {name: block_motion(clips[:100], **s)[1] for name, s in settings.items()}
    return {name: float(np.sqrt(error.mean())) for name, error in errors.items()}


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
# The evaluation. Comparisons: other real clips, which are the best possible; the same, encoded and
# decoded; clips of generated frames in random order, in which nobody stays; and the first generated
# frame repeated: nothing moves.
other_clips = draw_clips(face_clip_factors(NUM_EVALUATED, seed=3))
order = np.random.default_rng(0).permutation(NUM_EVALUATED * NUM_FRAMES)
sources = {
    "real clips": data.to_float(other_clips),
    "reconstructed": decode(encode(to_vectors(other_clips))),
    "generated": samples,
    "shuffled": samples.reshape(-1, *FRAME_SHAPE)[order].reshape(samples.shape),
    "first frame": samples[:, :1].repeat(NUM_FRAMES, axis=1),
}
num_seen = 1500  # clips from which the evaluator learns
evaluator = run.evaluator(
    train_state_regressor,
    clips[:num_seen].reshape(-1, *FRAME_SHAPE),
    np.concatenate(identity_and_state(factors[:num_seen].reshape(-1)), axis=1),
    steps=min(1200, args.steps),
)
real_people = read_people(real)
metrics = {name: measure_people(x) | measure_blocks(x) for name, x in sources.items()}
print(f"{'':24s}" + "".join(f"{name:>15s}" for name in metrics))
for row in metrics["generated"]:
    print(f"{row:24s}" + "".join(f"{values[row]:15.3f}" for values in metrics.values()))

# %%
# The content of one clip, with the motion of another. For comparison: with its own motion
content, motion = np.split(encode(to_vectors(test_clips)), [CONTENT_DIM], axis=1)
half = NUM_EVALUATED // 2
real_identity, real_state = real_people
mixing = {}
for name, with_motion in (("its own", motion[:half]), ("another clip's", motion[half:])):
    codes_of_clips = np.concatenate([content[:half], with_motion], axis=1)
    identity, state = read_people(decode(codes_of_clips))
    expected_state = real_state[:half] if name == "its own" else real_state[half:]
    mixing[f"{name} motion: identity of the content's clip"] = variance_explained(
        identity, real_identity[:half]
    )
    mixing[f"{name} motion: state of the motion's clip"] = variance_explained(state, expected_state)
print("A content decoded with a motion: fraction of the variance explained (1: all)")
for name, value in mixing.items():
    print(f"  {name:50s} {value:5.2f}")
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
# So people stay who they are: 0.6 % of the variance of what identifies them is within clips. In
# shuffled clips it would be 11/12 if their frames were all independent. People vary a little less
# from each other than real ones, and move less: the frames change by 0.034 and not 0.042, so their
# interpolation error is lower, too. In some clips the hair is half of one style and half of
# another, with a pale shadow around the head. Generated clips with seed 1: 0.007, 0.90, 0.044,
# 0.024, 0.034 and 0.028; with seed 2: 0.007, 0.90, 0.045, 0.023, 0.032 and 0.028.
#
# No figure counts alone. A clip that stands still has no error, and its motion distance is that of
# no motion at all. The motion distance sees only how large the changes are, so shuffled frames have
# a lower one. The block error is what remains of the change if each block of 8 pixels may come from
# up to 3 pixels away: 85 % of it in generated clips, 82 % in real ones. A face turns by less than a
# pixel from frame to frame, and a mouth that opens comes from nowhere. So block matching explains
# little here, and no more than of shuffled frames (78 %). In video_digits.py it explains most.
#
# The question. The content holds the person, and the motion the state. Decoded from the content of
# one clip and the motion of another, a clip shows the person of the first (99 % of the variance of
# the identity is explained) and the state of the second (53 %). With its own motion it would show
# 84 % of its state: the rest is blurred, since mouths and lids are few pixels. So a part of what
# the motion says means something else for another person. With the seeds 1 and 2: 99 and 56 %, 99
# and 60 %.
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
#    always nearly the same person, who hardly moves: the spread of people is 0.05. The prediction
#    from pure noise is nearly the mean of all codes. An interpolation error of 0.002 is no merit
#    then. And the identity change is a fraction of a variance that has nearly vanished.
