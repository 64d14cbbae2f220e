"""Anyone's own pictures: a folder of image files as one array."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # pathlib brings a network module with it (urllib, for file URLs), so it too is imported where it is used
    from pathlib import Path

    from PIL import Image

__all__ = ["folder", "paired_folder"]

SUFFIXES = frozenset(".bmp .gif .jpeg .jpg .pbm .pgm .png .ppm .tif .tiff .webp".split())
NAMED = 5  # broken files that an error names


def folder(path: str | os.PathLike[str], size: int, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Every picture under ``path``, cropped to its central square and resized.

    Parameters
    ----------
    path : a folder; sub-folders are searched too, hidden files and other kinds of files passed over.
    size : side of the result in pixels.
    channels : 3 for colour, 1 for grey.

    Returns
    -------
    images : uint8 (n, channels, size, size), ordered by path. A photograph is turned as its EXIF orientation says; what is
        transparent becomes white; 16-bit grey is reduced to 8; of an animation the first frame counts.
    labels : int64 (n,), the index of the picture's first-level sub-folder among the sorted ones that hold pictures; zeros if
        the pictures lie directly in ``path`` (which counts as the first sub-folder where there are both).

    Raises
    ------
    FileNotFoundError if there is no such folder or no picture in it; ValueError naming every broken picture (up to five) or a
    bad ``size`` or ``channels``; ImportError if Pillow is missing.
    """
    _arguments("folder", size, channels)
    files, classes = _pictures(path)
    images = np.empty((len(files), channels, size, size), np.uint8)

    def put(i: int, picture: Image.Image) -> None:
        images[i] = _square(picture, size, channels)

    _open_all(files, put)
    return images, np.unique(classes, return_inverse=True)[1].astype(np.int64)


def paired_folder(path: str | os.PathLike[str], size: int, channels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Pictures that hold a pair side by side (as pix2pix's data sets do): two uint8 arrays (n, channels, size, size).

    The first array is the left halves, the second the right ones. As ``folder`` in all else; a picture whose width is odd is
    an error, as it has no middle.
    """
    _arguments("paired_folder", size, channels)
    files, _ = _pictures(path)
    left, right = (np.empty((len(files), channels, size, size), np.uint8) for _ in range(2))

    def put(i: int, picture: Image.Image) -> None:
        width, height = picture.size
        if width % 2:
            raise ValueError(f"is {width} pixels wide, and a pair side by side needs an even width")
        left[i] = _square(picture.crop((0, 0, width // 2, height)), size, channels)
        right[i] = _square(picture.crop((width // 2, 0, width, height)), size, channels)

    _open_all(files, put)
    return left, right


def _arguments(name: str, size: int, channels: int) -> None:
    if size < 1 or channels not in (1, 3):
        raise ValueError(f"{name}: needs size >= 1 and channels 1 or 3; got size={size}, channels={channels}")


def _pictures(path: str | os.PathLike[str]) -> tuple[list[Path], list[str]]:
    """Picture files under a folder, sorted by path, and the first-level sub-folder of each, "" for none."""
    from pathlib import Path

    root = Path(path)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: {'is a file' if root.exists() else 'no such folder'}; give a folder of pictures")
    files = [
        file
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    ]
    if not files:
        raise FileNotFoundError(f"{root}: no picture in it; looked for {', '.join(sorted(SUFFIXES))}, in sub-folders too")
    files.sort(key=lambda file: file.relative_to(root).parts)
    parents = [file.relative_to(root).parts[:-1] for file in files]
    return files, [parts[0] if parts else "" for parts in parents]


def _open_all(files: list[Path], put: Callable[[int, Any], None]) -> None:
    """Call ``put(i, picture)`` for each file, upright and in mode L or RGB; one error for all that cannot be read."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise ImportError("reading picture files needs Pillow: pip install tinygen[demos]") from error
    broken = []
    for i, file in enumerate(files):
        try:
            with Image.open(file) as picture:
                put(i, _plain(ImageOps.exif_transpose(picture)))
        except Exception as error:  # decoders raise whatever they like; nothing is passed over, all are reported below
            broken.append(f"  {file}: {error or type(error).__name__}")
    if broken:
        more = f"\n  and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        raise ValueError(
            f"{len(broken)} of {len(files)} pictures cannot be read; mend or remove them:\n" + "\n".join(broken[:NAMED]) + more
        )


def _plain(picture: Image.Image) -> Image.Image:
    """Any mode as 8-bit grey (L) or colour (RGB) without transparency."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits, or 32 that hold 16: convert("L") would clip at 255, not scale
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise ValueError("holds floating-point numbers of unknown range; save it with 8 or 16 bits")
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("L" if picture.mode in ("1", "L") else "RGB")


def _square(picture: Image.Image, size: int, channels: int) -> np.ndarray:
    """The central square of a picture, resized with antialiasing: uint8 (channels, size, size)."""
    from PIL import Image, ImageOps

    picture = ImageOps.fit(picture.convert("L" if channels == 1 else "RGB"), (size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture).reshape(size, size, channels).transpose(2, 0, 1)
