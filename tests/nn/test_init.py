"""Initial values: distributions, reproducibility, and the sizes of signals."""

import math

import numpy as np
import pytest

from tinygen import default_rng, nn, ops
from tinygen.nn import init

SHAPE = (60, 40, 3, 3)
FAN_IN, FAN_OUT = 360, 540


@pytest.mark.parametrize(
    "draw, std, is_centred_uniform",
    [
        (lambda g: init.uniform(SHAPE, g, -2, 4), math.sqrt(3), False),
        (lambda g: init.normal(SHAPE, g, 1.0, 0.5), 0.5, False),
        (
            lambda g: init.kaiming_uniform(SHAPE, g, a=math.sqrt(5)),
            1 / math.sqrt(3 * FAN_IN),
            True,
        ),
        (
            lambda g: init.kaiming_uniform(SHAPE, g, mode="fan_out", nonlinearity="relu"),
            math.sqrt(2 / FAN_OUT),
            True,
        ),
        (
            lambda g: init.kaiming_normal(SHAPE, g, a=0.2),
            math.sqrt(2 / 1.04 / FAN_IN),
            False,
        ),
        (
            lambda g: init.xavier_uniform(SHAPE, g, gain=2.0),
            2 * math.sqrt(2 / (FAN_IN + FAN_OUT)),
            True,
        ),
        (
            lambda g: init.xavier_normal(SHAPE, g),
            math.sqrt(2 / (FAN_IN + FAN_OUT)),
            False,
        ),
    ],
)
def test_standard_deviations_and_bounds(draw, std, is_centred_uniform):
    w = draw(default_rng(0))
    assert w.shape == SHAPE and w.dtype == np.float32
    assert w.std() == pytest.approx(std, rel=0.02)  # its standard error is 0.5 %
    if is_centred_uniform:
        assert np.abs(w).max() == pytest.approx(math.sqrt(3) * std, rel=1e-3)
        assert abs(w.mean()) < 0.03 * std
    assert (draw(default_rng(0)) == w).all() and (draw(default_rng(1)) != w).any()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 1)])
def test_orthogonal_matrices_have_orthonormal_rows_or_columns(shape):
    w = init.orthogonal(shape, default_rng(0), gain=2.0, dtype=np.float64)
    w = w.reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_is_uniform_over_orthogonal_matrices():
    """Then the mean is zero. Without fixed signs of R the diagonal's mean would be about -0.5."""
    rng = default_rng(0)
    mean = sum(init.orthogonal((2, 2), rng) for _ in range(2000)) / 2000
    assert mean.dtype == np.float32 and np.abs(mean).max() < 0.06


def test_kaiming_normal_keeps_the_size_of_a_signal_through_20_relus():
    rng = default_rng(0)
    x = rng.normal((500, 100))
    for _ in range(20):
        x = np.maximum(x @ init.kaiming_normal((100, 100), rng, nonlinearity="relu").T, 0)
    assert 0.3 < np.sqrt((x**2).mean()) < 3


@pytest.mark.parametrize(
    "layer, shape, fan_in",
    [
        (nn.Linear(40, 60, rng=default_rng(0)), (60, 40), 40),
        (nn.Conv2d(8, 60, 5, rng=default_rng(0)), (60, 8, 5, 5), 200),
        (nn.ConvTranspose2d(60, 8, 5, rng=default_rng(0)), (60, 8, 5, 5), 200),
    ],
    ids=lambda value: type(value).__name__,
)
def test_layers_have_the_initial_distribution_of_pytorch(layer, shape, fan_in):
    bound = 1 / math.sqrt(fan_in)
    assert layer.weight.shape == shape
    assert np.abs(layer.weight.data).max() == pytest.approx(bound, rel=1e-2)
    assert layer.weight.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert 0.5 * bound < np.abs(layer.bias.data).max() <= bound


def test_the_memory_layout_does_not_change_the_values():
    w = nn.Conv2d(3, 4, 3, rng=default_rng(5)).weight.data
    assert (w == init.kaiming_uniform((4, 3, 3, 3), default_rng(5), a=math.sqrt(5))).all()


def test_settings_that_are_scalars_of_numpy_leave_the_dtype():
    half, rng = np.float64(0.5), default_rng(0)
    for draw in (init.normal, init.uniform):
        assert draw((2, 3), rng, half, half + 1).dtype == np.float32
    for draw in (init.xavier_normal, init.xavier_uniform, init.orthogonal):
        assert draw((2, 3), rng, half).dtype == np.float32


def test_constants():
    assert init.zeros((2, 3)).tolist() == [[0] * 3] * 2
    assert init.ones(()).dtype == np.float32
    assert init.constant((2,), 0.5, dtype=np.float64).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda g: init.calculate_fans((3,)), "two axes or more"),
        (lambda g: init.calculate_gain("selu"), "unknown nonlinearity 'selu'"),
        (lambda g: init.kaiming_normal((2, 3), g, mode="in"), "fan_in"),
    ],
)
def test_wrong_arguments_raise(call, message):
    with pytest.raises(ValueError, match=message):
        call(default_rng(0))


@pytest.mark.parametrize(
    "given, description, seed",
    [
        (np.random.default_rng(0), r"a numpy\.random\.\S*Generator", "seed"),
        (7, "7", "7"),
        (None, "None", "seed"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda g: nn.Linear(2, 3, rng=g),
        lambda g: nn.ConvTranspose2d(2, 3, 3, rng=g),
        lambda g: nn.Embedding(2, 3, rng=g),
        lambda g: nn.MultiheadAttention(4, 2, rng=g),
        lambda g: nn.SpectralNorm(nn.Linear(2, 3, rng=default_rng(0)), rng=g),
        lambda g: nn.Dropout(rng=g),
        lambda g: init.orthogonal((2, 3), g),
    ],
)
def test_another_source_of_randomness_raises_by_name(make, given, description, seed):
    message = rf"^rng is {description}; give tinygen\.default_rng\({seed}\)$"
    with pytest.raises(TypeError, match=message):
        make(given)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: nn.Linear(64, 3000, rng=g),
        lambda g: nn.Conv2d(8, 512, 3, groups=2, rng=g),
        lambda g: nn.ConvTranspose2d(16, 256, 4, 2, 1, rng=g),
        lambda g: nn.ConvTranspose2d(16, 256, (3, 6), (1, 3), groups=2, rng=g),
        lambda g: nn.ConvTranspose1d(32, 256, 6, 2, rng=g),
        lambda g: nn.ConvTranspose2d(16, 256, 3, 2, 1, rng=g),
        lambda g: nn.ConvTranspose2d(16, 256, 4, 2, dilation=2, rng=g),
    ],
)
def test_kaiming_normal_keeps_the_power_of_a_signal_through_a_relu(make):
    """E y^2 = 2 E relu(x)^2 = E x^2, away from borders, where transposed windows overlap less."""
    rng = default_rng(0)
    layer = make(rng)
    bias = layer.bias.data.copy()
    init.kaiming_normal_(nn.Sequential(nn.ReLU(), layer), rng)
    np.testing.assert_array_equal(layer.bias.data, bias)
    if isinstance(layer, nn.Linear):
        y = layer(ops.relu(rng.normal((1000, layer.in_features)))).numpy()
    else:
        axes = layer.num_spatial_axes
        y = layer(ops.relu(rng.normal((20, layer.in_channels, *(20,) * axes)))).numpy()
        y = y[(..., *[slice(6, -6)] * axes)]
    assert abs((y**2).mean() - 1) < 0.06


def test_kaiming_normal_redraws_the_weights_of_weighted_layers_alone():
    rng = default_rng(0)
    model = nn.Sequential(
        nn.Embedding(3, 4, rng=rng),
        nn.Conv2d(2, 3, 3, rng=rng, dtype=np.float64),
        nn.BatchNorm2d(3),
        nn.MultiheadAttention(4, 2, rng=rng),
    )
    before, strides = model.state_dict(), model[1].weight.data.strides
    init.kaiming_normal_(model, rng)
    after = model.state_dict()
    changed = {name for name in before if not np.array_equal(after[name], before[name])}
    assert changed == {"1.weight", "3.out_proj.weight"}
    assert model[1].weight.dtype == np.float64 and model[1].weight.data.strides == strides


def test_kaiming_normal_needs_an_rng():
    with pytest.raises(TypeError, match="rng"):
        init.kaiming_normal_(nn.ReLU(), 0)


@pytest.mark.parametrize("name", ["normal_", "xavier_uniform_", "zeros_", "kaiming_uniform_"])
def test_functions_of_pytorch_that_write_in_place_are_refused_by_name(name):
    with pytest.raises(
        AttributeError, match=f"{name}: write layer.weight.data = nn.init.{name[:-1]}"
    ):
        getattr(nn.init, name)
    with pytest.raises(AttributeError, match="tinygen.nn.init has no sparse_$"):
        nn.init.sparse_
    layer = nn.Linear(3, 2, rng=default_rng(0))
    layer.weight.data = nn.init.normal(layer.weight.shape, default_rng(0), std=0.02)
    with pytest.raises(TypeError, match="kaiming_normal_: give a Module, not a Tensor"):
        nn.init.kaiming_normal_(layer.weight, default_rng(0))
