"""Q-learning over one trajectory, of several costs at once.

The values ``Q^c_t(s, a)`` of costs ``c`` are those of one policy, the greedy one for a weighted sum
of them. From the last slot back, at the pair ``(s, a)`` of slot ``t``, met for the n-th time, and
its next state ``s'``::

    a*            = argmin_a' sum_c weight^c Q^c_{t+1}(s', a')
    Q^c_t(s, a)  += (T + 1) / (T + n) (cost^c_t(s, a) + Q^c_{t+1}(s', a*) - Q^c_t(s, a))

Step sizes: Jin, Allen-Zhu, Bubeck, Jordan 2018, "Is Q-learning provably efficient?".
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxsoco.core.lanes import one_hot, take
from jaxsoco.provisioning.spec import Feedback


def greedy(values: jax.Array, weight: jax.Array) -> jax.Array:
    """The best action by a weighted sum of costs, the lowest among ties, bool ``[T, S, A, ...]``.

    Args:
      values: ``[T, C, S, A, ...]``.
      weight: of each cost, ``[C, ...]``.
    """
    total = jnp.sum(weight[None, :, None, None] * values, axis=1)
    return one_hot(jnp.argmin(total, axis=2), values.shape[3], 2)


def learn_backwards(
    values: jax.Array,
    visits: jax.Array,
    costs: jax.Array,
    weight: jax.Array,
    feedback: Feedback,
) -> tuple[jax.Array, jax.Array]:
    """Values and visits after one more trajectory.

    Args:
      values: ``[T, C, S, A, ...]``.
      visits: how often each pair was met, ``[T, S, A, ...]``.
      costs: ``[T or 1, C, S, A, ...]``.
      weight: of each cost in the greedy choice, ``[C, ...]``.
      feedback: the trajectory.
    """
    slots, _, s, a = values.shape[:4]
    costs = jnp.broadcast_to(costs, (slots, *costs.shape[1:]))

    def step(ahead, now):
        # ahead: Q^c_{t+1}(s, a*), [C, S, ...]; the others are those of slot t.
        value, visits, cost, state, action, after = now
        pair = one_hot(state, s)[:, None] & one_hot(action, a)[None]
        visits = visits + pair
        # cost^c_t(s, a) + Q^c_{t+1}(s', a*)
        aim = cost + take(ahead, after, axis=1)[:, None, None]
        # The step size at the n-th visit, (T + 1) / (T + n).
        rate = (slots + 1) / (slots + jnp.maximum(visits, 1))
        value = jnp.where(pair[None], value + rate[None] * (aim - value), value)
        best = greedy(value[None], weight)
        return jnp.sum(jnp.where(best, value, 0), axis=2), (value, visits)

    path = (feedback.states[:-1], feedback.actions, feedback.states[1:])
    last = jnp.zeros_like(values[0, :, :, 0])
    _, learned = jax.lax.scan(step, last, (values, visits, costs, *path), reverse=True)
    return learned
