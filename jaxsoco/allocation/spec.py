"""What the world, the learner and the ledger of an allocation job are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.core.lanes import align


class Advice(NamedTuple):
    """What a black box recommends for all slots: a mix of at most A paths of states.

    Its decision in slot ``t`` puts the mass ``weights[a]`` on ``states[t, a]``. A mix of several
    schedules is not a schedule: it does the work in expectation.

    Attributes:
      states: ON at ``u`` is ``u``, OFF at ``u`` is ``n + u``, int32 ``[slots, A, ...]``.
      weights: at least 0, of sum 1, ``[A, ...]``.
    """

    states: jax.Array
    weights: jax.Array

    @property
    def paths(self) -> int:
        """Number of paths ``A``."""
        return self.states.shape[1]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Spec:
    """One job, and the network it may use. Leaves may carry lanes, or be shared by all.

    A learner may read everything but ``trace`` and ``hour``, which are nature's: its prices reach
    it slot by slot, forecast and advice as observations. So do distances that change, of which it
    knows the largest in advance. With ``n`` points:

    Attributes:
      trace: price of energy at each hour and point, shared by all jobs, ``[hours, n]`` (g/kWh);
        ``[hours, N]`` where ``places`` chooses n of N columns.
      power: energy of a slot fully ON, ``[...]`` (kWh).
      hour: hour of the trace at which the job arrives, int ``[...]``.
      distance: cost of moving the whole job between points, a metric ``[n, n, ...]`` (g); with
        ``segment``, one for every segment ``[S, n, n, ...]``.
      switch: cost of suspending or resuming the whole job, ``[n, ...]`` or ``[1, ...]`` (g).
      start: point where the job arrives, int ``[...]``.
      deadline: slots until the deadline, int ``[...]``, at most ``slots``.
      length: slots of work ``J``, int ``[...]``, at most ``max_length`` and the deadline.
      lower: ``L``, lower bound on price per unit of work, ``f_u / c_u``, ``[...]`` (g).
      upper: ``U``, upper bound, above ``L + D + 2 tau``.
      forecast_noise: weight of uniform noise in the forecast, in [0, 1], ``[...]``.
      slots: longest deadline, the compiled number of rounds (static).
      max_length: most slots of work (static).
      advice: where advice comes from (static): ``"whole-slot"``, the best such schedule of the
        forecast; ``"linear"``, the optimum of its linear program; ``"greedy"``; ``"hindsight"``,
        the linear program's optimum at the true prices, mixed with the costliest schedule; or a
        function ``(spec, costs, forecast) -> Advice``.
      places: columns of the trace that are the job's points, int ``[n, ...]``; all if None.
      forecast_trace: predicted price of each hour and point, like ``trace``; if None the forecast
        is the price itself, before the noise.
      advice_error: weight of the costliest schedule in ``"hindsight"``, in [0, 1], ``[...]``.
      advised: the advice itself, ``[slots, A, ...]`` and ``[A, ...]``, in place of ``advice``.
      segment: of every slot, int ``[slots, ...]``: the move into it costs the distance of its
        segment (SOAD-T). None if the distance does not change.
      sample: whether a schedule drawn from the decisions is charged in their place (static).
      speed: work of a slot fully ON at each point, in units of ``1 / J``, above 0, ``[n, ...]``; 1
        everywhere if None. Some learners and the optimum in whole slots need it to be None.
    """

    trace: jax.Array
    power: jax.Array
    hour: jax.Array
    distance: jax.Array
    switch: jax.Array
    start: jax.Array
    deadline: jax.Array
    length: jax.Array
    lower: jax.Array
    upper: jax.Array
    forecast_noise: jax.Array
    slots: int = field(metadata={"static": True})
    max_length: int = field(metadata={"static": True})
    advice: str | Callable[[Spec, jax.Array, jax.Array], Advice] = field(
        default="whole-slot", metadata={"static": True}
    )
    places: jax.Array | None = None
    forecast_trace: jax.Array | None = None
    advice_error: jax.Array | float = 0.0
    advised: Advice | None = None
    segment: jax.Array | None = None
    sample: bool = field(default=False, metadata={"static": True})
    speed: jax.Array | None = None

    @property
    def points(self) -> int:
        """Number of points ``n``."""
        return self.trace.shape[1] if self.places is None else self.places.shape[0]

    @property
    def lanes(self) -> tuple[int, ...]:
        """Shape of the lanes."""
        leaves = (self.power, self.hour, self.start, self.deadline, self.length, self.lower)
        return jnp.broadcast_shapes(*(jnp.shape(x) for x in leaves))

    @property
    def throughput(self) -> jax.Array:
        """``c = 1 / J``, work of a slot fully ON, ``[1, ...]``; ``[n, ...]`` if speeds differ."""
        rate = 1 / jnp.asarray(self.length, self.trace.dtype)
        rate = jnp.broadcast_to(rate, self.lanes)[None]
        return rate if self.speed is None else rate * align(self.speed, 1, len(self.lanes))

    @property
    def metric(self) -> StateMetric | TimedMetric:
        """The metric over states, factored.

        Raises:
          ValueError: ``segment`` has not one entry a slot.
        """
        switch = jnp.asarray(self.switch)
        switch = jnp.broadcast_to(switch, (self.points, *switch.shape[1:]))
        if self.segment is None:
            return StateMetric(self.distance, switch).with_lanes(len(self.lanes))
        if jnp.shape(self.segment)[0] != self.slots:
            raise ValueError(f"segment: want {self.slots} slots, got {jnp.shape(self.segment)}")
        return TimedMetric(self.distance, switch, self.segment).with_lanes(len(self.lanes))

    @property
    def move_bound(self) -> jax.Array:
        """``D``: largest move per unit of work in any slot, ``[...]`` (g).

        ``d(u, v) <= D min(c_u, c_v)`` for all points.
        """
        distance = self.metric.upper().distance
        if self.speed is None:
            return jnp.max(distance, axis=(0, 1)) / self.throughput[0]
        slower = jnp.minimum(self.throughput[:, None], self.throughput[None])
        return jnp.max(distance / slower, axis=(0, 1))

    @property
    def switch_bound(self) -> jax.Array:
        """``tau``: largest temporal switch per unit of work, ``[...]`` (g)."""
        if self.speed is None:
            return jnp.max(self.metric.switch, axis=0) / self.throughput[0]
        return jnp.max(self.metric.switch / self.throughput, axis=0)


def finish_tolerance(dtype: jnp.dtype) -> float:
    """Work that may be missing from a job that counts as done: sums over many slots round."""
    return 1e-9 if dtype == jnp.float64 else 1e-5


class Observation(NamedTuple):
    """What the learner sees before it acts.

    Attributes:
      slot: 1-based number of the slot, int ``[...]``.
      costs: this slot's cost of full ON at every point, ``[n, ...]``.
      forecast: forecast costs of all slots, ``[slots, n, ...]``; slots past the deadline are not
        meaningful.
      advice: the black-box advice for all slots, states int32 ``[slots, ...]`` or a mix of paths; a
        learner may read what is past and present.
    """

    slot: jax.Array
    costs: jax.Array
    forecast: jax.Array
    advice: jax.Array | Advice


class Feedback(NamedTuple):
    """What the learner observes after its action: the work done in this slot, ``[...]``."""

    work: jax.Array


class Costs(NamedTuple):
    """One slot's ledger, ``[...]`` each, in g but for ``shortfall``.

    Attributes:
      service: cost of the work.
      move: Wasserstein cost of moving between points.
      switch: cost of temporal switches; the final switch-off is charged in the last slot.
      shortfall: work that is missing, charged in the last slot (a fraction of the job).
    """

    service: jax.Array
    move: jax.Array
    switch: jax.Array
    shortfall: jax.Array
