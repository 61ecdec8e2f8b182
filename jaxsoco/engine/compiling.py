"""Programs that are compiled side by side, and tiles that are computed side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache


@contextlib.contextmanager
def side_by_side(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for compilations; what has not begun at the exit is dropped."""
    pool = ThreadPoolExecutor(threads, "compiling")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@cache
def workers(threads: int) -> ThreadPoolExecutor:
    """The threads that compute a CPU's tiles, the oldest first."""
    return ThreadPoolExecutor(threads, "tiles")
