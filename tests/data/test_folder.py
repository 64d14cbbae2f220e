"""Folders of images: every kind of image file, and every way in which they can be wrong."""

import builtins
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from tinygen.data import DataError, folder, paired_folder

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
    images, labels, class_names = folder(tmp_path, 4)
    assert images.shape == (3, 3, 4, 4)
    assert images.dtype == np.uint8 and labels.dtype == np.int64
    assert images[:, :, 0, 0].tolist() == [list(RED), list(GREEN), list(BLUE)]
    assert labels.tolist() == [0, 0, 1] and class_names == ["a", "b"]


def test_without_sub_folders_the_labels_are_zero(tmp_path):
    for name in "ab":
        write_plain(tmp_path / f"{name}.png", RED)
    _, labels, class_names = folder(str(tmp_path), 4)
    assert labels.tolist() == [0, 0] and class_names == []
    write_plain(tmp_path / "-sub" / "c.png", RED)
    images, labels, class_names = folder(tmp_path, 4)
    assert labels.tolist() == [1, 0, 0] and class_names == [".", "-sub"]


def test_grey_and_colour_are_converted(tmp_path):
    write_plain(tmp_path / "a.png", (255, 0, 0))
    write_plain(tmp_path / "b.png", 90, mode="L")
    grey, colour = (folder(tmp_path, 2, channels)[0] for channels in (1, 3))
    assert grey[:, 0, 0, 0].tolist() == [76, 90]  # 0.299 of red
    assert colour[1, :, 0, 0].tolist() == [90, 90, 90]


def test_the_images_are_grey_if_all_of_them_are(tmp_path):
    write_plain(tmp_path / "a.png", (90, 90, 90))
    write_plain(tmp_path / "b.png", (80, 128), mode="LA")
    images = folder(tmp_path, 2)[0]
    assert images.shape == (2, 1, 2, 2) and images[0, 0, 0, 0] == 90
    write_plain(tmp_path / "c.png", (90, 91, 90))
    assert folder(tmp_path, 2)[0].shape == (3, 3, 2, 2)


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
    with pytest.raises(DataError, match="3 of 4 images cannot be read") as caught:
        folder(tmp_path, 4)
    message = str(caught.value)
    assert all(name in message for name in ("a_empty.png", "b_text.jpg", "d_big.png"))
    assert "good.png" not in message
    for i in range(9):
        (tmp_path / f"z{i}.png").write_bytes(good[:20])
    with pytest.raises(DataError, match="and 7 more"):
        folder(tmp_path, 4)


def test_files_of_other_kinds_are_named_in_one_warning(tmp_path):
    write_plain(tmp_path / "a.png", RED)
    for name in (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_bytes(b"of the system")
    write_plain(tmp_path / ".hidden" / "x.png", RED)
    assert len(folder(tmp_path, 4)[0]) == 1  # a warning would be an error in these tests
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "photo.heic").write_bytes(b"a kind that is not read")
    with pytest.warns(
        UserWarning, match=r"they are no images .2.: .*notes.txt, .*photo.heic"
    ) as caught:
        images, _, _ = folder(tmp_path, 4)
    assert len(caught) == 1 and caught[0].filename == __file__ and len(images) == 1
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no image in it.*found .*notes.txt, .*photo.heic"):
        folder(tmp_path, 4)


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_read_and_a_warning_says_so(tmp_path, kind):
    first, second = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)
    options = {"lossless": True} if kind == "webp" else {}
    first.save(tmp_path / f"a.{kind}", save_all=True, append_images=[second], **options)
    with pytest.warns(
        UserWarning, match=rf"of animations only the first frame is read .1.: .*a\.{kind}"
    ):
        images, _, _ = folder(tmp_path, 4)
    assert images[0, :, 0, 0].tolist() == list(RED)


def test_a_photograph_with_a_small_copy_of_itself_is_no_animation(tmp_path):
    photograph = Image.new("RGB", (8, 8), RED)
    photograph.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[photograph])
    assert folder(tmp_path, 4)[0].shape == (1, 3, 4, 4)


def a_png_that_declares(width, height):
    """Return the bytes of a PNG file with this size in its header, and hardly any pixels."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("width, height", [(30_000, 30_000), (10_001, 10_000), (1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, width, height):
    (tmp_path / "bomb.png").write_bytes(a_png_that_declares(width, height))

    def load(image):
        raise AssertionError("the image was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(DataError, match=rf"bomb.png: .*{width * height}|{width} x {height}"):
        folder(tmp_path, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
@pytest.mark.parametrize("mode, factor", [("RGB", 1), ("RGBA", 3), ("I;16", 2), ("LA", 4)])
def test_converting_takes_few_times_the_memory_of_an_image(tmp_path, mode, factor):
    """In units of 4 bytes per pixel. A white page of 16 megapixels is a file of a few kilobytes."""
    size = 4000
    Image.new(mode, (size, size)).save(tmp_path / "a.png")
    code = f"""if True:
        from pathlib import Path
        from PIL import Image, ImageOps
        from tinygen.data import folder
        def peak():
            return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
        Image.init()
        before = peak()
        folder({str(tmp_path)!r}, 4)
        print(peak() - before)
    """
    arguments, root = [sys.executable, "-c", code], Path(__file__).parents[2]
    result = subprocess.run(arguments, cwd=root, capture_output=True, text=True, check=True)
    assert 1024 * int(result.stdout) < (factor + 0.3) * 4 * size**2


def test_a_file_is_decoded_as_an_image_of_a_listed_kind_only(tmp_path):
    """PostScript, for example, is a program, which Pillow would pass to Ghostscript."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a.png: cannot identify"):
        folder(tmp_path, 4)


def test_names_with_accents_spaces_and_undecodable_bytes_are_read(tmp_path):
    write_plain(tmp_path / "été à la mer" / "ma photo n° 1.png", RED)
    write_plain(tmp_path / "b" / "x.png", RED)
    assert folder(tmp_path, 4)[2] == ["b", "été à la mer"]
    undecodable = os.fsencode(tmp_path) + b"/\xff"
    try:
        os.mkdir(undecodable)
    except OSError:
        pytest.skip("this file system has no such names")
    write_plain(Path(os.fsdecode(undecodable)) / "x.png", RED)
    class_names = folder(tmp_path, 4)[2]
    assert class_names == ["b", "été à la mer", "?"]


def test_links_are_followed_but_not_in_circles(tmp_path):
    real = tmp_path / "elsewhere"
    write_plain(real / "x.png", BLUE)
    root = tmp_path / "root"
    write_plain(root / "a" / "x.png", RED)
    try:
        (root / "b").symlink_to(real, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    (root / "a" / "y.png").symlink_to(real / "x.png")
    (root / "a" / "above").symlink_to(root, target_is_directory=True)
    images, _, class_names = folder(root, 4)
    assert images[:, :, 0, 0].tolist() == [list(RED), list(BLUE), list(BLUE)]
    assert class_names == ["a", "b"]
    (root / "lost.png").symlink_to(tmp_path / "absent.png")
    with pytest.raises(DataError, match=r"lost.png: is no file, or a link to a file that does not"):
        folder(root, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="is no file"):
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
    with pytest.raises(ValueError, match=r"channels 1 or 3.*; got size=4, channels=2"):
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
    with pytest.raises(ImportError, match="python -m pip install pillow"):
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
