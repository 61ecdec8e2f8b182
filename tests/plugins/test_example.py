"""``examples/plugin``, installed as a user installs it: listed, checked, run, and its own tests."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT, environment


def python(*arguments: str | Path, cwd: Path, site: Path | None = None) -> str:
    """Runs Python with the example among the installed packages; returns all it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment(first=() if site is None else (site,)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> tuple[Path, Path]:
    """A copy of the example without its modules, and the folder into which it was installed."""
    folder = tmp_path_factory.mktemp("example")
    copy, site = folder / "plugin", folder / "site"
    ignore = shutil.ignore_patterns("__pycache__", "runs", "dist", ".pytest_cache")
    shutil.copytree(ROOT / "examples" / "plugin", copy, ignore=ignore)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    pip = ("-m", "pip", "install", *options, "--disable-pip-version-check")
    python(*pip, "--target", site, copy, cwd=folder)
    # What is run from here is what was installed.
    shutil.rmtree(copy / "jaxsoco_seasons")
    return copy, site


def test_it_is_known_once_it_is_installed(example):
    copy, site = example
    printed = python("-m", "jaxsoco", "list", cwd=copy, site=site)
    assert "tracking/balanced_step" in printed
    assert "tracking/seasonal_tracking" in printed
    assert "tracking/foresighted_step" in printed
    assert "tracking/fixed_point" in printed
    assert "multistage/follow_leader" in printed
    printed = python("-m", "jaxsoco", "list", "tracking/balanced_step", cwd=copy, site=site)
    assert "lambda, of moving against hitting" in printed


def test_its_study_is_checked_and_run(example):
    copy, site = example
    printed = python("-m", "jaxsoco", "check", "study.toml", cwd=copy, site=site)
    assert "plug-in jaxsoco_seasons: jaxsoco-seasons 0.2.0" in " ".join(printed.split())
    printed = python("-m", "jaxsoco", "run", "study.toml", "--smoke", cwd=copy, site=site)
    assert "check passed" in printed
    for label in ("follow_minimizer", "balanced_step(weight=0.5)", "balanced_step(weight=1)"):
        assert label in printed
    assert "foresighted_step" in printed
    assert "fixed_point" in printed


SLOW = "conforms"


@pytest.mark.slow
def test_its_own_quick_tests_pass(example):
    copy, site = example
    printed = python(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", f"not {SLOW}", "tests"),
        cwd=copy,
        site=site,
    )
    assert "9 passed, 8 deselected" in printed


@pytest.mark.slow
def test_its_own_tests_pass(example):
    copy, site = example
    printed = python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=copy, site=site)
    assert "17 passed" in printed


def test_it_takes_no_jax_to_list_it(example):
    copy, site = example
    code = "import sys, jaxsoco_seasons; sys.exit('jax' in sys.modules)"
    python("-c", code, cwd=copy, site=site)
