"""Noise of float64 in a network of float32.

NumPy draws random numbers in float64 unless a dtype is given. float32 plus float64 is float64, so
the noisy batch is float64, and so is the product with the weights, and all that follows. One line
doubles the memory of every activation, and each product takes about twice as long.

**Why nothing fails.** The results are right, even to more digits than before. The losses agree to
five digits, and no picture of samples shows a difference. The symptom is the memory and the clock.

**Where it hides.** In plain functions of arrays, such as `x @ w`: NumPy, CuPy and this library
promote there, as NumPy's users expect. Layers refuse: nn.Linear says that x is float64 and its
weight float32, as PyTorch's does. `rng.normal(shape)` of `tinygen.default_rng` is float32.
"""

import time

import numpy as np
from bugs.comparison import Comparison
from bugs.digits import load_digits
from figures.broken import Bars

from tinygen import default_rng, ops, optim, tensor
from tinygen.plot import Curves

TITLE = "Noise of float64"
SYMPTOM = "Same loss, same pictures; twice the memory and the time."
CHECK = "The dtype of the network's output is that of its parameters."
SOURCE = "Issues: 16 of fgnt/mms_msg, 2025 (white noise); 10892 of numpy/numpy, 2018"
WIDTHS = (64, 256, 1024)
NUM_TIMED, BATCH = 5, 256  # steps of each width


def right(x, rng):
    """Add noise in the precision of x."""
    noise = rng.normal(size=x.shape).astype(x.dtype)
    return x + 0.3 * noise


def wrong(x, rng):
    """Add noise in NumPy's default precision."""
    noise = rng.normal(size=x.shape)
    return x + 0.3 * noise


def make_weights(hidden: int, seed: int) -> list:
    """Return the two matrices of a denoising autoencoder, float32."""
    rng = default_rng(seed)
    shapes = ((784, hidden), (hidden, 784))
    return [tensor(rng.normal(s) / np.float32(28), requires_grad=True) for s in shapes]


def forward(x, weights):
    """Return the hidden layer and the output."""
    h = ops.relu(x @ weights[0])
    return h, h @ weights[1]


def check(variant) -> None:
    """A network of float32 must return float32."""
    weights = make_weights(4, 0)
    x = variant(np.zeros((2, 784), np.float32), np.random.default_rng(0))
    _, output = forward(x, weights)
    dtype = weights[0].dtype
    assert output.dtype == dtype, f"the output is {output.dtype}, the parameters are {dtype}"


def train(variant, hidden: int, seed: int):
    """Train for a few steps; return milliseconds per step, bytes per digit, and the loss."""
    weights, rng = make_weights(hidden, seed), np.random.default_rng(seed)
    images = load_digits(seed)[0].reshape(-1, 784)
    optimizer = optim.Adam(weights, lr=1e-3)
    for step in range(NUM_TIMED + 1):
        if step == 1:  # the first step is slower
            start = time.process_time()
        x = images[BATCH * step : BATCH * (step + 1)]
        activations = forward(variant(x, rng), weights)
        loss = ((activations[-1] - x) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    milliseconds = 1000 * (time.process_time() - start) / NUM_TIMED
    memory = sum(a.data.nbytes for a in activations) / BATCH
    return milliseconds, memory, loss.item()


def compare(seed: int) -> Comparison:
    """Time both for several widths of the hidden layer."""
    results = [[train(variant, width, seed) for variant in (right, wrong)] for width in WIDTHS]
    times, memory, losses = np.array(results).transpose(2, 1, 0)  # (2, widths) each
    loss, size, duration = (tuple(a[:, -1]) for a in (losses, memory / 1000, times))
    measured = {
        "loss at the last step": loss,
        "memory of the activations, kB per digit": size,
        "processor time of a step, milliseconds": duration,
    }
    bars = {"memory, kB": size, "time, ms": duration}
    curves = {n: (np.array(WIDTHS), t) for n, t in zip(("right", "bug"), times, strict=True)}
    labels = {"ylabel": "milliseconds per step", "xlabel": "units of the hidden layer"}
    chart = Curves(curves, smooth=False, log="x", height=340, **labels)
    return Comparison([chart], Bars(bars), measured)
