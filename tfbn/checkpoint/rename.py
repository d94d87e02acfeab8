"""Renames variables by pairs of a regular expression and its replacement: the `rename` of several functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from tfbn.checkpoint import values
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.lines import Lines
from tfbn.tables import columns

T = TypeVar("T")


def renamed_entries(reader: Reader, rename: Iterable[tuple[str, str]]) -> list[Entry]:
    """The variables of a checkpoint with their paths renamed."""
    rename = list(rename)
    if not rename:
        return list(reader.entries.values())
    paths = values.canonical_paths(reader)
    by_path = {paths[name]: entry for name, entry in reader.entries.items() if paths[name]}
    return [entry._replace(path=path) for path, entry in apply_renames(by_path, rename).items()]


def apply_renames(by_path: Mapping[str, T], rename: Iterable[tuple[str, str]]) -> dict[str, T]:
    """The same values with their paths renamed by pairs of a pattern and its replacement."""
    names = {path: path for path in by_path}
    for pattern, replacement in rename:
        try:
            changed = {path: re.sub(pattern, replacement, name) for path, name in names.items()}
        except (re.error, IndexError) as error:
            raise ValueError(
                f"rename: expected a regular expression and its replacement, got {pattern!r} and {replacement!r}: "
                f"{error}."
            ) from error
        if not any(re.search(pattern, name) for name in names.values()):
            raise ValueError(
                Lines(
                    f"rename: expected a pattern that is found in a name, got {pattern!r}. The names are\n"
                    f"{columns(names.values())}"
                )
            )
        names = changed
    return with_names(by_path, names)


def with_names(by_path: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """The same values by the names that `names` has for their paths; ValueError if two get one name."""
    paths: dict[str, str] = {}
    for path, name in names.items():
        if name in paths:
            raise ValueError(
                f"rename: expected a different name for each variable, got {name!r} for {paths[name]} and {path}."
            )
        paths[name] = path
    return {name: by_path[path] for name, path in paths.items()}
