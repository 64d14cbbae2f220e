"""Module: its parts and their names, modes, containers, devices and printing."""

import copy

import numpy as np
import pytest

from tests.nn.blocks import BUFFERS, PARAMETERS, Block, names_of_parts, new_leaf
from tinygen import Tensor, default_rng, nn, ops, tensor


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


def test_a_second_buffer_of_a_name_raises(block):
    with pytest.raises(ValueError, match="already has an attribute 'count'"):
        block.register_buffer("count", np.ones(()))


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
    network, modules = nn.Sequential(*layers), nn.ModuleList(layers[:2])
    modules.append(layers[2])
    for container in (network, modules):
        assert len(container) == 3 and [*container] == layers
        assert container[1] is layers[1] and container[-1] is layers[2]
        assert container[:2] == layers[:2]
        assert [name for name, _ in container.named_children()] == ["0", "1", "2"]
    with pytest.raises(IndexError):
        network[3]


def test_sequential_calls_its_layers_in_order():
    network = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Identity())
    x = tensor(np.array([-1.0, 2.0]))
    np.testing.assert_allclose(network(x).data, [0, np.tanh(2)], rtol=1e-12)
    assert nn.Sequential()(x) is x


# ---------------------------------------------------------------------------------- printing


def test_printing_shows_the_structure_and_the_settings(block):
    assert repr(block) == (
        "Block(\n"
        "  (inner): Sequential(\n"
        "    (0): Linear(3, 3)\n"
        "    (1): Tanh()\n"
        "    (2): BatchNorm1d(3, eps=1e-05, momentum=0.1)\n"
        "  )\n"
        "  (last): Linear(3, 2, bias=False)\n"
        ")"
    )
    conv = nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, bias=False, rng=default_rng(0))
    assert repr(conv) == (
        "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=2, padding=1, output_padding=1, "
        "bias=False)"
    )
