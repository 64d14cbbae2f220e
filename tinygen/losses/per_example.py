"""One number per example: the sum over an example's axes, and the way back for its cotangent."""

from __future__ import annotations

from ..ops.arguments import check_floating, check_sums

__all__ = ["check_examples", "expand_per_example", "sum_per_example"]


def sum_per_example(a):
    """Return the sum of an array or Tensor (N, ...) over all axes but the first: (N,)."""
    return a.sum(axis=tuple(range(1, a.ndim)))


def expand_per_example(g, like):
    """Return a cotangent (N,) as (N, 1, ...), with as many axes as `like`.

    This is the backward pass of `sum_per_example`: each summand of an example receives the
    example's g. The axes of length 1 leave the copying to broadcasting.
    """
    return g.reshape(g.shape + (1,) * (like.ndim - 1))


def check_examples(name: str, **arrays) -> None:
    """Refuse arrays whose shapes differ or that have no axis of examples, and sums in float16.

    Parameters
    ----------
    name : str
        The function that received them, for the message.
    **arrays
        Its arguments, by name.

    Raises
    ------
    ValueError
        Unless all have the same shape (N, ...).
    TypeError
        If none is floating point, or none has more digits than float16.
    """
    shapes = {key: getattr(a, "shape", ()) for key, a in arrays.items()}
    first = next(iter(shapes.values()))
    if not first or any(shape != first for shape in shapes.values()):
        received = ", ".join(f"{key} {shape}" for key, shape in shapes.items())
        raise ValueError(
            f"{name}: got {received}; these must have the same shape (N, ...), N examples first. "
            "Nothing is broadcast, since (N,) and (N, 1) would silently give (N, N)"
        )
    check_floating(name, **arrays)
    check_sums(name, **arrays)
