"""Operations on latent codes: interpolation, attribute vectors, traversals and grids.

They are functions of arrays, whichever model the codes belong to:

    lerp, slerp         interpolation: z_t = (1 - t) z_1 + t z_2, and slerp for spaces whose codes
                        are samples of N(0, I)
    attribute_vector    arithmetic: z' = z + (mean with glasses) - (mean without glasses)
    traversal           one dimension changes at a time
    grid                a plane in the latent space

A model needs `decode` (for a generator, its forward pass), and `encode` if the codes of given
images are wanted. Codes are arrays (..., latent_dim), of NumPy or CuPy.

**Why interpolation works.** No loss asks for it. But a decoder is a smooth function, so the images
along a segment change gradually.

**Why attribute vectors work.** Suppose that an attribute moves all codes by about the same vector,
whoever the person is. Then this vector is left in the difference of two means over many people,
because everything else averages out, *if it is independent of the attribute*. Where beards come
with dark hair, the vector "beard" also darkens the hair (`data.faces(..., correlation=1)` shows
it).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .backend import array_module

__all__ = ["attribute_vector", "grid", "lerp", "slerp", "traversal"]

Array = Any


def lerp(z1: Array, z2: Array, steps: int) -> Array:
    """Interpolate linearly: z_t = (1 - t) z1 + t z2 for `steps` equidistant t from 0 to 1.

    Between two samples of N(0, I) in many dimensions, the middle is *short*. A sample has the
    length |z| of about sqrt(latent_dim), the middle only sqrt(latent_dim / 2), where there are no
    samples. `slerp` keeps the length.

    Parameters
    ----------
    z1, z2 : codes (..., latent_dim) of one shape.
    steps : number of codes, both ends included; at least 2.

    Returns
    -------
    z : (..., steps, latent_dim).
    """
    z1, z2, t = _prepare("lerp", z1, z2, steps)
    return (1 - t) * z1 + t * z2


def slerp(z1: Array, z2: Array, steps: int) -> Array:
    """Interpolate spherically: the direction turns at constant speed from that of z1 to that of z2.

    **Math** with the unit vectors u = z / |z|, and the angle w between them, cos w = u_1 . u_2,

        l_t = (1 - t) |z_1| + t |z_2|                                   the length
        z_t = l_t (sin((1 - t) w) u_1 + sin(t w) u_2) / sin w.

    **Numerics** near w = 0, sin w in the denominator is inaccurate. So z_t is computed in an
    orthonormal basis of the plane, u_1 and e = (u_2 - cos w u_1) / sin w:

        z_t = l_t (cos(t w) u_1 + sin(t w) e).

    Both are equal: insert u_2 = cos w u_1 + sin w e, and use
    sin((1 - t) w) = sin w cos(t w) - cos w sin(t w).

    **Source** Shoemake, Animating Rotation with Quaternion Curves, 1985; White, Sampling
    Generative Networks, 2016.

    Parameters
    ----------
    z1, z2 : codes (..., latent_dim) of one shape.
    steps : number of codes, both ends included; at least 2.

    Returns
    -------
    z : (..., steps, latent_dim).

    Raises
    ------
    ValueError
        For a code of length 0, which has no direction; and for codes in opposite directions,
        between which every way is equally short.
    """
    z1, z2, t = _prepare("slerp", z1, z2, steps)
    length1, length2 = ((z * z).sum(-1, keepdims=True) ** 0.5 for z in (z1, z2))
    if not ((length1 > 0).all() and (length2 > 0).all()):
        raise ValueError(
            "slerp: a code of length 0 has no direction to turn from; use lerp, or drop it"
        )
    u1, u2 = z1 / length1, z2 / length2
    cos = (u1 * u2).sum(-1, keepdims=True)
    e = u2 - cos * u1  # orthogonal to u1, of length sin w
    sin = (e * e).sum(-1, keepdims=True) ** 0.5
    if ((cos < 0) & (sin < 1e-6)).any():
        raise ValueError(
            "slerp: two codes point in opposite directions, and no way round is the shortest; "
            "move one a little"
        )
    w = np.arctan2(sin, cos)
    e = e / np.where(sin > 0, sin, 1)  # for equal directions e is 0, and w is 0
    return ((1 - t) * length1 + t * length2) * (np.cos(t * w) * u1 + np.sin(t * w) * e)


def attribute_vector(codes: Array, has_attribute: Array) -> Array:
    """Return the mean code of the examples with an attribute minus that of those without.

    Add it to any code to give it the attribute:

        edited = decode(encode(x) + attribute_vector(codes, has_glasses))

    Parameters
    ----------
    codes : (n, latent_dim). What is unrelated to the attribute averages out as 1 / sqrt(n).
    has_attribute : bool (n,). Both values must occur.

    Returns
    -------
    vector : (latent_dim,).

    Raises
    ------
    ValueError
        If the shapes do not match, or no example has the attribute, or every one has it.
    """
    xp = array_module(codes)
    has_attribute = xp.asarray(has_attribute)
    is_mask = has_attribute.shape == codes.shape[:1] and has_attribute.dtype == bool
    if codes.ndim != 2 or not is_mask:
        raise ValueError(
            "attribute_vector: needs codes (n, latent_dim) and one bool per code, (n,); got "
            f"{codes.shape} and {has_attribute.dtype} {has_attribute.shape}"
        )
    count = int(has_attribute.sum())
    if count in (0, len(codes)):
        raise ValueError(
            f"attribute_vector: {'every one' if count else 'none'} of the {len(codes)} examples "
            "has the attribute; the vector is a difference, and needs examples with and without it"
        )
    return codes[has_attribute].mean(0) - codes[~has_attribute].mean(0)


def traversal(z: Array, values: Array) -> Array:
    """Set each dimension of a code in turn to each value, while the others stay.

    Parameters
    ----------
    z : one code (latent_dim,).
    values : (k,).

    Returns
    -------
    codes : (latent_dim, k, latent_dim). In codes[i, j] dimension i has the value j.
    """
    xp = array_module(z)
    _check_floats("traversal", z)
    values = xp.asarray(values, z.dtype)
    if z.ndim != 1 or values.ndim != 1:
        raise ValueError(
            f"traversal: needs one code (latent_dim,) and values (k,); got {z.shape} and "
            f"{values.shape}. Take z[i] of several"
        )
    codes = np.broadcast_to(z, (len(z), len(values), len(z))).copy()
    i = xp.arange(len(z))
    codes[i, :, i] = values
    return codes


def grid(origin: Array, right: Array, up: Array, values: Array) -> Array:
    """Return the codes origin + a right + b up of a plane, as a page shows it.

    `grid(np.zeros(2), *np.eye(2), np.linspace(-3, 3, 20))` is the square [-3, 3]^2 of a
    two-dimensional latent space.

    Parameters
    ----------
    origin, right, up : codes (latent_dim,).
    values : of a, from left to right, and of b, from the bottom up: (k,).

    Returns
    -------
    codes : (k, k, latent_dim), rows from the top down.
    """
    xp = array_module(origin)
    _check_floats("grid", origin, right, up)
    values = xp.asarray(values, origin.dtype)
    are_codes = origin.ndim == 1 and origin.shape == right.shape == up.shape
    if not are_codes or values.ndim != 1:
        raise ValueError(
            f"grid: origin {origin.shape}, right {right.shape} and up {up.shape} must be codes "
            f"(latent_dim,), and values {values.shape} must be (k,)"
        )
    return origin + values[None, :, None] * right + values[::-1, None, None] * up


def _prepare(name: str, z1: Array, z2: Array, steps: int) -> tuple[Array, Array, Array]:
    """Return z1 and z2 with an axis for the steps, (..., 1, latent_dim), and t (steps, 1).

    t has the dtype of the codes.
    """
    _check_floats(name, z1, z2)
    if z1.shape != z2.shape or not z1.ndim:
        raise ValueError(
            f"{name}: z1 {z1.shape} and z2 {z2.shape} must be codes (..., latent_dim) of one "
            "shape: of the same model, and as many"
        )
    if steps < 2:
        raise ValueError(f"{name}: needs at least 2 steps, the ends; got {steps}")
    t = array_module(z1).linspace(0, 1, steps, dtype=np.float64)[:, None].astype(z1.dtype)
    return z1[..., None, :], z2[..., None, :], t


def _check_floats(name: str, *codes: Array) -> None:
    for z in codes:
        if z.dtype.kind != "f":
            raise TypeError(
                f"{name}: got codes of {z.dtype}, which hold no value between two codes; "
                "give floats, for bytes z / 255"
            )
