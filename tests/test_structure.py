"""The house rules that a machine can check: imports, file sizes, names, and quick importing."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

import tinygen

PACKAGE = pathlib.Path(tinygen.__file__).parent
PROJECT = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))
ALL_FILES = sorted(
    p for top in ("tinygen", "demos", "tests") for p in (PROJECT / top).rglob("*.py")
)

# A module may import modules of its own part, and of the parts before it.
ORDER = [
    "missing_names",
    "backend",
    "autograd",
    "ops",
    "losses",
    "nn",
    "optim",
    "data_parallel",
    "atomic_write",
    "data",
    "models",
    "metrics",
    "latent",
    "interop",
    "checkpoint",
    "plot",
]

# Words that the field does not use for the thing, and what stands in their place.
RETIRED = {
    "waves": "timestep_embedding",
    "strata": "stratified_uniform",
    "noised": "q_sample",
    "step_back": "posterior",
    "guided": "classifier_free_guidance",
    "told": "conditioning",
    "halve": "downsample",
    "bottom1": "mid_block1",
    "verdict": "logits or scores",
    "judge": "evaluator",
    "judges": "evaluators",
    "makers": "generators",
    "of_g": "optimizer_g",
    "of_d": "optimizer_d",
    "descend": "backward(inputs=...)",
    "dear": "expensive",
    "heaps": "modes or clusters",
    "chessboard": "checkerboard",
    "crescents": "two moons",
    "made": "samples",
    "fakes": "samples",
    "shown": "factors",
    "turned": "flipped",
    "surprise": "negative log-likelihood",
    "slope": "gradient norm",
    "kept": "saved or recorded",
    "translator": "ResidualUNet",
    "equalized": "EqualizedLR",
    "stacked": "ensemble",
    "kl_normal": "kl_to_standard_normal",
    "kl_normals": "kl_between_normals",
    "importance_bound": "iwae_bound",
}


def relative(path: pathlib.Path) -> str:
    """Return the path of a file within the project."""
    return str(path.relative_to(PROJECT))


def part(path: pathlib.Path) -> str:
    """Return the entry of ORDER that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: pathlib.Path) -> list[tuple[str, list[str]]]:
    """Return (absolute module, names) of each import in a file, wherever it stands."""
    package = path.relative_to(PROJECT).parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found.append((module, [alias.name for alias in node.names]))
    return found


def imported_parts(path: pathlib.Path) -> set[str]:
    """Return the parts of the package that a file imports."""
    modules = []
    for module, names in imports(path):
        modules += [f"tinygen.{name}" for name in names] if module == "tinygen" else [module]
    return {module.split(".")[1] for module in modules if module.startswith("tinygen.")}


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_imports_point_one_way(path):
    if path == PACKAGE / "__init__.py":
        return
    own = part(path)
    assert own in ORDER, f"{path.name} is not in the order of the house: add {own} to ORDER"
    allowed = set(ORDER[: ORDER.index(own) + 1])
    backwards = imported_parts(path) - allowed
    assert not backwards, f"{own} imports {backwards}, which come after it"


@pytest.mark.parametrize("path", ALL_FILES, ids=relative)
def test_no_file_imports_the_private_names_of_another(path):
    private = [
        f"{module}.{name}"
        for module, names in imports(path)
        for name in names
        if name.startswith("_") and module != "__future__"
    ]
    assert not private, f"import public names, or make these public: {private}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_stay_readable(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 450, f"{path.name} has {len(lines)} lines: is it two ideas?"


def identifiers(path: pathlib.Path) -> set[str]:
    """Return every name that a file defines or uses."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, (ast.arg, ast.keyword)):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
    return {name for name in found if name and not name.startswith("test_")}


@pytest.mark.parametrize("path", ALL_FILES, ids=relative)
def test_no_retired_word_comes_back_as_a_name(path):
    used = {name for name in identifiers(path) if name.strip("_").lower() in RETIRED}
    advice = {name: RETIRED[name.strip("_").lower()] for name in sorted(used)}
    assert not used, f"names of the field stand in place of these: {advice}"


def test_cupy_and_matplotlib_are_imported_in_one_place_each():
    for path in FILES:
        modules = {module.split(".")[0] for module, _ in imports(path)}
        if path != PACKAGE / "backend" / "arrays.py":
            assert "cupy" not in modules, f"{path.name} imports CuPy"
        if path.parent != PACKAGE / "plot":
            assert "matplotlib" not in modules, f"{path.name} imports matplotlib"
        assert "pickle" not in modules, f"{path.name} imports pickle"


def test_importing_tinygen_needs_numpy_alone():
    """CuPy, matplotlib and network modules are not imported."""
    code = (
        "import sys, numpy; before = set(sys.modules); import tinygen; "
        "print(*sorted(set(sys.modules) - before))"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    unwanted = {
        "PIL",
        "asyncio",
        "cupy",
        "http.client",
        "matplotlib",
        "pickle",
        "pytest",
        "scipy",
        "socket",
        "ssl",
        "torch",
        "tqdm",
        "urllib.request",
    }
    found = unwanted & set(result.stdout.split())
    assert not found, sorted(found)
