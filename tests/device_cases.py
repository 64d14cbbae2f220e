"""Every layer and every model, small, with a loss: `CASES` is what test_devices.py runs over.

A case builds its module with the source of random numbers alone, and must lie on its device. It
draws inputs by the same source. Each module has a case, and a test finds those that have none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tinygen import losses, nn, tensor
from tinygen.metrics import evaluators
from tinygen.models import (
    autoencoder,
    conditional_gan,
    conv_vae,
    cyclegan,
    dcgan,
    deepfake,
    flow,
    gan,
    iwae,
    linear_vae,
    pggan,
    pix2pix,
    style_discriminator,
    stylegan,
    text,
    vae,
    video,
    vqvae,
)
from tinygen.models.diffusion import conditioning, mlp, unet
from tinygen.models.flow import realnvp


class Case(NamedTuple):
    """A module, and how it is called in a training step."""

    build: Callable  # rng -> module
    loss: Callable  # (module, rng) -> a Tensor


def call(*shape: int) -> Callable:
    """Return a loss: the squares of the outputs for a random input."""

    def loss(module, rng):
        return squares(module(tensor(rng.normal(shape), requires_grad=True)))

    return loss


def squares(y):
    """Return the sum of squares of an output, or of the floating-point ones of a tuple."""
    parts = y if isinstance(y, tuple) else (y,)
    return sum((p * p).sum() for p in parts if hasattr(p, "dtype") and p.dtype.kind == "f")


def labels(rng, n: int, num_classes: int):
    """Return random classes on the device of rng."""
    return rng.integers(0, num_classes, (n,))


# ------------------------------------------------------------------------------------------- layers


def _layer(name: str, *shape: int, **settings) -> Case:
    """Return the case of a layer without random weights: built by keyword arguments alone."""
    cls = getattr(nn, name)
    return Case(lambda rng: cls(**settings), call(*shape))


def _norm(name: str, shape: tuple[int, ...], *sizes, **settings) -> Case:
    cls = getattr(nn, name)
    return Case(lambda rng: cls(*sizes, device=rng.device, **settings), call(*shape))


def _self_attention(module, rng):
    x = rng.normal((2, 3, 6))
    mask = rng.uniform((3, 3)) < -1  # nothing is masked
    return squares(module(x, x, x, attn_mask=mask))


LAYERS = {
    "ELU": _layer("ELU", 2, 3),
    "GELU": _layer("GELU", 2, 3),
    "AdaptiveAvgPool1d": _layer("AdaptiveAvgPool1d", 2, 3, 5, output_size=2),
    "AdaptiveAvgPool2d": _layer("AdaptiveAvgPool2d", 2, 3, 5, 5, output_size=2),
    "AvgPool1d": _layer("AvgPool1d", 2, 3, 6, kernel_size=2),
    "AvgPool2d": _layer("AvgPool2d", 2, 3, 5, 5, kernel_size=2, ceil_mode=True),
    "BatchNorm1d": _norm("BatchNorm1d", (4, 3), 3),
    "BatchNorm2d": _norm("BatchNorm2d", (2, 3, 4, 4), 3, momentum=None),
    "Conv1d": Case(lambda rng: nn.Conv1d(2, 3, 3, rng=rng), call(2, 2, 6)),
    "Conv2d": Case(lambda rng: nn.Conv2d(2, 4, 3, 2, 1, groups=2, rng=rng), call(2, 2, 6, 6)),
    "ConvTranspose1d": Case(lambda rng: nn.ConvTranspose1d(2, 3, 3, 2, rng=rng), call(2, 2, 6)),
    "ConvTranspose2d": Case(
        lambda rng: nn.ConvTranspose2d(2, 3, 4, 2, 1, rng=rng), call(2, 2, 3, 3)
    ),
    "Dropout": Case(lambda rng: nn.Sequential(nn.Dropout(0.5, rng=rng)), call(4, 5)),
    "Embedding": Case(
        lambda rng: nn.Embedding(5, 3, padding_idx=0, rng=rng),
        lambda module, rng: squares(module(labels(rng, 7, 5))),
    ),
    "EnsembleLinear": Case(
        lambda rng: nn.EnsembleLinear(3, 2, spectral_norm=True, rngs=[rng, rng]), call(4, 3)
    ),
    "EqualizedLR": Case(lambda rng: nn.EqualizedLR(nn.Linear(3, 2, rng=rng), rng=rng), call(4, 3)),
    "Flatten": _layer("Flatten", 2, 3, 4),
    "GroupNorm": _norm("GroupNorm", (2, 4, 3, 3), 2, 4),
    "GroupNormSiLU": _norm("GroupNormSiLU", (2, 4, 3, 3), 2, 4),
    "Identity": _layer("Identity", 2, 3),
    "InstanceNorm1d": _norm("InstanceNorm1d", (2, 3, 4), 3, track_running_stats=True),
    "InstanceNorm2d": _norm("InstanceNorm2d", (2, 3, 4, 4), 3, affine=True),
    "LayerNorm": _norm("LayerNorm", (2, 3), 3),
    "LeakyReLU": _layer("LeakyReLU", 2, 3),
    "Linear": Case(lambda rng: nn.Linear(3, 2, rng=rng), call(4, 3)),
    "LogSoftmax": _layer("LogSoftmax", 2, 3, dim=1),
    "MaxPool1d": _layer("MaxPool1d", 2, 3, 6, kernel_size=2),
    "MaxPool2d": Case(lambda rng: nn.MaxPool2d(3, 2, 1, return_indices=True), call(2, 3, 6, 6)),
    "ModuleDict": Case(
        lambda rng: nn.ModuleDict({"a": nn.Linear(3, 2, rng=rng)}),
        lambda module, rng: squares(module["a"](rng.normal((4, 3)))),
    ),
    "ModuleList": Case(
        lambda rng: nn.ModuleList([nn.Linear(3, 2, rng=rng)]),
        lambda module, rng: squares(module[0](rng.normal((4, 3)))),
    ),
    "MultiheadAttention": Case(
        lambda rng: nn.MultiheadAttention(6, 2, dropout=0.2, batch_first=True, rng=rng),
        _self_attention,
    ),
    "PReLU": _norm("PReLU", (2, 3), 3),
    "PixelNorm": _layer("PixelNorm", 2, 3),
    "PixelShuffle": _layer("PixelShuffle", 2, 4, 3, 3, upscale_factor=2),
    "PixelUnshuffle": _layer("PixelUnshuffle", 2, 3, 4, 4, downscale_factor=2),
    "ReLU": _layer("ReLU", 2, 3),
    "Sequential": Case(lambda rng: nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Tanh()), call(4, 3)),
    "SiLU": _layer("SiLU", 2, 3),
    "Sigmoid": _layer("Sigmoid", 2, 3),
    "Softmax": _layer("Softmax", 2, 3, dim=1),
    "Softplus": _layer("Softplus", 2, 3),
    "SpectralNorm": Case(
        lambda rng: nn.SpectralNorm(nn.Conv2d(2, 3, 3, rng=rng), rng=rng), call(2, 2, 4, 4)
    ),
    "Tanh": _layer("Tanh", 2, 3),
    "Unflatten": _layer("Unflatten", 2, 6, dim=1, unflattened_size=(2, 3)),
    "Upsample": _layer("Upsample", 2, 3, 4, 4, scale_factor=1.7, mode="nearest"),
}

# ------------------------------------------------------------------------------------------- models


def _images(rng, n=2, channels=1, size=8):
    return rng.uniform((n, channels, size, size))


def _autoencoder_loss(module, rng):
    x = _images(rng)
    return losses.squared_error(x, module(x)).sum()


def _vae_loss(module, rng):
    x = rng.bernoulli(_images(rng))
    bound, kl = vae.elbo(module, x, rng.normal((2, module.latent_dim)))
    log_w = iwae.log_weights(module, x, rng.normal((3, 2, module.latent_dim)))
    return (kl - bound).sum() - losses.iwae_bound(log_w).sum()


def _vqvae_loss(module, rng):
    loss, quantized = vqvae.vqvae_loss(module, _images(rng))
    module.quantizer.restart_dead_codes(module.encode(_images(rng)), 0, rng)
    return loss.sum() + squares(module.decode_indices(quantized.indices))


def _conditional_gan_loss(module, rng):
    x, y = _images(rng, 4), labels(rng, 4, 10)
    code = module.sample_code(y, rng)
    fake = module.G(code)
    loss = module.discriminator_loss(x, y, fake, code) + module.generator_loss(x, y, fake, code)
    return loss.sum()


def _conditional_gan(name: str) -> Case:
    cls = getattr(conditional_gan, name)
    return Case(
        lambda rng: cls(4, channels=4, image_shape=(1, 8, 8), rng=rng), _conditional_gan_loss
    )


def _flow_loss(module, rng):
    x = rng.normal((6, *module.shape))
    module.initialize(x)
    assert module.sample(2, rng).shape == (2, *module.shape)
    return -module.log_prob(x).sum()


def _invertible_loss(*shape: int) -> Callable:
    def loss(module, rng):
        y, log_det = module(tensor(rng.normal(shape), requires_grad=True))
        return squares(module.inverse(y)) + (log_det if hasattr(log_det, "sum") else 0 * y).sum()

    return loss


def _denoiser_loss(*shape: int) -> Callable:
    def loss(module, rng):
        n = shape[0]
        return squares(module(rng.normal(shape), rng.uniform((n,)), labels(rng, n, 3)))

    return loss


def _deepfake(rng):
    parts = [autoencoder.ConvAutoencoder(3, 2, (1, 8, 8), rng=rng) for _ in range(2)]
    return deepfake.Deepfake(*parts)


def _style_loss(module, rng):
    noise = module.sample_noise(2, rng)
    w = module.mapping(rng.normal((2, module.latent_dim)))
    layers = rng.uniform((2, module.num_layers)) < 0.5
    return squares(module.synthesis(stylegan.mix_styles(w, w[::-1], layers), noise))


MODELS = {
    "Autoencoder": Case(
        lambda rng: autoencoder.Autoencoder(3, (8, 6), (1, 8, 8), rng=rng), _autoencoder_loss
    ),
    "ConvAutoencoder": Case(
        lambda rng: autoencoder.ConvAutoencoder(3, 2, (1, 8, 8), rng=rng), _autoencoder_loss
    ),
    "LinearAutoencoder": Case(
        lambda rng: autoencoder.LinearAutoencoder(3, (1, 8, 8), rng=rng), _autoencoder_loss
    ),
    "VAE": Case(lambda rng: vae.VAE(3, 8, (1, 8, 8), rng=rng), _vae_loss),
    "ConvVAE": Case(lambda rng: conv_vae.ConvVAE(3, (2, 4), (1, 8, 8), rng=rng), _vae_loss),
    "LinearVAE": Case(
        lambda rng: linear_vae.LinearVAE(6, 2, rng=rng),
        lambda module, rng: -module.elbo(rng.normal((4, 6))).sum(),
    ),
    "VectorQuantizer": Case(
        lambda rng: vqvae.VectorQuantizer(5, 3, rng=rng),
        lambda module, rng: module(rng.normal((2, 3, 4, 4))).codebook_loss.sum(),
    ),
    "VQVAE": Case(lambda rng: vqvae.VQVAE(5, 3, 2, (1, 8, 8), rng=rng), _vqvae_loss),
    "MLPGenerator": Case(lambda rng: gan.MLPGenerator(3, (4,), (1, 2, 2), rng=rng), call(5, 3)),
    "MLPDiscriminator": Case(
        lambda rng: gan.MLPDiscriminator((4,), (2,), rng=rng),
        lambda module, rng: losses.gradient_penalty(
            module, rng.normal((4, 2)), rng.normal((4, 2)), rng.uniform((4,))
        ).sum(),
    ),
    "DCGenerator": Case(lambda rng: dcgan.DCGenerator(3, 1, 16, 4, rng=rng), call(4, 3)),
    "DCDiscriminator": Case(
        lambda rng: dcgan.DCDiscriminator(1, 16, 4, rng=rng), call(4, 1, 16, 16)
    ),
    "PGGenerator": Case(
        lambda rng: pggan.PGGenerator(3, (4, 4), rng=rng),
        lambda module, rng: squares(module(rng.normal((2, 3)), 8, 0.5)),
    ),
    "PGDiscriminator": Case(
        lambda rng: pggan.PGDiscriminator((4, 4), group_size=2, rng=rng),
        lambda module, rng: losses.r1(lambda x: module(x, 0.5), rng.normal((2, 3, 16, 16))).sum(),
    ),
    "MappingNetwork": Case(lambda rng: stylegan.MappingNetwork(3, 2, rng=rng), call(2, 3)),
    "StyledConv": Case(
        lambda rng: stylegan.StyledConv(2, 3, 4, False, rng=rng),
        lambda module, rng: squares(
            module(rng.normal((2, 2, 4, 4)), rng.normal((2, 4)), rng.normal((2, 1, 4, 4)))
        ),
    ),
    "ToRGB": Case(
        lambda rng: stylegan.ToRGB(2, 3, 4, 2, False, rng=rng),
        lambda module, rng: squares(module(rng.normal((2, 2, 4, 4)), rng.normal((2, 4)))),
    ),
    "StyleGenerator": Case(lambda rng: stylegan.StyleGenerator(4, (4, 4), rng=rng), _style_loss),
    "StyleGenerator, adain": Case(
        lambda rng: stylegan.StyleGenerator(4, (4, 4), adain=True, rng=rng), _style_loss
    ),
    "StyleDiscriminator": Case(
        lambda rng: style_discriminator.StyleDiscriminator((4, 4), group_size=2, rng=rng),
        call(2, 3, 8, 8),
    ),
    "UnconditionalGAN": _conditional_gan("UnconditionalGAN"),
    "ProjectionGAN": _conditional_gan("ProjectionGAN"),
    "ACGAN": _conditional_gan("ACGAN"),
    "InfoGAN": _conditional_gan("InfoGAN"),
    "SemiSupervisedGAN": _conditional_gan("SemiSupervisedGAN"),
    "BiGAN": _conditional_gan("BiGAN"),
    "ConvGenerator": Case(
        lambda rng: conditional_gan.ConvGenerator(3, 4, (1, 8, 8), 6, rng=rng), call(2, 3)
    ),
    "ConvDiscriminator": Case(
        lambda rng: conditional_gan.ConvDiscriminator(2, 0, 4, (1, 8, 8), 6, rng=rng),
        call(2, 1, 8, 8),
    ),
    "pix2pix.UNet": Case(lambda rng: pix2pix.UNet(1, 2, 16, 4, rng=rng), call(2, 1, 16, 16)),
    "PatchDiscriminator": Case(
        lambda rng: pix2pix.PatchDiscriminator(3, 4, rng=rng),
        lambda module, rng: squares(module(_images(rng), _images(rng, channels=2))),
    ),
    "ResidualUNet": Case(
        lambda rng: cyclegan.ResidualUNet(1, 16, 4, rng=rng),
        lambda module, rng: (
            cyclegan.run_cycles(
                module, module, _images(rng, size=16), _images(rng, size=16)
            ).cycle_loss
        ),
    ),
    "Deepfake": Case(
        _deepfake,
        lambda module, rng: (
            squares(module(_images(rng, 4), 0)) + squares(module.swap(_images(rng, 4), 1))
        ),
    ),
    "ClipAutoencoder": Case(
        lambda rng: video.ClipAutoencoder(6, 3, 2, 8, rng=rng),
        lambda module, rng: squares(module(rng.normal((4, 5, 6)))),
    ),
    "MovingObjectAutoencoder": Case(
        lambda rng: video.MovingObjectAutoencoder(6, 3, 8, rng=rng),
        lambda module, rng: squares(module(rng.uniform((4, 5, 6, 6)))),
    ),
    "ActNorm": Case(lambda rng: flow.ActNorm(3, device=rng.device), _invertible_loss(4, 3)),
    "Permutation": Case(
        lambda rng: flow.Permutation([2, 0, 1], device=rng.device), _invertible_loss(4, 3)
    ),
    "Squeeze": Case(lambda rng: flow.Squeeze(), _invertible_loss(2, 3, 4, 4)),
    "InvertibleLinear": Case(
        lambda rng: flow.InvertibleLinear(3, rng=rng), _invertible_loss(2, 3, 4, 4)
    ),
    "AffineCoupling": Case(
        lambda rng: flow.AffineCoupling(realnvp.make_mlp(1, (4,), 4, rng=rng)),
        _invertible_loss(4, 3),
    ),
    "AffineAutoregressive": Case(
        lambda rng: flow.AffineAutoregressive(flow.MADENetwork(3, (4,), rng=rng)),
        _invertible_loss(4, 3),
    ),
    "MaskedLinear": Case(
        lambda rng: flow.MaskedLinear(np.tri(2, 3, dtype=bool), rng=rng), call(4, 3)
    ),
    "MADENetwork": Case(lambda rng: flow.MADENetwork(3, (4,), rng=rng), call(4, 3)),
    "RealNVP": Case(lambda rng: flow.RealNVP(3, 2, (4,), [2, 0, 1], rng=rng), _flow_loss),
    "Glow": Case(lambda rng: flow.Glow((1, 4, 4), 1, 2, 4, rng=rng), _flow_loss),
    "MAF": Case(lambda rng: flow.MAF(3, 2, (4,), [2, 0, 1], rng=rng), _flow_loss),
    "ConditionEmbedding": Case(
        lambda rng: conditioning.ConditionEmbedding(8, 3, None, rng),
        lambda module, rng: squares(module(rng.uniform((4,)), labels(rng, 4, 3))),
    ),
    "MLPDenoiser": Case(
        lambda rng: mlp.MLPDenoiser(2, (6, 6), film=True, num_classes=3, rng=rng),
        _denoiser_loss(4, 2),
    ),
    "ResidualBlock": Case(
        lambda rng: unet.ResidualBlock(8, 16, 4, True, rng),
        lambda module, rng: squares(module(rng.normal((2, 8, 4, 4)), rng.normal((2, 4)))),
    ),
    "AttentionBlock": Case(lambda rng: unet.AttentionBlock(8, rng), call(2, 8, 4, 4)),
    "diffusion.UNet": Case(
        lambda rng: unet.UNet(1, (8, 8), num_classes=3, patch_size=2, rng=rng),
        _denoiser_loss(2, 1, 8, 8),
    ),
    "TextEncoder": Case(
        lambda rng: text.TextEncoder(9, 4, embedding_dim=4, num_filters=4, rng=rng),
        lambda module, rng: squares(module(rng.integers(1, 10, (3, 5)))),
    ),
    "DigitClassifier": Case(
        lambda rng: evaluators.DigitClassifier(rng=rng),
        lambda module, rng: losses.cross_entropy(
            module(_images(rng, 3, size=28)), labels(rng, 3, 10), label_smoothing=0.1
        ),
    ),
    "AttributeClassifier": Case(
        lambda rng: evaluators.AttributeClassifier(3, rng=rng),
        lambda module, rng: losses.bernoulli_nll(
            module(_images(rng, 2, 3, 32)), rng.bernoulli(0.5, (2, 3))
        ).mean(),
    ),
    "StateRegressor": Case(lambda rng: evaluators.StateRegressor(3, rng=rng), call(2, 3, 32, 32)),
    "SegmentationEvaluator": Case(
        lambda rng: evaluators.SegmentationEvaluator(3, 16, rng=rng),
        lambda module, rng: losses.cross_entropy(
            module(_images(rng, 2, 3, 16)), rng.integers(0, 3, (2, 16, 16))
        ),
    ),
}

CASES = LAYERS | MODELS
