"""Step 1 of 4: the chain rule on scalars.

    python demos/engine_in_steps/1_scalars.py

A Scalar remembers its parents: the Scalars that it was computed from. Beside each parent stands a
number, the derivative of the Scalar with respect to this parent. So results and parents form a
graph. `grad` goes through it, from the output back to the inputs.

The *cotangent* of a value v is d output / d v. If v is used several times, there are several paths
from v to the output. The chain rule multiplies along each path, and adds the paths up.
"""

import itertools
import math
import random

clock = itertools.count()


class Scalar:
    """A number that remembers how it was computed."""

    def __init__(self, value, parents=()):
        self.value = value
        self.parents = parents  # pairs (parent, d self / d parent)
        self.time = next(clock)  # a parent is always older than its results

    def __add__(self, other):
        return Scalar(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Scalar(self.value * other.value, [(self, other.value), (other, self.value)])

    def tanh(self):
        y = math.tanh(self.value)
        return Scalar(y, [(self, 1 - y * y)])


def grad(output, inputs):
    """Return d output / d x for each x of the inputs.

    A parent is older than its results. So if the newest value comes first, all results of a value
    have been handled before its turn comes. Then its cotangent is complete.
    """
    cotangents = {output: 1.0}  # sums over the paths that were found so far
    waiting = {output.time: output}
    while waiting:
        node = waiting.pop(max(waiting))  # the newest
        for parent, derivative in node.parents:
            g = cotangents[node] * derivative  # along a path: multiply
            cotangents[parent] = cotangents.get(parent, 0.0) + g  # where paths meet: add
            waiting[parent.time] = parent
    return [cotangents.get(x, 0.0) for x in inputs]


def train(steps=300, lr=0.1):
    """Teach exclusive or to a network with 4 hidden units. Return its outputs and the loss."""
    random.seed(0)
    parameters = [Scalar(random.gauss(0, 1)) for _ in range(17)]  # 4 for each unit, and a bias
    # The target is 1 if a and b differ, and -1 if they are equal.
    examples = [(a, b, -a * b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]
    for _ in range(steps):
        outputs, loss = [], Scalar(0.0)
        for a, b, target in examples:
            y = parameters[16]
            for i in range(0, 16, 4):
                w_a, w_b, bias, v = parameters[i : i + 4]
                y = y + v * (w_a * Scalar(a) + w_b * Scalar(b) + bias).tanh()
            error = y + Scalar(-target)
            loss = loss + error * error
            outputs.append(y.value)
        for p, g in zip(parameters, grad(loss, parameters)):
            p.value -= lr / len(examples) * g
    return outputs, loss.value


if __name__ == "__main__":
    outputs, loss = train()
    print(f"-1, 1, 1, -1 were wanted: {', '.join(f'{y:.2f}' for y in outputs)}; loss {loss:.4f}")
