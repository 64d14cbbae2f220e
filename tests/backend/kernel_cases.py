"""What each CUDA kernel is tested with: every kernel of tinygen has an entry in CASES.

An entry says what the arguments are, one word for each array and a number for each scalar. The
words are the keys of DOMAINS: "real" holds infinities, NaN, zeros of both signs, and numbers close
to the largest and the smallest, wherever the kernel must treat them as its twin does.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygen
from tinygen.backend.kernels import KERNELS
from tinygen.backend.philox import PHILOX_CUDA
from tinygen.backend.windows import output_size

__all__ = ["CASES", "DTYPES", "KERNELS", "SHAPES", "Case"]

for module in pkgutil.walk_packages(tinygen.__path__, "tinygen."):
    if module.name != "tinygen.nn.functional":  # which only says where its functions are
        importlib.import_module(module.name)  # the kernels that it declares enter KERNELS

DTYPES = (np.float32, np.float64)
SHAPES = ((), (0,), (1,), (3, 0), (2, 3, 4), (7, 61))

_HARD = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 20.5, -20.5, 90.0, -90.0, 1e4, -1e4, 1e-20, -1e-20]
_EXTREME = [np.inf, -np.inf, np.nan, 1e30, -1e30]
DOMAINS = {  # a function of random numbers, and values that are put among them
    "real": (lambda z: 3 * z, [*_HARD, *_EXTREME]),
    "finite": (lambda z: z, [0.0, -0.0, 1.0, -1.0]),
    "unit": (lambda z: 1 / (1 + np.exp(-z)), [0.0, 1.0, np.nan]),  # a probability
    "nonnegative": (np.abs, [0.0, 1.0, 1e30, np.inf, np.nan]),
    "positive": (lambda z: np.exp(z), [1.0, 1e-6, 1e6]),
    "row": (lambda z: np.clip(np.round(2 * z), -4, 3), []),  # the number of one of four rows
    "1 to 2": (lambda z: 1 + np.abs(3 * z) % 2, []),  # the number of one of two taps
    "1 to 6": (lambda z: 1 + np.abs(3 * z) % 6, []),
    "log": (lambda z: -np.abs(z), [0.0, -np.inf, -np.inf, -np.inf, np.nan]),  # of a probability
    "empty": (lambda z: 0 * z, []),  # an output, which the kernel writes
}


def draw(rng: np.random.Generator, domain: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """Return an array of the domain, not in C order where it has two axes or more."""
    function, values = DOMAINS[domain]
    x = np.asarray(function(rng.standard_normal(shape[::-1]))).T.astype(dtype)
    if x.size > len(values):
        places = rng.choice(x.size, len(values), replace=False)
        x[np.unravel_index(places, shape)] = values
    return x


@dataclass(frozen=True)
class Case:
    """The arguments of a kernel, and how far it may be from its twin.

    In float32 a GPU may give 0 for numbers below the least normal one, 1.2e-38.
    """

    arguments: Callable[[np.random.Generator, Any], Iterator[tuple]]
    settings: tuple[dict, ...] = ({},)  # for a reduction: axis and keepdims
    rtol: float = 16  # in units of the last place
    atol: float = 0  # in units of the last place of 1, where terms cancel
    harmless: tuple[str, ...] = ()  # planted changes that change no result

    def calls(self, dtype) -> Iterator[tuple[tuple, dict]]:
        """Yield the arguments and settings of each call, the same ones every time."""
        for settings in self.settings:
            for arguments in self.arguments(np.random.default_rng(1), dtype):
                yield arguments, settings

    def compare(self, actual: Any, expected: Any, dtype) -> None:
        """Raise AssertionError unless the results agree: values, NaN, shape and dtype."""
        eps = np.finfo(dtype).eps
        if isinstance(expected, tuple):
            assert len(actual) == len(expected)
            for a, b in zip(actual, expected):
                self.compare(a, b, dtype)
        else:
            assert (actual.shape, actual.dtype) == (np.shape(expected), expected.dtype)
            rtol = atol = 0
            if actual.dtype.kind == "f":
                rtol, atol = self.rtol * eps, self.atol * eps + np.finfo(dtype).smallest_normal
            np.testing.assert_allclose(actual, expected, rtol, atol, equal_nan=True)


def elementwise(*domains: str | float, broadcasts: bool = True, **options: Any) -> Case:
    """Return the case of a kernel that treats all arrays alike.

    Each argument is a domain, or a number. The arrays have one shape, of SHAPES; and also shapes
    that broadcast, unless the twin writes into an array of the shape of the first.
    """

    def arguments(rng, dtype):
        for shape in SHAPES:
            yield tuple(draw(rng, d, shape, dtype) if isinstance(d, str) else d for d in domains)
        shapes = iter([(5, 1, 23), (7, 23), (), (5, 7, 1), (1,)])
        if broadcasts and sum(isinstance(d, str) for d in domains) > 1:
            yield tuple(
                draw(rng, d, next(shapes), dtype) if isinstance(d, str) else d for d in domains
            )

    return Case(arguments, **options)


def calls(*argument_lists: tuple, **options: Any) -> Case:
    """Return the case of a kernel with these lists of arguments.

    Each argument is a number, or (domain, shape) for an array; (domain, shape, dtype) where the
    dtype is not that of the test.
    """

    def arguments(rng, dtype):
        for items in argument_lists:
            yield tuple(
                draw(rng, *item[:2], *(item[2:] or (dtype,))) if isinstance(item, tuple) else item
                for item in items
            )

    return Case(arguments, **options)


# Images of norms_gpu.py, statistics of their groups, and weights.
X, STATISTICS, WEIGHT = (3, 2, 4, 70), (3, 2, 1, 1), (1, 2, 4, 1)
_Z = ("finite", X), ("finite", STATISTICS), ("positive", STATISTICS), ("finite", WEIGHT)

# Images of im2col_gpu.py, and the kernel, stride, padding and dilation of their windows. Images and
# windows are higher than wide, so that no planted mistake divides by height / width = 0.
_GEOMETRIES = (
    ((2, 3, 7, 5), (2, 3), (1, 2), (0, 2), (1, 2)),
    ((2, 2, 8, 5), (3, 2), (2, 3), (3, 1), (2, 1)),
    ((3, 2, 4, 3), (1, 2), (1, 2), (1, 0), (1, 1)),
)


def windows(*, of_pixels: bool) -> Iterator[tuple]:
    """Yield the arguments of im2col, or of col2im if `of_pixels`, in both orders of the columns."""
    for images, kernel, stride, padding, dilation in _GEOMETRIES:
        n, c, *size = images
        counts = output_size(size, kernel, stride, padding, dilation)
        geometry = *kernel, *images, *counts, *stride, *padding, *dilation
        for channels_first in (False, True):
            columns = (c, *kernel, n, *counts) if channels_first else (n, c, *kernel, *counts)
            if of_pixels:
                for bias in (0.5, ("finite", (c, 1, 1))):
                    pixels = ("empty", images)
                    yield ("finite", columns), bias, *geometry, channels_first, pixels
            else:
                yield ("real", images), *geometry, channels_first, ("empty", columns)


# A seed and a number of draws, and the lengths of the arrays that random numbers fill.
_STREAM, _LENGTHS = (2**64 - 3, 12345), (0, 1, 4, 7, 8, 131)


def pooling(kind: str) -> Iterator[tuple]:
    """Yield the arguments of a kernel of pooling_gpu.py for the geometries of the windows."""
    for images, kernel, stride, padding, dilation in _GEOMETRIES:
        n, c, *size = images
        padding = [min(p, k - 1) for p, k in zip(padding, kernel)]  # no window of padding alone
        counts = output_size(size, kernel, stride, padding, dilation)
        geometry = *kernel, *stride, *padding, *dilation, *size, *counts
        windows, argmax = (
            (n, c, *counts),
            (f"1 to {kernel[0] * kernel[1]}", (n, c, *counts), np.uint8),
        )
        if kind == "sum_pool":
            yield ("finite", images), *geometry, 0.5, ("empty", windows)
        elif kind == "sum_unpool":
            yield ("finite", windows), *geometry, 0.5, ("empty", images)
        elif kind == "max_pool":
            yield ("real", images), *geometry, ("empty", windows), ("empty", windows, np.uint8)
        elif kind == "max_unpool":
            yield ("finite", windows), argmax, *geometry, ("empty", images)
        else:
            yield ("finite", images), argmax, *geometry, ("empty", windows)


CASES = {
    "backend.distributions.fill_integers": calls(
        *((*_STREAM, -7, 2**40, ("empty", (n,), np.int64)) for n in _LENGTHS),
        harmless=(PHILOX_CUDA.replace("word[4]", "word[5]"),),
    ),
    "backend.distributions.fill_normal": calls(
        *((*_STREAM, ("empty", (n,))) for n in _LENGTHS),
        (0, 265745, ("empty", (150,))),  # number 146 comes of an integer of 32 zeros: u = 2^-32
        atol=16,
    ),
    "backend.distributions.fill_uniform": calls(
        *((*_STREAM, ("empty", (n,))) for n in _LENGTHS), rtol=0
    ),
    "backend.im2col_gpu._col2im": calls(*windows(of_pixels=True), atol=16),
    "backend.im2col_gpu._im2col": calls(*windows(of_pixels=False)),
    "backend.norms_gpu._input_gradient": calls(
        *(
            (
                *(("finite", X), ("finite", X), ("finite", STATISTICS), ("positive", STATISTICS)),
                *(("finite", WEIGHT), *[("finite", STATISTICS)] * 4, ("finite", WEIGHT), 0.5),
                *(1e-5, silu, 280),
            )
            for silu in (0, 1)
        ),
        atol=4096,
    ),
    "backend.norms_gpu._mean_and_variance": calls(
        (("finite", X), ("finite", (1, 2, 1, 1))),
        (("finite", (2, 3, 1, 600)), ("finite", (1, 3, 1, 1))),
        settings=({"axis": (2, 3)}, {"axis": (0, 2, 3)}, {"axis": (-1,), "keepdims": True}),
        atol=16,
        harmless=(  # counts and squares are both twice as large; a variance of 0 stays 0
            "Moments(2, x - shift, 0, shift)",
            "mean = a.shift + a.mean, var = a.squares / fmax(a.count, T(2))",
        ),
    ),
    "backend.norms_gpu._normalize": calls(
        *((*_Z, ("finite", WEIGHT), 1e-5, silu) for silu in (0, 1)), atol=4096
    ),
    "backend.norms_gpu._sum_products": calls(
        *((("finite", X), *_Z, ("finite", WEIGHT), 1e-5, silu, 0.5) for silu in (0, 1)),
        settings=({"axis": 3, "keepdims": True}, {"axis": (0, 1)}),
        atol=4096,
    ),
    "backend.norms_gpu._weighted_sums": calls(
        (("finite", (8, 30)), ("finite", (8, 30)), 1.0),
        (("finite", (2, 4, 3, 1)), ("finite", (2, 4, 3, 1)), ("finite", (2, 4, 1, 1))),
        settings=({"axis": 1}, {"axis": 0, "keepdims": True}),
        atol=64,
    ),
    "backend.pooling_gpu._gather_maxima": calls(*pooling("gather_maxima")),
    "backend.pooling_gpu._max_pool": calls(*pooling("max_pool")),
    "backend.pooling_gpu._max_unpool": calls(*pooling("max_unpool"), atol=8),
    "backend.pooling_gpu._sum_pool": calls(*pooling("sum_pool"), atol=8),
    "backend.pooling_gpu._sum_unpool": calls(*pooling("sum_unpool"), atol=8),
    "backend.softmax_gpu._exp_quotient": elementwise("finite", "finite", "positive", atol=8),
    "backend.softmax_gpu._finite_or_zero": elementwise("real"),
    "backend.softmax_gpu._log_plus": elementwise("positive", "finite", atol=8),
    "backend.softmax_gpu._log_quotient": elementwise("finite", "finite", "positive", atol=16),
    "backend.softmax_gpu._minus_exp": elementwise("finite", "finite", "finite", atol=16),
    "backend.softmax_gpu._sum_exp": calls(
        (("finite", (3, 70, 2)), ("finite", (3, 1, 2))), settings=({"axis": 1}, {"axis": (1,)})
    ),
    "backend.softmax_gpu._sum_of_products": calls(
        (("finite", (3, 70, 2)), ("finite", (3, 70, 2))),
        settings=({"axis": 1, "keepdims": True}, {"axis": None}),
        atol=64,
    ),
    "backend.softmax_gpu._times_difference": elementwise("finite", "finite", "finite", atol=8),
    "losses.adversarial._times_sigmoid": elementwise("real", "real"),
    "losses.cross_entropy._count_outside_and_counted": calls(
        (("row", (70,), np.int64), -3, 2), settings=({"axis": None}, {"axis": 0})
    ),
    "losses.cross_entropy._fill_one_hot": calls(
        (("row", (70, 1), np.int64), ("row", (5,), np.int64), 2, ("empty", (70, 5)))
    ),
    "losses.cross_entropy._predicted_minus_observed": elementwise(
        "finite", "finite", "finite", atol=16
    ),
    "losses.cross_entropy._summands": elementwise("log", "unit"),
    "losses.divergence._kl_between_rule": elementwise(*["finite"] * 5, broadcasts=False, atol=64),
    "losses.divergence._kl_between_summand": elementwise(*["finite"] * 4, atol=64),
    "losses.divergence._kl_log_var_rule": elementwise("finite", "real"),
    "losses.divergence._kl_summand": elementwise("finite", "real", atol=8),
    "losses.likelihood._absolute_difference": elementwise("real", "real"),
    "losses.likelihood._absolute_difference_rule": elementwise("finite", "real", "real"),
    "losses.likelihood._pixel_nll": elementwise("real", "unit", atol=8),
    "losses.likelihood._pixel_nll_rule": elementwise("finite", "real", "unit", atol=8),
    "losses.likelihood._squared_difference": elementwise("finite", "real"),
    "losses.likelihood._squared_difference_rule": elementwise("finite", "finite", "real"),
    "losses.reparametrize._eps_rule": elementwise("finite", "real"),
    "losses.reparametrize._log_var_rule": elementwise("finite", "real", "finite"),
    "losses.reparametrize._reparametrize": elementwise("finite", "finite", "finite", atol=8),
    "models.diffusion.paths._mix": elementwise("finite", "finite", 0.6, 0.8, atol=8),
    "ops.activation._elu": elementwise("real", 0.7),
    "ops.activation._elu_rule": elementwise("finite", "real", 0.7),
    "ops.activation._gelu_exact": elementwise("real", atol=8),
    "ops.activation._gelu_exact_rule": elementwise("finite", "real", atol=16),
    "ops.activation._gelu_tanh": elementwise("real", atol=8),
    "ops.activation._gelu_tanh_rule": elementwise("finite", "real", atol=64),
    "ops.activation._leaky_relu": elementwise("real", 0.2),
    "ops.activation._log_sigmoid": elementwise("real"),
    "ops.activation._log_sigmoid_rule": elementwise("real", "real"),
    "ops.activation._relu_rule": elementwise("real", "nonnegative"),
    "ops.activation._scale_negative": elementwise("real", "real", 0.2),
    "ops.activation._sigmoid": elementwise("real"),
    "ops.activation._sigmoid_rule": elementwise("real", "unit"),
    "ops.activation._silu": elementwise("real"),
    "ops.activation._silu_rule": elementwise("finite", "real", "finite", atol=8),
    "ops.activation._softplus": elementwise("real", 1.5, 20.0),
    "ops.activation._softplus_rule": elementwise("real", "real", 1.5, 20.0),
    "ops.activation._step_of": elementwise("real", 0.2),
    "ops.error_function._erf_rule": elementwise("real", "real"),
    "ops.error_function.erf_of_array": elementwise("real"),
    "ops.indexing._sum_rows": calls(
        (("row", (30,), np.int64), ("finite", (30, 6)), 6, ("empty", (4, 2, 3))), atol=16
    ),
    "ops.normalization._average": calls(
        (
            *(("finite", (3,)), ("finite", (3,)), 0.1, 0.2),
            *(("finite", (3,)), ("finite", (3,))),
        ),
        atol=8,
    ),
    "ops.reduce._times_exp": elementwise("finite", "finite", "finite", atol=8),
    "ops.selection._greater_gradient": elementwise("finite", "real", "real"),
    "ops.selection._pass_inside": elementwise("real", "real", -1.0, 2.0),
    "ops.vector_norm._mean_product": calls(
        (("finite", (3, 7, 5)), ("finite", (3, 7, 5))),
        settings=({"axis": 1, "keepdims": True}, {"axis": (0, 2)}),
        atol=16,
    ),
    "ops.vector_norm._pixel_norm_dx": elementwise(
        "finite", "finite", "positive", "finite", atol=64
    ),
    "ops.vector_norm._rms": calls(
        (("finite", (3, 7, 5)), 0.5),
        settings=({"axis": 1, "keepdims": True}, {"axis": (0, 2)}),
        atol=16,
    ),
    "ops.trigonometry._tanh_rule": elementwise("real", "real"),
}
