"""An autoencoder squeezes each digit into two numbers and draws it again from those.

Question to predict, before you run it: 784 pixels go in, 2 numbers come through, 784 pixels come out, and the loss only compares pixels. Nobody tells
the network that there are ten kinds of digits. Will the map of the codes show them? And which digits will come out as another digit?

    python demos/autoencoder.py                  digits drawn by this package: no network, no GPU
    python demos/autoencoder.py --data mnist     the real ones
    python demos/autoencoder.py --latent-dim 16      eight times the numbers

It draws reconstructions.png (test digits over what is left of them), latent_map.png (the test set's codes, by class), walk.png (from code to code in a
straight line) and curves.png.

Three one-line changes, and what each should show (figures with --steps 1000):

1. `loss = losses.squared_error(x, model(x)).mean()`, the mean instead of the median: softer strokes, and where the network is in doubt all the
   candidates at once, in grey.
2. In tinygen/models/autoencoder.py, each `LeakyReLU(0.1)` of `Autoencoder` to `Identity()`: a linear map onto a plane, on which most classes
   lie on top of each other. Depth without a bend is no depth.
3. `loss = losses.absolute_error(x, ops.sigmoid(model(x))).mean()`, to keep grey levels in range: 0.120, worse than one picture for all. It draws the
   same blot for every digit, each pixel's median, and stays: there the sigmoid's slope has vanished.
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, latent, losses, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.models.autoencoder import Autoencoder

p = parser(__doc__, steps={"digits": 4000, "mnist": 8000}, takes={"digits": "about 40 seconds", "mnist": "80 seconds"}, batch=128)
p.add_argument("--latent-dim", type=natural, default=2, help="dimensions of z (default: 2, the lecture's)")
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: the map needs at least 2 dimensions")

# %% Data: bytes (n, 1, 28, 28), and labels, which only the map's colours use
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
else:
    (train, _), (test, labels) = data.digits(20_000, seed=1), data.digits(5_000, seed=2)

# %% Model
model = Autoencoder(args.latent_dim, (256, 64), rng=default_rng(args.seed, args.device))
optimizer = optim.Adam(model.parameters(), lr=3e-3)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader)

# %% Training: the picture is its own target
for step in run.steps():
    x = to_device(next(loader), args.device) / np.float32(255)
    loss = losses.absolute_error(x, model(x)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 3e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(loss=loss)


# %% How good is it? The error in grey levels a pixel (0 black, 1 white), beside what needs no network: the best single picture, which is the median of
# each pixel, and principal components, as many as z has dimensions.
def decoded(z):
    """Codes (n, latent) to pictures (n, 1, 28, 28), from 0 to 1."""
    with no_grad():
        return model.decode(to_device(z.astype(np.float32), args.device)).numpy().clip(0, 1)


truth = test / np.float32(255)
with no_grad():
    codes = np.concatenate([model.encode(to_device(x, args.device)).numpy() for x in np.array_split(truth, -(-len(truth) // 500))])
pictures = decoded(codes)

some = train[:5000].reshape(-1, 784) / np.float32(255)
mean = some.mean(axis=0)
_, directions = np.linalg.eigh(np.cov(some.T))
components = directions[:, -args.latent_dim :].astype(np.float32)
flat = truth.reshape(-1, 784)
pca = (mean + (flat - mean) @ components @ components.T).clip(0, 1)
figures = {
    "test_error": float(np.abs(truth - pictures).mean()),
    "pca_error": float(np.abs(flat - pca).mean()),
    "median_picture_error": float(np.abs(flat - np.median(some, axis=0)).mean()),
    "test_examples": len(test),
}
print("Mean error a pixel, over {test_examples} test digits: {test_error:.4f}; PCA of the same size {pca_error:.4f}; one picture for all "
      "{median_picture_error:.4f}".format(**figures))  # fmt: skip

# %% Pictures
one_each, another = np.array([np.flatnonzero(labels == k)[:2] for k in range(10)]).T
numbers = f"from {args.latent_dim} numbers"
plot.save_rows(
    args.out / "reconstructions.png",
    {"test digits": test[one_each], numbers: pictures[one_each], " test digits": test[another], " " + numbers: pictures[another]},
)  # fmt: skip
if args.latent_dim == 2:
    view, axes, title = codes, ("$z_1$", "$z_2$"), "The test digits' codes"
else:  # two directions of the many: where the codes vary most
    _, directions = np.linalg.eigh(np.cov(codes.T))
    view, axes = codes @ directions[:, :-3:-1], ("first principal component", "second principal component")
    title = f"The test digits' codes, {args.latent_dim} dimensions seen along two"
plot.save_scatter(args.out / "latent_map.png", view, labels, title=title, axes=axes)
walks = latent.lerp(codes[one_each], codes[np.roll(one_each, -1)], 12)  # (10, 12, latent): from each digit to the next
plot.save_grid(args.out / "walk.png", decoded(walks.reshape(120, args.latent_dim)), columns=12)
plot.save_curves(args.out / "curves.png", {"loss": (np.arange(args.steps), run.history["loss"] / 784)}, ylabel="error a pixel")

run.write_metrics(picture="latent_map.png", **figures)
