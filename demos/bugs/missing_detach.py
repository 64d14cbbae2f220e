"""A missing detach: the discriminator's loss also trains the generator.

The loss of D is computed from fake examples, fake = G(z). If their graph is still attached,
backward() goes on through G and adds the gradient of D's loss to G's. This gradient moves the fakes
to where D recognizes them more easily: the wrong way.

**Why nothing fails.** Each network has its own optimizer, so G does not move at once. But its
gradients are already there when those of its own loss are added. In the minimax game the two losses
are opposite in the fakes,

    loss of D   ... - log(1 - D(G(z)))
    loss of G         log(1 - D(G(z)))

so the two gradients cancel on average. What is left has no fixed direction: the two batches of
noise differ, and D has moved by one step between them. Such steps lead nowhere, and G learns
nothing. With optimizer_g.zero_grad() between the two losses, the bug only costs time: that of a
gradient that nobody uses. (The first issue cited below is about this case.)

**With the non-saturating loss** -log D(G(z)) the gradients do not cancel. In the logit l of D, they
are D - 1 for G's own loss, and D for the bug's: the sum is 2 D - 1. It still points the right way
while D < 1/2, so G learns, but worse. This variant of the bug can stay hidden for a long time.
"""

import numpy as np
from bugs.comparison import Comparison
from bugs.points import BATCH, EXTENT, KEY, distance, draw, make_players, mean_move, sample_ring

from tinygen import default_rng
from tinygen.losses.adversarial import minimax_value, saturating
from tinygen.plot import PlaneRows

TITLE = "A missing detach"
SYMPTOM = "Samples (orange) do not move to the data (blue)."
CHECK = "After the backward pass of D's loss, no parameter of G has a gradient."
SOURCE = "Issues: 56 of yunjey/pytorch-tutorial, 2017; 48 of heykeetae/Self-Attention-GAN, 2020"
NUM_STEPS = 500


def right(G, D, real, z):
    """Return the loss of D, in which the fakes are constants."""
    fake = G(z).detach()
    return -minimax_value(D(real), D(fake)).mean()


def wrong(G, D, real, z):
    """Return the loss of D, whose gradient goes on through G."""
    fake = G(z)
    return -minimax_value(D(real), D(fake)).mean()


def check(variant) -> None:
    """The backward pass of D's loss must leave G alone."""
    G, D, _, _, rng = make_players(0)
    variant(G, D, rng.normal((8, 2)), rng.normal((8, 2))).backward()
    num_reached = sum(p.grad is not None for p in G.parameters())
    assert num_reached == 0, f"{num_reached} parameters of G have a gradient of D's loss"


def train(variant, seed: int):
    """Play the minimax game. The gradients of both are set to zero once, before a step of each."""
    players = make_players(seed)
    G, D, optimizer_g, optimizer_d, rng = players
    for _ in range(NUM_STEPS):
        optimizer_g.zero_grad()
        optimizer_d.zero_grad()
        loss_d = variant(G, D, sample_ring(BATCH, rng), rng.normal((BATCH, 2)))
        loss_d.backward()
        optimizer_d.step()
        loss_g = saturating(D(G(rng.normal((BATCH, 2))))).mean()
        loss_g.backward(inputs=G.parameters())
        optimizer_g.step()
    return players, loss_d.item()


def compare(seed: int) -> Comparison:
    """Train both, and draw the samples over the discriminator."""
    real = sample_ring(500, default_rng(seed + 1))
    row, moves, distances, losses = {}, [], [], []
    row["start"], first = draw(make_players(seed), real)
    for name, variant in {"right": right, "bug": wrong}.items():
        players, loss_d = train(variant, seed)
        row[name], samples = draw(players, real)
        moves.append(mean_move(first, samples))
        distances.append(distance(samples, real))
        losses.append(loss_d)
    measured = {
        "distance that samples have moved": tuple(moves),
        "distance of real points to the nearest sample": tuple(distances),
        f"loss of D ({np.log(4):.2f} = log 4: it cannot tell)": tuple(losses),
    }
    few = {name: row[name] for name in ("right", "bug")}
    return Comparison(
        [PlaneRows({"": row}, EXTENT, note=KEY)], PlaneRows({"": few}, EXTENT), measured
    )
