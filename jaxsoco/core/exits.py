"""Exit codes of the command line."""

DONE = 0
"""All is well; checks may be undecided."""
FAILED = 1
"""A check failed; with ``--strict``, also: is undecided."""
BAD_INPUT = 2
"""The input cannot be used; every problem was named."""
INTERNAL = 70
"""A fault of the program itself."""
INTERRUPTED = 75
"""Stopped early; the same command goes on."""
CLOSED_PIPE = 141
"""The reader of the output went away: what a shell shows for a process that SIGPIPE ended."""
