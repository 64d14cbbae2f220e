"""Which dtypes functions of networks take: float32 and float64, and no array that is no array."""

import numpy as np
import pytest

from tinygen import ops, tensor

BYTES = np.array([[3, 250], [100, 200]], "u1")
HALVES = np.full((2, 2), 255, np.float16)


@pytest.mark.parametrize(
    "name",
    ["elu", "gelu", "leaky_relu", "log_sigmoid", "sigmoid", "silu", "softplus"]
    + ["log_softmax", "logsumexp", "softmax"]
    + ["norm", "normalize", "pixel_norm"],
)
def test_integers_alone_are_refused_by_functions_of_networks(name):
    """In bytes the negative of 1 is 255, and 16 squared is 0."""
    f = getattr(ops, name)
    for x in (BYTES, tensor(BYTES)):
        message = f"^{name}: x is uint8; give floating point: .*astype; data.to_float makes pixels"
        with pytest.raises(TypeError, match=message):
            f(x)
    with pytest.raises(TypeError, match=f"^{name}: x is int32; give floating point: .*astype$"):
        f(BYTES.astype("i4"))


def test_reductions_of_integers_are_those_of_numpy():
    for f, numpys in ((ops.mean, np.mean), (ops.var, np.var), (ops.std, np.std)):
        assert f(BYTES) == numpys(BYTES) and f(BYTES).dtype == np.float64


@pytest.mark.parametrize(
    "name",
    [
        "mean",
        "std",
        "var",
        "log_softmax",
        "logsumexp",
        "softmax",
        "norm",
        "normalize",
        "pixel_norm",
    ],
)
def test_sums_in_half_precision_are_refused(name):
    f = getattr(ops, name)
    message = rf"^{name}: x is float16, which cannot hold the sums .* x.astype\(np.float32\)"
    for x in (HALVES, tensor(HALVES, requires_grad=True)):
        with pytest.raises(TypeError, match=message):
            f(x)
    assert f(HALVES.astype(np.float32)).dtype == np.float32


X, WEIGHT = np.ones((2, 4, 6, 6)), np.ones((4, 4, 3, 3))


@pytest.mark.parametrize(
    "f",
    [
        lambda x, w: ops.conv2d(x, w),
        lambda x, w: ops.conv_transpose2d(x, w),
        lambda x, w: ops.conv2d_weight(x, x, kernel_size=1),
        lambda x, w: ops.linear(x, w[0, 0, :1, :2].repeat(3, 1)),
        lambda x, w: ops.avg_pool2d(x, 2),
        lambda x, w: ops.adaptive_avg_pool2d(x, 2),
        lambda x, w: ops.interpolate(x, 3, mode="bilinear"),
        lambda x, w: ops.blur(x),
        lambda x, w: ops.batch_norm(x, None, None, training=True),
        lambda x, w: ops.group_norm(x, 2),
        lambda x, w: ops.instance_norm(x),
        lambda x, w: ops.layer_norm(x, 6),
        lambda x, w: ops.scaled_dot_product_attention(x, x, x),
    ],
)
def test_layers_compute_in_no_less_than_single_precision(f):
    for x, w in ((X, WEIGHT), (X.astype("f4"), WEIGHT.astype("f4"))):
        assert f(x, w).dtype == x.dtype
    with pytest.raises(TypeError, match=r"float16, which cannot hold the sums of"):
        f(X.astype("f2"), WEIGHT.astype("f2"))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ops.layer_norm(X, 6, 1e-5), "layer_norm: weight is a float; give an array"),
        (lambda: ops.group_norm(X, 1, 1e-5), "group_norm: weight is a float; give an array"),
        (lambda: ops.group_norm([1.0], 1), "group_norm: x is a list; give an array"),
        (lambda: ops.conv2d(X, WEIGHT, 2), "conv2d: bias is a int; .* another argument, .* by na"),
        (lambda: ops.linear(X, X[0, 0], 2.0), "linear: bias is a float"),
        (lambda: ops.avg_pool2d([1.0], 2), "avg_pool2d: x is a list"),
        (lambda: ops.max_pool2d([1.0], 2), "max_pool2d: x is a list"),
        (lambda: ops.adaptive_avg_pool1d([1.0], 2), "adaptive_avg_pool1d: x is a list"),
        (lambda: ops.interpolate([1.0], 2), "interpolate: x is a list"),
        (lambda: ops.blur([1.0]), "blur: x is a list"),
        (lambda: ops.norm([3.0, 4.0]), "norm: x is a list"),
        (lambda: ops.normalize([3.0, 4.0]), "normalize: x is a list"),
        (lambda: ops.pixel_norm([3.0, 4.0]), "pixel_norm: argument 0 is a list"),
        (lambda: ops.cosine_similarity(X, [3.0, 4.0]), "cosine_similarity: b is a list"),
        (lambda: ops.sigmoid(2.0), "sigmoid: x is a float; give an array, which tinygen.tensor"),
    ],
)
def test_what_is_no_array_is_named(call, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        call()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ops.norm(x, np.float64(3), 1),
        lambda x: ops.norm(x, np.int64(3), 1),
        lambda x: ops.normalize(x, np.float64(3), 1, np.float64(1e-9)),
        lambda x: ops.cosine_similarity(x, x + 1, eps=np.float64(1e-9)),
        lambda x: ops.pixel_norm(x, eps=np.float64(1e-8)),
        lambda x: ops.layer_norm(x, np.int64(6)),
        lambda x: ops.batch_norm(x, x[0, :, 0, 0], x[0, :, 0, 0], eps=np.float64(1e-5)),
    ],
)
def test_settings_may_be_scalars_of_numpy(f):
    assert f(X.astype(np.float32)).dtype == np.float32
