"""Searches: pure steps, the same numbers whatever stands beside them, and what is rejected."""

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
from jaxsoco.tuning.driving import run_search
from jaxsoco.tuning.objective import Objective
from jaxsoco.tuning.search import State, run_keys, step_key
from jaxsoco.tuning.searching import search_key, searcher

METHODS = ("pathwise", "evolution", "grid", "random", "halving")


def search_of(names=("x",), problem=None, algorithm=aims.aim, params=None, **options):
    problem = aims.world() if problem is None else problem
    params = aims.AimParams() if params is None else params
    options = {"seeds": 64, "steps": 12, **options}
    return searcher(problem, algorithm, params, list(names), **options)


def run(search, key=None, steps=None):
    state = search.init(search_key(0) if key is None else key)
    records = []
    for _ in range(search.steps if steps is None else steps):
        state, record = search.step(state)
        records.append(record)
    return state, records


def equal(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", METHODS)
def test_it_finds_what_is_there(method):
    options: dict[str, Any] = {"steps": 40} if method in ("pathwise", "evolution") else {}
    search = search_of(method=method, seeds=512, **options)
    assert search.method == method
    state, records = run(search)
    x = float(search.space.values(search.answer(state))["x"])
    # The optimum is 0.5; designs have a dozen points from -1 to 1.
    assert abs(x - 0.5) < (0.15 if method in ("pathwise", "evolution") else 0.25)
    assert int(state.step) == search.steps == len(records)
    assert [int(one.step) for one in records] == [*range(1, search.steps + 1)]
    assert all(float(one.low) < float(one.objective) < float(one.high) for one in records)


@pytest.mark.parametrize("method", METHODS)
def test_a_state_is_all_that_there_is(method):
    """Arrays alone, from which a search goes on to the same bits."""
    search = search_of(method=method)
    whole, records = run(search)
    part, _ = run(search, steps=2)
    arrays = [np.array(leaf) for leaf in jax.tree.leaves(part)]
    state = jax.tree.unflatten(jax.tree.structure(part), arrays)
    for record in records[2:]:
        state, again = search.step(state)
        equal(record, again)
    equal(whole, state)
    equal(whole, run(search_of(method=method))[0])


def test_keys_of_a_step_depend_on_its_number_alone():
    search = search_of(["x", "pace"])
    here, _ = run(search, steps=3)
    elsewhere = search.init(search_key(0), jnp.array([5.0, 2.0]))._replace(step=here.step)
    assert step_key(here) == step_key(elsewhere)
    first, second = (step_key(search.init(search_key(0))._replace(step=k)) for k in (0, 1))
    keys = [jax.random.key_data(run_keys(key, 64)) for key in (first, second)]
    assert len({tuple(np.asarray(row)) for row in np.concatenate(keys)}) == 128
    sweep = jax.random.key_data(jaxsoco.seed_keys(0, 64))
    assert not {tuple(np.asarray(row)) for row in sweep} & {
        tuple(np.asarray(row)) for row in np.concatenate(keys)
    }


@pytest.mark.parametrize("method", ["pathwise", "evolution"])
def test_many_starts_side_by_side(method):
    search = search_of(method=method, steps=6)
    starts = jnp.linspace(-2, 3, 64)[:, None]
    key = search_key(0)
    states = jax.vmap(search.init, in_axes=(None, 0))(key, starts)
    step = jax.jit(jax.vmap(search.step), compiler_options=quick())
    records = []
    for _ in range(6):
        states, record = step(states)
        records.append(record)
    assert records[-1].objective.shape == (64,)
    for i in (0, 31, 63):
        state, alone = search.init(key, starts[i]), []
        for _ in range(6):
            state, record = search.step(state)
            alone.append(float(record.objective))
        np.testing.assert_allclose(states.free[i], state.free, rtol=1e-4, atol=1e-5)
        together = [float(one.objective[i]) for one in records]
        np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_many_problems_side_by_side():
    """A whole tuning is a function of its problem."""

    def answer(shift):
        search = search_of(problem=aims.world(shift), steps=30)
        state, _ = jax.lax.scan(
            lambda state, _: search.step(state), search.init(search_key(0)), None, search.steps
        )
        return search.answer(state)[0]

    shifts = jnp.linspace(-1, 1, 64)
    answers = jax.jit(jax.vmap(answer), compiler_options=quick())(shifts)
    np.testing.assert_allclose(answers, shifts, atol=0.25)
    alone, _ = run(search_of(problem=aims.world(float(shifts[9])), steps=30))
    np.testing.assert_allclose(search_of().answer(alone)[0], answers[9], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.sgd(0.05, momentum=0.5),
        optax.adam(optax.linear_schedule(0.3, 0.0, 30)),
        optax.chain(optax.clip(1.0), optax.adamw(0.1)),
        optax.polyak_sgd(f_min=2.0),
    ],
    ids=["sgd", "adam", "chain", "polyak"],
)
def test_any_optimiser(optimizer):
    search = search_of(optimizer=optimizer, steps=40, seeds=256)
    state, _ = run(search)
    assert abs(float(search.answer(state)[0]) - 0.5) < 0.2


def test_a_step_is_compiled_once():
    search = search_of()
    state, _ = run(search, steps=1)
    with jax.log_compiles(False), jax.transfer_guard("allow"):
        count = []
        jax.monitoring.register_event_duration_secs_listener(
            lambda name, *_, **__: count.append(name) if "backend_compile" in name else None
        )
        for _ in range(5):
            state, _ = search.step(state)
        assert not count


def test_it_stays_in_its_range():
    search = searcher(
        aims.world(50.0), aims.aim, aims.AimParams(), {"pace": [0.5, 2.0]}, seeds=32, steps=30
    )
    state, records = run(search)
    values = np.array([float(one.values[0]) for one in records])
    assert values.max() <= 2.0 and values[-1] == pytest.approx(2.0, rel=1e-5)
    assert float(search.space.values(search.answer(state))["pace"]) <= 2.0


# --- objectives that are not finite ---------------------------------------------------------------


def cliff(run):
    """The cost, which is infinite where it is larger than the start's."""
    cost = run.costs.miss[-1]
    return jnp.where(jnp.mean(cost) < 60, cost, jnp.inf)


def test_a_step_that_is_not_finite_is_taken_back():
    search = search_of(objective=cliff, optimizer=optax.sgd(2.0), steps=20)
    state, records = run(search)
    objective = np.array([float(one.objective) for one in records])
    assert 0 < np.isnan(objective).sum() == int(state.rejected) < 20
    assert np.isfinite(np.asarray(jax.tree.leaves(state.optimizer)[:1])).all()
    assert np.isfinite(state.free).all() and np.isfinite(search.answer(state)).all()
    values = np.array([float(one.values[0]) for one in records])
    for i in np.flatnonzero(np.isnan(objective[:-1])):
        fine = values[: i + 1][~np.isnan(objective[: i + 1])][-1]
        assert values[i + 1] == pytest.approx((values[i] + fine) / 2)


def test_one_that_is_not_finite_at_the_start_is_one_message():
    search = search_of(params=aims.AimParams(x=100.0), objective=cliff)
    with pytest.raises(InputError) as error:
        run_search(search, search_key(0))
    (issue,) = error.value.issues
    assert str(issue).startswith("objective: the mean of cliff is not finite where the search")
    assert "at x = 100" in str(issue)
    # Of several starts, one is enough.
    several = search_of(params=aims.AimParams(x=6.0), objective=cliff, steps=2)
    state, _ = run_search(several, search_key(0), starts=4)
    assert np.isfinite(state.objective).any()


def test_nothing_finite_anywhere():
    def nothing(run):
        return run.costs.miss[-1] * jnp.nan

    with pytest.raises(InputError, match="is finite at none of the points"):
        run_search(search_of(objective=nothing, method="random"), search_key(0))


# --- designs --------------------------------------------------------------------------------------


def test_a_design_meets_the_same_worlds():
    search = search_of(method="grid", steps=5)
    _, records = run(search)
    state = search.init(search_key(0))
    keys = run_keys(jax.random.wrap_key_data(state.key), search.runs_per_step)
    for one in records:
        params = aims.AimParams(x=float(one.values[0]))
        want = jaxsoco.play(aims.world(), aims.aim, params, keys).costs.miss[-1].mean()
        np.testing.assert_allclose(one.objective, want, rtol=1e-5)


def test_halving_gives_the_better_half_twice_the_runs():
    search = search_of(method="halving", seeds=256)
    assert (search.steps, search.runs_per_step) == (5, 256)
    state = search.init(search_key(0))
    left, leaders = [], []
    for rung in range(search.steps):
        count = 16 // 2**rung
        before = np.asarray(state.optimizer)[:count]
        state, record = search.step(state)
        after = np.asarray(state.optimizer)[:count]
        assert set(before) == set(after)
        left.append(after[: count // 2])
        leaders.append(float(record.values[0]))
    assert set(left[1]) <= set(left[0])
    winner = search.space.values(search.answer(state))["x"]
    np.testing.assert_allclose(winner, leaders[-1])


@pytest.mark.slow
def test_choices_are_tried_one_by_one():
    wanted = {"order": [0, 1, 2], "kind": ["sum", "first"]}
    search = searcher(
        aims.world(1.9), aims.aim, aims.AimParams(), wanted, seeds=64, steps=2, method="grid"
    )
    assert search.steps == 6 and not search.pure
    state, records = run(search)
    assert search.space.values(np.asarray(search.answer(state))) == {"order": 2, "kind": "sum"}
    assert len({tuple(np.asarray(one.values)) for one in records}) == 6
    drawn = searcher(
        aims.world(1.9), aims.aim, aims.AimParams(), {**wanted, "x": None}, seeds=64, steps=9
    )
    assert drawn.method == "random" and drawn.steps == 9
    run(drawn)


def test_an_objective_of_all_runs():
    search = search_of(objective=lambda run: jnp.max(run.costs.miss[-1]), steps=30)
    _, records = run(search)
    assert records[-1].objective < records[0].objective
    assert np.isnan(records[0].low) and np.isnan(records[0].error).all()
    evolved = search_of(objective=lambda run: jnp.max(run.costs.miss[-1]), method="evolution")
    assert np.isfinite(run(evolved)[1][-1].objective)


def test_a_tail_is_made_small():
    search = search_of(
        objective=Objective(statistic="cvar", level=0.9), steps=30, seeds=512, method="pathwise"
    )
    state, records = run(search)
    assert isinstance(state, State) and records[-1].objective < records[0].objective
    assert abs(float(search.answer(state)[0]) - 0.5) < 0.2
