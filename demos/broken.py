# %% [markdown]
"""Broken on purpose: twelve bugs of one line, and what would have caught them.

They are known from papers and from people's bug reports, and none of them
raises an error. For each one, this demo runs the right code and the bug, draws
both side by side, measures the difference, and runs a check that finds it.

     1  exp(log_var) as the standard deviation         VAE
     2  the KL, a sum, against a mean over pixels      VAE
     3  the sigmoid twice                              autoencoder
     4  a missing detach                               GAN
     5  the discriminator's gradients remain           GAN
     6  the saturating loss early                      GAN
     7  alpha in place of alpha_bar                    diffusion
     8  the sign of guidance                           diffusion
     9  batch-norm statistics saved raw                second derivatives
    10  an average of parameters without the buffers   batch norm
    11  labels shuffled apart from their images        data
    12  noise of float64                               data

Question to predict before you run it: which of the twelve make the training
loss look *better* than that of the right code? Which leave it as it is? And
which three cannot be seen in any picture of samples?

    python demos/broken.py          all, in half a minute on two CPU cores
    python demos/broken.py 3        one
    python demos/broken.py 4 5 6    some

Each bug is a file in demos/bugs: two functions, `right` and `wrong`, that
differ in one line, a function `check` that fails for the second only, and a
docstring that explains the line. The demo writes a picture of each bug, with
the symptom above and the line below: guess before you read on. overview_1.png
and overview_2.png have six on a page, with the damage above and the bug below,
and broken.png the six that are seen at a glance.

Three changes to try. Predict what each does to the picture:

1. In bugs/missing_detach.py, let `train` use `non_saturating` in place of
   `saturating`.
2. In bugs/saturating_early.py, let G learn by `optim.Adam` with lr=0.002.
3. In bugs/ema_buffers.py, leave out `average.eval()`.
"""

# %%
# Settings
import argparse
import json
import sys
import textwrap
import time
from pathlib import Path

from _command_line import IN_NOTEBOOK, HelpFormatter, seed  # first of ours: finds the package
from bugs import (
    alpha_for_alpha_bar,
    ema_buffers,
    exp_log_var,
    float64_noise,
    guidance_sign,
    kl_against_mean,
    labels_apart,
    missing_detach,
    raw_statistics,
    remaining_gradients,
    saturating_early,
    sigmoid_twice,
)
from bugs.comparison import different_lines
from figures.broken import Measures, Words, format_number

from tinygen.plot import save_page

BUGS = (
    exp_log_var,
    kl_against_mean,
    sigmoid_twice,
    missing_detach,
    remaining_gradients,
    saturating_early,
    alpha_for_alpha_bar,
    guidance_sign,
    raw_statistics,
    ema_buffers,
    labels_apart,
    float64_noise,
)

# On the pages of several bugs: the damage as the title of a panel, and the bug below it
CAPTIONS = {
    1: ("The bound is no bound", "exp(log_var) is taken as sigma. It is the variance."),
    2: ("All digits: one blur", "The KL is a sum, the error a mean over pixels: the KL wins."),
    3: ("Images nearly black", "The sigmoid is applied twice."),
    4: (
        "Samples stay away",
        "The loss of D moves G, too. Blue: data. Orange: samples. Grey: D says real.",
    ),
    5: ("One sample for all z", "The loss of G moves D, too. Grey: D says real, everywhere."),
    6: ("Samples do not move", "D is sure (white: fake), so the saturating loss has no slope."),
    7: ("The noise never comes", "The alpha of one step is used, not the product of all steps."),
    8: ("The label is avoided", "Guidance has the wrong sign. Colour: the label asked for."),
    9: ("f' right, f'' wrong", "f: batch norm, std as a constant. Gradient penalties need f''."),
    10: ("The average fails", "Weights are averaged, but the statistics of batch norm are not."),
    11: ("Labels mean nothing", "Shuffled apart from the images. Shown: the mean of each label."),
    12: ("Twice the memory", "Noise of float64 in a network of float32. The loss is the same."),
}
VISIBLE = (2, 3, 4, 7, 8, 11)  # those that are seen at a glance
PAGE = 6  # bugs on a page


def number_of_bug(text: str) -> int:
    """Return a number from 1 to 12."""
    if text not in map(str, range(1, len(BUGS) + 1)):
        raise argparse.ArgumentTypeError(f"give numbers from 1 to {len(BUGS)}, not {text!r}")
    return int(text)


p = argparse.ArgumentParser("broken.py", description=__doc__, formatter_class=HelpFormatter)
p.add_argument(
    "numbers",
    nargs="*",
    type=number_of_bug,
    metavar="N",
    help="which bugs, by their numbers from 1 to 12 (default: all)",
)
p.add_argument(
    "--seed",
    type=seed,
    default=0,
    help="seed of the initial weights, the data and the noise (default: 0)",
)
p.add_argument(
    "--out",
    type=Path,
    metavar="DIR",
    default=Path("out/broken"),
    help="folder for the pictures and metrics.json (default: out/broken)",
)
args = p.parse_args([] if IN_NOTEBOOK else None)
try:
    args.out.mkdir(parents=True, exist_ok=True)
except OSError as error:
    p.error(f"--out {args.out}: cannot make this folder ({error.strerror}); choose another")


# %%
# The check: silent for the right code, and an error for the bug
def run_check(bug) -> str:
    """Run the check of a bug on both; return what it says of the bug."""
    bug.check(bug.right)
    try:
        bug.check(bug.wrong)
    except AssertionError as error:
        return str(error)
    sys.exit(f"broken.py: the check of {bug.__name__} does not find the bug")


# %%
# What is printed, and written on the picture
def describe_code(bug) -> str:
    """Return the line of the right code and that of the bug; a line can be missing."""
    right, wrong = different_lines(bug)
    return f"right  {' '.join(right)}\nbug    {' '.join(wrong) or '(this line is missing)'}"


def print_bug(number: int, bug, measured, message: str, seconds: float) -> None:
    """Print what the picture shows, in 79 columns."""
    print(f"\n{number}. {bug.SYMPTOM} ({seconds:.1f} s)")
    numbers = {what: tuple(map(format_number, pair)) for what, pair in measured.items()}
    for what, (right, wrong) in {"": ("right", "bug"), **numbers}.items():
        print(f"   {what:52s}{right:>12s}{wrong:>12s}")
    print(textwrap.indent(f"{bug.TITLE}\n{describe_code(bug)}", "   "))
    lines = {"check": bug.CHECK, "it says": message, "known from": bug.SOURCE}
    for name, text in lines.items():
        style = {"initial_indent": f"   {name:12s}", "subsequent_indent": " " * 15}
        print(textwrap.fill(text, 79, **style), flush=True)


# %%
# Run the bugs, one after the other
numbers = args.numbers or range(1, len(BUGS) + 1)
overview, figures, files = {}, {}, []
for number in numbers:
    bug, start = BUGS[number - 1], time.monotonic()
    message = run_check(bug)
    comparison = bug.compare(args.seed)
    seconds = time.monotonic() - start
    name = bug.__name__.removeprefix("bugs.")
    files.append(f"{number:02d}_{name}.png")
    figures[name] = {what: list(map(float, pair)) for what, pair in comparison.measured.items()}
    code = Words(describe_code(bug), code=True, title=f"The bug: {bug.TITLE}")
    check = Words(bug.CHECK, title="The check")
    page = [*comparison.panels, Measures(comparison.measured), code, check]
    save_page(args.out / files[-1], page, title=f"{number}. {bug.SYMPTOM}")
    print_bug(number, bug, comparison.measured, message, seconds)
    title, comparison.overview.note = CAPTIONS[number]
    comparison.overview.title = f"{number}. {title}"
    overview[number] = comparison.overview


# %%
# Six on a page, two in a row
def save_overview(name: str, bugs, title: str) -> None:
    """Draw the panels of these bugs."""
    panels = [overview[number] for number in bugs]
    save_page(args.out / name, [panels[i : i + 2] for i in range(0, len(panels), 2)], title=title)
    files.append(name)


pictures = {}  # the name in demos/pictures: the file
for i in range(0, len(numbers), PAGE):
    page = i // PAGE + 1
    pictures[f"broken_all_{page}"] = f"overview_{page}.png"
    title = "Bugs of one line, and the right results"
    save_overview(f"overview_{page}.png", numbers[i : i + PAGE], title)
picture = files[-1]
if not args.numbers:
    pictures["broken"] = picture = "broken.png"
    save_overview(picture, VISIBLE, "One line is wrong, and no error is raised")
metrics = {
    "seed": args.seed,
    "numbers": list(numbers),
    **figures,
    "picture": picture,
    "pictures": pictures,
}
(args.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
print(f"\nWritten to {args.out}: {', '.join([*files, 'metrics.json'])}")

# %% [markdown]
# ## What you should see
#
# The figures are those of `python demos/broken.py`, seed 0, 20 seconds of computing on one core.
#
# The question. Better than with the right code: the losses of bugs 1 and 2. In bug 1 the bound on
# one log p(x) is -2.14 nats, where nothing above -2.27 is possible, and a VAE of digits has a loss
# of 111 nats instead of 118. In bug 2 the loss is 0.25 instead of 122. In a GAN, what is good for
# one network is bad for the other. In bugs 4 and 6 the discriminator wins (in bug 4 its loss falls
# to 0.001). In bug 5 the generator wins, because D says "real" everywhere. None of these is a
# success.
#
# Unchanged: those of bugs 8 and 10, which do not touch the trained network, and of bug 12, to five
# digits. Nearly so in bug 9: the gradient penalty falls to 0.040, and with the right code to 0.041.
# But the second derivative, with values up to 4, is wrong by up to 1.4.
#
# Only bugs 3, 7 and 11 have a loss that is clearly too large: 542 nats instead of 102, 1.29 instead
# of 0.38, 2.13 instead of 0.38. One must know what it should be. So compare a loss with a value
# that is known exactly: 784 log 2 nats, log 10, log p(x).
#
# Bugs 1, 9 and 12 cannot be seen in samples. It takes a standard deviation or an exact bound to
# find the first, a second derivative to find the second, and a dtype to find the third.
#
# The checks need no training. Each looks at one property of a few numbers: a standard deviation, an
# exact value, a gradient that must not be there, a dtype.
#
# The three changes:
#
# 1. The generator learns in spite of the bug, but worse: real points are at a distance of 0.53
#    from the nearest sample (seed 1: 0.10), and 0.06 with the right code. The two gradients no
#    longer cancel, as the docstring of missing_detach.py shows. So a bug can look like bad luck.
# 2. The bug is gone from the picture: this distance is 0.31, and 0.58 with the right code (seed 1:
#    0.49 and 0.46). Adam divides the gradient by its own size, so it does not matter that it is
#    small.
# 3. The bug is gone from the picture: 87 nats for both. In training mode batch normalization takes
#    the statistics of the batch, and the buffers are not used. But an image then depends on the
#    others of its batch.
