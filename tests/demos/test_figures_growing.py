"""The scheme of a network that grows: a block more in each row."""

import numpy as np
import pytest
from figures.growing import growth_scheme, side_by_side

from tinygen.plot.scheme import Network

pytest.importorskip("matplotlib")


def test_each_row_has_a_block_more():
    samples, real = ({size: np.full((n, 3, 16, 16), 0.5) for size in (4, 8, 16)} for n in (3, 2))
    scheme = growth_scheme(samples, real)
    blocks = {key for key, (_, _, part) in scheme.parts.items() if isinstance(part, Network)}
    assert blocks == {"4/4", "8/4", "8/8", "16/4", "16/8", "16/16"}
    into_samples = {start for start, end in scheme.arrows if end.startswith("samples/")}
    assert into_samples == {"4/4", "8/8", "16/16"}
    assert scheme.parts["samples/8"][2].image.shape == (3, 16, 3 * 16 + 2 * 2)


def test_a_training_with_one_size_has_one_row():
    scheme = growth_scheme({32: np.zeros((1, 1, 32, 32))}, {32: np.zeros((1, 1, 32, 32))})
    assert [end for start, end in scheme.arrows] == ["32/4", "32/8", "32/16", "32/32", "samples/32"]


def test_pictures_stand_side_by_side_with_white_between():
    pictures = np.arange(3.0)[:, None, None, None] / 4 * np.ones((3, 1, 4, 4))
    row = side_by_side(pictures)[0]
    assert (row[:, :4] == 0).all() and (row[:, 4:6] == 1).all() and (row[:, -4:] == 0.5).all()
