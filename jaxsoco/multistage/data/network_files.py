"""Networks of links, servers and neural networks from JSON files. No JAX.

::

    {"source": "robot",
     "deadline": 1,
     "links": [{"from": "robot", "to": "a", "rate": 8},
               {"from": "robot", "to": "b", "rate": [[0, 1], [0.2, 12]]},
               {"from": "a", "to": "b", "rate": 9, "two_way": true},
               {"from": "a", "to": "edge", "rate": 10},
               {"from": "b", "to": "cloud", "rate": 20}],
     "networks": {"edge": [{"name": "fast", "time": 0.2, "miss": 0.1}],
                  "cloud": [{"name": "accurate", "time": 0.5, "miss": 0.005}]},
     "destinations": []}

A rate that changes is a list of times, as shares of the horizon, with the rate at each: linear
between them, flat outside. Jobs end at the ``destinations``, and where there are ``networks``; if
the file names neither, at the nodes from which no link leads on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from jaxsoco.core.errors import InputError, Issue, suggest
from jaxsoco.core.fields import Issues
from jaxsoco.core.files import read_text
from jaxsoco.core.json_text import parse_json
from jaxsoco.core.text import with_type
from jaxsoco.multistage.theory.routes import Inference, Link, Network

_KEYS = ("source", "deadline", "links", "networks", "destinations")
_LINK = ("from", "to", "rate", "two_way")
_NETWORK = ("name", "time", "miss")

MAX_RATE = 1000.0
"""Largest rate of a link."""

MAX_TIME = 1000.0
"""Longest deadline."""

_MOST = 10_000
"""Links of a file."""


def load_network(path: Path) -> Network:
    """Reads a network.

    Raises:
      InputError: the file cannot be read, or holds no network: each problem with its place.
    """
    text = read_text(path)
    try:
        content = parse_json(text)
        if not isinstance(content, dict):
            raise InputError(Issue("top level", f"want an object with {', '.join(_KEYS)}"))
        return _network(content)
    except InputError as error:
        raise error.under(path.name) from None


def _network(content: Mapping[str, Any]) -> Network:
    issues = Issues()
    _check_keys(content, _KEYS, ("source", "deadline", "links"), "", issues)
    source = _text(content.get("source", ""), "source", issues)
    deadline = _number(content.get("deadline", 1), "deadline", issues, above=0, high=MAX_TIME)
    links = _links(content.get("links", []), issues)
    networks = _networks(content.get("networks", {}), issues)
    named = content.get("destinations", [])
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        issues.found("destinations", f"found {with_type(named)}", "want a list of names")
        named = []
    if issues:
        raise InputError(issues)
    ends = tuple(dict.fromkeys([*named, *networks]))
    network = Network(source, ends, deadline, tuple(links), networks)
    if not ends:
        below = network.below()
        sinks = (link.end for link in links if link.end not in below)
        network = network._replace(destinations=tuple(dict.fromkeys(sinks)))
    _check_names(network, named, issues)
    if issues:
        raise InputError(issues)
    return network


def _check_names(network: Network, named: Collection[str], issues: Issues) -> None:
    """Reports nodes that no link has, links that are twice, and jobs that end where they start."""
    nodes = {node for link in network.links for node in (link.start, link.end)}
    places = {"source": [network.source], "destinations": named, "networks": network.networks}
    for place, names in places.items():
        for name in names:
            if name not in nodes:
                issues.found(place, f'no link has the node "{name}"', suggest(name, nodes))
    counts = Counter((link.start, link.end) for link in network.links)
    for (start, end), count in counts.items():
        if count > 1:
            issues.found("links", f"{start} -> {end} is there twice", "want each direction once")
    if not network.destinations:
        issues.found("destinations", "links lead on from every node", "name where jobs end")
    if network.source in network.destinations:
        issues.found("source", f"jobs end at {network.source}", "want another node")


def _links(value: Any, issues: Issues) -> list[Link]:
    if not isinstance(value, list) or not value:
        issues.found("links", f"found {with_type(value)}", "want a list of links")
        return []
    if len(value) > _MOST:
        issues.found("links", f"there are {len(value)}", f"want at most {_MOST}")
        return []
    links: list[Link] = []
    for i, one in enumerate(value):
        place = f"links[{i}]"
        if not isinstance(one, dict):
            issues.found(place, f"found {with_type(one)}", 'want {"from": ..., "to": ..., ...}')
            continue
        _check_keys(one, _LINK, ("from", "to", "rate"), place, issues)
        start, end = (_text(one.get(key, ""), f"{place}.{key}", issues) for key in ("from", "to"))
        times, rates = _rate(one.get("rate", 1), f"{place}.rate", issues)
        if start and start == end:
            issues.found(place, f"leads from {start} to itself", "leave it out")
        links.append(Link(start, end, times, rates))
        two_way = one.get("two_way", False)
        if not isinstance(two_way, bool):
            issues.found(f"{place}.two_way", f"found {with_type(two_way)}", "want true or false")
        elif two_way:
            links.append(Link(end, start, times, rates))
    return links


def _rate(value: Any, place: str, issues: Issues) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Times and rates of a number, or of a list of pairs."""
    if not isinstance(value, list):
        return (0.0,), (_number(value, place, issues, above=0, high=MAX_RATE),)
    good = all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    if not value or not good:
        issues.found(place, f"found {with_type(value)}", "want a number, or [[time, rate], ...]")
        return (0.0,), (1.0,)
    times = [
        _number(t, f"{place}[{i}][0]", issues, low=0, high=1) for i, (t, _) in enumerate(value)
    ]
    rates = [
        _number(r, f"{place}[{i}][1]", issues, above=0, high=MAX_RATE)
        for i, (_, r) in enumerate(value)
    ]
    if any(after <= before for before, after in pairwise(times)):
        issues.found(place, "the times do not increase", "want shares of the horizon in order")
    return tuple(times), tuple(rates)


def _networks(value: Any, issues: Issues) -> dict[str, tuple[Inference, ...]]:
    if not isinstance(value, dict):
        issues.found("networks", f"found {with_type(value)}", 'want {"server": [...], ...}')
        return {}
    networks: dict[str, tuple[Inference, ...]] = {}
    for server, entries in value.items():
        place = f"networks.{server}"
        if not isinstance(entries, list) or not entries:
            issues.found(place, f"found {with_type(entries)}", "want a list of networks")
            continue
        found = [_inference(one, f"{place}[{i}]", issues) for i, one in enumerate(entries)]
        twice = [name for name, n in Counter(one.name for one in found).items() if n > 1]
        if twice and not issues:
            issues.found(place, f"{twice[0]} is there twice", "want different names")
        networks[server] = tuple(found)
    return networks


def _inference(value: Any, place: str, issues: Issues) -> Inference:
    if not isinstance(value, dict):
        issues.found(place, f"found {with_type(value)}", 'want {"name", "time", "miss"}')
        return Inference("", 0.0, 0.0)
    _check_keys(value, _NETWORK, _NETWORK, place, issues)
    return Inference(
        _text(value.get("name", ""), f"{place}.name", issues),
        _number(value.get("time", 0), f"{place}.time", issues, low=0, high=MAX_TIME),
        _number(value.get("miss", 0), f"{place}.miss", issues, low=0, high=1),
    )


# --- values ---------------------------------------------------------------------------------------


def _check_keys(
    table: Mapping[str, Any],
    known: Collection[str],
    needed: Collection[str],
    place: str,
    issues: Issues,
) -> None:
    """Reports keys that mean nothing, and those that are missing."""
    prefix = f"{place}." if place else ""
    for key in table:
        if key not in known:
            issues.found(f"{prefix}{key}", "means nothing here", suggest(key, known))
    for key in needed:
        if key not in table:
            issues.found(f"{prefix}{key}", "is missing")


def _text(value: Any, place: str, issues: Issues) -> str:
    if isinstance(value, str):
        return value
    issues.found(place, f"found {with_type(value)}", "want a name")
    return ""


def _number(
    value: Any,
    place: str,
    issues: Issues,
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
) -> float:
    """A number from ``low``, or above ``above``, to ``high``; 1 for one that was reported."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and low <= value <= high and above < value:
        return float(value)
    ends = f"above {above:g}" if above > -math.inf else f"from {low:g}"
    issues.found(place, f"found {with_type(value)}", f"want a number {ends} and up to {high:g}")
    return 1.0
