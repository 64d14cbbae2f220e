"""The models of the lecture: one paper, one file.

Each file has about a screen of model and a screen of objective. Demos train them, most of them a
demo of the same name. The linear autoencoder, linear_vae, conv_vae and vqvae have no demo: tests
hold the first two against PCA and probabilistic PCA.

Classical models and autoencoders:

    gaussian.py         one Gaussian; principal component analysis
    ppca.py             probabilistic PCA (Tipping and Bishop, 1999)
    mixture.py          mixtures of Gaussians by EM (Dempster, Laird and Rubin, 1977)
    kmeans.py           initial centres by k-means++ (Arthur and Vassilvitskii, 2007)
    autoencoder.py      autoencoders: plain, linear, denoising (Vincent et al., 2008), convolutional

Variational autoencoders:

    vae.py              the VAE (Kingma and Welling, 2013)
    linear_vae.py       linear networks, whose optimum is known (Lucas et al., 2019)
    conv_vae.py         convolutional networks
    iwae.py             importance weighted autoencoders, and log p(x) by samples (Burda, Grosse and
                        Salakhutdinov, 2015)
    vqvae.py            discrete codes from a codebook (van den Oord, Vinyals and Kavukcuoglu, 2017)

Generative adversarial networks:

    gan.py              fully connected networks (Goodfellow et al., 2014), and discriminators that
                        see several examples at once
    dcgan.py            convolutional networks (Radford, Metz and Chintala, 2015)
    pggan.py            networks that grow from 4 to 1024 pixels (Karras et al., 2018)
    stylegan.py         a style for each layer (Karras et al., 2019 and 2020);
                        style_discriminator.py has the discriminator
    equalized_lr.py     the layers of pggan.py and stylegan.py
    conditional_gan/    five GANs with labels or codes: projection (Miyato and Koyama, 2018), AC-GAN
                        (Odena et al., 2017), InfoGAN (Chen et al., 2016), semi-supervised (Salimans
                        et al., 2016), BiGAN (Donahue et al., 2017)
    pix2pix.py          a U-Net and a patch discriminator, for pairs of pictures (Isola et al.,
                        2017)
    cyclegan.py         two generators that invert each other, for pictures without pairs (Zhu et
                        al., 2017)
    deepfake.py         one encoder and two decoders, which swap the faces of two people

Flows and diffusion; each is a package with its own overview:

    flow/               exact likelihoods: RealNVP (Dinh et al., 2016), Glow (Kingma and Dhariwal,
                        2018), masked autoregressive flow (Papamakarios et al., 2017)
    diffusion/          from noise to pictures in small steps (Ho, Jain and Abbeel, 2020, and later
                        papers)
    video.py            content and motion of clips, for models that generate both (Tulyakov et al.,
                        2018); images that are moved (Jaderberg et al., 2015)
    text.py             a caption as one vector, for models that draw what a text describes
"""

import importlib
import pkgutil

__all__ = [module.name for module in pkgutil.iter_modules(__path__)]


def __getattr__(name: str):
    """Import `tinygen.models.vae` and the like when they are first used."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(
        f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    """List the files, those that are not imported yet included."""
    return __all__
