"""Exact transport against POT: cost, flow, dual potential, derivatives."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import ot
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco_kernels.transport import excess_cost, transport

COST, PLAN = jax.jit(excess_cost), jax.jit(transport)
KINDS = ("plane", "tree", "star")
MASSES = ("dense", "sparse", "atoms", "dirac", "same")


def metric(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """Points in the plane, paths of a random tree with ties and zeros, or all equal."""
    if kind == "plane":
        place = rng.uniform(size=(n, 2))
        return np.linalg.norm(place[:, None] - place[None], axis=-1)
    if kind == "star":
        return 1.0 - np.eye(n)
    distance = np.zeros((n, n))
    for node in range(1, n):
        parent = rng.integers(node)
        distance[node, :node] = distance[parent, :node] + rng.choice([0.0, 1.0, 2.0])
        distance[:node, node] = distance[node, :node]
    return distance


def masses(rng: np.random.Generator, n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    if kind == "dense":
        return tuple(rng.dirichlet(np.ones(n), 2))
    if kind == "sparse":
        return tuple(rng.dirichlet(np.full(n, 0.1), 2))
    if kind == "atoms":  # equal atoms: every augmentation ends in a tie
        return tuple(rng.multinomial(n, np.full(n, 1 / n), 2) / n)
    if kind == "dirac":
        return np.eye(n)[rng.integers(n)], rng.dirichlet(np.ones(n))
    same = rng.dirichlet(np.ones(n))
    return same, same.copy()


def pot(p: np.ndarray, q: np.ndarray, distance: np.ndarray) -> float:
    give, take = p > 0, q > 0  # POT is wrong, silently, for entries that are negative by rounding
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block = np.ascontiguousarray(distance[np.ix_(give, take)])
        return float(ot.emd2(p[give], q[take], block, numItermax=1_000_000))


def batch(n: int, seed: int):
    """Problems of all kinds, lanes last, and POT's costs."""
    rng = np.random.default_rng(seed)
    pairs = [(k, m) for k in KINDS for m in MASSES for _ in range(6)]
    distances = [metric(rng, n, kind) for kind, _ in pairs]
    mass = [masses(rng, n, kind) for _, kind in pairs]
    costs = np.array([pot(p, q, d) for (p, q), d in zip(mass, distances, strict=True)])
    excess = np.stack([p - q for p, q in mass], -1)
    return excess, np.stack(distances, -1), costs


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("n", [2, 5, pytest.param(14, marks=pytest.mark.slow), 28])
def test_costs_agree_with_pot(n, x64):
    excess, distance, costs = batch(n, seed=n)
    cost, flow, potential, info = PLAN(jnp.asarray(excess), jnp.asarray(distance))
    np.testing.assert_allclose(cost, costs, atol=1e-12)
    np.testing.assert_allclose(COST(excess, distance), costs, atol=1e-12)
    assert not np.any(info.status)
    assert np.all(np.asarray(info.residual) < 1e-13)
    # The plan moves exactly the excess, and the potential proves that it is optimal.
    flow, potential = np.asarray(flow), np.asarray(potential)
    assert np.all(flow >= 0)
    np.testing.assert_allclose(flow.sum(axis=1) - flow.sum(axis=0), excess, atol=1e-13)
    np.testing.assert_allclose((flow * distance).sum(axis=(0, 1)), costs, atol=1e-12)
    np.testing.assert_allclose((potential * excess).sum(axis=0), costs, atol=1e-12)
    assert np.all(potential[:, None] - potential[None] <= distance + 1e-13)


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(x64):
    excess, distance, costs = batch(14, seed=3)
    excess, distance = jnp.asarray(excess, jnp.float32), jnp.asarray(distance, jnp.float32)
    scale = float(distance.max())
    value = COST(excess, distance)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, costs, atol=3e-5 * scale)
    assert not np.any(PLAN(excess, distance)[3].status)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_lanes_vmap_and_single_agree(x64):
    excess, distance, _ = batch(5, seed=1)
    excess, distance = jnp.asarray(excess[:, ::9]), jnp.asarray(distance[..., ::9])
    for function in (COST, lambda e, d: PLAN(e, d)[0]):
        native = function(excess, distance)
        mapped = jax.vmap(function, in_axes=-1)(excess, distance)
        looped = [function(excess[:, b], distance[..., b]) for b in range(excess.shape[1])]
        np.testing.assert_allclose(native, mapped, rtol=0, atol=1e-14)
        np.testing.assert_allclose(native, looped, rtol=0, atol=1e-14)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_one_lane_does_not_change_another(x64):
    """A lane that needs many paths makes all take the general branch; results must not move."""
    excess, distance, _ = batch(5, seed=2)
    simple = np.flatnonzero(np.minimum((excess > 0).sum(0), (excess < 0).sum(0)) <= 2)
    hard = np.flatnonzero(np.minimum((excess > 1e-9).sum(0), (excess < -1e-9).sum(0)) > 1)
    alone = COST(jnp.asarray(excess[:, simple]), jnp.asarray(distance[..., simple]))
    mixed = np.concatenate([simple, hard])
    among = COST(jnp.asarray(excess[:, mixed]), jnp.asarray(distance[..., mixed]))
    np.testing.assert_array_equal(alone, among[: simple.size])


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), mass=st.sampled_from(MASSES))
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_cost_is_a_metric(seed, kind, mass, x64):
    rng = np.random.default_rng(seed)
    distance = jnp.asarray(metric(rng, 5, kind))
    p, q = masses(rng, 5, mass)
    r = rng.dirichlet(np.ones(5))

    def cost(a, b):
        return float(COST(jnp.asarray(a - b), distance))

    assert cost(p, p) == 0
    assert cost(p, q) == pytest.approx(cost(q, p), abs=1e-13)
    assert 0 <= cost(p, q) <= cost(p, r) + cost(r, q) + 1e-13
    assert cost(p, q) <= float(distance.max()) * np.abs(p - q).sum() / 2 + 1e-13


@pytest.mark.parametrize("x64", [True], indirect=True)
@pytest.mark.parametrize("function", ["excess_cost", "split"])
def test_gradients_agree_with_finite_differences(function, x64):
    """Where the optimal basis is unique the cost is linear, so central differences are exact."""
    rng = np.random.default_rng(4)
    n = 5
    distance = metric(rng, n, "plane")
    p, q = rng.dirichlet(np.ones(n), 2)
    if function == "split":  # at most two sources: the closed form
        p = np.array([0.35, 0.65, 0, 0, 0])
        q = np.array([0, 0, 0.2, 0.5, 0.3])
    excess = p - q
    value = jax.jit(lambda e, d: excess_cost(e, (d + d.T) / 2))
    by_excess, by_distance = jax.jit(jax.grad(value, argnums=(0, 1)))(
        jnp.asarray(excess), jnp.asarray(distance)
    )
    h = 1e-6
    for u, v in [(0, 1), (2, 4), (3, 0)]:
        # Directions that conserve mass, and symmetric changes of a distance.
        step = h * (np.eye(n)[u] - np.eye(n)[v])
        slope = (value(excess + step, distance) - value(excess - step, distance)) / (2 * h)
        assert by_excess[u] - by_excess[v] == pytest.approx(float(slope), abs=1e-8)
        bend = np.zeros((n, n))
        bend[u, v] = bend[v, u] = h
        slope = (value(excess, distance + bend) - value(excess, distance - bend)) / (2 * h)
        assert by_distance[u, v] + by_distance[v, u] == pytest.approx(float(slope), abs=1e-8)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_gradients_under_vmap_and_jvp(x64):
    excess, distance, _ = batch(5, seed=5)
    excess, distance = jnp.asarray(excess[:, :12]), jnp.asarray(distance[..., :12])
    slope = jax.jit(jax.grad(lambda e, d: jnp.sum(excess_cost(e, d))))
    total = slope(excess, distance)
    mapped = jax.vmap(slope, in_axes=-1, out_axes=-1)(excess, distance)
    np.testing.assert_allclose(total, mapped, atol=1e-13)
    # The cost is positively homogeneous in the excess (Euler).
    _, tangent = jax.jvp(lambda e: COST(e, distance), (excess,), (excess,))
    np.testing.assert_allclose(tangent, COST(excess, distance), atol=1e-12)


def test_rounding_of_probabilities_is_not_mass(x64):
    distance = jnp.asarray(metric(np.random.default_rng(6), 4, "plane"))
    p = jnp.asarray([0.1, 0.2, 0.3, 0.4])
    shaken = (p / 3) * 3 * (1 + jnp.finfo(p.dtype).eps)  # the same up to an ulp or two
    assert float(COST(shaken - p, distance)) <= (1e-15 if x64 else 1e-6)
    assert float(COST(jnp.zeros(4), distance)) == 0
    assert float(COST(jnp.zeros(1), jnp.zeros((1, 1)))) == 0
    slope = jax.jit(jax.grad(excess_cost))(jnp.zeros(4), distance)
    assert np.all(np.isfinite(slope))
