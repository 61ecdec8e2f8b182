"""One status for all kernels: what each of its codes means, in each kernel that has it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels import _central_path, budgeted, occupancy, sensing, transport
from jaxsoco_kernels.info import Info, Status

OK, INFEASIBLE, LIMIT, NONFINITE = Status

in_float64 = pytest.mark.parametrize("x64", [True], indirect=True)


def test_codes_and_old_names():
    assert [(s.name, s.value) for s in Status] == [
        ("OK", 0),
        ("INFEASIBLE", 1),
        ("LIMIT", 2),
        ("NONFINITE", 3),
    ]
    assert (transport.CONVERGED, transport.ITERATION_LIMIT) == (OK, LIMIT)
    assert transport.TransportInfo is Info and sensing.Info is Info
    assert (sensing.CONVERGED, sensing.INFEASIBLE, sensing.NOT_CONVERGED) == (
        OK,
        INFEASIBLE,
        NONFINITE,
    )
    for module in (budgeted, occupancy):
        assert (module.OPTIMAL, module.INFEASIBLE, module.ITERATION_LIMIT) == (
            OK,
            INFEASIBLE,
            LIMIT,
        )
    assert set(Info._fields) <= set(budgeted.BudgetedInfo._fields)


def statuses(info) -> list[int]:
    """The codes of an info whose status is int32, with entries of one shape in all fields."""
    assert info.status.dtype == jnp.int32 and info.iterations.dtype == jnp.int32
    assert {jnp.shape(x) for x in info} == {info.status.shape}
    return info.status.tolist()


@in_float64
def test_transport(x64):
    distance = jnp.asarray([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])[..., None]
    excess = jnp.asarray([[0.5, np.nan, 0.5], [0.5, 0.5, 0.5], [-1.0, -1.0, -1.0]])
    lanes = jnp.concatenate([distance, distance, distance * jnp.inf], axis=-1)
    *_, info = jax.jit(transport.transport)(excess, lanes)
    assert statuses(info) == [OK, NONFINITE, NONFINITE]
    assert info.residual[0] < 1e-15 and info.iterations[0] == 2


@in_float64
def test_transport_that_is_cut_short(x64, monkeypatch):
    rng = np.random.default_rng(0)
    place = rng.uniform(size=(6, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    excess = jnp.asarray(rng.dirichlet(np.ones(6)) - rng.dirichlet(np.ones(6)))
    monkeypatch.setattr(transport, "PATHS_PER_POINT", 1 / 6)  # one augmentation
    *_, info = transport.transport(excess, jnp.asarray(distance))
    assert statuses(info) == LIMIT
    assert info.residual > 0.01 and info.iterations == 1


@pytest.mark.slow
@in_float64
def test_recovery(x64, monkeypatch):
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(24, 3))
    values = np.sum(vectors**2, axis=1) + rng.uniform(-0.05, 0.05, size=24)
    cases = [(vectors, values, 1.2), (vectors, -values, 1.2), (vectors, values * np.nan, 1.2)]
    lanes = [jnp.asarray(np.stack([case[i] for case in cases], -1)) for i in range(3)]
    found = jax.jit(sensing.recover_psd)(*lanes)
    assert statuses(found.info) == [OK, INFEASIBLE, NONFINITE]
    assert found.info.residual[0] < 1e-7 and jnp.isinf(found.info.residual[2])
    monkeypatch.setattr(_central_path, "_LIMIT", 2)
    short = sensing.recover_psd(*(jnp.asarray(x) for x in cases[0]))
    assert statuses(short.info) == LIMIT
    assert short.info.residual > 1e-7 and short.info.iterations <= 3


@in_float64
def test_budgeted_plans(x64):
    rng = np.random.default_rng(0)
    loss, consumption = (jnp.asarray(rng.uniform(size=(4, 3, 2))) for _ in range(2))
    center = jnp.asarray(rng.dirichlet(np.ones(3), size=(1, 3, 2)))
    initial = jnp.asarray([1.0, 0, 0])
    least = occupancy.solve_budgeted(consumption, consumption, center, center, initial, 9.0).value
    budget = least * jnp.asarray([1.05, 0.5, jnp.nan])
    shared = [x[..., None] for x in (loss, consumption, center, center, initial)]
    solve = jax.jit(occupancy.solve_budgeted, static_argnames="limit")
    found = solve(*shared, budget)
    assert statuses(found.info) == [OK, INFEASIBLE, NONFINITE]
    np.testing.assert_array_equal(found.status, found.info.status)
    short = solve(*shared, budget, limit=2)
    assert statuses(short.info)[:2] == [LIMIT, INFEASIBLE]
    ball = occupancy.solve_budgeted_l1(loss * jnp.nan, consumption, center, 0 * loss, initial, 2.0)
    assert statuses(ball.info) == NONFINITE
