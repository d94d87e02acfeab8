"""Which files a project does not count as its own: patterns as .gitignore has them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Pattern(NamedTuple):
    """One line of such a file."""

    matches: re.Pattern[str]  # on a path from the patterns' folder, with slashes
    is_exception: bool  # `!name`: not ignored after all
    directories_only: bool  # `name/`


class Patterns(NamedTuple):
    """The lines of such a file; the last one that matches a path decides."""

    folder: str
    lines: tuple[Pattern, ...]


def parse(folder: str, lines: Iterable[str]) -> Patterns:
    """The patterns of a folder."""
    return Patterns(os.path.abspath(folder), tuple(pattern for line in lines if (pattern := _parse_line(line))))


def above(folder: str) -> tuple[Patterns, ...]:
    """The patterns of a folder and of those above it, up to its repository's root; without one, its own."""
    folders = [os.path.abspath(folder)]
    while not os.path.exists(os.path.join(folders[-1], ".git")):
        parent = os.path.dirname(folders[-1])
        if parent == folders[-1]:
            return tuple(of_folder(folder))
        folders.append(parent)
    own = _read(folders[-1], os.path.join(".git", "info", "exclude"))
    return (*own, *(patterns for name in reversed(folders) for patterns in of_folder(name)))


def of_folder(folder: str) -> Iterator[Patterns]:
    """The patterns of the folder's own .gitignore, if it has a readable one."""
    return _read(folder, ".gitignore")


def is_ignored(path: str, is_directory: bool, known: Iterable[Patterns]) -> bool:
    """Whether a file or directory is ignored, where those above it are not."""
    ignored = False
    for patterns in known:
        relative = os.path.relpath(os.path.abspath(path), patterns.folder).replace(os.sep, "/")
        if not relative.startswith("../"):
            for line in patterns.lines:
                if (is_directory or not line.directories_only) and line.matches.fullmatch(relative):
                    ignored = not line.is_exception
    return ignored


def _read(folder: str, name: str) -> Iterator[Patterns]:
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            yield parse(folder, file)
    except OSError:
        return


def _parse_line(line: str) -> Pattern | None:
    text = re.sub(r"(?<!\\)[ \t]+$", "", line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    is_exception = text.startswith("!")
    text = text[1:] if is_exception else text
    directories_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anywhere = "" if "/" in text else "(?:.*/)?"
    try:
        return Pattern(re.compile(anywhere + _to_regex(text.lstrip("/")), re.DOTALL), is_exception, directories_only)
    except re.error:
        return None


def _to_regex(text: str) -> str:
    return "".join(map(_piece_to_regex, re.split(r"(\*\*/|/\*\*$|\*+|\?|\[!?\]?[^\]]*\]|\\.)", text)))


def _piece_to_regex(piece: str) -> str:
    if piece in ("**/", "/**"):
        return "(?:.*/)?" if piece == "**/" else "/.*"
    if piece.startswith("*"):
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if piece.startswith("[") and piece.endswith("]"):
        is_negated = piece.startswith("[!")
        # Python warns of these, which may come to mean sets of sets.
        members = re.sub(r"([\[&|~])", r"\\\1", piece[1 + is_negated : -1])
        return f"[^/{members}]" if is_negated else f"[{members}]"
    return re.escape(piece[1:] if piece.startswith("\\") else piece)
