"""StyleGAN: what a style does to a weight, to a layer and to no other; mixtures, noise, and the penalties through it to second order."""

import numpy as np
import pytest

from tests.nn import naive
from tests.strict import StrictArray
from tinygen import check_grads, default_rng, grad, losses, no_grad, tensor
from tinygen.models.gan import minibatch_std
from tinygen.models.stylegan import (
    StyleDiscriminator,
    StyleGenerator,
    mix,
    modulated_conv,
)
from tinygen.ops import interpolate

NUMPY_RNG = np.random.default_rng(0)


def small(channels=(6, 5, 4), latent_dim=7, **settings):
    return StyleGenerator(latent_dim, channels, rng=default_rng(0), **settings)


def wide(model):
    model.map_arrays_(lambda a: a.astype(np.float64))
    return model


def with_parameters(model, f):
    """f of the model as a function of all its parameters, for check_grads, and their arrays."""
    places = [(module, own) for _, module in model.named_modules() for own, _ in module.named_parameters(recurse=False)]

    def of(*parameters):
        for (module, own), p in zip(places, parameters, strict=True):
            vars(module)[own] = p
        return f()

    return of, [getattr(module, own).data for module, own in places]


def test_demodulated_weights_have_unit_norm():
    """The weight in use, read off what impulses make of each input channel in turn: its norm is 1 for each picture and output, and it is the paper's."""
    w, style = NUMPY_RNG.normal(size=(5, 3, 3, 3)), NUMPY_RNG.normal(size=(4, 3)) * 3
    in_use = np.empty((4, 5, 3, 3, 3))
    for c in range(3):
        impulse = np.zeros((4, 3, 5, 5))
        impulse[:, c, 2, 2] = 1
        in_use[:, :, c] = modulated_conv(impulse, w, style)[:, :, 3:0:-1, 3:0:-1]
    np.testing.assert_allclose((in_use**2).sum(axis=(2, 3, 4)), 1, rtol=1e-7)
    modulated = w * style[:, None, :, None, None]
    np.testing.assert_allclose(in_use, modulated / np.sqrt((modulated**2).sum(axis=(2, 3, 4), keepdims=True)), rtol=1e-7)


@pytest.mark.parametrize("demodulate", [True, False])
def test_a_modulated_convolution_has_a_weight_for_each_picture(demodulate):
    x, w, style = NUMPY_RNG.normal(size=(3, 2, 5, 4)), NUMPY_RNG.normal(size=(4, 2, 3, 3)), NUMPY_RNG.normal(size=(3, 2))
    y = modulated_conv(x, w, style, demodulate)
    for n in range(3):
        own = w * style[n][:, None, None]
        own = own / np.sqrt((own**2).sum(axis=(1, 2, 3), keepdims=True)) if demodulate else own
        np.testing.assert_allclose(y[n : n + 1], naive.conv2d(x[n : n + 1], own, np.zeros(4), (1, 1), (1, 1), (1, 1), 1), rtol=1e-7, atol=1e-12)
    check_grads(lambda x, w, style: modulated_conv(x, w, style, demodulate), x, w, style)


def test_demodulation_keeps_the_deviation_whatever_the_style():
    x = NUMPY_RNG.normal(size=(4, 16, 32, 32))
    y = modulated_conv(x, NUMPY_RNG.normal(size=(8, 16, 3, 3)), np.exp(2 * NUMPY_RNG.normal(size=(4, 16))))[:, :, 1:-1, 1:-1]
    assert np.abs(y.std(axis=(2, 3)) - 1).max() < 0.1


@pytest.mark.parametrize("adain", [False, True])
def test_shapes_and_signals(adain):
    make = StyleGenerator(16, (32, 24, 16, 8), adain=adain, rng=default_rng(0))
    z, noise = default_rng(1).normal((5, 16)), make.noise(5, default_rng(2))
    assert make.layers == 7 and [n.shape for n in noise] == [(5, 1, s, s) for s in (4, 8, 8, 16, 16, 32, 32)]
    x = make(z, noise)
    assert x.shape == (5, 3, 32, 32) and x.dtype == np.float32 and 0.3 < x.data.std() < 6
    np.testing.assert_allclose(make(3 * z, noise).data, x.data, rtol=1e-3, atol=1e-4)  # z's length does not matter
    assert np.abs(x.data[0] - x.data[1]).mean() > 0.1
    assert make(z[:0]).shape == (0, 3, 32, 32)
    judge = StyleDiscriminator((32, 24, 16, 8), rng=default_rng(3))
    assert judge(x.data[:4]).shape == (4,) and 0.05 < np.abs(judge(x.data[:4]).data).mean() < 5


@pytest.mark.parametrize("adain", [False, True])
def test_a_style_acts_on_its_own_layer_alone(adain):
    """Other styles from layer c on: what the layers before c compute stays bit for bit, the picture does not."""
    make = small(adain=adain)
    w1, w2 = (make.styles(default_rng(i).normal((2, 7))) for i in (1, 2))
    seen = []
    for convolution in make.convolutions:
        convolution.forward = lambda *a, f=convolution.forward: seen.append(f(*a)) or seen[-1]
    with no_grad():
        pictures = []
        for c in (5, 3, 1, 0):
            pictures.append(make.synthesis(mix(w1, w2, np.arange(make.layers) >= np.full((2, 1), c))).data)
    rows = [[h.data for h in seen[5 * k : 5 * k + 5]] for k in range(4)]
    for row, c in zip(rows, (5, 3, 1, 0), strict=True):
        assert [np.array_equal(a, b) for a, b in zip(row, rows[0], strict=True)] == [i < c for i in range(5)]
    np.testing.assert_array_equal(pictures[0], make.synthesis(w1).data)
    np.testing.assert_array_equal(pictures[-1], make.synthesis(w2).data)
    assert all(np.abs(a - b).max() > 1e-2 for a, b in zip(pictures, pictures[1:], strict=False))


def test_the_colours_of_a_size_have_the_style_of_its_last_layer():
    make, w, seen = small(), default_rng(1).normal((2, 5, 7)), []
    for to_picture in make.pictures:
        to_picture.forward = lambda h, w, f=to_picture.forward: seen.append(w) or f(h, w)
    make.synthesis(w)
    assert all(np.array_equal(own, w[:, layer]) for own, layer in zip(seen, (0, 2, 4), strict=True))


def test_mixtures_of_each_picture_by_itself():
    w1, w2 = np.zeros((3, 2)), np.ones((3, 2))
    mixed = mix(w1, w2, np.arange(4) >= np.array([[0], [2], [4]]))
    assert mixed[:, :, 0].tolist() == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]] and (mixed[:, :, 0] == mixed[:, :, 1]).all()


def test_adaptive_instance_norm_gives_each_channel_the_styles_mean_and_deviation():
    make = small(adain=True)
    layer, w = make.convolutions[1], default_rng(1).normal((2, 7))
    y = layer(default_rng(2).normal((2, 6, 8, 8)), w, None).data
    np.testing.assert_allclose(y.mean(axis=(2, 3)), layer.shift(w).data, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(2, 3)), np.abs(layer.scale(w).data), rtol=1e-3)


def test_a_layer_written_out():
    """Convolution under the style, noise, bias, relu, in this order; a style of w = 0 is 1; colours have a bias, and are not demodulated."""
    make = small()
    layer, to_picture, w, x = make.convolutions[1], make.pictures[1], default_rng(1).normal((2, 7)), default_rng(2).normal((2, 6, 8, 8))
    layer.strength.data, layer.bias.data = np.array([0.5], np.float32), np.arange(5, dtype=np.float32)
    noise = default_rng(3).normal((2, 1, 8, 8))
    y = modulated_conv(x, layer.conv.scaled_weight().data, layer.scale(w).data) + 0.5 * noise + layer.bias.data[:, None, None]
    np.testing.assert_allclose(layer(x, w, noise).data, 2**0.5 * np.where(y > 0, y, 0.2 * y), rtol=1e-4, atol=1e-5)
    to_picture.bias.data = np.array([1, 2, 3], np.float32)
    colours = np.einsum("nchw,nc,oc->nohw", y, to_picture.scale(w).data, to_picture.conv.scaled_weight().data[:, :, 0, 0])
    np.testing.assert_allclose(to_picture(y, w).data, colours + to_picture.bias.data[:, None, None], rtol=1e-4, atol=1e-4)
    assert (layer.scale(0 * w).data == 1).all() and (to_picture.scale(0 * w).data == 1).all()
    assert [p.conv.scale for p in make.pictures] == pytest.approx([(3 * c) ** -0.5 for c in (6, 5, 4)])  # three sizes: their sum has the power of one


def test_the_discriminator_written_out_and_the_spread_it_sees():
    judge = StyleDiscriminator((4, 3), group=2, rng=default_rng(0))
    x = default_rng(1).normal((4, 3, 8, 8))
    halved = lambda h: h.data.reshape(*h.shape[:2], h.shape[2] // 2, 2, h.shape[3] // 2, 2).mean(axis=(3, 5))  # noqa: E731
    h = judge.picture(x)
    h = (judge.second[0](halved(judge.first[0](h))).data + judge.beside[0](halved(h)).data) / 2**0.5
    np.testing.assert_allclose(judge(x).data, judge.verdict(minibatch_std(h, 2)).data[:, 0], rtol=1e-4, atol=1e-5)
    alone = np.concatenate([judge(np.repeat(x[i : i + 1], 2, axis=0)).data[:1] for i in range(4)])
    assert np.abs(alone - judge(x).data).max() > 1e-3  # two alike are judged otherwise


def test_noise_has_a_strength_for_each_layer_that_is_learned_from_zero():
    make = small()
    w, noise = make.styles(default_rng(1).normal((2, 7))), make.noise(2, default_rng(2))
    np.testing.assert_array_equal(make.synthesis(w, noise).data, make.synthesis(w).data)
    assert all(np.abs(g.data).max() > 0 for g in grad(make.synthesis(w, noise)[:, 0].sum(), [c.strength for c in make.convolutions]))
    make.convolutions[3].strength.data = np.ones(1, np.float32)
    assert np.abs(make.synthesis(w, noise).data - make.synthesis(w).data).max() > 0.1


def test_the_picture_is_a_sum_over_sizes():
    make, parts = small(), []
    for to_picture in make.pictures:
        to_picture.forward = lambda *a, f=to_picture.forward: parts.append(f(*a)) or parts[-1]
    whole = make(default_rng(1).normal((2, 7))).data
    four, eight, sixteen = (p.data for p in parts)
    expected = interpolate(interpolate(four, 8, mode="bilinear") + eight, 16, mode="bilinear") + sixteen
    np.testing.assert_allclose(whole, expected, atol=1e-5)


@pytest.mark.parametrize("adain", [False, True])
def test_both_networks_are_differentiated_in_all_they_have(adain):
    """The penalties below are made of gradients themselves: a gradient cut off within a network would be cut off on both sides of their checks."""
    make, judge = wide(small((3, 2), 4, depth=1, adain=adain)), wide(StyleDiscriminator((3, 2), colours=1, group=2, rng=default_rng(0)))
    for c in make.convolutions:
        c.strength.data = np.array([0.3])
    z, x, noise = NUMPY_RNG.normal(size=(2, 4)), NUMPY_RNG.normal(size=(2, 1, 8, 8)), [NUMPY_RNG.normal(size=(2, 1, s, s)) for s in (4, 8, 8)]
    check_grads(lambda z: make(z, noise), z, order=1)
    check_grads(judge, x, order=1)
    for model, f in ((make, lambda: make(z, noise)), (judge, lambda: judge(x))):
        of, arrays = with_parameters(model, f)
        check_grads(of, *arrays, order=1)


def test_path_length_through_a_generator_to_second_order():
    make = wide(small((3, 2), 4, depth=1))
    for c in make.convolutions:
        c.strength.data = np.array([0.3])
    z, y, noise = NUMPY_RNG.normal(size=(2, 4)), NUMPY_RNG.normal(size=(2, 3, 8, 8)), [NUMPY_RNG.normal(size=(2, 1, s, s)) for s in (4, 8, 8)]
    f, arrays = with_parameters(make, lambda: (losses.path_length(lambda w: make.synthesis(w, noise), make.styles(z), y) - 2.0) ** 2)
    check_grads(f, *arrays, order=1)


def test_r1_through_the_discriminator_to_second_order():
    judge = wide(StyleDiscriminator((3, 2), colours=1, group=2, rng=default_rng(0)))
    x = NUMPY_RNG.normal(size=(2, 1, 8, 8))
    f, arrays = with_parameters(judge, lambda: losses.r1(judge, x))
    check_grads(f, *arrays, order=1)


def test_other_arrays_and_wrong_styles():
    z = default_rng(1).normal((4, 7))
    for adain in (False, True):
        make, judge = small(adain=adain), StyleDiscriminator((6, 5, 4), rng=default_rng(3))
        noise = make.noise(4, default_rng(2))
        x = make(z, noise).data
        verdicts = judge(x).data
        make.map_arrays_(StrictArray)
        judge.map_arrays_(StrictArray)
        strict = make(tensor(StrictArray(z)), [StrictArray(n) for n in noise])
        np.testing.assert_allclose(strict.data.get(), x, rtol=1e-3, atol=1e-4)
        answer = judge(strict)
        np.testing.assert_allclose(answer.data.get(), verdicts, rtol=1e-2, atol=1e-3)
        answer.sum().backward()
        crossover = StrictArray(np.arange(5) >= np.full((4, 1), 2))
        assert isinstance(make.synthesis(mix(*[make.styles(StrictArray(z))] * 2, crossover)).data, StrictArray)
    with pytest.raises(ValueError, match=r"styles \(2, 4, 7\) for 4 layers; there are 5"):
        small().synthesis(np.zeros((2, 4, 7), np.float32))
    with pytest.raises(ValueError, match="noise for 3 layers; there are 5"):
        small()(z, small().noise(4, default_rng(0))[:3])
    with pytest.raises(ValueError, match=r"built for \(N, colours, 16, 16\)"):
        StyleDiscriminator((6, 5, 4), rng=default_rng(3))(np.zeros((4, 3, 8, 8), np.float32))
    for crossover in (np.ones((3, 5), bool), np.ones(5, bool)):
        with pytest.raises(ValueError, match="mix: needs styles"):
            mix(z, z, crossover)
    for style, kernel in (((2, 3), 3), ((4, 2), 3), ((4, 3), 4)):
        with pytest.raises(ValueError, match="modulated_conv: x"):
            modulated_conv(np.zeros((4, 3, 8, 8)), np.zeros((2, 3, kernel, kernel)), np.zeros(style))
