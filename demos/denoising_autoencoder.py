# %% [markdown]
"""A denoising autoencoder: corrupted digits in, clean digits out.

Vincent et al., 2008 and 2010. One network learns to remove three kinds of
noise. Its input does not say which of them it is.

Question to predict before you run it: a lost pixel is lost; no filter brings
back a number that is not there. There are three kinds of noise: Gaussian noise
on every pixel, half of the pixels set to black, half of them replaced by black
or white. From which will the network restore digits best, and from which
worst? Where it cannot know, what will it draw: one of the possible digits, or
all of them at once?

    python demos/denoising_autoencoder.py               digits drawn by this
                                                        package
    python demos/denoising_autoencoder.py --data mnist  MNIST
    python demos/denoising_autoencoder.py --level 0.7   more noise
    python demos/denoising_autoencoder.py --data folder:PATH --size 32
                                                        your own pictures

It draws
    denoised.png  a digit on its way through noise and network; clean digits,
                  and for each kind of noise, noisy digits and restored digits
    curves.png    the loss

Three changes to try:

1. `noise = NOISES["gaussian"]` in the loop: one kind of noise in training.
2. `loss = losses.absolute_error(x, model(noisy)).mean()`: the optimum is the
   median of the possible clean pictures instead of their mean.
3. `noisy = x` in the loop: no noise in training, an ordinary autoencoder.
"""

# %%
# Settings
import numpy as np
from _command_line import fraction, parse, parser  # first of ours: finds the package
from _pictures import choose_examples, read_folder
from _run import Run

from tinygen import data, default_rng, losses, metrics, no_grad, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.autoencoder import (
    Autoencoder,
    gaussian_noise,
    masking_noise,
    salt_and_pepper_noise,
)
from tinygen.plot.scheme import Network, Picture, Scheme, Text

p = parser(
    __doc__,
    steps={"digits": 3000, "mnist": 6000, "folder:PATH": 3000},
    takes={"digits": "about a minute", "mnist": "two minutes", "folder:PATH": "some minutes"},
    batch=128,
    sizes={"folder:PATH": 32},
    valid_sizes=range(1, 65),  # the linear filter has a weight for each pair of numbers
)
p.add_argument(
    "--level",
    type=fraction,
    default=0.5,
    help="standard deviation of the Gaussian noise, and fraction of the pixels that are "
    "lost or replaced (default: 0.5)",
)
args = parse(p)
NOISES = {
    "gaussian": gaussian_noise,
    "masking": masking_noise,
    "salt and pepper": salt_and_pepper_noise,
}
LATENT_DIM = 128  # dimensions of the code
HIDDEN = (512, 256)  # units of the two hidden layers
LR = 2e-3  # learning rate at the start

# %%
# Data: bytes (n, C, H, W); the labels are used only to show one picture of each class
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, _), (test, labels) = data.digits(20_000, seed=1), data.digits(2_000, seed=2)
else:
    (train, _), (test, labels), _ = read_folder(args)
shape, num_numbers = train.shape[1:], train[0].size

# %%
# Model: its code is wide, because here the noise, not a bottleneck, prevents copying
rng = default_rng(args.seed, args.device)
model = Autoencoder(LATENT_DIM, HIDDEN, shape, rng=rng)
optimizer = optim.Adam(model.parameters(), lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.to_float)
run = Run(args, model=model, optimizer=optimizer, loader=loader, rng=rng)

# %%
# Training: the input is noisy, the target is clean; a third of the steps for each noise
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    x = to_device(next(batches), args.device)  # (N, C, H, W)
    noise = NOISES[[*NOISES][step % 3]]
    noisy = noise(x, args.level, rng)
    loss = losses.squared_error(x, model(noisy)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss=loss)

# %%
# Evaluation: the root mean squared error per number of a picture
# There are two baselines for each kind of noise. One leaves the noisy picture as it is. The other
# is the best linear filter for this noise (Wiener). It shows what correlations between pixels can
# do, without knowledge of digits.
# The evaluation has its own rng, so that its figures do not depend on how long the training was.
evaluation_rng = default_rng(args.seed + 1, args.device)


def append_constant(x):
    """Flatten pictures of D = C H W numbers and append a feature that is 1: (n, D + 1)."""
    flat = x.reshape(-1, num_numbers)
    return np.concatenate([flat, np.ones((len(flat), 1), np.float32)], axis=1)


def fit_wiener_filter(noise):
    """Fit a linear map from noisy pixels and a constant to clean pixels, (D + 1, D).

    It has the least squared error on training pictures (with a small ridge term).
    """
    clean = data.to_float(train[:5000])
    noisy = noise(to_device(clean, args.device), args.level, evaluation_rng)
    a = append_constant(to_numpy(noisy))
    ridge = 10 * np.eye(num_numbers + 1, dtype=np.float32)
    return np.linalg.solve(a.T @ a + ridge, a.T @ clean.reshape(-1, num_numbers))


def restore(noisy):
    """Apply the network to pictures (n, C, H, W), in batches; clip to [0, 1]."""
    with no_grad():
        batches = [model(b).numpy() for b in data.split_batches(noisy, 500)]
    return np.concatenate(batches).clip(0, 1)


x_test = data.to_float(test)
examples = choose_examples(labels, 10)  # one digit of each class
figures, rows = {"test_examples": len(test)}, []
for name, noise in NOISES.items():
    noisy = noise(to_device(x_test, args.device), args.level, evaluation_rng)
    restored = restore(noisy)
    noisy = to_numpy(noisy)
    filtered = append_constant(noisy) @ fit_wiener_filter(noise)
    filtered = filtered.clip(0, 1).reshape(x_test.shape)
    noisy = noisy.clip(0, 1)
    key = name.replace(" ", "_")
    errors = {
        f"rmse_{key}_noisy": metrics.rmse(noisy, x_test),
        f"rmse_{key}_wiener_filter": metrics.rmse(filtered, x_test),
        f"rmse_{key}_network": metrics.rmse(restored, x_test),
    }
    figures |= errors
    rows += [
        (name.replace(" and ", "\nand ").replace("gauss", "Gauss"), noisy[examples]),
        ("restored", restored[examples]),
    ]
    print(
        "{:16s} RMSE: noisy {:.3f}, best linear filter {:.3f}, network {:.3f}".format(
            name, *errors.values()
        )
    )

# %%
# Pictures
(_, noisy), (_, restored) = rows[-2:]  # of the last kind of noise
scheme = Scheme(
    {
        "clean": (0, 0, Picture(x_test[examples[0]], "clean: x")),
        "noise": (0, 1, Text("+ noise")),
        "noisy": (0, 2, Picture(noisy[0], "noisy")),
        "encoder": (0, 3, Network("encoder", 1, 0.4)),
        "decoder": (0, 4, Network("decoder", 0.4, 1)),
        "restored": (0, 5, Picture(restored[0], "restored")),
    },
    ["clean noise noisy encoder decoder restored"],
    loops=["restored clean"],
    side=84,
    title="The restored picture should equal the clean one",
)
rows = plot.Rows([("clean", x_test[examples]), *rows])
plot.save_page(args.out / "denoised.png", [scheme, rows])
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"loss": (steps, run.history["loss"])},
    ylabel="squared error per picture",
)
run.write_metrics(picture="denoised.png", **figures)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, 32 seconds on one core), the root mean squared error per pixel of 2,000
# test digits is
#
#     noise             noisy    best linear filter    network
#     gaussian          0.340    0.135                 0.118
#     masking           0.238    0.131                 0.118
#     salt and pepper   0.492    0.173                 0.142
#
# With the seeds 1 and 2 the network's figures differ by 0.003 at most.
#
# Salt and pepper is the worst: a replaced pixel does not show that it was replaced, while a masked
# stroke only has holes. Where several digits are possible, the network draws all of them at once,
# in grey, because the mean of the possible pictures has the least squared error.
#
# The three changes:
#
# 1. The network removes Gaussian noise better. It fails on the noises it was not trained on, most
#    of all on salt and pepper.
# 2. Doubtful strokes are no longer grey. They are there or they are missing.
# 3. The network copies the noise as well as it can. Its code is too narrow for most of the noise,
#    so some is lost by accident, as PCA would lose it.
