"""The costliest schedule of a job: what advice can be worst, as long as it does the job.

**Which maximum.** A schedule's cost ``sum_t f_t . p_t + W1(p_t, p_{t-1})``, the last switch-off
included, is convex in its decisions, because ``W1`` is. So over all schedules, fractional ones too,
that do exactly the work ``sum_t c . p_t = 1``, it is largest at an extreme point of their polytope.
With one rate ``c = 1 / J`` those are the whole-slot schedules: every variable stands once in the
row of its slot and at most once in the row of the work, so the rows form a network matrix, and
extreme points are integral. A max-plus dynamic program over (state, slots done) is therefore exact.

Two other maxima are not used. With ``sum_t c . p_t >= 1`` the costliest schedule tends to be ON in
all slots, ``T / J`` jobs instead of one. And the linear program of the optimum, maximised, prices a
mix of paths at their mean, while whoever follows the mix pays ``W1`` of the marginals, which is
less: its value is an upper bound that a schedule need not reach.
"""

from __future__ import annotations

import jax

from jaxsoco.allocation.theory.integral import cheapest_slots
from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.allocation.theory.paths import Graph
from jaxsoco_kernels.info import Info


def offline_worst(
    costs: jax.Array,
    metric: jax.Array | StateMetric | TimedMetric,
    throughput: jax.Array,
    switch: jax.Array,
    start: jax.Array | int,
    *,
    slots: int,
    length: jax.Array | int | None = None,
    deadline: jax.Array | int | None = None,
) -> tuple[jax.Array, jax.Array, Info]:
    """The costliest schedule that does exactly the work of the job, one path.

    Its cost is the largest among fractional schedules, too (see the module). It moves in every
    slot where moving costs more than staying, also while it is OFF.

    >>> from jaxsoco.allocation import StateMetric, offline_worst
    >>> metric = StateMetric(distance=1 - jnp.eye(2), switch=jnp.full(2, 0.25))
    >>> costs = jnp.array([[4.0, 9.0], [1.0, 9.0], [2.0, 9.0]])
    >>> cost, path, _ = offline_worst(costs, metric, jnp.array([0.5]), metric.switch, 0, slots=2)
    >>> round(float(cost), 3), path.tolist()  # ON at point 1, over to OFF at 0, ON at 1 again
    (22.0, [1, 2, 1])

    Args:
      costs: ``[T, n, ...]``.
      metric: as in :func:`offline_optimum`.
      throughput: unused, as in :func:`integral_optimum`: one rate ``1 / length`` at all points.
      switch: ``[n, ...]``.
      start: point where the job arrives, int ``[...]``.
      slots: largest number of slots, static.
      length: slots of work, int ``[...]`` between 1 and ``slots``; ``slots`` if None.
      deadline: last slot that counts, int ``[...]``; ``T`` if None.

    Returns:
      The largest cost ``[...]`` (``-inf`` if the deadline is shorter than the job), the states
      int32 ``[T, ...]`` and an :class:`~jaxsoco_kernels.info.Info`, ``INFEASIBLE`` there.
    """
    del throughput
    # The factored form would let a job switch ON and OFF again within a slot, which is never
    # cheapest, but would be dearest.
    graph = Graph.of(costs, metric, switch, start, deadline).with_matrices()
    # Max-plus is min-plus of the negated costs.
    graph = graph._replace(costs=-graph.costs, metric=-graph.metric, final=-graph.final)
    value, path, info = cheapest_slots(graph, slots, length)
    return -value, path, info
