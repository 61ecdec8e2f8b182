"""The page that sets learners side by side: it has all of them, and says what they declare."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import choosing  # pyright: ignore[reportMissingImports]
import choosing_rounds  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest
from processes import environment

import jaxsoco
from jaxsoco import registry
from jaxsoco.core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
TEXT = choosing.PAGE.read_text(encoding="utf-8")
FAMILIES = registry.families()


def reference(family: str, name: str) -> choosing.Reference:
    (one,) = [r for r in choosing.REFERENCES if (r.family, r.name) == (family, name)]
    return one


def study(one: choosing.Reference, **changes) -> SimpleNamespace:
    """As much of a study as says which experiment it is of."""
    facts = {"family": one.family, "algorithms": (*choosing.learners(one),), "smoke": False}
    facts |= changes
    setup = SimpleNamespace(family=facts["family"])
    presentation = SimpleNamespace(smoke=facts["smoke"])
    return SimpleNamespace(
        setup=setup, algorithms=facts["algorithms"], presentation=presentation, title="a run"
    )


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_learner_has_a_row(family):
    references = [one for one in choosing.REFERENCES if one.family == family]
    entries = [entry for one in references for entry in choosing.learners(one).values()]
    assert {entry.name for entry in entries} == {e.name for e in FAMILIES[family].algorithms}
    page = (ROOT / "docs" / "which-learner.md").read_text(encoding="utf-8")
    assert f"](choosing.md#{family})" in page


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_learner_says_what_it_needs_and_what_is_promised(family):
    for entry in FAMILIES[family].algorithms:
        for text in (entry.information, entry.promise):
            assert 3 < len(text) < 180 and "\n" not in text and not text.endswith("."), entry.name
            assert "|" not in text.replace("|x|", ""), entry.name


def test_the_page_says_what_learners_declare():
    assert choosing.written(TEXT) == TEXT, "run python benchmarks/choosing.py --write"


def test_a_declaration_that_changed_is_written_anew():
    declared = registry.algorithm("tracking/lai").information
    old = TEXT.replace(f"| `lai` | {declared} |", "| `lai` | nothing |")
    assert old != TEXT and choosing.written(old) == TEXT


def test_what_was_measured_stays_until_it_is_measured_again():
    one = reference("provisioning", "choosing")
    labels = choosing.learners(one)
    measured = choosing.Measured(
        {label: f"{i}.5" for i, label in enumerate(labels)},
        {label: [f"{i} ± 1", "0"] for i, label in enumerate(labels)},
        "one core of a machine; float64",
        "32 seeds: a day",
    )
    before, _, rest = TEXT.partition(choosing.block(one, choosing.measured_on(TEXT, one)))
    page = before + choosing.block(one, measured) + rest
    assert choosing.measured_on(page, one) == measured
    assert choosing.written(page) == page
    assert "| 11.5 | 11 ± 1 | 0 |" in page


def test_a_page_without_a_table_is_an_error():
    with pytest.raises(InputError, match=r"lacks the line <!-- begin: experiments/tracking"):
        choosing.written("# Nothing\n")


def test_a_run_is_known_by_its_learners():
    for one in choosing.REFERENCES:
        assert choosing.reference_of(study(one)) is one
    first = choosing.REFERENCES[0]
    with pytest.raises(InputError, match="small size"):
        choosing.reference_of(study(first, smoke=True))
    with pytest.raises(InputError, match="none of the page's experiments"):
        choosing.reference_of(study(first, algorithms=("scale",)))


@pytest.mark.slow
def test_a_run_gives_results_and_times(tmp_path):
    one = reference("smoothed", "load_types")
    size = {"run.seeds": 16, "problem.types": [1, 2], "problem.rounds": 6, "run.tile": 16}
    results = jaxsoco.run(str(one.path), out=str(tmp_path), overrides=size)
    command = [sys.executable, "benchmarks/choosing_rounds.py", str(tmp_path), "--repeats", "1"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, timeout=600)
    page = choosing.written(TEXT, [tmp_path])
    measured = choosing.measured_on(page, one)
    rows = results.table()
    for label in results.study.algorithms:
        (row,) = rows[(rows.types == 2) & (rows.learner == label)]
        mean, half = map(float, measured.results[label][0].split(" ± "))
        assert abs(mean - row.ratio_integral_optimum_mean) <= half / 10
        width = row.ratio_integral_optimum_upper - row.ratio_integral_optimum_lower
        assert half == pytest.approx(width / 2, rel=0.05)
        assert float(measured.times[label].replace(",", "")) > 0
    assert measured.run.startswith("16 seeds, 6 rounds; ± is half the 95 % interval of the mean")
    rounds = choosing_rounds.read(tmp_path)
    assert rounds is not None and "float64, 64 runs at once over 40 rounds" in rounds.where
    assert np.isfinite([*rounds.seconds.values()]).all()
    others = [r for r in choosing.REFERENCES if r is not one]
    assert [choosing.measured_on(page, r) for r in others] == [
        choosing.measured_on(TEXT, r) for r in others
    ]
