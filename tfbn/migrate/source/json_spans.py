"""Where the values of a JSON text stand in it, so that one of them can be replaced and all else stays as it is."""

from __future__ import annotations

import json
import re

Span = tuple[int, int]  # of a value: its first character, and the one after its last

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


def members(text: str, start: int) -> dict[str, Span]:
    """The values of the object that begins at `start`, by key. Raises ValueError where none begins."""
    spans: dict[str, Span] = {}
    position = _expect(text, start, "{")
    while text[position] != "}":
        key, position = _DECODER.raw_decode(text, position)
        spans[key], position = _value(text, _expect(text, _skip(text, position), ":"))
    return spans


def elements(text: str, start: int) -> list[Span]:
    """The values of the array that begins at `start`. Raises ValueError where none begins."""
    spans: list[Span] = []
    position = _expect(text, start, "[")
    while text[position] != "]":
        span, position = _value(text, position)
        spans.append(span)
    return spans


def _value(text: str, start: int) -> tuple[Span, int]:
    """The value that begins at `start`, and where the next one, or the closing bracket, is."""
    _, end = _DECODER.raw_decode(text, start)
    position = _skip(text, end)
    return (start, end), _expect(text, position, ",") if text[position] == "," else position


def _expect(text: str, position: int, character: str) -> int:
    if text[position] != character:
        raise ValueError(f"{character!r} expected at character {position}, found {text[position]!r}")
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()
