"""Trains a schedule of rates through the whole horizon, beside the tuned constant.

::

    python train.py              minutes on two cores
    python train.py --steps 4 --seeds 16 --holdout 64 --horizon 100

First the passive learner's rate is tuned, then, from there, the factors at the knots. Both are
judged on held-out seeds: at the horizon that they were trained on, a quarter of it and four times
it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from jaxsoco_schedules import FACTORS, ScheduleParams
from jaxsoco_schedules.learner import scheduled_learner

import jaxsoco
from jaxsoco.tuning.judge import judge
from jaxsoco.tuning.objective import Objective
from jaxsoco.tuning.tuned import interval


def main(arguments: Sequence[str] | None = None) -> None:
    """Tunes, trains, judges and prints."""
    parser = argparse.ArgumentParser(description="a schedule of rates, trained")
    parser.add_argument("--horizon", type=int, default=1000, help="rounds of the training")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=128, help="runs of a step")
    parser.add_argument("--holdout", type=int, default=2048, help="runs that judge")
    options = parser.parse_args(arguments)

    def problem(horizon: int) -> jaxsoco.Instance:
        return jaxsoco.make("tracking/quadratic_tracking", dimension=3, horizon=horizon)

    regret = Objective(against="regret")
    search = {name: getattr(options, name) for name in ("steps", "seeds", "holdout")}
    search |= {"objective": regret}
    passive, default = jaxsoco.learner("tracking/passive_learner")
    constant = jaxsoco.tune(
        problem(options.horizon), passive, default, {"learning_rate": [1e-5, 10.0]}, **search
    )
    print(f"constant\n{constant.toml()}\n")
    start = ScheduleParams(learning_rate=constant.values["learning_rate"])
    ranges = {name: [0.01, 100.0] for name in FACTORS}
    trained = jaxsoco.tune(
        problem(options.horizon), scheduled_learner, start, ranges, remat=True, **search
    )
    print(f"schedule, from that constant\n{trained.toml()}\n")
    learners = {
        "schedule": (scheduled_learner, trained.params),
        "constant": (passive, constant.params),
        "default": (passive, default),
    }
    keys = jaxsoco.seed_keys(0, options.holdout)
    print(f"mean regret of {options.holdout:,} held-out runs, and what the schedule has less")
    for horizon in (options.horizon // 4, options.horizon, 4 * options.horizon):
        for row in judge(problem(horizon), learners, regret, keys):
            less = "" if row.difference is None else interval(row.difference)
            print(f"T = {horizon:<6,} {row.label:<9} {interval(row.value):<24} {less}")


if __name__ == "__main__":
    main()
