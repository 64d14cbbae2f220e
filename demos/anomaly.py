"""Anomaly detection: what a model of eights cannot draw is no eight.

Question to predict, before you run it: two models see one kind of digit only, and are then shown all ten. Their errors are the alarm. Which
other digits will slip through as eights? And is the ELBO, a bound on log p(x), the better alarm than the plain reconstruction error, since an anomaly is by
definition what is improbable? (Think of a 1: few pixels of ink, each of them cheap.)

    python demos/anomaly.py                              eights drawn by this package: no network, no GPU
    python demos/anomaly.py --normal 4                   another digit is the normal one
    python demos/anomaly.py --data mnist                 real ones: trained on the 5,851 eights, tested on all 10,000 test digits

It draws roc.png (share of anomalies found against share of eights suspected, for every threshold), ranking.png (test digits the autoencoder finds most
and least anomalous), reconstructions.png and curves.png.

The area under the curve (AUROC) is the probability that an anomaly scores higher than an eight. Beside the two networks stands PCA with as many
components as the codes have dimensions, which needs no training at all, and the mere distance to the mean picture.

Three one-line changes, and what each should show (AUROC with --steps 300, where the unchanged script gives the autoencoder 92.8 %, PCA 90.4 % and the ELBO 86.9 %):

1. `LATENT = 200`: room for anything to pass? PCA falls to 88.2 %, since with all components it would copy every picture. The autoencoder stays at 93.0 %:
   it has learned to use its code for eights alone.
2. `LATENT = 1`: too narrow even for eights, whose errors come closer to the others': 90.6 %, PCA 86.2 %. The ELBO stays where it was, 86.6 %.
3. `kind = labels >= 0`, in the data's part: trained on all ten digits, nothing is anomalous any more: 50.1 %, guessing.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.metrics import auroc, roc_curve
from tinygen.models.autoencoder import Autoencoder
from tinygen.models.vae import VAE, elbo

p = parser(__doc__, steps={"digits": 1500, "mnist": 1500}, takes={"digits": "about half a minute", "mnist": "half a minute"}, batch=128)
p.add_argument("--normal", type=int, choices=range(10), default=8, help="the digit that is normal (default: 8)")
args = parse(p)
LATENT = 32  # of both models, and components of PCA: fixed, not chosen by looking at the test set

# %% Data: bytes (n, 1, 28, 28); only pictures of the normal digit are trained on
if args.data == "mnist":
    (train, labels), (test, test_labels) = data.mnist("train"), data.mnist("test")
else:
    (train, labels), (test, test_labels) = data.digits(30_000, seed=1), data.digits(5_000, seed=2)
kind = labels == args.normal
train = train[kind]
anomalous = test_labels != args.normal

# %% Models
rng = default_rng(args.seed, args.device)
autoencoder = Autoencoder(LATENT, (256, 128), rng=rng)
vae = VAE(LATENT, 256, mean=train.mean(axis=0) / 255, rng=rng)
optimizer = optim.Adam([*autoencoder.parameters(), *vae.parameters()], lr=2e-3)
loader = data.Loader(train, batch_size=min(args.batch, len(train)), seed=args.seed)  # of one digit there may be fewer
run = Run(args, autoencoder=autoencoder, vae=vae, optimizer=optimizer, loader=loader, rng=rng)

# %% Training: both on the same batch
for step in run.steps():
    x = to_device(next(loader), args.device) / np.float32(255)
    error = losses.squared_error(x, autoencoder(x)).mean()
    bound = elbo(vae, x, rng.normal((len(x), LATENT)))[0].mean()
    loss = error - bound
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 2e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(error=error, elbo=bound)


# %% Scores, higher is more anomalous. The ELBO is taken at eps = 0, the middle of q(z|x): the same picture always gets the same score.
def score(x):
    """Pictures (n, 1, 28, 28) from 0 to 1: what the autoencoder draws, its squared error, -ELBO, and the VAE's own error at z = mu."""
    drawn = autoencoder(x)
    mu, _ = vae.encode(x)
    z0 = np.zeros_like(mu.data)
    return drawn, losses.squared_error(x, drawn), -elbo(vae, x, z0)[0], losses.squared_error(x, ops.sigmoid(vae.decode(mu)))


truth = test / np.float32(255)
with no_grad():
    parts = [score(to_device(x, args.device)) for x in np.array_split(truth, -(-len(truth) // 500))]
drawn, by_error, by_elbo, by_vae_error = (np.concatenate([a.numpy() for a in column]) for column in zip(*parts, strict=True))

flat, normal = truth.reshape(-1, 784), train.reshape(-1, 784) / np.float32(255)
mean = normal.mean(axis=0)
components = np.linalg.eigh(np.cov(normal.T))[1][:, -LATENT:].astype(np.float32)
rest = flat - mean - (flat - mean) @ components @ components.T
scores = {
    "autoencoder's error": by_error,
    "VAE, -ELBO": by_elbo,
    "VAE's error": by_vae_error,
    f"PCA-{LATENT}'s error": (rest**2).sum(axis=1),
    "distance to the mean": ((flat - mean) ** 2).sum(axis=1),
}
areas = {name: auroc(values, anomalous) for name, values in scores.items()}
for name, area in areas.items():
    print(f"{name:22s} AUROC {100 * area:.2f} %")
figures = {f"auroc_{key}": areas[name] for key, name in zip(("autoencoder", "elbo", "vae_error", "pca", "mean"), scores, strict=True)}
figures |= {"normal_examples": int((~anomalous).sum()), "anomalies": int(anomalous.sum()), "trained_on": len(train)}

# %% Pictures
at = np.linspace(0, 1, 201)  # false alarm rates at which the curves are drawn
curves = {}
for name, values in scores.items():
    alarms, hits, _ = roc_curve(values, anomalous)
    curves[f"{name}: {100 * areas[name]:.1f} %"] = (at, np.interp(at, alarms, hits))
title = f"{args.normal} is normal: how many of the other digits are found?"
plot.save_curves(args.out / "roc.png", curves | {"guessing: 50 %": (at, at)}, xlabel="false alarms", ylabel="anomalies found", title=title, smooth=False)
order = np.argsort(by_error)
few = 12
plot.save_rows(args.out / "ranking.png", {
    "normal, least error": truth[order[~anomalous[order]][:few]],
    "normal, most error": truth[order[~anomalous[order]][::-1][:few]],
    "anomalies, least error": truth[order[anomalous[order]][:few]],
    "anomalies, most error": truth[order[anomalous[order]][::-1][:few]],
})  # fmt: skip
one_each = np.array([np.flatnonzero(test_labels == k)[0] for k in range(10)])
plot.save_rows(args.out / "reconstructions.png", {
    "test digits": truth[one_each], "drawn again": drawn[one_each].clip(0, 1), "difference": np.abs(truth - drawn.clip(0, 1))[one_each],
})  # fmt: skip
steps = np.arange(args.steps)
plot.save_curves(args.out / "curves.png", {"squared error": (steps, run.history["error"]), "-ELBO, nats": (steps, -run.history["elbo"])})

run.write_metrics(picture="roc.png", **figures)
