"""Each CUDA kernel against its NumPy twin.

With --backend cupy the kernels run on the GPU. Otherwise the stand-in for CuPy compiles them as C++
and runs them on the CPU, and a planted mistake in each shows that the comparison would notice one.
"""

from __future__ import annotations

import dataclasses
import importlib
import pathlib
import re
import sys

import numpy as np
import pytest

from tinygen.backend import arrays

from .kernel_cases import CASES, DTYPES, KERNELS

FAKE = str(pathlib.Path(__file__).parents[1] / "fake_cupy")


@pytest.fixture(scope="module")
def cupy(device):
    """CuPy, or its stand-in, which is forgotten after this file."""
    if device == "cuda":
        yield importlib.import_module("cupy")
        return
    types, modules = dict(arrays._modules), dict(sys.modules)
    sys.path.insert(0, FAKE)
    try:
        if importlib.import_module("cupy._cpp").compiler() is None:
            pytest.skip("needs a C++ compiler, g++, to run kernels without a GPU")
        yield importlib.import_module("cupy")
    finally:
        sys.path.remove(FAKE)
        for name in set(sys.modules) - set(modules):
            if name.partition(".")[0].startswith("cupy"):
                del sys.modules[name]
        arrays._modules.clear()
        arrays._modules.update(types)


def on_device(cupy, value):
    """Return an array of CuPy for one of NumPy; numbers as they are."""
    return cupy.asarray(value) if isinstance(value, np.ndarray) else value


def to_host(value):
    """Return NumPy arrays for CuPy's, also in a tuple."""
    return tuple(v.get() for v in value) if isinstance(value, tuple) else value.get()


def check(cupy, kernel, case, dtype) -> None:
    """Run a kernel and its twin on the arguments of the case, and compare them."""
    for arguments, settings in case.calls(dtype):
        copies = [on_device(cupy, a) for a in arguments]
        result = kernel.launch(*copies, **settings)
        with np.errstate(all="ignore"):
            expected = kernel.twin(*arguments, **settings)
        if kernel.is_in_place:
            assert result is None
            which = [k for k, p in enumerate(kernel.arguments) if p in kernel.output_parameters]
            result, expected = tuple(copies[k] for k in which), tuple(arguments[k] for k in which)
        case.compare(to_host(result), expected, dtype)


def test_every_kernel_has_a_case():
    assert sorted(CASES) == sorted(KERNELS), "kernel_cases.py must say how to test each kernel"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_kernel_computes_what_its_twin_does(cupy, name, dtype):
    check(cupy, dataclasses.replace(KERNELS[name]), CASES[name], dtype)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_order_of_the_elements_does_not_matter(cupy, device, name, monkeypatch):
    if device == "cuda":
        pytest.skip("a GPU runs them in an order of its own")
    monkeypatch.setattr(importlib.import_module("cupy._kernels"), "reversed_order", True)
    check(cupy, dataclasses.replace(KERNELS[name]), CASES[name], np.float32)


# --------------------------------------------------------------------------------- planted mistakes

SWAPS = {"+": "-", "-": "+", "*": "/", "/": "*", "<": ">", ">": "<", "==": "!=", "!=": "=="}
SWAPS |= {"cos": "sin", "erf": "tanh", "exp": "exp2", "log": "log2", "sin": "cos", "sqrt": "rsqrt"}
SWAPS |= {"fmax": "fmin", "fmin": "fmax", "max": "min", "min": "max"}
TOKEN = re.compile(
    r"for \([^{]*?\)\s*[^;]*?\)|//[^\n]*|\+\+|--|->|<<|>>|[<>+*/-]=|[!=]="  # the loops stay
    r"|[-+*/<>]|(?<![\w.])\d+(?:\.\d*)?(?:e-?\d+)?(?!\w)|\b[a-z]+(?=\()"
)


def mistakes(source: str):
    """Yield the source with one operator or one constant changed, in all ways."""
    for match in TOKEN.finditer(source):
        token = match.group()
        if token in SWAPS:
            changed = SWAPS[token]
        elif token[0].isdigit():
            changed = f"{float(token) * 1.5}" if "." in token else str(int(token) + 1)
        else:
            continue
        yield source[: match.start()] + changed + source[match.end() :]


def wrong_kernels(kernel):
    """Yield (source, kernel) with one mistake each."""
    for field in ("body", "map", "reduce", "post", "preamble"):
        for source in mistakes(getattr(kernel, field, "")):
            yield source, dataclasses.replace(kernel, **{field: source})


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_mistake_in_a_kernel_is_noticed(cupy, device, name):
    if device == "cuda":
        pytest.skip("a wrong index may write anywhere in the memory of the GPU")
    noticed, unnoticed = 0, []
    for source, kernel in wrong_kernels(KERNELS[name]):
        try:
            check(cupy, kernel, CASES[name], np.float32)
        except (AssertionError, IndexError):
            noticed += 1
        except RuntimeError as error:
            assert "does not compile" in str(error)
        else:
            unnoticed.append(source)
    assert set(unnoticed) == set(CASES[name].harmless), "\n".join(unnoticed)
    assert noticed
