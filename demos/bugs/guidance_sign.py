"""The sign of guidance: away from the label instead of towards it.

Classifier-free guidance with scale w moves from the prediction without a label, u, through the one
with it, c, and beyond:

    output = u + w (c - u)        w = 0 is u, w = 1 is c, w > 1 exaggerates the label

With c and u exchanged inside the parentheses, w > 0 moves to the other side. The samples then avoid
what was asked for.

**Why nothing fails.** Both predictions are good, and the sampler is right. With a small w the
samples are plausible, only of other classes, as if the labels were mixed up. With a large w they
leave the data altogether.

**Where it comes from.** Two conventions are in use. Ho and Salimans write (1 + w) c - w u, others
u + w (c - u). Their w differ by 1, and a sign is easily lost on the way from one to the other. In
code, c and u are often the halves of one batch. If the halves are exchanged, the output is

    c + w (u - c) = u + (1 - w) (c - u)

With w > 1 its factor is negative, too. (The first source below has exchanged two halves; the others
are about the two conventions.)
"""

import math

import numpy as np
from bugs.comparison import Comparison

from tinygen import default_rng
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.objectives import Prediction
from tinygen.models.diffusion.samplers import ddim
from tinygen.plot import PlaneRows

TITLE = "The sign of guidance"
SYMPTOM = "Samples avoid the label (colour) that was asked for."
CHECK = "With w = 1 the output is the conditional prediction, with w = 0 the unconditional one."
SOURCE = (
    "Issue 775 of Nerogar/OneTrainer, 2025; Ho and Salimans, Classifier-Free Diffusion Guidance, "
    "2022, eq. 6; issue 5882 of huggingface/diffusers, 2023"
)
SCALE, NUM_SAMPLES, EXTENT = 1.5, 250, (-6.8, 6.8, -5.6, 6.2)
ANGLES = math.pi * np.array([0.5, 0.5 + 2 / 3, 0.5 + 4 / 3])
MEANS = 1.5 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # (3, 2): of three classes
TIMES = np.linspace(math.pi / 2, 0, 41)


def right(c, u, w):
    """Move from the unconditional prediction u towards the conditional one, c."""
    return u + w * (c - u)


def wrong(c, u, w):
    """Move from u away from c."""
    return u + w * (u - c)


def check(variant) -> None:
    """Guidance of 0 and 1 must be the two predictions themselves."""
    c, u = np.array([1.0, 2.0]), np.array([0.0, 5.0])
    assert np.array_equal(variant(c, u, 0), u), "w = 0 is not the unconditional prediction"
    assert np.array_equal(variant(c, u, 1), c), "w = 1 is not the conditional prediction"


def mixture(means) -> ExactMixture:
    """Return Gaussians around these means, whose best predictions are known in closed form."""
    n = len(means)
    return ExactMixture(np.full(n, 1 / n), means, np.full(n, 0.8))


def sample(variant, label: int, seed: int) -> np.ndarray:
    """Draw samples of one class, with the exact predictions in place of a network's."""
    one, all_classes = mixture(MEANS[label : label + 1]), mixture(MEANS)

    def denoise(x, t):
        predictions = zip(one.denoise(x, t)[:2], all_classes.denoise(x, t)[:2], strict=True)
        return Prediction(*[variant(c, u, SCALE) for c, u in predictions])

    noise = default_rng(seed).normal((NUM_SAMPLES, 2), np.float64)
    return ddim(denoise, noise, TIMES)


def compare(seed: int) -> Comparison:
    """Sample all three classes with both signs."""
    labels = np.repeat([0, 1, 2], NUM_SAMPLES)
    noise = default_rng(seed).normal((len(labels), 2), np.float64)
    row, accuracy = {"data": {"points": MEANS[labels] + 0.8 * noise, "labels": labels}}, []
    for name, variant in {"right": right, "bug": wrong}.items():
        points = np.concatenate([sample(variant, k, seed) for k in range(3)])
        row[name] = {"points": points, "labels": labels}
        nearest = ((points[:, None] - MEANS) ** 2).sum(axis=2).argmin(axis=1)
        accuracy.append(float((nearest == labels).mean()))
    measured = {"fraction of samples nearest to their class": tuple(accuracy)}
    note = f"The colour is the class that was asked for. Guidance scale: {SCALE:g}."
    few = {name: row[name] for name in ("right", "bug")}
    return Comparison(
        [PlaneRows({"": row}, EXTENT, note=note)], PlaneRows({"": few}, EXTENT), measured
    )
