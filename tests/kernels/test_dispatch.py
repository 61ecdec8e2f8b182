"""A load shared by one price against Clarabel, and where costs are linear the merit order."""

import clarabel
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse

from jaxsoco_kernels.dispatch import ServerCost, dispatch
from jaxsoco_kernels.info import Status

run = jax.jit(dispatch)

KINDS = ("curved", "linear", "mixed", "ties")
in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def batch(kind: str, d: int, count: int, seed: int):
    """Servers, loads and costs; some types have no servers, some loads are about nothing or all."""
    rng = np.random.default_rng(seed)
    servers = rng.integers(0, 4, size=(d, count)).astype(float)
    servers[rng.integers(d), servers.sum(axis=0) == 0] = 1
    capacity = rng.uniform(0.5, 2, size=(d, count))
    linear, curved = rng.normal(size=(d, count)), rng.exponential(size=(d, count))
    if kind == "linear":
        curved[:] = 0
    if kind == "mixed":
        curved[rng.uniform(size=(d, count)) < 0.5] = 0
    if kind == "ties":
        linear, curved = np.round(linear), np.round(curved)
    terms = ServerCost(rng.uniform(size=(d, count)), linear, curved, capacity)
    part = rng.choice([0.02, 0.3, 0.6, 0.98], size=count) * rng.uniform(0.9, 1.02, size=count)
    return servers, part * (servers * capacity).sum(axis=0), terms


def least(servers, load, terms) -> float:
    """The least cost of one problem, by Clarabel."""
    there = servers > 0
    x = servers[there]
    idle, linear, curved, capacity = (np.asarray(term)[there] for term in terms)
    n = len(x)
    rows = sparse.vstack([np.ones((1, n)), sparse.eye(n), -sparse.eye(n)]).tocsc()
    right = np.concatenate([[load], x * capacity, np.zeros(n)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(2 * n)]
    form = sparse.diags(2 * curved / x).tocsc()
    found = clarabel.DefaultSolver(form, linear, rows, right, cones, settings).solve()
    assert str(found.status) in ("Solved", "AlmostSolved"), found.status
    return float(x @ idle) + found.obj_val


def cost(servers, shares, terms) -> float:
    loads = np.divide(shares, servers, out=np.zeros_like(shares), where=servers > 0)
    return float(np.sum(servers * (terms[0] + terms[1] * loads + terms[2] * loads**2)))


@pytest.mark.oracle
@pytest.mark.parametrize("kind", KINDS)
@in_float64
def test_costs_against_clarabel(kind, x64):
    servers, load, terms = batch(kind, 4, 25, seed=1)
    found = run(servers, load, terms)
    shares = np.asarray(found.shares)
    np.testing.assert_allclose(shares.sum(axis=0), load, rtol=1e-14)
    assert np.all(shares >= 0)
    assert np.all(shares <= servers * terms.capacity * (1 + 1e-15))
    assert not np.any(found.info.status) and np.all(found.info.residual < 1e-13)
    for b in range(25):
        one = [np.asarray(term)[:, b] for term in terms]
        best = least(servers[:, b], load[b], one)
        assert float(found.cost[b]) == pytest.approx(best, abs=1e-8)
        own = cost(servers[:, b], shares[:, b], one)
        assert own == pytest.approx(float(found.cost[b]), abs=1e-13)


@in_float64
def test_linear_costs_are_the_merit_order(x64):
    """The cheapest servers first: exact without curvature."""
    servers, load, terms = batch("linear", 5, 40, seed=2)
    found = run(servers, load, terms)
    for b in range(40):
        left, total = load[b], float(servers[:, b] @ terms.idle[:, b])
        for k in np.argsort(terms.linear[:, b]):
            taken = min(left, servers[k, b] * terms.capacity[k, b])
            left, total = left - taken, total + taken * terms.linear[k, b]
        assert float(found.cost[b]) == pytest.approx(total, abs=1e-14 * max(1, abs(total)) * 10)


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_vmap_and_single_agree(kind, x64):
    servers, load, terms = jax.tree.map(jnp.asarray, batch(kind, 3, 6, seed=3))
    native = run(servers, load, terms)
    mapped = jax.jit(jax.vmap(dispatch, in_axes=-1, out_axes=-1))(servers, load, terms)
    atol = 1e-13 if x64 else 1e-5
    for b in range(6):
        single = run(servers[:, b], load[b], ServerCost(*(x[:, b] for x in terms)))
        np.testing.assert_allclose(native.shares[:, b], single.shares, atol=atol)
        np.testing.assert_allclose(native.cost[b], single.cost, atol=atol)
    np.testing.assert_allclose(native.shares, mapped.shares, atol=atol)
    np.testing.assert_allclose(native.cost, mapped.cost, atol=atol)
    np.testing.assert_array_equal(native.info.status, mapped.info.status)
    assert native.cost.dtype == (jnp.float64 if x64 else jnp.float32)


@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(x64):
    for kind in KINDS:
        servers, load, terms = jax.tree.map(jnp.asarray, batch(kind, 4, 25, seed=4))
        found = run(servers, load, terms)
        assert not np.any(found.info.status)
        with jax.enable_x64(True):
            wide = jax.tree.map(lambda x: jnp.asarray(np.asarray(x, float)), (servers, load, terms))
            best = run(*wide)
        np.testing.assert_allclose(found.cost, best.cost, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["curved", "linear", "mixed"])
@in_float64
def test_costs_have_derivatives(kind, x64):
    servers, load, terms = batch(kind, 4, 20, seed=5)
    servers = servers + 0.3  # a type without servers has one-sided derivatives
    data = (servers, load, terms)
    rng = np.random.default_rng(6)
    towards = jax.tree.map(lambda x: rng.normal(size=x.shape) * (x != 0), data)

    @jax.jit
    def at(h):
        return dispatch(*jax.tree.map(lambda x, t: x + h * t, data, towards)).cost

    def slope(h):
        return np.asarray((8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h))

    # Costs are smooth but for the few lanes in which a server fills up, or starts, so near.
    slopes = slope(1e-4), slope(3e-5)
    smooth = np.isclose(*slopes, rtol=1e-9, atol=1e-9)
    assert smooth.sum() >= 18
    tangent = np.asarray(jax.jit(lambda h: jax.jvp(at, (h,), (1.0,))[1])(0.0))
    np.testing.assert_allclose(tangent[smooth], slopes[0][smooth], rtol=3e-10, atol=3e-10)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(dispatch(*x).cost)))(data)
    both = jax.tree.map(lambda g, t: jnp.sum(g * t), gradient, towards)
    assert float(sum(jax.tree.leaves(both))) == pytest.approx(float(jnp.sum(tangent)), rel=1e-12)


@in_float64
def test_a_new_server_saves_what_the_derivative_says(x64):
    """Of a type without servers, from the right."""
    terms = ServerCost(np.array([0.1, 0.1]), np.array([1.0, 0.2]), np.array([1.0, 0.5]), np.ones(2))
    value = jax.jit(lambda x: dispatch(jnp.stack([1.0, x]), 0.8, terms).cost)
    h = 1e-5
    slope = (-3 * value(0.0) + 4 * value(h) - value(2 * h)) / (2 * h)
    assert float(jax.jit(jax.grad(value))(0.0)) == pytest.approx(float(slope), abs=1e-7)


def test_loads_at_the_ends_and_beyond(x64):
    """Nothing, all, too much, less than nothing."""
    load = jnp.array([0.0, 3.0, 3.5, -1.0])
    terms = ServerCost(0.5, jnp.array([1.0, 2.0]), jnp.array([0.0, 1.0]), 1.0)
    found = run(jnp.array([1.0, 2.0]), load, terms)
    wanted = [Status.OK, Status.OK, Status.INFEASIBLE, Status.INFEASIBLE]
    assert found.info.status.tolist() == wanted
    np.testing.assert_allclose(found.shares[:, :3], [[0, 1, 1], [0, 2, 2]], atol=1e-6)
    np.testing.assert_allclose(found.cost[:3], [1.5, 1.5 + 1 + 6, np.inf], rtol=1e-6)
    # The first unit costs what the cheapest server asks.
    slope = jax.jit(jax.grad(lambda x: dispatch(jnp.array([1.0, 2.0]), x, terms).cost))
    assert float(slope(0.0)) == pytest.approx(1, rel=1e-6)


def test_bad_input_is_named_or_told():
    terms = ServerCost(0.0, jnp.array([1.0, 2.0]), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"linear: expected \[d or 1, \.\.\.\] with d = 3"):
        dispatch(jnp.ones(3), 1.0, terms)
    for broken in (terms._replace(capacity=jnp.inf), terms._replace(idle=jnp.nan)):
        assert int(run(jnp.ones(2), 1.0, broken).info.status) == Status.NONFINITE
    assert int(run(jnp.ones(2), jnp.nan, terms).info.status) == Status.NONFINITE
