"""The values of a source checkpoint by canonical path, with the requested changes; read only when written.

The canonical path of a layer's variable is its scope and short name, also for zero debias: `a/norm/biased` for
`a/norm/a/norm/moving_mean/biased`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfbn.checkpoint import layers
from tfbn.checkpoint.layers import SHADOW, join, split
from tfbn.checkpoint.reader import Reader, size_of
from tfbn.checkpoint.stored import Stored
from tfbn.graphdef import short_names


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
    """An array that `read` returns."""

    shape: tuple[int, ...]
    dtype: str
    origin: str  # its path, or paths, in the source; '' for one that is synthesized
    change: str  # how it differs from that, in words
    read: Callable[[], np.ndarray]

    @property
    def size(self) -> int:
        return size_of(self.shape, self.dtype)

    @property
    def stored(self) -> Stored | None:
        """Where its bytes are, if a checkpoint contains it unchanged."""
        return self.read.reader.stored(self.read.name) if isinstance(self.read, Unchanged) else None


class Step(NamedTuple):
    """One variable of the target."""

    name: str  # in the target
    value: Value


class SourceValues(NamedTuple):
    values: dict[str, Value]  # by canonical path
    left_out: list[str]  # paths that the options omit, or that became part of another value


def read_values(reader: Reader, options: Options) -> SourceValues:
    """All variables except the bookkeeping of TensorFlow and Keras."""
    paths = canonical_paths(reader)
    values = {
        paths[name]: Value(entry.shape, entry.dtype, entry.path, "", Unchanged(reader, name))
        for name, entry in reader.entries.items()
        if paths[name]
    }
    left_out: list[str] = []
    if options.moving_average:
        left_out += _replace_by_shadows(values, reader)
    for layer in layers.find(reader.entries.values()).layers:
        if layer.renorm == "up to 1.14":
            left_out += _upgrade_renorm(layer.scope, values, options.epsilon)
        if join(layer.scope, "moving_mean") not in values:
            continue  # its statistics have other names and are copied as they are
        if options.fill_affine:
            for short in short_names.AFFINE:
                if short not in layer.variables and join(layer.scope, short) not in values:
                    values[join(layer.scope, short)] = fill_affine(values, layer.scope, short)
        pair = [join(layer.scope, short) for short in short_names.DEBIAS]
        if options.zero_debias == "drop":
            left_out += [path for path in pair if values.pop(path, None)]
        elif options.zero_debias == "synthesize" and not set(pair) & set(values):
            values.update({path: synthesize_debias(values, layer.scope, split(path)[1]) for path in pair})
    return SourceValues(values, left_out)


def canonical_paths(reader: Reader) -> dict[str, str]:
    """The canonical path of each name; '' for bookkeeping."""
    entries = reader.entries.values()
    paths = {entry.name: entry.path for entry in entries}
    for layer in layers.find(entries).layers:
        for short in short_names.DEBIAS:
            if short in layer.variables:
                paths[layer.variables[short]] = join(layer.scope, short)
    return paths


def _replace_by_shadows(values: dict[str, Value], reader: Reader) -> list[str]:
    # In some layers these are the statistics themselves, not averages of variables.
    statistics = {path for layer in layers.find(reader.entries.values()).layers for path in layer.aliases.values()}
    shadows = [path for path in values if path.endswith(SHADOW) and path not in statistics]
    if not shadows:
        raise ValueError(
            f"moving_average: expected a source with variables that end in {SHADOW}, got {reader.path}, which has "
            "none. Leave the argument out."
        )
    left_out = []
    for path in shadows:
        shadowed = path.removesuffix(SHADOW)
        if shadowed in values:
            left_out.append(shadowed)
        values[shadowed] = values.pop(path)._replace(change="its moving average")
    return left_out


def _upgrade_renorm(scope: str, values: dict[str, Value], epsilon: float) -> list[str]:
    """Upgrades renorm's averages to those of 1.15, which have full weight from the first step, and adds moving_stddev.

    Up to 1.14 they start at 0, as do their weights: the average is the quotient of the two.
    """
    variance = values.get(join(scope, "moving_variance"))
    if variance is None:
        return []

    def stddev() -> np.ndarray:
        array = variance.read()
        return np.sqrt(array.astype(np.float64) + epsilon).astype(array.dtype)

    change = f"sqrt({split(variance.origin)[1]} + {epsilon:g})"
    values[join(scope, "moving_stddev")] = variance._replace(change=change, read=stddev)
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


def fill_affine(values: Mapping[str, Value], scope: str, short: str) -> Value:
    """Gamma of ones, or beta of zeros, for a layer without."""
    like = next(values[join(scope, name)] for name in short_names.STATISTICS if join(scope, name) in values)
    number = {"gamma": 1, "beta": 0}[short]
    dtype = tf.as_dtype(like.dtype).as_numpy_dtype
    return Value(like.shape, like.dtype, "", f"filled with {number}", lambda: np.full(like.shape, number, dtype))


def synthesize_debias(values: Mapping[str, Value], scope: str, short: str) -> Value:
    """Zero debias' biased or local_step for an average without them, as if it had started too long ago to matter.

    The next step is then that of the average without zero debias. The count is a power of two that the dtype
    represents: 2**15 for float16, 2**24 for all others.
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
    return value._replace(
        shape=shape,
        dtype=dtype,
        change=", ".join(filter(None, changes)),
        read=lambda: value.read().reshape(shape).astype(as_numpy, copy=False),
    )
