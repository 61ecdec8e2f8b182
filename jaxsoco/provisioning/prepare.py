"""The family's problems: settings of an experiment, checked and turned into a specification.

The functions ``prepare_...`` run before JAX is imported; :func:`build` and those that return a
:class:`~jaxsoco.provisioning.spec.Spec` need it, so JAX is imported there inside functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.provisioning.data.traces import load_trace_csv
from jaxsoco.provisioning.theory import queues
from jaxsoco.provisioning.theory.model import ROUNDING, TabularModel, load_tabular

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.provisioning.spec import Spec


class Content(NamedTuple):
    """A checked problem: the model, the baseline ``[T or 1, S, A]`` and what it consumes."""

    model: TabularModel
    baseline: np.ndarray
    base_consumption: float
    budget_high: float
    anchor: float
    target: float


def prepare_paper_queue(values: Mapping[str, Any], folder: Path) -> Prepared:
    """The queue of arXiv 2601.18936, section 5; raises ``InputError`` with all problems."""
    identity: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    rate = values["arrival_rate"]
    _start_within(values)
    if values["arrivals"] == "poisson":
        arrivals, source = queues.poisson(rate), f"Poisson arrivals, {rate:g} a slot"
    else:
        try:
            path = folder / values["arrivals"]
            trace = load_trace_csv(path, column=values["column"], bin=values["bin"])
            trace = trace.rebin(values["rebin"])
            arrivals = trace.distribution(rate)
        except InputError as error:
            raise _under("problem.arrivals", error) from None
        identity["arrivals"] = trace.digest
        source = f"arrivals of {trace.source}, {trace.counts.size} slots"
        notes = (f"arrivals: {trace.source}; mean {trace.mean:.4g} a slot scaled to {rate:g}",)
    model = queues.single_queue(
        capacity=values["capacity"],
        slots=values["slots"],
        start=values["start"],
        arrivals=arrivals,
        base_loss=0.1,
        source=source,
    )
    return _prepared(model, values, identity, notes)


def prepare_bursty_queue(values: Mapping[str, Any], folder: Path) -> Prepared:
    """A queue with batches; raises ``InputError`` with all problems."""
    del folder
    _start_within(values)
    model = queues.single_queue(
        capacity=values["capacity"],
        slots=values["slots"],
        start=values["start"],
        arrivals=queues.batches(values["burst_chance"], values["burst_size"]),
        base_loss=0.0,
        success=values["success"],
        late=True,
        source="bursty queue",
    )
    return _prepared(model, values, {}, ())


def prepare_two_queues(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Two queues that share a budget; raises ``InputError`` with all problems."""
    del folder
    _start_within(values)
    model = queues.two_queues(
        topology=values["topology"],
        capacity=values["capacity"],
        slots=values["slots"],
        start=(values["start"],) * 2,
        arrivals=[
            queues.batches(values[name], values["burst_size"])
            for name in ("burst_chance", "second_chance")
        ],
        success=(values["success"],) * 2,
    )
    return _prepared(model, values, {}, ())


def prepare_tabular(values: Mapping[str, Any], folder: Path) -> Prepared:
    """A model from a file; raises ``InputError`` with all problems."""
    try:
        path = folder / values["model"]
        model = load_tabular(path, values["slots"])
        with np.load(path, allow_pickle=False) as file:
            own = file["baseline"] if "baseline" in file.files else None
    except InputError as error:
        raise _under("problem.model", error) from None
    identity = {"model": model.digest}
    if own is not None and values["baseline"] == "file":
        identity["baseline"] = np.asarray(own).tolist()
    return _prepared(model, values, identity, (f"model: {model.source}",), own)


def _start_within(values: Mapping[str, Any]) -> None:
    if values["start"] > values["capacity"]:
        message = f"a queue of {values['start']} exceeds capacity = {values['capacity']}"
        raise InputError(Issue("problem.start", message, "want start <= capacity"))


def _under(field: str, error: InputError) -> InputError:
    """The same issues, with the field that led to them."""
    return InputError(Issue(f"{field}: {i.path}", i.message, i.hint) for i in error.issues)


def _prepared(
    model: TabularModel,
    values: Mapping[str, Any],
    identity: dict[str, Any],
    notes: tuple[str, ...],
    own_baseline: np.ndarray | None = None,
) -> Prepared:
    """Checks the model against the budget; all problems at once."""
    baseline = _baseline(values["baseline"], model, own_baseline)
    spent = model.expected(baseline, model.consumption)
    low, slots = float(values["budget_low"]), float(model.slots)
    high = slots if values["budget_high"] is None else float(values["budget_high"])
    least = model.least_consumption()
    issues = []
    if low < least - ROUNDING:
        message = f"{low:g} is below the least attainable consumption of an episode, {least:.6g}"
        issues.append(Issue("problem.budget_low", message, "no policy keeps it; want more"))
    elif spent >= low:
        message = f"consumes {spent:.6g} in an episode and violates budget_low = {low:g}"
        hint = f"want a policy below it (the least is {least:.6g}), or a larger budget_low"
        issues.append(Issue("problem.baseline", message, hint))
    if high < low:
        message = f"{high:g} is below budget_low = {low:g}"
        issues.append(Issue("problem.budget_high", message, "want budget_low <= budget_high"))
    if issues:
        raise InputError(issues)
    anchor = slots / 2 if values["anchor"] is None else values["anchor"]
    target = anchor if values["target"] is None else values["target"]
    shapes = (model.loss, model.consumption, model.transition, baseline)
    group = (model.slots, *(x.shape for x in shapes))
    content = Content(model, baseline, spent, high, anchor, target)
    return Prepared(content, group, identity, notes)


def _baseline(text: str, model: TabularModel, own: np.ndarray | None) -> np.ndarray:
    """Action probabilities ``[1 or T, S, A]``."""
    states, actions = model.loss.shape[1:]
    where, hint = "problem.baseline", f"want {actions} chances that sum to 1"
    if text == "file":
        if own is None:
            raise InputError(
                Issue(where, "the file holds no baseline", f"{hint}, or such an array")
            )
        policy = np.asarray(own, np.float64)
        policy = policy[None] if policy.ndim == 2 else policy
        if policy.shape not in ((1, states, actions), (model.slots, states, actions)):
            want = f"want [slot, state, action], {[model.slots, states, actions]}, or without slots"
            raise InputError(Issue(where, f"has the shape {list(policy.shape)}", want))
    else:
        try:
            chances = np.array([float(x) for x in text.split(",")])
        except ValueError:
            raise InputError(Issue(where, f'cannot read "{text}"', hint)) from None
        if chances.size != actions:
            message = f"has {chances.size} chances, the problem {actions} actions"
            raise InputError(Issue(where, message, hint))
        policy = np.broadcast_to(chances, (1, states, actions))
    if not np.all(policy >= 0) or not np.all(np.abs(policy.sum(axis=-1) - 1) <= ROUNDING):
        place = np.argwhere(~(np.abs(policy.sum(axis=-1) - 1) <= ROUNDING) | (policy < 0).any(-1))[
            0
        ]
        message = f"is no distribution: {policy[tuple(place)].tolist()}"
        raise InputError(Issue(where, message, hint))
    return np.array(policy)


def build(prepared: Prepared, values: Mapping[str, Any]) -> Instance:
    """The problem of one point, ready for a sweep."""
    from jaxsoco.core.protocol import Instance
    from jaxsoco.provisioning.problem import provisioning

    return Instance(provisioning, _draw, _spec(prepared, values), values["horizon"])


def _draw(key: Any, spec: Spec) -> Spec:
    """All runs of a point are of the same specification."""
    del key
    return spec


def _spec(prepared: Prepared, values: Mapping[str, Any]) -> Spec:
    import jax.numpy as jnp

    from jaxsoco.provisioning.spec import Spec

    content: Content = prepared.content
    model = content.model
    names = ("budget_low", "latency_weight", "switching", "price", "tracking", "anchoring")
    names += ("swing", "period", "jitter", "cost_noise", "cost_seen")
    numbers = {name: jnp.asarray(values[name], float) for name in names}
    return Spec(
        **numbers,
        loss=jnp.asarray(model.loss, float),
        consumption=jnp.asarray(model.consumption, float),
        transition=jnp.asarray(model.transition, float),
        initial=jnp.asarray(model.initial, float),
        baseline=jnp.asarray(content.baseline, float),
        base_consumption=jnp.asarray(content.base_consumption, float),
        budget_high=jnp.asarray(content.budget_high, float),
        anchor=jnp.asarray(content.anchor, float),
        target=jnp.asarray(content.target, float),
        episodes=jnp.asarray(values["horizon"], jnp.int32),
        slots=model.slots,
    )


def _named(name: str, prepare: Callable[..., Prepared], episodes: int, values: dict) -> Spec:
    """The specification of a problem by its fields' values."""
    from jaxsoco.provisioning import FAMILY

    (entry,) = [entry for entry in FAMILY.problems if entry.name == name]
    defaults = {field.name: field.default for field in entry.fields}
    unknown = set(values) - set(defaults)
    if unknown:
        raise TypeError(f"unknown fields: {sorted(unknown)}; known: {sorted(defaults)}")
    filled = {**defaults, **values, "horizon": episodes}
    return _spec(prepare(filled, Path()), filled)


def paper_queue(episodes: int = 6000, **values: Any) -> Spec:
    """The queue of the paper: lengths 0 to 10, up to 2 blocks a slot, 10 slots.

    Args:
      episodes: number of episodes, which the learners know.
      **values: fields of the problem (``jaxsoco list provisioning/paper_queue``) that differ from
        their defaults, such as ``arrivals="trace.csv", bin=0.01``.

    Raises:
      TypeError: no such field.
      InputError: values or data that cannot be used.
    """
    return _named("paper_queue", prepare_paper_queue, episodes, values)


def bursty_queue(episodes: int = 6000, **values: Any) -> Spec:
    """A queue with batches of arrivals and blocks that may fail; see :func:`paper_queue`."""
    return _named("bursty_queue", prepare_bursty_queue, episodes, values)


def two_queues(episodes: int = 6000, **values: Any) -> Spec:
    """Two queues that share one budget, parallel or tandem; see :func:`paper_queue`."""
    return _named("two_queues", prepare_two_queues, episodes, values)


def tabular(episodes: int = 6000, **values: Any) -> Spec:
    """A model from a file, ``tabular(model="queue.npz", ...)``; see :func:`paper_queue`."""
    return _named("tabular", prepare_tabular, episodes, values)
