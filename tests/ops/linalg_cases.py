"""Cases of linear algebra and einsum.

The naive implementations are sums written out, cofactors, and substitution number by number.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import ops


def indices(shape):
    """Iterate over the indices of an array of `shape`."""
    return itertools.product(*map(range, shape))


def einstein_sum(spec, *xs):
    """Write out the Einstein sum of `spec`, which has an output and no ellipsis."""
    left, output = spec.split("->")
    terms = left.split(",")
    size = {c: n for t, x in zip(terms, xs) for c, n in zip(t, x.shape)}
    inner = [c for c in size if c not in output]
    y = np.zeros([size[c] for c in output])
    for index in itertools.product(*(range(size[c]) for c in [*output, *inner])):
        value = dict(zip([*output, *inner], index))  # of each letter
        factors = (float(x[tuple(value[c] for c in t)]) for t, x in zip(terms, xs))
        y[tuple(value[c] for c in output)] += math.prod(factors)
    return y


@case("matmul")
def draw_matmul(draw):
    m, k, n, p, q = (draw.integer(0, 4) for _ in range(5))
    form, a, b = draw.choice(
        ("ij,jk->ik", (m, k), (k, n)),
        ("j,jk->k", (k,), (k, n)),
        ("ij,j->i", (m, k), (k,)),
        ("j,j->", (k,), (k,)),
        ("pij,jk->pik", (p, m, k), (k, n)),
        ("pij,pjk->pik", (p, m, k), (p, k, n)),
        ("ij,pjk->pik", (m, k), (p, k, n)),
        ("qpij,pjk->qpik", (q, p, m, k), (p, k, n)),
        ("j,pjk->pk", (k,), (p, k, n)),
        ("pij,j->pi", (p, m, k), (k,)),
    )
    operator = draw.choice(True, False)
    return (
        (lambda a, b: a @ b if operator else ops.matmul(a, b)),
        [draw.array(a), draw.array(b)],
        lambda a, b: einstein_sum(form, a, b),
    )


@case("matmul")
def draw_matmul_of_batches_of_one(draw):
    """Draw batch axes of length one, which broadcast."""
    m, k, n, p, q = (draw.integer(1, 3) for _ in range(5))
    a, b = draw.array((q, 1, m, k)), draw.array((p, k, n))
    return ops.matmul, [a, b], lambda a, b: einstein_sum("qij,pjk->qpik", a[:, 0], b)


@case("linear")
def draw_linear(draw):
    i, o = draw.integer(0, 4), draw.integer(0, 4)
    leading = draw.shape(0, 3, 0, 3)
    bias = [draw.array((o,))] * draw.integer(0, 1)

    def naive(x, weight, bias=None):
        y = np.zeros((*leading, o))
        for index in indices(leading):
            for k in range(o):
                y[(*index, k)] = sum(x[(*index, j)] * weight[k, j] for j in range(i))
                y[(*index, k)] += 0 if bias is None else bias[k]
        return y

    return ops.linear, [draw.array((*leading, i)), draw.array((o, i)), *bias], naive


@case("einsum")
def draw_einsum(draw):
    i, j, k, m = (draw.integer(0, 3) for _ in range(4))
    given, full, shapes = draw.choice(
        ("ij,jk->ik", None, [(i, j), (j, k)]),
        ("ij,kj", "ij,kj->ik", [(i, j), (k, j)]),
        ("b a", "ba->ab", [(i, j)]),
        ("ij->", None, [(i, j)]),
        ("bij,bkj->bik", None, [(m, i, j), (m, k, j)]),
        ("i,j->ji", None, [(i,), (j,)]),
        ("i,i", "i,i->", [(i,), (i,)]),
        ("ijm->mi", None, [(i, j, m)]),
        ("ij,km->k", None, [(i, j), (k, m)]),
        ("ijm,jk->ik", None, [(i, j, m), (j, k)]),
        ("ijm,jkm->m", None, [(i, j, m), (j, k, m)]),
        ("ij,jk,km->im", None, [(i, j), (j, k), (k, m)]),
        ("i,,i->i", None, [(i,), (), (i,)]),
        ("bhid,bhjd->bhij", None, [(i, 2, k, m), (i, 2, j, m)]),
        ("...ij,...jk->...ik", "pij,pjk->pik", [(m, i, j), (m, j, k)]),
        ("...j,jk->...k", "pqj,jk->pqk", [(m, i, j), (j, k)]),
        ("i...,...j->ij...", "ip,pj->ijp", [(i, m), (m, j)]),
        ("...i,...i", "pi,pi->p", [(m, i), (m, i)]),
        ("ij,ij->ij", None, [(i, j), (i, j)]),
    )
    return (
        (lambda *xs: ops.einsum(given, *xs)),
        [draw.array(s) for s in shapes],
        lambda *xs: einstein_sum(full or given, *xs),
    )


@case("einsum")
def draw_einsum_with_diagonals(draw):
    """Draw diagonals, and broadcasting by the ellipsis."""
    i, j, m = (draw.integer(1, 3) for _ in range(3))
    given, full, shapes, squeezed = draw.choice(
        ("ii->", None, [(i, i)], ()),
        ("ii->i", None, [(i, i)], ()),
        ("iji,j->i", None, [(i, j, i), (j,)], ()),
        ("ijij->ij", None, [(i, j, i, j)], ()),
        ("iii->i", None, [(i, i, i)], ()),
        ("...i,...i->...", "ai,pai->pa", [(j, i), (m, j, i)], ()),
        ("...i,...i->...", "pi,pai->pa", [(m, 1, i), (m, j, i)], (0, (slice(None), 0))),
        ("...,...->...", "p,a->pa", [(m, 1), (j,)], (0, (slice(None), 0))),
    )

    def naive(*xs):
        xs = list(xs)
        if squeezed:  # an operand, and the index that drops its axis of length one
            operand, index = squeezed
            xs[operand] = xs[operand][index]
        return einstein_sum(full or given, *xs)

    return lambda *xs: ops.einsum(given, *xs), [draw.array(s) for s in shapes], naive


# ---------------------------------------------------------------------------------- square matrices


def minor(a, i, j):
    """Return a without row i and column j."""
    return np.delete(np.delete(a, i, axis=0), j, axis=1)


def det(a):
    """Expand the determinant along the first row."""
    if len(a) == 0:
        return 1.0
    return sum((-1) ** j * a[0, j] * det(minor(a, 0, j)) for j in range(len(a)))


def inverse(a):
    """Invert a matrix by cofactors."""
    y = np.empty(a.shape)
    for i, j in indices(a.shape):
        y[i, j] = (-1) ** (i + j) * det(minor(a, j, i)) / det(a)
    return y


def well_conditioned(draw, batch, n):
    """Draw matrices with a condition number below 10.

    They are dominated by their diagonal, which lies between 1.6 and 2.4; then their rows are
    exchanged, and multiplied by either sign.
    """
    a = draw.rng.uniform(-0.4, 0.4, (*batch, n, n)) / max(n - 1, 1) + 2 * np.eye(n)
    signs = draw.rng.choice([-1.0, 1.0], (n, 1))
    return draw.in_random_layout(a[..., draw.rng.permutation(n), :] * signs)


def for_each_matrix(f, batch, shape, *xs):
    """Apply f to the matrices of each place in the batch; its results have `shape`."""
    y = np.empty((*batch, *shape))
    for index in indices(batch):
        y[index] = f(*(x[index] for x in xs))
    return y


def solve_in_columns(f, a, b, batch):
    """Apply f(a, b) to each matrix of the batch; b may be one vector, or without a batch."""
    is_vector = b.ndim == 1
    b = b[:, None] if is_vector else b
    b = np.broadcast_to(b, (*batch, *b.shape[-2:]))
    x = for_each_matrix(f, batch, b.shape[-2:], a, b)
    return x[..., 0] if is_vector else x


@case("inv")
def draw_inv(draw):
    batch, n = draw.shape(0, 2, 0, 2), draw.integer(0, 3)
    return (
        ops.inv,
        [well_conditioned(draw, batch, n)],
        lambda a: for_each_matrix(inverse, batch, (n, n), a),
    )


def log_abs_det(a):
    """Return the logarithm of the absolute value of the determinant."""
    return math.log(abs(det(a)))


@case("slogdet")
def draw_slogdet(draw):
    batch, n = draw.shape(0, 2, 0, 2), draw.integer(0, 4)

    def naive(a):
        sign = for_each_matrix(lambda a: np.sign(det(a)), batch, (), a)
        return sign, for_each_matrix(log_abs_det, batch, (), a)

    return ops.slogdet, [well_conditioned(draw, batch, n)], naive


@case("logdet")
def draw_logdet(draw):
    batch, n = draw.shape(0, 2, 0, 2), draw.integer(0, 4)

    def naive(a):
        return for_each_matrix(log_abs_det, batch, (), a)

    return ops.logdet, [well_conditioned(draw, batch, n)], naive


@case("solve")
def draw_solve(draw):
    batch, n, k = draw.shape(0, 2, 0, 2), draw.integer(0, 3), draw.integer(0, 3)
    a = well_conditioned(draw, batch, n)
    b = draw.array(draw.choice((n,), (n, k), (*batch, n, k)))

    def multiply_by_inverse(a, b):
        return einstein_sum("ij,jk->ik", inverse(a), b)

    return ops.solve, [a, b], lambda a, b: solve_in_columns(multiply_by_inverse, a, b, batch)


def substitute(a, b, lower):
    """Solve for one unknown after the other."""
    n = len(a)
    x = np.zeros_like(b)
    for i in range(n) if lower else reversed(range(n)):
        known = range(i) if lower else range(i + 1, n)
        x[i] = (b[i] - sum((a[i, j] * x[j] for j in known), np.zeros(b.shape[1]))) / a[i, i]
    return x


def triangular_system(draw, batch, n, b):
    """Draw the case of a triangular system with the right-hand side b."""
    upper, unitriangular = draw.choice(True, False), draw.choice(True, False)
    a = draw.rng.uniform(-1, 1, (*batch, n, n)) / max(n, 1) + 2 * np.eye(n)

    def solve(a, b):
        if unitriangular:
            a = a - np.diag(np.diag(a)) + np.eye(n)
        return substitute(a, b, not upper)

    f = functools.partial(ops.solve_triangular, upper=upper, unitriangular=unitriangular)
    naive = functools.partial(solve_in_columns, solve, batch=batch)
    return f, [draw.in_random_layout(a), b], naive


@case("solve_triangular")
def draw_solve_triangular_from_the_right(draw):
    n, upper = draw.integer(1, 4), draw.choice(True, False)
    a = draw.rng.uniform(-1, 1, (n, n)) / n + 2 * np.eye(n)

    def naive(a, b):
        return substitute(a.T, b.reshape(-1, n).T, upper).T.reshape(b.shape)

    f = functools.partial(ops.solve_triangular, upper=upper, left=False)
    shape = draw.choice((n,), (draw.integer(1, 3), n))
    return f, [draw.in_random_layout(a), draw.array(shape)], naive


@case("solve_triangular")
def draw_solve_triangular(draw):
    batch, n, k = draw.shape(0, 2, 0, 2), draw.integer(0, 4), draw.integer(0, 3)
    b = draw.array(draw.choice((n,), (n, k), (*batch, n, k)))
    return triangular_system(draw, batch, n, b)


@case("solve_triangular")
def draw_solve_triangular_in_halves(draw):
    """Draw a system large enough to be solved in halves."""
    n = draw.integer(33, 70)
    return triangular_system(draw, (), n, draw.array((n, draw.integer(1, 2))))


@case("cholesky")
def draw_cholesky(draw):
    batch, n = draw.shape(0, 2, 0, 2), draw.integer(0, 4)
    a = draw.in_random_layout(draw.rng.uniform(-0.4, 0.4, (*batch, n, n)) + 2 * np.eye(n))
    upper = draw.choice(False, True)

    def naive(a):
        a, y = (a + a.T) / 2, np.zeros((n, n))
        for j in range(n):
            for i in range(j, n):
                rest = a[i, j] - sum(y[i, k] * y[j, k] for k in range(j))
                y[i, j] = math.sqrt(rest) if i == j else rest / y[j, j]
        return y.T if upper else y

    f = functools.partial(ops.cholesky, upper=upper)
    return f, [a], lambda a: for_each_matrix(naive, batch, (n, n), a)


@case("tril")
def draw_tril(draw):
    return triangle(draw, ops.tril, lambda i, j, k: j <= i + k)


@case("triu")
def draw_triu(draw):
    return triangle(draw, ops.triu, lambda i, j, k: j >= i + k)


def triangle(draw, op, is_inside):
    """Draw the case of a triangle; is_inside(row, column, k) says which elements stay."""
    x, k = draw.array(draw.shape(2)), draw.integer(-2, 2)

    def naive(x):
        y = np.zeros(x.shape)
        for index in indices(x.shape):
            y[index] = x[index] if is_inside(*index[-2:], k) else 0
        return y

    return lambda x: op(x, k=k), [x], naive


@case("outer")
def draw_outer(draw):
    a, b = draw.array(draw.shape(max_dims=2)), draw.array(draw.shape(max_dims=2))
    return (
        ops.outer,
        [a, b],
        lambda a, b: np.array([[s * t for t in b.flat] for s in a.flat]).reshape(a.size, b.size),
    )


@case("dot")
def draw_dot(draw):
    n = draw.integer(0, 3)
    a = draw.array(draw.choice((), (n,), (2, n)))
    b = draw.array(draw.choice((n,), (n, 3)) if a.ndim else draw.shape(max_dims=2))
    return ops.dot, [a, b], lambda a, b: np.tensordot(a, b, 1) if a.ndim else a * b


@case("diagonal", "trace")
def draw_diagonal(draw):
    x = draw.array(draw.shape(2))
    axis1, axis2 = draw.rng.permutation(x.ndim)[:2].tolist()
    given, offset = draw.choice(axis1, axis1 - x.ndim), draw.integer(-2, 2)

    def naive(x):
        rows = np.moveaxis(x, (axis1, axis2), (0, 1))
        elements = [
            rows[i, i + offset] for i in range(len(rows)) if 0 <= i + offset < rows.shape[1]
        ]
        if not elements:
            return np.zeros((*rows.shape[2:], 0)), np.zeros(rows.shape[2:])
        return np.stack(elements, axis=-1), np.add.reduce(elements)

    def f(x):
        return ops.diagonal(x, offset, given, axis2), ops.trace(x, offset, given, axis2)

    return f, [x], naive
