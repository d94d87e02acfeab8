"""Ops computed by NumPy, and the values in a graph that depend on no input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.dataflow import Node, Tensor

SHAPES = ("Shape", "ShapeN", "Size", "Rank")


def can_compute(type: str) -> bool:
    """Whether `compute` knows ops of this type."""
    return type in _COMPUTED


def compute(type: str, attr: Any, *inputs: Any) -> np.ndarray:
    """The first output of an op, from its attributes and the values of its inputs."""
    return np.asarray(_COMPUTED[type](attr, *inputs))


class Constants:
    """The known values of a graph's tensors, floating ones in float64.

    `shapes` has the shapes of tensors, so that ops Shape of these can be computed too.
    """

    def __init__(self, shapes: Mapping[Tensor, tuple[int, ...]] | None = None) -> None:
        self._shapes = shapes or {}
        self._values: dict[Tensor, np.ndarray | None] = {}

    def value(self, tensor: Tensor) -> np.ndarray | None:
        """The value; None where it depends on an input, or on an op that is not known here."""
        if tensor not in self._values:
            self._values[tensor] = self._compute(*tensor)
        return self._values[tensor]

    def _compute(self, node: Node, index: int) -> np.ndarray | None:
        if node.type == "Const":
            return _wide(tf.make_ndarray(node.attr["value"].tensor))
        if node.type == "Shape" and node.inputs[0] in self._shapes:
            return np.array(self._shapes[node.inputs[0]])
        if index or not can_compute(node.type) or ("batch_dims" in node.attr and node.attr["batch_dims"].i):
            return None
        inputs = []
        for tensor in node.inputs:
            value = self.value(tensor)
            if value is None:
                return None
            inputs.append(value)
        if node.type == "Cast" and tf.as_dtype(node.attr["DstT"].type).is_floating:
            return inputs[0].astype(np.float64)
        return compute(node.type, node.attr, *inputs)


def _wide(value: np.ndarray) -> np.ndarray:
    # NumPy knows the floating dtypes of ml_dtypes, such as bfloat16, as kind V.
    return value.astype(np.float64) if value.dtype.kind in "fV" else value


def _cast(attr: Any, value: Any) -> np.ndarray:
    return np.asarray(value).astype(tf.as_dtype(attr["DstT"].type).as_numpy_dtype)


def _strided_slice(attr: Any, value: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> np.ndarray:
    masks = {name: attr[f"{name}_mask"].i for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    index: list[Any] = []
    for place, (first, last, stride) in enumerate(zip(begin, end, strides)):
        masked = {name for name, mask in masks.items() if mask >> place & 1}
        if "ellipsis" in masked:
            index.append(Ellipsis)
        elif "new_axis" in masked:
            index.append(np.newaxis)
        elif "shrink_axis" in masked:
            index.append(int(first))
        else:
            index.append(
                slice(None if "begin" in masked else int(first), None if "end" in masked else int(last), int(stride))
            )
    return value[tuple(index)]


def squeeze(attr: Any, value: np.ndarray) -> np.ndarray:
    """The op Squeeze."""
    axes = tuple(attr["squeeze_dims"].list.i)
    return np.squeeze(value, axes or None)


_COMPUTED: dict[str, Callable[..., Any]] = {
    "Identity": lambda attr, x: x,
    "RefIdentity": lambda attr, x: x,
    "Snapshot": lambda attr, x: x,
    "StopGradient": lambda attr, x: x,
    "PreventGradient": lambda attr, x: x,
    "LogicalNot": lambda attr, x: np.logical_not(x),
    "LogicalAnd": lambda attr, x, y: np.logical_and(x, y),
    "LogicalOr": lambda attr, x, y: np.logical_or(x, y),
    "Equal": lambda attr, x, y: np.equal(x, y),
    "NotEqual": lambda attr, x, y: np.not_equal(x, y),
    "Greater": lambda attr, x, y: np.greater(x, y),
    "GreaterEqual": lambda attr, x, y: np.greater_equal(x, y),
    "Less": lambda attr, x, y: np.less(x, y),
    "LessEqual": lambda attr, x, y: np.less_equal(x, y),
    "Cast": _cast,
    "Neg": lambda attr, x: -x,
    "Square": lambda attr, x: x * x,
    "Sqrt": lambda attr, x: np.sqrt(x),
    "Rsqrt": lambda attr, x: 1 / np.sqrt(x),
    "Reciprocal": lambda attr, x: 1 / x,
    "Inv": lambda attr, x: 1 / x,
    "Add": lambda attr, x, y: x + y,
    "AddV2": lambda attr, x, y: x + y,
    "Sub": lambda attr, x, y: x - y,
    "Mul": lambda attr, x, y: x * y,
    "RealDiv": lambda attr, x, y: x / y,
    "Div": lambda attr, x, y: x / y if x.dtype.kind == "f" else x // y,
    "FloorDiv": lambda attr, x, y: x // y,
    "DivNoNan": lambda attr, x, y: np.divide(x, y, out=np.zeros(np.broadcast(x, y).shape), where=np.not_equal(y, 0)),
    "MulNoNan": lambda attr, x, y: np.where(np.equal(y, 0), 0, x * y),
    "SquaredDifference": lambda attr, x, y: (x - y) ** 2,
    "AddN": lambda attr, *values: sum(values),
    "Abs": lambda attr, x: np.abs(x),
    "Exp": lambda attr, x: np.exp(x),
    "Expm1": lambda attr, x: np.expm1(x),
    "Log": lambda attr, x: np.log(x),
    "Log1p": lambda attr, x: np.log1p(x),
    "Sigmoid": lambda attr, x: 1 / (1 + np.exp(-x)),
    "Softplus": lambda attr, x: np.logaddexp(x, 0),
    "Tanh": lambda attr, x: np.tanh(x),
    "Relu": lambda attr, x: np.maximum(x, 0),
    "Floor": lambda attr, x: np.floor(x),
    "Ceil": lambda attr, x: np.ceil(x),
    "Round": lambda attr, x: np.round(x),
    "Maximum": lambda attr, x, y: np.maximum(x, y),
    "Minimum": lambda attr, x, y: np.minimum(x, y),
    "Pow": lambda attr, x, y: x**y,
    "Reshape": lambda attr, x, shape: x.reshape(shape),
    "ExpandDims": lambda attr, x, axis: np.expand_dims(x, int(axis)),
    "Squeeze": squeeze,
    "Transpose": lambda attr, x, perm: np.transpose(x, perm),
    "BroadcastTo": lambda attr, x, shape: np.broadcast_to(x, shape),
    "Fill": lambda attr, shape, x: np.full(shape, x),
    "Pack": lambda attr, *values: np.stack(values, attr["axis"].i),
    "GatherV2": lambda attr, x, indices, axis: np.take(x, indices, int(axis)),
    "ConcatV2": lambda attr, *values: np.concatenate(values[:-1], int(values[-1])),
    "Prod": lambda attr, x, axes: np.prod(x, tuple(np.atleast_1d(axes)), keepdims=attr["keep_dims"].b),
    "StridedSlice": _strided_slice,
}
