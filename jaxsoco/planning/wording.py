"""A plan in words and as a JSON document."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxsoco.allocation.planning.request import HOUR, stamp
from jaxsoco.allocation.planning.result import LEAST, OBJECTIVE, Plan, Schedule
from jaxsoco.core.text import count, percent, table

TITLES = {"offline_optimum": "linear optimum", "integral_optimum": "whole-slot optimum"}
"""What the optima are called beside the learners."""


def plan_text(plan: Plan) -> str:
    """The plan for a terminal: the job, what is known, what it costs, and who runs where when."""
    return "\n".join([*_head(plan), "", _totals(plan), "", _schedules(plan), "", *_foot(plan)])


def title_of(schedule: Schedule) -> str:
    """The name that people are shown."""
    return TITLES[schedule.name] if schedule.kind == "optimum" else schedule.name


def prices_text(plan: Plan) -> str:
    """Which prices are measured, and which are forecast."""
    past, hours = int(np.count_nonzero(plan.measured)), count(len(plan.measured), "hour")
    if plan.all_measured:
        return f"all {hours} measured"
    if not past:
        return f"all {hours} forecast, none measured"
    last = stamp(plan.hours[past - 1])
    return f"{past} of {hours} measured, to {last}; {len(plan.measured) - past} forecast"


def optima_text(plan: Plan) -> str:
    """What the optima are optima of."""
    if plan.all_measured:
        return "The optima know all prices beforehand: hindsight."
    return "The optima, and every ratio, hold if the forecast comes true: they are no hindsight."


def _head(plan: Plan) -> list[str]:
    job = plan.job
    work = f"{count(job.hours, 'hour')} of work within {job.deadline}"
    lines = [
        f"job: {work}, from {stamp(job.start)} to {stamp(job.end)} UTC, arriving in {job.region}",
        f"prices: {prices_text(plan)}",
    ]
    return [*lines, *(f"  {note}" for note in plan.notes)]


def _totals(plan: Plan) -> str:
    header = ["learner", "done", "g CO2eq", *OBJECTIVE, "/ linear", "/ whole-slot"]
    body = []
    for schedule, row in zip(plan.schedules, plan.totals(), strict=True):
        last = schedule.finish
        end = "never" if last is None else stamp(plan.hours[last] + HOUR)[5:]
        grams = [f"{row[name]:.1f}" for name in ("total", *OBJECTIVE)]
        ratios = [f"{row[name]:.3f}" for name in ("ratio_linear", "ratio_whole_slot")]
        body.append([title_of(schedule), end, *grams, *ratios])
    return table(header, body, 2)


def _schedules(plan: Plan) -> str:
    header = ["learner", "from", "to", "where, and how much of the job", "work done"]
    body = []
    for schedule in plan.schedules:
        name = title_of(schedule)
        for begin, end in schedule.spans:
            progress = percent(float(f"{100 * schedule.work[end - 1]:.3g}") / 100)
            span = [stamp(plan.hours[begin])[5:], stamp(plan.hours[end - 1] + HOUR)[5:]]
            body.append([name, *span, _where(plan, schedule, begin), progress])
            name = ""
    return table(header, body, 4)


def _where(plan: Plan, schedule: Schedule, slot: int) -> str:
    """``eu-north-1 ON 60 %, eu-west-3 OFF 40 %``."""
    parts = []
    for state, shares in (("ON", schedule.on[slot]), ("OFF", schedule.off[slot])):
        for place in np.argsort(-shares, kind="stable"):
            if shares[place] > LEAST:
                share = f" {percent(float(f'{100 * shares[place]:.3g}') / 100)}"
                whole = share == " 100 %"
                parts.append(f"{plan.regions[place]} {state}{'' if whole else share}")
    return ", ".join(parts)


def _foot(plan: Plan) -> list[str]:
    mixed = plan["offline_optimum"]
    lines = [optima_text(plan)]
    if np.any((mixed.on > LEAST) & (mixed.on < 1 - LEAST)):
        lines.append(
            "The linear optimum mixes two schedules, one of which does too little: it is a bound, "
            "not a schedule."
        )
    for schedule in plan.schedules:
        short = float(schedule.costs["shortfall"].sum())
        if short > 1e-4:
            lines.append(f"{schedule.name} leaves {percent(round(100 * short, 2) / 100)} undone.")
        if schedule.faults:
            steps = count(schedule.faults, "step")
            lines.append(f"{schedule.name}: {steps} missed the solver's tolerance.")
    return lines


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan for programs; its keys are part of the interface (``docs/command-line.md``)."""
    job = plan.job
    return {
        "job": {
            "start": _iso(job.start),
            "end": _iso(job.end),
            "hours": job.hours,
            "deadline": job.deadline,
            "region": job.region,
            "now": None if job.now is None else _iso(job.now),
        },
        "regions": list(plan.regions),
        "bounds": {"lower": plan.bounds[0], "upper": plan.bounds[1]},
        "hindsight": plan.all_measured,
        "prices": [_price(plan, slot) for slot in range(len(plan.measured))],
        "schedules": [
            _schedule(plan, schedule, row)
            for schedule, row in zip(plan.schedules, plan.totals(), strict=True)
        ],
        "notes": list(plan.notes),
    }


def _price(plan: Plan, slot: int) -> dict[str, Any]:
    outlook = None if plan.forecast is None else _by_region(plan, plan.forecast[slot])
    return {
        "hour": _iso(plan.hours[slot]),
        "source": "measured" if plan.measured[slot] else "forecast",
        "carbon": _by_region(plan, plan.carbon[slot]),
        "forecast": outlook,
    }


def _schedule(plan: Plan, schedule: Schedule, row: Any) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "kind": schedule.kind,
        "costs": {name: _finite(row[name]) for name in ("total", *OBJECTIVE, "shortfall")},
        "ratios": {
            "offline_optimum": _finite(row["ratio_linear"]),
            "integral_optimum": _finite(row["ratio_whole_slot"]),
        },
        "finish": row["finish"] or None,
        "faults": schedule.faults,
        "slots": [
            {
                "hour": _iso(plan.hours[slot]),
                "on": _present(plan, schedule.on[slot]),
                "off": _present(plan, schedule.off[slot]),
                "work": _finite(schedule.work[slot]),
            }
            for slot in range(len(plan.measured))
        ],
    }


def _finite(value: float) -> float | None:
    """A number as JSON has it: null for what a learner of somebody's let grow beyond bounds."""
    return float(value) if np.isfinite(value) else None


def _by_region(plan: Plan, values: np.ndarray) -> dict[str, float]:
    return dict(zip(plan.regions, map(float, values), strict=True))


def _present(plan: Plan, shares: np.ndarray) -> dict[str, float]:
    return {name: x for name, x in _by_region(plan, shares).items() if x > LEAST}


def _iso(moment: Any) -> str:
    return str(moment.astype("datetime64[m]"))
