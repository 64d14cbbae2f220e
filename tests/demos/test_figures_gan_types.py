"""The schemes of types of GAN: what is connected with what."""

import numpy as np
import pytest
from figures.gan_types import gan_types

pytest.importorskip("matplotlib")


def test_every_type_has_the_arrows_of_a_gan_and_its_own():
    schemes = [s for row in gan_types(np.zeros((1, 8, 8)), np.ones((3, 8, 8))) for s in row]
    common = {("z", "G"), ("G", "x'"), ("x'", "D"), ("x", "D"), ("D", "answer")}
    own = {s.title.split(":")[0]: (set(s.arrows) | set(s.dashed)) - common for s in schemes}
    assert all(common <= set(s.arrows) for s in schemes)
    assert own == {
        "GAN": set(),
        "Conditional": {("to_g", "G"), ("to_d", "D")},
        "AC-GAN": {("to_g", "G")},
        "InfoGAN": {("to_g", "G")},
        "Semi-supervised": {("few", "answer")},
        "BiGAN": {("x", "E"), ("E", "E(x)"), ("to_d", "D")},
    }
