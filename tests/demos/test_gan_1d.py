"""demos/gan_1d.py: the exact figures of its game, for generators and discriminators that are known."""

import json

import numpy as np

from tests.demos import test_demos

CASES = [(-10, 0), (10, 0), (5, 0), (-5, 0), (0, 0), (1, 0.7), (-4, -1)]  # means of q, slopes of D's logit
MOMENTS = f"""
found = [demo["moment"](0, mean + demo["NOISE"], slope * demo["X"]) for mean, slope in {CASES}]
print("found", [[*map(float, figures), float(frame["q"].sum() * demo["DX"])] for frame, figures in found])
"""


def test_figures_of_generators_inside_and_outside_the_window(tmp_path, monkeypatch):
    """q = N(mean, 1) and D = sigmoid(slope x), against sums over a line long enough for all."""
    monkeypatch.setattr(test_demos, "FEW", test_demos.FEW.replace("runpy.run_path", "demo = runpy.run_path") + MOMENTS)
    (line,) = [line for line in test_demos.run("gan_1d", tmp_path, "--steps", 2).splitlines() if line.startswith("found ")]
    x = np.linspace(-20, 20, 40_001)
    dx = x[1] - x[0]
    normal = lambda m, s: np.exp(-(((x - m) / s) ** 2) / 2) / (s * np.sqrt(2 * np.pi))  # noqa: E731
    p = (normal(-1.2, 0.5) + normal(1.5, 0.7)) / 2
    for (mean, slope), (value, best, variation, distance, inside) in zip(CASES, json.loads(line[6:]), strict=True):
        q, logit = normal(mean, 1), slope * np.clip(x, -5, 5)
        m = np.maximum((p + q) / 2, 1e-300)
        jsd = sum((a * np.log(np.maximum(a, 1e-300) / m)).sum() for a in (p, q)) * dx / 2
        np.testing.assert_allclose(value, -((p * np.logaddexp(0, -logit) + q * np.logaddexp(0, logit)) * dx).sum(), atol=0.003)
        np.testing.assert_allclose(best, 2 * jsd - np.log(4), atol=0.003)
        np.testing.assert_allclose(variation, np.abs(p - q).sum() * dx / 2, atol=0.003)
        np.testing.assert_allclose(distance, np.abs(np.cumsum(p - q)).sum() * dx * dx, atol=0.01)
        np.testing.assert_allclose(inside, q[np.abs(x) < 5].sum() * dx, atol=0.003)
