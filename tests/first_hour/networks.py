"""Functions of networks: activations, softmax, normalizations, attention, embedding, dropout."""

import numpy as np

from tests.first_hour.phrases import F, Row, torch
from tinygen import ops


def glu(x):
    a, b = ops.split(x, 2, axis=-1)
    return a * ops.sigmoid(b)


ROWS = [
    Row("relu", lambda x: ops.relu(x), lambda x: np.maximum(x, 0), lambda x: F.relu(x)),
    Row(
        "sigmoid",
        lambda x: ops.sigmoid(x),
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: torch.sigmoid(x),
    ),
    Row("leaky_relu", lambda x: ops.leaky_relu(x, 0.2), None, lambda x: F.leaky_relu(x, 0.2)),
    Row("elu", lambda x: ops.elu(x), None, lambda x: F.elu(x)),
    Row("gelu", lambda x: ops.gelu(x), None, lambda x: F.gelu(x)),
    Row(
        "gelu by tanh",
        lambda x: ops.gelu(x, approximate="tanh"),
        None,
        lambda x: F.gelu(x, approximate="tanh"),
    ),
    Row("silu", lambda x: ops.silu(x), None, lambda x: F.silu(x)),
    Row("softplus", lambda x: ops.softplus(x), None, lambda x: F.softplus(x)),
    Row("softplus with beta", lambda x: ops.softplus(x, 2.0), None, lambda x: F.softplus(x, 2.0)),
    Row("log_sigmoid", lambda x: ops.log_sigmoid(x), None, lambda x: F.logsigmoid(x)),
    # Activations that are an expression here
    Row("celu", lambda x: 0.5 * ops.elu(x / 0.5), None, lambda x: F.celu(x, 0.5)),
    Row("glu", glu, None, lambda x: F.glu(x)),
    Row("hardswish", lambda x: x * ops.clip(x + 3, 0, 6) / 6, None, lambda x: F.hardswish(x)),
    Row("hardtanh", lambda x: ops.clip(x, -1, 1), None, lambda x: F.hardtanh(x)),
    Row("mish", lambda x: x * ops.tanh(ops.softplus(x)), None, lambda x: F.mish(x)),
    Row(
        "prelu",
        lambda x, bias: ops.where(x > 0, x, bias[0] * x),
        None,
        lambda x, bias: F.prelu(x, bias[:1]),
    ),
    Row("relu6", lambda x: ops.clip(6 * x, 0, 6), None, lambda x: F.relu6(6 * x)),
    Row(
        "selu",
        lambda x: 1.0507009873554805 * ops.elu(x, 1.6732632423543772),
        None,
        lambda x: F.selu(x),
    ),
    Row("softmin", lambda x: ops.softmax(-x, 1), None, lambda x: F.softmin(x, 1)),
    Row("softsign", lambda x: x / (1 + ops.abs(x)), None, lambda x: F.softsign(x)),
    Row("tanhshrink", lambda x: x - ops.tanh(x), None, lambda x: F.tanhshrink(x)),
    Row(
        "threshold",
        lambda x: ops.where(x > 0.5, x, 9.0),
        None,
        lambda x: F.threshold(x, 0.5, 9.0),
    ),
    # Softmax
    Row(
        "softmax", lambda logits: ops.softmax(logits, 1), None, lambda logits: F.softmax(logits, 1)
    ),
    Row(
        "softmax by name",
        lambda logits: ops.softmax(logits, axis=0),
        lambda logits: np.exp(logits) / np.exp(logits).sum(0),
        lambda logits: torch.softmax(logits, dim=0),
    ),
    Row(
        "softmax with a temperature",
        lambda logits: ops.softmax(logits / 0.5, axis=-1),
        None,
        lambda logits: F.softmax(logits / 0.5, dim=-1),
    ),
    Row(
        "log_softmax",
        lambda logits: ops.log_softmax(logits, axis=1),
        None,
        lambda logits: F.log_softmax(logits, dim=1),
    ),
    # Linear layers and tables
    Row(
        "linear",
        lambda x, weight, bias: ops.linear(x, weight, bias),
        lambda x, weight, bias: x @ weight.T + bias,
        lambda x, weight, bias: F.linear(x, weight, bias),
    ),
    Row(
        "embedding",
        lambda places, weight: ops.embedding(places, weight),
        lambda places, weight: weight[places],
        lambda places, weight: F.embedding(places, weight),
    ),
    Row(
        "embedding with a padding index",
        lambda places, weight: ops.embedding(places, weight, padding_idx=0),
        None,
        lambda places, weight: F.embedding(places, weight, padding_idx=0),
    ),
    Row(
        "one_hot",
        lambda labels: ops.one_hot(labels, 5),
        lambda labels: np.eye(5, dtype=np.float32)[labels],
        lambda labels: F.one_hot(labels, 5).float(),
    ),
    # Normalizations
    Row(
        "batch_norm in training",
        lambda images, channels, channels2: ops.batch_norm(
            images, None, None, channels, channels2, training=True
        ),
        None,
        lambda images, channels, channels2: F.batch_norm(
            images, None, None, channels, channels2, training=True
        ),
    ),
    Row(
        "batch_norm in evaluation",
        lambda images, channels, channels2: ops.batch_norm(
            images, channels2.detach(), channels.detach()
        ),
        lambda images, channels, channels2: (
            (images - channels2[:, None, None]) / np.sqrt(channels + 1e-5)[:, None, None]
        ),
        lambda images, channels, channels2: F.batch_norm(
            images, channels2.detach(), channels.detach()
        ),
    ),
    Row(
        "layer_norm",
        lambda x, channels, channels2: ops.layer_norm(x, (4,), channels, channels2),
        None,
        lambda x, channels, channels2: F.layer_norm(x, (4,), channels, channels2),
    ),
    Row(
        "layer_norm of images",
        lambda images: ops.layer_norm(images, (4, 8, 6)),
        None,
        lambda images: F.layer_norm(images, (4, 8, 6)),
    ),
    Row(
        "group_norm",
        lambda images, channels: ops.group_norm(images, 2, channels),
        None,
        lambda images, channels: F.group_norm(images, 2, channels),
    ),
    Row(
        "instance_norm",
        lambda images: ops.instance_norm(images),
        None,
        lambda images: F.instance_norm(images),
    ),
    Row(
        "normalize",
        lambda x: ops.normalize(x),
        lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
        lambda x: F.normalize(x),
    ),
    Row(
        "cosine_similarity",
        lambda x, y: ops.cosine_similarity(x, y),
        None,
        lambda x, y: F.cosine_similarity(x, y),
    ),
    # Attention
    Row(
        "attention",
        lambda query, key, value: ops.scaled_dot_product_attention(query, key, value),
        None,
        lambda query, key, value: F.scaled_dot_product_attention(query, key, value),
    ),
    Row(
        "attention, written out",
        lambda query, key, value: ops.softmax(query @ key.mT / 4**0.5) @ value,
        None,
        lambda query, key, value: F.softmax(query @ key.mT / 4**0.5, -1) @ value,
    ),
    Row(
        "causal attention",
        lambda query, key, value: ops.scaled_dot_product_attention(
            query, key, value, is_causal=True
        ),
        None,
        lambda query, key, value: F.scaled_dot_product_attention(query, key, value, is_causal=True),
    ),
    Row(
        "attention with a mask",
        lambda query, key, value: ops.scaled_dot_product_attention(
            query, key, value, np.tri(5, 6, 1, dtype=bool)
        ),
        None,
        lambda query, key, value: F.scaled_dot_product_attention(
            query, key, value, torch.ones(5, 6, dtype=bool).tril(1)
        ),
    ),
    Row(
        "attention with another scale",
        lambda query, key, value: ops.scaled_dot_product_attention(query, key, value, scale=0.1),
        None,
        lambda query, key, value: F.scaled_dot_product_attention(query, key, value, scale=0.1),
    ),
    # Dropout
    Row(
        "dropout in evaluation",
        lambda x: ops.dropout(x, 0.5, training=False),
        lambda x: x,
        lambda x: F.dropout(x, 0.5, training=False),
    ),
]
