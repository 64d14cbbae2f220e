# %% [markdown]
"""Anomaly detection: a model of eights reconstructs other digits badly.

Lecture: applications of autoencoders. An autoencoder and a VAE learn from one
class of digits, the normal one. Their loss on a new picture is its anomaly
score.

Question to predict before you run it: both models see only eights in
training. Then they see all ten digits. Which other digits will pass as
eights? By definition an anomaly is improbable. So is the ELBO, a bound on
log p(x), a better score than the reconstruction error? (Think of a 1: it has
few pixels of ink, and each costs little.)

    python demos/anomaly.py               digits drawn by this package
    python demos/anomaly.py --normal 4    another digit is the normal one
    python demos/anomaly.py --data mnist  MNIST: trained on the 5,851 eights,
                                          tested on all 10,000 test digits
    python demos/anomaly.py --data folder:PATH --size 32 --normal cats
                                          your own pictures: those of the
                                          sub-folder "cats" are normal, those
                                          of the other sub-folders are not

It draws
    detection.png        two digits in the autoencoder; for few false alarms,
                         the detected fraction by each score; examples that are
                         found, and that are missed
    roc.png              the ROC curve of each score: the fraction of the
                         anomalies that are detected, against the fraction of
                         the normal digits that are falsely reported, for all
                         thresholds
    ranking.png          the test digits with the highest and lowest scores
    reconstructions.png  one digit of each class and its reconstruction
    curves.png           the losses

The area under the ROC curve (AUROC) is the probability that a random anomaly
has a higher score than a random normal digit. Two baselines need no training
by gradient descent: PCA with as many components as the codes have dimensions,
and the distance to the mean picture.

Three changes to try, with --steps 300:

1. `LATENT_DIM = 200`: a wide code. Does everything pass?
2. `LATENT_DIM = 1`: a code that is too narrow even for eights.
3. `is_normal = labels >= 0`: trained on all ten digits.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _pictures import choose_examples, principal_directions, read_folder
from _run import Run

from tinygen import data, default_rng, losses, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.metrics import auroc, roc_curve
from tinygen.models.autoencoder import Autoencoder
from tinygen.models.vae import VAE, elbo

p = parser(
    __doc__,
    steps={"digits": 1500, "mnist": 1500, "folder:PATH": 1500},
    takes={
        "digits": "about half a minute",
        "mnist": "half a minute",
        "folder:PATH": "a minute or two",
    },
    batch=128,
    sizes={"folder:PATH": 32},
)
p.add_argument(
    "--normal",
    metavar="CLASS",
    help="the digit, or the sub-folder, that is normal (default: 8, for a folder its first one)",
)
args = parse(p)
LATENT_DIM = 32  # of both models and of PCA; fixed beforehand, not chosen on the test set
HIDDEN = (256, 128)  # units of the autoencoder's two hidden layers; the VAE has one of 256
LR = 2e-3  # learning rate at the start

# %%
# Data: bytes (n, C, H, W); only pictures of the normal class are used in training
if args.data.startswith("folder:"):
    (train, labels), (test, test_labels), class_names = read_folder(args, needs_classes=True)
    noun, args.normal = "picture", args.normal or class_names[0]
else:
    noun, class_names, args.normal = "digit", list("0123456789"), args.normal or "8"
if args.normal not in class_names:
    p.error(f"--normal {args.normal}: choose from {', '.join(class_names)}")
normal_label = class_names.index(args.normal)
if noun == "digit":
    args.normal = normal_label  # a number in metrics.json
if args.data == "mnist":
    (train, labels), (test, test_labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, labels), (test, test_labels) = data.digits(30_000, seed=1), data.digits(5_000, seed=2)
is_normal = labels == normal_label
train = train[is_normal]
is_anomaly = test_labels != normal_label
shape, num_numbers = train.shape[1:], train[0].size

# %%
# Models
rng = default_rng(args.seed, args.device)
autoencoder = Autoencoder(LATENT_DIM, HIDDEN, shape, rng=rng)
vae = VAE(LATENT_DIM, HIDDEN[0], shape, mean=train.mean(axis=0) / 255, rng=rng)
optimizer = optim.Adam([*autoencoder.parameters(), *vae.parameters()], lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
batch_size = min(args.batch, len(train))  # there may be fewer pictures of one class
loader = data.Loader(train, batch_size=batch_size, seed=args.seed, transform=data.to_float)
run = Run(args, autoencoder=autoencoder, vae=vae, optimizer=optimizer, loader=loader, rng=rng)

# %%
# Training: the same batch for both
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    x = to_device(next(batches), args.device)  # (N, C, H, W)
    error = losses.squared_error(x, autoencoder(x)).mean()
    bound = elbo(vae, x, rng.normal((len(x), LATENT_DIM)))[0].mean()
    loss = error - bound
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(error=error, elbo=bound)


# %%
# Anomaly scores: higher is more anomalous
def score(x):
    """Compute the reconstructions and three scores of pictures x (n, C, H, W), from 0 to 1.

    The scores (n,) are the autoencoder's squared error, the negative ELBO and the VAE's squared
    error. Both scores of the VAE use eps = 0, the mean of q(z|x), so that a picture always has the
    same score.
    """
    x_hat = autoencoder(x)
    mu, _ = vae.encode(x)
    negative_elbo = -elbo(vae, x, np.zeros_like(mu.data))[0]
    vae_x_hat = ops.sigmoid(vae.decode(mu))
    return (
        x_hat,
        losses.squared_error(x, x_hat),
        negative_elbo,
        losses.squared_error(x, vae_x_hat),
    )


x_test = data.to_float(test)
with no_grad():
    batches = [score(to_device(x, args.device)) for x in data.split_batches(x_test, 500)]
reconstructions, autoencoder_error, negative_elbo, vae_error = (
    np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True)
)

flat_test, flat_train = (x.reshape(-1, num_numbers) for x in (x_test, data.to_float(train)))
mean = flat_train.mean(axis=0)
components = principal_directions(flat_train, LATENT_DIM).astype(np.float32)
residual = flat_test - mean - (flat_test - mean) @ components @ components.T
scores = {
    "autoencoder": autoencoder_error,
    "elbo": negative_elbo,
    "vae_error": vae_error,
    "pca": (residual**2).sum(axis=1),
    "mean": ((flat_test - mean) ** 2).sum(axis=1),
}
names = {
    "autoencoder": "error of the autoencoder",
    "elbo": "-ELBO of the VAE",
    "vae_error": "error of the VAE",
    "pca": f"error of PCA-{LATENT_DIM}",
    "mean": "distance to the mean",
}
areas = {key: auroc(values, is_anomaly) for key, values in scores.items()}
for key, area in areas.items():
    print(f"{names[key]:24s} AUROC {100 * area:.2f} %")
metrics = {f"auroc_{key}": area for key, area in areas.items()}
metrics["normal_examples"] = int((~is_anomaly).sum())
metrics["anomalies"] = int(is_anomaly.sum())
metrics["training_examples"] = len(train)

# %%
# Pictures
rates = np.linspace(0, 1, 201)  # false positive rates at which the curves are drawn
curves = {}
for key, values in scores.items():
    false_positive_rate, true_positive_rate, _ = roc_curve(values, is_anomaly)
    curves[key] = (rates, np.interp(rates, false_positive_rate, true_positive_rate))
labelled = {f"{names[key]}: {100 * areas[key]:.1f} %": curve for key, curve in curves.items()}
normal_name = class_names[normal_label].replace("$", r"\$")  # it begins no formula
plot.save_curves(
    args.out / "roc.png",
    labelled | {"random scores: 50 %": (rates, rates)},
    xlabel="false positive rate",
    ylabel="true positive rate",
    title=f"{normal_name} is normal: how many of the other {noun}s are detected?",
    smooth=False,
)

order = np.argsort(autoencoder_error)  # ascending scores
normal, anomalies = order[~is_anomaly[order]], order[is_anomaly[order]]
columns = min(12, len(normal), len(anomalies))
plot.save_rows(
    args.out / "ranking.png",
    {
        "normal, lowest scores": x_test[normal[:columns]],
        "normal, highest scores": x_test[normal[::-1][:columns]],
        "anomalies, lowest scores": x_test[anomalies[:columns]],
        "anomalies, highest scores": x_test[anomalies[::-1][:columns]],
    },
    scale=2,
)
clipped = reconstructions.clip(0, 1)

# For the README: few false alarms, and the highest and the lowest score of each other class
few = rates <= 0.3
short_names = {
    "autoencoder": "autoencoder: error",
    "pca": "PCA: error",
    "elbo": "VAE: its loss",
    "mean": f"distance to the mean {normal_name}",
}
detected = plot.Curves(
    {name: (100 * rates[few], 100 * curves[key][1][few]) for key, name in short_names.items()}
    | {"random": (100 * rates[few], 100 * rates[few])},
    xlabel=f"false alarms, % of the normal {noun}s",
    ylabel=f"found, % of the other {noun}s",
    title=f"Which score finds the {noun}s that are not {normal_name}?",
    smooth=False,
    direct=True,
    height=330,
)
columns = min(9, len(normal), len(anomalies))
highest_first = anomalies[::-1]
found = highest_first[choose_examples(test_labels[highest_first], columns)]
missed = anomalies[choose_examples(test_labels[anomalies], columns)]
rows = []
for label, indices in (("found", found), ("missed", missed)):
    rows += [(label, x_test[indices]), ("decoded", clipped[indices])]
examples = plot.Rows(rows, title="Found: the largest errors. Missed: the smallest.")

# A normal picture and another one, on their way through the autoencoder
parts = {"network": (0.5, 1, plot.Network("encoder,\ndecoder"))}
middle = [normal[len(normal) // 2], found[len(found) // 2]]
for row, (i, name) in enumerate(zip(middle, ("normal", "anomaly"), strict=True)):
    parts[f"x{row}"] = (row, 0, plot.Picture(test[i]))
    parts[f"decoded{row}"] = (row, 2, plot.Picture(clipped[i]))
    parts[f"score{row}"] = (row, 3, plot.Text(f"error {autoencoder_error[i]:.0f}: {name}"))
scheme = plot.Scheme(
    parts,
    [f"x{row} network decoded{row} score{row}" for row in range(2)],
    side=72,
    title=f"Trained on {normal_name} alone: others are decoded badly",
    note="Error: the squared differences of all pixels, added up.",
)
plot.save_page(args.out / "detection.png", [scheme, detected, examples])

examples = choose_examples(test_labels, 10)  # one digit of each class
plot.save_rows(
    args.out / "reconstructions.png",
    {
        f"test {noun}s": x_test[examples],
        "reconstructions": clipped[examples],
        "difference": np.abs(x_test - clipped)[examples],
    },
)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {
        "squared error": (steps, run.history["error"]),
        "-ELBO, nats": (steps, -run.history["elbo"]),
    },
)
run.write_metrics(picture="detection.png", **metrics)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, 17 seconds on one core) the AUROC is
#
#     error of the autoencoder   96.1 %    (96.5 and 96.3 % with the seeds 1 and 2)
#     error of the VAE           95.4 %    (95.4 and 95.7 %)
#     error of PCA-32            90.4 %
#     -ELBO of the VAE           88.6 %    (88.6 and 89.0 %)
#     distance to the mean       77.5 %
#
# Ones pass as eights (ranking.png): they have few pixels of ink, so any reconstruction of them has
# a small error. The ELBO is the worse score. log p(x) of a 1 is high, although it is no eight,
# because each of its few pixels costs little. RESULTS.md has the figures for MNIST.
#
# The three changes (with --steps 300, where the AUROC of the unchanged script is 93.0 % for the
# autoencoder, 90.4 % for PCA and 86.7 % for the ELBO):
#
# 1. PCA falls to 88.2 %: with all components it would reconstruct every picture. The autoencoder
#    stays at 93.4 %. It has learned to use its code for eights only.
# 2. Even eights are reconstructed badly, so their errors are closer to those of the other digits:
#    91.0 % for the autoencoder, 86.2 % for PCA. The ELBO stays about the same, 85.6 %.
# 3. Nothing is anomalous any more: 50.3 %, as good as guessing.
