"""Files of safetensors: what is saved is loaded, here and by PyTorch; damaged files are refused."""

import builtins
import json
import struct

import numpy as np
import pytest

from tests.checkpoints import list_other_files
from tests.nn.blocks import Block
from tinygen import checkpoint, default_rng, nn, tensor
from tinygen.checkpoint import load_safetensors, save_safetensors

DTYPES = ["bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("safetensors")
    return tmp_path / "folder" / "a.safetensors"


def write(path, header, content=b""):
    """Write a file with a header that no library would write."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.parent.mkdir()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_state_that_is_saved_is_loaded(path):
    block, other = Block(default_rng(0)), Block(default_rng(1))
    save_safetensors(path, block.state_dict())
    other.load_state_dict(load_safetensors(path))
    for name, array in block.state_dict().items():
        assert (other.state_dict()[name] == array).all(), name
    assert list_other_files(path) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_dtypes_shapes_and_layouts_are_kept(path, dtype, shape):
    array = np.arange(6)[: np.prod(shape, dtype=int)].reshape(shape).astype(dtype)
    big_endian = array.astype(array.dtype.newbyteorder(">"))
    save_safetensors(path, {"a": array, "transposed": array.T, "big endian": big_endian})
    state = load_safetensors(path)
    assert (state["a"].dtype, state["a"].shape) == (np.dtype(dtype), shape)
    assert (state["a"] == array).all() and (state["transposed"] == array.T).all()
    assert state["a"].flags.writeable and (state["big endian"] == array).all()


def test_channels_last_weights_are_stored_in_the_order_of_their_axes(cupy, path):
    layer = nn.Conv2d(2, 3, 3, rng=default_rng(0))
    save_safetensors(path, dict(layer.named_parameters()) | {"device": cupy.asarray(np.ones(2))})
    state = load_safetensors(path)
    assert (state["weight"] == layer.weight.data).all() and state["device"].tolist() == [1, 1]


def test_bfloat16_becomes_float32_and_float16_stays(path):
    content = np.array([0x3F80, 0xC000, 0x7F80, 0x0001], "<u2").tobytes()
    content += np.array([1.5, -2], "<f2").tobytes()
    write(path, {"b": entry("BF16", [2, 2], 0, 8), "h": entry("F16", [2], 8, 12)}, content)
    state = load_safetensors(path)
    assert state["b"].dtype == np.float32 and state["h"].dtype == np.float16
    assert state["b"].tolist() == [[1, -2], [np.inf, 2.0**-133]]
    assert state["h"].tolist() == [1.5, -2]


def test_pytorch_reads_what_is_saved(path):
    torch, layer = pytest.importorskip("torch"), nn.Conv2d(2, 3, 3, rng=default_rng(0))
    save_safetensors(path, layer.state_dict())
    torch_layer = torch.nn.Conv2d(2, 3, 3)
    torch_layer.load_state_dict(pytest.importorskip("safetensors.torch").load_file(path))
    assert (torch_layer.weight.detach().numpy() == layer.weight.data).all()
    assert (torch_layer.bias.detach().numpy() == layer.bias.data).all()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_pytorch_saves_is_loaded(path, dtype):
    torch, layer = pytest.importorskip("torch"), nn.BatchNorm2d(3)
    torch_layer = torch.nn.BatchNorm2d(3)
    torch_layer(torch.randn(4, 3, 2, 2))
    torch_layer.to(getattr(torch, dtype))
    path.parent.mkdir()
    pytest.importorskip("safetensors.torch").save_file(torch_layer.state_dict(), path)
    layer.load_state_dict(load_safetensors(path))
    for name, value in torch_layer.state_dict().items():
        expected = value.float().numpy() if value.is_floating_point() else value.numpy()
        assert (layer.state_dict()[name] == expected).all(), name
    save_safetensors(path, torch_layer.float().state_dict())  # arrays of another library
    assert (load_safetensors(path)["running_mean"] == layer.running_mean.data).all()


@pytest.mark.parametrize(
    "header, content",
    [
        (b"", b""),
        (b"[1]", b""),
        (b"{", b""),
        ({"a": entry("F32", [2], 0, 8)}, b"1234"),  # too short
        ({"a": entry("F32", [2], 0, 8)}, b"123456789"),  # too long
        ({"a": entry("F32", [3], 0, 8)}, b"12345678"),
        ({"a": entry("F32", [2**40], 0, 2**42)}, b"1234"),
        ({"a": entry("F32", [2**62, 8], 0, 4)}, b"1234"),
        ({"a": entry("F32", [-1], 0, 4)}, b"1234"),
        ({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, b"1234"),  # overlap
        ({"a": entry("object", [1], 0, 8)}, b"12345678"),
    ],
)
def test_a_damaged_file_is_refused(path, header, content):
    write(path, header, content)
    with pytest.raises(ValueError, match="load_safetensors: .*a.safetensors is damaged or no file"):
        load_safetensors(path)


def test_other_files_are_refused(path):
    path.parent.mkdir()
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ValueError, match="is damaged or no file of safetensors"):
        load_safetensors(path)
    checkpoint.save_checkpoint(path, step=3)
    with pytest.raises(ValueError, match="is damaged or no file of safetensors"):
        load_safetensors(path)
    with pytest.raises(FileNotFoundError, match="load_safetensors: there is no such file"):
        load_safetensors(path.with_name("b"))


def test_a_dtype_that_numpy_has_not_is_named(path):
    write(path, {"a": entry("F8_E4M3", [4], 0, 4)}, b"1234")
    with pytest.raises(ValueError, match="a is of F8_E4M3, which NumPy cannot hold; convert it"):
        load_safetensors(path)


@pytest.mark.parametrize(
    "state, message",
    [
        (nn.PReLU(), r"not a PReLU; give its state_dict\(\)"),
        ([np.ones(2)], "not a list"),
        ({"a": 3}, r"cannot save a \(int\); .*save_checkpoint"),
        ({"a": np.ones(2, complex)}, r"cannot save a \(array of complex128\)"),
        ({"a": np.array(["text"])}, "array of <U4"),
        ({3: np.ones(2)}, "the names are strings, not 3"),
        ({"__metadata__": np.ones(2)}, "keeps the name __metadata__ for itself"),
    ],
)
def test_what_cannot_be_saved_raises_and_keeps_the_old_file(path, state, message):
    save_safetensors(path, {"a": np.ones(2)})
    with pytest.raises(TypeError, match=message):
        save_safetensors(path, state)
    assert load_safetensors(path)["a"].tolist() == [1, 1]


def test_a_folder_of_the_same_name_raises(path):
    path.mkdir(parents=True)
    with pytest.raises(OSError, match="cannot write the file .*it is a folder"):
        save_safetensors(path, {"a": tensor([1.0])})


def test_without_the_library_the_error_says_what_to_install(monkeypatch, tmp_path):
    ordinary_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("safetensors"):
            raise ImportError(name)
        return ordinary_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for call in (load_safetensors, lambda path: save_safetensors(path, {})):
        with pytest.raises(ImportError, match="python -m pip install safetensors"):
            call(tmp_path / "a")
