"""Jobs that share capacity: the bound against HiGHS, the admission by its invariants."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import coo_array

import jaxsoco
from jaxsoco.allocation import (
    SharedJobs,
    SharedNetwork,
    capacity_bound,
    integral_optimum,
    offline_optimum,
    share_capacity,
    state_metric,
)
from jaxsoco.allocation.sharing.network import check_shared
from jaxsoco.allocation.sharing.room import STEPS, Room, flow, in_steps, most_work
from jaxsoco.core.errors import InputError

X64 = pytest.mark.parametrize("x64", [True], indirect=True)
HOURS, REGIONS, JOBS, LONGEST = 12, 3, 5, 8
LEARNERS = ("greedy", "agnostic", "delayed_greedy", "threshold", "pcm", "st_clip")


def draw(seed, capacity=(1, 3), jobs=JOBS):
    """An instance whose first region is cheap: all want to be there, and half a job fits, too."""
    noise = np.random.default_rng(seed)
    costs = noise.uniform(20, 500, (HOURS, REGIONS))
    costs[:, 0] *= 0.3
    places = noise.uniform(0, 1, (REGIONS, 2))
    distance = 60 * np.linalg.norm(places[:, None] - places[None], axis=-1)
    arrival = np.sort(noise.integers(0, HOURS - LONGEST + 1, jobs))
    deadline = noise.integers(4, LONGEST + 1, jobs)
    # Always the same shapes, so that one program does for all instances.
    deadline[0] = LONGEST
    length = np.minimum(noise.integers(1, 5, jobs), deadline)
    length[0] = 4
    low, high = capacity
    room = noise.integers(2 * low, 2 * high - 1, (HOURS, REGIONS)) / 2
    network = SharedNetwork(costs, distance, noise.uniform(0, 5, REGIONS), room)
    return network, SharedJobs(arrival, deadline, length, noise.integers(0, REGIONS, jobs))


def fits(network, jobs):
    try:
        check_shared(network, jobs)
    except InputError:
        return False
    return True


def instances(count, **options):
    """The first instances whose jobs fit into the capacity."""
    drawn = (draw(seed, **options) for seed in itertools.count())
    return [*itertools.islice((one for one in drawn if fits(*one)), count)]


# --- the oracle: one linear program of flows, all jobs together -----------------------------------


def solve(network, jobs):
    """HiGHS on the flows ``y[job, slot, from, to]`` of all jobs, capacity included."""
    n = network.costs.shape[1]
    metric = np.asarray(state_metric(network.distance, network.switch), float)
    cost, equal, below = [], _Rows(), _Rows()
    room: dict[tuple[int, int], list[int]] = {}
    for arrival, deadline, length, start in zip(*jobs, strict=True):
        first, states = len(cost), range(2 * n)
        for t in range(deadline):
            for _, j in itertools.product(states, states):
                if j < n:
                    room.setdefault((arrival + t, j), []).append(len(cost))
                service = network.costs[arrival + t, j] if j < n else 0.0
                end = network.switch[j] if j < n and t == deadline - 1 else 0.0
                cost.append(service + end)
        moves = np.tile(metric.ravel(), deadline)
        cost[first:] = (np.array(cost[first:]) + moves).tolist()
        index = first + np.arange(deadline * 4 * n * n).reshape(deadline, 2 * n, 2 * n)
        for i in states:
            equal.add({k: 1.0 for k in index[0, i]}, float(i == n + start))
            for t in range(1, deadline):
                out = {k: 1.0 for k in index[t, i]}
                equal.add(out | {k: -1.0 for k in index[t - 1, :, i]}, 0.0)
        below.add({k: -1 / length for k in index[:, :, :n].ravel()}, -1.0)
    for at, flows in room.items():
        below.add({k: 1.0 for k in flows}, network.capacity[at])
    size = len(cost)
    options = {"A_ub": below.matrix(size), "b_ub": below.right, "bounds": (0, None)}
    return linprog(cost, A_eq=equal.matrix(size), b_eq=equal.right, method="highs", **options)


class _Rows:
    def __init__(self):
        self.entries, self.right = [], []

    def add(self, row, right):
        self.entries += [(len(self.right), k, x) for k, x in row.items()]
        self.right.append(right)

    def matrix(self, size):
        rows, columns, values = zip(*self.entries, strict=True)
        return coo_array((values, (rows, columns)), shape=(len(self.right), size)).tocsr()


# --- the bound ------------------------------------------------------------------------------------


@X64
@pytest.mark.oracle
def test_the_bound_is_the_linear_programs_optimum(x64):
    gaps = []
    for network, jobs in instances(12):
        best = solve(network, jobs)
        assert best.status == 0
        bound = capacity_bound(network, jobs)
        assert bound.alone <= bound.value <= best.fun * (1 + 1e-9)
        gaps.append(1 - bound.value / best.fun)
    assert np.median(gaps) < 1e-6 and max(gaps) < 2e-3


@pytest.mark.slow
@X64
@pytest.mark.oracle
def test_any_prices_bound_the_cost(x64):
    network, jobs = instances(1)[0]
    best = solve(network, jobs).fun
    for iterations in (0, 1, 5, 40):
        bound = capacity_bound(network, jobs, iterations=iterations)
        assert bound.value <= best * (1 + 1e-9)
        priced = SharedNetwork(
            network.costs + bound.prices,
            network.distance,
            network.switch,
            np.full_like(network.capacity, JOBS),
        )
        alone = solve(priced, jobs).fun - np.sum(bound.prices * network.capacity)
        assert bound.value == pytest.approx(alone, rel=1e-9)


@pytest.mark.slow
@X64
def test_without_contention_jobs_are_alone(x64):
    network, jobs = draw(3, capacity=(JOBS, JOBS + 1))
    lists = SharedNetwork(**{name: part.tolist() for name, part in vars(network).items()})
    bound = capacity_bound(lists, SharedJobs(*(part.tolist() for part in jobs)), iterations=50)
    alone = 0.0
    metric = state_metric(network.distance, network.switch)
    for arrival, deadline, length, start in zip(*jobs, strict=True):
        costs = network.costs[arrival : arrival + deadline]
        rate = np.array([1 / length])
        alone += float(offline_optimum(costs, metric, rate, network.switch, start).value)
    assert bound.value == pytest.approx(alone, rel=1e-12) == bound.alone
    assert not bound.prices.any() and np.all(bound.load <= network.capacity)


@X64
def test_prices_are_where_capacity_is_short(x64):
    costs = np.array([[9.0, 1.0], [9.0, 2.0], [9.0, 4.0]])
    network = SharedNetwork(costs, 0.5 * (1 - np.eye(2)), np.zeros(2), np.ones((3, 2)))
    two = np.full(2, 2)
    jobs = SharedJobs(0 * two, 0 * two + 3, two // 2, two // 2)
    bound = capacity_bound(network, jobs)
    assert bound.value == pytest.approx(3.0, rel=1e-6) and bound.alone == pytest.approx(2.0)
    # The first hour is worth 1 more than the second, which nobody needs to be paid for.
    assert 1 - 1e-4 <= bound.prices[0, 1] <= 3 + 1e-4
    assert bound.prices[:, 0].max() < 1e-6


# --- the learners ---------------------------------------------------------------------------------


def check_run(network, jobs, run):
    """What holds of every run: capacity, work, deadlines, and shares that add up."""
    assert np.all(run.load <= network.capacity)
    on = run.states[..., :REGIONS].sum(axis=-1)
    for job in range(len(jobs.length)):
        slots = int(jobs.deadline[job])
        if not run.admitted[job]:
            assert not run.states[job].any() and run.service[job] == 0
            continue
        assert on[job, :slots].sum() == jobs.length[job]  # exactly: work goes in whole steps
        np.testing.assert_allclose(run.states[job, :slots].sum(axis=-1), 1, atol=1e-12)
        assert not run.states[job, slots:].any()


def recost(network, jobs, run):
    """The run's cost by the flows of HiGHS between its decisions."""
    from scipy.optimize import linprog

    n, total = REGIONS, 0.0
    metric = np.asarray(state_metric(network.distance, network.switch), float)
    rows = np.kron(np.eye(2 * n), np.ones(2 * n))
    columns = np.kron(np.ones(2 * n), np.eye(2 * n))
    for job in np.flatnonzero(run.admitted):
        arrival, deadline, _, start = (int(part[job]) for part in jobs)
        before = np.eye(2 * n)[n + start]
        for t in range(deadline):
            after = run.states[job, t]
            moved = linprog(metric.ravel(), A_eq=np.vstack([rows, columns]), b_eq=[*before, *after])
            total += moved.fun + network.costs[arrival + t] @ after[:n]
            before = after
        total += network.switch @ before[:n]
    return total


@pytest.mark.slow
@X64
@pytest.mark.parametrize("name", LEARNERS)
def test_the_bound_lies_below_every_learner(name, x64):
    algorithm, params = jaxsoco.learner(f"allocation/{name}")
    binding = 0
    for network, jobs in instances(100):
        run = share_capacity(network, jobs, algorithm, params, jax.random.key(1))
        check_run(network, jobs, run)
        bound = capacity_bound(network, jobs.take(run.admitted), iterations=300)
        assert bound.value <= run.total * (1 + 1e-9)
        binding += bound.value > bound.alone * (1 + 1e-3)
    assert binding > 80  # capacity is what they are about


@X64
@pytest.mark.oracle
def test_a_runs_cost_is_that_of_its_decisions(x64):
    for network, jobs in instances(2):
        run = share_capacity(network, jobs, *jaxsoco.learner("allocation/pcm"), jax.random.key(1))
        assert run.total == pytest.approx(recost(network, jobs, run), rel=1e-7)


@X64
@pytest.mark.parametrize("name", ["greedy", "threshold", "pcm"])
def test_with_room_for_all_a_job_does_what_its_learner_decides(name, x64):
    network, jobs = draw(5, capacity=(10**6, 10**6 + 1))
    learner = jaxsoco.learner(f"allocation/{name}")
    key = jax.random.key(2)
    together = share_capacity(network, jobs, *learner, key)
    assert together.admitted.all() and together.posted.max() < 0.01
    first = SharedJobs(*(part[:1] for part in jobs))
    alone = share_capacity(network, first, *learner, key)
    np.testing.assert_array_equal(alone.states[0], together.states[0])
    whole = np.round(STEPS * together.states[..., :REGIONS])
    assert np.abs(whole - STEPS * together.states[..., :REGIONS]).max() < 1e-9


@X64
def test_posted_prices_send_later_jobs_elsewhere(x64):
    costs = np.tile([[30.0, 20.0, 100.0]], (HOURS, 1))
    distance = 1.0 - np.eye(3)
    network = SharedNetwork(costs, distance, np.zeros(3), np.ones((HOURS, 3)))
    same = np.zeros(2, int)
    jobs = SharedJobs(same, same + 4, same + 4, same + 1)
    run = share_capacity(network, jobs, *jaxsoco.learner("allocation/greedy"), jax.random.key(0))
    assert run.posted[0].max() == pytest.approx(0, abs=1e-12)
    assert run.posted[1][:4, 1] == pytest.approx(80.0)  # full, at the price of U - L
    np.testing.assert_array_equal(run.states[0, :4, 1], 1)
    np.testing.assert_array_equal(run.states[1, :4, 0], 1)
    assert run.total == 4 * 20 + 4 * 30 + 1


@X64
def test_a_job_that_could_not_finish_is_not_admitted(x64):
    """The first job may wait until the second needs the same hours: then it is refused."""
    costs = np.array([[90.0], [80.0], [10.0], [10.0], [70.0]])
    network = SharedNetwork(costs, np.zeros((1, 1)), np.zeros(1), np.ones((5, 1)))
    jobs = SharedJobs(
        np.array([0, 2, 4]), np.array([4, 2, 1]), np.array([2, 2, 1]), np.zeros(3, int)
    )
    learner = jaxsoco.learner("allocation/delayed_greedy")
    run = share_capacity(network, jobs, *learner, jax.random.key(0))
    assert run.admitted.tolist() == [True, False, True]
    assert run.load[:, 0].tolist() == [0, 0, 1, 1, 1]
    bound = capacity_bound(network, jobs.take(run.admitted), iterations=100)
    assert bound.value <= run.total + 1e-9
    # Who begins at once leaves room for both.
    run = share_capacity(network, jobs, *jaxsoco.learner("allocation/agnostic"), jax.random.key(0))
    assert run.admitted.all() and run.load[:, 0].tolist() == [1, 1, 1, 1, 1]


@X64
def test_plans_and_advice_come_from_the_forecast(x64):
    network, jobs = draw(6, capacity=(2, 3), jobs=1)
    ahead = np.full_like(network.costs, 300.0)
    ahead[int(jobs.arrival[0]) + 2, 2] = 20.0
    learner = jaxsoco.learner("allocation/delayed_greedy")
    run = share_capacity(network, jobs, *learner, jax.random.key(0), forecast=ahead)
    assert run.states[0, :2, 3:].sum() == 2 and run.states[0, 2, 2] == 1
    with pytest.raises(InputError, match=r"forecast: has the shape \[3\] \(want \[12, 3\]\)"):
        share_capacity(network, jobs, *learner, jax.random.key(0), forecast=np.ones(3))
    with pytest.raises(InputError, match=r"steepness: 1 is too small \(want a number > 1\)"):
        share_capacity(network, jobs, *learner, jax.random.key(0), steepness=1.0)


@X64
@pytest.mark.parametrize("name", ["agnostic", "delayed_greedy", "pcm"])
def test_nobody_is_refused_where_every_hour_has_room_for_all(name, x64):
    learner = jaxsoco.learner(f"allocation/{name}")
    for seed in range(20):
        network, jobs = draw(seed, capacity=(2, 3))  # 6 jobs in 3 regions, and there are 5
        run = share_capacity(network, jobs, *learner, jax.random.key(seed))
        assert run.admitted.all()
        check_run(network, jobs, run)


@X64
def test_one_job_alone_is_at_best_the_whole_slot_optimum(x64):
    network, jobs = draw(8, capacity=(1, 2), jobs=1)
    run = share_capacity(network, jobs, *jaxsoco.learner("allocation/st_clip"), jax.random.key(0))
    arrival, deadline, length, start = (int(part[0]) for part in jobs)
    costs = network.costs[arrival : arrival + deadline]
    metric = state_metric(network.distance, network.switch)
    best = integral_optimum(
        costs, metric, np.array([1 / length]), network.switch, start, slots=length
    )[0]
    # It is told the prices themselves: (1 + epsilon)-consistent with their best schedule.
    assert run.total <= 1.1 * float(best) * (1 + 1e-3)


# --- room and reservations ------------------------------------------------------------------------


@pytest.mark.oracle
def test_the_most_work_is_that_of_a_linear_program():
    for seed in range(40):
        network, jobs = draw(seed, capacity=(0, 2))
        hours = np.arange(HOURS)
        open_ = (hours >= jobs.arrival[:, None]) & (hours < (jobs.arrival + jobs.deadline)[:, None])
        size, (job, hour) = open_.sum(), np.nonzero(open_)
        limits = np.vstack([job == np.arange(JOBS)[:, None], hour == hours[:, None]])
        right = np.concatenate([jobs.length, network.capacity.sum(axis=1)])
        best = linprog(-np.ones(size), A_ub=limits, b_ub=right, bounds=(0, 1))
        most = most_work(network.capacity, *jobs[:3])
        assert most / STEPS == pytest.approx(-best.fun, abs=1e-9)
        assert fits(network, jobs) == (most == STEPS * jobs.length.sum())


def test_reservations_let_every_job_finish_whatever_it_does():
    for seed in range(60):
        noise = np.random.default_rng(seed)
        network, jobs = draw(seed, capacity=(0, 3))
        room = Room(network.capacity, JOBS)
        left = STEPS * jobs.length
        admitted: list[int] = []
        for hour in range(HOURS):
            for job in np.flatnonzero(jobs.arrival == hour).tolist():
                end = int(jobs.arrival[job] + jobs.deadline[job])
                if room.admit(job, hour, end, int(left[job])):
                    admitted.append(job)
            for job in admitted:
                if hour >= jobs.arrival[job] + jobs.deadline[job]:
                    continue
                least, most = room.bounds(job, hour)
                assert 0 <= least <= most <= STEPS
                works = (least, most, int(noise.integers(least, most + 1)))
                work = works[noise.integers(3)]
                placed = np.minimum(_spread(noise, work), room.left[hour])
                for place in range(REGIONS):  # what did not fit there
                    placed[place] += min(
                        work - placed.sum(), room.left[hour, place] - placed[place]
                    )
                assert placed.sum() == work
                room.use(job, hour, placed)
                left[job] -= work
                assert room.left.min() >= 0
                assert room.reserved[job].sum() == left[job]
                assert np.all(room.reserved.sum(axis=0)[hour:] <= room.left.sum(axis=1)[hour:])
        assert not left[admitted].any()


def _spread(noise, work):
    parts = np.sort(noise.integers(0, work + 1, REGIONS - 1))
    return np.diff([0, *parts, work])


def test_a_flow_keeps_to_hours_and_sizes():
    open_ = np.array([[True, True, False], [False, True, True]])
    flows = flow(np.array([2 * STEPS, 2 * STEPS]), open_, np.array([STEPS, STEPS, STEPS]))
    assert flows.sum() == 3 * STEPS and flows.max() == STEPS
    assert flows[0, 2] == flows[1, 0] == 0
    assert in_steps(np.array([1.0, 0.5, 1 / 3])).tolist() == [STEPS, STEPS // 2, STEPS // 3]


# --- bad input ------------------------------------------------------------------------------------


def good():
    network, jobs = draw(0, capacity=(2, 3))
    return vars(network), jobs._asdict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"capacity": np.full((HOURS, REGIONS), 0.1)},
            r"capacity: 5 jobs need 1\d h of work, of w",
        ),
        ({"capacity": np.ones((HOURS, 2))}, r"capacity: has the shape \[12, 2\] \(want \[12, 3\]"),
        ({"capacity": -np.ones((HOURS, REGIONS))}, r"capacity: has values that are negative"),
        ({"costs": np.zeros((HOURS, REGIONS))}, r"costs: has a price of 0"),
        ({"costs": np.ones(3)}, r"costs: has the shape \[3\] \(want \[hours, regions\]"),
        ({"costs": np.ones((0, 3))}, r"costs: has the shape \[0, 3\] \(want \[hours, regions\]"),
        ({"distance": 1 + np.eye(3)}, r"distance: is not symmetric with a zero diagonal"),
        (
            {"distance": np.array([[0, 1, 9], [1, 0, 1], [9, 1, 0.0]])},
            r"distance: violates the triangle inequality \(close it with",
        ),
        ({"switch": np.full(3, np.nan)}, r"switch: has values that are negative or not finite"),
        ({"length": np.array([4, 0, 1, 1, 1])}, r"jobs.length\[1\]: 0 is below 1"),
        ({"length": np.array([9, 1, 1, 1, 1])}, r"jobs.deadline\[0\]: 8 is shorter than the work"),
        ({"start": np.array([0, 1, 3, 0, 0])}, r"jobs.start\[2\]: 3 is none of 3 regions"),
        ({"arrival": np.array([1, 0, 1, 1, 1])}, r"jobs.arrival\[1\]: 0 comes before the one"),
        ({"deadline": np.full(5, 13)}, r"jobs.deadline\[0\]: 13 is after the last of 12 hours"),
        ({"length": np.ones(5)}, r"jobs.length: is float64\[5\] \(want integers \[m\]\)"),
        (dict.fromkeys(SharedJobs._fields, np.zeros(0, int)), r"jobs: there is none"),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(change, message):
    network, jobs = good()
    network |= {name: value for name, value in change.items() if name in network}
    jobs |= {name: value for name, value in change.items() if name in jobs}
    pair = SharedNetwork(**network), SharedJobs(**jobs)
    with pytest.raises(InputError, match=message) as raised:
        capacity_bound(*pair)
    assert len(raised.value.issues) == 1
    learner = jaxsoco.learner("allocation/greedy")
    with pytest.raises(InputError, match=message):
        share_capacity(*pair, *learner, jax.random.key(0))
