"""Pooling and resampling: adjoint identities, memory order, ties, known images, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import grad, ops, tensor

rng = np.random.default_rng(0)

LINEAR = {
    "avg_pool2d": lambda x: ops.avg_pool2d(x, 3, 2, 1),
    "avg_pool2d without overlap": lambda x: ops.avg_pool2d(x, 2),
    "avg_pool2d with a rest": lambda x: ops.avg_pool2d(x, 3, 2, 1, True, False),
    "adaptive": lambda x: ops.adaptive_avg_pool2d(x, (3, 5)),
    "nearest": lambda x: ops.interpolate(x, scale_factor=2),
    "nearest to size": lambda x: ops.interpolate(x, size=(5, 11)),
    "nearest-exact": lambda x: ops.interpolate(x, (5, 11), mode="nearest-exact"),
    "bilinear": lambda x: ops.interpolate(x, scale_factor=2, mode="bilinear"),
    "bicubic": lambda x: ops.interpolate(x, size=(5, 11), mode="bicubic"),
    "area": lambda x: ops.interpolate(x, size=(3, 5), mode="area"),
    "blur": ops.blur,
    "pixel_shuffle": lambda x: ops.pixel_shuffle(x, upscale_factor=2),
    "pixel_unshuffle": lambda x: ops.pixel_unshuffle(x, downscale_factor=2),
}
ALL = LINEAR | {
    "max_pool2d": lambda x: ops.max_pool2d(x, 2),
    "max_pool2d overlapping": lambda x: ops.max_pool2d(x, 3, 1, 1),
    "max_pool2d with a rest": lambda x: ops.max_pool2d(x, 3, 2, 1, 2, True),
}


def channels_last(n, c, h, w, dtype=np.float32):
    """Draw images (N, C, H, W) that are channels-last in memory."""
    return rng.standard_normal((n, h, w, c)).astype(dtype).transpose(0, 3, 1, 2)


def leaf(x):
    """Return a leaf whose data has the memory order of x."""
    return tensor(x, requires_grad=True)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("c", [4, 8])
def test_the_gradient_is_the_adjoint(name, c):
    """<f(x), g> = <x, f*(g)>."""
    x = leaf(channels_last(2, c, 8, 6, np.float64))
    y = LINEAR[name](x)
    g = channels_last(*y.shape, np.float64)
    dx = grad(y, x, tensor(g))[0].data
    tolerance = 4e-13 * np.linalg.norm(x.data) * np.linalg.norm(g)
    assert abs((y.data * g).sum() - (x.data * dx).sum()) < tolerance


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("memory", ["channels last", "channels first"])
@pytest.mark.cpu_only
def test_images_and_gradients_are_channels_last(name, memory):
    x = channels_last(2, 4, 8, 6)
    x = leaf(x if memory == "channels last" else np.ascontiguousarray(x))
    y = ALL[name](x)
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous and y.dtype == np.float32
    g = grad(y, x, leaf(channels_last(*y.shape)))[0].data
    assert g.transpose(0, 2, 3, 1).flags.c_contiguous and g.dtype == np.float32


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shape", [(0, 4, 8, 6), (2, 0, 8, 6)])
def test_empty_batches_have_gradients(name, shape):
    x = tensor(np.zeros(shape, np.float32), requires_grad=True)
    y = ALL[name](x)
    assert y.size == 0 and grad(y, x, tensor(np.zeros(y.shape, np.float32)))[0].shape == shape


def test_the_first_of_equal_values_counts_as_the_maximum():
    x = tensor(np.zeros((1, 1, 4, 4)), requires_grad=True)
    g = grad(ops.max_pool2d(x, 2).sum(), x)[0].data
    assert g[0, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("settings", [(2,), (3, 1, 1), ((2, 3), (3, 2), (1, 0), (1, 2), True)])
def test_indices_are_those_of_the_maxima(settings):
    x = tensor(rng.standard_normal((2, 3, 5, 6)), requires_grad=True)
    y, indices = ops.max_pool2d(x, *settings, return_indices=True)
    pixels = x.data.reshape(2, 3, 30)
    at_indices = np.take_along_axis(pixels, indices.data.reshape(2, 3, -1), axis=2)
    np.testing.assert_array_equal(at_indices.reshape(y.shape), y.data)
    assert indices.dtype == np.int64 and not indices.requires_grad
    y, indices = ops.max_pool1d(x[0, 0], 2, return_indices=True)
    at_indices = np.take_along_axis(x.data[0, 0], indices.data, axis=1)
    np.testing.assert_array_equal(at_indices, y.data)


def test_padding_never_is_the_maximum():
    x = tensor(np.full((1, 1, 2, 2), -np.inf), requires_grad=True)
    y = ops.max_pool2d(x, 2, 2, 1)
    assert (y.data == -np.inf).all()
    assert (grad(y.sum(), x)[0].data == 1).all()
    assert (ops.max_pool2d(np.full((1, 1, 3, 3), -5.0), 3, 2, 1) == -5).all()


def test_a_nan_is_the_maximum_of_its_window():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 2] = np.nan
    assert np.isnan(ops.max_pool2d(x, 2))[0, 0].tolist() == [[False, True], [False, False]]


def test_large_windows_and_gaps_between_windows_have_the_right_gradient():
    x = rng.permutation(20 * 20).reshape(1, 1, 20, 20) * 1.0
    leaf = tensor(x, requires_grad=True)
    (g,) = grad(ops.max_pool2d(leaf, 17, 1).sum(), leaf)  # 289 taps: more than a byte can number
    expected = np.zeros_like(x)
    for i, j in np.ndindex(4, 4):
        expected[x == x[..., i : i + 17, j : j + 17].max()] += 1
    np.testing.assert_array_equal(g.data, expected)
    g = grad(ops.avg_pool2d(leaf, 2, 5).sum(), leaf)[0].data
    assert (g[0, 0, :2, :2] == 0.25).all() and g.sum() == 16 and not g[0, 0, 2:5].any()


@pytest.mark.parametrize("n", range(1, 60))
def test_nearest_copies_the_pixel_at_floor_of_o_n_over_m(n):
    x = np.arange(float(n)).reshape(1, 1, 1, n)
    for m in (1, 2, n, 2 * n, 3 * n, 49, 53, 100, 147):
        assert ops.interpolate(x, size=(1, m))[0, 0, 0].tolist() == [o * n // m for o in range(m)]


@pytest.mark.parametrize(
    "n, scale, places",
    [
        (4, 1.2, [0, 1, 2, 3]),
        (3, 2.3, [0, 0, 1, 1, 2, 2]),
        (5, 0.5, [0, 2]),
        (3, 1.7, [0, 0, 1, 1, 2]),
        (2, 2.6, [0, 0, 0, 1, 1]),
    ],
)
def test_nearest_with_a_scale_copies_the_pixels_that_pytorch_copies(n, scale, places):
    x = np.arange(float(n)).reshape(1, 1, 1, n)
    assert ops.interpolate(x, scale_factor=(1, scale))[0, 0, 0].tolist() == places


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_infinity_and_nan_do_not_reach_other_channels(bad):
    x = channels_last(2, 3, 6, 5)
    x[1, 1, 2, 2] = bad
    for size in ((7, 11), (4, 3), (12, 10)):
        y = ops.interpolate(x, size=size)
        rows, columns = (np.arange(m) * n // m for n, m in zip((6, 5), size))
        np.testing.assert_array_equal(y, x[:, :, rows][..., columns])
    for f in (
        lambda x: ops.interpolate(x, size=(7, 11), mode="bilinear"),
        ops.blur,
        lambda x: ops.adaptive_avg_pool2d(x, 4),
    ):
        y, clean = f(x), f(np.where(np.isfinite(x), x, 0))
        assert np.isnan(y[1, 1]).any() or np.isinf(y[1, 1]).any()
        y[1, 1] = clean[1, 1] = 0
        np.testing.assert_allclose(y, clean, rtol=1e-5, atol=1e-6)


def test_bilinear_reproduces_a_plane():
    """A linear function of the position is exact away from the edges."""
    plane = np.add.outer(np.arange(8.0), 2 * np.arange(8.0))[None, None]
    y = ops.interpolate(plane, scale_factor=2, mode="bilinear")[0, 0]
    position = (np.arange(16) + 0.5) / 2 - 0.5
    expected = np.add.outer(position, 2 * position)
    np.testing.assert_allclose(y[1:-1, 1:-1], expected[1:-1, 1:-1], rtol=1e-12)
    y = ops.interpolate(plane, size=(15, 22), mode="bilinear", align_corners=True)[0, 0]
    expected = np.add.outer(np.linspace(0, 7, 15), np.linspace(0, 14, 22))
    np.testing.assert_allclose(y, expected, rtol=1e-12)


def test_blur_removes_the_checkerboard_and_keeps_a_constant():
    board = (-1.0) ** np.add.outer(np.arange(6), np.arange(6))[None, None]
    assert abs(ops.blur(board, mode="reflect")).max() < 1e-15
    np.testing.assert_allclose(ops.blur(np.ones((1, 2, 6, 6)), mode="reflect"), 1, rtol=1e-14)
    corner = ops.blur(np.ones((1, 1, 6, 6)))[0, 0]
    assert corner[0, 0] == pytest.approx(0.75**2) and corner[2, 3] == pytest.approx(1)


def test_pixel_unshuffle_inverts_pixel_shuffle():
    x = channels_last(2, 8, 3, 5)
    y = ops.pixel_shuffle(x, upscale_factor=2)
    np.testing.assert_array_equal(ops.pixel_unshuffle(y, downscale_factor=2), x)


def test_adaptive_pooling_to_one_pixel_is_the_mean():
    x = channels_last(3, 5, 7, 6, np.float64)
    y = ops.adaptive_avg_pool2d(x, 1)
    np.testing.assert_allclose(y[..., 0, 0], x.mean(axis=(2, 3)), rtol=1e-12)


X = np.zeros((2, 3, 4, 6), np.float32)


@pytest.mark.parametrize(
    "f, message",
    [
        (
            lambda: ops.avg_pool2d(X[0, 0], 2),
            r"avg_pool2d: x has shape \(4, 6\); give images \(N, C, H, W\), or one image \(C, H, W",
        ),
        (
            lambda: ops.max_pool1d(X, 2),
            r"max_pool1d: x has shape .*; give sequences \(N, C, L\), or one sequence \(C, L\)",
        ),
        (
            lambda: ops.max_pool1d(X[0], (2, 2)),
            "max_pool1d: kernel_size=.2, 2.; give an integer",
        ),
        (lambda: ops.avg_pool2d(X, 2, divisor_override=0), "avg_pool2d: divisor_override must not"),
        (lambda: ops.max_pool2d(X, 2, dilation=0), "max_pool2d: dilation=0"),
        (
            lambda: ops.max_pool2d(X, 3, dilation=2),
            "max_pool2d: kernel_size 3 with dilation 2 is larger than x, 4x6 with padding 0",
        ),
        (
            lambda: ops.max_pool1d(X[0, :, :2], 2, 1, 1, 7),
            "max_pool1d: dilation 7 is larger than x, 6: with padding 1 some windows would hold",
        ),
        (lambda: ops.max_pool2d(X[:, :, :0], 2, 1, 1), "max_pool2d: kernel_size 2 .* than x, 0x6"),
        (
            lambda: ops.adaptive_avg_pool2d(X, (2, 2, 2)),
            "adaptive_avg_pool2d: output_size=.2, 2",
        ),
        (lambda: ops.adaptive_avg_pool1d(X[0], None), "adaptive_avg_pool1d: output_size=None"),
        (
            lambda: ops.avg_pool2d(X, 0),
            "avg_pool2d: kernel_size=0; give an integer of at least 1, or a pair of them",
        ),
        (lambda: ops.avg_pool2d(X, 2.0), "avg_pool2d: kernel_size=2.0"),
        (lambda: ops.avg_pool2d(X, (2, 2, 2)), "avg_pool2d: kernel_size=.2, 2, 2."),
        (lambda: ops.avg_pool2d(X, 2, 0), "avg_pool2d: stride=0"),
        (lambda: ops.avg_pool2d(X, 2, 2, True), "avg_pool2d: padding=True; give an integer"),
        (lambda: ops.avg_pool2d(X, 2, np.array([2, 2])), "avg_pool2d: stride=array"),
        (lambda: ops.avg_pool2d(X, 2, padding=-1), "avg_pool2d: padding=-1"),
        (
            lambda: ops.avg_pool2d(X, 2, padding=2),
            "avg_pool2d: padding .* is more than half of kernel_size",
        ),
        (
            lambda: ops.max_pool2d(X, 5),
            "max_pool2d: kernel_size 5 with dilation 1 is larger than x, 4x6 with padding 0",
        ),
        (lambda: ops.max_pool2d(X[0, 0], 2), "max_pool2d: x has shape"),
        (lambda: ops.adaptive_avg_pool2d(X, 0), "adaptive_avg_pool2d: output_size=0"),
        (lambda: ops.adaptive_avg_pool2d(X[:, :, :0], 1), "adaptive_avg_pool2d: x .* no elements"),
        (lambda: ops.interpolate(X), "interpolate: give either size or scale_factor"),
        (lambda: ops.interpolate(X, 4, 2), "interpolate: give either size or scale_factor"),
        (lambda: ops.interpolate(X, 4, mode="cubic"), "interpolate: mode 'cubic' for x .*bicubic"),
        (lambda: ops.interpolate(X, 4, mode="linear"), "interpolate: mode 'linear' for x"),
        (lambda: ops.interpolate(X[0], 4, mode="bicubic"), "interpolate: mode 'bicubic' for x"),
        (lambda: ops.interpolate(X, 4, align_corners=True), "align_corners=True is for the modes"),
        (
            lambda: ops.interpolate(X[None], 4),
            r"interpolate: x has shape \(1, 2, 3, 4, 6\); give",
        ),
        (lambda: ops.interpolate(X[0], (4, 4)), "interpolate: size=.4, 4.; give an integer of"),
        (lambda: ops.interpolate(X[0], None, (1, 2)), "leaves no pixel of 6; .* numbers, one$"),
        (lambda: ops.interpolate(X, 0), "interpolate: size=0"),
        (
            lambda: ops.interpolate(X, scale_factor=0.1),
            "interpolate: scale_factor 0.1 leaves no pixel of 4x6",
        ),
        (
            lambda: ops.interpolate(X, scale_factor=-2),
            "interpolate: scale_factor -2 leaves no pixel",
        ),
        (lambda: ops.interpolate(X, scale_factor=np.nan), "scale_factor nan leaves no pixel"),
        (lambda: ops.interpolate(X, scale_factor=(2, None)), "scale_factor .2, None. leaves no"),
        (lambda: ops.interpolate(X[..., :0], 2), "interpolate: x .* has no pixels"),
        (lambda: ops.interpolate(X[0, 0], 2), "interpolate: x has shape"),
        (lambda: ops.blur(X, (1, 1)), "blur: kernel .* odd number"),
        (lambda: ops.blur(X, (1, -2, 1)), "blur: kernel .* do not add up to 0"),
        (
            lambda: ops.blur(X, mode="edge"),
            'blur: mode .edge. is unknown; choose "zero" or "reflect"',
        ),
        (lambda: ops.blur(X, [1] * 9, "reflect"), "blur: a kernel of 9 reaches 4 pixels"),
        (lambda: ops.blur(X[0]), "blur: x has shape"),
        (
            lambda: ops.pixel_shuffle(X, upscale_factor=2),
            "pixel_shuffle: 3 channels do not divide into groups of upscale_factor.2 = 4",
        ),
        (
            lambda: ops.pixel_shuffle(X, upscale_factor=0),
            "pixel_shuffle: upscale_factor=0; give",
        ),
        (lambda: ops.pixel_unshuffle(X, 2.0), "pixel_unshuffle: downscale_factor=2.0; give an"),
        (
            lambda: ops.pixel_unshuffle(X, downscale_factor=3),
            "pixel_unshuffle: 4x6 pixels do not divide into blocks of downscale_factor = 3",
        ),
        (lambda: ops.pixel_unshuffle(X[0, 0], 2), "pixel_unshuffle: x has shape"),
    ],
)
def test_errors_teach(f, message):
    with pytest.raises(ValueError, match=message):
        f()


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda: ops.interpolate(X, 2, antialias=True), "antialias must be False; smooth x first"),
        (lambda: ops.avg_pool2d(X.astype(int), 2), "avg_pool2d: x is int64; .* astype"),
        (lambda: ops.max_pool2d(X.astype(int), 2), "max_pool2d: x is int64"),
        (lambda: ops.adaptive_avg_pool2d(X.astype(int), 2), "adaptive_avg_pool2d: x is int64"),
        (lambda: ops.interpolate(X.astype(int), 2, mode="bilinear"), "interpolate: x is int64"),
        (lambda: ops.interpolate(X.astype(int), 2, mode="area"), "interpolate: x is int64"),
        (lambda: ops.blur(X.astype(int)), "blur: x is int64"),
    ],
)
def test_what_is_refused_by_its_kind(f, message):
    with pytest.raises(TypeError, match=message):
        f()
