"""Which files a project ignores, by patterns in the syntax of .gitignore."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Pattern(NamedTuple):
    """One line of a .gitignore."""

    matches: re.Pattern[str]  # on a path from the patterns' folder, with slashes
    is_exception: bool  # `!name`: not ignored after all
    directories_only: bool  # `name/`


class Patterns(NamedTuple):
    """The lines of a .gitignore; the last one that matches a path decides."""

    folder: str
    lines: tuple[Pattern, ...]
    problems: tuple[str, ...] = ()  # lines that cannot be read; they match nothing, as for git


def parse(folder: str, lines: Iterable[str], name: str = "") -> Patterns:
    """Parses the patterns of a folder; `name` is the file that has them, for `problems`."""
    parsed, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            pattern = _parse_line(line)
        except re.error as error:
            place = f"{name}, line {number}" if name else f"pattern {number}"
            problems.append(f"{place}: `{line.strip()}` matches nothing, not as a pattern of git's either: {error}")
        else:
            parsed += [pattern] if pattern else []
    return Patterns(os.path.abspath(folder), tuple(parsed), tuple(problems))


def above(folder: str) -> tuple[Patterns, ...]:
    """The patterns of a folder and of those above it, up to its repository's root; outside of a repository, its own."""
    folders = [os.path.abspath(folder)]
    while not os.path.exists(os.path.join(folders[-1], ".git")):
        parent = os.path.dirname(folders[-1])
        if parent == folders[-1]:
            return tuple(folder_patterns(folder))
        folders.append(parent)
    own = _read(folders[-1], os.path.join(".git", "info", "exclude"))
    return (*own, *(patterns for name in reversed(folders) for patterns in folder_patterns(name)))


def folder_patterns(folder: str) -> Iterator[Patterns]:
    """The patterns of the folder's own .gitignore, if it has a readable one."""
    return _read(folder, ".gitignore")


def is_ignored(path: str, is_directory: bool, known: Iterable[Patterns]) -> bool:
    """Whether a file or directory is ignored, given that no folder above it is."""
    ignored = False
    for patterns in known:
        relative = os.path.relpath(os.path.abspath(path), patterns.folder).replace(os.sep, "/")
        if not relative.startswith("../"):
            for line in patterns.lines:
                if (is_directory or not line.directories_only) and line.matches.fullmatch(relative):
                    ignored = not line.is_exception
    return ignored


def _read(folder: str, name: str) -> Iterator[Patterns]:
    path = os.path.join(folder, name)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError("not a regular file")
        with open(path, encoding="utf-8", errors="replace") as file:
            yield parse(folder, file, path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        yield Patterns(os.path.abspath(folder), (), (f"{path}: cannot be read: {error.strerror or error}",))


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
    return Pattern(re.compile(anywhere + _to_regex(text.lstrip("/")), re.DOTALL), is_exception, directories_only)


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
        # Python warns about these, which may come to mean nested sets.
        members = re.sub(r"([\[&|~])", r"\\\1", piece[1 + is_negated : -1])
        return f"[^/{members}]" if is_negated else f"[{members}]"
    return re.escape(piece[1:] if piece.startswith("\\") else piece)
