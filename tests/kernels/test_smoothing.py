"""Paths that move at a quadratic cost, and projected gradient steps, against Clarabel."""

import jax
import jax.numpy as jnp
import numpy as np
import paths_reference as reference
import pytest

from jaxsoco_kernels.info import Status
from jaxsoco_kernels.smoothing import projected_gradient, tridiagonal

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def batch(rounds: int, d: int, count: int, seed: int, **kind):
    rng = np.random.default_rng(seed)
    problems = [reference.instance(rng, "squared", rounds, d, **kind) for _ in range(count)]
    return problems, reference.stacked(problems)


def solve(data):
    vector = jnp.einsum("tij...,tj...->ti...", data["matrix"], data["target"])
    return tridiagonal(data["matrix"], vector, data["weight"], data["start"])


eliminate = jax.jit(solve)


def cost(data, path):
    gap = path - data["target"]
    step = jnp.diff(path, axis=0, prepend=data["start"][None])
    form = jnp.einsum("ti...,tij...,tj...->...", gap, data["matrix"], gap)
    return (form + data["weight"] * jnp.sum(step**2, axis=(0, 1))) / 2 + data["offset"].sum(0)


@pytest.mark.oracle
@pytest.mark.parametrize(("rounds", "d", "count"), [(12, 3, 10), (6, 10, 2), (1, 2, 2)])
@in_float64
def test_paths_by_elimination_cost_as_little_as_clarabels(rounds, d, count, x64):
    problems, data = batch(rounds, d, count, seed=rounds)
    path, info = eliminate(data)
    assert not np.any(info.status) and np.all(info.residual < 1e-14)
    for b, problem in enumerate(problems):
        best, _ = reference.least(problem)
        found = reference.cost(problem, np.asarray(path[..., b]))
        assert abs(found - best) <= 1e-8 * best
        # The convex cost is least where its gradient is 0.
        for t, i in ((0, 0), (rounds - 1, d - 1)):
            shaken = np.array(path[..., b])
            shaken[t, i] += 1e-3
            assert reference.cost(problem, shaken) > found


@in_float64
def test_elimination_solves_the_whole_system(x64):
    _, data = batch(7, 4, 3, seed=5)
    path, _ = eliminate(data)
    vector = np.einsum("tijb,tjb->tib", data["matrix"], data["target"])
    for b in range(3):
        kappa, start = data["weight"][b], data["start"][:, b]
        difference = np.eye(28) - np.eye(28, k=-4)
        whole = np.kron(np.eye(7), np.zeros((4, 4))) + kappa * difference.T @ difference
        for t in range(7):
            whole[4 * t : 4 * t + 4, 4 * t : 4 * t + 4] += data["matrix"][t, :, :, b]
        right = vector[..., b].copy()
        right[0] += kappa * start
        wanted = np.linalg.solve(whole, right.reshape(-1)).reshape(7, 4)
        np.testing.assert_allclose(path[..., b], wanted, rtol=0, atol=1e-13)


@in_float64
def test_elimination_without_movement_and_with_one_matrix_for_all_rounds(x64):
    _, data = batch(5, 3, 4, seed=6)
    still = {**data, "weight": np.zeros(4)}
    np.testing.assert_allclose(eliminate(still)[0], data["target"], atol=1e-13)
    vector = np.random.default_rng(0).normal(size=(5, 3, 4))
    once = data["matrix"][:1]
    short = tridiagonal(once, vector, 0.7, data["start"])[0]
    long = tridiagonal(np.repeat(once, 5, axis=0), vector, 0.7, data["start"])[0]
    np.testing.assert_allclose(short, long, atol=1e-14)


@in_float64
def test_elimination_has_derivatives(x64):
    _, data = batch(4, 2, 2, seed=7)
    rng = np.random.default_rng(1)
    towards = {name: rng.normal(size=x.shape) for name, x in data.items()}
    towards["matrix"] = towards["matrix"] + towards["matrix"].swapaxes(1, 2)
    weights = rng.normal(size=data["target"].shape)

    def value(data):
        path, _ = solve(data)
        return jnp.sum(cost(data, path)) + jnp.sum(weights * path)

    @jax.jit
    def at(h):
        return value({name: x + h * towards[name] for name, x in data.items()})

    h = 1e-4
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    gradient = jax.jit(jax.grad(value))(data)
    found = sum(float(jnp.sum(gradient[name] * towards[name])) for name in data)
    tangent = jax.jit(lambda h: jax.jvp(at, (h,), (1.0,))[1])(0.0)
    assert found == pytest.approx(float(slope), rel=3e-10)
    assert float(tangent) == pytest.approx(found, rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("d", [3, 9])
def test_elimination_lanes_vmap_and_single_agree(d, x64):
    _, data = batch(5, d, 3, seed=8)
    data = {name: jnp.asarray(x) for name, x in data.items()}
    native, info = eliminate(data)
    mapped, _ = jax.jit(jax.vmap(solve, in_axes=-1, out_axes=-1))(data)
    single = jnp.stack(
        [eliminate({n: x[..., b] for n, x in data.items()})[0] for b in range(3)], -1
    )
    atol = 1e-12 if x64 else 1e-4
    np.testing.assert_allclose(native, mapped, atol=atol)
    np.testing.assert_allclose(native, single, atol=atol)
    assert native.dtype == (jnp.float64 if x64 else jnp.float32)
    assert not np.any(info.status)


def test_elimination_says_how_it_went(x64):
    matrix = jnp.array([1.0, -9.0, jnp.nan]).reshape(1, 1, 1, 3)
    path, info = jax.jit(tridiagonal)(matrix, jnp.ones((4, 1, 3)), 1.0, jnp.zeros((1, 3)))
    assert info.status.tolist() == [Status.OK, Status.LIMIT, Status.NONFINITE]
    assert np.isinf(info.residual[1:]).all() and np.all(np.isfinite(path[..., 0]))
    with pytest.raises(ValueError, match=r"start: expected \[d, \.\.\.\] with d = 1 as in vector"):
        tridiagonal(jnp.ones((1, 1, 1)), jnp.ones((4, 1)), 1.0, jnp.zeros(2))


# --- projected gradient ---------------------------------------------------------------------------


def descend(data, trips, guess=None):
    """The path within the box, by accelerated steps for the problem's own condition."""
    kappa = jnp.asarray(data["weight"])
    spectrum = jnp.linalg.eigvalsh(jnp.moveaxis(jnp.asarray(data["matrix"]), -1, 0))
    least, most = spectrum.min(axis=(1, 2)), spectrum.max(axis=(1, 2)) + 4 * kappa
    root = jnp.sqrt(most / least)

    def gradient(path):
        hit = jnp.einsum("tij...,tj...->ti...", data["matrix"], path - data["target"])
        step = jnp.diff(path, axis=0, prepend=data["start"][None])
        after = jnp.concatenate([step[1:], jnp.zeros_like(step[:1])])
        return hit + kappa[None, None] * (step - after)

    def project(path):
        return path if "box" not in data else jnp.clip(path, *(x[None] for x in data["box"]))

    start = jnp.asarray(data["target"]) if guess is None else guess
    momentum = (root - 1) / (root + 1)
    return projected_gradient(gradient, project, start, 1 / most, momentum, trips, convexity=least)


run = jax.jit(descend, static_argnames="trips")


@pytest.mark.oracle
@pytest.mark.parametrize("boxed", [False, True])
@in_float64
def test_projected_gradient_against_clarabel(boxed, x64):
    problems, data = batch(10, 3, 6, seed=11, boxed=boxed)
    path, info = run(data, 600)
    assert not np.any(info.status) and np.all(info.iterations == 600)
    for b, problem in enumerate(problems):
        best, _ = reference.least(problem)
        found = reference.cost(problem, np.asarray(path[..., b]))
        assert abs(found - best) <= 1e-8 * best
    if not boxed:
        np.testing.assert_allclose(path, eliminate(data)[0], atol=1e-8)


@in_float64
def test_the_certificate_bounds_what_is_missing(x64):
    problems, data = batch(8, 3, 6, seed=12, boxed=True)
    best = np.array([reference.least(problem)[0] for problem in problems])
    last = np.inf
    for trips in (3, 30, 100):
        path, info = run(data, trips)
        missing = np.asarray(cost(data, path)) - best
        assert np.all(missing <= info.residual + 1e-9)
        assert np.all(info.residual < last)
        last = info.residual
    # Not certified without the convexity, nor before the first step.
    plain = projected_gradient(lambda x: x, lambda x: x, jnp.ones((2, 1, 3)), 1.0, 0.0, 5)[1]
    assert np.isinf(plain.residual).all() and np.all(plain.status == Status.LIMIT)
    none = projected_gradient(
        lambda x: x, lambda x: x, jnp.ones((2, 1, 3)), 1.0, 0.0, 0, convexity=1.0
    )[1]
    assert np.isinf(none.residual).all()


@in_float64
def test_gradient_steps_are_those_of_a_loop(x64):
    _, data = batch(4, 2, 3, seed=13, boxed=True)
    target = np.asarray(data["target"])
    low, high = data["box"]
    step, momentum = np.array([0.1, 0.2, 0.3]), np.array([0.0, 0.5, 0.9])

    def gradient(x):
        return x - target

    def project(x):
        return jnp.clip(x, low[None], high[None])

    point, _ = projected_gradient(gradient, project, jnp.zeros((4, 2, 3)), step, momentum, 7)
    wanted = ahead = np.zeros((4, 2, 3))
    for _ in range(7):
        new = np.clip(ahead - step * (ahead - target), low, high)
        wanted, ahead = new, new + momentum * (new - wanted)
    np.testing.assert_allclose(point, wanted, atol=1e-14)


@in_float64
def test_projected_gradient_has_derivatives(x64):
    """Through the steps, and of the least cost by the envelope rule."""
    _, data = batch(4, 2, 2, seed=14)
    rng = np.random.default_rng(2)
    towards = rng.normal(size=data["target"].shape)

    def steps(target, trips):
        moved = {**data, "target": target}
        return jnp.sum(jnp.sin(descend(moved, trips, jnp.zeros_like(target))[0]))

    def value(target, trips=2000):
        moved = {**data, "target": target}
        return jnp.sum(cost(moved, jax.lax.stop_gradient(descend(moved, trips)[0])))

    target = jnp.asarray(data["target"])
    for function, argument in ((steps, 9), (value, 2000)):
        at = jax.jit(lambda h, f=function, n=argument: f(target + h * towards, n))
        h = 1e-3
        slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        found = float(jax.jit(jax.grad(at))(0.0))
        assert found == pytest.approx(float(slope), rel=3e-10)


@pytest.mark.parametrize("x64", [False], indirect=True)
def test_projected_gradient_in_single_precision(x64):
    _, data = batch(6, 2, 4, seed=15, boxed=True)
    data = {name: jnp.asarray(x) for name, x in data.items()}
    path, info = run(data, 300)
    assert path.dtype == jnp.float32 and not np.any(info.status)
    with jax.enable_x64(True):
        long, _ = run({n: jnp.asarray(x, jnp.float64) for n, x in data.items()}, 600)
    np.testing.assert_allclose(path, long, atol=1e-4)
