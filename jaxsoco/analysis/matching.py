"""Which points and learners of two studies are the same, whatever code and hardware they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxsoco.core.cells import digest_of
from jaxsoco.core.study import Study


class Pairs(NamedTuple):
    """What two studies have in common.

    Attributes:
      points: indices of a point in the first and in the second.
      learners: labels of a learner or comparator in the first and in the second.
      other_points: those without a partner, of either study.
      other_learners: likewise.
    """

    points: tuple[tuple[int, int], ...]
    learners: tuple[tuple[str, str], ...]
    other_points: tuple[tuple[int, ...], tuple[int, ...]]
    other_learners: tuple[tuple[str, ...], tuple[str, ...]]


def pairs(left: Study, right: Study) -> Pairs:
    """Matches points by their values, and learners by name and values.

    A field that one of the studies does not know at all, because its code is older, does not count.
    """
    points, *other_points = _match(dict(enumerate(left.points)), dict(enumerate(right.points)))
    ours, theirs = _learners(left), _learners(right)
    learners, others_left, others_right = [], [], []
    for name in dict.fromkeys([*ours, *theirs]):
        partners, *rest = _match(ours.get(name, {}), theirs.get(name, {}))
        learners += partners
        others_left += rest[0]
        others_right += rest[1]
    order = {label: i for i, label in enumerate(left.labels)}
    return Pairs(
        tuple(points),
        tuple(sorted(learners, key=lambda pair: order[pair[0]])),
        (tuple(other_points[0]), tuple(other_points[1])),
        (tuple(others_left), tuple(others_right)),
    )


def _learners(study: Study) -> dict[tuple[str, bool], dict[str, Mapping[str, Any]]]:
    """(name, whether it is a comparator) -> label -> values, of all that was run."""
    infos = {info.label: info for info in study.setup.learners}
    values: dict[tuple[str, bool], dict[str, Mapping[str, Any]]] = {}
    for label in study.labels:
        info = infos.get(label)
        key = (label, True) if info is None else (info.name, False)
        values.setdefault(key, {})[label] = {} if info is None else info.values
    return values


def _match(
    left: Mapping[Any, Mapping[str, Any]], right: Mapping[Any, Mapping[str, Any]]
) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """Pairs of equal values, and what is left of either; two of a side that look alike are left."""
    fields = _fields(left.values()) & _fields(right.values())
    ours, theirs = _by_value(left, fields), _by_value(right, fields)
    partners = [
        (names[0], theirs[value][0])
        for value, names in ours.items()
        if len(names) == 1 == len(theirs.get(value, ()))
    ]
    taken_left, taken_right = {a for a, _ in partners}, {b for _, b in partners}
    return (
        partners,
        [name for name in left if name not in taken_left],
        [name for name in right if name not in taken_right],
    )


def _fields(values: Iterable[Mapping[str, Any]]) -> set[str]:
    return {name for one in values for name in one}


def _by_value(
    entries: Mapping[Any, Mapping[str, Any]], fields: set[str]
) -> dict[str, Sequence[Any]]:
    grouped: dict[str, list[Any]] = {}
    for name, values in entries.items():
        # 4 and 4.0 are the same setting.
        content = {k: _number(v) for k, v in values.items() if k in fields}
        grouped.setdefault(digest_of(content), []).append(name)
    return {**grouped}


def _number(value: Any) -> Any:
    plain = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return float(value) if plain else value


class Difference(NamedTuple):
    """Something that is not the same in two studies, and may be why their numbers differ."""

    what: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.what}: {self.left or 'unknown'} and {self.right or 'unknown'}"


def origins(left: Study, right: Study, common: Pairs) -> list[Difference]:
    """In what code, compiler, platform, precision and data two studies differ."""
    both = [_facts(left), _facts(right)]
    for number, study in enumerate((left, right)):
        for names in common.learners:
            code = study.origin.learners.get(names[number], "")
            both[number][f"code of {names[0]}"] = _short(code)
        data = [_data(study, points[number]) for points in common.points]
        both[number]["data"] = digest_of(data)[:12] if any(data) else ""
    names = dict.fromkeys([*both[0], *both[1]])
    rows = (Difference(name, *(facts.get(name, "") for facts in both)) for name in names)
    # A tile that is no part of a side's keys fixes nothing there.
    free = {"tile"} if "" in (facts.get("tile", "") for facts in both) else set()
    return [row for row in rows if row.left != row.right and row.what not in free]


def _facts(study: Study) -> dict[str, str]:
    setup, origin = study.setup, study.origin
    compiler = {k: v if isinstance(v, str) else str(v) for k, v in origin.compiler.items()}
    compiler.pop("jax", None)  # among the versions
    return {
        **setup.versions,
        **compiler,
        "code shared by all families": _short(origin.common),
        f"code of {setup.family} and {setup.problem}": _short(origin.problem),
        "precision": setup.precision,
        **{f"plug-in {name}": version for name, version in setup.plugins.items()},
    }


def _data(study: Study, point: int) -> Any:
    owners = study.setup.data_of_points
    return study.setup.data[owners[point]] if owners else None


def _short(digest: str) -> str:
    """Of a code's digest, or of several, enough to tell two apart."""
    return digest if len(digest) < 12 else digest_of(digest)[:12]
