"""A caption as one vector: features of three neighbouring words, summed over the caption.

**The model.** Each word has a vector, a row of a learned table. A convolution looks at each word
together with its two neighbours, for example at "a red hat" or "without a beard". Its features are
summed over the caption, so it does not matter where in the caption they occur (Collobert and
Weston, A Unified Architecture for Natural Language Processing, 2008; Kim, Convolutional Neural
Networks for Sentence Classification, 2014). The sum is normalized, so that a caption of twenty
words counts no more than one of three.

**Why not sum the words alone?** The sum of the word vectors does not depend on the order of the
words. It cannot tell "a red hat and a blue shirt" from "a blue hat and a red shirt".

**Limits.** Three words are enough where what belongs together stands together. A caption such as "a
hat, blue as the sky in June" needs a connection between distant words: attention
(`nn/attention.py`).

**Padding and the empty caption.** Zeros after the end of a caption take no part in the sum. A
caption without words has a vector of its own. It is the null label of guidance
(`diffusion/guidance.py`): label 0 for all words.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Conv1d, Embedding, LayerNorm, Linear, Module
from ..ops import silu

__all__ = ["TextEncoder"]


class TextEncoder(Module):
    """Captions as tokens, to vectors.

    **Shapes** tokens (N, L), integers from 1 to vocab_size, then 0 up to the end, to (N, out_dim).

    On a GPU, it waits twice: for the length of the longest caption, and to check the tokens.

    Parameters
    ----------
    vocab_size : int
        The number of words.
    out_dim : int
        The size of the vectors.
    embedding_dim : int
        The size of a word's vector.
    num_filters : int
        The number of features of three neighbouring words.
    rng : RNG
        Draws the initial weights. The model lies on its device.
    """

    def __init__(
        self,
        vocab_size: int,
        out_dim: int,
        *,
        embedding_dim: int = 32,
        num_filters: int = 64,
        rng: RNG,
    ):
        self.embedding = Embedding(vocab_size + 1, embedding_dim, rng=rng)
        self.conv = Conv1d(embedding_dim, num_filters, 3, 1, 1, rng=rng)
        self.norm = LayerNorm(num_filters, device=rng.device)
        self.output = Linear(num_filters, out_dim, rng=rng)

    def forward(self, tokens):
        longest = max(1, int((tokens > 0).sum(axis=1).max()))
        tokens = tokens[:, :longest]  # (N, L): padding after the longest caption only takes time
        is_word = (tokens > 0).astype(self.embedding.weight.dtype)
        is_word = is_word.reshape(len(tokens), 1, -1)  # (N, 1, L)
        words = self.embedding(tokens).transpose(0, 2, 1) * is_word  # (N, embedding_dim, L)
        features = silu(self.conv(words)) * is_word  # (N, num_filters, L)
        return self.output(self.norm(features.sum(axis=2)))  # (N, out_dim)
