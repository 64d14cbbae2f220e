"""The convolution kernels against loops that spell out the definition, and against one another."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.strict import StrictArray
from tinygen import backend
from tinygen.backend import conv as kernels
from tinygen.backend import conv_cpu as kernels_cpu
from tinygen.backend import threads as pool

pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
LAYOUTS = ("nchw", "nhwc", "strided", "fortran")


@st.composite
def cases(draw):
    """Shapes and settings of one convolution; many do not divide, some have no window or no image at all."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    return {
        "n": draw(st.integers(0, 5)), "c": groups * draw(st.integers(1, 3)), "o": groups * draw(st.integers(1, 3)),
        "size": draw(st.tuples(st.integers(1, 10), st.integers(1, 10))), "kernel": kernel,
        "settings": (draw(pair), draw(st.tuples(st.integers(0, 4), st.integers(0, 4))), draw(pair), groups),
        "layout": draw(st.sampled_from(LAYOUTS)), "seed": draw(st.integers(0, 2**32 - 1)),
        "small_pieces": draw(st.booleans()),
    }  # fmt: skip


def lay_out(a, layout):
    """The same numbers in another memory order."""
    if layout == "nhwc":
        return np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "fortran":
        return np.asfortranarray(a)
    if layout == "strided":
        wide = np.zeros((*a.shape[:3], 2 * a.shape[3]), a.dtype)
        wide[..., ::-2] = a
        return wide[..., ::-2]
    return a


def draw_arrays(case, dtype=np.float64):
    rng = np.random.default_rng(case["seed"])
    stride, padding, dilation, groups = case["settings"]
    out = kernels.output_size(case["size"], case["kernel"], stride, padding, dilation)
    shapes = (case["n"], case["c"], *case["size"]), (case["o"], case["c"] // groups, *case["kernel"]), (case["n"], case["o"], *out)
    return [lay_out(rng.standard_normal(shape).astype(dtype), case["layout"]) for shape in shapes]


def three(case, x, w, g, bias_o=None, bias_c=None):
    return (
        kernels.conv(x, w, bias_o, *case["settings"], g.shape[2:]),
        kernels.conv_transpose(g, w, bias_c, *case["settings"], case["size"]),
        kernels.conv_weight(x, g, case["kernel"], *case["settings"]),
    )


@pytest.fixture
def small_pieces():
    """Cut even these small batches into many pieces, of several images and of rows of one."""
    before = kernels_cpu._PIECE, kernels_cpu._SMALL

    def set_sizes(small):
        kernels_cpu._PIECE, kernels_cpu._SMALL = (1 << 9, 1 << 7) if small else before

    yield set_sizes
    set_sizes(False)


def naive(x, w, g, stride, padding, dilation, groups):
    """The definition, a loop an index: y, and the derivatives of sum(y * g) by x and w."""
    n, c, height, width = x.shape
    o, per_group, kh, kw = w.shape
    y, dx, dw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    for k in range(o):
        first = k // (o // groups) * per_group
        for a, b in np.ndindex(g.shape[2:]):
            for i, j in np.ndindex(kh, kw):
                p, q = a * stride[0] + i * dilation[0] - padding[0], b * stride[1] + j * dilation[1] - padding[1]
                if 0 <= p < height and 0 <= q < width:
                    for m in range(per_group):
                        y[:, k, a, b] += w[k, m, i, j] * x[:, first + m, p, q]
                        dx[:, first + m, p, q] += w[k, m, i, j] * g[:, k, a, b]
                        dw[k, m, i, j] += (g[:, k, a, b] * x[:, first + m, p, q]).sum()
    return y, dx, dw


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_kernels_are_the_definition(case):
    case["n"] = min(case["n"], 2)
    x, w, g = draw_arrays(case)
    rng = np.random.default_rng(1)
    bias_o, bias_c = rng.standard_normal(case["o"]), rng.standard_normal(case["c"])
    y, dx, dw = naive(x, w, g, *case["settings"])
    expected = y + bias_o[:, None, None], dx + bias_c[:, None, None], dw
    for got, want in zip(three(case, x, w, g, bias_o, bias_c), expected, strict=True):
        assert got.shape == want.shape and got.dtype == np.float64
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-12)


def assert_adjoint(case, x, w, g):
    y, dx, dw = three(case, x, w, g)
    norm = np.linalg.norm(y) * np.linalg.norm(g)
    assert abs((y * g).sum() - (x * dx).sum()) <= 1e-13 * norm + 1e-300
    assert abs((y * g).sum() - (w * dw).sum()) <= 1e-13 * norm + 1e-300


def test_adjoint_identities(small_pieces):
    @settings(max_examples=250, deadline=None)
    @given(case=cases())
    def check(case):
        small_pieces(case["small_pieces"])
        case["n"] += 1
        x, w, g = draw_arrays(case)
        # the identities to 1e-13 of the norms are about the kernels, not about a sum that cancels: align g with conv(x, w)
        y = kernels.conv(x, w, None, *case["settings"], g.shape[2:])
        assert_adjoint(case, x, w, g + y)

    check()


def test_both_ways_of_the_transposed_convolution_agree(small_pieces):
    @settings(max_examples=100, deadline=None)
    @given(case=cases())
    def check(case):
        stride, padding, dilation, groups = case["settings"]
        dilation = tuple(d if s == 1 else 1 for s, d in zip(stride, dilation, strict=True))
        case["settings"] = stride, padding, dilation, groups
        small_pieces(case["small_pieces"])
        _, w, g = draw_arrays(case)
        bias = np.arange(float(case["c"]))
        ways = [way(g.transpose(0, 2, 3, 1), w, bias, *case["settings"], case["size"]) for way in (kernels_cpu._gather, kernels_cpu._scatter)]
        np.testing.assert_allclose(*ways, rtol=0, atol=1e-12)

    check()


def test_portable_path_agrees(small_pieces):
    """What CuPy runs, on an array type as strict as CuPy's."""

    @settings(max_examples=100, deadline=None)
    @given(case=cases())
    def check(case):
        small_pieces(case["small_pieces"])
        x, w, g = draw_arrays(case)
        bias_o, bias_c = np.arange(float(case["o"])), np.arange(float(case["c"]))
        fast = three(case, x, w, g, bias_o, bias_c)
        portable = three(case, *map(StrictArray, (x, w, g, bias_o, bias_c)))
        for a, b in zip(fast, portable, strict=True):
            assert isinstance(b, StrictArray) and a.shape == b.shape
            np.testing.assert_allclose(a, b.get(), rtol=0, atol=1e-12)

    check()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_and_memory_is_channels_last(dtype):
    case = {"n": 3, "c": 4, "o": 6, "size": (9, 8), "kernel": (3, 4), "settings": ((2, 1), (1, 2), (1, 1), 2), "layout": "nchw", "seed": 0}
    for wrap in (np.asarray, StrictArray):
        x, w, g = map(wrap, draw_arrays(case, dtype))
        for result in three(case, x, w, g, wrap(np.ones(6, dtype)), wrap(np.ones(4, dtype))):
            assert result.dtype == dtype
            if wrap is np.asarray:
                assert result.transpose(0, 2, 3, 1).flags.c_contiguous


def test_no_channel_no_sum():
    """Sums over nothing are zero, plus the bias, not what memory held."""
    for wrap in (np.asarray, StrictArray):
        ones, bias = ((1, 1), (0, 0), (1, 1), 1), wrap(np.arange(3.0))
        for shift, expected in ((None, 0), (bias, np.arange(3.0)[:, None, None])):
            results = [
                kernels.conv(wrap(np.ones((2, 0, 5, 5))), wrap(np.ones((3, 0, 2, 2))), shift, *ones, (4, 4)),
                kernels.conv_transpose(wrap(np.ones((2, 0, 5, 5))), wrap(np.ones((0, 3, 2, 2))), shift, *ones, (6, 6)),
                kernels.conv_transpose(wrap(np.ones((2, 3, 0, 5))), wrap(np.ones((3, 3, 2, 2))), shift, *ones, (1, 6)),
            ]
            for result in results:
                assert result.shape[:2] == (2, 3) and (backend.to_numpy(result) == expected).all()
        weight = kernels.conv_weight(wrap(np.ones((0, 2, 5, 5))), wrap(np.ones((0, 3, 4, 4))), (2, 2), *ones)
        assert weight.shape == (3, 2, 2, 2) and not backend.to_numpy(weight).any()


SHAPES = [  # N, C, H, O, kernel, stride, padding, groups: layers of the models, and a few images large enough to be cut by rows
    (37, 1, 28, 32, 4, 2, 1, 1), (37, 32, 14, 64, 4, 2, 1, 1), (13, 32, 14, 32, 3, 1, 1, 1), (13, 64, 7, 100, 1, 1, 0, 1),
    (37, 32, 14, 1, 3, 1, 1, 1), (2, 16, 96, 8, 3, 1, 1, 1), (3, 12, 40, 12, 3, 1, 1, 4), (5, 30, 4, 200, 4, 1, 0, 1),
]  # fmt: skip


@pytest.mark.parametrize("n, c, size, o, k, s, p, groups", SHAPES)
def test_bits_do_not_depend_on_threads(n, c, size, o, k, s, p, groups, monkeypatch):
    monkeypatch.setattr(kernels_cpu, "_SHARED", 0)  # share the smallest too
    case = {"n": n, "c": c, "o": o, "size": (size, size), "kernel": (k, k), "settings": ((s, s), (p, p), (1, 1), groups), "layout": "nhwc", "seed": 0}
    x, w, g = draw_arrays(case, np.float32)
    before = pool.threads()
    try:
        results = []
        for threads in (1, 2, 4, 4):
            pool.set_threads(threads)
            results.append([r.tobytes() for r in three(case, x, w, g)])
    finally:
        pool.set_threads(before)
    assert results[0] == results[1] == results[2] == results[3]


def test_buffers_stay_small():
    """A batch whose columns would take 150 MB leaves no more than the buffers of a piece behind."""
    vars(kernels_cpu._buffers).clear()  # of other tests, in this thread
    x, w = np.ones((64, 16, 64, 64), np.float32), np.ones((16, 16, 3, 3), np.float32)
    kernels.conv(x, w, None, (1, 1), (1, 1), (1, 1), 1, (64, 64))
    kernels.conv_transpose(x, w, None, (1, 1), (1, 1), (1, 1), 1, (64, 64))
    assert sum(buffer.nbytes for buffer in vars(kernels_cpu._buffers).values()) <= 8 << 20
