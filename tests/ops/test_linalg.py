"""Linear algebra at larger sizes than the cases': values, memory order, third order, errors."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import check_grads, grad, ops, tensor

rng = np.random.default_rng(0)


def test_numbers_for_arrays_are_refused():
    with pytest.raises(TypeError, match="outer: b is a float; give an array"):
        ops.outer(np.ones(2), 2.0)
    with pytest.raises(TypeError, match="einsum: operand 0 is a int; give an array"):
        ops.einsum("i->i", [1, 2])


def test_linear_agrees_with_einsum():
    """The products are large enough to be shared among threads."""
    x, w, b, g = (rng.standard_normal(s) for s in ((128, 784), (400, 784), (400,), (128, 400)))
    xs = [tensor(a, requires_grad=True) for a in (x, w, b)]
    y = ops.linear(*xs)
    np.testing.assert_allclose(y.data, np.einsum("ni,oi->no", x, w) + b, rtol=1e-10, atol=1e-10)
    dx, dw, db = grad(y, xs, tensor(g))
    np.testing.assert_allclose(dx.data, np.einsum("no,oi->ni", g, w), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(dw.data, np.einsum("no,ni->oi", g, x), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(db.data, g.sum(0), rtol=1e-10, atol=1e-10)
    # Optimizers read the gradient of a weight as one run of memory.
    assert dw.data.flags.c_contiguous and dw.data.flags.owndata


def test_einsum_agrees_with_numpy_on_large_operands():
    for spec, a, b in [
        ("bhqd,bhkd->bhqk", (4, 3, 20, 16), (4, 3, 24, 16)),
        ("nchw,oc->nohw", (3, 8, 9, 9), (5, 8)),
        ("ij,jk->ki", (70, 80), (80, 90)),
    ]:
        a, b = rng.standard_normal(a), rng.standard_normal(b)
        expected = np.einsum(spec, a, b)
        np.testing.assert_allclose(ops.einsum(spec, a, b), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.cpu_only
def test_einsum_takes_a_list_and_keeps_images_channels_last():
    x = rng.standard_normal((2, 5, 4, 3)).transpose(0, 3, 1, 2)
    y = ops.einsum("nchw,oc->nohw", [x, rng.standard_normal((6, 3))])
    assert y.shape == (2, 6, 5, 4) and y.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("n", [1, 32, 33, 100])
@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("left", [True, False])
def test_triangular_solve_reads_only_its_triangle(n, upper, left):
    a, b = rng.standard_normal((n, n)) / n + 2 * np.eye(n), rng.standard_normal((n, n))
    t = np.triu(a) if upper else np.tril(a)
    x = ops.solve_triangular(a, b, upper=upper, left=left)
    np.testing.assert_allclose(t @ x if left else x @ t, b, rtol=1e-12, atol=1e-12)
    masked = np.where(t, t, np.nan)
    y = ops.solve_triangular(masked, b, upper=upper, left=left)
    np.testing.assert_array_equal(x, y)
    leaf = tensor(a, requires_grad=True)
    g = grad(ops.solve_triangular(leaf, b, upper=upper, left=left).sum(), leaf)[0].data
    assert g.any() and not (g - (np.triu(g) if upper else np.tril(g))).any()


def test_cholesky_reads_the_symmetric_part():
    a = rng.standard_normal((4, 4)) * 0.2 + 3 * np.eye(4)
    y = ops.cholesky(a)
    np.testing.assert_allclose(y @ y.T, (a + a.T) / 2, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(y, ops.cholesky(a.T))
    leaf = tensor(a, requires_grad=True)
    g = grad((ops.cholesky(leaf) * rng.standard_normal((4, 4))).sum(), leaf)[0].data
    np.testing.assert_allclose(g, g.T, rtol=1e-12, atol=1e-12)


def test_logdet_agrees_with_the_diagonal_of_the_cholesky_factor():
    """The two ways to a Gaussian's log-determinant have the same gradient."""
    a = rng.standard_normal((5, 5)) * 0.2 + 3 * np.eye(5)
    one, two = tensor(a + a.T, requires_grad=True), tensor(a + a.T, requires_grad=True)
    y, z = ops.logdet(one), 2.0 * ops.log(ops.einsum("ii->i", ops.cholesky(two))).sum()
    np.testing.assert_allclose(y.data, z.data, rtol=1e-12)
    np.testing.assert_allclose(grad(y, one)[0].data, grad(z, two)[0].data, rtol=1e-10, atol=1e-12)


def test_logdet_is_right_where_the_determinant_underflows():
    a = np.eye(400) * 1e-3
    assert ops.logdet(a) == pytest.approx(400 * np.log(1e-3)) and np.linalg.det(a) == 0


def test_gradients_are_right_to_third_order():
    a = rng.standard_normal((3, 3)) * 0.2 + 2 * np.eye(3)
    check_grads(ops.inv, a, order=3)
    check_grads(ops.cholesky, a, order=3)
    check_grads(lambda a, b: ops.einsum("ij,jk,kl->il", a, b, a), a, a + 1, order=3)


A, B = np.ones((2, 3)), np.ones((3, 4))


@pytest.mark.parametrize(
    "f, message",
    [
        (lambda: ops.matmul(A, A), r"matmul: \(2, 3\) times \(2, 3\)"),
        (lambda: ops.matmul(A, B[:2, 0]), r"matmul: \(2, 3\) times \(2,\)"),
        (lambda: ops.matmul(A, np.array(1.0)), r"matmul: \(2, 3\) times \(\)"),
        (
            lambda: ops.linear(A, B),
            r"linear: weight \(3, 4\) is \(outputs, inputs\), "
            r"and x \(2, 3\) must end in its inputs",
        ),
        (lambda: ops.linear(np.array(1.0), B), "linear: weight"),
        (lambda: ops.linear(A, A, np.ones(3)), r"linear: bias \(3,\) must be \(2,\)"),
        (lambda: ops.einsum("ij,jk->ik->", A, B), "only letters, commas, one"),
        (lambda: ops.einsum("i1,1k", A, B), "only letters"),
        (lambda: ops.einsum("ij", A, B), "it names 1 operands, 2 came"),
        (lambda: ops.einsum("ij,kj->ik", A, B), "'j' has length 3 and 4"),
        (lambda: ops.einsum("ii->i", A), "'i' has length 2 and 3"),
        (
            lambda: ops.einsum("ij,jk->im", A, B),
            "each letter of the output must stand in an operand",
        ),
        (lambda: ops.einsum("ij,jk->ii", A, B), "in the output once"),
        (lambda: ops.einsum("ijk,jk->i", A, B), r"'ijk' names 3 axes, \(2, 3\) has 2"),
        (lambda: ops.einsum("i,jk->i", A, B), r"'i' names 1 axes, \(2, 3\) has 2"),
        (lambda: ops.einsum("...j,jk->jk", A, B), "the output must have it too"),
        (lambda: ops.einsum("...,...->...", A, B), "a broadcast axis has length"),
        (lambda: ops.inv(A), r"inv: a has shape \(2, 3\); it must be \(..., n, n\)"),
        (lambda: ops.slogdet(A), "slogdet: a has shape"),
        (lambda: ops.cholesky(A), "cholesky: a has shape"),
        (lambda: ops.solve(A, B), "solve: a has shape"),
        (
            lambda: ops.solve(np.eye(3), A),
            r"solve: a \(3, 3\) times x cannot be b \(2, 3\); b is \(..., 3, k\), or \(3,\)",
        ),
        (
            lambda: ops.solve_triangular(np.eye(3), np.ones(2), upper=True),
            r"solve_triangular: a \(3, 3\) times x cannot be b \(2,\)",
        ),
    ],
)
def test_errors_teach(f, message):
    with pytest.raises(ValueError, match=message):
        f()


@pytest.mark.parametrize(
    "f",
    [
        ops.inv,
        lambda a: ops.solve(a, np.ones(3)),
        lambda a: ops.cholesky(-np.eye(3)),
        lambda a: ops.solve_triangular(a, np.ones(3), upper=True),
    ],
)
def test_a_system_without_a_solution_is_an_error(f):
    with pytest.raises(np.linalg.LinAlgError):
        f(np.zeros((3, 3)))
