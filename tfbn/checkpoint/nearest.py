"""The name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

_MAX_COMPARED = 200  # names that one is compared with letter by letter; of more, those that end most like it


def nearest_names(names: Iterable[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """For each of `names` that resembles one, the most similar other name of a variable of the same shape.

    Args:
      names: of variables, each in `shapes`.
      shapes: of these and of those to choose from, by name.
    """
    asked = list(names)
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for name in shapes.keys() - set(asked):
        by_shape.setdefault(shapes[name], []).append(name)
    nearest = {}
    for name in asked:
        candidates = sorted(by_shape.get(shapes[name], ()))
        if len(candidates) > _MAX_COMPARED:
            candidates = _with_longest_tail(name, candidates)[:_MAX_COMPARED]
        if similar := difflib.get_close_matches(name, candidates, 1):
            nearest[name] = similar[0]
    return nearest


def _with_longest_tail(name: str, candidates: list[str]) -> list[str]:
    """The candidates that have the most of its last parts, at least the very last; none where none has."""
    parts = name.split("/")
    for start in range(len(parts)):
        tail = "/".join(["", *parts[start:]])
        if alike := [other for other in candidates if f"/{other}".endswith(tail)]:
            return alike
    return []
