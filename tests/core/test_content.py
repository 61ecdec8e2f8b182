"""What is in a file: packed, in another encoding, or of another kind than its name says."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from jaxsoco.core import content as contents
from jaxsoco.core.content import kind_of, read_content
from jaxsoco.core.errors import InputError, Issue
from jaxsoco.core.folders import find_files, is_hidden
from jaxsoco.core.problems import Problems
from jaxsoco.core.rows import Table, column_numbers, number, read_table, without_index

TEXT = "a,b\n1,2\n3,4\n"


def packed(content: bytes) -> bytes:
    """In gzip, without the time: pytest names cases by their bytes, in every worker the same."""
    return gzip.compress(content, mtime=0)


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def put(folder, name: str, content: bytes | str):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refused(action, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        action(*arguments)
    return str(caught.value)


# --- packed files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "inside"),
    [
        ("t.csv.gz", packed(TEXT.encode()), "t.csv"),
        ("t.csv", packed(TEXT.encode()), "t.csv"),  # renamed by a browser
        ("t.csv.GZ", packed(TEXT.encode()[:6]) + packed(TEXT.encode()[6:]), "t.csv"),
        ("t.csv.zip", zipped({"t.csv": TEXT}), "t.csv"),
        ("t.zip", zipped({"folder/u.csv": TEXT}), "u.csv"),
        (
            "t.zip",
            zipped({"u.csv": TEXT, "__MACOSX/._u.csv": "x", ".DS_Store": "x"}),
            "u.csv",
        ),
        ("t.csv", b"\xef\xbb\xbf" + TEXT.encode(), "t.csv"),
    ],
)
def test_packed_files_are_read(tmp_path, name, content, inside):
    file = put(tmp_path, name, content)
    assert read_content(file) == (str(file), inside, TEXT, "")
    table = read_table(file, header=lambda cells: True)
    assert (table.header, table.rows) == (["a", "b"], [["1", "2"], ["3", "4"]])


def sheet() -> bytes:
    return zipped({"xl/workbook.xml": "<x/>", "[Content_Types].xml": "<x/>"})


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.eye(2))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (packed(TEXT.encode() * 50)[:-12], "damaged gzip archive"),
        (zipped({"t.csv": TEXT * 50})[:-30], "damaged zip archive"),
        (zipped({"a.csv": TEXT, "b.csv": TEXT}), "a zip archive of 2 files: a.csv, b.csv"),
        (zipped({}), "a zip archive of 0 files"),
        (sheet(), "it holds an Excel workbook (.xlsx)"),
        (arrays(), "it holds NumPy arrays (.npz)"),
        (b"PAR1\x15\x04\x15", "it holds Parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "it holds an old Excel workbook (.xls)"),
        (b"\x89HDF\r\n\x1a\n", "it holds HDF5"),
        (b"%PDF-1.7", "it holds PDF"),
        (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "it holds metadata of macOS (AppleDouble)"),
        (b"BZh91AY&SY\x01", "a bzip2 archive, not text (unpack it)"),
        (b"\x28\xb5\x2f\xfd\x04", "a Zstandard archive, not text (unpack it)"),
        (b"a" * 257 + b"ustar\x0000", "a tar archive, not text (unpack it)"),
        (TEXT.encode("utf-16"), "it seems to be UTF-16 (save it as text in UTF-8)"),
        (TEXT.encode("utf-16-le"), "it seems to be UTF-16"),
        (TEXT.encode("utf-16-be"), "it seems to be UTF-16"),
        (TEXT.encode("utf-32"), "it seems to be UTF-32"),
        ("a,é\n".encode("latin-1"), "is not UTF-8 text (byte 0xe9)"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, expected):
    message = refused(read_content, put(tmp_path, "t.csv", content))
    assert expected in message
    assert "t.csv" in message
    assert message.count("\n") == 0


def test_a_file_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "MOST_TEXT", 1000)
    for file in (
        put(tmp_path, "t.gz", packed(b"0" * 100_000)),
        put(tmp_path, "t.zip", _deflated("0" * 100_000)),
    ):
        assert "more than 1 kB unpacked" in refused(read_content, file)


def _deflated(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", text)
    return buffer.getvalue()


# --- look-alikes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}', "JSON"),
        ('\n{\n  "a": [1]\n}\n', "JSON"),
        ("{}", "JSON"),
        ('[{"a": 1}]', "JSON"),
        ("[[0, 1], [1, 0]]", "JSON"),
        ("[]", "JSON"),
        ('{"a": 1}\n{"a": 2}\n', "JSON Lines"),
        ("<!DOCTYPE html>\n<html></html>", "HTML"),
        ("<html><body>", "HTML"),
        ('<?xml version="1.0"?>\n<graphml xmlns="x">', "GraphML"),
        ('<?xml version="1.0"?>\n<a/>', "XML"),
        ("(a,b);", "Newick"),
        ("(a:1,(b:2,c:3)d:4)e;\n", "Newick"),
        ("digraph G {\n a -> b;\n}", "DOT"),
        ("strict graph {a -- b}", "DOT"),
        ("graph\n{\n a -- b\n}", "DOT"),
        ("graph [\n directed 1\n]", "GML"),
        ("*Vertices 3\n", "Pajek's network"),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", "a Markdown table"),
        ("version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        ("{\\rtf1\\ansi", "rich text (RTF)"),
        ("@relation r\n", "ARFF"),
        ("", ""),
        ("a,b\n1,2\n", ""),
        ("graph,spec\n1,{x}\n", ""),
        ("(a) first,(b)\n1,2\n", ""),
        ("|a|b|\n|1|2|\n", ""),
        ("<0.5,>0.5\n1,2\n", ""),
        ("[a],[b]\n1,2\n", ""),
        ("PAR1,PAR2\n1,2\n", ""),
    ],
)
def test_kinds_of_text(text, kind):
    assert kind_of(text) == kind


def test_a_look_alike_is_one_problem(tmp_path):
    nodes = "".join(f'<node id="{i}"/>\n' for i in range(600))
    file = put(tmp_path, "t.csv", f"<graphml>\n{nodes}</graphml>")
    problems = Problems()
    table = read_table(file, problems)
    assert (table.rows, table.whole, len(problems)) == ([], False, 1)
    message = refused(problems.raise_if_any)
    assert message == refused(read_table, file)
    assert "holds GraphML, not a table of separated values (save it as CSV in UTF-8)" in message


# --- dialects ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a;b\n1;2\n", [2]),
        ("sep=;\na;b\n1;2\n", [3]),
        ('"sep=;"\r\na;b\r\n1;2\r\n', [3]),
        ("sep=|\na|b\n1|2\n", [3]),
        ("sep=\\t\na\tb\n1\t2\n", [3]),
        ("a|b\n1|2\n", [2]),
        ("a\tb\n1\t2\n", [2]),
        ("# source, licence\n# more; here\n\na,b\n1,2\n", [5]),
        ("# source\nsep=;\n# more\na;b\n1;2\n", [5]),
        ("\n\n a , b \n 1 , 2 \n", [4]),
        ("a,b\r1,2\r", [2]),
        ('"a","b"\n"1","2"\n', [2]),
    ],
)
def test_dialects(tmp_path, text, lines):
    table = read_table(put(tmp_path, "t.csv", text), header=lambda cells: True)
    assert (table.header, table.rows, table.lines.tolist()) == (["a", "b"], [["1", "2"]], lines)


def test_many_blank_lines_do_not_take_long(tmp_path):
    table = read_table(put(tmp_path, "t.csv", "\r\n" * 50_000 + "a,b\r\n"))
    assert table.lines.tolist() == [50_001]


def test_a_separator_may_be_a_blank_of_another_header(tmp_path):
    file = put(tmp_path, "t.csv", "sep:;x\n1,2\n")  # no dialect line
    assert read_table(file).rows == [["sep:", "x"], ["1,2"]]


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        (["", "a"], [["0", "x"], ["1", "y"]], (["a"], [["x"], ["y"]])),
        (["Unnamed: 0", "a"], [["1", "x"], ["2", "y"]], (["a"], [["x"], ["y"]])),
        (["a", "b"], [["1", "x", "p"], ["2", "y", "q"]], (["a", "b"], [["x", "p"], ["y", "q"]])),
        (["", "a"], [["5", "x"], ["6", "y"]], None),
        (["", "a"], [["0", "x"], ["2", "y"]], None),
        (["id", "a"], [["0", "x"], ["1", "y"]], None),
        (["a", "b"], [["0", "x", ""], ["1", "y", ""]], None),
        ([""], [["0"], ["1"]], None),
    ],
)
def test_the_index_of_a_data_frame_is_left_out(header, rows, expected):
    table = Table("t.csv", header, rows, np.arange(2, 2 + len(rows)))
    result = without_index(table)
    assert (result.header, result.rows) == (expected or (header, rows))


@pytest.mark.parametrize(
    "cell", ["1_00", "\u0661\u0662", "\uff11", "0x10", "1e", "1e_3", "--1", "1 2", "", "infin"]
)
def test_a_number_is_a_number_in_plain_ascii(cell):
    assert number(cell) is None
    values, bad = column_numbers(["1", cell, "2.5"])
    assert bad.tolist() == [False, True, False]
    assert values[[0, 2]].tolist() == [1, 2.5]


def test_columns_of_numbers():
    cells = ["1", "-2.5e3", ".5", "5.", "+7", "inf", "-Infinity", "NaN"]
    values, bad = column_numbers(cells)
    np.testing.assert_array_equal(values, [float(cell) for cell in cells])
    assert not bad.any()
    assert column_numbers([])[0].shape == (0,)


# --- folders -------------------------------------------------------------------------------------


def test_hidden_files_are_skipped_and_others_named(tmp_path):
    for name in ("b.csv", "A.CSV", ".DS_Store", "._b.csv", "~$b.csv", "b.csv~", ".~lock.b.csv#",
                 "Thumbs.db", "c.xlsx", "d.csv.gz", "README.md"):  # fmt: skip
        put(tmp_path, name, "x")
    (tmp_path / "raw").mkdir()
    put(tmp_path / "raw", "e.csv", "x")
    found = find_files(tmp_path, (".csv",))
    assert [file.name for file in found.files] == ["A.CSV", "b.csv"]
    assert found.others == ["c.xlsx", "d.csv.gz"]
    assert found.folders == ["raw"]


def test_sub_folders_are_searched_where_the_folder_holds_none(tmp_path):
    for place in ("FR/2020", "DE/2020", ".git", "__MACOSX"):
        (tmp_path / place).mkdir(parents=True)
        put(tmp_path / place, "x.csv", "x")
        put(tmp_path / place, ".hidden.csv", "x")
    (tmp_path / "FR" / "loop").symlink_to(tmp_path)
    found = find_files(tmp_path, (".csv",))
    assert [file.relative_to(tmp_path).as_posix() for file in found.files] == [
        "DE/2020/x.csv",
        "FR/2020/x.csv",
    ]
    assert is_hidden("__MACOSX")


def test_the_rest_is_counted_with_separators():
    problems = Problems(per_kind=10)
    for line in range(5000):
        problems.add("t.csv", "lines like these", Issue(f"t.csv:{line}", "7.5"))
    assert (
        refused(problems.raise_if_any).splitlines()[-1] == "t.csv: and 4,990 more lines like these"
    )


def test_a_declared_separator_that_is_not_there_is_not_believed(tmp_path):
    file = put(tmp_path, "t.csv", "sep=,\na;b\n1;2\n")
    assert read_table(file).rows == [["a", "b"], ["1", "2"]]
