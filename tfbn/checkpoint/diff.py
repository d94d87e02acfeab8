"""`diff`: what differs between two checkpoints, whatever wrote them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfbn.checkpoint import layers, plan, values
from tfbn.checkpoint.open import open as open_checkpoint
from tfbn.checkpoint.reader import Entry, Reader
from tfbn.checkpoint.tables import natural, shown, table


class Difference(NamedTuple):
    """A variable that is not the same in both."""

    path: str
    kind: str  # 'only in the first', 'only in the second', 'shape', 'dtype', 'values'
    detail: str
    largest: float  # the largest difference between values; 0 where there is none to take


class Differences(list):
    """A list of `Difference`, printed as a table."""

    def __str__(self) -> str:
        if not self:
            return "No differences."
        return table([("variable", "difference", ""), *((each.path, each.kind, each.detail) for each in self)])

    __repr__ = __str__


def diff(
    first: str | os.PathLike[str], second: str | os.PathLike[str], *, rename: Sequence[tuple[str, str]] = ()
) -> Differences:
    """Compares two checkpoints, of whatever kinds, variable by variable; one variable of each is held at a time.

    Variables are matched by scope and short name. NaN is equal to NaN.

    Args:
      first, second: as for `open`.
      rename: pairs of a regular expression and its replacement for the paths of the first, as for `convert`. Default
        ().

    Returns:
      A list with a record for each variable that differs: path, kind ('only in the first', 'only in the second',
      'shape', 'dtype', 'values'), detail and the largest difference; `print` shows it as a table.

    Raises:
      FileNotFoundError, ValueError, ImportError: as `open`; ValueError also for a pattern that is found nowhere.

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
        in_one, in_other = plan.apply_renames(_by_path(one), rename), _by_path(other)
        found = []
        for path in sorted({*in_one, *in_other}, key=natural):
            if path not in in_other:
                found.append(Difference(path, "only in the first", shown(in_one[path].shape), 0.0))
            elif path not in in_one:
                found.append(Difference(path, "only in the second", shown(in_other[path].shape), 0.0))
            else:
                found += _of_both(path, one, in_one[path], other, in_other[path])
        return Differences(found)


def _by_path(reader: Reader) -> dict[str, Entry]:
    entries = reader.entries.values()
    paths = values.canonical_paths(entries, layers.find(entries).layers)
    return {paths[entry.name]: entry for entry in entries if paths[entry.name]}


def _of_both(path: str, one: Reader, in_one: Entry, other: Reader, in_other: Entry) -> list[Difference]:
    if in_one.shape != in_other.shape:
        return [Difference(path, "shape", f"{shown(in_one.shape)} and {shown(in_other.shape)}", 0.0)]
    if in_one.dtype != in_other.dtype:
        return [Difference(path, "dtype", f"{in_one.dtype} and {in_other.dtype}", 0.0)]
    a, b = one[in_one.name], other[in_other.name]
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
