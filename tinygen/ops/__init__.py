"""The differentiable functions, by kind; each file has forward and rule side by side. Importing this package gives `Tensor` its operators."""

from . import (
    activation,
    attention,
    contraction,
    conv,
    elementwise,
    indexing,
    linalg,
    norm,
    padding,
    pooling,
    reduce,
    resample,
    shape,
)
from .activation import *  # noqa: F403
from .attention import *  # noqa: F403
from .contraction import *  # noqa: F403
from .conv import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .indexing import *  # noqa: F403
from .linalg import *  # noqa: F403
from .norm import *  # noqa: F403
from .operators import *  # noqa: F403
from .padding import *  # noqa: F403
from .pooling import *  # noqa: F403
from .reduce import *  # noqa: F403
from .resample import *  # noqa: F403
from .shape import *  # noqa: F403

_files = (activation, attention, contraction, conv, elementwise, indexing, linalg, norm, padding, pooling, reduce, resample, shape)
__all__ = sorted(name for file in _files for name in file.__all__)
