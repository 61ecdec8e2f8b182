"""What is wrong with a set of files, and how much of it is printed: :class:`Problems`. No JAX."""

from __future__ import annotations

from collections import Counter

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import count

TOTAL = 20
"""Issues that are printed altogether."""


class Problems:
    """Issues of a set of files. A file with a thousand empty cells must not hide the next file's.

    Attributes:
      per_kind: issues of one kind that are printed for one file; the rest are counted.
    """

    def __init__(self, per_kind: int = 10) -> None:
        self.per_kind = per_kind
        self._issues: list[Issue] = []
        self._reported: set[Issue] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._shared: dict[str, tuple[int, set[str]]] = {}

    def add(self, file: str, kind: str, issue: Issue) -> None:
        """Keeps ``issue``, or only counts it when ``file`` has shown enough of this ``kind``.

        The same issue is kept once: a hole in the times of a wide table is met in each region.
        """
        if issue in self._reported:
            return
        self._reported.add(issue)
        self._counts[file, kind] += 1
        if self._counts[file, kind] <= self.per_kind:
            self._issues.append(issue)

    def add_shared(self, file: str, kind: str, issue: Issue) -> None:
        """Keeps the first issue of a ``kind`` that has one cause in all files, and counts those."""
        if kind not in self._shared:
            self._shared[kind] = len(self._issues), {file}
            self.add(file, kind, issue)
        self._shared[kind][1].add(file)

    def has(self, kind: str) -> bool:
        """Whether an issue of a kind has been added."""
        return any(known == kind for _, known in self._counts)

    def __len__(self) -> int:
        return sum(self._counts.values())

    def raise_if_any(self) -> None:
        """Raises :class:`InputError` with what was kept and how many more there are."""
        if not self._issues:
            return
        issues = [*self._issues]
        for place, files in self._shared.values():
            if len(files) > 1:
                where, message, hint = issues[place]
                more = count(len(files) - 1, "more file")
                issues[place] = Issue(where, f"{message}, as in {more}", hint)
        entries = [(issue, 1) for issue in issues]
        for (file, kind), number in self._counts.items():
            if number > self.per_kind:
                more = number - self.per_kind
                entries.append((Issue(file, f"and {more:,} more {kind}"), more))
        issues = [issue for issue, _ in entries[:TOTAL]]
        rest = sum(weight for _, weight in entries[TOTAL:])
        if rest:
            issues.append(Issue("", f"and {rest:,} more problems"))
        raise InputError(issues)
