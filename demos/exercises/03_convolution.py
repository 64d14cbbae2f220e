"""Exercise 3. The gradient of a convolution with respect to its input.

The slides: Convolutional Autoencoders; Convolutional GAN.

**Theory.** In one dimension, for one channel, with the stride s and the padding p, the convolution
of x with the kernel w is

    y[o] = sum over t of w[t] x[s o + t - p]         x[i] = 0 for i outside of x

In words: output o reads a window of x that begins at s o - p. Let L be the final scalar and
g[o] = dL/dy[o] the cotangent of y. By the chain rule

    dL/dx[i] = sum over o of g[o] dy[o]/dx[i]

and dy[o]/dx[i] is the weight with which y[o] reads x[i], 0 if it does not read it. With a stride
above 1, it can be that no output reads the last elements of x. Their gradient is 0.

**Your task.** Compute dL/dx, of the shape of x. Loops are welcome: speed is not asked for. The
result is what frameworks call a transposed convolution, the layer with which a decoder or a
generator makes a small map larger.

    python demos/exercises/check.py 3
    python demos/exercises/check.py 3 --hint 1
"""

import numpy as np


def conv(x, w, stride, padding):
    """Return y[o] = sum_t w[t] x[stride o + t - padding], an array of one axis."""
    padded = np.pad(x, padding)
    size = (len(padded) - len(w)) // stride + 1
    return np.array([w @ padded[stride * o : stride * o + len(w)] for o in range(size)])


def conv_dx(g, w, size, stride, padding):
    """Return dL/dx (size,) from g = dL/dy and the kernel w, arrays of one axis."""
    dx = np.zeros(size)
    # Your lines here. Add to dx[i] what each output o sends back to it, then return dx.
