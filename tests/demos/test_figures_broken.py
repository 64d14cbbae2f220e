"""The panels of broken.py: what they draw stays within their place."""

import numpy as np
import pytest
from figures.broken import Bars, Measures, Words, format_number

from tinygen.plot import page
from tinygen.plot.canvas import rasterize
from tinygen.plot.page import LINE, MARGIN

pytest.importorskip("matplotlib")
MEASURED = {"error of f'": (0.0, 1e-9), "memory, kB": (7.232, 14.464), "loss": (-2.5, 1234.5)}
PANELS = {
    "bars": Bars({"error of f'": (0.0, 1e-9), "memory, kB": (7.232, 14.464)}),
    "measures": Measures(MEASURED),
    "words": Words("A sentence that is too long for one line. " * 3, title="A title"),
    "code": Words("right  fake = G(z).detach()\nbug    fake = G(z)", code=True),
}


@pytest.mark.parametrize("width", [400, 800])
@pytest.mark.parametrize("name", PANELS)
def test_nothing_is_cut_off(name, width, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [PANELS[name]], width=width)
    picture = rasterize(figures[0])
    picture[MARGIN:-MARGIN, MARGIN:-MARGIN] = 255
    assert (picture == 255).all()


def test_bars_are_as_long_as_their_numbers(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(page, "save_png", lambda figure, path: figures.append(figure))
    page.save_page(tmp_path / "a.png", [Bars({"memory": (7.0, 14.0), "error": (0.0, 0.0)})])
    (ax,) = figures[0].axes
    assert np.allclose(
        [bar.get_width() for bar in ax.patches][1::2], [2 * ax.patches[0].get_width(), 0]
    )


def test_a_table_has_a_line_for_each_figure_and_one_above():
    assert Measures(MEASURED).size(400) == (400, 4 * LINE)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-2.2652, "-2.27"), (118.3, "118"), (1234.5, "1,234"), (0.0009185, "0.000919")],
)
def test_numbers_have_three_digits(value, text):
    assert format_number(value) == text
