"""Module: its parts and their names, modes, containers, devices and printing."""

import copy
import re

import numpy as np
import pytest

import tinygen
from tests.nn.blocks import BUFFERS, PARAMETERS, Block, names_of_parts, new_leaf
from tinygen import Tensor, default_rng, losses, nn, ops, optim, tensor
from tinygen.nn import pytorch_names


@pytest.fixture
def block():
    return Block(default_rng(0))


# ---------------------------------------------------------------------------------- parts


def test_parts_are_listed_under_their_paths(block):
    assert names_of_parts(block) == (PARAMETERS, BUFFERS)
    modules = [name for name, _ in block.named_modules()]
    assert modules == ["", "inner", "inner.0", "inner.1", "inner.2", "last"]
    assert [name for name, _ in block.named_children()] == ["inner", "last"]
    assert [*block.children()] == [block.inner, block.last]
    assert len([*block.parameters()]) == 6
    assert len([*block.buffers()]) == 4
    assert len([*block.modules()]) == 6


def test_without_recursion_the_parts_below_are_left_out(block):
    assert [name for name, _ in block.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in block.named_buffers(recurse=False)] == ["count"]


def test_a_subclass_may_call_super_init():
    class CallsInit(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = new_leaf(2)

    assert [name for name, _ in CallsInit().named_parameters()] == ["w"]


def test_a_frozen_parameter_is_still_a_parameter(block):
    block.requires_grad_(False)
    assert names_of_parts(block) == (PARAMETERS, BUFFERS)
    assert set(block.state_dict()) == {*PARAMETERS, *BUFFERS}
    assert not block(tensor(np.eye(3, dtype=np.float32))).requires_grad
    assert block.requires_grad_(True) is block
    assert all(p.requires_grad for p in block.parameters())


def test_shared_parts_are_listed_once():
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(3, 3, rng=default_rng(0))
            self.b = self.a
            self.c = nn.Linear(3, 3, rng=default_rng(0))
            self.c.weight = self.a.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == [
        "a.weight",
        "a.bias",
        "c.bias",
    ]
    tied.load_state_dict({name: a + 1 for name, a in tied.state_dict().items()})
    assert tied.c.weight is tied.a.weight


def test_other_attributes_are_no_parts(block):
    block.step, block.note = 3, "text"
    block.result = ops.square(block.scale)  # the result of a computation
    block.constant = tensor(np.ones(2))
    assert names_of_parts(block) == (PARAMETERS, BUFFERS)


def test_none_and_del_remove_a_part(block):
    block.scale = None
    del block.last
    block.count = None
    assert names_of_parts(block) == (PARAMETERS[1:5], BUFFERS[1:])


@pytest.mark.parametrize(
    "assign, message",
    [
        (
            lambda b: setattr(b, "scale", b.scale * 2.0),
            r"scale is a parameter: a result of a computation cannot .* scale\[...\] = ",
        ),
        (lambda b: setattr(b, "scale", b.scale.detach()), "a constant Tensor cannot"),
        (lambda b: setattr(b, "scale", np.ones(3)), "ndarray cannot take its place"),
        (lambda b: setattr(b, "count", np.ones(())), "count is a buffer: a ndarray"),
        (lambda b: setattr(b, "count", new_leaf()), "count is a buffer: a parameter"),
        (lambda b: setattr(b, "last", len), "last is a module"),
        (
            lambda b: setattr(b, "layers", [nn.ReLU()]),
            "inside a list would be found by no optimizer.*ModuleList",
        ),
        (lambda b: setattr(b, "layers", {"a": new_leaf(2)}), "inside a dict"),
        (
            lambda b: nn.Sequential(nn.ReLU(), ops.relu),
            r"element 1 .* not a Module; .*ReLU\(\)",
        ),
        (lambda b: nn.ModuleList(b), "not iterable"),
        (lambda b: b.load_state_dict([1]), "state_dict"),
    ],
)
def test_assignments_that_would_lose_a_part_raise(block, assign, message):
    with pytest.raises(TypeError, match=message):
        assign(block)
    assert names_of_parts(block) == (PARAMETERS, BUFFERS)


def test_a_list_that_is_filled_later_raises_when_parameters_are_asked_for(block):
    block.layers, block.sizes = [], {"a": 3}
    assert names_of_parts(block) == (PARAMETERS, BUFFERS)
    block.layers.append(nn.Linear(2, 3, rng=default_rng(0)))
    with pytest.raises(TypeError, match="Block.layers: modules .* inside a list .*ModuleList"):
        list(block.parameters())
    block.layers = nn.ModuleList(block.layers)
    block.sizes["b"] = new_leaf(2)
    with pytest.raises(TypeError, match="Block.sizes: .* inside a dict"):
        block.state_dict()
    block.sizes = 3
    assert len(block.state_dict()) == len(PARAMETERS) + len(BUFFERS) + 2


def test_a_second_buffer_of_a_name_raises(block):
    with pytest.raises(ValueError, match="already has an attribute 'count'"):
        block.register_buffer("count", np.ones(()))


def test_a_buffer_is_an_array_a_tensor_or_none():
    module, values = nn.Module(), tensor(np.ones(2), requires_grad=True)
    module.register_buffer("a", np.zeros(3))
    module.register_buffer("b", values)
    module.register_buffer("c", None)
    with pytest.raises(TypeError, match="d is a list; give an array or a Tensor"):
        module.register_buffer("d", [1, 2])
    assert module.c is None and [name for name, _ in module.named_buffers()] == ["a", "b"]
    module.b[...] = 3.0
    assert values.tolist() == [3, 3] and not module.b.requires_grad  # it shares the memory


def test_apply_calls_the_children_before_their_parents(block):
    visited = []
    assert block.apply(visited.append) is block
    assert visited == [*block.inner, block.inner, block.last, block]


def test_parameters_are_counted_once(block):
    assert block.num_parameters() == 3 + 12 + 6 + 6
    block.other = block.inner
    assert block.requires_grad_(False).num_parameters() == 27


@pytest.mark.parametrize(
    "owner, name, message",
    [
        (
            nn,
            "Parameter",
            r"tinygen.nn has no Parameter: .*requires_grad=True\)",
        ),
        (nn, "functional", "tinygen.ops"),
        (nn, "MSELoss", "losses are functions here: tinygen.losses.squared_error"),
        (nn, "LSTM", "tinygen.nn has no LSTM$"),
        (nn.ReLU(), "cuda", r'ReLU has no cuda: use model.to\("cuda"\)'),
        (nn.ReLU(), "register_forward_hook", "there are no hooks"),
        (nn.ReLU(), "weight", "ReLU has no weight$"),
    ],
)
def test_a_name_of_pytorch_that_is_not_here_raises_with_advice(owner, name, message):
    with pytest.raises(AttributeError, match=message):
        getattr(owner, name)
    assert not hasattr(owner, name)


def test_advice_names_things_that_exist():
    """Whatever the tables call tinygen.PART.NAME, nn.NAME or model.NAME is there."""
    texts = " ".join([*pytorch_names.LAYERS.values(), *pytorch_names.METHODS.values()])
    parts = {"tinygen.ops": ops, "tinygen.losses": losses, "tinygen.optim": optim, "nn": nn}
    parts |= {"tinygen": tinygen, "model": nn.Module()}
    found = re.findall(r"\b(tinygen\.ops|tinygen\.losses|nn|tinygen|model)\.(\w+)", texts)
    assert len(found) > 20
    for part, name in found:
        assert hasattr(parts[part], name), f"{part}.{name}"
    absent = [name for name in pytorch_names.LAYERS if hasattr(nn, name)]
    absent += [name for name in pytorch_names.METHODS if hasattr(nn.Module, name)]
    assert not absent, "these are here now: remove them from the tables"


def test_an_error_within_a_property_is_not_hidden():
    class Broken(nn.Module):
        @property
        def size(self):
            return self.missing

    with pytest.raises(AttributeError, match="Broken has no missing"):
        Broken().size


def test_a_module_without_forward_raises_when_it_is_called():
    with pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(1)


# ---------------------------------------------------------------------------------- modes


def test_train_and_eval_reach_all_modules(block):
    assert block.training and block.eval() is block
    assert not any(module.training for module in block.modules())
    block.train()
    assert all(module.training for module in block.modules())


def test_zero_grad_removes_all_gradients(block):
    block(tensor(np.eye(3, dtype=np.float32))).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_to_moves_arrays_and_keeps_the_tensors(block, device):
    block(tensor(np.eye(3, dtype=np.float32))).sum().backward()
    before = dict(block.named_parameters())
    assert block.to(device) is block
    for name, p in block.named_parameters():
        assert p is before[name] and p.device == p.grad.device == device
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        block.to("gpu")


def test_a_deep_copy_shares_nothing(block):
    """Its gradients are its own: a copied leaf does not lead back to the original tensor."""
    other = copy.deepcopy(block)
    x = tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    other(x).sum().backward()
    assert all(p.grad is None for p in block.parameters())
    assert all(p.grad is not None for p in other.parameters())
    for p, q in zip(block.parameters(), other.parameters(), strict=True):
        assert not np.shares_memory(p.data, q.data)
    assert names_of_parts(other) == (PARAMETERS, BUFFERS) and isinstance(other.count, Tensor)


# ---------------------------------------------------------------------------------- containers


def test_sequential_and_module_list_are_lists_of_modules():
    layers = [nn.ReLU(), nn.Tanh(), nn.Identity()]
    network, modules = nn.Sequential(*layers), nn.ModuleList(layers[:1])
    modules.extend(layers[1:])
    for container in (network, modules):
        assert len(container) == 3 and [*container] == layers
        assert container[1] is layers[1] and container[-1] is layers[2]
        assert type(container[:2]) is type(container) and [*container[:2]] == layers[:2]
        assert [name for name, _ in container.named_children()] == ["0", "1", "2"]
        container[-1] = other = nn.Sigmoid()
        assert [*container] == [*layers[:2], other]
        with pytest.raises(TypeError, match="element 0 is a int"):
            container[0] = 3
    with pytest.raises(IndexError):
        network[3]


def test_a_slice_of_a_sequential_shares_its_layers():
    rng = default_rng(0)
    network = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Tanh(), nn.Linear(2, 3, rng=rng))
    x = tensor(np.ones((1, 3), np.float32))
    assert (network[2:](network[:2](x)).data == network(x).data).all()
    assert network[2:][0] is network[2]


def test_a_sequential_of_a_dict_has_its_names():
    network = nn.Sequential({"hidden": nn.Linear(3, 2, rng=default_rng(0)), "tanh": nn.Tanh()})
    assert [*network.state_dict()] == ["hidden.weight", "hidden.bias"]
    x = np.ones((1, 3), np.float32)
    np.testing.assert_allclose(network(x).data, np.tanh(network.hidden(x).data), rtol=1e-6)


@pytest.mark.parametrize(
    "layers, message",
    [
        ([nn.ReLU], r"element 0 is a type, not a Module; call the class, ReLU\(...\)"),
        ([[nn.ReLU()]], r"element 0 is a list, .* Sequential\(\*layers\)"),
        ([nn.ReLU(), ops.sum], r"element 1 is a .*; functions have their modules"),
    ],
)
def test_what_is_no_module_says_what_to_write(layers, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(*layers)


def test_a_module_dict_is_a_dict_of_modules():
    layers = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    layers["c"] = nn.Linear(2, 3, rng=default_rng(0))
    assert [*layers] == layers.keys() == ["a", "b", "c"] and len(layers) == 3
    assert [type(layer) for layer in layers.values()] == [nn.ReLU, nn.Tanh, nn.Linear]
    assert layers.items()[0] == ("a", layers["a"]) and "a" in layers and "d" not in layers
    assert [*layers.state_dict()] == ["c.weight", "c.bias"]
    del layers["a"]
    assert layers.keys() == ["b", "c"]
    for name in ("a", "training"):
        with pytest.raises(KeyError, match=name):
            del layers[name]
    for name in ("a.b", "forward", "keys", 3):
        with pytest.raises(KeyError, match="cannot be the name of an element"):
            layers[name] = nn.ReLU()
    with pytest.raises(TypeError, match="element a is a builtin_function"):
        layers["a"] = len


def test_sequential_calls_its_layers_in_order():
    network = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Identity())
    x = tensor(np.array([-1.0, 2.0]))
    np.testing.assert_allclose(network(x).data, [0, np.tanh(2)], rtol=1e-12)
    assert nn.Sequential()(x) is x


def test_arrays_of_another_dtype_have_gradients_of_that_dtype():
    layer = nn.Linear(2, 1, rng=default_rng(0))
    layer(tensor([[1.0, 2.0]])).sum().backward()
    layer.map_arrays_(lambda array: array.astype(np.float64))
    assert layer.weight.grad.dtype == np.float64
    x = tensor([[1.0, 1e-9]], dtype=np.float64)
    layer.zero_grad()
    layer(x).sum().backward()
    assert layer.weight.grad.tolist() == x.tolist()


def test_to_moves_the_random_sources_of_layers(gpu):
    rng = default_rng(0)
    model = nn.Sequential(nn.Dropout(0.5, rng=rng), nn.Sequential(nn.Dropout(0.5, rng=rng)))
    expected = model(np.ones((4, 5), np.float32))
    rng.load_state_dict(default_rng(0).state_dict())
    y = model.to(gpu)(tensor(np.ones((4, 5), np.float32)).to(gpu))
    assert (rng.device, y.device) == (gpu, gpu)
    np.testing.assert_array_equal(y.numpy(), expected)
    model.to("cpu")
    assert rng.device == "cpu"
