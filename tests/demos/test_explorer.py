"""The explorer: the page's networks compute what tinygen's do, and its exhibits can be used."""

import json
import re
import sys

import explorer
import numpy as np
import pytest

from tests.demos.processes import DEMOS, run_python
from tinygen import no_grad, ops

DESKTOP, PHONE = (1280, 800), (390, 844)
TOLERANCE = 1e-3  # of pixels from 0 to 1 or from -1 to 1


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page, written once."""
    return explorer.write_page(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless browser; without one on this machine, the test is skipped."""
    if sys.platform == "win32":
        pytest.skip("the browser is driven by pipes as of Unix")
    from tests.demos.browser import Browser, find_browser

    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome on this machine")
    browser = Browser(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def opened(request, browser, page):
    """The browser with the page, at the width of a desktop or of a phone."""
    browser.open(page, *request.param, touch=request.param == PHONE)
    browser.is_phone = request.param == PHONE
    yield browser
    assert not browser.errors


def start(browser, exhibit):
    """Scroll to an exhibit, and wait until it has started."""
    browser.run(
        f"document.getElementById('exhibit-{exhibit}').scrollIntoView({{behavior: 'instant'}})"
    )
    browser.wait_until(f"document.getElementById('exhibit-{exhibit}').dataset.started")
    browser.next_frame()


def pixels(browser, canvas):
    """Return the text of a canvas: equal texts are equal pictures."""
    return browser.run(f"document.getElementById('{canvas}').toDataURL()")


# ---------------------------------------------------------------- the file


def test_the_page_is_small_complete_and_without_placeholders(page):
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) <= explorer.MAX_BYTES
    assert "{{" not in re.sub(r"\$\{\{", "", text)
    assert not re.findall(r'(?:src|href)="(?!#)', text)
    assert "http" not in re.sub(r"http-equiv", "", text)


def test_the_command_explains_itself_in_80_columns_and_says_what_is_wrong(tmp_path):
    help_text = run_python(DEMOS / "explorer.py", "--help").stdout
    assert "--out" in help_text
    assert max(map(len, help_text.splitlines())) <= 80
    (tmp_path / "file").write_text("")
    result = run_python(DEMOS / "explorer.py", "--out", tmp_path / "file")
    assert result.returncode == 1 and result.stderr.count("\n") == 1


@pytest.mark.parametrize("path", sorted((DEMOS / "explorer").iterdir()), ids=lambda p: p.name)
def test_the_parts_of_the_page_keep_to_100_columns(path):
    assert max(map(len, path.read_text(encoding="utf-8").splitlines())) <= 100


# ---------------------------------------------------------------- the networks


def compute(browser, page, script):
    """Run a script that returns an array, and return it."""
    browser.open(page, *DESKTOP)
    return np.array(browser.run(f"Array.from({script})"))


def test_the_decoder_of_the_vae_is_that_of_tinygen(browser, page):
    (state,) = explorer.read_states("vae", "model")
    z = np.random.default_rng(0).normal(size=20).astype(np.float32)
    with no_grad():
        expected = ops.sigmoid(explorer.load_vae(state).decode(z[None])).numpy().ravel()
    found = compute(browser, page, f"vaeDecode(readWeights('vae'), {json.dumps(z.tolist())}).data")
    assert np.abs(found - expected).max() < TOLERANCE


# ---------------------------------------------------------------- the exhibits


def test_nothing_is_loaded_and_the_page_is_not_wider_than_the_window(opened):
    assert opened.requests == [opened.run("location.href")]
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")


def test_the_plane_of_the_vae(opened):
    start(opened, "vae")
    before = pixels(opened, "vae-picture")
    opened.drag("vae-map", start=(0.5, 0.5), end=(0.2, 0.8), touch=opened.is_phone)
    assert opened.run("document.getElementById('vae-formula').textContent").startswith("z = 1.00")
    at_corner = pixels(opened, "vae-picture")
    assert at_corner != before
    opened.press("ArrowRight", times=3)
    assert pixels(opened, "vae-picture") != at_corner
    opened.run("byId('vae-a').value = 0; byId('vae-a').dispatchEvent(new Event('change'))")
    opened.next_frame()
    assert "z(0)" in opened.run("document.getElementById('vae-formula').textContent")
