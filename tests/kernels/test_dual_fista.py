"""Paths whose moves cost a norm against Clarabel: values, certificates, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import paths_reference as reference
import pytest
from precision import mainly_in_float64

from jaxsoco_kernels.info import Status
from jaxsoco_kernels.smoothing import Quadratic, dual_fista

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)

KINDS = [
    # movement, whether there is a box, whether the matrices are diagonal
    ("l1", False, False),
    ("l1", True, False),
    ("l1", True, True),
    ("up", False, False),
    ("up", True, True),
    ("l2", False, False),
    ("l2", True, False),
    ("l2", False, True),
]
names = pytest.mark.parametrize(("movement", "boxed", "diagonal"), KINDS)
few = pytest.mark.parametrize(
    ("movement", "boxed", "diagonal"),
    [("l1", True, False), ("up", True, True), ("l2", False, False)],
)


def batch(movement, boxed, diagonal, *, rounds=12, d=3, count=6, seed=0):
    rng = np.random.default_rng(seed)
    kind = {"boxed": boxed, "diagonal": diagonal}
    problems = [reference.instance(rng, movement, rounds, d, **kind) for _ in range(count)]
    data = reference.stacked(problems)
    if diagonal:
        data["matrix"] = np.einsum("tii...->ti...", data["matrix"])
    return problems, data


def solve(data, movement, trips=600, guess=None):
    weight = data["weight"]
    if movement == "up":
        weight = weight[0]
    if movement == "l1":
        weight = tuple(weight)
    theta = Quadratic(data["matrix"], data["target"], data["offset"])
    box = None if "box" not in data else tuple(data["box"])
    return dual_fista(theta, data["start"], weight, movement, trips, box=box, guess=guess)


run = jax.jit(solve, static_argnames="movement")
fista = jax.jit(dual_fista, static_argnames="movement")


@pytest.mark.oracle
@names
@in_float64
def test_values_and_certificates_against_clarabel(movement, boxed, diagonal, x64):
    problems, data = batch(movement, boxed, diagonal)
    path, value, lower, info = run(data, movement)
    assert not np.any(info.status)
    assert np.all(value - lower <= 1e-8 * value)
    for b, problem in enumerate(problems):
        best, _ = reference.least(problem)
        assert abs(value[b] - best) <= 1e-8 * best
        assert lower[b] <= best + 1e-8 * best
        own = np.asarray(path[..., b])
        assert reference.cost(problem, own) == pytest.approx(float(value[b]), rel=1e-13)
        if boxed:
            assert np.all(own >= problem.box[0]) and np.all(own <= problem.box[1])


@pytest.mark.oracle
@in_float64
def test_300_trips_suffice_at_the_size_of_the_benchmark(x64):
    """Condition 100, five dimensions, 60 rounds."""
    problems, data = batch("l1", False, False, rounds=60, d=5, count=4, seed=3)
    solution = run(data, "l1", 300)
    assert np.all(solution.info.residual <= 1e-7 * solution.value)
    for b, problem in enumerate(problems):
        best, _ = reference.least(problem)
        assert abs(solution.value[b] - best) <= 1e-7 * best


@pytest.mark.slow
@names
@in_float64
def test_bounds_hold_after_any_number_of_trips(movement, boxed, diagonal, x64):
    problems, data = batch(movement, boxed, diagonal, seed=4)
    exact = run(data, movement, 2000)
    assert np.all(exact.info.residual <= 1e-10 * exact.value)
    for trips in (0, 1, 5, 50):
        path, value, lower, info = run(data, movement, trips)
        assert np.all(lower <= exact.value * (1 + 1e-9))
        assert np.all(value >= exact.lower * (1 - 1e-9))
        np.testing.assert_allclose(info.residual, value - lower, atol=1e-12)
        for b, problem in enumerate(problems):
            assert reference.cost(problem, np.asarray(path[..., b])) == pytest.approx(
                float(value[b]), rel=1e-13
            )


@pytest.mark.slow
@names
@in_float64
def test_a_guess_saves_trips(movement, boxed, diagonal, x64):
    _, data = batch(movement, boxed, diagonal, seed=5)
    best = run(data, movement, 2000)
    if movement == "l2" and boxed:  # there the path does not say all prices
        again = run(data, movement, 600, guess=best.path)
        assert not np.any(again.info.status)
        return
    # From the optimum itself nothing is left to do, and from that of a neighbour little.
    again = run(data, movement, 1, guess=best.path)
    assert np.all(again.info.residual <= 1e-8 * again.value)
    shaken = {**data, "target": data["target"] + 1e-3 * np.sin(data["target"])}
    warm, cold = (run(shaken, movement, 50, guess=g).info.residual for g in (best.path, None))
    assert np.all(warm <= 0.1 * cold + 1e-8)


@pytest.mark.slow
@few
@in_float64
def test_values_have_derivatives(movement, boxed, diagonal, x64):
    _, data = batch(movement, boxed, diagonal, rounds=4, d=2, count=2, seed=6)
    rng = np.random.default_rng(7)
    towards = {name: rng.normal(size=x.shape) for name, x in data.items()}
    if movement == "up":
        towards["weight"][1] = 0
    if not diagonal:
        towards["matrix"] = towards["matrix"] + towards["matrix"].swapaxes(1, 2)

    @jax.jit
    def at(h):
        moved = {name: x + h * towards[name] for name, x in data.items()}
        return solve(moved, movement, 6000).value

    h = 2e-4
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    tangent = jax.jit(lambda h: jax.jvp(at, (h,), (1.0,))[1])(0.0)
    np.testing.assert_allclose(tangent, slope, rtol=3e-10, atol=3e-10)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(solve(x, movement, 6000).value)))(data)
    total = sum(float(jnp.sum(gradient[name] * towards[name])) for name in data)
    assert total == pytest.approx(float(jnp.sum(tangent)), rel=1e-12)


@in_float64
def test_paths_and_bounds_count_as_constants(x64):
    _, data = batch("l1", False, False, rounds=3, d=2, count=2)

    def others(x):
        solution = solve({**data, "target": x}, "l1", 20)
        return jnp.sum(solution.path) + jnp.sum(solution.lower)

    assert np.all(jax.jit(jax.grad(others))(jnp.asarray(data["target"])) == 0)


@mainly_in_float64
@few
def test_lanes_vmap_and_single_agree(movement, boxed, diagonal, x64):
    _, data = batch(movement, boxed, diagonal, rounds=5, d=2, count=3, seed=8)
    data = {name: jnp.asarray(x) for name, x in data.items()}
    call = jax.jit(lambda x: solve(x, movement, 400))
    native = call(data)
    mapped = jax.jit(jax.vmap(call, in_axes=-1, out_axes=-1))(data)
    parts = [call({name: x[..., b] for name, x in data.items()}) for b in range(3)]
    single = jax.tree.map(lambda *x: jnp.stack(x, axis=-1), *parts)
    tolerance = 1e-9 if x64 else 2e-3
    for other in (mapped, single):
        np.testing.assert_allclose(native.path, other.path, atol=tolerance)
        np.testing.assert_allclose(native.value, other.value, rtol=tolerance)
        np.testing.assert_array_equal(native.info.status, other.info.status)


@few
@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(movement, boxed, diagonal, x64):
    _, data = batch(movement, boxed, diagonal, seed=9)
    data = {name: jnp.asarray(x) for name, x in data.items()}
    found = run(data, movement)
    assert found.path.dtype == found.value.dtype == jnp.float32
    assert not np.any(found.info.status)
    with jax.enable_x64(True):
        wide = {name: jnp.asarray(np.asarray(x), jnp.float64) for name, x in data.items()}
        best = run(wide, movement)
    np.testing.assert_allclose(found.value, best.value, rtol=1e-5)


@pytest.mark.slow
@in_float64
def test_forms_of_the_arguments_agree(x64):
    rng = np.random.default_rng(10)
    target, start = rng.normal(size=(6, 3, 4)), rng.normal(size=(3, 4))
    eye = np.eye(3)[None, :, :, None]
    one = fista((2.0, target), start, 0.3, "l1")
    forms = [
        fista((np.full((6, 4), 2.0), target, np.zeros((6, 4))), start, 0.3, "l1"),
        fista((np.full((1, 3, 1), 2.0), target), start, np.full((3, 4), 0.3), "l1"),
        fista((2 * eye, target, 0.0), start, (0.3, np.full(3, 0.3)), "l1"),
        fista((2.0, target), start, 0.3, "l1", box=(-jnp.inf, 1e3)),
        fista((2 * eye, target), start, 0.3, "l1", 800, box=(-1e3, jnp.inf)),
    ]
    for other in forms:
        np.testing.assert_allclose(other.value, one.value, rtol=1e-9)
        np.testing.assert_allclose(other.path, one.path, atol=1e-6)
    # Switching costs of beta up are half of beta both ways with a free return at the end.
    up = fista((2.0, target), start, 0.3, "up")
    pair = fista((2.0, target), start, (0.3, 0.0), "l1")
    np.testing.assert_allclose(up.value, pair.value, rtol=1e-12)
    # In one dimension all norms are one.
    line, point = target[:, :1], start[:1]
    values = [fista((2.0, line), point, 0.3, m).value for m in ("l1", "l2")]
    np.testing.assert_allclose(*values, rtol=1e-9)
    radius = fista((2.0, line), point, np.full(4, 0.3), "l2").value
    np.testing.assert_allclose(radius, values[1], rtol=1e-12)


@in_float64
def test_extreme_weights(x64):
    rng = np.random.default_rng(11)
    target, start = rng.normal(size=(6, 3)), rng.normal(size=3)
    for movement in ("l1", "up", "l2"):
        free = fista((1.0, target), start, 0.0, movement)
        np.testing.assert_array_equal(free.path, target)
        assert float(free.value) == 0 == float(free.info.residual)
        assert int(free.info.status) == Status.OK
    for movement in ("l1", "l2"):
        stuck = fista((1.0, target), start, 1e3, movement)
        np.testing.assert_array_equal(stuck.path, np.tile(start, (6, 1)))
        assert int(stuck.info.status) == Status.OK
    # At the target from the start: nothing to pay.
    still = fista((1.0, np.tile(start, (6, 1))), start, 0.5, "l2")
    assert float(still.value) == 0 and int(still.info.status) == Status.OK


def test_it_says_how_it_went(x64):
    target = jnp.array([1.0, jnp.nan, 1.0, 1.0]).reshape(1, 1, 4)
    matrix = jnp.array([1.0, 1.0, -1.0, 1.0]).reshape(1, 1, 4)
    box = (jnp.array([[0.0, 0.0, 0.0, 2.0]]), jnp.ones((1, 4)))
    wanted = [Status.OK, Status.NONFINITE, Status.LIMIT, Status.INFEASIBLE]
    for form in (matrix, matrix[:, None]):
        info = fista((form, target), jnp.zeros((1, 4)), 0.5, "l1", box=box).info
        assert info.status.tolist() == wanted and info.status.dtype == jnp.int32
        assert np.isinf(info.residual[1:3]).all()
    rng = np.random.default_rng(12)
    hard = fista((1.0, jnp.asarray(rng.normal(size=(30, 2)))), jnp.zeros(2), 5.0, "l2", 2)
    assert int(hard.info.status) == Status.LIMIT and int(hard.info.iterations) == 2


def test_wrong_arguments_are_named():
    target, start = jnp.zeros((3, 2)), jnp.zeros(2)
    with pytest.raises(ValueError, match="movement: expected one of l1, up, l2, got 'l3'"):
        dual_fista((1.0, target), start, 1.0, "l3")
    with pytest.raises(ValueError, match="weight: expected a number or an array for 'up'"):
        dual_fista((1.0, target), start, (1.0, 1.0), "up")
    with pytest.raises(ValueError, match=r"start: expected \[d, \.\.\.\] with d = 2 as in target"):
        dual_fista((1.0, target), jnp.zeros(3), 1.0, "l1")
    with pytest.raises(ValueError, match="guess"):
        dual_fista((1.0, target), start, 1.0, "l1", guess=target[:2])
    with pytest.raises(ValueError, match="matrix"):
        dual_fista((jnp.ones((3, 2, 3)), target), start, 1.0, "l1")
