"""The map of the lecture, demos/COURSE.md: what it names exists, and nothing of the lecture lacks.

In a table of the map, a code span belongs to the last link before it in its cell. If it begins with
`::`, it names a function, a class, a method or a constant of the linked file. Any other one is
found in one line of that file, letter by letter, so that an editor's search finds it: a line of
code, or the picture that a demo draws.
"""

import ast
import functools
import pathlib
import re
import unicodedata

import pytest

ROOT = pathlib.Path(__file__).parents[1]
COURSE = ROOT / "demos" / "COURSE.md"
TEXT = COURSE.read_text(encoding="utf-8")
GLOSSARY = TEXT.partition("## Glossary")[2]
MAP = TEXT.removesuffix(GLOSSARY)
ROWS = [line for line in TEXT.splitlines() if line.startswith("|")]
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.M)
IDS = re.findall(r'<a id="([^"]+)"></a>', TEXT)
TOOLS = {"all", "benchmark", "weights"}  # scripts of demos/ that belong to no topic of the lecture

# The titles of the lecture's slides, in its order.
TITLES = """
    Programme du cours
    Génération d'images à partir d'un prompt
    Génération de visages - Deepfake
    Génération de vidéos
    Discriminative vs Générative
    Applications
    Génération d'images
    Modèle Gaussien
    Solution: apprendre la distribution
    Auto-encoder
    Espace latent
    Denoising Autoencoders
    Convolutional Autoencoders
    Autoencoders - espace latent
    Autoencoders - limitations
    Variational Autoencoders (VAEs)
    VAE - Espace latent
    VAE - Optimisation
    VAE - Régularisation
    Intuition derrière le terme de régularisation
    VAE - Computation graph
    VAE - Reparamétrisation de la couche d'échantillonnage
    VAE - Exploration de l'espace latent
    Generative Adversarial Networks (GANs)
    Intuition Générateur
    Intuition GANs
    GANs - Optimisation
    GANs - Training
    GANs - limitations
    Convolutional GAN (CGAN)
    Résultats Génération
    Interpolation sur l'espace latent
    Opération sur l'espace latent
    Construire différents types de GAN
    Pix2pix
    CycleGAN
    Progressive Growing of GAN (PGGAN)
    Modèle de diffusion
    Vue d'ensemble des principaux modèles génératifs
"""
TITLES = [title.strip() for title in TITLES.strip().splitlines()]

# The formulas of the slides, as they are printed there. Spaces are ignored.
FORMULAS = [
    r"loss_{AE} = \lVert x - \hat{x} \rVert_1 = \frac{1}{N} \sum_i |x_i - \hat{x}_i|",
    r"z_1 + z_2 = z_3",
    r"z_t = (1 - t) z_1 + t z_2",
    r"l(x, \hat{x}) = \lVert x - \hat{x} \rVert^2",
    r"l(x, \hat{x}) = \lVert x - \hat{x} \rVert^2 + \lambda KL((\mu, \sigma), (0, I))",
    r"KL((\mu, \sigma), (0, I)) = \sum_i \sigma_i^2 + \mu^2 - \log(\sigma_i) - 1",
    r"\max_D L(D, G) = \mathbb{E}_{x \sim p_{data}(x)}[\log D(x)]",
    r"\min_G \max_D L(D, G) = \mathbb{E}_{x \sim p_{data}(x)}[\log D(x)]",
    r"+ \mathbb{E}_{z \sim p_z(z)}[\log(1 - D(G(z)))]",
    r"\nabla_{\theta_d} \frac{1}{m} \sum_{i=1}^m \left[ \log D(\mathbf{x}^{(i)}) + \log (1 - D(G(",
    r"\nabla_{\theta_g} \frac{1}{m} \sum_{i=1}^m \log (1 - D(G(\mathbf{z}^{(i)})))",
    r"x \rightarrow G(x) \rightarrow F(G(x)) \approx x",
    r"y \rightarrow F(y) \rightarrow G(F(y)) \approx y",
]


@functools.cache
def text_of(path: pathlib.Path) -> str:
    """Return the text of a file without its line breaks and double spaces."""
    return " ".join(path.read_text(encoding="utf-8").split())


@functools.cache
def lines_of(path: pathlib.Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text(encoding="utf-8").splitlines()


@functools.cache
def symbols_of(path: pathlib.Path) -> frozenset[str]:
    """Return the functions, classes, methods and constants that a Python file defines."""
    found = set()

    def collect(body, prefix=""):
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{prefix}{node.name}.")
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            found.update(prefix + t.id for t in targets if isinstance(t, ast.Name))

    collect(ast.parse(path.read_text(encoding="utf-8")).body)
    return frozenset(found)


def references(row: str) -> list[tuple[str, str, str]]:
    """Return (text of the link, target, code span) of each span after a link to a file."""
    found = []
    for cell in row.split("|"):
        link = None
        for text, target, span in re.findall(r"\[([^]]+)\]\(([^)]+)\)|`([^`]+)`", cell):
            if target:
                link = None if target.startswith("#") else (text.strip("`"), target)
            elif link:
                found.append((*link, span))
    return found


def missing_reference(row: str) -> list[str]:
    """Return what a table row names and what is not in the linked file."""
    missing = []
    for text, target, span in references(row):
        path = (COURSE.parent / target).resolve()
        if span.startswith("::"):
            if span[2:] not in symbols_of(path):
                missing.append(f"{text} defines no {span[2:]}")
        elif not any(span in line for line in lines_of(path)):
            missing.append(f"{text} does not contain {span}")
    return missing


def entries() -> list[tuple[int, str]]:
    """Return the number and the text of each entry of the map."""
    parts = re.split(r"^### (\d+)\. ", MAP, flags=re.M)[1:]
    return [
        (int(number), text.partition("\n## ")[0])
        for number, text in zip(parts[::2], parts[1::2], strict=True)
    ]


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_link_leads_somewhere():
    for text, target in re.findall(r"\[([^]]+)\]\(([^)]+)\)", TEXT):
        name, _, anchor = target.partition("#")
        path = (COURSE.parent / name).resolve() if name else COURSE
        assert path.is_file(), f"{target} does not exist"
        if anchor and path == COURSE:
            assert anchor in IDS, f"no <a id> for #{anchor}"
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
            assert anchor in map(slug, headings), f"{name} has no heading for #{anchor}"
        if text.startswith("`"):  # the text is the path from the root of the repository
            assert (ROOT / text.strip("`")).resolve() == path, f"{text} links to {target}"
    assert len(IDS) == len(set(IDS))


def test_the_readme_links_to_the_map_first_in_its_section_on_the_lecture():
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The lecture")[2]
    assert re.search(r"\]\(([^)]+)\)", section)[1] == "demos/COURSE.md"


def test_every_symbol_test_line_and_picture_exists():
    named = [reference for row in ROWS for reference in references(row)]
    assert len(named) > 200
    missing = [problem for row in ROWS for problem in missing_reference(row)]
    assert not missing, "\n".join(missing)
    wrong = [row.replace("`::", "`::no_") for row in ROWS if "`::" in row]
    assert all(missing_reference(row) for row in wrong)  # the test can tell
    two_lines = "| [run_cycles](../tinygen/models/cyclegan.py) `return CycleOutputs( fake_y,` |"
    assert missing_reference(two_lines)  # an editor's search would not find it


def test_every_section_of_a_docstring_exists():
    for row in ROWS:
        if row.startswith("| derived"):
            for target, words in re.findall(r'\]\(([^)]+)\),? (?:"([^"]+)")', row):
                assert f"**{words}" in text_of((COURSE.parent / target).resolve()), words


def test_entries_are_numbered_and_say_where():
    numbers = [number for number, _ in entries()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(f"e{number}" in IDS for number in numbers)
    tables = [(number, text) for number, text in entries() if "\n| derived |" in text]
    assert len(tables) >= 40
    for number, text in tables:
        rows = re.findall(r"^\| (derived|computed|tested|shown|source) \|(.+)\|$", text, re.M)
        names, cells = zip(*rows, strict=True)
        assert names == ("derived", "computed", "tested", "shown", "source"), number
        assert "`::test_" in cells[2] and "tests/" in cells[2], f"{number} names no test"
        assert "](" in cells[3], f"{number} names no demo"
        assert re.search(r"\b(19|20)\d\d\b", cells[4]), f"{number} has no year of a source"


def test_the_list_of_corrections_is_complete():
    section = MAP.partition('<a id="corrections"></a>')[2].partition('<a id="introduction"></a>')[0]
    listed = {int(number) for number in re.findall(r"\(#e(\d+)\)", section)}
    corrected = {number for number, text in entries() if re.search(r"\*\*(Wrong|Loose)\.", text)}
    assert listed == corrected


@pytest.mark.parametrize("title", TITLES)
def test_every_slide_has_an_entry(title):
    assert any(title in heading for heading in HEADINGS) or f"**{title}.**" in TEXT


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_formula_of_the_slides_is_printed(formula):
    def compact(text):
        return re.sub(r"\s|\\,", "", text)

    assert compact(formula) in compact(TEXT)


def test_every_demo_is_named():
    demos = {p.stem for p in (ROOT / "demos").glob("[a-z]*.py")} - TOOLS
    unnamed = {demo for demo in demos if f"]({demo}.py)" not in MAP}
    assert not unnamed, "demos that no entry of the map names"


def test_formulas_survive_markdown():
    """Markdown eats a backslash before punctuation, and a table ends its cell at a |."""
    prose = re.sub(r"```math\n.*?```", "", TEXT, flags=re.S)
    assert TEXT.count("```") == 2 * len(re.findall(r"```math\n.*?```", TEXT, re.S))
    assert all(line.count("$") % 2 == 0 for line in prose.splitlines())
    formulas = re.findall(r"\$([^$]+)\$", prose)
    assert len(formulas) > 50 and "$$" not in prose
    for formula in formulas:
        assert not re.search(r"\\[^A-Za-z]", formula), formula
        assert formula == formula.strip() and formula.count("{") == formula.count("}"), formula
    tables = re.findall(r"(?:^\|.*\n)+", TEXT, re.M)
    for table in tables:
        columns = {row.strip().strip("|").count("|") for row in table.splitlines()}
        assert len(columns) == 1, table


def glossary() -> list[list[str]]:
    """Return the rows of the glossary: French, English, explanation, where to read more."""
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:]]


def test_the_glossary_has_80_terms_and_no_term_twice():
    rows = glossary()
    assert len(rows) >= 80
    for column in (0, 1):
        terms = [row[column].lower() for row in rows]
        assert len(terms) == len(set(terms)), {t for t in terms if terms.count(t) > 1}
    assert all(len(row) == 4 and all(row) for row in rows)
    assert all("](" in row[3] for row in rows)


def test_the_glossary_is_in_the_order_of_the_french_alphabet():
    def key(term):
        letters = unicodedata.normalize("NFKD", term.lower()).replace("-", " ")
        return re.sub(r"[^a-z ]", "", letters)

    terms = [row[0] for row in glossary()]
    assert terms == sorted(terms, key=key)
