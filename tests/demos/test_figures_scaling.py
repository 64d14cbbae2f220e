"""The plot of time against batch, width and side, and the count of multiplications in it."""

from __future__ import annotations

import numpy as np
import pytest
from _benchmark_scaling import VALUES, multiplications
from _benchmark_tinygen import STEPS
from figures.scaling import growth_exponent, save_scaling

from tinygen import nn

pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_the_exponent_is_fitted_to_the_last_three_points(exponent):
    x = np.array([1, 2, 4, 8])
    y = 7.0 * x**exponent
    y[0] = 100  # does not count
    assert growth_exponent(x, y) == pytest.approx(exponent)
    y[2] *= 3  # the middle of three equal intervals does not tilt the line
    assert growth_exponent(x, y) == pytest.approx(exponent)
    y[3] *= 4  # spread over the two intervals from 2 to 8
    assert growth_exponent(x, y) == pytest.approx(exponent + 1)


@pytest.mark.parametrize("settings", [(3, 8, 16), (2, 16, 32)])
def test_multiplications_are_counted_layer_by_layer(settings, monkeypatch):
    """A weight is used once for each pixel of the smaller of a layer's input and output."""
    counts = []

    def count(forward):
        def count_and_forward(layer, x):
            y = forward(layer, x)
            pixels = min(np.prod(x.shape[2:]), np.prod(y.shape[2:]))
            counts.append(len(x) * pixels * layer.weight.size)
            return y

        return count_and_forward

    for layer in (nn.Conv2d, nn.ConvTranspose2d, nn.Linear):
        monkeypatch.setattr(layer, "forward", count(layer.forward))
    step = STEPS["conv_vae"](*settings)
    step.networks["vae"](*step.draw())
    assert len(counts) == 7
    assert sum(counts) == multiplications(*settings)


def test_scaling_is_drawn(tmp_path):
    figures = [{"median_ms": float(k + 1), "peak_mib": 10.0 * 2**k} for k in range(4)]
    results = {name: {"tinygen": figures, "PyTorch": figures[::-1]} for name in VALUES}
    counts = {name: [1, 2, 4, 8] for name in VALUES}
    save_scaling(tmp_path / "a.png", VALUES, results, counts, title="a step", note="here")
    with Image.open(tmp_path / "a.png") as picture:
        colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 20
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
