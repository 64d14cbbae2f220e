"""NumPy or CuPy: the array module of an array, devices, random generators.

This is the only file that imports CuPy, and only once a CuPy array or the device "cuda" is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["Generator", "array_module", "device_of", "register", "to_device", "to_numpy"]

Array = Any  # np.ndarray, cupy.ndarray, or a registered type

# ---------------------------------------------------------------------------------------------------------------- array modules

_modules: dict[type, Any] = {np.ndarray: np}  # array type -> the module whose functions take it
_IGNORED = (bool, int, float, complex, np.generic, type(None))  # scalars go with any array


def register(array_type: type, module: Any) -> None:
    """Let `array_module` answer `module` for arrays of type `array_type`."""
    _modules[array_type] = module


def _module_of(array: Array) -> Any:
    """The module of one array, or None if it is no array type known."""
    for cls in type(array).__mro__:
        if cls in _modules:
            return _modules[cls]
        if cls.__module__.partition(".")[0] == "cupy":  # told by its name, so that CuPy is imported only by those who use it
            register(cls, _cupy())
            return _modules[cls]
    return None


def array_module(*arrays: Array) -> Any:
    """The module, numpy or cupy, that the arrays belong to; numpy if there are none. Scalars and None go with any array.

    Raises TypeError if the arrays lie on two devices, or if one is of no known array type.
    """
    found = np
    first: Array = None
    for array in arrays:
        if type(array) is np.ndarray:
            module = np
        elif isinstance(array, _IGNORED):
            continue
        else:
            module = _module_of(array)
            if module is None:
                raise TypeError(f"expected NumPy or CuPy arrays, got {_type_name(array)}; make an array of it first, for example with np.asarray")
        if first is None:
            found, first = module, array
        elif type(array) is not type(first) and _family(array) is not _family(first):
            raise TypeError(
                f"arrays on two devices: {_describe(first)} and {_describe(array)}; "
                'move one beside the other with .to(device), for example x.to("cuda") or model.to("cpu")'
            )
    return found


def _family(array: Array) -> type:
    """The registered type an array belongs to: arrays may meet if it is the same."""
    return next(cls for cls in type(array).__mro__ if cls in _modules)


def _type_name(array: Array) -> str:
    return f"{type(array).__module__}.{type(array).__qualname__}"


def _describe(array: Array) -> str:
    return f"{_type_name(array)} of shape {array.shape} on {device_of(array)!r}"


# ---------------------------------------------------------------------------------------------------------------------- devices


def _cupy() -> Any:
    """CuPy, imported now; an error that says what to install if it cannot be."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            'the device "cuda" needs CuPy, which could not be imported; install it with pip install "cupy-cuda13x[ctk]" '
            '(or cupy-cuda12x, to match the driver), or use the device "cpu"'
        ) from error
    register(cupy.ndarray, cupy)
    return cupy


def _gpu() -> Any:
    """CuPy on a machine with a GPU."""
    cupy = _cupy()
    if not cupy.cuda.is_available():
        raise RuntimeError('the device "cuda" needs an NVIDIA GPU with its driver, and CuPy finds none; check nvidia-smi, or use the device "cpu"')
    return cupy


def _check_device(device: str) -> str:
    if device not in ("cpu", "cuda"):
        raise ValueError(f'unknown device {device!r}; the devices are "cpu" and "cuda"')
    return device


def device_of(array: Array) -> str:
    """The device an array lies on: "cuda" for CuPy arrays, "cpu" for all others."""
    module = _module_of(array)
    return "cuda" if module is not None and module.__name__ == "cupy" else "cpu"


def to_device(array: Array, device: str) -> Array:
    """The array on `device`, "cpu" or "cuda": itself if it is there already, else a copy."""
    if _check_device(device) == "cuda":
        return array if device_of(array) == "cuda" else _gpu().asarray(array)
    return to_numpy(array) if device_of(array) == "cuda" else array


def to_numpy(array: Array) -> np.ndarray:
    """The array as a NumPy array: itself if it is one, a copy if it lies on a GPU."""
    return np.asarray(array) if _module_of(array) in (np, None) else array.get()


# --------------------------------------------------------------------------------------------------------------- random numbers


class Generator:
    """A stream of random numbers on one device. There is no global one: whoever draws is handed a generator.

    Parameters: `seed`, an int of at least 0; `device`, "cpu" or "cuda". The same seed on two devices gives different numbers.
    `state_dict()` is small and stores in an .npz without pickle; a generator that loads it continues with the same numbers.

    On the CPU this is NumPy's PCG64. On a GPU every draw makes a fresh Philox generator whose key is hashed from (seed, draws so far),
    so those two ints are the whole state. CuPy keeps 32 bits of the hash: two draws among 10,000 share a key with odds of one in 86.
    """

    def __init__(self, seed: int, device: str = "cpu") -> None:
        self.device = _check_device(device)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
            raise ValueError(f"a seed is an int from 0 to 2**64 - 1, got {seed!r}")
        self._seed, self._draws = int(seed), 0  # on a GPU, the state
        self._numpy = np.random.Generator(np.random.PCG64(self._seed)) if device == "cpu" else None
        if device == "cuda":
            _gpu()

    def _source(self) -> Any:
        """The numpy.random.Generator or cupy.random.Generator to draw from, once."""
        if self._numpy is not None:
            return self._numpy
        random = _cupy().random
        key = np.random.SeedSequence([self._seed, self._draws])
        self._draws += 1
        return random.Generator(random.Philox4x3210(key))

    def normal(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers from N(0, 1)."""
        return self._floats("standard_normal", shape, dtype)

    def uniform(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
        """Numbers uniform on [0, 1)."""
        return self._floats("random", shape, dtype)

    def _floats(self, method: str, shape: tuple[int, ...], dtype: Any) -> Array:
        drawn = np.float64 if np.dtype(dtype) == np.float64 else np.float32  # the two types the libraries draw
        return getattr(self._source(), method)(shape, dtype=drawn).astype(dtype, copy=False)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        """int64 numbers uniform on low, low + 1, ..., high - 1."""
        return self._source().integers(low, high, size=shape)

    def permutation(self, n: int) -> Array:
        """The numbers 0 to n - 1 in random order."""
        source = self._source()
        return source.permutation(n) if self._numpy is not None else source.random(n).argsort()  # CuPy's has no permutation

    def bernoulli(self, p: float | Array, shape: tuple[int, ...] | None = None, dtype: Any = np.float32) -> Array:
        """1 with probability p, else 0. p: a number, or an array that broadcasts to `shape` (by default its own)."""
        return (self.uniform(np.shape(p) if shape is None else shape) < p).astype(dtype)

    def state_dict(self) -> dict[str, Any]:
        """{"kind": str, "words": uint64 array}: all that decides the numbers to come."""
        if self._numpy is None:
            return {"kind": "cupy.philox", "words": np.array([self._seed, self._draws], np.uint64)}
        state = self._numpy.bit_generator.state  # its state and increment have 128 bits: two words each, high first
        wide = [state["state"]["state"], state["state"]["inc"]]
        words = [half for number in wide for half in (number >> 64, number & (2**64 - 1))]
        return {"kind": "numpy.pcg64", "words": np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the generator that gave `state` was."""
        if unknown := sorted(set(state) - {"kind", "words"}):
            raise ValueError(f"a generator's state has 'kind' and 'words'; this one also has {', '.join(map(repr, unknown))}")
        own, kind = self.state_dict(), str(state["kind"])
        words = [int(word) for word in np.asarray(state["words"], np.uint64)]
        if kind != own["kind"] or len(words) != len(own["words"]):
            raise ValueError(f"this generator, on {self.device!r}, is {own['kind']}; the state is of {kind}: load it on the device it came from")
        if self._numpy is None:
            self._seed, self._draws = words
            return
        high, low, inc_high, inc_low, has_uint32, uinteger = words
        self._numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }
