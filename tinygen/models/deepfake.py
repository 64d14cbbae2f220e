"""Deepfakes: one encoder, two decoders, two people (the method of the programs that gave the word, 2017; no paper came with them).

**The idea.** Take two autoencoders, one for pictures of person A, one for person B, and let them *share the encoder*. Each decoder learns its own person
alone, from pictures that are in no way paired:

    loss = |x_A - D_A(E(x_A))|^2 + |x_B - D_B(E(x_B))|^2

Then swap the decoders: D_B(E(x_A)) should be B doing what A does. The decoder knows who; the code has to say only what changes from picture to picture.

**Nothing in the loss asks for that**, and the linear case shows what does. Let k numbers s, of mean 0 and variance 1, be the state (pose, expression), and

    x_p = A_p s,    p = A, B,    A_p^T A_p = I,    A_A^T A_B = c I:

the state moves pixels, each person's in their own way, and c says how alike (the cosine of the angle between the two subspaces). E and D_p are matrices.

1. The loss is 0 exactly where D_p E A_p = A_p. *Any* E will do for which E A_A and E A_B can be inverted. The swap then gives D_B E x_A = A_B M s with
   M = (E A_B)^-1 E A_A, any invertible matrix: a smile may become a turn of the head. The encoder may keep a language of its own for each person.

2. Spoil the encoder's input, E(x + n) with n ~ N(0, sigma^2 I), and ask for x still. Only the span of E's rows matters; let the columns of V be an orthonormal
   basis of it. The best D_p is then Wiener's filter, with G_p = A_p^T V V^T A_p and f(t) = t / (t + sigma^2) its loss k - tr f(G_p). f is concave, so

       tr f(G_A) + tr f(G_B) <= 2 tr f((G_A + G_B) / 2) <= 2 k f(tr(G_A + G_B) / 2k),

   and tr(G_A + G_B) = tr V^T (A_A A_A^T + A_B A_B^T) V is at most k (1 + |c|), the sum of the k largest eigenvalues: these are 1 + |c|, of the eigenvectors
   A_A + A_B where c > 0. All three are equal exactly if E = W (A_A + A_B)^T with any invertible W. Then **E A_A = E A_B, and M = I**: the swap is what D_B makes
   of B in the same state. Noise pays for hearing both people with the same ear, since what they share stands out from it most.

3. It must be enough noise. A direction in which E reads A_A - A_B in place of A_A + A_B, so that M mirrors it, is a local minimum as long as
   sigma^2 < (1 - c)(2 + c) / 2c: turn that row of E a little, and the sharply bent f loses more on one person than it gains on the other.

4. For c = 0 half an ear for each costs the same whichever way they are joined, and M is any rotation or mirroring; for c < 0 the best is M = -I, every state mirrored.

5. With means, x_p = m_p + A_p s, an encoder that hears them adds D_B E (m_A - m_B) to every swap, the same wrong state for all. So subtract each person's own.

6. All this in k numbers. With 2 k or more the encoder need not choose, it hears both people whole, and D_p E = f(1) A_p A_p^T is best: the swap of x_A is
   f(1) c A_B s, the right state but faint, with an error of 1 - f(1) c. *The code must be too narrow for two languages.*

The method lives on c > 0, then: the same state must change the same pixels in the same sense. That is why faces are cut out and aligned first. (And the
first programs moved A's mean colour to B's, for the reason in 5.) What noise has to do there, warped pictures did, with the unwarped ones to be given back.

**What it may not be used for**: to show people doing or saying what they did not, unless they agreed and every viewer is told. demos/deepfake.py says more.
"""

from __future__ import annotations

from ..nn import BatchNorm1d, Module, ModuleList
from .autoencoder import Autoencoder

__all__ = ["Deepfake"]


class Deepfake(Module):
    """Two autoencoders that share an encoder: the first one's. (The second one's is not used.) People are 0 and 1.

    Each number of a person's codes is standardized among that person's own, by batch normalization without weights: in training over the batch, in
    evaluation over the batches seen. So both people's codes have mean 0 and deviation 1, and neither speaks louder: 5. above, for the codes.

    Parameters
    ----------
    one, other : autoencoders of the same kind, so that the second decoder can read the first encoder's codes.
    device : where they lie.
    """

    def __init__(self, one: Autoencoder, other: Autoencoder, *, device: str = "cpu"):
        if one.latent_dim != other.latent_dim:
            raise ValueError(f"Deepfake: both decoders read the same codes, so both need as many dimensions; got {one.latent_dim} and {other.latent_dim}")
        self.latent_dim = one.latent_dim
        self.encoder = one.encoder
        self.decoders = ModuleList([one.decoder, other.decoder])
        self.norms = ModuleList([BatchNorm1d(one.latent_dim, affine=False, device=device) for _ in range(2)])

    def encode(self, x, person: int):
        """Pictures x (N, channels, height, width) of one person, 0 or 1, to codes z (N, latent_dim)."""
        return self.norms[_check(person)](self.encoder(x))

    def decode(self, z, person: int):
        """Codes z (N, latent_dim), of either, to pictures of one person, 0 or 1."""
        return self.decoders[_check(person)](z)

    def forward(self, x, person: int):
        """A person's pictures given back."""
        return self.decode(self.encode(x, person), person)

    def swap(self, x, person: int):
        """A person's pictures x, with the other person in them."""
        return self.decode(self.encode(x, person), 1 - person)


def _check(person: int) -> int:
    if person not in (0, 1):
        raise ValueError(f"Deepfake: there are two people, 0 and 1; got {person!r}")
    return person
