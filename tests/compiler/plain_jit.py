"""Programs as a plain ``jax.jit`` makes them, with many lanes, against small blocks of lanes.

A process of its own, in which XLA has the options that it has by default::

    python tests/compiler/plain_jit.py float64 16,8192 brief allocation/pcm "functions of jacobi"

prints one JSON object: subject -> what is wrong. A subject is a learner, a comparator, or the
functions of a module of kernels or of a family.
"""

import itertools
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import public_functions

import jaxsoco
from jaxsoco import registry
from jaxsoco.core.compiler import YNN, known
from jaxsoco.core.schema import HORIZON
from jaxsoco.testing.cases import Case, Judge, Learner, instance
from jaxsoco.testing.deriving import KNOWN, ROUNDS, _problem_of
from jaxsoco.testing.rollouts import objective

BLOCK = 16
"""Lanes of a small block: what is summed there has fewer elements than XLA gives to YNNPACK."""

BRIEF = known({"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False})
"""A quarter of the time to compile: YNNPACK gets the same fusions, in which the fault is the same;
only the rest of the machine code is another."""

SHORTER = {"multistage": {"horizon": 6}, "provisioning": {"horizon": 5}}
VALUES = {"tracking/scale_design": {"dimension": 2}}
"""Fields of problems that make them smaller than their case is, by family and by learner."""

TIES = 1 / 32
"""Of the lanes: in single precision rounding may choose another of two actions of the same worth in
so many, the values that come with the policy are compared in all."""

CONFUSED = ("exponential-minus-one", "log", "log-plus-one")
"""Operations of which a fusion that YNNPACK computes must not hold two."""

_COMPUTATION = re.compile(r"^%?(\S+) \(.*?\{$(.*?)^\}", re.MULTILINE | re.DOTALL)


def subjects() -> Iterator[str]:
    """All learners and comparators of the package, the kernels and the families' functions."""
    for family, members in registry.families().items():
        yield from (f"{family}/{entry.name}" for entry in members.algorithms)
        yield from (f"{family}/{entry.name}" for entry in members.comparators if entry.load)
    places = {name.partition(".")[0] for name in public_functions.CALLS}
    yield from (f"functions of {place}" for place in sorted(places))


def confused(program: Any) -> list[str]:
    """Fusions of a compiled program in which the fault could be."""
    text = program.as_text()
    bodies = dict(_COMPUTATION.findall(text))
    called = re.findall(r"calls=%?([^\s,]+).*?__ynn_fusion", text)
    return [
        f"a fusion of {count} {operation}"
        for name in called
        for operation in CONFUSED
        if (count := len(re.findall(rf" {operation}\(", bodies[name]))) > 1
    ]


def blocks(lanes: int) -> list[slice]:
    """Some small blocks among so many lanes: the first, the last, two in between."""
    starts = sorted({0, lanes // 3, lanes - lanes // 3 - BLOCK, lanes - BLOCK})
    return [slice(first, first + BLOCK) for first in starts if 0 <= first <= lanes - BLOCK]


def compiled(called: Callable[..., Any], given: Any, options: Mapping[str, Any]) -> Any:
    """A function's program for such arguments."""
    return jax.jit(called).lower(*given).compile(compiler_options=dict(options))


class Small:
    """A function of arguments with lanes, on small blocks.

    Attributes:
      plain: whether nothing in a block is large enough for YNNPACK, so that its program has no
        fusion in which the fault could be; else it is compiled without the fusions.
    """

    def __init__(self, called: Callable[..., Any], options: Mapping[str, Any]):
        self._called, self._options = called, options
        self._program: Any = None
        self.plain = True

    def __call__(self, given: Any, lanes: int) -> Any:
        parts = [jax.tree.map(partial(_pick, lanes=lanes, block=b), given) for b in blocks(lanes)]
        if self._program is None:
            self._program = compiled(self._called, parts[0], self._options)
            self.plain = "__ynn_fusion" not in self._program.as_text()
            if not self.plain:
                self._program = compiled(self._called, parts[0], {**self._options, YNN: ""})
        found = [self._program(*part) for part in parts]
        return jax.tree.map(_join, *found)


def _pick(x: Any, lanes: int, block: slice | np.ndarray) -> Any:
    return x[..., block] if x.shape[-1:] == (lanes,) else x


def _join(*parts: Any) -> Any:
    # A result may be shared by all lanes.
    return np.concatenate(parts, axis=-1) if parts[0].shape[-1:] == (BLOCK,) else parts[0]


def large(
    called: Callable[..., Any], given: Any, lanes: int, options: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """The same lanes out of one plain program, and the fusions in it that may be wrong."""
    program = compiled(called, given, options)
    found = jax.tree.map(np.asarray, program(*given))
    chosen = np.concatenate([np.arange(lanes)[block] for block in blocks(lanes)])
    return jax.tree.map(partial(_pick, lanes=lanes, block=chosen), found), confused(program)


# --- functions ------------------------------------------------------------------------------------


def check_functions(place: str, lanes: Sequence[int], x64: bool, whole: bool) -> list[str]:
    """What is wrong with the public functions of a module of kernels or of a family."""
    wrong = []
    for name in public_functions.CALLS:
        if not name.startswith(f"{place}."):
            continue
        called, options = public_functions.function(name), {} if whole else BRIEF
        small = Small(called, options)
        for count in lanes:
            given = public_functions.arguments(name, count, x64)
            wanted = small(given, count)
            if count == BLOCK and small.plain:
                continue  # one and the same
            found, fusions = large(called, given, count, options)
            differ = _differ(found, wanted, x64)
            wrong += [f"{name}, {count} lanes: {x}" for x in (*fusions, *differ)]
    return wrong


def _differ(found: Any, wanted: Any, x64: bool) -> Iterator[str]:
    for (path, one), other in zip(
        jax.tree.leaves_with_path(found), jax.tree.leaves(wanted), strict=True
    ):
        place = jax.tree_util.keystr(path)
        one, other = np.asarray(one, float), np.asarray(other, float)
        scale = np.max(np.abs(other), where=np.isfinite(other), initial=1.0)
        error = np.abs(np.where(one == other, 0.0, one - other)) / scale
        if not x64 and place.endswith(".iterations"):
            # Rounding alone may ask for one step more of a search that ends by a tolerance.
            error = np.where(np.abs(one - other) <= 1, 0.0, error)
        lanes = np.any(~(error <= (1e-9 if x64 else 1e-3)), axis=tuple(range(error.ndim - 1)))
        if lanes.mean() > (TIES if not x64 and place.endswith(".policy") else 0):
            yield f"result{place} differs by {error.max():.1e} in {lanes.sum()} of {lanes.size}"


# --- learners and comparators ---------------------------------------------------------------------


def member_of(subject: str) -> Learner | Judge:
    """A learner or comparator on a small problem that suits it."""
    what, entry = registry.find(subject)
    problem = _problem_of(subject)
    facts = dict(KNOWN.get(problem, {}))
    values = {HORIZON: ROUNDS} if registry.problem(problem).horizons else {}
    values |= facts.pop("values", {})
    values |= VALUES.get(subject, SHORTER.get(subject.partition("/")[0], {}))
    case = Case(problem, values, **facts)
    return Learner(case, entry) if what == "algorithm" else Judge(case, entry)


def _doors(member: Learner | Judge, x64: bool) -> dict[str, Callable[[Any], Any]]:
    """Costs at the end of a run by the public ways to it."""
    made = instance(member.case, x64)
    at = (made.horizon,)
    if isinstance(member, Judge):
        best = jaxsoco.comparator(member.id)
        return {"comparator": lambda keys: best(made, keys, at)}
    algorithm, params = member.algorithm, member.params()
    if not member.native:
        algorithm = algorithm._replace(lanes="vmap")

    def simulate(keys):
        rest = made.problem, made.spec(keys), keys, made.horizon
        return jaxsoco.simulate(algorithm, params, *rest, at=at).costs._asdict()

    def play(keys):
        return jaxsoco.play(made, algorithm, params, keys, at=at).costs._asdict()

    return {"play": play, "simulate": simulate} if member.native else {"play": play}


def check_member(subject: str, lanes: Sequence[int], x64: bool, whole: bool) -> list[str]:
    """What is wrong with a learner or comparator: ``whole``, by every door with all lanes."""
    member = member_of(subject)
    doors, options = _doors(member, x64), {} if whole else BRIEF
    # Each door with every second number of lanes, which compiles half as much.
    turns = itertools.product(lanes, doors) if whole else zip(lanes, itertools.cycle(doors))
    small, wrong = Small(doors[next(iter(doors))], options), []
    for count, door in turns:
        keys = jaxsoco.seed_keys(3, count)
        wanted = small((keys,), count)
        if count == BLOCK and small.plain and door == next(iter(doors)):
            continue  # one and the same
        found, fusions = large(doors[door], (keys,), count, options)
        differ = _costs_differ(member.case, found, wanted, x64)
        wrong += [f"{door}, {count} lanes: {x}" for x in (*fusions, *differ)]
    return wrong


def _costs_differ(case: Case, found: Any, wanted: Any, x64: bool) -> Iterator[str]:
    total = np.abs(objective(case, wanted)) + np.finfo(float).tiny
    for name, cost in wanted.items():
        error = np.abs(found[name] - cost) / total
        wrong = ~(error <= (1e-6 if x64 else 1e-3))
        if wrong.any():
            yield f"{name} differs by {error.max():.1e} of the total in {wrong.sum()} runs"


def main(precision: str, lanes: str, extent: str, *chosen: str) -> None:
    """Checks the chosen subjects; ``extent`` is ``whole`` or ``brief``."""
    x64, counts = precision == "float64", [int(n) for n in lanes.split(",")]
    how = counts, x64, extent == "whole"
    warnings.simplefilter("ignore", RuntimeWarning)  # the look at the compiler
    answer = {}
    with jax.enable_x64(x64):
        for subject in chosen or subjects():
            if subject.startswith("functions of "):
                wrong = check_functions(subject.removeprefix("functions of "), *how)
            else:
                wrong = check_member(subject, *how)
            answer[subject] = wrong
            jax.clear_caches()
    print(json.dumps(answer))


if __name__ == "__main__":
    assert known({YNN: ""}), "this XLA has no such fusions: nothing is left to test"
    main(*sys.argv[1:])
