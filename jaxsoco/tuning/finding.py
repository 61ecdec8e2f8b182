"""One learner's search: begun, gone on with, and ended with the values that it found."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxsoco.analysis.searches import DESIGNS, ROWS
from jaxsoco.core import stopping
from jaxsoco.core.ambient import own_rules
from jaxsoco.core.cells import digest_of
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.protocol import Instance
from jaxsoco.core.schema import AUTO, REQUIRED
from jaxsoco.core.sources import digest_of_files, package_files
from jaxsoco.core.study import Study
from jaxsoco.core.text import count
from jaxsoco.experiment.tracing import load_entry
from jaxsoco.front.making import learner, resolve
from jaxsoco.tuning.answers import answer_values, number_of
from jaxsoco.tuning.driving import begin, best_of, check_start
from jaxsoco.tuning.folder import Columns, SearchFolder, appended
from jaxsoco.tuning.objective import Objective
from jaxsoco.tuning.reporting import SearchProgress
from jaxsoco.tuning.search import Search
from jaxsoco.tuning.searching import search_key, searcher
from jaxsoco.tuning.table import TuneTable, placed
from jaxsoco.tuning.targets import Target

_FORMAT = 1
"""Of searches: counts up when the files or what is in them change their meaning."""

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Answer:
    """What a search came to.

    Attributes:
      target: the learner.
      search: the search.
      rows: ``"tuned"``, ``"default"``, ``"theory"``, ``"start"`` -> values as an experiment has
        them, of those that there are.
      theory: the theory's numbers of the parameters of which it says something.
      start: the best of several starts.
      folder: where it is kept.
    """

    target: Target
    search: Search
    rows: Mapping[str, dict[str, Any]]
    theory: Mapping[str, Any]
    start: int
    folder: Path

    def numbers(self, row: str) -> dict[str, Any]:
        """The values of a row, with the theory's numbers where it says ``"auto"``."""
        return {
            name: self.theory.get(name) if value in (None, AUTO) else value
            for name, value in self.rows[row].items()
        }


@own_rules
def find(
    target: Target, table: TuneTable, instances: Sequence[Instance], study: Study, out: Path
) -> Answer:
    """Searches, or goes on with a search, to its end.

    Args:
      target: the learner.
      table: what is searched, and how.
      instances: the problem at every point.
      study: the judging sweep, for what fixes the numbers.
      out: the run directory.

    Raises:
      InputError: a start outside of its range, an objective that is not finite there or anywhere.
    """
    name = f"{study.setup.family}/{target.entry.name}"
    load_entry(target.name, target.entry)  # whose error names a plug-in's fault
    algorithm, params = learner(name, **target.values)
    try:
        search = _searcher(table, target, instances, algorithm, params, study.setup.root_seed)
    except InputError as error:
        raise placed(error) from None
    folder = SearchFolder(out, target.name, _identity(search, table, target, study))
    key = search_key(study.setup.root_seed)
    state, columns = _all_steps(search, folder, table, target, study, key)
    if not np.any(np.isfinite(columns["objective"])):
        hint = "narrow the ranges in tune.parameters, or look at single runs with jaxsoco.play"
        raise InputError(Issue("tune.objective", "is finite at none of the places tried", hint))
    start, free = 0, search.answer(state)
    if table.starts > 1:
        free = jax.vmap(search.answer)(state)
        start = best_of(search, free, key)
        free = free[start]
    values = answer_values(search.space, free)
    theory = _theory(target, instances[0], algorithm, name)
    return Answer(target, search, _rows(target, values, theory), theory, start, folder.path)


def _searcher(
    table: TuneTable,
    target: Target,
    instances: Sequence[Instance],
    algorithm: Any,
    params: Any,
    root: int,
) -> Search:
    objective = table.objective
    schedule = optax.cosine_decay_schedule(table.rate, table.steps)
    return searcher(
        instances[0] if len(instances) == 1 else list(instances),
        algorithm,
        params,
        target.wanted,
        objective=Objective(
            objective.against,
            objective.cost,
            statistic=objective.statistic,  # pyright: ignore[reportArgumentType]
            level=objective.level,
        ),
        method=table.method,
        optimizer=getattr(optax, table.optimizer)(schedule),
        steps=table.steps,
        seeds=table.seeds,
        population=table.population,
        root=root,
    )


def _identity(search: Search, table: TuneTable, target: Target, study: Study) -> str:
    """Digest of all that fixes the numbers of a search."""
    setup, origin = study.setup, study.origin
    folders = (_PACKAGE / room for room in ("tuning", "front"))
    code = [digest_of_files(folder, package_files(folder)) for folder in folders]
    rival = table.objective.against
    return digest_of(
        {
            "format": _FORMAT,
            "family": setup.family,
            "problem": setup.problem,
            "points": setup.points,
            "data": [setup.data[i] for i in setup.data_of_points],
            "horizons": [[*group.points, group.horizon] for group in study.groups],
            "learner": [target.entry.name, target.values],
            "space": [asdict(one) for one in target.space.dimensions],
            "method": [search.method, search.steps, search.runs_per_step],
            "objective": table.objective._asdict(),
            "optimizer": [table.optimizer, table.rate, table.steps],
            "places": [table.population, table.starts],
            "root_seed": setup.root_seed,
            "precision": setup.precision,
            "code": [origin.common, origin.problem, origin.learners.get(target.label("default"))],
            "rival": [rival, origin.learners.get(rival or "")],
            "tuning": [*code, importlib.metadata.version("optax")],
            "compiler": origin.compiler,
        }
    )


def _all_steps(
    search: Search, folder: SearchFolder, table: TuneTable, target: Target, study: Study, key: Any
) -> tuple[Any, Columns]:
    """Takes the steps that are missing; the last state, and what all of them told."""
    state, step = begin(search, key, table.starts, study.setup.root_seed)
    saved = folder.load(state)
    state, columns = saved or (state, {})
    first = len(columns.get("objective", ()))
    _tell(search, folder, target, begun=saved is not None)
    folder.begin()
    progress = SearchProgress(target.name, table.objective_words, search.space, search.steps)

    def kept() -> str:
        number = len(columns.get("objective", ()))
        return f"{number} of {search.steps} steps of the search are kept in {folder.path}"

    progress.start(first)
    try:
        with stopping.stage(kept):
            for number in range(first, search.steps):
                # Through NumPy, as a state that was saved: the next step must not tell them apart.
                state, record = jax.tree.map(np.asarray, step(jax.tree.map(jnp.asarray, state)))
                if number == 0 and search.method not in DESIGNS:
                    _require_finite(search, record)
                columns = appended(columns, record)
                folder.save(state, columns)
                progress.advance(record)
    finally:
        progress.close()
    return jax.tree.map(jnp.asarray, state), columns


def _tell(search: Search, folder: SearchFolder, target: Target, begun: bool) -> None:
    """Says what is searched and how, and why it begins anew where there is an older search."""
    names, steps = ", ".join(search.space.names), count(search.steps, "step")
    runs = count(search.runs_per_step, "run")
    print(f"{target.name}: {names} by {search.method} ({search.reason}), {steps} of {runs}")
    if not begun and folder.damaged:
        print(f"warning: the search in {folder.path} is damaged; it begins anew", file=sys.stderr)
    elif not begun and folder.others:
        print(
            f"note: {target.name} was searched in {folder.path.parent} with other settings, or by "
            "other code: that is kept, and this search begins anew"
        )
    sys.stdout.flush()


def _require_finite(search: Search, record: Any) -> None:
    try:
        check_start(search, record)
    except InputError as error:
        raise placed(error) from None


def _theory(target: Target, instance: Instance, algorithm: Any, name: str) -> dict[str, Any]:
    """The theory's numbers of the tuned parameters of which it says something."""
    names = target.automatic
    if not names:
        return {}
    whole = resolve(instance, algorithm, learner(name, **target.values | names)[1])
    return {one: number_of(getattr(whole, one, None)) for one in names}


def _rows(
    target: Target, values: Mapping[str, Any], theory: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Values by row, as an experiment has them."""
    fields = {field.name: field for field in target.entry.fields}
    names = target.space.names
    start = {name: target.values[name] for name in names}
    tuned = {
        name: fields[name].default if value is None else _plain(value)
        for name, value in values.items()
    }
    default = {
        name: start[name] if fields[name].default is REQUIRED else fields[name].default
        for name in names
    }
    rows = {"tuned": tuned, "default": default}
    if theory:
        rows["theory"] = default | target.automatic
    rows["start"] = start
    return {row: rows[row] for row in ROWS if row in rows}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
