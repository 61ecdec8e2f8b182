"""ST-CLIP's step with Dirac advice against Clarabel on the joint-coupling formulation.

States are random (many with a budget that binds) and taken from trajectories, whose bookkeeping
is done here, in NumPy and with POT.
"""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from soad_lanes import check_distribution, clip_arguments, metrics, stack, step_arguments
from soad_reference import (
    Price,
    Slot,
    network,
    random_bounds,
    random_decision,
    random_slot,
    spanning_tree,
    w1,
)
from soad_solvers import (
    Clip,
    Job,
    joint_objective,
    least_excess,
    solve_clip,
    whole_slots_path,
)

from jaxsoco.allocation import pcm_step, stclip_step

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
RAW, FREE = jax.jit(stclip_step), jax.jit(pcm_step)
KINDS = ("plane", "closure", "tree", "star")
COUNT = 40  # random states of each size


def step(clips, form: str = "factored", dtype=float):
    """Decisions, multipliers and infos of a batch, lanes last."""
    least, back = stack(clips, lambda c: c.least, dtype), None
    if clips[0].back is not None:
        ways = [c.slot._replace(distance=c.back) for c in clips]
        back = metrics(ways, lambda s: s.distance, form, dtype)
    return RAW(*clip_arguments(clips, form, dtype), least=least, return_metric=back)


def follow(clip: Clip) -> np.ndarray:
    """The advice, as far as the work left allows and demands, the rest OFF at the same point."""
    slot, n = clip.slot, clip.slot.costs.size
    rate, place = slot.throughput[0], clip.advice % n
    share = min(1.0, (1 - slot.done) / rate) if clip.advice < n else clip.least / rate
    decision = np.zeros(2 * n)
    decision[place], decision[place + n] = share, 1 - share
    return decision


def random_clip(rng: np.random.Generator, n: int, kind: str, stretch: float = 0.0) -> Clip:
    """A state with a budget between what following the advice needs and what is not felt.

    With ``stretch``, the way back to the advice is longer than the slot's distances.
    """
    slot = random_slot(rng, n, kind=kind, mixed=False)
    bounds, rate = slot.price.bounds, float(slot.throughput[0])
    slot = slot._replace(price=Price(bounds, bounds.gamma(10 ** rng.uniform(-2, 1))))
    advice = int(rng.integers(2 * n))
    runs = rate if advice < n else 0.0
    clip = Clip(
        slot,
        spanning_tree(rng, slot.distance),
        slot.done * rng.uniform(),
        advice,
        runs + (1 - runs) * rng.uniform(),
        rng.uniform(0, bounds.U),
        0.0,
        rng.choice([0, 0, rng.uniform()]) * min(rate, 1 - slot.done),
    )
    if stretch:
        # A sum of metrics is a metric, and no shorter than either.
        longer = stretch * bounds.D * rate * network(rng, n, "plane")
        clip = clip._replace(back=slot.distance + longer)
    need = clip.excess(follow(clip))
    free = solve_clip(clip._replace(budget=need + 20 * bounds.U)).decision
    share = rng.choice([0, 1e-3, rng.uniform(), rng.uniform(), rng.uniform(), 1.5])
    # Not a hair less than the advice needs: the solver wants an interior.
    return clip._replace(
        budget=need + share * max(clip.excess(free) - need, 0) + 1e-12 * slot.scale
    )


@functools.cache
def random_clips(n: int) -> tuple[Clip, ...]:
    rng = np.random.default_rng(n)
    return tuple(random_clip(rng, n, KINDS[i % len(KINDS)]) for i in range(COUNT))


# --- states from trajectories --------------------------------------------------------------------


class Tour(NamedTuple):
    """A job for a trajectory: the slot's data of all rounds, the advice and the trust."""

    job: Job
    start: Slot
    tree: np.ndarray
    advice: np.ndarray  # [T] states
    trust: float


def random_tour(rng: np.random.Generator, n: int, horizon: int, kind: str) -> Tour:
    """Prices with cycles and noise; advice is the best schedule of a noisy forecast."""
    bounds, scale = random_bounds(rng), 10 ** rng.uniform(-2, 0)
    # The guarantee takes every switch to cost tau c: were it less, the advice's switching off would
    # shrink the budget by more than it costs.
    bounds = dataclasses.replace(bounds, tau=scale * bounds.tau)
    length = int(rng.integers(2, 8))
    phase = np.cos(2 * np.pi * (np.arange(horizon)[:, None] / 24 + rng.uniform(size=n)))
    level = 0.35 * (1 + phase) + 0.3 * rng.uniform(size=(horizon, n))
    costs = (bounds.L + (bounds.U - bounds.L) * level) / length
    noise = (bounds.L + (bounds.U - bounds.L) * rng.uniform(size=costs.shape)) / length
    distance = scale * bounds.D / length * network(rng, n, kind)
    switch = np.full(n, bounds.tau / length)
    trust = float(rng.choice([0.05, 0.1, 0.5, 2.0]))
    price = Price(bounds, bounds.gamma(trust))
    previous = np.eye(2 * n)[n]
    start = Slot(price, costs[0], distance, switch, np.full(n, 1 / length), previous, 0.0)
    job = Job(costs, np.repeat(start.metric[None], horizon, 0), switch, start.throughput, 0)
    expected = job._replace(costs=0.6 * costs + 0.4 * noise)
    advice = whole_slots_path(expected, length)
    return Tour(job, start, spanning_tree(rng, distance), advice, trust)


class Record(NamedTuple):
    """A step of a trajectory: its state, and what the library answered."""

    clip: Clip
    decision: np.ndarray
    spent: float
    robust: float
    status: int


@functools.cache
def trajectories(n: int = 5, horizon: int = 24, count: int = COUNT) -> tuple[Record, ...]:
    """Steps of whole trajectories until the job is done, with exact bookkeeping."""
    rng = np.random.default_rng(7)
    tours = [random_tour(rng, n, horizon, KINDS[i % len(KINDS)]) for i in range(count)]
    eye, records = np.eye(2 * n), []
    state = [Clip(t.start, t.tree, 0.0, 0, 0.0, 0.0, 0.0) for t in tours]
    followed, advised = np.zeros(count), [t.start.previous for t in tours]
    active = np.ones(count, bool)
    for now in range(horizon):
        for b, tour in enumerate(tours):
            advice, slot, old = int(tour.advice[now]), state[b].slot, state[b]
            rate, bounds = slot.throughput[0], slot.price.bounds
            costs, runs = tour.job.costs[now], rate if advice < n else 0.0
            followed[b] += w1(eye[advice], advised[b], slot.metric)
            followed[b] += costs[advice] if advice < n else 0
            advised[b] = eye[advice]
            work = old.advice_work + runs
            future = bounds.tau * runs + (1 - work) * bounds.L
            least = max(1 - slot.done - (horizon - now - 1) * rate, 0.0)
            state[b] = old._replace(
                slot=slot._replace(costs=costs),
                # Work that is mandatory goes by the true metric.
                tree=slot.distance if least > 1e-9 else tour.tree,
                least=min(least, rate),
                advice=advice,
                advice_work=work,
                budget=(1 + tour.trust) * (followed[b] + future),
            )
            active[b] &= slot.done < 1 - 1e-9
        decision, _, info = step(state)
        decision = np.asarray(decision)
        for b in np.flatnonzero(active):
            clip, mine = state[b], decision[:, b]
            spent = clip.spent + clip.slot.charge(mine)
            robust = float(info.robust_utilization[b])
            status = int(info.status[b])
            records.append(Record(clip, mine, float(info.spent[b]), robust, status))
            slot = clip.slot._replace(previous=mine, done=clip.slot.done + clip.slot.work(mine))
            state[b] = clip._replace(slot=slot, spent=spent, robust=robust)
    return tuple(records)


def chosen_records() -> list[Record]:
    """The steps whose constraint is nearly met, and some of the others."""
    records = [r for r in trajectories() if r.status == 0]
    tight = [r for r in records if r.clip.excess(r.decision) > -1e-9 * r.clip.slot.scale]
    loose = [r for r in records if r.clip.excess(r.decision) <= -1e-9 * r.clip.slot.scale]
    return tight[:150] + loose[:: max(len(loose) // 30, 1)]


# --- the comparison ------------------------------------------------------------------------------


def compare(clip: Clip, decision: np.ndarray) -> None:
    """As good as the solver's, with the best plan that one coupling allows, and within budget."""
    slot, tolerance = clip.slot, 1e-6 * clip.slot.scale
    found = solve_clip(clip)
    assert abs(found.value - found.bound) < tolerance, "the solver is not accurate enough"
    assert joint_objective(clip, decision) <= found.value + tolerance
    assert clip.excess(decision) <= 1e-9 * slot.scale
    assert slot.done + slot.work(decision) <= 1 + 1e-12
    assert slot.work(decision) >= clip.least - 1e-12


def binding(multiplier, clips) -> int:
    return int(np.sum(np.asarray(multiplier) > 1e-6)) if len(clips) else 0


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("n", [2, pytest.param(5, marks=pytest.mark.slow), 14])
def test_random_states(n, x64):
    clips = random_clips(n)
    decision, multiplier, info = step(clips)
    decision = np.asarray(decision)
    check_distribution(decision, 1e-13)
    assert not np.any(info.status)
    assert binding(multiplier, clips) >= 8
    for b, clip in enumerate(clips):
        compare(clip, decision[:, b])
        # The plan serves both metrics: its objective is the joint problem's, no better.
        bound = solve_clip(clip).bound
        assert float(info.objective[b]) == pytest.approx(bound, abs=1e-6 * clip.slot.scale)


@pytest.mark.slow
@X64
@pytest.mark.oracle
@pytest.mark.parametrize("form", ["factored", pytest.param("full", marks=pytest.mark.slow)])
def test_a_longer_way_back(form, x64):
    """Distances that change: the constraint returns to the advice by those of the worst slot."""
    rng = np.random.default_rng(11)
    clips = [random_clip(rng, 5, KINDS[i % len(KINDS)], stretch=0.5) for i in range(COUNT)]
    decision, multiplier, info = step(clips, form)
    assert not np.any(info.status)
    assert binding(multiplier, clips) >= 8
    for b, clip in enumerate(clips):
        compare(clip, np.asarray(decision)[:, b])
        bound = solve_clip(clip).bound
        assert float(info.objective[b]) == pytest.approx(bound, abs=1e-6 * clip.slot.scale)
    # The shorter way would allow more.
    nearer = np.asarray(step([c._replace(back=None) for c in clips], form)[2].objective)
    assert np.sum(nearer < np.asarray(info.objective) - 1e-6) >= 5


@X64
@pytest.mark.oracle
def test_states_from_trajectories(x64):
    assert len(chosen_records()) >= 60
    for record in chosen_records():
        compare(record.clip, record.decision)


@X64
@pytest.mark.oracle
def test_a_budget_is_only_exceeded_where_it_must(x64):
    """In trajectories the budget always suffices, but perhaps for work that is mandatory."""
    for record in trajectories():
        if record.status:
            assert record.clip.least > 0
            assert least_excess(record.clip) > -1e-9 * record.clip.slot.scale
    assert sum(r.clip.least > 1e-9 for r in trajectories()) > 10


@X64
@pytest.mark.oracle
def test_enough_states_and_enough_that_bind(x64):
    """The comparison above means something."""
    bound = [binding(step(random_clips(n))[1], random_clips(n)) for n in (2, 5, 14)]
    records = chosen_records()
    clips = [r.clip for r in records]
    padded = [*clips, *clips][: len(clips) // COUNT * COUNT]
    multipliers = [np.asarray(step(padded[i : i + COUNT])[1]) for i in range(0, len(padded), COUNT)]
    tight = int(np.sum(np.concatenate(multipliers) > 1e-6))
    assert 3 * COUNT + len(records) >= 150
    assert sum(bound) + tight >= 60
    assert tight >= 20


@X64
def test_bookkeeping_of_trajectories(x64):
    """SC takes exact Wasserstein distances; rho grows by the lesser of free and real work."""
    records = trajectories()
    for record in records[:: max(len(records) // 150, 1)]:
        clip, slot = record.clip, record.clip.slot
        expected = clip.spent + slot.charge(record.decision)
        assert record.spent == pytest.approx(expected, abs=1e-11 * slot.scale)
        # Free of the advice: PCM's step on the tree at rho, with work at most 1 - z.
        tree = slot._replace(distance=clip.tree, done=clip.robust)
        free = FREE(*jax.tree.map(lambda x: x[..., 0], step_arguments([tree])))[2].work
        free = np.clip(float(free), clip.least, 1 - slot.done)
        grown = min(free, slot.work(record.decision))
        assert record.robust == pytest.approx(clip.robust + grown, abs=1e-10)


@X64
def test_info_is_what_the_decision_does(x64):
    clips = random_clips(5)
    decision, multiplier, info = step(clips)
    for b, clip in enumerate(clips):
        mine, slot = np.asarray(decision)[:, b], clip.slot
        tolerance = 1e-9 * slot.scale
        assert float(info.work[b]) == pytest.approx(slot.work(mine), abs=1e-13)
        # The reported objective and slack are the joint plan's, the separate ones are no worse.
        assert clip.objective(mine) <= float(info.objective[b]) + tolerance
        assert float(info.slack[b]) <= -clip.excess(mine) + tolerance
        assert float(info.violation[b]) <= tolerance
        # Complementary slackness.
        assert float(multiplier[b]) >= 0
        assert float(multiplier[b] * info.slack[b]) <= 1e-6 * slot.scale * (1 + multiplier[b])


@X64
def test_without_a_budget_it_is_the_free_step(x64):
    clips = [c._replace(budget=c.budget + 1e3 * c.slot.price.bounds.U) for c in random_clips(5)]
    decision, multiplier, _ = step(clips)
    np.testing.assert_array_equal(multiplier, 0)
    for b, clip in enumerate(clips):
        slot = clip.slot._replace(distance=clip.tree, done=clip.robust)
        _, _, free = FREE(*jax.tree.map(lambda x: x[..., 0], step_arguments([slot])))
        # Else the work that is left or mandatory binds, of which PCM's step knows nothing.
        if clip.least <= float(free.work) <= 1 - clip.slot.done:
            expected = slot.objective(np.asarray(decision)[:, b])
            assert expected == pytest.approx(float(free.objective), abs=1e-10 * slot.scale)


@X64
def test_a_budget_below_what_the_advice_needs_is_reported(x64):
    clips = [c._replace(budget=c.budget - 5 * c.slot.price.bounds.U) for c in random_clips(5)]
    decision, _, info = step(clips)
    np.testing.assert_array_equal(info.status, 1)
    assert np.all(np.asarray(info.violation) > 0)
    check_distribution(decision, 1e-13)


@X64
def test_the_advice_is_followed_by_its_cheapest_coupling(x64):
    """The advised point takes part of the mass ON: which part of the sources that is matters.

    With no slack at all only the target marginal of the advice is feasible, and only through its
    optimal coupling; moving the same fraction of every source breaks the budget.
    """
    bounds = random_bounds(np.random.default_rng(0))
    slot = Slot(
        Price(bounds, bounds.gamma(0.5)),
        np.array([0.9, 0.4]) * bounds.U,
        np.array([[0, 0.5], [0.5, 0]]) * bounds.D,
        np.array([bounds.tau + 0.1 * bounds.L, 0]),
        np.ones(2),
        np.array([0, 0.1, 0.7, 0.2]),
        0.75,
    )
    clip = Clip(slot, slot.distance, 0.2, 0, 1.0, 0.3 * bounds.U, 0.0)
    clip = clip._replace(budget=clip.excess(follow(clip)) + 1e-12 * slot.scale)
    decision, _, info = step([clip] * COUNT)
    assert not np.any(info.status)
    compare(clip, np.asarray(decision)[:, 0])


@X64
@pytest.mark.slow
@pytest.mark.parametrize("form", ["factored", "full"])
def test_single_run_lanes_and_vmap(form, x64):
    """Lanes may take only the states that hold mass; a single run takes all of them."""
    clips = random_clips(5)
    lanes = (*clip_arguments(clips, form), stack(clips, lambda c: c.least))

    def once(*arguments):
        return RAW(*arguments[:-1], least=arguments[-1])

    native = once(*lanes)
    mapped = jax.vmap(once, in_axes=-1, out_axes=-1)(*lanes)
    scale = np.array([c.slot.scale for c in clips])
    for theirs in (mapped, step(clips)):
        for name, unit in (("objective", scale), ("work", 1), ("robust_utilization", 1)):
            gap = np.abs(getattr(native[2], name) - getattr(theirs[2], name)) / unit
            assert np.max(gap) < 1e-8
    for b in (0, 7):
        one = once(*jax.tree.map(lambda x, b=b: x[..., b], lanes))
        gap = float(native[2].objective[b]) - float(one[2].objective)
        assert abs(gap) < 1e-8 * scale[b]


@X64
@pytest.mark.slow
def test_advice_as_an_index_or_one_hot(x64):
    """The two ways to the same step."""
    clips = [c for c in random_clips(5) if c.least == 0]
    clips = (4 * clips)[:COUNT]
    lanes = clip_arguments(clips)
    states = jnp.asarray(np.stack([c.advised for c in clips], -1))
    _, _, one = RAW(*lanes)
    _, multiplier, whole = RAW(*lanes[:7], states, *lanes[8:])
    scale = np.array([c.slot.scale for c in clips])
    np.testing.assert_array_equal(whole.status, 0)
    assert np.max(np.abs(one.objective - whole.objective) / scale) < 1e-9
    np.testing.assert_allclose(one.work, whole.work, atol=1e-9)
    assert binding(multiplier, clips) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("x64", [False], indirect=True)
def test_single_precision(x64):
    clips = random_clips(5)
    # Room for rounding: a budget of exactly what is needed is not one in float32.
    clips = [c._replace(budget=c.budget + 1e-4 * c.slot.scale) for c in clips]
    decision, _, info = step(clips, dtype=np.float32)
    check_distribution(decision, 2e-6)
    assert decision.dtype == info.spent.dtype == jnp.float32
    with jax.enable_x64(True):
        exact = np.asarray(step(clips)[2].objective)
    for b, clip in enumerate(clips):
        mine = np.asarray(decision[:, b], float)
        mine /= mine.sum()
        unit = clip.slot.scale + 1e-1 * abs(clip.budget)
        assert clip.objective(mine) <= exact[b] + 2e-3 * unit
        assert clip.excess(mine) <= 1e-4 * unit


def test_a_step_may_start_from_dust(x64):
    """Entries at the level of rounding, ties and zero prices leave a decision."""
    rng = np.random.default_rng(3)
    n, clips = 5, []
    for clip in random_clips(n):
        previous = random_decision(rng, n, "few") + 1e-17
        flat = np.full(n, clip.slot.price.bounds.L * clip.slot.throughput[0])
        slot = clip.slot._replace(previous=previous / previous.sum(), costs=flat)
        clips.append(clip._replace(slot=slot))
    dtype = np.float64 if x64 else np.float32
    decision, multiplier, info = step(clips, dtype=dtype)
    check_distribution(decision, 1e-13 if x64 else 3e-6)
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves((multiplier, info)))
