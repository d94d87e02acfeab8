"""The name that was probably meant."""

from __future__ import annotations

import difflib
import heapq
from collections.abc import Iterable, Mapping

_MAX_COMPARED = 5  # names that one is compared with letter by letter


def nearest_names(names: Iterable[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """The most similar other name of a variable of the same shape, for each of `names` that resembles one.

    Only a few candidates are compared letter by letter: among the names that share its
    longest ending, those that share the most parts with it.

    Args:
      names: names of variables, all in `shapes`.
      shapes: the shapes of these and of the candidates, by name.
    """
    sorted_names = sorted(names)
    parts = {name: name.split("/") for name in shapes}
    by_tail: dict[tuple[tuple[int, ...], tuple[str, ...]], list[str]] = {}
    for name in sorted(shapes.keys() - set(sorted_names)):
        for start in range(len(parts[name]) + 1):
            by_tail.setdefault((shapes[name], tuple(parts[name][start:])), []).append(name)
    nearest = {}
    for name in sorted_names:
        tails = ((shapes[name], tuple(parts[name][start:])) for start in range(len(parts[name]) + 1))
        candidates = next((by_tail[tail] for tail in tails if tail in by_tail), [])
        own = set(parts[name])
        alike = heapq.nlargest(_MAX_COMPARED, candidates, key=lambda other: len(own.intersection(parts[other])))
        if similar := difflib.get_close_matches(name, alike, 1):
            nearest[name] = similar[0]
    return nearest
