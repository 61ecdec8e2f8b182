"""Steps on a lattice of server counts against all pairs, server lanes against their definition."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels.lattice import axis_minplus, lanes_of

SHAPES = [(1,), (2,), (7,), (8,), (4, 3), (3, 1, 4), (2, 3, 2, 2)]


def all_pairs(table: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The definition, without lanes."""
    states = np.array([*itertools.product(*(range(m) for m in table.shape))])
    raised = np.maximum(states[:, None] - states[None], 0)  # to, from
    return (table.reshape(1, -1) + raised @ weight).min(axis=1).reshape(table.shape)


def problem(shape, lanes, seed, whole=False):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(*shape, lanes)) * 5
    weight = rng.exponential(size=(len(shape), lanes))
    if whole:
        table, weight = np.round(table), np.round(2 * weight)
        table[rng.uniform(size=table.shape) < 0.3] = np.inf
    return table, weight


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_passes_along_the_axes_are_the_minimum_over_all_pairs(shape, whole, x64):
    table, weight = problem(shape, 5, len(shape), whole)
    found = jax.jit(axis_minplus)(jnp.asarray(table), jnp.asarray(weight))
    assert found.dtype == (jnp.float64 if x64 else jnp.float32)
    wanted = np.stack([all_pairs(table[..., b], weight[:, b]) for b in range(5)], -1)
    if whole:  # whole numbers are exact
        np.testing.assert_array_equal(found, wanted)
    else:
        np.testing.assert_allclose(found, wanted, atol=1e-14 if x64 else 1e-5)


def test_two_hundred_dynamic_programs_are_exact():
    """Whole costs, so that no rounding hides an error: value and path of all rounds."""
    rng = np.random.default_rng(1)
    shape, rounds, count = (3, 4), 5, 200
    costs = rng.integers(0, 20, size=(rounds, *shape, count)).astype(np.float32)
    weight = rng.integers(0, 6, size=(2, count)).astype(np.float32)
    states = np.array([*itertools.product(range(3), range(4))])
    table = jnp.asarray(np.einsum("dn,sd->sn", weight, states).reshape(*shape, count))
    step = jax.jit(axis_minplus)
    for cost in costs:
        table = step(table, weight) + cost
    wanted = np.einsum("dn,sd->sn", weight, states)
    raised = np.maximum(states[:, None] - states[None], 0)  # to, from
    move = np.einsum("dn,xyd->xyn", weight, raised)
    for cost in costs:
        wanted = (wanted[None] + move).min(axis=1) + cost.reshape(12, count)
    np.testing.assert_array_equal(np.asarray(table).reshape(12, count), wanted)


def test_lanes_vmap_and_single_agree(x64):
    table, weight = (jnp.asarray(x) for x in problem((4, 3), 6, 2))
    step = jax.jit(axis_minplus)
    native = step(table, weight)
    mapped = jax.jit(jax.vmap(axis_minplus, in_axes=-1, out_axes=-1))(table, weight)
    np.testing.assert_array_equal(native, mapped)
    np.testing.assert_array_equal(native[..., 4], step(table[..., 4], weight[:, 4]))
    shared = step(table, weight[:, 0])
    np.testing.assert_array_equal(shared, step(table, jnp.tile(weight[:, :1], (1, 6))))
    one = step(table[..., :1], weight)
    np.testing.assert_array_equal(one, step(jnp.tile(table[..., :1], 6), weight))


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_derivatives(x64):
    table, weight = (jnp.asarray(x) for x in problem((4, 3), 3, 3))
    rng = np.random.default_rng(4)
    towards = rng.normal(size=table.shape), rng.normal(size=weight.shape)
    mask = rng.normal(size=table.shape)

    @jax.jit
    def at(h):
        return jnp.sum(mask * axis_minplus(table + h * towards[0], weight + h * towards[1]))

    slope = (at(1e-6) - at(-1e-6)) / 2e-6  # piecewise linear
    assert float(jax.jit(jax.grad(at))(0.0)) == pytest.approx(float(slope), rel=1e-8)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"weight: expected \[d, \.\.\.\] with d from 1 to the 2"):
        axis_minplus(jnp.zeros((2, 2)), jnp.zeros(3))
    with pytest.raises(ValueError, match="lanes"):
        axis_minplus(jnp.zeros((2, 2, 4)), jnp.zeros((2, 5)))
    with pytest.raises(TypeError, match="table: expected floating-point numbers"):
        axis_minplus(jnp.zeros((2, 2), jnp.int32), jnp.zeros(2))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_server_lanes_hold_the_highest_types_first(dtype):
    rng = np.random.default_rng(5)
    servers = rng.integers(0, 4, size=(3, 50)).astype(dtype)
    found = np.asarray(jax.jit(lambda x: lanes_of(x, 10))(servers))
    assert found.dtype == np.int32
    for b in range(50):
        for j in range(1, 11):
            reach = [k for k in (1, 2, 3) if servers[k - 1 :, b].sum() >= j]
            assert found[j - 1, b] == max(reach, default=0)
        for k in (1, 2, 3):  # nine servers at most: all have a lane
            assert np.sum(found[:, b] == k) == servers[k - 1, b]
    np.testing.assert_array_equal(found[:, 7], lanes_of(servers[:, 7], 10))
    np.testing.assert_array_equal(found[:4], lanes_of(servers, 4))
    mapped = jax.vmap(lambda x: lanes_of(x, 10), in_axes=-1, out_axes=-1)(servers)
    np.testing.assert_array_equal(found, mapped)
