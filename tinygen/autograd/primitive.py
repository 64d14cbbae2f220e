"""Primitives: functions with derivative rules. Read this file second, after tensor.py.

    @primitive
    def exp(x):                         # the forward computes with plain arrays
        return np.exp(x)

    exp.vjp(x=lambda g, y: g * y)       # d exp(x)/dx = exp(x) = y: the rule asks for y by name

**The signature of a rule says what is saved.** Its first parameter is g, the cotangent of the
output. Its other parameters are names: of an argument, of an output (`y` unless declared
otherwise), of a setting, or `<argument>_shape`. Exactly what the rules name is saved for the
backward pass: `lambda g, b: g * b` saves b, and `lambda g: g` saves nothing.

**The only arrays that are saved are arguments and outputs**, and their own derivatives are known.
This is what makes the second derivative right. An array that a rule gets in another way, from a
closure for example, counts as a constant. That is right for a mask or for drawn noise.

**Rules are written with primitives and operators.** A rule writes into nothing and does not ask
whether it was given arrays or Tensors. So one rule serves every order of derivative. A forward does
not write into its arguments either.

`tests/autograd/test_tutorial.py` writes a new primitive step by step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..backend import array_module
from .tensor import Node, Tensor, mode

_HAS_VARARGS = 0x04  # inspect.CO_VARARGS: the function has a *argument


class RuleCall(NamedTuple):
    """One rule that the backward pass of a call runs."""

    rule: Callable
    names: tuple[str, ...]  # what the rule asks for, besides g
    arguments: tuple[int, ...]  # the indices of the arguments whose cotangents it returns
    is_joint: bool  # whether it returns a tuple of cotangents, one for each of these


class Plan(NamedTuple):
    """What a call saves and which rules its backward pass runs.

    A plan depends only on which arguments require a gradient. So it is made once for each such
    combination and reused. The arrays of a call are numbered, first the arguments and then the
    outputs; this number is the index of an array. A variadic argument (`*xs`) stands for several
    arrays, so it has a tuple of indices.
    """

    arrays: list[tuple[str, Any]]  # (name, index): arrays that are saved
    shapes: list[tuple[str, Any]]  # (name, index): arrays whose shape is saved
    settings: list[tuple[str, Any]]  # (name, default)
    calls: list[RuleCall]

    def save(self, arrays: list, settings: dict[str, Any]) -> dict[str, Any]:
        """Return {name: value} for the rules. `arrays` are the arguments, then the outputs."""
        saved = {}
        for name, index in self.arrays:
            saved[name] = arrays[index] if type(index) is int else tuple([arrays[i] for i in index])
        for name, index in self.shapes:
            if type(index) is int:
                saved[name] = np.shape(arrays[index])
            else:
                saved[name] = [np.shape(arrays[i]) for i in index]
        for name, default in self.settings:
            saved[name] = settings.get(name, default)
        return saved


class Primitive:
    """A differentiable function of arrays. Make one with `primitive`."""

    def __init__(self, forward: Callable, outputs: Sequence[str] = ("y",)):
        functools.update_wrapper(self, forward)
        # Read from the code object: importing `inspect` takes longer than importing this package.
        # Its names are the positional parameters, the keyword-only ones, and then *argument.
        code = forward.__code__
        num_arrays, num_settings = code.co_argcount, code.co_kwonlyargcount
        self.is_variadic = bool(code.co_flags & _HAS_VARARGS)
        if self.is_variadic:
            self.arguments = [code.co_varnames[num_settings]]
        else:
            self.arguments = list(code.co_varnames[:num_arrays])
        self.num_arguments = None if self.is_variadic else num_arrays  # None: any number
        names = code.co_varnames[num_arrays : num_arrays + num_settings]
        self.settings = {name: (forward.__kwdefaults__ or {}).get(name) for name in names}
        self.optional = dict(zip(reversed(self.arguments), reversed(forward.__defaults__ or ())))
        self.forward, self.outputs = forward, tuple(outputs)
        self.has_several_outputs = len(self.outputs) > 1
        self.rules: dict[str, Callable | None] = {}
        self.joint_rule: tuple[tuple[str, ...], Callable | None] = ((), None)
        self.plans: dict[int, Plan] = {}  # by the pattern of `__call__`
        if clash := {*self.arguments, *self.settings} & {*self.outputs}:
            raise TypeError(
                f"{self.__name__}: {', '.join(clash)} names an input and an output, and a rule "
                "could not tell which it is given; rename one"
            )

    # ------------------------------------------------------------------------------------- rules

    def vjp(self, **rules: Callable | None) -> None:
        """Set the rule of each named argument: `rule(g, *names) -> cotangent`.

        With several outputs, g is a tuple in their order. The rule of a variadic argument is
        `rule(g, which, *names)`, where `which` is the index of the argument. A rule of None
        declares that no gradient flows to the argument.

        Raises
        ------
        TypeError
            If there is no argument of that name.
        """
        if unknown := rules.keys() - set(self.arguments):
            raise TypeError(
                f"{self.__name__}.vjp: no argument {', '.join(unknown)}; "
                f"it has {', '.join(self.arguments)}"
            )
        self.rules |= rules

    def vjp_joint(self, *arguments: str) -> Callable:
        """Decorate one rule for several arguments whose cotangents share work.

        The rule is `rule(g, needs, *names) -> tuple of cotangents`. `needs` says for each argument
        whether its cotangent is wanted; where it is not, the rule may return None.
        """

        def decorate(rule: Callable) -> Callable:
            self.joint_rule = (arguments, rule)
            return rule

        return decorate

    # -------------------------------------------------------------------------------------- call

    def __call__(self, *args, **settings):
        """Run the forward on raw arrays and, if an argument is a Tensor, record the call."""
        if settings or len(args) != self.num_arguments:
            args = self._positional(args, settings)
        arrays, edges, versions = [], [], []
        has_tensor, only_numpy = False, True
        pattern = 1  # in binary, 1 and then a digit for each argument: 1 if it requires a gradient
        for a in args:
            edge = version = None
            if type(a) is Tensor:
                has_tensor, edge, version, a = True, a._edge, a._version, a._data
            if type(a) is not ndarray:
                only_numpy = False
            arrays.append(a)
            edges.append(edge)
            versions.append(version)
            pattern = 2 * pattern + (edge is not None)
        if not only_numpy:
            self._check(arrays, has_tensor)
        y = self.forward(*arrays, **settings)
        if type(y) is not ndarray:
            y = self._as_arrays(y, like=arrays)
        if mode.nan:
            check_nan(self.__name__, y, arrays)
        if not has_tensor:
            return y
        record = self._record_several if self.has_several_outputs else self._record
        return record(y, arrays, edges, versions, pattern, settings)

    def _as_arrays(self, y, like: list):
        """Return what the forward returned as an array, or as a tuple of several."""
        if self.has_several_outputs:
            return tuple([as_array(output, like) for output in y])
        return as_array(y, like)

    def _record(self, y, arrays, edges, versions, pattern, settings) -> Tensor:
        """Return the output as a Tensor, with a node if an argument requires a gradient."""
        version = shared_version(y, arrays, versions)
        edge = None
        if mode.grad and any(edges) and y.dtype.kind == "f":
            plan = self.plans.get(pattern) or self._make_plan(pattern, edges)
            if plan.calls:  # without any rule, the result is a constant
                saved = plan.save([*arrays, y], settings)
                kinds = ((y.shape, y.dtype),)
                edge = (Node(self, plan, edges, saved, kinds, (version,), versions), 0)
        return Tensor(y, edge, version)

    def _record_several(
        self, outputs, arrays, edges, versions, pattern, settings
    ) -> tuple[Tensor, ...]:
        """Return several outputs as Tensors of one node, those of integers as constants."""
        output_versions = [shared_version(output, arrays, versions) for output in outputs]
        node = None
        if mode.grad and any(edges):
            plan = self.plans.get(pattern) or self._make_plan(pattern, edges)
            if plan.calls:
                saved = plan.save([*arrays, *outputs], settings)
                kinds = [(output.shape, output.dtype) for output in outputs]
                node = Node(self, plan, edges, saved, kinds, output_versions, versions)
        tensors = []
        for k, (output, version) in enumerate(zip(outputs, output_versions)):
            is_recorded = node is not None and output.dtype.kind == "f"
            tensors.append(Tensor(output, (node, k) if is_recorded else None, version))
        return tuple(tensors)

    def _positional(self, args: tuple, settings: dict) -> Sequence:
        """Return all arrays in the order of the arguments.

        Arrays that were given by keyword are removed from `settings`. An optional array that was
        not given is None. Raises TypeError if an array is missing or a name is unknown.
        """
        if self.is_variadic and len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = args[0]
        rest = [] if self.is_variadic else self.arguments[len(args) :]
        missing = [name for name in rest if name not in settings and name not in self.optional]
        args = [*args, *(settings.pop(name, self.optional.get(name)) for name in rest)]
        unknown = settings.keys() - self.settings.keys()
        if missing or unknown:
            what = "missing " + ", ".join(missing) if missing else "unknown " + ", ".join(unknown)
            raise TypeError(
                f"{self.__name__}: {what}; its arrays are {', '.join(self.arguments)}, "
                f"its settings {', '.join(self.settings) or 'none'}"
            )
        return args

    def _check(self, arrays: list, has_tensor: bool) -> None:
        """Refuse what is no array, and arrays of two devices.

        NumPy scalars that meet a Tensor become Python scalars, in `arrays` itself: so
        `x * np.sqrt(2.0)` keeps a float32 x in float32.
        """
        for i, a in enumerate(arrays):
            if isinstance(a, np.generic):
                arrays[i] = a.item() if has_tensor else a
            elif not (
                a is None or isinstance(a, (bool, int, float)) or hasattr(a, "__array_function__")
            ):
                raise TypeError(
                    f"{self.__name__}: argument {i} is a {type(a).__name__}; "
                    "give a Tensor, an array or a number"
                )
        array_module(*arrays)

    # -------------------------------------------------------------------------------------- plan

    def _make_plan(self, pattern: int, edges: list) -> Plan:
        """Plan the calls of this pattern: the arguments with an edge require a gradient."""
        requires_grad = [edge is not None for edge in edges]
        num_arguments = len(requires_grad)
        if self.is_variadic:
            indices = {self.arguments[0]: tuple(range(num_arguments))}
        else:
            indices = {name: i for i, name in enumerate(self.arguments)}
        calls = self._rule_calls(requires_grad, indices)
        array_indices = indices | {name: num_arguments + k for k, name in enumerate(self.outputs)}
        arrays, shapes, settings = {}, {}, {}
        for name in (name for call in calls for name in call.names):
            argument = name.removesuffix("_shape")
            if name in array_indices:
                arrays[name] = array_indices[name]
            elif name in self.settings:
                settings[name] = self.settings[name]
            elif argument in indices:
                shapes[name] = indices[argument]
            else:
                raise TypeError(
                    f"{self.__name__}: a rule asks for {name!r}, which is no argument, output, "
                    "setting or <argument>_shape"
                )
        plan = Plan([*arrays.items()], [*shapes.items()], [*settings.items()], calls)
        self.plans[pattern] = plan
        return plan

    def _rule_calls(self, requires_grad: list[bool], indices: dict) -> list[RuleCall]:
        """Return the rules to run: the joint one, then one for each other argument."""
        joint_names, joint_rule = self.joint_rule
        joint_indices = tuple(indices[name] for name in joint_names)
        calls = []
        if any(requires_grad[i] for i in joint_indices):
            calls.append(RuleCall(joint_rule, parameters(joint_rule)[2:], joint_indices, True))
        for i, required in enumerate(requires_grad):
            argument = self.arguments[0 if self.is_variadic else i]
            if not required or argument in joint_names:
                continue
            if argument not in self.rules:
                raise TypeError(
                    f"{self.__name__} has no rule for its argument {argument!r}: "
                    "detach() it, or write the rule"
                )
            rule = self.rules[argument]
            if rule is not None:
                first = 2 if self.is_variadic else 1  # after g, and `which` of a variadic argument
                calls.append(RuleCall(rule, parameters(rule)[first:], (i,), False))
        return calls


def primitive(forward: Callable | None = None, *, outputs: Sequence[str] = ("y",)):
    """Make a primitive of a function of arrays. Use it as a decorator.

    The positional parameters of `forward` are arrays, its keyword-only parameters are settings.
    Given arrays, the primitive returns an array, or a tuple if `outputs` has several names. Given
    at least one Tensor, it returns Tensors and records the call. Set its rules with
    `.vjp(argument=rule)` and check them with `tinygen.check_grads`.

    Parameters
    ----------
    forward : callable
        It must not write into its arguments.
    outputs : sequence of str
        The names of the outputs, by which rules ask for them.
    """
    if forward is None:
        return functools.partial(Primitive, outputs=outputs)
    return Primitive(forward, outputs)


def parameters(function: Callable) -> tuple[str, ...]:
    """Return the names of a function's positional parameters."""
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def as_array(value: Any, like: Sequence) -> Any:
    """Return what a forward or a rule returned as an array; a Tensor stays as it is.

    NumPy's reductions and its arithmetic on arrays without axes return scalars.

    Parameters
    ----------
    value : array, scalar or Tensor
        Anything else raises TypeError.
    like : sequence of arrays
        A scalar becomes an array on their device.
    """
    if value is None or isinstance(value, (tuple, list)):
        raise TypeError(
            f"a forward or rule returned {type(value).__name__}, not an array; a primitive of "
            "several outputs names them: outputs=(...)"
        )
    if type(value) is Tensor:
        return value
    if hasattr(value, "__array_function__") and not isinstance(value, np.generic):
        return value
    return array_module(*like).asarray(value)


def check_nan(name: str, results: Any, arguments: Any) -> None:
    """Raise FloatingPointError if there is a NaN in `results` and none in `arguments`."""
    if has_nan(results) and not has_nan(arguments):
        raise FloatingPointError(f"{name}: the first NaN rose here, from arguments without any")


def has_nan(value: Any) -> bool:
    """Whether an array, a Tensor, or anything in a tuple or list of them, holds a NaN."""
    value = getattr(value, "_data", value)
    if isinstance(value, (tuple, list)):
        return any(map(has_nan, value))
    is_floating = getattr(getattr(value, "dtype", None), "kind", "") == "f"
    return is_floating and bool((value != value).any())


def shared_version(output, arrays: Sequence, versions: Sequence) -> list[int]:
    """Return the version of an output: an argument's, if both are or view the same memory.

    Then a write to either is seen as a write to both.
    """
    is_shared = output.base is not None  # a view
    for array in arrays:
        if array is output:
            is_shared = True
    if not is_shared:
        return [0]
    for array, version in zip(arrays, versions):
        if version is not None and owner(array) is owner(output):
            return version
    return [0]


def owner(array):
    """Return the array that owns the memory of a view."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array
