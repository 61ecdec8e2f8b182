"""Gradients of toys whose expected cost is known, and what estimators count."""

from functools import partial

import aims  # pyright: ignore[reportMissingImports]
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco.tuning.estimators import evolution, pathwise, score
from jaxsoco.tuning.estimators.estimate import of_runs
from jaxsoco.tuning.objective import Objective, Reduction, bind
from jaxsoco.tuning.parameters import space_for
from jaxsoco.tuning.trials import Trials, Worlds, worlds_of

RUNS = 4096


def trials_of(names, params=None, objective=None, problem=None, algorithm=aims.aim, **options):
    params = aims.AimParams() if params is None else params
    worlds = worlds_of(aims.world() if problem is None else problem)
    criterion = bind(objective, worlds.first)
    return Trials(worlds, algorithm, params, space_for(params, names), criterion, **options)


def near(estimate, truth, errors=3.0):
    assert np.all(np.abs(estimate.gradient - truth) <= errors * estimate.error), estimate
    assert np.all(estimate.error > 0)


FREE = jnp.array([0.3, 0.2, -0.4])  # x; log pace; logit of part


def slopes_at(free):
    """Of the expected cost ``T ((aim - shift)^2 + 1)``, in the free coordinates."""
    part = 1 / (1 + np.exp(-free[2]))
    aim = free[0] + free[1] + part - 0.5
    outer = 2 * aims.ROUNDS * (aim - 0.5)
    return outer * np.array([1, 1, part * (1 - part)])


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "reverse"])
@pytest.mark.parametrize("lanes", ["native", "vmap"])
def test_pathwise_is_the_gradient(forward, lanes):
    algorithm = aims.aim._replace(lanes=lanes)
    trials = trials_of(["x", "pace", "part"], algorithm=algorithm)
    keys = jaxsoco.seed_keys(0, RUNS)
    one = pathwise.estimate(trials, FREE, keys, forward=forward, clip=None)
    near(one, slopes_at(np.asarray(FREE)))
    assert (float(one.clipped), float(one.nonfinite)) == (0, 0)
    values, slopes = pathwise.slopes_of(trials, FREE, keys[:5], forward)
    # Every run's own: 2 T (aim - target) times the chain.
    aim = FREE[0] + FREE[1] + jax.nn.sigmoid(FREE[2]) - 0.5
    # (1 - t)^2 - t^2 = 1 - 2 t
    ends = [jaxsoco.play(aims.world(), aims.aim, aims.AimParams(x=x), keys[:5]) for x in (0.0, 1.0)]
    rise = (ends[1].costs.miss[-1] - ends[0].costs.miss[-1]) / aims.ROUNDS
    targets = (1 - rise) / 2
    np.testing.assert_allclose(values, aims.ROUNDS * (aim - targets) ** 2, rtol=1e-4)
    np.testing.assert_allclose(slopes[0], 2 * aims.ROUNDS * (aim - targets), rtol=1e-4)
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-5)


def test_both_modes_agree_in_a_users_own_learner():
    params = aims.network_params()
    trials = trials_of(["layers", "scale"], params, algorithm=aims.network)
    free = jnp.asarray(trials.space.free({"layers": jnp.arange(6.0) / 7, "scale": 1.0}))
    keys = jaxsoco.seed_keys(0, 16)
    forward, reverse = (pathwise.estimate(trials, free, keys, forward=f) for f in (True, False))
    np.testing.assert_allclose(forward.gradient, reverse.gradient, rtol=1e-4)
    np.testing.assert_allclose(forward.error, reverse.error, rtol=1e-3)

    def mean(params):
        run = jaxsoco.play(aims.world(), aims.network, params, keys)
        return run.costs.miss[-1].mean()

    slope = jax.grad(mean)(aims.Network({"in": free[:3], "out": free[3:6]}, free[6]))
    want = jnp.concatenate([slope.layers["in"], slope.layers["out"], slope.scale[None]])
    unclipped = pathwise.estimate(trials, free, keys, clip=None)
    np.testing.assert_allclose(unclipped.gradient, want, rtol=1e-4)


def test_a_tail_weighs_its_runs_alone():
    trials = trials_of(["x"], objective=Objective(statistic="cvar", level=0.75))
    keys, free = jaxsoco.seed_keys(0, 64), jnp.array([0.3])
    one = pathwise.estimate(trials, free, keys, clip=None)

    def tail(x):
        values = trials.shared(x, keys)
        return jnp.mean(jax.lax.top_k(values, 16)[0])

    np.testing.assert_allclose(one.value, tail(free), rtol=1e-6)
    np.testing.assert_allclose(one.gradient, jax.grad(tail)(free), rtol=1e-5)


# --- wild runs ------------------------------------------------------------------------------------


def test_long_gradients_are_shortened():
    slopes = jnp.array([[1.0, -1.0, 1.0, 300.0, 0.0, 1.0], [0.0, 0.0, 0.0, 400.0, 0.0, 0.0]])
    one = of_runs(jnp.arange(6.0), slopes, Reduction(), 10.0)
    # The median of the five that are not 0 is 1: of 500, 10 is left, in the same direction.
    np.testing.assert_allclose(one.gradient, [(1 - 1 + 1 + 6 + 1) / 6, 8 / 6], rtol=1e-6)
    assert float(one.clipped) == pytest.approx(1 / 6)
    free = of_runs(jnp.arange(6.0), slopes, Reduction(), None)
    np.testing.assert_allclose(free.gradient, slopes.mean(axis=1), rtol=1e-6)
    assert float(free.clipped) == 0


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_shortening_knows_no_scale(size):
    slopes = size * jnp.array([[1.0, 2.0, 3.0, 1e4]])
    one = of_runs(jnp.arange(4.0), slopes, Reduction(), 4.0)
    np.testing.assert_allclose(one.gradient, [size * (1 + 2 + 3 + 10) / 4], rtol=1e-5)


def test_runs_without_a_gradient_are_left_out():
    slopes = jnp.array([[1.0, jnp.nan, 3.0, jnp.inf], [1.0, 1.0, 1.0, 1.0]])
    one = of_runs(jnp.arange(4.0), slopes, Reduction(), 10.0)
    np.testing.assert_allclose(one.gradient, [2.0, 1.0])
    assert float(one.nonfinite) == 0.5 and float(one.value) == 1.5
    nothing = of_runs(jnp.arange(2.0), jnp.full((1, 2), jnp.nan), Reduction(), 10.0)
    assert np.isnan(nothing.gradient[0]) and float(nothing.nonfinite) == 1


def test_the_error_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    slopes = jnp.asarray(rng.normal(size=(2, 400)), jnp.float32)
    one = of_runs(jnp.zeros(400), slopes, Reduction(), None)
    want = np.asarray(slopes).std(axis=1, ddof=1) / 20
    np.testing.assert_allclose(one.error, want, rtol=1e-3)


# --- evolution ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lanes", ["native", "vmap"])
@pytest.mark.parametrize("names", [["x"], ["x", "pace"], ["drawn"]], ids=str)
def test_evolution_is_the_gradient_of_the_smoothed_objective(names, lanes):
    """A quadratic's, which smoothing leaves as it is, also in what has no gradient."""
    trials = trials_of(names, algorithm=aims.aim._replace(lanes=lanes))
    free = jnp.array([0.3, 0.2])[: len(names)]
    # 3 values of the estimate, by key.
    for seed in range(3):
        key = jax.random.key(seed)
        keys = jaxsoco.seed_keys(seed, RUNS)
        one = evolution.estimate(trials, free, keys, key=key, population=512)
        outer = 2 * aims.ROUNDS * (float(free.sum()) - 0.5)
        near(one, np.full(len(names), outer))
        smoothed = aims.ROUNDS * ((float(free.sum()) - 0.5) ** 2 + 1 + 0.09 * len(names))
        assert one.low <= smoothed <= one.high


def test_evolution_smooths_what_jumps():
    """The slope of ``E (round(u + sigma e) - shift)^2``, by the sum over the integers."""
    from scipy.stats import norm

    trials = trials_of(["jumps"])
    at, sigma = 0.3, 0.4

    def smoothed(u):
        whole = np.arange(-6, 7)
        chance = norm.cdf((whole + 0.5 - u) / sigma) - norm.cdf((whole - 0.5 - u) / sigma)
        return aims.ROUNDS * float(chance @ (whole - 0.5) ** 2)

    truth = (smoothed(at + 1e-4) - smoothed(at - 1e-4)) / 2e-4
    one = evolution.estimate(
        trials,
        jnp.array([at]),
        jaxsoco.seed_keys(0, 8192),
        key=jax.random.key(0),
        population=2048,
        smoothing=sigma,
    )
    near(one, truth)
    assert abs(truth) > 3 * float(one.error[0])


def test_ranks_see_the_order_alone():
    keys, key = jaxsoco.seed_keys(0, 64), jax.random.key(0)
    plain = trials_of(["x"])
    cubed = trials_of(["x"], objective=lambda run: run.costs.miss[-1].mean() ** 3)
    estimate = partial(evolution.estimate, free=jnp.array([2.0]), keys=keys, key=key, shape="rank")
    one, other = estimate(plain), estimate(cubed)
    np.testing.assert_array_equal(one.gradient, other.gradient)
    assert one.gradient[0] > 0 and one.value != other.value


def test_pairs_that_fail_are_left_out_and_counted():
    def sometimes(run):
        cost = run.costs.miss[-1]
        return jnp.where(jnp.mean(cost) > 2.6, jnp.nan, cost)

    trials = trials_of(["x"], objective=sometimes)
    keys, key = jaxsoco.seed_keys(0, 256), jax.random.key(1)
    one = evolution.estimate(trials, jnp.array([0.6]), keys, key=key, population=64)
    assert 0 < float(one.nonfinite) < 0.5
    assert np.isfinite(one.gradient).all() and np.isfinite(one.value)
    far = evolution.estimate(trials, jnp.array([5.0]), keys, key=key, population=64)
    assert np.isnan(far.value)


# --- score ----------------------------------------------------------------------------------------


def act_by_lot(key, params, state, obs):
    """0 or 1: 1 with the chance ``part``."""
    from jaxsoco.extend import uniform

    return (uniform(key) < params.part).astype(float), state


def log_chance(params, state, obs, action):
    return jnp.where(action > 0, jnp.log(params.part), jnp.log1p(-params.part))


lottery = aims.aim._replace(act=act_by_lot, log_probability=log_chance)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "reverse"])
@pytest.mark.parametrize("lanes", ["native", "vmap"])
def test_score_is_the_gradient_of_the_expectation(lanes, forward):
    """``E (a - target)^2 = part (1 - 2 shift) + shift^2 + 1`` in every round."""
    shift = -0.25
    trials = trials_of(["part"], algorithm=lottery._replace(lanes=lanes), problem=aims.world(shift))
    free = jnp.array([0.4])
    part = float(jax.nn.sigmoid(0.4))
    one = score.estimate(trials, free, jaxsoco.seed_keys(0, RUNS), forward=forward)
    near(one, aims.ROUNDS * (1 - 2 * shift) * part * (1 - part))
    # Values are those without the score terms.
    np.testing.assert_allclose(one.value, trials.shared(free, jaxsoco.seed_keys(0, RUNS)).mean())


def test_score_of_a_function_of_the_whole_run():
    """The mean of the squared total cost, by the sum over both actions in both rounds."""
    trials = trials_of(["part"], algorithm=lottery, objective=lambda run: run.costs.miss[-1] ** 2)
    free, keys = jnp.array([0.4]), jaxsoco.seed_keys(0, 32768)
    one = score.estimate(trials, free, keys)
    part = float(jax.nn.sigmoid(0.4))
    targets = np.random.default_rng(0).normal(0.5, size=400_000)
    costs = [targets**2, (1 - targets) ** 2]
    # d/d part of sum p(a) p(b) E (c_a + c_b)^2, times the slope of the logistic function.
    means = [np.mean((costs[0] * (2 - k) + costs[1] * k) ** 2) for k in range(3)]
    slope = -2 * (1 - part) * means[0] + 2 * (1 - 2 * part) * means[1] + 2 * part * means[2]
    near(one, slope * part * (1 - part), 4.0)  # the truth has an error, too


def test_one_run_has_no_baseline():
    trials = trials_of(["part"], algorithm=lottery)
    one = score.estimate(trials, jnp.array([0.4]), jaxsoco.seed_keys(0, 1))
    assert np.isfinite(one.gradient).all()


# --- several problems -----------------------------------------------------------------------------


def test_several_problems_share_the_runs():
    problems = [aims.world(-1.0), aims.world(2.0)]
    trials = trials_of(["x"], problem=problems)
    keys = jaxsoco.seed_keys(0, 8)
    values = trials.shared(jnp.array([0.5]), keys)
    for i, problem in enumerate(problems):
        part = keys[4 * i : 4 * i + 4]
        alone = jaxsoco.play(problem, aims.aim, aims.AimParams(x=0.5), part).costs.miss[-1]
        np.testing.assert_allclose(values[4 * i : 4 * i + 4], alone, rtol=1e-6)
    longer = trials_of(["x"], problem=[aims.world(-1.0), aims.world(2.0, rounds=5)])
    np.testing.assert_allclose(longer.shared(jnp.array([0.5]), keys)[:4], values[:4], rtol=1e-6)
    points = jnp.linspace(0, 1, 8)[None]
    each = trials.each(points, keys)
    np.testing.assert_allclose(each[7], trials.shared(points[:, 7], keys)[7], rtol=1e-6)


@pytest.mark.slow
def test_a_distribution_of_problems_is_drawn_anew():
    def draw(key):
        return aims.world(jax.random.normal(key))

    trials = Trials(
        worlds_of(draw, 4),
        aims.aim,
        aims.AimParams(),
        space_for(aims.AimParams(), ["x"]),
        bind(None, aims.world()),
    )
    few, many = (trials.shared(jnp.array([0.0]), jaxsoco.seed_keys(0, n)) for n in (8, RUNS))
    assert few.shape == (8,)
    assert trials.worlds.draw is draw
    wide = Worlds(trials.worlds.instances, draw, RUNS // 4)
    spread = Trials(wide, aims.aim, aims.AimParams(), trials.space, trials.criterion)
    values = spread.shared(jnp.array([0.0]), jaxsoco.seed_keys(0, RUNS))
    # E (0 - shift - z)^2 = 2 in each of two rounds.
    error = float(values.std()) / np.sqrt(RUNS // 4)
    assert abs(float(values.mean()) - 2 * aims.ROUNDS) < 3 * error
    assert many.shape == (RUNS,)


def test_other_problems_are_no_problems():
    from jaxsoco.core.errors import InputError

    for wrong in (3, ["a"], lambda key: 3):
        with pytest.raises(TypeError, match="problem: expected"):
            worlds_of(wrong)
    tree = jaxsoco.make("multistage/bernoulli_tree", horizon=4)
    for wrong in ([], [aims.world(), tree]):
        with pytest.raises(InputError, match="problem: expected problems of one family"):
            worlds_of(wrong)
