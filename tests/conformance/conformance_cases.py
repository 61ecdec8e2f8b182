"""What conformance must be told of a problem beyond its registry entry: a small size, extremes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxsoco.testing.cases import Case, Change
from jaxsoco.testing.deriving import KNOWN

# --- allocation -----------------------------------------------------------------------------------


def _lengths(settings):
    """Jobs of 1 to 4 slots, alike often, so that a block holds short, long and forced ones."""
    table = np.minimum(np.arange(1, settings.lengths.shape[0] + 1) / 4, 1)
    return replace(settings, lengths=settings.lengths * 0 + table)


def _constant(settings):
    return replace(settings, carbon=settings.carbon * 0 + 300)


def _tied(settings):
    """Few different prices, so that slots and regions tie all the time."""
    carbon = settings.carbon
    return replace(settings, carbon=100 + 200 * (carbon > carbon.mean()).astype(carbon.dtype))


def _one_place(settings):
    """All regions alike, at one place."""
    same = settings.carbon * 0 + settings.carbon[:, :1]
    return replace(settings, carbon=same, latency=settings.latency * 0)


def _all(*changes: Change) -> Change:
    def apply(settings):
        for change in changes:
            settings = change(settings)
        return settings

    return apply


def _without(*names: str) -> Change:
    return lambda settings: replace(settings, **{n: getattr(settings, n) * 0 for n in names})


def _zero_price(folder: Path) -> dict[str, Any]:
    hours = np.arange("2022-01-01T00", "2022-01-05T00", dtype="datetime64[h]")
    rows = [f"{hour}:00,{100 + i % 24},{0 if i == 7 else 80}" for i, hour in enumerate(hours)]
    text = "\n".join(["datetime,us-west-1,eu-west-2", *rows])
    (folder / "table.csv").write_text(text + "\n", encoding="utf-8")
    return {"carbon": str(folder / "table.csv"), "regions": None}


def _whole_slots(decisions: np.ndarray) -> bool:
    return bool(np.isin(decisions, (0, 1)).all())


# --- tracking -------------------------------------------------------------------------------------


def _alike(settings):
    """All eigenvalues equal."""
    return replace(settings, eigenvalues=settings.eigenvalues * 0 + 2)


def _scaled_by(**factors: float) -> Change:
    return lambda s: replace(s, **{name: getattr(s, name) * x for name, x in factors.items()})


def _indefinite(folder: Path) -> dict[str, Any]:
    np.save(folder / "coupling.npy", np.array([[1.0, 2.0], [2.0, 1.0]]))
    return {"matrix": str(folder / "coupling.npy")}


# --- multistage -----------------------------------------------------------------------------------


def _empty_tree(folder: Path) -> dict[str, Any]:
    (folder / "tree.csv").write_text("parent,child\n", encoding="utf-8")
    return {"tree": str(folder / "tree.csv")}


# --- smoothed -------------------------------------------------------------------------------------


def _weighing(factor: float) -> Change:
    def apply(spec):
        movement = spec.game.movement
        movement = replace(movement, up=movement.up * factor, down=movement.down * factor)
        return replace(spec, game=replace(spec.game, movement=movement))

    return apply


CASES = (
    Case(
        problem="allocation/carbon_jobs",
        **KNOWN["allocation/carbon_jobs"],
        points=(
            {"data_size": 1.0, "switch": 0.5},
            {"energy": 0.7, "forecast_noise": 1.0, "deadline_min": 7},
        ),
        widen=_lengths,
        slopes=("move_rate", "switch"),
        smallest={"regions": ("eu-west-2",)},
        extremes={
            "constant prices": _constant,
            "tied prices": _tied,
            "identical regions at one place": _one_place,
            "free moves": _without("move_rate"),
            "free switches": _without("switch"),
            "nothing costs but the work": _without("move_rate", "switch"),
            "all alike and free": _all(_constant, _without("latency", "switch")),
            "an exact forecast": _without("forecast_noise"),
            "dear moves": lambda s: replace(s, move_rate=s.move_rate * 1e4, switch=s.switch * 1e4),
        },
        refused={
            "a price of 0": (_zero_price, "L = 0"),
            "moves that never pay": (lambda _: {"data_size": 1e9}, "moving never pays"),
            "switches that never pay": (lambda _: {"switch": 1e9}, "moving never pays"),
            "too short a deadline": (lambda _: {"job_length": 6}, "cannot meet a deadline"),
        },
        bounds={"offline_optimum": lambda decisions: True, "integral_optimum": _whole_slots},
        order=(("offline_optimum", "integral_optimum"), ("integral_optimum", "advice")),
    ),
    Case(
        problem="provisioning/bursty_queue",
        **KNOWN["provisioning/bursty_queue"],
        points=(
            {"switching": 0.1, "success": 0.7},
            {"latency_weight": 2.0, "jitter": 0.3, "target": 1.0, "burst_chance": 0.5},
        ),
        slopes=("switching", "price"),
        smallest={"capacity": 1, "start": 0},
        extremes={
            "free switches": _without("switching"),
            "latency is free": _without("latency_weight"),
            "steady targets": _without("swing", "jitter"),
            "no loss anywhere": _without("loss"),
            "nothing is needed": _without("consumption", "base_consumption"),
            "nothing moves": lambda s: replace(
                s, transition=s.transition * 0 + np.eye(s.initial.shape[0])[None, :, None]
            ),
            "dear switches": lambda s: replace(s, switching=s.switching * 1e4),
        },
        refused={
            "a baseline that violates": (lambda _: {"baseline": "0,0,1"}, "violates budget_low"),
            "budgets out of order": (lambda _: {"budget_high": 0.5}, "budget_low <= budget_high"),
        },
        # A budget that follows its target may cost less than any that stays.
        bounds={},
        ledger=("consumption", "budget", "multiplier", "fallback"),
        unsafe=(
            *("oco_q", "blol", "no_dual", "fixed_budget", "optcmdp", "optpess_lp"),
            *("optpess_primal_dual", "primal_dual_q", "ppo", "ppo_lagrangian"),
        ),
    ),
    Case(
        problem="tracking/quadratic_tracking",
        **KNOWN["tracking/quadratic_tracking"],
        points=(
            {"increment_scale": 2.0, "noise_cap": 0.3},
            {"matrix_seed": 3, "smallest_eigenvalue": 1.0, "floor": 0.7},
        ),
        slopes=("scale", "noise_cap"),
        smallest={"dimension": 1},
        extremes={
            "equal eigenvalues": _alike,
            "no hitting cost": _without("eigenvalues"),
            "a direction without hitting cost": lambda s: replace(
                s, eigenvalues=s.eigenvalues * np.array([0, 1])
            ),
            "no increments": _without("scale"),
            "no noise": _without("noise_cap"),
            "hits dear": _scaled_by(eigenvalues=1e4, floor=1e4),
            "hits cheap": _scaled_by(eigenvalues=1e-4, floor=1e-4),
            "large increments": _scaled_by(scale=1e3),
        },
        refused={
            "more eigenvalues than dimensions": (lambda _: {"rank": 3}, "above dimension"),
            "eigenvalues the wrong way round": (
                lambda _: {"smallest_eigenvalue": 9.0},
                "above largest_eigenvalue",
            ),
            "a floor above the eigenvalues": (lambda _: {"floor": 1.0}, "want a lower bound"),
            "an indefinite matrix": (_indefinite, "eigenvalue -1"),
        },
        bounds={},
        ledger=("regret", "lost"),
    ),
    Case(
        problem="multistage/bernoulli_tree",
        **KNOWN["multistage/bernoulli_tree"],
        points=({"p_min": 0.6}, {"fill": "span"}),
        slopes=(),
        smallest={"depth": 1, "children": 1, "track_first": 0},
        extremes={
            "all leaves alike": lambda s: replace(s, chance=s.chance * 0 + 0.5),
            "everything is free": lambda s: replace(s, chance=s.chance * 0),
            "everything costs 1": lambda s: replace(s, chance=s.chance * 0 + 1),
        },
        refused={
            "a tree too large": (lambda _: {"depth": 16, "children": 64}, "over 100000 nodes"),
            "no tree in the file": (_empty_tree, "edges: there are none"),
            "a node that is not there": (lambda _: {"track_first": 7}, "no node 7"),
        },
        bounds={},
        ledger=("realised", "first_edge", "second_edge"),
    ),
    Case(
        problem="smoothed/walk",
        **KNOWN["smoothed/walk"],
        points=({"step": 2.0, "weight": 0.4}, {"curvature": 0.3, "persistence": 0.5}),
        slopes=("step", "persistence"),
        smallest={"horizon": 1},
        extremes={
            "no steps": _without("step"),
            "free moves": _weighing(0.0),
            "dear moves": _weighing(1e4),
            "flat costs": _scaled_by(curvature=1e-4),
            "steep costs": _scaled_by(curvature=1e4),
            "large steps": _scaled_by(step=1e3),
        },
        refused={
            "a price of moving down where there is none": (
                lambda _: {"movement": "l2", "weight_down": 2.0},
                "is for l1 movement",
            ),
        },
        bounds={"offline_optimum": lambda decisions: True},
        ledger=("path",),
    ),
)
