"""One paper, one file: about one screen of model and one of objective. A demo of the same name under demos/ trains it.

    gaussian.py   one Gaussian, and probabilistic principal component analysis (Tipping and Bishop, 1999)
    mixture.py    mixtures of Gaussians by expectation-maximization (Dempster, Laird and Rubin, 1977)
    vae.py        the variational autoencoder (Kingma and Welling, 2013)
"""
