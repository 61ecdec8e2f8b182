"""The pseudo-cost (price threshold) of PCM and ST-CLIP and the constants that shape it.

Prices are per unit of work: ``L <= f / c <= U``; ``D`` bounds a move and ``tau`` a switch in the
same unit. All functions broadcast over lanes and need ``L + D + 2 tau < U``.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

Number = jax.Array | float

_NEWTON_STEPS = 24
_BISECTIONS = 60


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PseudoCost:
    """``psi(z) = U - tau + B exp(z / rate)`` with ``B = U / rate - U + D + 2 tau``.

    What a unit of work may cost when the fraction ``z`` is done. It decreases in ``z`` (``B < 0``)
    iff ``rate > U / (U - D - 2 tau)``, which ``competitive_ratio`` and ``robustness`` ensure.

    Attributes:
      L: lower price bound, ``[...]``.
      U: upper price bound.
      D: largest move per unit of work.
      tau: largest switch per unit of work.
      rate: ``competitive_ratio(...)`` for PCM, ``robustness(epsilon, ...)`` for ST-CLIP.
    """

    L: Number
    U: Number
    D: Number
    tau: Number
    rate: Number

    @property
    def amplitude(self) -> jax.Array:
        """The negative factor ``B``."""
        return jnp.asarray(self.U / self.rate - self.U + self.D + 2 * self.tau)

    def __call__(self, z: Number) -> jax.Array:
        """Price at utilisation ``z``, ``[...]``."""
        return self.U - self.tau + self.amplitude * jnp.exp(z / self.rate)

    def integral(self, a: Number, b: Number) -> jax.Array:
        """``int_a^b psi``; exact, and without cancellation for close ends."""
        # exp(b / rate) - exp(a / rate), the difference taken by expm1.
        growth = jnp.exp(a / self.rate) * jnp.expm1((b - a) / self.rate)
        return (self.U - self.tau) * (b - a) + self.rate * self.amplitude * growth

    def inverse(self, value: Number) -> jax.Array:
        """The ``z`` with ``psi(z) = value``; ``-inf`` for values that psi stays below."""
        # exp(z / rate) = (value - U + tau) / B
        ratio = (value - self.U + self.tau) / self.amplitude
        reached = ratio > 0
        # Inside the logarithm's domain, so that the branch not taken has a finite derivative.
        safe = jnp.where(reached, ratio, 1.0)
        return jnp.where(reached, self.rate * jnp.log(safe), -jnp.inf)


def competitive_ratio(L: Number, U: Number, D: Number, tau: Number) -> jax.Array:
    """PCM's competitive ratio ``eta``, the root that makes ``psi(1) = L + D + tau``.

    >>> from jaxsoco.allocation import competitive_ratio
    >>> round(float(competitive_ratio(L=1.0, U=10.0, D=2.0, tau=0.5)), 3)
    4.607

    Args:
      L: lower price bound, ``[...]``.
      U: upper price bound, above ``L + D + 2 tau``.
      D: largest move per unit of work.
      tau: largest switch per unit of work.

    Returns:
      ``eta [...]``. Source: arXiv 2408.07831, equation (4); solved by Newton's method on
      ``y e^y - a (e^y - 1) = L / U`` with ``y = 1 / eta``, ``a = (U - D - 2 tau) / U``.
    """
    # psi(1) = L + D + tau, divided by U, in y = 1 / eta.
    a = (U - D - 2 * tau) / U
    target = jnp.asarray(L / U)

    def newton(_, y):
        grown = jnp.exp(y)
        value = y * grown - a * jnp.expm1(y) - target
        # The derivative in y is (1 + y - a) e^y.
        return y - value / ((1 + y - a) * grown)

    # The function is convex and increasing right of its root and y = 1 lies there.
    return 1 / jax.lax.fori_loop(0, _NEWTON_STEPS, newton, jnp.ones_like(target + a))


def robustness(epsilon: Number, L: Number, U: Number, D: Number, tau: Number) -> jax.Array:
    """ST-CLIP's robustness factor ``gamma`` for trust ``epsilon``.

    The root in ``[eta, U / L]`` of ``g = epsilon + U/L - z(g) (U - L + D) / L`` where ``psi`` of
    rate ``g`` reaches ``L + D + tau`` at ``z(g)``. For ``epsilon > eta - 1 + D / L`` there is none
    and ``gamma = eta`` (a smaller rate would make ``psi`` increase).

    >>> from jaxsoco.allocation import robustness
    >>> [round(float(robustness(e, L=1.0, U=10.0, D=2.0, tau=0.5)), 2) for e in (0.0, 1.0, 9.0)]
    [10.0, 8.83, 4.61]

    Returns:
      ``gamma [...]``, from ``U / L`` at ``epsilon = 0`` down to ``eta``. Differentiable.
      Source: arXiv 2408.07831, section 4.
    """
    eta = competitive_ratio(L, U, D, tau)
    # U - L + D = top + fixed
    top, fixed = jnp.asarray(U - L - D - 2 * tau), 2 * (D + tau)

    def terms(g):
        # The equation in terms that do not cancel for g near U / L: z(g) = g log(1 / (1 - part)).
        part = (U / g - L) / top
        reach = -jnp.log1p(-part)
        return part, fixed * reach + top * (reach - part)

    def gap(g):
        return g * terms(g)[1] / L - epsilon

    def bisect(_, bracket):
        low, high = bracket
        middle = (low + high) / 2
        above = gap(middle) > 0  # gap falls from eta to U / L
        return jnp.where(above, middle, low), jnp.where(above, high, middle)

    shape = jnp.broadcast_shapes(eta.shape, jnp.shape(epsilon))
    bracket = (jnp.broadcast_to(eta, shape), jnp.broadcast_to(jnp.asarray(U / L), shape))
    low, high = jax.lax.stop_gradient(jax.lax.fori_loop(0, _BISECTIONS, bisect, bracket))
    root = (low + high) / 2
    # The derivative of the implicit function, on a term of value 0. The slope vanishes where
    # D = tau = epsilon = 0, a double root.
    part, inner = terms(root)
    slope = (inner - U / root * (fixed / top + part) / (1 - part)) / L
    slope = jax.lax.stop_gradient(jnp.minimum(slope, -jnp.finfo(slope.dtype).eps))
    residual = gap(root)
    root = root - (residual - jax.lax.stop_gradient(residual)) / slope
    return jnp.where(epsilon <= eta - 1 + D / L, jnp.maximum(root, eta), eta)
