"""Runs cases by their index: ``python tests/fuzz/fuzz_cases.py KIND FIRST STOP``.

``KIND`` is ``specs`` or ``files``. Everything is read and checked as ``jaxsoco check`` does, in
this process, within 20 s and 3 GB a case; what is no ``InputError`` of readable length is a fault.
The last line is JSON: how many cases were fine, how many refused, and the faults. A single case
again: ``python tests/fuzz/fuzz_cases.py files 117 118``.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import fuzz_mutations as mutations  # noqa: E402

from jaxsoco import registry  # noqa: E402
from jaxsoco.core.errors import InputError  # noqa: E402
from jaxsoco.experiment import expand, load_experiment  # noqa: E402
from jaxsoco.experiment.overview import check_text  # noqa: E402
from jaxsoco.experiment.plugging import Policy  # noqa: E402
from jaxsoco.experiment.spec import Unread  # noqa: E402

SECONDS, BYTES = 20.0, 3 << 30
LONGEST_LINE, LONGEST_TEXT = 2500, 200_000
ROOT = HERE.parents[1]
OUT = Path("out")


class TooLate(BaseException):
    """Not an ``Exception``, which a reader could take for a fault of the file."""


def _alarm(*_: Any) -> None:
    raise TooLate


# --- cases ----------------------------------------------------------------------------------------


def experiments() -> list[dict[str, Any]]:
    """The repository's experiments, and those that read data files."""
    texts = [
        file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("experiments/**/*.toml"))
    ]
    return [*map(tomllib.loads, texts), *(with_file(name) for name in mutations.FORMATS)]


def with_file(form: str) -> dict[str, Any]:
    """The experiment that reads the file of a format."""
    name, tables, field, _ = mutations.FORMATS[form]
    tables = copy.deepcopy({"figure": form, **tables})
    tables["problem"][field] = name
    return tables


def check(path: Path, draw: random.Random, **options: Any) -> None:
    """What ``jaxsoco check`` does."""
    options["smoke"] = draw.random() < 0.3
    experiment = load_experiment(path, plugins=Policy(listed=True), **options)
    sweep = expand(experiment)
    text = check_text(sweep, OUT)
    assert text.isascii() or text, "nothing is said"


def spec_case(index: int, given: list[dict[str, Any]]) -> None:
    draw = random.Random(f"spec {index}")
    if index % 4 == 0:
        family = draw.choice([*registry.families().values()])
        check(Path("study.toml"), draw, tables=mutations.within_limits(family, draw))
        return
    tables = mutations.mutate_tables(draw.choice(given), draw)
    path = Path("study.toml")
    options: dict[str, Any] = {}
    if draw.random() < 0.2:
        key = draw.choice(("run.seeds", "problem.x", "algorithm.0.x", "run", "", "problem.carbon"))
        value = draw.choice(("1e3", "nan", "[", "9" * 5000, "[" * 3000, "1979-05-27", "x", "{a=1}"))
        options["assignments"] = [f"{key}={value}"]
    if draw.random() < 0.2:
        check(path, draw, tables=tables, **options)
        return
    text = mutations.as_toml(tables)
    damaged = draw.random() < 0.3
    path.write_bytes(mutations.mutate_text(text, draw) if damaged else text.encode())
    check(path, draw, **options)


def file_case(index: int, _: Any) -> None:
    draw = random.Random(f"file {index}")
    forms = [*mutations.FORMATS]
    form = forms[index % len(forms)]
    name, _, field, content = mutations.FORMATS[form]
    tables = with_file(form)
    if index < len(forms):  # as it should be
        Path(name).write_bytes(content)
        check(Path("study.toml"), random.Random(0), tables=tables)
        return
    if draw.random() < 0.05:
        tables["problem"][field] = draw.choice(ODD_PLACES)
    Path(name).write_bytes(mutations.mutate_file(name, content, draw))
    check(Path("study.toml"), draw, tables=tables)


ODD_PLACES = (
    "/dev/zero",
    "pipe",
    "loop",
    "n" * 300,
    ".",
    "folder",
    "no/such/file",
    "gone",
    "~nobody/x",
)


def _lay_out() -> None:
    """Odd things that a path may lead to."""
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    os.symlink("nowhere", "gone")
    Path("folder").mkdir()
    Path("rtt.csv").write_bytes(mutations.RTT)


# --- outcomes -------------------------------------------------------------------------------------


def outcome(case: Any, index: int, given: Any) -> tuple[str, str]:
    """``fine``, ``refused`` or ``fault``, and what is said."""
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        case(index, given)
        answer = "fine", ""
    except InputError as error:
        answer = "refused", str(error)
    except Unread:
        answer = "refused", "plug-ins: not imported"
    except TooLate:
        answer = "fault", f"no answer after {SECONDS} s"
    except BaseException:
        answer = "fault", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    kind, text = answer
    if kind == "refused" and (complaint := _unreadable(text)):
        return "fault", f"{complaint}: {text[:400]}"
    if time.monotonic() - began > SECONDS:
        return "fault", "too late"
    return answer


def _unreadable(text: str) -> str:
    """What is wrong with an error's text."""
    lines = text.splitlines()
    place, colon, message = (lines or [""])[0].partition(": ")
    if "Traceback" in text:
        return "a traceback"
    if not (place and colon and message):
        return "no place or no message"
    if max(map(len, lines)) > LONGEST_LINE or len(text) > LONGEST_TEXT:
        return f"{len(text)} characters, the longest line {max(map(len, lines))}"
    return ""


def write_spec(index: int, folder: Path) -> None:
    """The experiment file of a case, where its experiment needs no data files."""
    draw = random.Random(f"command {index}")
    tables = mutations.mutate_tables(draw.choice(experiments()[: -len(mutations.FORMATS)]), draw)
    text = mutations.as_toml(tables)
    content = mutations.mutate_text(text, draw) if draw.random() < 0.3 else text.encode()
    (folder / "study.toml").write_bytes(content)


def main(kind: str, first: int, stop: int) -> None:
    """Runs the cases ``first .. stop - 1``."""
    signal.signal(signal.SIGALRM, _alarm)
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", RuntimeWarning)  # a number that got out of hand unnoticed
    case = {"specs": spec_case, "files": file_case}[kind]
    given, counts, faults = experiments(), {"fine": 0, "refused": 0, "fault": 0}, {}
    slowest = (0.0, -1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _lay_out()
        for index in range(first, stop):
            began = time.monotonic()
            result, text = outcome(case, index, given)
            slowest = max(slowest, (time.monotonic() - began, index))
            counts[result] += 1
            if result == "fault":
                faults[index] = text
            if stop - first == 1:
                print(f"{result}: {text}", file=sys.stderr)
        os.chdir("/")
    print(json.dumps({**counts, "faults": faults, "slowest": slowest}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
