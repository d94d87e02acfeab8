"""Compares two results field by field; what differs comes back as readable rows."""

from __future__ import annotations

import fnmatch
import re
from typing import Any, NamedTuple

import numpy as np

from . import case as cases
from . import tolerances

# What an error has to say: the first phrase that the original's text holds must be in ours too.
PHRASES = (
    "data_format has to be either",
    "axis must be int or list",
    "Invalid axis",
    "Duplicate axis",
    "virtual_batch_size must be a positive integer",
    "axis cannot include 0",
    "adjustment cannot be specified",
    "undefined rank",
    "undefined",
    "are incompatible",
    "contains keys not in",
    "reuse=True cannot be used without a name_or_scope",
    "already exists",
    "does not exist",
    "unexpected keyword argument",
    "Invalid data_format",
    "Convolution expects input with rank",
    "Convolution not supported for input with rank",
    "num_outputs type should be one of",
    "argument must be a tuple of",
    "argument must be a list/tuple or one of",
    "argument must be one of",
    "should be defined. Found `None`",
    "incompatible with the layer",
    "strides > 1 not supported in conjunction with dilation_rate > 1",
    "Negative dimension size caused by subtracting",
    "rank of shape must be at least",
    "of shape must be known but is None",
    "_ref",
)
STRUCTURE = (
    "output",
    "output_names",
    "update_names",
    "loss_names",
    "variables",
    "collections",
    "outputs_collections",
    "layer",
    "gradients",
)
LATE_STRUCTURE = ("inference_adds", "inference_keeps_state")


class Difference(NamedTuple):
    """One differing field: its name, what the original has, what we have."""

    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.found}"


def differences(case: cases.Case, expected: dict[str, Any], found: dict[str, Any]) -> list[Difference]:
    """Every field in which our result is not the original's, in the order in which they come about."""
    rows = []
    if expected["stage"] != found["stage"]:
        rows.append(Difference("stage", _stage(expected), _stage(found)))
    elif expected["error"]:
        rows += _errors(case, expected["error"], found["error"])
    for field in STRUCTURE + LATE_STRUCTURE:
        if field == "gradients" and cases.get(case, "control_flow_v2") and not rows:
            continue  # the arrays tell, and there zeros may stand for no gradient
        if field in expected and field in found and not (rows and field in LATE_STRUCTURE):
            rows += _structure(field, by_index(expected[field]), by_index(found[field]))
    if expected["stage"] == found["stage"] == "ok":
        rows += arrays(case, expected, found["arrays"])
    return rows


def _stage(result: dict[str, Any]) -> str:
    error = result["error"]
    return result["stage"] if error is None else f"{result['stage']}, {error['type']}: {error['text']}"


def _errors(case: cases.Case, expected: dict[str, Any], found: dict[str, Any]) -> list[Difference]:
    rows = []
    if expected["type"] != found["type"] and expected["type"] not in found["bases"]:
        rows.append(Difference("error.type", _error(expected), _error(found)))
    phrase = cases.get(case, "phrase")
    if phrase is None:
        phrase = next((phrase for phrase in PHRASES if phrase in expected["text"]), "")
    if phrase not in found["text"]:
        rows.append(Difference("error.text", f"something with {phrase!r}", _error(found)))
    return rows


def _error(error: dict[str, Any]) -> str:
    return f"{error['type']}: {error['text']}"


def by_index(value: Any) -> Any:
    """A list of dicts as one dict, so that each entry is a row of its own."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return value
    return {f"{index}.{key}": entry for index, item in enumerate(value) for key, entry in item.items()}


def _structure(field: str, expected: Any, found: Any) -> list[Difference]:
    if isinstance(expected, dict) and isinstance(found, dict):
        rows = []
        for key in sorted(set(expected) | set(found)):
            if expected.get(key) != found.get(key):
                rows.append(Difference(f"{field}.{key}", str(expected.get(key)), str(found.get(key))))
        return rows
    return [] if expected == found else [Difference(field, str(expected), str(found))]


def arrays(case: cases.Case, result: dict[str, Any], found: dict[str, np.ndarray]) -> list[Difference]:
    """The arrays that differ by more than the table of tolerances allows."""
    rows = []
    expected = result["arrays"]
    scales = tolerances.scales(case, expected, result["variables"])
    for field in sorted(set(expected) | set(found)):
        if field not in expected or field not in found:
            only = expected.get(field, found.get(field))
            if only.any() or not _may_be_none(case, field):
                shapes = [str(side[field].shape) if field in side else "none" for side in (expected, found)]
                rows.append(Difference(field, *shapes))
            continue
        array, ours = expected[field], found[field]
        if (array.shape, array.dtype) != (ours.shape, ours.dtype):
            shapes = [f"{a.dtype.name} of shape {a.shape}" for a in (array, ours)]
            rows.append(Difference(field, *shapes))
            continue
        row = _array(case, scales, field, array, ours)
        if row is not None:
            rows.append(row)
    return rows


def _may_be_none(case: cases.Case, field: str) -> bool:
    """Whether zeros and no gradient at all are the same: TensorFlow's gradient of a v2 cond decides which it is."""
    kind = tolerances.kind_of(field)
    return kind == "second" or (kind == "gradient" and cases.get(case, "control_flow_v2"))


def _array(case: cases.Case, scales: Any, field: str, expected: Any, found: Any) -> Difference | None:
    if expected.dtype.kind not in "fc":
        return None if np.array_equal(expected, found) else Difference(field, str(expected), str(found))
    allowed = tolerances.bound(case, scales, field, expected)
    if distance(expected, found) <= allowed:
        return None
    with np.errstate(invalid="ignore"):
        off = np.abs(expected.astype(np.float64) - found.astype(np.float64))
    worst = int(np.nanargmax(np.where(_unlike(expected, found), np.inf, off))) if off.size else 0
    place = tuple(int(index) for index in np.unravel_index(worst, expected.shape))
    return Difference(
        field,
        f"{expected[place]:.9g} at {place}, within {allowed:.2g}",
        f"{found[place]:.9g}, off by {off[place]:.2g}",
    )


def _unlike(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Where one is finite and the other is not, or both are infinite or NaN in different ways."""
    ok = np.isfinite(expected) & np.isfinite(found)
    same = (np.isnan(expected) & np.isnan(found)) | (expected == found)
    return ~ok & ~same


def distance(expected: np.ndarray, found: np.ndarray) -> float:
    """The largest absolute difference; infinite where one is not finite and the other differs."""
    if not expected.size:
        return 0.0
    if _unlike(expected, found).any():
        return float("inf")
    both = np.isfinite(expected)
    if not both.any():
        return 0.0
    return float(np.abs(expected[both].astype(np.float64) - found[both].astype(np.float64)).max())


def matching(rows: list[Difference], patterns: set[str]) -> list[Difference]:
    """The rows whose field matches one of the patterns of fnmatch."""
    return [row for row in rows if any(_match(row.field, pattern) for pattern in patterns)]


def _match(field: str, pattern: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern), field) is not None
