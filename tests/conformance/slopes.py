"""Slopes of single runs in a learner's parameters, by gradient and by differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxsoco
from jaxsoco import registry
from jaxsoco.testing.pieces import quick

STEPS = (1e-4, 1e-5)
"""Relative steps of the differences; a run counts where the two agree, about its own cost."""

SHADOWS = {"gamma": ("gain", "exponent", "floor")}
"""Parameters that stand for others, which then do nothing: they are tried apart."""


class Slopes(NamedTuple):
    """Of every run's total cost in one parameter, ``[runs]`` each.

    Attributes:
      value: of the parameter.
      cost: of the run, in float64.
      central: differences, in float64.
      counts: whether the differences at both steps agree, and the run itself lies between their
        ends. (At a tie of two decisions it may have taken the other one than both ends.)
      bend: by how much the slopes on either side differ from the middle one: at a kink every slope
        between them is right.
      double: the gradient in float64.
      single: in float32.
      faults: of the run in float32, counted where the gradient is taken.
    """

    value: float
    cost: np.ndarray
    central: np.ndarray
    counts: np.ndarray
    bend: np.ndarray
    double: np.ndarray
    single: np.ndarray
    faults: np.ndarray

    def floor(self, share: float) -> np.ndarray:
        """A slope that moves the cost by this share of itself where the parameter doubles."""
        return share * np.abs(self.cost) / abs(self.value)

    def deviation(self, slope: np.ndarray, share: float) -> np.ndarray:
        """Of a gradient from the differences on both sides and all between, relative to them and
        the floor; 0 where none counts."""
        scale = np.abs(self.central) + self.floor(share)
        beyond = np.maximum(np.abs(slope - self.central) - self.bend, 0)
        apart = beyond / np.where(scale > 0, scale, 1)
        return np.where(self.counts, np.where(np.isfinite(slope), apart, np.inf), 0)


RULES = {
    "convexity": 0.8,
    "diameter": 1.5,
    "gamma": 0.6,
    "lambda1": 0.7,
    "lambda2": 0.4,
    "smoothness": 1.6,
    "step": 0.3,
    "switching": 0.7,
}
"""Values of parameters for which None is no number but a rule that goes by the rounds so far."""


def numbers(entry: Any, problem: Any, algorithm: Any, params: Any) -> dict[str, float]:
    """Every parameter that is a float and no static one, as the theory says where it is None.

    Of :data:`RULES` where the theory's is no number.
    """
    whole = jaxsoco.resolve(problem, algorithm, params)
    names = [f.name for f in entry.fields if f.kind == "float" and not f.static]
    values = {name: getattr(whole, name) for name in names}
    return {
        name: float(np.mean(RULES[name] if value is None else value))
        for name, value in values.items()
    }


def groups(names: Any) -> list[tuple[str, ...]]:
    """Names that can be moved in one program."""
    apart = [name for name in names if name in SHADOWS]
    together = tuple(name for name in names if name not in SHADOWS)
    return [g for g in (together, *((name,) for name in apart)) if g]


def measure(
    family: str,
    problem: str,
    values: Mapping[str, Any],
    learner: str,
    own: Mapping[str, Any],
    names: tuple[str, ...],
    seeds: int,
) -> dict[str, Slopes]:
    """The slopes of ``seeds`` runs in each of the parameters ``names``."""
    counted = [c.name for c in registry.family(family).costs if c.objective]

    def programs():
        world = jaxsoco.make(f"{family}/{problem}", **values)
        algorithm, params = jaxsoco.learner(f"{family}/{learner}", **own)
        entry = registry.algorithm(f"{family}/{learner}")
        point = numbers(entry, world, algorithm, params)
        keys = jaxsoco.seed_keys(0, seeds)
        single = "vmap" in (entry.lanes, algorithm.lanes)

        def play(moved, keys):
            run = jaxsoco.play(
                world,
                algorithm,
                replace(params, **moved),
                keys,
                at=(world.horizon,),
                differentiable=True,
                allow_biased=True,
            )
            return sum(getattr(run.costs, name)[-1] for name in counted), run.faults

        def costs(moved):
            return jax.vmap(play)(moved, keys) if single else play(moved, keys)

        def total(moved):
            cost, faults = costs(moved)
            return jnp.sum(cost), (cost, faults)

        lanes = {name: jnp.full((seeds,), point[name], float) for name in names}
        slope = jax.jit(jax.grad(total, has_aux=True), compiler_options=quick())
        return lanes, slope, jax.jit(costs, compiler_options=quick())

    def gradient():
        lanes, slope, _ = programs()
        return jax.tree.map(np.asarray, slope(lanes))

    single, (_, faults) = gradient()
    with jax.enable_x64(True):
        double, (cost, _) = gradient()
        lanes, _, forward = programs()
        slopes = {}
        for name in names:
            value = float(lanes[name][0])

            def moved(step, name=name):
                return np.asarray(forward({**lanes, name: lanes[name] * (1 + step)})[0])

            ends = [(moved(h), moved(-h), h * value) for h in STEPS]
            wide, central = ((above - below) / (2 * step) for above, below, step in ends)
            above, below, step = ends[-1]
            bend = np.abs(above + below - 2 * cost) / (2 * step)
            slopes[name] = Slopes(
                value, cost, central, np.zeros(0), bend, double[name], single[name], faults
            )
            room = 1e-3 * np.abs(central) + slopes[name].floor(1e-7)
            agree = np.abs(wide - central) <= room
            between = bend <= 0.1 * np.abs(central) + slopes[name].floor(1e-6)
            slopes[name] = slopes[name]._replace(counts=agree & between)
    return slopes
