"""Beside every median: in which share of the runs a component is 1, counted by hand."""

import pytest

from jaxsoco.analysis import figures, style
from jaxsoco.analysis.checks import run_checks
from jaxsoco.analysis.indicators import share_text
from jaxsoco.analysis.ledger import read

SEEDS = 40
ASTRAY = {"a": (0, 8), "b": (2, 2), "c": (0, 0), "d": (1, 3), "e": (4, 4)}
"""Learner -> in how many of the 40 runs ``move`` is 1, at size 1 and 2."""


def cost(label, point, seeds, rounds):
    return (1.0 + seeds[:, None] / SEEDS + ord(label[0])) * rounds**0.5


def astray(label, point, seeds):
    return 1.0 * (seeds < ASTRAY.get(label[0], (0, 0))[point["size"] - 1])


def ledger_of(make_sweep, learners, heavy=(), bases=None):
    sweep = make_sweep({"size": [1, 2]}, [*learners], ["opt"], cost, seeds=SEEDS, move=astray)
    manifest = sweep.manifest()
    costs = [dict(one) for one in manifest["presentation"]["costs"]]
    costs[1] |= {"objective": False, "share": True}
    manifest["presentation"] |= {"costs": costs, "heavy_tailed": list(heavy)}
    if bases:
        sweep.plant(manifest, bases)
    return read(manifest, sweep.pieces())


def sentence(ledger, **check):
    (result,) = run_checks([check], ledger)
    return result.sentence


def drawing(ledger, **plot):
    with style.figure_style():
        return figures.draw(plot, ledger)


BOTH = "10 % (20 % at the worst point)"
"""Of a, at both sizes."""
ORDER = {"kind": "order", "statistic": "median"}
ALONG = {"kind": "measure-vs-axis", "axis": "size", "log": ["y"]}


@pytest.mark.parametrize(
    ("learners", "where", "note"),
    [
        ("ab", {}, f"move in {BOTH} of the runs of a, 5 % of b"),
        ("abc", {}, f"move in {BOTH} of the runs of a, 5 % of b, 0 % of the others"),
        ("abc", {"size": 1}, "move in 5 % of the runs of b, 0 % of the others"),
        ("ac", {"size": 1}, "move in 0 % of the runs"),
        ("abcde", {}, "move in 5 % to 10 % of the runs of 4 learners, 0 % of the others"),
    ],
)
def test_a_check_of_medians_says_how_many_runs_went_astray(make_sweep, learners, where, note):
    check = {**ORDER, "algorithms": [*learners], "where": where}
    ledger = ledger_of(make_sweep, learners)
    assert sentence(ledger, **check).endswith(f" ({note})")
    # The mean shows by itself what few runs do.
    assert "move" not in sentence(ledger, **check | {"statistic": "mean"})


def test_a_figure_of_medians_says_it_below_the_legend_and_in_the_caption(make_sweep):
    ledger = ledger_of(make_sweep, "abc")
    note = f"Move in {BOTH} of the runs of a, 5 % of b, 0 % of the others."
    figure = drawing(ledger, statistic="median", **ALONG)
    assert figure.caption.endswith(note)
    assert " ".join(figure.figure.legends[0].get_title().get_text().split()) == note
    few = drawing(ledger, statistic="median", algorithms=["c"], **ALONG)
    assert few.caption.endswith("Move in 0 % of the runs.")
    for plain in ({"statistic": "mean"}, {"statistic": "median", "cost": "move", "log": []}):
        assert "% of" not in drawing(ledger, **ALONG | plain).caption


def test_costs_without_a_mean_have_medians(make_sweep):
    """Nobody asked for the median: the costs are heavy-tailed."""
    ledger = ledger_of(make_sweep, "ab", heavy=[0, 1])
    check = {"kind": "value", "algorithm": "a", "at_least": 0.0}
    note = f" (move in {BOTH} of the runs)"
    assert sentence(ledger, **check).endswith(note)
    assert "move" not in sentence(ledger, statistic="p95", **check)
    assert "5 % of b." in drawing(ledger, **ALONG).caption


def test_values_of_a_parameter_go_by_their_common_name(make_sweep):
    labels = ["a(x=1)", "a(x=2)", "b"]
    bases = {
        label: {"base": label[0], "values": {"x": float(i)} if i < 2 else {}}
        for i, label in enumerate(labels)
    }
    ledger = ledger_of(make_sweep, labels, bases=bases)
    check = {"kind": "minimum", "algorithm": "a", "parameter": "x", "between": [0, 1]}
    text = sentence(ledger, statistic="median", **check)
    assert text.endswith(f"(move in {BOTH} of the runs of a(x=1), {BOTH} of a(x=2))")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.1875, "18.8 %"), (1.0, "100 %"), (1 / 4096, "0.02 %"), (0.0007, "0.1 %")],
)
def test_only_none_is_0_percent(share, text):
    assert share_text(share) == text
