"""Turns the encoded arguments of a case into the objects that a call receives. Runs on Python 3.7.

Tensors whose value changes from step to step are placeholders or variables; `Decoder.feeds` and `Decoder.assignments`
say what to feed and assign before each step.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import case as cases
from . import data, functions

PARAMETER_DTYPE = {"float16": "float32", "bfloat16": "float32"}
Values = Callable[[int], Any]


class Decoder:
    """Makes the objects of one case in the current graph; `make_<kind>` makes what `{"$": kind, ...}` stands for."""

    def __init__(self, tf: Any, case: cases.Case, functions: Optional[Dict[str, Any]] = None):
        self.tf = tf
        self.functions = functions or {}
        self.case = case
        self._fed: List[Tuple[Any, Values]] = []
        self._assigned: List[Tuple[Any, Any, Values]] = []
        self._made: Dict[str, Any] = {}

    def feeds(self, index: int) -> Dict[Any, Any]:
        """What to feed in a step (the last index is inference)."""
        return {placeholder: values(index) for placeholder, values in self._fed}

    def assign(self, session: Any, index: int) -> None:
        """Set the variables whose value depends on the step."""
        for op, placeholder, values in self._assigned:
            session.run(op, {placeholder: values(index)})

    def placeholder(self, dtype: str, shape: Optional[List[Optional[int]]], values: Values, name: str) -> Any:
        """A placeholder fed with `values(step)`; bfloat16 is fed as float32 and cast."""
        fed = self.tf.placeholder("float32" if dtype == "bfloat16" else dtype, shape, name=name)
        self._fed.append((fed, values))
        return self.tf.cast(fed, "bfloat16") if dtype == "bfloat16" else fed

    def arguments(self, encoded: Dict[str, Any]) -> Dict[str, Any]:
        """Decoded keyword arguments; one encoded value becomes one object, however many calls use it."""
        return {name: self.argument(name, value) for name, value in encoded.items()}

    def argument(self, name: str, value: Any) -> Any:
        key = f"{name}={value!r}"
        if key not in self._made:
            self._made[key] = self._value(name, value)
        return self._made[key]

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(name, item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$" not in value:
            return {key: self._value(name + "_" + key, item) for key, item in value.items()}
        fields = {key: item for key, item in value.items() if key != "$"}
        return getattr(self, "make_" + value["$"])(name, **fields)

    # Tensors and numbers

    def make_constant(self, name: str, value: Any, dtype: str) -> Any:
        return self.tf.constant(value, dtype=dtype, name="constant_" + name)

    def make_fed(self, name: str, values: List[Any], dtype: str) -> Any:
        return self.placeholder(dtype, [], self._per_step(values, dtype), "fed_" + name)

    def make_variable(self, name: str, values: List[Any], dtype: str) -> Any:
        tf = self.tf
        variable = tf.Variable(values[0], dtype=dtype, trainable=False, name="variable_" + name)
        fed = tf.placeholder(dtype, [], name="value_of_" + name)
        self._assigned.append((tf.assign(variable, fed).op, fed, self._per_step(values, dtype)))
        return variable

    def make_numpy(self, name: str, value: Any, type: str) -> Any:
        return getattr(np, type)(value)

    def make_weights(self, name: str, form: str = "random", dtype: str = "float32") -> Any:
        if form == "list":
            return [float(weight) for weight in data.batch_weights(self.case, 0, form)]
        size = None if 0 in cases.get(self.case, "dynamic") else len(data.batch_weights(self.case, 0, form))
        shape = [size, 1] if form == "matrix" else [size]
        numpy_dtype = "float32" if dtype == "bfloat16" else dtype

        def values(index: int) -> np.ndarray:
            return data.batch_weights(self.case, index, form).astype(numpy_dtype)

        return self.placeholder(dtype, shape, values, "batch_weights")

    def _per_step(self, values: List[Any], dtype: str) -> Values:
        return lambda index: np.asarray(values[min(index, len(values) - 1)], dtype=dtype)

    # Collections and scopes

    def make_update_ops(self, name: str) -> Any:
        return self.tf.GraphKeys.UPDATE_OPS

    def make_key(self, name: str, value: str) -> Any:
        return getattr(self.tf.GraphKeys, value)

    def make_built(self, name: str, parts: List[str]) -> Any:
        """A string equal to what the parts spell, but no interned object."""
        return "".join(parts)

    def make_set(self, name: str, items: List[str]) -> Any:
        return set(items)

    def make_tuple(self, name: str, items: List[Any]) -> Any:
        return tuple(self._value(name, item) for item in items)

    def make_scope(self, name: str, scope: str) -> Any:
        with self.tf.variable_scope(scope) as captured:
            return captured

    def make_auto_reuse(self, name: str) -> Any:
        return self.tf.AUTO_REUSE

    # Functions

    def make_per_channel(self, name: str, start: float, step: float) -> Any:
        return self.tf.constant_initializer(data.per_channel(self.case, start, step))

    def make_fill(self, name: str, value: float) -> Any:
        return self.tf.constant_initializer(value)

    def make_l2(self, name: str, weight: float) -> Any:
        tf = self.tf
        return lambda parameter: weight * tf.cast(tf.reduce_sum(tf.square(parameter)), "float32")

    def make_clip(self, name: str, low: float, high: float) -> Any:
        """A constraint."""
        return lambda parameter: self.tf.clip_by_value(parameter, low, high)

    def make_initializer(self, name: str, function: str) -> Any:
        """The class of an initializer, in place of an instance."""
        return getattr(self.tf, function + "_initializer")

    def make_activation(self, name: str, function: str) -> Any:
        return getattr(self.tf.nn, function)

    def make_halve(self, name: str) -> Any:
        """An activation that rounds in no dtype and has no kink, at which a rounding would decide a gradient."""
        return lambda outputs: outputs * 0.5

    def make_adjustment(self, name: str, form: str = "channel") -> Any:
        """A function that returns a scale and an offset made of two trainable variables."""
        tf, count = self.tf, data.channels(self.case)
        dtype = cases.get(self.case, "dtype")
        dtype = PARAMETER_DTYPE.get(dtype, dtype)
        rank = len(cases.get(self.case, "shape"))
        size = dict(zip(functions.channel_axes(self.case), data.channel_sizes(self.case)))

        def made(name: str, low: float, step: float) -> Any:
            initializer = tf.constant_initializer(data.per_channel(self.case, low, step))
            return tf.get_variable(f"adjustment_{name}", [count], dtype, initializer)

        scale, offset = made("scale", 0.8, 0.2), made("offset", -0.3, 0.4)
        broadcast = [size.get(axis, 1) for axis in range(rank)]

        def adjustment(shape: Any) -> Any:
            if form == "variables":
                return scale, offset
            if form == "channel":
                last = list(size) == [rank - 1]
                pair = (scale, offset) if last else (tf.reshape(v, broadcast) for v in (scale, offset))
                return tuple(tf.identity(item) for item in pair)
            example = tf.cast(tf.range(shape[0]), dtype) * 0.25 + 0.5
            example = tf.reshape(example, tf.stack([shape[0]] + [1] * (rank - 1)))
            return tf.reshape(scale, broadcast) * example, tf.reshape(offset, broadcast) * example

        return adjustment

    def make_function(self, name: str, function: str, **bound: Any) -> Any:
        """One of the functions of the side, perhaps with arguments bound to it."""
        found = self.functions[function]
        return functools.partial(found, **self.arguments(bound)) if bound else found

    def make_made(self, name: str, function: str, **given: Any) -> Any:
        """What one of the functions of the side makes, such as a regularizer."""
        return self.functions[function](**self.arguments(given))

    def make_drawn(self, name: str, seed: int, low: float, high: float) -> Any:
        """An initializer whose values depend on the shape alone."""

        def initializer(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
            sizes = [int(size) for size in shape]
            values = np.random.RandomState(1009 * seed + 31 * sum(sizes) + len(sizes)).uniform(low, high, sizes)
            return self.tf.constant(values, dtype=dtype or self.tf.float32)

        return initializer

    # What is no value of an argument at all

    def make_object(self, name: str) -> Any:
        return object()
