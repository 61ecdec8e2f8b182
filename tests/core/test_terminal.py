"""What reaches a terminal: no control character of anybody's text, and colours where wanted."""

import errno
import io
import sys
import unicodedata

import pytest

from jaxsoco.core import terminal
from jaxsoco.core.terminal import Output, Verbatim, guarded, has_colours, show, visible


class Stream(io.StringIO):
    """A stream that is or is not a terminal."""

    def __init__(self, terminal: bool = False, encoding: str = "utf-8"):
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def test_no_control_character_is_left():
    text = "".join(map(chr, range(0x3000))) + "\u2066\udcff"
    for character in visible(text):
        if character not in "\t\n":
            assert unicodedata.category(character) != "Cc"
            assert unicodedata.bidirectional(character) not in (
                *("LRE", "RLE", "LRO", "RLO", "PDF"),
                *("LRI", "RLI", "FSI", "PDI"),
            )
            assert character not in "\u200e\u200f\u061c\u2028\u2029"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jx", r"\x1b[2Jx"),
        ("a\rb\bc\x00", r"a\x0db\x08c\x00"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("abc\u202edef", r"abc\u202edef"),
        ("b\udcffd", r"b\xffd"),  # a byte of a path that is not text
        ("São\tPaulo\n× ± 日本 🙂", "São\tPaulo\n× ± 日本 🙂"),
        (r"\x1b", r"\x1b"),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown):
    assert visible(text) == shown
    assert visible(visible(text)) == shown


def test_what_an_encoding_lacks_is_an_escape():
    stream = Stream(encoding="ascii")
    print("±1 \ud800", file=Output(stream))
    assert stream.getvalue() == "\\xb11 \\ud800\n"


def test_everything_printed_passes_and_the_streams_come_back(capsys):
    before = sys.stdout, sys.stderr
    with guarded():
        print("a\x1bb")
        print("c\x1bd", file=sys.stderr)
        Verbatim(terminal.output(sys.stderr)).write("\r\x1b[K")
    assert (sys.stdout, sys.stderr) == before
    printed = capsys.readouterr()
    assert printed.out == "a\\x1bb\n"
    assert printed.err == "c\\x1bd\n\r\x1b[K"


class Full(io.StringIO):
    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_output_that_fails_is_noted_and_never_raises():
    output = Output(Full())
    print("x", file=output)
    print("y", file=output, flush=True)
    assert output.failure is not None and output.failure.errno == errno.ENOSPC
    closed = Stream()
    closed.close()
    output = Output(closed)
    print("x", file=output)
    assert output.failure is not None and output.failure.errno == errno.EBADF
    output = Output(None)
    print("x", file=output, flush=True)
    assert output.failure is None and not output.isatty()


@pytest.mark.parametrize(
    ("environment", "on_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_when_there_are_colours(monkeypatch, environment, on_terminal, elsewhere):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "CLICOLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colours(Stream(terminal=True)) is on_terminal
    assert has_colours(Stream()) is elsewhere


def test_colours_are_ours_alone(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    show("check failed: \x1b[31m check failed\ncheck failed", {"^check failed": "red"})
    red = "\x1b[31mcheck failed\x1b[0m"
    assert stream.getvalue() == f"{red}: \\x1b[31m check failed\n{red}\n"
