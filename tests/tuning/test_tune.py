"""``jaxsoco.tune`` from beginning to end, and what it says where the input is wrong."""

from typing import Any

import aims  # pyright: ignore[reportMissingImports]
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxsoco
from jaxsoco.core.errors import InputError
from jaxsoco.testing.pieces import quick
from jaxsoco.tuning.estimators import pathwise
from jaxsoco.tuning.objective import Objective
from jaxsoco.tuning.searching import search_key, searcher

TRACKING = "tracking/quadratic_tracking"


def tune(parameters=("x",), problem=None, algorithm: Any = aims.aim, params=None, **options) -> Any:
    problem = aims.world() if problem is None else problem
    params = aims.AimParams() if params is None else params
    options = {"seeds": 64, "steps": 30, "holdout": 256, **options}
    wanted = parameters if isinstance(parameters, dict) else list(parameters)
    return jaxsoco.tune(problem, algorithm, params, wanted, **options)


def test_the_result():
    world = aims.world(1.0)
    tuned = tune(problem=world, seeds=512)
    assert tuned.values.keys() == {"x"} and abs(tuned.values["x"] - 1.0) < 0.15
    assert float(tuned.params.x) == pytest.approx(tuned.values["x"], rel=1e-6)
    assert tuned.default == {"x": 0.0} and tuned.theory == {}
    assert (tuned.method, tuned.rejected, tuned.labels) == ("pathwise", 0, ("x",))
    assert tuned.history["objective"].shape == (30,) and tuned.history["values"].shape == (30, 1)
    first, second = tuned.judgement
    assert (first.label, second.label) == ("tuned", "default")
    assert second.difference.upper < 0
    # Held-out seeds are those of a sweep, and what is judged is what is pasted.
    assert tuned.toml() == f"x = {tuned.values['x']:g}"
    keys = jaxsoco.seed_keys(0, 256)
    run = jaxsoco.play(world, aims.aim, aims.AimParams(x=tuned.values["x"]), keys)
    assert first.value.value == pytest.approx(float(run.costs.miss[-1].mean()), rel=1e-5)
    text = repr(tuned)
    assert tuned.toml() in text and "tuned less this" in text
    assert "<table>" in tuned._repr_html_()


def test_the_same_again():
    one, other, apart = (tune(steps=5, root=root) for root in (0, 0, 1))
    for name in one.history:
        np.testing.assert_array_equal(one.history[name], other.history[name])
    assert one.values == other.values
    assert not np.array_equal(one.history["objective"], apart.history["objective"])


def test_a_start_that_is_not_the_default_is_judged_as_well():
    tuned = tune(params=aims.AimParams(x=3.0), steps=4)
    assert [row.label for row in tuned.judgement] == ["tuned", "default", "start"]


def test_several_starts():
    """Of a cost with two valleys, the deeper one is found from one of them."""

    def valleys(run):
        # 0 at 0.5, flat and lower far to the right.
        return jnp.minimum(run.costs.miss[-1], 1.0 + run.costs.miss[-1] / 50)

    tuned = tune({"x": [-1.0, 8.0]}, objective=valleys, starts=8, steps=20)
    assert tuned.history["objective"].shape == (20, 8)
    assert tuned.history["values"].shape == (20, 8, 1)
    assert abs(tuned.values["x"] - 0.5) < 0.4
    with pytest.raises(InputError, match='starts: "grid" tries points of its own'):
        tune(starts=2, method="grid")


def test_several_learners_beside_each_other():
    learners = {"one": aims.aim, "two": aims.aim._replace(lanes="vmap")}
    params = {"one": aims.AimParams(), "two": aims.AimParams(x=1.0)}
    both = tune(["x"], algorithm=learners, params=params, steps=4)
    assert both.keys() == {"one", "two"}
    assert both["two"].history["values"][0, 0] == 1.0
    each = tune({"one": ["x"], "two": ["pace"]}, algorithm=learners, params=params, steps=4)
    assert each["two"].values.keys() == {"pace"}
    with pytest.raises(InputError, match="params: are not those of the algorithms"):
        tune(algorithm=learners, params={"one": aims.AimParams()})


def test_a_users_own_learner_and_optimiser():
    tuned = tune(
        ["layers", "scale"],
        algorithm=aims.network,
        params=aims.network_params(),
        optimizer=optax.adam(0.05),
        steps=60,
    )
    assert tuned.labels[:2] == ("layers[0]", "layers[1]")
    assert tuned.params.layers["in"].shape == (3,)
    aim = tuned.params.scale * jnp.tanh(tuned.params.layers["in"]) @ tuned.params.layers["out"]
    assert abs(float(aim) - 0.5) < 0.2
    assert [row.label for row in tuned.judgement] == ["tuned", "default"]


def test_a_class_of_problems():
    """A value that is good for a distribution, and not for one of its instances."""
    tuned = tune(
        problem=lambda key: aims.world(2.0 + jax.random.normal(key)), seeds=256, draws=64, steps=60
    )
    assert abs(tuned.values["x"] - 2.0) < 0.5
    several = tune(problem=[aims.world(1.0), aims.world(3.0)], seeds=256, steps=60)
    assert abs(several.values["x"] - 2.0) < 0.3


@pytest.mark.slow
def test_choices_and_the_theory():
    tuned = tune({"order": [0, 1, 2]}, problem=aims.world(1.9))
    assert tuned.values == {"order": 2} and tuned.toml() == "order = 2"
    assert tuned.method == "grid"
    problem = jaxsoco.make("multistage/bernoulli_tree", horizon=30, depth=1)
    learner = jaxsoco.learner("multistage/exp3")
    tuned = tune(["eta"], problem=problem, algorithm=learner[0], params=learner[1], steps=3)
    assert tuned.method == "score" and tuned.default == {"eta": None}
    assert tuned.theory["eta"] == pytest.approx(30**-0.5, rel=1e-5)
    assert tuned.history["values"][0, 0] == pytest.approx(30**-0.5, rel=1e-5)
    assert [row.label for row in tuned.judgement] == ["tuned", "default"]


def test_what_is_wrong_is_said_before_anything_runs():
    world = aims.world()
    for options, message in [
        ({"against": "best", "objective": Objective()}, "against: is given beside an objective"),
        ({"against": "best"}, "is of no family with comparators"),
        ({"method": "newton"}, 'no method is called "newton"'),
        ({"seeds": 0}, "seeds: expected a whole number >= 1"),
    ]:
        with pytest.raises(InputError, match=message):
            tune(**options)
    with pytest.raises(InputError, match=r"params.x: starts at nan"):
        tune(params=aims.AimParams(x=float("nan")))
    with pytest.raises(InputError, match=r"params.pace: starts at 0, which has no logarithm"):
        jaxsoco.tune(world, aims.aim, aims.AimParams(pace=0.0), ["pace"])
    blol = jaxsoco.learner("provisioning/blol")
    queue = jaxsoco.make("provisioning/bursty_queue", horizon=3)
    with pytest.raises(InputError, match="conf_scale: pathwise: costs have no gradient: plans"):
        jaxsoco.tune(queue, *blol, ["conf_scale"], method="pathwise")
    with pytest.raises(InputError, match="tv_cap: evolution: it has no gradient"):
        jaxsoco.tune(queue, *blol, ["tv_cap"], method="evolution")


# --- real learners --------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_of_a_step_with_segments():
    """Reverse mode over 1000 rounds keeps an eighth of what it keeps without."""
    problem = jaxsoco.make(TRACKING, dimension=2, horizon=1000)
    learner = jaxsoco.learner("tracking/passive_learner")

    def memory(**options):
        search = searcher(problem, *learner, ["learning_rate"], seeds=128, **options)
        state = search.init(search_key(0))
        program: Any = jax.jit(search.step).lower(state).compile(quick())
        return program.memory_analysis().temp_size_in_bytes

    whole = memory(forward=False, remat=False)
    assert 8 * memory(forward=False) <= whole  # remat is the default there
    assert 20 * memory(forward=True) <= whole


@pytest.mark.parametrize("x64", [False, True])
def test_both_modes_give_every_run_its_slope(x64):
    """Differences in float64 at two parameters of the passive learner, run by run."""
    names, point = ["learning_rate", "initial"], {"learning_rate": 1e-2, "initial": 1.5}

    def program():
        problem = jaxsoco.make(TRACKING, dimension=2, horizon=40)
        learner = jaxsoco.learner("tracking/passive_learner")
        trials = searcher(problem, *learner, names, seeds=16).trials
        free = jnp.asarray(trials.space.free(point), float)
        return trials, free, jaxsoco.seed_keys(0, 16)

    with jax.enable_x64(True):
        trials, free, keys = program()
        values = jax.jit(lambda free: trials.shared(free, keys), compiler_options=quick())
        steps = 1e-5 * np.eye(2)
        want = np.stack([(values(free + h) - values(free - h)) / 2e-5 for h in steps])
    with jax.enable_x64(x64):
        trials, free, keys = program()
        for forward in (True, False):
            slopes = jax.jit(
                lambda free, forward=forward: pathwise.slopes_of(trials, free, keys, forward)[1],
                compiler_options=quick(),
            )(free)
            scale = np.abs(want).max(axis=1, keepdims=True)
            assert slopes.dtype == (jnp.float64 if x64 else jnp.float32)
            np.testing.assert_allclose(slopes / scale, want / scale, 1e-2, 1e-6 if x64 else 1e-3)


@pytest.mark.slow
def test_evolution_of_a_learner_for_one_run_only():
    problem = jaxsoco.make("provisioning/bursty_queue", horizon=6)
    learner = jaxsoco.learner("provisioning/blol", warm_up=1)
    search = searcher(problem, *learner, ["conf_scale"], seeds=32, population=4)
    assert search.method == "evolution"
    state, record = search.step(search.init(search_key(0)))
    assert np.isfinite(record.objective) and int(state.step) == 1


@pytest.mark.slow
def test_the_passive_learners_regret_falls():
    """From 92 to below 42 in 40 steps of Adam on the logarithm of its rate."""
    problem = jaxsoco.make(TRACKING, dimension=2, horizon=200)
    tuned: Any = jaxsoco.tune(
        problem,
        *jaxsoco.learner("tracking/passive_learner"),
        ["learning_rate"],
        against="online_optimum",
        optimizer=optax.adam(0.15),
        steps=40,
        seeds=256,
    )
    assert tuned.judgement[0].value.value < 42
    assert tuned.judgement[1].value.value > 85
    assert tuned.judgement[1].difference.upper < -40
