"""The discriminator's gradients remain: the generator's loss also trains the discriminator.

The gradient of G's loss goes *through* D, so backward() computes the gradients of D's parameters,
too, and adds them to what is there. If D's gradients are not set to zero before its own backward
pass, its next step follows the sum of both losses.

**Why nothing fails.** Adding gradients is a feature: a large batch can be computed in parts. A
framework cannot know that these two losses are opponents.

**What D learns.** In the minimax game the two losses are opposite in the fakes, and their gradients
cancel on average. What is left of D's loss is -log D(real). So D says "real" everywhere.

**What G learns.** D's logit is nearly the same everywhere (about 9), but it has a highest point. G
moves all samples there: Adam divides the gradient by its own size, so it does not matter that it is
small. A working D would recognize samples that are all in one place, and drive them away.

**With the non-saturating loss** the sum of both gradients in D's logit of a fake is 2 D - 1: D is
pulled to 1/2 on fakes instead of 0, and still to 1 on real examples. D keeps telling them apart,
and the game goes on. Where both are equally likely, D settles at 2/3, where D - 1 + 2 D - 1 = 0.
So the same line does harm or not, depending on the loss.

`loss_g.backward(inputs=G.parameters())` computes the gradients of G alone. In PyTorch, call
optimizer_d.zero_grad() just before D's backward pass.
"""

from bugs.comparison import Comparison
from bugs.points import BATCH, EXTENT, KEY, distance, draw, make_players, sample_ring

from tinygen import default_rng, no_grad, ops
from tinygen.losses.adversarial import minimax_value, saturating
from tinygen.plot import PlaneRows

TITLE = "D's gradients remain"
SYMPTOM = "D says real (grey) everywhere; all samples meet in one point."
CHECK = "Before D's own backward pass, its parameters have no gradient (or zeros)."
SOURCE = (
    "Issues: 591 of Lightning-AI/pytorch-lightning, 2019; 102 of Project-MONAI/GenerativeModels, "
    "2022"
)
NUM_STEPS = 500


def right(G, loss_g):
    """Compute the gradients of G alone."""
    loss_g.backward(inputs=G.parameters())


def wrong(G, loss_g):
    """Compute the gradients of all parameters on the way, also of D's."""
    loss_g.backward()


def check(variant) -> None:
    """The backward pass of G's loss must leave D's gradients alone."""
    G, D, _, _, rng = make_players(0)
    variant(G, saturating(D(G(rng.normal((8, 2))))).mean())
    gradients = [p.grad for p in D.parameters()]
    num_reached = sum(g is not None and bool(g.data.any()) for g in gradients)
    assert num_reached == 0, f"{num_reached} parameters of D have a gradient of G's loss"


def train(variant, seed: int):
    """Play the minimax game. The gradients of both are set to zero once, before a step of each."""
    players = make_players(seed)
    G, D, optimizer_g, optimizer_d, rng = players
    for _ in range(NUM_STEPS):
        optimizer_g.zero_grad()
        optimizer_d.zero_grad()
        variant(G, saturating(D(G(rng.normal((BATCH, 2))))).mean())
        optimizer_g.step()
        fake = G(rng.normal((BATCH, 2))).detach()
        loss_d = -minimax_value(D(sample_ring(BATCH, rng)), D(fake)).mean()
        loss_d.backward()
        optimizer_d.step()
    return players


def compare(seed: int) -> Comparison:
    """Train both, and draw the samples over the discriminator."""
    real = sample_ring(500, default_rng(seed + 1))
    row, of_fake, spreads, distances = {}, [], [], []
    row["start"], _ = draw(make_players(seed), real)
    for name, variant in {"right": right, "bug": wrong}.items():
        players = train(variant, seed)
        row[name], samples = draw(players, real)
        with no_grad():
            of_fake.append(ops.sigmoid(players.D(samples)).mean().item())
        spreads.append(float(samples.std(axis=0).mean()))
        distances.append(distance(samples, real))
    measured = {
        "mean D(x) of samples (1/2: it cannot tell)": tuple(of_fake),
        "standard deviation of the samples": tuple(spreads),
        "distance of real points to the nearest sample": tuple(distances),
    }
    few = {name: row[name] for name in ("right", "bug")}
    return Comparison(
        [PlaneRows({"": row}, EXTENT, note=KEY)], PlaneRows({"": few}, EXTENT), measured
    )
