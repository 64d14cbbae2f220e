"""The differentiable functions. In each file a function's forward and its rules are side by side.

    elementwise.py        arithmetic, functions of one number, selection
    powers.py             powers
    activation.py         activation functions of networks
    error_function.py     erf, which NumPy lacks
    custom_gradient.py    functions whose gradient is declared, such as `straight_through`
    reduce.py             sums and other reductions along axes
    indexing.py           reading and adding at an index
    shape.py              rearranging, repeating, joining, splitting
    layout.py             the order of images in memory
    padding.py            borders
    linalg.py             matrix products, triangles, inverse, determinant
    linear_systems.py     linear systems, Cholesky decomposition
    contraction.py        einsum
    conv.py               convolution, its transpose, its weight gradient
    norm.py               batch, group, instance, layer, pixel and spectral norm
    pooling.py            average and maximum over windows
    separable.py          a matrix along the height and one along the width of images
    resample.py           interpolation, blur, pixel shuffle
    attention.py          attention and dropout
    masking.py            the product with a mask, in which 0 times infinity is 0
    arguments.py          reading of arguments that many ops share
    operators.py          the operators and methods of `Tensor`

Importing this package gives `Tensor` its operators.
"""

from . import (
    activation,
    attention,
    contraction,
    conv,
    custom_gradient,
    elementwise,
    error_function,
    indexing,
    layout,
    linalg,
    linear_systems,
    norm,
    operators,
    padding,
    pooling,
    powers,
    reduce,
    resample,
    shape,
)

# The public names of each file are listed in one place, its own __all__; hence the stars.
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .contraction import *  # noqa: F403
from .conv import *  # noqa: F403
from .custom_gradient import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .error_function import *  # noqa: F403
from .indexing import *  # noqa: F403
from .layout import *  # noqa: F403
from .linalg import *  # noqa: F403
from .linear_systems import *  # noqa: F403
from .norm import *  # noqa: F403
from .operators import *  # noqa: F403
from .padding import *  # noqa: F403
from .pooling import *  # noqa: F403
from .powers import *  # noqa: F403
from .reduce import *  # noqa: F403
from .resample import *  # noqa: F403
from .shape import *  # noqa: F403

_FILES = (
    activation,
    attention,
    contraction,
    conv,
    custom_gradient,
    elementwise,
    error_function,
    indexing,
    layout,
    linalg,
    norm,
    operators,
    padding,
    pooling,
    powers,
    reduce,
    resample,
    shape,
    linear_systems,
)
__all__ = sorted(name for file in _FILES for name in file.__all__)
