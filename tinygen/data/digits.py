"""Procedural handwriting: as many 28x28 digits as you ask for, from nothing but a seed.

A digit is made the way a hand makes one. A **template** says where the pen goes: three to five per class, each a few
strokes through a few knots. Every digit then differs from its template in six ways, in this order:

1. the knots are jittered, and joined by Catmull-Rom curves cut into short straight segments;
2. a smooth random warp bends the plane with the curves on it (no two hands agree on a shape);
3. the whole is stretched, slanted and turned;
4. it is scaled so that its longer side fills a box of about 17 pixels (20 with the pen's width) and moved so that its
   **centre of mass** is the image's: how MNIST was prepared, and the step that matters most to a network trained there;
5. the pen gets a radius (log-normal) that drifts along the stroke (pressure);
6. a pixel's ink depends on its distance to the nearest *segment* (distance to points would draw dotted lines), with a soft edge.

Nothing is random but the seed: digit i of ``digits(n, seed)`` is the same for every n > i.
"""

from __future__ import annotations

import functools

import numpy as np

__all__ = ["digits"]

# Knots "x,y" in hundredths of half the digit's height, x to the right and y down; "|" lifts the pen. Strokes that name the
# same knot share it, so a joint stays a joint after the jitter, and a corner is a joint of two strokes.
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
    (  # 3: two bows meeting in a point; with a small loop there; with a flat top; wide below
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
    (  # 8: one stroke that crosses itself; the same, begun in the middle; two rings; left open at the top
        "36,-76 0,-100 -38,-70 -18,-24 40,58 0,100 -42,60 -16,12 40,-70 22,-92",
        "4,-2 -34,-44 -22,-90 20,-96 38,-54 -34,36 -36,82 8,100 42,66 26,22 2,-4",
        "0,-100 -36,-80 -34,-30 2,-8 36,-32 38,-80 0,-100 | 2,-8 -40,24 -38,84 2,100 42,82 40,22 2,-8",
        "44,-84 0,-98 -40,-66 -6,-14 36,50 6,98 -38,70 -10,8 46,-80",
    ),
    (  # 9: a round head; a hooked tail; a slim one in one stroke; with a large head
        "40,-52 8,-8 -44,-24 -46,-76 -4,-104 36,-94 40,-50 34,30 26,100",
        "40,-56 12,-12 -38,-22 -46,-74 -4,-104 38,-90 44,-30 38,50 6,96 -38,80",
        "38,-90 -2,-102 -44,-70 -36,-20 8,-16 38,-90 | 38,-90 28,10 14,100",
        "46,-78 -10,-96 -52,-40 -20,4 46,-78 | 46,-78 34,20 20,100",
    ),
)

SEGMENTS = 32  # straight pieces of a digit: about 1.4 px each at size 28
SMOOTHING = 3  # passes of (1 2 1)/4 along a stroke: the hand rounds its bends, and the ends of strokes stay where they are
CHUNK = 1000  # digits drawn from one generator: only the last chunk draws more than it renders
BLOCK = 64  # digits rendered at a time: a few arrays of 32 x 28 x 64 floats, 230 kB each, stay in cache

JITTER = (0.06, 0.10)  # standard deviation of a knot, in half heights, itself uniform over this range
WARP = 0.155  # amplitude of each of the smooth warp's waves, in half heights
ASPECT = 0.18  # standard deviation of log(width)
SLANT = (0.14, 0.22)  # mean and standard deviation of the shear dx/dy
TURN = 0.10  # standard deviation of the rotation, radians
BOX = (17.0, 1.0)  # longer side of the pen's path, in pixels of a 28-pixel image: mean and standard deviation
RADIUS = (1.3, 0.27)  # the pen's radius: median in the same pixels, standard deviation of its logarithm
PRESSURE = 0.18  # standard deviation of the relative change of radius from the first segment to the last
EDGE = 1.0  # width of the ramp from ink to paper, in the same pixels


def digits(n: int, seed: int = 0, size: int = 28) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``n`` handwritten digits.

    Parameters
    ----------
    n : how many, at least 0; the first k of ``digits(n)`` are ``digits(k)``.
    seed : a non-negative integer; use another one for a test set.
    size : side of the images in pixels, at least 8; everything scales with it.

    Returns
    -------
    images : uint8 (n, 1, size, size), 0 is paper and 255 ink, as in MNIST.
    labels : int64 (n,), uniform over 0..9.

    Raises
    ------
    ValueError if ``n`` or ``seed`` is negative or ``size`` is under 8.
    """
    if n < 0 or seed < 0 or size < 8:
        raise ValueError(f"digits: needs n >= 0, seed >= 0 and size >= 8; got n={n}, seed={seed}, size={size}")
    images = np.empty((n, 1, size, size), np.uint8)
    labels = np.empty(n, np.int64)
    for chunk, start in enumerate(range(0, n, CHUNK)):
        count = min(CHUNK, n - start)
        rng = np.random.default_rng((seed, chunk))
        label, template = _choose(rng)  # the whole chunk, always: what is drawn must not depend on n
        begin, end, radius = _pen_paths(template, rng)
        labels[start : start + count] = label[:count]
        for i in range(0, count, BLOCK):
            some = slice(i, min(i + BLOCK, count))
            ink = _render(begin[some], end[some], radius[some], size)
            images[start + i : start + i + len(ink), 0] = ink
    return images, labels


def _choose(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Labels (CHUNK,) and template numbers (CHUNK,), both uniform."""
    label = rng.integers(0, 10, CHUNK)
    first = np.cumsum([0] + [len(forms) for forms in TEMPLATES])
    return label, first[label] + (rng.random(CHUNK) * np.diff(first)[label]).astype(np.int64)


def _pen_paths(template: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pen's segments: begin and end (CHUNK, S, 2), in 28ths of the image's side from its centre; radius (CHUNK, S)."""
    n = len(template)

    def normal(*shape: int) -> np.ndarray:
        # Within two standard deviations: nobody writes a five-sigma digit.
        return rng.standard_normal((n, *shape), dtype=np.float32).clip(-2, 2)

    def uniform(low: float, high: float, *shape: int) -> np.ndarray:
        return (low + (high - low) * rng.random((n, *shape))).astype(np.float32)

    knots, basis = (table[template] for table in _tables())  # (n, K, 2), (n, 2S, K)
    knots = knots + normal(*knots.shape[1:]) * uniform(*JITTER, 1, 1)
    path = basis @ knots  # (n, 2S, 2): the begins of the S segments, then their ends

    # Two plane waves of random direction, phase and length (seldom under 2 half heights, the digit's height) bend the plane.
    for _ in range(2):
        wave = path @ uniform(-2.2, 2.2, 2, 1) + uniform(0, 2 * np.pi, 1, 1)
        path = path + np.sin(wave) * (WARP * normal(1, 2))

    path[..., 0] *= np.exp(ASPECT * normal(1))
    path[..., 0] -= (SLANT[0] + SLANT[1] * normal(1)) * path[..., 1]  # y points down: a slant to the right lowers x below
    turn = TURN * normal(1)
    x, y = path[..., 0], path[..., 1]
    path = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], axis=-1)

    longer = np.ptp(path, axis=1).max(axis=1)[:, None, None]
    path *= (BOX[0] + BOX[1] * normal(1, 1)) / longer
    drift = np.linspace(-0.5, 0.5, SEGMENTS, dtype=np.float32)
    radius = RADIUS[0] * np.exp(RADIUS[1] * normal(1) + PRESSURE * normal(1) * drift)

    begin, end = path[:, :SEGMENTS], path[:, SEGMENTS:]
    mass = (np.linalg.norm(end - begin, axis=-1) * radius)[..., None]  # ink of a segment: its length times its width
    centre = (mass * (begin + end)).sum(axis=1, keepdims=True) / (2 * mass.sum(axis=1, keepdims=True))
    return begin - centre, end - centre, radius


def _render(begin: np.ndarray, end: np.ndarray, radius: np.ndarray, size: int) -> np.ndarray:
    """Ink uint8 (n, size, size) of n digits.

    The distance d of a pixel p to a segment with middle m, half length h and unit vector u: with t = (p - m).u along it
    and v = (p - m) x u across it, d^2 = v^2 + max(|t| - h, 0)^2. Both t and v are a term of the column plus a term of the
    row: one addition a pixel each. Lengths are divided by the segment's radius beforehand, so the least of d/radius over
    the segments says at once how deep in the ink a pixel lies.

    Arrays here have the digits last: then every operation runs over long contiguous rows, however small the image.
    """
    scale = np.float32(size / 28)
    begin, end = (np.ascontiguousarray(point.T) * scale for point in (begin, end))  # (2, S, n)
    radius = np.ascontiguousarray(radius.T) * scale  # (S, n)
    middle, half = (begin + end) / 2, (end - begin) / 2
    length = np.maximum(np.hypot(*half), np.float32(1e-6))
    ux, uy = (half / (length * radius))[:, :, None]  # (S, 1, n)
    h = (length / radius)[:, None]
    axis = np.arange(size, dtype=np.float32)[:, None] - np.float32(size / 2)  # MNIST's centre is pixel 14 of 0..27
    x, y = axis - middle[:, :, None]  # (S, size, n): from a segment's middle to a column, a row
    along_x, across_x = x * ux, x * uy
    along_y, across_y = (np.ascontiguousarray((y * u).swapaxes(0, 1))[:, :, None] for u in (uy, ux))  # (size, S, 1, n)

    depth = np.empty((size, size, radius.shape[1]), np.float32)  # row, column, digit
    along, across = np.empty((2, *x.shape), np.float32)  # (S, columns, n)
    zero = np.zeros_like(along)  # np.maximum is five times slower with a scalar
    for row in range(size):
        np.add(along_x, along_y[row], out=along)
        np.subtract(across_x, across_y[row], out=across)
        np.abs(along, out=along)
        along -= h
        np.maximum(along, zero, out=along)
        along *= along
        across *= across
        along += across
        along.min(axis=0, out=depth[row])
    np.sqrt(depth, out=depth)  # in radii: under 1 is ink
    pen = radius.mean(axis=0)
    edge = max(EDGE * scale, np.float32(1))
    ink = np.clip((1 - depth) * pen / edge + np.float32(0.5), 0, 1)
    return np.moveaxis((255 * ink + np.float32(0.5)).astype(np.uint8), -1, 0)


def _catmull_rom(knots: np.ndarray, pieces: int) -> np.ndarray:
    """Weights (pieces + 1, K) of K knots at equal parameters along the uniform Catmull-Rom curve through them.

    The curve between knots 1 and 2 has slopes (k2 - k0)/2 and (k3 - k1)/2 there; at an end the missing neighbour is the
    reflection 2 k0 - k1 of the next knot, which makes two knots a straight line. (Catmull and Rom 1974.)
    """
    k = len(knots)
    eye = np.eye(k)
    padded = np.concatenate([2 * eye[:1] - eye[1:2], eye, 2 * eye[-1:] - eye[-2:-1]])
    u = np.linspace(0, k - 1, pieces + 1)
    i = np.minimum(u.astype(int), k - 2)
    t = (u - i)[:, None]
    k0, k1, k2, k3 = (padded[i + j] for j in range(4))
    return k1 + t * (k2 - k0) / 2 + t**2 * (k0 - 2.5 * k1 + 2 * k2 - k3 / 2) + t**3 * (1.5 * (k1 - k2) + (k3 - k0) / 2)


def _compile(template: str) -> tuple[np.ndarray, np.ndarray]:
    """Knots (K, 2) of a template and the weights (2S, K) that turn them into its S segments' begins and ends."""
    strokes = [[tuple(int(v) / 100 for v in knot.split(",")) for knot in stroke.split()] for stroke in template.split("|")]
    knots = list(dict.fromkeys(knot for stroke in strokes for knot in stroke))
    ways = [np.array(stroke) for stroke in strokes]
    lengths = np.array([np.hypot(*np.diff(way, axis=0).T).sum() for way in ways])
    cuts = np.rint(np.cumsum(lengths) / lengths.sum() * SEGMENTS).astype(int)  # pieces in proportion to length
    begins, ends = [], []
    for stroke, way, pieces in zip(strokes, ways, np.diff(cuts, prepend=0), strict=True):
        weights = _catmull_rom(way, pieces) @ np.array([[float(knot == other) for other in knots] for knot in stroke])
        for _ in range(SMOOTHING):
            weights[1:-1] = (weights[:-2] + 2 * weights[1:-1] + weights[2:]) / 4
        begins.append(weights[:-1])
        ends.append(weights[1:])
    return np.array(knots), np.concatenate(begins + ends)


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Knots (T, K, 2) and weights (T, 2S, K) of all T templates, padded with zeros to the largest K, float32."""
    compiled = [_compile(template) for forms in TEMPLATES for template in forms]
    most = max(len(knots) for knots, _ in compiled)
    knots = np.stack([np.pad(k, ((0, most - len(k)), (0, 0))) for k, _ in compiled])
    basis = np.stack([np.pad(b, ((0, 0), (0, most - b.shape[1]))) for _, b in compiled])
    return knots.astype(np.float32), basis.astype(np.float32)
