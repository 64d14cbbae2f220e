"""demos/gan_1d.py: its exact measures, for generators and discriminators that are known."""

import json

import numpy as np

from tests.demos.processes import FEW_DIGITS, run_demo

CASES = [(-10, 0), (10, 0), (5, 0), (-5, 0), (0, 0), (1, 0.7), (-4, -1)]  # mean of q, weight of D
MEASURE = f"""
results = []
for mean, weight in {CASES}:
    m = demo["measure"](mean + demo["NOISE"], weight * demo["X"])
    measures = m.value, m.optimal_value, m.total_variation, m.wasserstein, m.q.sum() * demo["DX"]
    results.append([float(measure) for measure in measures])
print("results", results)
"""


def normal(x, mean, deviation):
    """Return the density of N(mean, deviation^2) at x."""
    z = (x - mean) / deviation
    return np.exp(-(z**2) / 2) / (deviation * np.sqrt(2 * np.pi))


def test_measures_of_generators_inside_and_outside_the_window(tmp_path):
    """The cases q = N(mean, 1), D = sigmoid(weight x), against sums over a long line."""
    script = FEW_DIGITS.replace("runpy.run_path", "demo = runpy.run_path") + MEASURE
    output = run_demo("gan_1d", tmp_path, "--steps", 2, script=script)
    (line,) = [line for line in output.splitlines() if line.startswith("results ")]
    results = json.loads(line.removeprefix("results "))

    x = np.linspace(-20, 20, 40_001)
    dx = x[1] - x[0]
    p = (normal(x, -1.2, 0.5) + normal(x, 1.5, 0.7)) / 2
    for (mean, weight), measures in zip(CASES, results, strict=True):
        q, logit = normal(x, mean, 1), weight * np.clip(x, -5, 5)
        m = np.maximum((p + q) / 2, 1e-300)
        jsd = sum((a * np.log(np.maximum(a, 1e-300) / m)).sum() for a in (p, q)) * dx / 2
        expected_value = -((p * np.logaddexp(0, -logit) + q * np.logaddexp(0, logit)) * dx).sum()
        expected_variation = np.abs(p - q).sum() * dx / 2
        expected_wasserstein = np.abs(np.cumsum(p - q)).sum() * dx * dx
        mass_inside = q[np.abs(x) < 5].sum() * dx

        value, optimal_value, total_variation, wasserstein, mass = measures
        np.testing.assert_allclose(value, expected_value, atol=0.003)
        np.testing.assert_allclose(optimal_value, 2 * jsd - np.log(4), atol=0.003)
        np.testing.assert_allclose(total_variation, expected_variation, atol=0.003)
        np.testing.assert_allclose(wasserstein, expected_wasserstein, atol=0.01)
        np.testing.assert_allclose(mass, mass_inside, atol=0.003)
