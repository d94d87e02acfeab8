"""The named cases: every argument, every path, every pairing the dispatch table tells apart, every error."""

from __future__ import annotations

from ..case import Case
from . import around, edges, errors, layer_class, layers, options, paths, training

GROUPS = (paths, training, options, around, errors, edges, layers, layer_class)


def registry() -> dict[str, Case]:
    """All cases by name, in a fixed order."""
    found: dict[str, Case] = {}
    for group in GROUPS:
        for case in group.cases():
            if case["name"] in found:
                raise ValueError(f"two cases are called {case['name']}")
            found[case["name"]] = case
    return found
