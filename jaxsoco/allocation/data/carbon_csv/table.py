"""Reads a carbon CSV file into rows that have a cell for every column."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxsoco.core.errors import Issue
from jaxsoco.core.rows import Problems, Table, read_table


def read_even(path: Path, problems: Problems) -> Table:
    """Returns the rows below the header that are as long as it; the others are reported."""
    table = read_table(path, problems, header=lambda cells: True)
    if table.whole and not table.rows:
        message = "has a header but no rows" if table.header else "is empty"
        problems.add(table.file, "empty files", Issue(table.file, message, "export the file again"))
    width = len(table.header)
    even = []
    for i, row in enumerate(table.rows):
        if len(row) == width or (len(row) > width and not any(row[width:])):
            even.append(i)
            continue
        message = f"has {len(row)} columns, the header has {width}"
        hint = "quote values that contain the separator"
        if len(row) < width:
            hint = "complete the line or delete it"
            if i == len(table.rows) - 1:
                message += "; the file seems truncated here"
                hint = "download the file again, or delete the line"
        issue = Issue(table.at(i), message, hint)
        problems.add(table.file, "lines with missing or extra columns", issue)
    return table.take(np.array(even, np.int64))
