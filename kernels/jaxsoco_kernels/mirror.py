"""Mirror steps on the simplex, and what keeps them exact over many rounds.

Lanes last: every array has its arms first, ``[K, ...]``, and any number of trailing lanes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco_kernels.shapes import expect, expect_floating
from jaxsoco_kernels.sums import two_sum as two_sum

Array = jax.Array

NEWTON_STEPS = 8
"""Steps of the log-barrier multiplier. It needs at most 5 in float64 (400 random cases)."""

TSALLIS_STEPS = 6
"""Steps of the multiplier of :func:`tsallis_point`. It needs at most 5 in float64."""


def log_barrier_step(weights: Array, losses: Array, rates: Array) -> Array:
    """One step of online mirror descent with the log barrier, to machine precision.

    The minimiser over the simplex of ``<w, losses> + D(w, weights)``, with ``D`` the Bregman
    divergence of ``sum_i (1 / rates_i) ln(1 / w_i)`` (Wei and Luo, COLT 2018)::

        1 / w_i = 1 / weights_i + rates_i (losses_i - lam),   lam such that sum_i w_i = 1

    >>> from jaxsoco_kernels.mirror import log_barrier_step
    >>> weights = log_barrier_step(jnp.full(2, 0.5), jnp.array([1.0, 0.0]), jnp.ones(2))
    >>> [round(float(w), 3) for w in weights]
    [0.382, 0.618]

    Args:
      weights: a point inside the simplex, ``[K, ...]``; an arm of weight 0 keeps it.
      losses: ``[K, ...]``.
      rates: learning rates above 0, ``[K, ...]``.

    Returns:
      The next point, ``[K, ...]``.
    """
    weights, losses, rates = (jnp.asarray(x) for x in (weights, losses, rates))
    expect(weights=(weights, "K ..."), losses=(losses, "K ..."), rates=(rates, "K ..."))
    dtype = jnp.result_type(weights, losses, rates)
    return _barrier_point(1 / weights.astype(dtype), losses, rates)[0]


def log_barrier_move(inverse: Array, losses: Array, rates: Array) -> tuple[Array, Array]:
    """The same step in inverse weights: ``(weights, increments of 1 / weights)``, ``[K, ...]``.

    Increments of the order of a rate vanish beside an inverse weight of 1e4 in float32: carry
    ``1 / weights`` as a compensated pair and add them to it (:func:`add_compensated`).

    >>> from jaxsoco_kernels.mirror import log_barrier_move
    >>> _, increments = log_barrier_move(jnp.full(2, 2.0), jnp.array([1.0, 0.0]), jnp.ones(2))
    >>> [round(float(x), 3) for x in increments]
    [0.618, -0.382]
    """
    expect(inverse=(inverse, "K ..."), losses=(losses, "K ..."), rates=(rates, "K ..."))
    return _barrier_point(inverse, losses, rates)


def _barrier_point(inverse: Array, losses: Array, rates: Array) -> tuple[Array, Array]:
    # KKT: 1/w_i = 1/w'_i + rates_i (losses_i - lam). Written from the largest multiplier that
    # keeps every w_i <= 1, lam = top - mu, nothing cancels: 1/w_i = 1 + gap_i + rates_i mu.
    excess = inverse - 1 + rates * losses
    # An absent arm's excess is infinite; its derivative must not be multiplied by it.
    absent = jnp.isinf(excess)
    ratio = jnp.where(absent, jnp.inf, jnp.where(absent, 0, excess) / rates)
    top = jnp.min(ratio, axis=0)[None]
    gap = excess - rates * top
    # 1/sum(w) is concave and increasing in mu: Newton climbs to the root from mu = 0.
    mu = jnp.zeros_like(top)
    for _ in range(NEWTON_STEPS):
        w = 1 / (1 + gap + rates * mu)
        total = jnp.sum(w, axis=0)[None]
        # d(sum w) / d(mu) = -slope, so that Newton on 1 / sum(w) = 1 is this step.
        slope = jnp.sum(rates * w * w, axis=0)[None]
        mu = jnp.maximum(mu + (total - 1) * total / slope, 0)
    # Of the last multiplier; what is left of the sum's error is divided away.
    w = 1 / (1 + gap + rates * mu)
    return w / jnp.sum(w, axis=0)[None], rates * (losses - top + mu)


def tsallis_point(losses: Array, rate: Array | float) -> Array:
    """Follows the leader with the Tsallis entropy of order 1/2, to machine precision.

    The minimiser over the simplex of ``<w, losses> - (4 / rate) sum_i sqrt(w_i)`` (Zimmert and
    Seldin, JMLR 22, 2021)::

        w_i = 4 / (rate (losses_i - lam))^2,   lam such that sum_i w_i = 1

    >>> from jaxsoco_kernels.mirror import tsallis_point
    >>> weights = tsallis_point(jnp.array([0.0, 0.0, 2.0]), 1.0)
    >>> [round(float(w), 3) for w in weights]
    [0.422, 0.422, 0.155]

    Args:
      losses: cumulative, ``[K, ...]``; an arm of infinite loss has weight 0, not all have.
      rate: learning rate above 0, a number or ``[...]``.

    Returns:
      The point, ``[K, ...]``.
    """
    losses = jnp.asarray(losses)
    rate = jnp.asarray(rate, losses.dtype)
    expect(losses=(losses, "K ..."), rate=(rate, "..."))
    absent = jnp.isposinf(losses)
    above = jnp.where(absent, 0, losses - jnp.min(losses, axis=0)[None])
    gap = above * (rate[None] if rate.ndim else rate) / 2
    # With lam = min losses - 2 mu / rate:  w_i = 1 / (gap_i + mu)^2,  1 <= mu <= sqrt(K).
    mu = jnp.ones_like(gap[:1])
    for _ in range(TSALLIS_STEPS):
        root = jnp.where(absent, 0, 1 / (gap + mu))
        total = jnp.sum(root**2, axis=0)[None]
        # (sum w)^(-1/2) is concave and nearly linear in mu: Newton climbs to its root 1.
        mu = mu + total * (jnp.sqrt(total) - 1) / jnp.sum(root**3, axis=0)[None]
    w = jnp.where(absent, 0, 1 / (gap + mu) ** 2)
    return w / jnp.sum(w, axis=0)[None]


def entropic_step(logits: Array, losses: Array, rate: Array | float) -> Array:
    """One multiplicative-weights step, shifted so that the largest logit is 0.

    Mirror descent with the negative entropy: weights become ``w_i exp(-rate losses_i)``, scaled.

    >>> from jaxsoco_kernels.mirror import entropic_step
    >>> entropic_step(jnp.zeros(2), jnp.array([1.0, 0.0]), 0.5).tolist()
    [-0.5, 0.0]

    Args:
      logits: ``[K, ...]``; ``-inf`` for arms that are not there.
      losses: ``[K, ...]``.
      rate: learning rate, a number or ``[...]``.

    Returns:
      ``logits - rate * losses`` less its largest entry, ``[K, ...]``.
    """
    expect(logits=(logits, "K ..."), losses=(losses, "K ..."), rate=(rate, "..."))
    rate = jnp.asarray(rate, logits.dtype)
    moved = logits - (rate[None] if rate.ndim else rate) * losses
    return moved - jnp.max(moved, axis=0)[None]


def divergence(x: Array, y: Array) -> Array:
    """The Bregman divergence of the negative entropy, coordinate by coordinate.

    >>> from jaxsoco_kernels.mirror import divergence
    >>> divergence(jnp.array([1.0, 0.0]), jnp.array([0.5, 0.5])).tolist()
    [0.193..., 0.5]

    Args:
      x, y: at least 0, of one shape.

    Returns:
      ``x log(x / y) - x + y`` with ``0 log 0 = 0``; large instead of infinite where ``y`` is 0 and
      ``x`` is not.
    """
    tiny = jnp.finfo(x.dtype).tiny
    some = x > 0
    ratio = jnp.where(some, x, 1) / jnp.maximum(jnp.where(some, y, 1), tiny)
    return jnp.where(some, x * jnp.log(ratio), 0) - x + y


def add_compensated(high: Array, low: Array, increment: Array) -> tuple[Array, Array]:
    """Adds to numbers kept as ``high + low``; a high part of ``-inf`` stays.

    What rounding takes from the high part goes to the low part, and comes back at the next sum.
    Over 1e7 rounds plain float32 logits lose every increment below half a unit in their last place.

    >>> from jaxsoco_kernels.mirror import add_compensated
    >>> high, low = add_compensated(jnp.float32(1e8), jnp.float32(0), jnp.float32(1))
    >>> float(high), float(low)  # float32 alone would lose the 1
    (100000000.0, 1.0)

    Args:
      high: any shape.
      low: the same shape; finite.
      increment: the same shape; finite.

    Returns:
      ``(high, low)``.
    """
    expect(high=(high, "..."), low=(low, "..."), increment=(increment, "..."))
    return _two_sum_or_absent(high, low + increment)


def shift_compensated(high: Array, low: Array, shift: Array) -> tuple[Array, Array]:
    """Logits ``high + low [K, ...]`` less a shift ``[...]``, exactly; ``-inf`` stays.

    With the largest high part (:func:`largest`) as the shift, the logits that matter stay small,
    where float32 is fine.

    >>> from jaxsoco_kernels.mirror import shift_compensated
    >>> logits = jnp.array([3.0, 1.0, -jnp.inf])
    >>> high, low = shift_compensated(logits, jnp.zeros(3), jnp.max(logits))
    >>> high.tolist()
    [0.0, -2.0, -inf]
    """
    expect(high=(high, "K ..."), low=(low, "K ..."), shift=(shift, "..."))
    moved, error = _two_sum_or_absent(high, -shift[None])
    return moved, low + error


def largest(row: Array) -> Array:
    """Largest of ``[K, ...]`` along the arms; a chain, faster than a reduction on few arms.

    >>> from jaxsoco_kernels.mirror import largest
    >>> largest(jnp.array([[1.0, 4.0], [3.0, 2.0]])).tolist()  # two arms, two lanes
    [3.0, 4.0]
    """
    top = row[0]
    for other in row[1:]:
        top = jnp.maximum(top, other)
    return top


def _two_sum_or_absent(a: Array, b: Array) -> tuple[Array, Array]:
    """The error of ``-inf + b`` is 0, where the formula gives NaN."""
    s, error = two_sum(a, b)
    return s, jnp.where(jnp.isneginf(a), 0, error)


def categorical(weights: Array, uniform: Array) -> Array:
    """The arm that a uniform draws: the least ``m`` with ``u total < weights_0 + .. + weights_m``.

    Rounding never leads to an arm of weight 0, nor past the last: the total is the very sum that
    the draw is compared with.

    >>> from jaxsoco_kernels.mirror import categorical
    >>> int(categorical(jnp.array([1.0, 2.0, 1.0]), jnp.array(0.5)))
    1

    Args:
      weights: not negative, not all 0, ``[K, ...]``; they need not add up to 1.
      uniform: in [0, 1), ``[...]``; better above 0, see :func:`jaxsoco.core.random.draws`.

    Returns:
      int32 ``[...]``.
    """
    expect(weights=(weights, "K ..."), uniform=(uniform, "..."))
    expect_floating(uniform=uniform)
    # Inverse transform: the arm is how many partial sums, less the last, the draw has reached.
    sums = [weights[0]]
    for weight in weights[1:]:
        sums.append(sums[-1] + weight)
    level = uniform * sums[-1]
    arm = jnp.zeros(jnp.broadcast_shapes(level.shape, sums[-1].shape), jnp.int32)
    for partial in sums[:-1]:
        arm = arm + (level >= partial)
    return arm
