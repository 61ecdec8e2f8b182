"""``[smoke]``, laid over an experiment file."""

from __future__ import annotations

from collections.abc import Collection

from jaxsoco.core.fields import Issues
from jaxsoco.core.text import with_type
from jaxsoco.experiment.document import Document, Given, Section, assign

ALGORITHM = "algorithm"
"""The key of ``[smoke]`` with fields of algorithms."""


def smoked(
    document: Document, run_keys: Collection[str], fields: Collection[str], issues: Issues
) -> Document:
    """The document with ``[smoke]`` laid over it.

    Keys of ``[run]``, fields of the problem, and ``algorithm.NAME.FIELD`` as ``--set`` has it;
    other keys are ignored.
    """
    run = {key: setting for key, setting in document.smoke.items() if key in run_keys}
    problem = {key: setting for key, setting in document.smoke.items() if key in fields}
    document = document._replace(run=document.run | run, problem=document.problem | problem)
    for name, field, setting in _smoked_algorithms(document.smoke, issues):
        document = assign(document, [ALGORITHM, name, field], setting, issues)
    return document


def _smoked_algorithms(smoke: Section, issues: Issues) -> list[tuple[str, str, Given]]:
    """Name, field and value of everything under ``[smoke.algorithm]``."""
    tables = smoke[ALGORITHM].value if ALGORITHM in smoke else {}
    if not isinstance(tables, dict):
        hint = "want [smoke.algorithm.NAME] with fields of that algorithm"
        issues.found(smoke[ALGORITHM].place, f"found {with_type(tables)}", hint)
        return []
    settings = []
    for name, table in tables.items():
        place = f"smoke.algorithm.{name}"
        if not isinstance(table, dict):
            issues.found(place, f"found {with_type(table)}", f"want a table, written [{place}]")
            continue
        settings += [(name, field, Given(x, f"{place}.{field}")) for field, x in table.items()]
    return settings
