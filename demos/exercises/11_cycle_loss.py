"""Exercise 11. The cycle consistency loss of a CycleGAN.

The slide: CycleGAN. The paper: Zhu, Park, Isola and Efros, Unpaired Image-to-Image Translation
using Cycle-Consistent Adversarial Networks, 2017.

**Theory.** G translates pictures of X into pictures of Y, and F translates back. There are no
pairs, so nobody knows how G(x) should look. But there and back again should give the same picture:

    forward cycle     x -> G(x) -> F(G(x)), which should be x
    backward cycle    y -> F(y) -> G(F(y)), which should be y

The loss is the sum of the two distances, each a mean of absolute errors over all numbers of the
batch:

    L_cyc = mean |F(G(x)) - x| + mean |G(F(y)) - y|

**Rules.** A rule is given g = dL/dz, where z is the result and L the final scalar. It returns the
cotangent of an argument: g times the derivative (the chain rule). The mean absolute error is one
number, so its g is one number, too. The derivative of |u| is sign(u): 1 for u > 0 and -1 for u < 0.
At u = 0 there is none, and 0 is taken: sign(0) = 0.

**Your task.** Write the mean absolute error, its rule for x_hat, and the loss. Use operators,
methods such as .mean(), abs(...), and `sign`, which takes arrays and Tensors.

    python demos/exercises/check.py 11
    python demos/exercises/check.py 11 --hint 1
"""

from tinygen.ops import sign


def mean_absolute_error(x, x_hat):
    """Return the mean of |x_hat - x| over all elements, one number."""
    # Your lines here.


def rule_of_x_hat(g, x, x_hat):
    """Return the cotangent of x_hat, of its shape, from g, the cotangent of the mean."""
    # Your lines here.


def cycle_loss(G, F, x, y):
    """Return L_cyc of the functions G: X -> Y and F: Y -> X, and of batches x and y."""
    # Your lines here.
