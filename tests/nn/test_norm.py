"""Batch normalization: its running statistics, in training and in evaluation."""

import numpy as np
import pytest

from tinygen import nn, tensor


def test_running_statistics_follow_the_batches_and_normalize_in_evaluation():
    layer, rng = nn.BatchNorm2d(2, momentum=0.3), np.random.default_rng(0)
    mean, var = np.zeros(2), np.ones(2)
    buffer = layer.running_mean
    for _ in range(4):
        x = rng.normal([[1.0], [-2.0]], [[0.5], [3.0]], (3, 2, 4)).reshape(3, 2, 2, 2)
        layer(tensor(x.astype(np.float32)))
        mean = 0.7 * mean + 0.3 * x.mean((0, 2, 3))
        var = 0.7 * var + 0.3 * x.var((0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-5)
    assert layer.num_batches_tracked.item() == 4 and layer.running_mean is buffer
    assert not layer.running_mean.requires_grad
    y = layer.eval()(tensor(x.astype(np.float32)))
    expected = (x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    np.testing.assert_allclose(y.data, expected, rtol=1e-4, atol=1e-5)
    assert layer.num_batches_tracked.item() == 4


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.BatchNorm1d(3), (1, 3)),
        (nn.BatchNorm2d(3), (1, 3, 1, 1)),
        (nn.BatchNorm2d(3), (0, 3, 4, 4)),
    ],
)
def test_training_on_too_few_values_raises_and_changes_nothing(layer, shape):
    before = layer.state_dict()
    x = tensor(np.ones(shape, np.float32))
    with pytest.raises(ValueError, match="(value per channel|no value).*eval"):
        layer(x)
    after = layer.state_dict()
    assert all((after[name] == before[name]).all() for name in before)
    assert layer.eval()(x).shape == shape


def test_backward_raises_after_the_running_statistics_have_changed():
    layer = nn.BatchNorm1d(2)
    x = tensor(np.eye(2, dtype=np.float32), requires_grad=True)
    y = layer.eval()(x)
    layer.train()(x)
    with pytest.raises(RuntimeError, match="written in place"):
        y.sum().backward()


def test_without_momentum_the_running_statistics_are_means_over_all_batches():
    layer, rng = nn.BatchNorm1d(2, momentum=None, dtype=np.float64), np.random.default_rng(0)
    batches = rng.normal(size=(5, 4, 2))
    for x in batches:
        layer(tensor(x))
    np.testing.assert_allclose(layer.running_mean.data, batches.mean((0, 1)), rtol=1e-12)
    variances = batches.var(axis=1, ddof=1)
    np.testing.assert_allclose(layer.running_var.data, variances.mean(0), rtol=1e-12)
    with pytest.raises(ValueError, match="momentum=None is for batch norm"):
        nn.InstanceNorm2d(2, momentum=None)


def test_without_running_statistics_evaluation_uses_the_batch():
    layer, x = nn.BatchNorm1d(2, track_running_stats=False), tensor(np.eye(2, dtype=np.float32))
    assert [*layer.state_dict()] == ["weight", "bias"]
    assert (layer.eval()(x).data == layer.train()(x).data).all()


def test_instance_norm_takes_one_image():
    layer = nn.InstanceNorm2d(3, affine=True, bias=False)
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    assert [*layer.state_dict()] == ["weight"]
    np.testing.assert_array_equal(layer(tensor(x)).data, layer(tensor(x[None])).data[0])


def test_group_norm_silu_applies_scale_and_shift_before_silu():
    rng = np.random.default_rng(0)
    layer, norm = nn.GroupNormSiLU(2, 4), nn.GroupNorm(2, 4)
    layer.load_state_dict(norm.state_dict())
    x = rng.standard_normal((3, 4, 5, 5)).astype(np.float32)
    scale, shift = rng.standard_normal((2, 3, 4)).astype(np.float32)
    z = norm(x).data * scale[:, :, None, None] + shift[:, :, None, None]
    np.testing.assert_allclose(layer(x, scale, shift).data, z / (1 + np.exp(-z)), atol=1e-6)
    with pytest.raises(ValueError, match=r"scale has shape \(4,\), but x .* takes \(3, 4\)"):
        layer(x, scale[0])
    with pytest.raises(ValueError, match="GroupNormSiLU: x must be .* C = 4"):
        layer(x[:, :3])
