"""Pictures read back, for the tests that compare them with what was to be drawn."""


def read_png(path):
    """Return a PNG file as floats (height, width, 3) from 0 to 1."""
    from matplotlib.image import imread

    return imread(path)[..., :3]
