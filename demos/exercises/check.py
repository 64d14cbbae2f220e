"""Check your answer to an exercise, or ask for a hint or for the solution.

    python demos/exercises/check.py               lists the exercises
    python demos/exercises/check.py 1             checks your first answer
    python demos/exercises/check.py 1 --hint 1    a first hint; 2 and 3 say more
    python demos/exercises/check.py 1 --solution  the derivation and the code
    python demos/exercises/check.py 1 --file PATH checks an answer in a copy

Open demos/exercises/01_kl.py, read it, fill in its functions, and run the
second line. The exit status is 0 if the answer is right, and 1 if it is not.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import signal
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # finds tinygen in a checkout

from grading import MODULE_NAME, AnswerError, describe_error

FOLDER = Path(__file__).resolve().parent
EXERCISES = [FOLDER / path.name for path in sorted(FOLDER.glob("graders/[0-9][0-9]_*.py"))]
ALWAYS_ALLOWED = {"numpy", "math", "__future__"}


def exercise(number: int) -> Path:
    """Return the file of an exercise."""
    (path,) = [path for path in EXERCISES if int(path.name[:2]) == number]
    return path


def title(path: Path) -> str:
    """Return the first line of an exercise. It need not be a valid program, nor be there."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text.partition("\n")[0].strip().strip('"') or path.name


def grader(number: int) -> ModuleType:
    """Import the grader of an exercise.

    It has HINTS, SEE_ALSO and grade(answer). FUNCTIONS are the names of what is to be filled in,
    and IMPORTS is what an answer may import besides NumPy and math.
    """
    path = FOLDER / "graders" / exercise(number).name
    spec = importlib.util.spec_from_file_location(f"grader_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def imported_names(source: str) -> set[str]:
    """Return what a source imports: "numpy", "tinygen.ops.exp"."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def solution(number: int) -> tuple[str, str]:
    """Return the text of a solution and the name of its file."""
    return read(FOLDER / "solutions" / exercise(number).name)


def read(path: Path) -> tuple[str, str]:
    """Return the text of a file and its name."""
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except UnicodeDecodeError as error:
        raise AnswerError(f"{path} is not UTF-8: save it with this encoding.\n") from error


def check_imports(number: int, source: str) -> None:
    """Raise AnswerError if a source imports more than the solution needs, NumPy and math."""
    allowed = grader(number).IMPORTS
    names = {name for name in imported_names(source) if name.split(".")[0] not in ALWAYS_ALLOWED}
    if extra := sorted(names - set(allowed)):
        raise AnswerError(
            f"This exercise can be solved without importing {', '.join(extra)}: write the formula\n"
            f"yourself. It may import {', '.join(('numpy', 'math', *allowed))}.\n"
        )


def load(number: int, *sources: tuple[str, str]) -> SimpleNamespace:
    """Run sources, given as (text, name of the file), one after the other; return their names."""
    names: dict = {"__name__": MODULE_NAME}
    for text, name in sources:
        try:
            check_imports(number, text)
            exec(compile(text, name, "exec"), names)
        except AnswerError:
            raise
        except SyntaxError as error:
            raise AnswerError(f"Python cannot read line {error.lineno}: {error.msg}.\n") from error
        except BaseException as error:  # also Ctrl-C and exit()
            message = f"The file stopped with an error.\n\n{describe_error(error)}\n"
            raise AnswerError(message) from error
    functions = {name for name, value in names.items() if isinstance(value, FunctionType)}
    if missing := [name for name in grader(number).FUNCTIONS if name not in functions]:
        raise AnswerError(f"The file has no function {', '.join(missing)}: keep the names.\n")
    return SimpleNamespace(**names)


def grade(number: int, *sources: tuple[str, str]) -> Iterator[str]:
    """Yield the parts of an answer that are right. Raise AnswerError at the first that is not."""
    yield from grader(number).grade(load(number, *sources))


def check(number: int, path: Path) -> int:
    """Print whether the answer in a file is right, or what is wrong; return the exit status."""
    print(f"{title(exercise(number))}\n")
    try:
        with np.errstate(all="ignore"):  # a NaN is reported with the answer
            for part in grade(number, read(path)):
                print(f"right: {part}")
    except AnswerError as error:
        print(f"{error}\nA hint: python demos/exercises/check.py {number} --hint 1")
        return 1
    print(f"\nThe same in tinygen: {grader(number).SEE_ALSO}")
    return 0


def number_of_exercise(text: str) -> int:
    """Return the number that the command line gives."""
    if not text.isdecimal() or not 1 <= int(text) <= len(EXERCISES):
        raise argparse.ArgumentTypeError(f"give a number from 1 to {len(EXERCISES)}, not {text}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    one_of_them = f"1 to {len(EXERCISES)}"
    parser.add_argument("number", nargs="?", type=number_of_exercise, help=one_of_them)
    request = parser.add_mutually_exclusive_group()
    request.add_argument("--hint", type=int, choices=[1, 2, 3], help="show a hint")
    request.add_argument("--solution", action="store_true", help="show the solution")
    request.add_argument("--file", type=Path, help="check this file, a copy of the exercise")
    args = parser.parse_args(arguments)
    if args.number is None:
        if args.hint or args.solution or args.file:
            parser.error(f"of which exercise? Give a number from {one_of_them}")
        print("\n".join(map(title, EXERCISES)))
        return 0
    path = args.file or exercise(args.number)
    if not path.is_file():
        parser.error(f"there is no file {path}")
    if args.hint:
        print(textwrap.fill(grader(args.number).HINTS[args.hint - 1], 79))
    elif args.solution:
        if not (FOLDER / "solutions").is_dir():
            parser.error("the folder with the solutions has been taken away")
        print(solution(args.number)[0])
    else:
        return check(args.number, path)
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends the program silently
    sys.exit(main())
