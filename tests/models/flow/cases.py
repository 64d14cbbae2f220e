"""Layers and flows to test, with parameters that are not at their initial values."""

import numpy as np

from tinygen import default_rng, grad, no_grad, tensor
from tinygen.models.flow import (
    MAF,
    ActNorm,
    AffineAutoregressive,
    AffineCoupling,
    Flow,
    Glow,
    InvertibleLinear,
    MADENetwork,
    Permutation,
    RealNVP,
    Squeeze,
)
from tinygen.models.flow.realnvp import make_mlp

# name: (function of an rng that builds the layer or flow, shape of one x)
LAYERS = {
    "ActNorm": (lambda rng: ActNorm(5), (5,)),
    "ActNorm of pictures": (lambda rng: ActNorm(3), (3, 2, 2)),
    "Permutation": (lambda rng: Permutation([3, 0, 4, 1, 2]), (5,)),
    "InvertibleLinear": (lambda rng: InvertibleLinear(5, rng=rng), (5,)),
    "InvertibleLinear of pictures": (lambda rng: InvertibleLinear(3, rng=rng), (3, 2, 2)),
    "Squeeze": (lambda rng: Squeeze(), (2, 4, 2)),
    "AffineCoupling": (lambda rng: AffineCoupling(make_mlp(2, (7,), 6, rng=rng)), (5,)),
    "AffineCoupling, swapped": (
        lambda rng: AffineCoupling(make_mlp(3, (7,), 4, rng=rng), swap=True),
        (5,),
    ),
    "AffineAutoregressive": (
        lambda rng: AffineAutoregressive(MADENetwork(5, (9, 8), rng=rng)),
        (5,),
    ),
}
PLANE_FLOWS = {
    "RealNVP": (lambda rng: RealNVP(2, 4, (12,), rng=rng), (2,)),
    "Glow": (lambda rng: Glow((2,), 2, hidden=12, rng=rng), (2,)),
    "MAF": (lambda rng: MAF(2, 3, (16,), rng=rng), (2,)),
}
FLOWS = PLANE_FLOWS | {
    "RealNVP, reordered": (lambda rng: RealNVP(5, 3, (8,), [4, 0, 2, 3, 1], rng=rng), (5,)),
    "MAF, reordered": (lambda rng: MAF(5, 2, (9,), [4, 0, 2, 3, 1], rng=rng), (5,)),
    "Glow of pictures": (lambda rng: Glow((1, 4, 4), 1, 2, hidden=4, rng=rng), (1, 4, 4)),
    "MAF of five": (lambda rng: MAF(5, 2, (12, 9), rng=rng), (5,)),
}


def perturbed(name, n=64, dtype=np.float32, scale=0.15):
    """Build a layer or flow, perturb all its parameters by noise, and draw n examples.

    At the start the networks give zeros, which would hide errors. A flow's ActNorms are initialized
    from the examples afterwards.
    """
    build, shape = (LAYERS | FLOWS)[name]
    rng = default_rng(0)
    model = build(rng)
    for p in model.parameters():
        p.data = p.data + scale * rng.normal(p.shape)
    model.map_arrays_(lambda a: a.astype(dtype) if a.dtype.kind == "f" else a)
    x = 1.5 * rng.normal((n, *shape), dtype) + 0.5
    if isinstance(model, Flow):
        model.initialize(x)
    return model, x


def as_array(y):
    """Unwrap the array of a Tensor; return an array as it is."""
    return np.asarray(getattr(y, "data", y))


def jacobian(model, x):
    """Compute dy/dx (D, D) of one example x (1, ...), row by row by the backward pass."""
    x = tensor(x, requires_grad=True)
    y = model(x)[0]
    rows = np.eye(y.size).reshape(-1, *y.shape)
    return np.stack([grad(y, x, g, retain_graph=True)[0].numpy().ravel() for g in rows])


def numeric_jacobian(model, x, h=1e-6):
    """Compute dy/dx (D, D) of one example x (1, ...) by central differences."""
    steps = h * np.eye(x.size).reshape(-1, *x.shape[1:])
    with no_grad():
        plus, minus = (as_array(model(x + sign * steps)[0]) for sign in (1, -1))
    return (plus - minus).reshape(x.size, -1).T / (2 * h)
