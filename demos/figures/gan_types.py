"""Types of GAN side by side, as schemes: what G and D are given, and what D answers."""

from __future__ import annotations

from tinygen.plot.scheme import Network, Picture, Scheme, Text

SIDE = 56  # pixels of the page for a picture
KEY = "z: noise, y: label, c: code, E: encoder"


def gan_types(fake, real) -> list[list[Scheme]]:
    """Return rows of two schemes; `fake` and `real` are pictures (C, height, width)."""

    def scheme(title, answer, extra=None, *arrows, labels=("", ""), dashed=()):
        """Return the scheme of a GAN with further parts {key: (row, column, part)} and arrows."""
        parts = {
            "z": (0, 0, Text("z")),
            "G": (0, 1, Network("G", 0.5, 1)),
            "x'": (0, 2, Picture(fake, labels[0])),
            "x": (1, 2, Picture(real, labels[1])),
            "D": (0.5, 3, Network("D", 1, 0.5)),
            "answer": (0.5, 4, Text(answer)),
        }
        chains = ["z G x' D answer", "x D", *arrows]
        return Scheme(parts | (extra or {}), chains, dashed=dashed, side=SIDE, title=title)

    def to_g(text):
        return {"to_g": (1, 0, Text(text))}

    def to_d(text, row):
        return {"to_d": (row, 3, Text(text))}

    names = "fake", "real"
    encoder = {"E": (1, 1, Network("E", 0.5, 1)), "E(x)": (1, 0, Text("E(x)"))}
    return [
        [
            scheme("GAN", "real?", labels=names),
            scheme(
                "Conditional: D is given y",
                "real?",
                to_g("y") | to_d("y", 1.3),
                "to_g G",
                "to_d D",
                labels=names,
            ),
        ],
        [
            scheme("AC-GAN: D predicts y", "real?\nwhich y?", to_g("y"), "to_g G"),
            scheme("InfoGAN: D predicts c", "real?\nwhich c?", to_g("c"), "to_g G"),
        ],
        [
            scheme(
                "Semi-supervised: few y",
                "which y,\nor fake?",
                {"few": (1.75, 4, Text("few y"))},
                dashed=["few answer"],
            ),
            scheme(
                "BiGAN: D is given codes",
                "real?",
                encoder | to_d("z or E(x)", 1.6),
                "x E E(x)",
                "to_d D",
            ),
        ],
    ]
