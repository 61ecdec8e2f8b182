"""A kind of check or plot is one file, validated by its fields; two kinds never share a name."""

import datetime
import sys

import pytest

from jaxsoco.analysis import checks, plots
from jaxsoco.analysis.checks import CHECKS, Check, CheckResult
from jaxsoco.analysis.kinds import Kinds
from jaxsoco.analysis.ledger import read
from jaxsoco.analysis.plots import PLOTS
from jaxsoco.analysis.selection import Scope
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.errors import InputError
from jaxsoco.core.schema import Field

CHEAP = '''\
"""``cheap``: one run is enough."""
from jaxsoco.analysis.checks._base import ALGORITHM, Check, CheckResult
from jaxsoco.analysis.selection import check_labels
from jaxsoco.analysis.statistics import Estimate
from jaxsoco.core.schema import Field


class Cheap(Check):
    """The cheapest run costs at most so much."""

    name = "cheap"
    summary = "the cheapest run costs at most so much"
    fields = (ALGORITHM, Field("price", "float", "largest cost", low=0, unit="g"))

    def validate(self, scope):
        check_labels("algorithm", self.table.get("algorithm"), scope)

    def run(self, ledger):
        totals = ledger.totals(self.table["algorithm"], ledger.study.select(self.where))
        least = float(totals.min())
        return CheckResult(self.table, least <= self.table["price"], Estimate(least), 3, "cheap")
'''


@pytest.fixture
def kinds(tmp_path, monkeypatch):
    """The kinds of checks with one more file among them."""
    assert CHECKS  # the package's own kinds are found before there is another file
    (tmp_path / "cheap.py").write_text(CHEAP, encoding="utf-8")
    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    yield Kinds("check", Check, checks.__name__)
    sys.modules.pop(f"{checks.__name__}.cheap", None)


def issues(kinds, table):
    scope = Scope({"size": [1, 2]}, ["a"], ["opt"], path="check[0]")
    kinds.validate(table, scope)
    return [str(issue) for issue in scope.issues]


ODD = (
    *([], ["a"], [["size"]], [1, "a"], [0.5, 2.0], {}, {"size": [1]}, {"a": {}}),
    *("", "a", "size", "horizon", 0, -1, 5, 0.5, float("nan"), float("inf"), True),
    datetime.date(2022, 1, 1),
)
"""What TOML can hold in the place of a field."""


@pytest.mark.parametrize("kinds", [CHECKS, PLOTS], ids=["checks", "plots"])
def test_whatever_stands_in_a_field_is_named_or_taken(kinds):
    axes = {"horizon": [10, 100, 1000], "size": [1, 2], "kind": ["x", "y"]}
    plain = {
        "algorithm": "a",
        "between": [0.5, 2.0],
        "at_most": 2.0,
        "through": 100,
        "axis": "size",
    }
    said = 0
    for kind in kinds:
        names = [field.name for field in kinds[kind]]
        whole = {"kind": kind} | {name: plain[name] for name in names if name in plain}
        for name in (*names, "where", "kind"):
            for value in ODD:
                for table in (whole | {name: value}, {"kind": kind, name: value}):
                    scope = Scope(axes, ["a", "b"], ["opt"], path="it[0]")
                    kinds.validate(table, scope)  # whatever it says, it does not fail
                    said += len(scope.issues)
    assert said > 100


def test_one_file_is_a_kind(kinds, make_sweep):
    assert set(kinds) == {*CHECKS, "cheap"}
    assert [field.name for field in kinds["cheap"]] == ["algorithm", "price"]
    assert issues(kinds, {"kind": "cheap", "algorithm": "a", "price": 3}) == []
    assert issues(kinds, {"kind": "cheap", "algorithm": "b", "prise": 3}) == [
        'check[0].prise: "prise" is not a field of a check of kind "cheap" (did you mean "price"?)',
        "check[0].price: is missing (want a number >= 0 g: largest cost)",
        'check[0].algorithm: the experiment has no learner "b" (known: a, opt)',
    ]
    assert issues(kinds, {"kind": "chep"}) == [
        'check[0].kind: no check is of kind "chep" (did you mean "cheap"?)'
    ]
    sweep = make_sweep({}, ["a"], ["opt"], lambda label, point, seeds, rounds: 1.0 + seeds[:, None])
    ledger = read(sweep.manifest(), sweep.pieces())
    result = kinds.make({"kind": "cheap", "algorithm": "a", "price": 1}).run(ledger)
    assert result.passed
    assert result.measured == Estimate(1.0)


def other_slope():
    class Slope(Check):
        """Another one."""

        name = "slope"
        summary = "another one"

    return Slope


def test_two_kinds_of_one_name_are_refused_with_both_owners(kinds):
    with pytest.raises(InputError) as caught:
        kinds.register(other_slope())
    text = str(caught.value)
    assert "jaxsoco.analysis.checks.slope.Slope" in text
    assert f"{__name__}.other_slope.<locals>.Slope" in text
    assert '"slope"' in text
    assert kinds.kind("slope") is CHECKS.kind("slope")


def test_a_registered_kind_is_used_and_may_be_declared_again(kinds):
    def declare(doc):
        class Mine(Check):
            """Mine."""

            name = "mine"
            summary = doc
            fields = (Field("much", "pair", "two ends"),)

            def run(self, ledger):
                return CheckResult(self.table, True, Estimate(0.0), 1, doc)

        return kinds.register(Mine)

    first, second = declare("first"), declare("second")  # a cell of a notebook, run twice
    assert kinds.kind("mine") is second is not first
    assert issues(kinds, {"kind": "mine", "much": [2, 1]}) == [
        "check[0].much: found [2, 1] (want two numbers, the smaller first, as in [0.4, 0.6])"
    ]
    assert "mine" not in CHECKS


def test_a_kind_that_nobody_declares_here_is_bad_input(kinds):
    with pytest.raises(InputError, match="load the plug-in"):
        CHECKS.make({"kind": "cheap"})
    odd = type("Odd", (Check,), {"name": "a/b"})
    with pytest.raises(InputError, match="small letters"):
        kinds.register(odd)


@pytest.mark.parametrize("kinds", [CHECKS, PLOTS], ids=["checks", "plots"])
def test_every_kind_says_what_it_is(kinds):
    for name in kinds:
        kind = kinds.kind(name)
        assert kind.name == name
        assert kind.__module__.rpartition(".")[2] == name.replace("-", "_")
        assert kind.summary and kind.__doc__
        assert all(field.doc for field in kinds[name])
    assert plots.PLOTS is PLOTS
