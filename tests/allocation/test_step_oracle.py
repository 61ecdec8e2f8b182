"""PCM's step against Clarabel and HiGHS, which see the whole transport plan."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from soad_lanes import check_distribution, stack, step_arguments
from soad_reference import Bounds, Price, Slot, network, random_bounds, random_decision, random_slot
from soad_solvers import cheapest_work, solve_slot

from jaxsoco.allocation import PseudoCost, StateMetric, embed_tree, pcm_step, state_metric
from jaxsoco.allocation.theory.step import forced_step

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
STEP, FORCED = jax.jit(pcm_step), jax.jit(forced_step)
KINDS = ("plane", "closure", "tree", "star", "embedded")
SIZES = (2, 5, 14)
COUNT = 40  # instances of a size and kind of throughput: 240 in all


@functools.cache
def slots(n: int, mixed: bool) -> tuple[Slot, ...]:
    """Instances on plain and tree metrics, random embeddings among them."""
    rng = np.random.default_rng(100 * n + mixed)
    kinds = [KINDS[i % len(KINDS)] for i in range(COUNT)]
    drawn = [
        random_slot(rng, n, kind="plane" if kind == "embedded" else kind, mixed=mixed)
        for kind in kinds
    ]
    trees = embed_tree(
        jax.random.split(jax.random.key(n), COUNT),
        jnp.asarray(np.stack([s.distance for s in drawn], -1)),
    ).distance
    return tuple(
        s._replace(distance=np.asarray(trees[..., i], float)) if kind == "embedded" else s
        for i, (s, kind) in enumerate(zip(drawn, kinds, strict=True))
    )


@functools.cache
def solved(n: int, mixed: bool) -> tuple[tuple[float, float], ...]:
    """The solver's objective, priced by us with POT, and its lower bound."""
    answers = []
    for slot in slots(n, mixed):
        found = solve_slot(slot)
        value = slot.objective(found.decision)
        assert abs(value - found.bound) < 1e-7 * slot.scale, "the solver is not accurate enough"
        answers.append((value, found.bound))
    return tuple(answers)


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("mixed", [False, True], ids=["uniform", "mixed"])
@pytest.mark.parametrize("n", [2, pytest.param(5, marks=pytest.mark.slow), 14])
def test_step_is_never_worse_than_clarabel(n, mixed, x64):
    items = slots(n, mixed)
    decision, done, info = STEP(*step_arguments(items, mixed=mixed))
    decision = np.asarray(decision)
    check_distribution(decision, 1e-13)
    assert not np.any(info.status)
    for b, (slot, (value, bound)) in enumerate(zip(items, solved(n, mixed), strict=True)):
        ours = slot.objective(decision[:, b])
        assert ours <= value + 1e-8 * slot.scale
        assert ours >= bound - 1e-7 * slot.scale
        work = slot.work(decision[:, b])
        assert slot.done + work <= 1 + 1e-13
        # What the step reports of itself is what it did.
        assert float(info.objective[b]) == pytest.approx(ours, abs=1e-11 * slot.scale)
        assert float(info.work[b]) == pytest.approx(work, abs=1e-14)
        assert float(done[b]) == pytest.approx(slot.done + work, abs=1e-14)


@pytest.mark.slow
@X64
def test_instances_are_not_all_of_one_kind(x64):
    """The comparison above means something: the steps wait, split, finish, and move."""
    works, ends = [], []
    for mixed in (False, True):
        for n in SIZES:
            items = slots(n, mixed)
            decision, done, _ = STEP(*step_arguments(items, mixed=mixed))
            works += [s.work(np.asarray(decision)[:, b]) for b, s in enumerate(items)]
            ends += list(np.asarray(done))
    works, ends = np.array(works), np.array(ends)
    assert len(works) >= 200
    assert np.mean(works < 1e-12) > 0.05
    assert np.mean(works > 1e-12) > 0.3
    assert np.sum(ends > 1 - 1e-12) >= 20


@X64
@pytest.mark.parametrize("mixed", [False, True], ids=["uniform", "mixed"])
def test_full_matrix_gives_the_same_step(mixed, x64):
    items = slots(5, mixed)
    factored = STEP(*step_arguments(items, mixed=mixed))
    full = STEP(*step_arguments(items, "full", mixed=mixed))
    scale = np.array([s.scale for s in items])
    check_distribution(np.asarray(full[0]), 1e-13)
    np.testing.assert_allclose(full[1], factored[1], atol=1e-12)
    gap = np.abs(np.asarray(full[2].objective) - np.asarray(factored[2].objective))
    assert np.all(gap < 1e-12 * scale)
    for b, slot in enumerate(items):  # the decisions may differ at ties, what they cost may not
        ours = slot.objective(np.asarray(full[0])[:, b])
        assert ours == pytest.approx(float(full[2].objective[b]), abs=1e-11 * slot.scale)


@pytest.mark.slow
@X64
@pytest.mark.parametrize("form", ["factored", "full"])
@pytest.mark.parametrize("mixed", [False, True], ids=["uniform", "mixed"])
def test_single_run_lanes_and_vmap(form, mixed, x64):
    items = slots(5, mixed)[:12]
    lanes = step_arguments(items, form, mixed=mixed)
    native = STEP(*lanes)
    mapped = jax.vmap(STEP, in_axes=-1, out_axes=-1)(*lanes)
    scale = max(s.scale for s in items)
    for ours, theirs in zip(jax.tree.leaves(native), jax.tree.leaves(mapped), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12 * scale)
    for b in (0, 5, 11):
        one = STEP(*jax.tree.map(lambda x, b=b: x[..., b], lanes))
        for ours, theirs in zip(jax.tree.leaves(native), jax.tree.leaves(one), strict=True):
            np.testing.assert_allclose(ours[..., b], theirs, atol=1e-12 * scale)


@X64
def test_shared_network_and_prices(x64):
    """Leaves without lanes, scalars and plain floats stand for all lanes."""
    items = slots(5, False)[:6]
    first = items[0]
    same = [
        s._replace(**{k: getattr(first, k) for k in ("price", "distance", "switch", "throughput")})
        for s in items
    ]
    b = first.price.bounds
    shared = (
        stack(same, lambda s: s.costs),
        StateMetric(jnp.asarray(first.distance), jnp.asarray(first.switch)),
        float(first.throughput[0]),
        stack(same, lambda s: s.previous),
        stack(same, lambda s: s.done),
        PseudoCost(b.L, b.U, b.D, b.tau, first.price.rate),
    )
    for ours, theirs in zip(
        jax.tree.leaves(STEP(*step_arguments(same))), jax.tree.leaves(STEP(*shared)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-12 * first.scale)


@X64
def test_equal_rates_given_one_by_one(x64):
    """Rates that are equal, but not known to be, take the general way to the same objective."""
    items = slots(5, False)
    uniform, general = STEP(*step_arguments(items)), STEP(*step_arguments(items, mixed=True))
    np.testing.assert_allclose(uniform[1], general[1], atol=1e-9)
    for b, slot in enumerate(items):
        ours = slot.objective(np.asarray(general[0])[:, b])
        assert ours == pytest.approx(float(uniform[2].objective[b]), abs=1e-10 * slot.scale)


@pytest.mark.oracle
@pytest.mark.parametrize("x64", [False], indirect=True)
@pytest.mark.parametrize("mixed", [False, True], ids=["uniform", "mixed"])
def test_single_precision(mixed, x64):
    items = slots(5, mixed)
    decision, done, info = STEP(*step_arguments(items, mixed=mixed, dtype=np.float32))
    assert decision.dtype == done.dtype == info.objective.dtype == jnp.float32
    check_distribution(np.asarray(decision), 1e-6)
    for b, (slot, (value, _)) in enumerate(zip(items, solved(5, mixed), strict=True)):
        exact = np.asarray(decision[:, b], float)
        assert slot.objective(exact / exact.sum()) <= value + 2e-5 * slot.scale
        assert slot.done + slot.work(exact) <= 1 + 1e-6


# --- the mandatory phase -------------------------------------------------------------------------


def demand(slot: Slot, rng: np.random.Generator) -> float:
    """Some work that the slot can do, often all of it."""
    return float(slot.throughput.max() * rng.choice([1.0, rng.uniform(), 0.0], p=[0.3, 0.6, 0.1]))


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("form", ["factored", "full"])
@pytest.mark.parametrize("mixed", [False, True], ids=["uniform", "mixed"])
def test_forced_step_is_the_cheapest_way(form, mixed, x64):
    items = slots(5, mixed)
    rng = np.random.default_rng(1)
    works = [demand(s, rng) for s in items]
    costs, metric, rates, previous, _, _ = step_arguments(items, form, mixed=mixed)
    decision, info = FORCED(costs, metric, rates, previous, jnp.asarray(works))
    check_distribution(np.asarray(decision), 1e-13)
    assert not np.any(info.status)
    for b, (slot, work) in enumerate(zip(items, works, strict=True)):
        ours = np.asarray(decision)[:, b]
        assert slot.work(ours) == pytest.approx(work, abs=1e-13)
        charge = slot.charge(ours)
        assert charge == pytest.approx(cheapest_work(slot, work), abs=1e-9 * slot.scale)
        assert float(info.objective[b]) == pytest.approx(charge, abs=1e-10 * slot.scale)


@X64
def test_work_that_cannot_be_done_is_reported(x64):
    for mixed in (False, True):
        items = slots(5, mixed)[:4]
        costs, metric, rates, previous, _, _ = step_arguments(items, mixed=mixed)
        most = stack(items, lambda s: s.throughput.max())
        decision, info = FORCED(costs, metric, rates, previous, most * jnp.asarray([1, 1.01, 1, 2]))
        np.testing.assert_array_equal(info.status, [0, 1, 0, 1])
        check_distribution(np.asarray(decision), 1e-13)
        np.testing.assert_allclose(info.work, most, rtol=1e-12)


# --- hard cases ----------------------------------------------------------------------------------


def two_points(rates: tuple[float, float], distance: float) -> Slot:
    """Running at the second of two points, cheap slots, prices that may reach far above them."""
    bounds = Bounds(1, 100, 5, 0.5)
    throughput = 0.1 * np.array(rates)
    apart = np.array([[0, distance], [distance, 0]])
    previous = np.array([0, 1.0, 0, 0])
    price = Price(bounds, bounds.eta)
    return Slot(price, 1.0 * throughput, apart, np.zeros(2), throughput, previous, 0.0)


@X64
@pytest.mark.oracle
@pytest.mark.parametrize("rates", [(1, 0.99), (1, 0.9999), (1, 1 - 1e-7), (1, 1)])
def test_rates_that_nearly_agree(rates, x64):
    """The price at which the faster point pays exceeds all costs per unit of work by far."""
    slot = two_points(rates, 0.01)
    one = lambda s: jax.tree.map(lambda x: x[..., 0], step_arguments([s], mixed=True))  # noqa: E731
    decision, _, info = STEP(*one(slot))
    assert (
        slot.objective(np.asarray(decision))
        <= slot.objective(solve_slot(slot).decision) + 1e-8 * slot.scale
    )
    assert info.status == 0
    # And it is the only way to do more than the slower one can.
    work = float(slot.throughput.mean())
    costs, metric, throughput, previous, _, _ = one(slot)
    decision, info = FORCED(costs, metric, throughput, previous, work)
    assert info.status == 0
    assert slot.work(np.asarray(decision)) == pytest.approx(work, abs=1e-13)
    charge = slot.charge(np.asarray(decision))
    assert charge == pytest.approx(cheapest_work(slot, work), abs=1e-8 * slot.scale)


@X64
def test_a_lane_does_not_depend_on_its_neighbours(x64):
    """Also with mixed rates, where the price is searched for."""
    items = [*slots(5, True)[:6]]
    huge = items[0]._replace(costs=items[0].costs * 1e6, distance=items[0].distance * 1e6)
    slow = items[1]._replace(throughput=items[1].throughput * np.array([1, 1, 1, 1, 1e-6]))
    alone = STEP(*step_arguments(items, mixed=True))
    among = STEP(*step_arguments([*items[:4], huge, slow], mixed=True))
    for ours, theirs in zip(jax.tree.leaves(alone), jax.tree.leaves(among), strict=True):
        np.testing.assert_array_equal(ours[..., :4], theirs[..., :4])


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(["plane", "tree", "star", "zero"]),
    prices=st.sampled_from(["spread", "equal", "low", "high"]),
    done=st.sampled_from([0.0, 0.5, 1 - 1e-12, 1.0, 1 + 1e-12]),
    held=st.sampled_from(["one", "few", "all", "dust"]),
    mixed=st.booleans(),
)
def test_step_is_always_a_decision(seed, kind, prices, done, held, mixed, x64):
    """Mass is conserved, nothing is negative, work stays within its bounds; ties and zeros too."""
    rng = np.random.default_rng(seed)
    n, bounds = 5, random_bounds(rng)
    throughput = rng.choice([0.1, 0.2], n) if mixed else np.full(n, 0.2)
    distance = np.zeros((n, n)) if kind == "zero" else bounds.D * 0.1 * network(rng, n, kind)
    level = {"spread": rng.uniform(bounds.L, bounds.U, n), "equal": 0.5 * (bounds.L + bounds.U)}
    costs = throughput * level.get(prices, bounds.L if prices == "low" else bounds.U)
    previous = random_decision(rng, n, "few" if held == "dust" else held)
    if held == "dust":
        previous = (previous + 1e-17) / (previous + 1e-17).sum()
    switch = bounds.tau * throughput * rng.choice([0.0, 1.0])
    slot = Slot(Price(bounds, bounds.eta), costs, distance, switch, throughput, previous, done)
    # A lane axis of one, so that this shares a compilation with no other size.
    decision, after, info = STEP(
        *step_arguments([slot], mixed=mixed, dtype=np.float64 if x64 else np.float32)
    )
    decision, tolerance = np.asarray(decision[:, 0], float), 1e-13 if x64 else 2e-6
    assert np.all(np.isfinite(decision))
    assert np.all(decision >= 0)
    assert decision.sum() == pytest.approx(1, abs=tolerance)
    work = float(throughput @ decision[:n])
    assert 0 <= work <= max(1 - done, 0) + tolerance
    assert float(after[0]) == pytest.approx(done + work, abs=tolerance)
    assert np.isfinite(float(info.objective[0]))
    # Not working at all is allowed, so the step is not worse than its cheapest form of rest.
    still = np.concatenate([np.zeros(n), previous[:n] + previous[n:]])
    rest = slot.charge(still)
    assert float(info.objective[0]) <= rest + max(tolerance, 1e-11) * 10 * slot.scale


@X64
def test_ties_go_to_the_lowest_index(x64):
    """Documented, so that runs are reproducible."""
    n = 5
    bounds = Bounds(1, 100, 5, 0)
    flat = Slot(
        Price(bounds, bounds.eta),
        np.full(n, 0.1),
        np.zeros((n, n)),
        np.zeros(n),
        np.full(n, 0.1),
        np.eye(2 * n)[7],
        0.0,
    )
    decision, _, _ = STEP(*step_arguments([flat]))
    np.testing.assert_allclose(decision[:, 0], np.eye(2 * n)[0], atol=1e-15)


@X64
def test_gradients_are_finite_and_right(x64):
    """The optimal value's derivative in the costs is the decision (envelope theorem)."""
    items = [s for s in slots(5, False) if 0.05 < s.done < 0.9][:8]
    lanes = step_arguments(items)

    def value(costs):
        return jnp.sum(pcm_step(costs, *lanes[1:])[2].objective)

    gradient = jax.jit(jax.grad(value))(lanes[0])
    decision, _, _ = STEP(*lanes)
    assert np.all(np.isfinite(gradient))
    np.testing.assert_allclose(gradient, decision[:5], atol=1e-9)


def test_full_matrix_of_the_state_metric_is_what_the_reference_uses():
    slot = slots(5, False)[0]
    full = state_metric(jnp.asarray(slot.distance), jnp.asarray(slot.switch))
    np.testing.assert_allclose(full, slot.metric, rtol=1e-5)
