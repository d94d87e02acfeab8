"""The layout of channels: their axes, the reduced axes, broadcasting of parameters, the 4-D view, virtual batches."""

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
    flat: bool = True  # whether a parameter has the shape [C]; else it has the inputs' rank, and 1 in all other axes

    @property
    def channels(self) -> int:
        return math.prod(self.sizes)

    @property
    def pooled(self) -> Layout:
        """The layout of the same inputs without the axis that counts the virtual batches."""
        if self.virtual_batch_size is None:
            return self
        axes = tuple(axis - 1 for axis in self.axes)
        return Layout(self.rank - 1, axes, self.sizes, self.data_format, flat=len(axes) == 1)

    @property
    def flat_statistics(self) -> bool:
        """Whether the batch's statistics have the shape [C]: virtual batches add an axis."""
        return self.flat and self.virtual_batch_size is None

    @property
    def param_shape(self) -> list[int]:
        if self.flat:
            return list(self.sizes)
        size = dict(zip(self.axes, self.sizes))
        return [size.get(axis, 1) for axis in range(self.rank)]

    @property
    def reduction_axes(self) -> list[int]:
        """The axes that statistics are taken over: all except the channels' and the one that counts virtual batches."""
        kept = {*self.axes} if self.virtual_batch_size is None else {*self.axes, 1}
        return [axis for axis in range(self.rank) if axis not in kept]

    def broadcast(self, parameter: tf.Tensor) -> tf.Tensor:
        """A parameter, shaped to multiply the inputs; where the channels come last it broadcasts by itself."""
        if not self.flat or parameter.shape.rank == self.rank or self.axes[0] == self.rank - 1:
            return parameter
        shape = [1] * self.rank
        shape[self.axes[0]] = self.channels
        return tf.reshape(parameter, shape)

    def _samples_and_positions(self, inputs: tf.Tensor) -> tuple[int | tf.Tensor, int]:
        # oneDNN is a fifth slower on many samples of one position each; and it adds up sample by sample, so that
        # samples of many positions round less.
        if self.rank == 2:
            samples = inputs.shape.as_list()[0]
            return -1, 1 if not samples else max(size for size in range(1, 65) if samples % size == 0)
        positions = inputs.shape[1:-1].num_elements()
        return (tf.shape(inputs)[0], -1) if positions is None else (-1, positions)

    def align_right(self, values: tf.Tensor) -> tf.Tensor:
        """Values that broadcast from the right; a vector that would be taken for one of channels gets all axes."""
        if values.shape.rank != 1 or self.axes[-1] == self.rank - 1:
            return values
        return tf.reshape(values, [1] * (self.rank - 1) + [-1])

    def align_left(self, values: tf.Tensor) -> tf.Tensor:
        """Values along the inputs' axes from the left, without the channels', shaped to broadcast against them."""
        rank = values.shape.rank
        if rank == self.rank:
            return values
        sizes = tf.unstack(tf.shape(values)) + [1] * (self.rank - rank)
        if self.axes[0] < rank:
            sizes.insert(self.axes[0], sizes.pop())
        return tf.reshape(values, sizes)

    def broadcast_to_samples(self, values: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """The values, one for each sample of axis 0 if virtual batches will divide it."""
        if self.virtual_batch_size is None:
            return values
        return tf.broadcast_to(values, tf.concat([tf.shape(inputs)[:1], tf.shape(values)[1:]], 0))

    @property
    def fusible(self) -> bool:
        """Whether the inputs can be viewed as the tensor of rank 4 that the fused kernel takes."""
        return self.flat_statistics and self.rank > 1 and self.axes[0] in (1, self.rank - 1)

    @property
    def fused_format(self) -> str:
        """The data format of the 4-D view."""
        last = self.axes[0] == self.rank - 1 and not (self.rank == 2 and self.data_format == "NCHW")
        return "NHWC" if last else "NCHW"

    def view_4d(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs as the fused kernel takes them: axes that the statistics are taken over become one."""
        if self.rank == 4:
            return inputs
        if self.fused_format == "NHWC":
            return tf.reshape(inputs, [*self._samples_and_positions(inputs), 1, self.channels])
        if self.rank == 2:
            return tf.reshape(inputs, [-1, self.channels, 1, 1])
        return tf.reshape(inputs, tf.concat([tf.shape(inputs)[:2], [-1, 1]], 0))

    def view_4d_shares(self, shares: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Shares that broadcast against the inputs, with channels last, reshaped to broadcast against the 4-D view."""
        if self.rank == 4:
            return shares
        sizes = tf.unstack(tf.shape(inputs))
        sizes[self.axes[0]] = 1
        return tf.reshape(tf.broadcast_to(shares, sizes), [*self._samples_and_positions(inputs), 1, 1])

    def restore(self, outputs: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Undoes `view_4d` and `view_virtual`."""
        if outputs.shape.rank == inputs.shape.rank:
            return outputs
        # In a chain of layers TensorFlow would search all that precedes a Shape op for constants, at each Reshape.
        sizes = [-1 if size is None else size for size in inputs.shape.as_list()]
        static = sizes.count(-1) <= 1 and 0 not in sizes
        return tf.reshape(outputs, sizes if static else tf.shape(inputs))

    def view_virtual(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs with axis 0 split into samples of a virtual batch and virtual batches: [size, N / size, ...]."""
        if self.virtual_batch_size is None:
            return inputs
        shape = tf.shape(inputs)
        with tf.control_dependencies([] if inputs.shape.as_list()[0] is not None else [self.assert_divides(shape[0])]):
            return tf.reshape(inputs, tf.concat([[self.virtual_batch_size, -1], shape[1:]], 0))

    def leaves_remainder(self, shape: tf.TensorShape) -> bool:
        """Whether it is known that virtual batches do not divide inputs of this shape."""
        size = shape.as_list()[0]
        return self.virtual_batch_size is not None and size is not None and size % self.virtual_batch_size != 0

    def assert_divides(self, batch_size: tf.Tensor) -> tf.Operation:
        """Fails a run with a batch that virtual batches do not divide."""
        message = (
            f"virtual_batch_size: expected a divisor of the batch size, got {self.virtual_batch_size}. Drop the "
            "remainder of the batch, or choose another size."
        )
        return tf.debugging.Assert(tf.equal(batch_size % self.virtual_batch_size, 0), [message, batch_size])


def layout_of(
    shape: tf.TensorShape,
    axes: Sequence[int],
    data_format: str = "NHWC",
    virtual_batch_size: int | None = None,
    flat: bool = True,
) -> Layout:
    """The layout of inputs of this shape, whose rank and whose sizes along `axes` must be known.

    `flat` asks for parameters of the shape [C], which several axes never have.
    """
    shape = shape.as_list()
    sizes = tuple(shape[axis] for axis in axes)
    shift = 0 if virtual_batch_size is None else 1
    axes = tuple(axis + shift for axis in axes)
    return Layout(len(shape) + shift, axes, sizes, data_format, virtual_batch_size, flat and len(axes) == 1)
