"""Philox: random bits as a function of a key and a counter.

An ordinary generator keeps a state, and computes each number from the one before. The thousands of
threads of a GPU cannot wait for one another like this. A **counter-based** generator has no state.
Block number c of random bits is a function of c and of a key:

    block = philox(key, c)

The function is built as ciphers are. It mixes so well that the blocks of 0, 1, 2, ... pass the
usual tests of randomness. Any thread can compute any block, in any order, on any device.

Here, the key is (seed, draw). The arrays that a random source fills are numbered from 0, and `draw`
is this number. For a permutation its highest bit is set, too. No two draws of a source use the same
pair of key and counter.

Block b of a draw, also numbered from 0, has the counter b + 1: NumPy's Philox computes the same
bits on the CPU, and adds one before its first block.

Philox 4x64-10
--------------
The counter is four words of 64 bits, and so is the block. The key is two words. One round
multiplies two words of the counter by constants. Each product has 128 bits, and ^ is the exclusive
or of bits::

    high_0, low_0 = the two halves of c_0 * M_0
    high_1, low_1 = the two halves of c_2 * M_1

    c_0, c_1, c_2, c_3 = high_1 ^ c_1 ^ k_0, low_1, high_0 ^ c_3 ^ k_1, low_0

- The high half of a product depends on all bits of the factor. So each round spreads every bit of
  the counter over other words. After a few rounds each bit of the block depends on every one.
- A round can be undone: M_0 is odd, so it has an inverse modulo 2^64, and c_0 is low_0 times this
  inverse. From c_0 follow high_0 and then c_3. The others follow in the same way. Therefore two
  counters never give the same block under one key.
- Before each round but the first, the constants W_0 and W_1 are added to the words of the key, so
  that no two rounds are the same function.

The authors found that seven rounds pass every test of the batteries SmallCrush, Crush and BigCrush.
The other three are a margin of safety.

Source: Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import threading

import numpy as np

__all__ = ["PHILOX_CUDA", "numpy_rng", "philox"]

ROUNDS = 10
M_0, M_1 = 0xD2E7470EE14C6C93, 0xCA5A826395121157  # chosen by the authors for fast mixing
# 2^64 (phi - 1), with the golden ratio phi, and 2^64 (sqrt(3) - 1)
W_0, W_1 = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B


# ---------------------------------------------------------------------------------- to be read


def philox(seed: int, draw: int, counters: np.ndarray) -> np.ndarray:
    """Return the blocks of random bits of some counters: the algorithm in NumPy, to be read.

    NumPy's own is five times as fast, and `numpy_rng` uses it.

    **Shapes.** counters uint64 (n,); result uint64 (n, 4), the words of each block.
    """
    c_0, c_1, c_2, c_3 = counters, *np.zeros((3, len(counters)), np.uint64)
    for i in range(ROUNDS):
        k_0, k_1 = (seed + i * W_0) % 2**64, (draw + i * W_1) % 2**64
        high_0, low_0 = _product(c_0, M_0)
        high_1, low_1 = _product(c_2, M_1)
        c_0, c_1, c_2, c_3 = (
            high_1 ^ c_1 ^ np.uint64(k_0),
            low_1,
            high_0 ^ c_3 ^ np.uint64(k_1),
            low_0,
        )
    return np.stack([c_0, c_1, c_2, c_3], axis=1)


def _product(a: np.ndarray, b: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the high and the low 64 bits of a * b.

    NumPy's product of uint64 is the low half. The high half is computed as by hand, with digits of
    32 bits, a = a_1 2^32 + a_0 and b = b_1 2^32 + b_0::

        a b = a_1 b_1 2^64 + (a_1 b_0 + a_0 b_1) 2^32 + a_0 b_0

    The term in the middle may need 65 bits, so its two products are added one after the other.
    Neither sum overflows: (2^32 - 1)^2 + 2^32 - 1 < 2^64.
    """
    digit, shift = np.uint64(2**32 - 1), np.uint64(32)
    b = np.uint64(b)
    a_0, a_1, b_0, b_1 = a & digit, a >> shift, b & digit, b >> shift
    middle = a_1 * b_0 + (a_0 * b_0 >> shift)
    middle_2 = a_0 * b_1 + (middle & digit)
    return a_1 * b_1 + (middle >> shift) + (middle_2 >> shift), a * b


# ------------------------------------------------------------------------------------- on the CPU

_local = threading.local()  # .rng is the generator of each thread


def numpy_rng(seed: int, draw: int, block: int = 0) -> np.random.Generator:
    """Return NumPy's generator, set to begin with this block of a draw.

    It is the same object at each call in a thread, because a new one takes 6 microseconds, and
    setting the state 1.5.
    """
    rng = getattr(_local, "rng", None)
    if rng is None:
        rng = _local.rng = np.random.Generator(np.random.Philox())
    counter, key = np.array((block, 0, 0, 0), np.uint64), np.array((seed, draw), np.uint64)
    rng.bit_generator.state = {
        "bit_generator": "Philox",
        "state": {"counter": counter, "key": key},
        "buffer": (0, 0, 0, 0),
        "buffer_pos": 4,  # the buffer is used up: the next number begins a block
        "has_uint32": 0,
        "uinteger": 0,
    }
    return rng


# --------------------------------------------------------------------------------------- on a GPU

# For the preamble of a kernel that draws.
PHILOX_CUDA = """
    typedef unsigned long long uint64;

    struct Block { uint64 word[4]; };

    __device__ Block philox(uint64 seed, uint64 draw, uint64 counter) {
        const uint64 M_0 = 0xD2E7470EE14C6C93ull, M_1 = 0xCA5A826395121157ull;
        const uint64 W_0 = 0x9E3779B97F4A7C15ull, W_1 = 0xBB67AE8584CAA73Bull;
        uint64 c_0 = counter, c_1 = 0, c_2 = 0, c_3 = 0;
        for (int round = 0; round < 10; ++round) {
            const uint64 high_0 = __umul64hi(c_0, M_0), low_0 = c_0 * M_0;
            const uint64 high_1 = __umul64hi(c_2, M_1), low_1 = c_2 * M_1;
            c_0 = high_1 ^ c_1 ^ (seed + round * W_0);
            c_1 = low_1;
            c_2 = high_0 ^ c_3 ^ (draw + round * W_1);
            c_3 = low_0;
        }
        return Block{{c_0, c_1, c_2, c_3}};
    }
"""
