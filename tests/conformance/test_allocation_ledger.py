"""The ledger of an allocation job adds up: recomputed from decisions alone, in NumPy and POT."""

import numpy as np
import pytest
from conformance_cases import CASES

from jaxsoco.testing.cases import learners
from jaxsoco.testing.pieces import RUNS
from jaxsoco.testing.rollouts import rolled

ot = pytest.importorskip("ot")
pytestmark = pytest.mark.oracle

(CASE,) = [case for case in CASES if case.problem == "allocation/carbon_jobs"]
LEARNERS = learners(CASE)


def transport(p, q, metric) -> float:
    """Cost of the cheapest transport, by POT's network simplex."""
    # POT answers 0, silently, where an entry is negative by rounding.
    p, q = np.clip(p, 0, None), np.clip(q, 0, None)
    give, take = p > 0, q > 0
    metric = np.ascontiguousarray(metric[np.ix_(give, take)])
    return float(ot.emd2(p[give] / p.sum(), q[take] / q.sum(), metric))


def state_metric(distance, switch):
    n = len(switch)
    ends = np.concatenate([np.zeros(n), switch])
    metric = np.tile(distance, (2, 2)) + ends[:, None] + ends[None]
    np.fill_diagonal(metric, 0)
    return metric


def close_to(cost: float):
    return pytest.approx(cost, rel=1e-9, abs=1e-9)


class Job:
    """One run's decisions ``[T, 2n]`` and prices ``[T, n]``, and what is known of its job."""

    def __init__(self, record, run: int):
        def of(leaf):
            return np.asarray(leaf)[..., run]

        spec = record.spec
        self.decisions = record.stacked("actions")[..., run]
        self.prices = record.stacked("observations").costs[..., run]
        self.points = self.prices.shape[1]
        self.deadline, self.length = int(of(spec.deadline)), int(of(spec.length))
        self.distance = of(spec.distance)
        self.switch = np.broadcast_to(of(spec.switch), self.points)
        self.before = np.zeros(2 * self.points)
        self.before[self.points + int(of(spec.start))] = 1

    def slots(self):
        """Pairs of consecutive decisions up to the deadline."""
        past = self.before
        for t in range(self.deadline):
            yield t, past, self.decisions[t]
            past = self.decisions[t]


@pytest.fixture(params=LEARNERS, ids=[learner.id for learner in LEARNERS])
def record(request):
    return rolled(request.param, "loop")


def test_every_slot_is_charged_what_its_decision_costs(record):
    costs = record.stacked("costs")
    for run in range(RUNS):
        job = Job(record, run)
        n, metric = job.points, state_metric(job.distance, job.switch)
        for t, past, now in job.slots():
            assert now.min() >= -1e-12 and now.sum() == pytest.approx(1, abs=1e-9)
            final = job.switch @ now[:n] if t + 1 == job.deadline else 0.0
            switched = job.switch @ np.abs(now[n:] - past[n:])
            before, after = (x[:n] + x[n:] for x in (past, now))
            assert costs.service[t, run] == close_to(job.prices[t] @ now[:n])
            assert costs.move[t, run] == close_to(transport(before, after, job.distance))
            assert costs.switch[t, run] == close_to(switched + final)
            # Both together are the distance between the decisions, by the metric over states.
            both = costs.move[t, run] + costs.switch[t, run] - final
            assert both == close_to(transport(past, now, metric))


def test_nothing_is_charged_after_the_deadline(record):
    late = 0
    for run in range(RUNS):
        deadline = Job(record, run).deadline
        for cost in record.stacked("costs"):
            assert not cost[deadline:, run].any()
            late += len(cost[deadline:])
    assert late > 0


def test_the_work_is_done_by_the_deadline(record):
    for run in range(RUNS):
        job = Job(record, run)
        work = job.decisions[: job.deadline, : job.points].sum() / job.length
        assert work == pytest.approx(1, abs=1e-9)
    assert record.totals()["shortfall"][-1].max() <= 1e-9


def test_the_last_switch_off_is_charged():
    """Some job runs in its last slot, and pays for being switched off after it."""
    running = 0
    for learner in LEARNERS:
        record = rolled(learner, "loop")
        for run in range(RUNS):
            job = Job(record, run)
            on = job.decisions[job.deadline - 1, : job.points]
            if on.sum() < 0.5:
                continue
            running += 1
            past, now = (job.decisions[job.deadline - i] for i in (2, 1))
            n = job.points
            without = job.switch @ np.abs(now[n:] - past[n:])
            charged = record.stacked("costs").switch[job.deadline - 1, run]
            assert charged >= without + 0.99 * job.switch.min() * on.sum()
            assert job.switch.min() > 0
    assert running > 3


def test_whole_jobs_pay_for_two_switches_a_run():
    """ON and OFF as often: every slot's switches of a whole-slot learner are counted twice beta."""
    checked = 0
    for learner in LEARNERS:
        record = rolled(learner, "loop")
        actions = record.stacked("actions")
        if not np.isin(actions, (0, 1)).all():
            continue
        for run in range(RUNS):
            job = Job(record, run)
            on = job.decisions[: job.deadline, : job.points].sum(axis=1)
            starts = int((np.diff(np.concatenate([[0], on])) > 0).sum())
            total = record.totals()["switch"][-1, run]
            assert total == pytest.approx(2 * starts * job.switch[0], rel=1e-12)
            checked += 1
    assert checked >= 4 * RUNS
