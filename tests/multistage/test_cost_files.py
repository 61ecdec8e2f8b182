"""Recorded costs as people have them: columns by name, headers, separators, logs of other kinds."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from jaxsoco import registry
from jaxsoco.core.errors import InputError
from jaxsoco.multistage import Tree
from jaxsoco.multistage.data.costs import load_costs

NAMED = Tree.from_edges(
    [("r", "e"), ("r", "c"), ("e", "e1"), ("e", "e2"), ("c", "c1"), ("c", "c2")]
)
PLAIN = Tree.complete(1, 3)
PAIR = Tree.complete(1, 2)
COSTS = np.random.default_rng(17).random((30, 4)).round(3)


def write(folder: Path, text: str, name: str = "c.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(call) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return str(caught.value)


def error_of(folder: Path, text: str, tree: Tree = NAMED) -> str:
    path = write(folder, text)
    return refused(lambda: load_costs(path, tree))


def table(values, *header: str, separator: str = ",") -> str:
    rows = [separator.join(header)] if header else []
    rows += [separator.join(map(str, row)) for row in np.asarray(values).tolist()]
    return "\n".join(rows) + "\n"


def read(folder: Path, text: str, tree: Tree) -> tuple[np.ndarray, tuple[str, ...]]:
    return load_costs(write(folder, text), tree)


# --- names ----------------------------------------------------------------------------------------


def test_leaves_are_from_left_to_right_without_a_header(tmp_path):
    values, notes = read(tmp_path, table(COSTS), NAMED)
    np.testing.assert_array_equal(values, COSTS)
    assert notes == ()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 0, 1), (1, 0, 3, 2)])
@pytest.mark.parametrize("spell", [str, str.upper])
def test_columns_are_those_of_the_leaves_that_they_name(tmp_path, order, spell):
    names = [spell(("e1", "e2", "c1", "c2")[i]) for i in order]
    values, notes = read(tmp_path, table(COSTS[:, list(order)], *names), NAMED)
    np.testing.assert_array_equal(values, COSTS)
    assert bool(notes) == (order != (0, 1, 2, 3))


def test_names_of_columns_mean_nothing_where_leaves_have_none(tmp_path):
    values, _ = read(tmp_path, table(COSTS[:, :3], "b", "a", "c"), PLAIN)
    np.testing.assert_array_equal(values, COSTS[:, :3])


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("a,b,c,d", "4 of 4 columns are no leaves: a, b, c, d (leaves without a column: e1, e2"),
        ("e1,e2,c1,cc2", "1 of 4 columns is no leaf: cc2 (did you mean"),
        ("e1,e2,c1,e1", "leaves with two columns: e1"),
        ("e1,e2,c1,c2,bias", "1 of 5 columns is no leaf: bias (leave it out)"),
        ("timestamp,e1,e2,c1,c2", "1 of 5 columns is no leaf: timestamp"),
        ("e1,e2,c1", "lacks columns of the leaves c2"),
    ],
)
def test_names_that_are_no_leaves_are_errors(tmp_path, header, said):
    names = header.split(",")
    message = error_of(tmp_path, table(np.full((3, len(names)), 0.5), *names))
    assert said in message


def test_every_fault_of_a_header_is_one_line(tmp_path):
    message = error_of(tmp_path, table(COSTS[:, :3], "e1", "e1", "x"))
    assert len(message.splitlines()) == 2  # x; and e1 twice: what is left out follows from them


def test_leaves_of_one_name_share_a_column_or_are_named_by_their_path(tmp_path):
    edges = [("s", "a"), ("s", "b"), ("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    tree = Tree.from_edges(edges)
    values, notes = read(tmp_path, table(COSTS[:, :2], "y", "x"), tree)
    np.testing.assert_array_equal(values, COSTS[:, [1, 0, 1, 0]])
    assert any("share a column" in note for note in notes)
    values, _ = read(tmp_path, table(COSTS, "b/y", "b/x", "a/y", "s/a/x"), tree)
    np.testing.assert_array_equal(values, COSTS[:, ::-1])
    values, _ = read(tmp_path, table(COSTS, "x", "y", "x", "y"), tree)
    np.testing.assert_array_equal(values, COSTS)


# --- headers of data frames -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "tree", "columns"),
    [
        ("0,1", PAIR, [0, 1]),
        ("1,0", PAIR, [1, 0]),
        ("0,1,2", PLAIN, [0, 1, 2]),
        ("2,0,1", PLAIN, [1, 2, 0]),
        ("1,2,3", PLAIN, [0, 1, 2]),
        ("3,1,2", PLAIN, [1, 2, 0]),
        ("0,1,2,3", NAMED, [0, 1, 2, 3]),
    ],
)
def test_numbers_of_columns_are_never_a_round(tmp_path, header, tree, columns):
    values, _ = read(tmp_path, table(COSTS[:, : len(columns)], *header.split(",")), tree)
    np.testing.assert_array_equal(values, COSTS[:, columns])


def test_ids_of_leaves_are_numbers_too(tmp_path):
    tree = Tree.complete(2, 2)
    values, _ = read(tmp_path, table(COSTS, "6", "5", "4", "3"), tree)
    np.testing.assert_array_equal(values, COSTS[:, ::-1])


def test_zero_and_one_above_whole_numbers_may_be_either(tmp_path):
    message = error_of(tmp_path, "0,1\n1,0\n1,1\n", PAIR)
    assert "0,1 may be the header of a data frame, or a round" in message
    rounds = {
        "0,1\n0.5,0\n1,1\n": [[0, 1], [0.5, 0], [1, 1]],  # a data frame would write 0.0 and 1.0
        "0.0,1.0\n1,0\n": [[0, 1], [1, 0]],
        "1,0\n0,1\n": [[1, 0], [0, 1]],
        "left,right\n0,1\n1,0\n": [[0, 1], [1, 0]],
    }
    for text, wanted in rounds.items():
        np.testing.assert_array_equal(read(tmp_path, text, PAIR)[0], wanted)


@pytest.mark.parametrize("header", [("", "e1", "e2", "c1", "c2"), ("", "0", "1", "2", "3"),
                                    ("Unnamed: 0", "e1", "e2", "c1", "c2"), ()])  # fmt: skip
def test_an_index_is_no_column(tmp_path, header):
    indexed = [[i, *row] for i, row in enumerate(COSTS.tolist())]
    rows = [",".join(header)] * bool(header) + [",".join(map(str, row)) for row in indexed]
    values, notes = read(tmp_path, "\n".join(rows), NAMED)
    np.testing.assert_array_equal(values, COSTS)
    assert notes == ("costs: the index of the rows is left out",)


# --- dialects and other files ---------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "|"])
@pytest.mark.parametrize("header", [(), ("a", "b", "c")])
def test_separators_are_seen(tmp_path, separator, header):
    values, _ = read(tmp_path, table(COSTS[:, :3], *header, separator=separator), PLAIN)
    np.testing.assert_array_equal(values, COSTS[:, :3])


def test_what_numpy_writes_is_read(tmp_path):
    np.savetxt(tmp_path / "c.csv", COSTS[:, :3], header="a b c")
    np.testing.assert_allclose(load_costs(tmp_path / "c.csv", PLAIN).values, COSTS[:, :3])


@pytest.mark.parametrize("header", [(), ("a", "b", "c")])
def test_decimal_commas_are_named(tmp_path, header):
    text = table(COSTS[:, :3], *header, separator=";").replace(".", ",")
    message = error_of(tmp_path, text, PLAIN)
    assert "decimal point" in message


LOGS = {
    ",timestamp,item_id,position,click,propensity_score": "0,2019-11-24T00:00Z,0,1,0,0.0125",
    "decision,reward": "1,0",
    "Action,Reward,Context": "1,0.5,3",
    "arm;cost;prob": "1;0.5;0.3",
}


@pytest.mark.parametrize("header", LOGS)
@pytest.mark.parametrize("tree", [PLAIN, NAMED, PAIR])
def test_logs_of_one_action_a_round_are_named(tmp_path, header, tree):
    message = error_of(tmp_path, "\n".join([header, *[LOGS[header]] * 30]), tree)
    assert len(message.splitlines()) == 1
    assert "is a log of one action a round" in message and f"all {tree.leaves} leaves" in message


def test_a_line_that_is_taken_for_a_header_is_shown(tmp_path):
    for text in ("0.1%,2%,3%\n", "a,b,c\n"):
        message = error_of(tmp_path, text, PLAIN)
        assert f"holds no rounds: its only line is a header, {text.strip()}" in message


def test_formats_of_other_programs_are_named(tmp_path):
    rows = [json.dumps({"actions": [0, 1, 2], "rewards": [0.1, 0.2, 0.3]})] * 10
    for text, said in (
        ("1:0.5:0.25 | user=a time=b\n" * 30, "a log of Vowpal Wabbit"),
        ("\n".join(rows), "holds JSON Lines with actions and rewards"),
        ("[[0.5, 0.5, 0.5]]", "holds JSON, not a table"),
        ("<html></html>", "holds HTML"),
    ):
        message = error_of(tmp_path, text, PLAIN)
        assert said in message and len(message.splitlines()) == 1


def test_leaves_may_be_called_like_columns_of_a_log(tmp_path):
    tree = Tree.from_edges([("r", "action"), ("r", "reward")])
    values, _ = read(tmp_path, table(COSTS[:, :2], "action", "reward"), tree)
    np.testing.assert_array_equal(values, COSTS[:, :2])


# --- numbers --------------------------------------------------------------------------------------


def test_thousands_of_bad_lines_are_counted(tmp_path):
    lines = error_of(tmp_path, "a,b,c\n" + "7.5,7.5,7.5\n" * 5000, PLAIN).splitlines()
    assert len(lines) == 11 and lines[-1].endswith("and 4,990 more lines like these")
    assert "the largest is 7.5, by which all can be divided" in lines[0]


def test_rows_of_another_width_are_one_line(tmp_path):
    message = error_of(tmp_path, table(COSTS[:20, :2]), PLAIN)
    assert len(message.splitlines()) == 1
    assert "c.csv:1: 2 costs, as in 19 more lines (want one for each of 3 leaves)" in message
    message = error_of(tmp_path, table(COSTS[:20, :3].T), PLAIN)
    assert "there are as many rows as leaves" in message
    ragged = table(COSTS[:5, :3]) + "0.5,0.5\n" + table(COSTS[:5, :3])
    assert error_of(tmp_path, ragged, PLAIN).endswith(
        "c.csv:6: 2 costs (want one for each of 3 leaves)"
    )


@pytest.mark.parametrize("cell", ["1_0", "0x1", "\u0661", "", "nan", "-0.1", "1.0001", "inf"])
def test_a_cost_is_a_plain_number_from_0_to_1(tmp_path, cell):
    message = error_of(tmp_path, f"0.5,0.5,0.5\n0.5,{cell},0.5\n", PLAIN)
    assert f"c.csv:2: column 2: {cell!r}" in message


def test_the_problem_plays_costs_by_name(tmp_path):
    (tmp_path / "tree.json").write_text(json.dumps({"edges": [["r", "a"], ["r", "b"]]}))
    write(tmp_path, table(COSTS[:, :2], "b", "a"))
    entry = registry.problem("multistage/recorded_costs")
    values = {field.name: field.default for field in entry.fields} | {"horizon": 20}
    ready = entry.prepared(values | {"file": "c.csv", "tree": "tree.json"}, tmp_path)
    np.testing.assert_array_equal(ready.content.base, COSTS[:20, [1, 0]])
    assert ready.notes[-1] == "costs: columns are those of the leaves that they name"


def test_a_hundred_thousand_rounds_are_read_in_two_seconds(tmp_path):
    path = write(tmp_path, "c2,c1,e2,e1\n" + "0.5,0.25,0.75,0.125\n" * 105_120)
    began = time.process_time()
    values, _ = load_costs(path, NAMED)
    assert time.process_time() - began < 2
    assert values.shape == (105_120, 4) and values[-1].tolist() == [0.125, 0.75, 0.25, 0.5]
