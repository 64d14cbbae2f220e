"""The conditional GANs: each loss against its formula, gradients, and labels that G obeys."""

import numpy as np
import pytest

from tinygen import default_rng, losses, no_grad, optim
from tinygen.models.conditional_gan import (
    ACGAN,
    BiGAN,
    InfoGAN,
    ProjectionGAN,
    SemiSupervisedGAN,
    UnconditionalGAN,
)

MODELS = [UnconditionalGAN, ProjectionGAN, ACGAN, InfoGAN, SemiSupervisedGAN, BiGAN]
SHAPE = (1, 8, 8)


def example(model_class, n=6, seed=0):
    """Return a small model, real pictures x, labels y, codes and the pictures G(code)."""
    rng = default_rng(seed)
    model = model_class(channels=4, image_shape=SHAPE, rng=rng)
    x, y = np.tanh(rng.normal((n, *SHAPE))), rng.integers(0, 10, (n,))
    code = model.sample_code(y, rng)
    return model, x, y, code, model.G(code)


def float64(tensor):
    """Return the numbers of a tensor in float64."""
    return tensor.numpy().astype(float)


def softmax(logits):
    """Return the probabilities of logits (N, K)."""
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def bce(logits):
    """Return -log sigmoid(logits), the loss of classifying as real."""
    return np.log1p(np.exp(-logits))


@pytest.mark.parametrize("model_class", MODELS)
def test_shapes_and_precision(model_class):
    model, x, y, code, fake = example(model_class)
    assert fake.shape == x.shape
    assert fake.dtype == np.float32
    assert np.abs(fake.numpy()).max() <= 1
    assert model.discriminate(x, y).shape == (6,)
    loss_d = model.discriminator_loss(x, y, fake.detach(), code)
    loss_g = model.generator_loss(x, y, fake, code)
    for loss in (loss_d, loss_g):
        assert loss.dtype == np.float32
        assert loss.shape in ((6,), (1,))
        assert np.isfinite(loss.numpy()).all()


@pytest.mark.parametrize("model_class", MODELS)
def test_each_step_differentiates_its_own_networks(model_class):
    model, x, y, code, fake = example(model_class)
    loss_d = model.discriminator_loss(x, y, fake.detach(), code).mean()
    penalty = losses.r1(lambda x: model.discriminate(x, y), x).mean()
    (loss_d + penalty).backward()
    generator_parameters = model.generator_parameters()
    assert all(p.grad is None for p in generator_parameters)
    assert all(p.grad is not None for p in model.D.parameters())
    before = [p.grad.numpy().copy() for p in model.D.parameters()]
    model.generator_loss(x, y, fake, code).mean().backward(inputs=generator_parameters)
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in generator_parameters)
    for gradient, p in zip(before, model.D.parameters(), strict=True):
        assert np.array_equal(gradient, p.grad.numpy())


@pytest.mark.parametrize("model_class", MODELS)
def test_every_parameter_belongs_to_the_generator_or_to_the_discriminator(model_class):
    model = example(model_class)[0]
    of_generator = {id(p) for p in model.generator_parameters()}
    of_discriminator = {id(p) for p in model.D.parameters()}
    assert of_generator | of_discriminator == {id(p) for p in model.parameters()}


def losses_and_gradients(model, x, y, code):
    """Return both losses, and the gradients of D and then of the generator's parameters."""
    fake = model.G(code)
    loss_d = model.discriminator_loss(x, y, fake.detach(), code)
    loss_d = loss_d + losses.r1(lambda x: model.discriminate(x, y), x)
    loss_g = model.generator_loss(x, y, fake, code)
    loss_d.mean().backward()
    loss_g.mean().backward(inputs=model.generator_parameters())
    parameters = [*model.D.parameters(), *model.generator_parameters()]
    return [loss_d, loss_g, *(p.grad for p in parameters)]


@pytest.mark.parametrize("model_class", MODELS)
def test_runs_on_a_gpu(cupy, model_class):
    model, x, y, code, _ = example(model_class)
    gpu_model = example(model_class)[0]
    gpu_model.to("cuda")
    if model_class is SemiSupervisedGAN:
        y = np.where(y > 4, y, -1)
    results = losses_and_gradients(model, x, y, code)
    gpu_results = losses_and_gradients(
        gpu_model, cupy.asarray(x), cupy.asarray(y), cupy.asarray(code)
    )
    for plain, on_gpu in zip(results, gpu_results, strict=True):
        assert isinstance(on_gpu.data, cupy.ndarray)
        np.testing.assert_allclose(on_gpu.numpy(), plain.numpy(), rtol=1e-4, atol=1e-6)


def test_projection_adds_the_logit_of_the_class():
    model, x, _, _, _ = example(ProjectionGAN)
    out, y = model.D(x).numpy(), np.array([3, 0, 9, 9, 1, 2])
    expected = [o[0] + o[1 + k] for o, k in zip(out, y, strict=True)]
    np.testing.assert_allclose(model.discriminate(x, y).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("model_class", [ProjectionGAN, ACGAN])
def test_the_code_contains_the_label_with_the_mean_square_of_the_noise(model_class):
    model, _, y, code, _ = example(model_class)
    label = code[:, model.latent_dim :]
    assert np.array_equal(label.argmax(axis=1), y)
    assert np.array_equal((label > 0).sum(axis=1), np.ones(6))
    np.testing.assert_allclose((label**2).mean(axis=1), 1, rtol=1e-6)


def test_acgan_predicts_the_label():
    model, x, y, code, fake = example(ACGAN)
    real_out, fake_out = float64(model.D(x)), float64(model.D(fake))
    label_nll = [-np.log(softmax(o[:, 1:])[np.arange(6), y]) for o in (real_out, fake_out)]
    adversarial = bce(real_out[:, 0]) + bce(-fake_out[:, 0])
    loss_d = model.discriminator_loss(x, y, fake, code).numpy()
    np.testing.assert_allclose(loss_d, adversarial + sum(label_nll), rtol=1e-4)
    loss_g = model.generator_loss(x, y, fake, code).numpy()
    np.testing.assert_allclose(loss_g, bce(fake_out[:, 0]) + label_nll[1], rtol=1e-4)


def test_infogan_adds_the_nll_of_the_code_to_both_losses():
    model, x, y, code, fake = example(InfoGAN)
    c, u = code[:, 32:42] > 0, code[:, 42:]
    fake_out, real_logits = float64(model.D(fake)), float64(model.D(x))[:, 0]
    class_nll = -np.log((softmax(fake_out[:, 1:11]) * c).sum(axis=1))
    nll = class_nll + ((fake_out[:, 11:] - u) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(model.code_nll(model.D(fake), code).numpy(), nll, rtol=1e-4)
    for weight in (1.0, 0.3):
        model.info_weight = weight
        expected_d = bce(real_logits) + bce(-fake_out[:, 0]) + weight * nll
        expected_g = bce(fake_out[:, 0]) + weight * nll
        loss_d = model.discriminator_loss(x, y, fake, code).numpy()
        loss_g = model.generator_loss(x, y, fake, code).numpy()
        np.testing.assert_allclose(loss_d, expected_d, rtol=1e-4)
        np.testing.assert_allclose(loss_g, expected_g, rtol=1e-4)


def test_infogan_code_nll_is_least_for_the_right_code():
    model, _, _, code, _ = example(InfoGAN)
    c, u = code[:, 32:42] > 0, code[:, 42:]
    right = np.concatenate([np.zeros((6, 1)), 50 * c, u], axis=1).astype(np.float32)
    assert np.abs(model.code_nll(right, code)).max() < 1e-6
    assert model.code_nll(right, code[::-1]).max() > 1e-6


def test_infogan_samples_all_classes_and_uniform_numbers():
    model, _, _, code, _ = example(InfoGAN)
    c, u = code[:, 32:42] > 0, code[:, 42:]
    assert np.array_equal(c.sum(axis=1), np.ones(6))
    assert np.abs(u).max() <= 1
    assert u.shape == (6, 2)
    many = model.sample_code(np.zeros(500, int), default_rng(1))
    assert len({int(k) for k in many[:, 32:42].argmax(axis=1)}) == 10
    assert many[:, 42:].min() < -0.9
    assert many[:, 42:].max() > 0.9


def test_semi_supervised_logit_is_that_of_a_classifier_with_a_class_for_fakes():
    """p(real) = 1 - p(class K + 1), whose logit is 0."""
    model, x, y, _, _ = example(SemiSupervisedGAN)
    p = softmax(np.concatenate([float64(model.D(x)), np.zeros((6, 1))], axis=1))
    p_real = 1 / (1 + np.exp(-model.discriminate(x, y).numpy()))
    np.testing.assert_allclose(p_real, 1 - p[:, -1], rtol=1e-5)


def test_semi_supervised_loss_adds_the_cross_entropy_of_known_labels():
    """Without labels, only the adversarial loss is left."""
    model, x, _, _, fake = example(SemiSupervisedGAN)
    logits = float64(model.D(x))
    log_z = np.log(np.exp(logits).sum(axis=1))
    fake_log_z = np.log(np.exp(float64(model.D(fake))).sum(axis=1))
    without_labels = model.discriminator_loss(x, np.full(6, -1), fake, None).numpy()
    np.testing.assert_allclose(without_labels, bce(log_z) + bce(-fake_log_z), rtol=1e-4)
    y = np.array([2, -1, -1, 7, -1, -1])
    added = model.discriminator_loss(x, y, fake, None).numpy() - without_labels
    assert np.array_equal(added != 0, y >= 0)
    mean_nll = -np.log(softmax(logits)[[0, 3], [2, 7]]).mean()
    np.testing.assert_allclose(added.mean(), mean_nll, rtol=1e-4)


def test_feature_matching_is_zero_if_the_mean_features_agree():
    model, x, y, _, _ = example(SemiSupervisedGAN)
    assert float(model.generator_loss(x, y, x[::-1].copy(), None)) < 1e-10
    assert float(model.generator_loss(x, y, -x, None)) > 1e-10


def test_bigan_losses_exchange_the_pairs():
    model, x, y, code, fake = example(BiGAN)
    real = float64(model.D(x, model.E(x)))[:, 0]
    generated = float64(model.D(fake, code))[:, 0]
    np.testing.assert_allclose(model.discriminate(x, y).numpy(), real, rtol=1e-5)
    loss_d = model.discriminator_loss(x, y, fake, code).numpy()
    np.testing.assert_allclose(loss_d, bce(real) + bce(-generated), rtol=1e-4)
    loss_g = model.generator_loss(x, y, fake, code).numpy()
    np.testing.assert_allclose(loss_g, bce(-real) + bce(generated), rtol=1e-4)


def bright_halves(y, rng):
    """Draw pictures that are bright on the left for class 0 and on the right for class 1."""
    n = len(y)
    x = np.full((n, *SHAPE), -0.8, np.float32) + 0.1 * rng.normal((n, *SHAPE))
    x[y == 0, :, :, :4] += 1.6
    x[y == 1, :, :, 4:] += 1.6
    return x


def train_step(model, optimizer_d, optimizer_g, x, y, rng):
    """Take a step of the discriminator and a step of the generator."""
    code = model.sample_code(y, rng)
    fake = model.G(code)
    loss_d = model.discriminator_loss(x, y, fake.detach(), code)
    penalty = losses.r1(lambda x: model.discriminate(x, y), x)
    optimizer_d.zero_grad()
    (loss_d + penalty).mean().backward()
    optimizer_d.step()
    loss_g = model.generator_loss(x, y, fake, code).mean()
    optimizer_g.zero_grad()
    loss_g.backward(inputs=model.generator_parameters())
    optimizer_g.step()


@pytest.mark.parametrize("model_class", [ProjectionGAN, ACGAN])
def test_a_trained_generator_obeys_the_label(model_class):
    """The two halves differ by 1.6 in the data, and by more than 0.8 in the samples."""
    rng = default_rng(0)
    model = model_class(4, 2, 8, SHAPE, rng=rng)
    optimizer_d = optim.Adam(model.D.parameters(), lr=5e-3, betas=(0, 0.99))
    optimizer_g = optim.Adam(model.generator_parameters(), lr=5e-3, betas=(0, 0.99))
    for _ in range(120):
        y = rng.integers(0, 2, (32,))
        train_step(model, optimizer_d, optimizer_g, bright_halves(y, rng), y, rng)
    y = np.arange(100) % 2
    with no_grad():
        x = model.G(model.sample_code(y, rng)).numpy()
    difference = x[..., :4].mean(axis=(1, 2, 3)) - x[..., 4:].mean(axis=(1, 2, 3))
    assert ((difference > 0) == (y == 0)).all(), difference
    assert np.abs(difference).mean() > 0.8, difference


def test_sizes_that_cannot_be_halved_twice_are_rejected():
    with pytest.raises(ValueError, match="30x28 must be multiples of 4"):
        UnconditionalGAN(image_shape=(1, 30, 28), rng=default_rng(0))
