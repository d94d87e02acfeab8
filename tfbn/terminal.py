"""Colour for people: on a terminal, where rich is installed and NO_COLOR is not set; plain text everywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from tfbn.lines import escape_control

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


def show(text: str, stream: TextIO | None = None, highlights: list[str] = REPORT) -> None:
    """Prints a text, on standard output by default. Lines stay as long as they are: paths are copied from them."""
    stream = sys.stdout if stream is None else stream
    text = _encodable(escape_control(text), stream)
    console = _console(stream, highlights)
    with _naming("standard output" if stream is sys.stdout else "standard error"):
        if console is None:
            print(text, file=stream, flush=True)
        else:
            console.print(text, soft_wrap=True, markup=False, emoji=False)
            stream.flush()


def show_diff(diff: bytes) -> None:
    """Writes a diff to standard output, byte for byte where that is no terminal."""
    if diff and _console(sys.stdout, DIFF) is not None:
        show(diff.decode("utf-8", errors="replace").rstrip("\n"), sys.stdout, DIFF)
    else:
        write(diff)


def write(content: bytes) -> None:
    """Writes bytes to standard output."""
    with _naming("standard output"):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


def read() -> bytes:
    """The bytes of standard input."""
    with _naming("standard input"):
        return sys.stdin.buffer.read()


@contextmanager
def _naming(stream: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, stream) from error


def _encodable(text: str, stream: TextIO) -> str:
    """The text with what the stream's encoding lacks, in the locale C say, as Python writes it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


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
