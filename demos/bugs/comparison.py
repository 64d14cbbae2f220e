"""What every bug of this folder has in common.

Each file here is one bug, or helps some of them. A bug has

    TITLE, SYMPTOM, CHECK, SOURCE    texts: its name, what a person sees, what to assert, and
                                     who met it before
    right, wrong                     two functions that differ in one line
    check(variant)                   raises AssertionError for `wrong`, and not for `right`
    compare(seed)                    runs both, and returns a `Comparison`

The docstring of the file says why the line is wrong.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from typing import NamedTuple

from tinygen.plot.page import Panel

__all__ = ["Comparison", "different_lines"]


class Comparison(NamedTuple):
    """What came out of the right code and of the bug.

    panels : list
        Rows of panels for `save_page`.
    overview : Panel
        The most telling picture, for half of a page.
    measured : dict of pairs
        What was measured: with the right code, and with the bug.
    """

    panels: list
    overview: Panel
    measured: dict[str, tuple[float, float]]


def different_lines(bug) -> tuple[list[str], list[str]]:
    """Return the lines of `right` that `wrong` does not have, and the other way round."""
    lines = [_body(function) for function in (bug.right, bug.wrong)]
    changes = list(difflib.ndiff(*lines))
    return tuple([line[2:] for line in changes if line[0] == sign] for sign in "-+")


def _body(function) -> list[str]:
    """Return the lines of a function without its head, its docstring and comments at their ends."""
    source = textwrap.dedent(inspect.getsource(function))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.splitlines()[docstring.end_lineno :]
    return [line.split("  #")[0].strip() for line in lines]
