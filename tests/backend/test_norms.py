"""The fast forms of batch, group and instance norm agree with the formulas in ops."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tinygen import check_grads
from tinygen.autograd.primitive import parameters
from tinygen.backend import norms, norms_cpu, norms_gpu
from tinygen.backend import threads as pool
from tinygen.ops.norm_silu import norm_silu
from tinygen.ops.normalization import channel_norm
from tinygen.ops.shape import sum_to

RNG = np.random.default_rng(0)
PRIMITIVES = [channel_norm, norm_silu]
each_primitive = pytest.mark.parametrize("primitive", PRIMITIVES, ids=["norm", "norm_silu"])


def images(*shape, dtype=np.float64, mean=0.0):
    """Draw channels-last images."""
    n, c, *space = shape
    return np.moveaxis(RNG.normal(mean, 1, (n, *space, c)).astype(dtype), -1, 1)


def evaluate(primitive, x, g, affine, groups):
    """Return (y, mean, var, dx, dweight, dbias)."""
    weight, bias = [*affine, None, None][:2]
    y, mean, var = primitive(x, weight, bias, groups=groups)
    rule = primitive.joint_rule[1]
    names = parameters(rule)[2:]
    values = {"x": x, "weight": weight, "bias": bias, "y": y, "mean": mean, "var": var}
    values |= {"groups": groups, "eps": 1e-5}
    gradients = rule((g, 0.3 * mean, 0.7 * var), (True,) * 3, *(values[name] for name in names))
    dx, *others = gradients
    for k, v in enumerate((weight, bias)):
        if v is None or v.ndim == 1:  # a rule may leave the sum over the examples to the engine
            others[k] = sum_to(others[k], shape=x.shape[1:2])
    return (y, mean, var, dx, *others)


def evaluate_by(form, *arguments):
    """Return what `evaluate` does, from a module of backend, or the formulas in ops if None."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(norms, "fast_form", lambda *arrays: form)
        return evaluate(*arguments)


def evaluate_formula(*arguments):
    return evaluate_by(None, *arguments)


@pytest.mark.cpu_only
@settings(max_examples=100, deadline=None)
@given(
    form=st.sampled_from([norms_cpu, norms_gpu]),
    primitive=st.sampled_from(PRIMITIVES),
    n=st.integers(1, 5),
    groups=st.sampled_from([None, 1, 2, 6]),
    space=st.sampled_from([(4, 4), (16,), (17,), (5, 7), (2, 3, 4)]),
    num_affine=st.integers(0, 2),
    per_example=st.booleans(),
)
def test_fast_form_and_formula_agree(form, primitive, n, groups, space, num_affine, per_example):
    x, g = images(n, 6, *space), images(n, 6, *space)
    assert norms_cpu.are_images(x, g)
    affine = RNG.normal(size=(num_affine, n, 6) if per_example else (num_affine, 6))
    arguments = primitive, x, g, affine, groups
    for fast, formula in zip(evaluate_by(form, *arguments), evaluate_formula(*arguments)):
        assert fast.dtype == formula.dtype and fast.shape == formula.shape
        np.testing.assert_allclose(fast, formula, rtol=1e-10, atol=1e-11)


@each_primitive
@pytest.mark.parametrize("groups", [None, 4])
def test_large_images_in_float32_agree_with_float64(primitive, groups):
    x, g = images(32, 32, 32, 32, mean=10.0), images(32, 32, 32, 32)
    affine = RNG.normal(size=(2, 32))
    exact = evaluate(primitive, x, g, affine, groups)
    single = [a.astype(np.float32) for a in (x, g, affine)]
    fast = evaluate(primitive, *single, groups)
    formula = evaluate_formula(primitive, *single, groups)
    for k, e in enumerate(exact):
        assert fast[k].dtype == formula[k].dtype == np.float32
        error = np.linalg.norm(fast[k] - e)
        assert error <= 2e-6 * np.linalg.norm(e), (k, np.linalg.norm(formula[k] - e))


@each_primitive
@pytest.mark.parametrize("mean", [1024, 4096])
def test_a_large_mean_costs_no_digits(primitive, mean):
    """Of 16 multiples of 2^-7 float32 holds the sums, so the mean and c = x - mean are exact.

    x w r + (bias - w r mean) would be wrong by 1e-5 to 1e-4.
    """
    deviations = np.round(images(2, 4, 8, 2) * 128) / 128
    x = np.concatenate([mean + deviations, mean - deviations], axis=3)[:, :, :4].astype(np.float32)
    x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    g = images(*x.shape, dtype=np.float32)
    assert norms_cpu.are_images(x, g)
    affine = RNG.normal(size=(2, 4)).astype(np.float32)
    exact = evaluate(primitive, *(a.astype(np.float64) for a in (x, g, affine)), 4)
    for f, e in zip(evaluate(primitive, x, g, affine, 4), exact):
        np.testing.assert_allclose(f, e, rtol=1e-6, atol=2e-6 * np.abs(e).max())


@each_primitive
@pytest.mark.parametrize("groups", [None, 4])
def test_bits_do_not_depend_on_threads(primitive, groups):
    x, g = (images(64, 32, 28, 28, dtype=np.float32) for _ in range(2))
    affine = RNG.normal(size=(2, 32)).astype(np.float32)
    before, results = pool.threads(), []
    try:
        for n in (1, 2, 3, 4):
            pool.set_threads(n)
            found = evaluate(primitive, x, g, affine, groups)
            results.append(b"".join(a.tobytes() for a in found))
    finally:
        pool.set_threads(before)
    assert len(set(results)) == 1


def test_the_gradient_of_silu_at_zero_and_far_from_it():
    """The fast form divides y by z, which is 0 / 0 at z = 0."""
    x = images(1, 2, 4, 4)
    x[:, :, 0] = 0
    x[:, :, 1:] = np.where(x[:, :, 1:] > 0, 1.0, -1.0)
    x[:, :, 3] = -x[:, :, 2]  # mean 0, so z = weight x r
    x[:, :, 1] = [[1, -1, 1, -1]]
    g = images(1, 2, 4, 4)
    for weight in (0.0, 1.0, 1e3):
        affine = [np.full(2, weight)]
        fast = evaluate(norm_silu, x, g, affine, 2)
        formula = evaluate_formula(norm_silu, x, g, affine, 2)
        assert (fast[0][:, :, 0] == 0).all()
        for f, e in zip(fast, formula):
            np.testing.assert_allclose(f, e, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("bias", [0, 1e-30, -1e-30, 5e-31, -5e-31, 1e-38, -1e-44, 1e-10, -90])
def test_the_gradient_of_silu_wherever_z_is_tiny(bias):
    """With weight 0, z is the bias, whose gradient is then the derivative of silu times sum g."""
    x, g = images(2, 4, 4, 4, dtype=np.float32), images(2, 4, 4, 4, dtype=np.float32)
    affine = [np.zeros(4, np.float32), np.full(4, bias, np.float32)]
    fast = evaluate(norm_silu, x, g, affine, 2)
    for f, e in zip(fast, evaluate_formula(norm_silu, x, g, affine, 2)):
        np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-5)


@each_primitive
@pytest.mark.parametrize("groups", [None, 2])
def test_gradients_to_second_order(primitive, groups):
    x = images(2, 4, 4, 4)
    assert norms_cpu.are_images(x)

    def f(x, weight, bias):
        return primitive(x, weight, bias, groups=groups)

    check_grads(f, x, RNG.uniform(0.5, 1.5, 4), RNG.normal(size=4))


@pytest.mark.cpu_only
def test_memory_stays_channels_last():
    x = images(4, 6, 5, 5)
    y, mean, var = channel_norm(x, groups=2)
    rule = channel_norm.joint_rule[1]
    for needs_x in (True, False):
        g, needs = (x, mean, var), (needs_x, True, True)
        dx, dweight, dbias = rule(g, needs, x, None, None, mean, var, 2, 1e-5)
        assert dweight.shape == dbias.shape == (4, 6)
        assert dx is None if not needs_x else dx.strides == y.strides == x.strides


def test_what_is_no_such_image_is_left_to_the_formula():
    x = images(2, 4, 5, 5)
    for y in (
        np.ascontiguousarray(x),  # channels first
        x[:, :, :3, :3],  # with gaps
        x.astype(np.float16),
        images(2, 4, 3, 5),  # small
        images(0, 4, 5, 5),
        x[:, :, 0, 0],
    ):
        assert (
            norms_cpu.are_images(x)
            and not norms_cpu.are_images(y)
            and not norms_cpu.are_images(x, y)
        )


def test_nan_stays_in_its_image():
    x = images(3, 4, 5, 5)
    x[1, 2, 0, 0] = np.nan
    y = channel_norm(x, groups=2)[0]
    is_nan = np.isnan(y).all(axis=(2, 3))
    assert is_nan.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    assert np.isnan(y).sum() == 50
