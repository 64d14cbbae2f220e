"""Products of vectors and matrices, linear systems, triangles, einsum."""

import numpy as np

from tests.first_hour.phrases import SAME, Row, torch
from tinygen import ops

ROWS = [
    Row("matrix @ matrix", lambda x, cube2: x @ cube2[0], SAME, SAME),
    Row("matrix @ vector", lambda x, row: x @ row, SAME, SAME),
    Row("vector @ matrix", lambda row, weight: row @ weight.T, SAME, SAME),
    Row("vector @ vector", lambda row, channels: row @ channels, SAME, SAME),
    Row("array @ matrix", lambda x: np.eye(3) @ x, SAME, lambda x: torch.eye(3).double() @ x),
    Row("batch @ batch", lambda cube, cube2: cube @ cube2, SAME, SAME),
    Row("batch @ matrix", lambda cube, weight: cube @ weight.T, SAME, SAME),
    Row(
        "matmul",
        lambda cube, cube2: ops.matmul(cube, cube2),
        lambda cube, cube2: np.matmul(cube, cube2),
        lambda cube, cube2: torch.bmm(cube, cube2),
    ),
    Row(
        "dot",
        lambda row, channels: ops.dot(row, channels),
        lambda row, channels: np.dot(row, channels),
        lambda row, channels: torch.dot(row, channels),
    ),
    Row("x.dot(y)", lambda row, channels: row.dot(channels), SAME, SAME),
    Row(
        "outer",
        lambda row, bias: ops.outer(row, bias),
        lambda row, bias: np.outer(row, bias),
        lambda row, bias: torch.outer(row, bias),
    ),
    Row(
        "bias + x @ w.T",
        lambda x, weight, bias: bias + x @ weight.T,
        SAME,
        lambda x, weight, bias: torch.addmm(bias, x, weight.T),
    ),
    # einsum
    Row(
        "einsum, a product",
        lambda x, weight: ops.einsum("ij,kj->ik", x, weight),
        lambda x, weight: np.einsum("ij,kj->ik", x, weight),
        lambda x, weight: torch.einsum("ij,kj->ik", x, weight),
    ),
    Row(
        "einsum, a batch of products",
        lambda cube, cube2: ops.einsum("nij,njk->nik", cube, cube2),
        lambda cube, cube2: np.einsum("nij,njk->nik", cube, cube2),
        lambda cube, cube2: torch.einsum("nij,njk->nik", cube, cube2),
    ),
    Row(
        "einsum with an ellipsis",
        lambda cube: ops.einsum("...ij->...ji", cube),
        lambda cube: np.einsum("...ij->...ji", cube),
        lambda cube: torch.einsum("...ij->...ji", cube),
    ),
    Row(
        "einsum, the diagonal",
        lambda square: ops.einsum("ii->i", square),
        lambda square: np.einsum("ii->i", square),
        lambda square: torch.einsum("ii->i", square),
    ),
    Row(
        "einsum, a bilinear form",
        lambda row, x, right: ops.einsum("j,ij,ik->k", row, x, right),
        lambda row, x, right: np.einsum("j,ij,ik->k", row, x, right),
        lambda row, x, right: torch.einsum("j,ij,ik->k", row, x, right),
    ),
    # Square matrices
    Row("trace", lambda square: square.trace(), SAME, SAME),
    Row("diagonal", lambda square: square.diagonal(), SAME, SAME),
    Row("diagonal of a batch", lambda cube: cube.diagonal(0, 1, 2), SAME, SAME),
    Row(
        "tril",
        lambda square: ops.tril(square),
        lambda square: np.tril(square),
        lambda square: torch.tril(square),
    ),
    Row(
        "triu above the diagonal",
        lambda square: ops.triu(square, 1),
        lambda square: np.triu(square, 1),
        lambda square: torch.triu(square, 1),
    ),
    Row(
        "inverse",
        lambda square: ops.inv(square),
        lambda square: np.linalg.inv(square),
        lambda square: torch.linalg.inv(square),
    ),
    Row(
        "solve",
        lambda covariance, right: ops.solve(covariance, right),
        lambda covariance, right: np.linalg.solve(covariance, right),
        lambda covariance, right: torch.linalg.solve(covariance, right),
    ),
    Row(
        "logarithm of the determinant",
        lambda covariance: ops.logdet(covariance),
        lambda covariance: np.linalg.slogdet(covariance)[1],
        lambda covariance: torch.logdet(covariance),
    ),
    Row(
        "slogdet",
        lambda square: ops.slogdet(square),
        lambda square: np.linalg.slogdet(square),
        lambda square: torch.linalg.slogdet(square),
    ),
    Row(
        "Cholesky",
        lambda covariance: ops.cholesky(covariance),
        lambda covariance: np.linalg.cholesky(covariance),
        lambda covariance: torch.linalg.cholesky(covariance),
    ),
    Row(
        "solve a triangular system",
        lambda covariance, right: ops.solve_triangular(covariance, right, upper=False),
        lambda covariance, right: np.linalg.solve(np.tril(covariance), right),
        lambda covariance, right: torch.linalg.solve_triangular(covariance, right, upper=False),
    ),
]
