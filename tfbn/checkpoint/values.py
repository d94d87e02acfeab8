"""What of a source checkpoint is to be carried over: values by canonical paths, read when they are written.

The canonical path of a layer's variable is its scope and short name, that of zero debias' pair too: `a/norm/biased` for
`a/norm/a/norm/moving_mean/biased`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.checkpoint import layers
from tfbn.checkpoint.layers import SHADOW, Layer, join, split
from tfbn.checkpoint.reader import Entry, Reader, size_of
from tfbn.checkpoint.stored import Stored


@dataclass(frozen=True)
class Options:
    """The arguments of `convert` that change values."""

    moving_average: bool = False
    zero_debias: str = "keep"
    fill_affine: bool = False
    epsilon: float = 0.001


@dataclass(frozen=True)
class Unchanged:
    """Reads a variable of a checkpoint as it is."""

    reader: Reader
    name: str

    def __call__(self) -> np.ndarray:
        return self.reader[self.name]


class Value(NamedTuple):
    """An array to be: `read` makes it."""

    shape: tuple[int, ...]
    dtype: str
    origin: str  # its path, or paths, in the source; '' for what is made up
    change: str  # what is done to it, in words
    read: Callable[[], np.ndarray]

    @property
    def size(self) -> int:
        return size_of(self.shape, self.dtype)

    @property
    def stored(self) -> Stored | None:
        """The bytes that it is, where it is those of a checkpoint."""
        return self.read.reader.stored(self.read.name) if isinstance(self.read, Unchanged) else None


class Step(NamedTuple):
    """One variable of the target."""

    name: str  # in the target
    value: Value


class SourceValues(NamedTuple):
    values: dict[str, Value]  # by canonical path
    left_out: list[str]  # what was asked to be left out, or went into another value


def read_values(reader: Reader, options: Options) -> SourceValues:
    """All of a checkpoint but the bookkeeping of TensorFlow and Keras."""
    found = layers.find(reader.entries.values()).layers
    paths = canonical_paths(reader.entries.values(), found)
    values = {paths[name]: _unchanged(reader, entry) for name, entry in reader.entries.items() if paths[name]}
    left_out: list[str] = []
    if options.moving_average:
        left_out += _replace_by_shadows(values, reader.path)
    for layer in found:
        if layer.renorm == "up to 1.14":
            left_out += _upgrade_renorm(layer.scope, values, options.epsilon)
        if options.fill_affine:
            for short in layers.AFFINE:
                if join(layer.scope, short) not in values:
                    values[join(layer.scope, short)] = fill_affine(values, layer.scope, short)
        pair = [join(layer.scope, short) for short in layers.DEBIAS]
        if options.zero_debias == "drop":
            left_out += [path for path in pair if values.pop(path, None)]
        elif options.zero_debias == "synthesize" and not set(pair) & set(values):
            values.update({path: synthesize_debias(values, layer.scope, split(path)[1]) for path in pair})
    return SourceValues(values, left_out)


def canonical_paths(entries: Iterable[Entry], found: Iterable[Layer]) -> dict[str, str]:
    """The canonical path of each name; '' of bookkeeping."""
    paths = {entry.name: entry.path for entry in entries}
    for layer in found:
        for short, name in layer.variables.items():
            paths[name] = join(layer.scope, short)
    return paths


def _unchanged(reader: Reader, entry: Entry) -> Value:
    return Value(entry.shape, entry.dtype, entry.path, "", Unchanged(reader, entry.name))


def _replace_by_shadows(values: dict[str, Value], source: str) -> list[str]:
    shadows = [path for path in values if path.endswith(SHADOW)]
    if not shadows:
        raise ValueError(
            f"moving_average: expected a source with variables that end in {SHADOW}, got {source}, which has none. "
            "Leave the argument out."
        )
    left_out = []
    for path in shadows:
        shadowed = path.removesuffix(SHADOW)
        if shadowed in values:
            left_out.append(shadowed)
        values[shadowed] = values.pop(path)._replace(change="its moving average")
    return left_out


def _upgrade_renorm(scope: str, values: dict[str, Value], epsilon: float) -> list[str]:
    """Renorm's averages as they are from 1.15 on: of their full weight from the first step, and with moving_stddev.

    Up to 1.14 they start at 0, and what they lack is filled up by the batch: the average is what they hold divided by
    the weight, which says how much that is.
    """
    variance = values.get(join(scope, "moving_variance"))
    if variance is None:
        return []

    def stddev() -> np.ndarray:
        array = variance.read()
        return np.sqrt(array.astype(np.float64) + epsilon).astype(array.dtype)

    rooted = variance._replace(change=f"sqrt({{}} + {epsilon:g})", read=stddev)
    values[join(scope, "moving_stddev")] = _insert_name(rooted)
    consumed = []
    for short, initial in (("renorm_mean", None), ("renorm_stddev", stddev)):
        average, weight = values.get(join(scope, short)), values.pop(join(scope, f"{short}_weight"), None)
        if average is not None and weight is not None:
            consumed.append(join(scope, f"{short}_weight"))
            values[join(scope, short)] = average._replace(
                change=f"divided by {short}_weight", read=_divide_by_weight(average, weight, initial)
            )
    return consumed


def _divide_by_weight(
    average: Value, weight: Value, initial: Callable[[], np.ndarray] | None
) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        array, share = average.read(), float(weight.read())
        if share > 0:
            return (array.astype(np.float64) / share).astype(array.dtype)
        return array if initial is None else initial()

    return read


def _insert_name(value: Value) -> Value:
    return value._replace(change=value.change.format(split(value.origin)[1]))


def fill_affine(values: Mapping[str, Value], scope: str, short: str) -> Value:
    """Gamma of ones, or beta of zeros, for a layer that does without."""
    like = next(values[join(scope, name)] for name in layers.STATISTICS if join(scope, name) in values)
    number = {"gamma": 1, "beta": 0}[short]
    dtype = tf.as_dtype(like.dtype).as_numpy_dtype
    return Value(like.shape, like.dtype, "", f"filled with {number}", lambda: np.full(like.shape, number, dtype))


def synthesize_debias(values: Mapping[str, Value], scope: str, short: str) -> Value:
    """Zero debias' pair for an average that had none: as if its start were too long ago to matter.

    The next step is then that of the average without zero debias. The count is a power of two that every floating type
    of at least its size has: of bfloat16 and wider types 2**24, of float16 2**15.
    """
    mean = values[join(scope, "moving_mean")]
    if short == "biased":
        return mean._replace(change="moving_mean, as biased")
    count = 2**15 if mean.dtype == "float16" else 2**24
    dtype: Any = tf.as_dtype(mean.dtype).as_numpy_dtype
    return Value((), mean.dtype, "", f"a count of {count}", lambda: np.array(count, dtype))


def reshape(value: Value, shape: tuple[int, ...], dtype: str) -> Value:
    """The same elements in another shape, such as [C] for [1, 1, 1, C], and another dtype."""
    if (shape, dtype) == (value.shape, value.dtype):
        return value
    as_numpy = tf.as_dtype(dtype).as_numpy_dtype
    changes = [value.change, "reshaped" if shape != value.shape else "", f"as {dtype}" if dtype != value.dtype else ""]
    made = _map_read(value, lambda array: array.reshape(shape).astype(as_numpy, copy=False))
    return made._replace(shape=shape, dtype=dtype, change=", ".join(filter(None, changes)))


def _map_read(value: Value, change: Callable[[np.ndarray], np.ndarray]) -> Value:
    return value._replace(read=lambda: change(value.read()))
