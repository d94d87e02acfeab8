"""Lines of text for people: names come from files and command lines, and may have any character in them.

A name that is cut in two by a line break reads as two names, one with an escape sequence of a terminal hides what
stands before it, and one that is not UTF-8 cannot be printed at all. All that the commands print goes through here:
what is a plain string is one line, and what has several is of `Lines`, made of parts that are a line each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# What moves the cursor, colours or turns around what follows, and half of a surrogate pair, which Python puts in the
# place of a byte that is not UTF-8.
_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_BETWEEN_LINES = re.compile(rf"\r(?!\n)|[{_CONTROL}]")
_IN_LINE = re.compile(rf"[\t\r\n{_CONTROL}]")


class Lines(str):
    """A text whose ends of lines are meant, and are no part of a name; a message of an error may be one."""

    @classmethod
    def of(cls, lines: Iterable[str]) -> Lines:
        """The texts, a line each."""
        return cls("\n".join(map(one_line, lines)))


def one_line(text: str) -> str:
    """The text in one line: line breaks, tabs and whatever else is no character as Python writes them."""
    return _IN_LINE.sub(_escaped, text)


def show_name(name: str) -> str:
    """The name as it is where it is printable, else as Python writes it, with quotes: `a\\n` is not `'a\\n'`."""
    return repr(name) if _IN_LINE.search(name) else name


def shorten(text: str, length: int = 500) -> str:
    """The text without what is in the middle if it is longer, such as a name, an array or a message of a file."""
    half = length // 2
    return f"{text[:half]} ... {text[-half:]}" if len(text) > length else text


def escape_control(text: str) -> str:
    """The text with its control characters as Python writes them, but for the ends of lines and tabs."""
    return _BETWEEN_LINES.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
