"""Faces without glasses and faces with, no face in both piles: learn to put them on and take them off (CycleGAN; Zhu, Park, Isola and Efros, 2017).

Question to predict, before you run it: nobody shows the network one face twice, with glasses and without. Two discriminators say only whether a face looks like those
of the one pile or of the other; and there and back again the face must be the same. What keeps the network from turning you into somebody else, who wears glasses?
And of "grow old", "night falls" and "put glasses on", which way back can it not know, though there and back the face is nearly the same?

    python demos/cyclegan.py                     glasses: no network, no GPU
    python demos/cyclegan.py --steps 1600        the same, learned well
    python demos/cyclegan.py --data night        the same people by day and at night (1,200 steps: 0.14 and 0.19; all of the picture should change)
    python demos/cyclegan.py --data old          young and old (1,200 steps: 0.45 and 0.68)

It draws cycles.png, the lecture's four ways: x, G(x), F(G(x)) and y, F(y), G(F(y)), each with the right answer, which is known here: the same face, drawn with
that one thing switched. And curves.png.

What is measured, on people of whom neither pile has a picture: where the face and the right answer differ, the error of what was made over that of leaving the face
alone (1 is doing nothing, 0 perfect); elsewhere, the change that should not be; and what a judge sees. The judge alone would not do: it sees glasses soon.
What cannot be known cannot be right: grey hair had some colour once. Who knows everything of a young face but that, and answers with the mean of the six colours, has
an error of 0.66 of leaving the old face alone; who guesses one of them, 0.93. F has 0.68, with hair dyed in patches; G has 0.45, and leaves the grey a tint of red, by
which F finds red hair again: for that only is F(G(x)) so near to x.

Three one-line changes, and what each should show (with `--steps 1200`; unchanged, these give an error of 0.30 and 0.31 of
leaving the face alone, and 0.001 elsewhere):

1. `LAMBDA, IDENTITY, RATE = 10, 5, 3e-3`, the paper's numbers, which here weigh twice as much, for its least squares have no 1/2: they hold back what should
   change too: 0.37 and 0.38.
2. `LAMBDA, IDENTITY, RATE = 0, 0, 3e-3`, two games and nothing else: 0.56 and 0.79, and elsewhere 0.047 and 0.046 change, 40 times as much: skin, eyes, hair.
   There and back again 0.06 of the range are lost, not 0.001, and the judge no longer sees every beard (83 and 58 %) and smile (84 and 90 %).
3. `--steps 1600`, for it was not done learning: 0.25 and 0.27. (And the default's 800, which end within two minutes: 0.46 and 0.47.)
"""

# %% Settings
import numpy as np
from _command_line import natural, parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, grad, no_grad, optim, plot
from tinygen.backend import to_device
from tinygen.data.faces import has_attribute, render, sample_aligned_factors, set_attribute
from tinygen.losses import least_squares
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.cyclegan import ImagePool, Translator, cycles
from tinygen.models.pix2pix import PatchDiscriminator

p = parser(
    __doc__, steps={"glasses": 800, "night": 800, "old": 800}, batch=4,
    takes={"glasses": "two minutes", "night": "two minutes", "old": "two minutes"},
)  # fmt: skip
p.add_argument("--size", type=int, choices=[32, 64], default=32, help="height and width of a picture (default: 32)")
p.add_argument("--width", type=natural, default=16, help="channels at half the size; each smaller one has twice as many (default: 16)")
args = parse(p)
LAMBDA, IDENTITY, RATE = 2, 1, 3e-3  # the paper's would be 5 and 2.5 here, least squares having a 1/2; 10 and 5 hold back longer than two minutes
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")

# %% Two piles of different people, bytes (n, 3, size, size): X without, Y with; and people of neither, drawn both ways


def people(n, seed, on):
    """Factors of n faces, all with (or without) what --data says, that look straight at us."""
    factors = sample_aligned_factors(n, seed)
    factors["glasses_style"] = 1  # one kind, so that it can be known how they should look
    return set_attribute(factors, args.data, on)


print("Drawing faces ...", flush=True)
factors_x, factors_y, test_without, test_with = people(5_000, 1, False), people(5_000, 2, True), people(1_000, 3, False), people(1_000, 3, True)
pile_x, pile_y, without, with_it = (render(factors, args.size) for factors in (factors_x, factors_y, test_without, test_with))

# %% G: X -> Y and F: Y -> X, what tells X from fakes and what tells Y, a pool of the last fakes of each
rng = default_rng(args.seed, args.device)
G, F = (Translator(3, args.size, args.width, rng=rng) for _ in range(2))
D_X, D_Y = (PatchDiscriminator(3, 24, rng=rng) for _ in range(2))
pool_x, pool_y = (ImagePool(pile_x.shape[1:], rng=rng) for _ in range(2))
translators, judges = [*G.parameters(), *F.parameters()], [*D_X.parameters(), *D_Y.parameters()]
optimizer, optimizer_d = (optim.Adam(weights, betas=(0, 0.99)) for weights in (translators, judges))
loader_x, loader_y = (data.Loader(pile, batch_size=args.batch, seed=args.seed) for pile in (pile_x, pile_y))
run = Run(args, G=G, F=F, D_X=D_X, D_Y=D_Y, pool_x=pool_x, pool_y=pool_y, optimizer=optimizer, optimizer_d=optimizer_d, loader_x=loader_x, loader_y=loader_y,
          rng=rng)  # fmt: skip


def scaled(images):
    """Bytes to -1 to 1."""
    return to_device(images, args.device) / np.float32(127.5) - 1


def told_apart(D, real, fake):
    """What D lowers: half the squared distance of its verdicts from 1 for real ones and 0 for fakes."""
    return least_squares(D(real), target=1.0).mean() + least_squares(D(fake), target=0.0).mean()


# %% Training
for step in run.steps():
    optimizer.lr = optimizer_d.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    x, y = scaled(next(loader_x)), scaled(next(loader_y))
    way = cycles(G, F, x, y)
    adversarial = least_squares(D_Y(way.fake_y), target=1.0).mean() + least_squares(D_X(way.fake_x), target=1.0).mean()
    loss = adversarial + LAMBDA * way.loss + IDENTITY * way.identity
    for w, g in zip(translators, grad(loss, translators), strict=True):
        w.grad = g
    optimizer.step()

    loss_d = told_apart(D_Y, y, pool_y.exchange(way.fake_y.data)) + told_apart(D_X, x, pool_x.exchange(way.fake_x.data))
    optimizer_d.zero_grad()
    loss_d.backward()
    optimizer_d.step()
    run.log(adversarial=adversarial, cycle=way.loss, identity=way.identity, discriminators=loss_d)


# %% The four ways, on people that neither pile has
def made(network, images):
    """Pictures from 0 to 1 to pictures from 0 to 1."""
    with no_grad():
        parts = np.array_split(images, -(-len(images) // 250))
        return np.concatenate([network(to_device(2 * part - 1, args.device)).numpy() for part in parts]).clip(-1, 1) / 2 + 0.5


x, y = without / np.float32(255), with_it / np.float32(255)  # the same people: each is the other's right answer
fake_y, fake_x = made(G, x), made(F, y)
few, others = slice(0, 10), slice(10, 20)
rows = {"x": x[few], "G(x)": fake_y[few], "right": y[few], "F(G(x))": made(F, fake_y[few])}
rows |= {"y": y[others], "F(y)": fake_x[others], "right ": x[others], "G(F(y))": made(G, fake_x[others])}
plot.save_rows(args.out / "cycles.png", rows)
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})

# %% Against the right answer


def rms(a, b):
    return float(np.sqrt(((a - b) ** 2).mean(dtype=np.float64)))


differs = np.repeat((without != with_it).any(axis=1)[:, None], 3, axis=1)
figures = {"differs": float(differs.mean())}
for way, given, result, right in (("G", x, fake_y, y), ("F", y, fake_x, x)):
    figures[f"error_{way}"] = rms(result[differs], right[differs]) / rms(given[differs], right[differs])
    figures[f"elsewhere_{way}"] = float(np.abs(result - right)[~differs].mean()) if not differs.all() else 0.0
    print(f"{way}: where it should change, {figures['differs']:.0%} of the picture, error {figures[f'error_{way}']:.2f} of leaving the face alone; "
          f"elsewhere {figures[f'elsewhere_{way}']:.4f} of the range")
for name, start, end in (("x", x, made(F, fake_y)), ("y", y, made(G, fake_x))):
    figures[f"cycle_{name}"] = float(np.abs(end - start).mean())
print("There and back again: {cycle_x:.4f} and {cycle_y:.4f} of the range".format(**figures))

# %% And what a judge sees, trained on the two piles; beside it what it sees in the right answers
print("Training the judge ...", flush=True)
attributes = (*ATTRIBUTES, args.data) if args.data not in ATTRIBUTES else ATTRIBUTES
factors = np.concatenate([factors_x, factors_y])
by = args.size // 32


def small(pictures):
    """To the 32 pixels at which the judge looks."""
    return pictures.reshape(len(pictures), 3, 32, by, 32, by).mean(axis=(3, 5), dtype=np.float32)


asked = {way: np.stack([has_attribute(f, a) for a in attributes], axis=1) for way, f in (("G", test_with), ("F", test_without), ("train", factors))}
evaluator = train_attribute_classifier(small(np.concatenate([pile_x, pile_y]) / np.float32(255)), asked["train"], steps=min(1000, args.steps), device=args.device)
print("The judge is right about " + ", ".join(attributes))
for way, pictures in (("G", {"G(x)": fake_y, "right answer": y}), ("F", {"F(y)": fake_x, "right answer": x})):
    for name, result in pictures.items():
        shares = (evaluator.predict(small(result), args.device) == asked[way]).mean(axis=0)
        figures |= {f"evaluator_{a}_{way}_{name.split()[0]}": float(s) for a, s in zip(attributes, shares, strict=True)}
        print("  " + " ".join(f"{s:6.1%}" for s in shares) + f"  {name}")

run.write_metrics(picture="cycles.png", **figures)
