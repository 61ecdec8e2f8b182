"""The text of a file as people have it: packed, in another encoding, of another kind. No JAX.

:func:`read_content` unpacks gzip and zip, decodes, and says what the text is where it is no plain
text or table: a web page that was saved as ``.csv`` is not a table with odd cells.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import MOST_TEXT, decode, one_line, read_bytes
from jaxsoco.core.folders import is_hidden
from jaxsoco.core.text import shorten, size

PACKED = (".gz", ".zip")
"""Endings of packed files that are read."""

HINTS = {
    "a pointer of Git LFS": "the file itself is not here: run git lfs pull",
    "HTML": "a web page, perhaps an error or a log-in instead of the download: download it again",
    "a Markdown table": "save the table as CSV in UTF-8",
}
"""What to do about a kind of text."""

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_BINARY = {
    b"PAR1\x15": "Parquet",
    b"ARROW1\x00": "Arrow",
    b"\x89HDF": "HDF5",
    b"CDF\x01": "NetCDF",
    b"CDF\x02": "NetCDF",
    b"SQLite format 3\x00": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"%PDF": "PDF",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"BZh91AY&SY": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!\x1a": "a RAR archive",
    b"\x89PNG": "a picture",
    b"\x00\x05\x16\x07": "metadata of macOS (AppleDouble)",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
_TAR = slice(257, 262)
_SHEET = {"xl/": "an Excel workbook (.xlsx)", "word/": "a Word document (.docx)"}

_JSON = re.compile(r'\{\s*["}]|\[\s*(?:[\[{"\]]|-?\d[^,\n\]]*[,\]])')
_NEWICK = re.compile(r"\(.*\)[^();]*;", re.DOTALL)
_DOT = re.compile(r"(?:strict\s+)?(?:di)?graph\b[^{},;\n]*\s*\{", re.IGNORECASE)
_MARKDOWN = re.compile(r"\|[^\n]*\|\s*\n\|[\s:|-]+\|?\s*(?:\n|$)")
_LEADING = {
    "{\\rtf": "rich text (RTF)",
    "version https://git-lfs": "a pointer of Git LFS",
    "graph [": "GML",
    "*vertices": "Pajek's network",
    "@relation": "ARFF",
}


class Content(NamedTuple):
    """The text of a file.

    Attributes:
      file: path as the user gave it.
      name: the file's name without the ending of its packing.
      text: the text, unpacked; ends of lines as they are.
      kind: what the text is: ``"JSON"``, ``"HTML"``, ...; empty for a table or plain text.
    """

    file: str
    name: str
    text: str
    kind: str


def read_content(path: Path, want: str = "save it as text in UTF-8") -> Content:
    """Reads a text file in UTF-8, plain or packed (gzip, or zip with one file in it).

    Args:
      path: the file.
      want: what to do about another encoding or kind of file.

    Raises:
      InputError: the file cannot be read or unpacked, or holds no text in UTF-8, with what it is.
    """
    content, file, name = read_bytes(path, MOST_TEXT), str(path), path.name
    if content.startswith(_GZIP):
        content, name = _gunzip(content, file), _without(name, ".gz")
    elif content.startswith((_ZIP, _EMPTY_ZIP)):
        content, member = _unzip(content, file, want)
        name = _without(name, ".zip")
        # CSVs are often zipped as a.zip, which tells nothing of the kind of the file inside.
        name = name if "." in name else member
    kind = next((kind for mark, kind in _BINARY.items() if content.startswith(mark)), "")
    if content[_TAR] == b"ustar":
        kind = "a tar archive"
    if kind:
        hint = "unpack it" if kind.endswith("archive") else want
        raise InputError(Issue(file, f"cannot be read: it holds {kind}, not text", hint))
    text = decode(content, file, want)
    return Content(file, name, text, kind_of(text))


def kind_of(text: str) -> str:
    """What a text is by how it begins, if it is neither plain text nor a table."""
    head = text.lstrip()
    lower = head[:2000].casefold()
    for begin, kind in _LEADING.items():
        if lower.startswith(begin):
            return kind
    if head.startswith("<"):
        return _markup(lower)
    if _JSON.match(head):
        return _json_kind(head)
    if head.startswith("(") and _NEWICK.fullmatch(head.rstrip()):
        return "Newick"
    if _DOT.match(head[:2000]):
        return "DOT"
    return "a Markdown table" if head.startswith("|") and _MARKDOWN.match(head) else ""


def _markup(lower: str) -> str:
    if "<graphml" in lower:
        return "GraphML"
    if re.match(r"<(?:!doctype html|html|head|body|table|div|script|title)\b", lower):
        return "HTML"
    return "XML" if re.match(r"<[?!a-z]", lower) else ""


def _json_kind(head: str) -> str:
    """JSON, or a value of JSON on each of several lines."""
    first, _, rest = head.partition("\n")
    if not rest.strip():
        return "JSON"
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return "JSON"
    return "JSON Lines"


def _gunzip(content: bytes, file: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(MOST_TEXT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(_damaged(file, "gzip", error)) from None
    return _limited(plain, file)


def _unzip(content: bytes, file: str, want: str) -> tuple[bytes, str]:
    """The only file in an archive, and its name."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            names = [member.filename for member in members]
            for folder, kind in _SHEET.items():
                if any(name.startswith(folder) for name in names):
                    message = f"cannot be read: it holds {kind}, not text"
                    raise InputError(Issue(file, message, want))
            visible = [m for m in members if not any(map(is_hidden, m.filename.split("/")))]
            if names and all(name.endswith(".npy") for name in names):
                message = "cannot be read: it holds NumPy arrays (.npz), not text"
                raise InputError(Issue(file, message, want))
            if len(visible) != 1:
                listed = shorten(", ".join(m.filename for m in visible), 160) or "nothing"
                message = f"is a zip archive of {len(visible)} files: {listed}"
                raise InputError(Issue(file, message, "unpack it, or pack each file by itself"))
            if visible[0].flag_bits & 1:
                raise InputError(Issue(file, "is a zip archive with a password", "unpack it"))
            with archive.open(visible[0]) as packed:
                plain = packed.read(MOST_TEXT + 1)
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises whatever its first wrong byte leads to
        raise InputError(_damaged(file, "zip", error)) from None
    return _limited(plain, file), visible[0].filename.rpartition("/")[2]


def _limited(plain: bytes, file: str) -> bytes:
    if len(plain) > MOST_TEXT:
        message = f"cannot be read: it is too large, more than {size(MOST_TEXT)} unpacked"
        raise InputError(Issue(file, message, f"want at most {size(MOST_TEXT)}"))
    return plain


def _damaged(file: str, kind: str, error: Exception) -> Issue:
    message = f"cannot be read: it is a damaged {kind} archive ({one_line(error)})"
    return Issue(file, message, "download or pack it again")


def _without(name: str, ending: str) -> str:
    return name[: -len(ending)] if name.casefold().endswith(ending) else name
