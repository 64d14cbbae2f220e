"""Every layer: forward pass, gradients, dtypes, device arrays and errors."""

import numpy as np
import pytest

from tests.nn import naive
from tests.nn.cases import LAYERS, build, new_rng
from tinygen import check_grads, grad, nn, tensor

each_layer = pytest.mark.parametrize("name", LAYERS)


@each_layer
def test_forward_agrees_with_an_independent_implementation(name):
    layer, x, forward = build(name)
    y = layer(tensor(x))
    np.testing.assert_allclose(y.data, forward(x, layer), rtol=1e-12, atol=1e-12)


@each_layer
def test_gradients_agree_with_finite_differences(name):
    """In x and in every parameter, to second order. u and v of SpectralNorm are constants."""
    layer, x, _ = build(name)
    places = [
        (module, parameter_name)
        for module in layer.modules()
        for parameter_name, _ in module.named_parameters(recurse=False)
    ]

    def f(x, *parameters):
        for (module, parameter_name), p in zip(places, parameters, strict=True):
            # check_grads also gives constants, which the module's __setattr__ would refuse
            vars(module)[parameter_name] = p
        return layer(x)

    check_grads(f, x, *[getattr(module, name).data for module, name in places])


@each_layer
def test_float32_stays_float32(name):
    layer, x, _ = build(name, np.float32)
    x = tensor(x, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    layer.eval()
    assert {y.dtype, x.grad.dtype, layer(x).dtype} == {np.dtype(np.float32)}
    for path, p in layer.named_parameters():
        assert p.dtype == p.grad.dtype == np.float32, path
    for path, b in layer.named_buffers():
        assert b.dtype in (np.float32, np.int64), path


@each_layer
def test_float32_agrees_with_float64(name):
    layer, x, _ = build(name, np.float32)
    layer(tensor(x))  # a first call, as in training
    wide, wide_x, forward = build(name)
    state = layer.state_dict()
    for path, array in state.items():
        if array.dtype == np.float32:
            state[path] = array.astype(np.float64)
    wide.load_state_dict(state)
    layer.train("Batch" in name)
    y = layer(tensor(x)).data
    np.testing.assert_allclose(y, forward(wide_x, wide), rtol=2e-4, atol=2e-5)


def test_the_derivative_of_prelu_at_0_is_its_slope():
    """PyTorch's value there. Infinite inputs give the slope a finite gradient where it has none."""
    layer = nn.PReLU(dtype=np.float64)
    x = tensor(np.array([-2.0, -0.0, 0.0, 3.0, np.inf]), requires_grad=True)
    gx, ga = grad(layer(x).sum(), [x, layer.weight])
    assert gx.tolist() == [0.25, 0.25, 0.25, 1, 1] and ga.tolist() == [-2]


@each_layer
def test_device_arrays_give_the_values_of_numpy(cupy, name):
    """Forward in both modes and backward, on arrays that refuse silent conversion."""
    layer, x, _ = build(name)
    device_layer, _, _ = build(name)
    device_layer.to("cuda")
    for mode in (True, False):
        xs = [tensor(x, requires_grad=True), tensor(cupy.asarray(x), requires_grad=True)]
        ys = [layer.train(mode)(xs[0]), device_layer.train(mode)(xs[1])]
        np.testing.assert_allclose(ys[1].data.get(), ys[0].data, rtol=1e-12, atol=1e-12)
        for module, y in zip((layer, device_layer), ys, strict=True):
            module.zero_grad()
            (y * y).sum().backward()
        np.testing.assert_allclose(xs[1].grad.data.get(), xs[0].grad.data, rtol=1e-9, atol=1e-9)
        device_parameters = dict(device_layer.named_parameters())
        for path, p in layer.named_parameters():
            grad = device_parameters[path].grad.data.get()
            np.testing.assert_allclose(grad, p.grad.data, rtol=1e-9, atol=1e-9, err_msg=path)
    device_state = device_layer.state_dict()
    for path, array in layer.state_dict().items():
        np.testing.assert_allclose(device_state[path].get(), array, rtol=1e-12, err_msg=path)


def test_every_layer_is_tested():
    with_own_tests = {"Module", "ModuleDict", "ModuleList", "Dropout", "Embedding", "init"}
    assert set(nn.__all__) == {name.split()[0] for name in LAYERS} | with_own_tests


@pytest.mark.cpu_only
def test_weights_of_convolutions_and_their_gradients_are_channels_last():
    """Then convolutions need not copy them, and optimizers mostly find a single layout."""
    convolutions = (
        nn.Conv2d(8, 9, 3, rng=new_rng()),
        nn.ConvTranspose2d(8, 6, 3, 2, rng=new_rng()),
    )
    for layer in convolutions:
        (layer(tensor(new_rng().normal((2, 8, 5, 5)))) ** 2).sum().backward()
        assert np.moveaxis(layer.weight.data, 1, -1).flags.c_contiguous
        assert np.moveaxis(layer.weight.grad.data, 1, -1).flags.c_contiguous


def test_attention_takes_another_sequence_and_masks():
    """In a mask of the layer, True means that the query does not attend, as in PyTorch."""
    layer, rng = build("MultiheadAttention")[0].layer, np.random.default_rng(1)
    x = rng.normal(size=(2, 3, 6))
    key, value = rng.normal(size=(2, 2, 4, 6))
    attends = np.array([[True, False, True, True], [False, True, False, True], [True] * 4])
    y, weights = layer(tensor(x), tensor(key), tensor(value), attn_mask=~attends)
    expected, expected_weights = naive.attention(x, key, value, layer, attends)
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weights.data, expected_weights, rtol=1e-12, atol=1e-12)
    added = np.where(attends, 0, -np.inf)
    y, weights = layer(
        tensor(x), tensor(key), tensor(value), attn_mask=added, average_attn_weights=False
    )
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)
    assert weights.shape == (2, 2, 3, 4)
    is_padding = np.array([[False, False, True, False]] * 2)
    attends &= ~is_padding[0]
    expected, _ = naive.attention(x, key, value, layer, attends)
    for other_mask in (added, ~np.isfinite(added)):
        y, _ = layer(tensor(x), tensor(key), tensor(value), is_padding, attn_mask=other_mask)
        np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)


def test_attention_takes_the_length_first_by_default():
    first = build("MultiheadAttention")[0].layer
    layer = nn.MultiheadAttention(6, 2, rng=new_rng(), dtype=np.float64)
    layer.load_state_dict(first.state_dict())
    x = np.random.default_rng(0).normal(size=(3, 2, 6))
    swapped = tensor(x.swapaxes(0, 1).copy())
    y, weights = layer(*[tensor(x)] * 3)
    expected, expected_weights = first(swapped, swapped, swapped)
    np.testing.assert_allclose(y.data, expected.data.swapaxes(0, 1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(weights.data, expected_weights.data, rtol=1e-12, atol=1e-12)


def test_attention_drops_weights_in_training_only():
    x = tensor(np.random.default_rng(0).normal(size=(50, 2, 6)).astype(np.float32))
    layer = nn.MultiheadAttention(6, 2, 0.3, rng=new_rng())
    _, weights = layer(x, x, x, average_attn_weights=False)
    assert abs((weights.data == 0).mean() - 0.3) < 0.02
    _, weights = layer.eval()(x, x, x)
    assert (weights.data > 0).all()


def test_embedding_looks_up_rows_and_adds_their_gradients():
    layer = nn.Embedding(4, 3, rng=new_rng())
    y = layer(np.array([[1, 3], [1, 0]]))
    assert y.dtype == np.float32
    assert (y.data == layer.weight.data[[[1, 3], [1, 0]]]).all()
    y.sum().backward()
    assert layer.weight.grad.data.tolist() == [[1] * 3, [2] * 3, [0] * 3, [1] * 3]


def test_the_padding_of_an_embedding_is_zero_and_has_no_gradient():
    layer = nn.Embedding(4, 3, -1, rng=new_rng())
    assert (layer.weight.data[3] == 0).all() and layer.weight.data[:3].all()
    layer(np.array([3, 0, 3])).sum().backward()
    assert layer.weight.grad.data.tolist() == [[1] * 3, [0] * 3, [0] * 3, [0] * 3]
    with pytest.raises(ValueError, match="padding_idx=4 is none of the 4 vectors"):
        nn.Embedding(4, 3, 4, rng=new_rng())


def test_dropout_keeps_the_mean_and_depends_on_its_rng():
    x = tensor(np.ones((100, 100), np.float32), requires_grad=True)
    first, second = (nn.Dropout(0.25, rng=new_rng()) for _ in range(2))
    y, y_of_the_same_seed = first(x), second(x)
    values, counts = np.unique(y.data, return_counts=True)
    np.testing.assert_allclose(values, [0, 4 / 3], rtol=1e-6)
    assert abs(counts[0] / 1e4 - 0.25) < 0.02 and y.dtype == np.float32
    assert (y.data == y_of_the_same_seed.data).all() and (first(x).data != y.data).any()
    y.sum().backward()
    assert (x.grad.data == y.data).all()
    assert first.eval()(x) is x and nn.Dropout(0.0, rng=new_rng())(x) is x


X = tensor(np.ones((2, 3, 4, 4), np.float32))
SEQUENCES = [tensor(np.ones((3, 1, 4), np.float32))] * 3


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda g: nn.Linear(0, 3, rng=g),
            "in_features must be a positive whole number, not 0",
        ),
        (lambda g: nn.Linear(3, 2.5, rng=g), "out_features .* not 2.5"),
        (lambda g: nn.Linear(3, 2, rng=g)(X), r"linear: .*\(2, 3\).*\(2, 3, 4, 4\)"),
        (
            lambda g: nn.Conv2d(3, 4, 3, groups=2, rng=g),
            "groups=2 must divide in_channels=3",
        ),
        (lambda g: nn.Conv2d(3, 4, (3, 3, 3), rng=g), "kernel_size .* pair"),
        (lambda g: nn.Conv2d(3, 4, 0, rng=g), "kernel_size"),
        (lambda g: nn.Conv2d(4, 4, 3, rng=g)(X), "x has 3 channels"),
        (lambda g: nn.Conv1d(3, 4, 3, rng=g)(X), "three axes"),
        (
            lambda g: nn.BatchNorm2d(4)(X),
            r"\(N, C, H, W\) with C = 4, not \(2, 3, 4, 4\)",
        ),
        (lambda g: nn.BatchNorm1d(3)(X), r"\(N, C\) or \(N, C, L\)"),
        (lambda g: nn.BatchNorm1d(3, momentum=2), "momentum=2"),
        (lambda g: nn.GroupNorm(2, 3), "num_groups=2 must divide num_channels=3"),
        (lambda g: nn.GroupNorm(2, 4)(X), "C = 4"),
        (lambda g: nn.InstanceNorm2d(4)(X), "C = 4"),
        (lambda g: nn.LayerNorm(5)(X), r"layer_norm: .*\(5,\)"),
        (
            lambda g: nn.MultiheadAttention(5, 2, rng=g),
            "num_heads=2 must divide embed_dim=5",
        ),
        (
            lambda g: nn.MultiheadAttention(4, 2, rng=g)(X, X, X),
            r"query must be \(length, N, 4\) with batch_first=False",
        ),
        (lambda g: nn.MultiheadAttention(4, 2, False, rng=g), "dropout=False .* bias comes after"),
        (
            lambda g: nn.MultiheadAttention(4, 2, rng=g)(*SEQUENCES, attn_mask=np.ones((3, 3)) > 0),
            "no key to attend to",
        ),
        (
            lambda g: nn.MultiheadAttention(4, 2, rng=g)(
                *SEQUENCES, attn_mask=np.full((3, 3), -np.inf, np.float32)
            ),
            "no key to attend to",
        ),
        (
            lambda g: nn.MultiheadAttention(4, 2, rng=g)(
                *SEQUENCES, attn_mask=tensor(np.ones((3, 3)), requires_grad=True)
            ),
            r"detach\(\)",
        ),
        (lambda g: nn.PReLU(4)(X), r"PReLU: x must be \(N, 4, ...\)"),
        (lambda g: nn.Dropout(1.0, rng=g), "Dropout"),
        (lambda g: nn.Flatten(2, 7)(X), "flatten: axis 7 is out of bounds"),
        (lambda g: nn.Unflatten(1, (2, 2))(X), "does not have the 4 elements"),
    ],
)
def test_wrong_arguments_raise(call, message):
    with pytest.raises(ValueError, match=message):
        call(new_rng())


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda: nn.Linear(4, 2),
            r"Linear draws random numbers.*rng = tinygen.default_rng\(0\).*Linear\(4, 2, rng=rng\)",
        ),
        (
            lambda: nn.Conv2d(3, 16, kernel_size=3),
            r"write Conv2d\(3, 16, kernel_size=3, rng=rng\)",
        ),
        (lambda: nn.Dropout(0.5), r"write Dropout\(0.5, rng=rng\)"),
        (lambda: nn.Dropout(), "rng"),
        (lambda: nn.Linear(3, 2, rng=0), r"rng is 0; give tinygen.default_rng\(0\)"),
        (lambda: nn.ReLU(True), "ReLU takes 0 arguments by position, not 1; inplace: no"),
        (lambda: nn.LeakyReLU(0.2, inplace=True), "no argument 'inplace': no layer writes"),
        (lambda: nn.Linear(3, 2, device="cuda"), r"default_rng\(0, device\)"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="reflect"), "padding_mode.*ops.pad"),
        (lambda: nn.LeakyReLU(0.2, True), "takes 1 arguments by position, not 2; inplace: no"),
        (lambda: nn.Softmax(axis=1), "Softmax has no argument 'axis'"),
    ],
)
def test_arguments_that_are_missing_or_of_pytorch_alone_raise(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_module_of_ones_own_that_needs_an_rng_says_so():
    class Net(nn.Module):
        def __init__(self, width, *, rng):
            self.out = nn.Linear(width, 1, rng=rng)

    with pytest.raises(TypeError, match=r"write Net\(3, rng=rng\)"):
        Net(3)
    assert Net(3, rng=new_rng()).out.in_features == 3


def test_empty_batches_pass_forward_and_backward():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=new_rng()),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8, 3, rng=new_rng()),
    )
    y = network(tensor(np.zeros((0, 1, 4, 4), np.float32)))
    assert y.shape == (0, 3)
    y.sum().backward()
    assert all((p.grad.data == 0).all() for p in network.parameters())
