"""Flows against what is exact: dense Jacobians, inverses, integrals over the plane, entropies; and pictures of bytes as points of R^D."""

import numpy as np
import pytest

from tests.strict import StrictArray, StrictRNG
from tinygen import check_grads, default_rng, grad, no_grad, optim, tensor
from tinygen.models.flow import (
    MAF,
    ActNorm,
    AffineCoupling,
    Autoregressive,
    Flow,
    Glow,
    InvertibleLinear,
    MaskedLinear,
    Permutation,
    RealNVP,
    Squeeze,
    bits_per_dimension,
    checkerboard,
    made,
    to_logits,
    to_pixels,
)
from tinygen.models.flow.glow import lu
from tinygen.models.flow.realnvp import bounded, perceptron

# name: (layer or flow of a generator, shape of one x)
LAYERS = {
    "ActNorm": (lambda g: ActNorm(5), (5,)),
    "ActNorm of pictures": (lambda g: ActNorm(3), (3, 2, 2)),
    "Permutation": (lambda g: Permutation([3, 0, 4, 1, 2]), (5,)),
    "InvertibleLinear": (lambda g: InvertibleLinear(5, rng=g), (5,)),
    "InvertibleLinear of pictures": (lambda g: InvertibleLinear(3, rng=g), (3, 2, 2)),
    "Squeeze": (lambda g: Squeeze(), (2, 4, 2)),
    "AffineCoupling": (lambda g: AffineCoupling(perceptron(2, (7,), 6, rng=g)), (5,)),
    "AffineCoupling, swapped": (lambda g: AffineCoupling(perceptron(3, (7,), 4, rng=g), swap=True), (5,)),
    "Autoregressive": (lambda g: Autoregressive(made(5, (9, 8), rng=g)), (5,)),
}
PLANE = {
    "RealNVP": (lambda g: RealNVP(2, 4, (12,), rng=g), (2,)),
    "Glow": (lambda g: Glow((2,), 2, hidden=12, rng=g), (2,)),
    "MAF": (lambda g: MAF(2, 3, (16,), rng=g), (2,)),
}
FLOWS = PLANE | {
    "RealNVP, reordered": (lambda g: RealNVP(5, 3, (8,), [4, 0, 2, 3, 1], rng=g), (5,)),
    "MAF, reordered": (lambda g: MAF(5, 2, (9,), [4, 0, 2, 3, 1], rng=g), (5,)),
    "Glow of pictures": (lambda g: Glow((1, 4, 4), 1, 2, hidden=4, rng=g), (1, 4, 4)),
    "MAF of five": (lambda g: MAF(5, 2, (12, 9), rng=g), (5,)),
}
each_map = pytest.mark.parametrize("name", LAYERS | FLOWS)
each_flow = pytest.mark.parametrize("name", FLOWS)
in_the_plane = pytest.mark.parametrize("name", PLANE)


def shaken(name, n=64, dtype=np.float32, by=0.15):
    """The map, not as it begins, where networks give zeros, but with all parameters moved; a flow's ActNorms then see data once. And n points."""
    make, shape = (LAYERS | FLOWS)[name]
    g = default_rng(0)
    model = make(g)
    for p in model.parameters():
        p.data = p.data + by * g.normal(p.shape)
    model.map_arrays_(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)
    x = 1.5 * g.normal((n, *shape), dtype) + 0.5
    if isinstance(model, Flow):
        model.initialize(x)
    return model, x


def jacobian(model, x):
    """dy/dx of one example x (1, ...), (D, D), row by row from the engine."""
    x = tensor(x, requires_grad=True)
    y = model(x)[0]
    d = y.size
    return np.stack([grad(y, x, np.eye(d)[i].reshape(y.shape), retain_graph=True).numpy().ravel() for i in range(d)])


def differences(model, x, h=1e-6):
    """The same by central differences."""
    moves = h * np.eye(x.size).reshape(-1, *x.shape[1:])
    with no_grad():
        up, down = (model(x + sign * moves)[0] for sign in (1, -1))
    return (np.asarray(getattr(up, "data", up)) - getattr(down, "data", down)).reshape(x.size, -1).T / (2 * h)


@each_map
def test_log_determinant_is_that_of_the_dense_jacobian(name):
    model, x = shaken(name, dtype=np.float64)
    y, log_det = model(x)
    assert y.size == x.size and getattr(log_det, "shape", ()) in ((), (len(x),))
    log_det = np.broadcast_to(getattr(log_det, "data", log_det), (len(x),))
    for i in (0, 1, 2):
        exact = differences(model, x[i : i + 1])
        if not isinstance(model, (Permutation, Squeeze)):  # these have no parameters, so arrays stay arrays
            np.testing.assert_allclose(jacobian(model, x[i : i + 1]), exact, atol=1e-7 * max(1, np.abs(exact).max()))
        np.testing.assert_allclose(log_det[i], np.linalg.slogdet(exact)[1], rtol=1e-6, atol=1e-7)


@each_map
def test_there_and_back_in_float32(name):
    model, x = shaken(name)
    with no_grad():
        y = model(x)[0]
        back = model.inverse(y)
        there = model(model.inverse(y))[0]
    for a, b in ((back, x), (there, y)):
        a, b = (np.asarray(getattr(v, "data", v)) for v in (a, b))
        assert a.dtype == np.float32 and np.abs(a - b).max() <= 1e-5 * max(1, np.abs(b).max())


@in_the_plane
def test_density_integrates_to_one(name):
    model, _ = shaken(name, dtype=np.float64, by=0.06)
    axis = np.linspace(-30, 30, 601)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    with no_grad():
        p = np.exp(np.concatenate([model.log_prob(part).numpy() for part in np.array_split(points, 10)])) * (axis[1] - axis[0]) ** 2
        samples = model.inverse(default_rng(1).normal((50_000, 2), np.float64)).numpy()
        said = model.log_prob(samples).numpy()
    np.testing.assert_allclose(p.sum(), 1, atol=1e-3)
    # and the samples are of that density: its mean, and its entropy
    np.testing.assert_allclose(samples.mean(axis=0), p @ points, atol=0.04)
    np.testing.assert_allclose(said.mean(), p @ np.log(np.maximum(p, 1e-300) / (axis[1] - axis[0]) ** 2), atol=0.03)


@each_flow
def test_log_prob_is_the_change_of_variables(name):
    model, x = shaken(name, n=32, dtype=np.float64)
    z = model(x)[0].numpy().reshape(32, -1)
    for i in (0, 1):
        volume = np.linalg.slogdet(differences(model, x[i : i + 1]))[1]
        gaussian = -0.5 * (z[i] @ z[i]) - z.shape[1] / 2 * np.log(2 * np.pi)
        np.testing.assert_allclose(model.log_prob(x).numpy()[i], gaussian + volume, rtol=1e-7)


@each_flow
def test_gradients_to_second_order(name):
    model, x = shaken(name, n=16, dtype=np.float64)
    parameters = [*model.named_parameters()]

    def log_p(x, *arrays):
        for (path, _), a in zip(parameters, arrays, strict=True):
            *owners, last = path.split(".")
            owner = model
            for part in owners:
                owner = getattr(owner, part)
            owner.__dict__[last] = a
        return model.log_prob(x)

    check_grads(log_p, x[:3], *(p.data for _, p in parameters))


@each_flow
def test_runs_on_a_strict_array_type(name):
    plain, x = shaken(name, dtype=np.float64)
    strict = shaken(name, dtype=np.float64)[0].map_arrays_(StrictArray)
    strict.initialize(StrictArray(x))  # its own code, not only that of `plain`
    strict.load_state_dict({k: StrictArray(v) for k, v in plain.state_dict().items()})
    found = []
    for model, a in ((plain, x), (strict, StrictArray(x))):
        log_p = model.log_prob(a)
        log_p.mean().backward()
        with no_grad():
            found.append([log_p, model.inverse(model(a)[0]), *(p.grad for p in model.parameters())])
    for here, there in zip(*found, strict=True):
        assert isinstance(there.data, StrictArray)
        np.testing.assert_allclose(there.numpy(), here.numpy(), rtol=1e-9, atol=1e-9)
    plain, strict = shaken(name)[0], shaken(name)[0].map_arrays_(StrictArray)
    np.testing.assert_allclose(strict.sample(3, StrictRNG(5)).get(), plain.sample(3, default_rng(5)), rtol=1e-5, atol=1e-5)


@each_flow
def test_float32_stays_float32(name):
    model, x = shaken(name)
    log_p = model.log_prob(x)
    log_p.mean().backward()
    both = [a for p in model.parameters() for a in (p, p.grad)]
    assert {a.dtype for a in (log_p, model.sample(2, default_rng(0)), *both)} == {np.dtype(np.float32)}


@each_flow
def test_it_begins_as_a_linear_map_and_is_one_state(name):
    """The networks' last layers are zeros. And a state loaded into another flow, of other rotations and permutations, makes it the same."""
    make, shape = FLOWS[name]
    a, b = make(default_rng(0)), make(default_rng(1))
    x = default_rng(2).normal((4, *shape))
    np.testing.assert_allclose((a(x)[0] + a(-x)[0]).numpy(), 2 * a(0 * x)[0].numpy(), atol=1e-5)
    model, x = shaken(name)
    b.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(b.log_prob(x).numpy(), model.log_prob(x).numpy())
    np.testing.assert_array_equal(b.sample(3, default_rng(5)), model.sample(3, default_rng(5)))
    inverse, graphs = b.inverse, []
    b.inverse = lambda z: (graphs.append(inverse(z).requires_grad), inverse(z))[1]
    b.sample(3, default_rng(5))
    assert graphs == [False] and inverse(default_rng(5).normal((3, *b.latent_shape))).requires_grad  # a sample has no graph
    b.inverse = inverse
    assert b.sample(3, default_rng(5)).shape == (3, *shape) and b.sample(0, default_rng(5)).shape == (0, *shape)


# ------------------------------------------------------------------------------------------------------------------ one layer at a time


@pytest.mark.parametrize("shape", [(3,), (3, 4, 2)])
def test_actnorm_sets_itself_by_the_data(shape):
    x = 7 * default_rng(0).normal((50, *shape)) - 100
    x[:, 1] *= 0.01
    layer = ActNorm(3)
    layer.initialize(x)
    y = layer(x)[0].numpy()
    axes = (0, *range(2, y.ndim))
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=axes), 1, rtol=1e-4)
    with pytest.raises(ValueError, match="x is float64, the layer float32"):
        layer.initialize(x.astype(np.float64))
    with pytest.raises(ValueError, match="channel 0 of x .* is constant"):  # one example
        layer.initialize(x[:1, ..., :1, :1] if x.ndim == 4 else x[:1])
    x[0, 1] = np.nan
    with pytest.raises(ValueError, match="channel 1 of x .* not finite"):
        layer.initialize(x)
    x[:, 2], x[0, 1] = 5, 0
    with pytest.raises(ValueError, match="channel 2 of x .* is constant"):
        layer.initialize(x)


def test_every_actnorm_of_a_flow_sees_what_reaches_it():
    for name in FLOWS:
        model, x = shaken(name, n=200)
        with no_grad():
            for layer in model.layers:
                x = layer(x)[0]
                if isinstance(layer, ActNorm):
                    y = x.numpy()
                    axes = (0, *range(2, y.ndim))
                    assert np.abs(y.mean(axis=axes)).max() < 1e-4 and np.abs(y.std(axis=axes) - 1).max() < 1e-4, name


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_lu(n):
    a = np.random.default_rng(n).normal(size=(n, n))
    p, lower, upper = lu(a)
    np.testing.assert_allclose(p @ lower @ upper, a, atol=1e-12)
    assert np.array_equal(np.sort(p, axis=0)[-1], np.ones(n)) and p.sum() == n
    assert np.array_equal(lower, np.tril(lower)) and np.array_equal(lower.diagonal(), np.ones(n)) and np.array_equal(upper, np.triu(upper))
    assert np.abs(lower).max() <= 1


def test_lu_of_a_singular_matrix():
    with pytest.raises(ValueError, match="singular: column 1"):
        lu(np.array([[1.0, 2], [2, 4]]))


def test_the_linear_layer_is_a_matrix_whose_determinant_is_known():
    layer = InvertibleLinear(6, rng=default_rng(0))

    def w():
        p, lower, upper = (f.numpy().astype(np.float64) for f in layer.factors())
        return p @ lower @ upper

    np.testing.assert_allclose(w() @ w().T, np.eye(6), atol=1e-6)  # it begins as a rotation
    x = default_rng(1).normal((3, 6, 2, 5))
    assert abs(float(layer(x)[1])) < 1e-5
    for p in layer.parameters():
        p.data = p.data + 0.3 * default_rng(2).normal(p.shape)
    y, log_det = layer(x)
    np.testing.assert_allclose(float(log_det), 10 * np.linalg.slogdet(w())[1], rtol=1e-5)
    np.testing.assert_allclose(y.numpy(), np.einsum("ij,njhw->nihw", w(), x), atol=1e-5)


@pytest.mark.parametrize("swap", [False, True])
def test_a_coupling_keeps_one_half(swap):
    model, x = shaken("AffineCoupling, swapped" if swap else "AffineCoupling", dtype=np.float64)
    kept, changed = (slice(2, 5), slice(0, 2)) if swap else (slice(0, 2), slice(2, 5))
    y = model(x)[0].numpy()
    np.testing.assert_array_equal(y[:, kept], x[:, kept])
    j = jacobian(model, x[:1])
    np.testing.assert_array_equal(j[kept, kept], np.eye(len(j[kept])))
    assert np.count_nonzero(j[changed, changed]) == len(j[changed]) and np.abs(j[changed, kept]).min() > 0


@pytest.mark.parametrize("hidden", [(9, 8), (4,), (2,), (40, 3, 17)])
def test_an_autoregressive_jacobian_is_triangular(hidden):
    g = default_rng(0)
    layer = Autoregressive(made(5, hidden, rng=g))
    for p in layer.parameters():
        p.data = g.normal(p.shape)
    x = g.normal((20, 5))
    whole = sum(np.abs(jacobian(layer, row)) for row in np.split(x, 20))
    assert (np.triu(whole, 1) == 0).all() and (whole.diagonal() > 0).all()
    if len(hidden) == 2 and hidden[0] == 9:
        assert (whole[np.tril_indices(5)] > 0).all()  # and of those before, it reads every one


def test_a_scale_is_bounded_and_itself_where_it_is_small():
    s = np.array([-50.0, -0.01, 0.0, 0.01, 50.0])
    np.testing.assert_allclose(bounded(s), [-2, -0.01, 0, 0.01, 2], atol=1e-6)


def test_a_masked_layers_weights_begin_by_how_many_inputs_are_read():
    layer = MaskedLinear(np.tril(np.ones((6, 6), bool)), rng=default_rng(0))
    assert layer.fan_in == 3.5


@pytest.mark.parametrize("kind", [RealNVP, MAF])
def test_the_second_layer_changes_what_the_first_one_cannot(kind):
    """One coupling, or one autoregressive layer, leaves dz_1/dx_2 = 0; the next has the order turned round."""
    for layers, full in ((1, False), (2, True)):
        g = default_rng(0)
        model = kind(2, layers, (8,), rng=g)
        for p in model.parameters():
            p.data = p.data + 0.3 * g.normal(p.shape)
        assert (np.abs(sum(jacobian(model, row) for row in g.normal((5, 1, 2)))) > 1e-6).all() == full


def test_each_order_of_the_features_is_kept():
    order = checkerboard(4, 6)
    squares = np.add(*np.divmod(order, 6)) % 2
    assert sorted(order) == [*range(24)] and (squares == np.repeat([0, 1], 12)).all()
    x = np.arange(24.0)[None]
    layer = Permutation(order)
    np.testing.assert_array_equal(layer(x)[0][0], order)
    np.testing.assert_array_equal(layer.inverse(layer(x)[0]), x)


# ------------------------------------------------------------------------------------------------------------------ learning


@in_the_plane
def test_what_a_flow_can_say_it_learns(name):
    """A skewed Gaussian's entropy is the least any density can cost: 1/2 log det (2 pi e Sigma)."""
    g = default_rng(0)
    model = PLANE[name][0](g)
    a = np.array([[2.0, 0], [1.5, 0.4]], np.float32)
    entropy = 1 + np.log(2 * np.pi) + np.log(0.8)
    model.initialize(g.normal((500, 2)) @ a.T + 3)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for step in range(150):
        loss = -model.log_prob(g.normal((256, 2)) @ a.T + 3).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.lr = 1e-2 * optim.cosine_decay(step, steps=150)
        optimizer.step()
    eps = default_rng(9).normal((20_000, 2))
    with no_grad():
        costs = -model.log_prob(eps @ a.T + 3).numpy().mean(dtype=np.float64)
    sampled = entropy + ((eps.astype(np.float64) ** 2).sum(axis=1).mean() - 2) / 2  # the true density's cost of these very points
    assert -1e-3 < costs - sampled < 0.03


# ------------------------------------------------------------------------------------------------------------------ pictures of bytes


def test_logits_and_back():
    g = np.random.default_rng(0)
    images, u = g.integers(0, 256, (7, 1, 5, 5)).astype(np.uint8), g.random((7, 1, 5, 5))
    y = to_logits(images, u)
    assert y.dtype == np.float32 and y.shape == images.shape
    v = 1e-6 + (1 - 2e-6) * (images + u) / 256
    np.testing.assert_allclose(y, np.log(v / (1 - v)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(to_pixels(y), (images + u) / 256, atol=1e-6)
    assert (np.floor(to_pixels(y) * 256 + 1e-3 * (0.5 - u)) == images).mean() > 0.99
    ends = to_logits(np.array([[0, 255]], np.uint8), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(ends, [[np.log(1e-6), -np.log(1e-6)]], rtol=1e-5)
    assert np.array_equal(to_pixels(np.float32([-1000, 1000])), [0, 1])  # of a wild sample, without a warning


def test_bits_of_what_knows_nothing_are_eight():
    """A density uniform over the cube, as one of logits: dx/dy at each."""
    y = to_logits(np.random.default_rng(0).integers(0, 256, (5, 9)).astype(np.uint8), np.random.default_rng(1).random((5, 9))).astype(np.float64)
    h = 1e-5
    uniform = np.log((to_pixels(y + h) - to_pixels(y - h)) / (2 * h)).sum(axis=1)
    np.testing.assert_allclose(bits_per_dimension(uniform, y), 8, rtol=1e-6)
    np.testing.assert_allclose(bits_per_dimension(uniform + 9 * np.log(2), y), 7, rtol=1e-6)  # twice the density in each dimension: a bit less


def test_black_pixels_are_exponential():
    y = to_logits(np.zeros((1, 200_000), np.uint8), np.random.default_rng(0).random((1, 200_000))).astype(np.float64)
    np.testing.assert_allclose([y.mean(), y.std()], [-np.log(256) - 1, 1], atol=0.01)


def test_on_strict_arrays():
    images, u = np.arange(12, dtype=np.uint8).reshape(3, 4), np.random.default_rng(0).random((3, 4))
    y = to_logits(StrictArray(images), StrictArray(u))
    np.testing.assert_array_equal(y.get(), to_logits(images, u))
    np.testing.assert_allclose(to_pixels(y).get(), to_pixels(y.get()))
    log_p = np.zeros(3)
    np.testing.assert_allclose(bits_per_dimension(StrictArray(log_p), y).get(), bits_per_dimension(log_p, y.get()))


# ------------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize("make, message", [
    (lambda g: RealNVP(1, rng=g), "1 features cannot be cut in two"),
    (lambda g: Glow((1, 28, 30), num_levels=2, rng=g), "multiples of 4"),
    (lambda g: Glow((1, 28), rng=g), "cannot be halved"),
    (lambda g: Glow((1,), rng=g), "1 features cannot be cut in two"),
    (lambda g: Glow((2, 4, 4), num_levels=0, rng=g), "cannot be halved 0 times"),
    (lambda g: Permutation([0, 2, 2]), "each of 0 ... C - 1 once"),
    (lambda g: RealNVP(3, order=[0, 1], rng=g), "order"),
    (lambda g: MAF(3, order=[0, 1], rng=g), "order"),
    (lambda g: RealNVP(3, rng=g).log_prob(np.zeros((4, 2), np.float32)), r"got shape \(4, 2\); this flow takes \(N, 3\)"),
    (lambda g: Glow((1, 4, 4), rng=g).inverse(np.zeros((4, 1, 4, 4), np.float32)), r"takes \(N, 16, 1, 1\)"),
    (lambda g: to_logits(np.zeros((2, 3)), np.zeros((2, 3))), "takes bytes"),
    (lambda g: to_logits(np.zeros((2, 3), np.uint8), np.zeros((2, 1))), "noise of the same shape"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(default_rng(0))
