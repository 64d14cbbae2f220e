"""The longer CUDA bodies of activation functions and their rules, for `elementwise` of kernels.py.

They stand here so that `ops/activation.py` shows the formulas in NumPy. Each is compared with its
twin there. `fmax` and `fmin` drop a NaN: fmax(NaN, 0) is 0. So they are used only in a sum whose
other term is NaN if x is, so that the result is NaN as it should be.
"""

from __future__ import annotations

__all__ = [
    "GELU_RULE",
    "GELU_TANH",
    "GELU_TANH_RULE",
    "LOG_SIGMOID",
    "SILU_RULE",
    "SOFTPLUS",
    "SOFTPLUS_RULE",
]

SOFTPLUS = """
    T u = beta * x;
    y = (u > threshold ? u : fmax(u, T(0)) + log1p(exp(-fabs(u)))) / beta;
"""

SOFTPLUS_RULE = """
    T u = beta * x;
    dx = u > threshold ? g : g / (1 + exp(-u));
"""

LOG_SIGMOID = "y = fmin(x, T(0)) - log1p(exp(-fabs(x)))"

SILU_RULE = """
    T s = 1 / (1 + exp(-x));
    dx = g * (s + y * (1 - s));
"""

GELU_RULE = """
    T density = exp(x * x * T(-0.5)) * T(0.39894228040143268);  // 1 / sqrt(2 pi)
    dx = g * (T(0.5) * (1 + erf(x * T(0.70710678118654752))) + x * density);
"""

GELU_TANH = """
    T u = T(0.79788456080286536) * x * (1 + T(0.044715) * (x * x));  // sqrt(2 / pi)
    y = T(0.5) * x * (1 + tanh(u));
"""

GELU_TANH_RULE = """
    const T scale = T(0.79788456080286536), cubic = T(0.044715);
    T xx = x * x, t = tanh(scale * x * (1 + cubic * xx));
    T du = T(0.5) * scale * x * (1 - t * t) * (1 + 3 * cubic * xx);
    dx = g * (T(0.5) * (1 + t) + du);
"""
