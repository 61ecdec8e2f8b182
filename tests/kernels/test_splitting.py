"""Paths of least cost by splitting: against linear programs, in lanes, with derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxsoco_kernels import regions
from jaxsoco_kernels._splitting_terms import stiff_inverse
from jaxsoco_kernels.info import Status
from jaxsoco_kernels.splitting import Hits, Region, least_path

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)
ROUNDS, D = 7, 2


def value(x, theta):
    return theta[0] * jnp.sum(jnp.abs(x - theta[1]), axis=0)


def prox(theta, y, eta, last):
    gap = y - theta[1]
    return theta[1] + jnp.sign(gap) * jnp.maximum(jnp.abs(gap) - (eta * theta[0])[None], 0)


def drawn(count: int, seed: int = 0):
    """Weights ``[T, B]``, targets ``[T, d, B]``, starts ``[d, B]``."""
    rng = np.random.default_rng(seed)
    weights, targets = rng.uniform(0.2, 1.5, (ROUNDS, count)), rng.normal(size=(ROUNDS, D, count))
    return weights, np.cumsum(targets, axis=0), rng.uniform(-0.3, 0.3, (D, count))


def solve(weights, targets, start, trips=6000):
    region = Region("box", jnp.full_like(start, -1), jnp.full_like(start, 1))
    guess = jax.vmap(lambda x: regions.project(*region[:1], x, *region[1:]))(targets)
    price = (0.3, 0.6)
    data = (weights, targets)
    return least_path(
        Hits(value, prox), data, start, price, "l1", guess=guess, region=region, trips=trips
    )


run = jax.jit(solve, static_argnames="trips")


def program(weights, targets, start) -> float:
    """The same as a linear program: x, distances, ups, downs."""
    n = ROUNDS * D
    eye, none = np.eye(n), np.zeros((n, n))
    step = eye - np.eye(n, k=-D)
    cost = np.concatenate([np.zeros(n), np.repeat(weights, D), np.full(n, 0.3), np.full(n, 0.6)])
    above = np.block([[eye, -eye, none, none], [-eye, -eye, none, none]])
    goal = targets.reshape(-1)
    first = np.concatenate([start, np.zeros(n - D)])
    limits = [(-1, 1)] * n + [(0, None)] * (3 * n)
    equal = np.block([step, none, -eye, eye])
    return linprog(cost, above, np.concatenate([goal, -goal]), equal, first, limits).fun


@pytest.mark.oracle
@in_float64
def test_linear_programs_and_lanes(x64):
    data = drawn(5)
    solution = run(*data)
    assert not np.any(solution.info.status)
    assert np.all(solution.value - solution.lower <= 2e-8 * solution.value)
    assert np.all(np.abs(solution.path) <= 1)
    for b in range(5):
        wanted = program(*(x[..., b] for x in data))
        assert abs(solution.value[b] - wanted) <= 2e-8 * wanted
        assert solution.lower[b] <= wanted * (1 + 1e-9)
    # Lanes do not feel their neighbours, however many trips these need.
    assert len(set(solution.info.iterations.tolist())) > 1
    quickest = int(np.argmin(solution.info.iterations))
    alone = run(*(np.repeat(x[..., quickest, None], 5, axis=-1) for x in data))
    np.testing.assert_allclose(alone.value, solution.value[quickest], rtol=1e-12)
    assert np.all(alone.info.iterations == solution.info.iterations[quickest])


@pytest.mark.slow
def test_lanes_vmap_and_single_agree(x64):
    data = tuple(map(jnp.asarray, drawn(3, 1)))
    native = run(*data)
    mapped = jax.jit(jax.vmap(solve, in_axes=-1, out_axes=-1))(*data)
    single = [run(*(x[..., b] for x in data)) for b in range(3)]
    rtol = 1e-7 if x64 else 1e-3
    np.testing.assert_allclose(native.value, mapped.value, rtol=rtol)
    np.testing.assert_allclose(native.value, [x.value for x in single], rtol=rtol)
    assert native.value.dtype == (jnp.float64 if x64 else jnp.float32)
    assert not np.any(native.info.status) and not np.any(mapped.info.status)


@pytest.mark.slow
@in_float64
def test_it_says_how_it_went(x64):
    weights, targets, start = drawn(3, 2)
    weights[2, 1] = np.nan
    info = run(weights, targets, start, trips=50).info
    assert info.status[1] == Status.NONFINITE
    assert info.status[0] == info.status[2] == Status.LIMIT
    assert np.all(info.iterations[::2] == 50) and np.isfinite(info.residual[0])
    free = least_path(
        Hits(value, prox), (weights, targets), start, 0.4, "up", guess=targets, least=0.0, trips=50
    )
    assert free.info.status[0] == Status.LIMIT  # down for free, and no lower end


@pytest.mark.slow
@in_float64
def test_values_have_derivatives(x64):
    """Where the cost is smooth: of distances to targets outside the region."""
    weights, targets, start = (x[..., 0] for x in drawn(1, 3))
    targets = targets + 3
    region = Region("ball", None, jnp.ones(1))

    def distance(x, theta):
        return theta[0] * jnp.sum((x - theta[1]) ** 2, axis=0) / 2

    def near(theta, y, eta, last):
        return (y + eta[None] * theta[0] * theta[1]) / (1 + eta[None] * theta[0])

    @jax.jit
    def least(weights, targets, start, price):
        guess = jax.vmap(lambda x: regions.project("ball", x, hi=region.hi))(targets)
        data = (weights, targets)
        hits = Hits(distance, near)
        return least_path(hits, data, start, price, "l2", guess=guess, region=region).value

    point = (jnp.asarray(weights), jnp.asarray(targets), jnp.asarray(start), jnp.asarray(0.7))
    rng = np.random.default_rng(0)
    towards = tuple(jnp.asarray(rng.normal(size=x.shape)) for x in point)
    slopes = jax.jit(jax.grad(least, argnums=(0, 1, 2, 3)))(*point)
    h = 1e-3
    ahead, behind = (
        least(*(x + s * h * t for x, t in zip(point, towards, strict=True))) for s in (1, -1)
    )
    found = sum(float(jnp.sum(a * b)) for a, b in zip(slopes, towards, strict=True))
    assert found == pytest.approx(float(ahead - behind) / (2 * h), rel=1e-4)
    _, tangent = jax.jvp(least, point, towards)
    assert float(tangent) == pytest.approx(found, rel=1e-12)


@in_float64
def test_the_inverse_of_stiff_paths(x64):
    for rounds, copies in ((1, 1), (6, 2), (900, 1)):
        step = np.eye(rounds) - np.eye(rounds, k=-1)
        matrix = copies * np.eye(rounds) + step.T @ step
        inverse = np.asarray(stiff_inverse(rounds, copies, jnp.float64))
        np.testing.assert_allclose(inverse @ matrix, np.eye(rounds), atol=1e-14)


def test_support_functions_are_the_largest_of_the_set():
    rng = np.random.default_rng(0)
    force = rng.normal(size=(3, 4)).astype(np.float32)
    lo, hi = -np.ones((3, 1), np.float32), np.full((3, 1), 2, np.float32)
    points = rng.normal(size=(20_000, 3)) * 2
    for kind, ends in (("box", (lo, hi)), ("ball", (None, hi)), ("simplex", (None, None))):
        near = jax.vmap(lambda x, k=kind, e=ends: regions.project(k, x[:, None], *e))
        inside = np.asarray(near(jnp.asarray(points, jnp.float32)))[..., 0]
        most = np.max(inside @ force, axis=0)
        bound = np.asarray(regions.support(kind, jnp.asarray(force), *ends))
        assert np.all(bound >= most - 1e-5) and np.all(bound <= most + 0.1)
    open_end = regions.support("box", jnp.array([1.0, 0.0]), None, jnp.zeros(2))
    assert float(open_end) == 0
    assert np.isinf(regions.support("box", jnp.array([-1.0, 0.0]), None, jnp.zeros(2)))
    with pytest.raises(ValueError, match="region: expected one of box, ball, simplex, got 'cone'"):
        regions.project("cone", jnp.zeros(2))


def test_wrong_arguments_are_named():
    hits = Hits(value, prox)
    guess = jnp.zeros((3, 2))
    with pytest.raises(ValueError, match="movement: expected one of l1, up, l2, squared"):
        least_path(hits, (), jnp.zeros(2), 1.0, "entropy", guess=guess)
    with pytest.raises(ValueError, match=r"start: expected \[d, \.\.\.\] with d = 2 as in guess"):
        least_path(hits, (), jnp.zeros(3), 1.0, "l1", guess=guess)
    with pytest.raises(ValueError, match="weight: expected a number or an array for 'l2'"):
        least_path(hits, (), jnp.zeros(2), (1.0, 1.0), "l2", guess=guess)
