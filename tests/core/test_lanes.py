"""Helpers for trailing lane axes, against plain NumPy indexing."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core.lanes import align, lift, spread, take, where


class Pair(NamedTuple):
    a: Any
    b: Any


@pytest.mark.parametrize(
    ("shape", "structure", "lanes", "wanted"),
    [
        ((3,), 1, 0, (3,)),
        ((3,), 1, 2, (3, 1, 1)),
        ((3, 5), 1, 1, (3, 5)),
        ((3, 4), 2, 1, (3, 4, 1)),
        ((), 0, 2, (1, 1)),
        ((3, 4, 5, 6), 2, 2, (3, 4, 5, 6)),
    ],
)
def test_align_adds_the_lanes_that_are_missing(shape, structure, lanes, wanted):
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    aligned = align(x, structure, lanes)
    assert aligned.shape == wanted
    np.testing.assert_array_equal(np.ravel(aligned), np.ravel(x))


@pytest.mark.parametrize(
    ("shape", "structure", "lanes"), [((3, 5), 1, 2), ((3,), 2, 1), ((3, 4), 1, 0)]
)
def test_align_refuses_some_lanes_but_not_all(shape, structure, lanes):
    with pytest.raises(ValueError, match=f"want {structure} axes and {lanes} lanes or none"):
        align(np.zeros(shape), structure, lanes)


def test_lift_puts_one_axis_before_the_lanes():
    lifted = lift(Pair(jnp.arange(4.0), 2.0))
    assert lifted.a.shape == (1, 4) and lifted.b.shape == (1,)
    np.testing.assert_array_equal(lifted.a[0], np.arange(4.0))


def test_spread_takes_shape_and_dtype():
    like = jnp.zeros((2, 3), jnp.float32)
    out = spread(Pair(1, jnp.arange(3)), like)
    assert all(x.shape == (2, 3) and x.dtype == jnp.float32 for x in out)
    np.testing.assert_array_equal(out.a, np.ones((2, 3)))
    np.testing.assert_array_equal(out.b, np.tile(np.arange(3.0), (2, 1)))
    assert spread(2, jnp.zeros((), jnp.float32)).shape == ()


@pytest.mark.parametrize("lanes", [(), (4,), (2, 3)])
def test_where_picks_whole_trees_lane_by_lane(lanes):
    rng = np.random.default_rng(1)
    flag = rng.uniform(size=lanes) < 0.5
    yes = Pair(rng.normal(size=(5, *lanes)), rng.normal(size=lanes))
    no = Pair(rng.normal(size=(5, *lanes)), rng.normal(size=lanes))
    got = where(jnp.asarray(flag), yes, no)
    for lane in np.ndindex(*lanes):
        wanted = yes if flag[lane] else no
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(x[(..., *lane)], np.float32(y[(..., *lane)]))


@pytest.mark.parametrize("lanes", [(), (4,), (2, 3)])
@pytest.mark.parametrize("axis", [0, 1])
def test_take_picks_an_entry_per_lane(lanes, axis):
    rng = np.random.default_rng(2)
    table = jnp.asarray(rng.normal(size=(3, 6, *lanes)), jnp.float32)
    index = rng.integers(0, 3, lanes)
    got = take(table, jnp.asarray(index), axis)
    assert got.shape == tuple(np.delete(table.shape, axis))
    for lane in np.ndindex(*lanes):
        column = np.asarray(table)[(..., *lane)]
        np.testing.assert_array_equal(got[(..., *lane)], np.take(column, index[lane], axis))


def test_take_reads_a_table_that_lanes_share():
    table, index = jnp.arange(12.0).reshape(3, 4, 1), jnp.asarray([0, 2, 1, 2, 0])
    np.testing.assert_array_equal(take(table, index), np.arange(12.0).reshape(3, 4)[index].T)
