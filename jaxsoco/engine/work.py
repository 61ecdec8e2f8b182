"""Which packs a process computes, one after the other: its own share, and what others left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby

from jaxsoco.core.cells import Cells, digest_of
from jaxsoco.core.errors import Interrupted
from jaxsoco.core.ranges import Range
from jaxsoco.core.study import Study
from jaxsoco.core.text import count, duration
from jaxsoco.engine.claims import Claims
from jaxsoco.engine.index import Index
from jaxsoco.engine.requests import Request, Share, Span, requests, shared, slices
from jaxsoco.engine.store import Store


class Work:
    """The packs of a share that are missing.

    Args:
      study: what is wanted.
      store: what is there.
      share: the part of this process.
    """

    def __init__(self, study: Study, store: Store, share: Share):
        if not 0 <= share.index < share.count:
            raise ValueError(f"share: want an index from 0 to count - 1, got {share}")
        self._study, self._store = study, store
        self._share, self._cells = share, Cells(study)
        self.spans = shared(study.plan, share)
        """group -> spans of the share."""

    def look(self) -> Index:
        """What is stored; packs that have some of the share were compared with their SHA-256.

        A member of a job array leaves the others' packs to them: a thousand members would read
        every byte a thousand times.
        """
        if self._share.count == 1:
            return self._store.refresh()
        index = self._store.refresh(thorough=False)
        return self._store.verify(index.names(self._wanted()))

    def _wanted(self) -> Iterator[tuple[str, list[Range]]]:
        """Key and seeds of every cell of which the share has some."""
        for group, spans in shared(self._study.plan, self._share).items():
            points = self._study.groups[group].points
            for position, some in groupby(spans, key=lambda span: span.position):
                ranges = [(span.start, span.stop) for span in some]
                for learner in range(len(self._study.labels)):
                    yield self._cells.key(points[position], learner), ranges

    def __iter__(self) -> Iterator[Request]:
        # As a list: what is committed in between must not change how the rest is packed.
        index = self.look()
        yield from [*requests(self._study.plan, self._cells, index, self.spans)]

    def finished(self, request: Request) -> None:
        """A pack that was asked for is stored, or failed."""


class StealingWork(Work):
    """The packs of a share, slice by slice, and then those of slices that nobody computes.

    Args:
      study: what is wanted.
      store: what is there.
      share: the part of this process, which it computes first.
      claims: entered.
      wait: seconds between looks at what others do, once there is nothing left to take.
      sleep: called to wait.
    """

    def __init__(
        self,
        study: Study,
        store: Store,
        share: Share,
        claims: Claims,
        *,
        wait: float = 2.0,
        sleep: Callable[[float], None] = time.sleep,
    ):
        super().__init__(study, store, Share())
        self._share = share  # of which packs are compared with their SHA-256
        self._claims, self._wait, self._sleep = claims, wait, sleep
        parts = [*slices(study.plan)]
        first = share.index
        # One's own slices first; then the others', from one's own place on, so that not all
        # begin with the same one.
        turn = sorted(range(len(parts)), key=lambda i: ((i - first) % share.count, i))
        self._slices = {self._name(*parts[i]): parts[i] for i in turn}
        self._owners: dict[Request, str] = {}
        self._open: dict[str, int] = {}
        self._failed: set[str] = set()

    def __iter__(self) -> Iterator[Request]:
        left = {**self._slices}
        while left:
            progressed = False
            for name, (group, spans) in [*left.items()]:
                if not self._missing(group, spans):
                    del left[name]
                    continue
                if name in self._failed or not self._claims.take(name):
                    continue
                # Somebody may have finished it between the look and the claim.
                self._store.refresh(thorough=False)
                packs = self._missing(group, spans)
                self._open[name] = len(packs)
                self._owners |= dict.fromkeys(packs, name)
                del left[name]
                progressed = True
                if not packs:
                    self._claims.release(name)
                yield from packs
            self._store.refresh(thorough=False)
            if left and not progressed:
                if not self._claims.alive(left) and all(name in self._failed for name in left):
                    return
                self._sleep(self._wait)

    def finished(self, request: Request) -> None:
        """Gives a slice back once all its packs are stored."""
        name = self._owners.pop(request)
        self._open[name] -= 1
        if not self._open[name]:
            self._claims.release(name)

    def _missing(self, group: int, spans: tuple[Span, ...]) -> list[Request]:
        index = self._store.index
        return [*requests(self._study.plan, self._cells, index, {group: spans})]

    def _name(self, group: int, spans: tuple[Span, ...]) -> str:
        """Of a slice: the same in every process that wants the same."""
        points = self._study.groups[group].points
        learners = range(len(self._study.labels))
        keys = [
            [self._cells.key(points[span.position], learner), span.start, span.stop]
            for span in spans
            for learner in learners
        ]
        return digest_of(keys)[:24]


class Deadline:
    """A time by which a process ends, for queues with a wall time.

    Args:
      seconds: from now on.
      rate: seconds a run takes, as far as earlier packs tell; 0 if nothing is known.
      clock: a clock that never goes back, in seconds.
    """

    def __init__(
        self, seconds: float, rate: float = 0.0, clock: Callable[[], float] = time.monotonic
    ):
        self._seconds, self._clock = seconds, clock
        self._end = clock() + seconds
        self._rates = [rate]

    def took(self, request: Request, seconds: float) -> None:
        """Takes note of how long a pack took, its compilations included."""
        self._rates = [*self._rates[1 - _RECENT :], seconds / request.work]

    def within(self, work: Iterator[Request]) -> Iterator[Request]:
        """The packs that end in time, judged by the slowest of the last ones.

        Raises:
          Interrupted: the next one would not.
        """
        for request in work:
            likely = max(self._rates) * request.work
            if self._end - self._clock() <= likely * _MARGIN:
                raise Interrupted(
                    f"the time limit of {duration(self._seconds)} is near, and the next pack "
                    f"({count(request.work, 'run')}) takes about {duration(likely)}. What was "
                    "computed is kept; run the same command again to go on."
                )
            yield request


_RECENT = 8
_MARGIN = 1.25
"""A pack is begun only if this many times its likely time is left."""
