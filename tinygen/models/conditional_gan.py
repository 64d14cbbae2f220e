"""Five GANs whose pictures have a label, a meaning or a code: one generator, one critic, and five ways to read what the critic says.

A GAN makes pictures, and nobody can tell it which. Two things can be changed about that. The critic can be *shown* something beside the picture, and
says whether the two belong together; or it can be *asked* something besides "real or fake?", and the generator lowers the cost of that answer too.

    ProjectionGAN      shown the label                                              Miyato and Koyama, cGANs with Projection Discriminator, 2018
    ACGAN              asked for the label                                          Odena, Olah and Shlens, 2017
    InfoGAN            asked which code the generator was given: no labels at all   Chen et al., 2016
    SemiSupervisedGAN  asked which class of K, a fake being none; few labels known  Salimans et al., Improved Techniques for Training GANs, 2016
    BiGAN              shown the code, which a third network finds for real ones    Donahue, Krahenbuhl and Darrell; Dumoulin et al., 2017

All five share the networks and the non-saturating game (`losses/adversarial.py`); each class below is only what differs. They have the same four methods,
so that one training loop (demos/conditional_gan.py) serves all:

    code(y, generator)                       what a batch of pictures is made of: noise, and what this kind puts beside it
    verdict(x, y)                            the logit of "real", (N,): what R1 is to keep flat
    discriminator_loss(x, y, fake, code)     one cost an example, (N,), for D; x are real, fake = G(code), without its graph
    generator_loss(x, y, fake, code)         the same for G, and for E if there is one: the modules in `makers`

Pictures are (N, *shape) from -1 to 1, labels y integers (N,).
"""

from __future__ import annotations

import numpy as np

from ..autograd.tensor import no_grad
from ..backend import RNG
from ..losses import minimax_value, non_saturating, squared_error
from ..nn import (
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
from ..ops import concatenate, log_softmax, logsumexp, one_hot

__all__ = ["ACGAN", "BiGAN", "CodeGenerator", "Critic", "InfoGAN", "PlainGAN", "ProjectionGAN", "SemiSupervisedGAN", "told"]

Shape = tuple[int, int, int]


class CodeGenerator(Module):
    """Codes (N, size) to pictures (N, *shape) from -1 to 1: a hidden layer, a linear one to a quarter of the height and width, and two that double them.

    The hidden layer is where what a code says of the class and what it says of the hand are put together; without it the first thing to be made of both,
    a convolution, sees 4x4 pixels at a time, and parts of digits come out that do not fit.

    channels : after the second layer; half as many after the first doubling. shape : (colours, height, width), multiples of 4. hidden : of the first layer.
    """

    def __init__(self, size: int, channels: int = 64, shape: Shape = (1, 28, 28), hidden: int = 256, *, rng: RNG):
        colours, height, width = _quartered("CodeGenerator", shape)
        self.layers = Sequential(
            Linear(size, hidden, rng=rng), LeakyReLU(0.2),
            Linear(hidden, channels * height * width, rng=rng), LeakyReLU(0.2), Unflatten(1, (channels, height, width)),
            ConvTranspose2d(channels, channels // 2, 4, 2, 1, rng=rng), LeakyReLU(0.2),
            ConvTranspose2d(channels // 2, colours, 4, 2, 1, rng=rng), Tanh(),
        )  # fmt: skip
        init.kaiming_normal_(self, rng)

    def forward(self, code):
        return self.layers(code)


class Critic(Module):
    """Pictures (N, *shape), and if it is to be shown them numbers beside (N, beside), to `outputs` numbers each, (N, outputs).

    Two convolutions that halve the picture, a hidden layer, a linear one. No batch normalization: R1 wants each example by itself.
    """

    def __init__(self, outputs: int, beside: int = 0, channels: int = 64, shape: Shape = (1, 28, 28), hidden: int = 128, *, rng: RNG):
        colours, height, width = _quartered("Critic", shape)
        self.pictures = Sequential(
            Conv2d(colours, channels // 2, 4, 2, 1, rng=rng), LeakyReLU(0.2),
            Conv2d(channels // 2, channels, 4, 2, 1, rng=rng), LeakyReLU(0.2), Flatten(),
        )  # fmt: skip
        self.hidden = Sequential(Linear(channels * height * width + beside, hidden, rng=rng), LeakyReLU(0.2))
        init.kaiming_normal_(self, rng)
        self.outputs = Linear(hidden, outputs, rng=rng)

    def features(self, x, *beside):
        """The hidden layer, (N, hidden)."""
        return self.hidden(concatenate([self.pictures(x), *beside], axis=1))

    def forward(self, x, *beside):
        return self.outputs(self.features(x, *beside))


class PlainGAN(Module):
    """What the five change: a generator, a critic whose first output is the verdict, and the non-saturating game.

    Parameters
    ----------
    latent_dim : dimensions of the noise. more : numbers in a code beside the noise. outputs, beside : of the critic. channels, shape, generator : of both.
    """

    def __init__(self, latent_dim: int = 32, channels: int = 64, shape: Shape = (1, 28, 28), *, more: int = 0, outputs: int = 1, beside: int = 0,
                 rng: RNG):  # fmt: skip
        self.latent_dim = latent_dim
        self.G = CodeGenerator(latent_dim + more, channels, shape, rng=rng)
        self.D = Critic(outputs, beside, channels, shape, rng=rng)

    @property
    def makers(self) -> list[Module]:
        """The modules that lower `generator_loss`."""
        return [self.G]

    def code(self, y, rng: RNG):
        """Noise, (N, latent_dim)."""
        return rng.normal((len(y), self.latent_dim))

    def verdict(self, x, y):
        return self.D(x)[:, 0]

    def discriminator_loss(self, x, y, fake, code):
        return -minimax_value(self.verdict(x, y), self.verdict(fake, y))

    def generator_loss(self, x, y, fake, code):
        return non_saturating(self.verdict(fake, y))


class ProjectionGAN(PlainGAN):
    """The critic is shown the label: its logit is o_0(x) + o_y(x), a general verdict and one for the class y that the picture is said to be of.

    **Why a sum.** The best logit is a log density ratio, and p(x, y) = p(x) p(y|x) splits it (section 3 of the paper):

        log p(x, y) / q(x, y) = log p(x) / q(x) + log p(y|x) / q(y|x).

    With features f(x), if both conditionals are softmaxes of linear maps of f, the second is <v_y, f(x)> and something that does not depend on y: the
    *projection* of the features on the class's vector. So the last layer has 1 + K outputs, and the label chooses among K. There is no classifier, and no
    cost of one.

    classes : K. The others as in `PlainGAN`.
    """

    def __init__(self, latent_dim: int = 32, classes: int = 10, channels: int = 64, shape: Shape = (1, 28, 28), *, rng: RNG):
        super().__init__(latent_dim, channels, shape, more=classes, outputs=1 + classes, rng=rng)
        self.classes = classes

    def code(self, y, rng: RNG):
        """Noise and the label: (N, latent_dim + K)."""
        return concatenate([super().code(y, rng), told(y, self.classes)], axis=1)

    def verdict(self, x, y):
        out = self.D(x)
        return out[:, 0] + (out[:, 1:] * one_hot(y, self.classes)).sum(axis=1)


class ACGAN(PlainGAN):
    """The critic is asked for the label: o_0 is its verdict, softmax(o_1 ... o_K) its guess, and both networks lower the cross-entropy of that guess.

    G is so paid for pictures that are *easily read*: of two sevens it prefers the one that no one could take for a one. What lies between classes is
    drawn less often than it should be; the projection's generator, judged by a ratio of densities, has no reason for that.
    """

    def __init__(self, latent_dim: int = 32, classes: int = 10, channels: int = 64, shape: Shape = (1, 28, 28), *, rng: RNG):
        super().__init__(latent_dim, channels, shape, more=classes, outputs=1 + classes, rng=rng)
        self.classes = classes

    def code(self, y, rng: RNG):
        """Noise and the label: (N, latent_dim + K)."""
        return concatenate([super().code(y, rng), told(y, self.classes)], axis=1)

    def discriminator_loss(self, x, y, fake, code):
        real, made = self.D(x), self.D(fake)
        return -minimax_value(real[:, 0], made[:, 0]) + cross_entropy(real[:, 1:], y) + cross_entropy(made[:, 1:], y)

    def generator_loss(self, x, y, fake, code):
        made = self.D(fake)
        return non_saturating(made[:, 0]) + cross_entropy(made[:, 1:], y)


class InfoGAN(PlainGAN):
    """The critic is asked for the code: no label is ever seen. The code is noise z, a class c of K, even odds, and numbers u from U(-1, 1).

    **Why.** G may ignore c and u. To prevent it, their mutual information with the picture is raised, I(c; G) = H(c) - H(c | G). The second term needs the
    posterior p(c|x), which nobody has; with any q in its place (section 5 of the paper)

        I(c; G) = H(c) + E[log p(c|x)] >= H(c) + E[log q(c|x)],

    the gap being KL(p(c|x) || q(c|x)), averaged over x. q is a head of the critic: softmax(o_1 ... o_K) for c, and N(o, 1) for each of u,
    whose -log q is half a squared error, up to a constant. This is AC-GAN's cost, of labels that the machine made up.

    numbers : how many u. weight : of -log q in both costs, lambda in the paper.
    """

    def __init__(self, latent_dim: int = 32, classes: int = 10, channels: int = 64, shape: Shape = (1, 28, 28), *, numbers: int = 2, weight: float = 1.0,
                 rng: RNG):  # fmt: skip
        super().__init__(latent_dim, channels, shape, more=classes + numbers, outputs=1 + classes + numbers, rng=rng)
        self.classes, self.numbers, self.weight = classes, numbers, weight

    def code(self, y, rng: RNG):
        """z, c, u: (N, latent_dim + K + numbers). Of y only the length counts."""
        c = told(rng.integers(0, self.classes, (len(y),)), self.classes)
        return concatenate([super().code(y, rng), c, 2 * rng.uniform((len(y), self.numbers)) - 1], axis=1)

    def surprise(self, out, code):
        """-log q(c, u | x) of the critic's outputs (N, 1 + K + numbers), up to a constant: (N,)."""
        first, last = self.latent_dim + self.classes, 1 + self.classes
        c, u = code[:, self.latent_dim : first] > 0, code[:, first:]
        return -(log_softmax(out[:, 1:last], axis=1) * c).sum(axis=1) + squared_error(out[:, last:], u) / 2

    def discriminator_loss(self, x, y, fake, code):
        made = self.D(fake)
        return -minimax_value(self.verdict(x, y), made[:, 0]) + self.weight * self.surprise(made, code)

    def generator_loss(self, x, y, fake, code):
        made = self.D(fake)
        return non_saturating(made[:, 0]) + self.weight * self.surprise(made, code)


class SemiSupervisedGAN(PlainGAN):
    """The critic is a classifier of K classes, of which few labels are known; a fake is of none. Labels y are -1 where unknown.

    **K logits do.** A classifier of K + 1 classes, the last one "fake" with its logit held at 0 (adding one number to all changes no softmax), says
    p(real|x) = Z / (Z + 1) with Z = e^o_1 + ... + e^o_K: the logit of "real" is log Z (section 5 of the paper). So the game's verdict and the
    classes are the same K numbers, and what the game teaches about pictures, from all of them, the classes inherit.

    **Feature matching.** G does not raise the verdict but moves its batch's mean features to those of real pictures (section 3.1 of the paper). Its
    samples are worse for it, and the classifier better.
    """

    def __init__(self, latent_dim: int = 32, classes: int = 10, channels: int = 64, shape: Shape = (1, 28, 28), *, rng: RNG):
        super().__init__(latent_dim, channels, shape, outputs=classes, rng=rng)

    def verdict(self, x, y):
        return logsumexp(self.D(x), axis=1)

    def discriminator_loss(self, x, y, fake, code):
        out, known = self.D(x), y >= 0
        weight = known * np.float32(len(y) / max(int(known.sum()), 1))  # so that the mean is over those known, as the game's is over all
        return weight * cross_entropy(out, y * known) - minimax_value(logsumexp(out, axis=1), self.verdict(fake, y))

    def generator_loss(self, x, y, fake, code):
        """One number for the batch, (1,)."""
        with no_grad():
            goal = self.D.features(x).mean(axis=0, keepdims=True)
        return squared_error(self.D.features(fake).mean(axis=0, keepdims=True), goal)


class BiGAN(PlainGAN):
    """The critic is shown a code: an encoder E finds one for each real picture, and D is to tell the pairs (x, E(x)) from (G(z), z).

    Both are pairs of a picture and a code. If D cannot tell them apart, the joint distributions agree, and then E inverts G: G(E(x)) = x (theorem 2 of
    Donahue et al.). No pixel is ever compared with another: where the networks fall short of that, G(E(x)) is another picture of the same kind.
    """

    def __init__(self, latent_dim: int = 32, channels: int = 64, shape: Shape = (1, 28, 28), *, rng: RNG):
        super().__init__(latent_dim, channels, shape, beside=latent_dim, rng=rng)
        self.E = Critic(latent_dim, channels=channels, shape=shape, rng=rng)

    @property
    def makers(self) -> list[Module]:
        return [self.G, self.E]

    def verdict(self, x, y):
        with no_grad():
            code = self.E(x)
        return self.D(x, code)[:, 0]

    def discriminator_loss(self, x, y, fake, code):
        return -minimax_value(self.verdict(x, y), self.D(fake, code)[:, 0])

    def generator_loss(self, x, y, fake, code):
        """G wants its pairs taken for real, E its own for fake."""
        return non_saturating(self.D(fake, code)[:, 0]) + non_saturating(-self.D(x, self.E(x))[:, 0])


def told(y, classes: int):
    """Labels (N,) as a generator is told them, (N, K): one-hot, times sqrt(K), so that its mean square is 1 as the noise's is, and it is not drowned."""
    return one_hot(y, classes) * np.float32(classes**0.5)


def cross_entropy(logits, y):
    """-log softmax(logits)_y for each example: logits (N, K), y (N,) -> (N,)."""
    return -(log_softmax(logits, axis=1) * one_hot(y, logits.shape[1])).sum(axis=1)


def _quartered(name: str, shape: Shape) -> Shape:
    colours, height, width = shape
    if height % 4 or width % 4:
        raise ValueError(f"{name}: height and width are halved twice; {height}x{width} must be multiples of 4")
    return colours, height // 4, width // 4
