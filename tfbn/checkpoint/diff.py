"""`diff`: the differences between two checkpoints, of the same kind or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfbn.checkpoint import values
from tfbn.checkpoint.nearest import nearest_names
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.rename import apply_renames
from tfbn.progress import Progress
from tfbn.tables import format_shape, format_table, natural


class Difference(NamedTuple):
    """A variable that is not the same in both."""

    path: str
    kind: str  # 'only in the first', 'only in the second', 'shape', 'dtype', 'values'
    detail: str
    largest: float  # between values; 0 for the other kinds of difference


class Differences(list):
    """A list of `Difference`, printed as a table."""

    def __str__(self) -> str:
        if not self:
            return "No differences."
        return format_table([("variable", "difference", ""), *((row.path, row.kind, row.detail) for row in self)])

    __repr__ = __str__


def diff(
    first: str | os.PathLike[str], second: str | os.PathLike[str], *, rename: Sequence[tuple[str, str]] = ()
) -> Differences:
    """Compares two checkpoints, of the same kind or not, with one variable of each in memory at a time.

    Variables are matched by scope and short name. For a variable that only one of them has, the detail names the most
    similar one of the same shape that only the other has. NaN is equal to NaN.

    Args:
      first, second: as for `open`.
      rename: pairs of a regular expression and its replacement for the paths of the first, as for `convert`. Default
        ().

    Returns:
      A list with a record for each variable that differs: path, kind ('only in the first', 'only in the second',
      'shape', 'dtype', 'values'), detail and the largest difference; `print` shows it as a table.

    Raises:
      FileNotFoundError, ValueError, ImportError: as `open`; ValueError also for a pattern that matches nothing.

    Example:
      >>> import tempfile, tensorflow as tf, tfbn
      >>> norm, path = tfbn.BatchNorm(2), tempfile.mkdtemp()
      >>> first = tf.train.Checkpoint(norm=norm).write(path + "/first")
      >>> _ = norm.beta.assign([0.0, 0.5])
      >>> print(tfbn.checkpoint.diff(first, tf.train.Checkpoint(norm=norm).write(path + "/second")))
      variable   difference
      norm/beta  values      1 of 2 elements, by up to 0.5
    """
    with open_checkpoint(first) as one, open_checkpoint(second) as other:
        first_entries, second_entries = apply_renames(_entries_by_path(one), rename), _entries_by_path(other)
        shapes = {path: entry.shape for path, entry in (*first_entries.items(), *second_entries.items())}
        apart = shapes.keys() - (first_entries.keys() & second_entries.keys())
        only = {path: shapes[path] for path in apart}
        nearest = {
            **nearest_names(apart & first_entries.keys(), only),
            **nearest_names(apart & second_entries.keys(), only),
        }
        differences = []
        with Progress("Comparing", len(shapes), "variables") as bar:
            for path in sorted(shapes, key=natural):
                if path in apart:
                    kind = "only in the first" if path in first_entries else "only in the second"
                    hint = f", there {nearest[path]}" if path in nearest else ""
                    differences.append(Difference(path, kind, f"{format_shape(shapes[path])}{hint}", 0.0))
                else:
                    differences += _compare(path, one, first_entries[path], other, second_entries[path])
                bar.update()
        return Differences(differences)


def _entries_by_path(reader: Reader) -> dict[str, Entry]:
    paths = values.canonical_paths(reader)
    return {paths[name]: entry for name, entry in reader.entries.items() if paths[name]}


def _compare(path: str, one: Reader, entry: Entry, other: Reader, other_entry: Entry) -> list[Difference]:
    if entry.shape != other_entry.shape:
        return [Difference(path, "shape", f"{format_shape(entry.shape)} and {format_shape(other_entry.shape)}", 0.0)]
    if entry.dtype != other_entry.dtype:
        return [Difference(path, "dtype", f"{entry.dtype} and {other_entry.dtype}", 0.0)]
    a, b = one[entry.name], other[other_entry.name]
    unequal = np.asarray(a != b)
    if a.dtype.kind not in "OSUb":
        unequal &= ~((a != a) & (b != b))
    if not unequal.any():
        return []
    detail, largest = f"{int(unequal.sum())} of {unequal.size} elements", 0.0
    if a.dtype.kind not in "OSUb":
        largest = float(np.max(np.abs(a[unequal].astype(np.float64) - b[unequal].astype(np.float64))))
        detail += f", by up to {largest:.3g}"
    return [Difference(path, "values", detail, largest)]
