"""Settings and entries of the family's problems. No JAX.

``H`` is the tree's depth, ``K`` the most children of a node, ``K_i`` those of node ``i``, ``T`` the
horizon. Sections and algorithms are those of I-Hong Hou, "Distributed no-regret learning for
multi-stage systems with end-to-end bandit feedback", arXiv 2404.04509.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jaxsoco.core.schema import ProblemEntry
from jaxsoco.core.settings import Rounds, setting, settings

# --- problems: groups of settings -----------------------------------------------------------------


@settings
class TrackedEdges(Rounds):
    """Up to two edges whose play probabilities the ledger adds up, by the node they lead to.

    Decision nodes are numbered in level order from the root 0, the leaves follow from left to
    right; 0 stands for no edge.
    """

    track_first: int = setting(
        "id of a node; the ledger's first_edge sums the play probability of the edge to it",
        default=0,
        low=0,
        high=100_000,
        static=True,
        order=1,
    )
    track_second: int = setting(
        "id of a node; the ledger's second_edge sums the play probability of the edge to it",
        default=0,
        low=0,
        high=100_000,
        static=True,
        order=1,
    )


@settings
class AnyTree(TrackedEdges):
    """The complete tree of ``depth`` decisions among ``children``, or the tree of a file."""

    depth: int = setting("decisions on a path (H)", default=2, low=1, high=16, static=True)
    children: int = setting("choices of every agent (K)", default=2, low=1, high=64, static=True)
    tree: Path | Literal["complete"] = setting(
        "your own tree: a file of edges (CSV), JSON, GraphML or DOT",
        default="complete",
    )


# --- problems -------------------------------------------------------------------------------------


@settings
class BernoulliTree(AnyTree):
    """Leaf ``j`` of ``n`` costs 1 with probability ``p_j`` (section 7.1).

    ``p_0`` is 1 up to round ``switch T`` and 0 from there on; the last leaf has ``p_min``, and
    the others what ``fill`` says: ``"linear"``, ``p_j = 1 - (1 - p_min) (j + 1) / n``;
    ``"span"``, equal steps from ``p_min + 0.4`` to ``p_min``; ``"flat"``, ``p_min + 0.4``.

    >>> problem = jaxsoco.make("multistage/bernoulli_tree", horizon=100, p_min=0.0)
    >>> problem.spec(key).chance.tolist()  # before the switch, and after it
    [[1.0, 0.5, 0.25, 0.0], [0.0, 0.5, 0.25, 0.0]]
    """

    p_min: float | None = setting(
        "smallest expected cost before the switch",
        default=None,
        low=0,
        high=1,
        theory="0.2 (max(H, 2) - 1)",
        aliases=("paper",),
    )
    switch: float = setting(
        "fraction of the horizon after which the first leaf costs nothing",
        default=0.01,
        low=0,
        high=1,
        static=True,
    )
    fill: Literal["linear", "span", "flat"] = setting(
        "expected costs of the other leaves: linear in their position, spread over the 0.4 "
        "above the smallest, or all 0.4 above it",
        default="linear",
    )


@settings
class EdgeComputing(TrackedEdges):
    """A robot chooses one of K servers, which chooses one of K networks (section 7.3).

    The job costs 1 if it is late, with probability ``exp(-rate (1 - time))`` for the link's rate
    and the network's time, and the network's miss rate otherwise.

    >>> problem = jaxsoco.make("multistage/edge_computing", horizon=100, servers=3)
    >>> problem.spec(key).tree.leaves  # a server, then a network
    9
    """

    servers: int = setting(
        "number of servers, and of networks (K)", default=2, low=2, high=6, static=True
    )


@settings
class Multihop(TrackedEdges):
    """L layers of two relays (section 7.4).

    The job costs 1 if the exponential delays of its L + 1 links add up to more than 1.

    >>> problem = jaxsoco.make("multistage/multihop", horizon=100, layers=3)
    >>> problem.spec(key).tree.leaves  # a relay in each layer
    8
    """

    layers: int = setting("number of relay layers (L)", default=2, low=1, high=10, static=True)


@settings
class Routing(TrackedEdges):
    r"""Jobs go from a source to a destination, link by link, by a deadline (sections 7.3, 7.4).

    A file says which links there are and how fast, and which neural networks the servers have
    (:mod:`jaxsoco.multistage.data.network_files`). Every node chooses the next link, on routes that
    visit no node twice; a node with one way on decides nothing, and is no node of the tree. The job
    costs 1 if the exponential delays of its links and the time of its network add up to more than
    the deadline, and the network's miss rate otherwise.

    >>> from pathlib import Path
    >>> links = [("s", "a"), ("s", "b"), ("a", "b"), ("b", "a"), ("a", "t"), ("b", "t")]
    >>> rows = [f'{{"from": "{x}", "to": "{y}", "rate": 4}}' for x, y in links]
    >>> text = f'{{"source": "s", "deadline": 1, "links": [{", ".join(rows)}]}}'
    >>> _ = Path("net.json").write_text(text)
    >>> problem = jaxsoco.make("multistage/routing", file="net.json", horizon=100)
    >>> tree = problem.spec(key).tree  # s-a-b-t, s-a-t, s-b-a-t and s-b-t
    >>> tree.children, tree.names
    (((1, 2), (3, 4), (5, 6)), ('s', 'a', 'b', 'b', 't', 'a', 't'))
    """

    file: Path = setting("JSON file of links, rates, deadline and networks", order=-1)
    hops: int = setting("most links of a route", default=64, low=1, high=64, static=True)
    deadline: float | None = setting(
        "time within which a job must be done",
        default=None,
        above=0,
        high=1000,
        static=True,
        theory="what the file says",
    )


@settings
class LowerBoundChain(TrackedEdges):
    """Node ``i < L`` has a leaf and node ``i + 1``, node ``L`` two leaves (section 6).

    With ``d = gap 2^-L`` the leaf of node ``i`` costs 1 with probability
    ``(1 - (2^L - 2^(i-1)) d) / 2``, the last two leaves with ``(1 -/+ 2^L d) / 2``.

    >>> problem = jaxsoco.make("multistage/lower_bound_chain", horizon=100, stages=2, gap=1.0)
    >>> problem.spec(key).chance.tolist()
    [[0.125, 0.0, 1.0]]
    """

    stages: int = setting("decision nodes (L)", default=2, low=1, high=16, static=True)
    gap: float = setting(
        "gap between the leaves, as a fraction of its limit 2^-L", default=0.9, above=0, high=1
    )
    swapped: bool = setting("whether the better of the last two leaves comes last", default=False)


@settings
class RecordedCosts(AnyTree):
    r"""In round ``t`` leaf ``j`` costs what row ``t`` and column ``j`` of a file say.

    >>> from pathlib import Path
    >>> _ = Path("costs.csv").write_text("0,1\n0.5,0\n1,1\n")
    >>> problem = jaxsoco.make("multistage/recorded_costs", file="costs.csv", depth=1, horizon=3)
    >>> problem.spec(key).base.tolist()
    [[0.0, 1.0], [0.5, 0.0], [1.0, 1.0]]
    """

    file: Path = setting("CSV file of costs between 0 and 1", order=-1)


_PAPER = "arXiv 2404.04509"
_PREPARE = "jaxsoco.multistage.prepare"

PROBLEMS = (
    ProblemEntry(
        "bernoulli_tree",
        "Bernoulli leaves, the worst of which becomes the best",
        f"{_PAPER}, section 7.1",
        prepare=f"{_PREPARE}:prepare_bernoulli_tree",
        build=f"{_PREPARE}:build",
        settings=BernoulliTree,
    ),
    ProblemEntry(
        "edge_computing",
        "a robot that offloads over random links to servers with fast or accurate networks",
        f"{_PAPER}, section 7.3",
        prepare=f"{_PREPARE}:prepare_edge_computing",
        build=f"{_PREPARE}:build",
        settings=EdgeComputing,
    ),
    ProblemEntry(
        "multihop",
        "layers of two relays with exponential link delays and a deadline",
        f"{_PAPER}, section 7.4",
        prepare=f"{_PREPARE}:prepare_multihop",
        build=f"{_PREPARE}:build",
        settings=Multihop,
    ),
    ProblemEntry(
        "routing",
        "jobs on the routes of a network from a file, cycles included, before a deadline",
        f"{_PAPER}, sections 7.3 and 7.4; a JSON file",
        prepare=f"{_PREPARE}:prepare_routing",
        build=f"{_PREPARE}:build",
        settings=Routing,
    ),
    ProblemEntry(
        "lower_bound_chain",
        "the lower-bound chain: no policy's regret grows slower than T^((L-1)/L)",
        f"{_PAPER}, section 6",
        prepare=f"{_PREPARE}:prepare_lower_bound_chain",
        build=f"{_PREPARE}:build",
        settings=LowerBoundChain,
    ),
    ProblemEntry(
        "recorded_costs",
        "recorded costs, one row per round and one column per leaf",
        "a CSV file",
        prepare=f"{_PREPARE}:prepare_recorded_costs",
        build=f"{_PREPARE}:build",
        settings=RecordedCosts,
    ),
)
"""Entries of these problems."""
