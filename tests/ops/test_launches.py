"""How many kernels an op launches on a GPU, forward and backward, counted on the stand-in.

Each is one kernel, or as few as the reductions in it allow. They are counted in the plain run: what
else refers to an array decides whether it is copied, and with --backend the tests hold more.
"""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import losses, ops, tensor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 5, 5))
ROWS = RNG.normal(size=(8, 10))
CHANNEL, ROW = RNG.uniform(0.5, 1.5, 6), RNG.uniform(0.5, 1.5, 10)

# {name: (function, arguments, launches forward, launches backward)}
COUNTS = {
    "sigmoid": (ops.sigmoid, (X,), 1, 1),
    "log_sigmoid": (ops.log_sigmoid, (X,), 1, 1),
    "softplus": (ops.softplus, (X,), 1, 1),
    "silu": (ops.silu, (X,), 1, 1),
    "gelu": (ops.gelu, (X,), 1, 1),
    "gelu_tanh": (lambda x: ops.gelu(x, approximate="tanh"), (X,), 1, 1),
    "relu": (ops.relu, (X,), 1, 1),
    "leaky_relu": (ops.leaky_relu, (X,), 1, 1),
    "elu": (ops.elu, (X,), 1, 1),
    "tanh": (ops.tanh, (X,), 1, 1),
    "erf": (ops.erf, (X,), 1, 1),
    "maximum": (ops.maximum, (X, X + 1), 1, 2),
    "clip": (lambda x: ops.clip(x, -1, 1), (X,), 2, 1),
    # Forward: statistics, y. Backward: zeros for the statistics, two sums, dx; the sum over the
    # examples for weight and bias of group norm, which for batch norm is one of the two.
    "batch_norm": (
        lambda x, w, b: ops.batch_norm(x, None, None, w, b, training=True),
        (X, CHANNEL, CHANNEL),
        2,
        4,
    ),
    "group_norm": (lambda x, w, b: ops.group_norm(x, 2, w, b), (X, CHANNEL, CHANNEL), 2, 5),
    "group_norm_silu": (
        lambda x, w, b: ops.group_norm_silu(x, 2, w, b),
        (X, CHANNEL, CHANNEL),
        2,
        5,
    ),
    "layer_norm": (lambda x, w, b: ops.layer_norm(x, 10, w, b), (ROWS, ROW, ROW), 2, 4),
    "pixel_norm": (ops.pixel_norm, (X,), 2, 3),
    "softmax": (ops.softmax, (ROWS,), 3, 2),
    "log_softmax": (ops.log_softmax, (ROWS,), 3, 2),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=1), (ROWS,), 4, 3),
    "max_pool": (lambda x: ops.max_pool2d(x, 3, 2, 1), (X,), 1, 2),  # zeros for the positions
    "avg_pool": (lambda x: ops.avg_pool2d(x, 3, 2, 1), (X,), 1, 1),
    "upsample": (lambda x: ops.interpolate(x, scale_factor=2), (X,), 1, 1),
    # The sum over each example is the second launch.
    "bernoulli_nll": (lambda x: losses.bernoulli_nll(x, 0 * x.detach() + 0.5), (ROWS,), 4, 1),
    "squared_error": (losses.squared_error, (ROWS, ROWS), 2, 2),
    "absolute_error": (losses.absolute_error, (ROWS, ROWS), 2, 2),
    "kl_to_standard_normal": (losses.kl_to_standard_normal, (ROWS, ROWS), 2, 2),
    "kl_between_normals": (losses.kl_between_normals, (ROWS,) * 4, 2, 1),
    "reparametrize": (losses.reparametrize, (ROWS, ROWS, ROWS), 1, 3),  # mu gets a copy of g
}


@pytest.mark.cpu_only
@pytest.mark.parametrize("name", COUNTS)
def test_launches_are_few(cupy, name):
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    function, arguments, forward, backward = COUNTS[name]
    xs = [tensor(cupy.asarray(a), requires_grad=True) for a in arguments]
    with counts.counting() as found:
        y = function(*xs)
    assert found.launches.total() == forward, found.table()
    g = cupy.ones(y.shape)
    with counts.counting() as found:
        y.backward(g)
    assert found.launches.total() == backward, found.table()
    assert found.copies.total() == found.waits.total() == 0
    assert all(x.grad is not None for x in xs)


def test_running_statistics_take_one_launch(cupy):
    counts = pytest.importorskip("cupy_counts", reason="launches are counted on the stand-in")
    x, mean, var = (cupy.asarray(a) for a in (X, 0 * CHANNEL, CHANNEL))
    with counts.counting() as found:
        ops.batch_norm(x, mean, var, training=True)
    assert found.launches.total() == 3, found.table()
