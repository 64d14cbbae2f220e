"""The stand-in for CuPy does what CuPy does, checked line by line against the source of CuPy 14.2.

With --backend cupy the same tests run on CuPy itself, but for those of the counts.
"""

from __future__ import annotations

import importlib
import inspect
import json
import operator
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import FAKE_CUPY
from tinygen import tensor


@pytest.fixture
def counting(request, cupy):
    """The function that counts launches, copies and waits; the stand-in alone has it."""
    if request.config.getoption("--backend") == "cupy":
        pytest.skip("CuPy does not count its launches")
    return importlib.import_module("cupy_counts").counting


@pytest.fixture
def x(cupy):
    """Six numbers in two rows."""
    return cupy.arange(6, dtype=np.float32).reshape(2, 3)


# -------------------------------------------------------------------------------------- the surface


def test_only_names_of_cupy_exist(cupy, x):
    for name in ("nanquantile", "block", "array_namespace", "counting"):
        with pytest.raises(AttributeError):
            getattr(cupy, name)
    for name in ("__index__", "strict", "itemset", "newbyteorder"):
        assert not hasattr(x, name)
    with pytest.raises(AttributeError):
        x.name = "x"
    with pytest.raises(AttributeError):
        cupy.linalg.multi_dot


def parameters_of(function) -> list:
    """Return (name, kind, has a default) of each parameter."""
    empty = inspect.Parameter.empty
    return [
        (p.name, int(p.kind), p.default is not empty)
        for p in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize("module", ["", "linalg", "random", "lib.stride_tricks"])
def test_the_stand_in_has_cupys_parameters(cupy, counting, module):
    surface = importlib.import_module("cupy._surface").SURFACE["modules"][module]
    own = operator.attrgetter(module)(cupy) if module else cupy
    for name, known in surface.items():
        function = vars(own).get(name)
        if isinstance(known, list) and inspect.isfunction(function):
            expected = [tuple(p[:3]) for p in known]
            assert parameters_of(function) == expected, f"{module}.{name}"


def test_the_stand_in_has_cupys_methods(cupy, counting):
    surface = importlib.import_module("cupy._surface").SURFACE["ndarray"]
    for name, known in surface.items():
        method = inspect.getattr_static(cupy.ndarray, name, None)
        if isinstance(known, list) and inspect.isfunction(method):
            assert parameters_of(method)[1:] == [tuple(p[:3]) for p in known[1:]], name
    slots = {"_array", "_base", "_scatter_op"}
    own = {n for n in vars(cupy.ndarray) if n not in surface and n not in slots}
    assert own <= {"__weakref__"}, f"CuPy's arrays have not got {own}"


def test_the_surface_is_that_of_the_cupy_that_is_installed(counting, tmp_path):
    """Needs CuPy's wheel, but no GPU: the script runs without the stand-in."""
    surface = importlib.import_module("cupy._surface").SURFACE
    script = FAKE_CUPY + "/dump_surface.py"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    path = tmp_path / "surface.json"
    command = [sys.executable, script, str(path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "No module named 'cupy" in result.stderr:
        pytest.skip("needs CuPy")
    assert result.returncode == 0, result.stderr
    dumped = json.loads(path.read_text())
    if dumped["version"] != surface["version"]:
        pytest.skip(f"needs CuPy {surface['version']}, not {dumped['version']}")
    assert dumped == surface


@pytest.mark.parametrize(
    "call",
    [
        lambda cupy, x: x.sum(where=x > 1),
        lambda cupy, x: x.max(initial=0),
        lambda cupy, x: x.mean(0, where=x > 1),
        lambda cupy, x: cupy.exp(x, where=x > 1),
        lambda cupy, x: cupy.add(x, x, order="F"),
        lambda cupy, x: cupy.clip(x, 0, 1, dtype=np.float64),
        lambda cupy, x: cupy.zeros((2,), device="cpu"),
        lambda cupy, x: cupy.zeros_like(x, device="cpu"),
        lambda cupy, x: cupy.take(x, 0, mode="clip"),
        lambda cupy, x: cupy.argmax(x, axis=0, initial=0),
        lambda cupy, x: np.median(x, axis=0, weights=x),
        lambda cupy, x: cupy.random.default_rng(0).standard_normal(2, scale=2),
    ],
)
def test_only_parameters_of_cupy_exist(cupy, x, call):
    with pytest.raises(TypeError):
        call(cupy, x)


@pytest.mark.parametrize(
    "call",
    [
        lambda cupy, x: cupy.floor(x * 1j),
        lambda cupy, x: cupy.bitwise_and(x, x),
        lambda cupy, x: cupy.floor_divide(x.astype(np.complex64), 2),
        lambda cupy, x: cupy.fabs(x.astype(np.complex64)),
        lambda cupy, x: cupy.subtract(x > 1, x > 2),
        lambda cupy, x: -(x > 1),
        lambda cupy, x: cupy.linalg.cholesky(cupy.eye(2, dtype=np.float16)),
    ],
)
def test_a_dtype_without_a_loop_is_refused(cupy, x, call):
    with pytest.raises(TypeError):
        call(cupy, x)


def test_arrays_have_no_strings_and_no_objects(cupy):
    for values in (["a"], [None], [{}]):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            cupy.array(values)


# ------------------------------------------------------------------------------- nothing is silent


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lt", "eq"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize(
    "other", [np.ones((2, 3), np.float32), [1.0, 2.0, 3.0]], ids=["array", "list"]
)
def test_an_operation_refuses_numpys_arrays_and_lists(x, name, other):
    for operands in ((x, other), (other, x)):
        with pytest.raises(TypeError):
            getattr(operator, name)(*operands)


def test_an_operation_in_place_refuses_them_too(x):
    for other in (np.ones(3, np.float32), [1.0, 2.0, 3.0], tensor([1.0, 2.0, 3.0])):
        with pytest.raises(TypeError, match="Unsupported type"):
            x += other


def test_nothing_becomes_an_array_of_numpy_by_itself(x):
    for convert in (np.asarray, lambda x: np.asarray([x[0, 0], 1.0])):
        with pytest.raises(TypeError, match="Implicit conversion"):
            convert(x)
    assert type(x.get()) is np.ndarray


def test_an_array_is_no_index_of_python(cupy):
    two = cupy.asarray(2)
    for use in (lambda: range(two), lambda: [1, 2, 3][two], lambda: [1, 2, 3][:two]):
        with pytest.raises(TypeError):
            use()
    assert int(two) == 2 and float(two) == 2.0 and bool(two)


def test_numpys_functions_run_as_cupys_of_the_same_name(cupy, x):
    for result in (
        np.exp(x),
        np.sum(x),
        np.concatenate([x, x]),
        np.add.reduce(x),
        np.linalg.norm(x),
    ):
        assert type(result) is cupy.ndarray
    with pytest.raises(TypeError, match="no implementation found"):
        np.block([[x, x]])
    with pytest.raises(NotImplementedError):
        np.maximum.reduce(x)
    with pytest.raises(TypeError):
        np.add(x, np.ones(3))
    with pytest.raises(TypeError):
        np.concatenate([x, np.ones((2, 3), np.float32)])
    with pytest.raises(TypeError):
        np.exp(x, where=x > 1)


def test_another_type_gets_its_turn(x):
    """CuPy asks NumPy, and NumPy asks the other operand (`_should_use_rop` in core.pyx)."""
    t = tensor([1.0, 2.0, 3.0]).to("cuda")
    for name in ("add", "sub", "mul", "truediv"):
        result = getattr(operator, name)(x, t)
        assert type(result) is type(t)
        np.testing.assert_array_equal(result.numpy(), getattr(operator, name)(x.get(), t.numpy()))


def test_scalars_keep_the_dtype_of_arrays_unless_their_kind_is_higher(cupy, x):
    assert (x * 2.0).dtype == np.float32 and (2 * x).dtype == np.float32
    assert (x * np.float64(2)).dtype == np.float64  # NumPy's scalars have a dtype
    assert (cupy.arange(3, dtype=np.uint8) + 1).dtype == np.uint8
    assert (cupy.arange(3, dtype=np.uint8) + 1.0).dtype == np.float64
    assert (cupy.arange(3, dtype=np.uint8) < 300).all()
    with pytest.raises(OverflowError):
        cupy.arange(3, dtype=np.uint8) + 300


# ------------------------------------------------------------------------ differences from NumPy


def test_results_are_in_c_order(cupy):
    x = cupy.zeros((3, 4, 5)).transpose(2, 0, 1)
    for result in (x + 1, cupy.exp(x), x.copy(), cupy.where(x > 0, x, 0), cupy.concatenate([x, x])):
        assert result.flags.c_contiguous
    assert x[:, cupy.asarray([0, 1])].flags.c_contiguous
    for result in (x.astype(np.float32), cupy.copy(x), cupy.zeros_like(x), x.copy(order="K")):
        assert result.strides[0] == result.itemsize  # these keep the order of the argument


def test_scalars_are_arrays_without_axes(cupy, x):
    for result in (x.sum(), x[1, 2], x.mean(), x.argmax(), x.max() + 1, cupy.count_nonzero(x)):
        assert type(result) is cupy.ndarray and result.shape == ()
    assert all(type(row) is cupy.ndarray for row in x[0])
    with pytest.raises(TypeError, match="0-d"):
        iter(x.sum())


def test_an_array_without_axes_has_no_last_axis(cupy, x):
    """NumPy lets -1 pass there."""
    with pytest.raises(np.exceptions.AxisError):
        x.sum().any(axis=-1)


def test_indices_out_of_range_wrap(cupy):
    x = cupy.arange(3)
    assert x[[1, 3]].tolist() == [1, 0]  # the example of __getitem__ in core.pyx
    assert x[cupy.asarray([-4, 7])].tolist() == [2, 1]
    assert x.take(cupy.asarray([4])).tolist() == [1]
    assert cupy.take_along_axis(x, cupy.asarray([5]), 0).tolist() == [2]
    y = cupy.arange(6).reshape(2, 3)
    assert y[cupy.asarray([2]), cupy.asarray([4])].tolist() == [1]
    x[[1, 3]] = 10
    assert x.tolist() == [10, 10, 2]
    cupy.add.at(x, cupy.asarray([3, 3]), 1)
    assert x.tolist() == [12, 10, 2]
    with pytest.raises(IndexError):
        x[3]  # an integer of Python is checked


def test_what_an_index_may_be(cupy, x):
    assert x[None, ..., 1].shape == (1, 2) and x[[]].shape == (0, 3)
    assert x[np.array([1])].shape == (1, 3)  # copied to the GPU
    assert x[x > 2].tolist() == [3, 4, 5] and x[cupy.asarray([True, False])].shape == (1, 3)
    for index in (cupy.asarray([0.5]), np.array([0.5])):
        with pytest.raises(IndexError, match="integer or boolean"):
            x[index]
    with pytest.raises(IndexError, match="too many indices"):
        x[0, 0, cupy.asarray([0])]
    with pytest.raises(IndexError):
        x[cupy.asarray([True, False, True])]


def test_what_may_be_assigned(cupy, x):
    x[0] = 7
    x[1] = cupy.asarray([[8.0, 9.0, 10.0]])  # leading axes of length 1 do not count
    assert x.tolist() == [[7, 7, 7], [8, 9, 10]]
    with pytest.raises(ValueError, match="non-scalar numpy.ndarray cannot be used for fill"):
        x[0] = np.ones(3)
    x[[0]] = np.ones(3)  # but a kernel that scatters takes it
    assert x[0].tolist() == [1, 1, 1]
    with pytest.raises(TypeError, match="only supports|does not support"):
        cupy.add.at(cupy.zeros(3, np.int16), cupy.asarray([0]), 1)
    with pytest.raises(NotImplementedError):
        cupy.multiply.at(x, 0, 1)


def test_a_view_names_its_owner(cupy, x):
    owner = x.base
    assert owner.base is None and x[0].base is owner and x.T.base is owner
    assert (x + 1).base is None and x.astype(np.float64).base is None
    assert x.T.reshape(-1).base is None  # a copy
    assert cupy.broadcast_to(x, (4, 2, 3)).base is owner
    x[0][1] = 9
    assert owner[1] == 9


def test_zeros_like_takes_an_empty_shape_for_none(cupy, x):
    """`shape = shape if shape else prototype.shape` in cupy/_creation/basic.py."""
    assert cupy.zeros_like(x, shape=()).shape == (2, 3)
    assert cupy.zeros_like(x, shape=(4,)).shape == (4,)


def test_linear_algebra_is_silent(cupy):
    singular, indefinite = cupy.ones((2, 2)), cupy.asarray([[1.0, 2.0], [2.0, 1.0]])
    assert not cupy.isfinite(cupy.linalg.solve(singular, cupy.ones(2))).all()
    assert not cupy.isfinite(cupy.linalg.inv(singular)).all()
    cupy.linalg.cholesky(indefinite)
    cupyx = importlib.import_module("cupyx")
    with cupyx.errstate(linalg="raise"):
        for call in (
            lambda: cupy.linalg.solve(singular, cupy.ones(2)),
            lambda: cupy.linalg.inv(singular),
            lambda: cupy.linalg.cholesky(indefinite),
        ):
            with pytest.raises(np.linalg.LinAlgError, match="devInfo|cuSOLVER|cuBLAS"):
                call()
    assert cupyx.geterr()["linalg"] == "ignore"


def test_a_batch_of_systems_without_columns_divides_by_zero(cupy):
    a = cupy.broadcast_to(cupy.eye(2), (3, 2, 2))
    with pytest.raises(ZeroDivisionError):
        cupy.linalg.solve(a, cupy.zeros((3, 2, 0)))
    assert cupy.linalg.solve(a, cupy.ones((3, 2, 1))).shape == (3, 2, 1)


def test_integers_are_divided_by_zero_without_a_warning(cupy):
    assert (cupy.arange(2) // 0).tolist() == [0, 0]
    assert cupy.asarray([2, 1, -1]).__pow__(cupy.asarray(-1)).tolist() == [0, 1, -1]
    assert cupy.log(cupy.zeros(1)).tolist() == [-np.inf]


def test_an_array_of_lists_of_arrays(cupy, x):
    assert cupy.array([x, x]).shape == (2, 2, 3)
    assert cupy.array([x[0, 0], x[0, 1]]).tolist() == [0, 1]
    with pytest.raises(TypeError, match="Implicit conversion"):
        cupy.array([x[0, 0], 1.0])


def test_conversions_take_no_rule_of_casting(x):
    with pytest.raises(TypeError, match="casting is not supported"):
        x.astype(np.int32, casting="safe")
    assert x.astype(np.float32, copy=False) is x


def test_an_array_is_pickled_through_the_cpu(x):
    assert pickle.loads(pickle.dumps(x)).tolist() == x.tolist()


def test_a_sort_needs_its_own_memory(cupy, x):
    with pytest.raises(NotImplementedError, match="non-contiguous"):
        x.T.sort()
    with pytest.raises(ValueError, match="'stable'"):
        x.sort(kind="quicksort")


def test_where_needs_an_array_for_a_condition(cupy, x):
    with pytest.raises(AttributeError):
        cupy.where(True, x, 0)


# ---------------------------------------------------------------------------------- what is counted


def counts_of(counting, call) -> tuple[int, int, int]:
    """Return the launches, copies and waits of a call."""
    with counting() as counts:
        call()
    return counts.launches.total(), counts.copies.total(), counts.waits.total()


@pytest.mark.parametrize(
    "launches, call",
    [
        (1, lambda cupy, x: x + 1),
        (1, lambda cupy, x: x**2),
        (0, lambda cupy, x: x.T),
        (0, lambda cupy, x: x.reshape(-1)),
        (1, lambda cupy, x: x.T.reshape(-1)),
        (0, lambda cupy, x: x[0]),
        (1, lambda cupy, x: x[cupy.asarray([0, 1])]),
        (4, lambda cupy, x: x[cupy.asarray([0, 1]), cupy.asarray([0, 1])]),
        (1, lambda cupy, x: cupy.zeros(3)),
        (0, lambda cupy, x: cupy.empty(3)),
        (2, lambda cupy, x: cupy.concatenate([x, x])),
        (1, lambda cupy, x: cupy.concatenate([x] * 9)),
        (2, lambda cupy, x: np.pad(x, 1)),
        (5, lambda cupy, x: np.pad(x, 1, constant_values=2)),
        (1, lambda cupy, x: x.sum()),
        (1, lambda cupy, x: x.sum(axis=0)),
        (2, lambda cupy, x: x.mean()),  # CUB's sum, and a division
        (1, lambda cupy, x: x.mean(axis=0)),  # not the fastest axis: one kernel of CuPy
        (4, lambda cupy, x: x.var()),  # sum, division, conversion, then the squares
        (1, lambda cupy, x: x @ x.T),
        (2, lambda cupy, x: x[0] @ x[0]),
        (1, lambda cupy, x: cupy.zeros((2, 0)) @ cupy.empty((0, 2))),
    ],
)
def test_launches(cupy, x, counting, launches, call):
    with counting() as counts:
        call(cupy, x)
    assert counts.launches.total() == launches, counts.table()


def test_batches_of_products(cupy, counting):
    a, b = cupy.ones((4, 2, 3)), cupy.ones((4, 3, 2))
    assert counts_of(counting, lambda: a @ b)[0] == 1
    assert counts_of(counting, lambda: a @ b.transpose(0, 2, 1).copy().transpose(0, 2, 1))[0] == 3
    assert counts_of(counting, lambda: a[0] @ b)[0] == 4  # three arrays of pointers


def test_copies_and_waits(cupy, x, counting):
    assert counts_of(counting, lambda: cupy.asarray(np.ones(3)))[1:] == (1, 0)
    assert counts_of(counting, lambda: x[[0, 1]])[1:] == (1, 0)
    for wait in (x.get, lambda: float(x[0, 0]), lambda: bool((x > 9).any()), x.tolist):
        assert counts_of(counting, wait)[1:] == (1, 1)
    for wait in (lambda: x[x > 2], lambda: cupy.nonzero(x)):
        assert counts_of(counting, wait)[1:] == (1, 1)
    assert counts_of(counting, cupy.cuda.Device().synchronize)[1:] == (0, 1)
    assert counts_of(counting, cupy.cuda.get_current_stream().synchronize)[1:] == (0, 1)
    solve = cupy.linalg.solve
    assert counts_of(counting, lambda: solve(cupy.eye(2), cupy.ones(2)))[2] == 0
    with importlib.import_module("cupyx").errstate(linalg="raise"):
        assert counts_of(counting, lambda: solve(cupy.eye(2), cupy.ones(2)))[2] == 1


def test_the_place_is_the_line_of_tinygen(counting, x):
    t = tensor(x)
    with counting() as counts:
        t + t
    ((name, place),) = counts.launches
    assert name == "cupy_add" and place.startswith("tinygen/")
    assert counts.launches.by_name() == {name: 1} and counts.launches.by_place() == {place: 1}
    assert place in counts.table()
