"""The text encoder: word order matters, padding does not, gradients, and what it can learn."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, no_grad, optim
from tinygen.data.faces.captions import VOCABULARY, tokenize
from tinygen.models.diffusion.guidance import classifier_free_guidance, drop_labels
from tinygen.models.diffusion.mlp import MLPDenoiser
from tinygen.models.diffusion.unet import UNet
from tinygen.models.text import TextEncoder

CAPTIONS = [
    "a man in a red hat, wearing a blue jumper",
    "a man in a blue hat, wearing a red jumper",
    "",
    "a man",
]
TOKENS = tokenize(CAPTIONS)
SMALL = {"embedding_dim": 6, "num_filters": 10}


def small_encoder(out_dim=8, dtype=np.float32):
    encoder = TextEncoder(len(VOCABULARY), out_dim, **SMALL, rng=default_rng(0))
    return encoder.map_arrays_(lambda a: a.astype(dtype))


def test_order_matters_and_padding_does_not():
    encoder = small_encoder()
    a, b, empty, short = encoder(TOKENS).numpy()
    assert a.shape == (8,) and a.dtype == np.float32 and np.abs(a - b).max() > 1e-3
    np.testing.assert_array_equal(empty, encoder.output.bias.numpy())
    for length in (3, 2):  # one zero of padding, and none
        found = encoder(TOKENS[3:, :length]).numpy()[0]
        np.testing.assert_allclose(found, short, rtol=1e-5, atol=1e-6)
    encoder.embedding.weight.data[0] = 100  # the row of the padding
    np.testing.assert_array_equal(encoder(TOKENS).numpy(), [a, b, empty, short])


def test_the_output_is_a_sum_over_words():
    """Written out word by word, with each word's neighbours, or zeros beyond the ends."""
    encoder = small_encoder(dtype=np.float64)
    table, kernel = encoder.embedding.weight.numpy(), encoder.conv.weight.numpy()
    for tokens, y in zip(TOKENS, encoder(TOKENS).numpy(), strict=True):
        words = [np.zeros(6), *(table[k] for k in tokens if k), np.zeros(6)]
        total = np.zeros(10)
        for three in zip(words, words[1:], words[2:]):
            h = sum(kernel[:, :, i] @ word for i, word in enumerate(three))
            h = h + encoder.conv.bias.numpy()
            total += h / (1 + np.exp(-h))
        normalized = (total - total.mean()) / np.sqrt(total.var() + 1e-5)
        expected = encoder.output.weight.numpy() @ normalized + encoder.output.bias.numpy()
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["embedding", "conv", "output"])
def test_gradients(name):
    encoder = small_encoder(2, np.float64)
    layer = getattr(encoder, name)
    weight = layer.weight.numpy().copy()

    def f(weight):
        layer.weight = weight
        return encoder(TOKENS[:, :11])

    check_grads(f, weight)


def test_on_a_gpu(cupy):
    found = []
    for move in (lambda a: a, cupy.asarray):
        encoder = small_encoder()
        encoder.map_arrays_(move)
        y = encoder(move(TOKENS))
        (y * y).mean().backward()
        found.append([y, *(p.grad for p in encoder.parameters())])
    for plain, on_gpu in zip(*found, strict=True):
        assert isinstance(on_gpu.data, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.numpy(), plain.numpy(), rtol=1e-4, atol=1e-6)


def test_it_learns_what_a_bag_of_words_cannot():
    """Captions have the same words in two orders; the encoder finds the colour of the hat."""
    colours, rng = ("red", "blue", "green", "yellow"), np.random.default_rng(0)
    pairs = np.array([rng.permutation(4)[:2] for _ in range(64)])
    texts = [f"a person in a {colours[a]} hat, wearing a {colours[b]} shirt" for a, b in pairs]
    tokens = tokenize(texts)
    settings = {"embedding_dim": 8, "num_filters": 16}
    encoder = TextEncoder(len(VOCABULARY), 8, **settings, rng=default_rng(0))
    optimizer = optim.Adam(encoder.parameters(), lr=1e-2)
    targets = np.zeros((64, 8), np.float32)  # one-hot colours of hat and shirt
    targets[np.arange(64), pairs[:, 0]] = targets[np.arange(64), 4 + pairs[:, 1]] = 1
    for _ in range(150):
        loss = ((encoder(tokens) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # without the order, the best prediction is 1/2 for four of the eight numbers: a loss of 1/8
    assert loss.item() < 1e-3


def captioned_unet(rng):
    encoder = TextEncoder(len(VOCABULARY), 32, rng=rng)
    settings = {"in_channels": 3, "widths": (8, 16), "patch_size": 2, "attention": False}
    return UNet(**settings, film=True, label_encoder=encoder, rng=rng), (3, 8, 8)


def captioned_mlp(rng):
    encoder = TextEncoder(len(VOCABULARY), 128, rng=rng)
    return MLPDenoiser(5, (8,), num_frequencies=0, label_encoder=encoder, rng=rng), (5,)


@pytest.mark.parametrize("build", [captioned_unet, captioned_mlp])
def test_a_network_conditioned_on_captions(build):
    rng = default_rng(0)
    model, shape = build(rng)
    for p in model.parameters():
        if not p.numpy().any():  # layers that start at 0 would hide the conditioning
            p.data += 0.3 * rng.normal(p.shape)
    x, t = np.repeat(rng.normal((1, *shape)), 4, axis=0), np.full(4, 0.5, np.float32)
    y = model(x, t, TOKENS)
    assert model.null_label == 0
    outputs = y.numpy()
    assert all(np.abs(outputs[i] - outputs[j]).max() > 1e-4 for i in range(4) for j in range(i))
    (y * y).mean().backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.parameters())
    with no_grad():
        mixture = classifier_free_guidance(model, TOKENS, model.null_label, 3.0)(x, t)
    expected = 3 * outputs - 2 * outputs[2:3]  # the third caption is empty
    np.testing.assert_allclose(mixture.numpy(), expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="needs them"):
        model(x, t)


def test_captions_are_dropped_as_a_whole():
    tokens = drop_labels(np.ones((10_000, 5), np.int64), 0, 0.1, rng=default_rng(1))
    assert tokens.shape == (10_000, 5) and set(tokens.sum(axis=1)) == {0, 5}
    assert abs((tokens[:, 0] == 0).mean() - 0.1) < 0.015
