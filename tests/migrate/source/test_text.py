"""Files as Python reads them, and back."""

from __future__ import annotations

import codecs

import pytest

from tfbn.migrate.source.text import Lines, decode


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x = 1",
        b"x = 1\r\ny = 2\r\n",
        b"x = '\xc3\xa9'\n",
        codecs.BOM_UTF8 + b"x = '\xc3\xa9'\n",
        b"# -*- coding: latin-1 -*-\nx = '\xe9'\n",
        b"#!/bin/sh\n# vim: set fileencoding=cp1252 :\nx = '\x80'\n",
        b"# coding: utf-8\n\x0cx = 1\n",
    ],
)
def test_round_trip(raw):
    """Encoding, byte order mark and line ends are kept."""
    source = decode(raw)
    assert source.encode(source.data) == raw


def test_the_text_is_utf8():
    """Whatever the file is in."""
    assert decode(b"# coding: latin-1\nx = '\xe9'\n").data == "# coding: latin-1\nx = 'é'\n".encode()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"x = 1\ny = '\xe9'\n", "line 2: not utf-8: invalid continuation byte"),
        (b"# coding: ascii\n\nx = '\xc3\xa9'\n", "line 3: not ascii: ordinal not in range"),
        (b"# coding: klingon\n", "line 1: unknown encoding: klingon"),
        (b"# coding: rot13\n", "its coding cookie names rot13, which is not a text encoding"),
        (b"# coding: hex\n", "its coding cookie names hex, which is not a text encoding"),
        (b"# coding: undefined\n", "its coding cookie names undefined, which is not a text encoding"),
        # Each would write line ends, or letters, in another way than it read them.
        (b"# coding: unicode_escape\nx = 1\n", "unicode_escape, which would not give back the same bytes: use utf-8"),
        (b"# coding: utf-7\nx = '+AGE-'\n", "utf-7, which would not give back the same bytes: use utf-8"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "line 1: encoding problem: utf-8"),
        (b"x = 1\n\0\n", "line 2: a null byte"),
    ],
)
def test_refusals(raw, text):
    """With the line."""
    with pytest.raises(ValueError, match=text):
        decode(raw)


def test_a_character_that_the_encoding_lacks():
    """Would be lost, and is refused by Python's own error, which is a ValueError."""
    source = decode(b"# coding: latin-1\n")
    with pytest.raises(ValueError, match="latin-1"):
        source.encode("€".encode())


def test_lines():
    """Columns count characters; every kind of line end ends a line, a form feed does not."""
    data = "é = 1\r\nü\x0c = 2\rz\n".encode()
    lines = Lines(data)
    assert lines.place(data.index(b"=")) == (1, 3)
    assert lines.place(data.index(b"2")) == (2, 6)
    assert lines.place(data.index(b"z")) == (3, 1)
    assert lines.place(len(data)) == (4, 1)
    assert data[lines.start_of_line(data.index(b"2")) : lines.end_of_line(data.index(b"2"))] == "ü\x0c = 2\r".encode()
    assert (lines.newline, Lines(b"x").newline, Lines(b"x\n\r\n").newline) == (b"\r\n", b"\n", b"\n")
