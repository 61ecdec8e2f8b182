"""The worlds: what learners see and when, forecasts, feasibility, data from files and functions."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsoco
from jaxsoco import smoothed
from jaxsoco.extend import Algorithm, normal
from jaxsoco.smoothed.problem import Round, predicted
from jaxsoco.smoothed.spec import Forecast
from jaxsoco.smoothed.theory import regions
from jaxsoco_kernels.regions import project

KEY = jaxsoco.seed_keys(0, 1)[0]


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


class Diary(NamedTuple):
    """What a learner saw: targets in sight, which rounds count, targets told afterwards."""

    seen: jax.Array
    live: jax.Array
    told: jax.Array


def diarist(play) -> Algorithm:
    """A learner that writes down what it sees; ``play(obs) -> action``."""

    def init(key, params, spec):
        game = spec.game
        table = jnp.full((game.horizon + 1, game.window + 1), jnp.nan)
        return jnp.int32(0), Diary(table, table, jnp.full(game.horizon + 1, jnp.nan))

    def act(key, params, state, obs):
        t, diary = state
        seen = jnp.nan * obs.live if obs.theta is None else obs.theta.target[:, 0]
        diary = diary._replace(seen=diary.seen.at[t].set(seen), live=diary.live.at[t].set(obs.live))
        return play(obs), (t, diary)

    def update(params, state, action, feedback):
        t, diary = state
        told = diary.told.at[t].set(feedback.theta.target[0])
        return t + 1, diary._replace(told=told)

    return Algorithm(init, act, update, lanes="vmap")


TARGETS = np.array([1.0, -2.0, 3.0, 0.5])


def diary(play=lambda obs: obs.position, **sight):
    problem = smoothed.recorded(smoothed.Quadratic(1.0, TARGETS), **sight)
    run = jaxsoco.play(problem, diarist(play), (), KEY)
    return run, jax.tree.map(lambda x: np.asarray(x)[:4], run.state[1])


def test_costs_are_seen_before_the_decision_or_told_after_it():
    _, before = diary()
    assert np.array_equal(before.seen[:, 0], TARGETS)
    _, after = diary(information="after")
    assert np.isnan(after.seen).all()
    assert np.array_equal(after.told, TARGETS)
    problem = smoothed.recorded(smoothed.Quadratic(1.0, TARGETS), information="after")
    with pytest.raises(ValueError, match="expected a problem that shows the cost before"):
        jaxsoco.play(problem, *jaxsoco.learner("smoothed/lcp"), KEY)


def test_a_window_shows_the_next_rounds_and_where_they_end():
    _, seen = diary(window=2)
    for t in range(4):
        inside = slice(t, min(t + 3, 4))
        count = len(TARGETS[inside])
        assert np.array_equal(seen.seen[t, :count], TARGETS[inside])
        assert np.array_equal(seen.live[t], np.arange(3) < count)
    problem = smoothed.recorded(smoothed.Quadratic(1.0, TARGETS), window=1)
    with pytest.raises(ValueError, match=r"expected problem\.window >= 2"):
        jaxsoco.play(problem, *jaxsoco.learner("smoothed/lcp", window=2), KEY)


@pytest.mark.parametrize("present", ["exact", "noisy"])
@pytest.mark.parametrize("errors", ["iid", "decaying", "walk"])
def test_forecasts_err_as_declared(errors, present):
    """``y_(s|t) = y_s - sum_(u=t..s) g(s - u) e_u``, by two loops."""
    rng = np.random.default_rng(0)
    y, e = rng.normal(size=(4, 1)), rng.normal(size=(4, 1))
    game = smoothed.recorded(smoothed.Quadratic(1.0, TARGETS)).settings.game
    forecast = Forecast(jnp.ones(()), jnp.asarray(0.7), errors, present)
    theta = smoothed.Quadratic(jnp.ones((4, 1)), jnp.asarray(y), jnp.zeros(4))
    sight = Round(jnp.arange(4), theta, jnp.asarray(e))
    seen = np.asarray(predicted(forecast, game, sight).target)
    g = {"iid": lambda k: float(k == 0), "decaying": lambda k: 0.7**k, "walk": lambda k: 1.0}[
        errors
    ]
    for s in range(4):
        first = 0 if present == "noisy" else 1
        wanted = y[s] - sum(g(s - u) * e[u] for u in range(first, s + 1))
        assert np.allclose(seen[s], wanted, atol=1e-14)


def test_noise_of_forecasts_is_that_of_the_rounds():
    """A round that is seen again is predicted with the errors that are left."""
    _, seen = diary(window=2, information="noisy", forecast_noise=0.5, forecast_errors="walk")
    assert np.array_equal(seen.seen[:, 0], TARGETS)  # the present is exact
    assert np.array_equal(seen.told, TARGETS)
    # y_3 - y_(3|1) - (y_3 - y_(3|2)) = e_2 = y_2 - y_(2|1)
    first, second = TARGETS[2] - seen.seen[0, 2], TARGETS[2] - seen.seen[1, 1]
    assert abs(first - second - (TARGETS[1] - seen.seen[0, 1])) < 1e-12
    assert abs(first) > 1e-3


def test_runs_side_by_side_are_the_runs_alone():
    """With forecasts and a window, in two dimensions."""
    problem = smoothed.walk(
        5, 2, window=2, information="noisy", forecast_errors="decaying", persistence=0.9
    )
    algorithm, params = jaxsoco.learner("smoothed/lcp", window=2)
    keys = jaxsoco.seed_keys(0, 3)
    many = jaxsoco.play(problem, algorithm, params, keys)
    alone = jax.vmap(lambda key: jaxsoco.play(problem, algorithm, params, key).costs)(keys)
    for name, costs in many.costs._asdict().items():
        assert np.allclose(costs, getattr(alone, name).T, rtol=1e-12, atol=1e-12)
    assert np.ptp(np.asarray(many.costs.hit[-1])) > 0.1


def test_what_is_not_feasible_is_made_so_and_counted():
    theta = smoothed.Quadratic(1.0, TARGETS)
    problem = smoothed.recorded(theta, lo=-1.0, hi=1.0, weight=1.0)
    run = jaxsoco.play(problem, diarist(lambda obs: obs.theta.target[0]), (), KEY)
    assert float(run.costs.infeasible[-1]) == 2
    path = np.clip(TARGETS, -1, 1)
    assert abs(float(run.costs.hit[-1]) - 0.5 * ((path - TARGETS) ** 2).sum()) < 1e-12
    assert abs(float(run.costs.move[-1]) - np.abs(np.diff(path, prepend=0)).sum()) < 1e-12
    servers = smoothed.rightsizing(np.array([3.0, 2.0]), 9, mu=1.5)
    none = Algorithm(
        init=lambda key, params, spec: (),
        act=lambda key, params, state, obs: (jnp.zeros_like(obs.position), state),
        update=lambda params, state, action, feedback: state,
    )
    run = jaxsoco.play(servers, none, (), KEY)
    assert float(run.costs.infeasible[-1]) == 2
    assert abs(float(run.costs.path[-1]) - (2 + 2 / 3)) < 1e-4  # up to 3 / 1.5, down to 2 / 1.5


def test_projections():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 50))
    point = np.asarray(project("simplex", jnp.asarray(x)))
    for run in range(50):
        ordered = np.sort(x[:, run])[::-1]
        excess = (np.cumsum(ordered) - 1) / np.arange(1, 5)
        threshold = excess[np.nonzero(ordered > excess)[0][-1]]
        assert np.allclose(point[:, run], np.maximum(x[:, run] - threshold, 0), atol=1e-14)
    ball = smoothed.recorded(
        smoothed.Norm(1.0, x.T), movement="l2", start=np.zeros(4), hi=0.7, region="ball"
    )
    inside = np.asarray(regions.project(ball.settings.game.aligned((50,)), jnp.asarray(x)))
    sizes = np.linalg.norm(x, axis=0)
    assert np.allclose(inside, x * np.minimum(1, 0.7 / sizes), atol=1e-14)


def test_a_walk_has_the_steps_and_curvatures_that_it_says():
    problem = jaxsoco.make(
        "smoothed/walk",
        horizon=400,
        dimension=3,
        curvature=0.5,
        condition=16,
        step=2.0,
        persistence=0.5,
    )
    keys = jaxsoco.seed_keys(0, 8)
    theta = smoothed_thetas(problem, keys)
    assert np.allclose(theta.matrix[0, :, 0], [0.5, 2, 8])
    targets = np.asarray(theta.target)
    steps = targets[1:] - 0.5 * targets[:-1]
    assert abs(steps.std() - 2) < 0.05
    assert abs(steps.mean()) < 0.06


def smoothed_thetas(problem, keys):
    from jaxsoco.smoothed.problem import thetas

    return thetas(keys, problem.spec(keys))


def _hill(x, theta):
    return theta[0] * jnp.sum((x - theta[1]) ** 2, axis=0)


def _draw(key, clock):
    del clock
    return jnp.ones(key.shape[1:]), normal(key, (2,))


def test_costs_of_ones_own():
    """A function alone, in two dimensions: its minimiser and proximal point."""
    problem = smoothed.custom(_hill, _draw, horizon=5, start=np.zeros(2), lo=-9.0, hi=9.0)
    keys = jaxsoco.seed_keys(0, 3)
    run = jaxsoco.play(problem, *jaxsoco.learner("smoothed/follow_minimizer"), keys)
    assert float(run.costs.hit.max()) < 1e-12
    assert float(run.costs.move[-1].min()) > 1
    data = (jnp.ones(4), jnp.stack([TARGETS, -TARGETS], axis=1))
    own = smoothed.custom(_hill, data, start=np.zeros(2), lo=-9.0, hi=9.0).settings.game
    built = smoothed.recorded(
        smoothed.Quadratic(2.0, data[1]), start=np.zeros(2), lo=-9.0, hi=9.0
    ).settings.game
    theta = smoothed.Quadratic(jnp.full(2, 2.0), data[1][1], jnp.zeros(()))
    y, eta = jnp.array([0.3, -0.4]), jnp.asarray(0.8)
    near = own.hitting.prox((jnp.ones(()), data[1][1]), y, eta, own.lo, own.hi)
    wanted = built.hitting.prox(theta, y, eta, own.lo, own.hi)
    assert np.allclose(near, wanted, atol=1e-6)
    lcp = jaxsoco.learner("smoothed/lcp", grid=64)
    with pytest.raises(ValueError, match="sums over coordinates"):
        jaxsoco.play(problem, *lcp, keys)
    apart = smoothed.custom(
        _hill, _draw, horizon=5, start=np.zeros(2), lo=-9.0, hi=9.0, separable=True
    )
    assert bool(jaxsoco.play(apart, *lcp, keys).finite.all())


def test_rounds_from_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "costs.csv").write_text("none,one,two\n3,1,0\n4,1,0\n1,0,2\n", encoding="utf-8")
    table = jaxsoco.make("smoothed/recorded", file="costs.csv", weight=0.5)
    assert table.horizon == 3
    assert table.settings.game.levels == 2
    best = jaxsoco.comparator("smoothed/integral_optimum")(table, KEY)
    assert float(best["hit"][-1] + best["move"][-1]) == 1.5
    (tmp_path / "load.csv").write_text("load\n1.0\n2.5\n", encoding="utf-8")
    servers = jaxsoco.make("smoothed/rightsizing", load="load.csv", servers=4)
    assert np.array_equal(servers.settings.source.theta.load, [1.0, 2.5])
    scaled = jaxsoco.make("smoothed/rightsizing", load="load.csv", servers=4, peak=0.5)
    assert np.allclose(scaled.settings.source.theta.load, [0.8, 2.0])


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("rightsizing", {"load": "load.csv", "servers": 2}, "not below what all servers"),
        ("rightsizing", {"load": "load.csv", "rounds": 9}, "the file has 2"),
        ("rightsizing", {"load": "minus.csv"}, "minus.csv:2, column 1: '-1'"),
        ("recorded", {"file": "load.csv"}, "one column"),
        ("recorded", {"file": "load.csv", "start": 0.5, "hi": 1.0}, "no whole number"),
        ("recorded", {"file": "load.csv", "cost": "absolute", "lo": 3.0, "hi": 2.0}, "above hi"),
        ("recorded", {"file": "none.csv"}, "none.csv"),
        ("walk", {"horizon": 4, "movement": "l2", "weight_down": 1.0}, "is for l1 movement"),
    ],
)
def test_bad_settings_are_refused(tmp_path, monkeypatch, name, settings, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "load.csv").write_text("1.0\n2.5\n", encoding="utf-8")
    (tmp_path / "minus.csv").write_text("1.0\n-1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        jaxsoco.make(f"smoothed/{name}", **settings)


def test_arguments_that_do_not_fit_are_refused():
    theta = smoothed.Quadratic(1.0, TARGETS)
    for wrong, message in (
        ({"movement": "l3"}, "movement: expected one of"),
        ({"movement": "up", "weight": (1.0, 2.0)}, "got a pair"),
        ({"window": 2, "information": "before"}, "window: expected 0"),
        ({"start": np.zeros(3)}, "start: expected a number or"),
    ):
        with pytest.raises(ValueError, match=message):
            smoothed.recorded(theta, **wrong)
    for wrong, message in (
        ({"hi": 2.0}, "lo, hi: expected None"),
        ({"start": 0.5}, "whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            smoothed.recorded(smoothed.Table(np.eye(3)), **wrong)
    with pytest.raises(TypeError, match="theta: expected one of Quadratic"):
        smoothed.recorded(np.zeros((3, 2)))
    with pytest.raises(TypeError, match="no such argument: windows"):
        smoothed.recorded(theta, windows=2)
    with pytest.raises(KeyError, match="no learner is called"):
        smoothed.replay("lazy", theta)
    with pytest.raises(TypeError, match="lcp takes"):
        smoothed.replay("lcp", theta, 0.0, windows=1)
    with pytest.raises(ValueError, match="whole positions"):
        smoothed.replay("rounded", theta)
    flat = smoothed.recorded(smoothed.Quadratic(1.0, jnp.zeros((3, 2))), "l2", start=np.zeros(2))
    with pytest.raises(ValueError, match="sums over coordinates"):
        jaxsoco.play(flat, *jaxsoco.learner("smoothed/lcp"), KEY)
