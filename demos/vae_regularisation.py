"""What each half of the VAE's objective does to the latent space: |x - x_hat|^2 alone, the KL alone, and both.

Question to predict, before you run it: three networks of one size encode digits to clouds N(mu, sigma^2) in the plane. The first is only asked to decode
them, the second only to look like N(0, I), the third both. Where will the first put its clouds, and how large will they be? And the second's?

    python demos/vae_regularisation.py

It draws maps.png: above, the test digits' clouds by class, as ellipses of one sigma, each map at its own scale, the dashed circle in all three the
prior's, of radius 2; below, what each decodes from the same grid of z, equally spaced in the prior's quantiles. walks.png: straight lines between
the same pairs of test digits' codes, decoded by each. And numbers for the two properties that a latent space to sample from needs (all on test digits):

- **continuity**: near codes are decoded alike. Lines from one test digit's code to another's, cut into 50 steps: the largest change of the picture in one
  step, root mean square over pixels, as a share of the typical distance of two test digits. An even walk would show 1/50 = 2 %; a jump shows 100 %.
  Scale-free: the map may be drawn as large as one likes. A decoder that ignores z has a perfect 0, so by itself this number proves nothing.
- **completeness**: what is sampled is something, and every class is among it. The share of z ~ N(0, I) whose picture a classifier is sure of (its largest
  probability is above what 95 % of real test digits reach), times the number of classes that these show (e^entropy), over ten. Real digits have 95 %;
  a decoder that paints one good digit everywhere has 10 %. The classifier learns from the same training digits, and to be unsure of noise: without that
  it is sure of nearly anything. Look at both factors: reconstruction alone comes to the same 55 % as both together, by sharp pictures (82 % sure) of the
  6.7 classes that happen to lie around the origin; both together by 8.8 classes, of whose pictures more than a third are on their way from one to
  the next.

Three one-line changes, and what each should show:

1. `"both": (1, 0.05)`: nearly the first map again, drawn smaller. The error falls from 31.4 to 28.3, the first's, the KL rises from 4.2 to 10 nats, the clouds
   shrink to sigma 0.04 and touch no more; walks jump further (5.8 % for 3.9 %), and of the 8.8 classes 7.7 are left.
2. `"both": (1, 20)`: nearly the second map: all clouds are the prior, the KL is 0.0, and z means nothing. But this decoder is trained: it paints the mean
   of all digits everywhere, and the classifier is sure of it: completeness is 10 %, all samples, one class. The share of sure ones alone would be 100 %.
3. `- right.mean()` alone in the judge's loss, without `unsure`: it is now sure of the grey noise that an untrained decoder paints, in 100 % of samples.
   A number that nonsense reaches too proves nothing: first hold a judge against nonsense.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.vae import VAE, squared_error_and_kl

p = parser(__doc__, steps={"digits": 1500, "mnist": 5000}, takes={"digits": "about a minute", "mnist": "two to three minutes"}, batch=128)
args = parse(p)
WEIGHTS = {"reconstruction alone": (1, 0), "KL alone": (0, 1), "both": (1, 1)}  # of |x - x_hat|^2 and of the KL: (1, lambda)

# %% Data: bytes (n, 1, 28, 28) and labels, which colour the map and train the judge
if args.data == "mnist":
    (train, train_labels), (test, labels) = data.mnist("train"), data.mnist("test")
else:
    (train, train_labels), (test, labels) = data.digits(20_000, seed=1), data.digits(2_000, seed=2)
test, labels = test[:2000], labels[:2000]

# %% Three models that begin with the same weights, and the judge
rng = default_rng(args.seed, args.device)
models = nn.ModuleList([VAE(2, [256, 64], mean=train.mean(axis=0) / 255, rng=default_rng(args.seed, args.device)) for _ in WEIGHTS])
judge = nn.Sequential(nn.Flatten(), nn.Linear(784, 128, rng=rng), nn.ReLU(), nn.Linear(128, 10, rng=rng))
optimizer = optim.Adam([*models.parameters(), *judge.parameters()], lr=2e-3)
loader = data.Loader(train, train_labels, batch_size=args.batch, seed=args.seed)
run = Run(args, models=models, judge=judge, optimizer=optimizer, loader=loader, rng=rng)


def grey(images):
    return to_device(images, args.device) / np.float32(255)


# %% Training: all at once, each by its own loss, with the same pictures and the same noise
for step in run.steps():
    images, classes = next(loader)
    x, eps = grey(images), rng.normal((args.batch, 2))
    loss, logged = 0, {}
    for (name, (of_mse, of_kl)), model in zip(WEIGHTS.items(), models, strict=True):
        mse, kl = squared_error_and_kl(model, x, eps)
        loss = loss + (of_mse * mse + of_kl * kl).mean()
        logged[name] = mse.mean()
    right = ops.log_softmax(judge(x), axis=1)[np.arange(args.batch), classes]
    unsure = ops.log_softmax(judge(rng.uniform(x.shape)), axis=1).mean(axis=1)  # of noise: all ten classes alike
    loss = loss - right.mean() - unsure.mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.lr = 2e-3 * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    run.log(**logged)


# %% Measuring
def decoded(model, z):
    with no_grad():
        return ops.sigmoid(model.decode(to_device(z.astype(np.float32), args.device))).numpy()


def sure(pictures):
    """The judge's largest probability, and for which class."""
    with no_grad():
        p = ops.softmax(judge(to_device(pictures, args.device)), axis=1).numpy()
    return p.max(axis=1), p.argmax(axis=1)


def effective(counts):
    p = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(p * np.log(p)).sum()))


x = to_numpy(grey(test))
confidence, said = sure(x)
threshold = float(np.quantile(confidence, 0.05))
numpy_rng = np.random.default_rng(args.seed)
pairs = numpy_rng.permutation(len(test))[:400].reshape(200, 2)
typical = float(np.sqrt(((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2).mean()))
z_prior, t = numpy_rng.normal(size=(2000, 2)), np.linspace(0, 1, 51)[:, None]
quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 15) for i in range(15)])
z_grid = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(225, 2)
shown = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]][:2]

figures = {"judge_right": float((said == labels).mean()), "threshold": threshold}
print(f"The judge reads {figures['judge_right']:.1%} of the test digits, and is sure from {threshold:.3f} on")
clouds, walks, notes = {}, {}, {}
for name, model in zip(WEIGHTS, models, strict=True):
    with no_grad():
        mu, log_var = (a.numpy() for a in model.encode(grey(test)))
        mse, kl = (float(a.mean().numpy()) for a in squared_error_and_kl(model, grey(test), default_rng(args.seed + 1, args.device).normal((len(test), 2))))
    steps = np.concatenate([((np.diff(decoded(model, (1 - t) * mu[a] + t * mu[b]), axis=0)) ** 2).mean(axis=(1, 2, 3))[None] for a, b in pairs])
    continuity = float(np.sqrt(steps.max(axis=1)).mean() / typical)
    confidence, said = sure(decoded(model, z_prior))
    share = float((confidence > threshold).mean())
    classes = effective(np.bincount(said[confidence > threshold], minlength=10))
    spread, width = float(np.sqrt((mu**2).mean())), float(np.exp(0.5 * np.median(log_var)))
    key = name.replace(" ", "_")
    complete = share * classes / 10
    figures |= {f"{key}_completeness": complete, f"{key}_mse": mse, f"{key}_kl": kl, f"{key}_largest_step": continuity, f"{key}_sure": share, f"{key}_classes": classes,
                f"{key}_spread": spread, f"{key}_sigma": width}  # fmt: skip
    notes[name] = (f"squared error {mse:.1f}, KL {kl:.1f} nats, typical $\\sigma$ {width:.1g}\n"
                   f"continuity: largest step of a walk {continuity:.1%}\n"
                   f"completeness {complete:.0%}: {share:.0%} of samples sure, {classes:.1f} classes")  # fmt: skip
    print(f"{name}: {notes[name]}".replace("\n", "; ").replace("$\\sigma$", "sigma"))
    clouds[name] = (mu, np.exp(0.5 * log_var), decoded(model, z_grid))
    for i, (a, b) in enumerate(shown):
        walks[f"{name} {i + 1}"] = decoded(model, (1 - t[::4]) * mu[a] + t[::4] * mu[b])

# %% Pictures
plot.save_posteriors(args.out / "maps.png", clouds, labels, notes=notes)
plot.save_rows(args.out / "walks.png", dict(sorted(walks.items(), key=lambda item: item[0][-1])))
plot.save_curves(
    args.out / "curves.png",
    {name: (np.arange(args.steps), values) for name, values in run.history.items()},
    ylabel="squared error of a picture",
)  # fmt: skip
run.write_metrics(picture="maps.png", **figures)
