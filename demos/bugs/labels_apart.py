"""Labels shuffled apart from their images.

Two arrays belong together row by row. Each is put in random order, but not in the same one. From
then on a label says nothing about its image.

**Why nothing fails.** Images are images, and labels are labels; each array alone is correct. The
best that can be learned is that each class has the probability 1/10: a loss of log 10 = 2.30. Still
the training loss falls a little below, because the network begins to learn the wrong pairs by
heart. A large network learns all of them (Zhang et al., Understanding deep learning requires
rethinking generalization, 2017), and then only test data tell. A conditional generator draws good
digits, and ignores the label.

The same happens with two data loaders that shuffle each for itself, with a mixup that draws two
permutations, or with file lists that are sorted in two ways.
"""

import math

import numpy as np
from bugs.comparison import Comparison

from tinygen import data, default_rng, nn, no_grad, optim
from tinygen.losses import cross_entropy
from tinygen.plot import Curves, Rows

TITLE = "Labels shuffled apart"
SYMPTOM = "The mean image of every label is the same; little is learned."
CHECK = "Shuffle data whose image number i contains i, and whose label is i. They still agree."
SOURCE = "Issue 1 of xudonmao/VMT, 2019; pull request 870 of mlcommons/GaNDLF, 2024"
NUM_TRAIN, NUM_STEPS = 2000, 200


def right(images, labels, rng):
    """Put both in the same random order."""
    n = len(images)
    order = rng.permutation(n)
    return images[order], labels[order]


def wrong(images, labels, rng):
    """Put each in a random order of its own."""
    n = len(images)
    order = rng.permutation(n)
    return images[order], labels[rng.permutation(n)]


def check(variant) -> None:
    """Each label must stay with its image."""
    numbers = np.arange(100)
    images, labels = variant(numbers, numbers, default_rng(0))
    fraction = float((images == labels).mean())
    assert fraction == 1, f"{fraction:.0%} of the labels are still with their image"


def train(images, labels, rng):
    """Train a linear classifier; return it, and its losses."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(784, 10, rng=rng))
    optimizer = optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(NUM_STEPS):
        batch = rng.integers(0, len(images), (64,))
        loss = cross_entropy(network(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network, np.array(losses)


def compare(seed: int) -> Comparison:
    """Shuffle both; draw the mean image of each label, and the loss of a classifier."""
    images, labels = data.digits(NUM_TRAIN + 400, seed=seed)
    images, rng = data.to_float(images), default_rng(seed)
    test_images, test_labels = images[NUM_TRAIN:], labels[NUM_TRAIN:]
    rows, curves, accuracies, last = {}, {}, [], []
    for name, variant in {"right": right, "bug": wrong}.items():
        shuffled, their_labels = variant(images[:NUM_TRAIN], labels[:NUM_TRAIN], rng)
        rows[name] = np.stack([shuffled[their_labels == k].mean(axis=0) for k in range(10)])
        network, losses = train(shuffled, their_labels, rng)
        curves[name] = (np.arange(NUM_STEPS), losses)
        last.append(float(losses[-50:].mean()))
        with no_grad():
            predicted = network(test_images).numpy().argmax(axis=1)
        accuracies.append(float((predicted == test_labels).mean()))
    curves["log 10"] = (np.arange(NUM_STEPS), np.full(NUM_STEPS, math.log(10)))
    measured = {
        "accuracy on test digits": tuple(accuracies),
        "training loss, mean of the last 50 steps": tuple(last),
    }
    title = "The mean image of each label, 0 to 9"
    panels = [Rows(rows, title=title), Curves(curves, ylabel="loss of a classifier", height=300)]
    return Comparison(panels, Rows({name: r[:5] for name, r in rows.items()}), measured)
