"""What the pen does for each digit: templates of strokes, and the curves through their knots."""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["SEGMENTS", "TEMPLATES", "catmull_rom", "compile_template", "template_tables"]

# Knots "x,y" in hundredths of half the digit's height, x to the right and y down; "|" lifts the
# pen. Strokes that name the same knot share it. So a joint stays a joint after the jitter, and a
# corner is a joint of two strokes.
TEMPLATES: tuple[tuple[str, ...], ...] = (
    (  # 0: closed with an overlap; begun at the upper right; left a little open
        "8,-100 -46,-52 -46,56 4,100 52,46 46,-62 8,-100 -46,-52",
        "32,-86 -14,-98 -54,-16 -30,84 26,92 56,0 32,-86 -14,-98",
        "-4,-98 -54,-24 -34,82 24,94 56,10 30,-84 -8,-94",
    ),
    (  # 1: a bar; a bowed bar; with a flag; with a flag and a foot
        "0,-100 0,100",
        "4,-100 -2,0 -4,100",
        "-20,-70 4,-100 | 4,-100 2,0 0,100",
        "-28,-66 2,-100 | 2,-100 0,98 | -38,98 0,98 38,98",
    ),
    (  # 2: an angle at the foot; loops at the foot, small and large; a low arch; like a z
        "-50,-58 -20,-94 28,-92 46,-50 18,6 -54,94 | -54,94 0,90 58,92",
        "-48,-64 -10,-100 38,-78 36,-22 -44,88 -62,70 -36,58 2,84 60,84",
        "-52,-70 4,-100 40,-62 10,10 -40,90 -68,62 -30,40 20,72 72,80",
        "-44,-72 0,-100 40,-70 24,-10 -50,88 | -50,88 -4,84 62,86",
        "-54,-80 0,-96 46,-74 | 46,-74 10,0 -54,90 | -54,90 60,88",
    ),
    (  # 3: two arcs meeting in a point; a small loop there; a flat top; wide below
        "-46,-78 -6,-100 38,-78 28,-30 -10,-8 | -10,-8 34,8 50,50 16,94 -48,80",
        "-48,-70 0,-100 42,-66 14,-16 -18,-4 -4,8 36,24 44,66 0,100 -50,76",
        "-46,-92 44,-92 | 44,-92 -8,-16 | -8,-16 40,0 48,54 8,98 -46,82",
        "-36,-84 4,-100 32,-70 -16,-14 | -16,-14 44,4 58,54 0,98 -64,72",
    ),
    (  # 4: open; closed; one curved cup and a stem; the stem to the right of the cup
        "-34,-92 -46,-40 -52,8 | -52,8 0,8 60,0 | 36,-98 30,0 22,100",
        "20,-100 -18,-42 -60,24 | -60,24 0,24 62,20 | 20,-100 18,0 14,100",
        "-44,-88 -56,-30 -34,4 6,0 46,-20 | 50,-94 42,-20 30,36 18,100",
        "-36,-90 -58,4 | -58,4 44,-2 | 44,-84 44,-2 | 44,-2 40,100",
    ),
    (  # 5: an angle; a soft shoulder; one straight back; a wide roof
        "-34,-92 -44,-12 | -44,-12 0,-30 42,-2 46,50 6,96 -50,80 | -34,-92 10,-94 54,-98",
        "50,-98 -26,-86 | -26,-86 -34,-50 -30,-20 12,-6 42,30 30,80 -14,100 -54,76",
        "54,-90 -22,-92 | -22,-92 -42,-16 | -42,-16 10,-24 44,14 32,74 -10,98 -50,86",
        "76,-100 10,-88 -14,-84 | -14,-84 -30,-24 | -30,-24 18,-10 22,62 -22,98 -62,72",
    ),
    (  # 6: a curved back; a straight back; a small loop; a wide one
        "28,-100 -22,-58 -46,24 -36,82 8,98 42,58 16,12 -46,24",
        "8,-100 -26,-40 -44,40 -10,98 38,70 22,16 -42,60",
        "34,-96 -30,-64 -50,20 -32,86 16,96 44,54 6,20 -36,56",
        "-14,-100 -46,-16 -50,46 -8,100 46,76 42,20 4,18 -30,64",
    ),
    (  # 7: plain; crossed; with a serif; with a bowed stem
        "-50,-86 50,-92 | 50,-92 -2,30 -18,100",
        "-48,-88 50,-92 | 50,-92 2,30 -16,100 | -24,8 46,0",
        "-52,-58 -48,-88 | -48,-88 48,-92 | 48,-92 22,10 8,100",
        "-54,-76 -10,-92 40,-86 34,-30 0,30 -14,100",
    ),
    (  # 8: a stroke that crosses itself; the same, begun in the middle; two rings; open at the top
        "36,-76 0,-100 -38,-70 -18,-24 40,58 0,100 -42,60 -16,12 40,-70 22,-92",
        "4,-2 -34,-44 -22,-90 20,-96 38,-54 -34,36 -36,82 8,100 42,66 26,22 2,-4",
        "0,-100 -36,-80 -34,-30 2,-8 36,-32 38,-80 0,-100"
        " | 2,-8 -40,24 -38,84 2,100 42,82 40,22 2,-8",
        "44,-84 0,-98 -40,-66 -6,-14 36,50 6,98 -38,70 -10,8 46,-80",
    ),
    (  # 9: a round head; a hooked tail; a slim one in one stroke; with a large head
        "40,-52 8,-8 -44,-24 -46,-76 -4,-104 36,-94 40,-50 34,30 26,100",
        "40,-56 12,-12 -38,-22 -46,-74 -4,-104 38,-90 44,-30 38,50 6,96 -38,80",
        "38,-90 -2,-102 -44,-70 -36,-20 8,-16 38,-90 | 38,-90 28,10 14,100",
        "46,-78 -10,-96 -52,-40 -20,4 46,-78 | 46,-78 34,20 20,100",
    ),
)

SEGMENTS = 32  # straight pieces of a digit: about 1.4 pixels each at size 28
# Passes of (1 2 1) / 4 along a stroke. They round its bends, as a hand does, and keep its ends.
SMOOTHING = 3


def catmull_rom(num_knots: int, num_segments: int) -> np.ndarray:
    """Return the weights of knots at equally spaced parameters along a Catmull-Rom curve.

    **Math** Between knots k1 and k2, with neighbours k0 and k3 and a parameter t from 0 to 1, the
    curve is the cubic with

        c(0) = k1,  c'(0) = (k2 - k0) / 2,
        c(1) = k2,  c'(1) = (k3 - k1) / 2.

    A stroke's first knot has no neighbour k0: the reflection 2 k1 - k2 of the next knot replaces
    it. At the last knot, 2 k2 - k1 replaces k3. So a stroke with two knots is a straight line.

    **Source** Catmull and Rom, A class of local interpolating splines, 1974.

    Parameters
    ----------
    num_knots : int
        K, at least 2.
    num_segments : int
        S, the number of equal parameter intervals.

    Returns
    -------
    array (S + 1, K)
        Times the knots (K, 2), it gives the points on the curve.
    """
    eye = np.eye(num_knots)
    before, after = 2 * eye[:1] - eye[1:2], 2 * eye[-1:] - eye[-2:-1]
    padded = np.concatenate([before, eye, after])
    u = np.linspace(0, num_knots - 1, num_segments + 1)
    i = np.minimum(u.astype(int), num_knots - 2)
    t = (u - i)[:, None]
    k0, k1, k2, k3 = (padded[i + j] for j in range(4))
    linear = (k2 - k0) / 2
    quadratic = k0 - 2.5 * k1 + 2 * k2 - k3 / 2
    cubic = 1.5 * (k1 - k2) + (k3 - k0) / 2
    return k1 + t * linear + t**2 * quadratic + t**3 * cubic


def compile_template(template: str) -> tuple[np.ndarray, np.ndarray]:
    """Turn a template into knots and the weights that make segments of them.

    Parameters
    ----------
    template : str
        As in `TEMPLATES`.

    Returns
    -------
    knots : array (K, 2)
        In half heights of the digit.
    weights : array (2 S, K)
        Times the knots, they give where the S segments begin, then where they end.
    """
    strokes = [[_parse_knot(knot) for knot in stroke.split()] for stroke in template.split("|")]
    knots = list(dict.fromkeys(knot for stroke in strokes for knot in stroke))
    lengths = np.array([np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes])
    # Each stroke gets segments in proportion to its length.
    boundaries = np.rint(np.cumsum(lengths) / lengths.sum() * SEGMENTS).astype(int)
    begins, ends = [], []
    for stroke, num_segments in zip(strokes, np.diff(boundaries, prepend=0), strict=True):
        selection = np.array([[float(knot == other) for other in knots] for knot in stroke])
        weights = catmull_rom(len(stroke), num_segments) @ selection
        for _ in range(SMOOTHING):
            weights[1:-1] = (weights[:-2] + 2 * weights[1:-1] + weights[2:]) / 4
        begins.append(weights[:-1])
        ends.append(weights[1:])
    return np.array(knots), np.concatenate(begins + ends)


def _parse_knot(knot: str) -> tuple[float, ...]:
    return tuple(int(number) / 100 for number in knot.split(","))


@functools.cache
def template_tables() -> tuple[np.ndarray, np.ndarray]:
    """Return all T templates, compiled and padded with zeros to the largest number of knots K.

    Returns
    -------
    knots : array (T, K, 2) of float32
    weights : array (T, 2 S, K) of float32
    """
    compiled = [compile_template(template) for forms in TEMPLATES for template in forms]
    max_knots = max(len(knots) for knots, _ in compiled)
    knots = np.stack([np.pad(k, ((0, max_knots - len(k)), (0, 0))) for k, _ in compiled])
    weights = np.stack([np.pad(w, ((0, 0), (0, max_knots - w.shape[1]))) for _, w in compiled])
    return knots.astype(np.float32), weights.astype(np.float32)
