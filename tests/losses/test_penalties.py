"""The penalties on gradients against what is known exactly about them."""

import numpy as np
import pytest

from tinygen import check_grads, grad, ops, tensor
from tinygen.losses import gradient_penalty, minimax_value, path_length, r1, saturating

# ------------------------------------------------------------------------------ gradient penalty


@pytest.mark.parametrize("distance, weight", [(0.5, 10.0), (3.0, 10.0), (2.0, 1.0)])
def test_wgan_gp_on_two_points_has_the_optimum_of_its_docstring(distance, weight):
    """A linear critic has the derivative 1 + d / (2 lambda) and the value d + d^2 / (4 lambda).

    W itself is d.
    """
    w = tensor(np.array([[0.3]]), requires_grad=True)
    x, t = np.full((1, 1), distance), np.array([0.7])
    for _ in range(200):
        penalty = gradient_penalty(lambda a, w=w: a @ w, x, 0 * x, t).mean()
        loss = (-(x @ w)).sum() + weight * penalty
        w = tensor(w.numpy() - 0.3 / (2 * weight) * grad(loss, w)[0].numpy(), requires_grad=True)
    np.testing.assert_allclose(w.numpy(), 1 + distance / (2 * weight), rtol=1e-6)
    value = distance + distance**2 / (4 * weight)
    np.testing.assert_allclose(-float(loss), value, rtol=1e-6)


def train_linear_critic(start, one_sided, distance=3.0, weight=10.0):
    """Return the derivative of a linear critic between two points after gradient ascent."""
    w = tensor(np.array([[start]]), requires_grad=True)
    x, t = np.full((1, 1), distance), np.array([0.7])
    for _ in range(150):
        penalty = gradient_penalty(lambda a, w=w: a @ w, x, 0 * x, t, one_sided=one_sided).mean()
        loss = -(x @ w).sum() + weight * penalty
        w = tensor(w.numpy() - 0.04 * grad(loss, w)[0].numpy(), requires_grad=True)
    return float(w.numpy()[0, 0])


@pytest.mark.parametrize("start", [-0.5, -0.1, 0.5])
def test_only_the_two_sided_penalty_holds_a_critic_at_the_wrong_sign(start):
    right, wrong = 1 + 3 / 20, -1 + 3 / 20
    assert train_linear_critic(start, one_sided=True) == pytest.approx(right, rel=1e-6)
    two_sided = train_linear_critic(start, one_sided=False)
    assert two_sided == pytest.approx(right if start > 0 else wrong, rel=1e-6)


def test_nothing_holds_a_critic_at_the_wrong_sign_beyond_2_lambda():
    w = train_linear_critic(-0.1, one_sided=False, weight=1.4)  # distance 3 > 2 * 1.4
    assert w == pytest.approx(1 + 3 / 2.8, rel=1e-6)


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_best_penalized_critic_on_a_line_is_that_of_the_docstring(one_sided):
    """The critic has a free derivative in each cell between two densities.

    At the derivative that the docstring of `gradient_penalty` gives, the gradient is 0, the value
    is as stated, and no other critic has a larger one.
    """
    x = (np.arange(60) + 0.5) / 10
    p, q = (f / f.sum() for f in (np.exp(-((x - 4) ** 2)), np.exp(-((x - 2) ** 2) / 0.5)))
    mass = (np.cumsum(q) - np.cumsum(p))[:-1]  # A of the docstring, at the borders between cells
    weight, dx = 2.0, 0.1
    r = (0.1 + p + q)[:-1]  # some density of where the penalty is measured
    r = r / (r.sum() * dx)

    def value(derivative):
        def critic(v):
            return v[:, 0] * derivative

        f = np.append(0, np.cumsum(derivative.numpy() * dx))  # the critic itself
        real, fake = np.zeros((2, 59, 1))
        penalty = gradient_penalty(critic, real, fake, np.zeros(59), one_sided=one_sided)
        by_parts = float((derivative * mass * dx).sum())
        assert by_parts == pytest.approx(((p - q) * f).sum())  # E_p[f] - E_q[f]
        return ((derivative * mass - weight * r * penalty) * dx).sum()

    best = tensor(1 + mass / (2 * weight * r), requires_grad=True)
    largest = value(best)
    np.testing.assert_allclose(grad(largest, best)[0].numpy(), 0, atol=1e-12)
    expected = (mass + mass**2 / (4 * weight * r)).sum() * dx
    assert float(largest) == pytest.approx(expected, rel=1e-9)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert float(value(tensor(best.numpy() + rng.normal(size=59)))) < float(largest)


def test_the_one_sided_penalty_is_zero_for_norms_below_1():
    derivative, x = np.array([0.2, -0.9, 1.5, -3.0]), np.zeros((4, 1))

    def critic(v):
        return v[:, 0] * derivative

    one_sided = gradient_penalty(critic, x, x, np.zeros(4), one_sided=True).numpy()
    np.testing.assert_allclose(one_sided, [0, 0, 0.25, 4], atol=1e-9)
    two_sided = gradient_penalty(critic, x, x, np.zeros(4)).numpy()
    np.testing.assert_allclose(two_sided, [0.64, 0.01, 0.25, 4], atol=1e-9)


def test_the_gradient_penalty_of_a_constant_critic_has_a_finite_gradient():
    w, x = tensor(np.zeros((3, 1)), requires_grad=True), np.ones((2, 3))
    penalty = gradient_penalty(lambda v: v @ w, x, x, np.zeros(2))
    np.testing.assert_allclose(penalty.numpy(), 1, rtol=1e-5)
    assert (grad(penalty.sum(), w)[0].numpy() == 0).all()


def test_the_gradient_penalty_has_the_precision_of_the_examples():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(2, 5, 3)).astype(np.float32)
    t = rng.random(5)  # float64, as NumPy draws it
    dtypes = []

    def critic(v):
        dtypes.append(v.dtype)
        return (v * v).sum(axis=1)

    penalty = gradient_penalty(critic, real, fake, t)
    assert penalty.dtype == np.float32 and dtypes == [np.float32]


# -------------------------------------------------------------------------------------------- R1


def test_r1_is_half_the_squared_gradient_norm():
    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(4, 4)), rng.normal(size=(5, 4))
    penalty = r1(lambda v: ((v @ a) * v).sum(axis=1), x).numpy()
    np.testing.assert_allclose(penalty, 0.5 * ((x @ (a + a.T)) ** 2).sum(axis=1))
    patches = rng.normal(size=(3, 1, 6, 6))
    penalty = r1(lambda v: 2 * v, patches).numpy()
    np.testing.assert_allclose(penalty, np.full(3, 0.5 * 4 * 36))


def run_dirac_gan(gamma):
    """Play the Dirac-GAN with simultaneous small steps.

    Returns the distance from the equilibrium (0, 0) at the end, and the smallest theta on the way.
    """
    theta, psi, thetas = 1.0, 0.0, []
    for _ in range(2000):
        psi_t = tensor(np.array(psi), requires_grad=True)
        theta_t = tensor(np.array(theta), requires_grad=True)
        penalty = r1(lambda v, psi_t=psi_t: v * psi_t, np.zeros(1)).sum()
        loss_d = -minimax_value(psi_t * 0.0, psi_t * theta) + gamma * penalty
        d_psi = float(grad(loss_d, psi_t)[0])
        d_theta = float(grad(saturating(psi * theta_t), theta_t)[0]) if psi else 0.0
        theta, psi = theta - 0.01 * d_theta, psi - 0.01 * d_psi
        thetas.append(theta)
    return np.hypot(theta, psi), min(thetas)


def test_r1_turns_the_circle_of_the_dirac_gan_into_a_spiral():
    """|f'(0)| = 1/2, so the game turns for gamma < 1, and for gamma = 2 it creeps as e^-0.134 t."""
    circle, _ = run_dirac_gan(gamma=0.0)
    spiral, smallest_theta = run_dirac_gan(gamma=0.5)
    assert circle > 0.99 and spiral < 0.02 and smallest_theta < -0.05  # it comes to the other side
    slow, smallest_theta = run_dirac_gan(gamma=2.0)
    assert spiral < slow < 0.1 and smallest_theta > 0  # it stays on its side


# ----------------------------------------------------------------------------------- path length


def test_path_length_of_a_linear_generator_is_the_norm_of_its_transpose_times_y():
    rng = np.random.default_rng(0)
    a, w, y = rng.normal(size=(3, 5)), rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    lengths = path_length(lambda v: v @ a, w, y).numpy()
    np.testing.assert_allclose(lengths, np.linalg.norm(y @ a.T, axis=1))


def test_squared_path_lengths_have_the_mean_and_variance_of_the_docstring():
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(3, 5)), rng.normal(size=(40_000, 5))
    lengths = path_length(lambda v: v @ a, np.zeros((40_000, 3)), y).numpy()
    s = np.linalg.svd(a, compute_uv=False)
    assert (lengths**2).mean() == pytest.approx((s**2).sum(), rel=0.02)
    assert (lengths**2).var() == pytest.approx(2 * (s**4).sum(), rel=0.05)


def test_path_length_takes_styles_with_several_axes():
    rng = np.random.default_rng(0)
    a, w, y = rng.normal(size=(3, 5)), rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2, 5))
    assert path_length(lambda v: v @ a, w, y).shape == (4,)


def test_path_length_sends_a_gradient_to_what_computed_w():
    rng = np.random.default_rng(0)
    start = tensor(rng.normal(size=(4, 3)), requires_grad=True)
    lengths = path_length(lambda v: v**3, start**2, rng.normal(size=(4, 3)))
    assert np.abs(grad(lengths.sum(), start)[0].numpy()).min() > 0


def test_the_path_length_of_a_constant_generator_has_a_finite_gradient():
    a = tensor(np.zeros((3, 5)), requires_grad=True)
    lengths = path_length(lambda v: v @ a, np.ones((2, 3)), np.ones((2, 5)))
    np.testing.assert_allclose(lengths.numpy(), 1e-6)
    assert (grad(lengths.sum(), a)[0].numpy() == 0).all()


def test_the_path_length_penalty_makes_all_singular_values_equal():
    """A linear generator starts with singular values 3, 1 and 0.2, and has no other loss.

    They also become small, since nothing else keeps them up.
    """
    rng = np.random.default_rng(0)
    u, v = (np.linalg.qr(rng.normal(size=shape))[0] for shape in ((8, 3), (3, 3)))
    a, running_mean = tensor((v * [3.0, 1.0, 0.2]) @ u.T, requires_grad=True), 1.0
    for _ in range(400):
        lengths = path_length(lambda w, a=a: w @ a, np.zeros((200, 3)), rng.normal(size=(200, 8)))
        running_mean += 0.05 * (float(lengths.numpy().mean()) - running_mean)
        gradient = grad(((lengths - running_mean) ** 2).mean(), a)[0].numpy()
        a = tensor(a.numpy() - 0.05 * gradient, requires_grad=True)
    s = np.linalg.svd(a.numpy(), compute_uv=False)
    assert s[0] / s[2] < 1.1, s  # 15 at the start


# ------------------------------------------------------------------------------- all of them


def make_conv_critic(weights):
    """Return a small convolutional critic with given weights."""
    w1, w2, w3 = weights

    def critic(x):
        h = ops.silu(ops.conv2d(x, w1, None, stride=2, padding=1))
        h = ops.tanh(ops.conv2d(h, w2, None, stride=1, padding=1))
        return ops.conv2d(h, w3, None).reshape((x.shape[0], -1)).sum(axis=1)

    return critic


@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1"])
def test_penalties_of_a_convolutional_critic_are_right_to_second_order(penalty):
    rng = np.random.default_rng(1)
    real, fake, t = rng.normal(size=(2, 2, 6, 6)), rng.normal(size=(2, 2, 6, 6)), rng.random(2)
    shapes = ((3, 2, 4, 4), (3, 3, 3, 3), (1, 3, 3, 3))
    weights = [rng.normal(size=shape) * 0.5 for shape in shapes]

    def f(*weights):
        if penalty == "r1":
            return r1(make_conv_critic(weights), real)
        return gradient_penalty(make_conv_critic(weights), real, fake, t)

    check_grads(f, *weights, order=2)


def sum_of_squares(v):
    return (v * v).sum(axis=1)


def test_penalties_take_arrays_of_other_libraries(cupy):
    x, t = cupy.asarray(np.ones((2, 3))), cupy.asarray(np.array([0.5, 0.25]))
    assert isinstance(r1(sum_of_squares, x).data, cupy.ndarray)
    assert isinstance(gradient_penalty(sum_of_squares, x, 0 * x, t).data, cupy.ndarray)
    assert isinstance(path_length(lambda v: v * v, x, x).data, cupy.ndarray)


def test_arguments_that_do_not_fit_are_refused():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"noise y \(2, 2\) and the generator's images \(2, 3\)"):
        path_length(lambda v: v * v, x, np.ones((2, 2)))
    with pytest.raises(ValueError, match="one number per example"):
        gradient_penalty(sum_of_squares, x, x, np.ones((2, 1)))
