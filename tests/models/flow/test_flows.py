"""Flows and their layers: dense Jacobians, inverses, integrals over the plane, entropies."""

import numpy as np
import pytest

from tests.models.flow.cases import (
    FLOWS,
    LAYERS,
    PLANE_FLOWS,
    as_array,
    jacobian,
    numeric_jacobian,
    perturbed,
)
from tinygen import check_grads, default_rng, no_grad, optim
from tinygen.models.flow import MAF, ActNorm, Glow, Permutation, RealNVP, Squeeze

each_map = pytest.mark.parametrize("name", LAYERS | FLOWS)
each_flow = pytest.mark.parametrize("name", FLOWS)
each_plane_flow = pytest.mark.parametrize("name", PLANE_FLOWS)


@each_map
def test_log_determinant_is_that_of_the_dense_jacobian(name):
    """The Jacobian by central differences and by the backward pass, and its determinant."""
    model, x = perturbed(name, dtype=np.float64)
    y, log_det = model(x)
    assert y.size == x.size
    assert getattr(log_det, "shape", ()) in ((), (len(x),))
    log_det = np.broadcast_to(as_array(log_det), (len(x),))
    for i in (0, 1, 2):
        exact = numeric_jacobian(model, x[i : i + 1])
        # Permutation and Squeeze have no parameters, so for them arrays stay arrays.
        if not isinstance(model, (Permutation, Squeeze)):
            tolerance = 1e-7 * max(1, np.abs(exact).max())
            np.testing.assert_allclose(jacobian(model, x[i : i + 1]), exact, atol=tolerance)
        np.testing.assert_allclose(log_det[i], np.linalg.slogdet(exact)[1], rtol=1e-6, atol=1e-7)


@each_map
def test_inverse_undoes_forward_in_float32(name):
    """In both orders, to 1e-5 of the largest value."""
    model, x = perturbed(name)
    with no_grad():
        y = model(x)[0]
        x_again = model.inverse(y)
        y_again = model(model.inverse(y))[0]
    for a, b in ((x_again, x), (y_again, y)):
        a, b = as_array(a), as_array(b)
        assert a.dtype == np.float32
        assert np.abs(a - b).max() <= 1e-5 * max(1, np.abs(b).max())


@each_plane_flow
def test_density_integrates_to_one_and_samples_follow_it(name):
    """A Riemann sum over the plane; the samples have the mean and the entropy of the density."""
    model, _ = perturbed(name, dtype=np.float64, scale=0.06)
    axis = np.linspace(-30, 30, 601)
    cell = (axis[1] - axis[0]) ** 2
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    with no_grad():
        log_p = np.concatenate([model.log_prob(x).numpy() for x in np.array_split(points, 10)])
        samples = model.inverse(default_rng(1).normal((50_000, 2), np.float64)).numpy()
        log_p_of_samples = model.log_prob(samples).numpy()
    p = np.exp(log_p) * cell
    np.testing.assert_allclose(p.sum(), 1, atol=1e-3)
    np.testing.assert_allclose(samples.mean(axis=0), p @ points, atol=0.04)
    mean_log_p = p @ np.log(np.maximum(p, 1e-300) / cell)
    np.testing.assert_allclose(log_p_of_samples.mean(), mean_log_p, atol=0.03)


@each_flow
def test_log_prob_is_the_change_of_variables(name):
    """It is log N(z; 0, I) plus the log-determinant of the Jacobian by central differences."""
    model, x = perturbed(name, n=32, dtype=np.float64)
    z = model(x)[0].numpy().reshape(32, -1)
    for i in (0, 1):
        log_det = np.linalg.slogdet(numeric_jacobian(model, x[i : i + 1]))[1]
        log_normal = -0.5 * (z[i] @ z[i]) - z.shape[1] / 2 * np.log(2 * np.pi)
        np.testing.assert_allclose(model.log_prob(x).numpy()[i], log_normal + log_det, rtol=1e-7)


@each_flow
def test_gradients_to_second_order(name):
    """check_grads of log p in x and in all parameters."""
    model, x = perturbed(name, n=16, dtype=np.float64)
    parameters = [*model.named_parameters()]

    def log_prob(x, *arrays):
        for (path, _), array in zip(parameters, arrays, strict=True):
            *owners, last = path.split(".")
            owner = model
            for part in owners:
                owner = getattr(owner, part)
            owner.__dict__[last] = array
        return model.log_prob(x)

    check_grads(log_prob, x[:3], *(p.data for _, p in parameters))


@each_flow
def test_flow_on_a_gpu(cupy, name):
    """On another array type the results are the same, and no array is converted silently."""
    plain, x = perturbed(name, dtype=np.float64)
    on_gpu = perturbed(name, dtype=np.float64)[0].to("cuda")
    on_gpu.initialize(cupy.asarray(x))  # runs on cupy.asarrays too, not only in `plain`
    on_gpu.load_state_dict({k: cupy.asarray(v) for k, v in plain.state_dict().items()})
    results = []
    for model, a in ((plain, x), (on_gpu, cupy.asarray(x))):
        log_p = model.log_prob(a)
        log_p.mean().backward()
        with no_grad():
            x_again = model.inverse(model(a)[0])
        results.append([log_p, x_again, *(p.grad for p in model.parameters())])
    for expected, actual in zip(*results, strict=True):
        assert isinstance(actual.data, cupy.ndarray)
        np.testing.assert_allclose(actual.numpy(), expected.numpy(), rtol=1e-9, atol=1e-9)


@each_flow
def test_samples_on_a_gpu(cupy, name):
    """Equal to those on NumPy arrays."""
    plain, on_gpu = perturbed(name)[0], perturbed(name)[0].to("cuda")
    expected, actual = (
        plain.sample(3, default_rng(5)),
        on_gpu.sample(3, default_rng(5, "cuda")).get(),
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


@each_flow
def test_float32_stays_float32(name):
    """Densities, samples, parameters and gradients."""
    model, x = perturbed(name)
    log_p = model.log_prob(x)
    log_p.mean().backward()
    arrays = [a for p in model.parameters() for a in (p, p.grad)]
    dtypes = {a.dtype for a in (log_p, model.sample(2, default_rng(0)), *arrays)}
    assert dtypes == {np.dtype(np.float32)}


@each_flow
def test_flow_starts_as_a_linear_map(name):
    """The last layers of all networks are zero, so f(x) + f(-x) = 2 f(0)."""
    build, shape = FLOWS[name]
    model = build(default_rng(0))
    x = default_rng(2).normal((4, *shape))
    np.testing.assert_allclose(
        (model(x)[0] + model(-x)[0]).numpy(), 2 * model(0 * x)[0].numpy(), atol=1e-5
    )


@each_flow
def test_state_can_be_loaded_into_another_flow(name):
    """One with other rotations and permutations; then both agree."""
    model, x = perturbed(name)
    other = FLOWS[name][0](default_rng(1))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.log_prob(x).numpy(), model.log_prob(x).numpy())
    np.testing.assert_array_equal(other.sample(3, default_rng(5)), model.sample(3, default_rng(5)))


@each_flow
def test_samples_have_no_graph_and_the_inverse_has_one(name):
    """`sample` runs under no_grad; z to x by `inverse` is differentiable."""
    build, shape = FLOWS[name]
    model = build(default_rng(1))
    inverse, has_graph = model.inverse, []

    def recorded(z):
        has_graph.append(inverse(z).requires_grad)
        return inverse(z)

    model.inverse = recorded
    model.sample(3, default_rng(5))
    assert has_graph == [False]
    assert inverse(default_rng(5).normal((3, *model.latent_shape))).requires_grad
    model.inverse = inverse
    assert model.sample(3, default_rng(5)).shape == (3, *shape)
    assert model.sample(0, default_rng(5)).shape == (0, *shape)


@pytest.mark.parametrize("name", FLOWS)
def test_initialize_normalizes_the_output_of_every_actnorm(name):
    """Each sees what the layers before it give, and its output has mean 0 and variance 1."""
    model, x = perturbed(name, n=200)
    with no_grad():
        for layer in model.layers:
            x = layer(x)[0]
            if isinstance(layer, ActNorm):
                y = x.numpy()
                axes = (0, *range(2, y.ndim))
                assert np.abs(y.mean(axis=axes)).max() < 1e-4
                assert np.abs(y.std(axis=axes) - 1).max() < 1e-4


@pytest.mark.parametrize("flow", [RealNVP, MAF])
def test_second_layer_changes_what_the_first_cannot(flow):
    """One coupling or autoregressive layer leaves dz_1/dx_2 = 0; a second one does not."""
    for num_layers, is_full in ((1, False), (2, True)):
        rng = default_rng(0)
        model = flow(2, num_layers, (8,), rng=rng)
        for p in model.parameters():
            p.data = p.data + 0.3 * rng.normal(p.shape)
        total = np.abs(sum(jacobian(model, x) for x in rng.normal((5, 1, 2))))
        assert (total > 1e-6).all() == is_full


@each_plane_flow
def test_flow_learns_a_skewed_gaussian(name):
    """Its negative log-likelihood reaches the entropy, 1/2 log det (2 pi e Sigma), to 0.03 nats."""
    rng = default_rng(0)
    model = PLANE_FLOWS[name][0](rng)
    a = np.array([[2.0, 0], [1.5, 0.4]], np.float32)
    entropy = 1 + np.log(2 * np.pi) + np.log(0.8)
    model.initialize(rng.normal((500, 2)) @ a.T + 3)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    schedule = optim.LRSchedule(optimizer, optim.cosine_decay, steps=150)
    for step in range(150):
        schedule.set(step)
        loss = -model.log_prob(rng.normal((256, 2)) @ a.T + 3).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    eps = default_rng(9).normal((20_000, 2))
    with no_grad():
        nll = -model.log_prob(eps @ a.T + 3).numpy().mean(dtype=np.float64)
    # The negative log-likelihood of these very points under the true density.
    best = entropy + ((eps.astype(np.float64) ** 2).sum(axis=1).mean() - 2) / 2
    assert -1e-3 < nll - best < 0.03


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda rng: RealNVP(1, rng=rng), "1 features cannot be split into two halves"),
        (lambda rng: Glow((1, 28, 30), num_levels=2, rng=rng), "multiples of 4"),
        (lambda rng: Glow((1, 28), rng=rng), "cannot be halved"),
        (lambda rng: Glow((1,), rng=rng), "1 features cannot be split into two halves"),
        (lambda rng: Glow((2, 4, 4), num_levels=0, rng=rng), "cannot be halved 0 times"),
        (lambda rng: RealNVP(3, order=[0, 1], rng=rng), "order"),
        (lambda rng: MAF(3, order=[0, 1], rng=rng), "order"),
        (
            lambda rng: RealNVP(3, rng=rng).log_prob(np.zeros((4, 2), np.float32)),
            r"got shape \(4, 2\); this flow takes \(N, 3\)",
        ),
        (
            lambda rng: Glow((1, 4, 4), rng=rng).inverse(np.zeros((4, 1, 4, 4), np.float32)),
            r"takes \(N, 16, 1, 1\)",
        ),
    ],
)
def test_invalid_arguments_raise(build, message):
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=message):
        build(default_rng(0))
