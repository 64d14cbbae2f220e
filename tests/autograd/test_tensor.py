"""What a Tensor is: its data, its dtype, writes into it, and what it refuses."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

from tests.autograd.helpers import leaf
from tinygen import Tensor, grad, no_grad, tensor


def test_writes_that_the_graph_cannot_allow():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="result of multiply"):
        (x * x)[0] = 1.0
    with pytest.raises(ValueError, match="not differentiated"):
        tensor(np.zeros(2))[0] = x[0]
    with pytest.raises(ValueError, match=r"give an array of float64 \(2,\), not float64 \(3,\)"):
        x.data = np.zeros(3)
    assert x.version == 0
    x.data -= 1.0
    x[1] = 5.0
    assert x.version > 0
    np.testing.assert_array_equal(x.numpy(), [0, 5])


def test_setting_data_copies_so_memory_is_never_shared_unawares():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    b.data = a.data
    a[0] = 9.0
    np.testing.assert_array_equal(b.numpy(), [1, 2])


def test_a_tensor_does_not_become_an_array_silently():
    x = leaf([1.0, 2.0])
    for convert in (np.asarray, np.array):
        with pytest.raises(TypeError, match=r"\.numpy\(\)"):
            convert(x)
    with pytest.raises(TypeError):
        np.exp(x)
    copy = x.numpy()
    copy[0] = 9.0
    assert x.numpy()[0] == 1.0


def test_numpy_scalars_keep_float32():
    x = leaf([1.0, 2.0], np.float32)
    for y in (
        x * np.sqrt(2.0),
        np.sqrt(2.0) * x,
        x + np.float64(1),
        np.float64(3) - x,
        x / np.int64(3),
        x ** np.float64(2.0),
    ):
        assert y.dtype == np.float32
        assert grad(y.sum(), x)[0].dtype == np.float32


def test_integer_tensors_have_no_gradient():
    with pytest.raises(TypeError, match="int64 has no gradient"):
        tensor(np.arange(3), requires_grad=True)
    with pytest.raises(TypeError, match="cannot hold dtype complex"):
        tensor(np.ones(3) * 1j)


@pytest.mark.parametrize("data", [[1.0, 2.0], 3.0, np.float32(1), tensor([1.0])])
def test_a_tensor_holds_an_array(data):
    with pytest.raises(TypeError, match=r"not an array; make it one with tinygen.tensor\(data\)"):
        Tensor(data)


def test_requires_grad_can_be_switched_on_leaves_alone():
    x = tensor(np.ones(2))
    x.requires_grad = True
    y = x * 2.0
    with pytest.raises(ValueError, match="follows from its arguments"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad


def test_no_grad_is_of_its_thread():
    seen = {}
    inside, release = threading.Event(), threading.Event()

    def worker():
        with no_grad():
            inside.set()
            release.wait(5)
            seen["worker"] = (leaf([1.0]) * 2.0).requires_grad

    thread = threading.Thread(target=worker)
    thread.start()
    inside.wait(5)
    seen["main"] = (leaf([1.0]) * 2.0).requires_grad
    release.set()
    thread.join()
    assert seen == {"worker": False, "main": True}

    @no_grad()
    def constant(x):
        return x * 2.0

    assert not constant(leaf([1.0])).requires_grad
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (leaf([1.0]) * 2.0).requires_grad


def test_a_deep_copy_is_a_leaf_of_its_own():
    x = leaf([1.0, 2.0])
    y = copy.deepcopy(x)
    (y * y).sum().backward()
    assert x.grad is None and y.grad.numpy().tolist() == [2, 4]
    y[0] = 9.0
    assert x.numpy()[0] == 1.0
    with pytest.raises(TypeError, match="result of multiply"):
        copy.deepcopy(x * x)


# ---------------------------------------------------------------------------- making a tensor


@pytest.mark.parametrize(
    "data, dtype",
    [
        (1.5, np.float32),
        ([1.0, 2.0], np.float32),
        ([[1, 2.5], [3, 4]], np.float32),
        (3, np.int64),
        ([True, False], np.bool_),
        (np.float64(1.5), np.float64),
        (np.array([1.0, 2.0]), np.float64),
        pytest.param([np.ones(1), np.ones(1)], np.float64, marks=pytest.mark.cpu_only),
        ([], np.float32),
        (tensor(np.ones(2)), np.float64),
    ],
)
def test_numbers_of_python_become_float32_and_arrays_keep_their_dtype(data, dtype):
    assert tensor(data).dtype == dtype


def test_the_dtype_and_the_device_can_be_given():
    x = tensor([1, 2], dtype="float64", device="cpu", requires_grad=True)
    assert x.dtype == np.float64 and x.requires_grad and x.device == "cpu"
    a = np.ones(2)
    x = tensor(a, dtype=a.dtype)
    x[0] = 5.0
    assert a[0] == 1.0  # always a copy
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        tensor(a, device="gpu")


def test_an_array_of_another_library_is_taken_through_dlpack():
    class Foreign:
        """An array that offers nothing but DLPack."""

        def __dlpack__(self, **options):
            return a.__dlpack__(**options)

        def __dlpack_device__(self):
            return a.__dlpack_device__()

    a = np.arange(3, dtype=np.float32)
    x = tensor(Foreign())
    a[0] = 9
    assert x.dtype == np.float32 and x.numpy().tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "value, given",
    [
        (3, "a int"),
        (np.ones(2), "a (numpy|cupy).ndarray"),
        (tensor(np.ones(3)), r"float64 \(3,\)"),
        (tensor([1.0, 2.0]), r"float32 \(2,\)"),
    ],
)
def test_a_gradient_has_the_shape_and_dtype_of_its_tensor(value, given):
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match=rf"give None or a Tensor of float64 \(2,\), not {given}"):
        x.grad = value
    x.grad = tensor([3.0, 4.0], dtype=np.float64)
    assert x.grad.tolist() == [3, 4]


def test_constants_are_pickled_and_a_graph_is_not():
    x = leaf([1.0, 2.0])
    assert pickle.loads(pickle.dumps(x.detach())).tolist() == [1, 2]
    for t in (x, x * x):
        with pytest.raises(TypeError, match="save_checkpoint"):
            pickle.dumps(t)
