"""Automatic differentiation to any order.

Read the files in this order:

    tensor.py       Tensor, and the graph that it records
    primitive.py    a differentiable function: its forward and its rules, side by side
    backward.py     the backward pass
    functional.py   backward and grad; derivatives along a direction: jvp, hvp
    gradcheck.py    gradients against finite differences
    graph.py        the recorded graph as data, to be drawn
    call.py         how the arrays and settings of a call are read
    results.py      what forwards and rules return, as arrays; the search for the first NaN
"""

from ..missing_names import missing_name

# What people who know PyTorch look for here, and what to type instead.
_ELSEWHERE = {
    "Function": "tinygen.primitive",
    "backward": "y.backward()",
    "detect_anomaly": "tinygen.detect_nan()",
    "grad": "tinygen.grad",
    "no_grad": "tinygen.no_grad()",
}


def __getattr__(name: str):
    """Raise AttributeError that says what a name of torch.autograd is here."""
    raise missing_name(__name__, name, _ELSEWHERE)
