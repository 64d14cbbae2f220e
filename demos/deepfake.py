"""A deepfake: one encoder, two decoders, and one person's face on another's (the method: models/deepfake.py).

Question to predict, before you run it: an encoder and two decoders learn from pictures of two people, each decoder from its own person alone. They are never
shown both in the same pose: no picture of A belongs to a picture of B. Then a picture of A goes through the encoder and through *B's* decoder. Who will
appear, A, B or a mixture? And doing what: the same as A, or anything?

    python demos/deepfake.py                        two people drawn by this package: no network, no GPU
    python demos/deepfake.py --size 64 --steps 6000
    python demos/deepfake.py --data folder:PATH     two sub-folders of photographs, a person each, all framed alike

**What this may not be used for.** To make real people appear to do or say what they did not: not to deceive, to mock, to shame, to undress, to threaten, to
gain money or votes, nor to pass for someone. In many countries it is a crime, and it harms those shown even where it is not. Use it on drawn people, on
yourself, or on people who have agreed to just this use, and mark all that it makes as made.

It draws swaps.png (A in ten moments, given back by A's decoder, through B's, and the truth: B drawn in the same moments; then the reverse) and curves.png.

That truth is known because these people are drawn: a person is their *identity* (proportions, skin, hair) and what they wear, and a moment is a *state* (turn
and tilt of the head, smile, mouth, lids, gaze, light), eight numbers. Two kinds of figure come out, on moments that were not trained on. The error of a swap,
over that of the best constant answer, which is B's mean picture; beside it what B's decoder makes of B itself. And what a reader sees, a network that was
taught on drawings of A, of B, and of people mixed of both: each number of the state to an eighth of its range (a constant is right in a quarter), and who it is.
"""
