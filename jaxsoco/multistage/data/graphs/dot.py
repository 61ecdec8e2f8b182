"""Graphs in DOT, the language of Graphviz: their nodes and edges. No JAX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, NoReturn

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.text import shorten
from jaxsoco.multistage.data.graphs.graph import UNDIRECTED, Graph

MAX_NESTING = 50
"""Most subgraphs within each other."""

_TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | //[^\n]* | /\*.*?\*/ | \#[^\n]* )
  | (?P<sign> -> | -- | [{}\[\];,=:+] )
  | (?<!\w)(?P<word> [^\W\d]\w* | -?(?:\.\d+|\d+(?:\.\d*)?) )
  | "(?P<quoted> (?:[^"\\]|\\.)* )"
  | (?P<markup> <[^<>]*(?:<[^<>]*>[^<>]*)*> )
    """,
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTES = re.compile(r"\s*\[")
_EDGES = ("->", "--")


class _Token(NamedTuple):
    """A piece of the text: its kind, what it says, and where it begins."""

    kind: str
    text: str
    start: int


_END = _Token("end", "the end of the file", -1)


def read_dot(text: str) -> Graph:
    """The nodes and edges of a graph; attributes are not used.

    Raises:
      InputError: no DOT, with the line where it ceases to be.
    """
    reader = _Reader(text)
    strict = reader.skipped("strict")
    directed = reader.skipped("digraph")
    if not directed and not reader.skipped("graph"):
        reader.refuse("want graph or digraph")
    if reader.now.kind in ("word", "quoted"):
        reader.take()
    reader.expect("{")
    reader.group(0)
    if reader.now.kind != "end":
        reader.refuse("want one graph")
    edges = dict.fromkeys(reader.edges) if strict else reader.edges
    notes = () if directed else (UNDIRECTED,)
    return Graph(
        "DOT", tuple(edges), tuple(dict.fromkeys(reader.nodes)), notes=notes, hint="".join(notes)
    )


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            yield _Token("odd", text[place], place)
            return
        kind = match.lastgroup or "odd"
        if kind != "skip":
            said = match[kind]
            said = re.sub(r'\\(["\\])|\\\r?\n', r"\1", said) if kind == "quoted" else said
            yield _Token(kind, said, place)
        place = match.end()


class _Reader:
    """Reads statements one after the other, and keeps the nodes and edges that they name."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._rest = _tokens(text)
        self.now = next(self._rest, _END)
        self.nodes: list[str] = []
        self.edges: list[tuple[str, str]] = []

    def take(self) -> _Token:
        """The token that is up, and moves on."""
        token, self.now = self.now, next(self._rest, _END)
        return token

    def is_sign(self, *signs: str) -> bool:
        return self.now.kind == "sign" and self.now.text in signs

    def skipped(self, word: str) -> bool:
        """Whether a word of the language was up, in any case; it is taken."""
        found = self.now.kind == "word" and self.now.text.casefold() == word
        if found:
            self.take()
        return found

    def expect(self, sign: str) -> None:
        if not self.is_sign(sign):
            self.refuse(f"want {sign}")
        self.take()

    def refuse(self, want: str) -> NoReturn:
        """Raises: what is up does not belong there."""
        start = self.now.start if self.now.start >= 0 else len(self._text)
        line = self._text.count("\n", 0, start) + 1
        message = f"no DOT: found {shorten(self.now.text, 40)}"
        raise InputError(Issue(f"line {line}", message, want))

    def group(self, depth: int) -> list[str]:
        """The nodes of the statements up to the closing brace."""
        if depth > MAX_NESTING:
            self.refuse(f"want at most {MAX_NESTING} subgraphs within each other")
        names: list[str] = []
        while not self.is_sign("}"):
            if self.is_sign(";", ","):
                self.take()
            else:
                names += self._statement(depth)
        self.take()
        return names

    def _statement(self, depth: int) -> list[str]:
        """An edge, a node, or attributes: the nodes that it names."""
        if self._skips_defaults():
            return []
        first = self._operand(depth)
        if self.is_sign("="):  # an attribute of the graph: what looked like a node is its name
            while self.is_sign("=", "+"):
                self.take()
                self.take()
            self.nodes = self.nodes[: len(self.nodes) - len(first)]
            return []
        ends = [first]
        while self.is_sign(*_EDGES):
            self.take()
            ends.append(self._operand(depth))
        for above, below in pairwise(ends):
            self.edges += [(parent, child) for parent in above for child in below]
        while self.is_sign("["):
            self._skip_attributes()
        return [name for group in ends for name in group]

    def _skips_defaults(self) -> bool:
        """Whether defaults of attributes were up: ``node [...]``. A node may be called so, too."""
        if self.now.kind != "word" or self.now.text.casefold() not in ("graph", "node", "edge"):
            return False
        if not _ATTRIBUTES.match(self._text, self.now.start + len(self.now.text)):
            return False
        self.take()
        self._skip_attributes()
        return True

    def _operand(self, depth: int) -> list[str]:
        """A node with its port, or the nodes of a subgraph."""
        keyword = self.now.text.casefold() if self.now.kind == "word" else ""
        if keyword == "subgraph":
            self.take()
            if self.now.kind in ("word", "quoted"):
                self.take()
        if keyword == "subgraph" or self.is_sign("{"):
            self.expect("{")
            return self.group(depth + 1)
        if self.now.kind not in ("word", "quoted"):
            self.refuse("want a node, or the end of the graph, }")
        name = self.take().text
        while self.is_sign(":"):
            self.take()
            self.take()
        while self.is_sign("+"):  # joins quoted parts
            self.take()
            name += self.take().text
        self.nodes.append(name)
        return [name]

    def _skip_attributes(self) -> None:
        while not self.is_sign("]"):
            if self.now.kind in ("end", "odd"):
                self.refuse("want ]")
            self.take()
        self.take()
