"""One paper, one file: about one screen of model and one of objective. A demo of the same name under demos/ trains it.

    gaussian.py         one Gaussian, and probabilistic principal component analysis (Tipping and Bishop, 1999)
    mixture.py          mixtures of Gaussians by expectation-maximization (Dempster, Laird and Rubin, 1977)
    autoencoder.py      autoencoders: plain, linear, denoising (Vincent et al., 2008), convolutional
    vae.py              the variational autoencoder (Kingma and Welling, 2013)
    linear_vae.py       the same with linear networks, whose optimum is known (Lucas et al., 2019)
    conv_vae.py         the same with convolutions
    iwae.py             importance weighted autoencoders, and log p(x) by samples (Burda, Grosse and Salakhutdinov, 2015)
    vqvae.py            codes from a finite book (van den Oord, Vinyals and Kavukcuoglu, 2017)
    gan.py              two fully connected networks for a game (Goodfellow et al., 2014), and discriminators that see several examples at once
    dcgan.py            the same with convolutions (Radford, Metz and Chintala, 2015)
    pggan.py            networks that grow from 4 to 1024 pixels (Karras et al., 2018)
    stylegan.py         a style for each layer (Karras et al., 2019 and 2020)
    conditional_gan.py  five GANs whose pictures have a label, a meaning or a code: projection (Miyato and Koyama, 2018), AC-GAN (Odena et al., 2017),
                        InfoGAN (Chen et al., 2016), semi-supervised (Salimans et al., 2016), BiGAN (Donahue et al., 2017); side by side, being short
    pix2pix.py          a U-Net and a discriminator of patches, for pairs of pictures (Isola et al., 2017)
    cyclegan.py         two translators that undo one another, for pictures without pairs (Zhu et al., 2017)
    pggan.py            a GAN that grows from 4 to 1024 pixels (Karras et al., 2018)
    stylegan.py         a generator told by styles what to draw (Karras et al., 2019 and 2020)
    deepfake.py         one encoder, two decoders, two people: faces swapped
    flow/               models whose likelihood is known: RealNVP (Dinh et al., 2016), Glow (Kingma and Dhariwal, 2018), masked autoregressive flow
                        (Papamakarios et al., 2017); a package, a paper a file
    diffusion/          from noise to pictures, a little at a time (Ho, Jain and Abbeel, 2020, and those after them); a package, in the order of reading
    text.py             a caption as one vector, for a model that draws what it says
    classifier.py       the judges: small classifiers of digits and of faces' attributes
"""
