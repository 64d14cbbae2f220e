"""Data, with no network needed: arrays come out, nothing else.

    digits.py     handwritten digits drawn from a seed: the default data of the demos
    faces.py      portraits drawn from known factors, any size: what an edit should give is known (face_*.py draw them)
    captions.py   what people would write under these portraits, and what of it is true
    mixtures.py   two-dimensional distributions with exact densities
    idx.py        the IDX format; MNIST, Fashion-MNIST, Kuzushiji-MNIST
    cifar.py      CIFAR-10
    download.py   where such files are sought, how they are downloaded and checked
    folder.py     your own pictures, single or in pairs
    edges.py      line drawings of pictures
    images.py     ranges and sizes of images: bytes, floats, fewer pixels
    segmentation.py  label maps stored as pictures: one colour a class
    loader.py     batches without end, resumable

Images are uint8 (n, channels, height, width), labels int64 (n,).
"""

from .cifar import cifar10
from .digits import digits
from .edges import edges
from .faces import faces
from .folder import folder, paired_folder
from .idx import fashion_mnist, kmnist, mnist, read_idx
from .images import binarize, denormalize, downsample, normalize, to_bytes, to_float
from .loader import Loader, split_batches
from .mixtures import checkerboard, grid, moons, ring, swiss_roll

__all__ = [
    "Loader",
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
    "read_idx",
    "ring",
    "split_batches",
    "swiss_roll",
    "to_bytes",
    "to_float",
]
