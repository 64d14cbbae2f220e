"""Module: what counts as a part, names, modes, state, printing."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import Tensor, default_rng, nn, ops, tensor


def leaf(*shape):
    return tensor(np.ones(shape, np.float32), requires_grad=True)


class Block(nn.Module):
    def __init__(self, rng):
        self.scale = leaf(3)
        self.register_buffer("seen", np.zeros((), np.int64))
        self.inner = nn.Sequential(nn.Linear(3, 3, rng=rng), nn.Tanh(), nn.BatchNorm1d(3))
        self.last = nn.Linear(3, 2, bias=False, rng=rng)

    def forward(self, x):
        return self.last(self.inner(x) * self.scale)


NAMES = ["scale", "inner.0.weight", "inner.0.bias", "inner.2.weight", "inner.2.bias", "last.weight"]
BUFFERS = ["seen", "inner.2.running_mean", "inner.2.running_var", "inner.2.num_batches_tracked"]


@pytest.fixture
def block():
    return Block(default_rng(0))


def test_parts_are_found_under_their_paths(block):
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert [name for name, _ in block.named_buffers()] == BUFFERS
    assert [name for name, _ in block.named_modules()] == ["", "inner", "inner.0", "inner.1", "inner.2", "last"]
    assert [name for name, _ in block.named_children()] == ["inner", "last"]
    assert [*block.children()] == [block.inner, block.last]
    assert len([*block.parameters()]) == 6 and len([*block.buffers()]) == 4 and len([*block.modules()]) == 6


def test_no_call_of_init_is_needed_and_one_does_no_harm():
    class Polite(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = leaf(2)

    assert [name for name, _ in Polite().named_parameters()] == ["w"]


def test_a_frozen_parameter_is_still_a_parameter(block):
    block.requires_grad_(False)
    assert [name for name, _ in block.named_parameters()] == NAMES and set(block.state_dict()) == {*NAMES, *BUFFERS}
    assert not block(tensor(np.eye(3, dtype=np.float32))).requires_grad
    assert block.requires_grad_(True) is block and all(p.requires_grad for p in block.parameters())


def test_shared_parts_count_once():
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(3, 3, rng=default_rng(0))
            self.b = self.a
            self.c = nn.Linear(3, 3, rng=default_rng(0))
            self.c.weight = self.a.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
    tied.load_state_dict({name: a + 1 for name, a in tied.state_dict().items()})
    assert tied.c.weight is tied.a.weight


def test_what_is_no_part(block):
    block.step, block.note, block.cached = 3, "text", ops.square(block.scale)  # a result of a computation is only kept
    block.constant = tensor(np.ones(2))
    assert [name for name, _ in block.named_parameters()] == NAMES and [name for name, _ in block.named_buffers()] == BUFFERS


def test_none_and_del_take_a_part_away(block):
    block.scale = None
    del block.last
    assert [name for name, _ in block.named_parameters()] == NAMES[1:5]
    block.seen = None
    assert [name for name, _ in block.named_buffers()] == BUFFERS[1:]


@pytest.mark.parametrize("assign, message", [
    (lambda b: setattr(b, "scale", b.scale * 2.0), r"scale is a parameter: a result of a computation cannot .* scale\[...\] = "),
    (lambda b: setattr(b, "scale", b.scale.detach()), "a constant Tensor cannot"),
    (lambda b: setattr(b, "scale", np.ones(3)), "ndarray cannot take its place"),
    (lambda b: setattr(b, "seen", np.ones(())), "seen is a buffer: a ndarray"),
    (lambda b: setattr(b, "seen", leaf()), "seen is a buffer: a parameter"),
    (lambda b: setattr(b, "last", len), "last is a module"),
    (lambda b: setattr(b, "layers", [nn.ReLU()]), "inside a list would be found by no optimizer.*ModuleList"),
    (lambda b: setattr(b, "layers", {"a": leaf(2)}), "inside a dict"),
    (lambda b: nn.Sequential(nn.ReLU(), ops.relu), r"element 1 .* not a Module; .*ReLU\(\)"),
    (lambda b: nn.ModuleList(b), "not iterable"),
    (lambda b: b.load_state_dict([1]), "state_dict"),
])  # fmt: skip
def test_mistakes_that_would_lose_a_part_are_errors(block, assign, message):
    with pytest.raises(TypeError, match=message):
        assign(block)
    assert [name for name, _ in block.named_parameters()] == NAMES and [name for name, _ in block.named_buffers()] == BUFFERS


def test_other_errors_teach(block):
    with pytest.raises(ValueError, match="already has an attribute 'seen'"):
        block.register_buffer("seen", np.ones(()))
    with pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(1)


def test_train_and_eval_reach_all_modules(block):
    assert block.training and block.eval() is block
    assert not any(m.training for m in block.modules())
    block.train()
    assert all(m.training for m in block.modules())


def test_zero_grad(block):
    block(tensor(np.eye(3, dtype=np.float32))).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


class TestState:
    def test_round_trip_into_the_arrays_that_are_there(self, block):
        x = tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
        block(x)
        other = Block(default_rng(1))
        arrays = {name: t.data for name, t in other._state().items()}
        other.load_state_dict(block.state_dict())
        assert all(t.data is arrays[name] for name, t in other._state().items())
        assert (other.eval()(x).data == block.eval()(x).data).all()

    def test_it_holds_copies(self, block):
        state = block.state_dict()
        block.scale.data += 1
        assert state["scale"].tolist() == [1, 1, 1]
        block.load_state_dict(state)
        state["scale"][...] = 7
        assert block.scale.data.tolist() == [1, 1, 1]

    def test_layouts_in_memory_stay(self):
        layer = nn.Conv2d(2, 3, 3, rng=default_rng(0))
        strides = layer.weight.data.strides
        state = layer.state_dict()
        layer.load_state_dict({name: np.asfortranarray(a) for name, a in state.items()})
        assert layer.weight.data.strides == strides and (layer.weight.data == state["weight"]).all()

    def test_loading_marks_the_write(self, block):
        y = block(tensor(np.eye(3, dtype=np.float32)))
        block.load_state_dict(block.state_dict())
        with pytest.raises(RuntimeError, match="written in place"):
            y.sum().backward()

    def test_nan_is_a_value(self, block):
        block.load_state_dict(block.state_dict() | {"scale": np.full(3, np.nan, np.float32)})
        assert np.isnan(block.scale.data).all()

    def test_all_that_differs_is_named_and_nothing_is_changed(self, block):
        before = block.state_dict()
        state = block.state_dict() | {"last.weight": np.ones((3, 2), np.float32), "inner.0.bias": np.ones(3), "scale": 3, "more": np.ones(1)}
        del state["inner.2.running_var"]
        with pytest.raises(ValueError) as error:
            block.load_state_dict({name: a + 1 if name == "inner.0.weight" else a for name, a in state.items()})
        for part in (
            "not of this Block", "missing: inner.2.running_var", "unexpected: more",
            "last.weight: expected float32 (2, 3), the state has float32 (3, 2)",
            "inner.0.bias: expected float32 (3,), the state has float64 (3,)", "scale: expected float32 (3,), the state has 3",
        ):  # fmt: skip
            assert part in str(error.value)
        assert all((a == before[name]).all() for name, a in block.state_dict().items())

    def test_tensors_among_the_arrays_are_taken(self, block):
        """A parameter taken by its name instead of from state_dict(): half of the state used to be loaded before it failed."""
        other = Block(default_rng(1))
        block.load_state_dict(other.state_dict() | {"inner.2.bias": other.inner[2].bias, "last.weight": other.last.weight})
        assert all((a == other.state_dict()[name]).all() for name, a in block.state_dict().items())
        assert block.last.weight.data is not other.last.weight.data

    def test_what_only_looks_like_an_array_is_refused_before_anything_is_written(self, block):
        class Lookalike:
            shape, dtype = (3, 2), np.dtype(np.float32)

            def __array__(self, *args, **kwargs):
                raise TypeError("no array after all")

        before = block.state_dict()
        state = {name: a + 1 for name, a in before.items()} | {"last.weight": Lookalike()}
        state["last.weight"].shape = before["last.weight"].shape
        with pytest.raises(TypeError, match="no array after all"):
            block.load_state_dict(state)
        assert all((a == before[name]).all() for name, a in block.state_dict().items())

    def test_device_arrays_take_numpy_states(self, block):
        state = block.state_dict()
        block.map_arrays_(lambda a: StrictArray(a * 0))
        block.load_state_dict(state)
        assert all((t.data.get() == state[name]).all() for name, t in block._state().items())
        block.load_state_dict(block.state_dict())  # and those of their own kind


def test_to_moves_arrays_and_keeps_the_tensors(block, device):
    block(tensor(np.eye(3, dtype=np.float32))).sum().backward()
    before = dict(block.named_parameters())
    assert block.to(device) is block
    for name, p in block.named_parameters():
        assert p is before[name] and p.device == p.grad.device == device
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        block.to("gpu")


def test_sequential_and_module_list():
    layers = [nn.ReLU(), nn.Tanh(), nn.Identity()]
    net, modules = nn.Sequential(*layers), nn.ModuleList(layers[:2])
    modules.append(layers[2])
    for m in (net, modules):
        assert len(m) == 3 and [*m] == layers and m[1] is layers[1] and m[-1] is layers[2] and m[:2] == layers[:2]
        assert [name for name, _ in m.named_children()] == ["0", "1", "2"]
    x = tensor(np.array([-1.0, 2.0]))
    np.testing.assert_allclose(net(x).data, [0, np.tanh(2)], rtol=1e-12)
    assert nn.Sequential()(x) is x
    with pytest.raises(IndexError):
        net[3]


def test_printing_shows_the_structure(block):
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
    assert repr(conv) == "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=2, padding=1, output_padding=1, bias=False)"


def test_a_deep_copy_shares_nothing(block):
    """Its gradients are its own: a copied leaf must not lead back to the tensor it was copied from."""
    other = copy.deepcopy(block)
    x = tensor(np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
    other(x).sum().backward()
    assert all(p.grad is None for p in block.parameters()) and all(p.grad is not None for p in other.parameters())
    assert not any(np.shares_memory(p.data, q.data) for p, q in zip(block.parameters(), other.parameters()))
    assert [name for name, _ in other.named_parameters()] == NAMES and isinstance(other.seen, Tensor)
