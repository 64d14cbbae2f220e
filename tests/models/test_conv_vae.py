"""The convolutional VAE: its shapes, that it learns, and the mean image of both VAEs."""

import numpy as np
import pytest

from tinygen import default_rng, optim
from tinygen.models.conv_vae import ConvVAE
from tinygen.models.vae import VAE, elbo


def test_shapes_and_precision():
    model = ConvVAE(rng=default_rng(0))
    assert [p.shape for p in model.parameters()] == [
        *[(32, 1, 4, 4), (32,)],
        *[(64, 32, 4, 4), (64,)],
        *[(32, 3136), (32,)],
        *[(32, 3136), (32,)],
        *[(3136, 32), (3136,)],
        *[(64, 32, 4, 4), (32,)],
        *[(32, 1, 4, 4), (1,)],
    ]
    for n in (0, 3):
        x, eps = np.zeros((n, 1, 28, 28), np.float32), np.zeros((n, 32), np.float32)
        bound, kl = elbo(model, x, eps)
        assert bound.shape == kl.shape == (n,) and bound.dtype == np.float32
    bound.mean().backward()
    assert all(p.grad is not None and p.grad.dtype == np.float32 for p in model.parameters())


def test_sizes_that_cannot_be_halved_twice_are_refused():
    with pytest.raises(ValueError, match="multiples of 4"):
        ConvVAE(shape=(1, 28, 30), rng=default_rng(0))


def test_it_learns_two_images():
    rng = default_rng(0)
    model = ConvVAE(latent_dim=1, channels=(4, 8), shape=(3, 8, 8), rng=rng)
    images = (np.random.default_rng(1).random((2, 3, 8, 8)) < 0.5).astype(np.float32)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        x = images[rng.integers(0, 2, (32,))]
        loss = -elbo(model, x, rng.normal((32, 1)))[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # 192 fair coins cost 133 nats; which of the two images it is, log 2. With 80 seeds, the loss of
    # the last batch was from 3 to 19.
    assert loss.numpy() < 30


def make_vae(**settings):
    return VAE(2, 8, [3, 8, 8], rng=default_rng(0), **settings)


def make_conv_vae(**settings):
    return ConvVAE(2, (4, 8), [3, 8, 8], rng=default_rng(0), **settings)


@pytest.mark.parametrize("make", [make_vae, make_conv_vae])
class TestMeanImage:
    mean = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    x = np.random.default_rng(1).random((5, 3, 8, 8)).astype(np.float32)

    def test_it_is_subtracted_from_the_input_of_the_encoder(self, make):
        mu, _ = make(mean=self.mean).encode(self.x)
        expected, _ = make().encode(self.x - self.mean)
        np.testing.assert_array_equal(mu.numpy(), expected.numpy())

    def test_it_is_saved_and_is_no_parameter(self, make):
        model, other = make(mean=self.mean), make()
        assert "mean" in model.state_dict() and "mean" not in dict(model.named_parameters())
        other.load_state_dict(model.state_dict())
        np.testing.assert_array_equal(other.mean.numpy(), self.mean)

    def test_it_is_a_copy_of_the_callers_array(self, make):
        mean = self.mean.copy()
        make(mean=mean).load_state_dict(make().state_dict())
        np.testing.assert_array_equal(mean, self.mean)

    def test_it_is_float32(self, make):
        model = make(mean=self.mean.astype(np.float64))
        np.testing.assert_array_equal(model.mean.numpy(), self.mean)

    def test_a_mean_that_does_not_fit_is_refused(self, make):
        for wrong in (self.mean[0], self.mean * 255, self.mean * np.nan):
            with pytest.raises(ValueError, match="mean"):
                make(mean=wrong)

    def test_images_that_do_not_fit_are_refused(self, make):
        with pytest.raises(ValueError, match="images are"):
            make(mean=self.mean).encode(self.x[:, :1])
