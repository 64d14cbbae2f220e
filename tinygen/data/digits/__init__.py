"""Procedural handwriting: as many 28x28 digits as you ask for, from nothing but a seed.

    handwriting.py   `digits`, and the random variations from one digit to the next
    templates.py     what the pen does for each digit
    rendering.py     ink from the pen's path

A **template** says where the pen goes: three to five per class, each a few strokes through a few
knots. Every digit differs from its template in six ways, in this order:

1. The knots are jittered, and joined by Catmull-Rom curves that are cut into short segments.
2. A smooth random warp bends the plane with the curves on it: no two hands agree on a shape.
3. The digit is stretched, slanted and rotated.
4. It is scaled so that its longer side fills a box of about 17 pixels (20 with the pen's width).
   It is moved so that its **centre of mass** is the centre of the image. MNIST was prepared in this
   way, and for a network trained on MNIST this step matters most.
5. The pen gets a log-normal radius, which drifts along the stroke like the pressure of a hand.
6. A pixel's ink depends on its distance to the nearest *segment*, with a soft edge. Distances to
   points would give dotted lines.

Nothing is random but the seed: digit i of ``digits(n, seed)`` is the same for every n > i.
"""

from .handwriting import digits

__all__ = ["digits"]
