"""A caption in, a face out: latent diffusion that reads (Rombach et al., High-Resolution Image Synthesis with Latent Diffusion Models, 2022).

Question to predict, before you run it: no training picture shows an old face with a hat, though there are many of each, nor glasses with a red hat,
nor a beard with glasses and a smile, and so no caption names them together. Asked for "an old man in a hat", will it draw one who is both, or a young
man, or a bare head? And "a blue cap, in a green jumper" and "a green cap, in a blue jumper" are the same words: will it mind their order?

    python demos/prompt.py                                      faces drawn by this package: no network, no GPU
    python demos/prompt.py "a smiling man with glasses"         the same training, then this caption (or several) in place of the examples
    python demos/prompt.py "a sad woman in a red hat" --resume  from the network that stands in --out, trained: seconds

What is drawn is not a picture of 3,072 numbers but a *code* of 128, of which a decoder makes a picture. Here that is the linear autoencoder of
autoencoder.py, whose best weights are known without training: eigenfaces. One that has to be trained is no better here: conv_autoencoder.py with
--data faces ends, after 8,000 steps, at an error of 0.018 with its 128 numbers, as many eigenfaces at 0.017. Codes drawn from a Gaussian are ghosts
(gaussian.py); here they are drawn by what diffusion has learned of them.

It draws prompt.png, a row of faces for each caption; weights.png, the last row again with guidance from 0, which ignores the caption, upwards; and
curves.png.

Then a judge, which has seen all combinations, reads what captions of new faces name: in drawings 98.4 % of it, so much can be read at all; in samples
**98.4 %**; in samples that were drawn for other captions 44 %. Where they name what was never seen together: of beard, glasses and smile, seen two by
two, **93.7 %**; of glasses and a red hat, both seen with all else, 89.7 %; of an old face with a hat **76.2 %**, and one in five shows both. What has
always excluded each other, it hardly puts together.

Three one-line changes, and what each should show:

1. `tokenize([" ".join(sorted(text.split())) for text in texts])` in `drawn`: the same words in alphabetical order. 69.7 % instead of 98.4: it knows
   then which words there are, but not what goes with what.
2. `SAMPLING_STEPS = 1`: the first guess, from pure noise. 100 % of what is named, and of old faces with hats 90.4! But it is nearly always the same
   face: two of a caption are 2.31 from each other, with 16 steps 8.95 (drawings 10.22). A share of attributes alone proves nothing.
3. `WEIGHT` -2.0 instead of 4.0: away from what the caption says. 15.4 %, less than in samples for other captions: who asks for a hat
   sees a bare head.
"""

# %% Settings
import sys

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run

from tinygen import data, default_rng, losses, nn, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.data.faces import FACTORS, render, sample_aligned_factors
from tinygen.data.faces.captions import (
    PROPERTIES,
    VOCABULARY,
    has_properties,
    tokenize,
    write_captions,
)
from tinygen.metrics import nearest_neighbours, within_class_distance
from tinygen.metrics.evaluators import train_attribute_classifier
from tinygen.models.diffusion import guidance, objectives, samplers
from tinygen.models.diffusion.schedules import VARIANCE_PRESERVING, cosine_schedule
from tinygen.models.diffusion.unet import MLPDenoiser
from tinygen.models.gaussian import principal_components
from tinygen.models.text import TextEncoder

p = parser(__doc__, steps={"faces": 1250}, takes={"faces": "two minutes"}, batch=128)
p.add_argument("captions", nargs="*", metavar="CAPTION", help="what to draw, each in quotes (default: examples)")
args = parse(p)
asked = vars(args).pop("captions")  # no setting of the training: a finished one can be resumed with others
tokenize(asked)  # or an error now that names the words that are known
CODES, RATE, WEIGHT, WEIGHTS, SAMPLING_STEPS = 128, 2e-3, 4.0, (0.0, 1.0, 2.0, 4.0), 16
CHOICES = {"glasses": ("no", "yes"), "beard": ("no", "yes"), "hat": ("no", "yes"), "hat_style": ("woollen hat", "cap"),
           "hat_color": ("red", "blue", "green", "yellow"), "clothes": ("blue", "green", "mustard", "rose")}  # fmt: skip
APART = (("old", "hat"), ("beard", "glasses", "smiling"), ("glasses", "red hat"))  # of NAMES: no training picture shows all of one of these together
EXAMPLES = ("a smiling man with glasses", "a frowning woman in a red hat", "a young woman with a blue cap,\nin a green jumper",
            "a young woman with a green cap,\nin a blue jumper", "an elderly person, smiling,\nwithout a beard or glasses")  # fmt: skip
UNSEEN = ("an old man in a hat", "a smiling person with a beard\nand glasses", "a woman with glasses, in a red hat")


# %% Data: faces that look at us, upright; bytes (n, 3, 32, 32), their captions and what these name
def people(n, seed):
    """Factors of n faces: for those of CHOICES one as often as another; of what changes from moment to moment, the smile alone."""
    factors, rng = sample_aligned_factors(n, seed), np.random.default_rng((seed, 0, 1))  # not the numbers that portraits took
    for name, choices in CHOICES.items():
        factors[name] = rng.choice([FACTORS[name].names.index(choice) for choice in choices], n)
    for name in ("light", "gaze_x", "gaze_y", "blink", "mouth_open"):
        factors[name] = 0
    return factors


def together(truth):
    """Which of APART are true as a whole, of faces or of what captions say: bool (n, names) to bool (n, len(APART))."""
    return np.stack([truth[:, [PROPERTIES.index(name) for name in names]].all(axis=1) for names in APART], axis=1)


print("Drawing faces ...", flush=True)
everybody = people(16_000, seed=1)
lessons = render(everybody, 32)  # for the judge, who knows all combinations
there = ~together(has_properties(everybody)).any(axis=1)
images, (texts, named) = lessons[there], write_captions(everybody[there], seed=1)

# %% Codes: how much of each eigenface is in a face. Each in the unit of its deviation, details would weigh as much as outlines; all in one, they would
# drown in noise that outlines stand out of. So half-way, in the unit of its deviation's root; and their mean square is 1, as is that of noise.
rows = images.reshape(len(images), -1) / np.float32(255)
mean, variances, components = principal_components(rows[:1500], CODES)
unit = variances[:CODES] ** 0.25
unit *= np.sqrt((variances[:CODES] / unit**2).mean())
loader = data.Loader((rows - mean) @ components / unit, tokenize(texts), named.astype(np.float32), batch_size=args.batch, seed=args.seed)

# %% The network that draws, told what the network that reads has read; averages of both. Drawing alone teaches to read, but slowly: it gave blue and
# green to either garment. `says` helps: one layer that has to say what the caption names, 1 for yes, -1 for no, 0 for what it leaves open.
rng = default_rng(args.seed, args.device)
reader = TextEncoder(len(VOCABULARY), 128, rng=rng)
network = MLPDenoiser(CODES, (512, 512, 512), octaves=0, film=True, classes=reader, rng=rng)
says = nn.Linear(128, len(PROPERTIES), rng=rng)
for parameter in network.leave.parameters():
    parameter.data[...] = 0  # its first answer is 0, the best without having learned: a loss of 1
optimizer = optim.Adam([*network.parameters(), *says.parameters()], betas=(0.9, 0.99))
average = optim.ExponentialMovingAverage(network, 0.99)

# %% Training: the velocity; one caption in ten is withheld
run = Run(args, network=network, says=says, optimizer=optimizer, average=average, loader=loader, rng=rng)
for step in run.steps():
    x0, caption, named = (to_device(a, args.device) for a in next(loader))
    reading = losses.squared_error(says(reader(caption)), named).mean() / len(PROPERTIES)
    t, eps = cosine_schedule(rng.uniform((args.batch,))), rng.normal(x0.shape)
    caption = guidance.drop_labels(caption, network.none, 0.1, rng=rng)
    answer = network(VARIANCE_PRESERVING.q_sample(x0, eps, t), t, caption)
    drawing = losses.squared_error(answer, objectives.target("velocity", x0, eps, t)).mean() / CODES
    optimizer.zero_grad()
    (drawing + reading).backward()
    optimizer.lr = RATE * optim.cosine_decay(step, steps=args.steps)
    optimizer.step()
    average.update()
    run.log(drawing=drawing, reading=reading)
plot.save_curves(args.out / "curves.png", {name: (np.arange(args.steps), values) for name, values in run.history.items()})


# %% Drawing, with the averaged weights
def drawn(texts, noise, weight=WEIGHT):
    """A face for each caption, bytes (n, 3, 32, 32), of this noise (n, CODES)."""
    levels = [*(cosine_schedule(float(u)) for u in np.linspace(1, 0, SAMPLING_STEPS + 1)[:-1]), 0.0]
    answer = guidance.classifier_free_guidance(network, to_device(tokenize(texts), args.device), network.none, weight)
    with average.average_parameters():
        codes = to_numpy(samplers.dpm_solver(objectives.denoiser(answer, "velocity"), noise, levels))
    return np.round(255 * (mean + codes * unit @ components.T).clip(0, 1)).astype(np.uint8).reshape(-1, 3, 32, 32)


print("Drawing what is asked for ...", flush=True)
source, columns = default_rng(args.seed + 1, args.device), 8
wanted = asked or [*EXAMPLES, *UNSEEN]
noise = source.normal((columns * len(wanted), CODES))
made = drawn([text for text in wanted for _ in range(columns)], noise)
labels = [text + "\n(never seen together)" * (text in UNSEEN) for text in wanted]
plot.save_rows(args.out / "prompt.png", dict(zip(labels, np.split(made, len(wanted)), strict=True)))
plot.save_rows(args.out / "weights.png", {f"guidance {w:g}": drawn([wanted[-1]] * columns, noise[-columns:], w) for w in WEIGHTS})
if asked:
    run.write_metrics(picture="prompt.png")
    sys.exit()

# %% Is what a caption names in the picture? A judge that has seen all combinations reads the samples. Beside it what it reads in drawings, which is
# the most that can be hoped for, and in samples that are held against one another's captions: so much comes without listening.
print("Training the judge ...", flush=True)
answers = has_properties(everybody)
occurs = answers.any(axis=0)
evaluator = train_attribute_classifier(lessons, answers[:, occurs], steps=min(300, args.steps), kaiming_init=True, device=args.device)
new = people(8_000, seed=2)
(texts, said), truth = write_captions(new, seed=2), has_properties(new)
asks, n = together(said > 0), 60
exams = {"seen": np.flatnonzero(~together(truth).any(axis=1))[:n]}
exams |= {" + ".join(names): np.flatnonzero(asks[:, j])[:n] for j, names in enumerate(APART)}
rows_of = {weight: f"guidance {weight:g}" for weight in (1.0, WEIGHT)}


def marks(exam, pictures, said):
    """Of pictures (2 n, ...), two for each caption, and what these say (n, names): the share of what is said that the judge reads so, and of exam 1, 2
    or 3 the share of pictures that show its combination whole."""
    sees, said = np.zeros((len(pictures), len(PROPERTIES)), bool), np.tile(said, (2, 1))
    sees[:, occurs] = evaluator.predict(pictures, args.device)
    return [float((sees == (said > 0))[said != 0].mean())] + [float(together(sees)[:, exam - 1].mean())] * (exam > 0)


print("Examining ...", flush=True)
table = {}
for exam, few in enumerate(exams.values()):
    fits = ~((said[few] > 0) @ ~truth.T | (said[few] < 0) @ truth.T)  # of which other faces the captions are true
    fits[np.arange(len(few)), few] = False
    pictures = {"drawings": render(new[np.concatenate([few, fits.argmax(axis=1)])], 32)}
    for weight, name in rows_of.items():
        noise = default_rng(args.seed + 2, args.device).normal((2 * len(few), CODES))  # the same for each weight
        pictures[name] = drawn([texts[i] for i in few] * 2, noise, weight)
    if exam == 0:
        seen = {name: pictures[name] / np.float32(255) for name in ("drawings", rows_of[WEIGHT])}
    pictures["captions mixed up"] = seen[rows_of[WEIGHT]]
    for name, made in pictures.items():
        table.setdefault(name, []).append(marks(exam, made, said[np.roll(few, name == "captions mixed up")]))

figures = {}
print(f"Read as named (and the combination whole)\n{'':20s}" + "".join(f"{name:>28s}" for name in exams))
for name, row in table.items():
    print(f"{name:20s}" + "".join(f"{share:>28.1%}" if not whole else f"{share:>20.1%} ({whole[0]:5.1%})" for share, *whole in row))
    for exam, values in zip(exams, row, strict=True):
        figures |= {f"{what}_{exam}_{name}".replace(" ", "_"): value for what, value in zip(("named", "whole"), values, strict=False)}
for name, pictures in seen.items():
    apart, near = within_class_distance(pictures, np.arange(2 * n) % n), float(nearest_neighbours(pictures.reshape(2 * n, -1), rows)[1].mean())
    print(f"Two of a caption, {name}: {apart:.2f} from each other, and {near:.2f} from the nearest training face")
    figures |= {f"apart_{name}".replace(" ", "_"): apart, f"nearest_{name}".replace(" ", "_"): near}
run.write_metrics(picture="prompt.png", **figures)
