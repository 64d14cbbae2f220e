"""What `print(model)` shows: the layers, their settings, and the shapes of their parameters."""

from __future__ import annotations

from typing import Any

__all__ = ["summarize"]

MAX_COLUMN = 72  # where the numbers of parameters begin, at most


def summarize(module: Any) -> str:
    """Return a line for each module, with the number and the shapes of its own parameters.

    A module without children is one line. Otherwise the children are indented, the numbers stand
    in a column, and the last line has their sum, in which a shared parameter counts once.
    """
    lines = _lines(module, "", "")
    if len(lines) == 1:
        [(text, number, shapes)] = lines
        return text if number is None else f"{text}  {_count(number)}: {shapes}"
    with_numbers = [(text, number) for text, number, _ in lines if number is not None]
    column = min(max((len(text) for text, _ in with_numbers), default=0), MAX_COLUMN)
    digits = max((len(f"{number:,}") for _, number in with_numbers), default=0)
    rows = [
        text if number is None else f"{text:{column}}  {number:>{digits},}  {shapes}"
        for text, number, shapes in lines
    ]
    return "\n".join([*rows, _total(module)])


def _lines(module: Any, indent: str, name: str) -> list[tuple[str, int | None, str]]:
    """Return (text, number of parameters or None, their shapes) for each line."""
    begin = f"{indent}{name}{type(module).__name__}("
    settings, children = module.extra_repr(), list(module.named_children())
    own = list(module.named_parameters(recurse=False))
    number = sum(p.size for _, p in own) if own else None
    shapes = ", ".join(
        f"{name} {p.shape}" + ("" if p.requires_grad else " frozen") for name, p in own
    )
    if not children:
        return [(f"{begin}{settings})", number, shapes)]
    lines = [(begin, number, shapes)]
    if settings:
        lines.append((f"{indent}  {settings}", None, ""))
    for child_name, child in children:
        lines += _lines(child, f"{indent}  ", f"({child_name}): ")
    return [*lines, (f"{indent})", None, "")]


def _total(module: Any) -> str:
    frozen = sum(p.size for p in module.parameters() if not p.requires_grad)
    return _count(module.num_parameters()) + (f", {frozen:,} of them frozen" if frozen else "")


def _count(number: int) -> str:
    return f"{number:,} parameter{'s' * (number != 1)}"
