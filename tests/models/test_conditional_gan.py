"""Five GANs that read one critic in five ways: each reading against its formula, whose weights a step differentiates, and labels that are heeded."""

import numpy as np
import pytest

from tests.strict import StrictArray
from tinygen import default_rng, grad, losses, no_grad, optim
from tinygen.models.conditional_gan import (
    ACGAN,
    BiGAN,
    InfoGAN,
    PlainGAN,
    ProjectionGAN,
    SemiSupervisedGAN,
    cross_entropy,
)

KINDS = [PlainGAN, ProjectionGAN, ACGAN, InfoGAN, SemiSupervisedGAN, BiGAN]
SHAPE = (1, 8, 8)


def scene(kind, n=6, seed=0):
    g = default_rng(seed)
    model = kind(channels=4, shape=SHAPE, rng=g)
    x, y = np.tanh(g.normal((n, *SHAPE))), g.integers(0, 10, (n,))
    code = model.code(y, g)
    return model, x, y, code, model.G(code)


def softmax(o):
    return np.exp(o) / np.exp(o).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_precision(kind):
    model, x, y, code, fake = scene(kind)
    assert fake.shape == x.shape and fake.dtype == np.float32 and np.abs(fake.numpy()).max() <= 1
    assert model.verdict(x, y).shape == (6,)
    for loss in (model.discriminator_loss(x, y, fake.detach(), code), model.generator_loss(x, y, fake, code)):
        assert loss.dtype == np.float32 and loss.shape in ((6,), (1,)) and np.isfinite(loss.numpy()).all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_differentiates_its_own_networks(kind):
    model, x, y, code, fake = scene(kind)
    (model.discriminator_loss(x, y, fake.detach(), code).mean() + losses.r1(lambda x: model.verdict(x, y), x).mean()).backward()
    made = [w for module in model.makers for w in module.parameters()]
    assert all(w.grad is None for w in made) and all(w.grad is not None for w in model.D.parameters())
    assert {id(w) for w in made} | {id(w) for w in model.D.parameters()} == {id(w) for w in model.parameters()}
    assert all(np.abs(d.numpy()).max() > 0 for d in grad(model.generator_loss(x, y, fake, code).mean(), made))


@pytest.mark.parametrize("kind", KINDS)
def test_runs_on_a_strict_array_type(kind):
    here, x, y, code, _ = scene(kind)
    there = scene(kind)[0]
    there.map_arrays_(StrictArray)
    if kind is SemiSupervisedGAN:
        y = np.where(y > 4, y, -1)
    found = []
    for model, a in ((here, lambda v: v), (there, StrictArray)):
        fake = model.G(a(code))
        of_d = model.discriminator_loss(a(x), a(y), fake.detach(), a(code)) + losses.r1(lambda x: model.verdict(x, a(y)), a(x))  # noqa: B023
        of_g = model.generator_loss(a(x), a(y), fake, a(code))
        of_d.mean().backward()
        made = [w for module in model.makers for w in module.parameters()]
        found.append([of_d, of_g, *(w.grad for w in model.D.parameters()), *grad(of_g.mean(), made)])
    for plain, strict in zip(*found, strict=True):
        assert isinstance(strict.data, StrictArray)
        np.testing.assert_allclose(strict.numpy(), plain.numpy(), rtol=1e-4, atol=1e-6)


def test_projection_adds_the_verdict_on_the_class():
    model, x, _, _, _ = scene(ProjectionGAN)
    out, y = model.D(x).numpy(), np.array([3, 0, 9, 9, 1, 2])
    np.testing.assert_allclose(model.verdict(x, y).numpy(), [o[0] + o[1 + k] for o, k in zip(out, y, strict=True)], rtol=1e-5)


@pytest.mark.parametrize("kind", [ProjectionGAN, ACGAN])
def test_the_label_is_in_the_code(kind):
    model, _, y, code, _ = scene(kind)
    label = code[:, model.latent_dim :]
    assert np.array_equal(label.argmax(axis=1), y) and np.array_equal((label > 0).sum(axis=1), np.ones(6))
    np.testing.assert_allclose((label**2).mean(axis=1), 1, rtol=1e-6)  # as the noise's


def test_acgan_asks_for_the_label():
    model, x, y, code, fake = scene(ACGAN)
    real, made = model.D(x).numpy().astype(float), model.D(fake).numpy().astype(float)
    ask = [-np.log(softmax(o[:, 1:])[np.arange(6), y]) for o in (real, made)]
    game = np.log1p(np.exp(-real[:, 0])) + np.log1p(np.exp(made[:, 0]))
    np.testing.assert_allclose(model.discriminator_loss(x, y, fake, code).numpy(), game + sum(ask), rtol=1e-4)
    np.testing.assert_allclose(model.generator_loss(x, y, fake, code).numpy(), np.log1p(np.exp(-made[:, 0])) + ask[1], rtol=1e-4)


def test_infogan_is_surprised_by_another_code():
    model, x, y, code, fake = scene(InfoGAN)
    c, u = code[:, 32:42] > 0, code[:, 42:]
    assert np.array_equal(c.sum(axis=1), np.ones(6)) and np.abs(u).max() <= 1 and u.shape == (6, 2)
    out = model.D(fake).numpy().astype(float)
    expected = -np.log((softmax(out[:, 1:11]) * c).sum(axis=1)) + ((out[:, 11:] - u) ** 2).sum(axis=1) / 2
    np.testing.assert_allclose(model.surprise(model.D(fake), code).numpy(), expected, rtol=1e-4)
    real = model.D(x).numpy()[:, 0].astype(float)
    for model.weight in (1.0, 0.3):
        of_d = np.log1p(np.exp(-real)) + np.log1p(np.exp(out[:, 0])) + model.weight * expected
        np.testing.assert_allclose(model.discriminator_loss(x, y, fake, code).numpy(), of_d, rtol=1e-4)
        np.testing.assert_allclose(model.generator_loss(x, y, fake, code).numpy(), np.log1p(np.exp(-out[:, 0])) + model.weight * expected, rtol=1e-4)
    knows = np.concatenate([np.zeros((6, 1)), 50 * c, u], axis=1).astype(np.float32)
    assert np.abs(model.surprise(knows, code)).max() < 1e-6 < model.surprise(knows, code[::-1]).max()
    many = model.code(np.zeros(500, int), default_rng(1))
    assert len({int(k) for k in many[:, 32:42].argmax(axis=1)}) == 10 and many[:, 42:].min() < -0.9 and many[:, 42:].max() > 0.9


def test_semi_supervised_is_a_classifier_of_one_more_class():
    """p(real) = 1 - p(class K + 1), where the last logit is 0."""
    model, x, y, _, fake = scene(SemiSupervisedGAN)
    out = model.D(x).numpy().astype(float)
    p = softmax(np.concatenate([out, np.zeros((6, 1))], axis=1))
    np.testing.assert_allclose(1 / (1 + np.exp(-model.verdict(x, y).numpy())), 1 - p[:, -1], rtol=1e-5)
    known = np.array([2, -1, -1, 7, -1, -1])
    less = model.discriminator_loss(x, np.full(6, -1), fake, None)  # no label: the game alone
    log_z = [np.log(np.exp(o).sum(axis=1)) for o in (out, model.D(fake).numpy().astype(float))]
    np.testing.assert_allclose(less.numpy(), np.log1p(np.exp(-log_z[0])) + np.log1p(np.exp(log_z[1])), rtol=1e-4)
    more = (model.discriminator_loss(x, known, fake, None) - less).numpy()
    assert np.array_equal(more != 0, known >= 0)
    np.testing.assert_allclose(more.mean(), -np.log(softmax(out)[[0, 3], [2, 7]]).mean(), rtol=1e-4)


def test_feature_matching_is_least_where_the_means_agree():
    model, x, y, _, _ = scene(SemiSupervisedGAN)
    assert float(model.generator_loss(x, y, x[::-1].copy(), None)) < 1e-10 < float(model.generator_loss(x, y, -x, None))


def test_bigan_swaps_the_pairs():
    model, x, y, code, fake = scene(BiGAN)
    real, made = model.D(x, model.E(x)).numpy()[:, 0].astype(float), model.D(fake, code).numpy()[:, 0].astype(float)
    np.testing.assert_allclose(model.verdict(x, y).numpy(), real, rtol=1e-5)
    np.testing.assert_allclose(model.discriminator_loss(x, y, fake, code).numpy(), np.log1p(np.exp(-real)) + np.log1p(np.exp(made)), rtol=1e-4)
    np.testing.assert_allclose(model.generator_loss(x, y, fake, code).numpy(), np.log1p(np.exp(real)) + np.log1p(np.exp(-made)), rtol=1e-4)


def test_cross_entropy():
    out = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(cross_entropy(out, np.array([0, 3, 1, 1, 2])), [-np.log(softmax(out)[i, k]) for i, k in enumerate([0, 3, 1, 1, 2])])


@pytest.mark.parametrize("kind", [ProjectionGAN, ACGAN])
def test_labels_are_heeded(kind):
    """Pictures of class 0 are bright on the left, those of class 1 on the right: after a while the generator draws what it is told."""
    g = default_rng(0)
    model = kind(4, 2, 8, SHAPE, rng=g)
    weights = [*model.G.parameters()]
    of_d, of_g = (optim.Adam(w, lr=5e-3, betas=(0, 0.99)) for w in (model.D.parameters(), weights))
    for _ in range(120):
        y = g.integers(0, 2, (32,))
        x = np.full((32, *SHAPE), -0.8, np.float32) + 0.1 * g.normal((32, *SHAPE))
        x[y == 0, :, :, :4] += 1.6
        x[y == 1, :, :, 4:] += 1.6
        code = model.code(y, g)
        fake = model.G(code)
        of_d.zero_grad()
        (model.discriminator_loss(x, y, fake.detach(), code) + losses.r1(lambda x: model.verdict(x, y), x)).mean().backward()  # noqa: B023
        of_d.step()
        for w, d in zip(weights, grad(model.generator_loss(x, y, fake, code).mean(), weights), strict=True):
            w.grad = d
        of_g.step()
    y = np.arange(100) % 2
    with no_grad():
        x = model.G(model.code(y, g)).numpy()
    left = x[..., :4].mean(axis=(1, 2, 3)) - x[..., 4:].mean(axis=(1, 2, 3))
    assert ((left > 0) == (y == 0)).all() and np.abs(left).mean() > 0.8, left  # data: 1.6


def test_pictures_that_cannot_be_halved_twice():
    with pytest.raises(ValueError, match="30x28 must be multiples of 4"):
        PlainGAN(shape=(1, 30, 28), rng=default_rng(0))
