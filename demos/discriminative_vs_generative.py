# %% [markdown]
"""Discriminative and generative models of labelled points: p(y|x) and p(x, y).

Lecture: discriminative against generative models. Logistic regression learns
p(y|x) and nothing else. Class-conditional Gaussians learn p(x|y) and p(y), and
obtain p(y|x) by Bayes' rule.

Question to predict before you run it: both models classify new points about
equally well. Now give both a point far from all training data. How confident
will each be of its class? Which of the two can tell you that such a point is
improbable?

    python demos/discriminative_vs_generative.py              two Gaussians
    python demos/discriminative_vs_generative.py --data moons two moons, which
                                                              fit neither model

It draws
    discriminative_vs_generative.png
                above: logistic regression, p(y|x) as colours, the decision
                boundary as a line; and the Gaussians, p(x) as shades of grey,
                the decision boundary by Bayes' rule. It is curved because the
                two classes have different covariances. Star: the point far
                from the data, an outlier
                below: samples of p(x, y), which p(y|x) cannot give. A class y
                is drawn for each noise z, and G(z, y) = mu_y + A_y z, where
                A_y A_y^T is the covariance of class y
    curves.png  the training of logistic regression; the Gaussians are fitted
                in one line

Three changes to try:

1. `prior = np.array([0.95, 0.05])`: class 1 has become rare, as when a spam
   filter is used in another office. What happens to the boundary?
2. `model = nn.Sequential(nn.Linear(2, 64, rng=rng), nn.ReLU(),
   nn.Linear(64, 1, rng=rng))`, with --data moons.
3. `train, labels = train[:24], labels[:24]` before the loader, with
   --batch 24: few data.
"""

# %%
# Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.gaussian import Gaussian
from tinygen.plot import PlaneRows, grid_points

TAKES = {"gaussians": "about 5 seconds", "moons": "about 5 seconds"}
p = parser(__doc__, steps=dict.fromkeys(TAKES, 1000), takes=TAKES, batch=64)
args = parse(p)

# %%
# Data: points (n, 2) and their classes (n,)
NUM_TRAIN, NUM_TEST = 1000, 5000
data_rng = default_rng(1)


def sample_two_gaussians(n):
    """Draw n points from two Gaussians with the covariances A A^T, and their classes."""
    centres = np.array([[-1.2, 0.0], [1.2, 0.4]])
    a = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.6, 0.0], [-0.5, 0.9]]])  # (class, 2, 2)
    y = data_rng.integers(0, 2, n)
    eps = data_rng.normal((n, 2), np.float64)
    return (centres[y] + np.einsum("nij,nj->ni", a[y], eps)).astype(np.float32), y


if args.data == "moons":
    extent = (-2.5, 4.0, -3.75, 2.75)  # left, right, bottom, top
    outlier = (3.4, -2.6)
    moons = data.moons(sigma=0.15)
    train, labels = moons.sample(NUM_TRAIN, data_rng)
    test, test_labels = moons.sample(NUM_TEST, data_rng)
else:
    extent = (-4.5, 6.0, -4.0, 6.5)
    outlier = (5.0, 5.5)
    train, labels = sample_two_gaussians(NUM_TRAIN)
    test, test_labels = sample_two_gaussians(NUM_TEST)

# %%
# Discriminative model: p(y = 1|x) = sigmoid(w x + b), three parameters
rng = default_rng(args.seed, args.device)
model = nn.Linear(2, 1, rng=rng)
optimizer = optim.Adam(model.parameters(), lr=0.03)
loader = data.Loader(train, labels.astype(np.float32), batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader)

# %%
# Training: maximize log p(y|x); the distribution of x has no effect
batches = loader.forever()
for _ in run.steps():
    x, y = (to_device(a, args.device) for a in next(batches))  # (N, 2), (N,)
    logits = model(x)  # (N, 1)
    loss = losses.bernoulli_nll(logits, y[:, None]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss=loss)

# %%
# Generative model: p(x, y) = p(y) N(x; mu_y, Sigma_y)
# Eleven parameters, each of which is a mean over the training points.
prior = np.bincount(labels, minlength=2) / len(labels)
points = to_device(train.astype(np.float64), args.device)
gaussians = [
    Gaussian.fit(points[to_device(np.flatnonzero(labels == k), args.device)]) for k in range(2)
]


# %%
# The predictions of both for any points x (n, 2)
def predict_discriminative(x):
    """Compute p(y = 1|x), (n,)."""
    with no_grad():
        logits = model(to_device(x.astype(np.float32), args.device))
        return ops.sigmoid(logits).numpy()[:, 0].astype(np.float64)


def predict_generative(x):
    """Compute log p(x) and p(y = 1|x) = p(x|1) p(1) / p(x), both (n,)."""
    x = to_device(x.astype(np.float64), args.device)
    log_joint = np.stack(
        [np.log(prior[k]) + to_numpy(g.log_prob(x)) for k, g in enumerate(gaussians)]
    )  # (2, n)
    log_p = np.logaddexp(*log_joint)
    return log_p, np.exp(log_joint[1] - log_p)


# %%
# Evaluation: accuracy on new points, and what both models say about the outlier
outlier_row = np.array([outlier])  # (1, 2)
outlier_p = predict_discriminative(outlier_row)[0]
outlier_log_p, outlier_posterior = (a[0] for a in predict_generative(outlier_row))
test_log_p, test_posterior = predict_generative(test)
# How improbable is the outlier? For a Gaussian in the plane, the fraction of all points that lie
# farther out than Mahalanobis distance d is exp(-d^2 / 2). This is also the density at distance d
# divided by the density at the mean. For two classes, take the mean with the prior as weights.
star = to_device(outlier_row, args.device)
fraction_farther_out = sum(
    prior[k] * np.exp(float(g.log_prob(star)[0] - g.log_prob(g.mean[None])[0]))
    for k, g in enumerate(gaussians)
)
metrics = {
    "discriminative_accuracy": float(((predict_discriminative(test) > 0.5) == test_labels).mean()),
    "generative_accuracy": float(((test_posterior > 0.5) == test_labels).mean()),
    "test_examples": len(test),
    "outlier_confidence": float(max(outlier_p, 1 - outlier_p)),
    "outlier_confidence_by_bayes_rule": float(max(outlier_posterior, 1 - outlier_posterior)),
    "outlier_log_density": float(outlier_log_p),
    "least_test_log_density": float(test_log_p.min()),
    "fraction_of_points_farther_out": float(fraction_farther_out),
}
print(
    "Accuracy on {test_examples} new points: discriminative {discriminative_accuracy:.3f}, "
    "generative {generative_accuracy:.3f}.\n"
    "The outlier: the discriminative model is {outlier_confidence:.4f} confident of its class;\n"
    "the generative model gives it log p(x) = {outlier_log_density:.1f} "
    "(least of the new points: {least_test_log_density:.1f}).\n"
    "Under this model one point in {one_in:.0e} lies as far out.".format(
        **metrics, one_in=1 / fraction_farther_out
    )
)


# %%
# Pictures
def lighten(colour):
    """Mix a colour "#rrggbb" with white, so that points of this colour are visible on it."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - 0.45 * (255 - c)):02x}" for c in channels)


grid = grid_points(extent)
log_p, posterior = predict_generative(grid)
p_discriminative = predict_discriminative(grid)

# To sample, draw a class from p(y), and map noise z by the Gaussian of this class.
sample_labels = (np.random.default_rng(args.seed).random(len(train)) < prior[1]).astype(int)
samples_of_class = [
    to_numpy(g.sample(len(train), default_rng(args.seed + 1, args.device))) for g in gaussians
]
samples = np.where(sample_labels[:, None] == 0, *samples_of_class)
noise = to_numpy(default_rng(args.seed + 1, args.device).normal(train.shape, np.float64))  # their z

class_colours = (lighten(plot.CLASS_COLOURS[0]), "#ffffff", lighten(plot.CLASS_COLOURS[1]))
lowest = test_log_p.min()  # the shades of grey start at the least probable new point
confidence = metrics["outlier_confidence"]
confidence_text = f"{confidence:.2%}" if confidence < 0.9999 else "over 99.99%"
# The fraction of points so far out is 1 in 10^exponent.
superscripts = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
exponent = str(round(-np.log10(fraction_farther_out))).translate(superscripts)
outlier_class = ("blue", "orange")[int(outlier_p > 0.5)]
learned = {
    "Discriminative: p(y|x)": {
        "field": p_discriminative,
        "colours": class_colours,
        "points": train,
        "labels": labels,
        "contours": [(p_discriminative, [0.5], "-")],
        "markers": {f"sure: {outlier_class}": outlier},
        "note": f"star: {outlier_class}, {confidence_text} sure\n"
        f"line: boundary, {metrics['discriminative_accuracy']:.1%} right",
    },
    "Generative: p(x, y); grey: p(x)": {
        "field": np.clip((log_p - lowest) / (log_p.max() - lowest), 0, 1),
        "colours": ("#ffffff", "#e4e4ec", "#a9a9bd"),
        "points": train,
        "labels": labels,
        "contours": [(posterior, [0.5], "-")],
        "markers": {"improbable": outlier},
        "note": f"star: 1 point in 10{exponent} is so far out\n"
        f"line: Bayes' rule, {metrics['generative_accuracy']:.1%} right",
    },
}
sampled = {
    "noise z, and a class y for each": {"points": noise, "labels": sample_labels},
    "\u2192 new points x = G(z, y)": {"points": samples, "labels": sample_labels},
}
plot.save_page(
    args.out / "discriminative_vs_generative.png",
    [
        PlaneRows(
            {"": learned},
            extent,
            title="Both classify; only one finds the star improbable",
            note="Generative models learn p(x, y) with labels y, and p(x) without.",
        ),
        PlaneRows(
            {"": sampled},
            extent,
            title="Only the generative model can sample",
            note="Blue and orange: the classes y. Without labels: x = G(z).",
        ),
    ],
)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"-log p(y|x)": (steps, run.history["loss"])},
    ylabel="nats per point",
)
run.write_metrics(picture="discriminative_vs_generative.png", **metrics)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, one second on one core), the accuracy on 5,000 new points is 0.938 for
# the discriminative model and 0.947 for the generative one. The discriminative model is more than
# 99.99 % confident of the outlier's class, because the outlier is far from the boundary. On the two
# Gaussians, Bayes' rule even assigns it to the other class, and is confident too: far from all data
# any p(y|x) is a guess. Only p(x) shows that the point is improbable.
#
# The three changes:
#
# 1. The boundary moves into class 1, without any training. (On these points, half of which are
#    still of each class, the accuracy falls from 0.947 to 0.794.) Logistic regression has no
#    parameter for the prior; it is part of b.
# 2. The accuracy is 0.988 instead of 0.875, and the confidence about the outlier is as high as
#    before. A better boundary is still no density. The samples of the Gaussians are not moons
#    either.
# 3. The accuracies fall to 0.895 and 0.857: twelve points determine a covariance only roughly. And
#    one point in 10^6 now lies as far out as the outlier, instead of one in 10^12. Densities in the
#    tails are the least reliable: a new point is even less probable than the outlier.
