"""A convolutional autoencoder beside a dense one, and arithmetic on codes: z1 + z2 = z3.

Question to predict, before you run it: both squeeze a picture into the same number of numbers and learn from the same batches. The convolutional one has
a fraction of the weights. Which gives back unseen pictures better? And halfway between the codes of an 8 and of a 5, what will be drawn: two
digits, one faded over the other, or a digit on its way from one to the other?

    python demos/conv_autoencoder.py                  digits drawn by this package: no network, no GPU
    python demos/conv_autoencoder.py --data mnist     the real ones
    python demos/conv_autoencoder.py --data faces     faces, drawn by this package too; then also arithmetic: face + glasses

It draws reconstructions.png (test pictures over what each network makes of their codes), walk.png (pixels faded into each other above, codes below) and
curves.png; with faces also glasses.png: "with glasses" minus "without", a difference of two means of codes, added to the codes of faces without.

The right answer of that edit is known here: the same face, drawn with glasses. So it is measured where the two pictures differ, as the error of the
edited picture over that of the unedited reconstruction (1 is doing nothing, 0 perfect), and elsewhere as the change that glasses should not make.

Three one-line changes, and what each should show:

1. `ConvAutoencoder(args.latent_dim, 4, shape, ...)`, a quarter of the channels: a sixteenth of the dense one's weights (29,385) and an error of 0.123 where the
   unchanged script has 0.085 and the dense one 0.106.
2. `latent.slerp` in place of `latent.lerp`: hardly another walk. These codes were never drawn from N(0, I), nothing says that their length matters.
3. With --data faces, `"beard"` in place of `"glasses"`, three times: an edit on the lower half of the face. Is it easier or harder, and why?
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, latent, losses, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors, set_attribute
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.autoencoder import Autoencoder, ConvAutoencoder

p = parser(
    __doc__, steps={"digits": 1200, "mnist": 2000, "faces": 8000}, batch=64,
    takes={"digits": "about 40 seconds", "mnist": "a minute", "faces": "six to ten minutes"},
)  # fmt: skip
p.add_argument("--latent-dim", type=natural, help="dimensions of z (default: 16, for faces 128)")
args = parse(p)
args.latent_dim = args.latent_dim or (128 if args.data == "faces" else 16)

# %% Data: bytes (n, channels, height, width)
if args.data == "faces":
    factors, test_factors = sample_aligned_factors(16_000, seed=1), sample_aligned_factors(1500, seed=2)
    factors["glasses_style"] = test_factors["glasses_style"] = 1  # one kind, so that it can be known how they should look
    train, test = render(factors), render(test_factors)
    ends = np.arange(10)
else:
    (train, _), (test, labels) = (data.mnist("train"), data.mnist("test")) if args.data == "mnist" else (data.digits(20_000, seed=1), data.digits(2_000, seed=2))
    ends = np.array([np.flatnonzero(labels == k)[0] for k in (0, 1, 2, 3, 8, 5, 6, 4, 9, 7)])  # neighbours in this list are walked between

# %% Two networks with the same number of numbers in the middle. As PCA does, they describe how a picture differs from the mean one.
centre = to_device((train.mean(axis=0) / 255).astype(np.float32), args.device)
rng, shape = default_rng(args.seed, args.device), train.shape[1:]
models = {
    "convolutional": ConvAutoencoder(args.latent_dim, 16, shape, rng=rng),
    "dense": Autoencoder(args.latent_dim, (256, 128), shape, rng=rng),
}
weights = {name: sum(w.size for w in model.parameters()) for name, model in models.items()}
optimizer = optim.Adam([w for model in models.values() for w in model.parameters()], lr=3e-3)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, **models, optimizer=optimizer, loader=loader)

# %% Training: the same batch for both
for step in run.steps():
    x = to_device(next(loader), args.device) / np.float32(255) - centre
    error = {name: losses.squared_error(x, model(x)) for name, model in models.items()}
    loss = error["convolutional"].mean() + error["dense"].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 3e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(**{name: e.mean() for name, e in error.items()})


# %% How good are they? Root mean square error a number of the test pictures, beside the mean picture's and that of as many principal components.
def encoded(model, images):
    """Bytes (n, channels, height, width) to codes (n, latent)."""
    with no_grad():
        return np.concatenate([model.encode(to_device(x / np.float32(255), args.device) - centre).numpy() for x in np.array_split(images, -(-len(images) // 500))])


def decoded(model, z):
    """Codes (n, latent) to pictures from 0 to 1."""
    with no_grad():
        return np.concatenate([(model.decode(to_device(c.astype(np.float32), args.device)) + centre).numpy() for c in np.array_split(z, -(-len(z) // 500))]).clip(0, 1)


def rms(a, b):
    return float(np.sqrt(((a - b) ** 2).mean(dtype=np.float64)))


truth = test / np.float32(255)
codes = {name: encoded(model, test) for name, model in models.items()}
drawn = {name: decoded(model, codes[name]) for name, model in models.items()}
some = train[:2000].reshape(-1, int(np.prod(shape))) / np.float32(255)
mean, flat = some.mean(axis=0), truth.reshape(len(test), -1)
components = np.linalg.svd(some - mean, full_matrices=False)[2][: args.latent_dim]
figures = {f"error_{name}": rms(drawn[name], truth) for name in models} | {f"weights_{name}": weights[name] for name in models}
figures["error_pca"] = rms((mean + (flat - mean) @ components.T @ components).clip(0, 1), flat)
figures["error_mean_picture"] = rms(mean, flat)
print("Error of a test picture: convolutional {error_convolutional:.4f} ({weights_convolutional:,} weights), dense {error_dense:.4f} "
      "({weights_dense:,}), PCA {error_pca:.4f}, the mean picture {error_mean_picture:.4f}".format(**figures))  # fmt: skip

# %% Pictures
plot.save_rows(args.out / "reconstructions.png", {"test pictures": truth[ends]} | {name: drawn[name][ends] for name in models})
rows = {}
for a, b in zip(ends[2:10:2], ends[3:10:2], strict=True):  # four walks z_t = (1 - t) z_1 + t z_2; above each, what the pixels themselves give
    z1, z2 = codes["convolutional"][[a, b]]
    blend = latent.lerp(truth[a].reshape(-1), truth[b].reshape(-1), 11).reshape(11, *shape)
    rows |= {" " * len(rows) + "pixels": blend, " " * len(rows) + "codes": decoded(models["convolutional"], latent.lerp(z1, z2, 11))}
plot.save_rows(args.out / "walk.png", rows)
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), run.history[name]) for name in models}, ylabel="squared error a picture")

# %% z1 + z2 = z3: glasses, on test faces that have none
if args.data == "faces":
    attributes = ("glasses", "beard", "hat", "old", "smiling")
    print("Training the judge ...", flush=True)
    evaluator = train_attribute_classifier(train, np.stack([has_attribute(factors, a) for a in attributes], axis=1), steps=min(1000, args.steps), device=args.device)
    without = ~has_attribute(test_factors, "glasses")
    goal = set_attribute(test_factors[without], "glasses", True)
    right = render(goal) / np.float32(255)
    differs = np.repeat((right != truth[without]).any(axis=1)[:, None], 3, axis=1)  # where glasses show, frame and lenses
    there = np.stack([has_attribute(goal, a) for a in attributes], axis=1)

    def agreement(pictures):
        """For each attribute, the share of pictures of which the judge says what is true of the face with glasses."""
        return dict(zip(attributes, (evaluator.predict(pictures, args.device) == there).mean(axis=0).tolist(), strict=True))

    judged = {"drawn with glasses": agreement(right), "left alone": agreement(truth[without])}
    rows = {"test faces": truth[without][:10]}
    for name, model in models.items():
        vector = latent.attribute_vector(encoded(model, train), has_attribute(factors, "glasses"))
        edited, plain = decoded(model, codes[name][without] + vector), drawn[name][without]
        figures[f"glasses_{name}"] = rms(edited[differs], right[differs]) / rms(plain[differs], right[differs])
        figures[f"elsewhere_{name}"] = float(np.abs(edited - plain)[~differs].mean())
        judged[name] = agreement(edited)
        rows |= {f"{name}: code": plain[:10], f"{name}: code + glasses": edited[:10]}
        print(f"Glasses, {name}: error {figures[f'glasses_{name}']:.2f} of leaving the face alone, {figures[f'elsewhere_{name}']:.4f} of change elsewhere")
    for name, share in judged.items():
        figures |= {f"evaluator_{a}_{name.replace(' ', '_')}": s for a, s in share.items()}
        print(f"The judge is right about {name}: " + ", ".join(f"{a} {s:.1%}" for a, s in share.items()))
    plot.save_rows(args.out / "glasses.png", rows | {"drawn with glasses": right[:10]})

run.write_metrics(picture="reconstructions.png", **figures)
