"""The problems: what the leaves cost, from an experiment's values. JAX only in ``build``.

Sections are those of arXiv 2404.04509. What the paper leaves open is filled in as the docstrings
say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import Prepared
from jaxsoco.multistage.data.tree_files import load_tree
from jaxsoco.multistage.theory.delays import late_probability, ramp
from jaxsoco.multistage.theory.tree import MAX_NODES, Tree

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance

SEGMENTS = 1000
"""Pieces on which rates that change all the time are constant."""

RAMP = 0.2
"""Share of the horizon over which changing rates change."""

NETWORKS = {
    2: ((0.2, 0.10), (0.5, 0.005)),
    3: ((0.2, 0.10), (0.35, 0.05), (0.5, 0.005)),
}
"""Inference time and miss rate of the networks of section 7.3; the third is filled in."""


class Content(NamedTuple):
    """Leaf costs: 1 with probability ``chance [segments, leaves]``, else ``base`` (or 0)."""

    tree: Tree
    chance: np.ndarray
    base: np.ndarray | None
    segment_end: np.ndarray
    horizon: int
    track: tuple[int, int]


# --- Bernoulli trees (7.1, 7.2) -------------------------------------------------------------------


def prepare_bernoulli(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Bernoulli leaves; the first one costs 1, and nothing once the switch is over (7.1).

    Leaf ``j >= 1`` of ``n`` costs ``1 - (1 - p_min) (j + 1) / n``, which is Figure 4's tree.
    """
    horizon = values["horizon"]
    tree, read = _tree(values, folder)
    low = 0.2 * (max(tree.depth, 2) - 1) if values["p_min"] == "paper" else values["p_min"]
    if not 0 <= low <= 1:
        message = f'"paper" is {low:.3g} at depth {tree.depth}'
        raise InputError(Issue("problem.p_min", message, "want a number from 0 to 1"))
    costs = leaf_costs(tree.leaves, low, values["fill"])
    after = costs.copy()
    after[0] = 0.0
    switch = int(horizon * values["switch"])
    if switch == 0:
        return _prepared(values, tree, after[None], None, np.array([horizon]), read)
    ends = np.array([switch, max(horizon, switch + 1)])
    return _prepared(values, tree, np.stack([costs, after]), None, ends, read)


def leaf_costs(leaves: int, low: float, fill: str = "linear") -> np.ndarray:
    """Costs before the switch, ``[leaves]``: 1 first, ``low`` last, the others filled in."""
    places = np.arange(leaves)
    if fill == "linear":
        costs = 1 - (1 - low) * (places + 1) / leaves
    elif fill == "span":
        costs = np.concatenate([[1.0], np.linspace(min(low + 0.4, 1), low, leaves - 1)])
    else:
        costs = np.where(places == leaves - 1, low, min(low + 0.4, 1))
    costs[0] = 1.0
    return costs


# --- edge computing (7.3) -------------------------------------------------------------------------


def prepare_edge(values: Mapping[str, Any], folder: Path) -> Prepared:
    """A robot chooses a server, which chooses a network; late is 1, in time the miss rate (7.3).

    Filled in: links have rate ``6 - i``, but the last one rises from 1 to 12.
    """
    del folder
    count, horizon = values["servers"], values["horizon"]
    ends, times = segments(horizon)
    rates = np.stack([np.full(len(times), 6.0 - i) for i in range(count)], axis=1)
    rates[:, -1] = ramp(1.0, 12.0, RAMP, times)
    spent, missed = np.array(NETWORKS[count]).T
    late = np.exp(-rates[:, :, None] * (1 - spent))
    chance = late.reshape(len(times), -1)
    return _prepared(
        values, Tree.complete(2, count), chance, np.tile(missed, count)[None], ends, {}
    )


# --- multi-hop (7.4) ------------------------------------------------------------------------------


def prepare_multihop(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Layers of two relays; a job is late if its links together take over 1 (7.4).

    Filled in, with ``g = (L + 1) / 3``: first and last links have rate ``8 g``, between relays 0
    it rises from ``0.5 g`` to ``20 g``, from 0 to 1 it is ``2.5 g``, out of relay 1 ``4 g``.
    """
    del folder
    layers, horizon = values["layers"], values["horizon"]
    ends, times = segments(horizon)
    unit = (layers + 1) / 3
    tree = Tree.complete(layers, 2)
    chance = np.empty((len(times), tree.leaves))
    for leaf in range(tree.leaves):
        relays = [leaf >> (layers - 1 - i) & 1 for i in range(layers)]
        links = [np.full(len(times), 8 * unit)]
        for pair in pairwise(relays):
            links.append(_link(pair, unit, times))
        chance[:, leaf] = late_probability(np.stack([*links, links[0]]))
    return _prepared(values, tree, chance, None, ends, {})


def _link(pair: tuple[int, int], unit: float, times: np.ndarray) -> np.ndarray:
    if pair == (0, 0):
        return ramp(0.5 * unit, 20 * unit, RAMP, times)
    return np.full(len(times), (2.5 if pair[0] == 0 else 4.0) * unit)


def segments(horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Last rounds of equal segments, and their mid-points as fractions of the horizon."""
    count = min(SEGMENTS, horizon)
    ends = np.round(np.arange(1, count + 1) * (horizon / count)).astype(np.int64)
    return ends, (np.arange(count) + 0.5) / count


# --- lower bound (6) ------------------------------------------------------------------------------


def prepare_chain(values: Mapping[str, Any], folder: Path) -> Prepared:
    """The chain of the lower bound: every node has a leaf and the next node (6)."""
    del folder
    stages = values["stages"]
    gap = values["gap"] * 2.0**-stages
    tree = chain(stages)
    costs = [(1 - (2**stages - 2 ** (i - 1)) * gap) / 2 for i in range(1, stages)]
    last = [(1 - 2**stages * gap) / 2, (1 + 2**stages * gap) / 2]
    costs += last[::-1] if values["swapped"] else last
    return _prepared(values, tree, np.array([costs]), None, np.array([values["horizon"]]), {})


def chain(stages: int) -> Tree:
    """Node ``i`` has a leaf and node ``i + 1``; the last one has two leaves."""
    inner = tuple((stages + i, i + 1) for i in range(stages - 1))
    return Tree((*inner, (2 * stages - 1, 2 * stages)))


# --- recorded costs -------------------------------------------------------------------------------


def prepare_recorded(values: Mapping[str, Any], folder: Path) -> Prepared:
    """Recorded costs: a CSV file with a row for every round and a column for every leaf."""
    tree, read = _tree(values, folder)
    path, horizon = folder / values["file"], values["horizon"]
    costs = load_costs(path, tree.leaves)
    if len(costs) < horizon:
        message = f"{path.name} has {len(costs)} rounds, the horizon is {horizon}"
        raise InputError(Issue("run.horizons", message, f"want at most {len(costs)}"))
    costs = costs[:horizon]
    read = read | {"file": path.name, "sha256": hashlib.sha256(costs.tobytes()).hexdigest()}
    ends = np.arange(1, horizon + 1)
    return _prepared(values, tree, np.zeros_like(costs), costs, ends, read)


def load_costs(path: Path, leaves: int) -> np.ndarray:
    """Costs ``[rounds, leaves]`` of a CSV file; its first line may name the leaves.

    Raises:
      InputError: with every bad line, up to ten.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Issue(f"problem.file: {path}", f"cannot be read: {error}")) from error
    rows, issues = [], []
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(",")]
        if cells == [""]:
            continue
        numbers = [_number(cell) for cell in cells]
        if number == 1 and all(value is None for value in numbers):
            continue
        place = f"{path.name}:{number}"
        bad = [i for i, value in enumerate(numbers) if value is None or not 0 <= value <= 1]
        if len(cells) != leaves:
            issues.append(
                Issue(place, f"{len(cells)} costs", f"want one for each of {leaves} leaves")
            )
        elif bad:
            shown = f"column {bad[0] + 1}: {cells[bad[0]]!r}"
            issues.append(Issue(place, shown, "want a cost from 0 to 1"))
        else:
            rows.append(numbers)
    if not rows and not issues:
        issues.append(Issue(str(path.name), "holds no rounds"))
    if issues:
        raise InputError(issues[:10])
    return np.array(rows, np.float64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


# --- shared ---------------------------------------------------------------------------------------


def _tree(values: Mapping[str, Any], folder: Path) -> tuple[Tree, dict[str, Any]]:
    """The complete tree of the values, or that of a file, and what identifies the file."""
    if values["tree"] != "complete":
        path = folder / values["tree"]
        return load_tree(path), {"tree": path.name}
    depth, children = values["depth"], values["children"]
    if sum(children**d for d in range(depth + 1)) > MAX_NODES:
        message = f"{depth} decisions among {children} make over {MAX_NODES} nodes"
        raise InputError(Issue("problem.depth", message, "want a smaller tree"))
    return Tree.complete(depth, children), {}


def _prepared(values, tree: Tree, chance, base, ends, read: dict[str, Any]) -> Prepared:
    track = (values.get("track_first", 0), values.get("track_second", 0))
    nodes = tree.nodes + tree.leaves
    wrong = [node for node in track if node >= nodes]
    if wrong:
        message = f"the tree has no node {wrong[0]}"
        raise InputError(Issue("problem.track_first", message, f"want an id below {nodes}"))
    content = Content(tree, chance, base, ends, values["horizon"], track)
    digest = hashlib.sha256(np.asarray(ends, np.int64).tobytes()).hexdigest()
    group = (tree, len(ends), digest, None if base is None else len(base), track)
    children = [list(row) for row in tree.children] if read else []
    notes = tuple(f"{what}: {name}" for what, name in read.items() if what != "sha256")
    return Prepared(content, group, {**read, "children": children} if read else {}, notes)


def build(prepared: Prepared, values: Mapping[str, Any]) -> Instance:
    """The problem of one point, ready for a sweep: every run has the same costs."""
    import jax.numpy as jnp

    from jaxsoco.core.protocol import Instance
    from jaxsoco.multistage.problem import multistage, same_for_all
    from jaxsoco.multistage.spec import Spec

    del values
    content: Content = prepared.content
    spec = Spec(
        chance=jnp.asarray(content.chance, float),
        base=None if content.base is None else jnp.asarray(content.base, float),
        segment_end=jnp.asarray(content.segment_end, jnp.int32),
        horizon=jnp.asarray(content.horizon, float),
        tree=content.tree,
        track=content.track,
    )
    return Instance(multistage, same_for_all, spec, content.horizon)
