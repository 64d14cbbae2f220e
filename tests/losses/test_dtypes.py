"""Which dtypes the losses take: floating point, and sums in no less than float32."""

import numpy as np
import pytest

from tinygen import grad, losses, ops, tensor

SMALL, LARGE = np.array([[3], [0]], "u1"), np.array([[250], [200]], "u1")

ONE_ARRAY = {
    "hinge": losses.hinge,
    "iwae_bound": losses.iwae_bound,
    "least_squares": lambda x: losses.least_squares(x, target=1),
    "non_saturating": losses.non_saturating,
    "saturating": losses.saturating,
}
# losses of two arrays, and the arrays that must be floating point, each by itself
TWO_ARRAYS = {
    "absolute_error": "",
    "bernoulli_nll": "both",
    "cross_entropy": "first",
    "kl_to_standard_normal": "both",
    "minimax_value": "both",
    "relativistic": "",
    "score_function": "",
    "squared_error": "",
}


@pytest.mark.parametrize("name", ONE_ARRAY)
def test_a_loss_of_integers_is_refused(name):
    with pytest.raises(TypeError, match=rf"^{name}: \w+ is uint8; give floating point"):
        ONE_ARRAY[name](LARGE)


@pytest.mark.parametrize("name", TWO_ARRAYS)
def test_a_loss_of_integers_alone_is_refused(name):
    """The squared error of bytes 3 and 250 would be 81."""
    f, floats = getattr(losses, name), LARGE.astype(np.float32)
    calls = [(SMALL, LARGE)]
    if TWO_ARRAYS[name]:
        calls.append((SMALL, floats))
    if TWO_ARRAYS[name] == "both":
        calls.append((floats, SMALL))
    for arrays in calls:
        with pytest.raises(TypeError, match=rf"^{name}: .* uint8.* give .*float"):
            f(*arrays)


@pytest.mark.parametrize("name", [name for name, each in TWO_ARRAYS.items() if not each])
def test_a_loss_of_a_tensor_and_bytes_is_that_of_floats(name):
    f = getattr(losses, name)
    x = tensor(SMALL.astype(np.float32), requires_grad=True)
    y, expected = f(LARGE, x), f(LARGE.astype(np.float32), x)
    assert y.dtype == np.float32 and y.tolist() == expected.tolist()
    assert grad(y.sum(), x)[0].tolist() == grad(expected.sum(), x)[0].tolist()


def test_the_gradient_penalty_of_bytes_is_refused():
    """The weights t, in the dtype of the real examples, would all be 0."""
    with pytest.raises(TypeError, match="^gradient_penalty: real is uint8"):
        losses.gradient_penalty(ops.ravel, LARGE, LARGE, np.full(2, 0.5))


HALVES = np.full((2, 300), 16, np.float16)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: losses.squared_error(x, -x),
        lambda x: losses.absolute_error(x, -x),
        lambda x: losses.bernoulli_nll(x, x / 16),
        lambda x: losses.kl_to_standard_normal(x, x),
        lambda x: losses.kl_between_normals(x, x, x, x),
        losses.iwae_bound,
        lambda x: losses.cross_entropy(x, np.array([1, 2])),
        lambda x: losses.r1(lambda x: (x * x).sum(axis=1), x),
        lambda x: losses.path_length(lambda w: w * w, x, x),
        lambda x: losses.gradient_penalty(lambda x: (x * x).sum(axis=1), x, x, x[:, 0]),
    ],
)
def test_sums_in_half_precision_are_refused(f):
    assert f(HALVES.astype(np.float32)).dtype == np.float32
    with pytest.raises(TypeError, match=r"is float16, which cannot hold the sums"):
        f(HALVES)
