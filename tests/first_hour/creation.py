"""New tensors, what they are, and what leaves them."""

import numpy as np

from tests.first_hour.phrases import SAME, Row, torch
from tinygen import tensor

ROWS = [
    # Python's numbers and lists become float32, int64 or bool
    Row("a number", lambda: tensor(3.0), None, lambda: torch.tensor(3.0)),
    Row("a list of floats", lambda: tensor([1.0, 2.5]), None, lambda: torch.tensor([1.0, 2.5])),
    Row(
        "a list of integers",
        lambda: tensor([1, 2]),
        lambda: np.array([1, 2]),
        lambda: torch.tensor([1, 2]),
    ),
    Row("a list of both", lambda: tensor([1, 2.5]), None, lambda: torch.tensor([1, 2.5])),
    Row(
        "nested lists",
        lambda: tensor([[1.0, 2.0], [3.0, 4.0]]),
        None,
        lambda: torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    ),
    Row(
        "booleans",
        lambda: tensor([True, False]),
        lambda: np.array([True, False]),
        lambda: torch.tensor([True, False]),
    ),
    Row(
        "a list with a dtype",
        lambda: tensor([1, 2], dtype=np.float64),
        lambda: np.array([1, 2], dtype=np.float64),
        lambda: torch.tensor([1, 2], dtype=torch.float64),
    ),
    Row(
        "a dtype by its name",
        lambda: tensor([1.5, 2.5], dtype="int32"),
        lambda: np.array([1.5, 2.5]).astype("int32"),
        lambda: torch.tensor([1.5, 2.5]).to(torch.int32),
    ),
    Row("an empty list", lambda: tensor([]), None, lambda: torch.tensor([])),
    # Arrays keep their dtype and are copied
    Row(
        "an array",
        lambda: tensor(np.arange(6.0).reshape(2, 3)),
        lambda: np.arange(6.0).reshape(2, 3),
        lambda: torch.tensor(np.arange(6.0).reshape(2, 3)),
    ),
    Row(
        "bytes",
        lambda: tensor(np.zeros((2, 2), np.uint8)),
        lambda: np.zeros((2, 2), np.uint8),
        lambda: torch.zeros(2, 2, dtype=torch.uint8),
    ),
    Row(
        "zeros",
        lambda: tensor(np.zeros((2, 3), np.float32)),
        lambda: np.zeros((2, 3), np.float32),
        lambda: torch.zeros(2, 3),
    ),
    Row(
        "ones like x",
        lambda x: tensor(np.ones(x.shape, x.dtype)),
        lambda x: np.ones_like(x),
        lambda x: torch.ones_like(x),
    ),
    Row("arange", lambda: tensor(np.arange(5)), lambda: np.arange(5), lambda: torch.arange(5)),
    Row(
        "linspace",
        lambda: tensor(np.linspace(0, 1, 5)),
        lambda: np.linspace(0, 1, 5),
        lambda: torch.linspace(0, 1, 5, dtype=torch.float64),
    ),
    Row(
        "the unit matrix",
        lambda: tensor(np.eye(3)),
        lambda: np.eye(3),
        lambda: torch.eye(3, dtype=torch.float64),
    ),
    Row(
        "a tensor of a tensor",
        lambda x: tensor(x),
        lambda x: np.array(x),
        lambda x: x.detach().clone(),
    ),
    Row(
        "a leaf",
        lambda: tensor([1.0, 2.0], requires_grad=True).requires_grad,
        None,
        lambda: torch.tensor([1.0, 2.0], requires_grad=True).requires_grad,
    ),
    # What leaves a tensor
    Row("x.item()", lambda scalar: scalar.item(), SAME, SAME),
    Row("float(x)", lambda scalar: float(scalar), SAME, lambda scalar: float(scalar.detach())),
    Row("int(x)", lambda integers: int(integers[0, 0]), SAME, SAME),
    Row("a tensor as an index", lambda integers: ["a", "b", "c"][integers[0, 0]], SAME, SAME),
    Row("x.tolist()", lambda x: x.tolist(), SAME, SAME),
    Row("x.numpy()", lambda x: x.numpy(), lambda x: x, lambda x: x.detach().numpy()),
    Row(
        "f-string of a loss",
        lambda scalar: f"{scalar:.3f}",
        SAME,
        lambda scalar: f"{scalar.item():.3f}",
    ),
    Row("if x", lambda scalar: bool(scalar > 0), SAME, SAME),
    Row("x.dtype", lambda x: x.dtype, SAME, None),
    Row("x.device", lambda x: x.device, None, lambda x: x.device.type),
    Row("to the CPU", lambda x: x.to("cpu"), None, SAME),
]
