"""Walking in a latent space: interpolation, arithmetic with attributes, traversals, grids. Functions on arrays of codes, whatever model made them.

    z_t = (1 - t) z_1 + t z_2            `lerp`, and `slerp` for spaces whose codes are drawn from N(0, I)
    with glasses - without + z = z'      `attribute_vector`: a mean of codes minus a mean of codes is a direction; add it to any code
    a plane, cut through the space       `grid`, and `traversal` for one dimension at a time

A model takes part if it has `decode` (a generator's is its forward pass), and `encode` where codes of given pictures are wanted. **Why it works at all**:
nothing trains for it. A decoder is smooth, so along a segment pictures change little by little; and if one attribute moves all codes by about the
same vector, whoever the person, then a mean over many people leaves that vector: everything else averages out, *if it is independent of the
attribute*. Where beards come with dark hair, the vector "beard" darkens hair (`data.faces(..., correlation=1)` shows it).

Codes are arrays (..., latent_dim), of NumPy or CuPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import array_module

__all__ = ["attribute_vector", "grid", "lerp", "slerp", "traversal"]

Array = Any


def lerp(z1: Array, z2: Array, steps: int) -> Array:
    """z_t = (1 - t) z1 + t z2 at `steps` equal distances from t = 0 to t = 1: codes (..., latent_dim) to (..., steps, latent_dim).

    Between two codes of N(0, I) in many dimensions the middle is *short*: |z| is about sqrt(latent_dim) for a draw, and sqrt(latent_dim / 2) there, a
    place where no draw lies. `slerp` keeps the length.
    """
    z1, z2, t = _ends("lerp", z1, z2, steps)
    return (1 - t) * z1 + t * z2


def slerp(z1: Array, z2: Array, steps: int) -> Array:
    """The path that turns from the direction of z1 to that of z2 at constant speed, while its length goes evenly from |z1| to |z2|.

        z_t = l_t (sin((1 - t) w) u1 + sin(t w) u2) / sin w,    u = z / |z|,  cos w = u1 . u2,  l_t = (1 - t) |z1| + t |z2|

    It is computed in the plane's own right-angled axes, u1 and the part of u2 across it, which also serve where w is near 0. Raises ValueError for a
    code of length 0, which has no direction, and for opposite codes, between which every way is as short.

    **Source**: Shoemake, Animating rotation with quaternion curves, 1985; White, Sampling generative networks, 2016.
    """
    z1, z2, t = _ends("slerp", z1, z2, steps)
    length1, length2 = ((z * z).sum(-1, keepdims=True) ** 0.5 for z in (z1, z2))
    if not ((length1 > 0).all() and (length2 > 0).all()):
        raise ValueError("slerp: a code of length 0 has no direction to turn from; use lerp, or drop it")
    u1, u2 = z1 / length1, z2 / length2
    cos = (u1 * u2).sum(-1, keepdims=True)
    across = u2 - cos * u1
    sin = (across * across).sum(-1, keepdims=True) ** 0.5
    if ((cos < 0) & (sin < 1e-6)).any():
        raise ValueError("slerp: two codes point in opposite directions, and no way round is the shortest; move one a little")
    xp = array_module(z1)
    w = xp.arctan2(sin, cos)
    across = across / xp.where(sin > 0, sin, 1)  # one direction: no part across, and w = 0
    return ((1 - t) * length1 + t * length2) * (xp.cos(t * w) * u1 + xp.sin(t * w) * across)


def attribute_vector(codes: Array, has: Array) -> Array:
    """The vector of an attribute: the mean code of the examples that have it minus the mean of those that have not, (latent_dim,).

        edited = decode(encode(x) + attribute_vector(codes, glasses))

    Parameters
    ----------
    codes : (n, latent_dim), the more the better: what is unrelated to the attribute averages out as 1 / sqrt(n).
    has : bool (n,). Both kinds must occur: ValueError if one has no example.
    """
    xp = array_module(codes)
    has = xp.asarray(has)
    if codes.ndim != 2 or has.shape != codes.shape[:1] or has.dtype != bool:
        raise ValueError(f"attribute_vector: needs codes (n, latent_dim) and one bool a code, (n,); got {codes.shape} and {has.dtype} {has.shape}")
    count = int(has.sum())
    if count in (0, len(codes)):
        raise ValueError(f"attribute_vector: {'every one' if count else 'none'} of the {len(codes)} examples has it; the vector is a difference, and needs both kinds")
    return codes[has].mean(0) - codes[~has].mean(0)


def traversal(z: Array, values: Array) -> Array:
    """One code (latent_dim,), each dimension in turn set to each of `values` (k,) while the others stay: (latent_dim, k, latent_dim)."""
    xp = array_module(z)
    _check_floats("traversal", z)
    values = xp.asarray(values, z.dtype)
    if z.ndim != 1 or values.ndim != 1:
        raise ValueError(f"traversal: needs one code (latent_dim,) and values (k,); got {z.shape} and {values.shape}. Take z[i] of several")
    moved = xp.broadcast_to(z, (len(z), len(values), len(z))).copy()
    i = xp.arange(len(z))
    moved[i, :, i] = values
    return moved


def grid(origin: Array, right: Array, up: Array, values: Array) -> Array:
    """A plane, as a page shows it: origin + a right + b up, (k, k, latent_dim), a of `values` (k,) from left to right, b of them from the bottom up.

    `grid(np.zeros(2), *np.eye(2), np.linspace(-3, 3, 20))` is the square itself of a two-dimensional space.
    """
    xp = array_module(origin)
    _check_floats("grid", origin, right, up)
    values = xp.asarray(values, origin.dtype)
    if not (origin.ndim == values.ndim == 1 and origin.shape == right.shape == up.shape):
        raise ValueError(f"grid: origin {origin.shape}, right {right.shape} and up {up.shape} must be codes (latent_dim,), and values {values.shape} must be (k,)")
    return origin + values[None, :, None] * right + values[::-1, None, None] * up


def _ends(name: str, z1: Array, z2: Array, steps: int) -> tuple[Array, Array, Array]:
    """z1 and z2 with an axis for the steps, and t (steps, 1) in their dtype."""
    _check_floats(name, z1, z2)
    if z1.shape != z2.shape or not z1.ndim:
        raise ValueError(f"{name}: z1 {z1.shape} and z2 {z2.shape} must be codes (..., latent_dim) of one shape: of the same model, and as many")
    if steps < 2:
        raise ValueError(f"{name}: needs at least 2 steps, the ends; got {steps}")
    t = array_module(z1).linspace(0, 1, steps, dtype=np.float64)[:, None].astype(z1.dtype)
    return z1[..., None, :], z2[..., None, :], t


def _check_floats(name: str, *codes: Array) -> None:
    for z in codes:
        if z.dtype.kind != "f":
            raise TypeError(f"{name}: got codes of {z.dtype}, which hold no value between two codes; give floats, for bytes z / 255")
