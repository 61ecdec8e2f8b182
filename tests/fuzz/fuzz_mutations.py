"""Experiments and data files, and what can go wrong with them; all by the index of a case."""

from __future__ import annotations

import copy
import io
import json
import math
import random
import re
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

# --- values ---------------------------------------------------------------------------------------

NUMBERS: tuple[Any, ...] = (
    0,
    1,
    -1,
    2,
    3.5,
    -0.0,
    1e-320,
    1e-30,
    1e-9,
    1e9,
    1e30,
    1e308,
    -1e308,
    2**31 - 1,
    2**31,
    2**63,
    -(2**63),
    10**25,
    1 << 16000,
    math.inf,
    -math.inf,
    math.nan,
    64,
    65,
    1000,
    1001,
    100_000,
)
STRINGS = (
    "",
    " ",
    "auto",
    "x",
    "a" * 300,
    "ß→😀",
    "\u202e",
    "\x1b[31m",
    "a\nb",
    "\x00",
    "$5 to 10$",
    "%s",
    "../../..",
    "/dev/zero",
    "/dev/null",
    "~nobody/x",
    "~",
    ".",
    "=1+1",
    "<b>",
    "nan",
    "1e999",
    "{}",
    "\\",
    '"',
    "'",
    "a" * 100_000,
)


def any_value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(10 if depth < 3 else 7)
    if kind < 3:
        return draw.choice(NUMBERS)
    if kind < 5:
        return draw.choice(STRINGS)
    if kind < 7:
        return draw.choice((True, False, draw.randint(-5, 5000), draw.random()))
    if kind == 7:
        return [any_value(draw, depth + 1) for _ in range(draw.choice((0, 1, 2, 5)))]
    if kind == 8:
        return {draw.choice(STRINGS[2:8]): any_value(draw, depth + 1) for _ in range(2)}
    return nested(draw.choice((2, 30, 90)), draw.random() < 0.5)


def nested(depth: int, tables: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if tables else [value]
    return value


# --- experiments ----------------------------------------------------------------------------------


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """The path of every value in tables and arrays."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in pairs:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += places(item, (*path, key))
    return found


def _at(tables: Any, path: tuple) -> Any:
    for key in path:
        tables = tables[key]
    return tables


def mutate_tables(tables: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """An experiment with one to four things wrong, or merely different."""
    tables = copy.deepcopy(tables)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        options = places(tables)
        if not options:
            break
        path = draw.choice(options)
        parent, key = _at(tables, path[:-1]), path[-1]
        draw.choice(_CHANGES)(parent, key, draw)
    return tables


def _drop(parent: Any, key: Any, draw: random.Random) -> None:
    del parent[key]


def _replace(parent: Any, key: Any, draw: random.Random) -> None:
    parent[key] = any_value(draw)


def _scale(parent: Any, key: Any, draw: random.Random) -> None:
    if isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        parent[key] = draw.choice(NUMBERS)
    else:
        parent[key] = any_value(draw)


def _list(parent: Any, key: Any, draw: random.Random) -> None:
    count = draw.choice((1, 2, 2, 40))
    parent[key] = [draw.choice((parent[key], any_value(draw))) for _ in range(count)]


def _axis(parent: Any, key: Any, draw: random.Random) -> None:
    """An axis of many values."""
    count = draw.choice((3, 20, 150))
    parent[key] = [i + 1 if draw.random() < 0.9 else i / 7 for i in range(count)]


def _rename(parent: Any, key: Any, draw: random.Random) -> None:
    if isinstance(parent, dict):
        name = draw.choice((key[:-1] + "x", key.upper(), draw.choice(STRINGS), key + " "))
        parent[name] = parent.pop(key)
    else:
        parent.append(copy.deepcopy(parent[key]))


def _add(parent: Any, key: Any, draw: random.Random) -> None:
    if isinstance(parent, dict):
        parent[
            draw.choice(("horizons", "tile", "matrix", "tree", "where", "axis", "label", "x"))
        ] = any_value(draw)
    else:
        parent.insert(0, any_value(draw))


def _tweak(parent: Any, key: Any, draw: random.Random) -> None:
    """Another number of the same kind, which may well be right."""
    value = parent[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    factor = draw.choice((0.5, 2, 10, 1000))
    # In whole numbers, which may be too large for floats.
    whole = isinstance(value, int)
    parent[key] = value * round(2 * factor) // 2 if whole else value * factor


_CHANGES = (
    _drop,
    _replace,
    _replace,
    _scale,
    _scale,
    _scale,
    _list,
    _axis,
    _rename,
    _add,
    _tweak,
    _tweak,
    _tweak,
    _tweak,
    _tweak,
)


def within_limits(family: Any, draw: random.Random) -> dict[str, Any]:
    """An experiment whose settings lie at the ends of their ranges, between or just beyond."""
    problem = draw.choice(family.problems)
    learners = [
        one for one in family.algorithms if not one.problems or problem.name in one.problems
    ]
    settings = [field for field in problem.fields if field.kind != "path"]
    tables = {
        "figure": "limits",
        "family": family.name,
        "problem": {"name": problem.name} | _values(settings, draw),
        "algorithm": [{"name": one.name} | _values(one.fields, draw) for one in learners],
        "run": {"seeds": draw.choice((1, 1000))},
    }
    if problem.horizons:
        tables["run"]["horizons"] = [draw.choice((1, 2, 1000, 100_000))]
    return tables


def _values(fields: Any, draw: random.Random) -> dict[str, Any]:
    chosen = [field for field in fields if draw.random() < draw.choice((0.1, 0.5))]
    return {field.name: _value(field, draw) for field in chosen}


def _value(field: Any, draw: random.Random) -> Any:
    if field.kind in ("float", "integer"):
        low = 0 if field.low is None else field.low
        high = 2**31 - 1 if field.high is None else field.high
        middle = math.sqrt(max(low, 1e-3) * max(high, 1e-3))
        value = draw.choice((low, high, middle, low + 1, min(10, high), high * 2))
        return round(value) if field.kind == "integer" else float(value)
    if field.kind == "boolean":
        return draw.random() < 0.5
    return (
        draw.choice(field.choices) if field.choices else draw.choice((*field.words, "0.7,0.2,0.1"))
    )


def as_toml(tables: dict[str, Any]) -> str:
    return "".join(f"{_text(str(key))} = {_toml(value)}\n" for key, value in tables.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if value > 10**30 else str(value)
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return _text(value)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def mutate_text(text: str, draw: random.Random) -> bytes:
    """An experiment file with wrong text in it."""
    kind = draw.randrange(5)
    if kind == 0:
        line = draw.choice(("x = " + "9" * 5000, "x = " + "[" * 3000 + "]" * 3000))
        return f"{line}\n{text}".encode()
    if kind == 1:
        return ("a." * 3000 + "b = 1\n" + text).encode()
    return mutate_bytes(text.encode(), draw)


# --- bytes ----------------------------------------------------------------------------------------


def mutate_bytes(content: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 1, 2, 5))):
        content = draw.choice(_DAMAGES)(content, draw)
    return content


def _flip(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content or b"x")
    for _ in range(draw.choice((1, 1, 5, 40))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randint(0, len(content))]


def _insert(content: bytes, draw: random.Random) -> bytes:
    at = draw.randint(0, len(content))
    extra = draw.choice(
        (draw.randbytes(8), b"\0", b'"', b"\xff\xfe", b"\n\n", b",,,", b"\xef\xbb\xbf")
    )
    return content[:at] + extra + content[at:]


def _remove(content: bytes, draw: random.Random) -> bytes:
    start = draw.randint(0, len(content))
    return content[:start] + content[start + draw.choice((1, 10, 500)) :]


def _repeat(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = draw.randrange(len(lines))
    return b"\n".join([*lines[:at], *[lines[at]] * draw.choice((2, 30, 3000)), *lines[at + 1 :]])


def _shuffle(content: bytes, draw: random.Random) -> bytes:
    lines = content.split(b"\n")
    draw.shuffle(lines)
    return b"\n".join(lines)


def _separate(content: bytes, draw: random.Random) -> bytes:
    old, new = draw.choice(
        ((b",", b";"), (b",", b"\t"), (b",", b"|"), (b"\n", b"\r"), (b".", b","))
    )
    return content.replace(old, new)


def _encode(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(draw.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig")), "replace")


def _number(content: bytes, draw: random.Random) -> bytes:
    """Another number in a place or two."""
    found = list(re.finditer(rb"\d+(?:\.\d+)?", content))
    for match in sorted(draw.sample(found, min(len(found), 2)), key=lambda m: -m.start()):
        words = (
            b"nan",
            b"inf",
            b"-1",
            b"1e308",
            b"1e-320",
            b"-1e308",
            b"",
            b"9" * 400,
            b"x",
            b"1_0",
            "١٢".encode(),
            b"0x10",
            b"9999",
            b"1e999",
        )
        content = content[: match.start()] + draw.choice(words) + content[match.end() :]
    return content


def _noise(content: bytes, draw: random.Random) -> bytes:
    return draw.randbytes(draw.choice((0, 1, 10, 2000)))


_DAMAGES = (
    _flip,
    _flip,
    _cut,
    _cut,
    _insert,
    _insert,
    _remove,
    _repeat,
    _shuffle,
    _separate,
    _encode,
    _number,
    _number,
    _number,
    _number,
    _noise,
)

# --- data files -----------------------------------------------------------------------------------

HOURS = [f"2022-01-{d:02d}T{h:02d}:00:00+00:00" for d in (1, 2, 3) for h in range(24)]


def _rows(header: str, row: Callable[[int, str], str]) -> bytes:
    return "\n".join([header, *(row(i, hour) for i, hour in enumerate(HOURS)), ""]).encode()


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


_EVEN = np.full((2, 2, 2), 0.5)
_MODEL = {
    "loss": np.eye(2),
    "consumption": np.array([[0.0, 1.0], [0.0, 1.0]]),
    "transition": _EVEN,
    "initial": np.array([1.0, 0.0]),
    "slots": np.array(3),
    "baseline": np.array([[0.7, 0.3], [0.7, 0.3]]),
}
_OUTCOMES = [[0.5, 0, -1.0, False], [0.5, 1, 0, True]]
_MATRIX = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 0.5], [0.0, 0.5, 1.0]])
_RTT = np.array([[0.0, 30.0], [30.0, 0.0]])
_EDGES = [["root", "a"], ["root", "b"], ["a", "c"], ["a", "d"]]

_CARBON = {
    "family": "allocation",
    "problem": {
        "deadline_min": 4,
        "deadline_max": 8,
        "job_length": 2,
        "latency": "rtt.csv",
        "regions": ["FR", "SE"],
    },
    "algorithm": [{"name": "pcm"}],
    "run": {"seeds": 8},
}
_ALONE = {**_CARBON, "problem": {"deadline_min": 4, "deadline_max": 8, "job_length": 2}}
_LATENCY = {
    "family": "allocation",
    "problem": {"regions": ["eu-west-3", "eu-north-1"]},
    "algorithm": [{"name": "greedy"}],
    "run": {"seeds": 8},
}
_TREE = {
    "family": "multistage",
    "problem": {"name": "bernoulli_tree", "p_min": 0.1},
    "algorithm": [{"name": "exp3"}],
    "run": {"seeds": 8, "horizons": [50]},
}
_COSTS = {
    "family": "multistage",
    "problem": {"name": "recorded_costs"},
    "algorithm": [{"name": "exp3"}],
    "run": {"seeds": 8, "horizons": [20]},
}
_ARRIVALS = {
    "family": "provisioning",
    "problem": {"name": "paper_queue"},
    "algorithm": [{"name": "blol"}],
    "run": {"seeds": 8, "horizons": [20]},
}
_TABULAR = {
    "family": "provisioning",
    "problem": {"name": "tabular", "budget_low": 1.0},
    "algorithm": [{"name": "blol"}],
    "run": {"seeds": 8, "horizons": [20]},
}
_TRACKING = {
    "family": "tracking",
    "algorithm": [{"name": "lai"}],
    "run": {"seeds": 8, "horizons": [20]},
    "problem": {"name": "quadratic_tracking"},
}

RTT = b"ms,FR,SE\nFR,0,30\nSE,30,0\n"


def _swing(i: int) -> float:
    return 60 + 40 * math.sin(i)


FORMATS: dict[str, tuple[str, dict[str, Any], str, bytes]] = {
    "carbon wide": (
        "x.csv",
        _CARBON,
        "carbon",
        _rows("datetime,FR,SE", lambda i, t: f"{t},{_swing(i):.1f},{_swing(i + 9):.1f}"),
    ),
    "carbon zones": (
        "x.csv",
        _CARBON,
        "carbon",
        _rows(
            "datetime,zone_name,carbon_intensity_avg",
            lambda i, t: f"{t},FR,{_swing(i):.1f}\n{t},SE,{_swing(i + 9):.1f}",
        ),
    ),
    "carbon portal": (
        "x.csv",
        _CARBON,
        "carbon",
        _rows(
            "Datetime (UTC);Zone id;Carbon intensity gCO₂eq/kWh (Life cycle)",
            lambda i, t: f"{t[:-6]};FR;{_swing(i):.1f}\n{t[:-6]};SE;{_swing(i + 9):.1f}",
        ),
    ),
    "carbon marginal": (
        "FR.csv",
        _ALONE,
        "carbon",
        _rows("point_time,value", lambda i, t: f"{t},{9 * _swing(i):.1f}"),
    ),
    "latency csv": (
        "x.csv",
        _LATENCY,
        "latency",
        b"ms,eu-west-3,eu-north-1\neu-west-3,0,30\neu-north-1,30,0\n",
    ),
    "latency bare": ("x.csv", _LATENCY, "latency", b"0,30\n30,0\n"),
    "latency npz": (
        "x.npz",
        _LATENCY,
        "latency",
        _npz(rtt_ms=_RTT, names=np.array(["eu-west-3", "eu-north-1"])),
    ),
    "latency npy": ("x.npy", _LATENCY, "latency", _npy(_RTT)),
    "tree edges": (
        "x.csv",
        _TREE,
        "tree",
        b"parent,child\n" + b"\n".join(",".join(e).encode() for e in _EDGES),
    ),
    "tree words": (
        "x.txt",
        _TREE,
        "tree",
        b"# tree\n" + b"\n".join(" ".join(e).encode() for e in _EDGES),
    ),
    "tree json": ("x.json", _TREE, "tree", json.dumps({"edges": _EDGES}).encode()),
    "tree paths": (
        "x.json",
        _TREE,
        "tree",
        json.dumps({"paths": [["r", "a", "c"], ["r", "a", "d"], ["r", "b"]]}).encode(),
    ),
    "tree nested": (
        "x.json",
        _TREE,
        "tree",
        json.dumps({"r": {"a": {"c": {}, "d": {}}, "b": {}}}).encode(),
    ),
    "tree node-link": (
        "x.json",
        _TREE,
        "tree",
        json.dumps(
            {
                "directed": True,
                "nodes": [{"id": name} for name in ("root", "a", "b", "c", "d")],
                "links": [{"source": parent, "target": child} for parent, child in _EDGES],
            }
        ).encode(),
    ),
    "tree graphml": (
        "x.graphml",
        _TREE,
        "tree",
        b'<graphml><graph edgedefault="directed">'
        + b"".join(f'<edge source="{a}" target="{b}"/>'.encode() for a, b in _EDGES)
        + b"</graph></graphml>",
    ),
    "tree dot": (
        "x.dot",
        _TREE,
        "tree",
        b'digraph { root -> {a "b"} [w=1]; a -> c:n; subgraph x { a -> d } }',
    ),
    "tree neighbours": ("x.txt", _TREE, "tree", b"root a b\na c d\nb\nc\nd\n"),
    "costs": ("x.csv", _COSTS, "file", b"a,b,c,d\n" + b"0.5,0.25,1,0\n" * 25),
    "arrivals counts": (
        "x.csv",
        _ARRIVALS,
        "arrivals",
        b"count\n" + b"\n".join(b"%d" % (i % 4) for i in range(60)),
    ),
    "arrivals grid": (
        "x.csv",
        _ARRIVALS,
        "arrivals",
        _rows("time,count", lambda i, t: f"{t},{i % 4}"),
    ),
    "arrivals wide": (
        "x.csv",
        _ARRIVALS,
        "arrivals",
        b"app,1,2,3,4\n" + b"\n".join(b"f%d,%d,1,0,2" % (i, i % 4) for i in range(20)),
    ),
    "arrivals intervals": (
        "x.csv",
        {**_ARRIVALS, "problem": {"name": "paper_queue", "bin": 2.0}},
        "arrivals",
        b"start,end\n" + b"\n".join(b"%d.5,%d" % (i, i + 3) for i in range(60)),
    ),
    "arrivals times": (
        "x.csv",
        {**_ARRIVALS, "problem": {"name": "paper_queue", "bin": 2.0}},
        "arrivals",
        b"time\n" + b"\n".join(b"%d.5" % i for i in range(60)),
    ),
    "model": ("x.npz", _TABULAR, "model", _npz(**_MODEL)),
    "model json": (
        "x.json",
        _TABULAR,
        "model",
        json.dumps(
            {
                "consumption": [[0, 1], [0, 1]],
                "initial": [1, 0],
                "slots": 3,
                "baseline": [[0.7, 0.3], [0.7, 0.3]],
                "P": {s: {a: _OUTCOMES for a in "01"} for s in "01"},
            }
        ).encode(),
    ),
    "matrix npy": ("x.npy", _TRACKING, "matrix", _npy(_MATRIX)),
    "matrix csv": ("x.csv", _TRACKING, "matrix", b"2,1,0\n1,3,0.5\n0,0.5,1\n"),
}
"""Format -> name of the file, experiment that reads it, field that names it, good content."""

_ODD_ARRAYS: tuple[Callable[[], Any], ...] = (
    lambda: np.array("four"),
    lambda: np.array(2.9),
    lambda: np.array(10**9),
    lambda: np.array(math.nan),
    lambda: np.array([1, 2]),
    lambda: np.zeros((0, 2)),
    lambda: np.zeros((2, 2), complex),
    lambda: np.full((2, 2), math.inf),
    lambda: np.full((3, 3), 1e308),
    lambda: np.full((2, 2), -1),
    lambda: np.array(["2022-01-01"], "datetime64[D]"),
    lambda: np.zeros(2, [("a", "f8"), ("b", "i4")]),
    lambda: np.eye(400),
    lambda: np.full((2, 2, 2), 2**63, np.uint64),
    lambda: np.array(-3),
    lambda: np.array([["0.5", "0.5"]] * 2),
    lambda: np.eye(3, dtype=bool),
    lambda: np.eye(3) * 1e-200,
    lambda: np.zeros((2, 700, 2, 700)),
    lambda: np.eye(3, dtype=np.float16),
    lambda: np.full((2, 2), None),
    lambda: np.arange(9.0).reshape(3, 3),
    lambda: np.zeros((5000, 3, 2)),
    lambda: np.array(3.0),
)


def mutate_file(name: str, content: bytes, draw: random.Random) -> bytes:
    """A data file with something wrong in it."""
    if name.endswith((".npz", ".npy")) and draw.random() < 0.6:
        return (_mutate_npz if name.endswith(".npz") else _mutate_npy)(content, draw)
    return mutate_bytes(content, draw)


def _odd_npy(draw: random.Random) -> bytes:
    if draw.random() < 0.3:  # promises more than there is
        shape = draw.choice(("(1000000000000,)", "(2, 1000000, 1000000)", "(-3,)", "()", "(2, 2)"))
        head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
        head = head.ljust(117) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(16)
    file = io.BytesIO()
    np.save(file, draw.choice(_ODD_ARRAYS)(), allow_pickle=True)
    return file.getvalue()


def _mutate_npy(content: bytes, draw: random.Random) -> bytes:
    return _odd_npy(draw) if draw.random() < 0.8 else _pack({"x": content}, draw)


def _mutate_npz(content: bytes, draw: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    key = draw.choice(sorted(members))
    kind = draw.randrange(8)
    if kind < 4:
        members[key] = _odd_npy(draw)
    elif kind == 4:
        del members[key]
    elif kind == 5:
        members[draw.choice(("x.npy", "note.txt", "a/b.npy", "😀.npy"))] = members.pop(key)
    elif kind == 6:
        members[key] = mutate_bytes(members[key], draw)
    else:
        return members[key]
    return _pack(members, draw)


def _pack(members: dict[str, bytes], draw: random.Random) -> bytes:
    file = io.BytesIO()
    method = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()
