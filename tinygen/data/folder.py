"""Folders of your own image files, read into one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

# pathlib imports urllib, a network module, so it too is imported only where it is used.
if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

__all__ = ["folder", "paired_folder"]

SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pbm .pgm .png .ppm .tif .tiff .webp".split())
MAX_LISTED = 5  # broken files that an error message lists


def folder(
    path: str | os.PathLike[str], size: int, channels: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Read every image file under `path`, crop its central square and resize it.

    A photograph is rotated as its EXIF orientation says. Transparent parts become white. 16-bit
    grey is reduced to 8 bits. Of an animation only the first frame is read.

    Parameters
    ----------
    path : str or path
        A folder. Sub-folders are searched too; hidden files and other kinds of files are skipped.
    size : int
        Side of the resulting images in pixels.
    channels : {3, 1}
        3 for colour, 1 for grey.

    Returns
    -------
    images : array (n, channels, size, size) of uint8
        Ordered by path.
    labels : array (n,) of int64
        The index of each image's first-level sub-folder, among the sorted sub-folders that hold
        images. Files directly in `path` count as a sub-folder that is sorted first; if there are no
        others, all labels are 0.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no image in it.
    ValueError
        If images cannot be read (up to five are listed), or for a bad `size` or `channels`.
    ImportError
        If Pillow is missing.
    """
    _check_arguments("folder", size, channels)
    files, classes = _list_images(path)
    images = np.empty((len(files), channels, size, size), np.uint8)

    def store(i: int, image: Image.Image) -> None:
        images[i] = _crop_square(image, size, channels)

    _open_all(files, store)
    return images, np.unique(classes, return_inverse=True)[1].astype(np.int64)


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
    FileNotFoundError, ValueError, ImportError
        As `folder`.
    """
    _check_arguments("paired_folder", size, channels)
    files, _ = _list_images(path)
    left, right = (np.empty((len(files), channels, size, size), np.uint8) for _ in range(2))

    def store(i: int, image: Image.Image) -> None:
        width, height = image.size
        if width % 2:
            raise ValueError(f"is {width} pixels wide, but a pair side by side needs an even width")
        left[i] = _crop_square(image.crop((0, 0, width // 2, height)), size, channels)
        right[i] = _crop_square(image.crop((width // 2, 0, width, height)), size, channels)

    _open_all(files, store)
    return left, right


def _check_arguments(function: str, size: int, channels: int) -> None:
    if size < 1 or channels not in (1, 3):
        raise ValueError(
            f"{function}: needs size >= 1 and channels 1 or 3; got size={size}, channels={channels}"
        )


def _list_images(path: str | os.PathLike[str]) -> tuple[list[Path], list[str]]:
    """Return the image files under a folder, sorted, and each one's first-level sub-folder."""
    from pathlib import Path

    root = Path(path)
    if not root.is_dir():
        problem = "is a file" if root.exists() else "no such folder"
        raise FileNotFoundError(f"{root}: {problem}; give a folder of images")
    relative = sorted(
        (file.relative_to(root) for file in root.rglob("*") if file.suffix.lower() in SUFFIXES),
        key=lambda file: file.parts,
    )
    visible = [file for file in relative if not any(part.startswith(".") for part in file.parts)]
    found = [file for file in visible if (root / file).is_file()]
    if not found:
        raise FileNotFoundError(
            f"{root}: no image in it; looked for {', '.join(sorted(SUFFIXES))}, in sub-folders too"
        )
    classes = [file.parts[0] if len(file.parts) > 1 else "" for file in found]
    return [root / file for file in found], classes


def _open_all(files: list[Path], store: Callable[[int, Any], None]) -> None:
    """Call ``store(i, image)`` for each file, upright and in mode L or RGB.

    If files cannot be read, one error reports all of them.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("reading image files needs Pillow: pip install tinygen[demos]") from error
    broken = []
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                store(i, _to_grey_or_rgb(ImageOps.exif_transpose(image)))
        # Pillow's decoders raise errors of any type. None is ignored: all are reported below.
        except Exception as error:
            broken.append(f"  {file}: {error or type(error).__name__}")
    if broken:
        lines = [
            f"{len(broken)} of {len(files)} images cannot be read; repair or remove them:",
            *broken[:MAX_LISTED],
        ]
        if len(broken) > MAX_LISTED:
            lines.append(f"  and {len(broken) - MAX_LISTED} more")
        raise ValueError("\n".join(lines))


def _to_grey_or_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any mode to 8-bit grey (L) or colour (RGB) without transparency."""
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits, or 32 that hold 16. Here convert("L") would clip at 255 instead of scaling.
        values = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _crop_square(image: Image.Image, size: int, channels: int) -> np.ndarray:
    """Crop the central square and resize it with antialiasing: uint8 (channels, size, size)."""
    from PIL import Image, ImageOps

    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(size, size, channels).transpose(2, 0, 1)
