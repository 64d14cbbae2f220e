"""NVIDIA's compiler takes every kernel, as CuPy would give it, for two generations of GPUs.

It needs no GPU, but CuPy and two more packages, so this file runs in an environment of its own:
pip install cupy-cuda13x nvidia-cuda-nvrtc nvidia-cuda-runtime. CuPy's own functions write the code
around the bodies. Only the last step of compiling is done here, because CuPy's asks the GPU for its
generation. The result is machine code, not an intermediate language.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from tinygen.backend import updates_gpu

from .kernel_cases import CASES, DTYPES, KERNELS

cupy = pytest.importorskip("cupy")
core = pytest.importorskip("cupy._core.core")  # the stand-in for CuPy has none
# These are private: they may change with CuPy's version, and then this file must follow.
carray, kernels, reductions, scalars = (
    importlib.import_module(f"cupy._core.{name}")
    for name in ("_carray", "_kernel", "_reduction", "_scalar")
)
compiler = importlib.import_module("cupy.cuda.compiler")

ARRAY, INDEXER, SCALAR = 1, 2, 3  # of CuPy's enumeration, as cupy/_core/_kernel.pxd has it
LAYOUTS = {"vectors": (1, True), "strided": (3, False)}  # number of axes, in C order?


def info(parameter, dtype, ndim: int, c_contiguous: bool, is_array: bool = True):
    """Return CuPy's description of an argument."""
    dtype = np.dtype(dtype if parameter.is_generic else parameter.type)
    if not is_array:
        return scalar(dtype)
    if parameter.is_raw:
        ndim, c_contiguous = 1, True
    return kernels._ArgInfo(ARRAY, cupy.ndarray, dtype, ndim, c_contiguous, True)


def scalar(dtype):
    """Return CuPy's description of a number."""
    return kernels._ArgInfo(SCALAR, scalars.CScalar, np.dtype(dtype), 0, True, True)


def indexer(ndim: int):
    """Return CuPy's description of what counts the elements."""
    return kernels._ArgInfo(INDEXER, carray.Indexer, None, ndim, True, True)


def code_of(name: str, dtype, ndim: int, c_contiguous: bool) -> str:
    """Return the code that CuPy makes of a kernel for arrays of these types."""
    kernel = KERNELS[name]
    compiled = kernel.compiled
    parameters = [*kernel.input_parameters, *kernel.output_parameters]
    arguments, _ = next(CASES[name].calls(dtype))  # they tell arrays from numbers
    are_arrays = [isinstance(a, np.ndarray) for a in arguments]
    are_arrays += [True] * (len(parameters) - len(arguments))  # new outputs
    infos = [info(p, dtype, ndim, c_contiguous, yes) for p, yes in zip(parameters, are_arrays)]
    pairs = tuple((p.type, np.dtype(dtype).type) for p in parameters if p.is_generic)
    pairs = tuple(sorted(set(pairs)))
    if hasattr(kernel, "body"):
        return kernels._get_elementwise_kernel_code(
            (*infos, indexer(ndim)),
            kernels._TypeMap(pairs),
            compiled.params,
            compiled.operation,
            compiled.name,
            compiled.preamble,
        )
    n = len(kernel.input_parameters)
    infos = [*infos[:n], scalar(np.int32), *infos[n:]]
    return reductions._ReductionKernel_get_cached_function_code(
        compiled.nin,
        compiled.nout,
        compiled._params,
        (*infos, indexer(ndim), indexer(ndim), scalar(np.int32)),
        kernels._TypeMap((*pairs, ("IndexT", "int32"))),
        compiled.name,
        512,
        compiled.reduce_type,
        compiled.identity,
        compiled.map_expr,
        compiled.reduce_expr,
        compiled.post_map_expr,
        compiled.preamble,
        (),
    )


def compile_for(architecture: str, code: str) -> bytes:
    """Return the machine code. Raises CompileException with the compiler's messages."""
    source = "".join(f"#include <{header}>\n" for header in core._cupy_header_list) + code
    options = core.assemble_cupy_compiler_options(())
    options += ("-ftz=true", "--device-as-default-execution-space", "--pch")
    options += (f"-arch={architecture}",)
    return compiler._NVRTCProgram(source, "kernel.cu", method="cubin").compile(options)[0]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(KERNELS))
def test_the_compiler_takes_a_kernel(name, dtype, layout, architecture):
    assert compile_for(architecture, code_of(name, dtype, *LAYOUTS[layout]))


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*updates_gpu.UPDATES, "sum_of_squares"])
def test_the_compiler_takes_an_update(name, dtype, architecture):
    """With all the arrays that it may have, and without the ones that depend on a setting."""
    update = updates_gpu.UPDATES.get(name)
    arrays = [a.partition("?") for a in update.arrays.split()] if update else [("a", "", "")]
    for names in ([a for a, _, _ in arrays], [a for a, _, setting in arrays if not setting]):
        assert compile_for(architecture, updates_gpu.code_of(name, dtype, tuple(names)))


def test_the_compiler_refuses_a_mistake():
    with pytest.raises(compiler.CompileException):
        compile_for("sm_80", 'extern "C" __global__ void kernel(float* x) { x = 1 }')
