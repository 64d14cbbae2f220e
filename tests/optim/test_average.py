"""The exponential moving average of parameters."""

import math

import numpy as np
import pytest

from tinygen import default_rng, nn, optim, tensor


def make_network(seed=0):
    return nn.Sequential(nn.Conv2d(2, 3, 3, rng=default_rng(seed)), nn.BatchNorm2d(3))


def test_averages_follow_the_recursion_and_replace_the_parameters_for_a_while():
    network = make_network()
    weight, rng = network[0].weight, np.random.default_rng(0)
    ema = optim.ExponentialMovingAverage(network, decay=0.3)
    expected = np.float64(0)
    for decay in (0, 1 / 11, 2 / 12, 3 / 13, 4 / 14, 0.3, 0.3, 0.3):
        weight.data += rng.normal(size=weight.shape).astype(np.float32)
        ema.update()
        expected = decay * expected + (1 - decay) * weight.data
    before, strides = weight.data.copy(), weight.data.strides
    with ema.average_parameters() as module:
        assert module is network
        assert weight.data.strides == strides and weight.dtype == np.float32
        np.testing.assert_allclose(weight.data, expected, rtol=1e-5, atol=1e-6)
    assert (weight.data == before).all()


def average_numbers(numbers, decay, initial=1e6):
    """Return the averages after each of the numbers, in float64."""
    layer = nn.Linear(1, 1, rng=default_rng(0), dtype=np.float64)
    layer.weight[...] = initial
    ema, averages = optim.ExponentialMovingAverage(layer, decay), []
    for number in numbers:
        layer.weight[...] = number
        ema.update()
        averages.append(ema.state_dict()["weight"].item())
    return averages


def weight_in_warm_up(s, t):
    return 10 * math.prod(range(s, s + 9)) / math.prod(range(t, t + 10))


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.5, 0.75, 0.95])
def test_the_weight_of_each_step_is_the_one_of_the_derivation(decay):
    """It is the average of numbers of which only the one of this step is 1, not 0."""
    num_updates = 50
    warm_up = max(t for t in range(1, 300) if (t - 1) / (t + 9) <= decay)  # N
    for s in range(1, num_updates + 1):
        numbers = [float(t == s) for t in range(1, num_updates + 1)]
        averages = average_numbers(numbers, decay, initial=0.0)
        for t in range(s, num_updates + 1):
            if t <= warm_up:
                expected = weight_in_warm_up(s, t)
            elif s <= warm_up:
                expected = decay ** (t - warm_up) * weight_in_warm_up(s, warm_up)
            else:
                expected = (1 - decay) * decay ** (t - s)
            np.testing.assert_allclose(averages[t - 1], expected, rtol=1e-9)


def test_the_initial_parameters_have_no_weight_and_a_constant_is_its_own_average():
    numbers = np.random.default_rng(0).normal(size=2000)
    averages = average_numbers(numbers, 0.999)
    np.testing.assert_allclose(averages[0], numbers[0], rtol=0, atol=1e-9)
    weights = [weight_in_warm_up(s, 1000) for s in range(1, 1001)]
    np.testing.assert_allclose(sum(weights), 1, rtol=1e-12)
    np.testing.assert_allclose(averages[999], numbers[:1000] @ weights, rtol=0, atol=1e-9)
    np.testing.assert_allclose(average_numbers([3.0] * 20, 0.9), 3, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.cpu_only
def test_the_fused_update_has_the_bits_of_the_formula(dtype):
    layer = nn.Linear(300, 400, rng=default_rng(0), dtype=dtype)
    ema = optim.ExponentialMovingAverage(layer, decay=0.99)
    average, rng = layer.weight.data.copy(), np.random.default_rng(0)
    for t in (1, 2, 3):
        layer.weight.data += rng.normal(size=layer.weight.shape).astype(dtype)
        ema.update()
        average = average + (1 - (t - 1) / (t + 9)) * (layer.weight.data - average)
    np.testing.assert_array_equal(ema.state_dict()["weight"], average, strict=True)


@pytest.mark.cpu_only
def test_parameters_are_restored_after_an_error():
    network = make_network()
    ema, before = optim.ExponentialMovingAverage(network, 0.5), network[0].weight.data
    with pytest.raises(ZeroDivisionError), ema.average_parameters():
        raise ZeroDivisionError
    assert network[0].weight.data is before
    ema.update()


def test_a_graph_of_averages_cannot_go_backward_through_the_parameters():
    network = make_network()
    ema = optim.ExponentialMovingAverage(network, 0.5)
    x = tensor(np.ones((2, 2, 4, 4), np.float32), requires_grad=True)
    with ema.average_parameters():
        y = network(x)
    with pytest.raises(RuntimeError, match="written in place"):
        y.sum().backward()


def test_updating_saving_and_loading_raise_inside_the_context():
    ema = optim.ExponentialMovingAverage(make_network(), 0.5)
    state = ema.state_dict()

    def load():
        ema.load_state_dict(state)

    def enter_again():
        with ema.average_parameters():
            pass

    with ema.average_parameters():
        for call in (ema.update, ema.state_dict, load, enter_again):
            with pytest.raises(RuntimeError, match="inside `with average_parameters"):
                call()


def test_a_state_is_loaded_and_a_wrong_one_raises():
    network = make_network()
    ema = optim.ExponentialMovingAverage(network, 0.5)
    other = optim.ExponentialMovingAverage(make_network(1), 0.5)
    network[0].bias.data += 1
    ema.update()
    other.load_state_dict(ema.state_dict())
    loaded = other.state_dict()
    assert all((loaded[name] == average).all() for name, average in ema.state_dict().items())
    with pytest.raises(ValueError, match="missing: 0.weight"):
        ema.load_state_dict({})


def test_a_loaded_average_goes_on_with_the_bits_of_the_saved_one():
    """In the warm-up as after it: the state holds the number of updates."""
    network = make_network()
    weight, rng = network[0].weight, np.random.default_rng(0)
    ema = optim.ExponentialMovingAverage(network, 0.3)
    loaded = optim.ExponentialMovingAverage(network, 0.3)
    for _ in range(8):
        loaded.load_state_dict(ema.state_dict())
        weight.data += rng.normal(size=weight.shape).astype(np.float32)
        ema.update()
        loaded.update()
        states = ema.state_dict(), loaded.state_dict()
        assert all((states[0][name] == states[1][name]).all() for name in states[0])


def test_a_state_without_a_number_of_updates_goes_on_without_warm_up():
    network = make_network()
    ema = optim.ExponentialMovingAverage(network, 0.8)
    state = ema.state_dict()
    del state["num_updates"]
    ema.load_state_dict(state)
    network[0].weight.data += 1
    ema.update()
    average = ema.state_dict()["0.weight"]
    np.testing.assert_allclose(average, state["0.weight"] + 0.2, rtol=1e-5, atol=1e-6)


def test_device_arrays_are_averaged(cupy):
    network = make_network().to("cuda")
    ema = optim.ExponentialMovingAverage(network, 0.5)
    network[0].bias.data = network[0].bias.data + 1
    ema.update()
    ema.load_state_dict(ema.state_dict())
    with ema.average_parameters():
        network(tensor(cupy.asarray(np.ones((2, 2, 4, 4), np.float32))))


def test_wrong_decays_and_changed_modules_raise():
    with pytest.raises(ValueError, match="decay=1"):
        optim.ExponentialMovingAverage(make_network(), 1.0)
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        optim.ExponentialMovingAverage(nn.ReLU(), 0.9)
    network = make_network()
    ema = optim.ExponentialMovingAverage(network, 0.9)
    network.extra = nn.Linear(2, 2, rng=default_rng(0))
    with pytest.raises(RuntimeError, match="parameters have changed"):
        ema.update()
