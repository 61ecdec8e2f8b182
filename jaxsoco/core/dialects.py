"""How a file of separated values is written: comments on top, and what stands between cells."""

from __future__ import annotations

import re

SEPARATORS = ",;\t|"
"""What may stand between cells; the first of those that are equally often in the first row."""

_FIRST_ROW = re.compile(r'(?:[ \t]*[\r\n])*((?:[^"\r\n]+|"[^"]*")*)')
_QUOTED = re.compile(r'"[^"]*"')
_DIALECT = re.compile(r"""\s*["']?sep=([^\w"'\r\n]|\\t)["']?[,;\t ]*(?=[\r\n]|$)""", re.IGNORECASE)
_HASH = re.compile(r"#[^\r\n]*")
# The ends of lines are atomic: CR LF read as one or as two would be tried in every combination.
_TOP_COMMENTS = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?>\r\n|\r|\n))*[ \t]*#[^\r\n]*")
# Of the Standard Workload Format: only if the first row holds no separator.
_SEMICOLONS = re.compile(r"\s*(?:;[^\r\n]*(?>\r\n|\r|\n)+)+(?=[^,;\t|\r\n]+(?:[\r\n]|\Z))")


def written(text: str, blanks: bool = False) -> tuple[str, str]:
    """What stands between the cells of a text, and the text without what is above its first row.

    Lines keep their numbers: comments, and ``sep=;``, leave empty ones.

    Args:
      text: of a file.
      blanks: white space separates cells where no other separator is in the first row. Below
        comments that begin with a semicolon it always may.
    """
    remarks = _SEMICOLONS.match(text)
    if remarks:
        text = re.sub(r"[^\r\n]", "", remarks[0]) + text[remarks.end() :]
    declared, text = _dialect(_without_top_comments(text))
    text = _without_top_comments(text)
    # Some programs write the line and then another separator.
    if declared and declared in _first_row(text):
        return declared, text
    return separator_of(text, blanks or bool(remarks)), text


def separator_of(text: str, blanks: bool = False) -> str:
    """What stands between the cells of a file, by its first row that is not blank."""
    first = _first_row(text)
    separator = max(SEPARATORS, key=first.count)
    return " " if blanks and separator not in first else separator


def _dialect(text: str) -> tuple[str, str]:
    """The separator that a first line ``sep=;`` declares, and the text with that line empty."""
    match = _DIALECT.match(text)
    if not match:
        return "", text
    ends = "".join(sign for sign in match[0] if sign in "\r\n")
    return match[1].replace("\\t", "\t"), ends + text[match.end() :]


def _without_top_comments(text: str) -> str:
    """The text with comments above the first row emptied: the other lines keep their numbers."""
    top = _TOP_COMMENTS.match(text)
    return _HASH.sub("", top[0]) + text[top.end() :] if top else text


def _first_row(text: str) -> str:
    """The first row that is not blank, without what is in quotes."""
    match = _FIRST_ROW.match(text)
    return _QUOTED.sub("", match[1] if match else "")
