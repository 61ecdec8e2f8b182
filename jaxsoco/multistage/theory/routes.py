"""Routes of jobs through a graph of links with random delays, which may have cycles. No JAX.

A *route* is a simple path, of names of nodes, from the source to a destination. Link ``l`` takes an
exponential time with rate ``r_l``; a destination may have neural networks, one of which spends a
fixed time on the job and then fails it with its miss rate ``m``. A job costs 1 if it is not done by
the deadline, and ``m`` in expectation otherwise::

    late = P(sum of the links' delays > deadline - time)
    cost = late + (1 - late) m
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.multistage.theory.delays import late_probability

MAX_ROUTES = 2000
"""Most routes to the leaves: each has its own chance to be late in every segment."""

MAX_CLOCK = 10_000.0
"""Most mean delays of a link in a deadline: the chance to be late is a sum of as many terms."""


class Link(NamedTuple):
    """A link in one direction.

    Attributes:
      start: node that it leaves.
      end: node that it leads to.
      times: as shares of the horizon, increasing.
      rates: of its delay at these times, above 0; linear between them, flat outside.
    """

    start: str
    end: str
    times: tuple[float, ...]
    rates: tuple[float, ...]


class Inference(NamedTuple):
    """A neural network of a server.

    Attributes:
      name: its name.
      time: that it spends on a job.
      miss: chance that its answer is wrong.
    """

    name: str
    time: float
    miss: float


class Network(NamedTuple):
    """Where jobs go.

    Attributes:
      source: node at which they start.
      destinations: nodes at which they end.
      deadline: by which they must be done.
      links: in the order in which nodes choose among them.
      networks: destination -> its neural networks; a destination without any answers at once and
        does not miss.
    """

    source: str
    destinations: tuple[str, ...]
    deadline: float
    links: tuple[Link, ...]
    networks: Mapping[str, tuple[Inference, ...]]

    @property
    def changes(self) -> bool:
        """Whether a link's rate changes."""
        return any(len(set(link.rates)) > 1 for link in self.links)

    def below(self) -> dict[str, list[str]]:
        """Ends of the links from every node that has some, in order."""
        ends: dict[str, list[str]] = {}
        for link in self.links:
            ends.setdefault(link.start, []).append(link.end)
        return ends


# --- routes ---------------------------------------------------------------------------------------


def simple_paths(
    below: Mapping[str, Sequence[str]], source: str, ends: Collection[str], most: int
) -> Iterator[tuple[str, ...]]:
    """All paths from a node to one of the ends that visit no node twice, depth first.

    A path stops at the first end that it meets. No branch is entered that leads nowhere, so that
    the time for each path is bounded by the size of the graph, whatever its cycles.

    Args:
      below: ends of the links from every node.
      source: where paths start; no end.
      ends: where they end.
      most: links of a path.
    """
    stack: list[tuple[str, ...]] = [(source,)]
    while stack:
        path = stack.pop()
        if path[-1] in ends:
            yield path
            continue
        onwards = [
            (*path, node)
            for node in below.get(path[-1], ())
            if node not in path and _leads_on(below, node, ends, path, most - len(path))
        ]
        stack.extend(reversed(onwards))


def _leads_on(
    below: Mapping[str, Sequence[str]],
    start: str,
    ends: Collection[str],
    without: Collection[str],
    most: int,
) -> bool:
    """Whether at most ``most`` links lead from a node to an end past the nodes ``without``."""
    if most < 0:
        return False
    seen, queue = {start, *without}, deque([(start, 0)])
    while queue:
        node, links = queue.popleft()
        if node in ends:
            return True
        if links == most:
            continue
        fresh = [other for other in below.get(node, ()) if other not in seen]
        seen.update(fresh)
        queue.extend((other, links + 1) for other in fresh)
    return False


def all_routes(network: Network, most: int) -> list[tuple[str, ...]]:
    """All routes of at most so many links.

    Raises:
      InputError: they lead to fewer than two leaves, or to more than ``MAX_ROUTES``.
    """
    paths = simple_paths(network.below(), network.source, network.destinations, most)
    routes = list(islice(paths, MAX_ROUTES + 1))
    count = len(leaves(network, routes))
    if count > MAX_ROUTES:
        message = f"there are over {MAX_ROUTES} routes of at most {most} links"
        raise InputError(Issue("problem.hops", message, "want fewer links"))
    if count < 2:
        message = f"the network has {count or 'no'} route of at most {most} links"
        raise InputError(Issue("problem.file", message, "want two or more"))
    return routes


def decisions(paths: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """The paths without the nodes that decide nothing: those with one way on.

    >>> decisions([("s", "a", "b", "t"), ("s", "c", "t")])
    [('s', 'a'), ('s', 'c')]

    Args:
      paths: different ones, from one node, none of which goes on where another ends.
    """
    ways: dict[tuple[str, ...], set[str]] = {}
    for path in paths:
        for i in range(1, len(path)):
            ways.setdefault(tuple(path[:i]), set()).add(path[i])
    return [
        (path[0], *(path[i] for i in range(1, len(path)) if len(ways[tuple(path[:i])]) > 1))
        for path in paths
    ]


# --- their costs ----------------------------------------------------------------------------------


def leaves(network: Network, routes: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Paths from the source to the leaves: routes, and one of the networks where they end."""
    paths: list[tuple[str, ...]] = []
    for route in routes:
        names = [one.name for one in network.networks.get(route[-1], ())]
        paths += [(*route, f"{route[-1]}: {name}") for name in names] or [route]
    return paths


def route_chance(
    network: Network, routes: Sequence[tuple[str, ...]], times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Chances to be late, and miss rates in time.

    Args:
      network: the network.
      routes: of it.
      times: as shares of the horizon, ``[segments]``.

    Returns:
      ``[segments, leaves]`` and ``[leaves]``, leaves in the order of :func:`leaves`.

    Raises:
      InputError: a link is so fast that its delays are nothing beside the deadline.
    """
    fastest = max(rate for link in network.links for rate in link.rates)
    if fastest * network.deadline > MAX_CLOCK:
        message = (
            f"with a rate of {fastest:g} there are {fastest * network.deadline:g} delays in it"
        )
        raise InputError(Issue("problem.deadline", message, f"want at most {MAX_CLOCK:g}"))
    rates = {
        (link.start, link.end): np.interp(times, link.times, link.rates) for link in network.links
    }
    # The order of the links does not matter: routes over the same ones share their chance.
    known: dict[tuple[tuple[tuple[str, str], ...], float], np.ndarray] = {}
    late, missed = [], []
    for route in routes:
        links = tuple(sorted(pairwise(route)))
        for one in network.networks.get(route[-1], (Inference("", 0.0, 0.0),)):
            left = network.deadline - one.time
            if (links, left) not in known:
                stacked = np.stack([rates[link] for link in links])
                known[links, left] = (
                    late_probability(stacked, left) if left > 0 else np.ones(len(times))
                )
            late.append(known[links, left])
            missed.append(one.miss)
    return np.stack(late, axis=1), np.array(missed)
