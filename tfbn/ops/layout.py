"""Where the channels are: axes they take, axes reduced, how parameters broadcast, the 4-D view and virtual batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

DATA_FORMATS = ("NHWC", "NCHW")


class Layout(NamedTuple):
    """How the channels lie in a tensor of known rank: along one axis, or along several at once.

    With a virtual batch size, rank and axes are those of the view in which axis 1 counts the virtual batches.
    """

    rank: int
    axes: tuple[int, ...]  # of the channels, counted from the left
    sizes: tuple[int, ...]  # of those axes
    data_format: str  # for the fused kernel
    virtual_batch_size: int | None = None

    @property
    def channels(self) -> int:
        return math.prod(self.sizes)

    @property
    def flat(self) -> bool:
        """Whether a parameter has the shape [C]; else it has the inputs' rank, and 1 in all other axes."""
        return len(self.axes) == 1 and self.virtual_batch_size is None

    @property
    def param_shape(self) -> list[int]:
        if self.flat:
            return list(self.sizes)
        size = dict(zip(self.axes, self.sizes))
        return [size.get(axis, 1) for axis in range(self.rank)]

    @property
    def reduction_axes(self) -> list[int]:
        """What the statistics are taken over: every axis but the channels' and the one that counts virtual batches."""
        kept = {*self.axes} if self.virtual_batch_size is None else {*self.axes, 1}
        return [axis for axis in range(self.rank) if axis not in kept]

    def broadcast(self, parameter: tf.Tensor) -> tf.Tensor:
        """A parameter, shaped to multiply the inputs; where the channels come last it broadcasts by itself."""
        if not self.flat or self.axes[0] == self.rank - 1:
            return parameter
        shape = [1] * self.rank
        shape[self.axes[0]] = self.channels
        return tf.reshape(parameter, shape)

    def view_4d(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs as the fused kernel takes them: rank 2 gets two spatial axes of one."""
        if self.rank == 4:
            return inputs
        shape = [-1, 1, 1, self.channels] if self.data_format == "NHWC" else [-1, self.channels, 1, 1]
        return tf.reshape(inputs, shape)

    def restore(self, outputs: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Undoes `view_4d` and `view_virtual`."""
        if outputs.shape.rank == inputs.shape.rank:
            return outputs
        return tf.reshape(outputs, tf.shape(inputs))

    def view_virtual(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs with axis 0 split into samples of a virtual batch and virtual batches: [size, N / size, ...]."""
        if self.virtual_batch_size is None:
            return inputs
        return tf.reshape(inputs, tf.concat([[self.virtual_batch_size, -1], tf.shape(inputs)[1:]], 0))


def layout_of(
    shape: tf.TensorShape, axes: Sequence[int], data_format: str = "NHWC", virtual_batch_size: int | None = None
) -> Layout:
    """The layout of inputs of this shape, whose rank and whose sizes along `axes` must be known."""
    shape = shape.as_list()
    sizes = tuple(shape[axis] for axis in axes)
    shift = 0 if virtual_batch_size is None else 1
    return Layout(len(shape) + shift, tuple(axis + shift for axis in axes), sizes, data_format, virtual_batch_size)
