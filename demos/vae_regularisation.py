# %% [markdown]
"""What each term of the VAE's objective does to the latent space.

Lecture: the VAE's regularization, with |x - x_hat|^2 alone, the KL alone, and
both.

Question to predict before you run it: three networks of one size encode digits
to distributions N(mu, sigma^2) in the plane. The first has to decode them, the
second has to make them look like N(0, I), the third both. Where will the first
put its distributions, and how wide will they be? And the second?

    python demos/vae_regularisation.py
    python demos/vae_regularisation.py --data mnist
    python demos/vae_regularisation.py --data folder:PATH --size 32
               your own pictures; the sub-folders are the classes

It draws
    maps.png    above, q(z|x) of the test digits: ellipses of one sigma,
                coloured by class, all on one scale. The dashed circle, of
                radius 2, is the prior's. Below, decoded images of the two
                networks with a trained decoder: along the line with the
                largest step for reconstruction alone, of those that begin
                and end at clear digits, and of z ~ N(0, I),
                with the number of classes
    planes.png  what each network decodes from the same grid of z, equally
                spaced in the quantiles of the prior
    curves.png  the squared error during training

It measures two properties that a latent space needs for sampling. All figures
are of test digits.

continuity    Are neighbouring codes decoded alike? A straight line between
              two codes is cut into 50 steps. The figure is the largest change
              of the image in one step (root mean square over pixels), as a
              fraction of the typical distance of two test digits. A uniform
              walk has 1/50 = 2 %, a jump 100 %. It does not depend on the
              scale of the map.
completeness  Are samples digits, and of every class? It is a product. The
              first factor is the fraction of z ~ N(0, I) whose image a
              classifier is confident of: its largest probability is above what
              95 % of real test digits reach. The second is the effective
              number of classes among these (e^entropy), divided by 10. Real
              digits have 95 %.

Three changes to try:

1. `"both": (1, 0.05)` in WEIGHTS.
2. `"both": (1, 20)`.
3. Leave out `+ noise_loss`: the classifier is not trained to be unsure of
   noise.
"""

# %%
# Settings
from statistics import NormalDist

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _pictures import read_folder
from _run import Run

from tinygen import data, default_rng, latent, losses, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device
from tinygen.models.vae import VAE, squared_error_and_kl

p = parser(
    __doc__,
    steps={"digits": 1500, "mnist": 5000, "folder:PATH": 3000},
    takes={
        "digits": "about a minute",
        "mnist": "two to three minutes",
        "folder:PATH": "some minutes",
    },
    batch=128,
    sizes={"folder:PATH": 32},
)
args = parse(p)
LR = 2e-3  # learning rate at the start
WEIGHTS = {  # of |x - x_hat|^2 and of the KL: (1, lambda)
    "reconstruction alone": (1, 0),
    "KL alone": (0, 1),
    "both": (1, 1),
}
LABELS = {"reconstruction alone": "reconstruction", "KL alone": "KL", "both": "both"}  # short ones

# %%
# Data: bytes (n, C, H, W), and labels for the colours of the map and the classifier
noun, class_names = "digit", list("0123456789")
if args.data == "mnist":
    (train, train_labels), (test, labels) = data.mnist("train"), data.mnist("test")
elif args.data == "digits":
    (train, train_labels), (test, labels) = data.digits(20_000, seed=1), data.digits(2_000, seed=2)
else:
    noun = "picture"
    train_set, test_set, class_names = read_folder(args, needs_classes=True)
    (train, train_labels), (test, labels) = train_set, test_set
shape, num_numbers, num_classes = train.shape[1:], train[0].size, len(class_names)
test, labels = test[:2000], labels[:2000]

# %%
# Three models with the same initial weights, and a classifier for the evaluation
rng = default_rng(args.seed, args.device)
mean_image = train.mean(axis=0) / 255
models = nn.ModuleList(
    VAE(2, [256, 64], shape, mean=mean_image, rng=default_rng(args.seed, args.device))
    for _ in WEIGHTS
)
classifier = nn.Sequential(
    nn.Flatten(),
    nn.Linear(num_numbers, 128, rng=rng),
    nn.ReLU(),
    nn.Linear(128, num_classes, rng=rng),
)
uniform = np.full((args.batch, num_classes), 1 / num_classes, np.float32)  # class probabilities
uniform = to_device(uniform, args.device)
optimizer = optim.Adam([*models.parameters(), *classifier.parameters()], lr=LR)
schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=args.steps)
loader = data.Loader(
    train, train_labels, batch_size=args.batch, seed=args.seed, transform=data.to_float
)
run = Run(args, models=models, classifier=classifier, optimizer=optimizer, loader=loader, rng=rng)

# %%
# Training: all at once, each network with its own loss, on the same images and the same noise
batches = loader.forever()
for step in run.steps():
    schedule.set(step)
    images, classes = next(batches)
    x = to_device(images, args.device)  # (N, C, H, W)
    eps = rng.normal((args.batch, 2))
    loss, errors = 0, {}
    for model, (name, (error_weight, kl_weight)) in zip(models, WEIGHTS.items(), strict=True):
        error, kl = squared_error_and_kl(model, x, eps)  # (N,) each
        loss = loss + (error_weight * error + kl_weight * kl).mean()
        errors[name] = error.mean()
    # The classifier learns the training pictures, and to give all classes to noise: without that,
    # it would be confident of almost any image.
    class_loss = losses.cross_entropy(classifier(x), to_device(classes, args.device))
    noise_loss = losses.cross_entropy(classifier(rng.uniform(x.shape)), uniform)
    loss = loss + class_loss + noise_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(**errors)


# %%
# Evaluation
def decode(model, z):
    """Decode codes (n, 2) to images (n, C, H, W) from 0 to 1."""
    with no_grad():
        return ops.sigmoid(model.decode(to_device(z.astype(np.float32), args.device))).numpy()


def classify(images):
    """Return the largest probability of the classifier (n,) and its class (n,)."""
    with no_grad():
        p = ops.softmax(classifier(to_device(images, args.device)), axis=1).numpy()  # (n, K)
    return p.max(axis=1), p.argmax(axis=1)


def effective_number(counts):
    """Return e^entropy: k if k classes are equally frequent and the others absent."""
    p = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(p * np.log(p)).sum()))


x_test = data.to_float(test)
confidence, predictions = classify(x_test)
threshold = float(np.quantile(confidence, 0.05))

numpy_rng = np.random.default_rng(args.seed)
num_pairs = min(200, len(test) // 2)
pairs = numpy_rng.permutation(len(test))[: 2 * num_pairs].reshape(num_pairs, 2)
first, second = pairs.T
typical_distance = float(np.sqrt(((x_test[first] - x_test[second]) ** 2).mean()))
z_prior = numpy_rng.normal(size=(2000, 2))
LIMIT = 3  # the maps show z from -3 to 3
MAP_SIZE = 200  # posteriors in each map
t = np.linspace(0, 1, 51)[:, None]


def interpolate(model, z0, z1, t):
    """Decode z_t = (1 - t) z_0 + t z_1 for each of t (n, 1): images (n, C, H, W)."""
    return decode(model, (1 - t) * z0 + t * z1)


def largest_steps(model, mu):
    """Return the largest step of each line between two codes (n,), and which of 50 it is (n,)."""
    sizes, places = [], []
    for a, b in pairs:
        steps = np.diff(interpolate(model, mu[a], mu[b], t), axis=0)  # (50, C, H, W)
        squares = (steps**2).mean(axis=(1, 2, 3))
        sizes.append(squares.max())
        places.append(squares.argmax())
    return np.sqrt(np.array(sizes)) / typical_distance, np.array(places)


def measure_samples(model):
    """Return the fraction of confident samples and their effective number of classes."""
    confidence, predictions = classify(decode(model, z_prior))
    is_confident = confidence > threshold
    counts = np.bincount(predictions[is_confident], minlength=num_classes)
    return float(is_confident.mean()), effective_number(counts)


metrics = {
    "classifier_accuracy": float((predictions == labels).mean()),
    "threshold": threshold,
}
print(
    f"The classifier has an accuracy of {metrics['classifier_accuracy']:.1%} on test {noun}s. "
    f"It counts as confident above a probability of {threshold:.3f}."
)
quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 15) for i in range(15)])
z_grid = latent.grid(np.zeros(2), *np.eye(2), quantiles).reshape(225, 2)
maps, planes, trained, samples = [], [], {}, {}
for name, model in zip(WEIGHTS, models, strict=True):
    x = to_device(x_test, args.device)
    with no_grad():
        mu, log_var = (a.numpy() for a in model.encode(x))
        eps = default_rng(args.seed + 1, args.device).normal((len(test), 2))
        error, kl = (float(a.mean().numpy()) for a in squared_error_and_kl(model, x, eps))
    sizes, places = largest_steps(model, mu)
    continuity = float(sizes.mean())
    fraction, num_found = measure_samples(model)
    completeness = fraction * num_found / num_classes
    sigma = float(np.exp(0.5 * np.median(log_var)))
    key = name.replace(" ", "_")
    metrics |= {
        f"{key}_completeness": completeness,
        f"{key}_squared_error": error,
        f"{key}_kl": kl,
        f"{key}_largest_step": continuity,
        f"{key}_fraction_confident": fraction,
        f"{key}_num_classes": num_found,
        f"{key}_rms_mu": float(np.sqrt((mu**2).mean())),
        f"{key}_median_sigma": sigma,
    }
    print(
        f"{name}: squared error {error:.1f}, KL {kl:.1f} nats, median sigma {sigma:.1g}; "
        f"continuity: largest step of a line {continuity:.1%}; "
        f"completeness {completeness:.0%}: {fraction:.0%} confident, {num_found:.1f} classes"
    )
    label = LABELS[name]
    title, note = f"{label[0].upper()}{label[1:]}", f"median σ {sigma:.1g}"
    if (outside := (np.abs(mu) > LIMIT).any(axis=1).mean()) >= 0.01:
        note += f"\n{100 * outside:.0f} % off the map"
    few = slice(0, MAP_SIZE)
    options = {"names": None, "limit": LIMIT, "title": title, "note": note}
    maps.append(plot.Posteriors(mu[few], np.exp(0.5 * log_var[few]), labels[few], **options))
    planes.append(plot.Grid(decode(model, z_grid), columns=15, gap=0, title=title))
    if name == "KL alone":
        continue  # nothing trains its decoder, which draws noise
    if not trained:  # the lines that are drawn are chosen by the first network
        first_sizes, first_places = sizes, places
    trained[label] = model, mu
    samples[label] = decode(model, z_prior[:10])


# %%
# Pictures
def decode_walk(pair):
    """Decode nine steps of the line of a pair of codes, around the first network's largest one."""
    a, b = pairs[pair]
    begin = min(max(first_places[pair] - 4, 0), len(t) - 10)
    return {
        label: interpolate(model, mu[a], mu[b], t[begin : begin + 10])
        for label, (model, mu) in trained.items()
    }


def has_clear_ends(walk):
    """Tell whether the classifier is sure of the first and the last image in each row."""
    return all(classify(images[[0, -1]])[0].min() >= 0.9 for images in walk.values())


by_size = np.argsort(-first_sizes)
clear = next(filter(has_clear_ends, map(decode_walk, by_size)), None)
walks = clear or decode_walk(by_size[0])  # networks that have hardly learned have no clear ends
with_clear_ends = f" with a clear\n{noun} at both ends of both rows" if clear else ""
above, below = "reconstruction_alone", "both"
num_above, num_below = (metrics[f"{key}_num_classes"] for key in (above, below))
plot.save_page(
    args.out / "maps.png",
    [
        maps,
        plot.Caption(
            f"Each ring: N(μ, σ²) of one test {noun}, at one σ; colour: its class.\n"
            "Dashed: N(0, I), radius 2. Where σ is tiny, only a dot at μ is seen."
        ),
        plot.Rows(
            walks,
            title="Continuity: are neighbouring codes decoded alike?",
            note=f"Nine of 50 steps from one {noun} to another. Of all lines{with_clear_ends}, "
            "that with the largest step above.",
        ),
        plot.Rows(
            samples,
            title=f"Completeness: does z ~ N(0, I) reach all {num_classes} classes?",
            note=f"Of {num_classes} classes, samples reach {num_above:.1f} (reconstruction) and "
            f"{num_below:.1f} (both).",
        ),
    ],
    title="Reconstruction separates codes, KL gathers them",
)
plot.save_page(args.out / "planes.png", [planes], width=1400)
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {name: (steps, values) for name, values in run.history.items()},
    ylabel=f"squared error per {noun}",
)
run.write_metrics(picture="maps.png", **metrics)

# %% [markdown]
# ## What you should see
#
# With the defaults (seed 0, 26 seconds on one core), on 2,000 test digits:
#
#                             squared error    KL           median sigma    largest step of a line
#     reconstruction alone    27.7             29.5 nats    0.0003          7.3 %
#     KL alone                218.1            0.0 nats     1               0.0 %
#     both                    30.5             4.2 nats     0.1             2.8 %
#
# With reconstruction alone, the distributions are narrow and far apart: nothing keeps them near the
# origin or wide. With the KL alone, all of them are the prior, and z means nothing. With both, they
# fill the prior and touch each other.
#
# **Look at both factors of completeness.** Reconstruction alone reaches 39 % (42 and 46 % with the
# seeds 1 and 2), both terms together 60 % (70 and 62 %). Images of the first are confident digits
# in 82 % (69 and 74 %), but of the 4.8 classes (6.1 and 6.3) that happen to lie around the origin.
# Both terms together reach 9.6 classes (9.4 and 9.4). About a third of these images lie between two
# classes, so the classifier is not confident of them.
#
# **Each figure alone can be fooled.** A decoder that ignores z has a perfect continuity of 0. A
# decoder that draws one good digit everywhere has a completeness of 10 %.
#
# The three changes:
#
# 1. Nearly the first map again. The squared error falls to 28.1, nearly that of reconstruction
#    alone, and the KL rises to 11 nats. The distributions shrink to sigma 0.04 and no longer touch.
#    The largest step of a line is 5.4 %, and fewer classes are left, 5.6.
# 2. Nearly the second map: all distributions are the prior, the KL is 0.0 nats, and z means
#    nothing. But this decoder is trained. It draws the mean of all digits everywhere, and the
#    classifier is confident of it. So completeness is 10 %: all samples, one class. The fraction
#    of confident samples alone would be 100 %.
# 3. Now the classifier is confident of 69 % of the grey noise that an untrained decoder draws. A
#    figure that nonsense reaches too proves nothing, so test an evaluator on nonsense first.
