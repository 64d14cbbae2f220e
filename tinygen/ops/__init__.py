"""The differentiable functions. In each file a function's forward and its rules are side by side.

    elementwise.py        arithmetic, functions of one number, selection
    powers.py             powers
    activation.py         activation functions of networks
    error_function.py     erf, which NumPy lacks
    custom_gradient.py    functions whose gradient is declared, such as `straight_through`
    reduce.py             sums and other reductions along axes
    indexing.py           reading and adding at an index
    shape.py              rearranging and broadcasting
    joining.py            joining, splitting, repeating
    layout.py             the order of images in memory
    padding.py            borders
    linalg.py             matrix products, triangles, inverse, determinant
    linear_systems.py     linear systems, Cholesky decomposition
    contraction.py        einsum
    conv.py               convolution, its transpose, its weight gradient
    norm.py               batch, group, instance and layer norm
    vector_norm.py        division by a norm: of a pixel's channels, of a matrix
    pooling.py            average and maximum over windows
    separable.py          a matrix along the height and one along the width of images
    resample.py           interpolation, blur, pixel shuffle
    attention.py          attention and dropout
    masking.py            the product with a mask, in which 0 times infinity is 0
    arguments.py          reading of arguments that many ops share
    operators.py          the operators and methods of `Tensor`
    protocols.py          what NumPy and other libraries ask of a Tensor

Importing this package gives `Tensor` its operators.
"""

from ..autograd.tensor import Tensor
from .activation import elu, gelu, leaky_relu, log_sigmoid, relu, sigmoid, silu, softplus
from .attention import dropout, scaled_dot_product_attention
from .contraction import einsum
from .conv import conv1d, conv2d, conv2d_weight, conv_transpose1d, conv_transpose2d
from .custom_gradient import reverse_gradient, stop_gradient, straight_through
from .elementwise import (
    abs,
    add,
    clip,
    cos,
    divide,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    sin,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from .error_function import erf
from .indexing import add_at, embedding, getitem, one_hot, take_along_axis
from .joining import concatenate, repeat, split, stack, tile
from .layout import channels_last
from .linalg import inv, linear, logdet, matmul, slogdet, tril, triu
from .linear_systems import cholesky, solve, solve_triangular
from .norm import batch_norm, group_norm, instance_norm, layer_norm
from .operators import Operators, attach_methods
from .padding import pad
from .pooling import avg_pool2d, max_pool2d
from .powers import power
from .protocols import Protocols
from .reduce import cumsum, log_softmax, logsumexp, max, mean, min, softmax, std, sum, var
from .resample import adaptive_avg_pool2d, blur, interpolate, pixel_shuffle, pixel_unshuffle
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
from .vector_norm import pixel_norm, spectral_norm

attach_methods(Tensor, Operators, Protocols)

__all__ = [
    "abs",
    "adaptive_avg_pool2d",
    "add",
    "add_at",
    "astype",
    "avg_pool2d",
    "batch_norm",
    "blur",
    "broadcast_to",
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
    "cumsum",
    "divide",
    "dropout",
    "einsum",
    "elu",
    "embedding",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flatten",
    "flip",
    "gelu",
    "getitem",
    "group_norm",
    "instance_norm",
    "interpolate",
    "inv",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "logdet",
    "logsumexp",
    "matmul",
    "max",
    "max_pool2d",
    "maximum",
    "mean",
    "min",
    "minimum",
    "moveaxis",
    "multiply",
    "negative",
    "one_hot",
    "pad",
    "pixel_norm",
    "pixel_shuffle",
    "pixel_unshuffle",
    "power",
    "ravel",
    "relu",
    "repeat",
    "reshape",
    "reverse_gradient",
    "roll",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "sin",
    "slogdet",
    "softmax",
    "softplus",
    "solve",
    "solve_triangular",
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
    "tanh",
    "tile",
    "transpose",
    "tril",
    "triu",
    "var",
    "where",
]
