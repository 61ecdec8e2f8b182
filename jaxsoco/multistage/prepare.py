"""The problems: from settings to the costs of the leaves, and to an instance. JAX only to build."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.schema import REQUIRED, Prepared
from jaxsoco.core.settings import is_traced
from jaxsoco.multistage.content import Content, prepared_from
from jaxsoco.multistage.data.costs import load_costs
from jaxsoco.multistage.data.network_files import load_network
from jaxsoco.multistage.data.tree_files import read_tree
from jaxsoco.multistage.settings import FAMILY
from jaxsoco.multistage.settings_problems import (
    AnyTree,
    BernoulliTree,
    EdgeComputing,
    LowerBoundChain,
    Multihop,
    RecordedCosts,
    Routing,
)
from jaxsoco.multistage.theory import environments, routes
from jaxsoco.multistage.theory.graphs import MAX_NODES
from jaxsoco.multistage.theory.tree import Tree

if TYPE_CHECKING:
    from jaxsoco.core.protocol import Instance
    from jaxsoco.multistage.spec import Spec


# --- the problems ---------------------------------------------------------------------------------


def prepare_bernoulli_tree(settings: BernoulliTree, folder: Path) -> Prepared:
    """Bernoulli leaves; the first one costs 1, and nothing once the switch is over (7.1).

    Raises:
      InputError: ``p_min`` is left to the paper in a tree too deep for it, or there is no tree.
    """
    horizon = settings.horizon
    tree, source, notes = tree_of(settings, folder)
    low = settings.p_min
    if low is None:
        low = 0.2 * (max(tree.depth, 2) - 1)
    if not is_traced(low) and not 0 <= low <= 1:
        message = f'"auto" is {low:.3g} at depth {tree.depth}'
        raise InputError(Issue("problem.p_min", message, "want a number from 0 to 1"))
    before = environments.bernoulli_chance(tree.leaves, low, settings.fill)
    # Two segments: as it is, and with a first leaf that costs nothing.
    chance = before[None] * np.stack([np.ones(tree.leaves), np.arange(tree.leaves) > 0])
    switch = int(horizon * settings.switch)
    ends = [switch, max(horizon, switch + 1)]
    if switch == 0:
        chance, ends = chance[1:], [horizon]
    return prepared_from("bernoulli_tree", settings, tree, chance, ends, source=source, notes=notes)


def prepare_edge_computing(settings: EdgeComputing, folder: Path) -> Prepared:
    """A robot chooses a server, which chooses a network (7.3)."""
    del folder
    ends, times = environments.segments(settings.horizon)
    chance, missed = environments.edge_chance(settings.servers, times)
    tree = Tree.complete(2, settings.servers)
    return prepared_from("edge_computing", settings, tree, chance, ends, base=missed[None])


def prepare_multihop(settings: Multihop, folder: Path) -> Prepared:
    """Layers of two relays; a job is late if its links together take over 1 (7.4)."""
    del folder
    ends, times = environments.segments(settings.horizon)
    chance = environments.multihop_chance(settings.layers, times)
    return prepared_from("multihop", settings, Tree.complete(settings.layers, 2), chance, ends)


def prepare_routing(settings: Routing, folder: Path) -> Prepared:
    """Routes through a network from a file; a job is late if its links take too long (7.3, 7.4).

    Raises:
      InputError: the file is not what it should be, or has fewer than two routes or too many.
    """
    path = folder / settings.file
    try:
        network = load_network(path)
    except InputError as error:
        raise error.under("problem.file") from None
    source = {"file": path.name, "sha256": hashlib.sha256(repr(network).encode()).hexdigest()}
    if settings.deadline is not None:
        network = network._replace(deadline=settings.deadline)
    ways = routes.all_routes(network, settings.hops)
    ends, times = environments.segments(settings.horizon)
    if not network.changes:
        ends, times = np.array([settings.horizon]), times[:1]
    chance, missed = routes.route_chance(network, ways, times)
    tree = Tree.from_paths(routes.decisions(routes.leaves(network, ways)))
    base = missed[None] if missed.any() else None
    return prepared_from("routing", settings, tree, chance, ends, base=base, source=source)


def prepare_lower_bound_chain(settings: LowerBoundChain, folder: Path) -> Prepared:
    """The chain of the lower bound: every node has a leaf and the next node (6)."""
    del folder
    stages = settings.stages
    chance = environments.chain_chance(stages, settings.gap * 2.0**-stages, settings.swapped)
    tree = environments.chain(stages)
    return prepared_from("lower_bound_chain", settings, tree, chance[None], [settings.horizon])


def prepare_recorded_costs(settings: RecordedCosts, folder: Path) -> Prepared:
    """Recorded costs: a CSV file with a row for every round and a column for every leaf.

    Raises:
      InputError: the file or the tree's is not what it should be, or ends before the horizon.
    """
    tree, source, notes = tree_of(settings, folder)
    path, horizon = folder / settings.file, settings.horizon
    try:
        costs, columns = load_costs(path, tree)
    except InputError as error:
        raise error.under("problem.file") from None
    if len(costs) < horizon:
        message = f"{path.name} has {len(costs)} rounds, the horizon is {horizon}"
        raise InputError(Issue("run.horizons", message, f"want at most {len(costs)}"))
    costs = costs[:horizon]
    source |= {"file": path.name, "sha256": hashlib.sha256(costs.tobytes()).hexdigest()}
    ends = np.arange(1, horizon + 1)
    chance = np.zeros_like(costs)
    more = {"base": costs, "source": source, "notes": notes + columns}
    return prepared_from("recorded_costs", settings, tree, chance, ends, **more)


# --- shared ---------------------------------------------------------------------------------------


def tree_of(settings: AnyTree, folder: Path) -> tuple[Tree, dict[str, Any], tuple[str, ...]]:
    """The complete tree of the settings, or that of a file; what identifies the file, and notes."""
    if settings.tree != "complete":
        path = folder / settings.tree
        try:
            tree, notes = read_tree(path)
            return tree, {"tree": path.name}, tuple(f"{path.name}: {note}" for note in notes)
        except InputError as error:
            raise error.under("problem.tree") from None
    depth, children = settings.depth, settings.children
    if sum(children**d for d in range(depth + 1)) > MAX_NODES:
        message = f"{depth} decisions among {children} make over {MAX_NODES} nodes"
        raise InputError(Issue("problem.depth", message, "want a smaller tree"))
    return Tree.complete(depth, children), {}, ()


def build(prepared: Prepared) -> Instance:
    """The problem of one point: every run has the same costs."""
    import jax.numpy as jnp

    from jaxsoco.core.protocol import Instance, same_for_all
    from jaxsoco.multistage.problem import multistage
    from jaxsoco.multistage.spec import Spec

    content: Content = prepared.content
    numbers = {k: jnp.asarray(v, float) for k, v in content.extras.items() if k != "delay"}
    spec = Spec(
        chance=jnp.asarray(content.chance, float),
        base=None if content.base is None else jnp.asarray(content.base, float),
        segment_end=jnp.asarray(content.segment_end, jnp.int32),
        horizon=jnp.asarray(content.horizon, float),
        tree=content.tree,
        track=content.track,
        delay=content.extras.get("delay", 0),
        **numbers,
    )
    name = f"multistage/{content.name}"
    return Instance(multistage, same_for_all, spec, content.horizon, name)


# --- in Python ------------------------------------------------------------------------------------


def bernoulli_tree(horizon: int, **fields: Any) -> Spec:
    """Bernoulli leaves of which the worst becomes the best (arXiv 2404.04509, section 7.1).

    >>> from jaxsoco.multistage import bernoulli_tree
    >>> spec = bernoulli_tree(1000, depth=3, children=4)
    >>> spec.tree.leaves, spec.segment_end.tolist()  # the costs switch after round 10
    (64, [10, 1000])

    Args:
      horizon: rounds.
      **fields: settings (``jaxsoco list multistage/bernoulli_tree``) that differ from their
        defaults, such as ``depth=3, children=4, p_min=0.4``.

    Raises:
      TypeError: no such setting.
      InputError: settings that do not fit together.
    """
    return spec_of("bernoulli_tree", horizon, fields)


def edge_computing(horizon: int, **fields: Any) -> Spec:
    """Servers behind random links and networks (section 7.3); see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import edge_computing
    >>> edge_computing(1000, servers=2).tree.children  # root, servers, networks
    ((1, 2), (3, 4), (5, 6))
    """
    return spec_of("edge_computing", horizon, fields)


def multihop(horizon: int, **fields: Any) -> Spec:
    """Layers of relays and a deadline (section 7.4); see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import multihop
    >>> multihop(1000, layers=5).tree.leaves
    32
    """
    return spec_of("multihop", horizon, fields)


def routing(horizon: int, **fields: Any) -> Spec:
    """Routes of a network from the JSON file ``file``; see :func:`bernoulli_tree`.

    >>> from pathlib import Path
    >>> from jaxsoco.multistage import routing
    >>> link = '{"from": "s", "to": "%s", "rate": %s}'
    >>> links = link % ("near", 8) + ", " + link % ("far", "[[0, 1], [0.5, 8]]")
    >>> text = f'{{"source": "s", "deadline": 1, "links": [{links}]}}'
    >>> _ = Path("net.json").write_text(text)
    >>> routing(5000, file="net.json").chance.shape  # a rate changes: in 1000 segments
    (1000, 2)
    """
    return spec_of("routing", horizon, fields)


def lower_bound_chain(horizon: int, **fields: Any) -> Spec:
    """The chain of the lower bound (section 6); see :func:`bernoulli_tree`.

    >>> from jaxsoco.multistage import lower_bound_chain
    >>> lower_bound_chain(1000, stages=2, gap=1.0, swapped=True).chance.tolist()
    [[0.125, 1.0, 0.0]]
    """
    return spec_of("lower_bound_chain", horizon, fields)


def recorded_costs(horizon: int, **fields: Any) -> Spec:
    r"""Recorded costs from the CSV file ``file``; see :func:`bernoulli_tree`.

    >>> from pathlib import Path
    >>> from jaxsoco.multistage import recorded_costs
    >>> _ = Path("costs.csv").write_text("0,1\n0.5,0\n1,1\n")
    >>> recorded_costs(2, file="costs.csv", depth=1).base.tolist()  # the first two rounds
    [[0.0, 1.0], [0.5, 0.0]]
    """
    return spec_of("recorded_costs", horizon, fields)


def spec_of(name: str, horizon: int, fields: Mapping[str, Any]) -> Spec:
    """The spec of a problem with these settings, for ``horizon`` rounds."""
    (entry,) = [entry for entry in FAMILY.problems if entry.name == name]
    defaults = {field.name: field.default for field in entry.fields}
    unknown = sorted(set(fields) - set(defaults))
    values = {**defaults, **fields, "horizon": horizon}
    missing = sorted(key for key, value in values.items() if value is REQUIRED)
    if unknown or missing or horizon < 1:
        raise TypeError(
            f"{name}: want a horizon >= 1 and of the fields {sorted(defaults)} what is needed; "
            f"unknown: {unknown}, missing: {missing}, horizon: {horizon}"
        )
    return entry.instance(entry.prepared(values, Path()), values).settings
