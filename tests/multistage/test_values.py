"""Rows picked from tables and put into them, few (selections) and many (gather and scatter)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.multistage.theory.levels import CHAIN, _put_at_once, pick, put

ROWS = (1, CHAIN, CHAIN + 1)


def _draw(n: int, inner: tuple[int, ...], lanes: tuple[int, ...]):
    rng = np.random.default_rng(n)
    table, row = rng.random((n, *inner, *lanes)), rng.random((*inner, *lanes))
    return table, rng.integers(-1, n, lanes).astype(np.int32), row


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("inner", [(), (3,)])
@pytest.mark.parametrize("lanes", [(), (2, 3)])
def test_pick_and_put_against_loops(n, inner, lanes, x64):
    table, place, row = _draw(n, inner, lanes)
    picked, changed = np.empty(row.shape), table.copy()
    for lane in np.ndindex(*lanes):
        picked[(..., *lane)] = table[(max(place[lane], 0), ..., *lane)]
        if place[lane] >= 0:
            changed[(place[lane], ..., *lane)] = row[(..., *lane)]
    found = jax.jit(lambda *args: (pick(*args[:2]), put(*args), _put_at_once(*args)))(
        table, place, row
    )
    for got, want in zip(found, (picked, changed, changed), strict=True):
        np.testing.assert_array_equal(got, want.astype(got.dtype))


@pytest.mark.parametrize("n", ROWS)
@pytest.mark.parametrize("inner", [(), (3,)])
def test_pick_from_a_table_that_all_lanes_share(n, inner):
    table, place, _ = _draw(n, inner, (7,))
    shared = jnp.asarray(table[..., :1])
    found = jax.jit(pick)(shared, place)
    want = np.moveaxis(np.asarray(shared)[np.maximum(place, 0), ..., 0], 0, -1)
    np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("n", [5, 70])
def test_vmap_and_gradient(n, x64):
    table, place, row = map(jnp.asarray, _draw(n, (3,), (7,)))

    def weighted(table, row):
        return jnp.sum(jnp.cos(put(table, place, row)) * table) + jnp.sum(pick(table, place) ** 2)

    slopes = jax.grad(weighted, (0, 1))
    alone = jax.jit(slopes)(table, row)
    both = jax.jit(jax.vmap(slopes))(jnp.stack([table, 2 * table]), jnp.stack([row, row]))
    for one, many in zip(alone, both, strict=True):
        np.testing.assert_allclose(many[0], one, rtol=1e-6)
    # Nothing of what is overwritten has a slope through what is put there.
    slope = jax.jit(jax.grad(lambda table: jnp.sum(put(table, place, row))))(table)
    kept = np.ones((n, 3, 7))
    for lane, where in enumerate(np.asarray(place)):
        if where >= 0:
            kept[where, :, lane] = 0
    np.testing.assert_array_equal(slope, kept)
