"""The saturating loss while the discriminator is confident.

At first, samples are far from the data, and D tells them apart easily: D(G(z)) is nearly 0. In the
logit l of D, with D = sigmoid(l), the two losses of a generator have the derivatives

    minimax           log(1 - D)   -D         nearly 0: the loss is flat where G is bad
    non-saturating    -log D       D - 1      nearly -1: it is steepest where G is bad

**Why nothing fails.** Both have the same sign everywhere, and the same equilibrium. The minimax
loss is the one of the paper's Algorithm 1 and of most lectures, so the line looks right.

**When it shows.** Not always. If D does not win at once, both losses train alike: the right code of
`missing_detach.py` learns with the minimax loss. And Adam divides the gradient by its own size, so
a gradient of 0.002 moves G as far as one of 2. Here D is ahead by 300 steps, and G learns by SGD,
as in Algorithm 1.
"""

import numpy as np
from bugs.comparison import Comparison
from bugs.points import BATCH, KEY, distance, draw, make_players, mean_move, sample_ring

from tinygen import default_rng, optim, tensor
from tinygen.losses import adversarial
from tinygen.plot import Curves, PlaneRows

TITLE = "Saturating loss early"
SYMPTOM = "D says fake (white) around the samples, and they do not move."
CHECK = "Where D(x) is nearly 0, the derivative of G's loss in D's logit is near -1, not 0."
SOURCE = (
    "Goodfellow et al., Generative Adversarial Nets, 2014, section 3; Arjovsky and Bottou, "
    "Towards Principled Methods for Training Generative Adversarial Networks, 2017, section 2"
)
HEAD_START, NUM_STEPS = 300, 200  # steps of D alone, and of both
EXTENT = (-1.4, 6.4, -1.0, 6.2)


def right(logits):
    """Return G's non-saturating loss."""
    return adversarial.non_saturating(logits)


def wrong(logits):
    """Return G's loss of the minimax game."""
    return adversarial.saturating(logits)


def check(variant) -> None:
    """A generator whose samples are all recognized must have a gradient."""
    logits = tensor(np.full(4, -10.0), requires_grad=True)  # D(x) = 0.00005
    variant(logits).sum().backward()
    size = float(abs(logits.grad.data).mean())
    assert size > 0.5, f"the derivative in the logit is {size:.5f} where D(x) = 0.00005"


def gradient_norm(loss, G) -> float:
    """Return the norm of the gradient of G's parameters."""
    G.zero_grad()
    loss.backward(inputs=G.parameters())
    return sum(float((p.grad.data**2).sum()) for p in G.parameters()) ** 0.5


def train(variant, seed: int):
    """Train D alone, then both; return the networks and the norms of G's gradient."""
    players = make_players(seed)
    G, D, _, optimizer_d, rng = players
    optimizer_g = optim.SGD(G.parameters(), lr=0.02)
    norms = []
    for step in range(HEAD_START + NUM_STEPS):
        real, z = sample_ring(BATCH, rng) + np.float32(4), rng.normal((BATCH, 2))
        loss_d = -adversarial.minimax_value(D(real), D(G(z).detach())).mean()
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        norms.append(gradient_norm(variant(D(G(z))).mean(), G))
        if step >= HEAD_START:
            optimizer_g.step()
    return players, np.array(norms)


def compare(seed: int) -> Comparison:
    """Train both; draw the samples, and the size of G's gradient."""
    real = sample_ring(500, default_rng(seed + 1)) + np.float32(4)
    row, moves, distances, norms = {}, [], [], {}
    row["start"], first = draw(make_players(seed), real, EXTENT)
    for name, variant in {"right": right, "bug": wrong}.items():
        players, values = train(variant, seed)
        row[name], samples = draw(players, real, EXTENT)
        moves.append(mean_move(first, samples))
        distances.append(distance(samples, real))
        norms[name] = (np.arange(len(values)), values)
    before = tuple(float(values[HEAD_START - 1]) for _, values in norms.values())
    measured = {
        "norm of G's gradient when G begins to learn": before,
        "distance that samples have moved": tuple(moves),
        "distance of real points to the nearest sample": tuple(distances),
    }
    style = {"ylabel": "norm of the generator's gradient", "smooth": False, "log": "y"}
    note = f"{KEY} G learns from step {HEAD_START}."
    panels = [PlaneRows({"": row}, EXTENT, note=note), Curves(norms, height=300, **style)]
    few = {name: row[name] for name in ("right", "bug")}
    return Comparison(panels, PlaneRows({"": few}, EXTENT), measured)
