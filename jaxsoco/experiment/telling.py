"""What a run says while it goes on: what is there, what is computed, what went wrong."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxsoco.core.files import one_line
from jaxsoco.core.study import Study
from jaxsoco.core.text import count
from jaxsoco.engine.progress import Progress
from jaxsoco.engine.reading import Coverage
from jaxsoco.engine.store import Store
from jaxsoco.engine.sweep import SweepSummary, Tiles
from jaxsoco.engine.work import Work

if TYPE_CHECKING:
    from jaxsoco.engine.batch import Outcome, Parts, Tile


def tell_of_cache(packs: int) -> None:
    """Says how much of the run others had computed."""
    if packs:
        print(f"{count(packs, 'pack')} taken from the cache", flush=True)


def warn_of_damage(store: Store, works: Iterable[Work]) -> None:
    """Names the packs that cannot be trusted, of those that are looked at (``Work.look``)."""
    for work in works:
        work.look()
    for damaged in store.damaged:
        print(f"warning: {damaged}; it is computed again", file=sys.stderr)


def tell_of_origin(out: Path, before: Study | None, study: Study) -> None:
    """Says why runs that seem to be there are computed again: by other code, or elsewhere."""
    if before is None or before.setup.points != study.setup.points:
        return
    was, now = before.origin, study.origin
    if was.platform != now.platform:
        print(
            f"note: what is in {out} was computed on {was.platform}. On {now.platform} all of it "
            "is computed anew and kept beside it: the two are never mixed",
            file=sys.stderr,
        )
        return
    facts = dict.fromkeys([*was.compiler, *now.compiler])
    changes = [fact for fact in facts if was.compiler.get(fact) != now.compiler.get(fact)]
    if before.setup.precision != study.setup.precision:
        changes = [fact for fact in changes if fact != "tile"]  # counts in one precision alone
    if changes or (was.common, was.problem) != (now.common, now.problem):
        compiler = "another tile" if changes == ["tile"] else "another compiler"
        what = compiler if changes else "other code"
        print(
            f"note: what is in {out} comes from {what}; it is kept, and what is wanted is "
            "computed anew",
            file=sys.stderr,
        )


def tell_what_is_kept(directory: Path) -> None:
    """Says that nothing computed is lost, before an error ends the program."""
    command = shlex.join(["jaxsoco", "report", str(directory)])
    print(f"the runs are kept in {directory}; {command} repeats the report", file=sys.stderr)


def tell_of_packs(summary: SweepSummary) -> None:
    """Says what was computed, and how fast."""
    if not summary.packs and not summary.failures:
        print("all runs were there already")
        return
    rate = summary.runs / max(summary.seconds, 1e-9)
    before = f"; {count(summary.earlier, 'run')} were there already" if summary.earlier else ""
    print(
        f"{count(summary.runs, 'run')} in {summary.seconds:.1f} s ({rate:.3g} runs/s), "
        f"{count(summary.packs, 'pack')}{before}"
    )


def tell_of_traces(summary: SweepSummary) -> None:
    """Says what was computed of single runs at every round."""
    if summary.packs:
        print(f"{count(summary.runs, 'run')} at every round in {summary.seconds:.1f} s")


def warn_of_missing_traces(there: Coverage) -> None:
    """Says that single runs are missing, which the tables do without."""
    if there.untraced:
        what = f"{count(there.untraced, 'single run')} at every round"
        print(f"warning: {what} missing; the same run computes them", file=sys.stderr)


def tell_of_failed_packs(summary: SweepSummary) -> None:
    """Says which packs could not be computed, and why."""
    lost = sum(failure.request.work for failure in summary.failures)
    number = count(len(summary.failures), "pack")
    print(f"{number} could not be computed ({lost} runs); the others are kept:", file=sys.stderr)
    for reason in dict.fromkeys(one_line(failure.error) for failure in summary.failures):
        print(f"  {reason}", file=sys.stderr)


def warn_of_failed_runs(summary: SweepSummary) -> None:
    """Counts the runs that went wrong, by learner."""
    for what, counts in (
        ("with a kernel that did not converge", summary.nonconverged),
        ("with a cost that is not finite", summary.nonfinite),
    ):
        bad = [f"{label} {count}" for label, count in counts.items() if count]
        if bad:
            print(f"warning: runs {what}: {', '.join(bad)}", file=sys.stderr)


class Announcer:
    """Says which program is being compiled: each is when it is first called.

    Args:
      programs: how many there are.
      progress: where it is said.
      note: behind the name of each.
      admit: told the label and the compiled block before it runs; raises if it must not.
    """

    def __init__(
        self,
        programs: int,
        progress: Progress,
        note: str = "",
        admit: Callable[[str, Any], None] | None = None,
    ):
        self._programs, self._progress, self._note = programs, progress, note
        self._begun, self._admit = 0, admit

    def of(self, labels: Sequence[str], tiles: Tiles) -> Tiles:
        """The tiles, each of which says so before it compiles."""
        blocks = zip(labels, tiles.tiles, strict=True)
        return replace(tiles, tiles=tuple(self._announced(*pair) for pair in blocks))

    def _announced(self, label: str, block: Any) -> Tile:
        def tile(points: Any, seeds: Any) -> Outcome | Parts:
            if not block.compiled:
                self._begun += 1
                program = f"{self._begun} of {self._programs}: {label}{self._note}"
                self._progress.compiling(program)
                block.compile()
                self._progress.compiled()
                if self._admit is not None:
                    self._admit(label, block)
            return block(points, seeds)

        return tile
