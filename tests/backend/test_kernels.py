"""Each CUDA kernel against its NumPy twin.

With --backend cupy the kernels run on the GPU. Otherwise the stand-in for CuPy compiles them as C++
and runs them on the CPU. Planted mistakes show that the comparison would notice one.
"""

from __future__ import annotations

import dataclasses
import importlib
import re

import numpy as np
import pytest

from .kernel_cases import CASES, DTYPES, KERNELS


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


def test_names_in_profiles_tell_the_kernels_apart():
    assert len({kernel.name for kernel in KERNELS.values()}) == len(KERNELS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(CASES))
def test_a_kernel_computes_what_its_twin_does(cupy, name, dtype):
    check(cupy, dataclasses.replace(KERNELS[name]), CASES[name], dtype)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_order_of_the_elements_does_not_matter(cupy, compiler, name, monkeypatch):
    monkeypatch.setattr(importlib.import_module("cupy._kernels"), "reversed_order", True)
    check(cupy, dataclasses.replace(KERNELS[name]), CASES[name], np.float32)


@pytest.mark.parametrize("name", sorted(CASES))
def test_without_a_compiler_the_twin_takes_its_place(cupy, compiler, name, monkeypatch):
    monkeypatch.setattr(importlib.import_module("cupy._kernels"), "compiler", lambda: None)
    check(cupy, dataclasses.replace(KERNELS[name]), CASES[name], np.float32)


# --------------------------------------------------------------------------------- planted mistakes

SWAPS = {"+": "-", "-": "+", "*": "/", "/": "*", "<": ">", ">": "<", "==": "!=", "!=": "=="}
SWAPS |= {"+=": "-=", "-=": "+=", "*=": "/="}
SWAPS |= {"cos": "sin", "erf": "tanh", "exp": "exp2", "log": "log2", "sin": "cos", "sqrt": "rsqrt"}
SWAPS |= {"fmax": "fmin", "fmin": "fmax", "max": "min", "min": "max"}
TOKEN = re.compile(
    r"(?:for|while) \((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"  # loops stay, so that they end
    r"|//[^\n]*|\+\+|--|->|<<|>>|[<>+*/-]=|[!=]="
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
def test_a_mistake_in_a_kernel_is_noticed(cupy, compiler, name):
    noticed, unnoticed = 0, []
    wrong = list(wrong_kernels(KERNELS[name]))
    for source, kernel in wrong[:: 1 + len(wrong) // 16]:  # each takes a run of the compiler
        try:
            for dtype in DTYPES:
                check(cupy, kernel, CASES[name], dtype)
        except (AssertionError, IndexError):
            noticed += 1
        except RuntimeError as error:
            assert "does not compile" in str(error)
        else:
            unnoticed.append(source)
    assert set(unnoticed) <= set(CASES[name].harmless), "\n".join(unnoticed)
    assert noticed
