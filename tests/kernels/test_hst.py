"""The random tree embedding against a tree that is built node by node."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxsoco_kernels.hst import embed

EMBED = jax.jit(embed)
KINDS = ("plane", "line", "star", "twins", "close")


def metric(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """A metric; ``twins``: some points coincide; ``close``: distances over 13 decades."""
    place = rng.uniform(size=(n, 2))
    if kind == "star":
        return 3.0 - 3.0 * np.eye(n)
    if kind == "line":
        place[:, 1] = 0
    if kind == "twins":
        place[n // 2 :] = place[: n - n // 2]
    if kind == "close":
        place = np.stack([10.0 ** -rng.uniform(0, 13, n), np.zeros(n)], -1)
    return np.linalg.norm(place[:, None] - place[None], axis=-1)


class Edge(NamedTuple):
    """An edge of the tree: its weight and the points below it."""

    weight: float
    below: frozenset[int]


def grow(order: np.ndarray, scale: float, distance: np.ndarray) -> list[Edge]:
    """All edges of the tree, from the definition, by recursion over clusters.

    A cluster whose points coincide is a leaf. Level i has radius ``scale * diameter / 2**(i + 1)``;
    every point joins the first centre (in ``order``, of all points) within the radius, inside its
    parent's cluster; an edge weighs its parent's radius, an edge of the root half the diameter.
    """
    n, diameter = len(order), distance.max()
    centres = np.argsort(order)
    edges: list[Edge] = []

    def radius(level: int) -> float:
        return scale * diameter / 2 ** (level + 1)

    def split(cluster: list[int], level: int) -> None:
        if distance[np.ix_(cluster, cluster)].max() == 0:
            return
        children: dict[int, list[int]] = {}
        for u in cluster:
            centre = next(v for v in centres if distance[u, v] <= radius(level + 1))
            children.setdefault(int(centre), []).append(u)
        for child in children.values():
            edges.append(Edge(diameter / 2 if level == 0 else radius(level), frozenset(child)))
            split(child, level + 1)

    split(list(range(n)), 0)
    return edges


def path_lengths(edges: list[Edge], n: int) -> np.ndarray:
    """Sum of the edges that part two points."""
    inside = np.array([[u in e.below for u in range(n)] for e in edges]).reshape(len(edges), n)
    parted = inside[:, :, None] != inside[:, None]
    return np.einsum("e,euv->uv", [e.weight for e in edges], parted.astype(float))


def draw(seed: int, n: int, kind: str):
    rng = np.random.default_rng(seed)
    return rng.permutation(n), 1 + rng.uniform(), metric(rng, n, kind)


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS), n=st.sampled_from([1, 2, 6]))
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_it_is_the_tree_of_the_definition(seed, kind, n, x64):
    order, scale, distance = draw(seed, n, kind)
    tree = EMBED(jnp.asarray(order), jnp.asarray(scale), jnp.asarray(distance))
    reference = path_lengths(grow(order, scale, distance), n)
    diameter = max(distance.max(), 1e-300)
    if kind == "close":  # the library stops after 40 levels, the recursion does not
        np.testing.assert_allclose(tree.distance, reference, atol=1e-11 * diameter)
    else:
        np.testing.assert_allclose(tree.distance, reference, atol=1e-14 * diameter)
    assert np.all(np.asarray(tree.distance) >= distance * (1 - 1e-14))


@given(seed=st.integers(0, 10**6), kind=st.sampled_from(KINDS))
@pytest.mark.parametrize("x64", [True], indirect=True)
def test_four_point_condition(seed, kind, x64):
    """Of the three pairings of four points, the two longest are equal: a tree metric."""
    order, scale, distance = draw(seed, 6, kind)
    tree = np.asarray(EMBED(jnp.asarray(order), jnp.asarray(scale), jnp.asarray(distance)).distance)
    np.testing.assert_allclose(tree, tree.T, rtol=1e-14)
    np.testing.assert_array_equal(np.diag(tree), 0)
    pairs = tree[:, :, None, None] + tree[None, None]  # d(u, v) + d(w, x)
    sums = np.stack([pairs, pairs.transpose(0, 2, 1, 3), pairs.transpose(0, 2, 3, 1)])
    sums.sort(axis=0)
    np.testing.assert_allclose(sums[1], sums[2], atol=1e-13 * max(tree.max(), 1e-300))


def test_dominates_in_both_precisions(x64):
    dtype = jnp.float64 if x64 else jnp.float32
    slack = 8 * float(jnp.finfo(dtype).eps)
    draws = [draw(seed, 14, kind) for seed in range(40) for kind in KINDS]
    order, scale, distance = (np.stack([d[i] for d in draws], -1) for i in range(3))
    tree = EMBED(jnp.asarray(order), jnp.asarray(scale, dtype), jnp.asarray(distance, dtype))
    assert tree.distance.dtype == dtype
    assert np.all(np.asarray(tree.distance) >= distance * (1 - slack))
    assert np.all(np.isfinite(tree.distance))


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_mean_stretch_is_logarithmic(x64):
    """E d_T / d: some 4.7 on random metrics of 14 points; the bound grows with log n."""
    means = {}
    for n in (4, 14, 28):
        rng = np.random.default_rng(n)
        draws = 1500
        distance = metric(rng, n, "plane")
        order = np.stack([rng.permutation(n) for _ in range(draws)], -1)
        scale = 1 + rng.uniform(size=draws)
        lanes = jnp.asarray(distance[..., None])
        tree = np.asarray(EMBED(jnp.asarray(order), jnp.asarray(scale), lanes).distance)
        pairs = np.triu_indices(n, 1)
        stretch = tree.mean(axis=-1)[pairs] / distance[pairs]
        assert stretch.max() <= 16 * np.log2(n)
        means[n] = stretch.mean()
        assert 1 < means[n] <= 3 * np.log2(n)
    assert means[28] - means[14] < 2.5  # one more doubling adds a constant


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_equal_distances_are_kept(x64):
    order, scale, distance = draw(3, 14, "star")
    tree = EMBED(jnp.asarray(order), jnp.asarray(scale), jnp.asarray(distance))
    np.testing.assert_allclose(tree.distance, distance, rtol=1e-14)
    np.testing.assert_array_equal(tree.leaf, 1)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_lanes_vmap_and_single_agree(x64):
    draws = [draw(seed, 6, KINDS[seed % len(KINDS)]) for seed in range(10)]
    order, scale, distance = (jnp.asarray(np.stack([d[i] for d in draws], -1)) for i in range(3))
    native = EMBED(order, scale, distance)
    mapped = jax.vmap(EMBED, in_axes=-1, out_axes=-1)(order, scale, distance)
    for ours, theirs in zip(native, mapped, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
    for b in range(0, 10, 3):
        for ours, single in zip(
            native, EMBED(order[:, b], scale[b], distance[..., b]), strict=True
        ):
            np.testing.assert_allclose(ours[..., b], single, rtol=1e-14)


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_scales_with_the_metric(x64):
    order, scale, distance = draw(7, 6, "plane")
    distance = jnp.asarray(distance)
    lengths = lambda s: EMBED(jnp.asarray(order), jnp.asarray(scale), s * distance).distance  # noqa: E731
    np.testing.assert_allclose(lengths(250.0), 250 * lengths(1.0), rtol=1e-13)
    slope = jax.jacfwd(lengths)(1.0)
    np.testing.assert_allclose(slope, lengths(1.0), rtol=1e-13)
