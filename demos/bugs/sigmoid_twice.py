"""The sigmoid twice: in the network, and again in a loss that expects logits.

A loss "from logits" computes p = sigmoid(logit) itself, because log p is then stable. Given a
probability q in place of a logit, it computes p = sigmoid(q). As q is between 0 and 1, p is between
0.5 and 0.73: the model cannot say "black".

**Why nothing fails.** Any real number is a valid logit, and the loss is smallest where q is 0 on
black pixels and 1 on white ones. So the network does learn something:

    derivative of the loss in q, for a pixel that is white with probability c:   sigmoid(q) - c

sigmoid(q) is at least 1/2. So wherever c is below 1/2, which at first is almost everywhere, q is
pushed to 0. There the inner sigmoid is flat (its derivative is q (1 - q)), and for hundreds of
steps the pixel stays black for every digit. It then costs log 2, whatever it should be, and a black
image costs 784 log 2 = 543 nats, where a decent network needs 100. Later the loss falls slowly, to
529 after 3,000 steps. With the best q for every pixel of the test digits it would still be 514.
"""

import numpy as np
from bugs.comparison import Comparison
from bugs.digits import autoencoder, decode_probabilities, load_digits, one_of_each_class

from tinygen import default_rng, ops, optim
from tinygen.losses import bernoulli_nll
from tinygen.plot import Rows

TITLE = "The sigmoid twice"
SYMPTOM = "Images are black, and the loss stays near 784 log 2."
CHECK = "A network that is sure and right, with logits of 20 and -20, has a loss of nearly zero."
SOURCE = "Issues: 89 of cvg/glue-factory, 2024; 32 of Turoad/lanedet, 2021"
NUM_STEPS = 400


def right(logits, x):
    """Return -log p(x) of each image. The loss applies the sigmoid."""
    return bernoulli_nll(logits, x)


def wrong(logits, x):
    """Return a loss that applies the sigmoid to a sigmoid."""
    return bernoulli_nll(ops.sigmoid(logits), x)


def check(variant) -> None:
    """A confident and correct answer must cost nothing."""
    x = np.zeros((1, 1, 28, 28))
    x[..., 10:18, 10:18] = 1
    loss = float(variant(np.where(x == 1, 20.0, -20.0), x).mean())
    assert loss < 0.1, f"a perfect reconstruction costs {loss:.0f} nats"


def train(variant, seed: int):
    """Train an autoencoder; return it and its loss, by `variant`, on the test digits."""
    rng, (images, test_images) = default_rng(seed), load_digits(seed)
    network = autoencoder(16, rng)
    optimizer = optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(NUM_STEPS):
        x = images[rng.integers(0, len(images), (64,))]
        loss = variant(network(x), x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network, variant(network(test_images), test_images).mean().item()


def compare(seed: int) -> Comparison:
    """Train both; draw what the networks return as probabilities."""
    digits = one_of_each_class(seed)
    rows, losses, means = {"digit": digits}, [], []
    for name, variant in {"right": right, "bug": wrong}.items():
        network, loss = train(variant, seed)
        rows[name] = decode_probabilities(network, digits)
        losses.append(loss)
        means.append(float(rows[name].mean()))
    measured = {
        "loss on test digits, nats per digit": tuple(losses),
        f"mean of the pixels (of the digits: {digits.mean():.3f})": tuple(means),
    }
    few = {name: images[::2] for name, images in rows.items()}
    return Comparison([Rows(rows)], Rows(few), measured)
