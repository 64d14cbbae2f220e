"""Primitives: functions with derivative rules. Read this file second, after tensor.py.

    @primitive
    def exp(x):                         # the forward computes with plain arrays
        return np.exp(x)

    exp.vjp(x=lambda g, y: g * y)       # d exp(x)/dx = exp(x) = y: the rule asks for y by name

**Arrays and settings.** The positional parameters of the forward are arrays. The parameters after a
`*` are settings: numbers, axes, shapes, which have no derivative. A caller may give settings by
name or, after the arrays, by position: `softmax(x, axis=1)` and `softmax(x, 1)` are the same call
(call.py).

**The signature of a rule says what is saved.** Its first parameter is g, the cotangent of the
output. Its other parameters are names: of an argument, of an output (`y` unless declared
otherwise), of a setting, or `<argument>_shape`. Exactly what the rules name is saved for the
backward pass: `lambda g, b: g * b` saves b, and `lambda g: g` saves nothing. Of a setting that is
a list or an array a copy is saved, so the caller may write into it after the call.

**The only arrays that are saved are arguments and outputs**, and their own derivatives are known.
This is what makes the second derivative right. An array that a rule gets in another way, from a
closure for example, counts as a constant. That is right for a mask or for drawn noise.

**Rules are written with primitives and operators.** A rule writes into nothing and does not ask
whether it was given arrays or Tensors. So one rule serves every order of derivative. A forward does
not write into its arguments either.

`tests/autograd/test_tutorial.py` writes a new primitive step by step.
"""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..backend import array_module, type_name
from ..backend.references import shared_version
from .call import call_signature, order_arguments
from .results import as_array, check_nan
from .tensor import Node, Tensor, mode


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
            value = settings.get(name, default)
            if type(value) is list or type(value) is ndarray:
                value = copy.copy(value)  # the caller may write into it before the backward pass
            saved[name] = value
        return saved


class Primitive:
    """A differentiable function of arrays. Make one with `primitive`."""

    def __init__(self, forward: Callable, outputs: Sequence[str] = ("y",)):
        functools.update_wrapper(self, forward)
        self.__name__ = forward.__name__.strip("_")  # what errors and graphs show
        signature = inspect.signature(forward)
        self.__signature__ = call_signature(signature)  # what `help` shows
        arrays = [p for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
        settings = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
        self.arguments = [p.name for p in arrays]
        self.optional = {p.name: p.default for p in arrays if p.default is not p.empty}
        self.settings = {p.name: None if p.default is p.empty else p.default for p in settings}
        self.is_variadic = any(p.kind is p.VAR_POSITIONAL for p in arrays)
        self.num_arguments = None if self.is_variadic else len(arrays)  # None: any number
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

        A rule that is set again replaces the earlier one in all later calls. Calls that were
        recorded before keep the rule that they were recorded with.

        Raises
        ------
        TypeError
            If there is no argument of that name, or if a joint rule serves it.
        """
        self._check_names("vjp", rules)
        if joint := [name for name in rules if name in self.joint_rule[0]]:
            raise TypeError(
                f"{self.__name__}.vjp: {', '.join(joint)} has the joint rule of "
                f"({', '.join(self.joint_rule[0])}); set that one again with vjp_joint"
            )
        self.rules |= rules
        self.plans.clear()  # they hold the rules

    def vjp_joint(self, *arguments: str) -> Callable:
        """Decorate one rule for several arguments whose cotangents share work.

        The rule is `rule(g, needs, *names) -> tuple of cotangents`. `needs` says for each argument
        whether its cotangent is wanted; where it is not, the rule may return None. It replaces an
        earlier joint rule, and earlier rules of these arguments. Raises TypeError as `vjp` does.
        """
        self._check_names("vjp_joint", arguments)

        def decorate(rule: Callable) -> Callable:
            self.joint_rule = (arguments, rule)
            self.plans.clear()  # they hold the rules
            return rule

        return decorate

    def _check_names(self, method: str, names: Iterable[str]) -> None:
        """Raise TypeError unless all `names` are arguments."""
        if unknown := [name for name in names if name not in self.arguments]:
            raise TypeError(
                f"{self.__name__}.{method}: no argument {', '.join(unknown)}; "
                f"it has {', '.join(self.arguments)}"
            )

    # -------------------------------------------------------------------------------------- call

    def __call__(self, *args, **settings):
        """Run the forward on raw arrays and, if an argument is a Tensor, record the call."""
        if settings or len(args) != self.num_arguments:
            args = order_arguments(self, args, settings)
        arrays, edges, versions = [], [], []
        has_tensor, only_numpy = False, True
        pattern = 1  # in binary, 1 and then a digit for each argument: 1 if it requires a gradient
        for a in args:
            edge = version = None
            if type(a) is Tensor:
                has_tensor = True
                edge, version, a = a._edge, a._version, a._data
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
                    f"{self.__name__}: argument {i} is a {type_name(a)}; "
                    "give a Tensor, an array or a number; tinygen.tensor(data) makes a Tensor"
                )
        array_module(*arrays)

    # ------------------------------------------------------------- what Python asks of functions

    def __get__(self, instance, owner=None):
        """Bind like a function: a primitive in the body of a class is a method."""
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}{self.__signature__}>"

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
    """Return the names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)
