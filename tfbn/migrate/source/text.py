"""Source files as text and back, byte for byte: encodings, byte order marks, line ends."""

from __future__ import annotations

import codecs
import io
import re
import tokenize
from bisect import bisect_right
from typing import NamedTuple


class Source(NamedTuple):
    """The text of a file, in UTF-8 without a byte order mark, and what it takes to write it back."""

    data: bytes
    encoding: str
    mark: bytes

    def encode(self, data: bytes) -> bytes:
        """The bytes of a file in the same encoding. Raises ValueError where it lacks a character."""
        return self.mark + data.decode("utf-8").encode(self.encoding)


def decode(raw: bytes) -> Source:
    """Decodes a file as Python does. Raises ValueError, with line and reason, where Python would fail."""
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except SyntaxError as error:
        raise ValueError(f"line 1: {error.msg}") from error
    encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    try:
        text = raw[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, len(mark) + error.start) + 1
        raise ValueError(f"line {line}: not {encoding}: {error.reason}") from error
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"its coding cookie names {encoding}, which is not a text encoding") from error
    # With unicode_escape, for one, writing would change even untouched lines.
    if text.encode(encoding, "replace") != raw[len(mark) :]:
        raise ValueError(f"its coding cookie names {encoding}, which would not give back the same bytes: use utf-8")
    if "\0" in text:
        raise ValueError(f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: a null byte: not Python source")
    return Source(text.encode("utf-8"), encoding, mark)


class Lines:
    """Lines and columns of offsets into UTF-8 text."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.starts = [0, *(match.end() for match in re.finditer(rb"\r\n|\r|\n", data))]

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1, the column in characters."""
        line = bisect_right(self.starts, offset)
        start = self.starts[line - 1]
        return line, len(self.data[start:offset].decode("utf-8")) + 1

    def start_of_line(self, offset: int) -> int:
        return self.starts[bisect_right(self.starts, offset) - 1]

    def end_of_line(self, offset: int) -> int:
        """The start of the next line, or the end of the text."""
        line = bisect_right(self.starts, offset)
        return self.starts[line] if line < len(self.starts) else len(self.data)

    @property
    def newline(self) -> bytes:
        """The line end that the text uses first; a line feed where there is none."""
        match = re.search(rb"\r\n|\r|\n", self.data)
        return match[0] if match else b"\n"
