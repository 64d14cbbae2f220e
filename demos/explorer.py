"""Write the explorer: a page to play with trained networks, in any browser.

    python demos/explorer.py            writes out/explorer/explorer.html
    python demos/explorer.py --out DIR  writes DIR/explorer.html

Open the file in a browser, on a computer or a phone. It is complete: it needs
no server and no network, and can be copied to a memory stick or sent by mail.

The trained networks come from demos/weights. They run in the page, in plain
JavaScript, from the same numbers as in tinygen.

demos/explorer/ has the parts of the page, to be read in this order:

    page.html       the texts and the controls
    arrays.js       arrays with a shape, weights, random numbers
    layers.js       linear layers, convolutions, normalizations
    networks.js     the decoder of the VAE, two generators of faces
    controls.js     drawing and dragging
    vae_plane.js, walk.js, attributes.js, styles.js, diffusion.js, gan_line.js
                    one file for each exhibit
    exact_mixture.js, mlp.js, game.js
                    what diffusion and the GAN on a line compute
    main.js         starts the exhibits
    style.css       how it looks
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

import _weights

import tinygen
from tinygen import data, default_rng, latent, no_grad
from tinygen.metrics.evaluators import AttributeClassifier
from tinygen.models.dcgan import DCGenerator
from tinygen.models.stylegan import StyleGenerator
from tinygen.models.vae import VAE

PARTS = Path(__file__).resolve().parent / "explorer"
SCRIPTS = (  # in this order
    "arrays",
    "layers",
    "networks",
    "controls",
    "vae_plane",
    "walk",
    "attributes",
    "styles",
    "exact_mixture",
    "diffusion",
    "mlp",
    "game",
    "gan_line",
    "main",
)
MAX_BYTES = 8_000_000  # of the page

FACE_DIM, FACE_SIZE = 64, 64  # dimensions of z, and pixels, in demos/dcgan.py
ATTRIBUTES = ("glasses", "beard", "hat", "old", "smiling")  # that its classifier finds
EDITS = {"glasses": "glasses", "hat": "hat", "smile": "smiling"}  # those of the page
NUM_FACES = 1000  # of which the vectors are computed
NUM_TEST_FACES = 200  # on which they are measured
STRENGTH = 2  # how often a vector is added, to be measured
NUM_SHOWN = 20  # faces without these attributes, to begin with

State = dict[str, np.ndarray]


def read_states(demo: str, *networks: str) -> list[State]:
    """Return the states of networks that a demo trained: arrays of float16 by name."""
    saved = _weights.read_weights(_weights.FOLDER / f"{demo}.npz")
    return [saved[network] for network in networks]


def embed_weights(name: str, state: State) -> str:
    """Return the HTML elements from which arrays.js reads the weights of a network.

    float16 numbers are two bytes each, the lower one first. base64 writes three bytes as four
    letters.
    """
    shapes = [[key, list(array.shape)] for key, array in state.items()]
    numbers = np.concatenate([array.ravel() for array in state.values()]).astype("<f2")
    text = base64.b64encode(numbers.tobytes()).decode("ascii")
    return f"{embed_json(f'shapes-{name}', shapes)}\n{_element(f'weights-{name}', text)}"


def embed_json(name: str, value: Any) -> str:
    """Return the HTML element from which a script reads a value."""
    return _element(name, json.dumps(value).replace("<", "\\u003c"))  # no "</script>" in it


def _element(name: str, text: str) -> str:
    """Return an element with text that is neither shown nor run."""
    return f'<script type="text/plain" id="{name}">{text}</script>'


def vae_with_codes() -> str:
    """Return the decoder of the VAE, and one code for each class of digits.

    Of 60 digits of a class, the one of medium distance from their mean is taken: neither the most
    typical one nor the strangest.
    """
    (state,) = read_states("vae", "model")
    model = load_vae(state)
    images, labels = data.digits(600, seed=3)
    with no_grad():
        mu, _ = model.encode(data.to_float(images))
    codes = []
    for digit in range(10):
        mu_of_class = mu.data[labels == digit]  # (n, latent_dim)
        distances = np.linalg.norm(mu_of_class - mu_of_class.mean(axis=0), axis=1)
        codes.append(mu_of_class[distances.argsort()[len(distances) // 2]].round(4).tolist())
    decoder = {key: array for key, array in state.items() if key.startswith("decoder.")}
    return f"{embed_weights('vae', decoder)}\n{embed_json('vae-codes', codes)}"


def load_vae(state: State) -> VAE:
    """Return the VAE of demos/vae.py with these weights."""
    hidden = len(state["encoder.1.bias"]), len(state["encoder.3.bias"])
    model = VAE(len(state["to_mu.bias"]), hidden, state["mean"].shape, rng=default_rng(0))
    model.load_state_dict(state)
    return model


class Faces:
    """The generator of demos/dcgan.py, with the classifier that finds attributes in its faces."""

    def __init__(self):
        generator, evaluator = read_states("dcgan", "G", _weights.EVALUATOR)
        width = len(generator["layers.10.bias"])
        self.generator = DCGenerator(FACE_DIM, 3, FACE_SIZE, width, rng=default_rng(0))
        self.generator.load_state_dict(generator)
        self.generator.eval()
        self.evaluator = AttributeClassifier(len(ATTRIBUTES), rng=default_rng(0))
        self.evaluator.load_state_dict(evaluator)
        self.state = generator

    def find_attributes(self, z: np.ndarray) -> np.ndarray:
        """Return which of ATTRIBUTES the faces of z (n, FACE_DIM) have: bool (n, 5)."""
        found = []
        with no_grad():
            for batch in data.split_batches(z.astype(np.float32), 100):
                pictures = data.denormalize(self.generator(batch).numpy())
                found.append(self.evaluator.predict(data.downsample(pictures, 32)))
        return np.concatenate(found)


def faces_with_attributes() -> tuple[str, str]:
    """Return the generator of faces with the vectors of EDITS, and a table of what they do.

    A vector is the mean z of the faces with the attribute minus that of the faces without. It is
    measured on other faces, which do not have the attribute: how many have it after the vector is
    added STRENGTH times, and how often each of the other attributes stays as it was.
    """
    faces = Faces()
    numpy_rng = np.random.default_rng(0)
    z = numpy_rng.normal(size=(NUM_FACES, FACE_DIM))
    has = faces.find_attributes(z)
    columns = {name: ATTRIBUTES.index(attribute) for name, attribute in EDITS.items()}
    vectors = {name: latent.attribute_vector(z, has[:, column]) for name, column in columns.items()}

    test_z = numpy_rng.normal(size=(NUM_TEST_FACES, FACE_DIM))
    test_has = faces.find_attributes(test_z)
    rows = ["<tr><th>added</th><th>appears</th><th>other attributes stay</th></tr>"]
    for name, column in columns.items():
        without = ~test_has[:, column]
        edited = faces.find_attributes(test_z[without] + STRENGTH * vectors[name])
        stays = np.delete(edited == test_has[without], column, axis=1).mean()
        appears = edited[:, column].mean()
        rows.append(f"<tr><td>{name}</td><td>{appears:.0%}</td><td>{stays:.0%}</td></tr>")

    bare = z[~has[:, list(columns.values())].any(axis=1)][:NUM_SHOWN]
    content = {
        "vectors": {name: vector.round(4).tolist() for name, vector in vectors.items()},
        "faces": bare.round(4).tolist(),
    }
    table = "<table>\n" + "\n".join(rows) + "\n</table>"
    return f"{embed_weights('dcgan', faces.state)}\n{embed_json('attributes', content)}", table


def stylegan_with_mean() -> tuple[str, dict[str, str]]:
    """Return the generator of demos/stylegan.py with the mean of w, and its measured figures."""
    saved = _weights.read_weights(_weights.FOLDER / "stylegan.npz")
    generator = load_stylegan(saved["G"])
    z = np.random.default_rng(0).normal(size=(10_000, generator.latent_dim)).astype(np.float32)
    with no_grad():
        mean_w = generator.mapping(z).numpy().mean(axis=0)
    figures = {
        f"styles_{attribute}": f"{100 * saved['figures'][f'transferred_{attribute}_{sizes}']:.0f}"
        for attribute, sizes in (("hat", "4_and_8"), ("glasses", "16"))
    }
    content = embed_json("mean-w", [round(float(a), 5) for a in mean_w])
    return f"{embed_weights('stylegan', saved['G'])}\n{content}", figures


def load_stylegan(state: State) -> StyleGenerator:
    """Return the generator of demos/stylegan.py with these weights."""
    num_sizes = sum(key.endswith("conv.layer.weight") and "to_rgb" in key for key in state)
    channels = [state[f"to_rgb.{k}.conv.layer.weight"].shape[1] for k in range(num_sizes)]
    latent_dim = len(state["mapping.layers.0.layer.bias"])
    generator = StyleGenerator(latent_dim, channels, rng=default_rng(0))
    generator.load_state_dict(state)
    return generator


def build_page() -> str:
    """Return the page as one text of HTML."""
    page = (PARTS / "page.html").read_text(encoding="utf-8")
    scripts = [(PARTS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    faces, table = faces_with_attributes()
    stylegan, figures = stylegan_with_mean()
    contents = {
        "style": (PARTS / "style.css").read_text(encoding="utf-8"),
        "weights": "\n".join([vae_with_codes(), faces, stylegan]),
        "scripts": "\n".join(f"<script>\n{script}</script>" for script in scripts),
        "about": html.escape(f"Written by demos/explorer.py of tinygen {tinygen.__version__}."),
        "measured": table,
        "measured_faces": str(NUM_TEST_FACES),
        **figures,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda placeholder: contents[placeholder[1]], page)


def write_page(folder: Path) -> Path:
    """Write the page to a folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = build_page()
    size = len(page.encode("utf-8"))
    if size > MAX_BYTES:
        raise ValueError(f"the page has {size:,} bytes; at most {MAX_BYTES:,} are allowed")
    path = folder / "explorer.html"
    path.write_text(page, encoding="utf-8")
    print(f"Written: {path}, {size:,} bytes. Open it in a browser.")
    return path


def main() -> None:
    """Write the page to the folder of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("out/explorer"),
        metavar="DIR",
        help="folder for the page (default: out/explorer)",
    )
    args = parser.parse_args()
    try:
        write_page(args.out)
    except (OSError, ValueError) as error:
        sys.exit(f"explorer.py: {str(error).removesuffix(', or leave out --trained')}")


if __name__ == "__main__":
    main()
