"""Five GANs whose pictures have a label, a class or a code.

A GAN generates pictures, but nobody can choose which. There are two ways to change this. The
discriminator can get a second *input* with the picture; then it decides whether the two belong
together. Or it can get a second *output*, a prediction of the label or the code; then the generator
minimizes the loss of this prediction too.

    base.py             UnconditionalGAN: what all five have in common;
                        ClassConditionalGAN: what those with a label have in common
    networks.py         the generator and the discriminator of all five
    projection.py       ProjectionGAN: the label is an input (Miyato and Koyama, 2018)
    acgan.py            ACGAN: the label is predicted (Odena, Olah and Shlens, 2017)
    infogan.py          InfoGAN: the generator's code is predicted, without labels (Chen et al.,
                        2016)
    semi_supervised.py  SemiSupervisedGAN: the discriminator classifies pictures, few of which have
                        a label (Salimans et al., 2016)
    bigan.py            BiGAN: the code is an input, and an encoder computes the code of real
                        pictures (Donahue, Krahenbuhl and Darrell, 2017; Dumoulin et al., 2017)

All five have the same networks and the non-saturating loss (`losses/adversarial.py`). Each file has
only what differs. The methods are the same too, so one training loop serves all five
(demos/conditional_gan.py).
"""

from .acgan import ACGAN
from .base import UnconditionalGAN, scaled_one_hot
from .bigan import BiGAN
from .infogan import InfoGAN
from .networks import ConvDiscriminator, ConvGenerator
from .projection import ProjectionGAN
from .semi_supervised import SemiSupervisedGAN

__all__ = [
    "ACGAN",
    "BiGAN",
    "ConvDiscriminator",
    "ConvGenerator",
    "InfoGAN",
    "ProjectionGAN",
    "SemiSupervisedGAN",
    "UnconditionalGAN",
    "scaled_one_hot",
]
