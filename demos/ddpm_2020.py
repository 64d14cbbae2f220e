# %% [markdown]
"""DDPM as its paper prints it: Algorithms 1 and 2, with T = 1000 steps.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, 2020. The
symbols and the numbers of equations are the paper's. What came after it is in
demos/ddpm.py.

Question to predict before you run it: one network predicts the noise epsilon
in x_t, for every step t from 1 to 1000. The loss falls fast at first, and
then hardly moves. Do the samples stop improving then, too? Each of the 1000
steps of sampling removes some noise and adds a little fresh noise. In which
hundred of them is it decided which digit appears?

    python demos/ddpm_2020.py                digits drawn by this package
    python demos/ddpm_2020.py --data mnist   MNIST, more steps
    python demos/ddpm_2020.py --data folder:PATH --size 32
                                             your own pictures

It draws
    ddpm_2020.png     parts of the next two
    progressive.png   the way from x_T to x_0, and below each x_t the
                      prediction of x_0 (figure 6 of the paper)
    samples.png       samples
    curves.png        the loss

A small classifier of digits, trained here, evaluates the samples
(tinygen/metrics/samples.py), on the same test digits as in demos/ddpm.py.

As printed are both algorithms, T, the variances beta_t, the prediction of the
noise, the loss, Adam, and the average of the weights. The network is a smaller
one of the same kind: 0.27 million weights, where the paper has 36 million for
pictures of 32 x 32 pixels. The paper trains for 800,000 steps of 128 pictures,
with dropout and mirrored pictures. Here it is 1,500 steps of 32, without
either, so the learning rate is larger, 0.001 instead of 0.0002.

Three changes to try. The first only samples again:

1. `sigma = np.sqrt(beta_tilde)` and --resume: the other choice of section 3.2.
2. `--timesteps 100`, with the same beta_1 and beta_T. Is x_T pure noise then?
3. `weight = (beta[t] / (2 * alpha[t] * (1 - alpha_bar[t]))).astype(np.float32)`
   and `loss = (weight * squared_error).mean()`: eq. 12, the variational bound.

And `--resume --clip`: what the authors' code does and Algorithm 2 does not.
"""

# %%
# Settings
import math
import sys

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run
from tqdm import tqdm

from tinygen import data, default_rng, no_grad, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.diffusion.unet import UNet

p = parser(
    __doc__,
    steps={"digits": 1500, "mnist": 10_000, "folder:PATH": 3000},
    takes={"digits": "two minutes", "mnist": "ten minutes", "folder:PATH": "three minutes"},
    batch=32,
    sizes={"folder:PATH": 32},
    valid_sizes=range(8, 129, 4),  # the network halves it twice
)
p.add_argument(
    "--timesteps",
    type=natural,
    default=1000,
    metavar="T",
    help="number T of steps from data to noise, and back (default: 1000, as in the paper)",
)
p.add_argument(
    "--samples",
    type=natural,
    default=100,
    metavar="N",
    help="number of samples, with T evaluations of the network each (default: 100)",
)
p.add_argument(
    "--clip",
    action="store_true",
    help="sample as the authors' code does: clip each prediction of x_0 to [-1, 1]",
)
args = parse(p)
# These decide the sampling alone. Removed from args, they may change when a run is resumed.
num_samples, clip = vars(args).pop("samples"), vars(args).pop("clip")
if num_samples < 10:
    p.error(f"--samples {num_samples}: give 10 or more; fewer cannot be evaluated")
T = args.timesteps
LR = 1e-3  # the paper: 2e-4
EMA_DECAY = 0.9999  # of the average of the weights; `ExponentialMovingAverage` begins with less

# %%
# Data: bytes (n, C, H, W)
noun = "digit"
if args.data == "mnist":
    (train, labels), (test, _) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, labels), (test, _) = data.digits(20_000, seed=1), data.digits(1_000, seed=2)
else:
    noun = "picture"
    (train, labels), (test, _), _ = read_folder(args)
num_samples = min(num_samples, len(test) // 2) if noun == "digit" else num_samples
# Section 3.3: "scaled linearly to [-1, 1]".
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.normalize)

# %%
# The forward process (section 2), in float64. beta[t] is beta_t; t = 0 is the data
beta = np.concatenate([[0.0], np.linspace(1e-4, 0.02, T)])  # section 4
alpha = 1 - beta
alpha_bar = np.cumprod(alpha)  # alpha_bar_t = alpha_1 ... alpha_t, in eq. 4
beta_tilde = np.zeros(T + 1)
beta_tilde[1:] = (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:]) * beta[1:]  # eq. 7
sigma = np.sqrt(beta)  # section 3.2, the first of two choices; the second is sqrt(beta_tilde)

# %%
# The network epsilon_theta (appendix B): a U-Net with attention in the middle
rng = default_rng(args.seed, args.device)
# patch_size=2: each square of 2 x 2 pixels is one pixel of the network. It saves time, and is not
# the paper's.
network = UNet(train.shape[1], (32, 64), patch_size=2, attention=True, rng=rng)


def epsilon_theta(x, t):
    """Return the network's prediction of the noise in x (N, C, H, W) at the steps t (N,)."""
    # `UNet` multiplies its argument by 1000. So it computes the paper's sines and cosines of t.
    return network(x, (t / 1000).astype(np.float32))


optimizer = optim.Adam(network.parameters(), lr=LR)
ema = optim.ExponentialMovingAverage(network, EMA_DECAY)
run = Run(args, network=network, optimizer=optimizer, ema=ema, loader=loader, rng=rng)

# %%
# Algorithm 1: training
# The coefficients of eq. 4, one row for each t, to be multiplied with images (N, C, H, W)
signal, noise = (
    to_device(np.sqrt(a).astype(np.float32).reshape((-1, 1, 1, 1)), args.device)
    for a in (alpha_bar, 1 - alpha_bar)
)
batches = loader.forever()
for _ in run.steps():  # 1: repeat
    x_0 = to_device(next(batches), args.device)  # 2: x_0 ~ q(x_0), (N, C, H, W)
    t = rng.integers(1, T + 1, len(x_0))  # 3: t ~ Uniform({1, ..., T}), (N,)
    epsilon = rng.normal(x_0.shape)  # 4: epsilon ~ N(0, I)
    # 5: take a gradient descent step on
    #    grad_theta |epsilon - epsilon_theta(sqrt(alpha_bar_t) x_0
    #                                        + sqrt(1 - alpha_bar_t) epsilon, t)|^2
    x_t = signal[t] * x_0 + noise[t] * epsilon  # eq. 4
    squared_error = ((epsilon - epsilon_theta(x_t, t)) ** 2).sum(axis=(1, 2, 3))  # (N,)
    loss = squared_error.mean()  # L_simple, eq. 14
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    ema.update()
    run.log(loss=loss / x_0[0].size)  # per pixel; a network that returns 0 has 1
# 6: until converged


# %%
# Algorithm 2: sampling
def sample(n, rng, record=None):
    """Draw n samples x_0 (n, C, H, W), from -1 to 1, with T evaluations of the network.

    At each step, record(t, x_t, prediction of x_0) is called.
    """
    x = rng.normal((n, *train.shape[1:]))  # 1: x_T ~ N(0, I)
    steps = tqdm(range(T, 0, -1), "Sampling", unit="step", disable=sys.stderr is None)
    for t in steps:  # 2: for t = T, ..., 1 do
        z = rng.normal(x.shape) if t > 1 else 0.0  # 3: z ~ N(0, I) if t > 1, else z = 0
        with no_grad():
            epsilon = epsilon_theta(x, np.full_like(x[:, 0, 0, 0], t)).data
        a, a_bar, a_bar_before = float(alpha[t]), float(alpha_bar[t]), float(alpha_bar[t - 1])
        x_0_hat = (x - math.sqrt(1 - a_bar) * epsilon) / math.sqrt(a_bar)  # eq. 15
        # 4: x_{t-1} = mu + sigma_t z
        mu = (x - (1 - a) / math.sqrt(1 - a_bar) * epsilon) / math.sqrt(a)  # eq. 11
        if clip:  # not printed, but in the code: eq. 7 of the clipped prediction
            x_0_hat = x_0_hat.clip(-1, 1)
            mu = math.sqrt(a_bar_before) * (1 - a) / (1 - a_bar) * x_0_hat
            mu = mu + math.sqrt(a) * (1 - a_bar_before) / (1 - a_bar) * x
        if record:
            record(t, x, x_0_hat)
        x = mu + float(sigma[t]) * z
    return x  # 6: return x_0


def to_bytes(x):
    """Convert images from -1 to 1 to bytes, as a NumPy array."""
    return data.to_bytes(data.denormalize(to_numpy(x)))


moments = range(T, 0, -max(1, T // 10))[:10]  # t of the pictures: 1000, 900, ..., 100
noisy, predictions = [], []  # bytes (n, C, H, W) at each of them


def keep(t, x, x_0_hat):
    """Keep x_t of two samples, and the prediction of x_0 of all, at some steps t."""
    if t in moments:
        noisy.append(to_bytes(x[:2]))
        predictions.append(to_bytes(x_0_hat))


with ema.average_parameters():
    samples = to_bytes(sample(num_samples, default_rng(args.seed + 1, args.device), keep))

# %%
# How good are the samples, and when is it decided what a sample becomes?
figures = {"num_parameters": sum(theta.size for theta in network.parameters())}
if noun == "digit":
    num_evaluator_steps = min(500, args.steps)  # as in demos/ddpm.py
    evaluator = run.evaluator(train_digit_classifier, train, labels, steps=num_evaluator_steps)
    evaluated, table = evaluate_samples(
        evaluator, test[: 2 * num_samples], samples, device=args.device
    )
    figures |= evaluated
    print(table)
    classes = evaluator.predict_proba(samples, args.device).argmax(axis=1)
    print("t, and the fraction of samples whose class is that of the prediction of x_0 at t:")
    for t, prediction in zip(moments, predictions, strict=True):
        agrees = evaluator.predict_proba(prediction, args.device).argmax(axis=1) == classes
        figures[f"class_decided_at_{t}"] = float(agrees.mean())
        print(f"  {t:5d}  {agrees.mean():.1%}")
else:
    print("The evaluator classifies digits only: there is no Frechet distance.")

# %%
# Pictures
strips = []
for k in range(2):
    strips.append(("x_t", np.stack([*(images[k] for images in noisy), samples[k]])))
    strips.append(("prediction", np.stack([*(images[k] for images in predictions), samples[k]])))
plot.save_rows(
    args.out / "progressive.png",
    strips,
    width=1000,
    title=f"From x_T on the left to x_0: every {max(1, T // 10)}th of {T} steps",
)
plot.save_grid(args.out / "samples.png", samples[:100], title=f"Samples, {T} steps each")
steps = np.arange(args.steps)
curves = {"squared error per pixel": (steps, run.history["loss"])}
plot.save_curves(args.out / "curves.png", curves, ylabel="loss", log="y")
columns = [k for k in (0, 5, 7, 8) if k < len(moments)]  # t = 1000, 500, 300, 200
note = (
    "Prediction: x\u209c without the noise that the network finds in it.\n"
    f"At t = {T} its errors are divided by {math.sqrt(alpha_bar[T]):.1g}: hence the speckle."
)
if noun == "digit" and T == 1000:
    early, late = (round(num_samples * figures[f"class_decided_at_{t}"]) for t in (500, 200))
    note += (
        "\nThe prediction already is the final digit: at t = 500\n"
        f"in {early} of {num_samples} samples, at t = 200 in {late}."
    )
labels = {"x_t": "image x\u209c", "prediction": "prediction\nof x\u2080"}
plot.save_page(
    args.out / "ddpm_2020.png",
    [
        plot.Rows(
            [(labels[name], images[[*columns, -1]]) for name, images in strips],
            heads=[*(f"t = {moments[k]}" for k in columns), "t = 0"],
            title=f"Noise becomes a {noun} in {T:,} steps",
            note=note,
        ),
        plot.Grid(
            samples[:24],
            columns=8,
            title=f"Samples after {args.steps:,} steps of training",
            note="The paper trains a larger network for 800,000 steps.",
        ),
    ],
)
run.write_metrics(picture="ddpm_2020.png", samples=num_samples, clip=clip, **figures)

# %% [markdown]
# ## What you should see
#
# `python demos/ddpm_2020.py` trains for 95 seconds on half a core and then samples for 55. 100
# samples:
#
#                                                       seed 0   seed 1   seed 2   real digits
#     Frechet distance of the evaluator's features       8.6      8.9      9.7     4.8 (floor)
#     precision                                          0.69     0.67     0.67    0.90
#     recall                                             0.85     0.66     0.84    0.94
#
# The questions. The loss (per pixel; 1 for a network that predicts nothing) is 0.11 after 100
# steps, 0.06 after 500 and 0.04 after 1500. But the samples after 500 steps have the distance 15.5,
# those after 1500 have 8.6. At large t, a small error of the predicted noise hardly shows in the
# loss. But the prediction of x_0 (eq. 15) divides it by sqrt(alpha_bar_t), which is 0.006 at
# t = 1000. So the first steps of sampling make the whole picture a little too bright or too dark,
# and strokes end too thick or in pieces: samples.png has both.
#
# As far as the prediction of x_0 shows it, the digit is decided between t = 500 and t = 200. The
# evaluator classifies the predictions of x_0 and the final samples. Both have the same class for
# 10 % of the samples at t = 1000 (as for a guess), 29 % at 500, 52 % at 400, 70 % at 300, 85 % at
# 200 and 95 % at 100. So the first 500 steps show hardly anything of the digit, and the last 100
# only draw its details. Later samplers use this and take few steps.
#
# **A longer training.** The picture in the README is of `--steps 4000`, which takes 330 seconds of
# one core with sampling (seed 0). The loss falls from 0.036 to 0.030 (means of 100 steps), the
# distance from 8.6 to 7.1, and the precision rises from 0.69 to 0.76; the recall stays 0.85. Fewer
# strokes are too thick or in pieces. The digit is decided at about the same t: the classes agree
# for 33 % of the samples at t = 500, 56 % at 400, 78 % at 300 and 91 % at 200. The prediction at
# t = 1000 is still noise. With `--steps 6000` the distance is 7.5 and the precision 0.74, so 100
# samples show no further progress.
#
# **What is not printed.** The authors' code (github.com/hojonathanho/diffusion) clips each
# prediction of x_0 to [-1, 1], the range of the pixels, in sampling. Algorithm 2 does not say so.
# `--resume --clip` does it: distance 7.7 in place of 8.6. The best possible prediction is a mean of
# pictures and never leaves this range, so a better network is clipped less.
#
# **Compared with demos/ddpm.py**, with as many samples as there: `--resume --samples 500` gives the
# distance 7.1 and a precision of 0.54. ddpm.py has 2.1 and 0.85, and other real digits 0.95 and
# 0.91 (seed 0). ddpm.py trains for 2,000 steps of 32 images, and draws each sample in 16 steps.
#
# The changes (seed 0):
#
# 1. `sigma = np.sqrt(beta_tilde)`: distance 8.6, as before. As the paper says, the two choices are
#    about equal. beta_tilde_t / beta_t is 0.45 at t = 2, and above 0.98 from t = 100 on: they only
#    differ close to the data.
# 2. `--timesteps 100`: white mazes that fill the picture, distance 97. alpha_bar_T is 0.36 now, and
#    not 0.00004. So x_T of training contains 0.6 x_0, and its mean is -0.45, since most pixels of
#    digits are black. Sampling begins at N(0, I) with the mean 0: a far too bright picture, such as
#    the network has never seen at this t. T and beta_t belong together: if T falls, beta_T has to
#    grow.
# 3. Eq. 12: noise and grids, distance 93. This is the bound on -log p(x_0) itself, up to the factor
#    T and a constant, and t = 1 has 50 times the weight of t = 1000. So the network learns the last
#    bits of the pixels first, and large noise hardly at all; there its errors are divided by 0.006.
#    In the paper's table 2, after 800,000 steps, the FID is 13.5 with this loss and 3.2 with
#    L_simple.
#
# **What later work changed.** The network predicts v in place of epsilon, so no error is divided by
# a small number (Salimans and Ho, Progressive Distillation for Fast Sampling of Diffusion Models,
# 2022). The cosine schedule spends fewer steps where x_t is noise (Nichol and Dhariwal, Improved
# Denoising Diffusion Probabilistic Models, 2021). Deterministic samplers need 10 to 50 steps and
# not 1000 (Song, Meng and Ermon, Denoising Diffusion Implicit Models, 2021; Lu et al.,
# DPM-Solver++, 2022): demos/guidance.py compares them. Labels choose the digit, and guidance makes
# samples typical (Ho and Salimans, Classifier-Free Diffusion Guidance, 2022). demos/ddpm.py has all
# of these, and its docstring says whose each is. Large pictures are made of codes (Rombach et al.,
# High-Resolution Image Synthesis with Latent Diffusion Models, 2022): demos/prompt.py.
