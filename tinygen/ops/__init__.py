"""The differentiable functions. In each file a function's forward and its rules are side by side.

    elementwise.py        arithmetic, functions of one number
    selection.py          by a condition, the greater, the lesser, limits
    powers.py             powers
    trigonometry.py       trigonometric and hyperbolic functions
    rounding.py           rounding, and division with a remainder
    comparison.py         comparisons and logic
    activation.py         activation functions of networks
    error_function.py     erf, which NumPy lacks
    custom_gradient.py    functions whose gradient is declared, such as `straight_through`
    reduce.py             sums and other reductions along axes
    products.py           products along axes
    sorting.py            the order along an axis
    indexing.py           reading and adding at an index
    shape.py              rearranging and broadcasting
    joining.py            joining, splitting, repeating
    layout.py             the order of images in memory
    padding.py            borders
    linalg.py             matrix products, triangles, inverse, determinant
    linear_systems.py     linear systems, Cholesky decomposition
    contraction.py        einsum
    conv.py               convolution, its transpose, its weight gradient
    conv_1d.py            convolution of sequences
    normalization.py      batch, group, instance and layer norm
    norm_silu.py          group norm, scale and shift, and SiLU in one
    vector_norm.py        norms of vectors, and division by them
    windows.py            sums and maxima over windows of images
    pooling.py            pooling: windows with PyTorch's settings, and adaptive pooling
    separable.py          a matrix along the height and one along the width of images
    interpolation.py      images and sequences at another resolution
    resample.py           blur, pixel shuffle
    attention.py          attention and dropout
    masking.py            the product with a mask, in which 0 times infinity is 0
    arguments.py          reading of arguments that many ops share
    operators.py          the operators of `Tensor`
    methods.py            the methods of `Tensor`
    pytorch_names.py      what PyTorch's names are here, for errors
    protocols.py          what NumPy and other libraries ask of a Tensor

**NumPy and PyTorch.** Functions of arrays have NumPy's names and meanings, functions of networks
PyTorch's. Where one name means two things, a call of PyTorch's is written as follows:

    torch.transpose(x, 1, 2)         swapaxes(x, 1, 2)
    torch.permute(x, (0, 2, 1))      transpose(x, (0, 2, 1))
    torch.split(x, [2, 3])           split(x, [2]): the indices where parts begin, not the sizes
    torch.chunk(x, 2)                split(x, 2): the number of parts
    x.repeat(2, 3)                   tile(x, (2, 3))
    torch.repeat_interleave(x, 2, 1) repeat(x, 2, 1)
    torch.std(x), torch.var(x)       std(x, ddof=1), var(x, ddof=1)
    torch.max(x, 1)                  max(x, 1), argmax(x, 1): one of the two results each
    torch.max(x, y)                  maximum(x, y)
    torch.equal(x, y)                (x == y).all(): equal compares element by element
    torch.norm(x, 1)                 norm(ravel(x), 1): norm(x, 1) is that of a matrix
    torch.linalg.solve(a, b)         solve(a, b[..., None])[..., 0] for a batch of vectors b
    torch.sort(x, 1)                 sort(x, 1), argsort(x, 1)
    functional.pad(x, (1, 1, 2, 2))  pad(x, ((2, 2), (1, 1))): one pair per axis, in their order
    functional.one_hot(y)            one_hot(y): float32
    functional.dropout(x, 0.5)       dropout(x, 0.5, rng=rng): there is no hidden source of noise
    x.size(0)                        x.shape[0]: x.size is the number of elements

Dtypes combine as in NumPy: float32 with an array of float64 or int64 gives float64. (In PyTorch,
float32 with integers stays float32.)

tinygen computes in float32 and float64. Functions of networks refuse arrays that are all integers.
Functions that sum, except for `sum` itself, refuse float16, which is for storage.

Importing this package gives `Tensor` its operators.
"""

from ..autograd.tensor import Tensor
from .activation import elu, gelu, leaky_relu, log_sigmoid, relu, sigmoid, silu, softplus
from .attention import dropout, scaled_dot_product_attention
from .comparison import (
    all,
    any,
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
)
from .contraction import einsum
from .conv import conv2d, conv2d_weight, conv_transpose2d
from .conv_1d import conv1d, conv_transpose1d
from .custom_gradient import reverse_gradient, stop_gradient, straight_through
from .elementwise import (
    abs,
    add,
    divide,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    multiply,
    negative,
    reciprocal,
    sign,
    sqrt,
    square,
    subtract,
)
from .error_function import erf
from .indexing import add_at, embedding, getitem, one_hot, take_along_axis
from .interpolation import interpolate
from .joining import concatenate, repeat, split, stack, tile
from .layout import channels_last
from .linalg import diagonal, dot, inv, linear, logdet, matmul, outer, slogdet, trace, tril, triu
from .linear_systems import cholesky, solve, solve_triangular
from .methods import Methods
from .norm_silu import group_norm_silu
from .normalization import batch_norm, group_norm, instance_norm, layer_norm
from .operators import Operators, attach_methods
from .padding import pad
from .pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    max_pool1d,
    max_pool2d,
)
from .powers import power
from .products import cumprod, prod
from .protocols import Protocols
from .pytorch_names import explain_attributes, ops_hint
from .reduce import cumsum, log_softmax, logsumexp, max, mean, min, softmax, std, sum, var
from .resample import blur, pixel_shuffle, pixel_unshuffle
from .rounding import ceil, floor, floor_divide, mod, round
from .selection import clip, maximum, minimum, where
from .shape import (
    astype,
    broadcast_to,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    ravel,
    reshape,
    roll,
    squeeze,
    sum_to,
    swapaxes,
    transpose,
)
from .sorting import argmax, argmin, argsort, sort
from .trigonometry import arccos, arcsin, arctan, arctan2, cos, cosh, sin, sinh, tan, tanh
from .vector_norm import cosine_similarity, norm, normalize, pixel_norm, spectral_norm

attach_methods(Tensor, Operators, Methods, Protocols)

__all__ = [
    "abs",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "add",
    "add_at",
    "all",
    "any",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "blur",
    "broadcast_to",
    "ceil",
    "channels_last",
    "cholesky",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv2d_weight",
    "conv_transpose1d",
    "conv_transpose2d",
    "cos",
    "cosh",
    "cosine_similarity",
    "cumprod",
    "cumsum",
    "diagonal",
    "divide",
    "dot",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "gelu",
    "getitem",
    "greater",
    "greater_equal",
    "group_norm",
    "group_norm_silu",
    "instance_norm",
    "interpolate",
    "inv",
    "isfinite",
    "isinf",
    "isnan",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "linear",
    "log",
    "log10",
    "log1p",
    "log2",
    "log_sigmoid",
    "log_softmax",
    "logdet",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mod",
    "moveaxis",
    "multiply",
    "negative",
    "norm",
    "normalize",
    "not_equal",
    "one_hot",
    "outer",
    "pad",
    "pixel_norm",
    "pixel_shuffle",
    "pixel_unshuffle",
    "power",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "repeat",
    "reshape",
    "reverse_gradient",
    "roll",
    "round",
    "scaled_dot_product_attention",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "slogdet",
    "softmax",
    "softplus",
    "solve",
    "solve_triangular",
    "sort",
    "spectral_norm",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "straight_through",
    "subtract",
    "sum",
    "sum_to",
    "swapaxes",
    "take_along_axis",
    "tan",
    "tanh",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "var",
    "where",
]

explain_attributes(Tensor, __all__)


def __getattr__(name: str):
    """Raise AttributeError that names what PyTorch's function of this name is here."""
    raise AttributeError(f"tinygen.ops has no {name}{ops_hint(name)}")
