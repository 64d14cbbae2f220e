"""The root mean squared error."""

import numpy as np

from tinygen.metrics import rmse


def test_rmse_is_the_root_of_the_mean_square_and_broadcasts():
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert rmse(x, x) == 0
    assert rmse(x, np.float32([1.0, 0.0])) == np.sqrt((0 + 4 + 4 + 16) / 4)


def test_rmse_of_bytes_is_that_of_numbers():
    assert rmse(np.uint8([3, 250]), np.uint8([250, 3])) == 247
