"""Procedural faces: RGB portraits of any size, drawn from known factors.

    factors.py       what there is to know about a face
    sampling.py      random factors
    portraits.py     `faces` and `render`: factors to pictures
    painting.py      layer after layer
    anatomy.py       measures and colours
    canvas.py        shapes and brushes
    scene.py, head.py, features.py, hair.py, accessories.py    the layers
    captions.py      captions, as people would write them

A face is a record of **factors**: a NumPy structured array with one field per factor. `render` is
a function of the factors alone. So the right result of an edit is known.

    images, factors = faces(1000)                # (1000, 3, 32, 32) uint8, and their factors
    edited = render(set_attribute(factors, "glasses", True))   # the same faces, with glasses
    person = np.repeat(factors[:1], 50)
    frames = render(resample_factors(person, "state"))         # one person, fifty moments

`FACTORS` lists the factors and their ranges, in three groups: *identity* (who), *state* (this
moment) and *accessories* (what comes off).

The factors are drawn independently. Only the option `correlation` ties the beard to dark hair. Then
an attribute vector "with beard minus without" also darkens hair, as in collected photographs.

`has_attribute` and `set_attribute` read and set the binary attributes of `ATTRIBUTES`. A numeric
factor behind an attribute (age, smile) leaves out the middle of its range, so that nobody is half
old. To set an attribute is to mirror this number in the middle. So setting it twice, there and
back, changes nothing.

All faces are drawn by day. One in ten at night would take half of all variance, and with it the
first eigenface. Night comes by `set_attribute`.
"""

from .factors import ATTRIBUTES, DTYPE, FACTORS, has_attribute, set_attribute
from .portraits import faces, render
from .sampling import resample_factors, sample_aligned_factors, sample_factors

__all__ = [
    "ATTRIBUTES",
    "DTYPE",
    "FACTORS",
    "faces",
    "has_attribute",
    "render",
    "resample_factors",
    "sample_aligned_factors",
    "sample_factors",
    "set_attribute",
]
