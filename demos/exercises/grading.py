"""What the graders share: they compare an answer with the right one, and name the mistake.

    check_value  what a function of the student returns, with the exact value
    check_rule   a derivative rule: its values, and finite differences by `tinygen.check_grads`
    compare      a value with the exact one
    unpack       the values of a function that returns several
    call         runs a function of the student; an error in it becomes a message
    AnswerError  the exception that carries a message to the student

A grader lists typical mistakes as pairs (value, message): what a function returns if this mistake
was made, and what to say then. They are looked for first. Other wrong answers are described by
their shape, their sign, a constant factor, or the element that differs most.

Whatever goes wrong in a function of the student becomes a message: so graders run none of them but
by `call`, `check_value` and `check_rule`.
"""

from __future__ import annotations

import linecache
import re
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
ALLOWED = "operators, methods, and the functions that the exercise imports"
SECOND_TIME = (
    "a function of NumPy, such as np.exp, or an array that is filled in place. The second time, a "
    f"rule is given Tensors: use {ALLOWED}."
)
EMPTY = (
    "the theory at the top of the file. Derive the formula on paper, and try it on the numbers "
    "above."
)
Mistakes = Sequence[tuple[Any, str]]


class AnswerError(Exception):
    """An answer is wrong or missing; the text says what came, what was expected, and why."""


def call(part: str, function: Callable, *args, think: str = "") -> Any:
    """Return what a function of the student returns; an error becomes a message with its line."""
    arrays = [a for a in args if isinstance(a, np.ndarray) and a.flags.writeable]
    try:
        for a in arrays:
            a.flags.writeable = False  # writing into an argument is an error
        return function(*args)
    except BaseException as error:  # also Ctrl-C in an endless loop, and exit()
        lines = [f"{part} stopped with an error.", "", describe_error(error), ""]
        raise AnswerError("\n".join(lines + paragraph("Think of", think))) from error
    finally:
        for a in arrays:
            a.flags.writeable = True


def describe_error(error: BaseException) -> str:
    """Return the error, the last line of the answer that it passed through, and what to do."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == MODULE_NAME:
            text = linecache.getline(frame.f_code.co_filename, line).strip()
            place = f"In line {line}: {text}\n"
    if isinstance(error, KeyboardInterrupt):
        return f"{place}It was stopped here. Is this an endless loop?"
    text = re.sub(r"use tinygen\.ops\.(\w+)\(tensor\)", replacement, str(error))
    if "read-only" in text:
        text += "\nAn argument may not be changed: write x = x - ... in place of x -= ..."
    return f"{place}{type(error).__name__}: {text}"


def replacement(match: re.Match) -> str:
    """Return what a rule can use in place of the function of NumPy that tinygen has refused."""
    is_method = hasattr(Tensor, match[1]) and hasattr(np.ndarray, match[1])
    return f"write x.{match[1]}(...)" if is_method else f"use {ALLOWED}"


def paragraph(title: str, text: str) -> list[str]:
    """Return a titled text in lines of at most 79 columns, and an empty line; or nothing."""
    return [textwrap.fill(f"{title}: {text}", 79), ""] if text else []


def message(
    part: str, came: str, expected: str, cause: tuple[str, str], think: str, given: dict
) -> str:
    """Return what was given, what came, what was expected, and what to think of."""
    lines = [f"{part} is not right yet.", ""]
    values = {f"given {name}": show(value) for name, value in given.items()}
    values |= {"came": came, "expected": expected}
    width = max(map(len, values))
    for name, text in values.items():
        lines.append(f"{name:{width}}  " + text.replace("\n", "\n" + " " * (width + 2)))
    return "\n".join([*lines, "", *paragraph(*cause), *paragraph("Think of", think)])


def show(value: Any, digits: int = 4) -> str:
    """Return a short text of a number or an array."""
    array = np.asarray(value)
    text = np.array2string(array, precision=digits, suppress_small=True, threshold=40, edgeitems=2)
    text = "\n".join(line for line in text.splitlines() if line.strip())
    return f"{text} of shape {array.shape}" if array.ndim else text


def is_same(a: np.ndarray, b: Any, tolerance: float = TOLERANCE) -> bool:
    """Whether two arrays have one shape and, up to rounding, the same values."""
    b = np.asarray(b, dtype=np.float64)
    scale = max(1.0, float(abs(b).max(initial=0)))
    return a.shape == b.shape and bool((abs(a - b) <= tolerance * scale).all())


def check_array(part: str, value: Any) -> None:
    """Raise AnswerError for a list, and for an array of another type than the arguments have."""
    if isinstance(value, (list, tuple)):
        raise AnswerError(f"{part}: return an array, not a {type(value).__name__}.\n")
    if getattr(value, "dtype", np.float64) != np.float64:
        raise AnswerError(
            f"{part}: the result has the dtype {value.dtype}, and the arguments have float64.\n"
            "Leave the dtype as it is.\n"
        )


def unpack(part: str, result: Any, *names: str) -> Sequence:
    """Return a result of several values, each None if the function is empty."""
    if result is None or result is Ellipsis:
        return [None] * len(names)
    if not isinstance(result, (tuple, list)) or len(result) != len(names):
        count = f", not {len(result)}" if isinstance(result, (tuple, list)) else ""
        raise AnswerError(f"{part}: return {len(names)} values{count}: {', '.join(names)}.\n")
    return result


def check_value(
    part: str,
    function: Callable,
    values: dict[str, Any],
    expected: Any,
    *,
    think: str = "",
    mistakes: Mistakes = (),
) -> None:
    """Raise AnswerError unless a function of the student, given `values`, returns `expected`."""
    value = call(part, function, *values.values(), think=think)
    compare(part, value, expected, think=think, mistakes=mistakes, given=values)


def compare(
    part: str,
    value: Any,
    expected: Any,
    *,
    think: str = "",
    mistakes: Mistakes = (),
    given: dict | None = None,
    tolerance: float = TOLERANCE,
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
    cause, right = ("", ""), show(expected)
    if value is None or value is Ellipsis:
        came, think = "nothing: the function is empty, or it has no `return`", EMPTY
    elif array is None:
        came = f"a {type(value).__name__}"
    elif is_same(array, expected, tolerance):
        return
    else:
        found = [text for wrong, text in mistakes if is_same(array, wrong)]
        digits = 4 if show(array) != right else 12  # of numbers that differ by little
        came, right = show(array, digits), show(expected, digits)
        cause = ("Likely mistake", found[0]) if found else describe_difference(array, expected)
    raise AnswerError(message(part, came, right, cause, think, given or {}))


def describe_difference(value: np.ndarray, expected: np.ndarray) -> tuple[str, str]:
    """Return how a wrong value differs from the right one: a title and a text."""
    if value.shape != expected.shape:
        text = f"the shape is {value.shape} and should be {expected.shape}."
        if max(value.ndim, expected.ndim) > 1:
            text += " Which axes are summed, and which are not?"
        return "Likely mistake", text
    if not np.isfinite(value).all():
        text = "there is a NaN or an infinity: a division by 0, or the logarithm of 0?"
        return "Likely mistake", text
    if is_same(-value, expected):
        return "Likely mistake", "the sign. The numbers are right, with the other sign."
    if value.size == 1:
        return "", ""
    scale = float((value * value).sum())
    factor = float((value * expected).sum()) / scale if scale else 0.0
    offset = float((expected - value).mean())
    if factor and abs(factor - 1) > 1e-3 and is_same(factor * value, expected):
        text = f"a constant factor. Multiplied by {factor:.4g}, the numbers are right."
        return "Likely mistake", text
    if abs(offset) > 1e-3 and is_same(value + offset, expected):
        text = f"a constant term. With {offset:.4g} added, the numbers are right."
        return "Likely mistake", text
    place = tuple(int(i) for i in np.unravel_index(abs(value - expected).argmax(), value.shape))
    text = f"element {place} is {value[place]:.8g} and should be {expected[place]:.8g}."
    return "Largest difference", text


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
    """Raise AnswerError unless the rule of one argument of `forward` is right.

    Its values are compared with the right ones, then its derivatives by `check_grads`.

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
        From g to the right cotangent, which the message shows if the rule is wrong.
    mistakes : pairs (callable, str)
        From g to the cotangent of a typical mistake, and what to say.
    order : int
        The number of derivatives to check. From 2 on, the rule also runs on Tensors.
    """
    y = forward(*values.values())
    check_array(getattr(forward, "__name__", part), y)
    g = np.random.default_rng(1).normal(size=np.shape(y)).round(2)
    names = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
    if unknown := [name for name in names if name not in values]:
        raise AnswerError(f"{part}: keep its parameters; {', '.join(unknown)} is unknown here.\n")
    value = call(part, rule, g, *(values[name] for name in names), think=think)
    check_array(part, value)
    pairs = [(wrong(g), text) for wrong, text in mistakes]
    given = {"g": g, **{name: values[name] for name in names}}
    compare(part, value, expected(g), think=think, mistakes=pairs, given=given)

    op = primitive(forward)
    op.vjp(**{argument: rule})

    def f(x):
        return op(*(x if name == argument else a for name, a in values.items()))

    for n in range(1, order + 1):
        try:
            check_grads(f, values[argument], order=n)
        except BaseException as error:
            what = f"{part} is right for this g, but not for another."
            if n > 1:
                what = f"{part} is right on arrays, but cannot be differentiated a second time."
            mistake = paragraph("Likely mistake", SECOND_TIME if n > 1 else "")
            lines = [what, "", describe_error(error), "", *mistake]
            raise AnswerError("\n".join(lines)) from error
