"""One reader of separated values: cells, lines, separators, encodings, and limits of issues."""

import csv
import functools
import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxsoco.core.dialects import separator_of
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.files import read_npy, read_npz, read_text
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import number, read_table

IN_FOLDER = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
NAMES = st.text("abc XYZ_é", min_size=1, max_size=4).filter(str.strip)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def table_of(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def refused(action) -> str:
    with pytest.raises(InputError) as caught:
        action()
    return str(caught.value)


def shape(columns: int):
    return st.tuples(
        st.lists(NAMES, min_size=columns, max_size=columns),
        st.lists(st.lists(CELLS, min_size=columns, max_size=columns), max_size=8),
    ).filter(lambda content: all(_bare(row) != _bare(content[0]) for row in content[1]))


def _bare(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


@IN_FOLDER
@given(
    content=st.integers(2, 4).flatmap(shape),
    separator=st.sampled_from(",;\t"),
    end=ENDS,
    mark=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_what_a_writer_writes_is_read_back(tmp_path, content, separator, end, mark):
    header, rows = content
    # The writer quotes the ends of lines that it writes itself, and leaves others bare.
    breaks = any(sign in cell for row in rows for cell in row for sign in "\r\n")
    quoting = csv.QUOTE_ALL if breaks else csv.QUOTE_MINIMAL
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(header)
    begins = []
    for row in rows:
        begins.append(lines_of(buffer.getvalue()) + 1)
        writer.writerow(row)
    file = tmp_path / "table.csv"
    table = table_of(file, buffer.getvalue().encode(mark), header=lambda cells: True)
    full = [i for i, row in enumerate(rows) if any(cell.strip() for cell in row)]
    assert table.header == [name.strip() for name in header]
    assert table.rows == [[cell.strip() for cell in rows[i]] for i in full]
    assert table.lines.tolist() == [begins[i] for i in full]
    assert table.separator == separator
    assert table.whole


def lines_of(text: str) -> int:
    """Ends of lines, CR, LF or both at once, inside quotes as well."""
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_places_count_blank_lines_and_quoted_ones(tmp_path, end):
    text = end.join(["", "name,size", "", '"two', 'lines",1', " , ", "x,2,3"])
    table = table_of(tmp_path / "a.csv", text, header=lambda cells: True)
    assert table.rows == [[f"two{end}lines", "1"], ["x", "2", "3"]]
    file = tmp_path / "a.csv"
    assert [table.at(0, 1), table.at(1)] == [f"{file}:4, column size", f"{file}:7"]
    assert table.at(1, 2) == f"{file}:7, column 3"  # without a name
    last = table.take(np.array([1]))
    assert (last.lines.tolist(), last.whole, last.header) == ([7], False, table.header)
    bare = table_of(file, "1,2\n3,4\n")
    assert (bare.header, bare.at(1, 0)) == ([], f"{file}:2, column 1")


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("", ","),
        ("one", ","),
        ("a;b,c;d", ";"),
        ("a,b;c", ","),
        ("a\tb", "\t"),
        ("\tFR\n", "\t"),
        ('"a;b;c",d\n', ","),
        ('"a;b\n;c",d\n', ","),
        ("\r\n \n\na;b\n", ";"),
        ('"open;a,b', ","),
    ],
)
def test_the_first_row_shows_the_separator(text, separator):
    assert separator_of(text) == separator
    assert separator_of(text, blanks=True) in (separator, " ")


def test_white_space_separates_on_request(tmp_path):
    text = '# by hand\na  b # the first\n\n\t"c d"\te#f\n'
    table = table_of(tmp_path / "a.txt", text, comments=True, blanks=True)
    assert table.rows == [["a", "b"], ["c d", "e#f"]]
    assert table.lines.tolist() == [2, 4]
    plain = table_of(tmp_path / "a.txt", "a b,c d # e\n", blanks=True)
    assert plain.rows == [["a b", "c d # e"]]


def test_a_syntax_error_keeps_the_rows_above(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n1,2\n"3,4\n5,6\n')
    problems = Problems()
    table = read_table(tmp_path / "a.csv", problems, header=lambda cells: True)
    assert (table.rows, table.whole, len(problems)) == ([["1", "2"]], False, 1)
    message = refused(problems.raise_if_any)
    assert "a.csv:3: is not valid CSV: unexpected end of data (look for an unclosed" in message
    assert message == refused(lambda: read_table(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("a,b\n1,é\n".encode("latin-1"), ":2: is not UTF-8 text (byte 0xe9) and cannot be read"),
        (b"\xef\xbb\xbfa\r\nb\rc\xff", ":3: is not UTF-8 text (byte 0xff)"),
        (b"\xff\xfea\x00", ":1: is not UTF-8 text (byte 0xff)"),
        (b"a\n\xc3", ":2: is not UTF-8 text (byte 0xc3)"),
    ],
)
def test_other_encodings_are_refused_with_the_byte(tmp_path, content, place):
    file = tmp_path / "a.csv"
    assert f"{file}{place}" in refused(lambda: table_of(file, content))
    assert "(save it as text in UTF-8)" in refused(lambda: read_text(file))


def test_files_that_cannot_be_read_have_one_wording(tmp_path):
    (tmp_path / "trace.csv").write_text("1\n")
    (tmp_path / "folder.csv").mkdir()
    for read in (read_text, read_npy, read_npz, read_table):
        lost, folder, nowhere = (
            refused(functools.partial(read, tmp_path / name))
            for name in ("trce.csv", "folder.csv", "no/a.csv")
        )
        assert 'trce.csv: cannot be read: it does not exist (did you mean "trace.csv"?)' in lost
        assert "folder.csv: cannot be read: it is a folder" in folder
        assert "does not exist either" in nowhere


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_damaged_archives_are_read_or_refused(tmp_path, place, byte, cut):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(12.0), b=np.eye(3))
    content = bytearray(buffer.getvalue())
    place %= len(content)
    content[place] = byte
    file = tmp_path / "a.npz"
    file.write_bytes(content[:place] if cut else content)
    try:
        assert all(isinstance(array, np.ndarray) for array in read_npz(file).values())
    except InputError as error:
        assert str(error).startswith(f"{file}: cannot be read: it is")


def test_arrays_by_another_name_are_named(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    np.savez(tmp_path / "b.npz", x=np.eye(2))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    assert "a.npz: cannot be read: it is a .npy file by another name" in refused(
        lambda: read_npz(tmp_path / "a.npz")
    )
    assert "b.npy: cannot be read: it is an .npz file by another name" in refused(
        lambda: read_npy(tmp_path / "b.npy")
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 9))))
def test_every_issue_is_listed_or_counted_once(entries):
    problems = Problems(per_kind=3)
    for file, kind, line in entries:
        problems.add(file, kind, Issue(f"{file}:{line}", kind))
    distinct = set(entries)
    assert len(problems) == len(distinct)
    if not entries:
        problems.raise_if_any()
        return
    lines = refused(problems.raise_if_any).splitlines()
    assert len(lines) <= 21
    counted = [int(line.partition("and ")[2].split()[0]) for line in lines if "and " in line]
    assert len(lines) - len(counted) + sum(counted) == len(distinct)
    for file in "ab":
        for kind in "xyz":
            assert lines.count(f"{file}:0: {kind}") <= 1
            assert sum(line.startswith(file) and line.endswith(f": {kind}") for line in lines) <= 3


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1.0), (" -2.5e3 ", -2500.0), ("inf", np.inf), ("", None), ("1,5", None), ("x", None)],
)
def test_numbers(cell, value):
    assert number(cell) == value


def test_issues_go_under_the_field_that_led_to_them():
    error = InputError([Issue("a.csv:3", "x", "y"), Issue("problem.rank", "z"), Issue("", "w")])
    assert str(error.under("problem.matrix")) == (
        "problem.matrix: a.csv:3: x (y)\nproblem.rank: z\nproblem.matrix: w"
    )


def test_reading_does_not_import_jax():
    code = "import sys, jaxsoco.core.rows; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_header_again_is_named_once(tmp_path):
    text = "time,count\n0,1\n" + "time,count\n60,2\n" * 3
    path = tmp_path / "joined.csv"
    header = {"header": lambda cells: number(cells[0]) is None}
    assert refused(lambda: table_of(path, text, **header)) == (
        f"{path}:3: is the header again, as in 2 more lines (remove it: were files joined?)"
    )
    problems = Problems()
    table = table_of(path, text, problems=problems, **header)
    assert table.rows == [["0", "1"], ["60", "2"], ["60", "2"], ["60", "2"]]
    assert table.lines.tolist() == [2, 4, 6, 8] and not table.whole and len(problems) == 1


def test_semicolons_begin_comments_above_rows_of_white_space(tmp_path):
    text = "; Version: 2.2\r\n; Computer: x, y\r\n\r\n  1 0 5\r\n  2 30 5\r\n"
    table = table_of(tmp_path / "jobs.swf", text)
    assert table.rows == [["1", "0", "5"], ["2", "30", "5"]] and table.lines.tolist() == [4, 5]
    index = table_of(tmp_path / "index.csv", ";FR\n0;300\n1;310\n")
    assert index.rows == [["", "FR"], ["0", "300"], ["1", "310"]]
