"""Indices and settings that the caller writes into after the call: the gradient is as before."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import grad, ops, tensor

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, i: x[i],
        lambda x, i: ops.getitem(x, (i, slice(0, 1))),
        lambda x, i: ops.embedding(i, x),
        lambda x, i: ops.take_along_axis(x, i[:, None], 0),
        lambda x, i: x[1:3][i < 2],
        lambda x, i: x[i[1:].reshape(())],
        lambda x, i: x[i[1:].reshape(()) :],
        lambda x, i: x[: i[1:].reshape(()), 1],
        lambda x, i: ops.embedding(i[:1].reshape(()), x),
        lambda x, i: ops.add_at(np.zeros((4, 2)), i[:1].reshape(()), x[1]),
        lambda x, i: ops.roll(x, i, (0, 1)),
        lambda x, i: ops.repeat(x[:2], i + 1, 0),
    ],
)
def test_an_index_array_may_be_written_after_the_call(f):
    x, i = tensor(np.zeros((4, 2)), requires_grad=True), np.array([0, 1])
    weight = rng.standard_normal(f(x, i).shape)
    expected = grad((f(x, i.copy()) * weight).sum(), x)[0].data
    y = (f(x, i) * weight).sum()
    i[:] = 3
    assert (grad(y, x)[0].data == expected).all()


@pytest.mark.parametrize(
    "f",
    [
        lambda x, axes: ops.transpose(x, axes=axes),
        lambda x, axes: ops.flip(x, axes),
        lambda x, axes: ops.roll(x, axes, (0, 1)),
        lambda x, axes: ops.roll(x, (1, 2), axes),
        *[
            lambda x, axes, f=f: f(x, axis=axes) * x
            for f in (ops.softmax, ops.log_softmax, ops.logsumexp, ops.max, ops.sum, ops.mean)
            + (ops.std, ops.var, ops.norm)
        ],
    ],
)
def test_a_list_of_settings_may_be_written_after_the_call(f):
    x = tensor(rng.standard_normal((3, 3)), requires_grad=True)
    weight = rng.standard_normal((3, 3))
    expected = grad((f(x, (1, 0)) * weight).sum(), x)[0].data
    axes = [1, 0]
    y = (f(x, axes) * weight).sum()
    axes[:] = [0]
    np.testing.assert_allclose(grad(y, x)[0].data, expected)
