"""Primitives: the functions that the engine can differentiate, each with its forward and its rules side by side.

    @primitive
    def exp(x):                         # the forward sees plain arrays
        return np.exp(x)

    exp.vjp(x=lambda g, y: g * y)       # d exp(x)/dx = exp(x) = y: the rule asks for the output by its name

**The signature is the memory contract.** A rule names what it needs: arguments, outputs (`y` unless declared otherwise), settings,
`<argument>_shape`. What no rule names is not kept: `lambda g, b: ...` keeps b, `lambda g: g` keeps nothing. So all that a rule keeps is an
input or an output, whose own derivative is known. An array smuggled in otherwise (a mask, drawn noise) counts as a constant.

A rule is written with primitives and operators, never writes in place and never asks whether it was given arrays or Tensors: that is what
makes one rule serve every order. Nor does a forward write into its arguments. tests/test_tutorial.py writes an op of one's own, step by step.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from ..backend import array_module
from .backward import as_array, check_nan
from .tensor import Node, Tensor, mode


class Plan(NamedTuple):
    """What one way of calling a primitive keeps for its backward pass, and the rules that will run."""

    keep: list  # (name, place among the arguments and then the outputs; for a variadic argument a tuple of places)
    static: list  # (name, place of the array whose shape it is, or None for a setting)
    calls: list  # (rule, names it asks for, the argument it serves: an int, or a tuple for a joint rule)


class Primitive:
    """A differentiable function of arrays: the forward and a rule an argument. See `primitive`."""

    def __init__(self, forward: Callable, outputs: Sequence[str] = ("y",)):
        functools.update_wrapper(self, forward)
        code = forward.__code__  # read directly: the inspect module costs more to import than all of this file
        positional, keywords = code.co_argcount, code.co_kwonlyargcount
        self.variadic = bool(code.co_flags & 0x04)  # it has a *argument
        self.arguments = list(code.co_varnames[:positional] or code.co_varnames[keywords : keywords + 1])
        self.settings = {name: (forward.__kwdefaults__ or {}).get(name) for name in code.co_varnames[positional : positional + keywords]}
        self.optional = dict(zip(reversed(self.arguments), reversed(forward.__defaults__ or ())))
        self.arity = 0 if self.variadic else len(self.arguments)
        self.forward, self.outputs, self.several = forward, tuple(outputs), len(outputs) > 1
        self.rules, self.joint, self.plans = {}, ((), None), {}
        if clash := {*self.arguments, *self.settings} & {*self.outputs}:
            raise TypeError(f"{self.__name__}: {', '.join(clash)} names an input and an output, and a rule could not tell which it is given; rename one")

    def vjp(self, **rules: Callable | None) -> None:
        """Set the rule of each named argument: `rule(g, *what it names) -> its cotangent`. With several outputs g is a tuple, in their order.
        The rule of a variadic argument is `rule(g, which, ...)`, which: the position. None declares that no gradient flows."""
        if unknown := rules.keys() - set(self.arguments):
            raise TypeError(f"{self.__name__}.vjp: no argument {', '.join(unknown)}; it has {', '.join(self.arguments)}")
        self.rules |= rules

    def vjp_joint(self, *arguments: str) -> Callable:
        """Decorate one rule `rule(g, needs, ...) -> tuple` for arguments whose cotangents share work; None where `needs` says False."""
        return lambda rule: setattr(self, "joint", (arguments, rule)) or rule

    def __call__(self, *args, **settings):
        if len(args) < self.arity or (settings and not settings.keys() <= self.settings.keys()):
            args = self._complete(args, settings)
        if self.variadic and len(args) == 1 and isinstance(args[0], (list, tuple)):
            args = args[0]
        arrays, parents, constants, mask, bit, tensors, plain = [], [], None, 0, 1, False, True
        for a in args:
            edge = None
            if type(a) is Tensor:
                tensors, edge = True, a._edge
                if edge is not None:
                    mask += bit
                elif constants is None:
                    constants = {len(arrays): a._written}
                else:
                    constants[len(arrays)] = a._written
                a = a._data
            if type(a) is not ndarray:
                plain = False
            arrays.append(a)
            parents.append(edge)
            bit += bit
        if not plain:
            self._check(arrays, tensors)
        y = self.forward(*arrays, **settings)
        if self.several:
            y = tuple(o if type(o) is ndarray else as_array(o, like=arrays) for o in y)
        elif type(y) is not ndarray:
            y = as_array(y, like=arrays)
        if mode.nan:
            check_nan(self.__name__, y, arrays)
        if not tensors:
            return y
        plan = None
        if mask and mode.grad:
            plan = self.plans.get(mask + bit) or self._plan(mask, len(arrays))
        if self.several:
            written = [_cell_of(o, args) for o in y]
            node = self._record(plan, arrays, parents, constants, y, settings, [(o.shape, o.dtype) for o in y], written) if plan and plan.calls else None
            return tuple(Tensor(o, (node, k) if node and o.dtype.kind == "f" else None, written[k]) for k, o in enumerate(y))
        shared = y.base is not None
        for a in arrays:
            if a is y:
                shared = True
        cell = _cell_of(y, args) if shared else [0]
        if plan and plan.calls and y.dtype.kind == "f":
            return Tensor(y, (self._record(plan, arrays, parents, constants, (y,), settings, ((y.shape, y.dtype),), (cell,)), 0), cell)
        return Tensor(y, None, cell)

    def _record(self, plan, arrays, parents, constants, outs, settings, outputs, written) -> Node:
        """The node of this call, with what its rules ask for."""
        keep, static, _ = plan
        arrays += outs
        saved = {}
        for name, k in keep:
            saved[name] = arrays[k] if type(k) is int else tuple([arrays[j] for j in k])
        for name, k in static:
            saved[name] = settings.get(name, self.settings[name]) if k is None else _shapes(arrays, k)
        return Node(self, plan, parents, saved, outputs, written, constants)

    def _complete(self, args, settings) -> list:
        """All array arguments in their places: those that came by keyword, `conv2d(x, w, bias=b)`, and None for the optional ones left out."""
        rest = [] if self.variadic else self.arguments[len(args) :]
        missing = [name for name in rest if name not in settings and name not in self.optional]
        args = [*args, *(settings.pop(name, self.optional.get(name)) for name in rest)]
        if missing or (unknown := settings.keys() - self.settings.keys()):
            what = f"missing {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}"
            raise TypeError(f"{self.__name__}: {what}; its arrays are {', '.join(self.arguments)}, its settings {', '.join(self.settings) or 'none'}")
        return args

    def _check(self, arrays, tensors) -> None:
        """Beside a Tensor, NumPy scalars count as Python scalars (`x * np.sqrt(2.)` keeps float32). What is no array is refused, so are mixed devices."""
        for i, a in enumerate(arrays):
            if isinstance(a, np.generic):
                arrays[i] = a.item() if tensors else a
            elif not (a is None or isinstance(a, (bool, int, float)) or hasattr(a, "__array_function__")):
                raise TypeError(f"{self.__name__}: argument {i} is a {type(a).__name__}; give a Tensor, an array or a number")
        array_module(*arrays)

    def _plan(self, mask: int, n: int) -> Plan:
        """What a call with n arguments, of which those in `mask` are tracked, has to keep and to run. Made at the first such call and reused."""
        places = {name: tuple(range(n)) if self.variadic else i for i, name in enumerate(self.arguments)}
        where = places | {name: n + k for k, name in enumerate(self.outputs)}
        together, rule = self.joint
        calls = [(rule, _names(rule)[2:], tuple(places[a] for a in together))] if any(mask >> places[a] & 1 for a in together) else []
        for i in range(n):
            argument = self.arguments[0 if self.variadic else i]
            if mask >> i & 1 and argument not in together:
                if argument not in self.rules:
                    raise TypeError(f"{self.__name__} has no rule for its argument {argument!r}: detach() it, or write the rule")
                if (rule := self.rules[argument]) is not None:
                    calls.append((rule, _names(rule)[2 if self.variadic else 1:], i))
        keep, static = {}, {}
        for name in itertools.chain.from_iterable(names for _, names, _ in calls):
            if name in where:
                keep[name] = where[name]
            elif name in self.settings or name.removesuffix("_shape") in places:
                static[name] = None if name in self.settings else places[name.removesuffix("_shape")]
            else:
                raise TypeError(f"{self.__name__}: a rule asks for {name!r}, which is no argument, output, setting or <argument>_shape")
        self.plans[mask + (1 << n)] = plan = Plan(list(keep.items()), list(static.items()), calls)
        return plan


def primitive(forward: Callable | None = None, *, outputs: Sequence[str] = ("y",)):
    """Make a primitive of `forward`, a function of arrays: its positional parameters are arrays, its keyword-only ones settings.

    Given arrays it returns an array (a tuple when `outputs` names several); given at least one Tensor, Tensors with a node. Give it rules with
    `.vjp(argument=rule)` and hold them to `tinygen.check_grads`. The forward must not write into its arguments.
    """
    return functools.partial(Primitive, outputs=outputs) if forward is None else Primitive(forward, outputs)


def _names(rule) -> tuple:
    return rule.__code__.co_varnames[: rule.__code__.co_argcount]


def _shapes(pool, k):
    return np.shape(pool[k]) if type(k) is int else [np.shape(pool[j]) for j in k]


def _owner(a):
    while getattr(a, "base", None) is not None:
        a = a.base
    return a


def _cell_of(o, args):
    """A result that views an argument's memory shares its cell: a write to either is a write to both."""
    base = _owner(o)
    return next((a._written for a in args if type(a) is Tensor and _owner(a._data) is base), None) or [0]
