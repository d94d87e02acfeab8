"""Where the channels are: data_format -> channel axis, reduction axes, broadcast shape and 4-D view."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

DATA_FORMATS = ("NHWC", "NCHW")


class Layout(NamedTuple):
    """How the channels lie in a tensor of known rank."""

    rank: int
    axis: int  # of the channels, counted from the left
    channels: int
    data_format: str

    @property
    def reduction_axes(self) -> list[int]:
        """Every axis but the channels': what the statistics are taken over."""
        return [axis for axis in range(self.rank) if axis != self.axis]

    def broadcast(self, per_channel: tf.Tensor) -> tf.Tensor:
        """A tensor of shape [C], shaped to multiply the inputs; trailing channels broadcast by themselves."""
        if self.axis == self.rank - 1:
            return per_channel
        shape = [1] * self.rank
        shape[self.axis] = self.channels
        return tf.reshape(per_channel, shape)

    def view_4d(self, inputs: tf.Tensor) -> tf.Tensor:
        """The inputs as the fused kernel takes them: rank 2 gets two spatial axes of one."""
        if self.rank == 4:
            return inputs
        shape = [-1, 1, 1, self.channels] if self.data_format == "NHWC" else [-1, self.channels, 1, 1]
        return tf.reshape(inputs, shape)

    def restore(self, outputs: tf.Tensor, inputs: tf.Tensor) -> tf.Tensor:
        """Undoes `view_4d`."""
        if self.rank == 4:
            return outputs
        return tf.reshape(outputs, tf.shape(inputs))


def layout_of(inputs: tf.Tensor, data_format: str) -> Layout:
    """The layout of `inputs`, whose rank and channels must be known and whose rank must hold the channel axis."""
    rank = inputs.shape.rank
    axis = rank - 1 if data_format == "NHWC" else 1
    return Layout(rank, axis, inputs.shape.as_list()[axis], data_format)
