"""A call of every public function that takes lanes: of the kernels and of the families."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxsoco_kernels
from jaxsoco import allocation, multistage, provisioning, smoothed, tracking
from jaxsoco.provisioning.theory import balde
from jaxsoco.tracking.theory import planning as interpolated
from jaxsoco_kernels import (
    jacobi,
    knots,
    lanes,
    lattice,
    planning,
    psd,
    regions,
    roots,
    sensing,
    slopes,
    smoothing,
    splitting,
    thresholds,
)
from jaxsoco_kernels.info import judge
from jaxsoco_kernels.jacobi import Spectrum

FAMILIES = (allocation, multistage, provisioning, smoothed, tracking)
D, STATES, ACTIONS, SLOTS, POINTS = 5, 3, 2, 3, 3


class Draw:
    """Random arguments with ``lanes`` as their last axis, or none where it is None."""

    def __init__(self, lanes: int):
        self.rng, self.lanes = np.random.default_rng(0), lanes

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return self.rng.uniform(low, high, size=(*shape, self.lanes))

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=(*shape, self.lanes))

    def integers(self, high: int, *shape: int) -> np.ndarray:
        return self.rng.integers(high, size=(*shape, self.lanes)).astype(np.int32)

    def simplex(self, *shape: int, axis: int = 0) -> np.ndarray:
        weights = self.uniform(*shape, low=0.1)
        return weights / weights.sum(axis=axis, keepdims=True)

    def symmetric(self, d: int = D) -> np.ndarray:
        square = self.normal(d, d)
        return (square + square.swapaxes(0, 1)) / 2

    def spectrum(self) -> Spectrum:
        """Bases that are orthogonal, and diagonals from 0 up."""
        basis = np.linalg.qr(self.rng.normal(size=(D, D)))[0]
        signs = np.where(self.uniform(D) < 0.5, -1.0, 1.0)
        diagonal = np.eye(D)[..., None] * self.uniform(D, high=3)
        return Spectrum(basis[..., None] * signs[None], diagonal)

    def distance(self, n: int = POINTS) -> np.ndarray:
        """The metric of points in a plane."""
        points = self.uniform(2, n)
        return np.sqrt(((points[:, :, None] - points[:, None]) ** 2).sum(axis=0))

    def excess(self) -> np.ndarray:
        return self.simplex(POINTS) - self.simplex(POINTS)

    def states(self, distance: np.ndarray) -> allocation.StateMetric:
        return allocation.StateMetric(distance, self.uniform(POINTS, low=0.1, high=0.2))

    def transitions(self) -> np.ndarray:
        return self.simplex(SLOTS, STATES, ACTIONS, STATES, axis=3)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        center = self.transitions()
        return 0.7 * center, np.minimum(1.4 * center, 1)

    def cost(self, *first: int) -> np.ndarray:
        return self.uniform(*first, STATES, ACTIONS)

    def words(self) -> np.ndarray:
        return self.rng.integers(2**32, size=(2, self.lanes), dtype=np.uint32)


def _budgeted(g: Draw) -> tuple[Any, ...]:
    return (
        g.cost(SLOTS),
        g.cost(SLOTS),
        *g.box(),
        g.simplex(STATES),
        g.uniform(low=1.2, high=2.5),
    )


def _ball(g: Draw) -> tuple[np.ndarray, np.ndarray]:
    return g.transitions(), g.uniform(SLOTS, STATES, ACTIONS, high=0.3)


def _forms(g: Draw) -> np.ndarray:
    return np.asarray(mapped("quadratic_forms", "measure")(g.normal(8, 3)))


def _recovery(g: Draw) -> tuple[Any, ...]:
    vectors = g.normal(8, 2)
    # Of full rank: where the cone's face is near, the last digits are the solver's own.
    factor = g.normal(2, 2) + 2 * np.eye(2)[..., None]
    exact = ((vectors[:, :, None] * factor[None]).sum(axis=1) ** 2).sum(axis=1)
    return vectors, exact + 0.1 * g.uniform(8, low=-1), np.full(g.lanes, 1.6)


def mapped(module: str, name: str) -> Callable[..., Any]:
    """A kernel without lanes, mapped over trailing ones."""
    function = getattr(importlib.import_module(f"jaxsoco_kernels.{module}"), name)
    return jax.vmap(function, in_axes=-1, out_axes=-1)


def _step(data: Any, before: Any, best: Any) -> Any:
    del before, best
    return data


def _price(g: Draw, rate: Callable[[np.ndarray], Any]) -> allocation.PseudoCost:
    bounds = {"L": g.uniform(low=1, high=2), "U": g.uniform(low=9, high=11)}
    bounds |= {"D": g.uniform(high=0.5), "tau": g.uniform(low=0.1, high=0.2)}
    return allocation.PseudoCost(**bounds, rate=rate(bounds["U"] / bounds["L"] * 0.7))


def _allocation_step(g: Draw) -> tuple[Any, ...]:
    return (
        g.uniform(POINTS, low=0.4, high=2.5),
        g.states(g.distance()),
        np.full((1, g.lanes), 0.25),
        g.simplex(2 * POINTS),
        g.uniform(high=0.6),
        _price(g, lambda x: x),
    )


def _clip_step(g: Draw) -> tuple[Any, ...]:
    costs, metric, rate, previous, done, price = _allocation_step(g)
    tree = metric.__class__(metric.distance * 1.5, metric.switch)
    advice = g.integers(2 * POINTS)
    spent = g.uniform(high=2)
    return (
        *(costs, tree, metric, rate, previous, done, 0.5 * done),
        *(advice, np.minimum(done + 0.3, 1), spent, spent + g.uniform(low=6, high=14), price),
    )


def _jobs(g: Draw) -> tuple[Any, ...]:
    costs = g.uniform(6, POINTS, low=0.4, high=2.5)
    switch = g.uniform(POINTS, low=0.1, high=0.2)
    metric = allocation.StateMetric(g.distance(), switch)
    return costs, metric, np.full((1, g.lanes), 0.4), switch, g.integers(POINTS)


TREE = multistage.Tree.complete(2, 3)


def _levels(g: Draw) -> tuple[np.ndarray, ...]:
    return tuple(g.simplex(3**depth, 3, axis=1) for depth in range(2))


def _descend(learned: Any, epsilon: Any, words: Any) -> Any:
    return multistage.descend(TREE, multistage.policies(TREE, learned, epsilon), words)


_WORKLOAD = {"regions": ("us-west-1", "eu-west-2", "eu-central-1"), "job_length": 3}


def _keys(words: Any) -> Any:
    return jax.random.wrap_key_data(jnp.moveaxis(words, 0, -1))


def _sample_job(words: Any) -> Any:
    return allocation.sample_job(_keys(words), allocation.synthetic_workload(**_WORKLOAD))


def _queue() -> provisioning.Spec:
    return provisioning.paper_queue(episodes=100, capacity=2, slots=2, budget_low=1.0)


def _plan_episode(spec: Any, budget: Any, counts: Any) -> Any:
    params = provisioning.BLOLParams(conf_scale=1e-4)
    empty = balde.no_experience(params, spec, budget)
    seen = empty._replace(counts=jnp.round(counts * 1000))
    return provisioning.plan_episode(params, balde.known_of(spec, budget), seen, budget, spec.slots)


def _best_budget(spec: Any, first: Any) -> Any:
    return provisioning.best_budget(spec, jnp.array([[10.0]]), first, 1.2 * first**2 / 10)


def _deviation(*arguments: Any) -> Any:
    return interpolated.deviation(Spectrum(*arguments[:2]), 9, arguments[2])


def _curvatures(g: Draw) -> np.ndarray:
    square = 0.2 * g.normal(SLOTS, 3, 3)
    return square + square.swapaxes(1, 2) + 2 * np.eye(3)[None, ..., None]


def _into_unit_box(target: Any, step: Any) -> Any:
    unit = lambda x: jnp.clip(x, 0, 1)  # noqa: E731
    return smoothing.projected_gradient(
        lambda x: x - target, unit, target, step, 0.0, 20, convexity=1.0
    )


def _distance(x: Any, target: Any) -> Any:
    return jnp.sqrt(jnp.sum((x - target) ** 2, axis=0))


def _nearer(target: Any, y: Any, eta: Any, last: Any) -> Any:
    gap = y - target
    size = jnp.sqrt(jnp.sum(gap**2, axis=0))
    return target + gap * jnp.maximum(1 - eta / jnp.where(size > 0, size, 1), 0)[None]


def _knots(g: Draw) -> knots.Knots:
    """A slope after two rounds, of a problem that charges 1 for ups and 0.5 for downs."""
    position = jnp.asarray(g.uniform(high=4))
    state = knots.quadratic_step(knots.start(position, 1.0, 0.5), g.uniform(), 2.0, 1.0, 0.5)
    state = knots.absolute_step(state, g.uniform(), g.uniform(high=4), 1.0, 0.5)
    return jax.tree.map(np.asarray, state)


def _linear(x: Any, theta: Any) -> Any:
    return theta[0] * (x - theta[1])


def _targets(g: Draw, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    return g.uniform(rounds, low=0.1, high=2), g.uniform(rounds, high=4)


def _quadratic(g: Draw) -> tuple[Any, ...]:
    return g.uniform(D, low=0.1, high=3), g.spectrum().basis, g.normal(D), g.normal(D)


Call = tuple[Callable[..., Any] | None, Callable[[Draw], tuple[Any, ...]]]

CALLS: dict[str, Call] = {
    # name -> what is called (None: the function itself, with the arguments as they are), arguments
    "budgeted.solve_budgeted": (None, _budgeted),
    "budgeted.solve_budgeted_l1": (
        None,
        lambda g: (g.cost(SLOTS), g.cost(SLOTS), *_ball(g), g.simplex(STATES), 1.2 + g.uniform()),
    ),
    "dispatch.dispatch": (
        None,
        lambda g: (
            g.uniform(3, low=1, high=3),
            g.uniform(low=0.5, high=2.5),
            (g.uniform(3), g.normal(3), g.uniform(3), g.uniform(3, low=1)),
        ),
    ),
    "hst.embed": (
        None,
        lambda g: (
            np.argsort(g.uniform(6), axis=0).astype(np.int32),
            g.uniform(low=1, high=2),
            g.distance(6),
        ),
    ),
    # What the solver makes least, to its own accuracy; the matrix itself is less certain.
    "interior_point.solve": (
        lambda *given: jnp.trace(mapped("interior_point", "solve")(*given).matrix),
        _recovery,
    ),
    "info.judge": (lambda x: judge(x, 0.5, 3), lambda g: (g.uniform(),)),
    "jacobi.apply": (
        lambda *given: jacobi.apply(interpolated._go, interpolated._differences, *given),
        lambda g: (g.spectrum(), g.normal(D), g.uniform(low=1, high=20)),
    ),
    "jacobi.assemble": (None, lambda g: (g.spectrum(),)),
    "jacobi.clip": (None, lambda g: (Spectrum(g.normal(D, D), g.symmetric()),)),
    "jacobi.combine": (None, lambda g: (g.spectrum(), g.normal(D))),
    "jacobi.coordinates": (None, lambda g: (g.spectrum(), g.normal(D))),
    "jacobi.eigenvalues": (None, lambda g: (g.spectrum(),)),
    "jacobi.multiple_of_identity": (
        lambda scale: jacobi.multiple_of_identity(scale, D),
        lambda g: (g.uniform(),),
    ),
    "jacobi.rank_one_update": (None, lambda g: (g.spectrum(), 0.1 * g.normal(), g.normal(D))),
    "jacobi.residual": (None, lambda g: (Spectrum(g.normal(D, D), g.symmetric()),)),
    # The columns' signs and order are LAPACK's to choose: what is compared is the matrix.
    "jacobi.settle": (None, lambda g: (g.spectrum(),)),
    "jacobi.start": (lambda x: jacobi.assemble(jacobi.start(x)), lambda g: (g.symmetric(),)),
    "jacobi.sweep": (None, lambda g: (Spectrum(g.normal(D, D), g.symmetric()),)),
    "knots.absolute_step": (
        lambda state, a, v: knots.absolute_step(state, a, v, 1.0, 0.5),
        lambda g: (_knots(g), g.uniform(), g.uniform(high=4)),
    ),
    "knots.bounds": (None, lambda g: (_knots(g),)),
    "knots.evaluate": (None, lambda g: (_knots(g), g.uniform(high=4))),
    "knots.mean": (None, lambda g: (_knots(g), g.uniform(), 2 + g.uniform())),
    "knots.quadratic_step": (
        lambda state, a, v: knots.quadratic_step(state, a, v, 1.0, 0.5),
        lambda g: (_knots(g), g.uniform(), g.uniform(high=4)),
    ),
    "knots.quantile": (None, lambda g: (_knots(g), g.uniform())),
    "knots.start": (None, lambda g: (g.uniform(), g.uniform(), g.uniform())),
    "lanes.align": (lambda x: lanes.align(x, 1, 1), lambda g: (g.uniform(D),)),
    "lanes.lift": (None, lambda g: (g.uniform(D),)),
    "lanes.one_hot": (lambda i: lanes.one_hot(i, D), lambda g: (g.integers(D),)),
    "lanes.spread": (lambda x: lanes.spread(0.5 * x[0], x[0]), lambda g: (g.uniform(2),)),
    "lanes.take": (None, lambda g: (g.uniform(D, D), g.integers(D))),
    "lanes.where": (
        lambda u, x, y: lanes.where(u > 0.5, x, y),
        lambda g: (g.uniform(), g.normal(D), g.normal(D)),
    ),
    "lattice.axis_minplus": (None, lambda g: (g.uniform(4, 3), g.uniform(2))),
    "lattice.lanes_of": (lambda x: lattice.lanes_of(x, 9), lambda g: (g.integers(4, 3),)),
    "minplus.metric_closure": (None, lambda g: (g.uniform(6, 6),)),
    "minplus.minplus": (None, lambda g: (g.uniform(6, 6), g.uniform(6))),
    "minplus.minplus_carry": (
        None,
        lambda g: (g.uniform(6, 6), g.uniform(6), (g.uniform(6), g.uniform(6, 6))),
    ),
    "mirror.add_compensated": (None, lambda g: (g.normal(D), 1e-18 * g.normal(D), g.normal(D))),
    "mirror.categorical": (None, lambda g: (g.simplex(D), g.uniform())),
    "mirror.divergence": (None, lambda g: (g.simplex(D), g.simplex(D))),
    "mirror.entropic_step": (None, lambda g: (g.normal(D), g.uniform(D), g.uniform())),
    "mirror.largest": (None, lambda g: (g.normal(D),)),
    "mirror.log_barrier_move": (None, lambda g: (1 / g.simplex(D), g.uniform(D), g.uniform(D))),
    "mirror.log_barrier_step": (None, lambda g: (g.simplex(D), g.uniform(D), g.uniform(D))),
    "mirror.tsallis_point": (None, lambda g: (g.uniform(D, high=9), g.uniform(low=0.1))),
    "mirror.shift_compensated": (None, lambda g: (g.normal(D), 1e-18 * g.normal(D), g.normal())),
    "occupancy.extended_value_iteration": (None, lambda g: (g.cost(SLOTS), *g.box())),
    "occupancy.extended_value_iteration_l1": (None, lambda g: (g.cost(SLOTS), *_ball(g))),
    "occupancy.policy_value": (
        None,
        lambda g: (
            g.simplex(SLOTS, STATES, ACTIONS, axis=2),
            g.cost(SLOTS),
            g.transitions(),
            g.simplex(STATES),
        ),
    ),
    "planning.all_slots": (
        lambda x: planning.all_slots(x, 5, x.shape[3:]),
        lambda g: (g.cost(1),),
    ),
    "planning.backward": (
        lambda cost, *box: planning.backward(cost, planning.box(*box), lambda slot: slot.value),
        lambda g: (g.cost(SLOTS), *g.box()),
    ),
    "planning.ball": (
        lambda cost, *ball: planning.backward(cost, planning.ball(*ball), lambda slot: slot.chosen),
        lambda g: (g.cost(SLOTS), *_ball(g)),
    ),
    "planning.box": (
        lambda cost, *box: planning.backward(cost, planning.box(*box), lambda slot: slot.action),
        lambda g: (g.cost(SLOTS), *g.box()),
    ),
    "planning.forward_rows": (
        None,
        lambda g: (
            g.simplex(SLOTS, STATES, ACTIONS, axis=2),
            g.simplex(SLOTS, STATES, STATES, axis=2),
            g.simplex(STATES),
        ),
    ),
    "planning.inner": (None, lambda g: (g.cost(SLOTS), g.cost(SLOTS))),
    "planning.join_slots": (
        lambda x: planning.join_slots(*planning.split_slots((x[:1], x), SLOTS)),
        lambda g: (g.cost(SLOTS),),
    ),
    "planning.occupancy_of": (
        None,
        lambda g: (
            g.simplex(SLOTS, STATES, ACTIONS, axis=2),
            g.transitions(),
            g.simplex(STATES),
        ),
    ),
    "planning.policy_of": (None, lambda g: (g.cost(SLOTS),)),
    "planning.split_slots": (
        lambda x: planning.split_slots((x[:1], x), SLOTS)[1],
        lambda g: (g.cost(SLOTS),),
    ),
    "planning.step_back": (
        lambda cost, after, data: planning.step_back(cost, after, data, _step),
        lambda g: (g.cost(), g.uniform(STATES), g.transitions()[0]),
    ),
    "proximal.balance": (None, lambda g: (*_quadratic(g), g.uniform(low=0.1))),
    "proximal.entropic_prox": (
        None,
        lambda g: (psd.compose(*_quadratic(g)[1::-1]), g.normal(D), g.simplex(D), 1 + g.uniform()),
    ),
    "proximal.level": (None, lambda g: (*_quadratic(g), g.uniform(low=0.1))),
    "proximal.path_point": (None, lambda g: (*_quadratic(g), g.uniform(high=3))),
    "proximal.small_solve": (
        None,
        lambda g: (psd.compose(*_quadratic(g)[1::-1]), g.normal(D)),
    ),
    "psd.compose": (None, lambda g: (g.normal(D, D), g.normal(D))),
    "psd.eigh": (lambda x: psd.eigh(x)[0], lambda g: (g.symmetric(),)),
    "psd.positive": (None, lambda g: (g.normal(D),)),
    "psd.positive_differences": (None, lambda g: (g.normal(D), g.normal(D))),
    "psd.project": (None, lambda g: (g.symmetric(),)),
    "psd.spectral": (
        lambda x: psd.spectral(psd.positive, psd.positive_differences, x),
        lambda g: (g.symmetric(),),
    ),
    "psd.symmetric": (None, lambda g: (g.normal(D, D),)),
    "psd.widen": (lambda x: psd.widen([x], 2), lambda g: (g.normal(),)),
    "quadratic_forms.adjoint": (
        mapped("quadratic_forms", "adjoint"),
        lambda g: (_forms(g), g.normal(8)),
    ),
    "quadratic_forms.entries": (mapped("quadratic_forms", "entries"), lambda g: (g.symmetric(3),)),
    "quadratic_forms.forward": (
        mapped("quadratic_forms", "forward"),
        lambda g: (_forms(g), g.normal(6)),
    ),
    "quadratic_forms.gram": (
        mapped("quadratic_forms", "gram"),
        lambda g: (_forms(g), g.uniform(8)),
    ),
    "quadratic_forms.kronecker": (
        mapped("quadratic_forms", "kronecker"),
        lambda g: (g.symmetric(3), g.symmetric(3)),
    ),
    "quadratic_forms.measure": (mapped("quadratic_forms", "measure"), lambda g: (g.normal(8, 3),)),
    "quadratic_forms.places": (mapped("quadratic_forms", "places"), lambda g: (g.symmetric(3),)),
    "quadratic_forms.square": (mapped("quadratic_forms", "square"), lambda g: (g.normal(6),)),
    "roots.bisect": (
        lambda level: roots.bisect(lambda x: x**3 - level, 0.0, 2.0),
        lambda g: (g.uniform(),),
    ),
    "roots.newton": (
        lambda level: roots.newton(lambda x: x**3 + x - level, 0.0, 2.0, 1.0),
        lambda g: (g.uniform(),),
    ),
    "sensing.recover_psd": (
        lambda *given: jnp.trace(sensing.recover_psd(*given).matrix),
        _recovery,
    ),
    "slopes.offline": (
        lambda *given: slopes.offline(_linear, given[:2], given[2], 1.0, 0.5, 0.0, 4.0),
        lambda g: (*_targets(g, 6), g.uniform(high=4)),
    ),
    "slopes.window_bounds": (
        lambda *given: slopes.window_bounds(_linear, given, 1.0, 0.5, 0.0, 4.0),
        lambda g: _targets(g, 3),
    ),
    "slopes.window_step": (
        lambda *given: slopes.window_step(_linear, given[:2], given[2], 1.0, 0.5, 0.0, 4.0),
        lambda g: (*_targets(g, 3), g.uniform(high=4)),
    ),
    "sums.two_sum": (None, lambda g: (g.normal(D), 1e-9 * g.normal(D))),
    "thresholds.crossing": (
        lambda s, level: thresholds.crossing(jnp.arange(1.0 * D), s, level),
        lambda g: (np.sort(g.normal(D), axis=0), 0.1 * g.normal()),
    ),
    "thresholds.grid_mean": (
        lambda s, *prices: thresholds.grid_mean(jnp.arange(1.0 * D), s, *prices),
        lambda g: (np.sort(g.normal(D), axis=0), g.uniform(low=0.1), g.uniform(low=0.1)),
    ),
    "thresholds.grid_step": (
        None,
        lambda g: (g.normal(D), g.normal(D), g.uniform(), g.uniform()),
    ),
    "thresholds.initial": (
        lambda *frame: thresholds.initial(jnp.arange(1.0 * D), *frame),
        lambda g: (g.uniform(high=4), g.uniform(), g.uniform()),
    ),
    "thresholds.threshold_path": (
        lambda differences, up: thresholds.threshold_path(differences, 1.0, up, 0.5 * up),
        lambda g: (np.sort(g.normal(6, D), axis=1), g.uniform()),
    ),
    "thresholds.threshold_step": (
        None,
        lambda g: (g.normal(D), g.normal(D), g.uniform(), g.uniform()),
    ),
    "thresholds.trigger": (
        None,
        lambda g: (g.uniform(D) < 0.5, g.normal(D), g.uniform(), g.uniform()),
    ),
    "transport.excess_cost": (None, lambda g: (g.excess(), g.distance())),
    "transport.transport": (None, lambda g: (g.excess(), g.distance())),
    "allocation.competitive_ratio": (
        None,
        lambda g: (g.uniform() + 1, g.uniform() + 10, g.uniform(), g.uniform(high=0.5)),
    ),
    "allocation.embed_tree": (
        lambda words, distance: allocation.embed_tree(_keys(words), distance),
        lambda g: (g.words(), g.distance()),
    ),
    "allocation.integral_optimum": (
        lambda *job: allocation.integral_optimum(*job, slots=3),
        _jobs,
    ),
    "allocation.next_state": (
        None,
        lambda g: (
            g.uniform(),
            g.integers(2 * POINTS),
            g.simplex(2 * POINTS),
            g.simplex(2 * POINTS),
            g.states(g.distance()),
        ),
    ),
    "allocation.offline_optimum": (None, _jobs),
    "allocation.offline_worst": (
        lambda *job: allocation.offline_worst(*job, slots=3)[0],
        _jobs,
    ),
    "allocation.optimal_coupling": (
        None,
        lambda g: (g.simplex(2 * POINTS), g.simplex(2 * POINTS), g.states(g.distance())),
    ),
    "allocation.pcm_step": (None, _allocation_step),
    "allocation.robustness": (
        None,
        lambda g: (g.uniform(), g.uniform() + 1, g.uniform() + 10, g.uniform(), 0.5 * g.uniform()),
    ),
    "allocation.sample_schedule": (
        lambda words, decisions, metric: allocation.sample_schedule(
            _keys(words), decisions, metric, 0
        ),
        lambda g: (g.words(), g.simplex(3, 2 * POINTS, axis=1), g.states(g.distance())),
    ),
    "allocation.sample_job": (_sample_job, lambda g: (g.words(),)),
    "allocation.state_metric": (None, lambda g: (g.distance(), g.uniform(POINTS))),
    "allocation.stclip_step": (None, _clip_step),
    "allocation.wasserstein": (
        None,
        lambda g: (g.simplex(2 * POINTS), g.simplex(2 * POINTS), g.states(g.distance())),
    ),
    "multistage.descend": (_descend, lambda g: (_levels(g), g.uniform(), g.words())),
    "multistage.expected_cost": (
        lambda *tables: multistage.expected_cost(TREE, *tables),
        lambda g: (g.simplex(4, 3, axis=1), g.uniform(9)),
    ),
    "multistage.first_visits": (
        lambda like: multistage.first_visits(TREE, like),
        lambda g: (g.uniform(),),
    ),
    "multistage.pick": (None, lambda g: (g.uniform(4, 3), g.integers(4))),
    "multistage.play_probabilities": (
        lambda learned, epsilon: multistage.play_probabilities(
            TREE, multistage.policies(TREE, learned, epsilon)
        ),
        lambda g: (_levels(g), g.uniform()),
    ),
    "multistage.policies": (
        lambda learned, epsilon: multistage.policies(TREE, learned, epsilon),
        lambda g: (_levels(g), g.uniform()),
    ),
    "multistage.put": (None, lambda g: (g.uniform(4, 3), g.integers(4), g.uniform(3))),
    "multistage.tables": (
        lambda like: multistage.tables(TREE, like, 0.5),
        lambda g: (g.uniform(),),
    ),
    "multistage.uniform_probabilities": (
        lambda like: multistage.uniform_probabilities(TREE, like),
        lambda g: (g.uniform(),),
    ),
    "provisioning.best_budget": (
        _best_budget,
        lambda g: (
            _queue(),
            g.uniform(1, low=10, high=18),
        ),
    ),
    "provisioning.confidence_box": (
        None,
        lambda g: (np.round(g.transitions() * 50), g.uniform(low=1, high=3)),
    ),
    "provisioning.log_term": (
        lambda episodes, delta: provisioning.log_term(3, 2, 3, episodes, delta),
        lambda g: (g.uniform(low=10, high=1000), g.uniform(low=0.01, high=0.1)),
    ),
    "provisioning.plan_episode": (
        _plan_episode,
        lambda g: (_queue(), g.uniform(low=1.2, high=1.9), g.simplex(1, 3, 3, 3, axis=3)),
    ),
    "provisioning.uncertainty_bonus": (
        lambda radius: provisioning.uncertainty_bonus(radius, SLOTS, remaining=True, tv_cap=True),
        lambda g: (0.2 * g.transitions(),),
    ),
    "regions.project": (
        lambda x, hi: regions.project("simplex", x) + regions.project("ball", x, hi=hi),
        lambda g: (g.normal(D), g.uniform(1)),
    ),
    "regions.support": (
        lambda x, lo, hi: regions.support("box", x, lo, hi) + regions.support("ball", x, hi=hi),
        lambda g: (g.normal(D), -g.uniform(D), g.uniform(D)),
    ),
    "splitting.least_point": (
        lambda target, start: splitting.least_point(
            splitting.Hits(_distance, _nearer),
            target,
            start,
            0.3,
            "l2",
            guess=start,
            least=0.0,
            trips=150,
        ),
        lambda g: (g.normal(SLOTS, 2), g.normal(2)),
    ),
    "splitting.least_path": (
        lambda target, start: splitting.least_path(
            splitting.Hits(_distance, _nearer),
            target,
            start,
            0.3,
            "l2",
            guess=target,
            least=0.0,
            trips=150,
        ),
        lambda g: (g.normal(SLOTS, 2), g.normal(2)),
    ),
    "smoothing.dual_fista": (
        lambda matrix, target, start, weight: smoothing.dual_fista(
            (matrix, target), start, weight, "l1"
        ),
        lambda g: (_curvatures(g), g.normal(SLOTS, 3), g.normal(3), 0.3 * g.uniform(3)),
    ),
    "smoothing.projected_gradient": (
        _into_unit_box,
        lambda g: (g.normal(SLOTS, 3), g.uniform(low=0.1)),
    ),
    "smoothing.tridiagonal": (
        None,
        lambda g: (_curvatures(g), g.normal(SLOTS, 3), g.uniform(), g.normal(3)),
    ),
    "tracking.interpolation": (
        lambda x: tracking.interpolation(x, 9),
        lambda g: (g.spectrum().matrix + 0.05,),
    ),
    "tracking.interpolation_eigenvalues": (
        lambda x: tracking.interpolation_eigenvalues(x, 9),
        lambda g: (g.uniform(D, high=3),),
    ),
    # Not public; but where the fault was found.
    "tracking.theory.planning.deviation": (_deviation, lambda g: (*g.spectrum(), g.normal(D))),
}

WITHOUT_LANES = {
    "kernels": {"shapes.expect", "shapes.expect_floating"},
    "allocation": {"great_circle_latency", "load_latency", "load_carbon_csv", "synthetic_carbon"}
    | {"synthetic_workload", "metric_closure", "with_advice"}
    # Of jobs with a state on the host.
    | {"capacity_bound", "plan", "share_capacity"},
    "multistage": {"theory_rates", "regret_bound", "late_probability", "load_tree", "replay"}
    | {"bernoulli_tree", "edge_computing", "multihop", "routing"}
    | {"lower_bound_chain", "recorded_costs"}
    | {"switching_tree", "delayed_tree", "heavy_tailed_tree", "reactive_tree"}
    | {f"{name}_params" for name in ("epsilon_exp3", "anytime_epsilon_exp3", "exp3")}
    | {f"{name}_params" for name in ("normalized_eg", "broad_omd", "oracle_policy")}
    | {f"{name}_params" for name in ("exp3_ix", "exp3_p", "tsallis_inf", "exp3_s", "ucb1")}
    | {f"{name}_params" for name in ("discounted_ucb", "sliding_window_ucb")}
    | {f"{name}_params" for name in ("leaf_exp3", "node_exp4")},
    "provisioning": {"load_tabular", "load_trace_csv", "single_queue", "tabular_model"}
    | {"paper_queue", "bursty_queue", "two_queues", "tabular", "policy_value"}
    # A comparator, which the learners' test plays.
    | {"static_optimum"},
    # Problems, and what is read off a problem; the learners' tests play them.
    "smoothed": {"recorded", "walk", "zigzag", "strong_lower_bound", "rightsizing", "custom"}
    | {"jumps"}
    | {"offline_optimum", "integral_optimum", "static_optimum", "prefix_optimum", "minimizers"}
    | {"replay", "solve_offline", "with_advice", "load_types", "load_trace_csv"},
    "tracking": {"exploration_regret", "follow_regret", "lai_cost", "plugin_regret", "replay"}
    | {"load_matrix", "make_matrix", "make_spec", "recorded_tracking", "online_optimum"},
}
"""Functions of one problem, of files and of settings; and names of kernels in a family."""


def functions() -> Iterator[str]:
    """Names of all public functions: of the kernels, ``module.name``, and ``family.name``."""
    for info in pkgutil.iter_modules(jaxsoco_kernels.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"jaxsoco_kernels.{info.name}")
        names = [name for name in vars(module) if not name.startswith("_")]
        yield from (
            f"{info.name}.{name}"
            for name in names
            if _is_function(vars(module)[name], module.__name__)
            and name not in WITHOUT_LANES["kernels"]
            and f"{info.name}.{name}" not in WITHOUT_LANES["kernels"]
        )
    for family in FAMILIES:
        short = family.__name__.rpartition(".")[2]
        names = set(family.__all__) - WITHOUT_LANES[short]
        yield from (f"{short}.{n}" for n in sorted(names) if _is_function(getattr(family, n)))


def _is_function(value: Any, module: str | None = None) -> bool:
    # What jax.custom_jvp and jax.jit make is no function to inspect.
    own = inspect.unwrap(value) if callable(value) else value
    return inspect.isfunction(own) and module in (None, own.__module__)


def function(name: str) -> Callable[..., Any]:
    """What the call of a public function calls."""
    called = CALLS[name][0]
    if called is not None:
        return called
    place, _, short = name.rpartition(".")
    families: dict[str, ModuleType] = {x.__name__.rpartition(".")[2]: x for x in FAMILIES}
    return getattr(
        families.get(place) or importlib.import_module(f"jaxsoco_kernels.{place}"), short
    )


def arguments(name: str, lanes: int, x64: bool) -> tuple[Any, ...]:
    """Its arguments, with this many lanes."""
    dtype = np.float64 if x64 else np.float32
    drawn = CALLS[name][1](Draw(lanes))
    floating = lambda x: jnp.issubdtype(x.dtype, jnp.floating)  # noqa: E731
    return jax.tree.map(lambda x: np.asarray(x, dtype) if floating(x) else np.asarray(x), drawn)
