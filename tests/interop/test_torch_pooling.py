"""Pooling and interpolation agree with PyTorch at every corner of their settings, and refuse alike.

Without PyTorch these tests are skipped.
"""

import itertools

import numpy as np
import pytest

from tinygen import check_grads, grad, nn, ops, tensor

torch = pytest.importorskip("torch")
functional = torch.nn.functional


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays take longest where threads wait for each other."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


STRIDES, SIZES = (None, 1, 2, 5), (1, 2, 5, 8)


def compare(name, x, *settings):
    """Compare values, gradients and second derivatives; return False where both refuse."""
    leaf = tensor(x, requires_grad=True)
    torch_leaf = torch.tensor(x, requires_grad=True)
    try:
        torch_y = getattr(functional, name)(torch_leaf, *settings)
    except RuntimeError:
        with pytest.raises(ValueError, match=name):
            getattr(ops, name)(leaf, *settings)
        return False
    if torch.isinf(torch_y).any():  # the maximum of a window without a pixel: refused here
        with pytest.raises(ValueError, match="nothing but padding"):
            getattr(ops, name)(leaf, *settings)
        return False
    y = getattr(ops, name)(leaf, *settings)
    g = np.random.default_rng(1).normal(size=torch_y.shape)
    (dx,) = grad((y**3 * g).sum(), leaf, create_graph=True)
    (ddx,) = grad((dx**2).sum(), leaf)
    (torch_dx,) = torch.autograd.grad(
        (torch_y**3 * torch.tensor(g)).sum(), torch_leaf, create_graph=True
    )
    (torch_ddx,) = torch.autograd.grad((torch_dx**2).sum(), torch_leaf)
    for a, b in ((y, torch_y), (dx, torch_dx), (ddx, torch_ddx)):
        b = b.detach().numpy()
        np.testing.assert_allclose(a.data, b, 1e-12, 1e-12, err_msg=f"{name} {settings}")
    return True


def sequences(n):
    """Draw distinct numbers, so that no maximum is at a tie."""
    return np.random.default_rng(0).permutation(2 * 3 * n).reshape(2, 3, n) / (6 * n) - 0.4


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_max_pool1d(n, padding):
    settings = itertools.product((1, 2, 3, 4), STRIDES, (padding,), (1, 2, 3, 4), (False, True))
    results = [compare("max_pool1d", sequences(n), *setting) for setting in settings]
    assert any(results)


@pytest.mark.parametrize("name, shape", [("max_pool1d", (2, 7)), ("max_pool2d", (2, 2, 6, 7))])
@pytest.mark.parametrize(
    "settings", [(2,), (3, 2, 1), (3, 1, 1, 2), (3, 2, 1, 1, True), (2, 3, 0, 2, True)]
)
@pytest.mark.parametrize("values", ["distinct", "ties"])
def test_indices_of_the_maxima(name, shape, settings, values):
    x = images(shape) if values == "distinct" else np.round(images(shape))
    results = getattr(ops, name)(x, *settings, return_indices=True)
    torch_results = getattr(functional, name)(torch.tensor(x), *settings, return_indices=True)
    for a, b in zip(results, torch_results):
        np.testing.assert_array_equal(a, b.numpy())


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_avg_pool1d(n, padding):
    booleans = (False, True)
    settings = itertools.product((1, 2, 3, 4), STRIDES, (padding,), booleans, booleans)
    results = [compare("avg_pool1d", sequences(n), *setting) for setting in settings]
    assert any(results)


def images(shape):
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 50 - 0.4


@pytest.mark.parametrize("kernel", [(2, 3), (3, 2), (1, 4)])
@pytest.mark.parametrize("stride", [(2, 3), (3, 1), (4, 2), None])
def test_pooling_of_images(kernel, stride):
    x, booleans, results = images((1, 2, 6, 7)), (False, True), {True: 0, False: 0}
    for padding in ((0, 1), (0, 2), (1, 1), 0):
        for dilation, ceil_mode in itertools.product(((1, 2), (2, 1)), booleans):
            results[compare("max_pool2d", x, kernel, stride, padding, dilation, ceil_mode)] += 1
        for *setting, divisor in itertools.product(booleans, booleans, (None, 3, -2)):
            results[compare("avg_pool2d", x, kernel, stride, padding, *setting, divisor)] += 1
    assert results[True] > results[False]


@pytest.mark.parametrize(
    "name, shape, settings",
    [
        ("max_pool1d", (2, 7), ((2,), [3], (1,), [2])),
        ("avg_pool1d", (2, 7), ((2,), [3], (1,))),
        ("max_pool2d", (2, 6, 7), ([2], (1,), (1,), [2], True)),
        ("avg_pool2d", (2, 6, 7), ((3,), [2], (1,), True, False)),
        ("max_pool2d", (2, 6, 7), (2, [])),
        ("avg_pool2d", (2, 6, 7), (2, ())),
        ("adaptive_avg_pool1d", (2, 7), ((3,),)),
        ("adaptive_avg_pool1d", (1, 2, 7), (9,)),
        ("adaptive_avg_pool2d", (2, 6, 7), ((None, 4),)),
        ("adaptive_avg_pool2d", (1, 2, 6, 7), ((4, None),)),
        ("pixel_shuffle", (8, 2, 3), (2,)),
        ("pixel_shuffle", (2, 1, 2, 8, 2, 3), (2,)),
        ("pixel_unshuffle", (2, 4, 6), (2,)),
        ("pixel_unshuffle", (2, 1, 2, 2, 4, 6), (2,)),
    ],
)
def test_other_forms(name, shape, settings):
    assert compare(name, images(shape), *settings)


SCALES = (0.4, 1, 1.3, 2, 2.6, 3)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "linear"])
@pytest.mark.parametrize("n", SIZES)
def test_interpolate_sequences(mode, n):
    x = sequences(n)
    for size in (1, 2, 3, 4, 7, 10, 16, [5]):
        assert compare("interpolate", x, size, None, mode)
    for scale in (scale for scale in SCALES if n * scale >= 1):
        assert compare("interpolate", x, None, scale, mode, None, True)
        if not (mode == "nearest" and scale != int(scale) and int(n * scale) in (n, 2 * n)):
            assert compare("interpolate", x, None, scale, mode)


@pytest.mark.parametrize("n, scale", [(2, 1.3), (3, 1.3), (2, 2.4), (3, 2.3)])
def test_nearest_sequences_have_the_values_of_pytorch_and_their_own_gradient(n, scale):
    """Here PyTorch 2 returns the gradient of a call with `size`, though not its values."""
    x = sequences(n)
    y = ops.interpolate(x, scale_factor=scale)
    torch_y = functional.interpolate(torch.tensor(x), scale_factor=scale)
    np.testing.assert_array_equal(y, torch_y.numpy())
    check_grads(lambda x: ops.interpolate(x, scale_factor=scale), x)


@pytest.mark.parametrize(
    "mode, align_corners",
    [
        *((mode, None) for mode in ("nearest", "nearest-exact", "area")),
        *itertools.product(("bilinear", "bicubic"), (None, False, True)),
    ],
)
def test_interpolate_images(mode, align_corners):
    x = images((2, 2, 3, 5))
    for size in ((1, 1), (3, 5), (6, 10), (2, 7), (9, 4), 8):
        assert compare("interpolate", x, size, None, mode, align_corners)
    for scale in (0.4, 1.3, 2, (2.6, 1), [1, 0.7], (3, 2)):
        assert compare("interpolate", x, None, scale, mode, align_corners)


def layers(nn):
    """Return layers of either library."""
    return [
        nn.MaxPool1d(2),
        nn.MaxPool2d((2, 3), 1, dilation=2, ceil_mode=True),
        nn.AvgPool2d(2, padding=1),
        nn.AdaptiveAvgPool1d(3),
        nn.AdaptiveAvgPool2d((None, 2)),
        nn.PixelShuffle(2),
        nn.PixelUnshuffle(3),
        nn.Flatten(2),
        nn.Unflatten(1, (2, 3)),
        nn.Upsample((3, 4)),
        nn.Upsample(scale_factor=1.5, mode="bilinear"),
    ]


def test_layers_print_as_those_of_pytorch():
    assert [repr(layer) for layer in layers(nn)] == [repr(layer) for layer in layers(torch.nn)]
