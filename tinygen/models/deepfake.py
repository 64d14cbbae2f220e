"""Deepfakes: one encoder and two decoders swap the faces of two people.

This is the method of the programs that gave deepfakes their name in 2017. No paper came with them.

**The idea.** Take two autoencoders, one for pictures of person A and one for person B, and let them
*share the encoder*. Each decoder learns from pictures of its own person alone. No picture of A is
paired with a picture of B:

    loss = |x_A - D_A(E(x_A))|^2 + |x_B - D_B(E(x_B))|^2.

Then swap the decoders: D_B(E(x_A)) should show B doing what A does. The decoder knows who the
person is. So the code only has to describe what changes from picture to picture.

**Nothing in the loss asks for this.** The linear case shows what makes it work. Let the state (pose
and expression) be k numbers s with mean 0 and variance 1. For each person p = A, B let

    x_p = A_p s,    A_p^T A_p = I,    A_A^T A_B = c I.

So the state changes the pixels of each person in their own way, and c says how similarly: it is the
cosine of the angle between the two subspaces. E and D_p are matrices, and E has k rows.

1. *The loss does not determine the swap.* The loss is 0 if and only if D_p E A_p = A_p for both p.
   *Any* E for which E A_A and E A_B are invertible allows this, with D_p = A_p (E A_p)^-1. The swap
   then gives

       D_B E x_A = A_B (E A_B)^-1 E A_A s = A_B M s,    M = (E A_B)^-1 E A_A.

   M can be any invertible matrix, so a smile may become a turn of the head. The encoder may use
   another code for each person.

2. *Noise determines it, if c > 0.* Add noise to the encoder's input, E(x + n) with
   n ~ N(0, sigma^2 I), and still ask for x. Only the span of the rows of E matters. Let the columns
   of V be an orthonormal basis of it, so that the decoder gets

       y = V^T (A_p s + n).

   The best D_p is the Wiener filter, the linear estimate of least squared error. Here
   Cov(s, y) = A_p^T V and Cov(y) = V^T A_p A_p^T V + sigma^2 I, so its error in s is

       k - tr A_p^T V (V^T A_p A_p^T V + sigma^2 I)^-1 V^T A_p.

   The error in x = A_p s is the same, because the columns of A_p are orthonormal. Let B = V^T A_p,
   G_p = B^T B and f(t) = t / (t + sigma^2). Since B^T (B B^T + sigma^2 I)^-1 =
   (B^T B + sigma^2 I)^-1 B^T, the loss of person p is

       k - tr (G_p + sigma^2 I)^-1 G_p = k - tr f(G_p),    G_p = A_p^T V V^T A_p.

   f is concave, so Jensen's inequality gives two bounds, one for the mean of the two people and one
   for the mean of the eigenvalues:

       tr f(G_A) + tr f(G_B) <= 2 tr f((G_A + G_B) / 2)
                             <= 2 k f(tr(G_A + G_B) / 2k).

   The trace on the right is, after a cyclic permutation of its factors,

       tr(G_A + G_B) = tr V^T (A_A A_A^T + A_B A_B^T) V.

   It is at most the sum of the k largest eigenvalues of the matrix in brackets. Multiply this
   matrix by A_A + A_B and by A_A - A_B to see that their columns are its eigenvectors, with the
   eigenvalues 1 + c and 1 - c. So the sum is k (1 + |c|), and for c > 0 it belongs to A_A + A_B.
   f is increasing, so this bounds the sum of the traces.

   All three bounds are reached together if and only if E = W (A_A + A_B)^T with an invertible W.
   Then **E A_A = E A_B, and M = I**: the swap is what D_B makes of B in the same state. The reason
   is that the components that both people share have the largest signal-to-noise ratio. So noise
   rewards an encoder that reads both people in the same way.

3. *The noise has to be strong enough.* Take a direction in which E reads A_A - A_B instead of
   A_A + A_B. There M mirrors the state. This is a local minimum as long as

       sigma^2 < (1 - c)(2 + c) / 2c.

   The reason is the curvature of f at low noise. If that row of E is rotated a little, f loses more
   on one person than it gains on the other.

4. *Other values of c.* For c = 0, an encoder that reads half of each person has the same loss in
   whatever way the halves are combined, and M is any rotation or reflection. For c < 0 the optimum
   is M = -I: every state is mirrored.

5. *Means.* Let x_p = m_p + A_p s. An encoder that responds to the means adds D_B E (m_A - m_B) to
   every swap, the same wrong state for all pictures. So subtract each person's own mean.

6. *The code has to be narrow.* All this holds for k numbers. With 2k or more, the encoder need not
   choose and can read both people completely. Then D_p E = f(1) A_p A_p^T is optimal, and the swap
   of x_A is

       f(1) A_B A_B^T A_A s = f(1) c A_B s :

   the right state, but weak, with a relative error of 1 - f(1) c.

7. *Shared weights.* For networks nothing like point 2 is proved, so the decoders get less freedom
   too: their first layers have the same weights, and only the last ones are each person's own
   (Liu, Breuel and Kautz, Unsupervised Image-to-Image Translation Networks, 2017, share weights
   for this reason). The last layers are convolutions and paint what lies under them. So both
   decoders have to read from a code *where* there is a smile or a pupil, and in the same way.

8. *Back-translation.* The code of a picture of A follows the distribution of codes of A, but the
   swap gives it to D_B, which has learned on codes of B. So teach the encoder that both mean the
   same: swap, and ask for the way back,

       |x_A - D_A(E(D_B(E(x_A))))|^2,

   with the swapped picture D_B(E(x_A)) as a constant. It is a pair of pictures, one of B, which is
   generated, and one of A, which is real. (Sennrich, Haddow and Birch, Improving Neural Machine
   Translation Models with Monolingual Data, 2016, translate in this way.) This loss is also 0 if M
   is a mirror, since M and then M^-1 give the same state back. So it must not begin before noise
   and shared weights have found the sign of each number of the state.

So the method needs c > 0: the same state has to change the same pixels in the same sense. This is
why faces are cut out and aligned first. (The first programs also shifted the mean colour of A to
that of B, for the reason in point 5.) The task that noise has here, the first programs gave to
warped pictures, for which the decoder had to return the unwarped ones.

**What it may not be used for**: showing people who do or say what they did not, unless they agreed
and every viewer is informed. demos/deepfake.py says more.
"""

from __future__ import annotations

from ..nn import BatchNorm1d, Module, ModuleList
from .autoencoder import Autoencoder

__all__ = ["Deepfake"]


class Deepfake(Module):
    """Two autoencoders that share one encoder. The two people are numbered 0 and 1.

    Each number of a person's codes is standardized over the codes of that person, by batch
    normalization without weights: over the batch in training, with running statistics in
    evaluation. So the codes of both people have mean 0 and standard deviation 1. This is point 5
    above, applied to the codes.

    Parameters
    ----------
    autoencoder_a, autoencoder_b : Autoencoder
        Two autoencoders with the same latent dimension, so that each decoder can read the codes.
        The encoder of the first one is shared; that of the second one is not used.
    num_shared : int
        The number of the decoders' first layers that share their weights (point 7). Each person
        keeps their own biases there.

    Raises
    ------
    ValueError
        If the latent dimensions differ.
    """

    def __init__(self, autoencoder_a: Autoencoder, autoencoder_b: Autoencoder, num_shared: int = 0):
        if autoencoder_a.latent_dim != autoencoder_b.latent_dim:
            raise ValueError(
                "Deepfake: both decoders read the same codes, so both need as many dimensions; "
                f"got {autoencoder_a.latent_dim} and {autoencoder_b.latent_dim}"
            )
        self.latent_dim = autoencoder_a.latent_dim
        self.encoder = autoencoder_a.encoder
        self.decoders = ModuleList([autoencoder_a.decoder, autoencoder_b.decoder])
        for k, (layer_a, layer_b) in enumerate(zip(*self.decoders, strict=True)):
            if k < num_shared and hasattr(layer_a, "weight"):
                layer_b.weight = layer_a.weight
        device = next(self.encoder.parameters()).device
        self.code_norms = ModuleList(
            [BatchNorm1d(self.latent_dim, affine=False, device=device) for _ in range(2)]
        )

    def encode(self, x, person: int):
        """Map pictures x (N, C, H, W) of one person, 0 or 1, to codes z (N, latent_dim)."""
        normalize = self.code_norms[_check_person(person)]
        return normalize(self.encoder(x))

    def decode(self, z, person: int):
        """Map codes z (N, latent_dim) of either person to pictures (N, C, H, W) of one person."""
        return self.decoders[_check_person(person)](z)

    def forward(self, x, person: int):
        """Reconstruct pictures x (N, C, H, W) of one person."""
        z = self.encode(x, person)  # (N, latent_dim)
        return self.decode(z, person)  # (N, C, H, W)

    def swap(self, x, person: int):
        """Replace the person in pictures x (N, C, H, W) with the other person."""
        z = self.encode(x, person)  # (N, latent_dim)
        return self.decode(z, 1 - person)  # (N, C, H, W)


def _check_person(person: int) -> int:
    """Return the number of a person, or raise if there is no such person."""
    if person not in (0, 1):
        raise ValueError(f"Deepfake: there are two people, 0 and 1; got {person!r}")
    return person
