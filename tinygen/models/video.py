"""Codes of clips: who is in a clip, once, and what happens, frame by frame.

**The idea.** An autoencoder of single frames may give the same person another code in each frame.
A model that generates such codes has to learn that the person stays. Here the code of a clip has
two parts (Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, 2018):

    content    one vector per clip: the mean over the frames of what the encoder finds in each
    motion     one short vector per frame

The decoder draws each frame from the content of the clip and the motion of this frame. Nothing says
which is which. But the content cannot tell what differs between the frames, because it is a mean.
And the motion is too short to hold all that the frames share. The reconstruction loss does the
rest.

**A diffusion model of these codes** generates clips: content and the motion of all frames are one
vector, and are denoised together. This is latent diffusion (Rombach et al., 2022; of video:
Blattmann et al., Align your Latents, 2023). demos/video.py trains both.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Linear, Module, Sequential, SiLU, init
from ..ops import broadcast_to, concatenate

__all__ = ["ClipAutoencoder"]


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
        self.encoder = Sequential(
            Linear(frame_dim, hidden, rng=rng),
            SiLU(),
            Linear(hidden, hidden, rng=rng),
            SiLU(),
            Linear(hidden, code_dim, rng=rng),
        )
        self.decoder = Sequential(
            Linear(code_dim, hidden, rng=rng),
            SiLU(),
            Linear(hidden, hidden, rng=rng),
            SiLU(),
            Linear(hidden, frame_dim, rng=rng),
        )
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
