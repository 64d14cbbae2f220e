"""Layers computed with a function of their weight: spectral norm, equalized learning rate."""

from __future__ import annotations

import math
from typing import ClassVar

from .. import ops
from ..backend import RNG
from . import init
from .checks import check_rng
from .power_iteration import normalize, power_iteration
from .weighted import WeightedLayer, WeightWrapper

__all__ = ["EqualizedLR", "SpectralNorm"]


class SpectralNorm(WeightWrapper):
    """A layer with its weight divided by the weight's largest singular value sigma at every call.

    The matrix W of the layer, defined below, then lengthens no vector. So a linear layer is
    1-Lipschitz. A convolution need not be: it multiplies W with every window of its input, and a
    pixel lies in up to kh kw windows, so it can lengthen a vector by up to sqrt(kh kw).

    **Math** W is the weight as a matrix, with the axis of the outputs first and all others
    flattened. sigma = u^T W v, with the singular vectors u and v from power iteration. In training
    each call takes one step:

        v <- W^T u / |W^T u|,    u <- W v / |W v|.

    One step is enough, because the weight changes little between calls. For the gradient, u and v
    are constants (`ops.spectral_norm` says why). In evaluation they do not change.

    **Buffers**: u (n_out,) and v (n_in kernel positions,).

    **Names** in `state_dict()` are those of torch.nn.utils.parametrizations.spectral_norm.

    **Source** Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.

    Parameters
    ----------
    layer : a linear layer or a convolution.
    rng : source of the first u.
    eps : lower bound of the norms that are divided by.
    """

    state_names: ClassVar = {
        "layer.weight": "parametrizations.weight.original",
        "layer.bias": "bias",
        "u": "parametrizations.weight.0._u",
        "v": "parametrizations.weight.0._v",
    }
    reason_to_keep_weight = (
        "which has found its largest singular value already; draw its weights first, then wrap it"
    )

    def __init__(self, layer: WeightedLayer, *, rng: RNG, eps: float = 1e-12):
        check_rng(rng)
        super().__init__(layer)
        self.eps = eps
        w = self._as_matrix(layer.weight.data)
        u = normalize(rng.normal(w.shape[:1], w.dtype), eps)
        u, v = power_iteration(w, u, num_steps=15, eps=eps)  # a first sigma, to a few per cent
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def _as_matrix(self, w):
        """Return the raw weight as (n_out, n_in kernel positions)."""
        w = w.swapaxes(0, 1) if self.layer.output_axis else w
        return w.reshape(w.shape[0], math.prod(w.shape[1:]))

    def forward(self, x):
        """Call the layer with its weight divided by sigma."""
        w, u, v = self.layer.weight, self.u.data, self.v.data
        # u and v become new arrays. The graph of an earlier call may still hold the old ones: a
        # critic is called on real and on generated samples before it goes backward.
        if self.training:
            u, v = power_iteration(self._as_matrix(w.data), u, eps=self.eps)
            self.u[...], self.v[...] = u, v
        else:
            u, v = u.copy(), v.copy()
        if self.layer.output_axis == 0:
            w = ops.spectral_norm(w, u, v)
        else:
            w = ops.swapaxes(ops.spectral_norm(ops.swapaxes(w, 0, 1), u, v), 0, 1)
        return self.layer.forward_with(w, x)


class EqualizedLR(WeightWrapper):
    """A layer with an N(0, 1) weight that is multiplied by c = gain / sqrt(fan_in) at every call.

    The layer computes with the weight c w, which has the standard deviation of He et al. (2015) if
    gain = sqrt(2). So a signal keeps its power through the layer and the ReLU after it. Use gain 1
    where no ReLU follows.

    **Why the factor is not put into the initial weight.** Adam changes *every* weight by about lr
    in a step, whatever the size of its gradient. Without the factor outside, weights are of size c,
    so a step changes them by a fraction lr / c: much in a layer with many inputs, little in a layer
    with few. With the factor outside, all weights w are of size 1 and change by a fraction lr.
    **One learning rate then fits all layers.**

    That learning rate has to be larger than for a layer without the factor, because a change of w
    by lr changes the weight c w by only lr c. In a layer with 1,000 inputs, c = sqrt(2 / 1000) =
    0.045, so lr = 0.003 acts like 0.003 c = 0.00013 in an ordinary layer.

    **Source** Karras et al., Progressive Growing of GANs, 2018, section 4.1.

    Parameters
    ----------
    layer : a linear layer or a convolution. Its weight is redrawn and its bias set to 0, in place.
    gain : sqrt(2) if a ReLU follows, 1 if nothing does.
    rng : source of the new weight.
    """

    reason_to_keep_weight = (
        "whose weight is N(0, 1), and has He's deviation when it is used; leave it as it is"
    )

    def __init__(self, layer: WeightedLayer, gain: float = math.sqrt(2), *, rng: RNG):
        super().__init__(layer)
        self.scale = gain / math.sqrt(layer.fan_in)
        layer.weight.data = init.normal(layer.weight.shape, rng, dtype=layer.weight.dtype)
        if layer.bias is not None:
            layer.bias.data = layer.bias.data * 0

    def scaled_weight(self):
        """Return the weight that the layer computes with, c w."""
        return self.layer.weight * self.scale

    def forward(self, x):
        """Call the layer with its scaled weight."""
        return self.layer.forward_with(self.scaled_weight(), x)

    def extra_repr(self) -> str:
        """Return the scale c."""
        return f"scale={self.scale:.4g}"
