"""``play``: the runs of a sweep, from Python, under every transformation of JAX."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco.core import random
from jaxsoco.core.errors import InputError

TRACKING = "tracking/quadratic_tracking"


@pytest.fixture
def passive():
    return jaxsoco.learner("tracking/passive_learner", learning_rate=1e-3)


def problem(horizon=40):
    return jaxsoco.make(TRACKING, dimension=3, horizon=horizon)


def test_seed_keys_are_those_of_a_sweep():
    keys = jaxsoco.seed_keys(7, 5)
    assert keys.shape == (5,)
    assert jnp.issubdtype(keys.dtype, jax.dtypes.prng_key)
    root = random.words(jax.random.key(7, impl="threefry2x32"))
    np.testing.assert_array_equal(random.words(keys), random.run_key(root, jnp.arange(5)))
    np.testing.assert_array_equal(
        random.words(jaxsoco.seed_keys(7, [3, 1])), random.words(keys)[:, jnp.array([3, 1])]
    )


@pytest.mark.parametrize("seeds", [np.int64(3), np.int32(3), jnp.int32(3), range(3), (0, 1, 2)])
def test_seeds_are_integers_of_any_kind(seeds):
    np.testing.assert_array_equal(
        random.words(jaxsoco.seed_keys(7, seeds)), random.words(jaxsoco.seed_keys(7, 3))
    )


def test_seeds_may_be_traced_and_batched():
    keys = jax.vmap(lambda seeds: jaxsoco.seed_keys(7, seeds))(jnp.arange(4).reshape(2, 2))
    np.testing.assert_array_equal(
        random.words(keys).reshape(2, -1), random.words(jaxsoco.seed_keys(7, 4))
    )


@pytest.mark.parametrize("seeds", [True, "3", [2**31], [2**40], [True, False]])
def test_no_two_seeds_share_a_key(seeds):
    with pytest.raises(ValueError, match="seeds: expected"):
        jaxsoco.seed_keys(0, seeds)


@pytest.mark.parametrize("root", [-1, 2**31, 2**40])
def test_roots_are_those_of_an_experiment(root):
    with pytest.raises(ValueError, match="root: expected an integer from 0 to 2147483647"):
        jaxsoco.seed_keys(root, 3)


@pytest.mark.parametrize("seeds", [-1.5, [[1]], [-1], [0.5]])
def test_seeds_are_counted_or_listed(seeds):
    with pytest.raises((ValueError, TypeError)):
        jaxsoco.seed_keys(0, seeds)


def test_a_run_is_recorded_at_its_checkpoints(passive):
    run = jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 4))
    assert isinstance(run, jaxsoco.Run)
    assert tuple(run.at) == jaxsoco.checkpoints(40)
    assert run.costs.hit.shape == (len(run.at), 4)
    assert run.finite.shape == run.faults.shape == (4,)
    one = jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 1)[0], at=[10, 40])
    assert one.costs.hit.shape == (2,)
    np.testing.assert_allclose(one.costs.hit[-1], run.costs.hit[-1, 0], rtol=1e-4)


def test_lanes_may_have_any_shape(passive):
    keys = jaxsoco.seed_keys(0, 6)
    flat = jaxsoco.play(problem(), passive[0], passive[1], keys).costs.hit
    square = jaxsoco.play(problem(), passive[0], passive[1], keys.reshape(2, 3)).costs.hit
    np.testing.assert_allclose(square.reshape(flat.shape), flat, rtol=1e-4)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_jit_vmap_and_loop_give_the_same_costs(x64, passive):
    keys, made = jaxsoco.seed_keys(0, 5), problem()
    algorithm, params = jaxsoco.learner("tracking/passive_learner", learning_rate=1e-3)

    def hit(p, key):
        return jaxsoco.play(made, algorithm, p, key, at=[40]).costs.hit[-1]

    block = hit(params, keys)
    tolerance = 1e-9 * float(jnp.max(block))
    np.testing.assert_allclose(jax.jit(hit)(params, keys), block, atol=tolerance)
    np.testing.assert_allclose(jax.vmap(hit, (None, 0))(params, keys), block, atol=tolerance)
    np.testing.assert_allclose([hit(params, key) for key in keys], block, atol=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_gradients_are_those_of_differences_also_in_segments(x64):
    keys, made = jaxsoco.seed_keys(0, 3), problem()
    algorithm, params = jaxsoco.learner("tracking/passive_learner", learning_rate=1e-3)

    def cost(rate, **options):
        own = replace(params, learning_rate=rate)
        return jaxsoco.play(made, algorithm, own, keys, **options).costs.hit[-1].mean()

    slope = jax.grad(cost)(1e-3)
    step = 1e-6
    difference = (cost(1e-3 + step) - cost(1e-3 - step)) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-5)
    for remat in (True, 7, 40, 1000):
        np.testing.assert_allclose(jax.grad(cost)(1e-3, remat=remat), slope, rtol=1e-9)


def test_segments_change_no_record(passive):
    keys = jaxsoco.seed_keys(0, 3)
    whole = jaxsoco.play(problem(), passive[0], passive[1], keys, trace=True)
    parts = jaxsoco.play(problem(), passive[0], passive[1], keys, trace=True, remat=7)
    for one, other in zip(
        jax.tree.leaves((whole.costs, whole.trace)),
        jax.tree.leaves((parts.costs, parts.trace)),
        strict=True,
    ):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_a_trace_has_every_round(passive):
    run = jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 2), trace=True)
    actions, costs = run.trace
    assert actions.shape == (40, 3, 2)
    np.testing.assert_allclose(jnp.sum(costs.hit, axis=0), run.costs.hit[-1], rtol=1e-5)


def one_run_only(passive):
    """The learner as if it were written for one run: it fails where it is given lanes."""
    algorithm, params = passive

    def act(key, params, state, obs):
        assert obs.increment.ndim == 1
        return algorithm.act(key, params, state, obs)

    return algorithm._replace(act=act, lanes="vmap"), params


@pytest.mark.parametrize("shape", [(4,), (2, 2), ()])
def test_a_learner_for_one_run_says_so_itself(passive, shape):
    keys = jaxsoco.seed_keys(0, 4).reshape(-1)[: max(int(np.prod(shape)), 1)].reshape(shape)
    native = jaxsoco.play(problem(), passive[0], passive[1], keys, trace=True)
    mapped_learner, mapped_params = one_run_only(passive)
    mapped = jaxsoco.play(problem(), mapped_learner, mapped_params, keys, trace=True)
    assert jax.tree.map(jnp.shape, mapped._replace(state=())) == jax.tree.map(
        jnp.shape, native._replace(state=())
    )
    np.testing.assert_allclose(mapped.costs.hit, native.costs.hit, rtol=1e-4)


def test_playing_again_compiles_nothing(passive):
    keys, traces = jaxsoco.seed_keys(0, 3), []
    algorithm, params = passive

    def act(key, params, state, obs):
        traces.append(1)
        return algorithm.act(key, params, state, obs)

    counted = algorithm._replace(act=act)
    jaxsoco.play(problem(), counted, params, keys)
    first = len(traces)
    jaxsoco.play(problem(), counted, replace(params, learning_rate=jnp.float32(2e-3)), keys)
    jaxsoco.play(
        jaxsoco.make(TRACKING, dimension=3, horizon=40, noise_cap=0.2), passive[0], passive[1], keys
    )
    assert len(traces) == first


def test_a_comparator_meets_the_same_worlds(passive):
    keys = jaxsoco.seed_keys(0, 64)
    run = jaxsoco.play(problem(), passive[0], passive[1], keys)
    best = jaxsoco.comparator("tracking/online_optimum_path")
    costs = best(problem(), keys, run.at)
    assert set(costs) == set(run.costs._fields)
    assert costs["hit"].shape == run.costs.hit.shape
    total = costs["hit"] + costs["move"]
    assert jnp.mean((run.costs.hit + run.costs.move)[-1] - total[-1]) > 0
    lai, lai_params = jaxsoco.learner("tracking/lai")
    played = jaxsoco.play(problem(), lai, lai_params, keys)
    np.testing.assert_allclose(total[-1], (played.costs.hit + played.costs.move)[-1], rtol=1e-4)


def test_a_comparator_of_jobs_is_judged_at_their_end():
    jobs, keys = jaxsoco.make("allocation/carbon_jobs"), jaxsoco.seed_keys(0, 8)
    best = jaxsoco.comparator("allocation/offline_optimum")
    costs, faults = best.outcome(jobs, keys)
    assert costs["service"].shape == (1, 8)
    assert faults.shape == (8,)
    run = jaxsoco.play(jobs, *jaxsoco.learner("allocation/greedy"), keys)
    mine = sum(getattr(run.costs, name)[-1] for name in ("service", "move", "switch"))
    theirs = sum(costs[name][-1] for name in ("service", "move", "switch"))
    assert jnp.all(theirs <= mine * (1 + 1e-4))


def test_rounds_must_lie_within_the_horizon(passive):
    with pytest.raises(ValueError, match="at"):
        jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 2), at=[41])


@pytest.mark.parametrize("at", [[1.5, 3], "12", 40, [], [40, 3], [5, 5], np.array([0, 3])])
def test_checkpoints_are_increasing_integers_for_learners_and_comparators(at, passive):
    keys = jaxsoco.seed_keys(0, 2)
    with pytest.raises(ValueError, match=r"at: want increasing rounds within 1\.\.40"):
        jaxsoco.play(problem(), passive[0], passive[1], keys, at=at)
    with pytest.raises(ValueError, match=r"at: want increasing rounds within 1\.\.40"):
        jaxsoco.comparator("tracking/online_optimum_path")(problem(), keys, at)


@pytest.mark.parametrize("at", [(3, 40), range(3, 41, 37), np.array([3, 40]), jnp.array([3, 40])])
def test_checkpoints_are_a_sequence_of_any_kind(at, passive):
    run = jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 2), at=at)
    assert run.at.tolist() == [3, 40]


@pytest.mark.parametrize("options", [{"remat": -1}, {"remat": 1.5}, {"remat": 5}])
def test_segments_are_of_whole_rounds_of_a_scan(options, passive):
    loop = {"differentiable": False} if options["remat"] == 5 else {}
    with pytest.raises(ValueError, match="remat: expected"):
        jaxsoco.play(problem(), passive[0], passive[1], jaxsoco.seed_keys(0, 2), **options, **loop)


def test_arguments_of_another_kind_are_named(passive):
    algorithm, params = passive
    keys = jaxsoco.seed_keys(0, 2)
    with pytest.raises(TypeError, match=r"problem: expected an Instance.*got str"):
        jaxsoco.play(TRACKING, algorithm, params, keys)
    with pytest.raises(TypeError, match=r"algorithm: expected an Algorithm.*got Instance"):
        jaxsoco.play(problem(), problem(), params, keys)
    for wrong in (0, None, list(keys)):
        with pytest.raises(TypeError, match="key: want a JAX threefry key"):
            jaxsoco.play(problem(), algorithm, params, wrong)
    with pytest.raises(TypeError, match="wrap_key_data takes words that come last"):
        jaxsoco.play(problem(), algorithm, params, jax.random.split(jax.random.PRNGKey(0), 3))


def test_params_of_another_learner_are_told_where_they_fail(passive):
    _, params = jaxsoco.learner("tracking/hyscale")
    with pytest.raises(AttributeError) as error:
        jaxsoco.play(problem(), passive[0], params, jaxsoco.seed_keys(0, 2))
    assert "in the learner's init, given the spec" in "".join(error.value.__notes__)


def test_a_window_is_of_no_fewer_than_no_rounds(passive):
    made = problem()
    wrong = replace(made, problem=made.problem._replace(window=-1))
    with pytest.raises(ValueError, match="window: expected a number of rounds >= 0, got -1"):
        jaxsoco.play(wrong, passive[0], passive[1], jaxsoco.seed_keys(0, 2))


def test_a_comparator_is_for_its_own_problems():
    best = jaxsoco.comparator("allocation/offline_optimum")
    with pytest.raises(InputError, match=f"is not a comparator of the problem {TRACKING}"):
        best(problem(), jaxsoco.seed_keys(0, 2))


def test_what_a_learner_of_ones_own_does_wrong_is_named(passive):
    algorithm, params = passive

    def grows(params, state, action, feedback):
        state = algorithm.update(params, state, action, feedback)
        return jax.tree.map(lambda x: jnp.stack([x, x]), state)

    with pytest.raises(
        TypeError, match=r"the state of the learner \(.*\), at \S+, is \S+ before a round"
    ):
        wrong = algorithm._replace(update=grows)
        jaxsoco.play(problem(), wrong, params, jaxsoco.seed_keys(0, 2))

    def short(key, params, state, obs):
        action, state = algorithm.act(key, params, state, obs)
        return action[:2], state

    with pytest.raises(Exception) as error:
        wrong = algorithm._replace(act=short)
        jaxsoco.play(problem(), wrong, params, jaxsoco.seed_keys(0, 2))
    notes = "".join(error.value.__notes__)
    assert "given the action of the learner (test_playing.py:" in notes
    assert ", in short): float32[2, 2]" in notes


def test_input_errors_are_value_errors():
    assert issubclass(InputError, ValueError)
