"""Values, counts, sizes, durations and columns as people read them."""

import datetime
import math

import pytest

from jaxsoco.core import text


@pytest.mark.parametrize(
    ("value", "shown", "typed"),
    [
        (0.5, "0.5", "the number 0.5"),
        (2.0, "2", "the number 2"),
        (1e-7, "1e-07", "the number 1e-07"),
        (0.12345679, "0.12345679", "the number 0.12345679"),
        (math.nan, "nan", "the number nan"),
        (3, "3", "the integer 3"),
        (True, "true", "the boolean true"),
        ("FR", "FR", 'the string "FR"'),
        (("FR", "DE"), "FR+DE", "an array"),
        ([1.0, [True, 2]], "1+true+2", "an array"),
        ([], "", "an empty array"),
        ({}, "{}", "a table"),
        (datetime.date(2022, 1, 1), "2022-01-01", "the date 2022-01-01"),
    ],
)
def test_values(value, shown, typed):
    assert text.show(value) == shown
    assert text.with_type(value) == typed


def test_what_is_absent():
    assert (text.show(None), text.show(None, "auto")) == ("default", "auto")
    assert text.show_all({"size": 4.0, "length": None}) == "size = 4, length = default"
    assert text.show_all(None) == ""


def test_toml():
    assert [*map(text.as_toml, ("a", 0.1, False, ("x", 2)))] == ['"a"', "0.1", "false", '["x", 2]']


def test_amounts():
    assert (text.count(1, "chunk"), text.count(0, "run")) == ("1 chunk", "0 runs")
    assert [*map(text.size, (1, 999, 1000, 4_120_000))] == [
        "1 byte",
        "999 bytes",
        "1 kB",
        "4.12 MB",
    ]
    assert [*map(text.duration, (0, 61.4, 3723))] == ["0:00", "1:01", "1:02:03"]
    assert text.percent(0.95) == "95 %"


def test_columns():
    rows = [("a", "bb", ""), ("ccc", "d", "e")]
    assert text.columns(rows) == ["a    bb", "ccc  d   e"]
    assert text.columns(rows, 1) == ["a    bb", "ccc   d  e"]
    assert text.table(("x", "yy"), [("aaa", "1")], 1) == "x    yy\n---  --\naaa   1"
