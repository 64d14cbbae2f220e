"""CycleGAN: Zhu, Park, Isola and Efros, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks, 2017.

**The task.** Two piles of pictures, X and Y: faces without glasses and faces with. No picture of the one belongs to one of the other. Learn to turn an x into a y.

**Two games are not enough.** G: X -> Y against D_Y, which tells G(x) from y, and F: Y -> X against D_X. Won, they say only that G(x) *as a whole pile* cannot be
told from Y: G may as well send each face to somebody else's, with glasses. But who gives glasses and takes them off again has the same face as before:

    x -> G(x) -> F(G(x)) ~ x    forward cycle,        y -> F(y) -> G(F(y)) ~ y    backward cycle,

    L_cyc(G, F) = E|F(G(x)) - x|_1 + E|G(F(y)) - y|_1                                   (their eq. 2)

is zero for each invertible G with F = G^-1. It does not say *which* invertible map: mirrored, or dyed, and turned back, costs nothing. That the right one is found
is a matter of what is easy for the network, and of the

    identity loss  L_id(G, F) = E|G(y) - y|_1 + E|F(x) - x|_1                           (section 5.2):

what already is a y should stay as it is. All together G and F lower

    L_GAN(G, D_Y) + L_GAN(F, D_X) + lambda (L_cyc + 1/2 L_id),    lambda = 10,

L_GAN in least squares, (D - 1)^2, all absolute errors as means over numbers from -1 to 1. (`losses.least_squares` has a 1/2 before it: the same with lambda = 5.)

**Hiding.** Where Y knows less than X (grey hair was once brown or red), no F can know; yet L_cyc asks for it. What G does then is to hide the colour in G(x), as a
faint pattern that F reads (Chu, Zhmoginov and Sandler, 2017): a small cycle loss is no proof. demos/cyclegan.py holds G(x) against the truth.

**Image pool** (section 4). D learns from a pool of 50 fakes that G made of late, not from the newest alone: what it has learned to refuse it does not forget.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..backend import RNG
from ..nn import Module
from ..nn.init import zeros
from ..nn.state import check_state_dict, to_device_of
from ..ops import concatenate
from .pix2pix import UNet, mean_error

__all__ = ["Cycles", "ImagePool", "Translator", "cycles"]

Array = Any


class Translator(Module):
    """Pictures (N, colours, size, size) from -1 to 1 to pictures of the other kind: x + 2 U(x), x and what must change, which is between -2 and 2.

    U is the `UNet` of pix2pix.py, without dropout. The paper's G is a residual network at a quarter of the size, whose output is the picture itself; this one
    costs a seventh of that (of 6 blocks) at the same width, begins near the identity, and need not learn to copy what stays. What it gives may be a little
    outside -1 to 1: clip it to look.

    Parameters: colours, size, width, generator as of `UNet`.
    """

    def __init__(self, colours: int = 3, size: int = 32, width: int = 16, *, rng: RNG):
        self.change = UNet(colours, colours, size, width, dropout=0.0, rng=rng)

    def forward(self, x):
        return x + 2 * self.change(x)


class Cycles(NamedTuple):
    """One way round from either side, and what is lost on it."""

    fake_y: Any  # G(x)
    fake_x: Any  # F(y)
    again_x: Any  # F(G(x))
    again_y: Any  # G(F(y))
    loss: Any  # E|F(G(x)) - x| + E|G(F(y)) - y|
    identity: Any  # E|G(y) - y| + E|F(x) - x|


def cycles(G: Callable, F: Callable, x, y) -> Cycles:
    """Both cycles and the cycle loss (eq. 2), zero for all x and y where F is G's inverse; and the identity loss, zero where G leaves Y alone and F leaves X.

    Parameters
    ----------
    G, F : X -> Y and Y -> X, functions of pictures (N, ...), each by itself.
    x, y : of either pile, of one shape; they need not be as many.
    """
    of_g, of_f = G(concatenate(x, y)), F(concatenate(y, x))  # one call costs less than two
    fake_y, same_y, fake_x, same_x = of_g[: len(x)], of_g[len(x) :], of_f[: len(y)], of_f[len(y) :]
    again_x, again_y = F(fake_y), G(fake_x)
    loss = mean_error(x, again_x) + mean_error(y, again_y)
    return Cycles(fake_y, fake_x, again_x, again_y, loss, mean_error(y, same_y) + mean_error(x, same_x))


class ImagePool:
    """The last fakes, mixed: for each new one, at even odds, it gives back that one or an older one whose place the new one takes.

    Parameters
    ----------
    shape : of one picture.
    size : how many are kept; until they are, what comes is what is given back.
    generator : draws which; the pictures lie on its device.

    It is in the state of a training run: save it beside the networks, and the generator too.

    Source: section 4; Shrivastava et al., Learning from Simulated and Unsupervised Images through Adversarial Training, 2017, section 2.3.
    """

    def __init__(self, shape: tuple[int, ...], size: int = 50, *, rng: RNG):
        self.images = zeros((size, *shape), rng.device)
        self.filled, self.rng = 0, rng

    def exchange(self, fakes: Array) -> Array:
        """Fakes (N, *shape), an array, N at most the pool's size, for as many of which some are older."""
        n, size = len(fakes), len(self.images)
        if n > size or fakes.shape[1:] != self.images.shape[1:]:
            raise ValueError(f"ImagePool: holds {size} pictures {self.images.shape[1:]}; {n} of {fakes.shape[1:]} cannot be exchanged")
        if self.filled < size:
            new = fakes[: size - self.filled]
            self.images[self.filled : self.filled + len(new)] = new
            self.filled += len(new)
            return fakes
        old = self.rng.uniform((n,)) < 0.5
        places = self.rng.permutation(size)[:n]  # each its own, or two fakes would take one
        old = old.reshape((n, *[1] * (fakes.ndim - 1)))
        kept = self.images[places]
        self.images[places] = np.where(old, fakes, kept)
        return np.where(old, kept, fakes)

    def state_dict(self) -> dict[str, Any]:
        """{"images", "filled"}."""
        return {"images": self.images.copy(), "filled": self.filled}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Hold the pictures of a `state_dict()`. Raises ValueError, having changed nothing, if it was a pool of others."""
        check_state_dict("ImagePool", self.state_dict(), state)
        if not 0 <= int(state["filled"]) <= len(self.images):
            raise ValueError(f"ImagePool: the state says that {state['filled']} of {len(self.images)} places are filled")
        self.images[...] = to_device_of(state["images"], self.images)
        self.filled = int(state["filled"])
