"""Runs tests that are written with arrays of NumPy on a GPU, or on the stand-in for one.

`install("cuda")` puts a border around tinygen. Where a test calls a function, a method or an
operator of tinygen, arrays of NumPy become arrays of CuPy, and "cuda" is the default device. Where
the call returns to the test, arrays of CuPy become arrays of NumPy. Within tinygen nothing is
moved: a constant or a buffer on the wrong device is an error, as it is for a user.

A call that is given an array of CuPy returns such arrays: a function that tinygen called, and that
calls tinygen again, stays on the GPU. What such a function makes itself goes through `on_device`.
Data sets, plots and files know NumPy alone and have no border.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import numpy as np

import tinygen
from tinygen.backend import RNG, to_device, to_numpy
from tinygen.backend.random import default_rng

PARTS = ("autograd", "ops", "losses", "nn", "optim", "models", "metrics", "latent")
TESTS, STAND_IN = (str(Path(__file__).parent / folder) for folder in ("", "fake_cupy"))
# They take functions of a test, which are no calls of tinygen, or arrays of NumPy alone.
WITHOUT = {"Primitive.__init__", "Primitive.vjp", "Primitive.vjp_joint", "primitive"}
WITHOUT |= {"times_from_betas", "lu", "RNG.load_state_dict"}

WITH_ARRAYS = ("Gaussian", "GaussianMixture", "ImagePool")  # classes with arrays as attributes

# They take arrays of NumPy alone, or only say where their functions are.
NOT_ON_A_GPU = ("tinygen.metrics.modes", "tinygen.metrics.roc", "tinygen.nn.functional")

_device = "cpu"  # of the tests; on the CPU the border does nothing
num_calls = 0  # that crossed the border


@contextlib.contextmanager
def opened():
    """Let everything pass within a block, for a test that gives arrays of both kinds."""
    global _device
    before, _device = _device, "cpu"
    try:
        yield
    finally:
        _device = before


def on_device(array: np.ndarray):
    """Return an array on the device of the tests."""
    return to_device(array, _device)


def is_on_gpu(value) -> bool:
    """Tell whether a value is an array of CuPy."""
    return type(value).__module__ == "cupy" and hasattr(value, "get")


def is_movable(value) -> bool:
    """Tell whether a value is an array of NumPy that CuPy can have, too."""
    return type(value) is np.ndarray and value.dtype.kind in "biuf"


def convert(value, is_array, move):
    """Move the arrays in a value, also in tuples, lists and dicts."""
    if is_array(value):
        return move(value)
    if type(value) in (list, tuple):
        return type(value)([convert(v, is_array, move) for v in value])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[convert(v, is_array, move) for v in value])
    if type(value) is dict:
        return {k: convert(v, is_array, move) for k, v in value.items()}
    return value


def is_called_by_a_test(depth: int) -> bool:
    """Tell whether the frame so far above the caller is that of a test."""
    file = sys._getframe(depth + 1).f_code.co_filename
    return file.startswith(TESTS) and not file.startswith(STAND_IN)


def guard(function):
    """Return the function with the border around it."""
    parameters = list(inspect.signature(function).parameters.values())
    index = [p.name for p in parameters].index("device") if takes_device(parameters) else None

    @functools.wraps(function)
    def call(*args, **kwargs):
        global num_calls
        if _device == "cpu" or not is_called_by_a_test(1):
            return function(*args, **kwargs)
        num_calls += 1
        stays = any(is_on_gpu(a) for a in (*args, *kwargs.values()))
        into = functools.partial(convert, is_array=is_movable, move=on_device)
        if index is None:
            args, kwargs = [into(a) for a in args], {k: into(v) for k, v in kwargs.items()}
        elif len(args) <= index:
            kwargs.setdefault("device", _device)  # the function moves its arrays itself
        result = function(*args, **kwargs)
        if inspect.isfunction(result) and result.__module__.startswith("tinygen."):
            return guard(result)
        return result if stays else convert(result, is_on_gpu, to_numpy)

    return call


def takes_device(parameters: list[inspect.Parameter]) -> bool:
    """Tell whether a function has a default device: the CPU, or that of its argument."""
    return any(p.name == "device" and p.default in ("cpu", None) for p in parameters)


def guard_class(cls: type) -> None:
    """Put the border around the methods and properties of a class."""
    for name, member in list(vars(cls).items()):
        if f"{cls.__name__}.{name}" in WITHOUT or name in ("__new__", "__getattr__"):
            continue
        if inspect.isfunction(member):
            setattr(cls, name, guard(member))
        elif isinstance(member, classmethod):
            setattr(cls, name, classmethod(guard(member.__func__)))
        elif isinstance(member, property) and inspect.isfunction(member.fget):
            setter = member.fset and guard(member.fset)
            setattr(cls, name, property(guard(member.fget), setter, doc=member.__doc__))


def guard_attributes(cls: type) -> None:
    """Put the border around the arrays that an object has as attributes."""

    def read(self, name):
        value = object.__getattribute__(self, name)
        leaves = is_on_gpu(value) and _device != "cpu" and is_called_by_a_test(1)
        return to_numpy(value) if leaves else value

    cls.__getattribute__ = read


def install(device: str) -> None:
    """Put the border around tinygen, and let tests run on a device."""
    global _device
    _device = device
    names = [m.name for m in pkgutil.walk_packages(tinygen.__path__, "tinygen.")]
    names = [n for n in names if n.split(".")[1] in PARTS and n not in NOT_ON_A_GPU]
    modules = [importlib.import_module(name) for name in names]
    values = [v for module in modules for v in vars(module).values()]
    own = [v for v in values if getattr(v, "__module__", None) in names]
    for cls in {RNG, *filter(inspect.isclass, own)}:
        guard_class(cls)
        if cls.__name__ in WITH_ARRAYS:
            guard_attributes(cls)
    functions = {default_rng, *filter(inspect.isfunction, own)}
    guarded = {f: guard(f) for f in functions if f.__name__ not in WITHOUT}
    for module in [*modules, tinygen, tinygen.backend]:
        for name, value in list(vars(module).items()):
            if inspect.isfunction(value) and value in guarded:
                setattr(module, name, guarded[value])
