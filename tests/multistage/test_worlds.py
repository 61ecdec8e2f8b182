"""Worlds that switch, answer, have heavy tails or report late: what they do, round by round."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import multistage as family
from jaxsoco import simulate
from jaxsoco.core import random
from jaxsoco.core.compiler import known
from jaxsoco.core.errors import InputError
from jaxsoco.multistage.comparators import best_leaf, best_sequence
from jaxsoco.multistage.prepare_worlds import good_leaves

QUICK = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
RUNS = 4


def rounds(name, spec, horizon, params=None, seed=0):
    """Action, feedback and costs of every round, ``[T, ...]`` leaves; and the last state."""
    algorithm = getattr(family, name)
    params = jaxsoco.learner(f"multistage/{name}")[1] if params is None else params
    words = random.words(jax.random.split(jax.random.key(seed), RUNS))
    keys = random.rollout_keys(words, nature=True, learner=True)

    def one(carry, t):
        world, state = carry
        nature, learner, noise = keys(t)
        world, now = family.multistage.advance(nature, spec, world)
        action, state = algorithm.act(learner, params, state, None)
        world, feedback, costs = family.multistage.play(noise, spec, world, now, action)
        state = algorithm.update(params, state, action, feedback)
        return (world, state), (action.leaf, action.visits, feedback, costs)

    @partial(jax.jit, compiler_options=QUICK)
    def follow():
        first = family.multistage.init(words, spec), algorithm.init(words, params, spec)
        return jax.lax.scan(one, first, jnp.arange(1, horizon + 1, dtype=jnp.int32))

    (_, state), told = follow()
    return state, jax.tree.map(np.asarray, told)


# --- switches -------------------------------------------------------------------------------------


def test_every_leaf_has_its_turn():
    for leaves in (1, 2, 3, 4, 6, 8, 27):
        assert sorted(good_leaves(leaves, leaves, "tour")) == [*range(leaves)]
        wanted = [0 if part % 2 == 0 else leaves - 1 for part in range(5)]
        assert good_leaves(leaves, 5, "return").tolist() == wanted


def test_the_best_sequence_pays_for_the_good_leaf_of_every_round():
    spec = family.switching_tree(100, switches=3, low=0.1, gap=0.3, depth=3)
    key, at = jax.random.key(0), (10, 60, 100)
    np.testing.assert_allclose(best_sequence(key, spec, at)[0]["expected"], 0.1 * np.array(at))
    # The fixed leaf has been good in one of the parts of 25 rounds.
    fixed = [0.4 * t - 0.3 * min(t, 25) for t in at]
    np.testing.assert_allclose(best_leaf(key, spec, at)[0]["expected"], fixed, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"switches": 10}, "do not fit into 10 rounds"), ({"low": 0.7}, "expected cost above 1")],
)
def test_what_cannot_be_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        family.switching_tree(10, **({"switches": 1} | fields))


# --- costs that arrive later ----------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 7])
def test_a_cost_arrives_with_the_way_of_its_job(delay):
    spec = family.delayed_tree(60, delay=delay, lost=0.3, depth=2)
    _, (_, sent, feedback, costs) = rounds("exp3", spec, 60)
    arrived = feedback.visits[0].place >= 0
    assert not arrived[:delay].any()
    jobs = slice(0, 60 - delay), slice(delay, 60)
    found = arrived[jobs[1]]
    assert 0.5 < found.mean() < 0.9  # 0.7 of 60 or 53 times 4 jobs
    paid = costs.realised[jobs[0]]
    np.testing.assert_array_equal(feedback.cost[jobs[1]][found], paid[found])
    for old, new in zip(sent, feedback.visits, strict=True):
        for mine, other in zip(old, new, strict=True):
            np.testing.assert_array_equal(mine[jobs[0]][found], other[jobs[1]][found])
        assert (new.place[~arrived] == -1).all()


def test_nothing_is_learned_of_what_never_arrives():
    spec = family.delayed_tree(40, delay=3, lost=1.0)
    for name in ("exp3", "node_exp4", "broad_omd"):
        state, (_, _, _, costs) = rounds(name, spec, 40)
        assert np.ptp(costs.expected) < 1e-6 and costs.realised.any()
        del state


@pytest.mark.slow
@pytest.mark.parametrize("name", [e.name for e in family.FAMILY.algorithms])
def test_a_learner_that_is_told_at_once_by_the_post_is_the_learner(name):
    """A delay of 0 in which nothing is lost is no delay."""
    if name == "normalized_eg":
        return
    fields = {"switches": 1, "depth": 2}
    with jax.enable_x64(True):
        plain = rounds(name, family.switching_tree(80, **fields), 80)[1][3]
        post = rounds(name, family.delayed_tree(80, delay=0, **fields), 80)[1][3]
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-12), plain, post)
        late = rounds(name, family.delayed_tree(80, delay=9, **fields), 80)[1][3]
        assert np.isfinite(late.expected).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["exp3", "exp3_ix", "tsallis_inf", "ucb1", "leaf_exp3"])
def test_a_delay_of_half_the_run_leaves_the_first_half_unlearned(name):
    spec = family.delayed_tree(60, delay=30, switches=0)
    costs = rounds(name, spec, 60)[1][3]
    assert np.ptp(costs.expected[:30]) < 1e-6 < np.ptp(costs.expected[30:])


def test_who_needs_more_than_a_cost_is_refused():
    spec = family.delayed_tree(20)
    with pytest.raises(InputError, match="cannot learn from costs that arrive later"):
        rounds("normalized_eg", spec, 20)


# --- leaves that answer ---------------------------------------------------------------------------


def test_a_leaf_answers_to_its_use():
    """The last leaf's expected cost, from the jobs that it got, by a loop."""
    spec = family.reactive_tree(200, depth=1, children=2, memory=10, cold=0.8, warm=0.2)
    with jax.enable_x64(True):
        spec = jax.tree.map(lambda x: x.astype(float) if x.dtype.kind == "f" else x, spec)
        params = family.EXP3Params(eta=jnp.asarray(1e-12))  # every child half of the time
        _, (leaf, _, _, costs) = rounds("exp3", spec, 200, params)
    use = np.zeros(RUNS)
    for t in range(200):
        wanted = (0.5 + 0.8 - 0.6 * use) / 2
        np.testing.assert_allclose(costs.expected[t], wanted, rtol=1e-6)
        use += ((leaf[t] == 1) - use) / 10
    assert use.min() > 0


def test_the_best_leaf_is_the_one_that_would_have_been_warm():
    spec = family.reactive_tree(300, memory=20, cold=0.9, warm=0.1, steady=0.5)
    share, paid = 0.0, []
    for _ in range(300):
        paid.append(0.9 - 0.8 * share)
        share += (1 - share) / 20
    wanted = [min(sum(paid[:t]), 0.5 * t) for t in (10, 300)]
    found = best_leaf(jax.random.key(0), spec, (10, 300))[0]["expected"]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    with pytest.raises(InputError, match="depends on the past"):
        best_sequence(jax.random.key(0), spec, (10,))


# --- heavy tails ----------------------------------------------------------------------------------


def test_pareto_costs_have_the_leaves_means():
    spec = family.heavy_tailed_tree(400, tail=3.0, switches=0, low=0.3, gap=0.0)
    keys = jax.random.split(jax.random.key(0), 256)
    run = jax.jit(
        lambda keys: (
            simulate(
                family.exp3, family.EXP3Params(), family.multistage, spec, keys, 400, at=(400,)
            ).costs
        ),
        compiler_options=QUICK,
    )(keys)
    np.testing.assert_allclose(run.expected, 0.3 * 400, rtol=1e-5)
    mean, error = run.realised.mean() / 400, run.realised.std() / 400 / 16
    assert abs(mean - 0.3) < 4 * error < 0.02
    # The median of the law is below its mean: m (1 - 1/3) 2^(1/3) = 0.84 m.
    assert run.realised.min() > 0.2 * 400
