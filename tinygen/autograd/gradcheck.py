"""Compare gradients with finite differences: `check_grads(f, *args)`. Read this file fifth.

**What is compared.** Let f be a function of arrays x_1, ..., x_n. Draw a random cotangent u and a
random direction v_i for each argument, and let s(x) = <f(x), u>. The derivative of s along v_i is
computed in two ways:

    analytic   <grad_i s(x), v_i>
    numeric    (s(x_i + h v_i) - s(x_i - h v_i)) / 2h

**Why one random direction is enough.** It sees every element at once: an error larger than the
tolerance of the whole projection shows almost surely. A small error in one of many large elements
is lost, so check small arrays with values near 1. Only if a projection fails are single elements
compared, to name the worst one.

**The tolerance.** The central difference is off by h^2 |s'''| / 6 because h is finite, and by
about eps |s| / h because of rounding. The sum is least near h = eps^(1/3) = 6e-6 in float64. There
it is about 4e-11 if |s| and |s'''| are near 1. So the tolerance, 1e-6 of max(1, |numeric|), leaves
room.

**Joint rules.** A joint rule may do other work when only some of its cotangents are wanted. So each
argument is also differentiated with all others constant.

**Second order.** It is the same check for the function (x, u) -> grad_x <f(x), u>, run with
`create_graph`, and so on for higher orders. This also checks that the gradient is linear in u.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backend import array_module, to_numpy
from .backward import backward_pass
from .tensor import Tensor, tensor

STEP = 6e-6
TOLERANCE = 1e-6
MAX_ELEMENTS = 500  # compared one by one when a projection fails


def check_grads(f: Callable, *args, order: int = 2, seed: int = 0) -> None:
    """Check the derivatives of f, up to `order`, against finite differences.

    Parameters
    ----------
    f : callable
        It takes a Tensor for each of `args` and returns a Tensor or a tuple of Tensors. It must be
        deterministic: draw noise outside, from a fixed seed. It must be smooth near the point: the
        steps are h times a normal random number, so keep 5e-5 away from kinks. Bind settings with
        a lambda.
    args : floating-point arrays or Tensors
        Of any shape and device; they are checked in float64. Bind anything else inside f.
    order : int
        The number of derivatives to check: 1, 2, 3 and so on.
    seed : int
        Of the random projections.

    Raises
    ------
    AssertionError
        If they disagree. The message names the order, the argument, and the element that differs
        most, analytic against numeric.
    TypeError
        If an argument is not floating point.
    """
    arrays = [a.data if isinstance(a, Tensor) else a for a in args]
    for i, a in enumerate(arrays):
        if getattr(getattr(a, "dtype", None), "kind", None) != "f":
            raise TypeError(
                f"check_grads: argument {i} is {getattr(a, 'dtype', type(a).__name__)}; "
                "only floating-point arrays are differentiated, bind others in f"
            )
    arrays = [a.astype(np.float64) for a in arrays]
    check_order(f, arrays, argument_names(f, len(arrays)), 1, order, np.random.default_rng(seed))


def argument_names(f: Callable, count: int) -> list[str]:
    """Return the names of the arguments of a primitive or function, numbers where it has none."""
    if hasattr(f, "arguments"):
        names = list(f.arguments)
    elif hasattr(f, "__code__"):
        names = list(f.__code__.co_varnames[: f.__code__.co_argcount])
    else:
        names = []
    return names[:count] + [f"argument {i}" for i in range(len(names), count)]


def check_order(
    f: Callable, args: list, names: list[str], order: int, last_order: int, rng: np.random.Generator
) -> None:
    """Check the first derivative of f, which is a derivative of `order`; then the next order."""
    outputs = evaluate(f, args)
    if not any(y.requires_grad for y in outputs):
        raise AssertionError(f"check_grads, order {order}: no output depends on any argument")
    cotangents = [normal(rng, y.data) for y in outputs]
    gradients = [g.data for g in gradients_of(f, args, cotangents, create_graph=False)]
    for name, a, g in zip(names, args, gradients):
        if g.shape != a.shape or g.dtype != a.dtype:
            raise AssertionError(
                f"check_grads, order {order}, {name}: gradient is {g.dtype} {g.shape}, "
                f"argument {a.dtype} {a.shape}"
            )
    if order == 1 and len(args) > 1:
        check_one_at_a_time(f, args, names, cotangents, gradients)

    def s(i: int, changed) -> float:
        """Return <f(x), u> with the i-th argument changed."""
        moved = [*args[:i], changed, *args[i + 1 :]]
        return float(sum((y.data * u).sum() for y, u in zip(evaluate(f, moved), cotangents)))

    for i, (name, a, g) in enumerate(zip(names, args, gradients)):
        v = normal(rng, a)
        numeric = (s(i, a + STEP * v) - s(i, a - STEP * v)) / (2 * STEP)
        analytic = float((g * v).sum())
        if not agree(analytic, numeric):
            raise AssertionError(
                f"check_grads, order {order}, {name} of shape {a.shape}: along a random direction "
                f"analytic {analytic:.9g}, numeric {numeric:.9g}; {worst_element(s, i, a, g)}"
            )
    if order < last_order:
        # One order up, the function is the gradient: of the arguments, and of the cotangents, in
        # which it is linear.
        n = len(args)
        names = names + [f"cotangent {k}" for k in range(len(outputs))]
        check_order(
            lambda *xs: gradients_of(f, xs[:n], xs[n:], create_graph=True),
            args + cotangents,
            names,
            order + 1,
            last_order,
            rng,
        )


def check_one_at_a_time(
    f: Callable, args: list, names: list[str], cotangents: list, gradients: list
) -> None:
    """Check that the gradient in each argument is the same if all others are constants."""
    for i, (name, g) in enumerate(zip(names, gradients)):
        constants = [tensor(a) for a in args]

        def f_of_one(x, i=i, constants=constants):
            return f(*constants[:i], x, *constants[i + 1 :])

        alone = gradients_of(f_of_one, [args[i]], cotangents, create_graph=False)[0].data
        if not (abs(alone - g) <= TOLERANCE * (1 + abs(g))).all():
            raise AssertionError(
                f"check_grads, {name}: its gradient differs when all other arguments are "
                "constants (a joint rule's `needs`?)"
            )


def evaluate(f: Callable, args: list) -> list[Tensor]:
    """Return the outputs of f as a list; arrays become leaves."""
    y = f(*(a if isinstance(a, Tensor) else tensor(a, requires_grad=True) for a in args))
    return list(y) if isinstance(y, (tuple, list)) else [y]


def gradients_of(f: Callable, args: list, cotangents: list, create_graph: bool) -> list[Tensor]:
    """Return the cotangents of `args`, zeros where nothing depends on an argument.

    At second order of a linear function, for example, nothing does.
    """
    xs = [a if isinstance(a, Tensor) else tensor(a, requires_grad=True) for a in args]
    pairs = [(y, u) for y, u in zip(evaluate(f, xs), cotangents) if y.requires_grad]
    if not pairs:
        return [tensor(np.zeros_like(x.data)) for x in xs]
    outputs, grad_outputs = zip(*pairs)
    gradients = backward_pass(outputs, grad_outputs, xs, create_graph, retain_graph=True)
    return [
        gradients[x._edge] if x._edge in gradients else tensor(np.zeros_like(x.data)) for x in xs
    ]


def normal(rng: np.random.Generator, like):
    """Draw from N(0, 1) in the shape and on the device of an array."""
    return array_module(like).asarray(rng.standard_normal(like.shape))


def agree(analytic: float, numeric: float) -> bool:
    """Whether two derivatives agree within the tolerance; False if one of them is NaN."""
    return abs(analytic - numeric) <= TOLERANCE * max(1.0, abs(numeric))


def worst_element(s: Callable, i: int, a, g) -> str:
    """Differentiate element by element, and describe the one that differs most."""
    largest = -1.0
    count = min(a.size, MAX_ELEMENTS)
    description = (
        f"each of the first {count} elements agrees by itself: f is not deterministic, or has a "
        "kink nearby, or the error is in a later element"
    )
    for flat in range(count):
        index = tuple(int(k) for k in np.unravel_index(flat, a.shape))
        step = np.zeros_like(a)
        step[index] = STEP
        numeric = (s(i, a + step) - s(i, a - step)) / (2 * STEP)
        analytic = float(to_numpy(g)[index])
        difference = abs(analytic - numeric)
        if not agree(analytic, numeric) and not difference <= largest:
            largest = difference
            description = f"element {index}: analytic {analytic:.9g}, numeric {numeric:.9g}"
    return description
