"""The site: it builds without a warning, its tables are whole, every public name is in it.

``JAXSOCO_SITE`` names a folder with a site to look at instead of building one.
"""

import html
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxsoco import listing, registry

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

pytest.importorskip("sphinx", reason="the site needs the extra docs")


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(source), str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    given = os.environ.get("JAXSOCO_SITE")
    if given:
        return Path(given)
    out = tmp_path_factory.mktemp("site")
    done = build(DOCS, out)
    assert done.returncode == 0, done.stderr
    return out


def text_of(page: Path) -> str:
    """What a page shows, without its markup, and with plain quotation marks."""
    text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))
    return text.translate(str.maketrans("“”‘’", "\"\"''"))  # noqa: RUF001


def test_every_page_is_there(site):
    pages = {page.stem for page in DOCS.glob("*.md")}
    assert pages <= {page.stem for page in site.glob("*.html")}
    assert "Online decisions with switching costs" in text_of(site / "index.html")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_the_tables_are_those_of_the_registry(page, site):
    names = re.findall(r"^```\{listing\}\njaxsoco list (.+)\n```$", page.read_text("utf-8"), re.M)
    shown = text_of(site / f"{page.stem}.html")
    for name in names:
        keys = re.findall(r"^\| `(\w+)` \|", listing.markdown(name), re.M)
        assert keys
        assert re.search(r"\s+.*?\s".join(map(re.escape, keys)), shown, re.S), name


FAMILIES = [f"jaxsoco.{family}" for family in registry.families()]


@pytest.mark.parametrize("package", ["jaxsoco", *FAMILIES])
def test_the_reference_has_every_public_name(package, site):
    page = (site / "api" / f"{package}.html").read_text(encoding="utf-8")
    names = {name for name in importlib.import_module(package).__all__ if name[0] != "_"}
    assert not {name for name in names if f'id="{package}.{name}"' not in page}


def test_the_reference_has_what_authors_import(site):
    names = importlib.import_module("jaxsoco.extend").__all__
    shown = text_of(site / "api" / "jaxsoco.extend.html")
    assert not [name for name in names if not re.search(rf"\b{name}\b", shown)]
    pages = "".join(page.read_text(encoding="utf-8") for page in (site / "api").glob("*.html"))
    places = ("jaxsoco.extend", "jaxsoco")  # what both have is described in one of them
    assert not [n for n in names if not any(f'id="{place}.{n}"' in pages for place in places)]


def test_the_reference_has_fields_and_formulas(site):
    shown = " ".join(text_of(site / "api" / "jaxsoco.tracking.html").split())
    assert "gain – g0 in gamma^2 = g0 (noise_cap / floor) T^exponent. A number from 0 (" in shown
    assert "(excluded) to 10000. Gradient: yes. exponent – growth of gamma^2" in shown
    assert "T0 = ceil(c r d), gamma^2 = g0 (etabar / alpha) T^p" in shown
    assert "Source: arXiv 2601.09042, algorithm 1." in shown
    assert "Information: noisy hitting costs; horizon, noise cap, rank and least" in shown
    assert "Guarantee: regret of order T^(1/2), T^(2/3) where A is rank deficient" in shown


def test_the_protocol_and_the_kernels_have_pages(site):
    core = text_of(site / "api" / "core.html")
    assert "ProblemAdvance" in core
    assert "Nature's move (world, round); never depends on actions." in core
    kernels = text_of(site / "api" / "jaxsoco_kernels.html")
    assert "excess_cost(" in kernels
    assert "Wasserstein-1 cost" in kernels


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("[there](nowhere.md)", "nowhere.md"),
        ("[there](concepts.md#nowhere)", "nowhere"),
        ("```{listing}\njaxsoco list allocation/pmc\n```", 'did you mean "allocation/pcm"?'),
        ("```{listing}\nlist\n```", 'expected "jaxsoco list NAME"'),
        ("```{eval-rst}\n:func:`jaxsoco.simulat`\n```", "jaxsoco.simulat"),
    ],
)
def test_what_leads_nowhere_is_an_error(text, warning, tmp_path):
    source = tmp_path / "docs"
    source.mkdir()
    configuration = (DOCS / "conf.py").read_text(encoding="utf-8")
    configuration = configuration.replace("Path(__file__).parent", f"Path({str(DOCS)!r})", 1)
    configuration = configuration.replace('    "api_pages",\n', '    "api_references",\n')
    configuration += f"\nsys.path.append({str(tmp_path)!r})\nhtml_extra_path = []\n"
    (tmp_path / "api_references.py").write_text(
        "import api_pages\n\n\ndef setup(app):\n"
        '    app.connect("missing-reference", api_pages.resolve)\n',
        encoding="utf-8",
    )
    (source / "conf.py").write_text(configuration, encoding="utf-8")
    (source / "concepts.md").write_text("---\norphan: true\n---\n\n# Concepts\n", encoding="utf-8")
    (source / "index.md").write_text(f"# Title\n\n{text}\n", encoding="utf-8")
    done = build(source, tmp_path / "site")
    assert done.returncode == 1, done.stderr
    assert warning in done.stderr
