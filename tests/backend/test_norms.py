"""The fast forms of batch, group and instance norm agree with the formulas in ops."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tinygen import check_grads
from tinygen.backend import norms
from tinygen.backend import threads as pool
from tinygen.ops.normalization import channel_norm

RNG = np.random.default_rng(0)
RULE = channel_norm.joint_rule[1]


def images(*shape, dtype=np.float64, mean=0.0):
    """Draw channels-last images."""
    n, c, *space = shape
    return np.moveaxis(RNG.normal(mean, 1, (n, *space, c)).astype(dtype), -1, 1)


def both(x, g, affine, groups, monkeypatch):
    """Return (y, mean, var, dx, dweight, dbias) of the fast form and of the formula."""
    weight, bias = [*affine, None, None][:2]
    found = []
    for is_fast in (True, False):
        with monkeypatch.context() as patch:
            if not is_fast:
                patch.setattr(norms, "are_images", lambda *arrays: False)
            y, mean, var = channel_norm(x, weight, bias, groups=groups)
            cotangents = (g, 0.3 * mean, 0.7 * var)
            gradients = RULE(cotangents, (True,) * 3, x, weight, mean, var, groups, 1e-5)
            found.append((y, mean, var, *gradients))
    return found


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 5),
    groups=st.sampled_from([None, 1, 2, 6]),
    space=st.sampled_from([(4, 4), (16,), (17,), (5, 7), (2, 3, 4)]),
    num_affine=st.integers(0, 2),
)
def test_fast_form_and_formula_agree(n, groups, space, num_affine):
    x, g = images(n, 6, *space), images(n, 6, *space)
    assert norms.are_images(x, g)
    affine = RNG.normal(size=(num_affine, 6))
    with pytest.MonkeyPatch.context() as monkeypatch:
        for fast, formula in zip(*both(x, g, affine, groups, monkeypatch)):
            assert fast.dtype == formula.dtype and fast.shape == formula.shape
            np.testing.assert_allclose(fast, formula, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("groups", [None, 4])
def test_large_images_in_float32_agree_with_float64(groups, monkeypatch):
    x, g = images(32, 32, 32, 32, mean=10.0), images(32, 32, 32, 32)
    affine = RNG.normal(size=(2, 32))
    exact, _ = both(x, g, affine, groups, monkeypatch)
    single = [a.astype(np.float32) for a in (x, g)]
    fast, formula = both(*single, affine.astype(np.float32), groups, monkeypatch)
    for f, e, name in zip(fast, exact, ("y", "mean", "var", "dx", "dweight", "dbias")):
        assert f.dtype == np.float32
        assert np.linalg.norm(f - e) <= 2e-6 * np.linalg.norm(e), name
    for f, p in zip(fast, formula):
        assert f.dtype == p.dtype


@pytest.mark.parametrize("groups", [None, 4])
def test_bits_do_not_depend_on_threads(groups, monkeypatch):
    x, g = (images(64, 32, 28, 28, dtype=np.float32) for _ in range(2))
    affine = RNG.normal(size=(2, 32)).astype(np.float32)
    before, results = pool.threads(), []
    try:
        for n in (1, 2, 3, 4):
            pool.set_threads(n)
            fast, _ = both(x, g, affine, groups, monkeypatch)
            results.append(b"".join(a.tobytes() for a in fast))
    finally:
        pool.set_threads(before)
    assert len(set(results)) == 1


@pytest.mark.parametrize("groups", [None, 2])
def test_gradients_to_second_order(groups):
    x = images(2, 4, 4, 4)
    assert norms.are_images(x)

    def f(x, weight, bias):
        return channel_norm(x, weight, bias, groups=groups)

    check_grads(f, x, RNG.uniform(0.5, 1.5, 4), RNG.normal(size=4))


def test_memory_stays_channels_last():
    x = images(4, 6, 5, 5)
    y, mean, var = channel_norm(x, groups=2)
    dx, dweight, dbias = RULE((x, mean, var), (False, True, True), x, None, mean, var, 2, 1e-5)
    assert y.strides == x.strides and dx is None and dweight.shape == dbias.shape == (6,)


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
        assert norms.are_images(x) and not norms.are_images(y) and not norms.are_images(x, y)


def test_nan_stays_in_its_image():
    x = images(3, 4, 5, 5)
    x[1, 2, 0, 0] = np.nan
    y = channel_norm(x, groups=2)[0]
    is_nan = np.isnan(y).all(axis=(2, 3))
    assert is_nan.tolist() == [[False] * 4, [False, False, True, True], [False] * 4]
    assert np.isnan(y).sum() == 50
