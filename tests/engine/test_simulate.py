"""One rollout against a plain loop: checkpoints, cumulative costs, lanes, keys, traces."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import walk_problem as toy

from jaxsoco import checkpoints
from jaxsoco.core import random
from jaxsoco.engine.simulate import all_finite, simulate

# Compiled whole, and quickly; tolerances do not depend on it.
quick = partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})

RUNS = 5
AT = (2, 3, 7)
GAIN = 0.5


def typed_keys():
    return jax.vmap(partial(jax.random.fold_in, jax.random.key(0)))(jnp.arange(RUNS))


def spec_of(words):
    return toy.draw(random.fold(words, 99), toy.instance(speed=0.7).settings)


draw = quick(spec_of)


@quick
def roll(words):
    """Everything of a block of runs ``[2, ...]``, with a trace."""
    return toy.play(spec_of(words), words, GAIN, at=AT, trace=True)


def assert_close(found, wanted, x64: bool = False):
    """Equal to rounding: sums of a few terms in another order, perhaps with fused products."""
    rtol, atol = (1e-13, 1e-14) if x64 else (2e-6, 2e-6)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)


# --- against a plain loop -------------------------------------------------------------------------


def test_a_rollout_does_what_a_plain_loop_does(x64):
    words = random.words(typed_keys())
    run = roll(words)
    actions, costs = run.trace
    assert actions.shape == costs.hit.shape == (toy.HORIZON, RUNS)
    assert run.costs.hit.shape == run.costs.move.shape == (len(AT), RUNS)
    np.testing.assert_array_equal(run.at, AT)
    for lane in range(RUNS):
        wanted = toy.follow(words[:, lane], draw(words[:, lane]), GAIN)
        assert_close(actions[:, lane], wanted["action"], x64)
        for name in ("hit", "move"):
            every, kept = getattr(costs, name), getattr(run.costs, name)
            assert_close(every[:, lane], wanted[name], x64)
            total = np.cumsum(wanted[name])[np.asarray(AT) - 1]
            assert_close(kept[:, lane], total, x64)
        assert run.faults[lane] == wanted["fault"].sum()
        assert_close(run.state.guess[lane], wanted["action"][-1], x64)
        assert_close(run.state.missed[lane], wanted["hit"].sum(), x64)
    assert len(set(np.asarray(run.faults).tolist())) > 1
    assert run.faults.dtype == jnp.int32 and bool(run.finite.all())
    assert run.costs.hit.dtype == (jnp.float64 if x64 else jnp.float32)


def test_lanes_are_single_runs(x64):
    words = random.words(typed_keys())
    block = roll(words)
    mapped = jax.vmap(roll, in_axes=-1, out_axes=-1)(words)
    # What is recorded in a rollout has the lanes last, in any layout.
    for whole, one in zip(jax.tree.leaves(block), jax.tree.leaves(mapped), strict=True):
        if whole is not block.at:
            assert_close(one[..., :RUNS], whole, x64)
    for lane in range(RUNS):
        single = roll(words[:, lane])
        assert single.faults.shape == single.finite.shape == ()
        for whole, one in zip(jax.tree.leaves(block), jax.tree.leaves(single), strict=True):
            if whole is not block.at:
                assert_close(one, whole[..., lane], x64)


def test_several_lane_axes_are_one_flat_one(x64):
    words = random.words(typed_keys())[:, :4]
    flat, square = roll(words), roll(words.reshape(2, 2, 2))
    assert square.costs.hit.shape == (len(AT), 2, 2) and square.finite.shape == (2, 2)
    assert_close(square.costs.hit.reshape(-1, 4), flat.costs.hit, x64)


def test_typed_keys_and_raw_words_are_the_same_runs():
    keys = typed_keys()
    play = quick(lambda spec, key: toy.play(spec, key, GAIN))
    spec = draw(random.words(keys))
    typed, raw = play(spec, keys), play(spec, random.words(keys))
    for a, b in zip(jax.tree.leaves(typed), jax.tree.leaves(raw), strict=True):
        np.testing.assert_array_equal(a, b)
    one = play(draw(random.words(keys[2])), keys[2])
    np.testing.assert_allclose(one.costs.hit, typed.costs.hit[:, 2], rtol=2e-6)


def test_another_key_is_another_run():
    first, second = (roll(random.words(typed_keys()[i])) for i in (0, 1))
    assert not np.allclose(first.costs.hit, second.costs.hit)


# --- checkpoints ----------------------------------------------------------------------------------


def test_costs_at_checkpoints_are_sums_of_the_trace(x64):
    run = roll(random.words(typed_keys()))
    for kept, every in zip(run.costs, run.trace[1], strict=True):
        total = np.cumsum(every, axis=0)[np.asarray(AT) - 1]
        assert_close(kept, total, x64)


@pytest.mark.parametrize("at", [(1,), (7,), (1, 2, 3, 4, 5, 6, 7), [3, 5], np.array([4, 7])])
def test_other_checkpoints_keep_the_run(at):
    words = random.words(typed_keys())

    @quick
    def play(words):
        options = {"at": at, "trace": True}
        return toy.play(spec_of(words), words, GAIN, **options)

    whole, run = roll(words), play(words)
    np.testing.assert_array_equal(run.at, at)
    assert_close(run.trace[0], whole.trace[0])
    every = np.cumsum(run.trace[1].hit, axis=0)[np.asarray(at) - 1]
    assert_close(run.costs.hit, every)
    # The run goes on to its horizon, also after the last checkpoint.
    np.testing.assert_array_equal(run.faults, whole.faults)
    assert_close(run.state.guess, whole.state.guess)


def test_the_usual_checkpoints_are_used_if_none_are_given():
    words = random.words(jax.random.key(1))
    run = quick(lambda key: toy.play(spec_of(key), key, GAIN, horizon=50))(words)
    assert tuple(run.at) == checkpoints(50)
    assert run.trace is None
    assert run.costs.hit.shape == (len(checkpoints(50)),)
    assert np.all(np.diff(run.costs.hit) >= 0)


@pytest.mark.parametrize("at", [(), (0, 3), (3, 2), (3, 3), (8,), (-1,)])
def test_bad_checkpoints_are_refused(at):
    words = random.words(jax.random.key(0))
    with pytest.raises(ValueError, match=r"at: want increasing rounds within 1\.\.7"):
        toy.play(draw(words), words, GAIN, at=at)


def test_what_is_no_key_is_refused():
    words = random.words(jax.random.key(0))
    with pytest.raises(TypeError, match="want a JAX threefry key"):
        toy.play(draw(words), jnp.zeros(3), GAIN)


@pytest.mark.parametrize(
    ("horizon", "error", "said"),
    [
        (0, ValueError, "horizon: expected an integer >= 1, got 0"),
        (1.5, TypeError, r"horizon: expected a static integer, got 1\.5"),
    ],
)
def test_bad_horizons_are_refused(horizon, error, said):
    words = random.words(jax.random.key(0))
    with pytest.raises(error, match=said):
        toy.play(draw(words), words, GAIN, horizon=horizon)


def test_a_traced_horizon_is_refused():
    words = random.words(jax.random.key(0))
    spec = draw(words)
    with pytest.raises(TypeError, match="horizon: expected a static integer"):
        jax.eval_shape(lambda horizon: toy.play(spec, words, GAIN, horizon=horizon), jnp.int32(3))


@pytest.mark.parametrize("at", [(1.5,), 3])
def test_checkpoints_that_are_no_integers_are_refused(at):
    words = random.words(jax.random.key(0))
    with pytest.raises(ValueError, match=r"at: want increasing rounds within 1\.\.7"):
        toy.play(draw(words), words, GAIN, at=at)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda x: jnp.stack([x, x]), ValueError, r"expected \[5\], got \(2, 5\)"),
        (lambda x: jnp.sum(x), ValueError, r"expected \[5\], got \(\)"),
        (lambda x: x.astype(int), TypeError, "expected floating-point numbers, got int32"),
    ],
)
def test_a_cost_that_is_not_one_number_a_lane_is_named(change, error, said):
    def play(*arguments):
        world, feedback, costs = toy.walk.play(*arguments)
        return world, feedback, costs._replace(hit=change(costs.hit))

    words = random.words(typed_keys())
    problem, spec = toy.walk._replace(play=play), draw(words)
    with pytest.raises(error, match=rf"costs\.hit, one number a lane: {said}"):
        jax.eval_shape(lambda: simulate(toy.follower, toy.params(GAIN), problem, spec, words, 3))


@pytest.mark.parametrize("horizon", [1, 2, 5, 31, 32, 33, 1000, 10**6])
@pytest.mark.parametrize("count", [1, 2, 8, 32])
def test_checkpoints_increase_to_the_horizon(horizon, count):
    at = checkpoints(horizon, count)
    assert at[-1] == horizon and 1 <= len(at) <= min(count, horizon)
    assert all(isinstance(t, int) for t in at)
    assert at[0] >= 1 and list(at) == sorted(set(at))
    if count > 1:
        assert at[0] == 1
    if 2 < count <= horizon / 100:
        ratios = np.diff(np.log(at[len(at) // 2 :]))
        np.testing.assert_allclose(ratios, np.log(horizon) / (count - 1), rtol=0.2)


def test_checkpoints_of_a_short_horizon_are_all_its_rounds():
    assert checkpoints(1) == (1,)
    assert checkpoints(4, 4)[-1] == 4
    assert checkpoints(1000) == checkpoints(1000, 32)


@pytest.mark.parametrize(("horizon", "count"), [(0, 4), (-1, 4), (4, 0)])
def test_checkpoints_of_nothing_are_refused(horizon, count):
    with pytest.raises(ValueError, match="want horizon >= 1 and count >= 1"):
        checkpoints(horizon, count)


# --- what may go wrong ----------------------------------------------------------------------------


def test_a_run_that_is_not_finite_says_so_alone():
    words = random.words(typed_keys())
    spec = draw(words)
    spec = spec._replace(speed=spec.speed.at[1].set(jnp.nan).at[3].set(jnp.inf))
    run = quick(lambda spec, key: toy.play(spec, key, GAIN, at=AT))(spec, words)
    np.testing.assert_array_equal(run.finite, [True, False, True, False, True])
    good = roll(words)
    np.testing.assert_allclose(run.costs.hit[:, 0], good.costs.hit[:, 0], rtol=2e-6)


def test_all_finite_looks_at_every_leaf_lane_by_lane():
    tree = {"a": jnp.ones((2, 3)), "b": jnp.arange(3)}
    np.testing.assert_array_equal(all_finite(tree, 1), [True] * 3)
    tree["a"] = tree["a"].at[1, 2].set(jnp.nan)
    np.testing.assert_array_equal(all_finite(tree, 1), [True, True, False])
    assert not all_finite(tree, 0)


def test_a_learner_without_faults_has_none():
    plain = toy.follower._replace(
        init=lambda key, params, spec: random.uniform(key),
        act=lambda key, params, state, obs: (state, state),
        update=lambda params, state, action, feedback: state,
    )
    words = random.words(typed_keys())
    run = simulate(plain, (), toy.walk, draw(words), words, 1)
    np.testing.assert_array_equal(run.faults, np.zeros(RUNS, int))


def test_costs_are_differentiable_in_params_and_spec():
    with jax.enable_x64(True):
        words = random.words(typed_keys())
        spec = draw(words)

        def total(gain, speed):
            one = spec._replace(speed=speed)
            run = toy.play(one, words, gain)
            return jnp.sum(run.costs.hit[-1] + run.costs.move[-1])

        total, slopes = quick(total), quick(jax.grad(total, (0, 1)))
        at = (jnp.asarray(0.4), spec.speed)
        for position, slope in enumerate(slopes(*at)):
            step = 1e-6 * jnp.ones_like(at[position])
            up, down = (
                total(*(x + s * step * (i == position) for i, x in enumerate(at))) for s in (1, -1)
            )
            np.testing.assert_allclose(jnp.sum(slope), (up - down) / 2e-6, rtol=1e-6)
