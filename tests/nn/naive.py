"""Layers written out as sums over indices, in NumPy.

They are slow, and independent of how tinygen computes them. They take any floating dtype.
"""

import math
from itertools import product

import numpy as np


def linear(x, w, b):
    return np.einsum("...i,oi->...o", x, w) + (0 if b is None else b)


def conv2d(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    n, c, height, width = x.shape
    num_outputs, group_size, kh, kw = w.shape
    padded = np.zeros((n, c, height + 2 * padding[0], width + 2 * padding[1]))
    padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = x
    ho = (padded.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    wo = (padded.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, num_outputs, ho, wo))
    for k, i, j, a, e in product(*map(range, (num_outputs, ho, wo, kh, kw))):
        first = k // (num_outputs // groups) * group_size  # first input channel of the group
        row, column = i * stride[0] + a * dilation[0], j * stride[1] + e * dilation[1]
        pixel = padded[:, first : first + group_size, row, column]
        y[:, k, i, j] += pixel @ w[k, :, a, e]
    return y + (0 if b is None else b[:, None, None])


def conv_transpose2d(
    x,
    w,
    b,
    stride=(1, 1),
    padding=(0, 0),
    output_padding=(0, 0),
    dilation=(1, 1),
    groups=1,
):
    n, c, height, width = x.shape
    _, group_size, kh, kw = w.shape
    full_height, full_width = (
        (size - 1) * s + d * (k - 1) + 1 + extra
        for size, s, d, k, extra in zip(
            (height, width), stride, dilation, (kh, kw), output_padding, strict=True
        )
    )
    y = np.zeros((n, group_size * groups, full_height, full_width))
    for k, i, j, a, e in product(*map(range, (c, height, width, kh, kw))):
        first = k // (c // groups) * group_size  # first output channel of the group
        row, column = i * stride[0] + a * dilation[0], j * stride[1] + e * dilation[1]
        y[:, first : first + group_size, row, column] += x[:, k, i, j, None] * w[k, :, a, e]
    rows = slice(padding[0], full_height - padding[0])
    columns = slice(padding[1], full_width - padding[1])
    return y[:, :, rows, columns] + (0 if b is None else b[:, None, None])


def normalize(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


def per_channel(v, ndim):
    """(C,) to (C, 1, ...), which broadcasts with x (N, C, ...)."""
    return v.reshape(-1, *[1] * (ndim - 2))


def attention(query, key, value, module, mask=None):
    """Multi-head attention of (N, L, E), head by head and query by query, and the mean weights.

    mask (L, S) is True where a query attends.
    """
    e, heads = module.embed_dim, module.num_heads
    d = e // heads
    w, b = module.in_proj_weight.data, module.in_proj_bias.data
    rows = [slice(i * e, (i + 1) * e) for i in range(3)]
    q, k, v = (linear(x, w[row], b[row]) for x, row in zip((query, key, value), rows, strict=True))
    y, weights = np.zeros_like(q), np.zeros((len(q), q.shape[1], k.shape[1]))
    for n, h, i in product(range(len(q)), range(heads), range(q.shape[1])):
        head = slice(h * d, (h + 1) * d)
        scores = np.array([q[n, i, head] @ k_j[head] / math.sqrt(d) for k_j in k[n]])
        if mask is not None:
            scores = np.where(mask[i], scores, -np.inf)
        p = np.exp(scores - scores.max())
        weights[n, i] += p / p.sum() / heads
        y[n, i, head] = sum(p_j * v_j[head] for p_j, v_j in zip(p, v[n], strict=True)) / p.sum()
    return linear(y, module.out_proj.weight.data, module.out_proj.bias.data), weights
