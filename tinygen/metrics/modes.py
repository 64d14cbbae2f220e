"""Did the generator find all modes? Counted where they are known: a mixture of equal Gaussians.

After PacGAN's protocol (Lin et al., 2018, section 4.1), but stricter: there one good sample captures a mode, here a quarter of its fair share does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["ModeCounts", "count_modes"]


class ModeCounts(NamedTuple):
    """num_captured : modes with at least a quarter of their fair share of the samples, as good ones. high_quality : share of samples within 3 sigma of a mode.
    reverse_kl : KL(q || p) in nats over the modes, q the share of good samples at each, p = 1 / K; log K where all lie at one, 0 where it is fair."""

    num_captured: int
    high_quality: float
    reverse_kl: float


def count_modes(samples: np.ndarray, modes: np.ndarray, sigma: float) -> ModeCounts:
    """Samples (n, d) against modes (K, d) of standard deviation sigma. Each sample belongs to its nearest mode, and is good within 3 sigma of it.

    A perfect sampler in the plane has good = 1 - e^-4.5 = 98.89 %.
    """
    samples, modes = np.asarray(samples, np.float64), np.asarray(modes, np.float64)
    if samples.ndim != 2 or modes.ndim != 2 or samples.shape[1] != modes.shape[1] or not len(samples) or not len(modes) or not sigma > 0:
        raise ValueError(f"count_modes: needs samples (n, d), modes (K, d) and sigma > 0; got {samples.shape}, {modes.shape} and {sigma}")
    if not np.isfinite(samples).all():
        raise ValueError(f"count_modes: {(~np.isfinite(samples)).any(axis=1).sum()} of {len(samples)} samples are NaN or infinite")
    distances = ((samples[:, None] - modes) ** 2).sum(axis=-1)  # (n, K)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) <= (3 * sigma) ** 2
    counts = np.bincount(nearest[good], minlength=len(modes))
    captured = int((counts >= len(samples) / len(modes) / 4).sum())
    q = counts[counts > 0] / max(counts.sum(), 1)
    return ModeCounts(captured, float(good.mean()), float((q * np.log(q * len(modes))).sum()) if len(q) else float("inf"))
