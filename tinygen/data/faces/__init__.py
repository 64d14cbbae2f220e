"""Procedural faces: RGB portraits of any size, drawn from factors that are known.

    portraits.py     the factors, and the pictures drawn from them
    anatomy.py       measures and colours
    canvas.py        shapes and brushes
    layers.py        a face, layer after layer
    accessories.py   hair, glasses, hats
    captions.py      what people would write under a portrait
"""

from .portraits import (
    ATTRIBUTES,
    DTYPE,
    FACTORS,
    faces,
    has_attribute,
    render,
    resample_factors,
    sample_aligned_factors,
    sample_factors,
    set_attribute,
)

__all__ = ["ATTRIBUTES", "DTYPE", "FACTORS", "faces", "has_attribute", "render", "resample_factors", "sample_aligned_factors", "sample_factors", "set_attribute"]
