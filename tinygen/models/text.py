"""A caption as one vector: what its words say in groups of three, added up.

**Each word is a vector**, a row of a table that is learned. Their mere sum would know which words there are, not what goes with what: "a red hat and a blue
shirt" and "a blue hat and a red shirt" have the same words. So a convolution looks at each word with its two neighbours, at "a red hat" and "without a
beard", and what it finds in them is added up over the caption, wherever it stands (Collobert and Weston, A Unified Architecture for Natural Language
Processing, 2008; Kim, Convolutional Neural Networks for Sentence Classification, 2014). The sum is normalized: a caption of twenty words is no louder
than one of three.

That is enough where what belongs together stands together. "A hat, blue as the sky in June" takes a look at all words from each: attention (nn/attention.py).

**What follows the end** of a caption, 0s, has no part in the sum, and a caption without words is the vector of none: what guidance (diffusion/guidance.py)
calls "no caption", label 0 for all its words.
"""

from __future__ import annotations

from ..backend import RNG
from ..nn import Conv1d, Embedding, LayerNorm, Linear, Module
from ..ops import silu

__all__ = ["TextEncoder"]


class TextEncoder(Module):
    """Tokens (N, L), integers from 1 to `words`, then 0 to the end, to vectors (N, outputs).

    width : numbers a word; found : what is looked for in three words, both sizes of vectors within.
    """

    def __init__(self, words: int, outputs: int, *, width: int = 32, found: int = 64, rng: RNG):
        self.table = Embedding(words + 1, width, rng=rng)
        self.look = Conv1d(width, found, 3, 1, 1, rng=rng)
        self.norm, self.leave = LayerNorm(found, device=rng.device), Linear(found, outputs, rng=rng)

    def forward(self, tokens):
        tokens = tokens[:, : max(1, int((tokens > 0).sum(axis=1).max()))]  # what follows the longest caption costs time and says nothing
        there = (tokens > 0).astype(self.table.weight.dtype).reshape(len(tokens), 1, -1)
        words = self.table(tokens).transpose(0, 2, 1) * there  # (N, width, L)
        return self.leave(self.norm((silu(self.look(words)) * there).sum(axis=2)))
