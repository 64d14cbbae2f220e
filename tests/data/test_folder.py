"""Folders of images: every kind of image file, and every way in which they can be wrong."""

import builtins

import numpy as np
import pytest

from tinygen.data import folder, paired_folder

Image = pytest.importorskip("PIL.Image")

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, GREY = [255] * 3, [127] * 3


def write_plain(path, colour, size=(8, 8), mode="RGB", **options):
    """Write an image of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)


def test_images_are_sorted_found_in_sub_folders_and_labelled(tmp_path):
    write_plain(tmp_path / "b" / "deep" / "x.png", BLUE)
    write_plain(tmp_path / "a" / "2.PNG", GREEN)
    write_plain(tmp_path / "a" / "1.bmp", RED)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not an image")
    write_plain(tmp_path / ".hidden" / "x.png", RED)
    (tmp_path / "a" / "._1.png").write_bytes(b"a resource fork of macOS")
    images, labels = folder(tmp_path, 4)
    assert images.shape == (3, 3, 4, 4)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert images[:, :, 0, 0].tolist() == [list(RED), list(GREEN), list(BLUE)]
    assert labels.tolist() == [0, 0, 1]


def test_without_sub_folders_the_labels_are_zero(tmp_path):
    for name in "ab":
        write_plain(tmp_path / f"{name}.png", RED)
    assert folder(str(tmp_path), 4)[1].tolist() == [0, 0]
    write_plain(tmp_path / "sub" / "c.png", RED)
    assert folder(tmp_path, 4)[1].tolist() == [0, 0, 1]


def test_grey_and_colour_are_converted(tmp_path):
    write_plain(tmp_path / "a.png", (255, 0, 0))
    write_plain(tmp_path / "b.png", 90, mode="L")
    grey, colour = (folder(tmp_path, 2, channels)[0] for channels in (1, 3))
    assert grey[:, 0, 0, 0].tolist() == [76, 90]  # 0.299 of red
    assert colour[1, :, 0, 0].tolist() == [90, 90, 90]


def test_every_mode_is_converted(tmp_path):
    write_plain(tmp_path / "a_alpha.png", (255, 0, 0, 0), mode="RGBA")
    write_plain(tmp_path / "b_half.png", (0, 0, 0, 128), mode="RGBA")
    write_plain(tmp_path / "c_grey_alpha.png", (0, 0), mode="LA")
    indexed = Image.new("P", (8, 8), 1)
    indexed.putpalette([0, 0, 0, *GREEN])
    indexed.save(tmp_path / "d_palette.png")
    indexed.save(tmp_path / "e_palette_transparent.png", transparency=1)
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "f_16_bit.png")
    write_plain(tmp_path / "g_bits.png", 1, mode="1")
    write_plain(tmp_path / "h_cmyk.jpg", (0, 0, 0, 0), mode="CMYK")
    expected = [WHITE, GREY, WHITE, GREEN, WHITE, [156] * 3, WHITE, WHITE]
    assert np.array_equal(folder(tmp_path, 2)[0][:, :, 0, 0], expected)


def test_the_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    image = folder(tmp_path, 8, 1)[0][0, 0]
    assert image[0, 0] == 0 and image[-1, 0] == 255


def test_the_central_square_is_cropped(tmp_path):
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    assert (folder(tmp_path, 10, 1)[0] == 200).all()


def test_shrinking_averages(tmp_path):
    checkerboard = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checkerboard).save(tmp_path / "board.png")
    image = folder(tmp_path, 8, 1)[0]
    assert np.abs(image.astype(int) - 127).max() <= 3  # picking pixels would give 0 or 255


def test_all_broken_images_are_named(tmp_path):
    write_plain(tmp_path / "good.png", RED)
    good = (tmp_path / "good.png").read_bytes()
    (tmp_path / "a_empty.png").write_bytes(b"")
    (tmp_path / "b_text.jpg").write_bytes(b"<html>404</html>")
    write_plain(tmp_path / "d_big.png", RED, (64, 64))
    data = (tmp_path / "d_big.png").read_bytes()
    (tmp_path / "d_big.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="3 of 4 images cannot be read") as caught:
        folder(tmp_path, 4)
    message = str(caught.value)
    assert all(name in message for name in ("a_empty.png", "b_text.jpg", "d_big.png"))
    assert "good.png" not in message
    for i in range(9):
        (tmp_path / f"z{i}.png").write_bytes(good[:20])
    with pytest.raises(ValueError, match="and 7 more"):
        folder(tmp_path, 4)


def test_images_of_floats_are_errors(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="floating-point"):
        folder(tmp_path, 4)


def test_a_missing_folder_or_image_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        folder(tmp_path / "absent", 4)
    with pytest.raises(FileNotFoundError, match="no image in it; looked for .bmp"):
        folder(tmp_path, 4)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileNotFoundError, match="is a file"):
        folder(tmp_path / "file", 4)


@pytest.mark.parametrize("reader", [folder, paired_folder])
def test_bad_arguments_are_errors(tmp_path, reader):
    with pytest.raises(ValueError, match="channels 1 or 3; got size=4, channels=2"):
        reader(tmp_path, 4, channels=2)
    with pytest.raises(ValueError, match="size=0"):
        reader(tmp_path, 0)


def test_without_pillow_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    write_plain(tmp_path / "a.png", RED)
    real_import = builtins.__import__

    def import_without_pillow(name, *args, **options):
        if name.split(".")[0] == "PIL":
            raise ImportError("No module named 'PIL'")
        return real_import(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", import_without_pillow)
    with pytest.raises(ImportError, match=r"pip install tinygen\[demos\]"):
        folder(tmp_path, 4)


def test_pairs_are_split_in_the_middle(tmp_path):
    pair = Image.new("RGB", (16, 8), RED)
    pair.paste(BLUE, (8, 0, 16, 8))
    pair.save(tmp_path / "a.png")
    left, right = paired_folder(tmp_path, 4)
    assert left.shape == right.shape == (1, 3, 4, 4)
    assert (left == np.array(RED)[:, None, None]).all()
    assert (right == np.array(BLUE)[:, None, None]).all()
    write_plain(tmp_path / "b.png", RED, (15, 8))
    with pytest.raises(ValueError, match=r"b.png: is 15 pixels wide"):
        paired_folder(tmp_path, 4)


def test_halves_of_pairs_are_cropped_to_squares(tmp_path):
    pixels = np.zeros((8, 40), np.uint8)
    pixels[:, 6:14], pixels[:, 26:34] = 100, 200  # the middle of each half
    Image.fromarray(pixels).save(tmp_path / "a.png")
    left, right = paired_folder(tmp_path, 8)
    assert left.shape == right.shape == (1, 3, 8, 8)
    assert (left == 100).all() and (right == 200).all()
    assert paired_folder(tmp_path, 8, 1)[0].shape == (1, 1, 8, 8)
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(ValueError, match="1 of 2 images cannot be read"):
        paired_folder(tmp_path, 8)
