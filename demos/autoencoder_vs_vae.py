# %% [markdown]
"""The latent spaces of an autoencoder and of a VAE at the same codes.

Lecture: limits of the autoencoder. Its latent space has holes; that of a
variational autoencoder (Kingma and Welling, 2013) has not.

Question to predict before you run it: take any point of an autoencoder's
latent space that no picture was encoded to, and decode it. Is that a digit?
How often, of a hundred times? Two networks of the same shape learn from the
same batches. One of them has noise in its code and the KL in its loss. Which
of them reconstructs the *training* digits better, and which decodes random
codes better?

    python demos/autoencoder_vs_vae.py
        digits drawn by this package
    python demos/autoencoder_vs_vae.py --data mnist
        MNIST
    python demos/autoencoder_vs_vae.py --latent-dim 2
        few dimensions, which leave little room for holes
    python demos/autoencoder_vs_vae.py --data folder:PATH --size 32
        your own pictures, without the measures of the digit classifier

It draws
    codes.png           one test digit in both networks; walks from codes to
                        the emptiest places of each latent space; random codes,
                        decoded: of a Gaussian fitted to the autoencoder's
                        codes, and of N(0, I) in the VAE, with a frame around
                        those that pass both measures below
    samples.png         random codes of N(0, I) and of a Gaussian fitted to the
                        codes, for both; real digits
    same_places.png     between the codes of the same four test digits:
                        autoencoder left, VAE right
    latent_map.png      the codes of the autoencoder
    latent_map_vae.png  the codes of the VAE
    curves.png          the losses

How many decoded pictures are digits is measured in two ways, with a digit
classifier trained on the training digits:
    confidence  the fraction that the classifier assigns to one class with a
                probability of at least 0.9
    precision   the fraction whose features (the classifier's hidden layer) are
                as close to some real digit as real digits are to each other
                (`metrics.precision_recall`)
Both are also measured for real digits, and for noise of the same brightness.
Which of the two measures should one believe? And how many pass both?

Three changes to try:

1. `loss = error_ae.mean() + (error_vae + 0.1 * kl).mean()`: a tenth of the KL.
2. `z = mu`: no noise in the VAE's code.
3. `>= 0.5` in `is_confident`: another threshold. Does the order change?
"""

# %%
# Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _pictures import choose_examples, principal_plane, read_folder
from _run import Run
from figures.codes import draw_code

from tinygen import data, default_rng, latent, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.metrics import in_manifold, nearest_neighbours, precision_recall
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.vae import VAE
from tinygen.plot.scheme import Network, Picture, Scheme

p = parser(
    __doc__,
    steps={"digits": 3000, "mnist": 6000, "folder:PATH": 3000},
    takes={"digits": "a minute and a half", "mnist": "four minutes", "folder:PATH": "five minutes"},
    batch=128,
    sizes={"folder:PATH": 32},
    weights=("autoencoder", "vae"),
)
p.add_argument("--latent-dim", type=natural, default=12, help="dimensions of z (default: 12)")
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: a plane needs at least 2 dimensions")
HIDDEN_UNITS = (400, 400)  # of the hidden layers of each encoder, and of each decoder
LR = 3e-3  # learning rate at the start
NUM_SAMPLES = 1000  # decoded random codes

# %%
# Data: bytes (n, C, H, W); labels for the classifier and for the colours of the maps
are_digits, noun, class_names = True, "digit", "0123456789"
if args.data == "mnist":
    (train, train_labels), (test, labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    train, train_labels = data.digits(20_000, seed=1)
    test, labels = data.digits(3_000, seed=2)
else:
    are_digits, noun = False, "picture"
    (train, _), (test, labels), class_names = read_folder(args)
shape = train.shape[1:]

# %%
# Two networks of one shape. The autoencoder is a VAE whose log sigma^2 is not used.
rng = default_rng(args.seed, args.device)
mean_picture = train.mean(axis=0) / 255
autoencoder = VAE(args.latent_dim, HIDDEN_UNITS, shape, mean=mean_picture, rng=rng)
vae = VAE(args.latent_dim, HIDDEN_UNITS, shape, mean=mean_picture, rng=rng)
optimizer = optim.Adam([*autoencoder.parameters(), *vae.parameters()], lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed, transform=data.to_float)
run = Run(args, autoencoder=autoencoder, vae=vae, optimizer=optimizer, loader=loader, rng=rng)

# %%
# Training: the same batch for both
# The two blocks of the loop show the whole difference between an autoencoder and a VAE.
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    x = to_device(next(batches), args.device)  # (N, C, H, W)

    code, _ = autoencoder.encode(x)  # (N, latent_dim)
    error_ae = losses.bernoulli_nll(autoencoder.decode(code), x)  # (N,)

    mu, log_var = vae.encode(x)  # (N, latent_dim)
    z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
    error_vae = losses.bernoulli_nll(vae.decode(z), x)  # (N,)
    kl = losses.kl_to_standard_normal(mu, log_var)  # (N,)

    loss = error_ae.mean() + (error_vae + kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(autoencoder=error_ae.mean(), vae=error_vae.mean(), kl=kl.mean())


# %%
# Codes of the test digits, and pictures of codes
def encode(model, images):
    """Encode bytes (n, C, H, W) to codes (n, latent_dim), the means of q(z|x)."""
    with no_grad():
        batches = (
            to_device(data.to_float(b), args.device) for b in data.split_batches(images, 500)
        )
        return np.concatenate([model.encode(x)[0].numpy() for x in batches])


def decode(model, z):
    """Decode codes (n, latent_dim) to pictures (n, C, H, W), from 0 to 1."""
    with no_grad():
        logits = model.decode(to_device(z.astype(np.float32), args.device))
        return ops.sigmoid(logits).numpy()


models = {"autoencoder": autoencoder, "VAE": vae}
codes = {name: encode(model, test) for name, model in models.items()}


# %%
# Random codes: from N(0, I), and from a Gaussian fitted to each model's codes
# The fitted Gaussian is a fairer test of the autoencoder, whose codes can lie anywhere. The same
# noise is used for both models.
def fit_and_transform(codes, eps):
    """Turn noise eps (n, latent_dim) into samples of a Gaussian fitted to the codes."""
    scale = np.linalg.cholesky(np.cov(codes.T) + 1e-6 * np.eye(args.latent_dim))
    return codes.mean(axis=0) + eps @ scale.T


eps = np.random.default_rng(args.seed).normal(size=(NUM_SAMPLES, args.latent_dim))
from_prior = {name: decode(model, eps) for name, model in models.items()}
from_fit = {
    name: decode(model, fit_and_transform(codes[name], eps)) for name, model in models.items()
}
metrics = {"test_examples": len(test)}
for name, model in models.items():
    error = float(np.abs(decode(model, codes[name]) - data.to_float(test)).mean())
    metrics[f"reconstruction_error_{name.lower()}"] = error
    print(f"{name}: reconstruction error {error:.4f} per number of a {noun}")


# %%
# How many of the decoded pictures are digits?
def is_confident(images):
    """Tell which images have a class of probability 0.9 or more, booleans (n,)."""
    return evaluator.predict_proba(images, args.device).max(axis=1) >= 0.9


def confidence(images):
    """Measure the fraction of images with a class of probability 0.9 or more."""
    return float(is_confident(images).mean())


def precision(images):
    """Measure the fraction of images whose features lie among those of real digits."""
    return precision_recall(real_features, evaluator.extract_features(images, args.device))[0]


def is_digit(images):
    """Tell which images pass both measures, booleans (n,)."""
    features = evaluator.extract_features(images, args.device)
    return is_confident(images) & in_manifold(real_features, features)


if are_digits:
    evaluator = run.evaluator(
        train_digit_classifier, train, train_labels, steps=min(500, 25 * args.steps)
    )
    real_features = evaluator.extract_features(test[-NUM_SAMPLES:], args.device)
    pixels = test[:NUM_SAMPLES].reshape(-1, 784)
    noise = np.random.default_rng(args.seed).permuted(pixels, axis=1).reshape(-1, 1, 28, 28)
    predictions = evaluator.predict_proba(test, args.device).argmax(axis=1)
    metrics |= {
        "confidence_real": confidence(test),
        "confidence_noise": confidence(noise),
        "precision_real": precision(test[:NUM_SAMPLES]),
        "precision_noise": precision(noise),
        "both_real": float(is_digit(test[:NUM_SAMPLES]).mean()),
        "both_noise": float(is_digit(noise).mean()),
        "evaluator_accuracy": float((predictions == labels).mean()),
    }
    for name in models:
        figures = {
            "confidence_prior": confidence(from_prior[name]),
            "confidence_fit": confidence(from_fit[name]),
            "precision_prior": precision(from_prior[name]),
            "precision_fit": precision(from_fit[name]),
            "both_prior": float(is_digit(from_prior[name]).mean()),
            "both_fit": float(is_digit(from_fit[name]).mean()),
        }
        metrics |= {f"{key}_{name.lower()}": value for key, value in figures.items()}
        print(
            "{}, codes from N(0, I): precision {precision_prior:.1%}, "
            "confidence {confidence_prior:.1%}, both {both_prior:.1%}\n"
            "  codes from a Gaussian fitted to its codes: precision {precision_fit:.1%}, "
            "confidence {confidence_fit:.1%}, both {both_fit:.1%}".format(name, **figures)
        )
    print(
        "Real test digits: precision {precision_real:.1%}, confidence {confidence_real:.1%}, "
        "both {both_real:.1%}\n"
        "Permuted pixels: precision {precision_noise:.1%}, confidence {confidence_noise:.1%}, "
        "both {both_noise:.1%}\n"
        "Accuracy of the evaluator on real digits: {evaluator_accuracy:.1%}".format(**metrics)
    )
else:
    print("Confidence and precision need a classifier of digits; a folder has none.")


# %%
# Pictures
def decode_plane(model, codes, corners, n=9):
    """Interpolate between the codes of four pictures and decode, (n * n, C, H, W).

    The corners are upper left, upper right, lower left and lower right.
    """
    a, b, c, d = codes[corners]
    left, right = latent.lerp(a, c, n), latent.lerp(b, d, n)  # down the two sides, (n, latent_dim)
    plane = latent.lerp(left, right, n)  # and across, (n, n, latent_dim)
    return decode(model, plane.reshape(n * n, -1))


def tile(images, columns):
    """Arrange pictures (n, C, H, W) as one, (1, C, height, width)."""
    channels, height, width = images.shape[1:]
    rows = images.reshape(-1, columns, channels, height, width).transpose(2, 0, 3, 1, 4)
    return rows.reshape(1, channels, -1, columns * width)


corners = np.resize(choose_examples(labels, 4), 4)
if are_digits:
    corners = [np.flatnonzero(labels == k)[0] for k in (0, 2, 1, 6)]
planes = {name: decode_plane(model, codes[name], corners) for name, model in models.items()}
grids = [plot.Grid(images, columns=9, gap=0, title=name) for name, images in planes.items()]
plot.save_page(args.out / "same_places.png", [grids], width=1100)
plot.save_rows(
    args.out / "samples.png",
    {
        "autoencoder,\nN(0, I)": tile(from_prior["autoencoder"][:28], 14),
        "VAE,\nthe same codes": tile(from_prior["VAE"][:28], 14),
        "autoencoder,\nfitted Gaussian": tile(from_fit["autoencoder"][:28], 14),
        "VAE,\nfitted Gaussian": tile(from_fit["VAE"][:28], 14),
        f"real {noun}s": tile(data.to_float(np.resize(test, (28, *shape))), 14),
    },
    scale=2,
)

# One picture in both networks, in the two dimensions in which its distribution is widest
x = data.to_float(test[corners[1:2]])  # (1, C, H, W)
with no_grad():
    mu, log_var = vae.encode(to_device(x, args.device))
mu, sigma = mu.numpy(), np.exp(0.5 * log_var.numpy())  # (1, latent_dim)
z = mu + sigma * eps[:2]  # (2, latent_dim)
dims = np.argsort(sigma[0])[-2:]
others = {name: of_model[:400, dims] for name, of_model in codes.items()}
point = draw_code(others["autoencoder"], codes["autoencoder"][corners[1]][dims], 0)
region = draw_code(others["VAE"], mu[0, dims], sigma[0, dims])
x_point = decode(autoencoder, codes["autoencoder"][corners[1:2]])[0]


def draw_scheme(code, decoded, title, note=""):
    """Draw the way of the picture through a network: a picture of its code, and what is decoded."""
    parts = {
        "x": Picture(x[0], "x"),
        "encoder": Network("encoder", 1, 0.5),
        "z": code,
        "decoder": Network("decoder", 0.5, 1),
        "x'": decoded,
    }
    places = {key: (0, column, part) for column, (key, part) in enumerate(parts.items())}
    return Scheme(places, [" ".join(parts)], title=title, note=note, side=108)


schemes = [
    draw_scheme(
        Picture(point, "z"), Picture(x_point, "z decoded"), "Autoencoder: x is encoded to one point"
    ),
    draw_scheme(
        Picture(region, "z = μ + σ ε"),
        Picture(np.concatenate([*decode(vae, z)], axis=2), "two z, decoded"),
        "VAE: x is encoded to a region, N(μ, σ²)",
        note=f"Red: the code of x. Grey: other {noun}s (2 of {args.latent_dim} dimensions).",
    ),
]


def walk_into_holes(model, codes, n=10):
    """Decode lines from two test pictures to the two random codes furthest from all codes."""
    random_codes = fit_and_transform(codes, eps)
    _, distances = nearest_neighbours(random_codes, codes)  # (NUM_SAMPLES,)
    ends = random_codes[np.argsort(-distances)[:2]]
    lines = latent.lerp(codes[corners[:2]], ends, n)  # (2, n, latent_dim)
    return tile(decode(model, lines.reshape(2 * n, -1)), n)


def choose_in_proportion(images, n=14):
    """Return n of the images, with a frame around digits: the same fraction as of all images.

    They are the first digits and the first others, in this order.
    """
    passes = is_digit(images)
    num_digits = round(n * passes.mean())
    chosen = np.concatenate([images[passes][:num_digits], images[~passes][: n - num_digits]])
    return plot.draw_frames(chosen, np.arange(n) < num_digits)


walks = {name: walk_into_holes(model, codes[name]) for name, model in models.items()}
images = {"autoencoder": from_fit["autoencoder"], "VAE": from_prior["VAE"]}
note = "Autoencoder: z of a Gaussian fitted to its codes. VAE: z ~ N(0, I)."
if are_digits:
    images = {name: choose_in_proportion(decoded) for name, decoded in images.items()}
    for name, key in (("autoencoder", "both_fit_autoencoder"), ("VAE", "both_prior_vae")):
        images[f"{name}\n{100 * metrics[key]:.0f} % digits"] = images.pop(name)
    note += (
        "\nFramed: passes as a digit for a classifier (of real ones, "
        f"{100 * metrics['both_real']:.0f} % pass).\n14 of {NUM_SAMPLES:,} codes each, framed in "
        "proportion."
    )
random_codes = {label: tile(decoded[:14], 7) for label, decoded in images.items()}
panels = [
    *schemes,
    plot.Rows(walks, title=f"From a {noun} to the emptiest places of the space"),
    plot.Rows(random_codes, title=f"Is a random code a {noun}?", note=note),
]
plot.save_page(args.out / "codes.png", panels)
for name, file in {"autoencoder": "latent_map.png", "VAE": "latent_map_vae.png"}.items():
    view, axes = codes[name], ("$z_1$", "$z_2$")
    if args.latent_dim > 2:  # the two directions in which the codes vary most
        view = principal_plane(view)
        axes = ("first principal component", "second principal component")
    title, names = f"Codes of the test {noun}s: {name}", class_names or [""]
    plot.save_scatter(args.out / file, view, labels, names=names, title=title, axes=axes)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {
        "autoencoder": (steps, run.history["autoencoder"]),
        "VAE": (steps, run.history["vae"]),
        "KL of the VAE": (steps, run.history["kl"]),
    },
    ylabel=f"nats per {noun}",
)
run.write_metrics(picture="codes.png", **metrics)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, 99 seconds on half a core):
#
#                               error per pixel    N(0, I)                  fitted Gaussian
#     autoencoder               0.0215             precision 42.5 %         precision 54.0 %
#                                                  confidence 42.8 %        confidence 47.6 %
#     VAE                       0.0252             precision 65.5 %         precision 67.8 %
#                                                  confidence 56.7 %        confidence 54.9 %
#
#     real test digits: precision 90.8 %, confidence 92.9 %
#     permuted pixels: precision 38.4 %, confidence 6.3 %
#
# The autoencoder reconstructs better, and the VAE decodes random codes better: the strokes of the
# autoencoder's samples run into each other, or nearly nothing is drawn. By the confidence alone,
# the VAE is only a little better. The classifier has only learned to choose among ten classes, and
# it chooses a class for a blurred shape, too. By the precision alone, noise would be almost as good
# as the autoencoder: nobody knows which features the classifier finds in what it has never seen. A
# picture that is a digit passes both: 19 % of the autoencoder's samples of N(0, I), 40 % of the
# VAE's (20 and 38 %, and 18 and 34 %, with the seeds 1 and 2), 86 % of the test digits and 2 % of
# the permuted ones.
#
# In codes.png, walks lead from two test digits to the two of 1,000 random codes that are furthest
# from all codes. The autoencoder's end in loose blots and a torn stroke, the VAE's in an 8 and a
# broken 9. These codes are drawn from the fitted Gaussian, since N(0, I) is fair to the VAE
# alone: nothing in the autoencoder's loss knows of it. Of these, 28 % and 40 % are digits. For the
# same reason, the last panel has codes of the fitted Gaussian for the autoencoder.
#
# vae.py asks for a better distribution of the codes than N(0, I) and one Gaussian: with a mixture
# of a hundred, four in five samples are read with confidence.
#
# The three changes:
#
# 1. The VAE reconstructs better and samples worse. It is on the way back to an autoencoder.
# 2. Nothing keeps codes apart, so the KL shrinks them towards the origin at almost no loss. Samples
#    from N(0, I) are far outside of them and decode to fragments. So the noise, and not the
#    KL alone, fills the holes.
# 3. All fractions rise, those of real digits and of noise too. A number that depends on a threshold
#    is only useful next to the same number for real and for scrambled digits.
