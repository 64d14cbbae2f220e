"""Initial values: their distributions, their reproducibility, and the claim that they keep signals at their size."""

import math

import numpy as np
import pytest

from tinygen import default_rng, nn, ops
from tinygen.nn import Conv2d, ConvTranspose2d, Linear, init

SHAPE = (60, 40, 3, 3)
FAN_IN, FAN_OUT = 360, 540


@pytest.mark.parametrize("draw, std, uniform", [
    (lambda g: init.uniform(SHAPE, g, -2, 4), math.sqrt(3), False),
    (lambda g: init.normal(SHAPE, g, 1.0, 0.5), 0.5, False),
    (lambda g: init.kaiming_uniform(SHAPE, g, a=math.sqrt(5)), 1 / math.sqrt(3 * FAN_IN), True),
    (lambda g: init.kaiming_uniform(SHAPE, g, mode="fan_out", nonlinearity="relu"), math.sqrt(2 / FAN_OUT), True),
    (lambda g: init.kaiming_normal(SHAPE, g, a=0.2), math.sqrt(2 / 1.04 / FAN_IN), False),
    (lambda g: init.xavier_uniform(SHAPE, g, gain=2.0), 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)), True),
    (lambda g: init.xavier_normal(SHAPE, g), math.sqrt(2 / (FAN_IN + FAN_OUT)), False),
])  # fmt: skip
def test_standard_deviation_and_bounds(draw, std, uniform):
    w = draw(default_rng(0))
    assert w.shape == SHAPE and w.dtype == np.float32
    assert w.std() == pytest.approx(std, rel=0.02)  # of 21600 numbers, whose deviation is known to 0.5 %
    if uniform:
        assert np.abs(w).max() == pytest.approx(math.sqrt(3) * std, rel=1e-3) and abs(w.mean()) < 0.03 * std
    assert (draw(default_rng(0)) == w).all() and (draw(default_rng(1)) != w).any()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (6, 2, 3, 1)])
def test_orthogonal(shape):
    w = init.orthogonal(shape, default_rng(0), gain=2.0, dtype=np.float64).reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations():
    """The mean of a uniformly random orthogonal matrix is zero; without fixing the signs of R the diagonal would have a mean of about -0.5."""
    g = default_rng(0)
    mean = sum(init.orthogonal((2, 2), g) for _ in range(2000)) / 2000
    assert mean.dtype == np.float32 and np.abs(mean).max() < 0.06


def test_kaiming_keeps_the_size_of_signals_through_relus():
    g = default_rng(0)
    x = g.normal((500, 100))
    for _ in range(20):
        x = np.maximum(x @ init.kaiming_normal((100, 100), g, nonlinearity="relu").T, 0)
    assert 0.3 < np.sqrt((x**2).mean()) < 3


def test_layers_begin_as_pytorch_has_them():
    for layer, shape, fan_in in [
        (Linear(40, 60, rng=default_rng(0)), (60, 40), 40),
        (Conv2d(8, 60, 5, rng=default_rng(0)), (60, 8, 5, 5), 200),
        (ConvTranspose2d(60, 8, 5, rng=default_rng(0)), (60, 8, 5, 5), 200),
    ]:
        assert layer.weight.shape == shape
        assert np.abs(layer.weight.data).max() == pytest.approx(1 / math.sqrt(fan_in), rel=1e-2)
        assert layer.weight.data.std() == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.05)
        assert 0.5 / math.sqrt(fan_in) < np.abs(layer.bias.data).max() <= 1 / math.sqrt(fan_in)


def test_layouts_do_not_change_which_numbers_are_drawn():
    w = Conv2d(3, 4, 3, rng=default_rng(5)).weight.data
    assert (w == init.kaiming_uniform((4, 3, 3, 3), default_rng(5), a=math.sqrt(5))).all()


def test_constants():
    assert init.zeros((2, 3)).tolist() == [[0] * 3] * 2 and init.ones(()).dtype == np.float32
    assert init.constant((2,), 0.5, dtype=np.float64).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("call, message", [
    (lambda g: init.fans((3,)), "two axes or more"),
    (lambda g: init.calculate_gain("selu"), "unknown nonlinearity 'selu'"),
    (lambda g: init.kaiming_normal((2, 3), g, mode="in"), "fan_in"),
])  # fmt: skip
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call(default_rng(0))


@pytest.mark.parametrize("given, named, seed", [
    (np.random.default_rng(0), r"a numpy\.random\.\S*Generator", "seed"), (7, "7", "7"), (None, "None", "seed"),
])  # fmt: skip
@pytest.mark.parametrize("layer", [
    lambda g: nn.Linear(2, 3, rng=g),
    lambda g: nn.ConvTranspose2d(2, 3, 3, rng=g),
    lambda g: nn.Embedding(2, 3, rng=g),
    lambda g: nn.MultiHeadAttention(4, 2, rng=g),
    lambda g: nn.SpectralNorm(nn.Linear(2, 3, rng=default_rng(0)), rng=g),
    lambda g: nn.Dropout(rng=g),
    lambda g: init.orthogonal((2, 3), g),
])  # fmt: skip
def test_what_is_no_generator_is_refused_by_name(layer, given, named, seed):
    with pytest.raises(TypeError, match=rf"^rng is {named}; give tinygen\.default_rng\({seed}\)$"):
        layer(given)


@pytest.mark.parametrize("layer", [
    lambda g: nn.Linear(64, 3000, rng=g),
    lambda g: nn.Conv2d(8, 512, 3, groups=2, rng=g),
    lambda g: nn.ConvTranspose2d(16, 256, 4, 2, 1, rng=g),
    lambda g: nn.ConvTranspose2d(16, 256, (3, 6), (1, 3), groups=2, rng=g),
    lambda g: nn.ConvTranspose1d(32, 256, 6, 2, rng=g),
    lambda g: nn.ConvTranspose2d(16, 256, 3, 2, 1, rng=g),
    lambda g: nn.ConvTranspose2d(16, 256, 4, 2, dilation=2, rng=g),
])  # fmt: skip
def test_kaiming_normal_keeps_the_size_of_a_signal_through_a_relu(layer):
    """E y^2 = 2 E relu(x)^2 = E x^2, away from the borders, where transposed windows overlap less."""
    rng = default_rng(0)
    layer = layer(rng)
    kept = layer.bias.data.copy()
    nn.init.kaiming_normal_(nn.Sequential(nn.ReLU(), layer), rng)
    np.testing.assert_array_equal(layer.bias.data, kept)
    channels, space = (layer.in_features, 0) if isinstance(layer, nn.Linear) else (layer.in_channels, layer.space)
    y = layer(ops.relu(rng.normal((20 if space else 1000, channels, *(20,) * space)))).numpy()
    if space:
        y = y[(..., *[slice(6, -6)] * space)]
    assert abs((y**2).mean() - 1) < 0.06


def test_kaiming_normal_draws_what_it_says_and_nothing_else():
    g = default_rng(0)
    model = nn.Sequential(nn.Embedding(3, 4, rng=g), nn.Conv2d(2, 3, 3, rng=g, dtype=np.float64), nn.BatchNorm2d(3), nn.MultiHeadAttention(4, 2, rng=g))
    before = model.state_dict()
    strides = model[1].weight.data.strides
    nn.init.kaiming_normal_(model, g)
    changed = {name for name, a in model.state_dict().items() if not np.array_equal(a, before[name])}
    assert changed == {"1.weight", "3.out_proj.weight"}
    assert model[1].weight.dtype == np.float64 and model[1].weight.data.strides == strides
    with pytest.raises(TypeError, match="rng"):
        nn.init.kaiming_normal_(nn.ReLU(), 0)
    with pytest.raises(ValueError, match="SpectralNorm"):
        nn.init.kaiming_normal_(nn.Sequential(nn.SpectralNorm(nn.Linear(2, 3, rng=g), rng=g)), g)
