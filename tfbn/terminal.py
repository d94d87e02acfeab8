"""Colour for people: on a terminal, where rich is installed and NO_COLOR is not set; plain text everywhere else."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO

STYLES = {"error": "bold red", "warning": "yellow", "place": "bold", "kind": "magenta", "good": "green", "note": "dim"}
# Patterns whose groups are named after the style that their text gets.
REPORT = [
    r"(?m)^(?P<place>[^\s:][^\n]*?): (?P<kind>[a-z][a-z0-9 _-]*): ",
    r"(?m)^(?:(?P<error>error)|(?P<warning>warning))\b",
    r"(?m)^(?P<note>    .*)$",
    r"(?m)  (?P<good>works): ",
    r"(?m)  (?P<error>does not work)\b",
]
DIFF = [
    r"(?m)^(?P<place>---.*|\+\+\+.*)$",
    r"(?m)^(?P<kind>@@.*@@)",
    r"(?m)^(?P<good>\+(?!\+\+ ).*)$",
    r"(?m)^(?P<error>-(?!-- ).*)$",
]


# Characters that move the cursor, or colour or reverse the text after them; files and their names may contain any.
_CONTROL = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def show(text: str, stream: TextIO | None = None, highlights: list[str] = REPORT) -> None:
    """Prints a text, on standard output by default. Lines stay as long as they are: paths are copied from them."""
    stream, text = sys.stdout if stream is None else stream, escape_control(text)
    console = _console(stream, highlights)
    try:
        if console is None:
            print(text, file=stream, flush=True)
        else:
            console.print(text, soft_wrap=True, markup=False, emoji=False)
            stream.flush()
    except OSError as error:
        name = "standard output" if stream is sys.stdout else "standard error"
        raise OSError(error.errno, error.strerror, name) from error


def escape_control(text: str) -> str:
    """The text with its control characters as Python writes them, but for the ends of lines and tabs."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def show_diff(diff: bytes) -> None:
    """Writes a diff to standard output, byte for byte where that is no terminal."""
    if diff and _console(sys.stdout, DIFF) is not None:
        show(diff.decode("utf-8", errors="replace").rstrip("\n"), sys.stdout, DIFF)
    else:
        sys.stdout.buffer.write(diff)


def _console(stream: TextIO, highlights: list[str]) -> Any:
    """rich's console on the stream, or None for plain text."""
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return None
    try:
        from rich.console import Console
        from rich.highlighter import RegexHighlighter
        from rich.theme import Theme
    except ImportError:
        return None
    highlighter = type("Highlighter", (RegexHighlighter,), {"highlights": highlights})()
    return Console(file=stream, highlighter=highlighter, theme=Theme(STYLES))
