"""The cross-entropy of classes, from logits: the loss of every classifier."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd.primitive import primitive
from ..backend import array_module, device_of
from ..backend.indices import as_integers, indices_for, lowest_and_highest
from ..backend.kernels import elementwise, reduction
from ..ops import exp, expand_dims, log_softmax, where
from ..ops.arguments import as_number, raw

__all__ = ["cross_entropy"]

Array = Any  # np.ndarray, cupy.ndarray or Tensor
REDUCTIONS = ("none", "mean", "sum")


def cross_entropy(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """Return -log p(class) of the right classes, from the logits of all classes.

    Names, order and meaning of the arguments are those of PyTorch's cross_entropy. So, unlike the
    other losses here, it returns the mean; `reduction="none"` gives one number per example.

    **Definition.** A classifier ends in a linear layer. Its outputs l_1 ... l_C are read as logits:

        p_c  = exp(l_c) / sum_k exp(l_k)                                       softmax
        loss = -log p_t                                                        t: the right class

    **Derivation** Write lse(l) for log sum_k exp(l_k). The logarithm of the quotient is

        log p_c = l_c - lse(l).

    Give each class a factor q_c, which is 1 for the right class and 0 for the others so far. With
    Q = sum_c q_c the loss is

        y = -sum_c q_c log p_c = sum_c q_c (lse(l) - l_c)                      insert
          = Q lse(l) - sum_c q_c l_c                                           collect terms.

    By the chain rule, d lse / d l_k = exp(l_k) / sum_j exp(l_j) = p_k. Therefore

        dy / dl_k = Q p_k - q_k                 for one right class: predicted minus observed
        dy / dq_c = -log p_c.

    **All options are choices of q.** With w_c = weight[c], or 1 without a weight:

        class indices t                 q_c = w_c [c = t], and all 0 where t = ignore_index
        class probabilities t_1 ... t_C q_c = w_c t_c
        label smoothing s               [c = t] or t_c above becomes (1 - s) t_c + s / C

    Probabilities make it E[-log p_c] for c drawn from t. It is smallest at p = t, where it is the
    entropy of t. Smoothed labels keep the logits finite: the best l_t - l_c is
    log((1 - s) C / s + 1), where without smoothing it is infinite.

    **Reduction** "none" returns each y, "sum" their sum. "mean" divides the sum by the number of
    class indices that are not ignored, each counted with its weight w_t; for probabilities by
    their number, whatever the weight.

    **Shapes** logits (N, C) or (N, C, ...), or (C,) for one example. target: integers (N) or
    (N, ...), or (); or floats in the shape of the logits. weight (C,). Without reduction the result
    has the shape of integer targets.

    **Saved** logits and q.

    **Numerics** log p_c is computed from l - max(l), so nothing overflows, and logits of +-1e4 give
    the loss and the gradient to the last digits. The logarithm of a softmax is the usual way to
    get an infinite loss: exp(-1e4) is 0. A logit of -inf excludes its class: where also q_c = 0,
    the class adds nothing, neither to y nor to a derivative.

    **Devices** On a GPU, class indices that lie there are checked, which waits for it once.
    NumPy's are checked and then moved, without a wait.

    **Source** Bishop, Pattern Recognition and Machine Learning, 2006, section 4.3.4; Szegedy et
    al., Rethinking the Inception Architecture, 2015, section 7, for label smoothing.

    Parameters
    ----------
    logits : floats, class axis 1.
    target : the right classes, integers from 0 to C - 1; or probabilities of the classes.
    weight : a factor for each class, for classes of which there are few examples.
    ignore_index : class index of what does not count, such as unlabelled pixels.
    reduction : {"mean", "sum", "none"}
    label_smoothing : s, from 0 to 1.

    Raises
    ------
    TypeError
        If the logits are no floats, or the target is no array.
    ValueError
        If shapes do not fit, for an option that does not exist, or for a mean over no targets.
    IndexError
        If a class index is not from 0 to C - 1 and not `ignore_index`.
    """
    _check_arguments(logits, target, weight, ignore_index, reduction, label_smoothing)
    axis = min(1, logits.ndim - 1)
    num_classes = logits.shape[axis]
    column = (num_classes,) + (1,) * (logits.ndim - axis - 1)  # to broadcast along the class axis
    w = 1 if weight is None else weight.reshape(column)
    if target.shape == logits.shape:
        t, is_counted, total = target, 1, logits.size // num_classes
    else:
        num_counted = _count_classes(logits.shape, raw(target), ignore_index, num_classes)
        target = expand_dims(indices_for(raw(logits), raw(target)), axis)
        t = _one_hot(raw(logits), target, ignore_index, axis)
        is_counted = (target != ignore_index).astype(t.dtype) if label_smoothing else 1
        total = num_counted if weight is None else (w * t).sum()
    if label_smoothing:
        s = as_number(label_smoothing)
        t = (1 - s) * t + s / num_classes * is_counted
    y = _weighted_nll(logits, t if weight is None else w * t, axis=axis)
    if reduction == "none":
        return y
    if reduction == "sum":
        return y.sum()
    if not raw(total):
        raise ValueError(
            f"cross_entropy: a mean over no targets: target {target.shape}, weights that add up to "
            f"0 once ignore_index={ignore_index} is left out; leave out this batch"
        )
    return y.sum() / total


@primitive
def _weighted_nll(logits, q, *, axis):
    """Return -sum_c q_c log p_c over the class axis. `cross_entropy` derives the rules."""
    return -_summands(log_softmax(logits, axis=axis), q).sum(axis=axis)


@elementwise("T log_p, T q", "T y", "y = q == 0 && isinf(log_p) ? T(0) : log_p * q")
def _summands(log_p, q):
    return _without_excluded(log_p, q) * q


def _without_excluded(log_p, q):
    """Return log p_c; 0 instead of -inf where q_c is 0, so that their product is 0 and not NaN."""
    is_infinite = raw(log_p) == -math.inf
    if device_of(is_infinite) == "cpu" and not is_infinite.any():  # any() waits for a GPU
        return log_p
    return where(is_infinite & (raw(q) == 0), 0.0, log_p)


def _logits_rule(g, logits, q, axis):
    g_q = expand_dims(g, axis) * q
    total = g_q.sum(axis=axis, keepdims=True)
    return _predicted_minus_observed(log_softmax(logits, axis=axis), total, g_q)


@elementwise("T log_p, T total, T g_q", "T dl", "dl = exp(log_p) * total - g_q")
def _predicted_minus_observed(log_p, total, g_q):
    return exp(log_p) * total - g_q


def _q_rule(g, logits, q, axis):
    return -expand_dims(g, axis) * _without_excluded(log_softmax(logits, axis=axis), q)


_weighted_nll.vjp(logits=_logits_rule, q=_q_rule)


def _one_hot(logits, target, ignore_index, axis):
    """Return [c = t], and 0 where t is ignored. The class axis of the target has length 1."""
    column = (logits.shape[axis],) + (1,) * (logits.ndim - axis - 1)
    classes = array_module(logits).arange(logits.shape[axis], dtype=np.int64).reshape(column)
    one_hot = np.empty_like(logits)
    _fill_one_hot(target, classes, ignore_index, one_hot)
    return one_hot


@elementwise(
    "int64 target, int64 c, int64 ignored", "T y", "y = target == c && target != ignored ? 1 : 0"
)
def _fill_one_hot(target, c, ignored, y):
    y[...] = (target == c) & (target != ignored)


def _count_classes(logits_shape, target, ignore_index, num_classes: int) -> int:
    """Return how many class indices are not ignored. Raises IndexError if one is out of range."""
    counts = _count_outside_and_counted(target, ignore_index, num_classes, axis=None)
    num_outside, num_counted = as_integers(counts)
    if num_outside:
        [[low, high]] = lowest_and_highest(target[target != ignore_index])
        raise IndexError(
            f"cross_entropy: class indices run from {low} to {high}, but logits {logits_shape} "
            f"have {num_classes} classes, 0 to {num_classes - 1}; mark what does not count with "
            f"ignore_index={ignore_index}"
        )
    return num_counted


@reduction(
    "int64 t, int64 ignored, int64 num_classes",
    "int64 num_outside, int64 num_counted",
    map="Counts(t != ignored && (t < 0 || t >= num_classes), t != ignored)",
    reduce="Counts(a.outside + b.outside, a.counted + b.counted)",
    post="num_outside = a.outside, num_counted = a.counted",
    identity="0, 0",
    accumulator="Counts",
    preamble="""
    struct Counts {
        long long outside, counted;
        __device__ Counts(long long outside, long long counted)
            : outside(outside), counted(counted) {}
    };
    """,
)
def _count_outside_and_counted(t, ignored, num_classes, *, axis, keepdims=False):
    is_counted = t != ignored
    is_outside = is_counted & ((t < 0) | (t >= num_classes))
    return tuple(a.sum(axis=axis, keepdims=keepdims) for a in (is_outside, is_counted))


def _check_arguments(logits, target, weight, ignore_index, reduction, label_smoothing):
    for name, a in {"logits": logits, "target": target}.items():
        if not hasattr(a, "dtype"):
            raise TypeError(
                f"cross_entropy: {name} is a {type(a).__name__}; give an array or Tensor"
            )
    if logits.dtype.kind != "f":
        raise TypeError(
            f"cross_entropy: logits are {logits.dtype}; give the floats of the last layer, and the "
            "classes as the second argument"
        )
    _check_shapes(logits, target, weight)
    if reduction not in REDUCTIONS:
        raise ValueError(
            f'cross_entropy: reduction={reduction!r}, expected one of "none", "mean", "sum"'
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing={label_smoothing}, expected 0 to 1")
    if ignore_index >= 0 and target.dtype.kind == "f":
        raise ValueError(
            f"cross_entropy: ignore_index={ignore_index} is for class indices; set the "
            "probabilities of what does not count to 0"
        )


def _check_shapes(logits, target, weight):
    if not logits.ndim or not logits.shape[min(1, logits.ndim - 1)]:
        raise ValueError(f"cross_entropy: logits {logits.shape} have no classes; expected (N, C)")
    index_shape = logits.shape[:1] + logits.shape[2:] if logits.ndim > 1 else ()
    expected = logits.shape if target.dtype.kind == "f" else index_shape
    if target.shape != expected or target.dtype.kind not in "iuf":
        raise ValueError(
            f"cross_entropy: logits {logits.shape} and target {target.dtype} {target.shape}; "
            f"expected class indices as integers {index_shape}, or class probabilities as floats "
            f"{logits.shape}"
        )
    num_classes = logits.shape[min(1, logits.ndim - 1)]
    if weight is not None and getattr(weight, "shape", None) != (num_classes,):
        given = getattr(weight, "shape", f"a {type(weight).__name__}")
        raise ValueError(
            f"cross_entropy: weight is {given}; expected an array ({num_classes},), a factor for "
            "each class"
        )
