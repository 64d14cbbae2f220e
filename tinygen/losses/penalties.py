"""Penalties on the gradient of a network, which are differentiated a second time in training.

    gradient_penalty    WGAN-GP: a critic's gradient should have norm 1 between real and generated
    r1                  a discriminator's gradient should be 0 on the data
    path_length         a generator's output should move equally far for equal steps in w

A discriminator that separates two batches perfectly can do so with ever larger gradients. Then the
generator receives almost no gradient (minimax) or a very large one (Wasserstein). The first two
penalties are functions of the norm of the output's gradient in x, one number per example. (The
output is a critic's score or a discriminator's logit l.) Training differentiates them again, in the
weights of the network: `create_graph=True` records the first backward pass, through convolutions
too.

There are two other ways to bound a critic's gradient: `optim.clip_weights_`, the first and crudest
one, and spectral normalization, which bounds each layer (in nn).
"""

from __future__ import annotations

from collections.abc import Callable

from ..autograd.functional import grad
from ..autograd.tensor import Tensor, tensor
from ..ops import relu, sqrt
from ..ops.arguments import check_floating, check_sums, raw
from .per_example import sum_per_example

__all__ = ["gradient_penalty", "path_length", "r1"]

# Added under the square root of a squared norm: at 0 the square root has no derivative.
_EPS = 1e-12


def gradient_penalty(critic: Callable, real, fake, t, *, one_sided: bool = False):
    """Return (|grad_x critic(x)| - 1)^2 at x = t real + (1 - t) fake, per example.

    WGAN-GP adds lambda = 10 times its mean to the loss of the critic f.

    **Why norm 1, and why there.** The Wasserstein distance is a maximum over functions whose
    gradient has at most norm 1 (Kantorovich and Rubinstein):

        W(p, q) = max_{|f|_L <= 1} E_p[f] - E_q[f]

    The f that reaches it has gradient norm exactly 1 along the lines on which an optimal plan moves
    q onto p (the paper's proposition 1). The pairs of a batch are not that plan, but the points
    between them lie in the same region.

    **Its optimum on two points.** The maximum with a penalty is not W. Let the data lie at distance
    d from the generated point, and let the critic be linear with derivative s:

        value(s)  = s d - lambda (s - 1)^2                           what the critic maximizes
        0         = d - 2 lambda (s - 1)                             derivative in s
        s*        = 1 + d / (2 lambda)                               solve for s
        value(s*) = d + d^2 / (2 lambda) - d^2 / (4 lambda)          insert s*
                  = d + d^2 / (4 lambda)                             subtract

    W is d. So the value is too large by d^2 / (4 lambda) and no longer proportional to d.

    **Its optimum on a line**, for any two densities p and q. Let F_p and F_q be their distribution
    functions and A = F_q - F_p the mass that has yet to pass x. Let r be the density of the points
    at which the penalty is measured.

        E_p[f] - E_q[f] = integral of f (p - q) dx                   definition of the means
                        = [-f A] + integral of f' A dx               by parts, as p - q = -A'
                        = integral of f' A dx                        A is 0 at both ends
        value(f')       = integral of f' A - lambda r (|f'| - 1)^2 dx

    Each x can be treated separately. For A > 0 and f' > 0:

        0   = A - 2 lambda r (f' - 1)                                derivative in f'
        f'* = 1 + A / (2 lambda r)                                   solve for f'

    For A < 0, both signs change. Together:

        f'*        = sign(A) (1 + |A| / (2 lambda r))
        value(f'*) = integral of |A| + A^2 / (2 lambda r) - A^2 / (4 lambda r) dx
                   = W + integral of A^2 / (4 lambda r) dx           W = integral of |A| on a line

    **A second maximum with the wrong sign.** Let A > 0 and f' < 0, so that |f'| = -f':

        0  = A + 2 lambda r (-f' - 1)                                derivative in f'
        f' = -1 + A / (2 lambda r)                                   negative if A < 2 lambda r

    This is a lower, local maximum. A critic with a gradient of the wrong sign stays there. To
    leave, it would have to pass f' = 0, where the penalty is lambda. The generator then moves away
    from the data. On two points, where A = 1 and r = 1 / d, this holds up to d = 2 lambda. In many
    dimensions a gradient can turn round without becoming 0, on a line it cannot.

    `one_sided` penalizes only norms above 1: max(0, |grad| - 1)^2. The best f' is the same, and
    there is no second maximum, since the value is now concave in f' (Petzka, Fischer and
    Lukovnikov, 2018).

    **Numerics** The norm is sqrt(|grad|^2 + 1e-12). At 0 the square root has no derivative.

    **Source** Gulrajani et al., Improved Training of Wasserstein GANs, 2017, eq. 3.

    Parameters
    ----------
    critic : callable
        From examples (N, ...) to scores (N,) or (N, 1), each example on its own: no batch
        normalization.
    real, fake : array or Tensor (N, ...)
        Of the same shape. No gradient flows to them.
    t : array (N,)
        From U(0, 1). It is converted to the precision of `real`.
    one_sided : bool
        Whether to penalize only norms above 1.

    Returns
    -------
    Tensor (N,)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    check_floating("gradient_penalty", real=real)  # t takes its dtype
    check_sums("gradient_penalty", real=real)
    if real.shape != fake.shape or t.shape != real.shape[:1]:
        raise ValueError(
            f"gradient_penalty: real {real.shape} and fake {fake.shape} must have one shape, "
            f"and t {t.shape} one number per example"
        )
    real, fake = raw(real), raw(fake)
    t = t.astype(real.dtype).reshape(t.shape + (1,) * (real.ndim - 1))  # (N, 1, ...)
    norm = sqrt(_squared_gradient_norm(critic, t * real + (1 - t) * fake) + _EPS)
    excess = norm - 1
    return (relu(excess) if one_sided else excess) ** 2


def r1(discriminator: Callable, x):
    """Return 1/2 |grad_x l(x)|^2 per example, where l(x) is the discriminator's logit.

    gamma times its mean is added to the loss of the discriminator D. On real examples it is called
    R1, on generated ones R2.

    **Why.** At the equilibrium, q = p, the discriminator should be flat *on the data*. Any gradient
    there pushes the generator away again, and the game circles around the equilibrium for ever. The
    penalty is zero at the equilibrium itself, so it does not move it.

    **Derivation** for the smallest example, the Dirac-GAN. The data is a point at 0, the generated
    point is theta, and l(x) = psi x. Let D maximize f(psi theta) and G minimize it, by gradient
    flow. In the minimax game f(l) = log(1 - sigmoid(l)) = -softplus(l), and f'(0) = -1/2.

        theta' = -f'(psi theta) psi                                  G descends
        psi'   =  f'(psi theta) theta - gamma psi                    D ascends, less the penalty's
                                                                     gradient: grad_x l = psi

    Near the equilibrium (0, 0), with c = f'(0):

        d/dt (theta, psi) = [[0, -c], [c, -gamma]] (theta, psi)      linearize
        0  = mu (mu + gamma) + c^2                                   characteristic polynomial
        mu = -gamma / 2 +- sqrt(gamma^2 / 4 - c^2)                   the two eigenvalues

        gamma = 0             mu = +- i c: a circle, for ever
        0 < gamma < 2 |c|     complex, with real part -gamma / 2: a spiral inwards
        gamma > 2 |c|         real: no turning, but one eigenvalue, about -c^2 / gamma, is slow

    **Source** Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?,
    2018, eq. 9.

    Parameters
    ----------
    discriminator : callable
        From examples (N, ...) to logits (N,), (N, 1), or a map of patches, whose logits are summed.
        Each example on its own.
    x : array or Tensor (N, ...)
        No gradient flows to it.

    Returns
    -------
    Tensor (N,)
    """
    check_sums("r1", x=x)
    return 0.5 * _squared_gradient_norm(discriminator, raw(x))


def path_length(generator: Callable, w, y):
    """Return |J^T y| per example, where J = d generator(w) / dw.

    The penalty of StyleGAN2 is (|J^T y| - a)^2. Here a is a running mean of these lengths, which
    the caller keeps.

    **What it measures.** A small step dw moves the image by J dw. Let J = sum_i s_i u_i v_i^T be
    the singular value decomposition: a step along v_i moves the image by s_i times its length. Let
    y ~ N(0, I) be an image of noise.

        J^T y     = sum_i s_i (u_i . y) v_i                          transpose the decomposition
        |J^T y|^2 = sum_i s_i^2 (u_i . y)^2                          the v_i are orthonormal

    The u_i are orthonormal, so the numbers u_i . y are independent and N(0, 1). The square of such
    a number has mean 1 and variance 3 - 1 = 2. Hence

        mean of |J^T y|^2     = sum_i s_i^2
        variance of |J^T y|^2 = 2 sum_i s_i^4

    **Why hold it constant.** For a given mean, the variance is smallest where all s_i are equal
    (Cauchy-Schwarz). Then a step of a given length in w moves the image equally far in every
    direction. With one a for all w, it does so from every starting point. The penalty is largest
    where J stretches some directions much more than others. Alone, the penalty would also shrink
    all s_i and with them the variance, since a only follows the recent mean. The game prevents
    this: images must differ.

    **Without computing J**, which has one row per pixel. The number <generator(w), y> has the
    gradient J^T y in w. So one backward pass suffices, which is itself differentiated in the
    weights.

    **Numerics** The length is sqrt(|J^T y|^2 + 1e-12). At 0 the square root has no derivative.

    **Source** Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020, eq. 4 and
    appendix C.

    Parameters
    ----------
    generator : callable
        From styles w (N, ...) to images, each example on its own. Its other inputs, such as noise,
        are held fixed.
    w : array or Tensor (N, ...)
        The length is over all axes but the first. A Tensor stays in its graph, so the network that
        computed it (the mapping network) is trained too.
    y : array or Tensor
        Of the shape of the images, from N(0, I). Divided by the square root of the number of
        pixels, the lengths do not grow with that number.

    Returns
    -------
    Tensor (N,)

    Raises
    ------
    ValueError
        If y has not the shape of the images.
    """
    check_sums("path_length", w=w)
    if not (isinstance(w, Tensor) and w.requires_grad):
        w = tensor(w, requires_grad=True)
    images = generator(w)
    if images.shape != y.shape:
        raise ValueError(
            f"path_length: noise y {y.shape} and the generator's images {images.shape} differ in "
            "shape; draw one number for each"
        )
    (g,) = grad((images * raw(y)).sum(), w, create_graph=True)  # J^T y
    return sqrt(sum_per_example(g * g) + _EPS)


def _squared_gradient_norm(f: Callable, x):
    """Return |grad_x f(x)|^2 per example, (N,), as a function of the weights of f.

    The gradient of the sum of all outputs is, in each example, that of its own output. This holds
    only if f treats each example on its own.
    """
    x = tensor(x, requires_grad=True)
    (g,) = grad(f(x).sum(), x, create_graph=True)
    return sum_per_example(g * g)
