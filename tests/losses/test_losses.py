"""The objectives against probability theory: numbers that only the right formula gives."""

import numpy as np
import pytest

from tinygen import grad, losses, ops, tensor

NUMPY_RNG = np.random.default_rng(0)


def gradients(f, *arrays):
    xs = [tensor(a, requires_grad=True) for a in arrays]
    return [g.numpy() for g in grad(f(*xs).sum(), xs)]


def test_bernoulli_is_a_probability():
    """Over all 2^4 pictures of four pixels, the probabilities sum to one."""
    logits = NUMPY_RNG.normal(size=4)
    pictures = np.array([[i >> k & 1 for k in range(4)] for i in range(16)], float)
    nll = losses.bernoulli_nll(np.broadcast_to(logits, (16, 4)), pictures)
    assert abs(np.exp(-nll).sum() - 1) < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logit, x, nll, slope", [
    (1e4, 1, 0, 0), (1e4, 0, 1e4, 1), (-1e4, 0, 0, 0), (-1e4, 1, 1e4, -1), (0, 1, np.log(2), -0.5), (40, 1, np.exp(-40), -np.exp(-40)),
])
def test_bernoulli_at_extreme_logits(dtype, logit, x, nll, slope):
    logits, x = np.array([[logit]], dtype), np.array([[x]], dtype)
    np.testing.assert_allclose(losses.bernoulli_nll(logits, x), [nll], rtol=1e-6)
    gl, gx = gradients(losses.bernoulli_nll, logits, x)
    np.testing.assert_allclose(gl, [[slope]], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gx, -logits)


@pytest.mark.parametrize("narrow", [np.float16, np.float32])
def test_bernoulli_takes_pixels_narrower_than_the_logits(narrow):
    logits, x = NUMPY_RNG.normal(size=(2, 5)) * 3, NUMPY_RNG.integers(0, 2, (2, 5)) * 0.5
    for a, b in ((np.float64, narrow), (np.float32, np.float16), (np.float16, np.float32)):
        y = losses.bernoulli_nll(logits.astype(a), x.astype(b))
        assert y.dtype == np.result_type(a, b)
        np.testing.assert_allclose(y, losses.bernoulli_nll(logits, x), rtol=1e-12 if a == np.float64 else 1e-5 if a == np.float32 else 1e-2)


def test_errors_are_log_likelihoods_up_to_a_constant():
    x, y, s = NUMPY_RNG.normal(size=(2, 3)), NUMPY_RNG.normal(size=(2, 3)), 0.7
    normal = -np.log(np.exp(-((x - y) ** 2) / (2 * s**2)) / (s * np.sqrt(2 * np.pi))).sum(1)
    np.testing.assert_allclose(losses.squared_error(x, y) / (2 * s**2) + 3 * np.log(s * np.sqrt(2 * np.pi)), normal)
    laplace = -np.log(np.exp(-np.abs(x - y) / s) / (2 * s)).sum(1)
    np.testing.assert_allclose(losses.absolute_error(x, y) / s + 3 * np.log(2 * s), laplace)


def test_absolute_error_at_its_kink():
    x = np.array([[1.0, 2.0, 3.0]])
    gx, gy = gradients(losses.absolute_error, x, np.array([[1.0, 1.0, 4.0]]))
    np.testing.assert_array_equal(gx, [[0, 1, -1]])
    np.testing.assert_array_equal(gy, [[0, -1, 1]])


def normal_density(z, mu, var):
    return np.exp(-((z - mu) ** 2) / (2 * var)) / np.sqrt(2 * np.pi * var)


@pytest.mark.parametrize("mu1, log_var1, mu2, log_var2", [(0.3, -1.0, 0.0, 0.0), (-2.0, 0.7, 0.0, 0.0), (0.5, 0.4, -0.8, -0.6), (1.0, -2.0, 0.0, 1.5)])
def test_divergences_are_the_integral(mu1, log_var1, mu2, log_var2):
    z = np.linspace(-30, 30, 200_001)
    q, p = normal_density(z, mu1, np.exp(log_var1)), normal_density(z, mu2, np.exp(log_var2))
    integral = np.sum(np.where(q > 0, q * np.log(np.maximum(q, 1e-300) / np.maximum(p, 1e-300)), 0)) * (z[1] - z[0])
    args = [np.array([[v]]) for v in (mu1, log_var1, mu2, log_var2)]
    np.testing.assert_allclose(losses.kl_between_normals(*args), [integral], atol=1e-9)
    if mu2 == log_var2 == 0:
        np.testing.assert_allclose(losses.kl_to_standard_normal(*args[:2]), [integral], atol=1e-9)


def test_kl_is_zero_and_flat_at_the_prior_and_keeps_its_digits_beside_it():
    zero = np.zeros((1, 3))
    assert losses.kl_to_standard_normal(zero, zero) == 0
    assert all((g == 0).all() for g in gradients(losses.kl_to_standard_normal, zero, zero))
    tiny = np.full((1, 1), 1e-3, np.float32)  # e^v - v - 1 = v^2/2 + v^3/6: the naive form has one digit of it left in float32
    np.testing.assert_allclose(losses.kl_to_standard_normal(0 * tiny, tiny), [2.5e-7 + 1e-9 / 12], rtol=2e-4)


def test_the_slide_s_formula_is_no_divergence():
    """As printed, sum(sigma^2 + mu^2 - log sigma - 1) is least at sigma^2 = 1/2, and negative there; the divergence at sigma = 1."""
    sigma = np.linspace(0.2, 2, 100_001)
    printed = sigma**2 - np.log(sigma) - 1
    assert abs(sigma[printed.argmin()] ** 2 - 0.5) < 1e-4 and printed.min() < -0.15
    kl = losses.kl_to_standard_normal(np.zeros((len(sigma), 1)), np.log(sigma**2)[:, None])
    assert abs(sigma[kl.argmin()] - 1) < 1e-4 and kl.min() >= 0


def test_samples_and_divergence_mean_the_same_sigma():
    """The commonest bug: e^log_var the standard deviation here, the variance there. E_q[log q - log p] over reparametrized z is the KL."""
    mu, log_var = np.array([[0.5, -1.2]]), np.array([[-1.5, 0.8]])
    n = 100_000
    z = losses.reparametrize(mu, log_var, NUMPY_RNG.normal(size=(n, 1, 2)))
    log_ratio = np.log(normal_density(z, mu, np.exp(log_var)) / normal_density(z, 0, 1)).sum(-1)[:, 0]
    kl, error = losses.kl_to_standard_normal(mu, log_var)[0], log_ratio.std() / np.sqrt(n)
    assert abs(log_ratio.mean() - kl) < 4 * error < 0.05
    wrong = mu + np.exp(log_var) * NUMPY_RNG.normal(size=(n, 1, 2))
    biased = np.log(normal_density(wrong, mu, np.exp(log_var)) / normal_density(wrong, 0, 1)).sum(-1)[:, 0]
    assert abs(biased.mean() - kl) > 40 * error  # the test can tell


def both_estimators(baseline=0.0):
    """Per-sample gradients in mu of E z^2 at mu = sigma = 1, by each way, at the nodes of a quadrature that is exact to degree 15; and its weights."""
    e, w = np.polynomial.hermite_e.hermegauss(8)
    mu, log_var = tensor(np.ones(8), requires_grad=True), tensor(np.zeros(8), requires_grad=True)
    z = losses.reparametrize(mu, log_var, e)
    by_path = grad((z * z).sum(), mu).numpy()
    drawn = z.detach()  # a draw, for which no derivative in mu exists
    log_q = -0.5 * ops.exp(-log_var) * (drawn - mu) ** 2 - 0.5 * log_var
    by_score = grad(losses.score_function(drawn * drawn - baseline, log_q).sum(), mu).numpy()
    return by_path, by_score, w / w.sum()


def test_variance_of_the_two_estimators():
    by_path, by_score, w = both_estimators()
    for estimates, variance in ((by_path, 4), (by_score, 30)):
        mean = (w * estimates).sum()
        assert abs(mean - 2) < 1e-12  # d(mu^2 + sigma^2)/dmu at mu = 1: both are unbiased
        assert abs((w * (estimates - mean) ** 2).sum() - variance) < 1e-10
    _, with_baseline, _ = both_estimators(baseline=4.0)
    mean = (w * with_baseline).sum()
    assert abs(mean - 2) < 1e-12 and abs((w * (with_baseline - mean) ** 2).sum() - 14) < 1e-10


def test_score_function_sends_nothing_to_f():
    f = tensor(np.ones(3), requires_grad=True)
    log_q = tensor(np.ones(3), requires_grad=True)
    losses.score_function(f, log_q).sum().backward()
    assert f.grad is None and (log_q.grad.numpy() == 1).all()


@pytest.mark.parametrize("call, message", [
    (lambda: losses.bernoulli_nll(np.zeros((2, 3)), np.zeros((2, 1))), r"bernoulli_nll: got logits \(2, 3\), x \(2, 1\).*same shape"),
    (lambda: losses.bernoulli_nll(np.zeros((2, 3)), np.zeros((2, 3), np.uint8)), "x is uint8; give floats from 0 to 1"),
    (lambda: losses.squared_error(np.zeros((2, 3)), 1.0), r"x_hat \(\)"),
    (lambda: losses.squared_error(np.zeros(()), np.zeros(())), "N examples first"),
    (lambda: losses.absolute_error(np.zeros(2), np.zeros((2, 1))), "nothing is broadcast"),
    (lambda: losses.kl_to_standard_normal(np.zeros((2, 3)), np.zeros(3)), r"log_var \(3,\)"),
    (lambda: losses.kl_between_normals(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((1, 3))), r"log_var2 \(1, 3\)"),
    (lambda: losses.reparametrize(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((2, 1))), r"eps \(2, 1\)"),
    (lambda: losses.score_function(np.zeros(3), np.zeros((3, 1))), r"log_q \(3, 1\)"),
])
def test_errors_teach(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
