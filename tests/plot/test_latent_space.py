"""Scatter plots of codes, and posteriors: names do not overlap, and wrong panels are errors."""

import numpy as np
import pytest

from tests.plot.pictures import read_png
from tinygen import plot

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)


def test_a_scatter_plot_is_drawn(tmp_path):
    codes, labels = RNG.normal(size=(300, 2)), RNG.integers(0, 10, 300)
    plot.save_scatter(tmp_path / "a.png", codes, labels, title="codes")
    picture = read_png(tmp_path / "a.png")
    assert picture.std() > 0.01 and (picture[0] == 1).all()


def test_a_title_is_above_a_scatter_plot_and_a_note_below(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    codes, labels = RNG.normal(size=(30, 2)), np.arange(30) % 2
    plot.save_scatter(tmp_path / "a.png", codes, labels, title="a title", note="a note")
    height = {text.get_text(): text.get_position()[1] for text in figures[0].texts}
    axes = figures[0].axes[0].get_position()
    assert height["a note"] < axes.y0 < axes.y1 < height["a title"]


def test_classes_have_their_names_as_they_are(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    codes, labels = RNG.normal(size=(30, 2)), np.arange(30) % 2
    plot.save_scatter(tmp_path / "a.png", codes, labels, names=["$a$_b", "a long name"])
    figures[0].canvas.draw()
    assert [text.get_text() for text in figures[0].axes[0].texts] == ["$a$_b", "a long name"]
    panel = plot.Posteriors(codes, np.ones((30, 2)), labels, names=["x", "y"])
    plot.save_page(tmp_path / "a.png", [panel])
    assert [text.get_text() for text in figures[1].axes[0].texts] == ["x", "y"]
    plot.save_page(
        tmp_path / "a.png", [plot.Posteriors(codes, np.ones((30, 2)), labels, names=None)]
    )
    assert not figures[2].axes[0].texts


def test_names_of_classes_do_not_overlap(tmp_path, monkeypatch):
    """Nine classes are on one spot: their names are separate and inside the frame."""
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    labels = np.repeat(np.arange(10), 30)
    codes = RNG.normal(size=(300, 2)) * 0.01
    codes[labels == 9] += 5
    plot.save_scatter(tmp_path / "a.png", codes, labels)
    (ax,) = figures[0].axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 10
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    frame = ax.get_window_extent()
    for box in boxes:
        assert frame.x0 - 1 < box.x0 and box.x1 < frame.x1 + 1
        assert frame.y0 - 1 < box.y0 and box.y1 < frame.y1 + 1


def test_a_name_stands_at_the_median_or_in_a_cluster(tmp_path, monkeypatch):
    """A class of two clusters: 45 codes at 0, 40 at 10, and 15 between them."""
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    line = np.concatenate([np.full(45, 0.0), np.linspace(1, 9, 15), np.full(40, 10.0)])
    codes = np.stack([line, line], axis=1) + 0.01 * RNG.normal(size=(100, 2))
    for names_at in ("median", "mode"):
        panel = plot.Scatter(codes, np.zeros(100, int), names_at=names_at)
        plot.save_page(tmp_path / "a.png", [panel])
    median, mode = (figure.axes[0].texts[0].get_position()[0] for figure in figures)
    assert 1 < median < 9
    assert abs(mode) < 0.5


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.zeros((3, 5)), np.zeros(3, int), r"codes \(n, 2\).*got \(3, 5\)"),
        (np.zeros((3, 2)), np.zeros(3), "integer labels"),
        (np.full((3, 2), np.inf), np.zeros(3, int), "6 of 6 values"),
    ],
)
def test_bad_codes_are_errors(codes, labels, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot.save_scatter(tmp_path / "a.png", codes, labels)
    assert not any(tmp_path.iterdir())


def test_a_part_of_the_plane_is_framed_in_one_plot_and_enlarged_in_another(tmp_path, monkeypatch):
    """Each class is named in the plot where it can be seen better."""
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    labels = np.repeat(np.arange(3), 30)
    codes = RNG.uniform(-0.1, 0.1, (90, 2)) + np.array([[0, 0], [0.5, 0.5], [5, 0]])[labels]
    part = (-1.0, 1.0, -1.0, 1.0)
    maps = [plot.Scatter(codes, labels, frame=part), plot.Scatter(codes, labels, extent=part)]
    plot.save_page(tmp_path / "a.png", [maps])
    left, right = figures[0].axes
    assert [text.get_text() for text in left.texts] == ["2"]
    assert [text.get_text() for text in right.texts] == ["0", "1"]
    assert left.patches[0].get_bbox().extents.tolist() == [-1, -1, 1, 1]
    assert right.get_xlim() == (-1, 1) and left.get_xlim()[1] > 5
    assert len(right.collections[0].get_offsets()) == 60
    nothing = plot.Scatter(codes, labels, extent=(8, 9, 8, 9))
    plot.save_page(tmp_path / "a.png", [nothing])


def test_posteriors_can_have_one_scale(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plot.page, "save_png", lambda figure, path: figures.append(figure))
    mu, labels = RNG.normal(size=(30, 2)), np.arange(30) % 2
    panels = [plot.Posteriors(k * mu, mu**2, labels, limit=3) for k in (0.1, 9)]
    plot.save_page(tmp_path / "a.png", [panels])
    assert [ax.get_xlim() for ax in figures[0].axes] == [(-3, 3), (-3, 3)]


def test_posteriors_are_drawn_and_wrong_ones_are_errors(tmp_path):
    mu, labels = RNG.normal(size=(30, 2)), np.arange(30) % 10
    wide = plot.Posteriors(mu, np.ones((30, 2)), labels)
    collapsed = plot.Posteriors(0 * mu, 0.1 + 0 * mu, labels)
    plot.save_page(tmp_path / "a.png", [[wide, collapsed]])
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    for wrong in ((mu[:, :1], mu), (mu * np.nan, mu), (mu, mu[:3])):
        with pytest.raises(ValueError, match="Posteriors, 'a'"):
            plot.Posteriors(*wrong, labels, title="a")
