"""Automatic differentiation to any order.

Read the files in this order:

    tensor.py       Tensor, and the graph that it records
    primitive.py    a differentiable function: its forward and its rules, side by side
    backward.py     the backward pass
    functional.py   backward and grad; derivatives along a direction: jvp, hvp
    gradcheck.py    gradients against finite differences
    graph.py        the recorded graph as data, to be drawn
"""
