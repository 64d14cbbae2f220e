"""Evaluation of a generator that has no density: its samples are compared with real images.

Published figures such as FID and KID use the 2048 features of an Inception network that was trained
on photographs. Here the features are the 64 outputs of the hidden layer of an evaluator
(evaluators/), which is trained on the same data in seconds. **No figure of this file can be
compared with a published one.** They serve to compare two generators of the same data, by the same
evaluator. For this reason the names of all figures begin with "evaluator".

Each figure comes with its *floor*: the same figure for real images against other real images, as
many of them. Copies of training images reach the floor and are not detected here; see
`diversity.nearest_neighbours`. Precision, density, coverage and confidence can exceed their floors,
if the samples crowd in the middle of the data. Recall then shows it.

The predicted classes show what distances do not: whether a digit is missing. If a generator has
collapsed, one class has a large fraction of the samples.
"""

from __future__ import annotations

import numpy as np

from .distances import frechet_distance, kernel_distance
from .evaluators import DigitClassifier, Evaluator
from .precision import density_coverage, precision_recall

__all__ = ["evaluate_samples"]


def evaluate_samples(
    evaluator: Evaluator, real: np.ndarray, generated: np.ndarray, *, device: str = "cpu"
) -> tuple[dict[str, float], str]:
    """Compare samples with real images by the features and predictions of an evaluator.

    The real images are split into two halves, every other one. The samples are compared with the
    first half; for the floor, the second half is compared with the first.

    The figures (each also as "..._floor"):

        evaluator_frechet, evaluator_kernel      distances (distances.py). For two sets of one
                                                 distribution, the mean of the second one is 0,
                                                 and that of the first one a little above 0.
        evaluator_precision, evaluator_recall    fraction of the samples that are like data, and of
                                                 the data that are like samples (precision.py)
        evaluator_density, evaluator_coverage    the same two, less disturbed by outliers

    and if the evaluator is a `DigitClassifier`:

        evaluator_confidence       mean of the largest of the ten probabilities
        evaluator_num_classes      number of classes with at least a quarter of their fraction in
                                   the real half, as in `count_modes`
        evaluator_largest_class    fraction of the most frequent class
        evaluator_class_entropy    entropy of the classes' fractions in nats: log 10 = 2.303 if all
                                   are equally frequent, 0 if there is only one

    All features are divided by one number, so that their mean variance over the real half is 1.
    Then the figures do not depend on the scale of the features, which grows with the evaluator's
    training.

    Images that are larger than the evaluator's (a DCGAN's digits have 32 pixels) lose their border,
    which is not evaluated then. Smaller images get a black border.

    Parameters
    ----------
    evaluator : trained on the training split.
    real : test images (2 n, channels, height, width), bytes or floats from 0 to 1.
    generated : samples (n, channels, height, width), as many as each half of the real images,
        because all distances depend on n.
    device : where the evaluator lies.

    Returns
    -------
    figures : for metrics.json.
    table : the same as text, to be printed.

    Raises
    ------
    ValueError
        If the numbers or sizes of the images do not match, or the real features do not differ.
    """
    if len(real) != 2 * len(generated) or len(generated) < 6:
        raise ValueError(
            "evaluate_samples: needs twice as many real images as samples, at least 12, for the "
            f"floor; got {len(real)} and {len(generated)}"
        )
    shape = evaluator.image_shape
    reference, floor, generated = (
        _crop_or_pad(images, shape) for images in (real[::2], real[1::2], generated)
    )
    reference_features = evaluator.extract_features(reference, device).astype(np.float64)
    scale = _feature_scale(reference_features)
    figures = {}
    for suffix, images in (("", generated), ("_floor", floor)):
        features = evaluator.extract_features(images, device).astype(np.float64)
        figures_of_set = _compare_features(reference_features / scale, features / scale)
        if isinstance(evaluator, DigitClassifier):
            probabilities = evaluator.predict_proba(images, device)
            expected = evaluator.predict_proba(reference, device)
            figures_of_set |= _compare_classes(expected, probabilities)
        figures |= {f"evaluator_{name}{suffix}": value for name, value in figures_of_set.items()}
    return figures, _format_table(figures, reference_features.shape[1])


def _feature_scale(features: np.ndarray) -> float:
    """Return the root of the features' mean variance."""
    scale = np.sqrt(features.var(axis=0).mean())
    # A smaller one is float32's rounding, which can differ with the position in a batch.
    if not scale > 1e-5 * np.abs(features).max():
        raise ValueError(
            "evaluate_samples: the evaluator sees no difference between any two of the real "
            "images; was it trained, and on bytes or floats from 0 to 1 as these?"
        )
    return scale


def _compare_features(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Return all figures that depend on features (n, d) alone."""
    precision, recall = precision_recall(real, generated)
    density, coverage = density_coverage(real, generated)
    return {
        "frechet": frechet_distance(real, generated),
        "kernel": kernel_distance(real, generated),
        "precision": precision,
        "recall": recall,
        "density": density,
        "coverage": coverage,
    }


def _compare_classes(real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Return all figures that depend on probabilities of classes (n, 10)."""
    expected, fractions = _class_fractions(real), _class_fractions(generated)
    occurs = expected > 0
    captured = fractions[occurs] >= expected[occurs] / 4
    q = fractions[fractions > 0]
    entropy = float(-(q * np.log(q)).sum()) + 0.0  # + 0.0 turns -0.0 into 0.0
    return {
        "confidence": float(generated.max(axis=1).mean(dtype=np.float64)),
        "num_classes": int(captured.sum()),
        "largest_class": float(fractions.max()),
        "class_entropy": entropy,
    }


def _class_fractions(probabilities: np.ndarray) -> np.ndarray:
    """Return the fraction of examples predicted to be of each class."""
    n, num_classes = probabilities.shape
    return np.bincount(probabilities.argmax(axis=1), minlength=num_classes) / n


def _format_table(figures: dict[str, float], num_features: int) -> str:
    lines = [
        f"By the evaluator's {num_features} features:",
        f"  {'':14s} {'samples':>10s} {'real (floor)':>12s}",
    ]
    for key, value in figures.items():
        if not key.endswith("_floor"):
            name = key.removeprefix("evaluator_").replace("_", " ")
            lines.append(f"  {name:14s} {value:10.4g} {figures[f'{key}_floor']:12.4g}")
    return "\n".join(lines)


def _crop_or_pad(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Cut off the border of images (n, c, h, w), or add a black one: to (n, *shape)."""
    images = np.asarray(images)
    is_batch = images.ndim == 4 and images.shape[1] == shape[0]
    if not is_batch or any((a - b) % 2 for a, b in zip(images.shape[2:], shape[1:], strict=True)):
        raise ValueError(
            f"evaluate_samples: images {images.shape} cannot be cropped or padded to "
            f"(n, {', '.join(map(str, shape))}), by as much at either side"
        )
    for axis in (2, 3):
        margin = (shape[axis - 1] - images.shape[axis]) // 2  # at either side
        if margin < 0:
            images = images.take(range(-margin, images.shape[axis] + margin), axis=axis)
        else:
            images = np.pad(images, [(margin, margin) if a == axis else (0, 0) for a in range(4)])
    return images
