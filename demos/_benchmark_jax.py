"""The VAEs of the benchmark in JAX, compiled: those of _benchmark_tinygen.py.

A function computes the gradient of the loss and Adam's step; XLA compiles it as a whole. Parameters
have the names and shapes of tinygen's. Images lie channels-last, which is faster here.
"""

from __future__ import annotations

import jax
import numpy as np
from _benchmark_step import Step
from jax import lax
from jax import numpy as jnp
from jax.nn import log_sigmoid, relu, sigmoid

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
LAYOUT = ("NHWC", "OIHW", "NHWC")  # of the input, the weight and the output


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def conv(p, name, x):
    y = lax.conv_general_dilated(
        x, p[f"{name}.weight"], (2, 2), ((1, 1), (1, 1)), dimension_numbers=LAYOUT
    )
    return y + p[f"{name}.bias"]


def conv_transpose(p, name, x):
    y = lax.conv_transpose(
        x, p[f"{name}.weight"], (2, 2), "SAME", dimension_numbers=LAYOUT, transpose_kernel=True
    )
    return y + p[f"{name}.bias"]


def vae_step(shapes, encode, decode, reconstruction_loss, x) -> Step:
    """Build the step of a VAE: `encode` returns features, `decode` maps z to a reconstruction."""
    rng = np.random.default_rng(0)
    parameters = {}
    for name, shape in shapes.items():
        bound = np.prod(shape[1:]) ** -0.5 if name.endswith("weight") else 0
        parameters[name] = jnp.asarray(rng.uniform(-bound, bound, shape).astype(np.float32))
    zeros = {name: jnp.zeros_like(value) for name, value in parameters.items()}
    state = {"vae": parameters, "m": zeros, "v": zeros, "step": jnp.zeros((), jnp.int32)}
    latent_dim = shapes["to_mu.bias"][0]

    def loss(p, x, eps):
        h = encode(p, x)
        mu, log_var = linear(p, "to_mu", h), linear(p, "to_log_var", h)
        x_hat = decode(p, mu + eps * jnp.exp(0.5 * log_var))
        kl = 0.5 * jnp.sum(mu * mu + jnp.exp(log_var) - log_var - 1)
        return (jnp.sum(reconstruction_loss(x_hat, x)) + kl) / len(x)

    @jax.jit
    def update(state, x, eps):
        value, g = jax.value_and_grad(loss)(state["vae"], x, eps)
        step = state["step"] + 1
        m = {k: BETA1 * state["m"][k] + (1 - BETA1) * g[k] for k in g}
        v = {k: BETA2 * state["v"][k] + (1 - BETA2) * g[k] ** 2 for k in g}
        rate = LR / (1 - BETA1**step)
        correction = jnp.sqrt(1 - BETA2**step)
        parameters = {
            k: state["vae"][k] - rate * m[k] / (jnp.sqrt(v[k]) / correction + EPS) for k in g
        }
        return {"vae": parameters, "m": m, "v": v, "step": step}, value

    @jax.jit
    def draw_noise(key):
        key, other_key = jax.random.split(key)
        return key, jax.random.normal(other_key, (len(x), latent_dim))

    key = jax.random.key(0)
    x = jnp.asarray(x)

    def draw():
        nonlocal key
        key, eps = draw_noise(key)
        return x, eps

    def train(x, eps):
        new_state, value = update(state, x, eps)
        state.update(jax.block_until_ready(new_state))
        return (value,)

    return Step(state, draw, train)


def mlp_vae() -> Step:
    shapes = {
        "encoder.0.weight": (400, 784),
        "encoder.0.bias": (400,),
        "to_mu.weight": (20, 400),
        "to_mu.bias": (20,),
        "to_log_var.weight": (20, 400),
        "to_log_var.bias": (20,),
        "decoder.0.weight": (400, 20),
        "decoder.0.bias": (400,),
        "decoder.2.weight": (784, 400),
        "decoder.2.bias": (784,),
    }

    def encode(p, x):
        return relu(linear(p, "encoder.0", x))

    def decode(p, z):
        return linear(p, "decoder.2", relu(linear(p, "decoder.0", z)))

    def bernoulli_nll(logits, x):
        return -(x * log_sigmoid(logits) + (1 - x) * log_sigmoid(-logits))

    x = np.random.default_rng(0).uniform(size=(128, 784)).astype(np.float32)
    return vae_step(shapes, encode, decode, bernoulli_nll, x)


def conv_vae() -> Step:
    shapes = {
        "encoder.0.weight": (32, 1, 4, 4),
        "encoder.0.bias": (32,),
        "encoder.2.weight": (64, 32, 4, 4),
        "encoder.2.bias": (64,),
        "to_mu.weight": (32, 3136),
        "to_mu.bias": (32,),
        "to_log_var.weight": (32, 3136),
        "to_log_var.bias": (32,),
        "decoder.0.weight": (3136, 32),
        "decoder.0.bias": (3136,),
        "decoder.3.weight": (64, 32, 4, 4),
        "decoder.3.bias": (32,),
        "decoder.5.weight": (32, 1, 4, 4),
        "decoder.5.bias": (1,),
    }

    def encode(p, x):
        h = relu(conv(p, "encoder.0", x.transpose(0, 2, 3, 1)))
        h = relu(conv(p, "encoder.2", h))  # (N, 7, 7, 64)
        return h.transpose(0, 3, 1, 2).reshape(len(x), -1)

    def decode(p, z):
        h = relu(linear(p, "decoder.0", z)).reshape(-1, 64, 7, 7)
        h = relu(conv_transpose(p, "decoder.3", h.transpose(0, 2, 3, 1)))
        return sigmoid(conv_transpose(p, "decoder.5", h)).transpose(0, 3, 1, 2)

    def squared_error(x_hat, x):
        return (x_hat - x) ** 2

    x = np.random.default_rng(0).uniform(size=(128, 1, 28, 28)).astype(np.float32)
    return vae_step(shapes, encode, decode, squared_error, x)


STEPS = {"mlp_vae": mlp_vae, "conv_vae": conv_vae}
