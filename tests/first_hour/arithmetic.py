"""Operators, comparisons and logic."""

import numpy as np

from tests.first_hour.phrases import SAME, Row, torch
from tinygen import ops


def in_place(x, y):
    """On what is computed, `+=` and the like are differentiable."""
    z = x * 1.0
    z += y
    z -= 0.5
    z *= x
    z /= 3.0
    return z


ROWS = [
    # Operators, with numbers on either side
    Row("x + y", lambda x, y: x + y, SAME, SAME),
    Row("x + number", lambda x: x + 1.5, SAME, SAME),
    Row("number + x", lambda x: 2 + x, SAME, SAME),
    Row("x - y", lambda x, y: x - y, SAME, SAME),
    Row("number - x", lambda x: 1 - x, SAME, SAME),
    Row("x * y", lambda x, y: x * y, SAME, SAME),
    Row("number * x", lambda x: 2 * x, SAME, SAME),
    Row("x / y", lambda x, positive: x / positive, SAME, SAME),
    Row("number / x", lambda positive: 1 / positive, SAME, SAME),
    Row("x // y", lambda x, y: x // y, SAME, lambda x, y: x.detach() // y.detach()),
    Row("number // x", lambda x: 5 // x, SAME, lambda x: 5 // x.detach()),
    Row("x % number", lambda x: x % 0.75, SAME, SAME),
    Row("x % y", lambda x, positive: x % positive, SAME, SAME),
    Row("number % x", lambda positive: 5 % positive, SAME),
    Row("divmod", lambda x, positive: divmod(x, positive), SAME),
    Row("x ** 2", lambda x: x**2, SAME, SAME),
    Row("x ** 3.0", lambda x: x**3.0, SAME, SAME),
    Row("x ** 0.5", lambda positive: positive**0.5, SAME, SAME),
    Row("x ** -1", lambda positive: positive**-1, SAME, SAME),
    Row("x ** y", lambda positive, y: positive**y, SAME, SAME),
    Row("number ** x", lambda x: 2**x, SAME, SAME),
    Row("-x", lambda x: -x, SAME, SAME),
    Row("+x", lambda x: +x, SAME, SAME),
    Row("abs(x)", lambda x: abs(x), SAME, SAME),
    Row("integers // number", lambda integers: integers // 2, SAME, SAME),
    Row("integers % number", lambda integers: integers % 3, SAME, SAME),
    Row("integers / number", lambda integers: integers.astype(np.float64) / 2, SAME, None),
    Row("x += y of a result", in_place, SAME, SAME),
    # Broadcasting
    Row("matrix + row", lambda x, row: x + row, SAME, SAME),
    Row("matrix * column", lambda x, column: x * column, SAME, SAME),
    Row("column - row", lambda column, row: column - row, SAME, SAME),
    Row("matrix * scalar tensor", lambda x, scalar: x * scalar, SAME, SAME),
    Row("tensor * NumPy scalar", lambda x: x * np.sqrt(2.0), SAME, SAME),
    Row("array + tensor", lambda x: np.ones((3, 4)) + x, SAME, lambda x: 1 + x),
    Row("tensor * array", lambda x: x * np.arange(4.0), SAME, lambda x: x * torch.arange(4.0)),
    # Comparisons and logic
    Row("x > y", lambda x, y: x > y, SAME, SAME),
    Row("x >= number", lambda x: x >= 0.5, SAME, SAME),
    Row("number < x", lambda x: 0 < x, SAME, SAME),
    Row("x == x", lambda x: x == x * 1, SAME, SAME),
    Row("integers != number", lambda integers: integers != 3, SAME, SAME),
    Row("mask & mask", lambda mask, mask2: mask & mask2, SAME, SAME),
    Row("mask | mask", lambda mask, mask2: mask | mask2, SAME, SAME),
    Row("mask ^ mask", lambda mask, mask2: mask ^ mask2, SAME, SAME),
    Row("~mask", lambda mask: ~mask, SAME, SAME),
    Row("an interval", lambda x: (x > -0.5) & (x < 0.5), SAME, SAME),
    Row(
        "logical_and",
        lambda mask, mask2: ops.logical_and(mask, mask2),
        lambda mask, mask2: np.logical_and(mask, mask2),
        lambda mask, mask2: torch.logical_and(mask, mask2),
    ),
    Row(
        "logical_not",
        lambda mask: ops.logical_not(mask),
        lambda mask: np.logical_not(mask),
        lambda mask: torch.logical_not(mask),
    ),
    Row("isnan", lambda x: ops.isnan(x), lambda x: np.isnan(x), lambda x: torch.isnan(x)),
    Row(
        "isfinite", lambda x: ops.isfinite(x), lambda x: np.isfinite(x), lambda x: torch.isfinite(x)
    ),
]
