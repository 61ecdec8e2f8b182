"""Min-plus products and shortest paths against plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco_kernels.minplus import metric_closure, minplus, minplus_carry

KINDS = ("continuous", "ties", "infinite")


def problem(seed: int, shape: tuple[int, int], kind: str, lanes: tuple[int, ...] = ()):
    """A matrix and a vector; ``ties``: few different whole numbers."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(*shape, *lanes))
    vector = rng.normal(size=(shape[1], *lanes))
    if kind == "ties":
        matrix, vector = np.round(2 * matrix), np.round(2 * vector)
    if kind == "infinite":
        matrix[rng.uniform(size=matrix.shape) < 0.5] = np.inf
    return matrix, vector


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (28, 14)])
def test_value_and_lowest_index(kind, shape, x64):
    matrix, vector = problem(1, shape, kind)
    dtype = np.float64 if x64 else np.float32
    matrix, vector = matrix.astype(dtype), vector.astype(dtype)
    value, index = minplus(jnp.asarray(matrix), jnp.asarray(vector))
    sums = matrix + vector[None]
    np.testing.assert_array_equal(value, sums.min(axis=1))
    np.testing.assert_array_equal(index, sums.argmin(axis=1))
    assert value.dtype == dtype
    assert index.dtype == jnp.int32


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_vmap_and_single_agree(kind):
    matrix, vector = problem(2, (4, 6), kind, (7,))
    matrix, vector = jnp.asarray(matrix), jnp.asarray(vector)
    native = minplus(matrix, vector)
    mapped = jax.vmap(minplus, in_axes=-1, out_axes=-1)(matrix, vector)
    single = [minplus(matrix[..., b], vector[..., b]) for b in range(7)]
    for i in range(2):
        np.testing.assert_array_equal(native[i], mapped[i])
        np.testing.assert_array_equal(native[i], np.stack([s[i] for s in single], -1))


def test_a_shared_matrix_broadcasts_over_lanes():
    matrix, vector = problem(3, (4, 6), "continuous", (5,))
    value, index = minplus(jnp.asarray(matrix[..., :1]), jnp.asarray(vector))
    sums = matrix[..., :1] + vector[None]
    np.testing.assert_array_equal(index, sums.argmin(axis=1))
    np.testing.assert_allclose(value, sums.min(axis=1), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_carried_values_come_from_the_minimiser(kind):
    matrix, vector = problem(4, (5, 6), kind)
    rng = np.random.default_rng(5)
    per_target, per_arc = rng.normal(size=6), rng.normal(size=(5, 6))
    carried = (jnp.asarray(per_target), jnp.asarray(per_arc))
    _, index, (one, other) = minplus_carry(jnp.asarray(matrix), jnp.asarray(vector), carried)
    rows, at = np.arange(5), np.asarray(index)
    np.testing.assert_array_equal(one, np.asarray(carried[0])[at])
    np.testing.assert_array_equal(other, np.asarray(carried[1])[rows, at])


def dijkstra(weights: np.ndarray, source: int) -> np.ndarray:
    n = weights.shape[0]
    reached, label = np.zeros(n, bool), np.full(n, np.inf)
    label[source] = 0
    for _ in range(n):
        u = int(np.argmin(np.where(reached, np.inf, label)))
        reached[u] = True
        label = np.minimum(label, label[u] + weights[u])
    return label


@given(seed=st.integers(0, 10**6), n=st.sampled_from([1, 2, 5]), zeros=st.booleans())
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_closure_is_shortest_paths(seed, n, zeros, x64):
    rng = np.random.default_rng(seed)
    raw = rng.uniform(size=(n, n)) ** 3
    if zeros:
        raw = np.round(4 * raw)
    raw = raw + raw.T + np.diag(rng.uniform(size=n))  # the diagonal is ignored
    closed = np.asarray(metric_closure(jnp.asarray(raw)))
    reference = np.stack([dijkstra(raw, s) for s in range(n)])
    np.testing.assert_allclose(closed, reference, rtol=1e-14)
    np.testing.assert_array_equal(np.diag(closed), 0)
    np.testing.assert_array_equal(closed, closed.T)
    triangles = closed[:, :, None] + closed[None]
    assert np.all(closed[:, None, :] <= triangles.transpose(0, 1, 2) + 1e-14)


@given(seed=st.integers(0, 10**6), n=st.sampled_from([2, 5]), zeros=st.booleans())
def test_closure_is_idempotent_and_below(seed, n, zeros, x64):
    rng = np.random.default_rng(seed)
    raw = rng.uniform(size=(n, n)) ** 3
    raw = jnp.asarray(np.round(4 * (raw + raw.T)) if zeros else raw + raw.T)
    once = metric_closure(raw)
    off = ~np.eye(n, dtype=bool)
    assert np.all(np.asarray(once)[off] <= np.asarray(raw)[off])
    eps = float(jnp.finfo(once.dtype).eps)
    np.testing.assert_allclose(metric_closure(once), once, rtol=4 * eps)


def test_a_metric_comes_back_unchanged():
    rng = np.random.default_rng(6)
    place = jnp.asarray(rng.uniform(size=(6, 2)))
    metric = jnp.linalg.norm(place[:, None] - place[None], axis=-1)
    np.testing.assert_allclose(metric_closure(metric), metric, rtol=1e-6)


def test_closure_lanes():
    raw = np.random.default_rng(7).uniform(size=(4, 4, 3)) ** 3
    raw = jnp.asarray(raw + raw.transpose(1, 0, 2))
    native = metric_closure(raw)
    np.testing.assert_array_equal(native, jax.vmap(metric_closure, -1, -1)(raw))
    np.testing.assert_array_equal(native[..., 1], metric_closure(raw[..., 1]))
