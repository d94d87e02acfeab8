"""The named cases: every argument, every path, every pairing the dispatch table tells apart, every error."""

from __future__ import annotations

from collections.abc import Iterable

from ..case import Case
from . import (
    around,
    edges,
    errors,
    layer_class,
    layers,
    network,
    network_errors,
    network_v1,
    network_windows,
    options,
    paths,
    training,
)

# By the folder that their recordings are kept in.
FAMILIES = {
    "recordings": (paths, training, options, around, errors, edges, layers, layer_class),
    "recordings/layers": (network, network_windows, network_v1, network_errors),
}


def registry(families: Iterable[str] = tuple(FAMILIES)) -> dict[str, Case]:
    """All cases by name, in a fixed order."""
    found: dict[str, Case] = {}
    for group in [group for family in families for group in FAMILIES[family]]:
        for case in group.cases():
            if case["name"] in found:
                raise ValueError(f"two cases are called {case['name']}")
            found[case["name"]] = case
    return found
