"""The directive ``listing``: the table that a command ``jaxsoco list NAME --markdown`` prints.

Its content is the command without ``--markdown``, so that a page that is read on GitHub, where no
directive is known, names the command that prints what the site shows.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from jaxsoco import listing
from jaxsoco.core.errors import InputError

COMMAND = "jaxsoco list "


class Listing(SphinxDirective):
    """One command ``jaxsoco list NAME``, replaced by its table."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The table's nodes."""
        command = " ".join(self.content).strip()
        if not command.startswith(COMMAND):
            raise self.error(f'expected "{COMMAND}NAME", got "{command}"')
        try:
            table = listing.markdown(command.removeprefix(COMMAND))
        except InputError as error:
            raise self.error(str(error)) from None
        box = nodes.container(classes=["listing"])
        lines = StringList(table.splitlines(), source=command)
        self.state.nested_parse(lines, self.content_offset, box)
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Makes the directive known to Sphinx."""
    app.add_directive("listing", Listing)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
