"""Data sets as arrays, with no network needed.

    digits/           handwritten digits drawn from a seed: the default data of the demos
    faces/            portraits drawn from known factors, at any size, and captions of them
    clips.py          short clips: people who turn, talk and blink, digits that bounce
    mixtures.py       two-dimensional distributions with exact densities
    idx.py            the IDX format; MNIST, Fashion-MNIST, Kuzushiji-MNIST
    cifar.py          CIFAR-10
    download.py       where such files are looked for, how they are downloaded and checked
    errors.py         DataError: a damaged file, or data that do not fit
    folder.py         your own images, single or in pairs
    edges.py          edge maps of images
    affine.py         shifts, turns, scales and shears
    segmentation.py   segmentation maps that are stored as images
    images.py         ranges and sizes of images
    loader.py         batches, by epochs or without end, which can be resumed

Images are uint8 (n, channels, height, width), labels int64 (n,).

`data.affine`, `data.digits`, `data.edges`, `data.faces` and `data.folder` are functions, which hide
the modules of these names. Import other names from the modules:
``from tinygen.data.faces import render``.
"""

from ..missing_names import missing_name
from .affine import affine, random_affine
from .cifar import cifar10
from .digits import digits
from .edges import edges
from .errors import DataError
from .faces import faces
from .folder import folder, paired_folder
from .idx import fashion_mnist, kmnist, mnist, read_idx
from .images import binarize, denormalize, downsample, normalize, to_bytes, to_float
from .loader import Loader, split_batches
from .mixtures import checkerboard, grid, moons, ring, swiss_roll

__all__ = [
    "DataError",
    "Loader",
    "affine",
    "binarize",
    "checkerboard",
    "cifar10",
    "denormalize",
    "digits",
    "downsample",
    "edges",
    "faces",
    "fashion_mnist",
    "folder",
    "grid",
    "kmnist",
    "mnist",
    "moons",
    "normalize",
    "paired_folder",
    "random_affine",
    "read_idx",
    "ring",
    "split_batches",
    "swiss_roll",
    "to_bytes",
    "to_float",
]

# What people who know PyTorch look for here, and what to type instead.
_ELSEWHERE = {
    "DataLoader": "Loader(images, labels, batch_size=64)",
    "Dataset": "an array, or Loader(images, labels, batch_size=64) for several",
    "ImageFolder": "folder(path, size), which returns images, labels and class names",
    "MNIST": 'mnist("train")',
    "CIFAR10": 'cifar10("train")',
    "TensorDataset": "Loader(images, labels, batch_size=64)",
    "random_split": "slices, as in x[:1000] and x[1000:]",
}


def __getattr__(name: str):
    """Say what a name of PyTorch's data packages is here."""
    raise missing_name(__name__, name, _ELSEWHERE)
