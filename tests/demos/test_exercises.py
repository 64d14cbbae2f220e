"""demos/exercises: solutions pass, blank files and typical mistakes get a message that teaches."""

import ast
import re
import shutil
import signal
import sys

import check
import numpy as np
import pytest
from grading import AnswerError

from tests.demos.processes import DEMOS, run_python, start

FOLDER = DEMOS / "exercises"
NUMBERS = range(1, 13)

KL = "0.5 * (exp(log_var) + mu * mu - log_var - 1).sum(axis=1)"  # of the solution

# (exercise, text of the solution, what stands in its place, what the message says)
WRONG_ANSWERS = [
    (1, "return 0.5 * (exp", "return (exp", "the factor 1/2 is missing"),
    (1, "- log_var - 1).sum(axis=1)", "- log_var - 1).sum(axis=0)", "the wrong axis"),
    (1, "- log_var - 1).sum(axis=1)", "- log_var - 1).mean(axis=1)", "a mean .* place of the sum"),
    (1, "- log_var - 1).sum(axis=1)", "- log_var - 1).sum()", "over the examples, too"),
    (1, "0.5 * (exp(log_var) + mu * mu - log_var - 1)",
     "(exp(log_var) + mu * mu - 0.5 * log_var - 1)", "the formula of the slide"),
    (1, "exp(log_var) + mu * mu - log_var", "exp(log_var) ** 2 + mu * mu - 2 * log_var",
     "read as sigma; it is sigma"),
    (1, "return 0.5 * (exp", "return -0.5 * (exp", "the sign"),
    (1, "return g[:, None] * mu", "return mu", "g is missing"),
    (1, "return g[:, None] * mu", "return -g[:, None] * mu", "the sign"),
    (1, "* 0.5 * (exp(log_var) - 1)", "* (exp(log_var) - 1)", "the factor 1/2"),
    (1, "* 0.5 * (exp(log_var) - 1)", "* 0.5 * exp(log_var)", "derivative of -log_var is missing"),
    (2, "exp(0.5 * log_var) * eps\n", "exp(log_var) * eps\n", "It is the variance"),
    (2, "return g\n", "return 1 + 0 * g\n", "g is missing"),
    (2, "eps * 0.5 * exp", "eps * exp", "the factor 1/2"),
    (2, "g * eps * 0.5", "-g * eps * 0.5", "the sign"),
    (2, "g * eps * 0.5", "g * 0.5", "eps is missing"),
    (3, "* w[t]", "* w[len(w) - 1 - t]", "the opposite order"),
    (3, "dx[i] += ", "dx[i] = ", "in place of dx"),
    (3, "if 0 <= i < size", "if i < size", "a negative index"),
    (3, "stride * o + t - padding", "o + t - padding", "the stride is missing"),
    (3, "stride * o + t - padding", "stride * o + t", "the padding is missing"),
    (3, "stride * o + t - padding", "stride * o + t + padding", "the sign of the padding"),
    (3, "dx[i] += g", "dx[i] -= g", "the sign"),
    (4, "r * (g - g.mean(axis=0) - y * (g * y).mean(axis=0))", "r * g", "held constant"),
    (4, " - y * (g * y).mean(axis=0)", "", "the path through v is missing"),
    (4, "(g - g.mean(axis=0)", "(g", "the path through m is missing"),
    (4, "(g - g.mean(axis=0) - y * (g * y).mean(axis=0))",
     "(g - g.sum(axis=0) - y * (g * y).sum(axis=0))", "sums in place of means"),
    (4, "(g - g.mean(axis=0) - y * (g * y).mean(axis=0))",
     "(g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True))",
     "the wrong axis"),
    (4, "- y * (g", "+ y * (g", "the sign of the path through v"),
    (4, "return r * (", "return (", "the factor r is missing"),
    (5, ", create_graph=True", "", "create_graph"),
    (5, ".sum(axis=1))", ".sum())", "one norm of the whole batch"),
    (5, ".sum(axis=1))", ".sum(axis=0))", "the wrong axis"),
    (5, "(norm - 1) ** 2", "((norm - 1) ** 2).mean()", "a mean over the batch"),
    (5, "critic(x).sum()", "critic(x).mean()", "the mean of the scores"),
    (5, "t * real + (1 - t) * fake", "t * fake + (1 - t) * real", "swapped"),
    (5, "sqrt((g * g).sum(axis=1))", "(g * g).sum(axis=1)", "the square root is missing"),
    (6, "p / D - q", "p / D + q", "the sign of the second term"),
    (6, "return g * (p / D - q / (1 - D))", "return p / D - q / (1 - D)", "g is missing"),
    (6, "return p / (p + q)", "return q / (p + q)", "swapped"),
    (6, "return p / (p + q)", "return p / q", "Solve for D"),
    (6, ".sum() * dx", ".sum()", "dx is missing"),
    (6, " + q * np.log(q / (p + q))", "", "the second mean"),
    (6, "return (p * np.log", "return -(p * np.log", "the sign"),
    (7, "beta[t] * noise_before / noise\n", "beta[t]\n", "the variance of the step forward"),
    (7, "beta[t] * noise_before / noise\n", "np.sqrt(beta[t] * noise_before / noise)\n",
     "the standard deviation"),
    (7, "np.sqrt(alpha_bar[t - 1])", "np.sqrt(alpha_bar[t])", "where alpha_bar_"),
    (7, "np.sqrt(alpha_bar[t - 1])", "np.sqrt(1 - beta[t - 1])", "alpha where alpha_bar"),
    (7, "np.sqrt(1 - beta[t])", "(1 - beta[t])", "the square root of alpha_t"),
    (7, "np.sqrt(1 - beta[t])", "np.sqrt(alpha_bar[t])", "where sqrt"),
    (7, "return coef_x0, coef_xt", "return coef_xt, coef_x0", "swapped"),
    (8, "s.sum(axis=1)", "s.sum(axis=0)", "the wrong axis"),
    (8, "s.sum(axis=1)", "-s.sum(axis=1)", "the sign"),
    (8, "s.sum(axis=1)", "np.exp(s).sum(axis=1)", "the logarithm of their product"),
    (8, "s.sum(axis=1)", "np.exp(s.sum(axis=1))", "Return its logarithm"),
    (8, "s.sum(axis=1)", "s.mean(axis=1)", "a mean in place of the sum"),
    (8, "x_2 * np.exp(s)", "x_2 * s", "exp is missing"),
    (8, "(y_2 - t) * np.exp(-s)", "y_2 * np.exp(-s) - t", "first subtract t"),
    (8, "(y_2 - t) * np.exp(-s)", "(y_2 - t) * np.exp(s)", "in place of exp"),
    (8, "net(y_1)", "net(y_2)", "the network is given y_2"),
    (9, "N_k / len(x)", "N_k", "not divided by N"),
    (9, "x / N_k[:, None]\n", "x / len(x)\n", "divided by N"),
    (9, "/ N_k[:, None, None]", "/ len(x)", "divided by N"),
    (9, "/ N_k[:, None, None]", "/ (N_k[:, None, None] - 1)", "N_k - 1"),
    (9, "x[:, None, :] - means", "x[:, None, :] + 0 * means", "not subtracted"),
    (9, "r.sum(axis=0)", "r.sum(axis=1)", "stopped with an error"),
    (10, "(2, 3), keepdims=True", "(0, 2, 3), keepdims=True", "batch norm"),
    (10, "(2, 3), keepdims=True", "(1, 2, 3), keepdims=True", "each channel has its own"),
    (10, " + EPS", "", "EPS is missing"),
    (10, "(g * x_norm).sum", "(g * x_norm).mean", "a mean .* in place of the sum"),
    (10, "(g * x_norm).sum(axis=(2, 3))", "(g * x).sum(axis=(2, 3))", "in place of x_norm"),
    (10, "return g.sum(axis=(2, 3))", "return -g.sum(axis=(2, 3))", "the sign"),
    (10, "return g.sum(axis=(2, 3))", "return g.sum(axis=(0, 2, 3))", "over the pictures, too"),
    (11, "abs(x_hat - x).mean()", "abs(x_hat - x).sum()", "the sum in place of the mean"),
    (11, "abs(x_hat - x).mean()", "(x_hat - x).mean()", "abs is missing"),
    (11, "sign(x_hat - x)", "sign(x - x_hat)", "the sign"),
    (11, " / x_hat.size", "", "divide by the number of elements"),
    (11, " / x_hat.size", " / len(x_hat)", "of examples, not of elements"),
    (11, "F(G(x))) + mean_absolute_error(y, G(F(y)))",
     "G(F(x))) + mean_absolute_error(y, F(G(y)))", "the order"),
    (11, " + mean_absolute_error(y, G(F(y)))", "", "the backward cycle is missing"),
    (12, "x * logits - softplus(logits)", "softplus(logits) - x * logits", "the sign"),
    (12, "softplus(logits)).sum(axis=1)", "softplus(logits)).mean(axis=1)", "mean over the pixels"),
    (12, "(x * logits - softplus(logits))",
     "(x * np.log(sigmoid(logits)) + (1 - x) * np.log(1 - sigmoid(logits)))", "the logarithm of 0"),
    (12, "(x - sigmoid(logits))", "(sigmoid(logits) - x)", "the sign"),
    (12, "g[:, None] * (x - sig", "(x - sig", "g is missing"),
    (12, "logits) - kl", "logits) + kl", "the sign of the KL"),
    (12, "return log_likelihood(x, logits) - kl", "return kl - log_likelihood(x, logits)",
     "the sign: this is the loss"),
    (12, "return log_likelihood(x, logits) - kl", "return log_likelihood(x, logits) / 3 - kl",
     "a mean over the pixels"),
    (12, "return log_likelihood(x, logits) - kl", "return log_likelihood(x, logits) - kl.sum()",
     "over the examples, too"),
    (1, "0.5 * (exp(log_var) + mu * mu - log_var - 1).sum",
     "(exp(log_var) + mu * mu - log_var - 1).mean", "a mean over the dimensions, without"),
    (3, "    return dx",
     """
    spread = np.zeros(stride * (len(g) - 1) + 1)
    spread[::stride] = g
    full = np.convolve(spread, w)
    return full[padding : len(full) - padding]
""", "the size"),
    (3, "    return dx",
     """
    full = np.zeros(size + 2 * padding)
    full[padding : padding + size] = dx
    return full[padding:-padding]
""", "an empty slice"),
    (4, "x.var(axis=0) + EPS", "x.var(axis=0)", "eps is missing, in r and in y"),
    (4, "g - g.mean(axis=0) - y * (g * y).mean(axis=0)", "g - g.mean() - y * (g * y).mean()",
     "without an axis"),
    (9, "N_k = r.sum(axis=0)", "r = r[:, : x.shape[1]]\n    N_k = r.sum(axis=0)",
     "number of columns of x"),
    (9, "return N_k / len(x), means", "return means, N_k / len(x)", "these are the means"),
    (9, "return N_k / len(x), means, covariances", "return covariances, means, N_k / len(x)",
     "these are the covariances"),
    (7, "- alpha_bar[t - 1]\n", "- min(alpha_bar[t - 1], 1 - 1e-8)\n", "close, but not exact"),
    (10, "(2, 3), keepdims=True", "3, keepdims=True", "the width alone"),
    (10, "axis=(2, 3), keepdims=True", "keepdims=True", "means over everything"),
    (11, "g * sign(x_hat - x) / x", "g * (x_hat - x) / abs(x_hat - x) / x", "a division by 0"),
    (12, "0.5 * (exp(log_var) + mu * mu - log_var - 1).sum",
     "(exp(log_var) + mu * mu - log_var - 1).mean", "without the factor 1/2"),
]  # fmt: skip


def grade(number, *sources):
    """Return the right parts of the exercise with these sources in place of its blanks."""
    with np.errstate(all="ignore"):
        return list(check.grade(number, check.read(check.exercise(number)), *sources))


def functions(source):
    """Return {name: ast.FunctionDef} of the functions of a source."""
    return {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}


def blank(number, name="blank"):
    """Return a source that takes the lines of all of these functions away."""
    return "\n".join(f"def {name}(*args): ..." for name in check.grader(number).FUNCTIONS), name


def test_there_are_twelve():
    assert [int(path.name[:2]) for path in check.EXERCISES] == list(NUMBERS)
    for folder in ("graders", "solutions"):
        names = sorted(path.name for path in (FOLDER / folder).glob("*.py"))
        assert names == [path.name for path in check.EXERCISES]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_passes(number):
    assert len(grade(number, check.solution(number))) >= 2


@pytest.mark.parametrize("number", NUMBERS)
def test_a_blank_exercise_says_what_came_what_was_expected_and_what_to_think_of(number):
    with pytest.raises(AnswerError) as error:
        grade(number, blank(number))
    text = str(error.value)
    assert re.search(r"^came +nothing: the function is empty", text, re.M)
    assert re.search(r"^expected +\S", text, re.M) and re.search(r"^Think of: .{10}", text, re.M)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("number", NUMBERS)
def test_each_blank_is_found(number):
    """Every function of the solution is needed: without it, the grade is not complete."""
    for name in check.grader(number).FUNCTIONS:
        with pytest.raises(AnswerError, match="came +nothing"):
            grade(number, check.solution(number), (f"def {name}(g=0, *args): ...", "blank"))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_exercises_are_handed_out_blank(number):
    """It fails where you have filled one in. That is no harm: it is for the copy of others."""
    source = check.read(check.exercise(number))[0]
    for name in check.grader(number).FUNCTIONS:
        lines = functions(source)[name].body[1:]  # after the docstring
        assert all(isinstance(line, ast.Assign) for line in lines), f"{name} is filled in"
        text = ast.get_source_segment(source, functions(source)[name])
        assert "Your lines here" in source[source.index(text) :]


@pytest.mark.parametrize("number", NUMBERS)
def test_solution_grader_and_exercise_have_the_same_names(number):
    given = functions(check.read(check.exercise(number))[0])
    solved = functions(check.solution(number)[0])
    grader = check.grader(number)
    assert grader.FUNCTIONS == tuple(solved)
    imports = check.imported_names(check.solution(number)[0]) - {"numpy"}
    assert grader.IMPORTS == tuple(sorted(imports))
    for name in check.grader(number).FUNCTIONS:
        assert ast.dump(given[name].args) == ast.dump(solved[name].args)
        lines = [ast.get_docstring(f[name]).splitlines()[0] for f in (given, solved)]
        assert lines[0] == lines[1]


@pytest.mark.parametrize("number, right, wrong, says", WRONG_ANSWERS)
def test_a_typical_mistake_is_named(number, right, wrong, says):
    source, name = check.solution(number)
    assert right in source
    source = source.replace(right, wrong)
    if "np." in wrong and "import numpy" not in source:
        source = source.replace("\nfrom tinygen", "\nimport numpy as np\nfrom tinygen", 1)
    with pytest.raises(AnswerError) as error:
        grade(number, (source, name))
    assert max(map(len, str(error.value).splitlines())) <= 80
    text = " ".join(str(error.value).split())
    assert re.search(f"Likely mistake: .*{says}|stopped with an error", text), text


def test_every_exercise_has_five_typical_mistakes():
    for number in NUMBERS:
        assert sum(case[0] == number for case in WRONG_ANSWERS) >= 5


@pytest.mark.parametrize(
    "number, line",
    [
        (1, "from tinygen.losses import kl_to_standard_normal"),
        (2, "from tinygen import losses"),
        (3, "from tinygen.ops import conv_transpose2d"),
        (4, "import tinygen"),
        (5, "import tinygen.losses.penalties"),
        (9, "from tinygen.models.mixture import GaussianMixture"),
        (10, "from tinygen.ops import instance_norm"),
        (12, "import torch"),
    ],
)
def test_the_answer_of_a_library_is_refused(number, line):
    with pytest.raises(AnswerError, match=r"can be solved without importing [\w.]+: write the"):
        grade(number, check.solution(number), (line, "answer"))


def test_an_error_names_the_line(tmp_path):
    path = tmp_path / "answer.py"
    source = check.solution(2)[0].replace("return mu +", "return mu.reshape(7) +")
    path.write_text(source, encoding="utf-8")
    message = r"(?s)sample stopped with an error.*In line \d+: return mu.reshape.*\nValueError: "
    with pytest.raises(AnswerError, match=message) as error:
        grade(2, (source, str(path)))
    assert "Traceback" not in str(error.value)
    with pytest.raises(AnswerError, match="Python cannot read line 2"):
        grade(2, ("x = 1\ny = = 2", "answer"))
    with pytest.raises(AnswerError, match="no function rule_of_mu"):
        list(check.grade(2, (check.solution(2)[0].replace("rule_of_mu", "mine"), "answer")))


def message_of(number, right, wrong):
    """Return the message to a solution in which `wrong` stands in place of `right`."""
    source, name = check.solution(number)
    assert right in source
    with pytest.raises(AnswerError) as error:
        grade(number, (source.replace(right, wrong), name))
    return str(error.value)


def test_a_given_function_that_was_changed_is_not_used():
    """Batch norm without its division, and the rule that belongs to that."""
    given = ("def batch_norm(x):\n    return x - x.mean(axis=0)", "answer")
    wrong = "def rule_of_x(g, x):\n    return g - g.mean(axis=0)"
    with pytest.raises(AnswerError, match="(?s)rule_of_x is not right yet.*path through v"):
        grade(4, check.solution(4), given, (wrong, "answer"))
    assert len(grade(4, check.solution(4), given)) == 2
    assert len(grade(3, check.solution(3), ("conv = None", "answer"))) == 6
    assert len(grade(6, check.solution(6), ("integrand = None", "answer"))) == 4


def test_a_nearly_right_rule_is_wrong():
    text = message_of(4, "return r *", "return 1.00001 * r *")
    assert re.search(r"Largest difference: element \(\d, \d\) is (-?[\d.]+) and should be", text)
    assert "Multiplied by" not in text and "Likely mistake" not in text
    text = message_of(7, "- alpha_bar[t - 1]\n", "- min(alpha_bar[t - 1], 1 - 1e-8)\n")
    assert re.search(r"came +0\.00000001\nexpected +0\.\n", text)


@pytest.mark.parametrize(
    "number, right, wrong, says",
    [
        (1, KL, f"list({KL})", "kl: return an array, not a list"),
        (1, "axis=1)", 'axis=1).astype("float32")', "kl: the result has the dtype float32"),
        (2, "return g\n", "return list(g)\n", "rule_of_mu: return an array, not a list"),
        (3, "return dx", "return list(dx)", "conv_dx.*: return an array, not a list"),
    ],
)
def test_another_type_than_an_array_is_named(number, right, wrong, says):
    assert re.search(says, message_of(number, right, wrong))


@pytest.mark.parametrize(
    "number, right, wrong, says",
    [
        (4, "g.mean(axis=0) - y", "np.mean(g, axis=0) - y", r"write x\.mean\(\.\.\.\)"),
        (1, "* (exp(", "* (np.exp(", "use operators, methods, and the functions that the exercise"),
    ],
)
def test_a_function_of_numpy_in_a_rule_is_told_what_to_write(number, right, wrong, says):
    first = "\nfrom tinygen"
    source = check.solution(number)[0].replace(first, "\nimport numpy as np" + first, 1)
    with pytest.raises(AnswerError, match="(?s)a second time.*" + says) as error:
        grade(number, (source.replace(right, wrong), "answer"))
    assert "tinygen.ops" not in str(error.value)


def test_an_argument_that_is_changed_and_a_wrong_shape():
    text = message_of(4, "    r = ", "    x -= x.mean(axis=0)\n    r = ")
    assert "read-only" in text and "An argument may not be changed: write x = x - ..." in text
    text = message_of(1, "return g[:, None] * mu", "return g * mu")
    assert "could not be broadcast" in text and "Think of: only mu^2 / 2 depends" in text


@pytest.mark.parametrize("raised", ["raise KeyboardInterrupt", "exit()"])
def test_an_endless_loop_and_exit_are_reported(raised):
    source = f"def sample(mu, log_var, eps):\n    {raised}"
    with pytest.raises(AnswerError, match="sample stopped with an error") as error:
        grade(2, check.solution(2), (source, "answer"))
    assert ("Is this an endless loop" in str(error.value)) == ("Keyboard" in raised)
    with pytest.raises(AnswerError, match="The file stopped with an error"):
        grade(2, (raised, "answer"))


def test_an_error_in_a_later_call_is_reported():
    source = check.solution(9)[0].replace("return N_k", "assert len(x) == 5\n    return N_k")
    with pytest.raises(AnswerError, match="(?s)m_step stopped with an error.*AssertionError"):
        grade(9, (source, "answer"))


def test_a_rule_that_is_right_on_arrays_only_is_told_so():
    source = check.solution(4)[0].replace("sqrt", "np.sqrt").replace(
        "from tinygen.ops import np.sqrt", "import numpy as np"
    )  # fmt: skip
    source = source.replace("(x.var", "(np.array(x).var")
    with pytest.raises(AnswerError, match="(?s)differentiated a second time.*Likely mistake"):
        grade(4, (source, "answer"))


@pytest.mark.parametrize("number", NUMBERS)
def test_there_are_three_hints_and_a_place_in_the_library(number):
    grader = check.grader(number)
    assert len(set(grader.HINTS)) == 3 and all(40 < len(hint) < 400 for hint in grader.HINTS)
    paths = re.findall(r"[\w/]+\.py", grader.SEE_ALSO)
    assert paths and all((DEMOS.parent / path).exists() for path in paths)
    for name, path in re.findall(r"(\w+) in (tinygen/[\w/]+\.py)", grader.SEE_ALSO):
        source = (DEMOS.parent / path).read_text(encoding="utf-8")
        assert re.search(rf"(def|class) {name}\b", source)
    assert re.match(r"Exercise \d+\. .*\.$", check.title(check.exercise(number)))


@pytest.mark.parametrize("number", NUMBERS)
def test_an_exercise_says_how_it_is_checked(number):
    source = check.read(check.exercise(number))[0]
    assert f"demos/exercises/check.py {number}\n" in source
    assert f"demos/exercises/check.py {number} --hint 1" in source
    assert "**Theory.**" in source and "**Your task.**" in source


def run_check(*args):
    """Run check.py, and return its exit status and what it printed."""
    result = run_python("-W", "error", FOLDER / "check.py", *args)
    assert not result.stderr or result.returncode == 2, result.stderr
    return result.returncode, result.stdout + result.stderr


def test_the_command_line(tmp_path):
    status, text = run_check()
    assert status == 0 and len(text.splitlines()) == len(NUMBERS)
    copy = tmp_path / "copy.py"
    shutil.copy(check.exercise(6), copy)
    status, text = run_check(6, "--file", copy)
    assert status == 1 and "rule_of_discriminator is not right yet" in text and "--hint 1" in text
    copy.write_text(copy.read_text(encoding="utf-8") + check.solution(6)[0], encoding="utf-8")
    status, text = run_check(6, "--file", copy)
    assert status == 0 and text.count("right: ") == 4 and "adversarial.py" in text
    assert run_check("06", "--hint", 3)[1].startswith("D* = p / (p + q)")
    assert "def optimal_value" in run_check(6, "--solution")[1]
    status, text = run_check("--help")
    assert status == 0 and max(map(len, text.splitlines())) <= 80


def test_a_file_that_python_cannot_read_is_reported(tmp_path, monkeypatch, capsys):
    """A student edits the file of the exercise itself."""
    path = tmp_path / "02_reparametrization.py"
    source = check.read(check.exercise(2))[0]
    path.write_text(source.replace("# Your lines here.", "return mu +", 1), encoding="utf-8")
    monkeypatch.setattr(check, "EXERCISES", [path])
    monkeypatch.setattr(check, "solution", lambda number, text=check.solution(2): text)
    assert check.check(2, path) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("Exercise 2.") and re.search(
        r"cannot read line \d+: invalid", printed
    )


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["0"], "give a number from 1 to 12, not 0"),
        (["13"], "give a number from 1 to 12, not 13"),
        (["kl"], "give a number from 1 to 12, not kl"),
        (["--hint", "1"], "of which exercise? Give a number from 1 to 12"),
        (["--solution"], "of which exercise? Give a number from 1 to 12"),
        (["--file", "01_kl.py"], "of which exercise? Give a number from 1 to 12"),
        (["6", "--file", "nowhere.py"], "there is no file nowhere.py"),
    ],
)
def test_a_command_line_that_makes_no_sense(arguments, says, capsys):
    with pytest.raises(SystemExit) as error:
        check.main(arguments)
    assert error.value.code == 2 and says in capsys.readouterr().err


def test_a_file_with_another_encoding_is_reported(tmp_path, capsys):
    path = tmp_path / "answer.py"
    path.write_bytes("# \u00e9t\u00e9\n".encode("latin-1"))
    assert check.check(2, path) == 1
    assert "answer.py is not UTF-8" in capsys.readouterr().out
    assert check.title(path) and check.title(tmp_path / "nowhere.py") == "nowhere.py"


def test_a_teacher_can_take_the_solutions_away(tmp_path, monkeypatch, capsys):
    shutil.copytree(FOLDER / "graders", tmp_path / "graders")
    monkeypatch.setattr(check, "FOLDER", tmp_path)
    source = (FOLDER / "solutions" / "06_optimal_discriminator.py").read_text(encoding="utf-8")
    assert len(grade(6, (source, "answer"))) == 4
    with pytest.raises(SystemExit):
        check.main(["6", "--solution"])
    assert "has been taken away" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="pipes of POSIX")
def test_a_closed_pipe_ends_it_silently():
    process = start([sys.executable, FOLDER / "check.py", "1"])
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait() == -signal.SIGPIPE
    process.stderr.close()


def test_the_readme_lists_the_exercises():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d+) \| \[`(\w+\.py)`\]\((\w+\.py)\)", text, re.M)
    assert listed == [(str(n), check.exercise(n).name, check.exercise(n).name) for n in NUMBERS]
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("|"))
