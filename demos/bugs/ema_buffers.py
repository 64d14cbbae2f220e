"""The average of a network without its buffers.

An exponential moving average (EMA) of the parameters often generates better samples than the last
ones. The usual code copies the network once and lets the copy's parameters follow. But batch
normalization also has *buffers*: the running mean and variance, which are no parameters, because
no gradient changes them. They are updated in the forward pass, and the copy is never trained. So
its running mean stays 0 and its running variance 1, as at the beginning.

**Why nothing fails.** The copy works, and during training nobody calls it. It is used at the end,
in eval mode, where batch normalization reads its buffers. The loss is that of the trained network,
which is fine.

tinygen's `ExponentialMovingAverage` has no copy: it exchanges the parameters of the network, whose
own buffers are used. They belong to the last parameters, not to the averaged ones. As these change
slowly at the end of training, the difference is small.
"""

import numpy as np
from bugs.comparison import Comparison
from bugs.digits import autoencoder, decode_probabilities, load_digits, one_of_each_class

from tinygen import default_rng, no_grad, optim
from tinygen.losses import bernoulli_nll
from tinygen.plot import Rows

TITLE = "EMA without buffers"
SYMPTOM = "Training looks fine, but the average confuses digits."
CHECK = "After a training step and an update, no buffer of the average is what it was before."
SOURCE = "Issues: 84053 of pytorch/pytorch, 2022; 2590 of pytorch/ignite, 2022"
NUM_STEPS, DECAY = 400, 0.98


def follow(averages, values, decay: float) -> None:
    """Move each average towards its value."""
    for average, value in zip(averages, values, strict=True):
        average.data = decay * average.data + (1 - decay) * value.data


def right(average, network, decay):
    """Average the parameters, and copy the buffers."""
    follow(average.parameters(), network.parameters(), decay)
    follow(average.buffers(), network.buffers(), 0)


def wrong(average, network, decay):
    """Average the parameters alone."""
    follow(average.parameters(), network.parameters(), decay)


def check(variant) -> None:
    """The buffers of the average must follow those of the network, at once or slowly."""
    rng = default_rng(0)
    network, average = (autoencoder(2, rng, batch_norm=True) for _ in range(2))
    before = {name: buffer.data.copy() for name, buffer in average.named_buffers()}
    network(rng.normal((8, 1, 28, 28)))  # updates its running mean and variance
    variant(average, network, DECAY)
    stale = [n for n, b in average.named_buffers() if np.array_equal(b.data, before[n])]
    assert not stale, f"{len(stale)} buffers have not changed, such as {stale[0]}"


def compare(seed: int) -> Comparison:
    """Train one network with both averages; draw the reconstructions of all three."""
    rng, (images, test_images) = default_rng(seed), load_digits(seed)
    network, *averages = (autoencoder(16, rng, batch_norm=True) for _ in range(3))
    for average in averages:
        average.load_state_dict(network.state_dict())
    optimizer = optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(NUM_STEPS):
        x = images[rng.integers(0, len(images), (64,))]
        loss = bernoulli_nll(network(x), x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for variant, average in zip((right, wrong), averages, strict=True):
            variant(average, network, DECAY)
    digits = one_of_each_class(seed)
    rows, losses = {"digit": digits}, []
    for name, average in zip(("right", "bug"), averages, strict=True):
        average.eval()
        rows[name] = decode_probabilities(average, digits)
        with no_grad():
            losses.append(bernoulli_nll(average(test_images), test_images).mean().item())
    measured = {"loss of the average on test digits, nats": tuple(losses)}
    few = {name: images[::2] for name, images in rows.items()}
    return Comparison([Rows(rows)], Rows(few), measured)
