"""Which method is valid for which parameter is the learner's own word."""

import re
from pathlib import Path

import aims  # pyright: ignore[reportMissingImports]
import pytest

import jaxsoco
from jaxsoco import cli, listing, registry
from jaxsoco.core.errors import InputError
from jaxsoco.core.gradients import gradients_of
from jaxsoco.tuning.declared import space_of
from jaxsoco.tuning.methods import METHODS, choose
from jaxsoco.tuning.searching import searcher

WORDS = {one.name: one.slope() for one in aims.AimParams.FIELDS}
LISTS = {"order": [0, 1], "depth": [1.0, 2.0], "kind": ["sum", "first"]}


def chosen(names, **options):
    space = space_of(aims.AimParams.FIELDS, {name: LISTS.get(name) for name in names})
    return choose(space, WORDS, **{"draws": False, **options})


@pytest.mark.parametrize(
    ("names", "draws", "method", "reason"),
    [
        (["x", "pace"], False, "pathwise", "the gradient of the costs is right"),
        (["x", "drawn"], True, "score", "drawn: biased: it is drawn"),
        (["x", "drawn"], False, "evolution", "drawn: biased: it is drawn"),
        (["drawn", "jumps"], True, "evolution", "jumps: no: costs jump in it"),
        (["order"], False, "grid", "no gradient in order"),
        (["x", "kind"], False, "grid", "no gradient in kind"),
        (["x", "kind", "depth"], False, "random", "no gradient in kind, depth"),
    ],
)
def test_the_default_follows_it(names, draws, method, reason):
    name, why = chosen(names, draws=draws)
    assert name == method and reason in why


def test_the_score_term_is_for_means():
    assert chosen(["drawn"], draws=True, mean=False)[0] == "evolution"
    with pytest.raises(InputError, match="score: is an estimate for means over runs alone"):
        chosen(["drawn"], draws=True, mean=False, method="score")


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("pathwise", "jumps", "parameters.jumps: pathwise: costs have no gradient: costs jump"),
        ("pathwise", "drawn", "parameters.drawn: pathwise: the gradient of the costs is biased"),
        ("score", "jumps", "parameters.jumps: score: costs have no gradient: costs jump in it"),
        ("score", "drawn", "method: score: the learner does not say how likely its actions are"),
        ("pathwise", "order", "parameters.order: pathwise: it has no gradient, it is for a grid"),
        ("evolution", "kind", "parameters.kind: evolution: it has no gradient"),
        ("halving", "depth", "parameters.depth: halving: it has no gradient"),
        ("pathwize", "x", 'method: no method is called "pathwize" (did you mean "pathwise"?)'),
    ],
)
def test_a_wrong_choice_is_refused_with_the_reason(method, name, message):
    with pytest.raises(InputError) as error:
        chosen([name], method=method)
    assert str(error.value).startswith(message)


def test_every_refusal_is_said_at_once():
    with pytest.raises(InputError) as error:
        chosen(["x", "jumps", "drawn", "order"], method="pathwise")
    assert [one.path for one in error.value.issues] == [
        "parameters.jumps",
        "parameters.drawn",
        "parameters.order",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_right_is_taken(method):
    assert chosen(["x"], method=method, draws=True) == (method, "as asked for")


def test_every_real_parameter_of_every_learner_has_a_method():
    for family in registry.families().values():
        for entry in family.algorithms:
            algorithm, params = jaxsoco.learner(f"{family.name}/{entry.name}")
            words = gradients_of(algorithm, params)
            for field in entry.fields:
                if field.slope().word == "grid only":
                    continue
                draws = algorithm.log_probability is not None
                space = space_of(entry.fields, [field.name])
                method, _ = choose(space, words, draws=draws)
                want = {"yes": "pathwise", "no": "evolution"}.get(entry.gradients[field.name].word)
                assert method == (want or ("score" if draws else "evolution"))


def test_learners_that_draw_say_how_likely():
    for entry in registry.family("multistage").algorithms:
        assert jaxsoco.learner(f"multistage/{entry.name}")[0].log_probability is not None


def test_a_search_is_refused_before_it_runs():
    tree = jaxsoco.make("multistage/bernoulli_tree", horizon=4)
    with pytest.raises(InputError, match="pathwise: the gradient of the costs is biased: it moves"):
        searcher(tree, *jaxsoco.learner("multistage/exp3"), ["eta"], method="pathwise")
    world = aims.world()
    for wanted, params, message in [
        ({"pace": [2.0, 4.0]}, aims.AimParams(), r"params.pace: starts at 1 .want a start from 2"),
        (["pase"], aims.AimParams(), r"parameters.pase: no parameter"),
    ]:
        with pytest.raises(InputError, match=message):
            searcher(world, aims.aim, params, wanted)
    for name in ("steps", "seeds", "population", "draws"):
        with pytest.raises(InputError, match=f"^{name}: expected a whole number >= 1, got 0"):
            searcher(world, aims.aim, aims.AimParams(), ["x"], **{name: 0})


def test_the_page_and_the_listing_say_it(capsys):
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    table = listing.markdown("methods")
    assert f"\n\n{table}\n\n" in page, "put what jaxsoco list methods --markdown prints there"
    rows = re.findall(r"^\| `([^`]+)` \| (.+) \| (\w+) \| ([\w, ]+) \|$", table, re.M)
    said = {
        (name, one): {default, *others.split(", ")}
        for name, names, default, others in rows
        for one in re.findall(r"`(\w+)`", names)
    }
    for family in registry.families().values():
        for entry in family.algorithms:
            for field in entry.fields:
                assert said.pop((f"{family.name}/{entry.name}", field.name))
    assert not said
    for option in ([], ["--json"]):
        assert cli.main(["list", "methods", *option]) == 0
        assert "multistage/broad_omd" in capsys.readouterr().out
