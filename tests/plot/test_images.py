"""Pictures: every image pixel where it belongs, nothing half written, errors that teach."""

import subprocess
import sys

import numpy as np
import pytest

from tinygen import plot, tensor

matplotlib = pytest.importorskip("matplotlib")
NUMPY_RNG = np.random.default_rng(0)


def read(path):
    from matplotlib.image import imread

    return imread(path)[..., :3]


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_puts_every_pixel_in_its_place(tmp_path, channels):
    images = NUMPY_RNG.integers(0, 256, (5, channels, 4, 6), dtype=np.uint8)
    plot.save_grid(tmp_path / "a.png", images, columns=3, scale=2, gap=1)
    picture = read(tmp_path / "a.png")
    rim = 4  # two image pixels
    assert picture.shape == ((2 * 4 + 1) * 2 + 2 * rim, (3 * 6 + 2) * 2 + 2 * rim, 3)
    inner = picture[rim:-rim, rim:-rim][::2, ::2]
    for i, image in enumerate(images):
        top, left = i // 3 * 5, i % 3 * 7
        np.testing.assert_allclose(inner[top : top + 4, left : left + 6], np.broadcast_to(image.transpose(1, 2, 0) / 255, (4, 6, 3)), atol=0.003)
    assert (inner[4] == 1).all() and (inner[5:, 14:] == 1).all()  # the gap, and the empty sixth place


def test_grid_takes_tensors_floats_and_images_without_channels(tmp_path):
    images = NUMPY_RNG.random((4, 5, 5), dtype=np.float32)
    for name, given in (("a", images), ("b", images[:, None]), ("c", tensor(images))):
        plot.save_grid(tmp_path / f"{name}.png", given)
    assert (read(tmp_path / "a.png") == read(tmp_path / "b.png")).all() and (read(tmp_path / "a.png") == read(tmp_path / "c.png")).all()


def test_rows_stand_beside_their_labels(tmp_path):
    dark, pale = np.zeros((3, 1, 8, 8)), np.full((3, 1, 8, 8), 0.75)
    plot.save_rows(tmp_path / "a.png", {"input": dark, "reconstruction": pale}, scale=4)
    picture = read(tmp_path / "a.png")
    right = picture[:, -60]
    assert (right[20] == 0).all() and np.allclose(right[-20], 0.75, atol=0.01)
    assert picture[:, :100].min() < 0.5  # the labels' ink
    plot.save_rows(tmp_path / "b.png", {"input": dark, "recon-\nstruction": pale}, scale=4)  # two lines, so that the longest has 9 letters, not 14
    assert 40 < picture.shape[1] - read(tmp_path / "b.png").shape[1] < 70


def test_map_and_curves_are_drawn(tmp_path):
    plot.save_scatter(tmp_path / "map.png", NUMPY_RNG.normal(size=(300, 2)), NUMPY_RNG.integers(0, 10, 300), title="codes")
    steps = np.arange(400)
    plot.save_curves(tmp_path / "curves.png", {"train": (steps, 100 * np.exp(-steps / 50) + NUMPY_RNG.random(400)), "test": (steps[::100], np.ones(4))})
    plot.save_curves(tmp_path / "one.png", {"train": ([0], [1.0])})
    for name in ("map", "curves", "one"):
        picture = read(tmp_path / f"{name}.png")
        assert picture.std() > 0.01 and (picture[0] == 1).all()


def lab(rgb):
    """CIELAB coordinates of sRGB colours, white point D65."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    t = linear @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("simulation, least", [
    (np.eye(3), 30),
    (np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]), 22),  # deuteranopia
    (np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]), 22),  # protanopia
])  # fmt: skip
def test_any_two_classes_can_be_told_apart(simulation, least):
    """At the opacity of the map, on white; matrices on linear RGB from Machado, Oliveira and Fernandes 2009."""
    drawn = 0.6 * np.array([matplotlib.colors.to_rgb(c) for c in plot.CLASS_COLOURS]) + 0.4
    linear = (np.where(drawn <= 0.04045, drawn / 12.92, ((drawn + 0.055) / 1.055) ** 2.4) @ simulation.T).clip(0, 1)
    seen = lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))
    distance = np.linalg.norm(seen[:, None] - seen, axis=-1) + 1e9 * np.eye(len(seen))
    assert len(seen) == 10 and distance.min() > least


def test_names_of_classes_do_not_overlap(tmp_path, monkeypatch):
    """All classes on one spot: the names still stand beside each other, inside the frame; one that is alone stays at its median."""
    kept = []
    monkeypatch.setattr(plot.figures, "save_png", lambda figure, path: kept.append(figure))
    labels = np.repeat(np.arange(10), 30)
    codes = NUMPY_RNG.normal(size=(300, 2)) * 0.01
    codes[labels == 9] += 5
    plot.save_scatter(tmp_path / "a.png", codes, labels)
    (ax,) = kept[0].axes
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) == 10 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    frame = ax.get_window_extent()
    assert all(frame.x0 - 1 < b.x0 and b.x1 < frame.x1 + 1 and frame.y0 - 1 < b.y0 and b.y1 < frame.y1 + 1 for b in boxes)


def test_a_title_stands_above_the_images_and_moves_none(tmp_path):
    images = NUMPY_RNG.random((6, 9, 9), dtype=np.float32)
    plot.save_grid(tmp_path / "without.png", images, scale=12)
    plot.save_grid(tmp_path / "with.png", images, scale=12, title="drawn from the prior")
    without, titled = read(tmp_path / "without.png"), read(tmp_path / "with.png")
    above = len(titled) - len(without)
    assert above > 0 and (titled[above + 24 :] == without[24:]).all() and titled[: above + 20].min() < 0.5


def test_discriminants_find_the_plane_that_holds_the_classes():
    """Three classes apart in the first two of five coordinates; the third varies a hundred times more, and says nothing."""
    labels = NUMPY_RNG.integers(0, 3, 900)
    means = np.array([[0, 0], [6, 0], [0, 6]])
    codes = NUMPY_RNG.normal(size=(900, 5)) * [1, 1, 100, 1, 1]
    codes[:, :2] += means[labels]
    view = plot.linear_discriminants(codes, labels + 4)
    assert view.shape == (900, 2)
    centres = np.stack([view[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(view[:, None] - centres, axis=-1).argmin(axis=1)
    assert (nearest == labels).mean() > 0.98


def test_a_failed_write_leaves_the_old_picture_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    plot.save_grid(path, np.zeros((1, 1, 4, 4)))
    before = path.read_bytes()
    from matplotlib.figure import Figure

    def fail(self, where, **kwargs):
        where.write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError):
        plot.save_grid(path, np.ones((1, 1, 4, 4)))
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.png"]


def nan_at_two():
    images = np.zeros((4, 1, 3, 3))
    images[2, 0, 1, 1] = np.nan
    return images


@pytest.mark.parametrize("call, message", [
    (lambda p: plot.save_grid(p, np.zeros((3, 4))), r"save_grid: got shape \(3, 4\); needs images"),
    (lambda p: plot.save_grid(p, np.zeros((3, 2, 4, 4))), r"\(3, 2, 4, 4\)"),
    (lambda p: plot.save_grid(p, np.zeros((0, 1, 4, 4))), "at least one"),
    (lambda p: plot.save_grid(p, nan_at_two()), r"1 of 36 values are NaN or infinite, the first at \(2, 0, 1, 1\)"),
    (lambda p: plot.save_grid(p, -np.ones((1, 1, 4, 4))), r"from -1 to -1.*\(x \+ 1\) / 2"),
    (lambda p: plot.save_grid(p, np.zeros((1, 1, 4, 4), int)), "int64; give uint8, or floats"),
    (lambda p: plot.save_grid(p, np.zeros((1, 1, 4, 4)), columns=-1), "at least 1 column"),
    (lambda p: plot.save_grid(p.with_suffix(".jpg"), np.zeros((1, 1, 4, 4))), "name the file a.png, not a.jpg"),
    (lambda p: plot.save_rows(p, {"a": np.zeros((3, 1, 4, 4)), "b": np.zeros((2, 1, 4, 4))}), "same number of images"),
    (lambda p: plot.save_rows(p, {}), "got none"),
    (lambda p: plot.save_scatter(p, np.zeros((3, 5)), np.zeros(3, int)), r"codes \(n, 2\).*got \(3, 5\)"),
    (lambda p: plot.save_scatter(p, np.zeros((3, 2)), np.zeros(3)), "integer labels"),
    (lambda p: plot.save_scatter(p, np.full((3, 2), np.inf), np.zeros(3, int)), "6 of 6 values"),
    (lambda p: plot.linear_discriminants(np.zeros((3, 5)), np.arange(3)), "3 classes and 3 codes of 5 dimensions"),
    (lambda p: plot.linear_discriminants(np.zeros((3, 5)), np.zeros(3)), "integer labels"),
    (lambda p: plot.save_curves(p, {"train": ([0, 1], [1.0])}), "'train' needs as many steps as values"),
    (lambda p: plot.save_curves(p, {"train": ([0, 1], [1.0, np.nan])}), "did training diverge"),
])
def test_errors_teach(call, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        call(tmp_path / "a.png")
    assert not any(tmp_path.iterdir())


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, tinygen.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
