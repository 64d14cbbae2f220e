"""Exercise 10. Adaptive instance normalization (AdaIN): how a style acts.

The slide: Génération de visages - Deepfake (source: StyleGAN). The papers: Huang and Belongie,
Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization, 2017; Karras, Laine and
Aila, A Style-Based Generator Architecture for Generative Adversarial Networks, 2019.

**Theory.** The generator of a StyleGAN starts from a learned constant. After each convolution, a
style sets how strong every channel is, in two steps. Instance normalization removes the old
strength: each channel of each *picture* gets mean 0 and variance 1 over its pixels. Then the style
gives it a new scale and a new shift:

    x_norm = (x - mean) / sqrt(variance + eps)       over height and width, for each n and c
    y      = scale x_norm + shift                    one scale and one shift for each n and c

x has the shape (N, C, H, W), scale and shift (N, C). `scale[:, :, None, None]` has the shape
(N, C, 1, 1), and broadcasts against x.

**Rules.** A rule is given g = dL/dy, of the shape of y, where L is the final scalar. It returns the
cotangent of an argument, which is the derivative of L with respect to it. A scale is used by all
pixels of its channel. By the chain rule its cotangent is a sum over everything that it was used
for:

    dL/dscale[n, c] = sum over i, j of g[n, c, i, j] dy[n, c, i, j]/dscale[n, c]

**Your task.** Write AdaIN and the rules of scale and shift. (The rule of x is that of exercise 4,
with other axes.) Use operators, methods such as .mean(axis=(2, 3), keepdims=True), and `sqrt`,
which takes arrays and Tensors.

    python demos/exercises/check.py 10
    python demos/exercises/check.py 10 --hint 1
"""

from tinygen.ops import sqrt

EPS = 0.1  # large, so that a forgotten one shows


def adain(x, scale, shift):
    """Return y (N, C, H, W), from x (N, C, H, W), scale (N, C) and shift (N, C)."""
    # Your lines here.


def rule_of_scale(g, x):
    """Return the cotangent of scale, (N, C), from g (N, C, H, W), the cotangent of y."""
    # Your lines here.


def rule_of_shift(g):
    """Return the cotangent of shift, (N, C), from g (N, C, H, W), the cotangent of y."""
    # Your lines here.
