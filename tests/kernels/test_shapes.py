"""Doors of the kernels: what does not fit is refused at trace time, by the argument's name."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco_kernels import hst, jacobi, minplus, mirror, occupancy, psd, sensing, transport
from jaxsoco_kernels.shapes import expect, expect_floating


def zeros(*shape: int, dtype=jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def message(error, function, *arguments) -> str:
    """What a function says to arguments of these shapes, before anything is computed."""
    with pytest.raises(error) as raised:
        jax.eval_shape(function, *arguments)
    return str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"distance": (zeros(3, 4), "n n ...")}, "distance: expected [n, n, ...], got (3, 4)"),
        ({"distance": (zeros(3), "n n ...")}, "distance: expected [n, n, ...], got (3,)"),
        ({"x": (zeros(3, 2), "n")}, "x: expected [n], got (3, 2)"),
        ({"key": (zeros(3, 2), "2 ...")}, "key: expected [2, ...], got (3, 2)"),
        ({"step": (zeros(1), "")}, "step: expected [], got (1,)"),
        (
            {"z": (zeros(4, 2), "m d ..."), "b": (zeros(3), "m ...")},
            "b: expected [m, ...] with m = 4 as in z [m, d, ...], got (3,)",
        ),
        (
            {"q": (zeros(1, 2), "T|1 S"), "p": (zeros(5, 2), "T|1 S"), "r": (zeros(4, 2), "T|1 S")},
            "r: expected [T or 1, S] with T = 5 as in p [T or 1, S] and S = 2 as in q [T or 1, S], "
            "got (4, 2)",
        ),
        (
            {"x": (zeros(2, 5), "n ..."), "y": (zeros(2, 3), "n ...")},
            "lanes: expected equally many, of one size or 1 each, got x (5,), y (3,)",
        ),
        (
            {"x": (zeros(2, 5), "n ..."), "y": (zeros(2), "n ...")},
            "lanes: expected equally many, of one size or 1 each, got x (5,), y ()",
        ),
    ],
)
def test_messages(arguments, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        expect(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": (zeros(3, 3), "n n ...")},
        {"x": (zeros(3, 3, 5, 2), "n n ..."), "y": (zeros(3, 1, 2), "n ...")},
        {"x": (zeros(2, 5), "n ..."), "y": (1.0, "..."), "z": (zeros(5), "...")},
        {"x": (zeros(1, 2), "T|1 S"), "y": (zeros(4, 2), "T|1 S"), "z": (zeros(1, 2), "T|1 S")},
        {"x": (1, ""), "y": (np.zeros(2), "2")},
    ],
)
def test_what_fits_passes(arguments):
    expect(**arguments)


def test_dtypes():
    expect_floating(x=1.0, y=zeros(2), z=zeros(2, dtype=jnp.bfloat16))
    with pytest.raises(TypeError, match=r"^y: expected floating-point numbers, got int32$"):
        expect_floating(x=1.0, y=zeros(2, dtype=jnp.int32))


def test_chex_can_switch_the_checks_off():
    chex.disable_asserts()
    try:
        expect(distance=(zeros(3, 4), "n n ..."))
    finally:
        chex.enable_asserts()


SPECTRUM = jacobi.Spectrum(zeros(4, 4, 7), zeros(4, 4, 7))
MODEL = (zeros(5, 3, 2), zeros(5, 3, 2), zeros(1, 3, 2, 3), zeros(1, 3, 2, 3), zeros(3), zeros())


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (transport.transport, (zeros(4), zeros(3, 4)), "distance: expected [n, n, ...]"),
        (transport.excess_cost, (zeros(4), zeros(3, 3)), "excess: expected [n, ...] with n = 3"),
        (transport.excess_cost, (zeros(3, 5), zeros(3, 3)), "got distance (), excess (5,)"),
        (minplus.minplus, (zeros(2, 3), zeros(2)), "vector: expected [n, ...] with n = 3"),
        (minplus.metric_closure, (zeros(2, 3),), "distance: expected [n, n, ...], got (2, 3)"),
        (hst.embed, (zeros(4, 1), zeros(1), zeros(3, 3, 1)), "order: expected [n, ...]"),
        (psd.project, (zeros(2, 3),), "matrix: expected [d, d, ...], got (2, 3)"),
        (psd.compose, (zeros(2, 2), zeros(3)), "values: expected [d, ...] with d = 2"),
        (jacobi.start, (zeros(2, 3),), "matrix: expected [d, d, ...], got (2, 3)"),
        (jacobi.coordinates, (SPECTRUM, zeros(3, 7)), "vector: expected [d, ...] with d = 4"),
        (jacobi.combine, (SPECTRUM, zeros(4, 6)), "lanes: expected equally many"),
        (
            jacobi.rank_one_update,
            (SPECTRUM, zeros(7), zeros(5, 7)),
            "coordinates: expected [d, ...] with d = 4 as in matrix [d, d, ...], got (5, 7)",
        ),
        (mirror.log_barrier_step, (zeros(3), zeros(2), zeros(3)), "losses: expected [K, ...]"),
        (mirror.entropic_step, (zeros(3, 5), zeros(3, 5), zeros(4)), "rate (4,)"),
        (mirror.categorical, (zeros(3, 5), zeros(4)), "uniform (4,)"),
        (occupancy.solve_budgeted, (*MODEL[:4], zeros(2), MODEL[5]), "initial: expected [S, ...]"),
        (
            occupancy.solve_budgeted,
            (*MODEL[:2], zeros(4, 3, 2, 3), *MODEL[3:]),
            "lower: expected [T or 1, S, A, S, ...] with T = 5, S = 3, A = 2 as in "
            "loss [T or 1, S, A, ...], got (4, 3, 2, 3)",
        ),
        (occupancy.solve_budgeted_l1, MODEL, "radius (3,)"),
        (occupancy.extended_value_iteration, (*MODEL[:1], *MODEL[4:]), "lower: expected"),
        (occupancy.policy_value, (zeros(5, 3, 2), zeros(5, 2, 3), *MODEL[3:5]), "reward: expected"),
        (occupancy.occupancy_of, (zeros(5, 3, 2), zeros(5, 3, 3, 3), zeros(3)), "transition: exp"),
        (sensing.recover_psd, (zeros(4), zeros(4), zeros()), "vectors: expected [m, d, ...]"),
    ],
)
def test_doors(function, arguments, said):
    assert said in message(ValueError, function, *arguments)


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (transport.transport, (zeros(3), zeros(3, 3, dtype=jnp.int32)), "distance"),
        (
            occupancy.extended_value_iteration,
            (zeros(5, 3, 2, dtype=jnp.int32), *MODEL[2:4]),
            "cost",
        ),
        (mirror.categorical, (zeros(3), zeros(dtype=jnp.int32)), "uniform"),
    ],
)
def test_integers_at_the_doors(function, arguments, name):
    said = message(TypeError, function, *arguments)
    assert said == f"{name}: expected floating-point numbers, got int32"
