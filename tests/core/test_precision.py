"""A float64 step in a float32 process: the same numbers as a float64 process, everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsoco.core.precision import in_float64, slopes_in_float64
from jaxsoco_kernels.sensing import recover_psd


def problem(lanes: int):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(24, 4, lanes))
    matrix = np.diag([0.5, 1.0, 2.0, 4.0])
    values = np.einsum("mib,ij,mjb->mb", vectors, matrix, vectors)
    values = values + 0.1 * rng.uniform(-1, 1, size=values.shape)
    return [np.asarray(x, np.float32) for x in (vectors, values, np.full(lanes, 2.4))]


def recover(vectors, values, radius):
    found = recover_psd(vectors, values, radius)
    return {"matrix": found.matrix, "status": found.info.status}


@pytest.fixture(scope="module")
def wanted():
    """The recoveries of a float64 process ``[4, 4, 3]``."""
    with jax.enable_x64(True):
        arguments = (jnp.asarray(x, jnp.float64) for x in problem(3))
        return np.asarray(jax.jit(recover)(*arguments)["matrix"])


def check(found, wanted):
    assert found["matrix"].dtype == jnp.float32
    assert found["status"].dtype == jnp.int32
    assert not np.any(found["status"])
    np.testing.assert_allclose(found["matrix"], wanted, atol=1e-6)
    assert not jax.config.jax_enable_x64


@pytest.mark.slow
def test_lanes(wanted):
    check(jax.jit(in_float64(recover))(*problem(3)), wanted)
    # Without it, the float32 answer differs (by how much is the processor's): the test would see a
    # step left in float32.
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(jax.jit(recover)(*problem(3)), wanted)


def test_vmap(wanted):
    arguments = problem(3)
    mapped = jax.jit(jax.vmap(in_float64(recover), in_axes=-1, out_axes=-1))
    check(mapped(*arguments), wanted)


def least(matrix, shift):
    """Least eigenvalue of a matrix that float32 takes for singular."""
    return jnp.linalg.eigvalsh(matrix + shift * jnp.eye(3))[0]


def test_eager_and_partly_mapped():
    matrix, shifts = jnp.full((3, 3), 1.0, jnp.float32), jnp.float32([1e-9, 3e-9])
    assert abs(jax.jit(least)(matrix, shifts[1]) / 3e-9 - 1) > 0.1  # without it
    np.testing.assert_allclose(in_float64(least)(matrix, shifts[1]), 3e-9, rtol=1e-5)
    mapped = jax.vmap(jax.vmap(in_float64(least), in_axes=(None, 0)), in_axes=(0, None))
    found = jax.jit(mapped)(jnp.stack([matrix, 2 * matrix]), shifts)
    np.testing.assert_allclose(found, np.tile([1e-9, 3e-9], (2, 1)), rtol=1e-5)


@pytest.mark.slow
def test_scan_with_a_step_on_a_static_clock(wanted):
    arguments = problem(3)

    @jax.jit
    def rollout(vectors, values, radius):
        def play(state, clock):
            def solve(_):
                # Closes over arrays of the surrounding trace.
                return in_float64(lambda b: recover(vectors, b, radius))(values)

            return jax.lax.cond(clock == 2, solve, lambda s: s, state), None

        empty = {"matrix": jnp.zeros((4, 4, 3)), "status": jnp.full(3, 7, jnp.int32)}
        return jax.lax.scan(play, empty, jnp.arange(5))[0]

    check(rollout(*arguments), wanted)


def test_gradient():
    """Of a difference that float32 cannot form; under jit, vmap and inside a scan."""

    def function(x):
        return ((1 + 1e-5 * x) ** 2 - 1) * 1e5

    x = jnp.float32([0.5, 2.0])
    exact = 2 * (1 + 1e-5 * np.array([0.5, 2.0]))
    slope = jax.jit(jax.vmap(jax.grad(in_float64(function))))(x)
    assert slope.dtype == jnp.float32
    np.testing.assert_allclose(slope, exact, rtol=1e-6)

    def rollout(x):
        return jnp.sum(jax.lax.scan(lambda s, _: (in_float64(function)(s), s), x, None, 2)[0])

    inner = np.array([(function(v), v) for v in np.array([0.5, 2.0])])
    chain = 4 * (1 + 1e-5 * inner[:, 0]) * (1 + 1e-5 * inner[:, 1])
    np.testing.assert_allclose(jax.jit(jax.grad(rollout))(x), chain, rtol=1e-6)


def test_forward_mode():
    """Under jit, vmap, linearize, nested loops and checkpoints; and twice."""

    def function(x):
        return ((1 + 1e-5 * x) ** 2 - 1) * 1e5

    x, step = jnp.float32([0.5, 2.0]), in_float64(function)
    exact = 2 * (1 + 1e-5 * np.array([0.5, 2.0]))
    _, tangent = jax.jvp(step, (x,), (jnp.ones(2),))
    assert tangent.dtype == jnp.float32
    np.testing.assert_allclose(tangent, exact, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(step))(x), np.diag(exact), rtol=1e-6)
    push = jax.linearize(step, x)[1]
    np.testing.assert_allclose(jax.vmap(push)(jnp.eye(2)), np.diag(exact), rtol=1e-6)
    mixed = jax.vmap(lambda x, t: jax.jvp(step, (x,), (t,))[1], (None, 0))(x[0], x)
    np.testing.assert_allclose(mixed, exact[0] * np.array([0.5, 2.0]), rtol=1e-6)
    for second in (jax.jacfwd(jax.grad(step)), jax.grad(jax.grad(step)), jax.hessian(step)):
        np.testing.assert_allclose(second(x[0]), 2e-5, rtol=1e-4)

    def loops(x):
        inner = jax.checkpoint(lambda x: jax.lax.fori_loop(0, 2, lambda _, s: step(s), x))
        return jax.lax.scan(lambda s, _: (inner(s), None), x, None, 2)[0]

    forward, reverse = (jax.jit(jax.vmap(mode(loops)))(x) for mode in (jax.jacfwd, jax.jacrev))
    np.testing.assert_allclose(forward, reverse, rtol=1e-6)
    np.testing.assert_allclose(forward, 16, rtol=1e-2)


def test_what_a_step_closes_over_has_a_derivative():
    x, factor = jnp.float32([0.5, 2.0]), jnp.float32(3.0)

    def function(factor):
        return jnp.sum(in_float64(lambda x: x * factor)(x))

    assert jax.grad(function)(factor) == jax.jacfwd(function)(factor) == 2.5


def test_a_step_with_one_mode_keeps_it():
    @jax.custom_vjp
    def backwards_only(x):
        return x * x

    backwards_only.defvjp(lambda x: (x * x, x), lambda x, c: (2 * x * c,))
    x = jnp.float32(3.0)
    assert jax.grad(in_float64(backwards_only))(x) == 6
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jit(jax.jacfwd(in_float64(backwards_only)))(x)


def test_integers_and_booleans_pass():
    def function(x, i, flag):
        return jnp.where(flag, x[i] + 2.0**-40, 0.0) - x[i], jnp.argmax(x) + i, ~flag

    x, i = jnp.array([1.0, 3.0, 2.0]), jnp.array(1)
    value, place, not_flag = jax.jit(in_float64(function))(x, i, jnp.array(True))
    assert value == 2.0**-40  # lost in float32
    assert place == 2 and place.dtype == jnp.int32
    assert not_flag.dtype == bool and not not_flag
    slope = jax.grad(lambda x: in_float64(function)(x * x, i, jnp.array(False))[0])(x)
    np.testing.assert_allclose(slope, [0, -6, 0])


@pytest.mark.parametrize("x64", [True], indirect=True)
def test_a_plain_call_where_float64_is_on(x64):
    def function(x):
        return x

    x = object()
    assert in_float64(function)(x) is x


def quotient(x, scale):
    """A difference of large numbers over a small one: ``2e4 + x``, times ``scale``."""
    return {"value": scale * ((1e4 + x) ** 2 - 1e8) / x, "count": jnp.int32(3)}


def test_slopes_in_float64_leave_values_alone():
    x, scale = jnp.linspace(1e-3, 2e-3, 8), jnp.float32(2)
    exact = slopes_in_float64(quotient)
    np.testing.assert_array_equal(
        jax.jit(exact)(x, scale)["value"], jax.jit(quotient)(x, scale)["value"]
    )


@pytest.mark.parametrize("batched", [False, True])
def test_slopes_in_float64_are_right_in_both_modes(batched):
    x, scale = jnp.linspace(0.1, 0.2, 8), jnp.float32(2)
    exact = slopes_in_float64(quotient)
    function = jax.vmap(exact, (0, None)) if batched else exact
    value, slope = jax.jvp(lambda x: function(x, scale)["value"], (x,), (jnp.ones_like(x),))
    assert value.dtype == slope.dtype == jnp.float32
    np.testing.assert_allclose(slope, 2.0, rtol=1e-4)
    pulled = jax.jit(jax.grad(lambda x, s: jnp.sum(function(x, s)["value"]), (0, 1)))(x, scale)
    np.testing.assert_allclose(pulled[0], 2.0, rtol=1e-4)
    np.testing.assert_allclose(pulled[1], np.sum(2e4 + np.asarray(x)), rtol=1e-6)
    # Without it they are off by a factor of hundreds.
    assert abs(jax.grad(lambda x: quotient(x, scale)["value"])(0.1)) > 200
