"""Pooling over one to three spatial axes, and contrib's functions for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import tf_layer
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.layers import sizes

_nn = tf.compat.v1.nn
# By the number of spatial axes. One axis uses the ops for images, with images one pixel wide.
MAX = {1: _nn.max_pool, 2: _nn.max_pool, 3: _nn.max_pool3d}
AVERAGE = {1: _nn.avg_pool, 2: _nn.avg_pool, 3: _nn.avg_pool3d}


class Window(NamedTuple):
    """The arguments of a pooling window."""

    size: Any
    strides: Any
    padding: Any
    data_format: Any


class Pooling(tf_layer.Layer):
    """Applies a pooling op of tf.compat.v1.nn; of any dtype that it takes."""

    floating_only = False

    def __init__(self, ops: Mapping[int, Callable], rank: int, window: Window, order: str, **common: Any) -> None:
        self.op = ops[rank]
        self.pool_size = sizes.check_ints("pool_size", window.size, rank)
        self.strides = sizes.check_ints("strides", window.strides, rank)
        self.padding = sizes.check_padding(window.padding)
        self.order = order
        super().__init__(**common)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        rank = len(self.pool_size)
        sizes.check_rank(self.name, inputs.shape, rank + 2)
        sizes.check_window(inputs.shape, self.order, self.pool_size, self.padding, self.strides, (1,) * rank)
        if rank == 2:
            return self._pool(inputs, self.order)
        if rank == 1:
            axis = 3 if self.order == sizes.CHANNELS_FIRST else 2
            return tf.squeeze(self._pool_channels_last(tf.expand_dims(inputs, axis), (1,)), axis)
        return self._pool_channels_last(inputs)

    def _pool_channels_last(self, inputs: tf.Tensor, further: tuple[int, ...] = ()) -> tf.Tensor:
        """Pools with the channels last: CPUs have no kernel for channels first, so those are transposed and back."""
        if self.order == sizes.CHANNELS_LAST:
            return self._pool(inputs, self.order, further)
        axes = range(2, inputs.shape.rank)
        outputs = self._pool(tf.transpose(inputs, [0, *axes, 1]), sizes.CHANNELS_LAST, further)
        return tf.transpose(outputs, [0, axes[-1], *range(1, axes[-1])])

    def _pool(self, inputs: tf.Tensor, order: str, further: tuple[int, ...] = ()) -> tf.Tensor:
        """Applies the op; `further` has the window and stride of each added axis."""
        return self.op(
            inputs,
            sizes.with_batch_and_channels(order, [*self.pool_size, *further]),
            sizes.with_batch_and_channels(order, [*self.strides, *further]),
            self.padding,
            data_format=sizes.tensorflow_format(order, len(self.pool_size) + len(further)),
        )


@add_arg_scope
def max_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> tf.Tensor:
    """The maximum of each window, as tf.contrib.layers.max_pool2d of TensorFlow 1.15 gives it.

    Usable under `arg_scope`.

    Args:
      inputs: tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'NCHW'.
      kernel_size: int, or (height, width).
      stride: int, or (height, width). Default 2.
      padding: 'VALID' or 'SAME'.
      data_format: 'NHWC' or 'NCHW'.
      outputs_collections: collections that get the outputs, with the scope's name in `aliases`.
      scope: name scope of the ops. Default 'MaxPool2D'.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError: another rank; sizes, padding or data_format that make no window.
      RuntimeError: eager execution.

    Example:
      >>> with tf.Graph().as_default():
      ...     max_pool2d(tf.zeros([2, 8, 8, 3]), 2, scope="pool1")
      <tf.Tensor 'pool1/MaxPool:0' shape=(2, 4, 4, 3) dtype=float32>
    """
    window = Window(kernel_size, stride, padding, data_format)
    return _pool("MaxPool2D", MAX, 2, inputs, window, outputs_collections, scope)


@add_arg_scope
def avg_pool2d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> tf.Tensor:
    """The mean of each window, as tf.contrib.layers.avg_pool2d of TensorFlow 1.15 gives it.

    Usable under `arg_scope`. With padding 'SAME' the padding does not count in the mean.

    Args:
      inputs: floating tensor of shape [N, H, W, C], or [N, C, H, W] with data_format 'NCHW'.
      scope: name scope of the ops. Default 'AvgPool2D'.
      kernel_size, stride, padding, data_format, outputs_collections: as in `max_pool2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pool2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     avg_pool2d(tf.zeros([2, 8, 8, 3]), [8, 8], scope="pool2")
      <tf.Tensor 'pool2/AvgPool:0' shape=(2, 1, 1, 3) dtype=float32>
    """
    window = Window(kernel_size, stride, padding, data_format)
    return _pool("AvgPool2D", AVERAGE, 2, inputs, window, outputs_collections, scope)


@add_arg_scope
def max_pool3d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NDHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> tf.Tensor:
    """The maximum of each window of volumes, as tf.contrib.layers.max_pool3d of TensorFlow 1.15 gives it.

    Usable under `arg_scope`.

    Args:
      inputs: floating tensor of shape [N, D, H, W, C], or [N, C, D, H, W] with data_format 'NCDHW'.
      kernel_size: int, or (depth, height, width).
      stride: int, or (depth, height, width). Default 2.
      data_format: 'NDHWC' or 'NCDHW'.
      scope: name scope of the ops. Default 'MaxPool3D'.
      padding, outputs_collections: as in `max_pool2d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pool2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     max_pool3d(tf.zeros([2, 4, 8, 8, 3]), 2, scope="pool1")
      <tf.Tensor 'pool1/MaxPool3D:0' shape=(2, 2, 4, 4, 3) dtype=float32>
    """
    window = Window(kernel_size, stride, padding, data_format)
    return _pool("MaxPool3D", MAX, 3, inputs, window, outputs_collections, scope)


@add_arg_scope
def avg_pool3d(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 2,
    padding: str = "VALID",
    data_format: str = "NDHWC",
    outputs_collections: Any = None,
    scope: Any = None,
) -> tf.Tensor:
    """The mean of each window of volumes, as tf.contrib.layers.avg_pool3d of TensorFlow 1.15 gives it.

    Usable under `arg_scope`. With padding 'SAME' the padding does not count in the mean.

    Args:
      scope: name scope of the ops. Default 'AvgPool3D'.
      inputs, kernel_size, stride, padding, data_format, outputs_collections: as in `max_pool3d`.

    Returns:
      A tensor of the inputs' dtype and layout.

    Raises:
      ValueError, RuntimeError: as `max_pool2d`.

    Example:
      >>> with tf.Graph().as_default():
      ...     avg_pool3d(tf.zeros([2, 4, 8, 8, 3]), 2, scope="pool2")
      <tf.Tensor 'pool2/AvgPool3D:0' shape=(2, 2, 4, 4, 3) dtype=float32>
    """
    window = Window(kernel_size, stride, padding, data_format)
    return _pool("AvgPool3D", AVERAGE, 3, inputs, window, outputs_collections, scope)


def _pool(
    default: str,
    ops: Mapping[int, Callable],
    rank: int,
    inputs: Any,
    window: Window,
    outputs_collections: Any,
    scope: Any,
) -> tf.Tensor:
    checks.check_graph(tf_layer.snake_case(default))
    checks.check_collections(outputs_collections=outputs_collections)
    sizes.check_contrib_format(window.data_format, rank)
    with tf.compat.v1.name_scope(scope, default, [inputs]) as name_scope:
        layer = Pooling(ops, rank, window, sizes.channels_order(window.data_format), _scope=name_scope)
        return collect_named_outputs(outputs_collections, name_scope, layer(inputs))
