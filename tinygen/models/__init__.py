"""One paper, one file: about one screen of model and one of objective. A demo of the same name under demos/ trains it.

    vae.py    the variational autoencoder (Kingma and Welling, 2013)
"""
