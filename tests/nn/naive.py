"""Layers written out as sums over indices: slow, and independent of how tinygen computes them. NumPy, any floating dtype."""

import math

import numpy as np


def linear(x, w, b):
    return np.einsum("...i,oi->...o", x, w) + (0 if b is None else b)


def conv2d(x, w, b, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    (n, c, height, width), (o, cg, kh, kw) = x.shape, w.shape
    padded = np.zeros((n, c, height + 2 * padding[0], width + 2 * padding[1]))
    padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = x
    ho = (padded.shape[2] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    wo = (padded.shape[3] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, o, ho, wo))
    for k in range(o):
        group = k // (o // groups)
        for i in range(ho):
            for j in range(wo):
                for a in range(kh):
                    for e in range(kw):
                        pixel = padded[:, group * cg : (group + 1) * cg, i * stride[0] + a * dilation[0], j * stride[1] + e * dilation[1]]
                        y[:, k, i, j] += pixel @ w[k, :, a, e]
    return y + (0 if b is None else b[:, None, None])


def conv_transpose2d(x, w, b, stride=(1, 1), padding=(0, 0), output_padding=(0, 0), dilation=(1, 1), groups=1):
    (n, c, height, width), (_, og, kh, kw) = x.shape, w.shape
    full = [(x.shape[2 + i] - 1) * stride[i] + dilation[i] * (w.shape[2 + i] - 1) + 1 + output_padding[i] for i in (0, 1)]
    y = np.zeros((n, og * groups, *full))
    for k in range(c):
        group = k // (c // groups)
        for i in range(height):
            for j in range(width):
                for a in range(kh):
                    for e in range(kw):
                        place = i * stride[0] + a * dilation[0], j * stride[1] + e * dilation[1]
                        y[(slice(None), slice(group * og, (group + 1) * og), *place)] += x[:, k, i, j, None] * w[k, :, a, e]
    y = y[:, :, padding[0] : full[0] - padding[0], padding[1] : full[1] - padding[1]]
    return y + (0 if b is None else b[:, None, None])


def normalize(x, axes, eps):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def column(v, ndim):
    """(C,) to (C, 1, ...), to go with x (N, C, ...)."""
    return v.reshape(-1, *[1] * (ndim - 2))


def attention(query, key, value, module, mask=None):
    """Multi-head attention, head by head and query by query."""
    e, heads = module.embed_dim, module.num_heads
    d = e // heads
    w, b = module.in_proj_weight.data, module.in_proj_bias.data
    q, k, v = (linear(x, w[i * e : (i + 1) * e], b[i * e : (i + 1) * e]) for i, x in enumerate((query, key, value)))
    y = np.zeros_like(q)
    for n in range(len(q)):
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            for i in range(q.shape[1]):
                scores = np.array([q[n, i, part] @ k[n, j, part] / math.sqrt(d) for j in range(k.shape[1])])
                if mask is not None:
                    scores = np.where(mask[i], scores, -np.inf)
                p = np.exp(scores - scores.max())
                y[n, i, part] = sum(p[j] * v[n, j, part] for j in range(k.shape[1])) / p.sum()
    return linear(y, module.out_proj.weight.data, module.out_proj.bias.data)
