"""Winograd's algorithm: its matrices against exact fractions, its convolutions against the columns.

The columns (im2col) are themselves held to the definition, in test_conv_kernels.py.
"""

import itertools
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.backend.test_conv_kernels import LAYOUTS, draw_arrays, naive_derivatives
from tinygen import ops, tensor
from tinygen.autograd.gradcheck import check_grads
from tinygen.backend import conv as kernels
from tinygen.backend import conv_winograd, im2col, winograd_steps
from tinygen.backend import threads as pool
from tinygen.backend.windows import ConvSettings, output_size
from tinygen.backend.winograd import matrices

# ---------------------------------------------------------------------------------- the matrices
# An exercise, with its solution: derive A, G and B for any m and r, in exact fractions, by another
# way than the one of winograd.py.


def solve(matrix, right):
    """Solve matrix @ x = right in fractions, by the elimination of Gauss and Jordan."""
    n = len(matrix)
    rows = [[Fraction(v) for v in row] + [Fraction(right[i])] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i:
                rows[k] = [v - rows[k][i] * w for v, w in zip(rows[k], rows[i], strict=True)]
    return [row[n] for row in rows]


def evaluations(points, length):
    """Return the matrix that evaluates a polynomial of `length` coefficients, infinity last."""
    rows = [[Fraction(p) ** i for i in range(length)] for p in points]
    return [*rows, [Fraction(int(i == length - 1)) for i in range(length)]]


def derive(points, m, r):
    """Derive A, G and B. T = sum_i (A y)_i (G w)_i (B x)_i must be sum_{o,t} y[o] w[t] x[o + t].

    A and G evaluate polynomials with m and r coefficients. Let E evaluate those with m + r - 1
    coefficients; B^T is its inverse. So column k of B solves E^T b = e_k.
    """
    a = m + r - 1
    transposed = list(map(list, zip(*evaluations(points, a), strict=True)))
    columns = [solve(transposed, [int(i == k) for i in range(a)]) for k in range(a)]
    return (
        evaluations(points, m),
        evaluations(points, r),
        list(map(list, zip(*columns, strict=True))),
    )


def assert_is_the_trilinear_form(a_matrix, g_matrix, b_matrix):
    """Check sum_i A[i, o] G[i, t] B[i, k] = 1 if k = o + t, else 0."""
    count = len(b_matrix)
    m, r = len(a_matrix[0]), len(g_matrix[0])
    for o, t, k in itertools.product(range(m), range(r), range(count)):
        total = sum(a_matrix[i][o] * g_matrix[i][t] * b_matrix[i][k] for i in range(count))
        assert total == (k == o + t)


@pytest.mark.parametrize("m, r", [(2, 3), (4, 3), (6, 3), (5, 5), (3, 7), (1, 4), (4, 1)])
def test_the_exercise_holds_for_any_size(m, r):
    points = [
        Fraction(n, d) for n, d in ((0, 1), (1, 1), (-1, 1), (1, 2), (-2, 1), (3, 1), (-1, 3))
    ]
    points += [Fraction(n, 5) for n in (1, 2, 3, 4)]
    assert_is_the_trilinear_form(*derive(points[: m + r - 2], m, r))


@pytest.mark.parametrize(
    "m, r", [(m, r) for r, sizes in conv_winograd.TILES.items() for m in sizes]
)
def test_the_matrices_are_exactly_the_trilinear_form(m, r):
    """They hold small binary fractions, so A and B are exact; G is divided by its scale."""
    a_matrix, g_matrix, b_matrix = matrices(m, r, np.float64)
    points = [Fraction(float(v)) for v in a_matrix[:-1, 1]]
    expected_a, expected_g, expected_b = derive(points, m, r)
    exact_a, exact_b = (
        [[Fraction(float(v)) for v in row] for row in z] for z in (a_matrix, b_matrix)
    )
    assert exact_a == expected_a
    for i, row in enumerate(exact_b):
        scale = next(v / w for v, w in zip(row, expected_b[i], strict=True) if w)
        assert row == [v * scale for v in expected_b[i]]
        exact_g = [float(v / scale) for v in expected_g[i]]
        np.testing.assert_allclose(g_matrix[i], exact_g, rtol=4e-16)
    assert a_matrix[1].tolist() == [1] * m  # the bias is added there


def test_the_example_of_the_docstring():
    a_matrix, g_matrix, b_matrix = matrices(2, 3, np.float64)
    assert a_matrix.T.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert g_matrix.tolist() == [[-1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    assert b_matrix.tolist() == [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]


# ------------------------------------------------------------------------------ the convolutions


@st.composite
def cases(draw):
    """Draw a convolution that Winograd's algorithm can compute, and the size of its tiles."""
    r, s = draw(st.sampled_from([(3, 1), (2, 2), (2, 1), (4, 1), (3, 2), (2, 3)]))
    p = draw(st.integers(0, r * s + 1))
    least = max(1, r * s - 2 * p)
    size = draw(st.tuples(st.integers(least, least + 12), st.integers(least, least + 12)))
    return {
        "n": draw(st.integers(0, 5)),
        "c": draw(st.integers(1, 4)),
        "o": draw(st.integers(1, 4)),
        "size": size,
        "kernel": (r * s, r * s),
        "settings": ConvSettings((s, s), (p, p), (1, 1), 1),
        "layout": draw(st.sampled_from(LAYOUTS)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "m": draw(st.sampled_from(conv_winograd.TILES[r])),
        "small_pieces": draw(st.booleans()),
    }


@pytest.fixture
def set_piece_size(monkeypatch):
    """A function that makes even small batches divide into many pieces, or restores the default."""
    default = winograd_steps.PIECE_BYTES, winograd_steps.SHARED_BYTES

    def set_size(small):
        piece, shared = (1 << 10, 1 << 7) if small else default
        monkeypatch.setattr(winograd_steps, "PIECE_BYTES", piece)
        monkeypatch.setattr(winograd_steps, "SHARED_BYTES", shared)

    return set_size


@pytest.fixture
def always_winograd(monkeypatch):
    """Choose Winograd's algorithm wherever it can compute the result, in float64 too."""

    def choose(dtype, n, c, o, kernel, conv_settings, size):
        if not conv_winograd.supports(kernel, conv_settings):
            return 0
        return conv_winograd.TILES[kernel[0] // conv_settings.stride[0]][-1]

    monkeypatch.setattr(conv_winograd, "choose_tile", choose)


def apply_all(case, x, w, y, bias_o=None, bias_c=None):
    """Return the results of the three functions by Winograd's algorithm."""
    m, conv_settings = case["m"], case["settings"]
    return (
        conv_winograd.conv(x, w, bias_o, conv_settings, y.shape[2:], m),
        conv_winograd.conv_transpose(y, w, bias_c, conv_settings, case["size"], m),
        conv_winograd.conv_weight(x, y, case["kernel"], conv_settings, m),
    )


def test_the_functions_agree_with_the_definition(set_piece_size):
    @settings(max_examples=60, deadline=None)
    @given(case=cases())
    def check(case):
        set_piece_size(case["small_pieces"])
        case["n"] = min(case["n"], 3)
        x, w, g = draw_arrays(case)
        rng = np.random.default_rng(1)
        bias_o, bias_c = rng.standard_normal(case["o"]), rng.standard_normal(case["c"])
        y, dx, dw = naive_derivatives(x, w, g, *case["settings"])
        expected = y + bias_o[:, None, None], dx + bias_c[:, None, None], dw
        results = apply_all(case, x, w, g, bias_o, bias_c)
        for result, wanted in zip(results, expected, strict=True):
            assert result.shape == wanted.shape and result.dtype == np.float64
            assert result.transpose(0, 2, 3, 1).flags.c_contiguous
            np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-11)

    check()


def test_the_functions_are_adjoint(set_piece_size):
    """<conv(x, w), y> = <x, conv_transpose(y, w)> = <w, conv_weight(x, y)>."""

    @settings(max_examples=100, deadline=None)
    @given(case=cases())
    def check(case):
        set_piece_size(case["small_pieces"])
        case["n"] += 1
        x, w, y = draw_arrays(case)
        y = y + conv_winograd.conv(x, w, None, case["settings"], y.shape[2:], case["m"])
        z, dx, dw = apply_all(case, x, w, y)
        tolerance = 1e-12 * np.linalg.norm(z) * np.linalg.norm(y) + 1e-300
        assert abs((z * y).sum() - (x * dx).sum()) <= tolerance
        assert abs((z * y).sum() - (w * dw).sum()) <= tolerance

    check()


# N, C, H, O, kernel, stride, padding: layers for which Winograd's algorithm is chosen.
LAYERS = [
    (8, 64, 28, 32, 3, 1, 1),
    (8, 64, 14, 64, 3, 1, 1),
    (16, 64, 16, 128, 4, 2, 1),
    (64, 128, 8, 256, 4, 2, 1),
    (2, 32, 64, 32, 3, 1, 1),
    (1, 64, 64, 64, 3, 1, 1),
    (4, 256, 16, 512, 4, 1, 1),
]


def layer_case(n, c, size, o, k, s, p):
    """Return a layer as a case of `draw_arrays`."""
    conv_settings = ConvSettings((s, s), (p, p), (1, 1), 1)
    shapes = {"n": n, "c": c, "o": o, "size": (size, size), "kernel": (k, k)}
    return shapes | {"settings": conv_settings, "layout": "nhwc", "seed": 0}


def chosen_tile(case, dtype=np.float32):
    """Return the choice for a case."""
    size = output_size(case["size"], case["kernel"], *case["settings"][:3])
    numbers = case["n"], case["c"], case["o"]
    return conv_winograd.choose_tile(
        np.dtype(dtype), *numbers, case["kernel"], case["settings"], size
    )


def apply_chosen(case, x, w, y):
    """Return the results of the three functions by the algorithm that is chosen for them."""
    return (
        kernels.conv(x, w, None, case["settings"], y.shape[2:]),
        kernels.conv_transpose(y, w, None, case["settings"], case["size"]),
        kernels.conv_weight(x, y, case["kernel"], case["settings"]),
    )


@pytest.mark.parametrize(
    "values", ["normal", "constant cotangent", "large mean", "positive weights"]
)
@pytest.mark.parametrize("layer", LAYERS)
def test_the_error_in_float32(layer, values):
    """The relative error of each result is at most 5e-6, of the norm."""
    case = layer_case(*layer)
    assert chosen_tile(case)
    x, w, y = draw_arrays(case, np.float32)
    if values == "constant cotangent":  # the gradient of a mean over all pixels
        y[...] = 1
    elif values == "large mean":
        x, y = x + 100, y + 100
    elif values == "positive weights":
        w = np.abs(w)
    exact = apply_chosen(case, *(a.astype(np.float64) for a in (x, w, y)))  # by columns
    for result, wanted in zip(apply_chosen(case, x, w, y), exact, strict=True):
        error = np.linalg.norm(result - wanted) / np.linalg.norm(wanted)
        assert error < 5e-6
        if values == "normal":  # plain sums have less: Winograd's algorithm has been used
            assert error > 1e-7


@pytest.mark.parametrize("layer", LAYERS)
def test_bits_do_not_depend_on_threads(layer):
    case = layer_case(*layer)
    x, w, y = draw_arrays(case, np.float32)
    case["m"] = chosen_tile(case)
    before = pool.threads()
    try:
        results = []
        for num_threads in (1, 2, 3, 4, 4):
            pool.set_threads(num_threads)
            results.append([result.tobytes() for result in apply_all(case, x, w, y)])
    finally:
        pool.set_threads(before)
    assert all(result == results[0] for result in results)


def test_which_convolutions_it_serves():
    layer = layer_case(*LAYERS[0])
    assert chosen_tile(layer) == 4 and chosen_tile(layer, np.float64) == 0
    few_channels = layer_case(64, 3, 32, 64, 3, 1, 1)
    assert chosen_tile(few_channels) == 0
    default = ConvSettings((1, 1), (1, 1), (1, 1), 1)
    assert conv_winograd.supports((3, 3), default)
    assert not conv_winograd.supports((3, 3), default._replace(groups=2))
    assert not conv_winograd.supports((3, 3), default._replace(dilation=(2, 2)))
    assert not conv_winograd.supports((3, 3), default._replace(stride=(2, 2)))
    assert not conv_winograd.supports((3, 3), default._replace(stride=(1, 3)))
    assert not conv_winograd.supports((3, 3), default._replace(padding=(1, 0)))
    assert not conv_winograd.supports((3, 4), default)
    assert not conv_winograd.supports((7, 7), default)


@pytest.mark.parametrize("stride, kernel, extra", [(1, 3, 0), (2, 4, 0), (2, 4, 1)])
@pytest.mark.parametrize("padding", [0, 1])
def test_gradients_to_second_order(stride, kernel, extra, padding, always_winograd):
    """Every rule of the three functions, in float64."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 2, 7, 6)), rng.standard_normal((3, 2, kernel, kernel))
    bias = rng.standard_normal(3)
    options = {"stride": stride, "padding": padding}
    check_grads(lambda *a: ops.conv2d(*a, **options), x, w, bias, order=2)
    y = ops.conv2d(tensor(x), tensor(w), **options).numpy()
    transposed = rng.standard_normal((2, 3, *y.shape[2:]))
    check_grads(
        lambda *a: ops.conv_transpose2d(*a, output_padding=extra, **options),
        transposed,
        w,
        bias[:2],
        order=2,
    )
    check_grads(lambda *a: ops.conv2d_weight(*a, kernel_size=kernel, **options), x, y, order=2)


def test_a_nan_spreads_over_its_tiles_alone():
    case = layer_case(1, 64, 32, 64, 3, 1, 1)
    x, w, y = draw_arrays(case, np.float32)
    m = chosen_tile(case)
    clean = kernels.conv(x, w, None, case["settings"], y.shape[2:])
    x[0, 5, m + 1, m + 1] = np.nan  # inside the second tile, which alone reads it
    dirty = kernels.conv(x, w, None, case["settings"], y.shape[2:])
    is_nan = np.isnan(dirty[0]).all(axis=0)
    assert is_nan[m : m + 3, m : m + 3].all()  # the outputs that read it
    outside = np.ones((32, 32), bool)
    outside[m : 2 * m, m : 2 * m] = False
    assert not is_nan[outside].any()
    assert (dirty[0][:, outside] == clean[0][:, outside]).all()


def test_buffers_stay_small():
    """A large batch leaves at most the buffers of a piece behind."""
    vars(im2col.buffers).clear()  # of other tests, in this thread
    x, w = np.ones((64, 32, 64, 64), np.float32), np.ones((32, 32, 3, 3), np.float32)
    kernels.conv(x, w, None, ConvSettings((1, 1), (1, 1), (1, 1), 1), (64, 64))
    assert sum(buffer.nbytes for buffer in vars(im2col.buffers).values()) <= 16 << 20
