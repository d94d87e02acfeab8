"""Pooling of images, and contrib's `max_pool2d` and `avg_pool2d`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfbn.arguments import checks
from tfbn.graph import tf_layer
from tfbn.graph.arg_scope import add_arg_scope
from tfbn.graph.named_outputs import collect_named_outputs
from tfbn.layers import sizes

MAX, AVERAGE = tf.compat.v1.nn.max_pool, tf.compat.v1.nn.avg_pool


class Window(NamedTuple):
    """The arguments of a pooling window."""

    size: Any
    strides: Any
    padding: Any
    data_format: Any


class Pooling(tf_layer.Layer):
    """Applies a pooling op of tf.compat.v1.nn; of any dtype that it takes."""

    floating_only = False

    def __init__(self, op: Callable, window: Window, order: str, **common: Any) -> None:
        self.op = op
        self.pool_size = sizes.check_ints("pool_size", window.size, 2)
        self.strides = sizes.check_ints("strides", window.strides, 2)
        self.padding = sizes.check_padding(window.padding)
        self.order = order
        super().__init__(**common)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """The outputs."""
        sizes.check_rank(self.name, inputs.shape, 4)
        sizes.check_window(inputs.shape, self.order, self.pool_size, self.padding, self.strides, (1, 1))
        return self.op(
            inputs,
            sizes.with_batch_and_channels(self.order, self.pool_size),
            sizes.with_batch_and_channels(self.order, self.strides),
            self.padding,
            data_format=sizes.tensorflow_format(self.order, 2),
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
    return _pool("max_pool2d", "MaxPool2D", MAX, inputs, window, outputs_collections, scope)


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
    return _pool("avg_pool2d", "AvgPool2D", AVERAGE, inputs, window, outputs_collections, scope)


def _pool(
    caller: str,
    default: str,
    op: Callable,
    inputs: Any,
    window: Window,
    outputs_collections: Any,
    scope: Any,
) -> tf.Tensor:
    checks.check_graph(caller)
    checks.check_collections(outputs_collections=outputs_collections)
    sizes.check_contrib_format(window.data_format)
    with tf.compat.v1.name_scope(scope, default, [inputs]) as name_scope:
        layer = Pooling(op, window, sizes.channels_order(window.data_format), _scope=name_scope)
        return collect_named_outputs(outputs_collections, name_scope, layer(inputs))
