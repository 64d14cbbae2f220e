"""The same places in two latent spaces: an autoencoder's, which has holes, and a VAE's, which has not.

Question to predict, before you run it: take any point of an autoencoder's latent space that no picture was encoded to, and decode it. Is that a digit? For
how many in a hundred? Two networks of the same shape learn from the same batches; one of them has noise in its code and pays for the KL. Which of the
two will give back the *training* digits better, and which the unseen places?

    python demos/autoencoder_vs_vae.py                  digits drawn by this package: no network, no GPU
    python demos/autoencoder_vs_vae.py --data mnist     the real ones
    python demos/autoencoder_vs_vae.py --latent-dim 2       so few dimensions that even the autoencoder has little room for holes

It draws samples.png (the same random codes, decoded by each), same_places.png (between the codes of the same four test digits: autoencoder left, VAE
right), latent_map.png and latent_map_vae.png (where the codes lie), and curves.png.

"Nonsense" as a number, in two ways, with a classifier trained on the training digits. The share of what is decoded that it reads with a probability of at
least 0.9 for one class; and the precision: the share that lies, in its hidden layer's features, as near to some real digit as real ones to each other
(`metrics.precision_recall`). Beside them stand real digits, and noise of their brightness. Which of the two should one believe? The classifier is sure of
about as many of the autoencoder's blots as of the VAE's digits, for it has only ever had to choose among ten; the precision of the blots is not half the
digits'.

Three one-line changes, and what each should show:

1. `loss = error_ae.mean() + (error_vae + 0.1 * kl).mean()`: a tenth of the KL. The VAE reconstructs better and samples worse: it is on its way back
   to an autoencoder.
2. `z = mu`, no noise in the VAE's code: nothing keeps codes apart, so the KL shrinks them towards the origin at almost no cost, and draws from N(0, I)
   fall far outside of them: blots. It is the noise, and not the KL alone, that fills the holes.
3. `>= 0.5` in `confident`: all shares rise, those of real digits and of noise too. Does the order change? A number that depends on a threshold is worth no
   more than the same number for real and for scrambled digits beside it.
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, latent, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.metrics import precision_recall
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.vae import VAE

p = parser(__doc__, steps={"digits": 2000, "mnist": 4000}, takes={"digits": "about a minute", "mnist": "two minutes"}, batch=128)
p.add_argument("--latent-dim", type=natural, default=24, help="dimensions of z (default: 24)")
args = parse(p)
if args.latent_dim < 2:
    p.error(f"--latent-dim {args.latent_dim}: a plane needs at least 2 dimensions")

# %% Data: bytes (n, 1, 28, 28), and labels, for the classifier and the map's colours
if args.data == "mnist":
    (train, train_labels), (test, labels) = data.mnist("train"), data.mnist("test")
else:
    (train, train_labels), (test, labels) = data.digits(20_000, seed=1), data.digits(3_000, seed=2)

# %% Two networks of one shape. The autoencoder is a VAE that is never asked for log sigma^2.
rng = default_rng(args.seed, args.device)
autoencoder, vae = (VAE(args.latent_dim, mean=train.mean(axis=0) / 255, rng=rng) for _ in range(2))
optimizer = optim.Adam([*autoencoder.parameters(), *vae.parameters()], lr=3e-3)
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)
run = Run(args, autoencoder=autoencoder, vae=vae, optimizer=optimizer, loader=loader, rng=rng)

# %% Training: the same batch for both. What the two lines differ in is all there is between an autoencoder and a VAE.
for step in run.steps():
    x = to_device(next(loader), args.device) / np.float32(255)
    code, _ = autoencoder.encode(x)
    error_ae = losses.bernoulli_nll(autoencoder.decode(code), x)

    mu, log_var = vae.encode(x)
    z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
    error_vae, kl = losses.bernoulli_nll(vae.decode(z), x), losses.kl_to_standard_normal(mu, log_var)

    loss = error_ae.mean() + (error_vae + kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 3e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(autoencoder=error_ae.mean(), vae=error_vae.mean(), kl=kl.mean())


# %% Codes of the test digits, and pictures of codes
def encoded(model, images):
    with no_grad():
        return np.concatenate([model.encode(to_device(x / np.float32(255), args.device))[0].numpy() for x in np.array_split(images, -(-len(images) // 500))])


def decoded(model, z):
    with no_grad():
        return ops.sigmoid(model.decode(to_device(z.astype(np.float32), args.device))).numpy()


models = {"autoencoder": autoencoder, "VAE": vae}
codes = {name: encoded(model, test) for name, model in models.items()}


# %% The same places: draws from N(0, I), and from a Gaussian fitted to each model's own codes, which is kinder to the autoencoder: its codes lie
# wherever they like. The same 1000 draws serve both models.
def fitted(codes, draws):
    spread = np.linalg.cholesky(np.cov(codes.T) + 1e-6 * np.eye(args.latent_dim))
    return codes.mean(axis=0) + draws @ spread.T


draws = np.random.default_rng(args.seed).normal(size=(1000, args.latent_dim))
evaluator = train_digit_classifier(train, train_labels, steps=min(500, 25 * args.steps), device=args.device)


real_features = evaluator.extract_features(test[-1000:], args.device)


def confident(images):
    """The share of images that the judge reads with a probability of at least 0.9."""
    return float((evaluator.predict_proba(images, args.device).max(axis=1) >= 0.9).mean())


def precision(images):
    """The share of images that the judge's features place among real digits."""
    return precision_recall(real_features, evaluator.extract_features(images, args.device))[0]


same = {name: decoded(model, draws) for name, model in models.items()}
own = {name: decoded(model, fitted(codes[name], draws)) for name, model in models.items()}
noise = np.random.default_rng(args.seed).permuted(test[:1000].reshape(-1, 784), axis=1).reshape(-1, 1, 28, 28)
figures = {
    "confident_real": confident(test),
    "confident_noise": confident(noise),
    "precision_real": precision(test[:1000]),
    "precision_noise": precision(noise),
    "evaluator_accuracy": float((evaluator.predict_proba(test, args.device).argmax(axis=1) == labels).mean()),
    "test_examples": len(test),
}
for name, model in models.items():
    key = name.lower()
    figures |= {f"confident_{key}": confident(same[name]), f"confident_{key}_own": confident(own[name])}
    figures |= {f"precision_{key}": precision(same[name]), f"precision_{key}_own": precision(own[name])}
    figures[f"reconstruction_error_{key}"] = float(np.abs(decoded(model, codes[name]) - test / np.float32(255)).mean())
    where = {"N(0, I)": "", "a Gaussian around its codes": "_own"}
    shares = "; ".join(f"draws from {w}: precision {figures[f'precision_{key}{end}']:.1%}, confidence {figures[f'confident_{key}{end}']:.1%}" for w, end in where.items())
    print(f"{name}: reconstruction error {figures[f'reconstruction_error_{key}']:.4f} a pixel; {shares}")
print("Beside it: real test digits: precision {precision_real:.1%}, confidence {confident_real:.1%}; scrambled pixels: precision {precision_noise:.1%}, "
      "confidence {confident_noise:.1%}; the judge reads {evaluator_accuracy:.1%} right".format(**figures))  # fmt: skip

# %% Pictures
def plane(model, codes, corners, n=9):
    """Between the codes of four test digits (upper left and right, lower left and right), decoded: (n * n, 1, 28, 28)."""
    a, b, c, d = codes[corners]
    left, right = latent.lerp(a, c, n), latent.lerp(b, d, n)  # down the two sides, then across
    return decoded(model, latent.lerp(left, right, n).reshape(n * n, -1))


def tiled(images, columns):
    """Many pictures as one, (1, 1, height, width)."""
    rows = images.reshape(-1, columns, 28, 28)
    return rows.transpose(0, 2, 1, 3).reshape(1, 1, 28 * len(rows), 28 * columns)


corners = [np.flatnonzero(labels == k)[0] for k in (0, 2, 1, 6)]
both = [tiled(plane(model, codes[name], corners), 9) for name, model in models.items()]
plot.save_grid(args.out / "same_places.png", np.concatenate(both), columns=2, gap=12)
plot.save_rows(args.out / "samples.png", {
    "autoencoder, N(0, I)": tiled(same["autoencoder"][:32], 16), "VAE, the same draws": tiled(same["VAE"][:32], 16),
    "autoencoder, its own Gaussian": tiled(own["autoencoder"][:32], 16), "VAE, its own Gaussian": tiled(own["VAE"][:32], 16),
    "real digits": tiled(test[:32] / np.float32(255), 16),
}, scale=2)  # fmt: skip
for name, file in {"autoencoder": "latent_map.png", "VAE": "latent_map_vae.png"}.items():
    view, axes = codes[name], ("$z_1$", "$z_2$")
    if args.latent_dim > 2:  # the two directions along which the codes vary most
        view, axes = view @ np.linalg.eigh(np.cov(view.T))[1][:, :-3:-1], ("first principal component", "second principal component")
    plot.save_scatter(args.out / file, view, labels, title=f"The test digits' codes: {name}", axes=axes)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"autoencoder": (steps, run.history["autoencoder"]), "VAE": (steps, run.history["vae"]), "VAE's KL": (steps, run.history["kl"])},
    ylabel="nats a digit",
)  # fmt: skip

run.write_metrics(picture="samples.png", **figures)
