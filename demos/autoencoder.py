# %% [markdown]
"""An autoencoder that compresses each digit to two numbers.

Lecture: autoencoders, with an L1 loss and a latent space of two dimensions
(Hinton and Salakhutdinov, 2006).

Question to predict before you run it: 784 pixels are encoded to 2 numbers and
decoded to 784 pixels, and the loss compares only pixels. The network does not
know that there are ten classes. Will the map of the codes show them? Which
digits will be reconstructed as another digit?

    python demos/autoencoder.py                  digits drawn by this package
    python demos/autoencoder.py --data mnist     MNIST
    python demos/autoencoder.py --latent-dim 16  a code of 16 numbers
    python demos/autoencoder.py --data folder:PATH --size 32
                                                 your own pictures

It draws
    overview.png         a digit on its way through the network, test digits
                         over their reconstructions, and the map of the codes,
                         without the few that lie far away
    reconstructions.png  test digits and their reconstructions
    latent_map.png       the codes of the test digits, coloured by class
    walk.png             decoded straight lines between two codes
    curves.png           the loss

Three changes to try, with --steps 1000:

1. `loss = losses.squared_error(x, model(x)).mean()`: the optimum is a mean
   instead of a median. Compare the strokes.
2. In tinygen/models/autoencoder.py, each `LeakyReLU(0.1)` of `Autoencoder` to
   `Identity()` (import it): a linear map onto a plane.
3. `loss = losses.absolute_error(x, ops.sigmoid(model(x))).mean()` (import
   `ops`), to keep grey levels between 0 and 1.
"""

# %%
# Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import choose_examples, principal_directions, principal_plane, read_folder
from _run import Run

from tinygen import data, default_rng, latent, losses, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.models.autoencoder import Autoencoder
from tinygen.plot.scheme import Network, Picture, Scheme, Text

p = parser(
    __doc__,
    steps={"digits": 5000, "mnist": 10_000, "folder:PATH": 5000},
    takes={"digits": "about a minute", "mnist": "two minutes", "folder:PATH": "two minutes"},
    batch=128,
    sizes={"folder:PATH": 32},
    weights=("model",),
)
p.add_argument(
    "--latent-dim",
    type=natural,
    default=2,
    help="dimensions of z (default: 2, as in the lecture)",
)
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: the map needs at least 2 dimensions")
HIDDEN = (448, 256)  # units of the two hidden layers
LR = 2e-3  # learning rate at the start

# %%
# Data: bytes (n, C, H, W); the labels are used only for the colours of the map
noun, class_names = "digit", "0123456789"
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, _), (test, labels) = data.digits(20_000, seed=1), data.digits(5_000, seed=2)
else:
    noun = "picture"
    (train, _), (test, labels), class_names = read_folder(args)
shape, num_numbers = train.shape[1:], train[0].size

# %%
# Model
model = Autoencoder(args.latent_dim, HIDDEN, shape, rng=default_rng(args.seed, args.device))
optimizer = optim.Adam(model.parameters(), lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.to_float)
run = Run(args, model=model, optimizer=optimizer, loader=loader)

# %%
# Training: the picture is its own target
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    x = to_device(next(batches), args.device)  # (N, C, H, W)
    loss = losses.absolute_error(x, model(x)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss=loss)


# %%
# Evaluation: the error per number of a picture, from 0 to 1 (a grey pixel is one number)
# Two baselines need no network: the best single picture, which is the median of each pixel, and
# PCA with as many components as z has dimensions.
def encode(x):
    """Encode pictures from 0 to 1 (n, C, H, W) to codes (n, latent_dim)."""
    with no_grad():
        batches = data.split_batches(x, 500)
        return np.concatenate([model.encode(to_device(b, args.device)).numpy() for b in batches])


def decode(z):
    """Decode codes (n, latent_dim) to pictures (n, C, H, W), from 0 to 1."""
    with no_grad():
        z = to_device(z.astype(np.float32), args.device)
        return model.decode(z).numpy().clip(0, 1)


x_test = data.to_float(test)
codes = encode(x_test)
reconstructions = decode(codes)

flat_train = train[:5000].reshape(-1, num_numbers) / np.float32(255)
flat_test = x_test.reshape(-1, num_numbers)
mean = flat_train.mean(axis=0)
components = principal_directions(flat_train, args.latent_dim).astype(np.float32)
pca = (mean + (flat_test - mean) @ components @ components.T).clip(0, 1)
metrics = {
    "test_error": float(np.abs(x_test - reconstructions).mean()),
    "pca_error": float(np.abs(flat_test - pca).mean()),
    "median_picture_error": float(np.abs(flat_test - np.median(flat_train, axis=0)).mean()),
    "test_examples": len(test),
}
print(
    "Mean absolute error per number of {test_examples} test {noun}s: autoencoder "
    "{test_error:.4f}, PCA of the same size {pca_error:.4f}, the median picture "
    "{median_picture_error:.4f}".format(noun=noun, **metrics)
)

# %%
# Pictures
first, second = np.split(choose_examples(labels, min(20, len(test) // 2 * 2)), 2)
pairs = [(f"test {noun}s", test[first]), ("decoded", reconstructions[first])]
more_pairs = [(f"test {noun}s", test[second]), ("decoded", reconstructions[second])]
plot.save_rows(args.out / "reconstructions.png", pairs + more_pairs)
if args.latent_dim == 2:
    view, axes = codes, ("$z_1$", "$z_2$")
    title = f"Codes of the test {noun}s: crowded places, and gaps"
else:
    view = principal_plane(codes)
    axes = ("first principal component", "second principal component")
    title = f"Codes of the test {noun}s, two of {args.latent_dim} dimensions"
options = {"names": class_names or [""], "title": title, "axes": axes}
plot.save_scatter(args.out / "latent_map.png", view, labels, **options)
example = first[0]
numbers = ", ".join(f"{z:.1f}" for z in codes[example][:2]).replace("-", "\u2212") + ", ..." * (
    args.latent_dim > 2
)
scheme = Scheme(
    {
        "x": (0, 0, Picture(test[example], f"x: {num_numbers} numbers")),
        "encoder": (0, 1, Network("encoder", 1, 0.3)),
        "z": (0, 2, Text(f"({numbers})", f"z: {args.latent_dim} numbers")),
        "decoder": (0, 3, Network("decoder", 0.3, 1)),
        "x'": (0, 4, Picture(reconstructions[example], "x'")),
    },
    ["x encoder z decoder x'"],
    title="Autoencoder: the loss is the mean of |x \u2212 x'|",
    side=84,
)
title = f"Each {noun} was encoded to {args.latent_dim} numbers"
if args.latent_dim == 2:
    title = f"Two numbers are too few: some {noun}s change"
rows = plot.Rows(pairs, title=title)
# A few codes lie far away: the map shows the middle 96 % of each axis.
low, high = np.quantile(view, [0.02, 0.98], axis=0)
is_outside = ((view < low) | (view > high)).any(axis=1)
percent = f"{100 * is_outside.mean():.0f} %"
code_map = plot.Scatter(
    view,
    labels,
    **options,
    note=f"Colour: class, unknown to the network. {percent} lie outside the axes.",
    extent=(low[0], high[0], low[1], high[1]),
    height=560,
)
plot.save_page(args.out / "overview.png", [scheme, rows, code_map])
walks = latent.lerp(codes[first], codes[np.roll(first, -1)], 12)  # (10, 12, latent_dim)
pictures = decode(walks.reshape(-1, args.latent_dim))
plot.save_grid(args.out / "walk.png", pictures, columns=12)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"loss": (steps, run.history["loss"] / num_numbers)},
    ylabel="error per number",
)
run.write_metrics(picture="overview.png", **metrics)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, 48 seconds on one core), the mean absolute error per pixel of 5,000
# test digits is 0.0735 (0.0714 and 0.0731 with the seeds 1 and 2). With PCA of the same size it is
# 0.1151, and with the median picture for every digit 0.1130.
#
# The map shows the classes, although no label was used: 0, 1, 2 and 6 have regions of their own.
# Classes of similar shape overlap: 4 and 9; and 3, 5 and 8. These are the digits that come out as
# another digit, such as a 4 as a 9, and a 3 as a 5.
#
# The three changes (with --steps 1000):
#
# 1. The strokes are softer. Where the network is in doubt, it draws all candidates at once, in
#    grey.
# 2. Most classes lie on top of each other. Several linear layers without a nonlinearity are one
#    linear layer.
# 3. The network draws the same shape for every digit, roughly the median picture in black and
#    white, and never leaves this state, because there the derivative of the sigmoid has vanished.
#    The error is 0.121, worse than that of the median picture.
