"""What the graders share: they compare an answer with the right one, and name the mistake.

    compare      a value with the exact one
    check_rule   a derivative rule with finite differences, by `tinygen.check_grads`
    unpack       the values of a function that returns several
    call         runs a function of the student; an error in it becomes a message
    AnswerError  the exception that carries a message to the student

A grader lists typical mistakes as pairs (value, message): what a function returns if this mistake
was made, and what to say then. They are looked for first. Other wrong answers are described by
their shape, their sign, a constant factor, or the element that differs most.
"""

from __future__ import annotations

import linecache
import textwrap
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygen import Tensor, check_grads, primitive
from tinygen.backend import to_numpy

TOLERANCE = 1e-6
MODULE_NAME = "exercise"  # the __name__ of an answer
NO_G = "g is missing. A rule returns g times the derivative."
SECOND_TIME = """\
Likely mistake: a function of NumPy, such as np.exp, or an array that is filled
in place. Use operators, methods, and the functions that the exercise imports."""
Mistakes = Sequence[tuple[Any, str]]


class AnswerError(Exception):
    """An answer is wrong or missing; the text says what came, what was expected, and why."""


def call(part: str, function: Callable, *args, **settings) -> Any:
    """Return what a function of the student returns; an error becomes a message with its line."""
    arrays = [a for a in args if isinstance(a, np.ndarray) and a.flags.writeable]
    try:
        for a in arrays:
            a.flags.writeable = False  # a function that writes into an argument is told so
        return function(*args, **settings)
    except Exception as error:
        raise AnswerError(f"{part} stopped with an error.\n\n{describe_error(error)}\n") from error
    finally:
        for a in arrays:
            a.flags.writeable = True


def describe_error(error: Exception) -> str:
    """Return the error, and the last line of the answer that it passed through."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == MODULE_NAME:
            text = linecache.getline(frame.f_code.co_filename, line).strip()
            place = f"In line {line}: {text}\n"
    return f"{place}{type(error).__name__}: {error}"


def message(part: str, came: str, expected: str, mistake: str, think: str, given: dict) -> str:
    """Return what was given, what came, what was expected, and what to think of."""
    lines = [f"{part} is not right yet.", ""]
    values = {f"given {name}": show(value) for name, value in given.items()}
    values |= {"came": came, "expected": expected}
    width = max(map(len, values))
    for name, text in values.items():
        lines.append(f"{name:{width}}  " + text.replace("\n", "\n" + " " * (width + 2)))
    lines.append("")
    if mistake:
        lines += [textwrap.fill(f"Likely mistake: {mistake}", 79), ""]
    if think:
        lines += [textwrap.fill(f"Think of: {think}", 79), ""]
    return "\n".join(lines)


def show(value: Any) -> str:
    """Return a short text of a number or an array."""
    array = np.asarray(value)
    text = np.array2string(array, precision=4, suppress_small=True, threshold=40, edgeitems=2)
    text = "\n".join(line for line in text.splitlines() if line.strip())
    return f"{text} of shape {array.shape}" if array.ndim else text


def is_same(a: np.ndarray, b: Any) -> bool:
    """Whether two arrays have one shape and, up to rounding, the same values."""
    b = np.asarray(b, dtype=np.float64)
    scale = max(1.0, float(abs(b).max(initial=0)))
    return a.shape == b.shape and bool((abs(a - b) <= TOLERANCE * scale).all())


def unpack(part: str, result: Any, *names: str) -> Sequence:
    """Return a result of several values, each None if the function is empty."""
    if result is None or result is Ellipsis:
        return [None] * len(names)
    if not isinstance(result, (tuple, list)) or len(result) != len(names):
        count = f", not {len(result)}" if isinstance(result, (tuple, list)) else ""
        raise AnswerError(f"{part}: return {len(names)} values{count}: {', '.join(names)}.\n")
    return result


def compare(
    part: str,
    value: Any,
    expected: Any,
    *,
    think: str = "",
    mistakes: Mistakes = (),
    given: dict | None = None,
) -> None:
    """Raise AnswerError unless `value` has the shape and the values of `expected`.

    `given` holds the inputs that the message shows, as {name: value}.
    """
    expected = np.asarray(expected, dtype=np.float64)
    try:
        array = np.asarray(
            to_numpy(value.data if isinstance(value, Tensor) else value), dtype=np.float64
        )
    except (TypeError, ValueError):
        array = None
    if value is None or value is Ellipsis or array is None:
        came = "nothing: the function is empty, or it has no `return`"
        came = came if value is None or value is Ellipsis else f"a {type(value).__name__}"
        mistake = ""
    elif is_same(array, expected):
        return
    else:
        found = [text for wrong, text in mistakes if is_same(array, wrong)]
        came, mistake = show(array), found[0] if found else describe_difference(array, expected)
    raise AnswerError(message(part, came, show(expected), mistake, think, given or {}))


def describe_difference(value: np.ndarray, expected: np.ndarray) -> str:
    """Return how a wrong value differs from the right one: shape, sign, factor, or element."""
    if value.shape != expected.shape:
        return (
            f"the shape is {value.shape} and should be {expected.shape}. Which axes are summed, "
            "and which are not?"
        )
    if not np.isfinite(value).all():
        return "there is a NaN or an infinity: a division by 0, or the logarithm of 0?"
    if is_same(-value, expected):
        return "the sign. The numbers are right, with the other sign."
    if value.size == 1:
        return ""
    scale = float((value * value).sum())
    factor = float((value * expected).sum()) / scale if scale else 0.0
    if factor and is_same(factor * value, expected):
        return f"a constant factor. Multiplied by {factor:.4g}, the numbers are right."
    offset = float((expected - value).mean())
    if is_same(value + offset, expected):
        return f"a constant term. With {offset:.4g} added, the numbers are right."
    place = tuple(int(i) for i in np.unravel_index(abs(value - expected).argmax(), value.shape))
    return (
        f"the element {place} differs most: it is {value[place]:.6g} and should be "
        f"{expected[place]:.6g}."
    )


def check_rule(
    part: str,
    rule: Callable,
    forward: Callable,
    values: dict[str, np.ndarray],
    argument: str,
    *,
    expected: Callable,
    mistakes: Sequence[tuple[Callable, str]] = (),
    think: str = "",
    order: int = 2,
) -> None:
    """Raise AnswerError unless the rule of one argument of `forward` passes `check_grads`.

    Parameters
    ----------
    rule : callable
        The student's rule(g, *names). The names are those of the arguments of `forward`.
    forward : callable
        A function of arrays.
    values : {name: array}
        The arguments of `forward`.
    argument : str
        The argument that is differentiated. The others are constants.
    expected : callable
        From g to the right cotangent, which is shown if the rule is wrong.
    mistakes : pairs (callable, str)
        From g to the cotangent of a typical mistake, and what to say.
    order : int
        The number of derivatives to check. From 2 on, the rule also runs on Tensors.
    """
    op = primitive(forward)
    op.vjp(**{argument: rule})
    y = forward(*values.values())
    g = np.random.default_rng(1).normal(size=np.shape(y)).round(2)
    names = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
    if unknown := [name for name in names if name not in values]:
        raise AnswerError(f"{part}: keep its parameters; {', '.join(unknown)} is unknown here.\n")
    value = call(part, rule, g, *(values[name] for name in names))

    def f(x):
        return op(*(x if name == argument else a for name, a in values.items()))

    try:
        check_grads(f, values[argument], order=order)
    except Exception as error:
        pairs = [(wrong(g), text) for wrong, text in mistakes]
        given = {"g": g, **{name: values[name] for name in names}}
        compare(part, value, expected(g), think=think, mistakes=pairs, given=given)
        # The values are right, so the rule fails on Tensors, in the second derivative.
        raise AnswerError(
            f"{part} is right on arrays, but cannot be differentiated a second time.\n\n"
            f"{describe_error(error)}\n\n{SECOND_TIME}\n"
        ) from error
