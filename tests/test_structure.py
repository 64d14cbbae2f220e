"""The house rules that a machine can check: imports point one way, files stay readable, importing is cheap."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

import tinygen

ROOT = pathlib.Path(tinygen.__file__).parent
# What may import what: a module may import those before it in this list, and modules of its own part.
ORDER = ["backend", "autograd", "ops", "losses", "nn", "optim", "data", "models", "metrics", "latent", "checkpoint", "plot"]
FILES = sorted(ROOT.rglob("*.py"))


def part(path: pathlib.Path) -> str:
    """The entry of ORDER that a file belongs to."""
    relative = path.relative_to(ROOT)
    return relative.parts[0].removesuffix(".py")


def imported(path: pathlib.Path) -> set[str]:
    """The parts of tinygen that a file imports, wherever in the file the import stands."""
    package = ("tinygen", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(p for p in (base, node.module) if p)
            names = [f"{module}.{a.name}" for a in node.names] if module == "tinygen" else [module]
        found |= {n.split(".")[1] for n in names if n.startswith("tinygen.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_imports_point_one_way(path):
    if path == ROOT / "__init__.py":
        return
    own = part(path)
    assert own in ORDER, f"{path.name} is not in the order of the house: add {own} to ORDER where it belongs"
    backwards = {p for p in imported(path) if p != own and (p not in ORDER or ORDER.index(p) > ORDER.index(own))}
    assert not backwards, f"{own} imports {backwards}, which come after it"


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_files_stay_readable(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 450, f"{path.name} has {len(lines)} lines: is it two ideas?"


def test_cupy_and_matplotlib_have_one_door_each():
    for path in FILES:
        tree = ast.parse(path.read_text())
        names = {a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or "").split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level}
        assert "cupy" not in names or path == ROOT / "backend" / "arrays.py", f"{path.name} imports CuPy"
        assert "matplotlib" not in names or path.parent == ROOT / "plot", f"{path.name} imports matplotlib"
        assert "pickle" not in names, f"{path.name} imports pickle"


def test_importing_tinygen_needs_numpy_alone():
    """No CuPy, no matplotlib, no network module comes in by itself."""
    code = "import sys, numpy; before = set(sys.modules); import tinygen; print(*sorted(set(sys.modules) - before))"
    new = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent).stdout.split()
    unwanted = {"cupy", "matplotlib", "tqdm", "PIL", "torch", "scipy", "socket", "ssl", "http.client", "urllib.request", "asyncio", "pytest", "pickle"}
    assert not set(new) & unwanted, sorted(set(new) & unwanted)
