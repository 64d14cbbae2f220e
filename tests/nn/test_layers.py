"""Every layer: forward against a naive implementation, gradients by finite differences, float32 purity, other array types, and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygen
from tests.nn import naive
from tests.strict import StrictArray
from tinygen import check_grads, default_rng, nn, tensor

F8 = np.float64


def new_rng():
    return tinygen.default_rng(3)


def pair(v):
    return v if isinstance(v, tuple) else (v, v)


def of_conv(x, layer):
    return naive.conv2d(x, layer.weight.data, layer.bias.data, pair(layer.stride), pair(layer.padding), pair(layer.dilation), layer.groups)


def of_conv1d(x, layer):
    w, b = layer.weight.data[:, :, None], layer.bias.data
    return naive.conv2d(x[:, :, None], w, b, (1, layer.stride), (0, layer.padding), (1, layer.dilation), layer.groups)[:, :, 0]


def of_conv_transpose(x, layer):
    settings = (pair(getattr(layer, k)) for k in ("stride", "padding", "output_padding", "dilation"))
    return naive.conv_transpose2d(x, layer.weight.data, layer.bias.data, *settings, layer.groups)


def of_conv_transpose1d(x, layer):
    w, b = layer.weight.data[:, :, None], layer.bias.data
    return naive.conv_transpose2d(
        x[:, :, None], w, b, (1, layer.stride), (0, layer.padding), (0, layer.output_padding), (1, layer.dilation), layer.groups
    )[:, :, 0]


def of_norm(axes):
    def forward(x, layer):
        y = naive.normalize(x, axes, layer.eps)
        return y if layer.weight is None else y * naive.column(layer.weight.data, x.ndim) + naive.column(layer.bias.data, x.ndim)

    return forward


def of_group_norm(x, layer):
    y = naive.normalize(x.reshape(len(x), layer.num_groups, -1), 2, layer.eps).reshape(x.shape)
    return y * naive.column(layer.weight.data, x.ndim) + naive.column(layer.bias.data, x.ndim)


def of_gelu(x, layer):
    return x * np.vectorize(lambda v: (1 + math.erf(v / math.sqrt(2))) / 2)(x)


def of_lines(x, layer):
    return np.stack([x[:, :, 0], (x[:, :, 0] + x[:, :, 1]) / 2, x[:, :, 1]], axis=2)


# name: (layer(generator, dtype), shape of x, naive(x, layer))
LAYERS = {
    "Linear": (lambda g, t: nn.Linear(3, 5, rng=g, dtype=t), (2, 4, 3), lambda x, m: naive.linear(x, m.weight.data, m.bias.data)),
    "Conv2d": (lambda g, t: nn.Conv2d(4, 6, (3, 2), 2, (1, 0), (1, 2), 2, rng=g, dtype=t), (2, 4, 5, 6), of_conv),
    "Conv1d": (lambda g, t: nn.Conv1d(2, 3, 3, 2, 1, 2, rng=g, dtype=t), (2, 2, 9), of_conv1d),
    "ConvTranspose2d": (lambda g, t: nn.ConvTranspose2d(4, 6, 3, 2, 1, (1, 0), 2, rng=g, dtype=t), (2, 4, 3, 2), of_conv_transpose),
    "ConvTranspose1d": (lambda g, t: nn.ConvTranspose1d(2, 3, 4, 2, 1, rng=g, dtype=t), (2, 2, 5), of_conv_transpose1d),
    "BatchNorm1d": (lambda g, t: nn.BatchNorm1d(3, dtype=t), (5, 3), of_norm((0,))),
    "BatchNorm1d of a sequence": (lambda g, t: nn.BatchNorm1d(3, dtype=t), (3, 3, 4), of_norm((0, 2))),
    "BatchNorm2d": (lambda g, t: nn.BatchNorm2d(3, dtype=t), (2, 3, 3, 2), of_norm((0, 2, 3))),
    "BatchNorm2d without affine": (lambda g, t: nn.BatchNorm2d(3, affine=False, dtype=t), (2, 3, 3, 2), of_norm((0, 2, 3))),
    "InstanceNorm2d": (lambda g, t: nn.InstanceNorm2d(3, dtype=t), (2, 3, 3, 2), of_norm((2, 3))),
    "InstanceNorm2d with affine": (lambda g, t: nn.InstanceNorm2d(3, affine=True, dtype=t), (2, 3, 3, 2), of_norm((2, 3))),
    "LayerNorm": (
        lambda g, t: nn.LayerNorm((3, 4), dtype=t), (2, 3, 4),
        lambda x, m: naive.normalize(x, (1, 2), m.eps) * m.weight.data + m.bias.data,
    ),
    "GroupNorm": (lambda g, t: nn.GroupNorm(2, 4, dtype=t), (2, 4, 3), of_group_norm),
    "PixelNorm": (lambda g, t: nn.PixelNorm(), (2, 3, 2, 2), lambda x, m: x / np.sqrt((x**2).mean(axis=1, keepdims=True) + m.eps)),
    "MultiHeadAttention": (lambda g, t: nn.MultiHeadAttention(6, 2, rng=g, dtype=t), (2, 3, 6), lambda x, m: naive.attention(x, x, x, m)),
    "SpectralNorm": (
        lambda g, t: nn.SpectralNorm(nn.Linear(3, 5, rng=g, dtype=t), rng=g).eval(), (4, 3),
        lambda x, m: naive.linear(x, m.layer.weight.data / (m.u.data @ m.layer.weight.data @ m.v.data), m.layer.bias.data),
    ),
    "EqualizedLR": (
        lambda g, t: nn.EqualizedLR(nn.Conv2d(2, 4, 3, padding=1, rng=g, dtype=t), rng=g), (2, 2, 3, 4),
        lambda x, m: naive.conv2d(x, m.layer.weight.data * np.sqrt(2 / 18), m.layer.bias.data, (1, 1), (1, 1), (1, 1), 1),
    ),
    "EnsembleLinear": (
        lambda g, t: nn.EnsembleLinear(3, 5, rngs=[g, g], dtype=t), (2, 4, 3),
        lambda x, m: np.stack([naive.linear(x[i], m.weight.data[i], m.bias.data[i]) for i in range(2)]),
    ),
    "EnsembleLinear with spectral norm": (
        lambda g, t: nn.EnsembleLinear(3, 5, spectral_norm=True, rngs=[g, g], dtype=t).eval(), (2, 4, 3),
        lambda x, m: np.stack([naive.linear(x[i], w / (m.u.data[i] @ w @ m.v.data[i]), m.bias.data[i]) for i, w in enumerate(m.weight.data)]),
    ),
    "ReLU": (lambda g, t: nn.ReLU(), (2, 3), lambda x, m: np.where(x > 0, x, 0)),
    "LeakyReLU": (lambda g, t: nn.LeakyReLU(0.2), (2, 3), lambda x, m: np.where(x > 0, x, 0.2 * x)),
    "ELU": (lambda g, t: nn.ELU(0.7), (2, 3), lambda x, m: np.where(x > 0, x, 0.7 * (np.exp(x) - 1))),
    "GELU": (lambda g, t: nn.GELU(), (2, 3), of_gelu),
    "SiLU": (lambda g, t: nn.SiLU(), (2, 3), lambda x, m: x / (1 + np.exp(-x))),
    "Sigmoid": (lambda g, t: nn.Sigmoid(), (2, 3), lambda x, m: 1 / (1 + np.exp(-x))),
    "Softplus": (lambda g, t: nn.Softplus(), (2, 3), lambda x, m: np.log(1 + np.exp(x))),
    "Tanh": (lambda g, t: nn.Tanh(), (2, 3), lambda x, m: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    "Identity": (lambda g, t: nn.Identity(), (2, 3), lambda x, m: x),
    "Flatten": (lambda g, t: nn.Flatten(), (2, 3, 2, 2), lambda x, m: x.reshape(len(x), 12)),
    "Unflatten": (lambda g, t: nn.Unflatten(1, (3, 2)), (2, 6), lambda x, m: x.reshape(2, 3, 2)),
    "AvgPool2d": (lambda g, t: nn.AvgPool2d(2), (2, 3, 4, 2), lambda x, m: x.reshape(2, 3, 2, 2, 1, 2).mean((3, 5))),
    "MaxPool2d": (lambda g, t: nn.MaxPool2d((2, 1), 1), (2, 3, 4, 2), lambda x, m: np.maximum(x[:, :, 1:], x[:, :, :-1])),
    "Upsample": (lambda g, t: nn.Upsample(scale_factor=2), (2, 3, 2, 2), lambda x, m: x.repeat(2, 2).repeat(2, 3)),
    "Upsample by lines": (lambda g, t: nn.Upsample((3, 2), mode="bilinear", align_corners=True), (2, 3, 2, 2), of_lines),
    "Sequential": (
        lambda g, t: nn.Sequential(nn.Linear(3, 2, rng=g, dtype=t), nn.Tanh(), nn.Linear(2, 2, bias=False, rng=g, dtype=t)), (4, 3),
        lambda x, m: np.tanh(x @ m[0].weight.data.T + m[0].bias.data) @ m[2].weight.data.T,
    ),
}  # fmt: skip
each_layer = pytest.mark.parametrize("name", LAYERS)


def made(name, dtype=F8):
    """The layer, with scales and shifts that are not ones and zeros, and an x without values near a kink."""
    build, shape, forward = LAYERS[name]
    layer, rng = build(new_rng(), dtype), np.random.default_rng(0)
    for path, p in layer.named_parameters():
        if (p.ndim == 1 and "Norm" in name) or path == "in_proj_bias":
            p[...] = rng.uniform(0.5, 1.5, p.shape)
    x = rng.normal(size=shape)
    x = np.where(np.abs(x) < 0.05, 0.3, x)
    return layer, x.astype(dtype), forward


@each_layer
def test_forward_agrees_with_a_naive_implementation(name):
    layer, x, forward = made(name)
    y = layer(tensor(x))
    np.testing.assert_allclose(y.data, forward(x, layer), rtol=1e-12, atol=1e-12)


@each_layer
def test_gradients_in_input_and_parameters(name):
    """To second order, by finite differences, at once in x and in every parameter; SpectralNorm's u and v count as constants."""
    layer, x, _ = made(name)
    places = [(module, own) for _, module in layer.named_modules() for own, _ in module.named_parameters(recurse=False)]

    def f(x, *parameters):
        for (module, own), p in zip(places, parameters):
            vars(module)[own] = p  # past __setattr__: check_grads also gives constants, which a module takes for no parameter
        return layer(x)

    check_grads(f, x, *[getattr(module, own).data for module, own in places])


@each_layer
def test_float32_stays_float32(name):
    layer, x, _ = made(name, np.float32)
    xs = tensor(x, requires_grad=True)
    y = layer(xs)
    y.sum().backward()
    layer.eval()
    assert {y.dtype, xs.grad.dtype, layer(xs).dtype} == {np.dtype(np.float32)}
    for path, p in layer.named_parameters():
        assert p.dtype == p.grad.dtype == np.float32, path
    for path, b in layer.named_buffers():
        assert b.dtype in (np.float32, np.int64), path
    wide, x8, forward = made(name)
    wide.load_state_dict({path: a.astype(F8) if a.dtype == np.float32 else a for path, a in layer.state_dict().items()})
    np.testing.assert_allclose(layer.train()(xs).data if "Batch" in name else layer(xs).data, forward(x8, wide), rtol=2e-4, atol=2e-5)


@each_layer
def test_runs_on_a_strict_array_type(name):
    """Forward in both modes and backward on arrays that refuse silent conversion, with the values that NumPy gives."""
    layer, x, _ = made(name)
    strict, _, _ = made(name)
    strict.map_arrays_(StrictArray)
    for mode in (True, False):
        xs = [tensor(x, requires_grad=True), tensor(StrictArray(x), requires_grad=True)]
        ys = [m.train(mode)(t) for m, t in zip((layer, strict), xs)]
        np.testing.assert_allclose(ys[1].data.get(), ys[0].data, rtol=1e-12, atol=1e-12)
        for m, y in zip((layer, strict), ys):
            m.zero_grad()
            (y * y).sum().backward()
        np.testing.assert_allclose(xs[1].grad.data.get(), xs[0].grad.data, rtol=1e-9, atol=1e-9)
        for (path, p), q in zip(layer.named_parameters(), strict.parameters()):
            np.testing.assert_allclose(q.grad.data.get(), p.grad.data, rtol=1e-9, atol=1e-9, err_msg=path)
    for (path, a), b in zip(layer.state_dict().items(), strict.state_dict().values()):
        np.testing.assert_allclose(b.get(), a, rtol=1e-12, err_msg=path)


def test_every_layer_is_tested():
    tested = {name.split()[0] for name in LAYERS} | {"Module", "ModuleList", "Dropout", "Embedding", "init"}
    assert set(nn.__all__) == tested


def test_convolution_weights_and_their_gradients_are_channels_last():
    """So that the convolutions need not copy them, and the optimizer mostly meets weight, gradient and state in one layout."""
    for layer in (nn.Conv2d(8, 9, 3, rng=new_rng()), nn.ConvTranspose2d(8, 6, 3, 2, rng=new_rng())):
        (layer(tensor(new_rng().normal((2, 8, 5, 5)))) ** 2).sum().backward()
        assert np.moveaxis(layer.weight.data, 1, -1).flags.c_contiguous
        assert np.moveaxis(layer.weight.grad.data, 1, -1).flags.c_contiguous


def test_attention_between_sequences_and_its_mask():
    layer, x, _ = made("MultiHeadAttention")
    rng = np.random.default_rng(1)
    key, value = rng.normal(size=(2, 2, 4, 6))
    mask = np.array([[True, False, True, True], [False, True, False, False], [True] * 4])
    y = layer(tensor(x), tensor(key), tensor(value), mask)
    np.testing.assert_allclose(y.data, naive.attention(x, key, value, layer, mask), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer(tensor(x), tensor(key)).data, naive.attention(x, key, key, layer), rtol=1e-12, atol=1e-12)


def test_embedding_looks_up_rows_and_adds_their_gradients():
    layer = nn.Embedding(4, 3, rng=new_rng())
    y = layer(np.array([[1, 3], [1, 0]]))
    assert y.dtype == np.float32 and (y.data == layer.weight.data[[[1, 3], [1, 0]]]).all()
    y.sum().backward()
    assert layer.weight.grad.data.tolist() == [[1] * 3, [2] * 3, [0] * 3, [1] * 3]


def test_dropout_keeps_the_mean_and_follows_its_generator():
    x = tensor(np.ones((100, 100), np.float32), requires_grad=True)
    layers = [nn.Dropout(0.25, rng=new_rng()) for _ in range(2)]
    ys = [layer(x) for layer in layers]
    values, counts = np.unique(ys[0].data, return_counts=True)
    np.testing.assert_allclose(values, [0, 4 / 3], rtol=1e-6)
    assert abs(counts[0] / 1e4 - 0.25) < 0.02 and ys[0].dtype == np.float32
    assert (ys[0].data == ys[1].data).all() and (layers[0](x).data != ys[0].data).any()
    ys[0].sum().backward()
    assert (x.grad.data == ys[0].data).all()
    assert layers[0].eval()(x) is x and nn.Dropout(0.0, rng=new_rng())(x) is x


class TestBatchNorm:
    def test_running_statistics_follow_the_batches(self):
        layer, rng = nn.BatchNorm2d(2, momentum=0.3), np.random.default_rng(0)
        mean, var = np.zeros(2), np.ones(2)
        array = layer.running_mean.data
        for _ in range(4):
            x = rng.normal([[1.0], [-2.0]], [[0.5], [3.0]], (3, 2, 4)).reshape(3, 2, 2, 2)
            layer(tensor(x.astype(np.float32)))
            mean, var = 0.7 * mean + 0.3 * x.mean((0, 2, 3)), 0.7 * var + 0.3 * x.var((0, 2, 3), ddof=1)
        np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-5)
        np.testing.assert_allclose(layer.running_var.data, var, rtol=1e-5)
        assert layer.num_batches_tracked.item() == 4 and layer.running_mean.data is array
        assert not layer.running_mean.requires_grad
        y = layer.eval()(tensor(x.astype(np.float32)))
        expected = (x - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
        np.testing.assert_allclose(y.data, expected, rtol=1e-4, atol=1e-5)
        assert layer.num_batches_tracked.item() == 4

    @pytest.mark.parametrize("layer, shape", [(nn.BatchNorm1d(3), (1, 3)), (nn.BatchNorm2d(3), (1, 3, 1, 1)), (nn.BatchNorm2d(3), (0, 3, 4, 4))])
    def test_too_few_values_are_an_error_and_change_nothing(self, layer, shape):
        before = layer.state_dict()
        with pytest.raises(ValueError, match="value.* a channel.*eval"):
            layer(tensor(np.ones(shape, np.float32)))
        assert all((layer.state_dict()[k] == before[k]).all() for k in before)
        assert layer.eval()(tensor(np.ones(shape, np.float32))).shape == shape

    def test_evaluation_on_stale_statistics_cannot_go_backward(self):
        layer = nn.BatchNorm1d(2)
        x = tensor(np.eye(2, dtype=np.float32), requires_grad=True)
        y = layer.eval()(x)
        layer.train()(x)
        with pytest.raises(RuntimeError, match="written in place"):
            y.sum().backward()


class TestSpectralNorm:
    @pytest.mark.parametrize("layer", [
        nn.Linear(6, 4, rng=new_rng(), dtype=F8),
        nn.Conv2d(2, 5, 3, rng=new_rng(), dtype=F8),
        nn.ConvTranspose2d(2, 5, 3, rng=new_rng(), dtype=F8),
    ], ids=lambda layer: type(layer).__name__)  # fmt: skip
    def test_power_iteration_finds_the_largest_singular_value(self, layer):
        wrapped = nn.SpectralNorm(layer, rng=new_rng())
        w = layer.weight.data
        outputs_first = np.swapaxes(w, 0, 1) if isinstance(layer, nn.ConvTranspose2d) else w
        sigma = np.linalg.svd(outputs_first.reshape(len(outputs_first), -1), compute_uv=False)[0]
        x = tensor(np.random.default_rng(0).normal(size=(2, 6) if w.ndim == 2 else (2, 2, 4, 4)))
        with tinygen.no_grad():
            for _ in range(200):
                wrapped(x)
        np.testing.assert_allclose(wrapped(x).data, layer.forward_with(tensor(w / sigma), x).data, rtol=1e-9, atol=1e-12)

    def test_two_calls_before_one_backward(self):
        """As a critic does that sees real and generated samples: the second call must not spoil the first one's graph."""
        wrapped = nn.SpectralNorm(nn.Linear(3, 2, rng=new_rng()), rng=new_rng())
        a, b = (tensor(np.full((1, 3), v, np.float32)) for v in (1, 2))
        first = wrapped(a)
        alone = tinygen.grad(first.sum(), wrapped.layer.weight, retain_graph=True).data
        second = wrapped(b)
        assert (tinygen.grad(first.sum(), wrapped.layer.weight, retain_graph=True).data == alone).all()
        (first.sum() + second.sum()).backward()

    def test_evaluation_leaves_the_vectors(self):
        wrapped = nn.SpectralNorm(nn.Linear(3, 2, rng=new_rng()), rng=new_rng()).eval()
        before = wrapped.state_dict()
        wrapped(tensor(np.ones((1, 3), np.float32)))
        assert {"u", "v", "layer.weight", "layer.bias"} == set(before)
        assert all((wrapped.state_dict()[k] == before[k]).all() for k in before)

    def test_what_has_no_weight_is_refused(self):
        with pytest.raises(TypeError, match="ReLU has no weight"):
            nn.SpectralNorm(nn.ReLU(), rng=new_rng())


class TestEqualized:
    def test_a_signal_keeps_its_power(self):
        """Through ten layers of very different sizes, each with a relu behind it: a factor of 1 in the mean, where Linear's own weights leave 6^-10."""
        g, sizes = default_rng(0), (512, 64, 1024, 256, 32, 512, 512, 128, 1024, 64, 512)
        layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nn.EqualizedLR(nn.Linear(a, b, rng=g), rng=g), nn.ReLU())]
        x = g.normal((2000, 512))
        assert 0.4 < (nn.Sequential(*layers)(tensor(x)).data ** 2).mean() / (x**2).mean() < 2.5
        assert all((layer.layer.bias.data == 0).all() for layer in layers[::2])

    def test_one_rate_fits_all_layers(self):
        """Adam's first step changes each weight in use by the same share of its deviation, lr, whatever the number of inputs; without, by lr sqrt(fan_in / 2)."""
        for inputs, in_use in ((8, 0.5), (800, 0.05)):
            layer = nn.EqualizedLR(nn.Linear(inputs, 50, rng=new_rng(), dtype=F8), rng=new_rng())
            before = layer.scaled_weight().data
            optimizer = tinygen.optim.Adam(layer.parameters(), lr=0.01, eps=1e-12)
            (layer(tensor(new_rng().normal((20, inputs), F8))) ** 2).sum().backward()
            optimizer.step()
            np.testing.assert_allclose(np.abs(layer.scaled_weight().data - before), 0.01 * in_use, rtol=1e-3)
            assert abs(before.std() / in_use - 1) < 0.1

    def test_gain_and_transposed_convolutions(self):
        wrapped = nn.EqualizedLR(nn.ConvTranspose2d(6, 5, 4, 2, 1, rng=new_rng()), gain=1.0, rng=new_rng())
        assert wrapped.scale == pytest.approx((6 * 16 / 4) ** -0.5)
        assert 0.8 < wrapped(tensor(new_rng().normal((20, 6, 9, 9)))).data[..., 2:-2, 2:-2].std() < 1.2

    def test_what_has_no_weight_is_refused_and_kaiming_normal_leaves_it_alone(self):
        with pytest.raises(TypeError, match="ReLU has no weight"):
            nn.EqualizedLR(nn.ReLU(), rng=new_rng())
        with pytest.raises(ValueError, match="within EqualizedLR"):
            nn.init.kaiming_normal_(nn.EqualizedLR(nn.Linear(3, 2, rng=new_rng()), rng=new_rng()), new_rng())


class TestStackedLinear:
    @pytest.mark.parametrize("spectral", [False, True])
    def test_is_so_many_layers_that_stay_strangers(self, spectral):
        """Beside ordinary layers with the same weights: outputs and gradients through four calls, each network with another input and another cost."""
        stack = nn.EnsembleLinear(4, 2, spectral_norm=spectral, rngs=[default_rng(i) for i in (5, 6, 5)], dtype=F8)
        layers = [nn.Linear(4, 2, rng=default_rng(i), dtype=F8) for i in (5, 6, 5)]  # drawn alike
        rng, each = np.random.default_rng(0), []
        for i, layer in enumerate(layers):
            np.testing.assert_array_equal(stack.weight.data[i], layer.weight.data)
            np.testing.assert_array_equal(stack.bias.data[i], layer.bias.data)
            layer.weight.data = stack.weight.data[i] = rng.normal(size=(2, 4))
            each.append(nn.SpectralNorm(layer, rng=default_rng(0)) if spectral else layer)
            if spectral:
                each[i].u[...] = stack.u.data[i]
        for training in (True, True, True, False):  # and evaluated, with the u and v that the last call left
            for module in (stack, *each):
                module.train(training)
            x = rng.normal(size=(3, 5, 4))
            y, ys = stack(tensor(x)), [layer(tensor(a)) for layer, a in zip(each, x)]
            if spectral:
                np.testing.assert_allclose(stack.v.data, [layer.v.data for layer in each], rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(y.data, [a.data for a in ys], rtol=1e-12, atol=1e-12)
            gw, gb = tinygen.grad(sum((k + 1) * (y[k] ** 2).sum() for k in range(3)), [stack.weight, stack.bias])
            for k, layer in enumerate(layers):
                hw, hb = tinygen.grad((k + 1) * (ys[k] ** 2).sum(), [layer.weight, layer.bias])
                np.testing.assert_allclose(gw.data[k], hw.data, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(gb.data[k], hb.data, rtol=1e-9, atol=1e-12)

    def test_two_calls_before_one_backward(self):
        stack = nn.EnsembleLinear(3, 2, spectral_norm=True, rngs=[new_rng(), new_rng()])
        (stack(tensor(np.ones((2, 1, 3), np.float32))) + stack(tensor(np.ones((2, 1, 3), np.float32)))).sum().backward()

    def test_the_first_sigma_is_nearly_the_largest_singular_value(self):
        stack = nn.EnsembleLinear(8, 6, spectral_norm=True, rngs=[default_rng(i) for i in range(5)], dtype=F8)
        sigma = np.einsum("ci,cij,cj->c", stack.u.data, stack.weight.data, stack.v.data)
        np.testing.assert_allclose(sigma, np.linalg.svd(stack.weight.data)[1][:, 0], rtol=0.03)

    def test_a_later_call_leaves_the_gradient_of_an_earlier_one(self):
        stack = nn.EnsembleLinear(3, 2, spectral_norm=True, rngs=[new_rng(), new_rng()]).eval()
        x = tensor(np.ones((2, 1, 3), np.float32))
        first = stack(x)
        alone = tinygen.grad(first.sum(), stack.weight, retain_graph=True).data
        stack.train()(x)  # which writes u and v
        assert (tinygen.grad(first.sum(), stack.weight).data == alone).all()

    def test_every_network_has_its_own_examples_or_all_have_the_same(self):
        stack = nn.EnsembleLinear(3, 2, rngs=[new_rng(), new_rng()])
        assert stack(tensor(np.ones((5, 3), np.float32))).shape == (2, 5, 2)
        for shape in ((1, 5, 3), (3, 5, 3), (2, 5, 4), (3,), (2, 2, 5, 3)):
            with pytest.raises(ValueError, match=r"x is \(N, 3\) .* or \(2, N, 3\)"):
                stack(tensor(np.ones(shape, np.float32)))
        with pytest.raises(TypeError, match="as a list"):
            nn.EnsembleLinear(3, 2, rngs=new_rng())


X = tensor(np.ones((2, 3, 4, 4), np.float32))


@pytest.mark.parametrize("call, message", [
    (lambda g: nn.Linear(0, 3, rng=g), "in_features must be a positive whole number, not 0"),
    (lambda g: nn.Linear(3, 2.5, rng=g), "out_features .* not 2.5"),
    (lambda g: nn.Linear(3, 2, rng=g)(X), r"linear: .*\(2, 3\).*\(2, 3, 4, 4\)"),
    (lambda g: nn.Conv2d(3, 4, 3, groups=2, rng=g), "groups=2 must divide in_channels=3"),
    (lambda g: nn.Conv2d(3, 4, (3, 3, 3), rng=g), "kernel_size .* pair"),
    (lambda g: nn.Conv2d(3, 4, 0, rng=g), "kernel_size"),
    (lambda g: nn.Conv2d(4, 4, 3, rng=g)(X), "x has 3 channels"),
    (lambda g: nn.Conv1d(3, 4, 3, rng=g)(X), "three axes"),
    (lambda g: nn.BatchNorm2d(4)(X), r"\(N, C, H, W\) with C = 4, not \(2, 3, 4, 4\)"),
    (lambda g: nn.BatchNorm1d(3)(X), r"\(N, C\) or \(N, C, L\)"),
    (lambda g: nn.BatchNorm1d(3, momentum=2), "momentum=2"),
    (lambda g: nn.GroupNorm(2, 3), "num_groups=2 must divide num_channels=3"),
    (lambda g: nn.GroupNorm(2, 4)(X), "C = 4"),
    (lambda g: nn.InstanceNorm2d(4)(X), "C = 4"),
    (lambda g: nn.LayerNorm(5)(X), r"layer_norm: .*\(5,\)"),
    (lambda g: nn.MultiHeadAttention(5, 2, rng=g), "num_heads=2 must divide embed_dim=5"),
    (lambda g: nn.MultiHeadAttention(4, 2, rng=g)(X), r"query must be \(N, length, 4\)"),
    (lambda g: nn.Dropout(1.0, rng=g), "Dropout"),
    (lambda g: nn.Flatten(2, 7)(X), "no axes 2 to 7"),
    (lambda g: nn.Unflatten(1, (2, 2))(X), "does not have the 4 elements"),
])  # fmt: skip
def test_errors_teach(call, message):
    with pytest.raises(ValueError, match=message):
        call(new_rng())


def test_random_layers_must_be_given_a_generator():
    with pytest.raises(TypeError, match="rng"):
        nn.Linear(3, 2)


def test_empty_batches_pass():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, rng=new_rng()), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3, rng=new_rng()))
    y = net(tensor(np.zeros((0, 1, 4, 4), np.float32)))
    assert y.shape == (0, 3)
    y.sum().backward()
    assert all((p.grad.data == 0).all() for p in net.parameters())
