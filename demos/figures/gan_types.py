"""Types of GAN side by side, as schemes: what G and D are given, and what D answers."""

from __future__ import annotations

from tinygen.plot.scheme import Network, Picture, Scheme, Text

SIDE = 56  # pixels of the page for a picture
KEY = "z: noise, y: label, c: code, E: encoder"


def gan_types(fake, real) -> list[list[Scheme]]:
    """Return rows of two schemes; `fake` and `real` are pictures (C, height, width)."""

    def scheme(title, answer, extra=None, *arrows):
        """Return the scheme of a GAN with further parts {key: (row, column, part)} and arrows."""
        parts = {
            "z": (0, 0, Text("z")),
            "G": (0, 1, Network("G", 0.5, 1)),
            "x'": (0, 2, Picture(fake)),
            "x": (1, 2, Picture(real)),
            "D": (0.5, 3, Network("D", 1, 0.5)),
            "answer": (0.5, 4, Text(answer)),
        }
        chains = ["z G x' D answer", "x D", *arrows]
        return Scheme(parts | (extra or {}), chains, side=SIDE, title=title)

    def to_g(text):
        return {"to_g": (1, 0, Text(text))}

    def to_d(text):
        return {"to_d": (1.5, 3, Text(text))}

    encoder = {"E": (1, 1, Network("E", 0.5, 1)), "E(x)": (1, 0, Text("E(x)"))}
    return [
        [
            scheme("GAN", "real?"),
            scheme("Conditional: D is given y", "real?", to_g("y") | to_d("y"), "to_g G", "to_d D"),
        ],
        [
            scheme("AC-GAN: D predicts y", "real?\nwhich y?", to_g("y"), "to_g G"),
            scheme("InfoGAN: D predicts c", "real?\nwhich c?", to_g("c"), "to_g G"),
        ],
        [
            scheme("Semi-supervised: few y", "which y,\nor fake?", to_d("few y"), "to_d D"),
            scheme(
                "BiGAN: D is given codes",
                "real?",
                encoder | to_d("z or E(x)"),
                "x E E(x)",
                "to_d D",
            ),
        ],
    ]
