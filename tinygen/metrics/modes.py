"""Mode coverage: how many modes of a known mixture of equal Gaussians a generator finds.

The protocol is PacGAN's, but stricter. There a mode is captured by a single good sample, here by a
quarter of its fair share of the samples.

**Source** Lin et al., PacGAN, 2018, section 4.1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["ModeCounts", "count_modes"]


class ModeCounts(NamedTuple):
    """How samples are distributed over the K modes of a mixture.

    num_captured : number of modes that have at least a quarter of their fair share of the samples,
        as high-quality samples.
    high_quality : fraction of the samples within 3 sigma of a mode.
    reverse_kl : KL(q || p) in nats, where q is the fraction of the high-quality samples at each
        mode, and p = 1 / K. It is log K if all are at one mode, and 0 for equal fractions.
    """

    num_captured: int
    high_quality: float
    reverse_kl: float


def count_modes(samples: np.ndarray, modes: np.ndarray, sigma: float) -> ModeCounts:
    """Count the modes that the samples capture.

    Each sample belongs to its nearest mode. It is of high quality within 3 sigma of it. Of a
    perfect sampler's samples in the plane a fraction 1 - e^-4.5 = 98.89 % is.

    Parameters
    ----------
    samples : (n, d).
    modes : means of the Gaussians, (K, d).
    sigma : their standard deviation.
    """
    samples, modes = np.asarray(samples, np.float64), np.asarray(modes, np.float64)
    _check_arguments(samples, modes, sigma)
    num_samples, num_modes = len(samples), len(modes)
    distances = ((samples[:, None] - modes) ** 2).sum(axis=-1)  # squared, (n, K)
    nearest = distances.argmin(axis=1)
    is_good = distances.min(axis=1) <= (3 * sigma) ** 2
    counts = np.bincount(nearest[is_good], minlength=num_modes)  # (K,)
    num_captured = int((counts >= num_samples / num_modes / 4).sum())
    q = counts[counts > 0] / max(counts.sum(), 1)
    reverse_kl = float((q * np.log(q * num_modes)).sum()) if len(q) else float("inf")
    return ModeCounts(num_captured, float(is_good.mean()), reverse_kl)


def _check_arguments(samples: np.ndarray, modes: np.ndarray, sigma: float) -> None:
    are_matrices = samples.ndim == 2 and modes.ndim == 2 and samples.shape[1] == modes.shape[1]
    if not are_matrices or not len(samples) or not len(modes) or not sigma > 0:
        raise ValueError(
            "count_modes: needs samples (n, d), modes (K, d) and sigma > 0; got "
            f"{samples.shape}, {modes.shape} and {sigma}"
        )
    is_bad = ~np.isfinite(samples).all(axis=1)
    if is_bad.any():
        raise ValueError(
            f"count_modes: {is_bad.sum()} of {len(samples)} samples are NaN or infinite"
        )
