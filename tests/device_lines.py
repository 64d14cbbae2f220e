"""A mutation test: a test fails for every line of tinygen that decides where an array lies.

    python tests/device_lines.py

Each such place in the source is changed to its form for the CPU, one at a time, and the tests that
reach it run on the stand-in for CuPy until one fails. A place that no test reaches, or whose change
no test sees, must stand in SURVIVORS with the reason; any other is an error. It takes a few
minutes on two cores.

The places are these, with the form for the CPU:

    array_module(x), xp             np                       which library computes
    x.device, device                "cpu"                    where something is made
    to_device(a, ...), a.to(...)    a                        what is moved
    zeros_like(a), ...              NumPy's array of it      what is made like an array
    rng.normal(shape), ...          NumPy's array of it      what is drawn
    type(a) is np.ndarray, ...      the answer of the CPU    which form of a computation runs

The files of data/ and plot/, and *_cpu.py, which work on the CPU alone, are left out.

All places are compiled into the program at once: each becomes `changed if this place is switched
on else original`. So nothing is imported twice. Every test runs in a forked process, once without
a change, to see which places it reaches, and then for the places that are switched on.
"""

from __future__ import annotations

import argparse
import ast
import importlib.machinery
import os
import pathlib
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from _pytest.runner import runtestprotocol

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = (
    "tests/test_devices.py",
    "tests/test_device_functions.py",
    "tests/autograd/test_backward.py",
    "tests/autograd/test_functional.py",
    "tests/autograd/test_primitive.py",
    "tests/autograd/test_tensor.py",
    "tests/backend/test_arrays.py",
    "tests/backend/test_indices.py",
    "tests/backend/test_kernel_calls.py",
    "tests/backend/test_linear_algebra.py",
    "tests/backend/test_norms_gpu.py",
    "tests/backend/test_pieces.py",
    "tests/backend/test_products_gpu.py",
    "tests/backend/test_random.py",
    "tests/backend/test_reductions.py",
    "tests/backend/test_updates_gpu.py",
    "tests/ops/test_methods.py",
)
LEFT_OUT = ("data", "plot")
MAX_TESTS = 80  # that run for one place

NUMPY_ALONE = "runs on NumPy arrays alone: on a GPU, a kernel or another branch takes its place"
HARMLESS = "the CPU's answer leads to the same result on a GPU"
# {"file: source of the place": why no test sees the change}
SURVIVORS = {
    "tinygen/autograd/backward.py: type(g) is not ndarray": HARMLESS + "; arrays stay as they are",
    "tinygen/autograd/primitive.py: type(value) is ndarray": HARMLESS + "; it copies a setting",
    "tinygen/backend/fused.py: array_module(*arrays)": "`can_update` has raised the same error",
    "tinygen/backend/fused.py: type(array) is not np.ndarray": HARMLESS + ", block by block",
    "tinygen/backend/pieces.py: np.empty_like(a)": NUMPY_ALONE,
    "tinygen/backend/pieces.py: type(a) is not np.ndarray": HARMLESS + "; `views` refuses CuPy's",
    "tinygen/backend/softmax_gpu.py: np.zeros_like(m)": NUMPY_ALONE,
    "tinygen/data_parallel.py: array_module(*present)": "is tested in other processes",
    "tinygen/data_parallel.py: array_module(flat)": "is tested in other processes",
    "tinygen/data_parallel.py: type(flat) is np.ndarray": "is tested in other processes",
    "tinygen/models/cyclegan.py: self.rng.permutation(size)": "CuPy takes indices of NumPy",
    "tinygen/models/kmeans.py: rng.integers(0, x.shape[0], (1,))": "becomes a number at once",
    "tinygen/ops/activation.py: np.empty_like(x)": NUMPY_ALONE,
    "tinygen/ops/layout.py: np.empty_like(_pattern(len(shape)), dtype=like.dtype, shape=shape)": (
        NUMPY_ALONE
    ),
    "tinygen/ops/reduce.py: np.zeros_like(m)": NUMPY_ALONE,
    "tinygen/ops/windows.py: np.zeros_like(y, dtype=np.uint8 if windows.num_taps < 256 else "
    "np.int32)": NUMPY_ALONE,
}

LIKE = {"zeros_like", "ones_like", "full_like", "empty_like"}
MOVES = {"to_device", "to_device_of", "indices_for"}
DRAWS = {"normal", "uniform", "integers", "bernoulli", "permutation"}


class Switch:
    """Which place is changed now, and which were reached."""

    def __init__(self):
        self.place: str | None = None
        self.reached: set[str] = set()

    def is_on(self, place: str) -> bool:
        """Note that the program comes by a place; return whether it is to be changed."""
        self.reached.add(place)
        return place == self.place

    @staticmethod
    def on_cpu(value):
        """Return an array of the GPU as NumPy's, and anything else as it is."""
        return value.get() if hasattr(value, "get") and hasattr(value, "dtype") else value


SWITCH = Switch()
PLACES: dict[str, str] = {}  # {"file:line:column": its source}


class Mutator(ast.NodeTransformer):
    """Replaces each place in a file by both of its forms."""

    def __init__(self, file: str):
        self.file = file

    def visit_JoinedStr(self, node):  # a message
        return node

    def visit_Call(self, node):
        source = ast.unparse(node)
        function = node.func
        name = getattr(function, "attr", None) or getattr(function, "id", "")
        is_method = isinstance(function, ast.Attribute)
        owner = ast.unparse(function.value) if is_method else ""
        node = self.generic_visit(node)
        if name == "array_module":
            return self._both(node, "_switch.np", source)
        if name == "device_of":
            return self._both(node, "'cpu'", source)
        if name == "all_on_gpu":
            return self._both(node, "False", source)
        if name == "isinstance" and "ndarray" in ast.unparse(node.args[1]):
            return self._both(node, "True", source)
        if name in MOVES:
            return self._both(node, node.args[name == "indices_for"], source)
        if name == "to" and is_method:
            return self._both(node, function.value, source)
        if name in LIKE or (name in DRAWS and owner.endswith("rng")):
            changed = ast.parse("_switch.on_cpu(x)", mode="eval").body
            changed.args = [node]
            return self._both(node, changed, source)
        return node

    def visit_Attribute(self, node):
        source = ast.unparse(node)
        node = self.generic_visit(node)
        if node.attr == "device" and isinstance(node.ctx, ast.Load):
            return self._both(node, "'cpu'", source)
        return node

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Load) and node.id in ("device", "xp"):
            return self._both(node, "'cpu'" if node.id == "device" else "_switch.np", node.id)
        return node

    def visit_Compare(self, node):
        source = ast.unparse(node)
        node = self.generic_visit(node)
        if isinstance(node.ops[0], (ast.Is, ast.IsNot)) and source.endswith("ndarray"):
            return self._both(node, str(isinstance(node.ops[0], ast.Is)), source)
        return node

    def _both(self, node, changed, source: str):
        """Return `changed if _switch.is_on(place) else node`."""
        place = f"{self.file}:{node.lineno}:{node.col_offset}"
        PLACES[place] = source
        if isinstance(changed, str):
            changed = ast.parse(changed, mode="eval").body
        test = ast.parse(f"_switch.is_on({place!r})", mode="eval").body
        both = ast.IfExp(test=test, body=changed, orelse=node)
        return ast.fix_missing_locations(ast.copy_location(both, node))


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles a file of tinygen with both forms of each place."""

    def get_code(self, name):
        tree = ast.parse(self.get_data(self.path))
        path = pathlib.Path(self.path).relative_to(ROOT)
        if path.parts[1] not in LEFT_OUT and not path.stem.endswith("_cpu"):
            tree = Mutator(str(path)).visit(tree)
        return compile(tree, self.path, "exec")

    def exec_module(self, module):
        module._switch = SWITCH
        super().exec_module(module)


class Finder:
    """Finds the files of tinygen for `Loader`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Return the specification of a module of tinygen, else None."""
        if name.partition(".")[0] != "tinygen":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.origin:
            spec.loader = Loader(name, spec.origin)
        return spec


def run(item, place: str | None) -> tuple[bool, set[str]]:
    """Run a test in a forked process. Return whether it failed, and the places that it reached."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        SWITCH.place, SWITCH.reached = place, set()
        reports = runtestprotocol(item, nextitem=None, log=False)
        result = any(report.failed for report in reports), SWITCH.reached
        with os.fdopen(writer, "wb") as file:
            pickle.dump(result, file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        content = file.read()
    os.waitpid(pid, 0)
    return pickle.loads(content) if content else (True, set())  # empty: it crashed


def in_parallel(f: Callable, arguments: list, num_workers: int) -> list:
    """Return [f(a) for a in arguments], computed by forked workers."""
    readers = []
    for k in range(num_workers):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            with os.fdopen(writer, "wb") as file:
                pickle.dump([f(a) for a in arguments[k::num_workers]], file)
            os._exit(0)
        os.close(writer)
        readers.append(reader)
    results = [None] * len(arguments)
    for k, reader in enumerate(readers):
        with os.fdopen(reader, "rb") as file:
            results[k::num_workers] = pickle.load(file)
        os.wait()
    return results


class Plugin:
    """Takes the place of pytest's loop over the tests."""

    def __init__(self, only: str, num_workers: int):
        self.only, self.num_workers = only, num_workers
        self.failures: list[str] = []
        self.killers: dict[str, str] = {}  # place: the test that sees its change
        self.survivors: dict[str, list[str]] = defaultdict(list)  # "file: source": the lines

    @staticmethod
    def _key(place: str) -> str:
        """Return the name of a place in SURVIVORS, which does not change with each new line."""
        return f"{place.split(':')[0]}: {PLACES[place]}"

    def pytest_runtestloop(self, session):
        """Run all tests unchanged, then those that reach each place, changed."""
        if session.testsfailed:  # a file could not be imported
            return True
        items = session.items
        tests = defaultdict(list)  # place: [(number of places, number of the test)]
        unchanged = in_parallel(lambda item: run(item, None), items, self.num_workers)
        for number, (failed, reached) in enumerate(unchanged):
            if failed:
                self.failures.append(items[number].nodeid)
            else:
                for place in reached:
                    tests[place].append((len(reached), number))
        print(f"{len(items)} tests, {len(PLACES)} places", file=sys.stderr, flush=True)
        places = [place for place in PLACES if self.only in place]

        def find_killer(place: str) -> str | None:
            """Return the name of a test that fails if the place is changed."""
            # First tests that are written for one thing, then cases; of both, those that reach
            # the fewest places.
            order = [n for _, n in sorted(tests[place])]
            single = [n for n in order if items[n].originalname == items[n].name]
            most = 20 if self._key(place) in SURVIVORS else MAX_TESTS
            for number in dict.fromkeys([*single[: most // 2], *order[:most]]):
                if run(items[number], place)[0]:
                    return items[number].nodeid
            print(f"survives: {place} {PLACES[place]}", file=sys.stderr, flush=True)
            return None

        for place, killer in zip(places, in_parallel(find_killer, places, self.num_workers)):
            if killer is not None:
                self.killers[place] = killer
            else:
                reach = f"line {place.split(':')[1]}, {len(tests[place])} tests reach it"
                self.survivors[self._key(place)].append(reach)
        return True


def main() -> int:
    """Run the mutation test; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only the places with this in file:line"
    )
    parser.add_argument("--verbose", action="store_true", help="say which test sees each change")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    args = parser.parse_args()
    SWITCH.np = np
    sys.path.insert(0, str(ROOT))
    sys.meta_path.insert(0, Finder)
    os.chdir(ROOT)
    begin, plugin = time.monotonic(), Plugin(args.only, args.jobs)
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "-k", "not mistake", *TESTS]
    pytest.main(options, plugins=[plugin])
    print()
    if args.verbose:
        for place, test in plugin.killers.items():
            print(f"{place}  {PLACES[place]}\n        {test}")
    for name in plugin.failures:
        print(f"fails without a change: {name}")
    unexpected = {k: v for k, v in plugin.survivors.items() if k not in SURVIVORS}
    for name, lines in unexpected.items():
        print(f"survives: {name}\n          {'; '.join(lines)}")
    gone = [] if args.only else [k for k in SURVIVORS if k not in plugin.survivors]
    for name in gone:
        print(f"no longer survives: {name}")
    print(
        f"{len(PLACES)} places, {len(plugin.killers)} changes seen by a test, "
        f"{sum(map(len, plugin.survivors.values()))} not, {time.monotonic() - begin:.0f} s"
    )
    return int(bool(plugin.failures or unexpected or gone or not plugin.killers))


if __name__ == "__main__":
    sys.exit(main())
