"""The report of a run: ``table.csv``, ``checks.json``, figures, and one page with all of it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxsoco.analysis import tables
from jaxsoco.analysis.checks import CheckResult, run_checks
from jaxsoco.analysis.fits import Fit, fits
from jaxsoco.analysis.ledger import Chunk, Ledger, read
from jaxsoco.analysis.page import Page, Picture, Table, render, verdict
from jaxsoco.analysis.plots import default_plots
from jaxsoco.core.text import count, percent, show_all, table

_FIGURE_NAME = re.compile(r"\d\d-[a-z-]+\.(png|svg)")


@dataclass(frozen=True)
class ReportResult:
    """What a report comes to.

    Attributes:
      checks_passed: no check failed.
      table_text: the results as aligned plain text.
      summary_text: incompleteness, failures, fitted exponents and verdicts as plain text.
      path: the page.
    """

    checks_passed: bool
    table_text: str
    summary_text: str
    path: Path


def write_report(
    manifest: Mapping[str, Any], chunks: Iterable[Chunk], directory: Path
) -> ReportResult:
    """Writes the report of a run, complete or not, into its directory.

    Args:
      manifest: content of the run's ``manifest.json``.
      chunks: ``(record, arrays)`` of every committed chunk, in the order of the plan.
      directory: where ``table.csv``, ``checks.json``, ``figures/`` and ``report.html`` go;
        ``curves.csv`` too, where costs are kept at several rounds of a run.

    Raises:
      OSError: a file could not be written.
    """
    ledger = read(manifest, chunks)
    study, shown = ledger.study, ledger.study.presentation
    rows = tables.point_rows(ledger)
    few = len(rows) <= tables.MOST_ROWS
    results = run_checks(shown.checks, ledger)
    exponents = fits(ledger)
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "table.csv", tables.csv_text(ledger, rows).encode())
    if study.checkpoints > 1:
        _write(directory / "curves.csv", tables.curves_text(ledger).encode())
    _write(directory / "checks.json", _checks_json(results, ledger).encode())
    pictures, skipped = _write_figures(shown.plots, ledger, directory / "figures")
    page = Page(
        title=study.title,
        lead=_lead(ledger),
        banner=_missing(ledger),
        checks=results,
        table=_page_table(ledger, rows if few else tables.pooled_rows(ledger)),
        all_rows=None if few else _page_table(ledger, rows),
        table_note=_table_note(ledger, few),
        fits=_fits_table(exponents),
        fits_note=_fits_note(ledger),
        pictures=pictures,
        skipped=skipped,
        failures=_failures(ledger),
        warnings=shown.warnings,
        notes=shown.notes,
        spec=shown.spec,
        settings=study.setup.to_json(),
        provenance=_provenance(ledger),
    )
    path = directory / "report.html"
    _write(path, render(page).encode())
    return ReportResult(
        checks_passed=all(result.passed for result in results),
        table_text=_terminal_table(ledger, rows),
        summary_text=_summary(ledger, exponents, results, skipped),
        path=path,
    )


def _write(path: Path, data: bytes) -> None:
    """Replaces a file whole, so that a reader never sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _checks_json(results: Sequence[CheckResult], ledger: Ledger) -> str:
    content = {
        "passed": all(result.passed for result in results),
        "complete": ledger.complete,
        "level": ledger.study.level,
        "checks": [result.to_json() for result in results],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_figures(
    plots: Sequence[Mapping[str, Any]], ledger: Ledger, folder: Path
) -> tuple[list[Picture], list[str]]:
    """Draws the plots asked for (or the usual ones), in place of those of an earlier report."""
    from jaxsoco.analysis.drawings import NothingToDraw
    from jaxsoco.analysis.figures import draw
    from jaxsoco.analysis.style import figure_style

    folder.mkdir(exist_ok=True)
    pictures, skipped, written = [], [], set()
    for number, plot in enumerate(plots or default_plots(ledger.study), 1):
        stem = f"{number:02d}-{plot['kind']}"
        with figure_style():
            try:
                drawing = draw(plot, ledger)
            except NothingToDraw as reason:
                skipped.append(f"Figure {stem} is not drawn: {reason}.")
                continue
            files = {}
            for form, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                buffer = io.BytesIO()
                drawing.figure.savefig(buffer, format=form, metadata=metadata)
                files[form] = buffer.getvalue()
        for form, data in files.items():
            _write(folder / f"{stem}.{form}", data)
            written.add(f"{stem}.{form}")
        alt = f"{plot['kind']}: {ledger.study.title}"
        pictures.append(Picture(files["svg"], drawing.caption, alt))
    for old in folder.iterdir():
        if _FIGURE_NAME.fullmatch(old.name) and old.name not in written:
            old.unlink()
    return pictures, skipped


def _lead(ledger: Ledger) -> list[str]:
    study = ledger.study
    sizes = ", ".join(
        [
            count(len(study.points), "point"),
            count(len(study.algorithms), "algorithm"),
            count(len(study.comparators), "comparator"),
            count(study.seeds, "seed"),
        ]
    )
    size = "Smoke-sized run: " if study.presentation.smoke else ""
    return [study.presentation.description, f"{size}{sizes}; {ledger.runs} runs of each."]


def _missing(ledger: Ledger) -> str:
    if ledger.complete:
        return ""
    study = ledger.study
    return (
        f"{ledger.chunks} of {study.chunks} chunks are there, {ledger.runs} of {study.runs} runs "
        "of each learner. All figures and verdicts below are provisional."
    )


def _failures(ledger: Ledger) -> list[str]:
    """Sentences that count what went wrong, by learner."""
    study, lines = ledger.study, []
    for label in study.labels:
        cells = [ledger.cells[point, label] for point in range(len(study.points))]
        runs = sum(cell.runs for cell in cells)
        kinds = {
            "with a cost that is not finite, left out": sum(c.nonfinite for c in cells),
            "with a kernel that did not converge, kept": sum(c.nonconverged for c in cells),
        }
        for rival in study.comparators:
            undefined = sum(cell.undefined[rival] for cell in cells)
            kinds[f"without a ratio to {rival}, whose cost is not positive"] = undefined
        lines += [f"{label}: {n} of {runs} runs {what}" for what, n in kinds.items() if n]
        for i, cost in enumerate(study.costs):
            largest = max((float(cell.worst[i]) for cell in cells), default=0.0)
            if cost.name == "shortfall" and largest > study.rounding:
                lines.append(f"{label}: shortfall up to {largest:.3g} {cost.unit}".rstrip())
    return lines


def _page_table(ledger: Ledger, rows: Sequence[tables.Row]) -> Table:
    header, body = tables.cells_for_people(ledger, rows)
    return Table(header, body, header.index("algorithm") + 1)


def _table_note(ledger: Ledger, few: bool) -> str:
    pooled = "" if few else "Pooled over all points. "
    sign = "/ is the ratio of a run's cost to the comparator's cost of the same run"
    if ledger.study.measure == "regret":
        sign = "− is a run's cost less the comparator's cost of the same run"
    if any(c in ledger.study.components for c in ledger.study.comparators):
        sign += ", or an unbiased estimate of it that the problem itself computes"
    if ledger.study.heavy:
        sign += ". Where costs have no mean (heavy tails), medians stand in its place, and the "
        sign += "exponents and bands of figures are of medians and quartiles"
    return (
        f"{pooled}± is half the {percent(ledger.study.level)} interval of the mean; {sign}; "
        "median, p95 and max are over runs. table.csv has every digit."
    )


def _fits_table(exponents: Sequence[Fit]) -> Table:
    header = ["algorithm", "against", "axis", "where", "exponent", "lower", "upper", "values", ""]
    body = [
        [
            fit.algorithm,
            fit.against or "",
            fit.axis,
            show_all(fit.where),
            *(f"{end:.3f}" if end == end else "–" for end in fit.exponent),
            str(fit.positions),
            fit.note,
        ]
        for fit in exponents
    ]
    used = [i for i in range(len(header)) if any(row[i] for row in body)]
    left = sum(i < 4 for i in used)
    return Table([header[i] for i in used], [[row[i] for i in used] for row in body], left)


def _fits_note(ledger: Ledger) -> str:
    measure = ledger.study.measure if ledger.study.comparators else "cost"
    middle = "mean (where there is none, the median)" if ledger.study.heavy else "mean"
    return (
        f"Least-squares slope of the logarithm of the {middle} {measure} in that of the axis; "
        f"{percent(ledger.study.level)} percentile intervals from resampling seeds, jointly for "
        "all values of the axis. Other numeric axes are pooled."
    )


def _provenance(ledger: Ledger) -> dict[str, str]:
    study = ledger.study
    facts = {name: ", ".join(sorted(values)) for name, values in ledger.provenance.items()}
    return {
        "command": study.presentation.command,
        "identity": study.identity,
        "created": study.created,
        "chunks": f"{ledger.chunks} of {study.chunks}",
        "computing time": f"{ledger.seconds:.1f} s, all chunks together",
        **facts,
    }


def _terminal_table(ledger: Ledger, rows: Sequence[tables.Row]) -> str:
    study, note = ledger.study, ""
    if len(rows) > tables.MOST_ROWS:
        note = (
            f"pooled over all {len(study.points)} points "
            f"({', '.join(study.axes)}); table.csv has {len(rows)} rows\n\n"
        )
        rows = tables.pooled_rows(ledger)
    if not rows:
        return "no runs yet"
    header, body = tables.cells_for_people(ledger, rows, full=False)
    heavy = " (of the median where costs have no mean)" if study.heavy else ""
    lines = table(header, body, header.index("algorithm") + 1)
    return (
        f"{note}{lines}\n\n± is half the {percent(ledger.study.level)} interval of the mean{heavy}"
    )


def _summary(
    ledger: Ledger, exponents: Sequence[Fit], results: Sequence[CheckResult], skipped: Sequence[str]
) -> str:
    parts = []
    if missing := _missing(ledger):
        parts.append(f"INCOMPLETE: {missing}")
    parts += ["\n".join(lines) for lines in (_failures(ledger), skipped) if lines]
    first = (*ledger.study.comparators, None)[0]
    main = [fit for fit in exponents if fit.against == first]
    if main:
        parts.append(_fits_text(main, ledger))
    if results:
        parts.append("\n".join(f"check {verdict(r)}: {r.sentence}" for r in results))
    return "\n\n".join(parts)


def _fits_text(exponents: Sequence[Fit], ledger: Ledger) -> str:
    study = ledger.study
    against = f" against {exponents[0].against}" if exponents[0].against else ""
    measure = study.measure if study.comparators else "cost"
    middle = "mean or median" if study.heavy else "mean"
    level = percent(study.level)
    title = f"fitted exponents of the {middle} {measure}{against} ({level} intervals)"
    body = []
    for fit in exponents:
        value, lower, upper = fit.exponent
        number = f"{value:.3f}" if value == value else "–"
        interval = f"[{lower:.3f}, {upper:.3f}]" if lower == lower else ""
        place = f"{fit.axis} ({show_all(fit.where)})" if fit.where else fit.axis
        body.append([fit.algorithm, place, number, interval, fit.note])
    return f"{title}\n" + table(["algorithm", "axis", "exponent", "", ""], body, 2)
