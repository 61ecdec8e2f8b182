"""The report as one self-contained HTML page: nothing in it is loaded from elsewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape_html
from typing import Any, NamedTuple

from jaxsoco.analysis.checks import CheckResult
from jaxsoco.analysis.verdicts import verdict_text
from jaxsoco.core.escape import readable
from jaxsoco.core.text import show

_STYLE = """
:root { color-scheme: light dark; --text: #1c1e21; --soft: #5c6570; --back: #fff; --card: #f5f6f8;
  --line: #d9dde2; --good: #14713d; --bad: #b3261e; --warn: #8a5a00; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --soft: #a3abb5; --back: #15171a;
  --card: #1e2125; --line: #363b42; --good: #5ccf8d; --bad: #ff8a80; --warn: #f0b849;
  --accent: #7cc4f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 78rem; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .6rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
p, li { margin: .4rem 0; overflow-wrap: anywhere; } .soft { color: var(--soft); }
.banner { border-left: 4px solid var(--warn); background: var(--card); padding: .7rem 1rem;
  margin: 1rem 0; } .banner strong { color: var(--warn); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .55rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); vertical-align: bottom; white-space: normal; }
td.left, th.left { text-align: left; } td.wrap { white-space: normal; overflow-wrap: anywhere; }
td.long { white-space: normal; overflow-wrap: anywhere; min-width: 24ch; text-align: left; }
tbody tr:hover { background: var(--card); }
.passed { color: var(--good); font-weight: 600; } .failed { color: var(--bad); font-weight: 600; }
.undecided { color: var(--warn); font-weight: 600; }
.figures { display: flex; flex-wrap: wrap; gap: 1.5rem; align-items: flex-start; }
figure { margin: 0; flex: 1 1 24rem; max-width: 33rem; }
figure img { display: block; width: 100%; background: #fff; padding: .6rem;
  border: 1px solid var(--line); border-radius: 4px; }
figcaption { font-size: .84rem; color: var(--soft); margin-top: .5rem; overflow-wrap: anywhere; }
.files { white-space: nowrap; } a { color: var(--accent); }
pre { background: var(--card); padding: .8rem 1rem; overflow-x: auto; font-size: .82rem;
  line-height: 1.4; } code { font-size: .86em; overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--accent); } details { margin: .6rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0;
  font-size: .9rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { padding: 1rem .75rem 3rem; }
  .checks thead { display: none; } .checks tr { display: grid; padding: .4rem 0;
    grid-template-columns: auto 1fr auto; border-bottom: 1px solid var(--line); }
  .checks table, .checks tbody { display: block; } .checks td { border: 0; padding: .1rem .3rem; }
  .checks td.wrap { grid-column: 1 / -1; grid-row: 2; } figure { flex-basis: 100%; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
@media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; } }
"""


_LONGEST_LIST = 200
"""Longer lists of settings are left to ``manifest.json``."""


class Picture(NamedTuple):
    """A figure for the page.

    Attributes:
      svg: the drawing.
      caption: below it.
      alt: for who cannot see it.
      links: name -> file beside the page.
    """

    svg: bytes
    caption: str
    alt: str
    links: Mapping[str, str]


class Table(NamedTuple):
    """A table for the page; the first ``left`` columns are flush left."""

    header: Sequence[str]
    body: Sequence[Sequence[str]]
    left: int


def escape(text: str) -> str:
    """Escaped for HTML, control characters too; a percent sign stays with its number."""
    return escape_html(readable(text)).replace(" %", "&nbsp;%")


def render(title: str, lead: Iterable[str], banner: str, sections: Mapping[str, str]) -> str:
    """The page as HTML; every text is escaped.

    Args:
      title: of the experiment.
      lead: paragraphs under the title.
      banner: what is missing from the run; empty if nothing is.
      sections: heading -> HTML; those without any are left out.
    """
    title, banner = escape(title), _banner(banner)
    parts = [
        f"<section><h2>{escape(heading)}</h2>\n{content}</section>"
        for heading, content in sections.items()
        if content
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{title}</h1>{''.join(map(paragraph, lead))}</header>\n<main>\n"
        + "\n".join([banner, *parts] if banner else parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _banner(text: str) -> str:
    if not text:
        return ""
    return f'<p class="banner" role="status"><strong>Incomplete.</strong> {escape(text)}</p>'


def paragraph(text: str) -> str:
    """A paragraph; nothing for an empty text."""
    return f'<p class="soft">{escape(text)}</p>' if text else ""


def bullets(items: Iterable[str]) -> str:
    """A list of lines."""
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


WIDTH = 1208
"""Pixels that the page's content has on a screen that is 1280 wide."""

_LETTER, _PADDING = 8.2, 18.0
_LONGEST_WORD = 34  # letters of a cell that stays on one line


def width(table: Table) -> float:
    """About how many pixels a table takes up; headings break between words."""
    whole = 0.0
    for cells in zip(table.header, *table.body, strict=True):
        head = max(map(len, cells[0].split()), default=0)
        body = max(map(len, cells[1:]), default=0)
        whole += _PADDING + _LETTER * max(head, min(body, _LONGEST_WORD))
    return whole


def table_of(table: Table) -> str:
    """A table; nothing for one without rows."""
    if not table.body:
        return ""

    def line(cells: Sequence[str], tag: str) -> str:
        marked = []
        for i, cell in enumerate(cells):
            kinds = ["left"] * (i < table.left) + ["long"] * (len(cell) > _LONGEST_WORD)
            kind = f' class="{" ".join(kinds)}"' if kinds else ""
            marked.append(f"<{tag}{kind}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(marked)}</tr>"

    body = "\n".join(line(row, "td") for row in table.body)
    return (
        f'<div class="scroll"><table><thead>{line(table.header, "th")}</thead>\n'
        f"<tbody>{body}</tbody></table></div>\n"
    )


def checks_table(checks: Sequence[CheckResult]) -> str:
    """The verdict on every check, with its sentence."""
    if not checks:
        return ""
    rows = "\n".join(
        f'<tr><td class="left {check.verdict}">{verdict_text(check.verdict)}</td>'
        f'<td class="left">{escape(str(check.check["kind"]))}</td>'
        f'<td class="left wrap">{escape(check.sentence)}</td><td>{check.runs}</td></tr>'
        for check in checks
    )
    head = "".join(f'<th class="left">{name}</th>' for name in ("verdict", "kind", "finding"))
    return (
        f'<div class="scroll checks"><table><thead><tr>{head}<th>runs</th></tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>\n"
    )


def figures(pictures: Sequence[Picture]) -> str:
    """The figures with their captions."""
    content = "\n".join(
        f'<figure><img alt="{escape(p.alt)}" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(p.svg).decode()}">'
        f"<figcaption><strong>Figure {i}.</strong> {escape(p.caption)} {_links(p)}</figcaption>"
        "</figure>"
        for i, p in enumerate(pictures, 1)
    )
    return f'<div class="figures">{content}</div>' if content else ""


def _links(picture: Picture) -> str:
    links = (f'<a href="{escape(file)}">{escape(n)}</a>' for n, file in picture.links.items())
    return f'<span class="files">{" ".join(links)}</span>'


def details(title: str, content: str) -> str:
    """HTML that is shown on demand."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>\n"


def code(text: str) -> str:
    """Lines as they are."""
    return f"<pre>{escape(text)}</pre>"


def settings_list(settings: Mapping[str, Any], spec: str) -> str:
    """Everything that fixes the numbers, and the text of the experiment file."""
    settings = {k: v for k, v in settings.items() if not _is_long(v, _LONGEST_LIST)}
    short = {
        name: _inline(value)
        for name, value in settings.items()
        if not _is_long(value, 12) and not (value and _is_nested(value))
    }
    content = definitions(short)
    if spec:
        content += details("Experiment file", code(spec))
    text = json.dumps(settings, indent=1, ensure_ascii=False)
    return content + details("All settings (JSON)", code(text))


def _is_long(value: Any, longest: int) -> bool:
    return isinstance(value, list) and len(value) > longest


def _is_nested(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, list | dict) for item in value)


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {show(item)}" for name, item in value.items())
    return ", ".join(map(show, value)) if isinstance(value, list) else show(value)


def definitions(items: Mapping[str, str]) -> str:
    """Names and texts, those without a text left out."""
    pairs = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in items.items() if v)
    return f"<dl>{pairs}</dl>" if pairs else ""
