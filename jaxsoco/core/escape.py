"""Text of anybody, made safe for what shows it: a page, a figure, a spreadsheet."""

from __future__ import annotations

from jaxsoco.core.terminal import visible
from jaxsoco.core.text import shorten

# Halves of characters, which no encoding can write, and what XML forbids.
_REST = {code: f"\\u{code:04x}" for code in (*range(0xD800, 0xE000), 0xFFFE, 0xFFFF)}

ELLIPSIS = "…"
"""Of what is left out of a text in figures, whose fonts have it; a terminal may not."""

_FORMULA = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def readable(text: str) -> str:
    r"""The text with control characters as escapes, so that every encoding and format takes it.

    >>> readable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return visible(text).translate(_REST)


def one_line(text: str) -> str:
    r"""The readable text with every run of white space as one blank.

    >>> one_line("a\n  b\tc")
    'a b c'
    """
    return readable(" ".join(text.split()))


def spreadsheet(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: an apostrophe goes before it.

    >>> spreadsheet("=1+1"), spreadsheet("pcm")
    ("'=1+1", 'pcm')
    """
    text = readable(text)
    return f"'{text}" if text.startswith(_FORMULA) else text


def short_names(names: tuple[str, ...], most: int) -> dict[str, str]:
    """Every name on one line and not too long; different ones stay different.

    >>> short_names(("a very long name (1)", "a very long name (2)"), 7)
    {'a very long name (1)': 'a v… #1', 'a very long name (2)': 'a v… #2'}
    """
    short = {name: shorten(one_line(name), most, ELLIPSIS) for name in names}
    texts = [*short.values()]
    taken = {text for text in texts if texts.count(text) == 1}
    number = 0
    for name, text in short.items():
        if texts.count(text) == 1:
            continue
        while True:
            number += 1
            tail = f"{ELLIPSIS} #{number}"
            candidate = one_line(name)[: most - len(tail)] + tail
            if candidate not in taken:
                break
        short[name] = candidate
        taken.add(candidate)
    return short
