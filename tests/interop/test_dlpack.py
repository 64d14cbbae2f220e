"""Arrays from and for other libraries, by DLPack. NumPy itself is one."""

import numpy as np
import pytest

import tinygen
from tinygen import tensor


@pytest.mark.cpu_only
def test_numpy_takes_the_memory_of_a_tensor():
    t = tensor(np.arange(6.0).reshape(2, 3))
    array = np.from_dlpack(t)
    assert np.shares_memory(array, t.data) and (array == t.data).all()
    assert t.__dlpack_device__() == (1, 0)  # the CPU


def test_a_tensor_that_requires_a_gradient_is_not_handed_over():
    x = tensor([1.0, 2.0], requires_grad=True)
    for t in (x, x * 2):
        with pytest.raises(BufferError, match=r"use tensor.detach\(\)"):
            np.from_dlpack(t)
    assert np.from_dlpack(x.detach()).tolist() == [1, 2]


def test_a_reversed_view_is_copied_first():
    """PyTorch ends the process at negative strides."""
    t = tensor(np.arange(3.0))[::-1]
    with pytest.raises(BufferError, match=r"negative strides.* use tensor.copy\(\)"):
        np.from_dlpack(t)
    assert np.from_dlpack(t.copy()).tolist() == [2, 1, 0]


def test_the_signs_of_a_negative_view_are_kept():
    torch = pytest.importorskip("torch")
    view = torch.imag(torch.tensor([1 + 2j]).conj())
    assert view.is_neg() and tensor(view).tolist() == [-2]


def test_a_dtype_that_numpy_does_not_have_is_named():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"NumPy has no bfloat16: give tensor.float\(\)"):
        tensor(torch.ones(2, dtype=torch.bfloat16))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_pytorch_gives_and_takes(dtype, shape):
    torch = pytest.importorskip("torch")
    torch_x = torch.ones(shape, dtype=getattr(torch, dtype))
    t = tensor(torch_x)
    assert (t.dtype, t.shape) == (np.dtype(dtype), shape)
    torch_x.zero_()
    assert (t.data == 1).all(), "the tensor has its own memory"
    back = torch.from_dlpack(t)
    assert back.dtype == torch_x.dtype and back.shape == torch_x.shape
    back.zero_()
    assert (t.data == 0).all(), "from_dlpack shares memory"


def test_pytorch_keeps_a_tensor_of_its_own_that_requires_a_gradient():
    torch = pytest.importorskip("torch")
    with pytest.raises(BufferError, match="detach"):
        tensor(torch.ones(2, requires_grad=True))


def test_a_transposed_tensor_keeps_its_values():
    torch = pytest.importorskip("torch")
    array = np.arange(6.0).reshape(2, 3)
    assert torch.from_dlpack(tensor(array).T).tolist() == array.T.tolist()
    t = tinygen.tensor(torch.from_numpy(array).T)
    assert t.data.tolist() == array.T.tolist()
