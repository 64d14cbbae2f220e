"""Folders of your own image files, read into one array.

Pillow decodes the files. They come from anywhere, so three rules protect the program and the data:

- A file is decoded only by the decoder of one of the kinds in SUFFIXES, whatever its name says, and
  only if the size that it declares is at most MAX_PIXELS. (A file of a few kilobytes can declare an
  image of gigabytes.)
- Every file that cannot be read is named, in one error.
- Every file of another kind is named, in one warning. Only hidden files, and those that operating
  systems put into folders, are passed over quietly.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError

# pathlib imports urllib, a network module, so it too is imported only where it is used.
if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

__all__ = ["folder", "paired_folder"]

SUFFIXES = frozenset(".bmp .gif .jfif .jpeg .jpg .pbm .pgm .png .ppm .tif .tiff .webp".split())
DECODERS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # Pillow's names of these kinds
OF_THE_SYSTEM = frozenset(("thumbs.db", "desktop.ini"))  # Windows puts them into folders
# Of one image: 400 MB when decoded, and no more than four times that while it is converted.
MAX_PIXELS = 100_000_000
MAX_LISTED = 5  # files that a message lists


def folder(
    path: str | os.PathLike[str], size: int, channels: int | None = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Read every image file under `path`, crop its central square and resize it.

    A photograph is rotated as its EXIF orientation says. Transparent parts become white. 16-bit
    grey is reduced to 8 bits. Of an animation only the first frame is read.

        images, labels, class_names = data.folder("holiday", 32)

    Parameters
    ----------
    path : str or path
        A folder. Sub-folders, and links to folders, are searched too.
    size : int
        Side of the resulting images in pixels.
    channels : {None, 3, 1}
        3 for colour, 1 for grey. None is grey if every image is grey, and colour otherwise.

    Returns
    -------
    images : array (n, channels, size, size) of uint8
        Ordered by path.
    labels : array (n,) of int64
        The index of each image's class in `class_names`; 0 if there are no classes.
    class_names : list of str
        The sub-folders directly under `path` that hold images, sorted. Files directly in `path`
        are the class ".". The list is empty if there are no sub-folders with images.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no image in it.
    DataError
        If images cannot be read, or are larger than 100 million pixels (up to five are listed).
    ValueError
        For a bad `size` or `channels`.
    ImportError
        If Pillow is missing.

    Warns
    -----
    UserWarning
        If there are files of other kinds, or animations. One warning names them.
    """
    _check_arguments("folder", size, (1, 3, None), channels)
    files, others = _list_images(path)
    images = np.empty((len(files), channels or 3, size, size), np.uint8)

    def store(i: int, image: Image.Image) -> None:
        images[i] = _crop_square(image, size, channels or 3)

    _open_all(files, others, store)
    if channels is None and (images == images[:, :1]).all():
        images = images[:, :1].copy()
    class_names, labels = _name_classes(path, files)
    return images, labels, class_names


def paired_folder(
    path: str | os.PathLike[str], size: int, channels: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Read image files that hold a pair side by side, as the data sets of pix2pix do.

    Everything else is as in `folder`. A file of odd width is an error: it has no middle.

    Parameters
    ----------
    path : str or path
        A folder.
    size : int
        Side of each half's image in pixels.
    channels : {3, 1}
        3 for colour, 1 for grey.

    Returns
    -------
    left, right : arrays (n, channels, size, size) of uint8
        The left and the right halves.

    Raises
    ------
    FileNotFoundError, DataError, ValueError, ImportError
        As `folder`.
    """
    _check_arguments("paired_folder", size, (1, 3), channels)
    files, others = _list_images(path)
    left, right = (np.empty((len(files), channels, size, size), np.uint8) for _ in range(2))

    def store(i: int, image: Image.Image) -> None:
        width, height = image.size
        if width % 2:
            raise ValueError(f"is {width} pixels wide, but a pair side by side needs an even width")
        left[i] = _crop_square(image.crop((0, 0, width // 2, height)), size, channels)
        right[i] = _crop_square(image.crop((width // 2, 0, width, height)), size, channels)

    _open_all(files, others, store)
    return left, right


def _check_arguments(function: str, size: int, allowed: tuple, channels: int | None) -> None:
    if not isinstance(size, (int, np.integer)) or size < 1 or channels not in allowed:
        raise ValueError(
            f"{function}: needs size, one integer >= 1 for both sides, and channels "
            f"{' or '.join(map(str, allowed))}; got size={size}, channels={channels}"
        )


# -------------------------------------------------------------------------------- finding files


def _list_images(path: str | os.PathLike[str]) -> tuple[list[Path], list[Path]]:
    """Return the image files under a folder, and the files of other kinds, both sorted."""
    from pathlib import Path

    root = Path(path)
    if not root.is_dir():
        problem = "is a file" if root.exists() else "no such folder"
        raise FileNotFoundError(f"{root}: {problem}; give a folder of images")
    files = [Path(file) for file in _walk(root)]
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    others = [file for file in files if file.suffix.lower() not in SUFFIXES]
    if not images:
        found = f"; found {_list_names(others)}" if others else ""
        raise FileNotFoundError(
            f"{root}: no image in it; looked for {', '.join(sorted(SUFFIXES))}, in sub-folders "
            f"too{found}"
        )
    return images, others


def _walk(folder: str | os.PathLike[str], above: tuple = ()) -> Iterator[str]:
    """Yield the visible files under a folder by name, but do not follow a link to a folder above.

    Parameters
    ----------
    folder : str or path
    above : tuple
        Device and inode of each folder that led here.
    """
    status = os.stat(folder)
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    with os.scandir(folder) as entries:
        visible = [e for e in entries if not e.name.startswith(".")]
    for entry in sorted(visible, key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _walk(entry.path, (*above, identity))
        elif entry.name.lower() not in OF_THE_SYSTEM:
            yield entry.path


def _name_classes(path: str | os.PathLike[str], files: list[Path]) -> tuple[list[str], np.ndarray]:
    """Return the names of the first-level sub-folders of the files, and their index per file."""
    parts = [file.relative_to(path).parts for file in files]
    names, labels = np.unique([p[0] if len(p) > 1 else "" for p in parts], return_inverse=True)
    # A name of undecodable bytes could not be printed or drawn.
    printable = [name.encode(errors="replace").decode() or "." for name in names.tolist()]
    return printable if printable != ["."] else [], labels.astype(np.int64)


def _list_names(files: list) -> str:
    """Return the first names of a list of files, and the number of the others."""
    more = f" and {len(files) - MAX_LISTED} more" if len(files) > MAX_LISTED else ""
    return ", ".join(str(file) for file in files[:MAX_LISTED]) + more


# -------------------------------------------------------------------------------- reading files


def _open_all(files: list[Path], others: list[Path], store: Callable[[int, Any], None]) -> None:
    """Call ``store(i, image)`` for each file, upright and in mode L or RGB.

    If files cannot be read, one error reports all of them. Files of other kinds and animations are
    named in one warning.
    """
    try:
        from PIL import ImageOps
    except ImportError as error:
        raise ImportError(
            "reading image files needs Pillow: python -m pip install pillow"
        ) from error
    broken, animations = [], []
    for i, file in enumerate(files):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, about damage that does no harm
                with _open(file) as image:
                    if getattr(image, "is_animated", False) and image.format != "MPO":
                        animations.append(file)  # MPO: a photograph with a small copy of itself
                    image.load()
                    ImageOps.exif_transpose(image, in_place=True)
                    store(i, _to_grey_or_rgb(image))
        # Pillow's decoders raise errors of any type. None is ignored: all are reported below.
        except Exception as error:
            broken.append(f"  {file}: {error or type(error).__name__}")
    notes = []
    if others:
        notes.append(f"skipped, because they are no images ({len(others)}): {_list_names(others)}")
    if animations:
        names = _list_names(animations)
        notes.append(f"of animations only the first frame is read ({len(animations)}): {names}")
    if broken:
        lines = [
            f"{len(broken)} of {len(files)} images cannot be read; repair or remove them:",
            *broken[:MAX_LISTED],
        ]
        if len(broken) > MAX_LISTED:
            lines.append(f"  and {len(broken) - MAX_LISTED} more")
        raise DataError("\n".join(lines + notes))
    if notes:
        warnings.warn("; ".join(notes), stacklevel=3)


def _open(file: Path) -> Image.Image:
    """Open an image without decoding it, if it is a file and not too large."""
    from PIL import Image

    if not file.is_file():
        raise ValueError("is no file, or a link to a file that does not exist")
    image = Image.open(file, formats=DECODERS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise ValueError(f"is {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are decoded")
    return image


def _to_grey_or_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8-bit grey (L) or colour (RGB) without transparency."""
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits, or 32 that hold 16. Here convert("L") would clip at 255 instead of scaling.
        values = np.asarray(image) >> 8
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = _convert(image, "RGBA")
        # Without a name, the white image is freed before the last one is made.
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("RGB")
    return _convert(image, "L" if image.mode in ("1", "L") else "RGB")


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Convert an image to a mode; unlike Pillow, do not copy one that has it already."""
    return image if image.mode == mode else image.convert(mode)


def _crop_square(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Crop the central square and resize it with antialiasing: uint8 (channels, size, size)."""
    from PIL import Image, ImageOps

    image = _convert(image, "L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)
