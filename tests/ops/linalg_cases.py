"""Cases of tinygen.ops.linalg and tinygen.ops.contraction. The naive forwards are sums written out, cofactors, and substitution one number at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np

from tests.cases import case
from tinygen import ops


def batches(shape):
    return itertools.product(*map(range, shape))


def summed(spec, *xs):
    """The Einstein sum of `spec`, written out: no ellipsis, output given."""
    left, output = spec.split("->")
    terms = left.split(",")
    size = {c: n for t, x in zip(terms, xs) for c, n in zip(t, x.shape)}
    inner = [c for c in size if c not in output]
    y = np.zeros([size[c] for c in output])
    for index in itertools.product(*(range(size[c]) for c in [*output, *inner])):
        at = dict(zip([*output, *inner], index))
        y[tuple(at[c] for c in output)] += math.prod(float(x[tuple(at[c] for c in t)]) for t, x in zip(terms, xs))
    return y


@case("matmul")
def _(d):
    m, k, n, p, q = (d.integers(0, 4) for _ in range(5))
    form, a, b = d.sampled(
        ("ij,jk->ik", (m, k), (k, n)), ("j,jk->k", (k,), (k, n)), ("ij,j->i", (m, k), (k,)), ("j,j->", (k,), (k,)),
        ("pij,jk->pik", (p, m, k), (k, n)), ("pij,pjk->pik", (p, m, k), (p, k, n)), ("ij,pjk->pik", (m, k), (p, k, n)),
        ("qpij,pjk->qpik", (q, p, m, k), (p, k, n)), ("j,pjk->pk", (k,), (p, k, n)), ("pij,j->pi", (p, m, k), (k,)),
    )  # fmt: skip
    operator = d.sampled(True, False)
    return (lambda a, b: a @ b if operator else ops.matmul(a, b)), [d.array(a), d.array(b)], lambda a, b: summed(form, a, b)


@case("matmul")
def _(d):
    """Batch axes of length one."""
    m, k, n, p, q = (d.integers(1, 3) for _ in range(5))
    a, b = d.array((q, 1, m, k)), d.array((p, k, n))
    return ops.matmul, [a, b], lambda a, b: summed("qij,pjk->qpik", a[:, 0], b)


@case("linear")
def _(d):
    i, o = d.integers(0, 4), d.integers(0, 4)
    lead = d.shape(0, 3, 0, 3)
    args = [d.array((*lead, i)), d.array((o, i))] + [d.array((o,))] * d.integers(0, 1)

    def naive(x, weight, bias=None):
        y = np.zeros((*lead, o))
        for at in batches(lead):
            for k in range(o):
                y[(*at, k)] = sum(x[(*at, j)] * weight[k, j] for j in range(i)) + (0 if bias is None else bias[k])
        return y

    return ops.linear, args, naive


@case("einsum")
def _(d):
    i, j, k, m = (d.integers(0, 3) for _ in range(4))
    given, full, shapes = d.sampled(
        ("ij,jk->ik", None, [(i, j), (j, k)]), ("ij,kj", "ij,kj->ik", [(i, j), (k, j)]), ("b a", "ba->ab", [(i, j)]), ("ij->", None, [(i, j)]),
        ("bij,bkj->bik", None, [(m, i, j), (m, k, j)]), ("i,j->ji", None, [(i,), (j,)]), ("i,i", "i,i->", [(i,), (i,)]), ("ijm->mi", None, [(i, j, m)]),
        ("ij,km->k", None, [(i, j), (k, m)]), ("ijm,jk->ik", None, [(i, j, m), (j, k)]), ("ijm,jkm->m", None, [(i, j, m), (j, k, m)]),
        ("ij,jk,km->im", None, [(i, j), (j, k), (k, m)]), ("i,,i->i", None, [(i,), (), (i,)]), ("bhid,bhjd->bhij", None, [(i, 2, k, m), (i, 2, j, m)]),
        ("...ij,...jk->...ik", "pij,pjk->pik", [(m, i, j), (m, j, k)]), ("...j,jk->...k", "pqj,jk->pqk", [(m, i, j), (j, k)]),
        ("i...,...j->ij...", "ip,pj->ijp", [(i, m), (m, j)]), ("...i,...i", "pi,pi->p", [(m, i), (m, i)]), ("ij,ij->ij", None, [(i, j), (i, j)]),
    )  # fmt: skip
    return (lambda *xs: ops.einsum(given, *xs)), [d.array(s) for s in shapes], lambda *xs: summed(full or given, *xs)


@case("einsum")
def _(d):
    """Diagonals, and broadcasting by the ellipsis."""
    i, j, m = (d.integers(1, 3) for _ in range(3))
    given, full, shapes, cut = d.sampled(
        ("ii->", None, [(i, i)], ()), ("ii->i", None, [(i, i)], ()), ("iji,j->i", None, [(i, j, i), (j,)], ()), ("ijij->ij", None, [(i, j, i, j)], ()),
        ("iii->i", None, [(i, i, i)], ()), ("...i,...i->...", "ai,pai->pa", [(j, i), (m, j, i)], ()),
        ("...i,...i->...", "pi,pai->pa", [(m, 1, i), (m, j, i)], (0, (slice(None), 0))), ("...,...->...", "p,a->pa", [(m, 1), (j,)], (0, (slice(None), 0))),
    )  # fmt: skip

    def naive(*xs):
        xs = list(xs)
        if cut:  # the axis of length one that broadcasts
            xs[cut[0]] = xs[cut[0]][cut[1]]
        return summed(full or given, *xs)

    return lambda *xs: ops.einsum(given, *xs), [d.array(s) for s in shapes], naive


# ------------------------------------------------------------------------------------------------------------ square matrices


def cut(a, i, j):
    """a without row i and column j."""
    return np.array([[a[r, c] for c in range(len(a)) if c != j] for r in range(len(a)) if r != i]).reshape(len(a) - 1, len(a) - 1)


def det(a):
    """By expansion along the first row."""
    return 1.0 if len(a) == 0 else sum((-1) ** j * a[0, j] * det(cut(a, 0, j)) for j in range(len(a)))


def inverse(a):
    """By cofactors."""
    n = len(a)
    return np.array([[(-1) ** (i + j) * det(cut(a, j, i)) / det(a) for j in range(n)] for i in range(n)]).reshape(n, n)


def well_conditioned(d, batch, n):
    """Dominated by its diagonal, which lies between 1.6 and 2.4; rows exchanged and of either sign: condition number below 10."""
    a = d.rng.uniform(-0.4, 0.4, (*batch, n, n)) / max(n - 1, 1) + 2 * np.eye(n)
    return d.values(a[..., d.rng.permutation(n), :] * d.rng.choice([-1.0, 1.0], (n, 1)))


def each(f, batch, shape, *xs):
    """f of the matrices of each place in the batch."""
    y = np.empty((*batch, *shape))
    for at in batches(batch):
        y[at] = f(*(x[at] for x in xs))
    return y


@case("inv")
def _(d):
    batch, n = d.shape(0, 2, 0, 2), d.integers(0, 3)
    return ops.inv, [well_conditioned(d, batch, n)], lambda a: each(inverse, batch, (n, n), a)


@case("slogdet")
def _(d):
    batch, n = d.shape(0, 2, 0, 2), d.integers(0, 4)
    return ops.slogdet, [well_conditioned(d, batch, n)], lambda a: (each(lambda a: np.sign(det(a)), batch, (), a), each(lambda a: math.log(abs(det(a))), batch, (), a))


@case("logdet")
def _(d):
    batch, n = d.shape(0, 2, 0, 2), d.integers(0, 4)
    return ops.logdet, [well_conditioned(d, batch, n)], lambda a: each(lambda a: math.log(abs(det(a))), batch, (), a)


@case("solve")
def _(d):
    batch, n, k = d.shape(0, 2, 0, 2), d.integers(0, 3), d.integers(0, 3)
    a = well_conditioned(d, batch, n)
    form = d.sampled("vector", "matrix", "batch")
    b = d.array((n,) if form == "vector" else (n, k) if form == "matrix" else (*batch, n, k))

    def naive(a, b):
        columns = np.broadcast_to(b[:, None] if form == "vector" else b, (*batch, n, 1 if form == "vector" else k))
        x = each(lambda a, b: summed("ij,jk->ik", inverse(a), b), batch, columns.shape[-2:], a, columns)
        return x[..., 0] if form == "vector" else x

    return ops.solve, [a, b], naive


def substituted(a, b, lower):
    """One unknown after the other."""
    n = len(a)
    x = np.zeros_like(b)
    for i in range(n) if lower else reversed(range(n)):
        known = range(i) if lower else range(i + 1, n)
        x[i] = (b[i] - sum((a[i, j] * x[j] for j in known), np.zeros(b.shape[1]))) / a[i, i]
    return x


def triangular(d, batch, n, b):
    lower, transpose = d.sampled(True, False), d.sampled(True, False)
    a = d.values(d.rng.uniform(-1, 1, (*batch, n, n)) / max(n, 1) + 2 * np.eye(n))
    vector = b.ndim == 1

    def naive(a, b):
        columns = np.broadcast_to(b[:, None] if vector else b, (*batch, n, 1 if vector else b.shape[-1]))
        x = each(lambda a, b: substituted(a.T if transpose else a, b, lower != transpose), batch, columns.shape[-2:], a, columns)
        return x[..., 0] if vector else x

    return lambda a, b: ops.solve_triangular(a, b, lower=lower, transpose=transpose), [a, b], naive


@case("solve_triangular")
def _(d):
    batch, n, k = d.shape(0, 2, 0, 2), d.integers(0, 4), d.integers(0, 3)
    return triangular(d, batch, n, d.array(d.sampled((n,), (n, k), (*batch, n, k))))


@case("solve_triangular")
def _(d):
    """Large enough for substitution by halves."""
    n = d.integers(33, 70)
    return triangular(d, (), n, d.array((n, d.integers(1, 2))))


@case("cholesky")
def _(d):
    batch, n = d.shape(0, 2, 0, 2), d.integers(0, 4)
    a = d.values(d.rng.uniform(-0.4, 0.4, (*batch, n, n)) + 2 * np.eye(n))

    def naive(a):
        a, y = (a + a.T) / 2, np.zeros((n, n))
        for j in range(n):
            for i in range(j, n):
                rest = a[i, j] - sum(y[i, k] * y[j, k] for k in range(j))
                y[i, j] = math.sqrt(rest) if i == j else rest / y[j, j]
        return y

    return ops.cholesky, [a], lambda a: each(naive, batch, (n, n), a)


@case("tril")
def _(d):
    return triangle(d, ops.tril, lambda i, j, k: j <= i + k)


@case("triu")
def _(d):
    return triangle(d, ops.triu, lambda i, j, k: j >= i + k)


def triangle(d, op, kept):
    x, k = d.array(d.shape(2)), d.integers(-2, 2)

    def naive(x):
        y = np.zeros(x.shape)
        for index in batches(x.shape):
            y[index] = x[index] if kept(*index[-2:], k) else 0
        return y

    return lambda x: op(x, k=k), [x], naive
