"""The VAE against exact inference, which in one latent dimension is an integral that can be done."""

import numpy as np
import pytest

from tinygen import check_grads, default_rng, grad, no_grad, ops, optim, tensor
from tinygen.models.conv_vae import ConvVAE
from tinygen.models.vae import VAE, elbo


def small(latent_dim=1, shape=(1, 2, 3), seed=0):
    """A VAE as it begins, its encoder far from the posterior, in float64."""
    model = VAE(latent_dim, 8, shape, rng=default_rng(seed))
    for p in model.parameters():
        p._data = p.data.astype(np.float64)
    return model


def test_log_likelihood_is_the_bound_plus_the_gap():
    """log p(x) = ELBO + KL(q(z|x) || p(z|x)), all three by quadrature over z."""
    model = small()
    x = np.array([[1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1.0]]).reshape(2, 1, 2, 3)
    z = np.linspace(-12, 12, 6001)
    dz = z[1] - z[0]
    logits = model.decode(z[:, None]).numpy()  # (6001, 1, 2, 3)
    eps = np.linspace(-9, 9, 20_001)
    weights = np.exp(-(eps**2) / 2)
    for picture in x:
        log_joint = -np.logaddexp(0, (1 - 2 * picture) * logits).sum((1, 2, 3)) - z**2 / 2 - np.log(2 * np.pi) / 2
        log_evidence = np.log(np.exp(log_joint).sum() * dz)
        mu, log_var = (a.numpy()[0, 0] for a in model.encode(picture[None]))
        log_q = -((z - mu) ** 2) / (2 * np.exp(log_var)) - (log_var + np.log(2 * np.pi)) / 2
        gap = (np.exp(log_q) * (log_q - log_joint + log_evidence)).sum() * dz
        bounds, kls = elbo(model, np.repeat(picture[None], len(eps), 0), eps[:, None])
        bound = (bounds.numpy() * weights).sum() / weights.sum()
        assert gap > 0.01  # or the test would not see it
        np.testing.assert_allclose(bound + gap, log_evidence, atol=1e-6)
        kl = (np.exp(log_q) * (log_q + z**2 / 2 + np.log(2 * np.pi) / 2)).sum() * dz
        np.testing.assert_allclose(kls.numpy(), kl, atol=1e-6)


def test_gradients_of_the_bound():
    model = small(latent_dim=2)
    names = [name for name, _ in model.named_parameters()]
    rng = np.random.default_rng(0)
    x, eps = (rng.random((3, 1, 2, 3)) < 0.5).astype(float), rng.normal(size=(3, 2))

    def bound(*arrays):
        for name, a in zip(names, arrays, strict=True):
            *path, last = name.split(".")
            owner = model
            for part in path:
                owner = getattr(owner, part)
            owner.__dict__[last] = a
        return elbo(model, x, eps)[0]

    check_grads(bound, *[p.data for p in model.parameters()], order=1)


def test_shapes_modes_and_precision():
    model = VAE(rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        (400, 784), (400,), (20, 400), (20,), (20, 400), (20,), (400, 20), (400,), (784, 400), (784,),
    ]  # fmt: skip
    for n in (0, 1, 5):
        x = np.zeros((n, 1, 28, 28), np.float32)
        bound, kl = elbo(model, x, np.zeros((n, 20), np.float32))
        assert bound.shape == kl.shape == (n,) and bound.dtype == np.float32
    bound.mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())
    with no_grad():
        assert model.decode(np.zeros((3, 20), np.float32)).shape == (3, 1, 28, 28)


def test_a_batch_that_does_not_fit_is_refused():
    model = VAE(latent_dim=4, hidden=8, shape=(1, 4, 4), rng=default_rng(0))
    with pytest.raises(ValueError, match="eps"):
        elbo(model, np.zeros((2, 1, 4, 4), np.float32), np.zeros((3, 4), np.float32))
    with pytest.raises(ValueError):
        elbo(model, np.zeros((2, 1, 5, 5), np.float32), np.zeros((2, 4), np.float32))


def test_it_learns_what_there_is_to_learn():
    """Two equally likely pictures: log p(x) is at most log 1/2, one bit. Two clouds that hardly overlap cost 0.5 nats more (mu = +-1.2, sigma = 0.4)."""
    rng = default_rng(0)
    model = VAE(latent_dim=1, hidden=32, shape=(1, 4, 4), rng=rng)
    pictures = np.stack([np.eye(4), 1 - np.eye(4)]).astype(np.float32)[:, None]
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(600):
        x = pictures[rng.integers(0, 2, (64,))]
        loss = -elbo(model, tensor(x), rng.normal((64, 1)))[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with no_grad():
        x = np.repeat(pictures, 2000, 0)
        bound = elbo(model, x, rng.normal((4000, 1)))[0].numpy().mean()
        shown = ops.sigmoid(model.decode(model.encode(pictures)[0])).numpy()
    assert -1.4 < bound < np.log(0.5)  # a model that ignores z gets -11
    np.testing.assert_allclose(shown, pictures, atol=0.05)


def test_gradients_flow_through_the_draw():
    """A reparametrized z moves with mu and sigma: neither head's gradient is that of the KL alone."""
    model = small()
    x, eps = np.ones((1, 1, 2, 3)), np.array([[0.7]])
    bound, kl = elbo(model, x, eps)
    for head in (model.to_mu, model.to_log_var):
        whole, part = grad(bound.sum(), head.weight, retain_graph=True), grad(-kl.sum(), head.weight, retain_graph=True)
        assert np.abs(whole.numpy() - part.numpy()).max() > 1e-3


def test_a_vae_needs_a_hidden_layer():
    with pytest.raises(ValueError, match="hidden is empty"):
        VAE(2, [], rng=default_rng(0))
    assert VAE(2, np.int64(3), (1, 2, 2), rng=default_rng(0)).to_mu.weight.shape == (2, 3)


@pytest.mark.parametrize("kind", [lambda **k: VAE(2, 8, [3, 8, 8], **k), lambda **k: ConvVAE(2, (4, 8), [3, 8, 8], **k)], ids=["VAE", "ConvVAE"])
def test_the_mean_picture_is_taken_off_and_kept(kind):
    def make(**k):
        return kind(rng=default_rng(0), **k)

    mean = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    kept, a, b = mean.copy(), make(mean=mean), make()
    x = np.random.default_rng(1).random((5, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(a.encode(x)[0].numpy(), b.encode(x - mean)[0].numpy())
    assert "mean" in a.state_dict() and "mean" not in dict(a.named_parameters())
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(b.mean.numpy(), kept)
    a.load_state_dict(make().state_dict())
    np.testing.assert_array_equal(mean, kept)  # the caller's array is the caller's
    np.testing.assert_array_equal(make(mean=kept.astype(np.float64)).mean.numpy(), kept)
    for wrong in (kept[0], kept * 255, kept * np.nan):
        with pytest.raises(ValueError, match="mean"):
            make(mean=wrong)
    with pytest.raises(ValueError, match="pictures are"):
        a.encode(x[:, :1])


def test_weights_begin_so_that_the_signal_passes():
    """With PyTorch's, five layers leave a thousandth of the code's power in the logits."""
    rng = default_rng(0)
    model = VAE(20, [400, 400], rng=rng)
    logits = model.decode(rng.normal((100, 20))).numpy()
    assert 0.5 < (logits**2).mean() < 2
