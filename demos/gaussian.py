"""Faces from one Gaussian, and from a mixture of them (lecture: "the distribution of the data is Gaussian").

Question to predict, before you run it: a Gaussian over pictures knows the mean of every pixel, its variance, and how it moves with every other
pixel: for these faces, 24 million covariances. Draw a picture from it. A face? Whose hair, whose hat? And if ten Gaussians share the faces among
them, what gets better, and what never will?

    python demos/gaussian.py                           faces drawn by this package: no network, no GPU
    python demos/gaussian.py --data mnist              digits (better: --batch 20000 --components 30)
    python demos/gaussian.py --data folder:PATH        your own photographs, as many as you can find, all framed alike

It draws gaussian.png (the mean face, the eigenfaces alone and added to it, samples of both models above faces that neither has seen),
components.png (each Gaussian of the mixture: its mean and some of its samples) and curves.png (EM). Look for the ghost of a hat: each sample is the
mean plus a random *linear combination of eigenvectors*, and half a hat, or a hat of minus one half, is as likely to it as a whole one. The mixture
may choose between faces with long hair and with short; within each of its Gaussians all is as before. What is missing is not more data but a
nonlinear model: the rest of the demos.

A step is one EM iteration, which reads all the training pictures: --batch says how many there are.

Three one-line changes, and what each should show:

1. `train = train[:300]` before the model is fitted: EM finds 74 nats a face above one Gaussian instead of 26, and on the held-out faces it is 49 nats
   *worse*. Each of ten covariances of 60 x 60 has seen 30 faces. (`--covariance tied` shares one among the ten: try both.)
2. `images = np.concatenate([images[:1500], images[:1500, ..., ::-1]])` before `shape = ...`, each face and its mirror image: each eigenface becomes
   its own mirror image, or that with the opposite sign (but for the 500 that are held out). A covariance that does not change when left and right are
   swapped has eigenvectors that do not, either.
3. `from_gaussian = gaussian.sample(500, sampler)`, with the noise that the model has where it kept no eigenvector: sand. So that is what it thinks a
   beard or a pair of glasses is made of: the same little variance in 6852 directions. (Compare the kurtosis.)
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, plot
from tinygen.backend import to_device, to_numpy
from tinygen.models.gaussian import Gaussian
from tinygen.models.mixture import GaussianMixture
from tinygen.models.ppca import PPCA

TAKES = {"faces": "half a minute", "mnist": "ten seconds", "folder:PATH": "seconds for hundreds of pictures"}
p = parser(__doc__, steps=dict.fromkeys(TAKES, 40), takes=TAKES, batch=3000)
p.add_argument("--size", type=natural, default=48, help="side of faces and photographs in pixels (default: 48)")
p.add_argument("--latent-dim", type=natural, help="directions of variance that are kept (default: 60, or a quarter of the pictures where that is less)")
p.add_argument("--components", type=natural, default=10, help="Gaussians of the mixture (default: 10)")
p.add_argument("--covariance", choices=["full", "tied", "diagonal"], help="of the mixture's Gaussians (default: full; tied for a folder)")
args = parse(p)
args.covariance = args.covariance or ("tied" if args.data.startswith("folder:") else "full")

# %% Data: pictures as rows of numbers from 0 to 1, some held out
if args.data == "faces":
    if not 32 <= args.size <= 1024:
        p.error(f"--size {args.size}: faces are drawn at 32 to 1024 pixels")
    images, _ = data.faces(args.batch + 500, args.size, seed=1)
elif args.data == "mnist":
    images = np.concatenate([data.mnist("train")[0][: args.batch], data.mnist("test")[0][:500]])
else:
    images, _ = data.folder(args.data.removeprefix("folder:"), args.size)
    images = images[:, :1] if (images == images[:, :1]).all() else images  # all grey: one channel says it
    images = images[np.random.default_rng(0).permutation(len(images))][: args.batch + 500]
    if len(images) < 20:
        p.error(f"--data {args.data}: {len(images)} pictures; a Gaussian needs 20 at least, and hundreds to be any good")
shape = images.shape[1:]
held_out = min(500, len(images) // 6) if args.data.startswith("folder:") else 500
train, test = np.split(to_device(images.reshape(len(images), -1) / 255, args.device), [len(images) - held_out])
args.latent_dim = args.latent_dim or min(60, len(train) // 4)

# %% One Gaussian: mean and covariance of the training pictures. Of the covariance's eigenvectors it keeps those of largest variance; the others
# share what is left as noise, the same in all directions (probabilistic PCA).
try:
    gaussian = PPCA.fit(train, args.latent_dim)
    rng = default_rng(args.seed, args.device)
    # The mixture lives where the pictures vary: on their coordinates along the kept eigenvectors. Noise is in all directions, so in these too.
    t_train, t_test = ((x - gaussian.mean) @ gaussian.components for x in (train, test))
    mixture = GaussianMixture(t_train, args.components, covariance_type=args.covariance, variance_floor=gaussian.noise_variance, rng=rng)
except ValueError as error:  # --latent-dim or --components that do not fit
    p.error(str(error))
# On these coordinates the one Gaussian is N(0, diag lambda). Outside them both models say the same: their log-likelihoods differ by what they say
# here.
one = Gaussian.fit(t_train)
run = Run(args, mixture=mixture, rng=rng)

# %% Training: expectation-maximization. The likelihood of the training pictures never falls; that of the others may.
single = {"train": float(one.log_prob(t_train).mean()), "test": float(one.log_prob(t_test).mean())}
for _ in run.steps():
    gain_test = float(mixture.log_prob(t_test).mean()) - single["test"]
    gain = mixture.em_step(t_train) - single["train"]  # both before the step
    run.log(gain=gain, gain_test=gain_test)

# %% How good are they? Log-likelihood of pictures that were held out; and how wide are the tails of what is drawn. The difference of two pixels
# that are neighbours is nearly always small, and large at an edge. Its kurtosis, E d^4 / (E d^2)^2, tells: 3 for a Gaussian, whatever its
# covariance.
sampler = default_rng(args.seed + 1, args.device)  # its own: pictures do not depend on how long the training was
from_gaussian = gaussian.decode(sampler.normal((500, args.latent_dim), np.float64))
from_mixture = gaussian.mean + mixture.sample(500, sampler)[0] @ gaussian.components.T


def kurtosis(x):
    """Of the differences of horizontal neighbours about their mean, at each place over the pictures; the median over all places."""
    d = np.diff(to_numpy(x).reshape(-1, *shape), axis=3)
    d -= d.mean(axis=0)
    square = (d * d).mean(axis=0)
    place = square > 1e-5  # not where nothing ever happens
    return float(np.median((d**4).mean(axis=0)[place] / square[place] ** 2))


log_p, gains = gaussian.log_prob(test), mixture.log_prob(t_test) - one.log_prob(t_test)
figures = {
    "training_pictures": len(train),
    "held_out_pictures": len(test),
    "variance_kept": float(gaussian.variances.sum() + args.latent_dim * gaussian.noise_variance) / float(train.var(axis=0).sum()),
    "gaussian_log_likelihood": float(log_p.mean()),
    "mixture_log_likelihood": float((log_p + gains).mean()),
    "mixture_gain": float(gains.mean()),
    "mixture_gain_standard_error": float(gains.std() / len(gains) ** 0.5),
    "mixture_gain_in_training": float((mixture.log_prob(t_train) - one.log_prob(t_train)).mean()),
    "kurtosis_real": kurtosis(test),
    "kurtosis_gaussian": kurtosis(from_gaussian),
    "kurtosis_mixture": kurtosis(from_mixture),
    "gaussian_pixels_out_of_range": float(((from_gaussian < 0) | (from_gaussian > 1)).mean()),
}
print(
    "{held_out_pictures} held-out pictures: the Gaussian gives them {gaussian_log_likelihood:.1f} nats each, the mixture {mixture_gain:+.1f} +- "
    "{mixture_gain_standard_error:.1f} more\n(on the training pictures {mixture_gain_in_training:+.1f}). Kurtosis of neighbours' differences: "
    "real {kurtosis_real:.1f}, Gaussian {kurtosis_gaussian:.1f}, mixture {kurtosis_mixture:.1f}.".format(**figures)
)


# %% Pictures
def pictures(x):
    """Rows of numbers as images; what is out of range, and much is, is cut off."""
    return to_numpy(x).clip(0, 1).reshape(-1, *shape)


mean, spread = gaussian.mean, gaussian.variances**0.5
n = min(10, len(test), 1 + args.latent_dim)  # columns: the mean and 9 eigenvectors, or fewer
eigen = gaussian.components[:, : n - 1].T  # (n - 1, D)
moves = 2 * spread[: n - 1, None] * eigen  # two standard deviations
alone = 0.5 + 0.5 * eigen / np.abs(eigen).max(axis=1, keepdims=True)  # grey is zero
thing = {"faces": "faces", "mnist": "digits"}.get(args.data, "pictures")
plot.save_rows(args.out / "gaussian.png", {
    "mean, eigenvectors": pictures(np.concatenate([mean[None], alone])),
    "mean + 2 s.d.": pictures(np.concatenate([mean[None], mean + moves])),
    "mean - 2 s.d.": pictures(np.concatenate([mean[None], mean - moves])),
    "one Gaussian": pictures(from_gaussian[:n]),
    f"{args.components} Gaussians": pictures(from_mixture[:n]),
    f"real {thing}": pictures(test[:n]),
})  # fmt: skip

heaviest = np.argsort(-to_numpy(mixture.weights))[:10]
drawn, which = (to_numpy(a) for a in mixture.sample(20_000, sampler))
mine = np.stack([drawn[which == k][:3] for k in heaviest if (which == k).sum() >= 3], axis=1)  # (3, components, latent)
back = to_numpy(gaussian.components.T)
centres = to_numpy(mixture.means)[[k for k in heaviest if (which == k).sum() >= 3]]
plot.save_rows(args.out / "components.png", {
    label: pictures(to_numpy(mean) + t @ back)
    for label, t in zip(("mean of each", "a sample", "another", "a third"), (centres, *mine), strict=True)
})  # fmt: skip
steps = np.arange(args.steps)
plot.save_curves(
    args.out / "curves.png",
    {"training pictures": (steps, run.history["gain"]), "held-out pictures": (steps, run.history["gain_test"])},
    ylabel="nats a picture above one Gaussian", xlabel="EM step",
)  # fmt: skip

run.write_metrics(picture="gaussian.png", **figures)
