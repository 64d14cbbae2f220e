"""Hold a gradient against finite differences: `check_grads(f, *args)`.

For f of arrays x_1..x_n draw a random cotangent u and random directions v_i, and compare the derivative of s(x) = <f(x), u> along v_i,

    analytic   <grad_i s(x), v_i>                    numeric   (s(x_i + h v_i) - s(x_i - h v_i)) / 2h.

One random projection sees every element: an error that is larger than the tolerance of the whole projection shows, almost surely. (A small error in one
of many large elements drowns: check small arrays of values near 1.) Only when a projection fails are single elements tried, to name the worst. The
central difference is off by h^2 |s'''| / 6 + eps |s| / h, least near h = eps^(1/3) = 6e-6: about 6e-11 on smooth functions in float64, so the
tolerance can be 1e-6 of max(1, |numeric|) and still be wide.

A joint rule may do other work when only some of its arguments want a cotangent, so each argument is also differentiated with all others constant.

**Second order** is the same check of the function (x, u) -> grad_x <f(x), u>, run with `create_graph`; and so on upwards. That also checks that the
gradient is linear in u, as it must be.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backend import array_module, to_numpy
from .backward import backward_pass
from .tensor import Tensor, tensor

STEP = 6e-6
TOLERANCE = 1e-6


def check_grads(f: Callable, *args, order: int = 2, seed: int = 0) -> None:
    """Raise AssertionError unless the derivatives of f, up to `order`, agree with finite differences to 1e-6 of max(1, |numeric|).

    Parameters
    ----------
    f : takes a Tensor for each of `args` and returns a Tensor or a tuple of Tensors. It must be deterministic (draw noise outside, from a fixed seed)
        and smooth within 1e-5 of the point: keep away from kinks. Bind settings with a lambda.
    args : floating-point arrays or Tensors of any shape and device; they are checked in float64. Wrap anything else in f.
    order : 1, 2, 3...: how many derivatives to check. Each order costs a few more evaluations.
    seed : of the random projections.

    The message names the order, the argument, and the element that is furthest off, analytic against numeric.
    """
    raw = [a.data if isinstance(a, Tensor) else a for a in args]
    for i, a in enumerate(raw):
        if getattr(getattr(a, "dtype", None), "kind", None) != "f":
            raise TypeError(f"check_grads: argument {i} is {getattr(a, 'dtype', type(a).__name__)}; only floating-point arrays are differentiated, bind others in f")
    f_names = getattr(f, "arguments", None) or (f.__code__.co_varnames[: f.__code__.co_argcount] if hasattr(f, "__code__") else ())  # a primitive's, or a function's
    names = [*f_names[: len(raw)], *(f"argument {i}" for i in range(len(f_names), len(raw)))]
    _check(f, [a.astype(np.float64) for a in raw], names, 1, order, np.random.default_rng(seed))


def _check(f, args, names, order, last, rng) -> None:
    outputs = _evaluate(f, args)
    if not outputs or not any(o.requires_grad for o in outputs):
        raise AssertionError(f"check_grads, order {order}: no output depends on any argument")
    cotangents = [_normal(rng, o.data) for o in outputs]
    analytic = [g.data for g in _vjp(f, args, cotangents, create_graph=False)]
    for name, a, g in zip(names, args, analytic):
        if g.shape != a.shape or g.dtype != a.dtype:
            raise AssertionError(f"check_grads, order {order}, {name}: gradient is {g.dtype} {g.shape}, argument {a.dtype} {a.shape}")

    for i, (name, g) in enumerate(zip(names, analytic)) if order == 1 < len(args) else ():
        others = [tensor(a) for a in args]
        alone = _vjp(lambda x: f(*others[:i], x, *others[i + 1 :]), [args[i]], cotangents, create_graph=False)[0].data  # noqa: B023
        if not (abs(alone - g) <= TOLERANCE * (1 + abs(g))).all():
            raise AssertionError(f"check_grads, {name}: its gradient is another when all other arguments are constants (a joint rule's `needs`?)")

    def s(i, changed) -> float:
        moved = [*args[:i], changed, *args[i + 1 :]]
        return float(sum((o.data * u).sum() for o, u in zip(_evaluate(f, moved), cotangents)))

    for i, (name, a, g) in enumerate(zip(names, args, analytic)):
        v = _normal(rng, a)
        numeric, exact = (s(i, a + STEP * v) - s(i, a - STEP * v)) / (2 * STEP), float((g * v).sum())
        if not _agree(exact, numeric):
            raise AssertionError(f"check_grads, order {order}, {name} of shape {a.shape}: along a random direction analytic {exact:.9g}, "
                                 f"numeric {numeric:.9g}; {_worst_element(s, i, a, g)}")
    if order < last:
        # One order up the function is the gradient itself, in the arguments and in the cotangents that it is linear in.
        n = len(args)
        _check(lambda *xs: _vjp(f, xs[:n], xs[n:], create_graph=True), args + cotangents, names + [f"cotangent {k}" for k in range(len(outputs))], order + 1, last, rng)


def _evaluate(f, args) -> list[Tensor]:
    y = f(*(a if isinstance(a, Tensor) else tensor(a, requires_grad=True) for a in args))
    return list(y) if isinstance(y, (tuple, list)) else [y]


def _vjp(f, args, cotangents, create_graph) -> list[Tensor]:
    """The cotangents of `args`: zeros for an argument on which nothing depends (at second order of a linear function, say)."""
    xs = [a if isinstance(a, Tensor) else tensor(a, requires_grad=True) for a in args]
    outputs = _evaluate(f, xs)
    live = [(o, u) for o, u in zip(outputs, cotangents) if o.requires_grad]
    found = backward_pass([o for o, _ in live], [u for _, u in live], xs, create_graph, True) if live else {}
    return [found[x._edge] if x._edge in found else tensor(np.zeros_like(x.data)) for x in xs]


def _normal(rng, like):
    return array_module(like).asarray(rng.standard_normal(like.shape))


def _agree(exact, numeric) -> bool:
    return abs(exact - numeric) <= TOLERANCE * max(1.0, abs(numeric))  # False for a NaN on either side


def _worst_element(s, i, a, g) -> str:
    """Differentiate element by element (the first 500) and name the one that is furthest off."""
    worst = (-1.0, "every single element agrees: f is not deterministic, or has a kink nearby")
    for flat in range(min(a.size, 500)):
        index = tuple(int(k) for k in np.unravel_index(flat, a.shape))
        step = np.zeros_like(a)
        step[index] = STEP
        numeric, exact = (s(i, a + step) - s(i, a - step)) / (2 * STEP), float(to_numpy(g)[index])
        if not _agree(exact, numeric) and not abs(exact - numeric) <= worst[0]:
            worst = abs(exact - numeric), f"element {index}: analytic {exact:.9g}, numeric {numeric:.9g}"
    return worst[1]
