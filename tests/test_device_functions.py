"""Functions that make or draw arrays do so on the device of their arguments, with equal values."""

import numpy as np
import pytest

import tinygen
from tests import device_function_cases, device_model_cases
from tinygen import check_grads, default_rng, losses, metrics, ops, optim, tensor
from tinygen.backend import device_of, to_device, to_device_of, to_numpy
from tinygen.models.diffusion import schedules
from tinygen.ops.arguments import raw

CASES = device_function_cases.CASES | device_model_cases.CASES


def run(name, device):
    """Return the results of a case on a device: a list of numbers, arrays and Tensors."""
    function, arrays = CASES[name][:2]
    result = function(default_rng(0, device), *(to_device(a, device) for a in arrays))
    return list(result) if isinstance(result, (tuple, list)) else [result]


def as_numbers(value):
    """Return a result as a NumPy array."""
    return to_numpy(raw(value)) if hasattr(value, "dtype") else np.array(value)


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_cpu(name, gpu):
    expected, results = run(name, "cpu"), run(name, gpu)
    assert len(results) == len(expected)
    for y, other in zip(results, expected):
        if getattr(other, "ndim", 0) or isinstance(other, tinygen.Tensor):
            assert device_of(raw(y)) == gpu
        y, other = as_numbers(y), as_numbers(other)
        tolerance = {2: 2e-2, 4: 2e-3}.get(other.dtype.itemsize, 1e-4)
        np.testing.assert_allclose(y, other, rtol=tolerance, atol=tolerance)
        assert y.dtype == other.dtype


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_copied_to_the_gpu_and_waits_are_few(name, gpu):
    cupy_counts = pytest.importorskip("cupy_counts")
    case = CASES[name]
    rng, arrays = default_rng(0, gpu), [to_device(a, gpu) for a in case.arrays]
    case.function(rng, *arrays)  # fills caches
    with cupy_counts.counting() as counts:
        case.function(rng, *arrays)
    assert case.may_copy or counts.copies.by_name()["host to device"] == 0, counts.table()
    assert case.waits in (None, counts.waits.total()), counts.table()


@pytest.mark.parametrize("train", device_model_cases.EVALUATORS)
def test_an_evaluator_is_trained_and_used_on_a_device(train, gpu):
    rng = np.random.default_rng(0)
    size = {"train_digit_classifier": 28, "train_segmentation_evaluator": 16}.get(
        train.__name__, 32
    )
    channels = 1 if size == 28 else 3
    images = rng.uniform(size=(130, channels, size, size)).astype(np.float32)
    targets = {
        "train_digit_classifier": rng.integers(0, 10, 130),
        "train_attribute_classifier": rng.integers(0, 2, (130, 2)),
        "train_state_regressor": rng.uniform(size=(130, 2)),
        "train_segmentation_evaluator": rng.integers(0, 3, (130, 16, 16)),
    }[train.__name__]
    evaluators = {device: train(images, targets, steps=2, device=device) for device in ("cpu", gpu)}
    assert {p.device for p in evaluators[gpu].parameters()} == {gpu}
    method = "predict_proba" if size == 28 else "predict"
    for name in ("extract_features", method):
        y, expected = (getattr(e, name)(images[:4], d) for d, e in evaluators.items())
        assert type(y) is type(expected) is np.ndarray
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3)


def test_samples_are_scored_on_a_device(gpu):
    images = np.random.default_rng(0).uniform(size=(130, 1, 28, 28)).astype(np.float32)
    labels = np.arange(130) % 10
    evaluator = metrics.evaluators.train_digit_classifier(images, labels, steps=2, device=gpu)
    figures, _ = metrics.evaluate_samples(evaluator, images[:40], images[40:60], device=gpu)
    assert all(np.isfinite(value) for value in figures.values())
    score = metrics.classification_accuracy_score(
        images, labels, images[:9], labels[:9], steps=2, device=gpu
    )
    assert 0 <= score <= 1


def test_gradients_are_checked_on_a_device(gpu):
    x = to_device(np.random.default_rng(0).normal(size=(2, 3)), gpu)
    check_grads(lambda a, b: a * ops.exp(b), x, x + 1)
    check_grads(lambda a, b: a * 2.0, x, x)  # the derivative is constant, and does not depend on b
    wrong = tinygen.primitive(lambda x: x * x)
    wrong.vjp(x=lambda g, x: g * x)
    with pytest.raises(AssertionError, match=r"element \(\d, \d\)"):
        check_grads(wrong, x)


def test_two_devices_do_not_meet(gpu):
    x, y = tensor(np.ones(3, np.float32)), tensor(np.ones(3, np.float32), device=gpu)
    for f in (ops.add, ops.matmul, ops.maximum, lambda a, b: ops.where(a > 0, a, b)):
        with pytest.raises(TypeError, match="two devices"):
            f(x, y)
        with pytest.raises(TypeError, match="two devices"):
            f(y.data, x.data)


def test_an_optimizer_refuses_a_gradient_of_another_device(gpu):
    p = tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = optim.SGD([p])
    p.grad = tensor(np.ones(3, np.float32), device=gpu)
    with pytest.raises(TypeError, match="two devices"):
        optimizer.step()


def test_a_tensor_shows_where_it_lies(gpu):
    assert repr(tensor([1.0], device=gpu)) == "tensor([1.], dtype=float32, device='cuda')"


def test_what_lies_on_the_device_already_is_not_copied(gpu):
    for device in ("cpu", gpu):
        x = to_device(np.ones(3), device)
        assert to_device(x, device) is x
        assert to_device_of(x, to_device(np.zeros(1), device)) is x


def test_products_and_reductions_on_a_gpu_take_one_launch(gpu):
    cupy_counts = pytest.importorskip("cupy_counts")
    weight, x = (to_device(np.ones(s, np.float32), gpu) for s in ((2, 3), (5, 3, 4)))
    large, logits = (to_device(np.ones(s, np.float32), gpu) for s in ((4096, 64), (8, 1 << 15)))
    images = to_device(np.ones((2, 4, 5, 5), np.float32), gpu)
    functions = {
        "product": (lambda: ops.matmul(weight, x), 1),
        "sum": (lambda: ops.sum(large, axis=0), 1),
        "norm": (lambda: ops.group_norm(images, 2), 2),
        "rows": (lambda: losses.bernoulli_nll(logits, logits), 2),
    }
    for name, (function, launches) in functions.items():
        with cupy_counts.counting() as counts:
            function()
        assert counts.launches.total() <= launches, f"{name}: {counts.table()}"


def test_times_are_numbers_or_arrays(gpu):
    with pytest.raises(TypeError, match="expected NumPy or CuPy arrays, got list"):
        schedules.cosine_schedule([0.1, 0.2])
