"""The price rule and its constants against closed forms, quadrature and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_reference import Bounds, Price, random_bounds

from jaxsoco.allocation import PseudoCost, competitive_ratio, robustness

ETA, GAMMA = jax.jit(competitive_ratio), jax.jit(robustness)
X64 = pytest.mark.parametrize("x64", [True], indirect=True)
TRUSTS = (0.0, 1e-6, 0.01, 0.1, 0.5, 2.0, 10.0, 100.0)


def many(count: int = 400, seed: int = 0) -> list[Bounds]:
    """Random bounds and hard ones: nearly no room, huge fluctuation, nothing to move."""
    rng = np.random.default_rng(seed)
    hard = [
        Bounds(1, 1.02, 0.01, 0.004),
        Bounds(1, 1e5, 10, 1),
        Bounds(1, 50, 0, 0),
        Bounds(17, 730, 100, 50),
        Bounds(1, 10, 8.9, 0.04),
    ]
    return hard + [random_bounds(rng) for _ in range(count)]


def columns(bounds: list[Bounds]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([(b.L, b.U, b.D, b.tau) for b in bounds], float).T)


@X64
def test_eta_is_the_closed_form_with_lambert_w(x64):
    bounds = many()
    ratio = ETA(*columns(bounds))
    np.testing.assert_allclose(ratio, [b.eta for b in bounds], rtol=1e-10)
    # Lambert's W itself loses digits near its branch point; the equation is the sharper test.
    L, U, D, tau = columns(bounds)
    reached = (U / ratio - U + D + 2 * tau) * np.exp(1 / ratio)
    assert np.all(np.abs(reached - (L + D - U + 2 * tau)) < 1e-13 * U)


@X64
def test_eta_in_known_cases(x64):
    # Nothing to move, no fluctuation to speak of: nothing to lose.
    assert float(ETA(1.0, 1.0 + 1e-9, 0.0, 0.0)) == pytest.approx(1, abs=1e-4)
    # One-way trading with switching costs, D = tau = 0: y e^y - e^y + 1 = L / U.
    y = 1 / float(ETA(1.0, 100.0, 0.0, 0.0))
    assert y * np.exp(y) - np.exp(y) + 1 == pytest.approx(0.01, rel=1e-12)


@X64
def test_price_rule_identities(x64):
    bounds = many()
    L, U, D, tau = columns(bounds)
    eta = np.array([b.eta for b in bounds])
    psi = PseudoCost(L, U, D, tau, eta)
    assert np.all(np.asarray(psi.amplitude) < 0)
    np.testing.assert_allclose(psi(1.0), L + D + tau, rtol=1e-10)
    np.testing.assert_allclose(psi(0.0), U / eta + D + tau, rtol=1e-12)
    for z in (0.0, 0.3, 0.77, 1.0):
        left = psi.integral(0.0, z) + (1 - z) * U + tau * z
        np.testing.assert_allclose(left, eta * (psi(z) - D - tau), rtol=1e-11)
        np.testing.assert_allclose(psi.inverse(psi(z)), z, atol=1e-7)


@X64
@pytest.mark.parametrize("trust", [None, 0.05, 5.0])
def test_values_and_integrals_agree_with_quadrature(trust, x64):
    rng = np.random.default_rng(1)
    for b in many(60, seed=2):
        price = Price(b, b.eta if trust is None else b.gamma(trust))
        psi = PseudoCost(b.L, b.U, b.D, b.tau, price.rate)
        z = np.sort(rng.uniform(size=8))
        np.testing.assert_allclose(psi(z), price(z), rtol=1e-12)
        assert np.all(np.diff(psi(z)) < 0)
        exact = price.integral(z[:-1], z[1:])
        np.testing.assert_allclose(psi.integral(z[:-1], z[1:]), exact, rtol=1e-10)
        # No cancellation on a short interval.
        short = psi.integral(z, z + 1e-9)
        np.testing.assert_allclose(short, 1e-9 * price(z + 5e-10), rtol=1e-6)


@X64
def test_inverse_is_minus_infinity_above_the_asymptote(x64):
    psi = PseudoCost(1.0, 50.0, 5.0, 1.0, competitive_ratio(1.0, 50.0, 5.0, 1.0))
    np.testing.assert_array_equal(psi.inverse(np.array([49.0, 60.0, np.inf])), -np.inf)
    grid = np.linspace(-0.5, 2, 26)
    np.testing.assert_allclose(psi.inverse(psi(grid)), grid, atol=1e-12)


@X64
@pytest.mark.parametrize("trust", TRUSTS)
def test_gamma_solves_its_equation(trust, x64):
    bounds = many(200)
    L, U, D, tau = columns(bounds)
    eta = np.asarray(ETA(L, U, D, tau))
    gamma = np.asarray(GAMMA(trust, L, U, D, tau))
    top = U / L
    assert np.all(gamma >= eta * (1 - 1e-12))
    assert np.all(gamma <= top * (1 + 1e-12))
    inside = trust <= eta - 1 + D / L
    np.testing.assert_allclose(gamma[~inside], eta[~inside], rtol=1e-13)
    # The equation holds up to the rounding of its terms ...
    reach = gamma * np.log((U - L - D - 2 * tau) / (U - U / gamma - D - 2 * tau))
    residual = trust + top - reach / L * (U - L + D) - gamma
    noise = 1e-13 * top * (1 + gamma / L * (U - L + D) / (U - L - D - 2 * tau) * L)
    assert np.all(np.abs(residual[inside]) < noise[inside])
    # ... and so does the root, but where it is nearly a double one (no trust, nothing to move).
    reference = np.array([b.gamma(trust) for b in bounds])
    rough = (D + tau < 0.02 * L) | (top > 1e3)
    np.testing.assert_allclose(gamma[~rough], reference[~rough], rtol=1e-10)
    np.testing.assert_allclose(gamma, reference, rtol=1e-5)


@X64
def test_gamma_at_its_ends_and_monotone(x64):
    L, U, D, tau = columns(many(200))
    np.testing.assert_allclose(GAMMA(0.0, L, U, D, tau), U / L, rtol=1e-9)
    np.testing.assert_allclose(GAMMA(1e9, L, U, D, tau), ETA(L, U, D, tau), rtol=1e-13)
    grid = np.concatenate([[0], np.geomspace(1e-4, 1e3, 60)])
    values = np.stack([GAMMA(e, L, U, D, tau) for e in grid])
    assert np.all(np.diff(values, axis=0) <= 1e-9 * values[1:])


@X64
@pytest.mark.parametrize("name", ["eta", "gamma", "gamma at eta"])
def test_gradients_agree_with_finite_differences(name, x64):
    trust = {"eta": 0.0, "gamma": 0.3, "gamma at eta": 1e3}[name]

    def value(x):
        return competitive_ratio(*x[1:]) if name == "eta" else robustness(*x)

    value, slope = jax.jit(value), jax.jit(jax.grad(value))
    for b in many(8, seed=3)[5:]:
        x = np.array([trust, b.L, b.U, b.D, b.tau + 0.01 * b.L])
        if trust and abs(trust - (b.eta - 1 + b.D / b.L)) < 0.05:
            continue  # the kink where gamma meets eta
        gradient, floor = np.asarray(slope(x)), 1e-8 * float(value(x)) / b.L
        for i in range(5):
            h = 1e-5 * max(x[i], 1e-2 * b.L)
            step = h * np.eye(5)[i]
            difference = (float(value(x + step)) - float(value(x - step))) / (2 * h)
            assert gradient[i] == pytest.approx(difference, rel=2e-5, abs=floor)


@X64
def test_gradients_of_the_price_rule(x64):
    b = Bounds(2.0, 60.0, 6.0, 1.5)

    def value(z, U):
        psi = PseudoCost(b.L, U, b.D, b.tau, competitive_ratio(b.L, U, b.D, b.tau))
        return psi.integral(0.1, z) + psi.inverse(0.5 * U)

    slope = jax.jit(jax.grad(value, argnums=(0, 1)))(0.7, b.U)
    for i, h in enumerate((1e-6, 1e-5)):
        step = h * np.eye(2)[i]
        ends = [value(0.7 + s * step[0], b.U + s * step[1]) for s in (1, -1)]
        assert slope[i] == pytest.approx(float(ends[0] - ends[1]) / (2 * h), rel=1e-6)


def test_both_precisions_lanes_and_vmap(x64):
    bounds = many(30, seed=4)[3:]
    dtype = jnp.float64 if x64 else jnp.float32
    L, U, D, tau = (jnp.asarray(x, dtype) for x in columns(bounds))
    tolerance = 1e-12 if x64 else 3e-4
    eta, gamma = ETA(L, U, D, tau), GAMMA(0.1, L, U, D, tau)
    assert eta.dtype == gamma.dtype == dtype
    np.testing.assert_allclose(eta, [b.eta for b in bounds], rtol=max(tolerance, 1e-10))
    np.testing.assert_allclose(gamma, [b.gamma(0.1) for b in bounds], rtol=max(tolerance, 1e-9))
    np.testing.assert_allclose(eta, jax.vmap(ETA)(L, U, D, tau), rtol=tolerance)
    np.testing.assert_allclose(eta[3], ETA(L[3], U[3], D[3], tau[3]), rtol=tolerance)
    trust = jnp.asarray([[0.1], [0.2]], dtype)
    wide = GAMMA(trust, *(x[None] for x in (L, U, D, tau)))
    assert wide.shape == (2, L.size)
    np.testing.assert_allclose(wide[0], gamma, rtol=tolerance)
    psi = PseudoCost(L, U, D, tau, eta)
    floor = np.asarray(L + D + tau)
    np.testing.assert_allclose(psi(jnp.ones_like(L)), floor, rtol=1e-10 if x64 else 1e-3)
