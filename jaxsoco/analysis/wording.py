"""What the report says around its numbers: sentences, notes, tables for page and terminal."""

from __future__ import annotations

from collections.abc import Sequence

from jaxsoco.analysis import page, tables
from jaxsoco.analysis.checks import CheckResult
from jaxsoco.analysis.constraints import footnote, worst_breaches
from jaxsoco.analysis.fits import Fit
from jaxsoco.analysis.ledger import Ledger
from jaxsoco.analysis.page import Table
from jaxsoco.analysis.samples import sketch_words
from jaxsoco.analysis.verdicts import verdict_text
from jaxsoco.core.study import SHORTFALL
from jaxsoco.core.text import count, percent, show_all, table


def lead(ledger: Ledger) -> list[str]:
    """What the experiment is, and how large."""
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
    return [study.presentation.description, f"{size}{sizes}; {count(ledger.runs, 'run')} in all."]


def missing(ledger: Ledger) -> str:
    """What an incomplete run lacks; empty for a complete one."""
    if ledger.complete:
        return ""
    study = ledger.study
    return (
        f"{ledger.runs} of {study.runs * len(study.labels)} runs are there. All figures and "
        "verdicts below are provisional."
    )


def failures(ledger: Ledger) -> list[str]:
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
            if cost.name == SHORTFALL and largest > study.rounding:
                lines.append(f"{label}: shortfall up to {largest:.3g} {cost.unit}".rstrip())
    return lines


def page_table(ledger: Ledger, rows: Sequence[tables.Row]) -> Table:
    """The results as a table of the page; as many columns as a screen of 1280 pixels takes."""
    for full in (True, False):
        header, body = tables.cells_for_people(ledger, rows, full=full)
        whole = Table(header, body, header.index("algorithm") + 1)
        if page.width(whole) <= page.WIDTH:
            break
    return whole


def table_note(ledger: Ledger, rows: Sequence[tables.Row], few: bool) -> str:
    """What the columns of the results mean; ``few`` if they are not pooled."""
    pooled = "" if few else "Pooled over all points. "
    absent = tables.without_interval(rows)
    absent = f" ({absent})" if absent else ""
    sign = "/ is the ratio of a run's cost to the comparator's cost of the same run"
    if ledger.study.measure == "regret":
        sign = "− is a run's cost less the comparator's cost of the same run"
    if any(c in ledger.study.components for c in ledger.study.comparators):
        sign += ", or an unbiased estimate of it that the problem itself computes"
    if ledger.study.heavy:
        sign += ". Where costs have no mean (heavy tails), medians stand in its place, and the "
        sign += "exponents and bands of figures are of medians and quartiles"
    level = percent(ledger.study.level)
    sketch = sketch_words(ledger.error)
    sketch = f" (median and p95 {sketch})" if sketch else ""
    return (
        f"{pooled}± is half the {level} interval of the mean{absent}; {sign}; "
        f"median, p95 and max are over runs{sketch}. table.csv has every digit."
    )


def fits_table(exponents: Sequence[Fit]) -> Table:
    """The fitted exponents as a table of the page."""
    header = ["algorithm", "against", "axis", "where"]
    header += ["exponent", "lower", "upper", "values", "fitted over", ""]
    body = [
        [
            fit.algorithm,
            fit.against or "",
            fit.growth.axis,
            show_all(fit.where),
            *(f"{end:.3f}" if end == end else "–" for end in fit.growth.exponent),
            str(len(fit.growth.places)),
            fit.growth.over,
            fit.remarks,
        ]
        for fit in exponents
    ]
    columns = [i for i in range(len(header)) if any(row[i] for row in body)]
    flush_left = sum(i < 4 for i in columns)
    rows = [[row[i] for i in columns] for row in body]
    return Table([header[i] for i in columns], rows, flush_left)


def fits_note(ledger: Ledger) -> str:
    """How the exponents were fitted."""
    measure = ledger.study.measure if ledger.study.comparators else "cost"
    middle = "mean (where there is none, the median)" if ledger.study.heavy else "mean"
    units = "blocks of seeds" if ledger.study.moments else "seeds"
    return (
        f"Least-squares slope of the logarithm of the {middle} {measure} in that of the axis, over "
        f"the range stated; {percent(ledger.study.level)} intervals from the studentised bootstrap "
        f"over {units}, jointly for all values of the axis. Other numeric axes are pooled. Of runs "
        "of one horizon, the local slope over their last rounds: that is not how the total grows "
        "with the horizon."
    )


def provenance(ledger: Ledger) -> dict[str, str]:
    """Where the numbers come from: name -> text."""
    study = ledger.study
    facts = {name: ", ".join(sorted(values)) for name, values in ledger.provenance.items()}
    return {
        "command": study.presentation.command,
        "identity": study.identity,
        "created": study.created,
        "packs": str(ledger.packs),
        "computing time": f"{ledger.seconds:.1f} s, all packs together",
        **facts,
    }


def terminal_table(ledger: Ledger, rows: Sequence[tables.Row]) -> str:
    """The results as plain text, pooled over points if they are many."""
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
    below = f"± is half the {percent(study.level)} interval of the mean{heavy}"
    absent = tables.without_interval(rows)
    below += f"; {absent}" if absent else ""
    sketch = sketch_words(ledger.error)
    below += f"; median and p95 are {sketch}" if sketch else ""
    broken = footnote(worst_breaches(ledger, study.labels))
    return "\n\n".join(text for text in (f"{note}{lines}", below, broken) if text)


def summary(
    ledger: Ledger, exponents: Sequence[Fit], results: Sequence[CheckResult], skipped: Sequence[str]
) -> str:
    """Incompleteness, failures, fitted exponents and verdicts as plain text."""
    parts = []
    if not ledger.complete:
        parts.append(f"INCOMPLETE: {missing(ledger)}")
    parts += ["\n".join(lines) for lines in (failures(ledger), skipped) if lines]
    first = (*ledger.study.comparators, None)[0]
    main = [fit for fit in exponents if fit.against == first]
    if main:
        parts.append(_fits_text(main, ledger))
    if results:
        parts.append("\n".join(f"check {verdict_text(r.verdict)}: {r.sentence}" for r in results))
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
        trend = fit.growth
        value, lower, upper = trend.exponent
        number = f"{value:.3f}" if value == value else "–"
        interval = f"[{lower:.3f}, {upper:.3f}]" if lower == lower else ""
        place = f"{trend.axis} ({show_all(fit.where)})" if fit.where else trend.axis
        remarks = "; ".join(text for text in (trend.over, fit.remarks) if text)
        body.append([fit.algorithm, place, number, interval, remarks])
    return f"{title}\n" + table(["algorithm", "axis", "exponent", "", ""], body, 2)
