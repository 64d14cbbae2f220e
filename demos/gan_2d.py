"""A GAN in the plane: what the generator makes of its noise, over what the discriminator thinks of each place (Goodfellow et al., 2014).

Question to predict, before you run it: the noise is one round cloud, the data are two crescents that do not touch, and the generator is continuous: it can
stretch and bend the plane, but not tear it. What will it do between the two crescents? And where the data are, what does the discriminator say at the end?

    python demos/gan_2d.py                     two crescents
    python demos/gan_2d.py --data ring         eight small heaps on a circle
    python demos/gan_2d.py --data swiss_roll   a spiral

It draws plane.png, four moments of the game. Blue dots are data; colours are the discriminator's verdict, from orange, "made", over white, "cannot tell", to blue,
"real". The net is the generator's picture of a square net in the plane of noise, whose lines lie at the sixteenths of each axis: between any two neighbours
of either kind lies the same share of the noise: a cell is a picture of 1/256 of it, and where cells are small, many samples fall. (The outermost sixteenths
are not drawn.) And samples.png, samples beside data.

Over five seeds 3.5 to 5.3 % of the samples lie off the data, those between the crescents, and they cover 72 to 81 % of it; no seed loses a crescent.

Three one-line changes, and what each should show (unchanged: 4.2 % off, 81 % covered):

1. `betas=(0.9, 0.99)`, Adam's usual momentum: both run past where they should turn. The losses swing until the rates are small, and the net comes to rest
   wherever it happens to be, a sail across the right half: 7.1 % off, 69 % covered; with --steps 1500, 13 % and 36 % (unchanged: 9.8 % and 77 %).
2. `data.moons(0.03)`, crescents a third as thick: 19 % off, 84 % covered. The net must be folded flatter, which takes longer; and what hangs between the crescents
   was near enough to either to pass, and no longer is.
3. `LR, GAMMA = 1e-3, 0`, without the penalty R1: nothing much, 3.4 % off, 81 % covered. Where data and samples overlap, D cannot be steep anyway.
   Digits do not fill their space; try the same in gan.py.
"""

# %% Settings
from statistics import NormalDist

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, grad, nn, no_grad, ops, optim
from tinygen.backend import to_device
from tinygen.losses import minimax_value, non_saturating, r1
from tinygen.metrics import density_coverage
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.plot import save_curves
from tinygen.plot.planes import grid_points, save_planes

SETS = {"moons": data.moons(0.1), "ring": data.ring(8, 1.0, 0.1), "swiss_roll": data.swiss_roll(0.05)}
p = parser(__doc__, steps=dict.fromkeys(SETS, 5000), takes=dict.fromkeys(SETS, "half a minute"), batch=256)
args = parse(p)
LR, GAMMA = 1e-3, 0.01

# %% Data: points (n, 2), of a distribution whose density is known
source = SETS[args.data]
points, _ = source.sample(20_000, np.random.default_rng(1))
loader = data.Loader(points, batch_size=args.batch, seed=args.seed)

# %% Two networks of two hidden layers. beta1 = 0: a game turns, and where a gradient pointed ten steps ago is no advice.
rng = default_rng(args.seed, args.device)
G, D = MLPGenerator(2, (64, 64), (2,), nn.SiLU, rng=rng), MLPDiscriminator((64, 64), (2,), nn.SiLU, rng=rng)
nn.init.kaiming_normal_(G, rng)
nn.init.kaiming_normal_(D, rng)
optimizer_g, optimizer_d = (optim.Adam(model.parameters(), lr=LR, betas=(0, 0.99)) for model in (G, D))

# %% What is seen at four moments, kept in the checkpoint too
SIXTEENTHS = np.array([NormalDist().inv_cdf(i / 16) for i in range(1, 16)])
ALONG = np.linspace(SIXTEENTHS[0], SIXTEENTHS[-1], 121)
ACROSS = np.stack(np.meshgrid(SIXTEENTHS, ALONG, indexing="ij"), axis=-1)  # (15, 121, 2): lines of constant z_1
NET = np.concatenate([ACROSS, ACROSS[..., ::-1]])
EXTENT = (-1.6, 2.6, -1.35, 1.85) if args.data == "moons" else (-2.0, 2.0, -2.0, 2.0)
FIELD = grid_points(EXTENT, 100)
moments = np.unique(np.round(args.steps * np.array([0, 0.025, 0.1])).astype(int))  # and the end
kept = nn.Module()
kept.register_buffer("nets", np.zeros((len(moments), *NET.shape), np.float32))
kept.register_buffer("verdicts", np.zeros((len(moments), len(FIELD)), np.float32))


def seen():
    """The net as G maps it, and D on the plane."""
    net, field = (to_device(a.reshape(-1, 2).astype(np.float32), args.device) for a in (NET, FIELD))
    with no_grad():
        return G(net).numpy().reshape(NET.shape), ops.sigmoid(D(field)).numpy()


# %% Training: one step of D, one of G
run = Run(args, G=G, D=D, optimizer_g=optimizer_g, optimizer_d=optimizer_d, loader=loader, rng=rng, kept=kept)
for step in run.steps():
    for i in np.flatnonzero(moments == step):
        kept.nets.data[i], kept.verdicts.data[i] = seen()
    optimizer_g.lr = optimizer_d.lr = LR * optim.cosine_decay(step, steps=args.steps)
    real = to_device(next(loader), args.device)
    with no_grad():
        fake = G(rng.normal((args.batch, 2)))
    loss_d = (-minimax_value(D(real), D(fake)) + GAMMA * r1(D, real)).mean()
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()
    loss_g = non_saturating(D(G(rng.normal((args.batch, 2))))).mean()
    weights = [*G.parameters()]
    for w, g in zip(weights, grad(loss_g, weights), strict=True):
        w.grad = g
    optimizer_g.step()
    run.log(discriminator=loss_d, generator=loss_g)

# %% How good? A sample is *off* the data if the data's density there is lower than at 99 of 100 real points. A real point is *covered* if some sample is
# nearer than its fifth neighbour (metrics/distances.py).
with no_grad():
    made = G(default_rng(args.seed + 1, args.device).normal((20_000, 2))).numpy()
others, _ = source.sample(20_000, np.random.default_rng(2))
least = np.quantile(source.log_prob(others), 0.01)
figures = {"off": float((source.log_prob(made) < least).mean()), "off_floor": 0.01}
for name, x in (("coverage", made), ("coverage_floor", others[3000:])):
    _, figures[name] = density_coverage(others[:3000], x[:3000])
print("Off the data: {off:.1%} of the samples (of real points, by definition, 1 %). Covered by them: {coverage:.1%} of the data "
      "(by real points: {coverage_floor:.1%})".format(**figures))  # fmt: skip

# %% Pictures
FAKE, EITHER, REAL = "#f4a460", "#ffffff", "#7fb0e6"
few = {"points": points[:600], "labels": np.zeros(600, int)}
nets, verdicts = (np.concatenate([a.numpy(), b[None]]) for a, b in zip((kept.nets, kept.verdicts), seen(), strict=True))
panels = {
    f"step {step:,}": few | {"mesh": net, "field": verdict, "colours": (FAKE, EITHER, REAL), "note": f"D from {verdict.min():.2f} to {verdict.max():.2f}"}
    for step, net, verdict in zip([*moments, args.steps], nets, verdicts, strict=True)
}
save_planes(args.out / "plane.png", panels, EXTENT, columns=2)
several = {"data": points[:3000], "samples": made[:3000]}
save_planes(args.out / "samples.png", {name: {"points": x, "labels": np.zeros(len(x), int)} for name, x in several.items()}, EXTENT)
save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})
run.write_metrics(picture="plane.png", **figures)
