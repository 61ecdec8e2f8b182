"""Plug-ins of installed packages: found by their entry points, and named where they fail."""

import sys
from pathlib import Path

import pytest

from jaxsoco.plugins import load_plugin

DECLARED = """\
from jaxsoco.core.schema import AlgorithmEntry, Extension

EXTENSIONS = [
    Extension(
        "tracking",
        algorithms=(
            AlgorithmEntry("quarter", "goes a quarter of the way", "a test", "none:x", "none:y"),
        ),
    )
]
"""


@pytest.fixture
def install(tmp_path):
    """Writes a module and what pip would record of its distribution; returns the folder."""

    def write(name: str, text: str, entry_point: str = "", version: str = "1.2") -> Path:
        site = tmp_path / f"site-{name}"
        record = site / f"{name}-{version}.dist-info"
        record.mkdir(parents=True)
        (site / f"{name}.py").write_text(text, encoding="utf-8")
        (record / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
        )
        (record / "RECORD").write_text(f"{name}.py,,\n", encoding="utf-8")
        (record / "top_level.txt").write_text(f"{name}\n", encoding="utf-8")
        if entry_point:
            (record / "entry_points.txt").write_text(
                f"[jaxsoco.plugins]\n{name} = {entry_point}\n", encoding="utf-8"
            )
        return site

    return write


@pytest.mark.parametrize("entry_point", ["quarters", "quarters:EXTENSIONS"])
def test_an_installed_plugin_is_known_everywhere(install, apart, entry_point):
    site = install("quarters", DECLARED, entry_point)
    code, printed, errors = apart("list", sites=(site,))
    assert (code, errors) == (0, "")
    assert "tracking/quarter " in printed
    code, printed, _ = apart("list", "tracking/quarter", sites=(site,))
    assert code == 0
    assert "goes a quarter of the way" in printed
    assert "tracking/quarter " not in apart("list")[1]


def test_one_that_is_asked_for_as_well_is_the_same(install, apart):
    site = install("quarters", DECLARED, "quarters")
    code, printed, errors = apart("list", "--plugin", "quarters", sites=(site,))
    assert (code, errors) == (0, "")
    assert printed.count("tracking/quarter ") == 1


def test_an_installed_module_without_an_entry_point_is_asked_for(install, apart, tmp_path):
    site = install("quarters", DECLARED)
    assert "tracking/quarter " not in apart("list", sites=(site,))[1]
    assert "tracking/quarter " in apart("list", "--plugin", "quarters", sites=(site,))[1]
    (tmp_path / "study.toml").write_text(
        'figure = "x"\nfamily = "tracking"\nplugins = ["quarters"]\n'
        '[problem]\nname = "quadratic_tracking"\n[[algorithm]]\nname = "quarter"\n'
        "[run]\nhorizons = 4\nseeds = 1\n",
        encoding="utf-8",
    )
    code, printed, errors = apart("check", "--plugin", "quarters", "study.toml", sites=(site,))
    assert code == 0, errors
    assert "plug-in quarters: quarters 1.2" in " ".join(printed.split())
    code, printed, _ = apart("check", "study.toml", sites=(site,))
    assert "plug-in quarters (installed)" in printed


def test_one_that_fails_is_warned_of_and_the_rest_works(install, apart):
    broken = install("broken", "import math\nraise RuntimeError('too early')\n", "broken")
    sites = (broken, install("quarters", DECLARED, "quarters"))
    code, printed, errors = apart("list", sites=sites)
    assert code == 0
    assert "tracking/quarter " in printed
    assert len(errors.splitlines()) == 1
    assert errors.startswith("warning: plug-in broken: cannot be imported: RuntimeError: too early")
    assert "broken.py:2)" in errors
    # Asked for by name, it is an error.
    code, _, errors = apart("list", "--plugin", "broken", sites=sites)
    assert code == 2
    assert "jaxsoco: plug-in broken: cannot be imported: RuntimeError: too early" in errors


def test_two_that_claim_one_name_are_both_named(install, apart):
    sites = tuple(install(name, DECLARED, name) for name in ("quarters", "thirds"))
    code, _, errors = apart("list", sites=sites)
    assert code == 2
    assert (
        'the algorithm "tracking/quarter" is declared by plug-in quarters (quarters 1.2) and by '
        "plug-in thirds (thirds 1.2)" in errors
    )


def test_its_code_counts_as_well_as_its_version(install, apart, place):
    """An editable install has one version and many texts."""
    site = install("halfway", place.module().read_text(), "halfway")
    (place.folder / "halfway.py").unlink()
    spec = str(place.spec(('plugins = ["halfway"]\n', "")))
    assert "48 runs in" in apart("run", spec, sites=(site,))[1]
    module = site / "halfway.py"
    module.write_text(module.read_text().replace("(1 - params.share)", "(1.0 - params.share)"))
    code, printed, errors = apart("run", spec, sites=(site,))
    assert code == 0, errors
    assert "32 runs in" in printed and "16 runs were there already" in printed
    assert apart("report", "runs/study")[0] == 0  # without the plug-in


def test_all_modules_of_an_installed_package_count(tmp_path, monkeypatch):
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(site)
    (site / "quarters" / "inner").mkdir(parents=True)
    (site / "quarters" / "__init__.py").write_text(DECLARED, encoding="utf-8")
    codes = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        (site / "quarters" / "inner" / "part.py").write_text(text, encoding="utf-8")
        plugin = load_plugin("quarters", tmp_path)
        assert plugin.identity == f"sha256:{plugin.code}"  # nothing says which version it is
        codes.append(plugin.code)
    monkeypatch.delitem(sys.modules, "quarters")
    assert codes[0] == codes[2] != codes[1]
