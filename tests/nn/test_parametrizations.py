"""SpectralNorm and EqualizedLR, which compute a layer with a function of its weight."""

import numpy as np
import pytest

import tinygen
from tests.nn.cases import new_rng
from tinygen import default_rng, nn, tensor

# ---------------------------------------------------------------------------------- SpectralNorm


def make_spectral_norm():
    return nn.SpectralNorm(nn.Linear(3, 2, rng=new_rng()), rng=new_rng())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(6, 4, rng=new_rng(), dtype=np.float64),
        nn.Conv2d(2, 5, 3, rng=new_rng(), dtype=np.float64),
        nn.ConvTranspose2d(2, 5, 3, rng=new_rng(), dtype=np.float64),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_power_iteration_finds_the_largest_singular_value(layer):
    wrapped = nn.SpectralNorm(layer, rng=new_rng())
    w = layer.weight.data
    outputs_first = np.swapaxes(w, 0, 1) if isinstance(layer, nn.ConvTranspose2d) else w
    matrix = outputs_first.reshape(len(outputs_first), -1)
    sigma = np.linalg.svd(matrix, compute_uv=False)[0]
    shape = (2, 6) if w.ndim == 2 else (2, 2, 4, 4)
    x = tensor(np.random.default_rng(0).normal(size=shape))
    with tinygen.no_grad():
        for _ in range(200):
            wrapped(x)
    expected = layer.forward_with(tensor(w / sigma), x).data
    np.testing.assert_allclose(wrapped(x).data, expected, rtol=1e-9, atol=1e-12)


def test_a_second_call_leaves_the_graph_of_the_first():
    """A critic is called on real and on generated samples before it goes backward."""
    wrapped = make_spectral_norm()
    a, b = (tensor(np.full((1, 3), value, np.float32)) for value in (1, 2))
    first = wrapped(a)
    grad = tinygen.grad(first.sum(), wrapped.layer.weight, retain_graph=True)[0].data
    second = wrapped(b)
    again = tinygen.grad(first.sum(), wrapped.layer.weight, retain_graph=True)[0].data
    assert (again == grad).all()
    (first.sum() + second.sum()).backward()


def test_evaluation_does_not_change_the_singular_vectors():
    wrapped = make_spectral_norm().eval()
    before = wrapped.state_dict()
    wrapped(tensor(np.ones((1, 3), np.float32)))
    after = wrapped.state_dict()
    assert [*before] == [  # the names of torch.nn.utils.parametrizations.spectral_norm
        "parametrizations.weight.original",
        "bias",
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
    ]
    assert all((after[name] == before[name]).all() for name in before)


# ---------------------------------------------------------------------------------- EqualizedLR


def test_a_signal_keeps_its_power():
    """Through ten layers of very different sizes, each with a ReLU after it.

    The power is multiplied by 1 on average; with Linear's own weights it would be by 6^-10.
    """
    rng = default_rng(0)
    sizes = (512, 64, 1024, 256, 32, 512, 512, 128, 1024, 64, 512)
    layers = []
    for a, b in zip(sizes, sizes[1:], strict=False):
        layers += [nn.EqualizedLR(nn.Linear(a, b, rng=rng), rng=rng), nn.ReLU()]
    x = rng.normal((2000, 512))
    y = nn.Sequential(*layers)(tensor(x)).data
    assert 0.4 < (y**2).mean() / (x**2).mean() < 2.5
    assert all((wrapped.layer.bias.data == 0).all() for wrapped in layers[::2])


@pytest.mark.parametrize("in_features, std", [(8, 0.5), (800, 0.05)])
def test_one_learning_rate_fits_all_layers(in_features, std):
    """Adam's first step changes each scaled weight by lr times its deviation.

    This holds for any number of inputs; without the factor it would be lr sqrt(fan_in / 2).
    """
    linear = nn.Linear(in_features, 50, rng=new_rng(), dtype=np.float64)
    wrapped = nn.EqualizedLR(linear, rng=new_rng())
    before = wrapped.scaled_weight().data
    optimizer = tinygen.optim.Adam(wrapped.parameters(), lr=0.01, eps=1e-12)
    x = tensor(new_rng().normal((20, in_features), np.float64))
    (wrapped(x) ** 2).sum().backward()
    optimizer.step()
    change = np.abs(wrapped.scaled_weight().data - before)
    np.testing.assert_allclose(change, 0.01 * std, rtol=1e-3)
    assert abs(before.std() / std - 1) < 0.1


def test_the_scale_uses_the_gain_and_the_fan_in_of_transposed_convolutions():
    conv = nn.ConvTranspose2d(6, 5, 4, 2, 1, rng=new_rng())
    wrapped = nn.EqualizedLR(conv, gain=1.0, rng=new_rng())
    assert wrapped.scale == pytest.approx((6 * 16 / 4) ** -0.5)
    y = wrapped(tensor(new_rng().normal((20, 6, 9, 9)))).data
    assert 0.8 < y[..., 2:-2, 2:-2].std() < 1.2


# ---------------------------------------------------------------------------------- both


@pytest.mark.parametrize("wrapper", [nn.SpectralNorm, nn.EqualizedLR])
def test_a_layer_without_a_weight_raises(wrapper):
    with pytest.raises(TypeError, match="ReLU has no weight"):
        wrapper(nn.ReLU(), rng=new_rng())


@pytest.mark.parametrize("wrapper", [nn.SpectralNorm, nn.EqualizedLR])
def test_kaiming_normal_refuses_a_wrapped_layer(wrapper):
    wrapped = wrapper(nn.Linear(3, 2, rng=new_rng()), rng=new_rng())
    with pytest.raises(ValueError, match=f"within {wrapper.__name__}"):
        nn.init.kaiming_normal_(nn.Sequential(wrapped), new_rng())


def test_a_state_with_the_former_names_says_what_it_lacks():
    wrapped = make_spectral_norm()
    state = wrapped.state_dict()
    former = dict(zip(["layer.weight", "layer.bias", "u", "v"], state.values(), strict=True))
    with pytest.raises(ValueError) as error:
        wrapped.load_state_dict(former)
    assert "missing: parametrizations.weight.original, bias" in str(error.value)
    assert "unexpected: layer.weight, layer.bias, u, v" in str(error.value)
