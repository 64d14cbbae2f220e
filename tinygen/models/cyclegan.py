"""CycleGAN: Zhu, Park, Isola and Efros, 2017.

The paper is "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks".

**The task.** There are two sets of pictures, X and Y: faces without glasses and faces with glasses.
No picture of X belongs to a picture of Y. Learn to translate an x into a y.

**Two adversarial losses are not enough.** The generator G: X -> Y plays against D_Y, which has to
distinguish G(x) from y; F: Y -> X plays against D_X. At the optimum, the *distribution* of G(x) is
that of Y. But G may map each face to the face of somebody else with glasses. Putting glasses on and
taking them off should give the same face back:

    forward cycle     x -> G(x) -> F(G(x)), which should be close to x,
    backward cycle    y -> F(y) -> G(F(y)), which should be close to y.

(F is the paper's symbol for a network. It is unrelated to `torch.nn.functional`.)

The **cycle consistency loss** (eq. 2 of the paper)

    L_cyc(G, F) = E|F(G(x)) - x|_1 + E|G(F(y)) - y|_1

is zero for every invertible G with F = G^-1. It does not say *which* invertible map: a G that
mirrors or recolours the picture, and an F that reverts this, have the same loss. That training
finds the right one depends on what is easy for the networks, and on the **identity loss**
(section 5.2)

    L_id(G, F) = E|G(y) - y|_1 + E|F(x) - x|_1 :

what is already a y should not change. Together, G and F minimize

    L_GAN(G, D_Y) + L_GAN(F, D_X) + lambda (L_cyc + 1/2 L_id),    lambda = 10,

where L_GAN is the least-squares loss (D - 1)^2. Each absolute error is a mean over all pixels and
colours, whose values lie between -1 and 1. (`losses.least_squares` has a factor 1/2, so the same
balance has lambda = 5.)

**G can hide information.** A picture of Y may contain less information than a picture of X. Let X
be young and Y old faces: grey hair does not show whether it once was brown or red. Then F cannot
find the colour in a true picture of Y, but L_cyc asks for it. G responds by hiding the colour in
G(x) as a faint pattern, which F reads (Chu, Zhmoginov and Sandler, 2017). So a small cycle loss
does not prove that G(x) is right. demos/cyclegan.py compares G(x) with the true picture.

**Image pool** (section 4). D learns from a pool of 50 recent samples of G, not from the newest ones
alone. So it does not forget the faults it has learned to recognize.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..backend import RNG, to_device_of
from ..nn import Module
from ..nn.init import zeros
from ..nn.state import check_state_dict
from ..ops import concatenate
from .pix2pix import UNet, mean_absolute_error

__all__ = ["CycleOutputs", "ImagePool", "ResidualUNet", "run_cycles"]

Array = Any


class ResidualUNet(Module):
    """A U-Net with a shortcut from its input to its output: x + 2 U(x).

    U is the `UNet` of pix2pix.py without dropout. It computes the change of each pixel value. U
    ends in tanh, so U(x) lies in [-1, 1] and the change 2 U(x) in [-2, 2]: enough to turn black,
    -1, into white, 1. `UNet` multiplies the initial weights of its last layer by 0.1. So the
    changes are small at first, and the network starts close to the identity. It need not learn to
    copy what should stay.

    **Difference from the paper.** The paper's generator has 6 or 9 residual blocks at a quarter of
    the size, and its output is the picture itself. One shortcut around a U-Net costs a seventh of
    the 6 blocks at the same width. Its output may lie slightly outside [-1, 1]; clip it for
    viewing.

    Parameters
    ----------
    image_channels : int
        The channels of a picture, on both sides.
    size, width, rng
        As for `UNet`.
    """

    def __init__(self, image_channels: int = 3, size: int = 32, width: int = 16, *, rng: RNG):
        self.change = UNet(image_channels, image_channels, size, width, dropout=0.0, rng=rng)

    def forward(self, x):
        """Map pictures x (N, image_channels, size, size) to pictures of the same shape."""
        return x + 2 * self.change(x)


class CycleOutputs(NamedTuple):
    """The pictures of both cycles, and their losses."""

    fake_y: Any  # G(x)
    fake_x: Any  # F(y)
    reconstructed_x: Any  # F(G(x))
    reconstructed_y: Any  # G(F(y))
    cycle_loss: Any  # E|F(G(x)) - x| + E|G(F(y)) - y|
    identity_loss: Any  # E|G(y) - y| + E|F(x) - x|


def run_cycles(G: Callable, F: Callable, x, y) -> CycleOutputs:
    """Compute both cycles, the cycle consistency loss (eq. 2) and the identity loss.

    The cycle consistency loss is zero for all x and y if F is the inverse of G. The identity loss
    is zero if G does not change Y and F does not change X.

    Parameters
    ----------
    G, F : callable
        X -> Y and Y -> X, functions of pictures (N, ...) that treat each picture independently.
    x, y : array or Tensor
        Pictures of X (N, ...) and of Y (M, ...), of the same size. N and M may differ.
    """
    G_outputs = G(concatenate(x, y))  # one call for both costs less than two
    F_outputs = F(concatenate(y, x))
    fake_y, G_y = G_outputs[: len(x)], G_outputs[len(x) :]
    fake_x, F_x = F_outputs[: len(y)], F_outputs[len(y) :]
    reconstructed_x, reconstructed_y = F(fake_y), G(fake_x)
    return CycleOutputs(
        fake_y,
        fake_x,
        reconstructed_x,
        reconstructed_y,
        cycle_loss=mean_absolute_error(x, reconstructed_x)
        + mean_absolute_error(y, reconstructed_y),
        identity_loss=mean_absolute_error(y, G_y) + mean_absolute_error(x, F_x),
    )


class ImagePool:
    """A pool of recent generated pictures, from which the discriminator learns.

    For each new picture, `query` returns with probability 1/2 the new picture itself, and otherwise
    an older one, whose place in the pool the new one takes.

    The pool decides the next steps of training. So save it in the checkpoint with the networks,
    and its rng too.

    **Source** section 4 of the paper; Shrivastava et al., Learning from Simulated and Unsupervised
    Images through Adversarial Training, 2017, section 2.3.

    Parameters
    ----------
    shape : tuple of int
        The shape of one picture.
    size : int
        The number of pictures in the pool. Until it is full, `query` returns the new pictures.
    rng : RNG
        Draws which pictures are returned. The pictures are on its device.
    """

    def __init__(self, shape: tuple[int, ...], size: int = 50, *, rng: RNG):
        self.images = zeros((size, *shape), rng.device)
        self.num_stored, self.rng = 0, rng

    def query(self, new_images: Array) -> Array:
        """Store new pictures and return as many, some of them older.

        Parameters
        ----------
        new_images : array
            Pictures (N, *shape), with N at most the size of the pool.

        Raises
        ------
        ValueError
            If the pictures have another shape, or are more than the pool holds.
        """
        n, size = len(new_images), len(self.images)
        if n > size or new_images.shape[1:] != self.images.shape[1:]:
            raise ValueError(
                f"ImagePool: holds {size} pictures {self.images.shape[1:]}; "
                f"{n} of {new_images.shape[1:]} cannot be exchanged"
            )
        if self.num_stored < size:
            first = new_images[: size - self.num_stored]
            self.images[self.num_stored : self.num_stored + len(first)] = first
            self.num_stored += len(first)
            return new_images
        use_old = self.rng.uniform((n,)) < 0.5
        # A permutation gives each new picture a place of its own.
        places = self.rng.permutation(size)[:n]
        use_old = use_old.reshape((n, *[1] * (new_images.ndim - 1)))  # (n, 1, ...)
        old_images = self.images[places]  # (n, *shape)
        self.images[places] = np.where(use_old, new_images, old_images)
        return np.where(use_old, old_images, new_images)

    def state_dict(self) -> dict[str, Any]:
        """Return {"images", "num_stored"}, as copies."""
        return {"images": self.images.copy(), "num_stored": self.num_stored}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the pictures of a `state_dict()`.

        Raises
        ------
        ValueError
            If the state belongs to another kind of pool. Nothing is changed then.
        """
        check_state_dict("ImagePool", self.state_dict(), state)
        if not 0 <= int(state["num_stored"]) <= len(self.images):
            raise ValueError(
                f"ImagePool: the state says that {state['num_stored']} of {len(self.images)} "
                "places are filled"
            )
        self.images[...] = to_device_of(state["images"], self.images)
        self.num_stored = int(state["num_stored"])
