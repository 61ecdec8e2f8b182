"""What the learners share: a job as they know it, its phases, and runs in whole slots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxsoco.allocation.spec import Advice, Feedback, Observation, Spec, finish_tolerance
from jaxsoco.allocation.theory.metric import StateMetric, TimedMetric
from jaxsoco.allocation.theory.pseudocost import PseudoCost
from jaxsoco.allocation.theory.tree import draw_tree, draw_trees
from jaxsoco.core.lanes import align, lift, one_hot, spread, take

State = TypeVar("State")


def keep(params: Any, state: State, action: jax.Array, feedback: Feedback) -> State:
    """The update of a learner that knows all it needs when it acts."""
    del params, action, feedback
    return state


# --- PCM and ST-CLIP: fractions of slots ---------------------------------------------------------


class Job(NamedTuple):
    """What a learner keeps of its spec.

    Attributes:
      deadline: ``T``, int ``[...]``.
      length: ``J = 1 / c``, int ``[...]``.
      pseudo_cost: ``psi``, leaves ``[...]``.
      inner: the metric inside the decision, a tree's or the true one.
      metric: the true metric.
      farthest: a metric that the true one exceeds in no slot; None if it does not change.
      speed: work of a slot fully ON in units of ``1 / J``, ``[n, ...]``; None if 1 everywhere.
    """

    deadline: jax.Array
    length: jax.Array
    pseudo_cost: PseudoCost
    inner: StateMetric | TimedMetric
    metric: StateMetric | TimedMetric
    farthest: StateMetric | None = None
    speed: jax.Array | None = None

    def throughput(self, dtype: jnp.dtype) -> jax.Array:
        """``c``, ``[1, ...]``, or ``[n, ...]`` where speeds differ."""
        rate = lift(1 / jnp.asarray(self.length, dtype))
        return rate if self.speed is None else rate * self.speed

    def at(self, slot: jax.Array) -> SlotMetrics:
        """The metrics of a slot, int ``[...]`` from 1 on: all lanes are in the same."""
        t = jnp.ravel(slot)[0] - 1
        metric, farthest = self.metric.at(t), self.farthest
        return SlotMetrics(self.inner.at(t), metric, metric if farthest is None else farthest)


class SlotMetrics(NamedTuple):
    """What moves cost in a slot: inside the decision, truly, and at most in any slot."""

    inner: StateMetric
    metric: StateMetric
    farthest: StateMetric


def learn_job(kind: str, key: jax.Array, spec: Spec, rate_of: Callable[..., jax.Array]) -> Job:
    """What a learner keeps of its spec.

    Args:
      kind: ``"tree"`` draws an embedding of the metric (consuming the key), ``"true"`` does not.
      key: words ``[2, ...]``.
      spec: the job.
      rate_of: ``(L, U, D, tau) -> rate`` of the pseudo-cost, ``[...]``.

    Raises:
      ValueError: there is no such kind.
    """
    like = jnp.zeros(spec.lanes, spec.trace.dtype)
    bounds = (spec.lower, spec.upper, spec.move_bound, spec.switch_bound)
    low, high, move, switch = spread(bounds, like)
    metric = spec.metric
    return Job(
        jnp.broadcast_to(spec.deadline, spec.lanes),
        jnp.broadcast_to(spec.length, spec.lanes),
        PseudoCost(low, high, move, switch, rate_of(low, high, move, switch)),
        _inner_metric(kind, key, metric),
        metric,
        metric.upper() if isinstance(metric, TimedMetric) else None,
        None if spec.speed is None else align(spec.speed, 1, len(spec.lanes)),
    )


def work_of(decision: jax.Array, throughput: jax.Array) -> jax.Array:
    """``c . k [...]``, for ``c [1, ...]`` or ``[n, ...]``."""
    on = decision[: decision.shape[0] // 2]
    if throughput.shape[0] == 1:
        return throughput[0] * jnp.sum(on, axis=0)
    return jnp.sum(throughput * on, axis=0)


def _inner_metric(
    kind: str, key: jax.Array, metric: StateMetric | TimedMetric
) -> StateMetric | TimedMetric:
    if kind == "true":
        return metric
    if kind != "tree":
        raise ValueError(f'metric: want "tree" or "true", got {kind!r}')
    # Only the distances are embedded: every OFF state hangs from its ON leaf by its own beta.
    if isinstance(metric, TimedMetric):
        return metric._replace(distance=draw_trees(key, metric.distance))
    return StateMetric(draw_tree(key, metric.distance).distance, metric.switch)


def start_off(spec: Spec) -> jax.Array:
    """The decision before the first slot, ``k_0``: OFF where the job arrives, ``[2n, ...]``."""
    start = jnp.broadcast_to(spec.start + spec.points, spec.lanes)
    return one_hot(start, 2 * spec.points).astype(spec.trace.dtype)


def rest(decision: jax.Array) -> jax.Array:
    """All ON mass goes to its own OFF: the decision of a job that is done, ``[2n, ...]``."""
    n = decision.shape[0] // 2
    return jnp.concatenate([jnp.zeros_like(decision[:n]), decision[:n] + decision[n:]])


def advice_paths(advice: jax.Array | Advice, like: jax.Array) -> Advice:
    """Advice as a mix: states ``[slots, ...]`` are one path, of weight 1.

    Args:
      advice: that is observed.
      like: ``[1, ...]``, with the dtype of weights.
    """
    if isinstance(advice, Advice):
        return advice
    return Advice(advice[:, None], jnp.ones_like(like))


def refuse_speeds(spec: Spec, reason: str) -> None:
    """Raises where a learner takes all points for equally fast and they are not.

    Args:
      spec: the job.
      reason: why it does.

    Raises:
      ValueError: the points work at different speeds.
    """
    if spec.speed is not None:
        raise ValueError(f"speed: {reason}; use pcm, st_clip, greedy or threshold instead")


# --- the baselines: whole slots ------------------------------------------------------------------


class WholeSlots(NamedTuple):
    """State of a learner that runs whole slots, ``[...]`` each.

    Attributes:
      place: point where the job is, int32.
      left: work left in slots at speed 1, int32; a float where speeds differ.
      length: ``J``, int32.
      deadline: ``T``, int32.
      price: ``sqrt(L U) / J``, the threshold for the cost of a slot at speed 1.
      speed: work of a slot at every point, in slots at speed 1, ``[n, ...]``; None if 1 everywhere.
    """

    place: jax.Array
    left: jax.Array
    length: jax.Array
    deadline: jax.Array
    price: jax.Array
    speed: jax.Array | None = None

    def costs(self, costs: jax.Array) -> jax.Array:
        """What the work of a slot at speed 1 costs, ``[n, ...]`` or ``[slots, n, ...]``."""
        if self.speed is None:
            return costs
        return costs / jax.lax.expand_dims(self.speed, range(costs.ndim - self.speed.ndim))

    def slots(self, work: jax.Array, place: jax.Array) -> jax.Array:
        """So many slots at a point, begun ones counted whole, do the work, int32 ``[...]``."""
        if self.speed is None:
            return work
        count = work / take(self.speed, place)
        return jnp.ceil(count * (1 - finish_tolerance(count.dtype))).astype(jnp.int32)

    def fastest(self) -> jax.Array:
        """The point where a slot does most work, int32 ``[...]``; the first of several."""
        assert self.speed is not None
        return jnp.argmax(self.speed, axis=0).astype(jnp.int32)

    def is_urgent(self, slot: jax.Array) -> jax.Array:
        """Whether the slots after this one cannot do what is left even at the fastest point."""
        top = 1 if self.speed is None else jnp.max(self.speed, axis=0)
        return self.left > _bound(top * jnp.maximum(self.deadline - slot, 0), self.left)


def _bound(work: jax.Array, left: jax.Array) -> jax.Array:
    """What counts as no more than the work: sums of floats round."""
    exact = jnp.issubdtype(left.dtype, jnp.integer)
    return work if exact else work * (1 + finish_tolerance(left.dtype))


def arrive(key: jax.Array, params: Any, spec: Spec) -> WholeSlots:
    """The state before the first slot: all work left, where the job arrives."""
    del key, params
    lanes, dtype = spec.lanes, spec.trace.dtype
    # sqrt(L U) is a price per unit of work; a slot at speed 1 does c = 1 / J of it.
    price = jnp.sqrt(spec.lower * spec.upper) * (1 / jnp.asarray(spec.length, dtype))
    start, length, deadline = (
        jnp.broadcast_to(jnp.asarray(x, jnp.int32), lanes)
        for x in (spec.start, spec.length, spec.deadline)
    )
    state = WholeSlots(start, length, length, deadline, jnp.broadcast_to(price, lanes))
    if spec.speed is None:
        return state
    speed = jnp.broadcast_to(align(spec.speed, 1, len(lanes)), (spec.points, *lanes)).astype(dtype)
    return state._replace(left=length.astype(dtype), speed=speed)


def run_slot(
    state: WholeSlots, obs: Observation, place: jax.Array, runs: jax.Array
) -> tuple[jax.Array, WholeSlots]:
    """Runs this slot at ``place`` where ``runs``, or waits OFF there, while work is left.

    Where speeds differ the last slot runs for as much of it as there is work left. A job that would
    come too late even if it then went to the fastest point goes there now.

    Args:
      state: before the slot.
      obs: of the slot.
      place: point, int ``[...]``.
      runs: bool ``[...]``.

    Returns:
      The decision ``[2n, ...]``, all mass at one point, and the state after the slot.
    """
    if state.speed is not None:
        place, runs = _in_time(state, obs, place, runs)
    unfinished = state.left > 0
    runs = runs & unfinished
    # A job that is done stays OFF where it ran last.
    place = jnp.where(unfinished, place, state.place).astype(jnp.int32)
    if state.speed is not None:
        return _run_at_speed(state, obs, place, runs)
    n = obs.costs.shape[0]
    decision = one_hot(jnp.where(runs, place, place + n), 2 * n)
    return decision.astype(obs.costs.dtype), state._replace(place=place, left=state.left - runs)


def _run_at_speed(
    state: WholeSlots, obs: Observation, place: jax.Array, runs: jax.Array
) -> tuple[jax.Array, WholeSlots]:
    """The same where a slot does not do the same work everywhere."""
    assert state.speed is not None
    pace, left = take(state.speed, place), state.left
    whole = left > _bound(pace, left)
    share = jnp.where(runs, jnp.where(whole, 1, jnp.minimum(left / pace, 1)), 0)
    here = one_hot(place, obs.costs.shape[0]).astype(share.dtype)
    decision = jnp.concatenate([here * share[None], here * (1 - share)[None]])
    rest = jnp.where(whole, left - pace, 0)
    return decision, state._replace(place=place, left=jnp.where(runs, rest, left))


def _in_time(
    state: WholeSlots, obs: Observation, place: jax.Array, runs: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Place and whether it runs, such that the work is done by the deadline wherever it can be."""
    assert state.speed is not None
    work = jnp.where(runs, take(state.speed, place), 0)
    late = state._replace(left=state.left - work).is_urgent(obs.slot)
    return jnp.where(late, state.fastest(), place), runs | late


def compulsory_place(state: WholeSlots, slot: jax.Array) -> jax.Array:
    """Where a job runs that must: where it is if that is fast enough, else at the fastest point."""
    if state.speed is None:
        return state.place
    to_come = jnp.maximum(state.deadline - slot, 0) + 1
    here = state.slots(state.left, state.place) <= to_come
    return jnp.where(here, state.place, state.fastest())


def cheapest_point(costs: jax.Array) -> jax.Array:
    """The point with the lowest cost ``[n, ...]``, int32 ``[...]``; the first of several."""
    return jnp.argmin(costs, axis=0).astype(jnp.int32)
