"""The report of a run: ``table.csv``, ``checks.json``, figures, and one page with all of it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxsoco.analysis import judgement, page, style, tables, wording
from jaxsoco.analysis.checks import CheckResult, run_checks
from jaxsoco.analysis.constraints import footnote, worst_breaches
from jaxsoco.analysis.fits import Fit, fits
from jaxsoco.analysis.ledger import Ledger, read
from jaxsoco.analysis.page import Picture
from jaxsoco.analysis.plots import PLOTS, Plot, default_plots
from jaxsoco.analysis.plots._landscape import LandscapePlot
from jaxsoco.analysis.plots._search import SearchPlot
from jaxsoco.analysis.records import Piece
from jaxsoco.analysis.searches import Search, searches
from jaxsoco.analysis.verdicts import Verdict, together
from jaxsoco.core import stopping
from jaxsoco.core.scratch import remove_leftovers, temporary_name

_FIGURE_NAME = re.compile(r"\d\d+-[a-z][a-z0-9-]*\.(png|svg|csv)")


@dataclass(frozen=True)
class ReportResult:
    """What a report comes to.

    Attributes:
      verdict: on all checks together: ``"failed"`` if one of them failed, or else ``"undecided"``
        if one is.
      table_text: the results as aligned plain text.
      summary_text: incompleteness, failures, fitted exponents and verdicts as plain text.
      path: the page.
      failures: what raised when a figure was drawn: place of the plot, and the exception.
    """

    verdict: Verdict
    table_text: str
    summary_text: str
    path: Path
    failures: tuple[tuple[str, Exception], ...] = ()

    @property
    def checks_passed(self) -> bool:
        """Whether no check failed."""
        return self.verdict != "failed"


def write_report(
    manifest: Mapping[str, Any],
    pieces: Iterable[Piece],
    directory: Path,
    traces: Callable[[], Iterable[Piece]] = tuple,
) -> ReportResult:
    """Writes the report of a run, complete or not, into its directory.

    Args:
      manifest: content of the run's ``manifest.json``.
      pieces: what there is of it, in its order.
      directory: where ``table.csv``, ``checks.json``, ``figures/`` and ``report.html`` go;
        ``curves.csv`` too, where costs are kept at several rounds of a run.
      traces: gives the single runs of which every round is kept; called if a figure shows some.

    A figure that raises is left out, and named in ``failures``; all else is written.

    Raises:
      OSError: a file could not be written.
    """
    return report_on(read(manifest, pieces, traces), directory, searched=directory)


def report_on(
    ledger: Ledger, directory: Path, *, draft: bool = False, searched: Path | None = None
) -> ReportResult:
    """Writes the report on the runs in a ledger, as :func:`write_report`.

    Args:
      ledger: the runs.
      directory: where the files go.
      draft: every text of a figure is set, and nothing is painted: a tenth of the work.
      searched: the run directory with the searches whose results the study judges, if there are
        any; without it their figures are left out.
    """
    style.find_matplotlib()
    study, presentation = ledger.study, ledger.study.presentation
    rows = tables.point_rows(ledger)
    results = run_checks(presentation.checks, ledger)
    exponents = fits(ledger)
    directory.mkdir(parents=True, exist_ok=True)
    remove_leftovers(directory)
    _write(directory / "table.csv", tables.csv_text(ledger, rows).encode())
    if study.checkpoints > 1:
        _write(directory / "curves.csv", tables.curves_text(ledger).encode())
    # Half a character, of a path that is no text, becomes an escape that JSON reads back.
    checks = _checks_json(results, ledger).encode("utf-8", "backslashreplace")
    _write(directory / "checks.json", checks)
    tuned = [(search, judgement.judged(search, ledger)) for search in searches(study, searched)]
    plots = [*_search_plots(tuned)] if searched else []
    plots += map(PLOTS.make, presentation.plots or default_plots(study))
    pictures, skipped, failures = _write_figures(plots, ledger, directory / "figures", draft)
    sections = {
        "Tuning": "".join(_tuning(*one, ledger) for one in tuned),
        "Checks": page.checks_table(results),
        "Results": _results(ledger, rows),
        "Figures": page.figures(pictures) + page.bullets(skipped),
        "Fitted exponents": _fits(ledger, exponents),
        "Runs that went wrong": page.bullets(wording.failures(ledger)),
        "Warnings": page.bullets(presentation.warnings),
        "Data and notes": page.bullets(presentation.notes),
        "Settings": page.settings_list(study.setup.to_json(), presentation.spec),
        "Provenance": page.definitions(wording.provenance(ledger)),
    }
    html = page.render(study.title, wording.lead(ledger), wording.missing(ledger), sections)
    path = directory / "report.html"
    _write(path, html.encode())
    summary = [wording.summary(ledger, exponents, results, skipped)]
    summary += [judgement.text(*one, ledger) for one in tuned]
    return ReportResult(
        verdict=together(result.verdict for result in results),
        table_text=wording.terminal_table(ledger, rows),
        summary_text="\n\n".join(filter(None, summary)),
        path=path,
        failures=tuple(failures),
    )


def _search_plots(tuned: Iterable[tuple[Search, Sequence[judgement.Judged]]]) -> Iterator[Plot]:
    """Of every search its course, and the objective over the range of one or two parameters."""
    for search, rows in tuned:
        yield SearchPlot(search, rows)
        if search.profile is not None:
            yield LandscapePlot(search, rows)


def _tuning(search: Search, rows: Sequence[judgement.Judged], ledger: Ledger) -> str:
    """How a learner was tuned, what was gained, and the lines for an experiment file."""
    return (
        page.paragraph(judgement.lead(search, ledger))
        + page.table_of(judgement.judgement_table(search, rows))
        + page.bullets(search.notes)
        + page.details("Lines for an experiment file", page.code(search.toml))
    )


def _results(ledger: Ledger, rows: Sequence[tables.Row]) -> str:
    """The table, pooled over points if they are many, and then also point by point."""
    whole = page.table_of(wording.page_table(ledger, rows))
    if not whole:
        return page.paragraph("No runs yet.")
    few = len(rows) <= tables.MOST_ROWS
    shown = rows if few else tables.pooled_rows(ledger)
    note = page.paragraph(footnote(worst_breaches(ledger, ledger.study.labels)))
    note += page.paragraph(wording.table_note(ledger, shown, few))
    if few:
        return whole + note
    pooled = page.table_of(wording.page_table(ledger, shown))
    return pooled + note + page.details("Point by point", whole)


def _fits(ledger: Ledger, exponents: Sequence[Fit]) -> str:
    table = page.table_of(wording.fits_table(exponents))
    return table + page.paragraph(wording.fits_note(ledger)) if table else ""


def _write(path: Path, data: bytes) -> None:
    """Replaces a file whole, so that a reader never sees half of it."""
    temporary = temporary_name(path)
    try:
        with stopping.held():
            temporary.write_bytes(data)
            temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _checks_json(results: Sequence[CheckResult], ledger: Ledger) -> str:
    verdict = together(result.verdict for result in results)
    content = {
        "verdict": verdict,
        "passed": None if verdict == "undecided" else verdict == "passed",
        "complete": ledger.complete,
        "level": ledger.study.level,
        "checks": [result.to_json() for result in results],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _write_figures(
    plots: Sequence[Plot], ledger: Ledger, folder: Path, draft: bool
) -> tuple[list[Picture], list[str], list[tuple[str, Exception]]]:
    """Draws the plots, in place of those of an earlier report.

    Returns:
      The figures, what to say of those that are not there, and what raised.
    """
    from jaxsoco.analysis.drawings import NothingToDraw
    from jaxsoco.analysis.figures import everything_written, titles
    from jaxsoco.analysis.style import fallback_fonts, figure_style

    folder.mkdir(exist_ok=True)
    remove_leftovers(folder)
    pictures, skipped, failures, written = [], [], [], set()
    text = everything_written(ledger, plots)
    for i, (plot, title) in enumerate(zip(plots, titles(plots, ledger.study), strict=True)):
        stem = f"{i + 1:02d}-{plot.name}"
        try:
            with figure_style(text):
                caption, files = _files(plot, ledger, title, draft)
        except NothingToDraw as reason:
            skipped.append(f"Figure {stem} is not drawn: {reason}.")
            continue
        except Exception as error:  # a plug-in's, perhaps; the other figures are none the worse
            failures.append((f"plot[{i}]", error))
            skipped.append(f"Figure {stem} cannot be drawn: {type(error).__name__}: {error}")
            continue
        for form, data in files.items():
            _write(folder / f"{stem}.{form}", data)
            written.add(f"{stem}.{form}")
        links = {form.upper(): f"{folder.name}/{stem}.{form}" for form in files}
        alt = f"{title} ({ledger.study.title})"
        pictures.append(Picture(files["svg"], caption, alt, links))
    if without := fallback_fonts(text)[1]:
        characters = ", ".join(without[:20])
        skipped.append(f"No installed font has {characters}: boxes stand for them in figures.")
    for old in folder.iterdir():
        if _FIGURE_NAME.fullmatch(old.name) and old.name not in written:
            old.unlink()
    return pictures, skipped, failures


def _files(plot: Plot, ledger: Ledger, title: str, draft: bool) -> tuple[str, dict[str, bytes]]:
    """A figure's caption, and the content of its files by their ending."""
    from jaxsoco.analysis.drawings.series import csv_of
    from jaxsoco.analysis.figures import draw

    drawing, files = draw(plot, ledger, title), {}
    for form, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
        files[form] = b""
        if not draft:
            buffer = io.BytesIO()
            drawing.figure.savefig(buffer, format=form, metadata=metadata)
            files[form] = buffer.getvalue()
    if draft:
        drawing.figure.set_layout_engine("none")
        drawing.figure.draw_without_rendering()
    files["csv"] = csv_of(drawing.title, drawing.series).encode()
    return drawing.caption, files
