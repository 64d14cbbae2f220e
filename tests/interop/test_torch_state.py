"""Layers of PyTorch and of this package: the same arguments, states, outputs and gradients.

Without PyTorch these tests are skipped.
"""

import inspect
from functools import partial

import numpy as np
import pytest

from tests.interop.torch_cases import RNG, WITH_PARAMETERS, WITHOUT_PARAMETERS
from tinygen import nn, optim, tensor

torch = pytest.importorskip("torch")


def assert_close(y, torch_y):
    np.testing.assert_allclose(y.data, torch_y.detach().numpy(), rtol=1e-12, atol=1e-12)


def random_input(shape):
    return np.random.default_rng(0).normal(size=shape)


def compare_calls(layer, torch_layer, shape):
    """Compare outputs, gradients with respect to x, and those of all parameters."""
    x = tensor(random_input(shape), requires_grad=True)
    torch_x = torch.tensor(x.data, requires_grad=True)
    y, torch_y = layer(x), torch_layer(torch_x)
    assert_close(y, torch_y)
    if not any(p.requires_grad for p in [x, *layer.parameters()]):
        return
    g = np.random.default_rng(1).normal(size=y.shape)
    (y * g).sum().backward()
    (torch_y * torch.from_numpy(g)).sum().backward()
    assert_close(x.grad, torch_x.grad)
    torch_grads = {name: p.grad for name, p in torch_layer.named_parameters()}
    assert {name for name, _ in layer.named_parameters()} == set(torch_grads)
    for name, p in layer.named_parameters():
        assert_close(p.grad, torch_grads[name])


def randomize(torch_layer):
    """Replace zeros and ones of a fresh state by numbers that tell the names apart."""
    rng, state = np.random.default_rng(2), torch_layer.state_dict()
    for name, value in state.items():
        if value.dtype == torch.float64 and not name.endswith(("_u", "_v")):
            value += torch.from_numpy(rng.uniform(0.1, 0.5, value.shape))
    torch_layer.load_state_dict(state)


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_state_of_pytorch_is_loaded(name):
    make, make_torch, shape = WITH_PARAMETERS[name]
    layer, torch_layer = make(), make_torch(torch)
    randomize(torch_layer)
    keys = layer.load_state_dict(torch_layer.state_dict())
    assert keys == ([], [])
    compare_calls(layer.eval(), torch_layer.eval(), shape)


def load_into_torch(layer, torch_layer):
    state = {name: torch.from_numpy(a) for name, a in layer.state_dict().items()}
    torch_layer.load_state_dict(state)


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_pytorch_loads_a_state(name):
    make, make_torch, shape = WITH_PARAMETERS[name]
    layer, torch_layer = make(), make_torch(torch)
    load_into_torch(layer, torch_layer)
    compare_calls(layer.eval(), torch_layer.eval(), shape)


@pytest.mark.parametrize("name", [n for n in WITH_PARAMETERS if "Spectral" not in n])
def test_training_computes_the_same_and_leaves_the_same_buffers(name):
    """SpectralNorm takes its step of power iteration in the other order."""
    make, make_torch, shape = WITH_PARAMETERS[name]
    layer, torch_layer = make(), make_torch(torch)
    layer.load_state_dict(torch_layer.state_dict())
    compare_calls(layer.train(), torch_layer.train(), shape)
    state, torch_state = layer.state_dict(), torch_layer.state_dict()
    assert set(state) == set(torch_state)
    for key, value in torch_state.items():
        assert state[key].dtype == value.numpy().dtype, key
        np.testing.assert_allclose(state[key], value.numpy(), rtol=1e-12, err_msg=key)


@pytest.mark.parametrize("name", WITHOUT_PARAMETERS)
def test_layers_without_parameters_compute_the_same(name):
    make, make_torch, shape = WITHOUT_PARAMETERS[name]
    layer = make()
    assert layer.state_dict() == {}
    compare_calls(layer, make_torch(torch), shape)


def test_every_layer_of_both_is_in_the_table():
    own_tests = {"Dropout", "Embedding", "Module", "ModuleDict", "ModuleList", "MultiheadAttention"}
    tested = {name.split()[0] for name in [*WITH_PARAMETERS, *WITHOUT_PARAMETERS]}
    shared = {name for name in nn.__all__ if hasattr(torch.nn, name)} - {"init"}
    assert shared == (tested - {"SpectralNorm"}) | own_tests


@pytest.mark.parametrize("into_torch", [False, True])
def test_embedding(into_torch):
    layer, torch_layer = nn.Embedding(10, 3, rng=RNG), torch.nn.Embedding(10, 3)
    if into_torch:
        load_into_torch(layer, torch_layer)
    else:
        layer.load_state_dict(torch_layer.state_dict())
    indices = np.array([[1, 9], [0, 1]])
    y, torch_y = layer(indices), torch_layer(torch.from_numpy(indices))
    np.testing.assert_array_equal(y.data, torch_y.detach().numpy())
    (y * y).sum().backward()
    (torch_y * torch_y).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.data, torch_layer.weight.grad.numpy())


class Containers(nn.Module):
    """A module with lists and dicts of layers, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        linear = partial(nn.Linear, rng=RNG, dtype=np.float64)
        self.layers = nn.ModuleList([linear(3, 4), nn.BatchNorm1d(4, dtype=np.float64)])
        self.heads = nn.ModuleDict({"a": linear(4, 2)})
        self.scale = tensor(np.ones(2), requires_grad=True)


def test_names_in_containers():
    class TorchContainers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            layers = [torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)]
            self.layers = torch.nn.ModuleList(layers)
            self.heads = torch.nn.ModuleDict({"a": torch.nn.Linear(4, 2)})
            self.scale = torch.nn.Parameter(torch.ones(2))

    module, torch_module = Containers(), TorchContainers().double()
    load_into_torch(module, torch_module)
    randomize(torch_module)
    module.load_state_dict(torch_module.state_dict())
    for name, value in torch_module.state_dict().items():
        np.testing.assert_array_equal(module.state_dict()[name], value.numpy(), err_msg=name)
    names = [name for name, _ in module.named_parameters()]
    assert names == [name for name, _ in torch_module.named_parameters()]


@pytest.mark.parametrize("into_torch", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_multihead_attention(bias, batch_first, into_torch):
    settings = {"bias": bias, "batch_first": batch_first}
    layer = nn.MultiheadAttention(6, 2, **settings, rng=RNG, dtype=np.float64)
    torch_layer = torch.nn.MultiheadAttention(6, 2, **settings, dtype=torch.float64)
    if into_torch:
        load_into_torch(layer, torch_layer)
    else:
        randomize(torch_layer)
        layer.load_state_dict(torch_layer.state_dict())
    shapes = ((2, 3, 6), (2, 4, 6), (2, 4, 6))
    q, k, v = (random_input(s if batch_first else (s[1], s[0], s[2])) for s in shapes)
    masks = {
        "attn_mask": np.triu(np.ones((3, 4), bool), 1),
        "key_padding_mask": np.array([[False] * 3 + [True], [False, True, False, True]]),
    }
    for given in ({}, *({key: mask} for key, mask in masks.items()), masks):
        for more in ({}, {"average_attn_weights": False}):
            outputs = layer(tensor(q), tensor(k), tensor(v), **given, **more)
            torch_masks = {key: torch.from_numpy(mask) for key, mask in given.items()}
            inputs = [torch.from_numpy(x) for x in (q, k, v)]
            torch_outputs = torch_layer(*inputs, **torch_masks, **more)
            for y, torch_y in zip(outputs, torch_outputs):
                assert_close(y, torch_y)
    sum((y * y).sum() for y in outputs).backward()
    sum((y * y).sum() for y in torch_outputs).backward()
    torch_parameters = dict(torch_layer.named_parameters())
    for name, p in layer.named_parameters():
        assert_close(p.grad, torch_parameters[name].grad)


def test_multihead_attention_of_one_example():
    layer = nn.MultiheadAttention(6, 2, rng=RNG, dtype=np.float64)
    torch_layer = torch.nn.MultiheadAttention(6, 2, dtype=torch.float64)
    layer.load_state_dict(torch_layer.state_dict())
    x, mask = random_input((4, 6)), np.array([False, True, False, False])
    t, torch_x = tensor(x), torch.from_numpy(x)
    outputs = layer(t, t, t, mask)
    for y, torch_y in zip(outputs, torch_layer(*[torch_x] * 3, torch.from_numpy(mask))):
        assert_close(y, torch_y)
    assert layer(t, t, t, need_weights=False)[1] is None


def test_a_dtype_of_fewer_digits_is_converted_and_one_of_more_is_refused():
    layer, torch_layer = nn.Linear(3, 2, rng=RNG), torch.nn.Linear(3, 2)
    layer.load_state_dict(torch_layer.half().state_dict())
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(layer.weight.data, torch_layer.weight.detach().numpy())
    with pytest.raises(
        ValueError, match=r"weight: expected float32 .* float64 .*astype\('float32'"
    ):
        layer.load_state_dict(torch_layer.double().state_dict())
    with pytest.raises(ValueError, match=r"weight: .*bfloat16: give tensor.float\(\)"):
        layer.load_state_dict(torch_layer.bfloat16().state_dict())


def test_a_parameter_of_pytorch_says_that_it_must_be_detached():
    layer, torch_layer = nn.Linear(3, 2, rng=RNG), torch.nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r"weight: .* use tensor.detach\(\)"):
        layer.load_state_dict(dict(torch_layer.named_parameters()))


def positional(cls):
    """Return {name: default} of the arguments that can be given by position."""
    if cls.__init__ is object.__init__:
        return {}
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize(
    "name", [n for n in nn.__all__ if inspect.isclass(getattr(torch.nn, n, None))]
)
def test_layers_take_the_same_arguments_in_the_same_places(name):
    """Fewer perhaps, and some without PyTorch's default of None."""
    ours, theirs = positional(getattr(nn, name)), positional(getattr(torch.nn, name))
    assert list(ours) == list(theirs)[: len(ours)]
    for argument, default in ours.items():
        assert default == theirs[argument] or theirs[argument] is None, argument


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_optimizers_take_the_same_arguments_in_the_same_places(name):
    ours, theirs = positional(getattr(optim, name)), positional(getattr(torch.optim, name))
    assert list(ours.items())[1:] == list(theirs.items())[1 : len(ours)]
