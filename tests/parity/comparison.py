"""Compares a case's results with the ledger in hand: what is left is unexplained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import case as cases
from . import compare, data, differences


class Verdict(NamedTuple):
    """The unexplained differences, and the names of the ledger's entries that explain others."""

    rows: list[compare.Difference]
    known: list[str]


def judge(
    case: cases.Case,
    expected: dict[str, Any],
    found: dict[str, Any],
    original: Callable[[cases.Case], dict[str, Any] | None],
) -> Verdict:
    """Hold our result against the original's; `original` is asked for the sibling of a case that it fails at."""
    rows = compare.differences(case, expected, found)
    known = []
    for entry in differences.covering(case):
        excused = compare.matching(rows, entry.excuses(case, expected, found))
        if excused:
            known.append(entry.name)
            rows = [row for row in rows if row not in excused]
    if found["stage"] == "build" and found.get("leftovers"):
        rows.append(compare.Difference("leftovers", "nothing made by a call that is refused", str(found["leftovers"])))
    if not rows and expected["stage"] != "ok" and found["stage"] == "ok":
        rows = _against_sibling(case, found, original)
    return Verdict(rows, known)


def _against_sibling(case: cases.Case, found: dict[str, Any], original: Any) -> list[compare.Difference]:
    other = differences.instead_of(case)
    expected = None if other is None else original(other)
    if expected is None or expected["stage"] != "ok":
        return []
    ours = _as_sibling(case, other, found["arrays"])
    # What only one of them has, such as a second-order gradient or a part of a variable, is held against nothing.
    shapes = {field: array.shape for field, array in ours.items()}
    both = {field: array for field, array in expected["arrays"].items() if shapes.get(field) == array.shape}
    # The kernels of the original give moving statistics no gradient, which composed operations in float64 do.
    both = {field: array for field, array in both.items() if not (".gradient." in field and "/moving_" in field)}
    rows = compare.arrays(other, dict(expected, arrays=both), {field: ours[field] for field in both})
    for entry in differences.covering(other):
        excused = compare.matching(rows, entry.excuses(other, expected, dict(found, arrays=ours)))
        rows = [row for row in rows if row not in excused]
    return [row._replace(field=f"instead.{row.field}") for row in rows]


def _as_sibling(case: cases.Case, other: cases.Case, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our arrays in the layout and dtype of the sibling."""
    if data.channels_first(case) and not data.channels_first(other):
        activations = ("output", "gradient.inputs", "second.inputs")
        arrays = {f: np.moveaxis(a, 1, -1) if f.endswith(activations) else a for f, a in arrays.items()}
    if cases.get(case, "dtype") == "float64" and cases.get(other, "dtype") == "float32":
        arrays = {f: a.astype(np.float32) if a.dtype == np.float64 else a for f, a in arrays.items()}
    return arrays
