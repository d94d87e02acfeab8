"""Follows the channels of a layer through the tensors behind it.

Channels are followed by their numbers: an array of a tensor's shape that has, at each position, the number of its
channel. A constant that has one value for each number is a vector of the layer's channels, whatever its shape and
layout in the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfbn.fold import kernels
from tfbn.fold.frozen import Frozen
from tfbn.fold.inventory import AVERAGING, MAXIMA, PADDING
from tfbn.graphdef.constants import Constants, squeeze
from tfbn.graphdef.dataflow import Node, Tensor

SPLITTING = ("Split", "SplitV")
MAX_POSITIONS = 4_000_000  # to number; beyond that, sizes that do not matter are reduced to 2

_FLOATING = tuple(dtype.as_datatype_enum for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64))
_MOVED: dict[str, Callable[..., np.ndarray]] = {
    "Reshape": np.reshape,
    "Transpose": np.transpose,
    "ExpandDims": np.expand_dims,
}


class Channels:
    """The numbers in some tensors of a graph. All methods return None where the channels cannot be followed."""

    def __init__(self, frozen: Frozen, constants: Constants) -> None:
        self._frozen, self._constants = frozen, constants
        self._shapes: dict[Tensor, tuple[int, ...]] = {}

    def start(self, tensor: Tensor, axis: int, size: int) -> np.ndarray | None:
        """The numbers if they are the positions along one axis; unknown sizes are assumed to be 2."""
        shape = self._frozen.shape(tensor)
        return None if shape is None else self.note(tensor, _number(shape, axis, size))

    def move(self, node: Node, tensor: Tensor, numbers: np.ndarray) -> np.ndarray | None:
        """The numbers in the output of an op that mixes no channels: it rearranges, averages, pools or pads."""
        if node.inputs[0] != tensor:
            return None
        if node.type == "Squeeze":
            moved = _or_none(squeeze, node.attr, numbers)
        elif node.type == "DepthToSpace":
            moved = _or_none(_depth_to_space, node.attr, numbers)
        elif node.type == "BatchToSpaceND":
            moved = self._batch_to_space(node, numbers)
        elif node.type == "Mean":
            moved = self._average(node, numbers)
        elif node.type in (*AVERAGING, *MAXIMA):
            moved = self._pool(node, numbers)
        elif node.type in PADDING:
            moved = self._pad(node, numbers)
        elif node.type == "Cast":
            moved = numbers if all(node.attr[name].type in _FLOATING for name in ("SrcT", "DstT")) else None
        else:
            moved = self._rearrange(node, numbers)
        return self.note((node, 0), moved)

    def split(self, node: Node, tensor: Tensor, numbers: np.ndarray) -> list[np.ndarray] | None:
        """The numbers in the outputs of a split, each with separate channels."""
        place = 1 if node.type == "Split" else 0
        axis = self._constants.value(node.inputs[1 - place] if node.type == "Split" else node.inputs[2])
        sizes = None if node.type == "Split" else self._constants.value(node.inputs[1])
        if node.inputs[place] != tensor or axis is None or (node.type == "SplitV" and sizes is None):
            return None
        if sizes is None:
            parts = _or_none(np.split, numbers, node.attr["num_split"].i, int(axis))
        elif -1 in sizes:
            return None
        else:
            parts = _or_none(np.split, numbers, np.cumsum(sizes)[:-1], int(axis))
        if parts is None or sum(len(np.unique(part)) for part in parts) != len(np.unique(numbers)):
            return None
        for index, part in enumerate(parts):
            self.note((node, index), part)
        return list(parts)

    def join(self, node: Node, parts: Sequence[np.ndarray]) -> np.ndarray | None:
        """The numbers in a concatenation of tensors."""
        axis = self._constants.value(node.inputs[-1])
        return None if axis is None else self.note((node, 0), _or_none(np.concatenate, parts, int(axis)))

    def note(self, tensor: Tensor, numbers: np.ndarray | None) -> np.ndarray | None:
        """Records the shape of a tensor from its numbers, and returns these."""
        if numbers is not None:
            self._shapes[tensor] = numbers.shape
        return numbers

    def _rearrange(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        # The new shape may be computed from the shape of the input.
        how = Constants(self._shapes).value(node.inputs[1])
        if how is not None:
            moved = _or_none(_MOVED[node.type], numbers, tuple(how) if how.ndim else int(how))
            if moved is not None or node.type != "Reshape":
                return moved
        return self._reshape_to_unknown(node, numbers) if node.type == "Reshape" else None

    def _reshape_to_unknown(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        """The numbers after a reshape with unknown sizes, if the channels are last before and after."""
        shape = self._frozen.shape((node, 0))
        last = shape[-1] if shape else None
        size = int(numbers.max()) + 1
        if not shape or not last or size % last or numbers.shape[-1] != size or numbers.ndim < 2:
            return None
        if not np.array_equal(numbers.reshape(-1, size)[0], np.arange(size)):
            return None
        return numbers.reshape([-1, *[1] * (len(shape) - 2), last])

    def _batch_to_space(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        """As behind a dilated convolution: no position changes its channel, and the channels stay on their axis."""
        block, crops = (self._constants.value(tensor) for tensor in node.inputs[1:])
        shape, axis = self._frozen.shape((node, 0)), _axis_of(numbers)
        if block is None or crops is None or shape is None or axis is None or not axis:
            return None
        if axis <= len(block) and (block[axis - 1] != 1 or crops[axis - 1].any()):
            return None
        order = np.moveaxis(numbers, axis, -1).reshape(-1, numbers.shape[axis])[0]
        return order[_number(shape, axis, len(order))]

    def _average(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        axes = self._constants.value(node.inputs[1])
        if axes is None:
            return None
        over = tuple(int(axis) % numbers.ndim for axis in np.atleast_1d(axes))
        first = numbers[tuple(slice(1) if axis in over else slice(None) for axis in range(numbers.ndim))]
        if (numbers != first).any():
            return None
        return first if node.attr["keep_dims"].b else np.squeeze(first, over)

    def _pool(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        shape, axis = self._frozen.shape((node, 0)), _axis_of(numbers)
        if shape is None or axis is None or node.attr["ksize"].list.i[axis] != 1:
            return None
        order = np.moveaxis(numbers, axis, -1).reshape(-1, numbers.shape[axis])[0]
        return order[_number(shape, axis, len(order))]

    def _pad(self, node: Node, numbers: np.ndarray) -> np.ndarray | None:
        paddings, axis = self._constants.value(node.inputs[1]), _axis_of(numbers)
        if paddings is None or axis is None or paddings[axis].any():
            return None
        return np.pad(numbers, [(int(before), int(after)) for before, after in paddings], "edge")


def _number(shape: Sequence[int | None], axis: int, size: int) -> np.ndarray:
    sizes = [size if i == axis % len(shape) else known or 2 for i, known in enumerate(shape)]
    if math.prod(sizes) > MAX_POSITIONS:
        sizes = [size if i == axis % len(shape) else min(known, 2) for i, known in enumerate(sizes)]
    return np.broadcast_to(kernels.along(np.arange(size), axis, len(sizes)), sizes)


def _axis_of(numbers: np.ndarray) -> int | None:
    """The one axis along which the numbers differ; None where there are several, or none."""
    axes = [i for i in range(numbers.ndim) if (numbers != np.take(numbers, [0], i)).any()]
    return axes[0] if len(axes) == 1 else None


def find_obstacle(node: Node, slope: np.ndarray, offset: np.ndarray, constants: Constants, side: str) -> str:
    """Why a slope and an offset for each channel cannot move across an op, to the other `side`; '' where they can."""
    padded = constants.value(node.inputs[2]) if node.type == "PadV2" else np.zeros([])
    if padded is None or padded.any():
        return f"pads with a value, which would have to be another one {side} it"
    if node.type in ("Pad", "PadV2") and offset.any():
        return f"pads with zeros, which would have to be other values {side} it"
    if node.type in MAXIMA and not (slope > 0).all():
        return "takes maxima, which a factor below 0 makes minima"
    return ""


def by_number(value: np.ndarray, numbers: np.ndarray, size: int, other: float) -> np.ndarray | None:
    """The vector that has, for each channel's number, the value at all of its positions, and `other` elsewhere.

    None where the value differs between positions of a channel.
    """
    try:
        spread = np.broadcast_to(value, numbers.shape)
    except ValueError:  # it has more axes or positions
        return None
    vector = np.full(size, other)
    vector[numbers] = spread
    return vector if np.array_equal(vector[numbers], spread) else None


def _depth_to_space(attr: Any, numbers: np.ndarray) -> np.ndarray:
    block = attr["block_size"].i
    if "data_format" in attr and attr["data_format"].s not in (b"", b"NHWC"):
        n, depth, height, width = numbers.shape
        blocks = numbers.reshape(n, block, block, depth // block**2, height, width).transpose(0, 3, 4, 1, 5, 2)
        return blocks.reshape(n, -1, height * block, width * block)
    n, height, width, depth = numbers.shape
    blocks = numbers.reshape(n, height, width, block, block, depth // block**2).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, height * block, width * block, -1)


def _or_none(operation: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a NumPy function, or None if the shapes do not match."""
    try:
        return operation(*arguments)
    except ValueError:
        return None
