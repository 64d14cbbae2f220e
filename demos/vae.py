# %% [markdown]
"""A variational autoencoder that learns to draw digits.

Lecture: the VAE (Kingma and Welling, 2013).

Question to predict before you run it: a VAE generates an image by decoding a
code z drawn from N(0, I), to which no training image was encoded. The plain
autoencoder decodes such a z to nonsense. What will a VAE decode it to? And
does the answer depend on where in the latent space z lies?

    python demos/vae.py                   digits drawn by this package
    python demos/vae.py --latent-dim 2    a latent space that fits on a page
    python demos/vae.py --data mnist      MNIST
    python demos/vae.py --data folder:PATH --size 32
                                          your own pictures, with their grey
                                          levels or colours; names of
                                          sub-folders are the classes

It draws
    samples.png          codes drawn from the prior, decoded
    reconstructions.png  test digits, the same in black and white as the
                         encoder sees them, and the decoded codes
    latent_map.png       the codes of the test digits, coloured by class
    interpolation.png    decoded straight lines between two codes
    plane.png            with --latent-dim 2 instead: the plane of z, decoded
    curves.png           the loss, and the KL in it

Where to read on: tinygen/models/vae.py derives the bound that is maximized
here, and tinygen/losses/reparametrize.py how its gradient passes through the
random z.

Three changes to try, with --steps 1500:

1. `loss = -(bound - 3 * kl).mean()`, four times the KL. Then
   `loss = -(bound + 0.9 * kl).mean()`, a tenth of it.
2. `eps = 0 * rng.normal(...)`: no noise in the code.
3. `x = to_device(data.to_float(next(batches)), args.device)`: grey pixels in
   place of black-and-white ones.
"""

# %%
# Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import choose_examples, principal_plane, read_folder
from _run import Run

from tinygen import data, default_rng, latent, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.vae import VAE, elbo

p = parser(
    __doc__,
    steps={"digits": 4000, "mnist": 14_000, "folder:PATH": 4000},
    takes={
        "digits": "about a minute",
        "mnist": "two to four minutes",
        "folder:PATH": "two to four minutes",
    },
    batch=128,
    sizes={"folder:PATH": 32},
    weights=("model",),
)
p.add_argument(
    "--latent-dim",
    type=natural,
    default=20,
    help="dimensions of z (default: 20; with 2, the latent space is drawn as it is)",
)
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: the maps need at least 2 dimensions")
HIDDEN_UNITS = 400  # of the one hidden layer of the encoder, and of that of the decoder
LR = 3e-3  # learning rate at the start, three times Adam's default (compared at the end)

# %%
# Data: bytes (n, C, H, W); the labels are used only for the colours of the map
is_binary, noun, class_names = True, "digit", "0123456789"
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    print("Drawing 35,000 digits ...", flush=True)
    (train, _), (test, labels) = data.digits(30_000, seed=1), data.digits(5_000, seed=2)
else:
    is_binary, noun = False, "picture"
    (train, _), (test, labels), class_names = read_folder(args)
mean_image, shape = train.mean(axis=0) / 255, train.shape[1:]


def observe(images, rng):
    """Convert bytes to the model's input: digits to pixels 0 or 1, pictures to levels between."""
    if is_binary:
        return data.binarize(images, rng)
    return to_device(data.to_float(images), args.device)


# %%
# Model
rng = default_rng(args.seed, args.device)
model = VAE(args.latent_dim, HIDDEN_UNITS, shape, mean=mean_image, rng=rng)
optimizer = optim.Adam(model.parameters(), lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader, rng=rng)

# %%
# Training
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    x = observe(next(batches), rng)  # (N, C, H, W); digits: each pixel 0 or 1
    eps = rng.normal((len(x), args.latent_dim))  # the noise in z = mu + sigma eps
    bound, kl = elbo(model, x, eps)  # (N,) each, in nats
    loss = -bound.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss=loss, kl=kl.mean())

# %%
# Evaluation: the ELBO of all test pictures, each binarized once, with one sample of z each
# The baseline knows only how often each pixel is 1. Its pixels are independent of one another.
pixel_probability = mean_image.clip(1e-3, 1 - 1e-3).astype(np.float32)  # never 0 or 1
pixel_logits = to_device(np.log(pixel_probability / (1 - pixel_probability)), args.device)

# A separate source of random numbers: the figures do not depend on the length of the training.
test_rng = default_rng(args.seed + 1, args.device)
results = []
with no_grad():
    for images in data.split_batches(test, 500):
        x = observe(images, test_rng)  # (n, C, H, W)
        bound, kl = elbo(model, x, test_rng.normal((len(x), args.latent_dim)))
        mu, _ = model.encode(x)
        baseline = -losses.bernoulli_nll(np.broadcast_to(pixel_logits, x.shape), x)
        results.append([to_numpy(a) for a in (x, mu.data, bound.data, kl.data, baseline)])
test_x, codes, bounds, kls, baselines = (np.concatenate(parts) for parts in zip(*results))

metrics = {
    "test_elbo": float(bounds.mean(dtype=np.float64)),
    "test_elbo_standard_error": float(bounds.std(dtype=np.float64) / len(bounds) ** 0.5),
    "test_kl": float(kls.mean(dtype=np.float64)),
    "test_examples": len(test),
    "independent_pixels": float(baselines.mean(dtype=np.float64)),
}
print(
    "Test ELBO {test_elbo:.2f} +- {test_elbo_standard_error:.2f} nats per {noun} over "
    "{test_examples} {noun}s: log-likelihood {log_likelihood:.1f} minus KL {test_kl:.1f}. A model "
    "of independent pixels has {independent_pixels:.1f}.".format(
        log_likelihood=metrics["test_elbo"] + metrics["test_kl"], noun=noun, **metrics
    )
)


# %%
# Pictures
def decode(z):
    """Decode codes (n, latent_dim) to the probability that each pixel is 1, (n, C, H, W)."""
    with no_grad():
        return ops.sigmoid(model.decode(to_device(z.astype(np.float32), args.device))).numpy()


examples = choose_examples(labels, 10)  # one digit of each class
rows = {f"test {noun}s": test[examples]}
if is_binary:
    rows["in black and white"] = test_x[examples]
plot.save_rows(args.out / "reconstructions.png", rows | {"decoded": decode(codes[examples])})
z_prior = np.random.default_rng(args.seed).normal(size=(100, args.latent_dim))
plot.save_grid(
    args.out / "samples.png",
    decode(z_prior),
    title="Decoded from codes drawn from the prior N(0, I)",
)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"-ELBO": (steps, run.history["loss"]), "KL": (steps, run.history["kl"])},
    ylabel=f"nats per {noun}",
)

if args.latent_dim == 2:
    title = f"Codes of the test {noun}s"
    plot.save_scatter(
        args.out / "latent_map.png", codes, labels, names=class_names or [""], title=title
    )
    # Steps between quantiles of N(0, 1): equal areas of the picture have equal probability.
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 20) for i in range(20)])
    z_plane = latent.grid(np.zeros(2), *np.eye(2), quantiles)  # (20, 20, 2): z_1 right, z_2 up
    plot.save_grid(
        args.out / "plane.png",
        decode(z_plane.reshape(400, 2)),
        columns=20,
        gap=0,
        title="The plane of z, decoded: steps of equal probability",
    )
else:
    num_classes = len(np.unique(labels))
    if num_classes >= 3 and len(codes) > args.latent_dim + num_classes:
        # The two directions in which the classes are furthest apart, in units of the spread within
        # a class. The labels choose this view and not the codes: the VAE has never seen them.
        view = plot.linear_discriminants(codes, labels)
        axes = ("first discriminant", "second discriminant")
    else:  # a folder with few classes or few pictures
        view = principal_plane(codes)
        axes = ("first principal component", "second principal component")
    plot.save_scatter(
        args.out / "latent_map.png",
        view,
        labels,
        names=class_names or [""],
        title=f"Codes of the test {noun}s: {args.latent_dim} dimensions, projected onto two",
        axes=axes,
    )
    # z_t = (1 - t) z_0 + t z_1, from each picture to the next
    start = codes[examples].astype(np.float64)
    z_lines = latent.lerp(start, np.roll(start, -1, axis=0), 12)  # (10, 12, latent_dim)
    plot.save_grid(
        args.out / "interpolation.png",
        decode(z_lines.reshape(-1, args.latent_dim)),
        columns=12,
        title=f"Straight lines between the codes of two {noun}s",
    )

run.write_metrics(picture="samples.png", **metrics)

# %% [markdown]
# ## What you should see
#
# `python demos/vae.py` (seed 0, 53 seconds on two cores) reaches a test ELBO of -85.0 +- 0.3 nats
# per digit: -58.2 - 26.8 = -85.0, the mean of log p(x|z) minus the KL. A model of independent
# pixels has -186.4. With `--latent-dim 2`, the ELBO is -144.4 +- 0.7 and the KL 5.0: two numbers
# say less about a digit. With Adam's default learning rate, LR = 1e-3, the ELBO is -88.6: 4,000
# steps are too few for it.
#
# Most samples are digits, but not all. The failures are mixtures of two digits. They come from
# codes between the classes, where the prior has probability and the training digits have few codes.
# In plane.png, each digit has its region, and the images in between change gradually. Where several
# classes share a place in latent_map.png, the decoder draws a blurred shape of them all.
#
# The three changes (with --steps 1500, where the unchanged script reaches a KL of 26 nats and a
# test ELBO of -89.3):
#
# 1. With four times the KL, it falls to 10 nats. Samples become clean and alike, and
#    reconstructions become the typical digit of their class. With a tenth of the KL, it rises to
#    56 nats. Reconstructions are sharp and samples are no digits: nearly an autoencoder.
# 2. The loss falls to 54 nats, better than before, and the samples are blots. Without noise nothing
#    keeps the codes apart. So the encoder puts all of them close to the origin, where the KL is
#    small, and the decoder magnifies the small differences. The evaluation does add noise, and then
#    the decoder recognizes nothing: the test ELBO is -599, far below that of independent pixels.
# 3. Almost nothing changes: -88.9. The negative log-likelihood is linear in x. So grey levels give
#    its mean over all binarizations at once. Only the encoder sees something else than in the
#    evaluation.
