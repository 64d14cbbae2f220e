"""Schedules against their papers' formulas."""

import math

import numpy as np
import pytest

from tests.models.diffusion.cases import BETAS, PATHS
from tinygen import default_rng
from tinygen.models.diffusion.paths import VARIANCE_PRESERVING
from tinygen.models.diffusion.schedules import (
    cosine_schedule,
    karras_schedule,
    linear_schedule,
    logistic_schedule,
    stratified_uniform,
    times_from_betas,
)


def test_the_linear_schedule_is_the_limit_of_ddpms():
    u = np.arange(1, 1001) / 1000
    assert np.abs(linear_schedule(u) - times_from_betas(BETAS)).max() < 5e-3
    many_betas = np.linspace(0.1, 20, 100_000) / 100_000
    np.testing.assert_allclose(
        times_from_betas(many_betas)[999::1000],
        linear_schedule(np.arange(1, 101) / 100),
        atol=2e-4,
    )
    assert linear_schedule(0.0) == 0
    alpha = VARIANCE_PRESERVING.coefficients(linear_schedule(1.0)).alpha
    assert abs(math.log(alpha**2) + 10.05) < 1e-12


def test_the_cosine_schedule_is_the_papers_and_nearly_uniform():
    u = np.linspace(0, 1, 11)
    f = np.cos((u + 0.008) / 1.008 * np.pi / 2) ** 2
    alpha = VARIANCE_PRESERVING.coefficients(cosine_schedule(u)).alpha
    np.testing.assert_allclose(alpha**2, f / f[0], atol=1e-12)
    assert np.abs(cosine_schedule(u) - u * np.pi / 2).max() < 0.013
    assert cosine_schedule(0.0) == 0
    assert abs(cosine_schedule(1.0) - VARIANCE_PRESERVING.end) < 1e-12


def test_the_logistic_schedule_scales_and_shifts_the_logits():
    u, end = np.linspace(0, 1, 12)[1:-1], VARIANCE_PRESERVING.end

    def logit(p):
        return np.log(p / (1 - p))

    np.testing.assert_allclose(logit(logistic_schedule(u) / end), 0.6 * logit(u) + 0.6, atol=1e-12)
    np.testing.assert_allclose(logistic_schedule(u, scale=1.0, shift=0.0), u * end, atol=1e-12)
    assert logistic_schedule(0.0) == 0 and logistic_schedule(1.0) == end
    with pytest.raises(ValueError, match="from 0 to 1; got 1.5"):
        logistic_schedule(1.5)
    quartiles = logistic_schedule(np.array([0.25, 0.75])) / end
    np.testing.assert_allclose(quartiles, [0.49, 0.78], atol=0.005)  # as its docstring says


def test_stratified_numbers_fall_into_each_interval_and_have_less_variance(cupy):
    rng = default_rng(0)
    u = stratified_uniform(8, rng)
    assert u.dtype == np.float32 and np.array_equal(np.floor(8 * u), np.arange(8))
    means = np.array(
        [
            [np.mean(stratified_uniform(8, rng) ** 2), np.mean(rng.uniform((8,)) ** 2)]
            for _ in range(2000)
        ]
    )
    errors = np.abs(means.mean(axis=0) - 1 / 3)
    assert (errors < 4 * means.std(axis=0) / np.sqrt(2000)).all()
    assert means[:, 0].std() < means[:, 1].std() / 6
    on_gpu = stratified_uniform(5, default_rng(1, "cuda"))
    assert isinstance(on_gpu, cupy.ndarray)
    assert np.array_equal(on_gpu.get(), stratified_uniform(5, default_rng(1)))


@pytest.mark.parametrize("schedule", [linear_schedule, cosine_schedule, logistic_schedule])
def test_floats_and_arrays_agree(cupy, schedule):
    u = np.linspace(0, 1, 7)
    np.testing.assert_allclose(schedule(u), [schedule(float(v)) for v in u], rtol=1e-12, atol=1e-12)
    on_gpu = schedule(cupy.asarray(u))
    assert isinstance(on_gpu, cupy.ndarray) and np.array_equal(on_gpu.get(), schedule(u))
    assert type(schedule(0.5)) is float and type(schedule(np.float64(0.5))) is float
    assert schedule(u.astype(np.float32)).dtype == np.float32


@PATHS
def test_karras_times_have_the_ratios_of_the_paper(path):
    times = karras_schedule(5, 0.01, 50, path=path)
    assert len(times) == 6 and times[-1] == 0
    first, middle, last = (path.noise_to_signal(times[i]) for i in (0, 2, 4))
    np.testing.assert_allclose([first, last], [50, 0.01])
    np.testing.assert_allclose(middle, ((50 ** (1 / 7) + 0.01 ** (1 / 7)) / 2) ** 7)


def test_errors():
    with pytest.raises(ValueError, match="times_from_betas"):
        times_from_betas([0.1, 1.0])
    with pytest.raises(ValueError, match="karras"):
        karras_schedule(3, 2.0, 1.0)
    with pytest.raises(TypeError, match="NumPy or CuPy"):
        linear_schedule("half")
