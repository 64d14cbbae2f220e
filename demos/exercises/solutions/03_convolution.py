"""Solution of exercise 3: the gradient of a convolution with respect to its input.

y[o] reads x[i] with the weight w[t] if s o + t - p = i. So

    dL/dx[i] = sum over o of g[o] dy[o]/dx[i]        chain rule
             = sum of g[o] w[t] over all pairs (o, t) with s o + t - p = i

It is easiest to go through the pairs (o, t), to compute i, and to add g[o] w[t] there. Two outputs
whose windows overlap send something back to the same x[i], so their parts are added. Where i lies
outside of x, y[o] has read padding, which is a constant and has no gradient.

With stride 1, put o = i + p - t into the sum:

    dL/dx[i] = sum over t of w[t] g[i + p - t]

This is a convolution of g with the kernel in the opposite order.
"""

import numpy as np


def conv_dx(g, w, size, stride, padding):
    """Return dL/dx (size,) from g = dL/dy and the kernel w, arrays of one axis."""
    dx = np.zeros(size)
    for o in range(len(g)):
        for t in range(len(w)):
            i = stride * o + t - padding
            if 0 <= i < size:
                dx[i] += g[o] * w[t]
    return dx
