"""The reparametrization trick: how a gradient gets through a drawn number (Kingma and Welling, 2013, section 2.4).

Question to predict, before you run it: z is drawn from N(mu, 1) with mu = 1, and E[z^2] is to fall. Its gradient in mu is 2. Two estimators find it from
samples, both right in the mean: one differentiates z^2 at z = mu + eps, the other multiplies z^2 with the gradient of log q(z) and needs no derivative
of z^2 at all. How many samples does the second need for the precision that the first has with one?

    python demos/reparametrization.py

It draws graphs.png, the two computation graphs of a small VAE, from what the engine has recorded: with z drawn the gradient stops at the sampling node
and the encoder learns nothing; with z = mu + sigma eps the noise comes in from the side, and the way is open. Then estimators.png, how the two
estimates of one and the same gradient are distributed; variance.png, their variance when several draws are averaged; and descent.png,
what that does to learning: a thousand runs of gradient descent on E[z^2] by each.

Three one-line changes, and what each should show:

1. `f = ops.sin`: the score function wins, 0.31 against 0.36. Nothing makes reparametrization the better one always: its variance comes from f's
   slope, the other's from f's size; where f wiggles within the width of q, the slope is the larger. (In many dimensions it is another story.)
2. `f = lambda z: z * z + 100`: a constant changes no gradient, and not the reparametrized estimate either. The score function's variance grows from 30 to
   10,830: it has to find out by drawing that the constant does not matter. With the best baseline it is 14, as before.
3. `f = lambda z: ops.where(z > 0, 1.0, 0.0) + 0 * z`, a step: the reparametrized gradient is 0, always, and wrong: the slope of a step is 0 but at
   the step. The score function needs no slope and finds 0.24, the density of z at 0. (Without `+ 0 * z` the engine refuses: f depends on nothing.)
"""

# %% Settings
import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import default_rng, grad, losses, nn, no_grad, ops, optim, plot, tensor
from tinygen.backend import to_device, to_numpy

p = parser(__doc__, steps={"square": 300}, takes={"square": "about 10 seconds"}, batch=1)
args = parse(p)
RUNS, SAMPLES = 1000, 2**20  # descents side by side; draws to measure variances from
f = ops.square  # what is to fall in the mean

# %% The two graphs: the same layers, the same kind of noise. What differs is what the engine has seen.
rng = default_rng(args.seed, args.device)
encoder = nn.Sequential(nn.Linear(784, 100, rng=rng), nn.ReLU())
to_mu, to_log_var = nn.Linear(100, 2, rng=rng), nn.Linear(100, 2, rng=rng)
decoder = nn.Sequential(nn.Linear(2, 100, rng=rng), nn.ReLU(), nn.Linear(100, 784, rng=rng))
x = tensor(rng.uniform((1, 784)))


def tensors(drawn):
    """The reconstruction error of x and the tensors on the way to it, by the names they have in the picture."""
    h = encoder(x)
    mu, log_var = to_mu(h), to_log_var(h)
    eps = tensor(rng.normal(mu.shape))
    if drawn:
        with no_grad():  # a random number generator returns numbers; what mu and sigma had to do with them, nobody has noted
            z = losses.reparametrize(mu, log_var, eps)
    else:
        z = losses.reparametrize(mu, log_var, eps)
    x_hat = decoder(z)
    loss = losses.squared_error(x_hat, x).mean()
    names = {"loss": loss, "$x$": x, r"$\mu$": mu, r"$\log \sigma^2$": log_var, "$z$": z, r"$\hat{x}$": x_hat}
    return names if drawn else {**names, r"$\varepsilon$": eps}


# %% The two estimators of d/dmu E[f(z)], z ~ N(mu, 1), from eps ~ N(0, 1) of shape (draws, *mu.shape): one draw for each of many mu is quick


def reparametrized(mu, eps):
    """Differentiating it gives f'(z) dz/dmu: the gradient goes through z = mu + eps."""
    z = losses.reparametrize(mu, np.zeros_like(mu.data), eps)
    return f(z).mean(axis=0).sum()


def score_function(mu, eps, baseline=0.0):
    """Differentiating it gives (f(z) - baseline) dlog q(z)/dmu: z is a constant, and log q(z) = -(z - mu)^2 / 2."""
    z = mu.data + eps
    return losses.score_function(f(z) - baseline, -0.5 * (z - mu) ** 2).mean(axis=0).sum()


# %% Gradient descent on E[f(z)] from mu = 1, `RUNS` times by each
class Runners(nn.Module):
    def __init__(self):
        start = np.ones_like(rng.uniform((RUNS,)))
        self.reparametrized, self.score_function = tensor(start, requires_grad=True), tensor(start, requires_grad=True)


model = Runners()
optimizer = optim.SGD(model.parameters(), lr=0.01)
run = Run(args, model=model, optimizer=optimizer, rng=rng)

for _ in run.steps():
    eps = rng.normal((args.batch, RUNS))
    loss = reparametrized(model.reparametrized, eps) + score_function(model.score_function, eps)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with no_grad():
        run.log(reparametrized=f(model.reparametrized).mean(), score_function=f(model.score_function).mean())


# %% The variances at mu = sigma = 1: measured from a million draws, and exactly by Gauss-Hermite quadrature (exactly for polynomials, that is)
def estimates(estimator, eps):
    """The gradient that each draw by itself gives."""
    mu = tensor(np.ones_like(eps), requires_grad=True)
    return grad(estimator(mu, eps[None]), mu).numpy().astype(np.float64)


nodes, weights = np.polynomial.hermite_e.hermegauss(60)
weights /= weights.sum()
nodes_there = to_device(nodes, args.device)
best = float(to_numpy(f(1 + nodes_there)) * nodes**2 @ weights)  # the constant to take from f with which the variance is least: E[f s^2] / E[s^2], s = eps


def with_baseline(mu, eps):
    return score_function(mu, eps, best)


measuring = default_rng(args.seed + 1, args.device)  # its own, so that the figures do not depend on how long the training was
draws = measuring.normal((SAMPLES,), np.float64)
sizes = 2 ** np.arange(0, 13)
figures, histograms, variances = {"draws": SAMPLES, "baseline": best}, {}, {}
for name, estimator in {"reparametrized": reparametrized, "score function": score_function, "with the best baseline": with_baseline}.items():
    at_nodes, g = estimates(estimator, nodes_there), estimates(estimator, draws)
    mean, exact = at_nodes @ weights, at_nodes**2 @ weights - (at_nodes @ weights) ** 2
    error = (((g - g.mean()) ** 2).std() / SAMPLES**0.5, g.std() / SAMPLES**0.5)
    print(f"{name:22s} mean {g.mean():7.4f} +- {error[1]:.4f} (exactly {mean:.4f})   variance {g.var():7.3f} +- {error[0]:.3f} (exactly {exact:.3f})")
    key = name.replace(" ", "_")
    figures |= {f"mean_{key}": g.mean(), f"variance_{key}": g.var(), f"variance_{key}_standard_error": error[0], f"exact_variance_{key}": exact}
    density, edges = np.histogram(g, bins=200, range=(-12, 16))
    histograms[name] = ((edges[1:] + edges[:-1]) / 2, density / SAMPLES / (edges[1] - edges[0]))
    variances[f"{name}: exactly {exact:.3g} / draws"] = (sizes, np.array([g.reshape(-1, n).mean(axis=1).var() for n in sizes]))

# %% Pictures
panels = {"z drawn from N(μ, σ²): the gradient stops at the sampling node": tensors(drawn=True), "z = μ + σ ε: the way is open": tensors(drawn=False)}
plot.save_graph(args.out / "graphs.png", panels, sampled={"$z$": (r"$\mu$", r"$\log \sigma^2$")})
title = f"One gradient, estimated from single draws (true value {mean:.3g})"
plot.save_curves(args.out / "estimators.png", histograms, ylabel="density", xlabel="estimate", smooth=False, title=title)
plot.save_curves(args.out / "variance.png", variances, ylabel="variance of the estimate", xlabel="draws", smooth=False, log="xy")
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "descent.png",
    {name.replace("_", " "): (steps, values) for name, values in run.history.items()},
    ylabel=f"mean of f(mu) over {RUNS} runs", smooth=False,
)  # fmt: skip
run.write_metrics(picture="graphs.png", **{name: float(value) for name, value in figures.items()})
