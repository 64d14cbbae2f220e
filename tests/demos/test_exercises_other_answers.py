"""demos/exercises: right answers that look different from the solution are accepted, too."""

import check
import numpy as np
import pytest

OTHER_ANSWERS = {
    1: """
from tinygen.ops import exp

def kl(mu, log_var):
    return (exp(log_var) / 2 + mu**2 / 2 - log_var / 2 - 0.5).sum(1)

def rule_of_mu(g, mu, log_var):
    return mu * g.reshape((-1, 1))

def rule_of_log_var(g, mu, log_var):
    return g[:, None] * exp(log_var) / 2 - 0.5 * g[:, None]
""",
    2: """
from tinygen.ops import exp

def sample(mu, log_var, eps):
    return eps * exp(log_var) ** 0.5 + mu

def rule_of_mu(g, mu, log_var, eps):
    return 1 * g

def rule_of_log_var(g, mu, log_var, eps):
    return g * (sample(mu, log_var, eps) - mu) / 2  # sigma eps = z - mu
""",
    3: """
import numpy as np

def conv_dx(g, w, size, stride, padding):
    spread = np.zeros(stride * (len(g) - 1) + 1)
    spread[::stride] = g  # zeros between the outputs
    full = np.convolve(spread, w)
    full = np.concatenate([full, np.zeros(size + 2 * padding - len(full))])
    return full[padding : padding + size]
""",
    4: """
from tinygen.ops import sqrt

EPS = 0.1

def rule_of_x(g, x):  # the three paths, one after the other
    N = x.shape[0]
    c = x - x.mean(axis=0)
    r = ((c * c).mean(axis=0) + EPS) ** -0.5
    dv = (g * c).sum(axis=0) * -0.5 * r**3
    dm = -g.sum(axis=0) * r
    return g * r + dm / N + dv * 2 * c / N
""",
    5: """
import numpy as np
from tinygen import grad, tensor

def gradient_penalty(critic, real, fake, t):
    x = tensor((real - fake) * t.reshape(-1, 1) + fake, requires_grad=True)
    scores = critic(x)
    (g,) = grad(scores, x, grad_outputs=np.ones(scores.shape), create_graph=True)
    return (((g**2).sum(1) + 1e-12) ** 0.5 - 1) ** 2
""",
    6: """
import numpy as np

def rule_of_discriminator(g, D, p, q):
    return g * (p * (1 - D) - q * D) / (D * (1 - D))

def optimal_discriminator(p, q):
    return 1 / (1 + q / p)

def optimal_value(p, q, dx):
    D = p / (p + q)
    return np.sum(dx * (p * np.log(D) + q * np.log1p(-D)))
""",
    7: """
def posterior(t, beta, alpha_bar):
    before, now = alpha_bar[t - 1], alpha_bar[t]
    alpha = now / before
    variance = (1 - alpha) * (1 - before) / (1 - now)
    return [before**0.5 * (1 - alpha) / (1 - now), alpha**0.5 * variance / (1 - alpha), variance]
""",
    8: """
import numpy as np

def forward(x, net):
    k = x.shape[1] // 2
    s, t = net(x[:, :k])
    y = x.copy()
    y[:, k:] = y[:, k:] * np.exp(s) + t
    return [y, np.log(np.exp(s).prod(1))]

def inverse(y, net):
    k = y.shape[1] // 2
    s, t = net(y[:, :k])
    x = y.copy()
    x[:, k:] = (x[:, k:] - t) / np.exp(s)
    return x
""",
    9: """
import numpy as np

def m_step(x, r):
    weights, means, covariances = [], [], []
    for column in r.T:
        n = column.sum()
        weights.append(n / len(x))
        means.append(np.average(x, axis=0, weights=column))
        c = x - means[-1]
        covariances.append(sum(w * np.outer(a, a) for w, a in zip(column, c)) / n)
    return weights, means, covariances
""",
    10: """
EPS = 0.1

def per_pixel(a):
    return a.reshape((*a.shape, 1, 1))

def normal(x):
    c = x - per_pixel(x.mean(axis=(2, 3)))
    return c / per_pixel(((c * c).mean(axis=(2, 3)) + EPS) ** 0.5)

def adain(x, scale, shift):
    return normal(x) * per_pixel(scale) + per_pixel(shift)

def rule_of_scale(g, x):
    return (g * normal(x)).sum(3).sum(2)

def rule_of_shift(g):
    return g.sum(3).sum(2)
""",
    11: """
import numpy as np
from tinygen.ops import sign

def mean_absolute_error(x, x_hat):
    return np.mean(np.abs(x - x_hat))

def rule_of_x_hat(g, x, x_hat):
    return -(g / np.prod(x.shape)) * sign(x - x_hat)

def cycle_loss(G, F, x, y):
    return np.abs(F(G(x)) - x).mean() + np.abs(G(F(y)) - y).mean()
""",
    12: """
from tinygen.ops import exp, sigmoid, softplus

def log_likelihood(x, logits):
    return -(x * softplus(-logits) + (1 - x) * softplus(logits)).sum(1)

def rule_of_logits(g, x, logits):
    return (g * (x - sigmoid(logits)).T).T

def elbo(x, logits, mu, log_var):
    kl = (exp(log_var) / 2 - log_var / 2 + mu**2 / 2 - 0.5).sum(axis=1)
    return log_likelihood(x, logits) - kl
""",
}


@pytest.mark.parametrize("number", OTHER_ANSWERS)
def test_another_right_answer_is_accepted(number):
    exercise, solution = check.read(check.exercise(number)), check.solution(number)
    with np.errstate(all="ignore"):
        parts = list(check.grade(number, exercise, (OTHER_ANSWERS[number], "answer")))
        assert parts == list(check.grade(number, exercise, solution))
