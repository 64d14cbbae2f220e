"""A phrase book: what people who know NumPy and PyTorch type in their first hour.

A row is a call of this package, and the same call in NumPy, in PyTorch or in both. Reading a file
from top to bottom teaches the package to whoever knows one of the two. `phrases.py` lists the
arguments by name (x is a matrix, `images` a batch of images, ...) and says when calls are equal.

    creation.py      new tensors, and what leaves them
    arithmetic.py    operators, comparisons, logic
    elementwise.py   functions of one number, selection
    indexing.py      reading and writing at an index
    reductions.py    sums, maxima, the order along an axis
    shapes.py        rearranging, joining, repeating
    matrices.py      products of matrices, linear systems
    networks.py      activations, softmax, norms, attention, embedding
    images.py        convolution, pooling, padding, interpolation
    objectives.py    losses
    gradients.py     derivatives, and what is not differentiated
    layers.py        layers with the weights of a model of PyTorch
    training.py      optimizers, schedules, states, loaders, saved runs
    programs.py      a classifier, a VAE, a GAN
    refusals.py      what is refused, and what the error says
"""
