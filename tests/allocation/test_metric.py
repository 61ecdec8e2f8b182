"""The state metric, its closure, Wasserstein distances and the tree, against POT and loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soad_reference import network, random_decision, shortest_paths, states, w1

from jaxsoco.allocation import (
    StateMetric,
    embed_tree,
    metric_closure,
    state_metric,
    wasserstein,
)
from jaxsoco.allocation.theory.tree import draw_tree
from jaxsoco.core import random

KINDS = ("plane", "closure", "tree", "star")
X64 = pytest.mark.parametrize("x64", [True], indirect=True)
W1, EMBED = jax.jit(wasserstein), jax.jit(embed_tree)


def batch(n: int, count: int, seed: int):
    """Distances, switches and pairs of decisions, lanes last."""
    rng = np.random.default_rng(seed)
    distance = np.stack([network(rng, n, KINDS[i % 4]) for i in range(count)], -1)
    switch = rng.choice([0.0, 0.1, 0.7], (n, count)) * rng.uniform(size=count)
    kinds = ("one", "few", "all")
    pairs = [
        np.stack([random_decision(rng, n, kinds[i // 4 * step % 3]) for i in range(count)], -1)
        for step in (1, 2)
    ]
    return distance, switch, *pairs


def pot(distance, switch, p, q) -> np.ndarray:
    lanes = range(distance.shape[-1])
    return np.array([w1(p[:, b], q[:, b], states(distance[..., b], switch[:, b])) for b in lanes])


def test_state_metric_entry_by_entry(x64):
    distance, switch, _, _ = batch(5, 8, 0)
    tolerance = 1e-15 if x64 else 1e-6
    full = state_metric(jnp.asarray(distance), jnp.asarray(switch))
    for b in range(8):
        expected = states(distance[..., b], switch[:, b])
        np.testing.assert_allclose(full[..., b], expected, atol=tolerance)
        single = state_metric(jnp.asarray(distance[..., b]), jnp.asarray(switch[:, b]))
        np.testing.assert_allclose(single, expected, atol=tolerance)
    np.testing.assert_array_equal(StateMetric(distance, jnp.asarray(switch)).matrix(), full)
    mapped = jax.vmap(state_metric, in_axes=-1, out_axes=-1)(distance, switch)
    np.testing.assert_array_equal(mapped, full)


def test_state_metric_takes_one_switch_for_all():
    distance = network(np.random.default_rng(1), 4, "plane")
    every = state_metric(distance, jnp.full(4, 0.25))
    np.testing.assert_array_equal(state_metric(distance, 0.25), every)


@X64
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
def test_state_metric_is_a_metric(seed, kind, x64):
    rng = np.random.default_rng(seed)
    switch = rng.choice([0.0, 0.3, 1.0], 5)
    metric = np.asarray(state_metric(jnp.asarray(network(rng, 5, kind)), jnp.asarray(switch)))
    np.testing.assert_allclose(metric, metric.T, rtol=1e-15)
    assert np.all(metric[:, None] <= metric[:, :, None] + metric.T[None] + 1e-14)
    # A closed metric comes back unchanged: nothing is shorter through a third state.
    np.testing.assert_allclose(metric_closure(jnp.asarray(metric)), metric, atol=1e-14)


@X64
def test_closure_of_measurements(x64):
    """Measured latencies violate triangles; the closure is the largest metric below them."""
    rng = np.random.default_rng(2)
    raw = network(rng, 14, "plane") * rng.uniform(0.3, 3, (14, 14))
    raw = (raw + raw.T) / 2
    closed = metric_closure(jnp.asarray(raw))
    assert np.any(np.asarray(closed) < raw - 1e-3)
    np.testing.assert_allclose(closed, shortest_paths(raw), rtol=1e-14)


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("n", [1, 2, pytest.param(5, marks=pytest.mark.slow), 14])
def test_wasserstein_agrees_with_pot(n, x64):
    distance, switch, p, q = batch(n, 96, n)
    expected = pot(distance, switch, p, q)
    assert np.mean(expected > 0) > 0.5
    factored = StateMetric(jnp.asarray(distance), jnp.asarray(switch))
    full = state_metric(*factored)
    # The split identity: the factored form never sees the 2n-point problem.
    np.testing.assert_allclose(W1(p, q, factored), expected, atol=1e-12)
    np.testing.assert_allclose(W1(p, q, full), expected, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [False], indirect=True)
def test_wasserstein_in_single_precision(x64):
    distance, switch, p, q = batch(5, 96, 5)
    factored = StateMetric(jnp.asarray(distance), jnp.asarray(switch))
    value = W1(p.astype(np.float32), q.astype(np.float32), factored)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, pot(distance, switch, p, q), atol=2e-5)


@X64
@pytest.mark.parametrize("form", ["factored", pytest.param("full", marks=pytest.mark.slow)])
def test_wasserstein_single_run_lanes_and_vmap(form, x64):
    distance, switch, p, q = (jnp.asarray(x) for x in batch(5, 24, 6))
    metric = StateMetric(distance, switch)
    metric = metric if form == "factored" else state_metric(*metric)
    native = W1(p, q, metric)
    mapped = jax.vmap(W1, in_axes=-1)(p, q, metric)
    np.testing.assert_allclose(native, mapped, atol=1e-14)
    for b in (0, 7, 22):
        one = W1(p[:, b], q[:, b], jax.tree.map(lambda x, b=b: x[..., b], metric))
        np.testing.assert_allclose(native[b], one, atol=1e-14)
    # One metric, and one of the two decisions, shared by all lanes.
    shared = jax.tree.map(lambda x: x[..., 3], metric)
    ours = W1(p, q[:, 3], shared)
    assert ours.shape == native.shape
    np.testing.assert_allclose(ours[3], native[3], atol=1e-14)
    np.testing.assert_allclose(ours[9], W1(p[:, 9], q[:, 3], shared), atol=1e-14)


@X64
@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    spread=st.sampled_from(["one", "few", "all"]),
)
def test_wasserstein_is_a_metric(seed, kind, spread, x64):
    rng = np.random.default_rng(seed)
    metric = StateMetric(jnp.asarray(network(rng, 5, kind)), jnp.asarray(rng.uniform(size=5)))
    p, q, r = (random_decision(rng, 5, k) for k in (spread, "few", "all"))
    assert float(W1(p, p, metric)) == 0
    forth, back = float(W1(p, q, metric)), float(W1(q, p, metric))
    assert forth == pytest.approx(back, abs=1e-13)
    assert 0 <= forth <= float(W1(p, r, metric)) + float(W1(r, q, metric)) + 1e-13


@X64
@pytest.mark.parametrize("form", ["factored", "full"])
def test_wasserstein_gradients_agree_with_finite_differences(form, x64):
    """Generic decisions: the optimal plan stays the same in a neighbourhood."""
    rng = np.random.default_rng(7)
    distance, switch = network(rng, 5, "plane"), rng.uniform(0.1, 0.4, 5)
    p, q = random_decision(rng, 5, "all"), random_decision(rng, 5, "all")

    def value(p, q, distance, switch):
        metric = StateMetric((distance + distance.T) / 2, switch)
        return wasserstein(p, q, metric if form == "factored" else metric.matrix())

    point = (p, q, distance, switch)
    gradient = jax.jit(jax.grad(value, argnums=(0, 1, 2, 3)))(*point)
    value, h = jax.jit(value), 1e-6

    def check(which, direction):
        ends = [
            value(*(x + s * h * direction if i == which else x for i, x in enumerate(point)))
            for s in (1, -1)
        ]
        slope = float(ends[0] - ends[1]) / (2 * h)
        along = float(np.sum(np.asarray(gradient[which]) * direction))
        assert along == pytest.approx(slope, abs=1e-8)

    for i, j in [(0, 3), (1, 7), (5, 9), (8, 2)]:
        transfer = np.eye(10)[i] - np.eye(10)[j]  # mass is conserved
        check(0, transfer)
        check(1, transfer)
    for u, v in [(0, 1), (2, 4), (3, 1)]:
        bend = np.zeros((5, 5))
        bend[u, v] = bend[v, u] = 1
        check(2, bend)
        check(3, np.eye(5)[u])


# --- the tree ------------------------------------------------------------------------------------


def tree_edges(tree: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Edges ``(weight, points below)`` of an ultrametric-like tree metric, by Buneman splits.

    Every split of the points has the weight by which the metric keeps its sides apart; a tree
    metric is the sum of its splits (Buneman 1971). Exponential, for few points.
    """
    n = tree.shape[0]
    edges = []
    for code in range(1, 2 ** (n - 1)):
        side = np.array([code >> u & 1 for u in range(n)], bool)
        a, b = np.flatnonzero(side), np.flatnonzero(~side)
        across = tree[np.ix_(a, b)]
        crossing = np.minimum(
            across[:, None, :, None] + across[None, :, None, :],
            across[:, None, None, :] + across[None, :, :, None],
        )
        inside = tree[np.ix_(a, a)][:, :, None, None] + tree[np.ix_(b, b)][None, None]
        weight = float((crossing - inside).min()) / 2
        if weight > 1e-12:
            edges.append((weight, side))
    return edges


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
def test_tree_norm_is_the_sum_over_edges(kind, x64):
    """W1 on the tree with OFF pendants: every edge carries the net mass that is below it."""
    n = 5
    for seed in range(6):
        rng = np.random.default_rng(seed)
        distance, switch = network(rng, n, kind), rng.uniform(size=n)
        tree = np.asarray(EMBED(jax.random.key(seed), jnp.asarray(distance)).distance)
        edges = tree_edges(tree)
        summed = sum(weight * (side[:, None] != side[None]) for weight, side in edges)
        np.testing.assert_allclose(summed, tree, atol=1e-12)  # so it is a tree metric
        p, q = random_decision(rng, n, "all"), random_decision(rng, n, "few")
        spatial = (p - q)[:n] + (p - q)[n:]
        norm = sum(weight * abs(spatial[side].sum()) for weight, side in edges)
        norm += float(switch @ np.abs((p - q)[n:]))
        metric = StateMetric(jnp.asarray(tree), jnp.asarray(switch))
        assert float(W1(p, q, metric)) == pytest.approx(norm, abs=1e-12)
        assert w1(p, q, states(tree, switch)) == pytest.approx(norm, abs=1e-12)


@X64
def test_tree_dominates_with_logarithmic_stretch(x64):
    rng = np.random.default_rng(8)
    distance = network(rng, 14, "plane")
    keys = jax.random.split(jax.random.key(0), 1000)
    tree = np.asarray(EMBED(keys, jnp.asarray(distance)).distance)
    assert tree.shape == (14, 14, 1000)
    assert np.all(tree >= distance[..., None] * (1 - 1e-14))
    pairs = np.triu_indices(14, 1)
    stretch = tree.mean(axis=-1)[pairs] / distance[pairs]
    assert 1 < stretch.mean() < 3 * np.log2(14)
    assert len(np.unique(tree[0, 1].round(9))) > 20  # the draws differ


@X64
def test_tree_of_a_key_does_not_depend_on_its_lane(x64):
    distance = jnp.asarray(network(np.random.default_rng(9), 5, "plane"))
    keys = jax.random.split(jax.random.key(1), 4)
    together = EMBED(keys, distance)
    words = jax.jit(draw_tree)(random.words(keys), distance)
    np.testing.assert_array_equal(together.distance, words.distance)
    for b in range(4):
        alone = EMBED(keys[b], distance)
        np.testing.assert_allclose(together.distance[..., b], alone.distance, rtol=1e-14)


@X64
def test_tree_order_and_scale_are_uniform(x64):
    """The first centre and the radius are drawn as the bound on the stretch requires."""
    n, draws = 3, 6000
    distance = jnp.asarray(1.0 - np.eye(n))
    line = jnp.asarray([[0.0, 0.5, 1.0], [0.5, 0.0, 0.5], [1.0, 0.5, 0.0]])
    keys = jax.random.split(jax.random.key(2), draws)
    radius = np.asarray(EMBED(keys, distance).radius) * 4
    assert np.all((radius >= 1) & (radius < 2))
    grid = (np.sort(radius) - 1, np.linspace(0, 1, draws))
    assert np.max(np.abs(grid[0] - grid[1])) < 1.63 / np.sqrt(draws)  # Kolmogorov-Smirnov, 1 %
    # Radii of level 1 lie below 1/2, so the three points part at once, whatever the order.
    assert np.all(np.asarray(EMBED(keys, line).meet)[0, 1] == 0)
