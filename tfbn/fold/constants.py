"""The values in a frozen graph that depend on no input, computed in float64 without running the graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.graphdef.dataflow import Node, Tensor

SHAPES = ("Shape", "ShapeN", "Size", "Rank")


class Constants:
    """What is known of a graph's tensors. `shapes` gives those of tensors whose shape ops may be computed as well."""

    def __init__(self, shapes: Mapping[Tensor, tuple[int, ...]] | None = None) -> None:
        self._shapes = shapes or {}
        self._found: dict[Tensor, np.ndarray | None] = {}

    def value(self, tensor: Tensor) -> np.ndarray | None:
        """The value, floating ones in float64; None where it depends on an input or on an op not known here."""
        if tensor not in self._found:
            self._found[tensor] = self._compute(*tensor)
        return self._found[tensor]

    def _compute(self, node: Node, index: int) -> np.ndarray | None:
        if node.type == "Const":
            return _wide(tf.make_ndarray(node.attr["value"].tensor))
        if node.type == "Shape" and node.inputs[0] in self._shapes:
            return np.array(self._shapes[node.inputs[0]])
        if index or node.type not in _COMPUTED:
            return None
        inputs = []
        for each in node.inputs:
            value = self.value(each)
            if value is None:
                return None
            inputs.append(value)
        return np.asarray(_COMPUTED[node.type](node, *inputs))


def _wide(value: np.ndarray) -> np.ndarray:
    # NumPy knows the floating dtypes of ml_dtypes, such as bfloat16, as kind V.
    return value.astype(np.float64) if value.dtype.kind in "fV" else value


def _cast(node: Node, value: np.ndarray) -> np.ndarray:
    dtype = tf.as_dtype(node.attr["DstT"].type)
    return value.astype(np.float64 if dtype.is_floating else dtype.as_numpy_dtype)


def _strided_slice(
    node: Node, value: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray
) -> np.ndarray:
    """Of a vector, as shapes are."""
    first = None if node.attr["begin_mask"].i & 1 else int(begin[0])
    last = None if node.attr["end_mask"].i & 1 else int(end[0])
    if node.attr["shrink_axis_mask"].i & 1:
        return value[int(begin[0])]
    return value[first : last : int(strides[0])]


def squeezed(node: Node, value: np.ndarray) -> np.ndarray:
    """What Squeeze does."""
    axes = tuple(node.attr["squeeze_dims"].list.i)
    return np.squeeze(value, axes or None)


_COMPUTED: dict[str, Callable[..., Any]] = {
    "Identity": lambda node, x: x,
    "Snapshot": lambda node, x: x,
    "StopGradient": lambda node, x: x,
    "Cast": _cast,
    "Neg": lambda node, x: -x,
    "Square": lambda node, x: x * x,
    "Sqrt": lambda node, x: np.sqrt(x),
    "Rsqrt": lambda node, x: 1 / np.sqrt(x),
    "Reciprocal": lambda node, x: 1 / x,
    "Inv": lambda node, x: 1 / x,
    "Add": lambda node, x, y: x + y,
    "AddV2": lambda node, x, y: x + y,
    "Sub": lambda node, x, y: x - y,
    "Mul": lambda node, x, y: x * y,
    "RealDiv": lambda node, x, y: x / y,
    "Div": lambda node, x, y: x / y if x.dtype.kind == "f" else x // y,
    "FloorDiv": lambda node, x, y: x // y,
    "Maximum": lambda node, x, y: np.maximum(x, y),
    "Minimum": lambda node, x, y: np.minimum(x, y),
    "Pow": lambda node, x, y: x**y,
    "Reshape": lambda node, x, shape: x.reshape(shape),
    "ExpandDims": lambda node, x, axis: np.expand_dims(x, int(axis)),
    "Squeeze": squeezed,
    "Transpose": lambda node, x, perm: np.transpose(x, perm),
    "BroadcastTo": lambda node, x, shape: np.broadcast_to(x, shape),
    "Fill": lambda node, shape, x: np.full(shape, x),
    "Pack": lambda node, *values: np.stack(values, node.attr["axis"].i),
    "ConcatV2": lambda node, *values: np.concatenate(values[:-1], int(values[-1])),
    "Prod": lambda node, x, axes: np.prod(x, tuple(np.atleast_1d(axes)), keepdims=node.attr["keep_dims"].b),
    "StridedSlice": _strided_slice,
}
