"""The convolution kernels against loops that write out the definition, and against one another."""

import numpy as np
import pytest
from hypothesis import given, settings

from tinygen import backend
from tinygen.backend import conv as kernels
from tinygen.backend import conv_transpose_cpu, im2col, products
from tinygen.backend import threads as pool
from tinygen.backend.windows import ConvSettings, tap_slices, taps

from .conv_cases import LAYOUTS, apply_all, cases, draw_arrays, naive_derivatives


@pytest.fixture
def set_chunk_sizes(monkeypatch):
    """A function that makes even small batches divide into many chunks, or restores the default.

    The chunks are several images, or some rows of one image. Their products are made in pieces.
    """
    default = {
        (im2col, "CHUNK_BYTES"): im2col.CHUNK_BYTES,
        (im2col, "SHARED_BYTES"): im2col.SHARED_BYTES,
        (products, "SMALL_PRODUCT"): products.SMALL_PRODUCT,
        (products, "FEWEST_ROWS"): products.FEWEST_ROWS,
    }
    small_sizes = dict(zip(default, (1 << 9, 1 << 7, 60, 2), strict=True))

    def set_sizes(small):
        for (module, name), value in (small_sizes if small else default).items():
            monkeypatch.setattr(module, name, value)

    return set_sizes


def test_taps_are_the_definition():
    """For each tap, the slices are the positions inside the input and their windows."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        size, stride, padding, dilation, t = (int(v) for v in rng.integers([1, 1, 0, 1, 0], 5))
        windows = range(int(rng.integers(0, 3)), int(rng.integers(3, 7)))
        offset = dilation * t - padding
        expected = [(stride * o + offset, o - windows.start) for o in windows]
        expected = [(i, o) for i, o in expected if 0 <= i < size]
        positions, outputs = tap_slices(offset, size, stride, windows)
        given_windows = range(len(windows))[outputs]
        assert list(zip(range(size)[positions], given_windows, strict=True)) == expected


def test_taps_come_row_by_row():
    windows = range(2), range(3)
    places = [place for place, _, _ in taps((2, 2), (1, 1), (0, 0), (1, 1), (3, 4), windows)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]


def check_against_the_definition(case):
    """Assert that the three kernels agree with the loops."""
    x, w, g = draw_arrays(case)
    rng = np.random.default_rng(1)
    bias_o, bias_c = rng.standard_normal(case["o"]), rng.standard_normal(case["c"])
    y, dx, dw = naive_derivatives(x, w, g, *case["settings"])
    expected = y + bias_o[:, None, None], dx + bias_c[:, None, None], dw
    for result, wanted in zip(apply_all(case, x, w, g, bias_o, bias_c), expected, strict=True):
        assert result.shape == wanted.shape and result.dtype == np.float64
        np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_kernels_agree_with_the_definition(case):
    case["n"] = min(case["n"], 2)
    check_against_the_definition(case)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("c, o, size, kernel, stride, dilation", [
    (3, 5, (4, 3), (4, 3), (1, 1), (1, 1)),  # one window, which is the whole image
    (3, 5, (4, 3), (4, 3), (2, 2), (1, 1)),
    (1, 4, (6, 7), (3, 2), (1, 1), (1, 2)),  # one channel: copied tap by tap
    (1, 4, (6, 7), (3, 2), (2, 1), (1, 1)),
    (4, 1, (6, 7), (3, 2), (1, 1), (2, 1)),
    (3, 4, (6, 7), (1, 1), (1, 1), (1, 1)),  # the image is the matrix already
])  # fmt: skip
def test_shapes_with_a_way_of_their_own(
    n, c, o, size, kernel, stride, dilation, layout, set_chunk_sizes
):
    conv_settings = ConvSettings(stride, (0, 0), dilation, 1)
    case = {
        "n": n,
        "c": c,
        "o": o,
        "size": size,
        "kernel": kernel,
        "settings": conv_settings,
        "layout": layout,
        "seed": 0,
    }
    for small_chunks in (False, True):
        set_chunk_sizes(small_chunks)
        check_against_the_definition(case)


def test_the_three_kernels_are_adjoint(set_chunk_sizes):
    """<conv(x, w), y> = <x, conv_transpose(y, w)> = <w, conv_weight(x, y)>."""

    @settings(max_examples=250, deadline=None)
    @given(case=cases())
    def check(case):
        set_chunk_sizes(case["small_chunks"])
        case["n"] += 1
        x, w, y = draw_arrays(case)
        # With y aligned to conv(x, w) the inner product does not cancel. So the tolerance of 1e-13
        # of the norms tests the kernels, not the rounding of a sum.
        y = y + kernels.conv(x, w, None, case["settings"], y.shape[2:])
        z, dx, dw = apply_all(case, x, w, y)
        tolerance = 1e-13 * np.linalg.norm(z) * np.linalg.norm(y) + 1e-300
        assert abs((z * y).sum() - (x * dx).sum()) <= tolerance
        assert abs((z * y).sum() - (w * dw).sum()) <= tolerance

    check()


@pytest.mark.parametrize("m", [1, 4, 7, 8])
def test_products_in_pieces_are_the_product(m, monkeypatch):
    """Products of up to 48 multiplications: four rows of 3 x 4 a piece, and a shorter rest."""
    monkeypatch.setattr(products, "SMALL_PRODUCT", 48)
    monkeypatch.setattr(products, "FEWEST_ROWS", 2)
    rng = np.random.default_rng(0)
    a, b, y = (rng.standard_normal(shape) for shape in ((2, m, 3), (2, 3, 4), (2, m, 4)))
    out, total = np.full((m, 2, 4), np.nan).transpose(1, 0, 2), np.ones((2, 3, 4))
    products.multiply(a, products.right_factor(b), out)
    products.add_product(total, a, y)
    np.testing.assert_allclose(out, a @ b, rtol=0, atol=1e-14)
    np.testing.assert_allclose(total, 1 + a.transpose(0, 2, 1) @ y, rtol=0, atol=1e-14)


@pytest.mark.parametrize("few_channels", [0, 16])
def test_gather_and_scatter_agree(few_channels, set_chunk_sizes, monkeypatch):
    """Both ways of the transposed convolution give the same result; scattering in both orders."""
    monkeypatch.setattr(conv_transpose_cpu, "FEW_CHANNELS", few_channels)

    @settings(max_examples=100, deadline=None)
    @given(case=cases())
    def check(case):
        stride, _, dilation, _ = case["settings"]
        undilated = tuple(d if s == 1 else 1 for s, d in zip(stride, dilation, strict=True))
        case["settings"] = case["settings"]._replace(dilation=undilated)
        set_chunk_sizes(case["small_chunks"])
        _, w, y = draw_arrays(case)
        bias = np.arange(float(case["c"]))
        results = [
            way(y.transpose(0, 2, 3, 1), w, bias, case["settings"], case["size"])
            for way in (conv_transpose_cpu.by_gather, conv_transpose_cpu.by_scatter)
        ]
        np.testing.assert_allclose(*results, rtol=0, atol=1e-12)

    check()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_stays_and_memory_is_channels_last(cupy, dtype):
    case = {
        "n": 3,
        "c": 4,
        "o": 6,
        "size": (9, 8),
        "kernel": (3, 4),
        "settings": ConvSettings((2, 1), (1, 2), (1, 1), 2),
        "layout": "nchw",
        "seed": 0,
    }
    for wrap in (np.asarray, cupy.asarray):
        x, w, y = map(wrap, draw_arrays(case, dtype))
        for result in apply_all(case, x, w, y, wrap(np.ones(6, dtype)), wrap(np.ones(4, dtype))):
            assert result.dtype == dtype
            if wrap is np.asarray:
                assert result.transpose(0, 2, 3, 1).flags.c_contiguous


def test_sums_over_nothing_are_zero_plus_the_bias(cupy):
    """Without channels or windows the result is no uninitialised memory."""
    default = ConvSettings((1, 1), (0, 0), (1, 1), 1)
    for wrap in (np.asarray, cupy.asarray):

        def ones(*shape, wrap=wrap):
            return wrap(np.ones(shape))

        bias = wrap(np.arange(3.0))
        for shift, expected in ((None, 0), (bias, np.arange(3.0)[:, None, None])):
            results = [
                kernels.conv(ones(2, 0, 5, 5), ones(3, 0, 2, 2), shift, default, (4, 4)),
                kernels.conv_transpose(ones(2, 0, 5, 5), ones(0, 3, 2, 2), shift, default, (6, 6)),
                kernels.conv_transpose(ones(2, 3, 0, 5), ones(3, 3, 2, 2), shift, default, (1, 6)),
            ]
            for result in results:
                assert result.shape[:2] == (2, 3)
                assert (backend.to_numpy(result) == expected).all()
        weight = kernels.conv_weight(ones(0, 2, 5, 5), ones(0, 3, 4, 4), (2, 2), default)
        assert weight.shape == (3, 2, 2, 2) and not backend.to_numpy(weight).any()


# N, C, H, O, kernel, stride, padding, groups: layers of the models, and a few images so large that
# they are divided by rows.
SHAPES = [
    (37, 1, 28, 32, 4, 2, 1, 1),
    (37, 32, 14, 64, 4, 2, 1, 1),
    (13, 32, 14, 32, 3, 1, 1, 1),
    (13, 64, 7, 100, 1, 1, 0, 1),
    (37, 32, 14, 1, 3, 1, 1, 1),
    (2, 16, 96, 8, 3, 1, 1, 1),
    (3, 12, 40, 12, 3, 1, 1, 4),
    (5, 30, 4, 200, 4, 1, 0, 1),
]


@pytest.mark.parametrize("n, c, size, o, k, s, p, groups", SHAPES)
def test_bits_do_not_depend_on_threads(n, c, size, o, k, s, p, groups, monkeypatch):
    monkeypatch.setattr(im2col, "SHARED_BYTES", 0)  # share the smallest too
    monkeypatch.setattr(im2col, "CHUNK_BYTES", 1 << 17)
    case = {
        "n": n,
        "c": c,
        "o": o,
        "size": (size, size),
        "kernel": (k, k),
        "settings": ConvSettings((s, s), (p, p), (1, 1), groups),
        "layout": "nhwc",
        "seed": 0,
    }
    x, w, y = draw_arrays(case, np.float32)
    before = pool.threads()
    try:
        results = []
        for num_threads in (1, 2, 4, 4):
            pool.set_threads(num_threads)
            results.append([result.tobytes() for result in apply_all(case, x, w, y)])
    finally:
        pool.set_threads(before)
    assert results[0] == results[1] == results[2] == results[3]


def test_buffers_stay_small():
    """A batch whose columns would take 150 MB leaves at most the buffers of a chunk behind."""
    vars(im2col.buffers).clear()  # of other tests, in this thread
    x, w = np.ones((64, 16, 64, 64), np.float32), np.ones((16, 16, 3, 3), np.float32)
    padded = ConvSettings((1, 1), (1, 1), (1, 1), 1)
    kernels.conv(x, w, None, padded, (64, 64))
    kernels.conv_transpose(x, w, None, padded, (64, 64))
    assert sum(buffer.nbytes for buffer in vars(im2col.buffers).values()) <= 8 << 20
