"""``jaxsoco.testing.conformance``: what it says of learners that break a property each."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.core.lanes import align, lift
from jaxsoco.core.protocol import Algorithm
from jaxsoco.core.schema import AlgorithmEntry, ComparatorEntry, Extension, Field, ProblemEntry
from jaxsoco.core.settings import setting, settings
from jaxsoco.plugins import Plugin
from jaxsoco.testing.verdicts import require_same_trees

SMALL = {"dimension": 2, "horizon": 7}


@settings
class ShareParams:
    """A share of the way."""

    share: float = setting("of the way", 0.5, low=0, high=1)


def init(key, params, spec):
    return jnp.zeros((spec.dimension, *key.shape[1:]), spec.basis.dtype)


def step(params, state, obs):
    keep = lift(align(1 - params.share, 0, state.ndim - 1))  # parameters may have lanes as well
    return keep * (state - obs.increment)


def act(key, params, state, obs):
    deviation = step(params, state, obs)
    return deviation, deviation


def update(params, state, action, feedback):
    return state


GOOD = Algorithm(init, act, update)


def act_on_neighbours(key, params, state, obs):
    deviation = step(params, state, obs)
    deviation = deviation - jnp.mean(deviation, axis=-1, keepdims=True)
    return deviation, deviation


def act_by_place(key, params, state, obs):
    deviation = step(params, state, obs)
    if state.ndim == 2:  # less than the rounding of one round in a thousand
        deviation = deviation * (1 + 1e-15 * jnp.arange(state.shape[-1]))[None]
    return deviation, deviation


def act_in_float64(key, params, state, obs):
    deviation = step(params, state, obs)
    table = np.ones(2).reshape(2, *(1,) * (state.ndim - 1))
    return table * deviation, state


def act_without_slope(key, params, state, obs):
    share = lift(align(params.share, 0, state.ndim - 1))
    length = jnp.sqrt(jnp.sum((share * state) ** 2, axis=0))[None]
    deviation = step(params, state, obs) + 1e-3 * length
    return deviation, deviation


def act_with_a_branch(key, params, state, obs):
    large = jnp.sum(obs.increment**2, axis=0) > 1
    deviation = jax.lax.cond(jnp.all(large), lambda: 0 * state, lambda: step(params, state, obs))
    return deviation, deviation


def act_nowhere(key, params, state, obs):
    return jnp.full_like(state, jnp.nan), state


def act_in_integers(key, params, state, obs):
    deviation = jnp.round(step(params, state, obs))
    return deviation, deviation.astype(jnp.int32)


class Counted(NamedTuple):
    deviation: Any
    faults: Any


def init_with_float_faults(key, params, spec):
    return Counted(init(key, params, spec), jnp.zeros(key.shape[1:], spec.basis.dtype))


def act_counted(key, params, state, obs):
    action, deviation = act(key, params, state.deviation, obs)
    return action, state._replace(deviation=deviation)


def init_with_the_matrix(key, params, spec):
    return init(key, params, spec) + 0 * spec.eigenvalues.reshape(-1, *(1,) * (key.ndim - 1))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class StaticParams:
    share: float = field(default=0.5, metadata={"static": True})


BROKEN = {
    "neighbours": (
        GOOD._replace(act=act_on_neighbours),
        ("runs know neither their place nor their neighbours", "costs of single runs"),
        "a run has other bits where it is",
    ),
    "place": (
        GOOD._replace(act=act_by_place),
        ("runs know neither their place nor their neighbours",),
        "a run has other bits where it is in reverse",
    ),
    "upcast": (
        GOOD._replace(act=act_in_float64),
        ("float32 stays float32",),
        "tracking/broken: act turns float32 into float64",
    ),
    "no slope": (
        GOOD._replace(act=act_without_slope),
        ("slopes are finite",),
        "the slope in the parameter share is not finite",
    ),
    "branch": (
        Algorithm(init, act_with_a_branch, update, lanes="vmap"),
        ("a block has the branches of one run",),
        "act has 1 branches (lax.cond) for one run and 0 for a block",
    ),
    "NaN": (
        GOOD._replace(act=act_nowhere),
        ("no NaN, no faults, nobody below a bound (world: ordinary)",),
        "tracking/broken: its actions are not all finite",
    ),
    "another dtype": (
        GOOD._replace(act=act_in_integers),
        ("the state keeps its structure, shapes and dtypes (one run, float32)",),
        "the state that act returns: expected the same structure, shapes and dtypes, but it was "
        "float32[2] and is int32[2]",
    ),
    "faults": (
        Algorithm(init_with_float_faults, act_counted, update, faults=lambda state: state.faults),
        ("the state keeps its structure, shapes and dtypes (one run, float32)",),
        "faults: expected int32[], got float32[]",
    ),
    "hidden": (
        GOOD._replace(init=init_with_the_matrix),
        ("nothing hidden in the spec is read",),
        "its state depends on what is hidden from learners: basis, eigenvalues",
    ),
}


def entry(name="broken", load: Any = GOOD, **changes) -> AlgorithmEntry:
    problems = ("quadratic_tracking",)
    return AlgorithmEntry(
        **{
            **dict(name=name, summary="a test", source="a test", load=load, params=ShareParams),
            **dict(problems=problems),
            **changes,
        }
    )


@pytest.fixture
def declare():
    """Makes entries known, as a plug-in does."""

    def activate(**extension):
        extensions = (Extension("tracking", **extension),)
        registry.activate([Plugin("mine", "a test", "1", extensions)])

    yield activate
    registry.activate(())


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_what_breaks_a_property_is_said(declare, broken):
    algorithm, titles, message = broken
    declare(algorithms=(entry(load=algorithm),))
    with pytest.raises(AssertionError) as caught:
        jaxsoco.testing.conformance(
            "tracking/broken", values=SMALL, only=titles, hidden=("basis", "eigenvalues")
        )
    text = str(caught.value)
    assert text.startswith("tracking/broken on tracking/quadratic_tracking: ")
    assert message in text
    for title in titles:
        assert f"- {title}" in text


def test_numbers_that_are_compiled_in_are_found(declare):
    share = Field("share", "float", "of the way", default=0.5)
    declare(algorithms=(entry(params=lambda v: StaticParams(v["share"]), fields=(share,)),))
    titles = ("numbers share one compilation", "fields are static as declared")
    with pytest.raises(AssertionError) as caught:
        jaxsoco.testing.conformance("tracking/broken", values=SMALL, only=titles)
    text = str(caught.value)
    assert "compile 3 more programs: expected leaves of the parameters, or static=True" in text
    assert "{'share': 0.75} change the structure of its parameters" in text


def test_an_exception_comes_with_the_authors_own_line(declare):
    def act(key, params, state, obs):
        return state @ obs.increment, state

    declare(algorithms=(entry(load=GOOD._replace(act=act)),))
    with pytest.raises(AssertionError) as caught:
        jaxsoco.testing.conformance(
            "tracking/broken", values=SMALL, only=("(two lane axes, float32)",)
        )
    text = str(caught.value)
    assert "raised TypeError: " in text
    assert "test_conformance.py:" in text
    assert "in act: return state @ obs.increment, state" in text
    assert "JAX_TRACEBACK_FILTERING" not in text


@pytest.mark.parametrize("lanes", ["native", "vmap"])
def test_a_sound_learner_gets_a_report(declare, lanes):
    def init_one(key, params, spec):
        return jnp.zeros(spec.dimension, spec.basis.dtype)

    algorithm = GOOD if lanes == "native" else Algorithm(init_one, act, update, lanes="vmap")
    declare(algorithms=(entry("sound", algorithm),))
    report = jaxsoco.testing.conformance("tracking/sound", values=SMALL)
    assert (report.name, report.problem) == ("tracking/sound", "tracking/quadratic_tracking")
    verdicts = {one.property: one.verdict for one in report.outcomes}
    assert len(verdicts) > 20
    skipped = {title for title, verdict in verdicts.items() if verdict == "skipped"}
    expected = {"nothing hidden in the spec is read"}
    if lanes == "vmap":
        expected |= {title for title in verdicts if "two lane axes" in title}
    assert skipped - {"nothing up to round 6 depends on what comes after"} == expected
    assert not report.failures
    assert "  passed: float32 is close to float64\n" in str(report)


def test_a_comparator_is_tried(declare):
    from jaxsoco.core.rollout import rollout
    from jaxsoco.tracking import quadratic_tracking

    def still(key, spec, at):
        params = ShareParams(share=jnp.asarray(1.0))
        _, costs, _ = rollout(GOOD, params, quadratic_tracking, spec, key, at)
        return costs._asdict(), jnp.zeros(key.shape[1:], jnp.int32)

    def short(key, spec, at):
        costs, faults = still(key, spec, at)
        return {"hit": costs["hit"]}, faults

    problems = ("quadratic_tracking",)
    declare(
        comparators=tuple(
            ComparatorEntry(name, "a test", "a test", load, problems=problems)
            for name, load in (("still", still), ("short", short))
        )
    )
    report = jaxsoco.testing.conformance("tracking/still", values=SMALL)
    assert {one.verdict for one in report.outcomes} == {"passed"}
    with pytest.raises(AssertionError, match=r"says nothing of the costs move$"):
        jaxsoco.testing.conformance("tracking/short", values=SMALL, only=("ledger",))
    # LAI costs less than standing still does.
    with pytest.raises(AssertionError, match="tracking/lai costs less than still in"):
        jaxsoco.testing.conformance(
            "tracking/lai", values=SMALL, only=("ordinary",), bounds={"still": lambda _: True}
        )


def test_a_problem_may_show_coming_rounds(declare):
    from jaxsoco.tracking import Observation

    base = registry.problem("tracking/quadratic_tracking")

    def observe(spec, world, window):
        return Observation(window.now.increment + window.coming.increment[1])

    def build(prepared):
        made = base.instance(prepared, {})
        return made._replace(problem=made.problem._replace(observe=observe, window=2))

    same = {"settings": base.settings, "prepare": base.prepare}
    problem = ProblemEntry("windowed", "a test", "a test", build=build, like=base.name, **same)
    declare(problems=(problem,), algorithms=(entry("sound"),))
    report = jaxsoco.testing.conformance("tracking/windowed", values=SMALL)
    assert {one.verdict for one in report.outcomes} == {"passed"}


def test_a_problem_that_makes_its_functions_anew_is_found(declare):
    base = registry.problem("tracking/quadratic_tracking")

    def build(prepared):
        made = base.instance(prepared, {})
        advance = made.problem.advance
        problem = made.problem._replace(advance=lambda *arguments: advance(*arguments))
        return made._replace(problem=problem)

    same = {"settings": base.settings, "prepare": base.prepare}
    problem = ProblemEntry("anew", "a test", "a test", build=build, like=base.name, **same)
    declare(problems=(problem,))
    with pytest.raises(AssertionError, match="build makes other functions at every point"):
        jaxsoco.testing.conformance("tracking/anew", values=SMALL, only=("entry",))


def test_bad_questions_are_answered():
    with pytest.raises(InputError, match='did you mean "tracking/scale"'):
        jaxsoco.testing.conformance("tracking/scal")
    with pytest.raises(InputError, match="is not a fact of a case"):
        jaxsoco.testing.conformance("tracking/scale", bound={})
    with pytest.raises(InputError, match='did you mean "dimension"'):
        jaxsoco.testing.conformance("tracking/scale", values={"dimenson": 2})
    with pytest.raises(InputError, match="is missing"):
        jaxsoco.testing.conformance("multistage/recorded_costs")
    with pytest.raises(InputError, match='there is no module "nowhere_at_all"'):
        jaxsoco.testing.conformance("tracking/scale", plugins=["nowhere_at_all"])


def test_it_needs_no_test_runner():
    import subprocess
    import sys

    code = (
        "import sys\nsys.modules['pytest'] = None\nsys.modules['matplotlib'] = None\n"
        "import jaxsoco\nassert 'jax' not in sys.modules\njaxsoco.testing\n"
        "assert 'jax' not in sys.modules\n"
        "print(jaxsoco.testing.conformance('tracking/follow_minimizer', only=['entry']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "passed: its entry names one algorithm" in done.stdout


def test_leaves_of_trees_may_be_empty():
    tree = {"coming": np.zeros((0, 2)), "now": np.ones(2)}
    require_same_trees(tree, {"coming": np.zeros((0, 2)), "now": np.ones(2)}, "it")
    with pytest.raises(AssertionError, match="now"):
        require_same_trees(tree, {"coming": np.zeros((0, 2)), "now": np.zeros(2)}, "it")


def test_what_compensation_keeps_is_right_to_a_rounding_of_its_number():
    wanted = {"high": np.array([-0.5, -np.inf]), "low": np.array([1e-17, 0.0])}
    require_same_trees(wanted | {"low": np.zeros(2)}, wanted, "it")
    with pytest.raises(AssertionError, match="low"):
        require_same_trees(wanted | {"low": np.array([1e-15, 0.0])}, wanted, "it")


def test_beside_an_infinity_numbers_are_compared_as_closely():
    wanted = {"high": np.array([-0.5, -np.inf])}
    for other in ([-0.5 + 1e-9, -np.inf], [-0.5, 0.0]):
        with pytest.raises(AssertionError, match="high"):
            require_same_trees({"high": np.array(other)}, wanted, "it")


def test_what_a_spec_hides_may_be_absent():
    """``base`` of a Bernoulli tree is None, and its chances are an array."""
    report = jaxsoco.testing.conformance(
        "multistage/exp3", hidden=("chance", "base"), only=("hidden",)
    )
    assert [one.verdict for one in report.outcomes if "hidden" in one.property] == ["passed"]
