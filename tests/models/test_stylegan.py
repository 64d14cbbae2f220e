"""StyleGAN: how a style acts on a weight and on its layer, style mixing, noise, and penalties."""

import numpy as np
import pytest

from tests.models.gan_helpers import as_function_of_parameters, downsample_by_2, to_float64
from tests.nn import naive
from tinygen import check_grads, default_rng, losses, no_grad, tensor
from tinygen.backend import to_numpy
from tinygen.models.gan import minibatch_std
from tinygen.models.style_discriminator import StyleDiscriminator
from tinygen.models.stylegan import (
    StyleGenerator,
    adaptive_instance_norm,
    mix_styles,
    modulated_conv,
)
from tinygen.ops import interpolate

CHANNELS = (6, 5, 4)
NUM_LAYERS = 5


def small_generator(channels=CHANNELS, latent_dim=7, **settings):
    """Build a small generator with 5 layers."""
    return StyleGenerator(latent_dim, channels, rng=default_rng(0), **settings)


def record_outputs(module):
    """Make a module append each of its outputs to a list, and return the list."""
    outputs, original_forward = [], module.forward

    def forward(*args):
        outputs.append(original_forward(*args))
        return outputs[-1]

    module.forward = forward
    return outputs


# The modulated convolution


def test_demodulated_weights_have_unit_norm():
    """Responses to impulses in each input channel give the weight of each picture."""
    rng = np.random.default_rng(0)
    weight, style = rng.normal(size=(5, 3, 3, 3)), rng.normal(size=(4, 3)) * 3
    demodulated = np.empty((4, 5, 3, 3, 3))  # (N, O, C, k, k)
    for c in range(3):
        impulse = np.zeros((4, 3, 5, 5))
        impulse[:, c, 2, 2] = 1
        demodulated[:, :, c] = modulated_conv(impulse, weight, style)[:, :, 3:0:-1, 3:0:-1]
    np.testing.assert_allclose((demodulated**2).sum(axis=(2, 3, 4)), 1, rtol=1e-7)
    modulated = weight * style[:, None, :, None, None]
    norm = np.sqrt((modulated**2).sum(axis=(2, 3, 4), keepdims=True))
    np.testing.assert_allclose(demodulated, modulated / norm, rtol=1e-7)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_conv_equals_a_convolution_with_a_weight_for_each_picture(demodulate):
    rng = np.random.default_rng(1)
    x, weight = rng.normal(size=(3, 2, 5, 4)), rng.normal(size=(4, 2, 3, 3))
    style = rng.normal(size=(3, 2))
    y = modulated_conv(x, weight, style, demodulate)
    for n in range(3):
        modulated = weight * style[n][:, None, None]
        if demodulate:
            modulated /= np.sqrt((modulated**2).sum(axis=(1, 2, 3), keepdims=True))
        expected = naive.conv2d(x[n : n + 1], modulated, np.zeros(4), (1, 1), (1, 1), (1, 1), 1)
        np.testing.assert_allclose(y[n : n + 1], expected, rtol=1e-7, atol=1e-12)
    check_grads(lambda x, w, style: modulated_conv(x, w, style, demodulate), x, weight, style)


def test_demodulation_gives_a_standard_deviation_of_1_for_any_style():
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=(4, 16, 32, 32)), rng.normal(size=(8, 16, 3, 3))
    style = np.exp(2 * rng.normal(size=(4, 16)))
    inner = modulated_conv(x, weight, style)[:, :, 1:-1, 1:-1]  # without the padded border
    assert np.abs(inner.std(axis=(2, 3)) - 1).max() < 0.1


@pytest.mark.parametrize("style, kernel", [((2, 3), 3), ((4, 2), 3), ((4, 3), 4)])
def test_modulated_conv_rejects_shapes_that_do_not_fit(style, kernel):
    x, weight = np.zeros((4, 3, 8, 8)), np.zeros((2, 3, kernel, kernel))
    with pytest.raises(ValueError, match="modulated_conv: x"):
        modulated_conv(x, weight, np.zeros(style))


def test_adaptive_instance_norm_sets_mean_and_standard_deviation():
    G = small_generator(adain=True)
    layer, w = G.convolutions[1], default_rng(1).normal((2, 7))
    y = layer(default_rng(2).normal((2, 6, 8, 8)), w, None).data
    np.testing.assert_allclose(y.mean(axis=(2, 3)), layer.affine_shift(w).data, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=(2, 3)), np.abs(layer.affine_scale(w).data), rtol=1e-3)


def test_gradients_of_adaptive_instance_norm():
    rng = np.random.default_rng(3)
    x, scale, shift = rng.normal(size=(2, 3, 4, 4)), rng.normal(size=(2, 3)), np.zeros((2, 3))
    check_grads(adaptive_instance_norm, x, scale, shift)


# The generator


@pytest.mark.parametrize("adain", [False, True])
def test_shapes_and_scale_of_the_signals(adain):
    G = StyleGenerator(16, (32, 24, 16, 8), adain=adain, rng=default_rng(0))
    z, noise = default_rng(1).normal((5, 16)), G.sample_noise(5, default_rng(2))
    assert G.num_layers == 7
    assert [n.shape for n in noise] == [(5, 1, s, s) for s in (4, 8, 8, 16, 16, 32, 32)]
    x = G(z, noise)
    assert x.shape == (5, 3, 32, 32)
    assert x.dtype == np.float32
    assert 0.3 < x.data.std() < 6
    assert np.abs(x.data[0] - x.data[1]).mean() > 0.1
    assert G(z[:0]).shape == (0, 3, 32, 32)
    D = StyleDiscriminator((32, 24, 16, 8), rng=default_rng(3))
    logits = D(x.data[:4]).data
    assert logits.shape == (4,)
    assert 0.05 < np.abs(logits).mean() < 5


@pytest.mark.parametrize("adain", [False, True])
def test_the_length_of_z_has_no_effect(adain):
    G = StyleGenerator(16, (32, 24, 16, 8), adain=adain, rng=default_rng(0))
    z, noise = default_rng(1).normal((5, 16)), G.sample_noise(5, default_rng(2))
    np.testing.assert_allclose(G(3 * z, noise).data, G(z, noise).data, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("adain", [False, True])
def test_another_style_from_layer_c_on_changes_no_earlier_layer(adain):
    """The outputs of earlier layers are equal to the bit; those from c on and the picture not."""
    G = small_generator(adain=adain)
    w1, w2 = (G.mapping(default_rng(i).normal((2, 7))) for i in (1, 2))
    outputs = [record_outputs(layer) for layer in G.convolutions]
    crossovers = (5, 3, 1, 0)
    pictures = []
    with no_grad():
        for c in crossovers:
            w = mix_styles(w1, w2, np.arange(NUM_LAYERS) >= np.full((2, 1), c))
            pictures.append(G.synthesis(w).data)
    for k, c in enumerate(crossovers):
        equal = [np.array_equal(layer[k].data, layer[0].data) for layer in outputs]
        assert equal == [i < c for i in range(NUM_LAYERS)]
    np.testing.assert_array_equal(pictures[0], G.synthesis(w1).data)
    np.testing.assert_array_equal(pictures[-1], G.synthesis(w2).data)
    for a, b in zip(pictures, pictures[1:], strict=False):
        assert np.abs(a - b).max() > 1e-2


def test_to_rgb_has_the_style_of_the_last_layer_of_its_size():
    G, w = small_generator(), default_rng(1).normal((2, 5, 7))
    received = []
    for to_rgb in G.to_rgb:

        def forward(h, w, original_forward=to_rgb.forward):
            received.append(to_numpy(w))
            return original_forward(h, w)

        to_rgb.forward = forward
    G.synthesis(w)
    for own, layer in zip(received, (0, 2, 4), strict=True):
        assert np.array_equal(own, w[:, layer])


def test_mix_styles_has_a_crossover_for_each_picture():
    w1, w2 = np.zeros((3, 2)), np.ones((3, 2))
    mixed = mix_styles(w1, w2, np.arange(4) >= np.array([[0], [2], [4]]))
    assert mixed[:, :, 0].tolist() == [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0]]
    assert np.array_equal(mixed[:, :, 0], mixed[:, :, 1])


def leaky_relu(y):
    """Return the leaky ReLU of an array, times sqrt(2)."""
    return 2**0.5 * np.where(y > 0, y, 0.2 * y)


def test_a_layer_is_modulated_conv_plus_noise_plus_bias_then_leaky_relu():
    G = small_generator()
    layer, w = G.convolutions[1], default_rng(1).normal((2, 7))
    x = default_rng(2).normal((2, 6, 8, 8))
    layer.noise_strength.data = np.array([0.5], np.float32)
    layer.bias.data = np.arange(5, dtype=np.float32)
    noise = default_rng(3).normal((2, 1, 8, 8))
    y = modulated_conv(x, layer.conv.scaled_weight().data, layer.affine_scale(w).data)
    expected = leaky_relu(y + 0.5 * noise + layer.bias.data[:, None, None])
    np.testing.assert_allclose(layer(x, w, noise).data, expected, rtol=1e-4, atol=1e-5)
    assert (layer.affine_scale(0 * w).data == 1).all()


def test_to_rgb_modulates_without_demodulation_and_adds_a_bias():
    """Three pictures are added, so the variance of each is divided by three."""
    G = small_generator()
    to_rgb, w = G.to_rgb[1], default_rng(1).normal((2, 7))
    x = default_rng(2).normal((2, 5, 8, 8))
    to_rgb.bias.data = np.array([1, 2, 3], np.float32)
    weight = to_rgb.conv.scaled_weight().data[:, :, 0, 0]
    expected = np.einsum("nchw,nc,oc->nohw", x, to_rgb.affine_scale(w).data, weight)
    expected += to_rgb.bias.data[:, None, None]
    np.testing.assert_allclose(to_rgb(x, w).data, expected, rtol=1e-4, atol=1e-4)
    assert (to_rgb.affine_scale(0 * w).data == 1).all()
    scales = [layer.conv.scale for layer in G.to_rgb]
    assert scales == pytest.approx([(3 * c) ** -0.5 for c in CHANNELS])


def test_noise_has_a_learned_strength_per_layer_that_starts_at_zero():
    G = small_generator()
    w, noise = G.mapping(default_rng(1).normal((2, 7))), G.sample_noise(2, default_rng(2))
    np.testing.assert_array_equal(G.synthesis(w, noise).data, G.synthesis(w).data)
    strengths = [layer.noise_strength for layer in G.convolutions]
    G.synthesis(w, noise)[:, 0].sum().backward(inputs=strengths)
    assert all(np.abs(strength.grad.data).max() > 0 for strength in strengths)
    strengths[3].data = np.ones(1, np.float32)
    assert np.abs(G.synthesis(w, noise).data - G.synthesis(w).data).max() > 0.1


def test_the_picture_is_a_sum_over_sizes():
    G = small_generator()
    outputs = [record_outputs(to_rgb) for to_rgb in G.to_rgb]
    picture = G(default_rng(1).normal((2, 7))).data
    four, eight, sixteen = (output[0].data for output in outputs)
    up_to_eight = interpolate(four, 8, mode="bilinear") + eight
    expected = interpolate(up_to_eight, 16, mode="bilinear") + sixteen
    np.testing.assert_allclose(picture, expected, atol=1e-5)


# The discriminator


def test_the_discriminator_equals_its_layers_computed_by_hand():
    D = StyleDiscriminator((4, 3), group_size=2, rng=default_rng(0))
    x = default_rng(1).normal((4, 3, 8, 8))
    h = D.from_rgb(x).data
    residual = D.second_convs[0](downsample_by_2(D.first_convs[0](h).data)).data
    h = (residual + D.shortcuts[0](downsample_by_2(h)).data) / 2**0.5
    expected = D.output(minibatch_std(h, 2)).data[:, 0]
    np.testing.assert_allclose(D(x).data, expected, rtol=1e-4, atol=1e-5)


def test_logits_depend_on_the_group():
    D = StyleDiscriminator((4, 3), group_size=2, rng=default_rng(0))
    x = default_rng(1).normal((4, 3, 8, 8))
    equal_groups = [np.repeat(x[i : i + 1], 2, axis=0) for i in range(4)]
    logits_in_equal_groups = np.concatenate([D(group).data[:1] for group in equal_groups])
    assert np.abs(logits_in_equal_groups - D(x).data).max() > 1e-3


# Gradients


def networks_in_float64(adain=False):
    """Build tiny networks in float64, with noise of some strength, and their inputs."""
    G = to_float64(small_generator((3, 2), 4, num_mapping_layers=1, adain=adain))
    for layer in G.convolutions:
        layer.noise_strength.data = np.array([0.3])
    rng = np.random.default_rng(0)
    z, noise = rng.normal(size=(2, 4)), [rng.normal(size=(2, 1, s, s)) for s in (4, 8, 8)]
    D = to_float64(StyleDiscriminator((3, 2), 1, group_size=2, rng=default_rng(0)))
    return G, D, z, noise, rng.normal(size=(2, 1, 8, 8))


@pytest.mark.parametrize("adain", [False, True])
def test_gradients_of_the_generator(adain):
    """The checks of penalties below rely on this, because they differentiate gradients."""
    G, _, z, noise, _ = networks_in_float64(adain)
    check_grads(lambda z: G(z, noise), z, order=1)
    f, arrays = as_function_of_parameters(G, lambda: G(z, noise))
    check_grads(f, *arrays, order=1)


def test_gradients_of_the_discriminator():
    _, D, _, _, x = networks_in_float64()
    check_grads(D, x, order=1)
    f, arrays = as_function_of_parameters(D, lambda: D(x))
    check_grads(f, *arrays, order=1)


def test_path_length_of_the_generator_to_second_order():
    G, _, z, noise, _ = networks_in_float64()
    y = np.random.default_rng(1).normal(size=(2, 3, 8, 8))

    def penalty():
        lengths = losses.path_length(lambda w: G.synthesis(w, noise), G.mapping(z), y)
        return (lengths - 2.0) ** 2

    f, arrays = as_function_of_parameters(G, penalty)
    check_grads(f, *arrays, order=1)


def test_r1_of_the_discriminator_to_second_order():
    _, D, _, _, x = networks_in_float64()
    f, arrays = as_function_of_parameters(D, lambda: losses.r1(D, x))
    check_grads(f, *arrays, order=1)


# Other arrays and errors


@pytest.mark.parametrize("adain", [False, True])
def test_runs_on_a_gpu(cupy, adain):
    G, D = small_generator(adain=adain), StyleDiscriminator(CHANNELS, rng=default_rng(3))
    z, noise = default_rng(1).normal((4, 7)), G.sample_noise(4, default_rng(2))
    x = G(z, noise).data
    logits = D(x).data
    G.to("cuda")
    D.to("cuda")
    on_gpu = G(tensor(cupy.asarray(z)), [cupy.asarray(n) for n in noise])
    np.testing.assert_allclose(on_gpu.data.get(), x, rtol=1e-3, atol=1e-4)
    gpu_logits = D(on_gpu)
    np.testing.assert_allclose(gpu_logits.data.get(), logits, rtol=1e-2, atol=1e-3)
    gpu_logits.sum().backward()
    crossover = cupy.asarray(np.arange(NUM_LAYERS) >= np.full((4, 1), 2))
    w = G.mapping(cupy.asarray(z))
    assert isinstance(G.synthesis(mix_styles(w, w, crossover)).data, cupy.ndarray)


def test_styles_and_noise_for_another_number_of_layers_are_rejected():
    G, z = small_generator(), default_rng(1).normal((4, 7))
    with pytest.raises(ValueError, match=r"w \(2, 4, 7\) is for 4 layers; there are 5"):
        G.synthesis(np.zeros((2, 4, 7), np.float32))
    with pytest.raises(ValueError, match="noise for 3 layers; there are 5"):
        G(z, G.sample_noise(4, default_rng(0))[:3])


def test_pictures_of_another_size_are_rejected():
    D = StyleDiscriminator(CHANNELS, rng=default_rng(3))
    with pytest.raises(ValueError, match=r"built for \(N, image_channels, 16, 16\)"):
        D(np.zeros((4, 3, 8, 8), np.float32))


@pytest.mark.parametrize("shape", [(3, 5), (5,)])
def test_mix_styles_rejects_shapes_that_do_not_fit(shape):
    w = default_rng(1).normal((4, 7))
    with pytest.raises(ValueError, match="mix_styles: needs w1 and w2"):
        mix_styles(w, w, np.ones(shape, bool))
