"""A variational autoencoder learns to write digits (Kingma and Welling, 2013).

Question to predict, before you run it: pictures come out of a VAE by decoding a z drawn from N(0, I), a z that no training picture was encoded to.
The plain autoencoder decodes such a z to nonsense. Will these be digits? All of them? And where in the latent map will the failures lie?

    python demos/vae.py                  digits drawn by this package: no network, no GPU
    python demos/vae.py --latent-dim 2       a latent space you can look at: the map, and the plane decoded
    python demos/vae.py --data mnist     the real ones

It draws reconstructions.png (three rows: test digits, the black-and-white drawing that the encoder saw, and what is left of it after 20 numbers, or
--latent-dim), samples.png (from the prior), latent_map.png (where the test digits' codes lie), interpolation.png or, with --latent-dim 2, plane.png, and
curves.png.

Three one-line changes, and what each should show (figures with --steps 1500, where the unchanged script ends at a KL of 26 and a test ELBO of -89.3):

1. `loss = -(bound - 3 * kl).mean()`, four times the KL: it falls to 10; samples become clean and alike, reconstructions drift to the typical digit.
   `loss = -(bound + 0.9 * kl).mean()`, a tenth of it: it rises to 56, reconstructions are sharp, samples fall to pieces. That is an autoencoder.
2. `eps = 0 * rng.normal(...)`, no noise in the code: the loss falls to 54, better than ever, and the samples are blots. Nothing blurs the codes, so
   the encoder crowds them all at the origin, where the KL is small, and the decoder reads them under a magnifying glass. With noise, in the test, it
   reads nothing: -599, far below independent pixels.
3. `x = next(loader) / np.float32(255)`, grey instead of drawn pixels: nothing much, -88.9, and that is a surprise worth a thought. Why? The negative
   log-likelihood is linear in x, so grey gives its mean over the drawings at once; only the encoder sees something else than in the test.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.vae import VAE, elbo

p = parser(__doc__, steps={"digits": 4000, "mnist": 14_000}, takes={"digits": "about a minute", "mnist": "two to four minutes"}, batch=128)
p.add_argument("--latent-dim", type=natural, default=20, help="dimensions of z (default: 20; with 2, maps are drawn as they are)")
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: the maps need at least 2 dimensions")

# %% Data: bytes (n, 1, 28, 28), and labels, which only the map's colours use
if args.data == "mnist":
    (train, _), (test, labels) = data.mnist("train"), data.mnist("test")
else:
    print("Making 35,000 digits ...", flush=True)
    (train, _), (test, labels) = data.digits(30_000, seed=1), data.digits(5_000, seed=2)

# %% Model
rng = default_rng(args.seed, args.device)
model = VAE(args.latent_dim, mean=train.mean(axis=0) / 255, rng=rng)
optimizer = optim.Adam(model.parameters(), lr=3e-3)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader, rng=rng)


def black_and_white(images, rng):
    """Draw each pixel: ink with the probability that its grey level says. Done afresh for each batch, it also keeps the model from learning by heart."""
    return rng.bernoulli(to_device(images, args.device) / np.float32(255))


# %% Training
for step in run.steps():
    x = black_and_white(next(loader), rng)
    eps = rng.normal((len(x), args.latent_dim))
    bound, kl = elbo(model, x, eps)
    loss = -bound.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 3e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(loss=loss, kl=kl.mean())

# %% How good is it? The bound on all test digits, each binarized once and encoded to one sample. Beside it a model that knows only how often each
# pixel is ink: what learning must beat.
evaluation = default_rng(args.seed + 1, args.device)  # its own, so that the figure does not depend on what was drawn before
often = (train.mean(axis=0) / 255).clip(1e-3, 1 - 1e-3).astype(np.float32)
often = to_device(np.log(often / (1 - often)), args.device)
seen, codes, bounds, kls, baseline = [], [], [], [], []
with no_grad():
    for images in np.array_split(test, -(-len(test) // 500)):
        x = black_and_white(images, evaluation)
        bound, kl = elbo(model, x, evaluation.normal((len(x), args.latent_dim)))
        seen.append(to_numpy(x))
        codes.append(model.encode(x)[0].numpy())  # mu
        bounds.append(bound.numpy())
        kls.append(kl.numpy())
        baseline.append(to_numpy(-losses.bernoulli_nll(np.broadcast_to(often, x.shape), x)))
seen, codes, bounds, kls, baseline = (np.concatenate(parts) for parts in (seen, codes, bounds, kls, baseline))
figures = {
    "test_elbo": float(bounds.mean(dtype=np.float64)),
    "test_elbo_standard_error": float(bounds.std(dtype=np.float64) / len(bounds) ** 0.5),
    "test_kl": float(kls.mean(dtype=np.float64)),
    "test_examples": len(test),
    "independent_pixels": float(baseline.mean(dtype=np.float64)),
}
print("Test ELBO {test_elbo:.2f} +- {test_elbo_standard_error:.2f} nats a digit over {test_examples} digits; the KL takes {test_kl:.1f} of it. "
      "Independent pixels: {independent_pixels:.1f}".format(**figures))  # fmt: skip


# %% Pictures
def decoded(z):
    """Pictures for codes z (n, latent): the probability of ink at each pixel."""
    with no_grad():
        return ops.sigmoid(model.decode(to_device(z.astype(np.float32), args.device))).numpy()


one_each = np.array([np.flatnonzero(labels == k)[0] for k in range(10)])
plot.save_rows(args.out / "reconstructions.png", {"test digits": test[one_each], "in black and white": seen[one_each], "decoded": decoded(codes[one_each])})
prior = np.random.default_rng(args.seed).normal(size=(100, args.latent_dim))
plot.save_grid(args.out / "samples.png", decoded(prior), title="Decoded from codes drawn from the prior N(0, I)")
plot.save_curves(
    args.out / "curves.png",
    {"-ELBO": (np.arange(args.steps), run.history["loss"]), "KL": (np.arange(args.steps), run.history["kl"])},
    ylabel="nats a digit",
)  # fmt: skip

if args.latent_dim == 2:
    plot.save_scatter(args.out / "latent_map.png", codes, labels, title="The test digits' codes")
    # The unit square through the prior's quantiles: equal areas of the picture are equally likely under N(0, I). z_1 goes right, z_2 up.
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 20) for i in range(20)])
    z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(400, 2)
    plot.save_grid(args.out / "plane.png", decoded(z), columns=20, gap=0, title="The plane of codes, decoded: equally likely steps")
else:
    # More dimensions than a page has: the two along which the classes lie furthest apart, in units of the spread within a class. The labels choose this
    # view, not the codes: the VAE never saw them.
    title = f"The test digits' codes, {args.latent_dim} dimensions seen along two discriminants"
    plot.save_scatter(args.out / "latent_map.png", plot.linear_discriminants(codes, labels), labels, title=title, axes=("first discriminant", "second discriminant"))
    # Ten walks z_t = (1 - t) z_0 + t z_1 from each digit to the next.
    t = np.linspace(0, 1, 12)[:, None]
    walks = [(1 - t) * codes[a] + t * codes[b] for a, b in zip(one_each, np.roll(one_each, -1), strict=True)]
    plot.save_grid(args.out / "interpolation.png", decoded(np.concatenate(walks)), columns=12, title="Straight lines between the codes of two digits")

run.write_metrics(picture="samples.png", **figures)
