"""The explorer: the page's networks compute what tinygen's do, and its exhibits can be used."""

import json
import re
import sys

import explorer
import numpy as np
import pytest
from _noise import normal_quantiles
from _two_gaussians import TwoGaussians

from tests.demos.processes import DEMOS, run_python
from tinygen import default_rng, latent, losses, nn, no_grad, ops, optim
from tinygen.models.diffusion import samplers
from tinygen.models.diffusion.exact import ExactMixture
from tinygen.models.diffusion.posterior import posterior
from tinygen.models.gan import MLPDiscriminator, MLPGenerator

DESKTOP, PHONE = (1280, 800), (390, 844)
REDUCED_MOTION = {"name": "prefers-reduced-motion", "value": "reduce"}
TOLERANCE = 3e-5  # of pixels from 0 to 1 or from -1 to 1; the errors are up to 1e-5


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


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def window(request, browser, page):
    """The browser with the page, at the width of a desktop or of a phone."""
    browser.open(page, *request.param, touch=request.param == PHONE)
    return browser


@pytest.fixture
def opened(window):
    """The same, for a test in which nothing may go wrong."""
    yield window
    assert not window.errors


def start(browser, exhibit):
    """Scroll to an exhibit, and wait until it has started."""
    browser.run(
        f"document.getElementById('exhibit-{exhibit}').scrollIntoView({{behavior: 'instant'}})"
    )
    browser.wait_until(f"document.getElementById('exhibit-{exhibit}').dataset.started")
    browser.next_frame()


def pixels(browser, canvas):
    """Return a short text that differs for different pictures: a hash of those of a canvas."""
    return browser.run(
        f"(() => {{ const text = byId('{canvas}').toDataURL(); let hash = 0; "
        "for (let i = 0; i < text.length; i++) hash = (31 * hash + text.charCodeAt(i)) | 0; "
        "return `${hash} of ${text.length}`; })()"
    )


def text_of(browser, element):
    """Return the text of an element."""
    return browser.run(f"byId('{element}').textContent")


def click(browser, element):
    """Click an element, or touch it, and wait until it has been drawn."""
    script = "clicked = false; addEventListener('click', () => (clicked = true), {once: true})"
    browser.run(script)
    browser.drag(element, start=(0.5, 0.5), end=(0.5, 0.5), touch=browser.is_phone)
    browser.wait_until("clicked")
    browser.next_frame()


def choose(browser, select, value):
    """Choose an option of a list."""
    event = "new Event('change', {bubbles: true})"
    browser.run(f"byId('{select}').value = '{value}'; byId('{select}').dispatchEvent({event})")
    browser.next_frame()


# ---------------------------------------------------------------- the file


def test_the_page_is_small_complete_and_without_placeholders(page):
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) <= explorer.MAX_BYTES
    assert not re.findall(r"\{\{\w+\}\}", text)
    assert text.count("</script>") == text.count("<script")
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


@pytest.fixture
def loaded(browser, page):
    """The browser with the page, for scripts that do not depend on its state."""
    if not browser.run("location.href").startswith("file:"):
        browser.open(page, *DESKTOP)
    return browser


def compute(browser, script):
    """Run a script that returns an array, and return it."""
    return np.array(browser.run(f"Array.from({script})"))


def test_numbers_of_16_bits_are_those_of_numpy(loaded):
    expected = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float64)
    is_finite = np.isfinite(expected)
    found = loaded.run("Array.from(FLOAT16)")
    np.testing.assert_array_equal(np.array(found)[is_finite], expected[is_finite])


def test_random_numbers_are_those_of_a_normal_distribution(loaded):
    x = compute(loaded, "new RNG(1).normals(20000)")
    assert abs(x.mean()) < 0.03 and abs(x.std() - 1) < 0.02
    assert abs((np.abs(x) < 1).mean() - 0.6827) < 0.015
    assert abs(np.corrcoef(x[1:], x[:-1])[0, 1]) < 0.03


def test_the_decoder_of_the_vae_is_that_of_tinygen(loaded):
    (state,) = explorer.read_states("vae", "model")
    z = np.random.default_rng(0).normal(size=20).astype(np.float32)
    with no_grad():
        expected = ops.sigmoid(explorer.load_vae(state).decode(z[None])).numpy().ravel()
    found = compute(loaded, f"vaeDecode(readWeights('vae'), {json.dumps(z.tolist())}).data")
    assert np.abs(found - expected).max() < TOLERANCE


def test_the_generators_of_faces_are_those_of_tinygen(loaded):
    z = np.random.default_rng(1).normal(size=64).astype(np.float32)
    text = json.dumps(z.tolist())
    with no_grad():
        expected = explorer.Faces().generator(z[None]).numpy().ravel()
    found = compute(loaded, f"dcGenerate(generatorOfFaces(), {text}).data")
    assert np.abs(found - expected).max() < TOLERANCE

    (state,) = explorer.read_states("stylegan", "G")
    generator = explorer.load_stylegan(state)
    z = np.random.default_rng(2).normal(size=(9, 64)).astype(np.float32)  # a style for each layer
    with no_grad():
        w = generator.mapping(z).numpy()
        expected = generator.synthesis(w[None]).numpy().ravel()
    script = (
        "(() => { const weights = readWeights('stylegan'); "
        f"const ws = {json.dumps(z.tolist())}.map((z) => mapToW(weights, z)); "
        "return styleSynthesize(weights, ws).data; })()"
    )
    assert np.abs(compute(loaded, script) - expected).max() < TOLERANCE


def test_the_walk_is_that_of_tinygen(loaded):
    a, b = np.random.default_rng(2).normal(size=(2, 64))
    ends = f"[{a.tolist()}, {b.tolist()}]"
    found = compute(loaded, f"weightedSum(arcWeights(...{ends}, 0.25), {ends})")
    np.testing.assert_allclose(found, latent.slerp(a, b, 5)[1], atol=1e-9)
    found = compute(loaded, f"weightedSum(lineWeights(0.25), {ends})")
    np.testing.assert_allclose(found, latent.lerp(a, b, 5)[1], atol=1e-9)
    # From a face to itself, where rounding makes the cosine larger than 1
    nearly_a = (a * (1 + 1e-9)).tolist()
    found = compute(loaded, f"arcWeights({a.tolist()}, {nearly_a}, 0.25)")
    np.testing.assert_allclose(found, [0.75, 0.25])


def test_truncation_moves_w_towards_its_mean(loaded):
    w, mean = np.random.default_rng(4).normal(size=(2, 64))
    found = compute(loaded, f"truncate({w.tolist()}, {mean.tolist()}, 0.7)")
    np.testing.assert_allclose(found, mean + 0.7 * (w - mean))


def test_diffusion_on_the_line_is_that_of_tinygen(loaded):
    t, s, noise = 0.9, 0.7, 0.3
    x = np.linspace(-2.5, 2.5, 21)
    columns = compute(
        loaded,
        f"{x.tolist()}.map((x) => [mixtureDensity(x, {t}), denoise(x, {t}).x0, "
        f"denoise(x, {t}).eps, stepDeterministic(x, {t}, {s}), "
        f"stepAncestral(x, {t}, {s}, {noise}), stepForward(x, {s}, {t}, {noise})])",
    ).T
    values = loaded.run("MIXTURE")
    exact = ExactMixture(
        np.array(values["weights"]), np.array(values["means"])[:, None], np.array(values["stds"])
    )
    x = x[:, None]
    best, q = exact.denoise(x, t), posterior(t, s, x)
    expected = [
        np.exp(exact.log_density(x, t)),
        best.x0[:, 0],
        best.eps[:, 0],
        samplers.ddim(exact.denoise, x, [t, s])[:, 0],
        (q.mean(x, best.x0) + q.variance() ** 0.5 * noise)[:, 0],
        np.cos(t) / np.cos(s) * x[:, 0] + q.beta**0.5 * noise,
    ]
    np.testing.assert_allclose(columns, expected, atol=1e-9)


@pytest.mark.parametrize("loss", ["saturating", "non_saturating"])
def test_the_game_on_the_line_is_that_of_tinygen(loaded, loss):
    """Three iterations of Algorithm 1 with the same weights and batches: the same new weights."""
    m, k, momentum = 8, 2, 0.5
    numbers = np.random.default_rng(3).normal(size=3 * (2 * k + 1) * m).astype(np.float32)
    before, after = loaded.run(
        """(() => {
            const rng = new RNG(1);
            const networks = [new MLP([1, 32, 32, 1], rng), new MLP([1, 32, 32, 1], rng)];
            const parameters = () => networks.map((network) => network.layers.flatMap(
                (layer) => [Array.from(layer.weight), Array.from(layer.bias)]));
            const numbers = NUMBERS;
            const take = (m) => numbers.splice(0, m);
            const settings = {k: K, momentum: MOMENTUM, isSaturating: SATURATING};
            const before = parameters();
            for (let i = 0; i < 3; i++) trainStep(...networks, settings, M, take, take);
            return [before, parameters()];
        })()""".replace("NUMBERS", json.dumps(numbers.tolist()))
        .replace("MOMENTUM", str(momentum))
        .replace("SATURATING", json.dumps(loss == "saturating"))
        .replace("K,", f"{k},")
        .replace("M,", f"{m},")
    )
    rng = default_rng(0)
    networks = (
        MLPGenerator(1, (32, 32), (1,), nn.Tanh, rng=rng),
        MLPDiscriminator((32, 32), (1,), nn.Tanh, rng=rng),
    )
    for network, arrays in zip(networks, before, strict=True):
        for parameter, array in zip(network.parameters(), arrays, strict=True):
            parameter[...] = np.array(array, np.float32).reshape(parameter.shape)
    G, D = networks
    rates = {"G": loaded.run("LR_G"), "D": loaded.run("LR_D")}
    optimizer_g = optim.SGD(G.parameters(), lr=rates["G"], momentum=momentum)
    optimizer_d = optim.SGD(D.parameters(), lr=rates["D"], momentum=momentum)
    batches = iter(numbers.reshape(-1, m, 1))
    for _ in range(3):
        for _ in range(k):
            x, z = next(batches), next(batches)
            loss_d = -losses.minimax_value(D(x), D(G(z).detach())).mean()
            optimizer_d.zero_grad()
            loss_d.backward()
            optimizer_d.step()
        loss_g = getattr(losses, loss)(D(G(next(batches)))).mean()
        optimizer_g.zero_grad()
        loss_g.backward(inputs=G.parameters())
        optimizer_g.step()
    for network, arrays in zip(networks, after, strict=True):
        for parameter, array in zip(network.parameters(), arrays, strict=True):
            np.testing.assert_allclose(parameter.numpy().ravel(), array, atol=1e-5)


@pytest.mark.parametrize("bias", [0, 4.5, -100])  # of G: inside, partly outside, outside
def test_the_game_is_measured_exactly(loaded, bias):
    """After some steps, by tinygen and NumPy from 200,000 samples of G in equal steps of mass."""
    parameters, measured = loaded.run(
        """(() => {
            const rng = new RNG(2), [G, D] = [createNetwork(rng), createNetwork(rng)];
            const settings = {k: 5, momentum: 0.5, isSaturating: false};
            const sampleData = (m) => Array.from({length: m}, () => sampleMixture(rng, LINE_DATA));
            const sampleNoise = (m) => rng.normals(m);
            for (let i = 0; i < 8; i++) trainStep(G, D, settings, 32, sampleData, sampleNoise);
            G.layers[2].weight = G.layers[2].weight.map((w) => 5 * w); // more than a peak
            G.layers[2].bias[0] += BIAS;
            const parameters = [G, D].map((network) => network.layers.flatMap(
                ({weight, bias}) => [Array.from(weight), Array.from(bias)]));
            const {q, d, left, right, totalVariation, value} = measureGame(G, D);
            return [parameters, {q, d, left, right, totalVariation, value}];
        })()""".replace("BIAS", str(bias))
    )

    def forward(arrays, x):
        w1, b1, w2, b2, w3, b3 = map(np.array, arrays)
        h = np.tanh(np.tanh(x[:, None] * w1 + b1) @ w2.reshape(32, 32).T + b2)
        return h @ w3 + b3

    z = normal_quantiles((np.arange(200_000) + 0.5) / 200_000)
    samples, x = forward(parameters[0], z), np.linspace(-5, 5, 251)
    middles, cell = (x[1:] + x[:-1]) / 2, 0.04
    p = TwoGaussians((0.5, 0.5), (-1.2, 1.5), (0.5, 0.7)).density(middles)
    q = np.histogram(samples, x)[0] / len(samples) / cell
    logits, logits_of_samples = forward(parameters[1], middles), forward(parameters[1], samples)
    value = -(p * np.logaddexp(0, -logits)).sum() * cell - np.logaddexp(0, logits_of_samples).mean()
    assert measured["value"] == pytest.approx(value, abs=5e-4)
    assert measured["left"] == pytest.approx((samples < -5).mean(), abs=0.01)
    assert measured["right"] == pytest.approx((samples > 5).mean(), abs=0.01)
    q = np.convolve(q, np.ones(3) / 3, "same")
    assert np.abs(q - measured["q"]).sum() * cell < 1e-3
    total_variation = 1 - np.minimum(p, q).sum() * cell
    assert measured["totalVariation"] == pytest.approx(total_variation, abs=5e-4)
    np.testing.assert_allclose(measured["d"], 1 / (1 + np.exp(-logits)), atol=1e-9)


def test_samples_of_a_mixture_have_its_density(loaded):
    x = compute(loaded, "((rng) => Array(20000).fill().map(() => sampleMixture(rng)))(new RNG(1))")
    values = loaded.run("MIXTURE")
    components = np.abs(x[:, None] - values["means"]).argmin(axis=1)  # they hardly overlap
    for k, (weight, mean, std) in enumerate(zip(*(values[key] for key in values), strict=True)):
        assert (components == k).mean() == pytest.approx(weight, abs=0.015)
        assert x[components == k].mean() == pytest.approx(mean, abs=0.03)
        assert x[components == k].std() == pytest.approx(std, abs=0.03)


# ---------------------------------------------------------------- the exhibits


def test_nothing_is_loaded_and_the_page_is_not_wider_than_the_window(opened):
    assert opened.requests == [opened.run("location.href")]
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    assert opened.run("byId('not-started')") is None


def test_the_plane_of_the_vae(opened):
    start(opened, "vae")
    before = pixels(opened, "vae-picture")
    opened.drag("vae-map", start=(0.5, 0.5), end=(0.2, 0.8), touch=opened.is_phone)
    assert text_of(opened, "vae-formula").startswith("z = 1.00")
    at_corner = pixels(opened, "vae-picture")
    assert at_corner != before
    opened.press("ArrowRight", times=3)
    assert pixels(opened, "vae-picture") != at_corner
    choose(opened, "vae-a", 0)
    assert "z(0)" in text_of(opened, "vae-formula")


def test_the_walk_between_two_faces(opened):
    start(opened, "walk")
    on_arc = pixels(opened, "walk-picture")
    opened.run("byId('walk-t').focus()")
    opened.press("ArrowRight", times=3)
    assert text_of(opened, "walk-t-value") == "0.53"
    assert pixels(opened, "walk-picture") != on_arc
    choose(opened, "walk-way", "line")
    assert "z_t = 0.47 z_1 + 0.53 z_2" in text_of(opened, "walk-formula")
    choose(opened, "walk-way", "pixels")
    mixed = pixels(opened, "walk-picture")
    click(opened, "walk-new-0")
    assert pixels(opened, "walk-picture") != mixed


def test_arithmetic_with_faces(opened):
    start(opened, "attributes")
    assert text_of(opened, "attributes-formula") == "G(z + 2.0 v(glasses))"
    assert pixels(opened, "attributes-before") != pixels(opened, "attributes-after")
    opened.run("byId('add-hat').focus()")
    opened.press("ArrowLeft")
    formula = "G(z + 2.0 v(glasses) \u2212 0.1 v(hat))"
    assert text_of(opened, "attributes-formula") == formula
    click(opened, "attributes-reset")
    assert pixels(opened, "attributes-before") == pixels(opened, "attributes-after")
    before = pixels(opened, "attributes-before")
    click(opened, "attributes-new")
    assert pixels(opened, "attributes-before") != before


def test_the_vectors_add_their_attributes_and_leave_the_others(page):
    """By the classifier, on faces that did not have them: see the table of the page."""
    rows = re.findall(r"<td>(\d+)%</td><td>(\d+)%</td>", page.read_text(encoding="utf-8"))
    assert len(rows) == len(explorer.EDITS)
    for appears, others_stay in rows:
        assert int(appears) >= 85 and int(others_stay) >= 80


def test_the_styles_of_two_faces(opened):
    start(opened, "styles")
    first = pixels(opened, "styles-mixture")
    click(opened, "styles-coarse")
    assert text_of(opened, "styles-coarse") == "4, 8 px: B"
    assert pixels(opened, "styles-mixture") != first
    click(opened, "styles-coarse")
    assert pixels(opened, "styles-mixture") == first
    opened.run("byId('styles-psi').focus()")
    opened.press("ArrowLeft")
    assert text_of(opened, "styles-psi-value") == "0.75"
    assert pixels(opened, "styles-mixture") != first


def test_diffusion_can_be_dragged_through_time(opened):
    start(opened, "diffusion")
    places = {"start": (0.5, 0.5), "end": (0.02, 0.5)}
    opened.drag("diffusion-plot", **places, touch=opened.is_phone)
    assert float(opened.run("byId('diffusion-time').value")) < 0.1
    assert text_of(opened, "diffusion-formula").startswith("t = 0.03: x_t = 1.00 x_0")
    exact = float(text_of(opened, "diffusion-tv"))
    choose(opened, "diffusion-steps", 5)
    assert float(text_of(opened, "diffusion-tv")) > 2 * exact
    opened.run("byId('diffusion-time').focus()")
    opened.press("ArrowRight")
    assert float(opened.run("byId('diffusion-time').value")) > 0


def test_what_the_reader_moves_stops_the_animation(opened):
    start(opened, "diffusion")
    press = "byId('diffusion-play').click(); byId('diffusion-play').textContent"
    assert opened.run(press) == "Stop"
    assert opened.run(f"{press}; {press}") == "Stop"  # pressed three times in all
    opened.drag("diffusion-plot", start=(0.5, 0.5), end=(0.2, 0.5), touch=opened.is_phone)
    assert text_of(opened, "diffusion-play") == "Play"
    time = opened.run("byId('diffusion-time').value")
    opened.next_frame()
    assert opened.run("byId('diffusion-time').value") == time


def test_a_reader_who_wants_less_motion_sees_the_end_at_once(opened):
    start(opened, "diffusion")
    opened.send("Emulation.setEmulatedMedia", features=[REDUCED_MOTION])
    choose(opened, "diffusion-way", "ancestral")
    click(opened, "diffusion-play")
    opened.send("Emulation.setEmulatedMedia", features=[])
    assert opened.run("byId('diffusion-time').value") == "0"


def test_the_gan_trains_in_the_page(opened):
    start(opened, "gan")
    before = pixels(opened, "gan-plot")
    click(opened, "gan-one")
    assert text_of(opened, "gan-step") == "1"
    click(opened, "gan-run")
    opened.wait_until("Number(byId('gan-step').textContent) > 20")
    assert text_of(opened, "gan-run") == "Pause"
    click(opened, "gan-run")
    assert text_of(opened, "gan-run") == "Train"
    assert pixels(opened, "gan-plot") != before
    opened.run("byId('gan-k').focus()")
    opened.press("ArrowLeft")
    assert text_of(opened, "gan-k-value") == "4"
    click(opened, "gan-reset")
    assert text_of(opened, "gan-step") == "0"
    assert pixels(opened, "gan-plot") == before  # the same initial weights
    choose(opened, "gan-seed", 2)
    assert pixels(opened, "gan-plot") != before


def test_every_control_has_a_name(opened):
    """For readers who hear the page."""
    nameless = opened.run(
        "[...document.querySelectorAll('input, select, button, canvas[id], [role]')].filter((e) => "
        "!(e.ariaLabel || e.labels?.length || e.textContent.trim() "
        "|| e.closest('[aria-label]'))).map((e) => e.id)"
    )
    assert nameless == []


def test_a_page_that_cannot_run_says_so(browser, page, tmp_path):
    """Such as one of which the end is missing, or one in a preview without JavaScript."""
    text = page.read_text(encoding="utf-8")
    (tmp_path / "damaged.html").write_text(text[: len(text) // 2], encoding="utf-8")
    browser.open(tmp_path / "damaged.html", *PHONE)
    assert "needs JavaScript and the whole file" in browser.run("document.body.innerText")
