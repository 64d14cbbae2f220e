"""demos/broken.py: each check finds its bug and passes the right code; the demo's contract."""

import ast
import importlib
import inspect
import json
import re

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

from bugs import (
    ema_buffers,
    exp_log_var,
    guidance_sign,
    missing_detach,
    points,
    raw_statistics,
    remaining_gradients,
)
from bugs.comparison import different_lines

from tests.demos.processes import DEMOS, run_python
from tinygen import check_grads, grad, tensor
from tinygen.losses import kl_to_standard_normal
from tinygen.losses.adversarial import saturating
from tinygen.plot import save_page
from tinygen.plot.canvas import TITLE
from tinygen.plot.page import GAP, MARGIN, PAGE_WIDTH, count_lines, wrap

HELPERS = ("comparison", "digits", "points")
NAMES = sorted(p.stem for p in (DEMOS / "bugs").glob("*.py") if p.stem not in HELPERS)
BUGS = {name: importlib.import_module(f"bugs.{name}") for name in NAMES}
TEXT = (DEMOS / "broken.py").read_text(encoding="utf-8")


@pytest.fixture(params=BUGS)
def bug(request):
    return BUGS[request.param]


def test_the_check_passes_the_right_code(bug):
    bug.check(bug.right)


def test_the_check_finds_the_bug(bug):
    with pytest.raises(AssertionError, match=r"\w{3}"):
        bug.check(bug.wrong)


def test_a_bug_is_one_line(bug):
    right, wrong = different_lines(bug)
    assert len(right) == 1 and len(wrong) <= 1
    longest = 48  # letters of equal width that fit on the picture
    assert all(len(line) <= longest for line in right + wrong)


def test_a_bug_is_explained(bug):
    docstring = inspect.getdoc(bug)
    assert "**Why nothing fails.**" in docstring
    for text in (bug.SYMPTOM, bug.CHECK):
        assert text.endswith(".") and len(text) < 100
    half_a_page = (PAGE_WIDTH - 2 * MARGIN - GAP) / 2
    assert count_lines(wrap(f"12. {bug.TITLE}", half_a_page, TITLE)) == 1
    assert count_lines(wrap(bug.SYMPTOM, half_a_page)) <= 2
    assert re.search(r"\b20\d\d\b", bug.SOURCE) or "DeZero" in bug.SOURCE


def test_right_and_wrong_are_compared_and_drawn(bug, tmp_path, monkeypatch):
    """Even after very few steps."""
    for name in ("NUM_STEPS", "NUM_TIMED", "HEAD_START"):
        if hasattr(bug, name):
            monkeypatch.setattr(bug, name, 2)
    comparison = bug.compare(0)
    assert comparison.measured
    for pair in comparison.measured.values():
        assert len(pair) == 2 and np.isfinite(pair).all()
    save_page(tmp_path / "a.png", [*comparison.panels, [comparison.overview, comparison.overview]])


# What the docstrings say of single bugs


def test_the_bound_exceeds_log_p_with_the_bug_alone():
    bounds, z = exp_log_var.maximize_bound(exp_log_var.right)
    assert abs(bounds[-1] - exp_log_var.LOG_P) < 1e-3 and abs(z.std() - 0.5**0.5) < 1e-3
    bounds, z = exp_log_var.maximize_bound(exp_log_var.wrong)
    assert abs(bounds[-1] + 2.1405) < 1e-3 and abs(z.std() - 0.5) < 1e-3


@pytest.mark.parametrize("s", [0.1, 0.5, 0.9, 1.1, 3.0])
def test_the_kl_with_the_bug_is_smaller_for_every_standard_deviation(s):
    zero = np.zeros((1, 1))
    right = kl_to_standard_normal(zero, zero + 2 * np.log(s)).item()
    bug = kl_to_standard_normal(zero, zero + np.log(s)).item()
    assert abs(right - bug - (s**2 - s - np.log(s)) / 2) < 1e-6 and bug < right


def test_the_first_derivative_is_right_with_raw_statistics():
    x = np.random.default_rng(0).normal(size=(8, 3))
    check_grads(raw_statistics.make_normalize(raw_statistics.wrong), x, order=1)


def test_the_check_of_remaining_gradients_passes_zeros(monkeypatch):
    players = points.make_players(0)
    for p in players.D.parameters():
        p.grad = tensor(np.zeros(p.shape, np.float32))
    monkeypatch.setattr(remaining_gradients, "make_players", lambda seed: players)
    remaining_gradients.check(remaining_gradients.right)


def test_the_check_of_buffers_passes_averaged_buffers():
    def average_both(average, network, decay):
        ema_buffers.follow(average.parameters(), network.parameters(), decay)
        for a, b in zip(average.buffers(), network.buffers(), strict=True):
            ema_buffers.follow([a], [b], decay if b.dtype.kind == "f" else 0)  # 0 copies a count

    ema_buffers.check(average_both)


def test_guidance_with_the_wrong_sign_avoids_the_label():
    ((right, wrong),) = guidance_sign.compare(0).measured.values()
    assert right > 0.95 and wrong < 0.1


def test_the_gradients_of_the_minimax_losses_cancel_without_detach():
    """So the generator learns nothing, up to the step of D between them."""
    G, D, _, _, rng = points.make_players(0)
    real, z = rng.normal((8, 2)), rng.normal((8, 2))
    own = grad(saturating(D(G(z))).mean(), [*G.parameters()])
    others = grad(missing_detach.wrong(G, D, real, z), [*G.parameters()])
    for a, b in zip(own, others, strict=True):
        assert abs(a.data).max() > 0 and np.allclose(a.data, -b.data, atol=1e-6)


# The demo's contract


def test_the_help_fits_80_columns():
    result = run_python(DEMOS / "broken.py", "--help")
    assert result.returncode == 0
    assert not [line for line in result.stdout.splitlines() if len(line) > 80]
    assert "--seed" in result.stdout and "default" in result.stdout and "cores" in result.stdout


def test_it_asks_a_question_and_answers_it_at_the_end_of_the_file():
    docstring = ast.get_docstring(ast.parse(TEXT))
    assert docstring.index("Question to predict") < docstring.index("Three changes to try")
    before, *_, last = re.split(r"^# %% ?", TEXT, flags=re.MULTILINE)
    assert not before and last.startswith("[markdown]\n# ## What you should see\n#\n")
    assert all(line.startswith("#") for line in last.splitlines()[3:])


def test_it_lists_every_bug():
    listed = re.findall(r"^ +(\d+)  \S", ast.get_docstring(ast.parse(TEXT)), flags=re.MULTILINE)
    assert listed == [str(i) for i in range(1, 13)]
    order = re.search(r"BUGS = \((.*?)\n\)", TEXT, flags=re.DOTALL).group(1)
    assert sorted(re.findall(r"\w+", order)) == sorted(BUGS)


def test_every_bug_has_a_caption_that_fits():
    (captions,) = re.findall(r"^CAPTIONS = (\{.*?^\})", TEXT, flags=re.DOTALL | re.MULTILINE)
    captions = ast.literal_eval(captions)
    assert [*captions] == [*range(1, 13)]
    half_a_page = (PAGE_WIDTH - 2 * MARGIN - GAP) / 2
    for number, (title, note) in captions.items():
        assert count_lines(wrap(f"{number}. {title}", half_a_page, TITLE)) == 1
        assert count_lines(wrap(note, half_a_page)) <= 3


def test_some_bugs_are_run_by_their_numbers(tmp_path):
    out = tmp_path / "a folder"
    result = run_python(DEMOS / "broken.py", 8, 9, "--out", out, "--seed", 1)
    assert result.returncode == 0, result.stderr
    pictures = {p.name for p in out.glob("*.png")}
    assert pictures == {"08_guidance_sign.png", "09_raw_statistics.png", "overview_1.png"}
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["seed"] == 1 and metrics["numbers"] == [8, 9]
    assert (out / metrics["picture"]).exists()
    assert "u + w * (u - c)" in result.stdout and str(out) in result.stdout
    *report, _ = result.stdout.splitlines()  # the last line lists the files
    assert not [line for line in report if len(line) > 80]


@pytest.mark.parametrize("number", ["0", "13", "two"])
def test_a_number_without_a_bug_is_refused(number):
    result = run_python(DEMOS / "broken.py", number)
    assert result.returncode == 2 and "from 1 to 12" in result.stderr


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    result = run_python(DEMOS / "broken.py", 1, "--out", tmp_path / "file")
    assert result.returncode == 2 and "Traceback" not in result.stderr
