"""``[tune]`` is read without JAX, and everything that is wrong with it is said at once."""

import subprocess
import sys
from pathlib import Path

import pytest

from jaxsoco.core.errors import InputError
from jaxsoco.experiment.expand import expand
from jaxsoco.experiment.spec import load_experiment
from jaxsoco.tuning.fields import TUNE_FIELDS
from jaxsoco.tuning.overview import tuning_document, tuning_text
from jaxsoco.tuning.table import read_table

ROOT = Path(__file__).resolve().parents[2]

TUNE = {"algorithm": "passive_learner", "parameters": ["learning_rate"]}
TABLES = {
    "figure": "Tracking",
    "family": "tracking",
    "problem": {"name": "quadratic_tracking", "dimension": 2},
    "algorithm": [
        {"name": "passive_learner", "learning_rate": 1e-4},
        {"name": "scale", "label": "explorer"},
    ],
    "run": {"horizons": 20, "seeds": 64, "tile": 16},
    "smoke": {"seeds": 16},
}


def sweep_of(tune, **options):
    tables = {**TABLES, **options.pop("tables", {}), **({"tune": tune} if tune else {})}
    return expand(load_experiment(Path("tracking.toml"), tables=tables, **options))


def read(changes=(), **options):
    return read_table(sweep_of({**TUNE, **dict(changes)}, **options))


def issues_of(changes=(), **options):
    with pytest.raises(InputError) as caught:
        read(changes, **options)
    return {issue.path: f"{issue.message} ({issue.hint})" for issue in caught.value.issues}


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ROOT.glob("experiments/**/*.toml")) if "[tune]" in path.read_text()],
    ids=lambda path: path.stem,
)
@pytest.mark.parametrize("smoke", [False, True])
def test_the_experiments_are_valid(path, smoke):
    assert read_table(expand(load_experiment(path, smoke=smoke))).learners


def test_a_short_table_is_completed():
    table = read()
    (target,) = table.learners
    assert (target.name, target.space.names) == ("passive_learner", ("learning_rate",))
    assert target.values["learning_rate"] == 1e-4  # where the file says the search starts
    assert table.objective_words == "mean regret against online_optimum"
    assert [entry.name for entry in table.rivals] == ["online_optimum"]
    defaults = {field.name: field.default for field in TUNE_FIELDS}
    assert (table.steps, table.seeds, table.holdout) == tuple(
        defaults[name] for name in ("steps", "seeds", "holdout")
    )
    assert table.places_along(target.space) == 17


def test_ranges_lists_and_several_learners():
    ranges = {"learning_rate": [1e-5, 1e-1]}
    table = read({"parameters": ranges})
    (dimension,) = table.learners[0].space.dimensions
    assert (dimension.low, dimension.high, dimension.ranged) == (1e-5, 1e-1, True)
    several = read(
        {"algorithm": ["passive_learner", "hyscale"], "parameters": {"sweeps": [1, 2, 3]}}
    )
    assert [one.label("tuned") for one in several.learners] == [
        "passive_learner tuned",
        "hyscale tuned",
    ]
    assert several.learners[1].values["learning_rate"] == 1e-3  # not in the file: the default
    document = tuning_document(several)["learners"][0]
    assert (document["methods"][0]["method"], document["places"]) == ("grid", 3)


def test_a_label_names_the_learner_and_its_own_name_is_pasted():
    (target,) = read({"algorithm": "explorer", "parameters": ["gain"]}).learners
    assert (target.name, target.entry.name) == ("explorer", "scale")


def test_smoke_makes_it_small():
    table = read(smoke=True)
    assert table.steps <= 5 and table.seeds == table.holdout == 16
    assert table.places_along(table.learners[0].space) <= 5


def test_assignments_reach_the_table():
    table = read(assignments=["tune.steps=7", "tune.parameters=['learning_rate', 'initial']"])
    assert table.steps == 7 and table.learners[0].space.names == ("learning_rate", "initial")


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"stepz": 3}, "tune.stepz", 'did you mean "steps"?'),
        ({"steps": 0}, "tune.steps", "integer from 1"),
        ({"algorithm": "pasive_learner"}, "tune.algorithm", 'did you mean "passive_learner"?'),
        (
            {"parameters": ["learning_rat"]},
            "tune.parameters.learning_rat",
            'did you mean "learning_rate"?',
        ),
        (
            {"parameters": {"learning_rate": [0.1, 0.1]}},
            "tune.parameters.learning_rate",
            "is empty",
        ),
        ({"parameters": ["sweeps"]}, "tune.parameters.sweeps", "list of values to try"),
        (
            {"parameters": {"sweeps": [1, 2]}, "method": "pathwise"},
            "tune.parameters.sweeps",
            "for a grid only",
        ),
        ({"objective": {"against": "online_optimun"}}, "tune.objective.against", "did you mean"),
        ({"objective": {"cost": "hitt"}}, "tune.objective.cost", 'did you mean "hit"?'),
        (
            {"objective": {"cost": "hit", "against": "online_optimum"}},
            "tune.objective.cost",
            "a regret by itself",
        ),
        ({"objective": {"statistic": "quantile"}}, "tune.objective.level", "is missing"),
        ({"objective": {"level": 0.5}}, "tune.objective.level", "has no level"),
        ({"objective": "regret"}, "tune.objective", "want a table"),
        ({"method": "gradient"}, "tune.method", "pathwise"),
        ({"starts": 2, "method": "grid"}, "tune.starts", "places of its own"),
        ({"landscape": 999, "parameters": ["learning_rate", "initial"]}, "tune.landscape", "1000"),
    ],
)
def test_what_is_wrong_names_its_place(changes, path, words):
    issues = issues_of(changes)
    assert [*issues] == [path]
    assert words in issues[path]


def test_all_of_it_is_said_at_once():
    changes = {"steps": "many", "objective": {"against": "lai"}, "parameters": ["gian"]}
    assert {*issues_of(changes)} == {
        "tune.steps",
        "tune.objective.against",
        "tune.parameters.gian",
    }


def test_several_values_of_another_field_are_refused_and_of_a_tuned_one_the_default_is_meant():
    swept = {"algorithm": [{"name": "passive_learner", "learning_rate": [1e-4, 1e-3]}]}
    (target,) = read(tables=swept).learners
    assert target.values["learning_rate"] == 1e-3
    issues = issues_of({"parameters": ["initial"]}, tables=swept)
    assert "several values of learning_rate" in issues["tune.algorithm"]


def test_heavy_tails_and_moments_refuse_what_they_do_not_have():
    cauchy = {"problem": {**TABLES["problem"], "increments": "cauchy"}}
    assert "no mean" in issues_of(tables=cauchy)["tune.objective.statistic"]
    assert read({"objective": {"statistic": "median"}}, tables=cauchy)
    moments = {"run": {**TABLES["run"], "keep": "moments"}}
    median = {"objective": {"statistic": "median"}}
    assert "every run" in issues_of(median, tables=moments)["tune.objective.statistic"]
    assert read(tables=moments)


def test_without_a_table_the_message_says_what_to_add():
    with pytest.raises(InputError) as caught:
        read_table(sweep_of(None))
    (issue,) = caught.value.issues
    assert "no section [tune]" in issue.message
    assert 'algorithm = "passive_learner"' in issue.hint and "learning_rate" in issue.hint


def test_the_overview_says_how_and_why():
    text = "\n".join(tuning_text(read()))
    assert "by pathwise: the gradient of the costs is right in every parameter" in text
    assert "17 places" in text
    assert tuning_text(None) == []


def test_reading_brings_no_jax():
    program = (
        "import sys\n"
        "from jaxsoco.commands import parser\n"
        "arguments = parser().parse_args(['check', 'experiments/tracking/tune_hyscale.toml'])\n"
        "arguments.act(arguments, '')\n"
        "assert 'jax' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "jaxsoco tune would search" in done.stdout
