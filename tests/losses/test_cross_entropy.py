"""The cross-entropy of classes: against its definition, and against PyTorch where it is there."""

from itertools import product

import numpy as np
import pytest

from tinygen import check_grads, grad, losses, tensor
from tinygen.losses import cross_entropy

from .helpers import gradients

RNG = np.random.default_rng(0)
SHAPES = [(5, 4), (3, 4, 2), (2, 3, 4, 5), (4,), (1, 1), (6, 1, 2)]


def draw_target(shape, kind, rng):
    """Return a target for logits of this shape, and the index to ignore."""
    if kind == "probabilities":
        return rng.dirichlet(np.ones(3), size=shape)[..., 0], -100
    num_classes = shape[min(1, len(shape) - 1)]
    label_shape = shape[:1] + shape[2:] if len(shape) > 1 else ()
    target = np.array(rng.integers(0, num_classes, label_shape))
    if kind == "some unknown":
        target[rng.uniform(size=label_shape) < 0.3] = -100
    return target, 0 if kind == "0 unknown" else -100


def test_the_loss_is_the_logarithm_of_the_right_classs_probability():
    logits, target = RNG.normal(size=(6, 4)), np.array([0, 3, 1, 1, 2, 0])
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    nll = -np.log(p[np.arange(6), target])
    np.testing.assert_allclose(cross_entropy(logits, target, reduction="none"), nll, rtol=1e-12)
    np.testing.assert_allclose(cross_entropy(logits, target, reduction="sum"), nll.sum())
    np.testing.assert_allclose(cross_entropy(logits, target), nll.mean(), rtol=1e-12)
    (d_logits,) = gradients(lambda x: cross_entropy(x, target, reduction="sum"), logits)
    np.testing.assert_allclose(d_logits, p - np.eye(4)[target], rtol=1e-12)


def test_probabilities_give_the_mean_over_classes_drawn_from_them_and_the_entropy_at_best():
    logits, t = RNG.normal(size=(1, 4)), np.array([[0.1, 0.2, 0.3, 0.4]])
    of_each_class = [cross_entropy(logits, np.array([c])) for c in range(4)]
    np.testing.assert_allclose(cross_entropy(logits, t), (t[0] * of_each_class).sum())
    entropy = -(t * np.log(t)).sum()
    np.testing.assert_allclose(cross_entropy(np.log(t) + 7, t), entropy)
    assert cross_entropy(logits, t) > entropy
    (d_logits,) = gradients(lambda x: cross_entropy(x, t), np.log(t))
    np.testing.assert_allclose(d_logits, 0, atol=1e-15)


def test_smoothed_labels_have_the_optimum_of_the_docstring():
    s, num_classes = 0.1, 5
    best = np.zeros((1, num_classes))
    best[0, 2] = np.log((1 - s) * num_classes / s + 1)
    (d_logits,) = gradients(lambda x: cross_entropy(x, np.array([2]), label_smoothing=s), best)
    np.testing.assert_allclose(d_logits, 0, atol=1e-15)


def test_weights_and_ignored_labels_count_in_the_mean():
    logits, weight = RNG.normal(size=(4, 3)), np.array([1.0, 5.0, 0.5])
    target = np.array([1, -1, 2, 1])
    each = cross_entropy(logits, target, ignore_index=-1, reduction="none")
    assert each[1] == 0
    mean = cross_entropy(logits, target, weight, ignore_index=-1)
    np.testing.assert_allclose(mean, (5 * each[0] + 0.5 * each[2] + 5 * each[3]) / 10.5)
    (d_logits,) = gradients(lambda x: cross_entropy(x, target, ignore_index=-1), logits)
    assert (d_logits[1] == 0).all() and (d_logits[0] != 0).all()


def test_settings_are_taken_by_position_in_the_order_of_pytorch():
    logits, target, weight = RNG.normal(size=(4, 3)), np.array([1, 2, 0, 1]), np.arange(1.0, 4)
    by_name = cross_entropy(
        logits, target, weight=weight, ignore_index=2, reduction="sum", label_smoothing=0.2
    )
    assert cross_entropy(logits, target, weight, 2, "sum", 0.2) == by_name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_extreme_logits_give_exact_losses_and_gradients(dtype, label_smoothing):
    logits = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0]], dtype)
    target = np.array([0, 1])
    t = (1 - label_smoothing) * np.eye(3)[target] + label_smoothing / 3
    expected = (t * np.array([0, 2e4, 1e4])).sum(axis=1)
    settings = {"reduction": "none", "label_smoothing": label_smoothing}
    y = cross_entropy(logits, target, **settings)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    (d_logits,) = gradients(lambda x: cross_entropy(x, target, **settings), logits)
    np.testing.assert_allclose(d_logits, [1, 0, 0] - t, rtol=1e-6)


MASKED = np.array([[0.5, 1.0, -np.inf], [-np.inf, -1.0, -np.inf], [0.0, -np.inf, 2.0]])


@pytest.mark.parametrize("target", [np.array([0, 1, 2]), np.eye(3)])
def test_a_logit_of_minus_infinity_excludes_its_class(target):
    """Values and derivatives are those without the class, up to second order."""
    weight = np.array([1.0, 2.0, 3.0])
    logits = tensor(MASKED, requires_grad=True)
    reduced = [tensor(row[np.isfinite(row)], requires_grad=True) for row in MASKED]
    w = tensor(weight, requires_grad=True)
    y = cross_entropy(logits, target, w, reduction="none")
    classes = [0, 0, 1]  # the targets, counted without the excluded classes
    expected = [v * cross_entropy(x, np.array(c)) for c, x, v in zip(classes, reduced, weight)]
    np.testing.assert_allclose(y.data, [e.item() for e in expected], rtol=1e-12)
    coefficients = RNG.normal(size=3)
    g, gw = grad((y * coefficients).sum(), [logits, w], create_graph=True)
    np.testing.assert_allclose(gw.data, coefficients * y.data / weight, rtol=1e-12)
    h, hw = grad((g * g).sum() + (gw * gw).sum(), [logits, w])
    assert np.isfinite(h.data).all() and np.isfinite(hw.data).all()
    for k, (e, x) in enumerate(zip(expected, reduced)):
        (d,) = grad(coefficients[k] * e, x, create_graph=True)
        is_finite = np.isfinite(MASKED[k])
        np.testing.assert_allclose(g.data[k, is_finite], d.data, rtol=1e-12)
        assert (g.data[k, ~is_finite] == 0).all() and (h.data[k, ~is_finite] == 0).all()


def test_a_smoothed_label_of_an_excluded_class_is_infinite_as_in_pytorch():
    assert cross_entropy(MASKED[:1], np.array([0]), label_smoothing=0.1) == np.inf
    assert cross_entropy(MASKED[:1], np.array([2])) == np.inf


def test_label_smoothing_may_be_a_scalar_of_numpy():
    y = cross_entropy(np.zeros((1, 3), "f4"), np.array([0]), label_smoothing=np.float64(0.1))
    assert y.dtype == np.float32


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("kind", ["indices", "some unknown", "probabilities"])
def test_the_gradients_are_right_to_second_order(kind, reduction):
    """In the logits, the probabilities and the weight, which also divides the mean."""
    rng = np.random.default_rng(1)
    target, ignore_index = draw_target((3, 4, 2), kind, rng)
    arrays = [rng.normal(size=(3, 4, 2)), rng.uniform(1, 2, 4)]
    if kind == "probabilities":
        arrays.append(target)

    def loss(logits, weight, t=target):
        return cross_entropy(logits, t, weight, ignore_index, reduction, 0.1)

    check_grads(loss, *arrays, order=2)


def test_integer_tensors_and_small_integers_are_class_indices():
    logits, target = RNG.normal(size=(4, 3)), np.array([1, 2, 0, 1])
    expected = cross_entropy(logits, target)
    assert cross_entropy(logits, tensor(target)) == expected
    assert cross_entropy(logits, target.astype(np.uint8)) == expected
    y = cross_entropy(tensor(logits.astype(np.float32)), target.astype(np.uint8))
    assert y.dtype == np.float32 and y.shape == ()


@pytest.mark.parametrize(
    "arguments, settings, error, message",
    [
        ((np.zeros((2, 3)), np.array([0, 3])), {}, IndexError, "run from 0 to 3, .* 3 classes"),
        ((np.zeros((2, 3)), np.array([0, -1])), {}, IndexError, "run from -1 .*ignore_index=-100"),
        ((np.zeros((2, 3), int), np.array([0, 1])), {}, TypeError, "logits are int64; give the fl"),
        ((np.zeros((2, 3)), [0, 1]), {}, TypeError, "target is a list"),
        ((np.zeros((2, 3)), np.zeros(2)), {}, ValueError, r"float64 \(2,\); expected class indi"),
        ((np.zeros((2, 3)), np.zeros((2, 3), int)), {}, ValueError, r"as floats \(2, 3\)"),
        ((np.zeros((2, 3)), np.zeros((2, 1), int)), {}, ValueError, r"as integers \(2,\)"),
        ((np.zeros((2, 3)), np.zeros(2, bool)), {}, ValueError, r"target bool \(2,\)"),
        ((np.zeros((2, 3, 4)), np.zeros(2, int)), {}, ValueError, r"as integers \(2, 4\)"),
        ((np.zeros((2, 0)), np.zeros(2, int)), {}, ValueError, "have no classes"),
        ((np.zeros(()), np.zeros((), int)), {}, ValueError, "have no classes"),
        ((np.zeros((2, 3)), np.array([0, 1]), np.ones(2)), {}, ValueError, r"weight is \(2,\); ex"),
        ((np.zeros((2, 3)), np.array([0, 1]), [1, 2, 3]), {}, ValueError, "weight is a list"),
        ((np.zeros((2, 3)), np.array([0, 1])), {"reduction": "avg"}, ValueError, '"none", "mean"'),
        ((np.zeros((2, 3)), np.array([0, 1])), {"label_smoothing": 2}, ValueError, "0 to 1"),
        ((np.zeros((2, 3)), np.ones((2, 3))), {"ignore_index": 0}, ValueError, "is for class ind"),
        ((np.zeros((2, 3)), np.full(2, -100)), {}, ValueError, "a mean over no targets"),
        ((np.zeros((0, 3)), np.zeros(0, int)), {}, ValueError, "a mean over no targets"),
        ((np.zeros((0, 3)), np.zeros((0, 3))), {}, ValueError, "a mean over no targets"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, settings, error, message):
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        cross_entropy(*arguments, **settings)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["indices", "some unknown", "0 unknown", "probabilities"])
def test_values_and_gradients_to_second_order_are_those_of_pytorch(shape, kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    num_classes = shape[min(1, len(shape) - 1)]
    options = product((1, 1e4), (False, True), ("none", "mean", "sum"), (0.0, 0.1, 1.0))
    for scale, has_weight, *settings in options:
        target, ignore_index = draw_target(shape, kind, rng)
        weight = rng.uniform(0.5, 2, num_classes) if has_weight else None
        arrays = [scale * rng.normal(size=shape)]
        arrays += [target] if kind == "probabilities" else []
        theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
        expected = torch.nn.functional.cross_entropy(
            *theirs,
            *([] if kind == "probabilities" else [torch.tensor(target)]),
            weight=torch.tensor(weight) if has_weight else None,
            ignore_index=ignore_index,
            reduction=settings[0],
            label_smoothing=settings[1],
        )
        ours = [tensor(a, requires_grad=True) for a in arrays]
        given = ours if kind == "probabilities" else [*ours, target]
        if not torch.isfinite(expected).all():  # a mean over nothing, which is an error here
            with pytest.raises(ValueError, match="a mean over no targets"):
                cross_entropy(*given, weight, ignore_index, *settings)
            continue
        y = cross_entropy(*given, weight, ignore_index, *settings)
        g, direction = rng.normal(size=y.shape), rng.normal(size=shape)
        first = grad(y, ours, tensor(np.asarray(g)), create_graph=True)
        second = grad((first[0] * direction).sum(), ours[:1])
        first_expected = torch.autograd.grad(expected, theirs, torch.tensor(g), create_graph=True)
        second_expected = torch.autograd.grad(
            (first_expected[0] * torch.tensor(direction)).sum(), theirs[:1]
        )
        pairs = zip((y, *first, *second), (expected, *first_expected, *second_expected))
        for a, b in pairs:
            b = b.detach().numpy()
            atol = 1e-12 * max(1, np.abs(b).max(initial=0))
            np.testing.assert_allclose(a.numpy(), b, rtol=0, atol=atol)


@pytest.mark.parametrize(
    "name, ours",
    [
        ("mse_loss", "squared_error"),
        ("BCEWithLogitsLoss", "bernoulli_nll"),
        ("kl_div", "cross_entropy"),
        ("kl_divergence", "kl_between_normals"),
        ("CrossEntropyLoss", "cross_entropy"),
        ("gaussian_nll_loss", "squared_error"),
    ],
)
def test_a_loss_of_pytorch_says_what_it_is_here(name, ours):
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; here it is {ours}"):
        getattr(losses, name)


def test_the_other_losses_are_pytorchs_summed_over_each_example():
    functional = pytest.importorskip("torch.nn.functional")
    import torch

    x, y = RNG.uniform(0.1, 0.9, (2, 5, 3, 2))
    theirs = [torch.tensor(x), torch.tensor(y)]
    for ours, name in [
        (losses.squared_error, "mse_loss"),
        (losses.absolute_error, "l1_loss"),
        (losses.bernoulli_nll, "binary_cross_entropy_with_logits"),
    ]:
        expected = getattr(functional, name)(*theirs, reduction="none").sum(dim=(1, 2))
        np.testing.assert_allclose(ours(x, y), expected.numpy(), rtol=1e-12)
    normals = [torch.distributions.Normal(m, torch.exp(v / 2)) for m, v in (theirs, theirs[::-1])]
    expected = torch.distributions.kl_divergence(*normals).sum(dim=(1, 2))
    np.testing.assert_allclose(losses.kl_between_normals(x, y, y, x), expected, rtol=1e-12)
