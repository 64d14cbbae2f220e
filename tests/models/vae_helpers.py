"""What the tests of the VAEs share."""

import numpy as np

from tinygen import default_rng
from tinygen.models.vae import VAE


def make_small_vae(latent_dim=1, shape=(1, 2, 3), seed=0):
    """Return an untrained VAE in float64, whose encoder is far from the posterior."""
    model = VAE(latent_dim, 8, shape, rng=default_rng(seed))
    return model.map_arrays_(lambda a: a.astype(np.float64))


def replace_parameters(model, arrays):
    """Put arrays or Tensors in place of the model's parameters, for `check_grads`."""
    names = [name for name, _ in model.named_parameters()]
    for name, array in zip(names, arrays, strict=True):
        *path, attribute = name.split(".")
        owner = model
        for part in path:
            owner = getattr(owner, part)
        owner.__dict__[attribute] = array


def integrate(values, z):
    """Return the integral over an evenly spaced z, along the last axis."""
    return values.sum(-1) * (z[1] - z[0])


def log_joint(model, image, z):
    """Return log p(x, z) = log p(x|z) + log p(z) at each of z (n,), for one latent dimension."""
    logits = model.decode(z[:, None]).numpy()  # (n, C, H, W)
    log_p_x_given_z = -np.logaddexp(0, (1 - 2 * image) * logits).sum((1, 2, 3))
    return log_p_x_given_z - z**2 / 2 - np.log(2 * np.pi) / 2
