"""Penalties on a network's slope, whose own gradient is a second derivative: against a discriminator that grows steep, for a generator that goes evenly.

A discriminator that separates two batches perfectly may do so ever more steeply, and then tells the generator nothing (minimax) or everything at once
(Wasserstein). Two penalties here are of |grad_x D(x)|, one number an example; trained with, they are differentiated again, in D's weights:
`create_graph=True`, through convolutions too.

`path_length` is of the *generator*: how far its picture goes for a step in its style, whichever way.

Beside them: `optim.clip_weights_`, the first and crudest way, and spectral normalization, which bounds each layer (nn).
"""

from __future__ import annotations

from collections.abc import Callable

from ..autograd.functional import grad
from ..autograd.tensor import Tensor, tensor
from ..ops import relu, sqrt

__all__ = ["gradient_penalty", "path_length", "r1"]


def gradient_penalty(critic: Callable, real, fake, t, *, one_sided: bool = False):
    """(|grad_x critic(x)| - 1)^2 at x = t real + (1 - t) fake, for each example: (N,). Times lambda = 10 it is WGAN-GP's.

    **Why 1, and why there.** The Wasserstein distance is a maximum over functions of slope at most 1 (Kantorovich and Rubinstein),

        W(p, q) = max_{|f|_L <= 1} E_p[f] - E_q[f],

    and the f that reaches it has slope exactly 1 along the lines on which an optimal plan moves q onto p (the paper's proposition 1). Pairs of the batch
    are not that plan, but lie between the two.

    **What it costs.** The maximum is then not W. On two points at distance d a linear critic of slope w gains w d - lambda (w - 1)^2: best at
    w = 1 + d / (2 lambda), where it is d + d^2 / (4 lambda). Too high by d^2 / (4 lambda), and no longer proportional to d.

    **On a line** it is known for any two densities. Let A = F_q - F_p be the mass that has yet to pass x, and r the density of the x where the slope is measured.
    By parts E_p[f] - E_q[f] = int f' A dx, and each x can be treated by itself: f' A - lambda r (|f'| - 1)^2 is greatest at

        f' = sign(A) (1 + |A| / (2 lambda r)),    where the integral of it is W + int A^2 / (4 lambda r) dx.

    **The wrong way up.** It has a second, lower peak: with A > 0, at f' = -1 + A / (2 lambda r), while A < 2 lambda r. A critic that leans the wrong way is held
    there, for between lies f' = 0, where the penalty is lambda: G goes away from the data, on two points as far as d = 2 lambda. Pictures have many dimensions,
    and a gradient in them can turn round without becoming 0; on a line it cannot. `one_sided` counts slopes above 1 alone, max(0, |grad| - 1)^2: the same best
    f', and no second peak, for now all is concave in f' (Petzka, Fischer and Lukovnikov, 2018).

    **Numerics.** |g| = sqrt(|g|^2 + 1e-12): at g = 0 the square root has no derivative.

    Parameters
    ----------
    critic : pictures (N, ...) to (N,) or (N, 1), each example by itself: no batch normalization.
    real, fake : (N, ...), the same shape.
    t : (N,) from U(0, 1); taken in real's precision.
    one_sided : the penalty is for slopes above 1 alone.

    Source: Gulrajani et al., Improved Training of Wasserstein GANs, 2017, eq. 3.
    """
    if real.shape != fake.shape or t.shape != real.shape[:1]:
        raise ValueError(f"gradient_penalty: real {real.shape} and fake {fake.shape} must have one shape, and t {t.shape} one number an example")
    real, fake = _data(real), _data(fake)
    t = t.astype(real.dtype).reshape(t.shape + (1,) * (real.ndim - 1))
    excess = sqrt(_squared_slope(critic, t * real + (1 - t) * fake) + 1e-12) - 1
    return (relu(excess) if one_sided else excess) ** 2


def r1(discriminator: Callable, x):
    """1/2 |grad_x D(x)|^2, D the logit, for each example: (N,). On real examples it is R1, on fakes R2; gamma times its mean is added to D's loss.

    **Why.** At the equilibrium, q = p, a discriminator should be flat *on the data*: any slope there pushes the generator off again, and the game circles around
    the equilibrium for ever. The example of two points (Dirac-GAN) shows it: D(x) = psi x on data at 0 and a fake at theta has, with game f,

        theta' = -f'(..) psi,  psi' = f'(..) theta - gamma psi:

    without gamma a circle (eigenvalues +-i f'(0)), with it a spiral inwards (gamma < 2 |f'(0)|; above, no turning at all, and the slow way ever slower). The
    penalty is zero for the equilibrium itself, and so moves it not.

    Parameters
    ----------
    discriminator : (N, ...) to logits (N,), (N, 1) or a map of patches, whose logits are summed; each example by itself.
    x : (N, ...).

    Source: Mescheder, Geiger and Nowozin, Which Training Methods for GANs do actually Converge?, 2018, eq. 9.
    """
    return 0.5 * _squared_slope(discriminator, _data(x))


def path_length(generator: Callable, w, y):
    """|J^T y|, J = d generator(w) / dw, for each example: (N,). The penalty is (|J^T y| - a)^2, a a running mean of these lengths, which the caller keeps.

    **What it measures.** A step dw moves the picture by J dw. Let J = sum_i s_i u_i v_i^T be the singular value decomposition: a step along v_i moves it by s_i.
    For a picture of noise y ~ N(0, I) the numbers u_i . y are independent and N(0, 1), so

        |J^T y|^2 = sum_i s_i^2 (u_i . y)^2,    of mean sum_i s_i^2 and variance 2 sum_i s_i^4.

    **Why hold it constant.** For a given mean, the variance is least where all s_i are the same: a step of one length in w then moves the picture equally far
    whichever way it goes, and with one a for all w, wherever it starts. A generator that is badly stretched there pays most. By itself it also shrinks all s_i, and
    the variance with them; a, which is what the mean was of late, only follows. What holds against that is the game: pictures must differ.

    **Without J**, which has a row a pixel: <generator(w), y> is one number, and its gradient in w is J^T y. One backward pass, itself differentiated in the weights.
    **Numerics.** sqrt(|J^T y|^2 + 1e-12), as above.

    Parameters
    ----------
    generator : styles w (N, ...) to pictures, each example by itself; what else it takes (noise) held fixed.
    w : (N, ...): the length is over all other axes. A Tensor stays in its graph: what made it (the mapping network) is trained too.
    y : of the pictures' shape, from N(0, I); divided by the root of the number of pixels, lengths do not grow with it.

    Source: Karras et al., Analyzing and Improving the Image Quality of StyleGAN, 2020, eq. 4 and appendix C.
    """
    if not (isinstance(w, Tensor) and w.requires_grad):
        w = tensor(w, requires_grad=True)
    pictures = generator(w)
    if pictures.shape != y.shape:
        raise ValueError(f"path_length: noise y {y.shape} and the generator's pictures {pictures.shape} differ in shape; draw a number for each")
    g = grad((pictures * _data(y)).sum(), w, create_graph=True)
    return sqrt((g * g).sum(axis=tuple(range(1, g.ndim))) + 1e-12)


def _squared_slope(f: Callable, x):
    """|grad_x f(x)|^2 of each example, (N,), which can be differentiated in f's weights. Examples must not see one another: then the gradient of
    the sum of all outputs is, in each example, that of its own."""
    x = tensor(x, requires_grad=True)
    g = grad(f(x).sum(), x, create_graph=True)
    return (g * g).sum(axis=tuple(range(1, g.ndim)))


def _data(a):
    """The array of a tensor: pictures are where the slope is measured, and nothing is learned through them."""
    return a.data if isinstance(a, Tensor) else a
