"""The networks of the conditional GANs: a small convolutional generator and discriminator."""

from __future__ import annotations

from ...backend import RNG
from ...nn import (
    Conv2d,
    ConvTranspose2d,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    Sequential,
    Tanh,
    Unflatten,
    init,
)
from ...ops import concatenate

__all__ = ["ConvDiscriminator", "ConvGenerator", "Shape"]

Shape = tuple[int, int, int]


class ConvGenerator(Module):
    """A generator: codes to pictures from -1 to 1.

    It has two linear layers, which reach a quarter of the height and width, and two transposed
    convolutions, which double the size.

    **Why there is a hidden linear layer.** It combines what the code says about the class with what
    it says about the style. Without it, the first layer that could combine the two would be a
    convolution, which sees 4x4 pixels at a time. The generator then makes parts of digits that do
    not fit together.

    Parameters
    ----------
    code_dim : int
        The dimensions of a code.
    channels : int
        The channels after the second linear layer; half as many after the first convolution.
    image_shape : (int, int, int)
        (channels, height, width) of a picture, height and width divisible by 4.
    hidden : int
        The units of the first linear layer.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        code_dim: int,
        channels: int = 64,
        image_shape: Shape = (1, 28, 28),
        hidden: int = 256,
        *,
        rng: RNG,
    ):
        image_channels, height, width = _quarter_size("ConvGenerator", image_shape)
        self.layers = Sequential(
            Linear(code_dim, hidden, rng=rng),
            LeakyReLU(0.2),
            Linear(hidden, channels * height * width, rng=rng),
            LeakyReLU(0.2),
            Unflatten(1, (channels, height, width)),  # (N, channels, H/4, W/4)
            ConvTranspose2d(channels, channels // 2, 4, 2, 1, rng=rng),  # (N, channels/2, H/2, W/2)
            LeakyReLU(0.2),
            ConvTranspose2d(channels // 2, image_channels, 4, 2, 1, rng=rng),  # (N, C, H, W)
            Tanh(),
        )
        init.kaiming_normal_(self, rng)

    def forward(self, code):
        """Map codes (N, code_dim) to pictures (N, *image_shape)."""
        return self.layers(code)


class ConvDiscriminator(Module):
    """A discriminator: pictures, and codes if it has them as an input, to several outputs.

    It has two convolutions, which halve the size, a hidden linear layer and a linear output layer.
    It has no batch normalization, because R1 needs outputs that depend on one example each.

    Parameters
    ----------
    num_outputs : int
        The outputs per picture.
    code_dim : int
        The dimensions of the codes that it gets with the pictures; 0 for none.
    channels : int
        The channels after the second convolution; half as many after the first.
    image_shape : (int, int, int)
        (channels, height, width) of a picture, height and width divisible by 4.
    hidden : int
        The units of the hidden layer.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self,
        num_outputs: int,
        code_dim: int = 0,
        channels: int = 64,
        image_shape: Shape = (1, 28, 28),
        hidden: int = 128,
        *,
        rng: RNG,
    ):
        image_channels, height, width = _quarter_size("ConvDiscriminator", image_shape)
        self.convolutions = Sequential(
            Conv2d(image_channels, channels // 2, 4, 2, 1, rng=rng),  # (N, channels/2, H/2, W/2)
            LeakyReLU(0.2),
            Conv2d(channels // 2, channels, 4, 2, 1, rng=rng),  # (N, channels, H/4, W/4)
            LeakyReLU(0.2),
            Flatten(),
        )
        self.hidden = Sequential(
            Linear(channels * height * width + code_dim, hidden, rng=rng),
            LeakyReLU(0.2),
        )
        init.kaiming_normal_(self, rng)
        self.output = Linear(hidden, num_outputs, rng=rng)

    def extract_features(self, x, code=None):
        """Map pictures (N, *image_shape) and codes (N, code_dim) to features (N, hidden)."""
        h = self.convolutions(x)  # (N, channels H/4 W/4)
        if code is not None:
            h = concatenate(h, code, axis=1)  # (N, channels H/4 W/4 + code_dim)
        return self.hidden(h)

    def forward(self, x, code=None):
        """Map pictures (N, *image_shape) and codes (N, code_dim) to outputs (N, num_outputs)."""
        return self.output(self.extract_features(x, code))


def _quarter_size(name: str, image_shape: Shape) -> Shape:
    """Return (channels, height / 4, width / 4), or raise if this is not whole."""
    channels, height, width = image_shape
    if height % 4 or width % 4:
        raise ValueError(
            f"{name}: height and width are halved twice; {height}x{width} must be multiples of 4"
        )
    return channels, height // 4, width // 4
