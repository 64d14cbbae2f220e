"""Codes of clips: what a clip shows, once, and how it moves, frame by frame.

**The idea.** An autoencoder of single frames may give the same person another code in each frame.
A model that generates such codes has to learn that the person stays. Here the code of a clip has
two parts (Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, 2018):

    content    one vector per clip: the mean over the frames of what the encoder finds in each
    motion     one short vector per frame

**A motion that is learned**: `ClipAutoencoder`. Its decoder draws each frame from the content of
the clip and the motion of this frame. Nothing says which is which. But the content cannot tell what
differs between the frames, because it is a mean. And the motion is too short to hold all that the
frames share. The reconstruction loss does the rest, with noise on the codes, which makes room in
them scarce.

**A motion that is known**: `MovingObjectAutoencoder`. An object that moves on a black background is
the same image at other positions. A linear layer can move all images by one and the same shift,
but not each by a shift of its own. So the networks above need many units for it, and blur. Here the
movement is built in: the content becomes one image, and `translate` puts it where the motion says.
This is the translation of a spatial transformer (Jaderberg et al., Spatial Transformer Networks,
2015).

**A diffusion model of these codes** generates clips: all frames at once, not one after the other.
This is latent diffusion (Rombach et al., 2022; of video: Blattmann et al., Align your Latents,
2023). demos/video.py trains it for the first autoencoder, demos/video_digits.py for the second.
"""

from __future__ import annotations

from ..backend import RNG, array_module
from ..nn import Linear, Module, Sequential, SiLU, init
from ..ops import abs, broadcast_to, concatenate, cumsum, relu, sigmoid, stack, swapaxes
from ..ops.arguments import raw

__all__ = ["ClipAutoencoder", "MovingObjectAutoencoder", "centre_of_mass", "translate"]


class ClipAutoencoder(Module):
    """Clips of frame vectors, to content and motion, and back.

    Parameters
    ----------
    frame_dim : int
        The numbers of a frame.
    content_dim, motion_dim : int
        The numbers of the content of a clip, and of the motion in a frame.
    hidden : int
        The units of each of two hidden layers, in the encoder and in the decoder.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(
        self, frame_dim: int, content_dim: int, motion_dim: int, hidden: int = 512, *, rng: RNG
    ):
        self.content_dim = content_dim
        self.code_dim = code_dim = content_dim + motion_dim
        self.encoder = _mlp(frame_dim, hidden, code_dim, rng)
        self.decoder = _mlp(code_dim, hidden, frame_dim, rng)
        init.kaiming_normal_(self, rng)

    def encode(self, x):
        """Map clips x (N, T, frame_dim) to content (N, content_dim), motion (N, T, motion_dim)."""
        n, num_frames, frame_dim = x.shape
        h = self.encoder(x.reshape((n * num_frames, frame_dim)))  # (N T, code_dim)
        h = h.reshape((n, num_frames, self.code_dim))
        return h[:, :, : self.content_dim].mean(axis=1), h[:, :, self.content_dim :]

    def decode(self, content, motion):
        """Map content (N, content_dim) and motion (N, T, motion_dim) to clips (N, T, frame_dim)."""
        n, num_frames, _ = motion.shape
        content = content.reshape((n, 1, self.content_dim))
        content = broadcast_to(content, (n, num_frames, self.content_dim))
        codes = concatenate(content, motion, axis=2)  # (N, T, code_dim)
        frames = self.decoder(codes.reshape((n * num_frames, self.code_dim)))
        return frames.reshape((n, num_frames, frames.shape[-1]))

    def forward(self, x):
        """Reconstruct clips: x (N, T, frame_dim) to x_hat (N, T, frame_dim)."""
        return self.decode(*self.encode(x))


class MovingObjectAutoencoder(Module):
    """Clips of one bright object that moves on black, to content and motion, and back.

        position of frame t    p_t = centre of mass of x_t
        content                c = encoder(mean over t of x_t, moved by -p_t)
        motion                 m_0 = p_0, m_t = p_t - p_(t-1): first a position, then steps
        decoded frame t        decoder(c), moved by p_t = m_0 + ... + m_t

    The position needs no weights. If an image moves by d, so does its centre of mass. So the image
    that is moved back is nearly the same in all frames: interpolation blurs it a little, and what
    has left the frame is lost.

    The motion has steps because a model of the codes makes errors. An error in the position of one
    frame is a jump there and back. An error in one step shifts all later frames alike, so the path
    stays smooth. But such errors add up.

    Parameters
    ----------
    size : int
        The height and the width of a frame.
    content_dim : int
        The numbers of the content of a clip.
    hidden : int
        The units of each of two hidden layers, in the encoder and in the decoder.
    rng : RNG
        Draws the initial weights. The model is on its device.
    """

    def __init__(self, size: int, content_dim: int, hidden: int = 512, *, rng: RNG):
        self.size = size
        self.encoder = _mlp(size * size, hidden, content_dim, rng)
        self.decoder = _mlp(content_dim, hidden, size * size, rng)
        init.kaiming_normal_(self, rng)

    def encode(self, x):
        """Map clips x (N, T, size, size) to content (N, content_dim), motion (N, T, 2)."""
        position = centre_of_mass(x)  # (N, T, 2)
        centred = translate(x, -position).mean(axis=1)  # (N, size, size)
        content = self.encoder(centred.reshape((len(x), self.size * self.size)))
        steps = position[:, 1:] - position[:, :-1]  # (N, T - 1, 2)
        return content, concatenate(position[:, :1], steps, axis=1)

    def decode(self, content, motion):
        """Map content (N, content_dim) and motion (N, T, 2) to clips x (N, T, size, size)."""
        image = sigmoid(self.decoder(content))  # (N, size * size)
        image = image.reshape((len(content), 1, self.size, self.size))
        position = cumsum(motion, axis=1)  # (N, T, 2)
        return translate(image, position)

    def forward(self, x):
        """Reconstruct clips: x (N, T, size, size) to x_hat of the same shape."""
        return self.decode(*self.encode(x))


def centre_of_mass(x):
    """Return the mean position of the brightness of images.

        p = sum over pixels of (position of the pixel) * (its brightness), divided by
            sum over pixels of (its brightness)

    Positions are in pixels, and counted from the middle of the image. An image that moves by d,
    with nothing lost at the border, has its centre of mass moved by d.

    **Shapes** x (..., height, width), not negative, to (..., 2): rows down, columns to the right.
    """
    mass = x.sum(axis=(-2, -1)) + 1e-6  # black images have the middle
    rows, columns = x.sum(axis=-1), x.sum(axis=-2)  # (..., height), (..., width)
    row = (rows * _positions(x, x.shape[-2])).sum(axis=-1) / mass
    column = (columns * _positions(x, x.shape[-1])).sum(axis=-1) / mass
    return stack(row, column, axis=-1)


def translate(x, shift):
    """Move images by shifts that need not be whole numbers of pixels.

    **Math** Begin with one line of pixels x[0], x[1], ... Between two pixels interpolate linearly.
    The value at a place q is then

        sum_j h(q - j) x[j],    h(u) = max(0, 1 - |u|),

    because h(q - j) is 0 but for the two nearest pixels, and there it is 1 - (distance). If the
    line moves by d, pixel i of the result shows what was at the place i - d:

        y[i] = sum_j h(i - d - j) x[j] = (A(d) x)[i],    A(d)[i, j] = max(0, 1 - |i - j - d|).

    So a translation is a product with a matrix. Its elements are on a diagonal: for d = 0 on the
    main diagonal (A is the identity), for d = 1 on the diagonal below it, for 0 < d < 1 on both.
    What comes from outside of the image is 0.

    Images are interpolated in both directions, with the weight h h (bilinear interpolation):

        Y[i, k] = sum_(j, l) h(i - d_0 - j) h(k - d_1 - l) X[j, l]
              Y = A(d_0) X A(d_1)^T.

    **The way back.** h is even, so A(d)^T = A(-d): the transposed matrix moves by -d.

    **The gradient in d.** A network that finds d learns from it to which side it should move the
    image. (`MovingObjectAutoencoder` computes d, and needs dL/dX alone.) By the chain rule, with
    u = i - j - d and du/dd = -1,

        dA(d)[i, j]/dd = -h'(u) = sign(u)  where |u| < 1,    0  elsewhere.

    Let d = k + f with k whole and 0 < f < 1. Row i has two elements that are not 0:

        j = i - k        u = -f       A = 1 - f    dA/dd = -1
        j = i - k - 1    u = 1 - f    A = f        dA/dd = +1

        dy[i]/dd = x[i - k - 1] - x[i - k].

    A shift by a little more puts a little of the left neighbour in place of the pixel. For images,
    let A = A(d_0) and B = A(d_1), so that Y = A X B^T. With G the gradient of the loss L in Y, and
    <U, V> the sum of the products of the elements, dL = <G, dY>. The product rule gives

        dY = A'(d_0) X B^T dd_0  +  A X B'(d_1)^T dd_1  +  A dX B^T.

    The first two terms have a number as their factor. In the third, <G, A dX B^T> is
    <A^T G B, dX>. So

        dL/dd_0 = <G, A'(d_0) X B^T>
        dL/dd_1 = <G, A X B'(d_1)^T>
        dL/dX   = A^T G B              G, moved back.

    If one image is moved to many places, its gradient is the sum over them.

    The code has none of this: `relu`, `abs` and the two products know their gradients. Where d is
    whole, y has a kink in d: on one side its derivative is the difference to the left neighbour, on
    the other side that to the right one. There the code gives 0: `abs` has the slope 0 at u = 0,
    and `relu` at |u| = 1. So a network that learns where to move an image must not begin with
    shifts that are exactly 0.

    **Shapes** x (..., height, width) and shift (..., 2), rows down and columns to the right, to
    (..., height, width). The leading axes broadcast: one image can be moved to many places.

    **Source** Jaderberg et al., Spatial Transformer Networks, 2015, sections 3.2 and 3.3.
    """
    rows = _translation_matrix(x, x.shape[-2], shift[..., 0])  # (..., height, height)
    columns = _translation_matrix(x, x.shape[-1], shift[..., 1])  # (..., width, width)
    return rows @ x @ swapaxes(columns, -2, -1)


def _translation_matrix(x, size: int, d):
    """Return A(d), (..., size, size), for shifts d (...)."""
    positions = _positions(x, size)
    distances = positions[:, None] - positions  # i - j, (size, size)
    return relu(1 - abs(distances - d.reshape((*d.shape, 1, 1))))


def _positions(x, size: int):
    """Return the positions of pixels, counted from the middle: an array like x."""
    x = raw(x)
    return array_module(x).arange(size, dtype=x.dtype) - (size - 1) / 2


def _mlp(in_dim: int, hidden: int, out_dim: int, rng: RNG) -> Sequential:
    """Return a network with two hidden layers."""
    return Sequential(
        Linear(in_dim, hidden, rng=rng),
        SiLU(),
        Linear(hidden, hidden, rng=rng),
        SiLU(),
        Linear(hidden, out_dim, rng=rng),
    )
