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
    vae_plane.js    one file for each exhibit
    main.js         starts the exhibits
    style.css       how it looks
"""

from __future__ import annotations

import argparse
import base64
import html
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # finds tinygen in a checkout

import _weights

import tinygen
from tinygen import data, default_rng, no_grad
from tinygen.models.vae import VAE

PARTS = Path(__file__).resolve().parent / "explorer"
SCRIPTS = ("arrays", "layers", "networks", "controls", "vae_plane", "main")  # in this order
MAX_BYTES = 8_000_000  # of the page

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
    return f"{embed_json(f'{name}-shapes', shapes)}\n{_element(f'{name}-numbers', text)}"


def embed_json(name: str, value: Any) -> str:
    """Return the HTML element from which a script reads a value."""
    return _element(name, json.dumps(value))


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


def build_page() -> str:
    """Return the page as one text of HTML."""
    page = (PARTS / "page.html").read_text(encoding="utf-8")
    scripts = [(PARTS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    contents = {
        "style": (PARTS / "style.css").read_text(encoding="utf-8"),
        "weights": vae_with_codes(),
        "scripts": "\n".join(f"<script>\n{script}</script>" for script in scripts),
        "about": html.escape(f"Written by demos/explorer.py of tinygen {tinygen.__version__}."),
    }
    for name, content in contents.items():
        page = page.replace("{{" + name + "}}", content)
    return page


def write_page(folder: Path) -> Path:
    """Write the page to a folder, and return its path."""
    page = build_page()
    size = len(page.encode("utf-8"))
    if size > MAX_BYTES:
        raise ValueError(f"the page has {size:,} bytes; at most {MAX_BYTES:,} are allowed")
    folder.mkdir(parents=True, exist_ok=True)
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
        sys.exit(f"explorer.py: {error}")


if __name__ == "__main__":
    main()
