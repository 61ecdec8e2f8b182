"""Backward and forward passes over tabular models with uncertain transitions, lanes last.

An *uncertainty set* is rectangular in slot, state and action, so the least expected value over all
its members is found slot by slot, backwards (Iyengar, Math. Oper. Res. 30, 2005, "Robust dynamic
programming"; Jaksch, Ortner, Auer, JMLR 11, 2010, section 3.1.2). Arrays over slots may have a
leading axis of 1: the same in every slot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxsoco_kernels.lanes import one_hot
from jaxsoco_kernels.shapes import expect

Respond = Callable[[Any, jax.Array, jax.Array], jax.Array]


class Uncertainty(NamedTuple):
    """A rectangular set of transitions.

    Attributes:
      data: arrays ``[T, S, A, ...]`` or ``[1, S, A, ...]`` that describe the set.
      respond: ``(data of a slot, before, best) -> transition [S, A, S, ...]`` of least value, where
        ``before [S, S, ...]`` says which next state is worth less than which (a strict order) and
        ``best [S, ...]`` marks the first of them.
      states: number of states ``S``.
    """

    data: Any
    respond: Respond
    states: int


def box(lower: jax.Array, upper: jax.Array) -> Uncertainty:
    """All transitions between ``lower`` and ``upper [T, S, A, S, ...]``, entry by entry.

    >>> from jaxsoco_kernels import planning
    >>> cost = jnp.broadcast_to(jnp.array([[1.0], [0.0]]), (2, 2, 1))  # state 0 costs 1
    >>> box = planning.box(jnp.full((1, 2, 1, 2), 0.25), jnp.full((1, 2, 1, 2), 0.75))
    >>> planning.backward(cost, box, lambda slot: slot.action)[0].tolist()
    [1.25, 0.25]
    """
    return Uncertainty((lower, upper - lower, _left(lower)), _respond_in_box, lower.shape[3])


def _left(lower: jax.Array) -> jax.Array:
    """Probability that the least shares leave open, ``[T, S, A, ...]``."""
    return 1 - jnp.sum(lower, axis=3)


def _respond_in_box(data, before, best):
    """Every next state gets its least share, the cheapest ones the rest, up to their most."""
    del best
    lower, room, left = data
    # What the states before j may take comes first; j gets what is then left, at most its room.
    taken = _sum_before(room, before)
    return lower + jnp.clip(left[:, :, None] - taken, 0, room)


def ball(center: jax.Array, radius: jax.Array) -> Uncertainty:
    """All transitions within L1 distance ``radius [T, S, A]`` of ``center [T, S, A, S]``.

    >>> from jaxsoco_kernels import planning
    >>> cost = jnp.broadcast_to(jnp.array([[1.0], [0.0]]), (2, 2, 1))  # state 0 costs 1
    >>> ball = planning.ball(jnp.full((1, 2, 1, 2), 0.5), jnp.full((1, 2, 1), 0.5))
    >>> planning.backward(cost, ball, lambda slot: slot.action)[0].tolist()
    [1.25, 0.25]
    """
    return Uncertainty((center, radius), _respond_in_ball, center.shape[3])


def _respond_in_ball(data, before, best):
    """Half of the radius moves from the dearest next states to the cheapest one."""
    center, radius = data
    # min <p, after> over |p - center|_1 <= radius: probability moves to the least value, from the
    # largest values down, until half the radius is used.
    best = best[None, None]
    moved = jnp.minimum(radius / 2, 1 - jnp.sum(center * best, axis=2))[:, :, None]
    dearer = _sum_before(center, jnp.swapaxes(before, 0, 1))
    return center + moved * best - jnp.clip(moved - dearer, 0, center)


def _sum_before(amounts: jax.Array, before: jax.Array) -> jax.Array:
    """``sum_i amounts[s, a, i] before[i, j]`` for every ``j``, ``[S, A, S, ...]``."""
    # On short axes comparing all pairs beats sorting and gathering, and unrolled it is one fused
    # pass over the lanes.
    states = amounts.shape[2]
    if states <= 32:
        total = amounts[:, :, 0, None] * before[0][None, None]
        for i in range(1, states):
            total = total + amounts[:, :, i, None] * before[i][None, None]
        return total

    def add(i, total):
        return total + amounts[:, :, i, None] * before[i][None, None]

    first = amounts[:, :, 0, None] * before[0][None, None]
    return jax.lax.fori_loop(1, states, add, first)


class Slot(NamedTuple):
    """One backward step: values ``[S, ...]``, actions int32 ``[S, ...]``, one-hot ``[S, A, ...]``
    and transitions ``[S, A, S, ...]``."""

    value: jax.Array
    action: jax.Array
    chosen: jax.Array
    transition: jax.Array


def step_back(cost: jax.Array, after: jax.Array, data: Any, respond: Respond) -> Slot:
    """Plans one slot: ``cost [S, A, ...]``, values of the next states ``after [S, ...]``.

    >>> from jaxsoco_kernels import planning
    >>> cost, after = jnp.array([[2.0, 1.0], [0.0, 3.0]]), jnp.array([1.0, 0.0])
    >>> stay = jnp.broadcast_to(jnp.eye(2)[:, None], (2, 2, 2))  # the one transition in the set
    >>> slot = planning.step_back(cost, after, stay, lambda data, before, best: data)
    >>> slot.value.tolist(), slot.action.tolist()
    ([2.0, 0.0], [1, 0])
    """
    # Bellman: value_s = min_a cost_sa + min_p sum_j p_j after_j. The inner minimum depends on the
    # order of the next states' values alone, ties by their index, so that the order is strict.
    states, dtype = after.shape[0], cost.dtype
    places = jnp.arange(states).reshape(-1, *(1,) * (after.ndim - 1))
    less, same = after[:, None] < after[None], after[:, None] == after[None]
    before = (less | (same & (places[:, None] < places[None]))).astype(dtype)
    best = one_hot(jnp.argmin(after, axis=0), states, dtype=dtype)
    transition = respond(data, before, best)
    total = cost + jnp.sum(transition * after[None, None], axis=2)
    # One argmin decides: chained comparisons may be compiled twice, with other roundings at ties.
    action = jnp.argmin(total, axis=1).astype(jnp.int32)
    chosen = one_hot(action, total.shape[1], axis=1)
    value = jnp.sum(jnp.where(chosen, total, 0), axis=1)
    return Slot(value, action, chosen.astype(dtype), transition)


def backward(
    cost: jax.Array, uncertainty: Uncertainty, keep: Callable[[Slot], Any]
) -> tuple[jax.Array, Any]:
    """Plans all slots from the last to the first.

    >>> from jaxsoco_kernels import planning
    >>> cost = jnp.broadcast_to(jnp.array([[1.0, 2.0], [2.0, 0.0]]), (3, 2, 2))
    >>> box = planning.box(jnp.zeros((1, 2, 2, 2)), jnp.ones((1, 2, 2, 2)))  # any transition
    >>> value, actions = planning.backward(cost, box, lambda slot: slot.action)
    >>> value.tolist(), actions.tolist()
    ([1.0, 0.0], [[0, 1], [0, 1], [0, 1]])

    Args:
      cost: ``[T, S, A, ...]``, with all lanes.
      uncertainty: the transitions to choose from.
      keep: what to keep of every slot.

    Returns:
      The first slot's values ``[S, ...]`` and what was kept, ``[T, ...]`` each.
    """
    fixed, sliced = split_slots(uncertainty.data, cost.shape[0])

    def step(after, now):
        cost_now, data = now
        slot = step_back(cost_now, after, join_slots(fixed, data), uncertainty.respond)
        return slot.value, keep(slot)

    last = jnp.zeros((uncertainty.states, *cost.shape[3:]), cost.dtype)
    return jax.lax.scan(step, last, (cost, sliced), reverse=True)


def split_slots(tree: Any, slots: int) -> tuple[list[Any], Any]:
    """Arrays that are the same in every slot (their one row, or None), and those that are not.

    >>> from jaxsoco_kernels import planning
    >>> fixed, sliced = planning.split_slots((jnp.ones((1, 2)), jnp.zeros((3, 2))), 3)
    >>> fixed[1].shape, sliced[0], sliced[1].shape
    ((2,), None, (3, 2))
    """
    leaves, structure = jax.tree.flatten(tree)
    fixed = [x[0] if x.shape[0] == 1 and slots > 1 else None for x in leaves]
    sliced = [x if f is None else None for x, f in zip(leaves, fixed, strict=True)]
    return [structure, *fixed], sliced


def join_slots(fixed: list[Any], sliced: list[Any]) -> Any:
    """One slot's tree from the two halves of :func:`split_slots`.

    >>> from jaxsoco_kernels import planning
    >>> fixed, sliced = planning.split_slots((jnp.ones((1, 2)), jnp.zeros((3, 2))), 3)
    >>> same, own = planning.join_slots(fixed, [None, sliced[1][0]])  # the first slot
    >>> same.tolist(), own.tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    structure, *rows = fixed
    pairs = zip(rows, sliced, strict=True)
    return structure.unflatten([s if f is None else f for f, s in pairs])


def occupancy_of(policy: jax.Array, transition: jax.Array, initial: jax.Array) -> jax.Array:
    """How often every state and action is met under a policy.

    >>> from jaxsoco_kernels.occupancy import occupancy_of
    >>> swap = jnp.array([[0.0, 1.0], [1.0, 0.0]])[None, :, None]  # one action
    >>> occupancy_of(jnp.ones((2, 2, 1)), swap, jnp.array([1.0, 0.0])).tolist()
    [[[1.0], [0.0]], [[0.0], [1.0]]]

    Args:
      policy: probabilities of the actions, ``[T, S, A, ...]`` or ``[1, S, A, ...]``.
      transition: ``[T, S, A, S, ...]`` or ``[1, S, A, S, ...]``.
      initial: distribution of the first state, ``[S, ...]``.

    Returns:
      Occupancies ``[T, S, A, ...]`` with ``T`` the larger of the leading axes: probabilities that
      sum to 1 in every slot.
    """
    expect(
        policy=(policy, "T|1 S A ..."),
        transition=(transition, "T|1 S A S ..."),
        initial=(initial, "S ..."),
    )
    slots = max(policy.shape[0], transition.shape[0])
    fixed, sliced = split_slots((policy, transition), slots)
    lanes = jnp.broadcast_shapes(policy.shape[3:], transition.shape[4:], initial.shape[1:])

    # q_t(s, a) = P(s_t = s) policy_t(a | s), and P(s_t+1 = j) = sum_sa q_t(s, a) p(j | s, a).
    def step(state, now):
        choice, move = join_slots(fixed, now)
        met = state[:, None] * choice
        return jnp.sum(met[:, :, None] * move, axis=(0, 1)), met

    first = jnp.broadcast_to(initial, (initial.shape[0], *lanes)).astype(transition.dtype)
    return jax.lax.scan(step, first, sliced, length=slots)[1]


def forward_rows(chosen: jax.Array, rows: jax.Array, initial: jax.Array) -> jax.Array:
    """As :func:`occupancy_of` for chosen actions ``[T, S, A, ...]`` and rows ``[T, S, S, ...]``.

    >>> from jaxsoco_kernels import planning
    >>> rows = jnp.broadcast_to(jnp.array([[0.0, 1.0], [1.0, 0.0]]), (2, 2, 2))  # swap the states
    >>> planning.forward_rows(jnp.ones((2, 2, 1)), rows, jnp.array([1.0, 0.0])).tolist()
    [[[1.0], [0.0]], [[0.0], [1.0]]]
    """

    def step(state, now):
        choice, row = now
        return jnp.sum(state[:, None] * row, axis=0), state[:, None] * choice

    first = jnp.broadcast_to(initial, (initial.shape[0], *chosen.shape[3:])).astype(rows.dtype)
    return jax.lax.scan(step, first, (chosen, rows))[1]


def policy_of(occupancy: jax.Array, otherwise: jax.Array | None = None) -> jax.Array:
    """The policy ``q(s, a) / sum_a q(s, a)`` with these occupancies, ``[T, S, A, ...]``.

    >>> from jaxsoco_kernels.occupancy import policy_of
    >>> policy_of(jnp.array([[[0.25, 0.75], [0.0, 0.0]]])).tolist()  # state 1 is never met
    [[[0.25, 0.75], [0.5, 0.5]]]

    Args:
      occupancy: ``[T, S, A, ...]``, at least 0.
      otherwise: the policy in states that are never met, ``[T, S, A, ...]``; uniform if absent.
    """
    expect(occupancy=(occupancy, "T S A ..."))
    if otherwise is None:
        otherwise = jnp.full_like(occupancy, 1 / occupancy.shape[2])
    met = jnp.sum(occupancy, axis=2, keepdims=True)
    return jnp.where(met > 0, occupancy / jnp.where(met > 0, met, 1), otherwise)


def inner(occupancy: jax.Array, values: jax.Array) -> jax.Array:
    """Expected sum of ``values``, both ``[T, S, A, ...]``; ``[...]``.

    >>> from jaxsoco_kernels import planning
    >>> float(planning.inner(jnp.array([[[0.25, 0.75]]]), jnp.array([[[4.0, 8.0]]])))
    7.0
    """
    return jnp.sum(occupancy * values, axis=(0, 1, 2))


def all_slots(x: jax.Array, slots: int, lanes: Any) -> jax.Array:
    """``x [T or 1, S, A, ...]`` with all slots and lanes.

    >>> from jaxsoco_kernels import planning
    >>> planning.all_slots(jnp.ones((1, 2, 3, 1)), 5, (4,)).shape
    (5, 2, 3, 4)
    """
    lanes = jnp.broadcast_shapes(x.shape[3:], lanes)
    return jnp.broadcast_to(x, (slots, *x.shape[1:3], *lanes))
