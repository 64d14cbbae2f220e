"""Your own pictures, for the demos: --data folder:PATH --size N.

read_folder(args)              the pictures of the folder, for training and for tests
read_two_folders(args, "XY")   those of two sub-folders, apart
choose_examples(labels, n)     which pictures to show, so that every class is among them
principal_directions(x, k)     in which rows of numbers vary most; principal_plane, for a map
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from tinygen import data
from tinygen.models.gaussian import principal_components

MIN_TRAIN, MIN_TEST = 6, 2  # pictures; eight can be divided so


def read_folder(args: argparse.Namespace, *, needs_classes: bool = False, batch_multiple: int = 1):
    """Read the pictures of --data folder:PATH with --size pixels.

    The tests are the pictures of PATH/test, if there are the folders PATH/train and PATH/test.
    Otherwise they are every tenth picture, or every fourth of less than a hundred.

    A batch that is larger than the number of training pictures is reduced to it, in `args`.

    Parameters
    ----------
    args : argparse.Namespace
        The settings: data, size and batch.
    needs_classes : bool
        Refuse a folder without sub-folders, whose pictures have no classes.
    batch_multiple : int
        The batch has to be a multiple of it.

    Returns
    -------
    train, test : two tuples (images, labels)
        Bytes (n, channels, size, size), grey if all pictures are grey; labels (n,).
    class_names : list of str
        The names of the sub-folders; empty if there are none, and all labels are 0.
    """
    path = Path(args.data.removeprefix("folder:"))
    print(f"Reading {path} ...", flush=True)
    if (path / "train").is_dir() and (path / "test").is_dir():
        train, test, class_names = _read_both(path, args.size)
    else:
        images, labels, class_names = _read(path, args.size)
        interval = 10 if len(images) >= 100 else 4
        is_test = np.arange(len(images)) % interval == 3
        train, test = ((images[rows], labels[rows]) for rows in (~is_test, is_test))
    if len(class_names) == 1:
        class_names = []  # one sub-folder says no more than none
    num_train, num_test = len(train[0]), len(test[0])
    if num_train < MIN_TRAIN or num_test < MIN_TEST:
        raise data.DataError(
            f"{path}: {num_train} pictures for training and {num_test} for tests; at least "
            f"{MIN_TRAIN} and {MIN_TEST} are needed, and hundreds to learn much"
        )
    counts = [np.bincount(labels, minlength=len(class_names)) for _, labels in (train, test)]
    if needs_classes and (len(class_names) < 2 or counts[0].min() < 2 or counts[1].min() < 1):
        found = ", ".join(f"{name}: {n}" for name, n in zip(class_names, sum(counts).tolist()))
        raise data.DataError(
            f"{path}: needs two sub-folders or more, one for each class, with ten pictures or more "
            "(four, where there are less than a hundred in all); found "
            f"{found or 'no sub-folder with pictures'}"
        )
    kind = "grey" if train[0].shape[1] == 1 else "colour"
    classes = f", of {len(class_names)} classes: {', '.join(class_names)}" if class_names else ""
    print(f"{num_train:,} pictures for training, {num_test:,} for tests, in {kind}{classes}")
    _limit_batch(args, num_train // batch_multiple * batch_multiple)
    return train, test, class_names


def read_two_folders(args: argparse.Namespace, symbols: str):
    """Read the pictures of --data folder:PATH, which has two sub-folders.

    Parameters
    ----------
    args : argparse.Namespace
        As for `read_folder`.
    symbols : str
        What the demo calls the two kinds of pictures, a letter each.

    Returns
    -------
    train, test : two lists
        The pictures of the first sub-folder and of the second, bytes (n, channels, size, size).
    """
    train, test, names = read_folder(args, needs_classes=True)
    first, second = symbols
    if len(names) != 2:
        raise data.DataError(
            f"--data {args.data}: has {len(names)} sub-folders; give two, {first} and {second}"
        )
    print(f"{first} is {names[0]}, {second} is {names[1]}")
    both = [[images[labels == k] for k in (0, 1)] for images, labels in (train, test)]
    _limit_batch(args, min(map(len, both[0])))
    return both


def _limit_batch(args: argparse.Namespace, largest: int) -> None:
    """Reduce --batch to the number of pictures that there are."""
    if args.batch > largest:
        print(f"--batch is {largest} instead of {args.batch}: there are no more pictures")
        args.batch = largest


def _read_both(path: Path, size: int):
    """Return the pictures of the folders train and test, which have to have the same classes."""
    train, labels, class_names = _read(path / "train", size)
    test, test_labels, test_names = _read(path / "test", size, train.shape[1])
    if class_names != test_names:
        raise data.DataError(
            f"{path}: train has the sub-folders {', '.join(class_names) or '(none)'}, and test has "
            f"{', '.join(test_names) or '(none)'}; they have to be the same"
        )
    return (train, labels), (test, test_labels), class_names


def _read(path: Path, size: int, channels: int | None = None):
    """Call `data.folder`, and print its warnings in one line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pictures = data.folder(path, size, channels)
    for warning in caught:
        print(f"{path}: {warning.message}")
    return pictures


def choose_examples(labels: np.ndarray, n: int) -> np.ndarray:
    """Return the indices of up to n examples: the first of each class, then the second, ..."""
    rank = np.empty(len(labels), np.int64)  # of each example in its class
    for k in np.unique(labels):
        rank[labels == k] = np.arange((labels == k).sum())
    return np.lexsort((labels, rank))[:n]


def principal_directions(x: np.ndarray, k: int) -> np.ndarray:
    """Return the k directions in which rows x (n, d) vary most, (d, k), the largest one first.

    Fewer than k + 1 rows vary in fewer directions, which are returned then.
    """
    _, _, components = principal_components(x.astype(np.float64), min(k, len(x) - 1, x.shape[1]))
    return components


def principal_plane(codes: np.ndarray) -> np.ndarray:
    """Project codes (n, d) on the two directions in which they vary most, (n, 2)."""
    return codes @ principal_directions(codes, 2)
