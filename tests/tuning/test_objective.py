"""Statistics over runs, and what they are statistics of."""

import aims  # pyright: ignore[reportMissingImports]
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jaxsoco
from jaxsoco.core.errors import InputError
from jaxsoco.tuning.objective import Objective, Reduction, bind

KINDS = [
    Reduction("mean"),
    Reduction("median"),
    Reduction("quantile", 0.9),
    Reduction("cvar", 0.8),
    Reduction("cvar", 0.33),
]


@pytest.fixture
def values():
    return np.random.default_rng(0).gamma(2.0, size=101)


@pytest.mark.parametrize("one", KINDS, ids=str)
@pytest.mark.parametrize("count", [2, 7, 100])
def test_weights_are_a_distribution(one, count):
    weights = one.weights(count)
    assert weights.sum() == pytest.approx(1) and np.all(weights >= 0)


def test_statistics_are_those_of_others(values):
    found = {str(one): float(one.reduce(jnp.asarray(values))) for one in KINDS}
    ordered = np.sort(values)
    want = [
        values.mean(),
        float(stats.mstats.hdquantiles(values, 0.5)[0]),
        float(stats.mstats.hdquantiles(values, 0.9)[0]),
        # The largest 20.2 and 67.67 of 101 values.
        (ordered[-20:].sum() + 0.2 * ordered[-21]) / 20.2,
        (ordered[-67:].sum() + 0.67 * ordered[-68]) / 67.67,
    ]
    np.testing.assert_allclose(list(found.values()), want, rtol=1e-5)


@pytest.mark.parametrize("one", KINDS, ids=str)
def test_the_weights_are_the_derivative(one, values):
    values = jnp.asarray(values)
    np.testing.assert_allclose(jax.grad(one.reduce)(values), one.by_run(values), 1e-5, 1e-30)


@pytest.mark.parametrize("one", KINDS, ids=str)
def test_a_run_that_failed_is_not_hidden(one):
    for bad in (jnp.nan, jnp.inf, -jnp.inf):
        assert np.isnan(one.reduce(jnp.array([1.0, bad, 3.0, 4.0])))


@pytest.mark.parametrize("one", KINDS, ids=str)
def test_intervals_cover(one):
    """95 of 100 times, within what 1000 samples tell apart."""
    draws = np.random.default_rng(1).normal(size=(1000, 200)).astype(np.float32)
    truth = {
        "mean": 0.0,
        "median": 0.0,
        "quantile": stats.norm.ppf(one.level),
        "cvar": stats.norm.pdf(stats.norm.ppf(one.level)) / (1 - one.level),
    }[one.statistic]
    low, high = jax.vmap(one.interval)(jnp.asarray(draws))
    cover = np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high)))
    assert 0.92 <= cover <= 0.975


def test_what_is_wrong_is_said():
    for words, message in [
        ({"statistic": "mode"}, 'objective.statistic: no statistic is "mode"'),
        ({"statistic": "cvar"}, "objective.level: a cvar has a level between 0 and 1, got None"),
        ({"level": 0.5}, "objective.level: a mean has no level"),
        ({"measure": "ratio"}, "objective.against: a ratio is against something"),
    ]:
        with pytest.raises(InputError) as error:
            Objective(**words)
        assert str(error.value).startswith(message)
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=5)
    for objective, message in [
        (Objective(cost="hits"), r'the ledger has no "hits" .did you mean "hit"'),
        (Objective(against="online_optimun"), 'did you mean "online_optimum"'),
        (Objective(against="regret", measure="ratio"), "is a regret of the total cost"),
    ]:
        with pytest.raises(InputError, match=message):
            bind(objective, problem)
    with pytest.raises(InputError, match="is of no family with comparators"):
        bind(Objective(against="best"), aims.world())
    with pytest.raises(TypeError, match="expected an Objective or a function of Run"):
        bind(3, problem)


def test_values_of_runs():
    problem = jaxsoco.make("tracking/quadratic_tracking", dimension=2, horizon=30)
    keys = jaxsoco.seed_keys(0, 5)
    run = jaxsoco.play(problem, *jaxsoco.learner("tracking/passive_learner"), keys, at=[30])
    best = jaxsoco.comparator("tracking/online_optimum_path")(problem, keys, [30])
    total = run.costs.hit[-1] + run.costs.move[-1]
    optimum = best["hit"][-1] + best["move"][-1]
    for objective, want in [
        (None, total),
        (Objective(cost="move"), run.costs.move[-1]),
        (Objective(against="online_optimum"), run.costs.regret[-1]),
        (Objective(against="tracking/online_optimum"), run.costs.regret[-1]),
        (Objective(against="online_optimum_path"), total - optimum),
        (Objective(against="online_optimum_path", measure="ratio"), total / optimum),
        (lambda run: run.costs.hit[-1] ** 2, run.costs.hit[-1] ** 2),
    ]:
        criterion = bind(objective, problem)
        np.testing.assert_allclose(criterion.value(run, best), want, rtol=1e-6)
        assert (criterion.best is None) == (objective is None or "path" not in str(objective))
    # Without a family, all that the ledger has is the cost.
    run = jaxsoco.play(aims.world(), aims.aim, aims.AimParams(), keys)
    np.testing.assert_array_equal(bind(None, aims.world()).value(run, None), run.costs.miss[-1])
