"""Two ways to learn from labelled points: p(y|x), where the classes part, and p(x), what there is (lecture: discriminative against generative).

Question to predict, before you run it: logistic regression learns p(y|x) and nothing else; class Gaussians learn p(x|y) and p(y), and reach p(y|x) by
Bayes' rule. Both read new points about equally well. Now hand both a point far from all they have seen: how sure will each be of its class? And which
of the two can tell you that it should not exist?

    python demos/discriminative_vs_generative.py                  two clouds: no network, no GPU
    python demos/discriminative_vs_generative.py --data moons     two half circles, which neither model fits

It draws discriminative_vs_generative.png: on the left logistic regression, p(y|x) as colours, even (line), and 1 and 99 % (dashed); in the middle the
class Gaussians, p(x) as shades, and the same boundary by Bayes' rule, a curve, for the two have different covariances; on the right points drawn from
them. There is nothing to draw from p(y|x). The star is the strange point (on the clouds, Bayes' rule even gives it to the other class, and is
sure too: far from all data any p(y|x) is a guess, and only p(x) says so). curves.png shows the training of the one; the other is fitted in one line.

Three one-line changes, and what each should show:

1. `prior = np.array([0.95, 0.05])`, class 1 has become rare, as when a filter for spam moves to another office: the curve moves into class 1, and no
   training was needed (on these points, still half and half, accuracy falls from 0.953 to 0.812). In logistic regression that share is no number of
   its own, but part of b.
2. `model = nn.Sequential(nn.Linear(2, 64, rng=rng), nn.ReLU(), nn.Linear(64, 1, rng=rng))`, with --data moons: it reads 0.990
   instead of 0.879, and is as sure of the star as before. A better boundary is still no density; nor are the Gaussians' samples moons.
3. `train, labels = train[:24], labels[:24]` before the loader, with --batch 24: 0.942 and 0.946. Means and covariances settle early; but the star is
   now one in 10^21 where it was one in 10^14. A density is easy to rank by, and hard to believe in its tails.
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.gaussian import Gaussian
from tinygen.plot.planes import grid_points, save_planes

p = parser(__doc__, steps={"gaussians": 1000, "moons": 1000}, takes={"gaussians": "about 5 seconds", "moons": "about 5 seconds"}, batch=64)
args = parse(p)

# %% Data: points (n, 2) and their classes
numpy_rng = np.random.default_rng(1)
if args.data == "moons":
    extent, outlier = (-2.5, 4.0, -3.75, 2.75), (3.4, -2.6)
    (train, labels), (test, test_labels) = (data.moons(sigma=0.15).sample(n, numpy_rng) for n in (1000, 5000))
else:
    extent, outlier = (-4.5, 6.0, -4.0, 6.5), (5.0, 5.5)
    centres = np.array([[-1.2, 0.0], [1.2, 0.4]])
    shapes = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.6, 0.0], [-0.5, 0.9]]])  # x = centre + shape e, e ~ N(0, I): covariance shape shape^T

    def gaussians(n):
        label = numpy_rng.integers(0, 2, n)
        return (centres[label] + np.einsum("nij,nj->ni", shapes[label], numpy_rng.normal(size=(n, 2)))).astype(np.float32), label

    (train, labels), (test, test_labels) = gaussians(1000), gaussians(5000)

# %% Discriminative model: p(y = 1|x) = sigmoid(w x + b), three numbers
rng = default_rng(args.seed, args.device)
model = nn.Linear(2, 1, rng=rng)
optimizer = optim.Adam(model.parameters(), lr=0.03)
loader = data.Loader(train, labels.astype(np.float32), batch_size=args.batch, seed=args.seed)
run = Run(args, model=model, optimizer=optimizer, loader=loader)

# %% Training: raise log p(y|x), whatever x is
for _ in run.steps():
    x, y = (to_device(a, args.device) for a in next(loader))
    loss = losses.bernoulli_nll(model(x), y[:, None]).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss=loss)

# %% Generative model: p(x, y) = p(y) N(x; mu_y, Sigma_y), eleven numbers, each a mean over the training points
double = to_device(train.astype(np.float64), args.device)
prior = np.bincount(labels, minlength=2) / len(labels)
gaussians = [Gaussian.fit(double[to_device(np.flatnonzero(labels == k), args.device)]) for k in range(2)]


# %% What both say of any points x (n, 2)
def discriminative(x):
    """p(y = 1|x)"""
    with no_grad():
        return ops.sigmoid(model(to_device(x.astype(np.float32), args.device))).numpy()[:, 0].astype(np.float64)


def generative(x):
    """log p(x), and p(y = 1|x) = p(x|1) p(1) / p(x)"""
    x = to_device(x.astype(np.float64), args.device)
    log_joint = np.stack([np.log(prior[k]) + to_numpy(g.log_prob(x)) for k, g in enumerate(gaussians)])  # (2, n)
    log_p = np.logaddexp(*log_joint)
    return log_p, np.exp(log_joint[1] - log_p)


strange = np.array([outlier])
strange_p, (strange_log_p, strange_posterior) = discriminative(strange)[0], (a[0] for a in generative(strange))
test_log_p, test_posterior = generative(test)
# How strange? Under N(mu, Sigma) in the plane, a share exp(-d^2 / 2) of all points lies further out than d standard deviations (d is Mahalanobis'
# distance), and that is the density at d over the density at mu. Over the two classes, with their shares:
star = to_device(strange, args.device)
further = sum(prior[k] * np.exp(float(g.log_prob(star)[0] - g.log_prob(g.mean[None])[0])) for k, g in enumerate(gaussians))
figures = {
    "discriminative_accuracy": float(((discriminative(test) > 0.5) == test_labels).mean()),
    "generative_accuracy": float(((test_posterior > 0.5) == test_labels).mean()),
    "test_examples": len(test),
    "outlier_confidence": float(max(strange_p, 1 - strange_p)),
    "outlier_confidence_by_bayes_rule": float(max(strange_posterior, 1 - strange_posterior)),
    "outlier_log_density": float(strange_log_p),
    "least_test_log_density": float(test_log_p.min()),
    "share_of_points_further_out": float(further),
}
print(
    "Accuracy on {test_examples} new points: discriminative {discriminative_accuracy:.3f}, generative {generative_accuracy:.3f}. The outlier: "
    "discriminative {outlier_confidence:.4f} sure of its class;\ngenerative: log p(x) = {outlier_log_density:.1f} (the least likely new point: "
    "{least_test_log_density:.1f}); one point in {one_in:.0e} lies as far out.".format(**figures, one_in=1 / further)
)


# %% Pictures
def tinted(colour):
    """A colour "#rrggbb" mixed with white, for points of that colour to be seen on."""
    return "#" + "".join(f"{round(255 - 0.45 * (255 - int(colour[i : i + 2], 16))):02x}" for i in (1, 3, 5))


grid = grid_points(extent)
log_p, posterior = generative(grid)
discriminated = discriminative(grid)
drawn_labels = (np.random.default_rng(args.seed).random(len(train)) < prior[1]).astype(int)
sampler = default_rng(args.seed + 1, args.device)
drawn = np.where(drawn_labels[:, None] == 0, *(to_numpy(g.sample(len(train), sampler)) for g in gaussians))
pale = tinted(plot.CLASS_COLOURS[0]), "#ffffff", tinted(plot.CLASS_COLOURS[1])
low = test_log_p.min()  # shades from the least likely new point up
sure = f"{figures['outlier_confidence']:.2%}" if figures["outlier_confidence"] < 0.9999 else "over 99.99%"
save_planes(args.out / "discriminative_vs_generative.png", {
    "Discriminative: p(y | x)": {
        "field": discriminated, "colours": pale, "points": train, "labels": labels,
        "contours": [(discriminated, [0.5], "-"), (discriminated, [0.01, 0.99], "--")],
        "markers": {f"class {int(strange_p > 0.5)}, {sure} sure": outlier},
        "note": f"reads {figures['discriminative_accuracy']:.1%} of new points; has nothing to sample",
    },
    "Generative: p(x), p(y | x) by Bayes": {
        "field": np.clip((log_p - low) / (log_p.max() - low), 0, 1), "colours": ("#ffffff", "#e4e4ec", "#a9a9bd"),
        "points": train, "labels": labels,
        "contours": [(posterior, [0.5], "-")],
        "markers": {f"impossible: 1 in 10$^{{{-np.log10(further):.0f}}}$": outlier},
        "note": f"reads {figures['generative_accuracy']:.1%} of new points; knows what is usual",
    },
    "Generative: samples of p(x, y)": {
        "points": drawn, "labels": drawn_labels, "note": "points that never were, with their classes",
    },
}, extent, names=("class 0", "class 1"))  # fmt: skip
plot.save_curves(args.out / "curves.png", {"-log p(y|x)": (np.arange(args.steps), run.history["loss"])}, ylabel="nats a point")
run.write_metrics(picture="discriminative_vs_generative.png", **figures)
