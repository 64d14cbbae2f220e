"""Norms on a GPU against the formulas on the CPU, with large means, and where memory has gaps."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen.backend import norms_gpu
from tinygen.ops.norm_silu import norm_silu
from tinygen.ops.normalization import channel_norm, trailing_norm

from .test_norms import evaluate, evaluate_formula

RNG = np.random.default_rng(0)
PRIMITIVES = [channel_norm, norm_silu]


def assert_close(cupy, actual, expected, tolerance):
    """Compare arrays of CuPy with arrays of NumPy, relative to the greatest value."""
    for a, e in zip(actual, expected, strict=True):
        assert isinstance(a, cupy.ndarray) and (a.shape, a.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(a.get(), e, rtol=0, atol=tolerance * max(abs(e).max(), 1))


@pytest.mark.parametrize("primitive", PRIMITIVES)
@pytest.mark.parametrize("groups", [None, 1, 2, 6])
@pytest.mark.parametrize("affine", [(), ("C",), ("C", "C"), ("NC", "NC"), ("C", "NC")])
@pytest.mark.parametrize("space", [(), (5,), (3, 4)])
def test_it_is_the_norm_of_the_cpu(cupy, primitive, groups, affine, space):
    if space == () and groups == 6:
        pytest.skip("one value has no variance")
    x, g = RNG.normal(size=(2, 4, 6, *space))
    shapes = {"C": (6,), "NC": (4, 6)}
    affine = [RNG.normal(size=shapes[name]) for name in affine]
    expected = evaluate_formula(primitive, x, g, affine, groups)
    on_gpu = [cupy.asarray(a) for a in (x, g, *affine)]
    actual = evaluate(primitive, on_gpu[0], on_gpu[1], on_gpu[2:], groups)
    assert_close(cupy, actual, expected, 1e-11)


def test_it_reads_images_with_gaps(cupy):
    x, g = RNG.normal(size=(2, 3, 4, 10, 8))
    gpu = (cupy.asarray(a) for a in (x, g))
    expected = evaluate_formula(channel_norm, x[:, :, ::2], g[:, :, 1::2], [], 2)
    actual = evaluate(channel_norm, *(a[:, :, i::2] for i, a in enumerate(gpu)), [], 2)
    assert_close(cupy, actual, expected, 1e-11)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("has_affine", [False, True])
def test_layer_norm_is_that_of_the_cpu(cupy, dims, has_affine):
    x, g = RNG.normal(size=(2, 3, 5, 4))
    affine = RNG.normal(size=(2, *x.shape[-dims:])) if has_affine else (None, None)

    def run(x, g, weight, bias):
        y, mean, var = trailing_norm(x, weight, bias, dims=dims)
        cotangents = g, 0.3 * mean, 0.7 * var
        needs = True, has_affine, has_affine
        rule = trailing_norm.joint_rule[1]
        gradients = rule(cotangents, needs, x, weight, mean, var, dims, 1e-5)
        return [a for a in (y, mean, var, *gradients) if a is not None]

    gpu = (a if a is None else cupy.asarray(a) for a in (x, g, *affine))
    assert_close(cupy, run(*gpu), run(x, g, *affine), 1e-11)


@pytest.mark.parametrize("axis", [(2, 3), (0, 2, 3)])
@pytest.mark.parametrize("mean", [0, 1e2, 1e4, 1e6])
def test_a_large_mean_costs_no_digits(cupy, axis, mean):
    """One pass over x that did not subtract a value first would be wrong by 1e-4 at 1e4."""
    x = (mean + RNG.normal(size=(4, 3, 8, 512))).astype(np.float32)
    exact = x.astype(np.float64)
    found_mean, found_var = norms_gpu.statistics(cupy.asarray(x), axis)
    np.testing.assert_allclose(found_mean.get(), exact.mean(axis), rtol=2e-7, atol=2e-7)
    np.testing.assert_allclose(found_var.get(), exact.var(axis), rtol=1e-6)


def test_one_outlier_in_front_costs_few_digits(cupy):
    """The first value is the one that is subtracted."""
    x = RNG.normal(size=(1, 1, 8, 512)).astype(np.float32)
    x[0, 0, 0, 0] = 1e4
    found = norms_gpu.statistics(cupy.asarray(x), (2, 3))[1]
    np.testing.assert_allclose(found.get(), x.astype(np.float64).var((2, 3)), rtol=1e-5)


def test_images_without_pixels(cupy):
    y, mean, var = channel_norm(cupy.zeros((2, 4, 0, 3)), groups=2)
    assert y.shape == (2, 4, 0, 3)
    assert (mean.get() == 0).all() and (var.get() == 0).all()
