"""The panels of families.py: what they draw stays within their place."""

import numpy as np
import pytest
from figures.families import Family, Table

from tinygen.plot import page
from tinygen.plot.canvas import rasterize
from tinygen.plot.page import LINE, MARGIN
from tinygen.plot.scheme import Network, Picture, Scheme

pytest.importorskip("matplotlib")
DIGIT, SAMPLES = np.full((28, 28), 0.3), np.full((8, 1, 28, 28), 0.3)
PARTS = {"x": (0, 0, Picture(DIGIT, "x")), "f": (0, 1, Network("f"))}
TABLE = Table(["GAN", "diffusion"], {"bits": ["\u2013", "\u2248 1.49"], "time": ["1 ms", "354 ms"]})


def family(**options):
    """Return a panel of two parts and eight samples."""
    return Family(Scheme(PARTS, ["x f"], side=60, title="A flow"), SAMPLES, **options)


@pytest.mark.parametrize(
    "panel", [family(), family(head="samples"), TABLE], ids=["family", "with a head", "table"]
)
def test_nothing_is_cut_off(panel, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [panel])
    picture = rasterize(figures[0])
    picture[MARGIN - 1 : 1 - MARGIN, MARGIN - 1 : 1 - MARGIN] = 255
    assert (picture == 255).all()


def test_samples_begin_beside_the_title_unless_they_have_a_head():
    assert family().size(776)[1] == LINE + 60 + LINE  # the title, the parts and their labels
    assert family(head="samples").size(776)[1] == LINE + 2 * 2 * 28 + 2


def test_a_table_has_a_line_for_each_row_and_one_above():
    assert TABLE.size(400) == (400, 3 * LINE)


def test_a_row_of_another_length_is_an_error(tmp_path):
    with pytest.raises(ValueError):
        page.save_page(tmp_path / "a.png", [Table(["GAN"], {"bits": ["1", "2"]})])
